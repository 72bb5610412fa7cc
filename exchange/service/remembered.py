"""Values used lately, kept in memory up to a total weight.

What is kept can always be made or read again; nothing here is the only copy, and nothing that can change is put in.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Values by key. Beyond ``most`` (the sum of the weights given) those unused for longest go; the newest always stays."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._weight = 0

    def get(self, key: str) -> T | None:
        """The value, now the one used last; None when it is not kept."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: str, value: T, weight: int) -> None:
        """Keep a value; under a key that is there already, instead of the former one."""
        _, former = self._kept.pop(key, (None, 0))
        self._kept[key] = (value, weight)
        self._weight += weight - former
        while self._weight > self._most and len(self._kept) > 1:
            _, (_, gone) = self._kept.popitem(last=False)
            self._weight -= gone
