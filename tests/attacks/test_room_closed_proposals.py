"""Attacks on a proposal's way to its approver: made-up rejections and releases, approvals at the same moment (V2 to V5)."""

from __future__ import annotations

import pytest

from exchange.client import approve
from exchange.model.alert import AlertBody
from exchange.model.entry import RELEASED, AlertMark, AudienceHead
from exchange.model.statements import Statement, parse_statement
from keys import encoding
from keys.envelope import Envelope
from keys.sign import sign_statement
from keys.stanza import AudienceTree, leaf_hash
from tests.attacks.lying import Forgery, mark_of, told
from tests.attacks.scene import Scene, Victim
from tests.support.world import Member as Person

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _proposed(scene: Scene, victim: Victim, approvals: int = 1) -> tuple[Forgery, Statement]:
    forgery = await victim.forge()
    core = {"approvals": approvals, "approvers": scene.candidates(scene.approver, scene.second)}
    proposal = await scene.forged_alert(forgery, core=core)
    await forgery.insert_journal(proposal)
    return forgery, proposal


async def _waiting(victim: Victim) -> list[str]:
    await victim.sync()
    return [proposal.opened.statement.id for proposal in await approve.proposals(victim.member)]


def _rejection(scene: Scene, forgery: Forgery, proposal: str, by: Person) -> Statement:
    """A rejection that this person signs."""
    world = scene.world
    body = world.common(
        alert=proposal,
        issuer={"device": by.device},
        not_after=world.now + 300,
        reason="other",
        seen=forgery.seen(),
    )
    return parse_statement(sign_statement("alert.reject", body, by.signer))


async def _rejected(forgery: Forgery, proposal: Statement, rejection: Statement, **changes: object) -> None:
    mark = AlertMark(id=proposal.alert.core.alert, version=proposal.alert.core.version)
    index = await forgery.insert_journal(rejection, alert=mark, kind="alert.rejected")
    forgery.rewrite("journal", index, **changes)


def _show(victim: Victim, statement: str, envelope: Envelope) -> None:
    victim.lying.say(
        "GET", f"/v1/statements/{statement}", told({"envelope": envelope.to_json(), "index": 0, "log": "journal"})
    )


async def test_rejection_by_nobody_does_not_silence_a_proposal(scene: Scene) -> None:
    victim = await scene.informed("approver")
    forgery, proposal = await _proposed(scene, victim)
    rejection = _rejection(scene, forgery, proposal.id, scene.second)
    await _rejected(forgery, proposal, rejection, statement="ab" * 32)
    assert await _waiting(victim) == [proposal.id]
    victim.failure("ab" * 32, 2, "withheld")


@pytest.mark.parametrize(
    ("by", "step", "code", "rule"),
    [
        ("doctor", 5, "approver-not-candidate", "R8"),
        ("author", 5, "approver-not-candidate", "R8"),
    ],
)
async def test_rejection_by_somebody_else_does_not_silence_a_proposal(
    scene: Scene, by: str, step: int, code: str, rule: str
) -> None:
    victim = await scene.informed("approver")
    forgery, proposal = await _proposed(scene, victim)
    rejection = _rejection(scene, forgery, proposal.id, scene.people[by])
    await _rejected(forgery, proposal, rejection)
    _show(victim, rejection.id, rejection.envelope)
    assert await _waiting(victim) == [proposal.id]
    victim.failure(rejection.id, step, code, rule)


async def test_rejection_of_another_proposal_is_not_replayed_against_this_one(scene: Scene) -> None:
    victim = await scene.informed("approver")
    forgery, proposal = await _proposed(scene, victim)
    rejection = _rejection(scene, forgery, "cd" * 32, scene.second)
    await _rejected(forgery, proposal, rejection)
    _show(victim, rejection.id, rejection.envelope)
    assert await _waiting(victim) == [proposal.id]
    victim.failure(rejection.id, 4, "other-proposal")


async def test_rejection_with_another_signature_set_than_its_entry(scene: Scene) -> None:
    victim = await scene.informed("approver")
    forgery, proposal = await _proposed(scene, victim)
    rejection = _rejection(scene, forgery, proposal.id, scene.second)
    await _rejected(forgery, proposal, rejection, signatures="ef" * 32)
    _show(victim, rejection.id, rejection.envelope)
    assert await _waiting(victim) == [proposal.id]
    victim.failure(rejection.id, 2, "entry-mismatch")


async def test_rejection_by_a_candidate_closes_the_proposal(scene: Scene) -> None:
    victim = await scene.informed("approver")
    forgery, proposal = await _proposed(scene, victim)
    rejection = _rejection(scene, forgery, proposal.id, scene.second)
    await _rejected(forgery, proposal, rejection)
    _show(victim, rejection.id, rejection.envelope)
    assert await _waiting(victim) == []
    assert not list(victim.state.failures())


async def test_release_made_up_with_an_audience_of_nobody_does_not_silence_a_proposal(scene: Scene) -> None:
    """Everybody is proven absent from a tree of the server's own making; the proposal still waits."""
    victim = await scene.informed("approver")
    forgery, proposal = await _proposed(scene, victim)
    mark = mark_of(proposal)
    assert mark.audience is not None
    tree = AudienceTree([leaf_hash(b"\xff" * 8, bytes(32))])
    empty = AudienceHead(depth=0, ephemeral=mark.audience.ephemeral, root=tree.root.hex())
    lie = AlertMark(audience=empty, id=mark.id, version=mark.version)
    made_up = "ab" * 32
    index = await forgery.insert_journal(proposal)
    forgery.rewrite("journal", index, kind=RELEASED, alert=lie, statement=made_up)
    neighbour = {"index": 0, "inner": bytes(32).hex(), "path": [], "tag": encoding.b64u(b"\xff" * 8)}
    victim.lying.say("GET", f"/v1/alerts/{made_up}", told({"index": 0, "neighbours": [neighbour]}))
    await forgery.serve(proposal, forgery.index_of("journal", proposal.id))
    assert await _waiting(victim) == [proposal.id]


async def test_two_approvers_at_the_same_moment_both_count(scene: Scene) -> None:
    """Their sets have as many signatures: the journal takes one, and the other approver must not believe to have signed."""
    world = scene.world
    core = {"approvals": 2, "approvers": scene.candidates(scene.approver, scene.second)}
    proposal = await scene.sealed(core=core)
    await world.post(proposal)
    victim = scene.newcomer("approver")
    await victim.sync()
    [waiting] = [p for p in await approve.proposals(victim.member) if p.opened.statement.id == proposal.id]
    rival = world.approve(proposal, scene.second)

    async def first(asked: object, honest: object) -> object:
        victim.lying.repent()
        await world.post(rival)
        return await honest()  # type: ignore[operator]

    victim.lying.lie("POST", "/v1/statements", first)  # type: ignore[arg-type]
    released = await approve.approve(waiting, victim.member)
    assert released.released
    statements = await victim.member.api.statement(proposal.id)
    body = parse_statement(statements).body
    assert isinstance(body, AlertBody)
    assert set(statements.signer_ids) == {
        person.signer.public.key_id for person in (scene.author, scene.approver, scene.second)
    }
    assert not victim.state.outgoing()
