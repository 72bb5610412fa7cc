"""Attacks on the server, each test named after its attack.

After each: the answer is a problem with a code and no traceback, the log sizes are what they were, both logs verify from
their entries, and the operator's log holds nothing of what was sent.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exchange.model.scalars import DAY
from exchange.model.statements import Statement, parse_statement
from exchange.store import logs
from exchange.tlog.checkpoint import LOGS, Checkpoint
from exchange.tlog.merkle import Frontier, leaf_hash
from keys import encoding
from keys.envelope import Envelope, Signature
from keys.note import verify_checkpoint
from keys.sign import SoftwareSigner, add_signature
from tests.support.web import Answer, Partnership, WebLive, listening
from tests.support.world import Member

LOW_ORDER = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
"""A point of order 8 on Ed25519's curve: the neutral element eight steps on."""
SECRET = "Geheim-ist-der-Treffpunkt"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        before = found.world.sizes()
        yield found
        assert found.world.sizes() == before, "an attack that failed leaves the logs as they were"
        await logs_verify(found.world)
        operator_learns_nothing(found.world)


async def logs_verify(world: WebLive) -> None:
    """Both logs, rebuilt from their entries alone, lead to their signed checkpoints."""
    ledger, founding = world.exchange_server.ledger, world.exchange_server.state.founding
    assert founding is not None
    for log in LOGS:
        entries = await world.exchange_server.store.read(logs.entries, log, 0, 10_000)
        signer = world.server.registry if log == "registry" else world.server.journal
        verified = verify_checkpoint(ledger.checkpoint(log), signer.origin, signer.public)
        head = Checkpoint.parse(verified.text)
        frontier = Frontier().extend([leaf_hash(entry) for entry in entries])
        assert (head.size, head.root) == (len(entries), frontier.root())


def operator_learns_nothing(world: WebLive) -> None:
    """Requests are logged by pattern; no body, token, id or secret is in the log."""
    text = world.log.getvalue()
    assert SECRET not in text and "Traceback" not in text and "Bearer" not in text
    for line in world.logged():
        assert line["event"] in {"request", "connections-cut"}, line
        if line["event"] == "request":
            assert set(line) == {"event", "id", "level", "method", "milliseconds", "route", "status", "timestamp"}
            assert "=" not in line["route"] and not any(len(part) == 64 for part in line["route"].split("/"))


def refused(answer: Answer, status: int, code: str, rule: str | None = None) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert (answer.status, problem["code"], problem.get("rule")) == (status, code, rule), answer.body
    assert problem["type"] == f"urn:tlp-exchange:problem:{code}" and problem["status"] == status
    assert "Traceback" not in answer.body.decode() and ".py" not in answer.body.decode()
    assert SECRET not in answer.body.decode()
    assert "Server" not in answer.headers


async def post(world: WebLive, body: bytes) -> Answer:
    return await world.call("POST", "/v1/statements", body=body, headers={"Content-Type": "application/json"})


def policy(world: WebLive, signers: int | None = None, **fields: Any) -> Statement:
    """A statement of the registrars that would be accepted, but for what a test does to it."""
    adopted = world.exchange_server.state.roster.facts.policy
    assert adopted is not None
    previous = world.previous("policy")
    return world.by_registrars("policy.adopt", signers=signers, policy=adopted.to_json(), previous=previous, **fields)


def strict(world: WebLive) -> bytes:
    """The body of a request, as it should be."""
    statement = policy(world)
    return encoding.encode({"statements": [{"envelope": statement.envelope.to_json()}]})


# -- bytes that two readers could read differently -----------------------------------------------------------------------


async def test_duplicate_keys(place: Partnership):
    refused(await post(place.world, b'{"statements":[],"statements":[]}'), 400, "duplicate-key")


