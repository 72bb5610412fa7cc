"""What each kind of registry statement demands of its subject (rules M6, M7, M10 to M13, M15, M18 to M21).

Spec: ``docs/spec/statements.md``.  Who must have signed is decided in ``signers``, before.
"""

from __future__ import annotations

from collections.abc import Sequence

from exchange.model.registry import (
    CircleChange,
    CircleDefine,
    ClientRegister,
    DeviceEnrol,
    DeviceRevoke,
    Founding,
    OpeningErase,
    OrganisationAdmit,
    OrganisationChange,
    OrganisationRemove,
    OrganisationRenew,
    OrganisationSuspend,
    PersonChange,
    PersonEnrol,
    PersonRemove,
    PolicyAdopt,
    RegistrarRotate,
    TermsAccept,
    TermsDefine,
    WitnessName,
)
from exchange.model.statements import Statement
from exchange.policy.circles import changed
from exchange.policy.members import Facts, Organisation, Roster
from exchange.policy.refusal import RosterRefusal
from exchange.policy.signers import check_key, known_person, working_key
from exchange.policy.witnesses import check_witnesses
from keys import encoding
from keys.errors import KeysError
from keys.verify import (
    LogPublicKey,
    StatementPublicKey,
    check_log_key,
    check_scan_key,
    check_statement_key,
    verify_possession,
)

MAX_PERSONS = 200_000
MAX_DEVICES = 400_000
MAX_DEVICES_OF_PERSON = 16
"""Devices of one person in force."""
MAX_CLIENTS_OF_SPONSOR = 1000
"""Clients of one sponsor that were not removed."""
NAMED_FAMILIES = ("circle", "device", "organisation", "person")
"""Families whose statements have openings; an id belongs to one subject of all of them."""


def check_subject(facts: Facts, statement: Statement, now: int) -> None:
    """Whether the statement fits what the registry says of its subject at ``now``; raises RosterRefusal."""
    match statement.body:
        case OrganisationAdmit() as body:
            _check_fresh(facts, "organisation", body.organisation)
            _check_expiry(body.expires, now)
        case OrganisationRenew() as body:
            found = _no_client(facts, body.organisation)
            _check_expiry(body.expires, now)
            _check_longer(body.expires, found)
        case OrganisationChange() as body:
            _no_client(facts, body.organisation)
        case OrganisationSuspend() | OrganisationRemove() as body:
            live_organisation(facts, body.organisation)
        case ClientRegister() as body:
            _check_client(facts, body, now)
        case PersonEnrol() as body:
            _check_fresh(facts, "person", body.person)
            _check_roles(_enrolling(facts, body.organisation), body.roles)
            if len(facts.persons) >= MAX_PERSONS:
                raise RosterRefusal("M15", "too-many-persons", f"at most {MAX_PERSONS} persons")
        case PersonChange() | PersonRemove() as body:
            person = known_person(facts, body.person)
            if person.removed:
                raise RosterRefusal("M7", "person-removed", "the person was removed")
            if isinstance(body, PersonChange):
                _check_roles(_enrolling(facts, person.organisation), body.roles)
        case DeviceEnrol() as body:
            _check_new_device(facts, statement, body)
        case DeviceRevoke() as body:
            device = facts.devices.get(body.device)
            if device is None:
                raise RosterRefusal("M6", "device-unknown", "no such device")
            if device.revoked:
                raise RosterRefusal("M7", "device-revoked", "the device was revoked")
        case TermsDefine() as body:
            if body.version != len(facts.terms) + 1:
                raise RosterRefusal("M13", "terms-version", f"the next version is {len(facts.terms) + 1}")
        case TermsAccept() as body:
            found = _no_client(facts, body.organisation)
            version = next((t.version for t in facts.terms if t.statement == body.terms), None)
            if version is None:
                raise RosterRefusal("M13", "terms-unknown", "no such terms were defined")
            if version < found.terms:
                raise RosterRefusal("M13", "terms-older", "a newer version was accepted before")
        case CircleDefine() as body:
            _check_fresh(facts, "circle", body.circle)
            changed(facts, body, now)
        case CircleChange() as body:
            changed(facts, body, now)
        case OpeningErase() as body:
            _check_erasing(facts, body)
        case Founding() as body:
            _check_founding_keys(body)
        case RegistrarRotate() as body:
            _check_newcomers(facts, body)
        case WitnessName() as body:
            check_witnesses(facts, body)
        case PolicyAdopt():
            pass
        case _:
            raise RosterRefusal("M1", "kind-unexpected", "a statement of this kind does not belong in the registry")


