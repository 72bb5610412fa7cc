"""What a verification found, step by step (``docs/spec/audit.md``, Report). Values only; nothing is verified here.

A *refused* finding says that something is wrong; a *notice* names an exception that the rules allow and a person should look
at.  A step is passed when it was judged to its end and nothing in it was refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from exchange.audit.texts import TOLD
from exchange.tlog.checkpoint import LogName

STEPS = tuple(range(1, 11))
MAX_FINDINGS = 100
"""Findings kept of one step and severity; the rest is counted."""

Severity = Literal["refused", "notice"]
Progress = Callable[[int, int, int], None]
"""Told (step, done, total) now and then."""
_LOG_ORDER = {"registry": 0, "journal": 1, None: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: at which step, how grave, in which entry (log and index, where one is meant), what and why.

    ``rule`` is the rule's number where one decided, ``subject`` a statement id or the path of a file in the bundle. ``form``
    and ``values`` say the same as ``sentence`` for a reader of another language (``texts.TOLD``), where it is said there.
    """

    step: int
    severity: Severity
    code: str
    sentence: str
    log: LogName | None = None
    index: int | None = None
    rule: str = ""
    subject: str = ""
    form: str = ""
    values: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> tuple[int, int, int]:
        """For ordering: by step, the registry before the journal, by index."""
        return self.step, _LOG_ORDER[self.log], -1 if self.index is None else self.index

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is absent is left out."""
        given: dict[str, Any] = {"code": self.code, "sentence": self.sentence, "severity": self.severity}
        for name in ("log", "index", "rule", "subject"):
            value = getattr(self, name)
            if value is not None and value != "":
                given[name] = value
        return given


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step: how much was checked, whether to the end, and the findings in order.

    ``refused`` and ``notices`` count all of them, also those above MAX_FINDINGS that are not listed.
    """

    number: int
    checked: int
    complete: bool
    refused: int
    notices: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Judged to the end, and nothing refused."""
        return self.complete and not self.refused

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "checked": self.checked,
            "complete": self.complete,
            "findings": [finding.to_json() for finding in self.findings],
            "notices": self.notices,
            "ok": self.ok,
            "refused": self.refused,
            "step": self.number,
        }


@dataclass(slots=True)
class Totals:
    """What the logs hold, as far as they were replayed. ``alerts`` counts released ones by label.

    Of the fields that statements commit to, ``openings`` were handed out to this auditor, ``erased`` were erased by a statement,
    ``withheld`` are neither. ``receipts_erased`` are receipts of which retention left the entry.
    """

    registry_entries: int = 0
    journal_entries: int = 0
    organisations: int = 0
    persons: int = 0
    devices: int = 0
    openings: int = 0
    erased: int = 0
    withheld: int = 0
    alerts: dict[str, int] = field(default_factory=dict)
    exercises: int = 0
    emergencies: int = 0
    proposals: int = 0
    rejections: int = 0
    reviews: int = 0
    approvals: int = 0
    recipients: int = 0
    keyless: int = 0
    unserved: int = 0
    received: int = 0
    read: int = 0
    deliveries: int = 0
    refusals: int = 0
    accesses: int = 0
    epoch_bundles: int = 0
    receipts_erased: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in sorted(self.__slots__)}


@dataclass(frozen=True, slots=True)
class Head:
    """A log as its checkpoint in the bundle says: size and root (hexadecimal)."""

    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Witnessed:
    """Who cosigned a log's checkpoint in the bundle.

    ``quorum`` and ``named`` are as the newest roster has them, ``times`` (seconds) of those both of whose lines verify, ``time`` of
    the quorum (None: it is not reached).
    """

    quorum: int
    named: tuple[str, ...]
    times: dict[str, int]
    time: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``time`` is left out without the quorum."""
        value: dict[str, Any] = {
            "named": list(self.named),
            "quorum": self.quorum,
            "times": dict(sorted(self.times.items())),
        }
        return value if self.time is None else {**value, "time": self.time}


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict: ``verified`` only when all ten steps passed."""

    exchange: str
    origin: str
    heads: dict[LogName, Head]
    steps: tuple[Step, ...]
    totals: Totals
    first: Finding | None
    witnessed: dict[LogName, Witnessed] = field(default_factory=dict)

    @property
    def verified(self) -> bool:
        """Every step was judged to its end and refused nothing."""
        return all(step.ok for step in self.steps)

    def step(self, number: int) -> Step:
        """A step by its number, 1 to 10."""
        return self.steps[number - 1]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a script; strict JSON can hold them."""
        value: dict[str, Any] = {
            "exchange": self.exchange,
            "heads": {log: {"root": head.root, "size": head.size} for log, head in self.heads.items()},
            "origin": self.origin,
            "steps": [step.to_json() for step in self.steps],
            "totals": self.totals.to_json(),
            "verified": self.verified,
            "witnessed": {log: one.to_json() for log, one in self.witnessed.items()},
        }
        if self.first is not None:
            value["first"] = {"step": self.first.step, **self.first.to_json()}
        return value


