"""The passages of the auditor's report: questions and answers, alerts, late things, events, accesses, erasures, steps.

Plain values for the template, in one language, each with a reference to the entry that it is about.  Everything is taken from
``audit.report`` and ``facts``; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exchange.audit.appendix import Appendix, Ref
from exchange.audit.document_texts import NOTICE_MEANS, STEP_MEANS, Language, pick, text
from exchange.audit.facts import AlertFact, Collector, Row
from exchange.audit.names import Family, Name, Names, plain
from exchange.audit.report import Finding, Report, Step
from exchange.audit.texts import code_text, step_title, told
from exchange.content.moments import moment
from exchange.model.tlp import Label
from exchange.policy.explain import SENTENCES, explain
from exchange.policy.replay import ROSTER_LAG

LISTED_ALERTS = 500
LISTED_EVENTS = 500
LISTED_ROWS = 200
"""Lines of one table; the rest is counted."""

State = str
_FAMILIES: dict[str, Family] = {"organisation": "organisation", "client": "organisation", "person": "person"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, its answer's state and sentence, and the steps that answer it.

    States: ``yes``, ``no``, ``open`` (not judged), ``note`` (to be looked at), ``none`` (nothing of the kind).
    """

    question: str
    state: State
    word: str
    sentence: str
    steps: str


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert as the table has it."""

    ref: Ref
    when: str
    label: Label
    what: str
    source: str
    author: Name
    devices: str
    approved: str
    approvers: tuple[Name, ...]
    reached: str
    remarks: tuple[tuple[str, Ref | None], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of any other table: reference, time, what, who, and what else the table shows."""

    ref: Ref | None
    when: str
    what: str
    who: str = ""
    more: str = ""
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step with its refused findings."""

    number: int
    title: str
    means: str
    state: State
    word: str
    checked: str
    notices: str
    findings: tuple[FindingLine, ...]
    more: str


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding: reference or file, code in words, the code with its rule, what the verification tells, in which language."""

    ref: Ref | None
    place: str
    words: str
    code: str
    wording: str
    tongue: str
    means: str


