"""The raw entries to which a report refers (``docs/spec/audit.md``, Report): collected while it is written, read at its end.

A place is printed once, in order of the logs.  There is room for ENTRIES; a reference beyond is shown without a link and counted.
Entries are read again from the bundle and believed as little as before: whether the trees prove one is said beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from exchange.audit.bundle import AuditBundle, BundleError, statement_path
from exchange.audit.report import Head
from exchange.audit.trees import split_entries
from exchange.model.entry import MAX_ENTRY
from exchange.model.hidden import shown
from exchange.tlog.checkpoint import LOGS, LogName
from exchange.tlog.merkle import leaf_hash
from exchange.tlog.tiles import TILE_WIDTH, Bundle, width_at

ENTRIES = 1_000
"""Entries printed in one report: about a kilobyte each."""
_STATEMENT = re.compile(rb'"statement":"([0-9a-f]{64})"')


@dataclass(frozen=True, slots=True)
class Ref:
    """A place in a log as the report writes it (``J 12``), and the anchor of the entry, empty where it is not printed."""

    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Printed:
    """An entry of the appendix; ``raw`` is empty when it cannot be read, hashes are hexadecimal, ``path`` is the statement's."""

    anchor: str
    log: LogName
    index: int
    raw: str
    leaf: str
    path: str
    proven: bool


class Appendix:
    """References and, at the end, the entries that they name. ``prefixes`` are what the logs are called in a reference."""

    def __init__(
        self,
        bundle: AuditBundle,
        heads: Mapping[LogName, Head],
        proven: Mapping[LogName, int],
        prefixes: Mapping[LogName, str],
        room: int = ENTRIES,
    ) -> None:
        self._bundle = bundle
        self._heads = heads
        self._proven = proven
        self._prefixes = prefixes
        self._room = room
        self._wanted: dict[LogName, set[int]] = {log: set() for log in LOGS}
        self._left_out: set[tuple[LogName, int]] = set()
        self._near: tuple[str, list[bytes]] = "", []

    @property
    def more(self) -> int:
        """Entries that were referred to and have no room."""
        return len(self._left_out)

    def ref(self, log: LogName, index: int) -> Ref:
        """A reference to an entry, which takes a place in the appendix when there is room."""
        wanted = self._wanted[log]
        name = f"{self._prefixes[log]}\u00a0{index}"
        if index not in wanted:
            if sum(map(len, self._wanted.values())) >= self._room:
                self._left_out.add((log, index))
                return Ref(name, "")
            wanted.add(index)
        return Ref(name, _anchor(log, index))

    def entries(self) -> list[Printed]:
        """The entries in order, the registry first."""
        return [self._printed(log, index) for log in LOGS for index in sorted(self._wanted[log])]

    def _printed(self, log: LogName, index: int) -> Printed:
        data = self._read(log, index)
        proven = index < self._proven.get(log, 0)
        if data is None:
            return Printed(_anchor(log, index), log, index, "", "", "", proven)
        found = _STATEMENT.search(data)
        path = "" if found is None else statement_path(found[1].decode())
        raw = shown(data[:MAX_ENTRY].decode("utf-8", "backslashreplace"))
        return Printed(_anchor(log, index), log, index, raw, leaf_hash(data).hex(), path, proven)

    def _read(self, log: LogName, index: int) -> bytes | None:
        head = self._heads.get(log)
        if head is None or index >= head.size:
            return None
        number, inside = divmod(index, TILE_WIDTH)
        place = Bundle(number, width_at(0, number, head.size))
        path = f"{log}/{place.path}"
        if self._near[0] != path:
            try:
                self._near = path, split_entries(self._bundle.entries(log, place), place.width)[0]
            except BundleError:
                self._near = path, []
        entries = self._near[1]
        return entries[inside] if inside < len(entries) else None


def _anchor(log: LogName, index: int) -> str:
    return f"{log}-{index}"
