"""A publisher, a reader and an auditor on an exchange that really asks its witnesses: the quorum, its loss and its return."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exchange.audit.export import export
from exchange.audit.verify import verify_bundle
from exchange.client import publish
from exchange.client.errors import ClientError
from exchange.client.member import Member, open_member
from exchange.client.state import MemberState
from exchange.client.sync import sync
from exchange.client.transport import HttpTransport
from exchange.client.witnessing import alert_witnessed, states
from exchange.policy.replay import WITNESS_AGE
from exchange.web.app import Server, create_app
from exchange.web.oplog import open_log
from keys.keyfile import Vault
from tests.attacks.scene import source
from tests.support.asking import PATIENCE, witnesses
from tests.support.live import Live
from tests.support.world import Member as Person

NAMES = ("w0.example", "w1.example", "w2.example")


@asynccontextmanager
async def client(world: Live, person: Person, url: str, folder: Path) -> AsyncIterator[Member]:
    identity = world.identities[person.device]
    founding = world.exchange_server.state.founding
    assert founding is not None
    folder.mkdir()
    async with HttpTransport(url) as transport:
        with MemberState(folder / "state.sqlite", Vault(identity.vault_key)) as state:
            yield open_member(
                transport,
                state,
                identity,
                founding.envelope,
                clock=lambda: world.now,
                save=lambda changed: None,
                random=world.random,
            )


async def covered(member: Member) -> None:
    """Follow until the quorum has seen everything here."""
    async with asyncio.timeout(PATIENCE):
        while True:
            member.asked_witnesses = 0
            await sync(member, quiet=True)
            if all(state.covered for state in states(member).values()):
                return
            await asyncio.sleep(0.05)


async def test_publishers_readers_and_auditors_apply_the_quorum_of_witnesses_that_are_asked(tmp_path: Path) -> None:
    world = Live(tmp_path / "server", seed="witnessed")
    await world.begin()
    authority = await world.admit("Polizei Musterstadt", "authority", ("security",))
    hospital = await world.admit("Klinikum Musterstadt", sectors=("health",))
    author = await world.enrol("A. Autorin", authority, "author")
    doctor = await world.enrol("D. Doktor", hospital, "officer")
    auditor = await world.enrol("P. Prüfer", authority, "auditor")
    server = Server(create_app(world.exchange_server, log=open_log("error", io.StringIO()), housekeeping=True))
    await server.start("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.port}"
    try:
        async with (
            witnesses(world, *NAMES) as group,
            client(world, author, url, tmp_path / "author") as publisher,
            client(world, doctor, url, tmp_path / "doctor") as reader,
            client(world, auditor, url, tmp_path / "auditor") as checker,
        ):
            await group.name(2)
            await covered(publisher)
            draft = publish.prepare(source(), publisher)
            assert (draft.core.witnessed, draft.unwitnessed) == (0, False)
            released = await publish.publish(draft, publisher)
            await covered(reader)
            assert alert_witnessed(reader, released.index, states(reader)) is True
            await covered(checker)
            bundle = await export(checker, tmp_path / "audit")
            report = verify_bundle(bundle.path, require_quorum=True)
            assert report.verified, report.first
            assert len(report.witnessed["journal"].times) >= 2
            # Two of three fall silent.
            for witness in group.all[1:]:
                witness.gate.clear()
            later = await publish.publish(publish.prepare(source(), publisher), publisher)
            await sync(reader, quiet=True)
            assert alert_witnessed(reader, later.index, states(reader)) is False
            world.now += WITNESS_AGE + 1
            await sync(publisher, quiet=True)
            assert states(reader)["journal"].late(world.now)
            stale = publish.prepare(source(), publisher)
            with pytest.raises(ClientError) as refused:
                await publish.publish(stale, publisher)
            assert refused.value.code == "unwitnessed"
            confirmed = await publish.publish(stale, publisher, unwitnessed=True)
            # And they are back.
            for witness in group.all[1:]:
                witness.gate.set()
            await world.admit("Stadtwerke")
            await covered(reader)
            assert alert_witnessed(reader, confirmed.index, states(reader)) is True
    finally:
        await server.stop()
        await world.stop()
