"""Signatures checked beside the replay, in worker processes (``docs/spec/audit.md``, step 5).

The replay says which keys must have signed and goes on; whether they did is computed here meanwhile.  That is sound because a
bundle is verified only when everything in it is: a signature that fails later still refuses the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from exchange.audit.workers import Pieces, Workers
from exchange.tlog.checkpoint import LogName
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.verify import Line, SigningPublicKey, StatementPublicKey, ed25519_lines, hybrid_lines, verify_line

PIECE = 256
"""Signature sets handed to a worker at once."""

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


class SignatureChecks:
    """Takes signature sets and reports those that fail, at the latest when it is told to ``finish``."""

    def __init__(self, report: Callable[[Fault], None], workers: Workers) -> None:
        self.place: Place = ("registry", 0)
        self.submitted = 0
        self._report = report
        self._jobs: list[Job] = []
        self._pieces: Pieces[Job, list[Fault]] = Pieces(workers, check)

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
        self._pieces.give(self._jobs)
        self._jobs = []
        while self._pieces.full:
            self._take()

    def _take(self) -> None:
        for fault in self._pieces.take():
            self._report(fault)

    def finish(self) -> None:
        """Wait for everything that was handed in."""
        self._send()
        while self._pieces:
            self._take()
