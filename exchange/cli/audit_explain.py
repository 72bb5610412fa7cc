"""``exchange audit explain``: why this person did or did not receive this alert (``docs/spec/audit.md``, Explain)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.options import JsonOption, LangOption, chosen
from exchange.cli.terminal import REFUSED, USAGE, Terminal
from exchange.cli.texts import help_text
from exchange.cli.times import iso, moment

if TYPE_CHECKING:
    from exchange.audit.explain import About, Explanation, Group, Held
    from exchange.audit.seek import Placed
    from exchange.model.alert import Audience
    from exchange.policy.rules import Decision

SHORT = 8
"""Characters of an id on the screen."""
GROUPS = 12
"""Lines of the table of reasons, so that it stays one screen."""


def explain(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help=help_text("arg_explain_alert"))],
    bundle: Annotated[Path, typer.Option("--bundle", metavar="DIR", help=help_text("arg_audit"))],
    person: Annotated[str | None, typer.Argument(metavar="PERSON", help=help_text("arg_explain_person"))] = None,
    as_if: Annotated[
        list[str] | None, typer.Option("--as-if", metavar="FIELD=VALUE", help=help_text("opt_as_if"))
    ] = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Explain one alert, and one person. Exit status 1 when what was checked of the alert does not hold, 2 when it is not there."""
    from exchange.audit.bundle import AuditBundle, BundleError
    from exchange.audit.explain import explain as explained
    from exchange.audit.hypothesis import Hypothesis
    from exchange.audit.seek import SeekError
    from exchange.cli.failure import report_failure

    terminal = Terminal(chosen(lang), as_json=json)
    try:
        found = explained(AuditBundle(bundle), alert, person, Hypothesis.of(as_if or ()))
    except (SeekError, BundleError) as error:
        report_failure(terminal, error)
        raise typer.Exit(USAGE) from None
    if json:
        terminal.json(_as_json(terminal, found))
    else:
        _show(terminal, found)
    if found.faults:
        raise typer.Exit(REFUSED)


# -- one screen ------------------------------------------------------------------------------------------------------------


def _show(terminal: Terminal, found: Explanation) -> None:
    core, newest = found.core, found.mentions[-1]
    state = terminal.text("explain_released" if found.released else "explain_proposed")
    at = moment(newest.entry.at, terminal.language)
    head = terminal.text(
        "explain_head", id=found.statement.id[:SHORT], version=core.version, index=newest.index, at=at, state=state
    )
    terminal.data(f"{core.label.display}  {head}")
    if found.hypothesis.values:
        assumed = ", ".join(f"{name}={value}" for name, values in found.hypothesis.values.items() for value in values)
        terminal.data(terminal.text("explain_assumed", values=assumed))
    terminal.data()
    if found.about is not None:
        _person(terminal, found, found.about)
    rows = [
        [terminal.text("explain_alert"), _verdict(terminal, found.decision)],
        [terminal.text("explain_audience"), _audience(terminal, found, core.audience)],
        [terminal.text("explain_author"), _author(terminal, found)],
    ]
    if found.approvals:
        rows.append([terminal.text("explain_approved"), ", ".join(_name(found, one) for one in found.approvals)])
    roster = terminal.text("explain_roster_at", size=found.roster.size, at=moment(core.at, terminal.language))
    rows.append([terminal.text("explain_roster"), roster])
    if found.about is not None:
        rows.append([terminal.text("explain_entries"), _entries(found.about.entries, found.mentions)])
    terminal.table(rows)
    if found.about is None:
        _everybody(terminal, found)
    terminal.data()
    for code, sentence in found.faults:
        terminal.data(terminal.text("explain_fault", code=code, sentence=sentence))
    key = "explain_checked_clear" if not found.core.label.sealed else "explain_checked"
    if not found.faults:
        terminal.data(terminal.text(key, leaves=found.leaves))
    terminal.data(terminal.text("explain_limit"))


def _person(terminal: Terminal, found: Explanation, about: About) -> None:
    """What became of it, the rule, and what the rule read."""
    terminal.data(terminal.text(f"fate_{about.outcome}", who=_who(terminal, found, about)))
    rows = [[terminal.text("explain_rule"), _verdict(terminal, about.decision)]]
    home, person = about.organisation, about.person
    kind = terminal.text(f"organisation_{home.kind}")
    inside = ", ".join((kind, *sorted(home.sectors), *home.areas))
    named = terminal.text("explain_assumed_home") if home.id == person.id else _name(found, home.id)
    rows.append([terminal.text("explain_home"), f"{named} ({inside})"])
    rows.append([terminal.text("explain_roles"), ", ".join(sorted(person.roles))])
    rows.append([terminal.text("explain_topics"), ", ".join(sorted(person.topics)) or "–"])
    rows += [[terminal.text("explain_device"), _device(terminal, held)] for held in about.devices]
    terminal.table(rows)
    terminal.data()


def _who(terminal: Terminal, found: Explanation, about: About) -> str:
    if found.hypothesis.about_person:
        return terminal.text("explain_somebody")
    return _name(found, about.person.id)


def _device(terminal: Terminal, held: Held) -> str:
    words = [held.device[:SHORT]]
    if not held.in_force:
        words.append(terminal.text("explain_revoked"))
    if held.leaf is not None:
        words.append(terminal.text("explain_leaf" if held.stanza else "explain_leaf_empty", leaf=held.leaf))
    else:
        words.append(terminal.text("explain_no_leaf"))
    words += [terminal.text("explain_granted_at", index=index) for index in held.grants]
    return ", ".join(words)


