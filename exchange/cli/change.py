"""``exchange person change`` and ``exchange organisation change``: what is recorded of somebody becomes something else.

What is not given stays as it is. A new name is a new commitment; the old one can then be erased (``exchange erase``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import (
    HomeOption,
    JsonOption,
    LangOption,
    OutOption,
    PassphraseOption,
    RegistrarOption,
    YesOption,
    chosen,
)
from exchange.cli.terminal import USAGE, CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from keys.registrar import Opening

AreaOption = Annotated[list[str] | None, typer.Option("--area", metavar="AGS", help=help_text("opt_area"))]
SectorOption = Annotated[list[str] | None, typer.Option("--sector", metavar="SECTOR", help=help_text("opt_sector"))]
NO_TOPICS = "none"
"""What says that a list becomes empty."""


def person(
    subject: Annotated[str, typer.Argument(metavar="PERSON", help=help_text("arg_person"))],
    role: Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help=help_text("opt_role"))] = None,
    topic: Annotated[list[str] | None, typer.Option("--topic", metavar="TOPIC", help=help_text("opt_topics"))] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help=help_text("opt_name"))] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help=help_text("opt_title"))] = None,
    contact: Annotated[str | None, typer.Option("--contact", metavar="TEXT", help=help_text("opt_contact"))] = None,
    out: OutOption = None,
    registrar: RegistrarOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Change a person's roles, topics or name."""
    import asyncio
    from os import urandom

    from exchange.cli.admit import report
    from exchange.cli.member import opened
    from exchange.cli.registry import (
        administers,
        carry_or_post,
        find_subject,
        needs,
        prepare,
        prepare_for_registrars,
        write_for_registrars,
    )
    from exchange.client.enrol import commit
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if not any((role, topic, name, title, contact)):
        raise CommandError("change_what", status=USAGE)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            _, found = find_subject(member, subject, ("person",))
            before = member.facts.persons[found]
            roles = before.roles if role is None else frozenset(role)
            topics = before.topics if topic is None else frozenset(topic) - {NO_TOPICS}
            signers = needs(before.roles, roles) if administers(member, before.organisation) else "registrars"
            prepared = (
                prepare_for_registrars(member, registrar)
                if signers == "registrars"
                else prepare(member, alone=signers == "one")
            )
            commitments: dict[str, str] | None = None
            openings: tuple[Opening, ...] = ()
            if name is not None or title is not None or contact is not None:
                names = member.client.replica.names

                def kept(given: str | None, field: str) -> str | None:
                    return given if given is not None else names.get("person", found, field)

                if kept(name, "name") is None:
                    raise CommandError("change_needs_name")
                # Openings are committed to anew together: an address for notices that is not here again would be taken back.
                commitments, openings = commit(
                    urandom,
                    name=kept(name, "name"),
                    title=kept(title, "title"),
                    contact=kept(contact, "contact"),
                    notice=kept(None, "notice"),
                )
            envelope = prepared.statement(
                "person.change",
                commitments=commitments,
                person=found,
                previous=member.facts.chains[f"person/{found}"],
                roles=sorted(roles),
                topics=sorted(topics),
            )
            called = member.names.of(found)
            terminal.confirm(
                "ask_change_person",
                yes=yes,
                name=called,
                roles=", ".join(sorted(roles)),
                topics=", ".join(sorted(topics)) or "-",
            )
            items = [SigningItem(envelope, openings)]
            if signers == "registrars":
                write_for_registrars(terminal, member, items, out or Path("person.json"))
                return
            results = await carry_or_post(terminal, member, items, signers=signers, out=out)
            if results is not None:
                report(terminal, results)

    asyncio.run(work())


def organisation(
    subject: Annotated[str, typer.Argument(metavar="ORGANISATION", help=help_text("arg_organisation"))],
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help=help_text("opt_kind"))] = None,
    sector: SectorOption = None,
    area: AreaOption = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help=help_text("opt_organisation_name"))] = None,
    contact: Annotated[str | None, typer.Option("--contact", metavar="TEXT", help=help_text("opt_contact"))] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("organisation.json"),
    registrar: RegistrarOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Write a signing file that changes what is recorded of an organisation."""
    import asyncio
    from os import urandom

    from exchange.cli.member import opened
    from exchange.cli.registry import find_organisation, prepare_for_registrars, write_for_registrars
    from exchange.client.enrol import commit
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if not any((kind, sector, area, name, contact)):
        raise CommandError("change_what", status=USAGE)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            found = find_organisation(member, subject)
            commitments: dict[str, str] | None = None
            openings: tuple[Opening, ...] = ()
            if name is not None or contact is not None:
                names = member.client.replica.names
                called = name if name is not None else names.get("organisation", found.id)
                if called is None:
                    raise CommandError("change_needs_name")
                reached = contact if contact is not None else names.get("organisation", found.id, "contact")
                commitments, openings = commit(urandom, name=called, contact=reached)
            envelope = prepare_for_registrars(member, registrar).statement(
                "organisation.change",
                areas=sorted(set(area or found.areas)),
                commitments=commitments,
                kind=kind or found.kind,
                organisation=found.id,
                previous=member.facts.chains[f"organisation/{found.id}"],
                sectors=sorted((frozenset(sector) if sector else found.sectors) - {NO_TOPICS}),
            )
            terminal.say("prepared_change", name=member.names.of(found.id))
            write_for_registrars(terminal, member, [SigningItem(envelope, openings)], out)

    asyncio.run(work())
