"""The feed: everything once and in order, from memory or from the store, to whom it is due and as long as it is due."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.service import feed as feeds
from exchange.service.denied import Denied
from exchange.service.feed import KEEPALIVE, Stream
from exchange.tlog.merkle import leaf_hash, verify_inclusion
from keys import encoding
from keys.stanza import inner_hash, verify_path
from keys.stanza import leaf_hash as audience_leaf
from tests.support.web import Partnership, listening


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


def parsed(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The events in what a stream gave; strict JSON all of them."""
    found = []
    for block in data.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        body = encoding.decode(fields["data"].encode(), max_bytes=1 << 20)
        if fields["event"] == "entry":
            assert fields["id"] == str(body["index"] + 1)
        found.append((fields["event"], body))
    return found


def session(place: Partnership, member: Any) -> Any:
    world = place.world
    return world.context.sessions._new(member.device, world.now)[1]


def opened(place: Partnership, member: Any, cursor: int | None = 0) -> Stream:
    return place.world.context.feed.open(session(place, member), cursor)


async def caught_up(stream: Stream) -> list[tuple[str, dict[str, Any]]]:
    """Everything until the head that says that nothing is left, at the journal's present size.

    The feed is built after the callers are answered: a head may yet be that of a commit before, and is left out then.
    """
    size = stream._feed._ledger.head("journal").size
    found = parsed(await stream.next())
    while found[-1][0] != "head" or stream.cursor < size:
        if found[-1][0] == "head":
            found.pop()
        found += parsed(await stream.next())
    return found


async def next_entry(stream: Stream) -> dict[str, Any]:
    """The next entry; heads of commits to the registry may come before it."""
    while True:
        found = [body for name, body in parsed(await stream.next()) if name == "entry"]
        if found:
            [body] = found
            return body


def entries(events: list[tuple[str, dict[str, Any]]]) -> list[int]:
    return [body["index"] for name, body in events if name == "entry"]


async def test_a_new_reader_gets_every_entry_once_in_order_and_then_the_heads(place: Partnership):
    world = place.world
    events = await caught_up(opened(place, place.officer))
    size = world.exchange_server.ledger.head("journal").size
    assert entries(events) == list(range(size))
    name, heads = events[-1]
    assert name == "head"
    assert heads == {
        log: world.exchange_server.ledger.checkpoint(log).decode()  # type: ignore[arg-type]
        for log in ("journal", "registry")
    }


async def test_a_released_alert_reaches_the_recipient_with_its_own_leaf_and_others_without(place: Partnership):
    world = place.world
    mine, other = opened(place, place.officer), opened(place, place.stranger)
    await caught_up(mine)
    await caught_up(other)
    alert = await place.release()
    got = await next_entry(mine)
    bare = await next_entry(other)
    assert bare == {key: got[key] for key in ("entry", "index")}
    assert got["alert"]["envelope"] == alert.envelope.to_json() and got["alert"]["index"] == got["index"]
    leaf, sealed, core = got["alert"]["leaf"], alert.alert.sealed, alert.alert.core
    tag = world.identities[place.officer.device].tag(
        encoding.unb64u(sealed.ephemeral), encoding.unb64u(core.alert), core.version
    )
    assert leaf["tag"] == encoding.b64u(tag)
    hashed = audience_leaf(tag, inner_hash(bytes.fromhex(leaf["stanza_id"]), encoding.unb64(leaf["stanza"])))
    path = [bytes.fromhex(node) for node in leaf["path"]]
    verify_path(bytes.fromhex(str(sealed.root)), sealed.depth or 0, leaf["index"], hashed, path)


async def test_a_reader_that_resumes_misses_nothing_and_gets_the_same_bytes(place: Partnership):
    alert = await place.release()
    await place.publish_clear()
    whole = await caught_up(opened(place, place.officer))
    size = len(entries(whole))
    for cursor in range(size + 1):
        assert (await caught_up(opened(place, place.officer, cursor)))[:-1] == whole[cursor:-1]
    assert [b["alert"]["envelope"] for n, b in whole if n == "entry" and "alert" in b] == [alert.envelope.to_json()]


async def test_what_is_no_longer_kept_in_memory_is_read_from_the_store(place: Partnership, monkeypatch: Any):
    monkeypatch.setattr(feeds, "KEPT_EVENTS", 1)
    stream = opened(place, place.officer, 0)
    before = await caught_up(stream)
    for _ in range(3):
        await place.release()
    live = await caught_up(stream)
    late = await caught_up(opened(place, place.officer, len(entries(before))))
    assert live[:-1] == late[:-1] and all("alert" in body for _, body in live[:-1])


async def test_a_reader_without_cursor_gets_only_what_is_new(place: Partnership):
    stream = opened(place, place.officer, None)
    assert entries(await caught_up(stream)) == []
    await place.release()
    assert len(entries(await caught_up(stream))) == 1


