"""The words of ``exchange audit explain`` (see ``texts``)."""

from __future__ import annotations

# fmt: off
AUDIT_EXPLAIN: dict[str, tuple[str, str]] = {
    "explain_head": (
        "Meldung {id}, Fassung {version}, Journal {index}, {at}, {state}",
        "alert {id}, version {version}, journal {index}, {at}, {state}"),
    "explain_released": ("freigegeben", "released"),
    "explain_proposed": ("nur Entwurf", "a proposal only"),
    "explain_assumed": ("angenommen: {values}", "as if: {values}"),
    # -- what became of it ---------------------------------------------------------------------------------------------
    "fate_received": ("{who} hat die Meldung erhalten", "{who} received the alert"),
    "fate_without-key": (
        "{who} gehört zum Empfängerkreis, aber kein Gerät hatte einen gültigen Schlüssel: nichts wurde verschlüsselt",
        "{who} is a recipient, but no device had a usable key: nothing was sealed"),
    "fate_without-device": (
        "{who} gehört zum Empfängerkreis und hatte kein Gerät",
        "{who} is a recipient and had no device"),
    "fate_lost": (
        "{who} gehörte zum Empfängerkreis und schied vor der Annahme aus: nicht zugestellt",
        "{who} was a recipient and was out of force before acceptance: not served"),
    "fate_granted": (
        "{who} gehört nicht zum Empfängerkreis und hat die Meldung durch eine Weitergabe",
        "{who} is no recipient, and has the alert by a grant"),
    "fate_not": ("{who} hat die Meldung nicht erhalten", "{who} did not receive the alert"),
    "fate_public": (
        "die Meldung ist öffentlich: {who} kann sie lesen wie jeder, verschlüsselt wird sie niemandem",
        "the alert is public: {who} can read it like everybody, it is sealed to nobody"),
    "fate_would": ("{who} würde die Meldung erhalten", "{who} would receive the alert"),
    "fate_would-not": ("{who} würde die Meldung nicht erhalten", "{who} would not receive the alert"),
    "explain_somebody": ("die angenommene Person", "the assumed person"),
    "explain_assumed_home": ("die angenommene Organisation", "the assumed organisation"),
    # -- fields --------------------------------------------------------------------------------------------------------
    "explain_rule": ("Entscheidung", "decision"),
    "explain_home": ("Organisation", "organisation"),
    "explain_roles": ("Rollen", "roles"),
    "explain_topics": ("Themen", "topics"),
    "explain_device": ("Gerät", "device"),
    "explain_revoked": ("gesperrt", "revoked"),
    "explain_leaf": ("Empfänger Nr. {leaf} der Liste, mit Umschlag", "leaf {leaf} of the list, with a stanza"),
    "explain_leaf_empty": ("Empfänger Nr. {leaf} der Liste, ohne Umschlag", "leaf {leaf} of the list, without a stanza"),
    "explain_no_leaf": ("nicht in der Empfängerliste", "not in the leaf list"),
    "explain_granted_at": ("Weitergabe im Journal {index}", "grant in journal {index}"),
    "explain_alert": ("Meldung", "alert"),
    "explain_audience": ("Empfängerkreis", "audience"),
    "explain_author": ("verfasst von", "author"),
    "explain_approved": ("freigegeben von", "approved by"),
    "explain_roster": ("Teilnehmerliste", "registry"),
    "explain_roster_at": ("{size} Einträge, betrachtet am {at}", "{size} entries, looked at on {at}"),
    "explain_entries": ("Einträge", "entries"),
    "explain_yes": ("ja", "yes"),
    "explain_no": ("nein", "no"),
    "decided_released": ("alle nötigen Freigaben liegen vor", "all approvals that are needed are there"),
    "decided_proposed": ("es fehlen noch Freigaben", "approvals are still missing"),
    # -- everybody -----------------------------------------------------------------------------------------------------
    "column_receives": ("erhält", "receives"),
    "column_persons": ("Personen", "persons"),
    "column_rule": ("Regel", "rule"),
    "column_why": ("warum", "why"),
    "column_who": ("Organisationen", "organisations"),
    "explain_and_more": (" und {number} weitere", " and {number} more"),
    "explain_more_groups": ("{number} weitere Gründe; mit --json alle", "{number} more reasons; all with --json"),
    "explain_devices": ("Empfängergeräte nach den Regeln: {devices}", "recipient devices by the rules: {devices}"),
    "explain_difference": (
        "gegenüber der unterschriebenen Meldung: {joining} kämen hinzu, {leaving} fielen weg",
        "against the alert as signed: {joining} would join, {leaving} would leave"),
    # -- what was checked ----------------------------------------------------------------------------------------------
    "explain_checked": (
        "geprüft: Kennung, Unterschriften und Empfängerliste dieser Meldung ({leaves} Geräte)",
        "checked: id, signatures and leaf list of this alert ({leaves} devices)"),
    "explain_checked_clear": (
        "geprüft: Kennung und Unterschriften dieser Meldung",
        "checked: id and signatures of this alert"),
    "explain_fault": ("stimmt nicht: {sentence} [{code}]", "does not hold: {sentence} [{code}]"),
    "explain_limit": (
        "erklärt ist, was das Prüfpaket sagt; dass es vollständig und echt ist, beweist exchange audit verify",
        "this explains what the bundle says; that it is whole and genuine, exchange audit verify proves"),
    "organisation_authority": ("Behörde", "authority"),
    "organisation_chamber": ("Kammer", "chamber"),
    "organisation_company": ("Unternehmen", "company"),
    "organisation_municipality": ("Kommune", "municipality"),
    "organisation_client": ("Mandant", "client"),
    # -- errors by code ------------------------------------------------------------------------------------------------
    "code_alert-not-found": ("diese Meldung steht nicht im Journal: {detail}", "this alert is not in the journal: {detail}"),
    "code_alert-ambiguous": ("mehrere Meldungen beginnen so: {detail}", "several alerts begin so: {detail}"),
    "code_person-not-found": (
        "diese Person kennt die Teilnehmerliste zur Zeit der Meldung nicht: {detail}",
        "the registry did not know this person when the alert was made: {detail}"),
    "code_person-ambiguous": ("mehrere Personen heißen oder beginnen so: {detail}", "several persons match: {detail}"),
    "code_subject-not-found": (
        "das kennt die Teilnehmerliste zur Zeit der Meldung nicht: {detail}",
        "the registry did not know this when the alert was made: {detail}"),
    "code_subject-ambiguous": ("mehreres heißt oder beginnt so: {detail}", "several match: {detail}"),
    "code_bundle-unreadable": ("das Prüfpaket ist hier nicht lesbar: {detail}", "the bundle cannot be read here: {detail}"),
    "code_registry-unreadable": (
        "die Teilnehmerliste lässt sich nicht nachvollziehen: {detail}",
        "the registry cannot be replayed: {detail}"),
    "code_hypothesis-malformed": ("--as-if ist nicht verständlich: {detail}", "--as-if cannot be understood: {detail}"),
}
"""Text key to (German, English)."""

HELP_AUDIT_EXPLAIN: dict[str, tuple[str, str]] = {
    "audit_explain": (
        "erklären, wer eine Meldung erhielt und wer nicht, und warum",
        "explain who received an alert and who did not, and why"),
    "arg_explain_alert": (
        "Journalnummer, oder Anfang der Kennung von Erklärung oder Meldung",
        "journal index, or the beginning of the statement's or alert's id"),
    "arg_explain_person": (
        "voller Name, oder Anfang der Kennung; ohne: alle",
        "full name, or the beginning of the id; without it: all"),
    "opt_as_if": (
        "angenommen, einer Person: kind, sector, area, role, topic, organisation; der Meldung: label, to-everyone, to-sector, "
        "to-area, to-topic, to-organisation, to-circle, to-person; mehrfach",
        "as if, a person's: kind, sector, area, role, topic, organisation; the alert's: label, to-everyone, to-sector, to-area, "
        "to-topic, to-organisation, to-circle, to-person; repeat it"),
}
"""Help key to (German, English)."""
# fmt: on
