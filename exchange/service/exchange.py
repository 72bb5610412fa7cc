"""The running exchange: store, logs and state together, and the way in for every statement.

Life of a statement: read → looked up → material and signatures (outside the lock) → staged and committed by the
sequencer (``docs/spec/logs.md``) → answered with index, checkpoints and inclusion proof.  This module owns that order; what is
allowed is decided in ``accept`` and ``exchange/policy``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from os import urandom
from pathlib import Path
from typing import Any, Self, cast

from exchange.config import Config
from exchange.ledger.head import HeadFile
from exchange.ledger.ledger import Ledger
from exchange.ledger.sequencer import Batch, Sequencer
from exchange.ledger.signing import NoteSigner
from exchange.ledger.stage import Stage, Work
from exchange.model.alert import AlertBody, Core
from exchange.model.common import NARROW_WINDOW, Common
from exchange.model.entry import parse_entry
from exchange.model.journal import AlertAsk, AlertGrant, AlertReceipt, AlertReject, AlertReview, EpochPublish
from exchange.model.scalars import DAY, Record, Seen
from exchange.model.statements import KINDS, Statement, encode_body, parse_statement
from exchange.model.submission import MAX_STATEMENTS, Accepted, Refused, Submission
from exchange.policy.gossip import SeenFault, check_seen, seen_of
from exchange.policy.grants import needs_lineage
from exchange.policy.members import Facts
from exchange.policy.replay import AlertRefusal, check_named_journal, verify_signers
from exchange.policy.roster import TrustedRoster
from exchange.serverkeys import ServerKeys
from exchange.service import grants, messages
from exchange.service.accept import (
    AlertMaterial,
    KnownAlert,
    KnownAlerts,
    Placed,
    Prepared,
    Request,
    blobs_of,
    known_of,
    read,
)
from exchange.service.lineage import lineage_from_store
from exchange.service.packs import PackCache
from exchange.service.remembered import Remembered
from exchange.service.state import ExchangeState, Known, Staging
from exchange.store import alerts, blobs, logs, statements
from exchange.store.alerts import ID_BYTES, AudienceRow
from exchange.store.database import Connection, Store
from exchange.store.statements import ErasedRow, StatementRow
from exchange.tlog.checkpoint import Checkpoint, LogName, signed_text
from exchange.tlog.merkle import Frontier, leaf_hash
from keys.encoding import b64u
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.kem import EPOCH_KEY
from keys.sign import StatementSigner, sign_statement
from keys.verify import SigningPublicKey, check_epoch_key, verify_ed25519

KEPT_LEAVES = 1 << 18
"""Leaves of the alerts that receipts came for lately, 88 bytes each."""
KEPT_HEADS = 1 << 14
"""Journal heads remembered, about 250 bytes each: an author names one that was published lately."""
PAGE = 1024
"""Rows read at once while the state is rebuilt at the start."""
WARN_AHEAD = 60 * DAY
"""Seconds before its end in which a membership counts as running out."""
DATABASE = "exchange.db"
"""File name in the data folder."""

Wake = Callable[[Batch], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller of ``accept`` is told: where each statement stands, and both signed checkpoints."""

    results: tuple[Accepted, ...]
    registry: bytes
    journal: bytes


class _Posting(Work[list[Placed]]):
    """One request on its way through the sequencer: a fork of the staged state that is kept or dropped whole."""

    def __init__(self, exchange: Exchange, request: Request) -> None:
        self._exchange = exchange
        self._request = request

    def stage(self, stage: Stage) -> list[Placed]:
        staging = self._exchange.staging().fork()
        self._request.stage(stage, staging)
        self._exchange.keep(staging)
        return self._request.placed

    def committed(self) -> None:
        self._exchange.publish()

    def discarded(self) -> None:
        self._exchange.drop()


