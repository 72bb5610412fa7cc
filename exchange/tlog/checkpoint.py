"""Checkpoint texts (C2SP tlog-checkpoint): origin, size and root, one a line. Spec: docs/spec/logs.md, 2 and 3.

The text only. Signing and verifying it is keys/note.py's; an unverified text proves nothing.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as BinasciiError
from dataclasses import dataclass
from typing import Literal, Self

from exchange.tlog.errors import CheckpointError
from exchange.tlog.merkle import EMPTY_ROOT, HASH_BYTES, MAX_TREE_SIZE

LogName = Literal["registry", "journal"]
LOGS: tuple[LogName, ...] = ("registry", "journal")
"""The two logs of an exchange, in the order in which they are always named."""

MAX_ORIGIN_CHARACTERS = 255
"""The ML-DSA-44 cosignature carries the origin's length in one byte."""

_ORIGIN = re.compile(r"[A-Za-z0-9\[][!-*,-~]*")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


def encode_hash(value: bytes) -> str:
    """A 32-byte hash as base64 with padding, as checkpoints and proofs write it."""
    return b64encode(value).decode("ascii")


def decode_hash(text: str) -> bytes:
    """The 32-byte hash that ``text`` is the one canonical base64 of (unused bits zero).

    Raises `CheckpointError` (``hash-format``).
    """
    try:
        value = b64decode(text, validate=True)
    except (BinasciiError, ValueError):
        raise CheckpointError("hash-format", "a hash is not base64") from None
    if len(value) != HASH_BYTES or encode_hash(value) != text:
        raise CheckpointError("hash-format", f"a hash is not the canonical base64 of {HASH_BYTES} bytes")
    return value


def parse_size(text: str) -> int:
    """A decimal size or index without sign or leading zeros, 0 to 2^63 - 1. `CheckpointError` (``size-format``)."""
    if _SIZE.fullmatch(text) is None or int(text) > MAX_TREE_SIZE:
        raise CheckpointError("size-format", "a size is a decimal number without sign or leading zeros")
    return int(text)


def check_origin(origin: str) -> str:
    """The origin, when it may name a log: a host name with optional port and path, printable ASCII, no scheme, no
    space, no ``+``, at most 255 characters. Raises `CheckpointError` (``origin-format``)."""
    if len(origin) > MAX_ORIGIN_CHARACTERS or _ORIGIN.fullmatch(origin) is None or "://" in origin:
        raise CheckpointError("origin-format", "an origin is a host name with optional port and path, without scheme")
    return origin


def log_origin(exchange_origin: str, log: LogName) -> str:
    """The origin, and so the key name, of one of an exchange's logs. Raises `CheckpointError` (``origin-format``)."""
    return check_origin(f"{exchange_origin}/{log}")


def signed_text(note: bytes) -> str:
    """The text of a signed checkpoint, its signatures not looked at: for reading one's own. Others' are verified.

    Raises `CheckpointError` (``checkpoint-format``).
    """
    text, separator, _ = note.partition(b"\n\n")
    try:
        decoded = text.decode("ascii") + "\n"
    except UnicodeDecodeError:
        separator = b""
    if not separator:
        raise CheckpointError("checkpoint-format", "not a signed checkpoint")
    return decoded


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's state: origin (the log's name), size (leaves) and root (32 bytes). Raises `CheckpointError` when one of
    them cannot stand in a checkpoint."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        check_origin(self.origin)
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise CheckpointError("size-format", f"a log has 0 to {MAX_TREE_SIZE} entries")
        if len(self.root) != HASH_BYTES or (self.size == 0 and self.root != EMPTY_ROOT):
            raise CheckpointError("root-format", "not the root of a log of that size")

    def text(self) -> str:
        """The text that is signed: three lines, each ended by LF."""
        return f"{self.origin}\n{self.size}\n{encode_hash(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The checkpoint of a signed text. Extension lines are refused: the ML-DSA-44 cosignature would not cover them.

        Raises `CheckpointError`: ``checkpoint-format``, or the code of the part that is wrong.
        """
        match text.split("\n"):
            case [origin, size, root, ""]:
                return cls(origin, parse_size(size), decode_hash(root))
            case _:
                raise CheckpointError("checkpoint-format", "a checkpoint is exactly three lines: origin, size and root")
