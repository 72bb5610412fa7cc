"""What a session may read: statements, registry and epoch pages, alerts, leaf lists, proposals.

Every method takes the reader as the roster has it at this moment and answers only what that reader is entitled to; a no is
a ``Denied`` with its code. Nothing beyond the published heads is shown: rows of a commit stand in the store a moment before
its head file is written (docs/spec/logs.md). Answers are the interface's JSON, as bytes. Spec: docs/spec/interface.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from exchange.ledger.ledger import Ledger
from exchange.model.entry import parse_entry
from exchange.model.journal import AlertAnswer, AlertAsk, AlertGrant, AlertReceipt, AlertReject, AlertReview
from exchange.model.statements import parse_statement
from exchange.service.alerts import Alerts, AlertView
from exchange.service.answers import array, composed, hashes, neighbour, note, value
from exchange.service.claims import Claims
from exchange.service.denied import Denied
from exchange.service.sessions import Clock
from exchange.service.state import ExchangeState
from exchange.service.visibility import Reader, is_shown, opening_is_shown
from exchange.store import alerts as alert_rows
from exchange.store import logs
from exchange.store import statements as statement_rows
from exchange.store.alerts import AlertRow
from exchange.store.database import Connection, Store
from exchange.store.statements import OpeningRow, StatementRow
from keys import encoding
from keys.envelope import Envelope
from keys.stanza import TAG, encode_leaf_list

DEFAULT_PAGE = 64
"""Entries looked at in one page when the caller names no limit."""
MAX_PAGE = 256
"""Entries looked at in one page."""
MAX_PAGE_BYTES = 2 << 20
"""Bytes of envelopes after which a page ends early; ``next`` says where it goes on."""


ACCESS = "access.read"
"""Reading what was read is not logged again: it would never end, and names nobody but the auditor's own device."""


