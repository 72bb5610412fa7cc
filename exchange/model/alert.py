"""An alert: its core, what is sealed, its audience expression and its content (``docs/spec/envelope.md``).

The core is what everybody who carries the alert can read and the author signs; the content is inside the first part
and readable by recipients only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from exchange.model.hidden import first_hidden
from exchange.model.problems import Malformed, first_error
from exchange.model.scalars import (
    DAY,
    LONGEST_TERM,
    AreaSet,
    BlobRef,
    Bytes16,
    Bytes32,
    Count,
    Flag,
    Hash,
    Id,
    Record,
    Seen,
    ShortText,
    Size,
    TagSet,
    Time,
    ascending,
)
from exchange.model.tlp import Label
from keys import encoding
from keys.errors import EncodingError

MAX_CONTENT = 1 << 20
"""Bytes of the content part's plaintext."""
MAX_PARTS = 17
"""Content and 16 attachments."""
MAX_NAMED = 1000
"""Names in one field of an audience expression."""
RELEASE_WINDOW = 7 * DAY
"""Longest time between preparing and accepting a statement, seconds."""
MAX_LEAVES = 1 << 20

IdSet = Annotated[tuple[Id, ...], Field(min_length=1, max_length=MAX_NAMED), AfterValidator(ascending)]


class AlertKind(StrEnum):
    """What an alert is about."""

    INCIDENT_PHYSICAL = "incident.physical"
    INCIDENT_IT = "incident.it"
    VULNERABILITY = "vulnerability"
    THREAT = "threat"
    WANTED = "wanted"
    EVENT = "event"
    SITUATION = "situation"
    REQUEST = "request"
    ALL_CLEAR = "all-clear"


class Urgency(StrEnum):
    """CAP 1.2 urgency."""

    IMMEDIATE = "immediate"
    EXPECTED = "expected"
    FUTURE = "future"
    PAST = "past"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """CAP 1.2 severity."""

    EXTREME = "extreme"
    SEVERE = "severe"
    MODERATE = "moderate"
    MINOR = "minor"
    UNKNOWN = "unknown"


class Certainty(StrEnum):
    """CAP 1.2 certainty."""

    OBSERVED = "observed"
    LIKELY = "likely"
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"
    UNKNOWN = "unknown"


def _only_true(value: bool) -> bool:
    if not value:
        raise ValueError("everyone is true or absent")
    return value


class Audience(Record):
    """The audience expression: ``everyone`` alone, or at least one field (``docs/spec/policy.md``)."""

    areas: AreaSet | None = None
    circles: IdSet | None = None
    everyone: Annotated[bool, Field(strict=True), AfterValidator(_only_true)] | None = None
    organisations: IdSet | None = None
    persons: IdSet | None = None
    sectors: TagSet | None = None
    topics: TagSet | None = None

    @model_validator(mode="after")
    def _one_meaning(self) -> Audience:
        fields = (self.areas, self.circles, self.organisations, self.persons, self.sectors, self.topics)
        given = any(field is not None for field in fields)
        if bool(self.everyone) == given:
            raise ValueError("an audience is everyone alone, or at least one field")
        return self


class DeviceIssuer(Record):
    """A statement prepared by a member's device."""

    device: Id


class Change(Record):
    """What a later version does to the one before: why, and whether more or fewer persons receive it (R10)."""

    audience: Literal["different", "narrower", "same", "wider"]
    reason: Literal["correction", "error", "label", "new-information", "resolved", "scope", "source-request"]


class Core(Record):
    """The part of an alert that decides: signed by author and approvers, read by server and auditors."""

    acknowledge_by: Time | None = None
    action: Literal["new", "update", "supersede", "relabel", "withdraw", "all-clear"]
    alert: Id
    approvals: Annotated[int, Field(strict=True, ge=0, le=3)]
    approvers: Annotated[tuple[Id, ...], Field(max_length=3), AfterValidator(ascending)]
    at: Time
    audience: Audience | None = None
    certainty: Certainty
    change: Change | None = None
    exchange: Hash
    exercise: Flag
    issuer: DeviceIssuer
    keyless: Count
    kind: AlertKind
    label: Label
    nonce: Bytes16
    policy: Hash
    previous: Hash | None = None
    release_by: Time
    seen: Seen
    severity: Severity
    stanzas: Count
    suite: Literal["x1"]
    urgency: Urgency
    valid_until: Time
    version: Annotated[Count, Field(ge=1)]
    witnessed: Size | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Core:
        if not self.at < self.release_by <= self.at + RELEASE_WINDOW:
            raise ValueError("release_by lies after at, by at most 7 days")
        if not self.at < self.valid_until <= self.at + LONGEST_TERM:
            raise ValueError("valid_until lies after at, by at most 1098 days")
        if self.acknowledge_by is not None and not self.at < self.acknowledge_by <= self.valid_until:
            raise ValueError("acknowledge_by lies after at and not after valid_until")
        if self.approvals > len(self.approvers):
            raise ValueError("approvals is at most the number of candidate approvers")
        if self.stanzas + self.keyless > MAX_LEAVES:
            raise ValueError("an alert has at most 2^20 leaves")
        if (self.previous is None) != (self.version == 1):
            raise ValueError("previous is absent in version 1 and present in every later one")
        if (self.change is None) != (self.version == 1):
            raise ValueError("change is absent in version 1 and present in every later one")
        if (self.action == "new") != (self.version == 1):
            raise ValueError("version 1 is new, and no later one is")
        if self.action == "all-clear" and self.kind is not AlertKind.ALL_CLEAR:
            raise ValueError("an all-clear is of kind all-clear")
        return self

    @property
    def leaves(self) -> int:
        """Number of leaves: recipients' devices, with and without a stanza."""
        return self.stanzas + self.keyless


