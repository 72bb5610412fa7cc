"""The client against the real server over real HTTP: what the simulator promised holds there, too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from exchange.client import approve, publish
from exchange.client.api import ExchangeApi
from exchange.client.draft import prepare
from exchange.client.receipts import read
from exchange.client.source import SourceAudience, SourceFile
from exchange.client.sync import sync
from exchange.client.transport import HttpTransport
from exchange.client.watch import watch
from exchange.config import parse
from exchange.model.submission import Submission
from exchange.serverkeys import ServerKeys
from exchange.service.exchange import Exchange
from exchange.web.app import Server, create_app
from tests.support.scene import Partnership, partnership, source
from tests.support.simulator import ORIGIN


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Partnership, HttpTransport]]:
    """The usual partnership, its registry posted to a real server with the same keys."""
    scene = partnership(folder)
    sim = scene.sim
    keys = ServerKeys(ORIGIN, sim.logs["registry"].signer, sim.logs["journal"].signer, sim.statement_signer)
    places = {"data": str(folder / "data"), "head_file": str(folder / "head" / "head"), "port": 0}
    (folder / "data").mkdir()
    (folder / "head").mkdir()
    exchange = await Exchange.open(parse({"server": places}, "test"), keys, sim.clock, pin=sim.exchange)
    server = Server(create_app(exchange, housekeeping=False))
    await server.start("127.0.0.1", 0)
    transport = HttpTransport(f"http://127.0.0.1:{server.port}")
    try:
        api = ExchangeApi(transport, clock=sim.clock)
        await api.post([Submission(logged.statement.envelope, logged.openings) for logged in sim.registry])
        yield scene, transport
    finally:
        await transport.close()
        await server.stop()
        await exchange.close()
        scene.scene.close()


async def test_publish_receive_approve_and_receipt_over_http(tmp_path):
    async with served(tmp_path) as (scene, transport):
        people = (scene.author, scene.approver, scene.officer, scene.baker)
        author, approver, officer, baker = (scene.scene.member(p, transport=transport) for p in people)
        for member in (author, approver, officer, baker, author, approver, officer, baker):
            synced = await sync(member)
            assert synced.failures == () and synced.unsent == ()

        photo = SourceFile("foto.jpg", "image/jpeg", b"JPEG " * 1000)
        released = await publish.publish(prepare(source(attachments=(photo,)), author), author)
        assert (await sync(officer)).opened == (released.statement,)
        assert officer.state.attachment(released.statement, 1) == photo.data
        await read(officer, released.statement)
        assert (await sync(baker)).failures == ()
        assert baker.state.alert(released.statement).status == "absent"
        colleague = scene.scene.member(scene.colleague, transport=transport)
        assert (await sync(colleague)).failures == ()
        assert colleague.state.alert(released.statement).status == "keyless"

        await sync(author)
        red = source("RED", SourceAudience(persons=("Olga Offizier",)), approvers=("Paul Prüfer",))
        assert not (await publish.publish(prepare(red, author), author)).released
        await sync(approver)
        (proposal,) = await approve.proposals(approver)
        released = await approve.approve(proposal, approver)
        assert released.released
        assert (await sync(officer)).opened == (released.statement,)
        receipts = await author.api.receipts(released.statement)
        assert receipts

        await sync(author)
        await publish.publish(prepare(source("CLEAR", approvers=("Paul Prüfer",)), author), author)
        await sync(approver)
        (proposal,) = await approve.proposals(approver)
        public = await approve.approve(proposal, approver)
        assert public.statement in (await sync(baker)).opened
        await sync(officer)
        assert (await sync(officer)).unsent == ()


async def test_a_watching_member_opens_an_alert_from_the_feed_over_http(tmp_path):
    async with served(tmp_path) as (scene, transport):
        author, officer = (scene.scene.member(p, transport=transport) for p in (scene.author, scene.officer))
        for member in (author, officer, author, officer):
            await sync(member)
        rounds = watch(officer)
        await anext(rounds)
        await sync(author)
        released = await publish.publish(prepare(source(), author), author)
        synced = await anext(rounds)
        while not synced.opened:
            synced = await anext(rounds)
        assert synced.opened == (released.statement,)
        await rounds.aclose()
