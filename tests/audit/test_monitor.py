"""The monitor: each alarm is raised when it is due, once, and names what it is about by ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exchange.audit.alarms import CODES, Alarm
from exchange.audit.monitor import DAY, Limits, in_force, watch_once
from exchange.audit.monitorstate import TRIES, MonitorState
from exchange.client import publish
from exchange.client.errors import TransportError, VerificationError
from exchange.client.member import Member
from exchange.client.sync import sync
from exchange.client.transport import Response
from exchange.model.alert import Urgency
from tests.support.scene import Partnership, Person, partnership, source
from tests.support.simulator import Request
from tests.support.witnesses import WitnessKey
from tests.support.world import Randomness

KEYS = [WitnessKey.generate(f"w{n}.example", Randomness(f"monitor {n}")) for n in range(3)]
SPEC = Path(__file__).parents[2] / "docs" / "spec" / "audit.md"


@dataclass
class Watch:
    """An auditor's monitor over a simulated exchange."""

    scene: Partnership
    auditor: Person
    member: Member
    kept: MonitorState
    limits: Limits = field(default_factory=Limits)

    async def round(self) -> list[Alarm]:
        """Follow and look; what is new."""
        await sync(self.member, quiet=True)
        return await self.look()

    async def look(self) -> list[Alarm]:
        await watch_once(self.member, self.kept, self.limits)
        waiting = self.kept.waiting()
        for one in waiting:
            self.kept.said(one.alarm.id)
            self.kept.hooked(one.alarm.id, done=True)
        return [one.alarm for one in waiting]

    async def codes(self) -> list[str]:
        return [alarm.code for alarm in await self.round()]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    scene = partnership(tmp_path)
    auditor = scene.scene.person(scene.police, "Adele Auditorin", "auditor")
    member = scene.scene.member(auditor)
    with MonitorState(tmp_path / "monitor.sqlite") as kept:
        yield Watch(scene, auditor, member, kept)
    scene.scene.close()


def cosigning(scene: Partnership, *keys: WitnessKey) -> None:
    """From now on these witnesses' lines stand under every checkpoint served."""

    def change(request: Request, response: Response) -> Response:
        body = response.body
        for key in keys:
            body = key.cosign(body, scene.sim.now)
        return Response(response.status, response.headers, body)

    for log in ("registry", "journal"):
        scene.sim.lie(f"/{log}/checkpoint", change)


def name(scene: Partnership, keys: list[WitnessKey], quorum: int) -> None:
    previous = scene.sim.roster.facts.chains.get("witnesses")
    scene.scene.registrars("witness.name", quorum=quorum, witnesses=[key.card() for key in keys], previous=previous)


# -- entries -------------------------------------------------------------------------------------------------------------


async def test_what_stood_in_the_logs_before_the_first_look_is_no_alarm(watch: Watch) -> None:
    assert await watch.round() == []
    assert await watch.round() == []


async def test_a_new_device_of_the_own_organisation_and_of_no_other(watch: Watch) -> None:
    await watch.round()
    watch.scene.scene.device(watch.scene.author)
    watch.scene.scene.device(watch.scene.officer)
    (alarm,) = await watch.round()
    author = watch.scene.author
    assert (alarm.code, alarm.log, alarm.values["person"], alarm.values["organisation"]) == (
        "device-new", "registry", author.id, watch.scene.police)  # fmt: skip
    assert alarm.index == watch.scene.sim.logs["registry"].size - 2
    assert await watch.round() == []


async def test_whoever_may_publish_from_now_on(watch: Watch) -> None:
    await watch.round()
    scene = watch.scene.scene
    scene.person(watch.scene.works, "N. Neu", "author", "officer", devices=0)
    scene.registrars(
        "person.change",
        {"name": "Olga Offizier"},
        person=watch.scene.officer.id,
        previous=scene.newest(f"person/{watch.scene.officer.id}"),
        roles=["administrator", "approver", "officer"],
        topics=["it"],
    )
    found = await watch.round()
    assert [(alarm.code, alarm.values["roles"]) for alarm in found] == [
        ("publisher-new", "author"), ("publisher-new", "approver")]  # fmt: skip
    assert found[1].values["organisation"] == watch.scene.works


