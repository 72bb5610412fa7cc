"""The JSON Schemas of the interface's bodies, as OpenAPI shows them (``docs/spec/interface.md``).

What has a model is taken from it: openings and the bodies of all statement kinds. The rest is what ``service`` composes from
pieces, and stands here by hand; the tests hold every answer against it. An answer may gain fields in a later version, so
its objects are open; what a caller sends is closed.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from exchange.model import scalars
from exchange.model.alert import MAX_CONTENT
from exchange.model.registry import MAX_WITNESSES
from exchange.model.retention import MOST_DAYS
from exchange.model.statements import KINDS, Opening
from exchange.model.submission import MAX_STATEMENTS
from exchange.service.asking import State
from exchange.web.declare import Schema
from keys.envelope import MAX_BODY, MAX_ENVELOPE, MAX_SIGNATURES, MLDSA65_SIGNATURE, payload_type
from keys.kem import STANZA
from keys.stanza import MAX_DEPTH

MAX_INDEX: Final = 2**53
MAX_PROOF: Final = 63
"""Hashes in an inclusion proof."""
MAX_OPENINGS: Final = 8
"""Openings of one statement; no kind has more than four."""

_BASE64: Final = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


def ref(name: str) -> Schema:
    """A component by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with exactly these fields: what a caller sends."""
    return {**opened(required, optional), "additionalProperties": False}


def opened(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with at least these fields: what the server answers."""
    return {"type": "object", "required": sorted(required), "properties": {**required, **(optional or {})}}


def several(item: Schema, *, least: int = 0, most: int | None = None) -> Schema:
    """An array."""
    bounds: dict[str, int] = {} if most is None else {"maxItems": most}
    return {"type": "array", "items": item, **({"minItems": least} if least else {}), **bounds}


