"""A witness on the loopback, and a log that asks it: everything real, with a clock that stands still."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp

from exchange.listen.log import LineLog
from exchange.listen.server import Listener
from exchange.tlog.checkpoint import Checkpoint
from exchange.tlog.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, node_hash, range_root
from exchange.tlog.witness_request import format_request
from exchange.witness.app import Witness, create_app
from exchange.witness.home import create_home, open_home
from exchange.witness.loglist import KnownLog
from exchange.witness.store import WitnessStore
from keys.note import LogSigner, Note, NoteLine, VerifiedLine, sign_checkpoint, verify_note
from keys.witness import WitnessSigner
from tests.support.world import Randomness

NOW = 1_796_000_000
NAME = "witness.chamber.example"
ORIGIN = "exchange.example/journal"


@dataclass
class Log:
    """A log that signs whatever it likes: its leaves, and the notes, proofs and requests that follow from them."""

    origin: str = ORIGIN
    seed: bytes = b"1" * 32
    leaves: list[bytes] = field(default_factory=lambda: [leaf_hash(b"entry %d" % i) for i in range(40)])

    @property
    def signer(self) -> LogSigner:
        return LogSigner(self.origin, self.seed, sha256(self.seed).digest())

    @property
    def known(self) -> KnownLog:
        return KnownLog(self.origin, self.signer.public)

    def node(self, level: int, index: int) -> bytes:
        if level == 0:
            return self.leaves[index]
        return node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))

    def root(self, size: int) -> bytes:
        return range_root(self.node, 0, size) if size else EMPTY_ROOT

    def text(self, size: int) -> str:
        return Checkpoint(self.origin, size, self.root(size)).text()

    def note(self, size: int) -> bytes:
        return sign_checkpoint(self.text(size), self.signer, NOW)

    def proof(self, old: int, new: int) -> tuple[bytes, ...]:
        return consistency_proof(self.node, old, new)

    def request(self, old: int, new: int) -> bytes:
        return format_request(old, self.proof(old, new), self.note(new))

    def forked(self, at: int) -> Log:
        """The same log with another history from an entry on, signed with the same keys."""
        return Log(self.origin, self.seed, [*self.leaves[:at], *(leaf_hash(b"other %d" % i) for i in range(at, 40))])


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes
    headers: Any = field(repr=False, default=None)

    @property
    def code(self) -> str:
        return self.body.decode().rstrip().rpartition("[")[2].rstrip("]")


class Place:
    """The running witness and a client of it."""

    def __init__(self, folder: Path, witness: Witness, listener: Listener, client: aiohttp.ClientSession) -> None:
        self.folder = folder
        self.witness = witness
        self.port = listener.port
        self.client = client
        self.now = NOW
        self.monotonic = 0.0
        self.written = io.StringIO()

    @property
    def signer(self) -> WitnessSigner:
        return self.witness.home.signer

    async def post(self, body: Any, **kwargs: Any) -> Answer:
        async with self.client.post("/add-checkpoint", data=body, **kwargs) as answer:
            return Answer(answer.status, answer.headers.get("Content-Type", ""), await answer.read(), answer.headers)

    async def get(self, path: str) -> Answer:
        async with self.client.get(path) as answer:
            return Answer(answer.status, answer.headers.get("Content-Type", ""), await answer.read(), answer.headers)

    async def newest(self, origin: str = ORIGIN) -> Answer:
        return await self.get(f"/{sha256(origin.encode()).hexdigest()}/checkpoint")

    def verified(self, text: str, body: bytes) -> tuple[VerifiedLine, ...]:
        """The cosignatures of an answer, each verified over this text."""
        note = Note.parse(text.encode() + b"\n" + body)
        found = verify_note(note, self.signer.verifiers)
        assert len(found) == len(note.lines)
        return found

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.getvalue().splitlines()]


def found(folder: Path, logs: Iterable[KnownLog] = (), name: str = NAME) -> WitnessSigner:
    """Make a witness's folder."""
    signer, _ = create_home(folder, name, f"https://{name}", logs, Randomness(name))
    return signer


@asynccontextmanager
async def listening(folder: Path, *logs: Log, **options: Any) -> AsyncIterator[Place]:
    """A witness that listens; made at first, opened again later."""
    if not (folder / "witness.key").exists():
        found(folder, [log.known for log in logs] or [Log().known])
    home = open_home(folder, {})
    store = WitnessStore(home.state)
    places: list[Place] = []
    written = io.StringIO()
    witness = Witness.build(
        home,
        store,
        LineLog(written),
        clock=lambda: places[0].now,
        monotonic=lambda: places[0].monotonic if places else 0.0,
        **options,
    )
    listener = Listener(create_app(witness), witness.guard)
    await listener.start("127.0.0.1", 0)
    client = aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}", skip_auto_headers=["Content-Type"])
    place = Place(folder, witness, listener, client)
    place.written = written
    places.append(place)
    try:
        yield place
    finally:
        await client.close()
        await listener.stop()
        store.close()


def spoiled(note: bytes, which: int) -> bytes:
    """A note one of whose lines has a bit turned."""
    parsed = Note.parse(note)
    lines = list(parsed.lines)
    broken = bytearray(lines[which].signature)
    broken[-1] ^= 1
    lines[which] = NoteLine(lines[which].name, lines[which].key_id, bytes(broken))
    return Note(parsed.text, tuple(lines)).encode()
