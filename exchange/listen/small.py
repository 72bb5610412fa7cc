"""What the small services of members answer alike: plain texts, a few headers, connections that are watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import web

from exchange.listen.connections import CHECK_SECONDS, Guard

TEXT: Final = "text/plain; charset=utf-8"
BINARY: Final = "application/octet-stream"
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer."""
RETRY_SECONDS: Final = "1"
"""What 429 asks the caller to wait."""

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def plain(status: int, detail: str, code: str) -> web.Response:
    """A sentence with its code."""
    response = web.Response(status=status, body=f"{detail} [{code}]\n".encode(), headers={"Content-Type": TEXT})
    if status == 429:
        response.headers["Retry-After"] = RETRY_SECONDS
    return response


def unreadable(ours: bool) -> web.Response:
    """The answer to what never reached a handler."""
    response = plain(500, "this service failed", "internal") if ours else plain(400, "not HTTP/1.1", "head-malformed")
    response.headers.update(HEADERS)
    return response


async def prepare(_: web.Request, response: web.StreamResponse) -> None:
    """The headers of every answer; no word about what software this is."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.pop("Server", None)


def watching(guard: Guard, monotonic: Callable[[], float]) -> Callable[[web.Application], AsyncIterator[None]]:
    """A part of an application's life that cuts connections past their deadlines."""

    async def watch(_: web.Application) -> AsyncIterator[None]:
        async def check() -> None:
            while True:
                await asyncio.sleep(CHECK_SECONDS)
                guard.check(monotonic())

        task = asyncio.create_task(check())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return watch
