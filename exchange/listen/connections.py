"""Deadlines for connections, which aiohttp has not: half-open requests, and readers that take nothing.

A connection that does not complete a request head in time, or whose peer takes none of what waits for it, is cut. The
kernel's share is bounded with SO_SNDBUF on the listening socket, ours by the transport's high-water mark; without both a
stalled reader absorbs megabytes. `Guard.check` looks at all connections and is called every `CHECK_SECONDS`; it is given the
time, so tests need not wait. Bodies have their own deadline where they are read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web

from exchange.listen.log import OperatorLog, places

CHECK_SECONDS = 1.0
"""Pause between checks: how much later than its deadline a connection is cut at most."""
SEND_BUFFER_BYTES = 131_072
"""Kernel's send buffer of each connection."""
KEEPALIVE_SECONDS = 75.0
"""How long an idle connection is kept."""
LINGER_SECONDS = 2.0
"""How long the rest of a refused body is read and dropped, so that the caller can read the refusal."""
MAX_LINE_BYTES = 4_096
"""Longest request line, and longest header."""
MAX_HEADERS = 64

Refuse = Callable[[bool], web.Response]
"""The answer to a request that never reached a handler; the argument is whether the fault is ours."""

# aiohttp logs what it could not parse, which may be somebody's token: it is given a logger that says nothing.
_SILENT = logging.getLogger("tlp-exchange.silent")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class Connection(web.RequestHandler):
    """aiohttp's protocol with a watch on it."""

    __slots__ = ("active", "buffered", "guard", "head_since", "on_lost", "stalled_since", "wire")

    def __init__(self, manager: web.Server, guard: Guard, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self.guard = guard
        self.wire: asyncio.Transport | None = None
        self.active = False
        self.head_since: float | None = None
        self.buffered = 0
        self.stalled_since: float | None = None
        self.on_lost: Callable[[], None] | None = None
        """Called when the connection is over while a request is under way: a stream need not find out by writing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection must send a whole request head in time, the first byte included."""
        super().connection_made(transport)
        if isinstance(transport, asyncio.Transport) or hasattr(transport, "get_write_buffer_size"):
            self.wire = transport  # type: ignore[assignment]
        self.head_since = self.guard.time()
        self.guard.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop watching."""
        self.guard.remove(self)
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        """The first byte after a pause begins a request head."""
        if data and not self.active and self.head_since is None:
            self.head_since = self.guard.time()
        super().data_received(data)

    def request_begun(self) -> None:
        """A head was complete; from here the body has its own deadline."""
        self.active = True
        self.head_since = None

    def request_done(self) -> None:
        """Wait for the next head."""
        self.active = False
        self.on_lost = None

    def abort(self) -> None:
        """Cut the connection now, with what waits in its buffers."""
        if self.wire is not None:
            self.wire.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What never reached a handler (a malformed head), or escaped all of them: our body, not aiohttp's text."""
        if status == 500:
            self.guard.log.error("defect", error=type(exc).__name__, places=places(exc) if exc is not None else [])
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        response = self.guard.refuse(status >= 500)
        # These answers do not pass the application's signal. An empty banner is the only way to send none.
        response.headers.update({"Cache-Control": "no-store", "Server": ""})
        response.force_close()
        return response


class Guard:
    """All open connections, and the deadlines they are held to."""

    def __init__(
        self,
        log: OperatorLog,
        time: Callable[[], float],
        refuse: Refuse,
        *,
        header_deadline: float,
        write_deadline: float,
        most: int,
    ) -> None:
        """Deadlines in seconds, ``most`` connections at once; ``refuse`` says what an unreadable request is answered."""
        self.log = log
        self.time = time
        self.refuse = refuse
        self._header_deadline = header_deadline
        self._write_deadline = write_deadline
        self._most = most
        self._connections: set[Connection] = set()

    @property
    def connections(self) -> frozenset[Connection]:
        """All open connections."""
        return frozenset(self._connections)

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._connections)

    def protocol(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> Connection:
        """A protocol for a new connection: the factory of the listening socket."""
        return Connection(
            server,
            self,
            loop=loop,
            logger=_SILENT,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
            # A few bytes may not become gigabytes: bodies are taken as they are, and other encodings refused.
            auto_decompress=False,
        )

    def add(self, connection: Connection) -> None:
        """Watch a connection; one too many is cut at once."""
        if len(self._connections) >= self._most:
            connection.abort()
        self._connections.add(connection)

    def remove(self, connection: Connection) -> None:
        """The connection is over."""
        self._connections.discard(connection)

    def check(self, now: float) -> int:
        """Cut what is past its deadline at ``now``; how many connections."""
        cut = 0
        for connection in list(self._connections):
            if self._late_head(connection, now) or self._stalled(connection, now):
                connection.abort()
                cut += 1
        if cut:
            self.log.info("connections-cut", count=cut)
        return cut

    def _late_head(self, connection: Connection, now: float) -> bool:
        since = connection.head_since
        return since is not None and now - since > self._header_deadline

    def _stalled(self, connection: Connection, now: float) -> bool:
        """Whether the peer has taken nothing for the write deadline while something waits for it."""
        size = 0 if connection.wire is None else connection.wire.get_write_buffer_size()
        if size == 0:
            connection.stalled_since = None
        elif connection.stalled_since is None or size < connection.buffered:
            connection.stalled_since = now
        connection.buffered = size
        return connection.stalled_since is not None and now - connection.stalled_since > self._write_deadline
