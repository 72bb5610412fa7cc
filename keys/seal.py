"""Sealing an alert: padding, chunked encryption of the parts, stanzas and tags (docs/spec/envelope.md, "Sealing" 2,
4 to 8).

Member side only: it handles the content key. Decides nothing about recipients; the caller hands over every device
that the policy names, and signs what comes back. A bug here that left out a target would be seen: readers,
approvers and auditors recompute the audience root. HPKE holds the interpreter's lock, so large audiences use
processes (`SealPool`).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from os import urandom

import nacl.exceptions
from cryptography.cobblestone import Cobblestone256Encryptor
from nacl import bindings

from keys.encoding import b64u
from keys.errors import BadKey, EncodingError
from keys.kem import CONTENT_KEY, EpochPublicKey
from keys.stanza import (
    LeafSummary,
    PackLeaf,
    alert_tag,
    audience_root,
    build_pack,
    content_context,
    stanza_id,
    stanza_info,
)

MIN_PADDED = 4096  # bytes: below it, sizes tell nothing apart
LENGTH_PREFIX = 8  # bytes, big-endian
STREAM_PIECE = 262_144  # bytes of zeros written at once
POOL_FROM = 200  # targets; below it, one process is faster than handing out the work
POOL_PIECE = 64  # targets handed to a worker at once
# A collision of 64-bit tags is rare even for 2^20 leaves (2^-25); this many in a row mean that two scan keys are equal.
TAG_ATTEMPTS = 8

Random = Callable[[int], bytes]


# -- padding ---------------------------------------------------------------------------------------


def padme(length: int) -> int:
    """Round a length ≥ 2 up so that it leaks O(log log n) bits, at the cost of at most 12 per cent."""
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    if low_bits <= 0:
        return length
    mask = (1 << low_bits) - 1
    return (length + mask) & ~mask


def padded_length(length: int) -> int:
    """Bytes of the padded form of `length` plaintext bytes: max(4096, Padmé(8 + n))."""
    return max(MIN_PADDED, padme(LENGTH_PREFIX + length))


def padded(plaintext: bytes) -> bytes:
    """Return 8-byte big-endian length ‖ plaintext ‖ zeros. Never compressed: compression leaks what is alike."""
    return (len(plaintext).to_bytes(LENGTH_PREFIX, "big") + plaintext).ljust(padded_length(len(plaintext)), b"\x00")


# -- parts -----------------------------------------------------------------------------------------


def new_content_key(random: Random = urandom) -> bytes:
    """Return 32 fresh bytes: one content key for one version of one alert, never used again."""
    return random(CONTENT_KEY)


def encrypt_part(content_key: bytes, core_hash: bytes, index: int, plaintext: bytes) -> bytes:
    """Return the ciphertext of part `index` (0 is the content), padded first. Raises ValueError for a wrong key
    length."""
    encryptor = Cobblestone256Encryptor(_content_key(content_key), content_context(core_hash, index))
    return encryptor.update(padded(plaintext)) + encryptor.finalize()


def encrypt_part_stream(
    content_key: bytes, core_hash: bytes, index: int, length: int, pieces: Iterable[bytes]
) -> Iterator[bytes]:
    """Yield the ciphertext of part `index`, whose plaintext of `length` bytes comes in pieces of any size.

    The length stands in front, so it is known before. Raises ValueError when the pieces are longer or shorter (what was
    yielded until then is useless), or for a wrong key length.
    """
    encryptor = Cobblestone256Encryptor(_content_key(content_key), content_context(core_hash, index))
    yield encryptor.update(length.to_bytes(LENGTH_PREFIX, "big"))
    seen = 0
    for piece in pieces:
        seen += len(piece)
        if seen > length:
            break
        yield encryptor.update(piece)
    if seen != length:
        raise ValueError("the plaintext does not have the length given")
    zeros = padded_length(length) - LENGTH_PREFIX - length
    while zeros:
        count = min(zeros, STREAM_PIECE)
        yield encryptor.update(bytes(count))
        zeros -= count
    yield encryptor.finalize()


def _content_key(key: bytes) -> bytes:
    if len(key) != CONTENT_KEY:
        raise ValueError(f"a content key has {CONTENT_KEY} bytes")
    return key


# -- stanzas ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SealTarget:
    """One recipient device: id (16), week of core.at, scan key (32), epoch key (1216) or None, and its last bundle's
    statement id (32 raw bytes, or zeros), which stands in the stanza id when there is no usable key."""

    device_id: bytes
    week: int
    scan_key: bytes
    epoch_key: bytes | None
    last_bundle: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """What `sealed` in the body needs, the pack to upload, and the leaves in order for the publisher's own record."""

    pack: bytes = field(repr=False)
    root: bytes
    depth: int
    ephemeral: bytes
    leaves: tuple[LeafSummary, ...] = field(repr=False)

    @property
    def stanzas(self) -> int:
        """Number of leaves with a stanza (`core.stanzas`)."""
        return len(self.leaves) - self.keyless

    @property
    def keyless(self) -> int:
        """Number of leaves without one (`core.keyless`)."""
        return sum(leaf.keyless for leaf in self.leaves)


