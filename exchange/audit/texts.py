"""The auditor's texts in German and English: the ten steps, and the codes that only this package gives.

The numbers are those of ``docs/spec/audit.md``; codes of roster, policy and alerts have their sentences in
``exchange.policy.explain``.  Text only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Language = Literal["de", "en"]

STEPS: dict[int, tuple[str, str]] = {
    1: (
        "Unterschriften der Prüfpunkte und Schlüssel der Gründung",
        "Signatures of the checkpoints, keys of the founding",
    ),
    2: ("Beide Bäume allein aus den Einträgen neu gebaut", "Both trees rebuilt from the entries alone"),
    3: ("Fortschreibung aller früheren Prüfpunkte", "Consistency with every older checkpoint"),
    4: ("Reihenfolge: Zeiten und Stände der Teilnehmerliste", "Order: times and registry sizes"),
    5: (
        "Jeder Eintrag hat seine Erklärung, jede Unterschrift stimmt",
        "Every entry has its statement, every signature holds",
    ),
    6: ("Teilnehmerliste nachvollzogen", "The registry replayed"),
    7: ("Wochenschlüssel der Geräte", "Weekly keys of the devices"),
    8: ("Jede Entscheidung neu berechnet, Vier-Augen-Prinzip", "Every decision recomputed, four eyes"),
    9: ("Empfangsbestätigungen und Angaben des Servers", "Receipts, and what the server claims"),
    10: ("Summen und Ausnahmen", "Counts and exceptions"),
}
"""Title of each step: (German, English)."""

CODES: dict[str, tuple[str, str]] = {
    "not-a-bundle": ("das ist kein Prüfpaket", "this is not an audit bundle"),
    "not-an-exchange-id": ("das ist keine Kennung einer Austauschplattform", "this is not an exchange id"),
    "bundle-exists": ("der Ordner ist schon da und anders", "the folder is there already and differs"),
    "export-inconsistent": ("die Einträge führen nicht zum Prüfpunkt", "the entries do not lead to the checkpoint"),
    "file-missing": ("eine Datei fehlt", "a file is missing"),
    "file-too-large": ("eine Datei ist zu groß", "a file is too large"),
    "file-unreadable": ("eine Datei ist nicht lesbar", "a file cannot be read"),
    "file-extra": ("eine Datei gehört nicht dazu", "a file does not belong"),
    "manifest-malformed": ("das Inhaltsverzeichnis ist nicht lesbar", "the manifest cannot be read"),
    "manifest-differs": ("das Inhaltsverzeichnis stimmt nicht", "the manifest does not agree with the contents"),
    "openings-malformed": ("die Namensangaben sind nicht lesbar", "the openings cannot be read"),
    "founding-unreadable": ("die Gründungserklärung ist nicht lesbar", "the founding statement cannot be read"),
    "founding-differs": ("das ist nicht die Gründungserklärung", "this is not the founding statement"),
    "other-exchange": ("gehört zu einer anderen Austauschplattform", "is of another exchange"),
    "registry-empty": ("die Gründung steht nicht in der Teilnehmerliste", "the founding is not in the registry"),
    "key-file-differs": ("ein Schlüssel ist nicht der aus der Gründung", "a key is not the founding's"),
    "checkpoint-invalid": ("ein Prüfpunkt ist nicht gültig unterschrieben", "a checkpoint is not validly signed"),
    "checkpoint-malformed": ("ein Prüfpunkt ist nicht lesbar", "a checkpoint cannot be read"),
    "checkpoint-foreign": ("ein Prüfpunkt ist von einem anderen Protokoll", "a checkpoint is of another log"),
    "signature-unnamed": ("eine Unterschrift ist von niemand Benanntem", "a signature is by nobody who was named"),
    "cosignature-invalid": ("die Unterschrift eines Zeugen stimmt nicht", "a witness's signature does not verify"),
    "not-witnessed": ("die Zeugen haben den letzten Stand nicht gesehen", "the witnesses have not seen the last state"),
    "witnesses-none": ("es ist kein Zeuge benannt", "no witness is named"),
    "witness-policy-differs": (
        "die Datei der Zeugen ist nicht, was aus der Teilnehmerliste folgt",
        "the witness policy is not what follows from the registry",
    ),
    "registry-unwitnessed": (
        "auf einer lange nicht bezeugten Teilnehmerliste erstellt",
        "prepared on a registry that was not witnessed lately",
    ),
    "entries-missing": ("Einträge fehlen", "entries are missing"),
    "entries-malformed": ("Einträge sind nicht lesbar", "entries cannot be read"),
    "entry-differs": ("ein Eintrag wurde verändert", "an entry was changed"),
    "entry-malformed": ("ein Eintrag ist nicht lesbar", "an entry cannot be read"),
    "entry-shape": ("ein Eintrag hat falsche Felder", "an entry has the wrong fields"),
    "entry-mismatch": ("Eintrag und Erklärung passen nicht zusammen", "entry and statement do not agree"),
    "tile-missing": ("eine Kachel fehlt", "a tile is missing"),
    "tile-differs": ("eine Kachel wurde verändert", "a tile was changed"),
    "root-differs": ("die Einträge führen zu einer anderen Wurzel", "the entries lead to another root"),
    "log-truncated": ("das Protokoll war schon länger", "the log was longer before"),
    "log-forked": ("das Protokoll wurde gespalten oder umgeschrieben", "the log forked or was rewritten"),
    "time-decreases": ("die Zeit läuft zurück", "time runs backwards"),
    "registry-decreases": ("der Stand der Teilnehmerliste geht zurück", "the registry's size decreases"),
    "registry-ahead": ("die Teilnehmerliste hier ist kürzer als genannt", "the registry here is shorter than named"),
    "registry-behind": (
        "eine frühere Änderung der Teilnehmerliste fehlt",
        "an earlier change of the registry is left out",
    ),
    "registry-root": ("eine andere Teilnehmerliste ist genannt", "another registry is named"),
    "statement-missing": ("eine Erklärung fehlt", "a statement is missing"),
    "retention-short": ("die genannte Aufbewahrung ist zu kurz", "the retention stated is too short"),
    "statement-malformed": ("eine Erklärung ist nicht lesbar", "a statement cannot be read"),
    "statement-differs": ("eine Erklärung wurde verändert", "a statement was changed"),
    "statement-extra": ("eine Erklärung steht in keinem Eintrag", "no entry names a statement"),
    "statement-twice": ("eine Erklärung wurde zweimal angenommen", "a statement was accepted twice"),
    "signatures-differ": ("es sind nicht die angenommenen Unterschriften", "the signatures are not those accepted"),
    "opening-mismatch": ("eine Namensangabe passt nicht zur Erklärung", "an opening does not match the statement"),
    "opening-kept": ("eine gelöschte Angabe liegt noch bei", "an erased opening is still there"),
    "opening-extra": ("eine Namensangabe gehört zu keiner Erklärung", "an opening belongs to no statement"),
    "journal-ahead": ("die Meldung nennt ein späteres Journal", "the alert names a later journal"),
    "seen-ahead": ("wer unterschrieb, nennt einen späteren Stand", "its issuer had seen a later state"),
    "seen-differs": ("wer unterschrieb, hatte einen anderen Verlauf gesehen", "its issuer had seen another history"),
    "journal-root": ("die Meldung nennt ein anderes Journal", "the alert names another journal"),
    "state-mismatch": ("Entwurf und Freigabe sind verwechselt", "proposal and release are confused"),
    "version-taken": ("diese Fassung war schon freigegeben", "this version was released before"),
    "rejected": ("der Entwurf war abgelehnt", "the proposal had been rejected"),
    "proposal-unknown": ("es gab keinen offenen Entwurf", "there was no open proposal"),
    "alert-unknown": ("diese Meldung gab es nicht", "there was no such alert"),
    "ask-unknown": ("diese Frage gab es nicht", "there was no such question"),
    "author-unknown": ("die Verfasserin ist nicht bekannt", "the author is not known"),
    "leaves-missing": ("die Liste der Empfängergeräte fehlt", "the list of recipient devices is missing"),
    "leaves-extra": ("eine Empfängerliste gehört zu keiner Meldung", "a leaf list belongs to no alert"),
    "receipt-without-leaf": (
        "bestätigt von einem Gerät, das nicht Empfänger war",
        "receipt by a device never sealed to",
    ),
    "delivery-without-leaf": (
        "übergeben an ein Gerät, das nicht Empfänger war",
        "delivery to a device never sealed to",
    ),
    "delivery-before-release": ("vor der Freigabe übergeben", "delivered before release"),
    "issuer-not-signer": ("Aussteller und Unterschrift passen nicht zusammen", "issuer and signature do not agree"),
    "devices-without-key": ("Geräte ohne Schlüssel", "devices without a usable key"),
    "persons-without-device": ("Empfänger ohne Gerät", "recipients without a device"),
    "recipients-lost": ("Empfänger bis zur Annahme ausgeschieden", "recipients lost before acceptance"),
    "recipients-unreached": ("frühere Empfänger nicht mehr erreicht", "earlier recipients not reached any more"),
    "accepted-late": ("spät angenommen", "accepted late"),
    "emergency-unreviewed": (
        "Eilfreigabe ohne Nachprüfung in 24 Stunden",
        "emergency release without review in 24 hours",
    ),
    "scratch-failed": ("kein Platz für Zwischendateien", "no place for temporary files"),
    "statements-refused": ("abgewiesene Erklärungen", "statements refused"),
}
"""What this package's codes mean, in a few words: (German, English)."""


