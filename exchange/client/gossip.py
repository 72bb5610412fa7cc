"""What others say they saw, held against what this member was shown (``docs/spec/logs.md``, Gossip).

A statement that was accepted and speaks of another history is a named alarm, kept with its evidence, and not a stop: its issuer's
word is not the log's signature, so it does not prove a fork to anybody else.  But an honest exchange refuses such a statement, so a
lying member alone cannot raise the alarm.  Alerts and grants are refused besides (A2): what they name decides who receives them.
"""

from __future__ import annotations

from typing import Any, Final

from exchange.client.errors import VerificationError
from exchange.client.replica import Replica
from exchange.model.scalars import Head
from exchange.model.statements import Statement, parse_statement
from exchange.policy.gossip import SeenFault, check_head, seen_of
from exchange.tlog.checkpoint import LOGS, LogName
from keys import encoding
from keys.envelope import Envelope

MAX_HEARD = 1024
"""Heads that others have seen and this member has not yet, kept until its journal gets there."""
MAX_HEARD_BYTES = 1 << 20
HEARD: Final = "heard"


def hear(replica: Replica, statement: Statement, *, registry: int, journal: int) -> None:
    """Compare what an accepted statement's issuer had seen; the logs had ``registry`` and ``journal`` entries at its acceptance.

    Tells ``replica.on_gossip`` of a contradiction.  A journal that is not here yet is remembered, and compared when it comes
    (``hear_again``).
    """
    seen = seen_of(statement)
    if seen is None:
        return
    ahead = replica.size("journal") < seen.journal.size <= journal
    if ahead:
        _remember(replica, statement.id, seen.journal)
    try:
        _compare(replica, "registry", seen.registry, registry)
        if not ahead:
            _compare(replica, "journal", seen.journal, journal)
    except SeenFault as fault:
        replica.on_gossip(statement.id, _alarm(replica, statement.envelope, fault))


def _compare(replica: Replica, log: LogName, head: Head, most: int) -> None:
    check_head(log, head, replica.root(log, head.size) if head.size <= most else None)


def hear_again(replica: Replica) -> None:
    """Compare what was remembered, now that the journal has grown."""
    waiting = _remembered(replica)
    if not waiting:
        return
    left = []
    for one in waiting:
        if one["size"] > replica.size("journal"):
            left.append(one)
            continue
        try:
            _compare(replica, "journal", Head(root=one["root"], size=one["size"]), one["size"])
        except SeenFault as fault:
            found = _shown(replica, one["statement"])
            if found is not None:
                replica.on_gossip(one["statement"], _alarm(replica, found, fault))
    with replica.state.transaction():
        replica.state.set_noted(HEARD, encoding.encode(left) if left else None)


def _remembered(replica: Replica) -> list[dict[str, Any]]:
    raw = replica.state.noted(HEARD)
    return [] if raw is None else encoding.decode_array(raw, max_bytes=MAX_HEARD_BYTES)


def _remember(replica: Replica, statement: str, head: Head) -> None:
    known = _remembered(replica)
    one = {"root": head.root, "size": head.size, "statement": statement}
    if one not in known and len(known) < MAX_HEARD:
        with replica.state.transaction():
            replica.state.set_noted(HEARD, encoding.encode([*known, one]))


def _shown(replica: Replica, statement: str) -> Envelope | None:
    for index, _ in replica.state.find("registry", statement):
        found = replica.history.statement(index)
        if found is not None:
            return found.envelope
    return None


def _alarm(replica: Replica, envelope: Envelope, fault: SeenFault) -> VerificationError:
    """What a third person needs: the signed statement, its entry, and this member's own signed heads."""
    evidence = {
        "log": fault.log,
        "size": str(fault.size),
        "statement": encoding.b64(envelope.encode()),
        **{f"kept-{log}": replica.heads[log].note.decode("utf-8", "replace") for log in LOGS},
    }
    own = replica.root(fault.log, fault.size)
    if own is not None:
        evidence["root"] = own.hex()
    for log in LOGS:
        for index, data in replica.state.find(log, envelope.statement_id):
            evidence |= {"entry": encoding.b64(data), "index": str(index), "entry-log": log}
    kind = parse_statement(envelope).kind.name
    return VerificationError(
        4, fault.code, f"an accepted statement ({kind}) contradicts this history: {fault.detail}", evidence
    )