def _everybody(terminal: Terminal, found: Explanation) -> None:
    """Who and why, grouped by the reason."""
    terminal.data()
    if found.hypothesis.about_alert:
        numbers = {"joining": found.joining, "leaving": found.leaving}
        terminal.data(terminal.text("explain_difference", **numbers))
    rows: list[list[object]] = []
    for group in found.groups[:GROUPS]:
        receives = terminal.text("explain_yes" if group.decision.allowed else "explain_no")
        why = _sentence(terminal, group.decision)
        rows.append([receives, group.count, group.decision.rule, why, _members(terminal, found, group)])
    head = [terminal.text(f"column_{name}") for name in ("receives", "persons", "rule", "why", "who")]
    terminal.table(rows, head)
    if len(found.groups) > GROUPS:
        terminal.data(terminal.text("explain_more_groups", number=len(found.groups) - GROUPS))
    terminal.data(terminal.text("explain_devices", devices=found.recipients))


def _members(terminal: Terminal, found: Explanation, group: Group) -> str:
    from exchange.audit.explain import SHOWN_ORGANISATIONS

    shown = [f"{_name(found, one)} {len(group.people[one])}" for one in list(group.people)[:SHOWN_ORGANISATIONS]]
    rest = len(group.people) - len(shown)
    return ", ".join(shown) + (terminal.text("explain_and_more", number=rest) if rest else "")


def _verdict(terminal: Terminal, decision: Decision) -> str:
    word = terminal.text("explain_yes" if decision.allowed else "explain_no")
    return f"{word}, {decision.rule}: {_sentence(terminal, decision)} [{decision.code}]"


def _sentence(terminal: Terminal, decision: Decision) -> str:
    from exchange.policy.explain import explain_decision

    if decision.code in ("proposed", "released"):
        return terminal.text(f"decided_{decision.code}")
    return explain_decision(decision, language=terminal.language)


def _audience(terminal: Terminal, found: Explanation, audience: Audience | None) -> str:
    if audience is None:
        return terminal.text("audience_public")
    if audience.everyone:
        return terminal.text("audience_everyone")
    parts = []
    for field in ("sectors", "areas", "topics", "organisations", "circles", "persons"):
        values = getattr(audience, field)
        if values:
            named = [
                _name(found, value) if field in ("circles", "organisations", "persons") else value for value in values
            ]
            more = terminal.text("explain_and_more", number=len(named) - 6) if len(named) > 6 else ""
            parts.append(f"{terminal.text('audience_' + field)}: {', '.join(named[:6])}{more}")
    return "; ".join(parts)


def _author(terminal: Terminal, found: Explanation) -> str:
    facts = found.roster.facts
    device = facts.devices.get(found.core.issuer.device)
    if device is None:
        return found.core.issuer.device[:SHORT]
    return f"{_name(found, device.person)}, {_name(found, facts.persons[device.person].organisation)}"


def _name(found: Explanation, identifier: str) -> str:
    return found.names.get(identifier, identifier[:SHORT])


def _entries(registry: tuple[Placed, ...], journal: tuple[Placed, ...]) -> str:
    named = [f"registry {one.index} {one.entry.kind}" for one in registry]
    return ", ".join([*named, *(f"journal {one.index} {one.entry.kind}" for one in journal)])


# -- for a script ----------------------------------------------------------------------------------------------------------


def _as_json(terminal: Terminal, found: Explanation) -> dict[str, Any]:
    def decision(of: Decision) -> dict[str, Any]:
        why = _sentence(terminal, of)
        return {"allowed": of.allowed, "code": of.code, "rule": of.rule, "values": list(of.values), "why": why}

    def entries(of: tuple[Placed, ...]) -> list[dict[str, Any]]:
        return [{"at": iso(one.entry.at), "index": one.index, "kind": one.entry.kind} for one in of]

    core = found.core
    value: dict[str, Any] = {
        "alert": core.alert,
        "approved_by": [{"id": one, "name": found.names.get(one)} for one in found.approvals],
        "as_if": {name: list(values) for name, values in found.hypothesis.values.items()},
        "audience": None if core.audience is None else core.audience.to_json(),
        "checked": ["statement", "signatures", *(["leaves"] if core.label.sealed else [])],
        "decision": decision(found.decision),
        "entries": entries(found.mentions),
        "faults": [{"code": code, "sentence": sentence} for code, sentence in found.faults],
        "groups": [
            {
                **decision(group.decision),
                "organisations": {one: list(people) for one, people in group.people.items()},
                "persons": group.count,
            }
            for group in found.groups
        ],
        "joining": found.joining,
        "label": core.label.display,
        "leaves": found.leaves,
        "leaving": found.leaving,
        "names": dict(found.names),
        "proven": False,
        "recipients": found.recipients,
        "registry_size": found.roster.size,
        "released": found.released,
        "statement": found.statement.id,
        "version": core.version,
    }
    about = found.about
    if about is not None:
        home = about.organisation
        value["person"] = {
            "decision": decision(about.decision),
            "devices": [
                {
                    "device": held.device,
                    "grants": list(held.grants),
                    "in_force": held.in_force,
                    "leaf": held.leaf,
                    "stanza": held.stanza,
                }
                for held in about.devices
            ],
            "entries": entries(about.entries),
            "id": about.person.id,
            "name": found.names.get(about.person.id),
            "organisation": {
                "areas": list(home.areas),
                "id": home.id,
                "kind": home.kind,
                "name": found.names.get(home.id),
                "sectors": sorted(home.sectors),
            },
            "outcome": about.outcome,
            "roles": sorted(about.person.roles),
            "topics": sorted(about.person.topics),
        }
    return value
