"""The JSON of the server's answers, composed from pieces that are strict JSON already (``docs/spec/interface.md``).

An envelope is stored as the bytes that were signed and sent; it goes out as the same bytes, not decoded and encoded again.
Pure: no I/O, and nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keys import encoding
from keys.stanza import Neighbour


def value(item: object) -> bytes:
    """Strict JSON of a text, integer, boolean, list or object."""
    return encoding.encode(item)


def composed(**fields: bytes | None) -> bytes:
    """An object from encoded values; a field that is None is left out."""
    return b"{%b}" % b",".join(
        b'"%b":%b' % (name.encode("ascii"), encoded) for name, encoded in sorted(fields.items()) if encoded is not None
    )


def array(items: Iterable[bytes]) -> bytes:
    """An array of encoded values."""
    return b"[%b]" % b",".join(items)


def hashes(proof: Sequence[bytes]) -> bytes:
    """An inclusion proof as C2SP writes hashes: base64 with padding."""
    return value([encoding.b64(item) for item in proof])


def note(checkpoint: bytes) -> bytes:
    """A signed checkpoint as text."""
    return value(checkpoint.decode("utf-8"))


@dataclass(frozen=True, slots=True)
class LeafView:
    """A device's own leaf: index, tag (8), stanza id (32), stanza (1168 or none), path."""

    index: int
    tag: bytes
    stanza_id: bytes
    stanza: bytes
    path: tuple[bytes, ...]

    def encode(self) -> bytes:
        """``leaf`` of an alert's answer."""
        return value(
            {
                "index": self.index,
                "path": [node.hex() for node in self.path],
                "stanza": encoding.b64(self.stanza),
                "stanza_id": self.stanza_id.hex(),
                "tag": encoding.b64u(self.tag),
            }
        )


def neighbour(item: Neighbour) -> bytes:
    """One of ``neighbours``."""
    return value(
        {
            "index": item.index,
            "inner": item.inner.hex(),
            "path": [node.hex() for node in item.path],
            "tag": encoding.b64u(item.tag),
        }
    )
