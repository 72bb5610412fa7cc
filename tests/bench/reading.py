"""Figures 2 and 4: what one recipient computes and downloads, for an alert to 10, 1,000 and 10,000 devices.

The reader is an officer: a device with real keys and a verified copy of both logs in its local store. It was shown what an
officer is shown, so its registry does not grow with the audience, and its rosters were replayed before ("decision cached").
What is timed is everything from the answer's bytes to the content: strict parsing, V1 to V9 with all signatures, opening. No
signature is remembered from one time to the next.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from os import urandom
from pathlib import Path

from exchange.client.api import Credentials, ExchangeApi
from exchange.client.history import SignatureMemory
from exchange.client.replica import Replica
from exchange.client.state import Kept, MemberState, Shown
from exchange.client.transport import Event, Response
from exchange.client.verify import Opened, verify_released
from exchange.model.entry import RELEASED, AlertMark, AudienceHead, Entry
from exchange.model.scalars import BlobRef
from exchange.model.statements import Statement
from exchange.service.answers import LeafView, composed, hashes, note, value
from exchange.tlog.checkpoint import LogName
from exchange.tlog.merkle import Frontier, leaf_hash
from keys import encoding
from keys.device import DeviceIdentity
from keys.keyfile import Vault
from keys.seal import SealPool, SealTarget
from keys.stanza import AudienceTree, parse_pack
from tests.bench.alerts import Made, Publisher, content, made
from tests.bench.crowd import WEEKS
from tests.bench.measure import Report, median, percentile, text, timed_async
from tests.support.simulator import Log
from tests.support.world import Member, World

AUDIENCES = (10, 1_000, 10_000)
ROUNDS = 151
JUDGED = 1_000
OPEN_BOUND = 3e-3
"""Seconds for verifying and opening at `JUDGED` devices. It was 2 ms (docs/benchmarks.md)."""
FLAT_BOUND = 1.5
"""Slowest audience over fastest, at most."""
BYTES_BOUND = 24 * 1024
"""Bytes that one recipient downloads, at any audience."""


@dataclass(frozen=True, slots=True)
class Download:
    """What one recipient downloads of one alert: the answer of ``GET /v1/alerts/{id}``, and the ciphertext of the content."""

    index: int
    statement: str
    answer: bytes = field(repr=False)
    part: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of both bodies."""
        return len(self.answer) + len(self.part)


class Downloaded:
    """A transport whose answers have arrived already: what is timed is what the client does with them."""

    def __init__(self, download: Download) -> None:
        token = encoding.encode({"expires": 2**39, "token": encoding.b64u(urandom(32))})
        challenge = encoding.encode({"challenge": encoding.b64u(urandom(32)), "expires": 2**39})
        self._bodies = {"alerts": download.answer, "blobs": download.part, "challenges": challenge, "sessions": token}

    async def request(self, method: str, path: str, **_: object) -> Response:
        return Response(200, {}, self._bodies[path.split("/")[2]])

    def stream(self, path: str, **_: object) -> AsyncIterator[Event]:
        raise NotImplementedError("a reader of one alert follows no feed")


class Parts:
    """Ciphertexts by the client's own call."""

    def __init__(self, api: ExchangeApi) -> None:
        self._api = api

    async def part(self, reference: BlobRef) -> bytes:
        return await self._api.get_blob(reference)

    async def pieces(self, reference: BlobRef) -> tuple[bytes, ...]:
        return (await self.part(reference),)


