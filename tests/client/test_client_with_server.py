"""The client against the real server over real HTTP: what the simulator promised holds there, too."""

from exchange.client import approve, publish
from exchange.client.attachments import SourceFile
from exchange.client.draft import prepare
from exchange.client.receipts import read
from exchange.client.source import SourceAudience
from exchange.client.sync import sync
from exchange.client.watch import watch
from tests.support.scene import source
from tests.support.served import served


async def test_publish_receive_approve_and_receipt_over_http(tmp_path):
    async with served(tmp_path) as (scene, transport, _):
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
    async with served(tmp_path) as (scene, transport, _):
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
