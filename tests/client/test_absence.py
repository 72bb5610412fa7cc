"""An absence: sources are told once for each alert, sealed, and a reminder comes at half of the time and at its end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.client import messages, publish
from exchange.client.absence import absence_of, end_absence, set_absence, tell_sources
from exchange.client.draft import prepare
from exchange.client.errors import ClientError
from exchange.client.reminders import Due, next_moment
from exchange.client.source import SourceAudience
from exchange.client.sync import sync
from exchange.model.messages import Reaction
from tests.client.test_messages_with_server import Talk
from tests.support.scene import source
from tests.support.served import served

DAY = 86_400


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with served(tmp_path) as (scene, transport, _):
        people = (scene.author, scene.approver, scene.officer, scene.baker)
        made = Talk(scene, *(scene.scene.member(person, transport=transport) for person in people))
        await made.round()
        await made.round()
        yield made


async def test_the_source_of_an_alert_learns_who_stands_in_once(talk: Talk):
    officer, colleague = talk.officer, talk.people.colleague.id
    absence = set_absence(officer, officer.clock() + 14 * DAY, colleague)
    alert = (await publish.publish(prepare(source(), talk.author), talk.author)).statement
    await talk.round()
    assert await tell_sources(officer) == [alert]
    assert await tell_sources(officer) == []
    await talk.round()
    (said,) = await messages.conversation(talk.author, alert)
    assert said.words == Reaction(level="away", deputy=colleague, until=absence.until)


async def test_a_deputy_is_given_what_its_label_allows(talk: Talk):
    officer, people = talk.officer, talk.people
    deputy = people.scene.member(people.colleague, transport=officer.api._transport)
    await sync(deputy)
    await sync(deputy)
    await talk.round()
    set_absence(officer, officer.clock() + 14 * DAY, people.colleague.id)
    wanted = source("AMBER", SourceAudience(persons=("Olga Offizier",)))
    alert = (await publish.publish(prepare(wanted, talk.author), talk.author)).statement
    await talk.round()
    assert await tell_sources(officer) == [alert]
    assert (await sync(deputy)).opened == (alert,)
    assert officer.state.failures() == [] == deputy.state.failures()


async def test_who_is_back_tells_nobody(talk: Talk):
    set_absence(talk.officer, talk.officer.clock() + DAY, None)
    end_absence(talk.officer)
    await publish.publish(prepare(source(), talk.author), talk.author)
    await talk.round()
    assert absence_of(talk.officer) is None and await tell_sources(talk.officer) == []


async def test_what_came_before_the_absence_is_not_excused(talk: Talk):
    await publish.publish(prepare(source(), talk.author), talk.author)
    await talk.round()
    talk.people.sim.now += 60
    set_absence(talk.officer, talk.officer.clock() + DAY, None)
    await sync(talk.officer)
    assert await tell_sources(talk.officer) == []


async def test_a_deputy_is_a_colleague(talk: Talk):
    for deputy in (talk.people.baker.id, talk.people.officer.id, "A" * 22):
        with pytest.raises(ClientError) as refused:
            set_absence(talk.officer, talk.officer.clock() + DAY, deputy)
        assert refused.value.code == "deputy-unknown"


async def test_an_absence_ends_after_now(talk: Talk):
    with pytest.raises(ClientError) as refused:
        set_absence(talk.officer, talk.officer.clock(), None)
    assert refused.value.code == "absence-over"


def test_reminders_come_at_half_of_the_time_and_at_its_end():
    due = Due("s", 100, 300)
    assert [due.stage(now) for now in (100, 199, 200, 299, 300, 999)] == [0, 0, 1, 1, 2, 2]
    assert [next_moment([due], now) for now in (100, 200, 300)] == [200, 300, None]


def test_a_time_that_was_over_on_arrival_is_late_at_once():
    assert Due("s", 500, 300).stage(500) == 2
