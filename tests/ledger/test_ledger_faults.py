"""Faults at every step of the commit: callers hear the truth, nothing published is lost, a restart puts all in order."""

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ledger_world import KEYS, Append, Notebook, Once, World, check_everything, read_checkpoint, root_of
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from exchange.ledger.errors import LedgerDamaged
from exchange.ledger.head import HeadFile
from exchange.ledger.sequencer import Batch, Sequencer
from exchange.ledger.stage import Stage
from exchange.store import logs
from exchange.store.database import Store
from exchange.store.errors import StorageError
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName
from exchange.tlog.merkle import verify_consistency, verify_inclusion
from exchange.tlog.tiles import Bundle, Tile


class FaultyStore(Store):
    """Fails a commit: before it took place, or after it with the answer lost."""

    fault: str = ""

    def _commit(self, connection: Connection) -> None:
        if self.fault == "commit-fails":
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))
        super()._commit(connection)
        if self.fault == "commit-takes-place-and-fails":
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))


class FaultyHead(HeadFile):
    """Fails one of the steps of writing the head file."""

    fault: str = ""

    def _write_new(self, new: Path, data: bytes) -> None:
        if self.fault == "head-half-written":
            super()._write_new(new, data[:20])
            raise OSError(28, "No space left on device")
        super()._write_new(new, data)

    def _rename(self, new: Path) -> None:
        if self.fault == "head-not-renamed":
            raise OSError(5, "Input/output error")
        super()._rename(new)

    def _sync_folder(self) -> None:
        if self.fault == "head-renamed-not-synced":
            raise OSError(5, "Input/output error")
        super()._sync_folder()


class FaultyOnce(Once):
    """Writes a row whose table is on a bad sector."""

    def stage(self, stage: Stage) -> int:
        stage.write(_bad_sector, "row")
        return super().stage(stage)


def _bad_sector(connection: Connection, rows: Any) -> None:
    raise OperationalError("INSERT", {}, sqlite3.OperationalError("disk I/O error"))


BEFORE_COMMIT = ("in-transaction", "commit-fails")
AFTER_COMMIT = (
    "commit-takes-place-and-fails",
    "head-half-written",
    "head-not-renamed",
    "head-renamed-not-synced",
)


async def faulty_world(folder: Path) -> World:
    world = World(folder)
    world.store_class, world.head = FaultyStore, FaultyHead(world.head.path)
    await world.open()
    return world


def set_fault(world: World, fault: str) -> type[Once]:
    assert isinstance(world.store, FaultyStore)
    assert isinstance(world.head, FaultyHead)
    world.store.fault = world.head.fault = fault
    return FaultyOnce if fault == "in-transaction" else Once


@pytest.mark.parametrize("fault", BEFORE_COMMIT + AFTER_COMMIT)
async def test_a_fault_stops_writing_reading_goes_on_and_a_restart_gives_the_same_answer(
    tmp_path: Path, fault: str
) -> None:
    world = await faulty_world(tmp_path)
    notebook = Notebook()
    for entry in (b"a", b"b"):
        await world.sequencer.submit(Once(notebook, entry))
    published = world.ledger.checkpoint("journal")
    batches = len(world.batches)

    kind = set_fault(world, fault)
    lost = kind(notebook, b"c")
    beside = Append(b"d")
    answers = await world.together(lost, beside)
    assert [answer.code for answer in answers] == ["writing-stopped", "writing-stopped"]
    assert beside.told == ["staged", "discarded"]
    assert isinstance(world.sequencer.failure, StorageError)

    # Nobody sees what was not published, everybody sees what was.
    assert world.ledger.checkpoint("journal") == published
    assert await world.ledger.read_entries("journal", Bundle(0, 2)) == b"\x00\x01a\x00\x01b"
    assert len(await world.ledger.read_tile("journal", Tile(0, 0, 2))) == 64
    assert (await world.ledger.inclusion_proof("journal", 1))[0] == published
    assert len(world.batches) == batches, "no feed was woken"

    # The fault is gone, and still nothing is written: memory and disk may differ.
    set_fault(world, "")
    with pytest.raises(StorageError) as caught:
        await world.sequencer.submit(Once(notebook, b"e"))
    assert caught.value.code == "writing-stopped"
    await world.close()

    expected = [b"a", b"b"] if fault in BEFORE_COMMIT else [b"a", b"b", b"c", b"d"]
    assert (await check_everything(world.path))["journal"] == expected
    await world.open()
    assert (await check_everything(world.path))["journal"] == expected
    assert world.head.read() == {log: world.ledger.head(log) for log in LOGS}
    notebook = await Notebook.of(world.store)
    again = await world.sequencer.submit(Once(notebook, b"c"))
    assert again.value == 2
    after = await check_everything(world.path)
    assert after["journal"].count(b"c") == 1
    note, proof = await world.ledger.inclusion_proof("journal", 2)
    old, new = read_checkpoint("journal", published), read_checkpoint("journal", note)
    verify_inclusion(_leaf(b"c"), 2, new.size, proof, new.root)
    verify_consistency(
        old.size, old.root, new.size, new.root, await world.ledger.consistency_proof("journal", old.size)
    )
    await world.close()


