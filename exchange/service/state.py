"""What the server holds in memory: the logs' meaning so far, and the same with what is being staged.

All of it is a projection of the logs and is rebuilt from them at the start.  ``ExchangeState`` is the committed state, which
readers use; ``Staging`` is its continuation inside one group commit, dropped as a whole when the commit fails and
item by item when a request is refused.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from exchange.model.alert import AlertBody
from exchange.model.entry import RELEASED, Entry
from exchange.model.journal import AlertGrant, AlertReject, EpochPublish
from exchange.model.scalars import DAY
from exchange.model.statements import Statement
from exchange.policy.epochs import EpochTable
from exchange.policy.grants import GrantTable
from exchange.policy.members import Facts, Roster
from exchange.policy.roster import TrustedRoster
from exchange.tlog.merkle import EMPTY_ROOT
from keys.envelope import Envelope
from keys.verify import SigningPublicKey, verify_hybrid

KEPT_ROSTERS = 64
"""Earlier rosters kept for alerts that name them; older ones are replayed from the log."""
KEPT_VERIFIED = 8192
"""Signature sets remembered as verified, so that nothing is verified again under the lock."""
KEPT_RECENT = 8192
"""Accepted statements remembered for the lookup under the lock; older ones are found in the store before it."""
KEPT_RECEIPTS = 1 << 17
"""Receipts remembered for the same reason: one request may carry 65,536 of them (256 statements of 256 alerts)."""

Known = tuple[str, str, int]
"""(statement id, entry kind, number of signers): what idempotence looks up."""
Receipt = tuple[str, str, str]
"""(alert, device, level)."""


class VerifiedSets:
    """Remembers which exact signature sets verified with which keys; what is not remembered is verified."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str, tuple[str, ...]], None] = OrderedDict()

    def verify(self, envelope: Envelope, signers: Sequence[SigningPublicKey]) -> Envelope:
        """`keys.verify.verify_hybrid`, done once for the same statement, signatures and keys; raises SignatureError."""
        key = (envelope.statement_id, envelope.signatures_hash, tuple(s.key_id for s in signers))
        if key not in self._seen:
            verify_hybrid(envelope, signers)
            self._seen[key] = None
            if len(self._seen) > KEPT_VERIFIED:
                self._seen.popitem(last=False)
        return envelope


class ExchangeState:
    """The committed state. ``exchange`` is None until the founding is accepted."""

    def __init__(self, verified: VerifiedSets | None = None) -> None:
        self.verified = verified or VerifiedSets()
        self.exchange: str | None = None
        self.founding: Statement | None = None
        self.roster = TrustedRoster(verify=self.verified.verify)
        self.epochs = EpochTable()
        self.registry_times: list[int] = []
        self.registry_roots: list[bytes] = [EMPTY_ROOT]
        self.versions: dict[tuple[str, int], str] = {}
        self.released: set[str] = set()
        self.rejected: set[str] = set()
        self.grants = GrantTable()
        self.pinned: dict[str, int] = {}
        self._recent: OrderedDict[Known, int] = OrderedDict()
        self._receipts: OrderedDict[Receipt, None] = OrderedDict()
        self._rosters: OrderedDict[int, Facts] = OrderedDict()
        self._granting: dict[str, tuple[int, int]] = {}

    def roster_now(self, now: int) -> Roster:
        """The committed roster at ``now`` (seconds)."""
        return self.roster.at(now)

    def facts_at(self, size: int) -> Facts | None:
        """The facts after ``size`` registry entries, when they are still at hand."""
        if size == self.roster.size:
            return self.roster.facts
        return self._rosters.get(size)

    def keep_facts(self, facts: Facts) -> None:
        """Keep an earlier roster at hand."""
        self._rosters[facts.size] = facts
        self._rosters.move_to_end(facts.size)
        while len(self._rosters) > KEPT_ROSTERS:
            self._rosters.popitem(last=False)

    def recent(self, known: Known) -> int | None:
        """The index of a statement accepted lately."""
        return self._recent.get(known)

    def remember(self, known: Known, index: int) -> None:
        """Remember an accepted statement for later lookups."""
        self._recent[known] = index
        if len(self._recent) > KEPT_RECENT:
            self._recent.popitem(last=False)

    def receipted(self, receipt: Receipt) -> bool:
        """Whether this receipt was accepted lately: perhaps after the request that repeats it was looked up."""
        return receipt in self._receipts

    def remember_receipts(self, receipts: Iterable[Receipt]) -> None:
        """Remember accepted receipts."""
        for receipt in receipts:
            self._receipts[receipt] = None
        while len(self._receipts) > KEPT_RECEIPTS:
            self._receipts.popitem(last=False)

    def granted_on(self, device: str, day: int) -> int:
        """How many grants a device signed for a UTC day (days since 1970); of a day before its newest one none are known."""
        known, count = self._granting.get(device, (day, 0))
        return count if known == day else 0

    def grantees(self, alert: str, below: int, size: int) -> frozenset[str]:
        """The persons to whose devices a version below ``below`` of an alert (its alert id) was granted by a journal entry
        below ``size``: with the leaves of these versions, the earlier recipients (``docs/spec/policy.md``, lineage)."""
        released = (self.versions.get((alert, version)) for version in range(1, below))
        devices = self.grants.grantees((found for found in released if found is not None), size)
        return frozenset(self.roster.facts.devices[device].person for device in devices)

    def pin(self, sha256: str) -> None:
        """Keep the sweep away from a blob while a request that claims it is on its way."""
        self.pinned[sha256] = self.pinned.get(sha256, 0) + 1

    def unpin(self, sha256: str) -> None:
        """The opposite of ``pin``."""
        left = self.pinned.get(sha256, 0) - 1
        if left > 0:
            self.pinned[sha256] = left
        else:
            self.pinned.pop(sha256, None)

    # -- what an accepted entry changes; the same at the start and in service -------------------------------------

    def apply_registry(self, entry: Entry, statement: Statement, root: bytes) -> None:
        """Take in a registry entry read from the log, and the root with it.

        Raises RosterRefusal when the log breaks its own rules.
        """
        self.roster.apply(entry, statement)
        self.registry_times.append(entry.at)
        self.registry_roots.append(root)
        if self.exchange is None:
            self.exchange, self.founding = statement.id, statement

    def apply_journal(self, index: int, kind: str, statement: Statement) -> None:
        """Take in an accepted journal statement and the kind of its entry."""
        match statement.body:
            case EpochPublish() as body:
                self.epochs.apply(index, statement.id, body)
            case AlertReject() as body:
                self.rejected.add(body.alert)
            case AlertGrant() as body:
                self.grants.apply(index, statement.id, body)
                grantor, day = body.issuer.device, body.at // DAY
                self._granting[grantor] = (day, self.granted_on(grantor, day) + 1)
            case AlertBody() as body if kind == RELEASED:
                self.versions[(body.core.alert, body.core.version)] = statement.id
                self.released.add(statement.id)


