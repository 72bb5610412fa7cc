"""What recipients and the source of an alert say to each other: accepted, and handed to the two (``docs/spec/sharing.md``).

A reaction and a question go to the author's organisation, an answer back to who asked.  The server sees that something was
said, by which device about which alert, and to whom it is sealed; never the words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exchange.ledger.ledger import Ledger
from exchange.ledger.stage import Stage
from exchange.model.journal import AlertAnswer, AlertAsk, AlertReceipt
from exchange.model.statements import Statement
from exchange.model.submission import Refused
from exchange.model.tlp import Label
from exchange.policy.members import Roster
from exchange.policy.messages import check_answer, check_permitted, check_to_source
from exchange.service.alerts import Alerts
from exchange.service.claims import Claims
from exchange.service.denied import Denied
from exchange.service.reading import MAX_PAGE, counted, indexed, paged
from exchange.service.visibility import Reader
from exchange.store import grants, messages
from exchange.store import statements as statement_rows
from exchange.store.alerts import AlertRow
from exchange.store.database import Connection, Store
from exchange.store.messages import MessageRow
from exchange.store.statements import StatementRow

MOST_SAID = {"alert.receipt": 16, "alert.ask": 8, "alert.answer": 8}
"""Messages of one kind that one device may send about one alert: an entry stays for ever, so nobody fills the journal. It
bounds space and is no rule of the policy: requests that wait at the same moment are counted together only when they are
committed together."""

Speaker = tuple[str, str, str]
"""(alert, device, kind)."""


@dataclass(frozen=True, slots=True)
class KnownMessages:
    """What a request's messages refer to: the asks that its answers name, and how often its devices have spoken."""

    asks: Mapping[str, MessageRow] = field(default_factory=dict)
    said: Mapping[Speaker, int] = field(default_factory=dict)


def look_up(connection: Connection, waiting: Sequence[Statement]) -> KnownMessages:
    """Find it in the store."""
    asks: dict[str, MessageRow] = {}
    said: dict[Speaker, int] = {}
    for statement in waiting:
        match statement.body:
            case AlertAnswer() as body:
                ask = messages.find(connection, body.ask)
                if ask is None:
                    continue
                asks[body.ask] = ask
                alert = ask.alert
            case AlertAsk() as body:
                alert = body.alert
            case AlertReceipt(level="reacted") as body:
                [alert] = body.alerts
            case _:
                continue
        speaker = (alert, body.issuer.device, statement.kind.name)
        said[speaker] = messages.said(connection, *speaker)
    return KnownMessages(asks, said)


class Correspondence:
    """Stages the messages of one request; what was counted in the same commit counts too."""

    def __init__(self, known: KnownMessages, staged: dict[Speaker, int]) -> None:
        self._known = known
        self._staged = staged

    def to_source(
        self, stage: Stage, statement: Statement, alert: AlertRow, body: AlertAsk | AlertReceipt, roster: Roster
    ) -> None:
        """A reaction or a question; raises MessageRefusal, Refused (``message-limit``)."""
        if body.message is not None:
            check_to_source(roster, alert.author_organisation, body.message)
        device = body.issuer.device
        organisation = roster.facts.persons[roster.facts.devices[device].person].organisation
        self._count((alert.statement, device, statement.kind.name))
        stage.write(
            messages.add,
            MessageRow(
                statement.id,
                alert.statement,
                statement.kind.name,
                device,
                organisation,
                stage.size("journal"),
            ),
        )

    def ask(self, statement: str) -> MessageRow:
        """The question that an answer names; raises Refused (``ask-unknown``)."""
        found = self._known.asks.get(statement)
        if found is None or found.kind != "alert.ask":
            raise Refused("ask-unknown", "there is no question with this id")
        return found

    def answer(
        self, stage: Stage, statement: Statement, person: str, alert: AlertRow, body: AlertAnswer, roster: Roster
    ) -> None:
        """The source answers; raises MessageRefusal, Refused (``ask-unknown``, ``message-limit``)."""
        ask = self.ask(body.ask)
        asker = roster.facts.devices[ask.device].person
        check_answer(roster, person, alert.author_organisation, Label(alert.label), asker, body)
        check_permitted(roster, body)
        self._count((alert.statement, body.issuer.device, statement.kind.name))
        row = MessageRow(
            statement.id,
            alert.statement,
            statement.kind.name,
            body.issuer.device,
            ask.organisation,
            stage.size("journal"),
            body.ask,
        )
        stage.write(messages.add, row)

    def _count(self, speaker: Speaker) -> None:
        before = self._known.said.get(speaker, 0) + self._staged.get(speaker, 0)
        most = MOST_SAID[speaker[2]]
        if before >= most:
            raise Refused("message-limit", f"one device says at most {most} such things about one alert")
        self._staged[speaker] = self._staged.get(speaker, 0) + 1


