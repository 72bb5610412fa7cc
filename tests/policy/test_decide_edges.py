"""The whole decision at its edges, over facts made by hand: who is lost, who is new, who has no device, and when it is asked.

What `make mutants` found that no other test would have noticed (docs/mutants.md).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from exchange.model.alert import Audience, Change, Core, Urgency
from exchange.model.tlp import Label
from exchange.policy.decide import (
    Context,
    Decision,
    Recipient,
    Verdict,
    audience_change,
    decide,
    decide_alert,
    decide_one,
    decide_people,
    expand,
)
from exchange.policy.lineage import Lineage
from exchange.policy.members import Facts, Organisation, Person, Roster
from exchange.policy.rules import APPROVER, AUTHOR
from tests.policy import test_rules_edges as made
from tests.policy.test_rules_edges import NOW, POLICY, core


def facts() -> Facts:
    """The facts made by hand, and who belongs where."""
    fresh = made.facts()
    for person in fresh.persons.values():
        fresh.people_of[person.organisation] = (*fresh.people_of.get(person.organisation, ()), person.id)
    return fresh


def changed(records: str, name: str, **values: Any) -> Roster:
    """The roster with one record changed."""
    fresh = facts()
    table = getattr(fresh, records)
    table[name] = dataclasses.replace(table[name], **values)
    return Roster(fresh, NOW)


ROSTER = Roster(facts(), NOW)
EVERYBODY = frozenset(ROSTER.facts.devices)
HEALTH = {"sectors": ("health",)}
CALM = POLICY.model_copy(update={"wide": POLICY.wide.model_copy(update={"approvals": 0})})


def later(roster: Roster, time: int = NOW) -> Roster:
    """The roster one entry on, at a time."""
    return Roster(dataclasses.replace(roster.facts, size=roster.size + 1), time)


def sealed(label: Label = Label.GREEN, audience: dict[str, Any] | None = None, **changes: Any) -> Core:
    """A core whose numbers of leaves are right when everybody has a key."""
    body = core(label, HEALTH if audience is None else audience, **changes)
    recipients, _ = expand(ROSTER, decide_people(ROSTER, CALM, body), EVERYBODY)
    return body.model_copy(update={"stanzas": len(recipients)})


def whole(body: Core, acceptance: Roster | None = None, *approvals: str, roster: Roster = ROSTER) -> Verdict:
    return decide(roster, CALM, body, approvals, Context(acceptance, EVERYBODY))


# -- at acceptance -----------------------------------------------------------------------------------------------------


def test_an_approver_who_no_longer_holds_at_acceptance_is_named() -> None:
    body = core(Label.GREEN, HEALTH, approvals=1, approvers=("approver",))
    gone = changed("persons", "approver", removed=True)
    found = decide_alert(ROSTER, CALM, body, ["approver"], Context(gone))
    assert (found.allowed, found.rule, found.values) == (False, "R8", ("approver",))
    assert decide_alert(ROSTER, CALM, body, ["approver"], Context(ROSTER)) == Decision(True, "R8", "released")
    assert decide_alert(ROSTER, CALM, body, [], Context(gone)) == Decision(True, "R8", "proposed"), (
        "nobody approved yet"
    )


def test_who_is_lost_is_named_by_device_and_only_who_is_lost() -> None:
    body = sealed()
    assert {r.person for r in whole(body).recipients} == {"author", "doctor", "nurse"}
    for roster in (
        changed("persons", "doctor", removed=True),
        changed("devices", "doctor", revoked=True),
        changed("persons", "doctor", roles=frozenset({"auditor"})),
    ):
        verdict = whole(body, later(roster))
        assert (verdict.alert.allowed, verdict.unserved) == (True, ("doctor",))


def test_who_is_not_in_the_later_roster_at_all_is_lost() -> None:
    """A partial reader's two rosters: neither is a reason to fail."""
    body = sealed()
    for table, of in (("persons", "people_of"), ("devices", "devices_of")):
        fresh = facts()
        del getattr(fresh, table)["doctor"]
        getattr(fresh, of).update({"clinic": ("nurse",), "doctor": ()})
        assert whole(body, later(Roster(fresh, NOW))).unserved == ("doctor",)


