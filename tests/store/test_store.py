"""The store: durable, private, one writer; it stops writing after the first storage error and reads on."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from exchange.store import cosignatures, logs, meta
from exchange.store.database import Store
from exchange.store.errors import ConflictError, StorageError, StoreError, StoreRefusal
from exchange.store.logs import EntryRow


def pragma(connection: Connection, name: str) -> object:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


async def test_what_is_written_is_read_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "data" / "exchange.db"
    store = await Store.open(path)
    await store.write(meta.put, [("exchange", "a"), ("other", "b")])
    await store.write(meta.put, [("exchange", "c")])
    await store.close()
    await store.close()
    store = await Store.open(path)
    assert await store.read(meta.get, "exchange") == "c"
    assert await store.read(meta.get, "missing") is None
    await store.close()


async def test_the_file_is_the_owners_alone_and_so_are_its_companions(tmp_path: Path) -> None:
    path = tmp_path / "data" / "exchange.db"
    path.parent.mkdir()
    path.touch(mode=0o644)
    store = await Store.open(path)
    await store.write(meta.put, [("a", "b")])
    found = {child.name: stat.S_IMODE(child.stat().st_mode) for child in path.parent.iterdir()}
    assert set(found) == {"exchange.db", "exchange.db-wal", "exchange.db-shm", "exchange.db.lock"}
    assert set(found.values()) == {0o600}
    await store.close()


async def test_a_new_folder_is_the_owners_alone(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "new" / "exchange.db")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    await store.close()


async def test_every_connection_is_durable_and_checks_foreign_keys(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "exchange.db")
    for run in (store.read, store.write):
        assert await run(pragma, "journal_mode") == "wal"
        assert await run(pragma, "synchronous") == 2
        assert await run(pragma, "foreign_keys") == 1
        assert await run(pragma, "busy_timeout") == 5000
    await store.close()


async def test_a_path_with_signs_of_a_url_is_only_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory&b%20 ü#.db"
    store = await Store.open(path)
    await store.write(meta.put, [("a", "b")])
    await store.close()
    with sqlite3.connect(path.as_uri(), uri=True) as found:
        assert found.execute("SELECT value FROM meta WHERE key = 'a'").fetchall() == [("b",)]


async def test_a_function_that_raises_has_written_nothing(tmp_path: Path) -> None:
    def half(connection: Connection) -> None:
        meta.put(connection, [("half", "written")])
        raise StoreRefusal("refused", "no")

    store = await Store.open(tmp_path / "exchange.db")
    with pytest.raises(StoreRefusal):
        await store.write(half)
    assert await store.read(meta.get, "half") is None
    await store.write(meta.put, [("a", "b")])
    await store.close()


async def test_contradicting_rows_are_a_conflict_and_writing_goes_on(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "exchange.db")
    await store.write(logs.add_entries, [EntryRow("journal", 0, b"a")])
    with pytest.raises(ConflictError) as caught:
        await store.write(logs.add_entries, [EntryRow("journal", 1, b"b"), EntryRow("journal", 0, b"c")])
    assert caught.value.code == "storage-conflict"
    assert await store.read(logs.entries, "journal", 0, 9) == (b"a",)
    await store.write(logs.add_entries, [EntryRow("journal", 1, b"b")])
    await store.close()


async def test_writes_run_one_after_the_other_and_reads_beside_them(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "exchange.db")
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        meta.put(connection, [("order", "first")])
        begun.set()
        go_on.wait(10)

    first = asyncio.create_task(store.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    second = asyncio.create_task(store.write(meta.put, [("order", "second")]))
    assert await store.read(meta.get, "order") is None, "a reader sees the state before, and does not wait"
    go_on.set()
    await asyncio.gather(first, second)
    assert await store.read(meta.get, "order") == "second"
    await store.close()


async def test_the_first_storage_error_stops_writing_and_reading_goes_on(tmp_path: Path) -> None:
    def full(connection: Connection) -> None:
        meta.put(connection, [("lost", "x")])
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        connection.exec_driver_sql("CREATE TABLE ballast (data BLOB)")
        connection.exec_driver_sql("INSERT INTO ballast VALUES (zeroblob(10000000))")

    store = await Store.open(tmp_path / "exchange.db")
    await store.write(meta.put, [("kept", "x")])
    with pytest.raises(StorageError) as caught:
        await store.write(full)
    assert caught.value.code == "storage-failed"
    assert store.stopped
    with pytest.raises(StorageError) as caught:
        await store.write(meta.put, [("later", "x")])
    assert caught.value.code == "writing-stopped"
    assert await store.read(meta.get, "kept") == "x"
    assert await store.read(meta.get, "lost") is None
    await store.close()


async def test_an_error_tells_no_row(tmp_path: Path) -> None:
    name = "Erika " + "Mustermann"

    def wrong(connection: Connection) -> None:
        connection.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": name})

    store = await Store.open(tmp_path / "exchange.db")
    with pytest.raises(StorageError) as caught:
        await store.write(wrong)
    assert name not in "".join(traceback.format_exception(caught.value))
    await store.close()


async def test_a_failed_commit_is_a_storage_error(tmp_path: Path) -> None:
    class Faulty(Store):
        def _commit(self, connection: Connection) -> None:
            if failing:
                raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))
            super()._commit(connection)

    failing = False
    store = await Faulty.open(tmp_path / "exchange.db")
    failing = True
    with pytest.raises(StorageError):
        await store.write(meta.put, [("a", "b")])
    await store.close()
    store = await Store.open(tmp_path / "exchange.db")
    assert await store.read(meta.get, "a") is None
    await store.close()


async def test_a_second_process_is_refused_and_a_reader_is_not(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    store = await Store.open(path)
    await store.write(meta.put, [("a", "b")])
    with pytest.raises(StoreError) as caught:
        await Store.open(path)
    assert caught.value.code == "store-in-use"
    reader = await Store.open(path, read_only=True)
    assert await reader.read(meta.get, "a") == "b"
    with pytest.raises(StoreError) as caught:
        await reader.write(meta.put, [("a", "c")])
    assert caught.value.code == "store-read-only"
    await reader.close()
    await store.close()
    store = await Store.open(path)
    await store.close()


async def test_a_store_opened_for_reading_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        await Store.open(tmp_path / "exchange.db", read_only=True)
    assert caught.value.code == "store-missing"
    with os.scandir(tmp_path) as found:
        assert not any(found)


async def test_a_store_of_a_newer_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    store = await Store.open(path)
    await store.write(meta.put, [("schema", "2")])
    await store.close()
    for read_only in (False, True):
        with pytest.raises(StoreError) as caught:
            await Store.open(path, read_only=read_only)
        assert caught.value.code == "store-newer"


async def test_a_store_made_earlier_gets_the_tables_that_came_since(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    store = await Store.open(path)
    await store.write(meta.put, [("kept", "yes")])
    await store.close()
    with sqlite3.connect(path) as earlier:
        earlier.execute("DROP TABLE cosigned")
        earlier.execute("DROP TABLE witness")
    store = await Store.open(path)
    assert await store.read(cosignatures.witnesses) == () == await store.read(cosignatures.notes)
    assert await store.read(meta.get, "kept") == "yes"
    await store.close()


async def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(StoreError) as caught:
        await Store.open(path)
    assert caught.value.code == "store-foreign"
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


async def test_garbage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    path.write_bytes(os.urandom(8192))
    with pytest.raises(StorageError):
        await Store.open(path)


def test_a_failed_start_leaves_no_thread_that_keeps_the_process_alive(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    path.write_bytes(b"x" * 8192)
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom exchange.store.database import Store\n"
        "asyncio.run(Store.open(Path(sys.argv[1])))\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", script, path], cwd=root, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert b"StorageError" in ended.stderr
