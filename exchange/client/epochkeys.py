"""The weekly keys of other devices, ready to be sealed to: found in the journal, fetched, and checked once.

That a device published a key, and which one is its usable one, the verified journal says (``Replica.epochs``); the bytes come from
the exchange and must have the hash that was signed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from hashlib import sha256

from exchange.client.errors import VerificationError
from exchange.client.member import Member
from exchange.model.journal import MAX_WEEKS
from exchange.model.scalars import BlobRef
from exchange.policy.epochs import Published as PublishedKey
from keys.errors import KeysError
from keys.kem import EPOCH_KEY
from keys.verify import check_epoch_key

AT_ONCE = 8
"""Bundles fetched at the same time."""


async def usable_keys(member: Member, devices: Iterable[str], week: int, size: int) -> dict[str, bytes]:
    """The key of a week (1216 bytes) of each device that has a usable one at journal ``size``; the others are left out.

    Each key took a trial seal once.  Raises VerificationError (step 4, ``bundle-mismatch`` or why a key cannot be used),
    TransportError.
    """
    keys: dict[str, PublishedKey] = {}
    for device in devices:
        key = member.replica.epochs.key(device, week, size)
        if key is not None:
            keys[device] = key
    bundles = await _bundles(member, {key.bundle for key in keys.values()})
    checked = member.state.checked_keys()
    fresh: list[bytes] = []
    usable: dict[str, bytes] = {}
    for device, found in keys.items():
        raw = bundles[found.bundle][found.position * EPOCH_KEY : (found.position + 1) * EPOCH_KEY]
        if found.key_hash not in checked:
            _check_key(device, found, raw)
            fresh.append(found.key_hash)
        usable[device] = raw
    member.state.keep_checked(fresh)
    return usable


def _check_key(device: str, found: PublishedKey, raw: bytes) -> None:
    evidence = {"device": device, "statement": found.statement}
    if sha256(raw).digest() != found.key_hash:
        raise VerificationError(4, "bundle-mismatch", "a device's bundle holds another key than it published", evidence)
    try:
        check_epoch_key(raw)
    except KeysError as error:
        # The exchange must not have accepted it; leaving the device out would be no answer either.
        raise VerificationError(
            4, error.code, f"a device published a key that cannot be used: {error}", evidence
        ) from None


async def _bundles(member: Member, wanted: set[str]) -> dict[str, bytes]:
    """The bundles with these hashes, from the local store or fetched and checked."""
    found: dict[str, bytes] = {}
    missing: list[str] = []
    for name in sorted(wanted):
        known = member.state.bundle(name)
        if known is None:
            missing.append(name)
        else:
            found[name] = known
    gate = asyncio.Semaphore(AT_ONCE)

    async def fetch(name: str) -> None:
        async with gate:
            data = await member.api.get_blob(BlobRef(length=MAX_WEEKS * EPOCH_KEY, sha256=name))
        if sha256(data).hexdigest() != name:
            raise VerificationError(
                4, "bundle-mismatch", "a bundle of weekly keys is not the one published", {"bundle": name}
            )
        member.state.keep_bundle(name, data)
        found[name] = data

    await asyncio.gather(*(fetch(name) for name in missing))
    return found
