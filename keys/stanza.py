"""The stanza pack and the audience tree: pure hashing (docs/spec/envelope.md, "Sealing" 3, 4, 6 to 8, and "Absence").

Publisher, server, approvers, readers and auditors all compute the same root with this module; it holds no key and opens
nothing. A stanza here is opaque bytes: 1168, or none for a device without a usable key.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from keys.errors import EncodingError, OpenError
from keys.kem import STANZA
from keys.labels import Use, ds

TAG = 8  # bytes
STANZA_ID = 32  # bytes
SUMMARY = STANZA_ID + TAG + 32  # 72 bytes a leaf in the leaf list
MAX_DEPTH = 20
MAX_LEAVES = 2**MAX_DEPTH
NO_BUNDLE = bytes(32)  # stands for the key's hash when a device never published

_HEAD = STANZA_ID + TAG + 2  # bytes before a stanza in the pack
_STANZA_ID_LABEL = ds(Use.STANZA_ID)
_TAG_LABEL = ds(Use.TAG)
_STANZA_LABEL = ds(Use.STANZA)
_ATTACHMENT_LABEL = ds(Use.ATTACHMENT)
_CONTENT_LABEL = ds(Use.CONTENT)
_sha256 = hashlib.sha256


def _filler() -> tuple[bytes, ...]:
    """Roots of the all-filler subtrees of depth 0 to 20, so that filling to a power of two costs nothing."""
    roots = [_sha256(b"\x00").digest()]
    for _ in range(MAX_DEPTH):
        roots.append(_sha256(b"\x01" + roots[-1] + roots[-1]).digest())
    return tuple(roots)


_FILLER = _filler()


# -- parts and stanzas -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PartDigest:
    """Length in bytes and SHA-256 (raw) of one ciphertext, or of a plain part of CLEAR."""

    length: int
    sha256: bytes

    @classmethod
    def of(cls, ciphertext: bytes) -> "PartDigest":
        """The digest of these bytes."""
        return cls(len(ciphertext), _sha256(ciphertext).digest())


def parts_digest(parts: Iterable[PartDigest]) -> bytes:
    """SHA-256 of SHA-256(ciphertext) ‖ 8-byte length, for each part in order."""
    return _sha256(b"".join(part.sha256 + part.length.to_bytes(8, "big") for part in parts)).digest()


def content_context(core_hash: bytes, index: int) -> bytes:
    """Context of part `index`'s chunked encryption: DS(content) ‖ core hash ‖ 4-byte index."""
    return _CONTENT_LABEL + core_hash + index.to_bytes(4, "big")


def attachment_binding(plain_hash: bytes) -> bytes:
    """What an attachment with a key of its own is bound to, in the core hash's place: SHA-256(DS(attachment) ‖ its SHA-256)."""
    return _sha256(_ATTACHMENT_LABEL + plain_hash).digest()


def stanza_info(core_hash: bytes, parts: bytes, identifier: bytes) -> bytes:
    """HPKE info: DS(stanza) ‖ core hash ‖ parts digest ‖ stanza id; binds a stanza to all three."""
    return _STANZA_LABEL + core_hash + parts + identifier


def stanza_id(device_id: bytes, week: int, key_hash: bytes) -> bytes:
    """SHA-256(DS(stanza-id) ‖ device id (16) ‖ week (4) ‖ key hash (32)); 32 bytes.

    For a device without a usable key, `key_hash` is its last bundle's statement id, or `NO_BUNDLE`.
    """
    return _sha256(_STANZA_ID_LABEL + device_id + week.to_bytes(4, "big") + key_hash).digest()


def alert_tag(shared: bytes, alert_id: bytes, version: int) -> bytes:
    """First 8 bytes of HMAC-SHA256(X25519 secret, DS(tag) ‖ alert id (16) ‖ version (4))."""
    return hmac.digest(shared, _TAG_LABEL + alert_id + version.to_bytes(4, "big"), "sha256")[:TAG]


def inner_hash(identifier: bytes, stanza: bytes) -> bytes:
    """SHA-256(stanza id ‖ SHA-256(stanza)): what a neighbour shows instead of its stanza."""
    return _sha256(identifier + _sha256(stanza).digest()).digest()


def leaf_hash(tag: bytes, inner: bytes) -> bytes:
    """SHA-256(0x00 ‖ tag ‖ inner)."""
    return _sha256(b"\x00" + tag + inner).digest()


