"""Two stores for a checker: the one of the server as it is at one moment, and an empty one to rebuild into.

``Snapshot`` reads one consistent state, beside a running server too, and writes nothing; text that is no UTF-8 any more is read
all the same, so that a flipped byte is a difference and no crash.  ``Scratch`` is a file of the same tables in a folder that
somebody throws away: what it holds can be made again, so nothing waits for the disk.  Both run functions of a ``Connection``, as
``Store.read`` does, but at once and on the caller's thread.  ``differences`` compares a table of the two row by row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from exchange.store import schema
from exchange.store.database import BUSY_MILLISECONDS, check_schema, make_schema
from exchange.store.errors import ConflictError, StorageError, StoreError

PAGE = 1_024
"""Rows fetched at once while tables are compared."""

P = ParamSpec("P")
T = TypeVar("T")

Sort = Literal["missing", "extra", "differs"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not as the logs have it: table, key, what is wrong with it, and the columns that differ."""

    table: str
    key: str
    sort: Sort
    columns: tuple[str, ...] = ()


class _Opened:
    """One connection in one transaction. A context manager."""

    def __init__(self, path: Path, mode: str, pragmas: Sequence[str]) -> None:
        uri = f"{path.absolute().as_uri()}?mode={mode}"

        def connect() -> sqlite3.Connection:
            made = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
            made.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            for pragma in (f"busy_timeout = {BUSY_MILLISECONDS}", *pragmas):
                made.execute(f"PRAGMA {pragma}").close()
            return made

        self.path = path
        self._engine: Engine = create_engine(
            "sqlite+pysqlite://", creator=connect, hide_parameters=True, poolclass=StaticPool
        )
        event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        try:
            self._connection = self._engine.connect()
            self._connection.begin()
        except (SQLAlchemyError, sqlite3.Error) as error:
            self._engine.dispose()
            raise StorageError("storage-failed", f"cannot open {path.name}: {_cause(error)}") from error

    def read(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(connection, …)``. Raises `StorageError`, and whatever the function raises."""
        try:
            return function(self._connection, *args, **kwargs)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StorageError("storage-failed", f"reading {self.path.name} failed: {_cause(error)}") from error

    def rows(self, name: str) -> Iterator[Sequence[Any]]:
        """All rows of a table in the order of its key. Raises `StorageError`."""
        table = schema.metadata.tables[name]
        query = select(*table.columns).order_by(*table.primary_key.columns)
        try:
            yield from self._connection.execute(query).yield_per(PAGE)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StorageError("storage-failed", f"reading {self.path.name} failed: {_cause(error)}") from error

    def close(self) -> None:
        """End the transaction and close the file."""
        self._connection.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Snapshot(_Opened):
    """The server's store at the moment of the first reading."""

    def __init__(self, path: Path) -> None:
        """Raises `StoreError` (``store-missing``, ``store-foreign``, ``store-newer``) and `StorageError`."""
        if not path.is_file():
            raise StoreError("store-missing", f"there is no store at {path}")
        super().__init__(path, "ro", ())
        try:
            self.read(check_schema)
        except BaseException:
            self.close()
            raise


class Scratch(_Opened):
    """An empty store in a new file, for one rebuild; nothing in it outlives the folder."""

    def __init__(self, path: Path) -> None:
        """Raises `StorageError`."""
        super().__init__(path, "rwc", ("journal_mode = MEMORY", "synchronous = OFF", "foreign_keys = OFF"))
        self.read(make_schema)

    def write(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for what writes. Raises `ConflictError` when rows contradict each other."""
        try:
            return function(self._connection, *args, **kwargs)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise ConflictError("storage-conflict", f"rows contradict the rebuilt store: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    """What happened, without the statement's parameters: they may hold names."""
    return str(getattr(error, "orig", None) or type(error).__name__)


# -- comparing -------------------------------------------------------------------------------------------------------------


def differences(stored: Snapshot, rebuilt: Scratch, table: str) -> Iterator[tuple[int, Difference | None]]:
    """Every row of a table in the order of its key: how many were compared so far, and what is wrong, if anything is."""
    columns = [column.name for column in schema.metadata.tables[table].columns]
    keys = [column.name for column in schema.metadata.tables[table].primary_key.columns]
    places = [columns.index(name) for name in keys]

    def key_of(row: Sequence[Any] | None) -> tuple[Any, ...] | None:
        return None if row is None else tuple(_ordered(row[place]) for place in places)

    def named(row: Sequence[Any]) -> str:
        return "/".join(shown(row[place]) for place in places)

    left, right = stored.rows(table), rebuilt.rows(table)
    mine, theirs, count = next(left, None), next(right, None), 0
    while mine is not None or theirs is not None:
        count += 1
        a, b = key_of(mine), key_of(theirs)
        if theirs is not None and (a is None or (b is not None and b < a)):
            yield count, Difference(table, named(theirs), "missing")
            theirs = next(right, None)
        elif mine is not None and (b is None or (a is not None and a < b)):
            yield count, Difference(table, named(mine), "extra")
            mine = next(left, None)
        else:
            wrong = tuple(c for c, x, y in zip(columns, mine or (), theirs or (), strict=True) if not _same(x, y))
            yield count, Difference(table, named(mine or ()), "differs", wrong) if wrong else None
            mine, theirs = next(left, None), next(right, None)


def shown(value: Any) -> str:
    """A key's value in words that can be written anywhere."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _ordered(value: Any) -> tuple[int, Any]:
    """SQLite's own order of values: nothing, numbers, text, bytes."""
    if value is None:
        return 0, 0
    if isinstance(value, int | float):
        return 1, value
    if isinstance(value, str):
        return 2, value.encode("utf-8", "surrogateescape")
    return 3, bytes(value)
