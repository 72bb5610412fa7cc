"""Times as people read them: ``22.11.2026, 17:00 Uhr`` in German, Berlin time in both languages. Pure but for the zone's data."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Language = Literal["de", "en"]
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""In English, short."""


def zone() -> tzinfo:
    """Europe/Berlin, where the partnerships are; the machine's own zone when it has no time zone data."""
    try:
        return ZoneInfo("Europe/Berlin")
    except ZoneInfoNotFoundError:
        return datetime.now().astimezone().tzinfo or UTC


def moment(time: int, language: Language) -> str:
    """A time (seconds) for a person: ``22.11.2026, 17:00 Uhr`` or ``22 Nov 2026, 17:00 CET``."""
    try:
        local = datetime.fromtimestamp(time, zone())
    except (OverflowError, ValueError, OSError):
        return str(time)
    if language == "de":
        return f"{local:%d.%m.%Y, %H:%M} Uhr"
    return f"{local.day} {MONTHS[local.month - 1]} {local:%Y, %H:%M %Z}"
