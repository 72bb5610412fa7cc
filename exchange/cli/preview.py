"""``exchange preview``: who receives an alert, who does not and why, before anything is sealed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import REFUSED, CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.draft import Draft, PersonRow, Preview, Step
    from exchange.client.source import AlertSource
    from exchange.policy.rules import Decision


def preview(
    source: Annotated[Path, typer.Argument(metavar="FILE.md", help=help_text("arg_source"))],
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Decide without publishing. Exit status 1 when the policy refuses the alert as it is."""
    import asyncio

    from exchange.cli.member import opened

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> bool:
        async with opened(terminal, passphrase_file) as member:
            draft, table = make(member, source)
            if json:
                terminal.json(as_json(terminal, member, draft, table))
                if not draft.allowed:
                    why = reason(terminal, member, table.alert)
                    terminal.say("preview_refused", rule=table.alert.rule, reason=why)
            else:
                show(terminal, member, draft, table)
            return draft.allowed

    if not asyncio.run(work()):
        raise typer.Exit(REFUSED)


def make(member: Member, source: Path | AlertSource, step: Step | None = None) -> tuple[Draft, Preview]:
    """The draft of a source (file), and its preview; of a later version with its step. Raises SourceError, CommandError
    ``not_author``."""
    from exchange.client.draft import prepare
    from exchange.client.draft import preview as preview_of
    from exchange.client.source import AlertSource, read_source

    if "author" not in member.person.roles and "approver" not in member.person.roles:
        raise CommandError("not_author")
    if not isinstance(source, AlertSource):
        source = read_source(source, None if step is None else step.before.core)
    draft = prepare(source, member.client, step)
    return draft, preview_of(draft, member.client)


def show(terminal: Terminal, member: Member, draft: Draft, table: Preview) -> None:
    """The table on stdout: it is what the command is for."""
    from exchange.cli.chain import version_fields
    from exchange.cli.terminal import safe
    from exchange.cli.view import attachments_words, core_fields, put, put_fields, put_label
    from exchange.cli.witnesses import put_draft
    from exchange.model.alert import parse_content
    from exchange.model.tlp import Label

    core = draft.core
    put_label(terminal, core)
    for text in draft.source.texts:
        before = f"[{text.language}] " if draft.source.translation is not None else ""
        put((before + safe(text.title), "bold"))
    put()
    content = parse_content(draft.content)
    rows = version_fields(terminal, core, core.version, content.status)
    rows += [("field_changed", text.changed or "") for text in draft.source.texts]
    rows += [*core_fields(terminal, member, core, content), ("field_attachments", attachments_words(content))]
    if draft.source.bundle is not None:
        stix = terminal.text("stix_summary", number=draft.source.bundle.objects, label=core.label.display)
        rows.append(("field_stix", stix))
    put_fields([(terminal.text(key), value) for key, value in rows if value])
    for line in _about_files(terminal, draft):
        put(line)
    put()
    if core.label is Label.CLEAR:
        put(terminal.text("preview_public"))
    else:
        _people(terminal, member, table)
    if draft.step is not None:
        _difference(terminal, member, draft, table)
    _approvals(terminal, table)
    put_draft(terminal, draft)
    verdict(terminal, member, table.alert)


def _about_files(terminal: Terminal, draft: Draft) -> list[str]:
    """What was removed from attachments, what stays in them, and what nobody looked at."""
    lines = []
    for file in draft.source.attachments:
        for key, what in (("picture_removed", file.removed), ("picture_kept", file.kept)):
            if what:
                listed = ", ".join(terminal.text(f"metadata_{name}") for name in what)
                lines.append(terminal.text(key, name=file.name, what=listed))
        if file.uncleaned:
            lines.append(terminal.text("document_uncleaned", name=file.name))
    return lines


def _people(terminal: Terminal, member: Member, table: Preview) -> None:
    from exchange.cli.view import put, put_table

    devices = sum(len(row.devices) for row in table.receivers)
    put((terminal.text("preview_receives", persons=len(table.receivers), devices=devices), "bold"))
    head = [terminal.text(f"head_{name}") for name in ("who", "organisation", "devices", "why", "rule")]
    put_table(head, [_row(terminal, member, row) for row in table.receivers])
    put()
    put((terminal.text("preview_left_out", persons=len(table.left_out)), "bold"))
    if table.left_out:
        put_table([*head[:2], *head[3:]], [_left_out(terminal, member, row) for row in table.left_out])
    put()
    for key, subjects in (
        ("preview_keyless", table.keyless),
        ("preview_ending", table.ending),
        ("preview_without_device", table.without_device),
        ("preview_nameless", table.nameless),
    ):
        if subjects:
            put((terminal.text(key), "bold"))
            for line in _whose(member, subjects):
                put(f"  {line}")
            put()


