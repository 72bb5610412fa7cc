"""How the named witnesses stand, for whoever looks: what their own signatures say, beside what the exchange says of them.

Two notes of each log are asked for: the newest checkpoint with the lines that are there, and the newest one with the quorum. Both
are signed by the log and must be this member's own history; sizes and times are those of lines that verified with the keys in the
registry as it was replayed here. The exchange's word for a witness (``said``) is shown as its word and counts for nothing.
Spec: docs/spec/logs.md, Witnesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exchange.client.member import Member
from exchange.client.witnessing import check_note
from exchange.model.common import FIRST_LEAD
from exchange.policy.witnesses import quorum_time
from exchange.tlog.checkpoint import LOGS, LogName


@dataclass(frozen=True, slots=True)
class WitnessStanding:
    """The newest of a witness's cosignatures that verified here: its size, and its time in seconds; both 0 without one."""

    name: str
    url: str
    size: int
    time: int


@dataclass(frozen=True, slots=True)
class LogStanding:
    """One log: how many are enough, the newest size that so many cosigned with its time (0 without), all witnesses by name."""

    log: LogName
    quorum: int
    head: int
    size: int
    time: int
    witnesses: tuple[WitnessStanding, ...]
    said: Mapping[str, str]


async def standing(member: Member) -> tuple[LogStanding, ...]:
    """Ask, and verify: journal and registry.

    Raises VerificationError (step 1): ``checkpoint-invalid``, ``fork``, ``cosignature-invalid``; ClientError.
    """
    shown = await member.api.witness_standing()
    found = []
    for log in LOGS:
        notes = [await member.api.checkpoint(log)]
        if (enough := shown[log].note) is not None:
            notes.append(enough)
        found.append(_standing(member, log, notes, shown[log].said))
    return tuple(found)


def _standing(member: Member, log: LogName, notes: list[bytes], said: Mapping[str, str]) -> LogStanding:
    facts, latest = member.replica.facts, member.clock() + FIRST_LEAD
    newest: dict[str, tuple[int, int]] = {}
    enough = (0, 0)
    for note in notes:
        size = member.replica.agree(log, note)
        verified = check_note(log, note, facts)
        # A time ahead of this device's clock says nothing.
        times = {name: time for name, time in verified.items() if time <= latest}
        for name, time in times.items():
            newest[name] = max(newest.get(name, (0, 0)), (time, size))
        quorum = quorum_time(times, facts.quorum)
        if quorum is not None:
            enough = max(enough, (size, quorum))
    witnesses = tuple(
        WitnessStanding(witness.name, witness.url, *reversed(newest.get(witness.name, (0, 0))))
        for witness in facts.witnesses
    )
    return LogStanding(log, facts.quorum, member.replica.size(log), *enough, witnesses, said)
