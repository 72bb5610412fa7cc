"""An auditor's own copy: brought bit by bit from a listening server, resumed after a kill, never half written, never led astray."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from exchange.audit import fetch as fetching
from exchange.audit.copy import MOST_NOTES, LocalCopy
from exchange.audit.export import export
from exchange.audit.fetch import fetch, open_copy
from exchange.audit.verify import verify_bundle
from exchange.client.errors import ClientError, StateError, TransportError, VerificationError
from exchange.client.forks import Forked, forget_fork
from exchange.client.member import Member
from exchange.client.sync import sync
from tests.audit.test_audit_export import Between, client, history
from tests.support.web import Partnership, listening


class Kill(BaseException):
    """The process ends here."""


@dataclass(slots=True)
class Place:
    """A server with a history, an auditor's client, and what it asked for."""

    partnership: Partnership
    auditor: Member
    between: Between
    asked: list[str]
    folder: Path

    async def fetch(self) -> fetching.Fetched:
        with open_copy(self.auditor) as copy:
            return await fetch(self.auditor, copy)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(tmp_path) as found:
        yield found


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Place]:
    async with listening(folder / "server") as partnership:
        await history(partnership)
        async with client(partnership, partnership.auditor, folder / "home") as (auditor, between):
            asked: list[str] = []

            def note(path: str, body: bytes) -> bytes:
                asked.append(path)
                return body

            between.change = note
            yield Place(partnership, auditor, between, asked, folder)


def statements_asked(place: Place) -> list[str]:
    return [path for path in place.asked if path.startswith("/v1/statements/") and "?" not in path]


async def test_a_round_in_which_nothing_changed_asks_for_two_checkpoints(place: Place) -> None:
    first = await export(place.auditor, place.folder / "one")
    place.asked.clear()
    second = await export(place.auditor, place.folder / "two")
    assert sorted(place.asked) == ["/journal/checkpoint", "/registry/checkpoint"]
    assert (second.registry, second.journal, second.statements) == (first.registry, first.journal, first.statements)
    assert verify_bundle(second.path, exchange=place.partnership.world.exchange).verified


async def test_a_later_round_brings_only_what_is_new(place: Place) -> None:
    await place.fetch()
    alert = await place.partnership.release()
    place.asked.clear()
    made = await place.fetch()
    assert (made.statements, made.leaves) == (1, 1)
    assert statements_asked(place) == [f"/v1/statements/{alert.id}"]


async def test_an_export_from_the_copy_needs_no_network(place: Place) -> None:
    await place.fetch()

    def cut(path: str, body: bytes) -> bytes:
        raise TransportError("unreachable", "cut")

    place.between.change = cut
    await place.partnership.release()
    written = await export(place.auditor, place.folder / "offline", offline=True)
    assert verify_bundle(written.path, exchange=place.partnership.world.exchange).verified


async def test_without_a_complete_fetch_there_is_nothing_to_export_offline(place: Place) -> None:
    await sync(place.auditor, quiet=True)
    with pytest.raises(ClientError) as error:
        await export(place.auditor, place.folder / "offline", offline=True)
    assert error.value.code == "not-fetched"
    assert not (place.folder / "offline").exists()


