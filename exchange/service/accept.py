"""Accepting statements: the only way anything changes (``docs/spec/logs.md``, Commit order).

``prepare`` does outside the lock what needs the store or many cycles: lookup of what was accepted before, signatures, the
stanza pack.  ``Request.stage`` runs under the sequencer's lock, does no I/O and decides: against the staged roster, the
policy and the clock, for all statements of a request or for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, cast

from exchange.ledger.stage import Stage
from exchange.model.alert import AlertBody
from exchange.model.entry import PROPOSED, REJECTED, RELEASED, AlertMark, AudienceHead, Entry, GrantMark
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
from exchange.model.registry import Founding, OpeningErase, TermsDefine
from exchange.model.scalars import BlobRef, Head
from exchange.model.statements import Statement, chain_of, parse_statement
from exchange.model.submission import Refused, Submission
from exchange.model.tlp import Label
from exchange.model.window import WINDOW_SENTENCES, window_fault
from exchange.policy.decide import Verdict
from exchange.policy.epochs import EpochRefusal
from exchange.policy.lineage import Lineage
from exchange.policy.members import Facts, Roster
from exchange.policy.replay import (
    AlertRefusal,
    LeafSet,
    check_named_roster,
    check_window,
    check_witnessed,
    replay_alert,
    verify_signers,
)
from exchange.policy.roster import RosterRefusal, check_openings
from exchange.policy.rules import approver_fault
from exchange.service import grants
from exchange.service.grants import KnownGrants
from exchange.service.messages import Correspondence, KnownMessages
from exchange.service.state import Known, Receipt, Staging
from exchange.store import alerts, blobs, epochs, meta, statements
from exchange.store.alerts import AlertRow, AudienceRow, DeliveryRow, ReceiptRow
from exchange.store.blobs import ClaimRow
from exchange.store.epochs import EpochKeyRow
from exchange.store.statements import ErasedRow, OpeningRow, StatementRow
from exchange.tlog.checkpoint import LogName
from keys import encoding
from keys.errors import KeysError
from keys.kem import EPOCH_KEY
from keys.verify import StatementPublicKey, verify_ed25519

KEPT_DEVICES = 1 << 16
"""Device ids remembered as bytes, about 200 bytes each: every alert to many names the same ones."""


@dataclass(frozen=True, slots=True)
class AlertMaterial:
    """What an alert brings that is not in its statement: its leaves (None for CLEAR), the roster it names, and the versions
    before it (None for version 1)."""

    leaves: LeafSet | None
    named: Facts
    lineage: Lineage | None = None


@dataclass(frozen=True, slots=True)
class KnownAlert:
    """An alert that is in the store already: its row and its candidate approvers."""

    row: AlertRow
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownAlerts:
    """What the statements of a request speak about: proposals and alerts, whose leaves receipts are for, and which receipts
    (alert, device, level) its devices have given before."""

    alerts: Mapping[str, KnownAlert]
    audiences: Mapping[str, AudienceRow]
    receipted: frozenset[Receipt] = frozenset()
    messages: KnownMessages = field(default_factory=KnownMessages)
    grants: KnownGrants = field(default_factory=KnownGrants)

    def addressed(self, alert: str, device: str) -> bool:
        """Whether the device has a leaf of the alert (statement id); never of CLEAR, nor of one that is not here."""
        audience = self.audiences.get(alert)
        return audience is not None and audience.position_of(device) is not None


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a statement of the request stands."""

    statement: str
    log: LogName
    index: int
    kind: str
    entry: bytes | None
    unserved: tuple[str, ...] = ()
    newcomers: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()


@dataclass(slots=True)
class Prepared:
    """One statement, read and made ready; ``known`` when it was accepted before, at that index."""

    submission: Submission
    statement: Statement
    known: int | None = None
    material: AlertMaterial | None = None
    lineage: Lineage | None = None
    """Of the alert that a grant is of, where its decision needs it."""


@lru_cache(maxsize=KEPT_DEVICES)
def _raw_device(device: str) -> bytes:
    return encoding.unb64u(device, length=16)


