"""Grants in an auditor's bundle: allowed ones verify, and what the rules forbid is refused whoever accepted it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.audit.verify import verify_bundle
from exchange.model.entry import GrantMark
from exchange.model.scalars import DAY
from exchange.model.statements import Statement
from keys import encoding
from tests.support.grants import give, leaf_of
from tests.support.messages import answer, ask
from tests.support.partnership import Partnership
from tests.support.world import Member


class Scene(Partnership):
    """The audit's partnership with an alert to the doctor alone, and a colleague to whom it can be given."""

    def __init__(self) -> None:
        super().__init__()
        world = self.world
        self.nurse = world.person(self.hospital, "officer")
        world.publish_epochs(self.nurse)
        self.alert = world.alert(self.author, "AMBER", {"persons": [self.doctor.person]})
        world.log(self.alert)

    def give(self, device: str, *options: Any, by: Member | None = None, **fields: Any) -> Statement:
        return give(self.world, by or self.doctor, self.alert, device, *options, **fields)

    def second_device(self, member: Member) -> str:
        device = self.world.device(member)
        self.world.publish_epochs(member, device)
        return device

    def verdict(self, folder: Path) -> tuple[int, str, str | None, int | None] | None:
        """The first finding that is refused (step, rule, code, index), or None."""
        report = verify_bundle(self.world.write_bundle(folder / "audit"))
        found = report.first
        return None if found is None else (found.step, found.rule, found.code, found.index)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_grants_that_the_rules_allow_verify_and_their_receipts_count(scene: Scene, tmp_path: Path) -> None:
    world = scene.world
    to_nurse = scene.give(scene.nurse.device)
    world.log(to_nurse)
    world.log(world.receipt(scene.nurse, scene.alert))
    world.log(world.receipt(scene.nurse, scene.alert, level="read"))
    world.log(world.delivery((scene.alert, scene.nurse)))
    second = scene.second_device(scene.doctor)
    world.log(scene.give(second, "history", by=scene.nurse, via=to_nurse.id))
    asked = ask(world, scene.doctor, scene.alert, b"{}", scene.author)
    world.log(asked)
    answered = answer(world, scene.author, asked, [scene.driver.person], None)
    world.log(answered)
    world.log(scene.give(scene.driver.device, permission=answered.id))
    report = verify_bundle(world.write_bundle(tmp_path / "audit"))
    assert report.verified, report.first
    assert (report.totals.received, report.totals.read, report.totals.deliveries) == (1, 1, 1)


def test_attack_an_all_clear_given_to_a_newcomer_who_had_no_earlier_version(scene: Scene, tmp_path: Path) -> None:
    world = scene.world
    clear = world.version(scene.author, scene.alert, "all-clear")
    world.log(clear)
    index = world.log(give(world, scene.author, clear, scene.nurse.device, "newcomer"))
    assert scene.verdict(tmp_path) == (9, "R12", "not-recipient", index)


def _stranger(scene: Scene) -> Statement:
    return scene.give(scene.driver.device)


def _without_leaf(scene: Scene) -> Statement:
    return scene.give(scene.porter.device, by=scene.nurse)


def _anothers_leaf(scene: Scene) -> Statement:
    return scene.give(scene.nurse.device, leaf=leaf_of(scene.world, scene.alert, scene.author.device))


def _history_elsewhere(scene: Scene) -> Statement:
    return scene.give(scene.driver.device, "history")


def _expired(scene: Scene) -> Statement:
    scene.world.now += 15 * DAY
    return scene.give(scene.nurse.device)


def _repeated(scene: Scene) -> Statement:
    scene.world.log(scene.give(scene.nurse.device))
    return scene.give(scene.nurse.device)


def _permission(scene: Scene) -> Statement:
    return scene.give(scene.driver.device, permission="0" * 64)


def _revoked(scene: Scene) -> Statement:
    world, device = scene.world, scene.doctor.device
    grant = scene.give(scene.nurse.device)
    world.accept(world.by_registrars("device.revoke", device=device, previous=world.previous(f"device/{device}")))
    return grant


def _other_journal(scene: Scene) -> Statement:
    seen = scene.world.seen()
    return scene.give(scene.nurse.device, seen={**seen, "journal": {**seen["journal"], "root": "0" * 64}})


@pytest.mark.parametrize(
    ("attack", "rule", "code"),
    [
        (_stranger, "R12", "other-organisation"),
        (_without_leaf, "R12", "grantor-without-alert"),
        (_anothers_leaf, "V7", "path-invalid"),
        (_history_elsewhere, "R13", "other-organisation"),
        (_expired, "R15", "expired"),
        (_repeated, "R12", "already-recipient"),
        (_permission, "R12", "permission-unknown"),
        (_revoked, "R1", "device-revoked"),
        (_other_journal, "A2", "journal-root"),
    ],
    ids=lambda value: value.__name__.strip("_").replace("_", "-") if callable(value) else None,
)
def test_a_bundle_with_a_grant_that_the_rules_forbid_is_refused(
    scene: Scene, tmp_path: Path, attack: Callable[[Scene], Statement], rule: str, code: str
) -> None:
    grant = attack(scene)
    index = scene.world.log(grant)
    assert scene.verdict(tmp_path) == (9, rule, code, index)


def test_a_grant_of_red(scene: Scene, tmp_path: Path) -> None:
    world = scene.world
    red = world.alert(
        scene.author,
        "RED",
        {"persons": [scene.doctor.person]},
        approvals=1,
        approvers=scene.approvers(scene.approver),
    )
    approved = world.approve(red, scene.approver)
    world.sealed[approved.id] = world.sealed[red.id]
    world.log(approved)
    index = world.log(give(world, scene.doctor, approved, scene.nurse.device))
    assert scene.verdict(tmp_path) == (9, "R12", "red-never", index)


def test_a_grant_entry_whose_mark_is_not_the_statements(scene: Scene, tmp_path: Path) -> None:
    grant = scene.give(scene.nurse.device)
    mark = GrantMark(ephemeral=grant.body.ephemeral, tag=encoding.b64u(bytes(8)))  # type: ignore[attr-defined]
    index = scene.world.log(grant, grant=mark)
    assert scene.verdict(tmp_path) == (9, "V4", "entry-mismatch", index)


def test_a_receipt_by_a_device_with_neither_leaf_nor_grant(scene: Scene, tmp_path: Path) -> None:
    index = scene.world.log(scene.world.receipt(scene.nurse, scene.alert))
    assert scene.verdict(tmp_path) == (9, "V7", "receipt-without-leaf", index)