async def test_nan_and_other_numbers(place: Partnership):
    for number in (b"NaN", b"Infinity", b"-Infinity", b"1.0", b"1e3", b"9007199254740993"):
        answer = await post(place.world, b'{"statements":%b}' % number)
        assert answer.code in {"number", "integer-range"}, number
        refused(answer, 400, answer.code)


async def test_deep_nesting(place: Partnership):
    refused(await post(place.world, b'{"statements":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), 400, "too-deep")


async def test_byte_order_mark(place: Partnership):
    refused(await post(place.world, b"\xef\xbb\xbf" + strict(place.world)), 400, "not-json")


async def test_lone_surrogates(place: Partnership):
    for text in (rb'"\ud800"', b'"\xed\xa0\x80"'):
        answer = await post(place.world, b'{"statements":%b}' % text)
        assert answer.code in {"lone-surrogate", "not-utf8"}, text
        refused(answer, 400, answer.code)


async def test_utf_16(place: Partnership):
    for codec in ("utf-16", "utf-16-le", "utf-32"):
        answer = await post(place.world, strict(place.world).decode().encode(codec))
        assert answer.code in {"not-utf8", "not-json"}, codec
        refused(answer, 400, answer.code)


async def test_trailing_bytes(place: Partnership):
    for tail in (b"\n", b" ", b"{}", b"\x00"):
        answer = await post(place.world, strict(place.world) + tail)
        assert answer.code in {"not-strict", "not-json"}, tail
        refused(answer, 400, answer.code)


async def test_other_spelling_of_the_same_value(place: Partnership):
    spaced = json.dumps(json.loads(strict(place.world))).encode()
    refused(await post(place.world, spaced), 400, "not-strict")


async def test_non_canonical_base64(place: Partnership):
    body = json.loads(strict(place.world))
    envelope = body["statements"][0]["envelope"]
    line = envelope["signatures"][0]
    assert line["sig"].endswith("==")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = line["sig"][-3]
    other = letters[letters.index(last) ^ 1]
    assert base64.b64decode(line["sig"]) == base64.b64decode(line["sig"][:-3] + other + "==")
    line["sig"] = line["sig"][:-3] + other + "=="
    refused(await post(place.world, encoding.encode(body)), 400, "bad-envelope")


# -- sizes ----------------------------------------------------------------------------------------------------------------


async def test_oversize_request(place: Partnership):
    most = place.world.config.limits.request_bytes
    refused(await post(place.world, b"x" * (most + 1)), 413, "body-too-large")


async def test_oversize_request_without_announced_length(place: Partnership):
    world = place.world

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"x" * 65_536

    async with world.client.post("/v1/statements", data=endless()) as answer:
        assert answer.status == 413
        assert (await answer.json(content_type=None))["code"] == "body-too-large"


async def test_oversize_body_of_a_statement(place: Partnership):
    envelope = {"payload": base64.b64encode(b"x" * 65_537).decode(), "signatures": []}
    envelope["payloadType"] = "application/vnd.tlp-exchange.policy.adopt.v1+json"
    refused(await post(place.world, encoding.encode({"statements": [{"envelope": envelope}]})), 413, "body-too-large")


async def test_too_many_statements(place: Partnership):
    item = json.loads(strict(place.world))["statements"][0]
    item["envelope"]["signatures"] = []
    refused(await post(place.world, encoding.encode({"statements": [item] * 257})), 413, "batch-size")
    refused(await post(place.world, b'{"statements":[]}'), 413, "batch-size")


async def test_compressed_body(place: Partnership):
    """A few bytes that become gigabytes are not even looked at."""
    world = place.world
    answer = await world.call("POST", "/v1/statements", body=b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"})
    refused(answer, 415, "body-encoding")


async def test_oversize_blob(place: Partnership):
    world = place.world
    token = await world.session(place.officer)
    refused(await world.call("PUT", f"/v1/blobs/{'0' * 64}", token, b"x" * 131_073), 413, "blob-too-large")


async def test_blob_that_is_not_its_hash(place: Partnership):
    world = place.world
    token = await world.session(place.author)
    data = b"another's name over one's own bytes"
    refused(await world.call("PUT", f"/v1/blobs/{'0' * 64}", token, data), 400, "blob-hash")
    refused(await world.get(f"/v1/blobs/{'0' * 64}", token), 404, "blob-unknown")


# -- statements ----------------------------------------------------------------------------------------------------------


async def test_unknown_fields(place: Partnership):
    world = place.world
    body = json.loads(strict(world))
    body["note"] = SECRET
    refused(await post(world, encoding.encode(body)), 400, "body-malformed")
    body = json.loads(strict(world))
    body["statements"][0]["note"] = SECRET
    refused(await post(world, encoding.encode(body)), 400, "body-malformed")
    # in what is signed: the signatures are right, the schema is closed
    body = {**json.loads(policy(world).envelope.body), "note": SECRET}
    envelope = Envelope("policy.adopt", encoding.encode(body), ())
    for signer in world.registrars[: world.threshold]:
        envelope = add_signature(envelope, signer)
    answer = await post(world, encoding.encode({"statements": [{"envelope": envelope.to_json()}]}))
    refused(answer, 400, "body-malformed")


async def test_low_order_ed25519_key(place: Partnership):
    world = place.world
    organisation = place.company
    member = Member(world.random.id(), organisation, ("officer",))
    member.person = place.officer.person
    fields, _, _ = world.device_fields(member)
    fields["signing"] = {**fields["signing"], "ed25519": encoding.b64u(bytes.fromhex(LOW_ORDER))}
    refused(await world.send(world.by_registrars("device.enrol", **fields)), 422, "bad-ed25519-key", "M11")


async def test_statement_for_another_exchange(place: Partnership):
    world = place.world
    refused(await world.send(policy(world, exchange="0" * 64)), 403, "other-exchange", "M1")
    receipt = world.by_device("alert.receipt", place.officer, alerts=["0" * 64], exchange="0" * 64, level="read")
    refused(await world.send(receipt), 403, "other-exchange")


async def test_session_for_another_exchange(place: Partnership):
    refused(await place.world.open(place.officer, exchange="0" * 64), 403, "other-exchange")


async def test_signature_of_the_wrong_kind(place: Partnership):
    """Half a hybrid signature where both halves are demanded, and a whole one where one is."""
    world = place.world
    statement = policy(world)
    half = tuple(line for line in statement.envelope.signatures if line.algorithm == "ed25519")
    sealed = replace(statement, envelope=Envelope(statement.envelope.kind, statement.envelope.body, half))
    refused(await world.send(sealed), 403, "signature-missing", "M3")
    challenge = await world.challenge()
    one = Envelope.decode(world.session_statement(place.officer, challenge))
    both = add_signature(Envelope(one.kind, one.body, ()), place.officer.signer, scheme="hybrid")
    refused(await world.call("POST", "/v1/sessions", body=both.encode()), 403, "signature-wrong-kind", "V3")


async def test_one_signature_missing(place: Partnership):
    world = place.world
    statement = policy(world, signers=1)
    refused(await world.send(statement), 403, "signer-set", "M3")


async def test_one_signature_too_many(place: Partnership):
    world = place.world
    statement = policy(world, signers=3)
    refused(await world.send(statement), 403, "signer-set", "M3")
    alert = await world.alert(place.author, "AMBER", place.audience)
    extra = parse_statement(add_signature(alert.envelope, place.stranger.signer))
    answer = await world.send(extra)
    refused(answer, answer.status, answer.code, answer.json.get("rule"))
    assert answer.status in {403, 422} and answer.json["rule"] in {"R8", "V3"}


async def test_signature_by_a_stranger(place: Partnership):
    world = place.world
    statement = policy(world)
    stranger = SoftwareSigner.generate(world.random)
    signed = add_signature(Envelope(statement.envelope.kind, statement.envelope.body, ()), stranger)
    refused(await world.send(parse_statement(signed)), 403, "signer-unknown", "M3")


async def test_signature_over_other_bytes(place: Partnership):
    world = place.world
    statement = policy(world)
    lines = list(statement.envelope.signatures)
    broken = bytearray(lines[0].sig)
    broken[0] ^= 1
    lines[0] = Signature(lines[0].keyid, bytes(broken))
    sealed = Envelope(statement.envelope.kind, statement.envelope.body, tuple(lines))
    refused(await world.send(parse_statement(sealed)), 403, "signature-invalid", "M3")


async def test_second_founding(place: Partnership):
    world = place.world
    answer = await world.send(world.founding())
    refused(answer, answer.status, answer.code, "M1")


def _devices(place: Partnership) -> list[str]:
    """The devices that AMBER+STRICT to the company names: its officer's, and the author's."""
    return [place.author.device, place.officer.device]


async def test_amber_strict_alert_with_one_recipient_too_many(place: Partnership):
    world = place.world
    devices = [*_devices(place), place.stranger.device]
    alert = await world.alert(place.author, "AMBER+STRICT", place.audience, text=SECRET, recipients=devices)
    answer = await world.send(alert)
    assert answer.json["rule"] in {"R9", "R16"}, answer.body
    refused(answer, 422, answer.code, answer.json["rule"])
    assert answer.json["differs"]


async def test_amber_strict_alert_with_one_recipient_too_few(place: Partnership):
    world = place.world
    devices = [d for d in _devices(place) if d != place.officer.device]
    alert = await world.alert(place.author, "AMBER+STRICT", place.audience, text=SECRET, recipients=devices)
    answer = await world.send(alert)
    assert answer.json["rule"] in {"R9", "R16"}, answer.body
    refused(answer, 422, answer.code, answer.json["rule"])


async def test_amber_strict_alert_with_one_recipient_exchanged_for_another(place: Partnership):
    world = place.world
    devices = [d for d in _devices(place) if d != place.officer.device]
    alert = await world.alert(
        place.author, "AMBER+STRICT", place.audience, text=SECRET, recipients=[*devices, place.stranger.device]
    )
    answer = await world.send(alert)
    refused(answer, 422, "recipient-missing", "R9")
    assert answer.json["differs"] == {"missing": [place.officer.device]}


async def test_alert_whose_parts_were_never_uploaded(place: Partnership):
    world = place.world
    alert = await world.alert(place.author, "AMBER", place.audience)
    body = json.loads(alert.envelope.body)
    body["sealed"]["parts"][0]["sha256"] = "0" * 64
    envelope = add_signature(Envelope("alert", encoding.encode(body), ()), place.author.signer)
    answer = await world.send(parse_statement(envelope))
    refused(answer, 409, "blob-missing", "V6")
    assert answer.json["differs"] == {"missing": ["0" * 64]}


# -- paths ----------------------------------------------------------------------------------------------------------------


PATH_TRICKS = (
    "/v1/statements/..%2f..%2fhealth%2flive",
    "/v1/statements/%2e%2e/exchange",
    "/v1/alerts/" + "0" * 63,
    "/v1/alerts/" + "0" * 65,
    "/v1/alerts/" + "A" * 64,
    "/v1/alerts/" + "0" * 64 + "%00",
    "/v1/alerts/" + "0" * 64 + "/",
    "/v1//exchange",
    "//v1/exchange",
    "/v1/./exchange",
    "/v1/../v1/exchange",
    "/V1/EXCHANGE",
    "/v1/exchange/",
    "/registry/tile/0/../../checkpoint",
    "/registry/tile/0/00",
    "/registry/tile/0/0000",
    "/registry/tile/00/000",
    "/registry/tile/0/x000/000",
    "/registry/tile/0/000.p/0",
    "/registry/tile/0/000.p/256",
    "/registry/tile/0/%78001/000",
    "/registry/tile/64/000",
    "/registry/tile/0/999",
    "/clear/style.css/../../v1/exchange",
    "/" + "a" * 600,
)


async def test_path_tricks_in_ids(place: Partnership):
    """The bytes of the request line are ours: no client library tidies them up on the way."""
    world = place.world
    token = await world.session(place.author)
    for path in PATH_TRICKS:
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        reader, writer = await world.raw(request.encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 404 "), (path, head[:40])
        assert json.loads(body)["code"] in {"path-malformed", "not-found", "tile-path", "tile-unknown"}, path


async def test_tricks_in_queries(place: Partnership):
    world = place.world
    token = await world.session(place.stranger)
    for query in (
        "start=-1",
        "start=01",
        "start=1&start=2",
        "start=1e3",
        "begin=0",
        "limit=%2031",
        "start=" + "9" * 20,
    ):
        refused(await world.get(f"/v1/registry/statements?{query}", token), 400, "query-malformed")
    for tag in ("", "AAAA", "AAAAAAAAAAB", "AAAAAAAAAAA=", "0" * 16):
        refused(await world.get(f"/v1/alerts/{'0' * 64}?tag={tag}", token), 400, "query-malformed")


# -- sessions --------------------------------------------------------------------------------------------------------------


async def test_challenge_answered_twice(place: Partnership):
    world = place.world
    statement = world.session_statement(place.officer, await world.challenge())
    assert (await world.call("POST", "/v1/sessions", body=statement)).status == 201
    refused(await world.call("POST", "/v1/sessions", body=statement), 403, "challenge-used")


async def test_challenge_of_ones_own(place: Partnership):
    world = place.world
    statement = world.session_statement(place.officer, encoding.b64u(bytes(32)))
    refused(await world.call("POST", "/v1/sessions", body=statement), 403, "challenge-unknown")


async def test_challenge_after_its_time(place: Partnership):
    world = place.world
    challenge = await world.challenge()
    world.now += 60
    refused(
        await world.call("POST", "/v1/sessions", body=world.session_statement(place.officer, challenge)),
        403,
        "challenge-expired",
    )


async def test_session_opened_in_anothers_name(place: Partnership):
    world = place.world
    answer = await world.open(place.stranger, issuer={"device": place.officer.device})
    refused(answer, 403, "issuer-not-signer")


async def test_session_statement_posted_to_the_logs(place: Partnership):
    world = place.world
    envelope = Envelope.decode(world.session_statement(place.officer, await world.challenge()))
    refused(await world.send(parse_statement(envelope)), 422, "kind-not-logged")


async def test_log_statement_posted_as_a_session(place: Partnership):
    world = place.world
    receipt = world.by_device("alert.receipt", place.officer, alerts=["0" * 64], level="read")
    answer = await world.call("POST", "/v1/sessions", body=receipt.envelope.encode())
    refused(answer, 400, "kind-unexpected")


async def test_servers_own_claim_posted_by_a_member(place: Partnership):
    world = place.world
    key = world.server.statement.public.key_id
    body = world.common(
        issuer={"server": key}, deliveries=[{"alert": "0" * 64, "at": 1, "device": place.officer.device}]
    )
    envelope = add_signature(
        Envelope("alert.deliver", encoding.encode(body), ()), place.officer.signer, scheme="ed25519"
    )
    answer = await world.send(parse_statement(envelope))
    assert answer.status in {403, 422}
    refused(answer, answer.status, answer.code, answer.json.get("rule"))


# -- no longer in force ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def moving(tmp_path: Path) -> AsyncIterator[Partnership]:
    """A partnership whose registry a test changes."""
    async with listening(tmp_path) as found:
        yield found
        await logs_verify(found.world)
        operator_learns_nothing(found.world)


async def test_session_token_after_revocation(moving: Partnership):
    world = moving.world
    token = await world.session(moving.officer)
    assert (await world.get("/v1/epochs", token)).status == 200
    await moving.revoke(moving.officer)
    refused(await world.get("/v1/epochs", token), 403, "device-revoked", "R1")
    refused(await world.get("/v1/epochs", token), 401, "session-unknown")
    refused(await world.open(moving.officer), 403, "device-revoked", "R1")


async def test_session_token_after_suspension_and_expiry(moving: Partnership):
    world = moving.world
    token, other = await world.session(moving.officer), await world.session(moving.stranger)
    await moving.suspend(moving.company)
    refused(await world.get("/v1/epochs", token), 403, "organisation-suspended", "R1")
    refused(await world.open(moving.officer), 403, "organisation-suspended", "R1")
    assert (await world.get("/v1/epochs", other)).status == 200
    world.now += 365 * DAY
    refused(await world.open(moving.stranger), 403, "membership-expired", "R1")


async def test_stream_after_revocation(moving: Partnership):
    """A stream that is open when its device is revoked ends without a further entry."""
    world = moving.world
    token = await world.session(moving.officer)
    async with world.feed(token) as stream:
        assert (await anext(stream)).name == "head"
        await moving.revoke(moving.officer)
        last = await anext(stream)
        assert (last.name, last.data) == ("end", {"code": "device-revoked"})
        assert [event async for event in stream] == []
    assert world.context.feed.listening == 0


async def test_suspended_author(moving: Partnership):
    world = moving.world
    alert = await world.alert(moving.author, "AMBER", moving.audience, text=SECRET)
    await moving.suspend(moving.authority)
    before = world.sizes()
    answer = await world.send(alert)
    assert answer.json["rule"] in {"R2", "V3"} and "suspended" in answer.code, answer.body
    refused(answer, 403, answer.code, answer.json["rule"])
    assert world.sizes() == before


async def test_author_who_lost_the_role(moving: Partnership):
    world = moving.world
    alert = await world.alert(moving.author, "AMBER", moving.audience, text=SECRET)
    previous = world.previous(f"person/{moving.author.person}")
    fields = {"person": moving.author.person, "previous": previous, "roles": ["officer"], "topics": []}
    await world.post(world.by_registrars("person.change", **fields))
    before = world.sizes()
    refused(await world.send(alert), 403, "not-author", "R2")
    assert world.sizes() == before


async def test_proposal_read_after_the_approver_lost_the_role(moving: Partnership):
    world = moving.world
    proposal = await moving.propose(text=SECRET)
    token = await world.session(moving.approver)
    assert (await world.get(f"/v1/alerts/{proposal.id}", token)).status == 200
    previous = world.previous(f"person/{moving.approver.person}")
    fields = {"person": moving.approver.person, "previous": previous, "roles": ["officer"], "topics": []}
    await world.post(world.by_registrars("person.change", **fields))
    refused(await world.get(f"/v1/alerts/{proposal.id}", token), 403, "not-entitled")


# -- too often -------------------------------------------------------------------------------------------------------------


async def test_too_many_requests_from_one_address(tmp_path: Path):
    limits = {"requests_per_second_address": 5, "burst_seconds": 1}
    async with listening(tmp_path, limits=limits) as place:
        world = place.world
        statuses = [(await world.get("/health/live")).status for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        world.monotonic += 0.5
        assert (await world.get("/health/live")).status == 200


async def test_too_many_requests_of_one_device_do_not_harm_another(tmp_path: Path):
    limits = {"requests_per_second_device": 3, "burst_seconds": 1}
    async with listening(tmp_path, limits=limits) as place:
        world = place.world
        greedy, other = await world.session(place.officer), await world.session(place.stranger)
        answers = [await world.get("/v1/epochs", greedy) for _ in range(4)]
        assert [answer.status for answer in answers] == [200] * 3 + [429]
        refused(answers[-1], 429, "rate-limited")
        assert (await world.get("/v1/epochs", other)).status == 200
