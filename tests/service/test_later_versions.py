"""Later versions on a real server: what a modified client could post, and what the right ones bring (R10, R11)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.config import Refusals
from exchange.model.statements import Statement
from exchange.model.submission import Accepted, Refused
from exchange.service.alerts import Alerts
from exchange.service.claims import Claims
from exchange.service.denied import Denied
from exchange.service.reading import Reading
from exchange.service.visibility import reader_of
from keys import encoding
from tests.support.live import Live, live
from tests.support.world import Member

HEALTH = {"sectors": ["health"]}


class Scene:
    def __init__(self, world: Live) -> None:
        self.world = world
        self.author: Member
        self.second: Member
        self.approver: Member
        self.chief: Member
        self.stranger: Member
        self.doctor: Member
        self.driver: Member
        self.hospital: str
        self.carrier: str

    async def build(self) -> Scene:
        world = self.world
        authority = await world.admit("Polizeidirektion", "authority", ("security",))
        other = await world.admit("Landkreis", "authority", ("security",))
        self.hospital = await world.admit("Klinikum", sectors=("health",))
        self.carrier = await world.admit("Spedition", sectors=("logistics",))
        self.author = await world.enrol("A. Autorin", authority, "author")
        self.second = await world.enrol("Z. Zweite", authority, "author")
        self.approver = await world.enrol("F. Freigeber", authority, "approver")
        self.chief = await world.enrol("C. Chefin", authority, "approver")
        self.stranger = await world.enrol("L. Landrat", other, "author", "approver")
        self.doctor = await world.enrol("D. Doktor", self.hospital, "officer")
        self.driver = await world.enrol("K. Kutscher", self.carrier, "officer")
        return self

    async def released(self, statement: Statement) -> Statement:
        result = await self.accept(statement)
        assert result.kind == "alert.released"
        return statement

    async def accept(self, statement: Statement) -> Accepted:
        return (await self.world.post(statement)).results[0]

    async def refused(self, statement: Statement) -> tuple[str | None, str]:
        with pytest.raises(Refused) as caught:
            await self.world.post(statement)
        return caught.value.rule, caught.value.code

    def asked(self, *candidates: Member) -> dict[str, Any]:
        return {"approvers": sorted(m.person for m in candidates), "approvals": 1}

    async def suspend(self, organisation: str) -> None:
        chain = f"organisation/{organisation}"
        fields = {"organisation": organisation, "previous": self.world.previous(chain)}
        await self.world.post(self.world.by_registrars("organisation.suspend", **fields))

    async def receipt(self, member: Member, alert: Statement) -> str:
        body = self.world.common(issuer={"device": member.device}, alerts=[alert.id], level="received")
        body["not_after"] = body["at"] + 300
        statement = self.world.sign("alert.receipt", body, member.signer)
        return (await self.accept(statement)).kind

    @property
    def reading(self) -> Reading:
        server = self.world.exchange_server
        alerts = Alerts(server.store, server.state)
        claims = Claims(server.claim, server.store, server.state, server.clock, Refusals())
        return Reading(server.store, server.ledger, server.state, alerts, claims, server.clock)

    def reader(self, member: Member) -> Any:
        return reader_of(self.world.exchange_server.state.roster_now(self.world.now), member.device)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with live(tmp_path) as world:
        yield await Scene(world).build()


# -- attacks ---------------------------------------------------------------------------------------------------------


async def test_attack_a_withdrawal_of_anothers_alert(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    theirs = await scene.world.version(scene.stranger, first, "withdraw")
    assert await scene.refused(theirs) == ("R10", "version-of-other-organisation")


async def test_attack_two_successors_of_one_version(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    mine = await scene.world.version(scene.author, first, "update")
    yours = await scene.world.version(scene.second, first, "withdraw")
    await scene.released(mine)
    assert await scene.refused(yours) == ("R10", "version-taken")


async def test_attack_two_successors_in_one_request(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    mine = await scene.world.version(scene.author, first, "update")
    yours = await scene.world.version(scene.second, first, "withdraw")
    with pytest.raises(Refused) as caught:
        await scene.world.post(mine, yours)
    assert (caught.value.index, caught.value.code) == (1, "version-taken")
    assert (await scene.accept(yours)).kind == "alert.released"  # nothing of the request was written


async def test_attack_a_version_and_its_successor_in_one_request(scene: Scene) -> None:
    """What the author names as seen is the journal before the request: nobody saw a version that came with it."""
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    second = await scene.world.version(scene.author, first, "update")
    third = await scene.world.version(scene.author, second, "update")
    with pytest.raises(Refused) as caught:
        await scene.world.post(second, third)
    assert (caught.value.index, caught.value.rule, caught.value.code) == (1, "R10", "version-unreleased")


async def test_attack_a_lowered_label_in_an_update(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    lowered = await scene.world.version(scene.author, first, "update", label="GREEN")
    assert await scene.refused(lowered) == ("R10", "label-changed")


async def test_attack_previous_is_an_unreleased_proposal(scene: Scene) -> None:
    proposal = await scene.world.alert(scene.author, "AMBER", HEALTH, core=scene.asked(scene.approver))
    assert (await scene.accept(proposal)).kind == "alert.proposed"
    jump = await scene.world.version(scene.author, proposal, "update", core={"approvals": 0})
    assert await scene.refused(jump) == ("R10", "version-unreleased")


async def test_attack_previous_is_another_alerts_version(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    other = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    crossed = await scene.world.version(scene.author, first, "update", core={"previous": other.id})
    assert await scene.refused(crossed) == ("R10", "version-previous")


async def test_attack_a_version_that_the_author_had_not_seen(scene: Scene) -> None:
    seen = scene.world.exchange_server.seen().to_json()
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    blind = await scene.world.version(scene.author, first, "update", core={"seen": seen})
    assert await scene.refused(blind) == ("R10", "version-unseen")


async def test_attack_a_withdrawal_with_fewer_approvals_than_the_original(scene: Scene) -> None:
    first = await scene.world.alert(scene.author, "AMBER", HEALTH, core=scene.asked(scene.approver))
    await scene.accept(first)
    await scene.released(scene.world.approve(first, scene.approver))
    alone = await scene.world.version(scene.author, first, "withdraw", core={"approvals": 0})
    assert await scene.refused(alone) == ("R11", "approvals-below-earlier")


async def test_attack_a_version_after_a_withdrawal(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    gone = await scene.released(await scene.world.version(scene.author, first, "withdraw"))
    assert await scene.refused(await scene.world.version(scene.author, gone, "update")) == ("R10", "withdrawn")


async def test_attack_an_exercise_that_becomes_real(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH, core={"exercise": True}))
    real = await scene.world.version(scene.author, first, "update", core={"exercise": False})
    assert await scene.refused(real) == ("R10", "exercise-changed")


async def test_attack_a_change_audience_that_lies(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    everyone = {"sectors": ["health", "logistics"]}
    said_same = await scene.world.version(scene.author, first, "update", audience=everyone)
    assert await scene.refused(said_same) == ("R10", "audience-change-untrue")


async def test_attack_a_withdrawal_that_leaves_out_an_earlier_recipient(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    silent = await scene.world.version(scene.author, first, "withdraw", recipients=[scene.author.device])
    assert await scene.refused(silent) == ("R16", "leaf-count")
    counted = await scene.world.version(
        scene.author, first, "withdraw", recipients=[scene.author.device, scene.driver.device]
    )
    assert await scene.refused(counted) == ("R9", "recipient-missing")


async def test_attack_a_withdrawal_that_adds_a_recipient(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    devices = [scene.author.device, scene.doctor.device, scene.driver.device]
    wider = await scene.world.version(scene.author, first, "withdraw", recipients=devices)
    assert await scene.refused(wider) == ("R16", "leaf-count")


# -- what is right ---------------------------------------------------------------------------------------------------


async def test_a_withdrawal_names_the_suspended_and_reaches_the_rest(scene: Scene) -> None:
    both = {"sectors": ["health", "logistics"]}
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", both))
    await scene.suspend(scene.carrier)
    withdrawal = await scene.world.version(scene.second, first, "withdraw")
    result = await scene.accept(withdrawal)
    assert (result.kind, result.unreached) == ("alert.released", (scene.driver.person,))
    assert await scene.receipt(scene.doctor, withdrawal) == "alert.receipt"


async def test_a_withdrawal_of_red_goes_out_when_a_named_person_is_out_of_force(scene: Scene) -> None:
    named = {"persons": sorted([scene.doctor.person, scene.driver.person])}
    first = await scene.world.alert(scene.author, "RED", named, core=scene.asked(scene.approver))
    await scene.accept(first)
    await scene.released(scene.world.approve(first, scene.approver))
    await scene.suspend(scene.carrier)
    withdrawal = await scene.world.version(scene.author, first, "withdraw")
    assert (await scene.accept(withdrawal)).kind == "alert.proposed"
    result = await scene.accept(scene.world.approve(withdrawal, scene.approver))
    assert (result.kind, result.unreached) == ("alert.released", (scene.driver.person,))


async def test_competing_proposals_of_a_version_and_one_release(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    one = await scene.world.version(scene.author, first, "update", core=scene.asked(scene.approver))
    other = await scene.world.version(scene.second, first, "withdraw", core=scene.asked(scene.chief))
    assert (await scene.accept(one)).kind == (await scene.accept(other)).kind == "alert.proposed"
    await scene.released(scene.world.approve(other, scene.chief))
    assert await scene.refused(scene.world.approve(one, scene.approver)) == ("R10", "version-taken")
    waiting = encoding.decode(await scene.reading.proposals(scene.reader(scene.approver)), max_bytes=1 << 16)
    assert waiting == {"proposals": []}


async def test_relabelled_up_and_down_with_approvals(scene: Scene) -> None:
    green = {"organisations": [scene.hospital]}
    first = await scene.released(await scene.world.alert(scene.author, "GREEN", green))
    up = await scene.released(await scene.world.version(scene.author, first, "relabel", label="AMBER"))
    alone = await scene.world.version(scene.author, up, "relabel", label="GREEN")
    assert await scene.refused(alone) == ("R10", "relabel-approvals")
    core = scene.asked(scene.approver)
    down = await scene.world.version(scene.author, up, "relabel", label="GREEN", core=core)
    assert (await scene.accept(down)).kind == "alert.proposed"
    await scene.released(scene.world.approve(down, scene.approver))


async def test_an_all_clear_then_an_update(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    clear = await scene.released(await scene.world.version(scene.author, first, "all-clear"))
    await scene.released(await scene.world.version(scene.author, clear, "update", core={"kind": "threat"}))


async def test_a_restarted_server_knows_the_versions(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    mine = await scene.world.version(scene.author, first, "update")
    yours = await scene.world.version(scene.second, first, "update")
    await scene.released(mine)
    await scene.world.stop()
    await scene.world.start()
    assert await scene.refused(yours) == ("R10", "version-taken")
    third = await scene.world.version(scene.second, mine, "withdraw")
    await scene.released(third)


# -- reading -----------------------------------------------------------------------------------------------------------


async def test_versions_are_listed_and_older_ones_stay_readable(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    moved = await scene.world.version(
        scene.author, first, "update", audience={"sectors": ["logistics"]}, change="different"
    )
    await scene.released(moved)
    doctor = scene.reader(scene.doctor)
    listed = encoding.decode(await scene.reading.versions(doctor, first.id), max_bytes=1 << 16)
    assert [(one["version"], one["statement"]) for one in listed["versions"]] == [(1, first.id), (2, moved.id)]
    assert listed == encoding.decode(await scene.reading.versions(doctor, moved.id), max_bytes=1 << 16)
    await scene.reading.alert(doctor, first.id, None)
    with pytest.raises(Denied):
        await scene.reading.statement(doctor, moved.id)


async def test_the_versions_of_a_proposal_are_its_handlers_affair(scene: Scene) -> None:
    proposal = await scene.world.alert(scene.author, "AMBER", HEALTH, core=scene.asked(scene.approver))
    await scene.accept(proposal)
    with pytest.raises(Denied) as caught:
        await scene.reading.versions(scene.reader(scene.doctor), proposal.id)
    assert caught.value.code == "not-entitled"


async def test_a_released_alerts_statement_is_shown_to_its_organisations_publishers(scene: Scene) -> None:
    first = await scene.released(await scene.world.alert(scene.author, "AMBER", HEALTH))
    await scene.reading.statement(scene.reader(scene.second), first.id)
    with pytest.raises(Denied):
        await scene.reading.statement(scene.reader(scene.stranger), first.id)
