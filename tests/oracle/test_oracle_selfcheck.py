"""Hand-computed cases for the policy oracle, each from a sentence of policy.md or the label table.

They show that the oracle says what the specification says; they do not touch the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from oracle_scene import FAR, NAMES, USABLE, WORLD, T
from oracle_world import (
    DEFAULT_POLICY,
    Fact,
    device_enrol,
    device_revoke,
    epoch_publish,
    found,
    in_force_person,
    org_admit,
    org_change,
    org_remove,
    org_renew,
    org_suspend,
    person_change,
    person_enrol,
    person_remove,
    policy_adopt,
    terms_accept,
    terms_define,
    usable_devices,
)
from policy_oracle import alert_verdict, leaves, recipients, required_approvals


def core(label: str, audience: dict[str, Any] | None, *, leaf_count: int = 0, **changes: Any) -> dict[str, Any]:
    """A core by anna at T; `leaf_count` becomes `stanzas`."""
    plain = {
        "issuer": {"device": "anna-1"}, "label": label, "approvers": [], "approvals": 0, "urgency": "expected",
        "valid_until": T + 86_400, "policy": DEFAULT_POLICY, "action": "new", "version": 1, "stanzas": leaf_count,
        "keyless": 0,
    }  # fmt: skip
    return {**plain, **({} if audience is None else {"audience": audience}), **changes}


def reached(label: str, audience: dict[str, Any] | None, world: Sequence[Fact] = WORLD, t: int = T) -> set[str]:
    """The recipients besides the author."""
    answers = recipients(world, t, core(label, audience), USABLE)
    return {person for person, (yes, _) in answers.items() if yes} - {"anna"}


def judge(
    label: str,
    audience: dict[str, Any] | None,
    *,
    given: Sequence[str] = (),
    world: Sequence[Fact] = WORLD,
    later: Sequence[Fact] | None = None,
    t_accept: int = T + 10,
    device: str = "anna-1",
    usable: set[str] = USABLE,
    **changes: Any,
) -> tuple[str, set[str]]:
    """The verdict on an alert whose stanza and keyless numbers are right unless given."""
    said = core(label, audience, issuer={"device": device})
    said = {**said, "approvers": changes.get("approvers", [])}
    cut = leaves(world, T, said, usable)
    said = {**said, "stanzas": sum(cut.values()), "keyless": len(cut) - sum(cut.values()), **changes}
    accept = None if later is None else [*world, *later]
    moment = None if later is None else t_accept
    verdict, rules = alert_verdict(world, T, accept, moment, said, device, given, usable)
    return verdict, set(rules)


RELEASED: tuple[str, set[str]] = ("released", set())
NAMED_RED = {"persons": ["wim"]}
FOUR_EYES: dict[str, Any] = {"approvers": ["ben"], "approvals": 1}


# --- The label table, person by person -----------------------------------------------------------------------------

OFFICERS = {"wim", "wanda", "sam", "cara"}
LABEL_TABLE: list[tuple[str, dict[str, Any] | None, set[str]]] = [
    ("RED", {"persons": ["wim", "willi"]}, {"wim", "willi"}),
    ("RED", {"organisations": ["water"]}, set()),
    ("RED", {"everyone": True}, set()),
    ("AMBER+STRICT", {"organisations": ["water"]}, {"wim", "wanda"}),
    ("AMBER+STRICT", {"organisations": ["water"], "topics": ["fraud"]}, {"wim", "sam", "cara"}),
    ("AMBER+STRICT", {"persons": ["wanda"], "topics": ["drones"]}, {"wim"}),
    ("AMBER+STRICT", {"persons": ["willi"]}, set()),
    ("AMBER+STRICT", {"sectors": ["utility"]}, {"wim", "wanda"}),
    ("AMBER+STRICT", {"sectors": ["trade"], "areas": ["05113"]}, set()),
    ("AMBER+STRICT", {"sectors": ["trade"], "areas": ["05111"]}, {"sam"}),
    ("AMBER+STRICT", {"sectors": ["utility"], "persons": ["sam"]}, {"wim", "wanda", "sam"}),
    ("AMBER", {"everyone": True}, OFFICERS),
    ("AMBER", {"topics": ["drones"]}, {"wim"}),
    ("AMBER", {"areas": ["05"]}, OFFICERS),
    ("AMBER", {"areas": ["05113000"]}, {"wim", "wanda"}),
    ("GREEN", {"everyone": True}, set(NAMES) - {"anna", "otto"}),
    ("GREEN", {"organisations": ["water"]}, {"wim", "wanda", "willi"}),
    ("GREEN", {"organisations": ["water"], "topics": ["fraud"]}, {"wim", "wanda", "willi", "sam", "cara"}),
    ("GREEN", {"sectors": ["utility"], "topics": ["fraud"]}, {"wim"}),
    ("GREEN", {"areas": ["051"]}, set(NAMES) - {"anna", "otto"}),
    ("GREEN", {"areas": ["05113000"], "sectors": ["trade"]}, set()),
    ("GREEN", {"persons": ["otto"]}, set()),
    ("GREEN", {"persons": ["willi"]}, {"willi"}),
    ("CLEAR", None, set()),
]


@pytest.mark.parametrize(("label", "audience", "expected"), LABEL_TABLE)
def test_label_table_reaches_exactly_these_persons(label: str, audience: dict[str, Any], expected: set[str]) -> None:
    assert reached(label, audience) == expected


def test_shorter_area_covers_longer_and_never_the_reverse() -> None:
    # The chamber has the area 051: it is not covered by the longer code of one city in it.
    assert "cara" in reached("GREEN", {"areas": ["05"]})
    assert "cara" not in reached("GREEN", {"areas": ["05113000"]})


def test_author_and_candidates_are_recipients_of_red_without_being_named() -> None:
    answers = recipients(WORLD, T, core("RED", NAMED_RED, approvers=["ben"]), USABLE)
    assert (answers["anna"], answers["ben"], answers["wim"]) == ((True, "R2"), (True, "R8"), (True, "R3"))
    assert answers["wanda"] == (False, "R3")


def test_clear_seals_to_nobody_not_even_the_author() -> None:
    assert leaves(WORLD, T, core("CLEAR", None), USABLE) == {}


def test_refusals_name_the_labels_rule() -> None:
    audience = {"organisations": ["shop"]}
    rules = {
        label: recipients(WORLD, T, core(label, audience), USABLE)["wim"]
        for label in ("AMBER+STRICT", "AMBER", "GREEN")
    }
    assert rules == {"AMBER+STRICT": (False, "R4"), "AMBER": (False, "R5"), "GREEN": (False, "R6")}
    assert recipients(WORLD, T, core("GREEN", {"everyone": True}), USABLE)["otto"] == (False, "R1")


# --- In force ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "t", "expected"),
    [
        ([], T, True),
        ([], FAR - 1, True),
        ([], FAR, False),
        ([org_suspend(200, "water")], T, False),
        ([org_suspend(200, "water"), org_renew(201, "water", FAR)], T, True),
        ([org_renew(200, "water", FAR), org_suspend(201, "water")], T, False),
        ([org_suspend(200, "water"), org_change(201, "water", "company"), org_renew(202, "water", FAR)], T, True),
        ([org_renew(200, "water", FAR + 10)], FAR + 9, True),
        ([org_remove(200, "water")], T, False),
        ([person_remove(200, "wim")], T, False),
        ([person_remove(200, "wanda")], T, True),
        ([terms_define(200, 1, T + 100)], T, False),
        ([terms_define(200, 1, T + 100), terms_accept(201, "water", 1)], T, True),
        ([terms_define(200, 1, 300), terms_accept(201, "water", 1)], T, True),
        ([terms_define(200, 1, 300), terms_accept(201, "shop", 1)], T, False),
        ([terms_define(200, 1, 300), terms_accept(201, "water", 1), terms_define(202, 2, T + 1)], T, True),
        ([terms_define(200, 1, 300), terms_accept(201, "water", 1), terms_define(202, 2, T)], T, False),
        (
            [
                terms_define(200, 1, 300),
                terms_accept(201, "water", 1),
                terms_define(202, 2, FAR),
                terms_define(203, 3, FAR),
            ],
            T,
            False,
        ),
        (
            [
                terms_define(200, 1, 300),
                terms_define(201, 2, 300),
                terms_accept(202, "water", 2),
                terms_define(203, 3, T + 1),
            ],
            T,
            True,
        ),
    ],
)
def test_person_is_in_force_by_history(facts: list[Fact], t: int, expected: bool) -> None:
    assert in_force_person([*WORLD, *facts], t, "wim") is expected


def test_unknown_person_is_not_in_force() -> None:
    assert not in_force_person(WORLD, T, "nobody")


def test_member_out_of_force_is_no_recipient_by_r1() -> None:
    world = [*WORLD, org_suspend(200, "water")]
    assert recipients(world, T, core("AMBER", {"organisations": ["water"]}), USABLE)["wim"] == (False, "R1")
    assert reached("GREEN", {"everyone": True}, world) & {"wim", "wanda", "willi"} == set()


def test_changed_topics_and_sectors_count_from_the_newest_statement() -> None:
    world = [*WORLD, person_change(200, "wim", ["officer"], ["flood"]), org_change(201, "shop", "company", ["food"])]
    assert reached("AMBER", {"topics": ["drones"]}, world) == set()
    assert reached("AMBER", {"topics": ["flood"]}, world) == {"wim"}
    assert reached("AMBER", {"sectors": ["trade"]}, world) == {"cara"}


def test_leaves_are_devices_in_force_and_keyless_ones_get_an_empty_stanza() -> None:
    world = [*WORLD, device_enrol(200, "wim", "wim-2"), device_enrol(200, "wim", "wim-3"), device_revoke(201, "wim-1")]
    assert leaves(world, T, core("RED", NAMED_RED), USABLE) == {"anna-1": True, "wim-2": True, "wim-3": False}


def test_usable_devices_are_those_that_published_the_week() -> None:
    assert usable_devices([*WORLD, epoch_publish(200, "wim-1", [7, 8]), epoch_publish(201, "sam-1", [8])], 7) == {
        "wim-1"
    }


# --- The alert -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "label", "released"),
    [
        ("anna-1", "RED", True), ("anna-1", "AMBER+STRICT", True), ("anna-1", "CLEAR", True),
        ("cara-1", "AMBER", True), ("cara-1", "GREEN", True), ("cara-1", "AMBER+STRICT", False),
        ("cara-1", "RED", False), ("carl-1", "AMBER+STRICT", True), ("carl-1", "RED", False),
        ("carl-1", "GREEN", True), ("sam-1", "GREEN", False), ("sam-1", "AMBER", False),
    ],
)  # fmt: skip
def test_default_policy_lets_each_kind_publish_its_labels(device: str, label: str, released: bool) -> None:
    audience = {"RED": NAMED_RED, "CLEAR": None}.get(label, {"organisations": ["water"]})
    lax = {**DEFAULT_POLICY, "approvals": {}}
    verdict, rules = judge(label, audience, device=device, world=[*WORLD, policy_adopt(300, lax)], policy=lax)
    assert (verdict, rules) == (RELEASED if released else ("refused", {"R2"}))


def test_author_without_the_role_is_refused_by_r2() -> None:
    assert judge("GREEN", {"organisations": ["water"]}, device="ben-1") == ("refused", {"R2"})


def test_revoked_author_device_is_refused_by_r2() -> None:
    verdict, rules = judge("GREEN", {"organisations": ["water"]}, world=[*WORLD, device_revoke(200, "anna-1")])
    assert (verdict, rules) == ("refused", {"R2"})


def test_author_of_a_suspended_organisation_is_refused_by_r2() -> None:
    verdict, rules = judge("GREEN", {"organisations": ["water"]}, world=[*WORLD, org_suspend(200, "police")])
    assert verdict == "refused"
    assert "R2" in rules


@pytest.mark.parametrize(
    ("label", "audience", "rules"),
    [
        ("CLEAR", {"everyone": True}, {"R9"}),
        ("GREEN", None, {"R9"}),
        ("AMBER", {"organisations": ["ghost", "water"]}, {"R9"}),
        ("AMBER", {"circles": ["hospitals"], "organisations": ["water"]}, {"R9"}),
        ("GREEN", {"persons": ["wim", "nobody"]}, {"R9"}),
        ("GREEN", {"everyone": True, "topics": ["fraud"]}, {"R8", "R9"}),
        ("GREEN", {"persons": ["anna"]}, {"R9"}),
        ("AMBER", {"topics": ["nothing"]}, {"R9"}),
        ("GREEN", {}, {"R9"}),
        ("GREEN", {"organisations": ["water"], "clients": ["x"]}, {"R9"}),
        ("GREEN", {"organisations": ["water"], "topics": [f"t{n}" for n in range(1001)]}, {"R9"}),
    ],
)
def test_label_and_audience_must_fit(label: str, audience: dict[str, Any] | None, rules: set[str]) -> None:
    verdict, found_rules = judge(label, audience, **(FOUR_EYES if label == "CLEAR" else {}), given=())
    assert (verdict, found_rules) == ("refused", rules)


def test_red_to_an_organisation_is_refused_even_beside_a_named_person() -> None:
    verdict, rules = judge("RED", {"persons": ["wim"], "organisations": ["shop"]}, given=["ben"], **FOUR_EYES)
    assert (verdict, rules) == ("refused", {"R3", "R9"})


def test_red_to_more_persons_than_the_policy_allows_is_refused() -> None:
    narrow = {**DEFAULT_POLICY, "red_persons": 1}
    world = [*WORLD, policy_adopt(300, narrow)]
    many = judge("RED", {"persons": ["wim", "sam"]}, world=world, policy=narrow, given=["ben"], **FOUR_EYES)
    assert many == ("refused", {"R3"})
    assert judge("RED", NAMED_RED, world=world, policy=narrow, given=["ben"], **FOUR_EYES) == RELEASED


def test_audience_field_may_hold_a_thousand_entries() -> None:
    assert judge("GREEN", {"organisations": ["water"], "topics": [f"t{n}" for n in range(1000)]}) == RELEASED


def test_number_of_persons_is_limited_for_red_only() -> None:
    narrow = {**DEFAULT_POLICY, "red_persons": 1}
    world = [*WORLD, policy_adopt(300, narrow)]
    assert judge("AMBER", {"persons": ["wim", "sam"]}, world=world, policy=narrow) == RELEASED


def test_only_author_and_approvers_reached_is_an_empty_audience() -> None:
    assert judge("RED", {"persons": ["ben"]}, given=["ben"], **FOUR_EYES) == ("refused", {"R9"})


def test_policy_other_than_the_rosters_is_refused() -> None:
    other = {**DEFAULT_POLICY, "red_persons": 49}
    assert judge("GREEN", {"organisations": ["water"]}, policy=other) == ("refused", {"R9"})


def test_nothing_is_published_before_a_policy_is_adopted() -> None:
    world = [found(100, ["R1", "R2", "R3"], 2), *WORLD[1:]]
    assert judge("GREEN", {"organisations": ["water"]}, world=world) == ("refused", {"R2", "R9"})


@pytest.mark.parametrize(
    ("label", "urgency", "audience", "leaf_count", "number"),
    [
        ("RED", "expected", NAMED_RED, 2, 1),
        ("RED", "immediate", NAMED_RED, 2, 1),
        ("CLEAR", "expected", None, 0, 1),
        ("CLEAR", "immediate", None, 0, 0),
        ("AMBER", "expected", {"areas": ["05"]}, 500, 0),
        ("AMBER", "expected", {"areas": ["05"]}, 501, 1),
        ("AMBER", "immediate", {"areas": ["05"]}, 501, 0),
        ("GREEN", "past", {"everyone": True}, 2, 1),
        ("GREEN", "immediate", {"everyone": True}, 2, 0),
    ],
)
def test_required_approvals(
    label: str, urgency: str, audience: dict[str, Any] | None, leaf_count: int, number: int
) -> None:
    said = core(label, audience, urgency=urgency, leaf_count=leaf_count)
    assert required_approvals(DEFAULT_POLICY, said) == number


def test_wide_counts_keyless_leaves_too() -> None:
    assert required_approvals(DEFAULT_POLICY, core("AMBER", {"areas": ["05"]}, leaf_count=500, keyless=1)) == 1


def test_largest_of_label_and_wide_is_required() -> None:
    strict = {**DEFAULT_POLICY, "approvals": {"GREEN": 2}, "wide": {"approvals": 1, "recipients": 1}}
    assert required_approvals(strict, core("GREEN", {"everyone": True}, leaf_count=5)) == 2
    strict = {**strict, "wide": {"approvals": 3, "recipients": 1}}
    assert required_approvals(strict, core("GREEN", {"areas": ["05"]}, leaf_count=5)) == 3


def test_fewer_approvals_than_named_is_a_proposal() -> None:
    assert judge("RED", NAMED_RED, **FOUR_EYES) == ("proposed", {"R8"})
    assert judge("RED", NAMED_RED, given=["ben"], **FOUR_EYES) == RELEASED


def test_core_that_asks_for_too_few_approvals_is_refused() -> None:
    assert judge("RED", NAMED_RED) == ("refused", {"R8"})
    assert judge("GREEN", {"everyone": True}) == ("refused", {"R8"})
    assert judge("GREEN", {"everyone": True}, urgency="immediate") == RELEASED


@pytest.mark.parametrize("given", [["ben", "ben"], ["wim"], ["anna"], ["ben", "bea"], ["bea"]])
def test_approvals_come_from_distinct_candidates_and_no_more_than_named(given: list[str]) -> None:
    assert judge("RED", NAMED_RED, given=given, **FOUR_EYES) == ("refused", {"R8"})


@pytest.mark.parametrize("approvers", [["anna"], ["bert"], ["sam"], ["ben", "ben"], ["nobody"]])
def test_candidates_are_approvers_of_the_authors_organisation(approvers: list[str]) -> None:
    verdict, rules = judge("GREEN", {"organisations": ["water"]}, approvers=approvers)
    assert (verdict, rules) == ("refused", {"R9"})


def test_attack_author_with_role_approver_approves_itself() -> None:
    world = [*WORLD, person_change(200, "anna", ["author", "approver"])]
    both = judge("RED", NAMED_RED, world=world, given=["anna"], approvers=["anna"], approvals=1)
    assert both == ("refused", {"R8", "R9"})
    assert judge("RED", NAMED_RED, world=world, approvers=["anna"], approvals=1) == ("refused", {"R9"})


def test_candidate_out_of_force_is_refused() -> None:
    verdict = judge("GREEN", {"organisations": ["water"]}, world=[*WORLD, person_remove(200, "ben")], approvers=["ben"])
    assert verdict == ("refused", {"R9"})


def test_three_candidates_are_enough_and_four_too_many() -> None:
    more = [person_enrol(200, "police", f"b{n}", ["approver"]) for n in range(4)]
    audience, world = {"organisations": ["water"]}, [*WORLD, *more]
    assert judge("GREEN", audience, world=world, approvers=["b0", "b1", "b2"]) == RELEASED
    assert judge("GREEN", audience, world=world, approvers=["b0", "b1", "b2", "b3"]) == ("refused", {"R9"})


def test_more_approvals_than_candidates_can_never_be_met() -> None:
    assert judge("RED", NAMED_RED, given=["ben"], approvers=["ben"], approvals=2) == ("refused", {"R8"})


def test_a_second_candidate_may_stay_silent() -> None:
    assert judge("RED", NAMED_RED, given=["bea"], approvers=["bea", "ben"], approvals=1) == RELEASED


def test_only_new_alerts_of_version_one() -> None:
    assert judge("GREEN", {"organisations": ["water"]}, action="update") == ("refused", {"R10"})
    assert judge("GREEN", {"organisations": ["water"]}, version=2) == ("refused", {"R10"})


def test_no_sealing_after_valid_until() -> None:
    audience = {"organisations": ["water"]}
    assert judge("GREEN", audience, valid_until=T) == ("refused", {"R15"})
    assert judge("GREEN", audience, valid_until=T + 1) == RELEASED
    assert judge("GREEN", audience, valid_until=T + 10, later=[]) == ("refused", {"R15"})
    assert judge("GREEN", audience, valid_until=T + 11, later=[]) == RELEASED


def test_red_to_a_person_without_a_usable_key_is_refused() -> None:
    assert judge("RED", NAMED_RED, given=["ben"], usable=USABLE - {"wim-1"}, **FOUR_EYES) == ("refused", {"R16"})
    gone = [*WORLD, device_revoke(200, "wim-1")]
    assert judge("RED", NAMED_RED, given=["ben"], world=gone, **FOUR_EYES) == ("refused", {"R16"})
    two = [*WORLD, device_enrol(200, "wim", "wim-2")]
    assert judge("RED", NAMED_RED, given=["ben"], world=two, usable=USABLE - {"wim-1"}, **FOUR_EYES) == RELEASED


def test_other_labels_go_out_with_keyless_leaves() -> None:
    assert judge("AMBER", {"persons": ["wim"]}, usable={"anna-1"}) == RELEASED
    assert judge("AMBER", {"persons": ["wim"]}, world=[*WORLD, device_revoke(200, "wim-1")]) == RELEASED


def test_leaf_numbers_must_be_the_recipients_devices() -> None:
    audience = {"persons": ["wim"]}
    assert judge("AMBER", audience, stanzas=1) == ("refused", {"R16"})
    assert judge("AMBER", audience, stanzas=1, keyless=1) == ("refused", {"R16"})
    assert judge("CLEAR", None, given=["ben"], stanzas=1, **FOUR_EYES) == ("refused", {"R7"})


# --- At acceptance -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "verdict", "rules"),
    [
        ([], "released", set()),
        # The author is a recipient too, so the rule for RED's recipients speaks as well.
        ([person_remove(T, "anna")], "refused", {"R2", "R3"}),
        ([device_revoke(T, "anna-1")], "refused", {"R2", "R3"}),
        ([person_change(T, "anna", ["officer"])], "refused", {"R2"}),
        ([person_change(T, "anna", ["auditor"])], "refused", {"R2", "R3"}),
        ([org_change(T, "police", "company")], "refused", {"R2"}),
        ([org_suspend(T, "police")], "refused", {"R1", "R2", "R3", "R8"}),
        ([person_remove(T, "ben")], "refused", {"R1", "R3", "R8"}),
        ([device_revoke(T, "ben-1")], "refused", {"R3"}),
        ([person_change(T, "ben", ["officer"])], "refused", {"R8"}),
        ([person_change(T, "ben", ["auditor"])], "refused", {"R1", "R3", "R8"}),
        ([person_remove(T, "wim")], "refused", {"R3"}),
        ([device_revoke(T, "wim-1")], "refused", {"R3"}),
        ([device_enrol(T, "wim", "wim-2")], "released", set()),
        # An auditor is never a recipient: whoever became one is lost like a removed person.
        ([person_change(T, "wim", ["auditor"])], "refused", {"R3"}),
        ([person_remove(T, "wanda")], "released", set()),
        ([terms_define(T, 1, FAR)], "refused", {"R1", "R2", "R3", "R8"}),
        ([policy_adopt(T, {**DEFAULT_POLICY, "publish": {}, "approvals": {"RED": 3}})], "released", set()),
    ],
)
def test_red_is_held_against_the_acceptance_roster(later: list[Fact], verdict: str, rules: set[str]) -> None:
    assert judge("RED", NAMED_RED, given=["ben"], later=later, **FOUR_EYES) == (verdict, rules)


def test_every_device_of_a_red_recipient_must_still_be_in_force() -> None:
    world, later = [*WORLD, device_enrol(200, "wim", "wim-2")], [device_revoke(T, "wim-1")]
    assert judge("RED", NAMED_RED, given=["ben"], world=world, later=later, **FOUR_EYES) == ("refused", {"R3"})
    assert judge("AMBER", {"persons": ["wim"]}, world=world, later=later) == RELEASED


@pytest.mark.parametrize(
    ("label", "later", "expected"),
    [
        ("RED", [person_remove(T, "bea")], ("refused", {"R3"})),
        ("RED", [person_remove(T, "bodo")], ("refused", {"R3"})),
        ("RED", [person_change(T, "bea", ["administrator"])], RELEASED),
        ("AMBER", [person_remove(T, "bea")], RELEASED),
        ("AMBER", [person_remove(T, "ben")], ("refused", {"R1", "R8"})),
    ],
)
def test_silent_candidate_lost_meanwhile_refuses_red_only(
    label: str, later: list[Fact], expected: tuple[str, set[str]]
) -> None:
    world = [*WORLD, person_enrol(200, "police", "bodo", ["approver"])]  # without a device
    said = {"approvers": ["bea", "ben", "bodo"], "approvals": 1}
    assert judge(label, NAMED_RED, given=["ben"], world=world, later=later, **said) == expected


def test_amber_recipient_lost_meanwhile_does_not_refuse() -> None:
    assert judge("AMBER", {"organisations": ["water"]}, later=[person_remove(T, "wim")]) == RELEASED


def test_author_made_auditor_before_acceptance_is_refused() -> None:
    later = [person_change(T, "anna", ["auditor"])]
    assert judge("AMBER", {"organisations": ["water"]}, later=later) == ("refused", {"R2"})


def test_author_whose_organisation_expires_before_acceptance_is_refused() -> None:
    world = [org_admit(101, "police", "authority", T + 5) if f.subject == "police" else f for f in WORLD]
    audience = {"organisations": ["water"]}
    assert judge("GREEN", audience, world=world) == RELEASED
    assert judge("GREEN", audience, world=world, later=[]) == ("refused", {"R2"})


def test_attack_stale_roster_hides_a_suspension() -> None:
    audience = {"organisations": ["water"]}
    assert judge("GREEN", audience, later=[org_suspend(T - 900, "shop")]) == ("refused", {"A1"})
    assert judge("GREEN", audience, later=[org_suspend(T - 899, "shop")]) == RELEASED
    assert judge("GREEN", audience, later=[epoch_publish(T - 5_000, "sam-1", [1])]) == RELEASED


def test_worlds_of_two_logs_are_an_error_of_the_caller() -> None:
    said = core("GREEN", {"organisations": ["water"]})
    with pytest.raises(ValueError, match="prefix"):
        alert_verdict(WORLD, T, WORLD[:-1], T, said, "anna-1", [], USABLE)
    with pytest.raises(ValueError, match="together"):
        alert_verdict(WORLD, T, WORLD, None, said, "anna-1", [], USABLE)


def test_red_that_names_somebody_who_is_no_recipient_is_refused_by_the_rule_of_that_person() -> None:
    otto = judge("RED", {"persons": ["otto", "wim"]}, given=["ben"], **FOUR_EYES)
    assert otto == ("refused", {"R1"})
    # Without a device in force either, so the rule about devices speaks as well.
    gone = judge(
        "RED", {"persons": ["sam", "wim"]}, given=["ben"], world=[*WORLD, person_remove(200, "sam")], **FOUR_EYES
    )
    assert gone == ("refused", {"R1", "R16"})
    assert judge("AMBER", {"persons": ["otto", "wim"]}) == RELEASED
    own = judge("RED", {"persons": ["anna", "ben", "wim"]}, given=["ben"], **FOUR_EYES)
    assert own == RELEASED


def test_recipient_without_a_device_is_no_empty_audience() -> None:
    world = [*WORLD, device_revoke(200, "wim-1")]
    assert judge("AMBER", {"persons": ["wim"]}, world=world, later=[]) == RELEASED
