"""From publish to receipt over a whole exchange in memory: what honest members and an honest exchange do together."""

from pathlib import Path

import pytest

from exchange.client import approve, publish
from exchange.client.attachments import SourceFile
from exchange.client.completeness import count
from exchange.client.draft import prepare, preview
from exchange.client.errors import ClientError, SourceError
from exchange.client.publish import PreviewChanged
from exchange.client.receipts import read
from exchange.client.source import SourceAudience
from exchange.client.sync import letter, sync
from exchange.client.weeks import weeks_left
from exchange.policy.replay import AlertRefusal
from tests.support.scene import Partnership, partnership, source


@pytest.fixture
def scene(tmp_path: Path):
    made = partnership(tmp_path)
    yield made
    made.scene.close()


async def ready(scene: Partnership, *people) -> list:
    """Members of these people with weekly keys published."""
    members = [scene.scene.member(person) for person in people]
    for member in members:
        await sync(member)
    for member in members:
        await sync(member)
    return members


async def test_a_published_alert_is_opened_by_its_recipients_and_receipted(scene):
    author, officer, baker = await ready(scene, scene.author, scene.officer, scene.baker)
    await sync(author)
    draft = prepare(source(), author)
    released = await publish.publish(draft, author)
    assert released.released

    synced = await sync(officer)
    assert synced.opened == (released.statement,)
    assert synced.failures == ()
    text = letter(officer, released.statement).content.texts[0]
    assert (text.title, text.advice) == ("Kupferdiebstahl", "Melden Sie Beobachtungen.")
    assert (released.statement, scene.officer.device, "received") in scene.sim.receipts
    assert count(officer).total == count(officer).opened == 1

    await read(officer, released.statement)
    assert (released.statement, scene.officer.device, "read") in scene.sim.receipts
    assert (await sync(officer)).unsent == ()

    synced = await sync(baker)
    assert synced.opened == () and synced.failures == ()
    assert [row.status for row in baker.state.alerts()] == ["absent"]


async def test_the_preview_names_who_receives_it_and_who_does_not_and_why(scene):
    (author,) = await ready(scene, scene.author)
    await ready(scene, scene.officer)
    await sync(author)
    shown = preview(prepare(source(), author), author)
    reasons = {
        row.name: (row.decision.allowed, row.decision.rule, row.decision.code)
        for row in (*shown.receivers, *shown.left_out)
    }
    assert reasons["Olga Offizier"] == (True, "R5", "selected")
    assert reasons["Berta Bäcker"] == (False, "R5", "not-addressed")
    assert reasons["Anna Autorin"] == (True, "R2", "author")
    assert scene.colleague.device in shown.keyless


async def test_a_device_without_a_key_learns_that_it_was_addressed(scene):
    author, _ = await ready(scene, scene.author, scene.officer)
    await sync(author)
    released = await publish.publish(prepare(source(), author), author)
    colleague = scene.scene.member(scene.colleague)
    synced = await sync(colleague)
    assert synced.failures == ()
    assert colleague.state.alert(released.statement).status == "keyless"
    assert count(colleague).total == 1 and count(colleague).opened == 0


async def test_a_red_alert_needs_its_approver_and_reaches_the_named_person_alone(scene):
    author, approver, officer, colleague = await ready(
        scene, scene.author, scene.approver, scene.officer, scene.colleague
    )
    await sync(author)
    wanted = source("RED", SourceAudience(persons=("olga offizier",)), approvers=("Paul Prüfer",))
    proposed = await publish.publish(prepare(wanted, author), author)
    assert not proposed.released
    assert (await sync(officer)).opened == ()

    await sync(approver)
    (proposal,) = await approve.proposals(approver)
    assert proposal.opened.content.texts[0].title == "Kupferdiebstahl"
    assert set(proposal.places) == {scene.author.device, scene.approver.device, scene.officer.device}
    released = await approve.approve(proposal, approver)
    assert released.released
    assert await approve.proposals(approver) == []

    for member in (author, approver, officer):
        assert (await sync(member)).opened == (released.statement,)
    assert (await sync(colleague)).opened == ()
    facts = letter(officer, released.statement).facts
    assert facts["approvals"] == [scene.approver.id] and facts["mine"] == {"code": "named", "rule": "R3"}


async def test_a_rejected_proposal_is_closed(scene):
    author, approver, _ = await ready(scene, scene.author, scene.approver, scene.officer)
    await sync(author)
    wanted = source("RED", SourceAudience(persons=("Olga Offizier",)), approvers=("Paul Prüfer",))
    await publish.publish(prepare(wanted, author), author)
    await sync(approver)
    (proposal,) = await approve.proposals(approver)
    await approve.reject(proposal, approver, "audience")
    assert await approve.proposals(approver) == []
    with pytest.raises(ClientError, match="released or rejected"):
        await approve.approve(proposal, approver)


async def test_a_clear_alert_is_public_and_verified_with_its_approval(scene):
    author, approver, baker = await ready(scene, scene.author, scene.approver, scene.baker)
    await sync(author)
    await publish.publish(prepare(source("CLEAR", approvers=("Paul Prüfer",)), author), author)
    await sync(approver)
    (proposal,) = await approve.proposals(approver)
    released = await approve.approve(proposal, approver)
    synced = await sync(baker)
    assert synced.opened == (released.statement,)
    assert baker.state.alert(released.statement).status == "public"
    assert scene.sim.receipts == []


