"""Stanza packs, read once: the leaves of a pack that was uploaded lately, hashed and ready to be compared.

A pack of 1,000 recipients has 1.2 MB; reading it, and hashing its tree, takes milliseconds that an author would otherwise
wait for between signing and the answer.  So it is done when the upload is complete, on a thread, and remembered by content
hash.  Who should be among the leaves is not known then; that is compared under the lock (``exchange/policy/replay.py``).
"""

from __future__ import annotations

import asyncio

from exchange.policy.replay import LeafSet
from exchange.service.remembered import Remembered
from exchange.store import blobs
from exchange.store.database import Store
from keys.errors import EncodingError
from keys.stanza import parse_pack

KEPT_LEAVES = 1 << 18
"""Leaves of all packs remembered, about 500 bytes each."""


class PackCache:
    """Leaf sets by the SHA-256 of their pack."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: Remembered[LeafSet] = Remembered(KEPT_LEAVES)

    async def leaves(self, sha256: str) -> LeafSet:
        """The leaves of a complete blob read as a pack.

        Raises EncodingError when it is none, `StoreRefusal` (``blob-unknown``) when it is not here.
        """
        found = self._kept.get(sha256)
        if found is None:
            data = await self._store.read(blobs.read, sha256)
            found = await asyncio.to_thread(leaves_of_pack, data)
            self._kept.put(sha256, found, len(found.leaves))
        return found

    async def look(self, sha256: str) -> None:
        """Read an upload ahead when it is a pack; anything else is passed over."""
        try:
            await self.leaves(sha256)
        except EncodingError:
            return


def leaves_of_pack(data: bytes) -> LeafSet:
    """The leaves of a stanza pack. Raises EncodingError."""
    return LeafSet.of([leaf.summary() for leaf in parse_pack(data)])
