"""Attacks on the roster: statements withheld, delayed, made up or half signed; ghosts; hidden weekly keys (V3, V4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exchange.client import approve, publish
from exchange.client.errors import BadAnswer, ClientError, VerificationError
from exchange.client.source import SourceAudience
from exchange.model.journal import EpochPublish
from exchange.model.scalars import DAY
from exchange.model.statements import Statement, parse_statement
from exchange.model.tlp import Label
from exchange.store import statements
from keys.envelope import Envelope
from keys.sign import SoftwareSigner, add_signature
from tests.attacks.lying import Forgery, raw
from tests.attacks.scene import Scene, Victim, source
from tests.support.world import Member as Person
from tests.support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


def revocation(scene: Scene, person: Person) -> Statement:
    """The registrars revoke a person's first device."""
    world = scene.world
    previous = world.previous(f"device/{person.device}")
    return world.by_registrars("device.revoke", device=person.device, previous=previous)


def changed(scene: Scene, person: Person, *roles: str) -> Statement:
    """The registrars change a person's roles."""
    world = scene.world
    return world.by_registrars(
        "person.change",
        person=person.person,
        previous=world.previous(f"person/{person.person}"),
        roles=sorted(roles),
        topics=[],
    )


# -- withheld ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", ["doctor", "author"])
async def test_withheld_revocation(scene: Scene, reader: str) -> None:
    victim = await scene.informed(reader)
    forgery = await victim.forge()
    statement = revocation(scene, scene.author)
    index = forgery.insert_registry(statement, shown=False)
    failure = await victim.refuses(3, "statement-withheld", "M16")
    assert failure.evidence["index"] == str(index)
    # Shown after all, it takes effect: what the revoked device signs is refused.
    forgery.registry[index] = (statement.envelope, ())
    await victim.sync()
    alert = await scene.forged_alert(forgery)
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 3, "author-device-revoked")


async def test_withheld_revocation_without_its_entry(scene: Scene) -> None:
    """The registry stands still for this reader, but every journal entry names the real one."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    forgery.insert_registry(revocation(scene, scene.author))
    alert = await scene.forged_alert(forgery)
    await forgery.insert_journal(alert)
    forgery.shown_size["registry"] = forgery.size("registry") - 1
    await victim.refuses(2, "registry-root")


async def test_withheld_statement_about_the_readers_own_device(scene: Scene) -> None:
    """Without its own enrolment a device would take every alert for older than itself: all alerts would be dropped."""
    victim = scene.newcomer("doctor")
    forgery = await victim.forge()
    enrolled = parse_subject(forgery, f"device/{scene.doctor.device}")
    forgery.withheld.add(enrolled)
    failure = await victim.refuses(3, "statement-withheld", "M16")
    assert failure.evidence["index"] == str(enrolled)
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_withheld_statements_about_the_readers_whole_organisation(scene: Scene) -> None:
    victim = scene.newcomer("doctor")
    forgery = await victim.forge()
    for subject in (f"organisation/{scene.hospital}", f"person/{scene.doctor.person}", f"device/{scene.doctor.device}"):
        forgery.withheld.add(parse_subject(forgery, subject))
    forgery.withheld |= {
        parse_subject(forgery, f"person/{scene.porter.person}"),
        parse_subject(forgery, f"device/{scene.porter.device}"),
    }
    await victim.refuses(3, "statement-withheld", "M16")


def parse_subject(forgery: Forgery, subject: str) -> int:
    """The first registry entry about a subject."""
    return next(i for i in range(forgery.size("registry")) if forgery.entry("registry", i).subject == subject)


@pytest.mark.parametrize("reader", ["author", "approver"])
async def test_withheld_statement_about_somebody_unknown_from_who_is_shown_all(scene: Scene, reader: str) -> None:
    victim = scene.newcomer(reader)
    forgery = await victim.forge()
    for subject in (f"person/{scene.driver.person}", f"device/{scene.driver.device}"):
        forgery.withheld.add(parse_subject(forgery, subject))
    await victim.refuses(3, "statement-withheld", "M16")


@pytest.mark.parametrize("kind", ["policy.adopt", "exchange.found"])
async def test_withheld_statement_that_everybody_is_shown(scene: Scene, kind: str) -> None:
    victim = scene.newcomer("doctor")
    forgery = await victim.forge()
    forgery.withheld.add(next(i for i in range(9) if forgery.entry("registry", i).kind == kind))
    await victim.refuses(3, "statement-withheld", "M16")


async def test_withheld_policy_change(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    policy = scene.world.exchange_server.state.roster.facts.policy
    assert policy is not None
    statement = scene.world.by_registrars(
        "policy.adopt", policy={**policy.to_json(), "red_persons": 7}, previous=scene.world.previous("policy")
    )
    forgery.insert_registry(statement, shown=False)
    await victim.refuses(3, "statement-withheld", "M16")


# -- delayed, replaced, reordered ----------------------------------------------------------------------------------------


async def test_delayed_registry_statement(scene: Scene) -> None:
    """The registrars prepared two changes; the server holds the first back until the second stands."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    held = changed(scene, scene.second, "author", "approver")
    forgery.insert_registry(changed(scene, scene.second, "officer"))
    await victim.sync()
    forgery.insert_registry(held)
    await victim.refuses(3, "previous-mismatch", "M5")
    roles = victim.member.replica.facts.persons[scene.second.person].roles
    assert roles == {"officer"}