class Messages:
    """Answers ``GET /v1/alerts/{id}/reactions``, ``/grants`` and ``GET /v1/answers``."""

    def __init__(self, store: Store, ledger: Ledger, alerts: Alerts, claims: Claims) -> None:
        self._store = store
        self._ledger = ledger
        self._alerts = alerts
        self._claims = claims

    async def about(self, reader: Reader, statement: str, start: int) -> bytes:
        """Everything said about an alert, for publishers of its organisation and for auditors, who cannot open it.

        Raises Denied: ``alert-unknown``, ``not-released``, ``not-entitled``.
        """
        await self._of_the_source(reader, statement, "reactions")
        size = self._ledger.head("journal").size
        return self._page(reader, "reactions", await self._store.read(_about, statement, start, size))

    def _page(self, reader: Reader, what: str, rows: Sequence[StatementRow]) -> bytes:
        page, handed = counted(rows)
        if reader.auditor:
            self._claims.audited(reader.device, what, handed)
        return page

    async def _of_the_source(self, reader: Reader, statement: str, what: str) -> None:
        """Publishers of the author's organisation, and auditors; raises Denied."""
        view = await self._alerts.find(statement)
        if not view.released:
            raise Denied("not-released", "the alert is not released")
        own = reader.organisation == view.row.author_organisation and reader.terms is None
        if not (reader.auditor or (own and reader.publisher)):
            raise Denied("not-entitled", f"{what} are for publishers of the author's organisation and for auditors")

    async def grants(self, reader: Reader, statement: str, start: int) -> bytes:
        """``GET /v1/alerts/{id}/grants``: to whom an alert was given, so that its source can reach them; raises as ``about``."""
        await self._of_the_source(reader, statement, "grants")
        size = self._ledger.head("journal").size
        return self._page(reader, "grants", await self._store.read(_grants, statement, start, size))

    async def answers(self, reader: Reader, start: int) -> bytes:
        """The answers to what persons of the reader's organisation asked, from a journal index on.

        Raises Denied with the reason when the organisation's terms do not count.
        """
        if reader.terms is not None:
            raise Denied(reader.terms, "your organisation has not accepted the current terms", rule="R1")
        size = self._ledger.head("journal").size
        return paged(await self._store.read(_answers, reader.organisation, start, size), MAX_PAGE, indexed)


def _grants(connection: Connection, alert: str, start: int, size: int) -> list[StatementRow]:
    return _at(connection, grants.about(connection, alert, start, size, MAX_PAGE + 1))


def _about(connection: Connection, alert: str, start: int, size: int) -> list[StatementRow]:
    return _at(connection, messages.about(connection, alert, start, size, MAX_PAGE + 1))


def _answers(connection: Connection, organisation: str, start: int, size: int) -> list[StatementRow]:
    return _at(connection, messages.answers(connection, organisation, start, size, MAX_PAGE + 1))


def _at(connection: Connection, indexes: Sequence[int]) -> list[StatementRow]:
    found = (statement_rows.at(connection, "journal", index) for index in indexes)
    return [row for row in found if row is not None and not row.erased]
