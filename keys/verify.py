"""Public keys and the verification of signatures.

Spec: docs/spec/statements.md, "Envelope" 8 and "Signers"; docs/spec/encoding.md, "Keys in JSON".

Verification demands *exactly* the required lines: a missing one, an extra one and a line of the wrong algorithm are
refused before any curve is touched. Ed25519 is libsodium's everywhere, because OpenSSL accepts signatures that
libsodium refuses and a log needs one verdict. Which signers a kind requires, and whether they are in force, is
decided elsewhere. No private keys.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import nacl.exceptions
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa
from nacl import bindings
from nacl.signing import VerifyKey

from keys.encoding import b64u, encode, fingerprint, unb64u, unhex32
from keys.envelope import Envelope, pae, payload_type
from keys.errors import BadKey, EncodingError, SignatureError
from keys.kem import CONTENT_KEY, EpochPublicKey
from keys.labels import Use, ds

ED25519_KEY = 32  # bytes
MLDSA65_KEY = 1952  # bytes
MLDSA44_KEY = 1312  # bytes
SCAN_KEY = 32  # bytes
KEY_CACHE = 4096  # parsed ML-DSA keys kept, a few KiB each

_FIXED_SCALAR = b"\x01" * 32  # any clamped scalar kills a point of low order
_CURVE25519_PRIME = 2**255 - 19


Line = tuple[Literal["ed25519", "mldsa65"], bytes, bytes]
"""A signature to verify: its algorithm, the raw public key, the signature."""


@dataclass(frozen=True, slots=True)
class SigningPublicKey:
    """A registrar's or device's signing key: both halves. Raises BadKey `bad-signing-key` for a wrong length.

    The key id is the hash of both, so that half a verification cannot be configured.
    """

    ed25519: bytes
    mldsa65: bytes
    key_id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.ed25519) != ED25519_KEY or len(self.mldsa65) != MLDSA65_KEY:
            raise BadKey("bad-signing-key", f"a signing key has {ED25519_KEY} and {MLDSA65_KEY} bytes")
        digest = hashlib.sha256(ds(Use.SIGNING_KEY_ID) + self.ed25519 + self.mldsa65).hexdigest()
        object.__setattr__(self, "key_id", digest)

    def __repr__(self) -> str:
        return f"SigningPublicKey({self.key_id})"

    def to_json(self) -> dict[str, str]:
        """`{"ed25519": bytes(32), "mldsa65": bytes(1952)}`."""
        return {"ed25519": b64u(self.ed25519), "mldsa65": b64u(self.mldsa65)}

    @classmethod
    def from_json(cls, obj: Any) -> "SigningPublicKey":
        """Read a key without checking its points (`check_signing_key`). Raises BadKey `bad-signing-key`."""
        return cls(*_halves(obj, "bad-signing-key", ed25519=ED25519_KEY, mldsa65=MLDSA65_KEY))


@dataclass(frozen=True, slots=True)
class StatementPublicKey:
    """The exchange's own statement key, Ed25519 only. Raises BadKey `bad-statement-key` for a wrong length."""

    ed25519: bytes
    key_id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.ed25519) != ED25519_KEY:
            raise BadKey("bad-statement-key", f"a statement key has {ED25519_KEY} bytes")
        object.__setattr__(self, "key_id", hashlib.sha256(ds(Use.STATEMENT_KEY_ID) + self.ed25519).hexdigest())

    def to_json(self) -> str:
        """`bytes(32)`."""
        return b64u(self.ed25519)

    @classmethod
    def from_json(cls, obj: Any) -> "StatementPublicKey":
        """Read a key without checking its point. Raises BadKey `bad-statement-key`."""
        try:
            return cls(unb64u(obj, length=ED25519_KEY))
        except EncodingError as error:
            raise BadKey("bad-statement-key", error.message) from None


@dataclass(frozen=True, slots=True)
class LogPublicKey:
    """A log's two keys: Ed25519 for the note line, ML-DSA-44 for the cosignature. Raises BadKey `bad-log-key`."""

    ed25519: bytes
    mldsa44: bytes

    def __post_init__(self) -> None:
        if len(self.ed25519) != ED25519_KEY or len(self.mldsa44) != MLDSA44_KEY:
            raise BadKey("bad-log-key", f"a log key has {ED25519_KEY} and {MLDSA44_KEY} bytes")

    def to_json(self) -> dict[str, str]:
        """`{"ed25519": bytes(32), "mldsa44": bytes(1312)}`."""
        return {"ed25519": b64u(self.ed25519), "mldsa44": b64u(self.mldsa44)}

    @classmethod
    def from_json(cls, obj: Any) -> "LogPublicKey":
        """Read a key without checking its points (`check_log_key`). Raises BadKey `bad-log-key`."""
        return cls(*_halves(obj, "bad-log-key", ed25519=ED25519_KEY, mldsa44=MLDSA44_KEY))


