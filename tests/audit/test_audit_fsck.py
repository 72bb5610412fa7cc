"""The operator's own data: in order after a life, and every change of a row, a byte or the head file found and named."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from exchange.cli.__main__ import run
from exchange.cli.stored import Fsck, check
from exchange.service import rebuild
from exchange.store import schema
from exchange.store.errors import StoreError
from tests.audit.test_audit_export import history
from tests.support.grants import give
from tests.support.messages import react
from tests.support.web import Partnership, listening


@dataclass(frozen=True, slots=True)
class Life:
    """The data folder and head file of a server after a while, its exchange id, and when it was stopped."""

    folder: Path
    exchange: str
    now: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def head(self) -> Path:
        return self.folder / "head" / "head"

    def judge(self) -> Fsck:
        return check(self.data, self.head, self.now, exchange=self.exchange, workers=0)

    def change(self, *statements: str) -> None:
        database = sqlite3.connect(self.data / "exchange.db", isolation_level=None)
        try:
            database.execute("PRAGMA foreign_keys=OFF")
            for statement in statements:
                assert database.execute(statement).rowcount != 0, statement
        finally:
            database.close()


async def live(partnership: Partnership) -> None:
    """Something in every table."""
    await history(partnership)
    world = partnership.world
    alert = await partnership.release()
    await world.post(react(world, partnership.officer, alert, b"gesehen", partnership.author))
    second = await world.enrol_device(partnership.officer)
    await world.post(give(world, partnership.officer, alert, second, "history"))
    gone = await world.enrol("G. Geht", partnership.company, "officer")
    chain = f"person/{gone.person}"
    await world.post(world.by_registrars("person.remove", person=gone.person, previous=world.previous(chain)))
    await world.post(
        world.by_registrars(
            "opening.erase",
            subject=chain,
            statement=world.exchange_server.state.roster.facts.commitments[chain][0][0],
            fields=["name"],
            previous=world.previous(f"opening/{gone.person}"),
        )
    )


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Life:
    folder = tmp_path_factory.mktemp("lived")

    async def run() -> Life:
        async with listening(folder) as partnership:
            await live(partnership)
            world = partnership.world
            return Life(folder, world.exchange, world.now)

    return asyncio.run(run())


@pytest.fixture
def life(lived: Life, tmp_path: Path) -> Life:
    shutil.copytree(lived.folder, tmp_path / "copy")
    return Life(tmp_path / "copy", lived.exchange, lived.now)


def found(fsck: Fsck) -> set[tuple[str, str]]:
    """(table, code) of what is wrong beyond the ten steps."""
    return {(one.table, one.code) for one in fsck.wrong()}


def test_a_life_is_in_order_and_every_table_was_compared(lived: Life) -> None:
    fsck = lived.judge()
    assert fsck.report.verified, fsck.report.first
    assert fsck.wrong() == []
    assert fsck.ok
    empty = {name for name, table in fsck.compared.tables.items() if not table.rows}
    assert empty == set()
    assert fsck.report.totals.erased == 1 and fsck.report.totals.withheld == 0
    json.dumps(fsck.to_json())


def test_every_table_of_the_store_is_judged_somewhere() -> None:
    judged = {*rebuild.COMPARED, *rebuild.HELD_AGAINST, *rebuild.BY_THE_STEPS, *rebuild.NOT_OURS}
    assert judged == set(schema.metadata.tables)


# -- one row, one byte -----------------------------------------------------------------------------------------------------

FLIPS = {
    "alert": ("label", "'GREEN'"),
    "audience": ("devices", "zeroblob(length(devices))"),
    "receipt": ("at", "at + 1"),
    "granted": ("purpose", "'onward'"),
    "message": ("organisation", "device"),
    "delivery": ("at", "at - 1"),
    "epoch_key": ("key_hash", "'0' || substr(key_hash, 2) || ''"),
    "opening": ("value", "value || 'x'"),
    "claim": ("until", "coalesce(until, 0) + 1"),
    "checkpoint": ("at", "at + 1"),
    "statement": ("signers", "signers + 1"),
    "meta": ("value", "'0' || substr(value, 2) || 'x'"),
}
"""For each table a column that nothing but a comparison sees, and another value of it."""


@pytest.mark.parametrize("table", FLIPS)
def test_one_changed_value_in_a_table_is_found(life: Life, table: str) -> None:
    column, value = FLIPS[table]
    some = "key='exchange'" if table == "meta" else "rowid=(SELECT min(rowid) FROM statement)"
    if table not in ("meta", "statement"):
        keys = ", ".join(f'"{key.name}"' for key in schema.metadata.tables[table].primary_key.columns)
        some = f"({keys}) = (SELECT {keys} FROM {table} ORDER BY {keys} LIMIT 1)"
    life.change(f'UPDATE {table} SET "{column}" = {value} WHERE {some}')
    assert (table, "projection-differs") in found(life.judge())


@pytest.mark.parametrize(
    "table", ["audience", "receipt", "granted", "message", "delivery", "epoch_key", "opening", "claim"]
)
def test_a_removed_row_is_found(life: Life, table: str) -> None:
    keys = ", ".join(f'"{key.name}"' for key in schema.metadata.tables[table].primary_key.columns)
    life.change(f"DELETE FROM {table} WHERE ({keys}) = (SELECT {keys} FROM {table} ORDER BY {keys} LIMIT 1)")
    assert (table, "projection-missing") in found(life.judge())


@pytest.mark.parametrize("table", ["receipt", "granted", "message", "delivery", "epoch_key", "opening", "claim"])
def test_an_added_row_is_found(life: Life, table: str) -> None:
    columns = [column.name for column in schema.metadata.tables[table].columns]
    key = next(iter(schema.metadata.tables[table].primary_key.columns)).name
    taken = ", ".join(f"'{'f' * 64}'" if name == key else f'"{name}"' for name in columns)
    life.change(f"INSERT INTO {table} SELECT {taken} FROM {table} LIMIT 1")
    assert (table, "projection-extra") in found(life.judge())


def test_an_alert_that_nobody_wrote_and_one_that_is_gone_are_found(life: Life) -> None:
    life.change("UPDATE alert SET statement = 'ff' || substr(statement, 3) WHERE label = 'CLEAR'")
    assert {("alert", "projection-missing"), ("alert", "projection-extra")} <= found(life.judge())


def test_an_erased_name_that_came_back_is_found(life: Life) -> None:
    database = sqlite3.connect(life.data / "exchange.db")
    envelope = database.execute("SELECT envelope FROM statement WHERE kind='opening.erase'").fetchone()[0]
    database.close()
    erased = json.loads(_payload(envelope))["statement"]
    life.change(f"INSERT INTO opening SELECT '{erased}', field, salt, value FROM opening WHERE field='name' LIMIT 1")
    fsck = life.judge()
    assert ("opening", "projection-extra") in found(fsck)


def _payload(envelope: bytes) -> bytes:
    from keys.envelope import Envelope

    return Envelope.decode(envelope).body


def test_a_flipped_bit_in_a_text_that_is_no_utf8_any_more_is_a_difference_and_no_crash(life: Life) -> None:
    life.change("UPDATE receipt SET level = CAST(x'ff72656164' AS TEXT)")
    assert {("receipt", "projection-missing"), ("receipt", "projection-extra")} <= found(life.judge())


# -- the logs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "step", "code"),
    [
        ("UPDATE entry SET data=CAST(replace(data, 'kind', 'kinD') AS BLOB) WHERE log='journal'", 2, "entry-differs"),
        ("UPDATE tile SET data=CAST(zeroblob(32) || substr(data, 33) AS BLOB) WHERE log='registry'", 2, "tile-differs"),
        ("UPDATE tile SET data=zeroblob(32) || substr(data, 33) WHERE log='registry'", 2, "tile-differs"),
        ("UPDATE tile SET data=CAST(data || zeroblob(32) AS BLOB) WHERE log='journal'", 2, "file-extra"),
        ("DELETE FROM tile WHERE log='journal'", 2, "tile-missing"),
        ("DELETE FROM entry WHERE log='journal' AND \"index\"=5", 2, "entries-malformed"),
        ("UPDATE statement SET envelope=zeroblob(100) WHERE log='journal' AND \"index\"=2", 5, "statement-malformed"),
        ("UPDATE statement SET envelope=(SELECT max(envelope) FROM statement) WHERE \"index\"=2", 5, "statement-differs"),
        ("DELETE FROM statement WHERE log='journal' AND kind='alert.receipt'", 5, "statement-missing"),
        ("UPDATE checkpoint SET note=replace(note, 'journal', 'journaj') WHERE log='journal'", 1, "checkpoint-invalid"),
        ("UPDATE audience SET leaves=zeroblob(length(leaves))", 8, "pack-order"),
    ],
)  # fmt: skip
def test_a_changed_log_is_found_by_the_ten_steps(life: Life, statement: str, step: int, code: str) -> None:
    life.change(statement)
    fsck = life.judge()
    assert fsck.report.first is not None and not fsck.ok
    assert (fsck.report.first.step, fsck.report.first.code) == (step, code)


def test_a_cosigned_note_of_another_tree_is_found(life: Life) -> None:
    note = "(SELECT replace(note, 'registry', 'registrz') FROM checkpoint WHERE log='registry')"
    life.change(f"INSERT OR REPLACE INTO cosigned (log, what, note) VALUES ('registry', 'newest', {note})")
    fsck = life.judge()
    assert fsck.report.first is not None and fsck.report.first.step == 3


def test_a_store_from_before_there_were_witnesses_is_judged(life: Life) -> None:
    life.change("DROP TABLE IF EXISTS cosigned", "DROP TABLE IF EXISTS witness")
    assert life.judge().ok


def test_a_second_statement_under_one_entry_more_is_found(life: Life) -> None:
    life.change(
        'INSERT INTO entry SELECT log, "index" + 1, data FROM entry WHERE log=\'journal\' ORDER BY "index" DESC LIMIT 1'
    )
    fsck = life.judge()
    assert fsck.report.first is not None and fsck.report.first.code == "file-extra"


# -- blobs and the head file -----------------------------------------------------------------------------------------------


def test_a_flipped_byte_in_a_blob_and_a_missing_one_are_found(life: Life) -> None:
    life.change(
        "UPDATE blob_chunk SET data=zeroblob(1) || substr(data, 2) WHERE blob=(SELECT min(blob) FROM blob)",
        "DELETE FROM blob WHERE blob=(SELECT max(blob) FROM blob)",
    )
    assert {("blob", "blob-differs"), ("blob", "blob-missing")} <= found(life.judge())


def test_a_blob_whose_length_is_another_is_found(life: Life) -> None:
    life.change("UPDATE blob SET length=length + 1 WHERE blob=(SELECT max(blob) FROM blob)")
    assert ("blob", "blob-differs") in found(life.judge())


def test_an_old_backup_is_found_by_the_head_file(life: Life) -> None:
    async def more() -> None:
        from tests.support.web import WebLive

        world = WebLive(life.folder)
        world.exchange, world.now = life.exchange, life.now
        await world.start()
        await world.exchange_server.claim("access.read", {"count": 1, "device": "A" * 22, "what": "statement"})
        await world.stop()

    backup = life.folder / "backup"
    shutil.copytree(life.data, backup)
    asyncio.run(more())
    shutil.rmtree(life.data)
    shutil.move(backup, life.data)
    fsck = life.judge()
    assert fsck.report.verified and fsck.compared.ok
    assert found(fsck) == {("head", "head-ahead")}


def test_a_missing_or_unreadable_head_file_is_found(life: Life) -> None:
    life.head.write_text("nothing")
    assert ("head", "head-unreadable") in found(life.judge())
    life.head.unlink()
    assert ("head", "head-missing") in found(life.judge())


# -- beside a running server -----------------------------------------------------------------------------------------------


async def test_a_running_server_is_judged_and_not_disturbed(tmp_path: Path) -> None:
    async with listening(tmp_path) as partnership:
        await live(partnership)
        world = partnership.world
        judged = await asyncio.to_thread(check, tmp_path / "data", tmp_path / "head" / "head", world.now, workers=0)
        assert judged.ok, (judged.report.first, judged.wrong())
        await partnership.release()
        again = await asyncio.to_thread(check, tmp_path / "data", tmp_path / "head" / "head", world.now, workers=0)
        assert again.ok, (again.report.first, again.wrong())


def test_what_is_no_store_cannot_be_judged(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        check(tmp_path, None, 0)
    assert error.value.code == "store-missing"
    sqlite3.connect(tmp_path / "exchange.db").close()
    (tmp_path / "exchange.db").write_bytes(b"")
    with pytest.raises(StoreError) as error:
        check(tmp_path, None, 0)
    assert error.value.code == "store-foreign"


def test_the_command_names_what_is_wrong_and_its_exit_status_says_so(
    life: Life, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["audit", "fsck", str(life.data), "--head-file", str(life.head), "--exchange", life.exchange]
    assert run([*call, "--lang", "en"]) == 0
    assert "data in order" in capsys.readouterr().err
    life.change("UPDATE receipt SET at = at + 1")
    assert run([*call, "--lang", "de"]) == 1
    said = capsys.readouterr()
    assert "projection-differs" in said.out and "nicht in Ordnung" in said.err
    assert run([*call, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["report"]["verified"] and not told["ok"]
    assert told["store"]["tables"]["receipt"]["wrong"] and told["head_checked"]
    assert run(["audit", "fsck", str(life.folder), "--json"]) == 2
