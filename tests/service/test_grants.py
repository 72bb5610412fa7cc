"""Grants at the server: the attacks refused with rule and code, who may read what afterwards, and what the entry says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.model.entry import parse_entry
from exchange.model.scalars import DAY
from exchange.model.statements import Statement
from exchange.model.submission import Refused
from exchange.service import grants as granting
from exchange.store import grants as grant_rows
from exchange.store import logs
from keys import encoding
from keys.grant import open_grant
from tests.support.grants import binding_of, give, leaf_of
from tests.support.live import Live, live
from tests.support.messages import answer, ask, react
from tests.support.world import Member


class Scene:
    def __init__(self, world: Live) -> None:
        self.world = world
        self.author: Member
        self.doctor: Member
        self.second: Member
        self.nurse: Member
        self.stranger: Member
        self.alert: Statement

    async def build(self) -> Scene:
        world = self.world
        authority = await world.admit("Polizeidirektion", "authority", ("security",), days=1000)
        hospital = await world.admit("Klinikum", sectors=("health",), days=1000)
        bakery = await world.admit("Bäckerei", sectors=("food",))
        self.hospital = hospital
        self.author = await world.enrol("A. Autorin", authority, "author")
        self.approver = await world.enrol("F. Freigeber", authority, "approver")
        self.doctor = await world.enrol("D. Doktor", hospital, "officer", topics=("it",))
        self.second = await world.enrol("Z. Zweite", hospital, "officer", topics=("it",))
        self.nurse = await world.enrol("P. Pflege", hospital, "officer")
        self.stranger = await world.enrol("B. Bäcker", bakery, "officer", topics=("it",))
        self.alert = await self.release()
        return self

    async def release(self, label: str = "AMBER", **options: Any) -> Statement:
        """An alert to the hospital's officers with topic it: the doctor and the second, not the nurse."""
        audience = {"sectors": ["health"], "topics": ["it"]}
        statement = await self.world.alert(self.author, label, audience, **options)
        await self.world.post(statement)
        return statement

    async def refused(self, statement: Statement) -> tuple[str | None, str]:
        """Rule and code of the refusal, after which both logs are as long as before."""
        ledger = self.world.exchange_server.ledger
        before = ledger.head("registry").size, ledger.head("journal").size
        with pytest.raises(Refused) as refused:
            await self.world.post(statement)
        assert (ledger.head("registry").size, ledger.head("journal").size) == before
        return refused.value.rule, refused.value.code


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with live(tmp_path) as world:
        yield await Scene(world).build()


async def test_a_grant_to_a_colleague_is_accepted_marked_and_opens(scene: Scene) -> None:
    world = scene.world
    grant = give(world, scene.doctor, scene.alert, scene.nurse.device)
    [result] = (await world.post(grant)).results
    [data] = await world.exchange_server.store.read(logs.entries, "journal", result.index, 1)
    entry = parse_entry(data)
    assert entry.kind == "alert.grant" and entry.grant is not None
    assert (entry.grant.ephemeral, entry.grant.tag) == (grant.body.ephemeral, grant.body.tag)
    nurse = world.identities[scene.nurse.device]
    assert nurse.grant_tag(encoding.unb64u(entry.grant.ephemeral)) == encoding.unb64u(entry.grant.tag)
    bound = binding_of(scene.alert, grant.body.nonce, scene.nurse.device, grant.at)
    key = open_grant(nurse.epoch_seed(bound.week), encoding.unb64u(grant.body.stanza), bound)
    assert key == world.sealed[scene.alert.id][0]
    # Sent again, it is the same grant.
    assert (await world.post(grant)).results[0].index == result.index


async def test_attack_a_grant_of_red(scene: Scene) -> None:
    world = scene.world
    core = {"approvals": 1, "approvers": [scene.approver.person]}
    red = await world.alert(scene.author, "RED", {"persons": [scene.doctor.person]}, core=core)
    world.sealed[(approved := world.approve(red, scene.approver)).id] = world.sealed[red.id]
    await world.post(red)
    await world.post(approved)
    assert await scene.refused(give(world, scene.doctor, red, scene.nurse.device)) == ("R12", "red-never")
    second = await world.enrol_device(scene.doctor)
    assert await scene.refused(give(world, scene.doctor, red, second, "history")) == ("R13", "red-never")


async def test_attack_a_grant_of_amber_to_a_stranger(scene: Scene) -> None:
    grant = give(scene.world, scene.doctor, scene.alert, scene.stranger.device)
    assert await scene.refused(grant) == ("R12", "other-organisation")


async def test_attack_a_grant_of_what_the_granter_never_received(scene: Scene) -> None:
    world = scene.world
    other = await world.enrol("O. Offizier", scene.hospital, "officer")
    grant = give(world, scene.nurse, scene.alert, other.device)
    assert await scene.refused(grant) == ("R12", "grantor-without-alert")


