"""Attacks below the logs: bodies without an end, answers with two readings, sessions led to another exchange."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from exchange.client.api import MAX_NOTE, Credentials, ExchangeApi
from exchange.client.errors import BadAnswer, ClientError, TransportError
from exchange.client.transport import MAX_EVENT, MAX_PROBLEM, Event, HttpTransport, Response
from exchange.config import parse
from exchange.service.denied import Denied
from exchange.service.sessions import Sessions
from keys import encoding
from keys.envelope import Envelope
from tests.attacks.lying import Asked, raw, told
from tests.attacks.scene import Scene
from tests.support.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="module")

IN_FLIGHT = 24 << 20
"""Bytes that sockets and buffers of both sides may hold when a reader has stopped; a stream without an end has more."""
CHUNK = b"x" * 65_536


class Flood:
    """A server that answers anything with a head and then pieces for ever, and counts what it could send."""

    def __init__(self, head: bytes, piece: bytes) -> None:
        self.head, self.piece = head, piece
        self.sent = 0
        self.url = ""
        self.over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.head)
            while not writer.transport.is_closing():
                writer.write(self.piece)
                await writer.drain()
                self.sent += len(self.piece)
                await asyncio.sleep(0)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            self.over.set()


@asynccontextmanager
async def flooding(head: bytes, piece: bytes) -> AsyncIterator[tuple[Flood, HttpTransport]]:
    flood = Flood(head, piece)
    server = await asyncio.start_server(flood.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with HttpTransport(f"http://127.0.0.1:{port}") as transport:
            yield flood, transport
            await transport.close()
            await asyncio.wait_for(flood.over.wait(), 30)
    finally:
        server.close()
        await server.wait_closed()


def _chunked(status: bytes = b"200 OK", extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\n%bTransfer-Encoding: chunked\r\n\r\n" % (status, extra)


PIECE = b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK)


# -- endless -------------------------------------------------------------------------------------------------------------


async def test_an_endless_body(scene: Scene) -> None:
    async with flooding(_chunked(), PIECE) as (flood, transport):
        api = ExchangeApi(transport, clock=lambda: scene.world.now)
        with pytest.raises(TransportError) as cut:
            await api.checkpoint("journal")
        assert cut.value.code == "body-too-large"
    assert flood.sent <= MAX_NOTE + IN_FLIGHT


@pytest.mark.parametrize("status", [b"404 Not Found", b"500 Internal Server Error"])
async def test_an_endless_body_of_a_refusal(scene: Scene, status: bytes) -> None:
    async with flooding(_chunked(status), PIECE) as (flood, transport):
        api = ExchangeApi(transport, clock=lambda: scene.world.now)
        with pytest.raises(TransportError) as cut:
            await api.exchange()
        assert cut.value.code == "body-too-large"
    assert flood.sent <= MAX_PROBLEM + IN_FLIGHT


async def test_an_endless_body_that_announces_its_length(scene: Scene) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n"
    async with flooding(head, CHUNK) as (flood, transport):
        api = ExchangeApi(transport, clock=lambda: scene.world.now)
        with pytest.raises(TransportError) as cut:
            await api.checkpoint("registry")
        assert cut.value.code == "body-too-large"
    assert flood.sent <= IN_FLIGHT


async def test_an_endless_body_that_would_unpack_to_more(scene: Scene) -> None:
    """A compressed answer is not unpacked, so a small body stays a small body, and is no JSON."""
    body = gzip.compress(b" " * (1 << 24))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        async with HttpTransport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as transport:
            answer = await transport.request("GET", "/v1/exchange", max_bytes=1 << 20)
            assert answer.body == body
            with pytest.raises(BadAnswer):
                await ExchangeApi(transport, clock=lambda: scene.world.now).exchange()
    finally:
        server.close()


async def test_an_endless_redirect(scene: Scene) -> None:
    head = _chunked(b"307 Temporary Redirect", b"Location: /journal/checkpoint\r\n")
    async with flooding(head, PIECE) as (flood, transport):
        with pytest.raises(TransportError) as cut:
            await ExchangeApi(transport, clock=lambda: scene.world.now).checkpoint("journal")
        assert cut.value.code == "redirect"
    assert flood.sent <= IN_FLIGHT


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(
    "piece",
    [CHUNK, b"data: " + b"x" * 65_000 + b"\n", b"event: " + b"x" * 65_000 + b"\n", b":" + b"x" * 65_000],
    ids=["line", "event-of-many-lines", "names", "comment"],
)
async def test_an_endless_event(scene: Scene, piece: bytes) -> None:
    async with flooding(STREAM, _chunk(piece)) as (flood, transport):
        with pytest.raises(TransportError) as cut:
            async for _ in transport.stream("/v1/feed?cursor=0"):
                pytest.fail("there is no end of the first event")
        assert cut.value.code == "event-too-large"
    assert flood.sent <= MAX_EVENT + IN_FLIGHT


async def test_an_endless_list_of_pages(scene: Scene) -> None:
    """Every page says that there is a next one; the log's size says where to stop."""
    victim = scene.newcomer("author")

    async def tell(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        items = json.loads((await honest()).body)["statements"][:1]
        return told({"next": items[-1]["index"] + 1, "statements": items} if items else {"statements": []})

    victim.lying.lie("GET", "/v1/(registry/statements|epochs)", tell)
    await victim.opens(scene.alert)
    size = scene.world.exchange_server.ledger.head("registry").size
    asked = [path for path in victim.lying.asked if "/v1/registry/statements" in path]
    assert len(asked) <= 2 * size  # at most once again, when it turned out that this member sees all


@pytest.mark.parametrize(
    "page",
    [
        {"next": 5, "statements": []},
        {"next": 0, "statements": []},
        {"next": -1, "statements": []},
        {"next": "1", "statements": []},
        {"next": 2**60, "statements": []},
        {"statements": {}},
        {},
    ],
    ids=["empty", "zero", "negative", "text", "beyond", "no-list", "nothing"],
)
async def test_an_endless_list_of_pages_that_stand_still(scene: Scene, page: dict[str, Any]) -> None:
    victim = scene.newcomer("doctor")
    victim.lying.say("GET", "/v1/registry/statements", told(page))
    before = victim.kept()
    with pytest.raises(BadAnswer):
        await victim.sync()
    assert victim.kept() == before


# -- two readings --------------------------------------------------------------------------------------------------------


def _doubled(body: bytes) -> bytes:
    """The first key of the first object stands twice."""
    start = body.index(b"{") + 1
    end = body.index(b":", start)
    return body[:start] + body[start:end] + b":0," + body[start:]


@pytest.mark.parametrize("route", ["/v1/registry/statements", "/v1/epochs", "/v1/challenges", "/v1/sessions"])
async def test_answer_with_duplicate_json_keys(scene: Scene, route: str) -> None:
    victim = scene.newcomer("doctor")

    async def tell(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        return raw(_doubled((await honest()).body))

    victim.lying.lie("GET" if route[4] in "re" else "POST", route, tell)
    before = victim.kept()
    with pytest.raises(BadAnswer):
        await victim.sync()
    assert victim.kept() == before
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_answer_with_duplicate_json_keys_about_an_alert(scene: Scene) -> None:
    victim = await scene.unaware("doctor")

    async def tell(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        return raw(_doubled((await honest()).body))

    victim.lying.lie("GET", "/v1/alerts/.*", tell)
    await victim.rejects(scene.alert, 7, "withheld")
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_answer_with_duplicate_json_keys_inside_the_envelope(scene: Scene) -> None:
    """Two readings of what is signed: the bytes are refused before anybody reads them either way."""
    victim = await scene.unaware("doctor")
    body = scene.alert.envelope.body.replace(b'"label":"AMBER"', b'"label":"AMBER","label":"GREEN"')
    twice = Envelope("alert", body, scene.alert.envelope.signatures)
    victim.lying.twist("GET", "/v1/alerts/.*", lambda said: {**said, "envelope": twice.to_json()})
    await victim.rejects(scene.alert, 2, "statement-mismatch")


BAD = [
    b"\xef\xbb\xbf{}",
    b'{"a":NaN}',
    b'{"a":1.5}',
    b'{"a":1e9}',
    b'{"a":-Infinity}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"a":"\xff"}',
    "{}".encode("utf-16"),
    b"{} {}",
    b"null",
    b"7",
    b'{"a":' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
async def test_answer_that_is_not_json_of_the_interface(scene: Scene, body: bytes) -> None:
    victim = await scene.unaware("doctor")
    api = victim.member.api
    victim.lying.say("GET", "/v1/.*", raw(body))
    for call in (api.exchange, lambda: api.registry_statements(0), lambda: api.epochs(0)):
        with pytest.raises(BadAnswer):
            await call()
    with pytest.raises(BadAnswer):
        await api.alert(scene.alert.id, bytes(8))


def _paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, itself included."""
    found = [prefix]
    children: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found += _paths(child, (*prefix, key))
    return found


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _put(value[path[0]], path[1:], new)
    return copy


STRANGE: list[Any] = [None, True, -1, 2**70, "", "\ud800", "Ä" * 3, [], {}, [[]], {"a": 1}]


async def test_garbled_answers_never_raise_anything_but_the_clients_errors(scene: Scene) -> None:
    """Every value of every answer replaced by strange ones: refused or harmless, and never another exception."""
    victim = await scene.unaware("doctor")
    api = victim.member.api
    answers: dict[str, tuple[Callable[[], Awaitable[Any]], Any]] = {}
    for path, call in {
        "/v1/exchange": api.exchange,
        "/v1/registry/statements": lambda: api.registry_statements(0),
        "/v1/epochs": lambda: api.epochs(0),
        f"/v1/alerts/{scene.alert.id}": lambda: api.alert(scene.alert.id, bytes(8)),
    }.items():
        whole = json.loads(
            (await victim.lying.request("GET", path, headers=await _headers(api), max_bytes=1 << 25)).body
        )
        if "statements" in whole:
            whole["statements"] = whole["statements"][2:4]
        answers[path] = (call, whole)
    tried = 0
    for path, (call, whole) in answers.items():
        for place in _paths(whole):
            for strange in STRANGE:
                victim.lying.repent()
                victim.lying.say("GET", path, told(_put(whole, place, strange)))
                tried += 1
                with contextlib.suppress(ClientError):
                    await call()
    assert tried > 1000


async def _headers(api: ExchangeApi) -> dict[str, str]:
    return {"Authorization": f"Bearer {await api._session()}"}


async def test_garbled_events_never_raise_anything_but_the_clients_errors(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    entry = encoding.b64(scene.world.exchange_server.ledger.checkpoint("journal")[:50])
    for name, whole in (
        ("entry", {"alert": {"envelope": scene.alert.envelope.to_json(), "index": 1}, "entry": entry, "index": 0}),
        ("head", {"journal": "a", "registry": "b"}),
    ):
        for place in _paths(whole):
            for strange in STRANGE:
                victim.lying.events = [Event("1", name, json.dumps(_put(whole, place, strange)))]
                with contextlib.suppress(ClientError):
                    async for _ in victim.member.api.feed(0):
                        pass


# -- sessions ------------------------------------------------------------------------------------------------------------


async def test_challenge_and_session_replayed_to_another_exchange(scene: Scene, tmp_path: Path) -> None:
    """This exchange hands the member another one's challenge, and the answer to the other: same device, same key."""
    victim = await scene.unaware("doctor")
    other = Live(tmp_path, seed="another exchange")
    await other.begin()
    try:
        organisation = await other.admit("Klinikum", sectors=("health",))
        person = await other.enrol("D. Doktor", organisation, "officer", devices=0)
        possession = victim.identity.possession(
            exchange=other.exchange,
            organisation=encoding.unb64u(organisation),
            person=encoding.unb64u(person.person),
        )
        enrol = other.by_registrars(
            "device.enrol", person=person.person, possession=possession, **victim.identity.request()
        )
        await other.post(enrol)
        sessions = Sessions(other.exchange_server.state, lambda: other.now, parse({}, "test").limits)
        challenge, expires = sessions.challenge()
        caught: list[bytes] = []

        async def keep(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
            assert asked.body is not None
            caught.append(asked.body)
            return await honest()

        victim.lying.say("POST", "/v1/challenges", told({"challenge": encoding.b64u(challenge), "expires": expires}))
        victim.lying.lie("POST", "/v1/sessions", keep)
        with pytest.raises(ClientError):
            await victim.sync()  # the honest exchange does not know that challenge
        signed = Envelope.decode(caught[0])
        with pytest.raises(Denied) as denied:
            sessions.open(signed)
        assert denied.value.code == "other-exchange"
        # The device itself is welcome there: what is refused is the statement's exchange.
        own = ExchangeApi(_Direct(sessions), clock=lambda: other.now, credentials=_credentials(other, victim.identity))
        await own.open_session()
    finally:
        await other.stop()
    victim.lying.repent()
    await victim.opens(scene.alert)


def _credentials(world: Live, identity: Any) -> Credentials:
    return Credentials(world.exchange, encoding.b64u(identity.device), identity.signer)


class _Direct:
    """Challenges and sessions of an exchange without a server."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def request(self, method: str, path: str, *, body: bytes | None = None, **_: Any) -> Response:
        if path == "/v1/challenges":
            challenge, expires = self._sessions.challenge()
            return told({"challenge": encoding.b64u(challenge), "expires": expires})
        token, session = self._sessions.open(Envelope.decode(body or b""))
        return told({"expires": session.expires, "token": token})

    def stream(self, path: str, *, headers: Any = None) -> AsyncIterator[Event]:
        raise NotImplementedError


async def test_challenge_and_session_replayed_to_the_same_exchange(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    caught: list[bytes] = []

    async def keep(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        assert asked.body is not None
        caught.append(asked.body)
        return await honest()

    victim.lying.lie("POST", "/v1/sessions", keep)
    await victim.member.api.open_session()
    again = await scene.honest.request("POST", "/v1/sessions", body=caught[0], max_bytes=1 << 16)
    assert again.status in (400, 401, 403, 409)
    assert json.loads(again.body)["code"] == "challenge-used"


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "A" * 42,
        "A" * 44,
        "A" * 43 + "=",
        "A" * 42 + "B",  # not canonical
        {"alert": "x"},
        7,
        None,
        "application/vnd.tlp-exchange.alert.v1+json 5 {...}",
    ],
    ids=range(9),
)
async def test_challenge_that_is_something_else_to_sign(scene: Scene, challenge: object) -> None:
    """What the device signs to log in is 32 bytes and nothing that could be read as anything else."""
    victim = await scene.unaware("doctor")
    victim.lying.say("POST", "/v1/challenges", told({"challenge": challenge, "expires": 2**39}))
    with pytest.raises(BadAnswer):
        await victim.sync()
    assert "POST /v1/sessions" not in victim.lying.asked


@pytest.mark.parametrize(
    "token", ["", "x" * 15, "x" * 513, "good-enough-so-far\r\nX-Evil: 1", "ü" * 20, 7], ids=range(6)
)
async def test_token_that_would_be_more_than_a_header(scene: Scene, token: object) -> None:
    victim = await scene.unaware("doctor")
    victim.lying.say("POST", "/v1/sessions", told({"expires": 2**39, "token": token}, 201))
    with pytest.raises(BadAnswer):
        await victim.sync()
