"""The tables, in SQLAlchemy Core. Spec: docs/spec/logs.md, docs/spec/statements.md.

Two kinds: the logs themselves (entry, tile, checkpoint, statement, blob), which cannot be made again, and projections
of them (alert, audience, receipt, granted, message, delivery, epoch_key), which can. Cosignatures (cosigned, witness) are
what others said of the logs: whatever is lost of them is asked for again.
Names of persons and organisations stand in `opening` and nowhere else (invariant I8).
Identifiers and hashes are text as in JSON; bytes are raw where many rows stand.
Foreign keys are checked at commit, so that the order of inserts inside a transaction is free.
"""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

SCHEMA_VERSION = 1
"""Written into `meta` when the tables are made; a store of a newer version is refused."""
CHUNK_BYTES = 262_144
"""Bytes of a blob in one row: reading a range reads few rows, and no row is large enough to stall the writer."""

metadata = MetaData()


def _log() -> Column[str]:
    return Column("log", Text, CheckConstraint("log IN ('registry', 'journal')"), primary_key=True)


def _references(target: str) -> ForeignKey:
    return ForeignKey(target, deferrable=True, initially="DEFERRED")


def _required(name: str, kind: Any, *more: Any) -> Column[Any]:
    return Column(name, kind, *more, nullable=False)


meta = Table("meta", metadata, Column("key", Text, primary_key=True), _required("value", Text))

entry = Table(
    "entry",
    metadata,
    _log(),
    Column("index", Integer, primary_key=True, autoincrement=False),
    _required("data", LargeBinary),
    sqlite_with_rowid=False,
)

tile = Table(
    "tile",
    metadata,
    _log(),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("index", Integer, primary_key=True, autoincrement=False),
    _required("data", LargeBinary),
)
"""One row a tile, full or not: partial tiles are served as its prefix."""

checkpoint = Table(
    "checkpoint",
    metadata,
    _log(),
    _required("size", Integer),
    _required("note", LargeBinary),
    _required("at", Integer),
)
"""The newest signed checkpoint of each log; earlier roots can be computed from the tiles."""

statement = Table(
    "statement",
    metadata,
    _log(),
    Column("index", Integer, primary_key=True, autoincrement=False),
    _required("statement", Text),
    _required("kind", Text),
    _required("entry_kind", Text),
    _required("signers", Integer),
    _required("envelope", LargeBinary),
    ForeignKeyConstraint(["log", "index"], ["entry.log", "entry.index"], deferrable=True, initially="DEFERRED"),
    # Idempotence is looked up by these three (docs/spec/statements.md, Entries).
    Index("statement_once", "statement", "entry_kind", "signers", unique=True),
    Index("statement_kind", "log", "kind", "index"),
)

