"""Attacks with grants: withheld, moved, forged, or forbidden and accepted by an exchange that lies (G1 to G5)."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.client import share
from exchange.client.errors import GRANT_STEPS, VerificationError
from exchange.client.state import Failure
from exchange.client.sync import letter
from exchange.model.entry import AlertMark, GrantMark
from exchange.model.scalars import DAY
from exchange.model.statements import Statement
from exchange.policy.replay import AlertRefusal
from keys import encoding
from tests.attacks.lying import Forgery, mark_of, told
from tests.attacks.scene import Scene, Victim
from tests.support.grants import give, leaf_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRANTS = "/v1/grants"


async def named(scene: Scene, label: str = "AMBER", *people: str, **options: Any) -> Statement:
    """A released alert to these persons, by default to the doctor alone."""
    persons = scene.candidates(*(scene.people[name] for name in people or ("doctor",)))
    audience = {"persons": persons} if label != "GREEN" else {"organisations": [scene.hospital], "topics": ["none"]}
    if label == "GREEN":
        audience = {"persons": persons}
    return await scene.release(label=label, audience=audience, **options)


async def fails(victim: Victim, grant: Statement, alert: Statement, step: int, code: str, rule: str = "") -> Failure:
    """The grant is refused with exactly this, the alert stays closed, and the round goes on."""
    synced = await victim.sync()
    assert alert.id not in synced.opened
    assert victim.state.content(alert.id) is None
    found = [failure for failure in victim.state.failures() if failure.subject == grant.id]
    assert [(f.step - GRANT_STEPS, f.code, f.rule) for f in found] == [(step, code, rule)], found
    assert found[0].evidence and found[0].detail
    return found[0]


async def forged(
    victim: Victim, grant: Statement, alert: Statement, *, chain: Statement | None = None, mark: GrantMark | None = None
) -> Forgery:
    """The exchange accepts a grant that no honest one would, and shows it with its alert."""
    forgery = await victim.forge()
    await forgery.serve(alert, forgery.index_of("journal", alert.id))
    mark = mark or GrantMark(ephemeral=grant.body.ephemeral, tag=grant.body.tag)  # type: ignore[attr-defined]
    index = await forgery.insert_journal(grant, grant=mark)
    item: dict[str, Any] = {"alert": alert.id, "envelope": grant.envelope.to_json(), "index": index}
    if chain is not None:
        item["chain"] = chain.envelope.to_json()
    victim.lying.say("GET", GRANTS, told({"grants": [item]}))
    return forgery


async def enrolment(scene: Scene, device: str) -> Statement:
    """The statement that enrolled a device, from the honest registry."""
    replica = (await scene.informed("author")).member.replica
    index = next(i for i, e in enumerate(replica.history.entries) if e.subject == f"device/{device}")
    found = replica.history.statement(index)
    assert found is not None
    return found


# -- honest ---------------------------------------------------------------------------------------------------------------


async def test_a_grant_is_opened_by_its_device_and_says_who_gave_it(scene: Scene) -> None:
    alert = await named(scene)
    doctor, porter = await scene.informed("doctor"), await scene.informed("porter")
    assert porter.state.alert(alert.id).status == "absent"  # type: ignore[union-attr]
    people = {c.person: c.decision.code for c in share.who(doctor.member, alert.id)}
    assert people[scene.porter.person] == "colleague"
    assert people[scene.author.person] == "already-recipient"
    assert people[scene.approver.person] == "other-organisation"
    given, left = await share.share(doctor.member, alert.id, [scene.porter.person])
    assert [one.device for one in given] == [scene.porter.device] and left == []
    assert doctor.state.failures() == []
    synced = await porter.sync()
    assert synced.opened == (alert.id,) and synced.failures == ()
    facts = letter(porter.member, alert.id).facts
    assert facts["grant"]["person"] == scene.doctor.person and facts["mine"] == {"code": "colleague", "rule": "R12"}
    with pytest.raises(AlertRefusal) as refused:
        await share.share(doctor.member, alert.id, [scene.porter.person])
    assert (refused.value.rule, refused.value.code) == ("R12", "already-recipient")
    # Who was given an alert passes it on as history, and not onward.
    assert {c.decision.code for c in share.who(porter.member, alert.id) if c.person == scene.doctor.person} == {
        "grantor-without-alert"
    }


async def test_green_reaches_a_stranger_whose_granter_is_shown_by_the_exchange(scene: Scene) -> None:
    alert = await named(scene, "GREEN")
    driver = await scene.informed("driver")
    await scene.world.post(give(scene.world, scene.doctor, alert, scene.driver.device))
    synced = await driver.sync()
    assert synced.opened == (alert.id,) and synced.failures == ()
    assert "person" not in letter(driver.member, alert.id).facts["grant"]


# -- attacks ----------------------------------------------------------------------------------------------------------------


async def test_a_withheld_grant_is_caught_by_its_grantee(scene: Scene) -> None:
    alert = await named(scene)
    porter = await scene.informed("porter")
    grant = give(scene.world, scene.doctor, alert, scene.porter.device)
    await scene.world.post(grant)
    porter.lying.say("GET", GRANTS, told({"grants": []}))
    await fails(porter, grant, alert, 1, "grant-withheld")
    porter.lying.say("GET", GRANTS, told({"code": "not-entitled", "detail": "no"}, 403))
    await fails(porter, grant, alert, 1, "grant-withheld")
    porter.lying.repent()
    await porter.opens(alert)


async def test_a_device_that_never_followed_before_is_not_told_that_a_grant_stands_for_its_leaf(scene: Scene) -> None:
    """An alert addressed to the porter, shown as if it had only been given to it, by a grant that is not there."""
    alert = await named(scene, "AMBER", "porter")
    porter = await scene.unaware("porter")
    honest = await scene.honest_answer(alert, "porter")
    del honest["leaf"]
    porter.lying.say("GET", f"/v1/alerts/{alert.id}", told({**honest, "grant": {"index": 0}}))
    await porter.rejects(alert, 7, "withheld")


async def test_a_grant_entry_whose_mark_is_not_the_statements_is_caught_by_the_granter(scene: Scene) -> None:
    alert = await named(scene)
    doctor = await scene.informed("doctor")
    honest = doctor.lying

    async def swallowed(_: Any, tell: Any) -> Any:
        answer = await tell()
        forgery = await doctor.forge()
        index = forgery.size("journal") - 1
        mark = forgery.entry("journal", index).grant
        assert mark is not None
        forgery.rewrite("journal", index, grant=mark.model_copy(update={"tag": encoding.b64u(bytes(8))}))
        value = encoding.decode(answer.body, max_bytes=1 << 20)
        return told({**value, "journal": forgery.note("journal").decode()})

    honest.lie("POST", "/v1/statements", swallowed)
    with pytest.raises(VerificationError) as caught:
        await share.share(doctor.member, alert.id, [scene.porter.person])
    assert (caught.value.name, caught.value.code) == ("V4", "entry-differs")


async def test_a_grant_entry_whose_mark_is_not_the_statements_is_caught_by_the_grantee(scene: Scene) -> None:
    alert = await named(scene)
    porter = await scene.informed("porter")
    right = give(scene.world, scene.doctor, alert, scene.porter.device)
    mark = GrantMark(ephemeral=right.body.ephemeral, tag=right.body.tag)  # type: ignore[attr-defined]
    grant = give(scene.world, scene.doctor, alert, scene.porter.device)
    await forged(porter, grant, alert, mark=mark)
    await fails(porter, grant, alert, 1, "entry-differs")


async def test_another_grant_shown_in_the_place_of_the_entrys(scene: Scene) -> None:
    alert = await named(scene)
    porter = await scene.informed("porter")
    grant, other = (give(scene.world, scene.doctor, alert, scene.porter.device) for _ in range(2))
    forgery = await forged(porter, grant, alert)
    item = {"alert": alert.id, "envelope": other.envelope.to_json(), "index": forgery.size("journal") - 1}
    porter.lying.say("GET", GRANTS, told({"grants": [item]}))
    await fails(porter, grant, alert, 1, "entry-mismatch")


async def test_a_granted_stanza_of_another_alert(scene: Scene) -> None:
    alert, other = await named(scene), await named(scene)
    scene.people["cheated"] = await scene.world.enrol("B. Betrogen", scene.hospital, "officer")
    victim = await scene.informed("cheated")
    grant = give(scene.world, scene.doctor, alert, scene.cheated.device, sealed=other)
    await scene.world.post(grant)  # the server cannot see it
    await fails(victim, grant, alert, 5, "stanza-invalid")


async def test_a_grant_with_anothers_leaf_proof(scene: Scene) -> None:
    alert = await named(scene)
    porter = await scene.informed("porter")
    leaf = leaf_of(scene.world, alert, scene.author.device)
    grant = give(scene.world, scene.doctor, alert, scene.porter.device, leaf=leaf)
    await forged(porter, grant, alert)
    await fails(porter, grant, alert, 4, "path-invalid", "V7")


async def test_a_grant_of_red(scene: Scene) -> None:
    core = {"approvals": 1, "approvers": scene.candidates(scene.approver)}
    persons = scene.candidates(scene.doctor)
    proposal = await scene.sealed({"persons": persons}, "RED", core=core)
    red = scene.world.approve(proposal, scene.approver)
    scene.world.sealed[red.id] = scene.world.sealed[proposal.id]
    await scene.world.post(proposal)
    await scene.world.post(red)
    porter, doctor = await scene.informed("porter"), await scene.informed("doctor")
    assert {c.decision.code for c in share.who(doctor.member, red.id) if c.person == scene.porter.person} == {
        "red-never"
    }
    grant = give(scene.world, scene.doctor, red, scene.porter.device)
    await forged(porter, grant, red)
    await fails(porter, grant, red, 4, "red-never", "R12")


async def test_a_grant_of_amber_to_a_stranger(scene: Scene) -> None:
    alert = await named(scene)
    driver = await scene.informed("driver")
    grant = give(scene.world, scene.doctor, alert, scene.driver.device)
    await forged(driver, grant, alert, chain=await enrolment(scene, scene.doctor.device))
    await fails(driver, grant, alert, 4, "other-organisation", "R12")


@pytest.mark.parametrize("chain", ["missing", "anothers", "made-up"])
async def test_a_grant_by_a_device_whose_enrolment_is_not_the_registrys(scene: Scene, chain: str) -> None:
    alert = await named(scene, "GREEN")
    driver = await scene.informed("driver")
    grant = give(scene.world, scene.doctor, alert, scene.driver.device)
    shown = None
    if chain == "anothers":
        shown = await enrolment(scene, scene.porter.device)
    elif chain == "made-up":
        body = encoding.decode((await enrolment(scene, scene.doctor.device)).envelope.body, max_bytes=1 << 16)
        shown = scene.world.sign(
            "device.enrol", {**body, "nonce": scene.world.random.id()}, *scene.world.registrars[:2]
        )
    await forged(driver, grant, alert, chain=shown)
    code = {"missing": "signer-unknown", "anothers": "signature-extra", "made-up": "device-not-in-force"}[chain]
    await fails(driver, grant, alert, 2, code)


async def test_a_grant_of_what_the_granter_never_received(scene: Scene) -> None:
    alert = await named(scene)
    late = await scene.world.enrol("N. Neu", scene.hospital, "officer")
    scene.people["late"] = late
    porter = await scene.informed("porter")
    grant = give(scene.world, late, alert, scene.porter.device)
    await forged(porter, grant, alert)
    failure = await fails(porter, grant, alert, 4, "leaf-place", "V7")
    assert "statement" in failure.evidence


async def test_a_grant_by_a_revoked_device(scene: Scene) -> None:
    world = scene.world
    lost = await world.enrol("L. Verloren", scene.hospital, "officer")
    scene.people["lost"] = lost
    alert = await named(scene, "AMBER", "lost")
    grant = give(world, lost, alert, scene.porter.device)
    await world.post(
        world.by_registrars("device.revoke", device=lost.device, previous=world.previous(f"device/{lost.device}"))
    )
    porter = await scene.informed("porter")
    await forged(porter, grant, alert)
    await fails(porter, grant, alert, 2, "device-revoked")


async def test_a_resealed_history_to_a_device_of_another_organisation(scene: Scene) -> None:
    alert = await named(scene)
    driver = await scene.informed("driver")
    grant = give(scene.world, scene.doctor, alert, scene.driver.device, "history")
    await forged(driver, grant, alert, chain=await enrolment(scene, scene.doctor.device))
    await fails(driver, grant, alert, 4, "other-organisation", "R13")


async def test_a_grant_after_expiry(scene: Scene) -> None:
    alert = await named(scene)
    porter = await scene.informed("porter")
    with scene.later(15 * DAY):
        grant = give(scene.world, scene.doctor, alert, scene.porter.device)
        await forged(porter, grant, alert)
        await fails(porter, grant, alert, 4, "expired", "R15")


async def test_a_grant_accepted_outside_its_time_window(scene: Scene) -> None:
    alert = await named(scene)
    porter = await scene.informed("porter")
    grant = give(scene.world, scene.doctor, alert, scene.porter.device)
    with scene.later(DAY):
        await forged(porter, grant, alert)
        await fails(porter, grant, alert, 2, "time-window")


async def test_a_grant_whose_giver_was_shown_another_journal(scene: Scene) -> None:
    alert = await named(scene)
    porter = await scene.informed("porter")
    seen = scene.world.exchange_server.seen().to_json()
    other = {**seen, "journal": {**seen["journal"], "root": "0" * 64}}
    grant = give(scene.world, scene.doctor, alert, scene.porter.device, seen=other)
    await forged(porter, grant, alert)
    await fails(porter, grant, alert, 2, "journal-root", "A2")


async def test_a_grant_of_an_outdated_version(scene: Scene) -> None:
    alert = await named(scene)
    porter = await scene.informed("porter")
    grant = give(scene.world, scene.doctor, alert, scene.porter.device)
    forgery = await porter.forge()
    later = await named(scene)
    second = AlertMark(audience=mark_of(later).audience, id=alert.alert.core.alert, version=2)
    await forgery.insert_journal(later, alert=second)
    await forgery.serve(alert, forgery.index_of("journal", alert.id))
    mark = GrantMark(ephemeral=grant.body.ephemeral, tag=grant.body.tag)  # type: ignore[attr-defined]
    index = await forgery.insert_journal(grant, grant=mark)
    item = {"alert": alert.id, "envelope": grant.envelope.to_json(), "index": index}
    porter.lying.say("GET", GRANTS, told({"grants": [item]}))
    await fails(porter, grant, alert, 4, "not-newest", "R12")
