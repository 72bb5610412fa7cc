"""What a caller hands in, and what it is told when it is accepted or refused (``docs/spec/interface.md``)."""

from __future__ import annotations

from dataclasses import dataclass

from exchange.model.problems import ExchangeError
from exchange.model.statements import Opening
from keys.envelope import Envelope

MAX_STATEMENTS = 256
"""Statements in one request: all or none are accepted."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One statement with the openings that travel beside it."""

    envelope: Envelope
    openings: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """Where a statement stands: its log, index and entry kind, and its inclusion proof for ``size``.

    ``unserved`` are devices whose persons lost their place between the roster named and acceptance; ``newcomers`` persons
    who would be recipients by now and are served by the author's grant; ``unreached`` earlier recipients who are not in force
    any more and so are not reached by a withdrawal or all-clear.
    """

    statement: str
    log: str
    index: int
    kind: str
    size: int
    proof: tuple[bytes, ...]
    unserved: tuple[str, ...] = ()
    newcomers: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()


class Refused(ExchangeError):
    """The exchange did not accept a request; nothing of it was written.

    ``rule`` names the rule (M1 to M21, R1 to R16, A1 to A3, V and a step) where one decided, ``differs`` what would have to differ,
    ``index`` which statement of the request it was.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        rule: str | None = None,
        differs: dict[str, list[str]] | None = None,
        index: int = 0,
    ) -> None:
        super().__init__(code, detail)
        self.rule = rule
        self.differs = differs if differs is not None else {}
        self.index = index
