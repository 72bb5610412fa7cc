"""How a command reaches an exchange and opens its home. The clock is read here, and nowhere below.

``SCHEMES`` says which transport an address takes; tests put a simulated exchange in it under a scheme of its own.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from exchange.cli.terminal import USAGE, CommandError, read_file
from exchange.client.api import ExchangeApi
from exchange.client.enrol import LONGEST, Preparation, Random
from exchange.client.transport import HttpTransport, Transport
from exchange.model.registry import Founding
from keys.errors import KeysError
from keys.registrar import MAX_PUBLIC, decode_public
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


def registrar_issuer(founding: Founding, path: Path | None) -> dict[str, str]:
    """The registrar in whose name a statement is prepared: the one given, or the first that the founding names.

    Raises CommandError ``not_a_registrar``.
    """
    named = [SigningPublicKey.from_json(key.to_json()).key_id for key in founding.registrars]
    if path is None:
        return {"registrar": named[0]}
    key_id = registrar_key(path).key_id
    if key_id not in named:
        raise CommandError("not_a_registrar", file=path)
    return {"registrar": key_id}


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
