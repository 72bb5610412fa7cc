"""The logs' own rows: entries, tiles, the newest checkpoints. Functions of a connection.

Only the ledger writes here. What is read may lie beyond the checkpoint that is visible (between a commit and its head
file): `exchange/ledger` bounds what readers are served. Spec: docs/spec/logs.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from exchange.store import schema
from exchange.store.rows import made, values
from exchange.tlog.checkpoint import LogName


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry's leaf bytes at its index."""

    log: LogName
    index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TileRow:
    """A hash tile: 32 to 8,192 bytes."""

    log: LogName
    level: int
    index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A log's newest signed checkpoint and the time (seconds) of its commit."""

    log: LogName
    size: int
    note: bytes
    at: int


# Built once: SQLAlchemy takes longer to build a query than SQLite to answer it.
_add_entry = insert(schema.entry)
_put_tile = upsert(schema.tile)
_put_tile = _put_tile.on_conflict_do_update(
    index_elements=["log", "level", "index"], set_={"data": _put_tile.excluded.data}
)
_put_checkpoint = upsert(schema.checkpoint)
_put_checkpoint = _put_checkpoint.on_conflict_do_update(
    index_elements=["log"],
    set_={name: _put_checkpoint.excluded[name] for name in ("size", "note", "at")},
)


def add_entries(connection: Connection, rows: Sequence[EntryRow]) -> None:
    """Append entries; an index that is taken is a conflict, so two writers cannot both believe themselves alone."""
    if rows:
        connection.execute(_add_entry, values(rows))


def put_tiles(connection: Connection, rows: Sequence[TileRow]) -> None:
    """Write tiles, each over its earlier, shorter self."""
    if rows:
        connection.execute(_put_tile, values(rows))


def put_checkpoints(connection: Connection, rows: Sequence[CheckpointRow]) -> None:
    """Write newest checkpoints."""
    if rows:
        connection.execute(_put_checkpoint, values(rows))


def checkpoint(connection: Connection, log: LogName) -> CheckpointRow | None:
    """The newest checkpoint of a log; None before the ledger was first opened."""
    table = schema.checkpoint
    columns = (table.c.log, table.c.size, table.c.note, table.c.at)
    rows = made(CheckpointRow, connection.execute(select(*columns).where(table.c.log == log)))
    return rows[0] if rows else None


def size(connection: Connection, log: LogName) -> int:
    """How many entries stand in the table: one more than the last index."""
    last = connection.scalar(select(func.max(schema.entry.c.index)).where(schema.entry.c.log == log))
    return 0 if last is None else last + 1


def entries(connection: Connection, log: LogName, start: int, limit: int) -> tuple[bytes, ...]:
    """At most ``limit`` entries from index ``start`` on, in order."""
    table = schema.entry
    found = connection.scalars(
        select(table.c.data).where(table.c.log == log, table.c.index >= start).order_by(table.c.index).limit(limit)
    )
    return tuple(found)


def tile(connection: Connection, log: LogName, level: int, index: int) -> bytes | None:
    """A tile's bytes as they stand, or None."""
    return tiles(connection, log, [(level, index)]).get((level, index))


def tiles(connection: Connection, log: LogName, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    """The tiles (level, index) that are there."""
    table = schema.tile
    wanted = [and_(table.c.level == level, table.c.index == index) for level, index in places]
    if not wanted:
        return {}
    rows = connection.execute(
        select(table.c.level, table.c.index, table.c.data).where(table.c.log == log, or_(*wanted))
    )
    return {(level, index): data for level, index, data in rows}