class Reading:
    """The readable side of the exchange."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        state: ExchangeState,
        alerts: Alerts,
        claims: Claims,
        clock: Clock,
        receipts_days: int = 0,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._state = state
        self._alerts = alerts
        self._claims = claims
        self._clock = clock
        self._receipts_days = receipts_days
        self._chains: list[str] = []

    # -- public ---------------------------------------------------------------------------------------------------

    def exchange(self) -> bytes:
        """``GET /v1/exchange``. Raises Denied (``not-founded``)."""
        founding = self._state.founding
        if founding is None:
            raise Denied("not-founded", "this exchange is not founded yet")
        return composed(
            exchange=value(founding.id),
            founding=founding.envelope.encode(),
            journal=note(self._ledger.checkpoint("journal")),
            origin=value(self._state.roster.facts.origin),
            registry=note(self._ledger.checkpoint("registry")),
            retention=value({"receipts_days": self._receipts_days}) if self._receipts_days else None,
            time=value(self._clock()),
        )

    # -- statements -----------------------------------------------------------------------------------------------

    async def statement(self, reader: Reader, statement: str, signers: int | None = None) -> bytes:
        """``GET /v1/statements/{id}``: the newest signature set, or the one of so many signers that an entry names.

        Raises Denied: ``statement-unknown``, ``not-entitled``; ``statement-erased`` whoever asks, for everybody reads the entry.
        """
        row = next(
            (
                row
                for row in reversed(await self._store.read(statement_rows.of_id, [statement]))
                if row.index < self._ledger.head(row.log).size and signers in (None, row.signers)
            ),
            None,
        )
        if row is None:
            raise Denied("statement-unknown", "there is no statement with this id, or none with so many signers")
        if row.erased:
            raise Denied("statement-erased", "this statement was erased by retention; its entry stays")
        if not await self._may_read(reader, row):
            raise Denied("not-entitled", "this statement is not for you to read")
        if reader.auditor and row.kind != ACCESS:
            self._claims.audited(reader.device, "registry" if row.log == "registry" else "statement")
        return composed(envelope=row.envelope, index=value(row.index), log=value(row.log))

    async def _may_read(self, reader: Reader, row: StatementRow) -> bool:
        """The parties of a journal statement, and auditors; a registry statement by its chain."""
        if row.log == "registry":
            [entry] = await self._store.read(logs.entries, "registry", row.index, 1)
            return is_shown(reader, self._state.roster.facts, parse_entry(entry).subject or "")
        if reader.auditor or row.kind == "epoch.publish":
            return True
        if row.kind == "alert":
            return await self._may_read_alert(reader, await self._alerts.find(row.statement))
        if row.kind in ("alert.reject", "alert.review", "alert.receipt", "alert.ask", "alert.answer", "alert.grant"):
            return await self._is_party(reader, row)
        return False

    async def _may_read_alert(self, reader: Reader, view: AlertView) -> bool:
        if self._alerts.handles(reader, view) or self._alerts.publishes(reader, view):
            return True
        return view.released and (view.clear or await self._alerts.is_recipient(reader, view))

    async def _is_party(self, reader: Reader, row: StatementRow) -> bool:
        """Who said it, and for a rejection or review those who handle the alert."""
        body = parse_statement(Envelope.decode(row.envelope)).body
        if not isinstance(body, AlertReject | AlertReview | AlertReceipt | AlertAsk | AlertAnswer | AlertGrant):
            return False
        facts = self._state.roster.facts
        device = facts.devices.get(body.issuer.device)
        if device is not None and device.person == reader.person:
            return True
        if isinstance(body, AlertAsk):
            # What one asked, a colleague may build on: the answer permits passing on to the whole organisation.
            return device is not None and facts.persons[device.person].organisation == reader.organisation
        if isinstance(body, AlertReceipt | AlertAnswer | AlertGrant):
            # The other side is handed these by the pages that are made for it.
            return False
        return self._alerts.handles(reader, await self._alerts.find(body.alert))

    async def registry_page(self, reader: Reader, start: int, limit: int) -> bytes:
        """``GET /v1/registry/statements``: what this reader is shown, with the openings it is handed."""
        facts = self._state.roster.facts
        chains = await self.registry_chains()
        most = min(max(limit, 1), MAX_PAGE)
        shown = islice((i for i in range(start, len(chains)) if is_shown(reader, facts, chains[i])), most + 1)
        rows, openings = await self._store.read(_registry_rows, list(shown))
        handed = shown_here = 0

        def item(row: StatementRow) -> bytes:
            nonlocal handed, shown_here
            shown_here += 1
            handed_here = [
                _opening(opening)
                for opening in openings.get(row.statement, ())
                if opening_is_shown(reader, facts, chains[row.index], opening.field)
            ]
            handed += len(handed_here)
            return composed(envelope=row.envelope, index=value(row.index), openings=array(handed_here))

        page = paged(rows, most, item)
        if reader.auditor:
            self._claims.audited(reader.device, "registry", shown_here)
            self._claims.audited(reader.device, "opening", handed)
        return page

    async def registry_chains(self) -> list[str]:
        """The chain of every registry entry published, by index; read once, then extended."""
        size = self._ledger.head("registry").size
        while len(self._chains) < size:
            start = len(self._chains)
            entries = await self._store.read(logs.entries, "registry", start, min(MAX_PAGE, size - start))
            if len(self._chains) == start:  # nobody else was faster while we waited
                self._chains += [parse_entry(data).subject or "" for data in entries]
        return self._chains[:size]

    async def epochs_page(self, start: int, limit: int) -> bytes:
        """``GET /v1/epochs``: ``epoch.publish`` statements in journal order from index ``start``; every member's."""
        size = self._ledger.head("journal").size
        most = min(max(limit, 1), MAX_PAGE)
        rows = await self._store.read(statement_rows.page, "journal", start, most + 1, ("epoch.publish",))
        return paged([row for row in rows if row.index < size], most, indexed)

    # -- alerts ---------------------------------------------------------------------------------------------------

    async def alert(self, reader: Reader, statement: str, tag: bytes | None) -> bytes:
        """``GET /v1/alerts/{id}``: the reader's own leaf, its grant, or the neighbours that prove that ``tag`` has no leaf.

        Raises Denied: ``alert-unknown``; ``not-entitled`` for a proposal that is not the reader's to handle;
        ``tag-missing`` and ``tag-present``; R1 when the reader has a leaf and its organisation's terms do not count.
        """
        view = await self._alerts.find(statement)
        handles = self._alerts.handles(reader, view)
        if view.row.journal_index >= self._ledger.head("journal").size:
            raise Denied("alert-unknown", "there is no alert statement with this id")
        if not (view.released or handles):
            raise Denied("not-entitled", "a proposal is for its author and candidate approvers")
        position = await self._alerts.position(view, reader.device)
        leaf = None if position is None else await self._alerts.leaf(view, position)
        grant = None
        if leaf is None or not leaf.stanza:
            size = self._ledger.head("journal").size
            grant = await self._alerts.grants.given(reader, statement, size) if view.released else None
        if view.clear or (leaf is None and grant is None and handles):
            return await self._whole(view, None)
        if leaf is None and grant is None:
            return await self._absence(view, tag)
        if reader.terms is not None:
            raise Denied(reader.terms, "your organisation has not accepted the current terms", rule="R1")
        answer = await self._whole(view, None if grant is not None or leaf is None else leaf.encode(), grant)
        if view.released:
            self._claims.delivered(statement, reader.device)
        return answer

    async def _whole(self, view: AlertView, leaf: bytes | None, grant: bytes | None = None) -> bytes:
        index = view.row.journal_index
        checkpoint, proof = await self._ledger.inclusion_proof("journal", index)
        return composed(
            checkpoint=note(checkpoint),
            envelope=view.statement.envelope,
            grant=grant,
            index=value(index),
            leaf=leaf,
            proof=hashes(proof),
        )

    async def _absence(self, view: AlertView, tag: bytes | None) -> bytes:
        if tag is None or len(tag) != TAG:
            raise Denied("tag-missing", f"a device without a leaf names its tag, {TAG} bytes in unpadded base64url")
        audience = await self._alerts.audience(view.row.statement)
        return composed(
            index=value(view.row.journal_index),
            neighbours=array(neighbour(item) for item in audience.neighbours(tag)),
        )

    async def granted(self, reader: Reader, start: int, limit: int) -> bytes:
        """``GET /v1/grants``: grants to or by the reader's device. Raises as ``Grants.page``."""
        size = self._ledger.head("journal").size
        return await self._alerts.grants.page(reader, start, min(max(limit, 1), MAX_PAGE), size)

    async def versions(self, reader: Reader, statement: str) -> bytes:
        """``GET /v1/alerts/{id}/versions``: the released versions of the same alert, oldest first; as the journal shows them.

        Raises Denied: ``alert-unknown``; ``not-entitled`` for a proposal that is not the reader's to handle.
        """
        view = await self._alerts.find(statement)
        size = self._ledger.head("journal").size
        if view.row.journal_index >= size:
            raise Denied("alert-unknown", "there is no alert statement with this id")
        if not (view.released or self._alerts.handles(reader, view)):
            raise Denied("not-entitled", "a proposal is for its author and candidate approvers")
        rows = await self._store.read(alert_rows.versions, view.row.alert)
        return composed(
            versions=array(
                value({"index": row.journal_index, "statement": row.statement, "version": row.version})
                for row in rows
                if row.state == "released" and row.journal_index < size
            )
        )

    async def leaves(self, reader: Reader, statement: str) -> bytes:
        """``GET /v1/alerts/{id}/leaves``: for author, candidate approvers and auditors, who recompute the recipients.

        Raises Denied: ``alert-unknown``, ``not-entitled``, ``alert-without-leaves``.
        """
        view = await self._alerts.find(statement)
        if not (reader.auditor or self._alerts.handles(reader, view)):
            raise Denied("not-entitled", "the leaf list is for author, candidate approvers and auditors")
        audience = await self._alerts.audience(statement)
        if reader.auditor:
            self._claims.audited(reader.device, "leaf-list")
        return encode_leaf_list(audience.leaves)

    async def proposals(self, reader: Reader) -> bytes:
        """``GET /v1/proposals``: the open proposals that wait for this candidate approver, and the reader's own."""
        facts = self._state.roster.facts
        now = self._clock()
        items: list[bytes] = []
        for row, place in await self._store.read(_open_proposals, reader.organisation, now):
            view = AlertView(row, place, self._alerts.core(place))
            if not self._alerts.handles(reader, view) or (row.alert, row.version) in self._state.versions:
                continue  # released, or another proposal of this version was
            signed = {
                facts.devices[device].person
                for key_id in Envelope.decode(place.envelope).signer_ids
                if (device := facts.device_of_key.get(key_id)) is not None
            }
            items.append(
                value(
                    {
                        "index": row.journal_index,
                        "signed": reader.person in signed,
                        "statement": row.statement,
                    }
                )
            )
        return composed(proposals=array(items))


