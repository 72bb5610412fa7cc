"""The scalar values of strict JSON, as checked types (``docs/spec/encoding.md``, Scalars).

Identifiers, hashes and byte strings stay text in memory, in the one canonical form that the pattern admits, so that
comparing text is comparing bytes; they are decoded where they are hashed.  Nothing here reads a clock or makes an id.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MAX_TIME = 2**40
"""Upper bound of a time, seconds (the year 36812): keeps arithmetic inside 2^53."""
DAY = 86_400
"""Seconds."""
LONGEST_TERM = 3 * 366 * DAY
"""Longest membership, and longest validity of an alert, seconds."""


def ascending(values: tuple[str, ...]) -> tuple[str, ...]:
    """A set in strict JSON: sorted by code point, nothing twice; raises ValueError."""
    if any(a >= b for a, b in pairwise(values)):
        raise ValueError("a set is sorted ascending, without repetition")
    return values


def _text(value: str) -> str:
    if unicodedata.normalize("NFC", value) != value:
        raise ValueError("text is in Unicode normalisation form C")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") for c in value):
        raise ValueError("text has no control characters or unassigned code points")
    return value


def visible_lines(value: str) -> str:
    """The same for text of several lines: a line feed is the only control character; raises ValueError."""
    _text(value.replace("\n", ""))
    return value


Id = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_-]{21}[AQgw]$")]
"""16 random bytes, unpadded base64url; the last character's unused bits are zero."""
Hash = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{64}$")]
"""SHA-256, lower-case hexadecimal."""
Bytes16 = Id
Bytes8 = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$")]
Bytes32 = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
Bytes64 = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_-]{85}[AQgw]$")]
Bytes1168 = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_-]{1557}[AQgw]$")]
Bytes1952 = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_-]{2602}[AEIMQUYcgkosw048]$")]
Bytes1312 = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_-]{1749}[AEIMQUYcgkosw048]$")]
Bytes3309 = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_-]{4412}$")]
Bytes4168 = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_-]{5557}[AQgw]$")]
Time = Annotated[int, Field(strict=True, ge=0, lt=MAX_TIME)]
"""Seconds since 1970-01-01 UTC."""
Week = Annotated[int, Field(strict=True, ge=197001, le=999953)]
"""ISO year times 100 plus ISO week."""
Count = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
Size = Annotated[int, Field(strict=True, ge=0, lt=2**53)]
Flag = Annotated[bool, Field(strict=True)]
Tag = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9-]{1,32}$")]
"""A sector or topic: 1 to 32 of ``a-z 0-9 -``."""
Area = Annotated[str, StringConstraints(strict=True, pattern=r"^([0-9]{2}|[0-9]{3}|[0-9]{5}|[0-9]{8})$")]
"""An AGS code of 2, 3, 5 or 8 digits (Amtlicher Gemeindeschlüssel)."""
Origin = Annotated[
    str,
    StringConstraints(
        strict=True,
        max_length=200,
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9._-]+)*$",
    ),
]
"""Schema-less URL prefix of an exchange, without a slash at the end (C2SP tlog-checkpoint origin, minus the log's name)."""
ShortText = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=512), AfterValidator(_text)]
Chain = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z]{1,16}(/[A-Za-z0-9_-]{22})?$")]
"""The chain of a registry statement, ``<family>/<subject>``."""

TagSet = Annotated[tuple[Tag, ...], Field(min_length=1, max_length=64), AfterValidator(ascending)]
AreaSet = Annotated[tuple[Area, ...], Field(min_length=1, max_length=64), AfterValidator(ascending)]
TagList = Annotated[tuple[Tag, ...], Field(max_length=64), AfterValidator(ascending)]
"""A sorted list that may be empty."""


class Record(BaseModel):
    """A closed, frozen value: an unknown field is refused, an absent one is left out of the bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, object]:
        """The value as plain JSON types, absent fields left out."""
        return self.model_dump(mode="json", exclude_none=True)


class Head(Record):
    """Size and root of a log, as somebody verified it."""

    root: Hash
    size: Size


class Seen(Record):
    """Both heads the issuer last verified (gossip, and in an alert: the roster and the keys that were used)."""

    journal: Head
    registry: Head


class BlobRef(Record):
    """A content-addressed blob: its length in bytes and its SHA-256."""

    length: Size
    sha256: Hash