def test_an_organisation_that_ended_meanwhile_loses_all_its_devices() -> None:
    body = sealed()
    verdict = whole(body, later(changed("organisations", "clinic", suspended=True)))
    assert verdict.unserved == ("doctor", "nurse")
    # Only time has passed: no statement, and memberships that end.
    brief = facts()
    brief.organisations["clinic"] = dataclasses.replace(brief.organisations["clinic"], expires=NOW + 5)
    named, body = Roster(brief, NOW), sealed(valid_until=NOW + 50)
    assert whole(body, Roster(brief, NOW + 4), roster=named).unserved == ()
    assert whole(body, Roster(brief, NOW + 5), roster=named).unserved == ("doctor", "nurse")


def test_nobody_is_lost_when_nothing_happened() -> None:
    assert whole(sealed(), ROSTER).unserved == ()
    assert whole(sealed(), later(ROSTER)).unserved == ()
    assert whole(sealed(), ROSTER).newcomers == ()


@pytest.mark.parametrize("lost", [True, False])
def test_red_is_refused_only_when_somebody_is_lost(lost: bool) -> None:
    body = sealed(Label.RED, {"persons": ("doctor",)}, approvals=2, approvers=("approver", "clerk"))
    body = body.model_copy(update={"stanzas": 4})
    acceptance = later(changed("devices", "doctor", revoked=True) if lost else ROSTER)
    roles = {"approver": frozenset({"approver"}), "clerk": frozenset({"approver"})}
    for roster in (ROSTER, acceptance):
        for name, given in roles.items():
            roster.facts.persons[name] = dataclasses.replace(roster.facts.persons[name], roles=given)
    try:
        verdict = whole(body, acceptance, "approver", "clerk")
    finally:
        ROSTER.facts.persons.update(facts().persons)
    if lost:
        assert verdict.alert == Decision(False, "R3", "recipient-lost", ("doctor",))
        assert verdict.unserved == ("doctor",)
    else:
        assert (verdict.alert.allowed, verdict.unserved) == (True, ())


def test_newcomers_are_who_would_receive_it_by_now_and_did_not() -> None:
    fresh = facts()
    fresh.size = 1
    fresh.persons["locum"] = Person("locum", "clinic", frozenset({"officer"}), frozenset())
    fresh.people_of["clinic"] += ("locum",)
    fresh.persons["clerk"] = dataclasses.replace(fresh.persons["clerk"], organisation="clinic")
    assert whole(sealed(), Roster(fresh, NOW)).newcomers == ("clerk", "locum")
    fresh.size = 0  # the same registry: nobody can be new
    assert whole(sealed(), Roster(fresh, NOW)).newcomers == ()
    clear = core(Label.CLEAR, None, approvals=1, approvers=("approver",))
    fresh.size = 1
    assert whole(clear, Roster(fresh, NOW), "approver").newcomers == ()


# -- who ---------------------------------------------------------------------------------------------------------------


def test_author_and_approver_who_are_alike_are_told_apart() -> None:
    same = {"roles": frozenset({"author", "approver"}), "topics": frozenset[str]()}
    fresh = facts()
    for name in ("author", "approver", "clerk"):
        fresh.persons[name] = dataclasses.replace(fresh.persons[name], **same)
    body = core(Label.GREEN, HEALTH, approvals=1, approvers=("approver",))
    people = decide_people(Roster(fresh, NOW), CALM, body)
    assert (people["author"], people["approver"]) == (AUTHOR, APPROVER)
    assert not people["clerk"].allowed
    for person, decision in people.items():
        assert decide_one(Roster(fresh, NOW), CALM, body, person) == decision


def test_who_is_unknown_is_no_recipient() -> None:
    assert decide_one(ROSTER, CALM, core(audience=HEALTH), "nobody") == Decision(False, "R1", "person-unknown")


def test_recipients_without_a_device_are_named_and_others_are_not() -> None:
    fresh = facts()
    del fresh.devices_of["nurse"]
    roster = Roster(fresh, NOW)
    recipients, without = expand(roster, decide_people(roster, CALM, core(audience=HEALTH)), {"doctor"})
    assert recipients == (Recipient("author", "author", False), Recipient("doctor", "doctor", True))
    assert without == ("nurse",)
    verdict = whole(core(audience=HEALTH, stanzas=2), roster=roster)
    assert (verdict.without_device, verdict.stanzas, verdict.keyless) == (("nurse",), 2, 0)


