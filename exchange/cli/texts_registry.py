"""The words of rotation, circles, clients, leaving, renewing and terms: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
REGISTRY: dict[str, tuple[str, str]] = {
    # -- asking --------------------------------------------------------------------------------------------------------
    "ask_offboard": (
        "{name} mit allem, was oben steht, endgültig ausscheiden lassen?",
        "let {name} leave for good, with everything listed above?"),
    "ask_erase": ("diese Angaben zu {name} überall löschen?", "erase these openings of {name} everywhere?"),
    "ask_circle": ("den Arbeitskreis {name} so ändern?", "change the circle {name} like this?"),
    "ask_client": ("{name} als Mandanten bis {until} eintragen?", "register {name} as a client until {until}?"),
    "ask_client_renew": (
        "den Mandanten {name} bis {until} verlängern?",
        "renew the client {name} until {until}?"),
    "ask_change_person": (
        "{name} hat danach die Rollen {roles} und die Themen {topics}; ändern?",
        "{name} then has the roles {roles} and the topics {topics}; change it?"),

    # -- finding -------------------------------------------------------------------------------------------------------
    "subject_unknown": ("{name} ist hier nicht bekannt", "{name} is not known here"),
    "subject_ambiguous": ("{name} ist nicht eindeutig", "{name} is ambiguous"),
    "change_what": ("es ist nichts angegeben, das sich ändern soll", "nothing is given that should change"),
    "change_needs_name": (
        "der bisherige Name ist hier nicht bekannt; bitte mit --name angeben",
        "the name so far is not known here; give it with --name"),
    "bad_date": (
        "{value} ist kein Tag; zum Beispiel 2028-12-31",
        "{value} is not a day; for example 2028-12-31"),

    # -- rotation ------------------------------------------------------------------------------------------------------
    "rotate_what": ("--add, --drop oder --threshold fehlt", "--add, --drop or --threshold is missing"),
    "rotate_number": (
        "das wären {number} Registrare, von denen {threshold} unterschreiben; es braucht 2 bis 9, und mindestens 2 "
        "unterschreiben",
        "that would be {number} registrars, {threshold} of whom sign; there are 2 to 9, and at least 2 sign"),
    "rotate_stays": ("bleibt: {registrar}", "stays: {registrar}"),
    "rotate_goes": ("geht: {registrar}", "goes: {registrar}"),
    "rotate_comes": ("kommt: {registrar}", "comes: {registrar}"),
    "rotate_signers": (
        "es unterschreiben {old} der {all} bisherigen Registrare, darunter {first}, und jeder neue ({comes}); unter allen "
        "sind mindestens {new} der künftigen, und niemand darüber hinaus",
        "{old} of the {all} registrars in force sign, {first} among them, and each new one ({comes}); among them all are at "
        "least {new} of those to come, and nobody beyond that"),
    "hint_rotate": (
        "jeder sieht mit python -m keys sign {file} --registrars founding.json, wer bleibt, geht und kommt; dann: exchange "
        "admit {file} --url {url}; die Datei aufbewahren, sie weist die neuen Registrare aus",
        "python -m keys sign {file} --registrars founding.json shows each of them who stays, goes and comes; then: exchange "
        "admit {file} --url {url}; keep the file, it shows who the registrars are"),
    "hint_rotations": (
        "nach einem Wechsel der Registrare: --rotation DATEI, die unterschriebene Datei des Wechsels",
        "after a change of the registrars: --rotation FILE, the signed file of the change"),

    # -- circles and clients -------------------------------------------------------------------------------------------
    "circle_needs_curator": (
        "ein Arbeitskreis braucht eine Betreuung: --curator PERSON",
        "a circle needs a curator: --curator PERSON"),
    "prepared_circle": ("vorbereitet: Arbeitskreis {name}", "prepared: circle {name}"),
    "circle_curator": ("betreut von", "curated by"),
    "circle_organisation": ("Organisation", "organisation"),
    "circle_person": ("Person", "person"),
    "circle_circle": ("Arbeitskreis", "circle"),
    "head_circle": ("Arbeitskreis", "circle"),
    "head_members": ("Mitglieder", "members"),
    "head_curators": ("Betreuende", "curators"),
    "head_client": ("Mandant", "client"),
    "head_until": ("bis", "until"),
    "head_people": ("Personen", "persons"),
    "head_organisation": ("Organisation", "organisation"),
    "head_kind": ("Art", "kind"),
    "state_in_force": ("nimmt teil", "in force"),

    # -- renewing ------------------------------------------------------------------------------------------------------
    "renew_which": (
        "entweder eine Organisation oder --expiring TAGE, und --for oder --until",
        "either an organisation or --expiring DAYS, and --for or --until"),
    "renew_client": (
        "{name} ist ein Mandant; verlängert wird mit: exchange client register",
        "{name} is a client; renew it with: exchange client register"),
    "renew_nobody": (
        "in den nächsten {days} Tagen läuft keine Teilnahme ab",
        "no membership runs out in the next {days} days"),
    "renew_first": (
        "{number} Teilnahmen laufen ab; diese Datei hat die ersten {most}, danach den Befehl wiederholen",
        "{number} memberships run out; this file has the first {most}, repeat the command afterwards"),
    "prepared_change": ("vorbereitet: Änderung von {name}", "prepared: change of {name}"),
    "warn_suspended": (
        "ACHTUNG: die Teilnahme von {name} ruht; es kommen keine Meldungen an und es gehen keine hinaus",
        "CAREFUL: {name} is suspended; no alert is received and none is sent"),
    "warn_expired": (
        "ACHTUNG: die Teilnahme von {name} ist am {until} abgelaufen; es kommen keine Meldungen an, bis sie verlängert ist; "
        "was empfangen wurde, bleibt hier lesbar",
        "CAREFUL: the membership of {name} ran out on {until}; no alert is received until it is renewed; what was received "
        "stays readable here"),
    "warn_expiring": (
        "ACHTUNG: die Teilnahme von {name} läuft in {days} Tagen ab ({until}); danach kommen keine Meldungen mehr an; die "
        "Registrare verlängern sie",
        "CAREFUL: the membership of {name} runs out in {days} days ({until}); then no alert is received any more; the "
        "registrars renew it"),
    "warn_terms_open": (
        "ACHTUNG: {name} hat die Arbeitsordnung, Fassung {version}, nicht angenommen; bis dahin kommen keine Meldungen an "
        "(exchange terms accept)",
        "CAREFUL: {name} has not accepted version {version} of the terms; until then no alert is received (exchange terms "
        "accept)"),
    "warn_terms": (
        "ACHTUNG: {name} muss die Arbeitsordnung, Fassung {version}, in {days} Tagen annehmen (bis {until}); sonst kommen "
        "danach keine Meldungen mehr an",
        "CAREFUL: {name} must accept version {version} of the terms within {days} days (by {until}); else no alert is "
        "received afterwards"),

    # -- leaving -------------------------------------------------------------------------------------------------------
    "offboard_self": (
        "die eigene Person scheidet durch eine andere Verwaltung oder die Registrare aus",
        "another administrator or the registrars let you leave"),
    "offboard_too_many": (
        "das sind {number} Erklärungen, höchstens {most} gehen auf einmal; ohne --erase beginnen",
        "that is {number} statements, at most {most} go at once; begin without --erase"),
    "offboard_person": (
        "{name} ({organisation}) scheidet endgültig aus",
        "{name} ({organisation}) is removed for good"),
    "offboard_organisation": (
        "{name} scheidet endgültig aus, mit allen Personen und Geräten",
        "{name} is removed for good, with all persons and devices"),
    "offboard_who": (
        "  {name} ({roles}) ist nicht mehr zugelassen",
        "  {name} ({roles}) is no longer in force"),
    "offboard_device": (
        "  Gerät „{label}“ von {name} empfängt nichts mehr",
        "  device '{label}' of {name} receives nothing any more"),
    "offboard_last": (
        "  ACHTUNG: {organisation} hat danach niemanden mehr mit der Rolle {role}",
        "  CAREFUL: {organisation} then has nobody left with the role {role}"),
    "offboard_curated": (
        "  der Arbeitskreis {circle} hat danach noch {left} Betreuende",
        "  the circle {circle} then has {left} curators left"),
    "offboard_curated_last": (
        "  ACHTUNG: den Arbeitskreis {circle} betreut danach niemand mehr ({left}); die Registrare benennen neue",
        "  CAREFUL: nobody curates the circle {circle} any more ({left}); the registrars name others"),
    "offboard_circle": (
        "  steht weiter im Arbeitskreis {circle}, erhält darüber aber nichts",
        "  still stands in the circle {circle}, and receives nothing through it"),
    "offboard_client": (
        "  der Mandant {client} verliert mit {organisation} die Teilnahme",
        "  the client {client} is no longer admitted without {organisation}"),
    "offboard_proposal": (
        "  der offene Entwurf „{title}“ verliert jemanden: {left} Freigebende bleiben, {needed} sind nötig",
        "  the open proposal '{title}' loses somebody: {left} approvers are left, {needed} are needed"),
    "offboard_proposals_unseen": (
        "  offene Entwürfe sehen nur ihre Verfasser und Freigebenden; wer fehlt, fällt dort auf",
        "  open proposals are shown to their authors and approvers only; there it shows who is missing"),
    "offboard_stays": (
        "nicht rückgängig zu machen: was schon empfangen wurde, bleibt auf den Geräten lesbar; was unterschrieben wurde, "
        "bleibt gültig und im Protokoll",
        "cannot be undone: what was received stays readable on the devices; what was signed stays valid and in the log"),
    "offboard_final": (
        "das ist endgültig: wer wiederkommt, wird neu eingetragen",
        "this is final: who comes back is enrolled anew"),
    "hint_erase": (
        "Namen und Erreichbarkeit löscht: exchange erase „{name}“, sobald dies im Protokoll steht",
        "names and contacts are erased by: exchange erase '{name}', once this stands in the log"),
    "erase_nothing": (
        "zu {name} gibt es nichts, das gelöscht werden darf",
        "there is nothing of {name} that may be erased"),
    "erase_line": ("{name}: {fields}", "{name}: {fields}"),

    # -- terms ---------------------------------------------------------------------------------------------------------
    "prepared_terms": (
        "vorbereitet: Arbeitsordnung, Fassung {version}, anzunehmen bis {until}",
        "prepared: terms of participation, version {version}, to be accepted by {until}"),
    "hint_terms_upload": (
        "steht sie im Protokoll: exchange terms upload {file}, damit alle sie lesen können",
        "once it stands in the log: exchange terms upload {file}, so that all can read it"),
    "terms_left": ("zum Annehmen bleiben {days} Tage", "{days} days are left to accept"),
    "terms_saved": (
        "Arbeitsordnung, Fassung {version}, geprüft und gespeichert: {file}",
        "terms, version {version}, verified and saved: {file}"),
    "terms_wrong": (
        "was die Austauschplattform als Arbeitsordnung, Fassung {version}, ausgibt, ist es nicht",
        "what the exchange hands out as version {version} of the terms is not that"),
    "terms_unknown_document": (
        "{file} ist keine Fassung der Arbeitsordnung, die die Registrare beschlossen haben",
        "{file} is no version of the terms that the registrars defined"),
    "terms_uploaded": (
        "die Arbeitsordnung, Fassung {version}, liegt auf der Austauschplattform",
        "version {version} of the terms is on the exchange"),
}
"""Text key to (German, English)."""

HELP_REGISTRY: dict[str, tuple[str, str]] = {
    "offboard": (
        "Person oder Organisation in einem Schritt ausscheiden lassen",
        "let a person or an organisation leave in one step"),
    "erase": ("Namen von Ausgeschiedenen überall löschen", "erase the names of those who left, everywhere"),
    "members": ("Organisationen und wie lange sie teilnehmen", "organisations, and how long they take part"),
    "rotate": ("Wechsel der Registrare vorbereiten", "prepare a change of the registrars"),
    "circle": ("Arbeitskreise", "circles"),
    "circle_define": ("Arbeitskreis für die Registrare vorbereiten", "prepare a circle for the registrars"),
    "circle_change": ("Mitglieder, Betreuende oder Namen ändern", "change members, curators or name"),
    "circle_show": ("Arbeitskreise und ihre Mitglieder zeigen", "show circles and who is in them"),
    "client": ("Mandanten der eigenen Organisation", "clients of the own organisation"),
    "client_register": ("Mandanten eintragen oder verlängern", "register or renew a client"),
    "client_list": ("Mandanten auflisten", "list the clients"),
    "person": ("Angaben zu einer Person", "what is recorded of a person"),
    "person_change": ("Rollen, Themen oder Namen ändern", "change roles, topics or name"),
    "organisation": ("Angaben zu einer Organisation", "what is recorded of an organisation"),
    "organisation_change": (
        "Art, Branchen, Gebiete oder Namen für die Registrare vorbereiten",
        "prepare a change of kind, sectors, areas or name for the registrars"),
    "terms_define": ("neue Fassung für die Registrare vorbereiten", "prepare a new version for the registrars"),
    "terms_upload": ("Text der Arbeitsordnung bereitstellen", "hand the text of the terms to all"),
    "arg_offboard": ("voller Name oder Kennung", "full name or id"),
    "arg_erase": (
        "Person, Gerät, Organisation oder Arbeitskreis: Name oder Kennung",
        "person, device, organisation or circle: name or id"),
    "arg_circle": ("Name oder Kennung des Arbeitskreises", "the circle's name or id"),
    "arg_circle_name": ("Name des neuen Arbeitskreises", "name of the new circle"),
    "arg_client": ("Name des Mandanten, neu oder schon eingetragen", "the client's name, new or registered already"),
    "arg_person": ("voller Name oder Kennung", "full name or id"),
    "arg_terms": ("Datei der Arbeitsordnung", "file of the terms"),
    "opt_erase": (
        "Namen und Erreichbarkeit im selben Schritt löschen",
        "erase names and contacts in the same step"),
    "opt_expiring": ("nur, was in so vielen Tagen abläuft", "only what runs out within so many days"),
    "opt_until": ("neues Ende, zum Beispiel 2028-12-31", "new end, for example 2028-12-31"),
    "opt_rotation": (
        "unterschriebene Datei eines Wechsels der Registrare; mehrfach",
        "signed file of a change of the registrars; repeat it"),
    "opt_rotate_add": (
        "öffentlicher Schlüssel eines neuen Registrars; mehrfach",
        "public key of a new registrar; repeat it"),
    "opt_rotate_drop": (
        "Registrar, der geht: Datei oder Anfang der Kennung; mehrfach",
        "registrar who goes: file, or the beginning of the key id; repeat it"),
    "opt_circle_add": (
        "Organisation, Person oder Arbeitskreis, kommt hinzu; mehrfach",
        "organisation, person or circle to add; repeat it"),
    "opt_circle_remove": ("was nicht mehr dazugehört; mehrfach", "what is taken out; repeat it"),
    "opt_circle_name": ("neuer Name; die Registrare unterschreiben", "new name; the registrars sign"),
    "opt_curator": (
        "Person, die die Mitglieder ändert; mehrfach, die Registrare unterschreiben",
        "person who changes the members; repeat it, the registrars sign"),
    "opt_area": ("Gebiet (AGS); mehrfach", "area (AGS); repeat it"),
    "opt_sector": ("Branche; mehrfach; none für keine", "sector; repeat it; none for no sector"),
    "opt_topics": ("Thema; mehrfach; none für keines", "topic; repeat it; none for no topic"),
    "opt_kind": (
        "Art: authority, chamber, company, municipality",
        "kind: authority, chamber, company, municipality"),
    "opt_organisation_name": ("neuer Name der Organisation", "the organisation's new name"),
    "opt_terms_save": ("Text prüfen und hier speichern", "verify the text and save it here"),
    "opt_within": ("Zeit zum Annehmen", "time to accept"),
}
"""Help key to (German, English)."""
# fmt: on
