"""One file of a member: several programs, a disk that does not take it, another version."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.audit.copy import LocalCopy
from exchange.audit.monitorstate import MonitorState
from exchange.client import storefile
from exchange.client.errors import StateError
from exchange.client.storefile import StoreFile

TABLES = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY) STRICT",
    "CREATE TABLE child (parent INTEGER NOT NULL REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED) STRICT",
)


class Family(StoreFile):
    """A file whose commit can fail: the rule about parents is asked at its end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, (TABLES,), "the family's file")

    def add(self, parent: int, *, born: bool) -> None:
        with self.transaction():
            if born:
                self._db.execute("INSERT INTO parent VALUES (?)", (parent,))
            self._db.execute("INSERT INTO child VALUES (?)", (parent,))

    def children(self) -> list[int]:
        return [parent for (parent,) in self._db.execute("SELECT parent FROM child ORDER BY parent")]


def test_a_commit_that_fails_leaves_nothing_and_swallows_nothing_later(tmp_path: Path) -> None:
    path = tmp_path / "family.sqlite"
    with Family(path) as family:
        with pytest.raises(StateError) as refusal:
            family.add(1, born=False)
        assert refusal.value.code == "state-unusable" and "the family's file" in refusal.value.detail
        family.add(2, born=True)
    with Family(path) as again:
        assert again.children() == [2]


@pytest.mark.parametrize(
    "opened",
    [Family, MonitorState, lambda path: LocalCopy(path, "e" * 64)],
    ids=["any", "monitor", "copy"],
)
def test_a_file_that_another_program_writes_is_busy_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[Path], StoreFile]
) -> None:
    monkeypatch.setattr(storefile, "BUSY_SECONDS", 0.01)
    path = tmp_path / "file.sqlite"
    with opened(path) as one, opened(path) as other, one.transaction(), pytest.raises(StateError) as refusal:
        other.transaction().__enter__()
    assert refusal.value.code == "state-busy"


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "family.sqlite"
    Family(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version=7")
    database.close()
    with pytest.raises(StateError) as refusal:
        Family(path)
    assert refusal.value.code == "state-newer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
