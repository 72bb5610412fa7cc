"""An oracle for roster transitions (docs/spec/statements.md, M1 to M10, M12, M13, M18, M19, and the 16 devices of M15).

The specification does not say in which order checks run. So a refusal is answered with the set of all rules that
refuse: the real answer is right when yes and no agree and its rule is in the set. Where the specification leaves
something open a comment says how it is read, and `unsettled_append` names the point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oracle_world import (
    NEWEST,
    Fact,
    Signer,
    World,
    admitted,
    all_circles,
    all_organisations,
    all_persons,
    chain_of,
    circle_members,
    happened,
    is_client,
    last_said,
    newest_in_chain,
    organisation_of,
    person_of,
    registry_facts,
    roles_of,
    satisfies_r1,
    sponsor_of,
)

DAY: Final = 86_400  # seconds
LONGEST_TERM: Final = 3 * 366 * DAY  # seconds; statements.md, "Registry kinds"
LONGEST_WINDOW: Final = 604_800  # seconds from `at` to `not_after`
SKEW: Final = 300  # seconds
MOST_DEVICES: Final = 16  # devices of one person in force, M15
MOST_MEMBERS: Final = 1_000  # of one circle, M18
MOST_CLIENTS: Final = 1_000  # of one sponsor, M19
DEEPEST: Final = 3  # circles in circles, M18
PRIVILEGED: Final = frozenset({"author", "approver", "administrator"})


def _subject_organisation(world: World, fact: Fact) -> str | None:
    if fact.kind == "person_enrol":
        org: str = fact.says["org"]
        return org
    family = chain_of(fact)[0]
    if family == "person":
        return organisation_of(world, fact.subject)
    if family == "device":
        return organisation_of(world, fact.says.get("person") or person_of(world, fact.subject))
    return fact.subject if family in ("organisation", "acceptance") else None


def _administering(world: World, fact: Fact) -> str | None:
    """Whose administrators act: the subject's organisation; for a client and what is its, the sponsor.

    "The sponsor's administrators enrol, change and remove [a client's persons] and their devices and may remove the
    client." A client's acceptance of the terms is its sponsor's, so nobody accepts for it.
    """
    if fact.kind == "client_register":
        sponsor: str = fact.says["sponsor"]
        return sponsor
    org = _subject_organisation(world, fact)
    return sponsor_of(world, org) if is_client(world, org) and fact.kind != "terms_accept" else org


def curators_of(world: World, circle: str) -> frozenset[str]:
    """The curators named last."""
    named = [fact.says["curators"] for fact in world if fact.subject == circle and chain_of(fact)[0] == "circle"]
    spoken: list[frozenset[str]] = [curators for curators in named if curators is not None]
    return spoken[-1] if spoken else frozenset()


def _ways_to_sign(world: World, fact: Fact) -> set[str]:
    """Who may sign the fact: any one of these signer sets suffices."""
    before = roles_of(world, fact.says["person"] if fact.kind == "device_enrol" else fact.subject)
    if fact.kind == "person_enrol":
        before = frozenset()  # also when the id is taken (M6): what is signed enrols somebody new
    after = fact.says.get("roles", before)
    if fact.kind in ("person_enrol", "person_change", "device_enrol"):
        if "auditor" in before | after:
            return {"registrars"}
        new = before if fact.kind == "device_enrol" else after - before
        return {"registrars", "two persons"} if new & PRIVILEGED else {"registrars", "administrator"}
    by_kind = {
        "terms_accept": {"administrator"},
        "person_remove": {"administrator", "registrars"},
        "device_revoke": {"own device", "administrator", "registrars"},
        "client_register": {"two persons", "registrars"},
    }
    if fact.kind == "org_remove" and is_client(world, fact.subject):
        return {"administrator", "registrars"}
    # "A curator's device when only `add` or `remove` is given; else registrars", who are always enough.
    if fact.kind == "circle_change" and fact.says["curators"] is None:
        return {"curator", "registrars"}
    return by_kind.get(fact.kind, {"registrars"})


def _signers_broken(world: World, fact: Fact, signers: Sequence[Signer]) -> set[str]:
    """M3, M4, M8, M9 and the second half of M10. The first signer is the issuer."""
    charter = next((one.says for one in [fact, *world] if one.kind == "found"), {})
    named, threshold = set(charter.get("registrars", ())), charter.get("threshold", -1)
    org, ways = _administering(world, fact), _ways_to_sign(world, fact)
    registrars = [name for sort, name in signers if sort == "registrar"]
    devices = [name for sort, name in signers if sort == "device"]
    persons = {person for device in devices if (person := person_of(world, device)) is not None}
    administrators = {person for person in persons if "administrator" in roles_of(world, person)}
    own = {person for person in administrators if org is not None and organisation_of(world, person) == org}
    mine = fact.says.get("person") or person_of(world, fact.subject)
    distinct = len(set(signers)) == len(signers)
    satisfied = {
        "registrars": distinct and not devices and len(registrars) == threshold and set(registrars) <= named,
        "administrator": len(signers) == len(devices) == 1 and persons == own != set(),
        # A curator is "a signer like any other (M4) when signing, and no auditor by then": the terms are not asked again.
        "curator": len(signers) == len(devices) == len(persons) == 1
        and persons <= curators_of(world, fact.subject)
        and not any("auditor" in roles_of(world, person) for person in persons),
        "own device": len(signers) == len(devices) == 1 and persons == {mine},
        "two persons": distinct
        and len(signers) == 2
        and signers[0][0] == "device"
        and persons == own
        and set(registrars) <= named
        and len(own) + len(registrars) == 2,
    }

    def stands(signer: Signer) -> bool:
        sort, name = signer
        if sort == "registrar":
            return name in named
        person = person_of(world, name)
        return (
            person is not None
            and not happened(world, "device_revoke", name)
            and not happened(world, "person_remove", person)
            and admitted(world, fact.at, organisation_of(world, person))
        )

    broken = set() if all(stands(signer) for signer in signers) else {"M4"}
    if any(satisfied[way] for way in ways):
        return broken
    details = {
        "M3": True,
        "M8": "two persons" in ways and len(own) + len(set(registrars) & named) < 2,
        # Whose device is of another organisation may be told so first, administrator or not.
        "M9": any(organisation_of(world, person) != org for person in persons)
        and chain_of(fact)[0] in ("organisation", "acceptance", "person", "device"),
        "M18": chain_of(fact)[0] == "circle",
        "M19": is_client(world, _subject_organisation(world, fact)) or fact.kind == "client_register",
        "M10": ways == {"registrars"} and chain_of(fact)[0] in ("person", "device"),
    }
    return broken | {rule for rule, hit in details.items() if hit}


def _time_broken(world: World, fact: Fact, signers: Sequence[Signer]) -> bool:
    prepared = fact.at if fact.prepared is None else fact.prepared
    not_after = prepared + LONGEST_WINDOW if fact.not_after is None else fact.not_after
    alone = len(signers) == 1 and signers[0][0] == "device"
    earliest, latest = prepared - SKEW, min(not_after, prepared + SKEW) if alone else not_after
    in_window = prepared < not_after <= prepared + LONGEST_WINDOW and earliest <= fact.at <= latest
    return not in_window or any(fact.at < other.at for other in world)


def _subject_broken(world: World, fact: Fact) -> set[str]:
    """M6 and M7: what must exist, what must not, and what is gone."""
    family, subject, org = *chain_of(fact), _subject_organisation(world, fact)
    begins = {
        "organisation": "org_admit", "person": "person_enrol", "device": "device_enrol", "circle": "circle_define",
    }  # fmt: skip
    ends = {"organisation": "org_remove", "person": "person_remove", "device": "device_revoke", "circle": ""}
    broken = set()
    if family in begins and fact.kind != "client_register":
        exists = happened(world, f"{begins[family]} client_register", subject)
        broken |= {"M6"} if exists == (fact.kind == begins[family]) else set()
    if family in ends:
        broken |= {"M7"} if happened(world, ends[family], subject) else set()
    if fact.kind in ("terms_accept", "person_enrol") and org not in all_organisations(world):
        broken |= {"M6"}
    if fact.kind == "device_enrol":
        broken |= {"M6"} if fact.says["person"] not in all_persons(world) else set()
        broken |= {"M6", "M7"} if happened(world, "person_remove", fact.says["person"]) else set()
    # Nothing new below a removed organisation; removing persons and revoking devices there stays possible.
    if fact.kind in ("terms_accept", "person_enrol", "person_change", "device_enrol"):
        broken |= {"M6", "M7"} if happened(world, "org_remove", org or "") else set()
    # "Below a removed sponsor nothing is enrolled or changed (M7)."
    if fact.kind in ("person_enrol", "person_change", "device_enrol"):
        broken |= {"M7"} if happened(world, "org_remove", sponsor_of(world, org) or "") else set()
    return broken


def _client_broken(world: World, fact: Fact) -> set[str]:
    """M19: "the sponsor is admitted and no client, stays the same; roles officer only; at most 1,000 clients …".

    "`organisation.change`, `organisation.renew` and `terms.accept` are not for clients (M19)."
    """
    if fact.kind in ("org_change", "org_renew", "terms_accept") and is_client(world, fact.subject):
        return {"M19"}
    if fact.kind in ("person_enrol", "person_change") and is_client(world, _subject_organisation(world, fact)):
        return set() if fact.says["roles"] == {"officer"} else {"M19"}
    if fact.kind != "client_register":
        return set()
    sponsor, before = fact.says["sponsor"], sponsor_of(world, fact.subject)
    clients = {one.subject for one in world if one.kind == "client_register" and one.says["sponsor"] == sponsor}
    broken = {"M19"} if is_client(world, sponsor) or not admitted(world, fact.at, sponsor) else set()
    broken |= {"M6", "M19"} if sponsor not in all_organisations(world) else set()
    # "Nothing is enrolled or changed below a removed organisation": a client is below its sponsor.
    broken |= {"M7"} if happened(world, "org_remove", sponsor) else set()
    broken |= {"M19"} if len(clients | {fact.subject}) > MOST_CLIENTS else set()
    if fact.subject in all_organisations(world):
        # A renewal: of a client, and of the same sponsor's.
        broken |= {"M6", "M19"} if before is None else {"M19"} if before != sponsor else set()
    return broken


def circle_depth(world: World, circle: str, above: frozenset[str] = frozenset()) -> float:
    """1 without circles in it, else one more than the deepest of them; endless when a circle is in itself."""
    if circle in above:
        return float("inf")
    inside = {one for kind, one in circle_members(world, circle) if kind == "circles"}
    return 1 + max((circle_depth(world, one, above | {circle}) for one in inside), default=0)


def _circle_broken(world: World, fact: Fact) -> set[str]:
    """M18: "members and curators exist, what is added was not in, what is removed was, depth at most 3, …"."""
    if chain_of(fact)[0] != "circle":
        return set()
    add = {(kind, one) for kind, ids in fact.says["add"].items() for one in ids}
    remove = {(kind, one) for kind, ids in fact.says["remove"].items() for one in ids}
    before, after = circle_members(world, fact.subject), [*world, fact]
    exist = {("circles", one) for one in all_circles(after)} | {("persons", one) for one in all_persons(world)}
    exist |= {("organisations", one) for one in all_organisations(world)}
    curators = fact.says["curators"] or frozenset()
    holds = [
        add <= exist,
        # "A curator is in force (R1), no auditor and no client's person when named"
        all(satisfies_r1(world, fact.at, one) for one in curators),
        not any(is_client(world, organisation_of(world, one)) for one in curators),
        not add & before,
        remove <= before,
        all(circle_depth(after, one) <= DEEPEST for one in all_circles(after)),
        len(circle_members(after, fact.subject)) <= MOST_MEMBERS,
    ]
    strangers = not add <= exist or not curators <= all_persons(world)
    return (set() if all(holds) else {"M18"}) | ({"M6"} if strangers else set())


def may_append(world: World, event: Fact, signers: Sequence[Signer]) -> tuple[bool, frozenset[str]]:
    """May the roster accept this registry statement next, and if not, every rule that refuses it.

    `signers` in order, the issuer first; each is taken to have signed with the algorithms its kind demands. Raises
    ValueError for `epoch_publish`, which is not a registry statement.
    """
    if event.kind == "epoch_publish":
        raise ValueError("epoch.publish belongs to the journal")
    says, prepared = event.says, event.at if event.prepared is None else event.prepared
    defined = {fact.says["version"] for fact in world if fact.kind == "terms_define"}
    accepted = [fact.says["version"] for fact in world if fact.kind == "terms_accept" and fact.subject == event.subject]
    expires = last_said(world, "org_admit org_renew client_register", event.subject, "expires", 0)
    person = says.get("person", "")
    enrolled = {fact.subject for fact in world if fact.kind == "device_enrol" and fact.says["person"] == person}
    alive = {device for device in enrolled if not happened(world, "device_revoke", device)}
    timed = event.kind in ("org_admit", "org_renew", "client_register")
    holds: list[tuple[str, bool]] = [
        ("M1", (event.kind == "found") == (not registry_facts(world))),
        ("M2", not _time_broken(world, event, signers)),
        ("M3", event.kind != "found" or 2 <= says["threshold"] <= len(set(says["registrars"])) <= 9),
        ("M5", event.previous == NEWEST or event.previous == newest_in_chain(world, event)),
        ("M10", "auditor" not in says.get("roles", ()) or len(says["roles"]) == 1),
        ("M12", not timed or prepared < says["expires"] <= prepared + LONGEST_TERM),
        ("M12", event.kind not in ("org_renew", "client_register") or says["expires"] >= expires),
        ("M13", event.kind != "terms_define" or says["version"] == len(defined) + 1),
        ("M13", event.kind != "terms_accept" or says["version"] in defined),
        ("M13", event.kind != "terms_accept" or all(says["version"] >= one for one in accepted)),
        ("M15", event.kind != "device_enrol" or len(alive) < MOST_DEVICES),
    ]
    broken = {rule for rule, held in holds if not held}
    broken |= _signers_broken(world, event, signers) | _subject_broken(world, event)
    broken |= _client_broken(world, event) | _circle_broken(world, event)
    return not broken, frozenset(broken)


def unsettled_append(world: World, event: Fact, signers: Sequence[Signer]) -> frozenset[str]:
    """Points of the specification that this statement touches and that can be read in two ways."""
    family, subject = chain_of(event)
    other_ids = {fact.subject for fact in world if chain_of(fact)[0] not in (family, "acceptance", "journal")} - {""}
    points = {
        # Which rule it breaks is open only here: the closed schema refuses an empty set before any rule is asked.
        "no-roles": "roles" in event.says and not event.says["roles"],
        "id-of-another-family": family in ("organisation", "person", "device", "circle") and subject in other_ids,
    }
    return frozenset(point for point, touched in points.items() if touched)
