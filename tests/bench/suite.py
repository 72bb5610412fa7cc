"""All figures in one run, in one warm process beside its seal pool, and the table that `make bench` prints."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from keys import encoding
from keys.seal import SealPool
from tests.bench import (
    auditing,
    deciding,
    evidence,
    explaining,
    outside,
    reading,
    sealing,
    serving,
    witnessed,
    witnessing,
)
from tests.bench.alerts import strangers
from tests.bench.measure import Report, first_line, load, machine
from tests.bench.peers import Peers
from tests.support.world import START


def run(root: Path) -> int:
    """Measure everything and print it; 0 also when a bound is not met, because a slow machine is no defect."""
    began = time.monotonic()
    kept = root / "var" / "bench"
    kept.mkdir(parents=True, exist_ok=True)
    peers, report = Peers(kept), Report()
    report.notes += peers.missing()
    before = load()
    with SealPool() as pool:
        pool.warm()
        everybody = strangers(max(sealing.ROUNDS), encoding.week_of(START))
        sizes = sealing.measure(report, peers, everybody, pool)
        deciding.measure(report)
        outside.measure(report, kept)
        evidence.measure(report, kept)
        downloads = asyncio.run(reading.measure(report, everybody, pool, sizes))
        # Beside the repository, not in the system's folder for temporary files, which may be memory that never syncs.
        with tempfile.TemporaryDirectory(prefix="server-", dir=kept) as folder:
            asyncio.run(serving.measure(report, Path(folder), pool, downloads))
            explaining.measure(report, Path(folder))
            asyncio.run(witnessing.measure(report, Path(folder)))
        with tempfile.TemporaryDirectory(prefix="witnessed-", dir=kept) as folder:
            asyncio.run(witnessed.measure(report, Path(folder)))
    # Last, when nothing else of ours runs: it wants both cores.
    auditing.measure(report, kept)
    _print(report, peers, before, time.monotonic() - began)
    return 0


def _print(report: Report, peers: Peers, before: str, seconds: float) -> None:
    facts = {**machine(), "load before the run": before, "the whole run": f"{seconds:.0f} s"}
    installed = {"age": peers.age, "gpg": peers.gpg}
    said = {name: first_line([path, "--version"]) for name, path in installed.items() if path is not None}
    versions = [line if name in line else f"{name} {line}" for name, line in said.items()]
    facts["peers"] = ", ".join(versions) or "none installed"
    print(time.strftime("Taken on %Y-%m-%d %H:%M UTC with `make bench`.", time.gmtime()))
    print()
    for name, fact in facts.items():
        print(f"* {name}: {fact}")
    print()
    print(report.table())
    for number, note in enumerate(report.notes):
        print(f"* {note}" if number else f"\n* {note}")
