"""Generated requests against the real server: no undeclared status, no 5xx, no body that the declaration does not allow.

schemathesis reads the served document and makes requests that keep it and requests that break it, as several roles, without
a session and with a wrong one, and follows the document's links. What it cannot make, a signed statement, a blob under its
hash and a tile's path with its slashes, `test_openapi_stateful.py` does over the same declarations. Of the stream, which does
not end, the first piece is read here; its events are held against the document in every test that reads it.

``EXPLORE=N`` makes N times as many requests.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from exchange.service.feed import LONGEST_WAIT
from tests.support import contract
from tests.support.threaded import Place, place

TIMES = int(os.environ.get("EXPLORE", "1"))
PHASES = (Phase.generate,)
"""A failure is told as it was found: to make it smaller takes longer than to read it."""
EXAMPLES = 8 * TIMES
"""Requests of each operation, caller and kind."""
STREAMS = {"feed"}
"""Operations whose answer, where it is none that refuses, does not end."""
CALLERS = ("author", "officer", "auditor", "nobody", "somebody")

load_all_checks()
# What a caller sends is seldom a signed statement: that well-formed is not yet accepted is no fault. That a session is
# needed is crossed with every route in test_route_table.py, where other sessions are tried as well.
CHECKED = [
    check
    for name in CHECKS.get_all_names()
    if name not in ("positive_data_acceptance", "ignored_auth")
    for check in CHECKS.get_by_names([name])
]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("explored")) as found:
        yield found


@pytest.fixture(scope="module")
def document(here: Place) -> Any:
    return schemathesis.openapi.from_url(f"{here.url}/v1/openapi.json")


@pytest.fixture(scope="module")
def known(here: Place) -> list[str]:
    """Statements and blobs that there are."""
    there = here.partnership

    async def made() -> list[str]:
        alert, clear, proposal = await there.release(), await there.publish_clear(), await there.propose()
        found = [alert.id, clear.id, proposal.id, alert.alert.sealed.parts[0].sha256]
        return [*found, there.world.exchange]

    return here.run(made())


def headers(here: Place, caller: str) -> dict[str, str]:
    match caller:
        case "nobody":
            return {}
        case "somebody":
            return {"Authorization": f"Bearer {'A' * 43}"}
    return {"Authorization": f"Bearer {here.session(caller)}"}


def at_once(case: Any) -> None:
    """A poll that would be allowed to wait does not."""
    if case.operation.path == "/v1/feed/poll":
        wait = (case.query or {}).get("wait", 0)
        case.query = {**(case.query or {}), "wait": 0 if str(wait).isdigit() and int(wait) <= LONGEST_WAIT else wait}


def begun(here: Place, case: Any, sent: dict[str, str]) -> requests.Response:
    """The answer to a request for a stream: the whole refusal, or its first event, which must be a declared one."""
    with requests.request(**case.as_transport_kwargs(here.url, sent), stream=True, timeout=20) as answer:
        if answer.status_code == 200:
            lines = answer.iter_lines(decode_unicode=True)
            fields = dict(line.split(": ", 1) for line in iter(lambda: next(lines), ""))
            contract.check_event(fields["event"], json.loads(fields["data"]))
            answer._content = (
                b""  # schemathesis takes a stream's schema for that of each event; it is of the whole text
            )
        assert answer.content or answer.status_code == 200
    return answer


def operations() -> Iterator[Any]:
    """Every operation, with requests that keep its declaration and such that break it."""
    for path, item in contract.DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield pytest.param(path, method, GenerationMode.POSITIVE, id=operation["operationId"])
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if operation.get("parameters") or body:
                yield pytest.param(path, method, GenerationMode.NEGATIVE, id=f"{operation['operationId']}-broken")


@pytest.mark.parametrize(("path", "method", "mode"), [*operations()])
def test_an_operation_answers_what_it_declares(
    here: Place, document: Any, known: list[str], path: str, method: str, mode: GenerationMode
):
    operation = document[path][method.upper()]
    sent = {caller: headers(here, caller) for caller in CALLERS}
    ends = operation.definition.raw["operationId"] == "delete_session"
    streams = operation.definition.raw["operationId"] in STREAMS

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(
        case=operation.as_strategy(generation_mode=mode),
        caller=st.sampled_from(CALLERS),
        pick=st.sampled_from(["", *known]),
    )
    def explore(case: Any, caller: str, pick: str) -> None:
        if pick and mode is GenerationMode.POSITIVE:
            for name in ("id", "sha256"):
                if name in (case.path_parameters or {}):
                    case.path_parameters[name] = pick
        at_once(case)
        own = headers(here, caller) if ends else sent[caller]
        answer = begun(here, case, own) if streams else case.call(headers=own, timeout=20)
        case.validate_response(answer, checks=CHECKED, headers=own)

    explore()


def test_the_links_of_the_document_lead_to_declared_answers(here: Place, document: Any, known: list[str]):
    """schemathesis's own state machine: what one answer names is asked for next, as the author."""
    followed = document.exclude(operation_id=[*STREAMS, "delete_session"]).as_state_machine()
    sent = headers(here, "author")

    class Linked(followed):  # type: ignore[misc, valid-type]
        def before_call(self, case: Any) -> None:
            at_once(case)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": sent, "timeout": 20}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, checks=CHECKED, headers=sent)

    run_state_machine_as_test(
        Linked,
        settings=settings(
            max_examples=6 * TIMES,
            stateful_step_count=8,
            deadline=None,
            phases=PHASES,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_exploration_finds_a_status_that_is_not_declared(here: Place):
    """The checks bite: without its 404 in the document, an alert that there is not is found."""
    cut = json.loads(json.dumps(contract.DOCUMENT))
    del cut["paths"]["/clear/{id}"]["get"]["responses"]["404"]
    case = schemathesis.openapi.from_dict(cut)["/clear/{id}"]["GET"].Case(path_parameters={"id": "0" * 64})
    with pytest.raises(schemathesis.core.failures.FailureGroup):
        case.call_and_validate(base_url=here.url, checks=CHECKED)
