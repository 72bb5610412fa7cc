"""``TrustedRoster``: the pure state machine over registry statements (rules M1 to M16, ``docs/spec/statements.md``).

It applies accepted statements in log order and refuses, with the rule's number, whatever the registrars and
administrators were not allowed to say.  Server, members and auditors run this same code over the same entries, so none of
them has to believe another.  It does no I/O and reads no clock: each statement is judged at its entry's acceptance time, and a
``Roster`` is the state looked at from one time that is fixed at construction.

A member that is shown only a part of the registry applies the remaining entries as *opaque*: it keeps their place in the
chains, and refuses (M16) when one of them speaks about a subject it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from exchange.model.alert import DeviceIssuer
from exchange.model.common import RegistrarIssuer, RegistryBody, SigningKey
from exchange.model.entry import Entry
from exchange.model.problems import ExchangeError, Malformed
from exchange.model.registry import (
    PRIVILEGED,
    DeviceEnrol,
    DeviceRevoke,
    Founding,
    OrganisationAdmit,
    OrganisationChange,
    OrganisationRenew,
    OrganisationSuspend,
    PersonChange,
    PersonEnrol,
    PersonRemove,
    PolicyAdopt,
    TermsAccept,
    TermsDefine,
)
from exchange.model.statements import Opening, Statement, chain_of
from exchange.model.window import WINDOW_SENTENCES, window_fault
from exchange.policy.members import Device, Facts, Organisation, Person, Roster, Terms, policy_id
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.verify import (
    LogPublicKey,
    SigningPublicKey,
    StatementPublicKey,
    check_log_key,
    check_scan_key,
    check_signing_key,
    check_statement_key,
    verify_hybrid,
    verify_possession,
)

MAX_PERSONS = 200_000
MAX_DEVICES = 400_000
MAX_DEVICES_OF_PERSON = 16
"""Devices of one person in force."""

Verifier = Callable[[Envelope, Sequence[SigningPublicKey]], object]


class RosterRefusal(ExchangeError):
    """A registry statement that the rules forbid: ``rule`` is M1 to M16, ``code`` the reason."""

    def __init__(self, rule: str, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.rule = rule


def check_openings(statement: Statement, openings: Sequence[Opening]) -> None:
    """M14: the openings match the statement's commitments one to one; raises RosterRefusal."""
    commitments = getattr(statement.body, "commitments", None)
    wanted: dict[str, str] = {} if commitments is None else {k: str(v) for k, v in commitments.to_json().items()}
    given = {o.field: encoding.commitment(o.field, encoding.unb64u(o.salt, length=32), o.value) for o in openings}
    if len(given) != len(openings):
        raise RosterRefusal("M14", "opening-twice", "a field is opened twice")
    if given != wanted:
        raise RosterRefusal("M14", "opening-mismatch", "the openings are not those that the statement commits to")


