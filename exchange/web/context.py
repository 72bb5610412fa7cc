"""What the handlers work with: the running exchange and its readable services, built once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from exchange.config import Config
from exchange.listen.connections import CHECK_SECONDS, Guard
from exchange.listen.log import OperatorLog, places
from exchange.listen.rates import Rates
from exchange.service import retention
from exchange.service.alerts import Alerts
from exchange.service.blobs import SWEEP_SECONDS, Blobs
from exchange.service.claims import FLUSH_SECONDS, Claims, flush_quietly
from exchange.service.clear import ClearAlerts
from exchange.service.exchange import Exchange
from exchange.service.feed import Feed
from exchange.service.messages import Messages
from exchange.service.notices import Notices
from exchange.service.reading import Reading
from exchange.service.receipts import Receipts
from exchange.service.sessions import Sessions
from exchange.service.uploads import Uploads
from exchange.service.witnessing import Witnessing
from exchange.store.errors import StoreError
from exchange.web.ask import HttpAsk
from exchange.web.errors import refusal

OTHER_CONNECTIONS = 2_048
"""Connections beside those of the feed's readers."""


@dataclass(frozen=True, slots=True)
class Context:
    """The services, the limits and the log of one server."""

    exchange: Exchange
    sessions: Sessions
    alerts: Alerts
    reading: Reading
    receipts: Receipts
    messages: Messages
    blobs: Blobs
    clear: ClearAlerts
    uploads: Uploads
    claims: Claims
    feed: Feed
    notices: Notices | None
    witnessing: Witnessing
    guard: Guard
    by_address: Rates
    by_device: Rates
    log: OperatorLog
    monotonic: Callable[[], float]

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.exchange.config

    @classmethod
    def build(cls, exchange: Exchange, log: OperatorLog, monotonic: Callable[[], float]) -> Context:
        """Put the services together; the feed listens to the exchange's commits from now on."""
        config, store, state, clock = exchange.config, exchange.store, exchange.state, exchange.clock
        sessions = Sessions(state, clock, config.limits)
        alerts = Alerts(store, state)
        claims = Claims(exchange.claim, store, state, clock, config.refusals)
        feed = Feed(store, exchange.ledger, state, alerts, claims, sessions, clock, config.feed)
        exchange.on_commit(feed.wake)
        notices = None
        if config.notice.relay:
            notices = Notices(config.notice, store, state, clock, monotonic, log.info)
            exchange.on_commit(notices.wake)
        ask = HttpAsk(config.witness.timeout_seconds)
        witnessing = Witnessing(config.witness, store, exchange.ledger, state, clock, monotonic, ask, log)
        exchange.on_commit(witnessing.wake)
        days = config.retention.receipts_days
        reading = Reading(store, exchange.ledger, state, alerts, claims, clock, days)
        blobs = Blobs(store, exchange.packs, state, alerts, clock, config.limits)
        burst = config.limits.burst_seconds
        return cls(
            exchange,
            sessions,
            alerts,
            reading,
            Receipts(store, exchange.ledger, state, alerts, claims),
            Messages(store, exchange.ledger, alerts, claims),
            blobs,
            ClearAlerts(store, exchange.ledger, state, alerts, blobs, reading),
            Uploads(store, blobs, clock),
            claims,
            feed,
            notices,
            witnessing,
            Guard(
                log,
                monotonic,
                refusal,
                header_deadline=config.limits.header_deadline_seconds,
                write_deadline=config.limits.write_deadline_seconds,
                most=config.feed.readers + OTHER_CONNECTIONS,
            ),
            Rates(config.limits.requests_per_second_address, burst),
            Rates(config.limits.requests_per_second_device, burst),
            log,
            monotonic,
        )

    # -- what goes on beside the requests -------------------------------------------------------------------------

    async def watch_connections(self) -> None:
        """Cut connections that are past their deadlines."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.guard.check(self.monotonic())

    async def flush_claims(self) -> None:
        """Bring the server's claims into the journal."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await flush_quietly(self.claims, lambda code: self.log.warning("claims-wait", code=code))

    async def send_notices(self) -> None:
        """Send e-mail notices, if any are configured. A defect here stops notices and nothing else."""
        if self.notices is not None:
            try:
                await self.notices.run()
            except Exception as error:
                self.log.error("notices-stopped", error=type(error).__name__, places=places(error))

    async def ask_witnesses(self) -> None:
        """Have checkpoints cosigned. A defect here stops that and nothing else."""
        try:
            await self.witnessing.run()
        except Exception as error:
            self.log.error("witnessing-stopped", error=type(error).__name__, places=places(error))

    async def sweep(self) -> None:
        """Delete what nobody claimed, and the traces of what was erased."""
        traceless = 0
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            erased = len(self.exchange.state.roster.facts.erased)
            try:
                swept = await self.blobs.sweep()
                if erased != traceless and await self.exchange.store.cut_log():
                    traceless = erased
            except StoreError as error:
                self.log.warning("sweep-failed", code=error.code)
                continue
            if swept:
                self.log.info("blobs-swept", count=swept)

    async def erase_receipts(self) -> None:
        """Erase the statements of old receipts, now and once a day; nothing while they are kept for ever."""
        days = self.config.retention.receipts_days
        while days:
            try:
                erased = await retention.erase(self.exchange.store, days)
            except StoreError as error:
                self.log.warning("retention-failed", code=error.code)
            else:
                if erased:
                    self.log.info("receipts-erased", count=erased, days=days)
            await asyncio.sleep(retention.SWEEP_SECONDS)


CONTEXT: Final = web.AppKey("context", Context)
