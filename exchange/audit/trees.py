"""Steps 1 to 3: signed checkpoints, the trees rebuilt from the entries alone, older checkpoints (``docs/spec/audit.md``).

What the tree does not prove is not replayed: ``LogView.proven`` says how many entries, from the first on, the later steps may
read.  When an entry and its tile disagree, the root that the entries lead to says which of the two is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from exchange.audit.bundle import BundleError, key_files, statement_path
from exchange.audit.report import Recorder
from exchange.audit.scratch import Roots, Scratch
from exchange.audit.source import Source
from exchange.model.problems import ExchangeError
from exchange.model.registry import Founding
from exchange.model.statements import Statement, parse_statement
from exchange.tlog.bundles import LENGTH_BYTES
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, log_origin, signed_text
from exchange.tlog.edge import Edge
from exchange.tlog.errors import TlogError
from exchange.tlog.merkle import EMPTY_ROOT, HASH_BYTES, leaf_hash
from exchange.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, Bundle, Tile, bundles, parse_path, width_at
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.note import verify_checkpoint
from keys.verify import LogPublicKey, StatementPublicKey, check_log_key

_READ_ERRORS = (BundleError, KeysError, TlogError, ExchangeError)


@dataclass(frozen=True, slots=True)
class Founded:
    """The founding statement as read from the bundle; its signatures are judged with the others."""

    statement: Statement
    body: Founding
    statement_key: StatementPublicKey

    @property
    def exchange(self) -> str:
        """Exchange id."""
        return self.statement.id

    def log_key(self, log: LogName) -> LogPublicKey:
        """A log's public keys. Raises BadKey."""
        found = self.body.logs.registry if log == "registry" else self.body.logs.journal
        return LogPublicKey.from_json(found.to_json())


@dataclass(frozen=True, slots=True)
class LogView:
    """A log after its tree was rebuilt.

    ``proven`` entries, counted from the first, agree with the checkpoint; ``roots`` are the roots at every size from 0 on, as
    far as the entries reach.
    """

    log: LogName
    size: int
    proven: int
    roots: Roots

    def root(self, size: int) -> bytes | None:
        """The root at a size, from ``roots``; None beyond the end."""
        return self.roots.at(size)


@dataclass(frozen=True, slots=True)
class Older:
    """A checkpoint that the auditor kept, parsed: where it came from, its log and its text's values."""

    source: str
    log: LogName
    checkpoint: Checkpoint
    note: bytes


# -- step 1 ----------------------------------------------------------------------------------------------------------------


def read_founding(bundle: Source, exchange: str, recorder: Recorder) -> Founded | None:
    """The founding of this exchange id, and the keys that it names; None when there is nothing to go on with."""
    recorder.count(1)
    path = statement_path(exchange)
    try:
        statement = parse_statement(Envelope.decode(bundle.statement(exchange)))
        if statement.id != exchange or not isinstance(statement.body, Founding):
            raise BundleError("founding-differs", "the statement is not the founding of this exchange")
        founded = Founded(statement, statement.body, StatementPublicKey.from_json(statement.body.statement_key))
        for log in LOGS:
            check_log_key(founded.log_key(log))
        expected = key_files(statement)
    except _READ_ERRORS as error:
        sentence = f"the founding {exchange} cannot be read: {error}"
        recorder.refuse(1, "founding-unreadable", sentence, "registry", 0, subject=path)
        return None
    for name, data in expected.items():
        recorder.count(1)
        try:
            found = bundle.read(name, max(len(data), 1) + 1)
        except BundleError as error:
            found, detail = b"", error.detail
        else:
            detail = f"{name} is not as the founding statement has it"
        if found != data:
            recorder.refuse(1, "key-file-differs", detail, subject=name)
    return founded


def check_note(bundle: Source, founded: Founded, log: LogName, recorder: Recorder) -> Checkpoint | None:
    """The log's checkpoint with both signatures; also returned unverified, so that the trees can still be compared."""
    recorder.count(1)
    path = f"{log}/checkpoint"
    try:
        note = bundle.checkpoint(log)
    except BundleError as error:
        recorder.refuse(1, error.code, error.detail, log, subject=path)
        return None
    try:
        verify_checkpoint(note, log_origin(founded.body.origin, log), founded.log_key(log))
    except _READ_ERRORS as error:
        recorder.refuse(1, "checkpoint-invalid", f"the {log}'s checkpoint does not verify: {error}", log, subject=path)
    try:
        return Checkpoint.parse(signed_text(note))
    except TlogError:
        return None


