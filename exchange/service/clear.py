"""What the public is shown of released TLP:CLEAR alerts: the list, one alert, and the evidence that a stranger can check.

The evidence needs no trust in this server: the signed alert, its journal entry and proof, the content, and the registry
statements that show author and approvers in force, each with its proof. What it cannot show is that nothing was said about
them afterwards: entries are for members, so the end of each chain is this server's word (docs/soundness.md).
Spec: docs/spec/interface.md, Public evidence; docs/spec/envelope.md, A visitor's check.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exchange.ledger.ledger import Ledger
from exchange.model.alert import MAX_CONTENT
from exchange.model.entry import parse_entry
from exchange.model.statements import parse_statement
from exchange.model.tlp import Label
from exchange.policy.chains import ChainWalk, alert_chains
from exchange.service.alerts import Alerts, AlertView
from exchange.service.answers import array, composed, hashes, note, value
from exchange.service.blobs import Blobs
from exchange.service.denied import Denied
from exchange.service.reading import Reading
from exchange.service.state import ExchangeState
from exchange.store import alerts as alert_rows
from exchange.store import logs
from exchange.store import statements as statement_rows
from exchange.store.alerts import AlertRow
from exchange.store.database import Connection, Store
from exchange.store.statements import OpeningRow, StatementRow
from exchange.tlog.checkpoint import Checkpoint, LogName, signed_text
from keys import encoding
from keys.envelope import Envelope

FORMAT: Final = "tlp-exchange-clear-evidence/v1"
PAGE: Final = 256
"""Rows read at once."""
MAX_CHAIN_STATEMENTS: Final = 1024
"""Registry statements in one evidence; the checking command takes as many."""
KEPT_EVIDENCE_BYTES: Final = 32 << 20
"""Bytes of evidence kept ready: making it costs a proof for every statement, and anybody may ask."""


@dataclass(frozen=True, slots=True)
class _Chained:
    """A registry statement with its entry."""

    row: StatementRow
    entry: bytes


@dataclass(frozen=True, slots=True)
class _Made:
    """Evidence that never changes again, and the newest statement that could name the author's organisation."""

    fields: dict[str, bytes | None]
    naming: str | None

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(len(field or b"") for field in self.fields.values())


