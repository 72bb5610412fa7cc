"""The lineage of a version: what its earlier versions say, whatever else is among them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from exchange.policy.lineage import Lineage, Version, lineage_of


def core(version: int, approvals: int = 1, size: int = 10) -> Any:
    """As much of a core as a lineage reads."""
    seen = SimpleNamespace(journal=SimpleNamespace(size=size))
    return SimpleNamespace(version=version, approvals=approvals, seen=seen)


def version(number: int, index: int, organisation: str, *recipients: str, approvals: int = 1) -> Version:
    return Version(f"statement-{number}", index, core(number, approvals), organisation, frozenset(recipients))


ONE, TWO = version(1, 3, "authority", "a", "b"), version(2, 5, "chamber", "c", approvals=2)
THREE = version(3, 7, "city", "d", approvals=3)


def test_version_1_has_none() -> None:
    assert lineage_of(core(1), [ONE]) is None


@pytest.mark.parametrize("order", [(ONE, TWO, THREE), (THREE, TWO, ONE), (TWO, THREE, ONE)])
def test_only_what_was_before_counts_in_any_order(order: tuple[Version, ...]) -> None:
    found = lineage_of(core(3), order, grantees=("e",))
    assert found == Lineage(TWO.core, "statement-2", True, "authority", 2, frozenset("abce"))


def test_the_earliest_that_is_known_says_whose_alert_it_is() -> None:
    found = lineage_of(core(4), [THREE, TWO])
    assert found is not None and found.organisation == "chamber" and found.approvals == 3


@pytest.mark.parametrize(("size", "seen"), [(5, False), (6, True)])
def test_the_version_before_counts_as_seen_from_the_entry_after_it(size: int, seen: bool) -> None:
    found = lineage_of(core(3, size=size), [ONE, TWO])
    assert found is not None and found.seen is seen and found.statement == "statement-2"


def test_a_version_whose_predecessors_are_not_known_says_so() -> None:
    assert lineage_of(core(2), []) == Lineage(None, None, False, None, 0, frozenset())
    gap = lineage_of(core(3), [ONE])
    assert gap is not None
    assert (gap.previous, gap.statement, gap.seen, gap.organisation) == (None, None, False, "authority")


def test_a_lineage_does_not_list_people_in_a_log_line() -> None:
    assert "'a'" not in repr(ONE) and "frozenset" not in repr(lineage_of(cast(Any, core(2)), [ONE]))
