"""The words of asking, enrolling, keeping the registry and failing: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
TALK: dict[str, tuple[str, str]] = {
    # -- asking --------------------------------------------------------------------------------------------------------
    "ask_passphrase": ("Passphrase dieses Geräts", "passphrase of this device"),
    "ask_new_passphrase": ("neue Passphrase für dieses Gerät", "new passphrase for this device"),
    "ask_passphrase_again": ("bitte wiederholen", "once more"),
    "ask_yes_no": ("[j/N]", "[y/N]"),
    "ask_fingerprints": (
        "haben Sie die Ziffern am Telefon verglichen, und stimmen sie bei allen {number} Geräten?",
        "did you compare the digits by telephone, and are they right for all {number} devices?"),
    "ask_invite": ("{name} mit den Rollen {roles} eintragen?", "enrol {name} with the roles {roles}?"),
    "ask_countersign": (
        "diese {number} Erklärungen als zweite Person unterschreiben?",
        "sign these {number} statements as the second person?"),
    "ask_remove_person": ("{name} endgültig entfernen?", "remove {name} for good?"),
    "ask_revoke": (
        "das Gerät „{label}“ von {name} endgültig sperren?",
        "revoke the device '{label}' of {name} for good?"),
    "ask_terms": (
        "die Arbeitsordnung, Fassung {version} (SHA-256 {sha256}), für {name} annehmen?",
        "accept the terms of participation, version {version} (SHA-256 {sha256}), for {name}?"),
    "ask_publish": (
        "genau diese Meldung an genau diesen Kreis unterschreiben?",
        "sign exactly this alert for exactly this audience?"),
    "ask_approve": (
        "genau diese Meldung als zweite Person freigeben?",
        "approve exactly this alert as the second person?"),
    "passphrase_unavailable": (
        "es gibt keine Tastatur, um die Passphrase einzugeben",
        "there is no keyboard to type the passphrase on"),
    "passphrases_differ": ("die beiden Eingaben sind verschieden", "the two passphrases differ"),
    "passphrase_file_open": ("{file} ist für andere lesbar", "{file} is readable by others"),
    "not_confirmed": ("nichts wurde getan", "nothing was done"),
    "confirm_unavailable": ("die Rückfrage kann hier niemand beantworten", "nobody can answer the question here"),
    "hint_passphrase_file": (
        "--passphrase-file DATEI, oder EXCHANGE_PASSPHRASE_FILE setzen",
        "--passphrase-file FILE, or set EXCHANGE_PASSPHRASE_FILE"),
    "hint_chmod": ("chmod 600 {file}", "chmod 600 {file}"),
    "hint_yes": (
        "mit --yes bestätigen, wenn Sie alles geprüft haben",
        "confirm with --yes when you have checked everything"),

    # -- files and addresses -------------------------------------------------------------------------------------------
    "file_unreadable": ("{file} kann nicht gelesen werden: {reason}", "{file} cannot be read: {reason}"),
    "file_unwritable": ("{file} kann nicht angelegt werden: {reason}", "{file} cannot be created: {reason}"),
    "file_unusable": ("{file} kann nicht benutzt werden: {reason}", "{file} cannot be used: {reason}"),
    "file_too_large": ("{file} hat mehr als {most} Bytes", "{file} has more than {most} bytes"),
    "file_exists": ("{file} gibt es schon und wird nicht überschrieben", "{file} exists and is not overwritten"),
    "file_other_exchange": ("die Datei gilt für eine andere Austauschplattform", "the file is for another exchange"),
    "bad_url": ("{url} ist keine Adresse einer Austauschplattform", "{url} is not the address of an exchange"),
    "bad_duration": (
        "{value} ist keine Dauer; zum Beispiel 730d oder 36h",
        "{value} is not a duration; for example 730d or 36h"),
    "bad_registrar_file": (
        "{file} ist kein öffentlicher Schlüssel eines Registrars: {reason}",
        "{file} is not a registrar's public key: {reason}"),
    "not_a_registrar": (
        "{file} ist kein Registrar dieser Austauschplattform",
        "{file} is not a registrar of this exchange"),
    "config_wrong": ("{reason}", "{reason}"),

    # -- what went wrong -----------------------------------------------------------------------------------------------
    "failed": ("{reason}", "{reason}"),
    "refused": ("abgelehnt nach {rule}: {reason}", "refused by {rule}: {reason}"),
    "verification_failed": (
        "die Prüfung ist bei Schritt {step} gescheitert: {reason}",
        "verification failed at step {step}: {reason}"),
    "refused_values": ("davon betroffen: {values}", "concerned: {values}"),
    "usage_wrong": ("{reason}", "{reason}"),
    "unexpected": ("im Programm ist ein Fehler aufgetreten", "something went wrong inside the program"),
    "interrupted": ("abgebrochen", "interrupted"),
    "hint_debug": ("mit EXCHANGE_DEBUG=1 zeigt der Befehl, wo", "EXCHANGE_DEBUG=1 shows where"),
    "hint_help": ("{command} --help", "{command} --help"),
    "hint_unreachable": (
        "Adresse und Netz prüfen; was schon empfangen ist, bleibt mit --offline lesbar",
        "check the address and the network; what was received stays readable with --offline"),
    "hint_verification": (
        "die Belege sind gespeichert; verständigen Sie die Verwaltung der Partnerschaft auf anderem Weg",
        "the evidence is kept; tell the partnership's administration by another channel"),
    "hint_again": ("den Befehl noch einmal aufrufen", "call the command once more"),
    "hint_no_home": (
        "zuerst: exchange join EINLADUNG; oder --home ORDNER",
        "first: exchange join INVITATION; or --home DIR"),
    "hint_clock": ("geht die Uhr dieses Rechners richtig?", "is this machine's clock right?"),
    "hint_passphrase": ("Feststelltaste und Tastaturbelegung prüfen", "check caps lock and the keyboard layout"),

    # -- founding and enrolling ----------------------------------------------------------------------------------------
    "init_done": (
        "Schlüssel des Servers in {folder}, Gründungserklärung in {out}",
        "server keys in {folder}, founding statement in {out}"),
    "registrars_count": (
        "es braucht {threshold} bis 9 verschiedene Registrare",
        "there must be {threshold} to 9 different registrars"),
    "bad_origin": ("{origin} ist kein Name einer Austauschplattform", "{origin} cannot name an exchange"),
    "exchange_fingerprint": (
        "Fingerabdruck der Austauschplattform: {fingerprint}",
        "fingerprint of the exchange: {fingerprint}"),
    "hint_sign_founding": (
        "{threshold} Registrare unterschreiben {out} mit: python -m keys sign; {first} muss dabei sein",
        "{threshold} registrars sign {out} with: python -m keys sign; {first} must be among them"),
    "hint_init_exists": (
        "ist hier noch nichts gegründet, den Ordner selbst entfernen und neu beginnen",
        "if nothing was founded here yet, remove the folder yourself and begin again"),
    "founding_by": (
        "Gründung von {origin}, unterschrieben von {threshold} der {number} Registrare",
        "founding of {origin}, signed by {threshold} of {number} registrars"),
    "invite_which": ("entweder --partnership oder --name angeben", "give either --partnership or --name"),
    "hint_invite_which": (
        "--partnership für den Beginn einer Partnerschaft, --name für eine weitere Person der eigenen Organisation",
        "--partnership for the start of a partnership, --name for a further person of the own organisation"),
    "invite_needs_url_out": ("--partnership braucht --url und --out", "--partnership needs --url and --out"),
    "invite_done": (
        "{statements} Erklärungen und {people} Einladungen in {folder}",
        "{statements} statements and {people} invitations in {folder}"),
    "other_origin": (
        "die Beschreibung gilt für {wanted}, an dieser Adresse ist {found}",
        "the description is for {wanted}, this address is {found}"),
    "founded_already": ("die Partnerschaft hat bereits begonnen", "the partnership has begun already"),
    "hint_only": (
        "für weitere Organisationen: --organisation KÜRZEL aus der Beschreibung",
        "for further organisations: --organisation HANDLE from the description"),
    "hint_sign_registry": (
        "{threshold} Registrare, darunter {first}, unterschreiben mit: python -m keys sign {file}; dann: exchange "
        "admit {file} --url {url}",
        "{threshold} registrars, {first} among them, sign with: python -m keys sign {file}; then: exchange admit "
        "{file} --url {url}"),
    "hint_give_invitation": (
        "die Einladung ist kein Geheimnis; geben Sie sie der Person mit dem Fingerabdruck der Austauschplattform",
        "the invitation is not a secret; hand it to the person together with the exchange's fingerprint"),
    "join_begin": ("Einladung für {name}, Austauschplattform {url}", "invitation for {name}, exchange {url}"),
    "join_done": ("die Schlüssel dieses Geräts liegen in {home}", "the keys of this device are in {home}"),
    "home_exists": ("{home} ist schon das Verzeichnis eines Geräts", "{home} is the home of a device already"),
    "hint_other_home": ("--home ORDNER nimmt ein anderes Verzeichnis", "--home DIR takes another folder"),
    "hint_send_request": ("senden Sie {file} Ihrer Verwaltung", "send {file} to your administrator"),
    "device_fingerprint": (
        "diese Ziffern werden am Telefon verglichen, bevor das Gerät eingetragen wird:",
        "these digits are compared by telephone before the device is enrolled:"),
    "default_label": ("Gerät", "device"),
    "name_unknown": ("Name unbekannt", "name unknown"),
    "request_line": ("{name}, Gerät „{label}“, Person {person}", "{name}, device '{label}', person {person}"),
    "admit_mixed": (
        "entweder Geräteanträge oder unterschriebene Dateien, nicht beides",
        "either device requests or signed files, not both"),
    "admit_needs_out": ("Geräteanträge mit --url brauchen --out", "device requests with --url need --out"),
    "hint_admit_out": (
        "in --out steht dann, was die Registrare unterschreiben",
        "--out holds what the registrars sign"),
    "hint_registry": (
        "mit --registry registry.json erscheinen die Namen, die die Registrare unterschrieben haben",
        "--registry registry.json shows the names that the registrars signed"),
    "registry_other_exchange": (
        "die Datei bei --registry gilt für eine andere Austauschplattform",
        "the file given with --registry is for another exchange"),
    "too_many_requests": ("höchstens {most} Anträge auf einmal", "at most {most} requests at once"),
    "admit_mixed_roles": (
        "für diese Personen unterschreiben nicht dieselben; bitte getrennt aufrufen",
        "these persons need different signers; call it separately"),
    "hint_one_by_one": (
        "zuerst die Personen ohne die Rollen author, approver, administrator",
        "first the persons without the roles author, approver, administrator"),
    "request_not_ours": (
        "der Antrag „{label}“ nennt keine Person Ihrer Organisation oder ihrer Mandanten ({person})",
        "the request '{label}' names no person of your organisation or of its clients ({person})"),
    "client_not_ours": ("{name} ist kein Mandant Ihrer Organisation", "{name} is no client of your organisation"),
    "hint_client_list": (
        "exchange client list zeigt die eigenen Mandanten", "exchange client list shows your organisation's clients"),
    "auditor_by_registrars": (
        "die Rolle auditor vergeben nur die Registrare",
        "only the registrars give the role auditor"),
    "hint_office": (
        "die Registrierungsstelle nimmt: exchange admit ... --url URL --out DATEI",
        "the registry office takes: exchange admit ... --url URL --out FILE"),
    "admit_done": ("{number} Erklärungen sind im Protokoll", "{number} statements are in the log"),
    "progress_post": ("Erklärungen einreichen", "posting statements"),
    "signatures_missing": (
        "bei {number} Erklärungen fehlen noch bis zu {lacking} Unterschriften",
        "{number} statements still lack up to {lacking} signatures"),
    "signatures_extra": (
        "{number} Erklärungen haben eine Unterschrift zu viel",
        "{number} statements have a signature too many"),
    "issuer_missing": (
        "der Registrar, in dessen Namen vorbereitet wurde ({registrar}), hat nicht unterschrieben",
        "the registrar in whose name it was prepared ({registrar}) has not signed"),
    "hint_issuer_missing": (
        "neu vorbereiten, mit --registrar für einen, der unterschreibt",
        "prepare it again, with --registrar for one who signs"),
    "hint_sign": (
        "Registrare: python -m keys sign; zweite Verwaltung: exchange countersign",
        "registrars: python -m keys sign; a second administrator: exchange countersign"),
    "hint_signatures_extra": (
        "genau so viele Registrare wie nötig unterschreiben; die Datei neu vorbereiten lassen",
        "exactly as many registrars sign as are needed; have the file prepared again"),
    "second_person_needs_out": (
        "dafür unterschreiben zwei Personen; --out DATEI nimmt auf, was die zweite unterschreibt",
        "two persons sign this; --out FILE takes what the second one signs"),
    "hint_second_person": (
        "eine zweite Verwaltung (exchange countersign) oder ein Registrar (python -m keys sign)",
        "a second administrator (exchange countersign) or a registrar (python -m keys sign)"),
    "carry_second": (
        "{file} ist von Ihnen unterschrieben und wartet auf die zweite Person",
        "{file} is signed by you and waits for the second person"),
    "carry_registrars": ("{file} wartet auf die Registrare", "{file} waits for the registrars"),
    "hint_countersign": (
        "zweite Verwaltung: exchange countersign {file}; oder ein Registrar: python -m keys sign {file}, dann "
        "exchange admit {file}",
        "second administrator: exchange countersign {file}; or a registrar: python -m keys sign {file}, then exchange "
        "admit {file}"),
    "not_for_countersigning": (
        "diese Datei hat nicht eine Verwaltung Ihrer Organisation vorbereitet",
        "this file was not prepared by an administrator of your organisation"),
    "second_is_first": (
        "die zweite Unterschrift leistet eine andere Person",
        "the second signature is by another person"),
    "not_administrator": ("dafür braucht es die Rolle administrator", "this takes the role administrator"),
    "not_enrolled": ("dieses Gerät ist noch nicht eingetragen", "this device is not enrolled yet"),
    "hint_not_enrolled": (
        "hat Ihre Verwaltung den Antrag erhalten und die Ziffern verglichen?",
        "has your administrator received the request and compared the digits?"),

    # -- keeping the registry ------------------------------------------------------------------------------------------
    "organisation_unknown": ("es gibt keine Organisation {name}", "there is no organisation {name}"),
    "organisation_ambiguous": ("mehrere Organisationen heißen {name}", "several organisations are called {name}"),
    "person_unknown": ("es gibt keine Person {name}", "there is no person {name}"),
    "person_ambiguous": ("mehrere Personen heißen {name}", "several persons are called {name}"),
    "person_not_ours": ("{name} gehört nicht zu Ihrer Organisation", "{name} is not of your organisation"),
    "device_unknown": ("es gibt kein Gerät {name}", "there is no device {name}"),
    "device_ambiguous": ("mehrere Geräte heißen {name}", "several devices are called {name}"),
    "hint_exact_name": (
        "der volle Name, wie er eingetragen ist, oder die Kennung",
        "the full name as it was enrolled, or the id"),
    "hint_take_id": ("bitte die Kennung angeben", "give the id instead"),
    "hint_devices": ("exchange devices nennt die Geräte", "exchange devices lists the devices"),
    "prepared_suspend": ("vorbereitet: die Teilnahme von {name} ruht", "prepared: {name} is suspended"),
    "prepared_renew": ("vorbereitet: {name} nimmt bis {until} teil", "prepared: {name} is a member until {until}"),
    "prepared_reinstate": (
        "vorbereitet: {name} nimmt wieder teil, bis {until}",
        "prepared: {name} is a member again, until {until}"),
    "prepared_remove": ("vorbereitet: {name} scheidet endgültig aus", "prepared: {name} is removed for good"),
    "prepared_revoke": (
        "vorbereitet: das Gerät „{label}“ von {name} ist gesperrt",
        "prepared: the device '{label}' of {name} is revoked"),
    "renew_needs_for": ("--for fehlt, zum Beispiel --for 730d", "--for is missing, for example --for 730d"),
    "renew_shortens": (
        "eine Verlängerung verkürzt nicht; die Teilnahme läuft bis {until}",
        "a renewal never shortens; the membership lasts until {until}"),
    "remove_which": ("entweder --organisation oder --person angeben", "give either --organisation or --person"),
    "revoke_this_device": (
        "das ist dieses Gerät: es empfängt danach nichts mehr",
        "this is the device at hand: it receives nothing afterwards"),
    "no_terms": ("es ist keine Arbeitsordnung beschlossen", "no terms of participation were defined"),
    "terms_line": (
        "Arbeitsordnung, Fassung {version}, anzunehmen bis {until}, SHA-256 {sha256}",
        "terms of participation, version {version}, to be accepted by {until}, SHA-256 {sha256}"),
    "terms_accepted": ("Ihre Organisation hat sie angenommen", "your organisation has accepted them"),
    "terms_open": ("Ihre Organisation hat sie noch nicht angenommen", "your organisation has not accepted them yet"),
    "terms_other_document": (
        "{file} ist nicht die Arbeitsordnung, Fassung {version}",
        "{file} is not version {version} of the terms"),

    # -- devices -------------------------------------------------------------------------------------------------------
    "head_device": ("Gerät", "device"),
    "head_person": ("Person", "person"),
    "head_label": ("Bezeichnung", "label"),
    "head_state": ("Stand", "state"),
    "head_keys": ("Schlüssel bis", "keys until"),
    "device_here": ("dieses Gerät", "this device"),
    "device_in_force": ("gültig", "in force"),
    "device_revoked": ("gesperrt", "revoked"),
    "keys_none": ("keine", "none"),
    "keys_weeks": ("KW {week}/{year}, noch {left} Wochen", "week {week} of {year}, {left} weeks left"),
    "keys_published": (
        "neue Wochenschlüssel bis KW {week}/{year} sind veröffentlicht",
        "new weekly keys up to week {week} of {year} are published"),
    "keys_enough": (
        "die Wochenschlüssel dieses Geräts reichen noch {left} Wochen",
        "this device's weekly keys last another {left} weeks"),
    "progress_sync": ("Protokolle prüfen", "verifying the logs"),
}
"""Text key to (German, English)."""
# fmt: on
