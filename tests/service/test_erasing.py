"""Erasing of openings by the running server: gone in the same commit, and nothing brings them back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.model.scalars import DAY
from exchange.model.statements import Statement
from exchange.model.submission import Refused, Submission
from exchange.store import statements
from tests.support.live import Live, live
from tests.support.world import Member


class Scene:
    """A company with an administrator, and an officer who was removed."""

    def __init__(self, world: Live) -> None:
        self.world = world

    async def build(self) -> Scene:
        world = self.world
        self.company = await world.admit("Stadtwerke")
        self.administrator: Member = await world.enrol("V. Walter", self.company, "administrator")
        self.officer: Member = await world.enrol("Kim Unverwechselbar", self.company, "officer")
        self.chain = f"person/{self.officer.person}"
        self.enrolled: str = self.facts.commitments[self.chain][0][0]
        return self

    @property
    def facts(self):  # type: ignore[no-untyped-def]
        return self.world.exchange_server.state.roster.facts

    async def remove(self) -> None:
        previous = self.world.previous(self.chain)
        await self.world.post(self.world.by_registrars("person.remove", person=self.officer.person, previous=previous))

    def erasing(self) -> Statement:
        return self.world.by_device(
            "opening.erase", self.administrator, fields=["name"], statement=self.enrolled, subject=self.chain
        )

    async def name(self) -> str | None:
        found = await self.world.exchange_server.store.read(statements.openings, [self.enrolled])
        return found[self.enrolled][0].value if found else None


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with live(tmp_path) as world:
        yield await Scene(world).build()


async def test_erasing_openings_of_somebody_in_force_is_refused(scene: Scene) -> None:
    with pytest.raises(Refused) as refusal:
        await scene.world.post(scene.erasing())
    assert (refusal.value.rule, refusal.value.code) == ("M20", "still-in-force")
    assert await scene.name() == "Kim Unverwechselbar"


async def test_an_erased_opening_is_gone_at_once_and_the_same_statement_gets_the_same_answer(scene: Scene) -> None:
    await scene.remove()
    erasing = scene.erasing()
    first = await scene.world.post(erasing)
    assert await scene.name() is None
    again = await scene.world.post(erasing)
    assert again.results[0].index == first.results[0].index


async def test_posting_the_enrolment_again_with_its_openings_brings_nothing_back(scene: Scene) -> None:
    world = scene.world
    opening, commitment = world.opening("name", "Kim Unverwechselbar")
    fields = {"commitments": {"name": commitment}, "organisation": scene.company, "person": world.random.id()}
    enrolment = world.by_registrars("person.enrol", roles=["officer"], topics=[], **fields)
    await world.post(enrolment, openings=[opening])
    chain = f"person/{fields['person']}"
    removal = world.by_registrars("person.remove", person=fields["person"], previous=enrolment.id)
    erasing = world.by_registrars("opening.erase", fields=["name"], statement=enrolment.id, subject=chain)
    await world.post(removal)
    await world.post(erasing)
    await world.post(enrolment, openings=[opening])
    assert await world.exchange_server.store.read(statements.openings, [enrolment.id]) == {}


async def test_enrolled_removed_and_erased_in_one_request_leaves_no_name(scene: Scene) -> None:
    world = scene.world
    await scene.remove()
    opening, commitment = world.opening("name", "Ein Irrtum")
    fields = {"commitments": {"name": commitment}, "organisation": scene.company, "person": world.random.id()}
    enrolment = world.by_registrars("person.enrol", roles=["officer"], topics=[], **fields)
    chain = f"person/{fields['person']}"
    removal = world.by_registrars("person.remove", person=fields["person"], previous=enrolment.id)
    erasing = world.by_registrars("opening.erase", fields=["name"], statement=enrolment.id, subject=chain)
    # The erasing before it makes the store erase first: order must be kept all the same.
    await world.exchange_server.accept(
        [
            Submission(scene.erasing().envelope, ()),
            Submission(enrolment.envelope, (opening,)),
            Submission(removal.envelope, ()),
            Submission(erasing.envelope, ()),
        ]
    )
    assert await world.exchange_server.store.read(statements.openings, [enrolment.id]) == {}


async def test_a_restored_copy_of_the_store_loses_what_was_erased(scene: Scene) -> None:
    world = scene.world
    await scene.remove()
    erasing = scene.erasing()
    await world.post(erasing)
    row = statements.OpeningRow(scene.enrolled, "name", bytes(32), "Kim Unverwechselbar")
    await world.exchange_server.store.write(statements.change_openings, [row])
    await world.stop()
    await world.start()
    assert await scene.name() is None


async def test_the_operator_is_told_how_many_memberships_run_out_and_no_names(scene: Scene) -> None:
    server, now = scene.world.exchange_server, scene.world.now
    assert server.running_out(now) == (0, 0)
    assert server.running_out(now + 310 * DAY) == (0, 1)
    assert server.running_out(now + 365 * DAY) == (1, 0)


async def test_an_erased_name_is_in_no_file_of_the_server_after_it_stopped(scene: Scene, tmp_path: Path) -> None:
    await scene.remove()
    await scene.world.post(scene.erasing())
    await scene.world.stop()
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    found = await asyncio.to_thread(lambda: [f.name for f in files if b"Unverwechselbar" in f.read_bytes()])
    assert files and not found
    await scene.world.start()


async def test_an_erased_name_is_in_no_file_of_the_running_server_once_its_log_is_cut(
    scene: Scene, tmp_path: Path
) -> None:
    store = scene.world.exchange_server.store

    def named() -> list[str]:
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        return [file.name for file in files if b"Unverwechselbar" in file.read_bytes()]

    await scene.remove()
    await scene.world.post(scene.erasing())
    assert await asyncio.to_thread(named) == ["exchange.db-wal"]
    # A reader of an older state keeps the log; nobody waits for it.
    reader = sqlite3.connect(f"file:{next(tmp_path.rglob('exchange.db'))}?mode=ro", uri=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM opening").fetchone()
    await scene.world.admit("Werft")
    assert await store.cut_log() is False
    reader.close()
    assert await store.cut_log() is True
    assert await asyncio.to_thread(named) == []
