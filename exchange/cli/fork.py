"""``exchange fork``: the fork that stopped this device, and the decision to go on. Neither asks the exchange anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import REFUSED, Terminal

if TYPE_CHECKING:
    from exchange.client.forks import KnownFork


def show(
    passphrase_file: PassphraseOption = None, home: HomeOption = None, lang: LangOption = None, json: JsonOption = False
) -> None:
    """Show what contradicts itself, and what to do. Exit status 1 while there is something."""
    import asyncio

    from exchange.cli.failure import say_fork_hints
    from exchange.cli.member import opened
    from exchange.client.forks import known_fork

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> KnownFork | None:
        async with opened(terminal, passphrase_file, offline=True) as member:
            return known_fork(member.state)

    fork = asyncio.run(work())
    if fork is None:
        if json:
            terminal.json({"fork": None})
        terminal.say("fork_none")
        return
    _show(terminal, fork)
    say_fork_hints(terminal, fork.file)
    raise typer.Exit(REFUSED)


def _show(terminal: Terminal, fork: KnownFork) -> None:
    from exchange.cli.times import iso, moment

    if terminal.as_json:
        ends = {
            name: {"root": root, "size": size}
            for name, (size, root) in (("first", fork.first), ("second", fork.second))
        }
        terminal.json({"fork": {"at": iso(fork.at), "file": str(fork.file), "log": fork.log, **ends}})
        return
    rows = [
        (terminal.text("field_fork_log"), fork.log),
        (terminal.text("field_fork_at"), moment(fork.at, terminal.language)),
        (terminal.text("field_fork_first"), f"{fork.first[0]}  {fork.first[1]}"),
        (terminal.text("field_fork_second"), f"{fork.second[0]}  {fork.second[1]}"),
        (terminal.text("field_fork_file"), str(fork.file)),
    ]
    terminal.table(rows)


def forget(
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
) -> None:
    """Go on with the history that this device kept; the proof stays where it is."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.client.forks import forget_fork, known_fork

    terminal = Terminal(chosen(lang), home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file, offline=True) as member:
            fork = known_fork(member.state)
            if fork is None:
                terminal.say("fork_none")
                return
            heads = member.client.replica.heads
            terminal.say("fork_kept", journal=heads["journal"].size, registry=heads["registry"].size)
            terminal.confirm("ask_fork_forget", yes=yes)
            forget_fork(member.state)
            terminal.say("fork_forgotten", file=fork.file)

    asyncio.run(work())
