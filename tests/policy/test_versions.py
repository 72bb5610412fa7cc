"""R10 and R11: later versions and withdrawals, the attacks first (docs/spec/policy.md)."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.model.alert import Core
from exchange.policy.decide import (
    Context,
    Verdict,
    audience_change,
    decide,
    decide_alert,
    decide_one,
    decide_people,
    expand,
)
from exchange.policy.lineage import Lineage, Version, lineage_of
from exchange.policy.members import Roster
from tests.policy.test_rules import Scene, ids
from tests.support.world import EMPTY_HEAD, Member

HERE = {"journal": {**EMPTY_HEAD, "size": 100}, "registry": EMPTY_HEAD}
"""An author who has seen 100 journal entries."""


class Story(Scene):
    """The scene with an alert's versions; the release of version n stands at journal index n."""

    def __init__(self) -> None:
        super().__init__()
        self.colleague = self.world.person(self.authority, "author")
        self.versions: list[Version] = []
        self.grantees: set[str] = set()

    def release(self, core: Core) -> Core:
        """Take a version as released to those whom the rules name."""
        policy = self.roster.facts.policy
        assert policy is not None
        people = decide_people(self.roster, policy, core, lineage_of(core, self.versions, self.grantees))
        author = self.roster.facts.devices[core.issuer.device].person
        organisation = self.roster.facts.persons[author].organisation
        recipients = frozenset(p for p, d in people.items() if d.allowed)
        index = len(self.versions) + 1
        self.versions.append(Version(f"{index:064x}", index, core, organisation, recipients))
        return core

    def first(self, label: str = "AMBER", audience: dict[str, Any] | None = None, **changes: Any) -> Core:
        if audience is None and label != "CLEAR":
            audience = {"organisations": [self.hospital]}
        return self.release(self.core(label, audience, **changes))

    def next(self, action: str = "update", by: Member | None = None, change: str = "same", **changes: Any) -> Core:
        """The next version: as the newest one, with changes."""
        last = self.versions[-1]
        core = last.core
        fields: dict[str, Any] = {
            "action": action,
            "alert": core.alert,
            "approvals": core.approvals,
            "approvers": list(core.approvers),
            "change": {"audience": change, "reason": "error"},
            "exercise": core.exercise,
            "previous": last.statement,
            "seen": HERE,
            "urgency": core.urgency.value,
            "version": core.version + 1,
        }
        label = changes.pop("label", core.label.value)
        audience = changes.pop("audience", None if core.audience is None else core.audience.to_json())
        if action == "all-clear":
            fields["kind"] = "all-clear"
        return self.core(label, audience, by, **{**fields, **changes})

    def lineage(self, core: Core) -> Lineage | None:
        return lineage_of(core, self.versions, self.grantees)

    def decide(self, core: Core, *approvals: Member, acceptance: Roster | None = None) -> Verdict:
        policy = self.roster.facts.policy
        assert policy is not None
        lineage = self.lineage(core)
        recipients, _ = expand(self.roster, decide_people(self.roster, policy, core, lineage), self.usable)
        stanzas = sum(r.usable for r in recipients)
        if core.label != "CLEAR":
            core = core.model_copy(update={"stanzas": stanzas, "keyless": len(recipients) - stanzas})
        context = Context(acceptance, self.usable, lineage)
        return decide(self.roster, policy, core, [a.person for a in approvals], context)

    def suspend(self, organisation: str) -> None:
        chain = f"organisation/{organisation}"
        fields = {"organisation": organisation, "previous": self.world.previous(chain)}
        self.world.accept(self.world.by_registrars("organisation.suspend", **fields))


@pytest.fixture
def story() -> Story:
    return Story()


# -- attacks ---------------------------------------------------------------------------------------------------------


def test_attack_a_withdrawal_of_anothers_alert(story: Story) -> None:
    other = story.world.organisation("authority", sectors=("security",), areas=("05",))
    stranger = story.world.person(other, "author")
    story.first()
    assert story.refusal(story.next("withdraw", by=stranger)) == ("R10", "version-of-other-organisation")
    assert story.decide(story.next("withdraw", by=story.colleague)).alert.allowed


