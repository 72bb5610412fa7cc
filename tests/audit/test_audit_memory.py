"""What a verification remembers does not grow with the log: two lengths, one slope."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from exchange.audit import alerts, registry, scratch, statements
from exchange.audit.verify import verify_bundle
from tests.support.biglog import write_big_log

SHORT, LONG = 500, 2_500
"""Journal entries."""
MEMBERS = 12
SLOPE = 24
"""Bytes an entry: a million of them would be 24 MB. A registry entry's facts, of exchanged devices, are the most of it."""


def peak(bundle: Path) -> int:
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    assert verify_bundle(bundle, workers=0).verified
    return tracemalloc.get_traced_memory()[1] - before


def test_memory_is_flat_in_the_length_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is kept in memory is bounded by constants; they are made so small here that the shorter log reaches them.
    monkeypatch.setattr(scratch, "RECENT", 32)
    monkeypatch.setattr(scratch, "CHUNK", 4096)
    monkeypatch.setattr(statements, "HELD", 16384)
    monkeypatch.setattr(alerts, "KEPT_BODIES", 8)
    monkeypatch.setattr(alerts, "KEPT_LEAF_BYTES", 8192)
    monkeypatch.setattr(registry, "KEPT_ROSTERS", 2)
    short, long = (write_big_log(tmp_path / str(size), size, members=MEMBERS) for size in (SHORT, LONG))
    assert verify_bundle(long, workers=0).verified  # fills what is remembered by whole processes, as far as this will
    tracemalloc.start()
    try:
        first, second = peak(short), peak(long)
    finally:
        tracemalloc.stop()
    assert second - first < SLOPE * (LONG - SHORT)
