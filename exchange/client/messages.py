"""Reactions, questions to the source of an alert, and its answers: said, and read (``docs/spec/sharing.md``, Messages).

A message is sealed to few devices, and only to those whom the rules name: the source's authors and approvers, or the person who
asked.  What is read was signed by a device in force and stands in the journal; what does not verify is kept with its evidence and
left out, and what is not sealed to this device is shown as said, without its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from exchange.client import post
from exchange.client.epochkeys import usable_keys
from exchange.client.errors import ClientError, StateError, VerificationError
from exchange.client.member import Member
from exchange.client.signed import Signed, evidence_of, verify_signed
from exchange.client.sync import Letter, letter
from exchange.model.alert import Core
from exchange.model.common import NARROW_WINDOW
from exchange.model.journal import AlertAnswer, AlertAsk, AlertReceipt, Message
from exchange.model.messages import Question, Reaction, Reply, encode_message, parse_message
from exchange.model.problems import Malformed
from exchange.model.scalars import Record
from exchange.model.statements import parse_statement
from exchange.policy.members import Roster
from exchange.policy.messages import PUBLISHERS, MessageRefusal, check_answer, check_permitted, check_to_source
from keys import encoding
from keys.envelope import Envelope
from keys.errors import OpenError
from keys.message import MAX_TARGETS, Binding, MessageTarget, open_message, seal_message
from keys.sign import sign_statement

Words = Reaction | Question | Reply


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said about an alert: when accepted (seconds), by whom; ``words`` is None when they are not for this
    device. Of an answer: the question, the outcome, and whom it permits."""

    index: int
    at: int
    statement: str
    alert: str
    kind: str
    person: str
    organisation: str
    words: Words | None
    ask: str | None = None
    outcome: str | None = None
    permits: tuple[str, ...] = ()


# -- saying --------------------------------------------------------------------------------------------------------------


async def react(member: Member, alert: str, reaction: Reaction) -> str:
    """Tell the source of an alert (statement id) what is done about it; returns the statement id.

    Raises StateError ``not-here``, ClientError ``source-without-key``, Refused, TransportError.
    """
    fields = {"alerts": [alert], "level": "reacted"}
    return await _to_source(member, "alert.receipt", alert, reaction, fields)


async def ask(member: Member, alert: str, question: Question) -> str:
    """Ask the source of an alert whether it may be passed on; raises as ``react``."""
    return await _to_source(member, "alert.ask", alert, question, {"alert": alert})


async def answer(member: Member, asked: Said, permits: Sequence[str], text: str | None) -> str:
    """Answer a question about an alert of this organisation: granted for these persons, or declined when there are none.

    Raises MessageRefusal before anything is sent, Refused, TransportError.
    """
    fields: dict[str, Any] = {"ask": asked.statement, "outcome": "granted" if permits else "declined"}
    if permits:
        fields["permits"] = sorted(set(permits))
    words, devices = None, list[str]()
    if text is not None:
        words = Reply(text=text)
        devices = list(member.replica.now(member.clock()).devices_in_force(asked.person))
    body = await _body(member, asked.statement, words, devices, fields)
    _check_own_answer(member, asked, AlertAnswer.model_validate(body))
    return await _say(member, "alert.answer", body, scheme="hybrid")


def _check_own_answer(member: Member, asked: Said, body: AlertAnswer) -> None:
    roster, core = member.replica.now(member.clock()), _core(member, asked.alert)
    source = organisation_of(roster, core)
    check_answer(roster, member.replica.person or "", source, core.label, asked.person, body)
    check_permitted(roster, body)


async def _to_source(member: Member, kind: str, alert: str, words: Words, fields: dict[str, Any]) -> str:
    core = _core(member, alert)
    devices = source_devices(member.replica.now(member.clock()), core)
    return await _say(member, kind, await _body(member, alert, words, devices, fields), scheme="ed25519")


