"""Erasing of openings (rule M20): of those who left and of replaced values, once, and by whom."""

from __future__ import annotations

from hashlib import sha256

import pytest

from exchange.model.statements import Statement
from exchange.policy.roster import RosterRefusal
from tests.support.world import Member, World

NAME = {"name": sha256(b"name").hexdigest()}
NEWER = {"name": sha256(b"newer").hexdigest()}


@pytest.fixture
def world() -> World:
    return World().found()


def refused(world: World, statement: Statement, rule: str, code: str) -> None:
    before = world.roster.facts
    with pytest.raises(RosterRefusal) as refusal:
        world.accept(statement)
    assert (refusal.value.rule, refusal.value.code) == (rule, code)
    assert world.roster.facts is before


def erasing(world: World, chain: str, by: Member | None = None, statement: str | None = None, *names: str) -> Statement:
    fields = {
        "fields": sorted(names or ("name",)),
        "previous": world.previous(f"opening/{chain.partition('/')[2]}"),
        "statement": statement or world.roster.facts.commitments[chain][0][0],
        "subject": chain,
    }
    if by is None:
        return world.by_registrars("opening.erase", **fields)
    return world.by_device("opening.erase", by, **fields)


def remove(world: World, family: str, subject: str) -> None:
    fields = {family: subject, "previous": world.previous(f"{family}/{subject}")}
    world.accept(world.by_registrars(f"{family}.remove", **fields))


def test_openings_of_somebody_in_force_are_not_erased(world: World) -> None:
    company = world.organisation()
    administrator, officer = world.person(company, "administrator"), world.person(company, "officer")
    chain = f"person/{officer.person}"
    refused(world, erasing(world, chain, administrator), "M20", "still-in-force")
    refused(world, erasing(world, chain), "M20", "still-in-force")
    suspended = {"organisation": company, "previous": world.previous(f"organisation/{company}")}
    world.accept(world.by_registrars("organisation.suspend", **suspended))
    refused(world, erasing(world, chain), "M20", "still-in-force")


def test_an_organisation_cannot_take_itself_out_of_the_log(world: World) -> None:
    company = world.organisation()
    administrator = world.person(company, "administrator")
    chain = f"organisation/{company}"
    refused(world, erasing(world, chain, administrator), "M3", "signer-set")
    refused(world, erasing(world, chain), "M20", "still-in-force")
    fields = {"organisation": company, "previous": world.previous(chain)}
    refused(world, world.by_device("organisation.remove", administrator, **fields), "M3", "signer-set")
    own = f"person/{administrator.person}"
    refused(world, erasing(world, own, administrator), "M20", "still-in-force")


def test_who_left_is_erased_once(world: World) -> None:
    company = world.organisation()
    administrator, officer = world.person(company, "administrator"), world.person(company, "officer")
    chain = f"person/{officer.person}"
    remove(world, "person", officer.person)
    refused(world, erasing(world, chain, administrator, None, "contact"), "M20", "opening-unknown")
    statement = world.accept(erasing(world, chain, administrator))
    assert (world.roster.facts.commitments[chain][0][0], "name") in world.roster.facts.erased
    assert world.previous(f"opening/{officer.person}") == statement.id
    refused(world, erasing(world, chain, administrator), "M20", "erased-already")


def test_only_what_was_replaced_is_erased_while_in_force(world: World) -> None:
    company = world.organisation()
    administrator, officer = world.person(company, "administrator"), world.person(company, "officer")
    chain = f"person/{officer.person}"
    fields = {"person": officer.person, "previous": world.previous(chain), "roles": ["officer"], "topics": []}
    newer = world.accept(world.by_device("person.change", administrator, commitments=NEWER, **fields))
    refused(world, erasing(world, chain, administrator, newer.id), "M20", "still-in-force")
    world.accept(erasing(world, chain, administrator))


def test_an_administrator_of_another_organisation_erases_nothing(world: World) -> None:
    company = world.organisation()
    officer, stranger = world.person(company, "officer"), world.person(world.organisation(), "administrator")
    remove(world, "person", officer.person)
    refused(world, erasing(world, f"person/{officer.person}", stranger), "M9", "other-organisation")


def test_a_statement_of_another_subject_is_not_erased_as_this_ones(world: World) -> None:
    company = world.organisation()
    gone, stays = world.person(company, "officer"), world.person(company, "officer")
    remove(world, "person", gone.person)
    foreign = world.roster.facts.commitments[f"person/{stays.person}"][0][0]
    refused(world, erasing(world, f"person/{gone.person}", None, foreign), "M20", "opening-unknown")
    unknown = erasing(world, f"person/{gone.person}")
    other = world.by_registrars(
        "opening.erase", fields=["name"], statement=foreign, subject=f"person/{world.random.id()}"
    )
    refused(world, other, "M6", "subject-unknown")
    world.accept(unknown)


def test_a_removed_organisation_takes_its_people_and_clients_with_it(world: World) -> None:
    company = world.organisation()
    officer = world.person(company, "officer")
    client = world.random.id()
    fields = {"commitments": NAME, "expires": world.now + 1000, "organisation": client, "sponsor": company}
    world.accept(world.by_registrars("client.register", **fields))
    guest = world.person(client, "officer")
    remove(world, "organisation", company)
    for chain in (f"organisation/{company}", f"person/{officer.person}", f"organisation/{client}"):
        world.accept(erasing(world, chain))
    world.accept(erasing(world, f"person/{guest.person}"))


def test_an_administrator_erases_a_former_client(world: World) -> None:
    company = world.organisation()
    administrator = world.person(company, "administrator")
    client = world.random.id()
    fields = {"commitments": NAME, "expires": world.now + 1000, "organisation": client, "sponsor": company}
    world.accept(world.by_registrars("client.register", **fields))
    chain = f"organisation/{client}"
    refused(world, erasing(world, chain, administrator), "M20", "still-in-force")
    remove(world, "organisation", client)
    world.accept(erasing(world, chain, administrator))


def test_an_erasing_about_a_known_subject_is_not_withheld(world: World) -> None:
    officer = world.person(world.organisation(), "officer")
    remove(world, "person", officer.person)
    statement = erasing(world, f"person/{officer.person}")
    with pytest.raises(RosterRefusal) as refusal:
        world.roster.apply(world.entry(statement), None)
    assert (refusal.value.rule, refusal.value.code) == ("M16", "statement-withheld")
