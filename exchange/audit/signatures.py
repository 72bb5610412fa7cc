"""Signatures checked beside the replay, in worker processes (``docs/spec/audit.md``, step 5).

The replay says which keys must have signed and goes on; whether they did is computed here meanwhile.  That is sound because a
bundle is verified only when everything in it is: a signature that fails later still refuses the whole.  Workers get
signed bytes, signatures and public keys, never a path.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType

from exchange.tlog.checkpoint import LogName
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.verify import Line, SigningPublicKey, StatementPublicKey, ed25519_lines, hybrid_lines, verify_line

PIECE = 256
"""Signature sets handed to a worker at once."""
AHEAD = 8
"""Pieces on their way for each worker: bounds the memory of a long log."""
POOL_FROM = 10_000
"""Entries; below it, starting workers takes longer than they save."""

Place = tuple[LogName, int]
Job = tuple[LogName, int, bytes, list[Line]]
"""Log, index, the signed bytes, and the lines that must verify over them: nothing that is slow to hand over."""
Fault = tuple[LogName, int, str, str]
"""Log, index, code and sentence of a signature set that does not verify."""


def check(jobs: Sequence[Job]) -> list[Fault]:
    """Verify the signatures of sets that are exactly those required."""
    faults: list[Fault] = []
    for log, index, message, lines in jobs:
        try:
            for line in lines:
                verify_line(message, line)
        except KeysError as error:
            faults.append((log, index, error.code, str(error)))
    return faults


def workers_for(entries: int) -> int:
    """How many worker processes a bundle of so many entries deserves, beside the replay itself; 0: none."""
    return 0 if entries < POOL_FROM else max(1, (os.cpu_count() or 1) - 1)


class SignatureChecks:
    """Takes signature sets, reports those that fail; a context manager that waits for all of them at its end."""

    def __init__(self, report: Callable[[Fault], None], workers: int) -> None:
        self.place: Place = ("registry", 0)
        self.submitted = 0
        self._report = report
        self._jobs: list[Job] = []
        self._running: deque[Future[list[Fault]]] = deque()
        self._most = workers * AHEAD
        self._pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if workers else None

    def hybrid(self, envelope: Envelope, keys: Sequence[SigningPublicKey]) -> None:
        """Have the set at ``place`` checked: exactly these keys, both algorithms. It is a roster's ``Verifier``."""
        self._add(envelope, lambda: hybrid_lines(envelope, keys))

    def ed25519(self, envelope: Envelope, key: SigningPublicKey | StatementPublicKey) -> None:
        """Have the set at ``place`` checked: exactly this key, Ed25519."""
        self._add(envelope, lambda: ed25519_lines(envelope, key))

    def _add(self, envelope: Envelope, lines: Callable[[], list[Line]]) -> None:
        self.submitted += 1
        try:
            self._jobs.append((*self.place, envelope.pae, lines()))
        except KeysError as error:
            self._report((*self.place, error.code, str(error)))
        if len(self._jobs) >= PIECE:
            self._send()

    def _send(self) -> None:
        jobs, self._jobs = self._jobs, []
        if self._pool is None:
            self._take(check(jobs))
            return
        self._running.append(self._pool.submit(check, jobs))
        while len(self._running) > self._most:
            self._take(self._running.popleft().result())

    def _take(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            self._report(fault)

    def finish(self) -> None:
        """Wait for everything that was handed in."""
        self._send()
        while self._running:
            self._take(self._running.popleft().result())

    def __enter__(self) -> SignatureChecks:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