class Sealed(Record):
    """Hashes of what was uploaded beside the statement; only ``parts`` for CLEAR."""

    depth: Annotated[int, Field(strict=True, ge=0, le=20)] | None = None
    ephemeral: Bytes32 | None = None
    pack: BlobRef | None = None
    parts: Annotated[tuple[BlobRef, ...], Field(min_length=1, max_length=MAX_PARTS)]
    root: Hash | None = None


class AlertBody(Record):
    """The body of an ``alert`` statement."""

    core: Core
    sealed: Sealed

    @model_validator(mode="after")
    def _label_decides_sealing(self) -> AlertBody:
        present = [
            f is not None for f in (self.sealed.depth, self.sealed.ephemeral, self.sealed.pack, self.sealed.root)
        ]
        wanted = self.core.label.sealed
        if any(p != wanted for p in present):
            raise ValueError("sealed names depth, ephemeral, pack and root, and for CLEAR none of them")
        return self


_DEVICES = frozenset(
    {
        "AUX",
        "CON",
        "NUL",
        "PRN",
        "CONIN$",
        "CONOUT$",
        *(f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"),
    }
)
"""What Windows opens instead of a file, with any ending."""


def _component(name: str) -> str:
    """One path component and nothing that a file system or a terminal reads as more (invariant I10)."""
    if name in (".", "..") or any(c in '/\\:*?"<>|' for c in name) or name != name.strip(" ."):
        raise ValueError("an attachment's name is one path component")
    if name.partition(".")[0].strip().upper() in _DEVICES:
        raise ValueError("an attachment's name is not that of a device")
    if first_hidden(name) is not None:
        raise ValueError("an attachment's name has no direction marks and no invisible characters")
    return name


class Attachment(Record):
    """An attachment's name, media type, length in bytes and plaintext SHA-256, in the order of the parts.

    ``key``: it was sealed ahead under a key of its own; absent, it is sealed like the content, and for CLEAR it is plain.
    """

    key: Bytes32 | None = None
    length: Size
    media_type: Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9]+/[a-z0-9.+-]{1,80}(;version=2\.1)?$")]
    name: Annotated[ShortText, StringConstraints(max_length=160), AfterValidator(_component)]
    sha256: Hash


class ContentText(Record):
    """Title, text and advice in one language; text and advice are Markdown, at most 64 KiB characters each.

    ``changed`` says in a later version what is different from the one before.
    """

    advice: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=65536)] | None = None
    changed: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2000)] | None = None
    language: Literal["de", "en"]
    text: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=65536)]
    title: Annotated[ShortText, StringConstraints(max_length=200)]


class Content(Record):
    """What only recipients read: the first part's plaintext."""

    attachments: Annotated[tuple[Attachment, ...], Field(max_length=MAX_PARTS - 1)] = ()
    contact: ShortText | None = None
    number: Annotated[ShortText, StringConstraints(max_length=64)] | None = None
    place: ShortText | None = None
    status: Literal["final", "interim"] | None = None
    texts: Annotated[tuple[ContentText, ...], Field(min_length=1, max_length=2)]

    @model_validator(mode="after")
    def _distinct(self) -> Content:
        if len({text.language for text in self.texts}) != len(self.texts):
            raise ValueError("a language stands once")
        if len({a.name.casefold() for a in self.attachments}) != len(self.attachments):
            raise ValueError("attachments have distinct names")
        if sum(a.media_type.startswith("application/stix+json") for a in self.attachments) > 1:
            raise ValueError("an alert has at most one STIX bundle")
        return self

    def encode(self) -> bytes:
        """Strict JSON; raises Malformed (``content-malformed``) above MAX_CONTENT bytes."""
        data = encoding.encode(self.to_json())
        if len(data) > MAX_CONTENT:
            raise Malformed(
                "content-malformed", f"the content has {len(data)} bytes, at most {MAX_CONTENT} are allowed"
            )
        return data


def parse_content(data: bytes) -> Content:
    """Decode the content part; raises Malformed (``content-malformed``)."""
    try:
        raw: dict[str, Any] = encoding.decode(data, max_bytes=MAX_CONTENT)
        return Content.model_validate(raw)
    except ValidationError as error:
        raise Malformed("content-malformed", first_error(error)) from None
    except EncodingError as error:
        raise Malformed("content-malformed", str(error)) from None
