"""Rates by address and by device: token buckets, a bounded number of them (invariant I9). The clock is an argument."""

from __future__ import annotations

from collections import OrderedDict

MAX_BUCKETS = 65_536
"""Callers remembered; the one not seen for longest is forgotten, which gives it a full bucket again."""


class Rates:
    """Lets ``rate`` requests a second through for each key, and ``rate * burst`` at once after a pause."""

    def __init__(self, rate: int, burst_seconds: int) -> None:
        self._rate = float(rate)
        self._most = float(rate * burst_seconds)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def remembered(self) -> int:
        """Callers remembered."""
        return len(self._buckets)

    def take(self, key: str, now: float) -> bool:
        """Whether one more request of ``key`` is within its rate at ``now`` (seconds, monotonic)."""
        left, since = self._buckets.get(key, (self._most, now))
        left = min(self._most, left + (now - since) * self._rate)
        allowed = left >= 1.0
        self._buckets[key] = (left - 1.0 if allowed else left, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return allowed
