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
    all_circles,
    all_organisations,
    all_persons,
    devices_in_force,
    in_circles,
    in_force_device,
    in_force_person,
    may_be_addressed,
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
ASCENDING: Final = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
ACTIONS: Final = frozenset({"new", "update", "supersede", "relabel", "withdraw", "all-clear"})
CLOSING: Final = frozenset({"withdraw", "all-clear"})  # R11
FIELDS: Final = frozenset({"organisations", "circles", "sectors", "areas", "topics", "persons"})

Lineage = Mapping[str, Any]
"""What policy.md's context says of the versions before: `core` and `statement` of the version before this one,
`released` (its release stands before the journal size that the author saw), `home` (the organisation of version 1's
author), `approvals` (the largest number of all earlier versions), `earlier` (the earlier recipients, a set of persons)."""

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

    A field is given when its key is present; one that is present and empty matches nothing.

    "A named circle addresses the organisations in it and in the circles below it, as if each were named; the persons in
    it count as named persons."
    """
    org, circles = organisation_of(world, person), audience.get("circles", ())
    by_field = {"sectors", "areas", "topics"} & set(audience)
    fits = bool(by_field) and _sectors_and_areas_fit(world, org, audience)
    topic = "topics" not in audience or bool(topics_of(world, person) & set(audience["topics"]))
    ways = {
        "everyone": audience.get("everyone") is True,
        "personally": person in audience.get("persons", ()),
        "named": person in audience.get("persons", ()) or person in in_circles(world, circles, "persons"),
        "organisation": org in audience.get("organisations", ()) or org in in_circles(world, circles, "organisations"),
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
        return "personally" in ways, "R3"
    if label in ("AMBER+STRICT", "AMBER"):
        officer = "officer" in roles_of(world, person)
        return officer and addressed and "topic" in ways, "R4" if label == "AMBER+STRICT" else "R5"
    if label == "GREEN":
        return bool(ways & {"everyone", "field", "organisation", "named"}), "R6"
    return False, "R7" if label == "CLEAR" else "R1"


def person_answers(
    world: World, t: int, core: Core, lineage: Lineage | None = None
) -> dict[str, tuple[bool, frozenset[str]]]:
    """Every person ever enrolled: recipient or not, and every rule that allows, or every rule that refuses."""
    author, candidates = _author(world, core), set(core.get("approvers", ()))
    closing = core["label"] != "CLEAR" and core["action"] in CLOSING

    def answer(person: str) -> tuple[bool, frozenset[str]]:
        if closing:
            # R11: "A person is a recipient if it is an earlier recipient and in force (R1; a client's person too)."
            member = satisfies_r1(world, t, person)
            allowed, rule = lineage is not None and person in lineage["earlier"], "R11"
        else:
            member, (allowed, rule) = may_be_addressed(world, t, person), _label_allows(world, core, person)
        # CLEAR has no sealed recipient, not even author and candidates (R7).
        by_part = {"R2"} if person == author else {"R8"} if person in candidates else set()
        if core["label"] == "CLEAR":
            by_part = set()
        refusing = ({"R1"} if not member else set()) | ({rule} if not allowed and not by_part else set())
        return (False, frozenset(refusing)) if refusing else (True, frozenset(by_part or {rule}))

    return {person: answer(person) for person in all_persons(world)}


def recipients(
    world: World, t: int, core: Core, usable: Collection[str] = (), lineage: Lineage | None = None
) -> dict[str, tuple[bool, str]]:
    """Every person ever enrolled: recipient or not, and the lowest rule that says so.

    A missing key never changes a person's answer (R16 decides devices, and refuses a RED alert as a whole), so `usable`
    only matters for `leaves`; it stands here so that both are asked in the same way.
    """
    order = ["R1", "R2", "R8", "R3", "R4", "R5", "R6", "R7", "R11"]
    answers = person_answers(world, t, core, lineage).items()
    return {person: (yes, min(rules, key=order.index)) for person, (yes, rules) in answers}


def leaves(
    world: World, t: int, core: Core, usable: Collection[str], lineage: Lineage | None = None
) -> dict[str, bool]:
    """The recipients' devices in force, each with whether it gets a stanza (True) or an empty one (R16)."""
    persons = {person for person, (yes, _) in recipients(world, t, core, usable, lineage).items() if yes}
    return {device: device in usable for person in persons for device in devices_in_force(world, t, person)}


def left_behind(world: World, t: int, core: Core, lineage: Lineage | None) -> set[str]:
    """R11: "Earlier recipients who are not in force are named"; of CLEAR there are no recipients to miss (R7)."""
    if lineage is None or core["action"] not in CLOSING or core["label"] == "CLEAR":
        return set()
    return {person for person in lineage["earlier"] if not satisfies_r1(world, t, person)}


# --- Versions --------------------------------------------------------------------------------------------------------


