"""Stanza packs, read once: the leaf list of a pack that was uploaded lately.

A pack of 1,000 recipients has 1.2 MB; reading and hashing it takes milliseconds that an author would otherwise wait for
between signing and the answer.  So it is done when the upload is complete, on a thread, and remembered by content hash.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from exchange.store import blobs
from exchange.store.database import Store
from keys.errors import EncodingError
from keys.stanza import LeafSummary, parse_pack

KEPT_PACKS = 32
"""Packs remembered; the largest has 2^20 leaves."""


class PackCache:
    """Leaf lists by the SHA-256 of their pack."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[str, tuple[LeafSummary, ...]] = OrderedDict()

    async def leaves(self, sha256: str) -> tuple[LeafSummary, ...]:
        """The leaves of a complete blob read as a pack.

        Raises EncodingError when it is none, `StoreRefusal` (``blob-unknown``) when it is not here.
        """
        found = self._kept.get(sha256)
        if found is None:
            data = await self._store.read(blobs.read, sha256)
            found = await asyncio.to_thread(_summaries, data)
            self._kept[sha256] = found
            while len(self._kept) > KEPT_PACKS:
                self._kept.popitem(last=False)
        return found

    async def look(self, sha256: str) -> None:
        """Read an upload ahead when it is a pack; anything else is passed over."""
        try:
            await self.leaves(sha256)
        except EncodingError:
            return


def _summaries(data: bytes) -> tuple[LeafSummary, ...]:
    return tuple(leaf.summary() for leaf in parse_pack(data))
