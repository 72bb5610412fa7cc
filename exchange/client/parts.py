"""Where downloaded parts wait until they are verified: small ones in memory, large ones in a folder of the home.

They are ciphertexts (for CLEAR: public bytes), named by the hash that they should have; whether they have it is for ``verify`` to
say.  A large one comes in pieces, and a download that was interrupted goes on where it stopped, also after a crash.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from exchange.client.api import PIECE, ExchangeApi
from exchange.client.errors import TransportError, VerificationError
from exchange.model.scalars import BlobRef

IN_MEMORY = 1 << 20
"""Bytes of one part up to which it stays in memory."""
READ = 1 << 18
"""Bytes read from a file at once."""


class PartStore:
    """The parts of one alert, while it is being opened; a context manager that forgets them at the end.

    What came of a large part is kept when the connection failed, for the next time.
    """

    def __init__(
        self, api: ExchangeApi, folder: Path, told: Callable[[int, int], None] = lambda done, total: None
    ) -> None:
        self._api = api
        self._folder = folder
        self._told = told
        self._memory: dict[str, bytes] = {}
        self._files: set[Path] = set()

    def __enter__(self) -> PartStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self._memory.clear()
        interrupted = kind is not None and (issubclass(kind, TransportError) or not issubclass(kind, Exception))
        if not interrupted:
            for file in self._files:
                file.unlink(missing_ok=True)
        self._files.clear()

    async def part(self, reference: BlobRef) -> bytes:
        """See ``verify.Parts``: a small part whole. Raises as ``pieces``."""
        return b"".join(await self.pieces(reference))

    async def pieces(self, reference: BlobRef) -> Iterable[bytes]:
        """See ``verify.Parts``. Raises TransportError, Refused, VerificationError (step 6) for more bytes than were signed."""
        known = self._memory.get(reference.sha256)
        if known is not None:
            return (known,)
        file = self._folder / reference.sha256
        if file in self._files:
            return _read(file)
        try:
            if reference.length <= IN_MEMORY:
                data = await self._api.get_blob(reference)
                self._memory[reference.sha256] = data
                return (data,)
            await self._fetch(reference, file)
        except TransportError as error:
            if error.code != "body-too-large":
                raise
            file.unlink(missing_ok=True)
            evidence = {"part": reference.sha256}
            raise VerificationError(6, "part-mismatch", "a part is longer than was signed", evidence) from None
        return _read(file)

    async def _fetch(self, reference: BlobRef, file: Path) -> None:
        """Bring the file to the length that was signed, from where it stands."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._files.add(file)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(file, flags, 0o600), "ab") as out:
            done = out.tell()
            if done > reference.length:
                out.truncate(0)
                done = 0
            while done < reference.length:
                self._told(done, reference.length)
                size = min(PIECE, reference.length - done)
                if size == reference.length:
                    piece = await self._api.get_blob(reference)
                    out.write(piece)
                    break  # whatever came, the hash decides
                piece = await self._api.get_range(reference, done, size)
                out.write(piece)
                done += len(piece)
        self._told(reference.length, reference.length)


def _read(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(READ):
            yield piece
