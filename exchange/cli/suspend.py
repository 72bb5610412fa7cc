"""``exchange suspend``: prepare the suspension of an organisation for the registrars."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import (
    HomeOption,
    JsonOption,
    LangOption,
    PassphraseOption,
    RegistrarOption,
    chosen,
)
from exchange.cli.terminal import Terminal
from exchange.cli.texts import help_text


def suspend(
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION", help=help_text("arg_organisation"))],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("suspend.json"),
    registrar: RegistrarOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Write a signing file that suspends an organisation; it takes effect when the registrars signed it and it is posted."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.registry import find_organisation, prepare_for_registrars, write_for_registrars
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            found = find_organisation(member, organisation)
            envelope = prepare_for_registrars(member, registrar).statement(
                "organisation.suspend",
                organisation=found.id,
                previous=member.facts.chains[f"organisation/{found.id}"],
            )
            terminal.say("prepared_suspend", name=member.names.of(found.id))
            write_for_registrars(terminal, member, [SigningItem(envelope)], out)

    asyncio.run(work())
