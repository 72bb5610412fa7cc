"""What each caller is handed over HTTP: statements, pages, alerts, leaves, receipts, logs, and the headers around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from exchange.model.entry import parse_entry
from exchange.tlog.bundles import decode_bundle
from exchange.tlog.checkpoint import Checkpoint, signed_text
from exchange.tlog.merkle import leaf_hash, verify_inclusion
from exchange.tlog.tiles import Bundle, Tile
from keys import encoding
from keys.envelope import Envelope
from keys.stanza import Neighbour, parse_leaf_list, verify_absence
from tests.support.web import Answer, Partnership, listening
from tests.support.world import Member


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


async def get(place: Partnership, member: Member, path: str) -> Answer:
    return await place.world.get(path, await place.world.session(member))


async def pages(place: Partnership, member: Member, path: str, limit: int) -> list[dict[str, Any]]:
    """All items of all pages; `next` goes on and is absent at the end."""
    token, found, start = await place.world.session(member), [], 0
    while True:
        page = (await place.world.get(f"{path}?start={start}&limit={limit}", token)).json
        found += page["statements"]
        if "next" not in page:
            return found
        assert len(page["statements"]) == limit and page["next"] > found[-1]["index"]
        start = page["next"]


async def test_an_accepted_statement_is_answered_with_a_proof_for_the_checkpoint_beside_it(place: Partnership):
    world = place.world
    alert = await world.alert(place.author, "AMBER", place.audience)
    answer = (await world.send(alert)).json
    [result] = answer["results"]
    assert (result["statement"], result["log"], result["kind"]) == (alert.id, "journal", "alert.released")
    head = Checkpoint.parse(signed_text(answer["journal"].encode()))
    data = (await get(place, place.officer, f"/journal/{Bundle(0, head.size).path}")).body
    entry = decode_bundle(data, head.size)[result["index"]]
    assert parse_entry(entry).statement == alert.id
    proof = [encoding.unb64(item) for item in result["proof"]]
    verify_inclusion(leaf_hash(entry), result["index"], head.size, proof, head.root)
    assert (await world.send(alert)).json["results"] == answer["results"], "sent again, answered the same"


async def test_the_exchange_names_itself_by_its_founding(place: Partnership):
    answer = (await place.world.get("/v1/exchange")).json
    assert Envelope.from_json(answer["founding"]).statement_id == answer["exchange"] == place.world.exchange
    assert answer["time"] == place.world.now and answer["origin"] == "exchange.example"


async def test_a_server_that_is_not_founded_says_so(place: Partnership):
    reading = place.world.context.reading
    state = reading._state
    founding, state.founding = state.founding, None
    answer = await place.world.get("/v1/exchange")
    state.founding = founding
    assert (answer.status, answer.code) == (503, "not-founded") and answer.headers["Retry-After"] == "1"


async def test_registry_pages_hold_what_the_reader_is_shown_with_what_it_is_handed(place: Partnership):
    world = place.world
    size = world.sizes()[0]
    assert [item["index"] for item in await pages(place, place.author, "/v1/registry/statements", 7)] == list(
        range(size)
    )
    shown = await pages(place, place.officer, "/v1/registry/statements", 3)
    assert 0 < len(shown) < size
    kinds = {Envelope.from_json(item["envelope"]).kind for item in shown}
    assert {"exchange.found", "policy.adopt", "organisation.admit", "person.enrol", "device.enrol"} == kinds
    names = {opening["value"] for item in shown for opening in item["openings"]}
    assert names == {"Polizei Essen", "A. Autorin", "B. Freigabe", "Stadtwerke", "D. Sicherheit"}
    audited = await pages(place, place.auditor, "/v1/registry/statements", 256)
    assert len(audited) == size
    assert "D. Sicherheit" not in {opening["value"] for item in audited for opening in item["openings"]}


async def test_openings_match_the_commitments_beside_them(place: Partnership):
    for item in await pages(place, place.author, "/v1/registry/statements", 256):
        body = encoding.decode(Envelope.from_json(item["envelope"]).body, max_bytes=65_536)
        given = {
            o["field"]: encoding.commitment(o["field"], encoding.unb64u(o["salt"]), o["value"])
            for o in item["openings"]
        }
        assert given == body.get("commitments", {})


async def test_a_registry_statement_that_is_not_shown_is_not_read_by_its_id_either(place: Partnership):
    world = place.world
    stranger = world.exchange_server.state.roster.facts.chains[f"person/{place.stranger.person}"]
    answer = await get(place, place.officer, f"/v1/statements/{stranger}")
    assert (answer.status, answer.code) == (403, "not-entitled")
    assert (await get(place, place.author, f"/v1/statements/{stranger}")).json["log"] == "registry"
    assert (await get(place, place.author, f"/v1/statements/{'0' * 64}")).code == "statement-unknown"


async def test_epoch_pages_go_on_in_journal_order_and_their_bundles_are_every_members(place: Partnership):
    items = await pages(place, place.officer, "/v1/epochs", 2)
    assert [item["index"] for item in items] == [0, 1, 2, 3, 4]
    body = encoding.decode(Envelope.from_json(items[0]["envelope"]).body, max_bytes=65_536)
    bundle = await get(place, place.stranger, f"/v1/blobs/{body['bundle']['sha256']}")
    assert sha256(bundle.body).hexdigest() == body["bundle"]["sha256"]
    assert bundle.headers["Content-Type"] == "application/octet-stream"


async def test_who_has_no_leaf_is_shown_the_neighbours_that_prove_it(place: Partnership):
    world = place.world
    alert = await place.release()
    core, sealed = alert.alert.core, alert.alert.sealed
    for member in (place.stranger, place.administrator):
        tag = world.identities[member.device].tag(
            encoding.unb64u(str(sealed.ephemeral)), encoding.unb64u(core.alert), core.version
        )
        answer = (await get(place, member, f"/v1/alerts/{alert.id}?tag={encoding.b64u(tag)}")).json
        assert answer.keys() == {"index", "neighbours"}
        neighbours = [
            Neighbour(
                n["index"],
                encoding.unb64u(n["tag"]),
                bytes.fromhex(n["inner"]),
                tuple(bytes.fromhex(node) for node in n["path"]),
            )
            for n in answer["neighbours"]
        ]
        verify_absence(bytes.fromhex(str(sealed.root)), sealed.depth or 0, tag, neighbours)
    bare = await get(place, place.stranger, f"/v1/alerts/{alert.id}")
    assert (bare.status, bare.code) == (400, "tag-missing")


async def test_anothers_tag_shows_nothing(place: Partnership):
    alert = await place.release()
    leaf = (await get(place, place.officer, f"/v1/alerts/{alert.id}")).json["leaf"]
    answer = await get(place, place.stranger, f"/v1/alerts/{alert.id}?tag={leaf['tag']}")
    assert (answer.status, answer.code) == (409, "tag-present")


async def test_a_device_enrolled_later_has_no_leaf_of_an_earlier_alert(place: Partnership):
    world = place.world
    alert = await place.release()
    device = await world.enrol_device(place.officer)
    token = await world.session(place.officer, device)
    assert (await world.get(f"/v1/alerts/{alert.id}", token)).code == "tag-missing"
    part = alert.alert.sealed.parts[0].sha256
    assert (await world.get(f"/v1/blobs/{part}", token)).code == "not-entitled"


async def test_a_recipient_whose_organisation_owes_the_terms_is_handed_no_alert(place: Partnership):
    world = place.world
    alert = await place.release()
    document = {"length": 10, "sha256": "0" * 64}
    await world.post(world.by_registrars("terms.define", accept_by=world.now + 1, document=document, version=1))
    world.now += 10
    answer = await get(place, place.officer, f"/v1/alerts/{alert.id}")
    assert (answer.status, answer.code, answer.json["rule"]) == (403, "terms-not-accepted", "R1")
    part = alert.alert.sealed.parts[0].sha256
    assert (await get(place, place.officer, f"/v1/blobs/{part}")).code == "not-entitled"
    assert (await get(place, place.officer, "/v1/registry/statements")).status == 200


async def test_the_leaf_list_leads_to_the_signed_root(place: Partnership):
    alert = await place.release()
    leaves = parse_leaf_list((await get(place, place.auditor, f"/v1/alerts/{alert.id}/leaves")).body)
    assert len(leaves) == alert.alert.core.leaves
    clear = await place.publish_clear()
    answer = await get(place, place.auditor, f"/v1/alerts/{clear.id}/leaves")
    assert (answer.status, answer.code) == (404, "alert-without-leaves")


async def test_receipts_are_states_by_organisation_for_the_authors_side(place: Partnership):
    world = place.world
    alert = await place.release()
    path = f"/v1/alerts/{alert.id}/receipts"
    assert (await get(place, place.author, path)).json == {
        "organisations": [
            {"organisation": organisation, "state": "silent"}
            for organisation in sorted((place.authority, place.company))
        ],
        "statement": alert.id,
    }
    delivered_at = world.now
    await get(place, place.officer, f"/v1/alerts/{alert.id}")
    states = {o["organisation"]: o for o in (await get(place, place.author, path)).json["organisations"]}
    company = {"organisation": place.company}
    times = {"delivered": delivered_at}
    assert states[place.company] == {**company, "at": delivered_at, "state": "delivered", "times": times}
    world.now += 60
    await world.post(world.by_device("alert.receipt", place.officer, alerts=[alert.id], level="read"))
    states = {o["organisation"]: o for o in (await get(place, place.approver, path)).json["organisations"]}
    times["read"] = world.now
    assert states[place.company] == {**company, "at": world.now, "state": "read", "times": times}
    assert states[place.authority]["state"] == "silent"


async def test_receipts_are_by_person_for_red(place: Partnership):
    world = place.world
    core = {"approvals": 1, "approvers": [place.approver.person]}
    proposal = await world.alert(place.author, "RED", {"persons": [place.officer.person]}, core=core)
    alert = world.approve(proposal, place.approver)
    await world.post(alert)
    await world.post(world.by_device("alert.receipt", place.officer, alerts=[alert.id], level="received"))
    answer = (await get(place, place.author, f"/v1/alerts/{alert.id}/receipts")).json
    states = {item["person"]: item["state"] for item in answer["persons"]}
    assert states == {place.officer.person: "received", place.author.person: "silent", place.approver.person: "silent"}


async def test_auditors_are_handed_the_receipts_themselves(place: Partnership):
    world = place.world
    alert = await place.release()
    receipt = world.by_device("alert.receipt", place.officer, alerts=[alert.id], level="read")
    await world.post(receipt)
    world.context.claims.delivered(alert.id, place.officer.device)
    await world.context.claims.flush()
    answer = (await get(place, place.auditor, f"/v1/alerts/{alert.id}/receipts")).json
    found = [Envelope.from_json(item["envelope"]) for item in answer["statements"]]
    assert [envelope.kind for envelope in found] == ["alert.receipt", "alert.deliver"]
    assert (await get(place, place.author, f"/v1/statements/{receipt.id}")).code == "not-entitled"
    assert (await get(place, place.officer, f"/v1/statements/{receipt.id}")).status == 200


async def test_a_rejection_is_read_by_those_who_handle_the_alert(place: Partnership):
    world = place.world
    proposal = await place.propose()
    reject = world.by_device("alert.reject", place.approver, alert=proposal.id, reason="label")
    await world.post(reject)
    assert (await get(place, place.author, f"/v1/statements/{reject.id}")).status == 200
    assert (await get(place, place.officer, f"/v1/statements/{reject.id}")).code == "not-entitled"
    assert (await get(place, place.approver, "/v1/proposals")).json == {"proposals": []}


async def test_a_proposal_is_answered_with_the_signatures_so_far(place: Partnership):
    world = place.world
    second = await world.enrol("G. Zweite", place.authority, "approver")
    core = {"approvals": 2, "approvers": sorted([place.approver.person, second.person])}
    proposal = await place.propose(core=core)
    listed = (await get(place, second, "/v1/proposals")).json["proposals"]
    assert [(item["statement"], item["signed"]) for item in listed] == [(proposal.id, False)]
    half = world.approve(proposal, place.approver)
    await world.post(half)
    answer = (await get(place, second, f"/v1/alerts/{proposal.id}")).json
    assert answer["envelope"] == half.envelope.to_json() and answer["leaf"]["stanza"]
    assert (await get(place, place.approver, "/v1/proposals")).json["proposals"][0]["signed"] is True
    await world.post(world.approve(half, second))
    assert (await get(place, second, "/v1/proposals")).json == {"proposals": []}
    assert (await get(place, place.officer, f"/v1/alerts/{proposal.id}")).json["leaf"]["stanza"]


async def test_every_signature_set_of_a_proposal_is_read_by_its_number_of_signers(place: Partnership):
    world = place.world
    proposal = await place.propose()
    released = world.approve(proposal, place.approver)
    await world.post(released)
    path = f"/v1/statements/{proposal.id}"
    first = (await get(place, place.auditor, f"{path}?signers=1")).json
    newest = (await get(place, place.auditor, path)).json
    assert first["envelope"] == proposal.envelope.to_json() and newest["envelope"] == released.envelope.to_json()
    assert first["index"] + 1 == newest["index"]
    assert (await get(place, place.author, f"{path}?signers=2")).json == newest
    assert (await get(place, place.stranger, f"{path}?signers=1")).code == "not-entitled"
    for number in (0, 3):
        assert (await get(place, place.auditor, f"{path}?signers={number}")).code == "statement-unknown"
    for query in ("signers=01", "signers=-1", "signers=", "signers=1&signers=2", "n=1"):
        assert (await get(place, place.auditor, f"{path}?{query}")).code == "query-malformed"


async def test_tiles_and_checkpoints_are_public_and_entries_are_not(place: Partnership):
    world = place.world
    for log, size in zip(("registry", "journal"), world.sizes(), strict=True):
        note = await world.get(f"/{log}/checkpoint")
        assert note.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert Checkpoint.parse(signed_text(note.body)).size == size
        tile = await world.get(f"/{log}/{Tile(0, 0, size).path}")
        assert tile.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        bundle = f"/{log}/{Bundle(0, size).path}"
        assert (await world.get(bundle)).status == 401
        entries = decode_bundle((await get(place, place.stranger, bundle)).body, size)
        assert b"".join(leaf_hash(entry) for entry in entries) == tile.body
        assert (await world.get(f"/{log}/{Tile(0, 0, size + 1).path}")).code == "tile-unknown"


async def test_every_answer_says_that_nothing_is_loaded_framed_or_sniffed(place: Partnership):
    world = place.world
    for path in ("/v1/exchange", "/nowhere", "/clear/", "/clear/style.css", "/journal/checkpoint"):
        headers = (await world.get(path)).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
        assert len(headers["X-Request-Id"]) == 16 and "Server" not in headers and "Set-Cookie" not in headers


async def test_health_is_ready_until_writing_stops(place: Partnership):
    world = place.world
    assert (await world.get("/health/live")).json == {"status": "live"}
    assert (await world.get("/health/ready")).json == {"status": "ready"}
    world.exchange_server.store.stop_writing()
    answer = await world.get("/health/ready")
    assert (answer.status, answer.code) == (503, "writing-stopped")
    refused = await world.send(world.by_device("alert.receipt", place.officer, alerts=["0" * 64], level="read"))
    assert (refused.status, refused.code) == (503, "writing-stopped")
    assert (await world.get("/v1/exchange")).status == 200, "reading goes on"
    token = await world.session(place.officer)
    assert (await world.call("DELETE", "/v1/session", token)).status == 204
    assert (await world.get("/v1/epochs", token)).status == 401


async def test_an_upload_without_a_length_is_refused_and_one_that_is_known_is_not_read(place: Partnership):
    world = place.world
    token = await world.session(place.author)
    data = b"Anlage" * 1000
    path = f"/v1/blobs/{sha256(data).hexdigest()}"

    async def pieces() -> AsyncIterator[bytes]:
        yield data

    async with world.client.put(path, data=pieces(), headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == 411
    first, second = await world.call("PUT", path, token, data), await world.call("PUT", path, token, data)
    assert (first.status, second.status) == (201, 200)
    assert first.json == second.json == {"length": len(data), "sha256": sha256(data).hexdigest()}


async def test_what_a_defect_says_stays_inside(place: Partnership, monkeypatch: pytest.MonkeyPatch):
    """An unexpected error: the caller gets an id, the operator a place in the code, nobody the message."""
    world = place.world

    def broken() -> bytes:
        raise RuntimeError("secret value in a message")

    monkeypatch.setattr(world.context.reading, "exchange", broken)
    answer = await world.get("/v1/exchange")
    assert (answer.status, answer.code) == (500, "internal") and "secret" not in answer.body.decode()
    [line] = [line for line in world.logged() if line["event"] == "defect"]
    assert line["error"] == "RuntimeError" and line["id"] == answer.headers["X-Request-Id"]
    assert any("broken" in item for item in line["places"]) and "secret" not in world.log.getvalue()