async def test_a_change_that_gives_no_new_right_is_none(watch: Watch) -> None:
    await watch.round()
    scene, author = watch.scene.scene, watch.scene.author
    scene.registrars(
        "person.change",
        {"name": "Anna Autorin"},
        person=author.id,
        previous=scene.newest(f"person/{author.id}"),
        roles=["author"],
        topics=["it"],
    )
    assert await watch.round() == []


async def test_witnesses_named_anew(watch: Watch) -> None:
    await watch.round()
    name(watch.scene, KEYS, 2)
    (alarm,) = await watch.round()
    assert (alarm.code, dict(alarm.values)) == ("witnesses-changed", {"number": 3, "quorum": 2})


async def test_an_emergency_release_and_no_other_one(watch: Watch) -> None:
    scene = watch.scene
    author = scene.scene.member(scene.author)
    for person in (scene.officer, scene.colleague):
        await sync(scene.scene.member(person))
    await sync(author)
    await sync(author)  # its own weekly keys stand in the journal by now
    await watch.round()
    calm = await publish.publish(publish.prepare(source("GREEN"), author), author)
    urgent = source("CLEAR", audience=None, urgency=Urgency.IMMEDIATE)
    released = await publish.publish(publish.prepare(urgent, author), author)
    assert calm.released and released.released
    (alarm,) = await watch.round()
    assert (alarm.code, alarm.index, alarm.values["approvals"], alarm.values["required"]) == (
        "emergency-release", released.index, 0, 1)  # fmt: skip
    assert alarm.values["statement"] == released.statement


async def test_an_exchange_that_hides_the_statement_from_an_auditor_is_named(watch: Watch) -> None:
    scene = watch.scene
    author = scene.scene.member(scene.author)
    await sync(author)
    await watch.round()
    urgent = source("CLEAR", audience=None, urgency=Urgency.IMMEDIATE)
    released = await publish.publish(publish.prepare(urgent, author), author)
    await sync(watch.member, quiet=True)
    with watch.member.state.transaction():
        watch.member.state._db.execute("UPDATE alert SET envelope=NULL")
    scene.sim.lie(f"/v1/statements/{released.statement}", lambda request, response: Response(404, {}, b"{}"))
    (alarm,) = await watch.look()
    assert (alarm.code, alarm.values["subject"]) == ("withheld", released.statement)


