"""Hand-computed cases for later versions, clients and circles, each from a sentence of policy.md or statements.md.

They show that the oracle says what the specification says; they do not touch the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from grant_oracle import lineage_of
from oracle_journal import Grant, Release
from oracle_scene import FAR, REGISTRARS, USABLE, WORLD, T
from oracle_world import (
    DEFAULT_POLICY,
    Fact,
    Signer,
    circle_change,
    circle_define,
    client_register,
    device_enrol,
    in_force_person,
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
)
from policy_oracle import alert_verdict, audience_change, leaves, left_behind, person_answers, recipients
from roster_oracle import may_append

LATER = [
    client_register(104, "bakery", "water", FAR),
    person_enrol(105, "bakery", "bob", ["officer"], ["fraud"]),
    device_enrol(106, "bob", "bob-1"),
    circle_define(107, "inner", ["wim"], {"organisations": ["shop"], "persons": ["willi"]}),
    circle_define(108, "outer", ["wim"], {"circles": ["inner"], "organisations": ["water"]}),
]
SCENE: list[Fact] = [*WORLD, *LATER]
ALL_USABLE = USABLE | {"bob-1", "bob-2"}


def core(label: str = "AMBER", audience: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A first version by anna at T; for a sealed label the audience is the organisation `water` unless given."""
    plain = {
        "issuer": {"device": "anna-1"}, "label": label, "approvers": ["bea", "ben"], "approvals": 0, "alert": "A",
        "urgency": "expected", "valid_until": T + 86_400, "policy": DEFAULT_POLICY, "action": "new", "version": 1,
        "exercise": False, "stanzas": 0, "keyless": 0,
    }  # fmt: skip
    audience = {"organisations": ["water"]} if audience is None else audience
    return {**plain, **({} if label == "CLEAR" else {"audience": audience}), **changes}


def released(first: dict[str, Any], world: Sequence[Fact] = SCENE, statement: str = "s1", **more: Any) -> Release:
    return Release(statement, first, leaves(world, T, first, ALL_USABLE, **more))


FIRST = core()
NEXT: dict[str, Any] = {"action": "update", "version": 2, "previous": "s1"}


def later(
    first: dict[str, Any] = FIRST,
    *,
    world: Sequence[Fact] = SCENE,
    accept: Sequence[Fact] | None = None,
    journal: Sequence[Release | Grant] | None = None,
    seen: int = 9,
    change: str = "same",
    given: Sequence[str] | None = None,
    usable: set[str] = ALL_USABLE,
    **changes: Any,
) -> tuple[str, set[str]]:
    """The verdict on a second version that is as the first but for the changes, with true leaf numbers."""
    said = {**first, **NEXT, "change": {"audience": change, "reason": "correction"}, **changes}
    said = {key: value for key, value in said.items() if value is not None}
    lineage = lineage_of(world, journal or [released(first)], said, seen)
    cut = leaves(world, T, said, usable, lineage)
    said = {**said, "stanzas": sum(cut.values()), "keyless": len(cut) - sum(cut.values())}
    approvals = said["approvers"][: said["approvals"]] if given is None else given
    at_acceptance = (None, None) if accept is None else ([*world, *accept], T + 10)
    device = said["issuer"]["device"]
    state, rules = alert_verdict(world, T, *at_acceptance, said, device, approvals, usable, lineage)
    return state, set(rules)


def reached(said: dict[str, Any], world: Sequence[Fact] = SCENE) -> set[str]:
    """The recipients besides author and candidates."""
    answers = recipients(world, T, said, ALL_USABLE)
    return {person for person, (yes, _) in answers.items() if yes} - {"anna", "bea", "ben"}


GOOD: tuple[str, set[str]] = ("released", set())
R10: tuple[str, set[str]] = ("refused", {"R10"})
R11: tuple[str, set[str]] = ("refused", {"R11"})


# --- R10 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["update", "supersede", "all-clear", "withdraw"])
def test_a_later_version_by_the_same_author_is_released(action: str) -> None:
    assert later(action=action) == GOOD