# -- the pack and the leaf list --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PackLeaf:
    """One device's leaf with its stanza (1168 bytes, or empty without a usable key)."""

    stanza_id: bytes
    tag: bytes
    stanza: bytes

    def summary(self) -> "LeafSummary":
        """The leaf without its stanza."""
        return LeafSummary(self.stanza_id, self.tag, _sha256(self.stanza).digest())

    def leaf_hash(self) -> bytes:
        """The leaf's hash in the audience tree."""
        return leaf_hash(self.tag, inner_hash(self.stanza_id, self.stanza))


@dataclass(frozen=True, slots=True)
class LeafSummary:
    """One leaf for those who recompute the audience: stanza id, tag and SHA-256 of the stanza; 72 bytes."""

    stanza_id: bytes
    tag: bytes
    stanza_hash: bytes

    @property
    def keyless(self) -> bool:
        """Whether the stanza is empty."""
        return self.stanza_hash == EMPTY_STANZA_HASH

    @property
    def inner(self) -> bytes:
        """SHA-256(stanza id ‖ stanza hash)."""
        return _sha256(self.stanza_id + self.stanza_hash).digest()

    def leaf_hash(self) -> bytes:
        """The leaf's hash in the audience tree."""
        return leaf_hash(self.tag, self.inner)

    def encode(self) -> bytes:
        """stanza id ‖ tag ‖ stanza hash."""
        return self.stanza_id + self.tag + self.stanza_hash


EMPTY_STANZA_HASH = _sha256(b"").digest()


def build_pack(leaves: Iterable[PackLeaf]) -> bytes:
    """Return the pack: leaves sorted by tag, each stanza id ‖ tag ‖ 2-byte length ‖ stanza.

    Raises EncodingError `empty-audience`, `too-many-leaves`, `equal-tags` (take a new ephemeral key), `bad-pack`.
    """
    ordered = sorted(leaves, key=lambda leaf: leaf.tag)
    _check_count(len(ordered))
    if any(a.tag == b.tag for a, b in pairwise(ordered)):
        raise EncodingError("equal-tags", "two leaves have the same tag")
    if any(
        len(leaf.stanza_id) != STANZA_ID or len(leaf.tag) != TAG or len(leaf.stanza) not in (0, STANZA)
        for leaf in ordered
    ):
        raise EncodingError("bad-pack", "a leaf has fields of the wrong length")
    return b"".join(
        b"%b%b%b%b" % (leaf.stanza_id, leaf.tag, len(leaf.stanza).to_bytes(2, "big"), leaf.stanza) for leaf in ordered
    )


def parse_pack(data: bytes) -> tuple[PackLeaf, ...]:
    """Read a pack; the caller has bounded its size.

    Raises EncodingError `empty-audience`, `too-many-leaves`, `bad-pack` (truncated, trailing bytes, a stanza of another
    length than 0 or 1168), `pack-order` (not sorted by tag, or equal tags).
    """
    leaves: list[PackLeaf] = []
    offset, last = 0, b""
    while offset < len(data):
        start = offset + _HEAD
        if start > len(data):
            raise EncodingError("bad-pack", "the pack is truncated")
        length = data[start - 2] << 8 | data[start - 1]
        if length not in (0, STANZA):
            raise EncodingError("bad-pack", f"a stanza has {STANZA} bytes or none")
        end = start + length
        if end > len(data):
            raise EncodingError("bad-pack", "the pack is truncated")
        tag = data[offset + STANZA_ID : start - 2]
        if tag <= last:
            raise EncodingError("pack-order", "the pack is not sorted by tag, or two tags are equal")
        leaves.append(PackLeaf(data[offset : offset + STANZA_ID], tag, data[start:end]))
        offset, last = end, tag
        if len(leaves) > MAX_LEAVES:
            raise EncodingError("too-many-leaves", f"an audience has at most {MAX_LEAVES} leaves")
    _check_count(len(leaves))
    return tuple(leaves)


def encode_leaf_list(leaves: Iterable[LeafSummary]) -> bytes:
    """Return the binary leaf list, 72 bytes a leaf, in the order given (leaf order)."""
    return b"".join(leaf.encode() for leaf in leaves)


