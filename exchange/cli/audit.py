"""``exchange audit``: export the logs, and verify an export offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import CommandError, Terminal
from exchange.cli.texts import help_text


def export(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help=help_text("opt_audit_out"))],
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Export both logs, the statements and the keys into a new folder."""
    terminal = Terminal(chosen(lang), as_json=json, home=home)
    try:
        from exchange.audit import export as exporting
    except ModuleNotFoundError:
        raise CommandError("not_in_this_release") from None
    import asyncio

    from exchange.cli.member import opened

    async def work() -> int:
        async with opened(terminal, passphrase_file) as member:
            return int(await exporting.run(member.client, out, terminal))

    raise typer.Exit(asyncio.run(work()))


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help=help_text("arg_audit"))],
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Verify an export without a network: consistency, signatures, four eyes, every decision."""
    terminal = Terminal(chosen(lang), as_json=json)
    try:
        from exchange.audit import verify as verifying
    except ModuleNotFoundError:
        raise CommandError("not_in_this_release") from None
    raise typer.Exit(int(verifying.run(folder, terminal)))
