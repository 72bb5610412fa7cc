"""Attacks on alerts: dropped, duplicated, replayed, altered, swapped, approved by nobody (V1 to V9, one alert at a time)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from exchange.client import publish
from exchange.client.attachments import SourceFile
from exchange.client.errors import VerificationError
from exchange.client.transport import Response
from exchange.model.alert import AlertBody
from exchange.model.entry import AlertMark, AudienceHead
from exchange.model.statements import Statement, parse_statement
from keys import encoding
from keys.envelope import MAX_BODY, Envelope
from keys.stanza import AudienceTree, PackLeaf
from tests.attacks.lying import Asked, Forgery, LyingExchange, leaf_json, mark_of, neighbour_json, raw, told
from tests.attacks.scene import MINUTE, Scene, source

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALERT = "/v1/alerts/(?P<id>[0-9a-f]{64})"


# -- dropped -------------------------------------------------------------------------------------------------------------


Lie = Callable[[tuple[PackLeaf, ...], int], list[dict[str, Any]]]
"""(leaves, place of the victim's leaf): the neighbours that are to hide it."""


def _around(leaves: tuple[PackLeaf, ...], place: int) -> list[dict[str, Any]]:
    """The leaves on both sides, which are not adjacent."""
    return [neighbour_json(leaves, i) for i in (place - 1, place + 1) if 0 <= i < len(leaves)]


def _around_renumbered(leaves: tuple[PackLeaf, ...], place: int) -> list[dict[str, Any]]:
    shown = _around(leaves, place)
    shown[-1]["index"] = shown[0]["index"] + 1
    return shown


def _other_tree(leaves: tuple[PackLeaf, ...], place: int) -> list[dict[str, Any]]:
    """A tree without the victim: the proof is right, for a root that nobody signed."""
    others = leaves[:place] + leaves[place + 1 :]
    return [neighbour_json(others, i) for i in (place - 1, place) if 0 <= i < len(others)]


def _itself(leaves: tuple[PackLeaf, ...], place: int) -> list[dict[str, Any]]:
    """The victim's own leaf as one of the neighbours."""
    return [neighbour_json(leaves, i) for i in (place - 1, place) if i >= 0]


def _first(leaves: tuple[PackLeaf, ...], place: int) -> list[dict[str, Any]]:
    return [neighbour_json(leaves, 0)]


def _last(leaves: tuple[PackLeaf, ...], place: int) -> list[dict[str, Any]]:
    return [neighbour_json(leaves, len(leaves) - 1)]


def _before_as_last(leaves: tuple[PackLeaf, ...], place: int) -> list[dict[str, Any]]:
    """The leaf before the victim's, as if nothing stood to its right."""
    return [neighbour_json(leaves, max(place - 1, 0))]


def _altered_tag(leaves: tuple[PackLeaf, ...], place: int) -> list[dict[str, Any]]:
    """The victim's leaf under a tag beside its own."""
    shown = neighbour_json(leaves, place)
    shown["tag"] = encoding.b64u(bytes(8))
    return [shown]


def _shorter_path(leaves: tuple[PackLeaf, ...], place: int) -> list[dict[str, Any]]:
    """An inner node shown as a leaf."""
    shown = neighbour_json(leaves, place)
    return [{**shown, "index": shown["index"] // 2, "path": shown["path"][1:]}]


@pytest.mark.parametrize(
    "lie",
    [
        _around,
        _around_renumbered,
        _other_tree,
        _itself,
        _first,
        _last,
        _before_as_last,
        _altered_tag,
        _shorter_path,
    ],
    ids=lambda f: f.__name__.strip("_").replace("_", "-"),
)
@pytest.mark.parametrize("reader", ["doctor", "porter"])
async def test_dropped_alert_by_a_false_proof_of_absence(scene: Scene, lie: Lie, reader: str) -> None:
    victim = await scene.unaware(reader)
    leaves, place = await scene.leaves(scene.alert), await scene.place(scene.alert, reader)
    shown = {"index": 0, "neighbours": lie(leaves, place)}
    victim.lying.say("GET", f"/v1/alerts/{scene.alert.id}", told(shown))
    failure = await victim.rejects(scene.alert, 7, "absence-invalid")
    assert [name for name in failure.evidence if name.startswith("leaf-")] and "entry" in failure.evidence
    assert (await victim.sync()).count.open == 1  # "0 of 1", not "0 of 0"
    victim.lying.repent()
    await victim.opens(scene.alert)


@pytest.mark.parametrize(
    "answer",
    [
        told({"index": 0, "neighbours": []}),
        told({"index": 0}),
        told({}),
        told({"code": "alert-unknown", "detail": "there is none"}, 404),
        told({"code": "not-entitled", "detail": "not yours"}, 403),
        told({"code": "gone", "detail": "withdrawn"}, 410),
        raw(b"", 500),
        raw(b"", 204),
        raw(b"[]"),
        raw(b'{"envelope":{},"index":0}'),
    ],
    ids=["no-neighbours", "no-field", "nothing", "404", "403", "410", "500", "204", "a-list", "an-empty-envelope"],
)
async def test_dropped_alert_by_denial(scene: Scene, answer: Response) -> None:
    victim = await scene.unaware("doctor")
    second = await scene.release()
    victim.lying.say("GET", f"/v1/alerts/{scene.alert.id}", answer)
    await victim.rejects(scene.alert, 7, "withheld")
    row = victim.state.alert(second.id)
    assert row is not None and row.status == "opened"  # one withheld alert stops no other
    victim.lying.repent()
    await victim.opens(scene.alert, second)


async def test_dropped_alert_shown_without_its_leaf(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    victim.lying.twist(
        "GET", f"/v1/alerts/{scene.alert.id}", lambda said: {k: v for k, v in said.items() if k != "leaf"}
    )
    await victim.rejects(scene.alert, 7, "leaf-missing")
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_dropped_alert_is_proven_absent_only_to_those_without_a_leaf(scene: Scene) -> None:
    """The honest side of it: the proof convinces a device that has none, and the leaf that it is shown instead does not."""
    victim = await scene.unaware("driver")
    await victim.opens()
    row = victim.state.alert(scene.alert.id)
    assert row is not None and row.status == "absent"
    leaves, place = await scene.leaves(scene.alert), await scene.place(scene.alert, "doctor")
    tree = AudienceTree([leaf.leaf_hash() for leaf in leaves])
    other = await scene.unaware("driver")
    forgery = await Forgery.of(scene.world)
    index = forgery.index_of("journal", scene.alert.id)
    answer = {
        "envelope": scene.alert.envelope.to_json(),
        "index": index,
        "leaf": leaf_json(leaves[place], place, tree.path(place)),
    }
    other.lying.say("GET", f"/v1/alerts/{scene.alert.id}", told(answer))
    await other.rejects(scene.alert, 5, "not-addressed", "R5")


# -- what only author and auditor can see ----------------------------------------------------------------------------------


class Swallowing:
    """The server accepts the author's alert and writes another entry than it should: nobody would ask for it."""

    def __init__(self, scene: Scene, lying: LyingExchange, change: Callable[[AlertMark], dict[str, Any]]) -> None:
        self.scene, self.lying, self.change = scene, lying, change
        self.statement: Statement | None = None
        lying.lie("POST", "/v1/statements", self.accept)

    async def accept(self, asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        assert asked.body is not None
        (item,) = json.loads(asked.body)["statements"]
        statement = parse_statement(Envelope.from_json(item["envelope"]))
        if not isinstance(statement.body, AlertBody):
            return await honest()
        self.statement = statement
        forgery = await Forgery.of(self.scene.world)
        index = await forgery.insert_journal(statement)
        forgery.rewrite("journal", index, **self.change(mark_of(statement)))
        self.lying.forgery = forgery
        notes = {log: forgery.note(log).decode() for log in ("registry", "journal")}
        result = {"index": index, "kind": "alert.released", "log": "journal", "proof": [], "statement": statement.id}
        return told({**notes, "results": [result]})


def _other_ephemeral(mark: AlertMark) -> dict[str, Any]:
    """Every tag changes, so every recipient, the author too, is "proven" absent."""
    assert mark.audience is not None
    head = AudienceHead(
        depth=mark.audience.depth, ephemeral=encoding.b64u(bytes([9]) + bytes(31)), root=mark.audience.root
    )
    return {"alert": AlertMark(audience=head, id=mark.id, version=mark.version)}


def _other_root(mark: AlertMark) -> dict[str, Any]:
    assert mark.audience is not None
    head = AudienceHead(depth=0, ephemeral=mark.audience.ephemeral, root="ab" * 32)
    return {"alert": AlertMark(audience=head, id=mark.id, version=mark.version)}


def _no_audience(mark: AlertMark) -> dict[str, Any]:
    return {"alert": AlertMark(id=mark.id, version=mark.version)}


def _other_id(mark: AlertMark) -> dict[str, Any]:
    return {"alert": AlertMark(audience=mark.audience, id=encoding.b64u(bytes(16)), version=mark.version)}


def _other_version(mark: AlertMark) -> dict[str, Any]:
    return {"alert": AlertMark(audience=mark.audience, id=mark.id, version=2)}


@pytest.mark.parametrize(
    "change",
    [_other_ephemeral, _other_root, _no_audience, _other_id, _other_version],
    ids=lambda f: f.__name__.strip("_").replace("_", "-"),
)
async def test_altered_audience_in_the_entry_is_seen_by_the_author(
    scene: Scene, change: Callable[[AlertMark], dict[str, Any]]
) -> None:
    """Recipients could be led to look for another tag; who signed the body knows what the entry must say."""
    victim = await scene.informed("author")
    swallowing = Swallowing(scene, victim.lying, change)
    with pytest.raises(VerificationError) as caught:
        await publish.publish(publish.prepare(source(), victim.member), victim.member)
    assert (caught.value.name, caught.value.code) == ("V4", "entry-differs")
    assert swallowing.statement is not None
    victim.failure(swallowing.statement.id, 4, "entry-differs")
    assert (await victim.sync()).failures


async def test_dropped_alert_logged_as_a_proposal_is_seen_by_the_author(scene: Scene) -> None:
    victim = await scene.informed("author")
    swallowing = Swallowing(scene, victim.lying, lambda mark: {"kind": "alert.proposed"})
    with pytest.raises(VerificationError) as caught:
        await publish.publish(publish.prepare(source(), victim.member), victim.member)
    assert (caught.value.name, caught.value.code) == ("V2", "entry-mismatch")
    assert swallowing.statement is not None
    victim.failure(swallowing.statement.id, 2, "entry-mismatch")


async def test_dropped_alert_that_never_reaches_the_journal_is_seen_by_the_author(scene: Scene) -> None:
    victim = await scene.informed("author")
    forgery = await Forgery.of(scene.world)

    async def accept(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        assert asked.body is not None
        (item,) = json.loads(asked.body)["statements"]
        statement = Envelope.from_json(item["envelope"]).statement_id
        notes = {log: forgery.note(log).decode() for log in ("registry", "journal")}
        result = {"index": 3, "kind": "alert.released", "log": "journal", "proof": [], "statement": statement}
        return told({**notes, "results": [result]})

    victim.lying.lie("POST", "/v1/statements", accept)
    with pytest.raises(VerificationError) as caught:
        await publish.publish(publish.prepare(source(), victim.member), victim.member)
    assert (caught.value.name, caught.value.code) == ("V2", "not-in-log")
    assert len(victim.state.outgoing()) == 1  # its fate is open, and said so
    victim.lying.repent()
    assert len((await victim.sync()).unsent) == 1


# -- duplicated, replayed ----------------------------------------------------------------------------------------------------


async def test_duplicated_alert(scene: Scene) -> None:
    """One statement released at two indexes of the journal."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    index = forgery.index_of("journal", scene.alert.id)
    again = await forgery.insert_journal(scene.alert)
    assert again > index
    failure = await victim.refuses(2, "duplicate")
    assert failure.evidence["index"] == str(again)
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_duplicated_alert_for_a_newcomer(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    forgery = await victim.forge()
    await forgery.insert_journal(scene.alert)
    await victim.refuses(2, "duplicate")
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_replayed_alert_after_its_window(scene: Scene) -> None:
    """Signed once, held back by the server, released when it suits."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    with scene.later(301):
        await forgery.insert_journal(alert)
        await victim.rejects(alert, 4, "too-late", "V4")


async def test_replayed_alert_after_its_expiry(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery, core={"valid_until": scene.world.now + MINUTE})
    with scene.later(2 * MINUTE):
        await forgery.insert_journal(alert)
        await victim.rejects(alert, 5, "expired", "R15")


async def test_replayed_alert_as_another_version(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    await forgery.insert_journal(alert, alert=_other_version(mark_of(alert))["alert"])
    victim.lying.say("GET", f"/v1/alerts/{alert.id}", told(forgery.alert(alert.id, scene.tag(alert, "doctor"))))
    await victim.rejects(alert, 4, "entry-differs")


async def test_replayed_alert_in_the_answer_for_another(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    second = await scene.release()
    first = await scene.honest_answer(scene.alert, "doctor")
    victim.lying.say("GET", f"/v1/alerts/{second.id}", told(first))
    await victim.rejects(second, 2, "statement-mismatch")
    victim.lying.repent()
    await victim.opens(scene.alert, second)


async def test_replayed_alert_of_another_exchange(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery, core={"exchange": "ab" * 32})
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 4, "other-exchange")


async def test_replayed_alert_on_a_roster_from_before_a_change(scene: Scene) -> None:
    """The author is shown an old registry, so that somebody who left since is still a recipient."""
    world = scene.world
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    seen = forgery.seen()
    device = scene.porter.device
    forgery.insert_registry(
        world.by_registrars("device.revoke", device=device, previous=world.previous(f"device/{device}"))
    )
    with scene.later(901):
        alert = await scene.sealed(core={"seen": seen})
        await forgery.insert_journal(alert)
        await victim.rejects(alert, 4, "roster-stale", "A1")


async def test_fast_forwarded_index_in_an_answer_changes_nothing(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    victim.lying.twist("GET", ALERT, lambda said: {**said, "index": 10**12})
    await victim.opens(scene.alert)
    row = victim.state.alert(scene.alert.id)
    assert row is not None and row.index < 1000


# -- wrong stanza --------------------------------------------------------------------------------------------------------------


def _stanza_of_another(leaf: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**leaf, "stanza": other["stanza"]}


def _leaf_of_another(leaf: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return other


def _tag_of_another(leaf: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**leaf, "tag": other["tag"]}


def _emptied(leaf: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**leaf, "stanza": ""}


def _moved(leaf: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**leaf, "index": other["index"]}


def _outside(leaf: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**leaf, "index": 1000}


def _path_of_another(leaf: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**leaf, "path": other["path"]}


def _path_cut(leaf: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**leaf, "path": leaf["path"][:-1]}


@pytest.mark.parametrize(
    ("change", "code", "rule"),
    [
        (_stanza_of_another, "path-invalid", ""),
        (_leaf_of_another, "stanza-id", ""),
        (_tag_of_another, "tag-mismatch", ""),
        (_emptied, "stanza-missing", "R16"),
        (_moved, "path-invalid", ""),
        (_outside, "leaf-place", ""),
        (_path_of_another, "path-invalid", ""),
        (_path_cut, "leaf-place", ""),
    ],
    ids=lambda value: value.__name__.strip("_").replace("_", "-") if callable(value) else value,
)
async def test_wrong_stanza(scene: Scene, change: Callable[..., dict[str, Any]], code: str, rule: str) -> None:
    victim = await scene.unaware("doctor")
    other = (await scene.honest_answer(scene.alert, "porter"))["leaf"]
    victim.lying.twist(
        "GET", f"/v1/alerts/{scene.alert.id}", lambda said: {**said, "leaf": change(said["leaf"], other)}
    )
    await victim.rejects(scene.alert, 7, code, rule)
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_wrong_stanza_from_a_lying_author(scene: Scene) -> None:
    """The author signs a root in which the doctor's leaf holds the porter's stanza."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    mine, theirs = await scene.place(alert, "doctor"), await scene.place(alert, "porter")
    leaves = list(await scene.leaves(alert))
    leaves[mine] = dataclasses.replace(leaves[mine], stanza=leaves[theirs].stanza)
    wrong = await scene.resealed(alert, leaves)
    await forgery.insert_journal(wrong)
    await victim.rejects(wrong, 8, "stanza-invalid")


async def test_stanza_of_one_alert_with_the_body_of_another(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    second = await scene.release()
    first = await scene.honest_answer(scene.alert, "doctor")
    victim.lying.twist("GET", f"/v1/alerts/{second.id}", lambda said: {**said, "leaf": first["leaf"]})
    await victim.rejects(second, 7, "tag-mismatch")
    victim.lying.repent()
    await victim.opens(scene.alert, second)


async def test_stanza_of_one_alert_with_the_body_of_another_from_a_lying_author(scene: Scene) -> None:
    """Surreptitious forwarding: the leaf is in order, and the stanza is sealed to another core."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    leaves = list(await scene.leaves(alert))
    place, old = await scene.place(alert, "doctor"), await scene.place(scene.alert, "doctor")
    leaves[place] = dataclasses.replace(leaves[place], stanza=(await scene.leaves(scene.alert))[old].stanza)
    wrong = await scene.resealed(alert, leaves)
    await forgery.insert_journal(wrong)
    await victim.rejects(wrong, 8, "stanza-invalid")


async def test_body_of_one_alert_under_the_stanza_of_another_from_a_lying_author(scene: Scene) -> None:
    """The signed parts are another alert's: the stanza binds the parts' digest."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    body = encoding.decode(alert.envelope.body, max_bytes=MAX_BODY)
    body["sealed"]["parts"] = scene.alert.alert.sealed.to_json()["parts"]
    wrong = scene.world.sign("alert", body, scene.author.signer)
    await forgery.insert_journal(wrong)
    await victim.rejects(wrong, 8, "stanza-invalid")


# -- altered -------------------------------------------------------------------------------------------------------------------


ALTERED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "label": lambda core: core.update(label="GREEN"),
    "label-loosened-to-clear": lambda core: core.update(label="AMBER+STRICT"),
    "audience": lambda core: core.update(audience={"everyone": True}),
    "audience-narrowed": lambda core: core.update(audience={"sectors": ["energy"]}),
    "expiry": lambda core: core.update(valid_until=core["valid_until"] + 1),
    "release": lambda core: core.update(release_by=core["release_by"] + 1),
    "exercise": lambda core: core.update(exercise=True),
    "approvals": lambda core: core.update(approvals=0, approvers=[]),
    "urgency": lambda core: core.update(urgency="immediate"),
}


def altered(statement: Statement, change: Callable[[dict[str, Any]], Any]) -> Envelope:
    """The same signatures over another core."""
    body = encoding.decode(statement.envelope.body, max_bytes=MAX_BODY)
    change(body["core"])
    if body["core"] == statement.alert.core.to_json():
        body["core"]["kind"] = "threat"
    return Envelope("alert", encoding.encode(body), statement.envelope.signatures)


@pytest.mark.parametrize("field", ALTERED)
async def test_altered_label_audience_or_expiry_in_the_envelope(scene: Scene, field: str) -> None:
    victim = await scene.unaware("doctor")
    envelope = altered(scene.alert, ALTERED[field])
    victim.lying.twist("GET", f"/v1/alerts/{scene.alert.id}", lambda said: {**said, "envelope": envelope.to_json()})
    await victim.rejects(scene.alert, 2, "statement-mismatch")
    victim.lying.repent()
    await victim.opens(scene.alert)


@pytest.mark.parametrize("field", ALTERED)
async def test_altered_label_audience_or_expiry_with_an_entry_to_match(scene: Scene, field: str) -> None:
    """The server rewrites its own log as well; the author's signatures are what it cannot rewrite."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = parse_statement(altered(await scene.forged_alert(forgery), ALTERED[field]))
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 3, "signature-invalid")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_other_ephemeral, "entry-differs"),
        (_other_root, "entry-differs"),
        (_no_audience, "label-mismatch"),
        (_other_id, "entry-differs"),
    ],
    ids=lambda value: value.__name__.strip("_").replace("_", "-") if callable(value) else value,
)
async def test_altered_audience_in_the_entry(
    scene: Scene, change: Callable[[AlertMark], dict[str, Any]], code: str
) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    await forgery.insert_journal(alert, **change(mark_of(alert)))
    answer = forgery.alert(alert.id, scene.tag(alert, "doctor"))
    victim.lying.say("GET", f"/v1/alerts/{alert.id}", told(answer))
    await victim.rejects(alert, 4, code)
    victim.lying.repent()


async def test_altered_audience_of_low_order_in_the_entry(scene: Scene) -> None:
    """An ephemeral key that gives everybody the same tag."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    mark = mark_of(alert)
    assert mark.audience is not None
    head = AudienceHead(depth=mark.audience.depth, ephemeral=encoding.b64u(bytes(32)), root=mark.audience.root)
    await forgery.insert_journal(alert, alert=AlertMark(audience=head, id=mark.id, version=1))
    await victim.rejects(alert, 7, "bad-ephemeral")


async def test_altered_signatures(scene: Scene) -> None:
    """Hedged signatures: the same author signs the same bytes again; the entry names the set first accepted."""
    victim = await scene.unaware("doctor")
    again = scene.world.sign(
        "alert", encoding.decode(scene.alert.envelope.body, max_bytes=MAX_BODY), scene.author.signer
    )
    assert again.id == scene.alert.id
    if again.envelope.signatures_hash == scene.alert.envelope.signatures_hash:
        pytest.fail("ML-DSA signatures are hedged, and these two are the same")
    victim.lying.twist("GET", ALERT, lambda said: {**said, "envelope": again.envelope.to_json()})
    await victim.rejects(scene.alert, 2, "signatures-mismatch")
    victim.lying.repent()
    await victim.opens(scene.alert)


@pytest.mark.parametrize(
    ("keep", "code"),
    [(slice(0, 1), "signature-missing"), (slice(1, 2), "signature-missing")],
    ids=["without-ml-dsa", "without-ed25519"],
)
async def test_altered_signatures_one_missing(scene: Scene, keep: slice, code: str) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    half = parse_statement(Envelope("alert", alert.envelope.body, alert.envelope.signatures[keep]))
    await forgery.insert_journal(half)
    await victim.rejects(half, 3, code)


async def test_altered_signatures_without_the_author(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    bare = parse_statement(Envelope("alert", alert.envelope.body, ()))
    signed = scene.world.approve(bare, scene.approver)
    await forgery.insert_journal(signed)
    await victim.rejects(signed, 3, "author-signature-missing", "V3")


# -- parts ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", ["flipped", "shorter", "longer", "empty"])
async def test_blob_with_other_bytes(scene: Scene, spoil: str) -> None:
    victim = await scene.unaware("doctor")
    second = await scene.release()

    async def tell(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        body = (await honest()).body
        return raw(
            {
                "flipped": body[:100] + bytes([body[100] ^ 1]) + body[101:],
                "shorter": body[:-1],
                "longer": body + b"\0",
                "empty": b"",
            }[spoil]
        )

    (part,) = scene.alert.alert.sealed.parts
    victim.lying.lie("GET", f"/v1/blobs/{part.sha256}", tell)
    await victim.rejects(scene.alert, 6, "part-mismatch")
    row = victim.state.alert(second.id)
    assert row is not None and row.status == "opened"  # one spoiled part stops no other alert
    assert not list((victim.path.parent / "incoming").glob("*"))
    victim.lying.repent()
    await victim.opens(scene.alert, second)


async def test_blob_with_other_bytes_of_an_attachment(scene: Scene) -> None:
    """The attachment is not kept: neither its file, nor the alert without it."""
    victim = await scene.informed("doctor")
    author = await scene.informed("author")
    attached = source(attachments=(SourceFile("plan.txt", "text/plain", b"Plan" * 1000),))
    released = await publish.publish(publish.prepare(attached, author.member), author.member)
    alert = parse_statement(await author.member.api.statement(released.statement))
    part = alert.alert.sealed.parts[1]
    victim.lying.say("GET", f"/v1/blobs/{part.sha256}", raw(bytes(part.length)))
    await victim.rejects(alert, 6, "part-mismatch")
    assert not victim.state.attachment_file(alert.id, 1).exists()
    victim.lying.repent()
    await victim.opens(alert)
    assert victim.state.attachment(alert.id, 1) == b"Plan" * 1000


async def test_blob_withheld(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    (part,) = scene.alert.alert.sealed.parts
    victim.lying.say("GET", f"/v1/blobs/{part.sha256}", told({"code": "blob-unknown", "detail": "no"}, 404))
    await victim.rejects(scene.alert, 7, "withheld")
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_blob_with_other_bytes_of_a_clear_alert(scene: Scene) -> None:
    core = {"approvals": 1, "approvers": [scene.approver.person]}
    proposal = await scene.sealed(label="CLEAR", core=core)
    await scene.world.post(proposal)
    alert = scene.world.approve(proposal, scene.approver)
    await scene.world.post(alert)
    victim = await scene.unaware("driver")
    (part,) = alert.alert.sealed.parts

    async def tell(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        return raw((await honest()).body.replace(b"Kabel", b"Kegel"))

    victim.lying.lie("GET", f"/v1/blobs/{part.sha256}", tell)
    await victim.rejects(alert, 6, "part-mismatch")
    victim.lying.repent()
    await victim.opens(alert)
