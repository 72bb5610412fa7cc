"""Sending what this device signed, so that a crash between any two steps is harmless.

1. The signed statement is noted in the local store.
2. It is posted.  The same bytes sent again get the same answer, so a lost answer is no problem.
3. ``settle`` finds it in the followed journal, which is what counts; the exchange's answer is a hint, and its checkpoints must be
   passed through by the logs.
4. What was refused, or can no longer be accepted because its time has passed, is forgotten, and its receipts wait again.
"""

from __future__ import annotations

from exchange.client.answers import Result
from exchange.client.errors import BadAnswer, Refused, VerificationError
from exchange.client.member import Member
from exchange.client.state import Outgoing
from exchange.model import window
from exchange.model.alert import AlertBody
from exchange.model.common import FIRST_LEAD
from exchange.model.entry import PROPOSED, REJECTED, RELEASED, Entry, GrantMark, parse_entry
from exchange.model.journal import AlertGrant
from exchange.model.statements import parse_statement
from exchange.model.submission import Submission
from keys import encoding
from keys.envelope import Envelope

PUBLISH = "publish"
APPROVE = "approve"
REJECT = "reject"
EPOCHS = "epochs"
RECEIPT = "receipt"
MESSAGE = "message"
GRANT = "grant"
BY_ITSELF = frozenset({EPOCHS, GRANT, RECEIPT})
"""What is sent again without asking anybody."""


async def send(member: Member, purpose: str, envelope: Envelope) -> Result:
    """Note a journal statement, post it, and hold the answer against the logs as far as they are known.

    Raises Refused (then it is forgotten), TransportError (then its fate is open), VerificationError (step 1).
    """
    with member.state.transaction():
        member.state.put_outgoing(purpose, envelope, member.clock())
    return await resend(member, envelope)


async def resend(member: Member, envelope: Envelope) -> Result:
    """Post a statement that was noted before; raises as ``send``."""
    try:
        accepted = await member.api.post([Submission(envelope)])
    except Refused:
        forget(member, envelope.statement_id)
        raise
    for log, note in (("registry", accepted.registry), ("journal", accepted.journal)):
        size = member.replica.agree("registry" if log == "registry" else "journal", note)
        if log == "journal" and accepted.results[0].index >= size:
            raise BadAnswer("the answer names an index beyond its own checkpoint")
    return accepted.results[0]


def forget(member: Member, statement: str) -> None:
    """A statement that will not be accepted any more."""
    with member.state.transaction():
        member.state.drop_outgoing(statement)
        member.state.requeue_receipts(statement)


def settle(member: Member) -> list[Outgoing]:
    """Find what was sent in the followed journal; returns what is still open and can be sent again.

    Call it after ``follow``: what is not in the journal by now, and whose time has passed, never will be.
    """
    open_still: list[Outgoing] = []
    for item in member.state.outgoing():
        index = accepted_at(member, item.envelope)
        if index is not None:
            with member.state.transaction():
                member.state.settle_outgoing(item.statement, index)
            try:
                check_entry(member, item.envelope, index)
            except VerificationError as error:
                member.record(item.statement, error)
        elif member.clock() > last_moment(item.envelope) + FIRST_LEAD:
            forget(member, item.statement)
        else:
            open_still.append(item)
    return open_still


def accepted_at(member: Member, envelope: Envelope) -> int | None:
    """The journal index at which exactly this statement, with these signatures, was accepted; None while it is not."""
    for index, data in member.state.find("journal", envelope.statement_id):
        if parse_entry(data).signatures == envelope.signatures_hash:
            return index
    return None


def check_entry(member: Member, envelope: Envelope, index: int) -> Entry:
    """That the entry about a statement signed here, with these signatures, says what it must; returns it.

    Raises VerificationError ``entry-mismatch`` (step 2: another kind, so nobody would ask for the alert) and as ``check_mark``.
    """
    entry = member.replica.journal_entry(index)
    statement = parse_statement(envelope)
    kind = REJECTED if envelope.kind == "alert.reject" else envelope.kind
    if isinstance(statement.body, AlertBody):
        kind = RELEASED if len(envelope.signer_ids) > statement.alert.core.approvals else PROPOSED
    if entry is None or entry.kind != kind:
        evidence = {"index": str(index), "statement": encoding.b64(envelope.encode())}
        if entry is not None:
            evidence["entry"] = encoding.b64(entry.encode())
        raise VerificationError(2, "entry-mismatch", f"the journal holds the statement, but not as {kind}", evidence)
    if isinstance(statement.body, AlertBody):
        check_mark(statement.body, envelope, entry, index)
    if isinstance(statement.body, AlertGrant):
        check_grant_mark(statement.body, envelope, entry, index)
    return entry


def check_grant_mark(body: AlertGrant, envelope: Envelope, entry: Entry, index: int) -> None:
    """That an entry names the ephemeral key and tag that were signed: led to others, the grantee would not see its grant.

    Raises VerificationError ``entry-differs`` (step 4).
    """
    if entry.grant != GrantMark(ephemeral=body.ephemeral, tag=body.tag):
        evidence = {
            "entry": encoding.b64(entry.encode()),
            "index": str(index),
            "statement": encoding.b64(envelope.encode()),
        }
        detail = "the entry says something else of the grant than was signed"
        raise VerificationError(4, "entry-differs", detail, evidence)


def check_mark(body: AlertBody, envelope: Envelope, entry: Entry, index: int) -> None:
    """That an entry says of an alert what was signed here.

    Others compute their tag from the entry alone: led to another one, they would be "proven" not to be addressed.  Whoever
    signed the body sees it.  Raises VerificationError ``entry-differs`` (step 4).
    """
    core, sealed, mark = body.core, body.sealed, entry.alert
    head = None if mark is None else mark.audience
    said = (None, None, None) if head is None else (head.depth, head.ephemeral, head.root)
    named = None if mark is None else (mark.id, mark.version)
    if named != (core.alert, core.version) or said != (sealed.depth, sealed.ephemeral, sealed.root):
        evidence = {
            "entry": encoding.b64(entry.encode()),
            "index": str(index),
            "statement": encoding.b64(envelope.encode()),
        }
        raise VerificationError(
            4, "entry-differs", "the entry says something else of the alert than was signed", evidence
        )


def last_moment(envelope: Envelope) -> int:
    """Until when a statement signed here can be accepted, seconds (``docs/spec/statements.md``, Time window)."""
    statement = parse_statement(envelope)
    many = isinstance(statement.body, AlertBody) and len(envelope.signer_ids) > 1
    return window.last_moment(statement.at, statement.not_after, narrow=not many)
