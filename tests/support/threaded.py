"""The listening partnership of ``tests.support.web`` on a loop in a thread of its own, for callers that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.support.web import Partnership, listening

T = TypeVar("T")
OFTEN = {"requests_per_second_address": 1_000_000, "requests_per_second_device": 1_000_000}
"""Rates that no generated run reaches: the clock of these servers stands still."""


class Place:
    """A partnership, where it listens, and a way into its loop."""

    def __init__(self, partnership: Partnership, loop: asyncio.AbstractEventLoop) -> None:
        self.partnership = partnership
        self.world = partnership.world
        self._loop = loop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.world.http.port}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run in the server's loop, and wait."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def session(self, role: str) -> str:
        return self.run(self.world.session(getattr(self.partnership, role)))


@contextmanager
def place(folder: Path, **sections: dict[str, Any]) -> Iterator[Place]:
    """A partnership that listens until the block ends."""
    ready: threading.Event = threading.Event()
    found: list[Place | BaseException] = []

    async def serve() -> None:
        try:
            limits = {**OFTEN, **sections.pop("limits", {})}
            async with listening(folder, limits=limits, **sections) as partnership:
                stop = asyncio.Event()
                loop = asyncio.get_running_loop()
                found.append(Place(partnership, loop))
                stops.append(lambda: loop.call_soon_threadsafe(stop.set))
                ready.set()
                await stop.wait()
        except BaseException as error:
            found.append(error)
            raise
        finally:
            ready.set()

    stops: list[Any] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="server", daemon=True)
    thread.start()
    ready.wait(timeout=120)
    if not found or isinstance(found[0], BaseException):
        raise RuntimeError("the server did not start") from (found[0] if found else None)  # type: ignore[arg-type]
    try:
        yield found[0]
    finally:
        stops[0]()
        thread.join(timeout=60)
