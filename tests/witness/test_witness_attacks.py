"""What a log, or a stranger, tries with a witness. Each test is named after the attack."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.tlog.witness_request import MAX_REQUEST_BYTES
from exchange.witness.app import ADDRESS_BURST, ADDRESS_RATE, BODY_SECONDS, RESIGN_BURST
from exchange.witness.errors import Refusal, WitnessError
from exchange.witness.home import MAX_FORKS, open_home
from exchange.witness.protocol import Cosigned, Held, cosign, examine, judge
from exchange.witness.store import WitnessStore
from keys.note import Note, verify_checkpoint
from tests.support.witnessing import NOW, ORIGIN, Log, Place, found, listening


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with listening(tmp_path / "w", Log()) as found:
        yield found


@pytest.fixture
def log() -> Log:
    return Log()


# -- the log lies ----------------------------------------------------------------------------------------------------------


async def test_rollback_to_a_smaller_tree(place: Place, log: Log) -> None:
    await place.post(log.request(0, 20))
    for old in (0, 8, 20):
        answer = await place.post(f"old {old}\n\n".encode() + log.note(8))
        assert answer.status in (400, 409)
    assert b"\n20\n" in (await place.newest()).body


async def test_split_view_at_the_same_size_keeps_both_notes_as_evidence(place: Place, log: Log) -> None:
    await place.post(log.request(0, 20))
    assert (await place.post(b"old 20\n\n" + log.forked(3).note(20))).status == 422
    notes = [path.read_bytes() for path in (place.folder / "forks").iterdir()]
    texts = {verify_checkpoint(note, ORIGIN, log.signer.public).text for note in notes}
    assert texts == {log.text(20), log.forked(3).text(20)}
    (told,) = [line for line in place.logged() if line["event"] == "fork"]
    assert told["level"] == "error" and sorted(told["kept"]) == sorted(
        p.name for p in (place.folder / "forks").iterdir()
    )


async def test_split_view_that_goes_on_at_a_larger_size(place: Place, log: Log) -> None:
    await place.post(log.request(0, 20))
    other = log.forked(3)
    assert (await place.post(other.request(20, 30))).status == 422
    assert (await place.post(log.request(20, 30))).status == 200


async def test_proof_of_the_other_history(place: Place, log: Log) -> None:
    """The proof leads from the forked tree of the size held, not from the one held."""
    await place.post(log.request(0, 21))
    assert (await place.post(log.forked(3).request(21, 30))).status == 422


async def test_forks_without_end_fill_no_disk(place: Place, log: Log) -> None:
    await place.post(log.request(0, 39))
    for at in range(39):
        await place.post(b"old 39\n\n" + log.forked(at).note(39))
        await place.post(b"old 39\n\n" + log.forked(at).note(39))
    assert len(list((place.folder / "forks").iterdir())) == 40 <= MAX_FORKS


async def test_a_checkpoint_of_another_log_with_the_same_key(tmp_path: Path) -> None:
    journal = Log()
    async with listening(tmp_path / "w", journal, Log("exchange.example/registry", b"2" * 32)) as place:
        wrong = Log("exchange.example/registry")  # signed with the journal's key, as the registry
        assert (await place.post(wrong.request(0, 8))).status == 403


# -- a stranger ------------------------------------------------------------------------------------------------------------


async def test_replayed_checkpoints_do_not_keep_the_log_from_growing(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    answers = {(await place.post(log.request(8, 8))).status for _ in range(RESIGN_BURST + 5)}
    assert answers == {200, 429}
    assert (await place.post(log.request(8, 20))).status == 200


async def test_an_old_checkpoint_replayed_changes_nothing(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    await place.post(log.request(8, 20))
    assert (await place.post(log.request(0, 8))).status == 409
    assert (await place.post(log.request(8, 20))).status == 409
    assert b"\n20\n" in (await place.newest()).body


async def test_flood_from_one_address(place: Place) -> None:
    answers = [(await place.get("/health/live")).status for _ in range(ADDRESS_RATE * ADDRESS_BURST + 1)]
    assert set(answers[:-1]) == {200} and answers[-1] == 429


async def test_an_address_is_believed_of_a_trusted_proxy_only(tmp_path: Path) -> None:
    async with listening(tmp_path / "w", trusted=("127.0.0.1",)) as place:
        place.witness.by_address.take("192.0.2.1", 0.0)
        for _ in range(ADDRESS_RATE * ADDRESS_BURST):
            place.witness.by_address.take("192.0.2.1", 0.0)
        path = "/health/live"
        async with place.client.get(path, headers={"X-Forwarded-For": "198.51.100.7, 192.0.2.1"}) as answer:
            assert answer.status == 429
        async with place.client.get(path, headers={"X-Forwarded-For": "192.0.2.1, 198.51.100.7"}) as answer:
            assert answer.status == 200


async def test_endless_body(place: Place) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(2 * MAX_REQUEST_BYTES // 4096):
            yield b"old 0\n\n".ljust(4096, b"x")

    assert (await place.post(endless())).status == 413


async def test_slow_body_has_a_deadline(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.witness.app.BODY_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.write(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\nold 0\n")
    await writer.drain()
    assert b" 408 " in await asyncio.wait_for(reader.readline(), BODY_SECONDS)
    writer.close()


async def test_half_a_head_is_cut_after_its_deadline(place: Place) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.write(b"POST /add-check")
    await writer.drain()
    await place.get("/health/live")
    place.monotonic = 11.0
    assert place.witness.guard.check(place.monotonic) >= 1
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


@pytest.mark.parametrize(
    "target", ["/%61dd-checkpoint", "//add-checkpoint", "/x/../add-checkpoint", "/add-checkpoint%00"]
)
async def test_another_spelling_of_the_path(place: Place, log: Log, target: str) -> None:
    body = log.request(0, 8)
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    head = f"POST {target} HTTP/1.1\r\nHost: w\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    assert (await reader.readline()).split()[1] in (b"400", b"404")
    writer.close()
    assert (await place.newest()).status == 404


async def test_no_answer_names_the_software_and_no_line_of_the_log_an_address(place: Place, log: Log) -> None:
    answer = await place.post(log.request(0, 8))
    assert "Server" not in answer.headers and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "127.0.0.1" not in place.written.getvalue()
    assert {line["event"] for line in place.logged()} == {"cosigned", "request"}


# -- two at once -----------------------------------------------------------------------------------------------------------


async def test_race_two_histories_at_once_only_one_is_cosigned(place: Place, log: Log) -> None:
    """Fifty requests from size 0, one half of each history: one wins, and everything cosigned is of its history."""
    other = log.forked(0)
    bodies = [(chosen.request(0, size), chosen.text(size)) for size in range(1, 26) for chosen in (log, other)]
    answers = await asyncio.gather(*(place.post(body) for body, _ in bodies))
    won = [(text, answer) for (_, text), answer in zip(bodies, answers, strict=True) if answer.status == 200]
    assert len(won) == 1 and {answer.status for answer in answers} == {200, 409}
    assert (await place.newest()).body.startswith(won[0][0].encode())


async def test_race_a_slow_small_checkpoint_does_not_overtake_a_larger_one(place: Place, log: Log) -> None:
    """The race that the specification describes: both are checked against one size, the smaller is stored last."""
    await place.post(log.request(0, 8))
    answers = await asyncio.gather(*(place.post(log.request(8, size)) for size in range(39, 8, -1)))
    assert [answer.status for answer in answers].count(200) == 1
    won = next(size for size, answer in zip(range(39, 8, -1), answers, strict=True) if answer.status == 200)
    assert f"\n{won}\n".encode() in (await place.newest()).body


def _decide(home_folder: Path, body: bytes) -> tuple[WitnessStore, str, object]:
    home = open_home(home_folder, {})
    submission = examine(body, home.logs)

    def decide(held: Held) -> Cosigned:
        judge(submission, held)
        return cosign(submission, held, home.signer, NOW)

    return WitnessStore(home.state), submission.origin, decide


def test_race_of_two_programs_on_one_store(tmp_path: Path, log: Log) -> None:
    found(tmp_path, [log.known])
    wins: list[bytes] = []
    refusals: list[int] = []
    barrier = threading.Barrier(8)

    def run(body: bytes) -> None:
        store, origin, decide = _decide(tmp_path, body)
        try:
            barrier.wait()
            wins.append(store.advance(origin, decide).held.note)  # type: ignore[arg-type]
        except Refusal as refusal:
            refusals.append(refusal.status)
        finally:
            store.close()

    bodies = [(log if i % 2 else log.forked(0)).request(0, i + 1) for i in range(8)]
    threads = [threading.Thread(target=run, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1 and refusals == [409] * 7


# -- time ------------------------------------------------------------------------------------------------------------------


async def test_clock_set_back_signs_no_older_time_for_a_larger_tree(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    place.now = NOW - 86_400
    answer = await place.post(log.request(8, 20))
    assert {line.timestamp for line in place.verified(log.text(20), answer.body)} == {NOW}


# -- restart ---------------------------------------------------------------------------------------------------------------


async def test_after_a_restart_it_cosigns_nothing_smaller_or_inconsistent(tmp_path: Path, log: Log) -> None:
    folder = tmp_path / "w"
    async with listening(folder, log) as place:
        await place.post(log.request(0, 20))
        before = (await place.newest()).body
    async with listening(folder, log) as place:
        assert (await place.newest()).body == before
        assert (await place.post(log.request(0, 30))).body == b"20\n"
        assert (await place.post(b"old 20\n\n" + log.forked(3).note(20))).status == 422
        assert (await place.post(log.forked(3).request(20, 30))).status == 422
        assert (await place.post(log.request(0, 8))).status == 409
        assert (await place.post(log.request(20, 30))).status == 200


async def test_a_witness_that_lost_its_memory_does_not_start(tmp_path: Path, log: Log) -> None:
    async with listening(tmp_path / "w", log) as place:
        await place.post(log.request(0, 20))
    (tmp_path / "w" / "witness.sqlite").unlink()
    with pytest.raises(WitnessError) as caught:
        WitnessStore(tmp_path / "w" / "witness.sqlite")
    assert caught.value.code == "witness-state-missing"


async def test_a_full_disk_answers_503_and_cosigns_nothing(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    place.witness.store._db.execute("PRAGMA query_only=ON")
    answer = await place.post(log.request(8, 20))
    assert answer.status == 503 and "\u2014" not in answer.body.decode()
    place.witness.store._db.execute("PRAGMA query_only=OFF")
    assert b"\n8\n" in (await place.newest()).body
    assert (await place.post(log.request(8, 20))).status == 200


def test_what_was_answered_is_on_the_disk(tmp_path: Path, log: Log) -> None:
    found(tmp_path, [log.known])
    store = WitnessStore(tmp_path / "witness.sqlite")
    settings = [store._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]  # FULL: the log of SQLite is synced at every commit
    store.close()


def test_the_store_itself_refuses_to_go_back(tmp_path: Path, log: Log) -> None:
    found(tmp_path, [log.known])
    store = WitnessStore(tmp_path / "witness.sqlite")
    store.advance(ORIGIN, lambda _: Cosigned(Held(20, log.root(20), NOW, b"note"), ()))
    for back in (
        Held(19, log.root(19), NOW, b"x"),
        Held(20, bytes(32), NOW, b"x"),
        Held(21, log.root(21), NOW - 1, b"x"),
    ):
        with pytest.raises(WitnessError):
            store.advance(ORIGIN, lambda _, back=back: Cosigned(back, ()))
        assert store.held(ORIGIN).note == b"note"
    store.close()


def test_the_answer_carries_nobody_elses_lines(tmp_path: Path, log: Log) -> None:
    signer = found(tmp_path, [log.known])
    submission = examine(log.request(0, 8), {ORIGIN: log.known})
    made = cosign(submission, Held(), signer, NOW)
    assert [line.name for line in made.lines] == [signer.name] * 2
    assert Note.parse(made.held.note).lines[2:] == made.lines
