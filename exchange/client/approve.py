"""Four eyes: a candidate approver opens a proposal, recomputes the whole decision, and signs the same bytes, or declines.

The approver believes neither author nor exchange: recipients, leaves and root are recomputed from this member's own roster
(``verify_proposal``).  What is signed is the author's body, byte for byte.  That a proposal is closed is not believed either: a
rejection counts when a candidate approver signed it, a release when its entry says what the proposal's says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from exchange.client import post
from exchange.client.answers import AlertAnswer
from exchange.client.errors import BadAnswer, ClientError, Refused, VerificationError
from exchange.client.follow import follow
from exchange.client.member import Member
from exchange.client.parts import PartStore
from exchange.client.publish import Released, confirm
from exchange.client.rejection import verify_rejection
from exchange.client.verify import Proposal, verify_proposal
from exchange.client.versions import earlier_versions
from exchange.model.common import NARROW_WINDOW
from exchange.model.entry import PROPOSED, REJECTED, RELEASED, Entry, parse_entry
from exchange.model.problems import Malformed
from exchange.model.statements import parse_statement
from exchange.model.tlp import Label
from keys import encoding
from keys.envelope import Envelope
from keys.sign import add_signature, sign_statement

Reason = Literal["content", "label", "audience", "other"]
ATTEMPTS = 4
"""Rounds of signing beside others: a statement has at most three approvals."""
OPENED = frozenset({"opened", "keyless", "public"})
"""What an alert is that verified here."""
NOT_OURS = frozenset({"not-released", "not-entitled", "alert-unknown"})
"""Refusals that say that a proposal is not this person's to approve."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposal in the journal: its newest entry, and the entries that claim that it was rejected."""

    index: int
    statement: str
    rejections: tuple[int, ...] = ()


def waiting(member: Member) -> list[Waiting]:
    """Every proposal in the followed journal that is not released; whose they are, it does not say.

    An entry alone closes nothing: the exchange can make up one of any statement, with an audience in which everybody is proven
    absent.  A release with the proposal's own mark leads to this member's leaf, so ``sync`` opens it or names what is wrong.
    """
    state = member.state
    released: dict[tuple[str, int], list[Entry]] = {}
    rejected: dict[tuple[str, int], list[int]] = {}
    for _, data in state.entries("journal", kind=RELEASED):
        entry = parse_entry(data)
        if entry.alert is not None:
            released.setdefault((entry.alert.id, entry.alert.version), []).append(entry)
    for index, data in state.entries("journal", kind=REJECTED):
        mark = parse_entry(data).alert
        if mark is not None:
            rejected.setdefault((mark.id, mark.version), []).append(index)
    found: dict[str, Waiting] = {}
    for index, data in state.entries("journal", kind=PROPOSED):
        entry = parse_entry(data)
        if entry.alert is None:
            continue
        version = (entry.alert.id, entry.alert.version)
        found.pop(entry.statement, None)
        if not any(_released(member, entry, other) for other in released.get(version, ())):
            found[entry.statement] = Waiting(index, entry.statement, tuple(rejected.get(version, ())))
    return list(found.values())


def _released(member: Member, proposed: Entry, released: Entry) -> bool:
    """Whether a release closes a proposal of its version: the same alert, or another one that was opened here."""
    if (released.statement, released.alert) == (proposed.statement, proposed.alert):
        return True
    row = member.state.alert(released.statement)
    return row is not None and row.status in OPENED


async def proposals(member: Member) -> list[Proposal]:
    """The proposals that wait for this person, each verified and opened. Follow the logs first.

    One that does not verify is kept as a failure and left out.  So is a rejection that does not: the proposal still waits.
    """
    person = member.replica.facts.persons.get(member.replica.person or "")
    if person is None or "approver" not in person.roles:
        return []
    found: list[Proposal] = []
    for item in waiting(member):
        try:
            if await is_rejected(member, item) or await is_overtaken(member, item):
                continue
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


async def is_rejected(member: Member, item: Waiting) -> bool:
    """Whether a candidate approver signed a rejection of the proposal. A made-up one is kept as a failure.

    Raises Refused (of the proposal itself), TransportError, VerificationError ``statement-mismatch`` (step 2).
    """
    if not item.rejections:
        return False
    envelope = (await _ask(member, item)).envelope
    if envelope is None or envelope.statement_id != item.statement:
        raise VerificationError(2, "statement-mismatch", "the proposal shown is not the one in the journal")
    try:
        candidates = parse_statement(envelope).alert.core.approvers
    except Malformed as error:
        raise VerificationError(4, error.code, error.detail) from None
    for index in item.rejections:
        entry = member.replica.journal_entry(index)
        if entry is None:
            continue
        try:
            rejection = await member.api.statement(entry.statement)
            verify_rejection(member.replica, index, rejection, item.statement, candidates)
        except VerificationError as error:
            member.record(entry.statement, error)
        except (Refused, BadAnswer) as error:
            evidence = {"answer": f"{error.code}: {error.detail}", "entry": encoding.b64(entry.encode())}
            member.record(entry.statement, VerificationError(2, "withheld", "a rejection is withheld", evidence))
        else:
            return True
    return False