def _difference(terminal: Terminal, member: Member, draft: Draft, table: Preview) -> None:
    """Who is new and who falls out against the version before, and whom a withdrawal no longer reaches, by name."""
    from exchange.cli.terminal import safe
    from exchange.cli.view import put

    before = draft.core.version - 1
    for key, rows in (
        ("preview_joining", table.joining),
        ("preview_leaving", table.leaving),
        ("preview_unreached", table.unreached),
    ):
        if rows:
            put((terminal.text(key, version=before), "bold"))
            for row in rows:
                put(f"  {safe(member.names.of(row.person))}, {safe(member.names.of(row.organisation))}")
            put()
    if draft.core.change is not None and draft.core.change.audience == "same" and not table.unreached:
        put(terminal.text("preview_same_audience", version=before))
    if draft.core.action == "withdraw":
        put(terminal.text("nobody_forgets"))
    put()


def _row(terminal: Terminal, member: Member, row: PersonRow) -> list[str]:
    usable = sum(device.usable for device in row.devices)
    number = str(len(row.devices)) if usable == len(row.devices) else f"{usable}/{len(row.devices)}"
    names = member.names
    why = reason(terminal, member, row.decision)
    return [names.of(row.person), names.of(row.organisation), number, why, row.decision.rule]


def _left_out(terminal: Terminal, member: Member, row: PersonRow) -> list[str]:
    names = member.names
    return [
        names.of(row.person),
        names.of(row.organisation),
        reason(terminal, member, row.decision),
        row.decision.rule,
    ]


def _whose(member: Member, subjects: Sequence[str]) -> list[str]:
    """Persons by name; devices by person and label."""
    from exchange.cli.terminal import safe

    lines = []
    for subject in subjects:
        device = member.facts.devices.get(subject)
        if device is None:
            lines.append(safe(member.names.of(subject)))
        else:
            lines.append(safe(f"{member.names.of(device.person)}, {member.names.of(subject)}"))
    return lines


def _approvals(terminal: Terminal, table: Preview) -> None:
    from exchange.cli.terminal import safe
    from exchange.cli.view import put

    if table.approvals or table.required:
        names = ", ".join(safe(row.name or row.person) for row in table.approvers) or "–"
        put(terminal.text("preview_approvals", number=max(table.required, table.approvals), names=names))
    else:
        put(terminal.text("preview_no_approval"))


def verdict(terminal: Terminal, member: Member, decision: Decision) -> None:
    """Whether the alert may be published as it is, on stderr as well as by the exit status."""
    if decision.allowed:
        terminal.say("preview_allowed")
    else:
        why = reason(terminal, member, decision)
        terminal.fail("preview_refused", rule=decision.rule, reason=why, code=decision.code)


def reason(terminal: Terminal, member: Member, decision: Decision) -> str:
    """A decision's sentence, with names for ids."""
    from exchange.policy.explain import explain_decision

    names = {value: member.names.of(value) for value in decision.values}
    return explain_decision(decision, language=terminal.language, names=names)


def as_json(terminal: Terminal, member: Member, draft: Draft, table: Preview) -> dict[str, Any]:
    """The preview for a script."""

    def person(row: PersonRow) -> dict[str, Any]:
        return {
            "code": row.decision.code,
            "devices": [
                {"device": d.device, "ends_soon": d.ends_soon, "last_week": d.last_week, "usable": d.usable}
                for d in row.devices
            ],
            "name": row.name,
            "organisation": row.organisation_name,
            "person": row.person,
            "rule": row.decision.rule,
            "why": reason(terminal, member, row.decision),
        }

    change = draft.core.change
    return {
        "action": draft.core.action,
        "unwitnessed": draft.unwitnessed,
        "witnessed": draft.core.witnessed,
        "allowed": table.alert.allowed,
        "approvals": table.approvals,
        "approvers": [row.person for row in table.approvers],
        "attachments": [
            {
                "kept": list(file.kept),
                "length": file.length,
                "media_type": file.media_type,
                "name": file.name,
                "removed": list(file.removed),
                "uncleaned": file.uncleaned,
            }
            for file in draft.source.attachments
        ],
        "change": None if change is None else change.to_json(),
        "code": table.alert.code,
        "digest": table.digest,
        "ending": list(table.ending),
        "joining": [person(row) for row in table.joining],
        "keyless": list(table.keyless),
        "label": draft.core.label.display,
        "languages": [text.language for text in draft.source.texts],
        "leaving": [person(row) for row in table.leaving],
        "left_out": [person(row) for row in table.left_out],
        "nameless": list(table.nameless),
        "receives": [person(row) for row in table.receivers],
        "required": table.required,
        "rule": table.alert.rule,
        "stanzas": table.stanzas,
        "unreached": [person(row) for row in table.unreached],
        "version": draft.core.version,
        "why": reason(terminal, member, table.alert),
        "without_device": list(table.without_device),
    }
