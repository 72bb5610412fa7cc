"""The feed: new entries and heads to everybody who listens (``docs/spec/interface.md``, Feed events).

A listener is a cursor, not a queue: what is new is built once into bytes that all share, with each listening device's own
leaf beside it, and kept for as long as `KEPT_EVENTS` and `KEPT_BYTES` allow; whoever is further behind reads pages from the
store. A slow listener costs nobody anything: the web cuts it, and it resumes by its cursor.

A listener follows a stream, or asks again and again (``poll``): the same cursors, places and events, one answer each time.

``wake`` only says that something was published; what, is read from the ledger, so a lost or doubled call loses nothing.
When the registry changed, every listener's device is looked up again, and a stream whose device is no longer in force ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from exchange.config import Feed as FeedLimits
from exchange.ledger.ledger import Ledger
from exchange.model.entry import RELEASED, parse_entry
from exchange.service.alerts import Alerts, AlertView
from exchange.service.answers import array, composed, note, value
from exchange.service.claims import Claims
from exchange.service.denied import Denied
from exchange.service.sessions import Clock, Session, Sessions
from exchange.service.state import ExchangeState
from exchange.service.visibility import access_fault, reader_of
from exchange.store import blobs as blob_rows
from exchange.store import logs
from exchange.store.database import Store
from exchange.tlog.checkpoint import LogName
from keys import encoding
from keys.kem import STANZA

KEPT_EVENTS = 1_024
"""Built events kept for listeners that are nearly up to date."""
KEPT_BYTES = 64 << 20
"""Bytes of leaves kept with them: 2,000 listeners of 20 alerts."""
PAGE = 64
"""Entries built, or handed to one listener, at once: bounds what is written before the next look at the roster."""
WHOLE_PACK_BYTES = 16 << 20
"""Packs up to this are read at once when many listeners need their stanzas; of larger ones each stanza is cut out."""
LONGEST_WAIT = 60
"""Seconds that a poll may wait for news."""
KEEPALIVE = b": keepalive\n\n"

_ENTRY = b"event: entry\nid: %d\ndata: "
_HEAD = b"event: head\ndata: %b\n\n"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry's event: ``plain`` for those without a leaf; with one, ``before`` + the leaf + ``after``.

    ``asked`` are the devices that were listening when it was built: for them ``leaves`` says it all.
    """

    index: int
    plain: bytes
    alert: AlertView | None = None
    before: bytes = b""
    after: bytes = b""
    leaves: dict[str, bytes] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    grantee: str | None = None
    """The device that an ``alert.grant`` is for: it is handed the grant with the event."""

    @property
    def framed(self) -> int:
        """Bytes before its data."""
        return len(_ENTRY % (self.index + 1))

    @property
    def size(self) -> int:
        """Bytes it keeps."""
        shared = len(self.plain) + len(self.before) + len(self.after)
        return shared + sum(len(leaf) for leaf in self.leaves.values())


class Stream:
    """One listener: its session and its cursor, the journal index of the next entry it needs."""

    def __init__(self, feed: Feed, session: Session, cursor: int) -> None:
        self.session = session
        self.cursor = cursor
        self.ended: Denied | None = None
        self.handing: list[str] = []
        """Alerts whose leaf was given out by the last `next`: delivered once the web asks for more."""
        self._feed = feed
        self._heads: bytes | None = None

    async def next(self) -> bytes:
        """What to write next: events, a head, or a keep-alive comment when nothing came for a while.

        Raises Denied when the stream is over: the reason why the device is no longer in force, ``session-ended``,
        ``stream-replaced``, ``gone``, ``closing``.
        """
        self._feed.delivered(self)
        while True:
            if self.ended is not None:
                raise self.ended
            news = self._feed.news
            pieces = await self._feed.after(self)
            if self._feed.up_to_date(self) and self._heads is not self._feed.heads:
                self._heads = self._feed.heads
                pieces.append(self._heads)
            if self.ended is not None:
                raise self.ended
            if pieces:
                return b"".join(pieces)
            if not await self._feed.wait(news):
                self._feed.recheck(self)
                if self.ended is None:
                    return KEEPALIVE

    async def poll(self, registry: int | None, seconds: int) -> bytes:
        """The same news as one JSON object, for callers that cannot follow a stream; empty when nothing came in time.

        ``registry`` is the registry's size as the caller knows it (None: the present one): a head without entries is news
        when the registry has grown. Raises as `next`.
        """
        known = self._feed.size("registry") if registry is None else registry
        end = asyncio.get_running_loop().time() + seconds
        while True:
            if self.ended is not None:
                raise self.ended
            news = self._feed.news
            entries = [b"".join(pieces)[event.framed : -2] for event, pieces in await self._feed.taken(self)]
            fresh = self._feed.up_to_date(self) and (bool(entries) or self._feed.told.registry > known)
            left = end - asyncio.get_running_loop().time()
            if self.ended is not None:
                raise self.ended
            if entries or fresh or left <= 0:
                return composed(
                    cursor=value(self.cursor),
                    entries=array(entries),
                    head=self._feed.told.data if fresh else None,
                    registry=value(max(known, self._feed.told.registry) if fresh else known),
                )
            if not await self._feed.wait(news, left):
                self._feed.recheck(self)


