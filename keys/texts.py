"""What `python -m keys` says, in German (formal ``Sie``) and English: screens, help, hints, and a German sentence for each refusal.

Names of fields, kinds, commands, options and files are those of the protocol and are never translated. An error says itself in
English (its message); `SENTENCES` has the German of its code. A test holds both languages of a text against each other's
values, the kinds against what registrars sign, and the sentences against the codes that these commands can raise.
"""

import errno
from typing import Any

from keys.errors import KeysError
from keys.language import Language

# fmt: off
TEXTS: dict[str, tuple[str, str]] = {
    # -- kinds of statements -------------------------------------------------------------------------------------------
    "kind_exchange.found": ("EINE NEUE AUSTAUSCHPLATTFORM GRÜNDEN", "FOUND A NEW EXCHANGE"),
    "kind_registrar.rotate": ("DIE REGISTRARE WECHSELN", "CHANGE THE REGISTRARS"),
    "kind_policy.adopt": ("ein Regelwerk beschließen", "adopt a policy"),
    "kind_witness.name": (
        "DIE ZEUGEN BENENNEN, für beide Protokolle und alle zusammen",
        "NAME THE WITNESSES of both logs, all of them"),
    "kind_terms.define": ("eine Arbeitsordnung festlegen", "define terms of participation"),
    "kind_organisation.admit": ("EINE ORGANISATION AUFNEHMEN", "ADMIT AN ORGANISATION"),
    "kind_organisation.change": (
        "ändern, was zu einer Organisation eingetragen ist",
        "change what is recorded of an organisation"),
    "kind_organisation.renew": (
        "die Teilnahme einer Organisation verlängern, oder ihre Aussetzung aufheben",
        "renew an organisation, or lift its suspension"),
    "kind_organisation.suspend": ("DIE TEILNAHME EINER ORGANISATION AUSSETZEN", "SUSPEND AN ORGANISATION"),
    "kind_organisation.remove": ("EINE ORGANISATION ENDGÜLTIG AUSSCHLIESSEN", "REMOVE AN ORGANISATION FOR GOOD"),
    "kind_person.enrol": ("EINE PERSON EINTRAGEN", "ENROL A PERSON"),
    "kind_person.change": ("Rollen oder Themen einer Person ändern", "change a person's roles or topics"),
    "kind_person.remove": ("EINE PERSON ENDGÜLTIG AUSSCHEIDEN LASSEN", "REMOVE A PERSON FOR GOOD"),
    "kind_device.enrol": ("EIN GERÄT EINTRAGEN, das dann lesen kann", "ENROL A DEVICE, which can then read"),
    "kind_device.revoke": ("EIN GERÄT ENDGÜLTIG WIDERRUFEN", "REVOKE A DEVICE FOR GOOD"),
    "kind_client.register": ("einen Mandanten eintragen oder verlängern", "register a client, or renew it"),
    "kind_circle.define": ("EINEN ARBEITSKREIS EINRICHTEN", "DEFINE A CIRCLE"),
    "kind_circle.change": ("einen Arbeitskreis ändern", "change a circle"),
    "kind_opening.erase": ("NAMEN ENDGÜLTIG LÖSCHEN", "ERASE NAMES FOR GOOD"),
    "not_for_registrars": ("NICHTS FÜR REGISTRARE", "NOT FOR A REGISTRAR"),

    # -- a statement ---------------------------------------------------------------------------------------------------
    "alphabets": (
        "ACHTUNG: {field} mischt Buchstaben mehrerer Alphabete: {alphabets}",
        "CAREFUL: {field} mixes letters of several alphabets: {alphabets}"),
    "alphabet_LATIN": ("lateinisch", "LATIN"),
    "alphabet_CYRILLIC": ("kyrillisch", "CYRILLIC"),
    "alphabet_GREEK": ("griechisch", "GREEK"),
    "compare": ("Fingerabdruck zum Vergleichen: {digits}", "fingerprint to compare: {digits}"),
    "compare_keys": ("vergleichen: {digits}", "compare {digits}"),
    "digits_malformed": ("keiner, die Schlüssel sind fehlerhaft", "none, the keys are malformed"),
    "possession": (
        "zwei Unterschriften des Geräts; die Austauschplattform und alle, die lesen, prüfen sie",
        "two signatures by the device, which the exchange and every reader verify"),
    "log_key": ("Schlüssel eines Protokolls, SHA-256 {digest}", "log key, SHA-256 {digest}"),
    "signing_key": ("Signaturschlüssel {key}", "signing key {key}"),
    "true": ("ja", "yes"),
    "false": ("nein", "no"),
    "statement_id": ("Kennung der Erklärung: {statement}", "statement id: {statement}"),
    "signed_by": ("unterschrieben von {key}: {verdict}", "signed by {key}: {verdict}"),
    "unsigned": ("noch von niemandem unterschrieben", "signed by nobody yet"),
    "verdict_verified": ("geprüft", "verified"),
    "verdict_unknown": (
        "hier nicht geprüft, der Schlüssel ist nicht bekannt",
        "not verified here, the key is not known"),
    "verdict_incomplete": (
        "UNVOLLSTÄNDIG, eines der beiden Verfahren fehlt",
        "INCOMPLETE, one of the two algorithms is missing"),
    "verdict_wrong": ("FALSCH, die Unterschrift ist ungültig", "WRONG, the signature does not verify"),

    # -- a change of the registrars ------------------------------------------------------------------------------------
    "rotation_unknown": (
        "Wer geht, lässt sich nicht zeigen: die bisherigen Registrare sind hier nicht bekannt.\n"
        "Nennen Sie mit --registrars die Gründung und jeden Wechsel seither, oder vergleichen Sie mit Ihrer eigenen Liste.",
        "Who goes cannot be shown: the registrars in force are not known here.\n"
        "Give the founding and every rotation since with --registrars, or compare with your own list."),
    "rotation_named": ("GENANNT {key}", "NAMED {key}"),
    "rotation_stays": ("BLEIBT {key}", "STAYS {key}"),
    "rotation_goes": ("GEHT {key}", "GOES {key}"),
    "rotation_comes": ("KOMMT {key}", "COMES {key}"),
    "rotation_own": ("(das ist Ihr Schlüssel)", "(this is your key)"),
    "rotation_so_far": (
        "bisher unterschreiben {threshold} von {number} gemeinsam",
        "so far {threshold} of {number} sign together"),
    "rotation_from_now": (
        "von nun an unterschreiben {threshold} von {number} gemeinsam",
        "from now on {threshold} of {number} sign together"),
    "rotation_meaning": (
        "Was das heißt: sobald der Wechsel eingetragen ist, entscheiden nur noch die hier genannten Registrare. Wer geht,\n"
        "unterschreibt nichts mehr, und was die früheren Registrare unterschrieben und nicht eingereicht haben, wird\n"
        "abgelehnt. Wer kommt, unterschreibt diese Datei auch; vergleichen Sie vorher die Ziffern am Telefon. Ein verlorener\n"
        "Schlüssel unterschreibt nichts, und wer ihn hatte, kommt nur mit einem neuen Schlüssel zurück.",
        "What it means: once it is entered, only the registrars named here decide. Who goes signs nothing more, and what\n"
        "the former registrars signed and did not post is refused. Who comes signs this file, too; compare the digits by\n"
        "telephone before. A lost key signs nothing, and its owner comes back with a new key only."),
    "rotation_old_files": (
        "ACHTUNG: dieser Wechsel folgt nicht auf den neuesten in den genannten Dateien; die Austauschplattform wird ihn\n"
        "ablehnen, oder Ihre Dateien sind veraltet",
        "CAREFUL: this rotation does not follow the newest one among the files given; the exchange will refuse it,\n"
        "or your files are old"),
    "rotation_missing_old": (
        "es fehlen noch: {number} der bisherigen Registrare",
        "still missing: {number} of the registrars in force"),
    "rotation_missing_new": (
        "es fehlen noch: {number} der künftigen Registrare",
        "still missing: {number} of the registrars to come"),
    "rotation_missing_newcomer": ("es fehlt noch: der neue Registrar {key}", "still missing: the new registrar {key}"),
    "rotation_complete": (
        "alle nötigen Unterschriften sind da; niemand sonst unterschreibt",
        "all signatures that are needed are there; nobody else signs"),

    # -- the screens ---------------------------------------------------------------------------------------------------
    "file_exchange": ("Austauschplattform: {exchange}", "exchange: {exchange}"),
    "file_founds": ("Austauschplattform: diese Datei gründet sie", "exchange: founded by this file"),
    "file_statements": ("Erklärungen: {number}", "statements: {number}"),
    "file_counted": ("in dieser Datei:", "in this file:"),
    "public_key": ("öffentlicher Schlüssel eines Registrars", "public key of a registrar"),
    "public_key_id": ("Kennung des Schlüssels: {key}", "key id: {key}"),
    "public_key_digits": ("Fingerabdruck: {digits}", "fingerprint: {digits}"),
    "made": (
        "der Schlüssel eines Registrars ist angelegt; bewahren Sie die geheime Datei ohne Netz auf, und eine Kopie an einem "
        "zweiten sicheren Ort",
        "made a registrar key; keep the secret file offline, and a copy in a second safe place"),
    "signed": ("unterschrieben mit {key}", "signed with {key}"),
    "ask_sign": (
        "{number} Erklärung(en) unterschreiben? Geben Sie ja ein: ",
        "sign {number} statement(s)? type yes: "),
    "ask_passphrase": ("Passphrase: ", "passphrase: "),
    "ask_passphrase_again": ("bitte wiederholen: ", "once more: "),
    "not_signed": ("nichts wurde unterschrieben", "nothing was signed"),
    "stopped": ("abgebrochen, nichts wurde unterschrieben", "stopped, nothing was signed"),
    "refused": ("abgelehnt: {reason} ({code})", "refused: {reason} ({code})"),
    "failed": ("nicht gelungen: {reason}", "failed: {reason}"),
    "hint": ("Hinweis: {hint}", "hint: {hint}"),

    # -- what to do ----------------------------------------------------------------------------------------------------
    "hint_exists": (
        "nehmen Sie einen anderen Namen, oder räumen Sie die alte Datei selbst beiseite",
        "choose another name, or move the old file away yourself"),
    "hint_permissions-loose": (
        "chmod 600 für die Datei, und überlegen Sie, wer sie gelesen haben kann",
        "chmod 600 the file, and think about who may have read it"),
    "hint_wrong-passphrase": (
        "Feststelltaste und Tastaturbelegung prüfen",
        "check the keyboard layout and caps lock"),
    "hint_expired": (
        "lassen Sie die Erklärungen neu vorbereiten, und unterschreiben Sie binnen sieben Tagen",
        "have the statements prepared again, and sign within seven days"),
    "hint_not-yet": ("vergleichen Sie die Uhren beider Rechner", "compare the clocks of both machines"),
    "hint_bad-passphrase": (
        "nehmen Sie mehrere Wörter; mindestens {least} Zeichen",
        "take several words; at least {least} characters"),

    # -- help ----------------------------------------------------------------------------------------------------------
    "help": ("Schlüssel und Unterschriften eines Registrars ohne Netz", "keys and signatures of an offline registrar"),
    "help_lang": ("Sprache: de oder en (sonst die des Rechners)", "language: de or en (else the machine's)"),
    "help_new": ("den Schlüssel eines Registrars anlegen", "make a registrar key"),
    "help_out": (
        "geheime Schlüsseldatei, die angelegt wird, geschützt durch eine Passphrase",
        "secret key file to create, protected by a passphrase"),
    "help_public_out": ("öffentliche Schlüsseldatei, die angelegt wird", "public key file to create"),
    "help_show": (
        "eine Datei zum Unterschreiben oder einen öffentlichen Schlüssel in Worten zeigen",
        "print a signing file or public key file in words"),
    "help_public_known": ("Unterschriften dieses Schlüssels prüfen", "verify signatures of this key"),
    "help_sign": ("jede Erklärung einer Datei unterschreiben", "sign every statement of a signing file"),
    "help_key": ("die geheime Schlüsseldatei dieses Registrars", "this registrar's secret key file"),
    "help_yes": ("nach dem Zeigen nicht fragen", "do not ask after showing"),
    "help_fingerprint": (
        "die Ziffern eines öffentlichen Schlüssels zeigen, zum Vergleichen am Telefon",
        "print a public key's digits for comparing by telephone"),
    "help_registrars": (
        "die Gründung oder ein früherer Wechsel, wie unterschrieben: wer jetzt Registrar ist (mehrfach möglich)",
        "the founding or an earlier rotation, as signed: who is a registrar now (repeat it)"),
    "help_passphrase_file": (
        "die Passphrase steht in der ersten Zeile dieser privaten Datei",
        "read the passphrase from this private file's first line"),
    "metavar_command": ("BEFEHL", "COMMAND"),
    "metavar_file": ("DATEI", "FILE"),
}
"""Text key to (German, English). A text of several lines is printed as such."""

