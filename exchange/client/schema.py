"""The tables of the member's local store (``exchange.client.state``). Names of persons stand nowhere in clear.

A store is brought from version n to n + 1 by ``MIGRATIONS[n]``; a new one runs through all of them.
"""

from __future__ import annotations

FIRST = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
    # Every checkpoint that was ever accepted: what a fork is proven with.
    "CREATE TABLE checkpoint (log TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL,"
    " at INTEGER NOT NULL, PRIMARY KEY (log, size)) STRICT, WITHOUT ROWID",
    "CREATE TABLE frontier (log TEXT PRIMARY KEY, size INTEGER NOT NULL, hashes BLOB NOT NULL) STRICT, WITHOUT ROWID",
    # Checkpoints that were signed and shown, but run ahead of what is kept.
    "CREATE TABLE claim (log TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL,"
    " PRIMARY KEY (log, size, root)) STRICT, WITHOUT ROWID",
    "CREATE TABLE entry (log TEXT NOT NULL, idx INTEGER NOT NULL, data BLOB NOT NULL, root BLOB NOT NULL,"
    " kind TEXT NOT NULL, statement TEXT NOT NULL, PRIMARY KEY (log, idx)) STRICT",
    "CREATE INDEX entry_statement ON entry (statement)",
    "CREATE INDEX entry_kind ON entry (log, kind, idx)",
    "CREATE TABLE shown (idx INTEGER PRIMARY KEY, envelope BLOB NOT NULL, openings BLOB NOT NULL) STRICT",
    "CREATE TABLE verified (statement TEXT NOT NULL, signatures TEXT NOT NULL, keys TEXT NOT NULL,"
    " PRIMARY KEY (statement, signatures, keys)) STRICT, WITHOUT ROWID",
    "CREATE TABLE epoch (idx INTEGER PRIMARY KEY, envelope BLOB NOT NULL, verified INTEGER NOT NULL) STRICT",
    "CREATE TABLE bundle (sha256 TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT",
    "CREATE TABLE checked_key (hash BLOB PRIMARY KEY) STRICT, WITHOUT ROWID",
    "CREATE TABLE alert (idx INTEGER PRIMARY KEY, statement TEXT NOT NULL UNIQUE, alert TEXT NOT NULL,"
    " version INTEGER NOT NULL, at INTEGER NOT NULL, status TEXT NOT NULL, received_at INTEGER NOT NULL DEFAULT 0,"
    " read_at INTEGER NOT NULL DEFAULT 0, envelope BLOB, content BLOB, verified BLOB) STRICT",
    "CREATE INDEX alert_status ON alert (status, idx)",
    "CREATE INDEX alert_version ON alert (alert, version)",
    # The content keys of opened alerts, sealed: what passing an alert on takes, long after the weekly key is destroyed.
    "CREATE TABLE content_key (statement TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID",
    # Grants whose entry bears this device's tag: each must be shown, or it is withheld.
    "CREATE TABLE granted (idx INTEGER PRIMARY KEY, statement TEXT NOT NULL, status TEXT NOT NULL) STRICT",
    # To whom alerts of the own organisation were given, as far as its publisher asked: a withdrawal reaches them.
    "CREATE TABLE given (idx INTEGER PRIMARY KEY, alert TEXT NOT NULL, device TEXT NOT NULL) STRICT",
    "CREATE TABLE receipt (statement TEXT NOT NULL, level TEXT NOT NULL, queued_at INTEGER NOT NULL, sent_by TEXT,"
    " PRIMARY KEY (statement, level)) STRICT, WITHOUT ROWID",
    "CREATE TABLE outgoing (statement TEXT PRIMARY KEY, purpose TEXT NOT NULL, envelope BLOB NOT NULL,"
    " at INTEGER NOT NULL, idx INTEGER) STRICT, WITHOUT ROWID",
    "CREATE TABLE failure (id INTEGER PRIMARY KEY, subject TEXT NOT NULL, step INTEGER NOT NULL, code TEXT NOT NULL,"
    " detail TEXT NOT NULL, rule TEXT NOT NULL, evidence BLOB NOT NULL, at INTEGER NOT NULL, settled INTEGER NOT NULL,"
    " UNIQUE (subject, step, code)) STRICT",
)

WITNESSES = (
    # The newest checkpoints with the cosignatures that verified under them; what they are worth depends on who is named.
    "CREATE TABLE cosigned (log TEXT NOT NULL, size INTEGER NOT NULL, note BLOB NOT NULL,"
    " PRIMARY KEY (log, size)) STRICT, WITHOUT ROWID",
    # The newest that each witness cosigned, by the hash of its keys.
    "CREATE TABLE witness (log TEXT NOT NULL, keys TEXT NOT NULL, size INTEGER NOT NULL, time INTEGER NOT NULL,"
    " PRIMARY KEY (log, keys)) STRICT, WITHOUT ROWID",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST, WITNESSES)
