"""Alerts that somebody gave to this device, and what it checks of them (``docs/spec/sharing.md``, Grants): G1 to G5.

1. The entry is in the journal after the alert's release; its mark is the grant's; the tag is this device's.
2. The grantor's device is in force at acceptance and signed; the window held; the journal that it saw is this one.  Where this
   reader's part of the registry does not have the device, its enrolment comes along and must be what the entry names.
3. The alert's own steps V1 to V6.
4. The grantor's leaf leads to the root, or ``via`` is a grant; ``decide_grant`` says yes as far as this registry goes.
5. The stanza opens with the week's key; then V8 and V9.

That an entry is for this device shows its tag alone (``follow``), so a grant that is not shown is withheld, and said to be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from exchange.client.answers import GrantItem
from exchange.client.errors import (
    GRANT_STEPS,
    BadAnswer,
    ClientError,
    Refused,
    TransportError,
    VerificationError,
)
from exchange.client.forks import FORK
from exchange.client.gossip import hear
from exchange.client.keep import keep_opened
from exchange.client.member import Member
from exchange.client.parts import PartStore
from exchange.client.signed import evidence_of, verify_signed
from exchange.client.state import AlertRow
from exchange.client.steps import digests
from exchange.client.verify import verify_given
from exchange.model.alert import AlertBody
from exchange.model.entry import Entry, GrantMark, parse_entry
from exchange.model.journal import AlertGrant
from exchange.model.problems import Malformed
from exchange.model.registry import DeviceEnrol
from exchange.model.statements import Statement, parse_statement
from exchange.model.window import window_fault
from exchange.policy.grants import GrantContext, Holders, addressed, check_leaf, decide_grant
from exchange.policy.members import Roster
from exchange.policy.replay import AlertRefusal, check_named_journal
from exchange.policy.rules import Decision
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError, OpenError
from keys.grant import GrantBinding, open_grant
from keys.verify import SigningPublicKey

CUT = frozenset({"body-too-large", "redirect"})
"""Transport errors that are the answer of one request, not the state of the connection."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One grant as it was shown."""

    member: Member
    index: int
    envelope: Envelope

    def fail(self, step: int, code: str, detail: str, rule: str = "") -> NoReturn:
        """Refuse at a step of the grant's list."""
        evidence = evidence_of(self.member.replica, self.index, self.envelope)
        raise VerificationError(GRANT_STEPS + step, code, f"journal entry {self.index}: {detail}", evidence, rule=rule)


@dataclass(frozen=True, slots=True)
class _Read:
    """A grant whose signature verified, the roster at its acceptance, and whether its grantor is one that this member is shown."""

    statement: Statement
    grant: AlertGrant
    roster: Roster
    shown: bool


async def receive_granted(member: Member) -> list[str]:
    """Settle every grant to this device that is pending; returns the alerts (statement ids) that were opened.

    What is wrong with one is kept with its evidence under the grant's statement id, and the others go on. Raises TransportError.
    """
    opened: list[str] = []
    for index, statement in member.state.granted():
        try:
            row = await _take(member, index, statement)
        except VerificationError as error:
            member.record(statement, error)
            if error.code == FORK:
                raise
            continue
        except (Refused, BadAnswer) as error:
            if member.replica.now(member.clock()).device_fault(member.device) is not None:
                continue  # by our own roster we are not in force (terms not accepted): it waits
            member.record(statement, _withheld(member, index, error))
            continue
        except TransportError as error:
            if error.code not in CUT:
                raise
            member.record(statement, _withheld(member, index, error))
            continue
        with member.state.transaction():
            member.state.take_granted(index)
            member.state.settle_failures(statement)
        if row is not None:
            opened.append(row.statement)
    return opened


def _withheld(member: Member, index: int, error: ClientError) -> VerificationError:
    """It is in the journal and bears our tag, so it must be shown."""
    entry = member.replica.journal_entry(index)
    evidence = {"answer": f"{error.code}: {error.detail}", "index": str(index)}
    if entry is not None:
        evidence["entry"] = encoding.b64(entry.encode())
    detail = f"a grant for this device is withheld ({error.code}: {error.detail})"
    return VerificationError(GRANT_STEPS + 1, "grant-withheld", detail, evidence)


async def _take(member: Member, index: int, statement: str) -> AlertRow | None:
    """Verify one grant and open its alert; None when the alert was open here before."""
    item = next(iter((await member.api.grants(index, 1)).items), None)
    if item is None or item.index != index:
        raise BadAnswer("the grant of a journal entry that bears this device's tag is not shown")
    case = _Case(member, index, item.envelope)
    read = _verify(case, item)
    row = member.state.alert(read.grant.alert)
    if row is None or row.index >= index:
        case.fail(1, "alert-unknown", "it is of an alert that was not released before")
    if row.status == "opened":
        return None
    answer = await member.api.alert(row.statement, None)
    decided: list[Decision] = []

    def judge(body: AlertBody, named: Roster) -> tuple[bytes, Decision]:
        decided.append(_decide(case, read, body, named))  # G4
        return _open(case, read, body), decided[-1]  # G5

    with PartStore(member.api, member.state.path.parent / "incoming", member.transfer) as parts:

        def keep(position: int, pieces: Iterable[bytes]) -> None:
            member.state.keep_attachment(read.grant.alert, position, pieces)

        opened = await verify_given(member.replica, row.index, answer, parts, keep, judge)  # G3
    given = {"device": read.grant.issuer.device, "purpose": read.grant.purpose, "statement": statement}
    person = read.roster.facts.devices.get(read.grant.issuer.device)
    if person is not None:
        given["person"] = person.person
    keep_opened(member, row, opened, "opened", grant=given)
    return row


