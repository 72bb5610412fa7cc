"""``exchange ack``: the read receipt without showing the alert again, and what is done about it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import USAGE, CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.cli.view import Item
    from exchange.model.messages import ReactionLevel


class Level(Enum):
    """What a person does about an alert; an absence is said by the device itself."""

    in_hand = "in-hand"
    not_affected = "not-affected"
    affected = "affected"


def ack(
    alert: Annotated[str, typer.Argument(metavar="ID", help=help_text("arg_alert"))],
    level: Annotated[Level | None, typer.Option("--level", help=help_text("opt_level"))] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="TEXT", help=help_text("opt_reaction_text"))] = None,
    call: Annotated[str | None, typer.Option("--call", metavar="NUMBER", help=help_text("opt_call"))] = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Send the read receipt of one alert, and with --level a reaction that only its source can read."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.view import find

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    if level is None and (text is not None or call is not None):
        raise CommandError("reaction_extra", status=USAGE)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            shown = find(member, alert)
            sent = await acknowledge(terminal, member, shown)
            reaction = None if level is None else await react(terminal, member, shown, level.value, text, call)
            if json:
                terminal.json({"reaction": reaction, "sent": sent, "statement": shown.statement})

    asyncio.run(work())


async def acknowledge(terminal: Terminal, member: Member, shown: Item) -> bool:
    """Send the read receipt once, after saying who learns what. Raises CommandError ``ack_public``."""
    from exchange.client.receipts import mark_read, send_receipts
    from exchange.model.tlp import Label

    if shown.core.label is Label.CLEAR:
        raise CommandError("ack_public")
    title = shown.text(terminal.language).title
    if not shown.unread:
        terminal.say("ack_already", title=title)
        return False
    tell(terminal, member, shown)
    mark_read(member.client, shown.statement)
    if not member.online:
        terminal.say("ack_later", title=title)
        return False
    await send_receipts(member.client)
    terminal.say("ack_done", title=title)
    return True


async def react(
    terminal: Terminal, member: Member, shown: Item, level: ReactionLevel, text: str | None, call: str | None
) -> str:
    """Tell the source what is done about an alert, after saying who reads it; returns the statement id."""
    from exchange.client.messages import react as say
    from exchange.model.messages import Reaction

    words = terminal.text(f"reaction_{level}")
    source = member.names.of(member.facts.persons[shown.author].organisation)
    terminal.say("reaction_tells", organisation=source, level=words)
    statement = await say(member.client, shown.statement, Reaction(call=call, level=level, text=text))
    terminal.say("reacted", level=words)
    return statement


def tell(terminal: Terminal, member: Member, shown: Item) -> None:
    """Exactly what the sender and the operator see of a receipt."""
    from exchange.model.tlp import Label

    person = ""
    if shown.core.label is Label.RED:
        person = terminal.text("read_tells_person", name=member.names.of(member.person.id))
    terminal.say("read_tells", organisation=member.names.of(member.person.organisation), person=person)
