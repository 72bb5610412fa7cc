"""The numbered rules R1 to R11 and R14 to R16 (``docs/spec/policy.md``), as pure functions.

A rule answers with a ``Decision``: yes or no, its number, a reason code and the values that decided; never with a bare
boolean.  Rules about a person return a Decision; rules about the alert return a refusal or None, because an alert is
allowed only when no rule refuses it.  The wording for people is in ``explain.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass
from functools import lru_cache

from exchange.model.alert import Audience, Core, Urgency
from exchange.model.registry import Policy
from exchange.model.tlp import Label
from exchange.policy.circles import below
from exchange.policy.lineage import Lineage
from exchange.policy.members import Organisation, Person, Roster


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, by which rule, why; ``values`` are what decided (identifiers, counts, tags)."""

    allowed: bool
    rule: str
    code: str
    values: tuple[str, ...] = ()


@lru_cache(maxsize=256)
def _said(allowed: bool, rule: str, code: str) -> Decision:
    """A decision without values: one for everybody to whom it is said."""
    return Decision(allowed, rule, code)


AUTHOR = Decision(True, "R2", "author")
APPROVER = Decision(True, "R8", "candidate-approver")
PUBLIC = Decision(False, "R7", "public")
AUDITOR = Decision(False, "R1", "auditor")
CLIENT = Decision(False, "R1", "client-grants-only")
NAMED_RED = Decision(True, "R3", "named")
NOT_NAMED_RED = Decision(False, "R3", "not-named")
EARLIER = Decision(True, "R11", "earlier-recipient")
EARLIER_SAID = Decision(True, "R11", "earlier-recipient-said")
NOT_EARLIER = Decision(False, "R11", "no-earlier-recipient")

TAKING_BACK = frozenset({"withdraw", "all-clear"})
"""The actions of R11: they go to the earlier recipients, whatever the audience says by now."""
_STRICTNESS = {label: place for place, label in enumerate(Label)}
"""From the strictest label to the widest."""


class AudienceView:
    """A core's audience made ready for many questions at one roster: what is asked of an organisation is asked once.

    ``earlier`` are the earlier recipients (R11), None where they are not known.
    """

    def __init__(self, roster: Roster, core: Core, lineage: Lineage | None = None) -> None:
        audience = core.audience or Audience.model_construct()
        self.roster = roster
        self.label = core.label
        self.everyone = bool(audience.everyone)
        self.organisations = frozenset(audience.organisations or ())
        self.persons = frozenset(audience.persons or ())
        if audience.circles and core.label is not Label.RED:  # RED names persons, and no circle stands for them
            organisations, persons = below(roster.facts.circles, audience.circles)
            self.organisations |= organisations
            self.persons |= persons
        self.sectors = None if audience.sectors is None else frozenset(audience.sectors)
        self.areas = audience.areas
        self.topics = None if audience.topics is None else frozenset(audience.topics)
        self.by_field = audience.sectors is not None or audience.areas is not None or audience.topics is not None
        self.approvers = frozenset(core.approvers)
        device = roster.facts.devices.get(core.issuer.device)
        self.author = None if device is None else device.person
        self.earlier = None if lineage is None else lineage.recipients
        self.rule = r11_earlier if core.action in TAKING_BACK and core.label.sealed else PERSON_RULE[core.label]
        self.named = self.persons | self.approvers | {self.author}
        """Whom a rule may ask about by id; all others are decided by what they share with others."""
        if self.rule is r11_earlier and self.earlier is not None:
            self.named |= self.earlier
        self._places: dict[str, bool] = {}
        self._faults: dict[str, str | None] = {} if roster.standings is None else roster.standings.faults(roster.time)

    def organisation_fault(self, organisation: str) -> str | None:
        """R1 for an organisation, asked once."""
        faults = self._faults
        if organisation not in faults:
            faults[organisation] = self.roster.member_fault(organisation)
        return faults[organisation]

    def in_place(self, organisation: Organisation) -> bool:
        """Whether the organisation satisfies sectors and areas, those that are given (topics are a person's)."""
        known = self._places.get(organisation.id)
        if known is None:
            known = self.by_field
            if self.sectors is not None and not (self.sectors & organisation.sectors):
                known = False
            # A shorter code covers the longer, never the reverse.
            if self.areas is not None and not any(own.startswith(self.areas) for own in organisation.areas):
                known = False
            self._places[organisation.id] = known
        return known

    def has_topic(self, person: Person) -> bool:
        """Whether the person has one of the named topics; yes where none is named."""
        return self.topics is None or bool(self.topics & person.topics)


