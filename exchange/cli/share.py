"""``exchange share``: give an alert on, and see to whom its label allows that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import REFUSED, USAGE, CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.cli.view import Item
    from exchange.client.share import Candidate, Given, LeftOut
    from exchange.policy.rules import Decision


def share(
    alert: Annotated[str, typer.Argument(metavar="ID", help=help_text("arg_alert"))],
    who: Annotated[bool, typer.Option("--who", help=help_text("opt_share_who"))] = False,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="NAME", help=help_text("opt_share_to"))] = None,
    newcomers: Annotated[bool, typer.Option("--newcomers", help=help_text("opt_share_newcomers"))] = False,
    permission: Annotated[
        str | None, typer.Option("--permission", metavar="ID", help=help_text("opt_share_permission"))
    ] = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Exit status 1 when the rules forbid it for one of the persons named; then nobody was given anything."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.view import find
    from exchange.client.draft import resolve
    from exchange.client.share import share as give
    from exchange.client.share import who as candidates
    from exchange.policy.grants import NEWCOMER, ONWARD

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if sum((who, bool(to), newcomers)) != 1:
        raise CommandError("share_which", status=USAGE)
    purpose = NEWCOMER if newcomers else ONWARD

    async def work() -> bool:
        async with opened(terminal, passphrase_file) as member:
            shown = find(member, alert)
            found = candidates(member.client, shown.statement, purpose, permission)
            if who:
                _show(terminal, member, found)
                return True
            if newcomers:
                wanted = [one for one in found if one.decision.allowed]
            else:
                named = {resolve(member.client.replica, "person", name) for name in to or ()}
                wanted = [one for one in found if one.person in named]
                _refuse(terminal, member, shown, wanted)
            if not wanted:
                terminal.say("share_nobody")
                return not to
            devices = sum(len(one.devices) for one in wanted)
            label = shown.core.label.display
            terminal.confirm("ask_share", yes=yes, label=label, number=len(wanted), devices=devices)
            people = [one.person for one in wanted]
            given, left = await give(member.client, shown.statement, people, purpose, permission)
            report(terminal, member, given, left)
            terminal.say("share_stays")
            return True

    if not asyncio.run(work()):
        raise typer.Exit(REFUSED)


def _refuse(terminal: Terminal, member: Member, shown: Item, wanted: Sequence[Candidate]) -> None:
    """Raises CommandError ``share_refused`` for the first person to whom it may not be given."""
    for one in wanted:
        if not one.decision.allowed:
            raise CommandError(
                "share_refused",
                hints=("hint_share_who",),
                code=one.decision.code,
                name=member.names.of(one.person),
                rule=one.decision.rule,
                reason=reason(terminal, one.decision),
                id=shown.statement[:10],
            )


def reason(terminal: Terminal, decision: Decision) -> str:
    """A decision's sentence."""
    from exchange.cli.failure import sentence
    from exchange.policy.explain import SENTENCES, explain_decision

    if decision.code in SENTENCES:
        return explain_decision(decision, language=terminal.language)
    return sentence(terminal, decision.code, decision.code)


def _show(terminal: Terminal, member: Member, found: Sequence[Candidate]) -> None:
    from exchange.cli.view import put, put_table

    may = [one for one in found if one.decision.allowed]
    others = [one for one in found if not one.decision.allowed]
    if terminal.as_json:
        terminal.json(
            {
                "may": [_as_json(terminal, member, one) for one in may],
                "may_not": [_as_json(terminal, member, one) for one in others],
            }
        )
        return
    head = [terminal.text(f"head_{name}") for name in ("who", "organisation", "devices", "why", "rule")]
    put((terminal.text("share_may", number=len(may)), "bold"))
    if may:
        put_table(head, [_row(terminal, member, one) for one in may])
    put()
    put((terminal.text("share_may_not", number=len(others)), "bold"))
    if others:
        put_table(head, [_row(terminal, member, one) for one in others])
    terminal.say("share_known")


def _row(terminal: Terminal, member: Member, one: Candidate) -> list[str]:
    names = member.names
    place = member.facts.persons[one.person].organisation
    why = reason(terminal, one.decision)
    return [names.of(one.person), names.of(place), str(len(one.devices)), why, one.decision.rule]


def _as_json(terminal: Terminal, member: Member, one: Candidate) -> dict[str, Any]:
    place = member.facts.persons[one.person].organisation
    return {
        "code": one.decision.code,
        "devices": list(one.devices),
        "name": member.names.of(one.person),
        "organisation": member.names.of(place),
        "person": one.person,
        "rule": one.decision.rule,
        "why": reason(terminal, one.decision),
    }


def report(terminal: Terminal, member: Member, given: Sequence[Given], left: Sequence[LeftOut]) -> None:
    """What was given to whom, and what was not."""
    for one in given:
        owner = member.facts.devices[one.device].person
        terminal.say("share_done", name=member.names.of(owner), device=member.names.of(one.device))
    for missing in left:
        why = reason(terminal, missing.decision)
        terminal.say("share_left", device=member.names.of(missing.device), reason=why)
    if terminal.as_json:
        terminal.json(
            {
                "given": [{"alert": g.alert, "device": g.device, "statement": g.statement} for g in given],
                "left": [{"alert": m.alert, "code": m.decision.code, "device": m.device} for m in left],
            }
        )
