"""Old receipts' statements are erased, their entries stay (``docs/spec/audit.md``, Retention).

The running server does it at its start and once a day; ``exchange retention`` counts beforehand what would go, or does it on
a stopped server.  What a receipt said stays as a state (``receipt``, ``message``): only the signed statement goes, and with a
reaction its sealed words.
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.model.entry import parse_entry
from exchange.model.retention import ERASABLE, erased_before
from exchange.store import inspect, logs, meta, statements
from exchange.store.database import Connection, Store
from exchange.tlog.checkpoint import LOGS, LogName

SWEEP_SECONDS = 86_400
"""Pause between two rounds: what is due a day later waits a day longer."""
BATCH = 256
"""Statements erased in one transaction, so that no author waits for them."""
PAGE = 4_096
"""Statements counted at once."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is due: how many statements, all of them accepted before a time (seconds; 0 while nothing can be due)."""

    statements: int
    before: int


def due(connection: Connection, days: int) -> Due:
    """What would be erased now, of receipts older than so many days."""
    before = _before(connection, days)
    end, start, count = _end(connection, before), 0, 0
    while found := statements.unerased(connection, ERASABLE, start, end, PAGE):
        count, start = count + len(found), found[-1] + 1
    return Due(count, before)


async def erase(store: Store, days: int) -> int:
    """Erase what is due; how many statements that were. Raises `StorageError`."""
    done = start = 0
    # Looked for beside the writer, which an author may be waiting for.
    while found := await store.read(_next, days, start):
        await store.write(_erase, found, days)
        done, start = done + len(found), found[-1] + 1
    return done


def _next(connection: Connection, days: int, start: int) -> tuple[int, ...]:
    return statements.unerased(connection, ERASABLE, start, _end(connection, _before(connection, days)), BATCH)


def _erase(connection: Connection, indexes: tuple[int, ...], days: int) -> None:
    statements.erase(connection, indexes)
    meta.put(connection, [(meta.RETENTION, str(days))])


def _before(connection: Connection, days: int) -> int:
    """The acceptance time before which receipts are due; counted from the newest entry, as every auditor counts."""
    newest = 0
    for log in LOGS:
        size = logs.size(connection, log)
        if size:
            newest = max(newest, _at(connection, log, size - 1))
    return erased_before(newest, days)


def _end(connection: Connection, before: int) -> int:
    """The journal index of the first entry accepted at ``before`` or later: times never decrease, so halving finds it."""
    low, high = 0, logs.size(connection, "journal") if before else 0
    while low < high:
        middle = (low + high) // 2
        if _at(connection, "journal", middle) < before:
            low = middle + 1
        else:
            high = middle
    return low


def _at(connection: Connection, log: LogName, index: int) -> int:
    [(_, data)] = inspect.entries_at(connection, log, index, 1)
    return parse_entry(data).at
