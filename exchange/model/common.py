"""What the bodies of all statement kinds share: issuer, time window, exchange, gossip, chain (``docs/spec/statements.md``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from exchange.model.alert import DeviceIssuer
from exchange.model.scalars import (
    DAY,
    Bytes16,
    Bytes32,
    Bytes1312,
    Bytes1952,
    Hash,
    Record,
    Seen,
    Time,
    ascending,
)

NARROW_WINDOW = 300
"""Seconds around ``at`` in which a statement with a single device's or the server's signature is accepted."""
WIDE_WINDOW = 7 * DAY
"""Longest ``not_after`` after ``at``, seconds."""
FIRST_LEAD = 300
"""Seconds that a clock may run ahead of ours."""
HashSet = Annotated[tuple[Hash, ...], Field(min_length=1, max_length=256), AfterValidator(ascending)]


class RegistrarIssuer(Record):
    """A statement prepared by (or for) a registrar."""

    registrar: Hash


class ServerIssuer(Record):
    """A claim of the exchange, signed with its statement key."""

    server: Hash


Issuer = DeviceIssuer | RegistrarIssuer


class SigningKey(Record):
    """A signing public key as it stands in a body; ``keys.verify.SigningPublicKey`` is its working form."""

    ed25519: Bytes32
    mldsa65: Bytes1952


class LogKey(Record):
    """A log's public keys; the name is the log's origin."""

    ed25519: Bytes32
    mldsa44: Bytes1312


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


class Common(Body):
    """The common fields of every statement but the founding."""

    exchange: Hash
    seen: Seen


class RegistryBody(Common):
    """The common fields of registry statements."""

    issuer: Issuer
    previous: Hash | None = None
