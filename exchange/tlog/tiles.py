"""Tiles of C2SP tlog-tiles: path arithmetic, which tiles a tree has, and reading nodes from tiles.

Tile (level, index) holds up to 256 hashes, the roots of the complete subtrees of 256^level leaves from index * 256 on.
A tile that is not full is *partial*; its bytes are a prefix of the later full tile's. Entry bundles have the places of
the level 0 tiles. No storage and no HTTP here. Spec: docs/spec/logs.md, 5.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from exchange.tlog import merkle
from exchange.tlog.errors import TileError
from exchange.tlog.merkle import HASH_BYTES, MAX_TREE_SIZE, node_hash

TILE_HEIGHT = 8
"""Levels of the binary tree that one tile spans."""
TILE_WIDTH = 1 << TILE_HEIGHT
"""Hashes in a full tile, entries in a full bundle."""
FULL_TILE_BYTES = TILE_WIDTH * HASH_BYTES
MAX_TILE_LEVEL = 63
MAX_PATH_CHARACTERS = 64
"""Longest path that is looked at; the longest that means anything has 47."""

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """The place of a hash tile: level (0 to 63), index, and width: how many hashes of it are meant (1 to 256)."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if not (0 <= self.level <= MAX_TILE_LEVEL and _place(self.index, self.width)):
            raise TileError("tile-place", f"there is no tile {self.level}/{self.index} of width {self.width}")

    @property
    def path(self) -> str:
        """``tile/<L>/<N>[.p/<W>]``, relative to the log's prefix."""
        return f"tile/{self.level}/{_index_path(self.index, self.width)}"


@dataclass(frozen=True, slots=True, order=True)
class Bundle:
    """The place of an entry bundle: index, and width: how many entries of it are meant (1 to 256)."""

    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if not _place(self.index, self.width):
            raise TileError("tile-place", f"there is no entry bundle {self.index} of width {self.width}")

    @property
    def path(self) -> str:
        """``tile/entries/<N>[.p/<W>]``, relative to the log's prefix."""
        return f"tile/entries/{_index_path(self.index, self.width)}"


def _place(index: int, width: int) -> bool:
    return 0 <= index <= MAX_TREE_SIZE // TILE_WIDTH and 1 <= width <= TILE_WIDTH


def _index_path(index: int, width: int) -> str:
    path = f"{index % 1000:03d}"
    while index := index // 1000:
        path = f"x{index % 1000:03d}/{path}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def parse_path(path: str) -> Tile | Bundle:
    """The tile or bundle that a path names, relative to the log's prefix.

    Exactly one path names a place: what does not come out of `Tile.path` or `Bundle.path` again is refused, so leading
    zeros, other digits, dot segments, doubled slashes and escapes are never seen by whatever reads the tile.
    Raises `TileError` (``tile-path``).
    """
    match = _PATH.fullmatch(path) if len(path) <= MAX_PATH_CHARACTERS else None
    if match is None:
        raise TileError("tile-path", "not a tile path")
    index = int(match["index"].replace("/", "").replace("x", ""))
    width = TILE_WIDTH if match["width"] is None else int(match["width"])
    try:
        place = Bundle(index, width) if match["level"] == "entries" else Tile(int(match["level"]), index, width)
    except TileError:
        raise TileError("tile-path", "not a tile path") from None
    if place.path != path:
        raise TileError("tile-path", "not the path of that tile")
    return place


def hashes_at(level: int, size: int) -> int:
    """How many hashes all tiles of this tile level hold together in a tree of ``size`` leaves."""
    return size >> (TILE_HEIGHT * level)


def width_at(level: int, index: int, size: int) -> int:
    """Width of a tile in a tree of ``size`` leaves: 0 when it does not exist yet, 256 when it is full."""
    return max(0, min(TILE_WIDTH, hashes_at(level, size) - index * TILE_WIDTH))


