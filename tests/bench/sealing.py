"""Figure 1: sealing and signing an alert of 4 KiB, beside one call of age and one of gpg with as many recipients."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from os import urandom
from pathlib import Path
from typing import Any

from keys import encoding
from keys.seal import SealPool, SealTarget
from keys.sign import SoftwareSigner
from tests.bench.alerts import Publisher, content, made
from tests.bench.measure import Report, alternately, median, text, timed
from tests.bench.peers import Peers
from tests.support.world import EMPTY_HEAD, START

ROUNDS = {10: 21, 100: 15, 1_000: 11, 10_000: 3}
"""Devices, and how often each is sealed; the peers as often, in turns."""
GPG_MOST = 1_000
"""Recipients up to which gpg is asked."""
AGE_BOUND = 1.5
"""At `JUDGED` recipients: at most this many times age's time."""
GPG_BOUND = 4.0
"""At `JUDGED` recipients: at least this many times faster than gpg. It was 8: faster than age (docs/benchmarks.md)."""
JUDGED = 1_000


def measure(report: Report, peers: Peers, everybody: Sequence[SealTarget], pool: SealPool) -> dict[int, int]:
    """Add the lines; returns the size in bytes of age's file by number of recipients."""
    author, approver = SoftwareSigner.generate(), SoftwareSigner.generate()
    publisher = Publisher(
        exchange=urandom(32).hex(),
        device=encoding.b64u(urandom(16)),
        signer=author,
        approver=encoding.b64u(urandom(16)),
        second=approver,
    )
    plaintext = content()
    sizes: dict[int, int] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        work, plain = Path(folder), Path(folder) / "alert.json"
        plain.write_bytes(plaintext)
        _starts(report, peers)
        known = _gpg_keys(report, peers)
        for count, rounds in ROUNDS.items():
            targets = everybody[:count]
            seen: dict[str, Any] = {"journal": EMPTY_HEAD, "registry": EMPTY_HEAD}
            core = publisher.core(START, urandom(32).hex(), seen)
            works = {"ours": lambda core=core, targets=targets: made(core, plaintext, targets, [author], pool)}
            if peers.age is not None:
                works["age"], file = peers.age_call(work, plain, count)
            if count <= min(known, GPG_MOST):
                works["gpg"], _ = peers.gpg_call(work, plain, count)
            times = {name: median(found) for name, found in alternately(rounds, **works).items()}
            if peers.age is not None:
                sizes[count] = file.stat().st_size
            _line(report, count, times)
    return sizes


def _starts(report: Report, peers: Peers) -> None:
    """What starting a peer costs, which is in its figures."""
    starts = {}
    if peers.age is not None:
        starts["age --version"] = peers.age_start
    if peers.gpg is not None:
        starts["gpg --version"] = peers.gpg_start
    if starts:
        found = {name: median([timed(work) for _ in range(11)]) for name, work in starts.items()}
        report.notes.append(
            "The peers' times are of whole processes; starting alone takes "
            + ", ".join(f"{text(seconds)} (`{name}`)" for name, seconds in found.items())
            + ". Ours is of a warm process with a warm pool, and includes both of the author's signatures."
        )


def _gpg_keys(report: Report, peers: Peers) -> int:
    if peers.gpg is None:
        return 0
    known = peers.gpg_keys(GPG_MOST)
    if known < GPG_MOST:
        report.notes.append(f"gpg has {known} of {GPG_MOST} keys so far; `make bench` again makes more of them")
    return known


def _line(report: Report, count: int, times: dict[str, float]) -> None:
    """One line a peer, or one without any."""
    ours = times["ours"]
    what = f"seal and sign 4 KiB to {count:,} devices"
    if "age" in times:
        ratio = ours / times["age"]
        judged = count == JUDGED
        report.add(
            what,
            text(ours),
            f"age {text(times['age'])}: {ratio:.2f} times its time",
            f"≤ {AGE_BOUND} times" if judged else "",
            ratio <= AGE_BOUND if judged else None,
        )
    if "gpg" in times:
        ratio = times["gpg"] / ours
        judged = count == JUDGED
        report.add(
            what,
            text(ours),
            f"gpg {text(times['gpg'])}: {ratio:.1f} times as fast as gpg",
            f"≥ {GPG_BOUND:.0f} times" if judged else "",
            ratio >= GPG_BOUND if judged else None,
        )
    if len(times) == 1:
        report.add(what, text(ours))