class ClearAlerts:
    """The released CLEAR alerts."""

    def __init__(
        self, store: Store, ledger: Ledger, state: ExchangeState, alerts: Alerts, blobs: Blobs, reading: Reading
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._state = state
        self._alerts = alerts
        self._blobs = blobs
        self._reading = reading
        self._released: list[AlertRow] = []
        self._evidence: OrderedDict[str, _Made] = OrderedDict()
        self._making = asyncio.Lock()

    # -- which there are ------------------------------------------------------------------------------------------

    async def newest(self, before: int | None, count: int) -> tuple[AlertRow, ...]:
        """The newest version of each released CLEAR alert, the newest first; at most ``count``, released before an index.

        A version that has a released successor, of whatever label, is not the newest: it keeps its own page only.
        """
        size = self._ledger.head("journal").size
        end = size if before is None else min(before, size)
        while rows := await self._store.read(
            alert_rows.labelled,
            Label.CLEAR.value,
            self._released[-1].journal_index + 1 if self._released else 0,
            PAGE,
        ):
            published = [row for row in rows if row.journal_index < size]
            last = self._released[-1].journal_index if self._released else -1
            # Another request may have read the same page meanwhile.
            self._released += [row for row in published if row.journal_index > last]
            if len(published) < PAGE:
                break
        succeeded = self._state.versions
        found = [
            row for row in self._released if row.journal_index < end and (row.alert, row.version + 1) not in succeeded
        ]
        return tuple(reversed(found[-count:]))

    async def newest_version(self, view: AlertView) -> AlertView | None:
        """The newest released version of the same alert, whatever its label; None when this one is it."""
        versions, number = self._state.versions, view.row.version
        while (view.row.alert, number + 1) in versions:
            number += 1
        newest = None if number == view.row.version else await self._alerts.find(versions[(view.row.alert, number)])
        return None if newest is None or newest.row.journal_index >= self._ledger.head("journal").size else newest

    async def find(self, statement: str) -> AlertView:
        """A released CLEAR alert. Raises Denied (``alert-unknown``) for everything else: strangers learn no more."""
        view = await self._alerts.find(statement)
        if not (view.clear and view.released and view.row.journal_index < self._ledger.head("journal").size):
            raise Denied("alert-unknown", "there is no alert statement with this id")
        return view

    async def released_at(self, view: AlertView) -> int:
        """When the alert was released, seconds: its entry's acceptance time."""
        [entry] = await self._store.read(logs.entries, "journal", view.row.journal_index, 1)
        return parse_entry(entry).at

    async def organisation_name(self, organisation: str) -> str | None:
        """The name of an organisation that speaks in public, from its newest opening; None when it was erased."""
        records = self._state.roster.facts.commitments.get(f"organisation/{organisation}", ())
        statement = next((statement for statement, fields in reversed(records) if "name" in fields), "")
        found = await self._store.read(statement_rows.openings, [statement])
        return next((opening.value for opening in found.get(statement, ()) if opening.field == "name"), None)

    # -- the evidence ---------------------------------------------------------------------------------------------

    async def evidence(self, statement: str) -> bytes:
        """All that a stranger needs to check a released CLEAR alert offline, as strict JSON.

        Raises Denied: ``alert-unknown``; ``evidence-too-large`` when the chains have more than `MAX_CHAIN_STATEMENTS`.
        """
        view = await self.find(statement)
        async with self._making:
            made = self._evidence.get(statement)
            if made is None:
                made = await self._make(view)
                self._evidence[statement] = made
                while (
                    sum(one.size for one in self._evidence.values()) > KEPT_EVIDENCE_BYTES and len(self._evidence) > 1
                ):
                    self._evidence.popitem(last=False)
            self._evidence.move_to_end(statement)
        # An opening can be erased, so it is never kept here.
        name = None
        if made.naming is not None:
            opened = await self._store.read(statement_rows.openings, [made.naming])
            name = next((one for one in opened.get(made.naming, ()) if one.field == "name"), None)
        return composed(**made.fields, name=None if name is None else _named(name))

    async def _make(self, view: AlertView) -> _Made:
        index = view.row.journal_index
        [entry] = await self._store.read(logs.entries, "journal", index, 1)
        accepted = parse_entry(entry).registry
        if accepted is None:
            raise Denied("alert-unknown", "the entry names no registry")
        seen = view.core.seen
        registry_note, journal_note = self._ledger.checkpoint("registry"), self._ledger.checkpoint("journal")
        registry_size, journal_size = _size(registry_note), _size(journal_note)
        chained = await self._chains(view, accepted.size)
        content: bytes | None
        try:
            part = parse_statement(Envelope.decode(view.statement.envelope)).alert.sealed.parts[0]
            content = await self._blobs.read_whole(part.sha256, MAX_CONTENT)
        except Denied:
            content = None
        organisation = f"organisation/{view.row.author_organisation}"
        fields: dict[str, bytes | None] = {
            "checkpoint": note(journal_note),
            "content": None if content is None else value(encoding.b64(content)),
            "entry": value(encoding.b64(entry)),
            "envelope": view.statement.envelope,
            "exchange": value(self._state.exchange),
            "format": value(FORMAT),
            "heads": await self._heads("journal", {seen.journal.size}, journal_size),
            "index": value(index),
            "proof": hashes(await self._ledger.proof_at("journal", index, journal_size)),
            "registry": composed(
                checkpoint=note(registry_note),
                heads=await self._heads("registry", {seen.registry.size, accepted.size}, registry_size),
                statements=array([await self._statement(one, registry_size) for one in chained]),
            ),
        }
        return _Made(fields, _newest_naming(chained, organisation))

    async def _heads(self, log: LogName, sizes: set[int], size: int) -> bytes:
        """Earlier heads of a log, each with the proof that the checkpoint of ``size`` continues it."""
        return array(
            [
                composed(
                    proof=hashes(await self._ledger.consistency_proof(log, old, size)),
                    root=value((await self._ledger.root_at(log, old)).hex()),
                    size=value(old),
                )
                for old in sorted(sizes)
            ]
        )

    async def _statement(self, one: _Chained, size: int) -> bytes:
        return composed(
            entry=value(encoding.b64(one.entry)),
            envelope=one.row.envelope,
            index=value(one.row.index),
            proof=hashes(await self._ledger.proof_at("registry", one.row.index, size)),
        )

    async def _chains(self, view: AlertView, size: int) -> list[_Chained]:
        """The registry statements that judge this alert at a registry size, in log order (``policy.chains``)."""
        by_chain: dict[str, list[int]] = {}
        for index, chain in enumerate((await self._reading.registry_chains())[:size]):
            by_chain.setdefault(chain, []).append(index)
        facts = self._state.roster.facts
        organisation = view.row.author_organisation
        walk = ChainWalk(
            facts.device_of_key, self._person_of, alert_chains(by_chain, organisation, view.core.approvers)
        )
        walk.signed(Envelope.decode(view.statement.envelope))
        found: dict[int, _Chained] = {}
        for chain in walk:
            indexes = by_chain.get(chain, [])
            if len(found) + len(indexes) > MAX_CHAIN_STATEMENTS:
                raise Denied(
                    "evidence-too-large", "the registry's chains behind this alert are too long for one answer"
                )
            for one in await self._store.read(_chained, indexes):
                found[one.row.index] = one
                walk.signed(Envelope.decode(one.row.envelope))
        return [found[index] for index in sorted(found)]

    def _person_of(self, device: str) -> str:
        return self._state.roster.facts.devices[device].person


def _chained(connection: Connection, indexes: Sequence[int]) -> list[_Chained]:
    """Registry statements with their entries."""
    found: list[_Chained] = []
    for index in indexes:
        row = statement_rows.at(connection, "registry", index)
        entry = logs.entries(connection, "registry", index, 1)
        if row is not None and entry:
            found.append(_Chained(row, entry[0]))
    return found


def _newest_naming(chained: Sequence[_Chained], chain: str) -> str | None:
    """The newest statement of an organisation's chain that commits to a name."""
    for one in reversed(chained):
        if parse_entry(one.entry).subject == chain:
            statement = parse_statement(Envelope.decode(one.row.envelope))
            if getattr(statement.body, "commitments", None) is not None:
                return statement.id
    return None


def _named(row: OpeningRow) -> bytes:
    return value({"field": row.field, "salt": encoding.b64u(row.salt), "statement": row.statement, "value": row.value})


def _size(checkpoint: bytes) -> int:
    return Checkpoint.parse(signed_text(checkpoint)).size
