"""Blobs: ciphertexts, stanza packs, key bundles and terms, addressed by their SHA-256 (``docs/spec/interface.md``).

An upload is checked while it streams: its length is announced, counted against the device's quota before the first byte,
and its hash verified before it becomes visible; memory holds one piece of `PIECE_BYTES`. A blob that no statement claims is
swept after an hour. Who may read a blob follows from the statements that claim it, and from nothing the reader says.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exchange.config import Limits
from exchange.service.alerts import Alerts, AlertView
from exchange.service.denied import Denied
from exchange.service.packs import PackCache
from exchange.service.sessions import Clock
from exchange.service.state import ExchangeState
from exchange.service.visibility import Reader
from exchange.store import blobs as blob_rows
from exchange.store import statements as statement_rows
from exchange.store.alerts import PACK_HEAD
from exchange.store.blobs import BlobRow
from exchange.store.database import Connection, Store
from exchange.store.schema import CHUNK_BYTES
from exchange.store.statements import StatementRow
from keys.kem import STANZA

PIECE_BYTES = 4 * CHUNK_BYTES
"""Bytes written in one transaction (1 MiB): an upload's share of memory, and of the writer's time."""
MEMBER_BLOB_BYTES = 128 * 1024
"""Largest blob of a device that publishes nothing but key bundles (61 keys of 1216 bytes)."""
TERMS_BYTES = 4 << 20
"""Largest terms document; any member may upload the one that the registrars named by its hash."""
UPLOADS = 32
"""Uploads at once, of all devices; each holds one piece in memory."""
MEMBER_UPLOADS = 24
"""Of these, for devices that publish no alerts: whoever sends slowly must not keep a warning from being sent."""
UPLOADS_PER_DEVICE = 4
SWEEP_SECONDS = 60
"""Pause between sweeps."""
SWEEP_BLOBS = 256
"""Blobs deleted in one transaction, so that sweeping never keeps the writer long."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What became of an upload: whether it was new, and its length in bytes."""

    created: bool
    length: int