def _leaf(entry: bytes) -> bytes:
    return root_of([entry])


@pytest.mark.parametrize("fault", BEFORE_COMMIT + AFTER_COMMIT)
async def test_a_fault_at_a_tile_boundary_leaves_whole_tiles(tmp_path: Path, fault: str) -> None:
    world = await faulty_world(tmp_path)
    entries = [b"%d" % i for i in range(255)]
    await world.append(*entries)
    kind = set_fault(world, fault)
    answers = await world.together(kind(Notebook(), b"full"), Append(b"next"))
    assert all(isinstance(answer, StorageError) for answer in answers)
    set_fault(world, "")
    await world.close()
    await world.open()
    notebook = await Notebook.of(world.store)
    assert (await world.sequencer.submit(Once(notebook, b"full"))).value == 255
    await world.sequencer.submit(Once(notebook, b"next"))
    assert (await check_everything(world.path))["journal"] == [*entries, b"full", b"next"]
    await world.close()


async def test_everybody_who_waits_hears_when_writing_stops(tmp_path: Path) -> None:
    world = await faulty_world(tmp_path)
    set_fault(world, "commit-fails")
    answers = await world.together(*[Append(b"%d" % i) for i in range(700)])
    assert {answer.code for answer in answers} == {"writing-stopped"}
    await world.close()


async def test_a_storage_error_elsewhere_stops_the_sequencer_too(tmp_path: Path) -> None:
    world = await faulty_world(tmp_path)
    with pytest.raises(StorageError):
        await world.store.write(_bad_sector, "row")
    with pytest.raises(StorageError) as caught:
        await world.append(b"a")
    assert caught.value.code == "writing-stopped"
    await world.close()


async def test_a_signer_that_fails_fails_the_request_and_changes_nothing(tmp_path: Path) -> None:
    class Failing:
        origin = KEYS["journal"].origin

        def sign(self, text: str, timestamp: int) -> bytes:
            raise ValueError("the key is gone")

    world = await faulty_world(tmp_path)
    await world.append(b"a")
    signer, world.signers["journal"] = world.signers["journal"], Failing()
    with pytest.raises(ValueError, match="gone"):
        await world.append(b"b")
    world.signers["journal"] = signer
    assert (await world.append(b"b")).value == [1]
    assert (await check_everything(world.path))["journal"] == [b"a", b"b"]
    await world.close()


async def test_memory_that_cannot_follow_the_store_stops_writing(tmp_path: Path) -> None:
    class Broken(Append):
        def committed(self) -> None:
            raise RuntimeError("a defect")

    world = await faulty_world(tmp_path)
    answers = await world.together(Broken(b"a"), Append(b"b"))
    assert all(isinstance(answer, StorageError) for answer in answers)
    with pytest.raises(StorageError):
        await world.append(b"c")
    await world.close()
    assert (await check_everything(world.path))["journal"] == [b"a", b"b"]


async def test_a_feed_that_fails_to_wake_stops_nobody(tmp_path: Path) -> None:
    def failing(batch: Batch) -> None:
        raise RuntimeError("a defect in the feed")

    world = await faulty_world(tmp_path)
    await world.sequencer.close()
    world.sequencer = Sequencer(world.ledger, failing)
    world.sequencer.start()
    assert (await world.append(b"a")).value == [0]
    assert (await world.append(b"b")).value == [1]
    await world.close()


async def test_nobody_hangs_when_the_sequencer_is_cancelled(tmp_path: Path) -> None:
    world = await faulty_world(tmp_path)
    tasks = [asyncio.create_task(world.append(b"%d" % i)) for i in range(300)]
    for _ in range(3):  # the tasks submit, the sequencer takes a group, its commit is on its way
        await asyncio.sleep(0)
    assert world.sequencer._group
    assert world.sequencer._task is not None
    world.sequencer._task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(answer, StorageError) for answer in answers)
    await world.close()
    await check_everything(world.path)


# -- the head file -----------------------------------------------------------------------------------------------------


async def refused(world: World) -> str:
    with pytest.raises(LedgerDamaged) as caught:
        await world.open()
    return caught.value.code


async def closed_world(folder: Path, *entries: bytes) -> World:
    world = World(folder)
    await world.open()
    for entry in entries:
        await world.append(entry)
    await world.close()
    return world


async def test_an_old_backup_restored_is_refused(tmp_path: Path) -> None:
    world = await closed_world(tmp_path, b"a")
    backup = world.path.read_bytes()
    await world.open()
    await world.append(b"b")
    await world.close()
    head = world.head.path.read_bytes()
    world.path.write_bytes(backup)
    assert await refused(world) == "head-ahead"
    assert world.head.path.read_bytes() == head, "the evidence stays"


