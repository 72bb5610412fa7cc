"""Sessions: bounded, ended, expired, and checked against the roster at every request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.config import Limits
from exchange.service.denied import Denied
from exchange.service.sessions import CHALLENGE_SECONDS, Session, Sessions
from keys import encoding
from keys.sign import sign_statement
from tests.support.live import Live, live
from tests.support.world import Member


class Door:
    """Sessions of a live exchange, and somebody who knocks."""

    def __init__(self, world: Live, **limits: int) -> None:
        self.world = world
        self.sessions = Sessions(world.exchange_server.state, lambda: world.now, Limits(**limits), random=world.random)

    def open(self, member: Member, device: str | None = None) -> tuple[str, Session]:
        challenge, _ = self.sessions.challenge()
        device = device or member.device
        body = {
            "at": self.world.now,
            "challenge": encoding.b64u(challenge),
            "exchange": self.world.exchange,
            "issuer": {"device": device},
            "nonce": self.world.random.id(),
            "not_after": self.world.now + 300,
        }
        return self.sessions.open(sign_statement("session.open", body, member.signers[device], scheme="ed25519"))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Live]:
    async with live(tmp_path) as found:
        yield found


@pytest.fixture
async def member(world: Live) -> Member:
    return await world.enrol("D. Sicherheit", await world.admit("Stadtwerke"), "officer", devices=2, keyless=True)


def code_of(door: Door, token: str) -> str:
    with pytest.raises(Denied) as refusal:
        door.sessions.find(token)
    return refusal.value.code


async def test_a_token_leads_to_its_device_until_it_expires(world: Live, member: Member):
    door = Door(world)
    token, session = door.open(member)
    assert door.sessions.find(token) is session and session.device == member.device
    assert door.sessions.reader(session).person == member.person
    world.now += 599
    assert door.sessions.find(token) is session
    world.now += 1
    assert code_of(door, token) == "session-unknown"


async def test_a_token_is_kept_as_its_hash_only(world: Live, member: Member):
    door = Door(world)
    token, session = door.open(member)
    assert encoding.unb64u(token) not in (session.token_hash, *vars(door.sessions)["_open"])


async def test_ending_a_session_ends_that_one_only(world: Live, member: Member):
    door = Door(world)
    first, session = door.open(member)
    second, _ = door.open(member)
    door.sessions.end(session)
    door.sessions.end(session)
    assert code_of(door, first) == "session-unknown"
    assert door.sessions.find(second).device == member.device


async def test_a_further_session_of_a_device_ends_its_oldest(world: Live, member: Member):
    door = Door(world, sessions_per_device=2)
    tokens = [door.open(member)[0] for _ in range(3)]
    other, _ = door.open(member, member.devices[1])
    assert code_of(door, tokens[0]) == "session-unknown"
    assert all(door.sessions.find(token) for token in (*tokens[1:], other))


async def test_what_is_no_token_is_no_session(world: Live, member: Member):
    door = Door(world)
    token, _ = door.open(member)
    for text in ("", "A", token + "A", token[:-1], token.lower() + "=", "é" * 43):
        assert code_of(door, text) == "session-unknown"


async def test_a_reader_is_looked_up_each_time_and_revocation_ends_all_sessions_of_the_device(
    world: Live, member: Member
):
    door = Door(world)
    token, session = door.open(member)
    another, _ = door.open(member)
    kept, _ = door.open(member, member.devices[1])
    previous = world.previous(f"device/{member.device}")
    await world.post(world.by_registrars("device.revoke", device=member.device, previous=previous))
    with pytest.raises(Denied) as refusal:
        door.sessions.reader(session)
    assert (refusal.value.code, refusal.value.rule) == ("device-revoked", "R1")
    assert code_of(door, token) == code_of(door, another) == "session-unknown"
    assert door.sessions.find(kept)


async def test_challenges_are_forgotten_when_they_expire_and_memory_does_not_grow(world: Live, member: Member):
    door = Door(world, sessions_per_device=1)
    for _ in range(10):
        door.open(member)
        world.now += CHALLENGE_SECONDS
    assert len(vars(door.sessions)["_used"]) <= 2 and len(vars(door.sessions)["_open"]) == 1


async def test_a_restarted_server_knows_no_challenge_of_the_one_before(world: Live, member: Member):
    before, after = Door(world), Door(world)
    before.sessions.challenge = after.sessions.challenge  # type: ignore[method-assign]
    with pytest.raises(Denied) as refusal:
        before.open(member)
    assert refusal.value.code == "challenge-unknown"


async def test_a_device_whose_organisation_accepted_no_terms_may_open_a_session(world: Live, member: Member):
    document = {"length": 10, "sha256": "0" * 64}
    await world.post(world.by_registrars("terms.define", accept_by=world.now + 1, document=document, version=1))
    world.now += 10
    door = Door(world)
    _, session = door.open(member)
    assert door.sessions.reader(session).terms == "terms-not-accepted"
