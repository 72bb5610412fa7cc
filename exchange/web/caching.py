"""Public answers that may be kept: an ETag that is the hash of the body, and 304 for whoever has it already (RFC 9110)."""

from __future__ import annotations

import hashlib

from aiohttp import web

from exchange.web.requests import Call

PUBLIC_SECONDS = 60
"""Seconds for which a public answer may be shown without asking again."""
TAG_CHARACTERS = 32


def cached(call: Call, body: bytes, content_type: str, *, charset: str | None = None) -> web.Response:
    """``body`` with its tag, or 304 without it when ``If-None-Match`` names that tag."""
    tag = hashlib.sha256(body).hexdigest()[:TAG_CHARACTERS]
    headers = {"Cache-Control": f"public, max-age={PUBLIC_SECONDS}", "ETag": f'"{tag}"'}
    known = call.request.if_none_match or ()
    if any(item.value in (tag, "*") for item in known):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=content_type, charset=charset, headers=headers)
