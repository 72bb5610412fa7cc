"""Who must have signed a registry statement (rules M3, M4, M8 to M10, M17; ``docs/spec/statements.md``, Signers).

The signatures themselves are verified elsewhere: here is decided whose they must be, from the roster at acceptance.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, cast

from exchange.model.alert import DeviceIssuer
from exchange.model.common import RegistrarIssuer, SigningKey
from exchange.model.registry import (
    PRIVILEGED,
    CircleChange,
    ClientRegister,
    DeviceEnrol,
    DeviceRevoke,
    Founding,
    OpeningErase,
    OrganisationRemove,
    PersonChange,
    PersonEnrol,
    PersonRemove,
    RegistrarRotate,
    TermsAccept,
)
from exchange.model.statements import Statement
from exchange.policy.members import Facts, Person, Roster
from exchange.policy.refusal import RosterRefusal
from keys import encoding
from keys.errors import KeysError
from keys.verify import SigningPublicKey, check_signing_key

Need = Literal["one", "two", "own", "curator", "registrars"]
Signer = tuple[str, SigningPublicKey]
"""``registrar/<key id>`` or a device id, and the key."""
REGISTRAR = "registrar/"


def working_key(key: SigningKey) -> SigningPublicKey:
    """A key as it stands in a body, ready for verifying."""
    return SigningPublicKey(encoding.unb64u(key.ed25519, length=32), encoding.unb64u(key.mldsa65, length=1952))


def check_key(key: SigningPublicKey) -> None:
    """M11: both halves are valid; raises RosterRefusal."""
    try:
        check_signing_key(key)
    except KeysError as error:
        raise RosterRefusal("M11", error.code, str(error)) from None


def known_person(facts: Facts, person: str) -> Person:
    """The person; raises RosterRefusal (M6)."""
    found = facts.persons.get(person)
    if found is None:
        raise RosterRefusal("M6", "person-unknown", "no such person")
    return found


def named_signers(facts: Facts, statement: Statement) -> list[Signer]:
    """Whose the signatures are; every key id must be one that the registry, or this founding or rotation, names (M3)."""
    registrars = dict(facts.registrars)
    if isinstance(statement.body, Founding | RegistrarRotate):
        registrars |= _named_registrars(statement.body)
    found: list[Signer] = []
    for key_id in statement.envelope.signer_ids:
        if key_id in registrars:
            found.append((f"{REGISTRAR}{key_id}", registrars[key_id]))
        elif key_id in facts.device_of_key:
            device = facts.devices[facts.device_of_key[key_id]]
            found.append((device.id, device.signing))
        else:
            raise RosterRefusal("M3", "signer-unknown", "a signature is by a key that this registry does not name")
    if not found:
        raise RosterRefusal("M3", "signature-missing", "the statement carries no signature")
    return found


def _named_registrars(body: Founding | RegistrarRotate) -> dict[str, SigningPublicKey]:
    keys = [working_key(key) for key in body.registrars]
    if any(a.key_id >= b.key_id for a, b in pairwise(keys)):
        raise RosterRefusal("M11", "registrars-order", "registrars are sorted by key id, without repetition")
    # Two registrars with one half in common would be one person for whoever breaks the other half.
    if len({key.ed25519 for key in keys}) != len(keys) or len({key.mldsa65 for key in keys}) != len(keys):
        raise RosterRefusal("M11", "key-reused", "a key is named once")
    for key in keys:
        check_key(key)
    return {key.key_id: key for key in keys}


def check_signers(facts: Facts, statement: Statement, signers: Sequence[Signer], now: int) -> None:
    """The signer set is exactly what the kind, and the roles it gives, require; raises RosterRefusal."""
    registrars = [who.removeprefix(REGISTRAR) for who, _ in signers if who.startswith(REGISTRAR)]
    devices = [who for who, _ in signers if not who.startswith(REGISTRAR)]
    issuer = statement.issuer
    if isinstance(issuer, RegistrarIssuer):
        if issuer.registrar not in registrars:
            raise RosterRefusal("M3", "issuer-not-signer", "the issuer is not among the signers")
        if isinstance(statement.body, RegistrarRotate):
            _check_rotation(facts, statement.body, issuer.registrar, registrars, devices)
            return
        threshold = statement.body.threshold if isinstance(statement.body, Founding) else facts.threshold
        if devices or len(registrars) != threshold:
            raise RosterRefusal(
                "M3",
                "signer-set",
                f"exactly {threshold} registrars sign; there are {len(registrars)}, and {len(devices)} devices",
            )
        return
    if not isinstance(issuer, DeviceIssuer) or statement.kind.signer == "registrars":
        raise RosterRefusal("M3", "signer-set", "only the registrars sign this kind")
    if issuer.device not in devices:
        raise RosterRefusal("M3", "issuer-not-signer", "the issuer is not among the signers")
    people = _acting(Roster(facts, now), devices)
    need = _need(facts, statement, issuer.device)
    match need:
        case "registrars":
            raise RosterRefusal(
                "M10", "auditor-needs-registrars", "the registrars give the role auditor and its devices"
            )
        case "curator":
            _check_curator(facts, cast(CircleChange, statement.body), people)
        case "one" | "two":
            _check_administrators(people, organisation_of(facts, statement))
        case "own":
            pass
    if need != "two":
        if registrars or len(devices) != 1:
            raise RosterRefusal("M3", "signer-set", "exactly one device signs")
    elif len(devices) + len(registrars) != 2:
        raise RosterRefusal(
            "M8", "two-persons", "two persons sign: a second administrator of the organisation, or a registrar"
        )
    elif len(people) == 2 and people[0].id == people[1].id:
        raise RosterRefusal("M8", "one-person-twice", "two devices of one person are one person")


def _acting(roster: Roster, devices: Sequence[str]) -> list[Person]:
    """The persons of the devices, all in force (M4); the terms need not be accepted yet."""
    people = []
    for device in devices:
        found = roster.facts.devices[device]
        person = roster.facts.persons[found.person]
        fault = "device-revoked" if found.revoked else "person-removed" if person.removed else None
        fault = fault or roster.organisation_fault(person.organisation)
        if fault:
            raise RosterRefusal("M4", fault, "a signer is not in force")
        people.append(person)
    return people


def _check_administrators(people: Sequence[Person], organisation: str) -> None:
    for person in people:
        if "administrator" not in person.roles:
            raise RosterRefusal("M3", "signer-not-administrator", "a signer is not an administrator")
        if person.organisation != organisation:
            raise RosterRefusal("M9", "other-organisation", "an administrator acts for its own organisation only")


def _check_curator(facts: Facts, body: CircleChange, people: Sequence[Person]) -> None:
    circle = facts.circles.get(body.circle)
    if circle is None:
        raise RosterRefusal("M6", "circle-unknown", "no such circle")
    if body.curators is not None or body.commitments is not None:
        raise RosterRefusal("M3", "signer-set", "only the registrars change curators and name")
    for person in people:
        if person.id not in circle.curators or "auditor" in person.roles:
            raise RosterRefusal("M3", "signer-not-curator", "a signer is not a curator of this circle")


def _need(facts: Facts, statement: Statement, issuer: str) -> Need:
    """One administrator, two persons, the curator, the device's own person or the registrars (invariant I7)."""
    before: frozenset[str] = frozenset()
    match statement.body:
        case CircleChange():
            return "curator"
        case ClientRegister():
            return "two"
        case DeviceRevoke(device=device):
            # Removing and revoking take power away: one administrator may, at once, also from an auditor.
            same = device in facts.devices and facts.devices[device].person == facts.devices[issuer].person
            return "own" if same else "one"
        case PersonEnrol(roles=roles):
            after = frozenset[str](roles)
        case PersonChange(person=person, roles=roles):
            before, after = known_person(facts, person).roles, frozenset[str](roles)
        case DeviceEnrol(person=person):
            after = known_person(facts, person).roles
        case _:
            return "one"
    if "auditor" in before | after:
        return "registrars"
    return "two" if (after - before) & PRIVILEGED else "one"


