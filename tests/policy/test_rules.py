"""The policy's rules, one test for each sentence of docs/spec/policy.md: yes and no."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.model.alert import Core
from exchange.model.scalars import DAY
from exchange.policy.decide import Context, Verdict, decide, decide_alert, decide_one, decide_people, expand
from exchange.policy.members import Roster
from tests.support.world import EMPTY_HEAD, Member, World


class Scene:
    """An authority with author and approver, a hospital in Essen, a carrier in Bochum, an auditor."""

    def __init__(self) -> None:
        self.world = world = World().found()
        self.authority = world.organisation("authority", sectors=("security",), areas=("05",))
        self.author = world.person(self.authority, "author")
        self.approver = world.person(self.authority, "approver")
        self.hospital = world.organisation(sectors=("health",), areas=("05113000",))
        self.doctor = world.person(self.hospital, "officer", topics=("it",))
        self.porter = world.person(self.hospital, "officer", topics=("physical",))
        self.manager = world.person(self.hospital, "administrator")
        self.carrier = world.organisation(sectors=("logistics",), areas=("05911000",))
        self.driver = world.person(self.carrier, "officer", topics=("physical",))
        self.office = world.organisation("municipality", sectors=("audit",), areas=("05113000",))
        self.auditor = world.person(self.office, "auditor")
        self.keyless: set[str] = set()

    @property
    def roster(self) -> Roster:
        return self.world.roster.at(self.world.now)

    @property
    def usable(self) -> frozenset[str]:
        return frozenset(self.roster.facts.devices) - self.keyless

    def core(
        self, label: str, audience: dict[str, Any] | None = None, by: Member | None = None, **changes: Any
    ) -> Core:
        now = self.world.now
        fields: dict[str, Any] = {
            "action": "new",
            "alert": self.world.random.id(),
            "approvals": 0,
            "approvers": [],
            "at": now,
            "audience": audience,
            "certainty": "observed",
            "exchange": self.world.exchange,
            "exercise": False,
            "issuer": {"device": (by or self.author).device},
            "keyless": 0,
            "kind": "threat",
            "label": label,
            "nonce": self.world.random.id(),
            "policy": self.roster.facts.policy_id,
            "release_by": now + DAY,
            "seen": {"journal": EMPTY_HEAD, "registry": EMPTY_HEAD},
            "severity": "moderate",
            "stanzas": 0,
            "suite": "x1",
            "urgency": "expected",
            "valid_until": now + 14 * DAY,
            "version": 1,
        }
        fields.update(changes)
        return Core.model_validate({k: v for k, v in fields.items() if v is not None})

    def decide(self, core: Core, *approvals: Member, acceptance: Roster | None = None) -> Verdict:
        policy = self.roster.facts.policy
        assert policy is not None
        recipients, _ = expand(self.roster, decide_people(self.roster, policy, core), self.usable)
        stanzas = sum(r.usable for r in recipients)
        if core.label != "CLEAR":
            core = core.model_copy(update={"stanzas": stanzas, "keyless": len(recipients) - stanzas})
        return decide(self.roster, policy, core, [a.person for a in approvals], Context(acceptance, self.usable))

    def receive(self, core: Core, *approvals: Member) -> set[str]:
        verdict = self.decide(core, *approvals)
        assert verdict.alert.allowed, verdict.alert
        return {r.person for r in verdict.recipients}

    def refusal(self, core: Core, *approvals: Member, acceptance: Roster | None = None) -> tuple[str, str]:
        alert = self.decide(core, *approvals, acceptance=acceptance).alert
        assert not alert.allowed
        return alert.rule, alert.code

    def why(self, core: Core, member: Member) -> tuple[bool, str, str]:
        policy = self.roster.facts.policy
        assert policy is not None
        found = decide_one(self.roster, policy, core, member.person)
        return found.allowed, found.rule, found.code


@pytest.fixture
def scene() -> Scene:
    return Scene()


def ids(*members: Member) -> list[str]:
    return sorted(m.person for m in members)


def test_r1_a_suspended_organisation_receives_nothing(scene: Scene) -> None:
    core = scene.core("GREEN", {"everyone": True}, approvers=ids(scene.approver), approvals=1)
    assert scene.why(core, scene.driver) == (True, "R6", "everyone")
    scene.world.accept(
        scene.world.by_registrars(
            "organisation.suspend",
            organisation=scene.carrier,
            previous=scene.world.previous(f"organisation/{scene.carrier}"),
        )
    )
    assert scene.why(core, scene.driver) == (False, "R1", "organisation-suspended")


def test_r1_an_auditor_is_never_a_recipient(scene: Scene) -> None:
    core = scene.core("GREEN", {"everyone": True})
    assert scene.why(core, scene.auditor) == (False, "R1", "auditor")


def test_r1_a_member_whose_membership_ran_out_receives_nothing(scene: Scene) -> None:
    scene.world.now += 365 * DAY
    assert scene.why(scene.core("GREEN", {"everyone": True}), scene.driver) == (False, "R1", "membership-expired")


def test_r2_only_an_author_publishes(scene: Scene) -> None:
    assert scene.refusal(scene.core("GREEN", {"everyone": True}, by=scene.doctor)) == ("R2", "not-author")


def test_r2_a_company_publishes_no_label_by_default(scene: Scene) -> None:
    author = scene.world.person(scene.hospital, "author")
    assert scene.refusal(scene.core("GREEN", {"everyone": True}, by=author)) == ("R2", "label-not-allowed")


def test_r3_red_goes_to_the_named_persons_and_to_author_and_approver(scene: Scene) -> None:
    core = scene.core("RED", {"persons": ids(scene.doctor)}, approvers=ids(scene.approver), approvals=1)
    assert scene.receive(core, scene.approver) == set(ids(scene.doctor, scene.author, scene.approver))
    assert scene.why(core, scene.porter) == (False, "R3", "not-named")


def test_r3_red_to_a_sector_is_refused(scene: Scene) -> None:
    core = scene.core("RED", {"sectors": ["health"]}, approvers=ids(scene.approver), approvals=1)
    assert scene.refusal(core) == ("R3", "red-names-persons-only")


def test_r3_red_names_at_most_as_many_as_the_policy_says(scene: Scene) -> None:
    scene.world.adopt(red_persons=1)
    core = scene.core("RED", {"persons": ids(scene.doctor, scene.porter)}, approvers=ids(scene.approver), approvals=1)
    assert scene.refusal(core) == ("R3", "too-many-named")


@pytest.mark.parametrize(("label", "rule"), [("AMBER+STRICT", "R4"), ("AMBER", "R5")])
def test_r4_r5_amber_goes_to_officers_of_addressed_organisations(scene: Scene, label: str, rule: str) -> None:
    core = scene.core(label, {"sectors": ["health"]})
    assert scene.receive(core) == set(ids(scene.doctor, scene.porter, scene.author))
    assert scene.why(core, scene.manager) == (False, rule, "not-officer")
    assert scene.why(core, scene.driver) == (False, rule, "not-addressed")


def test_r4_topics_narrow_even_a_named_organisation_and_a_named_person(scene: Scene) -> None:
    core = scene.core(
        "AMBER+STRICT", {"organisations": [scene.hospital], "persons": ids(scene.driver), "topics": ["it"]}
    )
    assert scene.receive(core) == set(ids(scene.doctor, scene.author))
    assert scene.why(core, scene.driver) == (False, "R4", "topic-missing")


def test_persons_of_one_organisation_are_decided_together_and_each_as_if_alone(scene: Scene) -> None:
    colleague = scene.world.person(scene.hospital, "officer", topics=("it",))
    scene.world.person(scene.hospital, "approver", "officer", topics=("it", "physical"))
    leaver = scene.world.person(scene.hospital, "officer", topics=("it",))
    scene.world.accept(
        scene.world.by_registrars(
            "person.remove", person=leaver.person, previous=scene.world.previous(f"person/{leaver.person}")
        )
    )
    policy = scene.roster.facts.policy
    assert policy is not None
    audiences: list[dict[str, Any]] = [
        {"everyone": True},
        {"sectors": ["health"], "topics": ["it"]},
        {"persons": [colleague.person]},
        {"persons": [colleague.person], "topics": ["physical"]},
        {"organisations": [scene.hospital]},
    ]
    for label in ("RED", "AMBER+STRICT", "AMBER", "GREEN"):
        for audience in audiences:
            core = scene.core(label, audience, approvers=[scene.approver.person])
            people = decide_people(scene.roster, policy, core)
            assert people == {p.id: decide_one(scene.roster, policy, core, p.id) for p in scene.roster.people()}


def test_r6_green_goes_to_any_role_of_the_part_it_names(scene: Scene) -> None:
    core = scene.core("GREEN", {"areas": ["05113"]})
    assert scene.receive(core) == set(ids(scene.doctor, scene.porter, scene.manager, scene.author))


def test_r6_a_named_organisation_is_added_to_what_the_fields_select(scene: Scene) -> None:
    core = scene.core("GREEN", {"areas": ["05113000"], "organisations": [scene.carrier], "topics": ["it"]})
    assert scene.receive(core) == set(ids(scene.doctor, scene.driver, scene.author))


def test_audience_a_shorter_area_covers_the_longer_and_never_the_reverse(scene: Scene) -> None:
    assert scene.driver.person in scene.receive(scene.core("GREEN", {"areas": ["05"]}))
    core = scene.core("GREEN", {"areas": ["05113000"]})
    assert scene.why(core, scene.author)[1] == "R2"
    statewide = scene.world.person(scene.authority, "officer")
    assert scene.why(core, statewide) == (False, "R6", "not-addressed")


def test_audience_fields_are_joined_by_and(scene: Scene) -> None:
    core = scene.core("GREEN", {"areas": ["05"], "sectors": ["logistics"], "topics": ["physical"]})
    assert scene.receive(core) == set(ids(scene.driver, scene.author))


def test_r7_clear_has_no_recipients_and_no_audience(scene: Scene) -> None:
    core = scene.core("CLEAR", None, approvers=ids(scene.approver), approvals=1)
    verdict = scene.decide(core, scene.approver)
    assert verdict.alert.code == "released"
    assert verdict.recipients == ()
    assert scene.refusal(scene.core("CLEAR", {"everyone": True}, approvers=ids(scene.approver), approvals=1)) == (
        "R9",
        "clear-has-no-audience",
    )


@pytest.mark.parametrize("label", ["RED", "CLEAR"])
def test_r8_red_and_clear_need_an_approval(scene: Scene, label: str) -> None:
    audience = {"persons": ids(scene.doctor)} if label == "RED" else None
    assert scene.refusal(scene.core(label, audience)) == ("R8", "approvals-below-policy")
    core = scene.core(label, audience, approvers=ids(scene.approver), approvals=1)
    assert scene.decide(core).alert.code == "proposed"
    assert scene.decide(core, scene.approver).alert.code == "released"


def test_r8_a_wide_audience_needs_an_approval(scene: Scene) -> None:
    assert scene.refusal(scene.core("GREEN", {"everyone": True})) == ("R8", "approvals-below-policy")
    scene.world.adopt(wide={"approvals": 1, "recipients": 2})
    assert scene.refusal(scene.core("GREEN", {"sectors": ["health"]})) == ("R8", "approvals-below-policy")
    assert scene.receive(scene.core("GREEN", {"sectors": ["logistics"]}))


def test_r8_immediate_drops_approvals_for_all_but_red(scene: Scene) -> None:
    assert scene.receive(scene.core("GREEN", {"everyone": True}, urgency="immediate"))
    core = scene.core("RED", {"persons": ids(scene.doctor)}, urgency="immediate")
    assert scene.refusal(core) == ("R8", "approvals-below-policy")


def test_r8_author_approver_and_strangers_do_not_approve(scene: Scene) -> None:
    core = scene.core("RED", {"persons": ids(scene.doctor)}, approvers=ids(scene.approver), approvals=1)
    assert scene.refusal(core, scene.author) == ("R8", "approver-is-author")
    assert scene.refusal(core, scene.doctor) == ("R8", "approver-not-candidate")
    two = scene.core(
        "RED",
        {"persons": ids(scene.doctor)},
        approvers=ids(scene.approver, scene.world.person(scene.authority, "approver")),
        approvals=2,
    )
    assert scene.refusal(two, scene.approver, scene.approver) == ("R8", "approver-twice")


def test_r9_an_audience_that_reaches_nobody_is_refused(scene: Scene) -> None:
    assert scene.refusal(scene.core("AMBER", {"sectors": ["aviation"]})) == ("R9", "audience-empty")


def test_r9_unknown_names_are_refused(scene: Scene) -> None:
    stranger = scene.world.random.id()
    assert scene.refusal(scene.core("GREEN", {"organisations": [stranger]})) == ("R9", "organisation-unknown")
    assert scene.refusal(scene.core("GREEN", {"circles": [stranger]})) == ("R9", "circle-unknown")


def test_r9_candidate_approvers_are_of_the_authors_organisation(scene: Scene) -> None:
    stranger = scene.world.person(scene.hospital, "approver")
    core = scene.core("RED", {"persons": ids(scene.doctor)}, approvers=ids(stranger), approvals=1)
    assert scene.refusal(core) == ("R9", "approver-other-organisation")


def test_r9_the_policy_is_the_rosters(scene: Scene) -> None:
    core = scene.core("GREEN", {"sectors": ["health"]}, policy="0" * 64)
    assert scene.refusal(core) == ("R9", "policy-mismatch")


def test_r15_nothing_is_accepted_after_it_expired(scene: Scene) -> None:
    core = scene.core("GREEN", {"sectors": ["health"]}, valid_until=scene.world.now + 60)
    scene.world.now += 60
    policy = scene.roster.facts.policy
    assert policy is not None
    later = decide_alert(scene.world.roster.at(core.at), policy, core, [], Context(scene.roster))
    assert (later.rule, later.code) == ("R15", "expired")


def test_r16_a_device_without_a_key_is_counted_and_named(scene: Scene) -> None:
    scene.keyless.add(scene.porter.device)
    verdict = scene.decide(scene.core("AMBER", {"sectors": ["health"]}))
    assert (verdict.stanzas, verdict.keyless) == (2, 1)
    assert [r.person for r in verdict.recipients if not r.usable] == [scene.porter.person]


def test_r16_red_refuses_a_named_person_without_a_key(scene: Scene) -> None:
    scene.keyless.add(scene.doctor.device)
    core = scene.core("RED", {"persons": ids(scene.doctor)}, approvers=ids(scene.approver), approvals=1)
    assert scene.refusal(core, scene.approver) == ("R16", "named-person-without-key")


def test_acceptance_an_author_suspended_meanwhile_is_refused(scene: Scene) -> None:
    core = scene.core("GREEN", {"sectors": ["health"]})
    named = scene.roster
    scene.world.accept(
        scene.world.by_registrars(
            "device.revoke", device=scene.author.device, previous=scene.world.previous(f"device/{scene.author.device}")
        )
    )
    policy = named.facts.policy
    assert policy is not None
    found = decide_alert(named, policy, core, [], Context(scene.roster))
    assert (found.rule, found.code) == ("R2", "author-device-revoked")


def test_acceptance_a_recipient_lost_meanwhile_is_named_and_for_red_refuses(scene: Scene) -> None:
    amber = scene.core("AMBER", {"sectors": ["health"]}, stanzas=3)
    red = scene.core("RED", {"persons": ids(scene.doctor)}, approvers=ids(scene.approver), approvals=1, stanzas=3)
    named, usable = scene.roster, scene.usable
    scene.world.accept(
        scene.world.by_registrars(
            "device.revoke", device=scene.doctor.device, previous=scene.world.previous(f"device/{scene.doctor.device}")
        )
    )
    newcomer = scene.world.person(scene.hospital, "officer")
    policy = named.facts.policy
    assert policy is not None
    verdict = decide(named, policy, amber, [], Context(scene.roster, usable))
    assert verdict.alert.allowed
    assert verdict.unserved == (scene.doctor.device,)
    assert verdict.newcomers == (newcomer.person,)
    refused = decide(named, policy, red, [scene.approver.person], Context(scene.roster, usable)).alert
    assert (refused.rule, refused.code) == ("R3", "recipient-lost")
