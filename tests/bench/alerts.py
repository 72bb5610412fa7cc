"""An alert of 4 KiB, sealed and signed as a publisher does it: the one piece of work that all figures share."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from os import urandom
from typing import Any

from nacl.bindings import crypto_scalarmult_base

from exchange.model.alert import Content, ContentText
from exchange.model.scalars import DAY
from exchange.model.statements import Statement, parse_statement
from keys import encoding
from keys.envelope import Envelope
from keys.seal import Sealed, SealPool, SealTarget, encrypt_part, new_content_key, seal_stanzas
from keys.sign import SoftwareSigner, add_signature
from keys.stanza import NO_BUNDLE, PartDigest, parts_digest
from keys.unseal import epoch_public

CONTENT_BYTES = 4096
"""Length of an alert's content, and of the file that the peers seal."""


def content() -> bytes:
    """A content of exactly `CONTENT_BYTES`, whose text does not compress below three quarters."""
    frame = Content(texts=(ContentText(language="de", text="x", title="Kupferdiebstahl"),)).encode()
    text = b64encode(urandom(CONTENT_BYTES)).decode("ascii")[: CONTENT_BYTES - len(frame) + 1]
    return Content(texts=(ContentText(language="de", text=text, title="Kupferdiebstahl"),)).encode()


def strangers(count: int, week: int) -> list[SealTarget]:
    """Devices of whom only the public keys matter: fresh ones, real in all their parts."""
    return [
        SealTarget(
            device_id=urandom(16),
            week=week,
            scan_key=crypto_scalarmult_base(urandom(32)),
            epoch_key=epoch_public(urandom(32)).raw,
            last_bundle=NO_BUNDLE,
        )
        for _ in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes where: exchange id, author's device and signer, the approver's person and signer."""

    exchange: str
    device: str
    signer: SoftwareSigner
    approver: str
    second: SoftwareSigner

    def core(self, now: int, policy: str, seen: dict[str, Any], sector: str = "health") -> dict[str, Any]:
        """The core of an AMBER alert to one sector, to be approved by one person; the numbers of leaves are still missing."""
        return {
            "action": "new",
            "alert": encoding.b64u(urandom(16)),
            "approvals": 1,
            "approvers": [self.approver],
            "at": now,
            "audience": {"sectors": [sector]},
            "certainty": "observed",
            "exchange": self.exchange,
            "exercise": False,
            "issuer": {"device": self.device},
            "kind": "incident.physical",
            "label": "AMBER",
            "nonce": encoding.b64u(urandom(16)),
            "policy": policy,
            "release_by": now + DAY,
            "seen": seen,
            "severity": "moderate",
            "suite": "x1",
            "urgency": "expected",
            "valid_until": now + 14 * DAY,
            "version": 1,
        }


@dataclass(frozen=True, slots=True)
class Made:
    """A signed alert, its ciphertext, and what sealing gave."""

    envelope: Envelope
    part: bytes = field(repr=False)
    sealed: Sealed = field(repr=False)

    @property
    def statement(self) -> Statement:
        """The alert as a statement."""
        return parse_statement(self.envelope)


def made(
    core: dict[str, Any],
    plaintext: bytes,
    targets: Sequence[SealTarget],
    signers: Sequence[SoftwareSigner],
    pool: SealPool | None = None,
) -> Made:
    """Encrypt the content, seal its key to every target, build pack and tree, sign (docs/spec/envelope.md, Sealing 1 to 9)."""
    usable = sum(target.epoch_key is not None for target in targets)
    core = {**core, "keyless": len(targets) - usable, "stanzas": usable}
    core_hash = sha256(encoding.encode(core)).digest()
    key = new_content_key()
    part = encrypt_part(key, core_hash, 0, plaintext)
    digest = parts_digest([PartDigest.of(part)])
    alert = encoding.unb64u(core["alert"], length=16)
    sealed = seal_stanzas(key, core_hash, digest, targets, alert, core["version"], pool=pool)
    body = {
        "core": core,
        "sealed": {
            "depth": sealed.depth,
            "ephemeral": encoding.b64u(sealed.ephemeral),
            "pack": {"length": len(sealed.pack), "sha256": sha256(sealed.pack).hexdigest()},
            "parts": [{"length": len(part), "sha256": sha256(part).hexdigest()}],
            "root": sealed.root.hex(),
        },
    }
    envelope = Envelope("alert", encoding.encode(body), ())
    for signer in signers:
        envelope = add_signature(envelope, signer)
    return Made(envelope, part, sealed)
