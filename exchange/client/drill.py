"""A drill: a script of exercise alerts sent at their times, and by organisation how long each took. No ranking.

The script is a TOML file beside its alerts' sources.  What was sent stands in a run file, written after each step, so that an
interrupted drill goes on where it stopped and nothing is sent twice.  Every alert must carry the exercise flag: a drill can
never send a real warning (R14).
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from exchange.client.errors import SourceError
from exchange.client.responses import Responses
from exchange.client.source import AlertSource, read_source

FORMAT = "tlp-exchange-drill/v1"
MAX_STEPS = 50
MAX_SCRIPT = 65_536
"""Bytes of a script."""
MAX_RUN = 1 << 20
"""Bytes of a run file."""
MILESTONES = ("delivered", "received", "read", "reacted")
_AFTER = re.compile(r"([0-9]{1,5})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Step:
    """One alert of a drill: seconds after its beginning, the source's path, and the source read."""

    after: int
    path: Path
    source: AlertSource


@dataclass(frozen=True, slots=True)
class Script:
    """A drill as it was written."""

    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A step that was published: its place in the script, its title, the statement id."""

    step: int
    title: str
    statement: str


@dataclass(frozen=True, slots=True)
class Run:
    """A drill under way or over: when it began (seconds), and what was sent."""

    exchange: str
    title: str
    started: int
    sent: tuple[Sent, ...] = ()


def read_script(path: Path) -> Script:
    """Read a script and all its sources before anything is sent. Raises SourceError, naming the step."""
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_SCRIPT:
            raise SourceError("drill-script", f"{path.name} has more than {MAX_SCRIPT} bytes")
        script = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise SourceError("drill-script", f"{path.name}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourceError("drill-script", f"{path.name} is not TOML in UTF-8: {error}") from None
    title, steps = script.get("title"), script.get("step")
    if set(script) != {"title", "step"} or not isinstance(title, str) or not isinstance(steps, list):
        raise SourceError("drill-script", f"{path.name} has a title and [[step]] tables, and nothing else")
    if not 1 <= len(steps) <= MAX_STEPS:
        raise SourceError("drill-script", f"a drill has 1 to {MAX_STEPS} steps")
    found = tuple(_step(number, step, path.parent) for number, step in enumerate(steps, 1))
    if any(a.after > b.after for a, b in pairwise(found)):
        raise SourceError("drill-script", "steps stand in the order of their times")
    return Script(title, found)


def _step(number: int, step: Any, folder: Path) -> Step:
    if not isinstance(step, dict) or set(step) != {"after", "source"}:
        raise SourceError("drill-script", f"step {number} has after and source, and nothing else")
    match = _AFTER.fullmatch(str(step["after"]))
    name = step["source"]
    if match is None or not isinstance(name, str):
        raise SourceError("drill-script", f"step {number}: after is a time like 90s, 5m or 1h, source a file name")
    path = folder / name
    source = read_source(path)
    if not source.exercise:
        raise SourceError("drill-not-exercise", f"step {number}: {name} is not marked as an exercise")
    return Step(int(match[1]) * _SECONDS[match[2]], path, source)


# -- the run file --------------------------------------------------------------------------------------------------------


def read_run(path: Path) -> Run:
    """Read a run file. Raises SourceError ``drill-run``."""
    try:
        raw: Any = json.loads(path.read_bytes()[:MAX_RUN])
        if raw.pop("format") != FORMAT:
            raise ValueError("another format")
        sent = tuple(Sent(**item) for item in raw.pop("sent"))
        run = Run(**raw, sent=sent)
        if not all(isinstance(one.statement, str) and isinstance(one.step, int) for one in sent):
            raise ValueError("not this format")
        return run
    except OSError as error:
        raise SourceError("drill-run", f"{path.name}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SourceError("drill-run", f"{path.name} is not a drill's run file") from None


def write_run(path: Path, run: Run) -> None:
    """Write it whole or not at all."""
    beside = path.with_name(path.name + ".part")
    with beside.open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **asdict(run)}, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


# -- the report ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """One step: when released (seconds; None: not yet), seconds from there to each milestone by organisation."""

    sent: Sent
    released: int | None
    organisations: Mapping[str, Mapping[str, int]]

    def middle(self, milestone: str) -> float | None:
        """The median over the organisations that reached the milestone; None when none did."""
        found = [times[milestone] for times in self.organisations.values() if milestone in times]
        return median(found) if found else None

    def reached(self, milestone: str) -> int:
        """Number of organisations that reached it."""
        return sum(milestone in times for times in self.organisations.values())


def measure(sent: Sent, released: int, became: Responses, organisation_of: Mapping[str, str]) -> Measured:
    """Times of one step. For RED, whose standings are persons, an organisation counts from its first person on.

    ``organisation_of`` maps persons to organisations.  The source itself is left out.
    """
    found: dict[str, dict[str, int]] = {}
    for standing in became.standings:
        if standing.own:
            continue
        subject = organisation_of[standing.subject] if became.by_person else standing.subject
        times = found.setdefault(subject, {})
        for milestone, seconds in _milestones(standing.times, released):
            times[milestone] = min(seconds, times.get(milestone, seconds))
    return Measured(sent, released, found)


def _milestones(times: Mapping[str, int], released: int) -> Iterable[tuple[str, int]]:
    """Seconds to each milestone; whoever did something has also done what comes before it."""
    earliest: int | None = None
    for milestone in reversed(MILESTONES):
        at = times.get(milestone)
        if at is not None:
            earliest = at if earliest is None else min(earliest, at)
        if earliest is not None:
            yield milestone, max(0, earliest - released)
