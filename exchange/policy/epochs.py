"""Which device has which weekly key, from ``epoch.publish`` statements in journal order (``docs/spec/statements.md``).

Keys are never replaced: a device publishes a week once.  So the table answers for every journal size in the past by
leaving out what came later.  Pure; whether a key takes a trial seal is for ``keys.verify`` to say before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exchange.model.journal import EpochPublish
from exchange.model.problems import ExchangeError
from keys import encoding
from keys.errors import EncodingError

LEAST_AHEAD = 8
"""Weeks that the last key of a bundle lies after the week of ``at``, at least."""
MOST_AHEAD = 60
"""Weeks that the last key lies after the week of ``at``, at most."""


class EpochRefusal(ExchangeError):
    """A bundle that the rules forbid, with its reason code."""


@dataclass(frozen=True, slots=True)
class Published:
    """One week's key: its hash (32 bytes), the statement that published it, the statement's journal index."""

    key_hash: bytes
    statement: str
    index: int
    bundle: str
    position: int


class EpochTable:
    """All published keys, by week and device."""

    def __init__(self) -> None:
        self._weeks: dict[int, dict[str, Published]] = {}
        self._newest: dict[int, int] = {}
        """Highest journal index of a week's keys."""
        self._bundles: dict[str, list[tuple[int, str]]] = {}

    def check(self, body: EpochPublish) -> None:
        """Whether the bundle may be accepted; raises EpochRefusal."""
        now = encoding.week_of(body.at)
        first, last = body.keys[0].week, body.keys[-1].week
        if first < now:
            raise EpochRefusal("week-past", f"the first week {first} lies before the week of the statement")
        if last < _after(now, LEAST_AHEAD):
            raise EpochRefusal("bundle-too-short", f"the last week is at least {_after(now, LEAST_AHEAD)}")
        if last > _after(now, MOST_AHEAD):
            raise EpochRefusal("bundle-too-long", f"the last week is at most {_after(now, MOST_AHEAD)}")
        for key in body.keys:
            try:
                encoding.week_range(key.week)
            except EncodingError:
                raise EpochRefusal("week-unknown", f"there is no ISO week {key.week}") from None
            if self.published(body.issuer.device, key.week) is not None:
                raise EpochRefusal("week-published", f"this device published a key for week {key.week} before")

    def apply(self, index: int, statement: str, body: EpochPublish) -> None:
        """Take in an accepted bundle; raises EpochRefusal, the table unchanged."""
        self.check(body)
        for position, key in enumerate(body.keys):
            self._weeks.setdefault(key.week, {})[body.issuer.device] = Published(
                bytes.fromhex(key.hash), statement, index, body.bundle.sha256, position
            )
            self._newest[key.week] = max(index, self._newest.get(key.week, 0))
        self._bundles.setdefault(body.issuer.device, []).append((index, statement))

    def published(self, device: str, week: int) -> Published | None:
        """The device's key of that week, whenever it was published; None without one."""
        return self._weeks.get(week, {}).get(device)

    def key(self, device: str, week: int, journal_size: int) -> Published | None:
        """The device's key of that week, published in an entry below ``journal_size``; None without one."""
        found = self.published(device, week)
        return found if found is not None and found.index < journal_size else None

    def last_bundle(self, device: str, journal_size: int) -> str | None:
        """Statement id of the device's newest bundle below ``journal_size``, of any week; None without one."""
        for index, statement in reversed(self._bundles.get(device, ())):
            if index < journal_size:
                return statement
        return None

    def last_week(self, device: str) -> int | None:
        """The last week this device has a key for; None without one."""
        weeks = [week for week, devices in self._weeks.items() if device in devices]
        return max(weeks, default=None)

    def usable(self, week: int, journal_size: int) -> Mapping[str, Published]:
        """The devices with a usable key for that week at that journal size, and their keys."""
        keys = self._weeks.get(week, {})
        if self._newest.get(week, 0) < journal_size:
            return keys.copy()
        return {device: found for device, found in keys.items() if found.index < journal_size}


def _after(week: int, weeks: int) -> int:
    start, _ = encoding.week_range(week)
    return encoding.week_of(start + weeks * 7 * 86_400)
