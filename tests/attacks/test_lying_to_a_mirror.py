"""A mirror of an honest exchange is that exchange, byte for byte; one of a lying exchange stops and keeps what it had."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from exchange.client.errors import TransportError
from exchange.client.forks import forget_fork
from exchange.client.transport import Response
from exchange.listen.log import LineLog
from exchange.listen.server import Listener
from exchange.mirror.app import Reading, create_app
from exchange.mirror.copy import MirrorError
from exchange.mirror.follower import Mirror
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName
from exchange.tlog.tiles import bundles, changed_tiles
from keys.note import Note, verify_checkpoint
from keys.witness import WitnessSigner
from tests.attacks.lying import raw
from tests.attacks.scene import Scene, Victim

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Kept:
    """A mirror over the lying exchange, and what it has on its disk."""

    def __init__(self, victim: Victim, folder: Path) -> None:
        self.victim = victim
        self.folder = folder
        self.written = io.StringIO()

    def open(self) -> Mirror:
        return Mirror.open(self.folder, self.victim.member, LineLog(self.written))

    def files(self) -> dict[str, bytes]:
        """The copy: everything but what says why it stopped."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and path.parent != self.folder)
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in found}

    @property
    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.written.getvalue().splitlines()]


async def mirrored(scene: Scene, tmp_path: Path) -> Kept:
    """A mirror that has followed the honest exchange so far."""
    kept = Kept(scene.newcomer("driver"), tmp_path / "mirror")
    await kept.open().round()
    return kept


@asynccontextmanager
async def served(mirror: Mirror, *, entries: bool) -> AsyncIterator[aiohttp.ClientSession]:
    reading = Reading(tuple(mirror.copies.values()), mirror.log, entries=entries)
    listener = Listener(create_app(reading), reading.guard)
    await listener.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}") as client:
            yield client
    finally:
        await listener.stop()


async def get(client: aiohttp.ClientSession, path: str) -> tuple[int, bytes]:
    async with client.get(path) as answer:
        return answer.status, await answer.read()


# -- an honest exchange ----------------------------------------------------------------------------------------------------


async def test_what_a_mirror_serves_is_byte_for_byte_what_the_exchange_serves(scene: Scene, tmp_path: Path) -> None:
    kept = await mirrored(scene, tmp_path)
    await scene.release()
    mirror = kept.open()
    await mirror.round()
    api = kept.victim.member.api
    async with served(mirror, entries=True) as client:
        for log in LOGS:
            copy = mirror.copies[log]
            assert copy.head.size == kept.victim.member.replica.size(log) > 0
            assert await get(client, f"/{copy.digest}/checkpoint") == (200, await api.checkpoint(log))
            for tile in changed_tiles(0, copy.head.size):
                assert await get(client, f"/{copy.digest}/{tile.path}") == (200, await api.tile(log, tile))
            for bundle in bundles(copy.head.size):
                assert await get(client, f"/{copy.digest}/{bundle.path}") == (200, await api.entries(log, bundle))


async def test_entries_are_for_members_unless_the_operator_says_otherwise(scene: Scene, tmp_path: Path) -> None:
    mirror = (await mirrored(scene, tmp_path)).open()
    copy = mirror.copies["journal"]
    (bundle,) = bundles(copy.head.size)
    (tile, *_) = changed_tiles(0, copy.head.size)
    assert mirror.folder.stat().st_mode & 0o777 == 0o700
    async with served(mirror, entries=False) as client:
        assert (await get(client, f"/{copy.digest}/{tile.path}"))[0] == 200
        for path in (bundle.path, "tile/0/000", "tile/0/0", "tile/9/000.p/1", "checkpoint/", "x"):
            assert (await get(client, f"/{copy.digest}/{path}"))[0] == 404
        assert (await get(client, f"/{'0' * 64}/checkpoint"))[0] == 404
        async with client.post(f"/{copy.digest}/checkpoint") as answer:
            assert answer.status == 405


async def test_cosignatures_that_came_meanwhile_are_taken_over(scene: Scene, tmp_path: Path) -> None:
    kept = await mirrored(scene, tmp_path)
    mirror = kept.open()
    plain = Note.parse(mirror.copies["journal"].note)
    witness = WitnessSigner("witness.example", b"1" * 32, b"2" * 32)
    cosigned = Note(plain.text, (*plain.lines, *witness.cosign(plain.text, scene.world.now))).encode()
    kept.victim.lying.say("GET", "/journal/checkpoint", raw(cosigned))
    await mirror.round()
    assert (mirror.copies["journal"].root / "checkpoint").read_bytes() == cosigned
    kept.victim.lying.repent()


async def test_an_exchange_that_is_away_is_asked_again(scene: Scene, tmp_path: Path) -> None:
    kept = await mirrored(scene, tmp_path)
    before, stop = kept.files(), asyncio.Event()

    async def away(_: object, __: object) -> Response:
        if kept.events.count("mirror-waits") == 2:
            stop.set()
        raise TransportError("unreachable", "nobody is there")

    kept.victim.lying.lie("GET", "/journal/checkpoint", away)
    await kept.open().run(0.001, stop)
    assert kept.events.count("mirror-waits") >= 2 and "mirror-stopped" not in kept.events
    assert kept.files() == before and kept.open().stopped == ()
    kept.victim.lying.repent()


# -- a lying one -----------------------------------------------------------------------------------------------------------


