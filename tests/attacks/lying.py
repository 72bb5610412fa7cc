"""The lying exchange: an attacker who owns the server stands between a real client and an honest exchange.

``LyingExchange`` is a Transport.  Told no lie, it passes every request on.  A *lie* replaces the answers of one route; a
``Forgery`` is a whole second history: both logs copied from the server's store, rewritten at will, hashed again and signed
with the server's own keys, of which the attacker has all (log signers, statement key).  What it does not have are the keys of
registrars and members; a test that needs one of those says so.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from exchange.client.errors import TransportError
from exchange.client.transport import Event, HttpTransport, Response
from exchange.model.alert import AlertBody
from exchange.model.entry import PROPOSED, RELEASED, AlertMark, AudienceHead, Entry, parse_entry
from exchange.model.scalars import Head
from exchange.model.statements import Opening, Statement, chain_of, parse_statement
from exchange.store import blobs
from exchange.store import logs as log_rows
from exchange.tlog.bundles import encode_bundle
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, log_origin
from exchange.tlog.merkle import Frontier, leaf_hash
from exchange.tlog.tiles import TILE_WIDTH, Bundle, Tile, parse_path
from keys import encoding
from keys.envelope import Envelope
from keys.note import LogSigner, sign_checkpoint
from keys.sign import add_signature
from keys.stanza import AudienceTree, PackLeaf, encode_leaf_list, parse_pack
from tests.support.live import Live
from tests.support.world import Member as Person


@dataclass(frozen=True, slots=True)
class Asked:
    """A client's request; ``matched`` are the named groups of the lie's pattern."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | None
    matched: Mapping[str, str]

    @property
    def tag(self) -> bytes | None:
        """``?tag=``."""
        found = parse_qs(self.query).get("tag")
        return encoding.unb64u(found[0]) if found else None

    @property
    def start(self) -> int:
        """``?start=``."""
        return int(parse_qs(self.query).get("start", ["0"])[0])


Tell = Callable[[Asked, Callable[[], Awaitable[Response]]], Awaitable[Response]]
"""A lie: the request, and a way to hear the honest answer to it."""


def told(value: Any, status: int = 200) -> Response:
    """An answer with a JSON body."""
    return Response(status, {"content-type": "application/json"}, json.dumps(value).encode())


def raw(body: bytes, status: int = 200) -> Response:
    """An answer with these bytes."""
    return Response(status, {}, body)


