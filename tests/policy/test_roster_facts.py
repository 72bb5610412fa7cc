"""What an accepted registry statement changes, and nothing else; and when the next entry is not taken at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast

import pytest

from exchange.model.entry import Entry
from exchange.model.scalars import DAY
from exchange.model.statements import Opening, Statement
from exchange.policy.members import Facts
from exchange.policy.roster import RosterRefusal, TrustedRoster, check_openings
from keys import encoding
from keys.errors import SignatureError
from tests.support.world import Member, World

NAME = {"name": sha256(b"name").hexdigest()}


@pytest.fixture
def world() -> World:
    return World().found()


def changed(world: World, work: Callable[[], object]) -> dict[str, Any]:
    """The fields of the facts that differ afterwards, with what they are now; size and time are every entry's."""
    before, size = world.roster.facts, world.roster.size
    work()
    after = world.roster.facts
    assert after.size == size + 1 == world.roster.size and after.last_at == world.now
    names = (field.name for field in fields(Facts) if field.name not in ("size", "last_at"))
    return {name: getattr(after, name) for name in names if getattr(before, name) != getattr(after, name)}


def by_registrars(world: World, kind: str, chain: str = "", /, **given: Any) -> Callable[[], Statement]:
    previous = world.previous(chain) if chain else None
    return lambda: world.accept(world.by_registrars(kind, previous=previous, **given))


def refused(rule: str, code: str, work: Callable[[], object]) -> None:
    with pytest.raises(RosterRefusal) as refusal:
        work()
    assert (refusal.value.rule, refusal.value.code) == (rule, code)


# -- what changes --------------------------------------------------------------------------------------------------------


def test_an_organisation_is_admitted_changed_suspended_renewed_and_removed(world: World) -> None:
    company = world.random.id()
    chain = f"organisation/{company}"
    given = {"organisation": company, "kind": "company", "sectors": ["energy"], "areas": ["05"]}
    admit = by_registrars(world, "organisation.admit", **given, commitments=NAME, expires=world.now + DAY)
    found = changed(world, admit)
    first = world.statements[-1].id
    assert found.keys() == {"organisations", "chains", "known_chains", "commitments"}
    assert found["commitments"][chain] == ((first, ("name",)),)
    assert {chain, f"acceptance/{company}"} <= found["known_chains"] and found["chains"][chain] == first
    admitted = found["organisations"][company]
    assert (admitted.kind, admitted.expires, admitted.suspended, admitted.terms) == (
        "company",
        world.now + DAY,
        False,
        0,
    )

    suspend = by_registrars(world, "organisation.suspend", chain, organisation=company)
    assert changed(world, suspend).keys() == {"organisations", "chains"}
    assert world.roster.facts.organisations[company].suspended
    renew = by_registrars(world, "organisation.renew", chain, organisation=company, expires=world.now + 2 * DAY)
    assert changed(world, renew).keys() == {"organisations", "chains"}
    renewed = world.roster.facts.organisations[company]
    assert (renewed.expires, renewed.suspended) == (world.now + 2 * DAY, False)
    given |= {"kind": "chamber", "sectors": ["health"], "areas": ["06"]}
    change = by_registrars(world, "organisation.change", chain, **given, commitments=NAME)
    assert changed(world, change).keys() == {"organisations", "chains", "commitments"}
    now = world.roster.facts.organisations[company]
    assert (now.kind, now.sectors, now.areas) == ("chamber", {"health"}, ("06",))
    assert world.roster.facts.commitments[chain] == ((first, ("name",)), (world.statements[-1].id, ("name",)))
    remove = by_registrars(world, "organisation.remove", chain, organisation=company)
    assert changed(world, remove).keys() == {"organisations", "chains"}
    assert world.roster.facts.organisations[company].removed


def test_persons_and_devices_are_remembered_with_what_they_ever_were(world: World) -> None:
    company = world.organisation()
    person = world.random.id()
    chain = f"person/{person}"
    enrol = by_registrars(
        world, "person.enrol", organisation=company, person=person, roles=["officer"], topics=["it"], commitments=NAME
    )
    assert changed(world, enrol).keys() == {"persons", "people_of", "chains", "known_chains", "commitments"}
    assert world.roster.facts.people_of[company] == (person,)
    change = by_registrars(world, "person.change", chain, person=person, roles=["author"], topics=[])
    assert changed(world, change).keys() == {"persons", "chains", "ever_author", "ever_privileged"}
    facts = world.roster.facts
    assert (facts.persons[person].roles, facts.persons[person].topics) == ({"author"}, frozenset())
    assert facts.ever_author == {company} and facts.ever_privileged == {person}
    member = Member(person, company, ("author",))
    device = world.device(member)
    facts = world.roster.facts
    assert facts.devices_of[person] == (device,) and facts.device_of_key[facts.devices[device].signing.key_id] == device
    second = world.device(member)
    assert world.roster.facts.devices_of[person] == (device, second)
    revoke = by_registrars(world, "device.revoke", f"device/{device}", device=device)
    assert changed(world, revoke).keys() == {"devices", "chains"}
    assert world.roster.facts.devices[device].revoked and not world.roster.facts.devices[second].revoked
    back = by_registrars(world, "person.change", chain, person=person, roles=["officer"], topics=[])
    assert changed(world, back).keys() == {"persons", "chains"}
    remove = by_registrars(world, "person.remove", chain, person=person)
    assert changed(world, remove).keys() == {"persons", "chains"}
    assert world.roster.facts.persons[person].removed


