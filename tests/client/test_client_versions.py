"""Later versions between real clients: over the real server what is right, in the simulator what must fail at the reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exchange.client import approve, publish, share
from exchange.client.draft import Draft, prepare, preview
from exchange.client.errors import ClientError
from exchange.client.member import Member
from exchange.client.source import AlertSource, SourceAudience
from exchange.client.sync import letter, sync
from exchange.client.versions import earlier_versions, find_alert, step_of, unreached, withdrawal
from exchange.model.submission import Submission
from exchange.policy.decide import PROPOSED, RELEASED, Verdict, decide_people, expand
from exchange.policy.replay import check_leaves
from keys import encoding
from tests.support import simulator
from tests.support.scene import Partnership, partnership, source
from tests.support.served import served

WORKS = SourceAudience(organisations=("Stadtwerke Essen",))
BOTH = SourceAudience(organisations=("Stadtwerke Essen", "Bäckerei Bochum"))


async def ready(*members: Member) -> None:
    """Everybody has published keys, and knows everybody's."""
    for member in (*members, *members):
        await sync(member)


def later(**changes: Any) -> AlertSource:
    """The source of a later version."""
    return replace(source(audience=WORKS), changed="Neuer Stand.", **changes)


async def next_version(author: Member, alert: str, action: Any = "update", **changes: Any) -> Draft:
    """The draft of a later version, at the newest heads."""
    await sync(author)
    step = await step_of(author, alert, action, "error")
    if action == "withdraw":
        approvers = changes.get("approvers", ())
        return prepare(withdrawal(step, None, author.clock(), approvers=approvers), author, step)
    return prepare(later(**changes), author, step)


# -- grantees ---------------------------------------------------------------------------------------------------------


async def test_a_withdrawal_reaches_whom_the_alert_was_given_to(tmp_path: Path) -> None:
    async with served(tmp_path) as (scene, transport, _):
        people = (scene.author, scene.officer, scene.baker)
        author, officer, baker = (scene.scene.member(p, transport=transport) for p in people)
        await ready(author, officer, baker)
        first = await publish.publish(prepare(source("GREEN", WORKS), author), author)
        await sync(author)
        await share.share(author, first.statement, [scene.baker.id])
        assert first.statement in (await sync(baker)).opened
        draft = await next_version(author, author.state.alert(first.statement).alert, "withdraw")
        assert scene.baker.id in {recipient.person for recipient in draft.verdict.recipients}
        withdrawn = await publish.publish(draft, author)
        assert (await sync(baker)).opened == (withdrawn.statement,)
        assert baker.state.failures() == []


# -- over the real server ------------------------------------------------------------------------------------------------


async def test_a_withdrawal_reaches_earlier_recipients_and_names_the_suspended(tmp_path: Path) -> None:
    async with served(tmp_path) as (scene, transport, _):
        people = (scene.author, scene.officer, scene.baker)
        author, officer, baker = (scene.scene.member(p, transport=transport) for p in people)
        await ready(author, officer, baker)
        first = await publish.publish(prepare(source(audience=BOTH), author), author)
        for member in (author, officer, baker):
            assert first.statement in (await sync(member)).opened
        alert = find_alert(author, first.statement[:8])
        assert alert is not None

        moved = await next_version(author, alert)
        assert moved.core.change is not None and moved.core.change.audience == "narrower"
        assert [row.name for row in preview(moved, author).leaving] == ["Berta Bäcker"]
        second = await publish.publish(moved, author)
        assert (await sync(officer)).opened == (second.statement,)
        assert (await sync(baker)).opened == ()

        suspended = scene.scene.suspend(scene.bakery)
        await author.api.post([Submission(suspended.statement.envelope)])
        draft = await next_version(author, alert, "withdraw")
        assert draft.allowed, draft.verdict.alert
        assert [row.name for row in preview(draft, author).unreached] == ["Berta Bäcker"]
        gone = await publish.publish(draft, author)
        assert gone.unreached == (scene.baker.id,)
        synced = await sync(officer)
        assert synced.opened == (gone.statement,) and synced.failures == ()
        assert letter(officer, gone.statement).facts["mine"] == {"code": "earlier-recipient", "rule": "R11"}
        chain = await earlier_versions(author, alert)
        assert await unreached(author, chain[-1].core) == (scene.baker.id,)


