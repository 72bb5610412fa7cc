"""What everybody recomputes of an alert: its signers, its window, the registry and journal it names, its leaves."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import pytest

from exchange.model.alert import Label
from exchange.policy.decide import decide_people, expand
from exchange.policy.epochs import EpochTable
from exchange.policy.replay import (
    NEVER_WITNESSED,
    NO_BUNDLE,
    NO_STANZA,
    ROSTER_LAG,
    SHOWN,
    WITNESS_AGE,
    AlertRefusal,
    LeafSet,
    Signers,
    check_named_journal,
    check_named_roster,
    check_window,
    check_witnessed,
    expected_leaves,
    refusal_of,
    replay_alert,
    verify_signers,
)
from exchange.policy.rules import Decision
from keys.errors import SignatureError
from keys.stanza import LeafSummary
from tests.policy.test_rules import Scene

AUTHOR, SECOND, THIRD = "author-key", "second-key", "third-key"


def refused(rule: str, code: str, work: Any, *given: Any, **more: Any) -> AlertRefusal:
    with pytest.raises(AlertRefusal) as found:
        work(*given, **more)
    assert (found.value.rule, found.value.code) == (rule, code)
    return found.value


def test_a_refusal_says_what_would_have_to_differ_or_nothing() -> None:
    assert AlertRefusal("R9", "recipient-missing", "one is missing").differs == {}
    assert AlertRefusal("R9", "recipient-missing", "", {"missing": ["d"]}).differs == {"missing": ["d"]}
    found = refusal_of(Decision(False, "R2", "label-not-permitted", ("AMBER",)))
    assert (found.rule, found.code, found.differs) == ("R2", "label-not-permitted", {"values": ["AMBER"]})
    assert found.detail == "R2 refuses: label-not-permitted"


# -- signers (V3) ------------------------------------------------------------------------------------------------------


class Registry:
    """Three devices with a key each, as `verify_signers` asks about them."""

    def __init__(self, fault: str | None = None) -> None:
        devices = {name: SimpleNamespace(signing=f"{name}-public", person=f"{name}-person") for name in "abc"}
        self.facts = SimpleNamespace(device_of_key={AUTHOR: "a", SECOND: "b", THIRD: "c"}, devices=devices)
        self.fault = fault

    def device_fault(self, device: str) -> str | None:
        return self.fault if device == "b" else None


def signed(*keys: str, issuer: str = "a") -> Any:
    core = SimpleNamespace(issuer=SimpleNamespace(device=issuer))
    return SimpleNamespace(envelope=SimpleNamespace(signer_ids=keys), alert=SimpleNamespace(core=core))


def everything_verifies(_envelope: Any, _keys: Sequence[Any]) -> None:
    """Signatures are tested in tests/keys."""


@pytest.mark.parametrize(
    ("keys", "approvals"),
    [((AUTHOR,), ()), ((SECOND, AUTHOR), ("b-person",)), ((THIRD, AUTHOR, SECOND), ("c-person", "b-person"))],
)
def test_the_signers_are_the_author_and_the_approvers_in_the_order_of_their_lines(
    keys: tuple[str, ...], approvals: tuple[str, ...]
) -> None:
    asked: list[Any] = []
    registry: Any = Registry()
    found = verify_signers(signed(*keys), registry, lambda envelope, given: asked.extend(given))
    assert found == Signers("a-person", approvals) and found.count == len(keys)
    assert asked == [f"{registry.facts.device_of_key[key]}-public" for key in keys]


def test_attack_a_signature_by_a_stranger_s_key() -> None:
    registry: Any = Registry()
    refused("V3", "signer-unknown", verify_signers, signed(AUTHOR, "stranger"), registry, everything_verifies)


def test_attack_an_approval_by_a_device_that_is_not_in_force() -> None:
    registry: Any = Registry("device-revoked")
    refused("V3", "approver-device-revoked", verify_signers, signed(AUTHOR, SECOND), registry, everything_verifies)
    # The author's own device is for the decision to judge (R1).
    assert verify_signers(signed(SECOND, issuer="b"), registry, everything_verifies).approvals == ()


def test_attack_approvals_without_the_author() -> None:
    registry: Any = Registry()
    refused("V3", "author-signature-missing", verify_signers, signed(SECOND), registry, everything_verifies)


def test_attack_a_set_of_signatures_that_does_not_verify() -> None:
    def fails(_envelope: Any, _keys: Sequence[Any]) -> None:
        raise SignatureError("signature-invalid", "one is wrong")

    registry: Any = Registry()
    found = refused("V3", "signature-invalid", verify_signers, signed(AUTHOR), registry, fails)
    assert found.detail == "one is wrong"


# -- times and heads (V4, A1 to A3) ------------------------------------------------------------------------------------


def test_an_alert_of_one_signer_has_the_narrow_window_and_one_of_two_until_its_release_by() -> None:
    core: Any = SimpleNamespace(at=1_000_000, release_by=1_086_400)
    alone, two = Signers("a", ()), Signers("a", ("b",))
    check_window(core, alone, 1_000_300)
    refused("V4", "too-late", check_window, core, alone, 1_000_301)
    check_window(core, two, 1_086_400)
    refused("V4", "too-late", check_window, core, two, 1_086_401)
    refused("V4", "not-yet", check_window, core, two, 999_699)


ROOT = bytes(range(32))


def named(at: int = 10_000, root: bytes = ROOT) -> Any:
    head = SimpleNamespace(root=root.hex(), size=5)
    return SimpleNamespace(at=at, seen=SimpleNamespace(registry=head, journal=head))


def test_the_registry_named_is_the_log_s_own_and_not_older_than_a_quarter_of_an_hour() -> None:
    check_named_roster(named(), ROOT, None)
    check_named_roster(named(), ROOT, 10_000 - ROSTER_LAG + 1)
    refused("A1", "roster-stale", check_named_roster, named(), ROOT, 10_000 - ROSTER_LAG)
    refused("A2", "roster-ahead", check_named_roster, named(), None, None)
    refused("A2", "roster-root", check_named_roster, named(), bytes(32), None)


def test_the_journal_named_is_the_log_s_own() -> None:
    check_named_journal(named(), ROOT)
    refused("A2", "journal-ahead", check_named_journal, named(), None)
    refused("A2", "journal-root", check_named_journal, named(), bytes(32))


@pytest.mark.parametrize(("witnesses", "witnessed", "code"), [
    ((), None, None), (("w",), 0, None), (("w",), 90, None),
    (("w",), None, "witnessed-missing"), ((), 0, "witnessed-unnamed"), ((), 90, "witnessed-unnamed"),
])  # fmt: skip
def test_the_age_of_the_quorum_stands_in_the_alert_exactly_when_witnesses_are_named(
    witnesses: tuple[str, ...], witnessed: int | None, code: str | None
) -> None:
    core: Any = SimpleNamespace(witnessed=witnessed)
    facts: Any = SimpleNamespace(witnesses=witnesses)
    if code is None:
        check_witnessed(core, facts)
    else:
        refused("A3", code, check_witnessed, core, facts)


def test_the_numbers_are_those_of_the_specification() -> None:
    assert (ROSTER_LAG, WITNESS_AGE, NEVER_WITNESSED, SHOWN) == (900, 900, 2**31, 50)
    assert sha256(b"").digest() == NO_STANZA and bytes(32) == NO_BUNDLE


# -- the whole ---------------------------------------------------------------------------------------------------------


def leaf(tag: int, stanza: bytes = b"s" * 32) -> LeafSummary:
    return LeafSummary(bytes([tag]) * 32, tag.to_bytes(8, "big"), stanza)


def test_a_leaf_set_knows_order_places_stanzas_and_depth() -> None:
    none = LeafSet.of([])
    assert (none.root, none.depth, none.ordered, none.places, none.stanzas) == (b"", -1, True, {}, ())
    one = LeafSet.of([leaf(1)])
    assert (one.depth, one.ordered, one.stanzas) == (0, True, (True,)) and one.root == leaf(1).leaf_hash()
    three = LeafSet.of([leaf(1), leaf(3, NO_STANZA), leaf(2)])
    assert (three.depth, three.ordered, three.stanzas) == (2, False, (True, False, True))
    assert three.places == {leaf(1).stanza_id: 0, leaf(3).stanza_id: 1, leaf(2).stanza_id: 2}
    assert not LeafSet.of([leaf(1), leaf(1)]).ordered and LeafSet.of([leaf(1), leaf(2)]).ordered


def replayed(scene: Scene, core: Any, *approvers: str) -> Any:
    """The decision, with the leaves that the rules want: nobody has published a key."""
    recipients = expand(scene.roster, decide_people(scene.roster, scene.roster.facts.policy, core), ())[0]
    core = core.model_copy(update={"stanzas": 0, "keyless": len(recipients)})
    identifiers = sorted(expected_leaves(core, recipients, EpochTable()))
    leaves = [LeafSummary(one, n.to_bytes(8, "big"), NO_STANZA) for n, one in enumerate(identifiers)]
    shown = LeafSet.of(leaves)
    public = core.label is Label.CLEAR
    sealed = SimpleNamespace(root=None if public else shown.root.hex(), depth=None if public else shown.depth)
    statement: Any = SimpleNamespace(alert=SimpleNamespace(core=core, sealed=sealed))
    signers = Signers(scene.author.person, approvers)
    return replay_alert(statement, scene.roster, None, EpochTable(), signers, leaves)


def test_the_whole_decision_gives_the_verdict_and_each_device_s_place() -> None:
    scene = Scene()
    verdict, places = replayed(scene, scene.core("AMBER", {"organisations": [scene.hospital]}))
    assert verdict.alert.allowed
    assert places.keys() == {member.device for member in (scene.author, scene.doctor, scene.porter)}
    assert sorted(places.values()) == [0, 1, 2]


def test_what_the_rules_refuse_is_refused_with_their_number() -> None:
    scene = Scene()
    core = scene.core("AMBER", {"organisations": [scene.hospital]}, by=scene.doctor)
    found = refused("R2", "not-author", replayed, scene, core)
    assert found.detail == "R2 refuses: not-author"


def test_a_public_alert_has_no_leaves() -> None:
    scene = Scene()
    core = scene.core("CLEAR", approvers=[scene.approver.person], approvals=1)
    verdict, places = replayed(scene, core, scene.approver.person)
    assert verdict.alert.allowed and places == {}


def test_without_a_policy_nothing_is_decided() -> None:
    core = SimpleNamespace(label=Label.GREEN)
    statement: Any = SimpleNamespace(alert=SimpleNamespace(core=core))
    roster: Any = SimpleNamespace(facts=SimpleNamespace(policy=None))
    refused("R9", "policy-missing", replay_alert, statement, roster, None, EpochTable(), Signers("a", ()), [])
