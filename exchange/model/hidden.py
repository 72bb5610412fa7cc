"""Characters that no reader sees, or that move what a reader sees: control, direction, invisible, unassigned (invariant I10).

One table for all who show or accept an author's words: the source refuses them, a screen shows them as ``<U+202E>``.
"""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_MARKS: Final = 4
"""Combining marks on one character that are shown as such; what is stacked higher covers other lines."""

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_INVISIBLE: Final = frozenset(
    (
        *(*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0x00AD, 0x061C, 0x180E, 0xFEFF),
        # Fillers, joiners and blanks that Unicode counts as letters, marks or symbols.
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810)),
        *range(0xE0100, 0xE01F0),
    )
)


def is_hidden(character: str) -> bool:
    """Whether a character is invisible, a control character, turns the reading direction, or means nothing yet."""
    if " " <= character <= "~":
        return False
    return ord(character) in _INVISIBLE or unicodedata.category(character) in _HIDDEN_CATEGORIES


def first_hidden(text: str, *, lines: bool = False) -> tuple[int, str] | None:
    """Offset and name (``U+202E``) of the first hidden character; ``lines`` allows line feeds and tabs."""
    for offset, character in enumerate(text):
        if is_hidden(character) and not (lines and character in "\n\t"):
            return offset, name(character)
    return None


def shown(text: str, *, lines: bool = False) -> str:
    """The text with every hidden character as ``<U+202E>``, so that it does nothing but stand there.

    ``lines`` keeps line feeds and tabs (a text's own paragraphs); everywhere else they are shown as well, so that nobody's
    words can begin a line of ours.
    """
    found: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        harmless = (not is_hidden(character) and marks <= MAX_MARKS) or (lines and character in "\n\t")
        found.append(character if harmless else f"<{name(character)}>")
    return "".join(found)


def name(character: str) -> str:
    """A character by its number, as people write it: ``U+202E``."""
    return f"U+{ord(character):04X}"
