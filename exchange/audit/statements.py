"""Step 5: every entry has its statement, byte by byte, and every statement its entry (``docs/spec/audit.md``).

Reads the statements of some entries ahead: what says of one alone whether it is well formed and the one that its entry names
is computed in worker processes, how it fits the logs here.  Remembers only which file each entry named, 40 bytes an entry, so
that the way back (no file without entry, no statement accepted twice) needs no second reading.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from os import SEEK_END
from typing import NamedTuple

from exchange.audit.bundle import BundleError, statement_path
from exchange.audit.report import Recorder
from exchange.audit.scratch import Scratch
from exchange.audit.source import Source
from exchange.audit.trees import LogView
from exchange.audit.workers import Pieces, Workers
from exchange.model.entry import PROPOSED, REJECTED, RELEASED, Entry
from exchange.model.problems import Malformed
from exchange.model.scalars import Record
from exchange.model.statements import Statement, kind_of, parse_statement
from exchange.policy.gossip import SeenFault, check_head, seen_of
from exchange.tlog.checkpoint import LOGS, LogName
from keys.envelope import Envelope
from keys.errors import KeysError

_RECORD = 40
"""Bytes: statement id (32), signature set (1), log (1), index (6)."""
HELD = 4 << 20
"""Bytes of records in memory; the others are in a temporary file."""
_LOGS: tuple[LogName, ...] = ("registry", "journal")
EARLIER_SETS = (1, 2, 3)
"""Numbers of signers of a proposal: the author, and fewer approvers than the three that an alert can ask for."""
PIECE, PIECE_BYTES = 128, 1 << 20
"""Statements handed to a worker at once, and their bytes, whichever comes first; without workers nothing is read ahead."""

Fault = tuple[str, str]
"""Code and sentence."""
File = tuple[int, bytes | Fault]
"""Number of signers in a file's name (0: the newest set), and its bytes, or why it cannot be read."""
Asked = tuple[str, str, list[File]]
"""An entry's statement id and signature set, and the files that may be it, in the order in which they are tried."""


class Answer(NamedTuple):
    """What an entry's files say by themselves; nothing at all when there is none.

    ``signers`` is in the name of the file that the entry means, ``read`` what stands in it, ``fault`` what is wrong.
    """

    signers: int | None = None
    read: tuple[Envelope, Record] | None = None
    fault: Fault | None = None


def read_statements(asked: Sequence[Asked]) -> list[Answer]:
    """Find each entry's statement among its files, and read it: whatever needs no knowledge of the logs."""
    return [_read(*one) for one in asked]


def _read(subject: str, signatures: str, files: Sequence[File]) -> Answer:
    for signers, data in files:
        if isinstance(data, tuple):
            return Answer(fault=data)
        try:
            envelope = Envelope.decode(data)
        except KeysError as error:
            return Answer(fault=("statement-malformed", f"{statement_path(subject, signers)}: {error}"))
        if envelope.statement_id != subject:
            return Answer(fault=("statement-differs", f"{statement_path(subject, signers)} is another statement"))
        if envelope.signatures_hash == signatures:
            try:
                return Answer(signers, (envelope, parse_statement(envelope).body))
            except Malformed as error:
                return Answer(signers, fault=(error.code, error.detail))
    return Answer(fault=("signatures-differ", "the signatures are not those that were accepted")) if files else Answer()


