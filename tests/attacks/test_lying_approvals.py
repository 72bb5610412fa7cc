"""Attacks on four eyes: one approver twice, approvals of other bytes, ghosts in a proposal (V2 to V7)."""

from __future__ import annotations

import dataclasses

import pytest

from exchange.client import approve
from exchange.model.statements import Statement, parse_statement
from keys.envelope import Envelope
from tests.attacks.lying import Forgery, raw, told
from tests.attacks.scene import Scene, Victim

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALERT = "/v1/alerts/(?P<id>[0-9a-f]{64})"


# -- four eyes -------------------------------------------------------------------------------------------------------------------


RED = "RED"


async def _red(scene: Scene, victim: Victim, approvals: int, *candidates: str) -> tuple[Forgery, Statement]:
    """An unposted RED alert to the doctor over a forged history."""
    forgery = await victim.forge()
    people = [scene.people[name] for name in candidates]
    core = {"approvals": approvals, "approvers": scene.candidates(*people)}
    audience = {"persons": [scene.doctor.person]}
    return forgery, await scene.forged_alert(forgery, audience=audience, label=RED, core=core)


async def test_one_approver_twice(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery, alert = await _red(scene, victim, 2, "approver", "second")
    for device in scene.approver.devices:
        alert = parse_statement(scene.cosigned(alert.envelope, scene.approver.signers[device]))
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 5, "approver-twice", "R8")


async def test_author_as_approver(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery, alert = await _red(scene, victim, 1, "approver")
    own = scene.author.signers[scene.author.devices[1]]
    alert = parse_statement(scene.cosigned(alert.envelope, own))
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 5, "approver-is-author", "R8")


async def test_approver_who_is_no_candidate(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery, alert = await _red(scene, victim, 1, "approver")
    alert = scene.world.approve(alert, scene.second)
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 5, "approver-not-candidate", "R8")


async def test_approver_of_another_organisation(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery, alert = await _red(scene, victim, 1, "porter")
    alert = scene.world.approve(alert, scene.porter)
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 5, "approver-other-organisation", "R9")


async def test_released_without_its_approvals(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery, alert = await _red(scene, victim, 1, "approver")
    await forgery.insert_journal(alert, kind="alert.released")
    await victim.rejects(alert, 5, "approvals-missing", "R8")


async def test_released_with_fewer_approvals_than_the_policy_demands(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery, alert = await _red(scene, victim, 0)
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 5, "approvals-below-policy", "R8")


async def test_released_with_an_approval_too_many(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery, alert = await _red(scene, victim, 1, "approver", "second")
    alert = scene.world.approve(scene.world.approve(alert, scene.approver), scene.second)
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 5, "approvals-too-many", "R8")


async def test_approval_of_other_bytes(scene: Scene) -> None:
    """The approver signed one proposal; the server puts the signature under another of the same author."""
    victim = await scene.informed("doctor")
    forgery, harmless = await _red(scene, victim, 1, "approver")
    _, other = await _red(scene, victim, 1, "approver")
    victim.lying.forgery = forgery
    approved = scene.world.approve(harmless, scene.approver).envelope
    theirs = [s for s in approved.signatures if s.key_id == scene.approver.signer.public.key_id]
    lines = sorted([*other.envelope.signatures, *theirs], key=lambda s: s.keyid)
    alert = parse_statement(Envelope("alert", other.envelope.body, tuple(lines)))
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 3, "signature-invalid")


async def test_approver_revoked_before_acceptance(scene: Scene) -> None:
    world = scene.world
    victim = await scene.informed("doctor")
    forgery, alert = await _red(scene, victim, 1, "second")
    alert = world.approve(alert, scene.second)
    device = scene.second.device
    forgery.insert_registry(
        world.by_registrars("device.revoke", device=device, previous=world.previous(f"device/{device}"))
    )
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 3, "approver-device-revoked")


# -- proposals ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipients", "code", "rule"),
    [
        (("author", "approver", "doctor", "porter", "driver"), "leaf-count", "R16"),
        (("author", "approver", "doctor"), "leaf-count", "R16"),
        (("author", "approver", "doctor", "driver"), "recipient-missing", "R9"),
    ],
    ids=["ghost-leaf", "dropped-leaf", "swapped-leaf"],
)
async def test_ghost_device_in_a_proposal_is_seen_by_the_approver(
    scene: Scene, recipients: tuple[str, ...], code: str, rule: str
) -> None:
    victim = await scene.informed("approver")
    forgery = await victim.forge()
    devices = [device for name in recipients for device in scene.people[name].devices]
    core = {"approvals": 1, "approvers": [scene.approver.person]}
    proposal = await scene.forged_alert(forgery, core=core, recipients=devices)
    await forgery.insert_journal(proposal)
    await victim.sync()
    assert proposal.id not in [p.opened.statement.id for p in await approve.proposals(victim.member)]
    victim.failure(proposal.id, 5, code, rule)


async def test_leaf_list_of_another_alert_is_seen_by_the_approver(scene: Scene) -> None:
    """The server hides a ghost leaf behind an honest list: the list must lead to the signed root."""
    victim = await scene.informed("approver")
    forgery = await victim.forge()
    core = {"approvals": 1, "approvers": [scene.approver.person]}
    proposal = await scene.forged_alert(forgery, core=core)
    leaves = list(await scene.leaves(proposal))
    ghost = dataclasses.replace(leaves[-1], tag=b"\xff" * 8, stanza_id=bytes(32))
    await forgery.insert_journal(await scene.resealed(proposal, [*leaves, ghost]))
    shown = b"".join(leaf.summary().encode() for leaf in leaves)
    victim.lying.say("GET", f"{ALERT}/leaves", raw(shown))
    await victim.sync()
    wrong = forgery.entry("journal", -1).statement
    assert wrong not in [p.opened.statement.id for p in await approve.proposals(victim.member)]
    victim.failure(wrong, 7, "root-mismatch", "V7")


async def test_proposal_with_other_bytes_is_seen_by_the_approver(scene: Scene) -> None:
    victim = await scene.informed("approver")
    forgery = await victim.forge()
    core = {"approvals": 1, "approvers": [scene.approver.person]}
    proposal, other = [await scene.forged_alert(forgery, core=core) for _ in range(2)]
    await forgery.insert_journal(proposal)
    await forgery.serve(other, 0)
    victim.lying.say("GET", f"/v1/alerts/{proposal.id}", told(forgery.alert(other.id, scene.tag(other, "approver"))))
    await victim.sync()
    assert proposal.id not in [p.opened.statement.id for p in await approve.proposals(victim.member)]
    victim.failure(proposal.id, 2, "statement-mismatch")