def test_attack_a_lowered_label_in_an_update(story: Story) -> None:
    story.first()
    for action in ("update", "supersede", "withdraw", "all-clear"):
        lowered = story.next(action, label="GREEN", change="same")
        assert story.refusal(lowered) == ("R10", "label-changed")


def test_attack_a_label_lowered_without_approval(story: Story) -> None:
    story.first("RED", {"persons": ids(story.doctor)}, approvers=ids(story.approver), approvals=1)
    lowered = story.next("relabel", label="AMBER", approvals=0)
    assert story.refusal(lowered) == ("R10", "relabel-approvals")
    at_once = story.next("relabel", label="AMBER", approvals=0, urgency="immediate")
    assert story.refusal(at_once) == ("R10", "relabel-approvals")
    assert story.decide(story.next("relabel", label="AMBER"), story.approver).alert.code == "released"


def test_attack_a_relabel_that_changes_nothing(story: Story) -> None:
    story.first()
    assert story.refusal(story.next("relabel")) == ("R10", "label-unchanged")


def test_attack_previous_is_another_alerts_statement(story: Story) -> None:
    story.first()
    assert story.refusal(story.next(previous="ab" * 32)) == ("R10", "version-previous")


def test_attack_previous_is_an_unreleased_proposal(story: Story) -> None:
    first = story.first()
    story.versions.clear()
    proposed = first.model_copy(update={"action": "update", "version": 2, "previous": "ab" * 32})
    skipped = story.core(
        "AMBER",
        {"organisations": [story.hospital]},
        action="update",
        change={"audience": "same", "reason": "error"},
        previous="ab" * 32,
        version=2,
    )
    assert story.refusal(skipped) == ("R10", "version-unreleased")
    assert story.refusal(proposed.model_copy(update={"change": skipped.change})) == ("R10", "version-unreleased")


def test_attack_a_version_that_the_author_had_not_seen(story: Story) -> None:
    story.first()
    blind = story.next(seen={**HERE, "journal": {**EMPTY_HEAD, "size": 1}})
    assert story.refusal(blind) == ("R10", "version-unseen")


def test_attack_a_version_is_skipped(story: Story) -> None:
    story.first()
    assert story.refusal(story.next(version=3)) == ("R10", "version-unreleased")


def test_attack_a_version_after_a_withdrawal(story: Story) -> None:
    story.first()
    story.release(story.next("withdraw"))
    for action in ("update", "supersede", "withdraw", "all-clear"):
        assert story.refusal(story.next(action)) == ("R10", "withdrawn")


def test_attack_an_exercise_that_becomes_real_in_an_update(story: Story) -> None:
    story.first(exercise=True)
    assert story.refusal(story.next(exercise=False)) == ("R10", "exercise-changed")
    story.versions.clear()
    story.first()
    assert story.refusal(story.next("withdraw", exercise=True)) == ("R10", "exercise-changed")


def test_attack_a_withdrawal_with_fewer_approvals_than_the_original(story: Story) -> None:
    story.first(approvers=ids(story.approver), approvals=1)
    story.release(story.next("update", approvals=0))
    for action in ("withdraw", "all-clear"):
        assert story.refusal(story.next(action, approvals=0)) == ("R11", "approvals-below-earlier")
        at_once = story.next(action, approvals=0, urgency="immediate")
        assert story.refusal(at_once) == ("R11", "approvals-below-earlier")
        assert story.decide(story.next(action, approvals=1), story.approver).alert.code == "released"


@pytest.mark.parametrize("said", ["wider", "narrower", "different"])
def test_attack_a_change_audience_that_lies(story: Story, said: str) -> None:
    story.first()
    assert story.refusal(story.next(change=said)) == ("R10", "audience-change-untrue")
    assert story.refusal(story.next("withdraw", change=said)) == ("R11", "audience-not-same")


