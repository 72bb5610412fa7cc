"""When a receipt's statement may be erased, its entry staying (``docs/spec/audit.md``, Retention). Pure.

Every party counts alike: the server that erases, the auditor who finds nothing, and who verifies the auditor's bundle.
"""

from __future__ import annotations

from exchange.model.scalars import DAY

ERASABLE = "alert.receipt"
"""The one kind whose statements may go: entries of it are many, and what they said stands in the states of receipts."""
LEAST_DAYS = 400
"""Days that a receipt's statement is kept at least: a year, and time to audit it."""
MOST_DAYS = 36_500
"""Largest number of days that means anything."""


def erased_before(newest: int, days: int) -> int:
    """The acceptance time (seconds) below which receipts may be erased, given the newest entry of both logs; 0 for never.

    Counted from the logs and not from a clock, so that everybody with the same logs says the same.
    """
    return max(0, newest - days * DAY) if LEAST_DAYS <= days <= MOST_DAYS else 0


def may_be_erased(kind: str, at: int, newest: int, days: int) -> bool:
    """Whether the statement of an entry of this kind and acceptance time may be gone."""
    return kind == ERASABLE and at < erased_before(newest, days)