def test_clients_are_registered_renewed_and_counted_with_their_sponsor(world: World) -> None:
    sponsor, first, second = world.organisation(), world.random.id(), world.random.id()
    given = {"sponsor": sponsor, "commitments": NAME, "expires": world.now + DAY}
    register = by_registrars(world, "client.register", **given, organisation=first)
    found = changed(world, register)
    assert found.keys() == {"organisations", "clients_of", "chains", "known_chains", "commitments"}
    client = found["organisations"][first]
    assert (client.kind, client.sponsor, client.expires, client.sectors) == ("client", sponsor, world.now + DAY, set())
    changed(world, by_registrars(world, "client.register", **given, organisation=second))
    assert world.roster.facts.clients_of == {sponsor: (first, second)}
    chain = f"organisation/{first}"
    assert changed(world, by_registrars(world, "organisation.suspend", chain, organisation=first)).keys() == {
        "organisations",
        "chains",
    }
    renewed = given | {"expires": world.now + 2 * DAY}
    renew = by_registrars(world, "client.register", chain, **renewed, organisation=first)
    assert changed(world, renew).keys() == {"organisations", "chains", "commitments"}
    client = world.roster.facts.organisations[first]
    assert (client.expires, client.suspended) == (world.now + 2 * DAY, False)


def test_policy_terms_and_circles(world: World) -> None:
    company = world.organisation()
    curator = world.person(company, "officer")
    adopt = by_registrars(world, "policy.adopt", "policy", policy=world.policy(red_persons=7))
    assert changed(world, adopt).keys() == {"policy", "policy_id", "chains"}
    circle = world.random.id()
    ring = by_registrars(
        world, "circle.define", circle=circle, curators=[curator.person], commitments=NAME,
        members={"persons": [curator.person]},
    )  # fmt: skip
    found = changed(world, ring)
    assert found.keys() == {"circles", "ever_curator", "ever_curating", "chains", "known_chains", "commitments"}
    assert found["ever_curator"] == {curator.person} and found["ever_curating"] == {company}
    change = world.by_device(
        "circle.change", curator, circle=circle, previous=world.previous(f"circle/{circle}"),
        remove={"persons": [curator.person]}, not_after=world.now + 300,
    )  # fmt: skip
    assert changed(world, lambda: world.accept(change)).keys() == {"circles", "chains"}
    assert world.roster.facts.circles[circle].persons == frozenset()
    document = {"length": 1, "sha256": "1" * 64}
    define = by_registrars(world, "terms.define", version=1, accept_by=world.now + DAY, document=document)
    assert changed(world, define).keys() == {"terms", "chains", "known_chains"}
    (terms,) = world.roster.facts.terms
    assert (terms.version, terms.accept_by, terms.document) == (1, world.now + DAY, "1" * 64)


def test_a_fork_goes_its_own_way_and_facts_that_were_handed_out_stay(world: World) -> None:
    facts, size = world.roster.facts, world.roster.size
    fork = world.roster.fork()
    statement = world.by_registrars(
        "policy.adopt", policy=world.policy(red_persons=9), previous=world.previous("policy")
    )
    fork.apply(world.entry(statement), statement)
    assert (fork.size, world.roster.size) == (size + 1, size)
    assert world.roster.facts is facts and facts.policy != fork.facts.policy
    handed = fork.facts
    fork.apply(world.entry(statement).model_copy(update={"subject": "person/" + "p" * 22}), None)
    assert handed.size == size + 1 and fork.size == size + 2 and "person/" + "p" * 22 not in handed.chains


# -- what is not taken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"statement": "0" * 64},
        {"signatures": "0" * 64},
        {"kind": "terms.define"},
        {"subject": "terms"},
        {"subject": None},
    ],
)
def test_an_entry_is_of_this_statement_in_every_field(world: World, change: dict[str, Any]) -> None:
    statement = world.by_registrars("policy.adopt", policy=world.policy(), previous=world.previous("policy"))
    entry: Entry = world.entry(statement).model_copy(update=change)
    before = world.roster.facts
    refused("M1", "entry-mismatch", lambda: world.roster.apply(entry, statement))
    assert world.roster.facts is before


