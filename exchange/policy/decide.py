"""The one decision: may this alert be published, and who receives it (``docs/spec/policy.md``).

``decide_alert`` needs only what every member may see, ``decide_one`` one person, ``decide`` the whole registry.  Preview,
publish, server, reader and auditor call these and nothing else.  Pure, total, deny by default.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from exchange.model.alert import Core
from exchange.model.registry import Policy
from exchange.model.tlp import Label
from exchange.policy.lineage import Lineage
from exchange.policy.members import Person, Roster, Standings
from exchange.policy.rules import (
    APPROVER,
    AUTHOR,
    PERSON_RULE,
    TAKING_BACK,
    AudienceView,
    Decision,
    approver_fault,
    r1_in_force,
    r1_member,
    r2_author,
    r3_red_audience,
    r8_approvals,
    r9_fit,
    r9_known,
    r10_released,
    r10_version,
    r11_earlier,
    r11_taking_back,
    r15_expiry,
    r16_red_keys,
)

T = TypeVar("T")

RELEASED = Decision(True, "R8", "released")
PROPOSED = Decision(True, "R8", "proposed")


@dataclass(frozen=True, slots=True)
class Context:
    """The other pure inputs: the roster at acceptance (None before it), the devices with a usable key, and a later
    version's lineage (None for version 1, and for a reader who has no earlier version)."""

    acceptance: Roster | None = None
    usable: Container[str] = frozenset()
    lineage: Lineage | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A device that receives the alert; ``usable`` when it has a key and so gets a stanza."""

    device: str
    person: str
    usable: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole decision.

    ``alert`` is the decision about the alert; ``people`` the decision about every person; ``recipients`` the devices, in
    roster order; ``without_device`` recipients that have none; ``unreached`` the earlier recipients whom a withdrawal or
    all-clear does not reach any more (R11), by person id.  After acceptance: ``unserved`` are recipients' devices lost
    meanwhile, ``newcomers`` persons who would be recipients by now.
    """

    alert: Decision
    people: dict[str, Decision] = field(default_factory=dict)
    recipients: tuple[Recipient, ...] = ()
    without_device: tuple[str, ...] = ()
    unserved: tuple[str, ...] = ()
    newcomers: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()

    @property
    def stanzas(self) -> int:
        """Number of devices with a usable key."""
        return sum(r.usable for r in self.recipients)

    @property
    def keyless(self) -> int:
        """Number of devices without a usable key."""
        return len(self.recipients) - self.stanzas


def decide_alert(roster: Roster, policy: Policy, core: Core, approvals: Collection[str], context: Context) -> Decision:
    """May this alert be published as it is?  Yes is ``released``, or ``proposed`` while approvals are missing.

    Evaluates what every member can see: R2, R3, R8, R9 (fit), R10 and R11 as far as the lineage is known, R14, R15.
    """
    refusal = (
        r2_author(roster, policy, core)
        or r10_version(roster, policy, core, context.lineage)
        or r11_taking_back(core, context.lineage)
        or r9_fit(roster, core)
        or r3_red_audience(policy, core)
        or r15_expiry(core, None if context.acceptance is None else context.acceptance.time)
        or r8_approvals(roster, policy, core, approvals)
    )
    if refusal is not None:
        return refusal
    if context.acceptance is not None:
        lost = _held_at_acceptance(context.acceptance, policy, core, approvals)
        if lost is not None:
            return lost
    return RELEASED if len(approvals) == core.approvals else PROPOSED


def _held_at_acceptance(acceptance: Roster, policy: Policy, core: Core, approvals: Collection[str]) -> Decision | None:
    """Author and approvers must also hold when the alert is accepted."""
    refusal = r2_author(acceptance, policy, core)
    if refusal is not None:
        return refusal
    author = acceptance.facts.persons[acceptance.facts.devices[core.issuer.device].person]
    for person in approvals:
        fault = approver_fault(acceptance, author, person)
        if fault is not None:
            return Decision(False, "R8", fault, (person,))
    return None


def decide_one(
    roster: Roster,
    policy: Policy,
    core: Core,
    person: str,
    view: AudienceView | None = None,
    lineage: Lineage | None = None,
) -> Decision:
    """Is this person a recipient?  ``view`` saves work when many persons are asked about one core."""
    found = roster.facts.persons.get(person)
    if found is None:
        return Decision(False, "R1", "person-unknown")
    return _decide_person(view or AudienceView(roster, core, lineage), found)


