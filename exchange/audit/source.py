"""What a verification asks for: the files of an auditor's bundle, by what they mean (``docs/spec/audit.md``).

A bundle in a folder is one source (``bundle.AuditBundle``); the operator's own store is another (``exchange audit fsck``).
A source is believed in nothing: what it hands out may be any bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from exchange.model.statements import Opening
from exchange.tlog.checkpoint import LogName
from exchange.tlog.tiles import Bundle, Tile


class Source(Protocol):
    """Both logs and what else the replay needs. Every method raises BundleError for what is missing or cannot be read."""

    def manifest(self) -> dict[str, Any]:
        """``exchange``, sizes and roots, and how many files there are: what `measure` gives."""

    def read(self, path: str, limit: int) -> bytes:
        """A file of at most ``limit`` bytes: one of the key files."""

    def checkpoint(self, log: LogName) -> bytes:
        """A log's signed checkpoint."""

    def tile(self, log: LogName, tile: Tile) -> bytes:
        """A hash tile."""

    def entries(self, log: LogName, bundle: Bundle) -> bytes:
        """An entry bundle."""

    def statement(self, statement: str, signers: int = 0) -> bytes:
        """A statement's envelope; ``signers`` names an earlier signature set of a proposal, 0 the newest."""

    def leaves(self, statement: str) -> bytes:
        """An alert's leaf list."""

    def checkpoints(self) -> Iterator[tuple[str, bytes]]:
        """Every kept checkpoint with its path."""

    def openings(self, statements: int) -> dict[str, tuple[Opening, ...]]:
        """Openings by statement id, unverified, of a registry of so many statements."""

    def files(self, folder: str) -> Iterator[tuple[str, int]]:
        """Every file below a folder, as its path and its bytes; in no order."""

    def measure(self) -> dict[str, dict[str, int]]:
        """How many files each folder holds, and their bytes."""
