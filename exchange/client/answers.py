"""The values that an exchange's answers hold, and their strict parsers (``docs/spec/interface.md``).

Pure.  A parser checks form only: types, lengths, known fields.  That an envelope, leaf or checkpoint is what it claims is
verified elsewhere, against the logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Generic, Literal, TypeVar

from exchange.model.registry import MAX_WITNESSES
from exchange.model.statements import Opening
from exchange.tlog.checkpoint import LOGS, MAX_ORIGIN_CHARACTERS, LogName
from keys import encoding
from keys.envelope import Envelope
from keys.stanza import MAX_DEPTH, TAG, Neighbour

MAX_PROOF = 63
"""Hashes in an inclusion proof."""
MAX_NOTE_TEXT = 65_536
"""Characters of a checkpoint."""
MAX_ITEMS = 1024
"""Statements in one page."""
MAX_INDEX = 2**53
MAX_EVIDENCE = 24 << 20
"""Bytes of the evidence of a public alert: content, and at most 1,024 registry statements of up to 15 KiB."""
MAX_ENTRY_TEXT = 8192
"""Characters of a base64 entry of at most 4,096 bytes, generously."""
MAX_STANZA = 1168
MAX_STATE = 64
"""Characters of the word for a witness."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """``GET /v1/exchange``. ``receipts_days`` is after how many days it erases receipts' statements; 0 for never."""

    exchange: str
    origin: str
    founding: Envelope
    registry: bytes
    journal: bytes
    time: int
    receipts_days: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """One accepted statement: where it is, and its inclusion proof for the checkpoint in the same answer."""

    statement: str
    log: Literal["registry", "journal"]
    index: int
    kind: str
    proof: tuple[bytes, ...]
    unserved: tuple[str, ...] = ()
    newcomers: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """``POST /v1/statements``."""

    results: tuple[Result, ...]
    registry: bytes
    journal: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """``GET /v1/witnesses``, one log: the newest note with the quorum, and by witness name a word."""

    note: bytes | None
    said: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RegistryItem:
    """A registry statement as shown, with the openings that this member is handed."""

    index: int
    envelope: Envelope
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class EpochItem:
    """An ``epoch.publish`` statement and its journal index."""

    index: int
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: items with ascending indexes, and where the next page begins (None: this was the last)."""

    items: tuple[T, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """This device's leaf: its place, tag (8 bytes), stanza id (32), stanza (1168, or none) and path."""

    index: int
    tag: bytes
    stanza_id: bytes
    stanza: bytes = field(repr=False)
    path: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AlertAnswer:
    """``GET /v1/alerts/{id}``: an alert with this device's leaf (none for CLEAR), or the neighbours of its tag."""

    envelope: Envelope | None
    index: int | None
    leaf: Leaf | None = None
    neighbours: tuple[Neighbour, ...] = ()
    proof: tuple[bytes, ...] = ()
    checkpoint: bytes | None = None
    granted: bool = False
    """Whether it is shown because of a grant; the grant itself is asked for by its entry."""


@dataclass(frozen=True, slots=True)
class GrantItem:
    """A grant to or by this device: its journal index, its statement, and the grantor's ``device.enrol`` where it comes along."""

    index: int
    envelope: Envelope
    chain: Envelope | None


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """``event: entry``: a journal entry, and the alert when it has a leaf for this device."""

    index: int
    entry: bytes
    alert: AlertAnswer | None


@dataclass(frozen=True, slots=True)
class Heads:
    """Both signed checkpoints, as notes; also ``event: head``."""

    registry: bytes
    journal: bytes


FeedItem = FeedEntry | Heads


@dataclass(frozen=True, slots=True)
class Polled:
    """``GET /v1/feed/poll``: what came, a head last when these are all, and where to go on."""

    items: tuple[FeedItem, ...]
    cursor: int
    registry: int


