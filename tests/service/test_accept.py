"""Accepting statements on a real SQLite file: the good path, idempotence, refusals, restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.model.entry import parse_entry
from exchange.model.problems import ExchangeError
from exchange.model.submission import Refused, Submission
from exchange.store import logs
from exchange.tlog.merkle import leaf_hash, verify_inclusion
from keys import encoding
from keys.envelope import Envelope
from tests.support.live import Live, live
from tests.support.world import Member


class Scene:
    def __init__(self, world: Live) -> None:
        self.world = world
        self.author: Member
        self.approver: Member
        self.doctor: Member
        self.porter: Member
        self.hospital: str

    async def build(self) -> Scene:
        world = self.world
        authority = await world.admit("Polizeidirektion", "authority", ("security",))
        self.hospital = await world.admit("Klinikum", sectors=("health",))
        self.author = await world.enrol("A. Autorin", authority, "author")
        self.approver = await world.enrol("F. Freigeber", authority, "approver")
        self.doctor = await world.enrol("D. Doktor", self.hospital, "officer", topics=("it",))
        self.porter = await world.enrol("P. Pforte", self.hospital, "officer", keyless=True)
        return self

    def sizes(self) -> tuple[int, int]:
        ledger = self.world.exchange_server.ledger
        return ledger.head("registry").size, ledger.head("journal").size


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with live(tmp_path) as world:
        yield await Scene(world).build()


async def test_an_alert_is_released_with_a_proof_that_verifies(scene: Scene) -> None:
    world = scene.world
    alert = await world.alert(scene.author, "AMBER", {"sectors": ["health"]})
    answer = await world.post(alert)
    (result,) = answer.results
    assert (result.log, result.kind) == ("journal", "alert.released")
    head = world.exchange_server.ledger.head("journal")
    data = (await world.exchange_server.store.read(logs.entries, "journal", result.index, 1))[0]
    verify_inclusion(leaf_hash(data), result.index, head.size, result.proof, head.root)
    entry = parse_entry(data)
    assert entry.statement == alert.id
    assert entry.alert is not None
    assert entry.alert.audience is not None
    assert entry.alert.audience.root == alert.alert.sealed.root
    assert (alert.alert.core.stanzas, alert.alert.core.keyless) == (2, 1)


async def test_the_same_statement_gets_the_same_answer_also_after_a_restart(scene: Scene) -> None:
    world = scene.world
    alert = await world.alert(scene.author, "AMBER", {"sectors": ["health"]})
    first = await world.post(alert)
    sizes = scene.sizes()
    again = await world.post(alert)
    assert again.results[0].index == first.results[0].index
    assert scene.sizes() == sizes
    await world.stop()
    await world.start()
    later = await world.post(alert)
    assert later.results[0].index == first.results[0].index
    assert scene.sizes() == sizes


async def test_a_restart_rebuilds_the_same_state(scene: Scene) -> None:
    world = scene.world
    await world.post(await world.alert(scene.author, "AMBER", {"sectors": ["health"]}))
    before = world.exchange_server.state
    await world.stop()
    await world.start()
    after = world.exchange_server.state
    assert after.roster.facts == before.roster.facts
    assert after.registry_roots == before.registry_roots
    assert after.registry_times == before.registry_times
    assert (after.versions, after.released, after.rejected) == (before.versions, before.released, before.rejected)


async def test_a_proposal_waits_for_its_approval(scene: Scene) -> None:
    world = scene.world
    core = {"approvals": 1, "approvers": [scene.approver.person]}
    proposal = await world.alert(scene.author, "RED", {"persons": [scene.doctor.person]}, core=core)
    answer = await world.post(proposal)
    assert answer.results[0].kind == "alert.proposed"
    world.now += 3600
    answer = await world.post(world.approve(proposal, scene.approver))
    assert answer.results[0].kind == "alert.released"
    assert world.exchange_server.state.released == {proposal.id}


async def test_a_rejected_proposal_is_not_released(scene: Scene) -> None:
    world = scene.world
    core = {"approvals": 1, "approvers": [scene.approver.person]}
    proposal = await world.alert(scene.author, "RED", {"persons": [scene.doctor.person]}, core=core)
    await world.post(proposal)
    reject = world.by_device("alert.reject", scene.approver, alert=proposal.id, reason="audience")
    await world.post(reject)
    with pytest.raises(Refused) as refusal:
        await world.post(world.approve(proposal, scene.approver))
    assert (refusal.value.rule, refusal.value.code) == ("R8", "rejected")
    with pytest.raises(Refused) as refusal:
        await world.post(world.by_device("alert.reject", scene.approver, alert=proposal.id, reason="label"))
    assert refusal.value.code == "proposal-unknown"


async def test_one_approver_twice_is_refused(scene: Scene) -> None:
    world = scene.world
    second = await world.enrol_device(scene.approver)
    core = {"approvals": 2, "approvers": sorted([scene.approver.person, (await other(scene)).person])}
    proposal = await world.alert(scene.author, "RED", {"persons": [scene.doctor.person]}, core=core)
    twice = world.approve(proposal, scene.approver)
    both = Member(
        scene.approver.person, scene.approver.organisation, scene.approver.roles, [second], scene.approver.signers
    )
    with pytest.raises(Refused) as refusal:
        await world.post(world.approve(twice, both))
    assert (refusal.value.rule, refusal.value.code) == ("R8", "approver-twice")


async def other(scene: Scene) -> Member:
    return await scene.world.enrol("Z. Zweite", scene.approver.organisation, "approver")


async def test_a_second_approval_of_two_is_a_further_proposal_entry(scene: Scene) -> None:
    world = scene.world
    second = await other(scene)
    core = {"approvals": 2, "approvers": sorted([scene.approver.person, second.person])}
    proposal = await world.alert(scene.author, "RED", {"persons": [scene.doctor.person]}, core=core)
    one = world.approve(proposal, scene.approver)
    two = world.approve(one, second)
    kinds = [(await world.post(s)).results[0].kind for s in (proposal, one, two)]
    assert kinds == ["alert.proposed", "alert.proposed", "alert.released"]


@pytest.mark.parametrize(
    ("change", "code"), [("more", "leaf-count"), ("fewer", "leaf-count"), ("other", "recipient-missing")]
)
async def test_recipients_one_too_many_one_too_few_or_another(scene: Scene, change: str, code: str) -> None:
    world = scene.world
    stranger = await world.enrol("S. Stranger", await world.admit("Andere", sectors=("retail",)), "officer")
    recipients = [scene.author.device, scene.doctor.device, scene.porter.device]
    if change == "more":
        recipients.append(stranger.device)
    elif change == "fewer":
        recipients.remove(scene.doctor.device)
    else:
        recipients[1] = stranger.device
    sizes = scene.sizes()
    alert = await world.alert(scene.author, "AMBER+STRICT", {"sectors": ["health"]}, recipients=recipients)
    with pytest.raises(Refused) as refusal:
        await world.post(alert)
    assert refusal.value.code == code
    assert scene.sizes() == sizes


async def test_a_stale_roster_is_refused(scene: Scene) -> None:
    world = scene.world
    alert = await world.alert(scene.author, "AMBER", {"sectors": ["health"]})
    seen = alert.alert.core.seen
    await world.enrol("N. Neue", scene.hospital, "officer")
    world.now += 900
    late = await world.alert(scene.author, "AMBER", {"sectors": ["health"]}, core={"seen": seen.to_json()})
    with pytest.raises(Refused) as refusal:
        await world.post(late)
    assert (refusal.value.rule, refusal.value.code) == ("A1", "roster-stale")


async def test_a_roster_a_little_older_is_accepted_and_the_newcomer_named(scene: Scene) -> None:
    world = scene.world
    alert = await world.alert(scene.author, "AMBER", {"sectors": ["health"]})
    newcomer = await world.enrol("N. Neue", scene.hospital, "officer")
    answer = await world.post(alert)
    assert answer.results[0].newcomers == (newcomer.person,)


async def test_another_journal_than_ours_is_refused(scene: Scene) -> None:
    world = scene.world
    seen = world.exchange_server.seen().to_json()
    seen["journal"]["root"] = "0" * 64  # type: ignore[index]
    alert = await world.alert(scene.author, "AMBER", {"sectors": ["health"]}, core={"seen": seen})
    with pytest.raises(Refused) as refusal:
        await world.post(alert)
    assert (refusal.value.rule, refusal.value.code) == ("A2", "journal-root")


async def test_an_alert_without_its_pack_is_refused(scene: Scene) -> None:
    world = scene.world
    alert = await world.alert(scene.author, "AMBER", {"sectors": ["health"]})
    body = alert.alert.to_json()
    body["sealed"]["pack"]["sha256"] = "0" * 64  # type: ignore[index]
    forged = world.sign("alert", body, scene.author.signer)
    with pytest.raises(Refused) as refusal:
        await world.post(forged)
    assert refusal.value.code == "blob-missing"
    assert refusal.value.differs["missing"] == ["0" * 64]


async def test_a_batch_is_accepted_whole_or_not_at_all(scene: Scene) -> None:
    world = scene.world
    good = world.by_registrars(
        "terms.define", accept_by=world.now, document={"length": 1, "sha256": "0" * 64}, version=1
    )
    bad = world.by_registrars("organisation.suspend", organisation=scene.hospital, previous="0" * 64)
    sizes = scene.sizes()
    with pytest.raises(Refused) as refusal:
        await world.post(good, bad)
    assert (refusal.value.rule, refusal.value.index) == ("M5", 1)
    assert scene.sizes() == sizes
    await world.post(good)


async def test_a_stranger_does_not_found_the_server(tmp_path: Path) -> None:
    world = Live(tmp_path)
    founding = world.founding()
    world.exchange = "0" * 64
    await world.start()
    try:
        with pytest.raises(Refused) as refusal:
            await world.post(founding)
        assert (refusal.value.rule, refusal.value.code) == ("M1", "founding-unexpected")
    finally:
        await world.stop()


async def test_receipts_are_for_devices_that_were_sealed(scene: Scene) -> None:
    world = scene.world
    alert = await world.alert(scene.author, "AMBER", {"sectors": ["health"]})
    await world.post(alert)
    await world.post(world.by_device("alert.receipt", scene.doctor, alerts=[alert.id], level="received"))
    with pytest.raises(Refused) as refusal:
        await world.post(world.by_device("alert.receipt", scene.approver, alerts=[alert.id], level="received"))
    assert refusal.value.code == "receipt-without-leaf"


async def test_openings_must_match_their_commitments(scene: Scene) -> None:
    world = scene.world
    opening, commitment = world.opening("name", "Wasserwerk")
    other_opening, _ = world.opening("name", "Wasserwerk")
    statement = world.by_registrars(
        "organisation.admit",
        areas=["05"],
        commitments={"name": commitment},
        expires=world.now + 86_400,
        kind="company",
        organisation=world.random.id(),
        sectors=["water"],
    )
    for wrong in ([], [other_opening], [opening, opening]):
        with pytest.raises(Refused) as refusal:
            await world.post(statement, openings=wrong)
        assert refusal.value.rule == "M14"
    await world.post(statement, openings=[opening])


async def test_the_exchange_says_things_in_its_own_name(scene: Scene) -> None:
    world = scene.world
    alert = await world.alert(scene.author, "AMBER", {"sectors": ["health"]})
    await world.post(alert)
    answer = await world.exchange_server.claim(
        "alert.deliver", {"deliveries": [{"alert": alert.id, "at": world.now, "device": scene.doctor.device}]}
    )
    assert answer.results[0].kind == "alert.deliver"


async def test_a_device_does_not_speak_for_the_exchange(scene: Scene) -> None:
    world = scene.world
    body = world.common(
        issuer={"server": world.exchange_server.statement_signer.public.key_id},
        deliveries=[{"alert": "0" * 64, "at": world.now, "device": scene.doctor.device}],
    )
    forged = world.sign("alert.deliver", body, scene.doctor.signer)
    with pytest.raises(Refused) as refusal:
        await world.exchange_server.accept(
            [Submission(Envelope(forged.kind.name, forged.envelope.body, forged.envelope.signatures))]
        )
    assert refusal.value.code in ("signature-extra", "signature-missing")


async def test_attack_a_weekly_key_for_a_week_that_no_year_has(scene: Scene) -> None:
    world, before = scene.world, scene.sizes()
    week = encoding.week_of(world.now)
    device = scene.porter.device
    bundle, keys, _ = world.identities[device].new_epochs([week, encoding.next_week(week)], world.random)
    body = world.common(
        bundle={"length": len(bundle), "sha256": await world.put(bundle, device)},
        issuer={"device": device},
        keys=[
            {"hash": key, "week": one}
            for (_, key), one in zip(keys, (week // 100 * 100 + 99, week // 100 * 100 + 120), strict=True)
        ],
    )
    with pytest.raises(ExchangeError) as refusal:
        await world.post(world.sign("epoch.publish", body, scene.porter.signer))
    assert refusal.value.code == "week-unknown" and scene.sizes() == before
