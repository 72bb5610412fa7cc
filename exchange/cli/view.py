"""How an alert looks on a terminal: label, exercise banner, who says so, what to do, until when.

The label's text stands in FIRST's colour on black directly before the text it covers and again at its end, whatever
the terminal can show (``users.md``, traffic light). Everything that came from others is neutralised: a title cannot
colour, move or hide anything (I10). Markdown is set by the one safe renderer (``exchange.content.markup``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exchange.cli.terminal import CommandError, Terminal, columns, safe, width
from exchange.cli.times import iso, moment

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.state import AlertRow
    from exchange.model.alert import Audience, Content, ContentText, Core
    from exchange.model.tlp import Label
    from exchange.policy.rules import Decision

ADVICE = {"de": "Was ist zu tun", "en": "What to do"}
SHOWN = ("opened", "public")
"""The statuses of alerts that can be read."""
SHORT = 10
"""Digits of a statement id in a list."""
BANNER = "bold #FFFFFF on #5F00AF"

MARKDOWN = {"code": "cyan"}
"""How a style of the renderer is shown, where it is not a terminal's own."""

Span = tuple[str, str]
"""Text and style."""


@dataclass(frozen=True, slots=True)
class Item:
    """A verified alert of the local store, ready to be shown."""

    row: AlertRow
    core: Core
    content: Content
    author: str
    approvers: tuple[str, ...]
    why: Decision | None
    given: dict[str, str] | None = None
    """Who gave it to this device: ``person`` where known, ``device``, ``purpose``, ``statement``."""

    @property
    def unread(self) -> bool:
        """Whether the person has not read it yet."""
        return self.row.read_at == 0

    @property
    def statement(self) -> str:
        """Statement id."""
        return self.row.statement

    def text(self, language: str) -> ContentText:
        """The text in this language, else the first."""
        return next((t for t in self.content.texts if t.language == language), self.content.texts[0])


def items(member: Member) -> list[Item]:
    """Everything that was received and verified, oldest first."""
    return [item(member, row) for row in member.state.alerts(*SHOWN)]


def item(member: Member, row: AlertRow) -> Item:
    """One verified alert."""
    from exchange.client.sync import letter
    from exchange.model.statements import parse_statement
    from exchange.policy.rules import Decision
    from keys.envelope import Envelope

    core = parse_statement(Envelope.decode(row.envelope or b"")).alert.core
    kept = letter(member.client, row.statement)
    mine = kept.facts.get("mine")
    why = None if mine is None else Decision(True, str(mine["rule"]), str(mine["code"]))
    return Item(
        row, core, kept.content, str(kept.facts["author"]), tuple(kept.facts["approvals"]), why, kept.facts.get("grant")
    )


def find(member: Member, wanted: str, version: int | None = None) -> Item:
    """An alert's newest version here (or the one asked for), by its number, alert id, or the beginning of a statement id.

    Raises CommandError ``alert_unknown``, ``alert_ambiguous``, ``version_unknown``.
    """
    known = items(member)
    found = [i for i in known if i.content.number is not None and i.content.number.casefold() == wanted.casefold()]
    if not found and len(wanted) >= 4:
        found = [i for i in known if i.core.alert == wanted or i.statement.startswith(wanted.lower())]
    if not found:
        raise CommandError("alert_unknown", hints=("hint_alert_id",), id=wanted)
    if len({i.core.alert for i in found}) > 1:
        raise CommandError("alert_ambiguous", hints=("hint_alert_id",), id=wanted)
    chain = [i for i in known if i.core.alert == found[0].core.alert and version in (None, i.core.version)]
    if not chain:
        raise CommandError("version_unknown", hints=("hint_chain",), version=version)
    return max(chain, key=lambda i: i.core.version)


# -- printing --------------------------------------------------------------------------------------------------------


