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
    organisation: Annotated[
        str | None, typer.Argument(metavar="ORGANISATION", help=help_text("arg_organisation"))
    ] = None,
    term: Annotated[str | None, typer.Option("--for", metavar="730d", help=help_text("opt_for"))] = None,
    expiring: Annotated[
        int | None, typer.Option("--expiring", metavar="DAYS", min=1, max=1098, help=help_text("opt_expiring"))
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="2028-12-31", help=help_text("opt_until"))] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("renew.json"),
    registrar: RegistrarOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Write a signing file that renews one membership, or all that run out; for a suspended organisation it lifts that."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.registry import find_organisation, prepare_for_registrars, write_for_registrars
    from exchange.cli.times import DAY, duration, end_of, moment
    from keys.registrar import MAX_STATEMENTS, SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if (organisation is None) == (expiring is None) or (term is not None and until is not None):
        raise CommandError("renew_which", status=USAGE)
    seconds = None if term is None else duration(term)
    end = None if until is None else end_of(until)
    if expiring is not None and seconds is None and end is None:
        raise CommandError("renew_needs_for", status=USAGE)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            facts = member.facts
            prepared = prepare_for_registrars(member, registrar)
            if organisation is not None:
                chosen_ones = [find_organisation(member, organisation)]
                if chosen_ones[0].client:
                    raise CommandError("renew_client", name=member.names.of(chosen_ones[0].id))
                if seconds is None and end is None and not chosen_ones[0].suspended:
                    raise CommandError("renew_needs_for", status=USAGE)
            else:
                # A suspension is lifted on purpose only: a batch leaves it as it is. Clients are their sponsors'.
                latest = prepared.now + int(expiring or 0) * DAY
                chosen_ones = [
                    o
                    for o in facts.organisations.values()
                    if not (o.removed or o.suspended or o.client) and o.expires <= latest
                ]
                if not chosen_ones:
                    raise CommandError("renew_nobody", days=expiring)
                if len(chosen_ones) > MAX_STATEMENTS:
                    terminal.say("renew_first", most=MAX_STATEMENTS, number=len(chosen_ones))
                    chosen_ones = sorted(chosen_ones, key=lambda o: o.expires)[:MAX_STATEMENTS]
            items = []
            for found in chosen_ones:
                expires = found.expires if seconds is None else prepared.now + seconds
                expires = expires if end is None else end
                if expires < found.expires:
                    raise CommandError("renew_shortens", until=moment(found.expires, terminal.language))
                envelope = prepared.statement(
                    "organisation.renew",
                    expires=expires,
                    organisation=found.id,
                    previous=facts.chains[f"organisation/{found.id}"],
                )
                terminal.say(
                    "prepared_reinstate" if found.suspended else "prepared_renew",
                    name=member.names.of(found.id),
                    until=moment(expires, terminal.language),
                )
                items.append(SigningItem(envelope))
            write_for_registrars(terminal, member, items, out)

    asyncio.run(work())
