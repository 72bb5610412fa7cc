"""The server's own data folder judged like an auditor's bundle: what ``exchange audit fsck`` puts together.

The server's side reads its store (``exchange.service.inspect``, ``rebuild``), the auditor's side judges
(``exchange.audit.verify``); they meet here and nowhere else.  Everything is read from one snapshot, beside a running server
too, and nothing is written but a rebuild in a temporary folder.  Spec: ``docs/spec/audit.md``, fsck.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exchange.audit.bundle import FORMAT, BundleError, key_files, leaves_path, statement_path
from exchange.audit.report import Report
from exchange.audit.verify import verify_source
from exchange.ledger.errors import LedgerDamaged
from exchange.ledger.head import HeadFile
from exchange.model.problems import ExchangeError
from exchange.model.registry import Founding
from exchange.model.statements import Opening, Statement, parse_statement
from exchange.service.exchange import DATABASE
from exchange.service.inspect import StoredLogs
from exchange.service.rebuild import Compared, Rebuild, Wrong
from exchange.store.errors import StoreError
from exchange.store.snapshot import Scratch, Snapshot
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName
from exchange.tlog.tiles import Bundle, Tile
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.verify import StatementPublicKey

HEAD = "head"
"""The table's name for what is wrong with the head file."""
REBUILD = 11
"""The step under which the rebuild tells how far it is, behind the audit's ten."""

Progress = Callable[[int, int, int], None]
"""Told (step, done, of how many)."""


class StoredSource:
    """A ``Source`` over the server's store (``exchange.audit.source``)."""

    def __init__(self, logs: StoredLogs, exchange: str) -> None:
        self._logs = logs
        self._exchange = exchange

    def founding(self) -> Statement:
        """The founding statement, unverified. Raises BundleError, KeysError, Malformed."""
        return parse_statement(Envelope.decode(self.statement(self._exchange)))

    def manifest(self) -> dict[str, Any]:
        """What a bundle of this store would say; there are no files to count."""
        said: dict[str, Any] = {"contents": {}, "exchange": self._exchange, "format": FORMAT}
        days = self._logs.retention()
        if days:
            said["retention"] = {"receipts_days": days}
        for log in LOGS:
            try:
                head = Checkpoint.parse(self.checkpoint(log).decode("utf-8", "replace").partition("\n\n")[0] + "\n")
            except ExchangeError:
                continue
            said[log] = {"root": head.root.hex(), "size": head.size}
        return said

    def read(self, path: str, limit: int) -> bytes:
        """A key file, as the founding has it: a store has none of its own."""
        found = key_files(self.founding()).get(path)
        if found is None:
            raise BundleError("file-missing", f"{path} is missing")
        return found[:limit]

    def checkpoint(self, log: LogName) -> bytes:
        """A log's signed checkpoint."""
        return _there(self._logs.checkpoint(log), f"the {log}'s checkpoint")

    def tile(self, log: LogName, tile: Tile) -> bytes:
        """A hash tile."""
        return _there(self._logs.tile(log, tile), f"{log}/{tile.path}")

    def entries(self, log: LogName, bundle: Bundle) -> bytes:
        """An entry bundle."""
        return _there(self._logs.entries(log, bundle), f"{log}/{bundle.path}")

    def statement(self, statement: str, signers: int = 0) -> bytes:
        """A statement's envelope."""
        return _there(self._logs.statement(statement, signers), statement_path(statement, signers))

    def leaves(self, statement: str) -> bytes:
        """An alert's leaf list."""
        return _there(self._logs.leaves(statement), leaves_path(statement))

    def checkpoints(self) -> Iterator[tuple[str, bytes]]:
        """The notes that witnesses cosigned; of others a store keeps the newest only, and the head file stands for those before."""
        return self._logs.cosigned()

    def openings(self, statements: int) -> dict[str, tuple[Opening, ...]]:
        """Every opening."""
        return self._logs.openings()

    def files(self, folder: str) -> Iterator[tuple[str, int]]:
        """The names under which a bundle would have it, without their lengths."""
        if folder == "leaves":
            for statement in self._logs.leaf_files():
                yield leaves_path(statement), 0
        elif folder.startswith("statements/"):
            for statement, signers in self._logs.statement_files(folder.partition("/")[2]):
                yield statement_path(statement, signers), 0
        else:
            for log in LOGS:
                if folder == log:
                    for path in self._logs.log_files(log):
                        yield f"{log}/{path}", 0

    def measure(self) -> dict[str, dict[str, int]]:
        """Nothing: there are no files to count."""
        return {}


