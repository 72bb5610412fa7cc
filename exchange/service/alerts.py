"""What the readable side knows of an alert: its parties, its leaves, and whether a reader is one of its recipients.

Cores are parsed once, leaf lists and their trees are kept ready for as many leaves as `KEPT_LEAVES`: after an alert is
released every device asks for its own leaf within seconds, and each answer is then a few list look-ups.
Spec: docs/spec/envelope.md, "Sealing" 7 and "Absence".
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass, field

from exchange.model.alert import Core
from exchange.model.statements import parse_statement
from exchange.model.tlp import Label
from exchange.service.answers import LeafView
from exchange.service.denied import Denied
from exchange.service.grants import Grants
from exchange.service.state import ExchangeState
from exchange.service.visibility import Reader
from exchange.store import alerts as alert_rows
from exchange.store import blobs as blob_rows
from exchange.store import statements as statement_rows
from exchange.store.alerts import PACK_HEAD, AlertRow, AudienceRow
from exchange.store.database import Connection, Store
from exchange.store.statements import StatementRow
from keys.envelope import Envelope
from keys.kem import STANZA
from keys.stanza import AudienceTree, LeafSummary, Neighbour, parse_leaf_list

KEPT_CORES = 1_024
"""Parsed cores, a few KiB each."""
KEPT_LEAVES = 1 << 17
"""Leaves of all trees kept ready together, about 350 bytes each; the newest tree is kept whatever its size."""


@dataclass(frozen=True, slots=True)
class Audience:
    """The leaves of one sealed alert, ready for paths and neighbours."""

    row: AudienceRow
    leaves: tuple[LeafSummary, ...] = field(repr=False)
    tree: AudienceTree = field(repr=False)
    offsets: array[int] = field(repr=False)

    @classmethod
    def of(cls, row: AudienceRow) -> Audience:
        """Hash the tree: a few microseconds a leaf."""
        leaves = parse_leaf_list(row.leaves)
        offsets, offset = array("Q"), 0
        for leaf in leaves:
            offsets.append(offset + PACK_HEAD)
            offset += PACK_HEAD + (0 if leaf.keyless else STANZA)
        return cls(row, leaves, AudienceTree([leaf.leaf_hash() for leaf in leaves]), offsets)

    def places(self, devices: frozenset[str]) -> dict[str, int]:
        """The leaf positions of those of the devices that have one."""
        return {device: place for place, device in enumerate(self.row.devices_at()) if device in devices}

    def view(self, position: int, stanza: bytes) -> LeafView:
        """A device's own leaf with its stanza."""
        leaf = self.leaves[position]
        return LeafView(position, leaf.tag, leaf.stanza_id, stanza, self.tree.path(position))

    def neighbours(self, tag: bytes) -> tuple[Neighbour, ...]:
        """The leaves between which ``tag`` would stand; at an edge the one there is.

        Raises Denied (``tag-present``) when a leaf has it: its device is answered with that leaf, nobody else with anything.
        """
        place = bisect_left(self.leaves, tag, key=lambda leaf: leaf.tag)
        if place < len(self.leaves) and self.leaves[place].tag == tag:
            raise Denied("tag-present", "there is a leaf with this tag, and it is another device's")
        return tuple(
            Neighbour(index, self.leaves[index].tag, self.leaves[index].inner, self.tree.path(index))
            for index in (place - 1, place)
            if 0 <= index < len(self.leaves)
        )


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert statement as the store has it, with its core."""

    row: AlertRow
    statement: StatementRow
    core: Core

    @property
    def released(self) -> bool:
        """Whether the journal has its release."""
        return self.row.state == "released"

    @property
    def clear(self) -> bool:
        """Whether it is TLP:CLEAR: plain, and public once released."""
        return self.core.label is Label.CLEAR


class Alerts:
    """Reads alerts from the store, with what is asked for again and again kept ready."""

    def __init__(self, store: Store, state: ExchangeState) -> None:
        self._store = store
        self._state = state
        self.grants = Grants(store, state)
        self._cores: OrderedDict[str, Core] = OrderedDict()
        self._audiences: OrderedDict[str, Audience] = OrderedDict()
        self._building: dict[str, asyncio.Task[Audience]] = {}
        self._leaves = 0

    async def find(self, statement: str) -> AlertView:
        """The alert of a statement id. Raises Denied (``alert-unknown``)."""
        found = await self._store.read(_find, statement)
        if found is None:
            raise Denied("alert-unknown", "there is no alert statement with this id")
        row, place = found
        return AlertView(row, place, self.core(place))

    def core(self, row: StatementRow) -> Core:
        """The core of an alert's statement row."""
        core = self._cores.get(row.statement)
        if core is None:
            core = parse_statement(Envelope.decode(row.envelope)).alert.core
            self._cores[row.statement] = core
            if len(self._cores) > KEPT_CORES:
                self._cores.popitem(last=False)
        else:
            self._cores.move_to_end(row.statement)
        return core

    # -- parties --------------------------------------------------------------------------------------------------

    def author(self, core: Core) -> str | None:
        """The author's person id."""
        device = self._state.roster.facts.devices.get(core.issuer.device)
        return None if device is None else device.person

    def handles(self, reader: Reader, view: AlertView) -> bool:
        """Whether the reader is the author or a candidate approver: the only ones who see a proposal.

        They must still belong to the author's organisation and hold the role, else a proposal would outlive it.
        """
        if reader.terms is not None or reader.organisation != view.row.author_organisation:
            return False
        if reader.person == self.author(view.core):
            return "author" in reader.roles
        return reader.person in view.core.approvers and "approver" in reader.roles

    def publishes(self, reader: Reader, view: AlertView) -> bool:
        """Whether the reader publishes for the organisation of a released alert: it makes the next version, or approves it.

        What is shown is the statement; the parts are for recipients.
        """
        own = reader.organisation == view.row.author_organisation and reader.terms is None
        return own and reader.publisher and view.released

    async def is_recipient(self, reader: Reader, view: AlertView) -> bool:
        """Whether the reader's device has a leaf or a grant, and is in force with its organisation's terms accepted (R1)."""
        if reader.auditor or reader.terms is not None:
            return False
        if self._state.grants.has(view.row.statement, reader.device):
            return True
        return await self.position(view, reader.device) is not None

    async def position(self, view: AlertView, device: str) -> int | None:
        """A device's leaf, without building the tree; None when it has none."""
        if view.clear:
            return None
        ready = self._audiences.get(view.row.statement)
        row = ready.row if ready is not None else await self._store.read(alert_rows.audience, view.row.statement)
        return None if row is None else row.position_of(device)

    # -- leaves ---------------------------------------------------------------------------------------------------

    async def audience(self, statement: str) -> Audience:
        """The leaves of a sealed alert. Raises Denied (``alert-without-leaves``) for CLEAR."""
        ready = self._audiences.get(statement)
        if ready is not None:
            self._audiences.move_to_end(statement)
            return ready
        # Everybody asks at the same moment: one of them builds, and a caller who goes away stops nobody else.
        building = self._building.get(statement)
        if building is None:
            building = self._building[statement] = asyncio.create_task(self._build(statement))
            building.add_done_callback(lambda _: self._building.pop(statement, None))
        return await asyncio.shield(building)

    async def _build(self, statement: str) -> Audience:
        row = await self._store.read(alert_rows.audience, statement)
        if row is None:
            raise Denied("alert-without-leaves", "the alert is TLP:CLEAR and has no leaves")
        audience = await asyncio.to_thread(Audience.of, row)
        self._audiences[statement] = audience
        self._leaves += audience.tree.count
        while self._leaves > KEPT_LEAVES and len(self._audiences) > 1:
            _, oldest = self._audiences.popitem(last=False)
            self._leaves -= oldest.tree.count
        return audience

    async def leaf(self, view: AlertView, position: int) -> LeafView:
        """A leaf with its stanza, cut out of the pack."""
        audience = await self.audience(view.row.statement)
        if audience.leaves[position].keyless or view.row.pack is None:
            return audience.view(position, b"")
        stanza = await self._store.read(blob_rows.read_range, view.row.pack, audience.offsets[position], STANZA)
        return audience.view(position, stanza)


def _find(connection: Connection, statement: str) -> tuple[AlertRow, StatementRow] | None:
    """The alert's row, and its statement with the newest signatures."""
    row = alert_rows.find(connection, statement)
    places = statement_rows.of_id(connection, [statement])
    return (row, places[-1]) if row is not None and places else None
