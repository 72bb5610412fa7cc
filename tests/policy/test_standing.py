"""Who is in force, over facts made by hand: every answer of ``policy.members`` and the second at which it changes.

What `make mutants` found that no other test would have noticed (docs/mutants.md).
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import pytest

from exchange.model.registry import Policy
from exchange.policy.members import Circle, Device, Facts, Organisation, Person, Roster, Terms, policy_id
from keys import encoding
from keys.labels import ds
from keys.verify import SigningPublicKey
from tests.support.world import World

NOW = 1_000
KEY = SigningPublicKey(bytes(32), bytes(1952))


def organisation(name: str, **changes: Any) -> Organisation:
    fields: dict[str, Any] = {"kind": "company", "sectors": frozenset(), "areas": (), "expires": NOW + 1}
    return Organisation(name, **(fields | changes))


def roster(*organisations: Organisation, terms: tuple[Terms, ...] = (), **changes: Any) -> Roster:
    """Each organisation with one person of its name and one device of the person's name."""
    facts = Facts(
        organisations={one.id: one for one in organisations},
        persons={one.id: Person(one.id, one.id, frozenset(), frozenset()) for one in organisations},
        devices={one.id: Device(one.id, one.id, KEY, bytes(32)) for one in organisations},
        people_of={one.id: (one.id,) for one in organisations},
        devices_of={one.id: (one.id,) for one in organisations},
        terms=terms,
    )
    return Roster(dataclasses.replace(facts, **changes), NOW)


def versions(latest: int, accept_by: int = NOW + 1) -> tuple[Terms, ...]:
    return tuple(Terms(version, "0" * 64, accept_by, "0" * 64) for version in range(1, latest + 1))


def test_an_organisation_person_and_device_in_force_have_no_fault() -> None:
    one = roster(organisation("a"))
    assert one.member_fault("a") is one.person_fault("a") is one.device_fault("a") is None
    assert one.terms_fault("a") is None


def test_what_nobody_admitted_is_unknown() -> None:
    one = roster(organisation("a"))
    assert one.organisation_fault("b") == one.member_fault("b") == "organisation-unknown"
    assert one.person_fault("b") == "person-unknown"
    assert one.device_fault("b") == "device-unknown"
    assert one.devices_in_force("b") == ()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"removed": True}, "organisation-removed"),
        ({"suspended": True}, "organisation-suspended"),
        ({"removed": True, "suspended": True}, "organisation-removed"),
        ({"expires": NOW}, "membership-expired"),
        ({"expires": NOW - 1}, "membership-expired"),
    ],
)
def test_the_fault_of_an_organisation_is_its_person_s_and_its_device_s(changes: dict[str, Any], fault: str) -> None:
    one = roster(organisation("a", **changes))
    assert one.organisation_fault("a") == one.member_fault("a") == fault
    assert one.person_fault("a") == one.device_fault("a") == fault


@pytest.mark.parametrize("changes", [{"removed": True}, {"suspended": True}, {"expires": NOW}])
def test_a_client_is_admitted_only_while_its_sponsor_is(changes: dict[str, Any]) -> None:
    client = organisation("c", sponsor="a")
    assert client.client and not organisation("a").client
    assert roster(organisation("a"), client).member_fault("c") is None
    assert roster(organisation("a", **changes), client).member_fault("c") == "sponsor-not-admitted"
    assert roster(client).organisation_fault("c") == "sponsor-not-admitted"


@pytest.mark.parametrize(
    ("accepted", "latest", "accept_by", "fault"),
    [
        (0, 1, NOW + 1, "terms-not-accepted"),
        (0, 1, NOW, "terms-not-accepted"),
        (1, 1, NOW, None),
        (1, 2, NOW + 1, None),
        (1, 2, NOW, "terms-not-accepted"),
        (1, 3, NOW + 1, "terms-not-accepted"),
        (2, 3, NOW + 1, None),
        (3, 3, NOW - 1, None),
    ],
)
def test_the_terms_before_count_until_the_second_of_accept_by(
    accepted: int, latest: int, accept_by: int, fault: str | None
) -> None:
    terms = versions(latest, accept_by)
    one = roster(organisation("a", terms=accepted), organisation("c", sponsor="a"), terms=terms)
    assert one.terms_fault("a") == one.member_fault("a") == one.person_fault("a") == fault
    assert one.terms_fault("c") == fault  # a client's acceptance is its sponsor's


