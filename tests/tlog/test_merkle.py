"""Hashes, proofs and their verification against RFC 6962's vectors and the recursive definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import mth, path, proof

from exchange.tlog import merkle
from exchange.tlog.errors import ProofError
from exchange.tlog.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, verify_consistency, verify_inclusion

# The tree of eight leaves in Certificate Transparency's reference code, with the root of each of its prefixes.
CT_LEAVES = [
    bytes.fromhex(x)
    for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = [
    bytes.fromhex(x)
    for x in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]


class Nodes:
    """A node reader over leaf hashes in memory, computing every node from below."""

    def __init__(self, entries: list[bytes]) -> None:
        self.levels = [[leaf_hash(entry) for entry in entries]]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            self.levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def __call__(self, level: int, index: int) -> bytes:
        return self.levels[level][index]


def entries_of(size: int) -> list[bytes]:
    return [b"entry %d" % i for i in range(size)]


def small_sizes() -> st.SearchStrategy[int]:
    return st.one_of(st.integers(1, 70), st.integers(250, 262), st.integers(500, 520))


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_ct_reference_tree(size: int) -> None:
    leaves = CT_LEAVES[:size]
    assert merkle.range_root(Nodes(leaves), 0, size) == CT_ROOTS[size]
    assert Frontier().extend(map(leaf_hash, leaves)).root() == CT_ROOTS[size]
    assert mth(leaves) == CT_ROOTS[size]


def test_published_inclusion_proof_of_the_ct_reference_tree() -> None:
    expected = (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
    given_proof = merkle.inclusion_proof(Nodes(CT_LEAVES), 5, 8)
    assert [h.hex() for h in given_proof] == list(expected)
    verify_inclusion(leaf_hash(CT_LEAVES[5]), 5, 8, given_proof, CT_ROOTS[8])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 33, 255, 256, 257])
def test_every_inclusion_proof_is_that_of_the_definition_and_verifies(size: int) -> None:
    entries = entries_of(size)
    read, root = Nodes(entries), mth(entries)
    for index in range(0, size, 1 if size < 50 else 17):
        given_proof = merkle.inclusion_proof(read, index, size)
        assert list(given_proof) == path(index, entries)
        verify_inclusion(leaf_hash(entries[index]), index, size, given_proof, root)


@given(small_sizes(), st.data())
def test_consistency_proofs_are_those_of_the_definition_and_verify(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, new))
    entries = entries_of(new)
    given_proof = merkle.consistency_proof(Nodes(entries), old, new)
    assert list(given_proof) == (proof(old, entries) if 0 < old < new else [])
    verify_consistency(old, mth(entries[:old]), new, mth(entries), given_proof)


@pytest.mark.parametrize("new", [65_535, 65_536, 65_537])
def test_proofs_verify_around_the_third_tile_level(new: int) -> None:
    entries = entries_of(new)
    read = Nodes(entries)
    root = Frontier().extend(read.levels[0]).root()
    assert root == merkle.range_root(read, 0, new)
    for index in (0, 255, 256, 65_279, 65_280, new - 1):
        verify_inclusion(read(0, index), index, new, merkle.inclusion_proof(read, index, new), root)
    for old in (1, 255, 256, 257, 65_280, 65_534, new - 1, new):
        old_root = merkle.range_root(read, 0, old)
        verify_consistency(old, old_root, new, root, merkle.consistency_proof(read, old, new))


@given(small_sizes(), st.data())
def test_an_inclusion_proof_holds_for_no_other_leaf_place_size_or_root(size: int, data: st.DataObject) -> None:
    entries = entries_of(size)
    read, root = Nodes(entries), mth(entries)
    index = data.draw(st.integers(0, size - 1))
    good = merkle.inclusion_proof(read, index, size)
    leaf = read(0, index)
    lies = [
        (leaf_hash(b"another"), index, size, good, root),
        (leaf, index, size, good, leaf_hash(b"another")),
        (leaf, index, size, (*good, leaf), root),
        (leaf, size, size, good, root),
        (leaf, -1, size, good, root),
    ]
    if good:
        at = data.draw(st.integers(0, len(good) - 1))
        lies.append((leaf, index, size, good[:at] + good[at + 1 :], root))
        lies.append((leaf, index, size, (*good[:at], leaf_hash(b"flip"), *good[at + 1 :]), root))
        lies.append((leaf, index, size, (*good[:at], good[at][:31], *good[at + 1 :]), root))
        other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index))
        lies.append((leaf, other, size, good, root))
    for lie in lies:
        with pytest.raises(ProofError):
            verify_inclusion(*lie)


@given(st.integers(2, 300), st.data())
def test_a_forked_or_shrunk_log_cannot_prove_consistency(new: int, data: st.DataObject) -> None:
    entries = entries_of(new)
    old = data.draw(st.integers(1, new - 1))
    changed = data.draw(st.integers(0, old - 1))
    fork = [*entries[:changed], b"rewritten", *entries[changed + 1 :]]
    old_root, fork_root = mth(entries[:old]), mth(fork)
    for offered in (proof(old, fork), proof(old, entries), [], [*proof(old, fork), old_root], proof(old, fork)[1:]):
        with pytest.raises(ProofError):
            verify_consistency(old, old_root, new, fork_root, offered)
    with pytest.raises(ProofError) as caught:
        verify_consistency(new, mth(entries), old, old_root, proof(old, entries))
    assert caught.value.code == "proof-size"


def test_two_roots_for_one_size_are_a_fork() -> None:
    with pytest.raises(ProofError) as caught:
        verify_consistency(2, mth([b"a", b"b"]), 2, mth([b"a", b"c"]), ())
    assert caught.value.code == "proof-root"


def test_an_empty_tree_has_one_root_only() -> None:
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, ())
    verify_consistency(0, EMPTY_ROOT, 2, mth([b"a", b"b"]), ())
    for old_root, new, new_root in ((leaf_hash(b""), 2, mth([b"a", b"b"])), (EMPTY_ROOT, 0, leaf_hash(b""))):
        with pytest.raises(ProofError):
            verify_consistency(0, old_root, new, new_root, ())
    with pytest.raises(ProofError):
        verify_consistency(0, EMPTY_ROOT, 2, mth([b"a", b"b"]), (leaf_hash(b"a"),))


def test_second_preimage_a_node_is_no_leaf() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    root = mth([b"a", b"b", b"c", b"d"])
    with pytest.raises(ProofError):
        verify_inclusion(leaf_hash(left + right), 0, 2, (node_hash(leaf_hash(b"c"), leaf_hash(b"d")),), root)


@given(st.lists(st.integers(0, 40), max_size=12))
def test_a_frontier_extended_in_pieces_has_the_root_of_the_whole(pieces: list[int]) -> None:
    frontier, entries = Frontier(), []
    for piece in pieces:
        new = [b"%d" % (len(entries) + i) for i in range(piece)]
        before = frontier
        frontier = frontier.extend(map(leaf_hash, new))
        assert before.size == len(entries), "extending leaves the old value alone"
        entries += new
    assert frontier.size == len(entries)
    assert frontier.root() == mth(entries)
    if entries:
        assert frontier == Frontier.of(Nodes(entries), len(entries))


def test_sizes_beyond_the_formats_are_refused() -> None:
    for index, size in ((0, 0), (0, 2**63), (3, 3)):
        with pytest.raises(ProofError) as caught:
            merkle.inclusion_ranges(index, size)
        assert caught.value.code == "proof-index"
    with pytest.raises(ProofError):
        merkle.consistency_ranges(5, 4)
    assert len(merkle.inclusion_ranges(2**62 + 7, 2**63 - 1)) <= merkle.MAX_PROOF_HASHES