async def test_attack_a_grant_with_anothers_leaf_proof(scene: Scene) -> None:
    world = scene.world
    leaf = leaf_of(world, scene.alert, scene.second.device)
    grant = give(world, scene.doctor, scene.alert, scene.nurse.device, leaf=leaf)
    assert await scene.refused(grant) == ("V7", "path-invalid")
    assert (await scene.refused(give(world, scene.nurse, scene.alert, scene.nurse.device, leaf=leaf)))[0] == "R12"


async def test_attack_a_granted_stanza_of_another_alert(scene: Scene) -> None:
    """The server cannot see it; the stanza does not open for the grantee, whose step G5 says so."""
    world = scene.world
    other = await scene.release()
    grant = give(world, scene.doctor, scene.alert, scene.nurse.device, sealed=other)
    leaf = leaf_of(world, other, scene.doctor.device)
    moved = give(world, scene.doctor, scene.alert, scene.nurse.device, leaf=leaf)
    assert await scene.refused(moved) == ("V7", "path-invalid")
    await world.post(grant)


async def test_attack_a_grant_by_a_revoked_device(scene: Scene) -> None:
    world = scene.world
    grant = give(world, scene.doctor, scene.alert, scene.nurse.device)
    device = scene.doctor.device
    await world.post(world.by_registrars("device.revoke", device=device, previous=world.previous(f"device/{device}")))
    assert await scene.refused(grant) == ("R1", "device-revoked")


async def test_attack_a_resealed_history_to_a_device_of_another_organisation(scene: Scene) -> None:
    world = scene.world
    alert = await world.alert(scene.author, "AMBER", {"topics": ["it"]})
    await world.post(alert)
    second = await world.enrol_device(scene.stranger)
    grant = give(world, scene.doctor, alert, second, "history")
    assert await scene.refused(grant) == ("R13", "other-organisation")


async def test_attack_a_grant_after_expiry(scene: Scene) -> None:
    world = scene.world
    world.now += 15 * DAY
    grant = give(world, scene.doctor, scene.alert, scene.nurse.device)
    assert await scene.refused(grant) == ("R15", "expired")


async def test_attack_a_repeated_grant(scene: Scene) -> None:
    world = scene.world
    first, again = (give(world, scene.doctor, scene.alert, scene.nurse.device) for _ in range(2))
    with pytest.raises(Refused) as refused:
        await world.post(first, again)  # both in one request: what is staged counts
    assert (refused.value.index, refused.value.code) == (1, "already-recipient")
    await world.post(first)
    assert await scene.refused(again) == ("R12", "already-recipient")
    by_another = give(world, scene.second, scene.alert, scene.nurse.device)
    assert await scene.refused(by_another) == ("R12", "already-recipient")
    assert await scene.refused(give(world, scene.doctor, scene.alert, scene.second.device)) == (
        "R12", "already-recipient",
    )  # fmt: skip


async def test_attack_a_wrong_permission(scene: Scene) -> None:
    world = scene.world
    other = await scene.release()
    asked, elsewhere = (ask(world, scene.doctor, alert, b"{}", scene.author) for alert in (scene.alert, other))
    await world.post(asked, elsewhere)
    named = [scene.stranger.person]
    right, wrong = (answer(world, scene.author, one, named, None) for one in (asked, elsewhere))
    nobody = answer(world, scene.author, asked, [scene.nurse.person], None)
    await world.post(right, wrong, nobody)
    to = scene.stranger.device
    for statement, code in (
        (wrong.id, "not-permitted"),
        (nobody.id, "not-permitted"),
        (scene.alert.id, "permission-unknown"),
        ("0" * 64, "permission-unknown"),
    ):
        grant = give(world, scene.doctor, scene.alert, to, permission=statement)
        assert await scene.refused(grant) == ("R12", code)
    await world.post(give(world, scene.doctor, scene.alert, to, permission=right.id))


async def test_attack_a_grant_of_an_alert_that_is_not_released(scene: Scene) -> None:
    world = scene.world
    core = {"approvals": 1, "approvers": [scene.approver.person]}
    proposal = await world.alert(scene.author, "AMBER", {"organisations": [scene.hospital]}, core=core)
    await world.post(proposal)
    grant = give(world, scene.doctor, proposal, scene.nurse.device)
    assert await scene.refused(grant) == (None, "alert-unknown")


async def test_attack_a_grant_that_names_another_journal(scene: Scene) -> None:
    world = scene.world
    seen = world.exchange_server.seen().to_json()
    for journal, code in (
        ({**seen["journal"], "root": "0" * 64}, "journal-root"),
        ({**seen["journal"], "size": seen["journal"]["size"] + 9}, "journal-ahead"),
    ):
        grant = give(world, scene.doctor, scene.alert, scene.nurse.device, seen={**seen, "journal": journal})
        assert await scene.refused(grant) == ("A2", code)