async def test_entries_wait_when_the_exchange_is_gone_and_states_do_not(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = watch.scene
    author = scene.scene.member(scene.author)
    await sync(author)
    name(scene, KEYS[:1], 1)
    await watch.round()
    urgent = source("CLEAR", audience=None, urgency=Urgency.IMMEDIATE)
    await publish.publish(publish.prepare(urgent, author), author, unwitnessed=True)
    await sync(watch.member, quiet=True)
    with watch.member.state.transaction():
        watch.member.state._db.execute("UPDATE alert SET envelope=NULL")

    async def gone(statement: str) -> None:
        raise TransportError("unreachable", "nobody answers")

    with monkeypatch.context() as cut:
        cut.setattr(type(watch.member.api), "statement", lambda self, statement: gone(statement))
        scene.sim.now += 901
        assert {alarm.code for alarm in await watch.look()} == {"checkpoint-old"}
    assert [alarm.code for alarm in await watch.look()] == ["emergency-release"]


# -- states --------------------------------------------------------------------------------------------------------------


async def test_an_old_quorum_is_an_alarm_once_and_again_after_it_was_back(watch: Watch) -> None:
    sim = watch.scene.sim
    name(watch.scene, KEYS[:2], 2)
    await watch.round()
    sim.now += 900
    assert await watch.codes() == []
    sim.now += 1
    assert sorted(await watch.codes()) == ["checkpoint-old", "checkpoint-old"]
    assert await watch.codes() == []
    cosigning(watch.scene, *KEYS[:2])
    assert await watch.codes() == []
    sim.lies.clear()
    sim.now += 2000
    assert sorted(await watch.codes()) == ["checkpoint-old", "checkpoint-old"]


async def test_one_silent_witness_among_others_is_named(watch: Watch) -> None:
    sim = watch.scene.sim
    name(watch.scene, KEYS, 2)
    cosigning(watch.scene, *KEYS)
    await watch.round()
    sim.lies.clear()
    cosigning(watch.scene, *KEYS[:2])
    sim.now += 901
    found = await watch.round()
    assert {(alarm.code, alarm.values["witness"]) for alarm in found} == {("witness-silent", "w2.example")}
    assert sorted(str(alarm.log) for alarm in found) == ["journal", "registry"]
    assert await watch.codes() == []


async def test_without_a_named_witness_nobody_is_silent(watch: Watch) -> None:
    await watch.round()
    watch.scene.sim.now += 10 * DAY
    assert await watch.codes() == []


async def test_a_roster_larger_than_yesterday(watch: Watch) -> None:
    scene, sim = watch.scene.scene, watch.scene.sim
    sim.now += 2 * DAY
    watch.limits = Limits(grown=6, percent=500)
    for number in range(6):
        scene.person(watch.scene.bakery, f"P{number}", "officer", devices=0)
    assert await watch.codes() == []
    scene.person(watch.scene.bakery, "P7", "officer", devices=0)
    (alarm,) = await watch.round()
    before = len(sim.roster.facts.persons) - 7
    assert (alarm.code, dict(alarm.values)) == (
        "roster-grown", {"after": before + 7, "before": before, "what": "persons"})  # fmt: skip
    assert await watch.codes() == []
    sim.now += DAY
    assert await watch.codes() == []


async def test_a_share_counts_only_when_it_is_more_than_a_few(watch: Watch) -> None:
    watch.limits = Limits(grown=1000, percent=10)
    watch.scene.sim.now += 2 * DAY
    for number in range(5):
        watch.scene.scene.person(watch.scene.bakery, f"P{number}", "officer", devices=0)
    assert await watch.codes() == []
    watch.scene.scene.person(watch.scene.bakery, "P6", "officer", devices=0)
    assert await watch.codes() == ["roster-grown"]


def test_removed_persons_and_revoked_devices_are_not_in_force(watch: Watch) -> None:
    before = in_force(watch.scene.sim.roster.facts)
    watch.scene.scene.revoke(watch.scene.baker)
    assert in_force(watch.scene.sim.roster.facts) == (before[0], before[1] - 1)


# -- what does not verify ------------------------------------------------------------------------------------------------


async def test_a_fork_is_an_alarm(watch: Watch) -> None:
    await watch.round()
    other = watch.scene.sim.split()
    watch.scene.scene.device(watch.scene.author)
    await watch.round()
    note = other.logs["registry"].note(other.now)
    watch.scene.sim.lie("/registry/checkpoint", lambda request, response: Response(200, {}, note))
    with pytest.raises(VerificationError):
        await sync(watch.member, quiet=True)
    (alarm,) = await watch.look()
    assert (alarm.code, alarm.severity) == ("fork", "high")
    assert await watch.look() == []


# -- telling -------------------------------------------------------------------------------------------------------------


def test_an_alarm_is_json_for_a_machine_and_a_sentence_in_both_languages() -> None:
    values = {"device": "D", "organisation": "O", "person": "P"}
    alarm = Alarm("device-new/registry/7", "device-new", 1_800_000_000, "registry", 7, values)
    value = alarm.to_json("e" * 64)
    assert value["time"] == "2027-01-15T08:00:00Z"
    assert value["sentence"] == {
        "de": "neues Gerät D der eigenen Organisation O für P",
        "en": "new device D of the own organisation O for P",
    }
    assert (value["log"], value["index"], value["severity"]) == ("registry", 7, "medium")
    assert Alarm.decode(alarm.id, alarm.encode()) == alarm


def test_every_code_stands_in_the_specification_with_its_words() -> None:
    said = SPEC.read_text("utf-8")
    for code, (_, german, english) in CODES.items():
        assert f"| `{code}` |" in said
        assert german != english


def test_a_hook_that_fails_is_called_three_times_and_then_given_up(tmp_path: Path) -> None:
    alarm = Alarm("a/1", "device-new", 1, values={"device": "D", "organisation": "O", "person": "P"})
    with MonitorState(tmp_path / "monitor.sqlite") as kept:
        kept.record([alarm], 1, 1)
        kept.said("a/1")
        for _ in range(TRIES):
            (waiting,) = kept.waiting()
            assert (waiting.say, waiting.hook) == (False, True)
            kept.hooked("a/1", done=False)
        assert kept.waiting() == []
