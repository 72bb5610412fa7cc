"""Receipts: ``received`` by the device itself, ``read`` when the person has opened the alert.

They go out in batches, one statement for at most 256 alerts.  What they say, and what the publisher and the operator of the
exchange will see, is exactly this: which device received or read which alerts, and when the exchange accepted it.
"""

from __future__ import annotations

from exchange.client import post
from exchange.client.errors import Refused, VerificationError
from exchange.client.member import Member
from exchange.model.common import NARROW_WINDOW
from keys import encoding
from keys.sign import sign_statement

BATCH = 256
"""Alerts in one receipt."""
LEVELS = ("received", "read")


def mark_read(member: Member, statement: str) -> None:
    """The person has read an alert; queues its ``read`` receipt (none for CLEAR, which is public)."""
    row = member.state.alert(statement)
    if row is None or row.status not in ("opened", "public"):
        return
    now = member.clock()
    with member.state.transaction():
        member.state.set_read(statement, now)
        if row.status == "opened":
            member.state.queue_receipt(statement, "read", now)


async def read(member: Member, statement: str) -> None:
    """Note that the person has read an alert, and send the receipt at once. Raises TransportError; then it stays queued."""
    mark_read(member, statement)
    await send_receipts(member)


async def send_receipts(member: Member) -> int:
    """Send what is queued; returns the number of receipts sent.

    Raises TransportError; a refusal is kept as a failure, and the receipts stay queued.
    """
    sent = 0
    for level in LEVELS:
        while waiting := member.state.queued_receipts(level, BATCH):
            if not await _send(member, level, sorted(waiting)):
                break
            sent += len(waiting)
    return sent


async def _send(member: Member, level: str, alerts: list[str]) -> bool:
    now = member.clock()
    body = {
        "alerts": alerts,
        "at": now,
        "exchange": member.replica.exchange,
        "issuer": {"device": member.device},
        "level": level,
        "nonce": encoding.b64u(member.random(16)),
        "not_after": now + NARROW_WINDOW,
        "seen": member.seen.to_json(),
    }
    envelope = sign_statement("alert.receipt", body, member.identity.signer, scheme="ed25519")
    with member.state.transaction():
        member.state.bind_receipts(level, alerts, envelope.statement_id)
        member.state.put_outgoing(post.RECEIPT, envelope, now)
    try:
        await post.resend(member, envelope)
    except Refused as refusal:
        if refusal.code == "receipt-repeated":
            # The journal has them already: from another program of this member, or from before its store was restored.
            with member.state.transaction():
                member.state.bind_receipts(level, alerts, envelope.statement_id)
            return True
        error = VerificationError(
            2, "receipt-refused", f"receipts were refused ({refusal.code}: {refusal.detail})", rule=refusal.rule
        )
        member.record(envelope.statement_id, error)
        return False
    return True
