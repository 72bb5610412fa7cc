"""A member that crashes, loses an answer or is cut off between two steps goes on where it was."""

from os import urandom
from pathlib import Path

import pytest

from exchange.client import publish, weeks
from exchange.client.draft import prepare
from exchange.client.errors import TransportError
from exchange.client.sync import sync
from keys.keyfile import Vault
from tests.support.scene import Partnership, partnership, source


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def scene(tmp_path: Path):
    made = partnership(tmp_path)
    yield made
    made.scene.close()


async def published(scene: Partnership):
    """Author and officer with keys, and one alert released."""
    author, officer = scene.scene.member(scene.author), scene.scene.member(scene.officer)
    for member in (author, officer, author, officer):
        await sync(member)
    return author, officer, await publish.publish(prepare(source(), author), author)


def cut(path: str, scene: Partnership, method: str = "GET"):
    """The answer to matching requests is lost on its way; what was asked was done."""

    def lose(request, response):
        raise TransportError("unreachable", "cut")

    return scene.sim.lie(path, lose, method)


class CrashingVault(Vault):
    """Ends the process when it is asked to seal a value whose name begins so: in the middle of a transaction."""

    def __init__(self, vault_key: bytes, name: str) -> None:
        super().__init__(vault_key)
        self._name = name

    def seal(self, name: str, plaintext: bytes, random=urandom) -> bytes:
        if name.startswith(self._name):
            raise Crash
        return super().seal(name, plaintext, random)


async def test_a_crash_before_the_logs_are_stored_leaves_them_as_they_were(scene):
    _, officer, released = await published(scene)
    scene.scene.person(scene.works, "Nils Neu", "officer")
    before = {log: officer.state.head(log) for log in ("registry", "journal")}
    with pytest.raises(Crash):
        await sync(scene.scene.member(scene.officer, vault=lambda key: CrashingVault(key, "openings/")))
    again = scene.scene.member(scene.officer)
    assert {log: again.state.head(log) for log in ("registry", "journal")} == before
    assert (await sync(again)).opened == (released.statement,)


async def test_a_crash_while_an_alert_is_stored_opens_it_again(scene):
    _, _, released = await published(scene)
    with pytest.raises(Crash):
        await sync(scene.scene.member(scene.officer, vault=lambda key: CrashingVault(key, "content/")))
    again = scene.scene.member(scene.officer)
    assert again.state.alert(released.statement).status == "pending"
    assert (await sync(again)).opened == (released.statement,)
    assert scene.sim.receipts.count((released.statement, scene.officer.device, "received")) == 1


async def test_a_receipt_whose_answer_was_lost_is_not_sent_twice(scene):
    _, officer, released = await published(scene)
    lie = cut("/v1/statements", scene, "POST")
    with pytest.raises(TransportError):
        await sync(officer)
    scene.sim.lies.remove(lie)
    again = scene.scene.member(scene.officer)
    assert (await sync(again)).unsent == ()
    assert scene.sim.receipts.count((released.statement, scene.officer.device, "received")) == 1


async def test_a_receipt_that_never_arrived_is_made_anew_after_its_window(scene):
    _, _, released = await published(scene)
    unreachable = scene.sim.split()
    unreachable.lie("/v1/statements", lambda *_: (_ for _ in ()).throw(TransportError("unreachable", "cut")), "POST")
    cut_off = scene.scene.member(scene.officer, transport=unreachable)
    with pytest.raises(TransportError):
        await sync(cut_off)
    scene.sim.now += 3600
    again = scene.scene.member(scene.officer)
    await sync(again)
    assert scene.sim.receipts == [(released.statement, scene.officer.device, "received")]


async def test_weekly_keys_are_in_the_key_file_before_anybody_hears_of_them(scene):
    officer = scene.scene.member(scene.officer)
    lie = cut("/v1/blobs/.*", scene, "PUT")
    with pytest.raises(TransportError):
        await sync(officer)
    made = dict(scene.officer.identities[0].epochs)
    assert made
    scene.sim.lies.remove(lie)
    again = scene.scene.member(scene.officer)
    await sync(again)
    await sync(again)
    assert dict(scene.officer.identities[0].epochs) == made
    assert weeks.weeks_left(again) >= 8


async def test_weekly_keys_whose_answer_was_lost_are_not_published_twice(scene):
    officer = scene.scene.member(scene.officer)
    lie = cut("/v1/statements", scene, "POST")
    with pytest.raises(TransportError):
        await sync(officer)
    scene.sim.lies.remove(lie)
    again = scene.scene.member(scene.officer)
    await sync(again)
    published_once = [r for r in scene.sim.journal if r is not None and r.kind == "epoch.publish"]
    assert len(published_once) == 1
    assert weeks.weeks_left(again) >= 8 and again.state.outgoing() == []


async def test_an_alert_whose_answer_was_lost_is_found_in_the_journal(scene):
    author, _, _ = await published(scene)
    await sync(author)
    lie = cut("/v1/statements", scene, "POST")
    with pytest.raises(TransportError):
        await publish.publish(prepare(source("GREEN"), author), author)
    scene.sim.lies.remove(lie)
    again = scene.scene.member(scene.author)
    synced = await sync(again)
    assert synced.unsent == () and len(synced.opened) == 1


async def test_two_programs_of_one_home_do_not_lose_each_others_work(scene):
    _, officer, released = await published(scene)
    other = scene.scene.member(scene.officer)
    assert (await sync(officer)).opened == (released.statement,)
    assert (await sync(other)).opened == ()
    assert other.state.alert(released.statement).status == "opened"
    assert other.replica.heads == officer.replica.heads or other.replica.size("journal") >= officer.replica.size(
        "journal"
    )