def entry_kind(statement: Statement) -> tuple[str, int]:
    """Kind of the entry this statement would get, and its number of signers: with its id the key of idempotence."""
    signers = len(statement.envelope.signer_ids)
    if isinstance(statement.body, AlertBody):
        return (RELEASED if signers - 1 >= statement.body.core.approvals else PROPOSED), signers
    return (REJECTED if isinstance(statement.body, AlertReject) else statement.kind.name), signers


def known_of(statement: Statement) -> Known:
    """The key of idempotence."""
    kind, signers = entry_kind(statement)
    return statement.id, kind, signers


def blobs_of(statement: Statement) -> tuple[BlobRef, ...]:
    """The uploads that a statement names and claims when it is accepted."""
    match statement.body:
        case AlertBody() as body:
            pack = body.sealed.pack
            return body.sealed.parts if pack is None else (*body.sealed.parts, pack)
        case EpochPublish() as body:
            return (body.bundle,)
        case _:
            return ()


def log_of(statement: Statement) -> LogName:
    """The log a statement enters; raises Refused for one that is never logged."""
    if statement.kind.log == "none":
        raise Refused("kind-not-logged", f"{statement.kind.name} is not posted here")
    return statement.kind.log


def read(submission: Submission, index: int) -> Prepared:
    """Parse one submission by its closed schema; raises Refused."""
    try:
        prepared = Prepared(submission, parse_statement(submission.envelope))
        log_of(prepared.statement)
        return prepared
    except Malformed as error:
        raise Refused(error.code, error.detail, index=index) from None
    except Refused as error:
        error.index = index
        raise


