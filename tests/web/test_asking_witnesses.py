"""The exchange asks its witnesses over real HTTP: nobody waits for them, and nothing is believed that they answer."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exchange.policy.witnesses import cosigned, quorum_time
from exchange.service.asking import CLOCK_SECONDS, State, Unanswered
from exchange.service.witnessing import GAP_SECONDS, LATE_SECONDS, MAX_PAUSE, ROUND_SECONDS, SAVE_SECONDS
from exchange.store import cosignatures as rows
from exchange.tlog.checkpoint import Checkpoint
from exchange.tlog.witness_request import MAX_ANSWER_BYTES, MAX_SENT_BYTES, WitnessRequest, format_request
from exchange.web.ask import HttpAsk, Lookup
from exchange.witness.loglist import KnownLog
from keys.encoding import b64u
from keys.note import Note
from tests.support.asking import Asking, Witness, Witnesses, asking, until, witnesses
from tests.support.live import Live, live
from tests.support.web import listening
from tests.support.witnesses import WitnessKey
from tests.support.witnessing import found
from tests.support.witnessing import listening as cosigning

NAMES = ("w0.example", "w1.example", "w2.example")
JOURNAL, REGISTRY = "exchange.example/journal", "exchange.example/registry"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Live]:
    async with live(tmp_path) as found:
        yield found


@pytest.fixture
async def group(world: Live) -> AsyncIterator[Witnesses]:
    async with witnesses(world, *NAMES) as found:
        yield found


@pytest.fixture
async def exchange(world: Live, group: Witnesses) -> AsyncIterator[Asking]:
    async with asking(world) as found:
        yield found


async def grow(world: Live, times: int = 1) -> None:
    """Entries in the journal that concern nobody here."""
    for _ in range(times):
        await world.exchange_server.claim("access.read", {"count": 1, "device": "A" * 22, "what": "leaves"})


async def all_cosigned(exchange: Asking, *names: str) -> None:
    for log in ("registry", "journal"):
        await until(lambda log=log: exchange.lines(log) == set(names or NAMES))  # type: ignore[misc]


# -- what is asked, and what is served -----------------------------------------------------------------------------------


async def test_after_a_commit_every_witness_is_asked_and_its_lines_are_served(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(2)
    await all_cosigned(exchange)
    facts = world.exchange_server.state.roster.facts
    for log in ("registry", "journal"):
        view = exchange.view(log)
        served = exchange.service.checkpoint(log)
        assert view["note"] == served.decode() and view["quorum"] == 2
        times = cosigned(Note.parse(served), facts.witnesses)
        assert times == dict.fromkeys(NAMES, world.now) and quorum_time(times, 2) == world.now
        size = world.exchange_server.ledger.head(log).size
        assert view["witnesses"] == [
            {"at": world.now, "name": name, "since": world.now, "size": size, "state": "cosigned"} for name in NAMES
        ]


async def test_the_witness_of_this_project_cosigns_both_logs_as_they_grow(world: Live, tmp_path: Path) -> None:
    logs = [KnownLog(signer.origin, signer.public) for signer in (world.server.registry, world.server.journal)]
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(asking(world))
        cards = []
        for name in NAMES:
            found(tmp_path / name, logs, name)
            place = await stack.enter_async_context(cosigning(tmp_path / name))
            place.now = world.now
            public = [b64u(verifier.key) for verifier in place.signer.verifiers]
            url = f"http://127.0.0.1:{place.port}"
            cards.append({"ed25519": public[0], "mldsa44": public[1], "name": name, "url": url})
        await world.post(world.by_registrars("witness.name", previous=None, quorum=3, witnesses=cards))
        await all_cosigned(exchange)
        for _ in range(3):
            await grow(world, 40)
            await world.admit("Stadtwerke")
            await exchange.clock.until(lambda: exchange.lines() == exchange.lines("registry") == set(NAMES))
        assert exchange.states() == exchange.states("registry") == dict.fromkeys(NAMES, "cosigned")
        assert {level for level, _ in exchange.log.of("witness")} == {"info"}


async def test_a_request_has_the_logs_own_lines_only_and_a_proof_from_the_size_cosigned_last(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(3)
    await all_cosigned(exchange)
    first = world.exchange_server.ledger.head("registry").size
    exchange.clock.turn(GAP_SECONDS)
    await world.admit("Stadtwerke")
    await until(lambda: all(w.asked_sizes(REGISTRY)[-1] > first for w in group.all))
    await all_cosigned(exchange)
    for witness in group.all:
        asked = [a for a in witness.asked if Note.parse(a.note).text.startswith(REGISTRY)]
        assert [a.old for a in asked] == [0, first]
        assert asked[1].note == world.exchange_server.ledger.checkpoint("registry")
        assert len(format_request(asked[1].old, asked[1].proof, asked[1].note)) <= MAX_SENT_BYTES


async def test_without_witnesses_nobody_is_asked_and_that_is_shown(world: Live, exchange: Asking) -> None:
    await world.admit("Stadtwerke")
    assert exchange.view() == {"quorum": 0, "witnesses": []}
    assert exchange.service.checkpoint("journal") == world.exchange_server.ledger.checkpoint("journal")
    assert exchange.clock.pauses == []


async def test_both_addresses_serve_what_came(tmp_path: Path) -> None:
    async with listening(tmp_path) as place, witnesses(place.world, *NAMES) as group:
        world = place.world
        task = asyncio.create_task(world.context.witnessing.run())
        await group.name(2)
        await until(lambda: world.context.witnessing.checkpoint("journal").count(b"\xe2\x80\x94") == 2 + 6)
        await until(lambda: world.context.witnessing.checkpoint("registry").count(b"\xe2\x80\x94") == 2 + 6)
        answer = await world.get("/v1/witnesses")
        assert answer.status == 200 and answer.headers["Cache-Control"] == "no-cache"
        for log in ("registry", "journal"):
            note = await world.get(f"/{log}/checkpoint")
            assert note.headers["Cache-Control"] == "no-cache"
            assert note.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert answer.json[log]["note"] == note.body.decode()
            assert [w["state"] for w in answer.json[log]["witnesses"]] == ["cosigned"] * 3
        said = [line for line in world.logged() if line["event"] == "witness"]
        assert {line["name"] for line in said} == set(NAMES) and {line["state"] for line in said} == {"cosigned"}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# -- nobody waits --------------------------------------------------------------------------------------------------------


async def test_a_witness_that_hangs_delays_no_publisher_and_no_other_witness(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(2)
    await all_cosigned(exchange)
    slow, *others = group.all
    slow.gate.clear()
    exchange.clock.turn(GAP_SECONDS)
    before = len(slow.asked)
    await grow(world)
    await until(lambda: len(slow.asked) > before)
    await grow(world, 5)  # answered while it hangs
    exchange.clock.turn(ROUND_SECONDS)
    await exchange.clock.until(lambda: exchange.lines() == {w.key.name for w in others})
    assert exchange.view()["note"] == exchange.service.checkpoint("journal").decode()
    assert len([a for a in slow.asked if a.note.startswith(JOURNAL.encode())]) == before // 2 + 1
    assert slow.most == 1, "one question at a time"


async def test_while_a_round_runs_only_the_newest_checkpoint_waits(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(1)
    await all_cosigned(exchange)
    exchange.clock.turn(GAP_SECONDS)
    before = [len(witness.asked_sizes(JOURNAL)) for witness in group.all]
    for witness in group.all:
        witness.gate.clear()
    await grow(world)
    await until(lambda: all(len(w.asked_sizes(JOURNAL)) > n for w, n in zip(group.all, before, strict=True)))
    began = world.exchange_server.ledger.head("journal").size
    await grow(world, 7)
    for witness in group.all:
        witness.gate.set()
    await exchange.clock.until(lambda: exchange.lines() == set(NAMES))
    for witness, n in zip(group.all, before, strict=True):
        assert witness.asked_sizes(JOURNAL)[n:] == [began, began + 7]


async def test_what_comes_late_counts_for_the_checkpoint_that_was_asked_for(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(3)
    await all_cosigned(exchange)
    enough = exchange.view()["note"]
    slow, *_ = group.all
    slow.gate.clear()
    exchange.clock.turn(GAP_SECONDS)
    await grow(world)
    size = world.exchange_server.ledger.head("journal").size
    await until(lambda: len(exchange.lines()) == 2)
    exchange.clock.turn(ROUND_SECONDS)
    await grow(world)
    await exchange.clock.until(lambda: len(exchange.lines()) == 2)
    assert exchange.view()["note"] == enough, "two of three are no quorum"
    slow.gate.set()
    await until(lambda: exchange.view()["note"] != enough)
    assert Checkpoint.parse(Note.parse(exchange.view()["note"].encode()).text).size in (size, size + 1)


async def test_lookups_that_hang_take_no_thread_of_the_publishers(
    world: Live, exchange: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: held.wait(20) and [])
    lookup = Lookup()
    hanging = [asyncio.create_task(lookup.resolve(f"w{n}.example")) for n in range(40)]
    await asyncio.sleep(0)
    try:
        await world.admit("Stadtwerke")  # verified on the loop's own threads
        assert await asyncio.to_thread(lambda: 1) == 1
    finally:
        held.set()
        await asyncio.gather(*hanging)
        await lookup.close()


# -- again and again -----------------------------------------------------------------------------------------------------


async def test_an_idle_log_is_cosigned_again_after_the_interval_and_not_before(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(2)
    await all_cosigned(exchange)
    counts = [len(witness.asked) for witness in group.all]
    first = exchange.view()["note"]
    exchange.pass_time(299)
    await until(lambda: 1.0 in exchange.clock.pauses)
    assert [len(witness.asked) for witness in group.all] == counts
    exchange.pass_time(1)
    await until(lambda: [len(witness.asked) for witness in group.all] == [n + 2 for n in counts])
    await until(lambda: all(w["at"] == world.now for w in exchange.view()["witnesses"]))
    assert exchange.view()["note"] != first
    times = cosigned(
        Note.parse(exchange.service.checkpoint("journal")), world.exchange_server.state.roster.facts.witnesses
    )
    assert times == dict.fromkeys(NAMES, world.now)
    assert all(asked.proof == () for asked in group.all[0].asked[-2:]), "the same size needs no proof"


async def test_a_witness_that_fails_is_left_alone_longer_and_longer_up_to_a_bound(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    broken = group.all[0]
    times: list[float] = []

    async def script(witness: Witness, request: web.Request, asked: WitnessRequest) -> web.StreamResponse:
        if asked.note.startswith(JOURNAL.encode()):
            times.append(exchange.clock.now)
        return web.Response(status=503)

    broken.script = script
    await group.name(1, [broken])
    await exchange.clock.until(lambda: len(times) == 12)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[0] < 10 and min(pauses[-4:]) > 0.7 * MAX_PAUSE and max(pauses) < MAX_PAUSE + 10
    assert exchange.states() == {broken.key.name: "failed"}
    assert [values["state"] for _, values in exchange.log.of("witness") if values["log"] == "journal"] == ["failed"]
    broken.script = None
    await exchange.clock.until(lambda: exchange.states() == {broken.key.name: "cosigned"})
    assert exchange.log.of("witness")[-1][0] == "info"


async def test_a_late_quorum_is_told_to_the_operator_once_and_so_is_its_return(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(2)
    await all_cosigned(exchange)

    async def script(witness: Witness, request: web.Request, asked: WitnessRequest) -> web.StreamResponse:
        return web.Response(status=500)

    for witness in group.all:
        witness.script = script
    exchange.pass_time(LATE_SECONDS)
    await exchange.clock.until(lambda: set(exchange.states().values()) == {"failed"})
    assert exchange.log.of("witness-quorum") == []
    exchange.pass_time(1)
    await exchange.clock.until(lambda: len(exchange.log.of("witness-quorum")) == 2)
    assert {(level, said["log"], said["late"]) for level, said in exchange.log.of("witness-quorum")} == {
        ("error", "registry", True),
        ("error", "journal", True),
    }
    for witness in group.all:
        witness.script = None
    await exchange.clock.until(lambda: len(exchange.log.of("witness-quorum")) == 4)
    assert [level for level, _ in exchange.log.of("witness-quorum")][2:] == ["info", "info"]


# -- a restart -----------------------------------------------------------------------------------------------------------


async def test_a_restart_serves_what_was_cosigned_before_anybody_is_asked_again(world: Live, group: Witnesses) -> None:
    async with asking(world) as before:
        await group.name(2)
        await all_cosigned(before)
        served = {log: before.service.checkpoint(log) for log in ("registry", "journal")}
        view = before.view()
    for witness in group.all:
        witness.gate.clear()
    await world.stop()
    await world.start()
    after = Asking(world)
    await after.service.load()
    assert {log: after.service.checkpoint(log) for log in ("registry", "journal")} == served
    assert after.view() == view
    await after.service.close()


async def test_a_restart_serves_no_line_that_somebody_changed_in_the_store(world: Live, group: Witnesses) -> None:
    async with asking(world) as before:
        await group.name(1)
        await all_cosigned(before)
        note = Note.parse(before.service.checkpoint("journal"))
        stored = await world.exchange_server.store.read(rows.witnesses)
    flipped = tuple(
        type(line)(line.name, line.key_id, line.signature[:-1] + bytes([line.signature[-1] ^ 1]))
        if line.name == NAMES[0]
        else line
        for line in note.lines
    )
    other = Note(note.text.replace("\n", "0\n", 2).replace("0\n", "\n", 1), note.lines)
    changed = [
        rows.CosignedRow("journal", rows.NEWEST, Note(note.text, flipped).encode()),
        rows.CosignedRow("journal", rows.QUORUM, other.encode()),
        rows.CosignedRow("registry", rows.NEWEST, b"nothing that can be read"),
    ]
    await world.exchange_server.store.write(rows.replace, changed, stored)
    after = Asking(world)
    await after.service.load()
    assert after.lines() == set(NAMES[1:]) and after.lines("registry") == set()
    assert Note.parse(after.view()["note"].encode()).text == note.text
    await after.service.close()


async def test_the_store_is_written_at_most_every_few_seconds_and_keeps_one_row_a_witness(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(2)
    await all_cosigned(exchange)
    for _ in range(5):
        exchange.clock.turn(SAVE_SECONDS)
        await grow(world)
        await exchange.clock.until(lambda: exchange.lines() == set(NAMES))
    exchange.clock.turn(SAVE_SECONDS)
    store = world.exchange_server.store
    async with asyncio.timeout(20):
        while True:
            exchange.clock.turn(SAVE_SECONDS)
            notes = {(row.log, row.what): row.note for row in await store.read(rows.notes)}
            if notes.get(("journal", rows.NEWEST)) == exchange.service.checkpoint("journal"):
                break
    assert set(notes) == {(log, what) for log in ("registry", "journal") for what in (rows.NEWEST, rows.QUORUM)}
    assert len(await store.read(rows.witnesses)) == 2 * len(NAMES)


async def test_a_store_that_stopped_writing_leaves_the_witnesses_asked_and_served(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(2)
    await all_cosigned(exchange)
    world.exchange_server.store.stop_writing()
    exchange.pass_time(300)
    await until(lambda: all(w["at"] == world.now for w in exchange.view()["witnesses"]))


# -- witnesses that lie --------------------------------------------------------------------------------------------------


async def one(group: Witnesses, exchange: Asking, script: Any, state: State) -> None:
    """The first of three answers by a script; it stands so, and the two others have the quorum."""
    group.all[0].script = script
    await group.name(2)
    await exchange.until_state(NAMES[0], state)
    await until(lambda: exchange.lines() == set(NAMES[1:]))
    assert exchange.view()["note"] == exchange.service.checkpoint("journal").decode()
    assert "at" not in next(w for w in exchange.view()["witnesses"] if w["name"] == NAMES[0])


def answer(make: Any) -> Any:
    async def script(witness: Witness, request: web.Request, asked: WitnessRequest) -> web.StreamResponse:
        found: web.StreamResponse = make(witness, Note.parse(asked.note).text)
        return found

    return script


OTHER = WitnessKey("w0.example", bytes(32), bytes([1]) * 32)
BAD = {
    "another_tree": lambda w, text: w.lines(Checkpoint(text.split("\n")[0], 3, bytes(32)).text()),
    "another_log": lambda w, text: w.lines(text.replace("/journal", "/other").replace("/registry", "/other")),
    "another_key": lambda w, text: w.lines(text, OTHER),
    "another_witness": lambda w, text: w.lines(text, WitnessKey(NAMES[1], bytes(32), bytes([1]) * 32)),
    "garbage": lambda w, text: b"\x00\xff no line at all",
    "nothing": lambda w, text: b"",
    "one_line_only": lambda w, text: w.lines(text).split(b"\n")[0] + b"\n",
    "one_line_twice": lambda w, text: (w.lines(text).split(b"\n")[0] + b"\n") * 2,
    "three_lines": lambda w, text: w.lines(text) + w.lines(text).split(b"\n")[0] + b"\n",
    "a_note_inside": lambda w, text: b"more text\n\n" + w.lines(text),
    "a_hundred_lines": lambda w, text: w.lines(text) * 60,
}


@pytest.mark.parametrize("what", BAD)
async def test_an_answer_that_is_not_its_two_lines_is_refused_and_never_served(
    group: Witnesses, exchange: Asking, what: str
) -> None:
    await one(group, exchange, answer(lambda w, t: web.Response(body=BAD[what](w, t)[:60_000])), State.BAD_COSIGNATURE)
    assert ("error", "bad-cosignature") in {(level, said["state"]) for level, said in exchange.log.of("witness")}


async def test_lines_of_keys_that_nobody_named_are_dropped_from_an_honest_answer(
    group: Witnesses, exchange: Asking
) -> None:
    stranger = WitnessKey("stranger.example", bytes(32), bytes([1]) * 32)
    group.all[0].script = answer(lambda w, text: web.Response(body=w.lines(text, stranger) + w.lines(text)))
    await group.name(3)
    await all_cosigned(exchange)


@pytest.mark.parametrize("shift", [-CLOCK_SECONDS - 1, CLOCK_SECONDS + 1, 10**9])
async def test_a_cosignature_of_another_time_is_not_kept(group: Witnesses, exchange: Asking, shift: int) -> None:
    script = answer(lambda w, text: web.Response(body=w.lines(text, time=w.clock() + shift)))
    await one(group, exchange, script, State.CLOCK)


async def test_an_old_cosignature_answered_again_makes_nothing_fresh(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(3)
    await all_cosigned(exchange)
    old = world.now
    group.all[0].script = answer(lambda w, text: web.Response(body=w.lines(text, time=old)))
    exchange.pass_time(300)
    await until(lambda: exchange.view()["witnesses"][1]["at"] == world.now)
    await exchange.clock.until(lambda: len(group.all[0].asked) == 4)
    assert exchange.view()["witnesses"][0]["at"] == old
    exchange.pass_time(301)
    await exchange.until_state(NAMES[0], State.CLOCK)
    facts = world.exchange_server.state.roster.facts
    assert quorum_time(cosigned(Note.parse(exchange.service.checkpoint("journal")), facts.witnesses), 3) == old


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (400, State.REQUEST_REFUSED),
        (403, State.KEY_UNKNOWN),
        (404, State.LOG_UNKNOWN),
        (422, State.PROOF_REFUSED),
        (429, State.BUSY),
        (500, State.FAILED),
        (204, State.FAILED),
    ],
)
async def test_every_other_answer_is_a_state(group: Witnesses, exchange: Asking, status: int, state: State) -> None:
    await one(group, exchange, answer(lambda w, text: web.Response(status=status)), state)


async def test_a_redirect_is_not_followed(group: Witnesses, exchange: Asking) -> None:
    there = group.all[1].key.url + "/add-checkpoint"
    for status in (302, 307, 308):
        headers = {"Location": there}
        group.all[0].script = answer(lambda w, t, s=status, h=headers: web.Response(status=s, headers=h))
        await group.name(2)
        await exchange.until_state(NAMES[0], State.FAILED)
    assert {a.note for a in group.all[1].asked} <= {a.note for a in group.all[2].asked}
    assert group.all[1].most == 1


async def test_an_endless_answer_is_cut(group: Witnesses, exchange: Asking) -> None:
    async def script(witness: Witness, request: web.Request, asked: WitnessRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(MAX_ANSWER_BYTES // 4))
        except ConnectionError:
            return response

    await one(group, exchange, script, State.ANSWER_SIZE)


async def test_an_answer_that_unpacks_to_gigabytes_is_not_unpacked(group: Witnesses, exchange: Asking) -> None:
    import zlib

    bomb = zlib.compress(bytes(1 << 26))
    headers = {"Content-Encoding": "deflate"}
    await one(group, exchange, answer(lambda w, t: web.Response(body=bomb, headers=headers)), State.BAD_COSIGNATURE)


async def test_a_deadline_holds_for_an_answer_that_trickles(group: Witnesses) -> None:
    async def script(witness: Witness, request: web.Request, asked: WitnessRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"\xe2\x80\x94 w0.example ")
        witness.gate.clear()
        await witness.gate.wait()
        return response

    group.all[0].script = script
    ask = HttpAsk(0.05)
    note = group.world.exchange_server.ledger.checkpoint("registry")
    with pytest.raises(Unanswered) as none:
        await ask.add_checkpoint(group.all[0].key.url, format_request(0, (), note))
    assert none.value.state is State.TIMEOUT
    await ask.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "http://127.0.0.1:0/x",
        "http://127.0.0.1:99999",
        "http://a..b",
        "http://nowhere.invalid",
        f"http://{'a' * 70}.example",
        "http://256.1.1.1/..",
        "https://127.0.0.1:1/a/../../b",
    ],
)
async def test_a_hostile_address_is_a_state_and_nothing_else(group: Witnesses, exchange: Asking, url: str) -> None:
    object.__setattr__(group.all[0].key, "url", url)
    await group.name(2)
    await exchange.until_state(NAMES[0], State.UNREACHABLE)
    await until(lambda: exchange.lines() == set(NAMES[1:]))


async def test_what_is_no_http_is_a_state(group: Witnesses, exchange: Asking) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    object.__setattr__(group.all[0].key, "url", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await group.name(2)
    await exchange.until_state(NAMES[0], State.UNREACHABLE)
    server.close()


async def test_a_name_is_looked_up_and_the_threads_for_it_end(group: Witnesses, exchange: Asking) -> None:
    for witness in group.all:
        object.__setattr__(witness.key, "url", witness.key.url.replace("127.0.0.1", "localhost"))
    await group.name(3)
    await all_cosigned(exchange)
    before = [thread for thread in threading.enumerate() if thread.name.startswith("witness-lookup")]
    await exchange.service.close()
    await until(lambda: not any(thread.is_alive() for thread in before))


async def test_no_proxy_of_the_environment_is_used(
    group: Witnesses, exchange: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    await group.name(2)
    await all_cosigned(exchange)


# -- sizes that disagree -------------------------------------------------------------------------------------------------


async def test_a_witness_that_knows_the_log_is_asked_once_more_from_its_size(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    ledger = world.exchange_server.ledger
    known = Checkpoint.parse(Note.parse(ledger.checkpoint("registry")).text)
    group.all[0].seen[REGISTRY] = known
    await group.name(2)
    await all_cosigned(exchange)
    asked = [a.old for a in group.all[0].asked if a.note.startswith(REGISTRY.encode())]
    assert asked == [0, known.size]


async def test_a_witness_that_has_seen_more_than_there_is_raises_an_alarm(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    """What a server sees that was rolled back, or whose log goes on elsewhere."""
    group.all[0].seen[JOURNAL] = Checkpoint(JOURNAL, 5_000, bytes(32))
    await group.name(2)
    await exchange.until_state(NAMES[0], State.AHEAD)
    await until(lambda: exchange.lines() == set(NAMES[1:]))
    assert ("error", {"log": "journal", "name": NAMES[0], "size": 0, "state": "ahead"}) in exchange.log.of("witness")
    count = len(group.all[0].asked_sizes(JOURNAL))
    assert count == 1
    exchange.clock.turn(MAX_PAUSE)
    await until(lambda: len(group.all[0].asked_sizes(JOURNAL)) == 2)
    assert exchange.states("registry")[NAMES[0]] == "cosigned"


async def test_a_witness_that_has_seen_another_tree_raises_an_alarm(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    group.all[0].seen[REGISTRY] = Checkpoint(REGISTRY, 1, bytes(32))
    await group.name(2)
    await exchange.until_state(NAMES[0], State.PROOF_REFUSED, "registry")
    assert ("error", "proof-refused") in {(level, said["state"]) for level, said in exchange.log.of("witness")}


@pytest.mark.parametrize("body", [b"0\n", b"1\n", b"01\n", b"x", b"", b"9" * 40 + b"\n", b"<html>conflict</html>"])
async def test_a_conflict_without_end_ends_after_one_more_question(
    group: Witnesses, exchange: Asking, body: bytes
) -> None:
    group.all[0].script = answer(lambda w, text: web.Response(status=409, body=body))
    await group.name(2)
    await exchange.until_state(NAMES[0], State.CONFLICT, "registry")
    assert len(group.all[0].asked_sizes(REGISTRY)) <= 2


# -- who is named --------------------------------------------------------------------------------------------------------


async def test_a_witness_that_is_named_no_more_is_served_no_more_and_asked_no_more(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(2)
    await all_cosigned(exchange)
    gone, *stay = group.all
    gone.gate.clear()
    exchange.clock.turn(GAP_SECONDS)
    await grow(world)
    await until(lambda: len(gone.asked_sizes(JOURNAL)) == 2)
    await group.name(2, stay)
    assert NAMES[0] not in exchange.lines("registry") | exchange.lines("journal")
    assert set(exchange.states()) == set(NAMES[1:])
    gone.gate.set()
    await exchange.clock.until(lambda: exchange.lines("registry") == set(NAMES[1:]))
    assert NAMES[0] not in exchange.view()["note"]
    asked = len(gone.asked)
    exchange.pass_time(300)
    await until(lambda: all(w["at"] == world.now for w in exchange.view()["witnesses"]))
    assert len(gone.asked) == asked


async def test_a_witness_with_new_keys_begins_anew_and_its_old_lines_are_gone(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(3)
    await all_cosigned(exchange)
    first = group.all[0]
    group.all[0].key = WitnessKey(first.key.name, world.random(32), world.random(32), first.key.url)
    first.gate.clear()
    await group.name(3)
    assert exchange.lines() == set(NAMES[1:]) and "note" not in exchange.view()
    first.gate.set()
    await exchange.clock.until(lambda: exchange.lines() == set(NAMES))


async def test_a_witness_that_moved_keeps_its_lines(world: Live, group: Witnesses, exchange: Asking) -> None:
    await group.name(3)
    await all_cosigned(exchange)
    note = exchange.view()["note"]
    for witness in group.all:
        witness.gate.clear()
    object.__setattr__(group.all[0].key, "url", group.all[0].key.url.replace("/in", "/else"))
    await group.name(3)
    assert exchange.view()["note"] == note


async def test_a_larger_quorum_is_demanded_at_once(world: Live, group: Witnesses, exchange: Asking) -> None:
    group.all[0].script = answer(lambda w, text: web.Response(status=500))
    await group.name(2)
    await until(lambda: exchange.lines() == set(NAMES[1:]))
    assert "note" in exchange.view()
    await group.name(3)
    assert "note" not in exchange.view() and exchange.view()["quorum"] == 3


async def test_a_quorum_of_one_is_served_beside_a_newer_checkpoint_without_one(
    world: Live, group: Witnesses, exchange: Asking
) -> None:
    await group.name(1)
    await all_cosigned(exchange)
    enough = exchange.view()["note"]
    for witness in group.all:
        witness.gate.clear()
    await grow(world, 3)
    assert exchange.lines() == set()
    assert exchange.view()["note"] == enough
