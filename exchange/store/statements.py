"""Statements and openings. Functions of a connection. Spec: docs/spec/statements.md.

A statement stands at the place of its entry: a proposal that gained an approval has two entries and stands twice.
Openings are the only rows with names; they can be erased, and nothing else here reads them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from exchange.store import schema
from exchange.store.rows import made, values
from exchange.tlog.checkpoint import LogName

K = TypeVar("K")

MAX_LOOKED_UP = 256
"""Keys in one query: one request's statements; SQLite bounds the parameters."""


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A statement (id, kind, number of signers, encoded envelope) and its entry (log, index, entry kind)."""

    log: LogName
    index: int
    statement: str
    kind: str
    entry_kind: str
    signers: int
    envelope: bytes

    @property
    def erased(self) -> bool:
        """Whether retention has erased the envelope; id, kind and place stay."""
        return not self.envelope


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """What a commitment in a statement hides: 32-byte salt and text."""

    statement: str
    field: str
    salt: bytes
    value: str


@dataclass(frozen=True, slots=True)
class ErasedRow:
    """An opening that must not be there any more."""

    statement: str
    field: str


_columns = tuple(schema.statement.c[name] for name in StatementRow.__slots__)


def _selected() -> Select[Any]:
    return select(*_columns)


# What every request asks for, built once: SQLAlchemy takes longer to build a query than SQLite to answer it.
_of_id = (
    _selected()
    .where(schema.statement.c.statement.in_(bindparam("ids", expanding=True)))
    .order_by(schema.statement.c.log, schema.statement.c.index)
)
_add = insert(schema.statement)


def add(connection: Connection, rows: Sequence[StatementRow]) -> None:
    """Add statements; one that is there with the same entry kind and number of signers is a conflict."""
    if rows:
        connection.execute(_add, values(rows))


def find(connection: Connection, statement: str, entry_kind: str, signers: int) -> StatementRow | None:
    """The statement by the key of idempotence, or None."""
    table = schema.statement
    rows = made(
        StatementRow,
        connection.execute(
            _selected().where(
                table.c.statement == statement, table.c.entry_kind == entry_kind, table.c.signers == signers
            )
        ),
    )
    return rows[0] if rows else None


def of_id(connection: Connection, statements: Collection[str]) -> tuple[StatementRow, ...]:
    """Every place of the statements with these ids (at most `MAX_LOOKED_UP`), in log order."""
    return made(StatementRow, connection.execute(_of_id, {"ids": list(_bounded(statements))}))


def at(connection: Connection, log: LogName, index: int) -> StatementRow | None:
    """The statement of one entry, or None."""
    rows = page(connection, log, index, 1)
    return rows[0] if rows and rows[0].index == index else None


def page(
    connection: Connection, log: LogName, start: int, limit: int, kinds: Collection[str] = ()
) -> tuple[StatementRow, ...]:
    """At most ``limit`` statements from index ``start`` on, in log order; only of these kinds when any is named."""
    table = schema.statement
    query = _selected().where(table.c.log == log, table.c.index >= start)
    if kinds:
        query = query.where(table.c.kind.in_(_bounded(kinds)))
    return made(StatementRow, connection.execute(query.order_by(table.c.index).limit(limit)))


def unerased(connection: Connection, kind: str, start: int, end: int, limit: int) -> tuple[int, ...]:
    """Journal indexes from ``start`` to below ``end`` of the statements of a kind whose envelopes are here, at most ``limit``."""
    table = schema.statement
    query = select(table.c.index).where(
        table.c.log == "journal",
        table.c.kind == kind,
        table.c.index >= start,
        table.c.index < end,
        func.length(table.c.envelope) > 0,
    )
    return tuple(connection.scalars(query.order_by(table.c.index).limit(limit)))


def erase(connection: Connection, indexes: Sequence[int]) -> None:
    """Erase the envelopes of these journal statements (at most `MAX_LOOKED_UP`); their rows stay, for the lookup of what was
    accepted."""
    table = schema.statement
    connection.execute(
        update(table).where(table.c.log == "journal", table.c.index.in_(_bounded(indexes))).values(envelope=b"")
    )


def change_openings(connection: Connection, rows: Sequence[OpeningRow | ErasedRow]) -> None:
    """Add openings and erase some, in the order given: what is erased in the same commit as it came must not stay."""
    for erased, some in groupby(rows, key=lambda row: isinstance(row, ErasedRow)):
        if erased:
            table = schema.opening
            for row in some:
                connection.execute(delete(table).where(table.c.statement == row.statement, table.c.field == row.field))
        else:
            connection.execute(insert(schema.opening), values([row for row in some if isinstance(row, OpeningRow)]))


def openings(connection: Connection, statements: Collection[str]) -> dict[str, tuple[OpeningRow, ...]]:
    """The openings of these statements (at most `MAX_LOOKED_UP` ids), by statement id, fields in order."""
    table = schema.opening
    columns = (table.c.statement, table.c.field, table.c.salt, table.c.value)
    query = select(*columns).where(table.c.statement.in_(_bounded(statements)))
    found: dict[str, tuple[OpeningRow, ...]] = {}
    for row in made(OpeningRow, connection.execute(query.order_by(table.c.statement, table.c.field))):
        found[row.statement] = (*found.get(row.statement, ()), row)
    return found


def _bounded(keys: Collection[K]) -> Collection[K]:
    if len(keys) > MAX_LOOKED_UP:
        raise ValueError(f"at most {MAX_LOOKED_UP} keys are looked up at once")
    return keys
