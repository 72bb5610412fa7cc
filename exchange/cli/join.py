"""``exchange join``: make this machine a device of the person whom an invitation names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, UrlOption, chosen
from exchange.cli.terminal import CommandError, Terminal, read_file
from exchange.cli.texts import help_text

MAX_INVITATION_FILE = 16_384
"""Bytes."""


def join(
    invitation: Annotated[str, typer.Argument(metavar="INVITATION", help=help_text("arg_invitation"))],
    label: Annotated[str | None, typer.Option("--label", metavar="TEXT", help=help_text("opt_label"))] = None,
    url: UrlOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Check the exchange, make this device's keys, and write the request for the administrator."""
    import asyncio
    from os import urandom

    from exchange.cli.connect import public
    from exchange.client import enrol
    from exchange.client.home import REQUEST, exists
    from keys.verify import exchange_fingerprint

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    text = invitation
    if not invitation.strip().startswith(enrol.PREFIX):
        text = read_file(Path(invitation), max_bytes=MAX_INVITATION_FILE).decode("utf-8", "replace")
    invited = enrol.parse_invitation(text)
    if url is not None:
        invited = invited.model_copy(update={"url": url})
    if exists(terminal.home):
        raise CommandError("home_exists", hints=("hint_other_home",), home=terminal.home)
    terminal.say("join_begin", name=invited.name, url=invited.url)
    terminal.say("exchange_fingerprint", fingerprint=exchange_fingerprint(invited.exchange))
    passphrase = terminal.passphrase(passphrase_file, new=True)

    async def work() -> enrol.DeviceRequest:
        async with public(invited.url) as api:
            _, request = await enrol.join(
                api, invited, terminal.home, label or terminal.text("default_label"), passphrase, urandom
            )
            return request

    request = asyncio.run(work())
    path = terminal.home / REQUEST
    terminal.say("join_done", home=terminal.home)
    terminal.hint("hint_send_request", file=path)
    terminal.say("device_fingerprint")
    if json:
        terminal.json(
            {
                "device": request.device,
                "exchange": request.exchange,
                "fingerprint": request.fingerprint,
                "home": str(terminal.home),
                "organisation": request.organisation,
                "person": request.person,
                "request": str(path),
            }
        )
    else:
        terminal.data(request.fingerprint)