class Reader:
    """An officer's device, the exchange it reads from, and a publisher; the logs are made here and signed with their keys."""

    def __init__(self) -> None:
        self.world = world = World(seed="bench-reader").found()
        authority = world.organisation("authority", sectors=("security",), areas=("05",))
        author, approver = world.person(authority, "author"), world.person(authority, "approver")
        officer = world.person(world.organisation(sectors=("health",)), "officer", devices=0)
        identity = DeviceIdentity.create(urandom)
        self._enrol(officer, identity)
        self.publisher = Publisher(world.exchange, author.device, author.signer, approver.person, approver.signer)
        self._notes: dict[tuple[str, int], bytes] = {}
        self.registry, self.journal = Log(world.server.registry), Log(world.server.journal)
        for entry in world.entries:
            self.registry.append(entry.encode())
        self.epochs, self.identity = self._publish_epochs(identity)
        self.entries = [self._entry(self.epochs)]
        self.journal.append(self.entries[0].encode())
        heads = {"journal": self.journal.head().to_json(), "registry": self.registry.head().to_json()}
        policy = world.roster.facts.policy_id
        assert policy is not None
        self._seen, self._policy = heads, policy

    def _enrol(self, officer: Member, identity: DeviceIdentity) -> None:
        possession = identity.possession(
            exchange=self.world.exchange,
            organisation=encoding.unb64u(officer.organisation),
            person=encoding.unb64u(officer.person),
        )
        fields = {**identity.request(), "person": officer.person, "possession": possession}
        self.world.accept(self.world.by_registrars("device.enrol", **fields))

    def _publish_epochs(self, identity: DeviceIdentity) -> tuple[Statement, DeviceIdentity]:
        weeks = [encoding.week_of(self.world.now)]
        while len(weeks) < WEEKS:
            weeks.append(encoding.next_week(weeks[-1]))
        bundle, keys, identity = identity.new_epochs(weeks)
        body = self.world.common(
            bundle={"length": len(bundle), "sha256": urandom(32).hex()},
            issuer={"device": encoding.b64u(identity.device)},
            keys=[{"hash": known, "week": week} for week, known in keys],
        )
        return self.world.sign("epoch.publish", body, identity.signer), identity

    def _entry(self, statement: Statement, alert: AlertMark | None = None) -> Entry:
        return Entry(
            alert=alert,
            at=self.world.now,
            kind=statement.kind.name if alert is None else RELEASED,
            registry=self.registry.head(),
            signatures=statement.envelope.signatures_hash,
            statement=statement.id,
        )

    @property
    def target(self) -> SealTarget:
        """This device, to be sealed to."""
        week = encoding.week_of(self.world.now)
        key = self.identity.epoch_key(week).raw
        return SealTarget(self.identity.device, week, self.identity.scan, key, bytes.fromhex(self.epochs.id))

    def alert(self, others: Sequence[SealTarget], pool: SealPool) -> Made:
        """An alert to this device and others, by author and approver, released into the journal."""
        publisher = self.publisher
        core = publisher.core(self.world.now, self._policy, self._seen)
        signers = (publisher.signer, publisher.second)
        alert = made(core, content(), [self.target, *others], signers, pool)
        body = alert.statement.alert
        head = AudienceHead(
            depth=alert.sealed.depth, ephemeral=encoding.b64u(alert.sealed.ephemeral), root=alert.sealed.root.hex()
        )
        self.entries.append(
            self._entry(alert.statement, AlertMark(audience=head, id=body.core.alert, version=body.core.version))
        )
        self.journal.append(self.entries[-1].encode())
        return alert

    def download(self, alert: Made, index: int) -> Download:
        """What the server would send this device; composed by the server's own code."""
        tag = self.identity.tag(
            alert.sealed.ephemeral,
            encoding.unb64u(alert.statement.alert.core.alert),
            alert.statement.alert.core.version,
        )
        place = next(number for number, leaf in enumerate(alert.sealed.leaves) if leaf.tag == tag)
        leaf = parse_pack(alert.sealed.pack)[place]
        path = AudienceTree([one.leaf_hash() for one in alert.sealed.leaves]).path(place)
        answer = composed(
            checkpoint=note(self.checkpoint(self.journal)),
            envelope=alert.envelope.encode(),
            index=value(index),
            leaf=LeafView(place, tag, leaf.stanza_id, leaf.stanza, path).encode(),
            proof=hashes(self.journal.proof(index)),
        )
        return Download(index, alert.envelope.statement_id, answer, alert.part)

    def api(self, download: Download) -> ExchangeApi:
        """This device's client, to which the download has arrived."""
        credentials = Credentials(self.world.exchange, encoding.b64u(self.identity.device), self.identity.signer)
        return ExchangeApi(Downloaded(download), clock=lambda: self.world.now, credentials=credentials)

    def checkpoint(self, log: Log) -> bytes:
        """The log's newest signed checkpoint: signed once, so that the answer shows the one that was followed before."""
        key = (log.signer.origin, log.size)
        if key not in self._notes:
            self._notes[key] = log.note(self.world.now)
        return self._notes[key]

    def store(self, folder: Path) -> MemberState:
        """The local store after both logs were followed to their ends."""
        state = MemberState(folder / "state.db", Vault(self.identity.vault_key))
        with state.transaction():
            state.pin(self.world.statements[0].envelope)
            self._keep(state, "registry", self.registry, self.world.entries)
            self._keep(state, "journal", self.journal, self.entries)
            state.keep_shown(Shown(i, s.envelope, ()) for i, s in enumerate(self.world.statements))
            state.keep_epochs([(0, self.epochs.envelope, True)])
        return state

    def _keep(self, state: MemberState, name: LogName, log: Log, entries: Sequence[Entry]) -> None:
        rows = ((e.encode(), log.roots[i + 1], e.kind, e.statement) for i, e in enumerate(entries))
        state.append(name, 0, rows)
        state.keep_head(name, Kept(log.size, log.roots[-1], self.checkpoint(log)), self.world.now)
        state.keep_frontier(name, Frontier().extend(leaf_hash(e.encode()) for e in entries))


