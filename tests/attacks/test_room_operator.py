"""Attacks on the exchange's own rooms: its clock, its upload places, conflicting requests in one commit."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from exchange.model.statements import Statement, parse_statement
from exchange.model.submission import Refused, Submission
from exchange.service.blobs import MEMBER_UPLOADS
from exchange.service.denied import Denied
from exchange.service.visibility import reader_of
from exchange.web.app import create_app
from exchange.web.context import CONTEXT
from keys.sign import sign_statement
from tests.attacks.scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
YEAR = 365 * 86_400
"""Seconds."""


async def test_clock_far_ahead_at_a_start_does_not_end_the_exchange(scene: Scene) -> None:
    """A member's post is refused as too late; had the server said so in its log, all would be too late for a year."""
    world = scene.world
    statement = await scene.sealed()
    context = create_app(world.exchange_server, housekeeping=False)[CONTEXT]
    with scene.later(YEAR):
        with pytest.raises(Refused) as refusal:
            await world.post(statement)
        assert refusal.value.code == "too-late"
        context.claims.refused(statement.envelope, refusal.value.code, refusal.value.rule)
        await context.claims.flush()
    await world.post(statement)


async def test_slow_uploads_of_members_leave_places_for_warnings(scene: Scene) -> None:
    world = scene.world
    blobs = create_app(world.exchange_server, housekeeping=False)[CONTEXT].blobs
    crowd = [await world.enrol(f"K. Kollege {n}", scene.hospital, "officer") for n in range(MEMBER_UPLOADS // 4 + 1)]
    roster = world.exchange_server.state.roster_now(world.now)
    never, begun, started = asyncio.Event(), asyncio.Event(), []

    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        started.append(None)
        if len(started) == MEMBER_UPLOADS:
            begun.set()
        await never.wait()

    tasks = []
    for number in range(MEMBER_UPLOADS):
        reader = reader_of(roster, crowd[number // 4].device)
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        tasks.append(asyncio.create_task(blobs.upload(reader, digest, 1000, slow())))
    try:
        await asyncio.wait_for(begun.wait(), 10)
        with pytest.raises(Denied) as denial:
            await blobs.upload(reader_of(roster, crowd[-1].device), "ab" * 32, 1000, slow())
        assert denial.value.code == "uploads-busy"
        data = b"Kupferdiebstahl"

        async def whole() -> AsyncIterator[bytes]:
            yield data

        author = reader_of(roster, scene.author.device)
        assert (await blobs.upload(author, hashlib.sha256(data).hexdigest(), len(data), whole())).created
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_two_statements_with_one_predecessor_in_one_commit(scene: Scene) -> None:
    """Both name the same `previous` and are queued together: one of them is accepted."""
    world = scene.world
    person = await world.enrol("W. Wettlauf", scene.hospital, "officer")
    chain = f"person/{person.person}"
    rivals = [
        world.by_registrars(
            "person.change", person=person.person, previous=world.previous(chain), roles=["officer"], topics=[topic]
        )
        for topic in ("it", "power")
    ]
    size = world.exchange_server.ledger.head("registry").size
    results = await asyncio.gather(
        *(world.exchange_server.accept([Submission(r.envelope)]) for r in rivals), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, Refused)]
    assert [(r.code, r.rule) for r in refused] == [(refused[0].code, "M5")]
    assert world.exchange_server.ledger.head("registry").size == size + 1


async def test_request_whose_last_statement_fails_leaves_nothing_of_its_first(scene: Scene) -> None:
    """Beside another request in the same commit that depends on nothing of it."""
    world = scene.world
    one, two = [await world.enrol(f"P. Person {n}", scene.hospital, "officer") for n in range(2)]
    good, other = [
        world.by_registrars("person.remove", person=p.person, previous=world.previous(f"person/{p.person}"))
        for p in (one, two)
    ]
    bad = world.by_registrars("person.remove", person=one.person, previous="ab" * 32)
    results = await asyncio.gather(
        world.exchange_server.accept([Submission(good.envelope), Submission(bad.envelope)]),
        world.exchange_server.accept([Submission(other.envelope)]),
        return_exceptions=True,
    )
    assert isinstance(results[0], Refused) and results[0].index == 1
    assert not isinstance(results[1], BaseException)
    facts = world.exchange_server.state.roster.facts
    assert not facts.persons[one.person].removed and facts.persons[two.person].removed


async def in_one_commit(scene: Scene, *statements: Statement) -> list[object]:
    """What each is answered, when all wait for the writer in this order while it is busy with something else."""
    world, sequencer = scene.world, scene.world.exchange_server.sequencer
    busy = world.by_registrars("policy.adopt", policy=world.policy(), previous=world.previous("policy"))
    writer_is_free = threading.Event()
    held = asyncio.create_task(world.exchange_server.ledger.store.on_writer(writer_is_free.wait))
    tasks: list[asyncio.Task[object]] = []
    try:
        async with asyncio.timeout(30):
            # The first one is taken at once, and then held at the writer.
            for number, statement in enumerate((busy, *statements)):
                submission = Submission(statement.envelope)
                tasks.append(asyncio.create_task(world.exchange_server.accept([submission])))
                while sequencer.waiting < number or not (number or sequencer.committing):  # noqa: ASYNC110  it has no event
                    await asyncio.sleep(0)
    finally:
        writer_is_free.set()
    await held
    return (await asyncio.gather(*tasks, return_exceptions=True))[1:]


async def test_approval_by_a_device_revoked_in_the_same_commit(scene: Scene) -> None:
    world = scene.world
    approver = await world.enrol("R. Revoked", scene.authority, "approver")
    core = {"approvals": 1, "approvers": [approver.person]}
    proposal = await scene.sealed(core=core)
    await world.post(proposal)
    approved = world.approve(proposal, approver)
    chain = f"device/{approver.device}"
    revoked = world.by_registrars("device.revoke", device=approver.device, previous=world.previous(chain))
    results = await in_one_commit(scene, revoked, approved)
    assert not isinstance(results[0], BaseException)
    assert isinstance(results[1], Refused)
    assert results[1].rule in ("R1", "R8", "V3")


async def test_receipts_repeated_at_the_same_moment_do_not_fill_the_journal(scene: Scene) -> None:
    """Every one of them was looked up before the first was committed."""
    world, doctor = scene.world, scene.doctor
    statement = await scene.release()
    before = world.exchange_server.ledger.head("journal").size
    receipts = []
    for _ in range(8):
        body = world.common(
            alerts=[statement.id], issuer={"device": doctor.device}, level="received", not_after=world.now + 300
        )
        receipts.append(parse_statement(sign_statement("alert.receipt", body, doctor.signer, scheme="ed25519")))
    answers = await asyncio.gather(*(world.post(receipt) for receipt in receipts), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert {refusal.code for refusal in refused} == {"receipt-repeated"}
    assert len(refused) == 7
    assert world.exchange_server.ledger.head("journal").size == before + 1


async def test_receipts_repeated_do_not_fill_the_journal(scene: Scene) -> None:
    world = scene.world
    statement = await scene.release()
    before = world.exchange_server.ledger.head("journal").size
    doctor = scene.doctor
    for _ in range(3):
        issuer = {"device": doctor.device}
        body = world.common(alerts=[statement.id], issuer=issuer, level="received", not_after=world.now + 300)
        receipt = parse_statement(sign_statement("alert.receipt", body, doctor.signer, scheme="ed25519"))
        with suppress(Refused):
            await world.post(receipt)
    assert world.exchange_server.ledger.head("journal").size > before
    assert world.exchange_server.ledger.head("journal").size <= before + 1
