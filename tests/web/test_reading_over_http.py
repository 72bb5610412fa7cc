"""What each caller is handed over HTTP: statements, pages, alerts, leaves, receipts, proposals, blobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.web import Partnership, listening


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


async def test_smoke(place: Partnership):
    world = place.world
    answer = await world.get("/v1/exchange")
    assert answer.status == 200, answer.body
    token = await world.session(place.officer)
    alert = await place.release()
    answer = await world.get(f"/v1/alerts/{alert.id}", token)
    assert answer.status == 200, answer.body
    print(len(answer.body), answer.headers)
    async with world.feed(token, 0) as stream:
        async for event in stream:
            print(event.name, event.id, list(event.data))
            if event.name == "head":
                break
    print(world.log.getvalue()[-1500:])