def parse_leaf_list(data: bytes) -> tuple[LeafSummary, ...]:
    """Read a leaf list. Raises EncodingError `empty-audience`, `too-many-leaves`, `bad-leaf-list`, `pack-order`."""
    if len(data) % SUMMARY:
        raise EncodingError("bad-leaf-list", f"the leaf list is not a multiple of {SUMMARY} bytes")
    _check_count(len(data) // SUMMARY)
    leaves = tuple(
        LeafSummary(data[i : i + 32], data[i + 32 : i + 40], data[i + 40 : i + 72])
        for i in range(0, len(data), SUMMARY)
    )
    if any(a.tag >= b.tag for a, b in pairwise(leaves)):
        raise EncodingError("pack-order", "the leaf list is not sorted by tag, or two tags are equal")
    return leaves


def _check_count(count: int) -> None:
    if count < 1:
        raise EncodingError("empty-audience", "an audience has at least one leaf")
    if count > MAX_LEAVES:
        raise EncodingError("too-many-leaves", f"an audience has at most {MAX_LEAVES} leaves")


# -- the audience tree -----------------------------------------------------------------------------


class AudienceTree:
    """All levels of one audience tree, so that many paths cost one computation.

    Leaves are filled with SHA-256(0x00) to a power of two; depth 0 is a single leaf. Raises EncodingError
    `empty-audience`, `too-many-leaves`.
    """

    __slots__ = ("_levels", "count", "depth", "root")

    def __init__(self, leaf_hashes: Sequence[bytes]) -> None:
        _check_count(len(leaf_hashes))
        self.count = len(leaf_hashes)
        self.depth = depth_of(self.count)
        level = list(leaf_hashes)
        self._levels: list[list[bytes]] = []
        for height in range(self.depth):
            if len(level) % 2:
                level.append(_FILLER[height])
            self._levels.append(level)
            pairs = iter(level)
            level = [_sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
        self.root = level[0]

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the siblings of leaf `index`, from the leaf upwards. Raises IndexError outside the leaves."""
        if not 0 <= index < self.count:
            raise IndexError("no such leaf")
        path = []
        for height, level in enumerate(self._levels):
            sibling = (index >> height) ^ 1
            path.append(level[sibling] if sibling < len(level) else _FILLER[height])
        return tuple(path)


def depth_of(count: int) -> int:
    """The depth of a tree of `count` ≥ 1 leaves."""
    return (count - 1).bit_length()


def audience_root(leaf_hashes: Sequence[bytes]) -> tuple[bytes, int]:
    """Return (root, depth) of the leaves' hashes in leaf order. Raises as `AudienceTree`."""
    tree = AudienceTree(leaf_hashes)
    return tree.root, tree.depth


def audience_path(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return one leaf's path; for many leaves keep an `AudienceTree`."""
    return AudienceTree(leaf_hashes).path(index)


def verify_path(root: bytes, depth: int, index: int, leaf: bytes, path: Sequence[bytes]) -> None:
    """Verify that `leaf` stands at `index`. Raises OpenError `path-invalid`.

    The path's length must equal the depth: a longer or shorter one could show an inner node as a leaf.
    """
    if not 0 <= depth <= MAX_DEPTH or len(path) != depth or not 0 <= index < 1 << depth:
        raise OpenError("path-invalid", "a path does not have the tree's depth, or the index is outside")
    node = leaf
    for height, sibling in enumerate(path):
        if len(sibling) != 32:
            raise OpenError("path-invalid", "a path consists of hashes of 32 bytes")
        pair = sibling + node if index >> height & 1 else node + sibling
        node = _sha256(b"\x01" + pair).digest()
    if not hmac.compare_digest(node, root):
        raise OpenError("path-invalid", "the path does not lead to the signed root")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A leaf that proves another's absence: index, tag (8), inner hash (32) and path, but not its stanza."""

    index: int
    tag: bytes
    inner: bytes
    path: tuple[bytes, ...]


def verify_absence(root: bytes, depth: int, tag: bytes, neighbours: Sequence[Neighbour]) -> None:
    """Verify that the tree of this root and depth has no leaf with `tag`.

    Two neighbours stand at adjacent indexes around the tag; or the first leaf lies above it; or a leaf below it has nothing
    but filling to its right. Who asks was not addressed, and so does not know the number of leaves, which is signed in the
    core; the filling proves the edge instead. Raises OpenError `path-invalid` or `absence-invalid`.
    """
    for leaf in neighbours:
        if len(leaf.tag) != TAG or len(leaf.inner) != 32:
            raise OpenError("absence-invalid", "a neighbour is malformed")
        verify_path(root, depth, leaf.index, leaf_hash(leaf.tag, leaf.inner), leaf.path)
    match neighbours:
        case [only] if only.index == 0 and tag < only.tag:
            return
        case [only] if only.tag < tag and _is_last(only):
            return
        case [left, right] if right.index == left.index + 1 and left.tag < tag < right.tag:
            return
    raise OpenError("absence-invalid", "the neighbours do not prove that there is no leaf")


def _is_last(leaf: Neighbour) -> bool:
    """Whether everything to the right of a leaf, whose path was verified, is filling."""
    return all(leaf.index >> height & 1 or sibling == _FILLER[height] for height, sibling in enumerate(leaf.path))
