"""Tile paths, tile arithmetic, and trees read from tiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import mth, path, proof
from naive import tile as naive_tile

from exchange.tlog import merkle, tiles
from exchange.tlog.errors import ProofError, TileError
from exchange.tlog.merkle import leaf_hash, verify_consistency, verify_inclusion
from exchange.tlog.tiles import Bundle, Tile, TileTree, parse_path


def stored(entries: list[bytes]) -> dict[tuple[int, int], bytes]:
    """All tiles of the tree, by hashing 256 at a time."""
    found: dict[tuple[int, int], bytes] = {}
    level, hashes = 0, [leaf_hash(entry) for entry in entries]
    while hashes:
        for index in range(0, len(hashes), 256):
            found[level, index // 256] = b"".join(hashes[index : index + 256])
        hashes = [merkle.Frontier().extend(hashes[i : i + 256]).root() for i in range(0, len(hashes) // 256 * 256, 256)]
        level += 1
    return found


def tree_of(entries: list[bytes]) -> TileTree:
    data = stored(entries)
    return TileTree(lambda level, index: data[level, index], len(entries))


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 5), "tile/0/005"),
        (Tile(1, 0, 1), "tile/1/000.p/1"),
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(2, 1000, 255), "tile/2/x001/000.p/255"),
        (Tile(63, 999), "tile/63/999"),
        (Bundle(273, 112), "tile/entries/273.p/112"),
        (Bundle(1_000_000), "tile/entries/x001/x000/000"),
    ],
)
def test_paths_are_those_of_tlog_tiles(place: Tile | Bundle, text: str) -> None:
    assert place.path == text
    assert parse_path(text) == place


@pytest.mark.parametrize(
    "path_trick",
    [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile//000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x01/002",
        "tile/0/X001/002",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/00",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/-1",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/",
        "tile/0/000.p/1\n",
        "tile/0/000\n",
        "tile/0/../000",
        "tile/entries/../0/000",
        "tile/entries/000/../../..",
        "tile/-1/000",
        "tile/+1/000",
        "tile/ 0/000",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/\uff10\uff10\uff10",
        "tile/0/%30%30%30",
        "tile/0/000%2ep/1",
        "tile/0/000\x00",
        "tile/1e1/000",
        "tile/entries/",
        "tile/Entries/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/" + "x001/" * 500 + "000",
    ],
)
def test_path_tricks_are_refused(path_trick: str) -> None:
    with pytest.raises(TileError) as caught:
        parse_path(path_trick)
    assert caught.value.code == "tile-path"


@given(st.integers(0, 63), st.integers(0, 2**55 - 1), st.integers(1, 256))
def test_every_place_has_one_path(level: int, index: int, width: int) -> None:
    for place in (Tile(level, index, width), Bundle(index, width)):
        assert parse_path(place.path) == place


@given(st.text(max_size=30))
def test_any_text_names_a_tile_or_is_refused(text: str) -> None:
    for candidate in (text, "tile/0/" + text, "tile/" + text + "/000"):
        try:
            place = parse_path(candidate)
        except TileError:
            continue
        assert place.path == candidate


def test_places_that_no_tree_has_are_refused() -> None:
    for level, index, width in ((-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257), (0, 2**60, 1)):
        with pytest.raises(TileError):
            Tile(level, index, width)
    with pytest.raises(TileError):
        Bundle(0, 0)


def test_a_tree_of_256_has_a_full_tile_and_a_partial_one_above() -> None:
    assert [t.path for t in tiles.changed_tiles(0, 256)] == ["tile/0/000", "tile/1/000.p/1"]


def test_a_tree_of_70000_has_the_tiles_of_the_specification() -> None:
    found = list(tiles.changed_tiles(0, 70_000))
    assert len(found) == 277
    assert [t.path for t in found if t.width < 256] == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert len(list(tiles.bundles(70_000))) == 274


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        (0, 1, ["tile/0/000.p/1"]),
        (254, 255, ["tile/0/000.p/255"]),
        (255, 256, ["tile/0/000", "tile/1/000.p/1"]),
        (256, 257, ["tile/0/001.p/1"]),
        (65_535, 65_536, ["tile/0/255", "tile/1/000", "tile/2/000.p/1"]),
        (65_536, 65_537, ["tile/0/256.p/1"]),
        (7, 7, []),
    ],
)
def test_growing_changes_only_the_right_edge(old: int, new: int, paths: list[str]) -> None:
    assert [t.path for t in tiles.changed_tiles(old, new)] == paths


@given(st.integers(0, 140_000), st.integers(0, 3000))
def test_changed_tiles_are_exactly_those_whose_width_differs(old: int, more: int) -> None:
    new = old + more
    changed = {(t.level, t.index) for t in tiles.changed_tiles(old, new)}
    for tile in tiles.changed_tiles(0, new):
        differs = tiles.width_at(tile.level, tile.index, old) != tile.width
        assert differs == ((tile.level, tile.index) in changed)


@given(st.integers(0, 2**40))
def test_the_right_edge_is_the_partial_tiles(size: int) -> None:
    edge = tiles.right_edge(size)
    assert all(0 < t.width < 256 and t.width == tiles.width_at(t.level, t.index, size) for t in edge)
    assert sum(t.width * 256**t.level for t in edge) == size


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 513, 1025])
def test_a_tree_over_tiles_has_the_roots_and_proofs_of_the_definition(size: int) -> None:
    entries = [b"%d" % i for i in range(size)]
    tree = tree_of(entries)
    data = stored(entries)
    for tile in tiles.changed_tiles(0, size):
        assert data[tile.level, tile.index] == naive_tile(tile.level, tile.index, entries)
    assert tree.root() == mth(entries) == tree.frontier().root()
    for index in {0, size // 3, size // 2, size - 1}:
        assert list(tree.inclusion_proof(index)) == path(index, entries)
    for old in {1, size // 2, size - 1} - {0, size}:
        assert list(tree.consistency_proof(old)) == proof(old, entries)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537])
def test_a_tree_over_tiles_of_three_levels_proves(size: int) -> None:
    entries = [b"%d" % i for i in range(size)]
    tree = tree_of(entries)
    root = tree.root()
    assert root == merkle.Frontier().extend(leaf_hash(e) for e in entries).root()
    for index in (0, 255, 256, 65_279, 65_280, size - 1):
        verify_inclusion(leaf_hash(entries[index]), index, size, tree.inclusion_proof(index), root)
    for old in (1, 256, 257, 65_280, 65_534):
        verify_consistency(old, TileTree(tree._read, old).root(), size, root, tree.consistency_proof(old))


@given(st.integers(1, 800), st.data())
def test_the_tiles_named_beforehand_are_the_tiles_read(size: int, data: st.DataObject) -> None:
    all_tiles = stored([b"%d" % i for i in range(size)])
    old, index = data.draw(st.integers(0, size)), data.draw(st.integers(0, size - 1))
    read: set[tuple[int, int]] = set()

    def reader(level: int, tile_index: int) -> bytes:
        read.add((level, tile_index))
        return all_tiles[level, tile_index]

    for ranges, prove in (
        (merkle.inclusion_ranges(index, size), lambda tree: tree.inclusion_proof(index)),
        (merkle.consistency_ranges(old, size), lambda tree: tree.consistency_proof(old)),
    ):
        read.clear()
        prove(TileTree(reader, size))
        assert {(t.level, t.index) for t in tiles.tiles_for(ranges, size)} == read


def test_a_truncated_tile_is_refused() -> None:
    entries = [b"%d" % i for i in range(10)]
    short = stored(entries)[0, 0][:-1]
    with pytest.raises(TileError) as caught:
        TileTree(lambda level, index: short, 10).root()
    assert caught.value.code == "tile-short"


def test_a_longer_tile_serves_an_earlier_size() -> None:
    entries = [b"%d" % i for i in range(200)]
    data = stored(entries)
    assert TileTree(lambda level, index: data[level, index], 131).root() == mth(entries[:131])


def test_proofs_for_what_the_tree_does_not_hold_are_refused() -> None:
    tree = tree_of([b"a", b"b"])
    for index in (2, -1):
        with pytest.raises(ProofError):
            tree.inclusion_proof(index)
    with pytest.raises(ProofError):
        tree.consistency_proof(3)
    with pytest.raises(TileError):
        tree.node(0, 2)
    with pytest.raises(TileError):
        TileTree(lambda level, index: b"", -1)
