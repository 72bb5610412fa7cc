"""Figure 9: from a statement to a registry checkpoint that three witnesses have cosigned, all of them real processes.

`exchange serve` and three times `exchange witness serve`, on the loopback. One client posts a statement of the registrars and asks
for the checkpoint until the lines of all three stand under it; the next statement follows at once, so most of the time is the
pause that the server keeps between two rounds.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from exchange import serverkeys
from exchange.client.transport import HttpTransport
from exchange.policy.members import Witness
from exchange.policy.witnesses import cosigned
from exchange.service.witnessing import GAP_SECONDS
from exchange.tlog.checkpoint import Checkpoint
from exchange.witness.home import create_home
from exchange.witness.loglist import KnownLog
from keys import encoding
from keys.note import Note
from tests.bench import serving, witnessing
from tests.bench.measure import Report, median, percentile, text
from tests.bench.serving import MAX_BYTES, WARM
from tests.support.live import Live

NAMES = ("a.example", "b.example", "c.example")
STATEMENTS = 25
BOUND = 1.0
"""Median seconds from posting to a cosigned checkpoint."""
PAUSE = 0.002
"""Seconds between two questions of the client."""
PATIENCE = 30.0


async def measure(report: Report, folder: Path) -> None:
    """Add the lines."""
    live = Live(folder, seed="bench-witnessed")
    live.now = int(time.time())
    await live.begin()
    async with AsyncExitStack() as stack:
        try:
            serverkeys.write(live.config.server.data, live.server)
            serverkeys.pin(live.config.server.data, live.exchange)
            cards = [await _witness(stack, live, folder / name, name) for name in NAMES]
            await live.post(live.by_registrars("witness.name", previous=None, quorum=len(cards), witnesses=cards))
            named = live.exchange_server.state.roster.facts.witnesses
            previous = live.previous("policy")
        finally:
            await live.stop()
        times: list[float] = []
        answers: list[float] = []
        async with serving.served(live, folder) as url, HttpTransport(url) as transport:
            for turn in range(WARM + STATEMENTS):
                live.now = int(time.time())
                statement = live.by_registrars("policy.adopt", policy=live.policy(), previous=previous)
                previous = statement.id
                body = encoding.encode({"statements": [{"envelope": statement.envelope.to_json()}]})
                began = time.perf_counter()
                answer = await transport.request("POST", "/v1/statements", body=body, max_bytes=MAX_BYTES)
                assert answer.status == 200, answer.body
                answered = time.perf_counter() - began
                size = Checkpoint.parse(
                    Note.parse(encoding.decode(answer.body, max_bytes=MAX_BYTES)["registry"].encode()).text
                )
                await _until_cosigned(transport, size.size, named)
                if turn >= WARM:
                    times.append(time.perf_counter() - began)
                    answers.append(answered)
    found = median(times)
    report.add(
        f"statement to a checkpoint cosigned by {len(NAMES)} witnesses",
        f"{text(found)} (95 %: {text(percentile(times, 0.95))})",
        f"to its answer: {text(median(answers))}; a round begins every {text(GAP_SECONDS)} at most",
        f"< {text(BOUND)}",
        found < BOUND,
    )


async def _witness(stack: AsyncExitStack, live: Live, folder: Path, name: str) -> dict[str, Any]:
    """A witness that knows both logs, running; its card with the address at which it listens."""
    folder.mkdir()
    logs = [KnownLog(signer.origin, signer.public) for signer in (live.server.registry, live.server.journal)]
    _, card = create_home(folder / "home", name, f"https://{name}", logs)
    return {**card.to_json(), "url": await stack.enter_async_context(witnessing.served(folder / "home"))}


async def _until_cosigned(transport: HttpTransport, size: int, named: tuple[Witness, ...]) -> None:
    """Ask until every named witness's lines stand under a checkpoint of at least this size."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await transport.request("GET", "/registry/checkpoint", max_bytes=MAX_BYTES)
            note = Note.parse(answer.body)
            if Checkpoint.parse(note.text).size >= size and len(note.lines) == 2 + 2 * len(named):
                assert len(cosigned(note, named)) == len(named)
                return
            await asyncio.sleep(PAUSE)
