"""Attacks with entries that are not the log's: a false accusation of a fork, and more than fits into memory (V1, I9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from exchange.client import follow
from exchange.client.errors import ClientError
from exchange.client.transport import Response
from exchange.tlog.bundles import decode_bundle, encode_bundle
from exchange.tlog.checkpoint import LOGS, LogName
from tests.attacks.lying import Asked, raw
from tests.attacks.scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("log", LOGS)
async def test_wrong_entry_bytes_are_no_fork(scene: Scene, log: LogName) -> None:
    victim = await scene.unaware("doctor") if log == "journal" else scene.newcomer("doctor")

    async def tell(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        width = int(asked.path.rpartition("/")[2])
        entries = list(decode_bundle((await honest()).body, width))
        entries[-1] = entries[-1].replace(b'"at":1', b'"at":2')
        return raw(encode_bundle(entries))

    victim.lying.lie("GET", f"/{log}/tile/entries/.*", tell)
    failure = await victim.refuses(1, "entries-mismatch")
    assert failure.evidence["log"] == log
    assert "kept" not in failure.evidence
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_wrong_entry_bytes_beside_tiles_that_do_not_help_are_no_continuation(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    forgery = await victim.forge()
    forgery.rewrite("journal", 0, at=forgery.entry("journal", 0).at - 1)
    victim.lying.say("GET", "/journal/tile/0/.*", raw(b"", 404))
    await victim.refuses(1, "not-continued")


async def test_entries_beyond_memory_are_not_taken_in(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = scene.newcomer("doctor")
    monkeypatch.setattr(follow, "MAX_GROWTH_BYTES", 1_000)
    before = victim.kept()
    with pytest.raises(ClientError) as refusal:
        await victim.sync()
    assert refusal.value.code == "too-many-entries"
    assert victim.kept() == before


async def test_entry_larger_than_an_entry_can_be(scene: Scene) -> None:
    victim = scene.newcomer("doctor")

    async def tell(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        width = int(asked.path.rpartition("/")[2])
        entries = list(decode_bundle((await honest()).body, width))
        entries[0] = b"{" * 60_000
        return raw(encode_bundle(entries))

    victim.lying.lie("GET", "/journal/tile/entries/.*", tell)
    await victim.refuses(2, "entry-malformed")
