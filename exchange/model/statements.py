"""The bodies of all statement kinds, and the one function that reads them (``docs/spec/statements.md``).

``KINDS`` is the table of what exists: the body's model, the log it enters, the signature scheme.  A kind that the table
marks as reserved is known by name and refused.  Signatures are checked elsewhere (``keys.verify``), before parsing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from exchange.model.alert import AlertBody, DeviceIssuer
from exchange.model.problems import Malformed, first_error
from exchange.model.scalars import (
    DAY,
    LONGEST_TERM,
    AreaSet,
    BlobRef,
    Bytes16,
    Bytes32,
    Bytes64,
    Bytes1312,
    Bytes1952,
    Bytes3309,
    Count,
    Hash,
    Id,
    Origin,
    Record,
    Seen,
    ShortText,
    TagList,
    Time,
    Week,
    ascending,
)
from exchange.model.tlp import Label
from keys import encoding
from keys.envelope import Envelope
from keys.errors import EncodingError

NARROW_WINDOW = 300
"""Seconds around ``at`` in which a statement with a single device's or the server's signature is accepted."""
WIDE_WINDOW = 7 * DAY
"""Longest ``not_after`` after ``at``, seconds."""
FIRST_LEAD = 300
"""Seconds that a clock may run ahead of ours."""
MAX_BODY = 65_536
"""Bytes of a statement's body."""
MAX_WEEKS = 61
"""Epoch keys in one bundle."""

Role = Literal["administrator", "approver", "auditor", "author", "officer"]
OrganisationKind = Literal["authority", "chamber", "company", "municipality"]
PRIVILEGED = frozenset({"administrator", "approver", "author"})
"""Roles that two persons must give (invariant I7)."""

RoleSet = Annotated[tuple[Role, ...], Field(min_length=1), AfterValidator(ascending)]
HashSet = Annotated[tuple[Hash, ...], Field(min_length=1, max_length=256), AfterValidator(ascending)]
LabelSet = Annotated[tuple[Label, ...], Field(min_length=1), AfterValidator(ascending)]


class RegistrarIssuer(Record):
    """A statement prepared by (or for) a registrar."""

    registrar: Hash


class ServerIssuer(Record):
    """A claim of the exchange, signed with its statement key."""

    server: Hash


Issuer = DeviceIssuer | RegistrarIssuer
_T = TypeVar("_T", bound="OrganisationAdmit | OrganisationRenew")


class SigningKey(Record):
    """A signing public key as it stands in a body; ``keys.verify.SigningPublicKey`` is its working form."""

    ed25519: Bytes32
    mldsa65: Bytes1952


class LogKey(Record):
    """A log's public keys; the name is the log's origin."""

    ed25519: Bytes32
    mldsa44: Bytes1312


class Logs(Record):
    """The keys of both logs."""

    journal: LogKey
    registry: LogKey


class Body(Record):
    """What every body has: when, a nonce, and until when it may be accepted."""

    at: Time
    nonce: Bytes16
    not_after: Time

    @model_validator(mode="after")
    def _window(self) -> Body:
        if not self.at < self.not_after <= self.at + WIDE_WINDOW:
            raise ValueError("not_after lies after at, by at most 7 days")
        return self


class Founding(Body):
    """``exchange.found``: its statement id is the exchange id."""

    issuer: RegistrarIssuer
    logs: Logs
    origin: Origin
    registrars: Annotated[tuple[SigningKey, ...], Field(min_length=2, max_length=9)]
    statement_key: Bytes32
    threshold: Annotated[int, Field(strict=True, ge=2, le=9)]

    @model_validator(mode="after")
    def _threshold(self) -> Founding:
        if self.threshold > len(self.registrars):
            raise ValueError("threshold is at most the number of registrars")
        return self


class Common(Body):
    """The common fields of every statement but the founding."""

    exchange: Hash
    seen: Seen


class RegistryBody(Common):
    """The common fields of registry statements."""

    issuer: Issuer
    previous: Hash | None = None


class Wide(Record):
    """From how many recipients (devices) on more approvals are needed, and how many."""

    approvals: Annotated[int, Field(strict=True, ge=0, le=3)]
    recipients: Annotated[Count, Field(ge=1)]


class Publish(Record):
    """Which labels an organisation of a kind may publish; a kind left out may publish none."""

    authority: LabelSet | None = None
    chamber: LabelSet | None = None
    company: LabelSet | None = None
    municipality: LabelSet | None = None


