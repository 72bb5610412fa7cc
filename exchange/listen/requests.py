"""Reading a request before anybody understands it: the path as it was sent, the caller's address, a bounded body (I9, I10)."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import AsyncIterator

from aiohttp import web

from exchange.model.problems import ExchangeError

MAX_PATH = 512
"""Characters of a request target."""

_PATH = re.compile(r"(?:/[A-Za-z0-9_.+-]+)+/?|/")


class RequestProblem(ExchangeError):
    """Something about the request itself, before the domain was asked."""


def check_path(request: web.Request) -> None:
    """The path as it was sent, before any decoding: no escape, no dot segment, no doubled slash.

    ``%2f`` would reach a handler as a slash, ``..`` would be folded away: two readers of one path.  Raises RequestProblem
    (``path-malformed``).
    """
    target = request.raw_path
    path = target.partition("?")[0]
    if len(target) > MAX_PATH or _PATH.fullmatch(path) is None or any(p in (".", "..") for p in path.split("/")):
        raise RequestProblem("path-malformed", "there is nothing at this path")


def address(request: web.Request, trusted: tuple[str, ...]) -> str:
    """The caller's address: the peer's, or what a trusted proxy says last. Used for counting, never logged."""
    peer = request.remote or ""
    if peer not in trusted:
        return peer
    claimed = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(claimed))
    except ValueError:
        return peer


def check_encoding(request: web.Request) -> None:
    """Raises RequestProblem (``body-encoding``) for a compressed body: a few bytes may not become gigabytes."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RequestProblem("body-encoding", "bodies are sent as they are, without compression")


async def body(request: web.Request, most: int, seconds: float) -> bytes:
    """The whole body, at most ``most`` bytes, within a deadline.

    Raises RequestProblem: ``body-too-large``, ``body-slow``, ``body-encoding``, ``body-malformed`` (it broke off).
    """
    check_encoding(request)
    if request.content_length is not None and request.content_length > most:
        raise RequestProblem("body-too-large", f"this body has at most {most} bytes")
    received = bytearray()
    async for piece in pieces(request, seconds):
        received += piece
        if len(received) > most:
            raise RequestProblem("body-too-large", f"this body has at most {most} bytes")
    return bytes(received)


async def pieces(request: web.Request, seconds: float) -> AsyncIterator[bytes]:
    """The body's bytes as they come, until the deadline. Raises RequestProblem (``body-slow``, ``body-malformed``)."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(end):
                piece = await request.content.readany()
        except TimeoutError:
            raise RequestProblem("body-slow", f"the body did not come within {seconds} seconds") from None
        except (web.RequestPayloadError, ConnectionError):
            raise RequestProblem("body-malformed", "the body broke off, or is not framed as HTTP says") from None
        if not piece:
            return
        yield piece
