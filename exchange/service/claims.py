"""The server's own claims: what it delivered, what it refused, what an auditor was handed (``docs/spec/statements.md``).

They are statements like any other, signed with the exchange's statement key and accepted through the same sequencer; the
server is trusted for them only as far as the threat model says: it may omit its *own* claims, never forge those of others.
They are gathered and flushed in batches, so that reading costs no commit. What a crash loses is the claim, not the fact:
a device's own signed receipt says that it received.

Only refusals of statements that a known device really signed are named, at a bounded rate: strangers cannot fill the log.
Refusals for the time are not named: acceptance times never decrease, so that a server which starts with a clock far ahead, and
said so in its log, could accept nothing any more once the clock is right again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from exchange.config import Refusals
from exchange.model.problems import ExchangeError
from exchange.service.sessions import Clock
from exchange.service.state import ExchangeState
from exchange.store import alerts as alert_rows
from exchange.store.database import Connection, Store
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.verify import verify_ed25519_bytes

FLUSH_SECONDS = 5
"""Pause between flushes: how long a claim waits at most."""
MAX_DELIVERIES = 256
"""Deliveries in one ``alert.deliver``; each takes about 130 of its body's 65,536 bytes."""
MAX_REFUSALS = 64
"""Refusals in one statement."""
MAX_WAITING = 65_536
"""Claims of one sort that wait; beyond it (writing has stopped) further ones are dropped."""
MAX_COUNT = 2**32 - 1
"""Largest number that a statement's count can say."""
KEPT_DELIVERED = 1 << 17
"""Deliveries remembered, so that a device that fetches again is not claimed again."""
MAX_CODE = 40
"""Characters of a refusal's code."""
MINUTE = 60
OF_TIME = frozenset({"not-yet", "too-late"})
"""Refusals that say as much about this server's clock as about the statement."""

Claim = Callable[[str, dict[str, Any]], Awaitable[object]]
"""Signs and accepts a statement of this kind with these fields; `Exchange.claim`."""
Delivered = tuple[str, str]
"""(alert's statement id, device)."""


