"""Sealing to an epoch key: HPKE base mode, single shot (docs/spec/envelope.md, suite `x1`). Nothing here can open.

KEM 0x647a MLKEM768-X25519 (X-Wing), KDF HKDF-SHA256, AEAD AES-256-GCM; only `info` is used, never `aad`. One suite, no
negotiation. The encapsulation draws its own randomness from the operating system and cannot be fixed for tests.
"""

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from keys.errors import BadKey

MLKEM_KEY = 1184  # bytes of an ML-KEM-768 encapsulation key
EPOCH_KEY = MLKEM_KEY + 32  # bytes of an epoch public key: ML-KEM-768 ‖ X25519
EPOCH_SEED = 32  # bytes of its private half
ENCAPSULATION = 1120  # bytes: ML-KEM ciphertext 1088 ‖ X25519 32
CONTENT_KEY = 32  # bytes
STANZA = ENCAPSULATION + CONTENT_KEY + 16  # 1168 bytes

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class EpochPublicKey:
    """A device's public key of one week, 1216 raw bytes.

    Raises BadKey `bad-epoch-key` when the length or the ML-KEM half is wrong. A low-order X25519 half is found only by
    sealing (`keys.verify.check_epoch_key`).
    """

    raw: bytes
    hash: bytes = field(init=False, repr=False, compare=False)
    _parsed: hpke.MLKEM768X25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.raw) != EPOCH_KEY:
            raise BadKey("bad-epoch-key", f"an epoch key has {EPOCH_KEY} bytes")
        try:
            parsed = hpke.MLKEM768X25519PublicKey(
                mlkem.MLKEM768PublicKey.from_public_bytes(self.raw[:MLKEM_KEY]),
                x25519.X25519PublicKey.from_public_bytes(self.raw[MLKEM_KEY:]),
            )
        except ValueError:
            raise BadKey("bad-epoch-key", "an epoch key does not parse") from None
        object.__setattr__(self, "hash", hashlib.sha256(self.raw).digest())
        object.__setattr__(self, "_parsed", parsed)

    def seal(self, content: bytes, info: bytes) -> bytes:
        """Return enc ‖ ciphertext: 1136 bytes more than the content, so 1168 for a content key.

        Raises BadKey `bad-epoch-key` when the X25519 half is of low order.
        """
        try:
            return SUITE.encrypt(content, self._parsed, info)
        except ValueError:
            raise BadKey("bad-epoch-key", "an epoch key gives an all-zero secret") from None
