"""Hand-computed cases for grants and reading, each from a sentence of policy.md ("Grants") or the label table.

They show that the oracle says what the specification says; they do not touch the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from grant_oracle import grant_verdict, lineage_of, may_read
from oracle_journal import Answer, Claim, Grant, Release
from oracle_scene import FAR, USABLE, WORLD, T
from oracle_world import (
    DEFAULT_POLICY,
    Fact,
    client_register,
    device_enrol,
    device_revoke,
    org_suspend,
    person_change,
    person_enrol,
    person_remove,
)
from policy_oracle import leaves

# water has wim and wanda (officers) and willi (administrator); bob is an officer of its client, kim of the shop's.
SCENE: list[Fact] = [
    *WORLD,
    client_register(104, "bakery", "water", FAR),
    client_register(104, "kiosk", "shop", FAR),
    person_enrol(105, "bakery", "bob", ["officer"]),
    person_enrol(105, "kiosk", "kim", ["officer"]),
    person_enrol(105, "water", "wolf", ["officer"]),
    person_enrol(105, "police", "pia", ["author"]),
    *[device_enrol(106, name, f"{name}-1") for name in ("bob", "kim", "wolf", "pia")],
    *[device_enrol(106, name, f"{name}-2") for name in ("wim", "bob", "kim")],
]
KEYS = USABLE | {"bob-1", "kim-1", "wolf-1", "pia-1", "bob-2", "kim-2"}
NOW = T + 100


def released(label: str, statement: str = "s1", *devices: str, **changes: Any) -> Release:
    """An alert by anna with leaves for anna-1, wim-1 and the devices given; `wim` alone is its audience."""
    plain = {
        "issuer": {"device": "anna-1"}, "label": label, "approvers": [], "approvals": 0, "alert": "A", "version": 1,
        "urgency": "expected", "valid_until": T + 86_400, "policy": DEFAULT_POLICY, "action": "new", "at": T,
        "exercise": False, "stanzas": 0, "keyless": 0, "audience": {"persons": ["wim"]},
    }  # fmt: skip
    return Release(statement, {**plain, **changes}, dict.fromkeys(("anna-1", "wim-1", *devices), True))


def given(
    label: str,
    device: str,
    purpose: str = "onward",
    *,
    issuer: str = "wim-1",
    world: Sequence[Fact] = SCENE,
    journal: Sequence[Release | Grant | Answer] | None = None,
    t: int = NOW,
    usable: set[str] = KEYS,
    **changes: Any,
) -> tuple[bool, set[tuple[str, str]]]:
    said = {"alert": "s1", "issuer": issuer, "device": device, "purpose": purpose, "at": T + 90, **changes}
    if "via" not in said:
        said.setdefault("leaf", issuer)
    yes, reasons = grant_verdict(world, t, journal or [released(label)], Claim(**said), usable)
    return yes, set(reasons)


def code(label: str, device: str, **more: Any) -> str | None:
    """The code of an onward grant that may be, or None."""
    yes, reasons = given(label, device, **more)
    return next(iter(reasons))[1] if yes else None


SEALED = ("AMBER+STRICT", "AMBER", "GREEN")


# --- R12 by label ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "codes"),
    [
        ("wanda-1", ("colleague", "colleague", "colleague")),
        ("willi-1", (None, None, "colleague")),  # no officer
        ("bob-1", (None, "client", "client")),
        ("kim-1", (None, None, None)),  # another sponsor's client
        ("sam-1", (None, None, "community")),
        ("carl-1", (None, None, "community")),  # any person of the community
        ("otto-1", (None, None, None)),  # an auditor
    ],
)
def test_passing_on_by_label(device: str, codes: tuple[str | None, ...]) -> None:
    assert tuple(code(label, device) for label in SEALED) == codes


def test_attack_a_grant_of_red() -> None:
    for purpose, rule in (("onward", "R12"), ("newcomer", "R12"), ("history", "R13")):
        yes, reasons = given("RED", "wim-2", purpose)
        assert not yes
        assert (rule, "red-never") in reasons


def test_clear_is_public_and_not_granted() -> None:
    assert ("R7", "public") in given("CLEAR", "wanda-1")[1]


def test_attack_a_grant_of_amber_to_a_stranger() -> None:
    assert given("AMBER", "sam-1") == (False, {("R12", "")})
    assert given("AMBER", "willi-1") == (False, {("R12", "not-officer")})


# --- 1: the grantor ----------------------------------------------------------------------------------------------------


def test_attack_a_grant_of_what_the_grantor_never_received() -> None:
    assert given("AMBER", "wolf-1", issuer="wanda-1") == (False, {("R12", "")})
    assert given("AMBER", "wolf-1", issuer="wanda-1", leaf="wim-1") == (False, {("R12", "")})


def test_an_empty_leaf_gives_nothing() -> None:
    empty = Release("s1", released("AMBER").core, {"anna-1": True, "wim-1": False})
    assert given("AMBER", "wanda-1", journal=[empty]) == (False, {("R12", "")})


def test_attack_a_grant_by_a_revoked_device_or_one_out_of_force() -> None:
    for fact in (device_revoke(200, "wim-1"), person_remove(200, "wim"), person_change(200, "wim", ["auditor"])):
        yes, reasons = given("GREEN", "sam-1", world=[*SCENE, fact])
        assert not yes
        assert ("R1", "") in reasons


def test_a_grantee_passes_nothing_on_but_history() -> None:
    journal = [released("GREEN"), Grant("g1", "s1", "bob-1"), Grant("g2", "s1", "wanda-1")]
    assert given("GREEN", "sam-1", issuer="wanda-1", journal=journal, via="g2") == (False, {("R12", "")})
    assert given("GREEN", "bob-2", "history", issuer="bob-1", journal=journal, via="g1") == (True, {("R13", "")})
    # The grant must be of this alert and to this device.
    assert given("GREEN", "bob-2", "history", issuer="wanda-1", journal=journal, via="g1") == (False, {("R13", "")})


def test_a_client_passes_nothing_on() -> None:
    journal = [released("AMBER", "s1", "bob-1")]
    refused = (False, {("R12", "client-passes-on-nothing")})
    assert given("AMBER", "sam-1", issuer="bob-1", journal=journal) == refused


# --- 2: the grantee ----------------------------------------------------------------------------------------------------


def test_the_grantee_is_in_force_has_a_key_and_nothing_yet() -> None:
    assert ("R1", "") in given("AMBER", "wanda-1", world=[*SCENE, device_revoke(200, "wanda-1")])[1]
    assert ("R1", "") in given("AMBER", "bob-1", world=[*SCENE, org_suspend(200, "bakery")])[1]
    assert given("AMBER", "wanda-1", usable=KEYS - {"wanda-1"}) == (False, {("R16", "")})
    twice = [released("AMBER"), Grant("g1", "s1", "wanda-1")]
    assert given("AMBER", "wanda-1", journal=twice) == (False, {("R12", "already-recipient")})
    assert given("AMBER", "wim-1", issuer="anna-1", purpose="newcomer") == (False, {("R12", "already-recipient")})


def test_attack_a_granted_stanza_of_another_alert_is_no_grant_of_this_one() -> None:
    other = [released("AMBER"), released("AMBER", "s2", alert="B"), Grant("g1", "s2", "wanda-1")]
    assert given("AMBER", "wanda-1", journal=other)[0]
    assert given("AMBER", "bob-2", "history", issuer="bob-1", journal=other, via="g1") != (True, {("R13", "")})


# --- 3: time -----------------------------------------------------------------------------------------------------------


def test_nothing_is_granted_after_valid_until() -> None:
    late = {"journal": [released("AMBER", valid_until=NOW)]}
    assert given("AMBER", "wanda-1", **late) == (False, {("R15", "expired")})
    assert given("AMBER", "wanda-1", **late, t=NOW - 1)[0]
    assert given("AMBER", "wanda-1", journal=[released("AMBER", valid_until=T + 90)], t=T + 80) == (
        False,
        {("R15", "expired")},
    )


def test_only_a_released_alert_is_granted() -> None:
    assert not given("AMBER", "wanda-1", alert="unknown")[0]


# --- 4: newest, permits ------------------------------------------------------------------------------------------------


def test_an_old_version_and_a_withdrawal_are_not_passed_on() -> None:
    newer = [released("AMBER"), released("AMBER", "s2", version=2, action="update")]
    assert given("AMBER", "wanda-1", journal=newer) == (False, {("R12", "")})
    assert given("AMBER", "wanda-1", journal=newer, alert="s2")[0]
    assert not given("AMBER", "wanda-1", journal=[released("AMBER", action="withdraw")])[0]
    assert given("AMBER", "wanda-1", journal=[released("AMBER", action="all-clear")])[0]


def permit(asker: str = "wanda", alert: str = "s1", *, granted: bool = True) -> Answer:
    return Answer("answer", alert, asker, granted, frozenset({"sam", "carl", "wanda", "kim"}))


@pytest.mark.parametrize("label", SEALED)
def test_a_permit_allows_officers_it_names(label: str) -> None:
    journal = [released(label), permit()]
    assert code(label, "sam-1", journal=journal, permission="answer") == "permitted"
    assert code(label, "kim-1", journal=journal, permission="answer") == "permitted"
    assert code(label, "carl-1", journal=journal, permission="answer") is None  # no officer
    assert code(label, "cara-1", journal=journal, permission="answer") is None  # not named
    # Decided by (d) alone, also where another line would allow it.
    assert code(label, "wanda-1", journal=journal, permission="answer") == "permitted"
    assert code(label, "wolf-1", journal=journal, permission="answer") is None


@pytest.mark.parametrize("answer", [permit("sam"), permit("wanda", "s2"), permit(granted=False)])
def test_a_permit_of_another_organisation_or_version_or_a_declined_one_allows_nothing(answer: Answer) -> None:
    assert code("AMBER", "sam-1", journal=[released("AMBER"), answer], permission="answer") is None


# --- 5: newcomers ------------------------------------------------------------------------------------------------------


def test_a_newcomer_is_served_by_the_author_or_another_author_of_the_organisation() -> None:
    journal = [released("AMBER", "s1", "pia-1", "sam-1", audience={"organisations": ["water"]})]
    expected = (True, {("R12", "newcomer")})
    assert given("AMBER", "wanda-1", "newcomer", issuer="anna-1", journal=journal) == expected
    assert given("AMBER", "wanda-1", "newcomer", issuer="pia-1", journal=journal) == expected
    assert not given("AMBER", "wanda-1", "newcomer", issuer="wim-1", journal=journal)[0]
    assert not given("AMBER", "wanda-1", "newcomer", issuer="sam-1", journal=journal)[0]  # another's author


def test_a_newcomer_would_be_a_recipient_now_or_has_a_leaf() -> None:
    assert not given("AMBER", "wanda-1", "newcomer", issuer="anna-1")[0]
    assert given("AMBER", "wim-2", "newcomer", issuer="anna-1")[0]
    # Named no longer, but with a leaf by another device, or by this one without a key.
    lost = [*SCENE, person_change(200, "wim", ["administrator"])]
    assert given("AMBER", "wim-2", "newcomer", issuer="anna-1", world=lost)[0]
    keyless = [Release("s1", released("AMBER").core, {"anna-1": True, "wanda-1": False})]
    assert given("AMBER", "wanda-1", "newcomer", issuer="anna-1", journal=keyless)[0]
    # A grant is no leaf.
    granted = [released("AMBER"), Grant("g", "s1", "bob-1")]
    assert not given("AMBER", "bob-2", "newcomer", issuer="anna-1", journal=granted)[0]


def test_an_all_clears_newcomer_is_an_earlier_recipient() -> None:
    first = released("AMBER", audience={"organisations": ["water"]})
    core = {**first.core, "action": "all-clear", "version": 2}
    lineage = lineage_of(SCENE, [first], core, 1)
    second = Release("s2", core, leaves(SCENE, T, core, KEYS, lineage))
    claim = Claim("s2", "anna-1", "wanda-1", "newcomer", T + 90, leaf="anna-1")
    assert not grant_verdict(SCENE, NOW, [first, second], claim, KEYS, lineage)[0]


# --- 6: history --------------------------------------------------------------------------------------------------------


def test_history_goes_to_a_further_device_by_the_same_organisation() -> None:
    assert given("AMBER", "wim-2", "history") == (True, {("R13", "")})
    journal = [released("AMBER", "s1", "wanda-1")]
    assert given("AMBER", "wim-2", "history", issuer="wanda-1", journal=journal)[0]
    # The old device may be revoked.
    assert given(
        "AMBER", "wim-2", "history", issuer="wanda-1", journal=journal, world=[*SCENE, device_revoke(200, "wim-1")]
    )[0]


def test_attack_a_resealed_history_to_a_device_of_another_organisation() -> None:
    assert given("AMBER", "wim-2", "history", issuer="anna-1") == (False, {("R13", "other-organisation")})
    assert given("AMBER", "wanda-1", "history") == (False, {("R13", "not-recipient")})


def test_a_clients_history_is_resealed_by_it_or_its_sponsor() -> None:
    journal = [released("AMBER", "s1", "sam-1"), Grant("g1", "s1", "bob-1")]
    assert given("AMBER", "bob-2", "history", journal=journal)[0]
    assert given("AMBER", "bob-2", "history", issuer="bob-1", via="g1", journal=journal)[0]
    assert given("AMBER", "bob-2", "history", issuer="sam-1", journal=journal) == (
        False,
        {("R13", "other-organisation")},
    )


def test_ones_own_empty_leaf_is_as_good_as_another_device() -> None:
    journal = [Release("s1", released("AMBER").core, {"wim-1": True, "wanda-1": False})]
    assert given("AMBER", "wanda-1", "history", journal=journal) == (True, {("R13", "")})


def test_history_of_an_old_version_and_of_a_withdrawal_is_given() -> None:
    newer = [released("AMBER"), released("AMBER", "s2", version=2, action="withdraw")]
    assert given("AMBER", "wim-2", "history", journal=newer)[0]
    assert given("AMBER", "wim-2", "history", journal=newer, alert="s2")[0]


# --- Reading -----------------------------------------------------------------------------------------------------------


def test_who_had_it_and_is_in_force_reads_it_later() -> None:
    journal = [released("AMBER"), Grant("g1", "s1", "bob-1")]
    assert may_read(SCENE, FAR - 1, journal, "s1", "wim-1")
    assert may_read(SCENE, NOW, journal, "s1", "bob-1")
    assert not may_read(SCENE, NOW, journal, "s1", "wanda-1")
    assert not may_read([*SCENE, device_revoke(200, "wim-1")], NOW, journal, "s1", "wim-1")
    assert not may_read([*SCENE, org_suspend(200, "water")], NOW, journal, "s1", "bob-1")
    assert not may_read(SCENE, FAR, journal, "s1", "wim-1")
