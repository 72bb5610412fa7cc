"""``exchange notice``: an administrator enters, changes or removes the e-mail address for a person's notices (``person.change``).

A person wants notices or does not; the address is an opening like its name. Roles and topics stay as they are, and so do name,
title and contact, which are committed to anew with the address, because a statement's commitments replace the earlier ones.
"""

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


def notice(
    person: Annotated[str, typer.Argument(metavar="PERSON", help=help_text("arg_person"))],
    address: Annotated[str | None, typer.Option("--address", metavar="ADDRESS", help=help_text("opt_notice"))] = None,
    off: Annotated[bool, typer.Option("--off", help=help_text("opt_notice_off"))] = False,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("notice.json"),
    registrar: RegistrarOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Enter or remove the address of a person's e-mail notices, at once; for an auditor the registrars sign."""
    import asyncio

    from exchange.cli.admit import report
    from exchange.cli.member import opened
    from exchange.cli.registry import (
        carry_or_post,
        check_administrator,
        find_person,
        needs,
        prepare,
        prepare_for_registrars,
        write_for_registrars,
    )

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if (address is None) != off:
        raise CommandError("notice_which", status=USAGE)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            own = check_administrator(member)
            found = find_person(member, person)
            if found.organisation != own.organisation:
                raise CommandError("person_not_ours", name=person)
            names = member.client.replica.names
            name = names.get("person", found.id)
            if name is None:
                raise CommandError("notice_nameless", name=person)
            kept = {field: names.get("person", found.id, field) for field in ("title", "contact")}
            previous = member.facts.chains[f"person/{found.id}"]
            signers = needs(found.roles, found.roles)
            by_registrars = signers == "registrars"
            prepared = prepare_for_registrars(member, registrar) if by_registrars else prepare(member, alone=True)
            item = prepared.change_person(found, previous, name=name, notice=address, **kept)
            if address is not None:
                terminal.confirm("ask_notice", yes=yes, name=name, address=address)
            else:
                terminal.confirm("ask_notice_off", yes=yes, name=name)
            if by_registrars:
                write_for_registrars(terminal, member, [item], out)
                return
            results = await carry_or_post(terminal, member, [item], signers=signers, out=None)
            report(terminal, results or [])

    asyncio.run(work())
