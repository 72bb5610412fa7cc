"""What a statement's issuer has seen, when it is another history: the exchange refuses it; members are alarmed by one that it took.

A lying member must not be able to stop the others, and a device that was shown a fork must hear of it.
"""

from __future__ import annotations

from typing import Any

import pytest

from exchange.client.forks import forget_fork, known_fork
from exchange.client.signed import verify_signed
from exchange.model.scalars import DAY, Head
from exchange.model.statements import Statement
from exchange.model.submission import Refused
from exchange.tlog.checkpoint import LOGS, LogName
from keys import encoding
from keys.envelope import Envelope
from tests.attacks.lying import Forgery
from tests.attacks.scene import Scene, Victim

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER = "ab" * 32


def renewal(scene: Scene, seen: dict[str, Any]) -> Statement:
    """What registrars sign whose member saw these heads."""
    world = scene.world
    body = world.common(
        expires=world.now + 400 * DAY,
        issuer={"registrar": world.registrars[0].public.key_id},
        organisation=scene.hospital,
        previous=world.previous(f"organisation/{scene.hospital}"),
    )
    return world.sign("organisation.renew", body | {"seen": seen}, *world.registrars[: world.threshold])


def receipt(scene: Scene, seen: dict[str, Any]) -> Statement:
    """A receipt of the doctor's device, which saw these heads."""
    world = scene.world
    issuer = {"device": scene.doctor.device}
    body = world.common(alerts=[scene.alert.id], issuer=issuer, level="received") | {"seen": seen}
    return world.sign("alert.receipt", body, world.identities[scene.doctor.device].signer)


def keys(scene: Scene, seen: dict[str, Any], device: str) -> Statement:
    """Weekly keys, far ahead, of a device that saw these heads. (Their bundle is never asked for.)"""
    world = scene.world
    start = world.now + 30 * 7 * DAY
    weeks = [encoding.week_of(start + number * 7 * DAY) for number in range(10)]
    body = world.common(
        bundle={"length": 1216 * len(weeks), "sha256": OTHER},
        issuer={"device": device},
        keys=[{"hash": f"{number:064x}", "week": week} for number, week in enumerate(weeks, 1)],
    )
    return world.sign("epoch.publish", body | {"seen": seen}, world.identities[device].signer)


def heads(scene: Scene) -> dict[str, Any]:
    seen: dict[str, Any] = scene.world.exchange_server.seen().to_json()
    return seen


def another(scene: Scene, log: LogName) -> dict[str, Any]:
    """The heads of now, one of them with another root."""
    seen = heads(scene)
    return {**seen, log: {**seen[log], "root": OTHER}}


def ahead(scene: Scene, log: LogName) -> dict[str, Any]:
    seen = heads(scene)
    return {**seen, log: {**seen[log], "size": seen[log]["size"] + 1}}


async def alarm(victim: Victim, statement: Statement, code: str = "seen-differs") -> dict[str, str]:
    """The round goes on, everything is taken in, and the alarm stands with its evidence."""
    synced = await victim.sync()
    (found,) = [failure for failure in synced.failures if failure.subject == statement.id]
    assert (found.step, found.code) == (4, code)
    assert Envelope.decode(encoding.unb64(found.evidence["statement"])).statement_id == statement.id
    assert {"entry", "index", "kept-journal", "kept-registry"} <= found.evidence.keys()
    assert known_fork(victim.state) is None
    return found.evidence


# -- the exchange ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("make", [renewal, receipt], ids=["registry-statement", "receipt"])
async def test_statement_of_another_history_is_refused_by_the_exchange(scene: Scene, log: LogName, make: Any) -> None:
    for seen, code in ((another(scene, log), "seen-differs"), (ahead(scene, log), "seen-ahead")):
        with pytest.raises(Refused) as refusal:
            await scene.world.post(make(scene, seen))
        assert refusal.value.code == code
        assert log in refusal.value.detail