def audience_change(world: World, t: int, core: Core, before: Core) -> str:
    """R10, "What `change.audience` says": `same`, `wider`, `narrower` or `different`.

    "Let *before* be the persons whom `decide_one` makes recipients under the previous core's label and audience, and
    *after* those under this one, both at this version's named roster and time, without author and candidate
    approvers." The author and the candidates are this version's, and are taken off both sides.
    """
    if "CLEAR" in (core["label"], before["label"]):
        if core["label"] == before["label"]:
            return "same"
        return "wider" if core["label"] == "CLEAR" else "narrower"
    apart = {_author(world, core), *core.get("approvers", ())}

    def reached(one: Core) -> set[str]:
        persons = {person for person in all_persons(world) if may_be_addressed(world, t, person)}
        return {person for person in persons if _label_allows(world, one, person)[0]} - apart

    old, new = reached(before), reached(core)
    if old == new:
        return "same"
    return "wider" if old < new else "narrower" if new < old else "different"


def _lineage_broken(world: World, t: int, core: Core, policy: Mapping[str, Any], lineage: Lineage | None) -> set[str]:
    """R10 and R11, as far as they speak of the alert."""
    first = core["action"] == "new"
    # "Version 1 is `new`"; envelope.md: "`new` is version 1 and no other", `previous` and `change` from version 2 on.
    if core["action"] not in ACTIONS or first != (core["version"] == 1):
        return {"R10"}
    if any((field in core) == first for field in ("previous", "change")):
        return {"R10"}
    if first:
        return set()
    if lineage is None:
        raise ValueError("a later version is judged with its lineage")
    before, action, said = lineage["core"], core["action"], core["change"]["audience"]
    lowered = ASCENDING.index(core["label"]) < ASCENDING.index(before["label"])
    by_label = max(policy["approvals"].get(label, 0) for label in (core["label"], before["label"]))
    closing = action in CLOSING
    holds: list[tuple[str, bool]] = [
        # "A later version names the released version directly before it (`previous`), which the author had seen"
        ("R10", core["previous"] == lineage["statement"] and lineage["released"]),
        ("R10", core["alert"] == before["alert"] and core["version"] == before["version"] + 1),
        # "its author is of the organisation of version 1's author"
        ("R10", organisation_of(world, _author(world, core)) == lineage["home"]),
        # "`exercise` stays"
        ("R10", core["exercise"] == before["exercise"]),
        # "After `withdraw` nothing follows."
        ("R10", before["action"] != "withdraw"),
        # "The label changes only by `relabel`, which changes it"
        ("R10", (action == "relabel") == (core["label"] != before["label"])),
        # "a lower label needs at least one approval and no fewer than the old label and the new one require"
        ("R10", not lowered or core["approvals"] >= max(1, by_label)),
        # "`change.audience` says truly …"; a withdrawal's is fixed by R11.
        ("R10", closing or said == audience_change(world, t, core, before)),
        # R11: "Label and audience are those of the version before, `change.audience` is `same`"
        ("R11", not closing or core["label"] == before["label"]),
        ("R11", not closing or _plain(core.get("audience")) == _plain(before.get("audience"))),
        ("R11", not closing or said == "same"),
        # R11: "`approvals` are at least the largest of the earlier versions"
        ("R11", not closing or core["approvals"] >= lineage["approvals"]),
    ]
    broken = {rule for rule, held in holds if not held}
    # What is asked of the change is R10's in the table and R11's for a withdrawal: either number says it.
    return broken | ({"R10", "R11"} if closing and said != "same" else set())


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
        "organisations": all_organisations(world),
        "persons": all_persons(world),
        "circles": all_circles(world),
    }
    well_formed = audience == {"everyone": True} or (bool(audience) and set(audience) <= FIELDS)
    strangers = {one for name, all_of in known.items() for one in audience.get(name, ()) if one not in all_of}
    too_long = {name for name in set(audience) & FIELDS if len(audience[name]) > 1000}
    broken = {"R9"} if not well_formed or strangers or too_long else set()
    return broken | ({"R3", "R9"} if label == "RED" and set(audience) != {"persons"} else set())


