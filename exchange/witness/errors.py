"""The errors of a witness: what it refuses, by the answer that the protocol has for it, and what stops it."""

from __future__ import annotations

from exchange.model.problems import ExchangeError


class Refusal(ExchangeError):
    """A request that is not cosigned; ``status`` is the protocol's answer (docs/spec/witness.md, 2).

    ``size`` is what a conflict is answered with: the size cosigned last.
    """

    def __init__(self, status: int, code: str, detail: str, *, size: int | None = None) -> None:
        super().__init__(code, detail)
        self.status = status
        self.size = size


class WitnessError(ExchangeError):
    """The witness cannot work.

    Codes: ``witness-exists``, ``witness-missing``, ``card-malformed``, ``log-list-malformed``, ``log-keys-missing``,
    ``log-differs``, ``other-exchange``, ``witness-state-missing``, ``witness-state-exists``, ``witness-state-newer``,
    ``witness-state-unusable``, ``witness-is-log``.
    """
