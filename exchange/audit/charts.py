"""Charts of the auditor's report as SVG, written by hand: pure text in, text out, no library (``docs/spec/audit.md``, Report).

Every chart has a title and a description with its numbers, so that it can be heard as well as seen.  Colour is never alone: text
stands beside it, every shape has a dark outline, and what shares a colour has a pattern.  All text is escaped here (I10);
nothing refers to anything outside the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from exchange.model.tlp import Label

WIDTH = 680
"""Of every chart, in its own units; the page scales it."""
INK = "#1a1a1a"
GRID = "#d0d0d0"
_SMALL = 11
_LABEL_WIDTH = 7.4
"""Mean width of a character at the small size, for a rough fit."""

Number = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of thing counted: what it is called, how it is filled, its values in the order of the places."""

    name: str
    fill: str
    values: tuple[int, ...]
    hatched: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: what, how many, how it is filled."""

    name: str
    value: int
    fill: str
    hatched: bool = False


def label_look(label: Label) -> tuple[str, bool]:
    """Fill and pattern of a label: FIRST's colour, and stripes for the second amber."""
    return label.colour, label is Label.AMBER_STRICT


def bars(key: str, title: str, rows: Sequence[Row], number: Number) -> str:
    """Horizontal bars, one below the other, the value behind each. ``key`` is unique in the page."""
    left = min(260, max((round(len(row.name) * _LABEL_WIDTH) for row in rows), default=0) + 14)
    most = max((row.value for row in rows), default=0)
    room = WIDTH - left - 80
    parts, top = [], 6
    for row in rows:
        length = 0 if not row.value else max(2, round(room * row.value / most))
        parts.append(_text(left - 8, top + 14, row.name, "end"))
        parts.append(_rect(key, left, top + 2, length, 16, row.fill, row.hatched))
        parts.append(_text(left + length + 6, top + 14, number(row.value)))
        top += 24
    parts.append(f'<line x1="{left}" y1="2" x2="{left}" y2="{top}" stroke="{INK}"/>')
    said = "; ".join(f"{row.name}: {number(row.value)}" for row in rows)
    return _svg(key, title, said, top + 6, parts, any(row.hatched for row in rows), {r.fill for r in rows if r.hatched})


