"""What other people's programs are shown: a bundle whose checkpoints witnesses cosigned, and a long log of nothing special."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from exchange.tlog.bundles import encode_bundle
from exchange.tlog.checkpoint import LOGS, Checkpoint
from exchange.tlog.edge import Edge
from exchange.tlog.merkle import leaf_hash
from exchange.tlog.tiles import bundles, width_at
from keys.note import LogSigner, Note, cosign_ed25519, log_verifiers, sign_checkpoint, vkey

START = 1_790_000_000
"""Seconds."""
ENTRY_BYTES = 420
"""About what an alert's entry has."""


def cosigned(note: bytes, witnesses: int = 2) -> bytes:
    """The note with two lines of each witness behind the log's own: types 0x04 and 0x06."""
    parsed = Note.parse(note)
    lines = list(parsed.lines)
    for number in range(witnesses):
        name, seed = f"witness{number}.example", sha256(b"witness %d" % number).digest()
        lines.append(cosign_ed25519(name, seed, parsed.text, START + number))
        lines.append(LogSigner(name, seed, seed).cosign(parsed.text, START + number))
    return Note(parsed.text, tuple(lines)).encode()


def cosign_bundle(bundle: Path) -> None:
    """Witnesses cosigned the checkpoints of a bundle."""
    for log in LOGS:
        path = bundle / log / "checkpoint"
        path.write_bytes(cosigned(path.read_bytes()))


def entries(size: int) -> Iterator[bytes]:
    """Entries of the usual length, all different."""
    for number in range(size):
        yield b"%020d" % number + bytes(ENTRY_BYTES - 20)


class LongLog:
    """A log of generated entries, written as tlog-tiles; the roots at the sizes that a test asks for are kept."""

    def __init__(self, folder: Path, size: int, origin: str = "exchange.example/journal") -> None:
        self.folder, self.size = folder, size
        self.signer = LogSigner(origin, sha256(b"ed25519").digest(), sha256(b"mldsa44").digest())
        self.edge = Edge()
        self.tiles: dict[tuple[int, int], bytes] = {}

    def write(self) -> LongLog:
        """Write entries, tiles, checkpoint and, beside the folder, the key."""
        stream = entries(self.size)
        for bundle in bundles(self.size):
            chunk = [next(stream) for _ in range(bundle.width)]
            self._put(bundle.path, encode_bundle(chunk))
            self.edge, changed = self.edge.grow([leaf_hash(entry) for entry in chunk])
            for tile, data in changed:
                self.tiles[tile.level, tile.index] = data
                if tile.width == width_at(tile.level, tile.index, self.size):
                    self._put(tile.path, data)
        self._put("checkpoint", self.note(self.size, self.edge.root()))
        verifier, _ = log_verifiers(self.signer.origin, self.signer.public)
        self.key.write_text(vkey(verifier.name, verifier.type, verifier.key) + "\n", encoding="utf-8")
        return self

    @property
    def key(self) -> Path:
        return self.folder.with_suffix(".vkey")

    def note(self, size: int, root: bytes) -> bytes:
        """A cosigned checkpoint."""
        text = Checkpoint(self.signer.origin, size, root).text()
        return cosigned(sign_checkpoint(text, self.signer, START))

    def read(self, level: int, index: int) -> bytes:
        """A tile: what proofs are made from."""
        return self.tiles[level, index]

    def _put(self, path: str, data: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
