"""``exchange ask``, ``answers``, ``questions``, ``answer``: may an alert be passed on further than its label says by itself?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import USAGE, CommandError, Terminal, safe
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.cli.view import Item
    from exchange.client.messages import Said

PersonsOption = Annotated[list[str] | None, typer.Option("--person", metavar="NAME", help=help_text("opt_ask_person"))]


def ask(
    alert: Annotated[str, typer.Argument(metavar="ID", help=help_text("arg_alert"))],
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help=help_text("opt_ask_text"))],
    person: PersonsOption = None,
    organisation: Annotated[
        list[str] | None, typer.Option("--organisation", metavar="NAME", help=help_text("opt_ask_organisation"))
    ] = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Ask the source of an alert, sealed to its authors and approvers."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.view import find
    from exchange.client.draft import resolve
    from exchange.client.messages import ask as say
    from exchange.model.messages import Question

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            shown = find(member, alert)
            persons = {resolve(member.client.replica, "person", name) for name in person or ()}
            question = Question(
                organisations=tuple(organisation) if organisation else None,
                persons=tuple(sorted(persons)) or None,
                text=text,
            )
            statement = await say(member.client, shown.statement, question)
            terminal.say("asked", name=member.names.of(member.facts.persons[shown.author].organisation))
            if json:
                terminal.json({"statement": statement})

    asyncio.run(work())


def answers(
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """What sources answered to questions of this organisation."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.client.messages import answers as received

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            found = await received(member.client)
            if json:
                terminal.json({"answers": [_json(member, said) for said in found]})
                return
            for said in found:
                _print(terminal, member, said)
            if not found:
                terminal.say("no_answers")

    asyncio.run(work())


def questions(
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Questions about this organisation's alerts that nobody has answered."""
    import asyncio

    from exchange.cli.member import opened

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            found = await _open_questions(member)
            if json:
                terminal.json({"questions": [_json(member, said) for _, said in found]})
                return
            for shown, said in found:
                terminal.data(safe(f"{said.statement[:10]}  {shown.text(terminal.language).title}"))
                _print(terminal, member, said)
            if not found:
                terminal.say("no_questions")

    asyncio.run(work())


def answer(
    question: Annotated[str, typer.Argument(metavar="ID", help=help_text("arg_question"))],
    permit: Annotated[list[str] | None, typer.Option("--permit", metavar="NAME", help=help_text("opt_permit"))] = None,
    decline: Annotated[bool, typer.Option("--decline", help=help_text("opt_decline"))] = False,
    text: Annotated[str | None, typer.Option("--text", metavar="TEXT", help=help_text("opt_answer_text"))] = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Answer a question: name the persons to whom the alert may be given, or decline."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.client.draft import resolve
    from exchange.client.messages import answer as say

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if bool(permit) == decline:
        raise CommandError("answer_which", status=USAGE)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            found = [said for _, said in await _open_questions(member) if said.statement.startswith(question.lower())]
            if len(question) < 4 or len(found) != 1:
                raise CommandError("question_unknown", hints=("hint_questions",), id=question)
            persons = [resolve(member.client.replica, "person", name) for name in permit or ()]
            names = ", ".join(member.names.of(person) for person in persons)
            if persons:
                terminal.confirm("ask_permit", yes=yes, names=names)
            statement = await say(member.client, found[0], persons, text)
            terminal.say("answered", name=member.names.of(found[0].person))
            if json:
                terminal.json({"permits": persons, "statement": statement})

    asyncio.run(work())


async def _open_questions(member: Member) -> list[tuple[Item, Said]]:
    """The alerts of this organisation with the questions about them that wait."""
    from exchange.cli.view import items
    from exchange.client.responses import responses
    from exchange.model.tlp import Label

    found = []
    own = member.person.organisation
    for shown in items(member):
        if member.facts.persons[shown.author].organisation == own and shown.core.label is not Label.CLEAR:
            became = await responses(member.client, shown.statement, shown.core.label)
            found += [(shown, said) for said in became.questions]
    return found


def _print(terminal: Terminal, member: Member, said: Said) -> None:
    from exchange.cli.times import moment
    from exchange.model.messages import Question, Reply

    who = f"{member.names.of(said.organisation)}, {member.names.of(said.person)}"
    terminal.data(f"  {moment(said.at, terminal.language)}  {who}")
    match said.words:
        case Question() as words:
            wanted = [*(words.organisations or ()), *(member.names.of(person) for person in words.persons or ())]
            if wanted:
                terminal.data("  " + terminal.text("asked_for", names=", ".join(wanted)))
            terminal.data("  " + " ".join(words.text.split()))
        case Reply() as words:
            terminal.data("  " + " ".join(words.text.split()))
        case _:
            pass
    if said.outcome is not None:
        names = ", ".join(member.names.of(person) for person in said.permits)
        terminal.data(
            "  " + terminal.text("outcome_declined" if said.outcome == "declined" else "outcome_granted", names=names)
        )


def _json(member: Member, said: Said) -> dict[str, Any]:
    return {
        "alert": said.alert,
        "ask": said.ask,
        "at": said.at,
        "name": member.names.of(said.person),
        "organisation": member.names.of(said.organisation),
        "outcome": said.outcome,
        "permits": list(said.permits),
        "statement": said.statement,
        "words": None if said.words is None else said.words.to_json(),
    }
