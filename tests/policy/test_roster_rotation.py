"""Rotation of the registrars (rule M17): what must fail, and a lost key that costs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.model.statements import Statement
from exchange.policy.roster import RosterRefusal
from keys.sign import SoftwareSigner
from tests.support.world import World


@pytest.fixture
def world() -> World:
    """Three registrars, two of whom sign."""
    return World().found()


def refused(world: World, statement: Statement, rule: str, code: str) -> None:
    before = world.roster.facts
    with pytest.raises(RosterRefusal) as refusal:
        world.accept(statement)
    assert (refusal.value.rule, refusal.value.code) == (rule, code)
    assert world.roster.facts is before


def ordered(*signers: SoftwareSigner) -> list[SoftwareSigner]:
    return sorted(signers, key=lambda signer: signer.public.key_id)


def rotation(
    world: World,
    named: list[SoftwareSigner],
    signers: list[SoftwareSigner],
    threshold: int = 2,
    issuer: SoftwareSigner | None = None,
    **changes: Any,
) -> Statement:
    body = world.common(
        issuer={"registrar": (issuer or signers[0]).public.key_id},
        previous=world.previous("registrars"),
        registrars=[signer.public.to_json() for signer in ordered(*named)],
        threshold=threshold,
    )
    return world.sign("registrar.rotate", {**body, **changes}, *signers)


def newcomer(world: World) -> SoftwareSigner:
    return SoftwareSigner.generate(world.random)


def test_a_lost_registrar_key_is_replaced_without_its_signature(world: World) -> None:
    first, second, lost = world.registrars
    new = newcomer(world)
    world.accept(rotation(world, [first, second, new], [first, second, new]))
    facts = world.roster.facts
    assert set(facts.registrars) == {s.public.key_id for s in (first, second, new)}
    assert lost.public.key_id not in facts.registrars
    world.registrars, world.threshold = ordered(first, new), 2
    assert world.organisation() in world.roster.facts.organisations


def test_a_rotation_with_only_the_new_keys_is_refused(world: World) -> None:
    new = [newcomer(world) for _ in range(3)]
    refused(world, rotation(world, new, new), "M17", "rotation-issuer")
    refused(world, rotation(world, new, [world.registrars[0], *new]), "M17", "rotation-old-missing")


def test_a_rotation_with_only_the_old_threshold_is_refused_when_new_registrars_are_named(world: World) -> None:
    first, second, third = world.registrars
    named = [first, second, third, newcomer(world)]
    refused(world, rotation(world, named, [first, second]), "M17", "rotation-newcomer-missing")


def test_one_newcomer_among_two_cannot_be_named_without_signing(world: World) -> None:
    first, second, _ = world.registrars
    here, absent = newcomer(world), newcomer(world)
    refused(world, rotation(world, [first, here, absent], [first, second, here]), "M17", "rotation-newcomer-missing")


def test_a_higher_threshold_needs_as_many_of_the_new(world: World) -> None:
    first, second, third = world.registrars
    named = [first, second, third]
    refused(world, rotation(world, named, [first, second], threshold=3), "M17", "rotation-new-missing")
    world.accept(rotation(world, named, [first, second, third], threshold=3))
    assert world.roster.facts.threshold == 3


def test_a_signature_that_could_be_left_out_is_refused(world: World) -> None:
    first, second, third = world.registrars
    new = newcomer(world)
    named = [first, second, new]
    refused(world, rotation(world, named, [first, second, third, new]), "M17", "rotation-superfluous")


def test_a_registrars_key_named_twice_is_refused(world: World) -> None:
    first, second, third = world.registrars
    keys = [s.public.to_json() for s in (first, first, second)]
    refused(world, rotation(world, [], [first, second], registrars=keys), "M11", "registrars-order")
    mixed = {"ed25519": first.public.to_json()["ed25519"], "mldsa65": newcomer(world).public.to_json()["mldsa65"]}
    named = [first.public.to_json(), mixed]
    for keys in (named, named[::-1]):
        with pytest.raises(RosterRefusal) as refusal:
            world.accept(rotation(world, [], [first, second], registrars=keys))
        assert refusal.value.code in ("registrars-order", "key-reused")
    assert third.public.key_id in world.roster.facts.registrars


def test_a_key_that_was_ever_enrolled_is_not_named_for_the_first_time(world: World) -> None:
    first, second, third = world.registrars
    device = world.person(world.organisation(), "officer").signer
    refused(world, rotation(world, [first, second, device], [first, second, device]), "M11", "key-reused")
    world.accept(rotation(world, [first, second], [first, second]))
    refused(world, rotation(world, [first, second, third], [first, second, third]), "M11", "key-reused")


def test_a_statement_signed_by_the_old_registrars_is_refused_after_the_rotation(world: World) -> None:
    first, second, third = world.registrars
    prepared = world.by_registrars("policy.adopt", policy=world.policy(), previous=world.previous("policy"))
    new = newcomer(world)
    world.accept(rotation(world, [second, third, new], [first, second, new]))
    refused(world, prepared, "M3", "signer-unknown")


def test_the_old_registrars_cannot_rotate_again(world: World) -> None:
    first, second, _ = world.registrars
    earlier = rotation(world, [first, second], [first, second])
    new = [newcomer(world), newcomer(world)]
    world.accept(rotation(world, new, [first, second, *new]))
    refused(world, earlier, "M5", "previous-mismatch")
    again = rotation(world, [first, second], [first, second])
    refused(world, again, "M17", "rotation-issuer")


def test_a_device_does_not_sign_a_rotation(world: World) -> None:
    first, second, third = world.registrars
    device = world.person(world.organisation(), "administrator").signer
    refused(world, rotation(world, [first, second, third], [first, second, device]), "M3", "signer-set")