YES: dict[Language, tuple[str, ...]] = {"de": ("ja", "yes"), "en": ("yes",)}
"""What a registrar types who wants to sign; nothing shorter."""

SENTENCES: dict[str, str] = {
    # -- strict JSON and its values ------------------------------------------------------------------------------------
    "bad-base64": "ein Wert ist nicht richtig in Base64 geschrieben",
    "bad-format": "das ist nicht die öffentliche Schlüsseldatei eines Registrars",
    "bad-hash": "eine Kennung besteht nicht aus 64 Hexadezimalziffern in Kleinbuchstaben",
    "bad-key": "der Name eines Feldes enthält unerlaubte Zeichen",
    "bad-length": "ein Wert hat die falsche Länge",
    "bad-time": "eine Zeit liegt außerhalb des Erlaubten",
    "bad-type": "ein Wert ist von einer Art, die hier nicht vorkommen darf",
    "bad-week": "das ist keine Kalenderwoche",
    "duplicate-key": "ein Feld steht zweimal da",
    "integer-range": "eine Zahl ist zu groß",
    "lone-surrogate": "ein Text enthält ein halbes Zeichen",
    "not-array": "das ist keine Liste in JSON",
    "not-json": "das ist kein JSON",
    "not-object": "das ist kein Objekt in JSON",
    "not-strict": "das JSON ist nicht in der strengen Form geschrieben",
    "not-utf8": "das ist kein Text in UTF-8",
    "number": "eine Zahl ist keine einfache ganze Zahl",
    "too-deep": "das JSON ist zu tief geschachtelt",
    "too-large": "das sind mehr Bytes, als erlaubt sind",

    # -- envelopes and signatures --------------------------------------------------------------------------------------
    "bad-envelope": "eine Erklärung ist nicht richtig verpackt",
    "bad-keyid": "der Name eines Schlüssels bei einer Unterschrift ist fehlerhaft",
    "bad-kind": "die Art einer Erklärung ist fehlerhaft",
    "bad-signature-length": "eine Unterschrift hat die falsche Länge",
    "body-too-large": "eine Erklärung ist länger als erlaubt",
    "too-many-signatures": "eine Erklärung trägt zu viele Unterschriften",
    "signature-extra": "es gibt eine Unterschrift zu viel",
    "signature-invalid": "eine Unterschrift ist ungültig",
    "signature-missing": "eine Unterschrift fehlt",
    "signature-order": "die Unterschriften sind nicht richtig geordnet",
    "signature-wrong-kind": "eine Unterschrift ist von der falschen Art",
    "signed-already": "dieser Schlüssel hat hier schon alles unterschrieben",

    # -- public keys ---------------------------------------------------------------------------------------------------
    "bad-ed25519-key": "der Ed25519-Schlüssel ist unbrauchbar",
    "bad-epoch-key": "ein Wochenschlüssel ist unbrauchbar",
    "bad-log-key": "der Schlüssel eines Protokolls oder Zeugen ist unbrauchbar",
    "bad-mldsa-key": "der ML-DSA-Schlüssel ist unbrauchbar",
    "bad-scan-key": "der Suchschlüssel ist unbrauchbar",
    "bad-signing-key": "der Signaturschlüssel ist unbrauchbar",
    "bad-statement-key": "der Schlüssel der Austauschplattform für Erklärungen ist unbrauchbar",

    # -- key files -----------------------------------------------------------------------------------------------------
    "bad-cost": "die Schlüsseldatei verlangt unvernünftig viel Rechenarbeit",
    "bad-file": "diese Datei ist fehlerhaft, zu groß oder von anderer Art",
    "bad-identity": "die Schlüsseldatei enthält nicht den Schlüssel, den sie enthalten soll",
    "KeyFileError bad-name": "Art oder Kennung in einer Schlüsseldatei sind fehlerhaft",
    "bad-passphrase": "eine Passphrase hat 8 bis 1024 Zeichen",
    "changed-meanwhile": "ein anderes Programm hat die Datei inzwischen verändert",
    "exists": "die Datei gibt es schon und wird nicht überschrieben",
    "not-readable": "die Datei lässt sich nicht lesen",
    "not-writable": "die Datei lässt sich nicht anlegen",
    "passphrase-not-text": "die Datei mit der Passphrase ist kein Text in UTF-8",
    "passphrases-differ": "die beiden Eingaben sind verschieden",
    "permissions-loose": "eine geheime Datei ist für andere lesbar",
    "vault-invalid": "gespeicherte Daten lassen sich mit diesem Schlüssel nicht öffnen",
    "wrong-passphrase": "die Passphrase ist falsch, oder die Schlüsseldatei wurde verändert",

    # -- signing files -------------------------------------------------------------------------------------------------
    "bad-body": "der Inhalt einer Erklärung ist kein JSON in der strengen Form",
    "bad-field": "in einer Erklärung fehlt ein Feld, ist eines unbekannt oder fehlerhaft",
    "bad-opening": "eine Klartextangabe ist fehlerhaft oder nicht das, worauf sich die Erklärung festlegt",
    "expired": "eine Erklärung kann nicht mehr angenommen werden; lassen Sie sie neu vorbereiten",
    "no-founding": "die Gründung dieser Austauschplattform ist nicht unter den genannten Dateien",
    "not-a-registrar": "die Gründungserklärung nennt diesen Schlüssel nicht",
    "not-yet": "die Erklärung trägt ein Datum in der Zukunft",
    "repeated": "eine Erklärung steht zweimal in der Datei",
    "rotation-broken": "den genannten Dateien fehlen Unterschriften, oder die Wechsel folgen nicht aufeinander",
    "too-many": "eine Datei zum Unterschreiben hat 1 bis 256 Erklärungen",
    "wrong-exchange": "eine Erklärung gilt für eine andere Austauschplattform als die Datei",
    "wrong-kind": "das unterschreiben Registrare nicht",
    "KeyFileError wrong-kind": "diese Schlüsseldatei ist für etwas anderes gemacht",
    "SigningFileError bad-file": "das ist keine Datei zum Unterschreiben",
}
"""Code to German sentence; with the error's class before it where one code has two meanings."""