class Passages:
    """Builds them. The order of calls is the order in which entries take their places in the appendix."""

    def __init__(
        self,
        report: Report,
        collector: Collector,
        appendix: Appendix,
        names: Names,
        language: Language,
        number: Callable[[int], str],
    ) -> None:
        self._report = report
        self._collector = collector
        self._appendix = appendix
        self._names = names
        self._language: Language = language
        self._number = number

    def say(self, key: str, /, **values: object) -> str:
        """A text; numbers are written as this language does."""
        shown = {name: self._number(value) if isinstance(value, int) else value for name, value in values.items()}
        return text(key, self._language, **shown)

    def when(self, at: int) -> str:
        """A time in words; empty for none. The last word stays with the one before it."""
        return "\u00a0".join(moment(at, self._language).rsplit(" ", 1)) if at else ""

    # -- verdict and answers ---------------------------------------------------------------------------------------

    def words(self, finding: Finding) -> str:
        """What a finding's code says in a few words."""
        known = code_text(finding.code, self._language)
        if known is None and finding.code in SENTENCES and "{" not in SENTENCES[finding.code][0]:
            known = explain(finding.code, language=self._language)
        return known or finding.code

    def finding(self, finding: Finding) -> FindingLine:
        """One finding as a line."""
        ref = None
        head = None if finding.log is None else self._report.heads.get(finding.log)
        # An older checkpoint may name more entries than there are: then the finding is about that checkpoint.
        if finding.log is not None and finding.index is not None and (head is None or finding.index < head.size):
            ref = self._appendix.ref(finding.log, finding.index)
        code = " ".join((finding.rule, finding.code)).strip()
        means = NOTICE_MEANS.get(finding.code)
        return FindingLine(
            ref,
            plain(finding.subject, 120),
            self.words(finding),
            code,
            plain(told(finding.form, finding.values, self._language) if finding.form else finding.sentence, 300),
            self._language if finding.form else "en",
            "" if means is None else pick(means, self._language),
        )

    def exceptions_number(self) -> str:
        """So many exceptions, in words."""
        found = sum(step.notices for step in self._report.steps)
        return self.say("exceptions_one") if found == 1 else self.say("exceptions_many", number=found)

    def answers(self, witnessed: tuple[State, str], late: int) -> list[Answer]:
        """The questions of a reader who is no engineer. ``witnessed`` is answered elsewhere, ``late`` counted before."""
        report, totals = self._report, self._report.totals
        released = sum(totals.alerts.values())
        found: list[Answer] = []

        def answer(
            question: str, steps: Sequence[int], yes: str, no: str, *, note: bool = False, asks: State = "yes"
        ) -> None:
            judged = [report.step(number) for number in steps]
            if any(step.refused for step in judged):
                state, sentence = "no", no
            elif not all(step.complete for step in judged):
                state, sentence = "open", self.say("a_open")
            else:
                state, sentence = ("note" if note else asks), yes
            found.append(self._answer(question, state, sentence, steps))

        sizes = {log: report.heads[log].size if log in report.heads else 0 for log in ("registry", "journal")}
        answer("q_complete", (1, 2, 4), self._sizes("a_complete_yes", sizes), self.say("a_complete_no"))
        kept = self.say("a_unforked_yes", number=report.step(3).checked)
        answer("q_unforked", (3,), kept, self.say("a_unforked_no"))
        found.append(self._answer("q_witnessed", *witnessed, ()))
        answer("q_signed", (5, 6), self.say("a_signed_yes"), self.say("a_signed_no"))
        rules = self.say("a_rules_yes", number=released) if released else self.say("a_rules_none")
        answer("q_rules", (7, 8), rules, self.say("a_rules_no"))
        eyes = self.say("a_eyes_yes", number=totals.approvals)
        if totals.emergencies:
            reviewed = sum(fact.emergency and fact.reviewed_index is not None for fact in self._facts())
            eyes = self.say(
                "a_eyes_emergency", number=totals.approvals, emergencies=totals.emergencies, reviewed=reviewed
            )
        answer("q_four_eyes", (8,), eyes, self.say("a_rules_no"), note=bool(totals.emergencies))
        answer("q_receipts", (9,), self.say("a_receipts_yes"), self.say("a_receipts_no"))
        number = self.say("late_one") if late == 1 else self.say("late_many", number=late)
        sentence = self.say("a_late_yes", number=number) if late else self.say("a_late_no")
        answer("q_late", (9, 10), sentence, self.say("a_receipts_no"), note=bool(late), asks="none")
        erased = self.say("a_erased_yes", number=totals.erased) if totals.erased else self.say("a_erased_no")
        answer("q_erased", (6,), erased, self.say("a_signed_no"), note=bool(totals.erased), asks="none")
        return found

    def _sizes(self, key: str, sizes: Mapping[str, int]) -> str:
        return self.say(key, **sizes)

    def _answer(self, question: str, state: State, sentence: str, steps: Sequence[int]) -> Answer:
        numbers = ", ".join(map(str, steps))
        return Answer(self.say(question), state, self.say(f"state_{state}"), sentence, numbers)

    def exceptions(self) -> list[FindingLine]:
        """Every notice that is listed."""
        return [
            self.finding(found) for step in self._report.steps for found in step.findings if found.severity == "notice"
        ]

    def steps(self) -> list[StepLine]:
        """The ten steps."""
        return [self._step(step) for step in self._report.steps]

    def _step(self, step: Step) -> StepLine:
        state = "yes" if step.ok else "no" if step.refused else "open"
        word = self.say({"yes": "result_ok", "no": "result_refused", "open": "result_open"}[state])
        refused = [found for found in step.findings if found.severity == "refused"]
        more = step.refused - len(refused)
        return StepLine(
            step.number,
            step_title(step.number, self._language),
            pick(STEP_MEANS[step.number], self._language),
            state,
            word,
            self._number(step.checked),
            self._number(step.notices) if step.notices else "",
            tuple(self.finding(found) for found in refused),
            self.say("findings_more", number=more) if more else "",
        )

    # -- alerts ----------------------------------------------------------------------------------------------------

    def _facts(self) -> list[AlertFact]:
        return sorted(self._collector.alerts.values(), key=lambda fact: fact.index)

    def alerts(self) -> tuple[list[AlertLine], str]:
        """The alerts that are listed, in order of the journal, and how many are not (empty: none)."""
        facts = self._facts()
        lines = [(fact, self._remarks(fact)) for fact in facts]
        chosen = {fact.statement for fact, remarks in lines if remarks}
        for fact in reversed(facts):
            if len(chosen) >= LISTED_ALERTS:
                break
            chosen.add(fact.statement)
        listed = [(fact, remarks) for fact, remarks in lines if fact.statement in chosen][-LISTED_ALERTS:]
        everything = len(facts) + self._collector.more_alerts
        rest = ""
        if len(listed) < everything:
            rest = self.say("listed_alerts", listed=len(listed), all=everything)
        return [self._alert(fact, remarks) for fact, remarks in listed], rest

    def _alert(self, fact: AlertFact, remarks: tuple[tuple[str, int | None], ...]) -> AlertLine:
        what = [self.say(f"kind_{fact.kind}")]
        if fact.version > 1:
            what.append(f"{self.say('col_version', number=fact.version)} ({self.say(f'action_{fact.action}')})")
        approved = self.say("not_needed")
        if fact.wanted:
            approved = self.say("approvals_of", given=len(fact.approvals), wanted=fact.wanted)
        levels = [fact.reached.get(level) for level in ("delivered", "received", "read")]
        reached = " / ".join(self._number(0 if found is None else found.devices) for found in levels)
        ref = self._appendix.ref("journal", fact.index)
        return AlertLine(
            ref,
            self.when(fact.at),
            fact.label,
            ", ".join(what),
            self._names.of(fact.organisation, "organisation").text,
            self._names.of(fact.author, "person"),
            self._number(fact.devices) if fact.label.sealed else self.say("public"),
            approved,
            tuple(self._names.of(person, "person") for person in fact.approvals),
            reached if fact.label.sealed else "–",
            tuple((words, None if at is None else self._appendix.ref("journal", at)) for words, at in remarks),
        )

    def _remarks(self, fact: AlertFact) -> tuple[tuple[str, int | None], ...]:
        found: list[tuple[str, int | None]] = []

        def add(key: str, index: int | None = None, **values: object) -> None:
            found.append((self.say(key, **values), index))

        if fact.refused:
            add("remark_refused")
        if fact.exercise:
            add("remark_exercise")
        if fact.rejected_index is not None:
            add("remark_rejected", fact.rejected_index, who=self._names.person(fact.rejected_by))
        elif fact.released_index is None:
            add("remark_proposed")
        if fact.emergency:
            add("remark_emergency")
            if fact.reviewed_index is None:
                add("remark_unreviewed")
        if fact.reviewed_index is not None:
            outcome = self.say(f"outcome_{fact.outcome}")
            who = self._names.person(fact.reviewed_by)
            add("remark_reviewed", fact.reviewed_index, who=who, outcome=outcome)
        if fact.keyless:
            add("remark_keyless_one" if fact.keyless == 1 else "remark_keyless", number=fact.keyless)
        if fact.grants:
            add("remark_grants_one" if fact.grants == 1 else "remark_grants", number=fact.grants)
        if fact.witnessed is not None and fact.witnessed > ROSTER_LAG:
            add("remark_witnessed", minutes=fact.witnessed // 60)
        if fact.at > fact.prepared_at + ROSTER_LAG and fact.released_index is not None and not fact.wanted:
            add("remark_late")
        return tuple(found)

    # -- times -----------------------------------------------------------------------------------------------------

    def late(self) -> list[Line]:
        """What was late: acceptances and reviews that the verification noticed, deliveries, receipts past the deadline."""
        found: list[tuple[int, Line]] = []
        for fact in self._facts():
            if fact.released_index is None:
                continue
            ref = (
                self._appendix.ref("journal", fact.released_index) if _is_late(fact, self._collector.last_at) else None
            )
            delivered, read = fact.reached.get("delivered"), fact.reached.get("read")
            when = self.when(fact.released_at)
            if delivered is not None and delivered.late:
                what = self.say("late_delivered", number=delivered.late)
                found.append((fact.released_index, Line(ref, when, what, label=fact.label)))
            if _deadline_missed(fact, self._collector.last_at):
                in_time = 0 if read is None else read.in_time
                until = self.when(fact.acknowledge_by)
                what = self.say("late_acknowledge", until=until, number=in_time, all=fact.devices)
                found.append((fact.released_index, Line(ref, when, what, label=fact.label)))
        for step in self._report.steps:
            for one in step.findings:
                if one.code in ("accepted-late", "emergency-unreviewed") and one.index is not None:
                    fact_of = self._collector.alerts.get(one.subject)
                    when = "" if fact_of is None else self.when(fact_of.released_at)
                    label = None if fact_of is None else fact_of.label
                    ref = self._appendix.ref("journal", one.index)
                    found.append((one.index, Line(ref, when, self.words(one), label=label)))
        return [line for _, line in sorted(found, key=lambda one: one[0])]

    # -- registry --------------------------------------------------------------------------------------------------

    def events(self) -> tuple[list[Line], str]:
        """Key events, and how many are not listed (empty: none)."""
        events = self._collector.events[:LISTED_EVENTS]
        everything = len(self._collector.events) + self._collector.more_events
        rest = "" if len(events) == everything else self.say("listed_some", listed=len(events), all=everything)
        return [self._event(place) for place in range(len(events))], rest

    def _event(self, place: int) -> Line:
        event = self._collector.events[place]
        values = [self._value(event.kind, value) for value in event.values]
        listed = ", ".join(values) or self.say("unchanged_roles")
        first, second = (*values, "", "")[:2]
        what = self.say(f"event_{event.kind}", values=listed, a=first, b=second)
        signed = self.say("registrars_sign", number=event.signatures)
        if event.by:
            signed = self.say("members_sign", number=event.signatures, who=self._names.of_device(event.by))
        who = ""
        if event.about and event.kind != "terms.define":
            who = self._about(event.kind, event.about)
        return Line(self._appendix.ref("registry", event.index), self.when(event.at), what, who, signed)

    def _value(self, kind: str, value: str) -> str:
        if kind.startswith("organisation."):
            return self.say(f"kind_{value}")
        if kind == "opening.erase":
            return self.say(f"field_{value}")
        return value

    def _about(self, kind: str, identifier: str) -> str:
        family = kind.partition(".")[0]
        if family == "opening":
            return self._somebody(identifier)
        if family == "device":
            person = self._collector.person_of.get(identifier)
            named = self._names.of(identifier, "device").text
            return named if person is None else f"{named}; {self._names.with_organisation(person)}"
        if family == "person":
            return self._names.with_organisation(identifier)
        return self._names.of(
            identifier, "circle" if family == "circle" else _FAMILIES.get(family, "organisation")
        ).text

    def _somebody(self, identifier: str) -> str:
        """A subject whose family only the registry's maps know."""
        if identifier in self._collector.organisation_of:
            return self._names.with_organisation(identifier)
        if identifier in self._collector.person_of:
            return self._names.of(identifier, "device").text
        return self._names.of(identifier, "organisation").text

    def erased(self) -> list[tuple[str, str]]:
        """Each subject of which something was erased, and what."""
        rows = []
        for identifier, fields in list(self._collector.erased.items())[:LISTED_ROWS]:
            named = ", ".join(self.say(f"field_{field}") for field in sorted(fields))
            rows.append((self._somebody(identifier), named))
        return rows

    # -- claims ----------------------------------------------------------------------------------------------------

    def accesses(self) -> list[Line]:
        """What auditors and operators were handed."""
        return [self._row(row, plain(row.what)) for row in list(self._collector.accesses.values())[:LISTED_ROWS]]

    def refusals(self) -> list[Line]:
        """What was refused, by person and code."""
        return [
            self._row(row, self._refused(row.what)) for row in list(self._collector.refusals.values())[:LISTED_ROWS]
        ]

    def _refused(self, code: str) -> str:
        rule, _, rest = code.partition("-")
        known = explain(rest, language=self._language) if rest in SENTENCES and "{" not in SENTENCES[rest][0] else ""
        if not known and code in SENTENCES and "{" not in SENTENCES[code][0]:
            known, rule = explain(code, language=self._language), ""
        return f"{known} ({rule})" if known and rule else known or plain(code)

    def _row(self, row: Row, what: str) -> Line:
        ref = self._appendix.ref("journal", row.index)
        return Line(ref, self.when(row.last), what, self._names.of_device(row.device), self._number(row.count))


def _deadline_missed(fact: AlertFact, now: int) -> bool:
    if not fact.acknowledge_by or now <= fact.acknowledge_by or not fact.label.sealed:
        return False
    read = fact.reached.get("read")
    return (0 if read is None else read.in_time) < fact.devices


def _is_late(fact: AlertFact, now: int) -> bool:
    delivered = fact.reached.get("delivered")
    return (delivered is not None and delivered.late > 0) or _deadline_missed(fact, now)