def _decide_person(view: AudienceView, person: Person) -> Decision:
    # Taking back reaches a client's person too, who was given what is taken back.
    refusal = r1_member(view, person) if view.rule is r11_earlier else r1_in_force(view, person)
    if refusal is not None:
        return refusal
    if view.label is not Label.CLEAR:
        if person.id == view.author:
            return AUTHOR
        if person.id in view.approvers:
            return APPROVER
    return view.rule(view, person)


def decide_people(roster: Roster, policy: Policy, core: Core, lineage: Lineage | None = None) -> dict[str, Decision]:
    """``decide_one`` for every person of the roster.

    Of a person whom neither the core nor the lineage names itself, the rules read the organisation, the roles, the topics and
    whether it was removed: who agrees in these is decided once.
    """
    view = AudienceView(roster, core, lineage)
    return _everybody(view, lambda person: _decide_person(view, person))


def _everybody(view: AudienceView, ask: Callable[[Person], T]) -> dict[str, T]:
    """The answer for every person of the view's roster, in roster order; asked once of those who are alike."""
    facts = view.roster.facts
    standings = view.roster.standings or Standings(facts)
    named = view.named
    answers = [ask(person) for person in standings.asked(facts, named)]
    people = {person: answers[number] for person, number in standings.group_of.items()}
    for person in named:
        if person in people:
            people[person] = ask(facts.persons[person])
    return people


def expand(
    roster: Roster, people: dict[str, Decision], usable: Container[str]
) -> tuple[tuple[Recipient, ...], tuple[str, ...]]:
    """The recipients' devices in force, and the recipients that have none."""
    recipients: list[Recipient] = []
    without: list[str] = []
    for person, decision in people.items():
        if decision.allowed:
            devices = roster.devices_in_force(person)
            if not devices:
                without.append(person)
            recipients += [Recipient(device, person, device in usable) for device in devices]
    return tuple(recipients), tuple(without)


def decide(roster: Roster, policy: Policy, core: Core, approvals: Collection[str], context: Context) -> Verdict:
    """The alert, every person and every device: what publisher, server, approvers and auditors recompute."""
    alert = decide_alert(roster, policy, core, approvals, context)
    if not alert.allowed:
        return Verdict(alert)
    known = r10_released(core, context.lineage) or r9_known(roster, core) or _change(roster, core, context.lineage)
    if known is not None:
        return Verdict(known)
    people = decide_people(roster, policy, core, context.lineage)
    recipients, without = expand(roster, people, context.usable)
    unreached = _unreached(core, context.lineage, people)
    verdict = Verdict(alert, people, recipients, without, unreached=unreached)
    refusal = _whole(roster, core, context, verdict)
    if refusal is not None:
        return Verdict(refusal, people, recipients, without, unreached=unreached)
    if context.acceptance is None:
        return verdict
    unserved = _unserved(roster, context.acceptance, recipients)
    if unserved and core.label is Label.RED and core.action not in TAKING_BACK:
        return Verdict(Decision(False, "R3", "recipient-lost", unserved), people, recipients, without, unserved)
    newcomers = _newcomers(roster, policy, core, context, people)
    return Verdict(alert, people, recipients, without, unserved, newcomers, unreached)


def _unserved(roster: Roster, acceptance: Roster, recipients: tuple[Recipient, ...]) -> tuple[str, ...]:
    """The recipients' devices that no longer satisfy R1 at acceptance: not in force, or an auditor's by now."""
    facts = acceptance.facts
    asked = {
        facts.persons[recipient.person].organisation for recipient in recipients if recipient.person in facts.persons
    }
    ended = {organisation for organisation in asked if acceptance.member_fault(organisation) is not None}
    if acceptance.size == roster.size and not ended:
        return ()  # only time has passed, and it ends memberships alone

    def lost(recipient: Recipient) -> bool:
        device, person = facts.devices.get(recipient.device), facts.persons.get(recipient.person)
        if device is None or device.revoked or person is None or person.removed:
            return True
        return person.organisation in ended or "auditor" in person.roles

    return tuple(recipient.device for recipient in recipients if lost(recipient))


