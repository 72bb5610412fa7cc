"""The words of the command line's own machinery in German: usage, headings of a help page, what is wrong with the arguments.

The library that reads arguments speaks English. Its help pages are written by a class that can be replaced, its errors are
short sentences of a few forms; one that is not among them is shown as it came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from keys.language import Language

WORDS = {
    "Arguments": "Angaben",
    "Commands": "Befehle",
    "Options": "Optionen",
    "Show this message and exit.": "diese Hilfe zeigen",
}
PIECES = (
    (re.compile(r"\[required\]"), "[nötig]"),
    (re.compile(r"; required\]"), "; nötig]"),
    (re.compile(r"\[default: "), "[sonst: "),
    (re.compile(r"; default: "), "; sonst: "),
)
USAGE = (("[OPTIONS]", "[OPTIONEN]"), ("COMMAND [ARGS]...", "BEFEHL [ANGABEN]..."))
ERRORS = (
    (re.compile(r"No such option: (\S+)"), r"diese Option gibt es nicht: \1"),
    (re.compile(r"No such command (.+?)\."), r"diesen Befehl gibt es nicht: \1."),
    (re.compile(r"\(Possible options: (.+)\)"), r"(möglich: \1)"),
    (re.compile(r"Did you mean (.+?)\?"), r"Meinten Sie \1?"),
    (re.compile(r"Missing argument (.+?)\."), r"eine Angabe fehlt: \1."),
    (re.compile(r"Missing option (.+?)\."), r"eine Option fehlt: \1."),
    (re.compile(r"Missing command\."), "ein Befehl fehlt."),
    (re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.+)\)"), r"zu viele Angaben: \1"),
    (re.compile(r"Option (\S+) requires an argument\."), r"die Option \1 braucht einen Wert."),
    (re.compile(r"Option (\S+) does not take a value\."), r"die Option \1 nimmt keinen Wert."),
    (re.compile(r"Invalid value for (.+?): "), r"falscher Wert für \1: "),
    (re.compile(r"(.+) is not a valid integer\."), r"\1 ist keine ganze Zahl."),
    (re.compile(r"(.+) is not a valid int\."), r"\1 ist keine ganze Zahl."),
    (re.compile(r"(.+) is not in the range (.+)\."), r"\1 liegt nicht im Bereich \2."),
    (re.compile(r"(.+) is not one of (.+)\."), r"\1 ist keiner von \2."),
)


def in_words(message: str, language: Language) -> str:
    """What is wrong with the arguments, in one line without a full stop at its end."""
    if language == "de":
        for form, german in ERRORS:
            message = form.sub(german, message)
    line = message.strip().rstrip(".")
    # A German noun keeps its capital; these lines begin with one only where a value stands first.
    return line if language == "de" else line[:1].lower() + line[1:]


def formatter(plain: type[Any]) -> type[Any]:
    """The class that writes help pages, in German."""

    class German(plain):  # type: ignore[misc]
        """The library's own, with our words."""

        def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
            for english, german in USAGE:
                args = args.replace(english, german)
            super().write_usage(prog, args, "Aufruf: " if prefix is None else prefix)

        def write_heading(self, heading: str) -> None:
            super().write_heading(WORDS.get(heading, heading))

        def write_dl(self, rows: Sequence[tuple[str, str]], *given: Any, **more: Any) -> None:
            super().write_dl([(first, _said(second)) for first, second in rows], *given, **more)

    return German


def _said(text: str) -> str:
    text = WORDS.get(text, text)
    for form, german in PIECES:
        text = form.sub(german, text)
    return text
