"""``exchange invite``: (a) for the start of a partnership, from its description; (b) one person, by an administrator."""

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
    RotationOption,
    UrlOption,
    YesOption,
    chosen,
)
from exchange.cli.terminal import USAGE, CommandError, Terminal, read_file, write_new
from exchange.cli.texts import help_text

MAX_TERMS = 16 << 20
"""Bytes of the terms' document."""


def invite(
    partnership: Annotated[
        Path | None, typer.Option("--partnership", metavar="FILE.toml", help=help_text("opt_partnership"))
    ] = None,
    organisation: Annotated[
        list[str] | None, typer.Option("--organisation", metavar="HANDLE", help=help_text("opt_only"))
    ] = None,
    exchange: Annotated[str | None, typer.Option("--exchange", metavar="ID", help=help_text("opt_exchange"))] = None,
    registrar: RegistrarOption = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help=help_text("opt_name"))] = None,
    client: Annotated[str | None, typer.Option("--client", metavar="NAME", help=help_text("opt_client"))] = None,
    role: Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help=help_text("opt_role"))] = None,
    topic: Annotated[list[str] | None, typer.Option("--topic", metavar="TOPIC", help=help_text("opt_topic"))] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help=help_text("opt_title"))] = None,
    contact: Annotated[str | None, typer.Option("--contact", metavar="TEXT", help=help_text("opt_contact"))] = None,
    notice: Annotated[str | None, typer.Option("--notice", metavar="ADDRESS", help=help_text("opt_notice"))] = None,
    rotation: RotationOption = None,
    url: UrlOption = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR|FILE", help=help_text("opt_invite_out"))] = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Prepare enrolments and write invitations."""
    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if (partnership is None) == (name is None) or (client is not None and name is None):
        raise CommandError("invite_which", hints=("hint_invite_which",), status=USAGE)
    if partnership is not None:
        if url is None or out is None:
            raise CommandError("invite_needs_url_out", status=USAGE)
        _partnership(terminal, partnership, url, out, organisation or [], exchange, registrar, rotation)
    else:
        _person(
            terminal, str(name), client, role or ["officer"], topic or [], title, contact, notice, out, passphrase_file,
            yes,
        )  # fmt: skip


def _partnership(
    terminal: Terminal,
    description: Path,
    url: str,
    folder: Path,
    only: list[str],
    exchange: str | None,
    registrar: Path | None,
    rotated: list[Path] | None,
) -> None:
    import asyncio
    from os import urandom

    from exchange.cli.connect import must_sign, preparation, public, registrar_issuer, rotations
    from exchange.client import enrol, partnership
    from keys.registrar import MAX_STATEMENTS, SigningFile
    from keys.verify import exchange_fingerprint

    described = partnership.parse(read_file(description, max_bytes=partnership.MAX_DESCRIPTION))
    document = None
    if described.terms is not None:
        document = read_file(description.parent / Path(described.terms.file).name, max_bytes=MAX_TERMS)

    async def greet() -> enrol.Greeting:
        async with public(url) as api:
            return await enrol.greet(api, exchange, rotations(rotated))

    greeting = asyncio.run(greet())
    if greeting.body.origin != described.origin:
        raise CommandError("other_origin", wanted=described.origin, found=greeting.body.origin)
    founded = greeting.registry_size > 1
    if founded and not only:
        raise CommandError("founded_already", hints=("hint_only",), code="partnership-began")
    prepared = preparation(greeting.exchange, greeting.seen, registrar_issuer(greeting.registrars, registrar), urandom)
    items, invitees = partnership.statements(
        described, prepared, url=url, document=document, founded=founded, only=only
    )
    files = [items[start : start + MAX_STATEMENTS] for start in range(0, len(items), MAX_STATEMENTS)]
    names = ["registry.json"] if len(files) == 1 else [f"registry-{n}.json" for n in range(1, len(files) + 1)]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digits = exchange_fingerprint(greeting.exchange)
    texts = {
        f"invitation-{i.handle}.txt": _invitation_file(enrol.encode_invitation(i.invited), digits) for i in invitees
    }
    for file in (*names, *texts):
        if (folder / file).exists():
            raise CommandError("file_exists", file=folder / file)
    for file, part in zip(names, files, strict=True):
        write_new(folder / file, SigningFile(greeting.exchange, tuple(part)).save())
    for file, text in texts.items():
        write_new(folder / file, text.encode())
    terminal.say("invite_done", statements=len(items), people=len(invitees), folder=folder)
    terminal.say("exchange_fingerprint", fingerprint=digits)
    terminal.hint(
        "hint_sign_registry",
        file=folder / names[0],
        threshold=greeting.registrars.threshold,
        url=url,
        first=must_sign(prepared.issuer, registrar),
    )
    if terminal.as_json:
        terminal.json(
            {
                "exchange": greeting.exchange,
                "invitations": {i.handle: str(folder / f"invitation-{i.handle}.txt") for i in invitees},
                "registry": [str(folder / file) for file in names],
                "statements": len(items),
            }
        )
    else:
        for file in (*names, *texts):
            terminal.data(folder / file)


def _invitation_file(line: str, digits: str) -> str:
    return f"{line}\n\nFingerabdruck der Austauschplattform / fingerprint of the exchange:\n{digits}\n"


def _person(
    terminal: Terminal,
    name: str,
    client: str | None,
    roles: list[str],
    topics: list[str],
    title: str | None,
    contact: str | None,
    notice: str | None,
    out: Path | None,
    passphrase_file: Path | None,
    yes: bool,
) -> None:
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.registry import carry_or_post, check_administrator, find_client, needs, prepare
    from exchange.client.enrol import encode_invitation
    from exchange.client.home import Invited
    from keys.verify import exchange_fingerprint

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            own = check_administrator(member)
            organisation = own.organisation if client is None else find_client(member, client).id
            signers = needs(frozenset(), frozenset(roles))
            if signers == "registrars":
                raise CommandError("auditor_by_registrars", hints=("hint_only",))
            prepared = prepare(member, alone=signers == "one")
            person, item = prepared.person(
                organisation, name=name, roles=roles, topics=topics, title=title, contact=contact, notice=notice
            )
            terminal.confirm("ask_invite", yes=yes, name=name, roles=", ".join(sorted(roles)))
            await carry_or_post(terminal, member, [item], signers=signers, out=out)
            invited = Invited(
                exchange=member.home.membership.exchange,
                name=next(o.value for o in item.openings if o.field == "name"),
                organisation=organisation,
                person=person,
                roles=tuple(sorted(set(roles))),  # type: ignore[arg-type]  # checked by the statement's schema
                url=member.home.membership.url,
            )
            line = encode_invitation(invited)
            terminal.say("exchange_fingerprint", fingerprint=exchange_fingerprint(invited.exchange))
            terminal.hint("hint_give_invitation")
            if terminal.as_json:
                terminal.json({"invitation": line, "person": person, "statement": item.envelope.statement_id})
            else:
                terminal.data(line)

    asyncio.run(work())
