"""Leaves compared with recipients: the quick comparison and the one leaf by leaf come to the same answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.policy.decide import Recipient
from exchange.policy.epochs import EpochTable
from exchange.policy.replay import NO_STANZA, AlertRefusal, LeafSet, check_leaves
from keys import encoding
from keys.stanza import NO_BUNDLE, LeafSummary, audience_root, stanza_id

AT = 1_790_000_000


@dataclass(frozen=True)
class Case:
    """Recipients without published keys (their leaves are empty), leaves in order, and what the author signed of them."""

    recipients: tuple[Recipient, ...]
    leaves: tuple[LeafSummary, ...]
    root: str
    depth: int

    @property
    def body(self) -> Any:
        core = SimpleNamespace(at=AT, seen=SimpleNamespace(journal=SimpleNamespace(size=0)))
        return SimpleNamespace(core=core, sealed=SimpleNamespace(root=self.root, depth=self.depth))

    def signed(self) -> Case:
        """The same, with the root of the leaves as they stand."""
        root, depth = audience_root([leaf.leaf_hash() for leaf in self.leaves])
        return replace(self, root=root.hex(), depth=depth)

    def answer(self, *, ready: bool = True) -> object:
        """Places, or rule and code of the refusal."""
        leaves = LeafSet.of(self.leaves) if ready else self.leaves
        try:
            return check_leaves(self.body, self.recipients, EpochTable(), leaves)
        except AlertRefusal as refusal:
            return refusal.rule, refusal.code


def device(number: int) -> str:
    return encoding.b64u(sha256(b"device %d" % number).digest()[:16])


def leaf(number: int, tag: int | None = None, stanza: bytes = NO_STANZA) -> LeafSummary:
    identifier = stanza_id(encoding.unb64u(device(number)), encoding.week_of(AT), NO_BUNDLE)
    return LeafSummary(identifier, (number if tag is None else tag).to_bytes(8, "big"), stanza)


def case(count: int) -> Case:
    recipients = tuple(Recipient(device(n), f"person {n}", False) for n in range(count))
    return Case(recipients, tuple(leaf(n) for n in range(count)), "", 0).signed()


def expected(found: Case) -> object:
    """The answer from the specification's words, without hashing anything twice or looking anything up."""
    wanted = {leaf(n).stanza_id: one for n in range(99) for one in found.recipients if one.device == device(n)}
    places: dict[str, int] = {}
    extra = False
    for index, one in enumerate(found.leaves):
        recipient = wanted.get(one.stanza_id)
        if recipient is None or recipient.device in places:
            extra = True
            continue
        places[recipient.device] = index
        if recipient.usable != (one.stanza_hash != NO_STANZA):
            return "R16", "stanza-missing" if recipient.usable else "stanza-without-key"
    if len(places) < len(found.recipients):
        return "R9", "recipient-missing"
    if extra:
        return "R9", "recipient-extra"
    if any(a.tag >= b.tag for a, b in pairwise(found.leaves)):
        return "V7", "leaf-order"
    root, depth = audience_root([one.leaf_hash() for one in found.leaves])
    return places if (root.hex(), depth) == (found.root, found.depth) else ("V7", "root-mismatch")


LEAVES = st.lists(
    st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 5)), st.sampled_from([NO_STANZA, bytes(32)])),
    max_size=6,
)


@given(
    st.sets(st.integers(0, 5), min_size=1, max_size=5),
    st.sets(st.integers(0, 5), max_size=2),
    LEAVES,
    st.booleans(),
)
def test_ready_leaves_and_plain_ones_get_the_answer_that_the_rules_give(
    people: set[int], usable: set[int], wild: list[tuple[int, int | None, bytes]], sign: bool
) -> None:
    recipients = tuple(Recipient(device(n), f"person {n}", n in usable) for n in sorted(people))
    leaves = tuple(leaf(*one) for one in wild)
    found = Case(recipients, leaves, "00" * 32, 0)
    if sign and leaves:
        found = found.signed()
    assert found.answer() == found.answer(ready=False) == expected(found)


