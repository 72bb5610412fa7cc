"""Projection of `alert.grant`: which device was given which alert by whom. Functions of a connection.

The stanza itself stays in the statement. Spec: docs/spec/sharing.md, Grants.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, or_, select

from exchange.store import schema
from exchange.store.rows import made, values


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant: the alert (its statement id), the device that was given it, the grant's statement, the grantor's device, what
    for (``onward``, ``history``, ``newcomer``) and the journal index."""

    alert: str
    device: str
    statement: str
    grantor: str
    purpose: str
    journal_index: int


_columns = tuple(schema.granted.c[name] for name in GrantRow.__slots__)


def add(connection: Connection, rows: Sequence[GrantRow]) -> None:
    """Add grants; a second one of an alert to the same device is a conflict."""
    if rows:
        connection.execute(insert(schema.granted), values(rows))


def find(connection: Connection, alert: str, device: str) -> GrantRow | None:
    """The grant of an alert statement to a device, or None."""
    table = schema.granted
    rows = made(GrantRow, connection.execute(select(*_columns).where(table.c.alert == alert, table.c.device == device)))
    return rows[0] if rows else None


def of_device(connection: Connection, device: str, start: int, end: int, limit: int) -> tuple[GrantRow, ...]:
    """Grants to or by a device with a journal index from ``start`` to below ``end``, in order, at most ``limit``."""
    table = schema.granted
    query = select(*_columns).where(
        or_(table.c.device == device, table.c.grantor == device),
        table.c.journal_index >= start,
        table.c.journal_index < end,
    )
    return made(GrantRow, connection.execute(query.order_by(table.c.journal_index).limit(limit)))


def about(connection: Connection, alert: str, start: int, end: int, limit: int) -> tuple[int, ...]:
    """Journal indexes of the grants of an alert statement, from ``start`` to below ``end``, in order, at most ``limit``."""
    table = schema.granted
    query = select(table.c.journal_index).where(
        table.c.alert == alert, table.c.journal_index >= start, table.c.journal_index < end
    )
    return tuple(connection.scalars(query.order_by(table.c.journal_index).limit(limit)))
