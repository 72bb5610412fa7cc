"""The five charts of the auditor's report, from what ``facts`` gathered: how time is cut into places, and what is counted where."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from exchange.audit.charts import Number, Row, Series, bars, columns, groups, label_look, timeline
from exchange.audit.document_texts import Language, text
from exchange.audit.facts import HOUR, LEVELS, Collector
from exchange.content.moments import MONTHS, zone
from exchange.model.tlp import Label

BOUNDS = (60, 300, 900, 3_600, 14_400, 86_400)
"""Seconds after a release by which devices are counted."""
LEVEL_FILLS = {"delivered": "#c9ddf0", "received": "#5b93c4", "read": "#12314f"}
LOG_FILLS = {"registry": "#c9ddf0", "journal": "#2f6da8"}
LANES = {
    "lane_constitution": ("exchange.found", "registrar.rotate", "policy.adopt", "terms.define", "witness.name"),
    "lane_members": (
        "organisation.admit",
        "organisation.change",
        "organisation.suspend",
        "organisation.remove",
        "client.register",
        "circle.define",
        "circle.change",
    ),
    "lane_people": ("person.enrol", "person.change", "person.remove", "device.enrol", "device.revoke"),
    "lane_erasures": ("opening.erase",),
}
LANE_FILLS = {
    "lane_constitution": "#12314f",
    "lane_members": "#2f6da8",
    "lane_people": "#5b93c4",
    "lane_erasures": "#c9ddf0",
}
_LONGEST = (("hour", 26), ("day", 32), ("month", 36))
"""How many places of a unit there may be before the next larger one is taken."""


@dataclass(frozen=True, slots=True)
class Places:
    """Time cut into hours, days, months or years: the names in order, and the place of each key."""

    unit: str
    names: tuple[str, ...]
    keys: Mapping[tuple[int, ...], int]
    zone: tzinfo

    def spread(self, counted: Mapping[int, int]) -> tuple[int, ...]:
        """Counts by hour (seconds // HOUR), put into the places."""
        values = [0] * len(self.names)
        for hour, number in counted.items():
            place = self.keys.get(_key(datetime.fromtimestamp(hour * HOUR, self.zone), self.unit))
            if place is not None:
                values[place] += number
        return tuple(values)


def _key(moment: datetime, unit: str) -> tuple[int, ...]:
    parts = (moment.year, moment.month, moment.day, moment.hour)
    return parts[: ("year", "month", "day", "hour").index(unit) + 1]


def places_of(first: int, last: int, language: Language) -> Places:
    """The places from one time to another (seconds, last not before first), in the smallest unit that gives few enough."""
    where = zone()
    begin, end = datetime.fromtimestamp(first, where), datetime.fromtimestamp(last, where)
    hours = (last - first) / HOUR
    counts = {"hour": hours + 2, "day": hours / 24 + 2, "month": (end.year - begin.year) * 12 + end.month - begin.month}
    unit = next((unit for unit, most in _LONGEST if counts[unit] <= most), "year")
    keys: dict[tuple[int, ...], int] = {}
    names: list[str] = []
    step = timedelta(hours=1) if unit == "hour" else timedelta(days=1)
    # In UTC, so that no hour of the change to or from summer time is left out.
    at = begin
    while True:
        key = _key(at, unit)
        if key not in keys:
            keys[key] = len(names)
            names.append(_name(at, unit, language))
        if key == _key(end, unit):
            break
        at = datetime.fromtimestamp(at.timestamp() + step.total_seconds(), where)
    return Places(unit, tuple(names), keys, where)


def _name(at: datetime, unit: str, language: Language) -> str:
    german = language == "de"
    if unit == "hour":
        return f"{at:%H} Uhr" if german else f"{at:%H}:00"
    if unit == "day":
        return f"{at:%d.%m.}" if german else f"{at.day} {MONTHS[at.month - 1]}"
    if unit == "month":
        return f"{at:%m/%Y}" if german else f"{MONTHS[at.month - 1]} {at.year}"
    return f"{at.year}"


class Pictures:
    """The charts in one language; each is SVG text, or empty when there is nothing to show."""

    def __init__(self, collector: Collector, language: Language, number: Number) -> None:
        self._collector = collector
        self._language: Language = language
        self._number = number
        first, last = collector.first_at, collector.last_at
        self._places = places_of(first, max(first, last), language) if first else None

    def _text(self, key: str) -> str:
        return text(key, self._language)

    def labels(self, alerts: Mapping[str, int]) -> str:
        """Released alerts by label."""
        if not alerts:
            return ""
        rows = [Row(label.display, alerts.get(label.value, 0), *label_look(label)) for label in Label]
        return bars("labels", self._text("chart_labels"), rows, self._number)

    def months(self) -> str:
        """Released alerts by label and time."""
        counted: dict[Label, Counter[int]] = {}
        for (label, hour), number in self._collector.label_hours.items():
            counted.setdefault(label, Counter())[hour] += number
        if self._places is None or not counted:
            return ""
        series = []
        for label in Label:
            if label in counted:
                fill, hatched = label_look(label)
                series.append(Series(label.display, fill, self._places.spread(counted[label]), hatched))
        return columns("months", self._text("chart_months"), self._places.names, series, self._number)

    def entries(self) -> str:
        """Entries of both logs by time."""
        if self._places is None:
            return ""
        series = [
            Series(self._text(f"series_{log}"), LOG_FILLS[log], self._places.spread(hours))
            for log, hours in self._collector.hours.items()
        ]
        return columns("entries", self._text("chart_entries"), self._places.names, series, self._number)

    def timeline(self) -> str:
        """Alerts by label and changes of the registry, each in a lane."""
        if self._places is None:
            return ""
        lanes = []
        for label in Label:
            counted = Counter({hour: n for (of, hour), n in self._collector.label_hours.items() if of is label})
            if counted:
                lanes.append(Series(label.display, label.colour, self._places.spread(counted)))
        for lane, kinds in LANES.items():
            counted = Counter(event.at // HOUR for event in self._collector.events if event.kind in kinds)
            if counted:
                lanes.append(Series(self._text(lane), LANE_FILLS[lane], self._places.spread(counted)))
        if not lanes:
            return ""
        return timeline("timeline", self._text("chart_timeline"), self._places.names, lanes, self._number)

    def delays(self) -> str:
        """Devices reached by so many seconds after the release, at each level."""
        table = delay_table(self._collector)
        if not any(any(counts) for counts in table.values()):
            return ""
        places = [self._text(f"bound_{bound}") for bound in BOUNDS] + [self._text("bound_more")]
        series = [Series(self._text(f"level_{level}"), LEVEL_FILLS[level], table[level]) for level in LEVELS]
        return groups("delays", self._text("chart_delays"), places, series, self._number)


def delay_table(collector: Collector) -> dict[str, tuple[int, ...]]:
    """By level: the devices within each bound and not within the one before; the last number is those after all bounds."""
    table: dict[str, tuple[int, ...]] = {}
    for level in LEVELS:
        counts = [0] * (len(BOUNDS) + 1)
        for delay in collector.delays[level]:
            counts[bisect_left(BOUNDS, delay)] += 1
        table[level] = tuple(counts)
    return table