class Blobs:
    """Uploads, downloads and the sweep."""

    def __init__(
        self, store: Store, packs: PackCache, state: ExchangeState, alerts: Alerts, clock: Clock, limits: Limits
    ) -> None:
        self._store = store
        self._packs = packs
        self._state = state
        self._alerts = alerts
        self._clock = clock
        self._limits = limits
        self._uploads: dict[str, int] = {}

    # -- uploading ------------------------------------------------------------------------------------------------

    async def known(self, sha256: str) -> bool:
        """Whether the blob is here already: then nothing need be sent."""
        return await self._store.read(blob_rows.find, sha256) is not None

    def check_size(self, reader: Reader, sha256: str, length: int) -> None:
        """Whether this device may upload a blob of this length. Raises Denied (``blob-too-large``, ``blob-empty``)."""
        if length < 1:
            raise Denied("blob-empty", "a blob has at least one byte")
        most = self._limits.blob_bytes if reader.publisher else min(MEMBER_BLOB_BYTES, self._limits.blob_bytes)
        if self._is_terms(sha256):
            most = max(most, TERMS_BYTES)
        if length > most:
            raise Denied("blob-too-large", f"a blob of this device has at most {most} bytes")

    def _is_terms(self, sha256: str) -> bool:
        return any(terms.document == sha256 for terms in self._state.roster.facts.terms)

    async def upload(self, reader: Reader, sha256: str, length: int, pieces: AsyncIterator[bytes]) -> Upload:
        """Store a blob of exactly ``length`` bytes with this SHA-256; pieces may have any size.

        Raises Denied: ``blob-empty``, ``blob-too-large``, ``quota-exceeded``, ``uploads-busy``, ``blob-length`` (more or
        fewer bytes came), ``blob-hash``. What was written until then is dropped.
        """
        self.check_size(reader, sha256, length)
        if await self.known(sha256):
            return Upload(False, length)
        with self.slot(reader):
            await self._receive(reader, sha256, length, pieces)
        await self.arrived(reader, sha256, length)
        return Upload(True, length)

    @contextmanager
    def slot(self, reader: Reader) -> Iterator[None]:
        """A place among the uploads at once. Raises Denied (``uploads-busy``)."""
        most = UPLOADS if reader.publisher else MEMBER_UPLOADS
        if sum(self._uploads.values()) >= most or self._uploads.get(reader.device, 0) >= UPLOADS_PER_DEVICE:
            raise Denied("uploads-busy", "too many uploads are under way; try again")
        self._uploads[reader.device] = self._uploads.get(reader.device, 0) + 1
        try:
            yield
        finally:
            self._uploads[reader.device] -= 1
            if not self._uploads[reader.device]:
                del self._uploads[reader.device]

    async def arrived(self, reader: Reader, sha256: str, length: int) -> None:
        """What is done about a new blob before its uploader is answered."""
        if reader.publisher and await self._begins_like_a_pack(sha256, length):
            # The author's next request names this blob; what takes long about a pack is done before it comes.
            await self._packs.look(sha256)

    async def _begins_like_a_pack(self, sha256: str, length: int) -> bool:
        """Whether the first leaf's length field is one that a pack can have; almost no ciphertext passes."""
        if length < PACK_HEAD:
            return False
        head = await self._store.read(blob_rows.read_range, sha256, 0, PACK_HEAD)
        return int.from_bytes(head[-2:], "big") in (0, STANZA)

    def quota(self, reader: Reader, sha256: str) -> int:
        """Bytes of unclaimed blobs that this device may have lying here."""
        quota = self._limits.author_quota_bytes if reader.publisher else self._limits.member_quota_bytes
        return max(quota, TERMS_BYTES) if self._is_terms(sha256) else quota

    async def _receive(self, reader: Reader, sha256: str, length: int, pieces: AsyncIterator[bytes]) -> None:
        place = (sha256, length, reader.device, purpose_of(reader), self._clock(), self.quota(reader, sha256))
        checked = _checked(sha256, length, pieces)
        if length <= PIECE_BYTES:
            whole = b"".join([piece async for piece in checked])
            await self._store.write(_store_whole, *place, whole)
            return
        number = await self._store.write(begin, *place)
        try:
            position = 0
            async for piece in checked:
                await self._store.write(_write_piece, number, position, piece)
                position += PIECE_BYTES // CHUNK_BYTES
            await self._store.write(blob_rows.finish, number)
        except BaseException:
            # Also when the caller went away: the quota must not stay taken until the sweep.
            await self._store.write(blob_rows.abandon, number)
            raise

    # -- downloading ----------------------------------------------------------------------------------------------

    async def open(self, reader: Reader, sha256: str) -> BlobRow:
        """The blob, when the reader is entitled to it. Raises Denied: ``blob-unknown``, ``not-entitled``.

        A blob nobody may see yet is answered as one that is not there only to those who could not know its hash: being
        told ``not-entitled`` presupposes the hash, which stands in statements that only the parties read.
        """
        row, claims = await self._store.read(_claims, sha256)
        if row is None:
            raise Denied("blob-unknown", "there is no blob with this SHA-256")
        for statement in claims:
            if await self._entitles(reader, statement, sha256):
                return row
        raise Denied("not-entitled", "this blob is not for you to read")

    async def _entitles(self, reader: Reader, statement: StatementRow, sha256: str) -> bool:
        """Whether one claiming statement lets the reader read the blob."""
        if statement.kind in ("epoch.publish", "terms.define"):
            return True
        if statement.kind != "alert":
            return False
        view = await self._alerts.find(statement.statement)
        if sha256 == view.row.pack:
            # Nobody needs the pack: each device is given its own stanza, and those who check, the leaf list.
            return False
        return await self.may_read_parts(reader, view)

    async def may_read_parts(self, reader: Reader, view: AlertView) -> bool:
        """Author and candidate approvers always; once released, recipients' devices in force, and for CLEAR everyone."""
        if self._alerts.handles(reader, view):
            return True
        return view.released and (view.clear or await self._alerts.is_recipient(reader, view))

    async def read(self, row: BlobRow, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The blob's bytes from ``start`` to before ``end``, in pieces of at most `CHUNK_BYTES`."""
        stop = row.length if end is None else end
        for offset in range(start, stop, CHUNK_BYTES):
            size = min(CHUNK_BYTES, stop - offset)
            yield await self._store.read(blob_rows.read_range, row.sha256, offset, size)

    async def read_whole(self, sha256: str, most: int) -> bytes:
        """A whole blob of at most ``most`` bytes. Raises Denied: ``blob-unknown``, ``blob-too-large``."""
        row = await self._store.read(blob_rows.find, sha256)
        if row is None:
            raise Denied("blob-unknown", "there is no blob with this SHA-256")
        if row.length > most:
            raise Denied("blob-too-large", f"the blob has more than {most} bytes")
        return await self._store.read(blob_rows.read, sha256)

    async def find(self, sha256: str) -> BlobRow:
        """The blob's row, for what is public anyway. Raises Denied (``blob-unknown``)."""
        row = await self._store.read(blob_rows.find, sha256)
        if row is None:
            raise Denied("blob-unknown", "there is no blob with this SHA-256")
        return row

    # -- sweeping -------------------------------------------------------------------------------------------------

    async def sweep(self) -> int:
        """Delete what no statement claimed within the configured time; how many blobs. Run every `SWEEP_SECONDS`.

        Blobs of a request that is just being accepted are spared: the claim may be in the next transaction.
        """
        swept = 0
        while True:
            count = await self._store.write(
                blob_rows.sweep,
                self._clock(),
                self._limits.blob_unclaimed_seconds,
                SWEEP_BLOBS,
                spared=tuple(self._state.pinned),
            )
            swept += count
            if count < SWEEP_BLOBS:
                return swept


async def _checked(sha256: str, length: int, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of `PIECE_BYTES`, the last one shorter; it is yielded only when length and hash are right.

    Raises Denied: ``blob-length``, ``blob-hash``.
    """
    digest, buffer, total = hashlib.sha256(), bytearray(), 0
    async for piece in pieces:
        total += len(piece)
        if total > length:
            raise Denied("blob-length", f"more than the {length} bytes announced")
        digest.update(piece)
        buffer += piece
        while len(buffer) > PIECE_BYTES:
            yield bytes(buffer[:PIECE_BYTES])
            del buffer[:PIECE_BYTES]
    if total != length:
        raise Denied("blob-length", f"{total} bytes came instead of the {length} announced")
    if digest.hexdigest() != sha256:
        raise Denied("blob-hash", "the bytes do not have the SHA-256 they were sent under")
    yield bytes(buffer)


def purpose_of(reader: Reader) -> str:
    """What a device uploads for."""
    return "alert" if reader.publisher else "bundle"


def begin(connection: Connection, sha256: str, length: int, owner: str, purpose: str, at: int, quota: int) -> int:
    """Check the quota and take from it in one transaction: two uploads at once must not both fit into the last byte."""
    left = quota - blob_rows.unclaimed_bytes(connection, owner)
    if length > left:
        raise Denied("quota-exceeded", f"uploads of this device that no statement claimed leave {max(0, left)} bytes")
    return blob_rows.begin(connection, sha256, length, owner, purpose, at)


def _store_whole(
    connection: Connection, sha256: str, length: int, owner: str, purpose: str, at: int, quota: int, data: bytes
) -> None:
    """A small blob in one transaction."""
    number = begin(connection, sha256, length, owner, purpose, at, quota)
    _write_piece(connection, number, 0, data)
    blob_rows.finish(connection, number)


def _write_piece(connection: Connection, number: int, position: int, data: bytes) -> None:
    for place, start in enumerate(range(0, len(data), CHUNK_BYTES)):
        blob_rows.add_chunk(connection, number, position + place, data[start : start + CHUNK_BYTES])


def _claims(connection: Connection, sha256: str) -> tuple[BlobRow | None, tuple[StatementRow, ...]]:
    """The blob, and the statements that keep it."""
    row = blob_rows.find(connection, sha256)
    claims = blob_rows.claims(connection, sha256) if row is not None else ()
    places: dict[str, StatementRow] = {}
    for start in range(0, len(claims), statement_rows.MAX_LOOKED_UP):
        wanted = [claim.statement for claim in claims[start : start + statement_rows.MAX_LOOKED_UP]]
        places |= {place.statement: place for place in statement_rows.of_id(connection, wanted)}
    return row, tuple(places.values())
