"""``exchange terms``: show the terms of participation, and accept them for the own organisation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import CommandError, Terminal, read_file
from exchange.cli.texts import help_text

MAX_TERMS = 16 << 20
"""Bytes of the terms' document."""


def show(
    passphrase_file: PassphraseOption = None, home: HomeOption = None, lang: LangOption = None, json: JsonOption = False
) -> None:
    """Say which terms are in force, and whether the own organisation has accepted them."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.times import iso, moment

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            if not member.facts.terms:
                raise CommandError("no_terms")
            current = member.facts.terms[-1]
            accepted = member.facts.organisations[member.person.organisation].terms
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
