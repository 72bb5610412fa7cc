"""Each numbered step refuses what it is for, keeps the evidence, and does not stop the alerts beside it."""

from pathlib import Path

import pytest

from exchange.client import publish
from exchange.client.draft import prepare
from exchange.client.errors import VerificationError
from exchange.client.forks import Forked, forget_fork, known_fork
from exchange.client.sync import sync
from exchange.client.transport import Response
from exchange.model.alert import AlertBody
from exchange.model.statements import encode_body, parse_statement
from exchange.tlog.fork import verify_fork_proof
from keys import encoding
from keys.sign import sign_statement
from tests.support.scene import Partnership, partnership, source


@pytest.fixture
def scene(tmp_path: Path):
    made = partnership(tmp_path)
    yield made
    made.scene.close()


async def members(scene: Partnership, *people):
    found = [scene.scene.member(person) for person in people]
    for member in (*found, *found):
        await sync(member)
    return found


async def release(author, label: str = "AMBER"):
    await sync(author)
    return await publish.publish(prepare(source(label), author), author)


def failure_of(member, statement: str):
    (found,) = [f for f in member.state.failures() if f.subject == statement]
    return found


async def test_v1_a_split_view_is_a_fork_with_both_notes_as_evidence(scene):
    author, officer = await members(scene, scene.author, scene.officer)
    other = scene.sim.split()
    await release(author)
    await sync(officer)
    kept = officer.state.head("journal")
    other.force("journal", other.entry(scene.sim.journal[0].statement))
    for _ in range(3):
        other.force("journal", other.entry(scene.sim.journal[0].statement))
    misled = scene.scene.member(scene.officer, transport=other)
    with pytest.raises(VerificationError) as caught:
        await sync(misled)
    assert (caught.value.name, caught.value.code) == ("V1", "fork")
    assert caught.value.evidence["kept"].encode() == kept.note
    assert caught.value.evidence["shown"] != caught.value.evidence["kept"]
    assert misled.state.head("journal") == kept
    assert [f.subject for f in misled.state.failures()] == ["log"]
    # Nothing is asked before a person has decided; then the honest exchange goes on, and the record stays.
    again = scene.scene.member(scene.officer)
    with pytest.raises(Forked):
        await sync(again)
    fork = known_fork(again.state)
    assert verify_fork_proof(fork.file.read_bytes(), again.replica.exchange).log == "journal"
    forget_fork(again.state)
    await sync(again)
    assert again.state.failures() == [] and len(again.state.failures(open_only=False)) == 1


async def test_v1_a_smaller_log_is_refused(scene):
    author, officer = await members(scene, scene.author, scene.officer)
    old = scene.sim.split()
    await release(author)
    await sync(officer)
    with pytest.raises(VerificationError, match="before what it showed") as caught:
        await sync(scene.scene.member(scene.officer, transport=old))
    assert (caught.value.step, caught.value.code) == (1, "rolled-back")


async def test_v1_a_checkpoint_without_its_second_signature_is_refused(scene):
    (officer,) = await members(scene, scene.officer)
    scene.scene.organisation("Neu")

    def strip(request, response):
        return Response(200, {}, b"\n".join(response.body.split(b"\n")[:-2]) + b"\n")

    scene.sim.lie("/registry/checkpoint", strip)
    with pytest.raises(VerificationError) as caught:
        await sync(officer)
    assert (caught.value.step, caught.value.code) == (1, "checkpoint-invalid")


async def test_v1_the_log_must_pass_through_a_checkpoint_that_was_answered(scene):
    author, _ = await members(scene, scene.author, scene.officer)
    await sync(author)
    other = scene.sim.split()
    accepted = scene.scene.member(scene.author, transport=other)
    hidden = other.lie("/journal/checkpoint", lambda q, r: Response(200, {}, scene.sim.logs["journal"].note(other.now)))
    with pytest.raises(VerificationError) as caught:
        await publish.publish(prepare(source(), accepted), accepted)
    assert (caught.value.step, caught.value.code) == (1, "rolled-back")
    assert "claimed" in caught.value.evidence
    other.lies.remove(hidden)


async def test_v2_an_entry_that_is_backdated_past_the_registry_is_refused(scene):
    (officer,) = await members(scene, scene.officer)
    statement = scene.sim.journal[0].statement
    before = scene.sim.entry(statement)
    scene.sim.now += 100
    scene.scene.organisation("Neu")
    scene.sim.now += 100
    scene.sim.force("journal", before.model_copy(update={"at": scene.sim.now}))
    with pytest.raises(VerificationError) as caught:
        await sync(officer)
    assert (caught.value.step, caught.value.code) == (2, "backdated")


async def test_v2_a_registry_root_that_is_not_the_registrys_is_refused(scene):
    (officer,) = await members(scene, scene.officer)
    entry = scene.sim.entry(scene.sim.journal[0].statement)
    wrong = entry.registry.model_copy(update={"root": "00" * 32})
    scene.sim.force("journal", entry.model_copy(update={"registry": wrong}))
    with pytest.raises(VerificationError) as caught:
        await sync(officer)
    assert (caught.value.step, caught.value.code) == (2, "registry-root")


