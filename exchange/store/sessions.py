"""Sessions and used challenges. Functions of a connection. Spec: docs/spec/interface.md.

A token is stored as its SHA-256 only: a stolen copy of the store opens no session.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from exchange.store import schema
from exchange.store.errors import StoreRefusal
from exchange.store.rows import made, values


@dataclass(frozen=True, slots=True)
class SessionRow:
    """An open session: SHA-256 of its token (raw), device, when it was opened and expires (seconds)."""

    token_hash: bytes
    device: str
    opened_at: int
    expires: int


def spend_challenge(connection: Connection, challenge: bytes, expires: int) -> None:
    """Note that a challenge was answered. Raises `StoreRefusal` (``challenge-used``) the second time (replay)."""
    try:
        connection.execute(insert(schema.used_challenge), {"challenge": challenge, "expires": expires})
    except IntegrityError:
        raise StoreRefusal("challenge-used", "this challenge was answered before") from None


def open_session(connection: Connection, row: SessionRow, most: int) -> None:
    """Open a session; of more than ``most`` of one device the oldest are ended."""
    connection.execute(insert(schema.session), values([row]))
    table = schema.session
    others = (table.c.device == row.device) & (table.c.token_hash != row.token_hash)
    kept = select(table.c.token_hash).where(others).order_by(table.c.opened_at.desc(), table.c.token_hash)
    connection.execute(delete(table).where(others, table.c.token_hash.not_in(kept.limit(most - 1))))


def find(connection: Connection, token_hash: bytes, now: int) -> SessionRow:
    """The session of a token. Raises `StoreRefusal` (``session-unknown``) when there is none or it has expired."""
    table = schema.session
    query = select(*(table.c[name] for name in SessionRow.__slots__)).where(
        table.c.token_hash == token_hash, table.c.expires > now
    )
    rows = made(SessionRow, connection.execute(query))
    if not rows:
        raise StoreRefusal("session-unknown", "there is no such session, or it has expired")
    return rows[0]


def close_session(connection: Connection, token_hash: bytes) -> None:
    """End a session, when it is there."""
    connection.execute(delete(schema.session).where(schema.session.c.token_hash == token_hash))


def close_device(connection: Connection, device: str) -> int:
    """End all sessions of a device (it was revoked); how many there were."""
    return connection.execute(delete(schema.session).where(schema.session.c.device == device)).rowcount


def sweep(connection: Connection, now: int) -> None:
    """Delete what has expired."""
    connection.execute(delete(schema.session).where(schema.session.c.expires <= now))
    connection.execute(delete(schema.used_challenge).where(schema.used_challenge.c.expires <= now))
