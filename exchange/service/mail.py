"""The one e-mail that the server ever sends: a fixed text that says nothing but that there is something (``users.md``).

Every mail has the same subject and text, whoever gets it and whatever was published: no label, sender, title, id, count or time of
an alert. What differs is the recipient's address, and what mail itself demands (Date, Message-ID). This module is told addresses
and nothing about persons or alerts; it logs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from enum import Enum
from typing import Final

import aiosmtplib

from exchange.config import Notice

SUBJECT: Final = "Neue Meldung / New alert"
TEXT: Final = """\
Guten Tag,

auf Ihrer Austauschplattform liegt mindestens eine neue Meldung für Sie bereit.
Bitte öffnen Sie Ihr Programm, um sie zu lesen. Diese Nachricht enthält mit Absicht keine weiteren Angaben und keinen Link.
Sie erhalten sie, weil Sie es so gewünscht haben; Ihre Verwaltung kann das jederzeit beenden.

--

Hello,

there is at least one new alert for you on your exchange.
Please open your program to read it. This message holds no further details and no link, on purpose.
You receive it because you asked for it; your administrator can end that at any time.
"""
CONNECT_SECONDS: Final = 20
"""Seconds for each step of talking to the relay."""
DELIVERY_SECONDS: Final = 120
"""Seconds for one whole connection, whatever the relay does."""


class Outcome(Enum):
    """What became of one mail."""

    SENT = "sent"
    """The relay took it."""
    LATER = "later"
    """Not now: no connection, or a temporary no."""
    NEVER = "never"
    """The relay refuses this address for good."""


def compose(sender: str, recipient: str) -> EmailMessage:
    """The mail."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = SUBJECT
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=_host(sender))
    # Nobody's absence note answers it (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(TEXT, cte="quoted-printable")
    return message


class Relay:
    """The SMTP relay of the configuration."""

    def __init__(self, config: Notice) -> None:
        self._config = config

    async def send(self, addresses: Sequence[str]) -> list[Outcome]:
        """Send the text to each address over one connection; never raises for what the relay does."""
        outcomes: list[Outcome] = []
        try:
            async with asyncio.timeout(DELIVERY_SECONDS), self._connection() as relay:
                for address in addresses:
                    outcomes.append(await self._one(relay, address))
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError):
            pass  # what was answered before stands; the rest is tried later
        return outcomes + [Outcome.LATER] * (len(addresses) - len(outcomes))

    def _connection(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._config.relay,
            port=self._config.relay_port,
            start_tls=self._config.starttls,
            timeout=CONNECT_SECONDS,
            local_hostname=_host(self._config.sender),
        )

    async def _one(self, relay: aiosmtplib.SMTP, address: str) -> Outcome:
        try:
            await relay.send_message(compose(self._config.sender, address))
        except aiosmtplib.SMTPRecipientsRefused as error:
            return Outcome.NEVER if all(one.code >= 500 for one in error.recipients) else Outcome.LATER
        except aiosmtplib.SMTPServerDisconnected:
            raise
        except aiosmtplib.SMTPResponseException:
            return Outcome.LATER
        return Outcome.SENT


def _host(address: str) -> str:
    return address.rpartition("@")[2]
