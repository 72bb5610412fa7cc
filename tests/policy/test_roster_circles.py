"""Circles and clients (rules M18 and M19): what must fail, and what they do to an audience."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from exchange.model.registry import CircleChange, CircleDefine, CircleMembers
from exchange.model.scalars import DAY
from exchange.model.statements import Statement
from exchange.policy.circles import below, changed
from exchange.policy.decide import decide_one
from exchange.policy.members import Circle, Facts
from exchange.policy.roster import RosterRefusal
from exchange.policy.rules import r9_known
from tests.policy.test_rules import Scene
from tests.support.world import Member, World

NAME = {"name": sha256(b"name").hexdigest()}


@pytest.fixture
def world() -> World:
    return World().found()


def refused(world: World, statement: Statement, rule: str, code: str) -> None:
    before = world.roster.facts
    with pytest.raises(RosterRefusal) as refusal:
        world.accept(statement)
    assert (refusal.value.rule, refusal.value.code) == (rule, code)
    assert world.roster.facts is before


def defining(world: World, curator: Member, **members: list[str]) -> Statement:
    return world.by_registrars(
        "circle.define",
        circle=world.random.id(),
        commitments=NAME,
        curators=[curator.person],
        members={kind: sorted(ids) for kind, ids in members.items()} or None,
    )


def define(world: World, curator: Member, **members: list[str]) -> str:
    statement = world.accept(defining(world, curator, **members))
    return str(statement.body.to_json()["circle"])


def change(world: World, circle: str, by: Member | None = None, **fields: Any) -> Statement:
    fields = {"circle": circle, "previous": world.previous(f"circle/{circle}"), **fields}
    if by is None:
        return world.by_registrars("circle.change", **fields)
    return world.by_device("circle.change", by, **fields)


def register(world: World, sponsor: str, *signers: Member, client: str | None = None, days: int = 100) -> Statement:
    client = client or world.random.id()
    fields: dict[str, Any] = {
        "commitments": NAME,
        "expires": world.now + days * DAY,
        "organisation": client,
        "previous": world.previous(f"organisation/{client}"),
        "sponsor": sponsor,
    }
    if not signers:
        return world.by_registrars("client.register", **fields)
    return world.by_device("client.register", signers[0], *(s.signer for s in signers[1:]), **fields)


def client_of(world: World, sponsor: str) -> str:
    return str(world.accept(register(world, sponsor)).body.to_json()["organisation"])


# -- circles --------------------------------------------------------------------------------------


def test_a_circle_inside_itself_is_refused(world: World) -> None:
    curator = world.person(world.organisation(), "officer")
    itself = world.random.id()
    statement = world.by_registrars(
        "circle.define", circle=itself, commitments=NAME, curators=[curator.person], members={"circles": [itself]}
    )
    refused(world, statement, "M18", "circle-in-itself")
    outer = define(world, curator)
    inner = define(world, curator, circles=[outer])
    refused(world, change(world, outer, curator, add={"circles": [inner]}), "M18", "circle-in-itself")


def test_circles_four_deep_are_refused_from_above_and_from_below(world: World) -> None:
    curator = world.person(world.organisation(), "officer")
    lowest = define(world, curator)
    middle = define(world, curator, circles=[lowest])
    top = define(world, curator, circles=[middle])
    refused(world, defining(world, curator, circles=[top]), "M18", "circle-too-deep")
    under = define(world, curator)
    refused(world, change(world, lowest, curator, add={"circles": [under]}), "M18", "circle-too-deep")
    world.accept(change(world, middle, curator, add={"circles": [under]}))


def test_a_curator_of_another_circle_changes_nothing_here(world: World) -> None:
    company = world.organisation()
    mine, other = world.person(company, "officer"), world.person(company, "officer")
    circle, _ = define(world, mine), define(world, other)
    refused(world, change(world, circle, other, add={"organisations": [company]}), "M3", "signer-not-curator")
    world.accept(change(world, circle, mine, add={"organisations": [company]}))


def test_a_curator_who_was_removed_changes_nothing(world: World) -> None:
    company = world.organisation()
    curator = world.person(company, "officer")
    circle = define(world, curator)
    statement = change(world, circle, curator, add={"organisations": [company]})
    removal = {"person": curator.person, "previous": world.previous(f"person/{curator.person}")}
    world.accept(world.by_registrars("person.remove", **removal))
    refused(world, statement, "M4", "person-removed")


def test_a_curator_who_was_replaced_changes_nothing(world: World) -> None:
    company = world.organisation()
    before, after = world.person(company, "officer"), world.person(company, "officer")
    circle = define(world, before)
    refused(world, change(world, circle, before, curators=[before.person]), "M3", "signer-set")
    world.accept(change(world, circle, curators=[after.person]))
    refused(world, change(world, circle, before, add={"persons": [after.person]}), "M3", "signer-not-curator")
    world.accept(change(world, circle, after, add={"persons": [before.person]}))


def test_an_auditor_or_somebody_not_in_force_is_not_named_a_curator(world: World) -> None:
    company = world.organisation()
    auditor, officer = world.person(company, "auditor"), world.person(company, "officer")
    refused(world, defining(world, auditor), "M18", "curator-auditor")
    suspended = {"organisation": company, "previous": world.previous(f"organisation/{company}")}
    world.accept(world.by_registrars("organisation.suspend", **suspended))
    refused(world, defining(world, officer), "M18", "curator-organisation-suspended")


def test_a_clients_person_curates_no_circle(world: World) -> None:
    guest = world.person(client_of(world, world.organisation()), "officer")
    refused(world, defining(world, guest), "M18", "curator-client")


def test_a_delta_must_fit_what_is_there(world: World) -> None:
    company = world.organisation()
    curator = world.person(company, "officer")
    circle = define(world, curator, organisations=[company])
    refused(world, change(world, circle, curator, add={"organisations": [company]}), "M18", "member-present")
    refused(world, change(world, circle, curator, remove={"persons": [curator.person]}), "M18", "member-absent")
    stranger = world.random.id()
    refused(world, change(world, circle, curator, add={"organisations": [stranger]}), "M18", "organisation-unknown")
    refused(world, change(world, circle, curator, add={"circles": [stranger]}), "M18", "circle-unknown")
    world.accept(change(world, circle, curator, remove={"organisations": [company]}))
    assert world.roster.facts.circles[circle].size == 0


def test_two_devices_are_too_many_for_a_curator(world: World) -> None:
    company = world.organisation()
    curator, second = world.person(company, "officer"), world.person(company, "officer")
    circle = define(world, curator)
    fields = {"circle": circle, "previous": world.previous(f"circle/{circle}"), "add": {"organisations": [company]}}
    statement = world.by_device("circle.change", curator, second.signer, **fields)
    refused(world, statement, "M3", "signer-not-curator")


def test_an_id_is_used_by_one_subject_only(world: World) -> None:
    company = world.organisation()
    fields = {"commitments": NAME, "organisation": company, "person": company, "roles": ["officer"], "topics": []}
    refused(world, world.by_registrars("person.enrol", **fields), "M6", "person-exists")


def test_a_named_circle_addresses_everybody_below_it() -> None:
    scene = Scene()
    world = scene.world
    inner = define(world, scene.doctor, organisations=[scene.carrier])
    outer = define(world, scene.doctor, circles=[inner], persons=[scene.porter.person])
    assert below(world.roster.facts.circles, [outer]) == ({scene.carrier}, {scene.porter.person})
    core = scene.core("AMBER", {"circles": [outer]})
    policy = scene.roster.facts.policy
    assert policy is not None
    decided = {m.person: decide_one(scene.roster, policy, core, m.person) for m in (scene.driver, scene.porter)}
    assert [d.code for d in decided.values()] == ["organisation-named", "named"]
    assert not decide_one(scene.roster, policy, core, scene.doctor.person).allowed
    assert scene.decide(core).alert.allowed


def test_a_circle_stands_for_nobody_in_a_red_alert_and_an_unknown_one_is_refused() -> None:
    scene = Scene()
    circle = define(scene.world, scene.doctor, persons=[scene.porter.person])
    policy = scene.roster.facts.policy
    assert policy is not None
    red = scene.core("RED", {"circles": [circle]})
    assert decide_one(scene.roster, policy, red, scene.porter.person).code == "not-named"
    unknown = scene.core("GREEN", {"circles": [scene.world.random.id()]})
    decision = r9_known(scene.roster, unknown)
    assert decision is not None and decision.code == "circle-unknown"


# -- clients --------------------------------------------------------------------------------------


def test_a_client_registered_by_anothers_administrators_is_refused(world: World) -> None:
    sponsor, other = world.organisation(), world.organisation()
    one, two = world.person(other, "administrator"), world.person(other, "administrator")
    refused(world, register(world, sponsor, one, two), "M9", "other-organisation")
    refused(world, register(world, other, one), "M8", "two-persons")
    world.accept(register(world, other, one, two))


def test_a_client_of_a_client_is_refused(world: World) -> None:
    client = client_of(world, world.organisation())
    refused(world, register(world, client), "M19", "sponsor-is-client")


def test_a_client_with_an_author_is_refused(world: World) -> None:
    sponsor = world.organisation()
    one, two = world.person(sponsor, "administrator"), world.person(sponsor, "administrator")
    client = client_of(world, sponsor)
    fields = {"commitments": NAME, "organisation": client, "person": world.random.id(), "topics": []}
    statement = world.by_device("person.enrol", one, two.signer, roles=["author", "officer"], **fields)
    refused(world, statement, "M19", "client-officers-only")
    refused(world, world.by_registrars("person.enrol", roles=["auditor"], **fields), "M19", "client-officers-only")
    officer = world.accept(world.by_device("person.enrol", one, roles=["officer"], **fields))
    fields = {"person": fields["person"], "previous": officer.id, "roles": ["approver"], "topics": []}
    refused(world, world.by_device("person.change", one, two.signer, **fields), "M19", "client-officers-only")


def test_a_client_does_not_outlive_its_sponsors_suspension(world: World) -> None:
    sponsor = world.organisation()
    client = client_of(world, sponsor)
    officer = world.person(client, "officer")
    assert world.roster.at(world.now).device_fault(officer.device) is None
    suspended = {"organisation": sponsor, "previous": world.previous(f"organisation/{sponsor}")}
    world.accept(world.by_registrars("organisation.suspend", **suspended))
    assert world.roster.at(world.now).device_fault(officer.device) == "sponsor-not-admitted"
    revoke = {"device": officer.device, "previous": world.previous(f"device/{officer.device}")}
    refused(world, world.by_device("device.revoke", officer, **revoke), "M4", "sponsor-not-admitted")
    refused(world, register(world, sponsor, client=client), "M19", "sponsor-not-admitted")


def test_a_sponsor_cannot_lift_the_registrars_suspension_of_its_client(world: World) -> None:
    sponsor = world.organisation()
    one, two = world.person(sponsor, "administrator"), world.person(sponsor, "administrator")
    client = client_of(world, sponsor)
    suspended = {"organisation": client, "previous": world.previous(f"organisation/{client}")}
    world.accept(world.by_registrars("organisation.suspend", **suspended))
    world.accept(register(world, sponsor, one, two, client=client, days=200))
    assert world.roster.at(world.now).organisation_fault(client) == "organisation-suspended"
    world.accept(register(world, sponsor, client=client, days=200))
    assert world.roster.at(world.now).organisation_fault(client) is None


def test_a_clients_sponsor_never_changes_and_a_member_becomes_no_client(world: World) -> None:
    sponsor, other = world.organisation(), world.organisation()
    client = client_of(world, sponsor)
    refused(world, register(world, other, client=client), "M19", "sponsor-changes")
    refused(world, register(world, sponsor, client=other), "M19", "not-a-client")
    refused(world, register(world, sponsor, client=client, days=50), "M12", "renewal-shortens")


def test_a_client_is_not_made_a_member_by_a_change(world: World) -> None:
    sponsor = world.organisation()
    administrator = world.person(sponsor, "administrator")
    client = client_of(world, sponsor)
    fields = {"organisation": client, "previous": world.previous(f"organisation/{client}")}
    change = world.by_registrars("organisation.change", areas=["05"], kind="company", sectors=[], **fields)
    refused(world, change, "M19", "is-client")
    renewal = world.by_registrars("organisation.renew", expires=world.now + 300 * DAY, **fields)
    refused(world, renewal, "M19", "is-client")
    terms = world.accept(
        world.by_registrars("terms.define", accept_by=world.now, document={"length": 1, "sha256": "0" * 64}, version=1)
    )
    refused(
        world, world.by_device("terms.accept", administrator, organisation=client, terms=terms.id), "M9",
        "other-organisation",
    )  # fmt: skip
    world.accept(world.by_device("terms.accept", administrator, organisation=sponsor, terms=terms.id))
    assert world.roster.at(world.now).member_fault(client) is None


def test_an_administrator_removes_its_client_and_no_other_organisation(world: World) -> None:
    sponsor = world.organisation()
    administrator = world.person(sponsor, "administrator")
    client, stranger = client_of(world, sponsor), client_of(world, world.organisation())
    for organisation, rule, code in ((sponsor, "M3", "signer-set"), (stranger, "M9", "other-organisation")):
        fields = {"organisation": organisation, "previous": world.previous(f"organisation/{organisation}")}
        refused(world, world.by_device("organisation.remove", administrator, **fields), rule, code)
    fields = {"organisation": client, "previous": world.previous(f"organisation/{client}")}
    world.accept(world.by_device("organisation.remove", administrator, **fields))
    refused(world, register(world, sponsor, client=client), "M7", "organisation-removed")


def test_nothing_is_enrolled_below_a_removed_sponsor(world: World) -> None:
    sponsor = world.organisation()
    client = client_of(world, sponsor)
    fields = {"organisation": sponsor, "previous": world.previous(f"organisation/{sponsor}")}
    world.accept(world.by_registrars("organisation.remove", **fields))
    person = {"commitments": NAME, "organisation": client, "person": world.random.id(), "roles": ["officer"]}
    refused(world, world.by_registrars("person.enrol", topics=[], **person), "M7", "organisation-removed")


def test_a_clients_person_is_in_no_audience() -> None:
    scene = Scene()
    world = scene.world
    client = client_of(world, scene.hospital)
    officer = world.person(client, "officer")
    policy = scene.roster.facts.policy
    assert policy is not None
    for audience in ({"everyone": True}, {"organisations": [client]}, {"persons": [officer.person]}):
        core = scene.core("GREEN", audience)
        assert decide_one(scene.roster, policy, core, officer.person).code == "client-grants-only"
    red = scene.core("RED", {"persons": [officer.person]}, approvals=1, approvers=[scene.approver.person])
    verdict = scene.decide(red, scene.approver)
    assert (verdict.alert.rule, verdict.alert.code) == ("R1", "client-grants-only")


def test_a_change_of_a_circle_that_was_never_defined_is_refused_before_anything_of_it_is_read() -> None:
    body = CircleChange.model_construct(circle="c" * 22, add=None, remove=None, curators=None)
    with pytest.raises(RosterRefusal) as refused_with:
        changed(Facts(), body, 0)
    assert (refused_with.value.rule, refused_with.value.code) == ("M6", "circle-unknown")


@pytest.mark.parametrize(("members", "fits"), [(1000, True), (1001, False)])
def test_a_circle_has_at_most_a_thousand_members(members: int, fits: bool) -> None:
    names = tuple(f"{number:022d}" for number in range(members))
    facts = Facts()
    facts.chains.update({f"organisation/{name}": "0" * 64 for name in names})
    half = CircleMembers.model_construct(organisations=names, persons=None, circles=None)
    body = CircleDefine.model_construct(circle="c" * 22, curators=(), members=half)
    if fits:
        assert changed(facts, body, 0).organisations == frozenset(names)
        return
    with pytest.raises(RosterRefusal) as refused_with:
        changed(facts, body, 0)
    assert (refused_with.value.rule, refused_with.value.code) == ("M18", "circle-too-large")


def test_the_longest_way_up_counts_where_a_circle_stands_in_two() -> None:
    inner, low, middle, top, leaf = (letter * 22 for letter in "ilmtl"[:4] + "f")
    curators = frozenset[str]()
    facts = Facts()
    facts.circles = {
        inner: Circle(inner, curators),
        low: Circle(low, curators, frozenset({inner})),
        middle: Circle(middle, curators, frozenset({inner})),
        top: Circle(top, curators, frozenset({middle})),
        leaf: Circle(leaf, curators),
    }
    more = CircleMembers.model_construct(organisations=None, persons=None, circles=(leaf,))
    body = CircleChange.model_construct(circle=inner, add=more, remove=None, curators=None)
    with pytest.raises(RosterRefusal) as refused_with:
        changed(facts, body, 0)
    assert (refused_with.value.rule, refused_with.value.code) == ("M18", "circle-too-deep")
    del facts.circles[top]
    assert changed(facts, body, 0).circles == {leaf}
