"""Evidence of a public alert that was forged: each test is named after what is wrong with the document."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from exchange.client.answers import MAX_EVIDENCE
from exchange.client.clear import MAX_STATEMENTS, check_clear
from exchange.client.errors import VerificationError
from exchange.model.entry import parse_entry
from exchange.store import logs
from exchange.tlog.checkpoint import Checkpoint, signed_text
from keys import encoding
from keys.envelope import Envelope
from keys.note import LogSigner, sign_checkpoint
from keys.sign import SoftwareSigner, add_signature
from tests.support.clear import Document, changed, encoded, evidence, places, publish
from tests.support.web import Partnership, WebLive, listening, partnership
from tests.support.world import Randomness


class Scene:
    """A public alert, its evidence, and who is asked to believe a forged one."""

    def __init__(self, place: Partnership, alert: str, document: Document) -> None:
        self.place, self.alert, self._document = place, alert, document
        self.exchange = place.world.exchange

    @property
    def document(self) -> Document:
        """A copy of one's own."""
        return copy.deepcopy(self._document)

    def refused(self, data: bytes | Document, exchange: str | None = None, statement: str | None = None) -> str:
        """``step code`` of the refusal; with the rule where one refused."""
        forged = data if isinstance(data, bytes) else encoded(data)
        with pytest.raises(VerificationError) as caught:
            check_clear(forged, exchange or self.exchange, statement)
        error = caught.value
        return " ".join(filter(None, (error.name, error.rule, error.code)))

    def chain(self, document: Document, subject: str) -> list[dict[str, Any]]:
        """The registry statements about a subject."""
        items = document["registry"]["statements"]
        return [item for item in items if parse_entry(encoding.unb64(item["entry"])).subject == subject]

    def without(self, subject: str, part: slice = slice(None)) -> Document:
        """The evidence with a chain, or a part of it, left out."""
        document = self.document
        for item in self.chain(document, subject)[part]:
            document["registry"]["statements"].remove(item)
        return document


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with listening(tmp_path) as place:
        world = place.world
        for roles in (["approver", "author"], ["approver"]):
            previous = world.previous(f"person/{place.approver.person}")
            change = world.by_registrars(
                "person.change", person=place.approver.person, previous=previous, roles=roles, topics=[]
            )
            await world.post(change)
        alert = await publish(place)
        yield Scene(place, alert.id, await evidence(place, alert))


async def test_the_evidence_that_is_forged_here_verifies_as_it_is(scene: Scene):
    check_clear(encoded(scene.document), scene.exchange, scene.alert)


def _flip(value: Any) -> Any:
    """Another value as near as possible: one bit of a number, one character of a text."""
    if isinstance(value, int):
        return value ^ 1
    place = len(value) // 2
    return value[:place] + ("B" if value[place : place + 1] == "A" else "A") + value[place + 1 :]


async def test_a_flipped_bit_anywhere_is_refused(scene: Scene):
    """Every kind of place in the document, the first and the last of its kind: nothing in it is without meaning."""
    document = scene.document
    kinds: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for path in places(document):
        kinds.setdefault(tuple("*" if isinstance(step, int) else step for step in path), []).append(path)
    assert len(kinds) > 25
    for paths in kinds.values():
        for path in {paths[0], paths[-1]}:
            with pytest.raises(VerificationError):
                check_clear(changed(document, path, _flip), scene.exchange)
                pytest.fail(f"{path} may be anything")


async def test_values_of_any_other_kind_are_refused_and_never_crash_the_check(scene: Scene):
    """Another type, nothing, or another place's value, at a few hundred places: a refusal each time, no other error."""
    document, random = scene.document, Random(12)
    found = places(document)
    others = [None, True, -1, 2**53 - 1, "", "A", [], {}, {"a": "b"}]
    for _ in range(300):
        path = random.choice(found)
        if random.random() < 0.5:
            path = path[: random.randint(1, len(path))]
        other = random.choice(found)
        value: Any = document
        for step in other:
            value = value[step]
        replaced = random.choice([*others, value])
        holder: Any = document
        for step in path:
            holder = holder[step]
        if replaced is None or replaced == holder:
            continue
        with pytest.raises(VerificationError):
            check_clear(changed(document, path, lambda _, replaced=replaced: replaced), scene.exchange)


async def test_bytes_before_or_after_the_document_are_refused(scene: Scene):
    data = encoded(scene.document)
    for forged in (
        b" " + data,
        data + b"\n",
        data[:-1],
        b"",
        b"[]",
        data.replace(b'"index":', b'"index":0,"index":', 1),
    ):
        assert scene.refused(forged) == "V1 evidence-malformed"


