"""Attacks through the feed: its events are hints, and nothing is believed that the logs do not say (V1)."""

from __future__ import annotations

import pytest

from exchange.client.answers import FeedEntry, Heads
from exchange.client.errors import ClientError, VerificationError
from exchange.client.sync import sync
from exchange.client.transport import Event
from exchange.client.watch import watch
from exchange.tlog.checkpoint import LogName
from keys import encoding
from tests.attacks.lying import Forgery
from tests.attacks.scene import MINUTE, Scene, Victim

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGS: tuple[LogName, ...] = ("registry", "journal")
HOUR = 60 * MINUTE


# -- the feed ------------------------------------------------------------------------------------------------------------------


class Enough(Exception):
    """The test has seen enough of a watcher that would go on for ever."""


async def _watched(victim: Victim) -> list[int]:
    """Rounds of a watcher until its stream ends: new entries of each."""

    async def pause(_: int) -> None:
        raise Enough

    found = []
    with pytest.raises(Enough):
        async for synced in watch(victim.member, pause=pause):
            found.append(synced.entries)
    return found


def _entry(index: int, data: bytes) -> Event:
    value = {"entry": encoding.b64(data), "index": index}
    return Event(str(index + 1), "entry", encoding.encode(value).decode())


async def _head(victim: Victim) -> Event:
    notes = {log: (await victim.member.api.checkpoint(log)).decode() for log in LOGS}
    return Event("", "head", encoding.encode(notes).decode())


async def test_event_that_names_an_index_the_log_does_not_have(scene: Scene) -> None:
    victim = await scene.informed("driver")
    entry = victim.state.entry("journal", 0)
    assert entry is not None
    before = victim.kept()
    victim.lying.events = [_entry(10**6, entry), await _head(victim)]
    assert await _watched(victim) == [0, 0]
    assert victim.kept() == before
    assert victim.state.failures() == []


async def test_event_with_a_fast_forwarded_head(scene: Scene) -> None:
    victim = await scene.informed("driver")
    forgery = await Forgery.of(scene.world)
    index = await forgery.claim(scene.driver)
    await forgery.claim(scene.driver)
    notes = {log: forgery.note(log).decode() for log in LOGS}
    before = victim.kept()
    # The entry at the end is missing, and the honest exchange has no bundle of that width.
    victim.lying.events = [
        _entry(index, forgery.entries["journal"][index]),
        Event("", "head", encoding.encode(notes).decode()),
    ]
    with pytest.raises(ClientError):
        await _watched(victim)
    assert victim.kept() == before


async def test_event_with_another_entry_than_the_log_has(scene: Scene) -> None:
    victim = await scene.informed("driver")
    second = await scene.release()
    index = scene.world.exchange_server.ledger.head("journal").size - 1
    forgery = await Forgery.of(scene.world)
    forgery.rewrite("journal", index, kind="access.read", alert=None)
    victim.lying.events = [_entry(index, forgery.entries["journal"][index]), await _head(victim)]
    before = victim.kept()
    feed = [item async for item in victim.member.api.feed(index)]
    assert isinstance(feed[0], FeedEntry)
    assert isinstance(feed[1], Heads)
    with pytest.raises(VerificationError) as caught:
        await sync(victim.member, heads=feed[1], entries={index: feed[0].entry}, quiet=True)
    assert (caught.value.name, caught.value.code) == ("V1", "entries-mismatch")
    assert victim.kept() == before
    victim.lying.repent()
    await victim.opens()
    assert victim.state.alert(second.id) is not None


async def test_event_of_a_fork_is_refused_by_the_watcher(scene: Scene) -> None:
    victim = await scene.informed("driver")
    forgery = await Forgery.of(scene.world)
    forgery.rewrite("journal", 0, at=forgery.entry("journal", 0).at - 1)
    notes = {log: forgery.note(log).decode() for log in LOGS}
    victim.lying.events = [Event("", "head", encoding.encode(notes).decode())]
    before = victim.kept()
    with pytest.raises(VerificationError) as caught:
        await _watched(victim)
    assert (caught.value.name, caught.value.code) == ("V1", "fork")
    assert victim.kept() == before


async def test_event_of_a_fork_that_lags_behind_is_refused_by_the_watcher(scene: Scene) -> None:
    """A head may come late, and then it must be one that this log has had."""
    victim = await scene.informed("driver")
    forgery = await Forgery.of(scene.world)
    forgery.rewrite("journal", 0, at=forgery.entry("journal", 0).at - 1)
    forgery.shown_size["journal"] = forgery.size("journal") - 1
    late = {"journal": forgery.note("journal").decode(), "registry": forgery.note("registry").decode()}
    victim.lying.events = [Event("", "head", encoding.encode(late).decode())]
    with pytest.raises(VerificationError) as caught:
        await _watched(victim)
    assert (caught.value.name, caught.value.code) == ("V1", "fork")
    victim.failure("log", 1, "fork")


async def test_event_with_a_head_that_only_lags_behind_is_no_lie(scene: Scene) -> None:
    victim = await scene.informed("driver")
    forgery = await Forgery.of(scene.world)
    forgery.shown_size["journal"] = forgery.size("journal") - 1
    late = {"journal": forgery.note("journal").decode(), "registry": forgery.note("registry").decode()}
    victim.lying.events = [Event("", "head", encoding.encode(late).decode())]
    assert await _watched(victim) == [0, 0]
    assert victim.state.failures() == []


async def test_event_that_is_not_one_is_a_broken_feed_and_no_more(scene: Scene) -> None:
    victim = await scene.informed("driver")
    before = victim.kept()
    victim.lying.events = [Event("", "entry", '{"index":1,"index":2,"entry":""}')]
    assert await _watched(victim) == [0]
    victim.lying.events = [Event("", "head", '{"registry":7,"journal":{}}')]
    with pytest.raises(Enough):
        async for _ in watch(victim.member, pause=_enough):
            pass
    assert victim.kept() == before


async def _enough(_: int) -> None:
    raise Enough
