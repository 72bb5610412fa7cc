"""The auditor's local copy: what a bundle needs beyond the member's own store, in one SQLite file beside it (0600, WAL).

Entries, registry statements, openings and weekly keys are in the member's store (``exchange.client.state``), which follows the
logs.  Here are the journal's other statements by index, leaf lists by statement id, and every checkpoint that was ever shown,
with the cosignature lines that it had then.  What is put in was held against its entry before; nothing is ever half written, and
several programs may use one file.  This module stores and finds; it verifies nothing and speaks to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from exchange.client.errors import StateError
from exchange.client.storefile import StoreFile
from exchange.tlog.checkpoint import LOGS, LogName

FILE = "audit.sqlite"
"""Beside the member's store."""
MOST_NOTES = 4
"""Notes kept of one log, size and root: a cosignature may be renewed every few minutes, and nobody fills the disk with lines."""

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE note (log TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL,"
    " PRIMARY KEY (log, size, root, note)) STRICT, WITHOUT ROWID",
    "CREATE TABLE envelope (idx INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT",
    # Receipts whose statements the exchange has erased: their entries are all that there is.
    "CREATE TABLE erased (idx INTEGER PRIMARY KEY) STRICT",
    "CREATE TABLE leaves (statement TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT, WITHOUT ROWID",
)


class LocalCopy(StoreFile):
    """The opened copy. A context manager; several processes may share the file."""

    def __init__(self, path: Path, exchange: str) -> None:
        """Open or create. Raises StateError: ``state-newer``, ``state-unusable``, ``state-busy``, ``state-foreign``."""
        super().__init__(path, (_SCHEMA,), "the auditor's copy")
        try:
            self._pin(exchange)
        except BaseException:
            self.close()
            raise

    def _pin(self, exchange: str) -> None:
        known = self._get("exchange")
        if known is None:
            with self.transaction():
                known = self._get("exchange") or exchange
                self._put("exchange", known)
        if known != exchange:
            raise StateError("state-foreign", "the auditor's copy is of another exchange")

    def _get(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else row[0]

    def _put(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # -- how far it is -----------------------------------------------------------------------------------------------

    def complete(self) -> dict[LogName, int] | None:
        """The sizes of both logs for which everything is here; None before the first fetch ended."""
        found = self._get("complete")
        if found is None:
            return None
        registry, journal = found.split(" ")
        return {"registry": int(registry), "journal": int(journal)}

    def set_complete(self, sizes: Mapping[LogName, int]) -> None:
        """Everything up to these sizes is here. What another program completed meanwhile is not taken back."""
        with self.transaction():
            known = self.complete() or dict.fromkeys(LOGS, 0)
            if all(sizes[log] >= known[log] for log in LOGS):
                self._put("complete", f"{sizes['registry']} {sizes['journal']}")

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def keep_note(self, log: LogName, size: int, root: bytes, note: bytes) -> None:
        """Keep a signed checkpoint as it was shown.

        Of one size and root a note whose lines all stand in another one is not needed; two roots of one size are a fork, and
        both stay whatever lines they have.
        """
        with self.transaction():
            known = [kept for _, kept in self._notes(log, size, root)]
            lines = frozenset(note.splitlines())
            if any(lines <= frozenset(kept.splitlines()) for kept in known):
                return
            kept = [one for one in known if not frozenset(one.splitlines()) <= lines]
            kept = sorted([*kept, note], key=lambda one: len(one.splitlines()), reverse=True)[:MOST_NOTES]
            self._db.execute("DELETE FROM note WHERE log=? AND size=? AND root=?", (log, size, root))
            self._db.executemany("INSERT INTO note VALUES (?, ?, ?, ?)", ((log, size, root, one) for one in kept))

    def notes(self, log: LogName, size: int) -> list[bytes]:
        """Every checkpoint kept of a log up to a size, smallest first."""
        rows = self._db.execute("SELECT note FROM note WHERE log=? AND size<=? ORDER BY size, root, note", (log, size))
        return [row[0] for row in rows]

    def best_note(self, log: LogName, size: int, root: bytes) -> bytes | None:
        """The checkpoint of one size and root with the most lines; None when there is none."""
        notes = [note for _, note in self._notes(log, size, root)]
        return max(notes, key=lambda note: len(note.splitlines()), default=None)

    def _notes(self, log: LogName, size: int, root: bytes) -> list[tuple[int, bytes]]:
        rows = self._db.execute(
            "SELECT size, note FROM note WHERE log=? AND size=? AND root=? ORDER BY note", (log, size, root)
        )
        return [(found, note) for found, note in rows]

    # -- statements and leaf lists -----------------------------------------------------------------------------------

    def keep(
        self,
        envelopes: Iterable[tuple[int, bytes]],
        leaves: Iterable[tuple[str, bytes]],
        erased: Iterable[int] = (),
    ) -> None:
        """Keep journal statements (index, encoded envelope), leaf lists (statement id, bytes) and the indexes of erased receipts,
        all of them or none."""
        with self.transaction():
            self._db.executemany("INSERT OR IGNORE INTO erased VALUES (?)", ((index,) for index in erased))
            self._db.executemany("INSERT OR REPLACE INTO envelope VALUES (?, ?)", envelopes)
            self._db.executemany("INSERT OR REPLACE INTO leaves VALUES (?, ?)", leaves)

    def held(self, start: int) -> set[int]:
        """The journal indexes from ``start`` on whose statements are here, or are known to be erased."""
        rows = self._db.execute(
            "SELECT idx FROM envelope WHERE idx>=? UNION SELECT idx FROM erased WHERE idx>=?", (start, start)
        )
        return {row[0] for row in rows}

    def erased(self, index: int) -> bool:
        """Whether the exchange said that this receipt's statement is erased, and none was fetched before."""
        row = self._db.execute("SELECT 1 FROM erased WHERE idx=?", (index,)).fetchone()
        return row is not None and self.envelope(index) is None

    def retention(self) -> int:
        """After how many days the exchange said that it erases receipts, when it last had; 0 before."""
        return int(self._get("receipts-days") or 0)

    def set_retention(self, days: int) -> None:
        """Note it."""
        with self.transaction():
            self._put("receipts-days", str(days))

    def envelope(self, index: int) -> bytes | None:
        """The statement of a journal entry, encoded; None when it is not here."""
        row = self._db.execute("SELECT data FROM envelope WHERE idx=?", (index,)).fetchone()
        return None if row is None else row[0]

    def leaves(self, statement: str) -> bytes | None:
        """An alert's leaf list; None when it is not here."""
        row = self._db.execute("SELECT data FROM leaves WHERE statement=?", (statement,)).fetchone()
        return None if row is None else row[0]

    def forget(self, index: int, statement: str) -> None:
        """Drop a statement and its leaf list: they do not belong to their entry any more, as only a damaged file can do."""
        with self.transaction():
            self._db.execute("DELETE FROM envelope WHERE idx=?", (index,))
            self._db.execute("DELETE FROM leaves WHERE statement=?", (statement,))
            self._db.execute("DELETE FROM meta WHERE key='complete'")
