"""Where downloaded parts wait until they are verified: small ones in memory, large ones in a folder of the home.

They are ciphertexts (for CLEAR: public bytes), named by the hash that they should have; whether they have it is for
``verify`` to say.  After a crash they are downloaded again.
"""

from __future__ import annotations

import os
from pathlib import Path

from exchange.client.api import ExchangeApi
from exchange.client.errors import TransportError, VerificationError
from exchange.model.scalars import BlobRef

IN_MEMORY = 1 << 20
"""Bytes of one part up to which it stays in memory."""


class PartStore:
    """The parts of one alert, while it is being opened; a context manager that forgets them at the end."""

    def __init__(self, api: ExchangeApi, folder: Path) -> None:
        self._api = api
        self._folder = folder
        self._memory: dict[str, bytes] = {}
        self._files: set[Path] = set()

    def __enter__(self) -> PartStore:
        return self

    def __exit__(self, *exception: object) -> None:
        self._memory.clear()
        for file in self._files:
            file.unlink(missing_ok=True)
        self._files.clear()

    async def part(self, reference: BlobRef) -> bytes:
        """See ``verify.Parts``. Raises TransportError, Refused, VerificationError (step 6) for more bytes than were signed."""
        known = self._memory.get(reference.sha256)
        if known is not None:
            return known
        file = self._folder / reference.sha256
        if file in self._files:
            return file.read_bytes()
        try:
            data = await self._api.get_blob(reference)
        except TransportError as error:
            if error.code != "body-too-large":
                raise
            evidence = {"part": reference.sha256}
            raise VerificationError(6, "part-mismatch", "a part is longer than was signed", evidence) from None
        if len(data) <= IN_MEMORY:
            self._memory[reference.sha256] = data
            return data
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._files.add(file)
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600), "wb"
        ) as out:
            out.write(data)
        return data
