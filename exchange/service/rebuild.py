"""The projections made again from the logs, and compared row by row with the server's (``docs/spec/audit.md``, fsck).

Every entry is staged once more, in the order in which it was accepted, by the server's own code (``accept``, ``state``) into
an empty store; then each table is compared.  Signatures are not verified again here: the audit's step 5 does that.  What the
logs do not hold is taken from the store and held against them: openings against their commitments, leaf lists against the
signed root, blobs against their hash.  Receipts whose statements were erased by retention cannot be made again; their rows are
believed where the entry agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from exchange.ledger.stage import Stage, TableWrite
from exchange.model.alert import AlertBody, Core
from exchange.model.entry import Entry, parse_entry
from exchange.model.journal import AlertGrant
from exchange.model.problems import ExchangeError
from exchange.model.statements import Statement, parse_statement
from exchange.model.submission import Submission
from exchange.policy.grants import needs_lineage
from exchange.policy.members import Facts
from exchange.policy.replay import LeafSet
from exchange.policy.roster import TrustedRoster
from exchange.service.accept import AlertMaterial, Prepared, Request, blobs_of
from exchange.service.exchange import PAGE, audiences_of, look_up
from exchange.service.inspect import StoredLogs
from exchange.service.lineage import lineage_of_rows
from exchange.service.packs import leaves_of_pack
from exchange.service.state import ExchangeState, Staging, VerifiedSets
from exchange.store import alerts, inspect, logs, messages, meta, statements
from exchange.store.alerts import ReceiptRow
from exchange.store.database import Connection
from exchange.store.inspect import raw
from exchange.store.logs import EntryRow
from exchange.store.messages import MessageRow
from exchange.store.snapshot import Scratch, Snapshot, differences, shown
from exchange.store.statements import StatementRow
from exchange.tlog.checkpoint import LOGS, LogName, signed_text
from exchange.tlog.checkpoint import Checkpoint as Head
from exchange.tlog.errors import TlogError
from exchange.tlog.merkle import Frontier, leaf_hash
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.stanza import parse_leaf_list
from keys.verify import StatementPublicKey

RECEIPT = "alert.receipt"
COMPARED = ("entry", "statement", "alert", "audience", "receipt", "granted", "message", "delivery", "epoch_key")
"""The tables that are compared row by row with those made again, in the order in which they are told."""
HELD_AGAINST = ("checkpoint", "meta", "opening", "claim", "blob")
"""The tables whose rows are held against the logs: what they hold cannot be made again."""
BY_THE_STEPS = ("tile", "cosigned", "blob_chunk")
"""The tables that are judged elsewhere: tiles by the audit's step 2, cosigned notes by its step 3, chunks with their blob."""
NOT_OURS = ("witness",)
"""How the witnesses stand, as they said last: asked for again, and nothing rests on it."""
MAX_DIFFERENCES = 100
"""Differences kept of one table; all are counted."""

Told = Callable[[int, int], None]
"""Told (done, of how many) now and then."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is not as the logs have it: code, table, key of the row, and what exactly."""

    code: str
    table: str
    key: str
    sentence: str


@dataclass(slots=True)
class Table:
    """What comparing one table gave."""

    name: str
    rows: int = 0
    wrong: int = 0
    listed: list[Wrong] = field(default_factory=list)

    def add(self, code: str, key: str, sentence: str) -> None:
        """One more thing that is wrong."""
        self.wrong += 1
        if len(self.listed) < MAX_DIFFERENCES:
            self.listed.append(Wrong(code, self.name, key, sentence))


@dataclass(slots=True)
class Compared:
    """The result: each table, and why the logs could not be replayed to their end (then no table was compared)."""

    tables: dict[str, Table] = field(default_factory=dict)
    stopped: Wrong | None = None

    @property
    def ok(self) -> bool:
        """Everything was compared, and nothing is wrong."""
        return self.stopped is None and not any(table.wrong for table in self.tables.values())

    def wrong(self) -> list[Wrong]:
        """Everything listed."""
        stopped = [] if self.stopped is None else [self.stopped]
        return stopped + [one for table in self.tables.values() for one in table.listed]


class _Believed(VerifiedSets):
    """Signature sets that step 5 of the audit judges."""

    def verify(self, envelope: Envelope, signers: Any) -> Envelope:
        return envelope


