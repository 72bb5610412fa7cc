"""``prove-fork``: two signed checkpoints that contradict each other become one small file (``docs/spec/evidence.md``).

Two of one size need nothing more. Two of different sizes need the larger one's tree: a bundle's, or the copy that a member's
client keeps. When that copy is of another history than either of them, its own checkpoint contradicts one of the two, and
that is proven instead. Whoever gets the file believes none of this: ``exchange.tlog.fork`` verifies it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from exchange.audit.bundle import AuditBundle, BundleError
from exchange.client.home import STATE, HomeError, read_membership
from exchange.model.problems import ExchangeError
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, signed_text
from exchange.tlog.edge import Edge
from exchange.tlog.errors import TlogError
from exchange.tlog.fork import ForkError, ForkProof, fork_hashes, make_fork_proof
from exchange.tlog.merkle import leaf_hash
from exchange.tlog.tiles import TILE_WIDTH, Tile, TileReader, TileTree, width_at
from keys.encoding import decode
from keys.envelope import Envelope
from keys.errors import KeysError


class NoProof(ExchangeError):
    """No proof is made of these two.

    Codes: those of ``ForkError``; ``fork-logs`` (the two are of different logs, or of none of this exchange),
    ``fork-undecided`` (this copy does not reach far enough to tell).
    """


@dataclass(frozen=True, slots=True)
class History:
    """A copy of a log: its signed checkpoint, and the tiles that proofs are read from. Nothing of it is believed."""

    note: bytes
    size: int
    read: TileReader

    def root(self, size: int) -> bytes | None:
        """The root at a size; None beyond the end."""
        return None if size > self.size else TileTree(self.read, size).root()


class Copy(Protocol):
    """What a person has of an exchange: the founding, and the logs."""

    @property
    def founding(self) -> Envelope:
        """The founding statement."""

    def history(self, log: LogName) -> History:
        """A log's copy. Raises BundleError, HomeError, TlogError when it cannot be read."""


class BundleCopy:
    """An auditor's bundle. Raises BundleError."""

    def __init__(self, root: Path) -> None:
        self._bundle = AuditBundle(root)
        try:
            exchange = str(self._bundle.manifest().get("exchange"))
            self.founding = Envelope.decode(self._bundle.statement(exchange))
        except KeysError as error:
            raise BundleError("not-a-bundle", f"the founding cannot be read: {error}") from None

    def history(self, log: LogName) -> History:
        """The log's tiles."""
        note = self._bundle.checkpoint(log)
        size = Checkpoint.parse(signed_text(note)).size

        def read(level: int, index: int) -> bytes:
            return self._bundle.tile(log, Tile(level, index, width_at(level, index, size)))

        return History(note, size, read)


class HomeCopy:
    """What a member's client keeps; needs no passphrase, since entries and checkpoints are no secret. Raises HomeError."""

    def __init__(self, home: Path) -> None:
        self.founding = read_membership(home).founding
        self._file = home / STATE
        if not self._file.is_file():
            raise HomeError("no-home", f"{home} has not followed the logs yet")

    def history(self, log: LogName) -> History:
        """The log's entries, and the tiles that they lead to."""
        try:
            with closing(sqlite3.connect(f"{self._file.absolute().as_uri()}?mode=ro", uri=True)) as database:
                newest = "SELECT size, note FROM checkpoint WHERE log=? ORDER BY size DESC LIMIT 1"
                row = database.execute(newest, (log,)).fetchone()
                if row is None:
                    raise HomeError("no-home", "this client has not followed the logs yet")
                size, note = row
                rows = database.execute("SELECT data FROM entry WHERE log=? AND idx<? ORDER BY idx", (log, size))
                tiles = dict(_tiles(data for (data,) in rows))
        except sqlite3.Error as error:
            raise HomeError("home-malformed", f"the local store cannot be read: {error}") from None
        return History(note, size, lambda level, index: tiles[level, index])


def _tiles(entries: Iterator[bytes]) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Every tile as often as it changes, its last form last."""
    edge, waiting = Edge(), list[bytes]()
    for entry in entries:
        waiting.append(leaf_hash(entry))
        if len(waiting) == TILE_WIDTH:
            edge, changed = edge.grow(waiting)
            waiting.clear()
            yield from (((tile.level, tile.index), data) for tile, data in changed)
    _, changed = edge.grow(waiting)
    yield from (((tile.level, tile.index), data) for tile, data in changed)


def prove_fork(copy: Copy, one: bytes, two: bytes) -> ForkProof:
    """The proof that two signed checkpoints contradict each other, or that one of them contradicts the copy's own.

    Raises NoProof, and what the copy raises when it cannot be read.
    """
    log, sizes = _log_of(copy.founding, one, two)
    try:
        if sizes[0] == sizes[1]:
            return make_fork_proof(copy.founding, log, one, two)
        small, large = (one, two) if sizes[0] < sizes[1] else (two, one)
        return _against(copy.founding, log, copy.history(log), small, large)
    except TlogError as error:
        raise NoProof(error.code, error.detail) from None


def _against(founding: Envelope, log: LogName, history: History, small: bytes, large: bytes) -> ForkProof:
    first, last = (Checkpoint.parse(signed_text(note)) for note in (small, large))
    if history.root(last.size) == last.root:
        return make_fork_proof(founding, log, small, large, _hashes(history, first.size, last.size))
    for note, checkpoint in ((large, last), (small, first)):
        root = history.root(checkpoint.size)
        if root is not None and root != checkpoint.root:
            hashes = _hashes(history, checkpoint.size, history.size)
            return make_fork_proof(founding, log, note, history.note, hashes)
    raise NoProof(
        "fork-undecided",
        f"this copy of the {log} ends at {history.size} entries and does not reach to the checkpoint of {last.size}",
    )


def _hashes(history: History, first: int, second: int) -> tuple[bytes, ...]:
    if first == 0:
        raise ForkError("fork-none", "an empty log contradicts nothing")
    return fork_hashes(TileTree(history.read, second).node, first, second)


def _log_of(founding: Envelope, one: bytes, two: bytes) -> tuple[LogName, tuple[int, int]]:
    """Which log both are of, and their sizes, by their unverified texts. Raises NoProof."""
    try:
        origin = decode(founding.body, max_bytes=len(founding.body) + 1).get("origin")
        first, second = (Checkpoint.parse(signed_text(note)) for note in (one, two))
    except (KeysError, TlogError) as error:
        raise NoProof("fork-note", f"one of the files is no signed checkpoint: {error}") from None
    for log in LOGS:
        if first.origin == second.origin == f"{origin}/{log}":
            return log, (first.size, second.size)
    raise NoProof("fork-logs", "the two are not checkpoints of one log of this exchange")
