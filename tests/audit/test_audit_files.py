"""Files of a bundle that were damaged, forged, lost or added: each is found, and the first entry that fails is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.audit.bundle import BundleError, BundleWriter
from exchange.audit.report import Finding, Report
from exchange.audit.trees import split_entries
from exchange.audit.verify import REFUSED, USAGE, VERIFIED, run_verify, verify_bundle
from exchange.tlog.bundles import encode_bundle
from exchange.tlog.checkpoint import LogName
from keys import encoding
from tests.support.partnership import Partnership

ENTRIES = "tile/entries/000.p/22"
TILE = "tile/0/000.p/22"


@pytest.fixture(scope="module")
def partnership() -> Partnership:
    return Partnership().everything()


@pytest.fixture(scope="module")
def honest(partnership: Partnership, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return partnership.world.write_bundle(tmp_path_factory.mktemp("honest") / "audit")


@pytest.fixture
def bundle(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest, tmp_path / "audit"))


def first(report: Report) -> Finding:
    assert not report.verified
    assert report.first is not None
    return report.first


def place(report: Report) -> tuple[int, str, str | None, int | None]:
    found = first(report)
    return found.step, found.code, found.log, found.index


def flip(path: Path, at: int = -10, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


def rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    entries, fault = split_entries(path.read_bytes(), 22)
    assert not fault
    path.write_bytes(encode_bundle(change(entries)))


def statement_of(bundle: Path, partnership: Partnership, log: LogName, index: int) -> Path:
    statement = partnership.world.logs[log][index][0].statement
    return bundle / "statements" / statement[:2] / f"{statement}.json"


def test_an_honest_bundle_verifies_and_counts_what_happened(honest: Path, partnership: Partnership) -> None:
    report = verify_bundle(honest, exchange=partnership.world.exchange)
    assert report.verified
    assert [step.ok for step in report.steps] == [True] * 10
    assert report.totals.alerts == {"AMBER+STRICT": 2, "CLEAR": 1, "GREEN": 1, "RED": 1}
    assert (report.totals.approvals, report.totals.recipients, report.totals.keyless) == (3, 19, 3)
    assert (report.totals.received, report.totals.read, report.totals.deliveries) == (2, 2, 2)
    assert (report.totals.rejections, report.totals.reviews, report.totals.refusals) == (1, 1, 3)
    assert (report.totals.organisations, report.totals.persons, report.totals.openings) == (3, 8, 3)
    assert {finding.code for finding in report.step(10).findings} == {"devices-without-key", "statements-refused"}
    assert encoding.encode(report.to_json())


def test_the_same_logs_give_the_same_bytes_and_other_contents_are_not_overwritten(
    honest: Path, partnership: Partnership, tmp_path: Path
) -> None:
    # Checkpoint signatures are hedged, so the same notes are taken again.
    again = Path(shutil.copytree(honest, tmp_path / "again"))
    notes = {log: (honest / log / "checkpoint").read_bytes() for log in ("registry", "journal")}
    partnership.world.note, original = (lambda log, size=None: notes[log]), partnership.world.note  # type: ignore[method-assign,assignment]
    try:
        assert partnership.world.write_bundle(again) == again
        flip(again / "openings.json")
        with pytest.raises(BundleError) as error:
            partnership.world.write_bundle(again)
        assert error.value.code == "bundle-exists"
    finally:
        partnership.world.note = original  # type: ignore[method-assign]
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_exit_statuses_are_verified_refused_and_usage(honest: Path, bundle: Path, tmp_path: Path) -> None:
    assert run_verify(honest).status == VERIFIED
    flip(bundle / "journal" / ENTRIES)
    assert run_verify(bundle).status == REFUSED
    missing = run_verify(tmp_path / "nothing")
    assert missing.status == USAGE
    assert missing.error is not None
    assert missing.error.code == "not-a-bundle"
    assert run_verify(honest, exchange="not an id").status == USAGE


@pytest.mark.parametrize("log", ["registry", "journal"])
@pytest.mark.parametrize("index", [0, 9, 21])
def test_flipped_bit_in_an_entry(bundle: Path, log: LogName, index: int) -> None:
    def change(entries: list[bytes]) -> list[bytes]:
        entries[index] = entries[index][:-20] + bytes([entries[index][-20] ^ 4]) + entries[index][-19:]
        return entries

    rewrite(bundle / log / ENTRIES, change)
    assert place(verify_bundle(bundle)) == (2, "entry-differs", log, index)


@pytest.mark.parametrize("log", ["registry", "journal"])
def test_flipped_bit_in_a_tile(bundle: Path, log: LogName) -> None:
    flip(bundle / log / TILE, 7 * 32 + 3)
    report = verify_bundle(bundle)
    assert place(report) == (2, "tile-differs", log, 7)
    assert [step.number for step in report.steps if not step.ok] == [2]


def test_flipped_bit_in_a_statement(bundle: Path, partnership: Partnership) -> None:
    flip(statement_of(bundle, partnership, "journal", 6), 300)
    assert place(verify_bundle(bundle))[0::2] == (5, "journal")
    assert first(verify_bundle(bundle)).index == 6


@pytest.mark.parametrize(("log", "index"), [("registry", 4), ("journal", 8)])
def test_another_statement_under_the_name_of_one(
    bundle: Path, partnership: Partnership, log: LogName, index: int
) -> None:
    shutil.copy(statement_of(bundle, partnership, "journal", 0), statement_of(bundle, partnership, log, index))
    assert place(verify_bundle(bundle)) == (5, "statement-differs", log, index)


@pytest.mark.parametrize("log", ["registry", "journal"])
@pytest.mark.parametrize("line", [0, 1, 2, 4])
def test_flipped_bit_in_a_checkpoint(bundle: Path, log: LogName, line: int) -> None:
    path = bundle / log / "checkpoint"
    lines = path.read_bytes().split(b"\n")
    changed = bytearray(lines[line])
    changed[len(changed) // 2] ^= 1
    lines[line] = bytes(changed)
    path.write_bytes(b"\n".join(lines))
    found = first(verify_bundle(bundle))
    assert (found.step, found.code, found.log) == (1, "checkpoint-invalid", log)


def test_flipped_bit_in_the_signatures_of_a_statement(bundle: Path, partnership: Partnership) -> None:
    path = statement_of(bundle, partnership, "journal", 8)
    data = path.read_bytes()
    at = data.index(b'"sig":"') + 20
    # Another base64 character: the envelope still reads, the signature is another one.
    path.write_bytes(data[:at] + (b"B" if data[at : at + 1] == b"A" else b"A") + data[at + 1 :])
    assert place(verify_bundle(bundle)) == (5, "signatures-differ", "journal", 8)


def test_flipped_bit_in_an_opening(bundle: Path) -> None:
    path = bundle / "openings.json"
    flip(path, path.read_bytes().index(b"Klinikum") + 3)
    found = first(verify_bundle(bundle))
    assert (found.step, found.code, found.log, found.rule) == (6, "opening-mismatch", "registry", "M14")
    assert found.index is not None


@pytest.mark.parametrize("at", [5, 35, 60, -1])
def test_flipped_bit_in_a_leaf_list(bundle: Path, partnership: Partnership, at: int) -> None:
    flip(bundle / "leaves" / partnership.amber.id, at)
    found = first(verify_bundle(bundle))
    assert (found.step, found.log, found.index) == (8, "journal", 6)


@pytest.mark.parametrize("name", ["keys/registry.vkey", "keys/journal.mldsa44.vkey", "keys/exchange.json"])
def test_flipped_bit_in_a_key_file(bundle: Path, name: str) -> None:
    flip(bundle / name)
    found = first(verify_bundle(bundle))
    assert (found.step, found.code, found.subject) == (1, "key-file-differs", name)


def test_flipped_bit_in_a_kept_checkpoint(bundle: Path) -> None:
    flip(next(iter(sorted((bundle / "checkpoints").iterdir()))), 40)
    assert first(verify_bundle(bundle)).step == 3


def test_entry_removed(bundle: Path) -> None:
    rewrite(bundle / "journal" / ENTRIES, lambda entries: entries[:9] + entries[10:])
    assert place(verify_bundle(bundle)) == (2, "entry-differs", "journal", 9)


def test_entry_added(bundle: Path) -> None:
    rewrite(bundle / "journal" / ENTRIES, lambda entries: [*entries[:9], entries[3], *entries[9:]])
    assert place(verify_bundle(bundle)) == (2, "entry-differs", "journal", 9)


def test_entry_added_at_the_end(bundle: Path) -> None:
    rewrite(bundle / "registry" / ENTRIES, lambda entries: [*entries, entries[3]])
    assert place(verify_bundle(bundle)) == (2, "entries-malformed", "registry", 22)


def test_entries_swapped(bundle: Path) -> None:
    rewrite(bundle / "journal" / ENTRIES, lambda e: [*e[:5], e[6], e[5], *e[7:]])
    assert place(verify_bundle(bundle)) == (2, "entry-differs", "journal", 5)


def test_entries_cut_off_in_the_middle(bundle: Path) -> None:
    path = bundle / "journal" / ENTRIES
    path.write_bytes(path.read_bytes()[:-30])
    assert place(verify_bundle(bundle)) == (2, "entries-malformed", "journal", 21)


@pytest.mark.parametrize("log", ["registry", "journal"])
def test_missing_entries(bundle: Path, log: LogName) -> None:
    (bundle / log / ENTRIES).unlink()
    report = verify_bundle(bundle)
    assert place(report) == (2, "entries-missing", log, 0)
    assert not report.step(8).complete


@pytest.mark.parametrize("log", ["registry", "journal"])
def test_missing_tile(bundle: Path, log: LogName) -> None:
    (bundle / log / TILE).unlink()
    assert place(verify_bundle(bundle)) == (2, "tile-missing", log, 0)


@pytest.mark.parametrize(("log", "index"), [("registry", 1), ("registry", 21), ("journal", 0), ("journal", 14)])
def test_missing_statement(bundle: Path, partnership: Partnership, log: LogName, index: int) -> None:
    statement_of(bundle, partnership, log, index).unlink()
    assert place(verify_bundle(bundle)) == (5, "statement-missing", log, index)


def test_missing_founding(bundle: Path, partnership: Partnership) -> None:
    statement_of(bundle, partnership, "registry", 0).unlink()
    report = verify_bundle(bundle)
    assert place(report) == (1, "founding-unreadable", "registry", 0)
    assert not any(step.ok for step in report.steps)


def test_an_empty_registry_beside_its_founding(partnership: Partnership, tmp_path: Path) -> None:
    """Nobody accepted the founding, so nobody has checked who signed it."""
    world = partnership.world
    founding = world.logs["registry"][0][1]
    with BundleWriter(tmp_path / "empty", founding) as writer:
        for log in world.logs:
            writer.log(log, world.note(log, 0), ())
        writer.statement(founding.envelope)
        empty = writer.finish()
    assert place(verify_bundle(empty)) == (1, "registry-empty", "registry", 0)


def test_missing_earlier_signature_set_of_a_proposal(bundle: Path, partnership: Partnership) -> None:
    (index,) = [i for i, (_, s) in enumerate(partnership.world.logs["journal"]) if s is partnership.red]
    path = statement_of(bundle, partnership, "journal", index)
    path.with_name(f"{partnership.red.id}.1.json").unlink()
    assert place(verify_bundle(bundle)) == (5, "signatures-differ", "journal", index)


def test_missing_leaf_list(bundle: Path, partnership: Partnership) -> None:
    (bundle / "leaves" / partnership.amber.id).unlink()
    assert place(verify_bundle(bundle)) == (8, "leaves-missing", "journal", 6)


@pytest.mark.parametrize("log", ["registry", "journal"])
def test_missing_checkpoint(bundle: Path, log: LogName) -> None:
    (bundle / log / "checkpoint").unlink()
    found = first(verify_bundle(bundle))
    assert (found.step, found.code, found.log) == (1, "file-missing", log)


def test_a_statement_that_no_entry_names(bundle: Path, partnership: Partnership) -> None:
    path = statement_of(bundle, partnership, "journal", 3)
    shutil.copy(path, path.with_name(f"{path.name[:2]}{'0' * 62}.json"))
    found = first(verify_bundle(bundle))
    assert (found.step, found.code) == (5, "statement-extra")


def test_a_file_that_is_no_part_of_the_log(bundle: Path) -> None:
    shutil.copy(bundle / "journal" / TILE, bundle / "journal" / "tile" / "0" / "001")
    found = first(verify_bundle(bundle))
    assert (found.step, found.code, found.subject) == (2, "file-extra", "journal/tile/0/001")


def test_a_link_out_of_the_bundle_is_not_followed(bundle: Path, partnership: Partnership, tmp_path: Path) -> None:
    path = statement_of(bundle, partnership, "journal", 5)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert place(verify_bundle(bundle)) == (5, "file-unreadable", "journal", 5)


def test_a_checkpoint_of_a_size_beyond_all_files_ends_at_the_first_missing_one(bundle: Path) -> None:
    path = bundle / "journal" / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n22\n", b"\n9000000000000000000\n"))
    report = verify_bundle(bundle)
    assert place(report)[:2] == (1, "checkpoint-invalid")
    assert {finding.code for finding in report.step(2).findings} == {"entries-missing", "file-extra"}


def test_file_names_that_are_no_text_are_told_as_text(bundle: Path) -> None:
    (bundle / "journal" / "tile" / "0" / "\udcff\udcfe").write_bytes(b"x")
    report = verify_bundle(bundle)
    assert not report.verified
    assert encoding.encode(report.to_json())


def test_a_file_in_the_place_of_a_folder_is_named_and_no_crash(bundle: Path) -> None:
    for name in ("leaves", "journal", "statements", "checkpoints"):
        shutil.rmtree(bundle / name)
        (bundle / name).write_bytes(b"x")
        assert run_verify(bundle).status == REFUSED


def test_a_manifest_that_says_something_else(bundle: Path) -> None:
    path = bundle / "MANIFEST.json"
    path.write_bytes(path.read_bytes().replace(b'"count":44', b'"count":45'))
    assert first(verify_bundle(bundle)).code == "manifest-differs"


def test_log_of_another_exchange(bundle: Path, tmp_path: Path) -> None:
    stranger = Partnership("stranger").everything().world
    other = stranger.write_bundle(tmp_path / "other")
    found = first(verify_bundle(bundle, exchange=stranger.exchange))
    assert (found.step, found.code, found.log, found.index) == (1, "other-exchange", "registry", 0)
    shutil.rmtree(bundle / "journal")
    shutil.copytree(other / "journal", bundle / "journal")
    found = first(verify_bundle(bundle))
    assert (found.step, found.code, found.log) == (1, "checkpoint-invalid", "journal")


def test_truncated_log(tmp_path: Path) -> None:
    """An earlier state, honestly signed: only who kept a newer checkpoint can tell."""
    world = Partnership().everything().world
    kept = [world.note("registry"), world.note("journal")]
    world.logs["journal"], world.logs["registry"] = world.logs["journal"][:12], world.logs["registry"][:21]
    world.kept = []
    short = world.write_bundle(tmp_path / "short")
    assert verify_bundle(short).verified
    assert place(verify_bundle(short, kept=kept[1:])) == (3, "log-truncated", "journal", 12)
    assert place(verify_bundle(short, kept=kept)) == (3, "log-truncated", "registry", 21)


def test_registry_truncated_below_what_the_journal_names(tmp_path: Path) -> None:
    world = Partnership().everything().world
    world.logs["registry"], world.kept = world.logs["registry"][:21], []
    report = verify_bundle(world.write_bundle(tmp_path / "short"))
    assert place(report) == (4, "registry-ahead", "journal", 21)


def test_log_rebuilt_from_scratch_with_the_same_keys(partnership: Partnership, tmp_path: Path) -> None:
    """Same keys, same exchange, another history: the checkpoint kept earlier contradicts it."""
    kept = partnership.world.note("journal", 12)
    other = Partnership().everything().world
    assert other.exchange == partnership.world.exchange
    rebuilt = other.write_bundle(tmp_path / "rebuilt")
    assert verify_bundle(rebuilt).verified
    assert place(verify_bundle(rebuilt, kept=[kept])) == (3, "log-forked", "journal", 12)
