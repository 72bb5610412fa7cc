"""Public alerts of the tests: a released CLEAR alert with a readable content, its evidence, and evidence that was tampered with."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from exchange.model.alert import Attachment, Content, ContentText
from exchange.model.statements import Statement, parse_statement
from keys import encoding
from keys.envelope import Envelope
from keys.sign import add_signature
from keys.stanza import PartDigest
from tests.support.web import Partnership
from tests.support.world import Member

Document = dict[str, Any]


def plain(title: str = "Vollsperrung", body: str = "Die Straße ist gesperrt.", **more: Any) -> ContentText:
    return ContentText(language=more.pop("language", "de"), text=body, title=title, **more)


async def publish(
    place: Partnership, content: Content | None = None, *attachments: bytes, approver: Member | None = None, **core: Any
) -> Statement:
    """A released CLEAR alert with this content, approved by a second person."""
    world, second = place.world, approver or place.approver
    draft = await world.alert(place.author, "CLEAR", core={"approvals": 1, "approvers": [second.person], **core})
    body = encoding.decode(draft.envelope.body, max_bytes=65_536)
    parts = []
    for data in ((content or Content(texts=(plain(),))).encode(), *attachments):
        digest = PartDigest.of(data)
        parts.append({"length": digest.length, "sha256": await world.put(data, place.author.device)})
    body["sealed"]["parts"] = parts
    envelope = Envelope("alert", encoding.encode(body), ())
    statement = parse_statement(add_signature(add_signature(envelope, place.author.signer), second.signer))
    await world.post(statement)
    return statement


def attachment(data: bytes, name: str) -> Attachment:
    return Attachment(length=len(data), media_type="application/pdf", name=name, sha256=sha256(data).hexdigest())


async def evidence(place: Partnership, statement: Statement) -> Document:
    """The evidence as the server hands it out."""
    answer = await place.world.get(f"/clear/{statement.id}/evidence")
    assert answer.status == 200, answer.body
    return answer.json


def encoded(document: Document) -> bytes:
    return encoding.encode(document)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every text and number in a document."""
    if isinstance(value, dict):
        return [found for key in value for found in places(value[key], (*path, key))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in places(item, (*path, index))]
    return [path]


def changed(document: Document, path: tuple[Any, ...], change: Callable[[Any], Any]) -> bytes:
    """The document with one value changed."""
    copy = encoding.decode(encoding.encode(document), max_bytes=1 << 25)
    holder: Any = copy
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = change(holder[path[-1]])
    return encoding.encode(copy)


async def enrolled_by_administrators(place: Partnership, first: Member, second: Member, *roles: str) -> Member:
    """A person of the authority whom two administrators enrolled, with one device."""
    world = place.world
    member = Member(world.random.id(), place.authority, tuple(sorted(roles)))
    opening, commitment = world.opening("name", "G. Neu")
    fields = {"commitments": {"name": commitment}, "organisation": place.authority, "person": member.person}
    enrol = world.by_device("person.enrol", first, second.signer, **fields, roles=sorted(roles), topics=[])
    await world.post(enrol, openings=[opening])
    device, signer, scan_secret = world.device_fields(member)
    await world.post(world.by_device("device.enrol", first, second.signer, **device))
    world.keep_device(member, device, signer, scan_secret)
    return member
