"""An exchange's storage for the tests: real store, head file and keys; and a checker that trusts nothing but entries."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from exchange.audit.report import Recorder
from exchange.audit.scratch import Scratch
from exchange.audit.trees import rebuild
from exchange.cli.stored import StoredSource
from exchange.ledger.head import HeadFile
from exchange.ledger.ledger import Ledger
from exchange.ledger.sequencer import Batch, Sequencer
from exchange.ledger.signing import NoteSigner
from exchange.ledger.stage import Stage, Work
from exchange.service.inspect import StoredLogs
from exchange.store import logs, schema
from exchange.store.database import Store
from exchange.store.snapshot import Snapshot
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, log_origin
from keys.note import LogSigner, verify_checkpoint

ORIGIN = "exchange.example"
KEYS = {log: LogSigner(log_origin(ORIGIN, log), bytes([n]) * 32, bytes([n + 9]) * 32) for n, log in enumerate(LOGS)}


def read_checkpoint(log: LogName, note: bytes) -> Checkpoint:
    """The checkpoint, both signatures verified as a member does."""
    verified = verify_checkpoint(note, KEYS[log].origin, KEYS[log].public)
    return Checkpoint.parse(verified.text)


class Append(Work[list[int]]):
    """Appends entries to the journal (or another log) and notes what it was told."""

    def __init__(self, *entries: bytes, log: LogName = "journal") -> None:
        self.entries, self.log, self.told = entries, log, list[str]()

    def stage(self, stage: Stage) -> list[int]:
        self.told.append("staged")
        return [stage.append(self.log, entry) for entry in self.entries]

    def committed(self) -> None:
        self.told.append("committed")

    def discarded(self) -> None:
        self.told.append("discarded")


@dataclass
class Notebook:
    """What a service keeps in memory of the journal, made again from the log at the start: entry -> index."""

    known: dict[bytes, int] = field(default_factory=dict)

    @classmethod
    async def of(cls, store: Store) -> "Notebook":
        entries = await store.read(logs.entries, "journal", 0, 10**6)
        return cls({entry: index for index, entry in enumerate(entries)})


class Once(Work[int]):
    """Appends an entry unless it is there: the same thing sent again gets the same answer."""

    def __init__(self, notebook: Notebook, entry: bytes) -> None:
        self.notebook, self.entry, self.index = notebook, entry, -1

    def stage(self, stage: Stage) -> int:
        known = self.notebook.known.get(self.entry)
        self.index = known if known is not None else stage.append("journal", self.entry)
        return self.index

    def committed(self) -> None:
        self.notebook.known[self.entry] = self.index


class World:
    """Paths, clock and parts; `open` and `close` as often as a test restarts its server."""

    def __init__(self, folder: Path) -> None:
        self.path, self.head = folder / "data" / "exchange.db", HeadFile(folder / "head" / "head")
        self.now = 1_700_000_000
        self.store_class: type[Store] = Store
        self.signers: dict[LogName, Any] = {log: NoteSigner(KEYS[log]) for log in LOGS}
        self.batches: list[Batch] = []

    async def open(self, queue_length: int = 1024) -> None:
        self.store = await self.store_class.open(self.path)
        try:
            self.ledger = await Ledger.open(self.store, self.head, self.signers, lambda: self.now)
        except BaseException:
            await self.store.close()
            raise
        self.sequencer = Sequencer(self.ledger, self.batches.append, queue_length=queue_length)
        self.sequencer.start()

    async def close(self) -> None:
        await self.sequencer.close()
        await self.store.close()

    async def append(self, *entries: bytes, log: LogName = "journal") -> Any:
        return await self.sequencer.submit(Append(*entries, log=log))

    async def together(self, *works: Work[Any]) -> list[Any]:
        """Submit all before the sequencer runs; results or exceptions."""
        return await asyncio.gather(*(self.sequencer.submit(work) for work in works), return_exceptions=True)


def tree_levels(entries: Sequence[bytes]) -> list[list[bytes]]:
    """Complete subtrees by level, from the entries alone."""
    levels = [[sha256(b"\x00" + entry).digest() for entry in entries]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([sha256(b"\x01" + below[i] + below[i + 1]).digest() for i in range(0, len(below) - 1, 2)])
    return levels


def root_of(entries: Sequence[bytes]) -> bytes:
    """Merkle tree hash, from the entries alone."""
    levels, root = tree_levels(entries), b""
    for level, hashes in enumerate(levels):
        if len(entries) >> level & 1:
            root = sha256(b"\x01" + hashes[-1] + root).digest() if root else hashes[-1]
    return root or sha256(b"").digest()


async def check_everything(path: Path) -> dict[LogName, list[bytes]]:
    """Rebuild both trees from the entries and compare every tile and the signed checkpoints; the entries.

    Done twice: here, from nothing but rows, and by the product's own `exchange audit fsck` (its step 2), whose oracle this is.
    """
    await asyncio.to_thread(_fsck, path)
    store = await Store.open(path, read_only=True)
    try:
        return {log: await store.read(_check_log, log) for log in LOGS}
    finally:
        await store.close()


def _fsck(path: Path) -> None:
    with Snapshot(path) as snapshot, Scratch() as scratch:
        source, recorder = StoredSource(StoredLogs(snapshot), "0" * 64), Recorder()
        for log in LOGS:
            head = read_checkpoint(log, source.checkpoint(log))
            view = rebuild(source, log, head, recorder, scratch)
            assert view.proven == view.size == head.size
        report = recorder.report("", "", {})
        assert report.first is None, report.first


def _check_log(connection: Connection, log: LogName) -> list[bytes]:
    rows = connection.execute(
        select(schema.entry.c.index, schema.entry.c.data)
        .where(schema.entry.c.log == log)
        .order_by(schema.entry.c.index)
    ).all()
    entries = [data for _, data in rows]
    assert [index for index, _ in rows] == list(range(len(rows)))
    levels = tree_levels(entries)
    expected = {}
    for level in range(0, len(levels), 8):
        for start in range(0, len(levels[level]), 256):
            expected[level // 8, start // 256] = b"".join(levels[level][start : start + 256])
    table = schema.tile
    found = connection.execute(select(table.c.level, table.c.index, table.c.data).where(table.c.log == log))
    assert {(level, index): data for level, index, data in found} == expected
    row = logs.checkpoint(connection, log)
    assert row is not None
    assert read_checkpoint(log, row.note) == Checkpoint(KEYS[log].origin, len(entries), root_of(entries))
    return entries
