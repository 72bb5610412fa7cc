"""The versions of an alert on a terminal: where the newest stands, what changed, and what was not sent to this device.

A withdrawal is said before any text of the alert. What the journal shows of versions that are not here is said as well: a
reader is never left with an older version unawares (``docs/spec/envelope.md``, Versions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exchange.cli.terminal import Terminal, safe
from exchange.cli.times import iso, moment
from exchange.cli.view import BANNER, SHOWN, Item, item, put, put_fields, put_table
from exchange.cli.witnesses import seen_words

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.state import AlertRow
    from exchange.model.alert import Core

LOUD = frozenset({"withdraw", "all-clear", "supersede"})
"""The actions that change what the versions before them are worth."""


def opened_versions(member: Member, shown: Item) -> list[Item]:
    """The versions of an alert that were opened here, the oldest first."""
    return [item(member, row) for row in member.state.versions(shown.core.alert) if row.status in SHOWN]


def newest_each(shown: list[Item]) -> list[Item]:
    """One item an alert: its newest version here, in the order in which these came."""
    newest: dict[str, Item] = {}
    for one in shown:
        known = newest.get(one.core.alert)
        if known is None or known.core.version < one.core.version:
            newest[one.core.alert] = one
    return sorted(newest.values(), key=lambda one: one.row.index)


def newer_elsewhere(member: Member, shown: Item) -> list[AlertRow]:
    """The released versions after the newest one that was opened here."""
    rows = member.state.versions(shown.core.alert)
    newest = max(row.version for row in rows if row.status in SHOWN)
    return [row for row in rows if row.version > newest]


def reason_words(terminal: Terminal, core: Core) -> str:
    """The reason of a later version, in words."""
    from exchange.client.versions import REASONS

    return "" if core.change is None else REASONS[core.change.reason][0 if terminal.language == "de" else 1]


def state_words(terminal: Terminal, member: Member, shown: Item) -> str:
    """An alert's state in one cell: what its newest version here does, interim or final, and whether there is a newer one."""
    core, parts = shown.core, []
    if core.action != "new":
        parts.append(terminal.text(f"action_{core.action}"))
        parts.append(terminal.text("version_short", version=core.version))
    if shown.content.status is not None:
        parts.append(terminal.text(f"standing_{shown.content.status}"))
    if newer_elsewhere(member, shown):
        parts.append(terminal.text("state_newer"))
    waiting = seen_words(terminal, member, shown)
    if waiting:
        parts.append(waiting)
    return ", ".join(parts)


def put_standing(terminal: Terminal, member: Member, shown: Item) -> None:
    """Before the text: withdrawn, all-clear, superseded, older than another one here, or overtaken elsewhere."""
    chain = opened_versions(member, shown)
    newest = chain[-1].core
    loud = [one.core for one in chain if one.core.action in LOUD and one.core.version >= shown.core.version]
    for core in loud:
        reason = reason_words(terminal, core)
        if core.action == "withdraw":
            _banner(terminal.text("banner_withdrawn", version=core.version, reason=reason))
        elif core.action == "all-clear":
            _banner(terminal.text("banner_all_clear", version=core.version, reason=reason))
        elif core.version > shown.core.version:
            _banner(terminal.text("banner_superseded", version=core.version))
    if newest.version > shown.core.version:
        _banner(terminal.text("banner_older", version=shown.core.version, newest=newest.version))
    for row in newer_elsewhere(member, shown):
        if row.status == "pending":
            _banner(terminal.text("newer_unverified", version=row.version))
        elif row.status == "keyless":
            _banner(terminal.text("newer_keyless", version=row.version))
        else:
            _banner(terminal.text("newer_elsewhere", version=row.version))


def _banner(text: str) -> None:
    put((f" {text} ", BANNER))


def version_fields(terminal: Terminal, core: Core, newest: int, status: str | None) -> list[tuple[str, str]]:
    """What a later version says of itself."""
    rows = []
    if core.change is not None:
        which = terminal.text("version_of", version=core.version, newest=newest)
        rows.append(("field_version", f"{which}, {terminal.text('action_' + core.action)}"))
        audience = terminal.text(f"circle_{core.change.audience}")
        rows.append(("field_reason", f"{reason_words(terminal, core)}, {audience}"))
    if status is not None:
        rows.append(("field_state", terminal.text(f"standing_{status}")))
    return rows


def put_chain(terminal: Terminal, member: Member, shown: Item) -> None:
    """All released versions, the oldest first; of those that are here what changed."""
    here = {one.row.statement: one for one in opened_versions(member, shown)}
    rows = []
    for row in member.state.versions(shown.core.alert):
        one = here.get(row.statement)
        if one is None:
            rows.append([str(row.version), moment(row.at, terminal.language), "", "", terminal.text("chain_not_here")])
        else:
            rows.append(
                [
                    str(row.version),
                    moment(row.at, terminal.language),
                    one.core.label.display,
                    terminal.text(f"action_{one.core.action}"),
                    one.text(terminal.language).changed or one.text(terminal.language).title,
                ]
            )
    head = [terminal.text(f"field_{name}") for name in ("version", "published", "label", "state", "changed")]
    put_table(head, [[safe(cell) for cell in row] for row in rows])
    put()


def put_changed(terminal: Terminal, shown: Item) -> None:
    """What a later version says that changed, in each of its languages."""
    for text in shown.content.texts:
        if text.changed is not None:
            put_fields([(terminal.text("field_changed"), text.changed)])


def chain_json(member: Member, shown: Item) -> dict[str, Any]:
    """The chain for a script, beside the alert itself."""
    core = shown.core
    versions = member.state.versions(core.alert)
    return {
        "action": core.action,
        "alert": core.alert,
        "change": None if core.change is None else core.change.to_json(),
        "newer": [
            {"published": iso(row.at), "statement": row.statement, "version": row.version}
            for row in newer_elsewhere(member, shown)
        ],
        "status": shown.content.status,
        "version": core.version,
        "versions": [
            {
                "here": row.status in SHOWN,
                "published": iso(row.at),
                "statement": row.statement,
                "version": row.version,
            }
            for row in versions
        ],
    }
