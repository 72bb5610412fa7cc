"""An oracle for policy decisions (docs/spec/policy.md): who is a recipient, and may an alert be published.

The specification does not say in which order checks run. So a refusal is answered with the set of all rules that
refuse: the real answer is right when yes and no agree and its rule is in the set. Where a sentence needs reading
a comment says how it is read; no point is left that can be read in two ways as to yes and no.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from oracle_world import (
    DEFAULT_POLICY,
    Core,
    World,
    all_persons,
    devices_in_force,
    in_force_device,
    in_force_person,
    of_org,
    organisation_of,
    person_of,
    policy_adopted,
    registry_facts,
    roles_of,
    satisfies_r1,
    topics_of,
)

STALE: Final = 900  # seconds; policy.md, A1
LABELS: Final = frozenset({"RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"})
FIELDS: Final = frozenset({"organisations", "circles", "sectors", "areas", "topics", "persons"})

# --- Persons ---------------------------------------------------------------------------------------------------------


def _author(world: World, core: Core) -> str | None:
    return person_of(world, core["issuer"]["device"])


def _sectors_and_areas_fit(world: World, org: str | None, audience: Mapping[str, Any]) -> bool:
    mine = set(of_org(world, org, "areas", ()))
    sector = {s for s in audience.get("sectors", ()) if s in of_org(world, org, "sectors", ())}
    area = {(a, b) for a in audience.get("areas", ()) for b in mine if b[: len(a)] == a}
    return ("sectors" not in audience or bool(sector)) and ("areas" not in audience or bool(area))


def _covered(world: World, person: str, audience: Mapping[str, Any]) -> set[str]:
    """How the audience touches the person: `fits` is the organisation's part of `field`, `topic` the person's own.

    A field is given when its key is present; one that is present and empty matches nothing. Circles cannot be defined
    in this release, so no organisation is in one.
    """
    org = organisation_of(world, person)
    by_field = {"sectors", "areas", "topics"} & set(audience)
    fits = bool(by_field) and _sectors_and_areas_fit(world, org, audience)
    topic = "topics" not in audience or bool(topics_of(world, person) & set(audience["topics"]))
    ways = {
        "everyone": audience.get("everyone") is True,
        "named": person in audience.get("persons", ()),
        "organisation": org in audience.get("organisations", ()),
        "field": fits and topic,
        "fits": fits,
        "topic": topic,
    }
    return {way for way, reached in ways.items() if reached}


def _label_allows(world: World, core: Core, person: str) -> tuple[bool, str]:
    label, audience = core["label"], core.get("audience") or {}
    ways = _covered(world, person, audience)
    addressed = bool(ways & {"everyone", "organisation", "fits", "named"})
    if label == "RED":
        return "named" in ways, "R3"
    if label in ("AMBER+STRICT", "AMBER"):
        officer = "officer" in roles_of(world, person)
        return officer and addressed and "topic" in ways, "R4" if label == "AMBER+STRICT" else "R5"
    if label == "GREEN":
        return bool(ways & {"everyone", "field", "organisation", "named"}), "R6"
    return False, "R7" if label == "CLEAR" else "R1"


def person_answers(world: World, t: int, core: Core) -> dict[str, tuple[bool, frozenset[str]]]:
    """Every person ever enrolled: recipient or not, and every rule that allows, or every rule that refuses."""
    author, candidates = _author(world, core), set(core.get("approvers", ()))

    def answer(person: str) -> tuple[bool, frozenset[str]]:
        member, (allowed, rule) = satisfies_r1(world, t, person), _label_allows(world, core, person)
        # CLEAR has no sealed recipient, not even author and candidates (R7).
        by_part = {"R2"} if person == author else {"R8"} if person in candidates else set()
        if core["label"] == "CLEAR":
            by_part = set()
        refusing = ({"R1"} if not member else set()) | ({rule} if not allowed and not by_part else set())
        return (False, frozenset(refusing)) if refusing else (True, frozenset(by_part or {rule}))

    return {person: answer(person) for person in all_persons(world)}


def recipients(world: World, t: int, core: Core, usable: Collection[str] = ()) -> dict[str, tuple[bool, str]]:
    """Every person ever enrolled: recipient or not, and the lowest rule that says so.

    A missing key never changes a person's answer (R16 decides devices, and refuses a RED alert as a whole), so `usable`
    only matters for `leaves`; it stands here so that both are asked in the same way.
    """
    order = ["R1", "R2", "R8", "R3", "R4", "R5", "R6", "R7"]
    answers = person_answers(world, t, core).items()
    return {person: (yes, min(rules, key=order.index)) for person, (yes, rules) in answers}


def leaves(world: World, t: int, core: Core, usable: Collection[str]) -> dict[str, bool]:
    """The recipients' devices in force, each with whether it gets a stanza (True) or an empty one (R16)."""
    persons = {person for person, (yes, _) in recipients(world, t, core, usable).items() if yes}
    return {device: device in usable for person in persons for device in devices_in_force(world, t, person)}


