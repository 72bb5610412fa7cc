"""The ledger and its sequencer on the good path, and under refusals, load and cancellation."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from ledger_world import KEYS, Append, World, check_everything, read_checkpoint, root_of
from sqlalchemy import Connection

from exchange.ledger.errors import LedgerRefusal
from exchange.ledger.stage import Stage, Work
from exchange.store import logs, meta
from exchange.store.errors import ConflictError
from exchange.tlog.bundles import decode_bundle, encode_bundle
from exchange.tlog.checkpoint import LOGS, Checkpoint
from exchange.tlog.errors import BundleError, ProofError
from exchange.tlog.merkle import EMPTY_ROOT, leaf_hash, verify_consistency, verify_inclusion
from exchange.tlog.tiles import Bundle, Tile, TileTree, bundles, changed_tiles


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = World(tmp_path)
    await opened.open()
    yield opened
    await opened.close()


async def check_served(world: World, log: Any, entries: list[bytes]) -> None:
    """Everything that readers are served agrees with the entries."""
    head = read_checkpoint(log, world.ledger.checkpoint(log))
    assert head == Checkpoint(KEYS[log].origin, len(entries), root_of(entries)) == world.ledger.head(log)
    served = {(t.level, t.index): await world.ledger.read_tile(log, t) for t in changed_tiles(0, len(entries))}
    assert TileTree(lambda level, index: served[level, index], len(entries)).root() == head.root
    found: list[bytes] = []
    for bundle in bundles(len(entries)):
        found += decode_bundle(await world.ledger.read_entries(log, bundle), bundle.width)
    assert found == entries


async def test_a_new_exchange_has_two_signed_empty_logs_and_a_head_file(world: World) -> None:
    for log in LOGS:
        assert read_checkpoint(log, world.ledger.checkpoint(log)) == Checkpoint(KEYS[log].origin, 0, EMPTY_ROOT)
    assert world.head.read() == {log: Checkpoint(KEYS[log].origin, 0, EMPTY_ROOT) for log in LOGS}


async def test_a_caller_is_answered_with_index_checkpoint_and_proof(world: World) -> None:
    for number in range(5):
        entry = b"entry %d" % number
        done = await world.append(entry)
        head = read_checkpoint("journal", done.checkpoints["journal"])
        (mine,) = done.appended
        assert (done.value, mine.index, mine.size, head.size) == ([number], number, number + 1, number + 1)
        verify_inclusion(leaf_hash(entry), mine.index, mine.size, mine.proof, head.root)
        assert world.head.read() == {log: world.ledger.head(log) for log in LOGS}
    assert read_checkpoint("registry", done.checkpoints["registry"]).size == 0
    assert (await check_everything(world.path))["journal"] == [b"entry %d" % i for i in range(5)]


async def test_what_waits_is_committed_together_and_in_order(world: World) -> None:
    works = [Append(b"j%d" % i) if i % 3 else Append(b"r%d" % i, b"s%d" % i, log="registry") for i in range(30)]
    answers = await world.together(*works)
    assert len(world.batches) == 1
    heads = {log: read_checkpoint(log, note) for log, note in world.batches[0].checkpoints.items()}
    assert (heads["journal"].size, heads["registry"].size) == (20, 20)
    for work, done in zip(works, answers, strict=True):
        assert work.told == ["staged", "committed"]
        assert done.checkpoints == world.batches[0].checkpoints
        for entry, mine in zip(work.entries, done.appended, strict=True):
            verify_inclusion(leaf_hash(entry), mine.index, heads[mine.log].size, mine.proof, heads[mine.log].root)
    assert [e.data for e in world.batches[0].entries] == [entry for work in works for entry in work.entries]
    entries = await check_everything(world.path)
    assert entries["journal"] == [b"j%d" % i for i in range(30) if i % 3]


async def test_work_sees_what_was_staged_before_it(world: World) -> None:
    class Look(Work[tuple[int, bytes]]):
        def stage(self, stage: Stage) -> tuple[int, bytes]:
            return stage.size("registry"), stage.root("registry")

    before, _, after = await world.together(Look(), Append(b"x", log="registry"), Look())
    assert before.value == (0, EMPTY_ROOT)
    assert after.value == (1, root_of([b"x"]))
    assert world.ledger.head("registry").root == after.value[1]


async def test_a_refused_request_leaves_no_trace_and_hurts_nobody(world: World) -> None:
    class Refused(Append):
        def stage(self, stage: Stage) -> list[int]:
            super().stage(stage)
            stage.write(meta.put, ("refused", "trace"))
            raise LedgerRefusal("no", "refused")

    first, refused, last = Append(b"a"), Refused(b"b", b"c"), Append(b"d")
    answers = await world.together(first, refused, last)
    assert isinstance(answers[1], LedgerRefusal)
    assert (answers[0].value, answers[2].value) == ([0], [1])
    assert refused.told == ["staged"]
    assert (await check_everything(world.path))["journal"] == [b"a", b"d"]
    assert await world.store.read(meta.get, "refused") is None
    with pytest.raises(LedgerRefusal):
        await world.sequencer.submit(Refused(b"alone"))


async def test_rows_are_written_in_the_transaction_of_the_entry(world: World) -> None:
    class Noted(Append):
        def stage(self, stage: Stage) -> list[int]:
            indexes = super().stage(stage)
            stage.write(
                meta.put, *[(entry.decode(), str(index)) for entry, index in zip(self.entries, indexes, strict=True)]
            )
            return indexes

    await world.together(Noted(b"a", b"b"), Noted(b"c"))
    assert [await world.store.read(meta.get, key) for key in "abc"] == ["0", "1", "2"]


async def test_contradicting_rows_fail_their_own_request_only(world: World) -> None:
    def contradict(connection: Connection, rows: Any) -> None:
        logs.add_entries(connection, [logs.EntryRow("registry", 0, b"twice")] * 2)

    class Contradicting(Append):
        def stage(self, stage: Stage) -> list[int]:
            stage.write(contradict, "row")
            return super().stage(stage)

    works = [Append(b"a"), Contradicting(b"b"), Append(b"c")]
    answers = await world.together(*works)
    assert isinstance(answers[1], ConflictError)
    assert (answers[0].value, answers[2].value) == ([0], [1])
    assert [work.told for work in works] == [
        ["staged", "discarded", "staged", "committed"],
        ["staged", "discarded", "staged", "discarded"],
        ["staged", "discarded", "staged", "committed"],
    ]
    assert (await check_everything(world.path))["journal"] == [b"a", b"c"]
    await world.append(b"d")


async def test_a_refusal_that_rested_on_dropped_work_is_decided_anew(world: World) -> None:
    def contradict(connection: Connection, rows: Any) -> None:
        logs.add_entries(connection, [logs.EntryRow("registry", 0, b"twice")] * 2)

    class Contradicting(Append):
        def stage(self, stage: Stage) -> list[int]:
            stage.write(contradict, "row")
            return super().stage(stage)

    class First(Append):
        def stage(self, stage: Stage) -> list[int]:
            if stage.size("journal"):
                raise LedgerRefusal("not-first", "somebody was first")
            return super().stage(stage)

    answers = await world.together(Contradicting(b"a"), First(b"b"))
    assert isinstance(answers[0], ConflictError)
    assert answers[1].value == [0]


async def test_nothing_to_append_is_answered_without_a_commit(world: World) -> None:
    await world.append(b"a")
    done = await world.sequencer.submit(Append())
    assert done.appended == ()
    assert read_checkpoint("journal", done.checkpoints["journal"]).size == 1
    assert len(world.batches) == 1


async def test_acceptance_time_never_decreases_even_over_a_restart(world: World) -> None:
    class Time(Append):
        def stage(self, stage: Stage) -> list[int]:
            super().stage(stage)
            return [stage.at]

    start = world.now
    assert (await world.sequencer.submit(Time(b"a"))).value == [start]
    world.now = start - 50
    assert (await world.sequencer.submit(Time(b"b"))).value == [start]
    await world.close()
    await world.open()
    assert (await world.sequencer.submit(Time(b"c"))).value == [start]
    world.now = start + 1
    assert (await world.sequencer.submit(Time(b"d"))).value == [start + 1]


async def test_a_full_queue_answers_busy_and_recovers(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.open(queue_length=3)
    answers = await world.together(*[Append(b"%d" % i) for i in range(5)])
    assert [a.code for a in answers if isinstance(a, LedgerRefusal)] == ["busy", "busy"]
    assert (await world.append(b"later")).value == [3]
    await world.close()


async def test_a_group_is_bounded_in_work_and_in_entries(world: World) -> None:
    await world.together(*[Append(b"%d" % i) for i in range(300)])
    assert [len(batch.entries) for batch in world.batches] == [256, 44]
    world.batches.clear()
    await world.together(*[Append(*[b"%d/%d" % (i, k) for k in range(256)]) for i in range(9)])
    assert [len(batch.entries) for batch in world.batches] == [1024, 1024, 256]
    assert len((await check_everything(world.path))["journal"]) == 300 + 9 * 256


async def test_a_cancelled_caller_disturbs_nobody(world: World) -> None:
    gone, stays = Append(b"gone"), Append(b"stays")
    task = asyncio.create_task(world.sequencer.submit(gone))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await world.sequencer.submit(stays)).value == [0]
    assert gone.told == []


async def test_closing_finishes_what_waits_and_refuses_what_comes(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.open()
    tasks = [asyncio.create_task(world.append(b"%d" % i)) for i in range(400)]
    await asyncio.sleep(0)
    await world.sequencer.close()
    await world.sequencer.close()
    assert [(await task).value for task in tasks] == [[i] for i in range(400)]
    with pytest.raises(LedgerRefusal) as caught:
        await world.append(b"late")
    assert caught.value.code == "closing"
    await world.close()


async def test_readers_are_served_up_to_the_published_size_only(world: World) -> None:
    entries = [b"%d" % i for i in range(300)]
    await world.append(*entries)
    await check_served(world, "journal", entries)
    assert await world.ledger.read_tile("journal", Tile(0, 0, 7)) == b"".join(map(leaf_hash, entries[:7]))
    assert await world.ledger.read_tile("journal", Tile(0, 1, 44)) == b"".join(map(leaf_hash, entries[256:]))
    assert await world.ledger.read_entries("journal", Bundle(1, 2)) == encode_bundle(entries[256:258])
    for tile in (Tile(0, 1, 45), Tile(0, 1), Tile(0, 2, 1), Tile(1, 0, 2), Tile(2, 0, 1), Tile(63, 0)):
        with pytest.raises(LedgerRefusal) as caught:
            await world.ledger.read_tile("journal", tile)
        assert caught.value.code == "tile-unknown"
    for bundle in (Bundle(1, 45), Bundle(2, 1), Bundle(1)):
        with pytest.raises(LedgerRefusal):
            await world.ledger.read_entries("journal", bundle)
    with pytest.raises(LedgerRefusal):
        await world.ledger.read_tile("registry", Tile(0, 0, 1))


async def test_every_entry_and_every_earlier_size_can_be_proven(world: World) -> None:
    entries = [b"%d" % i for i in range(600)]
    for start in (0, 200, 255, 256, 257):
        await world.append(*entries[start : {0: 200, 200: 255, 255: 256, 256: 257, 257: 600}[start]])
    head = world.ledger.head("journal")
    for index in range(0, 600, 37):
        note, proof = await world.ledger.inclusion_proof("journal", index)
        assert note == world.ledger.checkpoint("journal")
        verify_inclusion(leaf_hash(entries[index]), index, 600, proof, head.root)
    for old in (0, 1, 200, 255, 256, 257, 600):
        proof = await world.ledger.consistency_proof("journal", old)
        verify_consistency(old, root_of(entries[:old]), 600, head.root, proof)
    with pytest.raises(ProofError):
        await world.ledger.inclusion_proof("journal", 600)
    with pytest.raises(ProofError):
        await world.ledger.consistency_proof("journal", 601)


async def test_an_entry_too_large_for_a_bundle_is_refused(world: World) -> None:
    with pytest.raises(BundleError):
        await world.append(bytes(65_536))
    assert (await world.append(bytes(65_535))).value == [0]
    assert (await check_everything(world.path))["journal"] == [bytes(65_535)]


@pytest.mark.parametrize("first", [255, 65_535])
async def test_logs_over_tile_boundaries_are_served_proven_and_reopened(tmp_path: Path, first: int) -> None:
    world = World(tmp_path)
    await world.open()
    entries = [b"entry %d" % i for i in range(first + 2)]
    await world.append(*entries[:first])
    for size in (first, first + 1, first + 2):
        if size > first:
            done = await world.append(entries[size - 1])
            head = read_checkpoint("journal", done.checkpoints["journal"])
            verify_inclusion(leaf_hash(entries[size - 1]), size - 1, size, done.appended[0].proof, head.root)
        await world.close()
        await world.open()
        assert world.ledger.head("journal") == Checkpoint(KEYS["journal"].origin, size, root_of(entries[:size]))
    await check_served(world, "journal", entries)
    assert (await check_everything(world.path))["journal"] == entries
    await world.close()