# -- rules about a person ----------------------------------------------------------------------------------------


def r1_in_force(view: AudienceView, person: Person) -> Decision | None:
    """R1: only members in force; an auditor is never a recipient, a client's person only by grant. A refusal, or None."""
    refusal = r1_member(view, person)
    if refusal is None and view.roster.facts.organisations[person.organisation].sponsor is not None:
        return CLIENT
    return refusal


def r1_member(view: AudienceView, person: Person) -> Decision | None:
    """R1 without the line about clients, whose persons R11 to R13 may reach. A refusal, or None."""
    if "auditor" in person.roles:
        return AUDITOR
    if person.removed:
        return Decision(False, "R1", "person-removed")
    fault = view.organisation_fault(person.organisation)
    if fault is not None:
        return Decision(False, "R1", fault)
    return None


def r3_red(view: AudienceView, person: Person) -> Decision:
    """R3: RED goes to the named persons."""
    return NAMED_RED if person.id in view.persons else NOT_NAMED_RED


def _need_to_know(rule: str, view: AudienceView, person: Person) -> Decision:
    organisation = view.roster.facts.organisations[person.organisation]
    if person.id in view.persons:
        why = "named"
    elif view.everyone:
        why = "everyone"
    elif organisation.id in view.organisations:
        why = "organisation-named"
    elif view.in_place(organisation):
        why = "selected"
    else:
        return _said(False, rule, "not-addressed")
    if "officer" not in person.roles:
        return _said(False, rule, "not-officer")
    if not view.has_topic(person):
        return Decision(False, rule, "topic-missing", tuple(sorted(view.topics or ())))
    return _said(True, rule, why)


def r4_amber_strict(view: AudienceView, person: Person) -> Decision:
    """R4: AMBER+STRICT goes to the officers of the addressed organisations who need to know."""
    return _need_to_know("R4", view, person)


def r5_amber(view: AudienceView, person: Person) -> Decision:
    """R5: AMBER goes to the same persons; onward to registered clients by grant."""
    return _need_to_know("R5", view, person)


def r6_green(view: AudienceView, person: Person) -> Decision:
    """R6: GREEN goes to the community, or the part of it that the audience covers."""
    organisation = view.roster.facts.organisations[person.organisation]
    if view.everyone:
        return _said(True, "R6", "everyone")
    if person.id in view.persons:
        return _said(True, "R6", "named")
    if organisation.id in view.organisations:
        return _said(True, "R6", "organisation-named")
    if view.in_place(organisation):
        if view.has_topic(person):
            return _said(True, "R6", "selected")
        return Decision(False, "R6", "topic-missing", tuple(sorted(view.topics or ())))
    return _said(False, "R6", "not-addressed")


def r7_clear(view: AudienceView, person: Person) -> Decision:
    """R7: CLEAR is public; nobody is a sealed recipient."""
    return PUBLIC


def r11_earlier(view: AudienceView, person: Person) -> Decision:
    """R11: a withdrawal and an all-clear go to the earlier recipients (who are in force, R1) and to nobody else.

    Who does not know the earlier versions takes the author's word: server, approvers and auditors know them.
    """
    if view.earlier is None:
        return EARLIER_SAID
    return EARLIER if person.id in view.earlier else NOT_EARLIER


PERSON_RULE = {
    Label.RED: r3_red,
    Label.AMBER_STRICT: r4_amber_strict,
    Label.AMBER: r5_amber,
    Label.GREEN: r6_green,
    Label.CLEAR: r7_clear,
}


# -- rules about the alert -----------------------------------------------------------------------------------------


def may_publish(policy: Policy, kind: str, label: Label) -> bool:
    """Whether the policy lets an organisation of this kind publish this label."""
    allowed: Collection[Label] | None = getattr(policy.publish, kind, None)
    return allowed is not None and label in allowed


