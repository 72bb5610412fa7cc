"""An alert's earlier versions, from the store (``docs/spec/policy.md``, Inputs: lineage).

Read outside the sequencer's lock: what an author had seen when the alert was signed was released before, and a released
version never changes.  Whether a version has its successor already is asked under the lock.
"""

from __future__ import annotations

from exchange.model.alert import Core
from exchange.model.statements import parse_statement
from exchange.policy.lineage import Lineage, Version, lineage_of
from exchange.policy.members import Facts
from exchange.policy.rules import TAKING_BACK
from exchange.service.state import ExchangeState
from exchange.store import alerts as alert_rows
from exchange.store import statements as statement_rows
from exchange.store.alerts import AlertRow, AudienceRow
from exchange.store.database import Connection, Store
from exchange.store.statements import StatementRow
from keys.envelope import Envelope

Found = tuple[AlertRow, StatementRow, AudienceRow | None]


async def lineage_from_store(store: Store, state: ExchangeState, core: Core) -> Lineage | None:
    """The lineage of a version; None for version 1.

    Only what R10 and R11 ask of this action is read: all earlier versions for a withdrawal or an all-clear, else the one
    before.
    """
    if core.version == 1:
        return None
    return _lineage(state, core, await store.read(_earlier, core.alert, core.version, _first(core)))


def lineage_of_rows(connection: Connection, state: ExchangeState, core: Core) -> Lineage | None:
    """The same on a connection that is at hand."""
    if core.version == 1:
        return None
    return _lineage(state, core, _earlier(connection, core.alert, core.version, _first(core)))


def _first(core: Core) -> int:
    return 1 if core.action in TAKING_BACK else core.version - 1


def _lineage(state: ExchangeState, core: Core, found: list[Found]) -> Lineage | None:
    taking_back = core.action in TAKING_BACK
    facts = state.roster.facts
    grantees = state.grantees(core.alert, core.version, core.seen.journal.size) if taking_back else ()
    return lineage_of(core, [_version(facts, one) for one in found], grantees)


def _earlier(connection: Connection, alert: str, below: int, start: int) -> list[Found]:
    """The released versions from ``start`` on and below a version, with their signatures and their leaves."""
    found: list[Found] = []
    for row in alert_rows.versions(connection, alert):
        if row.state == "released" and start <= row.version < below:
            place = statement_rows.at(connection, "journal", row.journal_index)
            if place is not None:
                found.append((row, place, alert_rows.audience(connection, row.statement)))
    return found


def _version(facts: Facts, found: Found) -> Version:
    row, place, audience = found
    core = parse_statement(Envelope.decode(place.envelope)).alert.core
    devices = () if audience is None else audience.devices_at()
    recipients = frozenset(facts.devices[device].person for device in devices)
    return Version(row.statement, row.journal_index, core, row.author_organisation, recipients)
