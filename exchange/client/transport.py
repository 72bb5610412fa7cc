"""How bytes reach an exchange: a small protocol, and its implementation over HTTP (``docs/spec/interface.md``).

Everything that comes in is bounded in size and time before anybody looks at it (invariant I9): a body longer than its
caller expects is cut with an error, a redirect is never followed, nothing is decompressed, and plain ``http`` is for the
loopback alone.  What the bytes mean, and whether to believe them, is decided elsewhere.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from exchange.client.errors import TransportError

CONNECT_SECONDS = 10.0
"""Longest wait for a connection."""
READ_SECONDS = 30.0
"""Longest silence inside an answer."""
REQUEST_SECONDS = 60.0
"""Longest request as a whole, unless its caller says otherwise."""
STREAM_SILENCE = 60.0
"""Longest silence of a feed, seconds: the exchange sends a comment every 15."""
MAX_EVENT = 524_288
"""Bytes of one event of the feed: an envelope of at most 262,144 bytes and what is around it."""
MAX_PROBLEM = 65_536
"""Bytes of a problem's body."""
PIECE = 65_536
_PLACE = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: status, headers with lower-case names, the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; ``id`` is the last id the stream named, empty before the first."""

    id: str
    event: str
    data: str = field(repr=False)


class UnexpectedStatus(TransportError):
    """A stream was answered by something else than a stream; ``response`` is what came instead."""

    def __init__(self, response: Response) -> None:
        super().__init__("unexpected-status", f"the feed was answered with status {response.status}")
        self.response = response


class Transport(Protocol):
    """What an ``ExchangeApi`` needs.

    An implementation returns a body of at most ``max_bytes`` bytes or raises TransportError; it follows no redirect and
    waits at most ``timeout`` seconds.
    """

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int,
        timeout: float = REQUEST_SECONDS,  # noqa: ASYNC109 - one deadline over connecting, sending and reading
    ) -> Response:
        """Send one request; ``path`` begins with ``/`` and is escaped already."""
        ...

    def stream(self, path: str, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Event]:
        """Follow a feed of server-sent events. Raises TransportError, and UnexpectedStatus for another answer."""
        ...


class HttpTransport:
    """A Transport over HTTP/1.1 with one connection pool; an async context manager.

    Raises TransportError ``bad-url`` or ``plain-http`` when constructed: signatures protect what is said, not who hears
    which requests are made.
    """

    def __init__(self, base_url: str, *, allow_plain: bool = False) -> None:
        self._base = _base(base_url, allow_plain)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,  # a few bytes may not become gigabytes
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity", "User-Agent": "tlp-exchange"},
                raise_for_status=False,
                trust_env=False,
            )
        return self._session

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int,
        timeout: float = REQUEST_SECONDS,  # noqa: ASYNC109 - one deadline over connecting, sending and reading
    ) -> Response:
        """One request; see ``Transport``."""
        limits = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        try:
            async with self._client().request(
                method, self._url(path), headers=headers, data=body, allow_redirects=False, timeout=limits
            ) as answer:
                _no_redirect(answer.status)
                limit = max_bytes if answer.status < 400 else max(max_bytes, MAX_PROBLEM)
                return Response(answer.status, _headers(answer), await _bounded(answer, limit))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _transport_error(error) from None

    async def stream(self, path: str, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Event]:
        """The feed; see ``Transport``. Ends when the exchange closes it."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=STREAM_SILENCE)
        wanted = {"Accept": "text/event-stream", **(headers or {})}
        try:
            async with self._client().get(
                self._url(path), headers=wanted, allow_redirects=False, timeout=limits
            ) as answer:
                _no_redirect(answer.status)
                if answer.status != 200:
                    raise UnexpectedStatus(
                        Response(answer.status, _headers(answer), await _bounded(answer, MAX_PROBLEM))
                    )
                async for event in parse_events(answer.content.iter_any()):
                    yield event
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _transport_error(error) from None

    def _url(self, path: str) -> URL:
        if not path.startswith("/") or path.startswith("//"):
            raise ValueError("a path begins with one slash")
        return URL(self._base + path, encoded=True)


def _base(url: str, allow_plain: bool) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read here, where what is no port can be refused
    except ValueError:
        raise TransportError("bad-url", "an exchange's address is https://host[:port][/path]") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise TransportError("bad-url", "an exchange's address is https://host[:port][/path]")
    if parts.username is not None or parts.password is not None:
        raise TransportError("bad-url", "an exchange's address holds no user and no password")
    if _PLACE.fullmatch(parts.netloc) is None:
        # Other alphabets and other digits look like a host that they are not: a name in them is written as xn--.
        raise TransportError("bad-url", "an exchange's host is written in ASCII")
    if parts.scheme == "http" and not allow_plain and not _loopback(parts.hostname):
        raise TransportError("plain-http", "plain http is for this machine only; use https")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _no_redirect(status: int) -> None:
    if 300 <= status < 400:
        raise TransportError("redirect", "the exchange answered with a redirect, which is never followed")


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


async def _bounded(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Read a body of at most ``max_bytes`` bytes, whatever its length header says."""
    if answer.content_length is not None and answer.content_length > max_bytes:
        raise TransportError("body-too-large", f"the answer announces {answer.content_length} bytes, not {max_bytes}")
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.content.iter_chunked(PIECE):
        size += len(piece)
        if size > max_bytes:
            raise TransportError("body-too-large", f"the answer goes on after {max_bytes} bytes and was cut")
        pieces.append(piece)
    return b"".join(pieces)


def _transport_error(error: Exception) -> TransportError:
    if isinstance(error, TimeoutError):
        return TransportError("timeout", "the exchange did not answer in time")
    return TransportError("unreachable", f"the exchange cannot be reached ({type(error).__name__})")


async def parse_events(pieces: AsyncIterator[bytes], *, max_event: int = MAX_EVENT) -> AsyncIterator[Event]:
    """Server-sent events from bytes as they arrive; comments are skipped.

    Raises TransportError ``event-too-large`` before an event has more than ``max_event`` bytes in memory, ``bad-event``
    for bytes that are not UTF-8.  An event cut off by the end of the stream is dropped, as the format says.
    """
    buffer = bytearray()
    name, last_id, size = "", "", 0
    data: list[str] = []
    async for piece in pieces:
        buffer += piece
        start = 0
        while (end := buffer.find(b"\n", start)) >= 0:
            line = bytes(buffer[start:end]).removesuffix(b"\r")
            start = end + 1
            if not line:
                if data:
                    yield Event(last_id, name or "message", "\n".join(data))
                name, data, size = "", [], 0
                continue
            if line.startswith(b":") and len(line) <= max_event:
                continue
            size += len(line)
            if size > max_event:
                raise TransportError("event-too-large", f"an event of the feed has more than {max_event} bytes")
            key, value = _field(line)
            if key == "data":
                data.append(value)
            elif key == "event":
                name = value
            elif key == "id" and "\0" not in value:
                last_id = value
        del buffer[:start]
        if size + len(buffer) > max_event:
            raise TransportError("event-too-large", f"an event of the feed has more than {max_event} bytes")


def _field(line: bytes) -> tuple[str, str]:
    try:
        key, _, value = line.decode("utf-8").partition(":")
    except UnicodeDecodeError:
        raise TransportError("bad-event", "an event of the feed is not UTF-8") from None
    return key, value.removeprefix(" ")