def _halves(obj: Any, code: str, **lengths: int) -> list[bytes]:
    if not isinstance(obj, dict) or obj.keys() != lengths.keys():
        raise BadKey(code, f"a key has exactly {' and '.join(lengths)}")
    try:
        return [unb64u(obj[name], length=length) for name, length in lengths.items()]
    except EncodingError as error:
        raise BadKey(code, error.message) from None


# -- checks at enrolment ---------------------------------------------------------------------------


def check_ed25519(key: bytes) -> bytes:
    """Return the key when it is a canonical point of the prime-order group, else raise BadKey `bad-ed25519-key`.

    A point of small or mixed order would let one signature verify for several keys or messages.
    """
    if len(key) != ED25519_KEY or not bindings.crypto_core_ed25519_is_valid_point(key):
        raise BadKey("bad-ed25519-key", "an Ed25519 key is not a canonical point of the prime-order group")
    return key


def check_signing_key(key: SigningPublicKey) -> SigningPublicKey:
    """Return a signing key whose halves are both valid. Raises BadKey `bad-ed25519-key` or `bad-mldsa-key`."""
    check_ed25519(key.ed25519)
    _mldsa65(key.mldsa65)
    return key


def check_log_key(key: LogPublicKey) -> LogPublicKey:
    """Return a log key whose halves are both valid. Raises BadKey `bad-ed25519-key` or `bad-mldsa-key`."""
    check_ed25519(key.ed25519)
    mldsa44_key(key.mldsa44)
    return key


def check_statement_key(key: StatementPublicKey) -> StatementPublicKey:
    """Return a valid statement key. Raises BadKey `bad-ed25519-key`."""
    check_ed25519(key.ed25519)
    return key


def check_scan_key(raw: bytes) -> bytes:
    """Return a 32-byte X25519 key that is canonical and gives a non-zero secret. Raises BadKey `bad-scan-key`.

    A low-order key would make the tag the same for every alert; another encoding of one key would be enrolled twice.
    """
    if len(raw) != SCAN_KEY or int.from_bytes(raw, "little") >= _CURVE25519_PRIME:
        raise BadKey("bad-scan-key", "a scan key is not 32 bytes in canonical form")
    try:
        secret = bindings.crypto_scalarmult(_FIXED_SCALAR, raw)
    except nacl.exceptions.CryptoError:  # libsodium's answer to an all-zero secret
        raise BadKey("bad-scan-key", "a scan key is of low order") from None
    if secret == bytes(32):  # should a build of libsodium not refuse it
        raise BadKey("bad-scan-key", "a scan key is of low order")
    return raw


def check_epoch_key(raw: bytes) -> EpochPublicKey:
    """Return the parsed 1216-byte epoch key after a trial seal. Raises BadKey `bad-epoch-key`.

    Without it one bad key would stop every publisher who must seal to that device.
    """
    key = EpochPublicKey(raw)
    key.seal(bytes(CONTENT_KEY), b"")
    return key


@lru_cache(maxsize=KEY_CACHE)
def _mldsa65(raw: bytes) -> mldsa.MLDSA65PublicKey:
    try:
        return mldsa.MLDSA65PublicKey.from_public_bytes(raw)
    except ValueError:
        raise BadKey("bad-mldsa-key", "an ML-DSA-65 key does not parse") from None


@lru_cache(maxsize=64)
def mldsa44_key(raw: bytes) -> mldsa.MLDSA44PublicKey:
    """Return the parsed ML-DSA-44 key of a log or witness. Raises BadKey `bad-mldsa-key`."""
    try:
        return mldsa.MLDSA44PublicKey.from_public_bytes(raw)
    except ValueError:
        raise BadKey("bad-mldsa-key", "an ML-DSA-44 key does not parse") from None


# -- signatures ------------------------------------------------------------------------------------


def verify_ed25519_bytes(key: bytes, message: bytes, signature: bytes) -> None:
    """Verify one Ed25519 signature with libsodium. Raises SignatureError `signature-invalid`."""
    try:
        VerifyKey(key).verify(message, signature)
    except (nacl.exceptions.BadSignatureError, ValueError):  # the latter for keys and signatures of another length
        raise SignatureError("signature-invalid", "an Ed25519 signature does not verify") from None


def verify_mldsa65_bytes(key: bytes, message: bytes, signature: bytes) -> None:
    """Verify one ML-DSA-65 signature, empty context. Raises SignatureError `signature-invalid`."""
    try:
        _mldsa65(key).verify(signature, message)
    except (InvalidSignature, BadKey):
        raise SignatureError("signature-invalid", "an ML-DSA-65 signature does not verify") from None


