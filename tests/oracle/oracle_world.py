"""The world of the policy oracle: the list of facts accepted so far, and how to look things up in it.

Written from docs/spec/policy.md and docs/spec/statements.md alone; shares no code with the product and keeps no state:
every question is answered by searching the list again. It does not look at bytes, keys, signatures, commitments or
texts (M3's cryptography, M11, M14, M16), nor at erasing (M20), which touches no decision.

Times are seconds since 1970, ids are plain strings, a position is an index into the world.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

NEWEST: Final = -1  # `previous` of a statement that follows its chain as it should

DEFAULT_POLICY: Final[Mapping[str, Any]] = {
    "profile": "first-2.0",
    "publish": {
        "authority": ["AMBER", "AMBER+STRICT", "CLEAR", "GREEN", "RED"],
        "chamber": ["AMBER", "CLEAR", "GREEN"],
        "municipality": ["AMBER", "AMBER+STRICT", "CLEAR", "GREEN"],
    },
    "approvals": {"CLEAR": 1, "RED": 1},
    "wide": {"approvals": 1, "recipients": 500},
    "red_persons": 50,
}


# --- Facts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fact:
    """One accepted statement: its kind, its acceptance time, its subject and what it says.

    `prepared` is the statement's own `at` (None: the acceptance time), `not_after` the end of its window (None: the
    longest), `previous` the position of the statement it names as its predecessor (None: it says it begins the chain).
    """

    kind: str
    at: int
    subject: str = ""
    says: Mapping[str, Any] = field(default_factory=dict)
    prepared: int | None = None
    not_after: int | None = None
    previous: int | None = NEWEST


World = Sequence[Fact]
Core = Mapping[str, Any]
Signer = tuple[str, str]  # ("registrar", name) or ("device", id)


def found(at: int, registrars: Collection[str], threshold: int, policy: Mapping[str, Any] | None = None) -> Fact:
    """`exchange.found`; a policy given here counts as adopted at once."""
    return Fact("found", at, "", {"registrars": tuple(registrars), "threshold": threshold, "policy": policy})


def policy_adopt(at: int, policy: Mapping[str, Any]) -> Fact:
    return Fact("policy_adopt", at, "", {"policy": policy})


def terms_define(at: int, version: int, accept_by: int) -> Fact:
    return Fact("terms_define", at, "", {"version": version, "accept_by": accept_by})


def terms_accept(at: int, org: str, version: int) -> Fact:
    return Fact("terms_accept", at, org, {"version": version})


def org_admit(
    at: int, org: str, kind: str, expires: int, sectors: Iterable[str] = (), areas: Iterable[str] = ()
) -> Fact:
    says = {"kind": kind, "expires": expires, "sectors": frozenset(sectors), "areas": frozenset(areas)}
    return Fact("org_admit", at, org, says)


def org_change(at: int, org: str, kind: str, sectors: Iterable[str] = (), areas: Iterable[str] = ()) -> Fact:
    return Fact("org_change", at, org, {"kind": kind, "sectors": frozenset(sectors), "areas": frozenset(areas)})


def org_renew(at: int, org: str, expires: int) -> Fact:
    return Fact("org_renew", at, org, {"expires": expires})


def org_suspend(at: int, org: str) -> Fact:
    return Fact("org_suspend", at, org)


def org_remove(at: int, org: str) -> Fact:
    return Fact("org_remove", at, org)


def person_enrol(at: int, org: str, person: str, roles: Iterable[str], topics: Iterable[str] = ()) -> Fact:
    return Fact("person_enrol", at, person, {"org": org, "roles": frozenset(roles), "topics": frozenset(topics)})


def person_change(at: int, person: str, roles: Iterable[str], topics: Iterable[str] = ()) -> Fact:
    return Fact("person_change", at, person, {"roles": frozenset(roles), "topics": frozenset(topics)})


def person_remove(at: int, person: str) -> Fact:
    return Fact("person_remove", at, person)


def device_enrol(at: int, person: str, device: str) -> Fact:
    return Fact("device_enrol", at, device, {"person": person})


def device_revoke(at: int, device: str) -> Fact:
    return Fact("device_revoke", at, device)


def client_register(at: int, client: str, sponsor: str, expires: int, *, by_registrars: bool = True) -> Fact:
    """The first one begins the client's chain; a later one is a renewal. Nobody but registrars signed, or others."""
    return Fact("client_register", at, client, {"sponsor": sponsor, "expires": expires, "by_registrars": by_registrars})


