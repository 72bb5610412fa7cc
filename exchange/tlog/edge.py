"""The right edge of a tree in tiles: what appending needs to know, and which tiles it writes.

A value: growing makes a new edge and the changed tiles, and leaves the old edge alone, so that a ledger whose commit
failed has changed nothing. Spec: docs/spec/logs.md, 1 and 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from exchange.tlog.errors import TileError
from exchange.tlog.merkle import HASH_BYTES, Frontier, node_hash
from exchange.tlog.tiles import FULL_TILE_BYTES, TILE_WIDTH, Tile, TileReader, TileTree, hashes_at, right_edge


@dataclass(frozen=True, slots=True)
class Edge:
    """A tree's frontier and the bytes of its partial tile at each level (empty where the last tile is full)."""

    frontier: Frontier = field(default_factory=Frontier)
    partial: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Leaves."""
        return self.frontier.size

    def root(self) -> bytes:
        """Root of the tree, 32 bytes."""
        return self.frontier.root()

    @classmethod
    def of(cls, read: TileReader, size: int) -> Self:
        """The edge of a stored tree. Raises `TileError` (``tile-short``) when a tile lacks hashes."""
        frontier = TileTree(read, size).frontier()
        partial: dict[int, bytes] = {}
        for tile in right_edge(size):
            data = read(tile.level, tile.index)[: tile.width * HASH_BYTES]
            if len(data) != tile.width * HASH_BYTES:
                raise TileError("tile-short", f"tile {tile.level}/{tile.index} is shorter than its tree of {size}")
            partial[tile.level] = data
        return cls(frontier, tuple(partial.get(level, b"") for level in range(max(partial, default=-1) + 1)))

    def grow(self, leaves: Sequence[bytes]) -> tuple[Self, tuple[tuple[Tile, bytes], ...]]:
        """The edge with these leaf hashes (32 bytes each) appended, and every tile that changed with its bytes."""
        size, level, hashes = self.size, 0, list(leaves)
        partial = list(self.partial)
        changed: list[tuple[Tile, bytes]] = []
        while hashes:
            if level == len(partial):
                partial.append(b"")
            data = partial[level] + b"".join(hashes)
            index = hashes_at(level, size) // TILE_WIDTH
            hashes = []
            for start in range(0, len(data), FULL_TILE_BYTES):
                chunk = data[start : start + FULL_TILE_BYTES]
                changed.append((Tile(level, index, len(chunk) // HASH_BYTES), chunk))
                if len(chunk) == FULL_TILE_BYTES:
                    hashes.append(_full_tile_root(chunk))
                    index += 1
            partial[level] = data[len(hashes) * FULL_TILE_BYTES :]
            level += 1
        return type(self)(self.frontier.extend(leaves), tuple(partial)), tuple(changed)


def _full_tile_root(data: bytes) -> bytes:
    nodes = [data[i : i + HASH_BYTES] for i in range(0, FULL_TILE_BYTES, HASH_BYTES)]
    while len(nodes) > 1:
        nodes = [node_hash(nodes[i], nodes[i + 1]) for i in range(0, len(nodes), 2)]
    return nodes[0]