def indexed(row: StatementRow) -> bytes:
    """A statement in a page: envelope and index."""
    return composed(envelope=row.envelope, index=value(row.index))


def counted(rows: Sequence[StatementRow]) -> tuple[bytes, int]:
    """A page of statements with their indexes, and how many it hands out; ``rows`` as for `paged`."""
    handed = 0

    def item(row: StatementRow) -> bytes:
        nonlocal handed
        handed += 1
        return indexed(row)

    return paged(rows, MAX_PAGE, item), handed


def paged(rows: Sequence[StatementRow], most: int, item: Callable[[StatementRow], bytes]) -> bytes:
    """A page of at most ``most`` items and about `MAX_PAGE_BYTES`; ``next`` is left out when nothing follows.

    ``rows`` holds one more than ``most`` when there are more.
    """
    items: list[bytes] = []
    total = 0
    for position, row in enumerate(rows):
        if position == most or total > MAX_PAGE_BYTES:
            return composed(next=value(row.index), statements=array(items))
        items.append(item(row))
        total += len(items[-1])
    return composed(statements=array(items))


def _registry_rows(
    connection: Connection, indexes: Sequence[int]
) -> tuple[list[StatementRow], dict[str, tuple[OpeningRow, ...]]]:
    """The statements at these places, at most `MAX_PAGE` + 1, with their openings."""
    found = (statement_rows.at(connection, "registry", index) for index in indexes)
    rows = [row for row in found if row is not None]
    return rows, statement_rows.openings(connection, [row.statement for row in rows[:MAX_PAGE]]) if rows else {}


def _opening(row: OpeningRow) -> bytes:
    return value({"field": row.field, "salt": encoding.b64u(row.salt), "value": row.value})


def _open_proposals(connection: Connection, organisation: str, now: int) -> list[tuple[AlertRow, StatementRow]]:
    """An organisation's proposals before their deadline, with their newest signatures."""
    found: list[tuple[AlertRow, StatementRow]] = []
    start = 0
    while rows := alert_rows.in_state(connection, "proposed", start, MAX_PAGE):
        start = rows[-1].journal_index + 1
        for row in rows:
            if row.author_organisation == organisation and now <= row.release_by:
                place = statement_rows.at(connection, "journal", row.journal_index)
                if place is not None:
                    found.append((row, place))
    return found
