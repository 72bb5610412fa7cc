"""``/.well-known/security.txt`` (RFC 9116): whom to tell about a weakness of this server, as the operator configured it.

Without a configured contact there is no such file: an invented address would be worse than none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from exchange.model.scalars import DAY
from exchange.web.caching import cached
from exchange.web.errors import WebProblem
from exchange.web.requests import Call

VALID_DAYS: Final = 90
"""Days that the file may be kept; counted from the beginning of the present one, so that its bytes change once a day."""


async def security_txt(call: Call) -> web.Response:
    """Contact, Expires, Preferred-Languages, Canonical. Raises WebProblem (``not-found``) without a contact."""
    contacts = call.context.config.server.security_contacts
    if not contacts:
        raise WebProblem("not-found", "there is nothing at this path")
    today = call.context.exchange.clock() // DAY * DAY
    expires = datetime.fromtimestamp(today + VALID_DAYS * DAY, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    origin = call.context.exchange.state.roster.facts.origin
    lines = [f"Contact: {contact}" for contact in contacts]
    lines += [f"Expires: {expires}", "Preferred-Languages: de, en"]
    if origin:
        lines.append(f"Canonical: https://{origin}/.well-known/security.txt")
    return cached(call, "".join(f"{line}\n" for line in lines).encode("ascii"), "text/plain", charset="utf-8")
