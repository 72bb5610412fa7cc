"""R12 and R13 at their edges: what is left of a rule when one half of its condition is taken away."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from exchange.model.journal import AlertAnswer
from exchange.model.scalars import DAY
from exchange.policy.epochs import EpochTable
from exchange.policy.grants import GrantTable, Permission, addressed, check_leaf, needs_lineage
from exchange.policy.members import Facts, Roster
from exchange.policy.replay import AlertRefusal
from keys import encoding
from tests.policy.test_grants_policy import ALERT, Grants
from tests.support.world import Member


@pytest.fixture
def scene() -> Grants:
    return Grants()


def unseen(member: Member, scene: Grants) -> Member:
    """The same person with a device that this part of the registry does not show."""
    return replace(member, devices=[scene.world.random.id()])


def test_who_was_sealed_the_alert_is_not_given_it_again(scene: Grants) -> None:
    holders = (scene.doctor, scene.nurse)
    assert scene.why(scene.doctor, scene.nurse, holders=holders) == (False, "R12", "already-recipient")


@pytest.mark.parametrize("permits", [None, (), ("p" * 22,)])
def test_an_answer_permits_whom_it_names_and_nobody_when_it_declines(permits: tuple[str, ...] | None) -> None:
    found = Permission.of(ALERT, "o" * 22, AlertAnswer.model_construct(permits=permits))
    assert found == Permission(ALERT, "o" * 22, frozenset(permits or ()))


def test_attack_a_grant_to_a_revoked_device(scene: Grants) -> None:
    world = scene.world
    previous = world.previous(f"device/{scene.nurse.device}")
    world.accept(world.by_registrars("device.revoke", device=scene.nurse.device, previous=previous))
    assert scene.why(scene.doctor, scene.nurse) == (False, "R1", "device-revoked")


def test_an_alert_has_expired_by_the_grant_s_clock_and_by_the_acceptance_s(scene: Grants) -> None:
    now = scene.world.now
    core = {"at": now - DAY, "valid_until": now, "release_by": now}
    assert scene.why(scene.doctor, scene.nurse, core=core, at=now - 60) == (False, "R15", "expired")
    core = {"at": now - DAY, "valid_until": now + 60, "release_by": now}
    assert scene.why(scene.doctor, scene.nurse, core=core, at=now + 60) == (False, "R15", "expired")
    assert scene.why(scene.doctor, scene.nurse, core=core, at=now + 59) == (True, "R12", "colleague")


@pytest.mark.parametrize("purpose", ["onward", "newcomer", "history"])
@pytest.mark.parametrize("action", ["new", "update", "all-clear", "withdraw"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_the_lineage_is_asked_for_only_for_a_newcomer_to_what_is_taken_back(
    purpose: str, action: str, version: int
) -> None:
    core, grant = SimpleNamespace(action=action, version=version), SimpleNamespace(purpose=purpose)
    wanted = purpose == "newcomer" and action in ("all-clear", "withdraw") and version > 1
    assert needs_lineage(cast(Any, core), cast(Any, grant)) is wanted


def test_attack_a_grant_by_a_revoked_device_before_a_reader_of_a_part(scene: Grants) -> None:
    world = scene.world
    previous = world.previous(f"device/{scene.doctor.device}")
    world.accept(world.by_registrars("device.revoke", device=scene.doctor.device, previous=previous))
    scene.complete = False
    assert scene.why(scene.doctor, scene.nurse) == (False, "R1", "device-revoked")


def test_a_permission_to_a_grantor_whom_the_reader_is_not_shown_is_judged_by_what_it_names(scene: Grants) -> None:
    hidden = unseen(scene.doctor, scene)
    scene.complete, scene.permission = False, Permission(ALERT, scene.hospital, frozenset({scene.driver.person}))
    permit = {"permission": "b" * 64}
    assert scene.why(hidden, scene.driver, holders=(hidden,), **permit) == (True, "R12", "permitted")
    assert scene.why(hidden, scene.nurse, holders=(hidden,), **permit) == (False, "R12", "not-permitted")


def test_a_permission_does_not_make_an_officer(scene: Grants) -> None:
    scene.permission = Permission(ALERT, scene.hospital, frozenset({scene.clerk.person}))
    assert scene.why(scene.doctor, scene.clerk, permission="b" * 64) == (False, "R12", "not-officer")


def test_a_newcomer_is_served_by_nobody_whom_the_reader_is_not_shown(scene: Grants) -> None:
    hidden = unseen(scene.author, scene)
    scene.complete = False
    assert scene.why(hidden, scene.nurse, purpose="newcomer", holders=(hidden,)) == (False, "R12", "not-author")


def test_a_newcomer_is_served_by_nobody_when_the_author_is_not_known(scene: Grants) -> None:
    core = {"issuer": {"device": scene.world.random.id()}}
    assert scene.why(scene.author, scene.nurse, purpose="newcomer", core=core) == (False, "R12", "not-author")


def test_an_author_of_another_organisation_is_not_the_source(scene: Grants) -> None:
    stranger = scene.world.person(scene.carrier, "author")
    holders = (scene.author, stranger)
    assert scene.why(stranger, scene.nurse, purpose="newcomer", holders=holders) == (False, "R12", "not-author")


def test_without_a_policy_there_is_no_newcomer(scene: Grants, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scene.roster
    facts: Facts = whole.facts.copy()
    facts.policy = None
    monkeypatch.setattr(Grants, "roster", property(lambda self: Roster(facts, whole.time)))
    assert scene.why(scene.author, scene.nurse, purpose="newcomer") == (False, "R12", "policy-missing")


def test_a_person_with_a_leaf_is_served_on_another_device_whatever_the_audience_says_by_now(scene: Grants) -> None:
    device = scene.world.device(scene.driver)
    holders = (scene.author, scene.driver)
    found = scene.why(scene.author, scene.driver, purpose="newcomer", device=device, holders=holders)
    assert found == (True, "R12", "newcomer")


def test_history_of_another_s_client_is_not_given_and_not_by_an_unknown(scene: Grants) -> None:
    device = scene.world.device(scene.launderer)
    holders = (scene.driver, scene.launderer)
    assert scene.why(scene.driver, scene.launderer, purpose="history", device=device, holders=holders) == (
        False, "R13", "other-organisation",
    )  # fmt: skip
    hidden = unseen(scene.doctor, scene)
    scene.complete = False
    assert scene.why(hidden, scene.launderer, purpose="history", device=device, holders=(hidden,)) == (
        False, "R13", "other-organisation",
    )  # fmt: skip
    device = scene.world.device(scene.nurse)
    assert scene.why(hidden, scene.nurse, purpose="history", device=device, holders=(hidden, scene.nurse)) == (
        False, "R13", "other-organisation",
    )  # fmt: skip


@pytest.mark.parametrize(("policy", "label"), [(False, "AMBER"), (False, "CLEAR"), (True, "CLEAR")])
def test_nobody_has_a_leaf_without_a_policy_nor_of_a_public_alert(scene: Grants, policy: bool, label: str) -> None:
    roster = scene.roster
    if not policy:
        facts: Facts = roster.facts.copy()
        facts.policy = None
        roster = Roster(facts, roster.time)
    core = scene.core(label, None if label == "CLEAR" else {"organisations": [scene.hospital]})
    assert addressed(roster, core, [scene.doctor.person], scene.usable) == (frozenset(), frozenset())


def test_the_table_of_grants_says_who_was_given_which_alert() -> None:
    table = GrantTable()
    table.apply(3, "s" * 64, cast(Any, SimpleNamespace(alert="a" * 64, device="d" * 22)))
    table.apply(5, "t" * 64, cast(Any, SimpleNamespace(alert="a" * 64, device="e" * 22)))
    assert set(table.devices("a" * 64)) == {"d" * 22, "e" * 22} and not table.devices("b" * 64)
    assert table.has("a" * 64, "d" * 22) and not table.has("b" * 64, "d" * 22) and not table.has("a" * 64, "f" * 22)
    assert table.by_alert == {"a" * 64: {"d" * 22: 3, "e" * 22: 5}}
    assert table.by_statement == {"s" * 64: ("a" * 64, "d" * 22), "t" * 64: ("a" * 64, "e" * 22)}


# -- the grantor's leaf ---------------------------------------------------------------------------------------------------


def shown(**changed: Any) -> tuple[Any, Any]:
    """A body and a grant as far as `check_leaf` reads them before it computes anything."""
    leaf = SimpleNamespace(stanza="0" * 64, index=0, path=[], tag=encoding.b64u(bytes(8)))
    sealed = SimpleNamespace(root="1" * 64, depth=0)
    core = SimpleNamespace(leaves=1, at=1_800_000_000, seen=SimpleNamespace(journal=SimpleNamespace(size=1)))
    grant = SimpleNamespace(leaf=leaf, issuer=SimpleNamespace(device=encoding.b64u(bytes(16))))
    for name, value in changed.items():
        place, _, field = name.partition("_")
        setattr({"leaf": leaf, "sealed": sealed, "core": core, "grant": grant}[place], field, value)
    return SimpleNamespace(core=core, sealed=sealed), grant


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"grant_leaf": None}, "leaf-missing"),
        ({"sealed_root": None}, "leaf-missing"),
        ({"sealed_depth": None}, "leaf-missing"),
        ({"leaf_stanza": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}, "leaf-empty"),
        ({"leaf_index": 1}, "leaf-place"),
        ({"leaf_index": 2}, "leaf-place"),
        ({"core_leaves": 0}, "leaf-place"),
        ({"sealed_depth": 1}, "leaf-place"),
        ({"core_leaves": 2}, "leaf-place"),
        ({"leaf_path": ["2" * 64]}, "leaf-place"),
        ({}, "path-invalid"),
    ],
)
def test_attack_a_leaf_that_is_not_the_grantor_s(changed: dict[str, Any], code: str) -> None:
    body, grant = shown(**changed)
    with pytest.raises(AlertRefusal) as refused:
        check_leaf(body, grant, EpochTable())
    assert (refused.value.rule, refused.value.code) == ("V7", code)
