"""One device's side of an exchange: what every verb of this package works with, put together once.

Clock and randomness are handed in.  One ``Member`` belongs to one event loop; several programs may use the same home, each
with its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from os import urandom

from exchange.client.api import Credentials, ExchangeApi
from exchange.client.errors import VerificationError
from exchange.client.forks import GuardedTransport, keep_fork
from exchange.client.home import Home
from exchange.client.replica import Replica
from exchange.client.state import MemberState
from exchange.client.transport import Transport
from exchange.model.scalars import Head, Seen
from keys import encoding
from keys.device import DeviceIdentity
from keys.envelope import Envelope
from keys.seal import SealPool

Clock = Callable[[], int]
Random = Callable[[int], bytes]
Transfer = Callable[[int, int], None]
"""Told how many bytes of a large file went through, of how many."""


def _unseen(done: int, total: int) -> None:
    """Nobody looks."""


def _not_saved(identity: DeviceIdentity) -> None:
    """Without a key file nothing is published that must be opened later."""
    raise RuntimeError("this member cannot store a changed identity")


@dataclass(slots=True)
class Member:
    """The exchange, the verified copy of its logs, and this device's keys.

    ``save`` must have stored a changed identity durably when it returns.  ``pool`` seals large audiences, when there is one;
    ``transfer`` is told how far uploads and downloads are.
    """

    api: ExchangeApi
    replica: Replica
    identity: DeviceIdentity
    clock: Clock
    save: Callable[[DeviceIdentity], None] = _not_saved
    random: Random = urandom
    pool: SealPool | None = None
    transfer: Transfer = _unseen
    asked_witnesses: int = 0
    """When cosignatures were asked for last, seconds."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @property
    def state(self) -> MemberState:
        """The local store."""
        return self.replica.state

    @property
    def device(self) -> str:
        """This device's id."""
        return self.replica.device

    @property
    def seen(self) -> Seen:
        """Both heads as last verified, for the statements signed here (gossip)."""
        heads = self.replica.heads
        return Seen(
            journal=Head(root=heads["journal"].root.hex(), size=heads["journal"].size),
            registry=Head(root=heads["registry"].root.hex(), size=heads["registry"].size),
        )

    def keep_identity(self, identity: DeviceIdentity) -> None:
        """Store a changed identity, then use it."""
        self.save(identity)
        self.identity = identity

    def keep_fork(self, error: VerificationError) -> None:
        """Keep the proof of a fork as a file, and stop: nothing is asked of this exchange before a person has decided."""
        fork = keep_fork(self.state, error.evidence["proof"].encode("utf-8"), self.replica.exchange, self.clock())
        error.evidence["file"] = str(fork.file)
        self.record("log", error)

    def record(self, subject: str, error: VerificationError) -> None:
        """Keep a failure with its evidence, durably."""
        with self.state.transaction():
            self.state.fail(subject, error.step, error.code, error.detail, error.rule, error.evidence, self.clock())


def open_member(
    transport: Transport,
    state: MemberState,
    identity: DeviceIdentity,
    founding: Envelope,
    *,
    clock: Clock,
    save: Callable[[DeviceIdentity], None] = _not_saved,
    random: Random = urandom,
    pool: SealPool | None = None,
) -> Member:
    """Put a member together. Raises StateError ``state-foreign`` when the store belongs to another exchange."""
    state.pin(founding)
    device = encoding.b64u(identity.device)
    credentials = Credentials(founding.statement_id, device, identity.signer)
    api = ExchangeApi(GuardedTransport(transport, state), clock=clock, credentials=credentials, random=random)
    member = Member(api, Replica(state, device), identity, clock, save, random, pool)
    member.replica.on_fork = member.keep_fork
    member.replica.on_gossip = member.record
    return member


def member_of(
    home: Home,
    transport: Transport,
    state: MemberState,
    *,
    clock: Clock,
    random: Random = urandom,
    pool: SealPool | None = None,
) -> Member:
    """The member of an opened home; ``state`` is ``MemberState(home.state_file, home.vault)``, which the caller closes."""
    return open_member(
        transport,
        state,
        home.identity,
        home.membership.founding,
        clock=clock,
        save=home.save_identity,
        random=random,
        pool=pool,
    )
