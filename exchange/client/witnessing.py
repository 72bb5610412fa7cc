"""Which of this member's checkpoints the named witnesses have seen (``docs/spec/logs.md``, Witnesses).

Cosignatures come after a checkpoint: they stand under the served one as soon as they are there, and ``GET /v1/witnesses`` has
the newest note with the quorum.  Nothing of what it says is believed: a note is signed by the log, its root is this member's own
root at that size, and every line of a named witness verifies, or the exchange is lying (step 1, kept as evidence).  That no
quorum comes is no lie; it is shown, and after a quarter of an hour it is an alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from exchange.client.errors import ClientError, VerificationError
from exchange.client.member import Member
from exchange.client.replica import Replica
from exchange.client.state import MemberState
from exchange.model.common import FIRST_LEAD
from exchange.model.entry import parse_entry
from exchange.policy.members import Facts, Witness
from exchange.policy.replay import NEVER_WITNESSED, WITNESS_AGE
from exchange.policy.witnesses import cosigned, quorum_time, witness_verifiers
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName
from keys.errors import KeysError, NoteError
from keys.note import Note, NoteLine, log_verifiers

KEPT = 16
"""Cosigned checkpoints kept of one log; the newest with the quorum is always among them."""
ASK_AGAIN = 30
"""Seconds between two questions for cosignatures that are not there yet."""
FAMILY = "witness.name"


@dataclass(frozen=True, slots=True)
class WitnessState:
    """A named witness as this member has verified it: the newest size that it cosigned and when (0 for never), in seconds."""

    name: str
    url: str
    size: int
    time: int
    silent: bool


@dataclass(frozen=True, slots=True)
class LogState:
    """One log and its quorum.

    ``size`` and ``time`` (seconds) are of the newest checkpoint that had the quorum, 0 for none; ``head`` is the log's size here.
    ``since`` is the moment (seconds) up to which everything in the log was seen by the quorum: its own time, or that of the first
    entry behind it when that is earlier; None while no witness is named.
    """

    log: LogName
    quorum: int
    head: int
    size: int
    time: int
    since: int | None
    witnesses: tuple[WitnessState, ...]
    note: bytes = b""

    @property
    def named(self) -> bool:
        """Whether the registry names witnesses."""
        return bool(self.witnesses)

    @property
    def covered(self) -> bool:
        """Whether the quorum has seen the log as far as it is here."""
        return self.named and self.time > 0 and self.size >= self.head

    def age(self, now: int) -> int | None:
        """How many seconds ago the quorum had seen everything; NEVER_WITNESSED for never, None while no witness is named."""
        if self.since is None:
            return None
        return NEVER_WITNESSED if not self.time else min(NEVER_WITNESSED - 1, max(0, now - self.since))

    def late(self, now: int) -> bool:
        """Whether the quorum is missing for longer than a reader waits without being alarmed."""
        return self.since is not None and now - self.since > WITNESS_AGE


# -- what is shown -------------------------------------------------------------------------------------------------------


def check_note(log: LogName, note: bytes, facts: Facts) -> dict[str, int]:
    """The named witnesses under a checkpoint, with their times; raises VerificationError (step 1) for a line that does not verify.

    That the note is the log's own is for the caller to have checked.
    """
    if not facts.witnesses:
        return {}
    try:
        return dict(_times(note, facts.witnesses))
    except KeysError as error:
        shown = note.decode("utf-8", "replace")
        raise VerificationError(
            1, "cosignature-invalid", f"a witness's line under the {log}'s checkpoint: {error}", {log: shown}
        ) from None


@lru_cache(maxsize=256)
def _times(note: bytes, witnesses: tuple[Witness, ...]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(cosigned(Note.parse(note), witnesses).items()))


def keep(member: Member, log: LogName, note: bytes) -> None:
    """Keep the cosignatures under a note that is signed by its log and whose root is this member's own.

    Raises VerificationError as ``check_note``.
    """
    replica, state = member.replica, member.state
    facts = replica.facts
    times = check_note(log, note, facts)
    if not times:
        return
    size = Checkpoint.parse(Note.parse(note).text).size
    kept = dict(state.cosigned(log))
    merged = _merged(replica, log, kept.get(size), note, facts.witnesses)
    if merged == kept.get(size):
        return
    by_name = {witness.name: witness for witness in facts.witnesses}
    with state.transaction():
        state.keep_cosigned(log, size, merged)
        for name, time in times.items():
            if time <= member.clock() + FIRST_LEAD:
                state.keep_witness(log, keys_hash(by_name[name]), size, time)
        _prune(member, log)


def _merged(replica: Replica, log: LogName, kept: bytes | None, note: bytes, witnesses: tuple[Witness, ...]) -> bytes:
    """One note with the newest lines of each witness, in the order in which the registry names them."""
    if kept is None:
        return note
    old, new = dict(_verified(kept, witnesses)), dict(_verified(note, witnesses))
    lines: list[NoteLine] = list(_log_lines(replica, log, Note.parse(kept)))
    for witness in witnesses:
        best = max((old.get(witness.name, 0), 0), (new.get(witness.name, 0), 1))
        if best[0]:
            lines += _lines_of(Note.parse(note if best[1] else kept), witness)
    text = Note.parse(kept).text
    return Note(text, tuple(lines)).encode() if Note.parse(note).text == text else note


def _verified(note: bytes, witnesses: tuple[Witness, ...]) -> tuple[tuple[str, int], ...]:
    """As ``_times``; of a note that was kept under other names of witnesses nothing may verify any more."""
    try:
        return _times(note, witnesses)
    except NoteError:
        return ()


def _log_lines(replica: Replica, log: LogName, note: Note) -> Iterable[NoteLine]:
    own = {
        (verifier.name, verifier.key_id) for verifier in log_verifiers(f"{replica.origin}/{log}", replica.log_key(log))
    }
    return (line for line in note.lines if (line.name, line.key_id) in own)


def _lines_of(note: Note, witness: Witness) -> list[NoteLine]:
    theirs = {(verifier.name, verifier.key_id) for verifier in witness_verifiers(witness)}
    return [line for line in note.lines if (line.name, line.key_id) in theirs]


def keys_hash(witness: Witness) -> str:
    """What a witness is remembered by: a new key under an old name has seen nothing yet."""
    return sha256(witness.ed25519 + witness.mldsa44).hexdigest()


def _prune(member: Member, log: LogName) -> None:
    sizes = [size for size, _ in member.state.cosigned(log)]
    if len(sizes) > KEPT:
        newest, _, _ = _newest(member.state, log, member.replica.facts, member.clock())
        member.state.drop_cosigned(log, [size for size in sizes[KEPT - 1 :] if size != newest])


# -- what it is worth ----------------------------------------------------------------------------------------------------


def _newest(state: MemberState, log: LogName, facts: Facts, now: int) -> tuple[int, int, bytes]:
    """Size, time and note of the newest kept checkpoint that has the quorum of those who are named now; zeros for none.

    A time ahead of this device's clock says nothing about freshness, and does not count.
    """
    for size, note in state.cosigned(log):
        times = {name: time for name, time in _verified(note, facts.witnesses) if time <= now + FIRST_LEAD}
        time = quorum_time(times, facts.quorum)
        if time is not None:
            return size, time, note
    return 0, 0, b""


def log_state(member: Member, log: LogName) -> LogState:
    """A log's quorum, from what was verified here."""
    replica, state, now = member.replica, member.state, member.clock()
    facts, head = replica.facts, replica.size(log)
    if not facts.witnesses:
        return LogState(log, 0, head, 0, 0, None, ())
    size, time, note = _newest(state, log, facts, now)
    witnesses = tuple(_witness(state, log, witness, now) for witness in facts.witnesses)
    if not time:
        return LogState(log, facts.quorum, head, 0, 0, named_at(replica), witnesses)
    behind = state.entry(log, size) if size < head else None
    since = time if behind is None else min(time, parse_entry(behind).at)
    return LogState(log, facts.quorum, head, size, time, since, witnesses, note)