def r2_author(roster: Roster, policy: Policy, core: Core) -> Decision | None:
    """R2: the author's device and person are in force, hold role author, and the organisation may publish the label.

    To take an alert back its label need not be allowed any more (R11).
    """
    fault = roster.device_fault(core.issuer.device)
    if fault is not None:
        return Decision(False, "R2", f"author-{fault}")
    person = roster.facts.persons[roster.facts.devices[core.issuer.device].person]
    if "author" not in person.roles:
        return Decision(False, "R2", "not-author")
    kind = roster.facts.organisations[person.organisation].kind
    if core.action not in TAKING_BACK and not may_publish(policy, kind, core.label):
        return Decision(False, "R2", "label-not-allowed", (kind, core.label.value))
    return None


def r3_red_audience(policy: Policy, core: Core) -> Decision | None:
    """R3: RED names persons and nothing else, at most the policy's number."""
    if core.label is not Label.RED or core.audience is None:
        return None
    given = set(core.audience.to_json())
    if given != {"persons"}:
        return Decision(False, "R3", "red-names-persons-only", tuple(sorted(given - {"persons"})))
    named = len(core.audience.persons or ())
    # What was sent to more persons than the policy allows by now can be taken back all the same (R11).
    if named > policy.red_persons and core.action not in TAKING_BACK:
        return Decision(False, "R3", "too-many-named", (str(named), str(policy.red_persons)))
    return None


def required_approvals(policy: Policy, core: Core) -> int:
    """R8's number: by label, by width of the audience, and none at urgency immediate but for RED."""
    if core.urgency is Urgency.IMMEDIATE and core.label is not Label.RED:
        return 0
    needed = policy.approvals.get(core.label, 0)
    everyone = core.audience is not None and bool(core.audience.everyone)
    if everyone or core.leaves > policy.wide.recipients:
        needed = max(needed, policy.wide.approvals)
    return needed


def r8_approvals(roster: Roster, policy: Policy, core: Core, approvals: Collection[str]) -> Decision | None:
    """R8: enough approvals are demanded, and those given are by distinct candidate approvers, none the author."""
    needed = required_approvals(policy, core)
    if core.approvals < needed:
        return Decision(False, "R8", "approvals-below-policy", (str(core.approvals), str(needed)))
    if len(set(approvals)) != len(approvals):
        return Decision(False, "R8", "approver-twice")
    if len(approvals) > core.approvals:
        return Decision(False, "R8", "approvals-too-many", (str(len(approvals)), str(core.approvals)))
    author = roster.facts.devices[core.issuer.device].person
    for person in approvals:
        if person == author:
            return Decision(False, "R8", "approver-is-author")
        if person not in core.approvers:
            return Decision(False, "R8", "approver-not-candidate", (person,))
    return None


def r9_fit(roster: Roster, core: Core) -> Decision | None:
    """R9: policy id, label and audience, and candidate approvers fit together."""
    if core.policy != roster.facts.policy_id:
        return Decision(False, "R9", "policy-mismatch", (roster.facts.policy_id or "",))
    if core.label is Label.CLEAR:
        if core.audience is not None:
            return Decision(False, "R9", "clear-has-no-audience")
        if core.leaves:
            return Decision(False, "R7", "clear-has-no-stanzas")
    elif core.audience is None:
        return Decision(False, "R9", "audience-missing")
    author = roster.facts.persons[roster.facts.devices[core.issuer.device].person]
    for candidate in core.approvers:
        fault = approver_fault(roster, author, candidate)
        if fault is not None:
            return Decision(False, "R9", fault, (candidate,))
    return None


def approver_fault(roster: Roster, author: Person, candidate: str) -> str | None:
    """Why a person cannot be an approver of this author's alerts at this roster, or None."""
    if candidate == author.id:
        return "approver-is-author"
    fault = roster.person_fault(candidate)
    if fault is not None:
        return f"approver-{fault}"
    person = roster.facts.persons[candidate]
    if person.organisation != author.organisation:
        return "approver-other-organisation"
    if "approver" not in person.roles:
        return "not-approver"
    return None


def r9_known(roster: Roster, core: Core) -> Decision | None:
    """R9: every named organisation, circle and person is known (asked where the whole registry is known)."""
    audience = core.audience
    if audience is None:
        return None
    for organisation in audience.organisations or ():
        if organisation not in roster.facts.organisations:
            return Decision(False, "R9", "organisation-unknown", (organisation,))
    for circle in audience.circles or ():
        if circle not in roster.facts.circles:
            return Decision(False, "R9", "circle-unknown", (circle,))
    for person in audience.persons or ():
        if person not in roster.facts.persons:
            return Decision(False, "R9", "person-unknown", (person,))
    return None


