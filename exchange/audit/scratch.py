"""What a replay remembers of a long log, on disk, so that its memory does not grow with the log (``docs/spec/audit.md``, Limits).

Temporary files and one temporary SQLite database without names, in the system's folder for such things; the operating system
removes them when they are closed.  Nothing here is believed longer than one verification, and nothing of it is secret.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Generic, TypeVar

from exchange.tlog.merkle import HASH_BYTES

PAGE_CACHE = 8192
"""KiB of the database kept in memory."""
RECENT = 1024
"""Records of one kind kept in memory; more than one entry can name (a receipt: 256 alerts)."""
CHUNK = 1 << 16
"""Bytes written to a file at once."""

V = TypeVar("V")


class Scratch:
    """The temporary files and the database of one verification; a context manager that gives them back."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        # An empty name is SQLite's for a private database on disk; one transaction that never ends keeps writes together.
        self.database = sqlite3.connect("", isolation_level=None)
        self._stack.callback(self.database.close)
        self.database.execute("PRAGMA journal_mode=OFF")
        self.database.execute(f"PRAGMA cache_size=-{PAGE_CACHE}")
        self.database.execute("BEGIN")
        self.database.execute(
            "CREATE TABLE kept (kind TEXT, key TEXT, record TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def file(self) -> IO[bytes]:
        """A temporary file, open for reading and writing."""
        return self._stack.enter_context(TemporaryFile(buffering=0))


class Roots:
    """The roots of a log at every size from 0 on, as far as they were added."""

    def __init__(self, scratch: Scratch) -> None:
        self._file = scratch.file()
        self._new = bytearray()
        self._written = 0
        self._last = (-1, b"")

    def add(self, root: bytes) -> None:
        """The root of the next size."""
        self._new += root
        if len(self._new) >= CHUNK:
            self._file.seek(self._written)
            self._file.write(self._new)
            self._written += len(self._new)
            self._new.clear()

    def at(self, size: int) -> bytes | None:
        """The root at a size, 32 bytes; None beyond the end."""
        if self._last[0] == size:
            return self._last[1]
        place = size * HASH_BYTES
        if place >= self._written:
            found = bytes(self._new[place - self._written : place - self._written + HASH_BYTES])
        else:
            self._file.seek(place)
            found = self._file.read(HASH_BYTES)
        if not found:
            return None
        self._last = (size, found)
        return found


class Kept(Generic[V]):
    """Records of one kind by a text, the newest used in memory and the others in the database, as what ``pack`` makes of them.

    A record may be changed while it is among the RECENT; it is written when it leaves them.
    """

    def __init__(self, scratch: Scratch, kind: str, pack: Callable[[V], str], unpack: Callable[[str], V]) -> None:
        self._database = scratch.database
        self._kind, self._pack, self._unpack = kind, pack, unpack
        self._recent: OrderedDict[str, V] = OrderedDict()
        self._any = False

    def get(self, key: str) -> V | None:
        """The record, or None."""
        found = self._recent.get(key)
        if found is not None:
            self._recent.move_to_end(key)
            return found
        if not self._any:
            return None
        place = (self._kind, key)
        row = self._database.execute("SELECT record FROM kept WHERE kind=? AND key=?", place).fetchone()
        if row is None:
            return None
        found = self._unpack(row[0])
        self.put(key, found)
        return found

    def put(self, key: str, record: V) -> None:
        """Keep a record."""
        self._recent[key] = record
        if len(self._recent) > RECENT:
            self._write([self._recent.popitem(last=False) for _ in range(RECENT // 2)])

    def _write(self, records: Sequence[tuple[str, V]]) -> None:
        self._any = True
        rows = [(self._kind, key, self._pack(record)) for key, record in records]
        self._database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", rows)

    def __iter__(self) -> Iterator[V]:
        """All records, in order of their texts."""
        self._write(list(self._recent.items()))
        rows = self._database.execute("SELECT record FROM kept WHERE kind=? ORDER BY key", (self._kind,))
        for (record,) in rows:
            yield self._unpack(record)
