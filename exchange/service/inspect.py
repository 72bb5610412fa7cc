"""The server's own store read as an auditor's bundle: the same bytes under the same names (``docs/spec/audit.md``, fsck).

What is not there is None, and whoever asks says so.  Nothing is judged, and nothing is repaired: a row that is missing in the
middle of a bundle of entries ends it there.
"""

from __future__ import annotations

from collections.abc import Iterator

from exchange.model.statements import Opening
from exchange.store import alerts, inspect, logs, statements
from exchange.store import meta as facts
from exchange.store.inspect import raw
from exchange.store.snapshot import Snapshot, shown
from exchange.store.statements import StatementRow
from exchange.tlog.bundles import encode_bundle
from exchange.tlog.checkpoint import LOGS, LogName
from exchange.tlog.edge import Edge
from exchange.tlog.errors import TileError, TlogError
from exchange.tlog.merkle import HASH_BYTES
from exchange.tlog.tiles import TILE_WIDTH, Bundle, Tile
from keys.encoding import b64u


class StoredLogs:
    """Both logs of a snapshot, their statements, leaf lists and openings."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def exchange(self) -> str | None:
        """The exchange id: the first registry entry's statement, else what the store says of itself."""
        row = self._snapshot.read(statements.at, "registry", 0)
        return row.statement if row is not None else self._snapshot.read(facts.get, facts.EXCHANGE)

    def retention(self) -> int:
        """After how many days receipts were erased here, as the store says; 0 when none were."""
        said = self._snapshot.read(facts.get, facts.RETENTION) or "0"
        return int(said) if said.isascii() and said.isdigit() and len(said) < 9 else 0

    def checkpoint(self, log: LogName) -> bytes | None:
        """The newest signed checkpoint."""
        row = self._snapshot.read(logs.checkpoint, log)
        return None if row is None else raw(row.note)

    def tile(self, log: LogName, tile: Tile) -> bytes | None:
        """A hash tile, whole as it stands."""
        found = self._snapshot.read(logs.tile, log, tile.level, tile.index)
        return None if found is None else raw(found)

    def entries(self, log: LogName, bundle: Bundle) -> bytes | None:
        """An entry bundle, as far as its entries stand one after the other."""
        start = bundle.index * TILE_WIDTH
        found = self._snapshot.read(inspect.entries_at, log, start, bundle.width)
        whole = [data for place, (index, data) in enumerate(found, start) if index == place]
        return encode_bundle(whole) if whole else None

    def statement(self, statement: str, signers: int = 0) -> bytes | None:
        """A statement's envelope: the newest signature set, or an earlier one of so many signers.

        One that was erased by retention is not there.
        """
        rows = self._snapshot.read(statements.of_id, [statement])
        found = rows[-1:] if not signers else [row for row in rows[:-1] if row.signers == signers]
        return raw(found[0].envelope) or None if found else None

    def leaves(self, statement: str) -> bytes | None:
        """An alert's leaf list."""
        row = self._snapshot.read(alerts.audience, statement)
        return None if row is None else raw(row.leaves)

    def openings(self) -> dict[str, tuple[Opening, ...]]:
        """Every opening by statement id; values that no opening can have are left to the comparison of the tables."""
        found: dict[str, tuple[Opening, ...]] = {}
        for row in self._snapshot.read(inspect.openings):
            made = Opening.model_construct(field=shown(row.field), salt=b64u(raw(row.salt)), value=shown(row.value))
            found[shown(row.statement)] = (*found.get(shown(row.statement), ()), made)
        return found

    def cosigned(self) -> Iterator[tuple[str, bytes]]:
        """The notes that the store keeps with witnesses' lines, each with a name."""
        for log, what, note in self._snapshot.read(inspect.cosigned):
            yield f"cosigned/{shown(log)}-{shown(what)}", note

    def log_files(self, log: LogName) -> Iterator[str]:
        """The path of every tile and entry bundle of a log, in tlog-tiles layout."""
        yield "checkpoint"
        for level, index, length in self._snapshot.read(inspect.tile_places, log):
            width, odd = divmod(length, HASH_BYTES)
            try:
                yield Tile(level, index, 0 if odd else width).path
            except TileError:
                yield f"tile/{level}/{index}.{length}-bytes"
        size = self._snapshot.read(logs.size, log)
        for number in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
            yield Bundle(number, min(TILE_WIDTH, size - number * TILE_WIDTH)).path

    def statement_files(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(statement id, signers) of every statement whose id begins so; 0 for the newest signature set."""
        last: tuple[str, int] | None = None
        for statement, _, _, signers in self._snapshot.read(inspect.statement_places, prefix):
            if last is not None:
                yield last if last[0] == statement else (last[0], 0)
            last = (statement, signers)
        if last is not None:
            yield last[0], 0

    def leaf_files(self) -> Iterator[str]:
        """The statement ids that have a leaf list."""
        yield from self._snapshot.read(inspect.alerts_with_leaves)

    def root(self, log: LogName, size: int) -> bytes | None:
        """A log's root at a size, from its tiles; None when they do not reach so far."""

        def read(level: int, index: int) -> bytes:
            return raw(self._snapshot.read(logs.tile, log, level, index))

        try:
            return Edge.of(read, size).root()
        except TlogError:
            return None

    def sizes(self) -> dict[LogName, int]:
        """How many entries stand in each log."""
        return {log: self._snapshot.read(logs.size, log) for log in LOGS}

    def page(self, log: LogName, start: int, limit: int) -> list[tuple[int, bytes, StatementRow | None]]:
        """(index, leaf bytes, statement) of at most ``limit`` entries from index ``start`` on."""
        rows = {row.index: row for row in self._snapshot.read(statements.page, log, start, limit)}
        entries = self._snapshot.read(inspect.entries_at, log, start, limit)
        return [(index, data, rows.get(index)) for index, data in entries]