def coloured() -> bool:
    """Whether stdout takes colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def put(*spans: Span | str) -> None:
    """One line on stdout; styles where the terminal takes them. Spans are safe already."""
    parts = [(span, "") if isinstance(span, str) else span for span in spans]
    if not coloured():
        print("".join(part for part, _ in parts).rstrip())
        return
    from rich.console import Console
    from rich.text import Text

    Console(highlight=False, markup=False, emoji=False).print(Text.assemble(*parts), soft_wrap=True)


def label_span(label: Label) -> Span:
    """The label's text in its colour on black."""
    return f" {label.display} ", f"bold {label.colour} on #000000"


def put_label(terminal: Terminal, core: Core) -> None:
    """The line that stands before and after what the label covers."""
    spans: list[Span | str] = [label_span(core.label)]
    if core.exercise:
        spans += ["  ", (f" {terminal.text('banner_exercise')} ", BANNER)]
    # The plain form begins at the margin, so that copied text carries it in front.
    put(*spans) if coloured() else put(*(part if isinstance(part, str) else part[0].strip() for part in spans))


def put_table(head: Sequence[str], rows: Sequence[Sequence[object]], styles: Sequence[str | None] = ()) -> None:
    """A table; each row may have a style."""
    lines = columns([head, *rows])
    put((lines[0], "dim"))
    for place, line in enumerate(lines[1:]):
        style = styles[place] if place < len(styles) else None
        put((line, style or ""))


# -- one alert ---------------------------------------------------------------------------------------------------------


def put_alert(terminal: Terminal, member: Member, shown: Item) -> None:
    """The whole alert; whether it was withdrawn or overtaken stands before its text."""
    from exchange.cli.chain import put_changed, put_standing
    from exchange.cli.witnesses import seen_words

    core, content = shown.core, shown.content
    ordered = sorted(content.texts, key=lambda t: t.language != terminal.language)
    put_label(terminal, core)
    if shown.row.status in SHOWN:
        put_standing(terminal, member, shown)
    put((safe(ordered[0].title), "bold"))
    put()
    put_fields(fields(terminal, member, shown))
    put_changed(terminal, shown)
    put((terminal.text("verified_by"), "dim"))
    waiting = seen_words(terminal, member, shown)
    if waiting:
        put((waiting, "bold"))
    for text in ordered:
        put()
        put_label(terminal, core)
        if text is not ordered[0]:
            put((safe(text.title), "bold"))
        put()
        put_markdown(text.text)
        if text.advice is not None:
            put()
            put((ADVICE[text.language], "bold"))
            put()
            put_markdown(text.advice)
    put()
    put_label(terminal, core)


def put_markdown(text: str) -> None:
    """An author's Markdown, set in lines."""
    from exchange.content.markup import lines

    for line in lines(text):
        put(*((words, MARKDOWN.get(style, style)) for words, style in line))


def put_fields(rows: Sequence[tuple[str, str]]) -> None:
    """Names and values in two columns."""
    widest = max(width(name) for name, _ in rows)
    for name, value in rows:
        put((name + " " * (widest - width(name)), "dim"), "  ", safe(value))


def fields(terminal: Terminal, member: Member, shown: Item) -> list[tuple[str, str]]:
    """What stands in the head of an alert."""
    from exchange.cli.chain import version_fields
    from exchange.policy.explain import explain_decision

    core, content, names = shown.core, shown.content, member.names
    place = member.facts.persons[shown.author].organisation
    rows = [
        ("field_from", f"{names.of(place)}, {names.of(shown.author)}"),
        ("field_given", given_by(terminal, member, shown)),
        ("field_approved", ", ".join(names.of(person) for person in shown.approvers)),
        *version_fields(terminal, core, _newest(member, core), content.status),
        *core_fields(terminal, member, core, content),
        ("field_published", moment(shown.row.at, terminal.language) if shown.row.at else ""),
    ]
    if content.attachments:
        rows.append(("field_attachments", attachments_words(content)))
    if shown.why is not None:
        rows.append(("field_why", f"{explain_decision(shown.why, language=terminal.language)} ({shown.why.rule})"))
    rows.append(("field_id", shown.statement))
    return [(terminal.text(key), value) for key, value in rows if value]


