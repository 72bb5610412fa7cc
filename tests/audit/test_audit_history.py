"""Histories that an exchange must not have accepted: signed, hashed and logged correctly, and refused by the replay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exchange.audit.bundle import statement_path
from exchange.audit.report import Report
from exchange.audit.verify import verify_bundle
from exchange.model.entry import AlertMark, Entry
from exchange.model.scalars import DAY, Head
from exchange.model.statements import Statement, chain_of, parse_statement
from exchange.policy.decide import Recipient
from exchange.policy.epochs import EpochRefusal
from keys import encoding
from keys.envelope import MAX_ENVELOPE, Envelope, Signature
from keys.sign import StatementSigner
from tests.support.messages import answer, ask, react
from tests.support.partnership import HOUR, Partnership


@pytest.fixture
def scene() -> Partnership:
    return Partnership()


def audit(scene: Partnership, folder: Path, **options: Any) -> Report:
    folder.mkdir(exist_ok=True)
    return verify_bundle(scene.world.write_bundle(folder / "audit"), **options)


def first(scene: Partnership, folder: Path) -> tuple[int, str, str | None, int | None, str]:
    report = audit(scene, folder)
    assert not report.verified
    assert report.first is not None
    found = report.first
    return found.step, found.rule, found.log, found.index, found.code


def forged(statement: Statement) -> Statement:
    """The statement with one bit of its first signature flipped."""
    line, *rest = statement.envelope.signatures
    changed = Signature(line.keyid, bytes([line.sig[0] ^ 1]) + line.sig[1:])
    return parse_statement(Envelope(statement.envelope.kind, statement.envelope.body, (changed, *rest)))


def entry_of(scene: Partnership, statement: Statement, **changes: Any) -> Entry:
    fields = {
        "at": scene.world.now,
        "kind": statement.kind.name,
        "signatures": statement.envelope.signatures_hash,
        "statement": statement.id,
        "subject": chain_of(statement),
    }
    return Entry.model_validate({**fields, **changes})


# -- order -----------------------------------------------------------------------------------------------------


def test_acceptance_time_decreases_in_the_journal(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    index = scene.world.log(scene.world.receipt(scene.doctor, alert), at=scene.world.now - 1)
    assert first(scene, tmp_path) == (4, "", "journal", index, "time-decreases")


def test_acceptance_time_decreases_in_the_registry(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    statement = world.by_registrars("policy.adopt", policy={**_policy(scene)}, previous=world.previous("policy"))
    index = world.append("registry", entry_of(scene, statement, at=world.now - 1), statement)
    assert first(scene, tmp_path) == (4, "", "registry", index, "time-decreases")


def test_registry_size_decreases(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    index = scene.world.log(scene.world.receipt(scene.doctor, alert), registry=scene.world.head("registry", 20))
    assert first(scene, tmp_path) == (4, "", "journal", index, "registry-decreases")


def test_an_entry_names_a_registry_that_is_not_this_one(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    other = Head(root="0" * 64, size=scene.world.size("registry"))
    index = scene.world.log(scene.world.receipt(scene.doctor, alert), registry=other)
    assert first(scene, tmp_path) == (4, "", "journal", index, "registry-root")


def test_an_entry_leaves_out_an_earlier_change_of_the_registry(scene: Partnership, tmp_path: Path) -> None:
    """A withheld suspension: the alert was accepted after it, as if it had not happened."""
    world = scene.world
    before = world.head("registry")
    _suspend(scene, scene.carrier)
    world.now += 60
    alert = scene.world.alert(scene.author, "AMBER", scene.health, seen={**world.seen(), "registry": before.to_json()})
    index = world.log(alert, registry=before)
    assert first(scene, tmp_path) == (4, "", "journal", index, "registry-behind")


# -- statements and signatures -----------------------------------------------------------------------------------


def test_a_forged_signature_in_the_registry(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    statement = forged(world.by_registrars("policy.adopt", policy=_policy(scene), previous=world.previous("policy")))
    index = world.append("registry", entry_of(scene, statement), statement)
    assert first(scene, tmp_path) == (5, "", "registry", index, "signature-invalid")


def test_a_forged_signature_on_an_alert(scene: Partnership, tmp_path: Path) -> None:
    index = scene.world.log(forged(scene.world.alert(scene.author, "AMBER", scene.health)))
    report = audit(scene, tmp_path)
    assert report.first is not None
    assert (report.first.step, report.first.index, report.first.code) == (5, index, "signature-invalid")


def test_a_receipt_signed_by_another_device(scene: Partnership, tmp_path: Path) -> None:
    world, alert = scene.world, scene.release()
    body = world.common(issuer={"device": scene.doctor.device}, alerts=[alert.id], level="read")
    index = world.log(world.sign("alert.receipt", body, scene.porter.signer))
    assert first(scene, tmp_path)[0::3] == (5, index)


def test_a_claim_signed_by_another_server(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    stranger = StatementSigner.generate(world.random)
    index = world.log(world.claim("access.read", signer=stranger, count=1, device=scene.doctor.device, what="opening"))
    assert first(scene, tmp_path)[0::3] == (5, index)


def test_a_claim_of_reading_by_a_device_that_nobody_enrolled(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    index = world.log(world.claim("access.read", count=1, device=world.random.id(), what="opening"))
    assert first(scene, tmp_path) == (9, "R1", "journal", index, "device-unknown")


def test_a_statement_for_another_exchange(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.world.alert(scene.author, "AMBER", scene.health, exchange="ab" * 32)
    index = scene.world.log(alert)
    assert first(scene, tmp_path) == (5, "", "journal", index, "other-exchange")


def test_a_replayed_receipt(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    receipt = scene.world.receipt(scene.doctor, alert)
    scene.world.log(receipt)
    index = scene.world.log(receipt)
    assert first(scene, tmp_path) == (5, "", "journal", index, "statement-twice")


def test_an_entry_of_another_kind_than_its_statement(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    index = scene.world.log(scene.world.receipt(scene.doctor, alert), kind="alert.review")
    assert first(scene, tmp_path) == (5, "", "journal", index, "entry-mismatch")


# -- registry ------------------------------------------------------------------------------------------------------


def test_a_registry_statement_of_a_single_registrar(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    statement = world.by_registrars("policy.adopt", signers=1, policy=_policy(scene), previous=world.previous("policy"))
    index = world.append("registry", entry_of(scene, statement), statement)
    assert first(scene, tmp_path) == (6, "M3", "registry", index, "signer-set")


def test_a_registry_statement_that_skips_its_chain(scene: Partnership, tmp_path: Path) -> None:
    statement = scene.world.by_registrars("policy.adopt", policy=_policy(scene))
    index = scene.world.append("registry", entry_of(scene, statement), statement)
    assert first(scene, tmp_path) == (6, "M5", "registry", index, "previous-mismatch")


def test_an_auditor_who_is_shown_fewer_openings_verifies_those(scene: Partnership, tmp_path: Path) -> None:
    scene.world.openings.pop(next(iter(scene.world.openings)))
    assert audit(scene, tmp_path).verified


def test_an_erased_opening_counts_as_erased_and_every_proof_still_verifies(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    before = audit(scene, tmp_path / "before")
    chain = f"organisation/{scene.carrier}"
    statement = world.roster.facts.commitments[chain][0][0]
    world.accept(world.by_registrars("organisation.remove", organisation=scene.carrier, previous=world.previous(chain)))
    fields = {"fields": ["name"], "statement": statement, "subject": chain}
    world.accept(world.by_registrars("opening.erase", **fields))
    kept = audit(scene, tmp_path / "kept")
    assert kept.verified and [finding.code for finding in kept.step(6).findings] == ["opening-kept"]
    world.openings.pop(statement)
    after = audit(scene, tmp_path / "after")
    assert after.verified and not after.step(6).findings
    assert (before.totals.openings, before.totals.erased) == (3, 0)
    assert (after.totals.openings, after.totals.erased) == (2, 1)
    assert after.totals.withheld == before.totals.withheld


# -- weekly keys -----------------------------------------------------------------------------------------------------


def test_a_week_published_twice(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    published = next(s for _, s in world.logs["journal"] if s.kind.name == "epoch.publish").body.to_json()
    body = world.common(bundle=published["bundle"], issuer=published["issuer"], keys=published["keys"])
    statement = world.sign("epoch.publish", body, scene.author.signer)
    kept, world.epochs = world.epochs, type(world.epochs)()
    index = world.log(statement)
    world.epochs = kept
    assert first(scene, tmp_path) == (7, "", "journal", index, "week-published")


def test_weekly_keys_of_a_revoked_device(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    device = scene.keyless.device
    world.accept(world.by_registrars("device.revoke", device=device, previous=world.previous(f"device/{device}")))
    world.publish_epochs(scene.keyless)
    assert first(scene, tmp_path) == (7, "R1", "journal", 6, "device-revoked")


# -- decisions ---------------------------------------------------------------------------------------------------


def extra(scene: Partnership) -> Recipient:
    return Recipient(scene.driver.device, scene.driver.person, True)


def test_one_recipient_too_many(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.world.alert(scene.author, "AMBER+STRICT", scene.health, choose=lambda r: [*r, extra(scene)])
    index = scene.world.log(alert)
    assert first(scene, tmp_path) == (8, "R16", "journal", index, "leaf-count")


def test_one_recipient_too_few(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.world.alert(scene.author, "AMBER+STRICT", scene.health, choose=lambda r: r[1:])
    index = scene.world.log(alert)
    assert first(scene, tmp_path) == (8, "R16", "journal", index, "leaf-count")


def test_one_recipient_in_the_place_of_another(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.world.alert(
        scene.author,
        "AMBER+STRICT",
        scene.health,
        choose=lambda r: [*(x for x in r if x.device != scene.porter.device), extra(scene)],
    )
    index = scene.world.log(alert)
    assert first(scene, tmp_path) == (8, "R9", "journal", index, "recipient-missing")


def test_an_entry_with_another_audience_root_than_the_statement(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.world.alert(scene.author, "AMBER", scene.health)
    core = alert.alert.core
    index = scene.world.log(alert, alert=AlertMark(id=core.alert, version=core.version))
    assert first(scene, tmp_path) == (8, "V4", "journal", index, "entry-mismatch")


def test_an_approval_by_the_author(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    author = world.person(scene.authority, "approver", "author", devices=2)
    for device in author.devices:
        world.publish_epochs(author, device)
    alert = world.alert(
        author,
        "RED",
        {"persons": [scene.doctor.person]},
        signers=[author.signer, author.signers[author.devices[1]]],
        approvals=1,
        approvers=scene.approvers(scene.approver),
    )
    index = world.log(alert)
    assert first(scene, tmp_path) == (8, "R8", "journal", index, "approver-is-author")


def test_the_author_as_candidate_approver(scene: Partnership, tmp_path: Path) -> None:
    red = {"persons": [scene.doctor.person]}
    alert = scene.world.alert(scene.author, "RED", red, approvals=1, approvers=scene.approvers(scene.author))
    index = scene.world.log(alert)
    assert first(scene, tmp_path) == (8, "R9", "journal", index, "approver-is-author")


def test_one_approver_twice(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    device = world.device(scene.approver)
    world.publish_epochs(scene.approver, device)
    alert = world.alert(
        scene.author,
        "RED",
        {"persons": [scene.doctor.person]},
        signers=[scene.author.signer, *scene.approver.signers.values()],
        approvals=2,
        approvers=scene.approvers(scene.approver, scene.second),
    )
    index = world.log(alert)
    assert first(scene, tmp_path) == (8, "R8", "journal", index, "approver-twice")


def test_a_missing_approval(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.world.alert(scene.author, "RED", {"persons": [scene.doctor.person]})
    index = scene.world.log(alert)
    assert first(scene, tmp_path) == (8, "R8", "journal", index, "approvals-below-policy")


def test_a_proposal_that_was_released(scene: Partnership, tmp_path: Path) -> None:
    red = {"persons": [scene.doctor.person]}
    alert = scene.world.alert(scene.author, "RED", red, approvals=1, approvers=scene.approvers(scene.approver))
    index = scene.world.log(alert, kind="alert.released")
    assert first(scene, tmp_path) == (8, "R8", "journal", index, "state-mismatch")


def test_a_rejected_proposal_that_was_released(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    alert = world.alert(scene.author, "CLEAR", approvals=1, approvers=scene.approvers(scene.approver, scene.second))
    world.log(alert)
    world.log(world.signed_by_device("alert.reject", scene.approver, alert=alert.id, reason="content"))
    index = world.log(world.approve(alert, scene.second))
    assert first(scene, tmp_path) == (8, "R8", "journal", index, "rejected")


def test_a_version_released_twice(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    again = scene.world.alert(scene.author, "AMBER", scene.health, alert=alert.alert.core.alert)
    index = scene.world.log(again)
    assert first(scene, tmp_path) == (8, "R10", "journal", index, "version-taken")


def test_an_approval_after_the_deadline(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    alert = world.alert(scene.author, "CLEAR", approvals=1, approvers=scene.approvers(scene.approver))
    world.log(alert)
    world.now += DAY + 1
    index = world.log(world.approve(alert, scene.approver))
    assert first(scene, tmp_path) == (8, "V4", "journal", index, "too-late")


def test_a_backdated_alert(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.world.alert(scene.author, "AMBER", scene.health, at=scene.world.now - HOUR)
    index = scene.world.log(alert)
    assert first(scene, tmp_path) == (8, "V4", "journal", index, "too-late")


def test_a_rolled_back_roster(scene: Partnership, tmp_path: Path) -> None:
    """The author decided on the registry before the suspension, an hour after it."""
    world = scene.world
    before = world.head("registry").to_json()
    _suspend(scene, scene.carrier)
    world.now += HOUR
    alert = world.alert(scene.author, "AMBER", scene.health, seen={**world.seen(), "registry": before})
    index = world.log(alert)
    assert first(scene, tmp_path) == (8, "A1", "journal", index, "roster-stale")


def test_a_roster_of_a_split_view(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    seen = {**world.seen(), "registry": {"root": "1" * 64, "size": world.size("registry")}}
    index = world.log(world.alert(scene.author, "AMBER", scene.health, seen=seen))
    assert first(scene, tmp_path) == (8, "A2", "journal", index, "roster-root")


def test_a_journal_of_a_split_view(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    seen = {**world.seen(), "journal": {"root": "1" * 64, "size": world.size("journal")}}
    index = world.log(world.alert(scene.author, "AMBER", scene.health, seen=seen))
    assert first(scene, tmp_path) == (8, "A2", "journal", index, "journal-root")


def test_a_journal_that_was_not_there_yet(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    seen = {**world.seen(), "journal": {"root": "1" * 64, "size": world.size("journal") + 1}}
    index = world.log(world.alert(scene.author, "AMBER", scene.health, seen=seen))
    assert first(scene, tmp_path) == (8, "A2", "journal", index, "journal-ahead")


def test_a_policy_newer_than_the_alert(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    before, policy = world.head("registry").to_json(), world.roster.facts.policy_id
    world.adopt(red_persons=7)
    seen = {**world.seen(), "registry": before}
    world.log(world.alert(scene.author, "AMBER", scene.health, seen=seen, policy=policy))
    index = world.log(world.alert(scene.author, "AMBER", scene.health, seen=seen))
    assert first(scene, tmp_path) == (8, "R9", "journal", index, "policy-mismatch")


def test_a_suspended_author(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.world.alert(scene.author, "AMBER", scene.health)
    _suspend(scene, scene.authority)
    index = scene.world.log(alert)
    assert first(scene, tmp_path) == (8, "R2", "journal", index, "author-organisation-suspended")


def test_a_review_by_the_author(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    author = world.person(scene.authority, "approver", "author")
    world.publish_epochs(author)
    alert = world.alert(author, "GREEN", {"everyone": True}, urgency="immediate")
    world.log(alert)
    index = world.log(world.signed_by_device("alert.review", author, alert=alert.id, outcome="confirmed"))
    assert first(scene, tmp_path) == (8, "R8", "journal", index, "approver-is-author")


def test_attack_a_weekly_key_for_a_week_that_no_year_has(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    member, week = scene.doctor, encoding.week_of(world.now)
    weeks = (week // 100 * 100 + 99, week // 100 * 100 + 120)
    body = world.common(
        bundle={"length": 2 * 1216, "sha256": "0" * 64},
        issuer={"device": member.device},
        keys=[{"hash": "0" * 64, "week": one} for one in weeks],
    )
    with pytest.raises(EpochRefusal):  # our own table refuses it, too; by then it stands in the journal
        world.log(world.sign("epoch.publish", body, member.signer))
    index = len(world.logs["journal"]) - 1
    assert first(scene, tmp_path)[2:] == ("journal", index, "week-unknown")


def test_an_alert_that_names_an_earlier_roster_within_the_lag_is_fine(scene: Partnership, tmp_path: Path) -> None:
    """Registry changes while the author writes: the roster named is rebuilt, between those that entries name."""
    world = scene.world
    world.log(world.alert(scene.author, "AMBER", scene.health))
    world.organisation("company")
    seen = world.seen()
    world.organisation("company")
    world.organisation("company")
    world.log(world.alert(scene.author, "AMBER", scene.health))
    world.log(world.alert(scene.author, "AMBER", scene.health, seen=seen))
    assert audit(scene, tmp_path).verified


# -- receipts and claims -------------------------------------------------------------------------------------------


def test_a_receipt_from_a_device_never_sealed_to(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    index = scene.world.log(scene.world.receipt(scene.driver, alert))
    assert first(scene, tmp_path) == (9, "V7", "journal", index, "receipt-without-leaf")


def test_a_receipt_of_an_alert_that_is_not_released(scene: Partnership, tmp_path: Path) -> None:
    red = {"persons": [scene.doctor.person]}
    alert = scene.world.alert(scene.author, "RED", red, approvals=1, approvers=scene.approvers(scene.approver))
    scene.world.log(alert)
    index = scene.world.log(scene.world.receipt(scene.doctor, alert))
    assert first(scene, tmp_path) == (9, "V4", "journal", index, "alert-unknown")


def test_a_receipt_from_a_device_without_a_key_counts(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    scene.world.log(scene.world.receipt(scene.keyless, alert))
    report = audit(scene, tmp_path)
    assert report.verified
    assert report.totals.received == 1


def test_a_delivery_to_a_device_never_sealed_to(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    index = scene.world.log(scene.world.delivery((alert, scene.doctor), (alert, scene.driver)))
    assert first(scene, tmp_path) == (9, "V7", "journal", index, "delivery-without-leaf")


def test_a_delivery_before_release(scene: Partnership, tmp_path: Path) -> None:
    red = {"persons": [scene.doctor.person]}
    alert = scene.world.alert(scene.author, "RED", red, approvals=1, approvers=scene.approvers(scene.approver))
    scene.world.log(alert)
    scene.world.log(scene.world.delivery((alert, scene.approver)))
    index = scene.world.log(scene.world.delivery((alert, scene.doctor)))
    assert first(scene, tmp_path) == (9, "R8", "journal", index, "delivery-before-release")


# -- messages --------------------------------------------------------------------------------------------------


def test_reactions_questions_and_answers_verify(scene: Partnership, tmp_path: Path) -> None:
    alert, world = scene.release(), scene.world
    asked = ask(world, scene.doctor, alert, b"{}", scene.author)
    for said in (
        react(world, scene.doctor, alert, b"{}", scene.author, scene.approver),
        asked,
        answer(world, scene.author, asked, [scene.driver.person], b"{}", scene.doctor),
    ):
        world.log(said)
    assert audit(scene, tmp_path).verified


def test_a_reaction_from_a_device_never_sealed_to(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    index = scene.world.log(react(scene.world, scene.driver, alert, b"{}", scene.author))
    assert first(scene, tmp_path) == (9, "V7", "journal", index, "receipt-without-leaf")


def test_a_question_sealed_to_a_stranger(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    index = scene.world.log(ask(scene.world, scene.doctor, alert, b"{}", scene.author, scene.driver))
    assert first(scene, tmp_path) == (9, "", "journal", index, "message-target")


def test_an_answer_by_who_is_not_the_source(scene: Partnership, tmp_path: Path) -> None:
    alert, world = scene.release(), scene.world
    asked = ask(world, scene.doctor, alert, b"{}", scene.author)
    world.log(asked)
    index = world.log(answer(world, scene.driver, asked, [scene.driver.person], None))
    assert first(scene, tmp_path) == (9, "", "journal", index, "other-organisation")


def test_an_answer_to_what_nobody_asked(scene: Partnership, tmp_path: Path) -> None:
    alert, world = scene.release(), scene.world
    asked = ask(world, scene.doctor, alert, b"{}", scene.author)
    index = world.log(answer(world, scene.author, asked, [], None))
    assert first(scene, tmp_path) == (9, "V4", "journal", index, "ask-unknown")


# -- exceptions ----------------------------------------------------------------------------------------------------


def test_an_emergency_release_without_review_is_named_and_allowed(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    index = world.log(world.alert(scene.author, "GREEN", {"everyone": True}, urgency="immediate"))
    world.now += DAY + 1
    world.publish_epochs(scene.keyless)
    report = audit(scene, tmp_path)
    assert report.verified
    assert ("emergency-unreviewed", index) in {(f.code, f.index) for f in report.step(10).findings}
    assert report.totals.emergencies == 1


def test_an_alert_accepted_late_and_recipients_lost_meanwhile_are_named(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    approvers = scene.approvers(scene.approver)
    alert = world.alert(scene.author, "GREEN", {"everyone": True}, approvals=1, approvers=approvers)
    world.log(alert)
    world.now += HOUR
    _suspend(scene, scene.carrier)
    index = world.log(world.approve(alert, scene.approver))
    report = audit(scene, tmp_path)
    assert report.verified
    codes = {f.code for f in report.step(10).findings if f.index == index}
    assert codes == {"accepted-late", "recipients-lost", "devices-without-key"}


# -- long logs -----------------------------------------------------------------------------------------------------


def test_a_log_of_several_tiles_verifies_with_workers_and_names_what_fails(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    alert = scene.release()
    for number in range(600):
        world.log(world.claim("access.read", count=number, device=scene.doctor.device, what="opening"))
        if number % 100 == 0:
            world.now += 1
            world.keep_checkpoints()
    good = world.write_bundle(tmp_path / "good")
    seen: list[tuple[int, int, int]] = []
    report = verify_bundle(good, workers=2, progress=lambda step, done, total: seen.append((step, done, total)))
    assert report.verified
    assert report.step(5).checked > 600
    assert (8, world.size("journal"), world.size("journal")) in seen

    bad = forged(world.receipt(scene.doctor, alert))
    index = world.log(bad)
    for number in range(300):
        world.log(world.claim("access.read", count=number, device=scene.doctor.device, what="opening"))
    refused = verify_bundle(world.write_bundle(tmp_path / "bad"), workers=2)
    assert refused.first is not None
    assert (refused.first.step, refused.first.code, refused.first.index) == (5, "signature-invalid", index)

    path = tmp_path / "bad" / "journal" / "tile" / "entries" / "002"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    broken = verify_bundle(tmp_path / "bad", workers=0)
    assert broken.first is not None
    assert broken.first.step == 2
    assert broken.first.code == "entry-differs"
    assert 512 <= (broken.first.index or 0) < 520
    assert not broken.step(8).complete


def test_with_and_without_workers_the_same_is_found_of_statements(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    statements = [world.claim("access.read", count=n, device=scene.doctor.device, what="opening") for n in range(300)]
    for statement in statements:
        world.log(statement)
    bundle = world.write_bundle(tmp_path / "bundle")
    missing, cut, other, large, foreign = (bundle / statement_path(s.id) for s in statements[40:290:50])
    missing.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    other.write_bytes((bundle / statement_path(statements[1].id)).read_bytes())
    large.write_bytes(b" " * (MAX_ENVELOPE + 1))
    envelope = Envelope.decode(foreign.read_bytes())
    line = envelope.signatures[0]
    again = replace(envelope, signatures=(replace(line, sig=bytes(len(line.sig))),))
    foreign.write_bytes(again.encode())
    alone, beside = (verify_bundle(bundle, workers=workers) for workers in (0, 2))
    assert alone.steps == beside.steps and alone.first == beside.first
    assert {finding.code for finding in alone.step(5).findings} == {
        "statement-extra",
        "statement-missing",
        "statement-malformed",
        "statement-differs",
        "file-too-large",
        "signatures-differ",
    }


def _policy(scene: Partnership) -> dict[str, Any]:
    policy = scene.world.roster.facts.policy
    assert policy is not None
    return policy.to_json()


def _suspend(scene: Partnership, organisation: str) -> None:
    world = scene.world
    chain = f"organisation/{organisation}"
    world.accept(world.by_registrars("organisation.suspend", organisation=organisation, previous=world.previous(chain)))
