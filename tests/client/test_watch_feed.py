"""Watching: what the feed brings saves requests and is believed no more than an answer."""

import asyncio
from pathlib import Path

import pytest

from exchange.client import publish
from exchange.client import watch as watching
from exchange.client.draft import prepare
from exchange.client.errors import VerificationError
from exchange.client.sync import sync
from exchange.client.transport import Event
from exchange.client.watch import watch
from keys import encoding
from tests.support.scene import Partnership, partnership, source
from tests.support.simulator import Simulator


class Enough(Exception):
    """Ends a watch at the pause after its feed broke off."""


async def stop(attempt: int) -> None:
    raise Enough


@pytest.fixture
def scene(tmp_path: Path):
    made = partnership(tmp_path)
    yield made
    made.scene.close()


async def ready(scene: Partnership):
    author, officer = scene.scene.member(scene.author), scene.scene.member(scene.officer)
    for member in (author, officer, author, officer):
        await sync(member)
    return author, officer


class Feed:
    """A transport whose feed goes through ``change``."""

    def __init__(self, sim: Simulator, change) -> None:
        self._sim, self._change = sim, change

    def __getattr__(self, name: str):
        return getattr(self._sim, name)

    async def stream(self, path, *, headers=None):
        async for event in self._sim.stream(path, headers=headers):
            for item in self._change(event):
                yield item


async def test_an_alert_is_opened_from_the_feed_without_asking_for_it(scene):
    author, officer = await ready(scene)
    rounds = watch(officer, pause=stop)
    assert (await anext(rounds)).opened == ()
    released = await publish.publish(prepare(source(), author), author)
    before = len(scene.sim.requests)
    assert (await anext(rounds)).opened == (released.statement,)
    asked = [r for r in scene.sim.requests[before:] if r.device == scene.officer.device]
    assert [r.path.split("/")[2] for r in asked] == ["blobs"]
    scene.sim.end_feeds()
    with pytest.raises(Enough):
        await anext(rounds)
    assert (released.statement, scene.officer.device, "received") in scene.sim.receipts


async def test_entries_that_the_feed_left_out_are_fetched(scene):
    author, _ = await ready(scene)
    lossy = Feed(scene.sim, lambda event: [event] if event.event == "head" else [])
    officer = scene.scene.member(scene.officer, transport=lossy)
    rounds = watch(officer, pause=stop)
    await anext(rounds)
    released = await publish.publish(prepare(source(), author), author)
    assert (await anext(rounds)).opened == (released.statement,)


async def test_an_entry_that_the_feed_made_up_is_refused_and_shows_nothing(scene):
    author, _ = await ready(scene)

    def invent(event: Event):
        if event.event != "entry":
            return [event]
        value = encoding.decode(event.data.encode(), max_bytes=1 << 20)
        raw = bytearray(encoding.unb64(value["entry"]))
        raw[8] ^= 1
        return [Event(event.id, "entry", encoding.encode(value | {"entry": encoding.b64(bytes(raw))}).decode())]

    officer = scene.scene.member(scene.officer, transport=Feed(scene.sim, invent))
    rounds = watch(officer, pause=stop)
    await anext(rounds)
    await publish.publish(prepare(source(), author), author)
    with pytest.raises(VerificationError) as caught:
        await anext(rounds)
    assert (caught.value.step, caught.value.code) == (1, "entries-mismatch")
    assert all(row.status != "opened" for row in officer.state.alerts())


async def test_a_head_that_is_late_is_no_fork(scene):
    author, officer = await ready(scene)
    heads: list[Event] = []

    def repeat(event: Event):
        if event.event == "head":
            heads.append(event)
            return [heads[0], event]
        return [event]

    officer = scene.scene.member(scene.officer, transport=Feed(scene.sim, repeat))
    rounds = watch(officer, pause=stop)
    await anext(rounds)
    released = await publish.publish(prepare(source(), author), author)
    assert (await anext(rounds)).opened == (released.statement,)


async def test_a_watch_that_polls_opens_the_same_and_follows_the_registry(scene):
    author, officer = await ready(scene)
    rounds = watch(officer, pause=stop, poll=True)
    assert (await anext(rounds)).opened == ()
    released = await publish.publish(prepare(source(), author), author)
    assert (await anext(rounds)).opened == (released.statement,)
    asked = [r.path for r in scene.sim.requests if r.device == scene.officer.device]
    assert "/v1/feed/poll" in asked and "/v1/feed" not in asked
    while officer.replica.size("journal") < scene.sim.logs["journal"].size:
        await anext(rounds)  # what this device itself sent comes back
    before = officer.replica.size("registry")
    scene.scene.organisation("Neue Stadtwerke")
    await anext(rounds)
    assert officer.replica.size("registry") == before + 1


async def test_an_exchange_that_answers_a_poll_with_nothing_at_once_is_not_asked_without_end(scene):
    _, officer = await ready(scene)
    scene.sim.end_feeds()
    rounds = watch(officer, pause=stop, poll=True)
    with pytest.raises(Enough):
        while True:
            await anext(rounds)
    assert sum(r.path == "/v1/feed/poll" for r in scene.sim.requests) <= 3


async def test_a_stream_that_a_proxy_collects_gives_way_to_polling(scene, monkeypatch):
    monkeypatch.setattr(watching, "FIRST_SECONDS", 0.05)
    author, _ = await ready(scene)

    class Collected(Feed):
        async def stream(self, path, *, headers=None):
            await asyncio.Event().wait()
            yield Event("", "", "")

    officer = scene.scene.member(scene.officer, transport=Collected(scene.sim, None))
    rounds = watch(officer, pause=stop)
    await anext(rounds)
    released = await publish.publish(prepare(source(), author), author)
    while released.statement not in (await anext(rounds)).opened:
        pass
