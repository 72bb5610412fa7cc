"""Four eyes: a candidate approver opens a proposal, recomputes the whole decision, and signs the same bytes, or declines.

The approver believes neither author nor exchange: recipients, leaves and root are recomputed from this member's own roster
(``verify_proposal``).  What is signed is the author's body, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from exchange.client import post
from exchange.client.answers import AlertAnswer
from exchange.client.errors import ClientError, Refused, VerificationError
from exchange.client.follow import follow
from exchange.client.member import Member
from exchange.client.parts import PartStore
from exchange.client.publish import Released, confirm
from exchange.client.verify import Proposal, verify_proposal
from exchange.model.entry import PROPOSED, REJECTED, RELEASED, parse_entry
from exchange.model.statements import NARROW_WINDOW
from exchange.model.tlp import Label
from keys import encoding
from keys.envelope import Envelope
from keys.sign import add_signature, sign_statement

Reason = Literal["content", "label", "audience", "other"]
NOT_OURS = frozenset({"not-released", "not-entitled", "alert-unknown"})
"""Refusals that say that a proposal is not this person's to approve."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open proposal in the journal: its newest entry."""

    index: int
    statement: str


def waiting(member: Member) -> list[Waiting]:
    """Every proposal in the followed journal that is neither released nor rejected; whose they are, it does not say."""
    state = member.state
    closed: set[tuple[str, int]] = set()
    for kind in (RELEASED, REJECTED):
        for _, data in state.entries("journal", kind=kind):
            mark = parse_entry(data).alert
            if mark is not None:
                closed.add((mark.id, mark.version))
    found: dict[str, int] = {}
    for index, data in state.entries("journal", kind=PROPOSED):
        entry = parse_entry(data)
        if entry.alert is not None and (entry.alert.id, entry.alert.version) not in closed:
            found[entry.statement] = index
    return [Waiting(index, statement) for statement, index in found.items()]


async def proposals(member: Member) -> list[Proposal]:
    """The proposals that wait for this person, each verified and opened. Follow the logs first.

    One that does not verify is kept as a failure and left out.
    """
    person = member.replica.facts.persons.get(member.replica.person or "")
    if person is None or "approver" not in person.roles:
        return []
    found: list[Proposal] = []
    for item in waiting(member):
        try:
            proposal = await open_proposal(member, item)
        except VerificationError as error:
            if error.code != "approver-not-candidate":
                member.record(item.statement, error)
        except Refused as refusal:
            if refusal.code not in NOT_OURS:
                raise
        else:
            late = proposal.opened.core.release_by < member.clock()
            if not late and person.id not in proposal.opened.signers.approvals:
                found.append(proposal)
    return found


async def open_proposal(member: Member, item: Waiting) -> Proposal:
    """Fetch, verify and open one proposal; raises VerificationError, Refused, TransportError.

    Attachments lie sealed in the local store (``state.attachment``).
    """
    entry = member.replica.journal_entry(item.index)
    mark = None if entry is None else entry.alert
    if mark is None:
        raise VerificationError(2, "entry-missing", f"the journal has no proposal at {item.index}")
    tag = None
    if mark.audience is not None:
        ephemeral = encoding.unb64u(mark.audience.ephemeral, length=32)
        tag = member.identity.tag(ephemeral, encoding.unb64u(mark.id, length=16), mark.version)
    answer: AlertAnswer = await member.api.alert(item.statement, tag)
    leaves = await member.api.leaves(item.statement) if mark.audience is not None else b""
    with PartStore(member.api, member.state.path.parent / "incoming") as parts:
        return await verify_proposal(
            member.replica,
            item.index,
            answer,
            leaves,
            member.identity,
            parts,
            lambda position, data: member.state.keep_attachment(item.statement, position, data),
            member.clock(),
        )


async def approve(proposal: Proposal, member: Member, *, confirm_nameless: bool = False) -> Released:
    """Sign the proposal's bytes and post it; it is released when this was the last approval missing.

    Everything is verified once more at the newest heads.  Raises ClientError ``proposal-closed``, ``nameless-recipients``,
    VerificationError, Refused, TransportError.
    """
    await follow(member)
    statement = proposal.opened.statement.id
    item = next((item for item in waiting(member) if item.statement == statement), None)
    if item is None:
        raise ClientError("proposal-closed", "the proposal was released or rejected meanwhile")
    newest = await open_proposal(member, item)
    nameless = nameless_of(newest, member)
    if nameless and (newest.opened.core.label is Label.RED or not confirm_nameless):
        raise ClientError("nameless-recipients", f"{len(nameless)} recipients have no name here")
    envelope = add_signature(newest.opened.statement.envelope, member.identity.signer)
    result = await post.send(member, post.APPROVE, envelope)
    return await confirm(member, envelope, result.unserved)


def nameless_of(proposal: Proposal, member: Member) -> tuple[str, ...]:
    """Recipients of a proposal of whom no name is opened."""
    names = member.replica.names
    return tuple(p for p, d in proposal.verdict.people.items() if d.allowed and names.get("person", p) is None)


async def reject(proposal: Proposal, member: Member, reason: Reason) -> Envelope:
    """Decline a proposal; it is closed for all. Returns the statement. Raises Refused, TransportError."""
    now = member.clock()
    body = {
        "alert": proposal.opened.statement.id,
        "at": now,
        "exchange": member.replica.exchange,
        "issuer": {"device": member.device},
        "nonce": encoding.b64u(member.random(16)),
        "not_after": now + NARROW_WINDOW,
        "reason": reason,
        "seen": member.seen.to_json(),
    }
    envelope = sign_statement("alert.reject", body, member.identity.signer)
    await post.send(member, post.REJECT, envelope)
    await confirm(member, envelope)
    return envelope