def test_a_later_version_is_not_new_and_names_a_previous_one_and_a_change() -> None:
    assert later(action="new") == R10
    assert later(previous=None) == R10
    said = {**FIRST, **NEXT}
    lineage = lineage_of(SCENE, [released(FIRST)], said, 9)
    assert "R10" in alert_verdict(SCENE, T, None, None, said, "anna-1", [], ALL_USABLE, lineage)[1]


def test_a_later_version_names_the_one_directly_before_it() -> None:
    assert later(previous="another") == R10
    assert later(version=3) == R10
    second = {**FIRST, **NEXT, "change": {"audience": "same", "reason": "error"}}
    journal = [released(FIRST), released(second, statement="s2")]
    assert later(journal=journal, version=3, previous="s1") == R10
    assert later(journal=journal, version=3, previous="s2") == GOOD


def test_the_author_had_seen_the_previous_release() -> None:
    assert later(seen=0) == R10
    assert later(seen=1) == GOOD


def test_attack_another_organisation_makes_the_next_version() -> None:
    assert later(issuer={"device": "cara-1"}, approvers=[], change="different") == R10
    assert "R10" in later(issuer={"device": "cara-1"}, approvers=[], action="withdraw")[1]


def test_another_author_of_the_organisation_may_make_the_next_version() -> None:
    assert later(world=[*SCENE, person_change(200, "bert", ["author"])], issuer={"device": "bert-1"}) == GOOD


def test_exercise_stays() -> None:
    assert later(exercise=True) == R10
    assert later(core(exercise=True)) == GOOD


def test_after_a_withdrawal_nothing_follows_and_after_an_all_clear_something_may() -> None:
    for action, expected in (("withdraw", R10), ("all-clear", GOOD)):
        second = {**FIRST, **NEXT, "action": action, "change": {"audience": "same", "reason": "error"}}
        journal = [
            released(FIRST),
            released(second, statement="s2", lineage=lineage_of(SCENE, [released(FIRST)], second, 1)),
        ]
        assert later(journal=journal, version=3, previous="s2") == expected


def test_the_label_changes_by_relabel_only_and_relabel_changes_it() -> None:
    assert later(label="GREEN", approvals=1, change="wider") == R10
    assert later(action="relabel") == R10
    # GREEN reaches willi as well, who is no officer.
    assert later(action="relabel", label="GREEN", approvals=1, change="wider") == GOOD
    assert later(action="relabel", label="AMBER+STRICT") == GOOD


def test_attack_a_lower_label_without_approval() -> None:
    assert later(action="relabel", label="GREEN", change="wider") == R10
    assert later(action="relabel", label="GREEN", change="wider", urgency="immediate") == R10
    assert later(core("GREEN"), action="relabel", label="AMBER", change="narrower") == GOOD


def test_a_lower_label_needs_what_the_old_and_the_new_one_require() -> None:
    strict = {**DEFAULT_POLICY, "approvals": {"AMBER": 2}}
    world = [*SCENE, policy_adopt(300, strict)]
    said = {"world": world, "policy": strict, "action": "relabel", "label": "GREEN", "change": "wider"}
    assert later(approvals=1, **said) == R10
    assert later(approvals=2, **said) == GOOD
    strict = {**DEFAULT_POLICY, "approvals": {"GREEN": 2}}
    said |= {"world": [*SCENE, policy_adopt(300, strict)], "policy": strict, "urgency": "immediate"}
    assert later(approvals=1, **said) == R10
    assert later(approvals=2, **said) == GOOD