class Exchange:
    """A running exchange. Use ``open``; call ``close`` when done, on every path."""

    def __init__(
        self,
        config: Config,
        keys: ServerKeys,
        store: Store,
        ledger: Ledger,
        state: ExchangeState,
        clock: Callable[[], int],
        pin: str | None,
    ) -> None:
        self.config = config
        self.store = store
        self.ledger = ledger
        self.state = state
        self.statement_signer: StatementSigner = keys.statement
        self.packs = PackCache(store)
        self._audiences: Remembered[AudienceRow] = Remembered(KEPT_LEAVES)
        self._journal_roots: Remembered[bytes] = Remembered(KEPT_HEADS)
        self.clock = clock
        self._pin = pin
        self._staging: Staging | None = None
        self._wakes: list[Wake] = []
        self.sequencer = Sequencer(ledger, self._woken, queue_length=config.limits.queue_length)

    @classmethod
    async def open(cls, config: Config, keys: ServerKeys, clock: Callable[[], int], *, pin: str | None) -> Self:
        """Open store and logs, rebuild the state from them, start the sequencer.

        ``pin`` is the exchange id that ``exchange init`` wrote down; without it no founding is accepted.  Raises `StoreError`,
        `LedgerDamaged`, `StorageError`; nothing stays open then.
        """
        store = await Store.open(Path(config.server.data) / DATABASE)
        try:
            signers = {"registry": NoteSigner(keys.registry), "journal": NoteSigner(keys.journal)}
            ledger = await Ledger.open(
                store, HeadFile(Path(config.server.head_file)), cast(dict[LogName, NoteSigner], signers), clock
            )
            state = await _rebuild(store, ledger)
            # A restored copy of the store may hold what was erased after it was made.
            erased = [ErasedRow(*pair) for pair in sorted(state.roster.facts.erased)]
            await store.write(statements.change_openings, erased)
            exchange = cls(config, keys, store, ledger, state, clock, pin)
            exchange.sequencer.start()
            return exchange
        except BaseException:
            await store.close()
            raise

    async def close(self) -> None:
        """Finish what waits, then close. May be called twice."""
        await self.sequencer.close()
        await self.store.close()

    def on_commit(self, wake: Wake) -> None:
        """Have ``wake`` called after each commit that appended, when its callers were answered; it must not block."""
        self._wakes.append(wake)

    def _woken(self, batch: Batch) -> None:
        for wake in self._wakes:
            wake(batch)

    # -- the staged state, for the sequencer -----------------------------------------------------------------------

    def staging(self) -> Staging:
        """The state with everything staged in the commit under way."""
        return self._staging or Staging(self.state)

    def keep(self, staging: Staging) -> None:
        """A request was staged: the next one continues from it."""
        self._staging = staging

    def publish(self) -> None:
        """The commit is durable: what was staged becomes the state (the first call of a group does it for all)."""
        if self._staging is not None:
            self._staging.commit()
            self._staging = None
            head = self.ledger.head("journal")
            self._journal_roots.put(str(head.size), head.root, 1)

    def drop(self) -> None:
        """Nothing of the commit took place."""
        self._staging = None

    # -- accepting -------------------------------------------------------------------------------------------------

    async def accept(self, submissions: Sequence[Submission]) -> Answer:
        """Accept all statements or none; the answer is the same whenever the same statements are sent again.

        Raises Refused; `LedgerRefusal` (``busy``, ``closing``) and `StorageError` (``writing-stopped``), after which sending
        again is right.
        """
        if not 1 <= len(submissions) <= MAX_STATEMENTS:
            raise Refused("batch-size", f"a request has 1 to {MAX_STATEMENTS} statements")
        prepared = [read(submission, index) for index, submission in enumerate(submissions)]
        pinned = [blob.sha256 for one in prepared for blob in blobs_of(one.statement)]
        for sha256 in pinned:
            self.state.pin(sha256)
        try:
            known, _ = await asyncio.gather(
                self._look_up([one.statement for one in prepared]),
                asyncio.to_thread(self._verify_ahead, [one.statement for one in prepared]),
            )
            for index, one in enumerate(prepared):
                one.known = known.accepted.get(known_of(one.statement))
                if one.known is None:
                    await self._prepare(one, index, known)
                    await self._check_gossip(one.statement, index)
            request = Request(prepared, self._pin, known.about, self.statement_signer.public)
            committed = await self.sequencer.submit(_Posting(self, request))
        finally:
            for sha256 in pinned:
                self.state.unpin(sha256)
        appended = iter(committed.appended)
        results = []
        for placed in committed.value:
            if placed.entry is None:
                results.append(await self._known_answer(placed, committed.checkpoints))
            else:
                at = next(appended)
                results.append(
                    Accepted(
                        placed.statement,
                        at.log,
                        at.index,
                        placed.kind,
                        at.size,
                        at.proof,
                        placed.unserved,
                        placed.newcomers,
                        placed.unreached,
                    )
                )
        return Answer(tuple(results), committed.checkpoints["registry"], committed.checkpoints["journal"])

    async def _known_answer(self, placed: Placed, checkpoints: Mapping[LogName, bytes]) -> Accepted:
        size = Checkpoint.parse(signed_text(checkpoints[placed.log])).size
        proof = await self.ledger.proof_at(placed.log, placed.index, size)
        return Accepted(placed.statement, placed.log, placed.index, placed.kind, size, proof)

    async def claim(self, kind: str, fields: dict[str, Any]) -> Answer:
        """Say something in the journal in the exchange's own name: ``alert.deliver``, ``statement.refuse``, ``access.read``."""
        now = self.clock()
        common = {
            "at": now,
            "exchange": self.state.exchange,
            "issuer": {"server": self.statement_signer.public.key_id},
            "nonce": _nonce(),
            "not_after": now + NARROW_WINDOW,
            "seen": self.seen().to_json(),
        }
        body: Record = KINDS[kind].model.model_validate({**common, **fields})
        envelope = sign_statement(kind, encode_body(body), self.statement_signer, scheme="ed25519")
        return await self.accept([Submission(envelope)])

    def running_out(self, now: int) -> tuple[int, int]:
        """How many memberships have run out, and how many do within `WARN_AHEAD`: numbers for the operator, no names."""
        ends = [o.expires for o in self.state.roster.facts.organisations.values() if not o.removed]
        return sum(end <= now for end in ends), sum(now < end <= now + WARN_AHEAD for end in ends)

    def seen(self) -> Seen:
        """Both heads as published."""
        heads = {log: self.ledger.head(log) for log in ("registry", "journal")}
        return Seen.model_validate({log: {"root": head.root.hex(), "size": head.size} for log, head in heads.items()})

    # -- outside the lock ------------------------------------------------------------------------------------------

    async def _look_up(self, waiting: Sequence[Statement]) -> LookedUp:
        """What the store knows of the statements and of what they speak about. Leaves never change, so they are kept."""
        wanted = audiences_of(waiting)
        kept = {alert: row for alert in wanted if (row := self._audiences.get(alert)) is not None}
        found = await self.store.glance(look_up, waiting, wanted - kept.keys())
        for alert, row in found.about.audiences.items():
            self._audiences.put(alert, row, len(row.devices) // ID_BYTES)
        about = replace(found.about, audiences={**kept, **found.about.audiences})
        return LookedUp(found.accepted, about, found.lengths)

    async def _prepare(self, one: Prepared, index: int, known: LookedUp) -> None:
        """Fetch what a statement refers to, given what the store knows of it; raises Refused."""
        lengths = known.lengths
        try:
            match one.statement.body:
                case AlertBody() as body:
                    await asyncio.to_thread(self._check_signed, one.statement)
                    await self._check_journal(body.core)
                    _need_blobs(one.statement, lengths)
                    one.material = await self._alert_material(body)
                case AlertGrant() as body:
                    await asyncio.to_thread(self._check_signed, one.statement)
                    await self._check_journal(body)
                    alert = known.about.grants.alerts.get(body.alert)
                    if alert is not None and needs_lineage(alert.core, body):
                        one.lineage = await lineage_from_store(self.store, self.state, alert.core)
                case EpochPublish() as body:
                    await asyncio.to_thread(self._check_signed, one.statement)
                    _need_blobs(one.statement, lengths)
                    await self._check_bundle(body)
                case _:
                    pass
        except Refused as error:
            error.index = index
            raise

    def _check_signed(self, statement: Statement) -> None:
        """Look at the signatures before anything is read or computed for a statement: strangers cost little.

        Its uploads needed a session, so its device is in the roster already; the lock decides again.
        """
        now = self.clock()
        roster = self.state.roster_now(now)
        try:
            if isinstance(statement.body, AlertBody):
                verify_signers(statement, roster, self.state.verified.verify)
                return
            device = roster.facts.devices.get(cast(Any, statement.issuer).device)
            if device is None:
                raise Refused("device-unknown", "the issuer is not an enrolled device", rule="R1")
            if statement.kind.scheme == "hybrid":
                self.state.verified.verify(statement.envelope, [device.signing])
            else:
                verify_ed25519(statement.envelope, device.signing)
        except AlertRefusal as error:
            raise Refused(error.code, error.detail, rule=error.rule, differs=error.differs) from None
        except KeysError as error:
            raise Refused(error.code, str(error), rule="V3") from None

    async def _journal_root(self, size: int) -> bytes | None:
        """The journal's root at a size; None beyond what was published."""
        root = self._journal_roots.get(str(size))
        if root is None and size <= self.ledger.head("journal").size:
            # A log only grows, so its root at a size never changes.
            root = await self.ledger.root_at("journal", size)
            self._journal_roots.put(str(size), root, 1)
        return root

    async def _check_gossip(self, statement: Statement, index: int) -> None:
        """What its issuer has seen is this history: a statement that speaks of another one is not taken into this one.

        Outside the lock: a root never changes. Of an alert, A2 asks (``_check_journal``, and the lock for the registry).
        """
        seen = seen_of(statement)
        if seen is None or statement.exchange != self.state.exchange or isinstance(statement.body, AlertBody):
            return
        journal, roots = await self._journal_root(seen.journal.size), self.state.registry_roots
        published = self.ledger.head("registry").size

        def root_at(log: LogName, size: int) -> bytes | None:
            if log == "journal":
                return journal
            return roots[size] if size <= published else None

        try:
            check_seen(seen, root_at)
        except SeenFault as fault:
            raise Refused(fault.code, fault.detail, index=index) from None

    async def _check_journal(self, said: Core | Common) -> None:
        """A2 for the journal: what names another journal than ours would be refused by every reader."""
        root = await self._journal_root(said.seen.journal.size)
        try:
            check_named_journal(said, root)
        except AlertRefusal as error:
            raise Refused(error.code, error.detail, rule=error.rule) from None

    async def _alert_material(self, body: AlertBody) -> AlertMaterial:
        leaves = None
        if body.sealed.pack is not None:
            try:
                leaves = await self.packs.leaves(body.sealed.pack.sha256)
            except KeysError as error:
                raise Refused(error.code, str(error), rule="V7") from None
        facts = await self.facts_at(body.core.seen.registry.size)
        return AlertMaterial(leaves, facts, await lineage_from_store(self.store, self.state, body.core))

    async def _check_bundle(self, body: EpochPublish) -> None:
        """Each key of the bundle has the hash named and takes a trial seal: one bad key must not stop a publisher."""
        data = await self.store.read(blobs.read, body.bundle.sha256)
        keys = [data[i * EPOCH_KEY : (i + 1) * EPOCH_KEY] for i in range(len(body.keys))]
        try:
            await asyncio.to_thread(_check_keys, keys, [key.hash for key in body.keys])
        except KeysError as error:
            raise Refused(error.code, str(error)) from None

    async def facts_at(self, size: int) -> Facts:
        """The roster after ``size`` registry entries: at hand, or replayed from the log; raises Refused (A2)."""
        facts = self.state.facts_at(size)
        if facts is not None:
            return facts
        if size > self.state.roster.size:
            raise Refused("roster-ahead", "the alert names a registry that this log does not have yet", rule="A2")
        roster = TrustedRoster(verify=self.state.verified.verify)
        async for entry, statement in _registry(self.store, size):
            roster.apply(entry, statement)
        self.state.keep_facts(roster.facts)
        return roster.facts

    def _verify_ahead(self, waiting: Sequence[Statement]) -> None:
        """Verify on a thread, while the store is asked, what can be named already, so that it is found remembered later;
        the lock decides. What was accepted lately is not looked at again."""
        facts = self.state.roster.facts
        for statement in waiting:
            if statement.kind.scheme != "hybrid" or self.state.recent(known_of(statement)) is not None:
                continue
            keys: list[SigningPublicKey] = []
            for key_id in statement.envelope.signer_ids:
                if key_id in facts.registrars:
                    keys.append(facts.registrars[key_id])
                elif key_id in facts.device_of_key:
                    keys.append(facts.devices[facts.device_of_key[key_id]].signing)
            if len(keys) == len(statement.envelope.signer_ids):
                try:
                    self.state.verified.verify(statement.envelope, keys)
                except KeysError:
                    return  # refused later, in its place and with its index


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What the store knows of the statements of a request and of what they speak about."""

    accepted: dict[Known, int]
    about: KnownAlerts
    lengths: dict[str, int]
    """Bytes of each complete blob that the statements name."""


def audiences_of(waiting: Sequence[Statement]) -> set[str]:
    """The alerts whose leaves decide about these statements."""
    receipts = [statement.body for statement in waiting if isinstance(statement.body, AlertReceipt)]
    wanted = {alert for body in receipts for alert in body.alerts}
    return wanted | {s.body.alert for s in waiting if isinstance(s.body, AlertAsk | AlertGrant)}


def look_up(connection: Connection, waiting: Sequence[Statement], audiences: Collection[str]) -> LookedUp:
    """Which of the statements were accepted before, the proposals and alerts that they speak about, these audiences, and
    the blobs that are here."""
    accepted: dict[Known, int] = {}
    for row in statements.of_id(connection, {statement.id for statement in waiting}):
        accepted[(row.statement, row.entry_kind, row.signers)] = row.index
    said = messages.look_up(connection, waiting)
    about = {ask.alert for ask in said.asks.values()}
    for statement in waiting:
        match statement.body:
            case AlertReject() | AlertReview() | AlertAsk() as body:
                about.add(body.alert)
            case AlertReceipt(level="reacted") as body:
                about.update(body.alerts)
            case _:
                pass
    found: dict[str, KnownAlert] = {}
    for alert in about:
        place = alerts.find(connection, alert)
        if place is None:
            continue
        envelope = Envelope.decode(statements.of_id(connection, [alert])[0].envelope)
        approvers = parse_statement(envelope).alert.core.approvers
        found[alert] = KnownAlert(place, approvers)
    leaves = {alert: alerts.audience(connection, alert) for alert in audiences}
    lengths: dict[str, int] = {}
    for statement in waiting:
        if wanted := blobs_of(statement):
            lengths |= blobs.lengths(connection, [blob.sha256 for blob in wanted])
    receipts = [statement.body for statement in waiting if isinstance(statement.body, AlertReceipt)]
    devices = {body.issuer.device for body in receipts}
    given = {
        (alert, device, level)
        for alert in {alert for body in receipts for alert in body.alerts}
        for device, level in alerts.receipted(connection, alert, devices)
    }
    known = {alert: row for alert, row in leaves.items() if row is not None}
    knowledge = KnownAlerts(found, known, frozenset(given), said, grants.look_up(connection, waiting))
    return LookedUp(accepted, knowledge, lengths)


def _need_blobs(statement: Statement, lengths: Mapping[str, int]) -> None:
    missing = [blob.sha256 for blob in blobs_of(statement) if lengths.get(blob.sha256) != blob.length]
    if missing:
        raise Refused(
            "blob-missing",
            "upload the blobs first; these are not here in the length named",
            rule="V6",
            differs={"missing": missing},
        )


def _check_keys(keys: Sequence[bytes], hashes: Sequence[str]) -> None:
    for raw, known in zip(keys, hashes, strict=True):
        if check_epoch_key(raw).hash.hex() != known:
            raise Refused("epoch-key-hash", "a key of the bundle does not have the hash that the statement names")


async def _registry(store: Store, size: int) -> Any:
    """The first ``size`` registry entries with their statements, in order."""
    for start in range(0, size, PAGE):
        entries = await store.read(logs.entries, "registry", start, min(PAGE, size - start))
        rows = await store.read(statements.page, "registry", start, len(entries))
        for data, row in zip(entries, rows, strict=True):
            yield parse_entry(data), parse_statement(Envelope.decode(row.envelope))


async def _rebuild(store: Store, ledger: Ledger) -> ExchangeState:
    """The state from the logs; nothing in memory comes from anywhere else."""
    state = ExchangeState()
    frontier = Frontier()
    async for entry, statement in _registry(store, ledger.head("registry").size):
        frontier = frontier.extend((leaf_hash(entry.encode()),))
        state.apply_registry(entry, statement, frontier.root())
    journal = ledger.head("journal").size
    start = 0
    while start < journal:
        rows: Sequence[StatementRow] = await store.read(
            statements.page, "journal", start, PAGE, ("alert", "alert.grant", "alert.reject", "epoch.publish")
        )
        if not rows:
            break
        for row in rows:
            statement = parse_statement(Envelope.decode(row.envelope))
            state.apply_journal(row.index, row.entry_kind, statement)
        start = rows[-1].index + 1
    return state


def _nonce() -> str:
    return b64u(urandom(16))
