"""Who is sent the fixed e-mail notice, and when: opt-in, at most one in an interval, beside everything that matters.

A released alert with a leaf for a person's device makes a notice *due* for that person, if its newest commitments hold an
address (``notice``) whose opening is still there. The opening is read for this and nothing else, at the moment of sending, and
never kept. Within the interval further alerts cause one mail at its end and no more, so that mail traffic does not count alerts.

Nothing here delays or fails a statement: ``wake`` only puts an id into a bounded queue. A notice is a courtesy, not a
delivery: what waits is lost when the server stops, and a full queue or a relay that stays away costs notices, which the
operator's log counts without saying whose. Spec: docs/spec/interface.md, Notices.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from exchange.config import Notice
from exchange.ledger.sequencer import Batch
from exchange.model.entry import RELEASED, parse_entry
from exchange.model.registry import PersonEnrol
from exchange.model.statements import parse_statement
from exchange.service.mail import Outcome, Relay
from exchange.service.sessions import Clock
from exchange.service.state import ExchangeState
from exchange.store import alerts as alert_rows
from exchange.store import statements as statement_rows
from exchange.store.database import Connection, Store
from exchange.store.errors import StoreError
from keys.envelope import Envelope

MAX_ALERTS: Final = 1_024
"""Released alerts whose recipients were not looked at yet."""
MAX_PERSONS: Final = 200_000
"""Persons who wait for a mail: as many as an exchange has."""
CONNECTION_MAILS: Final = 50
"""Mails over one connection; the openings of no more than these are in memory."""
ATTEMPTS: Final = 3
"""How often a mail is tried."""
REFUSED_SECONDS: Final = 3_600
"""Pause for an address that the relay refuses for good."""
RETRY_SECONDS: Final = 60
"""Pause before a mail is tried again."""

Told = Callable[..., object]
"""Takes an event and counts for the operator's log."""


class Notices:
    """Takes in what was released, and works it off. ``work`` is called by ``run``, and by tests."""

    def __init__(
        self,
        config: Notice,
        store: Store,
        state: ExchangeState,
        clock: Clock,
        monotonic: Callable[[], float],
        told: Told,
    ) -> None:
        self._config = config
        self._relay = Relay(config)
        self._store = store
        self._state = state
        self._clock = clock
        self._monotonic = monotonic
        self._told = told
        self._alerts: deque[str] = deque()
        self._waiting: dict[str, int] = {}
        """Failed attempts by person."""
        self._not_before: dict[str, float] = {}
        self._without: dict[str, str] = {}
        """By person: the newest statement of its chain that was seen to give no address."""
        self._woken = asyncio.Event()
        self._lost = 0

    def wake(self, batch: Batch) -> None:
        """Something was committed. Cheap, and never fails."""
        for new in batch.entries:
            if new.log != "journal":
                continue
            entry = parse_entry(new.data)
            if entry.kind != RELEASED or entry.alert is None or entry.alert.audience is None:
                continue
            if len(self._alerts) >= MAX_ALERTS:
                self._lost += 1
                continue
            self._alerts.append(entry.statement)
            self._woken.set()

    async def run(self) -> None:
        """Work whenever something is due, for ever."""
        while True:
            pause = await self.work()
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()

    async def work(self) -> float | None:
        """Send what is due now; the seconds until something is due again, or None when nothing waits."""
        try:
            await self._take_in()
            await self._send_due()
        except StoreError as error:
            self._told("notices-wait", code=error.code)
            return RETRY_SECONDS
        if self._lost:
            self._told("notices-lost", count=self._lost)
            self._lost = 0
        if not self._waiting:
            return None
        now = self._monotonic()
        return max(0.0, min(self._not_before.get(person, now) for person in self._waiting) - now)

    async def _take_in(self) -> None:
        """Turn released alerts into persons who wait."""
        while self._alerts:
            row = await self._store.read(alert_rows.audience, self._alerts[0])
            self._alerts.popleft()
            devices = self._state.roster.facts.devices
            for device in () if row is None else row.devices_at():
                if device not in devices:
                    continue
                person = devices[device].person
                if self._gives_none(person):
                    continue
                if len(self._waiting) < MAX_PERSONS:
                    self._waiting.setdefault(person, 0)
                else:
                    self._lost += 1

    def _gives_none(self, person: str) -> bool:
        """Whether it is known that this person wants no notice; a statement about it since then asks again."""
        return self._without.get(person) == self._state.roster.facts.chains.get(f"person/{person}", "")

    async def _send_due(self) -> None:
        now = self._monotonic()
        self._not_before = {person: at for person, at in self._not_before.items() if at > now}
        due = [person for person in self._waiting if person not in self._not_before]
        sent = failed = 0
        for start in range(0, len(due), CONNECTION_MAILS):
            addresses = await self._addresses(due[start : start + CONNECTION_MAILS])
            outcomes = await self._relay.send(list(addresses.values())) if addresses else []
            for person, outcome in zip(addresses, outcomes, strict=True):
                done = self._settle(person, outcome)
                sent, failed = sent + (outcome is Outcome.SENT), failed + (done and outcome is not Outcome.SENT)
        if sent or failed:
            self._told("notices", sent=sent, failed=failed)

    def _settle(self, person: str, outcome: Outcome) -> bool:
        """What an outcome means for a person who waits; whether it waits no more."""
        now = self._monotonic()
        if outcome is Outcome.LATER:
            self._waiting[person] += 1
            if self._waiting[person] < ATTEMPTS:
                self._not_before[person] = now + RETRY_SECONDS * self._waiting[person]
                return False
        # Also after a failure: an address that is refused is not tried at every alert.
        self._not_before[person] = now + (
            REFUSED_SECONDS if outcome is Outcome.NEVER else self._config.interval_seconds
        )
        del self._waiting[person]
        return True

    async def _addresses(self, persons: Sequence[str]) -> dict[str, str]:
        """The addresses of those of the persons who are in force and want a notice; the others wait no more."""
        roster = self._state.roster_now(self._clock())
        chains = roster.facts.chains
        asked = {p: chains[f"person/{p}"] for p in persons if roster.person_fault(p) is None}
        found = await self._store.read(_addresses, asked)
        for person in persons:
            if person not in found:
                del self._waiting[person]
                if person in asked:
                    self._without[person] = asked[person]
        return found


def _addresses(connection: Connection, chains: dict[str, str]) -> dict[str, str]:
    """By person, the opening ``notice`` of its newest commitments; ``chains`` has the newest statement of each chain."""
    found: dict[str, str] = {}
    for person, newest in chains.items():
        committing = _newest_commitments(connection, newest)
        for opening in statement_rows.openings(connection, [committing]).get(committing, ()) if committing else ():
            if opening.field == "notice":
                found[person] = opening.value
    return found


def _newest_commitments(connection: Connection, newest: str) -> str | None:
    """Walk a person's chain back to the last statement that has commitments: what it leaves out, the person took back."""
    statement: str | None = newest
    while statement is not None:
        rows = statement_rows.of_id(connection, [statement])
        if not rows:
            return None
        body = parse_statement(Envelope.decode(rows[0].envelope)).body
        if isinstance(body, PersonEnrol) or getattr(body, "commitments", None) is not None:
            return statement
        statement = getattr(body, "previous", None)
    return None