async def test_a_field_that_is_not_known_is_refused(scene: Scene):
    assert scene.refused({**scene.document, "believe": "me"}) == "V1 evidence-malformed"


async def test_an_oversized_document_is_refused_before_it_is_read(scene: Scene):
    assert scene.refused(b'{"a":"' + b"x" * MAX_EVIDENCE + b'"}') == "V1 evidence-malformed"


async def test_more_statements_than_allowed_are_refused(scene: Scene):
    document = scene.document
    items = document["registry"]["statements"]
    items += [items[-1]] * (MAX_STATEMENTS + 1 - len(items))
    assert scene.refused(document) == "V1 evidence-malformed"


async def test_evidence_of_another_exchange_is_refused(scene: Scene):
    assert scene.refused(scene.document, exchange="0" * 64) == "V1 other-exchange"


async def test_evidence_that_only_calls_itself_by_the_exchanges_id_is_refused(scene: Scene, tmp_path: Path):
    """A second exchange whose evidence is complete in itself, with the id of the first written over its own."""
    world = WebLive(tmp_path / "other", seed="other")
    await world.begin()
    try:
        other = await partnership(world)
        await world.listen()
        try:
            forged = await evidence(other, await publish(other))
        finally:
            await world.silence()
    finally:
        await world.stop()
    check_clear(encoded(forged), world.exchange)
    assert scene.refused({**forged, "exchange": scene.exchange}) == "V1 other-exchange"


async def test_another_alerts_evidence_is_refused(scene: Scene):
    other = await publish(scene.place)
    forged = await evidence(scene.place, other)
    assert scene.refused(forged, statement=scene.alert) == "V2 statement-mismatch"


async def test_another_alerts_statement_under_this_ones_proof_is_refused(scene: Scene):
    forged = await evidence(scene.place, await publish(scene.place))
    assert scene.refused({**scene.document, "envelope": forged["envelope"]}) == "V2 statement-mismatch"


async def test_another_entry_of_the_journal_is_refused(scene: Scene):
    """The entry of the proposal stands in the journal as well, and releases nothing."""
    place = scene.place
    proposal = await place.propose("CLEAR")
    other = await evidence(place, await publish(place))
    ledger = place.world.exchange_server.ledger
    index = ledger.head("journal").size - 2
    [entry] = await place.world.exchange_server.store.read(logs.entries, "journal", index, 1)
    assert parse_entry(entry).statement == proposal.id
    proof = await ledger.proof_at("journal", index, ledger.head("journal").size)
    forged = {
        **other,
        "entry": encoding.b64(entry),
        "envelope": proposal.envelope.to_json(),
        "index": index,
        "proof": [encoding.b64(item) for item in proof],
    }
    assert scene.refused(forged) == "V2 entry-mismatch"


async def test_a_wrong_inclusion_proof_is_refused(scene: Scene):
    document = scene.document
    document["proof"] = document["proof"][:-1]
    assert scene.refused(document) == "V2 proof-invalid"
    document = scene.document
    document["registry"]["statements"][3]["proof"] = document["registry"]["statements"][4]["proof"]
    assert scene.refused(document) == "V3 proof-invalid"


async def test_a_checkpoint_by_other_keys_is_refused(scene: Scene):
    for holder in ("registry", "journal"):
        document = scene.document
        note = (document if holder == "journal" else document["registry"])["checkpoint"]
        head = Checkpoint.parse(signed_text(note.encode()))
        forged = sign_checkpoint(head.text(), LogSigner.generate(head.origin, Randomness("thief")), 1).decode()
        (document if holder == "journal" else document["registry"])["checkpoint"] = forged
        assert scene.refused(document) == "V1 checkpoint-invalid"


async def test_the_journals_checkpoint_in_place_of_the_registrys_is_refused(scene: Scene):
    document = scene.document
    document["registry"]["checkpoint"] = document["checkpoint"]
    assert scene.refused(document) == "V1 checkpoint-invalid"


async def test_a_head_that_the_checkpoint_does_not_continue_is_refused(scene: Scene):
    for holder in ("registry", "journal"):
        document = scene.document
        heads = (document if holder == "journal" else document["registry"])["heads"]
        heads[-1]["root"] = "0" * 64
        assert scene.refused(document) == "V2 fork"


