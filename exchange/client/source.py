"""An alert's source: a Markdown file with TOML front matter between two lines ``+++`` (``docs/examples/README.md``, Format).

Read once into an ``AlertSource`` with closed keys: a typing error in ``approvers`` or ``audience`` must not widen or narrow
anything unseen.  Names are names still; who is meant is resolved by ``publish``.  Attachments are files beside the source and
nothing else: no path, no link.
"""

from __future__ import annotations

import mimetypes
import os
import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from exchange.client.errors import SourceError
from exchange.model.alert import AlertKind, Certainty, Severity, Urgency
from exchange.model.scalars import LONGEST_TERM
from exchange.model.tlp import Label, parse_label

MAX_SOURCE = 262_144
"""Bytes of a source file."""
MAX_DOTS = 64
"""Dots in one line of the front matter: the memory for a dotted key grows with the square of its parts."""
MAX_ATTACHMENTS = 16
MAX_ATTACHMENT = 25 << 20
"""Bytes of one attachment."""
MAX_CANDIDATES = 3
FENCE = "+++"
ADVICE = frozenset({"was ist zu tun", "what to do"})
"""Headings from which on the text is the advice."""

KEYS = frozenset(
    {
        "acknowledge_within",
        "approvals",
        "approvers",
        "attachments",
        "audience",
        "certainty",
        "contact",
        "demo",
        "exercise",
        "kind",
        "label",
        "language",
        "number",
        "place",
        "severity",
        "title",
        "urgency",
        "valid_for",
    }
)
AUDIENCE_KEYS = frozenset({"areas", "everyone", "organisations", "persons", "sectors", "topics"})

_TYPES = mimetypes.MimeTypes()  # the built-in table alone: the same on every machine
_DURATION = re.compile(r"([1-9][0-9]{0,5})([hd])")
_HEADING = re.compile(r"##[ \t]+(.+?)[ \t#]*$")
_SECONDS = {"h": 3600, "d": 86_400}
_E = TypeVar("_E", AlertKind, Certainty, Severity, Urgency)


@dataclass(frozen=True, slots=True)
class SourceAudience:
    """The audience as written: names of organisations and persons, tags and area codes."""

    everyone: bool = False
    organisations: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An attachment: its name (one path component), media type and bytes."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AlertSource:
    """One alert as its author wrote it. Durations in seconds; ``approvals`` None: as many as the policy demands."""

    title: str
    language: Literal["de", "en"]
    label: Label
    kind: AlertKind
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    valid_for: int
    text: str = field(repr=False)
    advice: str | None = field(default=None, repr=False)
    number: str | None = None
    contact: str | None = None
    place: str | None = None
    exercise: bool = False
    acknowledge_within: int | None = None
    approvals: int | None = None
    approvers: tuple[str, ...] = ()
    audience: SourceAudience | None = None
    attachments: tuple[SourceFile, ...] = ()


def read_source(path: Path) -> AlertSource:
    """Read a source file and its attachments. Raises SourceError."""
    raw = _read_file(path, MAX_SOURCE)
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise SourceError("source-not-utf8", f"{path.name} is not UTF-8") from None
    return parse_source(text, path.parent)


def parse_source(text: str, folder: Path) -> AlertSource:
    """Parse a source; attachments are read from ``folder``. Raises SourceError with the key that is wrong."""
    head, body = _split(unicodedata.normalize("NFC", text.replace("\r\n", "\n")))
    if any(line.count(".") > MAX_DOTS for line in head.split("\n")):
        raise SourceError("source-toml", f"a line of the front matter has more than {MAX_DOTS} dots")
    try:
        front = tomllib.loads(head)
    except (ValueError, RecursionError) as error:  # beside its own: endless numbers, and nesting that never ends
        raise SourceError("source-toml", f"the front matter is not TOML: {error}") from None
    _closed(front, KEYS, "")
    label = _label(front)
    words, advice = _advice(body)
    language = _text(front, "language", required=True)
    if language not in ("de", "en"):
        raise SourceError("source-value", "language is de or en")
    approvals = front.get("approvals")
    if approvals is not None and (type(approvals) is not int or not 0 <= approvals <= MAX_CANDIDATES):
        raise SourceError("source-value", f"approvals is 0 to {MAX_CANDIDATES}")
    exercise = front.get("exercise", False)
    if not isinstance(exercise, bool):
        raise SourceError("source-value", "exercise is true or false")
    approvers = _names(front, "approvers")
    if len(approvers) > MAX_CANDIDATES:
        raise SourceError("source-value", f"at most {MAX_CANDIDATES} approvers")
    return AlertSource(
        title=cast(str, _text(front, "title", required=True)),
        language=cast(Literal["de", "en"], language),
        label=label,
        kind=_word(front, "kind", AlertKind),
        urgency=_word(front, "urgency", Urgency),
        severity=_word(front, "severity", Severity),
        certainty=_word(front, "certainty", Certainty),
        valid_for=cast(int, _duration(front, "valid_for", required=True)),
        text=words,
        advice=advice,
        number=_text(front, "number"),
        contact=_text(front, "contact"),
        place=_text(front, "place"),
        exercise=exercise,
        acknowledge_within=_duration(front, "acknowledge_within"),
        approvals=approvals,
        approvers=approvers,
        audience=_audience(front, label),
        attachments=tuple(_attachment(folder, name) for name in _attachment_names(front)),
    )