def organisation_of(facts: Facts, statement: Statement) -> str:
    """The organisation whose administrators may sign: the subject's, and for a client its sponsor; raises RosterRefusal."""
    match statement.body:
        case TermsAccept(organisation=organisation):
            return organisation
        case ClientRegister(sponsor=sponsor):
            return sponsor
        case PersonEnrol(organisation=organisation):
            return _administered(facts, organisation)
        case PersonChange(person=person) | PersonRemove(person=person) | DeviceEnrol(person=person):
            return _administered(facts, known_person(facts, person).organisation)
        case DeviceRevoke(device=device):
            return _administered(facts, _person_of(facts, device).organisation)
        case OrganisationRemove(organisation=organisation):
            return _sponsor(facts, organisation)
        case OpeningErase(subject=chain):
            family, _, subject = chain.partition("/")
            if family == "organisation":
                return _sponsor(facts, subject)
            if family == "person":
                return _administered(facts, known_person(facts, subject).organisation)
            if family == "device":
                return _administered(facts, _person_of(facts, subject).organisation)
    raise RosterRefusal("M3", "signer-set", "only the registrars sign this kind")


def _person_of(facts: Facts, device: str) -> Person:
    found = facts.devices.get(device)
    if found is None:
        raise RosterRefusal("M6", "device-unknown", "no such device")
    return known_person(facts, found.person)


def _administered(facts: Facts, organisation: str) -> str:
    found = facts.organisations.get(organisation)
    return organisation if found is None or found.sponsor is None else found.sponsor


def _sponsor(facts: Facts, organisation: str) -> str:
    """A client's sponsor; what concerns any other organisation as a whole is the registrars' alone."""
    found = facts.organisations.get(organisation)
    if found is None:
        raise RosterRefusal("M6", "organisation-unknown", "no such organisation")
    if found.sponsor is None:
        raise RosterRefusal("M3", "signer-set", "only the registrars sign this for an organisation")
    return found.sponsor


def _check_rotation(
    facts: Facts, body: RegistrarRotate, issuer: str, registrars: Sequence[str], devices: Sequence[str]
) -> None:
    """M17, TUF's root rule: enough of the old and of the new, every newcomer, and nobody who could be left out."""
    if devices:
        raise RosterRefusal("M3", "signer-set", "only registrars sign a rotation")
    named = {working_key(key).key_id for key in body.registrars}
    old = [key for key in registrars if key in facts.registrars]
    new = [key for key in registrars if key in named]
    if issuer not in facts.registrars:
        raise RosterRefusal("M17", "rotation-issuer", "a registrar in force prepares a rotation")
    if len(old) < facts.threshold:
        raise RosterRefusal(
            "M17", "rotation-old-missing", f"{facts.threshold} of the registrars in force sign; there are {len(old)}"
        )
    if not named - facts.registrars.keys() <= set(new):
        raise RosterRefusal("M17", "rotation-newcomer-missing", "a new registrar signs, to prove that the key is there")
    if len(new) < body.threshold:
        raise RosterRefusal(
            "M17", "rotation-new-missing", f"{body.threshold} of the new registrars sign; there are {len(new)}"
        )
    for key in old:
        needed = len(old) == facts.threshold or (key in named and len(new) == body.threshold)
        if not needed:
            raise RosterRefusal(
                "M17", "rotation-superfluous", "a signature that is not needed could be anybody's later"
            )
