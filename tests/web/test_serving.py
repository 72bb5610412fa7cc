"""The server as a process: it listens, is spoken to by the real client, and closes everything when it is stopped."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from exchange import serverkeys
from exchange.client.answers import FeedEntry
from exchange.client.api import Credentials, ExchangeApi
from exchange.client.errors import Refused
from exchange.client.transport import HttpTransport
from exchange.config import Config, parse
from exchange.model.submission import Submission
from exchange.web.app import serve
from exchange.web.oplog import open_log
from tests.support.web import Partnership, WebLive, listening


def configured(folder: Path) -> Config:
    """A data folder with keys and pin, as ``exchange init`` leaves it."""
    data = folder / "data"
    data.mkdir()
    serverkeys.write(data, serverkeys.generate("exchange.example"))
    serverkeys.pin(data, "0" * 64)
    return parse({"server": {"data": str(data), "head_file": str(folder / "head" / "head"), "port": 0}}, "test")


async def test_it_serves_until_it_is_told_to_stop_and_leaves_nothing_open(tmp_path: Path):
    config, log, stop = configured(tmp_path), io.StringIO(), asyncio.Event()
    listens: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve(config, open_log("info", log), stop, lambda host, port: listens.set_result((host, port)))
    )
    host, port = await listens
    async with aiohttp.ClientSession(f"http://{host}:{port}") as client:
        async with client.get("/health/ready") as answer:
            assert answer.status == 200
        async with client.get("/v1/exchange") as answer:
            assert (await answer.json(content_type=None))["code"] == "not-founded"
    stop.set()
    await serving
    assert [json.loads(line)["event"] for line in log.getvalue().splitlines()] == [
        "listening",
        "request",
        "request",
        "stopping",
    ]
    stop.set()
    again = asyncio.get_running_loop().create_future()
    await serve(config, open_log("error", log), stop, lambda host, port: again.set_result(port))
    assert await again, "store, lock and port were given up"


async def test_a_port_that_is_taken_is_an_error_and_nothing_stays_open(tmp_path: Path):
    config = configured(tmp_path)
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    busy = config.model_copy(update={"server": config.server.model_copy(update={"port": port})})
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(OSError, match="in use"):
        await serve(busy, open_log("error", io.StringIO()), stop, lambda host, port: None)
    taken.close()
    await serve(config, open_log("error", io.StringIO()), stop, lambda host, port: None)


async def test_a_process_that_is_asked_to_end_ends_with_its_streams(tmp_path: Path):
    config = configured(tmp_path)
    program = (
        "import sys; from pathlib import Path; from exchange import config; from exchange.web.app import run\n"
        "run(config.parse({'server': {'data': sys.argv[1], 'head_file': sys.argv[2], 'port': 0}}, 'test'))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        str(config.server.data),
        str(config.server.head_file),
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stderr is not None
    line = json.loads(await process.stderr.readline())
    assert line["event"] == "listening"
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{line['port']}/health/live") as answer:
        assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    rest = (await process.stderr.read()).decode()
    assert [json.loads(item)["event"] for item in rest.splitlines()] == ["request", "stopping"]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


def api(world: WebLive, transport: HttpTransport, member: object) -> ExchangeApi:
    device = member.device  # type: ignore[attr-defined]
    credentials = Credentials(world.exchange, device, member.signers[device])  # type: ignore[attr-defined]
    return ExchangeApi(transport, clock=lambda: world.now, credentials=credentials)


async def test_the_real_client_understands_every_answer(place: Partnership):
    world = place.world
    async with HttpTransport(f"http://127.0.0.1:{world.http.port}") as transport:
        officer, auditor = api(world, transport, place.officer), api(world, transport, place.auditor)
        info = await officer.exchange()
        assert info.exchange == world.exchange and info.journal == await officer.checkpoint("journal")
        alert = await world.alert(place.author, "AMBER", place.audience)
        accepted = await officer.post([Submission(alert.envelope)])
        assert accepted.results[0].statement == alert.id
        assert (await officer.registry_statements(0)).items and (await officer.epochs(0)).items
        answer = await officer.alert(alert.id, None)
        assert answer.leaf is not None and answer.envelope is not None
        assert answer.envelope.statement_id == alert.id and answer.checkpoint == accepted.journal
        absent = await auditor.alert(alert.id, bytes(8))
        assert absent.neighbours and absent.envelope is None
        assert len(await auditor.leaves(alert.id)) == 72 * alert.alert.core.leaves
        assert (await auditor.receipts(alert.id)) == {"statements": []}
        assert (await auditor.statement(alert.id)).statement_id == alert.id
        assert (await officer.put_blob(b"bundle")).length == 6
        part = alert.alert.sealed.parts[0]
        assert len(await officer.get_blob(part)) == part.length
        with pytest.raises(Refused) as refusal:
            await auditor.get_blob(part)
        assert (refusal.value.status, refusal.value.code) == (403, "not-entitled")
        async for item in officer.feed(0):
            if isinstance(item, FeedEntry) and item.alert is not None:
                assert item.alert.leaf == answer.leaf
                break
        await officer.close_session()
