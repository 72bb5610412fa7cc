"""Long-poll: the stream's events as one answer, at once or when the wait is over, and no longer than it is due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.web import Answer, Partnership, listening
from tests.support.world import Member

WAIT = 60
"""Longer than any test: who is answered was answered because of what happened."""


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


async def polled(place: Partnership, token: str, **query: int) -> Answer:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return await place.world.get(f"/v1/feed/poll?{text}", token)


async def waiting(place: Partnership, member: Member, number: int = 1, **query: int) -> asyncio.Task[Answer]:
    """A poll that waits at the server."""
    return await listening_with(place, await place.world.session(member), number, **query)


async def listening_with(place: Partnership, token: str, number: int = 1, **query: int) -> asyncio.Task[Answer]:
    """The same with a session that is there."""
    task = asyncio.create_task(polled(place, token, wait=WAIT, **query))
    async with asyncio.timeout(10):
        while place.world.context.feed.listening < number:  # noqa: ASYNC110  nobody is told when a listener comes
            await asyncio.sleep(0)
    return task


async def test_what_is_after_the_cursor_comes_at_once_page_by_page_and_is_what_the_stream_says(place: Partnership):
    world, alert = place.world, await place.release()
    token = await world.session(place.officer)
    journal, got, cursor = world.sizes()[1], [], 0
    while cursor < journal:
        answer = (await polled(place, token, cursor=cursor, wait=0)).json
        got += answer["entries"]
        assert answer["cursor"] == cursor + len(answer["entries"])
        cursor = answer["cursor"]
    assert "head" in answer
    streamed: list[Any] = []
    async with world.feed(token, 0) as stream:
        async for event in stream:
            if event.name == "head":
                break
            streamed.append(event.data)
    assert got == streamed and [e["alert"]["envelope"] for e in got if "alert" in e] == [alert.envelope.to_json()]


async def test_without_news_the_same_cursor_comes_back_when_the_wait_is_over(place: Partnership):
    registry, journal = place.world.sizes()
    token = await place.world.session(place.officer)
    answer = await polled(place, token, cursor=journal, registry=registry, wait=0)
    assert answer.json == {"cursor": journal, "entries": [], "registry": registry}
    assert (await polled(place, token, wait=0)).json == answer.json


async def test_a_waiting_poll_is_answered_when_an_alert_is_released(place: Partnership):
    task = await waiting(place, place.officer)
    alert = await place.release()
    answer = (await task).json
    assert answer["entries"][0]["alert"]["envelope"] == alert.envelope.to_json()
    assert answer["cursor"] == place.world.sizes()[1]
    assert place.world.context.claims.pending_deliveries(alert.id) == [(place.officer.device, place.world.now)]
    assert place.world.context.feed.listening == 0


async def test_a_registry_that_grew_is_news_without_entries(place: Partnership):
    registry, journal = place.world.sizes()
    task = await waiting(place, place.officer, cursor=journal, registry=registry)
    await place.world.admit("Neue Werke")
    answer = (await task).json
    assert (answer["entries"], answer["registry"]) == ([], registry + 1) and "head" in answer


async def test_a_revoked_devices_waiting_poll_ends_at_once_with_the_reason(place: Partnership):
    task = await waiting(place, place.officer)
    await place.revoke(place.officer)
    answer = await task
    assert (answer.status, answer.code, answer.json["rule"]) == (403, "device-revoked", "R1")


async def test_a_poll_ends_with_its_session(place: Partnership):
    token = await place.world.session(place.officer)
    task = await listening_with(place, token)
    assert (await place.world.call("DELETE", "/v1/session", token)).status == 204
    assert ((await task).status, (await task).code) == (401, "session-ended")


async def test_polls_of_a_device_are_as_few_as_its_streams_and_the_oldest_gives_way(place: Partnership):
    most = place.world.config.feed.readers_per_device
    tasks = [await waiting(place, place.officer, number + 1) for number in range(most)]
    token = await place.world.session(place.officer)
    tasks.append(asyncio.create_task(polled(place, token, wait=WAIT)))
    assert ((await tasks[0]).status, (await tasks[0]).code) == (409, "stream-replaced")
    await place.release()
    assert {(await task).status for task in tasks[1:]} == {200}


async def test_closing_ends_waiting_polls(place: Partnership):
    task = await waiting(place, place.officer)
    await place.world.context.feed.close()
    assert ((await task).status, (await task).code) == (503, "closing")


@pytest.mark.parametrize(
    "query", ["cursor=-1", "cursor=x", "wait=61", "wait=1.5", "registry=a", "cursor=0&cursor=1", "x=1"]
)
async def test_a_poll_with_a_wrong_query_is_refused(place: Partnership, query: str):
    token = await place.world.session(place.officer)
    answer = await place.world.get(f"/v1/feed/poll?{query}", token)
    assert (answer.status, answer.code) == (400, "query-malformed")


@pytest.mark.parametrize("name", ["cursor", "registry"])
async def test_a_poll_ahead_of_a_log_is_refused(place: Partnership, name: str):
    token = await place.world.session(place.officer)
    answer = await polled(place, token, **{name: 10_000}, wait=0)
    assert (answer.status, answer.code) == (400, "cursor-ahead")
