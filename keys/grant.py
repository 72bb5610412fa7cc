"""An alert's content key, sealed to one more device: a grant (docs/spec/sharing.md, "Grants"). Member side only.

The statement around one is signed by the grantor's device, and who may give what to whom is decided elsewhere: this module
signs nothing and decides nothing. The info binds the stanza to the alert, to this one grant and to the grantee's key, so it
opens nowhere else. The tag lets the grantee see from the journal's entry alone that a grant is for it.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from nacl import bindings

from keys.encoding import ID_BYTES
from keys.errors import OpenError
from keys.kem import CONTENT_KEY, STANZA, SUITE, EpochPublicKey
from keys.labels import Use, ds
from keys.seal import shared_secret
from keys.stanza import TAG
from keys.unseal import epoch_public, expand_seed

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class GrantBinding:
    """What a grant belongs to, raw: core hash (32), parts digest (32), the alert's statement id (32), grant id (16), the
    grantee's device id (16), and the week of the grant's ``at``."""

    core_hash: bytes
    parts_digest: bytes
    alert: bytes
    grant: bytes
    device: bytes
    week: int

    def __post_init__(self) -> None:
        if any(len(value) != 32 for value in (self.core_hash, self.parts_digest, self.alert)):
            raise ValueError("core hash, parts digest and statement id have 32 bytes")
        if len(self.grant) != ID_BYTES or len(self.device) != ID_BYTES:
            raise ValueError("a grant id and a device id have 16 bytes")

    def info(self, key_hash: bytes) -> bytes:
        """HPKE info: DS(grant) ‖ the six fields in order ‖ SHA-256 of the grantee's key."""
        names = self.core_hash + self.parts_digest + self.alert + self.grant + self.device
        return ds(Use.GRANT) + names + self.week.to_bytes(4, "big") + key_hash


@dataclass(frozen=True, slots=True)
class SealedGrant:
    """What the body names: stanza (1168 bytes), ephemeral public key (32) and tag (8)."""

    stanza: bytes = field(repr=False)
    ephemeral: bytes
    tag: bytes


def grant_tag(shared: bytes, ephemeral: bytes) -> bytes:
    """First 8 bytes of HMAC-SHA256(X25519 secret, DS(grant-tag) ‖ ephemeral public key)."""
    return hmac.digest(shared, ds(Use.GRANT_TAG) + ephemeral, "sha256")[:TAG]


def seal_grant(
    content_key: bytes, binding: GrantBinding, epoch_key: bytes, scan_key: bytes, random: Random = urandom
) -> SealedGrant:
    """Seal a content key (32 bytes) to the grantee's epoch key of the week (1216), with the tag for its scan key (32).

    ``random`` gives the ephemeral secret, a fresh one for each grant; it is forgotten here. Raises BadKey ``bad-epoch-key``,
    ``bad-scan-key``; ValueError for a content key of another length.
    """
    if len(content_key) != CONTENT_KEY:
        raise ValueError(f"a content key has {CONTENT_KEY} bytes")
    key = EpochPublicKey(epoch_key)
    secret = random(32)
    ephemeral = bindings.crypto_scalarmult_base(secret)
    tag = grant_tag(shared_secret(secret, scan_key), ephemeral)
    return SealedGrant(key.seal(content_key, binding.info(key.hash)), ephemeral, tag)


def open_grant(seed: bytes, stanza: bytes, binding: GrantBinding) -> bytes:
    """Return the content key from a grant's stanza, with this device's epoch seed (32 bytes) of the binding's week.

    Raises OpenError ``stanza-invalid``: altered, of another alert, grant or device, or sealed to another key.
    """
    if len(stanza) != STANZA:
        raise OpenError("stanza-invalid", f"a stanza has {STANZA} bytes")
    key = hpke.MLKEM768X25519PrivateKey(*expand_seed(seed))
    try:
        content_key = SUITE.decrypt(stanza, key, binding.info(epoch_public(seed).hash))
    except (InvalidTag, ValueError):
        raise OpenError("stanza-invalid", "the grant does not open with this device's key") from None
    if len(content_key) != CONTENT_KEY:
        raise OpenError("stanza-invalid", "the grant holds something else than a content key")
    return content_key
