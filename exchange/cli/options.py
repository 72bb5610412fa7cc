"""The options that commands share, declared once, so that they are called and explained the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.texts import help_text
from keys.language import Language, language_of


class Lang(StrEnum):
    """The languages of the command line."""

    de = "de"
    en = "en"


HomeOption = Annotated[Path | None, typer.Option("--home", metavar="DIR", help=help_text("opt_home"))]
LangOption = Annotated[Lang | None, typer.Option("--lang", help=help_text("opt_lang"))]
JsonOption = Annotated[bool, typer.Option("--json", help=help_text("opt_json"))]
YesOption = Annotated[bool, typer.Option("--yes", help=help_text("opt_yes"))]
PassphraseOption = Annotated[
    Path | None, typer.Option("--passphrase-file", metavar="FILE", help=help_text("opt_passphrase_file"))
]
UrlOption = Annotated[str | None, typer.Option("--url", metavar="URL", help=help_text("opt_url"))]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))]
RegistrarOption = Annotated[
    Path | None, typer.Option("--registrar", metavar="A.pub", help=help_text("opt_registrar_issuer"))
]
ConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE", help=help_text("opt_config"))]


def chosen(lang: Lang | None) -> Language:
    """The language asked for, or the locale's."""
    return language_of(None if lang is None else lang.value)


RotationOption = Annotated[
    list[Path] | None, typer.Option("--rotation", metavar="FILE", help=help_text("opt_rotation"))
]
