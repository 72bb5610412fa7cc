"""What an auditor's report tells, gathered while the bundle is replayed (``docs/spec/audit.md``, Report).

``Collector`` is handed every entry that was replayed, with what the replay made of it, and keeps small values: one
``AlertFact`` for each alert statement, one ``KeyEvent`` for each change of the registry that a reader wants to see, counts for
the rest.  It judges nothing: whether the rules were kept is in ``audit.report``.  Everything is bounded; what no longer fits is
counted and said.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from exchange.model.alert import AlertBody, DeviceIssuer
from exchange.model.entry import RELEASED, Entry
from exchange.model.journal import (
    AccessRead,
    AlertAnswer,
    AlertAsk,
    AlertDeliver,
    AlertGrant,
    AlertReceipt,
    AlertReject,
    AlertReview,
    StatementRefuse,
)
from exchange.model.registry import (
    DeviceEnrol,
    OpeningErase,
    OrganisationAdmit,
    OrganisationChange,
    PersonChange,
    PersonEnrol,
    RegistrarRotate,
    TermsDefine,
    WitnessName,
)
from exchange.model.statements import Opening, Statement, chain_of
from exchange.model.tlp import Label
from exchange.policy.members import Roster, Witness
from exchange.policy.witnesses import working_witness
from exchange.tlog.checkpoint import LOGS, LogName

if TYPE_CHECKING:
    from exchange.audit.alerts import Known

MAX_ALERTS = 10_000
"""Alerts of which details are kept, the newest; about a kilobyte each."""
MAX_EVENTS = 5_000
"""Changes of the registry that are kept, the first ones."""
MAX_MARKS = 500_000
"""(alert, device, level) remembered, so that a device counts once: 40 bytes each."""
MAX_ROWS = 2_000
"""Accesses and refusals that are kept, each as (who, what)."""
HOUR = 3600
"""Seconds."""
LATE = 900
"""Seconds from release to a delivery from which on it is called late."""

PLAIN_ROLES = frozenset({"officer"})
"""Roles of which an enrolment is everyday business: counted, not listed."""
EVERYDAY = frozenset({"terms.accept", "organisation.renew"})
"""Kinds that are counted and not listed."""

Level = Literal["delivered", "received", "read"]
LEVELS: tuple[Level, ...] = ("delivered", "received", "read")


@dataclass(slots=True)
class Reached:
    """How far an alert came at one level: devices, first and last time (seconds), those in time."""

    devices: int = 0
    first: int = 0
    last: int = 0
    in_time: int = 0
    """Until ``acknowledge_by``, where the alert has one."""
    late: int = 0
    """More than LATE seconds after the release."""


@dataclass(slots=True)
class AlertFact:
    """One alert statement. Times in seconds, 0 for never; indexes are the journal's, None for none."""

    statement: str
    alert: str
    version: int
    action: str
    label: Label
    kind: str
    urgency: str
    exercise: bool
    author_device: str
    author: str
    organisation: str
    prepared_at: int
    acknowledge_by: int
    wanted: int
    """Approvals that the alert asks for."""
    devices: int
    """Recipients' devices that the author signed for."""
    keyless: int
    witnessed: int | None
    proposed_index: int | None = None
    proposed_at: int = 0
    released_index: int | None = None
    released_at: int = 0
    approvals: tuple[str, ...] = ()
    """Persons."""
    emergency: bool = False
    rejected_index: int | None = None
    rejected_by: str = ""
    reviewed_index: int | None = None
    reviewed_at: int = 0
    reviewed_by: str = ""
    outcome: str = ""
    grants: int = 0
    refused: bool = False
    reached: dict[Level, Reached] = field(default_factory=dict)

    @property
    def index(self) -> int:
        """The entry that counts: of the release, else of the proposal."""
        return next((found for found in (self.released_index, self.proposed_index) if found is not None), 0)

    @property
    def at(self) -> int:
        """Acceptance time of that entry."""
        return self.released_at or self.proposed_at


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A change of the registry: its entry, kind, whom it is about, values (roles, numbers), number of signatures.

    ``about`` is the id of an organisation, person, device or circle, or empty; ``by`` the device that prepared it, empty for
    registrars.
    """

    index: int
    at: int
    kind: str
    about: str
    values: tuple[str, ...]
    by: str
    signatures: int


@dataclass(slots=True)
class Row:
    """Accesses or refusals of one device and sort: how many, the first entry and the last time."""

    device: str
    what: str
    count: int
    index: int
    first: int
    last: int


class Collector:
    """Everything that the report shows and ``audit.report`` does not hold."""

    def __init__(self) -> None:
        self.proven: dict[LogName, int] = {}
        """Entries that the trees prove, by log."""
        self.read: dict[LogName, int] = dict.fromkeys(LOGS, 0)
        """Entries that were replayed."""
        self.first_at = 0
        self.last_at = 0
        self.kinds: Counter[str] = Counter()
        self.hours: dict[LogName, Counter[int]] = {log: Counter() for log in LOGS}
        """Entries by hour (seconds // HOUR)."""
        self.label_hours: Counter[tuple[Label, int]] = Counter()
        """Released alerts by label and hour."""
        self.alerts: OrderedDict[str, AlertFact] = OrderedDict()
        self.more_alerts = 0
        self.events: list[KeyEvent] = []
        self.more_events = 0
        self.delays: dict[Level, array[int]] = {level: array("Q") for level in LEVELS}
        """Seconds from release until a device was reached, at each level."""
        self.uncounted = 0
        """Deliveries and receipts that came too late to be counted once a device."""
        self.accesses: dict[tuple[str, str], Row] = {}
        self.refusals: dict[tuple[str, str], Row] = {}
        self.more_rows = 0
        self.unnamed_refusals = 0
        self.grants: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.person_of: dict[str, str] = {}
        self.organisation_of: dict[str, str] = {}
        self.organisation_kind: dict[str, str] = {}
        self.roles_of: dict[str, tuple[str, ...]] = {}
        self.names: dict[str, tuple[str, str]] = {}
        """Id of an organisation, person, device or circle to (statement, name)."""
        self.erased: dict[str, set[str]] = {}
        """Id to the fields that were erased."""
        self.witnesses: tuple[Witness, ...] = ()
        self.quorum = 0
        self._marks: OrderedDict[str, dict[Level, set[int]]] = OrderedDict()
        self._marked = 0
        self._numbers: dict[str, int] = {}

    # -- registry --------------------------------------------------------------------------------------------------

    def registered(self, index: int, entry: Entry, statement: Statement, openings: Sequence[Opening]) -> None:
        """A registry entry that was applied, with the openings that match it."""
        self._entry("registry", index, entry)
        body, about = statement.body, chain_of(statement).partition("/")[2]
        for opening in openings:
            if opening.field in ("name", "label") and about:
                self.names[about] = (statement.id, opening.value)
        values: tuple[str, ...] = ()
        match body:
            case OrganisationAdmit() | OrganisationChange():
                self.organisation_kind[about] = body.kind
                values = (body.kind,)
            case PersonEnrol():
                self.organisation_of[body.person] = body.organisation
                self.roles_of[body.person] = values = body.roles
            case PersonChange():
                values = tuple(role for role in body.roles if role not in self.roles_of.get(body.person, ()))
                gone = tuple(f"-{role}" for role in self.roles_of.get(body.person, ()) if role not in body.roles)
                self.roles_of[body.person], values = body.roles, (*values, *gone)
            case DeviceEnrol():
                self.person_of[body.device] = body.person
                values = self.roles_of.get(body.person, ())
            case RegistrarRotate():
                values = (str(body.threshold), str(len(body.registrars)))
            case TermsDefine():
                values = (str(body.version),)
            case WitnessName():
                self.witnesses, self.quorum = tuple(working_witness(named) for named in body.witnesses), body.quorum
                values = (str(body.quorum), str(len(body.witnesses)))
            case OpeningErase():
                self.erased.setdefault(about, set()).update(body.fields)
                if self.names.get(about, ("", ""))[0] == body.statement and {"name", "label"} & set(body.fields):
                    del self.names[about]
                values = body.fields
        if self._everyday(statement.kind.name, values):
            return
        if len(self.events) >= MAX_EVENTS:
            self.more_events += 1
            return
        issuer = statement.issuer
        by = issuer.device if isinstance(issuer, DeviceIssuer) else ""
        signatures = len(statement.envelope.signer_ids)
        self.events.append(KeyEvent(index, entry.at, statement.kind.name, about, values, by, signatures))

    @staticmethod
    def _everyday(kind: str, values: tuple[str, ...]) -> bool:
        if kind in ("person.enrol", "device.enrol"):
            return set(values) <= PLAIN_ROLES
        return kind in EVERYDAY

    # -- journal ---------------------------------------------------------------------------------------------------

    def journal(
        self, index: int, entry: Entry, statement: Statement, roster: Roster, known: Known | None, *, fine: bool
    ) -> None:
        """A journal entry that was judged; ``known`` is the alert that it is (proposed or released), ``fine`` that
        nothing in it was refused."""
        self._entry("journal", index, entry)
        body = statement.body
        if isinstance(body, AlertBody):
            self._alert(index, entry, statement, roster, known, fine)
            return
        if not fine:
            return
        match body:
            case AlertReject():
                fact = self.alerts.get(body.alert)
                if fact is not None:
                    fact.rejected_index, fact.rejected_by = index, self.person_of.get(body.issuer.device, "")
            case AlertReview():
                fact = self.alerts.get(body.alert)
                if fact is not None and fact.reviewed_index is None:
                    fact.reviewed_index, fact.reviewed_at, fact.outcome = index, entry.at, body.outcome
                    fact.reviewed_by = self.person_of.get(body.issuer.device, "")
            case AlertReceipt():
                if body.level != "reacted":
                    for alert in body.alerts:
                        self._reached(alert, body.issuer.device, body.level, entry.at)
            case AlertDeliver():
                for delivery in body.deliveries:
                    self._reached(delivery.alert, delivery.device, "delivered", delivery.at)
            case AlertGrant():
                self.grants[body.purpose] += 1
                fact = self.alerts.get(body.alert)
                if fact is not None:
                    fact.grants += 1
            case AlertAsk():
                self.outcomes["asked"] += 1
            case AlertAnswer():
                self.outcomes[body.outcome] += 1
            case AccessRead():
                self._row(self.accesses, body.device, body.what, body.count, index, entry.at)
            case StatementRefuse():
                self.unnamed_refusals += body.uncounted
                for refusal in body.refusals:
                    self._row(self.refusals, refusal.device, refusal.code, 1, index, refusal.at)

    def _entry(self, log: LogName, index: int, entry: Entry) -> None:
        self.read[log] = index + 1
        self.kinds[entry.kind] += 1
        self.hours[log][entry.at // HOUR] += 1
        self.first_at = min(self.first_at or entry.at, entry.at)
        self.last_at = max(self.last_at, entry.at)

    def _alert(
        self, index: int, entry: Entry, statement: Statement, roster: Roster, known: Known | None, fine: bool
    ) -> None:
        core, facts = statement.alert.core, roster.facts
        fact = self.alerts.get(statement.id)
        if fact is None:
            device = facts.devices.get(core.issuer.device)
            person = "" if device is None else device.person
            fact = self.alerts[statement.id] = AlertFact(
                statement.id,
                core.alert,
                core.version,
                core.action,
                core.label,
                core.kind.value,
                core.urgency.value,
                core.exercise,
                core.issuer.device,
                person,
                facts.persons[person].organisation if person in facts.persons else "",
                core.at,
                core.acknowledge_by or 0,
                core.approvals,
                core.leaves,
                core.keyless,
                core.witnessed,
            )
            if len(self.alerts) > MAX_ALERTS:
                self.alerts.popitem(last=False)
                self.more_alerts += 1
        if not fine:
            fact.refused = True
        if entry.kind == RELEASED:
            fact.released_index, fact.released_at = index, entry.at
            self.label_hours[core.label, entry.at // HOUR] += 1
        elif fact.proposed_index is None:
            fact.proposed_index, fact.proposed_at = index, entry.at
        devices = (facts.device_of_key.get(key) for key in statement.envelope.signer_ids)
        signed = dict.fromkeys(facts.devices[d].person for d in devices if d is not None and d != core.issuer.device)
        fact.approvals = tuple(signed)
        fact.emergency = known is not None and known.emergency

    def _reached(self, alert: str, device: str, level: Level, at: int) -> None:
        fact = self.alerts.get(alert)
        marks = self._marks.get(alert)
        if fact is None or (marks is None and fact.reached):
            self.uncounted += 1
            return
        if marks is None:
            marks = self._marks[alert] = {name: set() for name in LEVELS}
        number = self._numbers.setdefault(device, len(self._numbers))
        if number in marks[level]:
            return
        marks[level].add(number)
        self._marked += 1
        while self._marked > MAX_MARKS and len(self._marks) > 1:
            self._marked -= sum(len(found) for found in self._marks.popitem(last=False)[1].values())
        found = fact.reached.setdefault(level, Reached())
        found.devices += 1
        found.first, found.last = min(found.first or at, at), max(found.last, at)
        found.in_time += bool(fact.acknowledge_by) and at <= fact.acknowledge_by
        if fact.released_at:
            delay = max(0, at - fact.released_at)
            found.late += delay > LATE
            self.delays[level].append(delay)

    def _row(self, rows: dict[tuple[str, str], Row], device: str, what: str, count: int, index: int, at: int) -> None:
        found = rows.get((device, what))
        if found is not None:
            found.count += count
            found.last = max(found.last, at)
        elif len(rows) < MAX_ROWS:
            rows[device, what] = Row(device, what, count, index, at, at)
        else:
            self.more_rows += count
