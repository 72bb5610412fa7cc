"""What a checker asks of a store and the server never does: every place, every row, every byte. Functions of a connection.

Nothing is interpreted here, and nothing is left out because it looks wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, LargeBinary, Select, and_, cast, func, inspect, select

from exchange.store import schema
from exchange.store.alerts import ReceiptRow
from exchange.store.blobs import ClaimRow
from exchange.store.messages import MessageRow
from exchange.store.rows import made
from exchange.store.statements import OpeningRow
from exchange.tlog.checkpoint import LogName


def raw(value: object) -> bytes:
    """A column of bytes as bytes, whatever somebody made of it: a flipped type is a difference and no crash."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""


@dataclass(frozen=True, slots=True)
class Content:
    """A complete blob as it stands: the length that its row says, the length and SHA-256 (hex) of its chunks."""

    said: int
    length: int
    sha256: str


def entries_at(connection: Connection, log: LogName, start: int, limit: int) -> list[tuple[int, bytes]]:
    """(index, leaf bytes) of at most ``limit`` entries from index ``start`` on, in order."""
    table = schema.entry
    query = select(table.c.index, table.c.data).where(table.c.log == log, table.c.index >= start)
    return [(row[0], raw(row[1])) for row in connection.execute(query.order_by(table.c.index).limit(limit))]


def tile_places(connection: Connection, log: LogName) -> list[tuple[int, int, int]]:
    """(level, index, bytes) of every tile of a log."""
    table = schema.tile
    length = func.length(cast(table.c.data, LargeBinary))
    query = select(table.c.level, table.c.index, length).where(table.c.log == log)
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def statement_places(connection: Connection, prefix: str) -> list[tuple[str, LogName, int, int]]:
    """(statement id, log, index, signers) of the statements whose id begins so, those of one id in log order."""
    table = schema.statement
    query = select(table.c.statement, table.c.log, table.c.index, table.c.signers).where(
        table.c.statement >= prefix, table.c.statement < prefix + "g"
    )
    rows = connection.execute(query.order_by(table.c.statement, table.c.log, table.c.index))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def alerts_with_leaves(connection: Connection) -> list[str]:
    """The statement ids for which there is an audience."""
    return list(connection.scalars(select(schema.audience.c.alert)))


def openings(connection: Connection) -> Iterator[OpeningRow]:
    """Every opening, by statement id and field."""
    table = schema.opening
    query = select(table.c.statement, table.c.field, table.c.salt, table.c.value)
    return iter(made(OpeningRow, connection.execute(query.order_by(table.c.statement, table.c.field))))


def claims(connection: Connection) -> tuple[ClaimRow, ...]:
    """Every claim, by blob and statement."""
    table = schema.claim
    query = select(table.c.sha256, table.c.statement, table.c.until)
    return made(ClaimRow, connection.execute(query.order_by(table.c.sha256, table.c.statement)))


def content(connection: Connection, digest: str) -> Content | None:
    """The complete blob that says it has this hash, read chunk by chunk; None when there is none."""
    table, chunks = schema.blob, schema.blob_chunk
    row = connection.execute(
        select(table.c.blob, table.c.length).where(table.c.sha256 == digest, table.c.complete == 1)
    ).first()
    if row is None:
        return None
    hasher, length = sha256(), 0
    query = select(chunks.c.data).where(chunks.c.blob == row[0]).order_by(chunks.c.position)
    for piece in connection.scalars(query).yield_per(4):
        hasher.update(raw(piece))
        length += len(raw(piece))
    return Content(row[1], length, hasher.hexdigest())


def whole(connection: Connection, digest: str) -> bytes | None:
    """The bytes of a complete blob, for those known to be small; None when there is none with this hash."""
    table, chunks = schema.blob, schema.blob_chunk
    number = connection.scalar(select(table.c.blob).where(table.c.sha256 == digest, table.c.complete == 1))
    if number is None:
        return None
    query = select(chunks.c.data).where(chunks.c.blob == number).order_by(chunks.c.position)
    return b"".join(raw(piece) for piece in connection.scalars(query))


def cosigned(connection: Connection) -> list[tuple[LogName, str, bytes]]:
    """(log, which, note) of the notes with witnesses' lines; none in a store that was made before there were any."""
    table = schema.cosigned
    if not inspect(connection).has_table(table.name):
        return []
    rows = connection.execute(select(table.c.log, table.c.what, table.c.note).order_by(table.c.log, table.c.what))
    return [(row[0], row[1], raw(row[2])) for row in rows]


def erased_receipts(connection: Connection) -> tuple[ReceiptRow, ...]:
    """The receipts whose statements were erased by retention."""
    table = schema.receipt
    return made(
        ReceiptRow, connection.execute(_of_erased(select(*(table.c[n] for n in ReceiptRow.__slots__)), "receipt"))
    )


def erased_messages(connection: Connection) -> tuple[MessageRow, ...]:
    """The reactions whose statements were erased by retention."""
    table = schema.message
    return made(
        MessageRow, connection.execute(_of_erased(select(*(table.c[n] for n in MessageRow.__slots__)), "message"))
    )


def _of_erased(query: Select[tuple[object, ...]], name: str) -> Select[tuple[object, ...]]:
    table, statement = schema.metadata.tables[name], schema.statement
    same = and_(statement.c.log == "journal", statement.c.index == table.c.journal_index)
    return query.join(statement, same).where(func.length(statement.c.envelope) == 0)
