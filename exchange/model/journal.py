"""The bodies of the journal's statement kinds but for the alert itself (``docs/spec/statements.md``, Journal kinds).

Closed schemas and nothing more; an alert's body stands in ``exchange.model.alert``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from exchange.model.alert import DeviceIssuer
from exchange.model.common import Body, Common, HashSet, ServerIssuer
from exchange.model.scalars import (
    BlobRef,
    Bytes8,
    Bytes32,
    Bytes1168,
    Bytes4168,
    Count,
    Hash,
    Id,
    Record,
    Time,
    Week,
    ascending,
)

EPOCH_KEY_BYTES = 1216
"""Of one epoch public key: ML-KEM-768 and X25519."""
MAX_WEEKS = 61
"""Epoch keys in one bundle."""


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
        if self.bundle.length != len(self.keys) * EPOCH_KEY_BYTES:
            raise ValueError(f"the bundle holds {EPOCH_KEY_BYTES} bytes for each key")
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


class MessageStanza(Record):
    """The message's key, sealed to one device (1168 bytes)."""

    device: Id
    stanza: Bytes1168


class Message(Record):
    """A short text sealed to at most 24 devices, inside a statement (``docs/spec/sharing.md``, Messages)."""

    ciphertext: Bytes4168
    stanzas: Annotated[tuple[MessageStanza, ...], Field(min_length=1, max_length=24)]

    @model_validator(mode="after")
    def _ordered(self) -> Message:
        if any(a.device >= b.device for a, b in pairwise(self.stanzas)):
            raise ValueError("stanzas are sorted by device, without repetition")
        return self


class AlertReceipt(Common):
    """``alert.receipt``: one device received, its person read, or reacted to, these alerts.

    What the reaction is, only the author's organisation reads: it stands in the message.
    """

    alerts: HashSet
    issuer: DeviceIssuer
    level: Literal["received", "read", "reacted"]
    message: Message | None = None

    @model_validator(mode="after")
    def _reaction(self) -> AlertReceipt:
        if (self.message is None) != (self.level != "reacted"):
            raise ValueError("a message stands in a reaction, and only there")
        if self.message is not None and len(self.alerts) != 1:
            raise ValueError("a reaction is to one alert")
        return self


class LeafProof(Record):
    """The grantor's own leaf in the alert's audience tree: it was a recipient."""

    index: Annotated[Count, Field(lt=1 << 20)]
    path: Annotated[tuple[Hash, ...], Field(max_length=20)]
    stanza: Hash
    tag: Bytes8


class AlertGrant(Common):
    """``alert.grant``: an alert's content key, sealed by somebody who has it to one more device."""

    alert: Hash
    device: Id
    ephemeral: Bytes32
    issuer: DeviceIssuer
    leaf: LeafProof | None = None
    permission: Hash | None = None
    purpose: Literal["history", "newcomer", "onward"]
    stanza: Bytes1168
    tag: Bytes8
    via: Hash | None = None

    @model_validator(mode="after")
    def _entitlement(self) -> AlertGrant:
        if (self.leaf is None) == (self.via is None):
            raise ValueError("a grant shows the grantor's leaf, or the grant that the grantor has it from")
        if self.via is not None and self.purpose != "history":
            raise ValueError("via is for history only")
        if self.permission is not None and self.purpose != "onward":
            raise ValueError("a permission is for passing on only")
        return self


class AlertAsk(Common):
    """``alert.ask``: a recipient asks the source whether it may pass an alert on; for whom stands in the message."""

    alert: Hash
    issuer: DeviceIssuer
    message: Message


class AlertAnswer(Common):
    """``alert.answer``: the source answers; ``permits`` names the persons to whom the alert may be given."""

    ask: Hash
    issuer: DeviceIssuer
    message: Message | None = None
    outcome: Literal["declined", "granted"]
    permits: Annotated[tuple[Id, ...], Field(min_length=1, max_length=50), AfterValidator(ascending)] | None = None

    @model_validator(mode="after")
    def _permission(self) -> AlertAnswer:
        if (self.permits is not None) != (self.outcome == "granted"):
            raise ValueError("permits stands in an answer that grants, and only there")
        return self


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