async def test_v3_a_withheld_revocation_is_noticed(scene):
    (officer,) = await members(scene, scene.officer)
    scene.scene.revoke(scene.author)
    index = scene.sim.logs["registry"].size - 1

    def hide(value):
        value["statements"] = [s for s in value["statements"] if s["index"] != index]

    scene.sim.lie_json("/v1/registry/statements", hide)
    with pytest.raises(VerificationError) as caught:
        await sync(officer)
    assert (caught.value.step, caught.value.rule, caught.value.code) == (3, "M16", "statement-withheld")


async def test_v3_a_publisher_notices_any_withheld_statement(scene):
    (author,) = await members(scene, scene.author)
    index = scene.scene.registrars(
        "organisation.admit",
        {"name": "Verborgen"},
        areas=["05"],
        expires=scene.sim.now + 86_400,
        kind="company",
        organisation=encoding.b64u(scene.sim.random(16)),
        sectors=["energy"],
    ).index

    def hide(value):
        value["statements"] = [s for s in value["statements"] if s["index"] != index]

    scene.sim.lie_json("/v1/registry/statements", hide)
    with pytest.raises(VerificationError) as caught:
        await sync(author)
    assert (caught.value.step, caught.value.rule) == (3, "M16")


async def test_v3_an_opening_that_is_not_the_commitments_is_refused(scene):
    (author,) = await members(scene, scene.author)
    scene.scene.organisation("Echt")

    def rename(value):
        for item in value["statements"]:
            for opening in item["openings"]:
                opening["value"] = "Falsch"

    scene.sim.lie_json("/v1/registry/statements", rename)
    with pytest.raises(VerificationError) as caught:
        await sync(author)
    assert (caught.value.step, caught.value.code) == (3, "opening-mismatch")


async def test_v4_a_hidden_epoch_bundle_is_noticed(scene):
    author, _ = await members(scene, scene.author, scene.officer)
    await sync(author)
    colleague = scene.scene.member(scene.colleague)
    await sync(colleague)
    scene.sim.lie_json("/v1/epochs", lambda value: value.update(statements=value["statements"][:-1]))
    with pytest.raises(VerificationError) as caught:
        await sync(author)
    assert (caught.value.step, caught.value.code) == (4, "epoch-withheld")


async def test_v5_a_leaf_for_somebody_the_rules_do_not_name_is_refused(scene):
    """A ghost device: the author's own client, changed to seal to one more, with an exchange that lets it through."""
    author, baker = await members(scene, scene.author, scene.baker)
    await sync(author)
    await sync(author)
    statement = await forged(scene, author, core={"keyless": 3})
    scene.sim.force("journal", scene.sim.entry(statement, "alert.released"), statement)

    def serve(request, response):
        return Response(200, {}, encoding.encode({"envelope": statement.envelope.to_json(), "index": 0}))

    scene.sim.lie("/v1/alerts/.*", serve)
    await sync(baker)
    failed = failure_of(baker, statement.id)
    assert (failed.step, failed.rule, failed.code) == (5, "R5", "not-addressed")


async def forged(scene, author, core=None, sealed=None, signer=None):
    """An alert that its author signed, whatever it says."""
    envelope = await publish.seal(prepare(source(), author), author)
    body = parse_statement(envelope).alert.to_json()
    body["core"] |= core or {}
    body["sealed"] |= sealed or {}
    signed = sign_statement("alert", encode_body(AlertBody.model_validate(body)), signer or author.identity.signer)
    return parse_statement(signed)


async def test_v6_a_part_of_other_bytes_is_refused_and_other_alerts_go_on(scene):
    author, officer = await members(scene, scene.author, scene.officer)
    bad, good = await release(author), await release(author)
    part = scene.sim.alerts[bad.statement].statement.alert.sealed.parts[0].sha256
    scene.sim.blobs[part] = bytes(len(scene.sim.blobs[part]))
    synced = await sync(officer)
    assert synced.opened == (good.statement,)
    failed = failure_of(officer, bad.statement)
    assert (failed.step, failed.code) == (6, "part-mismatch")
    assert failed.evidence["statement"] and failed.evidence["entry"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("stanza_id", "00" * 32, "stanza-id"),
        ("tag", "AAAAAAAAAAA", "tag-mismatch"),
        ("index", 1_000, "leaf-place"),
        ("path", ["00" * 32], "leaf-place"),
        ("stanza", "", "stanza-missing"),
    ],
)
async def test_v7_a_leaf_that_is_not_this_devices_is_refused(scene, field, value, code):
    author, officer = await members(scene, scene.author, scene.officer)
    released = await release(author)

    def change(answer):
        answer["leaf"][field] = value

    scene.sim.lie_json("/v1/alerts/.*", change)
    await sync(officer)
    failed = failure_of(officer, released.statement)
    assert (failed.step, failed.code) == (7, code)


