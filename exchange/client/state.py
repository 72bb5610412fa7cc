"""The member's memory: what was verified and what was opened, in one SQLite file of its own (0600, WAL).

What others must not read (contents, attachments, names) is sealed under the vault key; logs, statements and hashes are as
everybody may see them.  Writers use ``transaction``: nothing is ever half done, and after a crash the next run finds the
state before or after a step.  This module stores and finds; it verifies nothing and speaks to nobody.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from exchange.client import sealedfile
from exchange.client.errors import StateError
from exchange.client.schema import MIGRATIONS
from exchange.client.sealedfile import Vault
from exchange.client.storefile import StoreFile
from exchange.model.statements import Opening
from exchange.tlog.checkpoint import LogName
from exchange.tlog.merkle import EMPTY_ROOT, HASH_BYTES, Frontier
from keys import encoding
from keys.envelope import Envelope

MAX_OPENINGS = 65_536
"""Bytes of one statement's openings."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that was accepted: size, root (32 bytes), the signed note."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A registry statement that this member was shown, and the openings that came with it."""

    index: int
    envelope: Envelope
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One released alert as this device knows it.

    ``status``: ``pending`` (not looked at yet, or failed so far), ``opened``, ``absent`` (proven not addressed), ``earlier``
    (older than this device), ``keyless`` (addressed, but to no key of this device), ``closed`` (addressed to a key that this
    device has no longer), ``public`` (CLEAR).  Times in seconds, 0
    for not yet.
    """

    index: int
    statement: str
    alert: str
    version: int
    at: int
    status: str
    received_at: int = 0
    read_at: int = 0
    envelope: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that did not verify, with its evidence; kept until it verifies, and afterwards for the record."""

    id: int
    at: int
    subject: str
    step: int
    code: str
    detail: str
    rule: str
    evidence: dict[str, str]
    settled: bool


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A statement that was signed, and may have reached the exchange; ``index`` once it is seen in the log."""

    statement: str
    purpose: str
    envelope: Envelope
    at: int
    index: int | None


class MemberState(StoreFile):
    """The opened store. One per process; several processes may share the file."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open or create. Raises StateError: ``state-newer``, ``state-unusable``, ``state-busy``."""
        super().__init__(path, MIGRATIONS, "the local store")
        self._vault = vault

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several reads of one state: another program of this member may commit in between. Inside a transaction it is that."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    # -- which exchange ----------------------------------------------------------------------------------------------

    def pin(self, founding: Envelope) -> None:
        """Fix the exchange that this store is about. Raises StateError ``state-foreign`` for another one."""
        with self.transaction():
            known = self._one("SELECT value FROM meta WHERE key='founding'")
            if known is None:
                self._db.execute("INSERT INTO meta VALUES ('founding', ?)", (founding.encode(),))
            elif Envelope.decode(known[0]).statement_id != founding.statement_id:
                raise StateError("state-foreign", "the local store belongs to another exchange")

    def founding(self) -> Envelope:
        """The pinned founding. Raises StateError ``not-pinned``."""
        known = self._one("SELECT value FROM meta WHERE key='founding'")
        if known is None:
            raise StateError("not-pinned", "the local store does not belong to an exchange yet")
        return Envelope.decode(known[0])

    def checked_at(self) -> int:
        """When both logs were last followed to their end and verified, seconds; 0 for never."""
        row = self._one("SELECT value FROM meta WHERE key='checked'")
        return 0 if row is None else int.from_bytes(row[0], "big")

    def set_checked(self, now: int) -> None:
        """Note that both logs verified; what failed about them before is settled."""
        with self.transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('checked', ?)", (now.to_bytes(8, "big"),))
            self.settle_failures("log")

    def noted(self, key: Literal["forked", "heard"]) -> bytes | None:
        """A note that another module keeps here: of a fork (``forks``), of heads that others saw (``gossip``); None without one."""
        row = self._one("SELECT value FROM meta WHERE key=?", key)
        return None if row is None else row[0]

    def set_noted(self, key: Literal["forked", "heard"], value: bytes | None) -> None:
        """Keep such a note in the place of the one before, or drop it."""
        with self.transaction():
            self._db.execute("DELETE FROM meta WHERE key=?", (key,))
            if value is not None:
                self._db.execute("INSERT INTO meta VALUES (?, ?)", (key, value))

    def absence(self) -> bytes | None:
        """What this person set for an absence, or None."""
        row = self._one("SELECT value FROM meta WHERE key='absence'")
        return None if row is None else self._vault.open("absence", row[0])

    def set_absence(self, absence: bytes | None) -> None:
        """Keep or end an absence; who is away is for nobody else to read."""
        with self.transaction():
            self._db.execute("DELETE FROM meta WHERE key='absence'")
            if absence is not None:
                self._db.execute("INSERT INTO meta VALUES ('absence', ?)", (self._vault.seal("absence", absence),))

    # -- the logs ----------------------------------------------------------------------------------------------------

    def head(self, log: LogName) -> Kept:
        """The last checkpoint accepted of a log; of the empty log before the first."""
        row = self._one("SELECT size, root, note FROM checkpoint WHERE log=? ORDER BY size DESC LIMIT 1", log)
        return Kept() if row is None else Kept(*row)

    def kept_heads(self, log: LogName) -> list[Kept]:
        """Every checkpoint accepted of a log, smallest first."""
        rows = self._db.execute("SELECT size, root, note FROM checkpoint WHERE log=? ORDER BY size", (log,))
        return [Kept(*row) for row in rows]

    def keep_head(self, log: LogName, head: Kept, now: int) -> None:
        """Keep an accepted checkpoint; earlier ones stay."""
        self._db.execute(
            "INSERT OR REPLACE INTO checkpoint (log, size, root, note, at) VALUES (?, ?, ?, ?, ?)",
            (log, head.size, head.root, head.note, now),
        )

    def frontier(self, log: LogName) -> Frontier:
        """The right edge of what is kept of a log, to append to."""
        row = self._one("SELECT size, hashes FROM frontier WHERE log=?", log)
        if row is None:
            return Frontier()
        hashes = tuple(row[1][i : i + HASH_BYTES] for i in range(0, len(row[1]), HASH_BYTES))
        return Frontier(row[0], hashes)

    def keep_frontier(self, log: LogName, frontier: Frontier) -> None:
        """Keep the right edge that belongs to the last checkpoint."""
        self._db.execute(
            "INSERT OR REPLACE INTO frontier (log, size, hashes) VALUES (?, ?, ?)",
            (log, frontier.size, b"".join(frontier.hashes)),
        )

    def append(self, log: LogName, start: int, entries: Iterable[tuple[bytes, bytes, str, str]]) -> None:
        """Append entries from an index on: (bytes, root of the log up to and with it, kind, statement id)."""
        self._db.executemany(
            "INSERT INTO entry (log, idx, data, root, kind, statement) VALUES (?, ?, ?, ?, ?, ?)",
            ((log, index, *entry) for index, entry in enumerate(entries, start)),
        )

    def entry(self, log: LogName, index: int) -> bytes | None:
        """An entry's bytes."""
        row = self._one("SELECT data FROM entry WHERE log=? AND idx=?", log, index)
        return None if row is None else row[0]

    def entries(self, log: LogName, start: int = 0, kind: str | None = None) -> Iterator[tuple[int, bytes]]:
        """Entries from an index on, of one kind or of all."""
        sql = "SELECT idx, data FROM entry WHERE log=? AND idx>=?"
        if kind is None:
            yield from self._db.execute(sql + " ORDER BY idx", (log, start))
        else:
            yield from self._db.execute(sql + " AND kind=? ORDER BY idx", (log, start, kind))

    def root(self, log: LogName, size: int) -> bytes | None:
        """The log's root at a size, 32 bytes; None beyond what is kept."""
        if size == 0:
            return EMPTY_ROOT
        row = self._one("SELECT root FROM entry WHERE log=? AND idx=?", log, size - 1)
        return None if row is None else row[0]

    def find(self, log: LogName, statement: str) -> list[tuple[int, bytes]]:
        """The entries about a statement, by index."""
        rows = self._db.execute(
            "SELECT idx, data FROM entry WHERE log=? AND statement=? ORDER BY idx", (log, statement)
        )
        return list(rows)

    def claim(self, log: LogName, size: int, root: bytes, note: bytes) -> None:
        """Remember a signed checkpoint that runs ahead of what is kept: the log must pass through it."""
        self._db.execute(
            "INSERT OR IGNORE INTO claim (log, size, root, note) VALUES (?, ?, ?, ?)", (log, size, root, note)
        )

    def claims(self, log: LogName) -> list[Kept]:
        """The checkpoints that the log must yet pass through, smallest first."""
        rows = self._db.execute("SELECT size, root, note FROM claim WHERE log=? ORDER BY size", (log,))
        return [Kept(*row) for row in rows]

    def drop_claims(self, log: LogName, size: int) -> None:
        """Forget the claims up to a size: they were met."""
        self._db.execute("DELETE FROM claim WHERE log=? AND size<=?", (log, size))

    # -- witnesses ---------------------------------------------------------------------------------------------------

    def cosigned(self, log: LogName) -> Iterator[tuple[int, bytes]]:
        """The checkpoints that are kept with cosignatures, newest first: (size, note)."""
        yield from self._db.execute("SELECT size, note FROM cosigned WHERE log=? ORDER BY size DESC", (log,))

    def keep_cosigned(self, log: LogName, size: int, note: bytes) -> None:
        """Keep a checkpoint whose cosignatures were verified, in the place of the one of that size."""
        self._db.execute("INSERT OR REPLACE INTO cosigned (log, size, note) VALUES (?, ?, ?)", (log, size, note))

    def drop_cosigned(self, log: LogName, sizes: Iterable[int]) -> None:
        """Forget cosigned checkpoints: what they proved, newer ones prove as well."""
        self._db.executemany("DELETE FROM cosigned WHERE log=? AND size=?", ((log, size) for size in sizes))

    def keep_witness(self, log: LogName, keys: str, size: int, time: int) -> None:
        """Note what the witness with these keys (a hash) cosigned, at its own time in seconds; the newest stays."""
        self._db.execute(
            "INSERT INTO witness (log, keys, size, time) VALUES (?, ?, ?, ?) ON CONFLICT (log, keys)"
            " DO UPDATE SET size=excluded.size, time=excluded.time WHERE excluded.time>witness.time",
            (log, keys, size, time),
        )

    def witness(self, log: LogName, keys: str) -> tuple[int, int] | None:
        """The newest that a witness cosigned of a log: (size, time); None for nothing seen."""
        row = self._one("SELECT size, time FROM witness WHERE log=? AND keys=?", log, keys)
        return None if row is None else (row[0], row[1])

    # -- registry statements -----------------------------------------------------------------------------------------

    def keep_shown(self, items: Iterable[Shown]) -> None:
        """Keep registry statements; their openings are sealed."""
        for item in items:
            openings = encoding.encode([opening.to_json() for opening in item.openings])
            sealed = self._vault.seal(f"openings/{item.index}", openings)
            self._db.execute(
                "INSERT OR REPLACE INTO shown (idx, envelope, openings) VALUES (?, ?, ?)",
                (item.index, item.envelope.encode(), sealed),
            )

    def erase_openings(self, erased: Iterable[tuple[str, str]]) -> None:
        """Forget the openings of (statement id, field), wherever they are kept; what is not here is no matter."""
        for statement, name in erased:
            for index, _ in self.find("registry", statement):
                row = self._one("SELECT envelope, openings FROM shown WHERE idx=?", index)
                if row is not None:
                    kept = [opening for opening in self._opened(index, row[1]) if opening.field != name]
                    self.keep_shown([Shown(index, Envelope.decode(row[0]), tuple(kept))])

    def _opened(self, index: int, sealed: bytes) -> tuple[Opening, ...]:
        raw = encoding.decode_array(self._vault.open(f"openings/{index}", sealed), max_bytes=MAX_OPENINGS)
        return tuple(Opening.model_validate(item) for item in raw)

    def shown(self) -> Iterator[Shown]:
        """All registry statements shown so far, by index."""
        for index, envelope, sealed in self._db.execute("SELECT idx, envelope, openings FROM shown ORDER BY idx"):
            yield Shown(index, Envelope.decode(envelope), self._opened(index, sealed))

    def keep_verified(self, sets: Iterable[tuple[str, str, str]]) -> None:
        """Remember signature sets that verified: (statement id, signatures hash, key ids)."""
        self._db.executemany("INSERT OR IGNORE INTO verified (statement, signatures, keys) VALUES (?, ?, ?)", sets)

    def verified(self) -> Iterator[tuple[str, str, str]]:
        """The signature sets that verified before."""
        yield from self._db.execute("SELECT statement, signatures, keys FROM verified")

    # -- weekly keys -------------------------------------------------------------------------------------------------

    def keep_epochs(self, items: Iterable[tuple[int, Envelope, bool]]) -> None:
        """Keep ``epoch.publish`` statements: (journal index, envelope, whether the signature was verified)."""
        self._db.executemany(
            "INSERT OR REPLACE INTO epoch (idx, envelope, verified) VALUES (?, ?, ?)",
            ((index, envelope.encode(), int(verified)) for index, envelope, verified in items),
        )

    def epochs(self) -> Iterator[tuple[int, Envelope, bool]]:
        """All ``epoch.publish`` statements by journal index."""
        for index, envelope, verified in self._db.execute("SELECT idx, envelope, verified FROM epoch ORDER BY idx"):
            yield index, Envelope.decode(envelope), bool(verified)

    def bundle(self, sha256: str) -> bytes | None:
        """A bundle of weekly keys that was fetched, or made here, before."""
        row = self._one("SELECT data FROM bundle WHERE sha256=?", sha256)
        return None if row is None else row[0]

    def keep_bundle(self, sha256: str, data: bytes) -> None:
        """Keep a bundle whose hash was checked."""
        with self.transaction():
            self._db.execute("INSERT OR IGNORE INTO bundle (sha256, data) VALUES (?, ?)", (sha256, data))

    def checked_keys(self) -> set[bytes]:
        """Hashes of the weekly keys that took a trial seal."""
        return {row[0] for row in self._db.execute("SELECT hash FROM checked_key")}

    def keep_checked(self, hashes: Iterable[bytes]) -> None:
        """Remember weekly keys that took a trial seal."""
        with self.transaction():
            self._db.executemany("INSERT OR IGNORE INTO checked_key (hash) VALUES (?)", ((h,) for h in hashes))

    # -- alerts ------------------------------------------------------------------------------------------------------

    _ALERT = "idx, statement, alert, version, at, status, received_at, read_at, envelope"

    def add_alerts(self, rows: Iterable[AlertRow]) -> None:
        """Note released alerts, not looked at yet."""
        self._db.executemany(
            "INSERT INTO alert (idx, statement, alert, version, at, status) VALUES (?, ?, ?, ?, ?, ?)",
            ((r.index, r.statement, r.alert, r.version, r.at, r.status) for r in rows),
        )

    def alerts(self, *statuses: str) -> list[AlertRow]:
        """Released alerts by journal index, of these statuses or of all."""
        marks = ",".join("?" * len(statuses))
        where = f" WHERE status IN ({marks})" if statuses else ""
        rows = self._db.execute(f"SELECT {self._ALERT} FROM alert{where} ORDER BY idx", statuses)  # noqa: S608
        return [AlertRow(*row) for row in rows]

    def alert(self, statement: str) -> AlertRow | None:
        """A released alert by its statement id."""
        row = self._one(f"SELECT {self._ALERT} FROM alert WHERE statement=?", statement)  # noqa: S608
        return None if row is None else AlertRow(*row)

    def versions(self, alert: str) -> list[AlertRow]:
        """Every release of an alert in the journal, by version, then index."""
        rows = self._db.execute(f"SELECT {self._ALERT} FROM alert WHERE alert=? ORDER BY version, idx", (alert,))  # noqa: S608
        return [AlertRow(*row) for row in rows]

    def set_status(self, statement: str, status: str, envelope: Envelope | None = None) -> None:
        """Settle an alert that was not opened: ``absent``, ``earlier``, ``keyless`` or ``closed``, the last two with what was
        verified of it as far as it could be: its statement."""
        shown = None if envelope is None else envelope.encode()
        self._db.execute("UPDATE alert SET status=?, envelope=? WHERE statement=?", (status, shown, statement))

    def newer_version(self, alert: str, version: int, before: int) -> bool:
        """Whether a later version of an alert (by its alert id) was released before a journal index."""
        sql = "SELECT 1 FROM alert WHERE alert=? AND version>? AND idx<? LIMIT 1"
        return self._one(sql, alert, version, before) is not None

    def keep_content_key(self, statement: str, content_key: bytes) -> None:
        """Keep an opened alert's content key, sealed: what passing the alert on takes."""
        sealed = self._vault.seal(f"content-key/{statement}", content_key)
        self._db.execute("INSERT OR REPLACE INTO content_key (statement, sealed) VALUES (?, ?)", (statement, sealed))

    def content_key(self, statement: str) -> bytes | None:
        """An opened alert's content key, 32 bytes; None when it is not here."""
        row = self._one("SELECT sealed FROM content_key WHERE statement=?", statement)
        return None if row is None else self._vault.open(f"content-key/{statement}", row[0])

    def keep_given(self, index: int, alert: str, device: str) -> None:
        """Note to which device an alert (by its alert id) was given, by the grant at a journal index."""
        self._db.execute("INSERT OR REPLACE INTO given (idx, alert, device) VALUES (?, ?, ?)", (index, alert, device))

    def given(self, alert: str, size: int) -> frozenset[str]:
        """The devices to which an alert (by its alert id) was given by journal entries below a size, as far as noted."""
        return frozenset(
            row[0] for row in self._db.execute("SELECT device FROM given WHERE alert=? AND idx<?", (alert, size))
        )

    # -- grants to this device -----------------------------------------------------------------------------------------

    def add_granted(self, items: Iterable[tuple[int, str]]) -> None:
        """Note grants for this device: (journal index, statement id); not looked at yet."""
        self._db.executemany("INSERT INTO granted (idx, statement, status) VALUES (?, ?, 'pending')", items)

    def granted(self, status: str = "pending") -> list[tuple[int, str]]:
        """Grants for this device of a status, ``pending`` or ``taken``, by journal index."""
        rows = self._db.execute("SELECT idx, statement FROM granted WHERE status=? ORDER BY idx", (status,))
        return [(index, statement) for index, statement in rows]

    def take_granted(self, index: int) -> None:
        """A grant was verified, and its alert is here."""
        self._db.execute("UPDATE granted SET status='taken' WHERE idx=?", (index,))

    def keep_opened(
        self, statement: str, status: str, envelope: Envelope, content: bytes, verified: bytes, now: int
    ) -> None:
        """Keep an opened alert: its content (plaintext, sealed here) and what was verified about it (strict JSON)."""
        self._db.execute(
            "UPDATE alert SET status=?, envelope=?, content=?, verified=?, received_at=? WHERE statement=?",
            (
                status,
                envelope.encode(),
                self._vault.seal(f"content/{statement}", content),
                verified,
                now,
                statement,
            ),
        )

    def content(self, statement: str) -> bytes | None:
        """An opened alert's content, plaintext."""
        row = self._one("SELECT content FROM alert WHERE statement=?", statement)
        return None if row is None or row[0] is None else self._vault.open(f"content/{statement}", row[0])

    def facts(self, statement: str) -> bytes | None:
        """What was verified about an opened alert, as ``keep_opened`` was given it."""
        row = self._one("SELECT verified FROM alert WHERE statement=?", statement)
        return None if row is None else row[0]

    def set_read(self, statement: str, now: int) -> None:
        """Note that the person has read an alert; the first time counts."""
        self._db.execute("UPDATE alert SET read_at=? WHERE statement=? AND read_at=0", (now, statement))

    def attachment_file(self, statement: str, position: int) -> Path:
        """Where an attachment lies, sealed; position 1 is the first."""
        return self.path.parent / "attachments" / f"{statement}-{position}.blocks"

    def keep_attachment(self, statement: str, position: int, pieces: Iterable[bytes]) -> None:
        """Seal an attachment into its file. It is durable before the alert is; a file without its alert is harmless."""
        target = self.attachment_file(statement, position)
        sealedfile.write(target, self._vault, f"attachment/{statement}/{position}", pieces)

    def attachment_pieces(self, statement: str, position: int) -> Iterator[bytes]:
        """An attachment's plaintext in pieces. Raises StateError ``attachment-missing``, OpenError ``vault-invalid``."""
        return sealedfile.read(
            self.attachment_file(statement, position), self._vault, f"attachment/{statement}/{position}"
        )

    def attachment(self, statement: str, position: int) -> bytes:
        """A small attachment's plaintext, whole; raises as ``attachment_pieces``."""
        return b"".join(self.attachment_pieces(statement, position))

    # -- attachments on their way out --------------------------------------------------------------------------------

    @property
    def outgoing_folder(self) -> Path:
        """Where ciphertexts of attachments wait until their alert was posted; named by their SHA-256."""
        return self.path.parent / "outgoing"

    def prepared(self) -> dict[str, dict[str, Any]]:
        """The attachments sealed ahead, by the SHA-256 of the plaintext: key, ciphertext's length and SHA-256, time."""
        try:
            sealed = (self.outgoing_folder / "index.sealed").read_bytes()
        except OSError:
            return {}
        return encoding.decode(self._vault.open("outgoing", sealed), max_bytes=1 << 20)

    def keep_prepared(self, items: dict[str, dict[str, Any]]) -> None:
        """Keep the list of attachments sealed ahead, durably."""
        self.outgoing_folder.mkdir(mode=0o700, exist_ok=True)
        beside = self.outgoing_folder / "index.new"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._vault.seal("outgoing", encoding.encode(items)))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.outgoing_folder / "index.sealed")

    # -- receipts ----------------------------------------------------------------------------------------------------

    def queue_receipt(self, statement: str, level: str, now: int) -> None:
        """Queue a receipt (``received``, ``read``, or ``away`` for an absence), once."""
        self._db.execute(
            "INSERT OR IGNORE INTO receipt (statement, level, queued_at) VALUES (?, ?, ?)", (statement, level, now)
        )

    def queued_receipts(self, level: str, limit: int) -> list[str]:
        """Alerts whose receipt of that level was not sent yet, oldest first."""
        rows = self._db.execute(
            "SELECT statement FROM receipt WHERE level=? AND sent_by IS NULL ORDER BY queued_at, statement LIMIT ?",
            (level, limit),
        )
        return [row[0] for row in rows]

    def requeue_receipts(self, sent_by: str) -> None:
        """The statement never arrived: its receipts wait again."""
        self._db.execute("UPDATE receipt SET sent_by=NULL WHERE sent_by=?", (sent_by,))

    def bind_receipts(self, level: str, statements: Sequence[str], sent_by: str) -> None:
        """Bind queued receipts to the statement that carries them."""
        self._db.executemany(
            "UPDATE receipt SET sent_by=? WHERE level=? AND statement=?", ((sent_by, level, s) for s in statements)
        )

    # -- what was sent -----------------------------------------------------------------------------------------------

    def put_outgoing(self, purpose: str, envelope: Envelope, now: int) -> None:
        """Note a signed statement before it is sent: after a crash it is known what may have arrived."""
        self._db.execute(
            "INSERT OR REPLACE INTO outgoing (statement, purpose, envelope, at) VALUES (?, ?, ?, ?)",
            (envelope.statement_id, purpose, envelope.encode(), now),
        )

    def outgoing(self, *, open_only: bool = True) -> list[Outgoing]:
        """Statements signed here, oldest first; those whose fate is open, or all."""
        where = " WHERE idx IS NULL" if open_only else ""
        rows = self._db.execute(
            f"SELECT statement, purpose, envelope, at, idx FROM outgoing{where} ORDER BY at, statement"  # noqa: S608
        )
        return [Outgoing(s, p, Envelope.decode(e), at, index) for s, p, e, at, index in rows]

    def sent(self, statement: str) -> Envelope | None:
        """A statement as it was signed here, by its id; None when it was not."""
        row = self._one("SELECT envelope FROM outgoing WHERE statement=?", statement)
        return None if row is None else Envelope.decode(row[0])

    def settle_outgoing(self, statement: str, index: int) -> None:
        """The statement stands in its log at this index."""
        self._db.execute("UPDATE outgoing SET idx=? WHERE statement=?", (index, statement))

    def drop_outgoing(self, statement: str) -> None:
        """The statement was refused, or its time has passed."""
        self._db.execute("DELETE FROM outgoing WHERE statement=? AND idx IS NULL", (statement,))

    # -- failures ----------------------------------------------------------------------------------------------------

    def fail(
        self, subject: str, step: int, code: str, detail: str, rule: str, evidence: dict[str, str], now: int
    ) -> None:
        """Keep a failure with its evidence; the same failure of the same subject is kept once."""
        self._db.execute(
            "INSERT INTO failure (subject, step, code, detail, rule, evidence, at, settled) VALUES (?, ?, ?, ?, ?, ?, ?, 0) "
            "ON CONFLICT (subject, step, code) DO UPDATE SET settled=0",
            (subject, step, code, detail, rule, encoding.encode(evidence), now),
        )

    def settle_failures(self, subject: str) -> None:
        """What failed has verified since; the record stays."""
        self._db.execute("UPDATE failure SET settled=1 WHERE subject=?", (subject,))

    def settle_codes(self, codes: Iterable[str]) -> None:
        """A person has looked into every failure with one of these codes; the record stays."""
        self._db.executemany("UPDATE failure SET settled=1 WHERE code=?", ((code,) for code in codes))

    def failures(self, *, open_only: bool = True, codes: Sequence[str] = ()) -> list[Failure]:
        """Failures, oldest first; with any of these codes, where some are given."""
        where = " WHERE settled=0" if open_only else " WHERE 1"
        where += f" AND code IN ({','.join('?' * len(codes))})" if codes else ""
        rows = self._db.execute(
            f"SELECT id, at, subject, step, code, detail, rule, evidence, settled FROM failure{where} ORDER BY id",  # noqa: S608
            tuple(codes),
        )
        return [
            Failure(i, at, s, step, code, d, rule, encoding.decode(e, max_bytes=1 << 24), bool(done))
            for i, at, s, step, code, d, rule, e, done in rows
        ]
