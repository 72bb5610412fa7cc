"""The usual partnership of ``tests.support.scene`` on a real server over real HTTP, with the same keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from exchange.client.api import ExchangeApi
from exchange.client.transport import HttpTransport
from exchange.config import parse
from exchange.model.submission import Submission
from exchange.serverkeys import ServerKeys
from exchange.service.exchange import Exchange
from exchange.web.app import Server, create_app
from tests.support.scene import Partnership, partnership
from tests.support.simulator import ORIGIN, Simulator


@asynccontextmanager
async def served(
    folder: Path, simulator: Simulator | None = None
) -> AsyncIterator[tuple[Partnership, HttpTransport, str]]:
    """The partnership, its registry posted to the server; a transport to it, and its address."""
    scene = partnership(folder, simulator)
    sim = scene.sim
    keys = ServerKeys(ORIGIN, sim.logs["registry"].signer, sim.logs["journal"].signer, sim.statement_signer)
    places = {"data": str(folder / "data"), "head_file": str(folder / "head" / "head"), "port": 0}
    (folder / "data").mkdir()
    (folder / "head").mkdir()
    exchange = await Exchange.open(parse({"server": places}, "test"), keys, sim.clock, pin=sim.exchange)
    server = Server(create_app(exchange, housekeeping=False))
    await server.start("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.port}"
    transport = HttpTransport(url)
    try:
        api = ExchangeApi(transport, clock=sim.clock)
        await api.post([Submission(logged.statement.envelope, logged.openings) for logged in sim.registry])
        yield scene, transport, url
    finally:
        await transport.close()
        await server.stop()
        await exchange.close()
        scene.scene.close()
