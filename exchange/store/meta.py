"""Facts about the store itself: its exchange, its schema. Functions of a connection, see `Store.read` and `Store.write`."""

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from exchange.store import schema

EXCHANGE = "exchange"
"""Key under which the exchange id stands once the exchange is founded."""

RETENTION = "receipts-days"
"""Key under which stands after how many days receipts were last erased, once any were."""


def get(connection: Connection, key: str) -> str | None:
    """The value of a key, or None."""
    found: str | None = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == key))
    return found


def put(connection: Connection, rows: Sequence[tuple[str, str]]) -> None:
    """Set keys to values."""
    statement = insert(schema.meta)
    statement = statement.on_conflict_do_update(index_elements=["key"], set_={"value": statement.excluded.value})
    connection.execute(statement, [{"key": key, "value": value} for key, value in rows])
