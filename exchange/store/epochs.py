"""Projection of `epoch.publish`: which device has a key for which week. Functions of a connection.

The keys' bytes stay in the bundles (blobs). Spec: docs/spec/statements.md, Journal kinds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from exchange.store import schema
from exchange.store.rows import made, values


@dataclass(frozen=True, slots=True)
class EpochKeyRow:
    """A device's key for one week: SHA-256 of the key (hex), the statement and entry that published it, and where it
    begins in which bundle (SHA-256)."""

    device: str
    week: int
    key_hash: str
    statement: str
    journal_index: int
    bundle: str
    offset: int


def add(connection: Connection, rows: Sequence[EpochKeyRow]) -> None:
    """Add keys; a second one of a device for the same week is a conflict."""
    if rows:
        connection.execute(insert(schema.epoch_key), values(rows))


def page(connection: Connection, start: int, limit: int) -> tuple[EpochKeyRow, ...]:
    """At most ``limit`` keys whose entry has index ``start`` or more, in journal order: to rebuild memory at a start."""
    table = schema.epoch_key
    query = select(*(table.c[name] for name in EpochKeyRow.__slots__)).where(table.c.journal_index >= start)
    return made(
        EpochKeyRow,
        connection.execute(query.order_by(table.c.journal_index, table.c.device, table.c.week).limit(limit)),
    )