# -- step 2 ----------------------------------------------------------------------------------------------------------------


def split_entries(data: bytes, count: int) -> tuple[list[bytes], str]:
    """The entries of a bundle as far as they can be read, and what is wrong with the rest (empty: nothing).

    Lenient, unlike ``tlog.bundles``, so that the first wrong entry can be named and not just its bundle.
    """
    found: list[bytes] = []
    position = 0
    while len(found) < count:
        start = position + LENGTH_BYTES
        end = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or end > len(data):
            return found, "bundle-short"
        found.append(data[start:end])
        position = end
    return found, "bundle-trailing" if position != len(data) else ""


class _Rebuild:
    """One log's tree from its entries, compared with every tile on the way."""

    def __init__(self, bundle: Source, head: Checkpoint, log: LogName, recorder: Recorder, scratch: Scratch) -> None:
        self._bundle, self._head, self._log, self._recorder = bundle, head, log, recorder
        self._roots = Roots(scratch)
        self._edge = Edge()
        self._differing: list[tuple[int, str, int]] = []
        self._missing: list[tuple[int, str, str]] = []
        self._broken: tuple[int, str, str] | None = None

    def run(self) -> LogView:
        head, recorder = self._head, self._recorder
        roots = self._roots
        roots.add(EMPTY_ROOT)
        for place in bundles(head.size):
            start = place.index * TILE_WIDTH
            hashes = self._hashes(start, place)
            if hashes is None:
                break
            frontier = self._edge.frontier
            for leaf in hashes:
                frontier = frontier.extend((leaf,))
                roots.add(frontier.root())
            self._grow(hashes)
            recorder.count(2, len(hashes))
            recorder.progress(2, start + len(hashes), head.size)
            if self._broken is not None:
                break
        return LogView(self._log, head.size, self._judge(), roots)

    def _hashes(self, start: int, place: Bundle) -> list[bytes] | None:
        """The leaf hashes of one bundle; None when it is missing. Stops at what cannot be read."""
        try:
            data = self._bundle.entries(self._log, place)
        except BundleError as error:
            self._broken = (start, "entries-missing", error.detail)
            return None
        entries, fault = split_entries(data, place.width)
        if fault:
            sentence = f"{self._log}/{place.path} does not hold its {place.width} entries"
            self._broken = (start + len(entries), "entries-malformed", sentence)
        return [leaf_hash(entry) for entry in entries]

    def _grow(self, hashes: Sequence[bytes]) -> None:
        """Append, and compare every tile as far as it is filled now; upper tiles when they have their last form."""
        self._edge, changed = self._edge.grow(hashes)
        for tile, data in changed:
            last = Tile(tile.level, tile.index, width_at(tile.level, tile.index, self._head.size))
            if tile.level and tile != last:
                continue
            path = f"{self._log}/{last.path}"
            span = 1 << (TILE_HEIGHT * tile.level)
            first = tile.index * TILE_WIDTH
            try:
                stored = self._bundle.tile(self._log, last)
            except BundleError as error:
                self._missing.append((first * span, error.detail, path))
                continue
            if len(stored) != last.width * HASH_BYTES:
                self._missing.append((first * span, f"{path} does not hold its {last.width} hashes", path))
            for position in range(tile.width):
                at = slice(position * HASH_BYTES, (position + 1) * HASH_BYTES)
                if stored[at] != data[at]:
                    self._differing.append(((first + position) * span, path, tile.level))
                    break

    def _judge(self) -> int:
        """Name what is wrong; returns how many entries are proven."""
        log, recorder, head = self._log, self._recorder, self._head
        whole = self._broken is None and self._edge.root() == head.root and self._edge.size == head.size
        for index, sentence, path in self._missing:
            recorder.refuse(2, "tile-missing", sentence, log, index, subject=path)
        if whole:
            for index, path, _ in self._differing:
                sentence = f"{path} is not what the entries lead to, from entry {index} on"
                recorder.refuse(2, "tile-differs", sentence, log, index, subject=path)
            return head.size
        leaves = [index for index, _, level in self._differing if level == 0]
        first = min(leaves, default=None)
        if self._broken is not None and (first is None or self._broken[0] <= first):
            index, code, sentence = self._broken
            recorder.refuse(2, code, sentence, log, index)
            return index
        if first is not None:
            sentence = f"entry {first} of the {log} is not the one that the tree was built from"
            recorder.refuse(2, "entry-differs", sentence, log, first)
            return first
        upper = min((index for index, _, _ in self._differing), default=None)
        sentence = f"the {log}'s entries lead to another root than its checkpoint's"
        recorder.refuse(2, "root-differs", sentence, log, upper)
        return upper or 0


