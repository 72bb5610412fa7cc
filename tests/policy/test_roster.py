"""The roster's rules M1 to M16, one test for each illegal order."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from exchange.model.entry import Entry
from exchange.model.scalars import DAY
from exchange.model.statements import Statement
from exchange.policy.roster import RosterRefusal, TrustedRoster
from keys.envelope import Envelope
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


def enrol(world: World, by: Member, organisation: str, *roles: str, others: tuple[Any, ...] = ()) -> Statement:
    return world.by_device(
        "person.enrol",
        by,
        *others,
        commitments=NAME,
        organisation=organisation,
        person=world.random.id(),
        roles=sorted(roles),
        topics=[],
    )


def test_m1_the_first_statement_is_the_founding() -> None:
    world = World()
    world.exchange = sha256(b"x").hexdigest()
    with pytest.raises(RosterRefusal) as refusal:
        world.organisation()
    assert (refusal.value.rule, refusal.value.code) == ("M1", "not-founded")


def test_m1_there_is_no_second_founding(world: World) -> None:
    refused(world, world.founding(), "M1", "founded-already")


def test_m1_a_statement_for_another_exchange_is_refused(world: World) -> None:
    world.exchange = sha256(b"another").hexdigest()
    statement = world.by_registrars("policy.adopt", policy=world.policy(), previous=world.previous("policy"))
    refused(world, statement, "M1", "other-exchange")


def test_m1_an_entry_of_another_statement_is_refused(world: World) -> None:
    statement = world.by_registrars(
        "terms.define", accept_by=world.now, document={"length": 1, "sha256": "0" * 64}, version=1
    )
    entry = world.entry(statement)
    other = Entry(**{**entry.to_json(), "signatures": "0" * 64})
    with pytest.raises(RosterRefusal, match="another statement"):
        world.roster.apply(other, statement)


def test_m2_acceptance_time_never_decreases(world: World) -> None:
    world.now -= 10
    organisation = world.by_registrars(
        "organisation.admit",
        areas=["05"],
        commitments=NAME,
        expires=world.now + DAY,
        kind="company",
        organisation=world.random.id(),
        sectors=["energy"],
    )
    refused(world, organisation, "M2", "time-decreases")


def test_m2_registrars_files_are_accepted_for_days_and_no_longer(world: World) -> None:
    statement = world.by_registrars(
        "terms.define", accept_by=world.now, document={"length": 1, "sha256": "0" * 64}, version=1
    )
    world.now += 3 * DAY
    world.roster.fork().check(statement, world.now)
    world.now += 1
    refused(world, statement, "M2", "too-late")


def test_m2_one_administrators_statement_is_accepted_for_five_minutes(world: World) -> None:
    company = world.organisation()
    admin = world.person(company, "administrator")
    statement = enrol(world, admin, company, "officer")
    world.roster.fork().check(statement, world.now + 300)
    world.now += 301
    refused(world, statement, "M2", "too-late")


def test_m2_a_statement_from_the_future_is_refused(world: World) -> None:
    world.now += 301
    statement = world.by_registrars(
        "terms.define", accept_by=world.now, document={"length": 1, "sha256": "0" * 64}, version=1
    )
    world.now -= 301
    refused(world, statement, "M2", "not-yet")


@pytest.mark.parametrize("signers", [1, 3])
def test_m3_one_registrar_missing_or_one_too_many(world: World, signers: int) -> None:
    statement = world.by_registrars(
        "terms.define", signers=signers, accept_by=world.now, document={"length": 1, "sha256": "0" * 64}, version=1
    )
    refused(world, statement, "M3", "signer-set")


def test_m3_a_signature_over_other_bytes_is_refused(world: World) -> None:
    fields = {"accept_by": world.now, "document": {"length": 1, "sha256": "0" * 64}, "version": 1}
    first, second = world.by_registrars("terms.define", **fields), world.by_registrars("terms.define", **fields)
    forged = Envelope(first.envelope.kind, first.envelope.body, second.envelope.signatures)
    refused(world, Statement(forged, first.kind, first.body), "M3", "signature-invalid")


def test_m3_an_unknown_key_is_refused(world: World) -> None:
    stranger = World(seed="stranger")
    stranger.exchange = world.exchange
    statement = stranger.by_registrars("policy.adopt", policy=world.policy(), previous=world.previous("policy"))
    refused(world, statement, "M3", "signer-unknown")


def test_m3_an_officer_is_no_administrator(world: World) -> None:
    company = world.organisation()
    officer = world.person(company, "officer")
    refused(world, enrol(world, officer, company, "officer"), "M3", "signer-not-administrator")


def test_m4_a_revoked_device_signs_nothing(world: World) -> None:
    company = world.organisation()
    admin = world.person(company, "administrator")
    world.accept(
        world.by_registrars("device.revoke", device=admin.device, previous=world.previous(f"device/{admin.device}"))
    )
    refused(world, enrol(world, admin, company, "officer"), "M4", "device-revoked")


def test_m4_a_suspended_organisations_administrator_signs_nothing(world: World) -> None:
    company = world.organisation()
    admin = world.person(company, "administrator")
    chain = f"organisation/{company}"
    world.accept(world.by_registrars("organisation.suspend", organisation=company, previous=world.previous(chain)))
    refused(world, enrol(world, admin, company, "officer"), "M4", "organisation-suspended")


def test_m5_a_renewal_prepared_before_a_suspension_cannot_be_posted_after_it(world: World) -> None:
    company = world.organisation()
    chain = f"organisation/{company}"
    admitted = world.previous(chain)
    renewal = world.by_registrars(
        "organisation.renew", expires=world.now + 500 * DAY, organisation=company, previous=admitted
    )
    world.accept(world.by_registrars("organisation.suspend", organisation=company, previous=admitted))
    refused(world, renewal, "M5", "previous-mismatch")
    world.accept(
        world.by_registrars(
            "organisation.renew", expires=world.now + 500 * DAY, organisation=company, previous=world.previous(chain)
        )
    )
    assert world.roster.at(world.now).organisation_fault(company) is None


def test_m6_a_person_of_an_unknown_organisation_is_refused(world: World) -> None:
    statement = world.by_registrars(
        "person.enrol",
        commitments=NAME,
        organisation=world.random.id(),
        person=world.random.id(),
        roles=["officer"],
        topics=[],
    )
    refused(world, statement, "M6", "organisation-unknown")


def test_m7_a_removed_organisation_is_not_renewed(world: World) -> None:
    company = world.organisation()
    chain = f"organisation/{company}"
    world.accept(world.by_registrars("organisation.remove", organisation=company, previous=world.previous(chain)))
    renewal = world.by_registrars(
        "organisation.renew", expires=world.now + 500 * DAY, organisation=company, previous=world.previous(chain)
    )
    refused(world, renewal, "M7", "organisation-removed")


def test_m8_one_administrator_alone_makes_no_author(world: World) -> None:
    authority = world.organisation("authority")
    admin = world.person(authority, "administrator")
    refused(world, enrol(world, admin, authority, "author"), "M8", "two-persons")


def test_m8_two_devices_of_one_administrator_are_one_person(world: World) -> None:
    authority = world.organisation("authority")
    admin = world.person(authority, "administrator", devices=2)
    second = admin.signers[admin.devices[1]]
    refused(world, enrol(world, admin, authority, "author", others=(second,)), "M8", "one-person-twice")


def test_m8_a_second_administrator_or_a_registrar_makes_two(world: World) -> None:
    authority = world.organisation("authority")
    admin, second = world.person(authority, "administrator"), world.person(authority, "administrator")
    world.accept(enrol(world, admin, authority, "author", others=(second.signer,)))
    world.accept(enrol(world, admin, authority, "approver", others=(world.registrars[0],)))


def test_m8_a_device_for_an_approver_needs_two_persons(world: World) -> None:
    authority = world.organisation("authority")
    admin, approver = world.person(authority, "administrator"), world.person(authority, "approver", devices=0)
    fields, _, _ = world.device_fields(approver)
    refused(world, world.by_device("device.enrol", admin, **fields), "M8", "two-persons")
    fields, _, _ = world.device_fields(approver)
    world.accept(world.by_device("device.enrol", admin, world.registrars[1], **fields))


def test_m8_an_officer_is_made_author_by_two_persons_only(world: World) -> None:
    authority = world.organisation("authority")
    admin, officer = world.person(authority, "administrator"), world.person(authority, "officer")
    change = world.by_device(
        "person.change",
        admin,
        person=officer.person,
        previous=world.previous(f"person/{officer.person}"),
        roles=["author", "officer"],
        topics=[],
    )
    refused(world, change, "M8", "two-persons")


def test_m9_an_administrator_acts_for_its_own_organisation_only(world: World) -> None:
    own, other = world.organisation(), world.organisation()
    admin = world.person(own, "administrator")
    refused(world, enrol(world, admin, other, "officer"), "M9", "other-organisation")


def test_m10_an_auditor_comes_from_the_registrars_and_stands_alone(world: World) -> None:
    company = world.organisation()
    admin = world.person(company, "administrator")
    refused(world, enrol(world, admin, company, "auditor"), "M10", "auditor-needs-registrars")
    with pytest.raises(RosterRefusal) as refusal:
        world.person(company, "auditor", "officer")
    assert refusal.value.rule == "M10"


def test_m11_a_key_is_enrolled_once(world: World) -> None:
    company = world.organisation()
    officer = world.person(company, "officer")
    fields, _signer, _secret = world.device_fields(officer)
    world.accept(world.by_registrars("device.enrol", **fields))
    again = {**fields, "device": world.random.id()}
    refused(world, world.by_registrars("device.enrol", **again), "M11", "key-reused")


def test_m11_possession_of_another_person_is_refused(world: World) -> None:
    company = world.organisation()
    officer, colleague = world.person(company, "officer"), world.person(company, "officer")
    fields, _, _ = world.device_fields(officer)
    fields["person"] = colleague.person
    refused(world, world.by_registrars("device.enrol", **fields), "M11", "signature-invalid")


def test_m12_a_renewal_never_shortens(world: World) -> None:
    company = world.organisation(days=400)
    renewal = world.by_registrars(
        "organisation.renew",
        expires=world.now + 300 * DAY,
        organisation=company,
        previous=world.previous(f"organisation/{company}"),
    )
    refused(world, renewal, "M12", "renewal-shortens")


def test_m13_terms_count_up_and_an_older_version_is_not_accepted_again(world: World) -> None:
    company = world.organisation()
    admin = world.person(company, "administrator")
    document = {"length": 1, "sha256": "0" * 64}
    refused(
        world,
        world.by_registrars("terms.define", accept_by=world.now, document=document, version=2),
        "M13",
        "terms-version",
    )
    first = world.accept(world.by_registrars("terms.define", accept_by=world.now, document=document, version=1))
    assert world.roster.at(world.now).member_fault(company) == "terms-not-accepted"
    second = world.accept(
        world.by_registrars("terms.define", accept_by=world.now + DAY, document=document, previous=first.id, version=2)
    )
    world.accept(world.by_device("terms.accept", admin, organisation=company, terms=first.id))
    assert world.roster.at(world.now).member_fault(company) is None
    assert world.roster.at(world.now + DAY).member_fault(company) == "terms-not-accepted"
    chain = f"acceptance/{company}"
    world.accept(
        world.by_device("terms.accept", admin, organisation=company, previous=world.previous(chain), terms=second.id)
    )
    older = world.by_device("terms.accept", admin, organisation=company, previous=world.previous(chain), terms=first.id)
    refused(world, older, "M13", "terms-older")


def test_m16_a_withheld_revocation_of_a_known_device_is_noticed(world: World) -> None:
    authority = world.organisation("authority")
    author = world.person(authority, "author")
    revocation = world.by_registrars(
        "device.revoke", device=author.device, previous=world.previous(f"device/{author.device}")
    )
    with pytest.raises(RosterRefusal) as refusal:
        world.roster.apply(world.entry(revocation), None)
    assert (refusal.value.rule, refusal.value.code) == ("M16", "statement-withheld")


def test_m16_what_is_about_strangers_may_stay_unseen(world: World) -> None:
    reader = TrustedRoster()
    stranger = world.organisation()
    person = world.person(stranger, "officer")
    for entry, statement in zip(world.entries, world.statements, strict=True):
        hidden = entry.subject is not None and "/" in entry.subject
        reader.apply(entry, None if hidden else statement)
    assert reader.size == world.roster.size
    assert reader.at(world.now).person_fault(person.person) == "person-unknown"


def test_membership_expires_at_its_second(world: World) -> None:
    company = world.organisation(days=10)
    assert world.roster.at(world.now + 10 * DAY - 1).organisation_fault(company) is None
    assert world.roster.at(world.now + 10 * DAY).organisation_fault(company) == "membership-expired"