async def test_a_colleague_who_received_nothing_withdraws_and_another_approves(tmp_path: Path) -> None:
    """The statement is fetched, the recipients are computed: author and approver of the withdrawal had no part in the alert."""
    async with served(tmp_path) as (scene, transport, _):
        second = scene.scene.person(scene.police, "Zoe Zweite", "author")
        api = scene.scene.member(scene.author, transport=transport).api
        for one in scene.sim.registry[-2:]:  # one after the other: the second was signed when the first was in the log
            await api.post([Submission(one.statement.envelope, one.openings)])
        people = (scene.author, scene.approver, scene.officer, second)
        author, approver, officer, colleague = (scene.scene.member(p, transport=transport) for p in people)
        await ready(author, approver, officer, colleague)
        first = await publish.publish(prepare(source(audience=WORKS), author), author)
        assert first.statement not in (await sync(colleague)).opened
        alert = find_alert(colleague, first.statement)
        assert alert is not None
        draft = await next_version(colleague, alert, "withdraw", approvers=("Paul Prüfer",))
        core = draft.core.model_copy(update={"approvals": 1, "release_by": draft.core.at + 3600})
        asked = replace(draft, core=core)
        envelope = await publish.seal(asked, colleague)
        await colleague.api.post([Submission(envelope)])
        await sync(approver)
        (waiting,) = await approve.proposals(approver)
        released = await approve.approve(waiting, approver)
        assert released.released
        assert (await sync(officer)).opened[-1] == released.statement


async def test_competing_versions_one_is_released_and_the_other_author_is_told(tmp_path: Path) -> None:
    async with served(tmp_path) as (scene, transport, _):
        people = (scene.author, scene.approver, scene.officer)
        author, approver, officer = (scene.scene.member(p, transport=transport) for p in people)
        await ready(author, approver, officer)
        first = await publish.publish(prepare(source(audience=WORKS), author), author)
        alert = find_alert(author, first.statement) or ""
        asked = await next_version(author, alert, approvers=("Paul Prüfer",), approvals=1)
        proposed = await publish.publish(asked, author)
        assert not proposed.released
        await sync(approver)
        assert [p.opened.statement.id for p in await approve.proposals(approver)] == [proposed.statement]
        at_once = await next_version(author, alert)
        overtaken = await next_version(author, alert)
        await publish.publish(at_once, author)
        with pytest.raises(ClientError) as caught:
            await publish.publish(overtaken, author)
        assert caught.value.code == "version-overtaken"
        await sync(approver)
        assert await approve.proposals(approver) == []
        assert approver.state.failures() == []


async def test_red_is_withdrawn_with_an_approval_and_clear_is_updated(tmp_path: Path) -> None:
    async with served(tmp_path) as (scene, transport, _):
        people = (scene.author, scene.approver, scene.officer)
        author, approver, officer = (scene.scene.member(p, transport=transport) for p in people)
        await ready(author, approver, officer)
        named = SourceAudience(persons=("Olga Offizier",))
        asked = {"approvers": ("Paul Prüfer",)}
        for draft in (
            prepare(source("RED", audience=named, **asked), author),
            prepare(source("CLEAR", **asked), author),
        ):
            await publish.publish(draft, author)
        await sync(approver)
        red, clear = [await approve.approve(p, approver) for p in await approve.proposals(approver)]
        assert red.released and clear.released
        await sync(author)
        gone = await next_version(author, find_alert(author, red.statement) or "", "withdraw", **asked)
        assert gone.required == 1 and not (await publish.publish(gone, author)).released
        step = await step_of(author, find_alert(author, clear.statement) or "", "update", "new-information")
        public = prepare(replace(source("CLEAR", **asked), changed="Mehr."), author, step)
        assert public.core.change is not None and public.core.change.audience == "same"
        assert not (await publish.publish(public, author)).released
        await sync(approver)
        for proposal in await approve.proposals(approver):
            assert (await approve.approve(proposal, approver)).released
        synced = await sync(officer)
        assert len(synced.opened) == 4 and synced.failures == ()


