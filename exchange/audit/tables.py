"""The tables of the policy, kept on disk where they grow with the journal: weekly keys of weeks gone by, and grants.

They answer as ``policy.epochs.EpochTable`` and ``policy.grants.GrantTable`` do; no rule is written here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from exchange.audit.scratch import Scratch
from exchange.model.journal import AlertGrant, EpochPublish
from exchange.policy.epochs import EpochTable, Published
from keys import encoding

WEEKS_AT_HAND = 3
"""Weeks before the newest bundle's whose keys stay in memory: alerts are accepted within one of their week."""
WEEK = 604_800
"""Seconds."""


class AuditEpochs(EpochTable):
    """All published keys; those of weeks long gone in the database."""

    def __init__(self, scratch: Scratch) -> None:
        super().__init__()
        self._database = scratch.database
        self._horizon = 0
        self._newest_at = 0
        self._database.execute(
            "CREATE TABLE epoch (week INTEGER, device TEXT, hash BLOB, statement TEXT, idx INTEGER, bundle TEXT,"
            " position INTEGER, PRIMARY KEY (week, device)) WITHOUT ROWID"
        )
        self._database.execute(
            "CREATE TABLE epoch_bundle (device TEXT, idx INTEGER, statement TEXT, PRIMARY KEY (device, idx)) WITHOUT ROWID"
        )

    def apply(self, index: int, statement: str, body: EpochPublish) -> None:
        """As the table's; weeks long gone go to the database."""
        super().apply(index, statement, body)
        device = body.issuer.device
        bundles = self._bundles[device]
        while len(bundles) > 1:
            older, known = bundles.pop(0)
            self._database.execute("INSERT OR REPLACE INTO epoch_bundle VALUES (?, ?, ?)", (device, older, known))
        if body.at > self._newest_at:
            self._newest_at = body.at
            self._put_away(encoding.week_of(max(0, body.at - WEEKS_AT_HAND * WEEK)))

    def _put_away(self, horizon: int) -> None:
        """Write the keys of the weeks before a week, and forget them."""
        if horizon <= self._horizon:
            return
        self._horizon = horizon
        for week in [known for known in self._weeks if known < horizon]:
            keys = self._weeks.pop(week)
            self._database.executemany(
                "INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(week, d, p.key_hash, p.statement, p.index, p.bundle, p.position) for d, p in keys.items()],
            )

    def published(self, device: str, week: int) -> Published | None:
        """As the table's, from the database where the week is long gone."""
        found = super().published(device, week)
        if found is not None or week >= self._horizon:
            return found
        row = self._database.execute(
            "SELECT hash, statement, idx, bundle, position FROM epoch WHERE week=? AND device=?", (week, device)
        ).fetchone()
        return None if row is None else Published(*row)

    def last_bundle(self, device: str, journal_size: int) -> str | None:
        """As the table's; all but a device's newest bundle are in the database."""
        found = super().last_bundle(device, journal_size)
        if found is None and device in self._bundles:
            row = self._database.execute(
                "SELECT statement FROM epoch_bundle WHERE device=? AND idx<? ORDER BY idx DESC LIMIT 1",
                (device, journal_size),
            ).fetchone()
            found = None if row is None else row[0]
        return found

    def usable(self, week: int, journal_size: int) -> Mapping[str, Published]:
        """As the table's, from the database where the week is long gone."""
        found = dict(super().usable(week, journal_size))
        if week < self._horizon:
            rows = self._database.execute(
                "SELECT device, hash, statement, idx, bundle, position FROM epoch WHERE week=? AND idx<?",
                (week, journal_size),
            )
            found.update((device, Published(*row)) for device, *row in rows)
        return found


class AuditGrants:
    """All grants: which device was granted which alert (by statement id), by which entry and statement."""

    def __init__(self, scratch: Scratch) -> None:
        self._database = scratch.database
        self._database.execute(
            "CREATE TABLE granted (alert TEXT, device TEXT, idx INTEGER, statement TEXT, PRIMARY KEY (alert, device)) WITHOUT ROWID"
        )
        self._database.execute(
            "CREATE TABLE grant_of (statement TEXT PRIMARY KEY, alert TEXT, device TEXT) WITHOUT ROWID"
        )

    def apply(self, index: int, statement: str, grant: AlertGrant) -> None:
        """Take in an accepted grant."""
        place = (grant.alert, grant.device, index, statement)
        self._database.execute("INSERT OR REPLACE INTO granted VALUES (?, ?, ?, ?)", place)
        self._database.execute(
            "INSERT OR REPLACE INTO grant_of VALUES (?, ?, ?)", (statement, grant.alert, grant.device)
        )

    def devices(self, alert: str) -> Collection[str]:
        """The devices with a grant of an alert statement."""
        rows = self._database.execute("SELECT device FROM granted WHERE alert=?", (alert,))
        return frozenset(device for (device,) in rows)

    def has(self, alert: str, device: str) -> bool:
        """Whether the device has a grant of the alert statement."""
        row = self._database.execute("SELECT 1 FROM granted WHERE alert=? AND device=?", (alert, device)).fetchone()
        return row is not None

    def granted(self, statement: str) -> tuple[str, str] | None:
        """The alert and the device of a grant by its statement id."""
        row: tuple[str, str] | None = self._database.execute(
            "SELECT alert, device FROM grant_of WHERE statement=?", (statement,)
        ).fetchone()
        return row

    def grantees(self, alerts: Iterable[str], size: int) -> frozenset[str]:
        """The devices that were granted one of these alert statements by a journal entry below ``size``."""
        found: set[str] = set()
        for alert in alerts:
            rows = self._database.execute("SELECT device FROM granted WHERE alert=? AND idx<?", (alert, size))
            found.update(device for (device,) in rows)
        return frozenset(found)
