"""The bodies of the registry's statement kinds: who may receive (``docs/spec/statements.md``, Registry kinds).

Closed schemas and nothing more: what may follow what is for ``exchange.policy.roster`` to say.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from exchange.model.alert import DeviceIssuer, IdSet
from exchange.model.common import Body, LogKey, RegistrarIssuer, RegistryBody, SigningKey
from exchange.model.scalars import (
    LONGEST_TERM,
    AreaSet,
    BlobRef,
    Bytes32,
    Bytes64,
    Bytes1312,
    Bytes3309,
    Chain,
    Count,
    Hash,
    Id,
    Origin,
    Record,
    TagList,
    Time,
    ascending,
)
from exchange.model.tlp import Label

Role = Literal["administrator", "approver", "auditor", "author", "officer"]
OrganisationKind = Literal["authority", "chamber", "company", "municipality"]
PRIVILEGED = frozenset({"administrator", "approver", "author"})
"""Roles that two persons must give (invariant I7)."""
RoleSet = Annotated[tuple[Role, ...], Field(min_length=1), AfterValidator(ascending)]
CuratorSet = Annotated[tuple[Id, ...], Field(min_length=1, max_length=8), AfterValidator(ascending)]
OpeningField = Literal["contact", "label", "name", "notice", "title"]
MAX_WITNESSES = 15
"""With two lines each and the log's own two, a checkpoint stays below 64 kB."""
LabelSet = Annotated[tuple[Label, ...], Field(min_length=1), AfterValidator(ascending)]


_T = TypeVar("_T", bound="OrganisationAdmit | OrganisationRenew | ClientRegister")


class Logs(Record):
    """The keys of both logs."""

    journal: LogKey
    registry: LogKey


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


class RegistrarRotate(RegistryBody):
    """``registrar.rotate``: the registrars from now on; signed by enough of the old ones and of the new ones."""

    issuer: RegistrarIssuer
    registrars: Annotated[tuple[SigningKey, ...], Field(min_length=2, max_length=9)]
    threshold: Annotated[int, Field(strict=True, ge=2, le=9)]

    @model_validator(mode="after")
    def _threshold(self) -> RegistrarRotate:
        if self.threshold > len(self.registrars):
            raise ValueError("threshold is at most the number of registrars")
        return self


class PolicyAdopt(RegistryBody):
    """``policy.adopt``"""

    issuer: RegistrarIssuer
    policy: Policy


class NamedWitness(Record):
    """A witness: the key name in its cosignature lines, both public keys, and where it takes checkpoints."""

    ed25519: Bytes32
    mldsa44: Bytes1312
    name: Origin
    url: Annotated[
        str,
        StringConstraints(
            strict=True,
            max_length=200,
            pattern=r"^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*$",
        ),
    ]


class WitnessName(RegistryBody):
    """``witness.name``: the witnesses from now on, by name, and how many of them must have seen a checkpoint.

    A quorum of 0 and an empty list go together: then none is asked.
    """

    issuer: RegistrarIssuer
    quorum: Annotated[int, Field(strict=True, ge=0, le=MAX_WITNESSES)]
    witnesses: Annotated[tuple[NamedWitness, ...], Field(max_length=MAX_WITNESSES)]

    @model_validator(mode="after")
    def _quorum(self) -> WitnessName:
        names = [witness.name for witness in self.witnesses]
        if any(a >= b for a, b in pairwise(names)):
            raise ValueError("witnesses are sorted by name, without repetition")
        if not (1 if names else 0) <= self.quorum <= len(names):
            raise ValueError("the quorum is at least 1 and at most the number of witnesses, 0 without one")
        return self


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
    """``organisation.remove``; final. A client is also its sponsor's administrator's to remove."""

    organisation: Id
    previous: Hash


class PersonCommitments(Record):
    """Commitments to a person's name, title and contact, and to the address for e-mail notices of who wants them."""

    contact: Hash | None = None
    name: Hash
    notice: Hash | None = None
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


class ClientRegister(RegistryBody):
    """``client.register``: an organisation that its sponsor vouches for; with ``previous`` a renewal."""

    commitments: OrganisationCommitments
    expires: Time
    organisation: Id
    sponsor: Id

    @model_validator(mode="after")
    def _term(self) -> ClientRegister:
        return _within_term(self)


class CircleCommitments(Record):
    """Commitment to a circle's name."""

    name: Hash


class CircleMembers(Record):
    """Members that a circle begins with, or that a change adds or takes away; at least one."""

    circles: IdSet | None = None
    organisations: IdSet | None = None
    persons: IdSet | None = None

    @model_validator(mode="after")
    def _some(self) -> CircleMembers:
        if self.circles is None and self.organisations is None and self.persons is None:
            raise ValueError("a list of members names at least one")
        return self


class CircleDefine(RegistryBody):
    """``circle.define``"""

    circle: Id
    commitments: CircleCommitments
    curators: CuratorSet
    issuer: RegistrarIssuer
    members: CircleMembers | None = None


class CircleChange(RegistryBody):
    """``circle.change``: what a curator adds or takes away; curators and name are the registrars' to change."""

    add: CircleMembers | None = None
    circle: Id
    commitments: CircleCommitments | None = None
    curators: CuratorSet | None = None
    previous: Hash
    remove: CircleMembers | None = None

    @model_validator(mode="after")
    def _something(self) -> CircleChange:
        if all(field is None for field in (self.add, self.remove, self.curators, self.commitments)):
            raise ValueError("a change changes something")
        return self


class OpeningErase(RegistryBody):
    """``opening.erase``: these openings of one statement are no longer kept; the commitments stay."""

    fields: Annotated[tuple[OpeningField, ...], Field(min_length=1), AfterValidator(ascending)]
    statement: Hash
    subject: Chain


def _within_term(body: _T) -> _T:
    if not body.at < body.expires <= body.at + LONGEST_TERM:
        raise ValueError("expires lies after at, by at most 1098 days")
    return body
