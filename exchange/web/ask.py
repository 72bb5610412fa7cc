"""How the server reaches the witnesses: an HTTP client that believes nobody (`docs/spec/logs.md`, Witnesses).

The address is the registrars' choice, the answer the witness's: the request is the same few kilobytes to everybody, the answer is
bounded in time and size, a redirect is an answer like any other, nothing is decompressed, no cookie and no proxy of the environment
counts. Of an answer nobody is ever shown more than a word and two signature lines. Names are looked up on threads of their
own: a resolver that hangs must not take those on which statements are verified.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from exchange.service.asking import Reply, State, Unanswered
from exchange.tlog.witness_request import MAX_ANSWER_BYTES, PATH

LOOKUPS = 8
"""Names looked up at the same time."""


class Lookup(AbstractResolver):
    """The system's resolver on threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, "witness-lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises OSError."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Take no more lookups; those under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class HttpAsk:
    """`exchange.service.asking.Ask` over HTTP/1.1: one connection a question."""

    def __init__(self, seconds: float) -> None:
        """``seconds``: the deadline of one question, from looking up its host to the last byte of the answer."""
        self._seconds = seconds
        self._lookup: Lookup | None = None
        self._session: aiohttp.ClientSession | None = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._lookup = Lookup()
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                connector=aiohttp.TCPConnector(resolver=self._lookup, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity", "Content-Type": "text/plain; charset=utf-8"},
                raise_for_status=False,
                skip_auto_headers=["User-Agent"],
                trust_env=False,
            )
        return self._session

    async def add_checkpoint(self, url: str, body: bytes) -> Reply:
        """See `exchange.service.asking.Ask`."""
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client().post(url + PATH, data=body, allow_redirects=False) as answer,
            ):
                return Reply(answer.status, await _bounded(answer))
        except TimeoutError:
            raise Unanswered(State.TIMEOUT) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise Unanswered(State.UNREACHABLE) from None

    async def close(self) -> None:
        """Give up all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._lookup is not None:  # the session's connector leaves a resolver that it was given to its giver
            await self._lookup.close()
            self._lookup = None


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise Unanswered(State.ANSWER_SIZE)
    return bytes(body)
