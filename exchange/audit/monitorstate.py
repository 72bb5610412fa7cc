"""What the monitor has looked at and told, in one SQLite file beside the member's store (0600, WAL).

An alarm is noted in the same transaction that moves the place up to which the logs were looked at, told after that, and forgotten
when everybody has heard it: a crash repeats an alarm at worst, and never drops one.  An alarm about a state that lasts stays until
the state ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.audit.alarms import Alarm
from exchange.client.storefile import StoreFile
from keys import encoding

FILE = "monitor.sqlite"
"""Beside the member's store."""
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


class MonitorState(StoreFile):
    """The opened file; a context manager."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises StateError: ``state-newer``, ``state-unusable``, ``state-busy``."""
        super().__init__(path, (_SCHEMA,), "the monitor's file")

    # -- how far -----------------------------------------------------------------------------------------------------

    def places(self) -> tuple[int, int] | None:
        """Up to where registry and journal were looked at; None before the first time."""
        found = dict(self._db.execute("SELECT log, size FROM place"))
        return (found["registry"], found["journal"]) if found else None

    def record(self, alarms: Sequence[Alarm], registry: int, journal: int) -> None:
        """Note what was found, end the states that are over, and move the places: together or not at all."""
        standing = {alarm.id for alarm in alarms if alarm.standing}
        with self.transaction():
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
        with self.transaction():
            self._db.execute("UPDATE alarm SET said=1 WHERE id=?", (identifier,))
            self._forget()

    def hooked(self, identifier: str, *, done: bool) -> None:
        """The hook was called for an alarm; one that failed is called again, ``TRIES`` times in all."""
        with self.transaction():
            self._db.execute("UPDATE alarm SET tries=tries+1 WHERE id=?", (identifier,))
            self._db.execute("UPDATE alarm SET hooked=1 WHERE id=? AND (? OR tries>=?)", (identifier, int(done), TRIES))
            self._forget()
