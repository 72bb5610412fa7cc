"""Whoever asks how the witnesses stand is told by their signatures: the exchange shows others, older, forged and future ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.client.errors import BadAnswer, VerificationError
from exchange.client.member import Member
from exchange.client.standing import LogStanding, standing
from exchange.client.sync import sync
from exchange.client.transport import Response
from exchange.model.common import FIRST_LEAD
from exchange.tlog.checkpoint import LogName
from keys import encoding
from keys.note import Note, NoteLine
from tests.support.scene import Partnership, partnership
from tests.support.witnesses import WitnessKey

SHOWN = "/v1/witnesses"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Partnership]:
    made = partnership(tmp_path)
    yield made
    made.scene.close()


@pytest.fixture
def keys(place: Partnership) -> list[WitnessKey]:
    """Three witnesses, two of whom are enough."""
    found = [WitnessKey.generate(f"w{n}.example", place.sim.random) for n in range(3)]
    place.scene.registrars("witness.name", quorum=2, witnesses=[key.card() for key in found])
    return found


def show(place: Partnership, note: bytes | None, log: LogName = "registry", state: str = "cosigned") -> None:
    """The exchange answers with this note, and praises every witness."""
    said = [{"name": f"w{n}.example", "since": place.sim.now, "state": state} for n in range(3)]
    answer: dict[str, Any] = {name: {"quorum": 2, "witnesses": said} for name in ("registry", "journal")}
    if note is not None:
        answer[log]["note"] = note.decode()
    place.sim.lies.clear()
    place.sim.lie(SHOWN, lambda *_: Response(200, {}, encoding.encode(answer)))


async def reader(place: Partnership) -> Member:
    member = place.scene.member(place.officer)
    await sync(member)
    return member


async def of(member: Member, log: LogName = "registry") -> LogStanding:
    return next(one for one in await standing(member) if one.log == log)


async def test_what_verified_is_shown_with_the_witnesses_own_times(place: Partnership, keys: list[WitnessKey]) -> None:
    member, now = await reader(place), place.sim.now
    note = keys[1].cosign(keys[0].cosign(place.sim.logs["registry"].note(now), now - 40), now - 30)
    show(place, note)
    found = await of(member)
    assert (found.size, found.time, found.quorum) == (place.sim.logs["registry"].size, now - 40, 2)
    assert [(w.size, w.time) for w in found.witnesses] == [(found.size, now - 40), (found.size, now - 30), (0, 0)]
    other = await of(member, "journal")
    assert (other.size, other.time) == (0, 0)


async def test_a_word_of_the_exchange_is_no_cosignature(place: Partnership, keys: list[WitnessKey]) -> None:
    member = await reader(place)
    show(place, None)
    found = await of(member)
    assert dict(found.said) == {f"w{n}.example": "cosigned" for n in range(3)}
    assert (found.size, found.time) == (0, 0) and all(not w.time for w in found.witnesses)


async def test_lines_of_witnesses_that_nobody_named_count_for_nothing(
    place: Partnership, keys: list[WitnessKey]
) -> None:
    member, now = await reader(place), place.sim.now
    strangers = [WitnessKey.generate(key.name, place.sim.random) for key in keys]
    note = place.sim.logs["registry"].note(now)
    for key in strangers:
        note = key.cosign(note, now)
    show(place, note)
    assert (await of(member)).time == 0


async def test_a_forged_line_of_a_named_witness_is_evidence(place: Partnership, keys: list[WitnessKey]) -> None:
    member, now = await reader(place), place.sim.now
    note = Note.parse(keys[0].cosign(place.sim.logs["registry"].note(now), now))
    forged = [
        NoteLine(line.name, line.key_id, line.signature[:-1] + bytes([line.signature[-1] ^ 1]))
        if line.name == keys[0].name
        else line
        for line in note.lines
    ]
    show(place, Note(note.text, tuple(forged)).encode())
    with pytest.raises(VerificationError) as lie:
        await standing(member)
    assert (lie.value.step, lie.value.code) == (1, "cosignature-invalid") and lie.value.evidence.keys() == {"registry"}


async def test_a_time_ahead_of_the_clock_makes_nothing_fresh(place: Partnership, keys: list[WitnessKey]) -> None:
    member, now = await reader(place), place.sim.now
    note = place.sim.logs["registry"].note(now)
    for key in keys:
        note = key.cosign(note, now + FIRST_LEAD + 1)
    show(place, note)
    found = await of(member)
    assert found.time == 0 and all(not w.time for w in found.witnesses)


async def test_cosignatures_of_another_history_are_a_fork(place: Partnership, keys: list[WitnessKey]) -> None:
    member = await reader(place)
    other = place.sim.split()
    other.now += 1
    size = place.sim.logs["registry"].size
    other.logs["registry"].roots[size] = bytes(32)
    note = other.logs["registry"].note(other.now, size)
    for key in keys:
        note = key.cosign(note, place.sim.now)
    show(place, note)
    with pytest.raises(VerificationError) as lie:
        await standing(member)
    assert lie.value.code == "fork"


async def test_the_note_of_the_other_log_is_refused(place: Partnership, keys: list[WitnessKey]) -> None:
    member = await reader(place)
    show(place, place.sim.logs["journal"].note(place.sim.now), "registry")
    with pytest.raises(VerificationError) as lie:
        await standing(member)
    assert lie.value.code == "checkpoint-invalid"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"registry": {"quorum": 1, "witnesses": []}},
        {"registry": [], "journal": []},
        {"registry": {"witnesses": [{"name": "x", "state": "y"}] * 16}, "journal": {"witnesses": []}},
        {"registry": {"witnesses": [{"name": "x" * 300, "state": "y"}]}, "journal": {"witnesses": []}},
        {"registry": {"witnesses": [{"name": "x", "state": "y" * 65}]}, "journal": {"witnesses": []}},
        {"registry": {"witnesses": [], "note": 1}, "journal": {"witnesses": []}},
        {"registry": {"witnesses": [], "note": "x" * 70_000}, "journal": {"witnesses": []}},
    ],
)
async def test_an_answer_that_is_none_is_refused(place: Partnership, answer: Any) -> None:
    member = await reader(place)
    place.sim.lie(SHOWN, lambda *_: Response(200, {}, encoding.encode(answer)))
    with pytest.raises(BadAnswer):
        await standing(member)