class TrustedRoster:
    """The registry's state; ``apply`` is the only way to change it, ``at`` the way to look at it."""

    def __init__(self, facts: Facts | None = None, *, verify: Verifier = verify_hybrid) -> None:
        self._facts = facts if facts is not None else Facts()
        self._shared = facts is not None
        self._verify = verify

    @property
    def size(self) -> int:
        """Number of entries applied."""
        return self._facts.size

    @property
    def facts(self) -> Facts:
        """The facts as of now; a later ``apply`` works on a copy and leaves these as they are."""
        self._shared = True
        return self._facts

    def at(self, time: int) -> Roster:
        """The roster as of now, looked at from ``time`` (seconds)."""
        return Roster(self.facts, time)

    def fork(self) -> TrustedRoster:
        """An independent continuation from here, for staging what may yet be refused."""
        return TrustedRoster(self.facts, verify=self._verify)

    def apply(self, entry: Entry, statement: Statement | None) -> None:
        """Apply the next entry with its statement (None: not shown to us); raises RosterRefusal, state unchanged.

        The entry's own place in the log (index, inclusion) is for the caller to have checked.
        """
        if entry.subject is None:
            raise RosterRefusal("M1", "entry-mismatch", "a registry entry names its subject")
        if entry.at < self._facts.last_at:
            raise RosterRefusal("M2", "time-decreases", "acceptance time is lower than that of the entry before")
        if statement is None:
            self._opaque(entry)
            return
        if (
            entry.statement != statement.id
            or entry.signatures != statement.envelope.signatures_hash
            or entry.kind != statement.kind.name
            or entry.subject != self._chain(statement)
        ):
            raise RosterRefusal("M1", "entry-mismatch", "the entry is of another statement")
        self.check(statement, entry.at)
        self._commit(entry, statement)

    def check(self, statement: Statement, now: int) -> None:
        """Whether the statement may be accepted at ``now``: everything but the entry; raises RosterRefusal."""
        self._check_exchange(statement)
        signers = self._signers(statement)
        self._check_window(statement, signers, now)
        self._check_previous(statement)
        self._check_signers(statement, signers, now)
        self._check_subject(statement, now)
        try:
            self._verify(statement.envelope, [key for _, key in signers])
        except KeysError as error:
            raise RosterRefusal("M3", error.code, str(error)) from None

    # -- the rules, in order ------------------------------------------------------------------------------------

    @staticmethod
    def _chain(statement: Statement) -> str:
        try:
            return chain_of(statement)
        except Malformed as error:
            raise RosterRefusal("M1", error.code, error.detail) from None

    def _check_exchange(self, statement: Statement) -> None:
        self._chain(statement)
        founded = self._facts.exchange
        if isinstance(statement.body, Founding):
            if founded is not None or self._facts.size:
                raise RosterRefusal("M1", "founded-already", "the exchange is founded already")
        elif founded is None:
            raise RosterRefusal("M1", "not-founded", "the first statement of a registry is exchange.found")
        elif statement.exchange != founded:
            raise RosterRefusal("M1", "other-exchange", "the statement is for another exchange")

    def _signers(self, statement: Statement) -> list[tuple[str, SigningPublicKey]]:
        """The signers as (``registrar/<key id>`` or device id, key); every key id must be one we know."""
        facts = self._facts
        if isinstance(statement.body, Founding):
            keys = [_working_key(key) for key in statement.body.registrars]
            ids = [key.key_id for key in keys]
            if any(a >= b for a, b in pairwise(ids)):
                raise RosterRefusal("M11", "registrars-order", "registrars are sorted by key id, without repetition")
            for key in keys:
                _check_key(key)
            registrars = {key.key_id: key for key in keys}
        else:
            registrars = facts.registrars
        found: list[tuple[str, SigningPublicKey]] = []
        for key_id in statement.envelope.signer_ids:
            if key_id in registrars:
                found.append((f"registrar/{key_id}", registrars[key_id]))
            elif key_id in facts.device_of_key:
                device = facts.devices[facts.device_of_key[key_id]]
                found.append((device.id, device.signing))
            else:
                raise RosterRefusal("M3", "signer-unknown", "a signature is by a key that this registry does not name")
        if not found:
            raise RosterRefusal("M3", "signature-missing", "the statement carries no signature")
        return found

    @staticmethod
    def _check_window(statement: Statement, signers: list[tuple[str, SigningPublicKey]], now: int) -> None:
        narrow = len(signers) == 1 and not signers[0][0].startswith("registrar/")
        fault = window_fault(statement.at, statement.not_after, now, narrow=narrow)
        if fault is not None:
            raise RosterRefusal("M2", fault, WINDOW_SENTENCES[fault])

    def _check_previous(self, statement: Statement) -> None:
        previous = None if isinstance(statement.body, Founding) else cast(RegistryBody, statement.body).previous
        newest = self._facts.chains.get(self._chain(statement))
        if previous != newest:
            raise RosterRefusal(
                "M5",
                "previous-mismatch",
                f"previous is not the newest statement about its subject; that is {newest or 'none'}",
            )

    def _check_signers(self, statement: Statement, signers: list[tuple[str, SigningPublicKey]], now: int) -> None:
        """M3, M4, M8, M9, M10: the signer set is exactly what the kind, and the roles it gives, require."""
        body, facts = statement.body, self._facts
        registrars = [who for who, _ in signers if who.startswith("registrar/")]
        devices = [who for who, _ in signers if not who.startswith("registrar/")]
        issuer = statement.issuer
        if isinstance(issuer, RegistrarIssuer):
            threshold = body.threshold if isinstance(body, Founding) else facts.threshold
            if f"registrar/{issuer.registrar}" not in registrars:
                raise RosterRefusal("M3", "issuer-not-signer", "the issuer is not among the signers")
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
        roster = Roster(facts, now)
        people = [facts.persons[facts.devices[d].person] for d in devices]
        for device, person in zip(devices, people, strict=True):
            fault = self._acting_fault(roster, device, person)
            if fault:
                raise RosterRefusal("M4", fault, "a signer is not in force")
        own = isinstance(body, DeviceRevoke) and self._is_own_device(body.device, issuer.device)
        need = "one" if own else self._need(statement)
        if need == "registrars":
            raise RosterRefusal(
                "M10", "auditor-needs-registrars", "the registrars give the role auditor and its devices"
            )
        organisation = self._organisation_of(statement)
        for person in people:
            if not own and "administrator" not in person.roles:
                raise RosterRefusal("M3", "signer-not-administrator", "a signer is not an administrator")
            if person.organisation != organisation:
                raise RosterRefusal("M9", "other-organisation", "an administrator acts for its own organisation only")
        if need == "one":
            if registrars or len(devices) != 1:
                raise RosterRefusal("M3", "signer-set", "exactly one administrator's device signs")
        elif len(devices) + len(registrars) != 2:
            raise RosterRefusal(
                "M8", "two-persons", "two persons sign: a second administrator of the organisation, or a registrar"
            )
        elif len(people) == 2 and people[0].id == people[1].id:
            raise RosterRefusal("M8", "one-person-twice", "two devices of one person are one person")

    def _acting_fault(self, roster: Roster, device: str, person: Person) -> str | None:
        """Why a device may not sign registry statements: as in force, but terms need not be accepted yet."""
        if roster.facts.devices[device].revoked:
            return "device-revoked"
        if person.removed:
            return "person-removed"
        return roster.organisation_fault(person.organisation)

    def _is_own_device(self, device: str, issuer: str) -> bool:
        devices = self._facts.devices
        return device in devices and issuer in devices and devices[device].person == devices[issuer].person

    def _need(self, statement: Statement) -> str:
        """``one`` administrator, ``two`` persons or the ``registrars``, by the roles at stake (invariant I7)."""
        body = statement.body
        before: frozenset[str] = frozenset()
        match body:
            case PersonEnrol():
                after = frozenset[str](body.roles)
            case PersonChange():
                before, after = self._known_person(body.person).roles, frozenset[str](body.roles)
            case DeviceEnrol():
                after = self._known_person(body.person).roles
            case _:
                # Removing and revoking take power away: one administrator may, at once, also from an auditor.
                return "one"
        if "auditor" in before | after:
            return "registrars"
        return "two" if (after - before) & PRIVILEGED else "one"

    def _organisation_of(self, statement: Statement) -> str:
        match statement.body:
            case PersonEnrol(organisation=organisation) | TermsAccept(organisation=organisation):
                return organisation
            case PersonChange(person=person) | PersonRemove(person=person) | DeviceEnrol(person=person):
                return self._known_person(person).organisation
            case DeviceRevoke(device=device):
                found = self._facts.devices.get(device)
                if found is None:
                    raise RosterRefusal("M6", "device-unknown", "no such device")
                return self._known_person(found.person).organisation
        raise RosterRefusal("M3", "signer-set", "only the registrars sign this kind")

    def _known_person(self, person: str) -> Person:
        found = self._facts.persons.get(person)
        if found is None:
            raise RosterRefusal("M6", "person-unknown", "no such person")
        return found

    def _check_subject(self, statement: Statement, now: int) -> None:
        """M6, M7, M10 to M13, M15: what each kind demands of its subject."""
        body, facts = statement.body, self._facts
        match body:
            case OrganisationAdmit():
                if body.organisation in facts.organisations:
                    raise RosterRefusal("M6", "organisation-exists", "this id was admitted before")
                self._check_expiry(body.expires, now)
            case OrganisationRenew():
                found = self._live_organisation(body.organisation)
                self._check_expiry(body.expires, now)
                if body.expires < found.expires:
                    raise RosterRefusal("M12", "renewal-shortens", "a renewal never shortens a membership")
            case PersonEnrol():
                if body.person in facts.persons:
                    raise RosterRefusal("M6", "person-exists", "this id was enrolled before")
                self._live_organisation(body.organisation)
                self._check_roles(body.roles)
                if len(facts.persons) >= MAX_PERSONS:
                    raise RosterRefusal("M15", "too-many-persons", f"at most {MAX_PERSONS} persons")
            case PersonChange() | PersonRemove():
                person = self._known_person(body.person)
                if person.removed:
                    raise RosterRefusal("M7", "person-removed", "the person was removed")
                if isinstance(body, PersonChange):
                    self._live_organisation(person.organisation)
                    self._check_roles(body.roles)
            case DeviceEnrol():
                self._check_new_device(statement, body)
            case DeviceRevoke():
                device = facts.devices.get(body.device)
                if device is None:
                    raise RosterRefusal("M6", "device-unknown", "no such device")
                if device.revoked:
                    raise RosterRefusal("M7", "device-revoked", "the device was revoked")
            case TermsDefine():
                if body.version != len(facts.terms) + 1:
                    raise RosterRefusal("M13", "terms-version", f"the next version is {len(facts.terms) + 1}")
            case TermsAccept():
                found = self._live_organisation(body.organisation)
                version = next((t.version for t in facts.terms if t.statement == body.terms), None)
                if version is None:
                    raise RosterRefusal("M13", "terms-unknown", "no such terms were defined")
                if version < found.terms:
                    raise RosterRefusal("M13", "terms-older", "a newer version was accepted before")
            case Founding():
                self._check_founding_keys(body)
            case PolicyAdopt():
                pass
            case _:
                self._live_organisation(cast(Any, body).organisation)

    @staticmethod
    def _check_founding_keys(body: Founding) -> None:
        """M11 for the server's keys: a log key that libsodium refuses would leave checkpoints that nobody can verify."""
        try:
            for key in (body.logs.registry, body.logs.journal):
                check_log_key(LogPublicKey.from_json(key.to_json()))
            check_statement_key(StatementPublicKey.from_json(body.statement_key))
        except KeysError as error:
            raise RosterRefusal("M11", error.code, str(error)) from None

    def _live_organisation(self, organisation: str) -> Organisation:
        found = self._facts.organisations.get(organisation)
        if found is None:
            raise RosterRefusal("M6", "organisation-unknown", "no such organisation")
        if found.removed:
            raise RosterRefusal("M7", "organisation-removed", "the organisation was removed")
        return found

    @staticmethod
    def _check_expiry(expires: int, now: int) -> None:
        if expires <= now:
            raise RosterRefusal("M12", "expiry-past", "expires lies after acceptance")

    @staticmethod
    def _check_roles(roles: Sequence[str]) -> None:
        if "auditor" in roles and len(roles) > 1:
            raise RosterRefusal("M10", "auditor-alone", "an auditor has no other role")

    def _check_new_device(self, statement: Statement, body: DeviceEnrol) -> None:
        facts = self._facts
        person = self._known_person(body.person)
        if person.removed:
            raise RosterRefusal("M7", "person-removed", "the person was removed")
        self._live_organisation(person.organisation)
        if body.device in facts.devices:
            raise RosterRefusal("M6", "device-exists", "this id was enrolled before")
        if len(facts.devices) >= MAX_DEVICES:
            raise RosterRefusal("M15", "too-many-devices", f"at most {MAX_DEVICES} devices")
        in_force = sum(not facts.devices[d].revoked for d in facts.devices_of.get(person.id, ()))
        if in_force >= MAX_DEVICES_OF_PERSON:
            raise RosterRefusal("M15", "too-many-devices", f"at most {MAX_DEVICES_OF_PERSON} devices of one person")
        if {body.signing.ed25519, body.signing.mldsa65, body.scan} & facts.used_keys:
            raise RosterRefusal("M11", "key-reused", "a key is enrolled once in the life of the exchange")
        key = _working_key(body.signing)
        _check_key(key)
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

    # -- what is accepted changes the facts ----------------------------------------------------------------------

    def _own(self) -> Facts:
        if self._shared:
            self._facts = self._facts.copy()
            self._shared = False
        return self._facts

    def _opaque(self, entry: Entry) -> None:
        chain = cast(str, entry.subject)
        if chain in self._facts.known_chains or "/" not in chain:
            raise RosterRefusal("M16", "statement-withheld", "a statement about a subject we know is withheld")
        facts = self._own()
        facts.chains[chain] = entry.statement
        facts.size += 1
        facts.last_at = entry.at

    def _commit(self, entry: Entry, statement: Statement) -> None:
        facts, body = self._own(), statement.body
        chain = cast(str, entry.subject)
        facts.chains[chain] = statement.id
        facts.known_chains.add(chain)
        facts.size += 1
        facts.last_at = entry.at
        match body:
            case Founding():
                facts.exchange, facts.origin, facts.threshold = statement.id, body.origin, body.threshold
                keys = [_working_key(k) for k in body.registrars]
                facts.registrars = {key.key_id: key for key in keys}
                facts.used_keys.update(k for r in body.registrars for k in (r.ed25519, r.mldsa65))
            case PolicyAdopt():
                facts.policy, facts.policy_id = body.policy, policy_id(body.policy)
            case TermsDefine():
                facts.terms += (Terms(body.version, statement.id, body.accept_by, body.document.sha256),)
            case TermsAccept():
                version = next(t.version for t in facts.terms if t.statement == body.terms)
                self._organisation(body.organisation, terms=version)
            case OrganisationAdmit():
                facts.known_chains.add(f"acceptance/{body.organisation}")
                facts.organisations[body.organisation] = Organisation(
                    body.organisation, body.kind, frozenset(body.sectors), body.areas, body.expires
                )
            case OrganisationChange():
                self._organisation(body.organisation, kind=body.kind, sectors=frozenset(body.sectors), areas=body.areas)
            case OrganisationRenew():
                self._organisation(body.organisation, expires=body.expires, suspended=False)
            case OrganisationSuspend():
                self._organisation(body.organisation, suspended=True)
            case PersonEnrol():
                person = Person(body.person, body.organisation, frozenset(body.roles), frozenset(body.topics))
                facts.persons[body.person] = person
                facts.people_of[body.organisation] = (*facts.people_of.get(body.organisation, ()), body.person)
                self._remember_roles(person)
            case PersonChange():
                person = replace(facts.persons[body.person], roles=frozenset(body.roles), topics=frozenset(body.topics))
                facts.persons[body.person] = person
                self._remember_roles(person)
            case PersonRemove():
                facts.persons[body.person] = replace(facts.persons[body.person], removed=True)
            case DeviceEnrol():
                key = _working_key(body.signing)
                scan = encoding.unb64u(body.scan, length=32)
                facts.devices[body.device] = Device(body.device, body.person, key, scan)
                facts.devices_of[body.person] = (*facts.devices_of.get(body.person, ()), body.device)
                facts.device_of_key[key.key_id] = body.device
                facts.used_keys.update((body.signing.ed25519, body.signing.mldsa65, body.scan))
            case DeviceRevoke():
                facts.devices[body.device] = replace(facts.devices[body.device], revoked=True)
            case _:
                self._organisation(cast(Any, body).organisation, removed=True)

    def _organisation(self, organisation: str, **changes: Any) -> None:
        facts = self._facts
        facts.organisations[organisation] = replace(facts.organisations[organisation], **changes)

    def _remember_roles(self, person: Person) -> None:
        if "author" in person.roles:
            self._facts.ever_author.add(person.organisation)
        if person.roles & PRIVILEGED:
            self._facts.ever_privileged.add(person.id)


def _working_key(key: SigningKey) -> SigningPublicKey:
    return SigningPublicKey(encoding.unb64u(key.ed25519, length=32), encoding.unb64u(key.mldsa65, length=1952))


def _check_key(key: SigningPublicKey) -> None:
    try:
        check_signing_key(key)
    except KeysError as error:
        raise RosterRefusal("M11", error.code, str(error)) from None