async def test_attack_a_history_by_another_grant_than_the_granters_own(scene: Scene) -> None:
    world = scene.world
    second = await world.enrol_device(scene.doctor)
    to_nurse = give(world, scene.second, scene.alert, scene.nurse.device)
    await world.post(to_nurse)
    for via in (scene.alert.id, "0" * 64):
        wrong = give(world, scene.nurse, scene.alert, second, "history", via=via)
        assert await scene.refused(wrong) == ("R13", "grantor-without-alert")


async def test_history_by_a_grant_of_ones_own(scene: Scene) -> None:
    world = scene.world
    to_nurse = give(world, scene.second, scene.alert, scene.nurse.device)
    await world.post(to_nurse)
    second = await world.enrol_device(scene.doctor)
    await world.post(give(world, scene.nurse, scene.alert, second, "history", via=to_nurse.id))


async def test_a_newcomer_is_served_by_the_author(scene: Scene) -> None:
    world = scene.world
    late = await world.enrol("S. Später", scene.hospital, "officer", topics=("it",))
    await world.post(give(world, scene.author, scene.alert, late.device, "newcomer"))
    grant = give(world, scene.author, scene.alert, scene.stranger.device, "newcomer")
    assert await scene.refused(grant) == ("R12", "not-recipient")


async def test_attack_an_all_clear_given_to_a_newcomer_who_had_no_earlier_version(scene: Scene) -> None:
    """An all-clear's audience is who had it before, and not whom the audience expression would name by now."""
    world = scene.world
    late = await world.enrol("S. Später", scene.hospital, "officer", topics=("it",))
    clear = await world.version(scene.author, scene.alert, "all-clear")
    await world.post(clear)
    for stranger in (late, scene.stranger):
        assert await scene.refused(give(world, scene.author, clear, stranger.device, "newcomer")) == (
            "R12",
            "not-recipient",
        )
    second = await world.enrol_device(scene.doctor)
    await world.post(give(world, scene.author, clear, second, "newcomer"))


async def test_a_grantee_gives_receipts_and_reacts(scene: Scene) -> None:
    world = scene.world
    reaction = react(world, scene.nurse, scene.alert, b'{"level":"affected"}', scene.author)
    assert (await scene.refused(reaction))[1] == "receipt-without-leaf"
    await world.post(give(world, scene.doctor, scene.alert, scene.nurse.device))
    body = world.common(issuer={"device": scene.nurse.device}, alerts=[scene.alert.id], level="read")
    receipt = world.sign("alert.receipt", {**body, "not_after": world.now + 300}, scene.nurse.signer)
    await world.post(receipt, reaction)


async def test_one_device_grants_so_many_times_a_day(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(granting, "MOST_A_DAY", 1)
    world = scene.world
    other = await world.enrol("O. Offizier", scene.hospital, "officer")
    one, two = (give(world, scene.doctor, scene.alert, member.device) for member in (scene.nurse, other))
    with pytest.raises(Refused) as refused:
        await world.post(one, two)
    assert refused.value.code == "grant-limit"
    await world.post(one)
    assert await scene.refused(two) == (None, "grant-limit")
    world.now += DAY
    await world.post(give(world, scene.doctor, scene.alert, other.device))


async def test_grants_are_remembered_over_a_restart_and_listed_as_earlier_recipients(scene: Scene) -> None:
    world = scene.world
    grant = give(world, scene.doctor, scene.alert, scene.nurse.device)
    [result] = (await world.post(grant)).results
    await world.stop()
    await world.start()
    server = world.exchange_server
    assert server.state.grants.by_statement[grant.id] == (scene.alert.id, scene.nurse.device)
    assert server.state.granted_on(scene.doctor.device, grant.at // DAY) == 1
    found = await server.store.read(grant_rows.find, scene.alert.id, scene.nurse.device)
    assert found is not None and (found.grantor, found.purpose) == (scene.doctor.device, "onward")
    alert = scene.alert.alert.core.alert
    for end, wanted in ((result.index + 1, (result.index,)), (result.index, ())):
        assert await server.store.read(grant_rows.about, scene.alert.id, 0, end, 10) == wanted
    assert server.state.grants.grantees([scene.alert.id], result.index + 1) == {scene.nurse.device}
    assert server.state.grants.grantees([scene.alert.id], result.index) == frozenset()
    assert server.state.grantees(alert, 2, result.index + 1) == {scene.nurse.person}
    assert server.state.grantees(alert, 1, result.index + 1) == frozenset()
    assert await scene.refused(give(world, scene.doctor, scene.alert, scene.nurse.device)) == (
        "R12", "already-recipient",
    )  # fmt: skip
