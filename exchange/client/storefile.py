"""One SQLite file of a member (ADR 4): opened or created (0600, WAL), brought to its version, written all or nothing.

Shared by the member's store, the auditor's copy and the monitor's memory.  Several programs may use one file.  What the tables hold
is for those who know.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from exchange.client.errors import StateError

BUSY_SECONDS = 10.0
"""How long one program waits for another that writes the same file."""


class StoreFile:
    """The opened file; a context manager. ``what`` names it in errors, as a person would."""

    def __init__(self, path: Path, migrations: Sequence[Sequence[str]], what: str) -> None:
        """Open or create; ``migrations[n]`` brings the tables from version n to n + 1.

        Raises StateError: ``state-newer``, ``state-unusable``, ``state-busy``.
        """
        self.path = path
        self._what = what
        try:
            if not path.exists():
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=256)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from None
        try:
            for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
                self._db.execute(f"PRAGMA {setting}")
            self._migrate(migrations)
        except sqlite3.Error as error:
            self.close()
            raise self._unusable(error) from None
        except BaseException:
            self.close()
            raise

    def _migrate(self, migrations: Sequence[Sequence[str]]) -> None:
        version = self._version()
        if version > len(migrations):
            raise StateError("state-newer", f"{self._what} was written by a newer version of this program")
        if version == len(migrations):
            return
        with self.transaction():
            # Another program of this member may have done it meanwhile.
            for statements in migrations[self._version() :]:
                for statement in statements:
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={max(self._version(), len(migrations))}")

    def _version(self) -> int:
        return int(self._one("PRAGMA user_version")[0])

    def _unusable(self, error: Exception) -> StateError:
        return StateError("state-unusable", f"{self._what} cannot be used ({error})")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; durable when it ends. Inside another one it is part of that.

        Raises StateError: ``state-busy``, and ``state-unusable`` when the disk does not take it; then nothing was written.
        """
        if self._db.in_transaction:
            yield
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise StateError("state-busy", f"another program is writing {self._what} ({error})") from None
        try:
            yield
        except BaseException:
            self._roll_back()
            raise
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            # Left open, it would take in every later transaction as a part of itself, and lose them together.
            self._roll_back()
            raise self._unusable(error) from None

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # a full disk ends some transactions by itself
            self._db.execute("ROLLBACK")

    def _one(self, sql: str, *values: Any) -> Any:
        return self._db.execute(sql, values).fetchone()
