"""R12 and R13: may this device be given this alert? (``docs/spec/policy.md``, Grants). Pure.

``decide_grant`` is asked by whoever passes on, by the server under its lock, by the grantee and by auditors.  Who knows the
whole registry and every leaf says so with ``Holders.complete``; a grantee sees a part, and what its part cannot show is not
held against the grant: the server and the auditors have asked it.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from exchange.model.alert import AlertBody, Core
from exchange.model.journal import AlertAnswer, AlertGrant
from exchange.model.tlp import Label
from exchange.policy.decide import decide_one
from exchange.policy.epochs import EpochTable
from exchange.policy.lineage import Lineage
from exchange.policy.members import Person, Roster
from exchange.policy.replay import NO_BUNDLE, AlertRefusal
from exchange.policy.rules import AUDITOR, PUBLIC, TAKING_BACK, AudienceView, Decision
from keys import encoding
from keys.errors import KeysError
from keys.stanza import depth_of, leaf_hash, stanza_id, verify_path

ONWARD, NEWCOMER, HISTORY = "onward", "newcomer", "history"
RULE = {ONWARD: "R12", NEWCOMER: "R12", HISTORY: "R13"}
"""The rule that a purpose is decided by."""
_EMPTY = sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Holders:
    """Who has the alert already: devices with a leaf, those of them with a stanza, and devices with a grant.

    ``complete`` False: only a part is known here, and whoever is missing may have one nevertheless.
    """

    leaves: Container[str] = frozenset()
    stanzas: Container[str] = frozenset()
    granted: Container[str] = frozenset()
    complete: bool = True

    def have(self, device: str) -> bool:
        """Whether the device has a leaf or a grant."""
        return device in self.leaves or device in self.granted

    def can_open(self, device: str) -> bool:
        """Whether the device was sealed the content key, by the author or by a grant."""
        return device in self.stanzas or device in self.granted


@dataclass(frozen=True, slots=True)
class Permission:
    """What the answer that a grant names as ``permission`` says: about which version (statement id), whether it grants, to the
    question of which organisation, and for whom."""

    alert: str
    organisation: str
    permits: frozenset[str] = frozenset()

    @classmethod
    def of(cls, alert: str, organisation: str, answer: AlertAnswer) -> Permission:
        """The permission in an answer to an organisation's question about an alert; one that declines permits nobody."""
        return cls(alert, organisation, frozenset(answer.permits or ()))


@dataclass(frozen=True, slots=True)
class GrantContext:
    """The other pure inputs.

    ``released`` and ``newest``: whether the alert is released, and no later version of it is.  ``usable``: devices with a
    usable key for the week of ``grant.at`` at ``grant.seen.journal.size``.  ``via``: (alert, device) of the grant that
    ``via`` names.  ``lineage``: the alert's own, for a newcomer to an all-clear (R11); None for version 1 and where the earlier
    versions are not known.
    """

    released: bool
    newest: bool
    holders: Holders
    usable: Container[str]
    permission: Permission | None = None
    via: tuple[str, str] | None = None
    lineage: Lineage | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """One question, with what every step needs."""

    roster: Roster
    core: Core
    grant: AlertGrant
    context: GrantContext
    grantor: Person | None
    grantee: Person

    @property
    def rule(self) -> str:
        return RULE[self.grant.purpose]

    def no(self, code: str, *values: str) -> Decision:
        return Decision(False, self.rule, code, values)

    def yes(self, code: str) -> Decision:
        return Decision(True, self.rule, code)


def decide_grant(roster: Roster, core: Core, grant: AlertGrant, context: GrantContext) -> Decision:
    """May ``grant.device`` be given the alert of ``core``? ``roster`` is that of acceptance, at its time.

    That the grantor's leaf leads to the alert's root is ``check_leaf``'s to say, before.
    """
    rule = RULE[grant.purpose]
    if not context.released:
        return Decision(False, rule, "not-released")
    refusal, grantor = _grantor(roster, grant, context)
    if refusal is not None:
        return refusal
    fault = roster.device_fault(grant.device)
    if fault is not None:
        return Decision(False, "R1", fault, (grant.device,))
    grantee = roster.facts.persons[roster.facts.devices[grant.device].person]
    if "auditor" in grantee.roles:
        return AUDITOR
    case = _Case(roster, core, grant, context, grantor, grantee)
    if context.holders.can_open(grant.device):
        return case.no("already-recipient")
    if grant.device not in context.usable:
        return Decision(False, "R16", "grantee-without-key")
    if core.valid_until <= max(grant.at, roster.time):
        return Decision(False, "R15", "expired", (str(core.valid_until),))
    if core.label is Label.CLEAR:
        return PUBLIC
    if core.label is Label.RED:
        return case.no("red-never")
    if grant.purpose == HISTORY:
        return _history(case)
    if not context.newest:
        return case.no("not-newest")
    if core.action == "withdraw":
        return case.no("alert-withdrawn")
    return _onward(case) if grant.purpose == ONWARD else _newcomer(case)


