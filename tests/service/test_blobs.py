"""Uploads: bounded, checked while they stream, swept when nobody claims them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from exchange.config import Limits
from exchange.service.alerts import Alerts
from exchange.service.blobs import MEMBER_BLOB_BYTES, PIECE_BYTES, UPLOADS_PER_DEVICE, Blobs
from exchange.service.denied import Denied
from exchange.service.visibility import Reader, reader_of
from exchange.store import blobs as blob_rows
from tests.support.live import Live, live
from tests.support.world import Member

MIB = 1 << 20


class Depot:
    """The blobs of a live exchange with an author and an officer."""

    def __init__(self, world: Live, author: Member, officer: Member, **limits: int) -> None:
        exchange = world.exchange_server
        self.world = world
        self.members = {"author": author, "officer": officer}
        self.blobs = Blobs(
            exchange.store,
            exchange.packs,
            exchange.state,
            Alerts(exchange.store, exchange.state),
            lambda: world.now,
            Limits(**limits),
        )

    def reader(self, name: str) -> Reader:
        world = self.world
        return reader_of(world.exchange_server.state.roster_now(world.now), self.members[name].device)

    async def put(self, name: str, data: bytes, *, digest: str = "", length: int = -1, piece: int = 1000) -> bool:
        digest = digest or sha256(data).hexdigest()
        length = len(data) if length < 0 else length
        pieces = (data[i : i + piece] for i in range(0, len(data), piece))
        return (await self.blobs.upload(self.reader(name), digest, length, stream(*pieces))).created

    async def refusal(self, name: str, data: bytes, **options: object) -> str:
        with pytest.raises(Denied) as refused:
            await self.put(name, data, **options)  # type: ignore[arg-type]
        return refused.value.code

    async def left(self, name: str) -> int:
        return await self.world.exchange_server.store.read(blob_rows.unclaimed_bytes, self.members[name].device)

    async def known(self, data: bytes) -> bool:
        return await self.blobs.known(sha256(data).hexdigest())


def pattern(length: int) -> bytes:
    """Bytes of which no two pieces are alike."""
    return (b"%09d" * (length // 9 + 1) % tuple(range(length // 9 + 1)))[:length]


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Live]:
    async with live(tmp_path) as found:
        yield found


@pytest.fixture
async def depot(world: Live) -> Depot:
    authority, company = await world.admit("Polizei", "authority"), await world.admit("Stadtwerke")
    author = await world.enrol("A. Autorin", authority, "author", keyless=True)
    officer = await world.enrol("D. Sicherheit", company, "officer", keyless=True)
    return Depot(world, author, officer, author_quota_bytes=8 * MIB, blob_bytes=4 * MIB, member_quota_bytes=MIB)


@pytest.mark.parametrize("length", [1, 999, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7])
async def test_a_blob_comes_back_as_it_was_sent(depot: Depot, length: int):
    data = pattern(length)
    assert await depot.put("author", data, piece=77_777)
    row = await depot.blobs.find(sha256(data).hexdigest())
    assert b"".join([piece async for piece in depot.blobs.read(row)]) == data


async def test_a_known_blob_is_not_read_again(depot: Depot):
    data = b"the same"
    assert await depot.put("author", data)

    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("nothing need be sent")
        yield b""

    answer = await depot.blobs.upload(depot.reader("officer"), sha256(data).hexdigest(), len(data), never())
    assert not answer.created


@pytest.mark.parametrize("size", [10, 2 * PIECE_BYTES])
async def test_other_bytes_than_the_hash_or_the_length_says_leave_nothing_behind(depot: Depot, size: int):
    data = pattern(size)
    other = sha256(b"other").hexdigest()
    assert await depot.refusal("author", data, digest=other) == "blob-hash"
    assert await depot.refusal("author", data, length=size + 1) == "blob-length"
    assert await depot.refusal("author", data, length=size - 1) == "blob-length"
    assert await depot.left("author") == 0 and not await depot.known(data)


async def test_an_upload_that_breaks_off_leaves_nothing_behind(depot: Depot):
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * (2 * PIECE_BYTES)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await depot.blobs.upload(depot.reader("author"), "0" * 64, 3 * PIECE_BYTES, broken())
    assert await depot.left("author") == 0


async def test_who_publishes_may_send_more_than_who_does_not(depot: Depot):
    assert await depot.refusal("officer", b"x" * (MEMBER_BLOB_BYTES + 1)) == "blob-too-large"
    assert await depot.put("officer", b"x" * MEMBER_BLOB_BYTES)
    assert await depot.put("author", b"x" * (MEMBER_BLOB_BYTES + 1))
    assert await depot.refusal("author", b"", length=4 * MIB + 1) == "blob-too-large"
    assert await depot.refusal("author", b"") == "blob-empty"


async def test_the_quota_counts_what_no_statement_claimed(depot: Depot):
    for number in range(8):
        assert await depot.put("officer", bytes([number]) * MEMBER_BLOB_BYTES)
    assert await depot.refusal("officer", b"one more") == "quota-exceeded"
    assert await depot.put("author", b"another's quota")


async def test_uploads_of_one_device_at_once_are_bounded(depot: Depot):
    reader = depot.reader("officer")
    depot.blobs._uploads[reader.device] = UPLOADS_PER_DEVICE
    assert await depot.refusal("officer", b"x") == "uploads-busy"
    assert await depot.put("author", b"x")


async def test_the_sweep_deletes_what_is_an_hour_old_and_spares_what_is_claimed_or_about_to_be(depot: Depot):
    world = depot.world
    claimed, pinned, old, new = b"claimed", b"pinned", b"old", b"new"
    for data in (claimed, pinned, old):
        await depot.put("author", data)
    row = blob_rows.ClaimRow(sha256(claimed).hexdigest(), "0" * 64, None)
    await world.exchange_server.store.write(blob_rows.claim, [row])
    world.exchange_server.state.pin(sha256(pinned).hexdigest())
    world.now += 3600
    await depot.put("author", new)
    assert await depot.blobs.sweep() == 0
    world.now += 1
    assert await depot.blobs.sweep() == 1
    assert [await depot.known(data) for data in (claimed, pinned, old, new)] == [True, True, False, True]
    world.exchange_server.state.unpin(sha256(pinned).hexdigest())
    assert await depot.blobs.sweep() == 1 and not await depot.known(pinned)


async def test_any_member_may_upload_the_terms_that_the_registrars_named_by_hash(depot: Depot):
    world = depot.world
    terms = b"# Arbeitsordnung\n" + b"x" * (2 * MEMBER_BLOB_BYTES)
    document = {"length": len(terms), "sha256": sha256(terms).hexdigest()}
    assert await depot.refusal("officer", terms) == "blob-too-large"
    await world.post(world.by_registrars("terms.define", accept_by=world.now + 86_400, document=document, version=1))
    assert await depot.put("officer", terms)
    row = await depot.blobs.open(depot.reader("author"), sha256(terms).hexdigest())
    assert row.length == len(terms)


async def test_a_blob_without_a_claim_is_read_by_nobody_not_even_its_uploader(depot: Depot):
    await depot.put("author", b"mine")
    for name in ("author", "officer"):
        with pytest.raises(Denied) as refusal:
            await depot.blobs.open(depot.reader(name), sha256(b"mine").hexdigest())
        assert refusal.value.code == "not-entitled"