async def read(replica: Replica, identity: DeviceIdentity, download: Download, api: ExchangeApi) -> Opened:
    """Everything that a reader does with an answer, nothing remembered of its signatures."""
    replica.memory = SignatureMemory()
    answer = await api.alert(download.statement, None)
    return await verify_released(replica, download.index, answer, identity, Parts(api), lambda position, data: None)


async def measure(
    report: Report, everybody: Sequence[SealTarget], pool: SealPool, age_sizes: dict[int, int]
) -> dict[int, int]:
    """Add the lines; returns the bytes of a download by number of devices."""
    reader = Reader()
    alerts = {count: reader.alert(everybody[: count - 1], pool) for count in AUDIENCES}
    downloads = {count: reader.download(alert, place) for place, (count, alert) in enumerate(alerts.items(), 1)}
    times: dict[int, list[float]] = {count: [] for count in AUDIENCES}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, reader.store(Path(folder)) as state:
        replica = Replica(state, encoding.b64u(reader.identity.device))
        apis = {count: reader.api(download) for count, download in downloads.items()}
        for _ in range(ROUNDS):
            for count, download in downloads.items():
                work = partial(read, replica, reader.identity, download, apis[count])
                times[count].append(await timed_async(work))
    found = {count: median(one) for count, one in times.items()}
    for count, seconds in found.items():
        judged = count == JUDGED
        report.add(
            f"verify and open one alert, {count:,} devices, decision cached",
            text(seconds),
            f"95 %: {text(percentile(times[count], 0.95))}",
            f"≤ {text(OPEN_BOUND)}" if judged else "",
            seconds <= OPEN_BOUND if judged else None,
        )
    flat = max(found.values()) / min(found.values())
    report.add(
        f"the same, slowest over fastest from {AUDIENCES[0]} to {AUDIENCES[-1]:,} devices",
        f"{flat:.2f}",
        "",
        f"≤ {FLAT_BOUND}",
        flat <= FLAT_BOUND,
    )
    for count, download in downloads.items():
        size = age_sizes.get(count)
        report.add(
            f"one recipient's download, 4 KiB alert, two signers, checkpoint, proof, {count:,} devices",
            f"{download.size:,} bytes ({len(download.answer):,} + {len(download.part):,})",
            "" if size is None else f"age's file: {size:,} bytes",
            f"≤ {BYTES_BOUND:,} bytes",
            download.size <= BYTES_BOUND,
        )
    return {count: download.size for count, download in downloads.items()}
