"""Keeping an opened alert: content, content key, what was verified about it and the queued receipt, together or not at all.

What was verified is strict JSON beside the statement.  ``leaf`` in it is this device's own leaf as a grant shows it, ``grant`` who
gave the alert to this device, when somebody did.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from exchange.client.answers import Leaf
from exchange.client.member import Member
from exchange.client.state import AlertRow
from exchange.client.verify import Opened
from keys import encoding

MAX_FACTS = 65_536
"""Bytes of what is kept about an opened alert."""


def keep_opened(
    member: Member,
    row: AlertRow,
    opened: Opened,
    status: str,
    *,
    leaf: Leaf | None = None,
    grant: dict[str, str] | None = None,
) -> None:
    """Keep it, and queue the receipt unless it is public."""
    facts: dict[str, Any] = {
        "alert": {"code": opened.alert.code, "rule": opened.alert.rule},
        "approvals": list(opened.signers.approvals),
        "author": opened.signers.author,
    }
    if opened.mine is not None:
        facts["mine"] = {"code": opened.mine.code, "rule": opened.mine.rule}
    if leaf is not None:
        facts["leaf"] = {
            "index": leaf.index,
            "path": [node.hex() for node in leaf.path],
            "stanza": sha256(leaf.stanza).hexdigest(),
            "tag": encoding.b64u(leaf.tag),
        }
    if grant is not None:
        facts["grant"] = grant
    state, now = member.state, member.clock()
    with state.transaction():
        envelope = opened.statement.envelope
        state.keep_opened(row.statement, status, envelope, opened.content.encode(), encoding.encode(facts), now)
        if opened.content_key is not None:
            state.keep_content_key(row.statement, opened.content_key)
        state.keep_verified(member.replica.memory.take_new())
        state.settle_failures(row.statement)
        if status == "opened":
            state.queue_receipt(row.statement, "received", now)
