"""Giving an alert to one more device: passing on, serving newcomers, history for a new device (``docs/spec/sharing.md``, Grants).

Who may be given what is ``decide_grant``'s to say, at this member's newest roster; the exchange asks it again, and so does the
grantee.  A member who sees a part of the registry can name those whom it sees, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from exchange.client import post
from exchange.client.answers import Result
from exchange.client.epochkeys import usable_keys
from exchange.client.errors import ClientError, Refused, StateError, VerificationError
from exchange.client.follow import follow
from exchange.client.keep import MAX_FACTS
from exchange.client.lineage import earlier_recipients
from exchange.client.member import Member
from exchange.client.state import AlertRow
from exchange.client.steps import digests
from exchange.model.alert import AlertBody
from exchange.model.common import NARROW_WINDOW
from exchange.model.journal import AlertGrant
from exchange.model.statements import encode_body, parse_statement
from exchange.policy.grants import HISTORY, ONWARD, GrantContext, Holders, addressed, decide_grant
from exchange.policy.replay import refusal_of
from exchange.policy.rules import Decision
from keys import encoding
from keys.envelope import Envelope
from keys.grant import GrantBinding, seal_grant
from keys.sign import sign_statement

NOT_HERE = Decision(False, "", "content-key-missing")
"""The alert was opened by a program that did not keep its content key."""
NO_DEVICE = Decision(False, "R16", "person-without-device")
KEPT_BACK = frozenset({"already-recipient"})
"""A refusal by which nothing is lost: somebody else was faster."""

Progress = Callable[[int, int], None]
"""(done, of how many)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person and what the rules say of giving the alert to them; ``devices`` are those to which it may be given."""

    person: str
    decision: Decision
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What was given: the alert, the device, the grant's statement id."""

    alert: str
    device: str
    statement: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was not given, and why: an alert (statement id) for a device."""

    alert: str
    device: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class _Alert:
    """An opened alert, ready to be given on: its body, and who has it as far as this member can compute."""

    row: AlertRow
    body: AlertBody
    proof: dict[str, Any]
    holders: Holders


def _prepare(member: Member, statement: str) -> _Alert:
    """Raises StateError ``not-here``."""
    row, replica = member.state.alert(statement), member.replica
    if row is None or row.status not in ("opened", "public") or row.envelope is None:
        raise StateError("not-here", "this alert was not opened here")
    body = parse_statement(Envelope.decode(row.envelope)).alert
    core = body.core
    raw: dict[str, Any] = encoding.decode(member.state.facts(statement) or b"{}", max_bytes=MAX_FACTS)
    proof: dict[str, Any] = {}
    if "grant" in raw:
        proof = {"via": raw["grant"]["statement"]}
    elif "leaf" in raw:
        proof = {"leaf": raw["leaf"]}
    named = replica.roster(core.seen.registry.size, core.at)
    leaves: frozenset[str] = frozenset()
    stanzas: frozenset[str] = frozenset()
    if named is not None:
        usable = replica.epochs.usable(encoding.week_of(core.at), core.seen.journal.size)
        leaves, stanzas = addressed(named, core, named.facts.persons, usable, earlier_recipients(replica, core))
    granted = {grant.device for grant in _own_grants(member) if grant.alert == statement}
    if "grant" in raw:
        granted.add(member.device)
    return _Alert(row, body, proof, Holders(leaves, stanzas, frozenset(granted), complete=False))


def _own_grants(member: Member) -> Iterable[AlertGrant]:
    """The grants that this device signed and that stand in the journal, or may yet."""
    for item in member.state.outgoing(open_only=False):
        if item.purpose == post.GRANT:
            body = parse_statement(item.envelope).body
            if isinstance(body, AlertGrant):
                yield body


def _body(member: Member, alert: _Alert, device: str, purpose: str, permission: str | None) -> AlertGrant:
    """The grant without its stanza: zeros stand in the place of what is sealed."""
    now = member.clock()
    fields: dict[str, Any] = {
        "alert": alert.row.statement,
        "at": now,
        "device": device,
        "ephemeral": encoding.b64u(bytes(32)),
        "exchange": member.replica.exchange,
        "issuer": {"device": member.device},
        "nonce": encoding.b64u(member.random(16)),
        "not_after": now + NARROW_WINDOW,
        "purpose": purpose,
        "seen": member.seen.to_json(),
        "stanza": encoding.b64u(bytes(1168)),
        "tag": encoding.b64u(bytes(8)),
    }
    if permission is not None:
        fields["permission"] = permission
    proof = alert.proof
    if not proof or ("via" in proof and purpose != HISTORY):
        # Nothing to show: the decision says that this device cannot give it on in this way.
        proof = {"leaf": {"index": 0, "path": [], "stanza": "0" * 64, "tag": encoding.b64u(bytes(8))}}
    return AlertGrant.model_validate(fields | proof)


def _decide(member: Member, alert: _Alert, grant: AlertGrant) -> Decision:
    replica, core = member.replica, alert.body.core
    roster = replica.now(member.clock())
    context = GrantContext(
        released=True,
        newest=not member.state.newer_version(core.alert, core.version, replica.size("journal")),
        # A colleague's leaves are computed exactly; what others granted it is unknown, and theirs to seal again.
        holders=replace(alert.holders, complete=grant.purpose == HISTORY),
        usable=replica.epochs.usable(encoding.week_of(grant.at), grant.seen.journal.size),
        via=(grant.alert, member.device) if grant.via is not None else None,
    )
    return decide_grant(roster, core, grant, context)


# -- to whom -------------------------------------------------------------------------------------------------------------


def who(member: Member, statement: str, purpose: str = ONWARD, permission: str | None = None) -> list[Candidate]:
    """Every person whom this member sees, in roster order, with the decision; removed ones are left out.

    Raises StateError ``not-here``.
    """
    alert, roster = _prepare(member, statement), member.replica.now(member.clock())
    found = []
    for person in roster.people():
        if person.removed or person.id == member.replica.person:
            continue
        found.append(_candidate(member, alert, person.id, purpose, permission))
    return found


def _candidate(member: Member, alert: _Alert, person: str, purpose: str, permission: str | None) -> Candidate:
    roster = member.replica.now(member.clock())
    devices: list[str] = []
    first: Decision | None = None
    refused: Decision | None = None
    for device in roster.devices_in_force(person):
        decision = _decide(member, alert, _body(member, alert, device, purpose, permission))
        if decision.allowed:
            devices.append(device)
            first = first or decision
        elif refused is None or refused.code == "grantee-without-key":
            refused = decision
    return Candidate(person, first or refused or NO_DEVICE, tuple(devices))


# -- giving --------------------------------------------------------------------------------------------------------------


async def share(
    member: Member, statement: str, persons: Iterable[str], purpose: str = ONWARD, permission: str | None = None
) -> tuple[list[Given], list[LeftOut]]:
    """Give an alert to all usable devices of these persons; follow the logs first.

    Raises AlertRefusal (the rule, for the first person to whom it may not be given; then nothing was given), StateError
    ``not-here``, ClientError ``content-key-missing``, Refused, TransportError, VerificationError.
    """
    alert = _prepare(member, statement)
    chosen = [_candidate(member, alert, person, purpose, permission) for person in persons]
    for candidate in chosen:
        if not candidate.decision.allowed:
            raise refusal_of(candidate.decision)
    todo = [(alert, device) for candidate in chosen for device in candidate.devices]
    return await _give(member, todo, purpose, permission, None)


def history_of(member: Member, device: str) -> tuple[list[str], list[LeftOut]]:
    """The alerts (statement ids) that may be given to a new device, and those that may not, with the reason."""
    todo: list[str] = []
    left: list[LeftOut] = []
    for row in member.state.alerts("opened"):
        alert = _prepare(member, row.statement)
        decision = _decide(member, alert, _body(member, alert, device, HISTORY, None))
        if decision.allowed and member.state.content_key(row.statement) is None:
            decision = NOT_HERE
        if decision.allowed:
            todo.append(row.statement)
        else:
            left.append(LeftOut(row.statement, device, decision))
    return todo, left


async def history(member: Member, device: str, progress: Progress | None = None) -> tuple[list[Given], list[LeftOut]]:
    """Re-seal to a new device of this person, or of a colleague, all that R13 allows. Raises as ``share``."""
    todo, left = history_of(member, device)
    given, refused = await _give(member, [(_prepare(member, one), device) for one in todo], HISTORY, None, progress)
    return given, left + refused


async def _give(
    member: Member,
    todo: list[tuple[_Alert, str]],
    purpose: str,
    permission: str | None,
    progress: Progress | None,
) -> tuple[list[Given], list[LeftOut]]:
    """Seal, sign and send one by one, then see them all in the journal."""
    sent: list[tuple[Given, Envelope]] = []
    left: list[LeftOut] = []
    for done, (alert, device) in enumerate(todo):
        if progress is not None:
            progress(done, len(todo))
        grant = await _seal(member, alert, device, purpose, permission)
        envelope = sign_statement("alert.grant", encode_body(grant), member.identity.signer)
        try:
            await _send(member, envelope)
        except Refused as refusal:
            decision = Decision(False, refusal.rule, refusal.code)
            if refusal.code not in KEPT_BACK and purpose != HISTORY:
                raise
            left.append(LeftOut(alert.row.statement, device, decision))
            continue
        sent.append((Given(alert.row.statement, device, envelope.statement_id), envelope))
    if progress is not None:
        progress(len(todo), len(todo))
    if sent:
        await follow(member)
        for _, envelope in sent:
            _confirm(member, envelope)
        post.settle(member)
    return [one for one, _ in sent], left


async def _send(member: Member, envelope: Envelope) -> Result:
    return await post.send(member, post.GRANT, envelope)


def _confirm(member: Member, envelope: Envelope) -> None:
    """It stands in the journal, under the mark that was signed: else the grantee would not see it."""
    index = post.accepted_at(member, envelope)
    if index is None:
        raise VerificationError(
            2,
            "not-in-log",
            "the exchange says that it accepted the grant, and its journal does not hold it",
            {"statement": encoding.b64(envelope.encode())},
        )
    post.check_entry(member, envelope, index)


async def _seal(member: Member, alert: _Alert, device: str, purpose: str, permission: str | None) -> AlertGrant:
    """The grant with its stanza and tag."""
    content_key = member.state.content_key(alert.row.statement)
    if content_key is None:
        raise ClientError("content-key-missing", "the content key of this alert is not kept on this device")
    grant = _body(member, alert, device, purpose, permission)
    week = encoding.week_of(grant.at)
    keys = await usable_keys(member, [device], week, grant.seen.journal.size)
    core_hash, digest = digests(alert.body)
    binding = GrantBinding(
        core_hash,
        digest,
        bytes.fromhex(grant.alert),
        encoding.unb64u(grant.nonce, length=16),
        encoding.unb64u(device, length=16),
        week,
    )
    scan = member.replica.facts.devices[device].scan
    made = seal_grant(content_key, binding, keys[device], scan, member.random)
    return grant.model_copy(
        update={
            "ephemeral": encoding.b64u(made.ephemeral),
            "stanza": encoding.b64u(made.stanza),
            "tag": encoding.b64u(made.tag),
        }
    )