REASONS: dict[int, str] = {
    errno.EACCES: "der Zugriff ist nicht erlaubt",
    errno.EISDIR: "das ist ein Ordner, keine Datei",
    errno.ENOENT: "die Datei gibt es nicht",
    errno.ENOSPC: "der Datenträger ist voll",
    errno.EROFS: "der Datenträger nimmt nichts an",
}
"""What an operating system refuses most often, by number, in German; it says it itself in English."""

ARGPARSE: dict[str, str] = {
    "usage: ": "Aufruf: ",
    "options": "Optionen",
    "positional arguments": "Angaben",
    "show this help message and exit": "diese Hilfe zeigen",
    "%(prog)s: error: %(message)s\n": "%(prog)s: Fehler: %(message)s\n",
    "argument %(argument_name)s: %(message)s": "%(argument_name)s: %(message)s",
    "the following arguments are required: %s": "es fehlt: %s",
    "unrecognized arguments: %s": "unbekannt: %s",
    "expected one argument": "dazu gehört ein Wert",
    "invalid choice: %(value)r (choose from %(choices)s)": "%(value)r gibt es nicht (möglich: %(choices)s)",
    "ambiguous option: %(option)s could match %(matches)s": "%(option)s ist nicht eindeutig: %(matches)s",
    "ignored explicit argument %r": "dazu gehört kein Wert: %r",
}
"""The words of Python's `argparse` in German; what a later version says otherwise stays English."""
# fmt: on


def text(key: str, language: Language, /, **values: Any) -> str:
    """A text with its values; the caller has made values of others safe to show."""
    german, english = TEXTS[key]
    return (german if language == "de" else english).format(**values)


def sentence(error: KeysError, language: Language) -> str:
    """Why it was refused: the error's own message in English, the sentence of its code in German."""
    if language == "en":
        return error.message
    return SENTENCES.get(f"{type(error).__name__} {error.code}") or SENTENCES.get(error.code, error.message)


def reason(error: OSError, language: Language) -> str:
    """What the operating system refused."""
    if language == "en":
        return error.strerror or "the file cannot be used"
    return REASONS.get(error.errno or 0, "die Datei ist nicht verwendbar")
