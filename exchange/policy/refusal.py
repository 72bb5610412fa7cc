"""What the roster says no with (rules M1 to M21, ``docs/spec/statements.md``). No logic."""

from __future__ import annotations

from exchange.model.problems import ExchangeError


class RosterRefusal(ExchangeError):
    """A registry statement that the rules forbid: ``rule`` is M1 to M21, ``code`` the reason."""

    def __init__(self, rule: str, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.rule = rule