@dataclass(frozen=True, slots=True)
class Told:
    """The heads as listeners are told them: both checkpoints as JSON, and the registry's size."""

    data: bytes
    registry: int

    @property
    def event(self) -> bytes:
        """``event: head``."""
        return _HEAD % self.data


class Feed:
    """All listeners. ``start`` it, ``open`` streams, ``close`` it."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        state: ExchangeState,
        alerts: Alerts,
        claims: Claims,
        sessions: Sessions,
        clock: Clock,
        limits: FeedLimits,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._state = state
        self._alerts = alerts
        self._claims = claims
        self._sessions = sessions
        self._clock = clock
        self._limits = limits
        self._streams: dict[str, list[Stream]] = {}
        self._count = 0
        self._kept: deque[Event] = deque()
        self._kept_bytes = 0
        self._built = ledger.head("journal").size
        self._registry = ledger.head("registry").size
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.news = asyncio.Event()
        self.told = self._heads_now()
        self.heads = self.told.event

    # -- running --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to build events."""
        self._task = asyncio.create_task(self._run(), name="feed")

    async def close(self) -> None:
        """End all streams and stop."""
        for stream in [stream for own in self._streams.values() for stream in own]:
            stream.ended = Denied("closing", "the server is closing")
        self._announce()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self, appended: object = None) -> None:
        """Something was published. What it was is read from the ledger, in order."""
        if self._ledger.head("registry").size != self._registry:
            self._registry = self._ledger.head("registry").size
            self._end_those_out_of_force()
        self._arrived.set()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            try:
                await self._build()
            except Exception as error:
                # One event that cannot be built must not silence the feed: the next wake tries again.
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "feed: building failed", "exception": error}
                )

    async def _build(self) -> None:
        """Build everything published since the last time, announce it, then the heads."""
        size = self._ledger.head("journal").size
        told = self._heads_now()
        while self._built < size:
            asked = frozenset(self._streams)
            events = await self._events(self._built, min(PAGE, size - self._built), asked)
            for event in events:
                self._keep(event)
            self._built += len(events)
            if self._built < size:
                self._announce()
        # With the last entry and never before it: a head says that the reader has everything up to it.
        self.told = told
        self.heads = told.event
        self._announce()

    def _keep(self, event: Event) -> None:
        self._kept.append(event)
        self._kept_bytes += event.size
        while len(self._kept) > KEPT_EVENTS or (self._kept_bytes > KEPT_BYTES and len(self._kept) > 1):
            self._kept_bytes -= self._kept.popleft().size

    def _announce(self) -> None:
        """Wake every listener that waits: each waits for the event that was current when it looked."""
        news, self.news = self.news, asyncio.Event()
        news.set()

    def _heads_now(self) -> Told:
        journal, registry = (note(self._ledger.checkpoint(log)) for log in ("journal", "registry"))
        return Told(composed(journal=journal, registry=registry), self.size("registry"))

    def size(self, log: LogName) -> int:
        """Entries of a log."""
        return self._ledger.head(log).size

    # -- listeners ------------------------------------------------------------------------------------------------

    def open(self, session: Session, cursor: int | None, registry: int | None = None) -> Stream:
        """A stream, or a poll, from journal index ``cursor`` on; without one, from now on.

        A further stream of a device than it may have ends its oldest: the other end may be long gone. Raises Denied
        (``cursor-ahead``, ``readers-busy``).
        """
        size = self._ledger.head("journal").size
        if cursor is not None and cursor > size:
            raise Denied("cursor-ahead", f"the journal has {size} entries")
        if registry is not None and registry > self.size("registry"):
            raise Denied("cursor-ahead", f"the registry has {self.size('registry')} entries")
        own = self._streams.setdefault(session.device, [])
        if len(own) >= self._limits.readers_per_device:
            self._finish(own[0], Denied("stream-replaced", "a newer stream of this device took its place"))
        if self._count >= self._limits.readers:
            if not self._streams.get(session.device):
                self._streams.pop(session.device, None)
            raise Denied("readers-busy", "too many streams are open; try again")
        stream = Stream(self, session, size if cursor is None else cursor)
        self._streams.setdefault(session.device, []).append(stream)
        self._count += 1
        return stream

    def drop(self, stream: Stream) -> None:
        """Forget a stream whose connection is over."""
        own = self._streams.get(stream.session.device, [])
        if stream in own:
            own.remove(stream)
            self._count -= 1
        if not own:
            self._streams.pop(stream.session.device, None)

    @property
    def listening(self) -> int:
        """Open streams."""
        return self._count

    def leave(self, stream: Stream) -> None:
        """The other end is gone: whoever waits in `Stream.next` is told (``gone``)."""
        self._finish(stream, Denied("gone", "the reader went away"))

    def end_session(self, session: Session) -> None:
        """End the streams that were opened with this session."""
        for stream in list(self._streams.get(session.device, [])):
            if stream.session.token_hash == session.token_hash:
                self._finish(stream, Denied("session-ended", "the session was ended"))

    def recheck(self, stream: Stream) -> None:
        """End a stream whose device is no longer in force, which also time alone can bring about (expiry)."""
        fault = access_fault(self._state.roster_now(self._clock()), stream.session.device)
        if fault is not None:
            self._finish(stream, Denied(fault, "the device is not in force", rule="R1"))

    def _finish(self, stream: Stream, reason: Denied) -> None:
        stream.ended = reason
        self.drop(stream)
        self._announce()

    def _end_those_out_of_force(self) -> None:
        """The registry changed: revocation and suspension end sessions and streams at once."""
        roster = self._state.roster_now(self._clock())
        for device in list(self._streams):
            if access_fault(roster, device) is not None:
                self._sessions.end_device(device)
                for stream in list(self._streams.get(device, [])):
                    self.recheck(stream)

    async def wait(self, news: asyncio.Event, most: float | None = None) -> bool:
        """Wait for news; False when the keep-alive pause, or ``most`` seconds, passed without any."""
        pause = float(self._limits.keepalive_seconds)
        try:
            async with asyncio.timeout(pause if most is None else min(most, pause)):
                await news.wait()
        except TimeoutError:
            return False
        return True

    def up_to_date(self, stream: Stream) -> bool:
        """Whether the listener has exactly what was built: one that began at a newer head waits for its entries."""
        return stream.cursor == self._built

    async def after(self, stream: Stream) -> list[bytes]:
        """The next events for a listener as bytes, at most `PAGE`; its cursor moves behind them."""
        return [piece for _, pieces in await self.taken(stream) for piece in pieces]

    async def taken(self, stream: Stream) -> list[tuple[Event, Iterable[bytes]]]:
        """The next events for a listener with its own pieces of them; its cursor moves behind them."""
        if stream.cursor >= self._built:
            return []
        first = self._kept[0].index if self._kept else self._built
        if stream.cursor >= first:
            start = stream.cursor - first
            events = [self._kept[i] for i in range(start, min(start + PAGE, len(self._kept)))]
        else:
            events = await self._events(
                stream.cursor, min(PAGE, self._built - stream.cursor), frozenset((stream.session.device,))
            )
        taken = [(event, await self._pieces(event, stream)) for event in events]
        stream.cursor += len(events)
        return taken

    def delivered(self, stream: Stream) -> None:
        """What was given to a stream before has been written."""
        for alert in stream.handing:
            self._claims.delivered(alert, stream.session.device)
        stream.handing.clear()

    async def _pieces(self, event: Event, stream: Stream) -> Iterable[bytes]:
        """An event's bytes for one listener."""
        device = stream.session.device
        if event.grantee == device:
            return (await self._grant(event, device),)
        if event.alert is None:
            return (event.plain,)
        leaf = event.leaves.get(device)
        if leaf is None and device not in event.asked:
            leaf = (await self._leaves(event.alert, frozenset((device,)))).get(device)
        if leaf is None or not self._may_have_leaf(device):
            return (event.plain,)
        stream.handing.append(event.alert.row.statement)
        return (event.before, leaf, event.after)

    async def _grant(self, event: Event, device: str) -> bytes:
        """The event of a grant for the device that it is for; without it when R1 says no at this moment."""
        try:
            reader = reader_of(self._state.roster_now(self._clock()), device)
        except Denied:
            return event.plain
        grant = await self._alerts.grants.at(reader, event.index)
        return event.plain if grant is None else b"%b,%b%b" % (event.before, b'"grant":%b' % grant, event.after)

    def _may_have_leaf(self, device: str) -> bool:
        """R1 at the moment of handing over: in force, and the terms accepted."""
        try:
            return reader_of(self._state.roster_now(self._clock()), device).terms is None
        except Denied:
            return False

    # -- building -------------------------------------------------------------------------------------------------

    async def _events(self, start: int, count: int, asked: frozenset[str]) -> list[Event]:
        entries = await self._store.read(logs.entries, "journal", start, count)
        return [await self._event(start + i, data, asked) for i, data in enumerate(entries)]

    async def _event(self, index: int, data: bytes, asked: frozenset[str]) -> Event:
        entry = parse_entry(data)
        encoded = value(encoding.b64(data))
        head = _ENTRY % (index + 1)
        plain = b"%b%b\n\n" % (head, composed(entry=encoded, index=value(index)))
        if entry.grant is not None:
            grantee = await self._alerts.grants.grantee(index)
            before, after = b'%b{"entry":%b' % (head, encoded), b',"index":%d}\n\n' % index
            return Event(index, plain, before=before, after=after, grantee=grantee)
        if entry.kind != RELEASED or entry.alert is None or entry.alert.audience is None:
            return Event(index, plain)
        view = await self._alerts.find(entry.statement)
        leaves = await self._leaves(view, asked)
        before = b'%b{"alert":{"envelope":%b,"index":%d,"leaf":' % (head, view.statement.envelope, index)
        after = b'},"entry":%b,"index":%d}\n\n' % (encoded, index)
        return Event(index, plain, view, before, after, leaves, asked)

    async def _leaves(self, view: AlertView, devices: frozenset[str]) -> dict[str, bytes]:
        """The encoded leaves of those of the devices that have one."""
        if not devices:
            return {}
        audience = await self._alerts.audience(view.row.statement)
        places = audience.places(devices)
        if len(places) < PAGE or view.row.pack is None:
            return {device: (await self._alerts.leaf(view, place)).encode() for device, place in places.items()}
        length = audience.offsets[-1] + STANZA
        row = await self._store.read(blob_rows.find, view.row.pack)
        if row is None or length > WHOLE_PACK_BYTES:
            return {device: (await self._alerts.leaf(view, place)).encode() for device, place in places.items()}
        pack = await self._store.read(blob_rows.read, view.row.pack)
        found: dict[str, bytes] = {}
        for device, place in places.items():
            start = audience.offsets[place]
            stanza = b"" if audience.leaves[place].keyless else pack[start : start + STANZA]
            found[device] = audience.view(place, stanza).encode()
            if len(found) % PAGE == 0:
                await asyncio.sleep(0)  # a large audience must not hold up the requests of others
        return found