Members = Mapping[str, Collection[str]]
MEMBER_KINDS: Final = ("circles", "organisations", "persons")


def circle_define(at: int, circle: str, curators: Iterable[str], members: Members | None = None) -> Fact:
    return Fact("circle_define", at, circle, {"curators": frozenset(curators), "add": members or {}, "remove": {}})


def circle_change(
    at: int,
    circle: str,
    add: Members | None = None,
    remove: Members | None = None,
    curators: Iterable[str] | None = None,
) -> Fact:
    """`curators` None: they stay, and a curator may sign."""
    says = {"add": add or {}, "remove": remove or {}, "curators": None if curators is None else frozenset(curators)}
    return Fact("circle_change", at, circle, says)


def epoch_publish(at: int, device: str, weeks: Iterable[int]) -> Fact:
    """A journal fact: it feeds `usable_devices` and takes no part in the roster."""
    return Fact("epoch_publish", at, device, {"weeks": frozenset(weeks)})


# --- Looking things up in the list -----------------------------------------------------------------------------------


def happened(world: World, kinds: str, subject: str) -> bool:
    wanted = kinds.split()
    return any(fact.subject == subject and fact.kind in wanted for fact in world)


def last_said(world: World, kinds: str, subject: str, what: str, otherwise: Any = None) -> Any:
    """What the newest fact of these kinds about the subject says of `what`."""
    wanted = kinds.split()
    said = [fact.says[what] for fact in world if fact.subject == subject and fact.kind in wanted]
    return said[-1] if said else otherwise


def organisation_of(world: World, person: str | None) -> str | None:
    """The organisation a person was enrolled in, or None; it never changes."""
    org: str | None = last_said(world, "person_enrol", person or "", "org")
    return org


def person_of(world: World, device: str) -> str | None:
    """The person a device was enrolled for, revoked or not, or None."""
    person: str | None = last_said(world, "device_enrol", device, "person")
    return person


def roles_of(world: World, person: str | None) -> frozenset[str]:
    return frozenset(last_said(world, "person_enrol person_change", person or "", "roles", ()))


def topics_of(world: World, person: str) -> frozenset[str]:
    return frozenset(last_said(world, "person_enrol person_change", person, "topics", ()))


def of_org(world: World, org: str | None, what: str, otherwise: Any = None) -> Any:
    return last_said(world, "org_admit org_change", org or "", what, otherwise)


def all_persons(world: World) -> set[str]:
    return {fact.subject for fact in world if fact.kind == "person_enrol"}


def policy_adopted(world: World) -> Mapping[str, Any] | None:
    adopted = [fact.says["policy"] for fact in world if fact.kind in ("found", "policy_adopt")]
    spoken = [policy for policy in adopted if policy is not None]
    return spoken[-1] if spoken else None


def registry_facts(world: World) -> list[Fact]:
    return [fact for fact in world if fact.kind != "epoch_publish"]


FAMILIES: Final = {
    "found": "exchange", "policy_adopt": "policy", "terms_define": "terms", "terms_accept": "acceptance",
    "org_admit": "organisation", "org_change": "organisation", "org_renew": "organisation",
    "org_suspend": "organisation", "org_remove": "organisation", "person_enrol": "person",
    "person_change": "person", "person_remove": "person", "device_enrol": "device", "device_revoke": "device",
    "client_register": "organisation", "circle_define": "circle", "circle_change": "circle",
    "epoch_publish": "journal",
}  # fmt: skip


def chain_of(fact: Fact) -> tuple[str, str]:
    return FAMILIES[fact.kind], fact.subject


def newest_in_chain(world: World, fact: Fact) -> int | None:
    """Position of the newest statement in the fact's chain."""
    positions = [n for n, other in enumerate(world) if chain_of(other) == chain_of(fact)]
    return positions[-1] if positions else None


def usable_devices(world: World, week: int) -> set[str]:
    """Devices that have published a key for the week."""
    return {fact.subject for fact in world if fact.kind == "epoch_publish" and week in fact.says["weeks"]}


# --- Clients and circles ---------------------------------------------------------------------------------------------


def sponsor_of(world: World, org: str | None) -> str | None:
    """The organisation that registered a client, None for a member organisation. "It never changes" (statements.md)."""
    said = [fact.says["sponsor"] for fact in world if fact.kind == "client_register" and fact.subject == org]
    return said[0] if said else None


