"""``TrustedRoster``: the pure state machine over registry statements (rules M1 to M21, ``docs/spec/statements.md``).

It applies accepted statements in log order and refuses, with the rule's number, whatever the registrars and
administrators were not allowed to say.  Server, members and auditors run this same code over the same entries, so none of
them has to believe another.  It does no I/O and reads no clock: each statement is judged at its entry's acceptance time, and a
``Roster`` is the state looked at from one time that is fixed at construction.  Here are the order of things and what a
statement changes; who must sign is in ``signers``, what a subject must be like in ``subjects`` and ``circles``.

A member that is shown only a part of the registry applies the remaining entries as *opaque*: it keeps their place in the
chains, and refuses (M16) when one of them speaks about a subject it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from exchange.model.common import RegistrarIssuer, RegistryBody
from exchange.model.entry import Entry
from exchange.model.problems import Malformed
from exchange.model.registry import (
    PRIVILEGED,
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
from exchange.model.statements import Opening, Statement, chain_of
from exchange.model.window import WINDOW_SENTENCES, window_fault
from exchange.policy.circles import changed
from exchange.policy.members import Circle, Device, Facts, Organisation, Person, Roster, Terms, policy_id
from exchange.policy.refusal import RosterRefusal as RosterRefusal
from exchange.policy.signers import REGISTRAR, Signer, check_signers, named_signers, working_key
from exchange.policy.subjects import NAMED_FAMILIES, check_subject
from exchange.policy.witnesses import working_witness
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.verify import SigningPublicKey, verify_hybrid

Verifier = Callable[[Envelope, Sequence[SigningPublicKey]], object]


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
        signers = named_signers(self._facts, statement)
        self._check_window(statement, signers, now)
        self._check_previous(statement)
        check_signers(self._facts, statement, signers, now)
        check_subject(self._facts, statement, now)
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

    @staticmethod
    def _check_window(statement: Statement, signers: Sequence[Signer], now: int) -> None:
        narrow = len(signers) == 1 and not signers[0][0].startswith(REGISTRAR)
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

    # -- what is accepted changes the facts ----------------------------------------------------------------------

    def _own(self) -> Facts:
        if self._shared:
            self._facts = self._facts.copy()
            self._shared = False
        return self._facts

    def _opaque(self, entry: Entry) -> None:
        chain = cast(str, entry.subject)
        if self._is_known(chain):
            raise RosterRefusal("M16", "statement-withheld", "a statement about a subject we know is withheld")
        facts = self._own()
        facts.chains[chain] = entry.statement
        facts.size += 1
        facts.last_at = entry.at

    def _is_known(self, chain: str) -> bool:
        """Whether what this chain says is for us: everybody's, about a circle, or about a subject that we know."""
        family, _, subject = chain.partition("/")
        known = self._facts.known_chains
        if not subject or family == "circle" or chain in known:
            return True
        return family == "opening" and any(f"{named}/{subject}" in known for named in NAMED_FAMILIES)

    def _commit(self, entry: Entry, statement: Statement) -> None:
        facts, body = self._own(), statement.body
        chain = cast(str, entry.subject)
        facts.chains[chain] = statement.id
        facts.known_chains.add(chain)
        facts.size += 1
        facts.last_at = entry.at
        committed = getattr(body, "commitments", None)
        if committed is not None:
            record = (statement.id, tuple(sorted(committed.to_json())))
            facts.commitments[chain] = (*facts.commitments.get(chain, ()), record)
        match body:
            case Founding():
                facts.exchange, facts.origin, facts.threshold = statement.id, body.origin, body.threshold
                self._registrars(body)
            case RegistrarRotate():
                facts.threshold = body.threshold
                self._registrars(body)
            case PolicyAdopt():
                facts.policy, facts.policy_id = body.policy, policy_id(body.policy)
            case WitnessName():
                facts.witnesses, facts.quorum = tuple(map(working_witness, body.witnesses)), body.quorum
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
                key = working_key(body.signing)
                scan = encoding.unb64u(body.scan, length=32)
                facts.devices[body.device] = Device(body.device, body.person, key, scan)
                facts.devices_of[body.person] = (*facts.devices_of.get(body.person, ()), body.device)
                facts.device_of_key[key.key_id] = body.device
                facts.used_keys.update((body.signing.ed25519, body.signing.mldsa65, body.scan))
            case DeviceRevoke():
                facts.devices[body.device] = replace(facts.devices[body.device], revoked=True)
            case OrganisationRemove():
                self._organisation(body.organisation, removed=True)
            case ClientRegister():
                self._client(statement, body)
            case CircleDefine() | CircleChange():
                self._circle(changed(facts, body, entry.at))
            case OpeningErase():
                facts.erased.update((body.statement, field) for field in body.fields)
            case _:  # `check` let nothing else through
                raise RosterRefusal("M1", "kind-unexpected", "a statement of this kind changes nothing here")

    def _registrars(self, body: Founding | RegistrarRotate) -> None:
        facts = self._facts
        keys = [working_key(key) for key in body.registrars]
        facts.registrars = {key.key_id: key for key in keys}
        facts.used_keys.update(half for key in body.registrars for half in (key.ed25519, key.mldsa65))

    def _client(self, statement: Statement, body: ClientRegister) -> None:
        facts = self._facts
        if body.organisation in facts.organisations:
            # What the registrars suspended, no sponsor's renewal lifts.
            lifted = {"suspended": False} if isinstance(statement.issuer, RegistrarIssuer) else {}
            self._organisation(body.organisation, expires=body.expires, **lifted)
            return
        facts.organisations[body.organisation] = Organisation(
            body.organisation, "client", frozenset(), (), body.expires, sponsor=body.sponsor
        )
        facts.clients_of[body.sponsor] = (*facts.clients_of.get(body.sponsor, ()), body.organisation)

    def _circle(self, circle: Circle) -> None:
        facts = self._facts
        facts.circles[circle.id] = circle
        facts.ever_curator |= circle.curators
        facts.ever_curating.update(facts.persons[c].organisation for c in circle.curators if c in facts.persons)

    def _organisation(self, organisation: str, **changes: Any) -> None:
        facts = self._facts
        facts.organisations[organisation] = replace(facts.organisations[organisation], **changes)

    def _remember_roles(self, person: Person) -> None:
        if "author" in person.roles:
            self._facts.ever_author.add(person.organisation)
        if person.roles & PRIVILEGED:
            self._facts.ever_privileged.add(person.id)
