"""What a monitor raises, and the words for it (``docs/spec/audit.md``, Monitor). Values only; finding them is ``monitor``'s work.

An alarm names things by their ids, for it goes to systems that need no names.  Whatever stands in it came from others: it is data,
on a hook's standard input and in a line of JSON, and never part of a command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from exchange.tlog.checkpoint import LogName

Severity = Literal["high", "medium"]
MAX_DETAIL = 300
"""Characters of one value in an alarm."""

# fmt: off
CODES: dict[str, tuple[Severity, str, str]] = {
    "device-new": (
        "medium",
        "neues Gerät {device} der eigenen Organisation {organisation} für {person}",
        "new device {device} of the own organisation {organisation} for {person}"),
    "publisher-new": (
        "high",
        "{person} von {organisation} darf nun veröffentlichen oder freigeben: {roles}",
        "{person} of {organisation} may publish or approve from now on: {roles}"),
    "emergency-release": (
        "high",
        "Eilfreigabe der Meldung {alert} mit {approvals} statt {required} Freigaben, Nachprüfung binnen 24 Stunden fällig",
        "emergency release of alert {alert} with {approvals} instead of {required} approvals, a review is due within 24 hours"),
    "registrars-changed": (
        "high",
        "die Registrare haben gewechselt: {number}, davon müssen {threshold} unterschreiben",
        "the registrars have changed: {number}, of whom {threshold} must sign"),
    "witnesses-changed": (
        "high",
        "die Zeugen wurden neu benannt: {number}, davon genügen {quorum}",
        "the witnesses were named anew: {number}, of whom {quorum} are enough"),
    "witness-silent": (
        "medium",
        "der Zeuge {witness} bestätigt das Protokoll {log} nicht mehr, die anderen tun es",
        "the witness {witness} cosigns the {log} no more, and the others do"),
    "checkpoint-old": (
        "high",
        "{quorum} von {number} Zeugen haben nicht alles im Protokoll {log} in den letzten {minutes} Minuten bestätigt",
        "{quorum} of {number} witnesses have not confirmed all of the {log} in the last {minutes} minutes"),
    "roster-grown": (
        "high",
        "die Teilnehmerliste ist in 24 Stunden von {before} auf {after} gewachsen ({what})",
        "the registry has grown from {before} to {after} in 24 hours ({what})"),
    "fork": (
        "high",
        "zwei unterschriebene Prüfpunkte widersprechen einander ({detail}): nichts mehr glauben, Beweis sichern",
        "two signed checkpoints contradict each other ({detail}): believe nothing more, keep the proof"),
    "withheld": (
        "high",
        "die Plattform hält etwas zurück ({detail}), betroffen: {subject}",
        "the exchange keeps something back ({detail}), about: {subject}"),
    "verification-failed": (
        "high",
        "was die Plattform zeigt, stimmt nicht ({detail}), betroffen: {subject}",
        "what the exchange shows does not verify ({detail}), about: {subject}"),
}
"""Code to (severity, German, English)."""
# fmt: on

FORKS = frozenset({"fork", "not-continued", "rolled-back"})
"""Failures that say of a log that it has two histories, or no longer the one it had."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm: ``id`` says whether it was raised before, ``time`` (seconds) when that happened which it is about.

    ``values`` are ids, numbers and key names, filled into the sentence and given beside it.  ``standing`` is of a state that lasts:
    it is raised again only after it had ended.
    """

    id: str
    code: str
    time: int
    log: LogName | None = None
    index: int | None = None
    values: Mapping[str, str | int] = field(default_factory=dict)
    standing: bool = False

    @property
    def severity(self) -> Severity:
        """``high`` or ``medium``."""
        return CODES[self.code][0]

    def sentence(self, language: Literal["de", "en"]) -> str:
        """In a person's words; whoever shows it on a terminal makes it safe."""
        values = {**({} if self.log is None else {"log": self.log}), **self.values}
        return CODES[self.code][1 if language == "de" else 2].format(**values)

    def to_json(self, exchange: str) -> dict[str, Any]:
        """One object for a SIEM; what is absent is left out."""
        value: dict[str, Any] = {
            "code": self.code,
            "exchange": exchange,
            "id": self.id,
            "sentence": {"de": self.sentence("de"), "en": self.sentence("en")},
            "severity": self.severity,
            "time": datetime.fromtimestamp(self.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "values": dict(self.values),
        }
        if self.log is not None:
            value["log"] = self.log
        if self.index is not None:
            value["index"] = self.index
        return value

    def encode(self) -> dict[str, Any]:
        """As the monitor keeps it until it is told."""
        return {
            "code": self.code,
            "index": self.index,
            "log": self.log,
            "standing": self.standing,
            "time": self.time,
            "values": dict(self.values),
        }

    @classmethod
    def decode(cls, identifier: str, raw: Mapping[str, Any]) -> Alarm:
        """What ``encode`` gave."""
        return cls(identifier, raw["code"], raw["time"], raw["log"], raw["index"], raw["values"], raw["standing"])


def clipped(value: str) -> str:
    """A stranger's text, short enough for a line."""
    return value[:MAX_DETAIL]
