"""Figure 5: from a statement to its answer, through a real server process on the loopback.

A partnership is enrolled (every member by statements), the server is started as an operator starts it (`exchange serve`, its
rate limits raised), one client posts one statement after the other. Parts and pack of an alert are uploaded before, as an
author's program does while the person looks at the preview. The answer holds index, signed checkpoint and inclusion proof, and
everything is durable before it comes. Beside it, in turns, stands the floor: the same rows in one SQLite commit, one file
synced, one ML-DSA-44 signature, each in the same file system as the server's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from os import urandom
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from exchange import serverkeys
from exchange.client.answers import parse_accepted
from exchange.client.api import Credentials, ExchangeApi
from exchange.client.transport import Event, HttpTransport, Response, Transport
from exchange.model.statements import Statement
from keys import encoding
from keys.envelope import Envelope
from keys.seal import SealPool
from keys.sign import SoftwareSigner
from tests.bench.alerts import Made, Publisher, content, made
from tests.bench.crowd import Reader, enrol
from tests.bench.measure import Report, median, percentile, text, timed, timed_async
from tests.support.live import Live

AUDIENCES = {10: "water", 1_000: "health"}
"""Officers to be enrolled, and their sector."""
ALERTS = 25
RECEIPTS = 150
WARM = 3
"""Posts of each sort that are not counted."""
BOUND = 10e-3
"""Median seconds to an answer, one client: of everything but an alert."""
ALERT_BOUND = 8.0
"""An alert's answer, in times its floor. It was 10 ms, like the others (docs/benchmarks.md)."""
START_SECONDS = 120.0
"""Longest start of the server, which replays its logs."""
MAX_BYTES = 1 << 20
DIGITS_PATH_PROOF = 1_500
"""Bytes by which two answers about audiences of one size may differ: longer numbers, and a journal that is longer."""
SMALL_ROWS = (4_096, 3_700, 300)
"""Bytes of what every commit writes: a hash tile half full, a checkpoint with its signatures, a projection's row."""


@dataclass(frozen=True, slots=True)
class Partnership:
    """Who is enrolled: the publisher, and the officers by sector."""

    live: Live
    publisher: Publisher
    author: SoftwareSigner
    readers: dict[str, list[Reader]]


async def measure(report: Report, folder: Path, pool: SealPool, downloads: dict[int, int]) -> None:
    """Add the lines; ``downloads`` are the sizes that the reader's figures were computed with, compared with the server's."""
    partnership = await _founded(folder)
    floor = Floor(folder)
    try:
        async with served(partnership.live, folder) as url, HttpTransport(url) as transport:
            bench = _Bench(partnership, transport, floor, pool)
            last: Made | None = None
            for count, sector in AUDIENCES.items():
                last = await bench.alerts(report, count, sector)
                if count in downloads:
                    await bench.compare_download(last, sector, downloads[count])
            if last is not None:
                await bench.receipts(report, last, AUDIENCES[max(AUDIENCES)])
    finally:
        floor.close()


async def _founded(folder: Path) -> Partnership:
    """Found and enrol with the exchange in this process, then close it; its memory stays to be asked."""
    live = Live(folder, seed="bench-server")
    live.now = int(time.time())
    await live.begin()
    try:
        authority = await live.admit("Police", "authority", ("security",))
        author = await live.enrol("Author", authority, "author")
        approver = await live.enrol("Approver", authority, "approver")
        readers = {sector: await enrol(live, count, sector) for count, sector in AUDIENCES.items()}
        serverkeys.write(live.config.server.data, live.server)
        serverkeys.pin(live.config.server.data, live.exchange)
    finally:
        await live.stop()
    publisher = Publisher(live.exchange, author.device, author.signer, approver.person, approver.signer)
    return Partnership(live, publisher, author.signer, readers)


@asynccontextmanager
async def served(live: Live, folder: Path) -> AsyncIterator[str]:
    """The server as a process of its own; its address. Ended on every path."""
    config = folder / "config.toml"
    server = live.config.server
    config.write_text(
        f"[server]\ndata = '{server.data}'\nhead_file = '{server.head_file}'\nport = 0\n"
        "[limits]\nrequests_per_second_address = 100000\nrequests_per_second_device = 100000\n"
        "[log]\nlevel = 'error'\n",
        encoding="utf-8",
    )
    command = (sys.executable, "-m", "exchange.cli", "serve", "--config", str(config))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        if not line:
            raise RuntimeError("the server did not start; what it said stands above")
        yield line.decode("ascii").strip()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


