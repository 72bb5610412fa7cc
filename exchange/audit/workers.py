"""Worker processes beside a replay: what needs no knowledge of the logs is computed there (``docs/spec/audit.md``, Limits).

Work is handed over in pieces, in order, and its answers are taken in order.  Workers get bytes, hashes and public keys, never a
path.  Without workers a piece is done at once, where it is handed over.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Generic, TypeVar

AHEAD = 8
"""Pieces of one kind on their way for each worker: bounds the memory of a long log."""
POOL_FROM = 10_000
"""Entries; below it, starting workers takes longer than they save."""

J = TypeVar("J")
A = TypeVar("A")


def workers_for(entries: int) -> int:
    """How many worker processes a bundle of so many entries deserves, beside the replay itself; 0: none."""
    return 0 if entries < POOL_FROM else max(1, (os.cpu_count() or 1) - 1)


class Workers:
    """The processes; a context manager that ends them."""

    def __init__(self, number: int) -> None:
        self.ahead = number * AHEAD
        self.pool = ProcessPoolExecutor(number, mp_context=get_context("spawn")) if number else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)


class Pieces(Generic[J, A]):
    """Pieces of one kind of work, and their answers in the same order."""

    def __init__(self, workers: Workers, work: Callable[[Sequence[J]], A]) -> None:
        self._workers = workers
        self._work = work
        self._running: deque[Future[A]] = deque()

    @property
    def full(self) -> bool:
        """Whether an answer should be taken before more is handed over."""
        return len(self._running) > self._workers.ahead

    def __bool__(self) -> bool:
        return bool(self._running)

    def give(self, piece: Sequence[J]) -> None:
        """Hand over a piece."""
        if self._workers.pool is not None:
            self._running.append(self._workers.pool.submit(self._work, piece))
            return
        done: Future[A] = Future()
        done.set_result(self._work(piece))
        self._running.append(done)

    def take(self) -> A:
        """The answer to the oldest piece, which is waited for."""
        return self._running.popleft().result()
