"""An alert's source: a Markdown file with TOML front matter between two lines ``+++`` (``docs/examples/README.md``, Format).

Read once into an ``AlertSource`` with closed keys: a typing error in ``approvers`` or ``audience`` must not widen or narrow
anything unseen.  Names are names still; who is meant is resolved by ``publish``.  Attachments are files beside the source and
nothing else: no path, no link; pictures lose what they say beside their pixels, other files stay on the disk and are read in
pieces.  A character that hides or moves text is refused where it stands, and a STIX bundle whose markings are not the label's.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from exchange.client import attachments as attached
from exchange.client.attachments import SourceFile, visible
from exchange.client.errors import SourceError
from exchange.content import stix
from exchange.model.alert import AlertKind, Certainty, Core, Severity, Urgency
from exchange.model.scalars import LONGEST_TERM
from exchange.model.tlp import Label, parse_label

MAX_SOURCE = 262_144
"""Bytes of a source file."""
MAX_DOTS = 64
"""Dots in one line of the front matter: the memory for a dotted key grows with the square of its parts."""
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
        "changed",
        "contact",
        "demo",
        "exercise",
        "keep_metadata",
        "kind",
        "label",
        "language",
        "number",
        "place",
        "severity",
        "status",
        "stix",
        "title",
        "translation",
        "urgency",
        "valid_for",
    }
)
TRANSLATION_KEYS = frozenset({"changed", "language", "title"})
AUDIENCE_KEYS = frozenset({"areas", "circles", "everyone", "organisations", "persons", "sectors", "topics"})

_DURATION = re.compile(r"([1-9][0-9]{0,5})([hd])")
_HEADING = re.compile(r"##[ \t]+(.+?)[ \t#]*$")
_SECONDS = {"h": 3600, "d": 86_400}
_E = TypeVar("_E", AlertKind, Certainty, Severity, Urgency)


@dataclass(frozen=True, slots=True)
class SourceAudience:
    """The audience as written: names of organisations, circles and persons, tags and area codes."""

    everyone: bool = False
    organisations: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    circles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceText:
    """Title, text and advice in one language."""

    language: Literal["de", "en"]
    title: str
    text: str = field(repr=False)
    advice: str | None = field(default=None, repr=False)
    changed: str | None = None


@dataclass(frozen=True, slots=True)
class AlertSource:
    """One alert as its author wrote it. Durations in seconds; ``approvals`` None: as many as the policy demands.

    Of a later version ``changed`` says what is different, and ``audience`` None: as it was before.
    """

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
    translation: SourceText | None = None
    bundle: stix.Bundle | None = None
    changed: str | None = None
    status: Literal["final", "interim"] | None = None

    @property
    def texts(self) -> tuple[SourceText, ...]:
        """The texts, the language that was written first in front."""
        first = SourceText(self.language, self.title, self.text, self.advice, self.changed)
        return (first,) if self.translation is None else (first, self.translation)


def read_source(path: Path, before: Core | None = None) -> AlertSource:
    """Read a source file and its attachments; of a later version with the one ``before``. Raises SourceError."""
    raw = attached.read_file(path, MAX_SOURCE, follow=True)
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise SourceError("source-not-utf8", f"{path.name} is not UTF-8") from None
    return parse_source(text, path.parent, before)


def parse_source(text: str, folder: Path, before: Core | None = None) -> AlertSource:
    """Parse a source; attachments are read from ``folder``. Raises SourceError with the key that is wrong.

    A later version says what ``changed``; label, audience and exercise may be left out, and are then those of the version
    ``before``.
    """
    head, body = _split(unicodedata.normalize("NFC", text.replace("\r\n", "\n")))
    if any(line.count(".") > MAX_DOTS for line in head.split("\n")):
        raise SourceError("source-toml", f"a line of the front matter has more than {MAX_DOTS} dots")
    try:
        front = tomllib.loads(head)
    except (ValueError, RecursionError) as error:  # beside its own: endless numbers, and nesting that never ends
        raise SourceError("source-toml", f"the front matter is not TOML: {error}") from None
    _closed(front, KEYS, "")
    label = _label(front, before)
    changed = _changed(front, before)
    status = _text(front, "status")
    if status not in (None, "final", "interim"):
        raise SourceError("source-value", "status is interim or final")
    language = _language(front, "")
    translation = _translation(front, body, language, before)
    if translation is not None:
        body = body[: _section(body, translation.language).start()]
    words, advice = _advice(body)
    visible(words, language)
    visible(advice or "", language)
    approvals = front.get("approvals")
    if approvals is not None and (type(approvals) is not int or not 0 <= approvals <= MAX_CANDIDATES):
        raise SourceError("source-value", f"approvals is 0 to {MAX_CANDIDATES}")
    exercise = front.get("exercise", before is not None and before.exercise)
    if not isinstance(exercise, bool):
        raise SourceError("source-value", "exercise is true or false")
    approvers = _names(front, "approvers")
    if len(approvers) > MAX_CANDIDATES:
        raise SourceError("source-value", f"at most {MAX_CANDIDATES} approvers")
    attachments, bundle = attached.gather(
        folder, _names(front, "attachments"), _names(front, "keep_metadata"), _text(front, "stix"), label
    )
    return AlertSource(
        title=cast(str, _text(front, "title", required=True)),
        language=language,
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
        audience=_audience(front, label, before),
        attachments=attachments,
        translation=translation,
        bundle=bundle,
        changed=changed,
        status=cast(Literal["final", "interim"] | None, status),
    )


def _language(table: dict[str, Any], where: str) -> Literal["de", "en"]:
    value = _text(table, "language", required=True)
    if value not in ("de", "en"):
        raise SourceError("source-value", f"{where}language is de or en")
    return "de" if value == "de" else "en"


def _changed(table: dict[str, Any], before: Core | None, where: str = "") -> str | None:
    """What is different: in every text of a later version, and in none of the first."""
    changed = _text(table, "changed", required=before is not None)
    if changed is not None and before is None:
        raise SourceError(
            "source-value", f"{where}changed is for a later version: exchange update, supersede, relabel, all-clear"
        )
    visible(changed or "", f"{where}changed")
    return changed


def _translation(front: dict[str, Any], body: str, first: str, before: Core | None) -> SourceText | None:
    """The second language: its title in the front matter, its text behind a line ``+++ en``."""
    table = front.get("translation")
    if table is None:
        return None
    if not isinstance(table, dict):
        raise SourceError("source-value", "translation is a table")
    _closed(table, TRANSLATION_KEYS, "translation.")
    language = _language(table, "translation.")
    if language == first:
        raise SourceError("source-value", "translation.language is the other language")
    words, advice = _advice(body[_section(body, language).end() :])
    visible(words, language)
    visible(advice or "", language)
    title = cast(str, _text(table, "title", required=True))
    return SourceText(language, title, words, advice, _changed(table, before, "translation."))


def _section(body: str, language: str) -> re.Match[str]:
    """Where the text of the second language begins: exactly one line ``+++ en``."""
    found = list(re.finditer(rf"^\+\+\+[ \t]+{language}[ \t]*$\n?", body, re.MULTILINE))
    if len(found) != 1:
        raise SourceError("source-format", f"the text of the translation begins after one line {FENCE} {language}")
    return found[0]


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
    visible(value.strip(), key)
    return value.strip()


def _word(table: dict[str, Any], key: str, words: type[_E]) -> _E:
    value = cast(str, _text(table, key, required=True))
    try:
        return words(value)
    except ValueError:
        raise SourceError("source-value", f"{key} is one of {', '.join(word.value for word in words)}") from None


def _label(table: dict[str, Any], before: Core | None) -> Label:
    if before is not None and "label" not in table:
        return before.label
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


def _audience(front: dict[str, Any], label: Label, before: Core | None) -> SourceAudience | None:
    table = front.get("audience")
    if table is None:
        if label.sealed and before is None:
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