class Request:
    """All statements of one request, staged together: all or none."""

    def __init__(
        self,
        prepared: Sequence[Prepared],
        expected_founding: str | None,
        known: KnownAlerts,
        statement_key: StatementPublicKey,
    ) -> None:
        self.prepared = prepared
        self.placed: list[Placed] = []
        self._expected_founding = expected_founding
        self._known = known
        self._statement_key = statement_key

    def stage(self, stage: Stage, staging: Staging) -> None:
        """Decide every statement in order; raises Refused with the index of the first that fails."""
        self.placed = []
        for index, one in enumerate(self.prepared):
            try:
                self.placed.append(self._stage_one(stage, staging, one))
            except RosterRefusal as error:
                raise Refused(error.code, error.detail, rule=error.rule, index=index) from None
            except AlertRefusal as error:
                raise Refused(error.code, error.detail, rule=error.rule, differs=error.differs, index=index) from None
            except Refused as error:
                error.index = index
                raise
            except (ExchangeError, KeysError) as error:
                raise Refused(error.code, str(error), index=index) from None

    def _stage_one(self, stage: Stage, staging: Staging, one: Prepared) -> Placed:
        statement = one.statement
        key = known_of(statement)
        log = log_of(statement)
        index = one.known if one.known is not None else staging.state.recent(key)
        if index is None and key in staging.known:
            index = staging.known[key][1]
        if index is not None:
            return Placed(statement.id, log, index, key[1], None)
        if log == "registry":
            return self._registry(stage, staging, one)
        if staging.exchange is None or statement.exchange != staging.exchange:
            raise Refused("other-exchange", "the statement is for another exchange")
        return self._journal(stage, staging, one)

    # -- registry -------------------------------------------------------------------------------------------------

    def _registry(self, stage: Stage, staging: Staging, one: Prepared) -> Placed:
        statement = one.statement
        if isinstance(statement.body, Founding) and statement.id != self._expected_founding:
            # A stranger must not found this server for itself: init pinned the one founding that may come.
            raise Refused("founding-unexpected", "this server waits for another founding", rule="M1")
        self.check_openings(one)
        entry = Entry(
            at=stage.at,
            kind=statement.kind.name,
            signatures=statement.envelope.signatures_hash,
            statement=statement.id,
            subject=chain_of(statement),
        )
        staging.roster.apply(entry, statement)
        staging.times.append(stage.at)
        if isinstance(statement.body, Founding):
            staging.founding = statement
            stage.write(meta.put, (meta.EXCHANGE, statement.id))
        if isinstance(statement.body, TermsDefine):
            stage.write(blobs.claim, ClaimRow(statement.body.document.sha256, statement.id, None))
        if isinstance(statement.body, OpeningErase):
            erased = statement.body
            stage.write(statements.change_openings, *(ErasedRow(erased.statement, field) for field in erased.fields))
        stage.write(
            statements.change_openings,
            *(
                OpeningRow(statement.id, o.field, encoding.unb64u(o.salt, length=32), o.value)
                for o in one.submission.openings
            ),
        )
        placed = self._append(stage, staging, one, "registry", entry)
        staging.roots.append(stage.root("registry"))
        return placed

    def check_openings(self, one: Prepared) -> None:
        """M14; raises RosterRefusal. A rebuild has no openings to bring."""
        check_openings(one.statement, one.submission.openings)

    # -- journal --------------------------------------------------------------------------------------------------

    def _journal(self, stage: Stage, staging: Staging, one: Prepared) -> Placed:
        if one.submission.openings:
            raise Refused("opening-unexpected", "only registry statements have openings")
        statement, acceptance = one.statement, staging.roster.at(stage.at)
        alert: AlertMark | None = None
        grant: GrantMark | None = None
        verdict: Verdict | None = None
        places: dict[str, int] = {}
        match statement.body:
            case AlertBody():
                alert, verdict, places = self._alert(stage, staging, one, acceptance)
            case EpochPublish() as body:
                self._by_device(staging, statement, acceptance, stage.at, member=True)
                self._epochs(stage, staging, statement, body)
            case AlertReceipt() as body:
                self._by_device(staging, statement, acceptance, stage.at)
                self._receipt(stage, staging, statement, body, acceptance)
            case AlertGrant() as body:
                self._by_device(staging, statement, acceptance, stage.at)
                audience = self._known.audiences.get(body.alert)
                grant = grants.accept(
                    stage, staging, statement, body, self._known.grants, audience, acceptance, one.lineage
                )
            case AlertAsk() as body:
                self._by_device(staging, statement, acceptance, stage.at)
                self._recipient(staging, body.alert, body.issuer.device)
                known = self._released(staging, body.alert)
                self._said(staging).to_source(stage, statement, known.row, body, acceptance)
            case AlertAnswer() as body:
                person = self._by_device(staging, statement, acceptance, stage.at)
                said = self._said(staging)
                known = self._released(staging, said.ask(body.ask).alert)
                said.answer(stage, statement, person, known.row, body, acceptance)
            case AlertReject() as body:
                alert = self._reject(stage, staging, statement, body, acceptance)
            case AlertReview() as body:
                self._review(stage, staging, statement, body, acceptance)
            case AlertDeliver() as body:
                self._by_server(statement, stage.at)
                index = stage.size("journal")
                rows = [DeliveryRow(d.alert, d.device, d.at, index) for d in body.deliveries]
                stage.write(alerts.add_deliveries, *rows)
                stage.write(alerts.claim_deliveries, *rows)
            case StatementRefuse() | AccessRead():
                self._by_server(statement, stage.at)
            case _:
                raise Refused("kind-unexpected", f"{statement.kind.name} is not accepted here")
        entry = Entry(
            alert=alert,
            at=stage.at,
            grant=grant,
            kind=entry_kind(statement)[0],
            registry=Head(root=stage.root("registry").hex(), size=stage.size("registry")),
            signatures=statement.envelope.signatures_hash,
            statement=statement.id,
        )
        placed = self._append(stage, staging, one, "journal", entry)
        if isinstance(statement.body, AlertBody) and verdict is not None:
            self._alert_rows(stage, staging, statement, placed.index, one.material, places)
            return Placed(
                placed.statement,
                "journal",
                placed.index,
                placed.kind,
                placed.entry,
                verdict.unserved,
                verdict.newcomers,
                verdict.unreached,
            )
        return placed

    @staticmethod
    def _window(statement: Statement, now: int) -> None:
        fault = window_fault(statement.at, statement.not_after, now, narrow=True)
        if fault is not None:
            raise Refused(fault, WINDOW_SENTENCES[fault])

    def _by_device(
        self, staging: Staging, statement: Statement, roster: Roster, now: int, *, member: bool = False
    ) -> str:
        """One device's statement: signatures, window, device in force; returns its person.

        ``member``: being admitted is enough, the terms need not be accepted yet.
        """
        device_id = cast(Any, statement.issuer).device
        device = roster.facts.devices.get(device_id)
        if device is None:
            raise Refused("device-unknown", "the issuer is not an enrolled device", rule="R1")
        person = roster.facts.persons[device.person]
        if member:
            fault = "device-revoked" if device.revoked else "person-removed" if person.removed else None
            fault = fault or roster.organisation_fault(person.organisation)
        else:
            fault = roster.device_fault(device_id)
        if fault is not None:
            raise Refused(fault, "the issuer is not in force", rule="R1")
        if statement.kind.scheme == "hybrid":
            if statement.envelope.signer_ids != (device.signing.key_id,):
                raise Refused("signature-extra", "exactly the issuer's device signs", rule="V3")
            staging.state.verified.verify(statement.envelope, [device.signing])
        else:
            verify_ed25519(statement.envelope, device.signing)
        self._window(statement, now)
        return person.id

    def _by_server(self, statement: Statement, now: int) -> None:
        verify_ed25519(statement.envelope, self._statement_key)
        self._window(statement, now)

    def _alert(
        self, stage: Stage, staging: Staging, one: Prepared, acceptance: Roster
    ) -> tuple[AlertMark, Verdict, dict[str, int]]:
        statement, material = one.statement, one.material
        body = statement.alert
        core = body.core
        if material is None:
            raise Refused("alert-unprepared", "the parts or the pack of the alert are not uploaded", rule="V6")
        signers = verify_signers(statement, acceptance, staging.state.verified.verify)
        check_window(core, signers, stage.at)
        size = core.seen.registry.size
        check_named_roster(core, staging.registry_root(size), staging.first_later_entry(size))
        if staging.is_rejected(statement.id):
            raise AlertRefusal("R8", "rejected", "a candidate approver has rejected this proposal")
        version = (core.alert, core.version)
        taken = staging.versions.get(version) or staging.state.versions.get(version)
        if taken is not None:
            raise AlertRefusal("R10", "version-taken", "this version of the alert is released", {"statement": [taken]})
        check_witnessed(core, material.named)
        named = Roster(material.named, core.at)
        leaves = () if material.leaves is None else material.leaves
        verdict, places = replay_alert(
            statement, named, acceptance, staging.state.epochs, signers, leaves, material.lineage
        )
        audience = None
        if core.label is not Label.CLEAR:
            sealed = body.sealed
            audience = AudienceHead(depth=sealed.depth or 0, ephemeral=sealed.ephemeral or "", root=sealed.root or "")
        return AlertMark(audience=audience, id=core.alert, version=core.version), verdict, places

    def _alert_rows(
        self,
        stage: Stage,
        staging: Staging,
        statement: Statement,
        index: int,
        material: AlertMaterial | None,
        places: Mapping[str, int],
    ) -> None:
        body = statement.alert
        core = body.core
        state, _ = entry_kind(statement)
        released = state == RELEASED
        until = None if released else core.release_by
        kept = {blob.sha256 for blob in blobs_of(statement)}
        stage.write(blobs.claim, *(ClaimRow(sha256, statement.id, until) for sha256 in sorted(kept)))
        if released:
            staging.versions[(core.alert, core.version)] = statement.id
        roster = staging.roster.facts
        person = roster.persons[roster.devices[core.issuer.device].person]
        pack = None if body.sealed.pack is None else body.sealed.pack.sha256
        stage.write(
            alerts.put,
            AlertRow(
                statement.id,
                core.alert,
                core.version,
                core.issuer.device,
                person.organisation,
                core.label.value,
                "released" if released else "proposed",
                index,
                core.release_by,
                pack,
            ),
        )
        if material is not None and material.leaves is not None:
            devices = [b""] * len(places)
            for device, place in places.items():
                devices[place] = _raw_device(device)
            row = AudienceRow(statement.id, material.leaves.encoded, b"".join(devices))
            stage.write(alerts.put_audiences, row)

    def _epochs(self, stage: Stage, staging: Staging, statement: Statement, body: EpochPublish) -> None:
        staging.state.epochs.check(body)
        device, index = body.issuer.device, stage.size("journal")
        for position, key in enumerate(body.keys):
            if (device, key.week) in staging.epochs:
                raise EpochRefusal("week-published", f"this device published a key for week {key.week} before")
            staging.epochs[(device, key.week)] = statement.id
            offset = position * EPOCH_KEY
            row = EpochKeyRow(device, key.week, key.hash, statement.id, index, body.bundle.sha256, offset)
            stage.write(epochs.add, row)
        stage.write(blobs.claim, ClaimRow(body.bundle.sha256, statement.id, None))

    def _said(self, staging: Staging) -> Correspondence:
        return Correspondence(self._known.messages, staging.said)

    def _released(self, staging: Staging, alert: str) -> KnownAlert:
        known = self._known.alerts.get(alert)
        if known is None or alert not in staging.state.released:
            raise Refused("alert-unknown", "there is no released alert with this id")
        return known

    def _recipient(self, staging: Staging, alert: str, device: str) -> None:
        if alert not in staging.state.released:
            raise Refused("receipt-without-leaf", "a receipt is for alerts that this device was sealed")
        if not (self._known.addressed(alert, device) or staging.state.grants.has(alert, device)):
            raise Refused("receipt-without-leaf", "a receipt is for alerts that this device was sealed")

    def _receipt(
        self, stage: Stage, staging: Staging, statement: Statement, body: AlertReceipt, acceptance: Roster
    ) -> None:
        device = body.issuer.device
        if body.message is not None:
            [alert] = body.alerts
            self._recipient(staging, alert, device)
            known_alert = self._released(staging, alert)
            self._said(staging).to_source(stage, statement, known_alert.row, body, acceptance)
            stage.write(alerts.add_receipts, ReceiptRow(alert, device, body.level, stage.at, stage.size("journal")))
            return
        given = {(alert, device, body.level) for alert in body.alerts}
        known = self._known.receipted | staging.receipted
        if all(receipt in known or staging.state.receipted(receipt) for receipt in given):
            # An entry stays for ever: who says the same again and again would fill the journal for everybody.
            raise Refused("receipt-repeated", "this device gave these receipts before")
        staging.receipted |= given
        for alert in body.alerts:
            self._recipient(staging, alert, device)
            row = ReceiptRow(alert, device, body.level, stage.at, stage.size("journal"))
            stage.write(alerts.add_receipts, row)

    def _reject(
        self, stage: Stage, staging: Staging, statement: Statement, body: AlertReject, acceptance: Roster
    ) -> AlertMark:
        person = self._by_device(staging, statement, acceptance, stage.at)
        known = self._known.alerts.get(body.alert)
        if known is None or not staging.open_proposal(body.alert, (known.row.alert, known.row.version)):
            raise Refused("proposal-unknown", "there is no open proposal with this id")
        if person not in known.approvers:
            raise Refused("approver-not-candidate", "only a candidate approver rejects a proposal", rule="R8")
        staging.rejected.add(body.alert)
        stage.write(alerts.put, replace(known.row, state="rejected", journal_index=stage.size("journal")))
        return AlertMark(id=known.row.alert, version=known.row.version)

    def _review(
        self, stage: Stage, staging: Staging, statement: Statement, body: AlertReview, acceptance: Roster
    ) -> None:
        person = self._by_device(staging, statement, acceptance, stage.at)
        known = self._released(staging, body.alert)
        author = acceptance.facts.persons[acceptance.facts.devices[known.row.author_device].person]
        fault = approver_fault(acceptance, author, person)
        if fault is not None:
            raise Refused(
                fault, "a review is by another person with role approver of the author's organisation", rule="R8"
            )

    # -- common ---------------------------------------------------------------------------------------------------

    def _append(self, stage: Stage, staging: Staging, one: Prepared, log: LogName, entry: Entry) -> Placed:
        statement = one.statement
        data = entry.encode()
        index = stage.append(log, data)
        kind, signers = entry_kind(statement)
        staging.known[(statement.id, kind, signers)] = (log, index)
        if log == "journal":
            staging.journal.append((index, kind, statement))
        row = StatementRow(log, index, statement.id, statement.kind.name, kind, signers, statement.envelope.encode())
        stage.write(statements.add, row)
        return Placed(statement.id, log, index, kind, data)