async def test_attachments_are_sealed_and_kept_sealed(scene):
    author, officer = await ready(scene, scene.author, scene.officer)
    await sync(author)
    photo = SourceFile("foto.jpg", "image/jpeg", b"JPEG " * 300_000)
    released = await publish.publish(prepare(source(attachments=(photo,)), author), author)
    await sync(officer)
    assert officer.state.attachment(released.statement, 1) == photo.data
    stored = officer.state.attachment_file(released.statement, 1).read_bytes()
    assert b"JPEG" not in stored
    assert b"Kupferdiebstahl" not in officer.state.path.read_bytes()
    assert all(b"Kupferdiebstahl" not in blob and b"JPEG" not in blob for blob in scene.sim.blobs.values())


async def test_what_the_policy_refuses_is_shown_with_its_rule_and_not_published(scene):
    (author,) = await ready(scene, scene.author)
    await sync(author)
    draft = prepare(source("RED", approvers=("Paul Prüfer",)), author)
    assert (draft.verdict.alert.rule, draft.verdict.alert.code) == ("R3", "red-names-persons-only")
    assert not draft.allowed
    with pytest.raises(AlertRefusal) as refusal:
        await publish.publish(draft, author)
    assert refusal.value.rule == "R3"


async def test_a_roster_that_changed_since_the_preview_stops_publishing(scene):
    author, _ = await ready(scene, scene.author, scene.officer)
    await sync(author)
    draft = prepare(source(), author)
    scene.scene.suspend(scene.works)
    with pytest.raises(PreviewChanged) as changed:
        await publish.publish(draft, author)
    assert scene.officer.id in changed.value.differs["persons-lost"]
    assert scene.sim.alerts == {}


async def test_weekly_keys_are_published_ahead_and_destroyed_after_their_time(scene):
    (officer,) = await ready(scene, scene.officer)
    assert weeks_left(officer) >= 8
    first = min(officer.identity.epochs)
    scene.sim.now += 22 * 7 * 86_400
    await sync(officer)
    await sync(officer)
    assert first not in officer.identity.epochs
    assert weeks_left(officer) >= 8


async def test_a_device_enrolled_later_skips_what_was_released_before(scene):
    author, _ = await ready(scene, scene.author, scene.officer)
    await sync(author)
    released = await publish.publish(prepare(source(), author), author)
    scene.scene.device(scene.officer)
    later = scene.scene.member(scene.officer, 1)
    synced = await sync(later)
    assert synced.failures == ()
    assert later.state.alert(released.statement).status == "earlier"


async def test_a_new_author_elsewhere_makes_hidden_statements_visible_and_the_registry_replays(scene):
    _, baker = await ready(scene, scene.officer, scene.baker)
    assert baker.replica.names.get("organisation", scene.works) is None
    scene.scene.person(scene.works, "Nora Neu", "author")
    await sync(baker)
    assert baker.replica.names.get("organisation", scene.works) == "Stadtwerke Essen"
    assert not baker.state.failures()


async def test_an_officer_who_becomes_author_sees_the_whole_registry_with_names(scene):
    (officer,) = await ready(scene, scene.officer)
    assert officer.replica.names.get("person", scene.baker.id) is None
    chain = f"person/{scene.officer.id}"
    scene.scene.registrars(
        "person.change",
        person=scene.officer.id,
        previous=scene.scene.newest(chain),
        roles=["administrator", "author", "officer"],
        topics=["it"],
    )
    await sync(officer)
    assert officer.replica.history.opaque == []
    assert officer.replica.names.get("person", scene.baker.id) == "Berta Bäcker"


async def test_an_alert_waits_without_blame_while_the_own_organisation_has_not_accepted_the_terms(scene):
    author, officer = await ready(scene, scene.author, scene.officer)
    await sync(author)
    released = await publish.publish(prepare(source(), author), author)
    terms = {"accept_by": scene.sim.now - 1, "document": {"length": 1, "sha256": "00" * 32}, "version": 1}
    scene.scene.registrars("terms.define", **terms)
    synced = await sync(officer, quiet=True)
    assert synced.failures == () and synced.count.open == 1
    assert officer.state.alert(released.statement).status == "pending"


async def test_a_name_that_two_persons_share_is_resolved_by_its_organisation(scene):
    author, _ = await ready(scene, scene.author, scene.officer)
    other = scene.scene.person(scene.bakery, "Olga Offizier", "officer")
    await sync(author)
    with pytest.raises(SourceError) as caught:
        prepare(source("AMBER", SourceAudience(persons=("Olga Offizier",))), author)
    assert caught.value.code == "name-ambiguous" and "Stadtwerke Essen" in caught.value.detail
    draft = prepare(source("AMBER", SourceAudience(persons=("OLGA offizier (Bäckerei Bochum)",))), author)
    assert draft.core.audience.persons == (other.id,)
    with pytest.raises(SourceError, match="did you mean Stadtwerke Essen"):
        prepare(source("AMBER", SourceAudience(organisations=("Stadtwerk Essen",))), author)


async def test_a_recipient_without_a_name_needs_a_confirmation(scene):
    await ready(scene, scene.author, scene.officer)

    def erase(value):
        for item in value["statements"]:
            item["openings"] = [o for o in item["openings"] if o["value"] != "Kurt Kollege"]

    scene.sim.lie_json("/v1/registry/statements", erase)
    blind = scene.scene.member(scene.author, home="blind")
    await sync(blind)
    draft = prepare(source(), blind)
    assert preview(draft, blind).nameless == (scene.colleague.id,)
    with pytest.raises(ClientError) as caught:
        await publish.publish(draft, blind)
    assert caught.value.code == "nameless-recipients"
    assert (await publish.publish(draft, blind, confirm_nameless=True)).released