async def test_v7_an_alert_that_is_not_shown_at_all_is_named_as_withheld(scene):
    author, officer = await members(scene, scene.author, scene.officer)
    released = await release(author)
    scene.sim.lie("/v1/alerts/.*", lambda q, r: Response(404, {}, b"{}"))
    synced = await sync(officer)
    assert synced.count.total == 1 and synced.count.opened == 0
    assert failure_of(officer, released.statement).code == "withheld"
    scene.sim.lies.clear()
    assert (await sync(officer)).failures == ()


async def test_v7_neighbours_that_hide_this_devices_leaf_prove_nothing(scene):
    author, officer = await members(scene, scene.author, scene.officer)
    released = await release(author)
    alert = scene.sim.alerts[released.statement]
    own = alert.places[scene.officer.device]
    shown = [scene.sim.neighbour_json(alert, i) for i in (own - 1, own + 1) if 0 <= i < len(alert.leaves)]
    scene.sim.lie_json("/v1/alerts/.*", lambda value: {"index": alert.index, "neighbours": shown})
    await sync(officer)
    failed = failure_of(officer, released.statement)
    assert (failed.step, failed.code) == (7, "absence-invalid")


async def test_v7_the_last_leaf_but_one_cannot_be_passed_off_as_the_last(scene):
    author, officer = await members(scene, scene.author, scene.officer)
    tag_is_last = None
    for _ in range(20):
        released = await release(author)
        alert = scene.sim.alerts[released.statement]
        if alert.places[scene.officer.device] == len(alert.leaves) - 1:
            tag_is_last = released, alert
            break
    released, alert = tag_is_last
    shown = [scene.sim.neighbour_json(alert, len(alert.leaves) - 2)]
    scene.sim.lie_json(f"/v1/alerts/{released.statement}", lambda value: {"index": 0, "neighbours": shown})
    await sync(officer)
    assert failure_of(officer, released.statement).code == "absence-invalid"


async def test_v8_a_stanza_of_other_bytes_does_not_lead_to_the_root(scene):
    author, officer = await members(scene, scene.author, scene.officer)
    released = await release(author)

    def change(answer):
        stanza = bytearray(encoding.unb64(answer["leaf"]["stanza"]))
        stanza[0] ^= 1
        answer["leaf"]["stanza"] = encoding.b64(bytes(stanza))

    scene.sim.lie_json("/v1/alerts/.*", change)
    await sync(officer)
    assert failure_of(officer, released.statement).step == 7


async def test_an_entry_that_differs_from_what_was_signed_is_refused(scene):
    author, officer = await members(scene, scene.author, scene.officer)
    await sync(author)
    statement = await forged(scene, author)
    entry = scene.sim.entry(statement, "alert.released")
    mark = entry.alert.model_copy(update={"version": 2})
    scene.sim.force("journal", entry.model_copy(update={"alert": mark}), statement)
    answer = {"envelope": statement.envelope.to_json(), "index": 0}
    scene.sim.lie("/v1/alerts/.*", lambda q, r: Response(200, {}, encoding.encode(answer)))
    await sync(officer)
    failed = failure_of(officer, statement.id)
    assert (failed.step, failed.code) == (4, "entry-differs")


@pytest.mark.parametrize(
    ("core", "step", "code"),
    [
        ({"exchange": "00" * 32}, 4, "other-exchange"),
        ({"at": 1_790_000_000 - 4000, "release_by": 1_790_000_000 - 3000}, 4, "too-late"),
        ({"policy": "00" * 32}, 5, "policy-mismatch"),
        ({"label": "RED"}, 5, "red-names-persons-only"),
    ],
)
async def test_a_signed_alert_that_breaks_a_rule_is_refused_by_its_readers(scene, core, step, code):
    author, officer = await members(scene, scene.author, scene.officer)
    await sync(author)
    statement = await forged(scene, author, core=core)
    scene.sim.force("journal", scene.sim.entry(statement, "alert.released"), statement)
    answer = {"envelope": statement.envelope.to_json(), "index": 0}
    scene.sim.lie("/v1/alerts/.*", lambda q, r: Response(200, {}, encoding.encode(answer)))
    await sync(officer)
    failed = failure_of(officer, statement.id)
    assert (failed.step, failed.code) == (step, code)


async def test_an_author_who_saw_another_journal_is_noticed(scene):
    author, officer = await members(scene, scene.author, scene.officer)
    await sync(author)
    seen = author.seen.to_json()
    seen["journal"]["root"] = "00" * 32
    statement = await forged(scene, author, core={"seen": seen})
    scene.sim.force("journal", scene.sim.entry(statement, "alert.released"), statement)
    answer = {"envelope": statement.envelope.to_json(), "index": 0}
    scene.sim.lie("/v1/alerts/.*", lambda q, r: Response(200, {}, encoding.encode(answer)))
    await sync(officer)
    assert failure_of(officer, statement.id).code == "journal-root"
