"""Times and durations as people write them: ``22.11.2026, 17:00 Uhr`` in German, Berlin time in both languages."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from exchange.cli.terminal import USAGE, CommandError
from exchange.content.moments import moment as moment
from exchange.content.moments import zone as zone

HOUR = 3_600
"""Seconds."""
DAY = 86_400
"""Seconds."""
_UNITS = {"s": 1, "m": 60, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")


def clock_time(seconds: int) -> str:
    """A duration on a clock: ``3:07``, or ``1:02:03`` from an hour on; minutes, seconds, and hours before them."""
    hours, rest = divmod(max(0, seconds), HOUR)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def iso(time: int) -> str:
    """A time (seconds) for a script: RFC 3339 in UTC."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return str(time)


def duration(value: str) -> int:
    """Seconds of ``730d``, ``36h``, ``2w``. Raises CommandError ``bad_duration``."""
    match = _DURATION.fullmatch(value.strip())
    if match is None or int(match[1]) == 0:
        raise CommandError("bad_duration", status=USAGE, value=value)
    return int(match[1]) * _UNITS[match[2]]


def end_of(day: str) -> int:
    """Seconds at the end of a day, ``2028-12-31`` or ``31.12.2028``, in Berlin. Raises CommandError ``bad_date``."""
    for form in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            begin = datetime.strptime(day.strip(), form).replace(tzinfo=zone())
        except ValueError:
            continue
        return int(begin.replace(hour=23, minute=59, second=59).timestamp()) + 1
    raise CommandError("bad_date", status=USAGE, value=day)
