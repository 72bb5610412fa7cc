"""Watching: what the feed brings saves requests and is believed no more than an answer."""

from pathlib import Path

import pytest

from exchange.client import publish
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


async def test_an_entry_that_the_feed_made_up_is_a_fork_and_shows_nothing(scene):
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
    assert (caught.value.step, caught.value.code) == (1, "fork")
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