def relabel_approvals(policy: Policy, before: Label, after: Label) -> int:
    """R10's number for a lower label: at least one, and no fewer than either label requires, at any urgency; else 0."""
    if _STRICTNESS[after] <= _STRICTNESS[before]:
        return 0
    return max(1, policy.approvals.get(before, 0), policy.approvals.get(after, 0))


def version_approvals(policy: Policy, core: Core, lineage: Lineage | None) -> int:
    """The approvals that R10 and R11 demand of a version beside R8's; 0 where they demand none, or it is not known here."""
    if lineage is None or lineage.previous is None:
        return 0
    if core.action in TAKING_BACK:
        return lineage.approvals
    return relabel_approvals(policy, lineage.previous.label, core.label)


def r10_version(roster: Roster, policy: Policy, core: Core, lineage: Lineage | None) -> Decision | None:
    """R10: a later version follows the newest released one, which its author had seen, by the same organisation.

    The label changes only by ``relabel``; a lower one needs approvals.  After a withdrawal nothing follows.
    """
    first = core.version == 1
    if first != (core.action == "new") or first != (core.previous is None) or first != (core.change is None):
        return Decision(False, "R10", "version-malformed", (core.action, str(core.version)))
    if lineage is None:
        return None
    if lineage.organisation is not None:
        author = roster.facts.persons[roster.facts.devices[core.issuer.device].person]
        if author.organisation != lineage.organisation:
            return Decision(False, "R10", "version-of-other-organisation", (lineage.organisation,))
    previous = lineage.previous
    if previous is None:
        return None
    if core.previous != lineage.statement:
        return Decision(False, "R10", "version-previous", (lineage.statement or "",))
    if not lineage.seen:
        return Decision(False, "R10", "version-unseen", (lineage.statement or "",))
    if previous.action == "withdraw":
        return Decision(False, "R10", "withdrawn", (str(previous.version),))
    if core.exercise != previous.exercise:
        return Decision(False, "R10", "exercise-changed")
    if (core.action == "relabel") != (core.label is not previous.label):
        code = "label-changed" if core.label is not previous.label else "label-unchanged"
        return Decision(False, "R10", code, (previous.label.value, core.label.value))
    needed = relabel_approvals(policy, previous.label, core.label)
    if core.approvals < needed:
        return Decision(False, "R10", "relabel-approvals", (str(core.approvals), str(needed)))
    return None


def r10_released(core: Core, lineage: Lineage | None) -> Decision | None:
    """R10: the version before is released (asked where all earlier versions are known)."""
    if core.version > 1 and (lineage is None or lineage.previous is None):
        return Decision(False, "R10", "version-unreleased", (str(core.version - 1),))
    return None


def r11_taking_back(core: Core, lineage: Lineage | None) -> Decision | None:
    """R11: a withdrawal or all-clear keeps label (R10) and audience, and has no fewer approvals than any earlier version."""
    if core.action not in TAKING_BACK:
        return None
    if core.change is None or core.change.audience != "same":
        return Decision(False, "R11", "audience-not-same")
    if lineage is None or lineage.previous is None:
        return None
    if core.audience != lineage.previous.audience:
        return Decision(False, "R11", "audience-changed")
    if core.approvals < lineage.approvals:
        return Decision(False, "R11", "approvals-below-earlier", (str(core.approvals), str(lineage.approvals)))
    return None


def r15_expiry(core: Core, accepted_at: int | None) -> Decision | None:
    """R15: nothing is sealed after ``valid_until``."""
    if core.valid_until <= core.at or (accepted_at is not None and accepted_at >= core.valid_until):
        return Decision(False, "R15", "expired", (str(core.valid_until),))
    return None


def r16_red_keys(roster: Roster, core: Core, usable: Container[str]) -> Decision | None:
    """R16: each person named in RED has at least one device with a usable key."""
    if core.label is not Label.RED or core.audience is None:
        return None
    for person in core.audience.persons or ():
        if not any(device in usable for device in roster.devices_in_force(person)):
            return Decision(False, "R16", "named-person-without-key", (person,))
    return None
