"""What a device is told when it comes back: what it got, what it missed, what it can no longer open, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exchange.cli.terminal import Terminal

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.sync import Synced

LONG_AWAY = 21 * 86_400
"""Seconds: a week's key is kept until two weeks after it; whoever was away longer is told, also when nothing was missed."""


def say_returned(terminal: Terminal, member: Member, synced: Synced) -> None:
    """After a long absence, or when alerts of this round stay sealed on this device."""
    from exchange.cli.connect import now
    from exchange.cli.times import moment

    if synced.away < LONG_AWAY and not synced.missed and not synced.closed:
        return
    if synced.away:
        when = moment(now() - synced.away, terminal.language)
        terminal.say(
            "returned", when=when, got=len(synced.opened), missed=len(synced.missed), closed=len(synced.closed)
        )
    for key, statements in (("returned_missed", synced.missed), ("returned_closed", synced.closed)):
        if statements:
            terminal.say(key)
            _list(terminal, member, statements)
    if synced.missed or synced.closed:
        terminal.say("returned_keys")
    if synced.missed:
        terminal.hint("hint_history", device=member.home.membership.device)
    if synced.closed:
        terminal.hint("hint_new_device")


def _list(terminal: Terminal, member: Member, statements: Sequence[str]) -> None:
    """One line for each: id, label, when it was published, by which organisation. Its title is inside what stays sealed."""
    from exchange.cli.times import moment
    from exchange.cli.view import SHORT
    from exchange.model.statements import parse_statement
    from keys.envelope import Envelope

    for statement in statements:
        row = member.state.alert(statement)
        if row is None or row.envelope is None:
            continue
        core = parse_statement(Envelope.decode(row.envelope)).alert.core
        device = member.facts.devices.get(core.issuer.device)
        place = "" if device is None else member.names.of(member.facts.persons[device.person].organisation)
        kind = terminal.text(f"kind_{core.kind.value}")
        when = moment(row.at, terminal.language)
        terminal.say_line(f"  {statement[:SHORT]}  {core.label.display}  {kind}  {when}  {place}")
