"""A listening socket with an application and a guard behind it, and a run that ends with SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from exchange.listen.connections import SEND_BUFFER_BYTES, Guard

BACKLOG = 1_024
"""Connections that may wait to be accepted."""
SHUTDOWN_SECONDS = 10.0
"""How long requests under way may take when the server is stopped."""


class Listener:
    """An application listening on a socket. ``start`` it, ``stop`` it."""

    def __init__(self, app: web.Application, guard: Guard) -> None:
        self.app = app
        self.host = ""
        self.port = 0
        self._guard = guard
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        self._listening: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; ``port`` 0 takes a free one, which is then in ``port``. Raises OSError; nothing stays open then."""
        await self._runner.setup()
        server = self._runner.server
        loop = asyncio.get_running_loop()
        if server is None:
            raise RuntimeError("the runner has no server")
        listening: socket.socket | None = None
        try:
            listening = _bind(host, port)
            self._listening = await loop.create_server(
                lambda: self._guard.protocol(server, loop), sock=listening, backlog=BACKLOG
            )
            self.host, self.port = listening.getsockname()[:2]
        except BaseException:
            if listening is not None:
                listening.close()
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """Take no more connections, let requests finish, clean the application up."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        await self._runner.cleanup()


def _bind(host: str, port: int) -> socket.socket:
    """A listening socket whose connections inherit the bounded send buffer."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listening.setblocking(False)
        listening.bind((host, port))
    except BaseException:
        listening.close()
        raise
    return listening


def run_until_stopped(
    work: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Run ``work`` in the foreground; the event that it is given is set by SIGINT or SIGTERM."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers in its loop
                loop.add_signal_handler(number, stop.set)
        await work(stop)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
