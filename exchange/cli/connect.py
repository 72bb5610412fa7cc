"""How a command reaches an exchange and opens its home. The clock is read here, and nowhere below.

``SCHEMES`` says which transport an address takes; tests put a simulated exchange in it under a scheme of its own.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from exchange.cli.terminal import USAGE, CommandError, read_file
from exchange.client.api import ExchangeApi
from exchange.client.enrol import LONGEST, Preparation, Random
from exchange.client.transport import HttpTransport, Transport
from keys.errors import KeysError
from keys.registrar import MAX_PUBLIC, MAX_SIGNING_FILE, SigningFile, decode_public
from keys.rotation import Registrars
from keys.verify import SigningPublicKey

SCHEMES: dict[str, Callable[[str], Transport]] = {"http": HttpTransport, "https": HttpTransport}
"""Transport by the scheme of an address."""


def now() -> int:
    """Seconds."""
    return int(time.time())


@asynccontextmanager
async def public(url: str) -> AsyncIterator[ExchangeApi]:
    """An exchange for calls that need no session. Raises CommandError ``bad_url``, TransportError."""
    scheme = SCHEMES.get(urlsplit(url).scheme)
    if scheme is None:
        raise CommandError("bad_url", status=USAGE, url=url)
    transport = scheme(url)
    try:
        yield ExchangeApi(transport, clock=now)
    finally:
        if isinstance(transport, HttpTransport):
            await transport.close()


def registrar_key(path: Path) -> SigningPublicKey:
    """A registrar's public key file. Raises CommandError ``bad_registrar_file``."""
    try:
        return decode_public(read_file(path, max_bytes=MAX_PUBLIC))
    except KeysError as error:
        raise CommandError("bad_registrar_file", file=path, reason=error) from None


def registrar_issuer(registrars: Registrars, path: Path | None) -> dict[str, str]:
    """The registrar in whose name a statement is prepared: the one given, or the first of those in force.

    Raises CommandError ``not_a_registrar``.
    """
    if path is None:
        return {"registrar": min(registrars.keys)}
    key_id = registrar_key(path).key_id
    if key_id not in registrars.keys:
        raise CommandError("not_a_registrar", hints=("hint_rotations",), file=path)
    return {"registrar": key_id}


def rotations(paths: Sequence[Path] | None) -> list[SigningFile]:
    """The files of rotations, as signed. Raises CommandError ``file_unreadable``, KeysError."""
    return [SigningFile.load(read_file(path, max_bytes=MAX_SIGNING_FILE)) for path in paths or ()]


def must_sign(issuer: dict[str, str], path: Path | None) -> str:
    """What a person calls the registrar who must be among the signers: the file that was given, else the key id's beginning."""
    return str(path) if path is not None else issuer["registrar"][:16]


def preparation(
    exchange: str,
    seen: dict[str, dict[str, object]],
    issuer: dict[str, str],
    random: Random,
    lifetime: int = LONGEST,
) -> Preparation:
    """What is prepared now, to be accepted within ``lifetime`` seconds."""
    return Preparation(exchange, seen, issuer, now(), random, lifetime)