def columns(key: str, title: str, places: Sequence[str], series: Sequence[Series], number: Number) -> str:
    """Columns over time, the series stacked, the sum above each, a legend below."""
    left, top, height = 46, 18, 170
    sums = [sum(one.values[place] for one in series) for place in range(len(places))]
    most = _round_up(max(sums, default=0))
    step = (WIDTH - left - 10) / max(1, len(places))
    wide = min(46.0, step * 0.72)
    parts = _scale(left, top, height, most, number)
    every = max(1, -(-len(places) * 52 // (WIDTH - left)))
    for place, name in enumerate(places):
        x, y = left + step * place + (step - wide) / 2, float(top + height)
        for one in series:
            tall = height * one.values[place] / most
            y -= tall
            if tall:
                parts.append(_rect(key, x, y, wide, tall, one.fill, one.hatched))
        if sums[place] and len(places) <= 24:
            parts.append(_text(x + wide / 2, y - 4, number(sums[place]), "middle"))
        if place % every == 0:
            parts.append(_text(x + wide / 2, top + height + 15, name, "middle"))
    legend, bottom = _legend(key, [(s.name, s.fill, s.hatched) for s in series], left, top + height + 30)
    said = "; ".join(
        f"{name}: {', '.join(f'{s.name} {number(s.values[place])}' for s in series if s.values[place]) or '0'}"
        for place, name in enumerate(places)
    )
    hatched = {one.fill for one in series if one.hatched}
    return _svg(key, title, said, bottom, [*parts, *legend], bool(hatched), hatched)


def groups(key: str, title: str, places: Sequence[str], series: Sequence[Series], number: Number) -> str:
    """Columns side by side: for each place one of every series, its value above it."""
    left, top, height = 46, 18, 150
    most = _round_up(max((value for one in series for value in one.values), default=0))
    step = (WIDTH - left - 10) / max(1, len(places))
    wide = step * 0.8 / max(1, len(series))
    parts = _scale(left, top, height, most, number)
    for place, name in enumerate(places):
        for nth, one in enumerate(series):
            tall = height * one.values[place] / most
            x = left + step * place + step * 0.1 + wide * nth
            if tall:
                parts.append(_rect(key, x, top + height - tall, wide - 2, tall, one.fill, one.hatched))
            if one.values[place]:
                parts.append(
                    _text(x + wide / 2 - 1, top + height - tall - 4, number(one.values[place]), "middle", size=10)
                )
        parts.append(_text(left + step * (place + 0.5), top + height + 15, name, "middle"))
    legend, bottom = _legend(key, [(s.name, s.fill, s.hatched) for s in series], left, top + height + 30)
    said = "; ".join(
        f"{name}: {', '.join(f'{s.name} {number(s.values[place])}' for s in series)}"
        for place, name in enumerate(places)
    )
    hatched = {one.fill for one in series if one.hatched}
    return _svg(key, title, said, bottom, [*parts, *legend], bool(hatched), hatched)


def timeline(key: str, title: str, places: Sequence[str], lanes: Sequence[Series], number: Number) -> str:
    """One lane for each series, a dot for each place in which something happened, the number in it."""
    left = min(230, max((round(len(lane.name) * _LABEL_WIDTH) for lane in lanes), default=0) + 14)
    step = (WIDTH - left - 12) / max(1, len(places))
    parts: list[str] = []
    top = 10
    for lane in lanes:
        middle = top + 13
        parts.append(_text(left - 8, middle + 4, lane.name, "end"))
        parts.append(f'<line x1="{left}" y1="{middle}" x2="{WIDTH - 8}" y2="{middle}" stroke="{GRID}"/>')
        for place, value in enumerate(lane.values):
            if not value:
                continue
            x = left + step * (place + 0.5)
            written = number(value)
            radius = 6.0 if value == 1 else min(13.0, 7.0 + 1.5 * len(written))
            parts.append(
                f'<circle cx="{x:.1f}" cy="{middle}" r="{radius:.1f}" fill="{_fill(key, lane.fill, lane.hatched)}" '
                f'stroke="{INK}"/>'
            )
            if value > 1:
                parts.append(_text(x, middle + 4, written, "middle", size=10, fill=_on(lane.fill)))
        top += 28
    every = max(1, -(-len(places) * 52 // (WIDTH - left)))
    parts += [
        _text(left + step * (place + 0.5), top + 12, name, "middle")
        for place, name in enumerate(places)
        if place % every == 0
    ]
    said = "; ".join(
        f"{lane.name}: {', '.join(f'{places[place]} {number(v)}' for place, v in enumerate(lane.values) if v) or '0'}"
        for lane in lanes
    )
    hatched = {lane.fill for lane in lanes if lane.hatched}
    return _svg(key, title, said, top + 20, parts, bool(hatched), hatched)


# -- pieces ----------------------------------------------------------------------------------------------------------------


def _svg(
    key: str, title: str, said: str, height: float, parts: Sequence[str], hatched: bool, fills: set[str] | None = None
) -> str:
    patterns = "".join(_pattern(key, fill) for fill in sorted(fills or ())) if hatched else ""
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {height:.0f}" aria-labelledby="{key}-title {key}-desc" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="{key}-title">{escape(title)}</title>'
        f'<desc id="{key}-desc">{escape(said)}</desc>'
        f"{f'<defs>{patterns}</defs>' if patterns else ''}{''.join(parts)}</svg>"
    )


def _pattern(key: str, fill: str) -> str:
    return (
        f'<pattern id="{key}-{fill[1:]}" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{fill}"/>'
        f'<line x1="0" y1="0" x2="0" y2="6" stroke="{INK}" stroke-width="2"/></pattern>'
    )


def _fill(key: str, fill: str, hatched: bool) -> str:
    return f"url(#{key}-{fill[1:]})" if hatched else fill


def _rect(key: str, x: float, y: float, width: float, height: float, fill: str, hatched: bool) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{_fill(key, fill, hatched)}" stroke="{INK}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", *, size: int = _SMALL, fill: str = INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'
    )


def _on(fill: str) -> str:
    """Ink or white, whichever can be read on a colour (relative luminance, WCAG 2.2)."""
    parts = [int(fill[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else "#ffffff"


def _scale(left: int, top: int, height: int, most: int, number: Number) -> list[str]:
    """The grid: zero, half and the whole, with their numbers."""
    parts = []
    for value in sorted({0, most // 2, most}):
        y = top + height - height * value / most
        parts.append(
            f'<line x1="{left}" y1="{y:.1f}" x2="{WIDTH - 8}" y2="{y:.1f}" stroke="{GRID if value else INK}"/>'
        )
        parts.append(_text(left - 6, y + 4, number(value), "end"))
    return parts


def _legend(key: str, names: Sequence[tuple[str, str, bool]], left: int, top: float) -> tuple[list[str], float]:
    """Swatches with their names, in lines; and where they end."""
    parts: list[str] = []
    x = float(left)
    for name, fill, hatched in names:
        wide = 22 + len(name) * _LABEL_WIDTH + 16
        if x + wide > WIDTH and x > left:
            x, top = float(left), top + 20
        parts.append(_rect(key, x, top, 14, 12, fill, hatched))
        parts.append(_text(x + 20, top + 10, name))
        x += wide
    return parts, top + 22


def _round_up(value: int) -> int:
    """The end of a scale: the next 2, 4, 10, 20, 40, 100 and so on; never 0."""
    scale = 1
    while True:
        for factor in (2, 4, 10):
            if value <= factor * scale:
                return factor * scale
        scale *= 10
