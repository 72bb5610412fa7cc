"""Reading a request: path, query, address, session and body, each bounded and strict (invariants I9, I10).

aiohttp hands handlers decoded paths and parses JSON leniently; neither is used. A path is looked at as it was sent, a body is
read under a bound and a deadline and decoded by the one strict parser.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from exchange.listen import requests
from exchange.service.denied import Denied
from exchange.service.sessions import Session
from exchange.service.visibility import Reader
from exchange.web.context import CONTEXT, Context
from exchange.web.errors import WebProblem
from keys import encoding

MAX_SMALL_BODY = 65_536
"""Bytes of every body but that of POST /v1/statements and of blobs."""
MAX_QUERY_INTEGER = 2**53

_RANGE = re.compile(r"bytes=(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})?")
_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way to a handler; ``session`` and ``reader`` where the route asks for a session."""

    context: Context
    request: web.Request
    known: frozenset[str] = frozenset()
    """The names that the route's query may have."""
    session: Session | None = None
    caller: Reader | None = None

    @property
    def reader(self) -> Reader:
        """Who calls. Raises Denied (``session-missing``) on a route without a session: deny by default."""
        if self.caller is None:
            raise Denied("session-missing", "this needs a session")
        return self.caller

    def part(self, name: str) -> str:
        """A part of the path; the route's pattern has checked its form."""
        return self.request.match_info[name]

    def queried(self) -> dict[str, str]:
        """The query's values. Raises WebProblem (``query-malformed``) for a name not declared, or one given twice."""
        found: dict[str, str] = {}
        for name, value in self.request.rel_url.query.items():
            if name not in self.known or name in found:
                raise WebProblem("query-malformed", "the query has a name that is not known here, or one twice")
            found[name] = value
        return found


def integer(values: dict[str, str], name: str, default: int) -> int:
    """A number from a query. Raises WebProblem (``query-malformed``)."""
    text = values.get(name)
    if text is None:
        return default
    if _INTEGER.fullmatch(text) is None or int(text) > MAX_QUERY_INTEGER:
        raise WebProblem("query-malformed", f"{name} is a decimal number without sign or leading zeros")
    return int(text)


def session_of(context: Context, request: web.Request) -> Session:
    """The session that the request's bearer token names. Raises Denied (``session-missing``, ``session-unknown``)."""
    headers = request.headers.getall("Authorization", [])
    scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or _TOKEN.fullmatch(token) is None:
        raise Denied("session-missing", "this needs a session: Authorization: Bearer <token>")
    return context.sessions.find(token)


async def body(request: web.Request, most: int) -> bytes:
    """The whole body, at most ``most`` bytes, within the body deadline. Raises as `exchange.listen.requests.body`."""
    return await requests.body(request, most, _deadline(request))


def _deadline(request: web.Request) -> float:
    return request.app[CONTEXT].config.limits.body_deadline_seconds


async def json_body(request: web.Request, most: int) -> dict[str, Any]:
    """The body as strict JSON. Raises as `body`, and EncodingError."""
    return encoding.decode(await body(request, most), max_bytes=most)


def announced_length(request: web.Request) -> int:
    """Content-Length, which an upload must have. Raises WebProblem (``length-required``), RequestProblem (``body-encoding``)."""
    requests.check_encoding(request)
    if request.content_length is None:
        raise WebProblem("length-required", "an upload announces its length")
    return request.content_length


def header_integer(request: web.Request, name: str) -> int:
    """A header that is one decimal number. Raises WebProblem (``head-malformed``)."""
    values = request.headers.getall(name, [])
    if len(values) != 1 or _INTEGER.fullmatch(values[0]) is None:
        raise WebProblem("head-malformed", f"{name} is a decimal number without sign or leading zeros")
    return int(values[0])


def byte_range(request: web.Request, length: int) -> tuple[int, int] | None:
    """From where to before where the caller wants the bytes; None for all of them, as for a range that is not one.

    Raises WebProblem (``range-unsatisfiable``) when it begins behind the end.
    """
    values = request.headers.getall("Range", [])
    match = _RANGE.fullmatch(values[0]) if len(values) == 1 else None
    if match is None or "If-Range" in request.headers:
        return None
    start, last = int(match[1]), int(match[2]) if match[2] else length - 1
    if start >= length:
        raise WebProblem("range-unsatisfiable", f"there are {length} bytes")
    return None if last < start else (start, min(last + 1, length))


def upload_pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The bytes of an upload. Raises RequestProblem (``body-slow``, ``body-malformed``)."""
    return requests.pieces(request, _deadline(request))


PATTERN_HASH: Final = "[0-9a-f]{64}"
"""A statement id or a blob's SHA-256 in a route."""
