"""``exchange witness serve``: cosign checkpoints, in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from exchange.cli.options import JsonOption, LangOption, chosen
from exchange.cli.terminal import Terminal
from exchange.cli.texts import help_text
from exchange.cli.witness_files import HostOption, ProxyOption, WitnessHomeOption, say_address

PORT = 8430
"""Where a witness listens when nothing else is said, on the loopback: a reverse proxy with TLS stands in front."""


def serve(
    home: WitnessHomeOption,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help=help_text("opt_port"))] = PORT,
    trusted_proxy: ProxyOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Run the witness until SIGINT or SIGTERM; stdout has the address once it listens, stderr the operator's log."""
    import asyncio

    from exchange.listen.log import LineLog
    from exchange.listen.server import run_until_stopped
    from exchange.witness import app
    from exchange.witness.home import open_home
    from exchange.witness.store import WitnessStore

    terminal = Terminal(chosen(lang), as_json=json)
    opened = open_home(home)
    store = WitnessStore(opened.state)
    witness = app.Witness.build(opened, store, LineLog(), trusted=tuple(trusted_proxy or ()))

    async def work(stop: asyncio.Event) -> None:
        await app.serve(witness, host, port, stop, lambda host, port: say_address(terminal, host, port))

    try:
        run_until_stopped(work)
    finally:
        store.close()
