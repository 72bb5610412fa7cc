"""R12 and R13, one test for each line of docs/spec/policy.md, Grants; and the attacks that a pure decision refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exchange.model.alert import Core
from exchange.model.journal import AlertGrant
from exchange.model.scalars import DAY
from exchange.policy.grants import GrantContext, Holders, Permission, addressed, decide_grant
from exchange.policy.lineage import Lineage
from exchange.policy.members import Facts, Roster
from keys import encoding
from tests.policy.test_rules import Scene, ids
from tests.support.world import EMPTY_HEAD, Member

ALERT = "a" * 64


class Grants(Scene):
    """The policy's scene with a client of the hospital, and an alert that the doctor was sealed."""

    def __init__(self) -> None:
        super().__init__()
        world = self.world
        self.nurse = world.person(self.hospital, "officer")
        self.client = world.organisation("company", sectors=("laundry",))
        self.launderer = world.person(self.client, "officer")
        self.clerk = world.person(self.client, "administrator")
        self.granted: set[str] = set()
        self.permission: Permission | None = None
        self.via: tuple[str, str] | None = None
        self.lineage: Lineage | None = None
        self.newest = self.released = self.complete = True

    @property
    def roster(self) -> Roster:
        found = super().roster
        facts: Facts = found.facts.copy()
        if hasattr(self, "client"):
            client = facts.organisations[self.client]
            facts.organisations[self.client] = replace(client, kind="client", sponsor=self.hospital)
        return Roster(facts, found.time)

    def why(  # type: ignore[override]
        self,
        grantor: Member,
        grantee: Member,
        label: str = "AMBER",
        purpose: str = "onward",
        *,
        holders: tuple[Member, ...] | None = None,
        device: str | None = None,
        core: dict[str, Any] | None = None,
        **fields: Any,
    ) -> tuple[bool, str, str]:
        audience = {"persons": ids(self.doctor)} if label == "RED" else {"organisations": [self.hospital]}
        made: Core = self.core(label, None if label == "CLEAR" else audience, **(core or {}))
        have = frozenset(m.device for m in ((self.author, self.doctor) if holders is None else holders))
        body: dict[str, Any] = {
            "alert": ALERT,
            "at": self.world.now,
            "device": device or grantee.device,
            "ephemeral": encoding.b64u(bytes(32)),
            "exchange": self.world.exchange,
            "issuer": {"device": grantor.device},
            "nonce": self.world.random.id(),
            "not_after": self.world.now + 300,
            "purpose": purpose,
            "seen": {"journal": EMPTY_HEAD, "registry": EMPTY_HEAD},
            "stanza": encoding.b64u(bytes(1168)),
            "tag": encoding.b64u(bytes(8)),
            **fields,
        }
        if "via" not in body:
            body["leaf"] = {"index": 0, "path": [], "stanza": "0" * 64, "tag": encoding.b64u(bytes(8))}
        known = Holders(have, have, frozenset(self.granted), self.complete)
        context = GrantContext(self.released, self.newest, known, self.usable, self.permission, self.via, self.lineage)
        found = decide_grant(self.roster, made, AlertGrant.model_validate(body), context)
        return found.allowed, found.rule, found.code


@pytest.fixture
def scene() -> Grants:
    return Grants()


@pytest.mark.parametrize("purpose", ["onward", "newcomer"])
def test_attack_a_grant_of_red(scene: Grants, purpose: str) -> None:
    assert scene.why(scene.author, scene.approver, "RED", purpose) == (False, "R12", "red-never")


def test_attack_a_history_of_red(scene: Grants) -> None:
    device = scene.world.device(scene.doctor)
    assert scene.why(scene.doctor, scene.doctor, "RED", "history", device=device) == (False, "R13", "red-never")


def test_attack_a_grant_of_amber_to_a_stranger(scene: Grants) -> None:
    for label in ("AMBER", "AMBER+STRICT"):
        assert scene.why(scene.doctor, scene.driver, label) == (False, "R12", "other-organisation")


def test_attack_a_grant_of_what_the_granter_never_received(scene: Grants) -> None:
    assert scene.why(scene.nurse, scene.porter) == (False, "R12", "grantor-without-alert")
    assert scene.why(scene.driver, scene.porter, "GREEN") == (False, "R12", "grantor-without-alert")


def test_attack_a_grant_by_a_revoked_device(scene: Grants) -> None:
    world = scene.world
    previous = world.previous(f"device/{scene.doctor.device}")
    world.accept(world.by_registrars("device.revoke", device=scene.doctor.device, previous=previous))
    assert scene.why(scene.doctor, scene.nurse) == (False, "R1", "device-revoked")


def test_attack_a_grant_by_who_became_an_auditor(scene: Grants) -> None:
    world = scene.world
    previous = world.previous(f"person/{scene.doctor.person}")
    change = {"person": scene.doctor.person, "previous": previous, "roles": ["auditor"], "topics": []}
    world.accept(world.by_registrars("person.change", **change))
    assert scene.why(scene.doctor, scene.nurse) == (False, "R1", "auditor")


