"""Naming witnesses (rule M21), counting them, and the quorum's time (docs/spec/logs.md, Witnesses)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.model.problems import Malformed
from exchange.model.statements import Statement
from exchange.policy.refusal import RosterRefusal
from exchange.policy.witnesses import cosigned, quorum_time, witness_verifiers
from exchange.tlog.checkpoint import Checkpoint
from exchange.tlog.witness_policy import format_policy
from keys.encoding import b64u
from keys.errors import NoteError
from keys.note import Note, NoteLine, parse_vkey, vkey
from tests.support.witnesses import WitnessKey
from tests.support.world import World

TIME = 1_800_000_000
TEXT = Checkpoint("exchange.example/journal", 3, bytes(range(32))).text()


@pytest.fixture
def world() -> World:
    return World().found()


@pytest.fixture
def keys(world: World) -> list[WitnessKey]:
    return [WitnessKey.generate(f"w{n}.example", world.random) for n in range(3)]


def naming(world: World, keys: list[WitnessKey], quorum: int = 2, **changes: Any) -> Statement:
    fields: dict[str, Any] = {"quorum": quorum, "witnesses": [key.card() for key in keys], **changes}
    return world.by_registrars("witness.name", previous=world.previous("witnesses"), **fields)


def refused(world: World, statement: Statement, code: str, rule: str = "M21") -> None:
    before = world.roster.facts
    with pytest.raises(RosterRefusal) as refusal:
        world.accept(statement)
    assert (refusal.value.rule, refusal.value.code) == (rule, code)
    assert world.roster.facts is before


def test_the_registrars_name_all_witnesses_anew_each_time(world: World, keys: list[WitnessKey]) -> None:
    assert (world.roster.facts.witnesses, world.roster.facts.quorum) == ((), 0)
    world.accept(naming(world, keys))
    facts = world.roster.facts
    assert ([w.name for w in facts.witnesses], facts.quorum) == (["w0.example", "w1.example", "w2.example"], 2)
    world.accept(naming(world, keys[1:], 1))
    assert ([w.name for w in world.roster.facts.witnesses], world.roster.facts.quorum) == (
        ["w1.example", "w2.example"],
        1,
    )
    world.accept(naming(world, [], 0))
    assert (world.roster.facts.witnesses, world.roster.facts.quorum) == ((), 0)
    assert facts.quorum == 2  # facts that were handed out stay as they were


def test_a_naming_by_too_few_registrars_is_refused(world: World, keys: list[WitnessKey]) -> None:
    body = {"quorum": 1, "witnesses": [keys[0].card()]}
    refused(world, world.by_registrars("witness.name", signers=1, **body), "signer-set", "M3")


def test_an_older_naming_posted_after_a_newer_one_is_refused(world: World, keys: list[WitnessKey]) -> None:
    held_back = naming(world, keys[:1], 1)
    world.accept(naming(world, keys))
    refused(world, held_back, "previous-mismatch", "M5")


@pytest.mark.parametrize(("number", "quorum"), [(3, 0), (3, 4), (0, 1), (2, -1)])
def test_a_quorum_that_cannot_be_is_malformed(world: World, keys: list[WitnessKey], number: int, quorum: int) -> None:
    with pytest.raises(Malformed):
        naming(world, keys[:number], quorum)


def test_witnesses_out_of_order_or_twice_are_malformed(world: World, keys: list[WitnessKey]) -> None:
    for wrong in (keys[::-1], [keys[0], keys[0]]):
        with pytest.raises(Malformed):
            naming(world, wrong, 1)


@pytest.mark.parametrize("url", ["ftp://w.example", "http://w.example/?q=1", "http://u@w.example", "https://W.example"])
def test_a_witness_at_no_plain_url_is_malformed(world: World, keys: list[WitnessKey], url: str) -> None:
    with pytest.raises(Malformed):
        naming(world, keys, 1, witnesses=[{**keys[0].card(), "url": url}])


def test_one_key_under_two_names_is_one_witness_and_refused(world: World, keys: list[WitnessKey]) -> None:
    for half in ("ed25519", "mldsa44"):
        cards = [keys[0].card(), {**keys[1].card(), half: keys[0].card()[half]}]
        refused(world, naming(world, [], 2, witnesses=cards), "key-reused")


def test_a_log_as_its_own_witness_is_refused(world: World) -> None:
    own = WitnessKey.generate(f"{world.roster.facts.origin}/journal", world.random)
    refused(world, naming(world, [own], 1), "witness-is-log")


def test_a_registrar_s_key_as_witness_is_refused(world: World, keys: list[WitnessKey]) -> None:
    registrar = world.registrars[0].public.to_json()["ed25519"]
    refused(world, naming(world, [], 1, witnesses=[{**keys[0].card(), "ed25519": registrar}]), "key-reused")


def test_a_low_order_witness_key_is_refused(world: World, keys: list[WitnessKey]) -> None:
    low = b64u(bytes([1]) + bytes(31))
    refused(world, naming(world, [], 1, witnesses=[{**keys[0].card(), "ed25519": low}]), "bad-ed25519-key")


# -- counting --------------------------------------------------------------------------------------------------------------


def test_a_witness_counts_with_both_lines_and_the_older_time(world: World, keys: list[WitnessKey]) -> None:
    world.accept(naming(world, keys))
    first, second, third = keys
    lines = (first.lines(TEXT, TIME)[0], first.lines(TEXT, TIME + 5)[1], *second.lines(TEXT, TIME + 9))
    note = Note(TEXT, (*lines, third.lines(TEXT, TIME)[0]))
    assert cosigned(note, world.roster.facts.witnesses) == {"w0.example": TIME, "w1.example": TIME + 9}


def test_a_line_of_a_named_witness_that_does_not_verify_refuses_the_note(world: World, keys: list[WitnessKey]) -> None:
    world.accept(naming(world, keys))
    other = Checkpoint("exchange.example/journal", 4, bytes(32)).text()
    for place in (0, 1):
        lines = list(keys[0].lines(TEXT, TIME))
        lines[place] = keys[0].lines(other, TIME)[place]
        with pytest.raises(NoteError):
            cosigned(Note(TEXT, tuple(lines)), world.roster.facts.witnesses)


def test_a_stranger_s_lines_are_ignored(world: World, keys: list[WitnessKey]) -> None:
    world.accept(naming(world, keys[:2]))
    stranger = NoteLine("w9.example", b"\0\1\2\3", bytes(72))
    assert cosigned(Note(TEXT, (*keys[2].lines(TEXT, TIME), stranger)), world.roster.facts.witnesses) == {}


def test_a_cosignature_under_another_witness_s_name_does_not_count(world: World, keys: list[WitnessKey]) -> None:
    """The Ed25519 line does not bind the name: the key id does."""
    world.accept(naming(world, keys))
    borrowed = tuple(NoteLine("w1.example", line.key_id, line.signature) for line in keys[0].lines(TEXT, TIME))
    assert cosigned(Note(TEXT, borrowed), world.roster.facts.witnesses) == {}


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 2**40), max_size=6), st.integers(0, 7))
def test_the_quorum_s_time_is_the_newest_at_which_as_many_had_seen_it(times: dict[str, int], quorum: int) -> None:
    found = quorum_time(times, quorum)
    if quorum == 0 or len(times) < quorum:
        assert found is None
    else:
        assert found in times.values()
        assert sum(time >= found for time in times.values()) >= quorum
        assert sum(time > found for time in times.values()) < quorum


# -- as a tlog-policy --------------------------------------------------------------------------------------------------------


def test_the_policy_text_names_both_keys_of_each_witness(world: World, keys: list[WitnessKey]) -> None:
    world.accept(naming(world, keys[:2], 1))
    rows = []
    for witness in world.roster.facts.witnesses:
        ed25519, mldsa44 = (vkey(v.name, v.type, v.key) for v in witness_verifiers(witness))
        rows.append((witness.name, ed25519, mldsa44, witness.url))
    lines = format_policy(["log-key"], rows, 1).decode().splitlines()
    assert lines[0] == "log log-key"
    assert lines[-2:] == ["group witnesses 1 w0.example w1.example", "quorum witnesses"]
    assert [parse_vkey(line.split(" ")[2]).type for line in lines if line.startswith("witness ")] == [4, 6, 4, 6]
    assert "group w0.example all w0.example#ed25519 w0.example#mldsa44" in lines
    assert format_policy([], [], 0) == b"quorum none\n"