def test_a_refused_alert_has_no_recipients() -> None:
    verdict = whole(sealed(valid_until=NOW))
    assert verdict == Verdict(Decision(False, "R15", "expired")) or not verdict.alert.allowed
    assert verdict.recipients == () and verdict.people == {}


# -- the whole registry ------------------------------------------------------------------------------------------------


def test_the_numbers_of_leaves_are_those_signed() -> None:
    body = sealed()
    for wrong in ({"stanzas": 2}, {"stanzas": 4}, {"keyless": 1}, {"stanzas": 2, "keyless": 1}):
        verdict = whole(body.model_copy(update=wrong))
        assert verdict.alert == Decision(False, "R16", "leaf-count", ("3", "0"))
        assert len(verdict.recipients) == 3
    nurse = decide(ROSTER, CALM, body, (), Context(None, EVERYBODY - {"nurse"}))
    assert nurse.alert == Decision(False, "R16", "leaf-count", ("2", "1"))


def test_an_audience_of_nobody_is_refused_with_whoever_always_receives() -> None:
    verdict = whole(sealed(audience={"sectors": ("water",)}))
    assert verdict.alert == Decision(False, "R9", "audience-empty")
    assert [r.person for r in verdict.recipients] == ["author"]


def test_a_person_named_in_red_who_may_not_receive_it_refuses_it() -> None:
    fresh = facts()
    fresh.persons["clerk"] = dataclasses.replace(fresh.persons["clerk"], roles=frozenset({"approver"}))
    fresh.persons["doctor"] = dataclasses.replace(fresh.persons["doctor"], removed=True)
    roster = Roster(fresh, NOW)
    body = core(Label.RED, {"persons": ("doctor", "nurse")}, approvals=2, approvers=("approver", "clerk"), stanzas=4)
    alert = whole(body, None, "approver", "clerk", roster=roster).alert
    assert (alert.allowed, alert.values) == (False, ("doctor",))


# -- versions ----------------------------------------------------------------------------------------------------------


def lineage(previous: Core, recipients: frozenset[str] | None = None) -> Lineage:
    return Lineage(previous, "s" * 64, True, "office", previous.approvals, recipients)


def second(word: str, audience: dict[str, Any], **changes: Any) -> Core:
    change = Change.model_construct(audience=word, reason="scope", since=None)
    return core(
        Label.GREEN, audience, action="update", version=2, previous="s" * 64, change=change, urgency=Urgency.EXPECTED,
        **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (HEALTH, HEALTH, "same"),
        (HEALTH, {"sectors": ("health", "logistics")}, "wider"),
        ({"sectors": ("health", "logistics")}, HEALTH, "narrower"),
        (HEALTH, {"sectors": ("logistics",)}, "different"),
    ],
)
def test_what_a_change_says_of_the_audience_is_true(before: dict[str, Any], after: dict[str, Any], word: str) -> None:
    first = core(Label.GREEN, before)
    found, new, gone = audience_change(ROSTER, core(Label.GREEN, after), first)
    health, carrier = frozenset({"doctor", "nurse"}), frozenset({"driver"})
    reached = {"health": health, "logistics": carrier}
    was = frozenset[str]().union(*(reached[sector] for sector in before["sectors"]))
    now = frozenset[str]().union(*(reached[sector] for sector in after["sectors"]))
    assert (found, new, gone) == (word, now - was, was - now)
    for said in ("same", "wider", "narrower", "different"):
        body = second(said, after)
        people = decide_people(ROSTER, CALM, body)
        recipients, _ = expand(ROSTER, people, EVERYBODY)
        body = body.model_copy(update={"stanzas": len(recipients)})
        alert = decide(ROSTER, CALM, body, (), Context(None, EVERYBODY, lineage(first))).alert
        if said == word:
            assert alert.allowed, alert
        else:
            assert alert == Decision(False, "R10", "audience-change-untrue", (said, word))


def test_clear_is_everybody_when_audiences_are_compared() -> None:
    green, clear = core(Label.GREEN, HEALTH), core(Label.CLEAR)
    nobody: frozenset[str] = frozenset()
    assert audience_change(ROSTER, clear, green) == ("wider", nobody, nobody)
    assert audience_change(ROSTER, green, clear) == ("narrower", nobody, nobody)
    assert audience_change(ROSTER, clear, clear) == ("same", nobody, nobody)