@pytest.mark.parametrize(
    ("audience", "change"),
    [
        ({"organisations": ["water"]}, "same"),
        ({"organisations": ["water"], "persons": ["wim"]}, "same"),
        ({"organisations": ["shop", "water"]}, "wider"),
        ({"persons": ["wim"]}, "narrower"),
        ({"persons": ["sam", "wim"]}, "different"),
        ({"organisations": ["water"], "persons": ["willi"]}, "same"),  # no officer
        ({"organisations": ["water"], "persons": ["anna", "ben"]}, "same"),  # author and candidate
        ({"circles": ["outer"]}, "wider"),
    ],
)
def test_the_change_of_the_audience_is_said_truly(audience: dict[str, Any], change: str) -> None:
    for said in ("same", "wider", "narrower", "different"):
        assert later(audience=audience, change=said) == (GOOD if said == change else R10)


def test_clear_is_everybody() -> None:
    clear, amber = core("CLEAR"), core()
    assert audience_change(SCENE, T, clear, amber) == "wider"
    assert audience_change(SCENE, T, amber, clear) == "narrower"
    assert audience_change(SCENE, T, clear, clear) == "same"


def test_the_change_is_asked_at_this_versions_roster() -> None:
    # wanda left since: who is no member any more is in neither.
    world = [*SCENE, person_remove(200, "wanda")]
    assert audience_change(world, T, core(audience={"persons": ["wim"]}), core()) == "same"


# --- R11 -------------------------------------------------------------------------------------------------------------


def test_a_withdrawal_keeps_label_audience_and_says_same() -> None:
    assert later(action="withdraw", change="wider") == ("refused", {"R10", "R11"})
    assert later(action="withdraw", audience={"persons": ["wim"]}) == R11
    assert later(action="all-clear", label="GREEN", approvals=1) == ("refused", {"R10", "R11"})


def test_a_withdrawal_needs_the_largest_approvals_of_the_earlier_versions() -> None:
    first = core(approvals=2)
    assert later(first, action="withdraw", approvals=1) == R11
    assert later(first, action="withdraw", approvals=2) == GOOD
    second = {**first, **NEXT, "approvals": 0, "change": {"audience": "same", "reason": "error"}}
    journal = [released(first), released(second, statement="s2")]
    assert later(first, journal=journal, version=3, previous="s2", action="withdraw", approvals=1) == R11


def test_a_withdrawal_asks_for_the_role_and_not_for_the_label() -> None:
    changed = [*SCENE, org_change(200, "police", "company")]
    assert later(world=changed) == ("refused", {"R2"})
    assert later(world=changed, action="withdraw") == GOOD
    assert later(world=changed, action="withdraw", accept=[]) == GOOD
    assert later(world=[*SCENE, person_change(200, "anna", ["officer"])], action="withdraw") == ("refused", {"R2"})


def test_a_withdrawal_reaches_the_earlier_recipients_in_force_and_nobody_else() -> None:
    world = [*SCENE, person_remove(200, "wanda"), person_enrol(201, "water", "wendy", ["officer"])]
    said = {**FIRST, **NEXT, "action": "withdraw", "change": {"audience": "same", "reason": "error"}}
    lineage = lineage_of(world, [released(FIRST)], said, 1)
    answers = person_answers(world, T, said, lineage)
    assert answers["wim"] == (True, {"R11"})
    assert answers["wanda"] == (False, {"R1", "R11"} - {"R11"})
    assert answers["wendy"] == (False, {"R11"})
    assert (answers["anna"], answers["ben"]) == ((True, {"R2"}), (True, {"R8"}))
    assert left_behind(world, T, said, lineage) == {"wanda"}


def test_a_withdrawal_reaches_grantees_whose_grant_was_seen_also_of_a_client() -> None:
    journal = [released(FIRST), Grant("g1", "s1", "bob-1"), Grant("g2", "s1", "sam-1")]
    said = {**FIRST, **NEXT, "action": "withdraw", "change": {"audience": "same", "reason": "error"}}
    lineage = lineage_of(SCENE, journal, said, 2)
    answers = person_answers(SCENE, T, said, lineage)
    assert answers["bob"] == (True, {"R11"})
    assert answers["sam"] == (False, {"R11"})
    assert "bob-1" in leaves(SCENE, T, said, ALL_USABLE, lineage)


