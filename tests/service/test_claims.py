"""The server's own claims: named once, in batches, at a bounded rate, and only what a known device signed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.model.statements import parse_statement
from exchange.store import alerts, statements
from keys.envelope import Envelope
from keys.sign import SoftwareSigner, add_signature
from tests.support.web import Partnership, listening


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


async def said(place: Partnership, kind: str) -> list[Any]:
    """The bodies of all statements of a kind in the journal."""
    rows = await place.world.exchange_server.store.read(statements.page, "journal", 0, 1000, (kind,))
    return [parse_statement(Envelope.decode(row.envelope)).body for row in rows]


async def test_a_delivery_is_claimed_once_however_often_it_is_fetched(place: Partnership):
    world = place.world
    alert = await place.release()
    token = await world.session(place.officer)
    for _ in range(3):
        await world.get(f"/v1/alerts/{alert.id}", token)
        await world.context.claims.flush()
    [body] = await said(place, "alert.deliver")
    assert [(d.alert, d.device, d.at) for d in body.deliveries] == [(alert.id, place.officer.device, world.now)]
    rows = await world.exchange_server.store.read(alerts.deliveries, alert.id)
    assert [row.device for row in rows] == [place.officer.device]


async def test_a_restarted_server_does_not_claim_again_what_the_journal_names(place: Partnership):
    world = place.world
    alert = await place.release()
    world.context.claims.delivered(alert.id, place.officer.device)
    await world.context.claims.flush()
    await world.silence()
    await world.stop()
    await world.start()
    await world.listen()
    world.context.claims.delivered(alert.id, place.officer.device)
    world.context.claims.delivered(alert.id, place.author.device)
    await world.context.claims.flush()
    assert [[d.device for d in body.deliveries] for body in await said(place, "alert.deliver")] == [
        [place.officer.device],
        [place.author.device],
    ]


async def test_claims_are_flushed_when_the_server_stops(place: Partnership):
    world = place.world
    alert = await place.release()
    world.context.claims.delivered(alert.id, place.officer.device)
    await world.silence()
    assert len(await said(place, "alert.deliver")) == 1
    await world.listen()


async def test_more_deliveries_than_fit_into_a_statement_become_several(place: Partnership):
    world = place.world
    alert = await place.release()
    for _ in range(300):
        world.context.claims.delivered(alert.id, world.random.id())
    await world.context.claims.flush()
    assert [len(body.deliveries) for body in await said(place, "alert.deliver")] == [256, 44]
    assert await world.context.claims.flush() == 0


async def test_a_refused_statement_of_a_known_device_is_named_with_rule_and_code(place: Partnership):
    world = place.world
    alert = await world.alert(
        place.author, "AMBER", place.audience, recipients=[place.author.device, place.stranger.device]
    )
    answer = await world.send(alert)
    assert answer.code == "recipient-missing"
    assert (await world.send(alert)).code == "recipient-missing"
    await world.context.claims.flush()
    [body] = await said(place, "statement.refuse")
    [refusal] = body.refusals
    assert (refusal.device, refusal.statement) == (place.author.device, alert.id)
    assert (refusal.code, body.uncounted) == ("R9-recipient-missing", 0)


async def test_strangers_and_forged_signatures_do_not_fill_the_journal(place: Partnership):
    world = place.world
    alert = await world.alert(place.author, "AMBER", place.audience, recipients=[place.author.device])
    stranger = SoftwareSigner.generate(world.random)
    unsigned = Envelope("alert", alert.envelope.body, ())
    await world.send(parse_statement(add_signature(unsigned, stranger)))
    lines = add_signature(unsigned, place.stranger.signer).signatures
    forged = Envelope("alert", alert.envelope.body + b" ", lines)
    world.context.claims.refused(forged, "body-malformed", None)
    assert await world.context.claims.flush() == 0
    assert await said(place, "statement.refuse") == []


async def test_refusals_beyond_the_rate_are_counted_and_not_named(tmp_path: Path):
    async with listening(tmp_path, refusals={"per_minute": 3}) as place:
        world = place.world
        for _ in range(5):
            receipt = world.by_device("alert.receipt", place.officer, alerts=["0" * 64], level="read")
            assert (await world.send(receipt)).code == "receipt-without-leaf"
        await world.context.claims.flush()
        world.now += 60
        receipt = world.by_device("alert.receipt", place.officer, alerts=["0" * 64], level="read")
        await world.send(receipt)
        await world.context.claims.flush()
        bodies = await said(place, "statement.refuse")
        assert [(len(body.refusals), body.uncounted) for body in bodies] == [(3, 2), (1, 0)]


async def test_what_an_auditor_reads_is_in_the_journal(place: Partnership):
    world = place.world
    alert = await place.release()
    token = await world.session(place.auditor)
    page = (await world.get("/v1/registry/statements?limit=256", token)).json
    openings = sum(len(item["openings"]) for item in page["statements"])
    await world.get(f"/v1/alerts/{alert.id}/leaves", token)
    await world.get(f"/v1/statements/{alert.id}", token)
    await world.get(f"/v1/statements/{alert.id}", token)
    await world.context.claims.flush()
    bodies = await said(place, "access.read")
    assert {(body.device, body.what, body.count) for body in bodies} == {
        (place.auditor.device, "opening", openings),
        (place.auditor.device, "leaf-list", 1),
        (place.auditor.device, "registry", len(page["statements"])),
        (place.auditor.device, "statement", 2),
    }
    assert openings > 0


async def test_claims_that_cannot_be_accepted_wait(place: Partnership):
    world = place.world
    alert = await place.release()
    world.context.claims.delivered(alert.id, place.officer.device)
    claim, world.context.claims._claim = world.context.claims._claim, refuse
    with pytest.raises(ConnectionError):
        await world.context.claims.flush()
    world.context.claims._claim = claim
    assert await world.context.claims.flush() == 1


async def refuse(kind: str, fields: dict[str, Any]) -> object:
    raise ConnectionError
