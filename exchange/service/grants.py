"""Grants: accepted under the lock by the pure decision, and handed to the two devices (``docs/spec/sharing.md``, Grants).

The server sees which device was given which alert by whom; the stanza that gives it opens for the grantee alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exchange.ledger.stage import Stage
from exchange.model.alert import AlertBody
from exchange.model.entry import GrantMark
from exchange.model.journal import AlertAnswer, AlertGrant
from exchange.model.scalars import DAY
from exchange.model.statements import Statement, parse_statement
from exchange.model.submission import Refused
from exchange.policy.grants import GrantContext, Holders, Permission, check_leaf, decide_grant
from exchange.policy.lineage import Lineage
from exchange.policy.members import Roster
from exchange.policy.replay import refusal_of
from exchange.service.answers import composed, value
from exchange.service.denied import Denied
from exchange.service.state import ExchangeState, Staging
from exchange.service.visibility import Reader, is_shown
from exchange.store import grants, messages
from exchange.store import statements as statement_rows
from exchange.store.alerts import AudienceRow
from exchange.store.database import Connection, Store
from exchange.store.grants import GrantRow
from exchange.store.statements import StatementRow
from keys import encoding
from keys.envelope import Envelope
from keys.stanza import EMPTY_STANZA_HASH, SUMMARY

MOST_A_DAY = 10_000
"""Grants that one device may sign for one UTC day: an entry stays for ever, so nobody fills the journal. A new device's whole
history fits many times. It bounds space and is no rule of the policy."""


@dataclass(frozen=True, slots=True)
class KnownGrants:
    """What a request's grants refer to: the alerts' bodies, and what the answers that they name permit."""

    alerts: Mapping[str, AlertBody] = field(default_factory=dict)
    permissions: Mapping[str, Permission] = field(default_factory=dict)


def look_up(connection: Connection, waiting: Sequence[Statement]) -> KnownGrants:
    """Find it in the store."""
    alerts: dict[str, AlertBody] = {}
    permissions: dict[str, Permission] = {}
    for statement in waiting:
        body = statement.body
        if not isinstance(body, AlertGrant):
            continue
        if body.alert not in alerts:
            found = _statement(connection, body.alert)
            if found is not None and isinstance(found.body, AlertBody):
                alerts[body.alert] = found.body
        if body.permission is not None and body.permission not in permissions:
            permission = _permission(connection, body.permission)
            if permission is not None:
                permissions[body.permission] = permission
    return KnownGrants(alerts, permissions)


def _statement(connection: Connection, statement: str) -> Statement | None:
    rows = statement_rows.of_id(connection, [statement])
    return parse_statement(Envelope.decode(rows[-1].envelope)) if rows else None


def _permission(connection: Connection, statement: str) -> Permission | None:
    row, found = messages.find(connection, statement), _statement(connection, statement)
    if row is None or found is None or not isinstance(found.body, AlertAnswer):
        return None
    return Permission.of(row.alert, row.organisation, found.body)


@dataclass(frozen=True, slots=True)
class _Leaves:
    """The devices with a leaf, or with a leaf that has a stanza."""

    row: AudienceRow | None
    sealed: bool

    def __contains__(self, device: object) -> bool:
        place = self.row.position_of(device) if self.row is not None and isinstance(device, str) else None
        if place is None or self.row is None:
            return False
        start = place * SUMMARY
        return not self.sealed or self.row.leaves[start + SUMMARY - 32 : start + SUMMARY] != EMPTY_STANZA_HASH


@dataclass(frozen=True, slots=True)
class _Granted:
    """The devices with a grant of one alert, staged ones included."""

    staging: Staging
    alert: str

    def __contains__(self, device: object) -> bool:
        if not isinstance(device, str):
            return False
        return (self.alert, device) in self.staging.granted or self.staging.state.grants.has(self.alert, device)


def accept(
    stage: Stage,
    staging: Staging,
    statement: Statement,
    grant: AlertGrant,
    known: KnownGrants,
    audience: AudienceRow | None,
    roster: Roster,
    lineage: Lineage | None,
) -> GrantMark:
    """Decide a grant under the lock, stage it, and return what its entry says; ``lineage`` is its alert's, where the decision
    needs it.

    Raises Refused (``alert-unknown``, ``grant-limit``), AlertRefusal with the rule: R1, R12, R13, R15, R16, V7.
    """
    state = staging.state
    body = known.alerts.get(grant.alert)
    if body is None or grant.alert not in state.released:
        raise Refused("alert-unknown", "there is no released alert with this id")
    following = (body.core.alert, body.core.version + 1)
    context = GrantContext(
        released=True,
        newest=following not in state.versions and following not in staging.versions,
        holders=Holders(_Leaves(audience, False), _Leaves(audience, True), _Granted(staging, grant.alert)),
        usable=state.epochs.usable(encoding.week_of(grant.at), grant.seen.journal.size),
        permission=known.permissions.get(grant.permission or ""),
        via=state.grants.by_statement.get(grant.via or ""),
        lineage=lineage,
    )
    decision = decide_grant(roster, body.core, grant, context)
    if not decision.allowed:
        raise refusal_of(decision)
    if grant.leaf is not None:
        check_leaf(body, grant, state.epochs)
    grantor = grant.issuer.device
    count = state.granted_on(grantor, grant.at // DAY) + staging.granting.get(grantor, 0)
    if count >= MOST_A_DAY:
        raise Refused("grant-limit", f"one device grants at most {MOST_A_DAY} times a day")
    staging.granting[grantor] = staging.granting.get(grantor, 0) + 1
    staging.granted.add((grant.alert, grant.device))
    stage.write(
        grants.add,
        GrantRow(grant.alert, grant.device, statement.id, grantor, grant.purpose, stage.size("journal")),
    )
    return GrantMark(ephemeral=grant.ephemeral, tag=grant.tag)


class Grants:
    """Hands grants to the two devices that they are between."""

    def __init__(self, store: Store, state: ExchangeState) -> None:
        self._store = store
        self._state = state

    async def given(self, reader: Reader, alert: str, size: int) -> bytes | None:
        """``grant`` in the answer about an alert for the reader's device, when a journal of ``size`` entries has one."""
        index = self._state.grants.by_alert.get(alert, {}).get(reader.device)
        return None if index is None or index >= size else await self.at(reader, index)

    async def at(self, reader: Reader, index: int) -> bytes | None:
        """The grant of one journal entry, when it is to the reader's device and the terms of its organisation count."""
        row = await self._store.read(statement_rows.at, "journal", index)
        if row is None or reader.terms is not None:
            return None
        body = parse_statement(Envelope.decode(row.envelope)).body
        if not isinstance(body, AlertGrant) or body.device != reader.device:
            return None
        return await self._item(reader, row, body.issuer.device)

    async def grantee(self, index: int) -> str | None:
        """The device that the grant of one journal entry is for."""
        row = await self._store.read(statement_rows.at, "journal", index)
        body = None if row is None else parse_statement(Envelope.decode(row.envelope)).body
        return body.device if isinstance(body, AlertGrant) else None

    async def page(self, reader: Reader, start: int, limit: int, size: int) -> bytes:
        """``GET /v1/grants``: grants to or by the reader's device, from a journal index on.

        Raises Denied with the reason when the organisation's terms do not count.
        """
        if reader.terms is not None:
            raise Denied(reader.terms, "your organisation has not accepted the current terms", rule="R1")
        found = await self._store.read(_page, reader.device, start, size, limit + 1)
        items = [await self._item(reader, row, grant.grantor, grant.alert) for grant, row in found[:limit]]
        following = value(found[limit][1].index) if len(found) > limit else None
        return composed(grants=b"[%b]" % b",".join(items), next=following)

    async def _item(self, reader: Reader, row: StatementRow, grantor: str, alert: str | None = None) -> bytes:
        chain = None
        if not is_shown(reader, self._state.roster.facts, f"device/{grantor}"):
            newest = self._state.roster.facts.chains.get(f"device/{grantor}")
            chain = await self._store.read(_enrolment, newest)
        return composed(
            alert=None if alert is None else value(alert), chain=chain, envelope=row.envelope, index=value(row.index)
        )


def _page(connection: Connection, device: str, start: int, end: int, limit: int) -> list[tuple[GrantRow, StatementRow]]:
    found = []
    for grant in grants.of_device(connection, device, start, end, limit):
        row = statement_rows.at(connection, "journal", grant.journal_index)
        if row is not None:
            found.append((grant, row))
    return found


def _enrolment(connection: Connection, newest: str | None) -> bytes | None:
    """The ``device.enrol`` with which a device's chain began, from its newest statement (a revocation, perhaps)."""
    while newest is not None:
        rows = statement_rows.of_id(connection, [newest])
        if not rows:
            return None
        if rows[0].kind == "device.enrol":
            return rows[0].envelope
        newest = getattr(parse_statement(Envelope.decode(rows[0].envelope)).body, "previous", None)
    return None
