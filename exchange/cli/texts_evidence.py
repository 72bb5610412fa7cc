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
        "bewiesen: Die Meldung hat ein Blatt für dieses Gerät, unter genau dieser Marke; es stand ihm zu",
        "proven: the alert has a leaf for this device, under exactly this tag; it was owed"),
    "owed_no": (
        "die Meldung hat kein Blatt für dieses Gerät; es stand ihm nichts zu",
        "the alert has no leaf for this device; nothing was owed"),
    "owed_other_tag": (
        "die Meldung hat ein Blatt für dieses Gerät, aber unter einer anderen Marke: Verfasser oder Gerät haben falsch "
        "gerechnet",
        "the alert has a leaf for this device, but under another tag: author or device computed it wrongly"),
    # -- forks ---------------------------------------------------------------------------------------------------------
    "fork_met": (
        "die Austauschplattform hat zwei Verläufe gezeigt, die einander ausschließen ({log}); dieses Gerät fragt sie nichts mehr",
        "the exchange has shown two histories that exclude each other ({log}); this device asks it nothing any more"),
    "fork_none": ("es ist kein Widerspruch bekannt", "no fork is known"),
    "fork_offline": (
        "Achtung: Die Austauschplattform hat zwei Verläufe gezeigt; gezeigt wird, was vorher geprüft war",
        "caution: the exchange has shown two histories; this is what was verified before"),
    "fork_kept": (
        "hier gespeichert sind Journal {journal} und Teilnehmerliste {registry}; nur das, was diesen "
        "Verlauf fortsetzt, wird angenommen",
        "kept here are journal {journal} and registry {registry}; only what continues that history is accepted"),
    "ask_fork_forget": (
        "haben Sie mit einem anderen Mitglied am Telefon geklärt, dass dieser Verlauf der richtige ist?",
        "have you settled with another member by telephone that this history is the right one?"),
    "fork_forgotten": (
        "dieses Gerät fragt die Austauschplattform wieder; der Beweis bleibt: {file}",
        "this device asks the exchange again; the proof stays: {file}"),
    "hint_fork_call": (
        "rufen Sie ein anderes Mitglied oder die Prüfung der Partnerschaft an und vergleichen Sie, was exchange fork show nennt",
        "call another member or the partnership's auditor, and compare what exchange fork show names"),
    "hint_fork_send": (
        "senden Sie ihnen {file} auf anderem Weg; jeder prüft es ohne Netz: exchange audit check-fork",
        "send them {file} by another channel; anybody verifies it without a network: exchange audit check-fork"),
    "hint_fork_quiet": (
        "veröffentlichen und beantworten Sie bis dahin nichts über die Austauschplattform; Empfangenes bleibt mit --offline lesbar",
        "publish and answer nothing through the exchange till then; what was received stays readable with --offline"),
    "hint_fork_forget": (
        "ist der hier gespeicherte Verlauf der richtige: exchange fork forget; ist er es nicht, wird ein neues Gerät eingetragen",
        "if the history kept here is the right one: exchange fork forget; if it is not, a new device is enrolled"),
    "hint_seen": (
        "diese Austauschplattform hat einen anderen Verlauf als den, den sie diesem Gerät gezeigt hat: vergleichen Sie mit einem "
        "anderen Mitglied am Telefon",
        "this exchange has another history than the one it showed this device: compare with another member by telephone"),
    "fork_gossip": (
        "eine angenommene Erklärung nennt einen anderen Verlauf als diesen: {statement}, {log}, Größe {size}",
        "an accepted statement names another history than this one: {statement}, {log}, size {size}"),
    "fork_gossip_settled": (
        "Hinweise auf andere Verläufe als geklärt vermerkt: {number}",
        "alarms about other histories noted as settled: {number}"),
    "field_fork_log": ("Protokoll", "log"),
    "field_fork_at": ("bemerkt", "met"),
    "field_fork_first": ("erster Stand", "first head"),
    "field_fork_second": ("zweiter Stand", "second head"),
    "field_fork_file": ("Beweis", "proof"),
    "code_rolled-back": (
        "die Protokolle enden vor dem, was früher gezeigt wurde: ein alter Stand",
        "the logs end before what was shown earlier: an old state"),
    "code_not-continued": (
        "es ist nicht gezeigt, dass die Protokolle das früher Gezeigte fortsetzen",
        "the logs are not shown to continue what was shown before"),
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
    "fork": ("ein Widerspruch in den Protokollen, den dieses Gerät bewiesen hat", "a fork of the logs that this device has proven"),
    "fork_show": ("den Widerspruch zeigen, und was zu tun ist", "show it, and what to do"),
    "fork_forget": (
        "mit dem hier gespeicherten Verlauf weitermachen, wenn er der richtige ist",
        "go on with the history kept here, when it is the right one"),
    "arg_exhibit": ("Belegdatei eines Geräts", "a device's file of evidence"),
    "opt_bundle": ("ausgeleitete Protokolle, gegen die geprüft wird", "an auditor's export to check against"),
}
"""The same of the help texts."""
# fmt: on
