"""Errors of storage. A refusal is an answer; a storage error stops writing until a restart (invariant I9)."""

from exchange.model.problems import ExchangeError


class StoreError(ExchangeError):
    """The store cannot be opened or used as asked; nothing was written. The code says which case."""


class StorageError(StoreError):
    """The disk or the database failed. Nothing is written any more until the cause is found and the server restarted.

    Code ``storage-failed``, or ``writing-stopped`` for every attempt to write afterwards.
    """


class ConflictError(StoreError):
    """The rows contradict rows that are there: the transaction was undone, the store is as before.

    Code ``storage-conflict``. It means that a check in the code above was missing, not that the disk failed.
    """


class StoreRefusal(ExchangeError):
    """What was asked for cannot be given: spent, unknown, or not there. The code says which."""
