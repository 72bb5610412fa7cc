"""A fault at each step of a commit; what then lies on the disk is judged by ``exchange audit fsck``, twice."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from exchange.cli.stored import check
from exchange.ledger.head import HeadFile
from exchange.store.database import Store
from exchange.store.errors import StorageError
from tests.support.web import Partnership, listening


def _bad_disk() -> OperationalError:
    return OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))


def commit_fails(self: Store, connection: Connection) -> None:
    raise _bad_disk()


def commit_takes_place_and_fails(self: Store, connection: Connection) -> None:
    connection.commit()
    raise _bad_disk()


def head_half_written(self: HeadFile, new: Path, data: bytes) -> None:
    new.write_bytes(data[:20])
    raise OSError(28, "No space left on device")


def head_not_renamed(self: HeadFile, new: Path) -> None:
    raise OSError(5, "Input/output error")


FAULTS = {
    "commit-fails": (Store, "_commit", commit_fails),
    "commit-takes-place-and-fails": (Store, "_commit", commit_takes_place_and_fails),
    "head-half-written": (HeadFile, "_write_new", head_half_written),
    "head-not-renamed": (HeadFile, "_rename", head_not_renamed),
}


async def in_order(partnership: Partnership, folder: Path) -> int:
    """Judge the data folder; the journal's size there."""
    world = partnership.world
    found = await asyncio.to_thread(
        check, folder / "data", folder / "head" / "head", world.now, exchange=world.exchange, workers=0
    )
    assert found.ok, (found.report.first, found.wrong())
    return found.report.heads["journal"].size


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_a_fault_leaves_behind_is_in_order_before_and_after_the_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    async with listening(tmp_path) as partnership:
        world = partnership.world
        await partnership.release()
        before = await in_order(partnership, tmp_path)
        alert = await world.alert(partnership.author, "AMBER", partnership.audience)
        with monkeypatch.context() as broken:
            broken.setattr(*FAULTS[fault])
            with pytest.raises(StorageError):
                await world.post(alert)
            assert await in_order(partnership, tmp_path) in (before, before + 1)
            await world.stop()
        await world.start()
        answer = await world.post(alert)
        assert [result.index for result in answer.results] == [before]
        assert await in_order(partnership, tmp_path) == before + 1
