"""Gossip: every statement says which heads of both logs its issuer last verified, and these must be the logs' own (``seen``).

The server asks before it accepts, members of every statement that they are shown, the audit of every statement in the log; so no
history takes in a statement that speaks of another one (``docs/spec/logs.md``, Gossip).  Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from exchange.model.alert import AlertBody
from exchange.model.common import Common
from exchange.model.problems import ExchangeError
from exchange.model.scalars import Head, Seen
from exchange.model.statements import Statement
from exchange.tlog.checkpoint import LogName

RootAt = Callable[[LogName, int], bytes | None]
"""A log's root at a size, 32 bytes; None beyond what the log had when the statement was accepted."""


class SeenFault(ExchangeError):
    """A statement that speaks of another history: ``seen-ahead`` (a head that the log did not have yet), ``seen-differs`` (another
    root than the log's at that size). ``log`` and ``size`` say which head."""

    def __init__(self, code: str, detail: str, log: LogName, size: int) -> None:
        super().__init__(code, detail)
        self.log = log
        self.size = size


def seen_of(statement: Statement) -> Seen | None:
    """The heads that a statement's issuer had verified; None of the founding and of sessions, which name none."""
    body = statement.body
    if isinstance(body, AlertBody):
        return body.core.seen
    return body.seen if isinstance(body, Common) else None


def check_head(log: LogName, head: Head, root: bytes | None) -> None:
    """A head that somebody saw is the log's own, whose root at that size is ``root`` (None: not there yet). Raises SeenFault."""
    if root is None:
        detail = f"its issuer has seen {head.size} entries of the {log}, which did not have them yet"
        raise SeenFault("seen-ahead", detail, log, head.size)
    if root.hex() != head.root:
        detail = f"its issuer has seen another {log} of {head.size} entries than this one"
        raise SeenFault("seen-differs", detail, log, head.size)


def check_seen(seen: Seen, root_at: RootAt) -> None:
    """Both heads are the logs' own; raises SeenFault."""
    check_head("registry", seen.registry, root_at("registry", seen.registry.size))
    check_head("journal", seen.journal, root_at("journal", seen.journal.size))