class Policy(Record):
    """The policy object (``docs/spec/policy.md``); its id is the hash of its strict JSON.

    Every field is signed: nothing is filled in, or a registrar would have adopted what stands nowhere.
    """

    approvals: dict[Label, Annotated[int, Field(strict=True, ge=1, le=3)]]
    profile: Literal["first-2.0", "bsi-2.0"]
    publish: Publish
    red_persons: Annotated[Count, Field(ge=1, le=1000)]
    wide: Wide


DEFAULT_POLICY = Policy(
    approvals={Label.CLEAR: 1, Label.RED: 1},
    profile="first-2.0",
    publish=Publish(
        authority=(Label.AMBER, Label.AMBER_STRICT, Label.CLEAR, Label.GREEN, Label.RED),
        chamber=(Label.AMBER, Label.CLEAR, Label.GREEN),
        municipality=(Label.AMBER, Label.AMBER_STRICT, Label.CLEAR, Label.GREEN),
    ),
    red_persons=50,
    wide=Wide(approvals=1, recipients=500),
)
"""What a new partnership's description begins with."""


class PolicyAdopt(RegistryBody):
    """``policy.adopt``"""

    issuer: RegistrarIssuer
    policy: Policy


class TermsDefine(RegistryBody):
    """``terms.define``: a version of the terms of participation, and until when the version before still counts."""

    accept_by: Time
    document: BlobRef
    issuer: RegistrarIssuer
    version: Annotated[Count, Field(ge=1)]


class TermsAccept(RegistryBody):
    """``terms.accept``: an administrator accepts for its organisation."""

    issuer: DeviceIssuer
    organisation: Id
    terms: Hash


class OrganisationCommitments(Record):
    """Commitments to an organisation's name and contact."""

    contact: Hash | None = None
    name: Hash


class OrganisationAdmit(RegistryBody):
    """``organisation.admit``"""

    areas: AreaSet
    commitments: OrganisationCommitments
    expires: Time
    issuer: RegistrarIssuer
    kind: OrganisationKind
    organisation: Id
    sectors: TagList

    @model_validator(mode="after")
    def _term(self) -> OrganisationAdmit:
        return _within_term(self)


class OrganisationChange(RegistryBody):
    """``organisation.change``"""

    areas: AreaSet
    commitments: OrganisationCommitments | None = None
    issuer: RegistrarIssuer
    kind: OrganisationKind
    organisation: Id
    previous: Hash
    sectors: TagList


class OrganisationRenew(RegistryBody):
    """``organisation.renew``; naming a suspension as ``previous`` lifts it."""

    expires: Time
    issuer: RegistrarIssuer
    organisation: Id
    previous: Hash

    @model_validator(mode="after")
    def _term(self) -> OrganisationRenew:
        return _within_term(self)


class OrganisationSuspend(RegistryBody):
    """``organisation.suspend``"""

    issuer: RegistrarIssuer
    organisation: Id
    previous: Hash


class OrganisationRemove(RegistryBody):
    """``organisation.remove``; final."""

    issuer: RegistrarIssuer
    organisation: Id
    previous: Hash


class PersonCommitments(Record):
    """Commitments to a person's name, title and contact."""

    contact: Hash | None = None
    name: Hash
    title: Hash | None = None


class PersonEnrol(RegistryBody):
    """``person.enrol``"""

    commitments: PersonCommitments
    organisation: Id
    person: Id
    roles: RoleSet
    topics: TagList


class PersonChange(RegistryBody):
    """``person.change``"""

    commitments: PersonCommitments | None = None
    person: Id
    previous: Hash
    roles: RoleSet
    topics: TagList


class PersonRemove(RegistryBody):
    """``person.remove``; final."""

    person: Id
    previous: Hash


class DeviceCommitments(Record):
    """Commitment to a device's label."""

    label: Hash | None = None


class Possession(Record):
    """The device's own signatures over its enrolment: it holds the keys."""

    ed25519: Bytes64
    mldsa65: Bytes3309


class DeviceEnrol(RegistryBody):
    """``device.enrol``"""

    commitments: DeviceCommitments | None = None
    device: Id
    person: Id
    possession: Possession
    scan: Bytes32
    signing: SigningKey


class DeviceRevoke(RegistryBody):
    """``device.revoke``; final."""

    device: Id
    previous: Hash


class EpochKey(Record):
    """One week's key: its hash stands in the statement, its bytes in the bundle."""

    hash: Hash
    week: Week


class EpochPublish(Common):
    """``epoch.publish``: a device's next weekly keys."""

    bundle: BlobRef
    issuer: DeviceIssuer
    keys: Annotated[tuple[EpochKey, ...], Field(min_length=1, max_length=MAX_WEEKS)]

    @model_validator(mode="after")
    def _weeks(self) -> EpochPublish:
        if any(a.week >= b.week for a, b in pairwise(self.keys)):
            raise ValueError("weeks are ascending, without repetition")
        if self.bundle.length != len(self.keys) * 1216:
            raise ValueError("the bundle holds 1216 bytes for each key")
        return self


