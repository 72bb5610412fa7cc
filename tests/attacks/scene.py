"""The scene of the attacks: a partnership on a real server behind real HTTP, and clients that the lying exchange serves.

The honest world is built once for a module and never lied to: forgeries live in copies.  Each test has members of its own, with
empty stores, and the clock is the world's.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exchange.client import member as members
from exchange.client.errors import VerificationError
from exchange.client.forks import Forked, KnownFork, forget_fork, known_fork
from exchange.client.source import AlertSource, SourceAudience
from exchange.client.state import Failure, MemberState
from exchange.client.sync import Synced, sync
from exchange.client.transport import HttpTransport
from exchange.model.alert import AlertKind, Certainty, Severity, Urgency
from exchange.model.scalars import DAY
from exchange.model.statements import Statement, parse_statement
from exchange.model.tlp import Label
from exchange.store import blobs
from exchange.tlog.checkpoint import LogName
from exchange.tlog.fork import verify_fork_proof
from exchange.web.app import Server, create_app
from exchange.web.oplog import open_log
from keys import encoding
from keys.envelope import MAX_BODY, Envelope
from keys.keyfile import Vault
from keys.sign import SoftwareSigner, add_signature
from keys.stanza import AudienceTree, PackLeaf, build_pack, parse_pack
from tests.attacks.lying import Forgery, LyingExchange
from tests.support.live import Live
from tests.support.world import Member as Person

MINUTE = 60
"""Seconds."""


class Victim:
    """A real client over the lying exchange, with a store of its own."""

    def __init__(self, scene: Scene, person: Person, folder: Path, device: str, state: bytes | None = None) -> None:
        world = scene.world
        self.scene = scene
        self.person = person
        self.lying = LyingExchange(scene.honest)
        self.identity = world.identities[device]
        folder.mkdir(parents=True)
        self.path = folder / "state.sqlite"
        if state is not None:
            self.path.write_bytes(state)
        self.state = MemberState(self.path, Vault(self.identity.vault_key))
        self.member = members.open_member(
            self.lying,
            self.state,
            self.identity,
            scene.founding.envelope,
            clock=lambda: world.now,
            save=lambda identity: None,
            random=world.random,
        )

    def store(self) -> bytes:
        """The store's file, whole; this client is over."""
        self.state.close()  # writes the log of SQLite into the file
        return self.path.read_bytes()

    async def forge(self) -> Forgery:
        """Show this client another history from now on: a copy of the honest one, to be rewritten."""
        self.lying.forgery = await Forgery.of(self.scene.world)
        return self.lying.forgery

    async def sync(self) -> Synced:
        """One round that sends nothing."""
        return await sync(self.member, quiet=True)

    def kept(self) -> dict[str, Any]:
        """All that a lie must not change: what is stored, and what the running client believes."""
        state, replica = self.state, self.member.replica
        return {
            "heads": {log: state.head(log) for log in ("registry", "journal")},
            "believed": dict(replica.heads),
            "entries": {log: list(state.entries(log)) for log in ("registry", "journal")},
            "shown": list(state.shown()),
            "roster": (replica.history.size, frozenset(replica.facts.devices), dict(replica.facts.chains)),
            "epochs": list(state.epochs()),
            "alerts": [(row, state.content(row.statement)) for row in state.alerts()],
        }

    async def refuses(self, step: int, code: str, rule: str = "") -> Failure:
        """The logs are refused with exactly this; nothing is stored but the evidence, durably."""
        before = self.kept()
        with pytest.raises(VerificationError) as caught:
            await self.sync()
        error = caught.value
        assert (error.name, error.code, error.rule) == (f"V{step}", code, rule), str(error)
        assert self.kept() == before
        return self.failure("log", step, code, rule)

    async def meets_fork(self, log: LogName, subject: str = "log") -> Failure:
        """A proven fork: nothing is believed, the proof is a file that anybody verifies, and nothing is asked any more."""
        before = self.kept()
        with pytest.raises(VerificationError) as caught:
            await self.sync()
        assert (caught.value.name, caught.value.code) == ("V1", "fork"), str(caught.value)
        assert self.kept() == before
        failure = self.failure(subject, 1, "fork")
        await self.stands_still(log)
        return failure

    async def meets_fork_in(self, alert: Statement) -> Failure:
        """The same when the other history is met while an alert is asked for: the journal was taken in before."""
        with pytest.raises(VerificationError) as caught:
            await self.sync()
        assert (caught.value.name, caught.value.code) == ("V1", "fork"), str(caught.value)
        assert self.state.content(alert.id) is None
        await self.stands_still("journal")
        return self.failure("log", 1, "fork")

    async def stands_still(self, log: LogName) -> KnownFork:
        """The proof lies in the home and holds without this client; every program of this member refuses, and asks nothing."""
        with MemberState(self.path, Vault(self.identity.vault_key)) as again:
            fork = known_fork(again)
        assert fork is not None and fork.log == log and fork.file.stat().st_mode & 0o777 == 0o600
        shown = verify_fork_proof(fork.file.read_bytes(), self.scene.world.exchange)
        assert (shown.log, shown.first.size, shown.second.size) == (log, fork.first[0], fork.second[0])
        assert shown.other != shown.first.root
        asked = len(self.lying.asked)
        for refused in (self.sync(), self.member.api.checkpoint("registry"), self.member.api.epochs(0)):
            with pytest.raises(Forked):
                await refused
        assert len(self.lying.asked) == asked
        return fork

    async def forgives(self, *alerts: Statement) -> None:
        """The exchange is honest again, and a person has decided to go on: everything verifies."""
        self.lying.repent()
        with pytest.raises(Forked):
            await self.sync()
        forget_fork(self.state)
        await self.opens(*alerts)

    async def rejects(self, alert: Statement, step: int, code: str, rule: str = "") -> Failure:
        """One alert is refused with exactly this: nothing of it is shown, and the round goes on."""
        synced = await self.sync()
        assert alert.id not in synced.opened
        row = self.state.alert(alert.id)
        assert row is not None and row.status == "pending"
        assert self.state.content(alert.id) is None
        assert alert.id not in self.state.queued_receipts("received", 256)
        return self.failure(alert.id, step, code, rule)

    def failure(self, subject: str, step: int, code: str, rule: str = "") -> Failure:
        """The one open failure about a subject, read from the disk by another connection; it has evidence."""
        with MemberState(self.path, Vault(self.identity.vault_key)) as again:
            found = [failure for failure in again.failures() if failure.subject == subject]
        assert [(f"V{f.step}", f.code, f.rule) for f in found] == [(f"V{step}", code, rule)], found
        assert found[0].evidence and found[0].detail
        return found[0]

    async def opens(self, *alerts: Statement) -> None:
        """An honest continuation: everything verifies, these alerts are opened, and no failure stands."""
        synced = await self.sync()
        assert synced.failures == ()
        for alert in alerts:
            row = self.state.alert(alert.id)
            assert row is not None and row.status in ("opened", "public")
            assert self.state.content(alert.id) is not None


