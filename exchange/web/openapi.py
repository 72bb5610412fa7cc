"""The OpenAPI 3.1 document, made from the route table and from nothing else (``docs/spec/interface.md``).

Pure but for the handler: the same table gives the same bytes, which also stand in ``docs/openapi.json`` and are served at
``GET /v1/openapi.json``. Who may call an operation, and what it writes to a log, stand in ``x-who`` and ``x-logs``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from exchange.web.declare import (
    ALWAYS,
    WITH_BODY,
    WITH_SESSION,
    Access,
    Answer,
    Body,
    Parameter,
    Route,
    Schema,
    status_of_code,
)
from exchange.web.errors import CONTENT_TYPE
from exchange.web.requests import Call
from exchange.web.schemas import components, ref

SECURITY: Final = "session"
INTRODUCTION: Final = """\
An exchange of end-to-end encrypted warnings. `POST /v1/statements` is the only write that changes state, and a statement \
authenticates itself; reads need a session, which a device opens with a signed answer to a challenge. Nothing that an \
exchange answers need be believed: statements are signed, and the logs prove what was accepted.

A path is taken as it is sent: one with an escape (`%2f`), a dot segment or a doubled slash does not exist, so `{place}` is \
sent with its slashes. A name that the query of an operation does not have here, or has twice, is refused. A method that a \
path does not take is answered 405 with `Allow`; every error is a problem of RFC 9457."""

PARTS: Final[dict[str, tuple[str, str]]] = {
    "id": ("the statement id of the alert or statement", "9f" * 32),
    "sha256": ("the SHA-256 of the blob", "9f" * 32),
    "log": ("which log", "journal"),
    "number": ("which attachment, counted from 1", "1"),
    "place": ("the tile or bundle, with its slashes: `<L>/<N>[.p/<W>]` or `<N>[.p/<W>]`", "000"),
}
"""What the parts of a path are, and an example of each."""

_document: Final = web.AppKey("openapi", bytes)


def setup(app: web.Application, routes: Iterable[Route]) -> None:
    """Give the application the document of its routes."""
    app[_document] = encoded(tuple(routes))


async def openapi(call: Call) -> web.Response:
    """This interface as OpenAPI 3.1."""
    headers = {"Cache-Control": "public, max-age=3600"}
    return web.Response(body=call.request.app[_document], content_type="application/json", headers=headers)


def encoded(routes: Sequence[Route]) -> bytes:
    """The document as the bytes that are served, indented for readers."""
    return (json.dumps(document(routes), ensure_ascii=False, indent=1, sort_keys=False) + "\n").encode()


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document. Raises LookupError for a declaration that names what there is not."""
    paths: dict[str, dict[str, Any]] = {}
    known = {route.operation for route in routes}
    for route in routes:
        for link in (link for answer in route.answers for link in answer.links):
            if link.operation not in known:
                raise LookupError(f"{route.operation} links to {link.operation}, which is no operation")
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tlp-exchange",
            "version": "1",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components(),
            "responses": {name: _problem(*shared, False) for name, shared in _shared().items()},
            "securitySchemes": {
                SECURITY: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "the token of `POST /v1/sessions`, 600 s; the device must be in force at each request",
                }
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [_tag(route)],
        "security": [{SECURITY: []}] if route.access is Access.SESSION else [],
        "x-access": route.access.value,
        "x-who": route.who,
        "x-logs": route.logs,
    }
    parameters = [_part(name, pattern) for name, pattern in route.parts.items()]
    parameters += [_parameter(parameter) for parameter in route.query]
    if parameters:
        found["parameters"] = parameters
    if route.body is not None:
        found["requestBody"] = _body(route.body)
    found["responses"] = {str(answer.status): _answer(answer) for answer in route.answers} | {
        str(status): _refusal(status, codes, status in route.rules) for status, codes in route.refusals().items()
    }
    return found


def _shared() -> dict[str, tuple[int, tuple[str, ...]]]:
    """The refusals that many routes have in common, by the name of a component."""
    groups = {"Any": ALWAYS, "Session": (*ALWAYS, *WITH_SESSION), "Body": (*ALWAYS, *WITH_BODY)}
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    for prefix, codes in groups.items():
        by_status: dict[int, list[str]] = {}
        for code in sorted(codes):
            by_status.setdefault(status_of_code(code), []).append(code)
        for status, own in sorted(by_status.items()):
            if (status, tuple(own)) not in found.values():
                found[f"{prefix}{status}"] = status, tuple(own)
    return found


def _refusal(status: int, codes: tuple[str, ...], rules: bool) -> dict[str, Any]:
    if not rules:
        for name, shared in _shared().items():
            if shared == (status, codes):
                return {"$ref": f"#/components/responses/{name}"}
    return _problem(status, codes, rules)


def _tag(route: Route) -> str:
    first = route.path.strip("/").split("/")[0]
    return "logs" if first.startswith("{") else {"v1": "interface"}.get(first, first)


def _part(name: str, pattern: str) -> dict[str, Any]:
    meaning, example = PARTS[name]
    words = pattern.split("|")
    schema: Schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    if all(word.isalpha() for word in words):
        schema = {"type": "string", "enum": words}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": meaning,
        "schema": schema,
        "example": example,
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": False,
        "description": parameter.meaning,
        "schema": parameter.schema,
    }


def _body(body: Body) -> dict[str, Any]:
    return {
        "description": f"{body.meaning}; at most {body.most} bytes",
        "required": body.required,
        "content": {body.media: {} if body.schema is None else {"schema": body.schema}},
    }


def _answer(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.meaning}
    if answer.media:
        media: dict[str, Any] = {} if answer.schema is None else {"schema": answer.schema}
        if answer.events:
            media["x-events"] = dict(answer.events)
        found["content"] = {answer.media: media}
    if answer.links:
        found["links"] = {
            link.operation: {"operationId": link.operation, "parameters": dict(link.parameters)}
            for link in answer.links
        }
    return found


def _problem(status: int, codes: Sequence[str], rules: bool) -> dict[str, Any]:
    """A refusal: its codes, or with ``rules`` also others."""
    listed = ", ".join(f"`{code}`" for code in codes)
    if rules:
        description = f"{listed}, or the code of a rule or of what is malformed" if listed else "the code of a rule"
        schema = ref("Problem")
    else:
        description = listed
        schema = {
            "allOf": [ref("Problem"), {"properties": {"code": {"enum": list(codes)}, "status": {"const": status}}}]
        }
    found: dict[str, Any] = {
        "description": description,
        "content": {CONTENT_TYPE: {"schema": schema}},
    }
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        found["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    if status == HTTPStatus.UNAUTHORIZED:
        found["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return found