def test_a_withdrawal_reaches_those_whom_an_update_left_out() -> None:
    second = {**FIRST, **NEXT, "audience": {"persons": ["wim"]}, "change": {"audience": "narrower", "reason": "scope"}}
    journal = [released(FIRST), released(second, statement="s2")]
    lineage = lineage_of(SCENE, journal, {**second, "version": 3}, 2)
    assert {"wim", "wanda"} <= lineage["earlier"]


def test_a_withdrawal_of_red_is_not_stopped_by_whom_it_no_longer_reaches() -> None:
    first = core("RED", {"persons": ["sam", "wim"]}, approvals=1)
    red: dict[str, Any] = {"first": first, "action": "withdraw"}
    assert later(**red) == GOOD
    assert later(**red, world=[*SCENE, person_remove(200, "wim")]) == GOOD
    assert later(**red, usable=ALL_USABLE - {"wim-1"}) == GOOD
    assert later(**red, accept=[person_remove(T, "wim")]) == GOOD
    gone = [*SCENE, person_remove(200, "wim"), person_remove(200, "sam")]
    assert later(**red, world=gone) == GOOD
    narrow = {**DEFAULT_POLICY, "red_persons": 1}
    assert later(**red, world=[*SCENE, policy_adopt(300, narrow)], policy=narrow) == GOOD
    assert later(first, world=gone) != GOOD


def test_a_withdrawal_is_stopped_by_a_lost_author_or_approver() -> None:
    first = core(approvals=1)
    assert later(first, action="withdraw", accept=[person_remove(T, "anna")]) == ("refused", {"R2"})
    assert later(first, action="withdraw", accept=[person_remove(T, "bea")]) == ("refused", {"R1", "R8"})
    assert later(first, action="withdraw", given=[]) == ("proposed", {"R8"})


def test_a_withdrawal_of_clear_seals_to_nobody() -> None:
    said = {
        **core("CLEAR", approvals=1),
        **NEXT,
        "action": "withdraw",
        "change": {"audience": "same", "reason": "error"},
    }
    first = core("CLEAR", approvals=1)
    lineage = lineage_of(SCENE, [released(core()), released(first, statement="s2")], {**said, "version": 3}, 2)
    assert leaves(SCENE, T, said, ALL_USABLE, lineage) == {}
    assert later(first, action="withdraw") == GOOD


# --- Clients -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["RED", "AMBER+STRICT", "AMBER", "GREEN"])
def test_a_clients_person_is_refused_by_r1_whatever_names_it(label: str) -> None:
    for audience in ({"persons": ["bob"]}, {"organisations": ["bakery"]}, {"everyone": True}):
        yes, rules = person_answers(SCENE, T, core(label, audience))["bob"]
        assert (yes, "R1" in rules) == (False, True)


def test_naming_a_client_is_known_and_reaches_nobody() -> None:
    assert later(audience={"organisations": ["bakery", "water"]}) == GOOD
    assert "R9" in later(audience={"organisations": ["bakery"]}, change="narrower")[1]


@pytest.mark.parametrize(
    ("facts", "t", "expected"),
    [
        ([], T, True),
        ([], FAR, False),
        ([org_suspend(200, "bakery")], T, False),
        ([org_suspend(200, "bakery"), client_register(201, "bakery", "water", FAR)], T, True),
        ([org_suspend(200, "bakery"), client_register(201, "bakery", "water", FAR, by_registrars=False)], T, False),
        ([org_remove(200, "bakery")], T, False),
        ([org_suspend(200, "water")], T, False),
        ([org_suspend(200, "water"), org_renew(201, "water", FAR)], T, True),
        ([org_remove(200, "water")], T, False),
        ([terms_define(200, 1, FAR)], T, False),
        ([terms_define(200, 1, FAR), terms_accept(201, "water", 1)], T, True),
        ([terms_define(200, 1, FAR), terms_accept(201, "police", 1)], T, False),
    ],
)
def test_a_client_is_in_force_while_it_and_its_sponsor_are(facts: list[Fact], t: int, expected: bool) -> None:
    assert in_force_person([*SCENE, *facts], t, "bob") is expected