def live_organisation(facts: Facts, organisation: str) -> Organisation:
    """An organisation that was not removed; raises RosterRefusal (M6, M7)."""
    found = facts.organisations.get(organisation)
    if found is None:
        raise RosterRefusal("M6", "organisation-unknown", "no such organisation")
    if found.removed:
        raise RosterRefusal("M7", "organisation-removed", "the organisation was removed")
    return found


def _enrolling(facts: Facts, organisation: str) -> Organisation:
    """An organisation below which something may be enrolled or changed: neither it nor its sponsor was removed (M7)."""
    found = live_organisation(facts, organisation)
    if found.sponsor is not None:
        live_organisation(facts, found.sponsor)
    return found


def _no_client(facts: Facts, organisation: str) -> Organisation:
    found = live_organisation(facts, organisation)
    if found.client:
        raise RosterRefusal(
            "M19", "is-client", "a client is renewed and named by client.register, and accepts no terms"
        )
    return found


def _check_fresh(facts: Facts, family: str, subject: str) -> None:
    """M6: an id is never used twice, by no family: ``opening/<id>`` would be the chain of two subjects."""
    for taken in NAMED_FAMILIES:
        if f"{taken}/{subject}" in facts.chains:
            raise RosterRefusal("M6", f"{family}-exists", "this id was used before")


def _check_expiry(expires: int, now: int) -> None:
    if expires <= now:
        raise RosterRefusal("M12", "expiry-past", "expires lies after acceptance")


def _check_longer(expires: int, found: Organisation) -> None:
    if expires < found.expires:
        raise RosterRefusal("M12", "renewal-shortens", "a renewal never shortens a membership")


def _check_roles(organisation: Organisation, roles: Sequence[str]) -> None:
    if "auditor" in roles and len(roles) > 1:
        raise RosterRefusal("M10", "auditor-alone", "an auditor has no other role")
    if organisation.client and tuple(roles) != ("officer",):
        raise RosterRefusal("M19", "client-officers-only", "a client's persons are officers and nothing else")


def _check_client(facts: Facts, body: ClientRegister, now: int) -> None:
    """M19: admitted by one sponsor, which is no client and stays the same."""
    found = facts.organisations.get(body.organisation)
    if found is None:
        _check_fresh(facts, "organisation", body.organisation)
    else:
        live_organisation(facts, body.organisation)
        if found.sponsor is None:
            raise RosterRefusal("M19", "not-a-client", "this organisation was admitted by the registrars")
        if found.sponsor != body.sponsor:
            raise RosterRefusal("M19", "sponsor-changes", "a client's sponsor never changes")
        _check_longer(body.expires, found)
    _check_expiry(body.expires, now)
    sponsor = live_organisation(facts, body.sponsor)
    if sponsor.client:
        raise RosterRefusal("M19", "sponsor-is-client", "a client registers no client")
    if Roster(facts, now).organisation_fault(body.sponsor) is not None:
        raise RosterRefusal("M19", "sponsor-not-admitted", "a sponsor is admitted")
    clients = [c for c in facts.clients_of.get(body.sponsor, ()) if not facts.organisations[c].removed]
    if found is None and len(clients) >= MAX_CLIENTS_OF_SPONSOR:
        raise RosterRefusal("M19", "too-many-clients", f"at most {MAX_CLIENTS_OF_SPONSOR} clients of one sponsor")


