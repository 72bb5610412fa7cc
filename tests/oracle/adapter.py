"""The two sides of the comparison, asked in the oracle's words: facts, cores, claims.

`Product` is the only place of the comparison that knows the product; `Oracle` answers for the oracle itself, or for a
broken copy of it, which the comparison must find. Nothing is compared here.

Signatures are stand-ins (the roster takes its verifier as an argument); every other test of the roster uses real ones.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

sys.path.insert(0, str(Path(__file__).parent))
import grant_oracle
import policy_oracle
import roster_oracle
from oracle_journal import Claim, Journal
from oracle_world import Core, Fact, Signer

ALL: Final = frozenset({"circles", "clients", "grants", "versions"})
SCHEMA: Final = "schema"  # the rule of what the closed schema refuses before any rule is asked


@dataclass(frozen=True, slots=True)
class Said:
    """One side's answer: yes or no, the rule that says so, and its reason code where it gives one."""

    yes: bool
    rule: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class AlertCase:
    """An alert to judge: `named` is the length of the registry that it names, `t` its core.at."""

    core: Core
    named: int
    t: int
    given: Sequence[str]
    usable: frozenset[str]
    lineage: Mapping[str, Any] | None
    t_accept: int | None  # None: nothing was accepted yet, as in a preview
    journal: Journal = ()
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    state: str  # released, proposed or refused
    rule: str = ""
    people: Mapping[str, Said] = field(default_factory=dict)
    leaves: frozenset[str] | None = None
    left_behind: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class GrantCase:
    """A grant to judge against the journal before it, at acceptance time `t`."""

    claim: Claim
    journal: Journal
    t: int
    usable: frozenset[str]
    lineage: Mapping[str, Any] | None


class Side(Protocol):
    """Who answers. `speaks` are the parts of the specification that it knows: what it does not know is not asked of it."""

    speaks: frozenset[str]

    def apply(self, fact: Fact, signers: Sequence[Signer]) -> Said:
        """One registry statement; kept when the answer is yes."""

    def judge(self, case: AlertCase) -> Judged: ...

    def grant(self, case: GrantCase) -> Said | None:
        """None: this side does not decide grants."""


# --- The oracle, whole or broken -------------------------------------------------------------------------------------


class Oracle:
    """The oracle as a side; of all rules that refuse it names the first."""

    speaks = ALL

    def __init__(self, modules: Mapping[str, ModuleType] | None = None) -> None:
        own = {"roster_oracle": roster_oracle, "policy_oracle": policy_oracle, "grant_oracle": grant_oracle}
        self._parts = {**own, **(modules or {})}
        self._world: list[Fact] = []

    def apply(self, fact: Fact, signers: Sequence[Signer]) -> Said:
        yes, rules = self._parts["roster_oracle"].may_append(self._world, fact, signers)
        if yes:
            self._world.append(fact)
        return Said(yes, min(rules, default=""))

    def judge(self, case: AlertCase) -> Judged:
        part, named = self._parts["policy_oracle"], self._world[: case.named]
        people = part.person_answers(named, case.t, case.core, case.lineage)
        device = case.core["issuer"]["device"]
        world = None if case.t_accept is None else self._world
        state, rules = part.alert_verdict(
            named, case.t, world, case.t_accept, case.core, device, case.given, case.usable, case.lineage
        )
        leaves = part.leaves(named, case.t, case.core, case.usable, case.lineage)
        said = {person: Said(yes, min(why)) for person, (yes, why) in people.items()}
        behind = part.left_behind(named, case.t, case.core, case.lineage)
        return Judged(state, min(rules, default=""), said, frozenset(leaves), frozenset(behind))

    def grant(self, case: GrantCase) -> Said:
        part = self._parts["grant_oracle"]
        yes, reasons = part.grant_verdict(self._world, case.t, case.journal, case.claim, case.usable, case.lineage)
        rule, code = min(reasons)
        return Said(yes, rule, code)


MODULES: Final = ("oracle_world", "policy_oracle", "roster_oracle", "grant_oracle")


@cache
def _source(module: str) -> str:
    return (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")


def broken_oracle(module: str, old: str, new: str) -> dict[str, ModuleType]:
    """A copy of the oracle in which one piece of text, which stands there once, is another."""
    if _source(module).count(old) != 1:
        raise ValueError(f"{module}.py has this text {_source(module).count(old)} times: {old}")
    kept, copies = {name: sys.modules[name] for name in MODULES}, {}
    try:
        for name in MODULES:
            copies[name] = sys.modules[name] = ModuleType(name)
            text = _source(name).replace(old, new) if name == module else _source(name)
            exec(compile(text, f"{name}.py", "exec"), copies[name].__dict__)
    finally:
        sys.modules.update(kept)
    return copies
