"""The copy over HTTP, read-only: ``/<sha256 of the origin>/checkpoint`` and ``/<...>/tile/...`` as plain tlog-tiles.

Hash tiles and checkpoints are public; entry bundles are for members, so they are served only when the operator says so. Spec:
docs/spec/witness.md, 5.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiohttp import HttpVersion10, HttpVersion11, web

from exchange.listen.connections import Connection, Guard
from exchange.listen.log import OperatorLog, places
from exchange.listen.rates import Rates
from exchange.listen.requests import RequestProblem, address, check_path
from exchange.listen.small import BINARY, TEXT, Next, plain, prepare, unreadable, watching
from exchange.mirror.copy import LogCopy
from exchange.tlog.errors import TileError
from exchange.tlog.tiles import Bundle, parse_path

DEADLINE_SECONDS = 10.0
"""Longest time for a request's head, and for an answer of which the caller takes nothing."""
MOST_CONNECTIONS = 512
ADDRESS_RATE, ADDRESS_BURST = 200, 10
"""Requests a second from one address, and for how many seconds of them a pause pays."""
IMMUTABLE: Final = "public, max-age=31536000, immutable"


class Reading:
    """What the handlers need: the copies by their folder's name, and the limits."""

    def __init__(
        self,
        copies: tuple[LogCopy, ...],
        log: OperatorLog,
        *,
        entries: bool = False,
        trusted: tuple[str, ...] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``entries``: serve entry bundles too; ``trusted`` are the proxies whose ``X-Forwarded-For`` is believed."""
        self.copies = {copy.digest: copy for copy in copies}
        self.entries = entries
        self.log = log
        self.trusted = trusted
        self.monotonic = monotonic
        self.by_address = Rates(ADDRESS_RATE, ADDRESS_BURST)
        self.guard = Guard(
            log,
            monotonic,
            unreadable,
            header_deadline=DEADLINE_SECONDS,
            write_deadline=DEADLINE_SECONDS,
            most=MOST_CONNECTIONS,
        )

    def copy(self, request: web.Request) -> LogCopy:
        """The copy that a path names. Raises RequestProblem ``not-found``."""
        found = self.copies.get(request.match_info["log"])
        if found is None:
            raise RequestProblem("not-found", "there is nothing at this path")
        return found


READING: Final = web.AppKey("reading", Reading)


async def _checkpoint(request: web.Request) -> web.Response:
    copy = request.app[READING].copy(request)
    if not copy.note:
        raise RequestProblem("not-found", "nothing was mirrored yet")
    return web.Response(body=copy.note, headers={"Content-Type": TEXT, "Cache-Control": "no-cache"})


async def _tile(request: web.Request) -> web.Response:
    reading = request.app[READING]
    copy = reading.copy(request)
    place = parse_path(f"tile/{request.match_info['place']}")
    if isinstance(place, Bundle) and not reading.entries:
        raise RequestProblem("not-found", "entry bundles are not served here")
    data = await asyncio.get_running_loop().run_in_executor(None, copy.read, place)
    if data is None:
        raise RequestProblem("not-found", "the copy has no such tile")
    return web.Response(body=data, headers={"Content-Type": BINARY, "Cache-Control": IMMUTABLE})


@web.middleware
async def _surround(request: web.Request, handler: Next) -> web.StreamResponse:
    reading = request.app[READING]
    connection = request.protocol if isinstance(request.protocol, Connection) else None
    if connection is not None:
        connection.request_begun()
    try:
        if request.version not in (HttpVersion10, HttpVersion11):
            return plain(400, "not HTTP/1.1", "head-malformed")
        if not reading.by_address.take(address(request, reading.trusted), reading.monotonic()):
            return plain(429, "too many requests from this address; slow down", "rate-limited")
        check_path(request)
        return await handler(request)
    except web.HTTPMethodNotAllowed:
        return plain(405, "this path is only read", "method-not-allowed")
    except (RequestProblem, TileError, web.HTTPException):
        return plain(404, "there is nothing at this path", "not-found")
    except Exception as error:
        reading.log.error("defect", error=type(error).__name__, places=places(error))
        return plain(500, "the mirror failed", "internal")
    finally:
        if connection is not None:
            connection.request_done()


def create_app(reading: Reading) -> web.Application:
    """The application over copies that somebody else keeps."""
    app = web.Application(middlewares=[_surround])
    app[READING] = reading
    app.router.add_route("GET", "/{log:[0-9a-f]{64}}/checkpoint", _checkpoint)
    app.router.add_route("GET", "/{log:[0-9a-f]{64}}/tile/{place:.+}", _tile)
    app.on_response_prepare.append(prepare)
    app.cleanup_ctx.append(watching(reading.guard, reading.monotonic))
    return app
