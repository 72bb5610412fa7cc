"""What this person has not acknowledged yet, and when to say so again. Pure.

The author set a time; this device reminds its own person by itself, so the exchange need not know whom to remind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that wants to be acknowledged: when it arrived, until when (seconds)."""

    statement: str
    arrived: int
    until: int

    @property
    def moments(self) -> tuple[int, int]:
        """When to remind: at half of the time that is left on arrival, and when it is over."""
        return self.arrived + max(0, self.until - self.arrived) // 2, self.until

    def stage(self, now: int) -> int:
        """How many of the moments are past: 0, 1 or 2."""
        return sum(moment <= now for moment in self.moments)


def next_moment(due: Iterable[Due], now: int) -> int | None:
    """The next time at which somebody is to be reminded, or None."""
    return min((moment for one in due for moment in one.moments if moment > now), default=None)
