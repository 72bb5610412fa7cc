"""The server: an aiohttp application over a running exchange, and `run`, which opens and closes both.

Every request takes the same way: the connection's guard, a request id, the path as it was sent, the address's rate, the
route's access, the device's rate, the handler; every error leaves through `errors.problem`. Nothing a handler raises can
reach a caller as text. Spec: docs/spec/interface.md.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from os import urandom
from typing import Any, Final

import aiohttp_jinja2
import jinja2
from aiohttp import HttpVersion10, HttpVersion11, web

from exchange import serverkeys
from exchange.config import Config
from exchange.content.markup import undirected
from exchange.listen.connections import Connection
from exchange.listen.log import OperatorLog, places
from exchange.listen.requests import address, check_path
from exchange.listen.server import Listener, run_until_stopped
from exchange.service.claims import flush_quietly
from exchange.service.exchange import Exchange
from exchange.web import openapi, public
from exchange.web.context import CONTEXT, Context
from exchange.web.declare import Access, Route
from exchange.web.errors import WebProblem, problem, status_of
from exchange.web.headers import SECURITY_HEADERS
from exchange.web.oplog import open_log
from exchange.web.requests import Call, session_of
from exchange.web.routes import ROUTES

try:
    import uvloop
except ImportError:  # it is not there on Windows
    uvloop = None  # type: ignore[assignment]

REQUEST_ID_BYTES = 8

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]
_REQUEST_ID: Final = web.RequestKey("request_id", str)
_BEGUN: Final = web.RequestKey("begun", bool)
"""Whether the head of an answer was prepared: after that, no other answer can be given."""


async def _prepare(request: web.Request, response: web.StreamResponse) -> None:
    """The headers of every answer; no word about what software this is."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Request-Id"] = request.get(_REQUEST_ID, "")
    response.headers.pop("Server", None)
    request[_BEGUN] = True


@web.middleware
async def _surround(request: web.Request, handler: Next) -> web.StreamResponse:
    """Watch, name, log and answer one request; the only place where errors become answers."""
    context = request.app[CONTEXT]
    connection = request.protocol if isinstance(request.protocol, Connection) else None
    if connection is not None:
        connection.request_begun()
    request[_REQUEST_ID] = urandom(REQUEST_ID_BYTES).hex()
    began = context.monotonic()
    status = 500
    try:
        response = await _answer(context, request, handler)
        status = response.status
        return response
    except asyncio.CancelledError:
        status = 499
        raise
    except Exception as error:
        response = _refuse(context, request, error)
        status = response.status
        return response
    finally:
        if connection is not None:
            connection.request_done()
        context.log.info(
            "request",
            id=request[_REQUEST_ID],
            method=request.method if request.method in _METHODS else "other",
            milliseconds=round((context.monotonic() - began) * 1_000, 1),
            route=_pattern(request),
            status=status,
        )


_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


def _pattern(request: web.Request) -> str:
    """The route's pattern: a path names what somebody read."""
    resource = request.match_info.route.resource
    return "none" if resource is None else resource.canonical


async def _answer(context: Context, request: web.Request, handler: Next) -> web.StreamResponse:
    if request.version not in (HttpVersion10, HttpVersion11):
        raise WebProblem("head-malformed", "the request is not HTTP/1.1 as this server reads it")
    check_path(request)
    caller = address(request, context.config.server.trusted_proxies)
    if not context.by_address.take(caller, context.monotonic()):
        raise WebProblem("rate-limited", "too many requests from this address; slow down")
    return await handler(request)


def _refuse(context: Context, request: web.Request, error: Exception) -> web.Response:
    """The answer to an error; a defect is logged by its place in the code."""
    headers: dict[str, str] = {}
    if isinstance(error, web.HTTPMethodNotAllowed):
        headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        error = WebProblem("method-not-allowed", "this path does not take this method")
    elif isinstance(error, web.HTTPException):
        error = WebProblem("not-found", "there is nothing at this path")
    if status_of(error) == 500:
        context.log.error("defect", id=request[_REQUEST_ID], error=type(error).__name__, places=places(error))
    if request.get(_BEGUN, False):
        # The answer has begun: the caller must not take what it has for the whole.
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the answer broke off")
    response = problem(error)
    response.headers.update(headers)
    if not request.content.is_eof() and request.body_exists:
        response.force_close()
    return response


