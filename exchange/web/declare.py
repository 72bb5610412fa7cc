"""What a route declares about itself: the types of the route table, from which OpenAPI is made (``docs/spec/interface.md``).

A declaration is complete or it is no ``Route``: who may call, what is logged, every parameter of the query, the body, every
answer, every code of a refusal. What each route can answer anyway, by its access and its body, is added here once. The
query is enforced by the declaration; answers are held against it by the tests.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from typing import Any, Final

from aiohttp import web

from exchange.web.errors import STATUS
from exchange.web.requests import MAX_SMALL_BODY, Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]
Schema = Mapping[str, Any]
"""JSON Schema 2020-12."""

NOT_IN_FORCE: Final = (
    "device-revoked",
    "device-unknown",
    "membership-expired",
    "organisation-removed",
    "organisation-suspended",
    "organisation-unknown",
    "person-removed",
)
"""Why a session's device is let in no longer (rule R1)."""
ALWAYS: Final = (
    "head-malformed",
    "internal",
    "not-found",
    "path-malformed",
    "query-malformed",
    "rate-limited",
    "storage-failed",
)
"""Codes that every route can answer."""
WITH_SESSION: Final = ("session-missing", "session-unknown", *NOT_IN_FORCE)
WITH_BODY: Final = ("body-encoding", "body-malformed", "body-slow", "body-too-large")

_PART: Final = re.compile(r"\{(\w+):((?:[^{}]|\{[^{}]*\})*)\}")


class Access(Enum):
    """What a caller must show before the handler runs."""

    PUBLIC = "public"
    """Nothing."""
    STATEMENT = "statement"
    """Nothing here: the statements in the body authenticate themselves."""
    SESSION = "session"
    """A session whose device is in force at this moment."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name of the query (or a header, ``place="header"``), optional always."""

    name: str
    schema: Schema
    meaning: str
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries: at most ``most`` bytes of a media type. ``schema`` None: bytes, or whatever was agreed."""

    meaning: str
    schema: Schema | None = None
    media: str = "application/json"
    most: int = MAX_SMALL_BODY
    required: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """Where a caller goes on from an answer: the handler's name there, and its parameters as runtime expressions."""

    operation: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. ``media`` empty: no body; ``schema`` None: bytes. ``events``: the data of each server-sent event."""

    meaning: str
    schema: Schema | None = None
    media: str = "application/json"
    status: int = 200
    events: Mapping[str, Schema] = field(default_factory=dict)
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One method of one path: what is enforced, and what a reader is told.

    ``answers`` are the successes, ``codes`` the route's own refusals, each with its status in `exchange.web.errors`; under the
    statuses of ``rules`` also any code of a rule or of a malformed statement may stand (``docs/reason-codes.md``).
    """

    method: str
    path: str
    handler: Handler
    access: Access
    who: str
    logs: str = "nothing"
    _: KW_ONLY
    summary: str
    answers: tuple[Answer, ...]
    query: tuple[Parameter, ...] = ()
    body: Body | None = None
    codes: tuple[str, ...] = ()
    rules: tuple[int, ...] = ()

    @property
    def operation(self) -> str:
        """The operation's name: the handler's."""
        return self.handler.__name__

    @property
    def template(self) -> str:
        """The path without the patterns of its parts."""
        return _PART.sub(r"{\1}", self.path)

    @property
    def parts(self) -> dict[str, str]:
        """The path's parts and their patterns, in order."""
        return dict(_PART.findall(self.path))

    @property
    def known(self) -> frozenset[str]:
        """The names that the query may have."""
        return frozenset(parameter.name for parameter in self.query if parameter.place == "query")

    def refusals(self) -> dict[int, tuple[str, ...]]:
        """Every status of a refusal with the codes that are known to stand under it, both in order."""
        codes = {*ALWAYS, *self.codes}
        if self.access is Access.SESSION:
            codes |= {*WITH_SESSION}
        if self.body is not None:
            codes |= {*WITH_BODY}
        found: dict[int, list[str]] = {status: [] for status in self.rules}
        for code in sorted(codes):
            found.setdefault(status_of_code(code), []).append(code)
        return {status: tuple(found[status]) for status in sorted(found)}


def status_of_code(code: str) -> int:
    """The status of a declared code. Raises LookupError for one that `exchange.web.errors` does not list."""
    if code in NOT_IN_FORCE:
        return 403
    if code not in STATUS:
        raise LookupError(f"{code} has no status in exchange.web.errors")
    return STATUS[code]
