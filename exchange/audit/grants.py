"""Grants decided again, with the product's own pure code (``docs/spec/audit.md``, step 9).

An auditor knows every leaf and every answer, so nothing is left open: who gave what to whom is judged as the exchange had to.
That a grant's stanza opens for its device, only that device can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.audit.alerts import AlertReplay, Known
from exchange.audit.scratch import Scratch
from exchange.audit.trees import LogView
from exchange.model.entry import Entry, GrantMark
from exchange.model.journal import AlertAnswer, AlertGrant
from exchange.model.statements import Statement
from exchange.policy.epochs import EpochTable
from exchange.policy.grants import GrantContext, Holders, Permission, check_leaf, decide_grant, needs_lineage
from exchange.policy.members import Roster
from exchange.policy.replay import AlertRefusal, check_named_journal, refusal_of
from keys import encoding


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

    def __init__(self, journal: LogView, alerts: AlertReplay, epochs: EpochTable, scratch: Scratch) -> None:
        self._journal = journal
        self._alerts = alerts
        self._epochs = epochs
        self._table = alerts.grants
        self._database = scratch.database
        self._database.execute(
            "CREATE TABLE permission (statement TEXT PRIMARY KEY, alert TEXT, organisation TEXT, permits TEXT) WITHOUT ROWID"
        )
        self._database.execute(
            "CREATE TABLE grant_receipt (alert TEXT, device TEXT, read INTEGER, PRIMARY KEY (alert, device)) WITHOUT ROWID"
        )

    def permit(self, statement: str, alert: str, organisation: str, answer: AlertAnswer) -> None:
        """Remember an accepted answer (its statement id) to a question of an organisation about an alert."""
        made = Permission.of(alert, organisation, answer)
        row = (statement, made.alert, made.organisation, " ".join(sorted(made.permits)))
        self._database.execute("INSERT OR REPLACE INTO permission VALUES (?, ?, ?, ?)", row)

    def _permission(self, statement: str | None) -> Permission | None:
        row = self._database.execute(
            "SELECT alert, organisation, permits FROM permission WHERE statement=?", (statement,)
        ).fetchone()
        return None if row is None else Permission(row[0], row[1], frozenset(row[2].split()))

    def has(self, alert: str, device: str) -> bool:
        """Whether a device was granted an alert statement before."""
        return self._table.has(alert, device)

    def receipt(self, alert: str, device: str, level: str) -> None:
        """A receipt by a device that has a grant and no leaf."""
        self._database.execute(
            "INSERT INTO grant_receipt VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET read = max(read, excluded.read)",
            (alert, device, level == "read"),
        )

    def _receipts(self, read: int) -> int:
        row = self._database.execute("SELECT count(*) FROM grant_receipt WHERE read>=?", (read,)).fetchone()
        return int(row[0])

    @property
    def received(self) -> int:
        """Devices with a grant and no leaf that said that they received an alert, each alert counted."""
        return self._receipts(0)

    @property
    def read(self) -> int:
        """The same of reading."""
        return self._receipts(1)

    def grant(self, index: int, entry: Entry, statement: Statement, grant: AlertGrant, roster: Roster) -> None:
        """Decide one grant again; signature and window were checked before. Raises AlertRefusal."""
        if entry.grant != GrantMark(ephemeral=grant.ephemeral, tag=grant.tag):
            raise AlertRefusal("V4", "entry-mismatch", "ephemeral key or tag in the entry are not the grant's")
        known = self._alerts.known(grant.alert)
        if known is None or known.released_index is None:
            raise AlertRefusal("V4", "alert-unknown", f"the grant is of {grant.alert}, which was not released before")
        seen = grant.seen.journal.size
        check_named_journal(grant, self._journal.root(seen) if seen <= index else None)
        body = self._alerts.body(grant.alert)
        context = GrantContext(
            released=True,
            newest=not self._alerts.is_released(known.alert, known.version + 1),
            holders=Holders(
                _Leaves(self._alerts, known, False),
                _Leaves(self._alerts, known, True),
                self._table.devices(grant.alert),
            ),
            usable=self._epochs.usable(encoding.week_of(grant.at), seen),
            permission=self._permission(grant.permission),
            via=self._table.granted(grant.via or ""),
            lineage=self._alerts.lineage(body.core, roster) if needs_lineage(body.core, grant) else None,
        )
        decision = decide_grant(roster, body.core, grant, context)
        # What is refused is kept nevertheless: what is said later about it is judged for itself.
        self._table.apply(index, statement.id, grant)
        if not decision.allowed:
            raise refusal_of(decision)
        if grant.leaf is not None:
            check_leaf(body, grant, self._epochs)
