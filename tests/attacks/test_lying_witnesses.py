"""Lies about witnesses: whose lines stand under a checkpoint, over what, and how long ago."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from exchange.client import publish
from exchange.client.errors import ClientError
from exchange.client.schema import FIRST, MIGRATIONS
from exchange.client.state import MemberState
from exchange.client.transport import Response
from exchange.client.witnessing import KEPT, alert_witnessed, states
from exchange.model.statements import parse_statement
from exchange.model.submission import Refused
from exchange.policy.replay import NEVER_WITNESSED, WITNESS_AGE
from exchange.tlog.checkpoint import LOGS, LogName
from keys.keyfile import Vault
from keys.note import Note, NoteLine
from tests.attacks.lying import Asked, Forgery, told
from tests.attacks.scene import MINUTE, Scene, Victim, source, staged
from tests.support.witnesses import WitnessKey
from tests.support.world import Randomness

KEYS = [WitnessKey.generate(f"w{n}.example", Randomness(f"witness {n}")) for n in range(3)]
CHECKPOINT = r"/(?P<log>registry|journal)/checkpoint"
ASK = "/v1/witnesses"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """The scene with three witnesses, of whom two are enough."""
    async with staged(tmp_path_factory.mktemp("witnesses")) as built:
        world = built.world
        naming = {"quorum": 2, "witnesses": [key.card() for key in KEYS]}
        await world.post(world.by_registrars("witness.name", **naming))
        yield built


def cosigned(note: bytes, time: int, *keys: WitnessKey) -> bytes:
    for key in keys:
        note = key.cosign(note, time)
    return note


def served(victim: Victim, change: Callable[[LogName, bytes], bytes]) -> None:
    """Change every checkpoint that this client is served."""

    async def tell(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        answer = await honest()
        log: LogName = "registry" if asked.matched["log"] == "registry" else "journal"
        return Response(200, {}, change(log, answer.body))

    victim.lying.lie("GET", CHECKPOINT, tell)


def answered(victim: Victim, notes: dict[LogName, bytes]) -> None:
    """What the exchange says of its witnesses."""
    value = {log: {"quorum": 2, "witnesses": []} for log in LOGS}
    for log, note in notes.items():
        value[log]["note"] = note.decode()
    victim.lying.say("GET", ASK, told(value))


async def notes(scene: Scene, time: int, *keys: WitnessKey) -> dict[LogName, bytes]:
    """Both checkpoints of the honest exchange with cosignatures."""
    found: dict[LogName, bytes] = {}
    forgery = await Forgery.of(scene.world)
    for log in LOGS:
        found[log] = cosigned(forgery.note(log), time, *keys)
    return found


# -- what holds ----------------------------------------------------------------------------------------------------------


async def test_the_quorum_under_the_served_checkpoint_is_kept_with_its_time(scene: Scene) -> None:
    victim, now = scene.newcomer("doctor"), scene.world.now
    served(victim, lambda _, note: cosigned(cosigned(note, now - 50, KEYS[2]), now - 10, KEYS[0]))
    await victim.opens(scene.alert)
    for state in states(victim.member).values():
        assert (state.covered, state.time, state.quorum, state.age(now)) == (True, now - 50, 2, 50)
        assert [(w.name, w.silent) for w in state.witnesses] == [
            ("w0.example", False), ("w1.example", True), ("w2.example", False)]  # fmt: skip
    assert ASK not in " ".join(victim.lying.asked)
    row = victim.state.alert(scene.alert.id)
    assert row is not None and alert_witnessed(victim.member, row.index, states(victim.member))


async def test_cosignatures_that_came_later_are_asked_for_and_join_those_that_are_here(scene: Scene) -> None:
    victim, now = scene.newcomer("doctor"), scene.world.now
    served(victim, lambda _, note: cosigned(note, now - 30, KEYS[1]))
    answered(victim, await notes(scene, now - 20, KEYS[0]))
    await victim.opens(scene.alert)
    assert [state.time for state in states(victim.member).values()] == [now - 30, now - 30]
    with MemberState(victim.path, Vault(victim.identity.vault_key)) as again:
        size, note = next(again.cosigned("registry"))
        assert size == victim.member.replica.size("registry")
        assert [line.name for line in Note.parse(note).lines[2:]] == ["w0.example"] * 2 + ["w1.example"] * 2


async def test_a_reader_opens_at_once_without_any_witness_and_is_alarmed_after_a_quarter_of_an_hour(
    scene: Scene,
) -> None:
    victim, now = scene.newcomer("doctor"), scene.world.now
    await victim.opens(scene.alert)  # there is no such route here yet: nothing but freshness is lost
    known = states(victim.member)
    row = victim.state.alert(scene.alert.id)
    assert row is not None and alert_witnessed(victim.member, row.index, known) is False
    assert (
        not known["journal"].covered and not known["journal"].late(now) and known["journal"].age(now) == NEVER_WITNESSED
    )
    assert not known["journal"].late(now + WITNESS_AGE) and known["journal"].late(now + WITNESS_AGE + 1)


async def test_new_entries_that_no_witness_sees_grow_old_though_the_old_head_is_cosigned_again(scene: Scene) -> None:
    """A split view that freezes the witnesses at an old size, and has that cosigned every five minutes."""
    victim, world = scene.newcomer("doctor"), scene.world
    frozen = await notes(scene, world.now)
    answered(victim, {log: cosigned(note, world.now, *KEYS) for log, note in frozen.items()})
    await victim.sync()
    forgery = await victim.forge()
    await forgery.claim(scene.doctor)
    await victim.sync()
    with scene.later(WITNESS_AGE + MINUTE):
        answered(victim, {log: cosigned(note, world.now - 1, *KEYS) for log, note in frozen.items()})
        await victim.sync()
        state = states(victim.member)["journal"]
        assert state.time == world.now - 1 and not state.covered
        assert state.late(world.now) and state.age(world.now) == WITNESS_AGE + MINUTE


async def test_a_time_ahead_of_the_clock_is_not_fresh(scene: Scene) -> None:
    victim, now = scene.newcomer("doctor"), scene.world.now
    served(victim, lambda _, note: cosigned(note, now + 10 * WITNESS_AGE, *KEYS))
    await victim.opens(scene.alert)
    assert [state.time for state in states(victim.member).values()] == [0, 0]


async def test_other_witnesses_named_later_have_not_seen_what_the_former_saw(scene: Scene) -> None:
    victim, world = scene.newcomer("doctor"), scene.world
    served(victim, lambda _, note: cosigned(note, world.now, *KEYS))
    await victim.opens(scene.alert)
    forgery = await victim.forge()
    body = {"quorum": 1, "witnesses": [WitnessKey.generate("w0.example", Randomness("another")).card()]}
    previous = world.previous("witnesses")
    forgery.insert_registry(world.by_registrars("witness.name", previous=previous, **body))
    victim.lying.repent()
    victim.lying.forgery = forgery
    await victim.opens()
    state = states(victim.member)["registry"]
    assert (state.time, state.covered, [w.time for w in state.witnesses]) == (0, False, [0])


async def test_what_is_kept_is_bounded(scene: Scene) -> None:
    victim, world = scene.newcomer("doctor"), scene.world
    await victim.opens(scene.alert)
    forgery = await Forgery.of(world)
    for size in range(1, forgery.size("registry") + 1):
        victim.member.asked_witnesses = 0
        keys = KEYS if size == 1 else KEYS[:1]
        answered(victim, {"registry": cosigned(forgery.note("registry", size), world.now, *keys)})
        await victim.sync()
    kept = [size for size, _ in victim.state.cosigned("registry")]
    assert len(kept) == KEPT and kept[-1] == 1  # the newest with the quorum stays
    assert states(victim.member)["registry"].size == 1


# -- lies ----------------------------------------------------------------------------------------------------------------


def spoiled(line: NoteLine) -> NoteLine:
    return NoteLine(line.name, line.key_id, line.signature[:-1] + bytes([line.signature[-1] ^ 1]))


@pytest.mark.parametrize("half", [0, 1])
async def test_a_forged_cosignature(scene: Scene, half: int) -> None:
    victim = await scene.unaware("doctor")

    def forged(_: LogName, note: bytes) -> bytes:
        lines = list(KEYS[0].lines(Note.parse(note).text, scene.world.now))
        lines[half] = spoiled(lines[half])
        return Note(Note.parse(note).text, (*Note.parse(note).lines, *lines)).encode()

    served(victim, forged)
    failure = await victim.refuses(1, "cosignature-invalid")
    assert "w0.example" in "".join(failure.evidence.values())


async def test_an_old_cosignature_under_the_newest_checkpoint(scene: Scene) -> None:
    """The lines are genuine, and over an earlier size of the same log."""
    victim = await scene.unaware("doctor")
    forgery = await Forgery.of(scene.world)
    old = {log: Note.parse(forgery.note(log, forgery.size(log) - 1)).text for log in LOGS}

    def moved(log: LogName, note: bytes) -> bytes:
        lines = KEYS[0].lines(old[log], scene.world.now)
        return Note(Note.parse(note).text, (*Note.parse(note).lines, *lines)).encode()

    served(victim, moved)
    await victim.refuses(1, "cosignature-invalid")


async def test_cosignatures_of_the_other_log(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    forgery = await Forgery.of(scene.world)
    other: dict[LogName, str] = {
        "registry": Note.parse(forgery.note("journal")).text,
        "journal": Note.parse(forgery.note("registry")).text,
    }

    def moved(log: LogName, note: bytes) -> bytes:
        lines = KEYS[0].lines(other[log], scene.world.now)
        return Note(Note.parse(note).text, (*Note.parse(note).lines, *lines)).encode()

    served(victim, moved)
    await victim.refuses(1, "cosignature-invalid")


async def test_half_a_witness_does_not_count(scene: Scene) -> None:
    victim, now = scene.newcomer("doctor"), scene.world.now

    def halves(_: LogName, note: bytes) -> bytes:
        parsed = Note.parse(note)
        first = [KEYS[0].lines(parsed.text, now)[0], KEYS[1].lines(parsed.text, now)[1]]
        return Note(parsed.text, (*parsed.lines, *first)).encode()

    served(victim, halves)
    await victim.opens(scene.alert)
    assert [state.time for state in states(victim.member).values()] == [0, 0]


async def test_lines_of_strangers_count_for_nothing(scene: Scene) -> None:
    victim, now = scene.newcomer("doctor"), scene.world.now
    strangers = [WitnessKey.generate("w0.example", Randomness("stranger")), WitnessKey.generate("x", Randomness("x"))]
    served(victim, lambda _, note: cosigned(note, now, *strangers))
    await victim.opens(scene.alert)
    assert [state.time for state in states(victim.member).values()] == [0, 0]


async def test_a_private_fork_shown_as_the_witnessed_note_is_proof_of_it(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await Forgery.of(scene.world)
    forgery.rewrite("journal", forgery.size("journal") - 1, at=scene.world.now + 1)
    victim.member.asked_witnesses = 0
    answered(victim, {"journal": cosigned(forgery.note("journal"), scene.world.now, *KEYS)})
    failure = await victim.meets_fork("journal")
    assert {"kept", "shown", "proof"} <= failure.evidence.keys()


async def test_a_witnessed_note_that_runs_ahead_must_be_passed_through(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    ahead = await Forgery.of(scene.world)
    await ahead.claim(scene.doctor)
    victim.member.asked_witnesses = 0
    answered(victim, {"journal": cosigned(ahead.note("journal"), scene.world.now, *KEYS)})
    await victim.sync()
    assert victim.state.claims("journal")
    other = await victim.forge()
    await other.claim(scene.porter)
    await victim.meets_fork("journal")


@pytest.mark.parametrize("answer", [{}, {"journal": [], "registry": {}}, {"journal": {"note": 3}, "registry": {}}, []])
async def test_an_answer_without_sense_is_no_quorum_and_stops_nobody(scene: Scene, answer: object) -> None:
    victim = scene.newcomer("doctor")
    victim.lying.say("GET", ASK, told(answer))
    await victim.opens(scene.alert)
    assert not states(victim.member)["journal"].covered


async def test_a_note_that_the_log_did_not_sign(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await Forgery.of(scene.world)
    text = Note.parse(forgery.note("journal")).text
    victim.member.asked_witnesses = 0
    answered(victim, {"journal": Note(text, KEYS[0].lines(text, scene.world.now)).encode()})
    await victim.refuses(1, "checkpoint-invalid")


# -- publishing ----------------------------------------------------------------------------------------------------------


async def test_a_publisher_is_kept_on_a_registry_that_no_witness_has_seen_lately(scene: Scene) -> None:
    victim, world = scene.newcomer("author", 1), scene.world
    fresh = world.now - WITNESS_AGE
    served(victim, lambda _, note: cosigned(note, fresh, *KEYS))
    await victim.sync()
    draft = publish.prepare(source(), victim.member)
    assert (draft.core.witnessed, draft.unwitnessed) == (WITNESS_AGE, False)
    # Minutes later no cosignature came, and the preview is as it was: what is signed is judged when it is signed.
    world.now += MINUTE
    with pytest.raises(ClientError) as caught:
        await publish.publish(draft, victim.member)
    assert caught.value.code == "unwitnessed"
    released = await publish.publish(draft, victim.member, unwitnessed=True)
    envelope = await victim.member.api.statement(released.statement)
    core = parse_statement(envelope).alert.core
    assert core.witnessed == WITNESS_AGE + MINUTE


async def test_a_publisher_confirms_when_the_witnesses_never_saw_anything(scene: Scene) -> None:
    victim = scene.newcomer("author", 1)
    await victim.sync()
    draft = publish.prepare(source(), victim.member)
    assert (draft.core.witnessed, draft.unwitnessed) == (NEVER_WITNESSED, True)
    assert draft.witnesses is not None and all(witness.silent for witness in draft.witnesses.witnesses)


async def test_an_alert_that_hides_the_age_of_its_witnesses(scene: Scene) -> None:
    """A3: server and reader refuse it alike; also one that claims witnesses before any was named."""
    hidden = await scene.sealed(core={"witnessed": None})
    assert hidden.alert.core.witnessed is None
    with pytest.raises(Refused) as refusal:
        await scene.world.post(hidden)
    assert (refusal.value.rule, refusal.value.code) == ("A3", "witnessed-missing")
    victim = await scene.unaware("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery, core={"witnessed": None})
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 4, "witnessed-missing", "A3")


async def test_a_store_of_the_release_before_is_brought_forward(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as database:
        for statement in FIRST:
            database.execute(statement)
        database.execute("PRAGMA user_version=1")
    with MemberState(path, Vault(scene.world.random(32))) as state:
        assert [*state.cosigned("registry")] == []
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
