"""A fork that was proven stops this member until a person has decided (``docs/spec/logs.md``, Forks).

The proof is a file in the home, the mark stands in the local store, and every program of this member sees it: nothing is asked of
the exchange any more, whatever the command.  What is here stays readable.  Only a deliberate ``forget`` goes on.

Pure values and the local store; no network and no clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from exchange.client.errors import ClientError
from exchange.client.state import MemberState
from exchange.client.transport import Event, Response, Transport
from exchange.tlog.checkpoint import LOGS, LogName
from exchange.tlog.fork import SUFFIX, Fork, verify_fork_proof
from keys import encoding
from keys.errors import KeyFileError
from keys.keyfile import create_file

FORK = "fork"
"""Code of a fork that is proven."""
ROLLED_BACK = "rolled-back"
"""Code of a log that ends before what it showed: an old state, which proves nothing."""
NOT_CONTINUED = "not-continued"
"""Code of a log that is not shown to continue the kept one, without a proof that it does not."""
SEEN_CODES = frozenset({"seen-ahead", "seen-differs"})
"""Codes of accepted statements that speak of another history (``exchange.client.gossip``)."""
EVIDENCE = "evidence"
"""The folder beside the local store."""
MAX_MARK = 4096


@dataclass(frozen=True, slots=True)
class KnownFork:
    """A fork that this member has proven: which log, when it was met (seconds), the two sizes and roots, and the proof's file."""

    log: LogName
    at: int
    first: tuple[int, str]
    second: tuple[int, str]
    file: Path


class Forked(ClientError):
    """A fork was proven before and nobody has decided yet: nothing is asked of the exchange (code ``forked``)."""

    def __init__(self, fork: KnownFork) -> None:
        super().__init__("forked", f"the {fork.log} has shown two histories; the proof is {fork.file}")
        self.fork = fork


def known_fork(state: MemberState) -> KnownFork | None:
    """The fork that stops this member, or None."""
    raw = state.noted("forked")
    return None if raw is None else _read(state, raw)


def _read(state: MemberState, raw: bytes) -> KnownFork:
    value = encoding.decode(raw, max_bytes=MAX_MARK)
    first, second = value["first"], value["second"]
    log: LogName = "registry" if value["log"] == "registry" else "journal"
    return KnownFork(
        log,
        value["at"],
        (first["size"], first["root"]),
        (second["size"], second["root"]),
        state.path.parent / EVIDENCE / value["file"],
    )


def keep_fork(state: MemberState, proof: bytes, exchange: str, now: int) -> KnownFork:
    """Keep a proof (the file's bytes) and stop this member. Raises ForkError when it proves nothing.

    The file comes first: a mark without its proof would accuse without evidence.
    """
    fork = verify_fork_proof(proof, exchange)
    name = _name(fork, proof)
    folder = state.path.parent / EVIDENCE
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        create_file(folder / name, proof)
    except KeyFileError as error:
        if error.code != "exists":
            raise
    mark = encoding.encode(
        {
            "at": now,
            "file": name,
            "first": {"root": fork.first.root.hex(), "size": fork.first.size},
            "log": fork.log,
            "second": {"root": fork.second.root.hex(), "size": fork.second.size},
        }
    )
    with state.transaction():
        if state.noted("forked") is None:  # the first one met is the one that is told
            state.set_noted("forked", mark)
    return _read(state, mark)


def forget_fork(state: MemberState) -> None:
    """Go on with the history that is kept here. The proof's file and the record of the failure stay.

    Signed checkpoints that the log has not passed through are forgotten too: one of them may be the other history.  What
    accepted statements said of another one is settled with it.
    """
    with state.transaction():
        state.set_noted("forked", None)
        for log in LOGS:
            claims = state.claims(log)
            if claims:
                state.drop_claims(log, claims[-1].size)
        state.settle_failures("log")
        state.settle_codes((*SEEN_CODES, FORK))


def _name(fork: Fork, proof: bytes) -> str:
    return f"{fork.log}-{fork.first.size}-{fork.second.size}-{sha256(proof).hexdigest()[:10]}{SUFFIX}"


def check_stopped(state: MemberState) -> None:
    """Return when no fork stops this member. Raises Forked."""
    fork = known_fork(state)
    if fork is not None:
        raise Forked(fork)


class GuardedTransport:
    """A transport that is closed while this member knows of a fork, whichever of its programs has met it."""

    def __init__(self, transport: Transport, state: MemberState) -> None:
        self._transport = transport
        self._state = state

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int,
        timeout: float = 60.0,  # noqa: ASYNC109 - the protocol's
    ) -> Response:
        """As the transport's. Raises Forked."""
        check_stopped(self._state)
        return await self._transport.request(
            method, path, headers=headers, body=body, max_bytes=max_bytes, timeout=timeout
        )

    def stream(self, path: str, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Event]:
        """As the transport's. Raises Forked, at once."""
        check_stopped(self._state)
        return self._transport.stream(path, headers=headers)
