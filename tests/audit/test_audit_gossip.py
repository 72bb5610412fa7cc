"""What issuers say they had seen, compared with the bundle's own logs: a statement of another history was accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exchange.audit.verify import verify_bundle
from exchange.model.scalars import DAY
from exchange.model.statements import Statement
from exchange.tlog.checkpoint import LOGS, LogName
from tests.support.partnership import Partnership

OTHER = "ab" * 32


@pytest.fixture
def scene() -> Partnership:
    return Partnership()


def found(scene: Partnership, folder: Path) -> list[tuple[int, str, str | None, int | None]]:
    folder.mkdir(exist_ok=True)
    report = verify_bundle(scene.world.write_bundle(folder / "audit"))
    return [(f.step, f.code, f.log, f.index) for step in report.steps for f in step.findings if f.severity == "refused"]


def renewal(scene: Partnership, seen: dict[str, Any]) -> Statement:
    world = scene.world
    place = scene.doctor.organisation
    chain = f"organisation/{place}"
    expires = world.now + 700 * DAY
    return world.by_registrars(
        "organisation.renew", expires=expires, organisation=place, previous=world.previous(chain), seen=seen
    )


def receipt(scene: Partnership, alert: Statement, seen: dict[str, Any]) -> Statement:
    return scene.world.signed_by_device("alert.receipt", scene.doctor, alerts=[alert.id], level="received", seen=seen)


@pytest.mark.parametrize("log", LOGS)
def test_a_registry_statement_of_another_history(scene: Partnership, tmp_path: Path, log: LogName) -> None:
    seen = scene.world.seen()
    scene.world.accept(renewal(scene, {**seen, log: {**seen[log], "root": OTHER}}))
    assert found(scene, tmp_path) == [(5, "seen-differs", "registry", scene.world.size("registry") - 1)]


@pytest.mark.parametrize("log", LOGS)
def test_a_receipt_of_another_history(scene: Partnership, tmp_path: Path, log: LogName) -> None:
    alert = scene.release()
    seen = scene.world.seen()
    index = scene.world.log(receipt(scene, alert, {**seen, log: {**seen[log], "root": OTHER}}))
    assert found(scene, tmp_path) == [(5, "seen-differs", "journal", index)]


def test_a_receipt_that_has_seen_its_own_entry(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    seen = scene.world.seen()
    journal = {**seen["journal"], "size": seen["journal"]["size"] + 1}
    index = scene.world.log(receipt(scene, alert, {**seen, "journal": journal}))
    assert found(scene, tmp_path) == [(5, "seen-ahead", "journal", index)]


def test_a_registry_statement_that_has_seen_a_longer_journal_than_there_is(scene: Partnership, tmp_path: Path) -> None:
    seen = scene.world.seen()
    scene.world.accept(renewal(scene, {**seen, "journal": {"root": OTHER, "size": 1_000}}))
    assert found(scene, tmp_path) == [(5, "seen-ahead", "registry", scene.world.size("registry") - 1)]


def test_statements_that_name_older_heads_are_fine(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    old = {log: world.head(log, 0).to_json() for log in LOGS}
    world.accept(renewal(scene, old))
    world.log(receipt(scene, scene.release(), {**old, "registry": world.head("registry", 3).to_json()}))
    assert found(scene, tmp_path) == []
