"""Both logs: their state in memory, the commit, and what readers are served. Spec: docs/spec/logs.md, Commit order.

The commit, and what a crash means at each point (signatures of statements were verified before, outside):

1. Staged entries become leaves, tiles, proofs and new checkpoints in memory; the checkpoints are signed.
   *Crash: nothing happened. A signed checkpoint that nobody was shown binds nobody.*
2. One transaction writes entries, tiles, checkpoints and all rows that the work staged.
   *Crash: nothing happened; the callers heard nothing and send again.*
3. Commit. *Crash after it, or an error that leaves it open whether it took place: the entries are in the log, the
   callers do not know; at the start the store decides, and sending again gives the same answer.*
4. The head file is written. *Crash before it: at the start the log is ahead of the head file, which is proven to be an
   earlier state of it and then brought up to date, by the same function as here.*
5. Only now is the new state visible: checkpoints, tiles and entries up to it are served, callers are answered.

Rows that a transaction wrote are in the store between 3 and 5 already. Whoever reads projections compares their index
with the size that is visible.

Any failure in 2 to 4 that comes from disk or database stops writing until a restart; reading goes on at the last state
published. Nothing here knows what an entry means.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from exchange.ledger.errors import LedgerDamaged, LedgerRefusal
from exchange.ledger.head import HeadFile
from exchange.ledger.signing import CheckpointSigner
from exchange.ledger.stage import Appended, Stage, TableWrite
from exchange.store import logs
from exchange.store.database import Connection, Store
from exchange.store.errors import StorageError
from exchange.store.logs import CheckpointRow, EntryRow, TileRow
from exchange.tlog import merkle
from exchange.tlog.bundles import encode_bundle
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, signed_text
from exchange.tlog.edge import Edge
from exchange.tlog.errors import ProofError, TlogError
from exchange.tlog.merkle import HASH_BYTES, leaf_hash, verify_consistency
from exchange.tlog.tiles import TILE_WIDTH, Bundle, Tile, TileReader, TileTree, hashes_at, tiles_for, width_at

Clock = Callable[[], int]
"""Seconds since 1970-01-01 UTC."""


@dataclass(frozen=True, slots=True)
class LogState:
    """A log as it was published: its right edge, its head, and the head signed."""

    edge: Edge
    head: Checkpoint
    note: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """A commit that is durable and published, or the state as it is when there was nothing to commit."""

    appended: tuple[Appended, ...]
    checkpoints: Mapping[LogName, bytes]


class Ledger:
    """The open logs. One writer: `commit` is called by the sequencer alone, one at a time; reading is free."""

    def __init__(
        self,
        store: Store,
        head_file: HeadFile,
        signers: Mapping[LogName, CheckpointSigner],
        clock: Clock,
        states: Mapping[LogName, LogState],
        last_at: int,
    ) -> None:
        """Take over what `open` loaded and checked."""
        self.store = store
        self._head_file = head_file
        self._signers = signers
        self._clock = clock
        self._states = states
        self._last_at = last_at

    @classmethod
    async def open(
        cls, store: Store, head_file: HeadFile, signers: Mapping[LogName, CheckpointSigner], clock: Clock
    ) -> Self:
        """Load both logs, check them against themselves and against the head file, and roll forward after a crash.

        Checked: each checkpoint's origin, its size against the entries, its root against the tiles, the last bundle's
        entries against their tile. New logs get a signed checkpoint of size 0. Raises `LedgerDamaged` (see there) and
        `StorageError`. The store stays the caller's to close.
        """
        rows = {log: await store.read(logs.checkpoint, log) for log in LOGS}
        if all(row is None for row in rows.values()):
            at = clock()
            rows = {log: _new_log(signers[log], log, at) for log in LOGS}
            await store.write(logs.put_checkpoints, [row for row in rows.values() if row is not None])
        states = {log: await store.read(_load, log, rows[log], signers[log].origin) for log in LOGS}
        ledger = cls(store, head_file, signers, clock, states, max(row.at for row in rows.values() if row is not None))
        await ledger._check_head()
        return ledger

    async def _check_head(self) -> None:
        """Refuse a store that is not a continuation of the head file; bring the head file up to date."""
        published = self._head_file.read()
        current = {log: state.head for log, state in self._states.items()}
        if published is None and any(head.size for head in current.values()):
            raise LedgerDamaged(
                "head-missing", "there is no head file, but the logs are not empty; restore it, it is not in the backup"
            )
        for log, old in (published or {}).items():
            await self._check_continues(log, old)
        if published != current:
            await self.store.on_writer(lambda: self._write_head(self._states))

    async def _check_continues(self, log: LogName, old: Checkpoint) -> None:
        new = self._states[log].head
        if old.origin != new.origin:
            raise LedgerDamaged("log-foreign", f"the head file is of {old.origin}, the store of {new.origin}")
        if old.size > new.size:
            raise LedgerDamaged(
                "head-ahead",
                f"the {log} had {old.size} entries when it was last published, the store has {new.size}: "
                "an old backup was restored",
            )
        try:
            proof = await self.consistency_proof(log, old.size)
            verify_consistency(old.size, old.root, new.size, new.root, proof)
        except ProofError as error:
            raise LedgerDamaged(
                "head-ahead", f"the {log} is not a continuation of what was last published: {error}"
            ) from error

    # -- writing -------------------------------------------------------------------------------------------------------

    def begin(self) -> Stage:
        """An empty stage on the present state."""
        frontiers = {log: state.edge.frontier for log, state in self._states.items()}
        return Stage(frontiers, max(self._clock(), self._last_at))

    async def commit(self, stage: Stage) -> Outcome:
        """Make everything staged durable and publish it; proofs are in the order of the stage's entries.

        Raises `StorageError` when writing failed or had stopped: then it is unknown whether it took place, and nothing
        can be written until a restart. Whatever else it raises (`ConflictError` for rows that contradict the store)
        means that nothing took place. In both cases nothing in memory has changed.
        """
        if not stage.empty:
            states, appended = await self.store.on_writer(lambda: self._commit(stage))
            self._states = states
            self._last_at = max(self._last_at, stage.at)
        else:
            appended = ()
        return Outcome(appended, {log: state.note for log, state in self._states.items()})

    def _commit(self, stage: Stage) -> tuple[dict[LogName, LogState], tuple[Appended, ...]]:
        states, tile_rows = self._grown(stage)
        checkpoint_rows = [
            CheckpointRow(log, states[log].head.size, states[log].note, stage.at)
            for log in LOGS
            if states[log] is not self._states[log]
        ]
        groups: dict[TableWrite, list[Any]] = {
            logs.add_entries: [EntryRow(entry.log, entry.index, entry.data) for entry in stage.entries],
            logs.put_tiles: tile_rows,
            logs.put_checkpoints: checkpoint_rows,
        }
        for function, row in stage.writes:
            groups.setdefault(function, []).append(row)
        # Proofs before the transaction: after it nothing may fail but the head file.
        appended = _prove(stage, states, tile_rows)
        self.store.write_now(_write_groups, groups)
        if stage.entries:
            self._write_head(states)
        return states, appended

    def _grown(self, stage: Stage) -> tuple[dict[LogName, LogState], list[TileRow]]:
        """The states with the stage's entries, signed, and the tiles that changed."""
        states = dict(self._states)
        rows: list[TileRow] = []
        for log in LOGS:
            leaves = [leaf_hash(entry.data) for entry in stage.entries if entry.log == log]
            if leaves:
                edge, changed = states[log].edge.grow(leaves)
                states[log] = _signed(self._signers[log], edge, stage.at)
                rows += [TileRow(log, tile.level, tile.index, data) for tile, data in changed]
        return states, rows

    def _write_head(self, states: Mapping[LogName, LogState]) -> None:
        try:
            self._head_file.write({log: state.head for log, state in states.items()})
        except Exception as error:  # whatever it is, the store is ahead of what was published
            self.store.stop_writing()
            raise StorageError("storage-failed", f"cannot write the head file: {error}") from error

    # -- reading: the last state published ------------------------------------------------------------------------------

    def checkpoint(self, log: LogName) -> bytes:
        """The newest signed checkpoint."""
        return self._states[log].note

    def head(self, log: LogName) -> Checkpoint:
        """The newest head: origin, size, root."""
        return self._states[log].head

    async def read_tile(self, log: LogName, tile: Tile) -> bytes:
        """A hash tile's first ``tile.width`` hashes. Raises `LedgerRefusal` (``tile-unknown``) when the published log
        has not that many."""
        edge = self._states[log].edge
        if width_at(tile.level, tile.index, edge.size) < tile.width:
            raise LedgerRefusal("tile-unknown", "the log has no such tile")
        found = await self._tiles(log, edge, [tile])
        return found[tile.level, tile.index][: tile.width * HASH_BYTES]

    async def read_entries(self, log: LogName, bundle: Bundle) -> bytes:
        """An entry bundle of ``bundle.width`` entries. Raises `LedgerRefusal` (``tile-unknown``)."""
        if width_at(0, bundle.index, self.head(log).size) < bundle.width:
            raise LedgerRefusal("tile-unknown", "the log has no such entries")
        return encode_bundle(await self.store.read(logs.entries, log, bundle.index * TILE_WIDTH, bundle.width))

    async def inclusion_proof(self, log: LogName, index: int) -> tuple[bytes, tuple[bytes, ...]]:
        """The signed checkpoint and the proof that leads to it, for any entry published.

        Raises `ProofError` (``proof-index``).
        """
        state = self._states[log]
        tree = await self._tree(log, state.edge, merkle.inclusion_ranges(index, state.edge.size))
        return state.note, tree.inclusion_proof(index)

    async def proof_at(self, log: LogName, index: int, size: int) -> tuple[bytes, ...]:
        """The inclusion proof of an entry for an earlier size. Raises `ProofError` (``proof-index``, ``proof-size``)."""
        edge = self._states[log].edge
        if size > edge.size:
            raise ProofError("proof-size", "the log is not that long")
        tree = await self._tree(log, edge, merkle.inclusion_ranges(index, size))
        return merkle.inclusion_proof(tree.node, index, size)

    async def root_at(self, log: LogName, size: int) -> bytes:
        """The log's root at an earlier size, 32 bytes. Raises `ProofError` (``proof-size``) beyond the size published."""
        edge = self._states[log].edge
        if size > edge.size:
            raise ProofError("proof-size", "the log is not that long")
        tree = await self._tree(log, edge, ((0, size),))
        return merkle.range_root(tree.node, 0, size)

    async def consistency_proof(self, log: LogName, old_size: int, size: int | None = None) -> tuple[bytes, ...]:
        """The proof from ``old_size`` to ``size`` (None: the size published). Raises `ProofError` (``proof-size``)."""
        edge = self._states[log].edge
        size = edge.size if size is None else size
        if size > edge.size:
            raise ProofError("proof-size", "the log is not that long")
        tree = await self._tree(log, edge, merkle.consistency_ranges(old_size, size))
        return merkle.consistency_proof(tree.node, old_size, size)

    async def _tree(self, log: LogName, edge: Edge, ranges: Iterable[tuple[int, int]]) -> TileTree:
        """A tree that can read what the ranges need."""
        found = await self._tiles(log, edge, tiles_for(ranges, edge.size))
        return TileTree(_reader(found), edge.size)

    async def _tiles(self, log: LogName, edge: Edge, places: Iterable[Tile]) -> dict[tuple[int, int], bytes]:
        """Tiles from memory where they are partial, from the store where they are full (there they may have grown)."""
        found = _partial_tiles(edge)
        missing = {(tile.level, tile.index) for tile in places} - found.keys()
        if missing:
            found.update(await self.store.read(logs.tiles, log, missing))
        if missing - found.keys():
            raise LedgerDamaged("log-damaged", f"tiles of the {log} are missing from the store")
        return found


