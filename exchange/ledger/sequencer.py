"""The sequencer: one task orders everything that wants to be written, and commits it in groups.

Whatever waits is staged together, committed in one transaction and answered together: under load a commit costs each
caller a fraction, and alone a caller waits for nobody. Everyone who submits is answered: with the result, a refusal,
``busy`` when the queue is full, or ``writing-stopped`` after the first storage error (invariant I9).
Spec: docs/spec/logs.md, Commit order.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from exchange.ledger.errors import LedgerRefusal
from exchange.ledger.ledger import Ledger, Outcome
from exchange.ledger.stage import Committed, NewEntry, Stage, Work
from exchange.store.errors import StorageError
from exchange.tlog.checkpoint import LogName

MAX_GROUP_WORK = 256
"""Pieces of work in one commit: bounds how long the first of them waits for the last."""
MAX_GROUP_ENTRIES = 1_024
"""Entries after which no further piece of work is taken into the commit; one request has at most 256."""
QUEUE_LENGTH = 1_024
"""Pieces of work that may wait."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch:
    """What a commit published: its entries in order, and both signed checkpoints. Feeds are woken with it."""

    entries: tuple[NewEntry, ...]
    checkpoints: Mapping[LogName, bytes]


@dataclass(slots=True)
class _Waiting:
    work: Work[Any]
    answer: asyncio.Future[Committed[Any]]
    value: Any = None
    refusal: Exception | None = None
    first: int = 0
    """Where this work's entries begin and end among the stage's."""
    end: int = 0


class Sequencer:
    """The one writer. `start` it, `submit` to it, `close` it."""

    def __init__(
        self, ledger: Ledger, wake: Callable[[Batch], None] | None = None, *, queue_length: int = QUEUE_LENGTH
    ) -> None:
        """``wake`` is called after each commit that appended, when the callers were answered; it must not block."""
        self._ledger = ledger
        self._wake = wake
        self._queue_length = queue_length
        self._queue: deque[_Waiting] = deque()
        self._group: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.failure: Exception | None = None
        """Why writing stopped; None while it goes on."""

    def start(self) -> None:
        """Begin to work."""
        self._task = asyncio.create_task(self._run(), name="sequencer")

    async def submit(self, work: Work[T]) -> Committed[T]:
        """Have work staged and committed; return when it is durable and published.

        Raises what ``work.stage`` raises; `LedgerRefusal`: ``busy`` or ``closing`` (nothing took place); `StorageError`
        (``writing-stopped``): it is unknown whether it took place, sending again after the restart gives the answer. A
        caller that is cancelled hears nothing; its work may take place.
        """
        self._check_open()
        if len(self._queue) >= self._queue_length:
            raise LedgerRefusal("busy", "too much is waiting to be written; send again later")
        waiting = _Waiting(work, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._arrived.set()
        return await waiting.answer

    @property
    def waiting(self) -> int:
        """Requests in the queue, those of the commit that is under way not counted."""
        return len(self._queue)

    @property
    def committing(self) -> int:
        """Requests in the commit that is under way."""
        return len(self._group)

    def _check_open(self) -> None:
        if self.failure is not None or self._ledger.store.stopped:
            raise _stopped()
        if self._closing or self._task is None:
            raise LedgerRefusal("closing", "the server is closing")

    async def close(self) -> None:
        """Refuse new work, finish what waits, end the task. May be called twice."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            while True:
                if self._queue:
                    await self._next_group()
                elif self._closing:
                    return
                else:
                    self._arrived.clear()
                    await self._arrived.wait()
        except asyncio.CancelledError:
            self._stop(RuntimeError("the sequencer was cancelled"))
            raise
        except Exception as error:
            # A defect: whoever waits hears that writing stopped, and nobody later waits for an answer in vain.
            self._stop(error)

    async def _next_group(self) -> None:
        """Take what waits, within bounds, and commit it."""
        stage = self._ledger.begin()
        while self._queue and len(self._group) < MAX_GROUP_WORK and len(stage.entries) < MAX_GROUP_ENTRIES:
            waiting = self._queue.popleft()
            if not waiting.answer.cancelled():
                self._group.append(waiting)
                self._stage(stage, waiting)
        await self._commit(stage, self._group)
        self._group = []

    def _stage(self, stage: Stage, waiting: _Waiting) -> None:
        mark = stage.mark()
        waiting.first, waiting.refusal = mark.entries, None
        try:
            waiting.value = waiting.work.stage(stage)
        except Exception as refusal:
            stage.undo(mark)
            waiting.refusal = refusal
        waiting.end = len(stage.entries)

    async def _commit(self, stage: Stage, group: list[_Waiting]) -> None:
        try:
            outcome = await self._ledger.commit(stage)
        except StorageError as error:
            _discard(group)
            self._stop(error)
            return
        except Exception as error:
            # Nothing took place (rows contradict the store, a signer failed): a defect in somebody's work, which the
            # others shall not pay for. Refusals are decided anew too: they may rest on what was just dropped.
            _discard(group)
            if len(group) == 1:
                _fail(group[0], error)
                return
            for waiting in group:
                alone = self._ledger.begin()
                self._stage(alone, waiting)
                await self._commit(alone, [waiting])
                if self.failure is not None:
                    return
            return
        self._publish(stage, group, outcome)

    def _publish(self, stage: Stage, group: list[_Waiting], outcome: Outcome) -> None:
        for waiting in group:
            if waiting.refusal is None:
                try:
                    waiting.work.committed()
                except Exception as error:
                    self._stop(error)
        for waiting in group:
            if waiting.refusal is not None:
                _fail(waiting, waiting.refusal)
            elif not waiting.answer.done():
                appended = outcome.appended[waiting.first : waiting.end]
                waiting.answer.set_result(Committed(waiting.value, appended, outcome.checkpoints))
        if self._wake is not None and stage.entries:
            try:
                self._wake(Batch(tuple(stage.entries), outcome.checkpoints))
            except Exception as error:
                self._report("waking the feeds failed", error)

    def _stop(self, error: Exception) -> None:
        """After the first storage error, or a defect that lets memory and store differ: nothing is written any more."""
        self.failure = self.failure or error
        self._ledger.store.stop_writing()
        self._report("writing has stopped", error)
        for waiting in (*self._group, *self._queue):
            _fail(waiting, _stopped())
        self._queue.clear()

    def _report(self, message: str, error: Exception) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})


def _discard(group: list[_Waiting]) -> None:
    for waiting in group:
        if waiting.refusal is None:
            waiting.work.discarded()


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)


def _stopped() -> StorageError:
    return StorageError("writing-stopped", "writing has stopped after a storage error; restart the server")
