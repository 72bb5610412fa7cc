"""Why a read, an upload or a session was refused; writes are refused with ``exchange.model.submission.Refused``."""

from __future__ import annotations

from exchange.model.problems import ExchangeError


class Denied(ExchangeError):
    """The caller may not have what it asked for, or it is not there. ``rule`` names the rule where one decided."""

    def __init__(self, code: str, detail: str, *, rule: str | None = None) -> None:
        super().__init__(code, detail)
        self.rule = rule
