"""``exchange absent``: be away without being silent."""

from __future__ import annotations

from typing import Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import USAGE, CommandError, Terminal
from exchange.cli.texts import help_text


def absent(
    until: Annotated[str | None, typer.Option("--for", metavar="14d", help=help_text("opt_absent_for"))] = None,
    deputy: Annotated[str | None, typer.Option("--deputy", metavar="NAME", help=help_text("opt_deputy"))] = None,
    back: Annotated[bool, typer.Option("--back", help=help_text("opt_back"))] = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Tell sources of alerts that arrive from now on how long this person is away, and who stands in."""
    import asyncio

    from exchange.cli.connect import now
    from exchange.cli.member import opened
    from exchange.cli.times import duration, moment
    from exchange.client.absence import absence_of, end_absence, set_absence
    from exchange.client.draft import resolve

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if back and (until is not None or deputy is not None):
        raise CommandError("absent_which", status=USAGE)
    if deputy is not None and until is None:
        raise CommandError("absent_how_long", status=USAGE)
    ends = None if until is None else now() + duration(until)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            if back:
                end_absence(member.client)
            elif ends is not None:
                person = None if deputy is None else resolve(member.client.replica, "person", deputy)
                set_absence(member.client, ends, person)
            absence = absence_of(member.client)
            if absence is None:
                terminal.say("absent_not")
            else:
                terminal.say("absent_until", when=moment(absence.until, terminal.language))
                if absence.deputy is not None:
                    terminal.say("away_deputy", name=member.names.of(absence.deputy))
                terminal.say("absent_tells")
            if json:
                terminal.json({"absence": None if absence is None else absence.to_json()})

    asyncio.run(work())
