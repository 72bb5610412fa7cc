"""``exchange remove``: a person at once, by the own administrator; an organisation by a signing file for the registrars."""

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
    YesOption,
    chosen,
)
from exchange.cli.terminal import USAGE, CommandError, Terminal
from exchange.cli.texts import help_text


def remove(
    organisation: Annotated[
        str | None, typer.Option("--organisation", metavar="NAME", help=help_text("opt_remove_organisation"))
    ] = None,
    person: Annotated[str | None, typer.Option("--person", metavar="NAME", help=help_text("opt_remove_person"))] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("remove.json"),
    registrar: RegistrarOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Remove a person or an organisation for good."""
    import asyncio

    from exchange.cli.admit import report
    from exchange.cli.member import Member, opened
    from exchange.cli.registry import (
        carry_or_post,
        check_administrator,
        find_organisation,
        find_person,
        prepare,
        prepare_for_registrars,
        write_for_registrars,
    )
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if (organisation is None) == (person is None):
        raise CommandError("remove_which", status=USAGE)

    async def remove_organisation(member: Member, name: str) -> None:
        found = find_organisation(member, name)
        envelope = prepare_for_registrars(member, registrar).statement(
            "organisation.remove", organisation=found.id, previous=member.facts.chains[f"organisation/{found.id}"]
        )
        terminal.say("prepared_remove", name=member.names.of(found.id))
        write_for_registrars(terminal, member, [SigningItem(envelope)], out)

    async def remove_person(member: Member, name: str) -> None:
        own = check_administrator(member)
        found = find_person(member, name)
        if found.organisation != own.organisation:
            raise CommandError("person_not_ours", name=name)
        terminal.confirm("ask_remove_person", yes=yes, name=member.names.of(found.id))
        envelope = prepare(member, alone=True).statement(
            "person.remove", person=found.id, previous=member.facts.chains[f"person/{found.id}"]
        )
        results = await carry_or_post(terminal, member, [SigningItem(envelope)], signers="one", out=None)
        report(terminal, results or [])

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            if organisation is not None:
                await remove_organisation(member, organisation)
            else:
                await remove_person(member, str(person))

    asyncio.run(work())
