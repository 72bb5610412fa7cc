"""The bodies of all statement kinds, and the one function that reads them (``docs/spec/statements.md``).

``KINDS`` is the table of what exists: the body's model, the log it enters, the signature scheme.  A kind that the table
marks as reserved is known by name and refused.  Signatures are checked elsewhere (``keys.verify``), before parsing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

from pydantic import ValidationError, model_validator

from exchange.model.alert import AlertBody, DeviceIssuer
from exchange.model.common import Body, Common, RegistrarIssuer, ServerIssuer
from exchange.model.journal import (
    AccessRead,
    AlertAnswer,
    AlertAsk,
    AlertDeliver,
    AlertGrant,
    AlertReceipt,
    AlertReject,
    AlertReview,
    EpochPublish,
    SessionOpen,
    StatementRefuse,
)
from exchange.model.mail import check_mail_address
from exchange.model.problems import Malformed, first_error
from exchange.model.registry import (
    CircleChange,
    CircleDefine,
    ClientRegister,
    DeviceEnrol,
    DeviceRevoke,
    Founding,
    OpeningErase,
    OpeningField,
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
from exchange.model.scalars import (
    Bytes32,
    Record,
    ShortText,
)
from keys import encoding
from keys.envelope import Envelope
from keys.errors import EncodingError

MAX_BODY = 65_536
"""Bytes of a statement's body."""


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
        _kind("registrar.rotate", RegistrarRotate, "registry", "hybrid", "registrars"),
        _kind("policy.adopt", PolicyAdopt, "registry", "hybrid", "registrars"),
        _kind("witness.name", WitnessName, "registry", "hybrid", "registrars"),
        _kind("terms.define", TermsDefine, "registry", "hybrid", "registrars"),
        _kind("terms.accept", TermsAccept, "registry", "hybrid", "device"),
        _kind("organisation.admit", OrganisationAdmit, "registry", "hybrid", "registrars"),
        _kind("organisation.change", OrganisationChange, "registry", "hybrid", "registrars"),
        _kind("organisation.renew", OrganisationRenew, "registry", "hybrid", "registrars"),
        _kind("organisation.suspend", OrganisationSuspend, "registry", "hybrid", "registrars"),
        _kind("organisation.remove", OrganisationRemove, "registry", "hybrid", "mixed"),
        _kind("person.enrol", PersonEnrol, "registry", "hybrid", "mixed"),
        _kind("person.change", PersonChange, "registry", "hybrid", "mixed"),
        _kind("person.remove", PersonRemove, "registry", "hybrid", "mixed"),
        _kind("device.enrol", DeviceEnrol, "registry", "hybrid", "mixed"),
        _kind("device.revoke", DeviceRevoke, "registry", "hybrid", "mixed"),
        _kind("client.register", ClientRegister, "registry", "hybrid", "mixed"),
        _kind("circle.define", CircleDefine, "registry", "hybrid", "registrars"),
        _kind("circle.change", CircleChange, "registry", "hybrid", "mixed"),
        _kind("opening.erase", OpeningErase, "registry", "hybrid", "mixed"),
        _kind("epoch.publish", EpochPublish, "journal", "ed25519", "device"),
        _kind("alert", AlertBody, "journal", "hybrid", "device"),
        _kind("alert.reject", AlertReject, "journal", "hybrid", "device"),
        _kind("alert.review", AlertReview, "journal", "hybrid", "device"),
        _kind("alert.receipt", AlertReceipt, "journal", "ed25519", "device"),
        _kind("alert.grant", AlertGrant, "journal", "hybrid", "device"),
        _kind("alert.ask", AlertAsk, "journal", "ed25519", "device"),
        _kind("alert.answer", AlertAnswer, "journal", "hybrid", "device"),
        _kind("alert.deliver", AlertDeliver, "journal", "ed25519", "server"),
        _kind("statement.refuse", StatementRefuse, "journal", "ed25519", "server"),
        _kind("access.read", AccessRead, "journal", "ed25519", "server"),
        _kind("session.open", SessionOpen, "none", "ed25519", "device"),
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
        if name.startswith(RESERVED_FAMILIES):
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

    field: OpeningField
    salt: Bytes32
    value: ShortText

    @model_validator(mode="after")
    def _address(self) -> Opening:
        if self.field == "notice":
            check_mail_address(self.value)
        return self


def chain_of(statement: Statement) -> str:
    """The chain of a registry statement, which its entry names as ``subject``.

    Raises Malformed (``kind-unexpected``) for a journal statement.
    """
    name, body = statement.kind.name, cast(Any, statement.body)
    family = name.split(".")[0]
    match family:
        case "exchange" | "policy":
            return family
        case "registrar":
            return "registrars"
        case "witness":
            return "witnesses"
        case "terms":
            return f"acceptance/{body.organisation}" if name == "terms.accept" else "terms"
        case "organisation" | "client":
            return f"organisation/{body.organisation}"
        case "person":
            return f"person/{body.person}"
        case "device":
            return f"device/{body.device}"
        case "circle":
            return f"circle/{body.circle}"
        case "opening":
            return f"opening/{body.subject.partition('/')[2]}"
    raise Malformed("kind-unexpected", f"{name} is not a registry statement")
