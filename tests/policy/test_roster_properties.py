"""Circles and rotations over random histories: never too deep, never in itself, never out of the registrars' hands."""

from __future__ import annotations

from itertools import combinations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.model.registry import CircleChange, CircleDefine
from exchange.policy.circles import MAX_DEPTH, below, changed
from exchange.policy.members import Circle, Facts, Organisation, Person
from exchange.policy.roster import RosterRefusal
from exchange.policy.signers import check_signers
from keys.envelope import Envelope
from keys.sign import SoftwareSigner, add_signature
from tests.support.world import World

IDS = [f"{'A' * 20}{letter}A" for letter in "ABCDEFGH"]
HASH = "0" * 64
COMMON = {
    "at": 1,
    "exchange": HASH,
    "nonce": IDS[0],
    "not_after": 2,
    "seen": {log: {"root": HASH, "size": 0} for log in ("journal", "registry")},
}


def depth(circles: dict[str, Circle], circle: str) -> int:
    """The slow and obvious way; ends because of `assert`."""
    inner = [depth(circles, c) for c in circles[circle].circles]
    return 1 + max(inner, default=0)


def inside(circles: dict[str, Circle], circle: str, most: int = 20) -> set[str]:
    """Everything below, the slow way."""
    found: set[str] = set()
    level = {circle}
    for _ in range(most):
        level = {inner for c in level for inner in circles[c].circles}
        found |= level
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(IDS), st.sampled_from(IDS)), max_size=40))
def test_whatever_is_added_or_removed_circles_stay_shallow_and_outside_themselves(
    steps: list[tuple[bool, str, str]],
) -> None:
    person, organisation = "P" * 21 + "A", "Q" * 21 + "A"
    facts = Facts(
        organisations={organisation: Organisation(organisation, "company", frozenset(), (), 10)},
        persons={person: Person(person, organisation, frozenset({"officer"}), frozenset())},
        chains={f"person/{person}": HASH, f"organisation/{organisation}": HASH},
    )
    for circle in IDS:
        body = CircleDefine.model_validate(
            {**COMMON, "issuer": {"registrar": HASH}, "circle": circle, "commitments": {"name": HASH},
             "curators": [person]}
        )  # fmt: skip
        facts.circles[circle] = changed(facts, body, 1)
    for add, outer, inner in steps:
        body = CircleChange.model_validate(
            {**COMMON, "issuer": {"registrar": HASH}, "circle": outer, "previous": HASH,
             "add" if add else "remove": {"circles": [inner]}}
        )  # fmt: skip
        before = dict(facts.circles)
        try:
            facts.circles[outer] = changed(facts, body, 1)
        except RosterRefusal as refusal:
            # A no is right: what was asked would be wrong, or changes nothing.
            after = before[outer].circles | {inner}
            tried = {**before, outer: Circle(outer, frozenset(), after)}
            wrong = {
                "member-present": inner in before[outer].circles,
                "member-absent": inner not in before[outer].circles,
                "circle-in-itself": outer in inside(tried, outer),
                "circle-too-deep": outer not in inside(tried, outer)
                and max(depth(tried, c) for c in tried) > MAX_DEPTH,
            }
            assert wrong[refusal.code]
            continue
        assert all(depth(facts.circles, c) <= MAX_DEPTH for c in IDS)
        assert all(c not in inside(facts.circles, c) for c in IDS)
        members = {**facts.circles, inner: Circle(inner, frozenset(), facts.circles[inner].circles, frozenset({"o"}))}
        assert ("o" in below(members, [outer])[0]) == (inner in inside(members, outer) | {outer})


WORLD = World(registrars=4, threshold=2).found()
NEWCOMERS = [SoftwareSigner.generate(WORLD.random) for _ in range(3)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sets(st.integers(0, 6), min_size=2, max_size=7),
    st.sets(st.integers(0, 6), min_size=1, max_size=7),
    st.integers(2, 7),
)
def test_a_rotation_takes_the_least_set_of_signers_that_the_root_rule_allows(
    named: set[int], signed: set[int], threshold: int
) -> None:
    """Accepted exactly when the set satisfies the rule and no smaller one of the same people does."""
    everybody = [*WORLD.registrars, *NEWCOMERS]
    threshold = min(threshold, len(named))
    old = set(range(4))

    def enough(who: set[int]) -> bool:
        return len(who & old) >= 2 and len(who & named) >= threshold and named - old <= who and who <= old | named

    right = enough(signed) and not any(
        enough(set(fewer)) for fewer in combinations(signed, len(signed) - 1) if old & (signed - set(fewer))
    )
    issuers = sorted(signed & old) or sorted(signed)
    chosen = sorted((everybody[n] for n in named), key=lambda s: s.public.key_id)
    body = WORLD.common(
        issuer={"registrar": everybody[issuers[0]].public.key_id},
        registrars=[s.public.to_json() for s in chosen],
        threshold=threshold,
    )
    statement = WORLD.sign("registrar.rotate", body)
    facts = WORLD.roster.facts
    signers = [(f"registrar/{everybody[n].public.key_id}", everybody[n].public) for n in sorted(signed)]
    if not signed <= old | named:
        return  # `named_signers` refuses a key that nothing names
    try:
        check_signers(facts, statement, signers, WORLD.now)
        accepted = True
    except RosterRefusal:
        accepted = False
    assert accepted == right


def test_the_signers_of_an_accepted_rotation_are_verified() -> None:
    """The property above looks at who; that the signatures hold is looked at once, with real ones."""
    world = World(registrars=3, threshold=2).found()
    first, second, third = world.registrars
    body = world.common(
        issuer={"registrar": first.public.key_id},
        registrars=[s.public.to_json() for s in (first, second, third)],
        threshold=2,
    )
    statement = world.sign("registrar.rotate", body, first, second)
    forged = Envelope(statement.envelope.kind, statement.envelope.body, add_signature(
        world.sign("registrar.rotate", {**body, "threshold": 3}, first).envelope, second
    ).signatures)  # fmt: skip
    try:
        world.accept(type(statement)(forged, statement.kind, statement.body))
        raise AssertionError("accepted")
    except RosterRefusal as refusal:
        assert (refusal.rule, refusal.code) == ("M3", "signature-invalid")
    world.accept(statement)
