"""Staging: what a group commit will append and write, before anything is written.

No I/O. Every piece of work sees what the pieces before it staged, and a refused one leaves no trace.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from exchange.store.database import Connection
from exchange.tlog.bundles import MAX_ENTRY_BYTES
from exchange.tlog.checkpoint import LOGS, LogName
from exchange.tlog.errors import BundleError
from exchange.tlog.merkle import Frontier, leaf_hash

T = TypeVar("T")
R = TypeVar("R")

TableWrite = Callable[[Connection, Sequence[Any]], None]
"""A function of `exchange.store` that writes rows of one kind."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry appended by this commit: log, index, leaf bytes."""

    log: LogName
    index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Mark:
    entries: int
    writes: int
    frontiers: dict[LogName, Frontier]


class Stage:
    """One group commit in the making. ``at`` is the acceptance time (seconds) of everything in it: never before that of
    an earlier entry of either log, whatever the clock does."""

    def __init__(self, frontiers: Mapping[LogName, Frontier], at: int) -> None:
        self.at = at
        self.entries: list[NewEntry] = []
        self.writes: list[tuple[TableWrite, Any]] = []
        self._frontiers: dict[LogName, Frontier] = {log: frontiers[log] for log in LOGS}

    def size(self, log: LogName) -> int:
        """Entries of a log, those staged included: the index that the next one gets."""
        return self._frontiers[log].size

    def root(self, log: LogName) -> bytes:
        """Root of a log with what is staged, 32 bytes."""
        return self._frontiers[log].root()

    def append(self, log: LogName, entry: bytes) -> int:
        """Append an entry; its index. Raises `BundleError` (``entry-size``) above 65,535 bytes."""
        if len(entry) > MAX_ENTRY_BYTES:
            raise BundleError("entry-size", f"an entry has at most {MAX_ENTRY_BYTES} bytes")
        index = self.size(log)
        self._frontiers[log] = self._frontiers[log].extend((leaf_hash(entry),))
        self.entries.append(NewEntry(log, index, entry))
        return index

    def write(self, function: Callable[[Connection, Sequence[R]], None], *rows: R) -> None:
        """Have rows written in the commit's transaction by ``function(connection, rows)``.

        Rows of the same function, of all work in the commit, are written together in order; functions run in the order
        of their first use. Foreign keys are checked at the end.
        """
        self.writes.extend((function, row) for row in rows)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self.entries and not self.writes

    def mark(self) -> _Mark:
        """Where we are, to come back to."""
        return _Mark(len(self.entries), len(self.writes), dict(self._frontiers))

    def undo(self, mark: _Mark) -> None:
        """Forget everything staged since the mark."""
        del self.entries[mark.entries :]
        del self.writes[mark.writes :]
        self._frontiers = dict(mark.frontiers)


class Work(ABC, Generic[T]):
    """One caller's request to the sequencer. All three methods run on the event loop and must not block.

    After `stage` returned, exactly one of `committed` and `discarded` is called, each in the order of staging; after
    `discarded`, `stage` may be called again. When `stage` raised, neither is called: what it changed outside the stage
    it has undone itself.
    """

    @abstractmethod
    def stage(self, stage: Stage) -> T:
        """Decide and stage, or raise a refusal, which only this caller gets. Nothing is durable yet: what is changed
        here must be droppable. The result goes to the caller once all is durable."""

    def committed(self) -> None:
        """Everything staged is durable and published: let readers see it. An error here stops writing, since memory and
        store would differ."""

    def discarded(self) -> None:
        """Nothing that was staged took place, or nobody may rely on it: drop it."""


@dataclass(frozen=True, slots=True)
class Appended:
    """An entry of one's own: its place, and the inclusion proof for the log's new size."""

    log: LogName
    index: int
    size: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Committed(Generic[T]):
    """What a caller hears when everything is durable: the work's result, its entries, and both signed checkpoints, which
    are published and whose sizes the proofs are for."""

    value: T
    appended: tuple[Appended, ...]
    checkpoints: Mapping[LogName, bytes]
