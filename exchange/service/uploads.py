"""Uploads that go on where they stopped: a large blob in several requests (``docs/spec/interface.md``, Uploads that go on).

The bytes of a request are written in whole chunks as they come, so that a broken connection costs less than a chunk; memory holds
one piece of `PIECE_BYTES`. The whole length counts against the device's quota from the first byte on, and what stands still is
swept like every unclaimed blob. Nobody sees the blob before its hash was verified over all that is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from exchange.service.blobs import PIECE_BYTES, Blobs, begin, purpose_of
from exchange.service.denied import Denied
from exchange.service.sessions import Clock
from exchange.service.visibility import Reader
from exchange.store import blobs as blob_rows
from exchange.store.blobs import PARTIAL, PartialRow
from exchange.store.database import Connection, Store
from exchange.store.errors import StoreRefusal
from exchange.store.schema import CHUNK_BYTES

APPEND_BYTES = 8 << 20
"""Most bytes of one request."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an upload is: bytes that are here, of how many, and whether the blob is whole and its hash verified."""

    offset: int
    length: int
    complete: bool
    created: bool = False


class Uploads:
    """Uploads in several requests, each device its own."""

    def __init__(self, store: Store, blobs: Blobs, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock

    async def progress(self, reader: Reader, sha256: str) -> Progress:
        """How far the device's upload of this blob is. Raises Denied (``blob-unknown``) when there is none."""
        whole = await self._store.read(blob_rows.find, sha256)
        if whole is not None:
            return Progress(whole.length, whole.length, True)
        row = await self._store.read(blob_rows.partial, sha256, reader.device)
        if row is None:
            raise Denied("blob-unknown", "there is no upload of this blob")
        return Progress(row.received, row.length, False)

    async def append(
        self, reader: Reader, sha256: str, offset: int, total: int, size: int, pieces: AsyncIterator[bytes]
    ) -> Progress:
        """Add ``size`` bytes at ``offset`` to a blob of ``total`` bytes; the last ones make it whole.

        Raises Denied: as ``Blobs.upload``, ``append-range`` (not whole chunks, too many, beyond the end), ``upload-length``
        (another length than announced first), ``upload-offset`` (it goes on elsewhere), ``upload-unknown``, ``blob-hash``
        (then all of it is dropped).
        """
        self._blobs.check_size(reader, sha256, total)
        whole = await self._store.read(blob_rows.find, sha256)
        if whole is not None:
            return Progress(whole.length, whole.length, True)
        _check_range(offset, total, size)
        with self._blobs.slot(reader):
            row = await self._store.write(
                _open, sha256, total, reader.device, offset, self._clock(), self._blobs.quota(reader, sha256)
            )
            try:
                end = await self._receive(row.blob, offset, size, pieces)
                if end < total:
                    return Progress(end, total, False)
                await self._finish(reader, sha256, row)
            except StoreRefusal as refusal:
                raise Denied(refusal.code, refusal.detail) from None
        await self._blobs.arrived(reader, sha256, total)
        return Progress(total, total, True, created=True)

    async def _receive(self, blob: int, offset: int, size: int, pieces: AsyncIterator[bytes]) -> int:
        """Write what comes, in whole chunks; where the upload goes on. What broke off keeps its whole chunks."""
        buffer, came = bytearray(), 0
        try:
            async for piece in pieces:
                came += len(piece)
                if came > size:
                    raise Denied("blob-length", f"more than the {size} bytes announced")
                buffer += piece
                while len(buffer) >= PIECE_BYTES:
                    await self._store.write(blob_rows.append, blob, offset, bytes(buffer[:PIECE_BYTES]), self._clock())
                    offset += PIECE_BYTES
                    del buffer[:PIECE_BYTES]
        except BaseException:
            kept = len(buffer) // CHUNK_BYTES * CHUNK_BYTES
            if kept:
                await self._store.write(blob_rows.append, blob, offset, bytes(buffer[:kept]), self._clock())
            raise
        if came != size:
            raise Denied("blob-length", f"{came} bytes came instead of the {size} announced")
        if buffer:
            await self._store.write(blob_rows.append, blob, offset, bytes(buffer), self._clock())
        return offset + len(buffer)

    async def _finish(self, reader: Reader, sha256: str, row: PartialRow) -> None:
        """Verify what is stored, chunk by chunk, and make it visible; what is something else is dropped."""
        digest, length = hashlib.sha256(), 0
        for position in range(-(-row.length // CHUNK_BYTES)):
            chunk = await self._store.read(blob_rows.read_chunk, row.blob, position)
            digest.update(chunk)
            length += len(chunk)
        if (length, digest.hexdigest()) != (row.length, sha256):
            await self._store.write(blob_rows.abandon_partial, row.blob)
            raise Denied("blob-hash", "the bytes do not have the SHA-256 they were sent under")
        await self._store.write(blob_rows.complete, row.blob, purpose_of(reader), self._clock())


def _check_range(offset: int, total: int, size: int) -> None:
    end = offset + size
    whole = offset % CHUNK_BYTES == 0 or offset == total
    if size > APPEND_BYTES or end > total or not whole or (end < total and (size == 0 or end % CHUNK_BYTES)):
        raise Denied(
            "append-range",
            f"a request adds whole chunks of {CHUNK_BYTES} bytes, at most {APPEND_BYTES}, but at the end",
        )
    if size == 0 and offset != total:
        raise Denied("append-range", "a request adds bytes, or finishes what is here")


def _open(connection: Connection, sha256: str, total: int, owner: str, offset: int, at: int, quota: int) -> PartialRow:
    """The upload to go on with, begun at offset 0; its whole length is taken from the quota then."""
    row = blob_rows.partial(connection, sha256, owner)
    if row is None:
        if offset:
            raise Denied("upload-offset", "the upload goes on at byte 0")
        return PartialRow(begin(connection, sha256, total, owner, PARTIAL, at, quota), total, 0)
    if row.length != total:
        raise Denied("upload-length", f"the upload was begun with {row.length} bytes")
    if row.received != offset:
        raise Denied("upload-offset", f"the upload goes on at byte {row.received}")
    return row
