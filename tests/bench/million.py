"""``python -m tests.bench.million``: a log of a million entries, generated and verified; outside CI (``docs/benchmarks.md``).

Each of the two is a process of its own, so that the peak of memory is the verifier's.  The log is kept in ``var/bench`` and made
once for each size; a million entries take about 6 GB there.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from exchange.audit.verify import verify_bundle
from tests.support.biglog import kept_big_log

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "var" / "bench"
MILLION = 1_000_000
MEMBERS = 1000


@dataclass(frozen=True, slots=True)
class Verified:
    """One verification: entries of both logs, seconds, the peak resident memory of the process and of its largest worker (MiB)."""

    entries: int
    seconds: float
    process: int
    worker: int

    @property
    def a_minute(self) -> float:
        """Entries a minute."""
        return self.entries / self.seconds * 60

    @property
    def peak(self) -> int:
        """The larger of the two peaks, MiB."""
        return max(self.process, self.worker)


def verify_apart(bundle: Path, workers: int) -> Verified:
    """Verify in a fresh interpreter; raises CalledProcessError when it does not verify."""
    command = [sys.executable, "-m", "tests.bench.million", "--verify", str(bundle), "--workers", str(workers)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return Verified(**json.loads(done.stdout))


def _verify(bundle: Path, workers: int) -> Verified:
    began = time.perf_counter()
    report = verify_bundle(bundle, workers=workers)
    seconds = time.perf_counter() - began
    if not report.verified:
        raise SystemExit(f"not verified: {report.first}")
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    entries = report.totals.journal_entries + report.totals.registry_entries
    return Verified(entries, seconds, _peak() >> 10, worker >> 10)


def _peak() -> int:
    """This process's peak resident memory, KiB. Linux's ``ru_maxrss`` also counts what the parent had before the exec."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])


def main() -> int:
    """Generate and verify, or one of the two alone."""
    parser = argparse.ArgumentParser(description="Generate a long log and verify it.")
    parser.add_argument("--entries", type=int, default=MILLION, help="entries of the journal")
    parser.add_argument("--members", type=int, default=MEMBERS, help="persons in the registry")
    parser.add_argument("--workers", type=int, default=1, help="processes beside the replay")
    parser.add_argument("--generate", action="store_true", help="only make the log")
    parser.add_argument("--verify", type=Path, metavar="BUNDLE", help="only verify this bundle, in this process")
    options = parser.parse_args()
    if options.verify is not None:
        print(json.dumps(asdict(_verify(options.verify, options.workers))))
        return 0
    began = time.perf_counter()
    KEPT.mkdir(parents=True, exist_ok=True)
    bundle = kept_big_log(KEPT, options.entries, members=options.members)
    print(f"generated in {time.perf_counter() - began:.0f} s: {bundle}")
    if options.generate:
        return 0
    found = verify_apart(bundle, options.workers)
    print(f"{found.entries:,} entries verified in {found.seconds:.0f} s: {found.a_minute:,.0f} a minute")
    print(f"peak resident memory: {found.process} MiB, the largest worker {found.worker} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
