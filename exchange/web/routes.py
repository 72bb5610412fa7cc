"""The one route table: path, method, handler, who may call, and what is written to a log because of it.

``access`` is enforced before a handler runs; ``who`` says what the service behind it demands beyond that, and a test crosses
every route with every role and method. What is not in this table does not exist. Spec: docs/spec/interface.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from aiohttp import web

from exchange.web import contact, feeds, handlers, public
from exchange.web.requests import PATTERN_HASH, Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]


class Access(Enum):
    """What a caller must show before the handler runs."""

    PUBLIC = "public"
    """Nothing."""
    STATEMENT = "statement"
    """Nothing here: the statements in the body authenticate themselves."""
    SESSION = "session"
    """A session whose device is in force at this moment."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    handler: Handler
    access: Access
    who: str
    logs: str = "nothing"


_ID: Final = f"{{id:{PATTERN_HASH}}}"
_SHA256: Final = f"{{sha256:{PATTERN_HASH}}}"
_LOG: Final = "{log:registry|journal}"
_CLAIMED: Final = "journal: alert.deliver, once a device, in batches"
_AUDITED: Final = "journal: access.read for an auditor, in batches"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/health/live", handlers.live, Access.PUBLIC, "anyone"),
    Route("GET", "/health/ready", handlers.ready, Access.PUBLIC, "anyone"),
    Route("GET", "/v1/exchange", handlers.exchange_page, Access.PUBLIC, "anyone"),
    Route(
        "POST",
        "/v1/statements",
        handlers.post_statements,
        Access.STATEMENT,
        "whoever the kind requires as signers",
        "registry or journal: the statements' entries; journal: statement.refuse for what a known device signed in vain",
    ),
    Route("POST", "/v1/challenges", handlers.post_challenge, Access.PUBLIC, "anyone"),
    Route("POST", "/v1/sessions", handlers.post_session, Access.STATEMENT, "a device in force"),
    Route("DELETE", "/v1/session", handlers.delete_session, Access.SESSION, "the session itself"),
    Route("PUT", f"/v1/blobs/{_SHA256}", handlers.put_blob, Access.SESSION, "any device in force, within its quota"),
    Route(
        "GET",
        f"/v1/blobs/{_SHA256}",
        handlers.get_blob,
        Access.SESSION,
        "bundles and terms: everyone; parts: author, candidate approvers, recipients once released; packs: nobody",
    ),
    Route(
        "GET",
        f"/v1/statements/{_ID}",
        handlers.get_statement,
        Access.SESSION,
        "registry: as shown; journal: the statement's parties, and auditors",
        _AUDITED,
    ),
    Route(
        "GET",
        "/v1/registry/statements",
        handlers.registry_statements,
        Access.SESSION,
        "everyone, each what it is shown",
        _AUDITED,
    ),
    Route("GET", "/v1/epochs", handlers.epochs, Access.SESSION, "everyone"),
    Route(
        "GET",
        f"/v1/alerts/{_ID}",
        handlers.alert,
        Access.SESSION,
        "a leaf: the device it is for; neighbours: everyone; a proposal: author and candidate approvers",
        _CLAIMED,
    ),
    Route(
        "GET",
        f"/v1/alerts/{_ID}/leaves",
        handlers.leaves,
        Access.SESSION,
        "author, candidate approvers, auditors",
        _AUDITED,
    ),
    Route(
        "GET",
        f"/v1/alerts/{_ID}/receipts",
        handlers.receipts,
        Access.SESSION,
        "publishers of the author's organisation: states; auditors: statements",
        _AUDITED,
    ),
    Route(
        "GET",
        f"/v1/alerts/{_ID}/reactions",
        handlers.reactions,
        Access.SESSION,
        "publishers of the author's organisation; auditors, who cannot open them",
        _AUDITED,
    ),
    Route("GET", "/v1/answers", handlers.answers, Access.SESSION, "everyone: answers to its own organisation"),
    Route("GET", "/v1/proposals", handlers.proposals, Access.SESSION, "author and candidate approvers, each their own"),
    Route("GET", "/v1/feed", handlers.feed, Access.SESSION, "everyone; leaves to their devices", _CLAIMED),
    Route("GET", f"/{_LOG}/checkpoint", handlers.checkpoint, Access.PUBLIC, "anyone"),
    Route("GET", f"/{_LOG}/tile/entries/{{place:.+}}", handlers.entries, Access.SESSION, "everyone"),
    Route("GET", f"/{_LOG}/tile/{{place:.+}}", handlers.tile, Access.PUBLIC, "anyone"),
    Route("GET", "/clear/", public.listing, Access.PUBLIC, "anyone"),
    Route("GET", "/clear/feed.atom", feeds.atom, Access.PUBLIC, "anyone"),
    Route("GET", "/clear/feed.json", feeds.json_feed, Access.PUBLIC, "anyone"),
    Route("GET", "/clear/style.css", public.style, Access.PUBLIC, "anyone"),
    Route("GET", f"/clear/{_ID}", public.page, Access.PUBLIC, "anyone"),
    Route("GET", f"/clear/{_ID}/evidence", public.evidence, Access.PUBLIC, "anyone"),
    Route("GET", f"/clear/{_ID}/attachments/{{number:[1-9][0-9]?}}", public.attachment, Access.PUBLIC, "anyone"),
    Route(
        "GET", "/.well-known/security.txt", contact.security_txt, Access.PUBLIC, "anyone, when a contact is configured"
    ),
)