def _split(text: str) -> tuple[str, str]:
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        raise SourceError("source-format", f"the file begins with a line {FENCE}")
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    raise SourceError("source-format", f"the front matter ends with a line {FENCE}")


def _advice(body: str) -> tuple[str, str | None]:
    """Text, and what follows the advice's heading."""
    lines = body.strip("\n").split("\n")
    fenced = False
    for number, line in enumerate(lines):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        match = None if fenced else _HEADING.fullmatch(line)
        if match is not None and match[1].strip().casefold() in ADVICE:
            advice = "\n".join(lines[number + 1 :]).strip()
            text = "\n".join(lines[:number]).strip()
            if not text:
                raise SourceError("source-empty", "there is no text before the advice")
            return text, advice or None
    text = "\n".join(lines).strip()
    if not text:
        raise SourceError("source-empty", "there is no text after the front matter")
    return text, None


def _closed(table: dict[str, Any], known: frozenset[str], where: str) -> None:
    unknown = sorted(table.keys() - known)
    if unknown:
        raise SourceError("source-key", f"unknown key {where}{unknown[0]}; known are {', '.join(sorted(known))}")


def _text(table: dict[str, Any], key: str, *, required: bool = False) -> str | None:
    value = table.get(key)
    if value is None:
        if required:
            raise SourceError("source-missing", f"{key} is missing")
        return None
    if not isinstance(value, str) or not value.strip():
        raise SourceError("source-value", f"{key} is a text that is not empty")
    return value.strip()


def _word(table: dict[str, Any], key: str, words: type[_E]) -> _E:
    value = cast(str, _text(table, key, required=True))
    try:
        return words(value)
    except ValueError:
        raise SourceError("source-value", f"{key} is one of {', '.join(word.value for word in words)}") from None


def _label(table: dict[str, Any]) -> Label:
    value = cast(str, _text(table, "label", required=True))
    try:
        return parse_label(value)
    except ValueError:
        raise SourceError("source-value", f"label is one of {', '.join(label.value for label in Label)}") from None


def _duration(table: dict[str, Any], key: str, *, required: bool = False) -> int | None:
    value = _text(table, key, required=required)
    if value is None:
        return None
    match = _DURATION.fullmatch(value)
    seconds = int(match[1]) * _SECONDS[match[2]] if match is not None else 0
    if not 0 < seconds <= LONGEST_TERM:
        raise SourceError("source-value", f"{key} is a number of hours or days, as in 36h or 14d, at most 1098d")
    return seconds


def _names(table: dict[str, Any], key: str, where: str = "") -> tuple[str, ...]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(isinstance(v, str) and v.strip() for v in values):
        raise SourceError("source-value", f"{where}{key} is a list of texts")
    names = tuple(value.strip() for value in values)
    if len({name.casefold() for name in names}) != len(names):
        raise SourceError("source-value", f"{where}{key} names somebody or something twice")
    if key in table and not names:
        raise SourceError("source-value", f"{where}{key} is empty; leave it out, or name somebody")
    return names


def _audience(front: dict[str, Any], label: Label) -> SourceAudience | None:
    table = front.get("audience")
    if table is None:
        if label.sealed:
            raise SourceError("source-missing", f"[audience] is missing: {label.display} has one")
        return None
    if not isinstance(table, dict):
        raise SourceError("source-value", "audience is a table")
    _closed(table, AUDIENCE_KEYS, "audience.")
    everyone = table.get("everyone", False)
    if not isinstance(everyone, bool):
        raise SourceError("source-value", "audience.everyone is true or left out")
    fields = {key: _names(table, key, "audience.") for key in AUDIENCE_KEYS - {"everyone"}}
    if everyone == any(fields.values()):
        raise SourceError("source-value", "the audience is everyone = true alone, or at least one other key")
    return SourceAudience(everyone, **fields)


def _attachment_names(front: dict[str, Any]) -> tuple[str, ...]:
    names = _names(front, "attachments")
    if len(names) > MAX_ATTACHMENTS:
        raise SourceError("source-value", f"at most {MAX_ATTACHMENTS} attachments")
    return names


def _attachment(folder: Path, name: str) -> SourceFile:
    if name in (".", "..") or name.startswith(".") or any(c in '/\\:*?"<>|\0' for c in name):
        raise SourceError("attachment-name", f"attachment {name!r} is not the plain name of a file beside the source")
    path = folder / name
    if path.is_symlink():
        raise SourceError("attachment-name", f"attachment {name!r} is a link")
    media_type = _TYPES.guess_type(name)[0] or "application/octet-stream"
    return SourceFile(name, media_type, _read_file(path, MAX_ATTACHMENT))


def _read_file(path: Path, limit: int) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if not path.is_file():
            raise SourceError("file-missing", f"there is no file {path.name}")
        # A link to the source itself is fine; an attachment's was refused before, O_NOFOLLOW closes the gap.
        with os.fdopen(os.open(path.resolve() if limit == MAX_SOURCE else path, flags), "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise SourceError("file-unreadable", f"{path.name} cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise SourceError("file-too-large", f"{path.name} has more than {limit} bytes")
    return data
