"""The auditor's report as one HTML file for a reader who is no engineer (``docs/spec/audit.md``, Report).

``render`` is a function of its arguments: the same verification gives the same bytes.  The file has no script and loads nothing:
its content security policy allows its own style sheet, by hash, and nothing else.  Names in openings are a stranger's text and are
escaped where they stand (I10).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from exchange.audit.appendix import ENTRIES, Appendix
from exchange.audit.bundle import AuditBundle, BundleError
from exchange.audit.document_texts import KIND_WORDS, NOT_PROVEN, Language, pick
from exchange.audit.facts import LEVELS, Collector
from exchange.audit.names import Names, plain
from exchange.audit.passages import LISTED_ROWS, Passages, State
from exchange.audit.pictures import Pictures, delay_table
from exchange.audit.report import Report
from exchange.content.moments import moment
from exchange.model.tlp import Label
from exchange.policy.witnesses import cosigned, quorum_time
from exchange.tlog.checkpoint import LOGS, LogName
from keys.errors import KeysError
from keys.note import Note

_HERE = Path(__file__).parent
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("exchange.audit"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
PREFIXES: dict[Language, dict[LogName, str]] = {
    "de": {"journal": "J", "registry": "T"},
    "en": {"journal": "J", "registry": "R"},
}
"""What the logs are called in a reference."""


@dataclass(frozen=True, slots=True)
class WitnessLine:
    """A log's checkpoint in the bundle, and what stands under it: a line for each named witness."""

    log: LogName
    size: int
    root: str
    lines: tuple[tuple[str, str], ...]
    quorum: str


def number_in(language: Language) -> Any:
    """How a language writes whole numbers: ``12.345`` or ``12,345``."""
    separator = "." if language == "de" else ","
    return lambda value: f"{value:,}".replace(",", separator)


def render(
    report: Report,
    collector: Collector,
    bundle: AuditBundle,
    *,
    language: Language,
    made: int,
    version: str,
    label: Label | None = None,
) -> str:
    """The report as HTML.

    ``made`` is the time that it bears (seconds), ``version`` the program's, ``label`` what the auditor marks it with: it then
    stands in the head and foot of every page.
    """
    number = number_in(language)
    appendix = Appendix(bundle, report.heads, collector.proven, PREFIXES[language])
    names = Names(collector, language)
    passages = Passages(report, collector, appendix, names, language, number)
    first = None if report.first is None else passages.finding(report.first)
    late = passages.late()
    witnesses, witnessed = _witnesses(report, collector, bundle, passages)
    steps, exceptions = passages.steps(), passages.exceptions()
    events, more_events = passages.events()
    alerts, more_alerts = passages.alerts()
    pictures = Pictures(collector, language, number)
    style = _style(passages, label)
    values: dict[str, Any] = {
        "accesses": passages.accesses(),
        "alerts": alerts,
        "answers": passages.answers(witnessed, len(late)),
        "charts": {
            name: Markup(drawn)  # noqa: S704  our own SVG; every text in it is escaped where it is written
            for name, drawn in {
                "delays": pictures.delays(),
                "entries": pictures.entries(),
                "labels": pictures.labels(report.totals.alerts),
                "months": pictures.months(),
                "timeline": pictures.timeline(),
            }.items()
        },
        "collector": collector,
        "delays": _delays(collector, passages),
        "erased": passages.erased(),
        "events": events,
        "exceptions": exceptions,
        "exceptions_number": passages.exceptions_number(),
        "first": first,
        "kinds": _kinds(collector, language),
        "more_exceptions": sum(step.notices for step in report.steps) - len(exceptions),
        "label": label,
        "language": language,
        "late": late[:LISTED_ROWS],
        "late_all": len(late),
        "made": moment(made, language),
        "more_alerts": more_alerts,
        "more_events": more_events,
        "most": ENTRIES,
        "not_proven": [(pick(title, language), pick(words, language)) for title, words in NOT_PROVEN],
        "number": number,
        "open_steps": ", ".join(str(step.number) for step in report.steps if not step.complete),
        "partly": any(collector.read[log] < report.heads[log].size for log in report.heads),
        "policy": _policy(style),
        "prefixes": PREFIXES[language],
        "refusals": passages.refusals(),
        "report": report,
        "say": passages.say,
        "span": [moment(at, language) for at in (collector.first_at, collector.last_at)] if collector.first_at else [],
        "steps": steps,
        "style": Markup(style),  # noqa: S704  our own sheet, without any value of others
        "version": version,
        "witnesses": witnesses,
    }
    # Last: by now everything that refers to an entry has said so.
    values["entries"], values["more_entries"] = appendix.entries(), appendix.more
    return _ENVIRONMENT.get_template("report.html").render(values)


