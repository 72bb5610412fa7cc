"""Errors of the ledger; those of storage come from `exchange.store.errors`."""

from exchange.model.problems import ExchangeError


class LedgerRefusal(ExchangeError):
    """The ledger does not take or serve this now. Code ``busy`` (send again later), ``closing``, ``tile-unknown``."""


class LedgerDamaged(ExchangeError):
    """Store and head file contradict each other or themselves: the server does not start.

    Code ``head-ahead`` (an old backup was restored, or the log was rewritten), ``head-missing``, ``head-unreadable``,
    ``log-damaged``, ``log-foreign``.
    """
