"""What a registry statement may say of its subject: every refusal of M6, M7, M10 to M13, M15, M19 and M20 at its edge.

The facts are made by hand, one rule at a time; that signatures, windows and chains come first is tested in ``test_roster``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from exchange.model import registry
from exchange.model.common import LogKey, SigningKey
from exchange.policy import subjects
from exchange.policy.members import Device, Facts, Organisation, Person, Terms
from exchange.policy.roster import RosterRefusal
from exchange.policy.subjects import check_subject, is_gone
from keys import encoding
from keys.note import LogSigner
from keys.sign import SoftwareSigner, StatementSigner

NOW = 1_800_000_000
ORG, GUEST, OTHER, NEW = (letter * 22 for letter in "ogxn")
ANNA, DEVICE = "a" * 22, "d" * 22
FIRST, SECOND = "1" * 64, "2" * 64


def organisation(id: str = ORG, **changes: Any) -> Organisation:
    return replace(Organisation(id, "company", frozenset({"energy"}), ("05",), NOW + 1000), **changes)


def facts(**changes: Any) -> Facts:
    """A company with Anna and her device, and its client."""
    found = Facts()
    found.organisations = {ORG: organisation(), GUEST: organisation(GUEST, kind="client", sponsor=ORG)}
    found.persons = {ANNA: Person(ANNA, ORG, frozenset({"officer"}), frozenset())}
    found.devices = {DEVICE: Device(DEVICE, ANNA, cast(Any, None), bytes(32))}
    found.devices_of = {ANNA: (DEVICE,)}
    found.clients_of = {ORG: (GUEST,)}
    found.terms = (Terms(1, FIRST, 0, ""), Terms(2, SECOND, 0, ""))
    for chain in (f"organisation/{ORG}", f"organisation/{GUEST}", f"person/{ANNA}", f"device/{DEVICE}"):
        found.chains[chain] = FIRST
    found.known_chains = set(found.chains)
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def check(found: Facts, kind: type[Any], **fields: Any) -> None:
    check_subject(found, cast(Any, SimpleNamespace(body=kind.model_construct(**fields), exchange="e" * 64)), NOW)


def refused(rule: str, code: str, found: Facts, kind: type[Any], **fields: Any) -> None:
    with pytest.raises(RosterRefusal) as refusal:
        check(found, kind, **fields)
    assert (refusal.value.rule, refusal.value.code) == (rule, code)


def with_organisation(id: str = ORG, **changes: Any) -> Facts:
    found = facts()
    found.organisations[id] = replace(found.organisations[id], **changes)
    return found


# -- organisations -----------------------------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_specification() -> None:
    found = (
        subjects.MAX_PERSONS,
        subjects.MAX_DEVICES,
        subjects.MAX_DEVICES_OF_PERSON,
        subjects.MAX_CLIENTS_OF_SPONSOR,
    )
    assert found == (200_000, 400_000, 16, 1000)


def test_an_id_is_used_once_whoever_had_it() -> None:
    for chain, taken in (("organisation", ORG), ("person", ANNA), ("device", DEVICE), ("circle", "c" * 22)):
        found = facts()
        found.chains[f"{chain}/{taken}"] = FIRST
        refused("M6", "organisation-exists", found, registry.OrganisationAdmit, organisation=taken, expires=NOW + 1)
        refused("M6", "person-exists", found, registry.PersonEnrol, person=taken, organisation=ORG, roles=("officer",))
        refused("M6", "circle-exists", found, registry.CircleDefine, circle=taken)
    check(facts(), registry.OrganisationAdmit, organisation=NEW, expires=NOW + 1)


@pytest.mark.parametrize("kind", [registry.OrganisationAdmit, registry.OrganisationRenew])
def test_an_expiry_lies_after_acceptance(kind: type[Any]) -> None:
    subject = NEW if kind is registry.OrganisationAdmit else ORG
    found = with_organisation(expires=NOW - 5)
    refused("M12", "expiry-past", found, kind, organisation=subject, expires=NOW)
    check(found, kind, organisation=subject, expires=NOW + 1)


def test_a_renewal_never_shortens() -> None:
    refused("M12", "renewal-shortens", facts(), registry.OrganisationRenew, organisation=ORG, expires=NOW + 999)
    check(facts(), registry.OrganisationRenew, organisation=ORG, expires=NOW + 1000)


@pytest.mark.parametrize(
    "kind",
    [
        registry.OrganisationRenew,
        registry.OrganisationChange,
        registry.OrganisationSuspend,
        registry.OrganisationRemove,
    ],
)
def test_only_an_organisation_that_is_there_is_changed(kind: type[Any]) -> None:
    fields = {"organisation": OTHER, "expires": NOW + 5000}
    refused("M6", "organisation-unknown", facts(), kind, **fields)
    fields["organisation"] = ORG
    refused("M7", "organisation-removed", with_organisation(removed=True), kind, **fields)
    check(facts(), kind, **fields)


def test_a_client_is_renewed_and_named_by_its_sponsor_and_accepts_no_terms() -> None:
    for kind in (registry.OrganisationRenew, registry.OrganisationChange, registry.TermsAccept):
        refused("M19", "is-client", facts(), kind, organisation=GUEST, expires=NOW + 5000, terms=FIRST)
    for kind in (registry.OrganisationSuspend, registry.OrganisationRemove):
        check(facts(), kind, organisation=GUEST)


# -- clients (M19) -----------------------------------------------------------------------------------------------------


def client(found: Facts, organisation: str = NEW, sponsor: str = ORG, expires: int = NOW + 2000) -> dict[str, Any]:
    return {"organisation": organisation, "sponsor": sponsor, "expires": expires}


def test_a_client_is_registered_and_renewed_by_its_one_sponsor() -> None:
    kind, found = registry.ClientRegister, facts()
    found.organisations[OTHER] = organisation(OTHER)
    check(found, kind, **client(found))
    check(found, kind, **client(found, GUEST))
    refused("M19", "sponsor-changes", found, kind, **client(found, GUEST, OTHER))
    refused("M19", "not-a-client", found, kind, **client(found, OTHER))
    refused("M12", "renewal-shortens", found, kind, **client(found, GUEST, expires=NOW + 999))
    refused("M12", "expiry-past", found, kind, **client(found, expires=NOW))
    refused("M6", "organisation-exists", found, kind, **client(found, ANNA))
    refused("M6", "organisation-unknown", found, kind, **client(found, sponsor=NEW))
    refused("M19", "sponsor-is-client", found, kind, **client(found, sponsor=GUEST))
    refused("M7", "organisation-removed", with_organisation(GUEST, removed=True), kind, **client(found, GUEST))
    refused("M7", "organisation-removed", with_organisation(removed=True), kind, **client(found))


@pytest.mark.parametrize("changes", [{"suspended": True}, {"expires": NOW}])
def test_a_sponsor_is_admitted(changes: dict[str, Any]) -> None:
    refused("M19", "sponsor-not-admitted", with_organisation(**changes), registry.ClientRegister, **client(facts()))


def test_a_sponsor_has_so_many_clients_not_counting_those_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "MAX_CLIENTS_OF_SPONSOR", 1)
    refused("M19", "too-many-clients", facts(), registry.ClientRegister, **client(facts()))
    check(facts(), registry.ClientRegister, **client(facts(), GUEST))
    check(with_organisation(GUEST, removed=True), registry.ClientRegister, **client(facts()))
    monkeypatch.setattr(subjects, "MAX_CLIENTS_OF_SPONSOR", 2)
    check(facts(), registry.ClientRegister, **client(facts()))


# -- persons -----------------------------------------------------------------------------------------------------------


def test_a_person_is_enrolled_where_something_may_be_enrolled() -> None:
    kind = registry.PersonEnrol
    fields: dict[str, Any] = {"person": NEW, "organisation": ORG, "roles": ("officer",)}
    check(facts(), kind, **fields)
    refused("M7", "organisation-removed", with_organisation(removed=True), kind, **fields)
    refused("M6", "organisation-unknown", facts(), kind, **fields | {"organisation": OTHER})
    refused("M10", "auditor-alone", facts(), kind, **fields | {"roles": ("auditor", "officer")})
    check(facts(), kind, **fields | {"roles": ("auditor",)})
    guest = fields | {"organisation": GUEST}
    check(facts(), kind, **guest)
    refused("M7", "organisation-removed", with_organisation(removed=True), kind, **guest)
    for roles in (("author",), ("author", "officer"), ()):
        refused("M19", "client-officers-only", facts(), kind, **guest | {"roles": roles})


def test_a_person_who_is_there_is_changed_and_removed() -> None:
    for kind in (registry.PersonChange, registry.PersonRemove):
        check(facts(), kind, person=ANNA, roles=("officer",))
        refused("M6", "person-unknown", facts(), kind, person=OTHER, roles=("officer",))
        found = facts()
        found.persons[ANNA] = replace(found.persons[ANNA], removed=True)
        refused("M7", "person-removed", found, kind, person=ANNA, roles=("officer",))
    refused("M10", "auditor-alone", facts(), registry.PersonChange, person=ANNA, roles=("auditor", "officer"))
    refused("M7", "organisation-removed", with_organisation(removed=True), registry.PersonChange,
            person=ANNA, roles=("officer",))  # fmt: skip
    check(with_organisation(removed=True), registry.PersonRemove, person=ANNA)


def test_there_are_so_many_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    fields: dict[str, Any] = {"person": NEW, "organisation": ORG, "roles": ("officer",)}
    monkeypatch.setattr(subjects, "MAX_PERSONS", 1)
    refused("M15", "too-many-persons", facts(), registry.PersonEnrol, **fields)
    monkeypatch.setattr(subjects, "MAX_PERSONS", 2)
    check(facts(), registry.PersonEnrol, **fields)


# -- devices -----------------------------------------------------------------------------------------------------------


def enrol(**changes: Any) -> dict[str, Any]:
    key = registry.SigningKey.model_construct(ed25519="A", mldsa65="B")
    return {"device": NEW, "person": ANNA, "signing": key, "scan": "S", **changes}


def test_a_device_is_enrolled_for_a_person_who_is_there_with_keys_that_nobody_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = registry.DeviceEnrol
    refused("M6", "person-unknown", facts(), kind, **enrol(person=OTHER))
    refused("M6", "device-exists", facts(), kind, **enrol(device=DEVICE))
    refused("M7", "organisation-removed", with_organisation(removed=True), kind, **enrol())
    found = facts()
    found.persons[ANNA] = replace(found.persons[ANNA], removed=True)
    refused("M7", "person-removed", found, kind, **enrol())
    for used in ("A", "B", "S"):
        refused("M11", "key-reused", facts(used_keys={used}), kind, **enrol())
    monkeypatch.setattr(subjects, "MAX_DEVICES", 1)
    refused("M15", "too-many-devices", facts(), kind, **enrol())
    monkeypatch.setattr(subjects, "MAX_DEVICES", 2)
    refused("M11", "key-reused", facts(used_keys={"S"}), kind, **enrol())
    monkeypatch.setattr(subjects, "MAX_DEVICES_OF_PERSON", 1)
    refused("M15", "too-many-devices", facts(used_keys={"S"}), kind, **enrol())
    found = facts(used_keys={"S"})
    found.devices[DEVICE] = replace(found.devices[DEVICE], revoked=True)
    refused("M11", "key-reused", found, kind, **enrol())


def test_a_device_is_revoked_once() -> None:
    check(facts(), registry.DeviceRevoke, device=DEVICE)
    refused("M6", "device-unknown", facts(), registry.DeviceRevoke, device=OTHER)
    found = facts()
    found.devices[DEVICE] = replace(found.devices[DEVICE], revoked=True)
    refused("M7", "device-revoked", found, registry.DeviceRevoke, device=DEVICE)


# -- terms (M13) -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "next_one"), [(1, False), (2, False), (3, True), (4, False)])
def test_terms_are_counted(version: int, next_one: bool) -> None:
    if next_one:
        check(facts(), registry.TermsDefine, version=version)
    else:
        refused("M13", "terms-version", facts(), registry.TermsDefine, version=version)


def test_terms_that_are_defined_are_accepted_and_never_older_ones() -> None:
    kind = registry.TermsAccept
    for terms in (FIRST, SECOND):
        check(facts(), kind, organisation=ORG, terms=terms)
    refused("M13", "terms-unknown", facts(), kind, organisation=ORG, terms="3" * 64)
    refused("M13", "terms-older", with_organisation(terms=2), kind, organisation=ORG, terms=FIRST)
    check(with_organisation(terms=2), kind, organisation=ORG, terms=SECOND)


def test_a_statement_of_another_kind_does_not_belong_there() -> None:
    with pytest.raises(RosterRefusal) as refusal:
        check_subject(facts(), cast(Any, SimpleNamespace(body=object())), NOW)
    assert (refusal.value.rule, refusal.value.code) == ("M1", "kind-unexpected")
    check(facts(), registry.PolicyAdopt)


# -- erasing (M20) -----------------------------------------------------------------------------------------------------


def erasing(
    subject: str = f"person/{ANNA}", statement: str = FIRST, names: tuple[str, ...] = ("name",)
) -> dict[str, Any]:
    return {"subject": subject, "statement": statement, "fields": names}


def gone(**changes: Any) -> Facts:
    """Anna was removed; two statements committed to her name, the first to her address as well."""
    found = facts(**changes)
    found.persons[ANNA] = replace(found.persons[ANNA], removed=True)
    found.commitments = {f"person/{ANNA}": ((FIRST, ("name", "notice")), (SECOND, ("name",)))}
    return found


def test_what_a_statement_about_somebody_gone_committed_to_is_erased_once() -> None:
    kind = registry.OpeningErase
    for fields in (erasing(), erasing(names=("name", "notice")), erasing(statement=SECOND)):
        check(gone(), kind, **fields)
    refused("M20", "opening-unknown", gone(), kind, **erasing(statement="3" * 64))
    refused("M20", "opening-unknown", gone(), kind, **erasing(statement=SECOND, names=("name", "notice")))
    refused("M20", "erased-already", gone(erased={(FIRST, "notice")}), kind, **erasing(names=("name", "notice")))
    check(gone(erased={(FIRST, "notice")}), kind, **erasing())
    for subject in (f"person/{OTHER}", "policy", f"acceptance/{ANNA}", "terms"):
        refused("M6", "subject-unknown", gone(), kind, **erasing(subject))
    refused("M6", "subject-unknown", gone(known_chains={"policy"}), kind, **erasing("policy"))


def test_of_somebody_in_force_only_what_was_replaced_is_erased() -> None:
    found = gone()
    found.persons[ANNA] = replace(found.persons[ANNA], removed=False)
    check(found, registry.OpeningErase, **erasing())
    refused("M20", "still-in-force", found, registry.OpeningErase, **erasing(statement=SECOND))


Change = Callable[[Facts], None]


def _person(found: Facts) -> None:
    found.persons[ANNA] = replace(found.persons[ANNA], removed=True)


def _organisation(found: Facts) -> None:
    found.organisations[ORG] = replace(found.organisations[ORG], removed=True)


def _device(found: Facts) -> None:
    found.devices[DEVICE] = replace(found.devices[DEVICE], revoked=True)


def _rests(found: Facts) -> None:
    found.organisations[ORG] = replace(found.organisations[ORG], suspended=True, expires=0)


@pytest.mark.parametrize(
    ("change", "families"),
    [
        (_device, {"device"}),
        (_person, {"device", "person"}),
        (_organisation, {"device", "person", "organisation", "client"}),
        (_rests, set()),
    ],
)
def test_gone_for_good_is_who_was_removed_and_all_below(change: Change, families: set[str]) -> None:
    found = facts()
    change(found)
    asked = {"device": DEVICE, "person": ANNA, "organisation": ORG}
    answers = {family for family, subject in asked.items() if is_gone(found, family, subject)}
    if is_gone(found, "organisation", GUEST):
        answers.add("client")
    assert answers == families and not is_gone(found, "circle", "c" * 22)


# -- the server's keys (M11) -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [None, "registry", "journal", "statement_key"])
def test_a_founding_names_keys_that_somebody_can_verify_with(bad: str | None) -> None:
    good = {log: LogSigner.generate(f"x.example/{log}").public.to_json() for log in ("registry", "journal")}
    key = encoding.b64u(StatementSigner.generate().public.ed25519)
    weak = encoding.b64u(bytes(32))
    for log in good:
        if log == bad:
            good[log] = {**good[log], "ed25519": weak}
    logs = SimpleNamespace(**{log: LogKey.model_construct(**value) for log, value in good.items()})
    fields = {"logs": logs, "statement_key": weak if bad == "statement_key" else key}
    if bad is None:
        check(Facts(), registry.Founding, **fields)
        return
    with pytest.raises(RosterRefusal) as refusal:
        check(Facts(), registry.Founding, **fields)
    assert refusal.value.rule == "M11"


@pytest.mark.parametrize(("weak", "code"), [("ed25519", "bad-ed25519-key"), ("scan", "bad-scan-key")])
def test_attack_a_device_with_a_key_that_everybody_can_use(weak: str, code: str) -> None:
    signer = SoftwareSigner.generate().public
    raw = {"ed25519": signer.ed25519, "scan": bytes([9, *bytes(31)])} | {weak: bytes(32)}
    key = SigningKey.model_construct(ed25519=encoding.b64u(raw["ed25519"]), mldsa65=encoding.b64u(signer.mldsa65))
    possession = SimpleNamespace(ed25519=encoding.b64u(bytes(64)), mldsa65=encoding.b64u(bytes(3309)))
    found = facts()
    person, organisation_ = (encoding.b64u(bytes([number]) * 16) for number in (1, 2))
    found.persons[person] = Person(person, organisation_, frozenset({"officer"}), frozenset())
    found.organisations[organisation_] = organisation(organisation_)
    with pytest.raises(RosterRefusal) as refusal:
        check(
            found, registry.DeviceEnrol, device=encoding.b64u(bytes([3]) * 16), person=person, signing=key,
            scan=encoding.b64u(raw["scan"]), possession=possession,
        )  # fmt: skip
    assert (refusal.value.rule, refusal.value.code) == ("M11", code)


def test_nobody_of_another_kind_is_gone() -> None:
    assert is_gone(facts(), "circle", "c" * 22) is False
