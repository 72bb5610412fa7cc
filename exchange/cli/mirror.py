"""``exchange mirror``: keep and serve a byte-identical copy of both logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import REFUSED, USAGE, CommandError, Terminal
from exchange.cli.texts import help_text
from exchange.cli.witness_files import HostOption, ProxyOption, say_address

if TYPE_CHECKING:
    import asyncio

    from exchange.mirror.app import Reading
    from exchange.mirror.follower import Mirror

PORT = 8431
"""Where a mirror listens when nothing else is said, on the loopback."""
EVERY = 60
"""Seconds between two looks at the exchange."""


def mirror(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help=help_text("arg_mirror"))],
    once: Annotated[bool, typer.Option("--once", help=help_text("opt_mirror_once"))] = False,
    entries: Annotated[bool, typer.Option("--entries", help=help_text("opt_mirror_entries"))] = False,
    every: Annotated[int, typer.Option("--every", metavar="SECONDS", min=1, help=help_text("opt_every"))] = EVERY,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help=help_text("opt_port"))] = PORT,
    trusted_proxy: ProxyOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Follow both logs and serve the copy until SIGINT or SIGTERM; status 1 when it stopped following on the way.

    ``--once`` takes in what is new and serves nothing.
    """
    from urllib.parse import urlsplit

    from exchange.cli.connect import SCHEMES, now
    from exchange.client.home import open_home
    from exchange.client.member import member_of
    from exchange.client.state import MemberState
    from exchange.client.transport import HttpTransport
    from exchange.listen.log import LineLog
    from exchange.listen.server import run_until_stopped
    from exchange.mirror.app import Reading
    from exchange.mirror.follower import Mirror

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    device = open_home(terminal.home, terminal.passphrase(passphrase_file))
    scheme = SCHEMES.get(urlsplit(device.membership.url).scheme)
    if scheme is None:
        raise CommandError("bad_url", status=USAGE, url=device.membership.url)
    transport = scheme(device.membership.url)
    stopped = False

    async def work(stop: asyncio.Event) -> None:
        nonlocal stopped
        try:
            with MemberState(device.state_file, device.vault) as state:
                member = member_of(device, transport, state, clock=now)
                made = Mirror.open(folder, member, LineLog())
                if once:
                    await made.round()
                    _tell(terminal, made)
                    return
                reading = Reading(
                    tuple(made.copies.values()), made.log, entries=entries, trusted=tuple(trusted_proxy or ())
                )
                stopped = await _serve(terminal, made, reading, (host, port), every, stop)
        finally:
            if isinstance(transport, HttpTransport):
                await transport.close()

    run_until_stopped(work)
    if stopped:
        raise typer.Exit(REFUSED)


async def _serve(
    terminal: Terminal, made: Mirror, reading: Reading, place: tuple[str, int], every: int, stop: asyncio.Event
) -> bool:
    """Follow and serve; what is there is served also after following stopped. Whether it stopped."""
    import asyncio

    from exchange.listen.log import places
    from exchange.listen.server import Listener
    from exchange.mirror.app import create_app

    listener = Listener(create_app(reading), reading.guard)
    await listener.start(*place)
    try:
        say_address(terminal, listener.host, listener.port)
        following = asyncio.create_task(made.run(every, stop))
        await asyncio.wait({following})
        defect = following.exception()
        if defect is not None:
            made.log.error("defect", error=type(defect).__name__, places=places(defect))
        if defect is not None or not stop.is_set():
            terminal.say("mirror_stopped", folder=made.folder)
            await stop.wait()
            return True
        return False
    finally:
        await listener.stop()


def _tell(terminal: Terminal, made: Mirror) -> None:
    sizes = {name: copy.head.size for name, copy in made.copies.items()}
    terminal.say("mirror_done", folder=made.folder, registry=sizes["registry"], journal=sizes["journal"])
    paths = {name: str(copy.root) for name, copy in made.copies.items()}
    if terminal.as_json:
        terminal.json({name: {"path": paths[name], "size": sizes[name]} for name in sizes})
    else:
        for name, path in paths.items():
            terminal.data(f"{name} {path}")