def changed_tiles(old_size: int, new_size: int) -> Iterator[Tile]:
    """The tiles, as the tree of ``new_size`` has them, that differ from those of the tree of ``old_size``.

    Level by level from 0, by index. From 0 on: all tiles of a tree.
    """
    for level in range(MAX_TILE_LEVEL + 1):
        old, new = hashes_at(level, old_size), hashes_at(level, new_size)
        if new == 0:
            return
        if old == new:
            continue
        for index in range(old // TILE_WIDTH, (new + TILE_WIDTH - 1) // TILE_WIDTH):
            yield Tile(level, index, width_at(level, index, new_size))


def bundles(size: int) -> Iterator[Bundle]:
    """All entry bundles of a tree of ``size`` leaves."""
    for index in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
        yield Bundle(index, width_at(0, index, size))


def tile_of_node(level: int, index: int) -> tuple[int, int, int, int]:
    """Where the node (binary level, index) is found: tile level, tile index, first hash in the tile, and how many
    levels above that tile's hashes the node lies (0 to 7; it is the root of 2^that many of them)."""
    height = level % TILE_HEIGHT
    first = index << height
    return level // TILE_HEIGHT, first // TILE_WIDTH, first % TILE_WIDTH, height


def right_edge(size: int) -> tuple[Tile, ...]:
    """The partial tiles of a tree of ``size`` leaves, one a level at most: all that appending needs to read."""
    edge = []
    level = 0
    while count := hashes_at(level, size):
        if width := count % TILE_WIDTH:
            edge.append(Tile(level, count // TILE_WIDTH, width))
        level += 1
    return tuple(edge)


TileReader = Callable[[int, int], bytes]
"""(tile level, tile index) -> the tile's bytes, or a longer prefix of the tile than the tree's size asks for."""


class TileTree:
    """The tree of ``size`` leaves over stored tiles: its root and its proofs.

    Trusts its reader about content; a tile shorter than the size demands raises `TileError` (``tile-short``). Nodes
    inside tiles are computed once and kept as long as this object, so the proofs of a batch share them.
    """

    def __init__(self, read: TileReader, size: int) -> None:
        if not 0 <= size <= MAX_TREE_SIZE:
            raise TileError("tree-size", f"a tree has 0 to {MAX_TREE_SIZE} leaves")
        self.size = size
        self._read = read
        self._nodes: dict[tuple[int, int], bytes] = {}

    def node(self, level: int, index: int) -> bytes:
        """The 32-byte root of the complete subtree (binary level, index)."""
        key = (level, index)
        known = self._nodes.get(key)
        if known is not None:
            return known
        if level % TILE_HEIGHT == 0:
            value = self._stored(level // TILE_HEIGHT, index)
        else:
            value = node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))
        self._nodes[key] = value
        return value

    def _stored(self, tile_level: int, index: int) -> bytes:
        tile_index, position = divmod(index, TILE_WIDTH)
        if index >= hashes_at(tile_level, self.size):
            raise TileError("tile-short", f"the tree of {self.size} has no hash {index} at tile level {tile_level}")
        data = self._read(tile_level, tile_index)
        value = data[position * HASH_BYTES : (position + 1) * HASH_BYTES]
        if len(value) != HASH_BYTES:
            raise TileError("tile-short", f"tile {tile_level}/{tile_index} is shorter than its tree of {self.size}")
        return value

    def root(self) -> bytes:
        """Root of the tree."""
        return merkle.range_root(self.node, 0, self.size)

    def frontier(self) -> merkle.Frontier:
        """The right edge, to append to."""
        return merkle.Frontier.of(self.node, self.size)

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """Proof of the leaf ``index``; `ProofError` (``proof-index``) when there is none."""
        return merkle.inclusion_proof(self.node, index, self.size)

    def consistency_proof(self, old_size: int) -> tuple[bytes, ...]:
        """Proof that this tree continues that of ``old_size``; `ProofError` (``proof-size``) when larger."""
        return merkle.consistency_proof(self.node, old_size, self.size)


def tiles_for(ranges: Iterable[tuple[int, int]], size: int) -> frozenset[Tile]:
    """The tiles that a `TileTree` of ``size`` reads for a proof's ranges (`merkle.inclusion_ranges`,
    `merkle.consistency_ranges`), for a caller that must fetch them before."""
    places = {tile_of_node(*node)[:2] for start, end in ranges for node in merkle.range_nodes(start, end)}
    return frozenset(Tile(level, index, width_at(level, index, size)) for level, index in places)
