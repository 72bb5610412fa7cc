"""The files of an alert's source: beside it, with plain names, bounded, pictures cleaned, the rest left on the disk.

What is large is never held whole: it is measured and hashed here, and read again in pieces when it is sealed.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from exchange.client import pictures
from exchange.client.errors import SourceError
from exchange.content import stix
from exchange.content.markup import hidden_in
from exchange.model.tlp import Label

MAX_ATTACHMENTS = 16
MAX_ATTACHMENT = 100_000_000
"""Bytes of one attachment."""
MAX_TOGETHER = 200_000_000
"""Bytes of all attachments of one alert: what an author's device may have lying at an exchange unclaimed."""
PIECE = 1 << 18
"""Bytes of a file read at once."""
DOCUMENTS = frozenset({"application/pdf", "application/msword", "application/rtf", "application/zip"})
"""Media types, beside those of office programs, that often name their authors and are not cleaned."""
OFFICE = ("application/vnd.openxmlformats", "application/vnd.oasis.opendocument", "application/vnd.ms-")

_TYPES = mimetypes.MimeTypes()  # the built-in table alone: the same on every machine
for _type, _ending in (
    ("image/avif", ".avif"),
    ("image/heic", ".heic"),
    ("image/heic", ".heif"),
    ("image/webp", ".webp"),
):
    _TYPES.add_type(_type, _ending)


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A file that stays where it is: its length in bytes and SHA-256 when the source was read."""

    path: Path
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An attachment: its name (one path component), media type and bytes, in memory or on the disk.

    ``removed`` is what a picture said beside its pixels, ``kept`` what it still says because its author wants it so
    (``exchange.client.pictures``); ``uncleaned`` marks documents, of which nothing is removed.
    """

    name: str
    media_type: str
    data: bytes | OnDisk = field(repr=False)
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    uncleaned: bool = False

    @property
    def length(self) -> int:
        """Bytes."""
        return self.data.length if isinstance(self.data, OnDisk) else len(self.data)

    @property
    def sha256(self) -> str:
        """SHA-256, hexadecimal."""
        return self.data.sha256 if isinstance(self.data, OnDisk) else sha256(self.data).hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """The bytes in pieces of at most PIECE. Raises SourceError ``file-changed`` when they are no longer those read before."""
        if not isinstance(self.data, OnDisk):
            for start in range(0, len(self.data), PIECE):
                yield self.data[start : start + PIECE]
            return
        digest, length = sha256(), 0
        with _opened(self.data.path) as file:
            while piece := file.read(PIECE):
                length += len(piece)
                if length > self.data.length:
                    break
                digest.update(piece)
                yield piece
        if (length, digest.hexdigest()) != (self.data.length, self.data.sha256):
            raise SourceError("file-changed", f"{self.name} was changed since the preview")


def gather(
    folder: Path, names: Sequence[str], keep: Sequence[str], bundle: str | None, label: Label
) -> tuple[tuple[SourceFile, ...], stix.Bundle | None]:
    """The attachments, the STIX bundle last; and what the bundle says. Raises SourceError, StixRefusal."""
    if len(names) + (bundle is not None) > MAX_ATTACHMENTS:
        raise SourceError("source-value", f"at most {MAX_ATTACHMENTS} attachments")
    if not set(keep) <= set(names):
        raise SourceError("source-value", "keep_metadata names pictures that stand in attachments")
    found = [_attachment(folder, name, keep=name in keep) for name in names]
    checked = None
    if bundle is not None:
        if bundle.casefold() in {name.casefold() for name in names}:
            raise SourceError("source-value", "the file named by stix does not stand in attachments as well")
        data = read_file(_plain_file(folder, bundle), stix.MAX_BUNDLE)
        checked = stix.check_bundle(data, label)
        found.append(SourceFile(bundle, stix.MEDIA_TYPE, data))
    if sum(file.length for file in found) > MAX_TOGETHER:
        raise SourceError("file-too-large", f"the attachments together have more than {MAX_TOGETHER} bytes")
    return tuple(found), checked


def visible(text: str, where: str) -> None:
    """Refuse what a reader would not see, or would see in another place than it was written (I10)."""
    hidden = hidden_in(text)
    if hidden is not None:
        raise SourceError(
            "source-hidden", f"{where} has {hidden}, a character that is not seen or moves text; remove it"
        )


def _plain_file(folder: Path, name: str) -> Path:
    if name in (".", "..") or name.startswith(".") or any(c in '/\\:*?"<>|\0' for c in name):
        raise SourceError("attachment-name", f"attachment {name!r} is not the plain name of a file beside the source")
    path = folder / name
    if path.is_symlink():
        raise SourceError("attachment-name", f"attachment {name!r} is a link")
    visible(name, "an attachment's name")
    return path


def _attachment(folder: Path, name: str, *, keep: bool) -> SourceFile:
    path = _plain_file(folder, name)
    media_type = _TYPES.guess_type(name)[0] or "application/octet-stream"
    head, on_disk = _measured(path)
    looks = pictures.recognised(head)
    if looks is None and not media_type.startswith("image/"):
        if keep:
            raise SourceError("source-value", f"keep_metadata is for pictures, and {name} is none")
        return SourceFile(name, media_type, on_disk, uncleaned=_is_document(media_type))
    if keep:
        small = on_disk.length <= pictures.MAX_PICTURE
        kept = pictures.told(name, media_type, read_file(path, pictures.MAX_PICTURE)) if small else ()
        return SourceFile(name, media_type, on_disk, kept=kept or ("unknown",))
    if looks is not None and looks != media_type:
        raise SourceError("picture-unreadable", f"{name} is a picture ({looks}), and is not called like one")
    if on_disk.length > pictures.MAX_PICTURE:
        raise SourceError("picture-too-large", f"{name} has more than {pictures.MAX_PICTURE} bytes")
    cleaned = pictures.clean(name, media_type, read_file(path, pictures.MAX_PICTURE))
    return SourceFile(name, media_type, cleaned.data, removed=cleaned.removed)


def _is_document(media_type: str) -> bool:
    return media_type in DOCUMENTS or media_type.startswith(OFFICE)


def _measured(path: Path) -> tuple[bytes, OnDisk]:
    """The first bytes of an attachment, its length and hash, read in pieces."""
    digest, length, head = sha256(), 0, b""
    with _opened(path) as file:
        while piece := file.read(PIECE):
            head = head or piece[: pictures.HEAD]
            length += len(piece)
            if length > MAX_ATTACHMENT:
                raise SourceError("file-too-large", f"{path.name} has more than {MAX_ATTACHMENT} bytes")
            digest.update(piece)
    if not length:
        raise SourceError("source-value", f"{path.name} is empty")
    return head, OnDisk(path, length, digest.hexdigest())


def read_file(path: Path, limit: int, *, follow: bool = False) -> bytes:
    """A plain file of at most ``limit`` bytes, whole. Raises SourceError."""
    with _opened(path, follow=follow) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise SourceError("file-too-large", f"{path.name} has more than {limit} bytes")
    return data


def _opened(path: Path, *, follow: bool = False) -> BinaryIO:
    """A plain file, open for reading. A link to the source itself is fine; an attachment's was refused before, and
    O_NOFOLLOW closes the gap."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if not path.is_file():
            raise SourceError("file-missing", f"there is no file {path.name}")
        return os.fdopen(os.open(path.resolve() if follow else path, flags), "rb")
    except OSError as error:
        raise SourceError("file-unreadable", f"{path.name} cannot be read: {error.strerror}") from None
