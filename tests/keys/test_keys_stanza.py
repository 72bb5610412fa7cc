"""Audience tree and pack: a naive second implementation, paths, absence, and a server that cheats."""

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import stanza
from keys.errors import EncodingError, OpenError
from keys.stanza import AudienceTree, LeafSummary, Neighbour, PackLeaf


def h(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def naive_root(leaves: list[bytes]) -> tuple[bytes, int]:
    """The specification's words: fill to a power of two, hash in pairs."""
    depth = 0
    while 1 << depth < len(leaves):
        depth += 1
    level = leaves + [h(b"\x00")] * ((1 << depth) - len(leaves))
    while len(level) > 1:
        level = [h(b"\x01", level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0], depth


def leaf(number: int, *, keyless: bool = False) -> PackLeaf:
    name = number.to_bytes(4, "big")
    return PackLeaf(h(b"id", name), (number + 1).to_bytes(8, "big"), b"" if keyless else h(name) * 36 + h(name)[:16])


def forest(count: int) -> tuple[list[PackLeaf], AudienceTree]:
    leaves = [leaf(2 * number, keyless=number % 3 == 0) for number in range(count)]
    return leaves, AudienceTree([one.leaf_hash() for one in leaves])


def neighbour(leaves: list[PackLeaf], tree: AudienceTree, index: int) -> Neighbour:
    return Neighbour(index, leaves[index].tag, leaves[index].summary().inner, tree.path(index))


@given(st.integers(1, 70))
def test_root_and_paths_agree_with_the_naive_tree(count: int) -> None:
    hashes = [h(bytes([number])) for number in range(count)]
    assert stanza.audience_root(hashes) == naive_root(hashes)
    tree = AudienceTree(hashes)
    for index, one in enumerate(hashes):
        stanza.verify_path(tree.root, tree.depth, index, one, stanza.audience_path(hashes, index))


@given(st.integers(2, 40), st.data())
def test_a_path_proves_one_leaf_at_one_place(count: int, data: st.DataObject) -> None:
    hashes = [h(bytes([number])) for number in range(count)]
    tree = AudienceTree(hashes)
    index = data.draw(st.integers(0, count - 1))
    other = data.draw(st.integers(0, (1 << tree.depth) - 1).filter(lambda place: place != index))
    path = tree.path(index)
    for wrong in (
        (tree.root, tree.depth, other, hashes[index], path),
        (tree.root, tree.depth, index, h(b"other"), path),
        (tree.root, tree.depth, index, hashes[index], path[:-1]),
        (tree.root, tree.depth, index, hashes[index], (*path, h(b"more"))),
        (tree.root, tree.depth - 1, index, hashes[index], path),
        (tree.root, tree.depth, -1, hashes[index], path),
        (tree.root, tree.depth, index + (1 << tree.depth), hashes[index], path),
        (tree.root, tree.depth, index, hashes[index], (*path[:-1], path[-1][:31])),
        (h(b"other root"), tree.depth, index, hashes[index], path),
    ):
        with pytest.raises(OpenError):
            stanza.verify_path(*wrong)


def test_attack_inner_node_passed_off_as_a_leaf() -> None:
    leaves, tree = forest(4)
    node = h(b"\x01", leaves[0].leaf_hash(), leaves[1].leaf_hash())
    short = (h(b"\x01", leaves[2].leaf_hash(), leaves[3].leaf_hash()),)
    stanza.verify_path(tree.root, 1, 0, node, short)  # the hashes fit: only the signed depth refuses it
    with pytest.raises(OpenError):
        stanza.verify_path(tree.root, tree.depth, 0, node, short)


@given(st.integers(1, 30), st.integers(0, 70))
def test_absence_is_proven_exactly_for_tags_without_a_leaf(count: int, number: int) -> None:
    leaves, tree = forest(count)
    tag = number.to_bytes(8, "big")
    left = [index for index, one in enumerate(leaves) if one.tag < tag][-1:]
    right = [index for index, one in enumerate(leaves) if one.tag > tag][:1]
    shown = [neighbour(leaves, tree, index) for index in (*left, *right)]
    if any(one.tag == tag for one in leaves):
        with pytest.raises(OpenError):
            stanza.verify_absence(tree.root, tree.depth, tag, shown)
    else:
        stanza.verify_absence(tree.root, tree.depth, tag, shown)


def test_attack_leaf_hidden_behind_neighbours_that_are_not_adjacent() -> None:
    leaves, tree = forest(5)
    hidden = leaves[2].tag
    around = [neighbour(leaves, tree, 1), neighbour(leaves, tree, 3)]
    edge_left, edge_right = [neighbour(leaves, tree, 0)], [neighbour(leaves, tree, 4)]
    for shown in (around, edge_left, edge_right, [], around[::-1], [*around, neighbour(leaves, tree, 2)]):
        with pytest.raises(OpenError):
            stanza.verify_absence(tree.root, tree.depth, hidden, shown)


def test_attack_last_leaf_hidden_behind_a_smaller_number_of_leaves() -> None:
    leaves, tree = forest(6)
    shown = [neighbour(leaves, tree, 4)]
    with pytest.raises(OpenError):  # there is a leaf to the right of index 4, so it is no edge
        stanza.verify_absence(tree.root, tree.depth, leaves[5].tag, shown)
    with pytest.raises(OpenError):
        stanza.verify_absence(tree.root, 2, leaves[5].tag, shown)
    with pytest.raises(OpenError):
        stanza.verify_absence(tree.root, tree.depth, leaves[5].tag, [])


def test_attack_neighbour_with_a_bent_tag() -> None:
    leaves, tree = forest(4)
    hidden = leaves[1]
    bent = Neighbour(
        1, (int.from_bytes(hidden.tag, "big") + 1).to_bytes(8, "big"), hidden.summary().inner, tree.path(1)
    )
    with pytest.raises(OpenError):
        stanza.verify_absence(tree.root, tree.depth, hidden.tag, [neighbour(leaves, tree, 0), bent])


@given(st.integers(1, 12), st.randoms(use_true_random=False))
def test_pack_is_sorted_whatever_the_order_given(count: int, random: object) -> None:
    leaves, tree = forest(count)
    pack = stanza.build_pack(leaves[::-1])
    assert stanza.parse_pack(pack) == tuple(leaves)
    listed = stanza.encode_leaf_list(one.summary() for one in leaves)
    assert len(listed) == 72 * count
    summaries = stanza.parse_leaf_list(listed)
    assert stanza.audience_root([one.leaf_hash() for one in summaries]) == (tree.root, tree.depth)
    assert [one.keyless for one in summaries] == [not one.stanza for one in leaves]


@given(st.integers(1, 4), st.data())
def test_every_cut_of_a_pack_is_refused_or_a_shorter_pack(count: int, data: st.DataObject) -> None:
    pack = stanza.build_pack(forest(count)[0])
    cut = data.draw(st.integers(0, len(pack) - 1))
    try:
        leaves = stanza.parse_pack(pack[:cut])
    except EncodingError:
        return
    assert stanza.build_pack(leaves) == pack[:cut]  # whole leaves: the root then differs


@given(st.binary(max_size=300))
def test_any_bytes_are_a_pack_in_one_form_or_refused(data: bytes) -> None:
    try:
        leaves = stanza.parse_pack(data)
    except EncodingError:
        return
    assert stanza.build_pack(leaves) == data


def test_pack_refuses_what_two_readers_could_see_differently() -> None:
    one = leaf(1)
    for leaves, code in (
        ([one, PackLeaf(h(b"x"), one.tag, one.stanza)], "equal-tags"),
        ([], "empty-audience"),
        ([PackLeaf(one.stanza_id, one.tag, b"short")], "bad-pack"),
        ([PackLeaf(one.stanza_id[:31], one.tag, b"")], "bad-pack"),
        ([PackLeaf(one.stanza_id, one.tag[:7], b"")], "bad-pack"),
    ):
        with pytest.raises(EncodingError) as refusal:
            stanza.build_pack(leaves)
        assert refusal.value.code == code
    for data in (b"x", bytes(71), one.summary().encode() * 2):
        with pytest.raises(EncodingError):
            stanza.parse_leaf_list(data)


def test_stanza_id_and_tag_bind_every_input() -> None:
    ids = {
        stanza.stanza_id(b"d" * 16, 202648, bytes(32)),
        stanza.stanza_id(b"e" * 16, 202648, bytes(32)),
        stanza.stanza_id(b"d" * 16, 202649, bytes(32)),
        stanza.stanza_id(b"d" * 16, 202648, b"k" * 32),
    }
    tags = {
        stanza.alert_tag(bytes(32), b"a" * 16, 1),
        stanza.alert_tag(bytes(32), b"a" * 16, 2),
        stanza.alert_tag(bytes(32), b"b" * 16, 1),
        stanza.alert_tag(b"s" * 32, b"a" * 16, 1),
    }
    assert len(ids) == len(tags) == 4
    assert {len(tag) for tag in tags} == {8}


def test_parts_digest_binds_order_length_and_number() -> None:
    one, other = stanza.PartDigest.of(b"one"), stanza.PartDigest.of(b"other")
    digests = {
        stanza.parts_digest(parts)
        for parts in ([one, other], [other, one], [one], [one, one], [stanza.PartDigest(4, one.sha256), other])
    }
    assert len(digests) == 5


def test_bounds_of_the_tree() -> None:
    with pytest.raises(EncodingError):
        AudienceTree([])
    with pytest.raises(EncodingError):
        AudienceTree([bytes(32)] * (2**20 + 1))
    with pytest.raises(IndexError):
        AudienceTree([bytes(32)]).path(1)
    assert AudienceTree([b"x" * 32]).depth == 0
    assert AudienceTree([b"x" * 32]).root == b"x" * 32


def test_root_of_ten_thousand_leaves_is_fast() -> None:
    hashes = [h(number.to_bytes(4, "big")) for number in range(10_000)]
    best = min(_timed(hashes) for _ in range(5))
    assert best < 0.2  # seconds; 6 ms on the machine it was written on, and a busy one has room


def _timed(hashes: list[bytes]) -> float:
    started = time.perf_counter()
    stanza.audience_root(hashes)
    return time.perf_counter() - started


def test_summary_and_leaf_have_one_hash() -> None:
    one = leaf(3)
    assert one.summary() == LeafSummary(one.stanza_id, one.tag, h(one.stanza))
    assert one.summary().leaf_hash() == one.leaf_hash() == h(b"\x00", one.tag, h(one.stanza_id, h(one.stanza)))
