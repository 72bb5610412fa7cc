"""Opening an alert: stanza, parts and padding (docs/spec/envelope.md, "Opening" 8). Member side only.

The server cannot import this module (a contract in CI, and a test in a fresh interpreter). It opens what the caller has
already verified: signatures, policy, ciphertext hashes and leaf path come first (`exchange/client/verify.py`).
"""

import hashlib
from collections.abc import Iterable, Iterator

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from keys.errors import OpenError
from keys.kem import CONTENT_KEY, EPOCH_SEED, STANZA, SUITE, EpochPublicKey
from keys.seal import LENGTH_PREFIX, padded_length
from keys.stanza import content_context, stanza_info

_MLKEM_SEED = 64  # bytes of the expanded seed that are ML-KEM's; the other 32 are the X25519 scalar


# -- epoch keys ------------------------------------------------------------------------------------


def expand_seed(seed: bytes) -> tuple[mlkem.MLKEM768PrivateKey, x25519.X25519PrivateKey]:
    """Expand a 32-byte seed with SHAKE-256 to both private keys, as X-Wing's key generation does."""
    if len(seed) != EPOCH_SEED:
        raise ValueError(f"an epoch seed has {EPOCH_SEED} bytes")
    expanded = hashlib.shake_256(seed).digest(_MLKEM_SEED + 32)
    return (
        mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED]),
        x25519.X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED:]),
    )


def epoch_public(seed: bytes) -> EpochPublicKey:
    """Return the public key of a 32-byte epoch seed. Raises ValueError for a wrong length."""
    post_quantum, classical = expand_seed(seed)
    return EpochPublicKey(post_quantum.public_key().public_bytes_raw() + classical.public_key().public_bytes_raw())


# -- stanzas ---------------------------------------------------------------------------------------


def open_stanza(seed: bytes, stanza: bytes, *, core_hash: bytes, parts_digest: bytes, stanza_id: bytes) -> bytes:
    """Return the 32-byte content key from this device's stanza (1168 bytes), with the epoch seed of its week.

    The info binds core, parts and stanza id (32 raw bytes each), so a stanza moved to another alert does not open.
    Raises OpenError `stanza-invalid`, or `stanza-empty` when the author found no usable key of this device.
    """
    if not stanza:
        raise OpenError("stanza-empty", "the alert was not sealed to a key of this device")
    if len(stanza) != STANZA:
        raise OpenError("stanza-invalid", f"a stanza has {STANZA} bytes")
    key = hpke.MLKEM768X25519PrivateKey(*expand_seed(seed))
    try:
        content_key = SUITE.decrypt(stanza, key, stanza_info(core_hash, parts_digest, stanza_id))
    except (InvalidTag, ValueError):
        raise OpenError("stanza-invalid", "the stanza does not open with this device's key") from None
    if len(content_key) != CONTENT_KEY:
        raise OpenError("stanza-invalid", "the stanza holds something else than a content key")
    return content_key


# -- parts -----------------------------------------------------------------------------------------


def unpad(data: bytes) -> bytes:
    """Return the plaintext of a padded part. Raises OpenError `padding-invalid`.

    The padded length must be the one rule's, and every byte of padding zero: nothing can hide there, and one plaintext
    has one padded form.
    """
    length = int.from_bytes(data[:LENGTH_PREFIX], "big")
    end = LENGTH_PREFIX + length
    if len(data) < end or len(data) != padded_length(length) or data.count(b"\x00", end) != len(data) - end:
        raise OpenError("padding-invalid", "the padding of a part is not as it must be")
    return data[LENGTH_PREFIX:end]


def decrypt_part(content_key: bytes, core_hash: bytes, index: int, ciphertext: bytes) -> bytes:
    """Return the plaintext of part `index`, unpadded. Raises OpenError `part-invalid` or `padding-invalid`."""
    decryptor = _decryptor(content_key, core_hash, index)
    try:
        data = decryptor.update(ciphertext) + decryptor.finalize()
    except (InvalidTag, ValueError):
        raise OpenError("part-invalid", "a part does not open: it was altered, cut or belongs elsewhere") from None
    return unpad(data)


def decrypt_part_stream(content_key: bytes, core_hash: bytes, index: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the plaintext of part `index` from ciphertext pieces of any size.

    Each piece yielded is authentic, but whether the part is *whole* is known only when the iterator ends without an
    error: keep what it yields in a temporary place until then. Raises OpenError `part-invalid` or `padding-invalid`.
    """
    decryptor = _decryptor(content_key, core_hash, index)
    prefix, length, seen = b"", -1, 0

    def strip(data: bytes) -> bytes:
        """Take the length prefix off, check the padding, return what is content."""
        nonlocal prefix, length, seen
        if length < 0:
            prefix += data
            if len(prefix) < LENGTH_PREFIX:
                return b""
            length, data = int.from_bytes(prefix[:LENGTH_PREFIX], "big"), prefix[LENGTH_PREFIX:]
        content = data[: max(0, length - seen)]
        padding = data[len(content) :]
        seen += len(data)
        if padding.count(b"\x00") != len(padding):
            raise OpenError("padding-invalid", "the padding of a part is not as it must be")
        return content

    try:
        for piece in pieces:
            if content := strip(decryptor.update(piece)):
                yield content
        if content := strip(decryptor.finalize()):
            yield content
    except (InvalidTag, ValueError):
        raise OpenError("part-invalid", "a part does not open: it was altered, cut or belongs elsewhere") from None
    if length < 0 or LENGTH_PREFIX + seen != padded_length(length):
        raise OpenError("padding-invalid", "the padding of a part is not as it must be")


def _decryptor(content_key: bytes, core_hash: bytes, index: int) -> Cobblestone256Decryptor:
    if len(content_key) != CONTENT_KEY:
        raise OpenError("part-invalid", f"a content key has {CONTENT_KEY} bytes")
    return Cobblestone256Decryptor(content_key, content_context(core_hash, index))