class _Bench:
    """One client's posts, in turns with the floor."""

    def __init__(self, partnership: Partnership, transport: HttpTransport, floor: Floor, pool: SealPool) -> None:
        self._partnership = partnership
        self._transport = transport
        self._floor = floor
        self._pool = pool
        self._author = self._api(partnership.publisher.device, partnership.author)

    def _api(self, device: str, signer: SoftwareSigner, transport: Transport | None = None) -> ExchangeApi:
        credentials = Credentials(self._partnership.live.exchange, device, signer)
        chosen = self._transport if transport is None else transport
        return ExchangeApi(chosen, clock=lambda: int(time.time()), credentials=credentials)

    async def alerts(self, report: Report, count: int, sector: str) -> Made:
        """Post alerts to one sector's officers; returns the last one. All are made before the first is posted: sealing keeps
        every core busy, and the server is to be met as it is at other times."""
        made_before = [self._alert(sector) for _ in range(WARM + ALERTS)]
        times: list[float] = []
        floors: list[float] = []
        for turn, alert in enumerate(made_before):
            await self._author.put_blob(alert.part)
            await self._author.put_blob(alert.sealed.pack)
            seconds = await self._post(alert.envelope, "alert.released")
            if turn >= WARM:
                times.append(seconds)
                rows = (*SMALL_ROWS, 700, len(alert.envelope.encode()), 88 * (count + 2), 200, 200)
                floors.append(timed(partial(self._floor.commit, rows)))
        _line(report, f"statement to answer: an alert to {count:,} recipients", times, floors, alert=True)
        return made_before[-1]

    def _alert(self, sector: str) -> Made:
        live, publisher = self._partnership.live, self._partnership.publisher
        exchange = live.server_exchange
        now = int(time.time())
        policy = exchange.state.roster.facts.policy_id
        assert policy is not None
        core = publisher.core(now, policy, exchange.seen().to_json(), sector)
        devices = [reader.member.device for reader in self._partnership.readers[sector]]
        roster = exchange.state.roster.facts
        devices += [publisher.device, *roster.devices_of[publisher.approver]]
        signers = (publisher.signer, publisher.second)
        return made(core, content(), live.targets(core, devices), signers, self._pool)

    async def receipts(self, report: Report, alert: Made, sector: str) -> None:
        """Post one receipt of each of many officers, one after the other."""
        live = self._partnership.live
        live.now = int(time.time())
        times: list[float] = []
        floors: list[float] = []
        for turn, reader in enumerate(self._partnership.readers[sector][: WARM + RECEIPTS]):
            body = live.common(
                issuer={"device": reader.member.device}, alerts=[alert.envelope.statement_id], level="received"
            )
            statement: Statement = live.sign("alert.receipt", body, reader.identity.signer)
            seconds = await self._post(statement.envelope, "alert.receipt")
            if turn >= WARM:
                times.append(seconds)
                rows = (*SMALL_ROWS, 330, len(statement.envelope.encode()))
                floors.append(timed(partial(self._floor.commit, rows)))
        _line(report, f"statement to answer: a receipt for an alert to {max(AUDIENCES):,}", times, floors, alert=False)

    async def _post(self, envelope: Envelope, kind: str) -> float:
        """Post one statement; seconds until its answer was read whole. The answer must say that it was accepted."""
        body = encoding.encode({"statements": [{"envelope": envelope.to_json()}]})
        answers: list[Any] = []

        async def post() -> None:
            answers.append(await self._transport.request("POST", "/v1/statements", body=body, max_bytes=MAX_BYTES))

        seconds = await timed_async(post)
        answer = answers[0]
        assert answer.status == 200, answer.body
        [result] = parse_accepted(encoding.decode(answer.body, max_bytes=MAX_BYTES)).results
        assert (result.kind, result.statement) == (kind, envelope.statement_id)
        return seconds

    async def compare_download(self, alert: Made, sector: str, computed: int) -> None:
        """The server's own answer to one officer has the size that was computed, but for digits, path and proof."""
        reader = self._partnership.readers[sector][0]
        counting = _Counting(self._transport)
        api = self._api(reader.member.device, reader.identity.signer, counting)
        answer = await api.alert(alert.envelope.statement_id, None)
        assert answer.envelope is not None and answer.leaf is not None
        size = counting.last + len(alert.part)
        assert abs(size - computed) < DIGITS_PATH_PROOF, (size, computed)


class _Counting:
    """A transport that remembers the length in bytes of the last answer's body."""

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport
        self.last = 0

    async def request(self, *args: Any, **kwargs: Any) -> Response:
        answer = await self._transport.request(*args, **kwargs)
        self.last = len(answer.body)
        return answer

    def stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Event]:
        return self._transport.stream(*args, **kwargs)


class Floor:
    """What cannot be saved: rows in a durable commit, a file synced, a signature."""

    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(folder / "floor.db", isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 1000"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, data BLOB NOT NULL)")
        self._file = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT, 0o600)
        self._key = MLDSA44PrivateKey.generate()

    def commit(self, rows: Sequence[int]) -> None:
        """Write rows of these sizes (bytes) durably, sign a checkpoint's length of bytes, sync a file."""
        data = [urandom(size) for size in rows]
        self._key.sign(data[0][:200])
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany("INSERT INTO row (data) VALUES (?)", [(one,) for one in data])
        self._database.execute("COMMIT")
        os.pwrite(self._file, data[0][:400], 0)
        os.fsync(self._file)

    def close(self) -> None:
        """Close both files."""
        self._database.close()
        os.close(self._file)


def _line(report: Report, what: str, times: Sequence[float], floors: Sequence[float], *, alert: bool) -> None:
    found, least = median(times), median(floors)
    report.add(
        what,
        f"{text(found)} (95 %: {text(percentile(times, 0.95))})",
        f"floor {text(least)}: {found / least:.1f} times",
        f"≤ {ALERT_BOUND:.0f} times the floor" if alert else f"< {text(BOUND)}",
        found <= ALERT_BOUND * least if alert else found < BOUND,
    )