# --- The alert -------------------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """A comparable form in which the order of sets and keys does not matter."""
    if isinstance(value, Mapping):
        return frozenset((key, _plain(part)) for key, part in value.items())
    return frozenset(value) if isinstance(value, (list, tuple, set, frozenset)) else value


def required_approvals(policy: Mapping[str, Any], core: Core) -> int:
    """R8's number, from the label, the width and the urgency."""
    if core["urgency"] == "immediate" and core["label"] != "RED":
        return 0
    everyone = (core.get("audience") or {}).get("everyone") is True
    wide = everyone or core["stanzas"] + core["keyless"] > policy["wide"]["recipients"]
    by_label: int = policy["approvals"].get(core["label"], 0)
    return max(by_label, policy["wide"]["approvals"] if wide else 0)


def _audience_broken(world: World, core: Core) -> set[str]:
    audience, label = core.get("audience"), core["label"]
    if label == "CLEAR":
        return {"R9"} if audience is not None else set()
    if audience is None:
        return {"R9"} | ({"R3"} if label == "RED" else set())
    known = {
        "organisations": {fact.subject for fact in world if fact.kind == "org_admit"},
        "persons": all_persons(world),
        "circles": set(),
    }
    well_formed = audience == {"everyone": True} or (bool(audience) and set(audience) <= FIELDS)
    strangers = {one for name, all_of in known.items() for one in audience.get(name, ()) if one not in all_of}
    too_long = {name for name in set(audience) & FIELDS if len(audience[name]) > 1000}
    broken = {"R9"} if not well_formed or strangers or too_long else set()
    return broken | ({"R3", "R9"} if label == "RED" and set(audience) != {"persons"} else set())


def _broken_as_named(world: World, t: int, core: Core, approvals: Sequence[str], usable: Collection[str]) -> set[str]:
    """Rules that refuse at the roster the alert names."""
    author, device, label = _author(world, core), core["issuer"]["device"], core["label"]
    candidates, adopted = list(core["approvers"]), policy_adopted(world)
    policy = adopted or DEFAULT_POLICY  # with none adopted nothing may be published, and the defaults do not apply
    named = set((core.get("audience") or {}).get("persons", ()))
    answers = person_answers(world, t, core)
    served = {person for person, (yes, _) in answers.items() if yes}
    cut = leaves(world, t, core, usable)
    # R3: naming somebody who is no recipient in RED refuses, with the rule that says no to that person.
    turned_away = {rule for one in named - served for rule in answers.get(one, (False, ()))[1] if label == "RED"}
    home = organisation_of(world, author)
    may_publish = adopted is not None and label in policy["publish"].get(of_org(world, home, "kind"), ())
    holds: list[tuple[str, bool]] = [
        ("R2", in_force_device(world, t, device) and "author" in roles_of(world, author) and may_publish),
        ("R3", label != "RED" or len(named) <= policy["red_persons"]),
        ("R7", label != "CLEAR" or core["stanzas"] == core["keyless"] == 0),
        ("R8", core["approvals"] >= required_approvals(policy, core)),
        ("R8", core["approvals"] <= len(candidates)),
        ("R8", len(set(approvals)) == len(approvals) <= core["approvals"]),
        ("R8", all(person in candidates and person != author for person in approvals)),
        ("R9", label in LABELS),
        # A person counts, with or without a device.
        ("R9", label == "CLEAR" or bool(served - {author} - set(candidates))),
        ("R9", adopted is not None and _plain(core["policy"]) == _plain(adopted)),
        ("R9", len(set(candidates)) == len(candidates) <= 3 and author not in candidates),
        ("R9", all(in_force_person(world, t, one) and "approver" in roles_of(world, one) for one in candidates)),
        ("R9", all(organisation_of(world, one) == home for one in candidates)),
        ("R10", core["action"] == "new" and core["version"] == 1),
        ("R15", core["valid_until"] > t),
        # A named person who is not in force has no device in force, hence none with a usable key.
        ("R16", label != "RED" or all(devices_in_force(world, t, one) & set(usable) for one in named)),
        ("R16", label == "CLEAR" or core["stanzas"] == sum(cut.values())),
        ("R16", label == "CLEAR" or core["stanzas"] + core["keyless"] == len(cut)),
    ]
    return {rule for rule, held in holds if not held} | turned_away | _audience_broken(world, core)


