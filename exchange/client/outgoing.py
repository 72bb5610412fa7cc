"""Attachments on their way out: sealed ahead under keys of their own, and uploaded so that an interruption costs little.

A hundred megabytes take longer than the five minutes in which an alert must arrive, so they go first: each attachment is
encrypted in pieces into a file of the home, and uploaded from where an earlier upload stopped. What was sealed is kept until its
alert is posted; publishing the same file again goes on with the same bytes. Nothing else of the alert exists before they are
there: its core is made, decided and signed afterwards (``docs/spec/envelope.md``, Sealing 2a; docs/adr/0011).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from exchange.client.attachments import OnDisk, SourceFile
from exchange.client.member import Member
from exchange.model.scalars import DAY, BlobRef
from keys import encoding
from keys.kem import CONTENT_KEY
from keys.seal import encrypt_part_stream
from keys.stanza import attachment_binding

KEPT_SECONDS = 7 * DAY
"""Age at which a sealed attachment is forgotten whose alert was never posted."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An attachment that the exchange has: its ciphertext (for CLEAR: the plain bytes), and its key (none for CLEAR)."""

    reference: BlobRef
    key: str | None = field(default=None, repr=False)


async def upload(member: Member, files: Iterable[SourceFile], *, sealed: bool) -> tuple[Uploaded, ...]:
    """Seal the attachments (not for CLEAR) and upload them. Raises SourceError ``file-changed``, Refused, TransportError."""
    listed = tuple(files)
    prepared = [await asyncio.to_thread(_prepare, member, file) if sealed else _plain(file) for file in listed]
    total, before = sum(item.reference.length for item in prepared), 0
    for item, file in zip(prepared, listed, strict=True):
        path = _place(member, item.reference) if sealed else None
        start = before

        def told(done: int, _: int, start: int = start) -> None:
            member.transfer(start + done, total)

        def read(offset: int, size: int, path: Path | None = path, file: SourceFile = file) -> bytes:
            return _slice(path, file, offset, size)

        await member.api.upload(item.reference, read, told)
        before += item.reference.length
    return tuple(prepared)


def forget(member: Member, files: Iterable[SourceFile]) -> None:
    """Their alert is posted: the ciphertexts and keys kept for another try go."""
    items = member.state.prepared()
    for file in files:
        item = items.pop(file.sha256, None)
        if item is not None:
            _place(member, BlobRef(length=item["length"], sha256=item["sha256"])).unlink(missing_ok=True)
    if items or (member.state.outgoing_folder / "index.sealed").exists():
        member.state.keep_prepared(items)


def _plain(file: SourceFile) -> Uploaded:
    return Uploaded(BlobRef(length=file.length, sha256=file.sha256))


def _place(member: Member, reference: BlobRef) -> Path:
    return member.state.outgoing_folder / reference.sha256


def _prepare(member: Member, file: SourceFile) -> Uploaded:
    """The attachment sealed: as it was for an earlier try, or anew into a file of the home."""
    items = _fresh(member)
    known = items.get(file.sha256)
    if known is not None:
        reference = BlobRef(length=known["length"], sha256=known["sha256"])
        path = _place(member, reference)
        if path.is_file() and path.stat().st_size == reference.length:
            return Uploaded(reference, known["key"])
    key = member.random(CONTENT_KEY)
    folder = member.state.outgoing_folder
    folder.mkdir(mode=0o700, exist_ok=True)
    beside = folder / "part.new"
    digest, length = sha256(), 0
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as out:
        binding = attachment_binding(bytes.fromhex(file.sha256))
        for piece in encrypt_part_stream(key, binding, 0, file.length, file.pieces()):
            digest.update(piece)
            length += len(piece)
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    reference = BlobRef(length=length, sha256=digest.hexdigest())
    beside.replace(_place(member, reference))
    items[file.sha256] = {"at": member.clock(), "key": encoding.b64u(key), **reference.to_json()}
    member.state.keep_prepared(items)
    return Uploaded(reference, encoding.b64u(key))


def _fresh(member: Member) -> dict[str, dict[str, Any]]:
    """What was sealed for earlier tries, the old ones forgotten."""
    items = member.state.prepared()
    for name in [name for name, item in items.items() if item["at"] < member.clock() - KEPT_SECONDS]:
        item = items.pop(name)
        (member.state.outgoing_folder / item["sha256"]).unlink(missing_ok=True)
    return items


def _slice(path: Path | None, file: SourceFile, offset: int, size: int) -> bytes:
    """Bytes of what is uploaded: a ciphertext in the home, or for CLEAR the file itself."""
    if path is None and not isinstance(file.data, OnDisk):
        return file.data[offset : offset + size]
    place = path if path is not None else file.data.path if isinstance(file.data, OnDisk) else Path()
    with place.open("rb") as source:
        source.seek(offset)
        return source.read(size)