async def test_a_registry_other_than_the_one_at_acceptance_is_refused(scene: Scene):
    """The chains may end earlier than at acceptance only with a head that the journal's entry does not name."""
    document = scene.document
    ledger = scene.place.world.exchange_server.ledger
    size = document["registry"]["heads"][-1]["size"] - 1
    new = Checkpoint.parse(signed_text(document["registry"]["checkpoint"].encode())).size
    proof = await ledger.consistency_proof("registry", size, new)
    root = await ledger.root_at("registry", size)
    document["registry"]["heads"] = [
        {"proof": [encoding.b64(item) for item in proof], "root": root.hex(), "size": size}
    ]
    assert scene.refused(document) == "V2 registry-unknown"


async def test_a_gap_in_a_chain_is_refused(scene: Scene):
    """The approver's roles were changed twice: the change between cannot be left out, and neither can the enrolment."""
    subject = f"person/{scene.place.approver.person}"
    assert scene.refused(scene.without(subject, slice(1, 2))) == "V3 M5 previous-mismatch"
    assert scene.refused(scene.without(subject, slice(0, 1))) == "V3 M6 person-unknown"


async def test_the_end_of_a_chain_cannot_be_seen_from_outside_and_that_is_said(scene: Scene):
    """What no visitor can know: entries are for members. The page, the command and docs/soundness.md say so."""
    check_clear(encoded(scene.without(f"person/{scene.place.approver.person}", slice(2, 3))), scene.exchange)


@pytest.mark.parametrize("who", ["author", "approver"])
async def test_a_signer_whose_chain_is_missing_is_refused(scene: Scene, who: str):
    member = getattr(scene.place, who)
    assert scene.refused(scene.without(f"device/{member.device}")) == "V3 signer-unknown"


async def test_missing_terms_policy_or_organisation_is_refused(scene: Scene):
    authority = scene.place.authority
    assert scene.refused(scene.without("policy")) == "V5 R9 policy-missing"
    assert scene.refused(scene.without(f"organisation/{authority}")).startswith("V3 M")


async def test_a_missing_founding_is_refused(scene: Scene):
    document = scene.document
    del document["registry"]["statements"][0]
    assert scene.refused(document) == "V1 founding-missing"


async def test_swapped_chains_are_refused(scene: Scene):
    """The approver's device under another person's chain: every statement stands in the registry, at another place."""
    document = scene.document
    [author] = scene.chain(document, f"device/{scene.place.author.device}")
    [approver] = scene.chain(document, f"device/{scene.place.approver.device}")
    for field in ("entry", "proof"):
        author[field], approver[field] = approver[field], author[field]
    assert scene.refused(document).startswith("V3 ")
    document = scene.document
    document["registry"]["statements"].reverse()
    assert scene.refused(document) == "V1 founding-missing"
    document = scene.document
    items = document["registry"]["statements"]
    items[1], items[2] = items[2], items[1]
    assert scene.refused(document) == "V1 evidence-malformed"


async def test_a_statement_that_is_not_in_the_registry_is_refused(scene: Scene):
    """A device of the attacker's, enrolled by nobody, with an entry that looks like one."""
    document = scene.document
    items = document["registry"]["statements"]
    items.append({**items[-1], "index": items[-1]["index"] + 1})
    assert scene.refused(document) == "V3 proof-invalid"


async def test_another_signature_set_is_refused(scene: Scene):
    """One signature fewer, one more, or one by somebody else: the entry names the set that was accepted."""
    document = scene.document
    envelope = Envelope.from_json(document["envelope"])
    more = add_signature(envelope, SoftwareSigner.generate(Randomness("third")))
    fewer = Envelope(
        envelope.kind, envelope.body, tuple(s for s in envelope.signatures if s != envelope.signatures[-1])
    )
    for forged in (more, fewer):
        assert scene.refused({**document, "envelope": forged.to_json()}) == "V2 signatures-mismatch"


async def test_content_that_was_not_signed_is_refused(scene: Scene):
    document = scene.document
    content = encoding.unb64(document["content"]).replace("Straße".encode(), b"Strasse")
    assert scene.refused({**document, "content": encoding.b64(content)}) == "V6 part-mismatch"
    del document["content"]
    assert scene.refused(document) == "V6 content-missing"


NAMES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another value": lambda name: name.update(value="Polizei Esssen"),
    "another statement": lambda name: name.update(statement="0" * 64),
    "another salt": lambda name: name.update(salt=encoding.b64u(bytes(32))),
}


@pytest.mark.parametrize("what", NAMES)
async def test_a_name_that_nobody_committed_to_is_refused(scene: Scene, what: str):
    document = scene.document
    NAMES[what](document["name"])
    assert scene.refused(document) == "V3 M14 opening-mismatch"
