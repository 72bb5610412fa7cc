"""Proofs of a member's own logs, from the entries that it keeps: for evidence that others are to verify.

A member hashes every entry itself, so it can prove whatever its logs hold without asking anybody.  Every proof reads the log once,
O(n) in time and O(log n) in memory, which is good enough for what happens once in a life.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice

from exchange.client.state import MemberState
from exchange.tlog import merkle
from exchange.tlog.checkpoint import LogName
from exchange.tlog.merkle import Frontier, leaf_hash


class OwnLog:
    """One log as this member keeps it; ``more`` are further entries that were verified and are not stored yet."""

    def __init__(self, state: MemberState, log: LogName, more: Sequence[bytes] = (), base: int = 0) -> None:
        """``base`` is the index of the first of ``more``."""
        self._state = state
        self._log = log
        self._more = more
        self._base = base

    def _entries(self, start: int) -> Iterable[bytes]:
        kept = (data for _, data in self._state.entries(self._log, start))
        if not self._more:
            return kept
        return chain(islice(kept, max(0, self._base - start)), self._more[max(0, start - self._base) :])

    def node(self, level: int, index: int) -> bytes:
        """The root of a complete subtree of 2^level entries, 32 bytes."""
        start, number = index << level, 1 << level
        return Frontier().extend(leaf_hash(data) for data in islice(self._entries(start), number)).root()

    def root(self, size: int) -> bytes:
        """The root at a size, 32 bytes."""
        return merkle.range_root(self.node, 0, size)

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """The inclusion proof of an entry at a size. Raises ProofError."""
        return merkle.inclusion_proof(self.node, index, size)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that the log of size ``new`` continues that of size ``old``. Raises ProofError."""
        return merkle.consistency_proof(self.node, old, new)