@dataclass
class Scene:
    """An authority that publishes, a hospital that receives, a company that does not."""

    world: Live
    honest: HttpTransport
    folder: Path
    founding: Statement
    authority: str = ""
    hospital: str = ""
    outside: str = ""
    people: dict[str, Person] = field(default_factory=dict)
    alert: Statement = field(init=False)
    victims: list[Victim] = field(default_factory=list)
    _before: dict[str, bytes] = field(default_factory=dict)
    _count: Any = field(default_factory=itertools.count)

    def __getattr__(self, name: str) -> Person:
        try:
            return self.__dict__["people"][name]
        except KeyError:
            raise AttributeError(name) from None

    @contextmanager
    def later(self, seconds: int) -> Iterator[None]:
        """A while later, for forgeries only: what the honest exchange accepts must not go back in time."""
        self.world.now += seconds
        try:
            yield
        finally:
            self.world.now -= seconds

    async def build(self) -> Scene:
        world = self.world
        self.authority = await world.admit("Polizei Musterstadt", "authority", ("security",))
        self.hospital = await world.admit("Klinikum Musterstadt", sectors=("health",))
        self.outside = await world.admit("Spedition Muster", sectors=("logistics",))
        enrol = world.enrol
        self.people = {
            "author": await enrol("A. Autorin", self.authority, "author", devices=2),
            "approver": await enrol("F. Freigeber", self.authority, "approver", devices=2),
            "second": await enrol("Z. Zweiter", self.authority, "approver"),
            "administrator": await enrol("V. Verwaltung", self.authority, "administrator", devices=2),
            "doctor": await enrol("D. Doktor", self.hospital, "officer"),
            "porter": await enrol("P. Pforte", self.hospital, "officer"),
            "driver": await enrol("S. Fahrer", self.outside, "officer"),
        }
        self.alert = await self.release()
        return self

    def newcomer(self, person: str, device: int = 0, state: bytes | None = None) -> Victim:
        """A client with an empty store, or with a copy of another's."""
        who = self.people[person]
        victim = Victim(self, who, self.folder / f"{person}-{next(self._count)}", who.devices[device], state)
        self.victims.append(victim)
        return victim

    async def unaware(self, person: str) -> Victim:
        """A client that has followed the honest logs up to the release of ``alert``, which it has not heard of."""
        if person not in self._before:
            first = self.newcomer(person)
            forgery = await first.forge()
            forgery.shown_size["journal"] = forgery.index_of("journal", self.alert.id)
            await first.opens()
            self._before[person] = first.store()
        return self.newcomer(person, state=self._before[person])

    async def informed(self, person: str) -> Victim:
        """A client that has followed the honest logs so far."""
        victim = await self.unaware(person)
        await victim.opens()
        return victim

    async def sealed(self, audience: dict[str, Any] | None = None, label: str = "AMBER", **options: Any) -> Statement:
        """An alert signed by the author and uploaded, not posted."""
        if label != "CLEAR" and audience is None:
            audience = {"sectors": ["health"]}
        return await self.world.alert(self.people["author"], label, audience, **options)

    async def release(self, **options: Any) -> Statement:
        """A released alert to the hospital."""
        statement = await self.sealed(**options)
        await self.world.post(statement)
        return statement

    async def forged_alert(self, forgery: Forgery, *signers: Person, **options: Any) -> Statement:
        """An alert over a forged history: sealed and signed as its author would, accepted by nobody honest."""
        core = {"seen": forgery.seen(), **options.pop("core", {})}
        statement = await self.sealed(core=core, **options)
        for signer in signers:
            statement = self.world.approve(statement, signer)
        return statement

    async def resealed(self, statement: Statement, leaves: Sequence[PackLeaf]) -> Statement:
        """The same core with other leaves, signed by its author: what only a lying author can make."""
        pack = build_pack(leaves)
        tree = AudienceTree([leaf.leaf_hash() for leaf in parse_pack(pack)])
        body = encoding.decode(statement.envelope.body, max_bytes=MAX_BODY)
        digest = await self.world.put(pack, self.people["author"].device)
        body["sealed"] |= {
            "depth": tree.depth,
            "pack": {"length": len(pack), "sha256": digest},
            "root": tree.root.hex(),
        }
        envelope = Envelope("alert", encoding.encode(body), ())
        return parse_statement(add_signature(envelope, self.people["author"].signer))

    @staticmethod
    def cosigned(envelope: Envelope, signer: SoftwareSigner) -> Envelope:
        """The same bytes with a signature of any device."""
        return add_signature(envelope, signer)

    async def honest_answer(self, statement: Statement, person: str) -> dict[str, Any]:
        """What the honest exchange answers a person's first device about a released alert."""
        forgery = await Forgery.of(self.world)
        await forgery.serve(statement, forgery.index_of("journal", statement.id))
        return forgery.alert(statement.id, self.tag(statement, person))

    async def leaves(self, statement: Statement) -> tuple[PackLeaf, ...]:
        """An alert's leaves with their stanzas: the store is the attacker's."""
        pack = statement.alert.sealed.pack
        assert pack is not None
        return parse_pack(await self.world.exchange_server.store.read(blobs.read, pack.sha256))

    def tag(self, statement: Statement, person: str) -> bytes:
        """The tag of a person's first device."""
        sealed, core = statement.alert.sealed, statement.alert.core
        assert sealed.ephemeral is not None
        identity = self.world.identities[self.people[person].device]
        return identity.tag(encoding.unb64u(sealed.ephemeral), encoding.unb64u(core.alert), core.version)

    async def place(self, statement: Statement, person: str) -> int:
        """Where a person's leaf stands."""
        tag = self.tag(statement, person)
        return next(i for i, leaf in enumerate(await self.leaves(statement)) if leaf.tag == tag)

    def candidates(self, *people: Person) -> list[str]:
        return sorted(person.person for person in people)


