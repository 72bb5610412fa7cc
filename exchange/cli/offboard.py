"""``exchange offboard``: a person or an organisation leaves, in one step that first names everything it does and cannot undo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import (
    HomeOption,
    JsonOption,
    LangOption,
    PassphraseOption,
    RegistrarOption,
    YesOption,
    chosen,
)
from exchange.cli.terminal import CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.leaving import Leaving


def offboard(
    subject: Annotated[str, typer.Argument(metavar="PERSON|ORGANISATION", help=help_text("arg_offboard"))],
    erase: Annotated[bool, typer.Option("--erase", help=help_text("opt_erase"))] = False,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("offboard.json"),
    registrar: RegistrarOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Remove a person with all devices, or an organisation with all its people; shown first, asked for, then one request."""
    import asyncio

    from exchange.cli.admit import report
    from exchange.cli.erase import erasing
    from exchange.cli.member import opened
    from exchange.cli.registry import (
        administers,
        carry_or_post,
        find_subject,
        prepare,
        prepare_for_registrars,
        write_for_registrars,
    )
    from exchange.client.leaving import chains_of, erasable, organisation_leaving, person_leaving
    from keys.registrar import MAX_STATEMENTS, SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            facts = member.facts
            family, found = find_subject(member, subject, ("person", "organisation"))
            whole = family == "organisation"
            leaving = organisation_leaving(facts, found) if whole else person_leaving(facts, found)
            if member.person.id in leaving.people:
                raise CommandError("offboard_self")
            at_once = administers(member, leaving.organisation) and (not whole or facts.organisations[found].client)
            await show(terminal, member, found, leaving, whole=whole)
            terminal.confirm("ask_offboard", yes=yes, name=member.names.of(found))
            prepared = prepare(member, alone=True) if at_once else prepare_for_registrars(member, registrar)
            items = []
            if whole:
                fields = {"organisation": found, "previous": facts.chains[f"organisation/{found}"]}
                items.append(SigningItem(prepared.statement("organisation.remove", **fields)))
            else:
                for device in leaving.devices:
                    previous = facts.chains[f"device/{device}"]
                    items.append(SigningItem(prepared.statement("device.revoke", device=device, previous=previous)))
                fields = {"person": found, "previous": facts.chains[f"person/{found}"]}
                items.append(SigningItem(prepared.statement("person.remove", **fields)))
            if erase:
                # One device's erasing of what it has just removed stands in the same request: all or none.
                wanted = [
                    one for chain in chains_of(facts, leaving, whole=whole) for one in erasable(facts, chain, gone=True)
                ]
                items += erasing(member, prepared, wanted)
            if len(items) > MAX_STATEMENTS:
                raise CommandError("offboard_too_many", number=len(items), most=MAX_STATEMENTS)
            if at_once:
                results = await carry_or_post(terminal, member, items, signers="one", out=None)
                report(terminal, results or [])
            else:
                write_for_registrars(terminal, member, items, out)
            if not erase:
                terminal.hint("hint_erase", name=member.names.of(found))

    asyncio.run(work())


async def show(terminal: Terminal, member: Member, found: str, leaving: Leaving, *, whole: bool) -> None:
    """Everything that happens, and what cannot be undone; on stderr, because a person reads it before answering."""
    facts, names = member.facts, member.names
    own = names.of(leaving.organisation)
    terminal.say("offboard_organisation" if whole else "offboard_person", name=names.of(found), organisation=own)
    for person in leaving.people:
        if whole:
            roles = ", ".join(sorted(facts.persons[person].roles))
            terminal.say("offboard_who", name=names.of(person), roles=roles)
    for device in leaving.devices:
        owner = names.of(facts.devices[device].person)
        terminal.say("offboard_device", label=names.of(device), name=owner)
    for role in leaving.last:
        terminal.say("offboard_last", role=role, organisation=own)
    for circle, left in leaving.curated:
        terminal.say("offboard_curated" if left else "offboard_curated_last", circle=names.of(circle), left=left)
    for circle in leaving.member_of:
        terminal.say("offboard_circle", circle=names.of(circle))
    for client in leaving.clients:
        terminal.say("offboard_client", client=names.of(client), organisation=own)
    await _show_proposals(terminal, member, leaving)
    terminal.say("offboard_stays")
    terminal.say("offboard_final")


async def _show_proposals(terminal: Terminal, member: Member, leaving: Leaving) -> None:
    """Open proposals that lose author or approver, as far as this member is shown any."""
    from exchange.client.approve import proposals

    people = set(leaving.people)
    open_proposals = await proposals(member.client) if member.person.roles & {"author", "approver"} else None
    if open_proposals is None:
        terminal.say("offboard_proposals_unseen")
        return
    for proposal in open_proposals:
        core = proposal.opened.statement.alert.core
        author = member.facts.devices[core.issuer.device].person
        title = proposal.opened.content.texts[0].title
        if author in people or people & set(core.approvers):
            left = len(set(core.approvers) - people)
            terminal.say("offboard_proposal", title=title, left=left, needed=core.approvals)