def _number(value: Any, *, below: int = MAX_INDEX) -> int:
    if type(value) is not int or not 0 <= value < below:
        raise ValueError("not an index")
    return value


def _text(value: Any, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise ValueError("not a text")
    return value


def _note(value: Any) -> bytes:
    return _text(value, MAX_NOTE_TEXT).encode("utf-8")


def _list(value: Any, limit: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > limit:
        raise ValueError("not a list")
    return value


def _fields(value: Any, *required: str) -> dict[str, Any]:
    """An object with at least these fields. Others are left alone: nothing here is signed, a newer exchange may say more,
    and what is relied on is verified elsewhere."""
    if not isinstance(value, dict) or not value.keys() >= set(required):
        raise ValueError("not the fields of this answer")
    return value


def parse_exchange(value: dict[str, Any]) -> ExchangeInfo:
    """``GET /v1/exchange``."""
    _fields(value, "exchange", "founding", "journal", "origin", "registry", "time")
    return ExchangeInfo(
        exchange=encoding.unhex32(value["exchange"]).hex(),
        origin=_text(value["origin"], 255),
        founding=Envelope.from_json(value["founding"]),
        registry=_note(value["registry"]),
        journal=_note(value["journal"]),
        time=_number(value["time"]),
        receipts_days=_number(_fields(value["retention"], "receipts_days")["receipts_days"])
        if "retention" in value
        else 0,
    )


def parse_accepted(value: dict[str, Any]) -> Accepted:
    """``POST /v1/statements``."""
    _fields(value, "journal", "registry", "results")
    results = []
    for item in _list(value["results"], MAX_ITEMS):
        _fields(item, "index", "kind", "log", "proof", "statement")
        if item["log"] not in ("registry", "journal"):
            raise ValueError("not a log")
        results.append(
            Result(
                statement=encoding.unhex32(item["statement"]).hex(),
                log=item["log"],
                index=_number(item["index"]),
                kind=_text(item["kind"], 64),
                proof=_proof(item["proof"]),
                unserved=_ids(item.get("unserved", [])),
                newcomers=_ids(item.get("newcomers", [])),
                unreached=_ids(item.get("unreached", [])),
            )
        )
    return Accepted(tuple(results), _note(value["registry"]), _note(value["journal"]))


def _ids(value: Any) -> tuple[str, ...]:
    return tuple(_text(item, 22) for item in _list(value, 1 << 20))


def _proof(value: Any) -> tuple[bytes, ...]:
    return tuple(encoding.unb64(item, length=32) for item in _list(value, MAX_PROOF))


def _page(items: list[T], indexes: list[int], value: dict[str, Any]) -> Page[T]:
    if any(a >= b for a, b in pairwise(indexes)):
        raise ValueError("indexes are not ascending")
    following = value.get("next")
    if following is not None and (not indexes or _number(following) <= indexes[-1]):
        raise ValueError("a page does not go on")
    return Page(tuple(items), following)


def parse_registry(value: dict[str, Any]) -> Page[RegistryItem]:
    """``GET /v1/registry/statements``."""
    _fields(value, "statements")
    items = []
    for item in _list(value["statements"], MAX_ITEMS):
        _fields(item, "envelope", "index")
        openings = tuple(Opening.model_validate(o) for o in _list(item.get("openings", []), 8))
        items.append(RegistryItem(_number(item["index"]), Envelope.from_json(item["envelope"]), openings))
    return _page(items, [item.index for item in items], value)


def parse_epochs(value: dict[str, Any]) -> Page[EpochItem]:
    """``GET /v1/epochs``."""
    _fields(value, "statements")
    items = []
    for item in _list(value["statements"], MAX_ITEMS):
        _fields(item, "envelope", "index")
        items.append(EpochItem(_number(item["index"]), Envelope.from_json(item["envelope"])))
    return _page(items, [item.index for item in items], value)


def parse_alert(value: dict[str, Any]) -> AlertAnswer:
    """``GET /v1/alerts/{id}``, and the ``alert`` of a feed's entry."""
    _fields(value)
    envelope = value.get("envelope")
    index = value.get("index")
    checkpoint = value.get("checkpoint")
    return AlertAnswer(
        envelope=None if envelope is None else Envelope.from_json(envelope),
        index=None if index is None else _number(index),
        leaf=None if value.get("leaf") is None else _leaf(value["leaf"]),
        neighbours=tuple(_neighbour(item) for item in _list(value.get("neighbours", []), 2)),
        proof=_proof(value.get("proof", [])),
        checkpoint=None if checkpoint is None else _note(checkpoint),
        granted=value.get("grant") is not None,
    )


def parse_grants(value: dict[str, Any]) -> Page[GrantItem]:
    """``GET /v1/grants``."""
    _fields(value, "grants")
    items = []
    for item in _list(value["grants"], MAX_ITEMS):
        _fields(item, "envelope", "index")
        chain = item.get("chain")
        items.append(
            GrantItem(
                _number(item["index"]),
                Envelope.from_json(item["envelope"]),
                None if chain is None else Envelope.from_json(chain),
            )
        )
    return _page(items, [item.index for item in items], value)


def _path(value: Any) -> tuple[bytes, ...]:
    return tuple(encoding.unhex32(item) for item in _list(value, MAX_DEPTH))


def _leaf(value: Any) -> Leaf:
    _fields(value, "index", "path", "stanza", "stanza_id", "tag")
    stanza = encoding.unb64(_text(value["stanza"], 4 * MAX_STANZA))
    if len(stanza) not in (0, MAX_STANZA):
        raise ValueError("a stanza has 1168 bytes or none")
    return Leaf(
        index=_number(value["index"], below=2**MAX_DEPTH),
        tag=encoding.unb64u(value["tag"], length=TAG),
        stanza_id=encoding.unhex32(value["stanza_id"]),
        stanza=stanza,
        path=_path(value["path"]),
    )


def _neighbour(value: Any) -> Neighbour:
    _fields(value, "index", "inner", "path", "tag")
    return Neighbour(
        _number(value["index"], below=2**MAX_DEPTH),
        encoding.unb64u(value["tag"], length=TAG),
        encoding.unhex32(value["inner"]),
        _path(value["path"]),
    )


def parse_feed_entry(value: dict[str, Any]) -> FeedEntry:
    """``event: entry``."""
    _fields(value, "entry", "index")
    entry = encoding.unb64(_text(value["entry"], MAX_ENTRY_TEXT))
    alert = value.get("alert")
    return FeedEntry(_number(value["index"]), entry, None if alert is None else parse_alert(alert))


def parse_heads(value: dict[str, Any]) -> Heads:
    """``event: head``."""
    _fields(value, "journal", "registry")
    return Heads(_note(value["registry"]), _note(value["journal"]))


def parse_standing(value: dict[str, Any]) -> dict[LogName, Shown]:
    """``GET /v1/witnesses``: each log's newest note with the quorum, and a word for each witness; unverified."""
    _fields(value, *LOGS)
    found: dict[LogName, Shown] = {}
    for log in LOGS:
        _fields(value[log], "witnesses")
        said = {}
        for item in _list(value[log]["witnesses"], MAX_WITNESSES):
            _fields(item, "name", "state")
            said[_text(item["name"], MAX_ORIGIN_CHARACTERS)] = _text(item["state"], MAX_STATE)
        note = value[log].get("note")
        found[log] = Shown(None if note is None else _note(note), said)
    return found


def parse_polled(value: dict[str, Any]) -> Polled:
    """``GET /v1/feed/poll``."""
    _fields(value, "cursor", "entries", "registry")
    items: list[FeedItem] = [parse_feed_entry(item) for item in _list(value["entries"], MAX_ITEMS)]
    if value.get("head") is not None:
        items.append(parse_heads(value["head"]))
    return Polled(tuple(items), _number(value["cursor"]), _number(value["registry"]))
