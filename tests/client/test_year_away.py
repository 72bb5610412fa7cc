"""A device that comes back after a year: told exactly what it got, what it missed, what it can no longer open; and helped."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exchange.cli.member import Member as CommandMember
from exchange.cli.returned import say_returned
from exchange.cli.terminal import Terminal
from exchange.client import share
from exchange.client.completeness import count
from exchange.client.sync import Synced, sync
from exchange.client.watch import watch
from exchange.client.weeks import weeks_left
from exchange.model.scalars import DAY
from exchange.policy.epochs import LEAST_AHEAD
from tests.attacks.scene import Scene, Victim, staged

WEEK = 7 * DAY


def keep_keys(scene: Scene, victim: Victim) -> Victim:
    """A client whose new weekly keys the world can seal to."""
    device = victim.member.device
    victim.member.save = lambda identity: scene.world.identities.__setitem__(device, identity)
    return victim


async def release(scene: Scene, **audience: Any) -> str:
    """An alert that is valid for more than a year, by an author who has keys."""
    world = scene.world
    for device in scene.author.devices:
        if world.exchange_server.state.epochs.last_week(device) is None:
            await world.publish_epochs(scene.author, device)
    core = {"valid_until": world.now + 500 * DAY}
    statement = await world.alert(scene.author, "AMBER", audience or {"sectors": ["health"]}, core=core)
    await world.post(statement)
    return statement.id


async def renew(scene: Scene) -> None:
    """The registrars renew everybody's membership for two years."""
    world = scene.world
    for organisation in (scene.authority, scene.hospital):
        previous = world.previous(f"organisation/{organisation}")
        await world.post(
            world.by_registrars(
                "organisation.renew", organisation=organisation, expires=world.now + 730 * DAY, previous=previous
            )
        )


async def test_a_device_away_for_a_year_is_told_what_it_missed_and_is_given_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with staged(tmp_path) as scene:
        world = scene.world
        await renew(scene)
        device, colleague = await scene.informed("doctor"), keep_keys(scene, await scene.informed("porter"))
        forgetful = scene.newcomer("doctor", state=None)
        await forgetful.sync()
        world.now += 2 * WEEK
        got = await release(scene)
        await sync(colleague.member)
        for _ in range(5):  # the colleague comes by every eight weeks: each command publishes keys ahead
            world.now += 8 * WEEK
            await sync(colleague.member)
        missed = await release(scene)
        world.now += 10 * WEEK
        await sync(colleague.member)

        back = await sync(device.member)
        assert (back.opened, back.missed, back.closed) == ((got,), (missed,), ())
        assert back.away == 52 * WEEK and back.failures == ()
        await sync(device.member)
        assert weeks_left(device.member) >= LEAST_AHEAD
        assert count(device.member).keyless == 1
        said = _said(device, back, capsys)
        assert "opened now: 1, missed: 1, can no longer be opened: 0" in said
        assert missed[:10] in said and "TLP:AMBER" in said and "Polizei Musterstadt" in said and got[:10] not in said
        assert f"exchange history {device.member.device}" in said

        # The same device, its old keys destroyed: what was sealed to them is closed, and no accusation.
        forgetful.member.identity = forgetful.member.identity.destroy_expired(world.now)
        lost = await sync(forgetful.member, quiet=True)
        assert (lost.opened, lost.missed, lost.closed, lost.failures) == ((), (missed,), (got,), ())
        assert "exchange join" in _said(forgetful, lost, capsys)

        # A colleague seals again what the device missed; what it has is not sent twice.
        await sync(colleague.member)
        given, left = await share.history(colleague.member, device.member.device)
        assert [one.alert for one in given] == [missed]
        assert {one.decision.code for one in left} <= {"already-recipient", "expired"}
        helped = await sync(device.member)
        assert helped.opened == (missed,) and helped.failures == ()
        assert count(device.member).keyless == 0


def _said(victim: Victim, synced: Synced, capsys: pytest.CaptureFixture[str]) -> str:
    home: Any = SimpleNamespace(membership=SimpleNamespace(device=victim.member.device))
    capsys.readouterr()
    say_returned(Terminal("en"), CommandMember(Terminal("en"), home, victim.member), synced)
    return capsys.readouterr().err


async def test_a_watch_that_stays_connected_publishes_new_weeks_ahead(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        world = scene.world
        await renew(scene)
        porter = keep_keys(scene, await scene.informed("porter"))
        rounds = watch(porter.member)
        await anext(rounds)
        world.now += 6 * WEEK
        before = weeks_left(porter.member)
        assert before < LEAST_AHEAD
        await release(scene)
        await anext(rounds)  # the round of the alert
        await release(scene)
        await anext(rounds)  # what comes after a round is done when the next one is asked for
        await sync(porter.member, quiet=True)
        assert weeks_left(porter.member) >= LEAST_AHEAD
        await rounds.aclose()  # type: ignore[attr-defined]
