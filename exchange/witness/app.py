"""The witness over HTTP: two routes, an answer for each line of the protocol's table, and what keeps strangers from costing much.

``POST /add-checkpoint`` and ``GET /<sha256 of the origin>/checkpoint``, behind any prefix that a reverse proxy takes off. Whatever
comes in is bounded in bytes, time and number before it is read. The store's calls block for a disk write, so they have a
thread of their own; the event loop verifies signatures and speaks HTTP. Spec: docs/spec/witness.md, 2 and 3.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from aiohttp import HttpVersion10, HttpVersion11, web

from exchange.listen.connections import Connection, Guard
from exchange.listen.log import OperatorLog, places
from exchange.listen.rates import Rates
from exchange.listen.requests import RequestProblem, address, body, check_path
from exchange.listen.server import Listener
from exchange.listen.small import TEXT, Next, plain, prepare, unreadable, watching
from exchange.tlog.witness_request import MAX_REQUEST_BYTES, PATH, SIZE_TYPE, format_size
from exchange.witness.errors import Refusal, WitnessError
from exchange.witness.home import WitnessHome
from exchange.witness.protocol import TOO_MANY, Cosigned, Held, Submission, cosign, examine, judge
from exchange.witness.store import WitnessStore

HEADER_SECONDS = 10.0
"""Longest time for a request's head, and for an answer of which the caller takes nothing."""
BODY_SECONDS = 10.0
"""Longest time for a request's body."""
MOST_CONNECTIONS = 512
ADDRESS_RATE, ADDRESS_BURST = 50, 10
"""Requests a second from one address, and for how many seconds of them a pause pays."""
GROWTH_RATE, GROWTH_BURST = 50, 10
"""Larger checkpoints a second of one log. Nobody but the log can use this up: each takes a new signature of its own."""
RESIGN_RATE, RESIGN_BURST = 1, 30
"""The same checkpoint once more, a second and log. Whoever has seen a checkpoint can send it: it must not cost growth."""

STATUS: Final = {
    "body-encoding": 415,
    "body-malformed": 400,
    "body-slow": 408,
    "body-too-large": 413,
    "method-not-allowed": 405,
    "not-found": 404,
    "path-malformed": 404,
    "rate-limited": TOO_MANY,
}
"""What a request is answered that never reached the protocol."""


@dataclass(slots=True)
class Witness:
    """A witness at work: its keys and logs, its memory, the clock (seconds) and the limits."""

    home: WitnessHome
    store: WitnessStore
    log: OperatorLog
    clock: Callable[[], int]
    monotonic: Callable[[], float]
    trusted: tuple[str, ...]
    guard: Guard
    by_address: Rates
    grown: Rates
    resigned: Rates
    disk: ThreadPoolExecutor

    @classmethod
    def build(
        cls,
        home: WitnessHome,
        store: WitnessStore,
        log: OperatorLog,
        *,
        clock: Callable[[], int] = lambda: int(time.time()),
        monotonic: Callable[[], float] = time.monotonic,
        trusted: tuple[str, ...] = (),
    ) -> Witness:
        """Put a witness together; ``trusted`` are the proxies whose ``X-Forwarded-For`` is believed."""
        guard = Guard(
            log,
            monotonic,
            unreadable,
            header_deadline=HEADER_SECONDS,
            write_deadline=HEADER_SECONDS,
            most=MOST_CONNECTIONS,
        )
        return cls(
            home,
            store,
            log,
            clock,
            monotonic,
            trusted,
            guard,
            Rates(ADDRESS_RATE, ADDRESS_BURST),
            Rates(GROWTH_RATE, GROWTH_BURST),
            Rates(RESIGN_RATE, RESIGN_BURST),
            ThreadPoolExecutor(max_workers=1, thread_name_prefix="witness-disk"),
        )

    async def add_checkpoint(self, request: bytes) -> Cosigned:
        """Check, store and cosign; what is returned is durable. Raises Refusal, WitnessError."""
        submission = examine(request, self.home.logs)
        loop = asyncio.get_running_loop()
        cosigned = await loop.run_in_executor(self.disk, self._advance, submission)
        self.log.info("cosigned", origin=submission.origin, size=submission.size)
        return cosigned

    def _advance(self, submission: Submission) -> Cosigned:
        return self.store.advance(submission.origin, lambda held: self._decide(submission, held))

    def _decide(self, submission: Submission, held: Held) -> Cosigned:
        try:
            judge(submission, held)
        except Refusal as refusal:
            if refusal.code == "root-differs":
                self._forked(submission, held)
            raise
        grows = submission.size > held.size or not held.note
        if not (self.grown if grows else self.resigned).take(submission.origin, self.monotonic()):
            raise Refusal(TOO_MANY, "rate-limited", "this log asks too often; slow down")
        return cosign(submission, held, self.home.signer, self.clock())

    def _forked(self, submission: Submission, held: Held) -> None:
        """Keep both notes: the log signed two roots for one size, and whoever has both can prove it."""
        kept = self.home.keep_fork(submission.origin, submission.size, (held.note, submission.note))
        self.log.error("fork", origin=submission.origin, size=submission.size, kept=[path.name for path in kept])

    async def newest(self, digest: str) -> bytes | None:
        """The newest note with cosignatures of the log whose origin has this SHA-256; None when there is none."""
        origin = next((one for one in self.home.logs if sha256(one.encode()).hexdigest() == digest), None)
        if origin is None:
            return None
        held = await asyncio.get_running_loop().run_in_executor(self.disk, self.store.held, origin)
        return held.note or None