def step_title(number: int, language: Language) -> str:
    """The title of a step. Raises KeyError outside 1 to 10."""
    return STEPS[number][0 if language == "de" else 1]


TOLD: dict[str, tuple[str, str]] = {
    "accepted-late": (
        "angenommen {seconds} Sekunden nach der Vorbereitung",
        "it was accepted {seconds} seconds after it was prepared",
    ),
    "devices-without-key": (
        "{keyless} von {leaves} Geräten hatten keinen brauchbaren Schlüssel",
        "{keyless} of {leaves} devices had no usable key",
    ),
    "emergency-unreviewed": (
        "ohne Freigabe veröffentlicht und nicht binnen 24 Stunden geprüft",
        "released without approval, and not reviewed within 24 hours",
    ),
    "not-witnessed": (
        "{quorum} von {witnesses} Zeugen haben die {head} Einträge nicht gesehen",
        "{quorum} of {witnesses} witnesses have not seen the {log}'s {head} entries",
    ),
    "not-witnessed-since": (
        "{quorum} von {witnesses} Zeugen haben die {head} Einträge nicht gesehen; der neueste Stand, den sie gesehen haben, hat "
        "{size}",
        "{quorum} of {witnesses} witnesses have not seen the {log}'s {head} entries; the newest that they have seen has {size}",
    ),
    "opening-kept": (
        "die Namensangabe {field} von {statement} wurde gelöscht und liegt doch in diesem Paket",
        "the opening of {field} of {statement} was erased, and is in this bundle",
    ),
    "persons-without-device": ("{number} Empfänger hatten kein Gerät", "{number} recipients had no device"),
    "recipients-lost": (
        "{number} Geräte verloren ihren Platz vor der Annahme",
        "{number} devices lost their place before acceptance",
    ),
    "recipients-unreached": (
        "{number} frühere Empfänger waren nicht in Kraft und wurden nicht erreicht",
        "{number} earlier recipients were not in force and were not reached",
    ),
    "registry-unwitnessed": (
        "die Zeugen hatten die Teilnehmerliste {seconds} s vorher gesehen, und die verfassende Person hat das bestätigt",
        "the witnesses had seen the registry {seconds} s before, and its author confirmed that",
    ),
    "registry-unwitnessed-never": (
        "die Zeugen hatten die Teilnehmerliste nie gesehen, und die verfassende Person hat das bestätigt",
        "the witnesses had seen the registry never, and its author confirmed that",
    ),
    "statements-refused": (
        "die Plattform hat {number} Erklärungen abgelehnt ({codes})",
        "the exchange refused {number} statements ({codes})",
    ),
    "witnesses-none": (
        "die Teilnehmerliste benennt keinen Zeugen: niemand sonst bestätigt, dass alle dieselben Protokolle sehen",
        "the registry names no witness: nobody else confirms that all see the same logs",
    ),
}
"""What a finding tells beyond its code, by its form: (German, English)."""