def _whole(roster: Roster, core: Core, context: Context, verdict: Verdict) -> Decision | None:
    """What can be asked only where the whole registry is known: R9 (empty audience), R16, and the number of leaves."""
    if core.label is Label.CLEAR:
        return None
    always = (AUTHOR, APPROVER)
    if core.action in TAKING_BACK:
        return _leaf_count(core, verdict)  # never stopped by whom it no longer reaches (R11)
    if core.label is Label.RED:
        for person in (core.audience.persons if core.audience is not None else None) or ():
            decision = verdict.people[person]
            if not decision.allowed:
                return Decision(False, decision.rule, decision.code, (person,))
    if not any(d.allowed and d not in always for d in verdict.people.values()):
        return Decision(False, "R9", "audience-empty")
    refusal = r16_red_keys(roster, core, context.usable)
    if refusal is not None:
        return refusal
    return _leaf_count(core, verdict)


def _leaf_count(core: Core, verdict: Verdict) -> Decision | None:
    """R16: the numbers of leaves with and without a stanza are those signed."""
    stanzas = verdict.stanzas
    keyless = len(verdict.recipients) - stanzas
    if (stanzas, keyless) != (core.stanzas, core.keyless):
        return Decision(False, "R16", "leaf-count", (str(stanzas), str(keyless)))
    return None


def audience_change(
    roster: Roster, core: Core, previous: Core
) -> tuple[Literal["different", "narrower", "same", "wider"], frozenset[str], frozenset[str]]:
    """How a version's audience differs from the previous one's, and the persons who are new and who fall out (R10).

    Both at this version's roster, by label and audience alone: without author and candidate approvers of this version, who
    receive every version.  CLEAR is everybody.
    """
    if Label.CLEAR in (core.label, previous.label):
        if core.label is previous.label:
            return "same", frozenset(), frozenset()
        return ("wider" if core.label is Label.CLEAR else "narrower"), frozenset(), frozenset()
    before, after = _addressed(roster, core, previous), _addressed(roster, core, core)
    if before == after:
        word: Literal["different", "narrower", "same", "wider"] = "same"
    elif before < after:
        word = "wider"
    else:
        word = "narrower" if after < before else "different"
    return word, after - before, before - after


def _addressed(roster: Roster, core: Core, of: Core) -> frozenset[str]:
    """Whom ``of``'s label and audience make recipients at this roster, but for ``core``'s author and candidate approvers."""
    view = AudienceView(roster, of)
    rule = PERSON_RULE[of.label]
    device = roster.facts.devices.get(core.issuer.device)
    always = {*core.approvers, None if device is None else device.person}
    people = _everybody(view, lambda person: r1_in_force(view, person) is None and rule(view, person).allowed)
    return frozenset(person for person, reached in people.items() if reached and person not in always)


def _change(roster: Roster, core: Core, lineage: Lineage | None) -> Decision | None:
    """R10: what ``change.audience`` says of the recipients is true. Of a withdrawal and an all-clear R11 asks it."""
    if core.change is None or lineage is None or lineage.previous is None or core.action in TAKING_BACK:
        return None
    word, _, _ = audience_change(roster, core, lineage.previous)
    if word != core.change.audience:
        return Decision(False, "R10", "audience-change-untrue", (core.change.audience, word))
    return None


def _unreached(core: Core, lineage: Lineage | None, people: dict[str, Decision]) -> tuple[str, ...]:
    """The earlier recipients whom a withdrawal or all-clear does not reach, because they are not in force any more (R11)."""
    if core.action not in TAKING_BACK or not core.label.sealed or lineage is None or lineage.recipients is None:
        return ()
    return tuple(sorted(p for p in lineage.recipients if p not in people or not people[p].allowed))


def _newcomers(
    roster: Roster, policy: Policy, core: Core, context: Context, people: dict[str, Decision]
) -> tuple[str, ...]:
    """Persons who would be recipients at acceptance and were not at the roster named: named in the answer, served by grant."""
    acceptance = context.acceptance
    if acceptance is None or core.label is Label.CLEAR or acceptance.size == roster.size:
        return ()
    later = decide_people(acceptance, policy, core, context.lineage)
    return tuple(p for p, d in later.items() if d.allowed and not (p in people and people[p].allowed))
