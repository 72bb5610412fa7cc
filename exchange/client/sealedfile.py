"""Files under the vault key that are never held whole: sealed and opened in blocks (``docs/spec/envelope.md``, Kept by members).

Each block is bound to its file's name, its place and whether it is the last one: blocks cannot be exchanged, left out or cut off.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from exchange.client.errors import StateError

BLOCK = 1 << 20
"""Plaintext bytes of a block; the last one is shorter, and may be empty."""
OVERHEAD = 40
"""Bytes that sealing adds to a block."""


class Vault(Protocol):
    """The box for what others must not read; ``keys.keyfile.Vault`` is it."""

    def seal(self, name: str, plaintext: bytes) -> bytes:
        """Seal a value to its name."""
        ...

    def open(self, name: str, data: bytes) -> bytes:
        """Open a value sealed to this name."""
        ...


def write(path: Path, vault: Vault, name: str, pieces: Iterable[bytes]) -> None:
    """Seal pieces of any size into a file; it is there, durably, when they came to their end without an error, and not before."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            number, buffer = 0, bytearray()
            for piece in pieces:
                buffer += piece
                while len(buffer) > BLOCK:
                    file.write(vault.seal(_block(name, number, last=False), bytes(buffer[:BLOCK])))
                    del buffer[:BLOCK]
                    number += 1
            file.write(vault.seal(_block(name, number, last=True), bytes(buffer)))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read(path: Path, vault: Vault, name: str) -> Iterator[bytes]:
    """The pieces of a sealed file. Raises StateError ``attachment-missing``, OpenError ``vault-invalid``.

    Each piece is authentic; that it is whole is known at the end.
    """
    try:
        with path.open("rb") as file:
            number, block = 0, file.read(BLOCK + OVERHEAD)
            while True:
                after = file.read(BLOCK + OVERHEAD)
                yield vault.open(_block(name, number, last=not after), block)
                if not after:
                    return
                number, block = number + 1, after
    except OSError:
        raise StateError("attachment-missing", "the attachment is not in the local store") from None


def _block(name: str, number: int, *, last: bool) -> str:
    return f"{name}/{number}/{'last' if last else 'more'}"
