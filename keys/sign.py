"""Signing statements (docs/spec/statements.md, "Envelope"). Private keys of registrars, devices and the exchange.

`Signer` is what a hardware token or an agent implements; `SoftwareSigner` holds the two seeds in memory. A
representation never shows a secret. Which kind takes which scheme is the caller's rule; this module signs what it
is told to, so whoever calls it has shown the statement to its owner. Log keys sign in `keys.note`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from os import urandom
from typing import Any, Literal, Protocol

from cryptography.hazmat.primitives.asymmetric import mldsa
from nacl.signing import SigningKey

from keys.encoding import encode
from keys.envelope import Envelope, Signature
from keys.errors import SignatureError
from keys.verify import SigningPublicKey, StatementPublicKey

SEED = 32  # bytes of an Ed25519 or ML-DSA seed

Scheme = Literal["hybrid", "ed25519"]


class Signer(Protocol):
    """The private half of a signing key; both halves sign the message as it is."""

    @property
    def public(self) -> SigningPublicKey:
        """The public half."""
        ...

    def sign_ed25519(self, message: bytes) -> bytes:
        """Return 64 bytes, RFC 8032 Ed25519."""
        ...

    def sign_hybrid(self, message: bytes) -> tuple[bytes, bytes]:
        """Return (Ed25519, 64 bytes; ML-DSA-65 with empty context, hedged, 3309 bytes)."""
        ...


@dataclass(frozen=True, slots=True)
class SoftwareSigner:
    """A signing key in memory, from two independent 32-byte seeds. Raises ValueError for a wrong length."""

    ed25519_seed: bytes = field(repr=False)
    mldsa65_seed: bytes = field(repr=False)
    public: SigningPublicKey = field(init=False, compare=False)
    _ed25519: SigningKey = field(init=False, repr=False, compare=False)
    _mldsa65: mldsa.MLDSA65PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.ed25519_seed) != SEED or len(self.mldsa65_seed) != SEED:
            raise ValueError(f"a seed has {SEED} bytes")
        ed25519 = SigningKey(self.ed25519_seed)
        mldsa65 = mldsa.MLDSA65PrivateKey.from_seed_bytes(self.mldsa65_seed)
        object.__setattr__(self, "_ed25519", ed25519)
        object.__setattr__(self, "_mldsa65", mldsa65)
        public = SigningPublicKey(bytes(ed25519.verify_key), mldsa65.public_key().public_bytes_raw())
        object.__setattr__(self, "public", public)

    @classmethod
    def generate(cls, random: Callable[[int], bytes] = urandom) -> "SoftwareSigner":
        """Make a new key; `random(n)` gives n secret bytes."""
        return cls(random(SEED), random(SEED))

    def sign_ed25519(self, message: bytes) -> bytes:
        """Return the Ed25519 signature, 64 bytes."""
        return self._ed25519.sign(message).signature

    def sign_hybrid(self, message: bytes) -> tuple[bytes, bytes]:
        """Return (Ed25519, ML-DSA-65) over the same bytes."""
        return self.sign_ed25519(message), self._mldsa65.sign(message)

    def __reduce__(self) -> Any:
        raise TypeError("a private key is not pickled")


@dataclass(frozen=True, slots=True)
class StatementSigner:
    """The exchange's statement key in memory, from a 32-byte seed. Raises ValueError for a wrong length."""

    seed: bytes = field(repr=False)
    public: StatementPublicKey = field(init=False, compare=False)
    _key: SigningKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED:
            raise ValueError(f"a seed has {SEED} bytes")
        key = SigningKey(self.seed)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "public", StatementPublicKey(bytes(key.verify_key)))

    @classmethod
    def generate(cls, random: Callable[[int], bytes] = urandom) -> "StatementSigner":
        """Make a new key; `random(n)` gives n secret bytes."""
        return cls(random(SEED))

    def sign_ed25519(self, message: bytes) -> bytes:
        """Return the Ed25519 signature, 64 bytes."""
        return self._key.sign(message).signature

    def __reduce__(self) -> Any:
        raise TypeError("a private key is not pickled")


def sign_statement(
    kind: str, body: bytes | dict[str, Any], signer: Signer | StatementSigner, *, scheme: Scheme = "hybrid"
) -> Envelope:
    """Return the envelope of one statement with one signer's lines; a body given as a value is encoded first.

    Raises EnvelopeError for a bad kind or a body of more than 65,536 bytes, EncodingError for a value outside strict
    JSON, SignatureError `signature-wrong-kind` when the exchange's key, which has one half, is to sign hybrid.
    """
    data = encode(body) if isinstance(body, dict) else body
    return add_signature(Envelope(kind, data, ()), signer, scheme=scheme)


def add_signature(envelope: Envelope, signer: Signer | StatementSigner, *, scheme: Scheme = "hybrid") -> Envelope:
    """Return the envelope with this signer's lines added in order.

    Raises SignatureError `signed-already` when a line of this key is there, `signature-wrong-kind` as `sign_statement`.
    """
    public = signer.public
    if public.key_id in envelope.signer_ids:
        raise SignatureError("signed-already", "this key has signed this statement")
    if scheme == "ed25519":
        lines = [Signature(f"{public.key_id}:ed25519", signer.sign_ed25519(envelope.pae))]
    else:
        if isinstance(signer, StatementSigner):
            raise SignatureError("signature-wrong-kind", "the exchange's statement key signs with Ed25519 only")
        ed25519, mldsa65 = signer.sign_hybrid(envelope.pae)
        lines = [Signature(f"{public.key_id}:ed25519", ed25519), Signature(f"{public.key_id}:mldsa65", mldsa65)]
    merged = tuple(sorted((*envelope.signatures, *lines), key=lambda line: line.keyid))
    return Envelope(envelope.kind, envelope.body, merged)
