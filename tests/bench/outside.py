"""The auditor's figures beside other people's code: the same generated log rebuilt by us and by the Go program of tests/outside.

Both read every entry and every tile from the disk and compare the root. The Go program also opens the signed checkpoint; ours
also keeps the root at every size, which the replay needs.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from exchange.audit.bundle import MANIFEST, AuditBundle
from exchange.audit.report import Recorder
from exchange.audit.scratch import Scratch
from exchange.audit.trees import rebuild
from exchange.tlog.checkpoint import Checkpoint
from tests.bench.measure import Report, alternately, median, text
from tests.support.gotool import outside
from tests.support.outside import LongLog

ENTRIES = 100_000
ROUNDS = 3


def measure(report: Report, kept: Path) -> None:
    """Add the lines."""
    with TemporaryDirectory(prefix="outside-", dir=kept) as folder:
        log = LongLog(Path(folder) / "journal", ENTRIES).write()
        (Path(folder) / MANIFEST).write_bytes(b"{}")
        bundle = AuditBundle(Path(folder))
        head = Checkpoint(log.signer.origin, log.size, log.edge.root())

        def ours() -> None:
            with Scratch() as scratch:
                view = rebuild(bundle, "journal", head, Recorder(), scratch)
                assert view.proven == ENTRIES

        def theirs() -> None:
            assert outside("tree", log.key, log.folder)["size"] == ENTRIES

        times = {name: median(found) for name, found in alternately(ROUNDS, ours=ours, theirs=theirs).items()}
    ratio = times["ours"] / times["theirs"]
    report.add(
        f"rebuild a log's tree, {ENTRIES:,} entries",
        text(times["ours"]),
        f"the Go program over x/mod {text(times['theirs'])}: {ratio:.1f} times its time",
    )
