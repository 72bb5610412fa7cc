"""The journal of the policy oracle: what was released, granted and answered, in order. Values only; a position is an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oracle_world import Core


@dataclass(frozen=True, slots=True)
class Release:
    """A released alert: its core, and for each device with a leaf whether the leaf has a stanza."""

    statement: str
    core: Core
    leaves: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Grant:
    """An accepted grant: which alert was given to which device."""

    statement: str
    alert: str
    device: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to an ask, together with the ask."""

    statement: str
    alert: str
    asker: str
    granted: bool
    permits: frozenset[str]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a grant's statement says; exactly one of `leaf` (the device whose leaf is shown) and `via` is given."""

    alert: str
    issuer: str
    device: str
    purpose: str
    at: int
    leaf: str | None = None
    via: str | None = None
    permission: str | None = None


Journal = Sequence[Release | Grant | Answer]