def base64(most: int) -> Schema:
    """Bytes in base64 with padding; ``most`` bytes before the encoding."""
    return {
        "type": "string",
        "contentEncoding": "base64",
        "maxLength": 4 * -(-most // 3),
        "pattern": _BASE64,
    }


def integer(most: int = MAX_INDEX, *, least: int = 0) -> Schema:
    """A number from ``least`` to ``most``."""
    return {"type": "integer", "minimum": least, "maximum": most}


def word(*words: str) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": list(words)}


def _scalar(kind: Any, meaning: str) -> Schema:
    return {**TypeAdapter(kind).json_schema(), "description": meaning}


HASH: Final = ref("Hash")
ID: Final = ref("Id")
TIME: Final = ref("Time")
INDEX: Final = integer()
NOTE: Final = ref("Checkpoint")
PROOF: Final = several(base64(32), most=MAX_PROOF)
PATH: Final = several(HASH, most=MAX_DEPTH)
TAG_TEXT: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$"}
SHORT: Final[Schema] = {"type": "string", "maxLength": 512}

STATUS_TEXT: Final = opened({"status": word("live", "ready")})
EXCHANGE: Final = opened(
    {"exchange": HASH, "founding": ref("Envelope"), "journal": NOTE, "origin": SHORT, "registry": NOTE, "time": TIME},
    {"retention": opened({"receipts_days": integer(MOST_DAYS)})},
)
SUBMISSIONS: Final = closed(
    {
        "statements": several(
            closed({"envelope": ref("Envelope")}, {"openings": several(ref("Opening"), most=MAX_OPENINGS)}),
            least=1,
            most=MAX_STATEMENTS,
        )
    }
)
ACCEPTED: Final = opened(
    {
        "journal": NOTE,
        "registry": NOTE,
        "results": several(
            opened(
                {
                    "index": INDEX,
                    "kind": SHORT,
                    "log": word("registry", "journal"),
                    "proof": PROOF,
                    "statement": HASH,
                },
                {"newcomers": several(ID), "unreached": several(ID), "unserved": several(ID)},
            ),
            least=1,
            most=MAX_STATEMENTS,
        ),
    }
)
CHALLENGE: Final = opened({"challenge": ref("Bytes32"), "expires": TIME})
SESSION: Final = opened({"expires": TIME, "token": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}})
BLOB: Final = opened({"length": integer(least=1), "sha256": HASH})
STATEMENT: Final = opened({"envelope": ref("Envelope"), "index": INDEX, "log": word("registry", "journal")})
REGISTRY_PAGE: Final = opened(
    {
        "statements": several(
            opened({"envelope": ref("Envelope"), "index": INDEX, "openings": several(ref("Opening"))}), most=256
        )
    },
    {"next": INDEX},
)
PAGE: Final = opened(
    {"statements": several(opened({"envelope": ref("Envelope"), "index": INDEX}), most=256)}, {"next": INDEX}
)
ALERT: Final[Schema] = {
    "anyOf": [
        opened(
            {"checkpoint": NOTE, "envelope": ref("Envelope"), "index": INDEX, "proof": PROOF},
            {"grant": ref("Grant"), "leaf": ref("Leaf")},
        ),
        opened({"index": INDEX, "neighbours": several(ref("Neighbour"), least=1, most=2)}),
    ]
}
_REACHED: Final = {"state": word("silent", "delivered", "received", "read", "reacted")}
_SINCE: Final = {"at": TIME, "times": opened({}, dict.fromkeys(("delivered", "received", "read", "reacted"), TIME))}
RECEIPTS: Final[Schema] = {
    "anyOf": [
        opened(
            {"organisations": several(opened({"organisation": ID, **_REACHED}, _SINCE)), "statement": HASH},
        ),
        opened({"persons": several(opened({"person": ID, **_REACHED}, _SINCE)), "statement": HASH}),
        PAGE,
    ]
}
GRANTS: Final = opened(
    {
        "grants": several(
            opened({"alert": HASH, "envelope": ref("Envelope"), "index": INDEX}, {"chain": ref("Envelope")}), most=256
        )
    },
    {"next": INDEX},
)
VERSIONS: Final = opened({"versions": several(opened({"index": INDEX, "statement": HASH, "version": INDEX}))})
PROPOSALS: Final = opened(
    {"proposals": several(opened({"index": INDEX, "signed": {"type": "boolean"}, "statement": HASH}))}
)
_WITNESSED: Final = opened(
    {
        "quorum": integer(MAX_WITNESSES),
        "witnesses": several(
            opened({"name": SHORT, "since": TIME, "state": word(*State)}, {"at": TIME, "size": INDEX}),
            most=MAX_WITNESSES,
        ),
    },
    {"note": NOTE},
)
WITNESSES: Final = opened({"journal": _WITNESSED, "registry": _WITNESSED})
FEED_ENTRY: Final = ref("FeedEntry")
HEADS: Final = ref("Heads")
POLLED: Final = opened({"cursor": INDEX, "entries": several(FEED_ENTRY, most=64), "registry": INDEX}, {"head": HEADS})
_HEADS_BEFORE: Final = several(opened({"proof": PROOF, "root": HASH, "size": INDEX}), most=2)
_LOGGED: Final = {"entry": base64(4096), "envelope": ref("Envelope"), "index": INDEX, "proof": PROOF}
EVIDENCE: Final = opened(
    {
        **_LOGGED,
        "checkpoint": NOTE,
        "exchange": HASH,
        "format": {"const": "tlp-exchange-clear-evidence/v1"},
        "heads": _HEADS_BEFORE,
        "registry": opened(
            {"checkpoint": NOTE, "heads": _HEADS_BEFORE, "statements": {"type": "array", "items": opened(_LOGGED)}}
        ),
    },
    {
        "content": base64(MAX_CONTENT),
        "name": opened(
            {"field": {"const": "name"}, "salt": ref("Bytes32"), "statement": HASH, "value": {"type": "string"}}
        ),
    },
)


