"""The words of naming witnesses and of how the exchange says they stand: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
NAMING: dict[str, tuple[str, str]] = {
    "witnesses_bad_card": (
        "{file} ist keine Karte eines Zeugen (witness.json): {reason}",
        "{file} is not the card of a witness (witness.json): {reason}"),
    "witnesses_twice": ("{name} ist zweimal angegeben", "{name} is given twice"),
    "witnesses_none": (
        "es ist kein Zeuge angegeben; mit --quorum 0 wird danach keiner mehr gefragt",
        "no witness is given; with --quorum 0 none is asked any more"),
    "witnesses_number": (
        "von {number} Zeugen können nicht {quorum} genügen; es sind höchstens {most}, und mindestens einer genügt",
        "of {number} witnesses {quorum} cannot be enough; there are at most {most}, and at least one is enough"),
    "witnesses_stays": ("bleibt: {name}, {url}", "stays: {name}, {url}"),
    "witnesses_comes": ("kommt: {name}, {url}", "comes: {name}, {url}"),
    "witnesses_changes": (
        "ändert sich: {name}, {url} (Schlüssel oder Adresse)",
        "changes: {name}, {url} (keys or address)"),
    "witnesses_goes": ("geht: {name}", "goes: {name}"),
    "witnesses_enough": (
        "{quorum} von {number} Zeugen genügen",
        "{quorum} of {number} witnesses are enough"),
    "witnesses_nobody": ("danach wird kein Zeuge mehr gefragt", "no witness is asked any more then"),
    "witnesses_loose": (
        "ACHTUNG: mit {quorum} von {number} können zwei Gruppen von Zeugen verschiedene Protokolle bestätigen; erst mehr "
        "als die Hälfte schließt das ohne einen unehrlichen Zeugen aus",
        "CAREFUL: with {quorum} of {number} two groups of witnesses may confirm different logs; only more than half excludes "
        "that without a dishonest witness"),
    "witnesses_unnamed": (
        "es ist kein Zeuge benannt: dass allen dieselben Protokolle gezeigt werden, bestätigt niemand sonst",
        "no witness is named: nobody else confirms that all are shown the same logs"),
    "witnesses_quorum": (
        "{log}: mindestens {quorum} von {number} Zeugen haben Größe {size} von {head} mitgezeichnet, Stand {at}",
        "{log}: at least {quorum} of {number} witnesses cosigned size {size} of {head}, as of {at}"),
    "witnesses_no_quorum": (
        "{log}: noch keine Größe haben {quorum} von {number} Zeugen mitgezeichnet (das Protokoll hat {head})",
        "{log}: no size is cosigned by {quorum} of {number} witnesses yet (the log has {head})"),
    "head_log_registry": ("Teilnehmerliste", "registry"),
    "head_log_journal": ("Journal", "journal"),
    "head_witness": ("Zeuge", "witness"),
    "head_cosigned": ("mitgezeichnet", "cosigned"),
    "head_cosigned_at": ("laut eigener Unterschrift am", "by its own signature on"),
    "head_says": ("die Austauschplattform sagt", "the exchange says"),
    "state_witness_waiting": ("noch nicht gefragt", "not asked yet"),
    "state_witness_cosigned": ("zeichnet mit", "cosigns"),
    "state_witness_ahead": ("ALARM: kennt ein längeres Protokoll", "ALARM: knows a longer log"),
    "state_witness_proof-refused": ("ALARM: kennt ein anderes Protokoll", "ALARM: knows another log"),
    "state_witness_bad-cosignature": ("ALARM: falsche Unterschrift", "ALARM: wrong signature"),
    "state_witness_clock": ("Uhr geht falsch", "clock is wrong"),
    "state_witness_conflict": ("nennt keine gültige Größe", "names no valid size"),
    "state_witness_log-unknown": ("kennt das Protokoll nicht", "does not know the log"),
    "state_witness_key-unknown": ("kennt den Schlüssel nicht", "does not know the key"),
    "state_witness_request-refused": ("versteht die Frage nicht", "does not understand the question"),
    "state_witness_busy": ("überlastet", "busy"),
    "state_witness_failed": ("Fehler", "failed"),
    "state_witness_timeout": ("antwortet nicht in der Zeit", "does not answer in time"),
    "state_witness_unreachable": ("nicht erreichbar", "unreachable"),
    "state_witness_answer-size": ("antwortet zu viel", "answers too much"),
    "hint_witnesses_compare": (
        "diese Ziffern am Telefon mit den Betreibern der neuen Zeugen vergleichen; exchange witness init hat sie dort gezeigt",
        "compare these digits by telephone with whoever runs the new witnesses; exchange witness init showed them there"),
}
"""Text key to (German, English)."""

HELP_NAMING: dict[str, tuple[str, str]] = {
    "witnesses": ("Zeugen der Protokolle: benennen, ansehen", "witnesses of the logs: name them, look at them"),
    "witnesses_name": (
        "Benennung der Zeugen für die Registrare vorbereiten, immer aller zusammen",
        "prepare the naming of the witnesses for the registrars, always all of them"),
    "witnesses_show": (
        "zeigen, wer was wann mitgezeichnet hat, nach den Unterschriften der Zeugen selbst",
        "show who cosigned what and when, by the witnesses' own signatures"),
    "arg_witness_cards": ("Karten der Zeugen (witness.json)", "cards of the witnesses (witness.json)"),
    "opt_quorum": ("wie viele Zeugen genügen", "how many witnesses are enough"),
    "opt_witnesses_keep": (
        "die bisher benannten Zeugen bleiben, soweit keine Karte denselben Namen hat",
        "the witnesses named so far stay, unless a card has the same name"),
}
"""Help key to (German, English)."""
# fmt: on
