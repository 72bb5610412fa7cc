"""Projections of what recipients and the source of an alert say to each other. Functions of a connection.

Only that something was said stands here; the words are sealed inside the statements. Spec: docs/spec/sharing.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from exchange.store import schema
from exchange.store.rows import made, values


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A statement with a message: about which alert (statement id), its kind, the device that signed it, the organisation on
    the recipients' side, its journal index, and of an answer the ask."""

    statement: str
    alert: str
    kind: str
    device: str
    organisation: str
    journal_index: int
    ask: str | None = None


def add(connection: Connection, rows: Sequence[MessageRow]) -> None:
    """Add statements."""
    if rows:
        connection.execute(insert(schema.message), values(rows))


def find(connection: Connection, statement: str) -> MessageRow | None:
    """The row of a statement id, or None."""
    table = schema.message
    query = select(*(table.c[name] for name in MessageRow.__slots__)).where(table.c.statement == statement)
    rows = made(MessageRow, connection.execute(query))
    return rows[0] if rows else None


def said(connection: Connection, alert: str, device: str, kind: str) -> int:
    """How often a device has said something of this kind about an alert."""
    table = schema.message
    query = select(func.count()).where(table.c.alert == alert, table.c.device == device, table.c.kind == kind)
    return connection.scalar(query) or 0


def about(connection: Connection, alert: str, start: int, end: int, limit: int) -> tuple[int, ...]:
    """Journal indexes of what was said about an alert, from ``start`` to below ``end``, at most ``limit``."""
    table = schema.message
    query = select(table.c.journal_index).where(
        table.c.alert == alert, table.c.journal_index >= start, table.c.journal_index < end
    )
    return tuple(connection.scalars(query.order_by(table.c.journal_index).limit(limit)))


def answers(connection: Connection, organisation: str, start: int, end: int, limit: int) -> tuple[int, ...]:
    """Journal indexes of the answers to what an organisation's persons asked, likewise."""
    table = schema.message
    query = select(table.c.journal_index).where(
        table.c.organisation == organisation,
        table.c.kind == "alert.answer",
        table.c.journal_index >= start,
        table.c.journal_index < end,
    )
    return tuple(connection.scalars(query.order_by(table.c.journal_index).limit(limit)))
