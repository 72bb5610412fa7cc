"""``exchange read``: show one alert, save its attachments, and send the read receipt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import Terminal, write_pieces
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.cli.view import Item


def read(
    alert: Annotated[str, typer.Argument(metavar="ID", help=help_text("arg_alert"))],
    save: Annotated[Path | None, typer.Option("--save", metavar="DIR", help=help_text("opt_save"))] = None,
    version: Annotated[int | None, typer.Option("--version", metavar="N", help=help_text("opt_version"))] = None,
    chain: Annotated[bool, typer.Option("--chain", help=help_text("opt_chain"))] = False,
    no_receipt: Annotated[bool, typer.Option("--no-receipt", help=help_text("opt_no_receipt"))] = False,
    offline: Annotated[bool, typer.Option("--offline", help=help_text("opt_offline"))] = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Show one alert in its newest version; its sender learns that it was read, which is said on stderr."""
    import asyncio

    from exchange.cli.ack import acknowledge
    from exchange.cli.chain import chain_json, put_chain
    from exchange.cli.member import opened
    from exchange.cli.view import as_json, find, put_alert
    from exchange.model.tlp import Label

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file, offline=offline, may_be_offline=True) as member:
            shown = find(member, alert, version)
            if json:
                terminal.json(as_json(member, shown) | chain_json(member, shown))
            else:
                if chain:
                    put_chain(terminal, member, shown)
                put_alert(terminal, member, shown)
            if save is not None:
                _save(terminal, member, shown, save)
            if shown.core.label is not Label.CLEAR and shown.unread and not no_receipt:
                await acknowledge(terminal, member, shown)

    asyncio.run(work())


def _save(terminal: Terminal, member: Member, shown: Item, folder: Path) -> None:
    """Attachments under their own names: one path component each, verified before; nothing is overwritten."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for position, attachment in enumerate(shown.content.attachments, 1):
        path = folder / attachment.name
        write_pieces(path, member.state.attachment_pieces(shown.statement, position))
        terminal.say("saved", file=path)
