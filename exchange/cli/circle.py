"""``exchange circle``: define a circle, change who is in it, show the circles there are."""

from __future__ import annotations

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

MEMBERS = ("organisation", "person", "circle")
"""What a circle is made of."""
MembersOption = Annotated[list[str] | None, typer.Option("--add", metavar="NAME", help=help_text("opt_circle_add"))]
CuratorOption = Annotated[list[str] | None, typer.Option("--curator", metavar="PERSON", help=help_text("opt_curator"))]
CircleArgument = Annotated[str, typer.Argument(metavar="CIRCLE", help=help_text("arg_circle"))]


def members_of(member: Member, names: list[str] | None) -> dict[str, list[str]] | None:
    """Names sorted by what they name, as a statement has them; None for none."""
    from exchange.cli.registry import find_subject

    found: dict[str, list[str]] = {}
    for name in names or ():
        family, subject = find_subject(member, name, MEMBERS)
        found.setdefault(f"{family}s", []).append(subject)
    return {family: sorted(set(ids)) for family, ids in found.items()} or None


def curators_of(member: Member, names: list[str] | None) -> list[str] | None:
    """Curators by name, as a statement has them; None for none."""
    from exchange.cli.registry import find_subject

    return sorted({find_subject(member, name, ("person",))[1] for name in names or ()}) or None


def define(
    name: Annotated[str, typer.Argument(metavar="NAME", help=help_text("arg_circle_name"))],
    curator: CuratorOption = None,
    add: MembersOption = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("circle.json"),
    registrar: RegistrarOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Write a signing file that defines a circle."""
    import asyncio
    from os import urandom

    from exchange.cli.member import opened
    from exchange.cli.registry import prepare_for_registrars, write_for_registrars
    from exchange.client.enrol import commit
    from keys import encoding
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            curators = curators_of(member, curator)
            if curators is None:
                raise CommandError("circle_needs_curator")
            commitments, openings = commit(urandom, name=name)
            envelope = prepare_for_registrars(member, registrar).statement(
                "circle.define",
                circle=encoding.b64u(urandom(16)),
                commitments=commitments,
                curators=curators,
                members=members_of(member, add),
            )
            terminal.say("prepared_circle", name=name)
            write_for_registrars(terminal, member, [SigningItem(envelope, openings)], out)

    asyncio.run(work())


def change(
    circle: CircleArgument,
    add: MembersOption = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="NAME", help=help_text("opt_circle_remove"))
    ] = None,
    curator: CuratorOption = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help=help_text("opt_circle_name"))] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("circle.json"),
    registrar: RegistrarOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Change a circle: its members at once by a curator; its curators and name by the registrars."""
    import asyncio
    from os import urandom

    from exchange.cli.admit import report
    from exchange.cli.member import opened
    from exchange.cli.registry import (
        carry_or_post,
        find_subject,
        prepare,
        prepare_for_registrars,
        write_for_registrars,
    )
    from exchange.client.enrol import commit
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            _, found = find_subject(member, circle, ("circle",))
            curators = curators_of(member, curator)
            at_once = member.person.id in member.facts.circles[found].curators and curators is None and name is None
            prepared = prepare(member, alone=True) if at_once else prepare_for_registrars(member, registrar)
            commitments, openings = commit(urandom, name=name)
            envelope = prepared.statement(
                "circle.change",
                add=members_of(member, add),
                circle=found,
                commitments=commitments or None,
                curators=curators,
                previous=member.facts.chains[f"circle/{found}"],
                remove=members_of(member, remove),
            )
            items = [SigningItem(envelope, openings)]
            if not at_once:
                terminal.say("prepared_circle", name=member.names.of(found))
                write_for_registrars(terminal, member, items, out)
                return
            terminal.confirm("ask_circle", yes=yes, name=member.names.of(found))
            results = await carry_or_post(terminal, member, items, signers="one", out=None)
            report(terminal, results or [])

    asyncio.run(work())


def show(
    circle: Annotated[str | None, typer.Argument(metavar="CIRCLE", help=help_text("arg_circle"))] = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """List the circles, or the members of one; who was not opened to this member is shown by id."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.registry import find_subject

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file, may_be_offline=True) as member:
            facts, names = member.facts, member.names
            wanted = sorted(facts.circles) if circle is None else [find_subject(member, circle, ("circle",))[1]]
            if json:
                terminal.json(
                    {
                        "circles": [
                            {
                                "circle": c,
                                "circles": sorted(facts.circles[c].circles),
                                "curators": sorted(facts.circles[c].curators),
                                "name": names.of(c) if names.known(c) else "",
                                "organisations": sorted(facts.circles[c].organisations),
                                "persons": sorted(facts.circles[c].persons),
                            }
                            for c in wanted
                        ]
                    }
                )
                return
            if circle is None:
                head = [terminal.text("head_circle"), terminal.text("head_members"), terminal.text("head_curators")]
                rows = [(names.of(c), facts.circles[c].size, len(facts.circles[c].curators)) for c in wanted]
                terminal.table(rows, head)
                return
            found = facts.circles[wanted[0]]
            groups = (
                ("circle_curator", found.curators),
                ("circle_organisation", found.organisations),
                ("circle_person", found.persons),
                ("circle_circle", found.circles),
            )
            terminal.table([(terminal.text(word), names.of(i), i) for word, ids in groups for i in sorted(ids)])

    asyncio.run(work())
