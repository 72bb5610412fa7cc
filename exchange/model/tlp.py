"""The traffic light: FIRST TLP 2.0's labels, their order, colours and words (``users.md``'s table is its source).

A label is never translated and never mapped to a lower one; TLP 1's WHITE reads as CLEAR.
"""

from __future__ import annotations

from enum import StrEnum


class Label(StrEnum):
    """A TLP 2.0 label as it stands in signed bytes; people see it with the prefix ``TLP:``."""

    RED = "RED"
    AMBER_STRICT = "AMBER+STRICT"
    AMBER = "AMBER"
    GREEN = "GREEN"
    CLEAR = "CLEAR"

    @property
    def display(self) -> str:
        """The label as FIRST writes it, ``TLP:AMBER+STRICT``."""
        return f"TLP:{self.value}"

    @property
    def colour(self) -> str:
        """FIRST's font colour on black, ``#RRGGBB``; the text always stands beside it."""
        return _COLOURS[self]

    @property
    def sealed(self) -> bool:
        """Whether alerts of this label are encrypted (all but CLEAR)."""
        return self is not Label.CLEAR


_COLOURS = {
    Label.RED: "#FF2B2B",
    Label.AMBER_STRICT: "#FFC000",
    Label.AMBER: "#FFC000",
    Label.GREEN: "#33FF00",
    Label.CLEAR: "#FFFFFF",
}


def parse_label(text: str) -> Label:
    """Read a label as people write it: with or without ``TLP:``, any case, TLP 1's WHITE as CLEAR.

    Raises ValueError for anything else: an unknown label is never guessed.
    """
    name = text.strip().upper().removeprefix("TLP:").strip()
    if name == "WHITE":
        return Label.CLEAR
    return Label(name)
