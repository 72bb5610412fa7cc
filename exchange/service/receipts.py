"""What the author's organisation is told about who received an alert (``docs/spec/interface.md``).

By organisation, one state each: ``silent``, ``delivered``, ``received``, ``read`` or ``reacted``, the furthest that any of
its recipients reached, and when. By person only for RED, where the persons were named. Delivered is the server's own claim;
received, read and reacted are signed by the recipient's device. Auditors are handed the statements themselves.
"""

from __future__ import annotations

from exchange.ledger.ledger import Ledger
from exchange.model.tlp import Label
from exchange.service.alerts import Alerts, AlertView
from exchange.service.answers import array, composed, value
from exchange.service.claims import Claims
from exchange.service.denied import Denied
from exchange.service.reading import MAX_PAGE, counted
from exchange.service.state import ExchangeState
from exchange.service.visibility import Reader
from exchange.store import alerts as alert_rows
from exchange.store import statements as statement_rows
from exchange.store.alerts import AudienceRow
from exchange.store.database import Connection, Store
from exchange.store.statements import StatementRow

STATES = ("silent", "delivered", "received", "read", "reacted")
"""From nothing to most."""


class Reached:
    """When somebody first reached each state, seconds."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def note(self, state: str, at: int) -> None:
        """A state was reached; the earliest time counts."""
        self._times[state] = min(at, self._times.get(state, at))

    def to_json(self) -> dict[str, object]:
        """The furthest state, when it was first reached, and the times of all."""
        state = max(self._times, key=STATES.index, default="silent")
        if state == "silent":
            return {"state": state}
        return {"at": self._times[state], "state": state, "times": dict(self._times)}


class Receipts:
    """Answers ``GET /v1/alerts/{id}/receipts``."""

    def __init__(self, store: Store, ledger: Ledger, state: ExchangeState, alerts: Alerts, claims: Claims) -> None:
        self._store = store
        self._ledger = ledger
        self._state = state
        self._alerts = alerts
        self._claims = claims

    async def view(self, reader: Reader, statement: str, start: int) -> bytes:
        """States for publishers of the author's organisation; for auditors statements from journal index ``start`` on.

        Raises Denied: ``alert-unknown``, ``not-released``, ``not-entitled``.
        """
        view = await self._alerts.find(statement)
        if not view.released:
            raise Denied("not-released", "the alert is not released")
        if reader.auditor:
            page, handed = counted(await self._statements(view, start))
            self._claims.audited(reader.device, "receipts", handed)
            return page
        if not self._alerts.publishes(reader, view):
            raise Denied("not-entitled", "receipts are for publishers of the author's organisation and for auditors")
        return await self._states(view)

    async def _states(self, view: AlertView) -> bytes:
        audience, marks = await self._store.read(_marks, view.row.statement)
        facts = self._state.roster.facts
        marks += [(device, "delivered", at) for device, at in self._claims.pending_deliveries(view.row.statement)]
        by_person = view.core.label is Label.RED
        reached: dict[str, Reached] = {}

        def subject(device: str) -> str:
            person = facts.persons[facts.devices[device].person]
            return person.id if by_person else person.organisation

        for device in () if audience is None else audience.devices_at():
            reached.setdefault(subject(device), Reached())
        for device, state, at in marks:
            reached.setdefault(subject(device), Reached()).note(state, at)
        noun = "person" if by_person else "organisation"
        items = [value({noun: who} | found.to_json()) for who, found in sorted(reached.items())]
        answer = {f"{noun}s": array(items)}
        return composed(statement=value(view.row.statement), **answer)

    async def _statements(self, view: AlertView, start: int) -> list[StatementRow]:
        size = self._ledger.head("journal").size
        return await self._store.read(_statements, view.row.statement, start, size)


def _marks(connection: Connection, alert: str) -> tuple[AudienceRow | None, list[tuple[str, str, int]]]:
    """The audience, and (device, state, time) of every delivery and receipt."""
    marks = [(row.device, "delivered", row.at) for row in alert_rows.deliveries(connection, alert)]
    marks += [(row.device, row.level, row.at) for row in alert_rows.receipts(connection, alert)]
    return alert_rows.audience(connection, alert), marks


def _statements(connection: Connection, alert: str, start: int, size: int) -> list[StatementRow]:
    """The receipts and deliveries that speak of an alert, from a journal index on, at most `MAX_PAGE` + 1."""
    indexes = {row.journal_index for row in alert_rows.receipts(connection, alert)}
    indexes |= {row.journal_index for row in alert_rows.deliveries(connection, alert) if row.journal_index is not None}
    wanted = sorted(index for index in indexes if start <= index < size)[: MAX_PAGE + 1]
    found = (statement_rows.at(connection, "journal", index) for index in wanted)
    return [row for row in found if row is not None and not row.erased]
