"""``exchange approve``: the second pair of eyes. Everything is recomputed and shown before the same bytes are signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import REFUSED, USAGE, CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.approve import Reason
    from exchange.client.verify import Proposal

REASONS = ("content", "label", "audience", "other")


def approve(
    proposal: Annotated[str | None, typer.Argument(metavar="[ID]", help=help_text("arg_proposal"))] = None,
    reject: Annotated[str | None, typer.Option("--reject", metavar="REASON", help=help_text("opt_reject"))] = None,
    confirm_nameless: Annotated[
        bool, typer.Option("--confirm-nameless", help=help_text("opt_confirm_nameless"))
    ] = False,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """List what waits for this person's approval; with an id show it, and approve or reject it."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.client.approve import proposals

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if reject is not None and reject not in REASONS:
        raise CommandError("bad_reject_reason", status=USAGE)

    async def work() -> int:
        async with opened(terminal, passphrase_file) as member:
            if "approver" not in member.person.roles:
                raise CommandError("not_approver")
            found = await proposals(member.client)
            if proposal is None:
                _list(terminal, member, found)
                return _failed(terminal, member)
            chosen_one = find(found, proposal)
            if not json:
                _show(terminal, member, chosen_one)
            if reject is not None:
                await _reject(terminal, member, chosen_one, cast("Reason", reject))
            else:
                await _approve(terminal, member, chosen_one, yes, confirm_nameless)
            return 0

    raise typer.Exit(asyncio.run(work()))


def find(found: list[Proposal], wanted: str) -> Proposal:
    """A waiting proposal by its number or the beginning of its id. Raises CommandError ``alert_unknown``, ``_ambiguous``."""
    numbered = [p for p in found if (p.opened.content.number or "").casefold() == wanted.casefold()]
    matching = numbered or [p for p in found if len(wanted) >= 4 and p.opened.statement.id.startswith(wanted.lower())]
    if not matching:
        raise CommandError("alert_unknown", hints=("hint_approve_one",), id=wanted)
    if len(matching) > 1:
        raise CommandError("alert_ambiguous", hints=("hint_alert_id",), id=wanted)
    return matching[0]


def _title(terminal: Terminal, proposal: Proposal) -> str:
    texts = proposal.opened.content.texts
    return next((text for text in texts if text.language == terminal.language), texts[0]).title


def _list(terminal: Terminal, member: Member, found: list[Proposal]) -> None:
    from exchange.cli.times import iso, moment
    from exchange.cli.view import SHORT, label_span, put_table

    if terminal.as_json:
        terminal.json([_as_json(member, proposal) | {"until": iso(_core(proposal).release_by)} for proposal in found])
        return
    if not found:
        terminal.say("approve_none")
        return
    rows = [
        [
            proposal.opened.statement.id[:SHORT],
            _core(proposal).label.display,
            terminal.text("exercise") if _core(proposal).exercise else "",
            proposal.opened.content.number or "",
            _title(terminal, proposal),
            member.names.of(proposal.opened.signers.author),
            moment(_core(proposal).release_by, terminal.language),
        ]
        for proposal in found
    ]
    head = [terminal.text(f"field_{n}") for n in ("id", "label")] + [""]
    head += [terminal.text(f"field_{n}") for n in ("number", "title", "from", "release_by")]
    put_table(head, rows, [label_span(_core(proposal).label)[1] for proposal in found])
    terminal.say("approve_list", number=len(found))
    terminal.hint("hint_approve_one")


def _core(proposal: Proposal) -> Any:
    return proposal.opened.core


def _failed(terminal: Terminal, member: Member) -> int:
    """A proposal that does not verify is named, and is no reason to be quiet."""
    from exchange.cli.inbox import say_failures

    return REFUSED if say_failures(terminal, member) else 0


def _show(terminal: Terminal, member: Member, proposal: Proposal) -> None:
    """The alert as its readers will see it, and the decision as this device recomputed it."""
    from exchange.cli.preview import reason
    from exchange.cli.terminal import safe
    from exchange.cli.view import Item, put, put_alert, put_table
    from exchange.client.state import AlertRow

    opened = proposal.opened
    row = AlertRow(opened.index, opened.statement.id, opened.core.alert, opened.core.version, 0, "proposed")
    shown = Item(row, opened.core, opened.content, opened.signers.author, opened.signers.approvals, None)
    put_alert(terminal, member, shown)
    put()
    people = proposal.verdict.people
    if proposal.verdict.unreached:
        put((terminal.text("preview_unreached"), "bold"))
        for person in proposal.verdict.unreached:
            put(f"  {safe(member.names.of(person))}")
        put()
    if not people:
        put(terminal.text("preview_public"))
        return
    devices = len(proposal.verdict.recipients)
    receiving = [(person, decision) for person, decision in people.items() if decision.allowed]
    leaving = [(person, decision) for person, decision in people.items() if not decision.allowed]
    head = [terminal.text(f"head_{name}") for name in ("who", "organisation", "why", "rule")]
    for key, listed in (("preview_receives", receiving), ("preview_left_out", leaving)):
        put((terminal.text(key, persons=len(listed), devices=devices), "bold"))
        rows = [
            [
                member.names.of(person),
                member.names.of(member.facts.persons[person].organisation),
                reason(terminal, member, decision),
                decision.rule,
            ]
            for person, decision in listed
        ]
        if rows:
            put_table(head, rows)
        put()


async def _approve(terminal: Terminal, member: Member, proposal: Proposal, yes: bool, confirm_nameless: bool) -> None:
    import time

    from exchange.cli.publish import check_nameless, say_others, say_unserved
    from exchange.client.approve import approve as approve_proposal
    from exchange.client.approve import nameless_of

    check_nameless(_core(proposal).label.value, len(nameless_of(proposal, member.client)), confirm_nameless)
    terminal.confirm("ask_approve", yes=yes)
    decided = time.time()
    released = await approve_proposal(proposal, member.client, confirm_nameless=confirm_nameless)
    terminal.say("approve_released" if released.released else "approve_more", id=released.statement)
    say_unserved(terminal, member, released.unserved)
    say_others(terminal, member, released)
    if terminal.as_json:
        terminal.json(
            {
                "decided_at": decided,
                "index": released.index,
                "released": released.released,
                "statement": released.statement,
                "unreached": list(released.unreached),
                "unserved": list(released.unserved),
            }
        )
    else:
        terminal.data(released.statement)


async def _reject(terminal: Terminal, member: Member, proposal: Proposal, reason: Reason) -> None:
    from exchange.client.approve import reject

    envelope = await reject(proposal, member.client, reason)
    terminal.say("approve_rejected", id=proposal.opened.statement.id)
    if terminal.as_json:
        terminal.json({"rejected": proposal.opened.statement.id, "statement": envelope.statement_id})


def _as_json(member: Member, proposal: Proposal) -> dict[str, Any]:
    opened = proposal.opened
    return {
        "approvals": [member.names.of(person) for person in opened.signers.approvals],
        "author": member.names.of(opened.signers.author),
        "content": opened.content.to_json(),
        "exercise": opened.core.exercise,
        "label": opened.core.label.display,
        "recipients": len(proposal.verdict.recipients),
        "statement": opened.statement.id,
    }