def _check_founding_keys(body: Founding) -> None:
    """M11 for the server's keys: a log key that libsodium refuses would leave checkpoints that nobody can verify."""
    try:
        for key in (body.logs.registry, body.logs.journal):
            check_log_key(LogPublicKey.from_json(key.to_json()))
        check_statement_key(StatementPublicKey.from_json(body.statement_key))
    except KeysError as error:
        raise RosterRefusal("M11", error.code, str(error)) from None


def _check_newcomers(facts: Facts, body: RegistrarRotate) -> None:
    """M11: who is named for the first time has new keys; a registrar who left comes back with others."""
    for key in body.registrars:
        if working_key(key).key_id not in facts.registrars and {key.ed25519, key.mldsa65} & facts.used_keys:
            raise RosterRefusal("M11", "key-reused", "a key is enrolled once in the life of the exchange")


def _check_new_device(facts: Facts, statement: Statement, body: DeviceEnrol) -> None:
    person = known_person(facts, body.person)
    if person.removed:
        raise RosterRefusal("M7", "person-removed", "the person was removed")
    _enrolling(facts, person.organisation)
    _check_fresh(facts, "device", body.device)
    if len(facts.devices) >= MAX_DEVICES:
        raise RosterRefusal("M15", "too-many-devices", f"at most {MAX_DEVICES} devices")
    in_force = sum(not facts.devices[d].revoked for d in facts.devices_of.get(person.id, ()))
    if in_force >= MAX_DEVICES_OF_PERSON:
        raise RosterRefusal("M15", "too-many-devices", f"at most {MAX_DEVICES_OF_PERSON} devices of one person")
    if {body.signing.ed25519, body.signing.mldsa65, body.scan} & facts.used_keys:
        raise RosterRefusal("M11", "key-reused", "a key is enrolled once in the life of the exchange")
    key = working_key(body.signing)
    check_key(key)
    scan = encoding.unb64u(body.scan, length=32)
    try:
        check_scan_key(scan)
        verify_possession(
            exchange=statement.exchange,
            organisation=encoding.unb64u(person.organisation, length=16),
            person=encoding.unb64u(body.person, length=16),
            device=encoding.unb64u(body.device, length=16),
            signing=key,
            scan=scan,
            ed25519=encoding.unb64u(body.possession.ed25519, length=64),
            mldsa65=encoding.unb64u(body.possession.mldsa65, length=3309),
        )
    except KeysError as error:
        raise RosterRefusal("M11", error.code, str(error)) from None


# -- erasing (M20) ---------------------------------------------------------------------------------------------------


def _check_erasing(facts: Facts, body: OpeningErase) -> None:
    """M20: of what this statement committed to, once, and only of somebody who is gone or of a value that is superseded."""
    family, _, subject = body.subject.partition("/")
    if family not in NAMED_FAMILIES or body.subject not in facts.known_chains:
        raise RosterRefusal("M6", "subject-unknown", "no such subject")
    records = facts.commitments.get(body.subject, ())
    place = next((i for i, (statement, _) in enumerate(records) if statement == body.statement), None)
    if place is None or not set(body.fields) <= set(records[place][1]):
        raise RosterRefusal("M20", "opening-unknown", "this statement does not commit to these fields")
    if any((body.statement, field) in facts.erased for field in body.fields):
        raise RosterRefusal("M20", "erased-already", "one of these openings was erased before")
    if is_gone(facts, family, subject):
        return
    # A later statement with commitments replaces all of them: what it does not commit to again was taken back.
    if place + 1 == len(records):
        raise RosterRefusal("M20", "still-in-force", "the subject is in force, and nothing newer replaces the value")


def is_gone(facts: Facts, family: str, subject: str) -> bool:
    """Whether a subject is out of force for good: what merely rests or has expired may come back, and keeps its name."""
    match family:
        case "device":
            device = facts.devices[subject]
            return device.revoked or is_gone(facts, "person", device.person)
        case "person":
            person = facts.persons[subject]
            return person.removed or is_gone(facts, "organisation", person.organisation)
        case "organisation":
            found = facts.organisations[subject]
            return found.removed or (found.sponsor is not None and is_gone(facts, "organisation", found.sponsor))
    return False
