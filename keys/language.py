"""The language that a person is spoken to in: German or English. What is said stands in tables (`keys/texts.py`).

No terminal and no catalogue of the operating system's: two languages, chosen by ``--lang`` or by the locale.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Literal

Language = Literal["de", "en"]
LANGUAGES: tuple[Language, ...] = ("de", "en")


def language_of(asked: str | None = None, environ: Mapping[str, str] = os.environ) -> Language:
    """The language asked for, else the locale's, else German.

    The locale counts when it names a language: any other than German reads English, the bare ``C`` reads German.
    """
    if asked in ("de", "en"):
        return "de" if asked == "de" else "en"
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environ.get(name, "")
        if value:
            plain = value.partition(".")[0].partition("_")[0].lower()
            return "de" if plain in ("de", "c", "posix") else "en"
    return "de"


def process_language(arguments: Sequence[str] | None = None) -> Language:
    """The language of this run, read from the raw arguments: help texts and errors are needed before they are parsed."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for place, argument in enumerate(given):
        if argument.startswith("--lang="):
            return language_of(argument.partition("=")[2])
        if argument == "--lang" and place + 1 < len(given):
            return language_of(given[place + 1])
    return language_of()
