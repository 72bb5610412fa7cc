"""The journal replayed: steps 4, 5 and 7 to 9 for every entry in order (``docs/spec/audit.md``).

The same questions that the server asked at acceptance are asked again, at the roster of the entry; here they are written a
second time, from the specification, so that a mistake in the server's order of events is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from exchange.audit.alerts import AlertReplay, Known
from exchange.audit.facts import Collector
from exchange.audit.grants import GrantReplay
from exchange.audit.registry import RegistryReplay
from exchange.audit.report import Recorder
from exchange.audit.scratch import Scratch
from exchange.audit.signatures import SignatureChecks
from exchange.audit.source import Source
from exchange.audit.statements import Statements
from exchange.audit.tables import AuditEpochs
from exchange.audit.trees import LogView, proven_entries
from exchange.model.alert import AlertBody, DeviceIssuer
from exchange.model.common import ServerIssuer
from exchange.model.entry import Entry, parse_entry
from exchange.model.journal import (
    AccessRead,
    AlertAnswer,
    AlertAsk,
    AlertDeliver,
    AlertGrant,
    AlertReceipt,
    AlertReject,
    AlertReview,
    EpochPublish,
    StatementRefuse,
)
from exchange.model.problems import ExchangeError, Malformed
from exchange.model.scalars import Head
from exchange.model.statements import Statement
from exchange.model.window import WINDOW_SENTENCES, window_fault
from exchange.policy.members import Roster
from exchange.policy.messages import check_answer, check_permitted, check_to_source
from exchange.policy.replay import AlertRefusal
from keys.errors import KeysError
from keys.verify import StatementPublicKey

EPOCHS, ALERTS, CLAIMS = 7, 8, 9
"""The steps that judge journal entries, by what the entry is about."""
_STEP_OF = {"epoch.publish": EPOCHS, "alert": ALERTS, "alert.reject": ALERTS, "alert.review": ALERTS}


class JournalReplay:
    """The journal, entry by entry, against the registry that each entry names."""

    def __init__(
        self,
        bundle: Source,
        view: LogView,
        registry: RegistryReplay,
        statements: Statements,
        statement_key: StatementPublicKey,
        checks: SignatureChecks,
        recorder: Recorder,
        scratch: Scratch,
        collector: Collector | None = None,
    ) -> None:
        self._bundle = bundle
        self._view = view
        self._registry = registry
        self._statements = statements
        self._statement_key = statement_key
        self._checks = checks
        self._recorder = recorder
        self._collector = collector
        self._epochs = AuditEpochs(scratch)
        self._alerts = AlertReplay(bundle, view, registry, self._epochs, checks, recorder, scratch)
        self._grants = GrantReplay(view, self._alerts, self._epochs, scratch)
        self._database = scratch.database
        self._database.execute("CREATE TABLE ask (statement TEXT PRIMARY KEY, alert TEXT, person TEXT) WITHOUT ROWID")
        self._last_at = 0
        self._last_size = 0

    def run(self) -> bool:
        """Replay all proven entries; returns whether that was the whole journal."""
        recorder, view = self._recorder, self._view
        read = 0
        for index, entry, statement in self._statements.of("journal", self._entries()):
            registry = cast(Head, entry.registry)
            self._order(index, entry, registry.size, registry.root)
            if statement is not None:
                self._entry(index, entry, statement, registry.size)
            read = index + 1
            recorder.progress(8, read, view.size)
        complete = read == view.size
        if not complete:
            recorder.incomplete(4, 5, 7, 8, 9, 10)
        recorder.totals.journal_entries = view.size
        self._alerts.finish(self._last_at, complete)
        recorder.totals.received += self._grants.received
        recorder.totals.read += self._grants.read
        return complete

    def _entries(self) -> Iterator[tuple[int, Entry]]:
        """The entries that can be read, up to the first that cannot."""
        recorder = self._recorder
        for index, data in proven_entries(self._bundle, self._view):
            recorder.count(4)
            try:
                entry = parse_entry(data)
            except Malformed as error:
                recorder.refuse(4, error.code, f"journal entry {index}: {error.detail}", "journal", index)
                return
            if entry.registry is None or entry.subject is not None:
                sentence = f"journal entry {index} does not have the fields of a journal entry"
                recorder.refuse(4, "entry-shape", sentence, "journal", index)
                return
            yield index, entry

    # -- step 4 ----------------------------------------------------------------------------------------------------

    def _order(self, index: int, entry: Entry, size: int, root: str) -> None:
        """Times and registry sizes only grow, and the registry named is the log's own at that size."""
        registry, times = self._registry, self._registry.times

        def no(code: str, sentence: str) -> None:
            self._recorder.refuse(4, code, f"journal entry {index}: {sentence}", "journal", index)

        if entry.at < self._last_at:
            no("time-decreases", "it was accepted before the entry that stands before it")
        if size < self._last_size:
            no("registry-decreases", f"it names a registry of {size} entries after one of {self._last_size}")
        if size > registry.view.size:
            no("registry-ahead", f"it names a registry of {size} entries; here it has {registry.view.size}")
        elif (own := registry.view.root(size)) is None:
            self._recorder.incomplete(4)
        elif own.hex() != root:
            no("registry-root", f"it names another root of the registry at {size} entries than this registry's")
        if 0 < size <= len(times) and entry.at < times[size - 1]:
            no("time-decreases", f"it was accepted before registry entry {size - 1}, which it had seen")
        if size < len(times) and entry.at > times[size]:
            no("registry-behind", f"it was accepted after registry entry {size}, which it had not seen")
        self._last_at, self._last_size = max(self._last_at, entry.at), max(self._last_size, size)

    # -- steps 5, 7, 8, 9 --------------------------------------------------------------------------------------------

    def _entry(self, index: int, entry: Entry, statement: Statement, size: int) -> None:
        recorder = self._recorder
        step = _STEP_OF.get(statement.kind.name, CLAIMS)
        roster = self._registry.roster(size, entry.at)
        if roster is None:
            recorder.incomplete(5, step, 10)
            return
        self._checks.place = ("journal", index)
        recorder.count(step)
        fine = True
        try:
            self._judge(index, entry, statement, roster)
        except (ExchangeError, KeysError) as error:
            rule = error.rule if isinstance(error, AlertRefusal) else ""
            sentence = f"journal entry {index}: {error}"
            recorder.refuse(step, error.code, sentence, "journal", index, rule=rule, subject=statement.id)
            fine = False
        if self._collector is not None:
            known = self._alerts.known(statement.id)
            self._collector.journal(index, entry, statement, roster, known, fine=fine)

    def _judge(self, index: int, entry: Entry, statement: Statement, roster: Roster) -> None:
        """One entry by the kind of its statement; raises AlertRefusal, EpochRefusal."""
        body = statement.body
        if isinstance(body, AlertBody):
            self._alerts.alert(index, entry, statement, roster)
            return
        if entry.alert is not None and not isinstance(body, AlertReject):
            raise AlertRefusal("V4", "entry-mismatch", "only entries of alerts and rejections name an alert")
        if entry.grant is not None and not isinstance(body, AlertGrant):
            raise AlertRefusal("V4", "entry-mismatch", "only entries of grants name a grant")
        if isinstance(body, AlertDeliver | StatementRefuse | AccessRead):
            self._by_server(entry, statement, body.issuer)
            self._claim(index, roster, body)
            return
        person = self._by_device(entry, statement, roster, member=isinstance(body, EpochPublish))
        match body:
            case EpochPublish():
                self._epochs.apply(index, statement.id, body)
                self._recorder.totals.epoch_bundles += 1
            case AlertReject():
                self._alerts.reject(entry, body, person)
            case AlertReview():
                self._alerts.review(entry, body, person, roster)
            case AlertReceipt():
                self._receipt(body, roster)
            case AlertGrant():
                self._grants.grant(index, entry, statement, body, roster)
            case AlertAsk():
                known, _ = self._received(body.alert, body.issuer.device)
                check_to_source(roster, self._source(known, roster), body.message)
                asked = (statement.id, known.statement, person)
                self._database.execute("INSERT OR REPLACE INTO ask VALUES (?, ?, ?)", asked)
            case AlertAnswer():
                self._answer(statement.id, body, person, roster)
            case _:
                raise AlertRefusal("V4", "kind-unexpected", f"{statement.kind.name} has no place in the journal")

    def _window(self, entry: Entry, statement: Statement) -> None:
        fault = window_fault(statement.at, statement.not_after, entry.at, narrow=True)
        if fault is not None:
            raise AlertRefusal("V4", fault, WINDOW_SENTENCES[fault])

    def _by_server(self, entry: Entry, statement: Statement, issuer: ServerIssuer) -> None:
        """A claim of the exchange: its statement key and nobody else's."""
        self._checks.ed25519(statement.envelope, self._statement_key)
        if issuer.server != self._statement_key.key_id:
            raise AlertRefusal("V3", "issuer-not-signer", "the claim names another server than the exchange's key")
        self._window(entry, statement)

    def _by_device(self, entry: Entry, statement: Statement, roster: Roster, *, member: bool) -> str:
        """One device's statement: exactly its signature, in its window, in force; returns its person.

        ``member``: being admitted is enough, the terms need not be accepted yet.
        """
        issuer = statement.issuer
        device = roster.facts.devices.get(issuer.device) if isinstance(issuer, DeviceIssuer) else None
        if device is None:
            raise AlertRefusal("R1", "device-unknown", "the issuer was not an enrolled device")
        if statement.kind.scheme == "hybrid":
            self._checks.hybrid(statement.envelope, [device.signing])
        else:
            self._checks.ed25519(statement.envelope, device.signing)
        person = roster.facts.persons[device.person]
        if member:
            fault = "device-revoked" if device.revoked else "person-removed" if person.removed else None
            fault = fault or roster.organisation_fault(person.organisation)
        else:
            fault = roster.device_fault(device.id)
        if fault is not None:
            raise AlertRefusal("R1", fault, "the issuer was not in force")
        self._window(entry, statement)
        return person.id

    def _receipt(self, body: AlertReceipt, roster: Roster) -> None:
        """A receipt is of a released alert, by a device that had a leaf; a reaction is sealed to the alert's source."""
        places = [self._received(alert, body.issuer.device) for alert in body.alerts]
        for known, place in places:
            if body.message is not None:
                check_to_source(roster, self._source(known, roster), body.message)
            elif place is None:
                self._grants.receipt(known.statement, body.issuer.device, body.level)
            elif body.level == "read":
                known.read |= 1 << place
            else:
                known.received |= 1 << place

    def _received(self, alert: str, device: str) -> tuple[Known, int | None]:
        """A released alert and the device's leaf of it (None: it has a grant); raises AlertRefusal."""
        known = self._alerts.known(alert)
        if known is None or known.released_index is None:
            raise AlertRefusal("V4", "alert-unknown", f"the statement is about {alert}, which was not released before")
        return known, self._addressed(known, device, "receipt-without-leaf", "it is by")

    @staticmethod
    def _source(known: Known, roster: Roster) -> str:
        """The organisation of the alert's author."""
        return roster.facts.persons[roster.facts.devices[known.author_device].person].organisation

    def _answer(self, statement: str, body: AlertAnswer, person: str, roster: Roster) -> None:
        row = self._database.execute("SELECT alert, person FROM ask WHERE statement=?", (body.ask,)).fetchone()
        known = None if row is None else self._alerts.known(row[0])
        if known is None:
            raise AlertRefusal("V4", "ask-unknown", f"the answer is to {body.ask}, which was not asked before")
        asker: str = row[1]
        check_answer(roster, person, self._source(known, roster), known.label, asker, body)
        check_permitted(roster, body)
        self._grants.permit(statement, known.statement, roster.facts.persons[asker].organisation, body)

    def _addressed(self, known: Known, device: str, code: str, what: str) -> int | None:
        place = self._alerts.leaf_of(known, device)
        if place is None and not self._grants.has(known.statement, device):
            sentence = f"{what} device {device}, to which {known.statement} was never sealed"
            raise AlertRefusal("V7", code, sentence)
        return place

    def _claim(self, index: int, roster: Roster, body: AlertDeliver | StatementRefuse | AccessRead) -> None:
        """What the server claims must fit the log; that it is true is more than a log can prove."""
        recorder, totals = self._recorder, self._recorder.totals
        if isinstance(body, AccessRead):
            if body.device not in roster.facts.devices:
                raise AlertRefusal("R1", "device-unknown", f"device {body.device} was not enrolled")
            totals.accesses += body.count
            return
        if isinstance(body, StatementRefuse):
            number = len(body.refusals) + body.uncounted
            totals.refusals += number
            codes = ", ".join(sorted({refusal.code for refusal in body.refusals}))
            recorder.tell(10, "statements-refused", "journal", index, {"number": number, "codes": codes})
            return
        for delivery in body.deliveries:
            known = self._alerts.known(delivery.alert)
            if known is None:
                raise AlertRefusal("V4", "alert-unknown", f"{delivery.alert} was neither proposed nor released before")
            device = roster.facts.devices.get(delivery.device)
            if device is None:
                raise AlertRefusal("R1", "device-unknown", f"device {delivery.device} was not enrolled")
            if known.released_index is None and device.person not in self._alerts.handlers(known, roster):
                sentence = f"{delivery.alert} was handed to device {delivery.device} before it was released"
                raise AlertRefusal("R8", "delivery-before-release", sentence)
            if known.label.sealed:
                self._addressed(known, delivery.device, "delivery-without-leaf", "the delivery is to")
        totals.deliveries += len(body.deliveries)
