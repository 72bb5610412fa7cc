"""The time window, once for all who ask (docs/spec/statements.md, Time window): each edge from both sides."""

from __future__ import annotations

import pytest

from exchange.model.window import WINDOW_SENTENCES, last_moment, window_fault

AT = 1_790_000_000
DAYS = AT + 604_800


@pytest.mark.parametrize(
    ("now", "not_after", "narrow", "fault"),
    [
        (AT - 301, DAYS, True, "not-yet"),
        (AT - 300, DAYS, True, None),
        (AT + 300, DAYS, True, None),
        (AT + 301, DAYS, True, "too-late"),
        (AT + 60, AT + 60, True, None),
        (AT + 61, AT + 60, True, "too-late"),
        (AT - 301, DAYS, False, "not-yet"),
        (AT + 301, DAYS, False, None),
        (DAYS, DAYS, False, None),
        (DAYS + 1, DAYS, False, "too-late"),
    ],
)
def test_a_statement_is_accepted_inside_its_window_and_not_a_second_outside(
    now: int, not_after: int, narrow: bool, fault: str | None
) -> None:
    assert window_fault(AT, not_after, now, narrow=narrow) == fault
    assert fault is None or fault in WINDOW_SENTENCES
    assert (now > last_moment(AT, not_after, narrow=narrow)) == (fault == "too-late")
