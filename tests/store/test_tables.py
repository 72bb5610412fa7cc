"""Table by table: what is put in comes out again, within its bounds, and nothing else does."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.store import alerts, blobs, cosignatures, epochs, logs, schema, statements
from exchange.store.alerts import AlertRow, AudienceRow, DeliveryRow, ReceiptRow
from exchange.store.blobs import ClaimRow
from exchange.store.cosignatures import NEWEST, QUORUM, CosignedRow, WitnessRow
from exchange.store.database import Store
from exchange.store.epochs import EpochKeyRow
from exchange.store.errors import ConflictError, StoreRefusal
from exchange.store.logs import CheckpointRow, EntryRow, TileRow
from exchange.store.schema import CHUNK_BYTES
from exchange.store.statements import ErasedRow, OpeningRow, StatementRow
from keys.encoding import b64u
from keys.stanza import PackLeaf, encode_leaf_list

DEVICE = "AAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "exchange.db")
    yield opened
    await opened.close()


def statement(index: int, kind: str = "alert", entry_kind: str = "", signers: int = 1) -> StatementRow:
    return StatementRow("journal", index, f"{index:064x}", kind, entry_kind or kind, signers, b"envelope %d" % index)


async def put_statements(store: Store, *rows: StatementRow) -> None:
    await store.write(logs.add_entries, [EntryRow(row.log, row.index, b"entry %d" % row.index) for row in rows])
    await store.write(statements.add, list(rows))


# -- what witnesses said -----------------------------------------------------------------------------------------------


async def test_what_witnesses_said_replaces_what_they_said_before(store: Store) -> None:
    notes = [CosignedRow("journal", NEWEST, b"a"), CosignedRow("journal", QUORUM, b"b")]
    stands = [WitnessRow("journal", "w.example", 7, 100, "cosigned", 90)]
    await store.write(cosignatures.replace, notes, stands)
    assert set(await store.read(cosignatures.notes)) == set(notes)
    assert await store.read(cosignatures.witnesses) == tuple(stands)
    await store.write(cosignatures.replace, notes[:1], [])
    assert await store.read(cosignatures.notes) == tuple(notes[:1])
    assert await store.read(cosignatures.witnesses) == ()
    with pytest.raises(ConflictError):
        await store.write(cosignatures.replace, [CosignedRow("journal", "other", b"")], [])
    assert await store.read(cosignatures.notes) == tuple(notes[:1])


# -- logs --------------------------------------------------------------------------------------------------------------


async def test_entries_are_read_in_order_within_their_log(store: Store) -> None:
    await store.write(logs.add_entries, [EntryRow("journal", i, b"j%d" % i) for i in (2, 0, 1)])
    await store.write(logs.add_entries, [EntryRow("registry", 0, b"r0")])
    assert await store.read(logs.entries, "journal", 1, 5) == (b"j1", b"j2")
    assert await store.read(logs.entries, "journal", 0, 1) == (b"j0",)
    assert await store.read(logs.size, "journal") == 3
    assert await store.read(logs.size, "registry") == 1


@pytest.mark.parametrize(
    ("add", "row"),
    [
        (logs.add_entries, EntryRow("other", 0, b"")),  # type: ignore[arg-type]
        (logs.put_tiles, TileRow("other", 0, 0, b"")),  # type: ignore[arg-type]
        (logs.put_checkpoints, CheckpointRow("other", 0, b"", 0)),  # type: ignore[arg-type]
    ],
)
async def test_there_are_two_logs_and_no_third(store: Store, add: Any, row: Any) -> None:
    with pytest.raises(ConflictError):
        await store.write(add, [row])


async def test_an_empty_log_has_size_zero_and_no_checkpoint(store: Store) -> None:
    assert await store.read(logs.size, "journal") == 0
    assert await store.read(logs.checkpoint, "journal") is None
    assert await store.read(logs.tile, "journal", 0, 0) is None
    assert await store.read(logs.tiles, "journal", []) == {}


async def test_a_tile_and_a_checkpoint_are_written_over_their_earlier_selves(store: Store) -> None:
    for size in (1, 2):
        await store.write(logs.put_tiles, [TileRow("journal", 0, 0, bytes(32 * size)), TileRow("registry", 0, 0, b"r")])
        await store.write(logs.put_checkpoints, [CheckpointRow("journal", size, b"note %d" % size, 100 + size)])
    assert await store.read(logs.tile, "journal", 0, 0) == bytes(64)
    assert await store.read(logs.tiles, "journal", [(0, 0), (0, 1)]) == {(0, 0): bytes(64)}
    assert await store.read(logs.checkpoint, "journal") == CheckpointRow("journal", 2, b"note 2", 102)


# -- statements and openings -------------------------------------------------------------------------------------------


async def test_a_statement_is_found_by_id_entry_kind_and_number_of_signers(store: Store) -> None:
    row = statement(0, "alert", "alert.proposed", 1)
    await put_statements(store, row)
    assert await store.read(statements.find, row.statement, "alert.proposed", 1) == row
    assert await store.read(statements.find, row.statement, "alert.proposed", 2) is None
    assert await store.read(statements.find, row.statement, "alert.released", 1) is None
    with pytest.raises(ConflictError):
        await store.write(logs.add_entries, [EntryRow("journal", 1, b"again")])
        await store.write(
            statements.add, [StatementRow("journal", 1, row.statement, "alert", "alert.proposed", 1, b"again")]
        )


async def test_a_statement_without_its_entry_is_a_conflict(store: Store) -> None:
    with pytest.raises(ConflictError):
        await store.write(statements.add, [statement(7)])


async def test_statements_are_paged_by_index_and_kind(store: Store) -> None:
    rows = [statement(i, "alert" if i % 2 else "epoch.publish") for i in range(6)]
    await put_statements(store, *rows)
    assert await store.read(statements.page, "journal", 2, 2) == (rows[2], rows[3])
    assert await store.read(statements.page, "journal", 1, 9, ["epoch.publish"]) == (rows[2], rows[4])
    assert await store.read(statements.at, "journal", 5) == rows[5]
    assert await store.read(statements.at, "journal", 6) is None
    assert await store.read(statements.of_id, [rows[3].statement, rows[1].statement]) == (rows[1], rows[3])
    with pytest.raises(ValueError, match="256"):
        await store.read(statements.of_id, [f"{i}" for i in range(257)])


async def test_openings_are_handed_out_by_statement_and_can_be_erased(store: Store) -> None:
    a, b = (OpeningRow(s, f, bytes(32), "Name") for s, f in (("s1", "name"), ("s1", "contact")))
    c = OpeningRow("s2", "name", bytes(32), "Other")
    await store.write(statements.change_openings, [a, b, c])
    assert await store.read(statements.openings, ["s1", "s3"]) == {"s1": (b, a)}
    await store.write(statements.change_openings, [ErasedRow("s1", "name"), ErasedRow("s9", "name")])
    assert await store.read(statements.openings, ["s1", "s2"]) == {"s1": (b,), "s2": (c,)}


async def test_an_opening_that_is_erased_in_the_commit_that_brought_it_does_not_stay(store: Store) -> None:
    await store.write(statements.change_openings, [ErasedRow("s0", "name"), _name("s1"), ErasedRow("s1", "name")])
    await store.write(statements.change_openings, [ErasedRow("s2", "name"), _name("s3")])
    assert await store.read(statements.openings, ["s1", "s3"]) == {"s3": (_name("s3"),)}


async def test_an_erased_name_is_not_left_in_the_file(tmp_path: Path) -> None:
    path, name = tmp_path / "exchange.db", "Kim Unverwechselbar"
    store = await Store.open(path)
    await store.write(statements.change_openings, [OpeningRow("s1", "name", bytes(32), name), _name("s2")])
    await store.close()
    assert name.encode() in path.read_bytes()
    store = await Store.open(path)
    await store.write(statements.change_openings, [ErasedRow("s1", "name")])
    await store.close()
    assert not any(name.encode() in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


def _name(statement: str) -> OpeningRow:
    return OpeningRow(statement, "name", bytes(32), "Name")


def test_names_have_one_place() -> None:
    with_text_of_people = {t.name for t in schema.metadata.tables.values() if "value" in t.c and "salt" in t.c}
    assert with_text_of_people == {"opening"}
    assert not any(
        column.name in {"name", "title", "contact"} for t in schema.metadata.tables.values() for column in t.columns
    )


# -- blobs -------------------------------------------------------------------------------------------------------------


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def upload(store: Store, data: bytes, owner: str = DEVICE, at: int = 1000) -> str:
    number = await store.write(blobs.begin, sha(data), len(data), owner, "part", at)
    for position, start in enumerate(range(0, len(data), CHUNK_BYTES)):
        await store.write(blobs.add_chunk, number, position, data[start : start + CHUNK_BYTES])
    await store.write(blobs.finish, number)
    return sha(data)


async def test_a_blob_is_read_whole_and_in_ranges_across_chunks(store: Store) -> None:
    data = bytes(range(256)) * 2500
    key = await upload(store, data)
    assert await store.read(blobs.read, key) == data
    for offset, length in ((0, 0), (0, 1), (5, 1168), (CHUNK_BYTES - 7, 14), (CHUNK_BYTES, 3), (0, len(data))):
        assert await store.read(blobs.read_range, key, offset, length) == data[offset : offset + length]
    for offset, length in ((-1, 2), (0, len(data) + 1), (len(data), 1), (3, -1)):
        with pytest.raises(StoreRefusal) as caught:
            await store.read(blobs.read_range, key, offset, length)
        assert caught.value.code == "blob-range"
    with pytest.raises(StoreRefusal) as caught:
        await store.read(blobs.read, sha(b"unknown"))
    assert caught.value.code == "blob-unknown"


async def test_an_empty_blob_is_a_blob(store: Store) -> None:
    assert await store.read(blobs.read, await upload(store, b"")) == b""


async def test_an_upload_is_invisible_until_it_is_finished(store: Store) -> None:
    number = await store.write(blobs.begin, sha(b"abc"), 3, DEVICE, "part", 1000)
    await store.write(blobs.add_chunk, number, 0, b"abc")
    assert await store.read(blobs.find, sha(b"abc")) is None
    await store.write(blobs.finish, number)
    row = await store.read(blobs.find, sha(b"abc"))
    assert row == blobs.BlobRow(number, sha(b"abc"), 3, DEVICE, "part", 1000)


async def test_a_liar_cannot_overwrite_the_chunks_of_another_upload(store: Store) -> None:
    honest = await store.write(blobs.begin, sha(b"abc"), 3, DEVICE, "part", 1000)
    liar = await store.write(blobs.begin, sha(b"abc"), 3, "liar", "part", 1000)
    await store.write(blobs.add_chunk, honest, 0, b"abc")
    await store.write(blobs.add_chunk, liar, 0, b"xyz")
    await store.write(blobs.finish, honest)
    await store.write(blobs.abandon, liar)
    assert await store.read(blobs.read, sha(b"abc")) == b"abc"


async def test_the_same_content_uploaded_twice_at_once_is_kept_once(store: Store) -> None:
    first = await store.write(blobs.begin, sha(b"abc"), 3, DEVICE, "part", 1000)
    key = await upload(store, b"abc", "other")
    await store.write(blobs.add_chunk, first, 0, b"abc")
    await store.write(blobs.finish, first)
    found = await store.read(blobs.find, key)
    assert found is not None
    assert found.owner == "other"
    assert await store.read(blobs.unclaimed_bytes, DEVICE) == 0
    await store.write(blobs.put, key, b"abc", DEVICE, "part", 1000)
    assert await store.read(blobs.unclaimed_bytes, DEVICE) == 0


async def test_the_quota_counts_begun_and_unclaimed_uploads(store: Store) -> None:
    await store.write(blobs.begin, sha(b"begun"), 500, DEVICE, "part", 1000)
    key = await upload(store, b"x" * 40)
    await upload(store, b"y" * 7, "other")
    assert await store.read(blobs.unclaimed_bytes, DEVICE) == 540
    await store.write(blobs.claim, [ClaimRow(key, "s1", None)])
    assert await store.read(blobs.unclaimed_bytes, DEVICE) == 500


async def test_sweeping_spares_what_is_young_or_claimed(store: Store) -> None:
    old = await upload(store, b"old")
    claimed = await upload(store, b"claimed")
    deadline = await upload(store, b"deadline")
    young = await upload(store, b"young", at=4000)
    begun = await store.write(blobs.begin, sha(b"begun"), 5, DEVICE, "part", 1000)
    await store.write(blobs.claim, [ClaimRow(claimed, "s1", None), ClaimRow(deadline, "s2", 5000)])
    assert await store.write(blobs.sweep, 4700, 3600, 100) == 2
    present = [await store.read(blobs.find, key) is not None for key in (old, claimed, deadline, young)]
    assert present == [False, True, True, True]
    with pytest.raises(StoreRefusal) as caught:
        await store.write(blobs.finish, begun)
    assert caught.value.code == "upload-unknown"
    assert await store.write(blobs.sweep, 5001, 3600, 100) == 1
    assert await store.read(blobs.find, deadline) is None
    assert await store.write(blobs.sweep, 90_000, 3600, 100) == 1
    assert await store.read(blobs.read, claimed) == b"claimed"


async def test_sweeping_is_bounded(store: Store) -> None:
    for i in range(5):
        await upload(store, b"%d" % i)
    assert await store.write(blobs.sweep, 99_999, 3600, 2) == 2
    assert await store.write(blobs.sweep, 99_999, 3600, 9) == 3


async def test_a_claim_for_ever_stays_and_a_proposals_claim_can_be_released(store: Store) -> None:
    key = await upload(store, b"part")
    await store.write(blobs.claim, [ClaimRow(key, "s1", 5000)])
    await store.write(blobs.claim, [ClaimRow(key, "s1", None)])
    await store.write(blobs.claim, [ClaimRow(key, "s1", 6000), ClaimRow(key, "s2", 7000)])
    assert await store.read(blobs.claims, key) == (ClaimRow(key, "s1", None), ClaimRow(key, "s2", 7000))
    await store.write(blobs.release, "s1")
    await store.write(blobs.release, "s2")
    assert await store.read(blobs.claims, key) == (ClaimRow(key, "s1", None),)


# -- alerts ------------------------------------------------------------------------------------------------------------


def alert(key: str, version: int = 1, state: alerts.AlertState = "released", index: int = 0) -> AlertRow:
    return AlertRow(key, "alert-id", version, DEVICE, "organisation", "AMBER", state, index, 9000, "pack")


async def test_alerts_are_found_by_statement_id_version_and_state(store: Store) -> None:
    one, two = alert("s1"), alert("s2", 2, "proposed", 4)
    await store.write(alerts.put, [two, one])
    assert await store.read(alerts.find, "s1") == one
    assert await store.read(alerts.find, "s3") is None
    assert await store.read(alerts.versions, "alert-id") == (one, two)
    assert await store.read(alerts.in_state, "proposed", 0, 9) == (two,)
    assert await store.read(alerts.labelled, "AMBER", 0, 9) == (one,)
    await store.write(alerts.put, [alert("s2", 2, "released", 6)])
    assert await store.read(alerts.in_state, "released", 1, 9) == (alert("s2", 2, "released", 6),)


async def test_one_version_is_released_once(store: Store) -> None:
    await store.write(alerts.put, [alert("s1"), alert("s2", 1, "proposed"), alert("s3", 1, "proposed")])
    with pytest.raises(ConflictError):
        await store.write(alerts.put, [alert("s2", 1, "released", 6)])
    await store.write(alerts.put, [alert("s3", 1, "rejected", 6)])


async def test_an_audience_stands_with_its_alert(store: Store) -> None:
    row = AudienceRow("s1", bytes(144), bytes(32))
    with pytest.raises(ConflictError):
        await store.write(alerts.put_audiences, [row])
    await store.write(alerts.put, [alert("s1")])
    await store.write(alerts.put_audiences, [row])
    await store.write(alerts.put_audiences, [AudienceRow("s1", b"", b"")])
    assert await store.read(alerts.audience, "s1") == row, "a proposal's leaves stay when it is released"
    assert await store.read(alerts.audience, "s2") is None


def test_an_audience_finds_a_devices_leaf_by_its_id() -> None:
    ids = [bytes([1]) * 16, bytes([1]) * 15 + b"\x02", bytes([2]) * 16]
    stanzas = [b"s" * 1168, b"", b"t" * 1168]
    leaves = [PackLeaf(bytes([i]) * 32, bytes([i]) * 8, stanza) for i, stanza in enumerate(stanzas)]
    row = AudienceRow("s1", encode_leaf_list(leaf.summary() for leaf in leaves), b"".join(ids))
    assert list(row.devices_at()) == [b64u(i) for i in ids]
    for position, key in enumerate(ids):
        assert row.position_of(b64u(key)) == position
    straddling = b64u((ids[1] + ids[2])[5:21])
    assert row.position_of(straddling) is None, "an id across two devices' ids is nobody's"


async def test_the_first_receipt_and_the_first_delivery_stand(store: Store) -> None:
    await store.write(alerts.put, [alert("s1")])
    first, read = ReceiptRow("s1", "d1", "received", 10, 1), ReceiptRow("s1", "d1", "read", 20, 2)
    await store.write(alerts.add_receipts, [first])
    await store.write(alerts.add_receipts, [ReceiptRow("s1", "d1", "received", 30, 3), read])
    assert await store.read(alerts.receipts, "s1") == (first, read)
    await store.write(alerts.add_deliveries, [DeliveryRow("s1", "d1", 10), DeliveryRow("s1", "d2", 11)])
    await store.write(alerts.add_deliveries, [DeliveryRow("s1", "d1", 99)])
    await store.write(alerts.claim_deliveries, [DeliveryRow("s1", "d1", 10, 5)])
    assert await store.read(alerts.deliveries, "s1") == (DeliveryRow("s1", "d1", 10, 5), DeliveryRow("s1", "d2", 11))


# -- epochs --------------------------------------------------------------------------------------------------


async def test_a_device_has_one_key_a_week(store: Store) -> None:
    rows = [EpochKeyRow(DEVICE, 202640 + i, f"{i:064x}", "s1", 3, "bundle", 1216 * i) for i in range(3)]
    await store.write(epochs.add, rows)
    assert await store.read(epochs.page, 0, 9) == tuple(rows)
    assert await store.read(epochs.page, 3, 2) == tuple(rows[:2])
    assert await store.read(epochs.page, 4, 2) == ()
    with pytest.raises(ConflictError):
        await store.write(epochs.add, [EpochKeyRow(DEVICE, 202641, "other", "s2", 4, "bundle2", 0)])
