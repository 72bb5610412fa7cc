"""Versions in an auditor's bundle: an honest chain is verified, and every forged one is refused by R10 or R11 (step 8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exchange.audit.report import Report
from exchange.audit.verify import verify_bundle
from exchange.policy.lineage import Version
from tests.support.partnership import Partnership


@pytest.fixture
def scene() -> Partnership:
    return Partnership()


def audit(scene: Partnership, folder: Path) -> Report:
    return verify_bundle(scene.world.write_bundle(folder / "audit"))


def refused(scene: Partnership, folder: Path) -> tuple[int, str, int | None, str]:
    found = audit(scene, folder).first
    assert found is not None
    return found.step, found.rule, found.index, found.code


def test_an_honest_chain_is_verified(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    first = scene.release()
    wider = {"sectors": ["health", "logistics"]}
    second = world.version(scene.author, first, "update", change="wider", audience=wider)
    world.log(second)
    clear = world.version(scene.author, second, "all-clear")
    world.log(clear)
    fourth = world.version(
        scene.author, clear, "relabel", label="AMBER", approvals=1, approvers=scene.approvers(scene.approver)
    )
    world.log(fourth)
    world.log(world.approve(fourth, scene.approver))
    chain = f"organisation/{scene.carrier}"
    fields: dict[str, Any] = {"organisation": scene.carrier, "previous": world.previous(chain)}
    world.accept(world.by_registrars("organisation.suspend", **fields))
    gone = world.version(scene.author, fourth, "withdraw")
    world.log(gone)
    index = world.log(world.approve(gone, scene.approver))
    report = audit(scene, tmp_path)
    assert report.verified, report.first
    notices = {(n.code, n.index) for step in report.steps for n in step.findings}
    assert ("recipients-unreached", index) in notices


def test_attack_a_forged_withdrawal_of_anothers_alert(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    other = world.named_organisation("Landkreis", areas=["05"], kind="authority", sectors=["security"])
    stranger = world.person(other, "author")
    index = world.log(world.version(stranger, scene.release(), "withdraw"))
    assert refused(scene, tmp_path) == (8, "R10", index, "version-of-other-organisation")


def test_attack_a_withdrawal_that_leaves_out_an_earlier_recipient(scene: Partnership, tmp_path: Path) -> None:
    gone = scene.world.version(scene.author, scene.release(), "withdraw", choose=lambda found: found[:-1])
    index = scene.world.log(gone)
    assert refused(scene, tmp_path) == (8, "R16", index, "leaf-count")


def test_attack_a_withdrawal_that_adds_a_recipient(scene: Partnership, tmp_path: Path) -> None:
    """The exchange and the author together: the driver never received what is taken back."""
    world = scene.world
    first = scene.release()
    known = world.versions[first.alert.core.alert]
    honest = known[0]
    known[0] = Version(
        honest.statement, honest.index, honest.core, honest.organisation, honest.recipients | {scene.driver.person}
    )
    index = world.log(world.version(scene.author, first, "withdraw"))
    assert refused(scene, tmp_path) == (8, "R16", index, "leaf-count")


def test_attack_a_withdrawal_with_fewer_approvals(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    first = world.alert(scene.author, "AMBER", scene.health, approvals=1, approvers=scene.approvers(scene.approver))
    world.log(first)
    world.log(world.approve(first, scene.approver))
    index = world.log(world.version(scene.author, first, "withdraw", approvals=0))
    assert refused(scene, tmp_path) == (8, "R11", index, "approvals-below-earlier")


def test_attack_a_version_after_a_withdrawal(scene: Partnership, tmp_path: Path) -> None:
    gone = scene.world.version(scene.author, scene.release(), "withdraw")
    scene.world.log(gone)
    index = scene.world.log(scene.world.version(scene.author, gone, "update"))
    assert refused(scene, tmp_path) == (8, "R10", index, "withdrawn")


def test_attack_a_lowered_label_in_an_update(scene: Partnership, tmp_path: Path) -> None:
    index = scene.world.log(scene.world.version(scene.author, scene.release(), "update", label="GREEN"))
    assert refused(scene, tmp_path) == (8, "R10", index, "label-changed")


def test_attack_a_change_audience_that_lies(scene: Partnership, tmp_path: Path) -> None:
    wider = {"sectors": ["health", "logistics"]}
    index = scene.world.log(scene.world.version(scene.author, scene.release(), "update", audience=wider))
    assert refused(scene, tmp_path) == (8, "R10", index, "audience-change-untrue")


def test_attack_two_successors_of_one_version(scene: Partnership, tmp_path: Path) -> None:
    first = scene.release()
    scene.world.log(scene.world.version(scene.author, first, "update"))
    index = scene.world.log(scene.world.version(scene.author, first, "withdraw"))
    assert refused(scene, tmp_path) == (8, "R10", index, "version-taken")


def test_attack_previous_is_an_unreleased_proposal(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    proposal = world.alert(scene.author, "AMBER", scene.health, approvals=1, approvers=scene.approvers(scene.approver))
    world.log(proposal)
    index = world.log(world.version(scene.author, proposal, "update", approvals=0))
    assert refused(scene, tmp_path) == (8, "R10", index, "version-unreleased")