def _exact_lines(envelope: Envelope, required: Iterable[str]) -> dict[str, bytes]:
    """Return signature bytes by keyid when the lines are exactly the required ones, sorted. Raises SignatureError."""
    expected = set(required)
    present = [line.keyid for line in envelope.signatures]
    if any(a >= b for a, b in pairwise(present)):
        raise SignatureError("signature-order", "signature lines are not sorted by keyid, or one stands twice")
    known = {keyid[:64] for keyid in expected}
    for keyid in present:
        if keyid not in expected:
            if keyid[:64] in known:
                raise SignatureError("signature-wrong-kind", "a signer used an algorithm that this kind does not take")
            raise SignatureError("signature-extra", "there is a signature by a key that must not sign this")
    if len(present) != len(expected):
        raise SignatureError("signature-missing", "a required signature is missing")
    return {line.keyid: line.sig for line in envelope.signatures}


def hybrid_lines(envelope: Envelope, signers: Sequence[SigningPublicKey]) -> list[Line]:
    """The lines of a set that is exactly these distinct signers', with the keys that they must verify by: for whoever computes
    the signatures elsewhere, with `verify_line`. The cheap half of everyone stands first.

    Raises SignatureError `signature-missing` (also for an empty or repeating list of signers: two signatures of one key are not
    two signers), `signature-extra`, `signature-wrong-kind`, `signature-order`.
    """
    if not signers or len({key.key_id for key in signers}) != len(signers):
        raise SignatureError("signature-missing", "distinct signers are required")
    lines = _exact_lines(envelope, (f"{key.key_id}:{name}" for key in signers for name in ("ed25519", "mldsa65")))
    first: list[Line] = [("ed25519", key.ed25519, lines[f"{key.key_id}:ed25519"]) for key in signers]
    return first + [("mldsa65", key.mldsa65, lines[f"{key.key_id}:mldsa65"]) for key in signers]


def ed25519_lines(envelope: Envelope, signer: SigningPublicKey | StatementPublicKey) -> list[Line]:
    """The one line of a set that is exactly this signer's, Ed25519; raises as `hybrid_lines`."""
    keyid = f"{signer.key_id}:ed25519"
    return [("ed25519", signer.ed25519, _exact_lines(envelope, (keyid,))[keyid])]


def verify_line(message: bytes, line: Line) -> None:
    """Verify one signature over an envelope's PAE. Raises SignatureError `signature-invalid`."""
    algorithm, key, signature = line
    verify = verify_ed25519_bytes if algorithm == "ed25519" else verify_mldsa65_bytes
    verify(key, message, signature)


def verify_hybrid(envelope: Envelope, signers: Sequence[SigningPublicKey]) -> Envelope:
    """Verify that exactly these distinct signers signed, each with Ed25519 and ML-DSA-65, and nobody else.

    Returns the envelope. Raises SignatureError as `hybrid_lines`, and `signature-invalid`.
    """
    for line in hybrid_lines(envelope, signers):
        verify_line(envelope.pae, line)
    return envelope


def verify_ed25519(envelope: Envelope, signer: SigningPublicKey | StatementPublicKey) -> Envelope:
    """Verify that there is exactly one line, Ed25519, by this signer; returns and raises as `verify_hybrid`."""
    for line in ed25519_lines(envelope, signer):
        verify_line(envelope.pae, line)
    return envelope


# -- possession and fingerprints -------------------------------------------------------------------


def possession_message(
    *, exchange: str, organisation: bytes, person: bytes, device: bytes, signing: SigningPublicKey, scan: bytes
) -> bytes:
    """Return what a device signs to prove that it holds its keys: exchange id in hex, ids of 16 bytes, scan key of 32.

    Binding the person and the organisation stops an administrator from enrolling another's device as its own.
    """
    unhex32(exchange)
    body = encode(
        {
            "device": b64u(device),
            "exchange": exchange,
            "organisation": b64u(organisation),
            "person": b64u(person),
            "scan": b64u(scan),
            "signing": signing.to_json(),
        }
    )
    return pae(payload_type("device.possess"), body)


def verify_possession(
    *,
    exchange: str,
    organisation: bytes,
    person: bytes,
    device: bytes,
    signing: SigningPublicKey,
    scan: bytes,
    ed25519: bytes,
    mldsa65: bytes,
) -> None:
    """Verify a device's proof of possession: both signatures over `possession_message`.

    Raises SignatureError `signature-invalid`.
    """
    message = possession_message(
        exchange=exchange, organisation=organisation, person=person, device=device, signing=signing, scan=scan
    )
    verify_ed25519_bytes(signing.ed25519, message, ed25519)
    verify_mldsa65_bytes(signing.mldsa65, message, mldsa65)


def device_fingerprint(signing_key_id: str, scan: bytes) -> str:
    """The 12 groups of 5 digits that officer and administrator compare before a device is enrolled."""
    return fingerprint(unhex32(signing_key_id) + scan)


def witness_fingerprint(key: LogPublicKey) -> str:
    """The 12 groups of 5 digits that registrars compare with a witness's operator before it is named; both keys are in it."""
    return fingerprint(key.ed25519 + key.mldsa44)


def exchange_fingerprint(exchange_id: str) -> str:
    """The 12 groups of 5 digits by which a member knows that it joined the right exchange."""
    return fingerprint(unhex32(exchange_id))
