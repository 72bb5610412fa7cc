"""What comes over HTTP is bounded before anybody reads it: endless bodies, redirects, plain http, endless events."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exchange.client.api import ExchangeApi
from exchange.client.errors import BadAnswer, Refused, TransportError
from exchange.client.transport import HttpTransport, UnexpectedStatus, parse_events


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b"x" * 65_536)
    except ConnectionError:
        return response


async def served(handler) -> tuple[TestServer, HttpTransport]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    server = TestServer(app)
    await server.start_server()
    return server, HttpTransport(str(server.make_url("/")).rstrip("/"))


async def test_an_endless_body_is_cut():
    server, transport = await served(endless)
    async with transport:
        with pytest.raises(TransportError) as caught:
            await transport.request("GET", "/v1/exchange", max_bytes=1_000_000)
    assert caught.value.code == "body-too-large"
    await server.close()


async def test_an_announced_oversize_is_not_read():
    async def text(request: web.Request) -> web.Response:
        return web.Response(text="x" * 2000)

    server, transport = await served(text)
    async with transport:
        with pytest.raises(TransportError, match="announces"):
            await transport.request("GET", "/", max_bytes=1999)
        assert len((await transport.request("GET", "/", max_bytes=2000)).body) == 2000
    await server.close()


async def test_a_redirect_is_not_followed():
    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://elsewhere.example/")

    server, transport = await served(away)
    async with transport:
        with pytest.raises(TransportError) as caught:
            await transport.request("GET", "/", max_bytes=100)
    assert caught.value.code == "redirect"
    await server.close()


async def test_a_silent_exchange_is_given_up():
    async def silent(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    server, transport = await served(silent)
    async with transport:
        with pytest.raises(TransportError) as caught:
            await transport.request("GET", "/", max_bytes=100, timeout=0.05)
    assert caught.value.code == "timeout"
    await server.close()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://exchange.example", "plain-http"),
        ("http://127.0.0.1.example", "plain-http"),
        ("ftp://exchange.example", "bad-url"),
        ("https://user:secret@exchange.example", "bad-url"),
        ("https://exchange.example/?a=b", "bad-url"),
        ("https:///path", "bad-url"),
    ],
)
def test_an_address_that_is_not_safe_is_refused(url, code):
    with pytest.raises(TransportError) as caught:
        HttpTransport(url)
    assert caught.value.code == code


def test_plain_http_is_for_this_machine_or_when_told():
    HttpTransport("http://127.0.0.1:8080")
    HttpTransport("http://[::1]:8080/prefix")
    HttpTransport("http://exchange.example", allow_plain=True)


async def test_a_problem_becomes_a_refusal_with_rule_and_code():
    async def refuse(request: web.Request) -> web.Response:
        body = '{"code":"recipient-missing","detail":"2 leaves","differs":{"missing":["a"]},"rule":"R9","status":422}'
        return web.Response(status=422, text=body, content_type="application/problem+json")

    server, transport = await served(refuse)
    async with transport:
        with pytest.raises(Refused) as caught:
            await ExchangeApi(transport, clock=lambda: 0).exchange()
    assert (caught.value.status, caught.value.rule, caught.value.code) == (422, "R9", "recipient-missing")
    assert caught.value.differs == {"missing": ["a"]}
    await server.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"exchange":1,"exchange":2}',
        b'{"time":NaN}',
        b'{"time":1.5}',
        b"[" * 100_000,
        b"\xff\xfe{}",
        b"{}",
    ],
)
async def test_an_answer_that_is_not_the_interfaces_is_refused(body):
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body)

    server, transport = await served(answer)
    async with transport:
        with pytest.raises(BadAnswer):
            await ExchangeApi(transport, clock=lambda: 0).exchange()
    await server.close()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_events_are_read_however_they_are_cut():
    text = b': keepalive\n\nevent: entry\nid: 5\ndata: {"a":\ndata: 1}\n\nevent: head\r\ndata: x\r\n\r\ndata: cut off'
    for size in (1, 2, 7, len(text)):
        cut = [text[i : i + size] for i in range(0, len(text), size)]
        found = [event async for event in parse_events(pieces(*cut))]
        assert [(e.id, e.event, e.data) for e in found] == [("5", "entry", '{"a":\n1}'), ("5", "head", "x")]


@pytest.mark.parametrize("part", [b"data: " + b"x" * 50, b"data: x\n", b"id: 1\n"])
async def test_an_endless_event_is_cut(part):
    with pytest.raises(TransportError) as caught:
        async for _ in parse_events(pieces(*[part] * 1000), max_event=200):
            pass
    assert caught.value.code == "event-too-large"


async def test_a_feed_that_is_refused_says_with_what():
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=401, text="{}")

    server, transport = await served(refuse)
    async with transport:
        with pytest.raises(UnexpectedStatus) as caught:
            async for _ in transport.stream("/v1/feed"):
                pass
    assert caught.value.response.status == 401
    await server.close()