def _new_log(signer: CheckpointSigner, log: LogName, at: int) -> CheckpointRow | None:
    return CheckpointRow(log, 0, _signed(signer, Edge(), at).note, at)


def _signed(signer: CheckpointSigner, edge: Edge, at: int) -> LogState:
    head = Checkpoint(signer.origin, edge.size, edge.root())
    return LogState(edge, head, signer.sign(head.text(), at))


def _load(connection: Connection, log: LogName, row: CheckpointRow | None, origin: str) -> LogState:
    """A log from the store, checked: origin, size, root, and the entries of the last bundle."""
    size = logs.size(connection, log)
    if row is None:
        raise LedgerDamaged("log-damaged", f"the {log} has no checkpoint")
    known: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        if (level, index) not in known:
            known[level, index] = logs.tile(connection, log, level, index) or b""
        return known[level, index]

    try:
        head = Checkpoint.parse(signed_text(row.note))
        edge = Edge.of(read, head.size)
    except TlogError as error:
        raise LedgerDamaged("log-damaged", f"the {log} cannot be read: {error}") from error
    if head.origin != origin:
        raise LedgerDamaged("log-foreign", f"the {log} is of {head.origin}, the keys are of {origin}")
    if not head.size == row.size == size:
        raise LedgerDamaged("log-damaged", f"the {log} has {size} entries, its checkpoint says {head.size}")
    if edge.root() != head.root:
        raise LedgerDamaged("log-damaged", f"the tiles of the {log} do not lead to its checkpoint")
    if size:
        last = (size - 1) // TILE_WIDTH
        entries = logs.entries(connection, log, last * TILE_WIDTH, TILE_WIDTH)
        hashes = b"".join(leaf_hash(entry) for entry in entries)
        if hashes != read(0, last)[: width_at(0, last, size) * HASH_BYTES]:
            raise LedgerDamaged("log-damaged", f"the last entries of the {log} are not those of its tiles")
    return LogState(edge, head, row.note)


