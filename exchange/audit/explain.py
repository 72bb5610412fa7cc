"""``audit explain``: why this person did or did not receive this alert, by the product's own decision (``docs/spec/audit.md``).

Explains what the bundle says, in well under a second on a long log: the statement's hash, its signatures and its leaf list are
checked, the roster is replayed up to the alert, and ``exchange.policy.decide`` is asked.  That the bundle is complete and its
registry properly signed, ``verify`` proves and this does not.  A hypothesis (another person, audience or label) is decided by the
same functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exchange.audit.bundle import AuditBundle, BundleError
from exchange.audit.hypothesis import NOBODY, Hypothesis
from exchange.audit.lookup import Lookup
from exchange.audit.names import plain
from exchange.audit.seek import Placed, Seeker, SeekError
from exchange.model.alert import Core
from exchange.model.entry import RELEASED
from exchange.model.journal import AlertGrant, EpochPublish
from exchange.model.registry import Policy
from exchange.model.statements import Statement
from exchange.policy.decide import Context, decide_alert, decide_one, decide_people, expand
from exchange.policy.lineage import Lineage, Version, lineage_of
from exchange.policy.members import Facts, Organisation, Person, Roster
from exchange.policy.replay import NO_BUNDLE, AlertRefusal, verify_signers
from exchange.policy.rules import TAKING_BACK, Decision
from keys import encoding
from keys.errors import KeysError
from keys.stanza import EMPTY_STANZA_HASH, LeafSummary, audience_root, parse_leaf_list, stanza_id


@dataclass(frozen=True, slots=True)
class Held:
    """A device of the person: whether it was in force at the roster named, its leaf's index (None: none), whether the leaf has a
    stanza, and the journal entries that granted the alert to it."""

    device: str
    in_force: bool
    leaf: int | None
    stanza: bool
    grants: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class About:
    """One person and the alert.

    ``outcome``: ``received``, ``without-key``, ``without-device``, ``lost`` (out of force before acceptance), ``granted``, ``not``,
    ``proposed`` (would receive it on release), ``public``, ``would`` and ``would-not`` for a hypothesis.
    """

    person: Person
    organisation: Organisation
    decision: Decision
    outcome: str
    devices: tuple[Held, ...]
    entries: tuple[Placed, ...]
    """Registry entries about person, organisation and devices, below the roster named."""


@dataclass(frozen=True, slots=True)
class Group:
    """Everybody decided alike: rule and code, how many persons, by organisation the persons' ids."""

    decision: Decision
    people: Mapping[str, tuple[str, ...]]

    @property
    def count(self) -> int:
        """Persons."""
        return sum(len(ids) for ids in self.people.values())


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole answer; ``faults`` are what was checked and did not hold, as (code, sentence)."""

    statement: Statement
    core: Core
    mentions: tuple[Placed, ...]
    released: bool
    roster: Roster
    decision: Decision
    approvals: tuple[str, ...]
    groups: tuple[Group, ...]
    recipients: int
    leaves: int
    faults: tuple[tuple[str, str], ...]
    about: About | None
    names: Mapping[str, str]
    hypothesis: Hypothesis
    joining: int = 0
    leaving: int = 0


def explain(
    bundle: AuditBundle, alert: str, person: str | None = None, hypothesis: Hypothesis | None = None
) -> Explanation:
    """Explain an alert (statement id, alert id or journal index, the ids by their beginning) and a person (id or name).

    Raises SeekError where one of them is not found or not unique, BundleError for files that cannot be read.
    """
    return _Explaining(bundle, hypothesis or Hypothesis()).run(alert, person)


class _Explaining:
    def __init__(self, bundle: AuditBundle, hypothesis: Hypothesis) -> None:
        self._bundle = bundle
        self._seeker = Seeker(bundle)
        self._hypothesis = hypothesis
        self._faults: list[tuple[str, str]] = []
        self._lookup = Lookup(bundle, self._seeker)

    def run(self, asked: str, person: str | None) -> Explanation:
        seeker = self._seeker
        mentions = _chosen(seeker.search(asked), asked)
        newest = mentions[-1]
        statement = seeker.statement(newest.entry.statement, newest.entry.signatures)
        signed = statement.alert.core
        earlier = self._earlier(signed) if signed.version > 1 else []
        if newest.entry.registry is None:
            raise SeekError("bundle-unreadable", "the entry names no registry")
        named_size, accepted_size = signed.seen.registry.size, newest.entry.registry.size
        sizes = {named_size, accepted_size, *(of.alert.core.seen.registry.size for _, of in earlier)}
        facts = seeker.rosters(sizes)
        named, acceptance = Roster(facts[named_size], signed.at), Roster(facts[accepted_size], newest.entry.at)
        policy = named.facts.policy
        if policy is None:
            raise SeekError("registry-unreadable", "the roster named has no policy")
        approvals = self._signers(statement, acceptance)
        lineage = self._lineage(signed, earlier, facts, acceptance)
        leaves = self._leaves(statement)
        core, named = self._hypothesis.applied(signed, named, self._lookup)
        people = decide_people(named, policy, core, lineage)
        recipients, _ = expand(named, people, frozenset())
        joining = leaving = 0
        if self._hypothesis.about_alert:
            before = decide_people(named, policy, signed, lineage)
            joining = sum(d.allowed and not before[p].allowed for p, d in people.items())
            leaving = sum(d.allowed and not people[p].allowed for p, d in before.items())
            core = core.model_copy(update={"stanzas": len(recipients), "keyless": 0})
        elif not self._hypothesis.values and signed.label.sealed and len(recipients) != len(leaves):
            self._fault("decision-differs", f"the rules name {len(recipients)} devices, the leaf list {len(leaves)}")
        context = Context(acceptance, frozenset(), lineage)
        decision = decide_alert(named, policy, core, approvals, context)
        about = None
        chosen = NOBODY if self._hypothesis.about_person else None
        if person is not None and chosen is None:
            chosen = self._lookup.subject("person", person, named.facts)
        if chosen is not None:
            about = self._about(chosen, statement, core, named, acceptance, policy, lineage, leaves, newest)
        groups = _grouped(named, people)
        return Explanation(
            statement,
            core,
            tuple(mentions),
            newest.entry.kind == RELEASED,
            named,
            decision,
            approvals,
            groups,
            len(recipients),
            len(leaves),
            tuple(self._faults),
            about,
            self._names_for(named, groups, about, core, approvals),
            self._hypothesis,
            joining,
            leaving,
        )

    def _fault(self, code: str, sentence: str) -> None:
        self._faults.append((code, sentence))

    # -- what is checked of this alert -----------------------------------------------------------------------------

    def _signers(self, statement: Statement, acceptance: Roster) -> tuple[str, ...]:
        """The persons who approved; both signatures of each signer are verified."""
        try:
            return verify_signers(statement, acceptance).approvals
        except AlertRefusal as error:
            self._fault(error.code, error.detail)
            return ()

    def _leaves(self, statement: Statement) -> tuple[LeafSummary, ...]:
        """The leaf list, held against the signed root and numbers."""
        body = statement.alert
        if not body.core.label.sealed:
            return ()
        try:
            leaves = parse_leaf_list(self._bundle.leaves(statement.id))
            root, depth = audience_root([leaf.leaf_hash() for leaf in leaves])
        except (BundleError, KeysError) as error:
            self._fault("leaves-missing", f"the leaf list: {error}")
            return ()
        stanzas = sum(leaf.stanza_hash != EMPTY_STANZA_HASH for leaf in leaves)
        if (root.hex(), depth) != (body.sealed.root, body.sealed.depth):
            self._fault("root-mismatch", "the leaf list does not lead to the signed root")
        elif (stanzas, len(leaves) - stanzas) != (body.core.stanzas, body.core.keyless):
            self._fault("leaf-count", "the leaf list has other numbers than those signed")
        return leaves

    # -- versions --------------------------------------------------------------------------------------------------

    def _earlier(self, core: Core) -> list[tuple[int, Statement]]:
        """The released versions before this one, each with its journal index."""
        found = []
        for placed in self._seeker.versions(core.alert):
            mark = placed.entry.alert
            if mark is not None and mark.version < core.version:
                found.append((placed.index, self._seeker.statement(placed.entry.statement, placed.entry.signatures)))
        return found

    def _lineage(
        self,
        core: Core,
        earlier: Sequence[tuple[int, Statement]],
        facts: Mapping[int, Facts],
        acceptance: Roster,
    ) -> Lineage | None:
        """R10 and R11: earlier versions, and for taking back who received them."""
        if core.version == 1:
            return None
        known: list[Version] = []
        taking_back = core.action in TAKING_BACK
        given = self._grantees([statement.id for _, statement in earlier], core, acceptance) if taking_back else ()
        for index, statement in earlier:
            one = statement.alert.core
            named = Roster(facts[one.seen.registry.size], one.at)
            device = named.facts.devices.get(one.issuer.device)
            policy = named.facts.policy
            if device is None or policy is None:
                raise SeekError("registry-unreadable", "an earlier version names a registry without its author")
            recipients: frozenset[str] = frozenset()
            if taking_back and one.label.sealed:
                people = decide_people(named, policy, one, lineage_of(one, known, given))
                devices, _ = expand(named, people, frozenset())
                recipients = frozenset(recipient.person for recipient in devices)
            organisation = named.facts.persons[device.person].organisation
            known.append(Version(statement.id, index, one, organisation, recipients))
        return lineage_of(core, known, given)

    def _grantees(self, statements: Sequence[str], core: Core, acceptance: Roster) -> set[str]:
        """The persons to whom one of these versions was granted before ``core`` was prepared."""
        persons = set()
        below = [
            (index, grant) for index, grant in self._seeker.of_kind("alert.grant") if index < core.seen.journal.size
        ]
        for statement in statements:
            for _, granted in self._seeker.naming(below, statement):
                body = granted.body
                if isinstance(body, AlertGrant) and body.alert == statement:
                    device = acceptance.facts.devices.get(body.device)
                    persons |= set() if device is None else {device.person}
        return persons

    # -- the person ------------------------------------------------------------------------------------------------

    def _names_for(
        self, named: Roster, groups: Sequence[Group], about: About | None, core: Core, approvals: Sequence[str]
    ) -> dict[str, str]:
        """Names of whoever is shown: of the groups the organisations, few enough for one screen."""
        facts = named.facts
        persons, organisations = set(approvals), set(core.audience.organisations or () if core.audience else ())
        persons |= set((core.audience.persons if core.audience else None) or ())
        author = facts.devices.get(core.issuer.device)
        if author is not None:
            persons.add(author.person)
            organisations.add(facts.persons[author.person].organisation)
        if about is not None:
            persons.add(about.person.id)
            organisations.add(about.organisation.id)
        else:
            for group in groups:
                organisations |= set(list(group.people)[:SHOWN_ORGANISATIONS])
        found: dict[str, str] = {}
        for family, identifiers in (("person", persons), ("organisation", organisations)):
            for identifier in sorted(identifiers)[:MAX_NAMES]:
                name = self._lookup.name(family, identifier, facts)
                if name is not None:
                    found[identifier] = plain(name)
        return found

    def _about(
        self,
        person: str,
        statement: Statement,
        core: Core,
        named: Roster,
        acceptance: Roster,
        policy: Policy,
        lineage: Lineage | None,
        leaves: Sequence[LeafSummary],
        newest: Placed,
    ) -> About:
        facts = named.facts
        who = facts.persons[person]
        organisation = facts.organisations[who.organisation]
        decision = decide_one(named, policy, core, person, lineage=lineage)
        if self._hypothesis.values:
            outcome = "public" if decision.code == "public" else "would" if decision.allowed else "would-not"
            return About(who, organisation, decision, outcome, (), ())
        devices = self._devices(person, statement, named, leaves)
        chains = [f"person/{person}", f"organisation/{organisation.id}", f"acceptance/{organisation.id}"]
        chains += [f"device/{held.device}" for held in devices]
        entries = tuple(self._seeker.chain_entries(chains, named.size))
        lost = acceptance.person_fault(person) is not None
        released = newest.entry.kind == RELEASED
        outcome = _outcome(decision, devices, released=released, lost=lost)
        if not decision.allowed and any(held.leaf is not None for held in devices):
            self._fault("recipient-extra", "a device of this person has a leaf, and the rules name it not")
        if decision.allowed and leaves and any(held.in_force and held.leaf is None for held in devices):
            self._fault("recipient-missing", "the rules name a device of this person, and it has no leaf")
        return About(who, organisation, decision, outcome, devices, entries)

    def _devices(
        self, person: str, statement: Statement, named: Roster, leaves: Sequence[LeafSummary]
    ) -> tuple[Held, ...]:
        """The person's devices, with their leaves and grants."""
        core, facts = statement.alert.core, named.facts
        devices = facts.devices_of.get(person, ())
        places = {leaf.stanza_id: place for place, leaf in enumerate(leaves)}
        in_force = set(named.devices_in_force(person))
        below = core.seen.journal.size
        epochs = [one for one in self._seeker.of_kind("epoch.publish") if one[0] < below] if leaves else []
        given = self._seeker.of_kind("alert.grant")
        held = []
        for device in devices:
            place = places.get(self._stanza(device, core, epochs)) if leaves else None
            stanza = place is not None and leaves[place].stanza_hash != EMPTY_STANZA_HASH
            grants = tuple(
                index
                for index, granted in self._seeker.naming(given, device)
                if isinstance(granted.body, AlertGrant)
                and (granted.body.device, granted.body.alert) == (device, statement.id)
            )
            held.append(Held(device, device in in_force, place, stanza, grants))
        return tuple(held)

    def _stanza(self, device: str, core: Core, epochs: Sequence[tuple[int, str]]) -> bytes:
        """The stanza id that this device's leaf must have, from its own weekly keys as the alert's author saw them.

        From the newest publication backwards: no week is published twice, so the first that has the week has the key.
        """
        week = encoding.week_of(core.at)
        hidden: bytes | None = None
        for _, published in self._seeker.naming(reversed(epochs), device):
            body = published.body
            if not isinstance(body, EpochPublish) or body.issuer.device != device:
                continue
            found = next((key.hash for key in body.keys if key.week == week), None)
            if found is not None:
                hidden = bytes.fromhex(found)
                break
            if hidden is None:
                hidden = bytes.fromhex(published.id)
        return stanza_id(encoding.unb64u(device, length=16), week, NO_BUNDLE if hidden is None else hidden)


