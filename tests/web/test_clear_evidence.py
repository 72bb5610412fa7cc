"""The public evidence: a stranger who knows the exchange id checks a CLEAR alert offline, with everything that judges it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.client.clear import check_attachments, check_clear
from exchange.client.errors import VerificationError
from exchange.model.alert import Content
from exchange.model.entry import parse_entry
from exchange.store import statements as statement_rows
from keys import encoding
from tests.support.clear import attachment, encoded, enrolled_by_administrators, evidence, plain, publish
from tests.support.web import Partnership, listening


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


async def test_a_stranger_verifies_the_alert_from_the_document_alone(place: Partnership):
    alert = await publish(place)
    proof = check_clear(encoded(await evidence(place, alert)), place.world.exchange, alert.id)
    assert proof.opened.statement.id == alert.id
    assert (proof.organisation, proof.name, proof.approvers) == (place.authority, "Polizei Essen", 1)
    assert proof.opened.content.texts[0].title == "Vollsperrung"
    assert proof.released == place.world.now


async def test_the_chains_of_administrators_who_enrolled_are_part_of_the_evidence(place: Partnership):
    """Author and approver are judged by the registry's own rules, so whoever enrolled them must be judged as well."""
    world = place.world
    second = await world.enrol("H. Zweite", place.authority, "administrator")
    approver = await enrolled_by_administrators(place, place.administrator, second, "approver")
    alert = await publish(place, approver=approver)
    document = await evidence(place, alert)
    shown = {parse_entry(encoding.unb64(item["entry"])).subject for item in document["registry"]["statements"]}
    for member in (place.author, approver, place.administrator, second):
        assert {f"person/{member.person}", f"device/{member.device}"} <= shown
    check_clear(encoded(document), world.exchange)


async def test_nobody_elses_statements_are_shown(place: Partnership):
    """Other organisations, their persons and the authority's uninvolved ones stay where members see them."""
    alert = await publish(place)
    document = await evidence(place, alert)
    shown = {parse_entry(encoding.unb64(item["entry"])).subject for item in document["registry"]["statements"]}
    assert f"organisation/{place.authority}" in shown
    for member in (place.officer, place.stranger, place.auditor, place.administrator):
        assert not {f"person/{member.person}", f"organisation/{member.organisation}"} & shown - {
            f"organisation/{place.authority}"
        }
    text = encoded(document)
    assert b"Polizei Essen" in text
    for name in ("Autorin", "Freigabe", "Stadtwerke"):
        assert name.encode() not in text


async def test_later_registry_statements_change_neither_the_evidence_nor_the_verdict(place: Partnership):
    """Whether author and approvers were in force is asked at acceptance: a revocation afterwards takes nothing back."""
    world = place.world
    alert = await publish(place)
    first = await evidence(place, alert)
    await place.revoke(place.author)
    await place.suspend(place.authority)
    assert await evidence(place, alert) == first
    world.context.clear._evidence.clear()
    again = await evidence(place, alert)
    assert again["registry"]["checkpoint"] != first["registry"]["checkpoint"]
    check_clear(encoded(again), world.exchange)


async def test_a_name_that_was_erased_is_missing_from_the_evidence_at_once(place: Partnership):
    world = place.world
    alert = await publish(place)
    assert (await evidence(place, alert))["name"]["value"] == "Polizei Essen"
    statement = (await evidence(place, alert))["name"]["statement"]
    await world.exchange_server.store.write(
        statement_rows.change_openings, [statement_rows.ErasedRow(statement, "name")]
    )
    document = await evidence(place, alert)
    assert "name" not in document and b"Polizei Essen" not in encoded(document)
    proof = check_clear(encoded(document), world.exchange)
    assert (proof.name, proof.organisation) == (None, place.authority)


async def test_a_downloaded_attachment_is_held_against_the_signed_content(place: Partnership):
    data = b"%PDF-1.7 Lageplan"
    content = Content(texts=(plain(),), attachments=(attachment(data, "Lageplan.pdf"),))
    alert = await publish(place, content, data)
    proof = check_clear(encoded(await evidence(place, alert)), place.world.exchange)
    assert check_attachments(proof, [data]) == [1]
    with pytest.raises(VerificationError) as refused:
        check_attachments(proof, [data + b"\n"])
    assert (refused.value.step, refused.value.code) == (9, "attachment-unknown")


async def test_an_alert_whose_chains_are_too_long_has_no_evidence(place: Partnership, monkeypatch: pytest.MonkeyPatch):
    alert = await publish(place)
    monkeypatch.setattr("exchange.service.clear.MAX_CHAIN_STATEMENTS", 3)
    answer = await place.world.get(f"/clear/{alert.id}/evidence")
    assert (answer.status, answer.code) == (404, "evidence-too-large")


async def test_evidence_kept_ready_is_bounded(place: Partnership, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("exchange.service.clear.KEPT_EVIDENCE_BYTES", 1)
    alerts = [await publish(place) for _ in range(3)]
    for alert in alerts:
        check_clear(encoded(await evidence(place, alert)), place.world.exchange, alert.id)
    assert len(place.world.context.clear._evidence) == 1


async def test_evidence_is_cached_by_its_tag(place: Partnership):
    alert = await publish(place)
    path = f"/clear/{alert.id}/evidence"
    first = await place.world.get(path)
    assert first.headers["Cache-Control"] == "public, max-age=60"
    again = await place.world.call("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
