"""``exchange audit watch``: the monitor. Named alarms as lines, as JSON for a SIEM, and to a program of one's own.

Exit status with ``--once``: 0 nothing new, 3 alarms were told, 1 the logs do not verify or the exchange cannot be reached (alarms
are told all the same), 2 usage. Without it, it runs until Ctrl-C, or ends with 1 when the logs do not verify.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from exchange.audit.monitor import Limits
    from exchange.audit.monitorstate import MonitorState
    from exchange.cli.member import Member
    from exchange.client.sync import Synced

ALARMS = 3
"""Exit status of ``--once`` when there were alarms."""
ROUND_SECONDS = 30
"""How often states are looked at while nothing comes."""


def watch(
    once: Annotated[bool, typer.Option("--once", help=help_text("opt_monitor_once"))] = False,
    hook: Annotated[Path | None, typer.Option("--hook", metavar="PROGRAM", help=help_text("opt_hook"))] = None,
    hook_seconds: Annotated[
        int, typer.Option("--hook-seconds", min=1, max=3600, metavar="N", help=help_text("opt_hook_seconds"))
    ] = 30,
    silence: Annotated[str, typer.Option("--silence", metavar="DURATION", help=help_text("opt_silence"))] = "15m",
    grown: Annotated[int, typer.Option("--grown", min=1, metavar="N", help=help_text("opt_grown"))] = 50,
    grown_percent: Annotated[
        int, typer.Option("--grown-percent", min=1, metavar="N", help=help_text("opt_grown_percent"))
    ] = 25,
    poll: Annotated[bool, typer.Option("--poll", help=help_text("opt_poll"))] = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Follow the logs and tell alarms, each once; Ctrl-C ends. Exit status of --once: 3 when there were any."""
    import asyncio
    import contextlib

    from exchange.audit.monitor import Limits
    from exchange.audit.monitorstate import FILE, MonitorState
    from exchange.cli.member import opened
    from exchange.cli.times import duration

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    limits = Limits(duration(silence), grown, grown_percent)

    async def work() -> int:
        async with opened(terminal, passphrase_file, offline=True) as member:
            with MonitorState(member.state.path.parent / FILE) as kept:
                teller = _Teller(terminal, member, kept, limits, hook, hook_seconds)
                if once:
                    return await _once(member, teller)
                terminal.say("monitoring")
                await _for_ever(member, teller, poll)
                return 0

    status = 0
    with contextlib.suppress(KeyboardInterrupt):
        status = asyncio.run(work())
    raise typer.Exit(status)


class _Teller:
    """Looks and tells: alarms are noted first, then said, then given to the hook."""

    def __init__(
        self, terminal: Terminal, member: Member, kept: MonitorState, limits: Limits, hook: Path | None, seconds: int
    ) -> None:
        import asyncio

        self._terminal, self._member, self._kept, self._limits = terminal, member, kept, limits
        self._hook, self._seconds = hook, seconds
        self._lock = asyncio.Lock()

    async def round(self) -> int:
        """One look; how many alarms were said."""
        from exchange.audit.monitor import watch_once

        async with self._lock:
            await watch_once(self._member.client, self._kept, self._limits)
            return await self._tell()

    async def _tell(self) -> int:
        from exchange.audit.hooks import HookFailed, run_hook
        from exchange.cli.times import moment

        terminal, said = self._terminal, 0
        for one in self._kept.waiting():
            alarm = one.alarm
            value = alarm.to_json(self._member.client.replica.exchange)
            if one.say:
                said += 1
                if terminal.as_json:
                    terminal.json(value)
                else:
                    when = moment(alarm.time, terminal.language)
                    grave = terminal.text("monitor_high" if alarm.severity == "high" else "monitor_medium")
                    terminal.data(f"{when}  {grave}  {alarm.code}  {alarm.sentence(terminal.language)}")
                self._kept.said(alarm.id)
            if not one.hook:
                continue
            if self._hook is None:
                self._kept.hooked(alarm.id, done=True)
                continue
            try:
                await run_hook(str(self._hook), value, seconds=self._seconds)
            except HookFailed as failed:
                terminal.say("hook_failed", program=self._hook, reason=failed.reason, code=alarm.code)
                self._kept.hooked(alarm.id, done=False)
            else:
                self._kept.hooked(alarm.id, done=True)
        return said


async def _once(member: Member, teller: _Teller) -> int:
    """For cron: follow, look, tell. What does not verify, or cannot be reached, is raised after the alarms were told."""
    from exchange.client.errors import ClientError

    try:
        await member.refresh()
    except ClientError:
        await teller.round()
        raise
    return ALARMS if await teller.round() else 0


async def _for_ever(member: Member, teller: _Teller, poll: bool) -> None:
    """Both until one of them fails: a monitor that is half blind must not seem to watch."""
    import asyncio

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_entries(member, teller, poll))
        tasks.create_task(_states(member, teller))


async def _entries(member: Member, teller: _Teller, poll: bool) -> None:
    """What comes with entries."""
    import contextlib

    from exchange.client.errors import VerificationError
    from exchange.client.watch import watch as rounds

    stream = cast("AsyncGenerator[Synced, None]", rounds(member.client, poll=poll))
    async with contextlib.aclosing(stream):
        try:
            async for _ in stream:
                await teller.round()
        except VerificationError:
            await teller.round()
            raise


async def _states(member: Member, teller: _Teller) -> None:
    """What changes without an entry: silence is one."""
    import asyncio
    import contextlib

    from exchange.client.errors import ClientError
    from exchange.client.witnessing import ask_again

    while True:
        await asyncio.sleep(ROUND_SECONDS)
        with contextlib.suppress(ClientError):  # what does not verify is kept, and told by the round
            await ask_again(member.client)
        await teller.round()
