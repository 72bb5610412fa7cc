"""The help texts of the command line: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
HELP: dict[str, tuple[str, str]] = {
    "program": (
        "Ende-zu-Ende verschlüsselte Warnmeldungen zwischen Behörden und geprüften Unternehmen (TLP 2.0).",
        "End-to-end encrypted warnings between authorities and vetted companies (TLP 2.0)."),
    # -- commands ------------------------------------------------------------------------------------------------------
    "init": ("Server vorbereiten: Schlüssel und Gründungserklärung", "prepare a server: keys and founding statement"),
    "serve": ("Server im Vordergrund betreiben", "run the server in the foreground"),
    "invite": ("Personen eintragen und einladen", "enrol persons and invite them"),
    "admit": ("Geräte eintragen, unterschriebene Dateien einreichen", "enrol devices, post signed files"),
    "countersign": ("als zweite Verwaltung unterschreiben", "sign as the second administrator"),
    "suspend": ("Teilnahme einer Organisation ruhen lassen", "suspend an organisation"),
    "renew": ("Teilnahme verlängern oder wieder aufnehmen", "renew a membership, or lift a suspension"),
    "remove": ("Person oder Organisation endgültig entfernen", "remove a person or an organisation for good"),
    "revoke": ("Gerät endgültig sperren", "revoke a device for good"),
    "notice": (
        "E-Mail-Hinweise einer Person einrichten oder beenden",
        "set up or end a person's e-mail notices"),
    "terms": ("Arbeitsordnung zeigen und annehmen", "show and accept the terms of participation"),
    "terms_show": ("geltende Arbeitsordnung zeigen", "show the terms in force"),
    "terms_accept": (
        "Arbeitsordnung für die eigene Organisation annehmen",
        "accept the terms for the own organisation"),
    "join": ("mit einer Einladung teilnehmen", "take part, with an invitation"),
    "devices": (
        "Geräte der eigenen Organisation und ihre Schlüssel",
        "devices of the own organisation, and their keys"),
    "inbox": ("Meldungen abrufen und auflisten", "fetch and list alerts"),
    "read": ("Meldung lesen; sendet die Lesebestätigung", "read an alert; sends the read receipt"),
    "ack": ("Lesebestätigung senden, ohne die Meldung zu zeigen", "send the read receipt without showing the alert"),
    "watch": ("auf neue Meldungen warten", "wait for new alerts"),
    "preview": (
        "zeigen, wer eine Meldung erhält und wer nicht, und warum",
        "show who receives an alert and who does not, and why"),
    "publish": (
        "Meldung unterschreiben und veröffentlichen oder zur Freigabe vorlegen",
        "sign an alert and publish it, or propose it"),
    "update": ("Meldung ergänzen: neue Fassung", "add to an alert: a new version"),
    "supersede": (
        "Meldung ersetzen: frühere Fassungen gelten nicht mehr",
        "replace an alert: earlier versions no longer hold"),
    "relabel": ("Einstufung einer Meldung ändern", "change the label of an alert"),
    "all_clear": ("Entwarnung zu einer Meldung geben", "give the all-clear for an alert"),
    "withdraw": ("Meldung bei allen Empfängern zurückziehen", "withdraw an alert from all who received it"),
    "approve": ("vorgelegte Meldungen prüfen und freigeben", "check proposed alerts and approve them"),
    "clear_check": ("öffentliche Meldung prüfen, ohne Teilnahme", "check a public alert, without being a member"),
    "audit": ("Protokolle ausleiten und prüfen", "export the logs and verify them"),
    "audit_export": ("Protokolle und Erklärungen ausleiten", "export logs and statements"),
    "audit_verify": ("ausgeleitete Protokolle ohne Netz prüfen", "verify an export, offline"),

    # -- arguments -----------------------------------------------------------------------------------------------------
    "arg_invitation": ("Einladungsdatei, oder die Zeile tlpx1:...", "invitation file, or the line tlpx1:..."),
    "arg_admit": (
        "Geräteanträge, oder vollständig unterschriebene Dateien",
        "device requests, or completely signed files"),
    "arg_countersign": ("Datei, die die erste Person unterschrieben hat", "file that the first person signed"),
    "arg_organisation": ("voller Name oder Kennung", "full name or id"),
    "arg_person": ("voller Name oder Kennung", "full name or id of a person"),
    "arg_device": ("Kennung oder Bezeichnung", "id or label"),
    "arg_source": ("Meldung: Markdown mit TOML-Kopf", "alert: Markdown with TOML front matter"),
    "arg_alert": ("Nummer oder Anfang der Kennung", "number, or the beginning of the id"),
    "arg_later_source": (
        "neue Fassung: Markdown mit TOML-Kopf; changed sagt, was sich geändert hat",
        "new version: Markdown with TOML front matter; changed says what is different"),
    "arg_proposal": ("Anfang der Kennung; ohne: alle auflisten", "beginning of the id; without it: list all"),
    "arg_clear": (
        "Adresse der Meldung, oder Datei ihres Nachweises",
        "address of the alert, or file of its evidence"),
    "arg_audit": ("Ordner einer Ausleitung", "folder of an export"),

    # -- options -------------------------------------------------------------------------------------------------------
    "opt_home": ("Verzeichnis dieses Geräts", "home folder of this device"),
    "opt_lang": ("Sprache; sonst die der Umgebung", "language; else the locale's"),
    "opt_json": ("Ausgabe für Programme", "output for scripts"),
    "opt_yes": ("nicht nachfragen", "do not ask"),
    "opt_passphrase_file": ("Passphrase aus der ersten Zeile dieser Datei", "passphrase from this file's first line"),
    "opt_url": ("Adresse der Austauschplattform", "address of the exchange"),
    "opt_out": ("Datei, die angelegt wird", "file to create"),
    "opt_invite_out": (
        "Ordner für Erklärungen und Einladungen; mit --name: Datei für die zweite Person",
        "folder for statements and invitations; with --name: file for the second person"),
    "opt_registrar_issuer": (
        "Registrar, in dessen Namen vorbereitet wird; er muss mit unterschreiben",
        "registrar in whose name it is prepared; must be among the signers"),
    "opt_registrars": (
        "öffentlicher Schlüssel eines Registrars; mehrfach, der erste bereitet vor",
        "public key of a registrar; repeat it, the first one prepares"),
    "opt_registry": (
        "von den Registraren unterschriebene Datei, für die Namen",
        "file that the registrars signed, for the names"),
    "opt_config": ("Konfiguration; ohne: Vorgaben", "configuration; without it: defaults"),
    "opt_origin": (
        "Name der Austauschplattform, zum Beispiel exchange.example",
        "name of the exchange, for example exchange.example"),
    "opt_threshold": ("so viele Registrare unterschreiben", "so many registrars sign"),
    "opt_data": ("Datenordner statt dem der Konfiguration", "data folder instead of the configuration's"),
    "opt_founding": ("Gründungserklärung, die angelegt wird", "founding statement to create"),
    "opt_partnership": ("Beschreibung einer Partnerschaft, die beginnt", "description of a partnership that begins"),
    "opt_only": (
        "nur diese Organisation der Beschreibung; mehrfach",
        "only this organisation of the description; repeat it"),
    "opt_client": (
        "Mandant der eigenen Organisation, zu dem die Person gehört",
        "client of the own organisation to which the person belongs"),
    "opt_exchange": ("erwartete Kennung der Austauschplattform", "expected exchange id"),
    "opt_name": ("Name der Person", "the person's name"),
    "opt_role": (
        "Rolle: officer, author, approver, administrator, auditor; mehrfach",
        "role: officer, author, approver, administrator, auditor; repeat it"),
    "opt_topic": ("Thema; mehrfach", "topic; repeat it"),
    "opt_title": ("Funktion der Person", "the person's title"),
    "opt_contact": ("Erreichbarkeit der Person", "how to reach the person"),
    "opt_notice": (
        "E-Mail-Adresse für Hinweise auf neue Meldungen; ohne: keine Hinweise",
        "e-mail address for notices of new alerts; without it: no notices"),
    "opt_notice_off": ("keine Hinweise mehr", "no notices any more"),
    "opt_label": ("Bezeichnung des Geräts", "label of the device"),
    "opt_for": ("Dauer ab jetzt, zum Beispiel 730d", "duration from now on, for example 730d"),
    "opt_remove_organisation": ("Organisation; die Registrare unterschreiben", "organisation; the registrars sign"),
    "opt_remove_person": ("Person der eigenen Organisation; sofort", "person of the own organisation; at once"),
    "opt_document": ("Datei der Arbeitsordnung, wird verglichen", "file of the terms, is compared"),
    "opt_renew_keys": ("neue Wochenschlüssel veröffentlichen", "publish new weekly keys"),
    "opt_offline": ("nur zeigen, was schon da ist", "show only what is here already"),
    "opt_version": ("diese Fassung statt der neuesten", "this version instead of the newest"),
    "opt_chain": ("alle Fassungen auflisten", "list all versions"),
    "opt_reason": (
        "Grund: correction, error, label, new-information, resolved, scope, source-request",
        "reason: correction, error, label, new-information, resolved, scope, source-request"),
    "opt_preview": ("nur zeigen, nichts veröffentlichen", "show only, publish nothing"),
    "opt_new_label": (
        "neue Einstufung: RED, AMBER+STRICT, AMBER, GREEN, CLEAR",
        "new label: RED, AMBER+STRICT, AMBER, GREEN, CLEAR"),
    "opt_withdraw_text": ("eigener Text statt des vorgesehenen", "own text instead of the usual one"),
    "opt_approver": (
        "Name einer Person zur Freigabe; mehrfach; sonst die der Vorfassung",
        "name of an approver; repeat it; else those of the version before"),
    "opt_save": ("Ordner für die Anlagen", "folder for the attachments"),
    "opt_no_receipt": ("keine Lesebestätigung senden", "send no read receipt"),
    "opt_confirm_nameless": ("auch an Personen, deren Name gelöscht ist", "also to persons whose name was erased"),
    "opt_reject": (
        "ablehnen, Grund: content, label, audience, other",
        "reject, reason: content, label, audience, other"),
    "opt_count": ("nach so vielen Meldungen enden", "end after so many alerts"),
    "opt_poll": (
        "wiederholt nachfragen statt einem Strom folgen, für Proxys, die Ströme aufhalten",
        "ask again and again instead of following a stream, for proxies that hold streams back"),
    "opt_checkpoint": ("früher erhaltener Prüfpunkt; mehrfach", "checkpoint kept from earlier; repeat it"),
    "opt_attachment": ("heruntergeladene Anlage; mehrfach", "downloaded attachment; repeat it"),
    "opt_audit_out": ("Ordner, der angelegt wird", "folder to create"),
}
"""Help key to (German, English)."""
# fmt: on