class Claims:
    """Gathers claims and flushes them; all methods but `flush` are cheap and never fail."""

    def __init__(self, claim: Claim, store: Store, state: ExchangeState, clock: Clock, limits: Refusals) -> None:
        self._claim = claim
        self._store = store
        self._state = state
        self._clock = clock
        self._limits = limits
        self._flushing = asyncio.Lock()
        self._deliveries: dict[Delivered, int] = {}
        self._delivered: OrderedDict[Delivered, None] = OrderedDict()
        self._refusals: dict[tuple[str, str, str], int] = {}
        self._uncounted = 0
        self._minute = (0, 0)
        self._audited: dict[tuple[str, str], int] = {}

    # -- gathering ------------------------------------------------------------------------------------------------

    def delivered(self, alert: str, device: str) -> None:
        """A released alert's stanza was handed to the device it is for."""
        key = (alert, device)
        if key in self._delivered:
            self._delivered.move_to_end(key)
            return
        if len(self._deliveries) >= MAX_WAITING:
            return
        self._delivered[key] = None
        if len(self._delivered) > KEPT_DELIVERED:
            self._delivered.popitem(last=False)
        self._deliveries[key] = self._clock()

    def pending_deliveries(self, alert: str) -> list[tuple[str, int]]:
        """(device, time) of what was handed over and is not in the journal yet."""
        return [(device, at) for (of, device), at in self._deliveries.items() if of == alert]

    def refused(self, envelope: Envelope, code: str, rule: str | None) -> None:
        """A posted statement was refused; named in the journal when a known device really signed it."""
        if code in OF_TIME:
            return
        device = self._signing_device(envelope)
        if device is None:
            return
        named = code if rule is None else f"{rule}-{code}"
        key = (device, envelope.statement_id, named[:MAX_CODE])
        if key in self._refusals:
            return
        now = self._clock()
        minute, count = self._minute
        if minute != now // MINUTE:
            minute, count = now // MINUTE, 0
        if count >= self._limits.per_minute or len(self._refusals) >= MAX_WAITING:
            self._uncounted += 1
            return
        self._minute = (minute, count + 1)
        self._refusals[key] = now

    def _signing_device(self, envelope: Envelope) -> str | None:
        """The first signer that is an enrolled device, if its Ed25519 line verifies over the raw bytes."""
        facts = self._state.roster.facts
        for line in envelope.signatures:
            device = facts.device_of_key.get(line.key_id)
            if device is None or line.algorithm != "ed25519":
                continue
            try:
                verify_ed25519_bytes(facts.devices[device].signing.ed25519, envelope.pae, line.sig)
            except KeysError:
                return None
            return device
        return None

    def audited(self, device: str, what: str, count: int = 1) -> None:
        """An auditor's device was handed ``count`` of something (``docs/spec/audit.md``, Access)."""
        key = (device, what)
        if count and (key in self._audited or len(self._audited) < MAX_WAITING):
            self._audited[key] = self._audited.get(key, 0) + count

    # -- flushing -------------------------------------------------------------------------------------------------

    async def flush(self) -> int:
        """Bring what waits into the journal; how many statements that took. Run every `FLUSH_SECONDS` and at the end.

        Raises what accepting raises; what was not accepted still waits.
        """
        async with self._flushing:
            done = 0
            while self._state.exchange is not None and (made := await self._next()):
                done += made
            return done

    async def _next(self) -> int:
        """One statement of each sort that has something to say. What comes in while it is accepted stays for the next."""
        return await self._say_delivered() + await self._say_refused() + await self._say_audited()

    async def _say_delivered(self) -> int:
        batch = await self._unclaimed()
        if not batch:
            return 0
        items = [{"alert": alert, "at": at, "device": device} for (alert, device), at in batch.items()]
        await self._claim("alert.deliver", {"deliveries": items})
        for delivery in batch:
            self._deliveries.pop(delivery, None)
        return 1

    async def _say_refused(self) -> int:
        batch = dict(list(self._refusals.items())[:MAX_REFUSALS])
        if not batch:
            return 0
        uncounted = self._uncounted
        named = [
            {"at": at, "code": code, "device": device, "statement": statement}
            for (device, statement, code), at in batch.items()
        ]
        await self._claim("statement.refuse", {"refusals": named, "uncounted": min(uncounted, MAX_COUNT)})
        for refusal in batch:
            self._refusals.pop(refusal, None)
        self._uncounted -= uncounted
        return 1

    async def _say_audited(self) -> int:
        for (device, what), count in list(self._audited.items())[:1]:
            await self._claim("access.read", {"count": min(count, MAX_COUNT), "device": device, "what": what})
            left = self._audited.pop((device, what)) - count
            if left:
                self._audited[device, what] = left
            return 1
        return 0

    async def _unclaimed(self) -> dict[Delivered, int]:
        """The next deliveries that the journal does not name yet: after a restart a device may fetch again."""
        while self._deliveries:
            batch = dict(list(self._deliveries.items())[:MAX_DELIVERIES])
            known = await self._store.read(_known, sorted({alert for alert, _ in batch}))
            for key in known & batch.keys():
                self._deliveries.pop(key, None)
                del batch[key]
            if batch:
                return batch
        return {}


async def flush_quietly(claims: Claims, report: Callable[[str], None]) -> None:
    """Flush, and report a refusal or a storage error by its code instead of raising it: for the periodic flush."""
    try:
        await claims.flush()
    except ExchangeError as error:
        report(error.code)


def _known(connection: Connection, alerts: Sequence[str]) -> set[Delivered]:
    return {(row.alert, row.device) for alert in alerts for row in alert_rows.deliveries(connection, alert)}