# -- G1, G2 --------------------------------------------------------------------------------------------------------------


def _verify(case: _Case, item: GrantItem) -> _Read:
    replica, envelope = case.member.replica, item.envelope
    entry = replica.journal_entry(case.index)
    if entry is None or entry.registry is None or envelope.kind != "alert.grant":
        case.fail(1, "entry-mismatch", "the statement shown is no grant")
    roster = replica.roster(entry.registry.size, entry.at)
    known = roster is not None and any(key in roster.facts.device_of_key for key in envelope.signer_ids)
    if known or roster is None:
        try:
            signed = verify_signed(replica, case.index, envelope)
        except VerificationError as error:
            case.fail(1 if error.step <= 2 else 2, error.code, error.detail)
        read = _Read(signed.statement, _grant(case, signed.statement), signed.roster, True)
    else:
        read = _by_stranger(case, item, entry, roster)
    # G1. Led by another mark, somebody else would take this grant for theirs.
    grant = read.grant
    tag = case.member.identity.grant_tag(encoding.unb64u(grant.ephemeral, length=32))
    if entry.grant != GrantMark(ephemeral=grant.ephemeral, tag=grant.tag) or encoding.b64u(tag) != grant.tag:
        case.fail(1, "entry-differs", "the entry's mark is not the grant's")
    if grant.device != case.member.device:
        case.fail(1, "other-device", "it bears this device's tag and is for another device")
    seen = grant.seen.journal.size
    try:
        # G2. Else one of the two is shown another history.
        check_named_journal(grant, replica.root("journal", seen) if seen <= case.index else None)
    except AlertRefusal as error:
        case.fail(2, error.code, error.detail, error.rule)
    hear(replica, read.statement, registry=read.roster.size, journal=case.index)
    return read


def _grant(case: _Case, statement: Statement) -> AlertGrant:
    if not isinstance(statement.body, AlertGrant):
        case.fail(1, "entry-mismatch", "the statement shown is no grant")
    return statement.body


def _by_stranger(case: _Case, item: GrantItem, entry: Entry, roster: Roster) -> _Read:
    """G2 for a grantor whom this member is not shown: by the enrolment that came along."""
    replica, envelope = case.member.replica, item.envelope
    if (entry.statement, entry.signatures) != (envelope.statement_id, envelope.signatures_hash):
        case.fail(1, "entry-mismatch", "the statement shown is not the one of the entry")
    if item.chain is None:
        case.fail(2, "signer-unknown", "the grantor is not shown, and its enrolment did not come along")
    try:
        body = parse_statement(item.chain).body
        if not isinstance(body, DeviceEnrol):
            case.fail(2, "signer-unknown", "what came along is no enrolment of a device")
        replica.memory.verify(envelope, [SigningPublicKey.from_json(body.signing.to_json())])
        statement = parse_statement(envelope)
    except (KeysError, Malformed) as error:
        case.fail(2, error.code, "the grantor's signature or enrolment does not verify")
    chain = f"device/{body.device}"
    named = [e.statement for e in replica.history.entries[: roster.size] if e.subject == chain]
    if named != [item.chain.statement_id]:
        # Revoked before the grant, or no enrolment that the registry holds.
        case.fail(2, "device-not-in-force", "the registry does not name this enrolment as the newest of its device")
    grant = _grant(case, statement)
    if statement.exchange != replica.exchange or grant.issuer.device != body.device:
        case.fail(2, "issuer-not-signer", "the grant is not its signer's at this exchange")
    if window_fault(statement.at, statement.not_after, entry.at, narrow=True) is not None:
        case.fail(2, "time-window", "the grant was accepted outside its time window")
    return _Read(statement, grant, roster, False)


# -- G4, G5 --------------------------------------------------------------------------------------------------------------


def _decide(case: _Case, read: _Read, body: AlertBody, named: Roster) -> Decision:
    member, grant, core = case.member, read.grant, body.core
    replica, epochs = member.replica, member.replica.epochs
    via = None
    if grant.leaf is not None:
        try:
            check_leaf(body, grant, epochs)
        except AlertRefusal as error:
            case.fail(4, error.code, error.detail, error.rule)
    elif any(
        index < case.index and parse_entry(data).kind == "alert.grant"
        for index, data in member.state.find("journal", grant.via or "")
    ):
        # Whose that grant was, only its two parties and the exchange know.
        via = (grant.alert, grant.issuer.device)
    grantor = grant.issuer.device
    people = [replica.person] if replica.person is not None else []
    usable = epochs.usable(encoding.week_of(core.at), core.seen.journal.size)
    leaves, _ = addressed(named, core, people, usable)
    entitled = frozenset({grantor} if grant.leaf is not None else ())
    context = GrantContext(
        released=True,
        newest=not member.state.newer_version(core.alert, core.version, case.index),
        holders=Holders(leaves - {member.device}, entitled, complete=False),
        usable=epochs.usable(encoding.week_of(grant.at), grant.seen.journal.size),
        via=via,
    )
    decision = decide_grant(read.roster, core, grant, context)
    if not decision.allowed:
        case.fail(4, decision.code, f"{decision.rule} forbids this grant", decision.rule)
    return decision


def _open(case: _Case, read: _Read, body: AlertBody) -> bytes:
    grant, identity = read.grant, case.member.identity
    core_hash, digest = digests(body)
    week = encoding.week_of(grant.at)
    binding = GrantBinding(
        core_hash,
        digest,
        bytes.fromhex(grant.alert),
        encoding.unb64u(grant.nonce, length=16),
        identity.device,
        week,
    )
    try:
        return open_grant(identity.epoch_seed(week), encoding.unb64u(grant.stanza), binding)
    except OpenError as error:
        case.fail(5, error.code, str(error))
