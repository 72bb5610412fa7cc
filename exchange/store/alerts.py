"""Projections of alerts: their state, their leaves, who received what. Functions of a connection.

All of it can be made again from journal, statements and packs. The content is not here, and could not be read if it
were (invariant I1). Spec: docs/spec/envelope.md, docs/spec/interface.md.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from exchange.store import schema
from exchange.store.rows import made, values
from keys.encoding import b64u, unb64u

AlertState = Literal["proposed", "released", "rejected"]
ID_BYTES = 16
PACK_HEAD = 42
"""Bytes before a stanza in the pack: stanza id, tag, length."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert statement: which alert and version, whose, its label and state, its newest journal entry, its deadline
    for release (seconds) and the SHA-256 of its stanza pack (None for CLEAR)."""

    statement: str
    alert: str
    version: int
    author_device: str
    author_organisation: str
    label: str
    state: AlertState
    journal_index: int
    release_by: int
    pack: str | None


@dataclass(frozen=True, slots=True)
class AudienceRow:
    """All leaves of a sealed alert: the leaf list (72 bytes each, tag order) and the leaves' device ids (16 bytes each)."""

    alert: str
    leaves: bytes
    devices: bytes

    def devices_at(self) -> Iterator[str]:
        """The device ids in leaf order."""
        return (b64u(self.devices[i : i + ID_BYTES]) for i in range(0, len(self.devices), ID_BYTES))

    def position_of(self, device: str) -> int | None:
        """The leaf of a device, or None."""
        wanted, start = unb64u(device, length=ID_BYTES), 0
        while (found := self.devices.find(wanted, start)) >= 0:
            if found % ID_BYTES == 0:
                return found // ID_BYTES
            start = found + 1
        return None


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A device's first receipt of a level for an alert (by its statement id)."""

    alert: str
    device: str
    level: str
    at: int
    journal_index: int


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """When the server handed an alert to a device; the journal entry that says so, or None until there is one."""

    alert: str
    device: str
    at: int
    journal_index: int | None = None


def _alerts() -> Select[Any]:
    return select(*(schema.alert.c[name] for name in AlertRow.__slots__))


# What every alert and receipt asks for, built once: SQLAlchemy takes longer to build a query than SQLite to answer it.
_put = upsert(schema.alert)
_put = _put.on_conflict_do_update(
    index_elements=["statement"],
    set_={"state": _put.excluded.state, "journal_index": _put.excluded.journal_index},
)
_put_audience = upsert(schema.audience).on_conflict_do_nothing()
_audience = select(schema.audience.c.alert, schema.audience.c.leaves, schema.audience.c.devices).where(
    schema.audience.c.alert == bindparam("statement")
)
_add_receipt = upsert(schema.receipt).on_conflict_do_nothing()
_receipted = select(schema.receipt.c.device, schema.receipt.c.level).where(
    schema.receipt.c.alert == bindparam("statement"),
    schema.receipt.c.device.in_(bindparam("readers", expanding=True)),
)


def put(connection: Connection, rows: Sequence[AlertRow]) -> None:
    """Add alert statements, or bring those that are there into their next state, in the order of the rows.

    A second released one of the same alert and version is a conflict.
    """
    if rows:
        connection.execute(_put, values(rows))


def find(connection: Connection, statement: str) -> AlertRow | None:
    """The alert of a statement id, or None."""
    rows = made(AlertRow, connection.execute(_alerts().where(schema.alert.c.statement == statement)))
    return rows[0] if rows else None


def versions(connection: Connection, alert: str) -> tuple[AlertRow, ...]:
    """All statements about one alert id, by version, then journal order."""
    table = schema.alert
    query = _alerts().where(table.c.alert == alert).order_by(table.c.version, table.c.journal_index)
    return made(AlertRow, connection.execute(query))


def in_state(connection: Connection, state: AlertState, start: int, limit: int) -> tuple[AlertRow, ...]:
    """At most ``limit`` alerts in a state whose newest entry has index ``start`` or more, in journal order."""
    table = schema.alert
    query = _alerts().where(table.c.state == state, table.c.journal_index >= start)
    return made(AlertRow, connection.execute(query.order_by(table.c.journal_index).limit(limit)))


def labelled(connection: Connection, label: str, start: int, limit: int) -> tuple[AlertRow, ...]:
    """The same for released alerts of one label: the public page asks for CLEAR."""
    table = schema.alert
    query = _alerts().where(table.c.state == "released", table.c.label == label, table.c.journal_index >= start)
    return made(AlertRow, connection.execute(query.order_by(table.c.journal_index).limit(limit)))


def put_audiences(connection: Connection, rows: Sequence[AudienceRow]) -> None:
    """Add alerts' leaves; those of a proposal stay as they are when it is released."""
    if rows:
        connection.execute(_put_audience, values(rows))


def audience(connection: Connection, alert: str) -> AudienceRow | None:
    """All leaves of an alert statement, or None (CLEAR has none)."""
    rows = made(AudienceRow, connection.execute(_audience, {"statement": alert}))
    return rows[0] if rows else None


def add_receipts(connection: Connection, rows: Sequence[ReceiptRow]) -> None:
    """Add receipts; the first of each device and level stands."""
    if rows:
        connection.execute(_add_receipt, values(rows))


def receipts(connection: Connection, alert: str) -> tuple[ReceiptRow, ...]:
    """All receipts for an alert statement, in journal order."""
    table = schema.receipt
    query = select(*(table.c[name] for name in ReceiptRow.__slots__)).where(table.c.alert == alert)
    return made(ReceiptRow, connection.execute(query.order_by(table.c.journal_index, table.c.device)))


def receipted(connection: Connection, alert: str, devices: Collection[str]) -> frozenset[tuple[str, str]]:
    """(device, level) of the receipts that these devices have given for an alert statement."""
    found = connection.execute(_receipted, {"statement": alert, "readers": list(devices)})
    return frozenset((device, level) for device, level in found)


def add_deliveries(connection: Connection, rows: Sequence[DeliveryRow]) -> None:
    """Note deliveries; the first to each device stands."""
    if rows:
        connection.execute(upsert(schema.delivery).on_conflict_do_nothing(), values(rows))


def claim_deliveries(connection: Connection, rows: Sequence[DeliveryRow]) -> None:
    """Write the journal index of the statement that names these deliveries."""
    if rows:
        table = schema.delivery
        statement = (
            update(table)
            .where(table.c.alert == bindparam("key"), table.c.device == bindparam("reader"))
            .values(journal_index=bindparam("entry"))
        )
        parameters = [{"key": row.alert, "reader": row.device, "entry": row.journal_index} for row in rows]
        connection.execute(statement, parameters)


def deliveries(connection: Connection, alert: str) -> tuple[DeliveryRow, ...]:
    """All deliveries of an alert statement, oldest first."""
    table = schema.delivery
    query = select(*(table.c[name] for name in DeliveryRow.__slots__)).where(table.c.alert == alert)
    return made(DeliveryRow, connection.execute(query.order_by(table.c.at, table.c.device)))
