"""What the witnesses said last: notes with their lines, and where each witness stands. Functions of a connection.

Nothing here is needed to be right: what is lost in a crash is asked for again, and what is read is verified again.
Spec: docs/spec/logs.md, Witnesses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from exchange.store import schema
from exchange.store.rows import made, values
from exchange.tlog.checkpoint import LogName

NEWEST = "newest"
QUORUM = "quorum"


@dataclass(frozen=True, slots=True)
class CosignedRow:
    """A note with its cosignature lines; ``what`` is `NEWEST` or `QUORUM`."""

    log: LogName
    what: str
    note: bytes


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """A witness at a log: the size cosigned last (0: none) and that cosignature's time, how it stands and since when."""

    log: LogName
    witness: str
    size: int
    at: int
    state: str
    since: int


def replace(connection: Connection, notes: Sequence[CosignedRow], witnesses: Sequence[WitnessRow]) -> None:
    """Put these in the place of all that was there."""
    for table, rows in ((schema.cosigned, values(notes)), (schema.witness, values(witnesses))):
        connection.execute(delete(table))
        if rows:
            connection.execute(insert(table), rows)


def notes(connection: Connection) -> tuple[CosignedRow, ...]:
    """All notes."""
    table = schema.cosigned
    return made(CosignedRow, connection.execute(select(table.c.log, table.c.what, table.c.note)))


def witnesses(connection: Connection) -> tuple[WitnessRow, ...]:
    """All witnesses."""
    table = schema.witness
    columns = (table.c.log, table.c.witness, table.c.size, table.c.at, table.c.state, table.c.since)
    return made(WitnessRow, connection.execute(select(*columns)))
