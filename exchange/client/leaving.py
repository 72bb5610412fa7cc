"""What leaves with a person or an organisation, what stays behind, and which names can then be erased.

Pure, from a verified registry: ``exchange offboard`` and ``exchange erase`` show it before anything is signed.  Spec:
``docs/spec/statements.md`` (Erasing, M7, M20).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from exchange.policy.members import Facts
from exchange.policy.subjects import is_gone

NEEDED = ("administrator", "approver", "author", "officer")
"""Roles whose last holder is missed."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """Everything that goes with a person or an organisation; ids throughout.

    ``last`` are roles that nobody of the organisation holds afterwards; ``curated`` are circles with the number of curators
    left; ``clients`` are no longer admitted, because their sponsor leaves.
    """

    organisation: str
    people: tuple[str, ...]
    devices: tuple[str, ...]
    last: tuple[str, ...]
    curated: tuple[tuple[str, int], ...]
    member_of: tuple[str, ...]
    clients: tuple[str, ...]


def person_leaving(facts: Facts, person: str) -> Leaving:
    """What leaves with a person."""
    found = facts.persons[person]
    stay = [
        facts.persons[other].roles
        for other in facts.people_of.get(found.organisation, ())
        if other != person and not facts.persons[other].removed
    ]
    last = tuple(role for role in NEEDED if role in found.roles and not any(role in roles for roles in stay))
    member_of = tuple(circle.id for circle in facts.circles.values() if person in circle.persons)
    return Leaving(
        found.organisation, (person,), _devices(facts, (person,)), last, _curated(facts, {person}), member_of, ()
    )


def organisation_leaving(facts: Facts, organisation: str) -> Leaving:
    """What leaves with an organisation: its people, and the clients that it sponsors."""
    people = tuple(p for p in facts.people_of.get(organisation, ()) if not facts.persons[p].removed)
    clients = tuple(c for c in facts.clients_of.get(organisation, ()) if not facts.organisations[c].removed)
    member_of = tuple(circle.id for circle in facts.circles.values() if organisation in circle.organisations)
    return Leaving(organisation, people, _devices(facts, people), (), _curated(facts, set(people)), member_of, clients)


def _devices(facts: Facts, people: Collection[str]) -> tuple[str, ...]:
    return tuple(d for p in people for d in facts.devices_of.get(p, ()) if not facts.devices[d].revoked)


def _curated(facts: Facts, people: set[str]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (circle.id, sum(not facts.persons[c].removed for c in circle.curators - people if c in facts.persons))
        for circle in facts.circles.values()
        if circle.curators & people
    )


@dataclass(frozen=True, slots=True)
class Erasable:
    """Openings of one statement that may be erased: the subject's chain, the statement, the fields."""

    chain: str
    statement: str
    fields: tuple[str, ...]


def erasable(facts: Facts, chain: str, *, gone: bool = False) -> list[Erasable]:
    """What may be erased of a subject now (M20), or when it is ``gone``: all of it, else only what was replaced."""
    family, _, subject = chain.partition("/")
    records = facts.commitments.get(chain, ())
    everything = gone or is_gone(facts, family, subject)
    found = []
    for place, (statement, fields) in enumerate(records):
        may = tuple(field for field in fields if (statement, field) not in facts.erased)
        if may and (everything or place + 1 < len(records)):
            found.append(Erasable(chain, statement, may))
    return found


def chains_of(facts: Facts, leaving: Leaving, *, whole: bool) -> Iterator[str]:
    """The chains with openings of all that leaves: devices, people and, when ``whole``, the organisation itself."""
    people = facts.people_of.get(leaving.organisation, ()) if whole else leaving.people
    for person in people:
        for device in facts.devices_of.get(person, ()):
            yield f"device/{device}"
        yield f"person/{person}"
    if whole:
        yield f"organisation/{leaving.organisation}"