def _broken_as_named(
    world: World, t: int, core: Core, approvals: Sequence[str], usable: Collection[str], lineage: Lineage | None
) -> set[str]:
    """Rules that refuse at the roster the alert names.

    R11: "R2 asks for the role and not for the label", and "R3's number, R3's, R9's and R16's refusals about single
    recipients and an empty audience are not asked: a withdrawal is never stopped by whom it no longer reaches."
    """
    closing = core["action"] in CLOSING
    author, device, label = _author(world, core), core["issuer"]["device"], core["label"]
    candidates, adopted = list(core["approvers"]), policy_adopted(world)
    policy = adopted or DEFAULT_POLICY  # with none adopted nothing may be published, and the defaults do not apply
    named = set((core.get("audience") or {}).get("persons", ()))
    answers = person_answers(world, t, core, lineage)
    served = {person for person, (yes, _) in answers.items() if yes}
    cut = leaves(world, t, core, usable, lineage)
    # R3: naming somebody who is no recipient in RED refuses, with the rule that says no to that person.
    turned_away = {
        rule for one in named - served for rule in answers.get(one, (False, ()))[1] if label == "RED" and not closing
    }
    home = organisation_of(world, author)
    may_publish = adopted is not None and (closing or label in policy["publish"].get(of_org(world, home, "kind"), ()))
    holds: list[tuple[str, bool]] = [
        ("R2", in_force_device(world, t, device) and "author" in roles_of(world, author) and may_publish),
        ("R3", closing or label != "RED" or len(named) <= policy["red_persons"]),
        ("R7", label != "CLEAR" or core["stanzas"] == core["keyless"] == 0),
        ("R8", core["approvals"] >= required_approvals(policy, core)),
        ("R8", core["approvals"] <= len(candidates)),
        ("R8", len(set(approvals)) == len(approvals) <= core["approvals"]),
        ("R8", all(person in candidates and person != author for person in approvals)),
        ("R9", label in LABELS),
        # A person counts, with or without a device.
        ("R9", closing or label == "CLEAR" or bool(served - {author} - set(candidates))),
        ("R9", adopted is not None and _plain(core["policy"]) == _plain(adopted)),
        ("R9", len(set(candidates)) == len(candidates) <= 3 and author not in candidates),
        ("R9", all(in_force_person(world, t, one) and "approver" in roles_of(world, one) for one in candidates)),
        ("R9", all(organisation_of(world, one) == home for one in candidates)),
        ("R15", core["valid_until"] > t),
        # A named person who is not in force has no device in force, hence none with a usable key.
        ("R16", closing or label != "RED" or all(devices_in_force(world, t, one) & set(usable) for one in named)),
        ("R16", label == "CLEAR" or core["stanzas"] == sum(cut.values())),
        ("R16", label == "CLEAR" or core["stanzas"] + core["keyless"] == len(cut)),
    ]
    broken = {rule for rule, held in holds if not held} | turned_away | _audience_broken(world, core)
    return broken | _lineage_broken(world, t, core, policy, lineage)


def _broken_at_acceptance(
    named: World,
    t_at: int,
    world: World,
    t: int,
    core: Core,
    approvals: Sequence[str],
    usable: Collection[str],
    lineage: Lineage | None,
) -> set[str]:
    """Rules that refuse at the acceptance roster and time; "approvers" are those who signed.

    Only the members' standing is asked anew. The policy stays that of the roster named, whatever was adopted since. A
    withdrawal of RED is not stopped by a recipient lost meanwhile (R11).
    """
    older, newer = registry_facts(named), registry_facts(world)
    if newer[: len(older)] != older:
        raise ValueError("the named world is not a prefix of the acceptance world")
    author, device = _author(world, core), core["issuer"]["device"]
    label, home = core["label"], organisation_of(world, author)
    policy = policy_adopted(named) or {"publish": {}}
    closing = core["action"] in CLOSING
    may_publish = closing or label in policy["publish"].get(of_org(world, home, "kind"), ())
    holds: list[tuple[set[str], bool]] = [
        ({"A1"}, all(fact.at > t_at - STALE for fact in newer[len(older) :])),
        ({"R2"}, in_force_device(world, t, device) and "author" in roles_of(world, author) and may_publish),
        # What is asked of approvers is R1's, the role's and the organisation's; what is refused is an approval given (R8).
        ({"R1", "R8"}, all(satisfies_r1(world, t, one) for one in approvals)),
        ({"R8"}, all("approver" in roles_of(world, one) for one in approvals)),
        ({"R8"}, all(organisation_of(world, one) == home for one in approvals)),
        (
            {"R3"},
            closing
            or label != "RED"
            or all(
                in_force_device(world, t, one) and satisfies_r1(world, t, person_of(world, one))
                for one in leaves(named, t_at, core, usable, lineage)
            ),
        ),
        ({"R3"}, closing or label != "RED" or all(in_force_person(world, t, one) for one in core["approvers"])),
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
    lineage: Lineage | None = None,
) -> tuple[str, frozenset[str]]:
    """May the alert be published? ('released', {}), ('proposed', {R8}) or ('refused', every rule that refuses).

    `core` is shaped like envelope.md's, but `policy` is the policy object itself. `world_named` and `t_at` are the
    roster the alert names and `core.at`; the acceptance pair is None when nothing has been accepted yet. Raises
    ValueError when only half of the acceptance pair is given, the worlds are not of one log, or a later version comes
    without its lineage.
    """
    if (world_accept is None) != (t_accept is None):
        raise ValueError("acceptance world and acceptance time go together")
    core = {**core, "issuer": {"device": author_device}}
    broken = _broken_as_named(world_named, t_at, core, approver_persons, usable, lineage)
    if world_accept is not None and t_accept is not None:
        broken |= _broken_at_acceptance(
            world_named, t_at, world_accept, t_accept, core, approver_persons, usable, lineage
        )
    if broken:
        return "refused", frozenset(broken)
    return ("proposed", frozenset({"R8"})) if len(approver_persons) < core["approvals"] else ("released", frozenset())