class LyingExchange:
    """The Transport of one client; see the module."""

    def __init__(self, honest: HttpTransport) -> None:
        self._honest = honest
        self._lies: list[tuple[str, re.Pattern[str], Tell]] = []
        self.forgery: Forgery | None = None
        self.events: list[Event] | None = None
        self.asked: list[str] = []

    # -- telling lies ------------------------------------------------------------------------------------------------

    def lie(self, method: str, pattern: str, tell: Tell) -> None:
        """From now on answer a route with ``tell``; a later lie about the same route goes first."""
        self._lies.insert(0, (method, re.compile(pattern), tell))

    def say(self, method: str, pattern: str, answer: Response) -> None:
        """Answer a route with this, whatever is asked."""

        async def tell(_: Asked, __: Callable[[], Awaitable[Response]]) -> Response:
            return answer

        self.lie(method, pattern, tell)

    def twist(self, method: str, pattern: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change the honest answer's JSON in place (or return another one)."""

        async def tell(_: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
            answer = await honest()
            if answer.status != 200:
                return answer
            value = json.loads(answer.body)
            return told(change(value) or value)

        self.lie(method, pattern, tell)

    def repent(self) -> None:
        """Be honest from now on."""
        self._lies.clear()
        self.forgery = None
        self.events = None

    # -- Transport ---------------------------------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int,
        timeout: float = 60.0,  # noqa: ASYNC109 - the protocol's
    ) -> Response:
        self.asked.append(f"{method} {path}")

        async def honest() -> Response:
            return await self._honest.request(
                method, path, headers=headers, body=body, max_bytes=max_bytes, timeout=timeout
            )

        bare, _, query = path.partition("?")

        async def history() -> Response:
            answer = None
            if self.forgery is not None:
                answer = await self.forgery.answer(Asked(method, bare, query, headers or {}, body, {}), honest)
            return answer if answer is not None else await honest()

        for known, pattern, tell in self._lies:
            match = pattern.fullmatch(bare) if known == method else None
            if match is not None:
                answer = await tell(Asked(method, bare, query, headers or {}, body, match.groupdict()), history)
                break
        else:
            answer = await history()
        if len(answer.body) > max_bytes:  # as every Transport: HttpTransport's own cut is tried in test_endless_bodies
            raise TransportError("body-too-large", f"the answer goes on after {max_bytes} bytes and was cut")
        return answer

    async def stream(self, path: str, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Event]:
        if self.events is None:
            async for event in self._honest.stream(path, headers=headers):
                yield event
        else:
            for event in self.events:
                yield event


# -- another history -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signers:
    """The log keys that sign checkpoints: the server's, or others."""

    registry: LogSigner
    journal: LogSigner

    def of(self, log: LogName) -> LogSigner:
        return self.registry if log == "registry" else self.journal


@dataclass
class Forgery:
    """Both logs as the attacker shows them. Change ``entries``, then ask for heads and notes: all is hashed again."""

    world: Live
    entries: dict[LogName, list[bytes]]
    signers: Signers
    registry: dict[int, tuple[Envelope, tuple[Opening, ...]]] = field(default_factory=dict)
    withheld: set[int] = field(default_factory=set)
    epochs: dict[int, Envelope] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    alerts: dict[str, tuple[int, Statement]] = field(default_factory=dict)
    packs: dict[str, tuple[PackLeaf, ...]] = field(default_factory=dict)
    shown_size: dict[LogName, int] = field(default_factory=dict)
    tiles: bool = True
    """Whether hash tiles are of this history too, or still the honest exchange's."""

    @classmethod
    async def of(cls, world: Live) -> Forgery:
        """A copy of the honest history, to begin with."""
        entries: dict[LogName, list[bytes]] = {}
        for log in LOGS:
            size = world.exchange_server.ledger.head(log).size
            entries[log] = list(await world.exchange_server.store.read(log_rows.entries, log, 0, size))
        return cls(world, entries, Signers(world.server.registry, world.server.journal))

    # -- heads -------------------------------------------------------------------------------------------------------

    def size(self, log: LogName) -> int:
        return len(self.entries[log])

    def head(self, log: LogName, size: int | None = None) -> Head:
        """Size and root, now or earlier."""
        size = self.size(log) if size is None else size
        tree = Frontier().extend([leaf_hash(data) for data in self.entries[log][:size]])
        return Head(root=tree.root().hex(), size=size)

    def seen(self) -> dict[str, Any]:
        return {log: self.head(log).to_json() for log in ("journal", "registry")}

    def note(self, log: LogName, size: int | None = None) -> bytes:
        """A checkpoint signed with the log's keys."""
        head = self.head(log, self.shown_size.get(log) if size is None else size)
        text = Checkpoint(log_origin(self.world.server.origin, log), head.size, bytes.fromhex(head.root)).text()
        return sign_checkpoint(text, self.signers.of(log), self.world.now)

    # -- rewriting ---------------------------------------------------------------------------------------------------

    def entry(self, log: LogName, index: int) -> Entry:
        return parse_entry(self.entries[log][index])

    def index_of(self, log: LogName, statement: str) -> int:
        """The newest entry about a statement."""
        return max(i for i in range(self.size(log)) if self.entry(log, i).statement == statement)

    def rewrite(self, log: LogName, index: int, **changes: Any) -> None:
        """Change fields of an entry (an ``Entry``'s, as values)."""
        fields = {name: getattr(self.entry(log, index), name) for name in Entry.model_fields}
        self.entries[log][index] = Entry(**{**fields, **changes}).encode()

    def insert_registry(
        self, statement: Statement, openings: Sequence[Opening] = (), *, shown: bool = True, **changes: Any
    ) -> int:
        """Append a registry statement, valid or not; its index."""
        fields: dict[str, Any] = {
            "at": self.world.now,
            "kind": statement.kind.name,
            "signatures": statement.envelope.signatures_hash,
            "statement": statement.id,
            "subject": chain_of(statement),
        }
        self.entries["registry"].append(Entry(**{**fields, **changes}).encode())
        index = self.size("registry") - 1
        if shown:
            self.registry[index] = (statement.envelope, tuple(openings))
        return index

    async def insert_journal(self, statement: Statement, *, registry_size: int | None = None, **changes: Any) -> int:
        """Append a journal statement with the entry an exchange would make, but for ``changes``; its index."""
        fields: dict[str, Any] = {
            "at": self.world.now,
            "kind": statement.kind.name,
            "registry": self.head("registry", registry_size),
            "signatures": statement.envelope.signatures_hash,
            "statement": statement.id,
        }
        if isinstance(statement.body, AlertBody):
            fields["alert"] = mark_of(statement)
            complete = len(statement.envelope.signer_ids) > statement.alert.core.approvals
            fields["kind"] = RELEASED if complete else PROPOSED
        self.entries["journal"].append(Entry(**{**fields, **changes}).encode())
        index = self.size("journal") - 1
        if isinstance(statement.body, AlertBody):
            await self.serve(statement, index)
        elif statement.kind.name == "epoch.publish":
            self.epochs[index] = statement.envelope
        return index

    async def claim(self, about: Person, **changes: Any) -> int:
        """Append something harmless that the server says in its own name; its index."""
        key = self.world.server.statement
        body = self.world.common(issuer={"server": key.public.key_id}, count=1, device=about.device, what="leaf-list")
        envelope = add_signature(Envelope("access.read", encoding.encode(body), ()), key, scheme="ed25519")
        return await self.insert_journal(parse_statement(envelope), **changes)

    async def serve(self, statement: Statement, index: int) -> None:
        """Answer for an alert that the honest exchange never accepted."""
        self.alerts[statement.id] = (index, statement)
        pack = statement.alert.sealed.pack
        if pack is not None:
            self.packs[statement.id] = parse_pack(await self.blob(pack.sha256))

    async def blob(self, sha256: str) -> bytes:
        """Any blob: the store is the attacker's."""
        return await self.world.exchange_server.store.read(blobs.read, sha256)

    # -- answering ---------------------------------------------------------------------------------------------------

    async def answer(self, asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response | None:
        """The answer out of this history; None where the honest exchange may answer for it."""
        if asked.method != "GET":
            return None
        for log in LOGS:
            if asked.path == f"/{log}/checkpoint":
                return raw(self.note(log))
            if asked.path.startswith(f"/{log}/tile/entries/"):
                return self._bundle(log, asked.path.removeprefix(f"/{log}/"))
            if self.tiles and asked.path.startswith(f"/{log}/tile/"):
                return self._tile(log, asked.path.removeprefix(f"/{log}/"))
        if asked.path == "/v1/registry/statements":
            return self._registry(await honest(), asked.start)
        if asked.path == "/v1/epochs":
            return self._epochs(await honest(), asked.start)
        if asked.path.startswith("/v1/blobs/"):
            return raw(await self.blob(asked.path.rpartition("/")[2]))
        parts = asked.path.split("/")
        if parts[1:3] == ["v1", "alerts"] and parts[3] in self.alerts:
            return self._leaves(parts[3]) if parts[4:] == ["leaves"] else told(self.alert(parts[3], asked.tag))
        return None

    def _bundle(self, log: LogName, path: str) -> Response:
        place = parse_path(path)
        assert isinstance(place, Bundle)
        start = place.index * TILE_WIDTH
        return raw(encode_bundle(self.entries[log][start : start + place.width]))

    def _tile(self, log: LogName, path: str) -> Response:
        """A hash tile of this history; another one than the honest exchange's."""
        place = parse_path(path)
        assert isinstance(place, Tile)
        span = TILE_WIDTH**place.level
        starts = range(place.index * TILE_WIDTH * span, (place.index * TILE_WIDTH + place.width) * span, span)
        leaves = [leaf_hash(data) for data in self.entries[log]]
        return raw(b"".join(Frontier().extend(leaves[start : start + span]).root() for start in starts))

    def _registry(self, honest: Response, start: int) -> Response:
        """What the honest exchange shows this member, less what is withheld, plus what was made up."""
        if honest.status != 200:
            return honest
        items = {item["index"]: item for item in json.loads(honest.body)["statements"]}
        for index, (envelope, openings) in self.registry.items():
            items[index] = {
                "envelope": envelope.to_json(),
                "index": index,
                "openings": [opening.to_json() for opening in openings],
            }
        size = self.size("registry")
        return told({"statements": [items[i] for i in sorted(items) if start <= i < size and i not in self.withheld]})

    def _epochs(self, honest: Response, start: int) -> Response:
        if honest.status != 200:
            return honest
        items = {item["index"]: item for item in json.loads(honest.body)["statements"]}
        items |= {i: {"envelope": envelope.to_json(), "index": i} for i, envelope in self.epochs.items()}
        return told({"statements": [items[i] for i in sorted(items) if i >= start and i not in self.hidden]})

    def alert(self, statement: str, tag: bytes | None) -> dict[str, Any]:
        """An alert's answer as an honest exchange would compose it: a leaf for this tag, or its neighbours."""
        index, found = self.alerts[statement]
        whole: dict[str, Any] = {
            "checkpoint": self.note("journal").decode(),
            "envelope": found.envelope.to_json(),
            "index": index,
            "proof": [],
        }
        leaves = self.packs.get(statement)
        if leaves is None or tag is None:
            return whole
        tree = AudienceTree([leaf.leaf_hash() for leaf in leaves])
        for place, leaf in enumerate(leaves):
            if leaf.tag == tag:
                return {**whole, "leaf": leaf_json(leaf, place, tree.path(place))}
        return {"index": index, "neighbours": neighbours(leaves, tag)}

    def _leaves(self, statement: str) -> Response:
        return raw(encode_leaf_list(leaf.summary() for leaf in self.packs[statement]))


def mark_of(statement: Statement) -> AlertMark:
    """What an honest entry says of an alert."""
    core, sealed = statement.alert.core, statement.alert.sealed
    audience = None
    if sealed.root is not None and sealed.ephemeral is not None and sealed.depth is not None:
        audience = AudienceHead(depth=sealed.depth, ephemeral=sealed.ephemeral, root=sealed.root)
    return AlertMark(audience=audience, id=core.alert, version=core.version)


def leaf_json(leaf: PackLeaf, index: int, path: Sequence[bytes]) -> dict[str, Any]:
    """``leaf`` of an alert's answer."""
    return {
        "index": index,
        "path": [node.hex() for node in path],
        "stanza": encoding.b64(leaf.stanza),
        "stanza_id": leaf.stanza_id.hex(),
        "tag": encoding.b64u(leaf.tag),
    }


def neighbour_json(leaves: Sequence[PackLeaf], index: int, tree: AudienceTree | None = None) -> dict[str, Any]:
    """One leaf as a neighbour."""
    tree = tree or AudienceTree([leaf.leaf_hash() for leaf in leaves])
    return {
        "index": index,
        "inner": leaves[index].summary().inner.hex(),
        "path": [node.hex() for node in tree.path(index)],
        "tag": encoding.b64u(leaves[index].tag),
    }


def neighbours(leaves: Sequence[PackLeaf], tag: bytes) -> list[dict[str, Any]]:
    """The leaves around the place of a tag, as an honest exchange would choose them."""
    place = bisect_left(leaves, tag, key=lambda leaf: leaf.tag)
    return [neighbour_json(leaves, i) for i in (place - 1, place) if 0 <= i < len(leaves)]
