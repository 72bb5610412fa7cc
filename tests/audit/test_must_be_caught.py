"""The auditor's list of defects: which test catches which, the ones that stand nowhere else, and random flips.

``DEFECTS`` is the list of what a bundle must never get away with, each with the tests that are named after it; the first entry
that fails is named in all of them, and why.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

import pytest

from exchange.audit.report import Finding
from exchange.audit.verify import REFUSED, VERIFIED, run_verify, verify_bundle
from exchange.tlog.checkpoint import LOGS, LogName
from tests.audit import test_audit_files, test_audit_history, test_audit_versions
from tests.audit.test_audit_files import ENTRIES, flip, rewrite
from tests.support.partnership import HOUR, Partnership

FLIPS = int(os.environ.get("AUDIT_FLIPS", "200"))
"""Random bits flipped, one at a time; `make test-all` asks for ten times as many."""
BATCHES = 10

DEFECTS = {
    "a flipped bit in an entry": ("files", "flipped_bit_in_an_entry"),
    "a flipped bit in a tile": ("files", "flipped_bit_in_a_tile"),
    "a flipped bit in a statement": ("files", "flipped_bit_in_a_statement"),
    "a flipped bit in a checkpoint": ("files", "flipped_bit_in_a_checkpoint"),
    "a flipped bit in an older checkpoint": ("files", "flipped_bit_in_a_kept_checkpoint"),
    "a flipped bit in a signature": ("files", "flipped_bit_in_the_signatures_of_a_statement"),
    "a forged signature, logged as it is": ("history", "a_forged_signature_on_an_alert"),
    "a flipped bit in an opening": ("files", "flipped_bit_in_an_opening"),
    "an entry removed": ("files", "entry_removed"),
    "an entry added": ("files", "entry_added"),
    "entries swapped": ("files", "entries_swapped"),
    "an entry moved": ("here", "an_entry_moved"),
    "a log rebuilt from scratch with the same keys": ("files", "log_rebuilt_from_scratch_with_the_same_keys"),
    "a truncated log": ("files", "truncated_log"),
    "a checkpoint of another log": ("here", "a_checkpoint_of_another_log"),
    "an older checkpoint of another log": ("here", "an_older_checkpoint_of_another_log"),
    "an acceptance time that decreases": ("history", "acceptance_time_decreases_in_the_journal"),
    "a registry size that decreases": ("history", "registry_size_decreases"),
    "a decision with one recipient too many": ("history", "one_recipient_too_many"),
    "a decision with one recipient too few": ("history", "one_recipient_too_few"),
    "a decision with one recipient for another": ("history", "one_recipient_in_the_place_of_another"),
    "a policy newer than the alert": ("history", "a_policy_newer_than_the_alert"),
    "an approval by the author": ("history", "an_approval_by_the_author"),
    "an approval after the deadline": ("history", "an_approval_after_the_deadline"),
    "an approval after expiry": ("here", "an_approval_after_expiry"),
    "a receipt from a device never sealed to": ("history", "a_receipt_from_a_device_never_sealed_to"),
    "a forged withdrawal": ("versions", "attack_a_forged_withdrawal_of_anothers_alert"),
    "a withdrawal with another's signature": ("here", "a_withdrawal_that_another_device_signed"),
    "a missing tile": ("files", "missing_tile"),
    "missing entries": ("files", "missing_entries"),
    "a missing statement": ("files", "missing_statement"),
    "a missing leaf list": ("files", "missing_leaf_list"),
}
"""Each defect, where its test stands and how the test is called."""


@pytest.mark.parametrize("defect", sorted(DEFECTS))
def test_every_defect_of_the_list_has_its_test(defect: str) -> None:
    where, name = DEFECTS[defect]
    modules = {"files": test_audit_files, "history": test_audit_history, "versions": test_audit_versions}
    space = vars(modules[where]) if where in modules else globals()
    assert callable(space.get(f"test_{name}"))


@pytest.fixture(scope="module")
def partnership() -> Partnership:
    return Partnership().everything()


@pytest.fixture(scope="module")
def honest(partnership: Partnership, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return partnership.world.write_bundle(tmp_path_factory.mktemp("honest") / "audit")


@pytest.fixture
def bundle(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest, tmp_path / "audit"))


def first(bundle: Path) -> Finding:
    found = verify_bundle(bundle).first
    assert found is not None
    return found


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize(("origin", "to"), [(4, 15), (15, 4)])
def test_an_entry_moved(bundle: Path, log: LogName, origin: int, to: int) -> None:
    def move(entries: list[bytes]) -> list[bytes]:
        entries.insert(to, entries.pop(origin))
        return entries

    rewrite(bundle / log / ENTRIES, move)
    found = first(bundle)
    assert (found.step, found.code, found.log, found.index) == (2, "entry-differs", log, 4)


@pytest.mark.parametrize("log", LOGS)
def test_a_checkpoint_of_another_log(bundle: Path, log: LogName) -> None:
    """The same exchange's other log: signed by keys that are named, for something else."""
    other: LogName = "journal" if log == "registry" else "registry"
    shutil.copy(bundle / other / "checkpoint", bundle / log / "checkpoint")
    found = first(bundle)
    assert (found.step, found.code, found.log) == (1, "checkpoint-invalid", log)


