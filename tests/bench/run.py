"""`make bench`: the figures of docs/benchmarks.md, measured on this machine. No network beyond the loopback."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The script's own folder stands first on the path; the modules are named from the root.
sys.path[0] = str(ROOT)

from tests.bench.suite import run  # noqa: E402

# The seal pool's processes import this file and must not begin a run of their own.
if __name__ == "__main__":
    sys.exit(run(ROOT))
