"""Proof files ``c2sp.org/tlog-proof@v1``: an inclusion proof and the signed checkpoint it leads to, in one text.

Whoever holds such a file shows offline that an entry is in the log. The signatures are verified by a callable that the
caller passes, since keys live elsewhere. Spec: docs/spec/logs.md.
"""

from base64 import b64decode, b64encode
from binascii import Error as BinasciiError
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from exchange.tlog.checkpoint import Checkpoint, decode_hash, encode_hash, parse_size
from exchange.tlog.errors import CheckpointError, ProofError
from exchange.tlog.merkle import MAX_PROOF_HASHES, MAX_TREE_SIZE, verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF_FILE_BYTES = 1_048_576
"""A checkpoint with a hundred post-quantum cosignatures has about 330 kB."""
MAX_EXTRA_BYTES = 65_536

CheckpointVerifier = Callable[[bytes], str]
"""Takes a signed checkpoint; returns its text when the signatures that the caller demands verify, raises otherwise."""


@dataclass(frozen=True, slots=True)
class LogProof:
    """An entry's place: its index, the inclusion proof (sibling first), the signed checkpoint verbatim, and optional
    unauthenticated extra bytes that nothing may rely on."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_TREE_SIZE or len(self.hashes) > MAX_PROOF_HASHES:
            raise ProofError("proof-format", f"a proof has an index and at most {MAX_PROOF_HASHES} hashes")
        if self.extra is not None and len(self.extra) > MAX_EXTRA_BYTES:
            raise ProofError("proof-format", f"the extra bytes are at most {MAX_EXTRA_BYTES}")

    def encode(self) -> bytes:
        """The file's bytes."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append("extra " + b64encode(self.extra).decode("ascii"))
        lines.append(f"index {self.index}")
        lines.extend(encode_hash(value) for value in self.hashes)
        return ("\n".join(lines) + "\n\n").encode("ascii") + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a proof file. What follows the first empty line is the signed checkpoint, not looked at here.

        Raises `ProofError` (``proof-format``).
        """
        if len(data) > MAX_PROOF_FILE_BYTES:
            raise ProofError("proof-format", f"a proof file has at most {MAX_PROOF_FILE_BYTES} bytes")
        head, separator, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise ProofError("proof-format", "a proof file's head is ASCII") from None
        if not separator or not checkpoint or lines.pop(0) != HEADER:
            raise ProofError("proof-format", f"not a {HEADER} file")
        extra = _extra(lines.pop(0)) if lines and lines[0].startswith("extra ") else None
        if not lines or not lines[0].startswith("index "):
            raise ProofError("proof-format", "the index line is missing")
        try:
            index = parse_size(lines[0].removeprefix("index "))
            hashes = tuple(decode_hash(line) for line in lines[1 : MAX_PROOF_HASHES + 2])
        except CheckpointError as error:
            raise ProofError("proof-format", str(error)) from None
        return cls(index, hashes, checkpoint, extra)

    def verify(self, leaf: bytes, origin: str, verify_checkpoint: CheckpointVerifier) -> Checkpoint:
        """The checkpoint that vouches for the leaf hash ``leaf``, made from the caller's own data, never from the file.

        Raises what ``verify_checkpoint`` raises, `CheckpointError`, or `ProofError` (``proof-origin`` for another log's
        checkpoint, else as `verify_inclusion`).
        """
        checkpoint = Checkpoint.parse(verify_checkpoint(self.checkpoint))
        if checkpoint.origin != origin:
            raise ProofError("proof-origin", "the checkpoint is another log's")
        verify_inclusion(leaf, self.index, checkpoint.size, self.hashes, checkpoint.root)
        return checkpoint


def _extra(line: str) -> bytes:
    text = line.removeprefix("extra ")
    try:
        value = b64decode(text, validate=True)
    except (BinasciiError, ValueError):
        value = b""
    if b64encode(value).decode("ascii") != text:
        raise ProofError("proof-format", "the extra line is not canonical base64")
    return value