def test_an_older_checkpoint_of_another_log(bundle: Path) -> None:
    stranger = Partnership(seed="stranger").world
    note = stranger.note("journal")
    name = "journal-0-0000000000000000"
    (bundle / "checkpoints" / name).write_bytes(note)
    # The origin is the same text here: two exchanges may call themselves alike, their keys differ.
    report = verify_bundle(bundle)
    found = {
        (one.step, one.code) for step in report.steps for one in step.findings if one.subject == f"checkpoints/{name}"
    }
    assert (3, "checkpoint-invalid") in found
    assert report.first is not None
    assert report.first.subject == f"checkpoints/{name}"


def test_an_approval_after_expiry(tmp_path: Path) -> None:
    scene = Partnership()
    world = scene.world
    approvers = scene.approvers(scene.approver)
    alert = world.alert(scene.author, "CLEAR", approvals=1, approvers=approvers, valid_until=world.now + HOUR)
    world.log(alert)
    world.now += HOUR + 1
    index = world.log(world.approve(alert, scene.approver))
    found = first(world.write_bundle(tmp_path / "audit"))
    assert (found.step, found.rule, found.code, found.index) == (8, "R15", "expired", index)


def test_a_withdrawal_that_another_device_signed(tmp_path: Path) -> None:
    """It names the author's device as its issuer, and a reader's key signed it."""
    scene = Partnership()
    world = scene.world
    forged = world.version(scene.author, scene.release(), "withdraw", signers=[scene.doctor.signer])
    index = world.log(forged)
    found = first(world.write_bundle(tmp_path / "audit"))
    assert (found.step, found.rule, found.code, found.index) == (8, "V3", "author-signature-missing", index)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_flips_are_found(bundle: Path, batch: int) -> None:
    """Any bit of any file: every byte of a bundle is an entry, a statement, a hash, a signature, or says what is there."""
    chance = Random(f"flips {batch}")
    assert run_verify(bundle).status == VERIFIED
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    for _ in range(FLIPS // BATCHES):
        path = chance.choice(files)
        at, bit = chance.randrange(path.stat().st_size), 1 << chance.randrange(8)
        flip(path, at, bit)
        outcome = run_verify(bundle)
        assert outcome.status != VERIFIED, f"bit {bit} of byte {at} of {path.relative_to(bundle)}"
        if outcome.status == REFUSED:
            assert outcome.report is not None
            found = outcome.report.first
            assert found is not None
            assert found.subject or (found.log is not None and found.index is not None)
        flip(path, at, bit)
