"""Hand-computed cases for the roster oracle, each from a sentence of statements.md.

They show that the oracle says what the specification says; they do not touch the product.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracle_scene import FAR, R1, R2, R3, REGISTRARS, WORLD
from oracle_world import (
    DEFAULT_POLICY,
    Fact,
    Signer,
    device_enrol,
    device_revoke,
    epoch_publish,
    found,
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
)
from roster_oracle import LONGEST_TERM, may_append, unsettled_append


def dev(*names: str) -> list[Signer]:
    return [("device", name) for name in names]


ADMINS = dev("bert-1", "bea-1")
OFFICER = person_enrol(200, "police", "new", ["officer"])
AUTHOR = person_enrol(200, "police", "new", ["author"])
AUDITOR = person_enrol(200, "police", "new", ["auditor"])

TRANSITIONS: list[tuple[str, list[Fact], Fact, list[Signer], set[str]]] = [
    ("threshold registrars", [], OFFICER, REGISTRARS, set()),
    ("other registrars", [], OFFICER, [R2, R3], set()),
    ("one registrar too few", [], OFFICER, [R1], {"M3"}),
    ("one registrar too many", [], OFFICER, [R1, R2, R3], {"M3"}),
    ("a registrar twice", [], OFFICER, [R1, R1], {"M3"}),
    ("unnamed registrar", [], OFFICER, [R1, ("registrar", "R9")], {"M3", "M4"}),
    ("nobody", [], OFFICER, [], {"M3"}),
    ("administrator enrols officer", [], OFFICER, dev("bert-1"), set()),
    ("two administrators where one is asked", [], OFFICER, ADMINS, {"M3"}),
    ("officer enrols officer", [], person_enrol(200, "water", "new", ["officer"]), dev("wim-1"), {"M3"}),
    ("administrator of another organisation", [], OFFICER, dev("willi-1"), {"M3", "M9"}),
    ("one administrator enrols author", [], AUTHOR, dev("bert-1"), {"M3", "M8"}),
    ("two administrators enrol author", [], AUTHOR, ADMINS, set()),
    ("administrator and registrar enrol author", [], AUTHOR, [*dev("bert-1"), R3], set()),
    ("registrars enrol author", [], AUTHOR, REGISTRARS, set()),
    ("two devices of one", [device_enrol(150, "bert", "bert-2")], AUTHOR, dev("bert-1", "bert-2"), {"M3", "M8"}),
    ("second from elsewhere", [], AUTHOR, dev("bert-1", "willi-1"), {"M3", "M8", "M9"}),
    ("second is no administrator", [], AUTHOR, dev("bert-1", "ben-1"), {"M3", "M8"}),
    ("administrator and two registrars", [], AUTHOR, [*dev("bert-1"), R1, R2], {"M3"}),
    ("registrar issues beside administrator", [], AUTHOR, [R1, *dev("bert-1")], {"M3"}),
    ("administrator and unnamed registrar", [], AUTHOR, [*dev("bert-1"), ("registrar", "R9")], {"M3", "M4", "M8"}),
    ("administrator twice", [], AUTHOR, dev("bert-1", "bert-1"), {"M3", "M8"}),
    ("foreign administrator and registrar", [], AUTHOR, [*dev("willi-1"), R1], {"M3", "M8", "M9"}),
    ("unknown device", [], OFFICER, dev("ghost-1"), {"M3", "M4"}),
    ("administrator suspends", [], org_suspend(200, "police"), dev("bert-1"), {"M3"}),
    ("administrator enrols auditor", [], AUDITOR, dev("bert-1"), {"M3", "M10"}),
    ("registrars enrol auditor", [], AUDITOR, REGISTRARS, set()),
    ("auditor and officer", [], person_enrol(200, "police", "new", ["auditor", "officer"]), REGISTRARS, {"M10"}),
    ("auditor made officer", [], person_change(200, "otto", ["officer"]), dev("bert-1"), {"M3", "M10"}),
    ("device for auditor", [], device_enrol(200, "otto", "otto-2"), ADMINS, {"M3", "M10"}),
    ("administrator removes auditor", [], person_remove(200, "otto"), dev("bert-1"), set()),
    ("privileged role kept", [], person_change(200, "anna", ["author"], ["fraud"]), dev("bert-1"), set()),
    ("privileged role taken", [], person_change(200, "anna", ["officer"]), dev("bert-1"), set()),
    ("further privileged role", [], person_change(200, "anna", ["author", "approver"]), dev("bert-1"), {"M3", "M8"}),
    ("device for officer", [], device_enrol(200, "wim", "wim-2"), dev("willi-1"), set()),
    ("device for author, alone", [], device_enrol(200, "anna", "anna-2"), dev("bert-1"), {"M3", "M8"}),
    ("device for author, by two", [], device_enrol(200, "anna", "anna-2"), ADMINS, set()),
    ("own device revoked", [device_enrol(150, "wim", "wim-2")], device_revoke(200, "wim-1"), dev("wim-2"), set()),
    ("two own devices", [device_enrol(150, "wim", "w2"), device_enrol(150, "wim", "w3")],
     device_revoke(200, "wim-1"), dev("w2", "w3"), {"M3"}),
    ("another's device revoked", [], device_revoke(200, "wim-1"), dev("wanda-1"), {"M3"}),
    ("revoked by administrator", [], device_revoke(200, "wim-1"), dev("willi-1"), set()),
    ("revoked by a foreign administrator", [], device_revoke(200, "wim-1"), dev("bert-1"), {"M3", "M9"}),
    ("terms by administrator", [terms_define(150, 1, 900)], terms_accept(200, "water", 1), dev("willi-1"), set()),
    ("terms accepted by registrars", [terms_define(150, 1, 900)], terms_accept(200, "water", 1), REGISTRARS, {"M3"}),
    ("terms accepted abroad", [terms_define(150, 1, 9)], terms_accept(200, "shop", 1), dev("willi-1"), {"M3", "M9"}),
    ("undefined terms", [], terms_accept(200, "water", 1), dev("willi-1"), {"M13"}),
    (
        "older terms",
        [terms_define(150, 1, 900), terms_define(151, 2, 900), terms_accept(152, "water", 2)],
        terms_accept(200, "water", 1),
        dev("willi-1"),
        {"M13"},
    ),
    ("same terms again", [terms_define(150, 1, 900), terms_accept(152, "water", 1)], terms_accept(200, "water", 1),
     dev("willi-1"), set()),
    ("another's newer terms", [terms_define(150, 1, 900), terms_define(151, 2, 900), terms_accept(152, "shop", 2)],
     terms_accept(200, "water", 1), dev("willi-1"), set()),
    ("terms skip a version", [terms_define(150, 1, 900)], terms_define(200, 3, 900), REGISTRARS, {"M13"}),
    ("terms go on", [terms_define(150, 1, 900)], terms_define(200, 2, 900), REGISTRARS, set()),
    ("policy by administrators", [], policy_adopt(200, DEFAULT_POLICY), ADMINS, {"M3"}),
    ("revoked administrator", [device_revoke(150, "bert-1")], OFFICER, dev("bert-1"), {"M4"}),
    ("removed administrator", [person_remove(150, "bert")], OFFICER, dev("bert-1"), {"M4"}),
    ("suspended organisation", [org_suspend(150, "police")], OFFICER, dev("bert-1"), {"M4"}),
    ("terms not needed to sign", [terms_define(150, 1, 160)], OFFICER, dev("bert-1"), set()),
    ("role lost", [person_change(150, "bert", ["officer"])], OFFICER, dev("bert-1"), {"M3"}),
    ("known organisation", [], org_admit(200, "water", "company", FAR), REGISTRARS, {"M6"}),
    ("unknown organisation", [], org_suspend(200, "ghost"), REGISTRARS, {"M6"}),
    ("person of nowhere", [], person_enrol(200, "ghost", "new", ["officer"]), REGISTRARS, {"M6"}),
    ("known person", [], person_enrol(200, "shop", "wim", ["officer"]), REGISTRARS, {"M6"}),
    ("unknown person", [], person_change(200, "ghost", ["officer"]), REGISTRARS, {"M6"}),
    ("device of nobody", [], device_enrol(200, "ghost", "ghost-1"), REGISTRARS, {"M6"}),
    ("known device", [], device_enrol(200, "wim", "sam-1"), REGISTRARS, {"M6"}),
    ("removed organisation renewed", [org_remove(150, "water")], org_renew(200, "water", FAR), REGISTRARS, {"M7"}),
    ("removed person changed", [person_remove(150, "wim")], person_change(200, "wim", ["officer"]), REGISTRARS, {"M7"}),
    ("revoked twice", [device_revoke(150, "wim-1")], device_revoke(200, "wim-1"), REGISTRARS, {"M7"}),
    ("revoked, anew", [device_revoke(150, "wim-1")], device_enrol(200, "wim", "wim-1"), REGISTRARS, {"M6", "M7"}),
    ("device for the removed", [person_remove(150, "wim")], device_enrol(200, "wim", "w2"), REGISTRARS, {"M6", "M7"}),
    ("renewal shortens", [], org_renew(200, "water", FAR - 1), REGISTRARS, {"M12"}),
    ("renewal to the same day", [], org_renew(200, "water", FAR), REGISTRARS, set()),
    ("expiry in the past", [], org_admit(200, "x", "company", 200), REGISTRARS, {"M12"}),
    ("longest term", [], org_admit(200, "x", "company", 200 + LONGEST_TERM), REGISTRARS, set()),
    ("longer than the longest", [], org_admit(200, "x", "company", 201 + LONGEST_TERM), REGISTRARS, {"M12"}),
    ("second founding", [], found(200, ["R1", "R2"], 2), REGISTRARS, {"M1"}),
    ("time runs back", [], replace(OFFICER, at=99), REGISTRARS, {"M2"}),
    ("same second", [], replace(OFFICER, at=103), dev("bert-1"), set()),
    ("below a removed organisation", [org_remove(150, "water")], device_enrol(200, "wim", "w2"), REGISTRARS,
     {"M6", "M7"}),
    ("person below a removed organisation", [org_remove(150, "water")], person_enrol(200, "water", "n", ["officer"]),
     REGISTRARS, {"M6", "M7"}),
    ("change below a removed organisation", [org_remove(150, "water")], person_change(200, "wim", ["officer"]),
     REGISTRARS, {"M6", "M7"}),
    ("removed organisation changed", [org_remove(150, "water")], org_change(200, "water", "company"), REGISTRARS,
     {"M7"}),
    ("person removed below a removed organisation", [org_remove(150, "water")], person_remove(200, "wim"), REGISTRARS,
     set()),
    ("device revokes itself", [], device_revoke(200, "wim-1"), dev("wim-1"), set()),
    ("cleaning a removed organisation", [org_remove(150, "water")], device_revoke(200, "wim-1"), REGISTRARS, set()),
    ("fifteen devices", [device_enrol(150, "wim", f"w{n}") for n in range(14)], device_enrol(200, "wim", "w"),
     dev("willi-1"), set()),
    ("sixteen of another", [device_enrol(150, "sam", f"w{n}") for n in range(15)], device_enrol(200, "wim", "w"),
     dev("willi-1"), set()),
    ("sixteen, one revoked", [*[device_enrol(150, "wim", f"w{n}") for n in range(15)], device_revoke(151, "w3")],
     device_enrol(200, "wim", "w"), dev("willi-1"), set()),
    ("sixteen devices", [device_enrol(150, "wim", f"w{n}") for n in range(15)], device_enrol(200, "wim", "w"),
     dev("willi-1"), {"M15"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "event", "signers", "rules"), [t[1:] for t in TRANSITIONS], ids=[t[0] for t in TRANSITIONS]
)
def test_roster_accepts_or_refuses(facts: list[Fact], event: Fact, signers: list[Signer], rules: set[str]) -> None:
    assert may_append([*WORLD, *facts], event, signers) == (not rules, frozenset(rules))


def test_first_statement_is_the_founding() -> None:
    assert may_append([], found(1, ["R1", "R2", "R3"], 2), REGISTRARS) == (True, frozenset())
    assert may_append([], found(1, ["R1", "R2"], 2), REGISTRARS) == (True, frozenset())
    assert may_append([], found(1, ["R1", "R2", "R3"], 1), [R1]) == (False, frozenset({"M3"}))
    assert may_append([], found(1, ["R1", "R2"], 3), [R1, R2, R3])[1] == {"M3", "M4"}
    accepted, rules = may_append([], org_admit(1, "x", "company", FAR), REGISTRARS)
    assert not accepted
    assert "M1" in rules


def test_attack_statement_prepared_before_a_suspension_is_refused() -> None:
    world = [*WORLD, org_suspend(150, "water")]
    admitted_at = next(n for n, fact in enumerate(world) if fact.subject == "water")
    renewal = org_renew(200, "water", FAR)
    assert may_append(world, replace(renewal, previous=admitted_at), REGISTRARS) == (False, frozenset({"M5"}))
    assert may_append(world, replace(renewal, previous=None), REGISTRARS) == (False, frozenset({"M5"}))
    assert may_append(world, replace(renewal, previous=len(world) - 1), REGISTRARS) == (True, frozenset())


def test_a_person_may_not_begin_a_chain_with_a_predecessor() -> None:
    assert may_append(WORLD, replace(OFFICER, previous=3), dev("bert-1")) == (False, frozenset({"M5"}))


@pytest.mark.parametrize(
    ("prepared", "not_after", "signers", "accepted"),
    [
        (1_000 - 300, 5_000, dev("bert-1"), True),
        (1_000 - 301, 5_000, dev("bert-1"), False),
        (1_000 + 300, 5_000, dev("bert-1"), True),
        (1_000 + 301, 5_000, dev("bert-1"), False),
        (1_000 - 301, 5_000, REGISTRARS, True),
        (1_000 - 301, 1_000, REGISTRARS, True),
        (1_000 - 301, 999, REGISTRARS, False),
        (1_000 + 301, 5_000, REGISTRARS, False),
        (1_000 - 100, 999, dev("bert-1"), False),
        (1_000, 1_000 + 604_801, REGISTRARS, False),
    ],
)
def test_time_window(prepared: int, not_after: int, signers: list[Signer], accepted: bool) -> None:
    event = replace(OFFICER, at=1_000, prepared=prepared, not_after=not_after)
    assert may_append(WORLD, event, signers) == (accepted, frozenset() if accepted else frozenset({"M2"}))


def test_administrator_of_an_expired_organisation_signs_nothing() -> None:
    event = replace(OFFICER, at=FAR)
    assert may_append(WORLD, event, dev("bert-1")) == (False, frozenset({"M4"}))
    assert may_append(WORLD, replace(OFFICER, at=FAR - 1), dev("bert-1")) == (True, frozenset())


def test_journal_statements_are_not_roster_transitions() -> None:
    with pytest.raises(ValueError, match="journal"):
        may_append(WORLD, epoch_publish(200, "wim-1", [1]), dev("wim-1"))


def test_renewal_lifts_a_suspension_even_after_a_change() -> None:
    world = [*WORLD, org_suspend(150, "water"), org_change(151, "water", "company")]
    officer = person_enrol(200, "water", "new", ["officer"])
    assert may_append(world, officer, dev("willi-1")) == (False, frozenset({"M4"}))
    assert may_append(world, org_renew(160, "water", FAR), REGISTRARS) == (True, frozenset())
    assert may_append([*world, org_renew(160, "water", FAR)], officer, dev("willi-1")) == (True, frozenset())


def test_unsettled_append_names_the_points_that_can_be_read_in_two_ways() -> None:
    assert unsettled_append(WORLD, OFFICER, dev("bert-1")) == set()
    assert unsettled_append(WORLD, person_enrol(200, "police", "new", []), REGISTRARS) == {"no-roles"}
    assert unsettled_append(WORLD, person_enrol(200, "police", "water", ["officer"]), REGISTRARS) == {
        "id-of-another-family"
    }
