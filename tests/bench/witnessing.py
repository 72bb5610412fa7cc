"""Figure 8: from a checkpoint to a witness's answer, through a real witness process on the loopback.

``exchange witness serve`` is asked as an exchange asks it: each time for a larger checkpoint, with the proof from the size
before, over one connection that stays open. The answer comes after both of the log's signatures and the proof were verified,
both cosignatures made, and all of it written durably. The floor beside it, in turns and in the same file system: one row in a
SQLite commit, one file synced.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from os import urandom
from pathlib import Path

from exchange.client.transport import HttpTransport
from exchange.tlog.checkpoint import Checkpoint
from exchange.tlog.edge import Edge
from exchange.tlog.merkle import leaf_hash
from exchange.tlog.tiles import TileTree
from exchange.tlog.witness_request import MAX_ANSWER_BYTES, PATH, format_request
from exchange.witness.home import create_home
from exchange.witness.loglist import KnownLog
from keys.note import LogSigner, sign_checkpoint
from tests.bench.measure import Report, median, percentile, text, timed, timed_async

ROUNDS = 150
WARM = 5
"""Requests that are not counted."""
SIZE = 100_000
"""Entries of the log to begin with: its proofs have about 17 hashes."""
STEP = 7
"""Entries by which it grows each time."""
BOUND = 10e-3
"""Median seconds to an answer."""
START_SECONDS = 60.0
NOTE_BYTES = 7_300
"""Bytes of what is stored: a checkpoint with four lines."""
ORIGIN = "exchange.example/journal"


async def measure(report: Report, folder: Path) -> None:
    """Add the line."""
    requests = _requests(LogSigner.generate(ORIGIN), folder / "witness")
    floor = Floor(folder)
    answers: list[float] = []
    least: dict[str, list[float]] = {"row": [], "file": []}
    try:
        async with served(folder / "witness") as url, HttpTransport(url) as transport:
            for number, body in enumerate(requests):
                taken = await timed_async(lambda body=body: _asked(transport, body))  # type: ignore[misc]
                row, file = timed(floor.row), timed(floor.file)
                if number >= WARM:
                    answers.append(taken)
                    least["row"].append(row)
                    least["file"].append(file)
    finally:
        floor.close()
    found = median(answers)
    report.add(
        "a witness's answer, log of 100,000",
        f"{text(found)} (95 %: {text(percentile(answers, 0.95))})",
        f"one row committed {text(median(least['row']))}, one file synced {text(median(least['file']))}",
        f"{text(BOUND)} median",
        found <= BOUND,
    )


def _requests(signer: LogSigner, home: Path) -> list[bytes]:
    """The requests of a log that grows, made before the first is sent; the witness that knows it."""
    create_home(home, "witness.example", "https://witness.example", [KnownLog(ORIGIN, signer.public)])
    leaves = [leaf_hash(number.to_bytes(4, "big")) for number in range(SIZE + STEP * (ROUNDS + WARM))]
    _, changed = Edge().grow(leaves)
    tiles = {(tile.level, tile.index): data for tile, data in changed}
    requests, old = [], 0
    for number in range(ROUNDS + WARM):
        size = SIZE + STEP * number
        tree = TileTree(lambda level, index: tiles[level, index], size)
        note = sign_checkpoint(Checkpoint(ORIGIN, size, tree.root()).text(), signer, 1_796_000_000)
        requests.append(format_request(old, tree.consistency_proof(old), note))
        old = size
    return requests


async def _asked(transport: HttpTransport, body: bytes) -> None:
    answer = await transport.request("POST", PATH, body=body, max_bytes=MAX_ANSWER_BYTES)
    if answer.status != 200:
        raise RuntimeError(f"the witness answered {answer.status}: {answer.body[:200]!r}")


@asynccontextmanager
async def served(home: Path) -> AsyncIterator[str]:
    """The witness as a process of its own; its address. Ended on every path."""
    command = (sys.executable, "-m", "exchange.cli", "witness", "serve", "--home", str(home), "--port", "0")
    with (home.parent / "witness.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=log)
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
            if not line:
                raise RuntimeError(f"the witness did not start; see {log.name}")
            yield line.decode("ascii").strip()
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()


class Floor:
    """The least that an answer's durability costs here."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "floor"
        self._db = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE latest (origin TEXT PRIMARY KEY, note BLOB NOT NULL) STRICT, WITHOUT ROWID")

    def row(self) -> None:
        """One row of the size of a note, committed."""
        self._db.execute("INSERT OR REPLACE INTO latest VALUES ('log', ?)", (urandom(NOTE_BYTES),))

    def file(self) -> None:
        """The same bytes in a file, synced."""
        with self._file.open("wb") as file:
            file.write(urandom(NOTE_BYTES))
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Close the database."""
        self._db.close()
