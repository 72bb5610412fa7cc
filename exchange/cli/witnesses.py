"""What the witnesses have seen, in words: for a reader, for a publisher who is to confirm, and for a script.

A quorum that is missing stops no reader (``docs/spec/logs.md``, Witnesses 5): it is shown at once and is an alarm after a
quarter of an hour. A publisher confirms with ``--unwitnessed``; the age stands in the alert for ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.terminal import CommandError, Terminal
from exchange.cli.texts import help_text
from exchange.cli.times import iso, moment
from keys.language import Language

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.cli.view import Item
    from exchange.client.draft import Draft
    from exchange.client.witnessing import LogState
    from exchange.model.alert import Core
    from exchange.tlog.checkpoint import LogName

UnwitnessedOption = Annotated[bool, typer.Option("--unwitnessed", help=help_text("opt_unwitnessed"))]
ALARM = "not-witnessed"
"""The alarm's name, for a script as well."""
_UNITS = ((86_400, "Tage", "days"), (3_600, "Stunden", "hours"), (60, "Minuten", "minutes"))


def span(seconds: int, language: Language) -> str:
    """A length of time in the largest unit of which there are two or more, rounded down: ``3 minutes``, ``25 hours``."""
    for unit, german, english in _UNITS:
        if seconds >= 2 * unit:
            return f"{seconds // unit} {german if language == 'de' else english}"
    return f"{seconds} {'Sekunden' if language == 'de' else 'seconds'}"


def silent(known: Mapping[LogName, LogState]) -> list[str]:
    """The names of the witnesses who cosigned neither log in the last quarter of an hour."""
    logs = [{witness.name for witness in state.witnesses if witness.silent} for state in known.values()]
    return sorted(set.intersection(*logs)) if logs else []


def worst(known: Mapping[LogName, LogState], now: int) -> LogState:
    """The log whose quorum is missing for longer."""
    return max(known.values(), key=lambda state: (not state.covered, state.age(now) or 0))


def alarmed(known: Mapping[LogName, LogState], now: int) -> bool:
    """Whether the quorum is missing for over a quarter of an hour in one of the logs."""
    return any(state.late(now) for state in known.values())


def say_witnesses(terminal: Terminal, member: Member) -> bool:
    """One line: who confirms that all see the same logs, or that nobody does yet; whether it is an alarm."""
    from exchange.client.witnessing import states

    known, now = states(member.client), member.client.clock()
    state = worst(known, now)
    if not state.named:
        terminal.say("witness_none")
        return False
    values = {"number": len(state.witnesses), "quorum": state.quorum}
    if alarmed(known, now):
        say_alarm(terminal, known, now)
        return True
    if state.covered:
        at = moment(min(one.time for one in known.values()), terminal.language)
        terminal.say("witness_seen", at=at, **values)
    else:
        terminal.say("witness_waiting", **values)
    return False


def say_alarm(terminal: Terminal, known: Mapping[LogName, LogState], now: int) -> None:
    """The alarm of a missing quorum, with those who are silent."""
    state = max(known.values(), key=lambda one: -1 if one.since is None else now - one.since)
    at = moment(state.since or 0, terminal.language) if state.time else terminal.text("witness_never")
    names = ", ".join(silent(known)) or terminal.text("witness_nobody")
    terminal.say("witness_alarm", at=at, code=ALARM, names=names, number=len(state.witnesses), quorum=state.quorum)


class Witnessed:
    """Tells a waiting program's person when the quorum is missing for too long, and when it is back; each once."""

    def __init__(self, terminal: Terminal, member: Member) -> None:
        self._terminal, self._member = terminal, member
        self._alarmed = False

    async def ask(self) -> None:
        """Ask for cosignatures that came meanwhile, then tell; a line that does not verify is kept."""
        from exchange.client.errors import ClientError
        from exchange.client.witnessing import ask_again

        with contextlib.suppress(ClientError):
            await ask_again(self._member.client)
        self.tell()

    def tell(self) -> None:
        """The alarm, or its end."""
        from exchange.client.witnessing import states

        known, now = states(self._member.client), self._member.client.clock()
        late = alarmed(known, now)
        if late == self._alarmed:
            return
        self._alarmed = late
        if self._terminal.as_json:
            self._terminal.json({"event": "witnesses", **as_json(self._member)})
        elif late:
            say_alarm(self._terminal, known, now)
        else:
            say_witnesses(self._terminal, self._member)


def as_json(member: Member) -> dict[str, Any]:
    """Both logs for a script; times in RFC 3339."""
    from exchange.client.witnessing import states

    known, now = states(member.client), member.client.clock()
    value: dict[str, Any] = {"alarm": ALARM if alarmed(known, now) else None}
    for log, state in known.items():
        value[log] = {
            "age": state.age(now),
            "quorum": state.quorum,
            "seen": state.covered,
            "size": state.size,
            "time": iso(state.time) if state.time else None,
            "witnesses": [
                {"name": one.name, "silent": one.silent, "size": one.size, "time": iso(one.time) if one.time else None}
                for one in state.witnesses
            ],
        }
    return value


def seen_words(terminal: Terminal, member: Member, shown: Item) -> str:
    """``not yet witnessed`` for an alert whose entry the quorum has not seen; else nothing."""
    return terminal.text("state_unwitnessed") if witnessed(member, shown) is False else ""


def witnessed(member: Member, shown: Item) -> bool | None:
    """Whether the quorum has seen the alert's entry; None while no witness is named."""
    from exchange.client.witnessing import alert_witnessed, states

    return alert_witnessed(member.client, shown.row.index, states(member.client))


def core_words(terminal: Terminal, member: Member, core: Core) -> str:
    """How old the quorum's look at the registry was on which an alert was prepared; empty while none was named then."""
    from exchange.policy.replay import NEVER_WITNESSED

    roster = member.client.replica.roster(core.seen.registry.size, core.at)
    if core.witnessed is None or roster is None or not roster.facts.witnesses:
        return ""
    values = {"number": len(roster.facts.witnesses), "quorum": roster.facts.quorum}
    if core.witnessed >= NEVER_WITNESSED:
        return terminal.text("prepared_never", **values)
    return terminal.text("prepared_seen", age=span(core.witnessed, terminal.language), **values)


def put_draft(terminal: Terminal, draft: Draft) -> None:
    """In a preview: that the quorum is missing, and what publishing will ask for."""
    from exchange.cli.view import put

    if draft.unwitnessed:
        put((terminal.text("unwitnessed_confirm", **_about(terminal, draft)), "bold"))


def check_unwitnessed(terminal: Terminal, draft: Draft, confirmed: bool) -> None:
    """A registry that the witnesses have not seen lately is confirmed explicitly. Raises CommandError ``unwitnessed``."""
    if draft.unwitnessed and not confirmed:
        raise CommandError(
            "unwitnessed_confirm", code="unwitnessed", hints=("hint_unwitnessed",), **_about(terminal, draft)
        )


def _about(terminal: Terminal, draft: Draft) -> dict[str, Any]:
    from exchange.policy.replay import NEVER_WITNESSED

    state, age = draft.witnesses, draft.core.witnessed or 0
    names = [] if state is None else [one.name for one in state.witnesses if one.silent]
    return {
        "age": terminal.text("witness_never") if age >= NEVER_WITNESSED else span(age, terminal.language),
        "names": ", ".join(names) or terminal.text("witness_nobody"),
        "number": 0 if state is None else len(state.witnesses),
        "quorum": 0 if state is None else state.quorum,
    }
