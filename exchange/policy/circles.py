"""Circles: what one may be made of (rule M18) and whom one stands for (``docs/spec/statements.md``, Circles).

Circles are shown to every member, persons and organisations in them are not: on a partial roster somebody who is in a circle
is known by the place of the own chain only.  So "exists" is asked of the chains, which every member has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from exchange.model.registry import CircleChange, CircleDefine, CircleMembers
from exchange.policy.members import Circle, Facts, Roster
from exchange.policy.refusal import RosterRefusal

MAX_DEPTH = 3
"""A circle without circles has depth 1."""
MAX_MEMBERS = 1000
"""Organisations, persons and circles directly in one circle."""


def below(circles: Mapping[str, Circle], named: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The (organisations, persons) in the named circles and in the circles below them; an unknown circle has none."""
    organisations: set[str] = set()
    persons: set[str] = set()
    seen: set[str] = set()
    waiting = [circle for circle in named if circle in circles]
    while waiting:
        circle = circles[waiting.pop()]
        if circle.id in seen:
            continue
        seen.add(circle.id)
        organisations |= circle.organisations
        persons |= circle.persons
        waiting.extend(circle.circles - seen)
    return frozenset(organisations), frozenset(persons)


def changed(facts: Facts, body: CircleDefine | CircleChange, now: int) -> Circle:
    """The circle as the statement leaves it; raises RosterRefusal (M6, M18)."""
    if isinstance(body, CircleDefine):
        before = Circle(body.circle, frozenset(body.curators))
        add, remove = body.members, None
    else:
        known = facts.circles.get(body.circle)
        if known is None:
            raise RosterRefusal("M6", "circle-unknown", "no such circle")
        before, add, remove = known, body.add, body.remove
    if body.curators is not None:
        _check_curators(Roster(facts, now), body.curators)
    after = Circle(
        body.circle,
        before.curators if body.curators is None else frozenset(body.curators),
        _moved(before.circles, _of(add, "circles"), _of(remove, "circles")),
        _moved(before.organisations, _of(add, "organisations"), _of(remove, "organisations")),
        _moved(before.persons, _of(add, "persons"), _of(remove, "persons")),
    )
    for family, added in (("organisation", _of(add, "organisations")), ("person", _of(add, "persons"))):
        if any(f"{family}/{member}" not in facts.chains for member in added):
            raise RosterRefusal("M18", f"{family}-unknown", f"a circle is made of known members; this {family} is not")
    if after.size > MAX_MEMBERS:
        raise RosterRefusal("M18", "circle-too-large", f"a circle has at most {MAX_MEMBERS} members")
    if _of(add, "circles"):
        _check_nesting(facts.circles, after)
    return after


def _of(members: CircleMembers | None, kind: str) -> frozenset[str]:
    return frozenset[str]() if members is None else frozenset(getattr(members, kind) or ())


def _moved(before: frozenset[str], add: frozenset[str], remove: frozenset[str]) -> frozenset[str]:
    """A delta against what is there now: two curators who change at once must not undo each other unseen."""
    if add & before:
        raise RosterRefusal("M18", "member-present", "what is added is in the circle already")
    if remove - before:
        raise RosterRefusal("M18", "member-absent", "what is removed is not in the circle")
    return (before | add) - remove


def _check_curators(roster: Roster, curators: Iterable[str]) -> None:
    for curator in curators:
        fault = roster.person_fault(curator)
        if fault is not None:
            raise RosterRefusal("M18", f"curator-{fault}", "a curator is in force")
        person = roster.facts.persons[curator]
        if "auditor" in person.roles:
            raise RosterRefusal("M18", "curator-auditor", "an auditor curates no circle")
        if roster.facts.organisations[person.organisation].client:
            # A client receives grants only, and its administrators are not shown to those who check a curator.
            raise RosterRefusal("M18", "curator-client", "a client's person curates no circle")


def _check_nesting(before: Mapping[str, Circle], circle: Circle) -> None:
    """At most MAX_DEPTH deep, also seen from the circles above, and no circle in itself.

    What stands was checked when it was entered: nothing there is too deep or in itself, so every walk here ends.
    """
    for inner in circle.circles:
        if inner != circle.id and inner not in before:
            raise RosterRefusal("M18", "circle-unknown", "a circle is made of known members; this circle is not")
    waiting = [circle]
    reached = {circle.id: 1}
    deepest = 1
    while waiting:
        outer = waiting.pop()
        for inner in outer.circles:
            if inner == circle.id:
                raise RosterRefusal("M18", "circle-in-itself", "a circle is not inside itself")
            depth = reached[outer.id] + 1
            if reached.get(inner, 0) < depth:
                reached[inner] = depth
                waiting.append(before[inner])
            deepest = max(deepest, depth)
    if _above(before, circle.id) + deepest > MAX_DEPTH:
        raise RosterRefusal("M18", "circle-too-deep", f"circles stand at most {MAX_DEPTH} deep in each other")


def _above(circles: Mapping[str, Circle], circle: str) -> int:
    """How many circles stand over this one, on the longest way up."""
    return max((1 + _above(circles, outer.id) for outer in circles.values() if circle in outer.circles), default=0)