@pytest.mark.parametrize("killed_at", [1, 2, 3])
async def test_a_fetch_that_was_killed_between_two_statements_goes_on_there(
    place: Place, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    monkeypatch.setattr(fetching, "BATCH", 2)
    kept = 0
    keep = LocalCopy.keep

    def killing(copy: LocalCopy, *rows) -> None:  # type: ignore[no-untyped-def]
        nonlocal kept
        kept += 1
        if kept == killed_at:
            raise Kill
        keep(copy, *rows)

    monkeypatch.setattr(LocalCopy, "keep", killing)
    with pytest.raises(Kill):
        await place.fetch()
    monkeypatch.setattr(LocalCopy, "keep", keep)
    with open_copy(place.auditor) as copy:
        before = copy.held(0)
        assert copy.complete() is None and len(before) == 2 * (killed_at - 1)
    place.asked.clear()
    made = await place.fetch()
    assert len(statements_asked(place)) == made.statements
    again = await export(place.auditor, place.folder / "audit", offline=True)
    assert verify_bundle(again.path, exchange=place.partnership.world.exchange).verified


async def test_a_kill_in_the_middle_of_a_transaction_leaves_nothing_half_written(place: Place) -> None:
    def dying():  # type: ignore[no-untyped-def]
        yield 0, b"half"
        raise Kill

    with open_copy(place.auditor) as copy:
        with pytest.raises(Kill):
            copy.keep(dying(), [])
        assert copy.held(0) == set()
        assert copy.envelope(0) is None


@pytest.mark.parametrize(("path", "step"), [("/leaves", 7), ("/v1/statements/", 2)])
async def test_an_exchange_that_hands_out_something_else_in_the_second_round_is_caught(
    place: Place, path: str, step: int
) -> None:
    await place.fetch()
    with open_copy(place.auditor) as copy:
        complete, held = copy.complete(), copy.held(0)
    await place.partnership.release()

    def change(asked: str, body: bytes) -> bytes:
        if path not in asked:
            return body
        if path == "/leaves":
            return body[:40] + bytes(32) + body[72:]
        at = body.index(b'"sig":"') + 12
        return body[:at] + (b"A" if body[at : at + 1] != b"A" else b"B") + body[at + 1 :]

    place.between.change = change
    with pytest.raises(VerificationError) as error:
        await place.fetch()
    assert error.value.step == step
    assert [failure.subject for failure in place.auditor.state.failures()] == ["audit"]
    with open_copy(place.auditor) as copy:
        assert (copy.complete(), copy.held(0)) == (complete, held)
    place.between.change = lambda asked, body: body
    assert (await place.fetch()).statements == 1
    assert place.auditor.state.failures() == []


async def test_an_exchange_that_shows_less_than_before_is_caught_and_the_copy_stays(place: Place) -> None:
    older: dict[str, bytes] = {}

    def remember(asked: str, body: bytes) -> bytes:
        if asked.endswith("/checkpoint"):
            older.setdefault(asked, body)
        return body

    place.between.change = remember
    await place.fetch()
    await place.partnership.release()
    await place.fetch()
    place.between.change = lambda asked, body: older.get(asked, body)
    with pytest.raises(VerificationError) as error:
        await place.fetch()
    assert error.value.code == "rolled-back"
    written = await export(place.auditor, place.folder / "audit", offline=True)
    assert verify_bundle(written.path, exchange=place.partnership.world.exchange).verified


async def test_a_forked_checkpoint_that_was_shown_once_stays_in_every_later_bundle(place: Place) -> None:
    world = place.partnership.world
    await place.fetch()
    ledger = world.exchange_server.ledger
    state = ledger._states["journal"]
    forged = state.head.__class__(state.head.origin, state.head.size, bytes(32))
    note = ledger._signers["journal"].sign(forged.text(), world.now)
    honest = place.between.change
    place.between.change = lambda asked, body: note if asked == "/journal/checkpoint" else body
    with pytest.raises(VerificationError) as error:
        await place.fetch()
    assert error.value.code == "fork"
    place.between.change = honest
    with pytest.raises(Forked):
        await export(place.auditor, place.folder / "audit")
    forget_fork(place.auditor.state)
    written = await export(place.auditor, place.folder / "audit")
    report = verify_bundle(written.path, exchange=world.exchange)
    assert report.first is not None and (report.first.step, report.first.code) == (3, "log-forked")


async def test_lines_are_kept_as_served_and_those_of_nobody_named_stay_out_of_the_bundle(place: Place) -> None:
    line = "\N{EM DASH} witness.example/eins YWJjZGVmZ2hpamtsbW5vcA==\n".encode()
    place.between.change = lambda asked, body: body + line if asked == "/journal/checkpoint" else body
    await place.fetch()
    place.between.change = lambda asked, body: body
    await place.fetch()
    written = await export(place.auditor, place.folder / "audit")
    with open_copy(place.auditor) as copy:
        root = place.auditor.state.root("journal", written.journal)
        assert root is not None
        best = copy.best_note("journal", written.journal, root)
        assert best is not None and best.endswith(line)
    assert (written.path / "journal" / "checkpoint").read_bytes() == best.removesuffix(line)
    assert verify_bundle(written.path, exchange=place.partnership.world.exchange).verified


async def test_a_copy_keeps_few_notes_of_one_size_and_both_roots_of_a_fork(tmp_path: Path) -> None:
    with LocalCopy(tmp_path / "copy", "00") as copy:
        for number in range(2 * MOST_NOTES):
            copy.keep_note("journal", 3, bytes(32), b"text\nline %d\n" % number)
        copy.keep_note("journal", 3, bytes(32), b"text\nline x\nline y\nline z\n")
        copy.keep_note("journal", 3, bytes(range(32)), b"other\nline 1\n")
        notes = copy.notes("journal", 3)
        assert len(notes) == MOST_NOTES + 1
        assert copy.best_note("journal", 3, bytes(32)) == b"text\nline x\nline y\nline z\n"
        assert b"other\nline 1\n" in notes


async def test_a_damaged_copy_accuses_nobody_and_is_mended_by_the_next_fetch(place: Place) -> None:
    await place.fetch()
    with open_copy(place.auditor) as copy:
        index = min(copy.held(0))
    database = sqlite3.connect(place.folder / "home" / "audit.sqlite")
    with database:
        database.execute("UPDATE envelope SET data=substr(data, 1, 40) WHERE idx=?", (index,))
    database.close()
    with pytest.raises(ClientError) as error:
        await export(place.auditor, place.folder / "audit", offline=True)
    assert error.value.code == "copy-damaged"
    assert place.auditor.state.failures() == []
    assert not (place.folder / "audit").exists()
    assert (await place.fetch()).statements == 1
    written = await export(place.auditor, place.folder / "audit", offline=True)
    assert verify_bundle(written.path, exchange=place.partnership.world.exchange).verified


async def test_fetch_and_watch_of_one_home_do_not_lose_each_others_work(place: Place, tmp_path: Path) -> None:
    async with client_beside(place) as beside:
        await place.partnership.release()
        with open_copy(place.auditor) as one, open_copy(beside) as two:
            await asyncio.gather(
                fetch(place.auditor, one), sync(beside, quiet=True), fetch(beside, two), sync(place.auditor, quiet=True)
            )
        written = await export(beside, tmp_path / "audit")
        assert verify_bundle(written.path, exchange=place.partnership.world.exchange).verified


@asynccontextmanager
async def client_beside(place: Place) -> AsyncIterator[Member]:
    """A second program of the same auditor, on the same home."""
    from exchange.client.member import open_member
    from exchange.client.state import MemberState
    from keys.keyfile import Vault

    world = place.partnership.world
    founding = world.exchange_server.state.founding
    assert founding is not None
    identity = place.auditor.identity
    with MemberState(place.auditor.state.path, Vault(identity.vault_key)) as state:
        yield open_member(place.between, state, identity, founding.envelope, clock=lambda: world.now)


async def test_the_copy_of_another_exchange_is_not_taken(tmp_path: Path) -> None:
    LocalCopy(tmp_path / "copy", "00" * 32).close()
    with pytest.raises(StateError) as error:
        LocalCopy(tmp_path / "copy", "11" * 32)
    assert error.value.code == "state-foreign"
    (tmp_path / "text").write_text("no database")
    with pytest.raises(StateError) as error:
        LocalCopy(tmp_path / "text", "00" * 32)
    assert error.value.code == "state-unusable"
