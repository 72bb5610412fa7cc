"""One question to one witness, as a client of C2SP tlog-witness: what is sent, and what an answer means.

``add-checkpoint`` carries the size that the witness cosigned last, the proof from there, and the signed checkpoint with the
log's own lines. Whatever comes back becomes a ``State``, never an error: a witness cannot stop the exchange. How bytes reach a
witness is behind ``Ask``; when it is asked is ``witnessing``'s. Spec: docs/spec/logs.md, Witnesses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from exchange.ledger.ledger import Clock, Ledger
from exchange.policy.members import Witness
from exchange.service.cosignatures import Cosigned, read_answer
from exchange.tlog.checkpoint import Checkpoint, LogName
from exchange.tlog.errors import RequestError
from exchange.tlog.witness_request import format_request, parse_conflict
from keys.errors import NoteError

CLOCK_SECONDS = 300
"""How far a cosignature's time may lie from this server's: an older one shows nothing new, a later one is fresh too long."""


class State(StrEnum):
    """How a witness stands at a log; a failure is that of the last question."""

    WAITING = "waiting"
    """Not asked yet."""
    COSIGNED = "cosigned"
    AHEAD = "ahead"
    """It has cosigned more than this log has: this server was rolled back, or somebody signs with its keys."""
    PROOF_REFUSED = "proof-refused"
    """It has seen another tree, or says so."""
    BAD_COSIGNATURE = "bad-cosignature"
    """What it answered is not its two lines for this checkpoint."""
    CLOCK = "clock"
    """Its cosignature is dated more than `CLOCK_SECONDS` from now."""
    CONFLICT = "conflict"
    """It named a size, and would not take that either."""
    LOG_UNKNOWN = "log-unknown"
    KEY_UNKNOWN = "key-unknown"
    """It does not know this log's key, or says that the signature is wrong."""
    REQUEST_REFUSED = "request-refused"
    BUSY = "busy"
    FAILED = "failed"
    """Any other status, a redirect too: none is followed."""
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    """No connection, or no answer that is HTTP."""
    ANSWER_SIZE = "answer-size"


ALARMING = frozenset({State.AHEAD, State.PROOF_REFUSED, State.BAD_COSIGNATURE})
"""What no slow line or broken machine explains."""

_OF_STATUS = {
    400: State.REQUEST_REFUSED,
    403: State.KEY_UNKNOWN,
    404: State.LOG_UNKNOWN,
    422: State.PROOF_REFUSED,
    429: State.BUSY,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: status, and the body, bounded."""

    status: int
    body: bytes = field(repr=False)


class Unanswered(Exception):
    """There is no answer: `State.TIMEOUT`, `State.UNREACHABLE` or `State.ANSWER_SIZE`."""

    def __init__(self, state: State) -> None:
        super().__init__(state.value)
        self.state = state


class Ask(Protocol):
    """Sends one request; bounded in time and size, follows no redirect."""

    async def add_checkpoint(self, url: str, body: bytes) -> Reply:
        """POST a body to ``<url>/add-checkpoint``. Raises Unanswered, and nothing else."""

    async def close(self) -> None:
        """Give up all connections."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a question led to. ``size`` is what the witness is known to have cosigned last, None when that is not known anew;
    with `State.COSIGNED` there is also the checkpoint as it was sent, and the lines."""

    state: State
    size: int | None = None
    sent: bytes = field(default=b"", repr=False)
    cosigned: Cosigned | None = None


async def question(ledger: Ledger, ask: Ask, clock: Clock, log: LogName, witness: Witness, known: int) -> Told:
    """Ask a witness to cosign the newest checkpoint of a log; after a conflict once more, from the size that it names.

    ``known`` is the size that it is believed to have cosigned last. Raises StoreError, LedgerDamaged when the proof cannot be read.
    """
    head, sent = ledger.head(log), ledger.checkpoint(log)
    old = known if known <= head.size else 0
    told: int | None = None
    for _ in range(2):
        try:
            proof = await ledger.consistency_proof(log, old, head.size)
            reply = await ask.add_checkpoint(witness.url, format_request(old, proof, sent))
            if reply.status != 409:
                return _read(reply, head, sent, witness, clock(), told)
            old = told = parse_conflict(reply.body)
        except Unanswered as none:
            return Told(none.state, told)
        except RequestError:
            return Told(State.CONFLICT)
        if old > ledger.head(log).size:
            return Told(State.AHEAD, old)
        if old > head.size:
            # Somebody else has shown it a newer checkpoint meanwhile.
            head, sent = ledger.head(log), ledger.checkpoint(log)
    return Told(State.CONFLICT, told)


def _read(reply: Reply, head: Checkpoint, sent: bytes, witness: Witness, now: int, told: int | None) -> Told:
    """What any answer but a conflict means."""
    if reply.status != 200:
        return Told(_OF_STATUS.get(reply.status, State.FAILED), told)
    try:
        cosigned = read_answer(head.text(), witness, reply.body)
    except NoteError:
        return Told(State.BAD_COSIGNATURE, told)
    if abs(cosigned.time - now) > CLOCK_SECONDS:
        return Told(State.CLOCK, head.size)
    return Told(State.COSIGNED, head.size, sent, cosigned)