WATER: list[Signer] = [("device", "willi-1"), ("registrar", "R1")]


def accepted(fact: Fact, signers: Sequence[Signer] = REGISTRARS, world: Sequence[Fact] = SCENE) -> set[str]:
    """The rules that refuse, none when the statement is accepted."""
    yes, rules = may_append(world, fact, signers)
    assert yes == (not rules)
    return set(rules)


def test_a_client_is_registered_by_two_persons_of_its_sponsor_or_by_registrars() -> None:
    fact = client_register(200, "kiosk", "water", FAR)
    assert accepted(fact, WATER) == accepted(fact) == set()
    assert "M8" in accepted(fact, WATER[:1])
    assert "M9" in accepted(fact, [("device", "bert-1"), ("registrar", "R1")])


@pytest.mark.parametrize(
    ("fact", "rule"),
    [
        (client_register(200, "kiosk", "bakery", FAR), "M19"),
        (client_register(200, "kiosk", "nobody", FAR), "M19"),
        (client_register(200, "bakery", "shop", FAR), "M19"),
        (client_register(200, "shop", "water", FAR), "M19"),
        (client_register(200, "bakery", "water", FAR - 1), "M12"),
        (person_enrol(200, "bakery", "bill", ["author"]), "M19"),
        (person_enrol(200, "bakery", "bill", ["auditor"]), "M19"),
        (person_change(200, "bob", ["officer", "administrator"]), "M19"),
        (org_change(200, "bakery", "company"), "M19"),
        (org_renew(200, "bakery", FAR), "M19"),
    ],
)
def test_what_is_not_for_clients_is_refused(fact: Fact, rule: str) -> None:
    assert rule in accepted(fact)


def test_a_client_is_not_registered_by_a_sponsor_that_is_not_admitted() -> None:
    assert "M19" in accepted(client_register(201, "kiosk", "water", FAR), world=[*SCENE, org_suspend(200, "water")])


def test_nobody_accepts_the_terms_for_a_client() -> None:
    world = [*SCENE, terms_define(200, 1, FAR)]
    assert "M19" in accepted(terms_accept(201, "bakery", 1), WATER[:1], world)


def test_the_sponsors_administrator_acts_for_the_client() -> None:
    willi = WATER[:1]
    assert accepted(person_enrol(200, "bakery", "bill", ["officer"]), willi) == set()
    assert accepted(device_enrol(200, "bob", "bob-2"), willi) == set()
    assert accepted(person_remove(200, "bob"), willi) == set()
    assert accepted(org_remove(200, "bakery"), willi) == set()
    assert accepted(org_remove(200, "shop"), willi) != set()
    assert "M9" in accepted(person_remove(200, "bob"), [("device", "bert-1")])


def test_below_a_removed_sponsor_nothing_is_enrolled_or_changed() -> None:
    world = [*SCENE, org_remove(200, "water")]
    for fact in (person_enrol(201, "bakery", "bill", ["officer"]), device_enrol(201, "bob", "bob-2")):
        assert accepted(fact, world=world) == {"M7"}
    assert accepted(person_change(201, "bob", ["officer"]), world=world) == {"M7"}
    assert accepted(person_remove(201, "bob"), world=world) == set()


# --- Circles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "circle", "expected"),
    [
        ("AMBER", "inner", {"sam"}),  # willi is named, and no officer
        ("AMBER", "outer", {"sam", "wim", "wanda"}),
        ("GREEN", "inner", {"sam", "willi"}),
        ("GREEN", "outer", {"sam", "wim", "wanda", "willi"}),
        ("RED", "outer", set()),
    ],
)
def test_a_circle_names_its_organisations_and_persons_and_those_below(
    label: str, circle: str, expected: set[str]
) -> None:
    assert reached(core(label, {"circles": [circle]})) == expected


def test_topics_narrow_a_circle_in_amber() -> None:
    assert reached(core("AMBER", {"circles": ["outer"], "topics": ["fraud"]})) == {"sam", "wim", "cara"}


