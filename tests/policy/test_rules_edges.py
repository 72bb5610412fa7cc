"""The rules one by one at their edges, over facts and cores made by hand: each answer with its code and its values.

What `make mutants` found that no other test would have noticed (docs/mutants.md).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from exchange.model.alert import Audience, Change, Core, Urgency
from exchange.model.registry import DEFAULT_POLICY, Policy, Publish, Wide
from exchange.model.statements import DeviceIssuer
from exchange.model.tlp import Label
from exchange.policy import rules
from exchange.policy.decide import decide_one
from exchange.policy.lineage import Lineage
from exchange.policy.members import Circle, Device, Facts, Organisation, Person, Roster
from exchange.policy.rules import AudienceView, Decision
from keys.verify import SigningPublicKey

NOW = 1_000
KEY = SigningPublicKey(bytes(32), bytes(1952))
SECTORS = {"office": "security", "clinic": "health", "carrier": "logistics", "client": "health"}
AREAS = {"office": ("05",), "clinic": ("05113000",), "carrier": ("05911000",), "client": ("05113000",)}
PEOPLE: dict[str, tuple[str, set[str], set[str]]] = {
    "author": ("office", {"author"}, set()),
    "approver": ("office", {"approver"}, set()),
    "clerk": ("office", {"officer"}, set()),
    "doctor": ("clinic", {"officer"}, {"it"}),
    "nurse": ("clinic", {"approver"}, {"physical"}),
    "driver": ("carrier", {"officer"}, {"physical"}),
    "guest": ("client", {"officer"}, {"it"}),
    "auditor": ("clinic", {"auditor", "officer"}, {"it"}),
}
POLICY = Policy(
    approvals={Label.RED: 2, Label.CLEAR: 1},
    profile="first-2.0",
    publish=Publish(authority=tuple(sorted(Label))),
    red_persons=2,
    wide=Wide(approvals=3, recipients=5),
)


def facts() -> Facts:
    return Facts(
        policy_id="p" * 64,
        organisations={
            name: Organisation(
                name,
                "authority" if name == "office" else "client" if name == "client" else "company",
                frozenset({sector}),
                AREAS[name],
                NOW + 100,
                sponsor="clinic" if name == "client" else None,
            )
            for name, sector in SECTORS.items()
        },
        persons={
            name: Person(name, home, frozenset(roles), frozenset(topics))
            for name, (home, roles, topics) in PEOPLE.items()
        },
        devices={name: Device(name, name, KEY, bytes(32)) for name in PEOPLE},
        devices_of={name: (name,) for name in PEOPLE},
        circles={"ring": Circle("ring", frozenset({"clerk"}), organisations=frozenset({"carrier"}))},
    )


ROSTER = Roster(facts(), NOW)


def changed(records: str, name: str, **values: Any) -> Roster:
    """The roster with one record changed."""
    fresh = facts()
    table = getattr(fresh, records)
    table[name] = dataclasses.replace(table[name], **values)
    return Roster(fresh, NOW)


def core(label: Label = Label.GREEN, audience: dict[str, Any] | None = None, **changes: Any) -> Core:
    fields: dict[str, Any] = {
        "action": "new",
        "approvals": 0,
        "approvers": (),
        "at": NOW,
        "audience": None if audience is None else Audience.model_construct(**audience),
        "exercise": False,
        "issuer": DeviceIssuer.model_construct(device="author"),
        "keyless": 0,
        "label": label,
        "policy": "p" * 64,
        "stanzas": 1,
        "urgency": Urgency.EXPECTED,
        "valid_until": NOW + 10,
        "version": 1,
    }
    return Core.model_construct(**(fields | changes))


def decided(label: Label, audience: dict[str, Any], person: str) -> Decision:
    view = AudienceView(ROSTER, core(label, audience))
    found = ROSTER.facts.persons[person]
    return rules.r1_in_force(view, found) or view.rule(view, found)


def answer(decision: Decision | None) -> tuple[Any, ...] | None:
    return None if decision is None else dataclasses.astuple(decision)


# -- rules about a person ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [Label.AMBER_STRICT, Label.AMBER, Label.GREEN])
@pytest.mark.parametrize(
    ("audience", "person", "code"),
    [
        ({"everyone": True}, "doctor", "everyone"),
        ({"persons": ("doctor",)}, "doctor", "named"),
        ({"organisations": ("clinic",)}, "doctor", "organisation-named"),
        ({"circles": ("ring",)}, "driver", "organisation-named"),
        ({"sectors": ("health",)}, "doctor", "selected"),
        ({"areas": ("05113",)}, "doctor", "selected"),
        ({"topics": ("it",)}, "doctor", "selected"),
        ({"sectors": ("health",), "areas": ("05113",), "topics": ("it", "x")}, "doctor", "selected"),
    ],
)
def test_the_reason_says_by_what_a_person_is_addressed(
    label: Label, audience: dict[str, Any], person: str, code: str
) -> None:
    rule = {Label.AMBER_STRICT: "R4", Label.AMBER: "R5", Label.GREEN: "R6"}[label]
    assert answer(decided(label, audience, person)) == (True, rule, code, ())


@pytest.mark.parametrize(("label", "rule"), [(Label.AMBER_STRICT, "R4"), (Label.AMBER, "R5"), (Label.GREEN, "R6")])
def test_the_reason_says_why_a_person_is_not_addressed(label: Label, rule: str) -> None:
    missing = (False, rule, "not-addressed", ())
    assert answer(decided(label, {"persons": ("nurse",)}, "doctor")) == missing
    assert answer(decided(label, {"organisations": ("carrier",)}, "doctor")) == missing
    assert answer(decided(label, {"circles": ("ring",)}, "doctor")) == missing
    assert answer(decided(label, {"sectors": ("health",), "areas": ("05911000",)}, "doctor")) == missing
    assert answer(decided(label, {"sectors": ("logistics",), "areas": ("05113",)}, "doctor")) == missing
    assert answer(decided(label, {"areas": ("05113000",)}, "clerk")) == missing
    topics = {"sectors": ("health",), "topics": ("z", "physical")}
    assert answer(decided(label, topics, "doctor")) == (False, rule, "topic-missing", ("physical", "z"))


def test_green_reaches_any_role_and_amber_officers_only() -> None:
    audience = {"organisations": ("clinic",)}
    assert answer(decided(Label.GREEN, audience, "nurse")) == (True, "R6", "organisation-named", ())
    assert answer(decided(Label.AMBER, audience, "nurse")) == (False, "R5", "not-officer", ())
    assert answer(decided(Label.AMBER_STRICT, audience, "nurse")) == (False, "R4", "not-officer", ())


def test_red_reaches_the_named_and_clear_is_public() -> None:
    assert answer(decided(Label.RED, {"persons": ("doctor",)}, "doctor")) == (True, "R3", "named", ())
    assert answer(decided(Label.RED, {"persons": ("doctor",)}, "nurse")) == (False, "R3", "not-named", ())
    assert answer(decided(Label.RED, {"persons": ("doctor",), "circles": ("ring",)}, "driver")) == (
        (False, "R3", "not-named", ())
    )
    assert answer(decided(Label.CLEAR, {}, "doctor")) == (False, "R7", "public", ())


def test_an_auditor_a_client_and_those_not_in_force_receive_nothing() -> None:
    everyone = {"everyone": True}
    assert answer(decided(Label.GREEN, everyone, "auditor")) == (False, "R1", "auditor", ())
    assert answer(decided(Label.GREEN, everyone, "guest")) == (False, "R1", "client-grants-only", ())
    for roster, code in (
        (changed("persons", "doctor", removed=True), "person-removed"),
        (changed("organisations", "clinic", suspended=True), "organisation-suspended"),
        (changed("organisations", "clinic", expires=NOW), "membership-expired"),
    ):
        view = AudienceView(roster, core(Label.GREEN, everyone))
        found = roster.facts.persons["doctor"]
        assert answer(rules.r1_in_force(view, found)) == (False, "R1", code, ())
        assert answer(rules.r1_in_force(view, found)) == (False, "R1", code, ())  # asked twice, the same


def test_one_of_an_organisation_s_areas_is_enough() -> None:
    roster = changed("organisations", "clinic", areas=("05113000", "05911000"))
    found = roster.facts.persons["doctor"]
    for areas, allowed in ((("05113",), True), (("05911",), True), (("06",), False)):
        view = AudienceView(roster, core(Label.GREEN, {"areas": areas}))
        assert rules.r6_green(view, found).allowed is allowed


def test_author_and_candidate_approvers_receive_what_is_sealed_and_the_reason_says_so() -> None:
    red = core(Label.RED, {"persons": ("doctor",)}, approvers=("approver",))
    assert answer(decide_one(ROSTER, POLICY, red, "author")) == (True, "R2", "author", ())
    assert answer(decide_one(ROSTER, POLICY, red, "approver")) == (True, "R8", "candidate-approver", ())
    assert answer(decide_one(ROSTER, POLICY, red, "clerk")) == (False, "R3", "not-named", ())
    assert answer(decide_one(ROSTER, POLICY, red, "nobody")) == (False, "R1", "person-unknown", ())
    clear = core(Label.CLEAR, approvers=("approver",), stanzas=0)
    assert answer(decide_one(ROSTER, POLICY, clear, "author")) == (False, "R7", "public", ())


# -- rules about the alert -----------------------------------------------------------------------------------------


def test_r2_says_what_the_author_lacks() -> None:
    assert rules.r2_author(ROSTER, POLICY, core()) is None
    for roster, code in (
        (changed("devices", "author", revoked=True), "author-device-revoked"),
        (changed("persons", "author", removed=True), "author-person-removed"),
        (changed("organisations", "office", removed=True), "author-organisation-removed"),
        (changed("persons", "author", roles=frozenset({"officer"})), "not-author"),
    ):
        assert answer(rules.r2_author(roster, POLICY, core())) == (False, "R2", code, ())
    other = changed("organisations", "office", kind="municipality")
    expected = (False, "R2", "label-not-allowed", ("municipality", "GREEN"))
    assert answer(rules.r2_author(other, POLICY, core())) == expected
    assert rules.r2_author(other, DEFAULT_POLICY, core()) is None
    assert answer(rules.r2_author(other, DEFAULT_POLICY, core(Label.RED)))[2] == "label-not-allowed"  # type: ignore[index]
    unknown = changed("organisations", "office", kind="client")
    assert answer(rules.r2_author(unknown, POLICY, core()))[2] == "label-not-allowed"  # type: ignore[index]


def test_r2_a_label_that_is_not_allowed_any_more_is_taken_back_all_the_same() -> None:
    other = changed("organisations", "office", kind="municipality")
    for action in ("withdraw", "all-clear"):
        assert rules.r2_author(other, POLICY, core(action=action)) is None
    assert rules.r2_author(other, POLICY, core(action="update")) is not None


def test_r3_red_names_persons_alone_and_not_too_many() -> None:
    assert rules.r3_red_audience(POLICY, core(Label.RED, {"persons": ("a", "b")})) is None
    mixed = core(Label.RED, {"persons": ("a",), "topics": ("it",), "sectors": ("health",)})
    expected = (False, "R3", "red-names-persons-only", ("sectors", "topics"))
    assert answer(rules.r3_red_audience(POLICY, mixed)) == expected
    many = {"persons": ("a", "b", "c")}
    assert answer(rules.r3_red_audience(POLICY, core(Label.RED, many))) == (False, "R3", "too-many-named", ("3", "2"))
    assert rules.r3_red_audience(POLICY, core(Label.RED, many, action="withdraw")) is None
    assert rules.r3_red_audience(POLICY, core(Label.AMBER, {"persons": ("a",), "topics": ("it",)})) is None
    assert rules.r3_red_audience(POLICY, core(Label.RED)) is None  # R9 says what is missing


@pytest.mark.parametrize(
    ("made", "number"),
    [
        (core(Label.RED), 2),
        (core(Label.RED, urgency=Urgency.IMMEDIATE), 2),
        (core(Label.CLEAR), 1),
        (core(Label.CLEAR, urgency=Urgency.IMMEDIATE), 0),
        (core(Label.GREEN), 0),
        (core(Label.GREEN, {"everyone": True}), 3),
        (core(Label.GREEN, {"everyone": True}, urgency=Urgency.IMMEDIATE), 0),
        (core(Label.GREEN, {"sectors": ("health",)}, stanzas=4, keyless=1), 0),
        (core(Label.GREEN, {"sectors": ("health",)}, stanzas=4, keyless=2), 3),
        (core(Label.RED, {"persons": ("a",)}, stanzas=6), 3),
    ],
)
def test_r8_the_number_of_approvals_follows_label_width_and_urgency(made: Core, number: int) -> None:
    assert rules.required_approvals(POLICY, made) == number


def test_r8_width_never_lowers_the_number() -> None:
    policy = POLICY.model_copy(update={"wide": Wide(approvals=1, recipients=5)})
    assert rules.required_approvals(policy, core(Label.RED, {"persons": ("a",)}, stanzas=6)) == 2


def test_r8_says_what_is_wrong_with_the_approvals() -> None:
    def asked(*approvals: str, **changes: Any) -> tuple[Any, ...] | None:
        made = core(Label.RED, {"persons": ("doctor",)}, approvers=("approver", "clerk", "author"), **changes)
        return answer(rules.r8_approvals(ROSTER, POLICY, made, approvals))

    assert asked("approver", "clerk", approvals=2) is None
    assert asked("approver", approvals=2) is None
    assert asked(approvals=1) == (False, "R8", "approvals-below-policy", ("1", "2"))
    assert asked("approver", "approver", approvals=2) == (False, "R8", "approver-twice", ())
    assert asked("approver", "clerk", "x", approvals=2) == (False, "R8", "approvals-too-many", ("3", "2"))
    assert asked("approver", "author", approvals=2) == (False, "R8", "approver-is-author", ())
    assert asked("approver", "doctor", approvals=2) == (False, "R8", "approver-not-candidate", ("doctor",))


def test_r9_policy_label_audience_and_candidates_fit() -> None:
    def asked(made: Core, roster: Roster = ROSTER) -> tuple[Any, ...] | None:
        return answer(rules.r9_fit(roster, made))

    everyone = {"everyone": True}
    assert asked(core(Label.GREEN, everyone, approvers=("approver",))) is None
    assert asked(core(Label.CLEAR, stanzas=0)) is None
    assert asked(core(Label.GREEN, everyone, policy="q" * 64)) == (False, "R9", "policy-mismatch", ("p" * 64,))
    none = Roster(dataclasses.replace(facts(), policy_id=None), NOW)
    assert asked(core(Label.GREEN, everyone), none) == (False, "R9", "policy-mismatch", ("",))
    assert asked(core(Label.CLEAR, everyone, stanzas=0)) == (False, "R9", "clear-has-no-audience", ())
    assert asked(core(Label.CLEAR, stanzas=0, keyless=1)) == (False, "R7", "clear-has-no-stanzas", ())
    assert asked(core(Label.GREEN)) == (False, "R9", "audience-missing", ())
    assert asked(core(Label.GREEN, everyone, approvers=("approver", "clerk"))) == (
        False,
        "R9",
        "not-approver",
        ("clerk",),
    )


def test_r9_says_why_a_candidate_cannot_approve() -> None:
    author = ROSTER.facts.persons["author"]
    assert rules.approver_fault(ROSTER, author, "approver") is None
    assert rules.approver_fault(ROSTER, author, "author") == "approver-is-author"
    assert rules.approver_fault(ROSTER, author, "nobody") == "approver-person-unknown"
    assert rules.approver_fault(ROSTER, author, "nurse") == "approver-other-organisation"
    assert rules.approver_fault(ROSTER, author, "clerk") == "not-approver"
    gone = changed("persons", "approver", removed=True)
    assert rules.approver_fault(gone, author, "approver") == "approver-person-removed"


def test_r9_names_what_is_unknown() -> None:
    known = {"organisations": ("clinic",), "circles": ("ring",), "persons": ("doctor",)}
    assert rules.r9_known(ROSTER, core(audience=known)) is None
    assert rules.r9_known(ROSTER, core()) is None
    for field, code in (("organisations", "organisation"), ("circles", "circle"), ("persons", "person")):
        unknown = core(audience={**known, field: (*known[field], "x")})
        assert answer(rules.r9_known(ROSTER, unknown)) == (False, "R9", f"{code}-unknown", ("x",))


@pytest.mark.parametrize(
    ("valid_until", "accepted_at", "refused"),
    [
        (NOW + 1, None, False),
        (NOW, None, True),
        (NOW + 10, NOW + 9, False),
        (NOW + 10, NOW + 10, True),
        (NOW + 10, NOW + 11, True),
    ],
)
def test_r15_ends_with_the_second_of_valid_until(valid_until: int, accepted_at: int | None, refused: bool) -> None:
    found = rules.r15_expiry(core(valid_until=valid_until), accepted_at)
    assert answer(found) == ((False, "R15", "expired", (str(valid_until),)) if refused else None)


def test_r16_each_named_person_of_red_has_a_usable_key() -> None:
    red = core(Label.RED, {"persons": ("doctor", "driver")})
    assert rules.r16_red_keys(ROSTER, red, {"doctor", "driver"}) is None
    expected = (False, "R16", "named-person-without-key", ("driver",))
    assert answer(rules.r16_red_keys(ROSTER, red, {"doctor"})) == expected
    lost = changed("devices", "driver", revoked=True)
    assert answer(rules.r16_red_keys(lost, red, {"doctor", "driver"})) == expected
    assert rules.r16_red_keys(ROSTER, core(Label.AMBER, {"persons": ("doctor",)}), set()) is None
    assert rules.r16_red_keys(ROSTER, core(Label.RED), set()) is None


# -- versions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "number"),
    [
        (Label.GREEN, Label.RED, 0),
        (Label.RED, Label.RED, 0),
        (Label.RED, Label.GREEN, 2),
        (Label.AMBER, Label.GREEN, 1),
        (Label.GREEN, Label.CLEAR, 1),
        (Label.AMBER_STRICT, Label.AMBER, 1),
    ],
)
def test_r10_a_lower_label_needs_the_approvals_of_both(before: Label, after: Label, number: int) -> None:
    assert rules.relabel_approvals(POLICY, before, after) == number


def test_r10_a_later_version_brings_its_own_number_of_approvals() -> None:
    lineage = Lineage(core(Label.RED), "s", True, "office", 3, frozenset())
    assert rules.version_approvals(POLICY, core(action="withdraw"), lineage) == 3
    assert rules.version_approvals(POLICY, core(Label.GREEN, action="relabel"), lineage) == 2
    assert rules.version_approvals(POLICY, core(Label.RED, action="update"), lineage) == 0
    assert rules.version_approvals(POLICY, core(action="withdraw"), None) == 0
    unknown = dataclasses.replace(lineage, previous=None)
    assert rules.version_approvals(POLICY, core(action="withdraw"), unknown) == 0


CHANGE = Change.model_construct(audience="same", reason="correction")


def lineage(before: Core, **changes: Any) -> Lineage:
    return dataclasses.replace(Lineage(before, "s" * 64, True, "office", before.approvals, frozenset()), **changes)


def later(label: Label = Label.AMBER, **changes: Any) -> Core:
    fields: dict[str, Any] = {"action": "update", "change": CHANGE, "previous": "s" * 64, "version": 2}
    return core(label, {"everyone": True}, **(fields | changes))


FIRST = core(Label.AMBER, {"everyone": True})


@pytest.mark.parametrize(
    "made",
    [
        later(action="new"),
        later(version=1),
        later(previous=None),
        later(change=None),
        core(action="update"),
        core(previous="s" * 64, change=None),
        core(change=CHANGE, previous=None),
        core(version=2),
    ],
)
def test_r10_what_belongs_to_a_later_version_stands_in_every_one_and_in_no_first(made: Core) -> None:
    expected = (False, "R10", "version-malformed", (made.action, str(made.version)))
    assert answer(rules.r10_version(ROSTER, POLICY, made, None)) == expected


@pytest.mark.parametrize(
    ("made", "changes", "expected"),
    [
        (later(), {}, None),
        (later(), {"organisation": "clinic"}, ("version-of-other-organisation", ("clinic",))),
        (later(), {"organisation": None}, None),
        (later(), {"organisation": "clinic", "previous": None}, ("version-of-other-organisation", ("clinic",))),
        (later(), {"previous": None, "statement": None, "seen": False}, None),
        (later(previous="t" * 64), {}, ("version-previous", ("s" * 64,))),
        (later(), {"statement": None}, ("version-previous", ("",))),
        (later(), {"seen": False}, ("version-unseen", ("s" * 64,))),
        (later(exercise=True), {}, ("exercise-changed", ())),
        (later(Label.GREEN), {}, ("label-changed", ("AMBER", "GREEN"))),
        (later(action="relabel"), {}, ("label-unchanged", ("AMBER", "AMBER"))),
        (later(Label.GREEN, action="relabel"), {}, ("relabel-approvals", ("0", "1"))),
        (later(Label.GREEN, action="relabel", approvals=1), {}, None),
        (later(Label.RED, action="relabel"), {}, None),
    ],
)
def test_r10_says_why_a_version_does_not_follow(made: Core, changes: dict[str, Any], expected: Any) -> None:
    found = answer(rules.r10_version(ROSTER, POLICY, made, lineage(FIRST, **changes)))
    assert found == (None if expected is None else (False, "R10", *expected))


def test_r10_nothing_follows_a_withdrawal_and_a_first_version_follows_nothing() -> None:
    withdrawn = lineage(later(action="withdraw"))
    made = later(version=3)
    assert answer(rules.r10_version(ROSTER, POLICY, made, withdrawn)) == (False, "R10", "withdrawn", ("2",))
    assert rules.r10_version(ROSTER, POLICY, later(version=3), lineage(later(action="all-clear"))) is None
    assert rules.r10_version(ROSTER, POLICY, core(previous=None, change=None), None) is None
    assert rules.r10_version(ROSTER, POLICY, later(), None) is None


def test_r10_the_version_before_is_released() -> None:
    missing = (False, "R10", "version-unreleased", ("1",))
    assert answer(rules.r10_released(later(), None)) == missing
    assert answer(rules.r10_released(later(), lineage(FIRST, previous=None))) == missing
    assert rules.r10_released(later(), lineage(FIRST)) is None
    assert rules.r10_released(core(), None) is None


@pytest.mark.parametrize("action", ["withdraw", "all-clear"])
def test_r11_what_takes_back_keeps_the_audience_and_the_approvals(action: str) -> None:
    made = later(action=action, approvals=1)
    assert rules.r11_taking_back(made, lineage(FIRST, approvals=1)) is None
    assert rules.r11_taking_back(made, None) is None
    assert rules.r11_taking_back(made, lineage(FIRST, previous=None, approvals=3)) is None
    fewer = (False, "R11", "approvals-below-earlier", ("1", "2"))
    assert answer(rules.r11_taking_back(made, lineage(FIRST, approvals=2))) == fewer
    other = lineage(core(Label.AMBER, {"organisations": ("clinic",)}))
    assert answer(rules.r11_taking_back(made, other)) == (False, "R11", "audience-changed", ())
    wider = Change.model_construct(audience="wider", reason="scope")
    for change in (None, wider):
        said = rules.r11_taking_back(later(action=action, change=change), lineage(FIRST))
        assert answer(said) == (False, "R11", "audience-not-same", ())
    assert rules.r11_taking_back(later(change=wider), other) is None


@pytest.mark.parametrize("action", ["withdraw", "all-clear"])
def test_r11_reaches_the_earlier_recipients_and_nobody_else(action: str) -> None:
    made = later(action=action)
    view = AudienceView(ROSTER, made, lineage(FIRST, recipients=frozenset({"doctor"})))
    doctor, nurse = ROSTER.facts.persons["doctor"], ROSTER.facts.persons["nurse"]
    assert answer(view.rule(view, doctor)) == (True, "R11", "earlier-recipient", ())
    assert answer(view.rule(view, nurse)) == (False, "R11", "no-earlier-recipient", ())
    blind = AudienceView(ROSTER, made, None)
    assert answer(blind.rule(blind, doctor)) == (True, "R11", "earlier-recipient-said", ())
    clear = AudienceView(ROSTER, later(Label.CLEAR, action=action), None)
    assert answer(clear.rule(clear, doctor)) == (False, "R7", "public", ())


def test_a_person_of_a_client_hears_first_what_stands_against_every_member() -> None:
    view = AudienceView(ROSTER, core(audience={"everyone": True}))
    assert rules.r1_in_force(view, ROSTER.facts.persons["guest"]) == rules.CLIENT
    resting = changed("organisations", "client", suspended=True)
    view = AudienceView(resting, core(audience={"everyone": True}))
    found = rules.r1_in_force(view, resting.facts.persons["guest"])
    assert found is not None and (found.rule, found.code) == ("R1", "organisation-suspended")
