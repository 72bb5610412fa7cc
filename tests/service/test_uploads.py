"""Uploads in several requests: they go on where they stopped, stay bounded, and nobody sees them before they are whole."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from exchange.config import Limits
from exchange.service.alerts import Alerts
from exchange.service.blobs import Blobs
from exchange.service.denied import Denied
from exchange.service.uploads import APPEND_BYTES, Progress, Uploads
from exchange.service.visibility import reader_of
from exchange.store.schema import CHUNK_BYTES
from tests.support.live import Live, live

MIB = 1 << 20


class Depot:
    """The uploads of an author's device at a live exchange."""

    def __init__(self, world: Live, author: str, other: str, **limits: int) -> None:
        exchange = world.exchange_server
        alerts = Alerts(exchange.store, exchange.state)
        self.world = world
        self.devices = {"author": author, "other": other}
        self.blobs = Blobs(exchange.store, exchange.packs, exchange.state, alerts, lambda: world.now, Limits(**limits))
        self.uploads = Uploads(exchange.store, self.blobs, lambda: world.now)

    def reader(self, name: str = "author"):
        return reader_of(self.world.exchange_server.state.roster_now(self.world.now), self.devices[name])

    async def add(self, data: bytes, start: int, end: int, *, who: str = "author", **said: int) -> Progress:
        digest = sha256(data).hexdigest()
        offset, total, size = said.get("offset", start), said.get("total", len(data)), said.get("size", end - start)
        pieces = (data[i : min(i + 50_000, end)] for i in range(start, end, 50_000))
        return await self.uploads.append(self.reader(who), digest, offset, total, size, stream(*pieces))

    async def refusal(self, data: bytes, start: int, end: int, **said: object) -> str:
        with pytest.raises(Denied) as refused:
            await self.add(data, start, end, **said)  # type: ignore[arg-type]
        return refused.value.code

    async def at(self, data: bytes, who: str = "author") -> Progress:
        return await self.uploads.progress(self.reader(who), sha256(data).hexdigest())


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def pattern(length: int) -> bytes:
    return (b"%09d" * (length // 9 + 1) % tuple(range(length // 9 + 1)))[:length]


DATA = pattern(5 * CHUNK_BYTES + 1234)


@pytest.fixture
async def depot(tmp_path: Path) -> AsyncIterator[Depot]:
    async with live(tmp_path) as world:
        authority = await world.admit("Polizei", "authority")
        author = await world.enrol("A. Autorin", authority, "author", keyless=True)
        other = await world.enrol("B. Autor", authority, "author", keyless=True)
        yield Depot(world, author.device, other.device, author_quota_bytes=40 * MIB, blob_bytes=40 * MIB)


async def test_an_upload_goes_on_where_it_stopped_and_comes_back_as_it_was_sent(depot: Depot):
    with pytest.raises(Denied, match="no upload"):
        await depot.at(DATA)
    assert await depot.add(DATA, 0, 2 * CHUNK_BYTES) == Progress(2 * CHUNK_BYTES, len(DATA), False)
    assert await depot.at(DATA) == Progress(2 * CHUNK_BYTES, len(DATA), False)
    assert not await depot.blobs.known(sha256(DATA).hexdigest())
    assert (await depot.add(DATA, 2 * CHUNK_BYTES, len(DATA))).created
    row = await depot.blobs.find(sha256(DATA).hexdigest())
    assert b"".join([piece async for piece in depot.blobs.read(row)]) == DATA
    cut = [piece async for piece in depot.blobs.read(row, 1000, CHUNK_BYTES + 7)]
    assert b"".join(cut) == DATA[1000 : CHUNK_BYTES + 7]
    assert await depot.add(DATA, 0, CHUNK_BYTES) == Progress(len(DATA), len(DATA), True)


async def test_a_connection_that_broke_keeps_its_whole_chunks(depot: Depot):
    async def broken() -> AsyncIterator[bytes]:
        yield DATA[: 3 * CHUNK_BYTES + 99]
        raise ConnectionResetError

    digest = sha256(DATA).hexdigest()
    with pytest.raises(ConnectionResetError):
        await depot.uploads.append(depot.reader(), digest, 0, len(DATA), len(DATA), broken())
    assert (await depot.at(DATA)).offset == 3 * CHUNK_BYTES
    assert (await depot.add(DATA, 3 * CHUNK_BYTES, len(DATA))).created


async def test_an_upload_survives_a_restart_also_between_its_last_byte_and_its_end(depot: Depot, monkeypatch):
    async def crash(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(depot.uploads, "_finish", crash)
    with pytest.raises(RuntimeError):
        await depot.add(DATA, 0, len(DATA))
    monkeypatch.undo()
    assert await depot.at(DATA) == Progress(len(DATA), len(DATA), False)
    assert (await depot.add(DATA, len(DATA), len(DATA))).created


@pytest.mark.parametrize(
    ("start", "end", "said", "code"),
    [
        (0, CHUNK_BYTES - 1, {}, "append-range"),
        (0, 0, {}, "append-range"),
        (1, CHUNK_BYTES + 1, {}, "append-range"),
        (0, CHUNK_BYTES, {"total": CHUNK_BYTES - 1}, "append-range"),
        (0, CHUNK_BYTES, {"size": APPEND_BYTES + 1, "total": 20 * MIB}, "append-range"),
        (CHUNK_BYTES, 2 * CHUNK_BYTES, {}, "upload-offset"),
        (0, CHUNK_BYTES, {"offset": 2**50, "total": 2**51}, "blob-too-large"),
        (0, CHUNK_BYTES, {"total": 41 * MIB}, "blob-too-large"),
        (0, CHUNK_BYTES, {"total": 0}, "blob-empty"),
        (0, CHUNK_BYTES, {"size": 2 * CHUNK_BYTES}, "blob-length"),
        (0, 2 * CHUNK_BYTES, {"size": CHUNK_BYTES}, "blob-length"),
    ],
)
async def test_hostile_offsets_and_lengths_are_refused(depot: Depot, start: int, end: int, said, code: str):
    assert await depot.refusal(DATA, start, end, **said) == code


async def test_an_upload_cannot_change_its_length_or_go_back(depot: Depot):
    await depot.add(DATA, 0, 2 * CHUNK_BYTES)
    assert await depot.refusal(DATA, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES, total=len(DATA) + 1) == "upload-length"
    assert await depot.refusal(DATA, 0, CHUNK_BYTES) == "upload-offset"
    assert await depot.refusal(DATA, 3 * CHUNK_BYTES, 4 * CHUNK_BYTES) == "upload-offset"


async def test_bytes_that_are_not_those_of_the_hash_are_dropped_whole(depot: Depot):
    false = DATA[:-1] + b"?"
    digest = sha256(DATA).hexdigest()
    with pytest.raises(Denied) as refused:
        await depot.uploads.append(depot.reader(), digest, 0, len(false), len(false), stream(false))
    assert refused.value.code == "blob-hash"
    with pytest.raises(Denied):
        await depot.at(DATA)


async def test_each_device_has_its_own_upload_of_the_same_blob(depot: Depot):
    await depot.add(DATA, 0, 4 * CHUNK_BYTES)
    with pytest.raises(Denied):
        await depot.at(DATA, "other")
    await depot.add(DATA, 0, CHUNK_BYTES, who="other")
    assert (await depot.add(DATA, 4 * CHUNK_BYTES, len(DATA))).created
    assert (await depot.at(DATA, "other")).complete


async def test_two_requests_for_the_same_bytes_write_them_once(depot: Depot):
    digest = sha256(DATA).hexdigest()

    async def overtaken() -> AsyncIterator[bytes]:
        yield DATA[:CHUNK_BYTES]
        await depot.add(DATA, 0, 2 * CHUNK_BYTES)
        yield DATA[CHUNK_BYTES : 2 * CHUNK_BYTES]

    with pytest.raises(Denied) as refused:
        await depot.uploads.append(depot.reader(), digest, 0, len(DATA), 2 * CHUNK_BYTES, overtaken())
    assert refused.value.code == "upload-offset"
    assert (await depot.add(DATA, 2 * CHUNK_BYTES, len(DATA))).created


async def test_half_open_uploads_count_against_the_quota_and_are_swept(depot: Depot):
    await depot.add(DATA, 0, CHUNK_BYTES, total=40 * MIB)
    assert await depot.refusal(b"x" * CHUNK_BYTES, 0, CHUNK_BYTES) == "quota-exceeded"
    depot.world.now += 3000
    await depot.add(DATA, CHUNK_BYTES, 2 * CHUNK_BYTES, total=40 * MIB)
    depot.world.now += 3000
    assert await depot.blobs.sweep() == 0, "its age began anew with the last bytes"
    depot.world.now += 601
    assert await depot.blobs.sweep() == 1
    assert await depot.refusal(DATA, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES, total=40 * MIB) == "upload-offset"
    assert (await depot.add(b"x" * CHUNK_BYTES, 0, CHUNK_BYTES)).created


async def test_a_large_upload_takes_little_memory(depot: Depot):
    total, piece = 32 * MIB, b"\x55" * (64 * 1024)
    digest = sha256(piece * (total // len(piece))).hexdigest()

    async def same() -> AsyncIterator[bytes]:
        for _ in range(APPEND_BYTES // len(piece)):
            yield piece

    tracemalloc.start()
    try:
        for offset in range(0, total, APPEND_BYTES):
            done = await depot.uploads.append(depot.reader(), digest, offset, total, APPEND_BYTES, same())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert done.created and peak < 10 * MIB