def _plain(text: str) -> str:
    """Text that can be written anywhere: a stranger's file names may hold half characters."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Recorder:
    """Collects findings and counts while the steps run; ``report`` closes it."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.totals = Totals()
        self.witnessed: dict[LogName, Witnessed] = {}
        self._progress = progress
        self._findings: dict[tuple[int, Severity], list[Finding]] = {}
        self._more: dict[tuple[int, Severity], int] = {}
        self._checked = dict.fromkeys(STEPS, 0)
        self._incomplete: set[int] = set()

    def refuse(
        self,
        step: int,
        code: str,
        sentence: str,
        log: LogName | None = None,
        index: int | None = None,
        *,
        rule: str = "",
        subject: str = "",
    ) -> None:
        """Something is wrong."""
        self._add(Finding(step, "refused", code, _plain(sentence), log, index, rule, _plain(subject)))

    def tell(
        self,
        step: int,
        code: str,
        log: LogName | None = None,
        index: int | None = None,
        values: Mapping[str, object] = MappingProxyType({}),
        *,
        form: str = "",
        subject: str = "",
        severity: Severity = "notice",
    ) -> None:
        """An exception, in the words of ``texts.TOLD`` for this form (the code, where none is given).

        A notice where the rules allow it; whoever demands more, as ``--require-quorum`` does, says so by the severity.
        """
        form = form or code
        told = tuple((name, _plain(str(value))) for name, value in {"log": log, **values}.items())
        place = "" if index is None else f"{log} entry {index}: "
        sentence = place + TOLD[form][1].format(**dict(told))
        self._add(Finding(step, severity, code, sentence, log, index, "", _plain(subject), form, told))

    def _add(self, finding: Finding) -> None:
        key = (finding.step, finding.severity)
        kept = self._findings.setdefault(key, [])
        if len(kept) < MAX_FINDINGS:
            kept.append(finding)
            return
        self._more[key] = self._more.get(key, 0) + 1
        # Signatures are judged out of order: an earlier entry must not be pushed out by later ones.
        last = max(kept, key=lambda one: one.place)
        if finding.place < last.place:
            kept[kept.index(last)] = finding

    def count(self, step: int, number: int = 1) -> None:
        """So many things were checked at a step."""
        self._checked[step] += number

    def incomplete(self, *steps: int) -> None:
        """These steps could not be judged to their end, because an earlier one failed."""
        self._incomplete.update(steps)

    def progress(self, step: int, done: int, total: int) -> None:
        """Tell whoever waits."""
        if self._progress is not None:
            self._progress(step, done, total)

    def report(self, exchange: str, origin: str, heads: dict[LogName, Head]) -> Report:
        """The report, findings in order."""
        steps = []
        for number in STEPS:
            refused = self._findings.get((number, "refused"), [])
            notices = self._findings.get((number, "notice"), [])
            found = sorted(refused, key=lambda f: f.place) + sorted(notices, key=lambda f: f.place)
            steps.append(
                Step(
                    number,
                    self._checked[number],
                    number not in self._incomplete,
                    len(refused) + self._more.get((number, "refused"), 0),
                    len(notices) + self._more.get((number, "notice"), 0),
                    tuple(found),
                )
            )
        wrong = [finding for step in steps for finding in step.findings if finding.severity == "refused"]
        first = min(wrong, key=lambda f: f.place, default=None)
        return Report(exchange, origin, heads, tuple(steps), self.totals, first, self.witnessed)