@given(st.integers(1, 9), st.sets(st.integers(0, 8), max_size=4))
def test_exactly_the_recipients_are_found_at_their_places(count: int, usable: set[int]) -> None:
    whole = case(count)
    recipients = tuple(replace(r, usable=n in usable) for n, r in enumerate(whole.recipients))
    leaves = tuple(leaf(n, stanza=bytes(32) if n in usable else NO_STANZA) for n in range(count))
    found = replace(whole, recipients=recipients, leaves=leaves).signed()
    assert found.answer() == found.answer(ready=False) == {device(n): n for n in range(count)}


@pytest.mark.parametrize("ready", [True, False])
def test_attack_one_recipient_twice_and_another_left_out_is_refused(ready: bool) -> None:
    whole = case(4)
    twice = replace(whole, leaves=(leaf(0), leaf(1), leaf(1, tag=2), leaf(3))).signed()
    assert twice.answer(ready=ready) == ("R9", "recipient-missing")


@pytest.mark.parametrize("ready", [True, False])
def test_attack_a_ghost_beside_all_recipients_is_refused(ready: bool) -> None:
    whole = case(4)
    ghost = replace(whole, leaves=(*whole.leaves, leaf(9))).signed()
    assert ghost.answer(ready=ready) == ("R9", "recipient-extra")


@pytest.mark.parametrize("ready", [True, False])
def test_attack_leaves_of_another_root_are_refused(ready: bool) -> None:
    whole = case(4)
    assert replace(whole, root=case(5).root).answer(ready=ready) == ("V7", "root-mismatch")


def differs(found: Case) -> tuple[dict[str, list[str]], str]:
    with pytest.raises(AlertRefusal) as refused:
        check_leaves(found.body, found.recipients, EpochTable(), found.leaves)
    return refused.value.differs, refused.value.detail


def test_a_refusal_names_the_devices_and_counts_the_ghosts() -> None:
    whole = case(4)
    ghosts = replace(whole, leaves=(*whole.leaves, leaf(8), leaf(9))).signed()
    assert differs(ghosts) == ({"extra": ["2"]}, "2 leaves are for nobody that the rules name")
    one = replace(whole, leaves=(*whole.leaves, leaf(9))).signed()
    assert differs(one)[0] == {"extra": ["1"]}
    keyed = replace(whole, leaves=(leaf(0), leaf(1), leaf(2, stanza=bytes(32)), leaf(3))).signed()
    assert differs(keyed)[0] == {"devices": [device(2)]}
    left_out = replace(whole, leaves=(leaf(0), leaf(2))).signed()
    assert differs(left_out) == ({"missing": [device(1), device(3)]}, "2 recipients' devices have no leaf")


def test_a_refusal_names_at_most_fifty_devices_left_out() -> None:
    named, sentence = differs(replace(case(53), leaves=(leaf(0),)).signed())
    assert named == {"missing": [device(n) for n in range(1, 51)]} and sentence.startswith("52 ")


def test_no_leaves_at_all_leave_everybody_out() -> None:
    assert replace(case(2), leaves=()).answer() == ("R9", "recipient-missing")


@pytest.mark.parametrize("ready", [True, False])
def test_attack_a_device_with_a_key_is_given_an_empty_leaf_or_one_without_a_stanza(ready: bool) -> None:
    whole = case(3)
    given_one = replace(whole, leaves=(leaf(0), leaf(1, stanza=bytes(32)), leaf(2))).signed()
    assert given_one.answer(ready=ready) == ("R16", "stanza-without-key")
    usable = replace(whole, recipients=tuple(replace(r, usable=n == 1) for n, r in enumerate(whole.recipients)))
    assert usable.answer(ready=ready) == ("R16", "stanza-missing")


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("tags", [(0, 2, 1), (1, 1, 2), (0, 1, 1)])
def test_attack_leaves_out_of_order_or_with_one_tag_twice(ready: bool, tags: tuple[int, ...]) -> None:
    found = replace(case(3), leaves=tuple(leaf(n, tag) for n, tag in enumerate(tags))).signed()
    assert found.answer(ready=ready) == ("V7", "leaf-order")


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("depth", [-1, 1, 3])
def test_attack_the_right_root_at_another_depth(ready: bool, depth: int) -> None:
    assert replace(case(3), depth=depth).answer(ready=ready) == ("V7", "root-mismatch")
