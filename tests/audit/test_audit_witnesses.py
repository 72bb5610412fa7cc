"""Witnesses in an auditor's bundle: whose lines stand under its checkpoints, over what, and whether they are enough."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exchange.audit.report import Finding, Report
from exchange.audit.verify import verify_bundle
from exchange.model.statements import Statement, parse_statement
from exchange.policy.replay import NEVER_WITNESSED
from exchange.tlog.checkpoint import LogName
from keys import encoding
from keys.envelope import MAX_BODY, Envelope
from keys.note import Note, NoteLine, parse_vkey
from keys.sign import add_signature
from tests.support.partnership import Partnership
from tests.support.witnesses import WitnessKey
from tests.support.world import Randomness

KEYS = [WitnessKey.generate(f"w{n}.example", Randomness(f"audit {n}")) for n in range(3)]


def name(partnership: Partnership, keys: list[WitnessKey], quorum: int) -> None:
    world = partnership.world
    body = {"quorum": quorum, "witnesses": [key.card() for key in keys]}
    world.accept(world.by_registrars("witness.name", previous=world.previous("witnesses"), **body))


@pytest.fixture(scope="module")
def partnership() -> Partnership:
    """A history in which the first two witnesses were replaced by all three; the first two cosign its end."""
    made = Partnership()
    name(made, KEYS[:2], 1)
    made.world.cosigning = KEYS[:1]
    made.world.keep_checkpoints()
    made.release()
    made.world.now += 60
    name(made, KEYS, 2)
    made.world.cosigning = KEYS[:2]
    made.release()
    made.world.keep_checkpoints()
    return made


@pytest.fixture(scope="module")
def honest(partnership: Partnership, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return partnership.world.write_bundle(tmp_path_factory.mktemp("witnessed") / "audit")


@pytest.fixture
def bundle(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest, tmp_path / "audit"))


def refused(report: Report) -> list[tuple[int, str, str]]:
    """All that is refused, but for the manifest: it counts bytes, and is checked last."""
    return [(f.step, f.code, f.subject) for step in report.steps[:9] for f in step.findings if f.severity == "refused"]


def notices(report: Report, step: int) -> list[Finding]:
    return [finding for finding in report.step(step).findings if finding.severity == "notice"]


def rewrite(path: Path, *lines: NoteLine, keep: int = 2) -> None:
    """Other signature lines behind the first ``keep``."""
    note = Note.parse(path.read_bytes())
    path.write_bytes(Note(note.text, (*note.lines[:keep], *lines)).encode())


def set_note(bundle: Path, log: LogName, *lines: NoteLine, keep: int = 2) -> None:
    """Other lines under a head, of which ``checkpoints/`` shall not know a better one."""
    rewrite(bundle / log / "checkpoint", *lines, keep=keep)
    size = Note.parse((bundle / log / "checkpoint").read_bytes()).text.split("\n")[1]
    for path in (bundle / "checkpoints").glob(f"{log}-{size}-*"):
        path.unlink()


def test_a_head_that_the_quorum_has_seen_is_said_with_its_time(honest: Path, partnership: Partnership) -> None:
    report = verify_bundle(honest, require_quorum=True)
    assert report.verified, report.first
    assert notices(report, 1) == []
    seen = report.witnessed["registry"]
    assert (seen.quorum, seen.named) == (2, ("w0.example", "w1.example", "w2.example"))
    assert (seen.times, seen.time) == (
        dict.fromkeys(("w0.example", "w1.example"), partnership.world.now),
        partnership.world.now,
    )
    assert report.to_json()["witnessed"]["journal"]["quorum"] == 2


def test_the_policy_in_the_bundle_names_both_logs_and_all_witnesses(honest: Path) -> None:
    lines = (honest / "witness-policy").read_text().splitlines()
    assert [parse_vkey(line.removeprefix("log ")).name for line in lines[:4]] == [
        "exchange.example/registry"] * 2 + ["exchange.example/journal"] * 2  # fmt: skip
    assert lines[-2:] == ["group witnesses 2 w0.example w1.example w2.example", "quorum witnesses"]


@pytest.mark.parametrize("change", ["quorum", "missing"])
def test_another_witness_policy(bundle: Path, change: str) -> None:
    path = bundle / "witness-policy"
    if change == "missing":
        path.unlink()
    else:
        path.write_text(path.read_text().replace("group witnesses 2", "group witnesses 1"))
    assert refused(verify_bundle(bundle)) == [(1, "witness-policy-differs", "witness-policy")]


def test_a_head_that_too_few_have_seen_is_a_notice_and_refused_on_demand(bundle: Path) -> None:
    text = Note.parse((bundle / "journal/checkpoint").read_bytes()).text
    set_note(bundle, "journal", *KEYS[0].lines(text, 1_800_000_000))
    report = verify_bundle(bundle)
    assert [(f.code, f.log) for f in notices(report, 1)] == [("not-witnessed", "journal")]
    assert refused(report) == []
    assert (1, "not-witnessed", "") in refused(verify_bundle(bundle, require_quorum=True))


def test_an_old_cosignature_under_the_newest_checkpoint(bundle: Path) -> None:
    """Genuine lines of two named witnesses, over an earlier size of the log."""
    kept = [Note.parse(path.read_bytes()) for path in (bundle / "checkpoints").glob("journal-*")]
    old = min((note for note in kept if len(note.lines) > 2), key=lambda note: int(note.text.split("\n")[1]))
    rewrite(bundle / "journal" / "checkpoint", *old.lines[2:])
    found = refused(verify_bundle(bundle))
    assert found[0] == (1, "cosignature-invalid", "journal/checkpoint")
    assert {code for _, code, _ in found} == {"cosignature-invalid"}


@pytest.mark.parametrize("bit", [0, 7])
@pytest.mark.parametrize("line", [2, 3, 4, 5])
def test_a_flipped_bit_in_a_cosignature(bundle: Path, line: int, bit: int) -> None:
    note = Note.parse((bundle / "registry/checkpoint").read_bytes())
    one = note.lines[line]
    changed = NoteLine(
        one.name, one.key_id, one.signature[:-9] + bytes([one.signature[-9] ^ (1 << bit)]) + one.signature[-8:]
    )
    lines = [*note.lines[2:]]
    lines[line - 2] = changed
    rewrite(bundle / "registry" / "checkpoint", *lines)
    assert refused(verify_bundle(bundle))[0] == (1, "cosignature-invalid", "registry/checkpoint")


def test_a_cosignature_whose_time_was_moved(bundle: Path) -> None:
    note = Note.parse((bundle / "registry/checkpoint").read_bytes())
    one = note.lines[2]
    later = NoteLine(one.name, one.key_id, (2_000_000_000).to_bytes(8, "big") + one.signature[8:])
    rewrite(bundle / "registry" / "checkpoint", later, *note.lines[3:])
    assert refused(verify_bundle(bundle))[0] == (1, "cosignature-invalid", "registry/checkpoint")


def test_a_line_of_a_key_that_the_registry_never_named(bundle: Path) -> None:
    note = Note.parse((bundle / "journal/checkpoint").read_bytes())
    stranger = WitnessKey.generate("w0.example", Randomness("stranger"))
    rewrite(bundle / "journal" / "checkpoint", *note.lines[2:], *stranger.lines(note.text, 1_800_000_000))
    assert refused(verify_bundle(bundle)) == [(1, "signature-unnamed", "journal/checkpoint")] * 2


def test_the_line_of_the_other_log_s_key(bundle: Path) -> None:
    """The journal's own line under the registry's checkpoint: a named key, and not one of this log."""
    other = Note.parse((bundle / "journal/checkpoint").read_bytes()).lines[0]
    note = Note.parse((bundle / "registry/checkpoint").read_bytes())
    rewrite(bundle / "registry" / "checkpoint", *note.lines[2:], other)
    assert refused(verify_bundle(bundle)) == [(1, "signature-unnamed", "registry/checkpoint")]


def test_a_former_witness_s_lines_stay_good_and_do_not_count_for_the_head(tmp_path: Path) -> None:
    made = Partnership("former")
    name(made, KEYS[:1], 1)
    made.world.cosigning = KEYS[:1]
    made.world.keep_checkpoints()
    name(made, KEYS[1:], 1)
    made.release()
    report = verify_bundle(made.world.write_bundle(tmp_path / "audit"))
    assert report.verified, report.first
    assert [finding.code for finding in notices(report, 1)] == ["not-witnessed", "not-witnessed"]
    assert report.witnessed["journal"].times == {}


def test_an_old_checkpoint_in_the_bundle_has_its_lines_judged_as_well(bundle: Path) -> None:
    older = min((bundle / "checkpoints").glob("registry-*"), key=lambda path: int(path.name.split("-")[1]))
    newer = Note.parse((bundle / "registry/checkpoint").read_bytes())
    rewrite(older, *newer.lines[2:])
    found = refused(verify_bundle(bundle))
    assert (1, "cosignature-invalid", f"checkpoints/{older.name}") in found


def test_without_a_witness_that_is_said_and_nothing_is_demanded(tmp_path: Path) -> None:
    made = Partnership("alone")
    made.release()
    path = made.world.write_bundle(tmp_path / "audit")
    report = verify_bundle(path)
    assert report.verified
    assert [finding.code for finding in notices(report, 1)] == ["witnesses-none"]
    assert (path / "witness-policy").read_text().endswith("quorum none\n")
    (path / "witness-policy").unlink()
    assert verify_bundle(path).verified
    assert refused(verify_bundle(path, require_quorum=True)) == [(1, "witnesses-none", "")]


def test_an_alert_on_a_registry_that_was_not_witnessed_lately_is_listed(tmp_path: Path) -> None:
    made = Partnership("stale")
    name(made, KEYS, 2)
    for age in (900, 901, NEVER_WITNESSED):
        made.world.log(made.world.alert(made.author, "AMBER", made.health, witnessed=age))
    report = verify_bundle(made.world.write_bundle(tmp_path / "audit"))
    assert report.verified
    found = [finding for finding in notices(report, 10) if finding.code == "registry-unwitnessed"]
    assert ["901 s before" in finding.sentence for finding in found] == [True, False]
    assert "never" in found[1].sentence


@pytest.mark.parametrize(("named", "code"), [(True, "witnessed-missing"), (False, "witnessed-unnamed")])
def test_an_alert_that_says_of_witnesses_what_the_registry_does_not(tmp_path: Path, named: bool, code: str) -> None:
    made = Partnership("a3")
    if named:
        name(made, KEYS, 2)
        made.world.log(silent(made))
    else:
        made.world.log(made.world.alert(made.author, "AMBER", made.health, witnessed=5))
    found = refused(verify_bundle(made.world.write_bundle(tmp_path / "audit")))
    assert [(step, known) for step, known, _ in found] == [(8, code)]


def silent(made: Partnership) -> Statement:
    """An alert without the age of its witnesses, signed by its author."""
    body = encoding.decode(made.world.alert(made.author, "GREEN", {"everyone": True}).envelope.body, max_bytes=MAX_BODY)
    del body["core"]["witnessed"]
    envelope = Envelope("alert", encoding.encode(body), ())
    return parse_statement(add_signature(envelope, made.author.signer))