class _Again(Request):
    """A request made from what was accepted before."""

    def check_openings(self, one: Prepared) -> None:
        """Openings are held against their commitments afterwards, as far as they were not erased."""


class Rebuild:
    """One rebuild: `replay` fills the scratch store, `compare` holds the snapshot against it."""

    def __init__(
        self, snapshot: Snapshot, scratch: Scratch, exchange: str, statement_key: StatementPublicKey, now: int
    ) -> None:
        """``now`` (seconds) is the checker's clock: claims past their deadline may be swept or not."""
        self._snapshot = snapshot
        self._scratch = scratch
        self._exchange = exchange
        self._statement_key = statement_key
        self._now = now
        self._source = StoredLogs(snapshot)
        self._state = ExchangeState(_Believed())
        self._frontiers: dict[LogName, Frontier] = {log: Frontier() for log in LOGS}
        self._last_at: dict[LogName, int] = {}
        self._commitments: dict[tuple[str, str], str] = {}
        self._needed: set[str] = set()
        self._erased_receipts: dict[int, list[ReceiptRow]] = {}
        self._erased_messages: dict[int, list[MessageRow]] = {}

    # -- replaying ------------------------------------------------------------------------------------------------

    def run(self, told: Told | None = None) -> Compared:
        """Replay both logs and compare every table. Raises `StorageError` when the file cannot be read."""
        found = Compared()
        try:
            self._replay(told)
        except _Stopped as stopped:
            found.stopped = stopped.wrong
            return found
        for name in COMPARED:
            found.tables[name] = self._compare(name)
        for table in (self._checkpoints(), self._meta(), self._openings(), *self._claims_and_blobs()):
            found.tables[table.name] = table
        return found

    def _replay(self, told: Told | None) -> None:
        for receipt in self._snapshot.read(inspect.erased_receipts):
            self._erased_receipts.setdefault(receipt.journal_index, []).append(receipt)
        for message in self._snapshot.read(inspect.erased_messages):
            self._erased_messages.setdefault(message.journal_index, []).append(message)
        total = sum(self._source.sizes().values())
        registry = self._rows("registry")
        following = next(registry, None)
        done = 0
        for place in self._rows("journal"):
            size = self._entry("journal", place[0], place[1]).registry
            while following is not None and size is not None and self._frontiers["registry"].size < size.size:
                self._take("registry", *following)
                following, done = next(registry, None), done + 1
            self._take("journal", *place)
            done += 1
            if told is not None:
                told(done, total)
        while following is not None:
            self._take("registry", *following)
            following, done = next(registry, None), done + 1
            if told is not None:
                told(done, total)

    def _rows(self, log: LogName) -> Iterator[tuple[int, bytes, StatementRow | None]]:
        start = 0
        while page := self._source.page(log, start, PAGE):
            yield from page
            start = page[-1][0] + 1

    def _entry(self, log: LogName, index: int, data: bytes) -> Entry:
        try:
            return parse_entry(data)
        except ExchangeError as error:
            raise _stopped(log, index, error) from None

    def _take(self, log: LogName, index: int, data: bytes, row: StatementRow | None) -> None:
        """Stage one entry again and write what the server would have written."""
        entry = self._entry(log, index, data)
        if index != self._frontiers[log].size:
            raise _Stopped("projection-unbuildable", log, index, "an entry before it is missing")
        if row is None:
            raise _Stopped("projection-unbuildable", log, index, "its statement is missing")
        if not row.envelope and entry.kind == RECEIPT:
            self._take_erased(index, data, entry)
            return
        stage = Stage(self._frontiers, entry.at)
        try:
            statement = parse_statement(Envelope.decode(raw(row.envelope)))
            prepared, known = self._prepared(statement)
            staging = Staging(self._state)
            request = _Again([prepared], self._exchange, known, self._statement_key)
            request.stage(stage, staging)
            if not stage.entries:
                raise _Stopped("projection-unbuildable", log, index, "its statement was accepted before")
            staging.commit()
            self._scratch.write(_write, stage)
        except (ExchangeError, KeysError) as error:
            raise _stopped(log, index, error) from None
        self._grow(log, data, entry)
        self._needed.update(blob.sha256 for blob in blobs_of(statement))
        if log == "registry":
            committed = getattr(statement.body, "commitments", None)
            for name, value in {} if committed is None else committed.to_json().items():
                self._commitments[(statement.id, name)] = str(value)

    def _grow(self, log: LogName, data: bytes, entry: Entry) -> None:
        self._frontiers = {**self._frontiers, log: self._frontiers[log].extend((leaf_hash(data),))}
        self._last_at[log] = entry.at

    def _prepared(self, statement: Statement) -> tuple[Prepared, Any]:
        """What the server fetches for a statement outside its lock, from what was rebuilt so far."""
        found = self._scratch.read(look_up, [statement], audiences_of([statement]))
        # A device's messages were counted outside the lock; the log says that they were taken.
        about = replace(found.about, messages=replace(found.about.messages, said={}))
        one = Prepared(Submission(statement.envelope), statement)
        match statement.body:
            case AlertBody() as body:
                facts = self._facts_at(body.core.seen.registry.size)
                one.material = AlertMaterial(self._leaves(statement.id, body), facts, self._lineage(body.core))
            case AlertGrant() as body:
                alert = about.grants.alerts.get(body.alert)
                if alert is not None and needs_lineage(alert.core, body):
                    one.lineage = self._lineage(alert.core)
            case _:
                pass
        return one, about

    def _lineage(self, core: Core) -> Any:
        return self._scratch.read(lineage_of_rows, self._state, core)

    def _leaves(self, statement: str, body: AlertBody) -> LeafSet | None:
        """From the stanza pack, as the server had them; from the leaf list when the pack was swept with its proposal."""
        if body.sealed.pack is None:
            return None
        digest = body.sealed.pack.sha256
        data = self._snapshot.read(inspect.whole, digest)
        if data is not None and sha256(data).hexdigest() == digest:
            return leaves_of_pack(data)
        return LeafSet.of(parse_leaf_list(self._source.leaves(statement) or b""))

    def _facts_at(self, size: int) -> Facts:
        facts = self._state.facts_at(size)
        if facts is not None:
            return facts
        roster = TrustedRoster(verify=self._state.verified.verify)
        for _, data, row in self._rows("registry"):
            if roster.size >= size or row is None:
                break
            roster.apply(parse_entry(data), parse_statement(Envelope.decode(raw(row.envelope))))
        self._state.keep_facts(roster.facts)
        return roster.facts

    def _take_erased(self, index: int, data: bytes, entry: Entry) -> None:
        """A receipt whose statement is gone: its rows are believed when device, alert and time can be right."""
        row = StatementRow("journal", index, entry.statement, RECEIPT, RECEIPT, 1, b"")
        devices = self._state.roster.facts.devices
        receipts = [
            one
            for one in self._erased_receipts.get(index, ())
            if one.at == entry.at and one.device in devices and one.alert in self._state.released
        ]
        said = [
            one
            for one in self._erased_messages.get(index, ())
            if one.statement == entry.statement
            and one.kind == RECEIPT
            and one.alert in self._state.released
            and one.device in devices
            and one.organisation == self._state.roster.facts.persons[devices[one.device].person].organisation
        ]

        def write(connection: Connection) -> None:
            logs.add_entries(connection, [EntryRow("journal", index, data)])
            statements.add(connection, [row])
            alerts.add_receipts(connection, receipts)
            messages.add(connection, said)

        try:
            self._scratch.write(write)
        except ExchangeError as error:
            raise _stopped("journal", index, error) from None
        self._grow("journal", data, entry)

    # -- comparing ------------------------------------------------------------------------------------------------

    def _compare(self, name: str) -> Table:
        table = Table(name)
        for count, found in differences(self._snapshot, self._scratch, name):
            table.rows = count
            if found is not None:
                told = {
                    "missing": "the logs have it, the table has not",
                    "extra": "the table has it, the logs have not",
                    "differs": f"other than the logs have it: {', '.join(found.columns)}",
                }
                table.add(f"projection-{found.sort}", found.key, told[found.sort])
        return table

    def _checkpoints(self) -> Table:
        """Its note is judged by the audit; size and time are the log's."""
        table = Table("checkpoint")
        for log in LOGS:
            row = self._snapshot.read(logs.checkpoint, log)
            if row is None:
                table.add("projection-missing", log, "there is no checkpoint of this log")
                continue
            table.rows += 1
            try:
                size = Head.parse(signed_text(raw(row.note))).size
            except TlogError:
                size = -1
            if not row.size == size == self._frontiers[log].size or row.at != self._last_at.get(log, row.at):
                table.add("projection-differs", log, "size or time are not those of the log's last entry")
        return table

    def _meta(self) -> Table:
        table, said = Table("meta", 1), self._snapshot.read(meta.get, meta.EXCHANGE)
        if said != self._exchange:
            table.add("projection-differs", meta.EXCHANGE, "the store names another exchange than its registry")
        return table

    def _openings(self) -> Table:
        """Every committed field that was not erased has its opening, and there is no other."""
        table, erased = Table("opening"), self._state.roster.facts.erased
        left = {key: value for key, value in self._commitments.items() if key not in erased}
        for row in self._snapshot.read(inspect.openings):
            table.rows += 1
            wanted = left.pop((row.statement, row.field), None)
            key = f"{shown(row.statement)}/{shown(row.field)}"
            if wanted is None:
                again = "it was erased" if (row.statement, row.field) in erased else "no statement commits to it"
                table.add("projection-extra", key, again)
                continue
            try:
                made = encoding.commitment(row.field, raw(row.salt), row.value)
            except (KeysError, UnicodeError, TypeError, AttributeError):
                made = ""
            if made != wanted:
                table.add("projection-differs", key, "it is not what the statement commits to")
        for statement, name in sorted(left):
            table.add("projection-missing", f"{statement}/{name}", "the statement commits to it, and nobody erased it")
        return table

    def _claims_and_blobs(self) -> tuple[Table, Table]:
        """Claims are the logs'; those past their deadline may be swept. What is claimed in force is there, byte by byte."""
        claims, contents = Table("claim"), Table("blob")
        made = {(row.sha256, row.statement): row.until for row in self._scratch.read(inspect.claims)}
        kept: set[str] = set()
        for row in self._snapshot.read(inspect.claims):
            claims.rows += 1
            key = f"{shown(row.sha256)}/{shown(row.statement)}"
            if (row.sha256, row.statement) not in made:
                claims.add("projection-extra", key, "no statement of the logs claims this blob")
            elif made.pop((row.sha256, row.statement)) != row.until:
                claims.add("projection-differs", key, "other than the logs have it: until")
            elif row.until is None or row.until >= self._now:
                kept.add(row.sha256)
        for (digest, statement), until in made.items():
            if until is None or until >= self._now:
                claims.add("projection-missing", f"{digest}/{statement}", "the logs have it, the table has not")
                kept.add(digest)
        for digest in sorted(kept):
            contents.rows += 1
            found = self._snapshot.read(inspect.content, digest)
            if found is None and digest not in self._needed:
                continue  # terms are defined before, or without, their document being uploaded
            if found is None:
                contents.add("blob-missing", digest, "a statement claims it, and it is not here")
            elif found.sha256 != digest or found.said != found.length:
                contents.add("blob-differs", digest, "its bytes do not have this hash, or its length is another")
        return claims, contents


class _Stopped(ExchangeError):
    """The replay does not go on behind this entry."""

    def __init__(self, code: str, log: LogName, index: int, detail: str) -> None:
        super().__init__(code, detail)
        self.wrong = Wrong(code, "entry", f"{log}/{index}", f"{log} entry {index}: {detail}")


def _stopped(log: LogName, index: int, error: Exception) -> _Stopped:
    if isinstance(error, _Stopped):
        return error
    return _Stopped("projection-unbuildable", log, index, f"the server would not take it: {error}")


def _write(connection: Connection, stage: Stage) -> None:
    """The rows of a commit, as the ledger writes them; tiles and checkpoints are compared elsewhere."""
    logs.add_entries(connection, [EntryRow(entry.log, entry.index, entry.data) for entry in stage.entries])
    groups: dict[TableWrite, list[Any]] = {}
    for function, row in stage.writes:
        groups.setdefault(function, []).append(row)
    for function, rows in groups.items():
        function(connection, rows)