class AlertReject(Common):
    """``alert.reject``: a candidate approver declines a proposal."""

    alert: Hash
    issuer: DeviceIssuer
    reason: Literal["content", "label", "audience", "other"]


class AlertReview(Common):
    """``alert.review``: another person's look at an emergency release."""

    alert: Hash
    issuer: DeviceIssuer
    outcome: Literal["confirmed", "objected"]


class AlertReceipt(Common):
    """``alert.receipt``: one device received, or its person read, these alerts."""

    alerts: HashSet
    issuer: DeviceIssuer
    level: Literal["received", "read"]


class Delivery(Record):
    """The server's claim that it handed an alert to a device."""

    alert: Hash
    at: Time
    device: Id


class AlertDeliver(Common):
    """``alert.deliver``: a batch of the server's claims."""

    deliveries: Annotated[tuple[Delivery, ...], Field(min_length=1, max_length=256)]
    issuer: ServerIssuer


class Refusal(Record):
    """A refused statement of a known device, by its rule or reason code."""

    at: Time
    code: Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9-]{1,40}$")]
    device: Id
    statement: Hash


class StatementRefuse(Common):
    """``statement.refuse``: refusals at a bounded rate; ``uncounted`` says how many more there were."""

    issuer: ServerIssuer
    refusals: Annotated[tuple[Refusal, ...], Field(min_length=1, max_length=64)]
    uncounted: Count


class AccessRead(Common):
    """``access.read``: what an auditor or operator was handed."""

    count: Count
    device: Id
    issuer: ServerIssuer
    what: Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z-]{1,40}$")]


class SessionOpen(Body):
    """``session.open``: a device answers the server's challenge; never logged."""

    challenge: Bytes32
    exchange: Hash
    issuer: DeviceIssuer


def _within_term(body: _T) -> _T:
    if not body.at < body.expires <= body.at + LONGEST_TERM:
        raise ValueError("expires lies after at, by at most 1098 days")
    return body


@dataclass(frozen=True, slots=True)
class Kind:
    """What a statement kind is: its body, its log (none for a session), its signature scheme and who signs it."""

    name: str
    model: type[Record]
    log: Literal["registry", "journal", "none"]
    scheme: Literal["hybrid", "ed25519"]
    signer: Literal["registrars", "device", "server", "mixed"]


def _kind(
    name: str,
    model: type[Record],
    log: Literal["registry", "journal", "none"],
    scheme: Literal["hybrid", "ed25519"],
    signer: Literal["registrars", "device", "server", "mixed"],
) -> tuple[str, Kind]:
    return name, Kind(name, model, log, scheme, signer)


KINDS: dict[str, Kind] = dict(
    (
        _kind("exchange.found", Founding, "registry", "hybrid", "registrars"),
        _kind("policy.adopt", PolicyAdopt, "registry", "hybrid", "registrars"),
        _kind("terms.define", TermsDefine, "registry", "hybrid", "registrars"),
        _kind("terms.accept", TermsAccept, "registry", "hybrid", "device"),
        _kind("organisation.admit", OrganisationAdmit, "registry", "hybrid", "registrars"),
        _kind("organisation.change", OrganisationChange, "registry", "hybrid", "registrars"),
        _kind("organisation.renew", OrganisationRenew, "registry", "hybrid", "registrars"),
        _kind("organisation.suspend", OrganisationSuspend, "registry", "hybrid", "registrars"),
        _kind("organisation.remove", OrganisationRemove, "registry", "hybrid", "registrars"),
        _kind("person.enrol", PersonEnrol, "registry", "hybrid", "mixed"),
        _kind("person.change", PersonChange, "registry", "hybrid", "mixed"),
        _kind("person.remove", PersonRemove, "registry", "hybrid", "mixed"),
        _kind("device.enrol", DeviceEnrol, "registry", "hybrid", "mixed"),
        _kind("device.revoke", DeviceRevoke, "registry", "hybrid", "mixed"),
        _kind("epoch.publish", EpochPublish, "journal", "ed25519", "device"),
        _kind("alert", AlertBody, "journal", "hybrid", "device"),
        _kind("alert.reject", AlertReject, "journal", "hybrid", "device"),
        _kind("alert.review", AlertReview, "journal", "hybrid", "device"),
        _kind("alert.receipt", AlertReceipt, "journal", "ed25519", "device"),
        _kind("alert.deliver", AlertDeliver, "journal", "ed25519", "server"),
        _kind("statement.refuse", StatementRefuse, "journal", "ed25519", "server"),
        _kind("access.read", AccessRead, "journal", "ed25519", "server"),
        _kind("session.open", SessionOpen, "none", "ed25519", "device"),
    )
)

