"""An auditor's figures: a generated log of the demo's mix verified with full replay, and the floor, its tree hashed alone."""

from __future__ import annotations

from pathlib import Path

from exchange.audit.bundle import AuditBundle
from exchange.audit.trees import split_entries
from exchange.tlog.checkpoint import LOGS
from exchange.tlog.edge import Edge
from exchange.tlog.merkle import leaf_hash
from exchange.tlog.tiles import bundles
from tests.bench.measure import Report, text, timed
from tests.bench.million import MEMBERS, verify_apart
from tests.support.biglog import kept_big_log

ENTRIES = 20_000
"""Of the journal of the short log, verified in one process; the registry has about 2,300 more."""
LONG = 100_000
"""Of the journal that is judged; its registry has about 2,700 more."""
BOUND = 100_000
"""Entries a minute, on two cores."""
MEMORY = 300
"""MiB, of the process and of each worker."""


def measure(report: Report, kept: Path) -> None:
    """Add the lines; the log is made once and kept in ``kept``."""
    short, long = (kept_big_log(kept, size, members=MEMBERS) for size in (ENTRIES, LONG))
    alone, both = verify_apart(short, 0), verify_apart(long, 1)
    floor = timed(lambda: rebuild_tree(long))
    what = "`exchange audit verify`, {:,} entries, full replay"
    report.add(
        f"{what.format(alone.entries)}, one process", f"{alone.a_minute:,.0f} a minute ({text(alone.seconds)})", ""
    )
    report.add(
        f"{what.format(both.entries)}, a second process beside it",
        f"{both.a_minute:,.0f} a minute ({text(both.seconds)})",
        f"floor, the trees hashed alone: {text(floor)}: {both.seconds / floor:.0f} times",
        f"≥ {BOUND:,} a minute",
        both.a_minute >= BOUND,
    )
    peak = f"{both.process} MiB, worker {both.worker} MiB"
    report.add("the same, peak resident memory", peak, "", f"< {MEMORY} MiB each", both.peak < MEMORY)


def rebuild_tree(bundle: Path) -> list[bytes]:
    """Both logs' roots from their entries, by our own code: read, hash, compare nothing."""
    found, opened = [], AuditBundle(bundle)
    manifest = opened.manifest()
    for log in LOGS:
        edge = Edge()
        for place in bundles(manifest[log]["size"]):
            entries, _ = split_entries(opened.entries(log, place), place.width)
            edge, _ = edge.grow([leaf_hash(entry) for entry in entries])
        found.append(edge.root())
    return found