def source_devices(roster: Roster, core: Core) -> Iterator[str]:
    """Devices that read what is said to the source, those that must first: author, candidate approvers, then the
    organisation's other authors and approvers in order of enrolment."""
    facts, organisation = roster.facts, organisation_of(roster, core)
    author = facts.devices[core.issuer.device].person
    first = (author, *core.approvers)
    others = (p for p in facts.people_of.get(organisation, ()) if p not in first)
    for person in (*first, *others):
        found = facts.persons.get(person)
        if found is None or found.organisation != organisation or not found.roles & PUBLISHERS:
            continue
        if roster.person_fault(person) is None:
            yield from roster.devices_in_force(person)


def organisation_of(roster: Roster, core: Core) -> str:
    """The organisation that an alert is from."""
    facts = roster.facts
    return facts.persons[facts.devices[core.issuer.device].person].organisation


def _core(member: Member, alert: str) -> Core:
    """Raises StateError ``not-here``."""
    kept: Letter = letter(member, alert)
    return parse_statement(Envelope.decode(kept.row.envelope or b"")).alert.core


async def _body(
    member: Member, subject: str, words: Record | None, devices: Iterable[str], fields: dict[str, Any]
) -> dict[str, Any]:
    """The statement's body, its message sealed to the first 24 of the devices that have a usable key."""
    now = member.clock()
    body: dict[str, Any] = {
        "at": now,
        "exchange": member.replica.exchange,
        "issuer": {"device": member.device},
        "nonce": encoding.b64u(member.random(16)),
        "not_after": now + NARROW_WINDOW,
        "seen": member.seen.to_json(),
        **fields,
    }
    if words is None:
        return body
    week = encoding.week_of(now)
    keys = await usable_keys(member, devices, week, member.replica.size("journal"))
    if not keys:
        raise ClientError("source-without-key", "no device of those who may read this has a usable key")
    targets = [
        MessageTarget(encoding.unb64u(device, length=16), week, key) for device, key in list(keys.items())[:MAX_TARGETS]
    ]
    sealed = seal_message(_binding(body, subject), encode_message(words), targets, member.random)
    body["message"] = {
        "ciphertext": encoding.b64u(sealed.ciphertext),
        "stanzas": [{"device": encoding.b64u(d), "stanza": encoding.b64u(stanza)} for d, stanza in sealed.stanzas],
    }
    return body


def _binding(body: dict[str, Any], subject: str) -> Binding:
    device, nonce = body["issuer"]["device"], body["nonce"]
    return Binding(body["exchange"], encoding.unb64u(device, length=16), encoding.unb64u(nonce, length=16), subject)


async def _say(member: Member, kind: str, body: dict[str, Any], *, scheme: str) -> str:
    signer = member.identity.signer
    envelope = sign_statement(kind, body, signer, scheme="hybrid" if scheme == "hybrid" else "ed25519")
    await post.send(member, post.MESSAGE, envelope)
    return envelope.statement_id


# -- reading -------------------------------------------------------------------------------------------------------------


async def conversation(member: Member, alert: str) -> list[Said]:
    """Everything said about an alert of this organisation, in journal order; for its authors and approvers.

    Raises Refused (``not-entitled``), TransportError, BadAnswer, StateError ``not-here``.
    """
    core = _core(member, alert)
    found: list[Said] = []
    async for index, envelope in member.api.reactions(alert):
        try:
            found.append(_read(member, index, envelope, core, alert, {said.statement: said for said in found}))
        except VerificationError as error:
            member.record(envelope.statement_id, error)
    return found


async def answers(member: Member) -> list[Said]:
    """The sources' answers to questions of this organisation, in journal order; one that does not verify is kept as a failure.

    The question may be a colleague's; then its words, and those of the answer, are not for this device.
    """
    found: list[Said] = []
    async for index, envelope in member.api.answers():
        try:
            found.append(await _answer(member, index, envelope))
        except VerificationError as error:
            member.record(envelope.statement_id, error)
    return found