WITNESS: Final = web.AppKey("witness", Witness)


# -- HTTP ------------------------------------------------------------------------------------------------------------------


def _answer_to(error: Exception) -> web.Response:
    """The protocol's answer to a refusal, and HTTP's to the rest; a defect tells nobody anything."""
    match error:
        case Refusal(size=int(size), status=status):
            return web.Response(status=status, body=format_size(size), headers={"Content-Type": SIZE_TYPE})
        case Refusal():
            return plain(error.status, error.detail, error.code)
        case RequestProblem() if error.code in STATUS:
            return plain(STATUS[error.code], error.detail, error.code)
        case web.HTTPMethodNotAllowed():
            response = plain(405, "this path does not take this method", "method-not-allowed")
            response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
            return response
        case web.HTTPException():
            return plain(404, "there is nothing at this path", "not-found")
        case WitnessError():
            return plain(503, "the witness cannot store anything", error.code)
    return plain(500, "the witness failed", "internal")


@web.middleware
async def _surround(request: web.Request, handler: Next) -> web.StreamResponse:
    """Watch, count, log and answer one request; the only place where errors become answers."""
    witness = request.app[WITNESS]
    connection = request.protocol if isinstance(request.protocol, Connection) else None
    if connection is not None:
        connection.request_begun()
    began, status = witness.monotonic(), 500
    try:
        if request.version not in (HttpVersion10, HttpVersion11):
            raise RequestProblem("path-malformed", "there is nothing at this path")
        check_path(request)
        if not witness.by_address.take(address(request, witness.trusted), witness.monotonic()):
            raise RequestProblem("rate-limited", "too many requests from this address; slow down")
        response = await handler(request)
        status = response.status
        return response
    except asyncio.CancelledError:
        status = 499
        raise
    except Exception as error:
        refused = _answer_to(error)
        status = refused.status
        if status >= 500:
            witness.log.error("defect", error=type(error).__name__, places=places(error))
        if not request.content.is_eof() and request.body_exists:
            refused.force_close()
        return refused
    finally:
        if connection is not None:
            connection.request_done()
        resource = request.match_info.route.resource
        witness.log.info(
            "request",
            milliseconds=round((witness.monotonic() - began) * 1_000, 1),
            route="none" if resource is None else resource.canonical,
            status=status,
        )


async def _add_checkpoint(request: web.Request) -> web.Response:
    data = await body(request, MAX_REQUEST_BYTES, BODY_SECONDS)
    cosigned = await request.app[WITNESS].add_checkpoint(data)
    return web.Response(body=cosigned.answer, headers={"Content-Type": TEXT})


async def _checkpoint(request: web.Request) -> web.Response:
    note = await request.app[WITNESS].newest(request.match_info["log"])
    if note is None:
        raise RequestProblem("not-found", "no checkpoint of such a log was cosigned here")
    return web.Response(body=note, headers={"Content-Type": TEXT, "Cache-Control": "no-cache"})


async def _live(_: web.Request) -> web.Response:
    return web.Response(body=b"live\n", headers={"Content-Type": TEXT})


def create_app(witness: Witness) -> web.Application:
    """The application; home and store stay the caller's to close."""
    app = web.Application(middlewares=[_surround])
    app[WITNESS] = witness
    app.router.add_route("POST", PATH, _add_checkpoint)
    app.router.add_route("GET", "/{log:[0-9a-f]{64}}/checkpoint", _checkpoint)
    app.router.add_route("GET", "/health/live", _live)
    app.on_response_prepare.append(prepare)
    app.cleanup_ctx.append(watching(witness.guard, witness.monotonic))

    async def finish(_: web.Application) -> None:
        witness.disk.shutdown()

    app.on_cleanup.append(finish)
    return app


async def serve(
    witness: Witness, host: str, port: int, stop: asyncio.Event, started: Callable[[str, int], None]
) -> None:
    """Serve until ``stop`` is set; ``started`` hears where. Raises OSError."""
    listener = Listener(create_app(witness), witness.guard)
    await listener.start(host, port)
    try:
        witness.log.info("listening", host=listener.host, port=listener.port, logs=len(witness.home.logs))
        started(listener.host, listener.port)
        await stop.wait()
    finally:
        await listener.stop()
