"""Merkle trees of RFC 9162 section 2.1: hashes, proofs, their verification, and the right edge for appending.

A *node* is named (level, index): the root of the complete subtree over leaves [index * 2^level, (index + 1) * 2^level).
Whoever can read nodes can make every root and proof; where nodes are stored is not this module's business (see tiles).
Generating trusts the reader; verifying trusts nothing. Spec: docs/spec/logs.md, 1.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from exchange.tlog.errors import ProofError

HASH_BYTES = 32
MAX_PROOF_HASHES = 63
"""Hashes in one proof: the C2SP formats number at most 63 levels."""
MAX_TREE_SIZE = 2**63 - 1
"""Leaves: sizes travel as 64-bit signed integers in other implementations."""

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without leaves."""

NodeReader = Callable[[int, int], bytes]
"""(level, index) -> the 32-byte root of that complete subtree."""


def leaf_hash(entry: bytes) -> bytes:
    """32-byte hash of an entry's bytes as a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """32-byte hash of two children. The prefixes keep a node from being passed off as a leaf (second preimage)."""
    return sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two strictly below ``size`` (>= 2): where RFC 9162 splits a list of leaves."""
    return 1 << ((size - 1).bit_length() - 1)


def range_nodes(start: int, end: int) -> tuple[tuple[int, int], ...]:
    """The complete subtrees (level, index), left to right, that make up leaves [start, end) of a proof or a root.

    ``start`` must be a multiple of the largest power of two strictly below the length, as it is in every range that
    RFC 9162 names.
    """
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return tuple(nodes)


def range_root(read: NodeReader, start: int, end: int) -> bytes:
    """MTH of leaves [start, end), see `range_nodes`; `EMPTY_ROOT` for none."""
    if start == end:
        return EMPTY_ROOT
    return _fold([read(level, index) for level, index in range_nodes(start, end)])


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Root over complete subtrees given largest first: the smaller ones are joined first, from the right."""
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def inclusion_ranges(index: int, size: int) -> tuple[tuple[int, int], ...]:
    """Leaf ranges [start, end) whose roots are PATH(index, D[size]), the leaf's sibling first.

    Raises `ProofError` (``proof-index``) when the index is not below the size.
    """
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise ProofError("proof-index", f"there is no leaf {index} in a tree of {size}")
    ranges = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return tuple(reversed(ranges))


def consistency_ranges(old_size: int, new_size: int) -> tuple[tuple[int, int], ...]:
    """Leaf ranges [start, end) whose roots are PROOF(old_size, D[new_size]); none when old is 0 or equal to new.

    Raises `ProofError` (``proof-size``) when the old size exceeds the new one.
    """
    if not 0 <= old_size <= new_size <= MAX_TREE_SIZE:
        raise ProofError("proof-size", f"a tree of {old_size} is no earlier state of a tree of {new_size}")
    if old_size in (0, new_size):
        return ()
    ranges = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:  # else the subtree is the old tree itself, whose root the verifier knows
        ranges.append((start, end))
    return tuple(reversed(ranges))


def inclusion_proof(read: NodeReader, index: int, size: int) -> tuple[bytes, ...]:
    """The inclusion proof of leaf ``index`` in the tree of ``size`` leaves. Errors: see `inclusion_ranges`."""
    return tuple(range_root(read, start, end) for start, end in inclusion_ranges(index, size))


def consistency_proof(read: NodeReader, old_size: int, new_size: int) -> tuple[bytes, ...]:
    """The proof that the tree of ``new_size`` continues that of ``old_size``. Errors: see `consistency_ranges`."""
    return tuple(range_root(read, start, end) for start, end in consistency_ranges(old_size, new_size))


def _check_hashes(*hashes: bytes) -> None:
    if any(len(h) != HASH_BYTES for h in hashes):
        raise ProofError("proof-hash", f"every hash of a proof has {HASH_BYTES} bytes")


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return when ``proof`` shows that leaf hash ``leaf`` stands at ``index`` in the tree of ``size`` with ``root``.

    RFC 9162 section 2.1.3.2. Raises `ProofError`: ``proof-hash`` (a hash is not 32 bytes), ``proof-index`` (no such
    leaf), ``proof-length`` (too short or too long for that place), ``proof-root`` (leads to another root).
    """
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise ProofError("proof-index", f"there is no leaf {index} in a tree of {size}")
    fn, sn, computed = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            raise ProofError("proof-length", "the inclusion proof is too long")
        if fn & 1 or fn == sn:
            computed = node_hash(sibling, computed)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            computed = node_hash(computed, sibling)
        fn >>= 1
        sn >>= 1
    if sn != 0:
        raise ProofError("proof-length", "the inclusion proof is too short")
    if computed != root:
        raise ProofError("proof-root", "the inclusion proof leads to another root")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Return when ``proof`` shows that the new tree begins with all leaves of the old one.

    RFC 9162 section 2.1.4.2. From an old size of 0 nothing can be proven: the proof must be empty and the old root that
    of the empty tree. Raises `ProofError`: ``proof-hash``, ``proof-size`` (the new tree is smaller), ``proof-length``,
    ``proof-root`` (one of the roots is another: the log forked, or the proof is wrong).
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 <= old_size <= new_size <= MAX_TREE_SIZE:
        raise ProofError("proof-size", f"a tree of {new_size} does not continue a tree of {old_size}")
    if (old_size == 0 and old_root != EMPTY_ROOT) or (new_size == 0 and new_root != EMPTY_ROOT):
        raise ProofError("proof-root", "an empty tree has only one root")
    if old_size == new_size and old_root != new_root:
        raise ProofError("proof-root", f"two roots for the same size {new_size}: the log has forked")
    if bool(proof) == (old_size in (0, new_size)):
        raise ProofError(
            "proof-length", "a consistency proof is empty from size 0 and between equal sizes, and only then"
        )
    if proof:
        _check_growth(old_size, old_root, new_size, new_root, proof)