def components() -> dict[str, Schema]:
    """Every named schema."""
    models = dict.fromkeys(kind.model for kind in KINDS.values())
    _, modelled = models_json_schema(
        [(Opening, "validation"), *((model, "validation") for model in models)],
        ref_template="#/components/schemas/{model}",
    )
    named: dict[str, Schema] = {
        "Bytes32": _scalar(scalars.Bytes32, "32 bytes, unpadded base64url"),
        "Checkpoint": {
            "type": "string",
            "maxLength": 65_536,
            "description": "a signed note as C2SP's tlog-checkpoint writes it (docs/spec/logs.md)",
        },
        "Envelope": {
            **closed(
                {
                    "payload": base64(MAX_BODY),
                    "payloadType": {
                        "type": "string",
                        "pattern": r"^application/vnd\.tlp-exchange\.[a-z]{1,32}(\.[a-z][a-z-]{0,31})?\.v1\+json$",
                    },
                    "signatures": several(
                        closed(
                            {
                                "keyid": {"type": "string", "pattern": "^[0-9a-f]{64}:(ed25519|mldsa65)$"},
                                "sig": base64(MLDSA65_SIGNATURE),
                            }
                        ),
                        most=MAX_SIGNATURES,
                    ),
                }
            ),
            "description": (
                f"a signed statement, DSSE v1.0.2, at most {MAX_ENVELOPE} bytes; the payload is strict JSON by the schema "
                "that x-bodies names for its type (docs/spec/statements.md)"
            ),
            "x-bodies": {payload_type(name): kind.model.__name__ for name, kind in sorted(KINDS.items())},
        },
        "FeedEntry": opened(
            {"entry": base64(4096), "index": INDEX},
            {
                "alert": opened({"envelope": ref("Envelope"), "index": INDEX, "leaf": ref("Leaf")}),
                "grant": ref("Grant"),
            },
        ),
        "FeedEnd": opened({"code": SHORT}),
        "Grant": opened({"envelope": ref("Envelope"), "index": INDEX}, {"chain": ref("Envelope")}),
        "Hash": _scalar(scalars.Hash, "a SHA-256; a statement, an alert and a blob are named by theirs"),
        "Heads": opened({"journal": NOTE, "registry": NOTE}),
        "Id": _scalar(scalars.Id, "16 random bytes, unpadded base64url"),
        "Leaf": opened(
            {
                "index": integer(2**MAX_DEPTH),
                "path": PATH,
                "stanza": base64(STANZA),
                "stanza_id": HASH,
                "tag": TAG_TEXT,
            }
        ),
        "Neighbour": opened({"index": integer(2**MAX_DEPTH), "inner": HASH, "path": PATH, "tag": TAG_TEXT}),
        "Problem": {
            **opened(
                {
                    "code": {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
                    "detail": {"type": "string"},
                    "status": integer(599, least=400),
                    "title": {"type": "string"},
                    "type": {"type": "string", "pattern": "^urn:tlp-exchange:problem:"},
                },
                {
                    "differs": {
                        "type": "object",
                        "additionalProperties": several({"type": "string"}),
                        "description": "what would have to differ, by the name of what it is about",
                    },
                    "index": {**integer(MAX_STATEMENTS), "description": "which statement of the request"},
                    "rule": {"type": "string", "description": "the rule that decided (docs/spec/policy.md)"},
                },
            ),
            "description": "RFC 9457; the codes of the rules are explained in docs/reason-codes.md",
        },
        "Time": _scalar(scalars.Time, "seconds since 1970-01-01 UTC"),
    }
    definitions: dict[str, Schema] = {name: _untitled(schema) for name, schema in modelled["$defs"].items()}
    if clash := named.keys() & definitions.keys():
        raise LookupError(f"two schemas are called {', '.join(sorted(clash))}")
    return dict(sorted({**definitions, **named}.items()))


def _untitled(schema: Any) -> Any:
    """Without the titles that repeat a field's name."""
    if isinstance(schema, dict):
        return {
            name: _untitled(value) for name, value in schema.items() if name != "title" or not isinstance(value, str)
        }
    return [_untitled(item) for item in schema] if isinstance(schema, list) else schema