def test_attack_a_wider_audience_called_the_same(story: Story) -> None:
    story.first()
    wider = {"organisations": sorted([story.hospital, story.carrier])}
    assert story.refusal(story.next(audience=wider)) == ("R10", "audience-change-untrue")
    assert story.decide(story.next(audience=wider, change="wider")).alert.allowed


def test_attack_a_withdrawal_to_another_audience(story: Story) -> None:
    story.first()
    core = story.next("withdraw", audience={"organisations": [story.carrier]})
    assert story.refusal(core) == ("R11", "audience-changed")


def test_attack_a_withdrawal_that_adds_a_newcomer(story: Story) -> None:
    """Who is enrolled later is in the audience by its words, and received nothing that could be taken back."""
    story.first()
    newcomer = story.world.person(story.hospital, "officer", topics=("it",))  # in all but the past as the doctor
    verdict = story.decide(story.next("withdraw"))
    assert verdict.people[newcomer.person].code == "no-earlier-recipient"
    assert newcomer.person not in {r.person for r in verdict.recipients}


def test_attack_a_later_version_with_the_body_of_a_new_one(story: Story) -> None:
    first = story.first()
    forged = first.model_copy(update={"version": 2})
    assert story.refusal(forged) == ("R10", "version-malformed")


# -- what is allowed -------------------------------------------------------------------------------------------------


def test_a_withdrawal_reaches_those_who_have_left_the_audience(story: Story) -> None:
    story.first()
    story.release(story.next(audience={"organisations": [story.carrier]}, change="different"))
    verdict = story.decide(story.next("withdraw"))
    reached = {r.person for r in verdict.recipients}
    assert reached == {story.author.person, *ids(story.doctor, story.porter, story.driver)}
    assert verdict.people[story.doctor.person].code == "earlier-recipient"


def test_a_withdrawal_names_the_earlier_recipients_out_of_force(story: Story) -> None:
    story.first("RED", {"persons": ids(story.doctor, story.driver)}, approvers=ids(story.approver), approvals=1)
    story.suspend(story.carrier)
    verdict = story.decide(story.next("withdraw"), story.approver)
    assert verdict.alert.code == "released"
    assert verdict.unreached == (story.driver.person,)
    assert verdict.people[story.driver.person].rule == "R1"


def test_a_withdrawal_is_not_stopped_when_nobody_is_left(story: Story) -> None:
    story.first("RED", {"persons": ids(story.driver)}, approvers=ids(story.approver), approvals=1)
    story.keyless = set(story.roster.facts.devices)
    story.suspend(story.carrier)
    assert story.decide(story.next("withdraw"), story.approver).alert.code == "released"


def test_a_withdrawal_is_not_stopped_by_a_recipient_lost_before_acceptance(story: Story) -> None:
    story.first("RED", {"persons": ids(story.doctor, story.driver)}, approvers=ids(story.approver), approvals=1)
    core, named = story.next("withdraw"), story.roster
    lineage = story.lineage(core)
    policy = named.facts.policy
    assert policy is not None
    recipients, _ = expand(named, decide_people(named, policy, core, lineage), story.usable)
    core = core.model_copy(update={"stanzas": len(recipients)})
    story.suspend(story.carrier)
    context = Context(story.roster, story.usable, lineage)
    verdict = decide(named, policy, core, [story.approver.person], context)
    assert verdict.alert.code == "released"
    assert verdict.unserved == (story.driver.device,)


def test_a_withdrawal_reaches_grantees(story: Story) -> None:
    story.first()
    story.grantees.add(story.driver.person)
    assert story.driver.person in {r.person for r in story.decide(story.next("withdraw")).recipients}
    assert story.driver.person not in {r.person for r in story.decide(story.next("update")).recipients}


def test_an_authority_that_may_not_publish_the_label_any_more_may_withdraw(story: Story) -> None:
    story.first()
    story.world.adopt(publish={"authority": ["GREEN"], "chamber": ["CLEAR"]})
    assert story.refusal(story.next()) == ("R2", "label-not-allowed")
    assert story.decide(story.next("withdraw")).alert.allowed
    assert story.decide(story.next("all-clear")).alert.allowed