def _broken_at_acceptance(
    named: World, t_at: int, world: World, t: int, core: Core, approvals: Sequence[str], usable: Collection[str]
) -> set[str]:
    """Rules that refuse at the acceptance roster and time; "approvers" are those who signed.

    Only the members' standing is asked anew. The policy stays that of the roster named, whatever was adopted since.
    """
    older, newer = registry_facts(named), registry_facts(world)
    if newer[: len(older)] != older:
        raise ValueError("the named world is not a prefix of the acceptance world")
    author, device = _author(world, core), core["issuer"]["device"]
    label, home = core["label"], organisation_of(world, author)
    policy = policy_adopted(named) or {"publish": {}}
    may_publish = label in policy["publish"].get(of_org(world, home, "kind"), ())
    holds: list[tuple[set[str], bool]] = [
        ({"A1"}, all(fact.at > t_at - STALE for fact in newer[len(older) :])),
        ({"R2"}, in_force_device(world, t, device) and "author" in roles_of(world, author) and may_publish),
        # What is asked of approvers is R1's, the role's and the organisation's; what is refused is an approval given (R8).
        ({"R1", "R8"}, all(satisfies_r1(world, t, one) for one in approvals)),
        ({"R8"}, all("approver" in roles_of(world, one) for one in approvals)),
        ({"R8"}, all(organisation_of(world, one) == home for one in approvals)),
        (
            {"R3"},
            label != "RED"
            or all(
                in_force_device(world, t, one) and satisfies_r1(world, t, person_of(world, one))
                for one in leaves(named, t_at, core, usable)
            ),
        ),
        ({"R3"}, label != "RED" or all(in_force_person(world, t, one) for one in core["approvers"])),
        ({"R15"}, core["valid_until"] > t),
    ]
    return {rule for rules, held in holds if not held for rule in rules}


def alert_verdict(
    world_named: World,
    t_at: int,
    world_accept: World | None,
    t_accept: int | None,
    core: Core,
    author_device: str,
    approver_persons: Sequence[str],
    usable: Collection[str],
) -> tuple[str, frozenset[str]]:
    """May the alert be published? ('released', {}), ('proposed', {R8}) or ('refused', every rule that refuses).

    `core` is shaped like envelope.md's, but `policy` is the policy object itself. `world_named` and `t_at` are the
    roster the alert names and `core.at`; the acceptance pair is None when nothing has been accepted yet. Raises
    ValueError when only half of the acceptance pair is given or the worlds are not of one log.
    """
    if (world_accept is None) != (t_accept is None):
        raise ValueError("acceptance world and acceptance time go together")
    core = {**core, "issuer": {"device": author_device}}
    broken = _broken_as_named(world_named, t_at, core, approver_persons, usable)
    if world_accept is not None and t_accept is not None:
        broken |= _broken_at_acceptance(world_named, t_at, world_accept, t_accept, core, approver_persons, usable)
    if broken:
        return "refused", frozenset(broken)
    return ("proposed", frozenset({"R8"})) if len(approver_persons) < core["approvals"] else ("released", frozenset())
