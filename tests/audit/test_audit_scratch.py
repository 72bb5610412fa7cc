"""What a replay keeps on disk answers as what it stands for; a full or missing disk is told, and no crash."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exchange.audit import scratch as scratch_module
from exchange.audit.scratch import Kept, Roots, Scratch
from exchange.audit.tables import AuditEpochs, AuditGrants
from exchange.audit.verify import USAGE, run_verify
from exchange.model.journal import AlertGrant, EpochPublish
from exchange.policy.epochs import EpochRefusal, EpochTable
from exchange.policy.grants import GrantTable
from keys import encoding
from tests.support.partnership import Partnership
from tests.support.world import START

WEEK = 604_800
DEVICES = [encoding.b64u(bytes([number] * 16)) for number in range(3)]


@pytest.fixture
def scratch() -> Iterator[Scratch]:
    with Scratch() as made:
        yield made


def test_roots_are_found_in_memory_and_in_the_file(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch_module, "CHUNK", 96)
    roots, made = Roots(scratch), [bytes([number] * 32) for number in range(10)]
    for size, root in enumerate(made):
        roots.add(root)
        assert [roots.at(place) for place in range(size + 1)] == made[: size + 1]
        assert roots.at(size + 1) is None
    assert roots.at(1 << 60) is None


@dataclass
class Note:
    text: str
    number: int = 0


def test_records_come_back_as_they_were_changed(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch_module, "RECENT", 4)
    notes: Kept[Note] = Kept(
        scratch, "note", lambda note: f"{note.number}:{note.text}", lambda text: Note(text[2:], int(text[0]))
    )
    others: Kept[Note] = Kept(scratch, "other", lambda note: note.text, Note)
    assert notes.get("0") is None
    for number in range(20):
        notes.put(str(number), Note(str(number)))
        others.put(str(number), Note("other"))
    for number in range(20):
        found = notes.get(str(number))
        assert found == Note(str(number))
        found.number = 7
    assert notes.get("20") is None
    assert sorted(note.text for note in notes) == sorted(map(str, range(20)))
    assert {note.number for note in notes} == {7}


def bundle(device: str, weeks: list[int], at: int) -> EpochPublish:
    return EpochPublish.model_validate(
        {
            "at": at,
            "bundle": {"length": 1216 * len(weeks), "sha256": f"{at:064x}"},
            "exchange": "0" * 64,
            "issuer": {"device": device},
            "keys": [{"hash": f"{week:064x}", "week": week} for week in weeks],
            "nonce": device,
            "not_after": at + 1,
            "seen": {name: {"root": "0" * 64, "size": 0} for name in ("journal", "registry")},
        }
    )


def test_weekly_keys_on_disk_answer_as_the_table_does(scratch: Scratch) -> None:
    """Every question about every week, while two years of keys are published."""
    table, kept = EpochTable(), AuditEpochs(scratch)
    seen: list[int] = []
    for index in range(36):
        at = START + index * 3 * WEEK
        device = DEVICES[index % 3]
        weeks = [encoding.week_of(at + number * WEEK) for number in range(9)]
        seen += [week for week in weeks if week not in seen]
        made, statement = bundle(device, weeks, at), f"{index:064x}"
        table.apply(index, statement, made)
        kept.apply(index, statement, made)
        for sizes in (0, index // 2, index, index + 1):
            for asked in DEVICES:
                assert kept.last_bundle(asked, sizes) == table.last_bundle(asked, sizes)
                for week in seen[::4]:
                    assert kept.key(asked, week, sizes) == table.key(asked, week, sizes)
                    assert kept.published(asked, week) == table.published(asked, week)
            for week in seen[::4]:
                assert kept.usable(week, sizes) == table.usable(week, sizes)
    assert len(kept._weeks) < len(seen) / 3
    old = bundle(DEVICES[0], [encoding.week_of(START + number * WEEK) for number in range(9)], START)
    for one in (table, kept):
        with pytest.raises(EpochRefusal) as refusal:
            one.check(old)
        assert refusal.value.code == "week-published"


def test_grants_on_disk_answer_as_the_table_does(scratch: Scratch) -> None:
    table, kept = GrantTable(), AuditGrants(scratch)
    alerts = [f"{number:064x}" for number in range(3)]
    for index in range(12):
        grant = AlertGrant.model_construct(alert=alerts[index % 2], device=DEVICES[index % 3])
        for one in (table, kept):
            one.apply(index, f"{index:064x}", grant)
        for alert in alerts:
            assert set(kept.devices(alert)) == set(table.devices(alert))
            for device in DEVICES:
                assert kept.has(alert, device) == table.has(alert, device)
        for size in range(index + 2):
            assert kept.grantees(alerts, size) == table.grantees(alerts, size)
        assert kept.granted(f"{index:064x}") == table.by_statement[f"{index:064x}"]
    assert kept.granted("f" * 64) is None


def test_no_place_for_temporary_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Partnership().world.write_bundle(tmp_path / "audit")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    outcome = run_verify(bundle)
    assert outcome.status == USAGE
    assert outcome.error is not None
    assert outcome.error.code == "scratch-failed"