async def _answer(member: Member, index: int, envelope: Envelope) -> Said:
    """An answer with the question it is to, both verified, and that it is the source's to give."""
    signed = verify_signed(member.replica, index, envelope)
    body = signed.statement.body
    if not isinstance(body, AlertAnswer):
        raise _no(member, index, envelope, 4, "kind-unexpected", "the statement is no answer")
    question = member.state.sent(body.ask) or await member.api.statement(body.ask)
    asked_at = post.accepted_at(member, question)
    if asked_at is None:
        raise _no(member, index, envelope, 2, "ask-unknown", "the answer is to a question that is not in the journal")
    asked = verify_signed(member.replica, asked_at, question)
    if not isinstance(asked.statement.body, AlertAsk):
        raise _no(member, index, envelope, 4, "ask-unknown", "the answer is to no question")
    alert = asked.statement.body.alert
    try:
        core = _core(member, alert)
    except StateError:
        core = None  # a colleague's alert, which this device was not sealed: its source is for the colleague to check
    if core is not None:
        source = organisation_of(signed.roster, core)
        try:
            check_answer(signed.roster, signed.person.id, source, core.label, asked.person.id, body)
        except MessageRefusal as error:
            raise _no(member, index, envelope, 5, error.code, error.detail) from None
    words = _words(member, signed, body.message, body.ask, Reply)
    return _said(index, signed, alert, words, body.ask, body.outcome, body.permits or ())


def _read(member: Member, index: int, envelope: Envelope, core: Core, alert: str, earlier: dict[str, Said]) -> Said:
    """One statement about the alert, verified and opened as far as it is for this device."""
    signed = verify_signed(member.replica, index, envelope)
    body = signed.statement.body
    source = organisation_of(signed.roster, core)
    try:
        match body:
            case AlertReceipt(level="reacted", alerts=(about,), message=message) if about == alert and message:
                check_to_source(signed.roster, source, message)
                return _said(index, signed, alert, _words(member, signed, message, alert, Reaction))
            case AlertAsk(alert=about, message=message) if about == alert:
                check_to_source(signed.roster, source, message)
                return _said(index, signed, alert, _words(member, signed, message, alert, Question))
            case AlertAnswer(ask=asked) if (question := earlier.get(asked)) is not None:
                check_answer(signed.roster, signed.person.id, source, core.label, question.person, body)
                words = _words(member, signed, body.message, asked, Reply)
                return _said(index, signed, alert, words, asked, body.outcome, body.permits or ())
            case _:
                raise _no(member, index, envelope, 4, "kind-unexpected", "nothing of this kind is said about the alert")
    except MessageRefusal as error:
        raise _no(member, index, envelope, 5, error.code, error.detail) from None


def _words(member: Member, signed: Signed, message: Message | None, subject: str, model: type[Words]) -> Words | None:
    """The message opened; None when it is not for this device, or its key of that week is gone."""
    stanza = None
    if message is not None:
        stanza = next((s.stanza for s in message.stanzas if s.device == member.device), None)
    if message is None or stanza is None:
        return None
    week = encoding.week_of(signed.statement.at)
    try:
        seed = member.identity.epoch_seed(week)
    except OpenError:
        return None
    raw: dict[str, Any] = encoding.decode(signed.statement.envelope.body, max_bytes=len(signed.statement.envelope.body))
    device = encoding.unb64u(member.device, length=16)
    ciphertext, sealed = encoding.unb64u(message.ciphertext), encoding.unb64u(stanza)
    try:
        opened = open_message(_binding(raw, subject), ciphertext, sealed, device=device, week=week, seed=seed)
        return parse_message(model, opened)
    except (OpenError, Malformed) as error:
        code = error.code
        raise VerificationError(8, code, str(error), {"statement": _text(signed.statement.envelope)}) from None


def _said(
    index: int,
    signed: Signed,
    alert: str,
    words: Words | None,
    asked: str | None = None,
    outcome: str | None = None,
    permits: tuple[str, ...] = (),
) -> Said:
    statement, person = signed.statement, signed.person
    return Said(
        index,
        signed.entry.at,
        statement.id,
        alert,
        statement.kind.name,
        person.id,
        person.organisation,
        words,
        asked,
        outcome,
        permits,
    )


def _no(member: Member, index: int, envelope: Envelope, step: int, code: str, detail: str) -> VerificationError:
    return VerificationError(
        step, code, f"journal entry {index}: {detail}", evidence_of(member.replica, index, envelope)
    )


def _text(envelope: Envelope) -> str:
    return encoding.b64(envelope.encode())
