"""``exchange fork``: the fork that stopped this device, and the decision to go on. Neither asks the exchange anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import REFUSED, Terminal

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.forks import KnownFork
    from exchange.client.state import Failure


def show(
    passphrase_file: PassphraseOption = None, home: HomeOption = None, lang: LangOption = None, json: JsonOption = False
) -> None:
    """Show a fork, and statements that speak of another history. Exit status 1 while there is something."""
    import asyncio

    from exchange.cli.failure import say_fork_hints
    from exchange.cli.member import opened
    from exchange.client.forks import known_fork

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> tuple[KnownFork | None, list[Failure]]:
        async with opened(terminal, passphrase_file, offline=True) as member:
            return known_fork(member.state), _alarms(member)

    fork, alarms = asyncio.run(work())
    if json:
        shown = None if fork is None else _fork_json(fork)
        terminal.json({"alarms": [_alarm_json(one) for one in alarms], "fork": shown})
    for one in alarms:
        known = {name: one.evidence.get(name, "") for name in ("log", "size")}
        terminal.say("fork_gossip", statement=one.subject, **known)
    if fork is not None:
        if not json:
            _show(terminal, fork)
        say_fork_hints(terminal, fork.file)
    elif alarms:
        terminal.hint("hint_fork_call")
    else:
        terminal.say("fork_none")
        return
    raise typer.Exit(REFUSED)


def _alarms(member: Member) -> list[Failure]:
    """The accepted statements that speak of another history, and that nobody has looked into yet."""
    from exchange.client.forks import SEEN_CODES

    return [failure for failure in member.state.failures() if failure.code in SEEN_CODES]


def _alarm_json(alarm: Failure) -> dict[str, object]:
    from exchange.cli.times import iso

    return {"at": iso(alarm.at), "code": alarm.code, "evidence": alarm.evidence, "statement": alarm.subject}


def _fork_json(fork: KnownFork) -> dict[str, object]:
    from exchange.cli.times import iso

    heads = (("first", fork.first), ("second", fork.second))
    ends = {name: {"root": root, "size": size} for name, (size, root) in heads}
    return {"at": iso(fork.at), "file": str(fork.file), "log": fork.log, **ends}


def _show(terminal: Terminal, fork: KnownFork) -> None:
    from exchange.cli.times import moment

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
            fork, alarms = known_fork(member.state), _alarms(member)
            if fork is None and not alarms:
                terminal.say("fork_none")
                return
            heads = member.client.replica.heads
            terminal.say("fork_kept", journal=heads["journal"].size, registry=heads["registry"].size)
            terminal.confirm("ask_fork_forget", yes=yes)
            forget_fork(member.state)
            if alarms:
                terminal.say("fork_gossip_settled", number=len(alarms))
            if fork is not None:
                terminal.say("fork_forgotten", file=fork.file)

    asyncio.run(work())
