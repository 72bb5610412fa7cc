"""``exchange ack``: the read receipt, without showing the alert again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.cli.view import Item


def ack(
    alert: Annotated[str, typer.Argument(metavar="ID", help=help_text("arg_alert"))],
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Send the read receipt of one alert."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.view import find

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            shown = find(member, alert)
            sent = await acknowledge(terminal, member, shown)
            if json:
                terminal.json({"sent": sent, "statement": shown.statement})

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


def tell(terminal: Terminal, member: Member, shown: Item) -> None:
    """Exactly what the sender and the operator see of a receipt."""
    from exchange.model.tlp import Label

    person = ""
    if shown.core.label is Label.RED:
        person = terminal.text("read_tells_person", name=member.names.of(member.person.id))
    terminal.say("read_tells", organisation=member.names.of(member.person.organisation), person=person)