SHOWN_ORGANISATIONS = 3
"""Organisations that a group names before it counts the rest."""
MAX_NAMES = 64
"""Names looked up for one screen."""


def _chosen(mentions: Sequence[Placed], asked: str) -> list[Placed]:
    """The entries of one alert statement: of several versions of an alert the newest. Raises SeekError."""
    if not mentions:
        raise SeekError("alert-not-found", f"no alert of the journal: {plain(asked)}")
    alerts = {placed.entry.alert.id for placed in mentions if placed.entry.alert is not None}
    if len(alerts) > 1:
        raise SeekError("alert-ambiguous", f"{plain(asked)}: {', '.join(sorted(alerts)[:8])}")

    def newness(placed: Placed) -> tuple[int, bool, int]:
        mark = placed.entry.alert
        return (0 if mark is None else mark.version), placed.entry.kind == RELEASED, placed.index

    newest = max(mentions, key=newness).entry.statement
    return [placed for placed in mentions if placed.entry.statement == newest]


def _grouped(named: Roster, people: Mapping[str, Decision]) -> tuple[Group, ...]:
    """Persons decided alike, recipients first, the largest group first."""
    found: dict[tuple[bool, str, str], tuple[Decision, dict[str, list[str]]]] = {}
    for person, decision in people.items():
        key = (decision.allowed, decision.rule, decision.code)
        _, members = found.setdefault(key, (decision, {}))
        members.setdefault(named.facts.persons[person].organisation, []).append(person)
    groups = [
        Group(decision, {organisation: tuple(ids) for organisation, ids in members.items()})
        for decision, members in found.values()
    ]
    return tuple(sorted(groups, key=lambda group: (not group.decision.allowed, -group.count)))


def _outcome(decision: Decision, devices: Sequence[Held], *, released: bool, lost: bool) -> str:
    """What became of it, in one word."""
    if decision.code == "public":
        return "public"
    if any(held.grants for held in devices) and not decision.allowed:
        return "granted"
    if not decision.allowed:
        return "not"
    if not any(held.in_force for held in devices):
        return "without-device"
    if not released:
        return "proposed"
    if lost:
        return "lost"
    if any(held.stanza for held in devices):
        return "received"
    return "without-key"