def test_attack_a_resealed_history_to_a_device_of_another_organisation(scene: Grants) -> None:
    device = scene.world.device(scene.driver)
    holders = (scene.doctor, scene.driver)
    assert scene.why(scene.doctor, scene.driver, purpose="history", device=device, holders=holders) == (
        False, "R13", "other-organisation",
    )  # fmt: skip


def test_attack_a_grant_of_an_outdated_or_withdrawn_version(scene: Grants) -> None:
    scene.newest = False
    assert scene.why(scene.doctor, scene.nurse) == (False, "R12", "not-newest")
    assert scene.why(scene.author, scene.nurse, purpose="newcomer") == (False, "R12", "not-newest")
    scene.newest = True
    withdrawal = {"action": "withdraw", "version": 2, "previous": ALERT}
    withdrawal["change"] = {"audience": "same", "reason": "error"}  # type: ignore[assignment]
    assert scene.why(scene.doctor, scene.nurse, core=withdrawal) == (False, "R12", "alert-withdrawn")


def test_attack_a_grant_after_expiry(scene: Grants) -> None:
    core = {"at": scene.world.now - DAY, "valid_until": scene.world.now, "release_by": scene.world.now}
    assert scene.why(scene.doctor, scene.nurse, core=core) == (False, "R15", "expired")


def test_attack_a_repeated_grant(scene: Grants) -> None:
    scene.granted = {scene.nurse.device}
    assert scene.why(scene.doctor, scene.nurse) == (False, "R12", "already-recipient")
    assert scene.why(scene.doctor, scene.nurse, holders=(scene.doctor, scene.nurse)) == (
        False, "R12", "already-recipient",
    )  # fmt: skip


def test_attack_a_wrong_permission(scene: Grants) -> None:
    permit = {"permission": "b" * 64}
    right = Permission(ALERT, scene.hospital, frozenset({scene.driver.person}))
    for found, code in (
        (None, "permission-unknown"),
        (replace(right, alert="c" * 64), "not-permitted"),
        (replace(right, organisation=scene.carrier), "not-permitted"),
        (replace(right, permits=frozenset()), "not-permitted"),
    ):
        scene.permission = found
        assert scene.why(scene.doctor, scene.driver, **permit) == (False, "R12", code)
    scene.permission = right
    assert scene.why(scene.doctor, scene.driver, **permit) == (True, "R12", "permitted")
    # Decided by the permission alone: a colleague whom it does not name is not given it by it.
    assert scene.why(scene.doctor, scene.nurse, **permit) == (False, "R12", "not-permitted")


def test_attack_a_history_by_another_grant_than_the_granters_own(scene: Grants) -> None:
    device = scene.world.device(scene.doctor)
    for via in (None, ("c" * 64, scene.nurse.device), (ALERT, scene.porter.device)):
        scene.via = via
        assert scene.why(scene.nurse, scene.doctor, purpose="history", device=device, via="d" * 64) == (
            False, "R13", "grantor-without-alert",
        )  # fmt: skip
    scene.via = (ALERT, scene.nurse.device)
    assert scene.why(scene.nurse, scene.doctor, purpose="history", device=device, via="d" * 64) == (
        True, "R13", "history",
    )  # fmt: skip


@pytest.mark.parametrize("label", ["AMBER+STRICT", "AMBER", "GREEN"])
def test_a_colleague_who_is_an_officer_is_given_it(scene: Grants, label: str) -> None:
    assert scene.why(scene.doctor, scene.nurse, label) == (True, "R12", "colleague")
    wanted = (True, "R12", "colleague") if label == "GREEN" else (False, "R12", "not-officer")
    assert scene.why(scene.doctor, scene.manager, label) == wanted


@pytest.mark.parametrize("label", ["AMBER", "GREEN"])
def test_an_officer_of_ones_own_client_is_given_it(scene: Grants, label: str) -> None:
    assert scene.why(scene.doctor, scene.launderer, label) == (True, "R12", "client")
    assert scene.why(scene.doctor, scene.clerk, label) == (False, "R12", "not-officer")
    assert scene.why(scene.author, scene.launderer, label) == (False, "R12", "not-client")


def test_amber_strict_ends_at_the_organisation(scene: Grants) -> None:
    assert scene.why(scene.doctor, scene.launderer, "AMBER+STRICT") == (False, "R12", "other-organisation")


def test_green_is_passed_on_in_the_community(scene: Grants) -> None:
    assert scene.why(scene.doctor, scene.driver, "GREEN") == (True, "R12", "community")


