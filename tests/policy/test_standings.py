"""Keeping what is alike for many alerts changes no decision."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.model.scalars import DAY
from exchange.policy.decide import audience_change, decide_people
from exchange.policy.members import Roster, Standings
from tests.support.partnership import Partnership

AUDIENCES: dict[str, dict[str, Any] | None] = {
    "GREEN": {"everyone": True},
    "AMBER": {"sectors": ["health"]},
    "AMBER+STRICT": {"areas": ["05"], "topics": ["it"]},
    "CLEAR": None,
}


@pytest.fixture(scope="module")
def scene() -> Partnership:
    scene = Partnership()
    world = scene.world
    world.person(scene.hospital, "officer", topics=("it",))
    world.person(scene.hospital, "author", "officer")
    world.person(world.organisation("company", ("health",), days=2), "officer")
    return scene


@pytest.mark.parametrize("label", sorted(AUDIENCES))
def test_decisions_with_what_is_kept_are_those_without(scene: Partnership, label: str) -> None:
    """Also at the seconds at which a membership ends, in any order of times."""
    world = scene.world
    facts, policy = world.roster.facts, world.roster.facts.policy
    assert policy is not None
    core = world.alert(scene.author, label, AUDIENCES[label], choose=lambda found: found).alert.core
    kept, end = Standings(facts), world.now + 2 * DAY
    for time in (world.now, end - 1, end, world.now + 400 * DAY, end - 1, world.now + 365 * DAY, world.now, 0):
        expected = decide_people(Roster(facts, time), policy, core)
        found = decide_people(Roster(facts, time, kept), policy, core)
        assert found == expected
        assert list(found) == list(expected) == [person.id for person in Roster(facts, time).people()]


def test_answers_about_members_are_kept_until_a_membership_or_a_term_ends(scene: Partnership) -> None:
    facts, now = scene.world.roster.facts, scene.world.now
    kept, ends = Standings(facts), sorted({organisation.expires for organisation in facts.organisations.values()})
    first, *_, last = ends
    assert first > now and first != last
    answers = kept.faults(now)
    answers["somebody"] = None
    assert kept.faults(first - 1) is answers
    assert kept.faults(first) == {} and kept.faults(first - 1) == {}
    after = kept.faults(last)
    after["somebody"] = "membership-expired"
    assert kept.faults(last + 400 * DAY) is after and kept.faults(last - 1) == {}


def test_named_persons_are_asked_for_themselves(scene: Partnership) -> None:
    """The author, the approvers and those that the audience names share their standing with others and not the decision."""
    world = scene.world
    facts, policy = world.roster.facts, world.roster.facts.policy
    assert policy is not None
    audience = {"persons": [scene.porter.person]}
    core = world.alert(scene.author, "AMBER", audience, approvals=1, approvers=[scene.second.person]).alert.core
    people = decide_people(Roster(facts, world.now, Standings(facts)), policy, core)
    allowed = {person for person, decision in people.items() if decision.allowed}
    assert allowed == {scene.porter.person, scene.author.person, scene.second.person}
    roster = Roster(facts, world.now, Standings(facts))
    assert audience_change(roster, core, core) == audience_change(Roster(facts, world.now), core, core)