# -- an exchange and an author who lie together ------------------------------------------------------------------------


def believing(
    statement: Any, named: Any, acceptance: Any, epochs: Any, signers: Any, leaves: Sequence[Any], lineage: Any = None
) -> tuple[Verdict, dict[str, int]]:
    """An exchange that asks no rule about the alert; the leaves are what the sealer made them."""
    core, policy = statement.alert.core, named.facts.policy
    alert = RELEASED if len(signers.approvals) >= core.approvals else PROPOSED
    if not core.label.sealed:
        return Verdict(alert), {}
    before = None if lineage is None else lineage.previous
    honest = core if before is None else core.model_copy(update={"issuer": before.issuer})
    recipients, _ = expand(
        named,
        decide_people(named, policy, honest, lineage),
        epochs.usable(encoding.week_of(core.at), core.seen.journal.size),
    )
    return Verdict(alert), check_leaves(statement.alert, recipients, epochs, leaves)


class Plot:
    """The author's device and the exchange against an officer who has opened version 1."""

    def __init__(self, scene: Partnership) -> None:
        self.scene = scene
        self.author = scene.scene.member(scene.author)
        self.officer = scene.scene.member(scene.officer)
        self.first = ""

    async def begin(self, **changes: Any) -> None:
        await ready(self.author, self.officer)
        self.first = (
            await publish.publish(prepare(source(audience=WORKS, **changes), self.author), self.author)
        ).statement
        assert (await sync(self.officer)).opened == (self.first,)

    async def honest(self, action: str = "update", **changes: Any) -> Draft:
        await sync(self.author)
        return await next_version(self.author, find_alert(self.author, self.first) or "", action, **changes)

    async def post(self, draft: Draft, member: Member | None = None, **core: Any) -> str:
        """Seal and post a draft with its core changed, whatever the rules say; the code of the officer's failure."""
        changed = replace(draft, core=draft.core.model_copy(update=core))
        envelope = await publish.seal(changed, member or self.author)
        await (member or self.author).api.post([Submission(envelope)])
        synced = await sync(self.officer)
        assert envelope.statement_id not in synced.opened
        (failure,) = synced.failures
        return f"V{failure.step} {failure.rule} {failure.code}"


@pytest.fixture
def plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plot]:
    monkeypatch.setattr(simulator, "replay_alert", believing)
    found = partnership(tmp_path)
    yield Plot(found)
    found.scene.close()


async def test_attack_a_withdrawal_of_anothers_alert(plot: Plot) -> None:
    county = plot.scene.scene.organisation("Landkreis", "authority", ("public",))
    stranger = plot.scene.scene.member(plot.scene.scene.person(county, "Lars Landrat", "author"))
    await sync(stranger)
    await plot.begin()
    draft = await plot.honest("withdraw")
    await sync(stranger)
    issuer = draft.core.issuer.model_copy(update={"device": stranger.device})
    assert await plot.post(draft, stranger, issuer=issuer) == "V5 R10 version-of-other-organisation"


async def test_attack_a_lowered_label_in_an_update(plot: Plot) -> None:
    await plot.begin()
    draft = await plot.honest()
    green = type(draft.core.label)("GREEN")
    assert await plot.post(draft, label=green) == "V5 R10 label-changed"


async def test_attack_an_exercise_that_becomes_real(plot: Plot) -> None:
    await plot.begin(exercise=True)
    assert await plot.post(await plot.honest(exercise=True), exercise=False) == "V5 R10 exercise-changed"


