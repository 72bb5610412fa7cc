"""``exchange renew``: prepare a longer membership for the registrars; it also lifts a suspension."""

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
from exchange.cli.terminal import USAGE, CommandError, Terminal
from exchange.cli.texts import help_text


def renew(
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION", help=help_text("arg_organisation"))],
    term: Annotated[str | None, typer.Option("--for", metavar="730d", help=help_text("opt_for"))] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("renew.json"),
    registrar: RegistrarOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Write a signing file that renews a membership from now on; for a suspended organisation it lifts the suspension."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.registry import find_organisation, prepare_for_registrars, write_for_registrars
    from exchange.cli.times import duration, moment
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    seconds = None if term is None else duration(term)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            found = find_organisation(member, organisation)
            if seconds is None and not found.suspended:
                raise CommandError("renew_needs_for", status=USAGE)
            prepared = prepare_for_registrars(member, registrar)
            expires = found.expires if seconds is None else prepared.now + seconds
            if expires < found.expires:
                raise CommandError("renew_shortens", until=moment(found.expires, terminal.language))
            envelope = prepared.statement(
                "organisation.renew",
                expires=expires,
                organisation=found.id,
                previous=member.facts.chains[f"organisation/{found.id}"],
            )
            terminal.say(
                "prepared_reinstate" if found.suspended else "prepared_renew",
                name=member.names.of(found.id),
                until=moment(expires, terminal.language),
            )
            write_for_registrars(terminal, member, [SigningItem(envelope)], out)

    asyncio.run(work())
