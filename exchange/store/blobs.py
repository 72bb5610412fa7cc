"""Content-addressed blobs: uploads, claims, ranges, sweeping. Functions of a connection. Spec: docs/spec/interface.md.

An upload is invisible until `finish` says that its content has the hash that was promised: whoever calls has hashed
what it wrote. A blob that no statement claims is swept.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from exchange.store import schema
from exchange.store.errors import StoreRefusal
from exchange.store.rows import made, values
from exchange.store.schema import CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class BlobRow:
    """A complete blob: number, SHA-256 (hex), length in bytes, the device that uploaded it, purpose, time."""

    blob: int
    sha256: str
    length: int
    owner: str
    purpose: str
    created_at: int


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A statement keeps a blob: for ever, or until a time (a proposal's deadline)."""

    sha256: str
    statement: str
    until: int | None


# What every alert asks for, built once: SQLAlchemy takes longer to build a query than SQLite to answer it.
_lengths = select(schema.blob.c.sha256, schema.blob.c.length).where(
    schema.blob.c.sha256.in_(bindparam("hashes", expanding=True)), schema.blob.c.complete == 1
)
_claim = upsert(schema.claim)
_claim = _claim.on_conflict_do_update(
    index_elements=["sha256", "statement"],
    set_={"until": _claim.excluded.until},
    where=schema.claim.c.until.is_not(None),
)


@dataclass(frozen=True, slots=True)
class PartialRow:
    """An upload that goes on in several requests: number, announced length, and how many bytes are here, whole chunks."""

    blob: int
    length: int
    received: int


PARTIAL = "partial"
"""Purpose of an upload that goes on in several requests, until it is finished."""


def begin(connection: Connection, sha256: str, length: int, owner: str, purpose: str, at: int) -> int:
    """Begin an upload of ``length`` bytes; its number. It counts against the owner's quota from now on."""
    row = {
        "sha256": sha256,
        "length": length,
        "owner": owner,
        "purpose": purpose,
        "created_at": at,
        "complete": 0,
    }
    number = connection.execute(insert(schema.blob), row).inserted_primary_key
    return int(number[0]) if number else 0


def add_chunk(connection: Connection, blob: int, position: int, data: bytes) -> None:
    """Write chunk number ``position`` of an upload: `CHUNK_BYTES` each, the last one shorter."""
    connection.execute(insert(schema.blob_chunk), {"blob": blob, "position": position, "data": data})


def finish(connection: Connection, blob: int) -> None:
    """Make an upload visible: the caller has verified length and hash. When the same content is there already, the
    upload is dropped. Raises `StoreRefusal` (``upload-unknown``) when it was swept meanwhile."""
    table = schema.blob
    sha256 = connection.scalar(select(table.c.sha256).where(table.c.blob == blob))
    if sha256 is None:
        raise StoreRefusal("upload-unknown", "the upload took too long and was swept")
    if find(connection, sha256) is not None:
        abandon(connection, blob)
    else:
        connection.execute(update(table).where(table.c.blob == blob).values(complete=1))


def partial(connection: Connection, sha256: str, owner: str) -> PartialRow | None:
    """The owner's unfinished upload of this hash that can go on."""
    table, chunks = schema.blob, schema.blob_chunk
    query = select(table.c.blob, table.c.length).where(
        table.c.sha256 == sha256, table.c.owner == owner, table.c.complete == 0, table.c.purpose == PARTIAL
    )
    row = connection.execute(query.order_by(table.c.blob).limit(1)).first()
    if row is None:
        return None
    count = connection.scalar(select(func.count()).select_from(chunks).where(chunks.c.blob == row.blob)) or 0
    return PartialRow(row.blob, row.length, min(row.length, count * CHUNK_BYTES))


def append(connection: Connection, blob: int, offset: int, data: bytes, at: int) -> None:
    """Write the next bytes of an upload: whole chunks, but at its end. The upload's age begins anew.

    Raises `StoreRefusal`: ``upload-unknown`` (it was swept or finished), ``upload-offset`` (other bytes came first).
    """
    table, chunks = schema.blob, schema.blob_chunk
    touched = connection.execute(
        update(table).where(table.c.blob == blob, table.c.complete == 0).values(created_at=at)
    ).rowcount
    if not touched:
        raise StoreRefusal("upload-unknown", "the upload is not under way any more")
    count = connection.scalar(select(func.count()).select_from(chunks).where(chunks.c.blob == blob)) or 0
    if count * CHUNK_BYTES != offset:
        raise StoreRefusal("upload-offset", f"the upload goes on at byte {count * CHUNK_BYTES}")
    for place, start in enumerate(range(0, len(data), CHUNK_BYTES), count):
        add_chunk(connection, blob, place, data[start : start + CHUNK_BYTES])


def read_chunk(connection: Connection, blob: int, position: int) -> bytes:
    """One chunk of an upload that nobody else can see yet; empty behind its end."""
    table = schema.blob_chunk
    found = connection.scalar(select(table.c.data).where(table.c.blob == blob, table.c.position == position))
    return bytes(found or b"")


def complete(connection: Connection, blob: int, purpose: str, at: int) -> None:
    """`finish` for an upload in several requests; nothing when another request has finished it."""
    table = schema.blob
    changed = connection.execute(
        update(table).where(table.c.blob == blob, table.c.complete == 0).values(purpose=purpose, created_at=at)
    ).rowcount
    if changed:
        finish(connection, blob)