async def test_a_rewritten_log_is_refused(tmp_path: Path) -> None:
    await closed_world(tmp_path / "other", b"a", b"x", b"c")
    world = await closed_world(tmp_path / "own", b"a", b"b")
    world.path.write_bytes(World(tmp_path / "other").path.read_bytes())
    assert await refused(world) == "head-ahead"


async def test_another_root_for_the_same_size_is_refused(tmp_path: Path) -> None:
    await closed_world(tmp_path / "other", b"a", b"x")
    world = await closed_world(tmp_path / "own", b"a", b"b")
    world.path.write_bytes(World(tmp_path / "other").path.read_bytes())
    assert await refused(world) == "head-ahead"


async def test_a_log_ahead_of_its_head_file_rolls_forward(tmp_path: Path) -> None:
    world = await closed_world(tmp_path, b"a")
    old = world.head.path.read_bytes()
    await world.open()
    await world.append(*[b"%d" % i for i in range(400)])
    await world.append(b"r", log="registry")
    await world.close()
    new = world.head.path.read_bytes()
    world.head.path.write_bytes(old)
    await world.open()
    assert world.head.path.read_bytes() == new
    await world.close()


async def test_a_missing_head_file_is_refused_unless_the_logs_are_empty(tmp_path: Path) -> None:
    world = await closed_world(tmp_path)
    world.head.path.unlink()
    await world.open()
    await world.append(b"a")
    await world.close()
    world.head.path.unlink()
    assert await refused(world) == "head-missing"
    assert not world.head.path.exists()


@pytest.mark.parametrize("content", [b"", b"\n\n", b"garbage", b"\xff\xfe", b"x" * 5000])
async def test_an_unreadable_head_file_is_refused(tmp_path: Path, content: bytes) -> None:
    world = await closed_world(tmp_path, b"a")
    world.head.path.write_bytes(content)
    assert await refused(world) == "head-unreadable"


async def test_the_head_file_of_another_exchange_is_refused(tmp_path: Path) -> None:
    world = await closed_world(tmp_path, b"a")
    heads: Mapping[LogName, Checkpoint] = {log: Checkpoint(f"other/{log}", 0, root_of([])) for log in LOGS}
    world.head.write(heads)
    assert await refused(world) == "log-foreign"


async def test_keys_of_another_exchange_are_refused(tmp_path: Path) -> None:
    world = await closed_world(tmp_path, b"a")
    world.signers = {"registry": world.signers["journal"], "journal": world.signers["registry"]}
    assert await refused(world) == "log-foreign"


async def test_a_left_over_half_written_head_file_does_not_hinder(tmp_path: Path) -> None:
    world = await closed_world(tmp_path, b"a")
    world.head.path.with_name("head.new").write_bytes(b"half")
    await world.open()
    await world.append(b"b")
    await world.close()
    assert world.head.path.stat().st_mode & 0o777 == 0o600
    assert world.head.path.parent.stat().st_mode & 0o777 == 0o700


# -- damage in the store -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entry SET data = CAST('x' AS BLOB) WHERE log = 'journal' AND \"index\" = 256",
        "UPDATE tile SET data = zeroblob(length(data)) WHERE log = 'journal' AND level = 0 AND \"index\" = 1",
        "UPDATE tile SET data = zeroblob(length(data)) WHERE log = 'journal' AND level = 1",
        "UPDATE tile SET data = substr(data, 1, 32) WHERE log = 'journal' AND level = 0 AND \"index\" = 1",
        "DELETE FROM tile WHERE log = 'journal' AND level = 1",
        "DELETE FROM entry WHERE log = 'journal' AND \"index\" = 257",
        "DELETE FROM checkpoint WHERE log = 'journal'",
        "UPDATE checkpoint SET size = 3 WHERE log = 'journal'",
        "UPDATE checkpoint SET note = CAST('x' AS BLOB) WHERE log = 'journal'",
    ],
)
async def test_a_damaged_store_is_refused_at_the_start(tmp_path: Path, damage: str) -> None:
    world = await closed_world(tmp_path)
    await world.open()
    await world.append(*[b"%d" % i for i in range(258)])
    await world.close()
    with sqlite3.connect(world.path) as connection:
        connection.execute(damage)
    assert await refused(world) == "log-damaged"


async def test_a_second_writer_cannot_append_behind_the_ledgers_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.open()
    await world.append(b"a")
    await world.store.write(logs.add_entries, [logs.EntryRow("journal", 1, b"smuggled")])
    with pytest.raises(Exception, match="contradict") as caught:
        await world.append(b"b")
    assert getattr(caught.value, "code", "") == "storage-conflict"
    await world.close()
    assert await refused(world) == "log-damaged"
