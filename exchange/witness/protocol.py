"""What a witness decides about an ``add-checkpoint`` request: one function before it looks into its store, one with what it held.

Pure: the request's bytes, the logs known, what was cosigned last, and the time are arguments. The order of the checks is the
order of the answers in docs/spec/witness.md, 2: 400 for what is no request, 404, 403, 400 for an old size above the checkpoint's,
409, 422.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exchange.tlog.checkpoint import check_origin, decode_hash, parse_size
from exchange.tlog.errors import CheckpointError, ProofError, RequestError
from exchange.tlog.merkle import EMPTY_ROOT, verify_consistency
from exchange.tlog.witness_request import WitnessRequest
from exchange.witness.errors import Refusal
from exchange.witness.loglist import KnownLog
from keys.errors import NoteError
from keys.note import Note, NoteLine, log_verifiers, verify_note
from keys.witness import WitnessSigner

BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE, TOO_MANY = 400, 403, 404, 409, 422, 429


@dataclass(frozen=True, slots=True)
class Held:
    """What the witness cosigned last for an origin: size, root, its time (seconds), and the note; of the empty log before."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    at: int = 0
    note: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Submission:
    """A request whose checkpoint carries both lines of a known log; ``lines`` are these two and nobody else's."""

    origin: str
    size: int
    root: bytes
    old: int
    proof: tuple[bytes, ...] = field(repr=False)
    text: str = field(repr=False)
    lines: tuple[NoteLine, ...] = field(repr=False)

    @property
    def note(self) -> bytes:
        """The checkpoint with the log's own lines: what a fork is proven with."""
        return Note(self.text, self.lines).encode()


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What the witness holds from now on, and the lines that it answers with."""

    held: Held
    lines: tuple[NoteLine, ...]

    @property
    def answer(self) -> bytes:
        """The body of the answer 200."""
        return b"".join(line.encode() for line in self.lines)


def examine(body: bytes, logs: Mapping[str, KnownLog]) -> Submission:
    """Read a request and verify its checkpoint; nothing that was stored is looked at.

    Raises Refusal with status 400 (no request, no checkpoint, old size above the checkpoint's), 404 (unknown origin), 403 (one
    of the log's lines is missing or does not verify).
    """
    try:
        request = WitnessRequest.parse(body)
        note = Note.parse(request.note)
        origin, size, root, extensions = _head(note.text)
    except (RequestError, NoteError, CheckpointError) as error:
        raise Refusal(BAD_REQUEST, error.code, str(error)) from None
    log = logs.get(origin)
    if log is None:
        raise Refusal(NOT_FOUND, "origin-unknown", "this witness does not know that log")
    if extensions:
        # The ML-DSA-44 cosignature would not cover them: one signature, two texts.
        raise Refusal(BAD_REQUEST, "checkpoint-format", "a checkpoint of this log has no extension lines")
    lines = _own_lines(note, log)
    if request.old > size:
        raise Refusal(BAD_REQUEST, "old-size", "the old size is above the checkpoint's")
    return Submission(origin, size, root, request.old, request.proof, note.text, lines)


def _head(text: str) -> tuple[str, int, bytes, bool]:
    """(origin, size, root, whether extension lines follow). An empty log's root is judged later: its answer is 422."""
    match text.split("\n"):
        case [origin, size, root, *extensions, ""] if "" not in extensions:
            return check_origin(origin), parse_size(size), decode_hash(root), bool(extensions)
        case _:
            raise CheckpointError("checkpoint-format", "a checkpoint is origin, size and root, each on a line")


def _own_lines(note: Note, log: KnownLog) -> tuple[NoteLine, ...]:
    """The log's two lines, verified; every line of a known key was verified, also one that stands there twice."""
    verifiers = log_verifiers(log.origin, log.key)
    try:
        verified = verify_note(note, verifiers)
    except NoteError as error:
        raise Refusal(FORBIDDEN, error.code, str(error)) from None
    if len(verified) != len(verifiers):
        raise Refusal(FORBIDDEN, "signature-missing", "a checkpoint carries both of its log's signatures")
    own = []
    for verifier in verifiers:
        own.append(next(line for line in note.lines if (line.name, line.key_id) == (verifier.name, verifier.key_id)))
    return tuple(own)


def judge(submission: Submission, held: Held) -> None:
    """Whether the checkpoint continues what was cosigned last; raises Refusal with status 409 or 422.

    422 is also the answer to a proof from size 0, to an empty log with another root than that of the empty tree, and to
    another root at the size held (``root-differs``: the log has forked, and the two notes prove it).
    """
    if submission.old != held.size:
        raise Refusal(CONFLICT, "size-conflict", f"this witness cosigned size {held.size} last", size=held.size)
    if submission.size == held.size and submission.root != held.root:
        raise Refusal(UNPROCESSABLE, "root-differs", "another root was cosigned at this size")
    try:
        verify_consistency(held.size, held.root, submission.size, submission.root, submission.proof)
    except ProofError as error:
        raise Refusal(UNPROCESSABLE, error.code, error.detail) from None


def cosign(submission: Submission, held: Held, signer: WitnessSigner, now: int) -> Cosigned:
    """Cosign what ``judge`` let pass, at ``now`` (seconds) or, when the clock went back, at the time of the last cosignature:
    it says that nothing larger was seen until then."""
    at = max(now, held.at)
    lines = signer.cosign(submission.text, at)
    note = Note(submission.text, (*submission.lines, *lines)).encode()
    return Cosigned(Held(submission.size, submission.root, at, note), lines)
