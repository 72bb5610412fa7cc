"""RFC 9162 section 2.1 written down as its recursive definitions: the independent reference of these tests."""

from collections.abc import Sequence
from hashlib import sha256


def _split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(entries: Sequence[bytes]) -> bytes:
    """Merkle Tree Hash over entries (not leaf hashes)."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = _split(len(entries))
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """Inclusion proof of entry m."""
    if len(entries) == 1:
        return []
    k = _split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """Consistency proof from the first m entries to all, 0 < m < n."""
    return _subproof(m, entries, True)


def _subproof(m: int, entries: Sequence[bytes], complete: bool) -> list[bytes]:
    if m == len(entries):
        return [] if complete else [mth(entries)]
    k = _split(len(entries))
    if m <= k:
        return [*_subproof(m, entries[:k], complete), mth(entries[k:])]
    return [*_subproof(m - k, entries[k:], False), mth(entries[:k])]


def tile(level: int, index: int, entries: Sequence[bytes]) -> bytes:
    """A tile by the formula of tlog-tiles."""
    hashes = []
    span = 256**level
    for i in range(256):
        start = (index * 256 + i) * span
        if start + span > len(entries):
            break
        hashes.append(mth(entries[start : start + span]))
    return b"".join(hashes)
