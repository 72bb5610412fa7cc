"""Who must have signed a registry statement, over facts made by hand: each refusal of M3, M4, M8 to M11 and M17 at its edge."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from exchange.model import registry
from exchange.model.alert import DeviceIssuer
from exchange.model.common import RegistrarIssuer, ServerIssuer, SigningKey
from exchange.policy.members import Circle, Device, Facts, Organisation, Person
from exchange.policy.roster import RosterRefusal
from exchange.policy.signers import REGISTRAR, check_key, check_signers, known_person, named_signers, organisation_of
from keys import encoding
from keys.sign import SoftwareSigner
from keys.verify import SigningPublicKey

NOW = 1_800_000_000
PEOPLE: dict[str, tuple[str, set[str]]] = {
    "anna": ("works", {"administrator"}),
    "bert": ("works", {"administrator"}),
    "olaf": ("works", {"officer"}),
    "paul": ("works", {"author"}),
    "audi": ("works", {"auditor"}),
    "carl": ("works", {"officer", "auditor"}),
    "dora": ("other", {"administrator"}),
    "gast": ("guest", {"officer"}),
}
REGISTRARS = [SoftwareSigner.generate().public for _ in range(4)]
REGISTRARS.sort(key=lambda key: key.key_id)
A, B, C, D = REGISTRARS


def facts(**changes: Any) -> Facts:
    found = Facts(threshold=2, registrars={key.key_id: key for key in (A, B, C)})
    for name, sponsor in (("works", None), ("other", None), ("guest", "works")):
        kind = "client" if sponsor else "company"
        found.organisations[name] = Organisation(name, kind, frozenset(), (), NOW + 100, sponsor=sponsor)
    for name, (home, roles) in PEOPLE.items():
        found.persons[name] = Person(name, home, frozenset(roles), frozenset())
        for device in (name, f"{name}-2"):
            found.devices[device] = Device(device, name, A, bytes(32))
        found.devices_of[name] = (name, f"{name}-2")
    found.circles["ring"] = Circle("ring", frozenset({"olaf", "carl"}))
    for field, value in changes.items():
        setattr(found, field, value)
    return found


def statement(kind: type[Any], issuer: Any, signer: str = "administrator", **fields: Any) -> Any:
    if kind is registry.CircleChange:
        fields = {"curators": None, "commitments": None, **fields}
    return SimpleNamespace(
        body=kind.model_construct(**fields), issuer=issuer, kind=SimpleNamespace(name="a.kind", signer=signer)
    )


def by_device(kind: type[Any], *devices: str, registrars: tuple[SigningPublicKey, ...] = (), **fields: Any) -> None:
    """Judge a statement that these devices signed, the first of which issued it."""
    found = fields.pop("facts", None) or facts()
    issuer = fields.pop("issuer", None) or DeviceIssuer.model_construct(device=devices[0])
    signer = fields.pop("signer", "administrator")
    signers = [(device, A) for device in devices] + [(f"{REGISTRAR}{key.key_id}", key) for key in registrars]
    check_signers(found, statement(kind, issuer, signer, **fields), signers, NOW)


def by_registrars(kind: type[Any], *keys: SigningPublicKey, devices: tuple[str, ...] = (), **fields: Any) -> None:
    issuer = fields.pop("issuer", None) or RegistrarIssuer.model_construct(registrar=keys[0].key_id)
    by_device(kind, *devices, registrars=keys, issuer=issuer, **fields)


def refused(rule: str, code: str, work: Any, *given: Any, **fields: Any) -> RosterRefusal:
    with pytest.raises(RosterRefusal) as refusal:
        work(*given, **fields)
    assert (refusal.value.rule, refusal.value.code) == (rule, code)
    return refusal.value


# -- whose the signatures are (M3, M11) --------------------------------------------------------------------------------


def working(key: SigningPublicKey) -> SigningKey:
    return SigningKey(ed25519=encoding.b64u(key.ed25519), mldsa65=encoding.b64u(key.mldsa65))


def enveloped(body: Any, *keys: SigningPublicKey) -> Any:
    return SimpleNamespace(body=body, envelope=SimpleNamespace(signer_ids=tuple(key.key_id for key in keys)))


def test_signers_are_registrars_and_devices_that_the_registry_names() -> None:
    found = facts(device_of_key={D.key_id: "olaf"})
    body = registry.PersonRemove.model_construct()
    assert named_signers(found, enveloped(body, A, D)) == [(f"{REGISTRAR}{A.key_id}", A), ("olaf", A)]
    refused("M3", "signature-missing", named_signers, found, enveloped(body))
    refused("M3", "signer-unknown", named_signers, facts(), enveloped(body, A, D))


def test_a_founding_and_a_rotation_name_their_own_signers() -> None:
    for kind in (registry.Founding, registry.RegistrarRotate):
        body = kind.model_construct(registrars=tuple(map(working, (A, D))), threshold=2)
        assert [key for _, key in named_signers(facts(), enveloped(body, D))] == [D]
        backwards = kind.model_construct(registrars=tuple(map(working, (D, A))), threshold=2)
        refused("M11", "registrars-order", named_signers, facts(), enveloped(backwards, D))
        twice = kind.model_construct(registrars=tuple(map(working, (A, A))), threshold=2)
        refused("M11", "registrars-order", named_signers, facts(), enveloped(twice, A))


@pytest.mark.parametrize("half", ["ed25519", "mldsa65"])
def test_two_registrars_have_no_half_in_common(half: str) -> None:
    mixed = replace(D, **{half: getattr(A, half)})
    keys = sorted((A, mixed), key=lambda key: key.key_id)
    body = registry.Founding.model_construct(registrars=tuple(map(working, keys)), threshold=2)
    refused("M11", "key-reused", named_signers, Facts(), enveloped(body, *keys))


def test_a_key_that_must_not_be_used_is_no_registrar_s() -> None:
    bad = replace(D, ed25519=bytes(31) + b"\x80")
    with pytest.raises(RosterRefusal) as refusal:
        check_key(bad)
    assert refusal.value.rule == "M11"
    keys = sorted((A, bad), key=lambda key: key.key_id)
    body = registry.Founding.model_construct(registrars=tuple(map(working, keys)), threshold=2)
    with pytest.raises(RosterRefusal) as refusal:
        named_signers(Facts(), enveloped(body, A))
    assert refusal.value.rule == "M11"


def test_a_person_who_is_not_there_is_not_known() -> None:
    assert known_person(facts(), "anna").id == "anna"
    refused("M6", "person-unknown", known_person, facts(), "nobody")


# -- registrars --------------------------------------------------------------------------------------------------------


def test_exactly_the_threshold_of_registrars_signs() -> None:
    kind = registry.OrganisationAdmit
    by_registrars(kind, A, B)
    refused("M3", "signer-set", by_registrars, kind, A)
    refused("M3", "signer-set", by_registrars, kind, A, B, C)
    refused("M3", "signer-set", by_registrars, kind, A, B, devices=("anna",))
    other = RegistrarIssuer.model_construct(registrar=C.key_id)
    refused("M3", "issuer-not-signer", by_registrars, kind, A, B, issuer=other)
    by_registrars(registry.Founding, A, B, C, threshold=3)
    refused("M3", "signer-set", by_registrars, registry.Founding, A, B, threshold=3)


def test_what_only_registrars_sign_no_device_signs() -> None:
    refused("M3", "signer-set", by_device, registry.PersonRemove, "anna", person="olaf", signer="registrars")
    server = ServerIssuer.model_construct(server="s")
    refused("M3", "signer-set", by_device, registry.PersonRemove, "anna", person="olaf", issuer=server)


def rotate(*signing: SigningPublicKey, named: tuple[SigningPublicKey, ...], threshold: int = 2, **more: Any) -> None:
    body = {"threshold": threshold}
    issuer = RegistrarIssuer.model_construct(registrar=more.pop("issuer", signing[0]).key_id)
    made = statement(registry.RegistrarRotate, issuer, **body, registrars=tuple(map(working, named)))
    signers = [(f"{REGISTRAR}{key.key_id}", key) for key in signing]
    signers += [(device, A) for device in more.pop("devices", ())]
    check_signers(more.pop("facts", None) or facts(), made, signers, NOW)


def test_a_rotation_is_signed_by_enough_of_the_old_of_the_new_and_by_every_newcomer() -> None:
    rotate(A, B, D, named=(A, B, D))
    rotate(A, B, named=(A, B))
    rotate(A, B, named=(A, B, C))
    refused("M3", "signer-set", rotate, A, B, D, named=(A, B, D), devices=("anna",))
    refused("M17", "rotation-issuer", rotate, A, B, D, named=(A, B, D), issuer=D)
    refused("M17", "rotation-old-missing", rotate, A, D, named=(A, B, D))
    refused("M17", "rotation-newcomer-missing", rotate, A, B, named=(A, B, D))
    refused("M17", "rotation-new-missing", rotate, A, B, named=(A, B, C), threshold=3)
    rotate(A, B, C, named=(A, B, C), threshold=3)
    refused("M17", "rotation-new-missing", rotate, A, B, D, named=(C, D))
    rotate(A, B, C, D, named=(C, D), facts=facts(threshold=3))
    refused("M17", "rotation-superfluous", rotate, A, B, C, named=(A, B, C))
    refused("M17", "rotation-superfluous", rotate, A, B, C, D, named=(A, D))


# -- one person or two (M8, M10) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (registry.PersonEnrol, {"person": "new", "organisation": "works", "roles": ("officer",)}),
        (registry.PersonRemove, {"person": "paul"}),
        (registry.PersonRemove, {"person": "audi"}),
        (registry.PersonChange, {"person": "paul", "roles": ("officer",)}),
        (registry.PersonChange, {"person": "paul", "roles": ("author", "officer")}),
        (registry.DeviceEnrol, {"person": "olaf"}),
        (registry.DeviceRevoke, {"device": "paul"}),
        (registry.DeviceRevoke, {"device": "audi"}),
        (registry.TermsAccept, {"organisation": "works"}),
        (registry.OrganisationRemove, {"organisation": "guest"}),
        (registry.OpeningErase, {"subject": "person/paul"}),
        (registry.OpeningErase, {"subject": "device/paul"}),
        (registry.OpeningErase, {"subject": "organisation/guest"}),
        (registry.PersonEnrol, {"person": "new", "organisation": "guest", "roles": ("officer",)}),
        (registry.PersonRemove, {"person": "gast"}),
        (registry.DeviceRevoke, {"device": "gast"}),
    ],
)
def test_one_administrator_of_the_organisation_or_of_its_sponsor_suffices(kind: type[Any], fields: Any) -> None:
    by_device(kind, "anna", **fields)
    refused("M3", "signer-set", by_device, kind, "anna", "bert", **fields)
    refused("M3", "signer-set", by_device, kind, "anna", registrars=(A,), **fields)
    refused("M9", "other-organisation", by_device, kind, "dora", **fields)
    refused("M3", "signer-not-administrator", by_device, kind, "olaf", **fields)
    other = DeviceIssuer.model_construct(device="bert")
    refused("M3", "issuer-not-signer", by_device, kind, "anna", issuer=other, **fields)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (registry.PersonEnrol, {"person": "new", "organisation": "works", "roles": ("approver",)}),
        (registry.PersonEnrol, {"person": "new", "organisation": "works", "roles": ("administrator", "officer")}),
        (registry.PersonChange, {"person": "olaf", "roles": ("author", "officer")}),
        (registry.PersonChange, {"person": "paul", "roles": ("approver", "author")}),
        (registry.DeviceEnrol, {"person": "paul"}),
        (registry.ClientRegister, {"sponsor": "works", "organisation": "new"}),
    ],
)
def test_two_persons_give_power(kind: type[Any], fields: Any) -> None:
    by_device(kind, "anna", "bert", **fields)
    by_device(kind, "anna", registrars=(A,), **fields)
    refused("M8", "two-persons", by_device, kind, "anna", **fields)
    refused("M8", "two-persons", by_device, kind, "anna", "bert", registrars=(A,), **fields)
    refused("M8", "two-persons", by_device, kind, "anna", registrars=(A, B), **fields)
    refused("M8", "one-person-twice", by_device, kind, "anna", "anna-2", **fields)
    refused("M3", "signer-not-administrator", by_device, kind, "anna", "olaf", **fields)
    refused("M9", "other-organisation", by_device, kind, "anna", "dora", **fields)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (registry.PersonEnrol, {"person": "new", "organisation": "works", "roles": ("auditor",)}),
        (registry.PersonChange, {"person": "olaf", "roles": ("auditor",)}),
        (registry.PersonChange, {"person": "audi", "roles": ("officer",)}),
        (registry.DeviceEnrol, {"person": "audi"}),
    ],
)
def test_the_registrars_alone_make_an_auditor(kind: type[Any], fields: Any) -> None:
    for devices in (("anna",), ("anna", "bert")):
        refused("M10", "auditor-needs-registrars", by_device, kind, *devices, **fields)
    by_registrars(kind, A, B, **fields)


def test_a_person_revokes_the_own_device_alone() -> None:
    for device in ("olaf", "olaf-2"):
        by_device(registry.DeviceRevoke, "olaf", device=device)
    refused("M3", "signer-set", by_device, registry.DeviceRevoke, "olaf", "anna", device="olaf")
    refused("M3", "signer-not-administrator", by_device, registry.DeviceRevoke, "olaf", device="paul")
    refused("M6", "device-unknown", by_device, registry.DeviceRevoke, "anna", device="nothing")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (registry.OrganisationRemove, {"organisation": "works"}),
        (registry.OpeningErase, {"subject": "organisation/works"}),
        (registry.OpeningErase, {"subject": "circle/ring"}),
        (registry.OrganisationAdmit, {"organisation": "new"}),
        (registry.OrganisationRenew, {"organisation": "works"}),
    ],
)
def test_an_organisation_as_a_whole_is_the_registrars(kind: type[Any], fields: Any) -> None:
    refused("M3", "signer-set", by_device, kind, "anna", **fields)


def test_who_is_asked_about_is_there() -> None:
    refused("M6", "organisation-unknown", by_device, registry.OrganisationRemove, "anna", organisation="none")
    refused("M6", "organisation-unknown", by_device, registry.OpeningErase, "anna", subject="organisation/none")
    for kind in (registry.PersonRemove, registry.DeviceEnrol):
        refused("M6", "person-unknown", by_device, kind, "anna", person="none")
    refused("M6", "device-unknown", by_device, registry.OpeningErase, "anna", subject="device/none")
    enrol = statement(registry.PersonEnrol, None, person="new", organisation="none", roles=("officer",))
    assert organisation_of(facts(), cast(Any, enrol)) == "none"


# -- in force (M4) -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "name", "changes", "code"),
    [
        ("devices", "anna", {"revoked": True}, "device-revoked"),
        ("persons", "anna", {"removed": True}, "person-removed"),
        ("organisations", "works", {"suspended": True}, "organisation-suspended"),
        ("organisations", "works", {"removed": True}, "organisation-removed"),
        ("organisations", "works", {"expires": NOW}, "membership-expired"),
    ],
)
def test_a_signer_is_in_force(table: str, name: str, changes: dict[str, Any], code: str) -> None:
    found = facts()
    records = getattr(found, table)
    records[name] = replace(records[name], **changes)
    refused("M4", code, by_device, registry.PersonRemove, "anna", person="olaf", facts=found)


# -- curators (M18) ----------------------------------------------------------------------------------------------------


def test_a_curator_changes_the_members_of_the_own_circle_alone() -> None:
    kind = registry.CircleChange
    by_device(kind, "olaf", circle="ring")
    refused("M6", "circle-unknown", by_device, kind, "olaf", circle="none")
    refused("M3", "signer-not-curator", by_device, kind, "anna", circle="ring")
    refused("M3", "signer-not-curator", by_device, kind, "carl", circle="ring")
    refused("M3", "signer-set", by_device, kind, "olaf", "olaf-2", circle="ring")
    refused("M3", "signer-set", by_device, kind, "olaf", circle="ring", curators=("olaf",))
    refused("M3", "signer-set", by_device, kind, "olaf", circle="ring", commitments={})
    by_registrars(kind, A, B, circle="ring", curators=("olaf",))