async def stops(kept: Kept, step: int, code: str) -> dict[str, str]:
    """It stops with exactly this, has what it had, and says why in a file; its evidence."""
    before = kept.files()
    await asyncio.wait_for(kept.open().run(3600, asyncio.Event()), 30)
    assert kept.events[-2:] == ["mirror-stopped", "mirror-follows-no-longer"] and kept.files() == before
    (path,) = kept.open().stopped
    told = json.loads(path.read_text())
    assert (told["step"], told["code"]) == (f"V{step}", code)
    kept.victim.failure("log", step, code)
    kept.victim.lying.repent()
    with pytest.raises(MirrorError) as caught:  # not even an honest exchange lets it go on by itself
        await kept.open().round()
    assert caught.value.code == "mirror-stopped" and kept.files() == before
    evidence: dict[str, str] = told["evidence"]
    return evidence


@pytest.mark.parametrize("log", LOGS)
async def test_a_rewritten_entry(scene: Scene, tmp_path: Path, log: LogName) -> None:
    kept = await mirrored(scene, tmp_path)
    forgery = await kept.victim.forge()
    last = forgery.size(log) - 1
    forgery.rewrite(log, last, at=forgery.entry(log, last).at + 1)
    evidence = await stops(kept, 1, "fork")
    key = (scene.world.server.registry if log == "registry" else scene.world.server.journal).public
    origin = f"{scene.world.server.origin}/{log}"
    proven = [Checkpoint.parse(verify_checkpoint(evidence[n].encode(), origin, key).text) for n in ("kept", "shown")]
    assert proven[0].size == proven[1].size and proven[0].root != proven[1].root


async def test_a_rewritten_past_under_new_entries(scene: Scene, tmp_path: Path) -> None:
    kept = await mirrored(scene, tmp_path)
    forgery = await kept.victim.forge()
    forgery.rewrite("journal", 1, at=forgery.entry("journal", 1).at + 1)
    await forgery.claim(scene.people["driver"])
    await stops(kept, 1, "fork")


@pytest.mark.parametrize("log", LOGS)
async def test_a_log_rolled_back(scene: Scene, tmp_path: Path, log: LogName) -> None:
    kept = await mirrored(scene, tmp_path)
    forgery = await kept.victim.forge()
    forgery.shown_size[log] = forgery.size(log) - 2
    await stops(kept, 1, "rolled-back")


async def test_a_fork_shown_between_following_and_asking_for_the_checkpoint(scene: Scene, tmp_path: Path) -> None:
    """The logs are followed honestly; the checkpoint that is then asked for, to be served, is of another history."""
    kept = await mirrored(scene, tmp_path)
    forgery = await kept.victim.forge()
    kept.victim.lying.forgery = None
    forgery.rewrite("journal", 1, at=forgery.entry("journal", 1).at + 1)
    asked = 0

    async def second(_: object, honest: object) -> Response:
        nonlocal asked
        asked += 1
        return raw(forgery.note("journal")) if asked == 2 else await honest()  # type: ignore[operator,no-any-return]

    kept.victim.lying.lie("GET", "/journal/checkpoint", second)
    await stops(kept, 1, "fork")


async def test_entries_that_are_not_the_logs(scene: Scene, tmp_path: Path) -> None:
    kept = Kept(scene.newcomer("driver"), tmp_path / "mirror")
    forgery = await kept.victim.forge()
    forgery.tiles = False
    honest = [forgery.note(log) for log in LOGS]
    forgery.rewrite("journal", 1, at=forgery.entry("journal", 1).at + 1)
    kept.victim.lying.say("GET", "/registry/checkpoint", raw(honest[0]))
    kept.victim.lying.say("GET", "/journal/checkpoint", raw(honest[1]))
    await stops(kept, 1, "entries-mismatch")
    assert kept.files() == {}


async def test_after_the_operator_moved_the_file_away_it_goes_on_with_an_honest_exchange(
    scene: Scene, tmp_path: Path
) -> None:
    kept = await mirrored(scene, tmp_path)
    (await kept.victim.forge()).shown_size["journal"] = 3
    await stops(kept, 1, "rolled-back")
    kept.open().stopped[0].rename(tmp_path / "evidence.json")
    await scene.release()
    mirror = kept.open()
    size = mirror.copies["journal"].head.size
    await mirror.round()
    assert mirror.copies["journal"].head.size == size + 1


async def test_after_a_fork_moving_the_file_away_is_not_enough(scene: Scene, tmp_path: Path) -> None:
    """The member of the mirror has proven a fork: it asks nothing before a person has decided, and the mirror says so."""
    kept = await mirrored(scene, tmp_path)
    forgery = await kept.victim.forge()
    forgery.rewrite("journal", 1, at=forgery.entry("journal", 1).at + 1)
    await stops(kept, 1, "fork")
    kept.open().stopped[0].rename(tmp_path / "evidence.json")
    await asyncio.wait_for(kept.open().run(3600, asyncio.Event()), 30)
    assert json.loads(kept.written.getvalue().splitlines()[-1])["code"] == "forked"
    forget_fork(kept.victim.state)
    await kept.open().round()


async def test_a_copy_ahead_of_a_member_whose_store_and_exchange_were_set_back(scene: Scene, tmp_path: Path) -> None:
    """Somebody put an old backup of the member's home back, and the exchange lies to it: the copy itself does not go back."""
    kept = await mirrored(scene, tmp_path)
    naive = Kept(scene.newcomer("driver"), kept.folder)
    (await naive.victim.forge()).shown_size["journal"] = 3
    journal = kept.open().copies["journal"]
    with pytest.raises(MirrorError) as caught:
        await naive.open().round()
    assert caught.value.code == "mirror-ahead" and kept.open().copies["journal"].note == journal.note
    evidence = json.loads(naive.open().stopped[0].read_text())["evidence"]
    assert evidence["kept"] == journal.note.decode() and "\n3\n" in evidence["shown"]
    naive.victim.lying.repent()