@pytest.mark.parametrize(("earlier", "code"), [(1, "time-decreases"), (0, None)])
def test_an_entry_may_be_of_the_same_second_and_of_none_before(world: World, earlier: int, code: str | None) -> None:
    statement = world.by_registrars("policy.adopt", policy=world.policy(), previous=world.previous("policy"))
    entry = world.entry(statement).model_copy(update={"at": world.now - earlier})
    if code is None:
        world.roster.apply(entry, statement)
    else:
        refused("M2", code, lambda: world.roster.apply(entry, statement))


@pytest.mark.parametrize(
    ("subject", "withheld"),
    [
        ("policy", True),
        ("terms", True),
        ("registrars", True),
        ("circle/" + "c" * 22, True),
        ("organisation/KNOWN", True),
        ("acceptance/KNOWN", True),
        ("opening/KNOWN", True),
        ("person/KNOWN", False),
        ("organisation/" + "s" * 22, False),
        ("acceptance/" + "s" * 22, False),
        ("person/" + "s" * 22, False),
        ("device/" + "s" * 22, False),
        ("opening/" + "s" * 22, False),
    ],
)
def test_what_is_withheld_is_about_strangers_only(world: World, subject: str, withheld: bool) -> None:
    company = world.organisation()
    subject = subject.replace("KNOWN", company)
    world.now += 1
    entry = world.entry(world.statements[-1]).model_copy(
        update={"at": world.now, "subject": subject, "statement": "7" * 64}
    )
    if withheld:
        refused("M16", "statement-withheld", lambda: world.roster.apply(entry, None))
        return
    found = changed(world, lambda: world.roster.apply(entry, None))
    assert found.keys() == {"chains"} and found["chains"][subject] == "7" * 64


def test_signatures_that_do_not_verify_are_refused_with_their_reason(world: World) -> None:
    def fails(_envelope: Any, _keys: Any) -> None:
        raise SignatureError("signature-invalid", "one is wrong")

    roster = TrustedRoster(world.roster.facts, verify=fails)
    statement = world.by_registrars("policy.adopt", policy=world.policy(), previous=world.previous("policy"))
    refused("M3", "signature-invalid", lambda: roster.apply(world.entry(statement), statement))
    refused("M3", "signature-invalid", lambda: roster.fork().check(statement, world.now))


def test_what_does_not_follow_the_newest_statement_is_refused(world: World) -> None:
    for previous in (None, "0" * 64):
        statement = world.by_registrars("policy.adopt", policy=world.policy(), previous=previous)
        refused("M5", "previous-mismatch", lambda one=statement: world.accept(one))  # type: ignore[misc]


# -- openings (M14) ------------------------------------------------------------------------------------------------------


def opening(field: str, value: str) -> tuple[Opening, str]:
    salt = bytes(32)
    made = Opening.model_construct(field=field, salt=encoding.b64u(salt), value=value)
    return made, encoding.commitment(field, salt, value)


def committing(**commitments: str) -> Any:
    made = SimpleNamespace(to_json=lambda: commitments) if commitments else None
    return cast(Any, SimpleNamespace(body=SimpleNamespace(commitments=made)))


def test_openings_are_those_that_the_statement_commits_to_one_to_one() -> None:
    name, committed = opening("name", "Anna")
    other, _ = opening("name", "Berta")
    notice, mail = opening("notice", "a@example.org")
    check_openings(committing(), [])
    check_openings(committing(name=committed), [name])
    check_openings(committing(name=committed, notice=mail), [notice, name])
    for statement, given in (
        (committing(), [name]),
        (committing(name=committed), []),
        (committing(name=committed), [other]),
        (committing(name=committed, notice=mail), [name]),
    ):
        refused("M14", "opening-mismatch", lambda s=statement, g=given: check_openings(s, g))  # type: ignore[misc]
    refused("M14", "opening-twice", lambda: check_openings(committing(name=committed), [name, name]))


def test_an_entry_that_names_no_subject_is_not_taken_unseen_either(world: World) -> None:
    entry = world.entry(world.statements[-1]).model_copy(update={"subject": None})
    refused("M1", "entry-mismatch", lambda: world.roster.apply(entry, None))


def test_a_statement_of_the_journal_is_none_of_the_registry(world: World) -> None:
    member = world.person(world.organisation(), "officer")
    statement = world.by_device("alert.receipt", member, alerts=["0" * 64], level="received", not_after=world.now + 300)
    entry = world.entry(world.statements[-1])
    same = {"statement": statement.id, "signatures": statement.envelope.signatures_hash, "kind": "alert.receipt"}
    refused("M1", "kind-unexpected", lambda: world.roster.apply(entry.model_copy(update=same), statement))
    refused("M1", "kind-unexpected", lambda: world.roster.check(statement, world.now))
