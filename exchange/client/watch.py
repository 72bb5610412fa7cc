"""Watching: a feed of events, each of them a hint, nothing shown before the logs say so.

An ``entry`` brings a journal entry, and the alert with this device's leaf; a ``head`` brings the two checkpoints that vouch for
them.  Only at a head is anything concluded, by the same code as ``sync``: what the feed brought saves requests, and what it
left out, reordered or made up is fetched or found out.  When the feed breaks, the cursor is the verified journal's size.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from exchange.client import weeks
from exchange.client.absence import tell_sources
from exchange.client.answers import AlertAnswer, FeedEntry, FeedItem
from exchange.client.errors import BadAnswer, Refused, TransportError
from exchange.client.member import Member
from exchange.client.receipts import send_receipts
from exchange.client.sync import Synced, sync

MAX_BUFFER = 4096
"""Entries kept from a feed before its head comes; with more, everything is fetched instead."""
LONGEST_PAUSE = 60.0
"""Seconds between two attempts to reach the exchange."""

FIRST_SECONDS = 20.0
"""Longest wait for the first event of a stream; after that it is taken for one that a proxy collects."""
LEAST_WAIT = 1.0
"""Seconds that an answer without news takes at least."""
BRIEF = frozenset({409, 429, 503})
"""Statuses that say nothing about this device: asked again after a pause."""


class Undelivered(TransportError):
    """The stream was opened and delivers nothing."""


Pause = Callable[[int], Awaitable[None]]
"""Waits before attempt n (from 1) to connect again."""


async def wait(attempt: int) -> None:
    """1, 2, 4, … seconds, at most a minute."""
    await asyncio.sleep(min(LONGEST_PAUSE, 2.0 ** min(attempt - 1, 6)))


async def watch(member: Member, *, pause: Pause = wait, poll: bool = False) -> AsyncIterator[Synced]:
    """Follow the exchange for ever; yields after each round.

    A broken connection is made again after ``pause``. ``poll`` asks again and again instead of following a stream, for
    proxies that break streams; a stream that delivers nothing turns it on by itself. Raises VerificationError when the logs do
    not verify, Refused when the exchange lets this device in no longer.
    """
    attempt = 0
    while True:
        try:
            yield await sync(member)
            await tell_sources(member)
            attempt = 0
            async for synced in _rounds(member, _polled(member) if poll else _streamed(member)):
                yield synced
        except Undelivered:
            poll = True
            continue
        except (TransportError, BadAnswer):
            pass
        attempt += 1
        await pause(attempt)


async def _streamed(member: Member) -> AsyncIterator[FeedItem]:
    """One stream. Raises Undelivered when nothing of it comes: an exchange begins with a head at once."""
    stream = member.api.feed(member.replica.size("journal"))
    try:
        async with asyncio.timeout(FIRST_SECONDS):
            first = await anext(stream)
    except TimeoutError:
        raise Undelivered("timeout", "the feed was opened and nothing came") from None
    except StopAsyncIteration:
        return
    yield first
    async for item in stream:
        yield item


async def _polled(member: Member) -> AsyncIterator[FeedItem]:
    """One answer after the other. Ends when the exchange is busy, closing, or gave the place to another poll.

    Raises BadAnswer for an exchange that answers nothing without waiting: it would be asked without end.
    """
    cursor, registry = member.replica.size("journal"), member.replica.size("registry")
    loop = asyncio.get_running_loop()
    while True:
        asked = loop.time()
        try:
            answer = await member.api.poll(cursor, registry)
        except Refused as refusal:
            if refusal.status in BRIEF:
                return
            raise
        for item in answer.items:
            yield item
        if not answer.items and loop.time() - asked < LEAST_WAIT:
            raise BadAnswer("the feed was polled, and nothing was answered without waiting")
        cursor, registry = answer.cursor, answer.registry


async def _rounds(member: Member, items: AsyncIterator[FeedItem]) -> AsyncIterator[Synced]:
    """One connection's rounds."""
    entries: dict[int, bytes] = {}
    alerts: dict[str, AlertAnswer] = {}
    async for item in items:
        if isinstance(item, FeedEntry):
            entries[item.index] = item.entry
            if item.alert is not None and item.alert.envelope is not None:
                alerts[item.alert.envelope.statement_id] = item.alert
            if len(entries) > MAX_BUFFER:
                entries.clear()
                alerts.clear()
            continue
        synced = await sync(member, heads=item, entries=entries, alerts=alerts, quiet=True)
        entries, alerts = {}, {}
        # Also a round without news is told: another program of this member may have taken the alert in already.
        yield synced  # shown first; what is sent comes after
        await weeks.renew(member)  # a connection may last for months
        await send_receipts(member)
        await tell_sources(member)