def needs_lineage(core: Core, grant: AlertGrant) -> bool:
    """Whether the decision asks for the alert's lineage: to a newcomer to an all-clear, which goes to earlier recipients."""
    return grant.purpose == NEWCOMER and core.action in TAKING_BACK and core.version > 1


def _grantor(roster: Roster, grant: AlertGrant, context: GrantContext) -> tuple[Decision | None, Person | None]:
    """The grantor is in force and has what it gives away; unknown only to who sees a part of the registry."""
    device = grant.issuer.device
    fault = roster.device_fault(device)
    if fault is not None and (context.holders.complete or fault != "device-unknown"):
        return Decision(False, "R1", fault, (device,)), None
    if grant.via is not None:
        entitled = context.via == (grant.alert, device) and grant.purpose == HISTORY
    else:
        entitled = device in context.holders.stanzas
    if not entitled:
        return Decision(False, RULE[grant.purpose], "grantor-without-alert", (device,)), None
    if fault is not None:
        return None, None
    person = roster.facts.persons[roster.facts.devices[device].person]
    # Whoever became an auditor since hands nothing on: R1 in full.
    return (AUDITOR, None) if "auditor" in person.roles else (None, person)


def _onward(case: _Case) -> Decision:
    """R12: to colleagues, to one's own clients, to the community, or as the source permitted."""
    facts, label = case.roster.facts, case.core.label
    if case.grantor is not None and facts.organisations[case.grantor.organisation].kind == "client":
        return case.no("client-passes-on-nothing")
    if case.grant.permission is not None:
        return _permitted(case)
    mine = None if case.grantor is None else case.grantor.organisation
    officer = "officer" in case.grantee.roles
    own = facts.organisations[case.grantee.organisation]
    if own.id == mine:
        return case.yes("colleague") if officer or label is Label.GREEN else case.no("not-officer")
    if own.kind == "client" and label in (Label.AMBER, Label.GREEN):
        # A client sees only the privileged persons of its sponsor: that a grantor unknown to it is one of the sponsor's, server
        # and auditors have judged.
        if case.grantor is not None and own.sponsor != mine:
            return case.no("not-client")
        return case.yes("client") if officer else case.no("not-officer")
    if label is Label.GREEN:
        return case.yes("community")
    return case.no("other-organisation")


def _permitted(case: _Case) -> Decision:
    """R12 d): the source answered a question of the grantor's organisation and named the person."""
    found = case.context.permission
    if found is None:
        if case.context.holders.complete:
            return case.no("permission-unknown")
    elif (
        found.alert != case.grant.alert
        or case.grantee.id not in found.permits
        or (case.grantor is not None and found.organisation != case.grantor.organisation)
    ):
        return case.no("not-permitted")
    return case.yes("permitted") if "officer" in case.grantee.roles else case.no("not-officer")


def _newcomer(case: _Case) -> Decision:
    """R12: the source serves who would be a recipient by now, or is one with another device."""
    facts, grantor = case.roster.facts, case.grantor
    author = facts.devices.get(case.core.issuer.device)
    if grantor is None or author is None:
        return case.no("not-author")
    if grantor.id != author.person:
        same = grantor.organisation == facts.persons[author.person].organisation
        if not same or "author" not in grantor.roles:
            return case.no("not-author")
    if facts.policy is None:
        return case.no("policy-missing")
    holders = case.context.holders
    if any(device in holders.leaves for device in facts.devices_of.get(case.grantee.id, ())):
        return case.yes("newcomer")
    found = decide_one(case.roster, facts.policy, case.core, case.grantee.id, lineage=case.context.lineage)
    return case.yes("newcomer") if found.allowed else case.no("not-recipient")