def attachments_words(content: Content) -> str:
    """The attachments' names with sizes; a STIX bundle is called one."""
    from exchange.content.stix import is_stix

    named = ((a, ", STIX 2.1" if is_stix(a.media_type) else "") for a in content.attachments)
    return ", ".join(f"{a.name} ({size(a.length)}{kind})" for a, kind in named)


def given_by(terminal: Terminal, member: Member, shown: Item) -> str:
    """The name of whoever gave an alert to this device; empty when it was sealed to it by its author."""
    if shown.given is None:
        return ""
    person = shown.given.get("person")
    if person is None:
        return terminal.text("given_unknown", device=shown.given["device"])
    return member.names.of(person)


def _newest(member: Member, core: Core) -> int:
    """The newest released version of an alert that the journal shows, or this one while it is proposed."""
    return max(core.version, *(row.version for row in member.state.versions(core.alert)), 1)


def core_fields(terminal: Terminal, member: Member, core: Core, content: Content) -> list[tuple[str, str]]:
    """The fields that a draft has as well."""
    from exchange.cli.witnesses import core_words

    cap = ", ".join(terminal.text(f"{n}_{getattr(core, n)}") for n in ("urgency", "severity", "certainty"))
    language = terminal.language
    return [
        ("field_number", content.number or ""),
        ("field_kind", terminal.text(f"kind_{core.kind.value}")),
        ("field_cap", cap),
        ("field_valid", moment(core.valid_until, language)),
        ("field_acknowledge", moment(core.acknowledge_by, language) if core.acknowledge_by is not None else ""),
        ("field_audience", audience_words(terminal, member, core.audience)),
        ("field_place", content.place or ""),
        ("field_contact", content.contact or ""),
        ("field_prepared", core_words(terminal, member, core)),
    ]


def audience_words(terminal: Terminal, member: Member, audience: Audience | None) -> str:
    """The audience expression in words, names in the place of ids."""
    if audience is None:
        return terminal.text("audience_public")
    if audience.everyone:
        return terminal.text("audience_everyone")
    parts = []
    for key, values in (
        ("sectors", audience.sectors),
        ("areas", audience.areas),
        ("topics", audience.topics),
        ("organisations", audience.organisations),
        ("circles", audience.circles),
        ("persons", audience.persons),
    ):
        if values:
            named = [member.names.of(v) if key in ("circles", "organisations", "persons") else v for v in values]
            parts.append(f"{terminal.text('audience_' + key)}: {', '.join(named)}")
    return "; ".join(parts)


def size(length: int) -> str:
    """Bytes for a person."""
    return (
        f"{length} B"
        if length < 1024
        else f"{length / 1024:.0f} KiB"
        if length < 1 << 20
        else f"{length / (1 << 20):.1f} MiB"
    )


def _without_keys(content: Content) -> dict[str, object]:
    """The content for a script; the keys of attachments are nobody's business, their plaintext is here."""
    plain = (a.model_copy(update={"key": None}) for a in content.attachments)
    return content.model_copy(update={"attachments": tuple(plain)}).to_json()


def as_json(member: Member, shown: Item) -> dict[str, Any]:
    """One alert for a script: what was verified, and the content."""
    from exchange.cli.witnesses import witnessed

    core, names = shown.core, member.names
    organisation = member.facts.persons[shown.author].organisation
    return {
        "approved_by": [{"id": p, "name": names.of(p)} for p in shown.approvers],
        "audience": None if core.audience is None else core.audience.to_json(),
        "author": {"id": shown.author, "name": names.of(shown.author)},
        "content": _without_keys(shown.content),
        "exercise": core.exercise,
        "given_by": shown.given,
        "kind": core.kind.value,
        "label": core.label.display,
        "organisation": {"id": organisation, "name": names.of(organisation)},
        "published": iso(shown.row.at),
        "read": not shown.unread,
        "received_at": iso(shown.row.received_at) if shown.row.received_at else None,
        "statement": shown.statement,
        "urgency": core.urgency.value,
        "valid_until": iso(core.valid_until),
        "witnessed": witnessed(member, shown),
        "witnessed_age": core.witnessed,
    }
