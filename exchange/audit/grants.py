"""Grants decided again, with the product's own pure code (``docs/spec/audit.md``, step 9).

An auditor knows every leaf and every answer, so nothing is left open: who gave what to whom is judged as the exchange had to.
That a grant's stanza opens for its device, only that device can tell.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from exchange.audit.alerts import AlertReplay, Known
from exchange.audit.bundle import BundleError
from exchange.audit.source import Source
from exchange.audit.trees import LogView
from exchange.model.alert import AlertBody
from exchange.model.entry import Entry, GrantMark
from exchange.model.journal import AlertAnswer, AlertGrant
from exchange.model.statements import Statement, parse_statement
from exchange.policy.epochs import EpochTable
from exchange.policy.grants import GrantContext, Holders, Permission, check_leaf, decide_grant, needs_lineage
from exchange.policy.members import Roster
from exchange.policy.replay import AlertRefusal, check_named_journal, refusal_of
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError

KEPT_BODIES = 64
"""Alerts' bodies kept at hand: an alert is often granted many times in a row."""


@dataclass(frozen=True, slots=True)
class _Leaves:
    """The devices with a leaf of an alert, or with a leaf that has a stanza."""

    alerts: AlertReplay
    known: Known
    sealed: bool

    def __contains__(self, device: object) -> bool:
        if not isinstance(device, str):
            return False
        place = self.alerts.leaf_of(self.known, device)
        return place is not None and not (self.sealed and self.alerts.is_keyless(self.known, place))


class GrantReplay:
    """All grants of the journal, in order."""

    def __init__(self, bundle: Source, journal: LogView, alerts: AlertReplay, epochs: EpochTable) -> None:
        self._bundle = bundle
        self._journal = journal
        self._alerts = alerts
        self._epochs = epochs
        self._table = alerts.grants
        self._permissions: dict[str, Permission] = {}
        self._bodies: OrderedDict[str, AlertBody] = OrderedDict()
        self._receipts: dict[str, set[tuple[str, str]]] = {"read": set(), "received": set()}

    def permit(self, statement: str, alert: str, organisation: str, answer: AlertAnswer) -> None:
        """Remember an accepted answer (its statement id) to a question of an organisation about an alert."""
        self._permissions[statement] = Permission.of(alert, organisation, answer)

    def has(self, alert: str, device: str) -> bool:
        """Whether a device was granted an alert statement before."""
        return self._table.has(alert, device)

    def receipt(self, alert: str, device: str, level: str) -> None:
        """A receipt by a device that has a grant and no leaf."""
        self._receipts[level].add((alert, device))

    @property
    def received(self) -> int:
        """Devices with a grant and no leaf that said that they received an alert, each alert counted."""
        return len(self._receipts["received"] | self._receipts["read"])

    @property
    def read(self) -> int:
        """The same of reading."""
        return len(self._receipts["read"])

    def grant(self, index: int, entry: Entry, statement: Statement, grant: AlertGrant, roster: Roster) -> None:
        """Decide one grant again; signature and window were checked before. Raises AlertRefusal."""
        if entry.grant != GrantMark(ephemeral=grant.ephemeral, tag=grant.tag):
            raise AlertRefusal("V4", "entry-mismatch", "ephemeral key or tag in the entry are not the grant's")
        known = self._alerts.known(grant.alert)
        if known is None or known.released_index is None:
            raise AlertRefusal("V4", "alert-unknown", f"the grant is of {grant.alert}, which was not released before")
        seen = grant.seen.journal.size
        check_named_journal(grant, self._journal.root(seen) if seen <= index else None)
        body = self._body(grant.alert)
        context = GrantContext(
            released=True,
            newest=not self._alerts.is_released(known.alert, known.version + 1),
            holders=Holders(
                _Leaves(self._alerts, known, False),
                _Leaves(self._alerts, known, True),
                self._table.devices(grant.alert),
            ),
            usable=self._epochs.usable(encoding.week_of(grant.at), seen),
            permission=self._permissions.get(grant.permission or ""),
            via=self._table.by_statement.get(grant.via or ""),
            lineage=self._alerts.lineage(body.core, roster) if needs_lineage(body.core, grant) else None,
        )
        decision = decide_grant(roster, body.core, grant, context)
        # What is refused is kept nevertheless: what is said later about it is judged for itself.
        self._table.apply(index, statement.id, grant)
        if not decision.allowed:
            raise refusal_of(decision)
        if grant.leaf is not None:
            check_leaf(body, grant, self._epochs)

    def _body(self, statement: str) -> AlertBody:
        found = self._bodies.get(statement)
        if found is None:
            try:
                found = parse_statement(Envelope.decode(self._bundle.statement(statement))).alert
            except BundleError as error:
                raise AlertRefusal("V4", error.code, f"the alert granted: {error.detail}") from None
            except KeysError as error:
                raise AlertRefusal("V4", error.code, f"the alert granted: {error}") from None
            self._bodies[statement] = found
            if len(self._bodies) > KEPT_BODIES:
                self._bodies.popitem(last=False)
        return found
