"""What travels between a log and its witnesses (C2SP tlog-witness, ``add-checkpoint``): formatted by one, parsed by the other.

The request is ``old <size>``, 0 to 63 hashes of a consistency proof, an empty line, and the signed checkpoint as it is. Its
answers are signature lines, or after a conflict the size that the witness cosigned last. No key, no clock, no HTTP here;
whether the checkpoint deserves a cosignature is the witness's question. Spec: docs/spec/witness.md, 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from exchange.tlog.checkpoint import decode_hash, encode_hash, parse_size
from exchange.tlog.errors import CheckpointError, RequestError
from exchange.tlog.merkle import HASH_BYTES, MAX_PROOF_HASHES, MAX_TREE_SIZE

PATH = "/add-checkpoint"
"""Behind the witness's submission prefix."""
MAX_REQUEST_BYTES = 65_536
"""What a witness reads: room for a checkpoint with 16 post-quantum lines."""
MAX_SENT_BYTES = 10_240
"""What is sent: other witnesses read no more. Our two lines and 63 hashes need at most 7,600."""
MAX_ANSWER_BYTES = 65_536
"""What a log reads of a witness's answer: ours has two lines, about 3,700 bytes."""
SIZE_TYPE = "text/x.tlog.size"
"""Content type of the answer to a wrong old size."""

_OLD = "old "


@dataclass(frozen=True, slots=True)
class WitnessRequest:
    """One ``add-checkpoint``: the size cosigned last as its sender believes, the proof from there, the signed checkpoint.

    The note's bytes are verbatim and unverified.
    """

    old: int
    proof: tuple[bytes, ...]
    note: bytes = field(repr=False)

    @classmethod
    def parse(cls, body: bytes) -> "WitnessRequest":
        """Read a request's body; exactly one body says one thing.

        Raises `RequestError`: ``request-size`` (more than 65,536 bytes), ``request-format`` (also 64 hashes, base64 that is
        not canonical, leading zeros, CRLF).
        """
        if len(body) > MAX_REQUEST_BYTES:
            raise RequestError("request-size", f"a request has at most {MAX_REQUEST_BYTES} bytes")
        head, separator, note = body.partition(b"\n\n")
        if not separator or not note:
            raise RequestError("request-format", "a request is an old size, a proof, an empty line and a checkpoint")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise RequestError("request-format", "what precedes the checkpoint is ASCII") from None
        if not first.startswith(_OLD):
            raise RequestError("request-format", "a request begins with the old size")
        if len(lines) > MAX_PROOF_HASHES:
            raise RequestError("request-format", f"a consistency proof has at most {MAX_PROOF_HASHES} hashes")
        try:
            return cls(parse_size(first.removeprefix(_OLD)), tuple(decode_hash(line) for line in lines), note)
        except CheckpointError as error:
            raise RequestError("request-format", error.detail) from None


def format_request(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """The body that asks a witness to cosign ``note``, a signed checkpoint with its log's own lines only.

    ``old`` is the size that the witness is believed to have cosigned last, 0 for none; ``proof`` (32-byte hashes) leads from
    there to the checkpoint and is empty from 0 and between equal sizes. Raises `RequestError`: ``request-format``,
    ``request-size`` (more than 10,240 bytes: there are cosignatures in the note).
    """
    if not 0 <= old <= MAX_TREE_SIZE or len(proof) > MAX_PROOF_HASHES or any(len(h) != HASH_BYTES for h in proof):
        raise RequestError("request-format", f"a request has a size and at most {MAX_PROOF_HASHES} hashes of 32 bytes")
    if not note.endswith(b"\n"):
        raise RequestError("request-format", "a signed checkpoint ends with a line end")
    lines = [f"{_OLD}{old}", *(encode_hash(value) for value in proof)]
    body = ("\n".join(lines) + "\n\n").encode("ascii") + note
    if len(body) > MAX_SENT_BYTES:
        raise RequestError("request-size", f"a request is sent with at most {MAX_SENT_BYTES} bytes")
    return body


def format_size(size: int) -> bytes:
    """The body of the answer 409: the size that the witness cosigned last."""
    return f"{size}\n".encode("ascii")


def parse_conflict(body: bytes) -> int:
    """The size in the body of an answer 409. Raises `RequestError` (``request-format``)."""
    try:
        text = body.decode("ascii")
        if not text.endswith("\n"):
            raise RequestError("request-format", "a size ends with a line end")
        return parse_size(text[:-1])
    except (UnicodeDecodeError, CheckpointError):
        raise RequestError("request-format", "the answer to a conflict is a size") from None