def test_more_persons_named_than_allowed_by_now_can_be_withdrawn(story: Story) -> None:
    story.first("RED", {"persons": ids(story.doctor, story.driver)}, approvers=ids(story.approver), approvals=1)
    story.world.adopt(red_persons=1)
    assert story.refusal(story.next()) == ("R3", "too-many-named")
    assert story.decide(story.next("withdraw"), story.approver).alert.allowed


def test_an_update_follows_an_all_clear(story: Story) -> None:
    story.first()
    story.release(story.next("all-clear"))
    again = story.next(change="same")
    assert story.decide(again).alert.allowed
    assert story.refusal(story.next(change="different")) == ("R10", "audience-change-untrue")


def test_a_stricter_label_needs_no_approval_of_its_own(story: Story) -> None:
    story.first("GREEN")
    stricter = story.next("relabel", label="AMBER", change="narrower")
    verdict = story.decide(stricter)
    assert verdict.alert.allowed, verdict.alert  # GREEN goes to every role, AMBER to officers


def test_clear_is_everybody(story: Story) -> None:
    story.first("GREEN", approvers=ids(story.approver), approvals=1)
    public = story.next("relabel", label="CLEAR", audience=None, change="wider", approvers=ids(story.approver))
    assert story.decide(public, story.approver).alert.allowed
    story.release(public)
    assert story.decide(story.next(change="same"), story.approver).alert.allowed
    back = story.next("relabel", label="AMBER", audience={"organisations": [story.hospital]}, change="narrower")
    assert story.decide(back, story.approver).alert.allowed


def test_a_clear_withdrawal_is_sealed_to_nobody(story: Story) -> None:
    story.first("CLEAR", approvers=ids(story.approver), approvals=1)
    verdict = story.decide(story.next("withdraw"), story.approver)
    assert verdict.alert.code == "released" and verdict.recipients == () and verdict.unreached == ()


def test_who_is_new_and_who_falls_out_is_named(story: Story) -> None:
    first = story.first()
    later = story.next(audience={"organisations": [story.carrier]})
    word, new, gone = audience_change(story.roster, later, first)
    assert (word, new, gone) == ("different", {story.driver.person}, set(ids(story.doctor, story.porter)))


def test_author_and_candidates_change_no_audience(story: Story) -> None:
    """They receive every version, whatever the audience says."""
    story.first()
    assert story.decide(story.next(approvers=ids(story.approver), by=story.colleague)).alert.allowed


# -- a reader with a part of the lineage --------------------------------------------------------------------------------


def test_a_reader_without_earlier_versions_asks_what_the_core_shows(story: Story) -> None:
    story.first()
    policy = story.roster.facts.policy
    assert policy is not None
    withdrawal, roster = story.next("withdraw"), story.roster
    assert decide_alert(roster, policy, withdrawal, (), Context()).allowed
    untrue = story.next("withdraw", change="wider")
    assert decide_alert(roster, policy, untrue, (), Context()).code == "audience-not-same"
    found = decide_one(roster, policy, withdrawal, story.porter.person)
    assert (found.allowed, found.code) == (True, "earlier-recipient-said")
    assert decide_one(roster, policy, withdrawal, story.auditor.person).code == "auditor"


def test_a_reader_who_has_the_version_before_asks_r10_and_r11(story: Story) -> None:
    story.first()
    policy = story.roster.facts.policy
    assert policy is not None
    stranger = story.world.person(story.world.organisation("authority"), "author")
    core = story.next("withdraw", by=stranger)
    part = lineage_of(core, story.versions)
    assert decide_alert(story.roster, policy, core, (), Context(lineage=part)).code == "version-of-other-organisation"


def test_the_whole_decision_needs_the_whole_lineage(story: Story) -> None:
    story.first()
    core = story.next("withdraw")
    policy = story.roster.facts.policy
    assert policy is not None
    assert decide(story.roster, policy, core, (), Context()).alert.code == "version-unreleased"
