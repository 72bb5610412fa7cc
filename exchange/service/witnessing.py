"""Asking the named witnesses, for ever: after each commit, and again when nothing was added (``docs/spec/logs.md``, Witnesses).

Nobody waits for this. ``wake`` only sets an event, when the callers of a commit were answered. Each log goes by rounds: all
witnesses that are due are asked for the same newest checkpoint at the same time, so that a quorum comes together; while a
round runs only the newest checkpoint waits. A round waits `ROUND_SECONDS` for a slow witness and then goes on without it; its
one question goes on, and what it answers counts for the checkpoint that it was asked for. A witness that fails is left alone for
a while that doubles, up to `MAX_PAUSE`.

What came is kept by `cosignatures`, bounded, and written to the store beside the commits, at most every `SAVE_SECONDS`: a
crash loses what is asked for again. Nothing is served that the roster of this moment does not name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from exchange.config import Witness as WitnessConfig
from exchange.ledger.errors import LedgerDamaged
from exchange.ledger.ledger import Clock, Ledger
from exchange.ledger.sequencer import Batch
from exchange.policy.members import Witness
from exchange.service.answers import array, composed, note, value
from exchange.service.asking import ALARMING, Ask, State, Told, question
from exchange.service.cosignatures import Cosignatures
from exchange.service.state import ExchangeState
from exchange.store import cosignatures as rows
from exchange.store.cosignatures import NEWEST, QUORUM, CosignedRow, WitnessRow
from exchange.store.database import Store
from exchange.store.errors import StoreError
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, signed_text
from exchange.tlog.errors import TlogError
from keys.errors import NoteError

ROUND_SECONDS = 1.0
"""How long a round waits for its answers before the next may begin without those who are slow."""
GAP_SECONDS = 0.2
"""Shortest time from one round of a log to the next: under load a witness is asked five times a second."""
FIRST_PAUSE, MAX_PAUSE = 1.0, 60.0
"""Seconds for which a witness is left alone after its first failure, and after many."""
SAVE_SECONDS = 5.0
"""Shortest time between two writes to the store."""
LATE_SECONDS = 900
"""Age of the newest quorum at which the operator is told: publishers are asked to confirm from then on."""

Wait = Callable[[asyncio.Event, float | None], Awaitable[None]]
"""Waits for an event, at most so many seconds (None: without end). Tests have a clock of their own behind it."""


class Log(Protocol):
    """The operator's log."""

    def info(self, event: str, **values: Any) -> Any:
        """Something happened."""

    def warning(self, event: str, **values: Any) -> Any:
        """Something the operator may want to know."""

    def error(self, event: str, **values: Any) -> Any:
        """Something the operator must look at."""