async def is_overtaken(member: Member, item: Waiting) -> bool:
    """Whether another proposal of this version was released, which this member decided again. A made-up release is kept as a
    failure, and closes nothing.

    Raises TransportError.
    """
    entry = member.replica.journal_entry(item.index)
    mark = None if entry is None else entry.alert
    if mark is None or all(row.version < mark.version for row in member.state.versions(mark.id)):
        return False
    try:
        return len(await earlier_versions(member, mark.id, mark.version + 1)) >= mark.version
    except VerificationError as error:
        member.record(item.statement, error)
    except Refused as refusal:
        if refusal.code not in NOT_OURS:
            member.record(item.statement, VerificationError(2, "withheld", "the released version is withheld"))
    return False


async def open_proposal(member: Member, item: Waiting) -> Proposal:
    """Fetch, verify and open one proposal; raises VerificationError, Refused, TransportError.

    Attachments lie sealed in the local store (``state.attachment``).
    """
    answer = await _ask(member, item)
    entry = member.replica.journal_entry(item.index)
    sealed = entry is not None and entry.alert is not None and entry.alert.audience is not None
    leaves = await member.api.leaves(item.statement) if sealed else b""
    mark = None if entry is None else entry.alert
    earlier = () if mark is None else await earlier_versions(member, mark.id, mark.version)
    with PartStore(member.api, member.state.path.parent / "incoming", member.transfer) as parts:
        return await verify_proposal(
            member.replica,
            item.index,
            answer,
            leaves,
            member.identity,
            parts,
            lambda position, pieces: member.state.keep_attachment(item.statement, position, pieces),
            member.clock(),
            earlier,
        )


async def _ask(member: Member, item: Waiting) -> AlertAnswer:
    """The exchange's answer about a proposal; raises VerificationError ``entry-missing``, Refused, TransportError."""
    entry = member.replica.journal_entry(item.index)
    mark = None if entry is None else entry.alert
    if mark is None:
        raise VerificationError(2, "entry-missing", f"the journal has no proposal at {item.index}")
    tag = None
    if mark.audience is not None:
        ephemeral = encoding.unb64u(mark.audience.ephemeral, length=32)
        tag = member.identity.tag(ephemeral, encoding.unb64u(mark.id, length=16), mark.version)
    return await member.api.alert(item.statement, tag)


async def approve(proposal: Proposal, member: Member, *, confirm_nameless: bool = False) -> Released:
    """Sign the proposal's bytes and post it; it is released when this was the last approval missing.

    Everything is verified once more at the newest heads.  Of two approvers who sign at the same moment the later one's set of
    signatures is not taken, for the journal has one of as many: it signs again, beside the other.  Raises ClientError
    ``proposal-closed``, ``nameless-recipients``, VerificationError, Refused, TransportError.
    """
    statement = proposal.opened.statement.id
    for _ in range(ATTEMPTS):
        await follow(member)
        item = next((item for item in waiting(member) if item.statement == statement), None)
        if item is None or await is_rejected(member, item):
            raise ClientError("proposal-closed", "the proposal was released or rejected meanwhile")
        newest = await open_proposal(member, item)
        nameless = nameless_of(newest, member)
        if nameless and (newest.opened.core.label is Label.RED or not confirm_nameless):
            raise ClientError("nameless-recipients", f"{len(nameless)} recipients have no name here")
        envelope = add_signature(newest.opened.statement.envelope, member.identity.signer)
        result = await post.send(member, post.APPROVE, envelope)
        await follow(member)
        if post.accepted_at(member, envelope) is not None or not _overtaken(member, item):
            break
        post.forget(member, statement)
    return await confirm(member, envelope, result)


def _overtaken(member: Member, item: Waiting) -> bool:
    """Whether the journal has taken another set of signatures of the proposal since."""
    return any(
        index > item.index and parse_entry(data).kind in (PROPOSED, RELEASED)
        for index, data in member.state.find("journal", item.statement)
    )


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
