"""An exchange as a program sees it: open a home, stay up to date, read, watch, publish, confirm (``docs/python-client.md``).

The documented face of this package; everything behind it verifies as the commands do, and shows nothing else. It has no
terminal and asks nobody: a program that publishes has looked at its preview itself.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from exchange.client import publish as publishing
from exchange.client import sync as rounds
from exchange.client import watch as watching
from exchange.client.draft import Draft, Preview, prepare, preview
from exchange.client.errors import ClientError
from exchange.client.home import open_home
from exchange.client.member import Member, member_of
from exchange.client.publish import Released
from exchange.client.receipts import mark_read, send_receipts
from exchange.client.source import AlertSource, read_source
from exchange.client.state import AlertRow, MemberState
from exchange.client.sync import Synced
from exchange.client.transport import HttpTransport, Transport
from exchange.model.alert import Attachment, ContentText
from exchange.model.statements import parse_statement
from exchange.model.tlp import Label
from keys.envelope import Envelope

READABLE = ("opened", "public")
"""The statuses of alerts that can be read here."""
LEAST_ID = 8
"""Digits of a statement id that are enough to name an alert."""


def _now() -> int:
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Alert:
    """A verified alert that this device opened. Times in seconds; ``sender`` and ``author`` by name, by id without one."""

    statement: str
    label: Label
    kind: str
    urgency: str
    severity: str
    certainty: str
    exercise: bool
    sender: str
    author: str
    released_at: int
    valid_until: int
    acknowledge_by: int | None
    read: bool
    number: str | None
    texts: tuple[ContentText, ...] = field(repr=False)
    attachments: tuple[Attachment, ...] = field(repr=False)

    def text(self, language: str = "de") -> ContentText:
        """Title, text and advice (Markdown) in this language, else in the first that there is."""
        return next((text for text in self.texts if text.language == language), self.texts[0])

    @property
    def title(self) -> str:
        """The title in the alert's first language."""
        return self.texts[0].title


