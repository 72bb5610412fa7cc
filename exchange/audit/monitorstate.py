"""What the monitor has looked at and told, in one SQLite file beside the member's store (0600, WAL).

An alarm is noted in the same transaction that moves the place up to which the logs were looked at, told after that, and forgotten
when everybody has heard it: a crash repeats an alarm at worst, and never drops one.  An alarm about a state that lasts stays until
the state ends.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.audit.alarms import Alarm
from exchange.client.errors import StateError
from keys import encoding

FILE = "monitor.sqlite"
"""Beside the member's store."""
VERSION = 1
BUSY_SECONDS = 10.0
MAX_BODY = 65_536
"""Bytes of an alarm as it is kept."""
TRIES = 3
"""How often a hook that fails is called for one alarm."""

_SCHEMA = (
    "CREATE TABLE place (log TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE alarm (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL,"
    " standing INTEGER NOT NULL, said INTEGER NOT NULL DEFAULT 0, hooked INTEGER NOT NULL DEFAULT 0,"
    " tries INTEGER NOT NULL DEFAULT 0) STRICT",
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alarm that is not told to all yet: whether it still is to be said, and to be given to the hook."""

    alarm: Alarm
    say: bool
    hook: bool


class MonitorState:
    """The opened file; a context manager."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises StateError: ``state-newer``, ``state-unusable``."""
        try:
            if not path.exists():
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            with self._transaction():
                version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
                if version > VERSION:
                    raise StateError("state-newer", "the monitor's file was written by a newer version of this program")
                if version < VERSION:
                    for statement in _SCHEMA:
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA user_version={VERSION}")
        except (OSError, sqlite3.Error) as error:
            raise StateError("state-unusable", f"the monitor's file cannot be used ({error})") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> MonitorState:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # -- how far -----------------------------------------------------------------------------------------------------

    def places(self) -> tuple[int, int] | None:
        """Up to where registry and journal were looked at; None before the first time."""
        found = dict(self._db.execute("SELECT log, size FROM place"))
        return (found["registry"], found["journal"]) if found else None

    def record(self, alarms: Sequence[Alarm], registry: int, journal: int) -> None:
        """Note what was found, end the states that are over, and move the places: together or not at all."""
        standing = {alarm.id for alarm in alarms if alarm.standing}
        with self._transaction():
            for alarm in alarms:
                body = encoding.encode({name: value for name, value in alarm.encode().items() if value is not None})
                self._db.execute(
                    "INSERT INTO alarm (id, body, standing) VALUES (?, ?, ?)"
                    " ON CONFLICT (id) DO UPDATE SET standing=excluded.standing",
                    (alarm.id, body, int(alarm.standing)),
                )
            for (known,) in list(self._db.execute("SELECT id FROM alarm WHERE standing=1")):
                if known not in standing:
                    self._db.execute("UPDATE alarm SET standing=0 WHERE id=?", (known,))
            for log, size in (("registry", registry), ("journal", journal)):
                self._db.execute("INSERT OR REPLACE INTO place (log, size) VALUES (?, ?)", (log, size))
            self._forget()

    def _forget(self) -> None:
        """What is told and over can come again."""
        self._db.execute("DELETE FROM alarm WHERE standing=0 AND said=1 AND hooked=1")

    # -- telling -----------------------------------------------------------------------------------------------------

    def waiting(self) -> list[Waiting]:
        """What is not told yet, in the order in which it was found."""
        rows = self._db.execute("SELECT id, body, said, hooked FROM alarm WHERE said=0 OR hooked=0 ORDER BY seq")
        found = []
        for identifier, body, said, hooked in rows:
            raw = {"index": None, "log": None, **encoding.decode(body, max_bytes=MAX_BODY)}
            found.append(Waiting(Alarm.decode(identifier, raw), not said, not hooked))
        return found

    def said(self, identifier: str) -> None:
        """An alarm stands on the output."""
        with self._transaction():
            self._db.execute("UPDATE alarm SET said=1 WHERE id=?", (identifier,))
            self._forget()

    def hooked(self, identifier: str, *, done: bool) -> None:
        """The hook was called for an alarm; one that failed is called again, ``TRIES`` times in all."""
        with self._transaction():
            self._db.execute("UPDATE alarm SET tries=tries+1 WHERE id=?", (identifier,))
            self._db.execute("UPDATE alarm SET hooked=1 WHERE id=? AND (? OR tries>=?)", (identifier, int(done), TRIES))
            self._forget()
