"""Who is told that the terms are not accepted: whom alerts would reach, and nobody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from exchange.cli import member
from exchange.cli.terminal import Terminal
from exchange.policy.members import Facts, Organisation, Person, Roster, Terms

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("roles", "sponsor", "told"),
    [
        ({"officer"}, None, True),
        ({"author", "administrator"}, None, True),
        ({"auditor"}, None, False),
        ({"officer"}, "s", False),
    ],
)
def test_open_terms_are_named_to_whom_alerts_would_reach(
    roles: set[str],
    sponsor: str | None,
    told: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(member, "now", lambda: NOW)
    facts = Facts(terms=(Terms(1, "t", 0, ""),))
    facts.organisations["o"] = Organisation("o", "company", frozenset(), (), NOW + (1 << 28), sponsor=sponsor)
    facts.persons["p"] = Person("p", "o", frozenset(roles), frozenset())
    replica = SimpleNamespace(person="p", now=lambda time: Roster(facts, time))
    names = SimpleNamespace(of=lambda _: "Stadtwerke")
    asked: Any = SimpleNamespace(
        facts=facts, client=SimpleNamespace(replica=replica), names=names, terminal=Terminal("en")
    )
    member.warn(cast(member.Member, asked))
    assert ("Stadtwerke has not accepted version 1" in capsys.readouterr().err) is told