class Statements:
    """The statements of a bundle, as the entries ask for them."""

    def __init__(
        self,
        bundle: Source,
        exchange: str,
        views: Mapping[LogName, LogView],
        recorder: Recorder,
        scratch: Scratch,
        workers: Workers,
        erased: Callable[[Entry], bool] = lambda entry: False,
    ) -> None:
        """``erased`` says whether the statement of an entry may be gone (Retention)."""
        self._erased = erased
        self._workers = workers
        self._bundle = bundle
        self._exchange = exchange
        self._views = views
        self._recorder = recorder
        self._named = [bytearray() for _ in range(256)]
        self._held = 0
        self._file = scratch.file()
        self._pieces: list[array[int]] = []

    def of(self, log: LogName, entries: Iterable[tuple[int, Entry]]) -> Iterator[tuple[int, Entry, Statement | None]]:
        """Each entry with its statement, its id and signature set compared; None when there is none to go on with.

        Entries are taken some way ahead; what is found of a statement is told when it is asked for.
        """
        pieces: Pieces[Asked, list[Answer]] = Pieces(self._workers, read_statements)
        ahead: deque[list[tuple[int, Entry]]] = deque()
        for named, asked in self._asked(entries):
            pieces.give(asked)
            ahead.append(named)
            if pieces.full:
                yield from self._answered(log, ahead.popleft(), pieces.take())
        while pieces:
            yield from self._answered(log, ahead.popleft(), pieces.take())

    def _asked(self, entries: Iterable[tuple[int, Entry]]) -> Iterator[tuple[list[tuple[int, Entry]], list[Asked]]]:
        named: list[tuple[int, Entry]] = []
        asked: list[Asked] = []
        held = 0
        most = PIECE if self._workers.ahead else 1
        for index, entry in entries:
            files = self._files(entry)
            named.append((index, entry))
            asked.append((entry.statement, entry.signatures, files))
            held += sum(len(data) for _, data in files)
            if len(named) == most or held >= PIECE_BYTES:
                yield named, asked
                named, asked, held = [], [], 0
        if named:
            yield named, asked

    def _files(self, entry: Entry) -> list[File]:
        """The files that may be an entry's statement, as far as there are any."""
        found: list[File] = []
        for signers in (0, *EARLIER_SETS) if entry.kind == PROPOSED else (0,):
            try:
                found.append((signers, self._bundle.statement(entry.statement, signers)))
            except BundleError as error:
                if error.code != "file-missing":
                    found.append((signers, (error.code, error.detail)))
        return found

    def _answered(
        self, log: LogName, entries: Sequence[tuple[int, Entry]], answers: Sequence[Answer]
    ) -> Iterator[tuple[int, Entry, Statement | None]]:
        for (index, entry), answer in zip(entries, answers, strict=True):
            yield index, entry, self._fitting(log, index, entry, answer)

    def _fitting(self, log: LogName, index: int, entry: Entry, answer: Answer) -> Statement | None:
        """The statement, when it fits its entry and this log."""
        recorder = self._recorder
        recorder.count(5)
        signers, read, fault = answer
        statement: Statement | None = None
        if signers is not None:
            self._remember(log, index, entry.statement, signers)
        if read is not None:
            envelope, body = read
            statement = Statement(envelope, kind_of(envelope.kind), body)
            fault = self._fault(log, entry, statement)
        elif fault is None and self._erased(entry):
            self._remember(log, index, entry.statement, 0)
            recorder.totals.receipts_erased += 1
            return None
        elif fault is None:
            fault = "statement-missing", f"{statement_path(entry.statement)} is missing"
        if fault is not None:
            recorder.refuse(5, fault[0], f"{log} entry {index}: {fault[1]}", log, index, subject=entry.statement)
            return None
        if statement is not None:
            self._compare_seen(log, index, entry, statement)
        return statement

    def _compare_seen(self, log: LogName, index: int, entry: Entry, statement: Statement) -> None:
        """What its issuer had seen is the history of this bundle. Alerts, and the journal of grants, are left to A2 (8 and 9)."""
        seen = seen_of(statement)
        if seen is None or statement.kind.name == "alert":
            return
        views = self._views
        registry = index if log == "registry" or entry.registry is None else entry.registry.size
        most: dict[LogName, int] = {
            "registry": registry,
            "journal": views["journal"].size if log == "registry" else index,
        }

        try:
            for of in LOGS:
                if of == "journal" and statement.kind.name == "alert.grant":
                    continue
                head = seen.registry if of == "registry" else seen.journal
                root = views[of].root(head.size)
                if head.size <= min(most[of], views[of].size) and root is None:
                    continue  # the bundle does not prove its log that far, which is a finding of its own
                check_head(of, head, root if head.size <= most[of] else None)
        except SeenFault as fault:
            sentence = f"{log} entry {index}: {fault.detail}"
            self._recorder.refuse(5, fault.code, sentence, log, index, subject=entry.statement)

    def _fault(self, log: LogName, entry: Entry, statement: Statement) -> Fault | None:
        """What does not fit between an entry and its statement; the registry's chain is the roster's to check."""
        if statement.exchange != self._exchange:
            return "other-exchange", "the statement is for another exchange"
        kinds = {"alert": (PROPOSED, RELEASED), "alert.reject": (REJECTED,)}
        if statement.kind.log != log or entry.kind not in kinds.get(statement.kind.name, (statement.kind.name,)):
            return "entry-mismatch", f"the entry of kind {entry.kind} is of a statement of kind {statement.kind.name}"
        return None

    def _remember(self, log: LogName, index: int, statement: str, signers: int) -> None:
        raw = bytes.fromhex(statement)
        self._named[raw[0]] += raw + bytes((signers, _LOGS.index(log))) + index.to_bytes(6, "big")
        self._held += _RECORD
        if self._held >= HELD:
            self._put_away()

    def _put_away(self) -> None:
        """Write what is remembered, sorted by the first byte as it is, and forget it."""
        place = self._file.seek(0, SEEK_END)
        self._pieces.append(array("Q", accumulate(map(len, self._named), initial=place)))
        self._file.write(b"".join(self._named))
        for records in self._named:
            records.clear()
        self._held = 0

    def _records(self, prefix: int) -> bytes:
        """All records of statements whose ids begin with this byte, in order of their entries."""
        found = bytearray()
        for places in self._pieces:
            self._file.seek(places[prefix])
            found += self._file.read(places[prefix + 1] - places[prefix])
        return bytes(found + self._named[prefix])

    def finish(self, complete: bool) -> None:
        """The way back: no statement twice, and, when all entries were read, no file that no entry names."""
        for prefix in range(256):
            records = self._records(prefix)
            seen: dict[bytes, tuple[int, int]] = {}
            for start in range(0, len(records), _RECORD):
                record = records[start : start + _RECORD]
                key, place = record[:33], (record[33], int.from_bytes(record[34:], "big"))
                if key not in seen:
                    seen[key] = place
                    continue
                log, index = _LOGS[place[0]], place[1]
                sentence = f"{log} entry {index}: the statement was accepted before, at index {seen[key][1]}"
                self._recorder.refuse(5, "statement-twice", sentence, log, index, subject=record[:32].hex())
            if complete:
                names = {statement_path(key[:32].hex(), key[32]) for key in seen}
                for path, _ in self._bundle.files(f"statements/{prefix:02x}"):
                    if path not in names:
                        self._recorder.refuse(5, "statement-extra", f"no entry names {path}", subject=path)