def _witness(state: MemberState, log: LogName, witness: Witness, now: int) -> WitnessState:
    size, time = state.witness(log, keys_hash(witness)) or (0, 0)
    return WitnessState(witness.name, witness.url, size, time, now - time > WITNESS_AGE)


def named_at(replica: Replica) -> int:
    """When the witnesses that are named now were named, seconds."""
    times = [parse_entry(data).at for _, data in replica.state.entries("registry", kind=FAMILY)]
    return times[-1] if times else 0


def states(member: Member) -> Mapping[LogName, LogState]:
    """Both logs."""
    return {log: log_state(member, log) for log in LOGS}


def alert_witnessed(member: Member, index: int, known: Mapping[LogName, LogState]) -> bool | None:
    """Whether the quorum has seen a journal entry and the registry that it names; None while no witness is named."""
    entry = member.replica.journal_entry(index)
    if not known["journal"].named or entry is None or entry.registry is None:
        return None
    return index < known["journal"].size and entry.registry.size <= known["registry"].size


# -- asking --------------------------------------------------------------------------------------------------------------


async def refresh(member: Member) -> None:
    """Ask for the cosignatures of what has no quorum yet, now and then; that none come is no failure.

    For whoever holds ``member.lock``.  Raises VerificationError (step 1): ``checkpoint-invalid``, ``fork``,
    ``cosignature-invalid``.
    """
    now = member.clock()
    if not member.replica.facts.witnesses or now - member.asked_witnesses < ASK_AGAIN:
        return
    if all(state.covered and now - state.time <= WITNESS_AGE // 3 for state in states(member).values()):
        return
    member.asked_witnesses = now
    try:
        answer = await member.api.witness_standing()
    except ClientError:
        return  # availability is all that is missing; what follows from it is told by the state
    for log, shown in answer.items():
        # One that runs ahead becomes a claim: the log must pass through it.
        if shown.note is not None and member.replica.agree(log, shown.note) <= member.replica.size(log):
            keep(member, log, shown.note)


async def ask_again(member: Member) -> None:
    """``refresh`` between two rounds of a program that waits; what does not verify is kept with its evidence, and raised."""
    async with member.lock:
        try:
            await refresh(member)
        except VerificationError as error:
            member.record("log", error)
            raise