def _there(found: bytes | None, name: str) -> bytes:
    if found is None:
        raise BundleError("file-missing", f"{name} is missing")
    return found


@dataclass(frozen=True, slots=True)
class Fsck:
    """The verdict over a data folder: the audit's report, the tables, and the head file (None: nobody said where it is)."""

    report: Report
    compared: Compared
    head: tuple[Wrong, ...] | None = field(default=None)

    @property
    def ok(self) -> bool:
        """Verified, every table as the logs have it, and the log not behind its head file."""
        return self.report.verified and self.compared.ok and not self.head

    def wrong(self) -> list[Wrong]:
        """What is wrong beyond the audit's ten steps."""
        return [*(self.head or ()), *self.compared.wrong()]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a script."""
        findings = [{"code": w.code, "key": w.key, "sentence": w.sentence, "table": w.table} for w in self.wrong()]
        tables = {t.name: {"rows": t.rows, "wrong": t.wrong} for t in self.compared.tables.values()}
        return {
            "head_checked": self.head is not None,
            "ok": self.ok,
            "report": self.report.to_json(),
            "store": {"complete": self.compared.stopped is None, "findings": findings, "tables": tables},
        }


def check(
    data: Path,
    head_file: Path | None,
    now: int,
    *,
    exchange: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Fsck:
    """Judge a data folder, the server running or not; ``now`` in seconds, ``exchange`` the id that it must be of.

    Raises `StoreError` (``store-missing``, ``store-foreign``, ``store-newer``, ``not-founded``) when there is no store to judge,
    `StorageError` when the file cannot be read, EncodingError for an exchange id that is none.
    """
    # Before the snapshot: a running server writes the store first and the head file then, so what this says is in the snapshot.
    published = None if head_file is None else _published(head_file)
    with Snapshot(data / DATABASE) as snapshot:
        logs = StoredLogs(snapshot)
        if not any(logs.sizes().values()):
            raise StoreError("not-founded", "nothing was founded here yet")
        source = StoredSource(logs, exchange or logs.exchange() or "0" * 64)
        report = verify_source(source, exchange=exchange, workers=workers, progress=progress, with_policy=False)
        compared = _compare(snapshot, source, report.exchange, now, progress)
        head = None if published is None else tuple(_head(published, logs))
    return Fsck(report, compared, head)


def _compare(snapshot: Snapshot, source: StoredSource, exchange: str, now: int, progress: Progress | None) -> Compared:
    try:
        body = source.founding().body
        if not isinstance(body, Founding):
            raise BundleError("founding-differs", "the first statement founds no exchange")
        key = StatementPublicKey.from_json(body.statement_key)
    except (ExchangeError, KeysError) as error:
        return Compared(stopped=Wrong("projection-unbuildable", "entry", "registry/0", f"the founding: {error}"))
    with (
        tempfile.TemporaryDirectory(prefix="exchange-fsck-") as folder,
        Scratch(Path(folder) / DATABASE) as scratch,
    ):
        rebuild = Rebuild(snapshot, scratch, exchange, key, now)
        return rebuild.run(None if progress is None else lambda done, total: progress(REBUILD, done, total))


def _published(path: Path) -> dict[LogName, Checkpoint] | Wrong:
    try:
        found = HeadFile(path).read()
    except LedgerDamaged as error:
        return Wrong(error.code, HEAD, path.name, error.detail)
    return found if found is not None else Wrong("head-missing", HEAD, path.name, "there is no head file")


def _head(published: dict[LogName, Checkpoint] | Wrong, logs: StoredLogs) -> Iterator[Wrong]:
    """The log here continues what was last published."""
    sizes = logs.sizes()
    if isinstance(published, Wrong):
        if published.code != "head-missing" or any(sizes.values()):
            yield published
        return
    for log, head in published.items():
        if head.size > sizes[log]:
            sentence = f"the {log} had {head.size} entries when it was last published, the store has {sizes[log]}"
            yield Wrong("head-ahead", HEAD, log, sentence)
        elif logs.root(log, head.size) != head.root:
            yield Wrong("head-ahead", HEAD, log, f"the {log} is no continuation of what was last published")
