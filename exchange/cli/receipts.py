"""``exchange receipts``: who has read an alert, who reacted how, who is silent, and the numbers to call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import Terminal, safe
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.cli.view import Item
    from exchange.client.messages import Said
    from exchange.client.responses import Responses, Standing

CONTACTS = 5
"""Persons named for an organisation in the call list."""


def receipts(
    alert: Annotated[str, typer.Argument(metavar="ID", help=help_text("arg_alert"))],
    silent: Annotated[bool, typer.Option("--silent", help=help_text("opt_silent"))] = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Show by organisation (for RED by person) how far an alert got; with --silent only whom to call."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.view import find
    from exchange.client.responses import responses
    from exchange.client.versions import unreached

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            shown = find(member, alert)
            found = await responses(member.client, shown.statement, shown.core.label)
            lost = await unreached(member.client, shown.core)
            if json:
                named = [{"name": member.names.of(person), "person": person} for person in lost]
                terminal.json(_as_json(member, shown, found) | {"action": shown.core.action, "unreached": named})
                return
            if not silent:
                _table(terminal, member, found)
            _taken_back(terminal, member, shown, found, lost)
            _call_list(terminal, member, shown, found)

    asyncio.run(work())


def _table(terminal: Terminal, member: Member, found: Responses) -> None:
    from exchange.cli.times import moment
    from exchange.cli.view import put_table

    def row(standing: Standing) -> list[str]:
        since = "" if standing.at is None else moment(standing.at, terminal.language)
        state = terminal.text(f"state_{standing.state}")
        said = "" if standing.reaction is None else reaction_text(terminal, member, standing.reaction)
        return [member.names.of(standing.subject), state, since, safe(said)]

    standings = sorted(found.standings, key=lambda standing: member.names.of(standing.subject).casefold())
    head = [terminal.text(f"field_{name}") for name in ("subject", "state", "since", "reaction")]
    put_table(head, [row(standing) for standing in standings])
    acknowledged = sum(standing.acknowledged for standing in standings)
    terminal.say("receipts_count", acknowledged=acknowledged, all=len(standings))
    terminal.say("receipts_claim")
    for question in found.questions:
        terminal.say("question_open", name=member.names.of(question.person), id=question.statement[:10])


def _taken_back(terminal: Terminal, member: Member, shown: Item, found: Responses, lost: tuple[str, ...]) -> None:
    """Of a withdrawal or an all-clear: how many have it, whom it does not reach any more, and what it cannot do."""
    from exchange.policy.rules import TAKING_BACK

    core = shown.core
    if core.action not in TAKING_BACK:
        return
    others = [standing for standing in found.standings if not standing.own]
    terminal.say(
        "taken_back_counted",
        version=core.version,
        action=terminal.text(f"action_{core.action}"),
        all=len(others),
        received=sum(standing.state in ("received", "read", "reacted") for standing in others),
        read=sum(standing.acknowledged for standing in others),
        what=terminal.text("taken_back_persons" if found.by_person else "taken_back_organisations"),
    )
    if lost:
        terminal.say("taken_back_unreached", names=", ".join(sorted(member.names.of(person) for person in lost)))
    if core.action == "withdraw":
        terminal.say("nobody_forgets")


def _call_list(terminal: Terminal, member: Member, shown: Item, found: Responses) -> None:
    """The silent ones with their numbers; with the time by which they were to acknowledge."""
    from exchange.cli.connect import now
    from exchange.cli.times import moment

    due = shown.core.acknowledge_by
    if due is not None:
        when = moment(due, terminal.language)
        terminal.say("acknowledge_late" if due < now() else "acknowledge_until", when=when)
    if not found.silent:
        terminal.say("nobody_silent")
        return
    terminal.say("silent_list", number=len(found.silent))
    for standing in found.silent:
        terminal.data(member.names.of(standing.subject))
        for name, contact in contacts(member, standing.subject, by_person=found.by_person):
            terminal.data(f"  {name}: {contact}" if name else f"  {contact}")


def contacts(member: Member, subject: str, *, by_person: bool) -> list[tuple[str, str]]:
    """Whom to call: the person, or the organisation and at most five of its officers; (name, contact), where known."""
    names = member.client.replica.names
    if by_person:
        own = names.get("person", subject, "contact")
        organisation = member.facts.persons[subject].organisation
        return [("", own)] if own else contacts(member, organisation, by_person=False)
    found = [("", contact)] if (contact := names.get("organisation", subject, "contact")) else []
    officers = [
        person
        for person in member.facts.people_of.get(subject, ())
        if "officer" in member.facts.persons[person].roles and not member.facts.persons[person].removed
    ]
    named = [(member.names.of(person), names.get("person", person, "contact")) for person in officers]
    return found + [(name, number) for name, number in named if number is not None][:CONTACTS]


def reaction_text(terminal: Terminal, member: Member, said: Said) -> str:
    """What a reaction says, in a line."""
    from exchange.cli.times import moment
    from exchange.model.messages import Reaction

    words = said.words
    if not isinstance(words, Reaction):
        return ""
    parts = [terminal.text(f"reaction_{words.level}"), f"({member.names.of(said.person)})"]
    if words.until is not None:
        parts.append(terminal.text("away_until", when=moment(words.until, terminal.language)))
    if words.deputy is not None:
        parts.append(terminal.text("away_deputy", name=member.names.of(words.deputy)))
    if words.call is not None:
        parts.append(f"☎ {words.call}")
    if words.text is not None:
        parts.append(" ".join(words.text.split()))
    return " ".join(parts)


def _as_json(member: Member, shown: Item, found: Responses) -> dict[str, Any]:
    noun = "person" if found.by_person else "organisation"

    def said(one: Said) -> dict[str, Any]:
        words = None if one.words is None else one.words.to_json()
        return {
            "at": one.at,
            "kind": one.kind,
            "name": member.names.of(one.person),
            "person": one.person,
            "statement": one.statement,
            "words": words,
        }

    return {
        "acknowledge_by": shown.core.acknowledge_by,
        "counts": found.count(),
        "said": [said(one) for one in found.said],
        "silent": [
            {
                noun: standing.subject,
                "contacts": [
                    {"contact": contact, "name": name}
                    for name, contact in contacts(member, standing.subject, by_person=found.by_person)
                ],
                "name": member.names.of(standing.subject),
            }
            for standing in found.silent
        ],
        "standings": [
            {noun: s.subject, "at": s.at, "name": member.names.of(s.subject), "state": s.state} for s in found.standings
        ],
        "statement": found.statement,
    }
