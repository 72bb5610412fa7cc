"""``exchange erase``: names of those who left, and values that were replaced, are deleted everywhere; the log stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from exchange.cli.terminal import CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.enrol import Preparation
    from exchange.client.leaving import Erasable
    from keys.registrar import SigningItem


def erase(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help=help_text("arg_erase"))],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("erase.json"),
    registrar: RegistrarOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Erase what may be erased of a person, device, organisation or circle."""
    import asyncio

    from exchange.cli.admit import report
    from exchange.cli.member import opened
    from exchange.cli.registry import (
        administers,
        carry_or_post,
        find_subject,
        prepare,
        prepare_for_registrars,
        write_for_registrars,
    )
    from exchange.client.leaving import erasable

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            facts = member.facts
            family, found = find_subject(member, subject, ("person", "device", "organisation", "circle"), gone=True)
            wanted = erasable(facts, f"{family}/{found}")
            if not wanted:
                raise CommandError("erase_nothing", name=member.names.of(found))
            for one in wanted:
                terminal.say("erase_line", name=member.names.of(found), fields=", ".join(one.fields))
            terminal.confirm("ask_erase", yes=yes, name=member.names.of(found))
            match family:
                case "person":
                    owner = facts.persons[found].organisation
                case "device":
                    owner = facts.persons[facts.devices[found].person].organisation
                case _:
                    owner = found
            own = administers(member, owner) and (
                family in ("person", "device") or (family == "organisation" and facts.organisations[owner].client)
            )
            prepared = prepare(member, alone=True) if own else prepare_for_registrars(member, registrar)
            items = erasing(member, prepared, wanted)
            if own:
                results = await carry_or_post(terminal, member, items, signers="one", out=None)
                report(terminal, results or [])
            else:
                write_for_registrars(terminal, member, items, out)

    asyncio.run(work())


def erasing(member: Member, prepared: Preparation, wanted: Sequence[Erasable]) -> list[SigningItem]:
    """One ``opening.erase`` for each statement; those about one subject follow each other in its chain."""
    from keys.registrar import SigningItem

    newest: dict[str, str | None] = {}
    items = []
    for one in wanted:
        chain = f"opening/{one.chain.partition('/')[2]}"
        previous = newest.get(chain, member.facts.chains.get(chain))
        envelope = prepared.statement(
            "opening.erase", fields=sorted(one.fields), previous=previous, statement=one.statement, subject=one.chain
        )
        newest[chain] = envelope.statement_id
        items.append(SigningItem(envelope))
    return items