async def wait(event: asyncio.Event, seconds: float | None) -> None:
    """The real one."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


@dataclass(slots=True, eq=False)
class _Asked:
    """A witness at one log. ``size`` and ``at``: cosigned last, and that cosignature's time; ``old``: the size from which it is
    asked; ``due``: monotonic seconds."""

    witness: Witness
    since: int
    old: int = 0
    size: int = 0
    at: int = 0
    state: State = State.WAITING
    failures: int = 0
    due: float = 0.0
    fresh: bool = False
    """Whether it cosigned since the start: what the store says of earlier days is asked for again."""
    task: asyncio.Task[None] | None = None


@dataclass(slots=True, eq=False)
class _Rounds:
    """One log's side of it."""

    kept: Cosignatures = field(default_factory=Cosignatures)
    asked: dict[str, _Asked] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Something may be due: a commit, a naming, an answer."""
    open: set[str] = field(default_factory=set)
    """Who was asked in this round and has not answered."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """All of this round have."""
    watched: int = 0
    """Since when there could have been a quorum: the start, or the naming; seconds."""
    late: bool = False


class Witnessing:
    """Both logs' rounds. ``load`` before anything is served, ``run`` for ever, ``close`` at the end."""

    def __init__(
        self,
        config: WitnessConfig,
        store: Store,
        ledger: Ledger,
        state: ExchangeState,
        clock: Clock,
        monotonic: Callable[[], float],
        ask: Ask,
        log: Log,
        wait: Wait = wait,
    ) -> None:
        self._interval = config.interval_seconds
        self._store = store
        self._ledger = ledger
        self._state = state
        self._clock = clock
        self._monotonic = monotonic
        self._ask = ask
        self._log = log
        self._wait = wait
        self._named: tuple[Witness, ...] = ()
        self._quorum = 0
        self._logs: dict[LogName, _Rounds] = {log: _Rounds() for log in LOGS}
        self._changed = asyncio.Event()
        self._never = asyncio.Event()

    # -- who is named ----------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Take up what the store has of the witnesses named now, every line verified again. Raises StoreError."""
        self._name()
        known = {(row.log, row.witness): row for row in await self._store.read(rows.witnesses)}
        for log, found in self._logs.items():
            for name, asked in found.asked.items():
                row = known.get((log, name))
                if row is not None and row.state in set(State):
                    asked.old = asked.size = row.size
                    asked.at, asked.since, asked.state = row.at, row.since, State(row.state)
        for stored in await self._store.read(rows.notes):
            try:
                head = Checkpoint.parse(signed_text(stored.note))
                if await self._ledger.root_at(stored.log, head.size) == head.root:
                    self._logs[stored.log].kept.restore(stored.note)
            except (TlogError, NoteError, LedgerDamaged):
                continue  # it is asked for again

    def wake(self, batch: Batch) -> None:
        """Something was committed. Cheap, and never fails."""
        self._name()
        for log in {entry.log for entry in batch.entries}:
            self._logs[log].news.set()

    def _name(self) -> None:
        """Follow the roster: who is named no more is asked no more, and its lines are gone at once."""
        facts = self._state.roster.facts
        if facts.witnesses == self._named and facts.quorum == self._quorum:
            return
        self._named, self._quorum = facts.witnesses, facts.quorum
        for found in self._logs.values():
            found.kept.name(facts.witnesses, facts.quorum)
            before, found.asked = found.asked, {}
            for witness in facts.witnesses:
                known = before.pop(witness.name, None)
                if known is not None and known.witness != witness:
                    _cancel(known)
                    known = None
                found.asked[witness.name] = known or _Asked(witness, self._clock())
            for gone in before.values():
                _cancel(gone)
            found.watched = self._clock()
            found.news.set()
        self._changed.set()

    # -- what is served --------------------------------------------------------------------------------------------

    def checkpoint(self, log: LogName) -> bytes:
        """A log's newest signed checkpoint, with the cosignature lines that are here for exactly it."""
        return self._logs[log].kept.served(self._ledger.checkpoint(log))

    def view(self) -> bytes:
        """``GET /v1/witnesses``."""
        return composed(**{log: self._view(found) for log, found in self._logs.items()})

    def _view(self, found: _Rounds) -> bytes:
        enough = found.kept.quorum_note()
        witnesses = [
            {
                **({"at": asked.at, "size": asked.size} if asked.at else {}),
                "name": name,
                "since": asked.since,
                "state": asked.state.value,
            }
            for name, asked in sorted(found.asked.items())
        ]
        return composed(
            note=None if enough is None else note(enough),
            quorum=value(self._quorum),
            witnesses=array(value(witness) for witness in witnesses),
        )

    # -- rounds ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Ask whoever is due, for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                for log in LOGS:
                    group.create_task(self._rounds(log))
                group.create_task(self._saving())
        finally:
            for found in self._logs.values():
                for asked in found.asked.values():
                    _cancel(asked)

    async def close(self) -> None:
        """Write down what is not yet, and give up the connections."""
        await self._ask.close()
        if self._changed.is_set():
            await self._save()

    async def _rounds(self, log: LogName) -> None:
        found = self._logs[log]
        while True:
            await self._wait(found.news, self._until_due(log, found))
            found.news.clear()
            began = self._monotonic()
            if not self._begin(log, found):
                continue
            await self._wait(found.answered, ROUND_SECONDS)
            self._judge(log, found)
            left = GAP_SECONDS - (self._monotonic() - began)
            if left > 0:
                await self._wait(self._never, left)

    def _due(self, log: LogName, asked: _Asked) -> float:
        """When a witness is to be asked, monotonic seconds."""
        if not asked.failures and (not asked.fresh or asked.size != self._ledger.head(log).size):
            return 0.0
        return asked.due

    def _until_due(self, log: LogName, found: _Rounds) -> float | None:
        """Seconds until somebody is due who is not being asked; None while there is nobody."""
        now = self._monotonic()
        free = [asked for asked in found.asked.values() if asked.task is None]
        return min((max(0.0, self._due(log, asked) - now) for asked in free), default=None)

    def _begin(self, log: LogName, found: _Rounds) -> bool:
        """Ask everybody who is due, and say whether there is anybody."""
        now = self._monotonic()
        due = [asked for asked in found.asked.values() if asked.task is None and self._due(log, asked) <= now]
        if due:
            found.open = {asked.witness.name for asked in due}
            found.answered.clear()
        for asked in due:
            asked.task = asyncio.create_task(self._one(log, found, asked))
        return bool(due)

    async def _one(self, log: LogName, found: _Rounds, asked: _Asked) -> None:
        """One question, and what follows from it."""
        name = asked.witness.name
        told = None
        try:
            told = await question(self._ledger, self._ask, self._clock, log, asked.witness, asked.old)
        except (StoreError, LedgerDamaged) as error:
            # Our own trouble, not the witness's: its state stays, and it is asked again later.
            self._log.warning("witness-proof", log=log, code=error.code)
        except Exception as error:
            # A defect that one witness's answer finds must not end the asking of the others.
            self._log.error("witness-defect", log=log, name=name, error=type(error).__name__)
        finally:
            asked.task = None
            # Named anew, or not any more, while it was asked: what it said is not its word any longer.
            if found.asked.get(name) is asked:
                self._settle(log, found, asked, told)
                found.open.discard(name)
            if not found.open & found.asked.keys():
                found.answered.set()
            found.news.set()

    def _settle(self, log: LogName, found: _Rounds, asked: _Asked, told: Told | None) -> None:
        if told is None:
            self._pause(log, asked)
            return
        if told.size is not None:
            asked.old = told.size
        if told.cosigned is not None:
            found.kept.take(told.sent, asked.witness, told.cosigned)
            asked.size, asked.at = asked.old, told.cosigned.time
            asked.failures, asked.fresh = 0, True
            asked.due = self._monotonic() + self._interval
        else:
            self._pause(log, asked)
        if told.state is not asked.state:
            tell = self._log.info if told.state is State.COSIGNED else self._log.warning
            if told.state in ALARMING:
                tell = self._log.error
            tell("witness", log=log, name=asked.witness.name, size=asked.size, state=told.state.value)
            asked.state, asked.since = told.state, self._clock()
        self._changed.set()

    def _pause(self, log: LogName, asked: _Asked) -> None:
        """Leave it alone for twice as long as before, a little differently for each, the same in every run."""
        asked.failures += 1
        pause = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(asked.failures - 1, 16))
        seed = sha256(f"{log}\n{asked.witness.name}\n{asked.failures}".encode()).digest()
        asked.due = self._monotonic() + pause * (0.75 + seed[0] / 1024)

    def _judge(self, log: LogName, found: _Rounds) -> None:
        """Tell the operator when the quorum is late, and when it is there again."""
        newest = max(found.kept.quorum_time() or 0, found.watched)
        late = bool(self._quorum) and self._clock() - newest > LATE_SECONDS
        if late is not found.late:
            found.late = late
            (self._log.error if late else self._log.info)("witness-quorum", log=log, late=late, quorum=self._quorum)

    # -- the store -------------------------------------------------------------------------------------------------

    async def _saving(self) -> None:
        while True:
            await self._wait(self._changed, None)
            await self._save()
            await self._wait(self._never, SAVE_SECONDS)

    async def _save(self) -> None:
        """Write what is here; a store that has stopped is left alone."""
        self._changed.clear()
        if self._store.stopped:
            return
        notes, witnesses = [], []
        for log, found in self._logs.items():
            notes.append(CosignedRow(log, NEWEST, self.checkpoint(log)))
            if (enough := found.kept.quorum_note()) is not None:
                notes.append(CosignedRow(log, QUORUM, enough))
            witnesses += [
                WitnessRow(log, name, asked.size, asked.at, asked.state.value, asked.since)
                for name, asked in found.asked.items()
            ]
        try:
            await self._store.write(rows.replace, notes, witnesses)
        except StoreError as error:
            self._log.warning("witnesses-unsaved", code=error.code)


def _cancel(asked: _Asked) -> None:
    if asked.task is not None:
        asked.task.cancel()