TOTALS: dict[str, tuple[str, str]] = {
    "accesses": ("Zugriffe", "accesses"),
    "alerts": ("veröffentlichte Meldungen", "alerts released"),
    "approvals": ("Freigaben", "approvals"),
    "deliveries": ("Auslieferungen", "deliveries"),
    "devices": ("Geräte", "devices"),
    "emergencies": ("dringende ohne Freigabe", "emergency releases"),
    "epoch_bundles": ("Wochenschlüssel, Pakete", "bundles of weekly keys"),
    "erased": ("Namensangaben, gelöscht", "openings erased"),
    "exercises": ("Übungen", "exercises"),
    "journal_entries": ("Einträge im Journal", "journal entries"),
    "keyless": ("Geräte ohne Schlüssel", "devices without a key"),
    "openings": ("Namensangaben, gezeigt", "openings shown"),
    "organisations": ("Organisationen", "organisations"),
    "persons": ("Personen", "persons"),
    "proposals": ("Entwürfe zur Freigabe", "proposals"),
    "read": ("gelesen", "read"),
    "receipts_erased": ("Empfangsbestätigungen, gelöscht", "receipts erased"),
    "received": ("empfangen", "received"),
    "recipients": ("Geräte von Empfängern", "recipients' devices"),
    "refusals": ("Ablehnungen", "refusals"),
    "registry_entries": ("Einträge der Teilnehmerliste", "registry entries"),
    "rejections": ("abgelehnte Entwürfe", "proposals rejected"),
    "reviews": ("nachträgliche Prüfungen", "reviews"),
    "unserved": ("vor der Annahme verloren", "lost before acceptance"),
    "withheld": ("Namensangaben, nicht gezeigt", "openings not shown"),
}
"""What the logs hold, by the names of ``report.Totals``: (German, English)."""


def told(form: str, values: Iterable[tuple[str, str]], language: Language) -> str:
    """What a finding of this form tells."""
    return TOLD[form][0 if language == "de" else 1].format(**dict(values))


def code_text(code: str, language: Language) -> str | None:
    """A code in a few words; None for codes of roster, policy and keys, which have their own table."""
    found = CODES.get(code)
    return None if found is None else found[0 if language == "de" else 1]