opening = Table(
    "opening",
    metadata,
    Column("statement", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    _required("salt", LargeBinary),
    _required("value", Text),
    sqlite_with_rowid=False,
)
"""The only table with names, titles and contacts. Erasing rows here breaks no proof."""

blob = Table(
    "blob",
    metadata,
    Column("blob", Integer, primary_key=True),
    _required("sha256", Text),
    _required("length", Integer),
    _required("owner", Text),
    _required("purpose", Text),
    _required("created_at", Integer),
    _required("complete", Integer),
    Index(
        "blob_content", "sha256", unique=True, sqlite_where=text("complete = 1"), postgresql_where=text("complete = 1")
    ),
    Index("blob_owner", "owner"),
    Index("blob_age", "created_at"),
)
"""An upload has a number of its own until its hash is verified: a liar cannot overwrite another's chunks."""

blob_chunk = Table(
    "blob_chunk",
    metadata,
    Column("blob", Integer, ForeignKey("blob.blob", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _required("data", LargeBinary),
)

claim = Table(
    "claim",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("statement", Text, primary_key=True),
    Column("until", Integer),
    Index("claim_statement", "statement"),
    sqlite_with_rowid=False,
)
"""Which statement keeps which blob, for ever or until a time: what sweeping spares and entitlement is read from."""

alert = Table(
    "alert",
    metadata,
    Column("statement", Text, primary_key=True),
    _required("alert", Text),
    _required("version", Integer),
    _required("author_device", Text),
    _required("author_organisation", Text),
    _required("label", Text),
    _required("state", Text, CheckConstraint("state IN ('proposed', 'released', 'rejected')")),
    _required("journal_index", Integer),
    _required("release_by", Integer),
    Column("pack", Text),
    # One successor per version (R10): proposals may compete, what is released may not.
    Index(
        "alert_version",
        "alert",
        "version",
        unique=True,
        sqlite_where=text("state = 'released'"),
        postgresql_where=text("state = 'released'"),
    ),
    Index("alert_id", "alert", "version"),
    Index("alert_state", "state", "journal_index"),
)

audience = Table(
    "audience",
    metadata,
    Column("alert", Text, _references("alert.statement"), primary_key=True),
    _required("leaves", LargeBinary),
    _required("devices", LargeBinary),
)
"""The leaves of one sealed alert in one row (a row a leaf cost 10 ms per 1,000 recipients in the commit): ``leaves`` is the
leaf list, 72 bytes each in tag order (`keys.stanza.LeafSummary`); ``devices`` the 16-byte device id of each leaf, same order.
The stanza's bytes stay in the pack."""

receipt = Table(
    "receipt",
    metadata,
    Column("alert", Text, _references("alert.statement"), primary_key=True),
    Column("device", Text, primary_key=True),
    Column("level", Text, primary_key=True),
    _required("at", Integer),
    _required("journal_index", Integer),
    sqlite_with_rowid=False,
)

granted = Table(
    "granted",
    metadata,
    Column("alert", Text, _references("alert.statement"), primary_key=True),
    Column("device", Text, primary_key=True),
    _required("statement", Text),
    _required("grantor", Text),
    _required("purpose", Text),
    _required("journal_index", Integer),
    Index("granted_device", "device", "journal_index"),
    Index("granted_grantor", "grantor", "journal_index"),
    sqlite_with_rowid=False,
)
"""Which device was given which alert after its release: one grant for each."""

message = Table(
    "message",
    metadata,
    Column("statement", Text, primary_key=True),
    _required("alert", Text),
    _required("kind", Text),
    _required("device", Text),
    _required("organisation", Text),
    _required("journal_index", Integer),
    Column("ask", Text),
    ForeignKeyConstraint(["alert"], ["alert.statement"], deferrable=True, initially="DEFERRED"),
    Index("message_alert", "alert", "journal_index"),
    Index("message_organisation", "organisation", "journal_index"),
    sqlite_with_rowid=False,
)
"""Reactions, questions to the source and its answers: who said something about which alert. What was said is sealed.
``organisation`` is the recipients' side of the exchange of words: who reacted or asked, also of an answer."""

delivery = Table(
    "delivery",
    metadata,
    Column("alert", Text, _references("alert.statement"), primary_key=True),
    Column("device", Text, primary_key=True),
    _required("at", Integer),
    Column("journal_index", Integer),
    Index("delivery_unclaimed", "at", sqlite_where=text("journal_index IS NULL")),
    sqlite_with_rowid=False,
)
"""What was handed to whom; without a journal index until an `alert.deliver` statement says so."""

epoch_key = Table(
    "epoch_key",
    metadata,
    Column("device", Text, primary_key=True),
    Column("week", Integer, primary_key=True, autoincrement=False),
    _required("key_hash", Text),
    _required("statement", Text),
    _required("journal_index", Integer),
    _required("bundle", Text),
    _required("offset", Integer),
    Index("epoch_key_order", "journal_index"),
    sqlite_with_rowid=False,
)

cosigned = Table(
    "cosigned",
    metadata,
    _log(),
    Column("what", Text, CheckConstraint("what IN ('newest', 'quorum')"), primary_key=True),
    _required("note", LargeBinary),
)
"""Notes with the lines of witnesses: at most two a log. Written beside the commits and lost without harm."""

witness = Table(
    "witness",
    metadata,
    _log(),
    Column("witness", Text, primary_key=True),
    _required("size", Integer),
    _required("at", Integer),
    _required("state", Text),
    _required("since", Integer),
)
"""How each named witness stands, for whoever looks after a restart: at most fifteen a log."""
