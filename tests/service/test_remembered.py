"""What is kept in memory is bounded, and the bound does not depend on who asks for what."""

from __future__ import annotations

from exchange.service.remembered import Remembered


def test_what_was_unused_for_longest_goes_first() -> None:
    kept: Remembered[str] = Remembered(3)
    for key in "abc":
        kept.put(key, key.upper(), 1)
    assert kept.get("a") == "A"
    kept.put("d", "D", 1)
    assert [kept.get(key) for key in "abcd"] == ["A", None, "C", "D"]


def test_weights_are_what_is_bounded() -> None:
    kept: Remembered[str] = Remembered(10)
    kept.put("a", "A", 6)
    kept.put("b", "B", 5)
    assert (kept.get("a"), kept.get("b")) == (None, "B")
    kept.put("c", "C", 5)
    assert (kept.get("b"), kept.get("c")) == ("B", "C")


def test_the_newest_stays_whatever_its_weight() -> None:
    kept: Remembered[str] = Remembered(10)
    kept.put("a", "A", 1)
    kept.put("b", "B", 99)
    assert (kept.get("a"), kept.get("b")) == (None, "B")
    kept.put("c", "C", 10)
    assert (kept.get("b"), kept.get("c")) == (None, "C")


def test_the_same_key_again_counts_once() -> None:
    kept: Remembered[str] = Remembered(10)
    for _ in range(5):
        kept.put("a", "A", 4)
    kept.put("b", "B", 6)
    assert (kept.get("a"), kept.get("b")) == ("A", "B")