def source(label: Label = Label.GREEN, **fields: Any) -> AlertSource:
    """An alert to the health sector."""
    return AlertSource(
        title="Kupferdiebstahl",
        language="de",
        label=label,
        kind=AlertKind.INCIDENT_PHYSICAL,
        urgency=Urgency.EXPECTED,
        severity=Severity.MODERATE,
        certainty=Certainty.OBSERVED,
        valid_for=DAY,
        text="Unbekannte haben Kabel entwendet.",
        **{"audience": SourceAudience(sectors=("health",)), **fields},
    )


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Scene]:
    """The scene on a listening server, closed on every path."""
    world = Live(folder / "server", seed="attacks")
    await world.begin()
    try:
        ticks = itertools.count(step=10)  # so far between requests that no rate is ever exceeded
        log = open_log("error", io.StringIO())
        app = create_app(world.exchange_server, log=log, monotonic=lambda: float(next(ticks)), housekeeping=False)
        server = Server(app)
        await server.start("127.0.0.1", 0)
        try:
            async with HttpTransport(f"http://127.0.0.1:{server.port}") as honest:
                founding = world.exchange_server.state.founding
                assert founding is not None
                scene = Scene(world, honest, folder, founding)
                try:
                    yield await scene.build()
                finally:
                    for victim in scene.victims:
                        victim.state.close()
        finally:
            await server.stop()
    finally:
        await world.stop()
