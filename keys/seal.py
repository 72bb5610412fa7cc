"""Sealing an alert: padding, chunked encryption of the parts, stanzas and tags.

Spec: docs/spec/envelope.md, "Sealing" 2 and 4 to 8.

Member side only: it handles the content key. Decides nothing about recipients; the caller hands over every device
that the policy names, and signs what comes back. A bug here that left out a target would be seen: readers,
approvers and auditors recompute the audience root. HPKE holds the interpreter's lock, so large audiences use
processes (`SealPool`).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from os import urandom

import nacl.exceptions
from cryptography.cobblestone import Cobblestone256Encryptor
from nacl import bindings

from keys.encoding import ID_BYTES, b64u
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
    """Return the ciphertext of part `index` (0 is the content), padded first; ValueError for a wrong key length."""
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


def shared_secret(secret: bytes, public: bytes) -> bytes:
    """X25519 of a 32-byte secret and a 32-byte public key, for tags. Raises BadKey `bad-scan-key` when it is zero.

    The lengths are checked here because PyNaCl's binding does not: a short key would be read beyond its end.
    """
    if len(secret) != 32 or len(public) != 32:
        raise BadKey("bad-scan-key", "an X25519 key has 32 bytes")
    try:
        return bindings.crypto_scalarmult(secret, public)
    except nacl.exceptions.CryptoError:  # libsodium's answer to an all-zero secret
        raise BadKey("bad-scan-key", "a scan key is of low order") from None


@dataclass(frozen=True, slots=True)
class SealTarget:
    """One recipient device: id (16), week of core.at, scan key (32), epoch key (1216) or None, and last bundle.

    The last bundle's statement id (32 raw bytes, or zeros) stands in the stanza id when there is no usable key.
    """

    device_id: bytes
    week: int
    scan_key: bytes
    epoch_key: bytes | None
    last_bundle: bytes

    def __post_init__(self) -> None:
        if len(self.device_id) != ID_BYTES or len(self.last_bundle) != 32:
            raise ValueError("a device id has 16 bytes, a bundle's statement id 32")


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


@dataclass(frozen=True, slots=True)
class _Work:
    """What is the same for every target of one alert version. Secret: content key and ephemeral secret."""

    content_key: bytes = field(repr=False)
    core_hash: bytes
    parts_digest: bytes
    ephemeral_secret: bytes = field(repr=False)
    alert_id: bytes
    version: int


def _stanza(work: _Work, target: SealTarget) -> tuple[bytes, bytes]:
    """Return (stanza id, stanza) of one target; the stanza is empty without a usable key."""
    if target.epoch_key is None:
        return stanza_id(target.device_id, target.week, target.last_bundle), b""
    try:
        key = EpochPublicKey(target.epoch_key)
        identifier = stanza_id(target.device_id, target.week, key.hash)
        return identifier, key.seal(work.content_key, stanza_info(work.core_hash, work.parts_digest, identifier))
    except BadKey as error:
        raise BadKey(error.code, f"device {b64u(target.device_id)}: {error.message}") from None


def _tag(work: _Work, target: SealTarget) -> bytes:
    try:
        shared = shared_secret(work.ephemeral_secret, target.scan_key)
    except BadKey as error:
        raise BadKey(error.code, f"device {b64u(target.device_id)}: {error.message}") from None
    return alert_tag(shared, work.alert_id, work.version)


def _seal_targets(work: _Work, targets: Sequence[SealTarget]) -> list[PackLeaf]:
    """Return the leaf of each target, in the targets' order. Runs in workers: top level, picklable arguments."""
    leaves = []
    for target in targets:
        identifier, stanza = _stanza(work, target)
        leaves.append(PackLeaf(identifier, _tag(work, target), stanza))
    return leaves


class SealPool:
    """Warm worker processes for large audiences; a context manager. Start it early: a spawned worker takes a moment.

    The content key travels to the workers through the pool's pipes, between processes of one user. Workers are spawned,
    not forked: a fork would copy every secret of a threaded process.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._executor = ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"))

    def warm(self) -> None:
        """Start the workers and wait until this module is imported in them."""
        nothing = _Work(b"", b"", b"", b"", b"", 0)
        for future in [self._executor.submit(_seal_targets, nothing, ()) for _ in range(self.workers)]:
            future.result()

    def seal(self, work: _Work, targets: Sequence[SealTarget]) -> list[PackLeaf]:
        """Seal all targets in pieces, in order."""
        pieces = (targets[start : start + POOL_PIECE] for start in range(0, len(targets), POOL_PIECE))
        futures = [self._executor.submit(_seal_targets, work, piece) for piece in pieces]
        return [leaf for future in futures for leaf in future.result()]

    def close(self) -> None:
        """End the workers."""
        self._executor.shutdown(cancel_futures=True)

    def __enter__(self) -> "SealPool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


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
    work = _Work(_content_key(content_key), core_hash, parts_digest, random(32), alert_id, version)
    seal = pool.seal if pool is not None and len(targets) >= POOL_FROM else _seal_targets
    leaves = seal(work, targets)
    for _ in range(TAG_ATTEMPTS):
        if len({leaf.tag for leaf in leaves}) == len(leaves):
            break
        # Stanzas do not depend on the ephemeral key, so only the tags are made again.
        work = replace(work, ephemeral_secret=random(32))
        leaves = [replace(leaf, tag=_tag(work, target)) for leaf, target in zip(leaves, targets, strict=True)]
    else:
        raise EncodingError("equal-tags", "two devices have the same scan key")
    leaves.sort(key=lambda leaf: leaf.tag)
    pack = build_pack(leaves)
    root, depth = audience_root([leaf.leaf_hash() for leaf in leaves])
    ephemeral = bindings.crypto_scalarmult_base(work.ephemeral_secret)
    return Sealed(pack, root, depth, ephemeral, tuple(leaf.summary() for leaf in leaves))
