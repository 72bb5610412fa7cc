"""An absence that is not silent: while a person is away, the device tells each alert's source until when, and who stands in,
and gives the alert to the deputy where its label allows.

Said once for each alert that arrives meanwhile, by ``exchange watch`` or any command, so only while this device runs.  It is
sealed to the source like every reaction; the exchange learns that something was said.
"""

from __future__ import annotations

from typing import Any

from exchange.client.errors import ClientError, Refused, TransportError, VerificationError
from exchange.client.member import Member
from exchange.client.messages import organisation_of, react
from exchange.client.share import share
from exchange.client.state import AlertRow
from exchange.model.messages import Reaction
from exchange.model.scalars import Id, Record, Time
from exchange.model.statements import parse_statement
from exchange.policy.replay import AlertRefusal
from keys import encoding
from keys.envelope import Envelope

AWAY = "away"
"""The receipt's level under which it is noted that a source was told."""
UNREADABLE = "source-without-key"
"""No device of the source has a usable key."""
MAX_ABSENCE = 1024
"""Bytes."""


class Absence(Record):
    """Away from ``since`` to ``until`` (seconds); ``deputy`` is a colleague's person id."""

    deputy: Id | None = None
    since: Time
    until: Time


def absence_of(member: Member) -> Absence | None:
    """The absence that was set and is not over, or None."""
    kept = member.state.absence()
    if kept is None:
        return None
    raw: dict[str, Any] = encoding.decode(kept, max_bytes=MAX_ABSENCE)
    found = Absence.model_validate(raw)
    return found if member.clock() < found.until else None


def set_absence(member: Member, until: int, deputy: str | None) -> Absence:
    """Be away from now on. Raises ClientError: ``absence-over``, ``deputy-unknown`` (not a colleague in force)."""
    now = member.clock()
    if until <= now:
        raise ClientError("absence-over", "an absence ends after now")
    if deputy is not None:
        people, mine = member.replica.facts.persons, member.replica.person or ""
        found = people.get(deputy)
        colleague = found is not None and deputy != mine and found.organisation == people[mine].organisation
        if not colleague or member.replica.now(now).person_fault(deputy) is not None:
            raise ClientError("deputy-unknown", "a deputy is a colleague of the same organisation, in force")
    absence = Absence(deputy=deputy, since=now, until=until)
    member.state.set_absence(encoding.encode(absence.to_json()))
    return absence


def end_absence(member: Member) -> None:
    """Be back."""
    member.state.set_absence(None)


async def tell_sources(member: Member) -> list[str]:
    """Tell the sources of alerts that arrived during an absence; returns the alerts (statement ids) whose source was told.

    Raises TransportError; then it is tried again with the next round.  What the exchange refuses, or no device of the source can
    read, is not tried again.
    """
    absence = absence_of(member)
    if absence is None:
        return []
    with member.state.transaction():
        for row in member.state.alerts("opened"):
            if row.received_at >= absence.since and row.read_at == 0 and not _own(member, row):
                member.state.queue_receipt(row.statement, AWAY, member.clock())
    told: list[str] = []
    words = Reaction(deputy=absence.deputy, level="away", until=absence.until)
    while waiting := member.state.queued_receipts(AWAY, 1):
        [alert] = waiting
        if absence.deputy is not None:
            await _hand_over(member, alert, absence.deputy)
        try:
            statement = await react(member, alert, words)
            told.append(alert)
        except ClientError as error:
            if not isinstance(error, Refused) and error.code != UNREADABLE:
                raise
            statement = error.code
        with member.state.transaction():
            member.state.bind_receipts(AWAY, [alert], statement)
    return told


async def _hand_over(member: Member, alert: str, deputy: str) -> None:
    """Give the alert to the deputy where R12 allows; where not, the source knows at least whom to ask. Raises TransportError."""
    try:
        await share(member, alert, [deputy])
    except AlertRefusal:
        return
    except ClientError as error:
        if isinstance(error, TransportError | VerificationError):
            raise


def _own(member: Member, row: AlertRow) -> bool:
    """Whether the alert is this organisation's own."""
    core = parse_statement(Envelope.decode(row.envelope or b"")).alert.core
    roster = member.replica.now(member.clock())
    person = roster.facts.persons.get(member.replica.person or "")
    return person is not None and organisation_of(roster, core) == person.organisation
