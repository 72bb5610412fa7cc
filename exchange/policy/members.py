"""The roster as facts: who is vetted, with which roles, devices and terms (``docs/spec/policy.md``, Persons).

``Facts`` is the state after a number of registry entries; ``Roster`` is the same facts looked at from one fixed time.
Nothing here changes anything: ``roster.TrustedRoster`` is the only maker of facts.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from exchange.model.registry import Policy
from keys import encoding
from keys.labels import ds
from keys.verify import SigningPublicKey


@dataclass(frozen=True, slots=True)
class Organisation:
    """A vetted organisation. ``terms`` is the version last accepted, 0 for none; ``expires`` in seconds.

    ``sponsor`` is the organisation that registered it: it is then of kind ``client``, and has no terms of its own.
    """

    id: str
    kind: str
    sectors: frozenset[str]
    areas: tuple[str, ...]
    expires: int
    terms: int = 0
    suspended: bool = False
    removed: bool = False
    sponsor: str | None = None

    @property
    def client(self) -> bool:
        """Whether it is a client of a sponsor, and so receives grants only."""
        return self.sponsor is not None


@dataclass(frozen=True, slots=True)
class Person:
    """A person of one organisation."""

    id: str
    organisation: str
    roles: frozenset[str]
    topics: frozenset[str]
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """A device of one person: its signing key (by key id in ``Facts.device_of_key``) and its scan key (32 bytes)."""

    id: str
    person: str
    signing: SigningPublicKey
    scan: bytes
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Circle:
    """A named set of organisations, persons and circles; ``curators`` are the persons who change its members."""

    id: str
    curators: frozenset[str]
    circles: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """Number of members of all three kinds."""
        return len(self.circles) + len(self.organisations) + len(self.persons)


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of the terms of participation; the version before still counts until ``accept_by`` (seconds)."""

    version: int
    statement: str
    accept_by: int
    document: str


@dataclass(frozen=True, slots=True)
class Witness:
    """A named witness: key name, Ed25519 key (32 bytes), ML-DSA-44 key (1312 bytes), and where it is asked."""

    name: str
    ed25519: bytes
    mldsa44: bytes
    url: str


@dataclass(slots=True)
class Facts:
    """What the first ``size`` registry entries say. Shared copies are never changed (see ``TrustedRoster``).

    ``ever_curator`` are persons who curate or curated a circle, ``ever_curating`` their organisations; ``commitments`` has the
    statements of a chain that commit to names, oldest first, each with its fields; ``erased`` the (statement, field) whose
    opening was erased; ``quorum`` is how many of the ``witnesses`` must have seen a checkpoint (0: none is named).
    """

    size: int = 0
    last_at: int = 0
    exchange: str | None = None
    origin: str = ""
    threshold: int = 0
    registrars: dict[str, SigningPublicKey] = field(default_factory=dict)
    policy: Policy | None = None
    policy_id: str | None = None
    terms: tuple[Terms, ...] = ()
    organisations: dict[str, Organisation] = field(default_factory=dict)
    persons: dict[str, Person] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    people_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    devices_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    device_of_key: dict[str, str] = field(default_factory=dict)
    used_keys: set[str] = field(default_factory=set)
    chains: dict[str, str] = field(default_factory=dict)
    known_chains: set[str] = field(default_factory=set)
    ever_author: set[str] = field(default_factory=set)
    ever_privileged: set[str] = field(default_factory=set)
    circles: dict[str, Circle] = field(default_factory=dict)
    ever_curator: set[str] = field(default_factory=set)
    ever_curating: set[str] = field(default_factory=set)
    clients_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    commitments: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = field(default_factory=dict)
    erased: set[tuple[str, str]] = field(default_factory=set)
    witnesses: tuple[Witness, ...] = ()
    quorum: int = 0

    def copy(self) -> Facts:
        """A copy whose containers are its own; the records in them are frozen and shared."""
        return Facts(
            self.size,
            self.last_at,
            self.exchange,
            self.origin,
            self.threshold,
            dict(self.registrars),
            self.policy,
            self.policy_id,
            self.terms,
            dict(self.organisations),
            dict(self.persons),
            dict(self.devices),
            dict(self.people_of),
            dict(self.devices_of),
            dict(self.device_of_key),
            set(self.used_keys),
            dict(self.chains),
            set(self.known_chains),
            set(self.ever_author),
            set(self.ever_privileged),
            dict(self.circles),
            set(self.ever_curator),
            set(self.ever_curating),
            dict(self.clients_of),
            dict(self.commitments),
            set(self.erased),
            self.witnesses,
            self.quorum,
        )


