"""Growing a tree in tiles: whatever the pieces, the tiles are those of the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import mth
from naive import tile as naive_tile

from exchange.tlog.edge import Edge
from exchange.tlog.errors import TileError
from exchange.tlog.merkle import leaf_hash
from exchange.tlog.tiles import TileTree, changed_tiles


def grow(edge: Edge, stored: dict[tuple[int, int], bytes], entries: list[bytes]) -> Edge:
    grown, changed = edge.grow([leaf_hash(entry) for entry in entries])
    assert [tile for tile, _ in changed] == list(changed_tiles(edge.size, grown.size))
    for tile, data in changed:
        assert len(data) == tile.width * 32
        assert data.startswith(stored.get((tile.level, tile.index), b"")), "a tile only ever grows"
        stored[tile.level, tile.index] = data
    return grown


@given(st.lists(st.one_of(st.integers(0, 5), st.integers(0, 600)), max_size=8))
def test_growing_in_pieces_writes_the_tiles_of_the_whole(pieces: list[int]) -> None:
    stored: dict[tuple[int, int], bytes] = {}
    edge, entries = Edge(), list[bytes]()
    for piece in pieces:
        new = [b"%d" % (len(entries) + i) for i in range(piece)]
        edge = grow(edge, stored, new)
        entries += new
    assert edge.size == len(entries)
    assert edge.root() == mth(entries)
    for (level, index), data in stored.items():
        assert data == naive_tile(level, index, entries)
    if entries:
        again = Edge.of(lambda level, index: stored[level, index], edge.size)
        assert again.frontier == edge.frontier
        assert [p for p in again.partial if p] == [p for p in edge.partial if p]


@pytest.mark.parametrize("steps", [(255, 1, 1), (65_535, 1, 1), (65_279, 257, 1), (65_537,)])
def test_growing_over_tile_boundaries_keeps_root_and_tiles(steps: tuple[int, ...]) -> None:
    stored: dict[tuple[int, int], bytes] = {}
    edge, count = Edge(), 0
    for step in steps:
        edge = grow(edge, stored, [b"%d" % i for i in range(count, count + step)])
        count += step
        assert TileTree(lambda level, index: stored[level, index], count).root() == edge.root()
    assert set(stored) == {(t.level, t.index) for t in changed_tiles(0, count)}


def test_growing_leaves_the_old_edge_alone() -> None:
    edge, _ = Edge().grow([leaf_hash(b"a")])
    one, _ = edge.grow([leaf_hash(b"b")])
    other, _ = edge.grow([leaf_hash(b"c")])
    assert (edge.root(), one.root(), other.root()) == (mth([b"a"]), mth([b"a", b"b"]), mth([b"a", b"c"]))


def test_an_edge_over_a_truncated_tile_is_refused() -> None:
    with pytest.raises(TileError):
        Edge.of(lambda level, index: bytes(32 * 4), 5)
