"""Entry bundles of C2SP tlog-tiles: for each entry its length as 2 bytes big-endian, then its bytes.

Bytes in, bytes out; what an entry means is not read here. Spec: docs/spec/logs.md, 5.
"""

from collections.abc import Iterable

from exchange.tlog.errors import BundleError

LENGTH_BYTES = 2
MAX_ENTRY_BYTES = 65_535
"""The format's bound; our own entries are bounded lower, see docs/spec/statements.md."""


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """The bundle of these entries in order. Raises `BundleError` (``entry-size``) for an entry above 65,535 bytes."""
    parts = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise BundleError("entry-size", f"an entry has at most {MAX_ENTRY_BYTES} bytes")
        parts.append(len(entry).to_bytes(LENGTH_BYTES, "big"))
        parts.append(entry)
    return b"".join(parts)


def decode_bundle(data: bytes, count: int) -> tuple[bytes, ...]:
    """The entries of a bundle that holds exactly ``count``.

    The count comes from the checkpoint, never from the bundle: a log that sends more or fewer entries is refused.
    Raises `BundleError`: ``bundle-short`` or ``bundle-trailing``.
    """
    entries: list[bytes] = []
    position = 0
    for _ in range(count):
        start = position + LENGTH_BYTES
        end = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or end > len(data):
            raise BundleError("bundle-short", f"the bundle ends before its entry {len(entries)} of {count}")
        entries.append(data[start:end])
        position = end
    if position != len(data):
        raise BundleError("bundle-trailing", f"the bundle goes on after its {count} entries")
    return tuple(entries)
