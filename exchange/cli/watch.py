"""``exchange watch``: wait for new alerts. What is said aloud leaks nothing; the titles are for the terminal's reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import Terminal
from exchange.cli.texts import help_text
from exchange.cli.witnesses import Witnessed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from exchange.cli.member import Member
    from exchange.client.completeness import Count
    from exchange.client.sync import Synced


REMIND_SECONDS = 30
"""How often is looked at what waits, at least: an alert that came meanwhile, or was read in another window."""


def watch(
    number: Annotated[int | None, typer.Option("--count", min=1, metavar="N", help=help_text("opt_count"))] = None,
    poll: Annotated[bool, typer.Option("--poll", help=help_text("opt_poll"))] = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Print a line for each alert when it arrived, was verified and opened; Ctrl-C ends."""
    import asyncio
    import contextlib

    from exchange.cli.inbox import say_kept_back
    from exchange.cli.member import opened
    from exchange.cli.returned import say_returned
    from exchange.cli.view import SHOWN
    from exchange.client.watch import watch as rounds

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file, offline=True) as member:
            terminal.say("watching")
            connected = False
            left = number
            shown = {row.statement for row in member.state.alerts(*SHOWN)}
            named: set[int] = set()
            missing: set[str] = set()
            counted: Count | None = None
            stream = cast("AsyncGenerator[Synced, None]", rounds(member.client, poll=poll))
            witnessed = Witnessed(terminal, member)
            reminding = asyncio.create_task(_remind(terminal, member, witnessed))
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(contextlib.aclosing(stream))
                stack.callback(reminding.cancel)
                async for synced in stream:
                    if terminal.as_json and not connected:
                        # A script must know from when on nothing is missed.
                        terminal.json({"event": "watching", "journal": member.client.replica.size("journal")})
                    connected = True
                    say_returned(terminal, member, synced)
                    printed = _print(terminal, member, shown)
                    counted = _say_count(terminal, member, synced, counted)
                    say_kept_back(terminal, member, missing)
                    _name_failures(terminal, synced, named)
                    witnessed.tell()
                    if left is not None:
                        left -= printed
                        if left <= 0:
                            return

    # Ctrl-C is how watching ends.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(work())


def _say_count(terminal: Terminal, member: Member, synced: Synced, before: Count | None) -> Count:
    """How complete this device is, when that changed: "17 of 17", and what became of every other alert of the journal."""
    from exchange.cli.inbox import counts_json, say_journal

    now = synced.count
    if now != before:
        if terminal.as_json:
            terminal.json({"event": "count", **counts_json(member)})
        terminal.say("count_of", have=now.opened, all=now.total)
        say_journal(terminal, now)
    return now


async def _remind(terminal: Terminal, member: Member, witnessed: Witnessed) -> None:
    """Say what waits to be acknowledged: at half of its time, and when the time is over; each once. Ask for cosignatures."""
    import asyncio

    from exchange.cli.chain import newest_each
    from exchange.cli.connect import now
    from exchange.cli.inbox import say_due
    from exchange.cli.view import items
    from exchange.client.reminders import next_moment

    said: dict[str, int] = {}
    while True:
        await witnessed.ask()
        due = say_due(terminal, newest_each(items(member)), said)
        moment = next_moment(due, now())
        await asyncio.sleep(REMIND_SECONDS if moment is None else max(1, min(REMIND_SECONDS, moment - now())))


def _print(terminal: Terminal, member: Member, printed: set[str]) -> int:
    """Print what is in the store and was not printed yet, whichever program of this member took it in."""
    import time

    from exchange.cli.terminal import safe
    from exchange.cli.times import moment
    from exchange.cli.view import SHORT, SHOWN, as_json, item, label_span, put

    new = [row for row in member.state.alerts(*SHOWN) if row.statement not in printed]
    for row in new:
        printed.add(row.statement)
        statement, shown = row.statement, item(member, row)
        if terminal.as_json:
            terminal.json({"event": "alert", "opened_at": time.time(), **as_json(member, shown)})
            continue
        core = shown.core
        exercise = f" {terminal.text('exercise')}" if core.exercise else ""
        if core.action != "new":
            exercise += f" {terminal.text('action_' + core.action)}"
        place = member.facts.persons[shown.author].organisation
        line = f"{exercise} {statement[:SHORT]} {terminal.text('kind_' + core.kind.value)}: "
        line += f"{shown.text(terminal.language).title} ({member.names.of(place)}, {moment(row.at, terminal.language)})"
        put(f"{terminal.text('new_alert')} ", (core.label.display, label_span(core.label)[1]), safe(line))
    return len(new)


def _name_failures(terminal: Terminal, synced: Synced, named: set[int]) -> None:
    """Each failure once, while it stands."""
    from exchange.cli.inbox import say_failure

    for failure in synced.failures:
        if failure.id not in named:
            named.add(failure.id)
            say_failure(terminal, failure)