def test_a_client_s_own_acceptance_counts_for_nothing() -> None:
    one = roster(organisation("a"), organisation("c", sponsor="a", terms=1), terms=versions(1))
    assert one.terms_fault("c") == "terms-not-accepted"


def test_a_removed_person_and_a_revoked_device_are_not_in_force() -> None:
    one = roster(organisation("a"))
    gone = dataclasses.replace(one.facts.persons["a"], removed=True)
    facts = dataclasses.replace(one.facts, persons={"a": gone})
    assert Roster(facts, NOW).person_fault("a") == Roster(facts, NOW).device_fault("a") == "person-removed"
    lost = dataclasses.replace(one.facts.devices["a"], revoked=True)
    facts = dataclasses.replace(one.facts, devices={"a": lost}, persons={"a": gone})
    assert Roster(facts, NOW).device_fault("a") == "device-revoked"


def test_a_person_s_devices_in_force_stand_in_the_order_of_enrolment() -> None:
    devices = {name: Device(name, "a", KEY, bytes(32), revoked=name == "x") for name in ("z", "x", "b")}
    one = roster(organisation("a"), devices=devices, devices_of={"a": ("z", "x", "b")})
    assert one.devices_in_force("a") == ("z", "b")


def test_all_persons_are_listed_by_organisation() -> None:
    one = roster(organisation("b"), organisation("a"), organisation("empty"), people_of={"b": ("b",), "a": ("a",)})
    assert [person.id for person in one.people()] == ["b", "a"]
    assert Roster(Facts(size=7), NOW).size == 7
    assert Roster(Facts(ever_author={"a"}), NOW).publishing("a")
    assert not Roster(Facts(ever_author={"a"}), NOW).publishing("b")


def test_new_facts_are_of_an_empty_registry() -> None:
    facts = Facts()
    assert (facts.size, facts.last_at, facts.origin, facts.threshold, facts.terms) == (0, 0, "", 0, ())
    assert facts.exchange is facts.policy is facts.policy_id is None
    new = organisation("a"), Person("a", "a", frozenset(), frozenset()), Device("a", "a", KEY, b"")
    assert (new[0].terms, new[0].suspended, new[0].removed, new[1].removed, new[2].revoked) == (0, *[False] * 4)


def test_a_circle_s_size_counts_members_of_all_three_kinds() -> None:
    circle = Circle("k", frozenset({"curator"}), frozenset("ab"), frozenset("cde"), frozenset("fghi"))
    assert circle.size == 9
    assert Circle("k", frozenset({"curator"})).size == 0


def test_a_copy_of_facts_has_the_same_values_in_containers_of_its_own() -> None:
    facts = Facts()
    for at, one in enumerate(dataclasses.fields(Facts)):
        value = getattr(facts, one.name)
        filled: Any = {str(at): (str(at),)} if isinstance(value, dict) else {str(at)} if isinstance(value, set) else at
        setattr(facts, one.name, filled)
    copy = facts.copy()
    for one in dataclasses.fields(Facts):
        mine, other = getattr(copy, one.name), getattr(facts, one.name)
        assert mine == other
        assert isinstance(mine, int) or mine is not other


def test_a_policy_s_id_is_the_hash_of_its_use_and_its_strict_json() -> None:
    policy = World().found().roster.facts.policy
    assert isinstance(policy, Policy)
    assert policy_id(policy) == hashlib.sha256(ds("policy") + encoding.encode(policy.to_json())).hexdigest()