def test_red_names_no_circle_and_an_unknown_circle_is_refused() -> None:
    assert {"R3", "R9"} <= later(core("RED", {"circles": ["inner"]}, approvals=1))[1]
    assert later(audience={"circles": ["ghosts"], "organisations": ["water"]}) == ("refused", {"R9"})


def test_a_changed_circle_counts_from_the_newest_statement() -> None:
    world = [*SCENE, circle_change(200, "inner", {"organisations": ["water"]}, {"organisations": ["shop"]})]
    assert reached(core("AMBER", {"circles": ["inner"]}), world) == {"wim", "wanda"}


CURATOR: list[Signer] = [("device", "wim-1")]


def test_a_curator_adds_and_removes_and_registrars_do_the_rest() -> None:
    add, remove = {"persons": ["sam"]}, {"persons": ["willi"]}
    assert accepted(circle_change(200, "inner", add), CURATOR) == set()
    assert accepted(circle_change(200, "inner", add, remove), CURATOR) == set()
    assert accepted(circle_change(200, "inner", add)) == set()
    assert accepted(circle_change(200, "inner", add), [("device", "wanda-1")]) != set()
    assert accepted(circle_change(200, "inner", add, curators=["wanda"]), CURATOR) != set()
    assert accepted(circle_change(200, "inner", curators=["wanda"])) == set()
    changed = [*SCENE, circle_change(200, "inner", curators=["wanda"])]
    assert accepted(circle_change(201, "inner", add), CURATOR, changed) != set()
    assert accepted(circle_define(200, "third", ["wim"]), CURATOR) != set()


@pytest.mark.parametrize(
    "fact",
    [
        circle_change(200, "inner", {"organisations": ["shop"]}),  # is in
        circle_change(200, "inner", None, {"organisations": ["water"]}),  # was not in
        circle_change(200, "inner", {"persons": ["sam"]}, {"persons": ["sam"]}),
        circle_change(200, "inner", {"persons": ["nobody"]}),
        circle_change(200, "inner", {"circles": ["inner"]}),
        circle_change(200, "inner", {"circles": ["outer"]}),
        circle_change(200, "inner", curators=["otto"]),  # an auditor
        circle_define(200, "third", ["nobody"]),
        circle_define(200, "third", ["wim"], {"circles": ["third"]}),
    ],
)
def test_m18_refuses(fact: Fact) -> None:
    assert "M18" in accepted(fact)


def test_circles_are_three_deep_and_no_deeper() -> None:
    third = circle_define(200, "third", ["wim"], {"circles": ["outer"]})
    assert accepted(third) == set()
    assert accepted(circle_define(201, "fourth", ["wim"], {"circles": ["third"]}), world=[*SCENE, third]) == {"M18"}
    fourth = [*SCENE, third, circle_define(201, "leaf", ["wim"])]
    assert accepted(circle_change(202, "inner", {"circles": ["leaf"]}), world=fourth) == {"M18"}


def test_a_circle_is_defined_once_and_changed_when_it_is() -> None:
    assert accepted(circle_define(200, "inner", ["wim"])) == {"M6"}
    assert "M6" in accepted(circle_change(200, "none", {"persons": ["sam"]}))


def test_what_is_known_may_be_added_when_it_is_gone() -> None:
    world = [*SCENE, person_remove(200, "sam")]
    assert accepted(circle_change(201, "inner", {"persons": ["sam"]}), world=world) == set()


def test_a_curator_is_in_force_when_named() -> None:
    world = [*SCENE, person_remove(200, "sam")]
    assert accepted(circle_change(201, "inner", curators=["sam"]), world=world) == {"M18"}
    world = [*SCENE, terms_define(200, 1, FAR)]
    assert accepted(circle_change(201, "inner", curators=["wanda"]), world=world) == {"M18"}
    assert accepted(circle_change(201, "inner", {"persons": ["sam"]}), CURATOR, world) == set()
