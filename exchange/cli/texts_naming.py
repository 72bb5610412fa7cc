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
    "hint_witnesses_compare": (
        "diese Ziffern am Telefon mit den Betreibern der neuen Zeugen vergleichen; exchange witness init zeigt deren Schlüssel",
        "compare these digits by telephone with whoever runs the new witnesses; exchange witness init shows their keys"),
}
"""Text key to (German, English)."""

HELP_NAMING: dict[str, tuple[str, str]] = {
    "witnesses": ("Zeugen der Protokolle: benennen, ansehen", "witnesses of the logs: name them, look at them"),
    "witnesses_name": (
        "Benennung der Zeugen für die Registrare vorbereiten, immer aller zusammen",
        "prepare the naming of the witnesses for the registrars, always all of them"),
    "arg_witness_cards": ("Karten der Zeugen (witness.json)", "cards of the witnesses (witness.json)"),
    "opt_quorum": ("wie viele Zeugen genügen", "how many witnesses are enough"),
    "opt_witnesses_keep": (
        "die bisher benannten Zeugen bleiben, soweit keine Karte denselben Namen hat",
        "the witnesses named so far stay, unless a card has the same name"),
}
"""Help key to (German, English)."""
# fmt: on
