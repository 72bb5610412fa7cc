"""Reactions, questions and answers: who may say what to whom, and who is handed it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.model.problems import Malformed
from exchange.model.statements import Statement
from exchange.model.submission import Refused
from exchange.service.alerts import Alerts
from exchange.service.claims import Claims
from exchange.service.denied import Denied
from exchange.service.messages import MOST_SAID, Messages
from exchange.service.receipts import Receipts
from exchange.service.visibility import Reader, reader_of
from keys import encoding
from keys.message import Binding, open_message
from tests.support.live import Live, live
from tests.support.messages import answer, ask, react, speak
from tests.support.world import Member

TEXT = b'{"level":"affected"}'


class Scene:
    def __init__(self, world: Live) -> None:
        self.world = world
        self.author: Member
        self.approver: Member
        self.clerk: Member
        self.doctor: Member
        self.nurse: Member
        self.stranger: Member
        self.auditor: Member
        self.alert: Statement

    async def build(self) -> Scene:
        world = self.world
        authority = await world.admit("Polizeidirektion", "authority", ("security",))
        hospital = await world.admit("Klinikum", sectors=("health",))
        bakery = await world.admit("Bäckerei", sectors=("food",))
        self.author = await world.enrol("A. Autorin", authority, "author")
        self.approver = await world.enrol("F. Freigeber", authority, "approver")
        self.clerk = await world.enrol("O. Offizier", authority, "officer")
        self.doctor = await world.enrol("D. Doktor", hospital, "officer")
        self.nurse = await world.enrol("P. Pflege", hospital, "officer")
        self.stranger = await world.enrol("B. Bäcker", bakery, "officer")
        self.auditor = await world.enrol("R. Revision", authority, "auditor")
        self.alert = await world.alert(self.author, "AMBER", {"sectors": ["health"]})
        await world.post(self.alert)
        return self

    def reader(self, member: Member) -> Reader:
        return reader_of(self.world.exchange_server.state.roster_now(self.world.now), member.device)

    def services(self) -> tuple[Messages, Receipts]:
        exchange = self.world.exchange_server
        alerts = Alerts(exchange.store, exchange.state)
        claims = Claims(exchange.claim, exchange.store, exchange.state, exchange.clock, exchange.config.refusals)
        return (
            Messages(exchange.store, exchange.ledger, alerts, claims),
            Receipts(exchange.store, exchange.ledger, exchange.state, alerts, claims),
        )

    async def refused(self, statement: Statement) -> Refused:
        """The refusal, after which both logs are as long as before."""
        ledger = self.world.exchange_server.ledger
        before = ledger.head("registry").size, ledger.head("journal").size
        with pytest.raises(Refused) as refused:
            await self.world.post(statement)
        assert (ledger.head("registry").size, ledger.head("journal").size) == before
        return refused.value


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with live(tmp_path) as world:
        yield await Scene(world).build()


def opened(world: Live, statement: Statement, subject: str, reader: Member) -> bytes:
    body: Any = statement.body
    week = encoding.week_of(statement.at)
    device = encoding.unb64u(reader.device)
    [stanza] = [s.stanza for s in body.message.stanzas if s.device == reader.device]
    binding = Binding(world.exchange, encoding.unb64u(body.issuer.device), encoding.unb64u(body.nonce), subject)
    seed = world.identities[reader.device].epoch_seed(week)
    ciphertext, sealed = encoding.unb64u(body.message.ciphertext), encoding.unb64u(stanza)
    return open_message(binding, ciphertext, sealed, device=device, week=week, seed=seed)


async def test_a_reaction_reaches_the_source_and_shows_the_server_nothing(scene: Scene) -> None:
    world = scene.world
    reaction = react(world, scene.doctor, scene.alert, TEXT, scene.author, scene.approver)
    await world.post(reaction)
    messages, receipts = scene.services()
    page = json.loads(await messages.about(scene.reader(scene.approver), scene.alert.id, 0))
    assert [item["envelope"]["payload"] for item in page["statements"]]
    assert opened(world, reaction, scene.alert.id, scene.approver) == TEXT
    states = json.loads(await receipts.view(scene.reader(scene.author), scene.alert.id, 0))
    hospital = {"at": world.now, "organisation": scene.doctor.organisation, "state": "reacted"}
    assert {**hospital, "times": {"reacted": world.now}} in states["organisations"]
    assert b"affected" not in reaction.envelope.body


async def test_a_reaction_may_be_said_again_and_is_bounded(scene: Scene) -> None:
    world, most = scene.world, MOST_SAID["alert.receipt"]
    for number in range(most):
        await world.post(react(world, scene.doctor, scene.alert, b"%d" % number, scene.author))
    refusal = await scene.refused(react(world, scene.doctor, scene.alert, TEXT, scene.author))
    assert refusal.code == "message-limit"
    await world.post(react(world, scene.nurse, scene.alert, TEXT, scene.author))


async def test_a_reaction_by_who_was_never_sealed_is_refused(scene: Scene) -> None:
    refusal = await scene.refused(react(scene.world, scene.stranger, scene.alert, TEXT, scene.author))
    assert refusal.code == "receipt-without-leaf"


@pytest.mark.parametrize("reader", ["clerk", "nurse", "auditor"])
async def test_a_message_to_the_source_sealed_to_somebody_else_is_refused(scene: Scene, reader: str) -> None:
    statement = ask(scene.world, scene.doctor, scene.alert, TEXT, scene.author, getattr(scene, reader))
    assert (await scene.refused(statement)).code == "message-target"


async def test_reactions_are_for_publishers_of_the_source_and_for_auditors(scene: Scene) -> None:
    await scene.world.post(react(scene.world, scene.doctor, scene.alert, TEXT, scene.author))
    messages, _ = scene.services()
    for member in (scene.author, scene.approver, scene.auditor):
        page = json.loads(await messages.about(scene.reader(member), scene.alert.id, 0))
        assert len(page["statements"]) == 1
    for member in (scene.clerk, scene.doctor, scene.stranger):
        with pytest.raises(Denied) as denied:
            await messages.about(scene.reader(member), scene.alert.id, 0)
        assert denied.value.code == "not-entitled"


async def test_a_question_is_answered_and_the_asker_and_colleagues_see_what_is_permitted(scene: Scene) -> None:
    world = scene.world
    asked = ask(world, scene.doctor, scene.alert, b'{"text":"may the bakery know?"}', scene.author, scene.approver)
    await world.post(asked)
    answered = answer(world, scene.author, asked, [scene.stranger.person], b'{"text":"yes"}', scene.doctor)
    await world.post(answered)
    messages, _ = scene.services()
    for member in (scene.doctor, scene.nurse):
        page = json.loads(await messages.answers(scene.reader(member), 0))
        assert len(page["statements"]) == 1
    assert opened(world, answered, asked.id, scene.doctor) == b'{"text":"yes"}'
    page = json.loads(await messages.answers(scene.reader(scene.stranger), 0))
    assert page["statements"] == []


@pytest.mark.parametrize(
    ("who", "code"), [("approver", "not-author"), ("clerk", "not-author"), ("nurse", "other-organisation")]
)
async def test_an_answer_by_anybody_but_an_author_of_the_source_is_refused(scene: Scene, who: str, code: str) -> None:
    asked = ask(scene.world, scene.doctor, scene.alert, TEXT, scene.author)
    await scene.world.post(asked)
    answered = answer(scene.world, getattr(scene, who), asked, [scene.stranger.person], None)
    assert (await scene.refused(answered)).code == code


async def test_an_answer_sealed_to_somebody_else_than_the_asker_is_refused(scene: Scene) -> None:
    asked = ask(scene.world, scene.doctor, scene.alert, TEXT, scene.author)
    await scene.world.post(asked)
    answered = answer(scene.world, scene.author, asked, [], TEXT, scene.nurse)
    assert (await scene.refused(answered)).code == "message-target"


async def test_an_answer_to_what_nobody_asked_is_refused(scene: Scene) -> None:
    reaction = react(scene.world, scene.doctor, scene.alert, TEXT, scene.author)
    await scene.world.post(reaction)
    for asked in (scene.alert, reaction):
        answered = answer(scene.world, scene.author, asked, [], None)
        assert (await scene.refused(answered)).code == "ask-unknown"


async def test_nothing_permits_passing_on_red(scene: Scene) -> None:
    world = scene.world
    red = await world.alert(
        scene.author,
        "RED",
        {"persons": [scene.doctor.person]},
        core={"approvals": 1, "approvers": [scene.approver.person]},
    )
    await world.post(world.approve(red, scene.approver))
    asked = ask(world, scene.doctor, red, TEXT, scene.author)
    await world.post(asked)
    answered = answer(world, scene.author, asked, [scene.nurse.person], None)
    assert (await scene.refused(answered)).code == "red-never"
    await world.post(answer(world, scene.author, asked, [], None))


async def test_a_message_in_a_plain_receipt_is_no_receipt(scene: Scene) -> None:
    with pytest.raises(Malformed, match="message"):
        speak(
            scene.world,
            "alert.receipt",
            scene.doctor,
            scene.alert.id,
            TEXT,
            [scene.author],
            alerts=[scene.alert.id],
            level="read",
        )
