"""The server of the tests: a ``Live`` exchange behind real HTTP on the loopback, and a caller that believes everything."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp

from exchange.config import parse
from exchange.model.scalars import DAY
from exchange.model.statements import Statement
from exchange.web.app import Server, create_app
from exchange.web.context import CONTEXT, Context
from exchange.web.oplog import open_log
from keys import encoding
from keys.sign import sign_statement
from tests.support import contract
from tests.support.live import Live
from tests.support.world import Member


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as strict JSON: the server writes no other."""
        return encoding.decode(self.body, max_bytes=1 << 25)

    @property
    def code(self) -> str:
        return str(self.json["code"])


@dataclass(slots=True)
class Event:
    """One server-sent event."""

    name: str
    id: str
    data: dict[str, Any]


class WebLive(Live):
    """A partnership on a server that listens."""

    def __init__(self, folder: Path, seed: str = "web", **sections: dict[str, Any]) -> None:
        super().__init__(folder, seed)
        server = {"data": str(folder / "data"), "head_file": str(folder / "head" / "head"), "port": 0}
        self.config = parse({**sections, "server": {**server, **sections.get("server", {})}}, "test")
        self.log = io.StringIO()
        self.monotonic = 0.0
        self.uploading: dict[str, str] = {}
        """The sessions of devices that upload over HTTP instead of straight into the store."""
        self.http: Server
        self.client: aiohttp.ClientSession

    async def listen(self) -> None:
        app = create_app(
            self.exchange_server, log=open_log("debug", self.log), monotonic=lambda: self.monotonic, housekeeping=False
        )
        self.http = Server(app)
        await self.http.start("127.0.0.1", 0)
        self.client = aiohttp.ClientSession(f"http://127.0.0.1:{self.http.port}")

    async def silence(self) -> None:
        await self.client.close()
        await self.http.stop()

    @property
    def context(self) -> Context:
        return self.http.app[CONTEXT]

    # -- calling --------------------------------------------------------------------------------------------------

    async def call(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        async with self.client.request(
            method, path, data=body, headers=sent, skip_auto_headers=["User-Agent"], allow_redirects=False
        ) as answer:
            got = Answer(answer.status, answer.headers.copy(), await answer.read())
        contract.check(method, path, got.status, got.headers, got.body)
        return got

    async def get(self, path: str, token: str | None = None) -> Answer:
        return await self.call("GET", path, token)

    async def send(self, *statements: Statement) -> Answer:
        """Post statements over HTTP."""
        body = encoding.encode({"statements": [{"envelope": s.envelope.to_json()} for s in statements]})
        return await self.call("POST", "/v1/statements", body=body)

    async def put(self, data: bytes, device: str) -> str:
        token = self.uploading.get(device)
        if token is None:
            return await super().put(data, device)
        digest = sha256(data).hexdigest()
        answer = await self.call("PUT", f"/v1/blobs/{digest}", token, data)
        assert answer.status in (200, 201), answer.body
        return digest

    def session_statement(self, member: Member, challenge: str, device: str | None = None, **changes: Any) -> bytes:
        device = device or member.device
        body: dict[str, Any] = {
            "at": self.now,
            "challenge": challenge,
            "exchange": self.exchange,
            "issuer": {"device": device},
            "nonce": self.random.id(),
            "not_after": self.now + 300,
            **changes,
        }
        return sign_statement("session.open", body, member.signers[device], scheme="ed25519").encode()

    async def challenge(self) -> str:
        return str((await self.call("POST", "/v1/challenges", body=b"{}")).json["challenge"])

    async def open(self, member: Member, device: str | None = None, **changes: Any) -> Answer:
        statement = self.session_statement(member, await self.challenge(), device, **changes)
        return await self.call("POST", "/v1/sessions", body=statement)

    async def session(self, member: Member, device: str | None = None) -> str:
        answer = await self.open(member, device)
        assert answer.status == 201, answer.body
        return str(answer.json["token"])

    @asynccontextmanager
    async def feed(self, token: str, cursor: int | None = None) -> AsyncIterator[AsyncIterator[Event]]:
        path = "/v1/feed" if cursor is None else f"/v1/feed?cursor={cursor}"
        async with self.client.get(path, headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == 200, await answer.read()
            yield checked(events(answer))

    async def raw(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of one's own with these bytes sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.http.port)
        writer.write(data)
        await writer.drain()
        return reader, writer

    # -- what must not change -------------------------------------------------------------------------------------

    def sizes(self) -> tuple[int, int]:
        ledger = self.exchange_server.ledger
        return ledger.head("registry").size, ledger.head("journal").size

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """The events of a feed; keep-alive comments are passed over."""
    name, last, data = "", "", ""
    while line := (await answer.content.readline()).decode("utf-8").rstrip("\n"):
        while line:
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "id":
                last = value
            elif field == "data":
                data = value
            line = (await answer.content.readline()).decode("utf-8").rstrip("\n")
        if data:
            yield Event(name, last, json.loads(data))
        name, data = "", ""


async def checked(stream: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """The same events, each held against what the route declares."""
    async for event in stream:
        contract.check_event(event.name, event.data)
        yield event


@dataclass(slots=True)
class Partnership:
    """An authority that publishes, a company that receives, a company that does not, and an auditor."""

    world: WebLive
    authority: str
    company: str
    outside: str
    author: Member
    approver: Member
    administrator: Member
    officer: Member
    stranger: Member
    auditor: Member

    @property
    def audience(self) -> dict[str, Any]:
        return {"organisations": [self.company]}

    async def release(self, label: str = "AMBER", **changes: Any) -> Statement:
        """A released alert to the company."""
        statement = await self.world.alert(self.author, label, self.audience, **changes)
        await self.world.post(statement)
        return statement

    async def propose(self, label: str = "AMBER", **changes: Any) -> Statement:
        """A proposal that waits for the approver."""
        core = {"approvals": 1, "approvers": [self.approver.person], **changes.pop("core", {})}
        audience = None if label == "CLEAR" else self.audience
        statement = await self.world.alert(self.author, label, audience, core=core, **changes)
        await self.world.post(statement)
        return statement

    async def publish_clear(self, **changes: Any) -> Statement:
        """A released CLEAR alert."""
        proposal = await self.propose("CLEAR", **changes)
        statement = self.world.approve(proposal, self.approver)
        await self.world.post(statement)
        return statement

    async def suspend(self, organisation: str) -> None:
        world = self.world
        previous = world.previous(f"organisation/{organisation}")
        await world.post(world.by_registrars("organisation.suspend", organisation=organisation, previous=previous))

    async def revoke(self, member: Member) -> None:
        world = self.world
        previous = world.previous(f"device/{member.device}")
        await world.post(world.by_registrars("device.revoke", device=member.device, previous=previous))


async def partnership(world: WebLive) -> Partnership:
    authority = await world.admit("Polizei Essen", "authority")
    company = await world.admit("Stadtwerke")
    outside = await world.admit("Handel", sectors=("retail",))
    return Partnership(
        world,
        authority,
        company,
        outside,
        author=await world.enrol("A. Autorin", authority, "author"),
        approver=await world.enrol("B. Freigabe", authority, "approver"),
        administrator=await world.enrol("C. Verwaltung", authority, "administrator"),
        officer=await world.enrol("D. Sicherheit", company, "officer"),
        stranger=await world.enrol("E. Fremd", outside, "officer"),
        auditor=await world.enrol("F. Prüfung", outside, "auditor", keyless=True),
    )


@asynccontextmanager
async def listening(folder: Path, **sections: dict[str, Any]) -> AsyncIterator[Partnership]:
    """A partnership on a listening server, closed on every path."""
    world = WebLive(folder, **sections)
    await world.begin()
    try:
        found = await partnership(world)
        await world.listen()
        try:
            yield found
        finally:
            await world.silence()
    finally:
        await world.stop()


TERM = 365 * DAY
