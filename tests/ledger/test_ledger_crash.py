"""What is visible when, and what a killed process leaves behind."""

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ledger_world import World, check_everything, read_checkpoint

from exchange.ledger.errors import LedgerRefusal
from exchange.ledger.head import HeadFile
from exchange.store import logs
from exchange.store.errors import StorageError
from exchange.tlog.checkpoint import LOGS
from exchange.tlog.tiles import Bundle, Tile

APPENDING = """
import asyncio, sys
from pathlib import Path
from ledger_world import World

async def main():
    world = World(Path(sys.argv[1]))
    await world.open()
    number = world.ledger.head("journal").size
    while True:
        done = await asyncio.gather(*(world.append(b"%d" % (number + i)) for i in range(1 + number % 7)))
        number += len(done)
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()

asyncio.run(main())
"""


class HeldHead(HeadFile):
    """Waits before the new head file takes the old one's place, as a slow disk does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def _rename(self, new: Path) -> None:
        self.reached.set()
        self.go_on.wait(10)
        super()._rename(new)


async def test_nothing_is_visible_before_the_head_file_is_written(tmp_path: Path) -> None:
    world = World(tmp_path)
    held = world.head = HeldHead(world.head.path)
    held.go_on.set()
    await world.open()
    await world.append(b"a")
    old = world.ledger.checkpoint("journal")
    held.reached.clear()
    held.go_on.clear()
    pending = asyncio.create_task(world.append(b"b"))
    await asyncio.to_thread(held.reached.wait, 10)
    assert await world.store.read(logs.size, "journal") == 2, "committed"
    assert world.ledger.checkpoint("journal") == old, "and not published"
    assert not pending.done()
    with pytest.raises(LedgerRefusal):
        await world.ledger.read_tile("journal", Tile(0, 0, 2))
    with pytest.raises(LedgerRefusal):
        await world.ledger.read_entries("journal", Bundle(0, 2))
    assert (await world.ledger.inclusion_proof("journal", 0)) == (old, ())
    held.go_on.set()
    assert (await pending).value == [1]
    assert read_checkpoint("journal", world.ledger.checkpoint("journal")).size == 2
    assert len(await world.ledger.read_tile("journal", Tile(0, 0, 2))) == 64
    await world.close()


async def test_a_head_file_that_cannot_be_written_at_the_start_is_a_storage_error(tmp_path: Path) -> None:
    world = World(tmp_path)
    in_the_way = tmp_path / "head" / "head.new"
    in_the_way.mkdir(parents=True)
    with pytest.raises(StorageError):
        await world.open()
    in_the_way.rmdir()
    await world.open()
    assert (await world.append(b"a")).value == [0]
    await world.close()


def append_and_kill(folder: Path, acknowledgements: int) -> int:
    """Let a process append, kill it after some acknowledgements; how many entries the last one it gave spoke of."""
    here = Path(__file__)
    process = subprocess.Popen(
        [sys.executable, "-c", APPENDING, folder],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": f"{here.parents[2]}:{here.parent}"},
    )
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(acknowledgements)]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return acknowledged[-1]


async def test_what_a_killed_process_acknowledged_is_in_the_log(tmp_path: Path) -> None:
    for acknowledgements in (3, 11, 1):
        acknowledged = await asyncio.to_thread(append_and_kill, tmp_path, acknowledgements)
        world = World(tmp_path)
        await world.open()
        assert world.ledger.head("journal").size >= acknowledged
        assert world.head.read() == {log: world.ledger.head(log) for log in LOGS}
        await world.close()
        entries = (await check_everything(world.path))["journal"]
        assert entries == [b"%d" % i for i in range(len(entries))]