class Standings:
    """What one state of facts says about many alerts: worth keeping where many are decided at it. The facts must not change.

    Persons are sorted by what the rules read of them when nothing names them: organisation, roles, topics, whether removed.
    ``group_of`` has everybody's group, in roster order; ``firsts`` is each group's first person.
    """

    __slots__ = ("_faults", "_moments", "_passed", "firsts", "group_of")

    def __init__(self, facts: Facts) -> None:
        numbers: dict[tuple[object, ...], int] = {}
        self.firsts: list[Person] = []
        self.group_of: dict[str, int] = {}
        persons, firsts, group_of = facts.persons, self.firsts, self.group_of
        for organisation in facts.organisations:
            for name in facts.people_of.get(organisation, ()):
                person = persons[name]
                standing = (organisation, person.roles, person.topics, person.removed)
                number = group_of[name] = numbers.setdefault(standing, len(firsts))
                if number == len(firsts):
                    firsts.append(person)
        ends = {found.expires for found in facts.organisations.values()} | {terms.accept_by for terms in facts.terms}
        self._moments = sorted(ends)
        self._passed = -1
        self._faults: dict[str, str | None] = {}

    def asked(self, facts: Facts, named: Container[str | None]) -> list[Person]:
        """One person of each group who is not named; where all are, the first."""
        found = list(self.firsts)
        wanted = {number for number, first in enumerate(found) if first.id in named}
        if wanted:
            for name, number in self.group_of.items():
                if number in wanted and name not in named:
                    found[number] = facts.persons[name]
                    wanted.discard(number)
        return found

    def faults(self, time: int) -> dict[str, str | None]:
        """Answers of ``Roster.member_fault`` that hold at this time, as far as they were asked: it only changes when a membership
        or a term ends."""
        passed = bisect_right(self._moments, time)
        if passed != self._passed:
            self._passed, self._faults = passed, {}
        return self._faults


@dataclass(frozen=True, slots=True)
class Roster:
    """The facts at one time, fixed at construction (seconds); ``standings`` are of these facts, when they are at hand."""

    facts: Facts
    time: int
    standings: Standings | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Number of registry entries behind these facts."""
        return self.facts.size

    def organisation_fault(self, organisation: str) -> str | None:
        """Why an organisation is not admitted now, as a reason code; None when it is.

        A client is admitted while its sponsor is, too; a sponsor is no client, so this ends.
        """
        found = self.facts.organisations.get(organisation)
        if found is None:
            return "organisation-unknown"
        if found.removed:
            return "organisation-removed"
        if found.suspended:
            return "organisation-suspended"
        if self.time >= found.expires:
            return "membership-expired"
        if found.sponsor is not None and self.organisation_fault(found.sponsor) is not None:
            return "sponsor-not-admitted"
        return None

    def terms_fault(self, organisation: str) -> str | None:
        """Why the organisation's acceptance of the terms does not count now; None when it does."""
        terms = self.facts.terms
        if not terms:
            return None
        found = self.facts.organisations[organisation]
        # A client's acceptance is its sponsor's (docs/spec/statements.md, Clients).
        accepted = found.terms if found.sponsor is None else self.facts.organisations[found.sponsor].terms
        current = terms[-1]
        if accepted == current.version:
            return None
        if accepted >= 1 and accepted == current.version - 1 and self.time < current.accept_by:
            return None
        return "terms-not-accepted"

    def member_fault(self, organisation: str) -> str | None:
        """R1 for an organisation: admitted, and current terms accepted; the reason code, or None."""
        return self.organisation_fault(organisation) or self.terms_fault(organisation)

    def person_fault(self, person: str) -> str | None:
        """R1 for a person: the reason code why the person is not in force, or None."""
        found = self.facts.persons.get(person)
        if found is None:
            return "person-unknown"
        if found.removed:
            return "person-removed"
        return self.member_fault(found.organisation)

    def device_fault(self, device: str) -> str | None:
        """Why a device is not in force, as a reason code; None when it is."""
        found = self.facts.devices.get(device)
        if found is None:
            return "device-unknown"
        if found.revoked:
            return "device-revoked"
        return self.person_fault(found.person)

    def devices_in_force(self, person: str) -> tuple[str, ...]:
        """A person's devices that are not revoked, in order of enrolment."""
        devices = self.facts.devices
        return tuple([d for d in self.facts.devices_of.get(person, ()) if not devices[d].revoked])

    def people(self) -> Iterator[Person]:
        """All persons ever enrolled, by organisation in order of admission."""
        for organisation in self.facts.organisations:
            for person in self.facts.people_of.get(organisation, ()):
                yield self.facts.persons[person]

    def publishing(self, organisation: str) -> bool:
        """Whether the organisation has or had an author."""
        return organisation in self.facts.ever_author


def policy_id(policy: Policy) -> str:
    """The policy's id: hash of DS(policy) and its strict JSON (``docs/spec/policy.md``)."""
    return hashlib.sha256(ds("policy") + encoding.encode(policy.to_json())).hexdigest()
