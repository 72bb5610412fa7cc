"""Errors of the model, and how a validation error is told without repeating what a stranger sent."""

from __future__ import annotations

from pydantic import ValidationError


class ExchangeError(Exception):
    """Base of the domain's errors: a stable kebab-case ``code`` and one sentence for a person."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Malformed(ExchangeError):
    """The bytes are not what the specification says: they were refused before anything was decided."""


def first_error(error: ValidationError) -> str:
    """The first fault as ``field.path: what is wrong``, never with the value (it may be a secret or a megabyte)."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part)[:40] for part in fault["loc"][:6]) or "body"
    return f"{where}: {fault['msg'][:160]}"
