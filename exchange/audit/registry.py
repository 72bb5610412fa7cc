"""The registry replayed: roster, times and roots as the journal asks for them (``docs/spec/audit.md``, steps 4 to 6).

Runs forward with the journal, so that a long log never has all its rosters in memory.  Signatures are handed to
``signatures``; everything else that the rules M1 to M21 demand is judged here by ``TrustedRoster``.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

from exchange.audit.facts import Collector
from exchange.audit.report import Recorder
from exchange.audit.signatures import SignatureChecks
from exchange.audit.source import Source
from exchange.audit.statements import Statements
from exchange.audit.trees import LogView, proven_entries
from exchange.model.entry import Entry, parse_entry
from exchange.model.problems import Malformed
from exchange.model.statements import Opening, Statement, parse_statement
from exchange.policy.members import Facts, Roster, Standings
from exchange.policy.roster import RosterRefusal, TrustedRoster
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.verify import SigningPublicKey

KEPT_ROSTERS = 16
"""Earlier rosters kept at hand; another one is replayed from the nearest earlier one."""


class RegistryReplay:
    """The registry, entry by entry. ``times`` are the acceptance times of the entries that can be read."""

    def __init__(
        self,
        bundle: Source,
        view: LogView,
        exchange: str,
        statements: Statements,
        openings: Mapping[str, Sequence[Opening]],
        checks: SignatureChecks,
        recorder: Recorder,
        collector: Collector | None = None,
    ) -> None:
        self.view = view
        self.times: array[int] = array("Q")
        self._bundle = bundle
        self._exchange = exchange
        self._statements = statements
        self._openings = openings
        self._opened: set[str] = set()
        self._checks = checks
        self._recorder = recorder
        self._collector = collector
        self._roster = TrustedRoster(verify=checks.hybrid)
        self._entries: Iterator[tuple[int, Entry, Statement | None]] = iter(())
        self._ended = False
        self._kept: OrderedDict[int, Facts] = OrderedDict()
        self._standings: dict[int, Standings] = {}

    # -- step 4 ----------------------------------------------------------------------------------------------------

    def scan(self) -> None:
        """Read every entry's form and time; they must be known before the journal names one of them."""
        recorder = self._recorder
        if not self.view.size:
            recorder.refuse(
                1, "registry-empty", "the registry is empty: the founding was never accepted", "registry", 0
            )
        last = 0
        for index, data in proven_entries(self._bundle, self.view):
            recorder.count(4)
            try:
                entry = parse_entry(data)
            except Malformed as error:
                recorder.refuse(4, error.code, f"registry entry {index}: {error.detail}", "registry", index)
                break
            if entry.subject is None or entry.registry is not None or entry.alert is not None:
                sentence = f"registry entry {index} does not have the fields of a registry entry"
                recorder.refuse(4, "entry-shape", sentence, "registry", index)
                break
            if entry.at < last:
                sentence = f"registry entry {index} was accepted before the entry that stands before it"
                recorder.refuse(4, "time-decreases", sentence, "registry", index)
            last = max(last, entry.at)
            self.times.append(entry.at)
        if len(self.times) < self.view.size:
            recorder.incomplete(4)
        self._entries = self._statements.of("registry", self._scanned())

    def _scanned(self) -> Iterator[tuple[int, Entry]]:
        """The entries that were read, as far as they are this exchange's."""
        for index, data in proven_entries(self._bundle, self.view):
            if index == len(self.times):
                return
            entry = parse_entry(data)
            if index == 0 and entry.statement != self._exchange:
                sentence = "the registry begins with another exchange's founding"
                self._recorder.refuse(1, "other-exchange", sentence, "registry", 0, subject=entry.statement)
                return
            yield index, entry

    # -- steps 5 and 6 ---------------------------------------------------------------------------------------------

    def facts(self, size: int) -> Facts | None:
        """The facts after ``size`` entries; None when the replay does not reach so far."""
        while self._roster.size < size and not self._ended:
            self._apply()
        if self._roster.size < size:
            return None
        facts = self._roster.facts if self._roster.size == size else self._kept.get(size) or self._again(size)
        self._kept[size] = facts
        self._kept.move_to_end(size)
        while len(self._kept) > KEPT_ROSTERS:
            self._kept.popitem(last=False)
        return facts

    def roster(self, size: int, time: int) -> Roster | None:
        """The roster after ``size`` entries, looked at from ``time``; None as ``facts``."""
        facts = self.facts(size)
        return None if facts is None else Roster(facts, time)

    def deciding(self, size: int, time: int) -> Roster | None:
        """The same roster for deciding about everybody: what many alerts ask of it is kept."""
        facts = self.facts(size)
        if facts is None:
            return None
        standings = self._standings.get(size)
        if standings is None:
            standings = self._standings[size] = Standings(facts)
            while len(self._standings) > KEPT_ROSTERS:
                del self._standings[next(iter(self._standings))]
        return Roster(facts, time, standings)

    def first_later(self, size: int, until: int) -> int | None:
        """Acceptance time of entry ``size`` when it stood in a registry of ``until`` entries, else None."""
        return self.times[size] if size < min(until, len(self.times)) else None

    def finish(self) -> bool:
        """Replay what is left, name openings of statements that are not there, set the totals; whether all was replayed."""
        while not self._ended:
            self._apply()
        recorder, facts = self._recorder, self._roster.facts
        if facts.size < self.view.size:
            recorder.incomplete(5, 6)
        else:
            for statement in self._openings:
                if statement not in self._opened:
                    sentence = f"there is an opening of {statement}, which no registry entry names"
                    recorder.refuse(6, "opening-extra", sentence, "registry", subject=statement)
                self._name_kept(statement, facts)
        totals = recorder.totals
        totals.erased = len(facts.erased)
        committed = sum(len(fields) for records in facts.commitments.values() for _, fields in records)
        totals.withheld = max(0, committed - totals.openings - totals.erased)
        totals.registry_entries = self.view.size
        totals.organisations, totals.persons, totals.devices = (
            len(facts.organisations),
            len(facts.persons),
            len(facts.devices),
        )
        return facts.size == self.view.size

    def _name_kept(self, statement: str, facts: Facts) -> None:
        """An opening that was erased and is in the bundle all the same: somebody kept it."""
        for opening in self._openings[statement]:
            if (statement, opening.field) in facts.erased:
                told = {"field": opening.field, "statement": statement}
                self._recorder.tell(6, "opening-kept", "registry", None, told, subject=statement)
                self._recorder.totals.openings -= 1

    def _apply(self) -> None:
        """Apply the next entry; whatever stops it is named, and ends the replay."""
        index, entry, statement = next(self._entries, (0, None, None))
        if entry is None or statement is None or not self._judge(index, entry, statement):
            self._ended = True
            return
        self._recorder.progress(6, index + 1, self.view.size)

    def _judge(self, index: int, entry: Entry, statement: Statement) -> bool:
        recorder = self._recorder
        recorder.count(6)
        self._checks.place = ("registry", index)
        try:
            self._roster.apply(entry, statement)
        except (RosterRefusal, KeysError) as error:
            rule = error.rule if isinstance(error, RosterRefusal) else ""
            sentence = f"registry entry {index}: {error}"
            recorder.refuse(6, error.code, sentence, "registry", index, rule=rule, subject=statement.id)
            return False
        opened = self._open(index, statement)
        if self._collector is not None:
            self._collector.registered(index, entry, statement, opened)
        return True

    def _open(self, index: int, statement: Statement) -> list[Opening]:
        """M14, as far as openings were handed out: each is a committed field's, and gives its commitment; those that do."""
        openings = self._openings.get(statement.id)
        matching: list[Opening] = []
        if openings is None:
            return matching
        self._opened.add(statement.id)
        commitments = getattr(statement.body, "commitments", None)
        wanted: dict[str, object] = {} if commitments is None else commitments.to_json()
        for opening in openings:
            self._recorder.count(6)
            try:
                made = encoding.commitment(opening.field, encoding.unb64u(opening.salt, length=32), opening.value)
            except KeysError:
                made = ""
            if wanted.pop(opening.field, None) != made:
                sentence = (
                    f"registry entry {index}: the opening of {opening.field} is not what the statement commits to"
                )
                self._recorder.refuse(
                    6, "opening-mismatch", sentence, "registry", index, rule="M14", subject=statement.id
                )
            else:
                self._recorder.totals.openings += 1
                matching.append(opening)
        return matching

    def _again(self, size: int) -> Facts:
        """An earlier roster, from the nearest earlier one at hand; everything was judged on the way forward."""
        near = max((kept for kept in self._kept if kept < size), default=0)
        roster = TrustedRoster(self._kept.get(near), verify=_judged)
        for index, data in proven_entries(self._bundle, self.view, near):
            if index >= size:
                break
            entry = parse_entry(data)
            roster.apply(entry, parse_statement(Envelope.decode(self._bundle.statement(entry.statement))))
        return roster.facts


def _judged(envelope: Envelope, keys: Sequence[SigningPublicKey]) -> None:
    """Signatures that were handed in on the way forward."""
