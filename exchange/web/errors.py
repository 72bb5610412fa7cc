"""Domain codes to HTTP statuses, and the one problem body (RFC 9457). Domain errors know no status; this table does.

A code that is not named here gets its class's status. What a caller is told is the domain's own sentence, never a
traceback, never a value from the request. Spec: docs/spec/interface.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from aiohttp import web

from exchange.ledger.errors import LedgerRefusal
from exchange.listen.requests import RequestProblem
from exchange.model.problems import ExchangeError, Malformed
from exchange.model.submission import Refused
from exchange.service.denied import Denied
from exchange.store.errors import StorageError, StoreError, StoreRefusal
from exchange.tlog.errors import TlogError
from exchange.web.headers import SECURITY_HEADERS
from keys import encoding
from keys.errors import EncodingError, EnvelopeError, KeysError

CONTENT_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:tlp-exchange:problem:"
RETRY_SECONDS: Final = "1"
"""What 429 and 503 ask the caller to wait."""


class WebProblem(RequestProblem):
    """The same, where this server finds it."""


STATUS: Final[dict[str, int]] = {
    # the request as HTTP
    "not-found": 404,
    "path-malformed": 404,
    "method-not-allowed": 405,
    "query-malformed": 400,
    "body-malformed": 400,
    "head-malformed": 400,
    "bad-envelope": 400,
    "bad-kind": 400,
    "bad-keyid": 400,
    "bad-signature-length": 400,
    "signature-order": 400,
    "too-many-signatures": 400,
    "kind-unknown": 400,
    "kind-not-open": 400,
    "length-required": 411,
    "body-too-large": 413,
    "body-slow": 408,
    "body-encoding": 415,
    "expectation-failed": 417,
    "rate-limited": 429,
    "internal": 500,
    # sessions
    "session-missing": 401,
    "session-unknown": 401,
    "signer-unknown": 403,
    "challenge-unknown": 403,
    "challenge-expired": 403,
    "challenge-used": 403,
    # what is not there, or not for this caller
    "not-founded": 503,
    "alert-unknown": 404,
    "alert-without-leaves": 404,
    "evidence-too-large": 404,
    "statement-unknown": 404,
    "statement-erased": 410,
    "blob-unknown": 404,
    "tile-unknown": 404,
    "tile-path": 404,
    "not-entitled": 403,
    "not-released": 403,
    "tag-missing": 400,
    "tag-present": 409,
    # uploads and streams
    "blob-empty": 400,
    "blob-hash": 400,
    "blob-length": 400,
    "blob-too-large": 413,
    "quota-exceeded": 413,
    "uploads-busy": 503,
    "upload-unknown": 409,
    "upload-offset": 409,
    "upload-length": 409,
    "append-range": 400,
    "range-unsatisfiable": 416,
    "cursor-ahead": 400,
    "readers-busy": 503,
    "session-ended": 401,
    "stream-replaced": 409,
    "gone": 409,  # nobody is left to read it
    # statements
    "batch-size": 413,
    "other-exchange": 403,
    "previous-mismatch": 409,
    "roster-stale": 409,
    "roster-ahead": 409,
    "roster-root": 409,
    "seen-ahead": 409,
    "seen-differs": 409,
    "version-taken": 409,
    "already-recipient": 409,
    "grant-limit": 429,
    "rejected": 409,
    "blob-missing": 409,
    "busy": 503,
    "closing": 503,
    "storage-failed": 503,
    "writing-stopped": 503,
}

_FORBIDDEN_RULES = frozenset({"M3", "M4", "M8", "M9", "M10", "R1", "R2", "V3"})
"""Rules about who acts: 403. Every other rule is about what was said: 422."""


def status_of(error: Exception) -> int:
    """The HTTP status of an error; 500 for what is not the domain's."""
    code = getattr(error, "code", None)
    if not isinstance(error, ExchangeError | KeysError | TlogError) or code is None:
        return 500
    if code in STATUS:
        return STATUS[code]
    match error:
        case Refused(rule=rule):
            return 403 if rule in _FORBIDDEN_RULES else 422
        case Denied():
            return 403
        case Malformed() | EncodingError() | EnvelopeError():
            return 400
        case LedgerRefusal() | StorageError():
            return 503
        case StoreRefusal():
            return 404
        case StoreError():
            return 500
    return 422


def problem(error: Exception) -> web.Response:
    """The answer to an error: the domain's code and sentence, or ``internal`` without any detail."""
    status = status_of(error)
    if status == 500:
        error = WebProblem("internal", "the server failed; the operator's log has the request's id")
    code = str(getattr(error, "code", "internal"))
    body: dict[str, object] = {
        "code": code,
        "detail": str(getattr(error, "detail", None) or error),
        "status": status,
        "title": code.replace("-", " "),
        "type": TYPE_PREFIX + code,
    }
    rule = getattr(error, "rule", None)
    if rule is not None:
        body["rule"] = rule
    if isinstance(error, Refused):
        body["index"] = error.index
        if error.differs:
            body["differs"] = error.differs
    response = web.Response(status=status, body=encoding.encode(body), content_type=CONTENT_TYPE)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="tlp-exchange"'
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        response.headers["Retry-After"] = RETRY_SECONDS
    return response


def refusal(ours: bool) -> web.Response:
    """The answer to what never reached a handler (a malformed head), or escaped all of them: our body, not aiohttp's text."""
    code = "internal" if ours else "head-malformed"
    response = problem(WebProblem(code, "the request is not HTTP/1.1 as this server reads it"))
    response.headers.update(SECURITY_HEADERS)
    return response