RESERVED = frozenset(
    (
        "registrar.rotate",
        "witness.name",
        "circle.define",
        "circle.change",
        "client.register",
        "opening.erase",
        "alert.grant",
        "alert.ask",
        "alert.answer",
    )
)
RESERVED_FAMILIES = ("report.", "assessment.", "peer.")


@dataclass(frozen=True)
class Statement:
    """An envelope whose body was read. Whether its signatures verify is for ``keys.verify`` to say, first."""

    envelope: Envelope
    kind: Kind
    body: Record

    @property
    def id(self) -> str:
        """Statement id: SHA-256 of the PAE, signatures excluded."""
        return self.envelope.statement_id

    @cached_property
    def at(self) -> int:
        """When it was prepared, seconds."""
        return self.alert.core.at if isinstance(self.body, AlertBody) else cast(Body, self.body).at

    @cached_property
    def not_after(self) -> int:
        """Until when it may be accepted, seconds."""
        return self.alert.core.release_by if isinstance(self.body, AlertBody) else cast(Body, self.body).not_after

    @cached_property
    def exchange(self) -> str:
        """The exchange it is for; the founding is for the exchange it founds."""
        if isinstance(self.body, Founding):
            return self.id
        return self.alert.core.exchange if isinstance(self.body, AlertBody) else cast(Common, self.body).exchange

    @cached_property
    def issuer(self) -> DeviceIssuer | RegistrarIssuer | ServerIssuer:
        """Who prepared it."""
        if isinstance(self.body, AlertBody):
            return self.body.core.issuer
        return cast(DeviceIssuer | RegistrarIssuer | ServerIssuer, cast(Any, self.body).issuer)

    @property
    def alert(self) -> AlertBody:
        """The body of an ``alert`` statement; raises Malformed for any other kind."""
        if not isinstance(self.body, AlertBody):
            raise Malformed("kind-unexpected", f"{self.kind.name} is not an alert")
        return self.body


def kind_of(name: str) -> Kind:
    """The kind by name; raises Malformed: ``kind-not-open`` when reserved, ``kind-unknown`` otherwise."""
    kind = KINDS.get(name)
    if kind is None:
        if name in RESERVED or name.startswith(RESERVED_FAMILIES):
            raise Malformed("kind-not-open", f"statements of kind {name} are reserved for a later release")
        raise Malformed("kind-unknown", "the payload type names no statement kind")
    return kind


def parse_statement(envelope: Envelope) -> Statement:
    """Read the body by its kind's closed schema.

    Raises Malformed: ``kind-unknown``, ``kind-not-open``, ``body-malformed``.  Verify signatures first: the parser is
    strict, but what nobody signed deserves no reading.
    """
    kind = kind_of(envelope.kind)
    try:
        raw: dict[str, Any] = encoding.decode(envelope.body, max_bytes=MAX_BODY)
        return Statement(envelope, kind, kind.model.model_validate(raw))
    except ValidationError as error:
        raise Malformed("body-malformed", first_error(error)) from None
    except EncodingError as error:
        raise Malformed("body-malformed", str(error)) from None


def encode_body(body: Record) -> bytes:
    """The strict-JSON bytes of a body; raises Malformed (``body-malformed``) above MAX_BODY bytes."""
    data = encoding.encode(body.to_json())
    if len(data) > MAX_BODY:
        raise Malformed("body-malformed", f"the body has {len(data)} bytes, at most {MAX_BODY} are allowed")
    return data


class Opening(Record):
    """A commitment's opening: travels beside the statement, and is erasable."""

    field: Literal["contact", "label", "name", "title"]
    salt: Bytes32
    value: ShortText


def chain_of(statement: Statement) -> str:
    """The chain of a registry statement, which its entry names as ``subject``.

    Raises Malformed (``kind-unexpected``) for a journal statement.
    """
    name, body = statement.kind.name, cast(Any, statement.body)
    family = name.split(".")[0]
    match family:
        case "exchange" | "policy":
            return family
        case "terms":
            return f"acceptance/{body.organisation}" if name == "terms.accept" else "terms"
        case "organisation":
            return f"organisation/{body.organisation}"
        case "person":
            return f"person/{body.person}"
        case "device":
            return f"device/{body.device}"
    raise Malformed("kind-unexpected", f"{name} is not a registry statement")