async def test_delayed_registry_statement_after_its_last_moment(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    held = changed(scene, scene.second, "author", "approver")
    with scene.later(3 * DAY + 1):
        forgery.insert_registry(held)
        await victim.refuses(3, "too-late", "M2")


async def test_registry_entry_that_goes_back_in_time(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    forgery.insert_registry(changed(scene, scene.second, "officer"), at=forgery.entry("registry", -1).at - 1)
    failure = await victim.refuses(2, "backdated")
    assert failure.evidence["log"] == "registry"


async def test_registry_statement_replayed(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    statement = changed(scene, scene.second, "officer")
    forgery.insert_registry(statement)
    await victim.sync()
    forgery.insert_registry(statement)
    await victim.refuses(3, "previous-mismatch", "M5")


async def test_registry_statement_in_the_place_of_another(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    index = forgery.insert_registry(revocation(scene, scene.author))
    forgery.registry[index] = (changed(scene, scene.second, "officer").envelope, ())
    await victim.refuses(3, "entry-mismatch", "M1")


async def test_registry_statement_signed_by_other_registrars_than_accepted(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    statement = revocation(scene, scene.author)
    index = forgery.insert_registry(statement)
    others = Envelope(statement.envelope.kind, statement.envelope.body, ())
    for registrar in scene.world.registrars[::2]:
        others = add_signature(others, registrar)
    assert others.statement_id == statement.id
    forgery.registry[index] = (others, ())
    await victim.refuses(3, "entry-mismatch", "M1")


async def test_reordered_page_of_statements(scene: Scene) -> None:
    victim = scene.newcomer("doctor")
    victim.lying.twist("GET", "/v1/registry/statements", lambda page: {"statements": page["statements"][::-1]})
    before = victim.kept()
    with pytest.raises(BadAnswer):
        await victim.sync()
    assert victim.kept() == before
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_statements_moved_to_other_indexes(scene: Scene) -> None:
    victim = scene.newcomer("doctor")

    def moved(page: dict[str, Any]) -> dict[str, Any]:
        items = page["statements"]
        items[2]["envelope"], items[3]["envelope"] = items[3]["envelope"], items[2]["envelope"]
        items[2]["openings"], items[3]["openings"] = items[3]["openings"], items[2]["openings"]
        return page

    victim.lying.twist("GET", "/v1/registry/statements", moved)
    await victim.refuses(3, "entry-mismatch", "M1")
    victim.lying.repent()
    await victim.opens(scene.alert)


# -- made up ---------------------------------------------------------------------------------------------------------------


def by_nobody(scene: Scene) -> Statement:
    """A second device for the author, "signed" by registrars whom the server has invented."""
    world = scene.world
    invented = [SoftwareSigner.generate(world.random) for _ in range(2)]
    fields, _, _ = world.device_fields(scene.author)
    body = world.common(issuer={"registrar": invented[0].public.key_id}, **fields)
    return world.sign("device.enrol", body, *invented)


def by_one_administrator(scene: Scene) -> Statement:
    fields, _, _ = scene.world.device_fields(scene.author)
    return scene.world.by_device("device.enrol", scene.administrator, **fields)


def by_one_administrator_twice(scene: Scene) -> Statement:
    fields, _, _ = scene.world.device_fields(scene.author)
    administrator = scene.administrator
    return scene.world.by_device(
        "device.enrol", administrator, administrator.signers[administrator.devices[1]], **fields
    )


def by_an_administrator_and_the_author(scene: Scene) -> Statement:
    fields, _, _ = scene.world.device_fields(scene.author)
    return scene.world.by_device("device.enrol", scene.administrator, scene.author.signer, **fields)


def by_one_registrar(scene: Scene) -> Statement:
    fields, _, _ = scene.world.device_fields(scene.author)
    return scene.world.by_registrars("device.enrol", signers=1, **fields)


def by_all_registrars(scene: Scene) -> Statement:
    fields, _, _ = scene.world.device_fields(scene.author)
    return scene.world.by_registrars("device.enrol", signers=3, **fields)


def with_the_scan_key_of_another(scene: Scene) -> Statement:
    fields, _, _ = scene.world.device_fields(scene.author)
    other, _, _ = scene.world.device_fields(scene.author)
    return scene.world.by_registrars("device.enrol", **{**fields, "scan": other["scan"]})


def without_possession(scene: Scene) -> Statement:
    """The author's device request carried over to another person: whose possession proves nothing."""
    fields, _, _ = scene.world.device_fields(scene.author)
    return scene.world.by_registrars("device.enrol", **{**fields, "person": scene.approver.person})


@pytest.mark.parametrize(
    ("ghost", "code", "rule"),
    [
        (by_nobody, "signer-unknown", "M3"),
        (by_one_administrator, "two-persons", "M8"),
        (by_one_administrator_twice, "one-person-twice", "M8"),
        (by_an_administrator_and_the_author, "signer-not-administrator", "M3"),
        (by_one_registrar, "signer-set", "M3"),
        (by_all_registrars, "signer-set", "M3"),
        (with_the_scan_key_of_another, "signature-invalid", "M11"),
        (without_possession, "signature-invalid", "M11"),
    ],
    ids=lambda value: value.__name__.replace("_", "-") if callable(value) else value,
)
async def test_ghost_device(scene: Scene, ghost: Callable[[Scene], Statement], code: str, rule: str) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    statement = ghost(scene)
    index = forgery.insert_registry(statement)
    failure = await victim.refuses(3, code, rule)
    assert failure.evidence["index"] == str(index)
    assert "statement" in failure.evidence
    assert len(victim.member.replica.facts.devices_of[scene.author.person]) == 2
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_ghost_device_enrolled_by_another_organisations_administrator(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    fields, _, _ = scene.world.device_fields(scene.doctor)
    forgery.insert_registry(scene.world.by_device("device.enrol", scene.administrator, **fields))
    await victim.refuses(3, "other-organisation", "M9")


async def test_approver_invented_by_one_administrator(scene: Scene) -> None:
    world = scene.world
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    statement = world.by_device(
        "person.enrol",
        scene.administrator,
        commitments={"name": "ab" * 32},
        organisation=scene.authority,
        person=world.random.id(),
        roles=["approver"],
        topics=[],
    )
    forgery.insert_registry(statement)
    await victim.refuses(3, "two-persons", "M8")
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_approver_invented_by_one_administrator_from_an_officer(scene: Scene) -> None:
    world = scene.world
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    person = world.random.id()
    enrol = world.by_device(
        "person.enrol",
        scene.administrator,
        commitments={"name": "ab" * 32},
        organisation=scene.authority,
        person=person,
        roles=["officer"],
        topics=[],
    )
    # The officer is nobody whom this reader is shown; when it becomes privileged, it must be shown, and is seen through.
    forgery.insert_registry(enrol)
    forgery.insert_registry(
        world.by_device(
            "person.change",
            scene.administrator,
            person=person,
            previous=enrol.id,
            roles=["approver", "officer"],
            topics=[],
        )
    )
    await victim.refuses(3, "two-persons", "M8")


async def test_approver_invented_and_withheld(scene: Scene) -> None:
    """The reader is not shown the invented approver: then no key of it is known either."""
    world = scene.world
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    ghost = Person(world.random.id(), scene.authority, ("approver",))
    fields, signer, scan = world.device_fields(ghost)
    world.keep_device(ghost, fields, signer, scan)
    enrol = world.by_device(
        "person.enrol",
        scene.administrator,
        commitments={"name": "ab" * 32},
        organisation=scene.authority,
        person=ghost.person,
        roles=["approver"],
        topics=[],
    )
    forgery.insert_registry(enrol, shown=False)
    forgery.insert_registry(world.by_device("device.enrol", scene.administrator, **fields), shown=False)
    core = {"approvals": 1, "approvers": [ghost.person]}
    alert = await scene.forged_alert(forgery, ghost, core=core)
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 3, "signer-unknown")


async def test_statement_with_a_signature_taken_from_another(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    wanted, signed = changed(scene, scene.second, "author"), changed(scene, scene.second, "officer")
    envelope = Envelope(wanted.envelope.kind, wanted.envelope.body, signed.envelope.signatures)
    forgery.insert_registry(parse_statement(envelope))
    await victim.refuses(3, "signature-invalid", "M3")


async def test_founding_substituted(scene: Scene) -> None:
    victim = scene.newcomer("doctor")
    forgery = await victim.forge()
    other = World(seed="substitute", server=scene.world.server).founding()
    forgery.rewrite("registry", 0, statement=other.id, signatures=other.envelope.signatures_hash)
    forgery.registry[0] = (other.envelope, ())
    for index in range(forgery.size("journal")):
        size = forgery.entry("journal", index).registry
        assert size is not None
        forgery.rewrite("journal", index, registry=forgery.head("registry", size.size))
    failure = await victim.refuses(2, "other-exchange")
    assert failure.evidence["index"] == "0"
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_founding_substituted_beside_its_entry(scene: Scene) -> None:
    victim = scene.newcomer("doctor")
    forgery = await victim.forge()
    forgery.registry[0] = (World(seed="substitute", server=scene.world.server).founding().envelope, ())
    await victim.refuses(3, "entry-mismatch", "M1")


async def test_founding_a_second_time(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    forgery.insert_registry(World(seed="substitute", server=scene.world.server).founding())
    await victim.refuses(3, "founded-already", "M1")


# -- openings ----------------------------------------------------------------------------------------------------------------


def _renamed(page: dict[str, Any]) -> None:
    next(item for item in page["statements"] if item["openings"])["openings"][0]["value"] = "Mallory GmbH"


def _swapped(page: dict[str, Any]) -> None:
    """Two persons exchange their names."""
    first, second, *_ = [item for item in page["statements"] if item["openings"]]
    first["openings"], second["openings"] = second["openings"], first["openings"]


def _twice(page: dict[str, Any]) -> None:
    item = next(item for item in page["statements"] if item["openings"])
    item["openings"] *= 2


def _uncommitted(page: dict[str, Any]) -> None:
    items = page["statements"]
    given = next(item["openings"][0] for item in items if item["openings"])
    next(item for item in items if not item["openings"])["openings"] = [given]


@pytest.mark.parametrize(
    "change", [_renamed, _swapped, _twice, _uncommitted], ids=["renamed", "swapped", "twice", "uncommitted"]
)
async def test_openings_that_do_not_match(scene: Scene, change: Callable[[dict[str, Any]], None]) -> None:
    victim = scene.newcomer("author")
    victim.lying.twist("GET", "/v1/registry/statements", change)
    await victim.refuses(3, "opening-mismatch", "M14")
    assert not victim.member.replica.names.all("organisation")
    victim.lying.repent()
    await victim.opens(scene.alert)
    assert "Polizei Musterstadt" in victim.member.replica.names.all("organisation").values()


def nameless(victim: Victim, person: str) -> None:
    """Withhold the opening of one person's name."""

    def change(page: dict[str, Any]) -> None:
        for item in page["statements"]:
            statement = parse_statement(Envelope.from_json(item["envelope"]))
            if getattr(statement.body, "person", None) == person:
                item["openings"] = []

    victim.lying.twist("GET", "/v1/registry/statements", change)


async def test_nameless_ghost_is_shown_by_id_and_needs_confirmation(scene: Scene) -> None:
    victim = scene.newcomer("author")
    nameless(victim, scene.porter.person)
    await victim.sync()
    draft = publish.prepare(source(), victim.member)
    shown = publish.preview(draft, victim.member)
    assert shown.nameless == (scene.porter.person,)
    row = next(row for row in shown.receivers if row.person == scene.porter.person)
    assert row.name is None
    before = len(victim.lying.asked)
    with pytest.raises(ClientError) as refusal:
        await publish.publish(draft, victim.member)
    assert refusal.value.code == "nameless-recipients"
    assert not [asked for asked in victim.lying.asked[before:] if asked.startswith(("PUT", "POST /v1/statements"))]
    assert victim.state.outgoing(open_only=False) == []
    released = await publish.publish(draft, victim.member, confirm_nameless=True)
    assert released.released


async def test_nameless_ghost_in_red_refuses_even_when_confirmed(scene: Scene) -> None:
    victim = scene.newcomer("author")
    nameless(victim, scene.author.person)
    await victim.sync()
    red = source(Label.RED, audience=SourceAudience(persons=("D. Doktor",)), approvers=("F. Freigeber",), approvals=1)
    draft = publish.prepare(red, victim.member)
    assert draft.nameless == (scene.author.person,)
    before = len(victim.lying.asked)
    with pytest.raises(ClientError) as refusal:
        await publish.publish(draft, victim.member, confirm_nameless=True)
    assert refusal.value.code == "nameless-recipients"
    assert not [asked for asked in victim.lying.asked[before:] if asked.startswith(("PUT", "POST /v1/statements"))]


async def test_nameless_ghost_in_a_red_proposal_is_not_approved(scene: Scene) -> None:
    core = {"approvals": 1, "approvers": [scene.approver.person]}
    proposal = await scene.sealed({"persons": [scene.doctor.person]}, "RED", core=core)
    await scene.world.post(proposal)
    victim = scene.newcomer("approver")
    nameless(victim, scene.doctor.person)
    await victim.sync()
    (found,) = [p for p in await approve.proposals(victim.member) if p.opened.statement.id == proposal.id]
    with pytest.raises(ClientError) as refusal:
        await approve.approve(found, victim.member, confirm_nameless=True)
    assert refusal.value.code == "nameless-recipients"
    assert victim.state.outgoing(open_only=False) == []
    # With the names shown it is approved: the honest continuation, on another device of the approver.
    other = scene.newcomer("approver", device=1)
    await other.sync()
    (found,) = [p for p in await approve.proposals(other.member) if p.opened.statement.id == proposal.id]
    assert (await approve.approve(found, other.member)).released


# -- weekly keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", ["author", "doctor"])
async def test_hidden_epoch_bundle(scene: Scene, reader: str) -> None:
    victim = scene.newcomer(reader)
    forgery = await victim.forge()
    index = next(i for i in range(forgery.size("journal")) if forgery.entry("journal", i).kind == "epoch.publish")
    forgery.hidden.add(index)
    failure = await victim.refuses(4, "epoch-withheld")
    assert failure.evidence["index"] == str(index)
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_hidden_epoch_bundle_stops_the_publisher_before_anything_is_sealed(scene: Scene) -> None:
    victim = await scene.informed("author")
    draft = publish.prepare(source(), victim.member)
    await scene.world.enrol_device(scene.driver)
    forgery = await victim.forge()
    forgery.hidden.add(forgery.size("journal") - 1)
    before = len(victim.lying.asked)
    with pytest.raises(VerificationError) as caught:
        await publish.publish(draft, victim.member)
    assert (caught.value.name, caught.value.code) == ("V4", "epoch-withheld")
    assert not [asked for asked in victim.lying.asked[before:] if asked.startswith(("PUT", "POST /v1/statements"))]


async def test_epoch_statement_in_the_place_of_another(scene: Scene) -> None:
    victim = scene.newcomer("author")
    forgery = await victim.forge()
    first, second, *_ = (
        i for i in range(forgery.size("journal")) if forgery.entry("journal", i).kind == "epoch.publish"
    )
    older = await scene.world.exchange_server.store.read(_statement_at, second)
    forgery.epochs[first] = older
    await victim.refuses(2, "entry-mismatch")


def _statement_at(connection: Any, index: int) -> Envelope:
    row = statements.at(connection, "journal", index)
    assert row is not None
    return Envelope.decode(row.envelope)


async def test_epoch_bundle_published_by_somebody_else(scene: Scene) -> None:
    """The server publishes keys of its own in the doctor's name: it would read what is sealed to them."""
    world = scene.world
    victim = await scene.informed("author")
    forgery = await victim.forge()
    week = 202645
    body = world.common(
        bundle={"length": 1216 * 8, "sha256": "ab" * 32},
        issuer={"device": scene.doctor.device},
        keys=[{"hash": f"{n:064x}", "week": week + n} for n in range(8)],
    )
    statement = world.sign("epoch.publish", body, scene.driver.signer)
    await forgery.insert_journal(statement)
    await victim.refuses(3, "signer-unknown")


async def test_epoch_bundle_with_other_bytes(scene: Scene) -> None:
    victim = scene.newcomer("author")
    await victim.sync()
    draft = publish.prepare(source(), victim.member)
    for name in _bundles(victim):
        victim.lying.say("GET", f"/v1/blobs/{name}", raw(bytes(1216 * 10)))
    before = len(victim.lying.asked)
    with pytest.raises(VerificationError) as caught:
        await publish.publish(draft, victim.member)
    assert (caught.value.name, caught.value.code) == ("V4", "bundle-mismatch")
    assert not [asked for asked in victim.lying.asked[before:] if asked.startswith(("PUT", "POST /v1/statements"))]
    assert not victim.state.checked_keys()
    victim.lying.repent()
    assert (await publish.publish(draft, victim.member)).released


def _bundles(victim: Victim) -> set[str]:
    """The bundles that this member knows of, by hash."""
    bodies = [parse_statement(envelope).body for _, envelope, _ in victim.state.epochs()]
    return {body.bundle.sha256 for body in bodies if isinstance(body, EpochPublish)}


async def test_changed_roster_between_preview_and_publish_stops(scene: Scene) -> None:
    """The server adds a recipient between preview and publish; validly, and so the publisher must see it first."""
    victim = await scene.informed("author")
    draft = publish.prepare(source(), victim.member)
    await scene.world.enrol("N. Neu", scene.hospital, "officer")
    before = len(victim.lying.asked)
    with pytest.raises(publish.PreviewChanged) as stopped:
        await publish.publish(draft, victim.member)
    assert stopped.value.differs["persons-added"]
    assert not [asked for asked in victim.lying.asked[before:] if asked.startswith(("PUT", "POST /v1/statements"))]
