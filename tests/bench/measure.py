"""Taking times, and the table: the same few rules for every figure.

Medians, because a machine has other things to do; pairs run alternately, because it has them in phases. What is compared is
compared within one run.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what, measured value, what stands beside it, the bound, and whether it held (None: no bound)."""

    what: str
    measured: str
    beside: str = ""
    bound: str = ""
    met: bool | None = None

    def line(self) -> str:
        """The line in Markdown."""
        verdict = {None: "", True: "met", False: "**not met**"}[self.met]
        return f"| {self.what} | {self.measured} | {self.beside} | {self.bound} | {verdict} |"


@dataclass(slots=True)
class Report:
    """What a run found: figures, and notes about what could not be measured."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, measured: str, beside: str = "", bound: str = "", met: bool | None = None) -> None:
        """Add a line."""
        self.figures.append(Figure(what, measured, beside, bound, met))

    def table(self) -> str:
        """All figures as a Markdown table."""
        head = "| figure | measured | beside, in the same run | bound | |\n|---|---|---|---|---|"
        return "\n".join([head, *(figure.line() for figure in self.figures)])


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


async def timed_async(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds that one call takes until it is answered."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def alternately(rounds: int, **works: Callable[[], object]) -> dict[str, list[float]]:
    """Seconds of each of the works, one after the other, ``rounds`` times; a first round is not counted."""
    for work in works.values():
        work()
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(timed(work))
    return found


def median(times: Sequence[float]) -> float:
    """The median, in the unit given."""
    return statistics.median(times)


def percentile(times: Sequence[float], part: float) -> float:
    """The value that this part of the times does not exceed."""
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


def text(seconds: float) -> str:
    """A time with a fitting unit and three digits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            number = seconds / scale
            return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def machine() -> Mapping[str, str]:
    """What the figures were taken on."""
    return {
        "processor": _cpu(),
        "cores": str(os.cpu_count()),
        "system": f"{_system()}, Linux {platform.release()}" if platform.system() == "Linux" else platform.platform(),
        "Python": platform.python_version(),
    }


def load() -> str:
    """Processes that wanted to run in the last minute, where the system says so."""
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def first_line(command: Sequence[str]) -> str:
    """The first line that a program prints about itself."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return (done.stdout or done.stderr).strip().splitlines()[0]
