"""What a grant opens over HTTP: the alert and its parts for its device, nothing for others; and revocation ends all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keys import encoding
from keys.envelope import Envelope
from tests.support.grants import give
from tests.support.web import Event, Partnership, listening
from tests.support.world import Member

NO_TAG = "AAAAAAAAAAA"
WITHIN = 1.0
"""Seconds in which a revocation takes effect at the server."""


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


async def latecomer(place: Partnership) -> Member:
    """A colleague of the officer, enrolled after the alert."""
    return await place.world.enrol("G. Kollege", place.company, "officer")


async def test_a_grant_opens_alert_and_parts_to_its_device_and_to_nobody_else(place: Partnership) -> None:
    world = place.world
    alert = await place.release()
    late = await latecomer(place)
    token = await world.session(late)
    part = f"/v1/blobs/{alert.alert.sealed.parts[0].sha256}"
    assert "neighbours" in (await world.get(f"/v1/alerts/{alert.id}?tag={NO_TAG}", token)).json
    assert (await world.get(part, token)).status == 403
    grant = give(world, place.officer, alert, late.device)
    [result] = (await world.send(grant)).json["results"]
    answer = (await world.get(f"/v1/alerts/{alert.id}?tag={NO_TAG}", token)).json
    assert answer.keys() == {"checkpoint", "envelope", "grant", "index", "proof"}
    assert answer["grant"]["index"] == result["index"] and "chain" not in answer["grant"]
    assert Envelope.from_json(answer["grant"]["envelope"]).statement_id == grant.id
    assert (await world.get(part, token)).status == 200
    assert (await world.get(f"/v1/statements/{alert.id}", token)).status == 200
    for member, listed in ((late, 1), (place.officer, 1), (place.stranger, 0)):
        other = await world.session(member)
        found = (await world.get("/v1/grants", other)).json["grants"]
        assert [item["alert"] for item in found] == [alert.id] * listed
        assert (await world.get(f"/v1/statements/{grant.id}", other)).status == (
            200 if member is place.officer else 403
        )
    assert (await world.get(part, await world.session(place.stranger))).status == 403


async def test_the_granters_enrolment_comes_along_for_who_is_not_shown_it(place: Partnership) -> None:
    world = place.world
    alert = await place.release("GREEN")
    late = await world.enrol("H. Händler", place.outside, "officer")
    grant = give(world, place.officer, alert, late.device)
    assert (await world.send(grant)).status == 200
    answer = (await world.get(f"/v1/alerts/{alert.id}?tag={NO_TAG}", await world.session(late))).json
    chain = Envelope.from_json(answer["grant"]["chain"])
    assert chain.kind == "device.enrol"
    assert encoding.decode(chain.body, max_bytes=1 << 16)["device"] == place.officer.device
    # Also when the grantor was revoked since: the enrolment, not the revocation.
    await place.revoke(place.officer)
    answer = (await world.get("/v1/grants", await world.session(late))).json["grants"][0]
    assert Envelope.from_json(answer["chain"]).kind == "device.enrol"


async def test_the_feed_hands_a_grant_to_its_device_and_others_see_the_entry_alone(place: Partnership) -> None:
    world = place.world
    alert = await place.release()
    late = await latecomer(place)

    async def first_entry(stream: AsyncIterator[Event]) -> Event:
        return await anext(event async for event in stream if event.name == "entry")

    async with (
        world.feed(await world.session(late)) as mine,
        world.feed(await world.session(place.stranger)) as others,
    ):
        grant = give(world, place.officer, alert, late.device)
        assert (await world.send(grant)).status == 200
        event, plain = await first_entry(mine), await first_entry(others)
    assert Envelope.from_json(event.data["grant"]["envelope"]).statement_id == grant.id
    place_of = f"/v1/feed/poll?cursor={event.data['index']}&wait=0"
    polled = (await world.get(place_of, await world.session(late))).json["entries"]
    assert polled[0] == event.data
    assert plain.data == {"entry": event.data["entry"], "index": event.data["index"]}


async def test_a_granted_alert_is_handed_to_nobody_whose_terms_do_not_count(place: Partnership) -> None:
    world = place.world
    alert = await place.release()
    late = await latecomer(place)
    await world.send(give(world, place.officer, alert, late.device))
    token = await world.session(late)
    assert (await world.get(f"/v1/alerts/{alert.id}?tag={NO_TAG}", token)).status == 200
    await place.suspend(place.company)
    assert (await world.get(f"/v1/alerts/{alert.id}?tag={NO_TAG}", token)).status in (401, 403)


async def test_revocation_ends_stream_session_and_next_request_within_a_second(place: Partnership) -> None:
    world = place.world
    alert = await place.release()
    token = await world.session(place.officer)
    async with world.feed(token) as stream:
        assert (await anext(stream)).name == "head"
        async with asyncio.timeout(WITHIN):
            await place.revoke(place.officer)
            events = [event async for event in stream]
            refused = await world.get(f"/v1/alerts/{alert.id}?tag={NO_TAG}", token)
            again = await world.open(place.officer)
    assert events[-1].name == "end" and events[-1].data == {"code": "device-revoked"}
    assert refused.status in (401, 403)
    assert again.status == 403