async def test_many_readers_share_one_event_and_each_has_its_own_leaf(place: Partnership, monkeypatch: Any):
    """The whole pack is read at once when many listen."""
    monkeypatch.setattr(feeds, "PAGE", 2)
    world = place.world
    colleagues = [await world.enrol(f"Kollege {n}", place.company, "officer") for n in range(3)]
    keyless = await world.enrol("Ohne Schlüssel", place.company, "officer", keyless=True)
    streams = {m.device: opened(place, m, None) for m in (place.officer, *colleagues, keyless)}
    for stream in streams.values():
        await caught_up(stream)
    await place.release()
    leaves = {}
    for device, stream in streams.items():
        body = await next_entry(stream)
        leaves[device] = body["alert"]["leaf"]
    assert len({leaf["index"] for leaf in leaves.values()}) == len(streams)
    assert [device for device, leaf in leaves.items() if leaf["stanza"] == ""] == [keyless.device]


async def test_a_cursor_ahead_of_the_journal_is_refused(place: Partnership):
    size = place.world.exchange_server.ledger.head("journal").size
    with pytest.raises(Denied) as refusal:
        opened(place, place.officer, size + 1)
    assert refusal.value.code == "cursor-ahead"


async def test_an_idle_stream_gets_a_comment(place: Partnership, monkeypatch: Any):
    stream = opened(place, place.officer, None)
    await caught_up(stream)

    async def nothing_comes(news: object) -> bool:
        return False

    monkeypatch.setattr(place.world.context.feed, "wait", nothing_comes)
    assert await stream.next() == KEEPALIVE


async def test_an_idle_stream_ends_when_the_membership_expires(place: Partnership, monkeypatch: Any):
    stream = opened(place, place.officer, None)
    await caught_up(stream)

    async def a_year_passes(news: object) -> bool:
        place.world.now += 366 * 86_400
        return False

    monkeypatch.setattr(place.world.context.feed, "wait", a_year_passes)
    with pytest.raises(Denied) as end:
        await stream.next()
    assert (end.value.code, end.value.rule) == ("membership-expired", "R1")


async def test_suspension_ends_all_streams_and_sessions_of_the_organisation_and_no_others(place: Partnership):
    world = place.world
    colleague = await world.enrol("Kollegin", place.company, "officer", keyless=True)
    streams = [opened(place, member, None) for member in (place.officer, colleague)]
    other = opened(place, place.stranger, None)
    await place.suspend(place.company)
    for stream in streams:
        with pytest.raises(Denied) as end:
            await stream.next()
        assert end.value.code == "organisation-suspended"
    assert [name for name, _ in await caught_up(other)] == ["head"]
    assert world.context.feed.listening == 1


async def test_a_further_stream_of_a_device_ends_its_oldest(place: Partnership):
    streams = [opened(place, place.officer, None) for _ in range(5)]
    with pytest.raises(Denied) as end:
        await streams[0].next()
    assert end.value.code == "stream-replaced" and place.world.context.feed.listening == 4
    assert all([await caught_up(stream) for stream in streams[1:]])


async def test_the_number_of_streams_is_bounded(tmp_path: Path):
    async with listening(tmp_path, feed={"readers": 2}) as place:
        first = opened(place, place.officer, None)
        opened(place, place.stranger, None)
        with pytest.raises(Denied) as refusal:
            opened(place, place.author, None)
        assert refusal.value.code == "readers-busy"
        place.world.context.feed.drop(first)
        assert opened(place, place.author, None)


async def test_ending_a_session_ends_its_streams(place: Partnership):
    world = place.world
    kept = opened(place, place.officer, None)
    ended = opened(place, place.officer, None)
    world.context.feed.end_session(ended.session)
    with pytest.raises(Denied) as end:
        await ended.next()
    assert end.value.code == "session-ended"
    assert await caught_up(kept)


async def test_a_reader_whose_organisation_owes_the_terms_gets_entries_and_no_leaf(place: Partnership):
    world = place.world
    await place.release()
    document = {"length": 10, "sha256": "0" * 64}
    await world.post(world.by_registrars("terms.define", accept_by=world.now + 1, document=document, version=1))
    world.now += 10
    events = await caught_up(opened(place, place.officer, 0))
    assert entries(events) and not any("alert" in body for _, body in events)


async def test_a_leaf_counts_as_delivered_once_it_was_written(place: Partnership):
    world = place.world
    stream = opened(place, place.officer, None)
    await caught_up(stream)
    alert = await place.release()
    await stream.next()
    assert world.context.claims.pending_deliveries(alert.id) == []
    await place.release()
    await stream.next()
    assert world.context.claims.pending_deliveries(alert.id) == [(place.officer.device, world.now)]


async def test_a_head_comes_over_http_after_each_commit_and_proves_the_entry(place: Partnership):
    world = place.world
    token = await world.session(place.officer)
    async with world.feed(token) as stream:
        assert (await anext(stream)).name == "head"
        alert = await place.release()
        entry, head = await anext(stream), await anext(stream)
        assert (entry.name, head.name) == ("entry", "head")
        assert json.dumps(entry.data["alert"]["envelope"], sort_keys=True)
    size = int(head.data["journal"].split("\n")[1])
    root = encoding.unb64(head.data["journal"].split("\n")[2])
    answer = (await world.get(f"/v1/alerts/{alert.id}", token)).json
    proof = [encoding.unb64(item) for item in answer["proof"]]
    verify_inclusion(leaf_hash(encoding.unb64(entry.data["entry"])), entry.data["index"], size, proof, root)