def _history(case: _Case) -> Decision:
    """R13: what another device of the person received, for a new one, by the own organisation."""
    facts, holders = case.roster.facts, case.context.holders
    own = facts.organisations[case.grantee.organisation]
    mine = None if case.grantor is None else case.grantor.organisation
    if mine is None or mine not in (own.id, own.sponsor):
        return case.no("other-organisation")
    # A leaf of this very device has no stanza: else it was refused before. A grantee does not see its other devices' grants.
    devices = facts.devices_of.get(case.grantee.id, ())
    if holders.complete and not any(holders.have(device) for device in devices):
        return case.no("not-recipient")
    return case.yes("history")


# -- what is computed from the logs --------------------------------------------------------------------------------------


def check_leaf(body: AlertBody, grant: AlertGrant, epochs: EpochTable) -> None:
    """The grantor's own leaf leads to the alert's root and is not empty (``docs/spec/sharing.md``, Grants 4).

    Its stanza id is computed, so another's leaf does not fit. Raises AlertRefusal (V7): ``leaf-missing``, ``leaf-empty``,
    ``leaf-place``, ``path-invalid``.
    """
    core, sealed, leaf = body.core, body.sealed, grant.leaf
    if leaf is None or sealed.root is None or sealed.depth is None:
        raise AlertRefusal("V7", "leaf-missing", "the grant shows no leaf of a sealed alert")
    if leaf.stanza == _EMPTY:
        raise AlertRefusal("V7", "leaf-empty", "the grantor's leaf has no stanza")
    depth = sealed.depth
    if leaf.index >= core.leaves or depth != depth_of(core.leaves) or len(leaf.path) != depth:
        raise AlertRefusal("V7", "leaf-place", "the grantor's leaf stands outside the signed number of leaves")
    week, size = encoding.week_of(core.at), core.seen.journal.size
    key, last = epochs.key(grant.issuer.device, week, size), epochs.last_bundle(grant.issuer.device, size)
    known = key.key_hash if key is not None else NO_BUNDLE if last is None else bytes.fromhex(last)
    identifier = stanza_id(encoding.unb64u(grant.issuer.device, length=16), week, known)
    inner = sha256(identifier + bytes.fromhex(leaf.stanza)).digest()
    place = leaf_hash(encoding.unb64u(leaf.tag, length=8), inner)
    try:
        verify_path(bytes.fromhex(sealed.root), depth, leaf.index, place, [bytes.fromhex(node) for node in leaf.path])
    except KeysError as error:
        raise AlertRefusal("V7", error.code, "the grantor's leaf does not lead to the alert's root") from None


def addressed(
    named: Roster, core: Core, persons: Iterable[str], usable: Container[str], lineage: Lineage | None = None
) -> tuple[frozenset[str], frozenset[str]]:
    """The devices of these persons that have a leaf of an alert by the rules, and those of them with a stanza.

    ``named`` is the alert's own roster, ``usable`` the devices with a key for its week; who is shown a person and its devices
    knows its leaves exactly, because a released alert has exactly these.  A withdrawal or all-clear goes to earlier recipients:
    without the ``lineage`` everybody may be one.
    """
    policy = named.facts.policy
    if policy is None or core.label is Label.CLEAR:
        return frozenset(), frozenset()
    view = AudienceView(named, core, lineage)
    leaves: set[str] = set()
    for person in persons:
        if decide_one(named, policy, core, person, view).allowed:
            leaves.update(named.devices_in_force(person))
    return frozenset(leaves), frozenset(device for device in leaves if device in usable)


@dataclass(slots=True)
class GrantTable:
    """The grants of a journal in order: which device was granted which alert (by statement id), by which entry."""

    by_alert: dict[str, dict[str, int]] = field(default_factory=dict)
    by_statement: dict[str, tuple[str, str]] = field(default_factory=dict)

    def apply(self, index: int, statement: str, grant: AlertGrant) -> None:
        """Take in an accepted grant."""
        self.by_alert.setdefault(grant.alert, {})[grant.device] = index
        self.by_statement[statement] = (grant.alert, grant.device)

    def devices(self, alert: str) -> Collection[str]:
        """The devices with a grant of an alert statement."""
        return self.by_alert.get(alert, {}).keys()

    def has(self, alert: str, device: str) -> bool:
        """Whether the device has a grant of the alert statement."""
        return device in self.by_alert.get(alert, {})

    def grantees(self, alerts: Iterable[str], size: int) -> frozenset[str]:
        """The devices that were granted one of these alert statements by a journal entry below ``size``."""
        return frozenset(
            device for alert in alerts for device, index in self.by_alert.get(alert, {}).items() if index < size
        )