async def test_statement_carried_by_hand_names_older_heads_and_is_taken(scene: Scene) -> None:
    forgery = await Forgery.of(scene.world)
    old = {log: forgery.head(log, forgery.size(log) - 4).to_json() for log in LOGS}
    statement = renewal(scene, old)
    first = await scene.world.post(statement)
    again = await scene.world.post(statement)
    assert [one.index for one in first.results] == [one.index for one in again.results]
    empty = receipt(scene, {log: forgery.head(log, 0).to_json() for log in LOGS})
    await scene.world.post(empty)


async def test_device_that_was_shown_a_fork_is_told_when_it_speaks_to_the_exchange(scene: Scene) -> None:
    """Its journal has an entry that the exchange's has not; what it signs names that history."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    await forgery.claim(scene.driver)
    await victim.opens()
    await scene.release()  # the honest journal has reached that size, with something else
    assert victim.member.seen.journal.size == scene.world.exchange_server.ledger.head("journal").size
    with pytest.raises(Refused) as refusal:
        await scene.world.post(receipt(scene, victim.member.seen.to_json()))
    assert refusal.value.code == "seen-differs"


# -- members -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("log", LOGS)
async def test_registry_statement_of_another_history_raises_the_alarm_and_stops_nobody(
    scene: Scene, log: LogName
) -> None:
    victim = await scene.unaware("doctor")
    statement = renewal(scene, another(scene, log))
    forgery = await victim.forge()
    forgery.insert_registry(statement)
    evidence = await alarm(victim, statement)
    assert evidence["log"] == log and evidence["root"] == forgery.head(log, int(evidence["size"])).root
    row = victim.state.alert(scene.alert.id)
    assert row is not None and row.status == "opened"
    assert [f.subject for f in (await victim.sync()).failures] == [
        statement.id
    ]  # told until a person has looked into it
    forget_fork(victim.state)
    assert (await victim.sync()).failures == ()


async def test_registry_statement_that_has_seen_what_was_not_there_yet(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    statement = renewal(scene, ahead(scene, "registry"))
    (await victim.forge()).insert_registry(statement)
    await alarm(victim, statement, "seen-ahead")


@pytest.mark.parametrize("log", LOGS)
async def test_weekly_keys_of_another_history_raise_the_alarm(scene: Scene, log: LogName) -> None:
    victim = await scene.informed("doctor")
    statement = keys(scene, another(scene, log), scene.porter.device)
    await (await victim.forge()).insert_journal(statement)
    await alarm(victim, statement)


@pytest.mark.parametrize("log", LOGS)
async def test_message_of_another_history_raises_the_alarm_and_is_shown(scene: Scene, log: LogName) -> None:
    victim = await scene.informed("porter")
    statement = receipt(scene, another(scene, log))
    index = await (await victim.forge()).insert_journal(statement)
    await victim.opens()
    assert verify_signed(victim.member.replica, index, statement.envelope).statement.id == statement.id
    await alarm(victim, statement)


async def test_statement_that_has_seen_a_longer_journal_than_is_shown_is_compared_when_that_comes(scene: Scene) -> None:
    """The journal was asked for first, so this may be the hurry of an honest exchange; or the shorter of two histories."""
    for honest in (True, False):
        victim = await scene.informed("doctor")
        forgery = await victim.forge()
        size = forgery.size("journal")
        await forgery.claim(scene.driver)
        longer = forgery.head("journal").to_json() if honest else Head(root=OTHER, size=size + 1).to_json()
        statement = renewal(scene, {**heads(scene), "journal": longer})
        forgery.insert_registry(statement)
        forgery.shown_size["journal"] = size
        assert (await victim.sync()).failures == ()
        forgery.shown_size.clear()
        if honest:
            assert (await victim.sync()).failures == ()
        else:
            evidence = await alarm(victim, statement)
            assert evidence["size"] == str(size + 1)
        assert (await victim.sync()).count.open == 0


async def test_alert_of_another_history_is_still_refused_by_its_readers(scene: Scene) -> None:
    """An alert's heads decide who receives it, so an alarm is not enough."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.sealed(core={"seen": another(scene, "registry")})
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 4, "roster-root", "A2")