def abandon(connection: Connection, blob: int) -> None:
    """Drop an upload."""
    connection.execute(delete(schema.blob).where(schema.blob.c.blob == blob))


def abandon_partial(connection: Connection, blob: int) -> None:
    """Drop an upload that is not finished."""
    connection.execute(delete(schema.blob).where(schema.blob.c.blob == blob, schema.blob.c.complete == 0))


def put(connection: Connection, sha256: str, data: bytes, owner: str, purpose: str, at: int) -> None:
    """Store a small blob in one go; nothing when it is there. The caller has verified the hash."""
    if find(connection, sha256) is not None:
        return
    number = begin(connection, sha256, len(data), owner, purpose, at)
    for position, start in enumerate(range(0, len(data), CHUNK_BYTES)):
        add_chunk(connection, number, position, data[start : start + CHUNK_BYTES])
    finish(connection, number)


def find(connection: Connection, sha256: str) -> BlobRow | None:
    """The complete blob with that hash, or None."""
    table = schema.blob
    columns = tuple(table.c[name] for name in BlobRow.__slots__)
    query = select(*columns).where(table.c.sha256 == sha256, table.c.complete == 1)
    rows = made(BlobRow, connection.execute(query))
    return rows[0] if rows else None


def lengths(connection: Connection, hashes: Collection[str]) -> dict[str, int]:
    """The length in bytes of each complete blob among these hashes: one alert's or one bundle's, so a few."""
    return {row.sha256: row.length for row in connection.execute(_lengths, {"hashes": list(hashes)})}


def read_range(connection: Connection, sha256: str, offset: int, length: int) -> bytes:
    """``length`` bytes of a blob from ``offset`` on. Raises `StoreRefusal`: ``blob-unknown``, or ``blob-range`` when
    it does not reach that far."""
    row = find(connection, sha256)
    if row is None:
        raise StoreRefusal("blob-unknown", "there is no such blob")
    if offset < 0 or length < 0 or offset + length > row.length:
        raise StoreRefusal("blob-range", f"the blob has {row.length} bytes")
    if length == 0:
        return b""
    first, last = offset // CHUNK_BYTES, (offset + length - 1) // CHUNK_BYTES
    table = schema.blob_chunk
    if first == last:  # a stanza out of its pack: the database cuts it out, instead of handing over the whole chunk
        start = offset - first * CHUNK_BYTES
        piece = func.substr(table.c.data, start + 1, length)
        found = connection.scalar(select(piece).where(table.c.blob == row.blob, table.c.position == first))
        return bytes(found or b"")
    chunks = connection.scalars(
        select(table.c.data)
        .where(table.c.blob == row.blob, table.c.position.between(first, last))
        .order_by(table.c.position)
    )
    start = offset - first * CHUNK_BYTES
    return b"".join(chunks)[start : start + length]


def read(connection: Connection, sha256: str) -> bytes:
    """A whole blob, for blobs known to be small. Raises `StoreRefusal` (``blob-unknown``)."""
    row = find(connection, sha256)
    if row is None:
        raise StoreRefusal("blob-unknown", "there is no such blob")
    return read_range(connection, sha256, 0, row.length)


def claim(connection: Connection, rows: Sequence[ClaimRow]) -> None:
    """Let statements keep blobs. A claim for ever replaces one until a time; never the other way round."""
    if not rows:
        return
    connection.execute(_claim, values(rows))


def claims(connection: Connection, sha256: str) -> tuple[ClaimRow, ...]:
    """Which statements keep a blob: entitlement is read from them."""
    table = schema.claim
    query = select(table.c.sha256, table.c.statement, table.c.until).where(table.c.sha256 == sha256)
    return made(ClaimRow, connection.execute(query.order_by(table.c.statement)))


def release(connection: Connection, statement: str) -> None:
    """Give up a statement's claims that have a deadline: its proposal was rejected."""
    table = schema.claim
    connection.execute(delete(table).where(table.c.statement == statement, table.c.until.is_not(None)))


def unclaimed_bytes(connection: Connection, owner: str) -> int:
    """What counts against a device's quota: its uploads that no statement claims, begun ones at full length."""
    table = schema.blob
    claimed = exists().where(schema.claim.c.sha256 == table.c.sha256)
    total = connection.scalar(
        select(func.coalesce(func.sum(table.c.length), 0)).where(
            table.c.owner == owner, or_(table.c.complete == 0, ~claimed)
        )
    )
    return int(total or 0)


def sweep(connection: Connection, now: int, unclaimed_seconds: int, limit: int, spared: Collection[str] = ()) -> int:
    """Delete at most ``limit`` blobs that are older than ``unclaimed_seconds`` and that no claim in force keeps,
    unfinished uploads too; how many there were. Claims past their deadline are deleted with them. ``spared`` are hashes
    that a request on its way is about to claim."""
    table, kept = schema.blob, schema.claim
    connection.execute(delete(kept).where(kept.c.until < now))
    claimed = exists().where(kept.c.sha256 == table.c.sha256)
    old = (
        select(table.c.blob)
        .where(
            and_(table.c.created_at < now - unclaimed_seconds, or_(table.c.complete == 0, ~claimed)),
            table.c.sha256.not_in(spared),
        )
        .order_by(table.c.created_at)
        .limit(limit)
    )
    return connection.execute(delete(table).where(table.c.blob.in_(old))).rowcount