def test_who_receives_every_version_does_not_count_as_new_or_gone() -> None:
    """Author and candidate approvers of this version, also where the audience names them."""
    office = {"organisations": ("office",), "sectors": ("health",)}
    body = core(Label.GREEN, HEALTH, approvers=("approver", "clerk"))
    assert audience_change(ROSTER, body, core(Label.GREEN, office))[0] == "same"
    body = core(Label.GREEN, HEALTH, approvers=("approver",))
    assert audience_change(ROSTER, body, core(Label.GREEN, office)) == ("narrower", frozenset(), frozenset({"clerk"}))


def test_whom_taking_back_does_not_reach_is_named() -> None:
    first = core(Label.GREEN, HEALTH)
    fresh: Facts = facts()
    fresh.persons["nurse"] = dataclasses.replace(fresh.persons["nurse"], removed=True)
    body = core(
        Label.GREEN, HEALTH, action="withdraw", version=2, previous="s" * 64, stanzas=2,
        change=Change.model_construct(audience="same", reason="error", since=None),
    )  # fmt: skip
    roster = Roster(fresh, NOW)
    known = lineage(first, frozenset({"doctor", "nurse", "stranger"}))
    verdict = decide(roster, CALM, body, (), Context(None, EVERYBODY, known))
    assert verdict.alert.allowed, verdict.alert
    assert verdict.unreached == ("nurse", "stranger")
    assert {r.person for r in verdict.recipients} == {"author", "doctor"}
    unknown = decide(roster, CALM, body, (), Context(None, EVERYBODY, lineage(first, None)))
    assert unknown.unreached == ()
    plain = decide(ROSTER, CALM, sealed(), (), Context(None, EVERYBODY, None))
    assert plain.unreached == ()


def test_only_taking_back_has_earlier_recipients_to_reach() -> None:
    first = core(Label.GREEN, {"sectors": ("health", "logistics")})
    known = lineage(first, frozenset({"doctor", "nurse", "driver"}))
    body = second("narrower", HEALTH, stanzas=3)
    verdict = decide(ROSTER, CALM, body, (), Context(None, EVERYBODY, known))
    assert (verdict.alert.allowed, verdict.unreached) == (True, ()), verdict.alert
    change = Change.model_construct(audience="same", reason="error", since=None)
    changes: dict[str, Any] = {"action": "withdraw", "version": 2, "previous": "s" * 64, "change": change}
    public = core(Label.CLEAR, None, approvals=1, approvers=("approver",))
    body = core(Label.CLEAR, None, approvals=1, approvers=("approver",), stanzas=0, **changes)
    told = decide(ROSTER, CALM, body, ("approver",), Context(None, EVERYBODY, lineage(public, frozenset({"driver"}))))
    assert (told.alert.allowed, told.unreached) == (True, ()), told.alert
    # Who has no earlier version at all knows of nobody.
    people = decide_people(ROSTER, CALM, core(Label.GREEN, HEALTH, **changes))
    stanzas = sum(decision.allowed for decision in people.values())
    body = core(Label.GREEN, HEALTH, stanzas=stanzas, **changes)
    assert decide(ROSTER, CALM, body, (), Context(None, EVERYBODY, None)).unreached == ()


def test_taking_back_is_not_stopped_by_whom_it_no_longer_reaches() -> None:
    """Nobody but the author is left: an update would be refused, the withdrawal goes out, its leaves counted."""
    first = core(Label.GREEN, HEALTH)
    fresh = facts()
    clinic: Organisation = fresh.organisations["clinic"]
    fresh.organisations["clinic"] = dataclasses.replace(clinic, removed=True)
    roster = Roster(fresh, NOW)
    body = core(
        Label.GREEN, HEALTH, action="withdraw", version=2, previous="s" * 64, stanzas=1,
        change=Change.model_construct(audience="same", reason="error", since=None),
    )  # fmt: skip
    known = lineage(first, frozenset({"doctor"}))
    assert decide(roster, CALM, body, (), Context(None, EVERYBODY, known)).alert.allowed
    wrong = body.model_copy(update={"stanzas": 2})
    assert decide(roster, CALM, wrong, (), Context(None, EVERYBODY, known)).alert.code == "leaf-count"


def test_an_audience_by_hand_is_an_audience() -> None:
    assert isinstance(core(audience=HEALTH).audience, Audience)
