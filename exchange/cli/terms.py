"""``exchange terms``: show the terms of participation, and accept them for the own organisation."""

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
from exchange.cli.terminal import CommandError, Terminal, read_file, write_new
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member

MAX_TERMS = 16 << 20
"""Bytes of the terms' document."""


def show(
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help=help_text("opt_terms_save"))] = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Say which terms are in force, and whether the own organisation has accepted them."""
    import asyncio

    from exchange.cli.connect import now
    from exchange.cli.member import opened
    from exchange.cli.times import DAY, iso, moment

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            if save is not None and member.facts.terms:
                write_new(save, await _fetch(member))
                terminal.say("terms_saved", file=save, version=member.facts.terms[-1].version)
            if not member.facts.terms:
                raise CommandError("no_terms")
            current = member.facts.terms[-1]
            own = member.facts.organisations[member.person.organisation]
            # A client's acceptance is its sponsor's.
            accepted = member.facts.organisations[own.sponsor or own.id].terms
            if json:
                terminal.json(
                    {
                        "accept_by": iso(current.accept_by),
                        "accepted": accepted,
                        "document": current.document,
                        "statement": current.statement,
                        "version": current.version,
                    }
                )
                return
            until = moment(current.accept_by, terminal.language)
            terminal.data(terminal.text("terms_line", version=current.version, until=until, sha256=current.document))
            terminal.data(terminal.text("terms_accepted" if accepted == current.version else "terms_open"))
            left = current.accept_by - now()
            if accepted != current.version and left > 0:
                terminal.data(terminal.text("terms_left", days=left // DAY))

    asyncio.run(work())


def accept(
    document: Annotated[Path | None, typer.Option("--document", metavar="FILE", help=help_text("opt_document"))] = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Accept the current terms of participation for the own organisation."""
    import asyncio
    import hashlib

    from exchange.cli.admit import report
    from exchange.cli.member import opened
    from exchange.cli.registry import carry_or_post, check_administrator, prepare
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    text = None if document is None else read_file(document, max_bytes=MAX_TERMS)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            own = check_administrator(member)
            if not member.facts.terms:
                raise CommandError("no_terms")
            current = member.facts.terms[-1]
            if text is not None and hashlib.sha256(text).hexdigest() != current.document:
                raise CommandError("terms_other_document", file=document, version=current.version)
            if member.facts.organisations[own.organisation].terms == current.version:
                terminal.say("terms_accepted")
                return
            name = member.names.of(own.organisation)
            terminal.confirm("ask_terms", yes=yes, version=current.version, name=name, sha256=current.document)
            envelope = prepare(member, alone=True).statement(
                "terms.accept",
                organisation=own.organisation,
                previous=member.facts.chains.get(f"acceptance/{own.organisation}"),
                terms=current.statement,
            )
            results = await carry_or_post(terminal, member, [SigningItem(envelope)], signers="one", out=None)
            report(terminal, results or [])

    asyncio.run(work())


async def _fetch(member: Member) -> bytes:
    """The current terms' document from the exchange, compared with the hash that the registrars signed.

    Raises CommandError ``terms_wrong``, Refused when nobody has uploaded it yet.
    """
    import hashlib

    from exchange.model.scalars import BlobRef

    current = member.facts.terms[-1]
    data = await member.api.get_blob(BlobRef(length=MAX_TERMS, sha256=current.document))
    if hashlib.sha256(data).hexdigest() != current.document:
        raise CommandError("terms_wrong", version=current.version)
    return data


def define(
    document: Annotated[Path, typer.Argument(metavar="FILE", help=help_text("arg_terms"))],
    within: Annotated[str, typer.Option("--accept-within", metavar="30d", help=help_text("opt_within"))] = "30d",
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("terms.json"),
    registrar: RegistrarOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Write a signing file with the next version of the terms; the version before counts until its time to accept is over."""
    import asyncio
    import hashlib

    from exchange.cli.member import opened
    from exchange.cli.registry import prepare_for_registrars, write_for_registrars
    from exchange.cli.times import duration, moment
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    text = read_file(document, max_bytes=MAX_TERMS)
    seconds = duration(within)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            prepared = prepare_for_registrars(member, registrar)
            envelope = prepared.statement(
                "terms.define",
                accept_by=prepared.now + seconds,
                document={"length": len(text), "sha256": hashlib.sha256(text).hexdigest()},
                previous=member.facts.chains.get("terms"),
                version=len(member.facts.terms) + 1,
            )
            until = moment(prepared.now + seconds, terminal.language)
            terminal.say("prepared_terms", version=len(member.facts.terms) + 1, until=until)
            write_for_registrars(terminal, member, [SigningItem(envelope)], out)
            terminal.hint("hint_terms_upload", file=document)

    asyncio.run(work())


def upload(
    document: Annotated[Path, typer.Argument(metavar="FILE", help=help_text("arg_terms"))],
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Hand the terms' document to the exchange, for every member to read; only what the registrars named is taken."""
    import asyncio
    import hashlib

    from exchange.cli.member import opened

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    text = read_file(document, max_bytes=MAX_TERMS)
    digest = hashlib.sha256(text).hexdigest()

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            version = next((t.version for t in member.facts.terms if t.document == digest), None)
            if version is None:
                raise CommandError("terms_unknown_document", file=document)
            await member.api.put_blob(text)
            terminal.say("terms_uploaded", version=version)
            if json:
                terminal.json({"sha256": digest, "version": version})

    asyncio.run(work())