def _write_groups(connection: Connection, groups: Mapping[TableWrite, list[Any]]) -> None:
    for function, rows in groups.items():
        if rows:
            function(connection, rows)


def _reader(found: Mapping[tuple[int, int], bytes]) -> TileReader:
    return lambda level, index: found[level, index]


def _partial_tiles(edge: Edge) -> dict[tuple[int, int], bytes]:
    """The partial tiles, which memory holds."""
    return {(level, hashes_at(level, edge.size) // TILE_WIDTH): data for level, data in enumerate(edge.partial) if data}


def _prove(stage: Stage, states: Mapping[LogName, LogState], tile_rows: Iterable[TileRow]) -> tuple[Appended, ...]:
    """Inclusion proofs of the stage's entries. A new leaf's siblings stand in tiles that changed or are partial: to its
    right everything is new, and to its left each level's tile is the one that the leaf's own ancestor stands in."""
    trees: dict[LogName, TileTree] = {}
    for log in LOGS:
        known = _partial_tiles(states[log].edge)
        known.update({(row.level, row.index): row.data for row in tile_rows if row.log == log})
        trees[log] = TileTree(_reader(known), states[log].head.size)
    return tuple(
        Appended(entry.log, entry.index, trees[entry.log].size, trees[entry.log].inclusion_proof(entry.index))
        for entry in stage.entries
    )