def is_client(world: World, org: str | None) -> bool:
    return sponsor_of(world, org) is not None


def all_organisations(world: World) -> set[str]:
    """Every organisation ever admitted or registered."""
    return {fact.subject for fact in world if fact.kind in ("org_admit", "client_register")}


def all_circles(world: World) -> set[str]:
    return {fact.subject for fact in world if fact.kind == "circle_define"}


def circle_members(world: World, circle: str) -> set[tuple[str, str]]:
    """The direct members now, as (kind, id): what was added and not removed since."""
    members: set[tuple[str, str]] = set()
    for fact in world:
        if fact.subject == circle and fact.kind in ("circle_define", "circle_change"):
            members |= {(kind, one) for kind, ids in fact.says["add"].items() for one in ids}
            members -= {(kind, one) for kind, ids in fact.says["remove"].items() for one in ids}
    return members


def in_circles(world: World, circles: Iterable[str], kind: str) -> set[str]:
    """The members of a kind in these circles and in the circles below them."""
    below, seen = set(circles), set()
    found_here: set[str] = set()
    while below:
        circle = below.pop()
        seen.add(circle)
        members = circle_members(world, circle)
        found_here |= {one for sort, one in members if sort == kind}
        below |= {one for sort, one in members if sort == "circles"} - seen
    return found_here


# --- In force --------------------------------------------------------------------------------------------------------


def suspended(world: World, org: str) -> bool:
    """Suspended, and not renewed since: a renewal always lifts a suspension, whatever came in between.

    "A client is renewed by `client.register` alone, which lifts a suspension only when the registrars sign it."
    """
    about = [fact for fact in world if fact.subject == org]
    marks = [fact.kind for fact in about if fact.kind in ("org_suspend", "org_renew") or fact.says.get("by_registrars")]
    return marks[-1:] == ["org_suspend"]


def admitted(world: World, t: int, org: str | None) -> bool:
    """Admitted, not removed, not suspended, and t < expires (statements.md, below the roster's rules).

    "[A client] is admitted while it is not expired, not suspended, not removed, and its sponsor is."
    """
    if org is None or not happened(world, "org_admit client_register", org):
        return False
    stands = (
        not happened(world, "org_remove", org)
        and not suspended(world, org)
        and t < last_said(world, "org_admit org_renew client_register", org, "expires")
    )
    return stands and (not is_client(world, org) or admitted(world, t, sponsor_of(world, org)))


def terms_accepted(world: World, t: int, org: str | None) -> bool:
    """The current terms, or the version directly before them while t lies before the current one's `accept_by`.

    Of a client: "its acceptance of the terms is its sponsor's."
    """
    if is_client(world, org):
        return terms_accepted(world, t, sponsor_of(world, org))
    defined = {fact.says["version"]: fact.says["accept_by"] for fact in world if fact.kind == "terms_define"}
    accepted = {fact.says["version"] for fact in world if fact.kind == "terms_accept" and fact.subject == org}
    if not defined:
        return True
    current = max(defined)
    return current in accepted or (current - 1 in accepted and t < defined[current])


def in_force_person(world: World, t: int, person: str | None) -> bool:
    """Whether the person is in force at this prefix of the log and this time (policy.md, "Persons")."""
    org = organisation_of(world, person)
    return (
        person is not None
        and org is not None
        and not happened(world, "person_remove", person)
        and admitted(world, t, org)
        and terms_accepted(world, t, org)
    )


def in_force_device(world: World, t: int, device: str) -> bool:
    """Whether the device is enrolled, not revoked, and its person is in force."""
    return not happened(world, "device_revoke", device) and in_force_person(world, t, person_of(world, device))


def satisfies_r1(world: World, t: int, person: str | None) -> bool:
    """R1 as R11 to R13 ask it: in force, and not an auditor; a client's person too."""
    return in_force_person(world, t, person) and "auditor" not in roles_of(world, person)


def may_be_addressed(world: World, t: int, person: str | None) -> bool:
    """R1 everywhere else: "a client's persons are refused by R1 (`client-grants-only`)"."""
    return satisfies_r1(world, t, person) and not is_client(world, organisation_of(world, person))


def devices_in_force(world: World, t: int, person: str) -> set[str]:
    """The person's devices in force."""
    enrolled = {fact.subject for fact in world if fact.kind == "device_enrol" and fact.says["person"] == person}
    return {device for device in enrolled if in_force_device(world, t, device)}
