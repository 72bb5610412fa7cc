"""Connections that are half-open, slow or stalled are cut; time is given to the guard, nobody waits for it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from exchange.listen.rates import MAX_BUCKETS, Rates
from tests.support.web import Partnership, listening


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path, limits={"body_deadline_seconds": 1}) as found:
        yield found


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something is so; the server tells nobody that it has seen a connection or a byte."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def cut(reader: asyncio.StreamReader) -> bytes:
    """What came until the connection was over."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize("sent", [b"", b"GET /health/live HT", b"GET /health/live HTTP/1.1\r\nHost: x\r\n"])
async def test_a_half_open_request_is_cut_at_the_header_deadline(place: Partnership, sent: bytes):
    world = place.world
    open_before = world.context.guard.open
    reader, writer = await world.raw(sent)
    await until(lambda: world.context.guard.open == open_before + 1)
    deadline = world.config.limits.header_deadline_seconds
    assert world.context.guard.check(world.monotonic + deadline) == 0
    assert world.context.guard.check(world.monotonic + deadline + 1) == 1
    assert await cut(reader) == b""
    writer.close()


async def test_a_half_open_second_request_on_a_connection_is_cut_too(place: Partnership):
    world = place.world
    reader, writer = await world.raw(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(b'{"status":"live"}'))
    deadline = world.config.limits.header_deadline_seconds
    assert world.context.guard.check(world.monotonic + deadline + 1) == 0, "an idle connection is not a half-open one"
    writer.write(b"GET /hea")
    await writer.drain()
    await until(lambda: world.context.guard.check(world.monotonic + deadline + 1) == 1)
    assert await cut(reader) == b""
    writer.close()


async def test_a_body_that_does_not_come_is_answered_and_cut(place: Partnership):
    """The one deadline that runs on the loop's own clock: a second."""
    world = place.world
    reader, writer = await world.raw(b"POST /v1/statements HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    head, _, body = (await cut(reader)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ") and json.loads(body)["code"] == "body-slow"
    writer.close()


async def test_an_upload_that_breaks_off_frees_its_quota(place: Partnership):
    world = place.world
    token = await world.session(place.officer)
    size = 100_000
    for _ in range(20):
        _, writer = await world.raw(
            f"PUT /v1/blobs/{'0' * 64} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Length: {size}\r\n\r\nabc".encode()
        )
        writer.close()
    answer = await world.call("PUT", f"/v1/blobs/{'1' * 64}", token, b"x" * size)
    assert answer.code == "blob-hash", answer.body


async def test_a_reader_that_takes_nothing_is_cut_at_the_write_deadline(place: Partnership):
    """A stalled reader costs what the kernel's bounded buffer and ours hold, and then its connection."""
    world = place.world
    data = b"x" * (8 << 20)
    await world.put(data, place.author.device)
    statement = await world.alert(place.author, "AMBER", place.audience, attachments=(data,))
    await world.post(statement)
    token = await world.session(place.officer)
    part = statement.alert.sealed.parts[1].sha256
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(stalled, ("127.0.0.1", world.http.port))
    await loop.sock_sendall(
        stalled, f"GET /v1/blobs/{part} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    guard, deadline = world.context.guard, world.config.limits.write_deadline_seconds

    def held() -> int:
        return max((c.wire.get_write_buffer_size() for c in guard.connections if c.wire is not None), default=0)

    await until(lambda: held() > 0)
    assert held() < 1 << 20, "the rest of the eight megabytes stays in the store"
    assert guard.check(world.monotonic) == 0
    assert guard.check(world.monotonic + deadline) == 0
    assert guard.check(world.monotonic + deadline + 1) == 1
    stalled.close()


async def test_malformed_heads_are_answered_with_a_problem_and_logged_without_their_bytes(place: Partnership):
    world = place.world
    for sent in (
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /secret-value\r\n\r\n",
        b"GET / HTTP/1.1\r\nsecret value: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Long: " + b"s" * 10_000 + b"\r\n\r\n",
        b"POST /v1/statements HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03secret-value",
    ):
        reader, writer = await world.raw(sent)
        head, _, body = (await cut(reader)).partition(b"\r\n\r\n")
        writer.close()
        assert b" 400 " in head.splitlines()[0], sent
        assert json.loads(body)["code"] == "head-malformed", sent
        assert b"secret" not in body and b"aiohttp" not in head and b"nosniff" in head
    assert "secret" not in world.log.getvalue() and "Traceback" not in world.log.getvalue()


def test_a_bucket_refills_and_the_number_of_buckets_is_bounded():
    rates = Rates(rate=2, burst_seconds=2)
    assert [rates.take("a", 0.0) for _ in range(5)] == [True] * 4 + [False]
    assert rates.take("b", 0.0), "callers do not share"
    assert rates.take("a", 0.5) and not rates.take("a", 0.5)
    assert [rates.take("a", 100.0) for _ in range(5)] == [True] * 4 + [False]
    for number in range(MAX_BUCKETS + 10):
        rates.take(str(number), 100.0)
    assert rates.remembered == MAX_BUCKETS