class Staging:
    """The continuation of a state inside one group commit."""

    def __init__(self, state: ExchangeState) -> None:
        self.state = state
        self.roster = state.roster
        self.times: list[int] = []
        self.roots: list[bytes] = []
        self.founding: Statement | None = None
        self.epochs: dict[tuple[str, int], str] = {}
        self.journal: list[tuple[int, str, Statement]] = []
        self.versions: dict[tuple[str, int], str] = {}
        self.rejected: set[str] = set()
        self.known: dict[Known, tuple[str, int]] = {}
        self.receipted: set[Receipt] = set()
        self.granted: set[tuple[str, str]] = set()
        self.granting: dict[str, int] = {}
        self.said: dict[tuple[str, str, str], int] = {}

    def fork(self) -> Staging:
        """A continuation that can be dropped without a trace."""
        other = Staging(self.state)
        other.roster = self.roster.fork()
        other.times = list(self.times)
        other.roots = list(self.roots)
        other.founding = self.founding
        other.epochs = dict(self.epochs)
        other.journal = list(self.journal)
        other.versions = dict(self.versions)
        other.rejected = set(self.rejected)
        other.known = dict(self.known)
        other.receipted = set(self.receipted)
        other.granted = set(self.granted)
        other.granting = dict(self.granting)
        other.said = dict(self.said)
        return other

    @property
    def exchange(self) -> str | None:
        """The exchange id, also of a founding staged just now."""
        return self.state.exchange or (self.founding.id if self.founding is not None else None)

    def first_later_entry(self, size: int) -> int | None:
        """Acceptance time of the registry entry with index ``size``, staged ones included; None when there is none."""
        committed = len(self.state.registry_times)
        if size < committed:
            return self.state.registry_times[size]
        return self.times[size - committed] if size - committed < len(self.times) else None

    def registry_root(self, size: int) -> bytes | None:
        """The registry's root at ``size``, staged entries included; None beyond them."""
        committed = len(self.state.registry_roots)
        if size < committed:
            return self.state.registry_roots[size]
        return self.roots[size - committed] if size - committed < len(self.roots) else None

    def is_rejected(self, statement: str) -> bool:
        """Whether a candidate approver has rejected this proposal."""
        return statement in self.state.rejected or statement in self.rejected

    def open_proposal(self, statement: str, version: tuple[str, int]) -> bool:
        """Whether a proposal still waits: neither rejected, nor is its version released."""
        return not (self.is_rejected(statement) or version in self.versions or version in self.state.versions)

    def commit(self) -> None:
        """Everything staged is durable now: let readers see it."""
        state = self.state
        if self.times:
            state.keep_facts(state.roster.facts)
            state.roster = self.roster
            state.registry_times.extend(self.times)
            state.registry_roots.extend(self.roots)
        if self.founding is not None:
            state.exchange, state.founding = self.founding.id, self.founding
        for index, kind, statement in self.journal:
            state.apply_journal(index, kind, statement)
        for known, (_, index) in self.known.items():
            state.remember(known, index)
        state.remember_receipts(self.receipted)