def _style(passages: Passages, label: Label | None) -> str:
    """The sheet with the words of the page's margins; only our own texts stand in them."""
    sheet = (_HERE / "static" / "report.css").read_text(encoding="utf-8")
    words = {"title": passages.say("title"), "page": passages.say("page"), "of": passages.say("of")}
    margins = (
        f'@page {{ @top-left {{ content: "{words["title"]}" }} '
        f'@bottom-right {{ content: "{words["page"]} " counter(page) " {words["of"]} " counter(pages) }} }}\n'
    )
    if label is not None:
        look = f'content: "{label.display}"; color: {label.colour}; background: #000; width: 50mm; height: 7mm'
        for place, margin in (("top-right", "8mm 0 auto"), ("bottom-center", "auto 0 7mm")):
            margins += (
                f"@page {{ @{place} {{ {look}; margin: {margin}; text-align: center; vertical-align: middle }} }}\n"
            )
    return sheet + margins


def _policy(style: str) -> str:
    """The content security policy: this style sheet, by its hash, and nothing else."""
    digest = base64.b64encode(sha256(style.encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


# -- witnesses -------------------------------------------------------------------------------------------------------------


def _witnesses(
    report: Report, collector: Collector, bundle: AuditBundle, passages: Passages
) -> tuple[list[WitnessLine], tuple[State, str]]:
    """What the named witnesses say of both checkpoints, and the answer to whether they saw them."""
    found: list[WitnessLine] = []
    named = {witness.name for witness in collector.witnesses}
    both = set(named)
    reached = True
    for log in LOGS:
        head = report.heads.get(log)
        if head is None:
            reached = False
            continue
        times, bad = _times(bundle, collector, log)
        both &= times.keys()
        lines = []
        for witness in sorted(named):
            words = passages.say("witness_bad" if bad else "witness_absent")
            if witness in times:
                words = passages.say("witness_line", time=passages.when(times[witness]))
            lines.append((plain(witness), words))
        quorum = ""
        if collector.quorum:
            at = quorum_time(times, collector.quorum)
            reached = reached and at is not None
            key = "quorum_missing" if at is None else "quorum_time"
            quorum = passages.say(key, quorum=collector.quorum, time="" if at is None else passages.when(at))
        found.append(WitnessLine(log, head.size, head.root, tuple(lines), quorum))
    if not report.step(6).complete:
        return found, ("open", passages.say("a_open"))
    if not named:
        return found, ("note", passages.say("a_witness_none"))
    values = {"number": len(both), "all": len(named), "quorum": collector.quorum}
    if reached:
        return found, ("yes", passages.say("a_witness_yes", **values))
    return found, ("note", passages.say("a_witness_few", **values))


def _times(bundle: AuditBundle, collector: Collector, log: LogName) -> tuple[Mapping[str, int], bool]:
    """When each witness cosigned a log's checkpoint in the bundle, and whether a line of one of them is not valid."""
    try:
        return cosigned(Note.parse(bundle.checkpoint(log)), collector.witnesses), False
    except (BundleError, KeysError):
        return {}, True


def _kinds(collector: Collector, language: Language) -> list[tuple[str, int]]:
    """Entries by kind: what they are, how many."""
    return [
        (pick(KIND_WORDS[kind], language) if kind in KIND_WORDS else kind, count)
        for kind, count in sorted(collector.kinds.items())
    ]


# -- times -----------------------------------------------------------------------------------------------------------------


def _delays(collector: Collector, passages: Passages) -> list[tuple[str, list[str], str, str]]:
    """By level: its name, the counts, after how long half and nine tenths of the devices were reached."""
    rows = []
    for level, counts in delay_table(collector).items():
        delays = sorted(collector.delays[next(one for one in LEVELS if one == level)])
        if delays:
            half, most = delays[(len(delays) - 1) // 2], delays[(len(delays) * 9 - 1) // 10]
            shown = [passages.say("count", number=count) for count in counts]
            rows.append((passages.say(f"level_{level}"), shown, _lasting(half), _lasting(most)))
    return rows


def _lasting(seconds: int) -> str:
    """A duration for a table: ``45 s``, ``12 min``, ``3:05 h``, ``2 d``."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02} h"
    return f"{timedelta(seconds=seconds).days} d"
