"""The words of evidence: what was kept back, contradictions, forks (see ``texts``); German and English."""

from __future__ import annotations

# fmt: off
EVIDENCE: dict[str, tuple[str, str]] = {
    # -- completeness --------------------------------------------------------------------------------------------------
    "count_journal": (
        "versiegelte Meldungen im Journal: {journal}; an dieses Gerät {total}, nachweislich nicht {absent}, von vor seiner "
        "Eintragung {earlier}; zurückgehalten {withheld}",
        "sealed alerts in the journal: {journal}; for this device {total}, proven not to be {absent}, from before its "
        "enrolment {earlier}; kept back {withheld}"),
    "kept_back_alert": (
        "zurückgehalten: Meldung {alert}, Fassung {version}, Journaleintrag {index} vom {when}, Kennzeichnung unbekannt",
        "kept back: alert {alert}, version {version}, journal entry {index} of {when}, label unknown"),
    "kept_back_grant": (
        "zurückgehalten: eine Weitergabe an dieses Gerät, Journaleintrag {index} vom {when}",
        "kept back: a grant for this device, journal entry {index} of {when}"),
    "kept_back_file": ("Beleg: {file}", "evidence: {file}"),
    "kept_back_before": (
        "früher zurückgehalten und inzwischen ausgehändigt: {number}; die Belege bleiben in {folder}",
        "kept back before and handed out since: {number}; the evidence stays in {folder}"),
    "hint_kept_back": (
        "rufen Sie die Partnerschaft auf anderem Weg an; die Belegdatei prüft jeder mit: exchange audit check-withheld",
        "call the partnership by another channel; anybody checks the file of evidence with: exchange audit check-withheld"),
    # -- exhibits ------------------------------------------------------------------------------------------------------
    "contradiction_alert": (
        "Meldung {alert}, Journaleintrag {index}, unterschrieben vom Gerät {author}",
        "alert {alert}, journal entry {index}, signed by the device {author}"),
    "contradiction_device": (
        "sie führt das Gerät {device} als eines ohne Schlüssel",
        "it lists the device {device} as one without key"),
    "contradiction_key": (
        "dessen Schlüssel für KW {week}/{year} steht aber in Journaleintrag {index}, unter den {seen}, die die Meldung als "
        "gesehen nennt",
        "yet that device's key for week {week} of {year} stands in journal entry {index}, among the {seen} that the alert "
        "names as seen"),
    "contradiction_proven": (
        "der Widerspruch ist bewiesen: Wer die Meldung unterschrieben hat, hat dieses Gerät übergangen",
        "the contradiction is proven: whoever signed the alert passed this device over"),
    "withheld_alert": (
        "bewiesen: Meldung {alert} steht als Eintrag {index} im Journal, angenommen am {when}",
        "proven: alert {alert} stands in the journal as entry {index}, accepted on {when}"),
    "withheld_claim": (
        "Angabe des Geräts {device} vom {when}, mit seiner Unterschrift: nicht ausgehändigt ({answer})",
        "the word of the device {device}, signed, of {when}: not handed out ({answer})"),
    "owed_unknown": (
        "ob die Meldung an dieses Gerät ging, zeigt ein ausgeleitetes Protokoll: --bundle ORDNER",
        "whether the alert was for this device, an auditor's export shows: --bundle DIR"),
    "owed_yes": (
        "bewiesen: Die Meldung hat ein Blatt für dieses Gerät, unter genau dieser Markierung; es stand ihm zu",
        "proven: the alert has a leaf for this device, under exactly this tag; it was owed"),
    "owed_no": (
        "die Meldung hat kein Blatt für dieses Gerät; es stand ihm nichts zu",
        "the alert has no leaf for this device; nothing was owed"),
    "owed_other_tag": (
        "die Meldung hat ein Blatt für dieses Gerät, aber unter einer anderen Markierung: Verfasser oder Gerät haben falsch "
        "gerechnet",
        "the alert has a leaf for this device, but under another tag: author or device computed it wrongly"),
    "code_exhibit-malformed": ("das ist keine Belegdatei", "this is not a file of evidence"),
    "code_exhibit-foreign": (
        "die Belegdatei gehört zu einer anderen Austauschplattform",
        "the file of evidence is about another exchange"),
    "code_exhibit-unproven": ("die Belegdatei beweist nichts: {detail}", "the file of evidence proves nothing: {detail}"),
}
"""Text key to (German, English)."""

HELP_EVIDENCE: dict[str, tuple[str, str]] = {
    "audit_check_contradiction": (
        "prüfen, ob eine Meldung ein Gerät mit Schlüssel als eines ohne führt",
        "check that an alert lists a device that had a key as one without"),
    "audit_check_withheld": (
        "prüfen, was ein Gerät über eine zurückgehaltene Meldung vorlegt",
        "check what a device shows of an alert that was kept back"),
    "arg_exhibit": ("Belegdatei eines Geräts", "a device's file of evidence"),
    "opt_bundle": ("ausgeleitete Protokolle, gegen die geprüft wird", "an auditor's export to check against"),
}
"""The same of the help texts."""
# fmt: on