def test_a_client_passes_nothing_on(scene: Grants) -> None:
    world = scene.world
    other = world.person(scene.client, "officer")
    holders = (scene.launderer,)
    assert scene.why(scene.launderer, other, holders=holders) == (False, "R12", "client-passes-on-nothing")
    # History for a second device of the client's person is the sponsor's or the client's own to give.
    device = world.device(scene.launderer)
    for grantor in (scene.doctor, scene.launderer):
        assert scene.why(
            grantor, scene.launderer, purpose="history", device=device, holders=(scene.doctor, scene.launderer)
        ) == (True, "R13", "history")


def test_clear_is_public_and_an_unreleased_alert_is_nobodys(scene: Grants) -> None:
    assert scene.why(scene.doctor, scene.nurse, "CLEAR") == (False, "R7", "public")
    scene.released = False
    assert scene.why(scene.doctor, scene.nurse) == (False, "R12", "not-released")


def test_an_auditor_and_a_device_without_a_key_are_given_nothing(scene: Grants) -> None:
    assert scene.why(scene.doctor, scene.auditor, "GREEN") == (False, "R1", "auditor")
    scene.keyless.add(scene.nurse.device)
    assert scene.why(scene.doctor, scene.nurse) == (False, "R16", "grantee-without-key")


def test_a_newcomer_is_served_by_the_source_and_by_nobody_else(scene: Grants) -> None:
    assert scene.why(scene.author, scene.nurse, purpose="newcomer") == (True, "R12", "newcomer")
    assert scene.why(scene.doctor, scene.nurse, purpose="newcomer") == (False, "R12", "not-author")
    assert scene.why(scene.author, scene.driver, purpose="newcomer") == (False, "R12", "not-recipient")
    colleague = scene.world.person(scene.authority, "author")
    holders = (scene.author, colleague)
    assert scene.why(colleague, scene.nurse, purpose="newcomer", holders=holders) == (True, "R12", "newcomer")
    assert scene.why(scene.approver, scene.nurse, purpose="newcomer", holders=(scene.approver,)) == (
        False, "R12", "not-author",
    )  # fmt: skip


def test_attack_an_all_clear_given_to_a_newcomer_who_had_no_earlier_version(scene: Grants) -> None:
    clear = {
        "action": "all-clear", "change": {"audience": "same", "reason": "correction"}, "kind": "all-clear",
        "previous": "b" * 64, "version": 2,
    }  # fmt: skip
    scene.lineage = Lineage(None, None, True, None, 0, frozenset({scene.doctor.person, scene.porter.person}))
    assert scene.why(scene.author, scene.nurse, purpose="newcomer", core=clear) == (False, "R12", "not-recipient")
    assert scene.why(scene.author, scene.porter, purpose="newcomer", core=clear) == (True, "R12", "newcomer")


def test_history_is_for_another_device_of_a_person_who_had_it(scene: Grants) -> None:
    device = scene.world.device(scene.doctor)
    assert scene.why(scene.doctor, scene.doctor, purpose="history", device=device) == (True, "R13", "history")
    assert scene.why(scene.doctor, scene.nurse, purpose="history") == (False, "R13", "not-recipient")
    scene.granted = {scene.nurse.device}
    second = scene.world.device(scene.nurse)
    assert scene.why(scene.doctor, scene.nurse, purpose="history", device=second) == (True, "R13", "history")


def test_a_reader_of_a_part_of_the_registry_does_not_hold_against_a_grant_what_it_cannot_see(scene: Grants) -> None:
    device = scene.world.device(scene.nurse)
    scene.complete = False
    assert scene.why(scene.doctor, scene.nurse, purpose="history", device=device) == (True, "R13", "history")
    assert scene.why(scene.doctor, scene.driver, permission="b" * 64) == (True, "R12", "permitted")
    assert scene.why(scene.doctor, scene.driver) == (False, "R12", "other-organisation")
    assert scene.why(scene.doctor, scene.auditor, "GREEN") == (False, "R1", "auditor")


def test_a_client_takes_a_grant_from_an_officer_of_its_sponsor_whom_it_is_not_shown(scene: Grants) -> None:
    unseen = replace(scene.doctor, devices=[scene.world.random.id()])
    assert scene.why(unseen, scene.launderer, holders=(unseen,)) == (False, "R1", "device-unknown")
    scene.complete = False
    assert scene.why(unseen, scene.launderer, holders=(unseen,)) == (True, "R12", "client")
    assert scene.why(unseen, scene.driver, holders=(unseen,)) == (False, "R12", "other-organisation")
    assert scene.why(scene.author, scene.launderer) == (False, "R12", "not-client")


def test_who_is_addressed_is_computed_for_the_persons_that_are_known(scene: Grants) -> None:
    core = scene.core("AMBER", {"organisations": [scene.hospital]})
    scene.keyless.add(scene.porter.device)
    people = [scene.doctor.person, scene.porter.person, scene.driver.person]
    leaves, stanzas = addressed(scene.roster, core, people, scene.usable)
    assert leaves == {scene.doctor.device, scene.porter.device} and stanzas == {scene.doctor.device}