class Exchange:
    """One device at one exchange, up to date as of the last ``sync``. Belongs to one event loop; made by ``open_exchange``.

    What needs the exchange raises TransportError (unreachable; try again), Refused (it said no; ``code``, ``rule``),
    BadAnswer, VerificationError (what it showed does not verify; nothing was shown), and from a proven fork on ``forks.Forked``.
    """

    def __init__(self, member: Member) -> None:
        self._member = member

    @property
    def device(self) -> str:
        """This device's id."""
        return self._member.device

    async def sync(self) -> Synced:
        """One round: follow the logs, open what is new, renew the weekly keys, send receipts that wait."""
        return await rounds.sync(self._member)

    # -- reading -------------------------------------------------------------------------------------------------------

    def inbox(self, *, unread: bool = False) -> list[Alert]:
        """The alerts that were verified and opened here, oldest first; without the network."""
        rows = self._member.state.alerts(*READABLE)
        return [self._alert(row) for row in rows if not (unread and row.read_at)]

    def alert(self, wanted: str) -> Alert:
        """One alert by its number, or its statement id or at least the first 8 digits of it.

        Raises ClientError ``alert-unknown``, ``alert-ambiguous``.
        """
        known = self.inbox()
        found = [alert for alert in known if alert.number == wanted]
        if not found and len(wanted) >= LEAST_ID:
            found = [alert for alert in known if alert.statement.startswith(wanted.lower())]
        if not found:
            raise ClientError("alert-unknown", "no alert that was opened here has this number or id")
        if len(found) > 1:
            raise ClientError("alert-ambiguous", "more than one alert has this number or id")
        return found[0]

    def attachment(self, alert: Alert, number: int) -> bytes:
        """An attachment's bytes, counted from 1. Raises ClientError ``attachment-unknown``."""
        data = self._member.state.attachment(alert.statement, number)
        if data is None:
            raise ClientError("attachment-unknown", "this alert has no such attachment here")
        return data

    async def watch(self, *, poll: bool = False) -> AsyncIterator[Alert]:
        """Every alert from now on, once, as soon as it is verified and opened; ends only when it is left.

        Alerts that were here before are not repeated; a broken connection is made again. ``poll``: for proxies that break
        streams of events. Raises Refused when the exchange lets this device in no longer, VerificationError.
        """
        shown = {row.statement for row in self._member.state.alerts(*READABLE)}
        following = watching.watch(self._member, poll=poll)
        if not isinstance(following, AsyncGenerator):
            raise TypeError("watching is a generator, which can be closed")
        async with aclosing(following):
            async for _ in following:
                for row in self._member.state.alerts(*READABLE):
                    if row.statement not in shown:
                        shown.add(row.statement)
                        yield self._alert(row)

    async def acknowledge(self, alert: Alert) -> None:
        """Note that the person has read the alert, and tell its sender so; for CLEAR, which is public, nobody is told.

        Raises TransportError; the receipt then stays queued and goes out with the next ``sync``.
        """
        mark_read(self._member, alert.statement)
        await send_receipts(self._member)

    # -- publishing ----------------------------------------------------------------------------------------------------

    def prepare(self, source: Path | AlertSource) -> Draft:
        """Decide an alert without publishing it: ``allowed``, ``nameless``, and ``verdict`` with the rule.

        ``source`` is a file as ``exchange publish`` takes it. ``sync`` first. Raises SourceError, ClientError.
        """
        return prepare(source if isinstance(source, AlertSource) else read_source(source), self._member)

    def preview(self, draft: Draft) -> Preview:
        """Who would receive it and why, person by person."""
        return preview(draft, self._member)

    async def publish(self, draft: Draft, *, confirm_nameless: bool = False, unwitnessed: bool = False) -> Released:
        """Seal, sign and post exactly what was prepared; ``released`` is False when it waits for approvals.

        Raises PreviewChanged when the recipients have changed since, AlertRefusal for what the policy forbids (``rule``,
        ``code``), ClientError ``nameless-recipients``, ``unwitnessed`` (the witnesses have not seen the registry lately).
        """
        return await publishing.publish(draft, self._member, confirm_nameless=confirm_nameless, unwitnessed=unwitnessed)

    def _alert(self, row: AlertRow) -> Alert:
        letter = rounds.letter(self._member, row.statement)
        core = parse_statement(Envelope.decode(row.envelope or b"")).alert.core
        author = str(letter.facts["author"])
        persons, names = self._member.replica.facts.persons, self._member.replica.names
        organisation = persons[author].organisation
        return Alert(
            statement=row.statement,
            label=core.label,
            kind=core.kind.value,
            urgency=core.urgency.value,
            severity=core.severity.value,
            certainty=core.certainty.value,
            exercise=core.exercise,
            sender=names.get("organisation", organisation) or organisation,
            author=names.get("person", author) or author,
            released_at=row.at,
            valid_until=core.valid_until,
            acknowledge_by=core.acknowledge_by,
            read=row.read_at > 0,
            number=letter.content.number,
            texts=letter.content.texts,
            attachments=letter.content.attachments,
        )


@asynccontextmanager
async def open_exchange(
    home: Path, passphrase: str, *, transport: Transport | None = None, clock: Callable[[], int] = _now
) -> AsyncIterator[Exchange]:
    """Open a home and its exchange for the time of a block; nothing is asked of the exchange yet.

    ``transport`` takes the place of HTTP to the address in the membership, and stays the caller's to close. Raises HomeError,
    KeyFileError (``wrong-passphrase``), StateError, TransportError (``bad-url``, ``plain-http``).
    """
    opened = open_home(home, passphrase)
    async with AsyncExitStack() as stack:
        if transport is None:
            transport = await stack.enter_async_context(HttpTransport(opened.membership.url))
        state = stack.enter_context(MemberState(opened.state_file, opened.vault))
        yield Exchange(member_of(opened, transport, state, clock=clock))
