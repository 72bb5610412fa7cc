"""What a witness has cosigned: the newest checkpoint of each log with its cosignatures, in one SQLite file (ADR 4).

Check and store are one transaction, durable before anybody is answered (``synchronous=FULL``): of two requests that grow a log
from the same size one wins, in one program or in several. A trigger refuses, beneath all code, to go back. Whoever puts an
older copy of this file back makes the witness forget what it swore; then its key must be retired (docs/spec/witness.md, 4).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from exchange.witness.errors import WitnessError
from exchange.witness.protocol import Cosigned, Held

VERSION = 1
BUSY_SECONDS = 5.0
"""How long one program waits for another that writes the same file."""
SCHEMA = (
    "CREATE TABLE latest (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, at INTEGER NOT NULL,"
    " note BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TRIGGER never_back BEFORE UPDATE ON latest"
    " WHEN NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root IS NOT OLD.root) OR NEW.at < OLD.at"
    " BEGIN SELECT RAISE(ABORT, 'a witness does not go back'); END",
    "CREATE TRIGGER never_forget BEFORE DELETE ON latest BEGIN SELECT RAISE(ABORT, 'a witness does not forget'); END",
)


class WitnessStore:
    """The opened store. Its calls block for a disk write, and may come from any thread."""

    def __init__(self, path: Path) -> None:
        """Open what ``create_store`` made. Raises WitnessError: ``witness-state-missing`` (a witness that lost its memory must
        not begin anew with the same key), ``witness-state-newer``, ``witness-state-unusable``."""
        if not path.is_file():
            raise WitnessError("witness-state-missing", f"{path.name} is missing: what was cosigned is not known")
        self._lock = threading.Lock()
        try:
            self._db = _connect(path)
            version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        except sqlite3.Error as error:
            raise WitnessError("witness-state-unusable", f"{path.name} cannot be opened ({error})") from None
        if version != VERSION:
            self._db.close()
            code = "witness-state-newer" if version > VERSION else "witness-state-unusable"
            raise WitnessError(code, f"{path.name} is not of this version")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def held(self, origin: str) -> Held:
        """What was cosigned last for an origin; of the empty log when nothing was."""
        with self._lock:
            return self._held(origin)

    def _held(self, origin: str) -> Held:
        row = self._db.execute("SELECT size, root, at, note FROM latest WHERE origin=?", (origin,)).fetchone()
        return Held() if row is None else Held(*row)

    def advance(self, origin: str, decide: Callable[[Held], Cosigned]) -> Cosigned:
        """Ask ``decide`` with what is held, and keep its answer, durably; whatever it raises leaves everything as it was.

        Raises WitnessError ``witness-state-unusable`` when the disk does not take it: then nothing may be answered.
        """
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    cosigned = decide(self._held(origin))
                    new = cosigned.held
                    self._db.execute(
                        "INSERT INTO latest (origin, size, root, at, note) VALUES (?, ?, ?, ?, ?) ON CONFLICT (origin)"
                        " DO UPDATE SET size=excluded.size, root=excluded.root, at=excluded.at, note=excluded.note",
                        (origin, new.size, new.root, new.at, new.note),
                    )
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise WitnessError("witness-state-unusable", f"the witness's memory takes nothing ({error})") from None
            return cosigned


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    return database


def create_store(path: Path) -> None:
    """Make the empty store of a new witness, mode 0600. Raises WitnessError ``witness-state-exists``, OSError."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise WitnessError("witness-state-exists", f"{path.name} exists and is not overwritten") from None
    database = _connect(path)
    try:
        database.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            database.execute(statement)
        database.execute(f"PRAGMA user_version={VERSION}")
        database.execute("COMMIT")
    finally:
        database.close()
