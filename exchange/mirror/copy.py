"""One log as a folder of C2SP tlog-tiles: written so that a reader is safe at every moment, and never back.

Under ``<folder>/<sha256 of the origin>/`` lie ``checkpoint``, ``tile/...`` and ``tile/entries/...``, byte for byte what the
exchange serves. A growth writes entries, tiles from level 0 up, then the checkpoint, each file whole or not at all: whoever
reads the checkpoint finds everything it speaks of. It judges no signature: what it is given was verified (``follower``). Spec:
docs/spec/witness.md, 5.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

from exchange import durable
from exchange.model.problems import ExchangeError
from exchange.tlog.bundles import LENGTH_BYTES, decode_bundle, encode_bundle
from exchange.tlog.checkpoint import Checkpoint, signed_text
from exchange.tlog.edge import Edge
from exchange.tlog.errors import TlogError
from exchange.tlog.merkle import HASH_BYTES, leaf_hash
from exchange.tlog.tiles import TILE_WIDTH, Bundle, Tile, width_at
from keys.note import Note

CHECKPOINT = "checkpoint"
PUBLIC = 0o644


class MirrorError(ExchangeError):
    """The copy cannot be continued.

    Codes: ``mirror-damaged`` (it is not what its own checkpoint says), ``mirror-ahead`` (it has more than what it is given, or
    another history), ``mirror-inconsistent`` (the entries do not lead to the checkpoint), ``mirror-stopped``.
    """


class LogCopy:
    """The copy of one log. One writer at a time; readers may come at any moment."""

    def __init__(self, folder: Path, origin: str) -> None:
        """Open what is there, or begin. Raises MirrorError ``mirror-damaged``."""
        self.origin = origin
        self.digest = sha256(origin.encode("ascii")).hexdigest()
        self.root = folder / self.digest
        self.note = b""
        self.head = Checkpoint(origin, 0, Edge().root())
        path = self.root / CHECKPOINT
        if path.exists():
            try:
                self.note = path.read_bytes()
                self.head = Checkpoint.parse(signed_text(self.note))
            except TlogError as error:
                raise MirrorError("mirror-damaged", f"{path}: {error}") from None
            if self.head.origin != origin:
                raise MirrorError("mirror-damaged", f"{path} is the checkpoint of another log")

    # -- writing -----------------------------------------------------------------------------------------------------------

    def grow(self, note: bytes, entries: Iterable[bytes]) -> Iterator[int]:
        """Continue the copy to a signed checkpoint; yields the size reached after each bundle, and is done when it ends.

        ``entries`` begin with the bundle that is to be continued, at ``first``. The same checkpoint with new cosignatures is
        taken, with fewer it is not. Raises MirrorError; the checkpoint shown is then the one before.
        """
        new = Checkpoint.parse(signed_text(note))
        if new.origin != self.origin or new.size < self.head.size:
            raise MirrorError("mirror-ahead", f"the copy of {self.origin} has {self.head.size} entries already")
        if new.size == self.head.size:
            if new.root != self.head.root:
                raise MirrorError("mirror-ahead", f"the copy of {self.origin} has another history")
            if not self.note or _signers(note) >= _signers(self.note):
                self._publish(note, new)
            return
        edge, stream, written = self._edge(), iter(entries), _Written()
        for index in range(self.head.size // TILE_WIDTH, (new.size + TILE_WIDTH - 1) // TILE_WIDTH):
            bundle = Bundle(index, width_at(0, index, new.size))
            chunk = list(islice(stream, bundle.width))
            self._put(bundle.path, encode_bundle(chunk), written)
            fresh = chunk[max(0, self.head.size - index * TILE_WIDTH) :]
            edge, changed = edge.grow([leaf_hash(entry) for entry in fresh])
            for tile, data in changed:
                if tile.width == width_at(tile.level, tile.index, new.size):
                    self._put(tile.path, data, written)
            yield edge.size
        if edge.size != new.size or edge.root() != new.root:
            raise MirrorError("mirror-inconsistent", f"the entries do not lead to the checkpoint of {self.origin}")
        for folder in sorted(written.folders, reverse=True):
            durable.sync_folder(folder)
        self._publish(note, new)
        for path in written.full:  # readers fall back to the full tile
            shutil.rmtree(path.with_name(f"{path.name}.p"), ignore_errors=True)

    @property
    def first(self) -> int:
        """The index of the entry from which ``grow`` wants to be given."""
        return self.head.size // TILE_WIDTH * TILE_WIDTH

    def _edge(self) -> Edge:
        """The right edge on disk, which must lead to the copy's own checkpoint."""
        try:
            edge = Edge.of(self._stored, self.head.size)
        except (OSError, TlogError) as error:
            raise MirrorError("mirror-damaged", f"the copy of {self.origin}: {error}") from None
        if edge.root() != self.head.root:
            raise MirrorError("mirror-damaged", f"the copy of {self.origin} does not lead to its own checkpoint")
        return edge

    def _stored(self, level: int, index: int) -> bytes:
        return (self.root / Tile(level, index, width_at(level, index, self.head.size)).path).read_bytes()

    def _put(self, path: str, data: bytes, written: _Written) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        durable.replace(target, data, mode=PUBLIC, sync=False)
        written.note(self.root, target)

    def _publish(self, note: bytes, head: Checkpoint) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        durable.replace(self.root / CHECKPOINT, note, mode=PUBLIC)
        durable.sync_folder(self.root.parent)
        self.note, self.head = note, head

    def check(self) -> Iterator[int]:
        """Hash everything that is shown once more; yields the size reached after each bundle, and is done when it ends.

        A disk forgets silently, and only the right edge is read for a growth. Raises MirrorError ``mirror-damaged``.
        """
        edge, size = Edge(), self.head.size
        for index in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
            bundle = Bundle(index, width_at(0, index, size))
            try:
                entries = decode_bundle(self.read(bundle) or b"", bundle.width)
            except TlogError as error:
                raise MirrorError("mirror-damaged", f"{bundle.path} of {self.origin}: {error}") from None
            edge, changed = edge.grow([leaf_hash(entry) for entry in entries])
            for tile, data in changed:
                if tile.width == width_at(tile.level, tile.index, size) and self.read(tile) != data:
                    raise MirrorError("mirror-damaged", f"{tile.path} of {self.origin} is not that of the entries")
            yield edge.size
        if edge.root() != self.head.root:
            raise MirrorError("mirror-damaged", f"the copy of {self.origin} does not lead to its own checkpoint")

    # -- reading -----------------------------------------------------------------------------------------------------------

    def read(self, place: Tile | Bundle) -> bytes | None:
        """A tile or an entry bundle of the width asked for; None when the published copy has it not."""
        level = place.level if isinstance(place, Tile) else 0
        have = width_at(level, place.index, self.head.size)
        if have < place.width:
            return None
        for width in dict.fromkeys((place.width, have, TILE_WIDTH)):
            stored = Tile(level, place.index, width) if isinstance(place, Tile) else Bundle(place.index, width)
            try:
                data = (self.root / stored.path).read_bytes()
            except OSError:
                continue  # a partial one whose full one exists may be gone
            return data[: place.width * HASH_BYTES] if isinstance(place, Tile) else _prefix(data, place.width)
        return None


class _Written:
    """What one growth wrote: folders to sync, and full tiles that make their partial ones needless."""

    def __init__(self) -> None:
        self.folders: set[Path] = set()
        self.full: list[Path] = []

    def note(self, root: Path, path: Path) -> None:
        folder = path.parent
        while folder != root.parent and folder not in self.folders:
            self.folders.add(folder)
            folder = folder.parent
        if not path.parent.name.endswith(".p"):
            self.full.append(path)


def _prefix(bundle: bytes, count: int) -> bytes:
    """The first entries of a bundle, with their lengths."""
    end = 0
    for _ in range(count):
        end += LENGTH_BYTES + int.from_bytes(bundle[end : end + LENGTH_BYTES], "big")
    return bundle[:end]


def _signers(note: bytes) -> frozenset[tuple[str, bytes]]:
    return frozenset((line.name, line.key_id) for line in Note.parse(note).lines)
