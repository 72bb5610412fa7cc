"""The time window of a statement (``docs/spec/statements.md``, Time window): the one place that says when it may be accepted.

Server, roster, members and auditors ask here; each wraps the reason code in its own error.
"""

from __future__ import annotations

from exchange.model.common import FIRST_LEAD, NARROW_WINDOW


def last_moment(at: int, not_after: int, *, narrow: bool) -> int:
    """The last second in which a statement prepared at ``at`` may be accepted.

    ``narrow``: exactly one device, or the server, signed it.
    """
    return min(not_after, at + NARROW_WINDOW) if narrow else not_after


def window_fault(at: int, not_after: int, now: int, *, narrow: bool) -> str | None:
    """Why a statement cannot be accepted at ``now`` (seconds): ``not-yet``, ``too-late``; None when it can."""
    if now < at - FIRST_LEAD:
        return "not-yet"
    return "too-late" if now > last_moment(at, not_after, narrow=narrow) else None


WINDOW_SENTENCES = {
    "not-yet": "the statement is dated in the future",
    "too-late": "the statement was not accepted in its time window",
}
"""The reason codes in words."""
