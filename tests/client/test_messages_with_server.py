"""Reactions, questions and answers between real clients over the real server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.client import messages, publish
from exchange.client.draft import prepare
from exchange.client.errors import Refused, StateError
from exchange.client.member import Member
from exchange.client.sync import sync
from exchange.model.messages import Question, Reaction, Reply
from exchange.policy.messages import MessageRefusal
from tests.support.scene import source
from tests.support.served import served


class Talk:
    """An author, an approver and an officer who received one alert; a baker who did not."""

    def __init__(self, people: Any, author: Member, approver: Member, officer: Member, baker: Member) -> None:
        self.people = people
        self.author, self.approver, self.officer, self.baker = author, approver, officer, baker
        self.alert = ""

    async def round(self) -> None:
        for member in (self.author, self.approver, self.officer, self.baker):
            assert (await sync(member)).failures == ()


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with served(tmp_path) as (scene, transport, _):
        people = (scene.author, scene.approver, scene.officer, scene.baker)
        made = Talk(scene, *(scene.scene.member(person, transport=transport) for person in people))
        await made.round()
        await made.round()
        made.alert = (await publish.publish(prepare(source(), made.author), made.author)).statement
        await made.round()
        yield made


async def test_a_reaction_is_read_by_authors_and_approvers_of_the_source(talk: Talk):
    reaction = Reaction(level="affected", text="Zwei Kabeltrommeln fehlen.", call="0201 555 0123")
    await messages.react(talk.officer, talk.alert, reaction)
    await talk.round()
    # The alert was not addressed to the approver; the reaction is sealed to all who publish for the source.
    (said,) = await messages.conversation(talk.author, talk.alert)
    assert (said.kind, said.person, said.words) == ("alert.receipt", talk.people.officer.id, reaction)
    assert (await talk.author.api.receipts(talk.alert))["organisations"]
    with pytest.raises(Refused, match="reactions are for"):
        await messages.conversation(talk.officer, talk.alert)


async def test_a_question_and_its_answer_come_back_to_who_asked(talk: Talk):
    question = Question(text="Darf unser Dienstleister das wissen?", persons=(talk.people.baker.id,))
    await messages.ask(talk.officer, talk.alert, question)
    await talk.round()
    (asked,) = await messages.conversation(talk.author, talk.alert)
    assert asked.words == question
    await messages.answer(talk.author, asked, [talk.people.baker.id], "Ja, diese Person.")
    await talk.round()
    got = await messages.answers(talk.officer)
    assert talk.officer.state.failures() == []
    (said,) = got
    assert (said.outcome, said.permits, said.words) == (
        "granted",
        (talk.people.baker.id,),
        Reply(text="Ja, diese Person."),
    )
    assert (said.alert, said.ask) == (talk.alert, asked.statement)
    assert await messages.answers(talk.baker) == []
    told = await messages.conversation(talk.author, talk.alert)
    assert [one.kind for one in told] == ["alert.ask", "alert.answer"]


async def test_a_decline_needs_no_words(talk: Talk):
    await messages.ask(talk.officer, talk.alert, Question(text="?"))
    await talk.round()
    (asked,) = await messages.conversation(talk.author, talk.alert)
    await messages.answer(talk.author, asked, [], None)
    await talk.round()
    (said,) = await messages.answers(talk.officer)
    assert (said.outcome, said.permits, said.words) == ("declined", (), None)


async def test_an_approver_does_not_answer_for_the_author(talk: Talk):
    await messages.ask(talk.officer, talk.alert, Question(text="?"))
    await talk.round()
    (asked,) = await messages.conversation(talk.author, talk.alert)
    officer = talk.officer
    with pytest.raises(MessageRefusal, match="organisation that published"):
        await messages.answer(officer, asked, [talk.people.baker.id], None)


async def test_what_was_not_received_cannot_be_reacted_to(talk: Talk):
    with pytest.raises(StateError):
        await messages.react(talk.baker, talk.alert, Reaction(level="in-hand"))