async def test_attack_previous_is_another_alerts_version(plot: Plot) -> None:
    await plot.begin()
    other = await publish.publish(prepare(source(audience=WORKS), plot.author), plot.author)
    await sync(plot.officer)
    assert await plot.post(await plot.honest(), previous=other.statement) == "V4 R10 version-previous"


async def test_attack_a_version_that_the_author_had_not_seen(plot: Plot) -> None:
    await ready(plot.author, plot.officer)
    seen = plot.author.seen
    await plot.begin()
    assert await plot.post(await plot.honest(), seen=seen) == "V4 R10 version-unseen"


async def test_attack_a_version_is_skipped(plot: Plot) -> None:
    await plot.begin()
    assert await plot.post(await plot.honest(), version=3) == "V4 R10 version-unreleased"


async def test_attack_a_version_after_a_withdrawal(plot: Plot) -> None:
    await plot.begin()
    draft = await plot.honest()
    gone = await publish.publish(await plot.honest("withdraw"), plot.author)
    assert (await sync(plot.officer)).opened == (gone.statement,)
    code = await plot.post(draft, previous=gone.statement, seen=plot.author.seen, version=3)
    assert code == "V5 R10 withdrawn"


async def test_attack_two_successors_of_one_version(plot: Plot) -> None:
    await plot.begin()
    one, other = await plot.honest(), await plot.honest()
    await publish.publish(one, plot.author)
    await sync(plot.officer)
    plot.scene.sim.versions.clear()
    assert await plot.post(other) == "V4 R10 version-taken"


async def test_attack_a_withdrawal_with_fewer_approvals_than_the_original(plot: Plot) -> None:
    approver = plot.scene.scene.member(plot.scene.approver)
    await ready(plot.author, plot.officer, approver)
    asked = source(audience=WORKS, approvers=("Paul Prüfer",), approvals=1)
    await publish.publish(prepare(asked, plot.author), plot.author)
    await sync(approver)
    (proposal,) = await approve.proposals(approver)
    plot.first = (await approve.approve(proposal, approver)).statement
    await sync(plot.officer)
    draft = await plot.honest("withdraw", approvers=("Paul Prüfer",))
    assert draft.core.approvals == 1
    code = await plot.post(draft, approvals=0, release_by=draft.core.at + 300)
    assert code == "V5 R11 approvals-below-earlier"


async def test_attack_a_withdrawal_that_says_another_audience(plot: Plot) -> None:
    await plot.begin()
    draft = await plot.honest("withdraw")
    change = None if draft.core.change is None else draft.core.change.model_copy(update={"audience": "wider"})
    assert await plot.post(draft, change=change) == "V5 R11 audience-not-same"


async def test_attack_a_later_version_that_does_not_say_what_changed(plot: Plot) -> None:
    await plot.begin()
    draft = await plot.honest()
    silent = replace(draft, content=prepare(source(audience=WORKS), plot.author).content)
    assert await plot.post(silent) == "V9  changed-mismatch"


async def test_a_reader_is_told_of_a_version_that_was_not_sent_to_this_device(tmp_path: Path) -> None:
    found = partnership(tmp_path)
    author, officer = found.scene.member(found.author), found.scene.member(found.officer)
    await ready(author, officer, found.scene.member(found.baker))
    first = await publish.publish(prepare(source(audience=WORKS), author), author)
    await sync(officer)
    alert = find_alert(author, first.statement) or ""
    bakery = SourceAudience(organisations=("Bäckerei Bochum",))
    await sync(author)
    step = await step_of(author, alert, "update", "scope")
    await publish.publish(prepare(replace(source(audience=bakery), changed="Anderer Kreis."), author, step), author)
    await sync(officer)
    assert [(row.version, row.status) for row in officer.state.versions(alert)] == [(1, "opened"), (2, "absent")]
    found.scene.close()
