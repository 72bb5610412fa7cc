"""The document: valid OpenAPI 3.1, complete, the same wherever it stands; and every refusal a problem, whoever refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from exchange.web import openapi, schemas
from exchange.web.declare import NOT_IN_FORCE, Answer, Route
from exchange.web.errors import STATUS
from exchange.web.routes import ROUTES
from tests.support import contract
from tests.support.web import Partnership, listening

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


def test_the_document_is_valid_openapi():
    validate(json.loads(openapi.encoded(ROUTES)))


def test_the_document_in_the_docs_is_the_one_of_the_table():
    assert (ROOT / "docs" / "openapi.json").read_bytes() == openapi.encoded(ROUTES), "run: make openapi"


async def test_the_server_hands_out_the_document(place: Partnership):
    answer = await place.world.get("/v1/openapi.json")
    assert answer.body == openapi.encoded(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_route_declares_everything_a_caller_must_know(route: Route):
    assert route.summary and route.who and route.logs
    assert route.answers and all(answer.meaning for answer in route.answers)
    assert len({answer.status for answer in route.answers}) == len(route.answers)
    assert all(200 <= answer.status < 300 or answer.status == 304 for answer in route.answers)
    assert all(parameter.meaning and parameter.schema for parameter in route.query)
    assert (route.body is not None) == (route.method in ("POST", "PUT", "PATCH"))
    for answer in route.answers:
        assert answer.schema is not None or answer.media in ("", "application/octet-stream"), answer
    assert set(route.parts) <= openapi.PARTS.keys()
    assert set(route.codes) <= STATUS.keys()
    assert not set(route.codes) & set(NOT_IN_FORCE)


def test_operations_have_names_of_their_own():
    names = [route.operation for route in ROUTES]
    assert len(set(names)) == len(names)


def test_a_code_without_a_status_is_no_declaration():
    wrong = Route(
        "GET",
        "/x",
        ROUTES[0].handler,
        ROUTES[0].access,
        "anyone",
        summary="x",
        answers=(Answer("x"),),
        codes=("no-such",),
    )
    with pytest.raises(LookupError):
        openapi.document([wrong])


def test_the_bodies_of_all_statement_kinds_are_in_the_document():
    components = contract.DOCUMENT["components"]["schemas"]
    bodies = components["Envelope"]["x-bodies"]
    assert len(bodies) == len(schemas.KINDS)
    assert set(bodies.values()) <= components.keys()


async def test_an_answer_with_a_field_that_nobody_declared_fails_the_test_that_met_it(place: Partnership):
    answer = await place.world.get("/v1/exchange")
    more = json.dumps({**answer.json, "x": 1}).encode()
    contract.check("GET", "/v1/exchange", 200, answer.headers, answer.body)
    for status, body, fault in ((200, more, "'x' was unexpected"), (204, b"", "does not declare 204")):
        with pytest.raises(AssertionError, match=fault):
            contract.check("GET", "/v1/exchange", status, answer.headers, body)


RAW = {
    "path unknown": (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not-found"),
    "path escaped": (b"GET /v1%2fexchange HTTP/1.1\r\nHost: x\r\n\r\n", 404, "path-malformed"),
    "method that http has not": (b"BREW /v1/exchange HTTP/1.1\r\nHost: x\r\n\r\n", 400, "head-malformed"),
    "method of another path": (b"DELETE /v1/exchange HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method-not-allowed"),
    "not http": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "head-malformed"),
    "line too long": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400, "head-malformed"),
    "header too long": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 400, "head-malformed"),
    "too many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 200 + b"\r\n", 400, "head-malformed"),
    "two lengths": (
        b"POST /v1/challenges HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        400,
        "head-malformed",
    ),
    "length and chunks": (
        b"POST /v1/challenges HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "head-malformed",
    ),
    "body too large": (
        b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
        413,
        "body-too-large",
    ),
    "body encoded": (
        b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
        415,
        "body-encoding",
    ),
    "body no json": (b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", 400, None),
    "query unknown": (b"GET /health/live?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "query-malformed"),
    "something expected": (
        b"GET /v1/proposals HTTP/1.1\r\nHost: x\r\nExpect: the-unexpected\r\n\r\n",
        401,
        "session-missing",
    ),
}


@pytest.mark.parametrize("sent", RAW)
async def test_every_refusal_is_a_problem_whoever_refuses(place: Partnership, sent: str):
    data, status, code = RAW[sent]
    reader, writer = await place.world.raw(data)
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
    finally:
        writer.close()
    assert first.split()[1] == str(status)
    assert headers["content-type"].partition(";")[0] == contract.PROBLEM
    assert contract.validator(schemas.ref("Problem")).is_valid(body), body
    assert body["status"] == status and code in (None, body["code"])