def _bound(route: Route) -> Next:
    """A handler behind its route's access."""

    async def handle(request: web.Request) -> web.StreamResponse:
        context = request.app[CONTEXT]
        if route.access is not Access.SESSION:
            return await _called(route, Call(context, request, route.known))
        session = session_of(context, request)
        if not context.by_device.take(session.device, context.monotonic()):
            raise WebProblem("rate-limited", "too many requests of this device; slow down")
        return await _called(route, Call(context, request, route.known, session, context.sessions.reader(session)))

    return handle


async def _called(route: Route, call: Call) -> web.StreamResponse:
    """The handler's answer, once the query is one that the route declares."""
    call.queried()
    return await route.handler(call)


async def _expect(request: web.Request) -> None:
    """``Expect: 100-continue`` is answered; anything else expected is ignored, as RFC 9110 allows."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _undirected(value: Any) -> Any:
    """What a template shows: plain text of others without direction marks; HTML is `render`'s and clean already."""
    return undirected(value) if type(value) is str else value


def create_app(
    exchange: Exchange,
    *,
    log: OperatorLog | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    housekeeping: bool = True,
) -> web.Application:
    """The application over a running exchange, which stays the caller's to close.

    ``housekeeping`` runs the periodic work (deadlines, claims, sweep); without it the caller does, as tests do.
    """
    app = web.Application(middlewares=[_surround])
    context = Context.build(exchange, log or open_log(exchange.config.log.level), monotonic)
    app[CONTEXT] = context
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.PackageLoader("exchange.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_undirected,
    )
    openapi.setup(app, ROUTES)
    public.setup(app)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _bound(route), expect_handler=_expect)
    app.on_response_prepare.append(_prepare)

    async def run_services(_: web.Application) -> AsyncIterator[None]:
        await context.witnessing.load()
        context.feed.start()
        tasks: list[asyncio.Task[None]] = []
        if housekeeping:
            work = (
                context.watch_connections(),
                context.flush_claims(),
                context.sweep(),
                context.erase_receipts(),
                context.send_notices(),
                context.ask_witnesses(),
            )
            tasks = [asyncio.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await context.witnessing.close()
        await flush_quietly(context.claims, lambda code: context.log.warning("claims-lost", code=code))

    async def end_streams(_: web.Application) -> None:
        await context.feed.close()

    app.cleanup_ctx.append(run_services)
    app.on_shutdown.append(end_streams)
    return app


class Server(Listener):
    """The server's application listening on a socket. ``start`` it, ``stop`` it."""

    def __init__(self, app: web.Application) -> None:
        super().__init__(app, app[CONTEXT].guard)


def clock() -> int:
    """The server's time, whole seconds since 1970-01-01 UTC."""
    return int(time.time())


async def serve(config: Config, log: OperatorLog, stop: asyncio.Event, started: Callable[[str, int], None]) -> None:
    """Open the exchange, serve until ``stop`` is set, and close everything; ``started`` hears where it listens.

    Raises `exchange.serverkeys.ServerKeysError`, `StoreError`, `LedgerDamaged`, OSError: what the operator must repair.
    """
    keys = serverkeys.load(config.server.data)
    pin = serverkeys.pinned(config.server.data)
    exchange = await Exchange.open(config, keys, clock, pin=pin)
    # What the logs were rebuilt into stays. The collector would walk all of it again in the middle of somebody's request: a
    # tenth of a second with 1,000 members.
    gc.collect()
    gc.freeze()
    try:
        server = Server(create_app(exchange, log=log))
        await server.start(config.server.host, config.server.port)
        try:
            log.info("listening", host=server.host, port=server.port)
            expired, expiring = exchange.running_out(clock())
            if expired or expiring:
                log.warning("memberships-run-out", expired=expired, within_60_days=expiring)
            started(server.host, server.port)
            await stop.wait()
            log.info("stopping")
        finally:
            await server.stop()
    finally:
        await exchange.close()


def run(config: Config, started: Callable[[str, int], None] = lambda host, port: None) -> None:
    """Serve in the foreground until SIGINT or SIGTERM. Raises as `serve`."""

    async def work(stop: asyncio.Event) -> None:
        await serve(config, open_log(config.log.level), stop, started)

    run_until_stopped(work, _loop_factory())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (it is not on Windows), else asyncio's own."""
    return None if uvloop is None else uvloop.new_event_loop
