"""The declarations of the route table, held against every answer that a test gets.

An answer that its route does not declare, whatever the test was about, fails here: an undeclared status, a code that does
not stand under its status, another media type, a body that its schema does not allow, a field that nobody declared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from exchange.web.declare import Route
from exchange.web.openapi import document
from exchange.web.routes import ROUTES

PROBLEM = "application/problem+json"
DOCUMENT = document(ROUTES)
HEAD_REFUSED = 400
"""What never reached the router: a head that is not HTTP."""


def strict(schema: Any) -> Any:
    """The schema with every object closed: an answer may have more one day, but not before it is declared."""
    if isinstance(schema, Mapping):
        found = {name: strict(value) for name, value in schema.items()}
        if found.get("type") == "object" and isinstance(found.get("properties"), dict):
            found.setdefault("additionalProperties", False)
        return found
    return [strict(item) for item in schema] if isinstance(schema, list | tuple) else schema


SCHEMAS = strict(DOCUMENT["components"]["schemas"])


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Route], ...]:
    found = []
    for route in ROUTES:
        pattern = re.escape(route.template)
        for name, part in route.parts.items():
            pattern = pattern.replace(re.escape(f"{{{name}}}"), f"(?:{part})", 1)
        found.append((re.compile(pattern), route))
    return tuple(found)


def route_of(method: str, path: str) -> Route | None:
    """The route that answers, or None when there is none."""
    plain = path.partition("?")[0]
    return next((r for pattern, r in _patterns() if r.method == method and pattern.fullmatch(plain)), None)


def validator(schema: Any) -> Draft202012Validator:
    return Draft202012Validator({**strict(schema), "components": {"schemas": SCHEMAS}})


@cache
def _validators(route: Route, status: int, media: str) -> Draft202012Validator | None:
    """The validator of a declared answer; None where the body is bytes. Fails the test when it is not declared."""
    said = DOCUMENT["paths"][route.template][route.method.lower()]["responses"].get(str(status))
    assert said is not None, f"{route.method} {route.template} does not declare {status}"
    if "$ref" in said:
        said = DOCUMENT["components"]["responses"][said["$ref"].rpartition("/")[2]]
    content = said.get("content", {})
    assert media in content or not (content or media), (
        f"{route.method} {route.template} {status}: {media} is not declared"
    )
    schema = content.get(media, {}).get("schema")
    return None if schema is None else validator(schema)


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fail unless the answer is one that the table declares."""
    media = headers.get("Content-Type", "").partition(";")[0].strip()
    route = route_of(method, path)
    if method == "HEAD" or (route is None and status == HEAD_REFUSED):
        return
    if route is None:
        assert status in (404, 405, 429), (method, path, status)
        assert media == PROBLEM, (method, path, media)
        return
    found = _validators(route, status, "" if status == 204 else media)
    if found is None:
        return
    value = json.loads(body) if media.endswith("json") else body.decode()
    fault = next(iter(found.iter_errors(value)), None)
    assert fault is None, f"{method} {path} {status}: {fault and fault.message[:500]} at {fault and fault.json_path}"


@cache
def _events() -> dict[str, Draft202012Validator]:
    media = DOCUMENT["paths"]["/v1/feed"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    return {name: validator(schema) for name, schema in media["x-events"].items()}


def check_event(name: str, data: Any) -> None:
    """Fail unless the feed declares this event."""
    _events()[name].validate(data)