def _seal_piece(
    content_key: bytes, core_hash: bytes, parts: bytes, targets: Sequence[SealTarget]
) -> list[tuple[bytes, bytes]]:
    """Return (stanza id, stanza) for each target. Runs in a worker: top level, picklable arguments."""
    sealed = []
    for target in targets:
        if target.epoch_key is None:
            sealed.append((stanza_id(target.device_id, target.week, target.last_bundle), b""))
            continue
        try:
            key = EpochPublicKey(target.epoch_key)
            identifier = stanza_id(target.device_id, target.week, key.hash)
            sealed.append((identifier, key.seal(content_key, stanza_info(core_hash, parts, identifier))))
        except BadKey as error:
            raise BadKey(error.code, f"device {b64u(target.device_id)}: {error.message}") from None
    return sealed


def _tag_piece(secret: bytes, targets: Sequence[SealTarget], alert_id: bytes, version: int) -> list[bytes]:
    """Return the tag of each target. Runs in a worker as well."""
    tags = []
    for target in targets:
        try:
            shared = bindings.crypto_scalarmult(secret, target.scan_key)
        except (nacl.exceptions.RuntimeError, RuntimeError):  # libsodium's answer to an all-zero secret
            raise BadKey("bad-scan-key", f"device {b64u(target.device_id)}: a scan key is of low order") from None
        tags.append(alert_tag(shared, alert_id, version))
    return tags


class SealPool:
    """Warm worker processes for large audiences; a context manager. Start it early: a spawned worker takes a moment.

    The content key travels to the workers through the pool's pipes, between processes of one user. Workers are spawned,
    not forked: a fork would copy every secret of a threaded process.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._executor = ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"))

    def warm(self) -> None:
        """Start the workers and wait until each has imported this module."""
        list(self._executor.map(_seal_piece, *zip(*[(b"", b"", b"", ())] * self.workers, strict=True)))

    def seal(
        self, content_key: bytes, core_hash: bytes, parts: bytes, targets: Sequence[SealTarget]
    ) -> list[tuple[bytes, bytes]]:
        """`_seal_piece` over all targets, in order."""
        futures = [
            self._executor.submit(_seal_piece, content_key, core_hash, parts, piece) for piece in _pieces(targets)
        ]
        return [leaf for future in futures for leaf in future.result()]

    def tags(self, secret: bytes, targets: Sequence[SealTarget], alert_id: bytes, version: int) -> list[bytes]:
        """`_tag_piece` over all targets, in order."""
        futures = [self._executor.submit(_tag_piece, secret, piece, alert_id, version) for piece in _pieces(targets)]
        return [tag for future in futures for tag in future.result()]

    def close(self) -> None:
        """End the workers."""
        self._executor.shutdown(cancel_futures=True)

    def __enter__(self) -> "SealPool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _pieces(targets: Sequence[SealTarget]) -> Iterator[Sequence[SealTarget]]:
    for start in range(0, len(targets), POOL_PIECE):
        yield targets[start : start + POOL_PIECE]


def seal_stanzas(
    content_key: bytes,
    core_hash: bytes,
    parts_digest: bytes,
    targets: Sequence[SealTarget],
    alert_id: bytes,
    version: int,
    *,
    pool: SealPool | None = None,
    random: Random = urandom,
) -> Sealed:
    """Seal the content key to every target and build pack and audience tree.

    core hash and parts digest are 32 raw bytes, the alert id 16. `random` gives the ephemeral secret; only test vectors
    pass another source (HPKE draws its own randomness). The ephemeral secret is forgotten here: it would let anyone
    compute who was addressed.

    Raises BadKey when a target's key is unusable (naming the device), EncodingError `empty-audience`,
    `too-many-leaves`, or `equal-tags` when two targets have one scan key; ValueError for a wrong key length.
    """
    _content_key(content_key)
    pooled = pool if pool is not None and len(targets) >= POOL_FROM else None
    if pooled is None:
        stanzas = _seal_piece(content_key, core_hash, parts_digest, targets)
    else:
        stanzas = pooled.seal(content_key, core_hash, parts_digest, targets)
    for _ in range(TAG_ATTEMPTS):
        secret = random(32)
        if pooled is None:
            tags = _tag_piece(secret, targets, alert_id, version)
        else:
            tags = pooled.tags(secret, targets, alert_id, version)
        if len(set(tags)) == len(tags):
            break
    else:
        raise EncodingError("equal-tags", "two devices have the same scan key")
    pairs = zip(stanzas, tags, strict=True)
    leaves = sorted((PackLeaf(i, tag, stanza) for (i, stanza), tag in pairs), key=lambda leaf: leaf.tag)
    pack = build_pack(leaves)
    root, depth = audience_root([leaf.leaf_hash() for leaf in leaves])
    ephemeral = bindings.crypto_scalarmult_base(secret)
    return Sealed(pack, root, depth, ephemeral, tuple(leaf.summary() for leaf in leaves))