def _check_growth(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 section 2.1.4.2 for 0 < old size < new size."""
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if roots_of_path(old_size, new_size, path) != (old_root, new_root):
        raise ProofError("proof-root", "the consistency proof leads to other roots")


def roots_of_path(old_size: int, new_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots at 0 < old size < new size that a *whole* path leads to: a consistency proof that names its first node.

    RFC 9162 leaves that node out where it is the old root itself, which a verifier knows (old size a power of two); here
    it always stands. Raises `ProofError`: ``proof-hash``, ``proof-size``, ``proof-length``.
    """
    _check_hashes(*path)
    if not 0 < old_size < new_size <= MAX_TREE_SIZE:
        raise ProofError("proof-size", f"no path leads from a tree of {old_size} to one of {new_size}")
    if not path:
        raise ProofError("proof-length", "the consistency proof is too short")
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    old_computed = new_computed = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise ProofError("proof-length", "the consistency proof is too long")
        if fn & 1 or fn == sn:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            new_computed = node_hash(new_computed, sibling)
        fn >>= 1
        sn >>= 1
    if sn != 0:
        raise ProofError("proof-length", "the consistency proof is too short")
    return old_computed, new_computed


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: its size and the roots of its complete subtrees, largest first.

    Enough to append and to know the root, O(log n) in memory and per leaf. A value: extending makes a new one, so that
    a ledger that fails to commit has changed nothing.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, read: NodeReader, size: int) -> Self:
        """The frontier of a stored tree."""
        return cls(size, tuple(read(level, index) for level, index in range_nodes(0, size)))

    def extend(self, leaves: Iterable[bytes]) -> Self:
        """The frontier with these leaf hashes (32 bytes each) appended."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            joined = leaf
            carry = size
            while carry & 1:
                joined = node_hash(hashes.pop(), joined)
                carry >>= 1
            hashes.append(joined)
            size += 1
        return type(self)(size, tuple(hashes))

    def root(self) -> bytes:
        """Root of the tree; `EMPTY_ROOT` when it has no leaves."""
        return _fold(self.hashes) if self.hashes else EMPTY_ROOT