def rebuild(bundle: Source, log: LogName, head: Checkpoint, recorder: Recorder, scratch: Scratch) -> LogView:
    """Rebuild a log's tree from its entries, compare every tile and the root."""
    view = _Rebuild(bundle, head, log, recorder, scratch).run()
    for path, _ in bundle.files(log):
        if path != f"{log}/checkpoint" and not _belongs(path.removeprefix(f"{log}/"), head.size):
            recorder.refuse(2, "file-extra", f"{path} is not part of a log of {head.size} entries", log, subject=path)
    return view


def _belongs(path: str, size: int) -> bool:
    """Whether a tree of that size has this tile or entry bundle, in this width. Asked of what is there: a size may lie."""
    try:
        place = parse_path(path)
    except TlogError:
        return False
    level = place.level if isinstance(place, Tile) else 0
    return place.width == width_at(level, place.index, size)


def proven_entries(bundle: Source, view: LogView, first: int = 0) -> Iterator[tuple[int, bytes]]:
    """The entries that the tree proves, from an index on, with their indexes, read bundle by bundle."""
    for number in range(first // TILE_WIDTH, (view.proven + TILE_WIDTH - 1) // TILE_WIDTH):
        place = Bundle(number, width_at(0, number, view.size))
        entries, _ = split_entries(bundle.entries(view.log, place), place.width)
        for index, entry in enumerate(entries, number * TILE_WIDTH):
            if first <= index < view.proven:
                yield index, entry


# -- step 3 ----------------------------------------------------------------------------------------------------------------


def _older_notes(bundle: Source, kept: Sequence[bytes], recorder: Recorder) -> Iterator[tuple[str, bytes]]:
    try:
        yield from bundle.checkpoints()
    except BundleError as error:
        recorder.refuse(3, error.code, error.detail, subject="checkpoints")
    for number, note in enumerate(kept):
        yield f"kept/{number}", note


def read_older(bundle: Source, kept: Sequence[bytes], origin: str, recorder: Recorder) -> Iterator[Older]:
    """The checkpoints in the bundle and those that the caller kept elsewhere, unverified, one by one."""
    names = {log_origin(origin, log): log for log in LOGS}
    for source, note in _older_notes(bundle, kept, recorder):
        try:
            checkpoint = Checkpoint.parse(signed_text(note))
        except TlogError as error:
            recorder.refuse(3, "checkpoint-malformed", f"{source}: {error}", subject=source)
            continue
        log = names.get(checkpoint.origin)
        if log is None:
            sentence = f"{source} is the checkpoint of another log ({checkpoint.origin})"
            recorder.refuse(3, "checkpoint-foreign", sentence, subject=source)
            continue
        yield Older(source, log, checkpoint, note)


def check_older(older: Iterable[Older], founded: Founded, views: dict[LogName, LogView], recorder: Recorder) -> None:
    """Every older checkpoint is signed, and the log that is here begins with the log that it names."""
    for one in older:
        recorder.count(3)
        view, checkpoint = views.get(one.log), one.checkpoint
        try:
            verify_checkpoint(one.note, log_origin(founded.body.origin, one.log), founded.log_key(one.log))
        except _READ_ERRORS as error:
            recorder.refuse(
                3, "checkpoint-invalid", f"{one.source} does not verify: {error}", one.log, subject=one.source
            )
            continue
        if view is None:
            recorder.incomplete(3)
        elif checkpoint.size > view.size:
            sentence = f"{one.source} names {checkpoint.size} entries; the {one.log} here ends after {view.size}"
            recorder.refuse(3, "log-truncated", sentence, one.log, view.size, subject=one.source)
        elif view.root(checkpoint.size) is None:
            recorder.incomplete(3)
        elif view.root(checkpoint.size) != checkpoint.root:
            sentence = f"{one.source} is not an earlier state of the {one.log} here: the log forked or was rewritten"
            recorder.refuse(3, "log-forked", sentence, one.log, checkpoint.size, subject=one.source)
