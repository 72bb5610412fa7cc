"""The entry: the small, nameless record that is the leaf of a log (``docs/spec/statements.md``, Entries).

It holds identifiers and hashes only (invariant I8) and stays for ever; statements are blobs beside it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from exchange.model.problems import Malformed, first_error
from exchange.model.scalars import Bytes8, Bytes32, Chain, Count, Hash, Head, Id, Record, Time
from keys import encoding
from keys.errors import EncodingError

MAX_ENTRY = 4096
"""Bytes."""
PROPOSED = "alert.proposed"
RELEASED = "alert.released"
REJECTED = "alert.rejected"


class AudienceHead(Record):
    """What a device needs to compute its tag, and what its leaf's path must lead to."""

    depth: Annotated[int, Field(strict=True, ge=0, le=20)]
    ephemeral: Bytes32
    root: Hash


class AlertMark(Record):
    """Which alert and version an alert entry is about; ``audience`` is absent for CLEAR."""

    audience: AudienceHead | None = None
    id: Id
    version: Annotated[Count, Field(ge=1)]


class GrantMark(Record):
    """What a device needs to see that a grant is for it: HMAC under its scan key, as in an alert."""

    ephemeral: Bytes32
    tag: Bytes8


class Entry(Record):
    """One leaf of a log. ``subject`` in the registry only; ``registry`` in the journal only; ``alert`` on alert entries,
    ``grant`` on grants."""

    alert: AlertMark | None = None
    at: Time
    grant: GrantMark | None = None
    kind: Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z]+\.[a-z]+$")]
    registry: Head | None = None
    signatures: Hash
    statement: Hash
    subject: Chain | None = None

    def encode(self) -> bytes:
        """The leaf bytes: strict JSON, at most MAX_ENTRY bytes."""
        return encoding.encode(self.to_json())


def parse_entry(data: bytes) -> Entry:
    """Decode leaf bytes; raises Malformed (code ``entry-malformed``)."""
    try:
        raw: dict[str, Any] = encoding.decode(data, max_bytes=MAX_ENTRY)
        return Entry.model_validate(raw)
    except ValidationError as error:
        raise Malformed("entry-malformed", first_error(error)) from None
    except EncodingError as error:
        raise Malformed("entry-malformed", str(error)) from None
