"""A home opened for the time of one command: the passphrase, the local store, the exchange, and names for ids."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exchange.cli.connect import SCHEMES, now
from exchange.cli.failure import sentence
from exchange.cli.returned import say_returned
from exchange.cli.terminal import USAGE, CommandError, Terminal
from exchange.cli.times import DAY, moment
from exchange.client.absence import tell_sources
from exchange.client.api import ExchangeApi
from exchange.client.errors import Refused, TransportError
from exchange.client.forks import known_fork
from exchange.client.history import Names
from exchange.client.home import Home, open_home
from exchange.client.member import Member as Client
from exchange.client.member import member_of
from exchange.client.state import MemberState
from exchange.client.sync import Synced, sync
from exchange.client.transport import HttpTransport
from exchange.policy.members import Facts, Person

WARN_AHEAD = 60 * DAY
"""Seconds before membership or time to accept runs out in which every command says so."""
NOT_ENROLLED = frozenset({"device-unknown", "signer-unknown"})
"""How an exchange refuses a session to a device that nobody has enrolled."""
RESTING = frozenset({"membership-expired", "organisation-suspended", "sponsor-not-admitted"})
"""How an exchange refuses a session to a member that may come back."""
FAMILIES = (("person", "name"), ("organisation", "name"), ("device", "label"), ("circle", "name"))
"""Where a name for an id is looked for."""


class Called:
    """What a subject is called: the opened name, or the id where none was opened (no nameless ghosts, I8)."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def _names(self) -> Names:
        return self._client.replica.names

    def of(self, subject: str) -> str:
        """The name of a person, organisation or device by id; the id itself without one."""
        for family, field_name in FAMILIES:
            found = self._names.get(family, subject, field_name)
            if found is not None:
                return found
        return subject

    def known(self, subject: str) -> bool:
        """Whether there is a name."""
        return self.of(subject) != subject


@dataclass(slots=True)
class Member:
    """One person at one exchange, for one command. ``online`` says whether the exchange answered."""

    terminal: Terminal
    home: Home
    client: Client
    online: bool = False
    synced: Synced | None = None
    names: Called = field(init=False)

    def __post_init__(self) -> None:
        self.names = Called(self.client)

    @property
    def api(self) -> ExchangeApi:
        """The exchange."""
        return self.client.api

    @property
    def state(self) -> MemberState:
        """The local store."""
        return self.client.state

    @property
    def facts(self) -> Facts:
        """The registry as last verified."""
        return self.client.replica.facts

    @property
    def seen(self) -> dict[str, dict[str, Any]]:
        """Both heads as last verified, as statements name them."""
        return self.client.seen.to_json()  # type: ignore[return-value]  # two heads, each a record of plain values

    @property
    def person(self) -> Person:
        """This device's person. Raises CommandError ``not_enrolled``."""
        found = self.facts.persons.get(self.client.replica.person or "")
        if found is None:
            raise CommandError("not_enrolled", hints=("hint_not_enrolled",))
        return found

    async def refresh(self) -> None:
        """Follow the logs, take in alerts, publish weekly keys when they run short."""
        with self.terminal.progress("progress_sync", data=True) as update:
            self.client.transfer = lambda done, total: update(done, total=total)
            self.synced = await sync(self.client)
        await tell_sources(self.client)
        self.online = True
        say_returned(self.terminal, self, self.synced)


def warn(member: Member) -> None:
    """Say ahead that membership or terms run out, and what stops then; on stderr, once in a command."""
    found = member.facts.persons.get(member.client.replica.person or "")
    own = None if found is None else member.facts.organisations.get(found.organisation)
    if own is None or own.removed:
        return
    terminal, time = member.terminal, now()
    name, until = member.names.of(own.id), moment(own.expires, terminal.language)
    if own.suspended:
        terminal.say("warn_suspended", name=name)
    elif time >= own.expires:
        terminal.say("warn_expired", name=name, until=until)
    elif own.expires - time <= WARN_AHEAD:
        terminal.say("warn_expiring", name=name, until=until, days=(own.expires - time) // DAY)
    roster = member.client.replica.now(time)
    if found is None or own.client or "auditor" in found.roles or not member.facts.terms:
        return  # neither a client nor whoever audits receives alerts under these terms
    current = member.facts.terms[-1]
    if roster.terms_fault(own.id) is not None:
        terminal.say("warn_terms_open", name=name, version=current.version)
    elif own.terms != current.version and current.accept_by - time <= WARN_AHEAD:
        by = moment(current.accept_by, terminal.language)
        days = max(0, (current.accept_by - time) // DAY)
        terminal.say("warn_terms", name=name, version=current.version, until=by, days=days)


@asynccontextmanager
async def opened(
    terminal: Terminal, passphrase_file: Path | None, *, offline: bool = False, may_be_offline: bool = False
) -> AsyncIterator[Member]:
    """Open the home and bring it up to date.

    ``offline`` does not ask the exchange at all; ``may_be_offline`` goes on with what is here when it does not answer.
    """
    home = open_home(terminal.home, terminal.passphrase(passphrase_file))
    scheme = SCHEMES.get(urlsplit(home.membership.url).scheme)
    if scheme is None:
        raise CommandError("bad_url", status=USAGE, url=home.membership.url)
    transport = scheme(home.membership.url)
    with MemberState(home.state_file, home.vault) as state:
        try:
            member = Member(terminal, home, member_of(home, transport, state, clock=now))
            if offline and known_fork(state) is not None:
                terminal.say("fork_offline")
            if not offline:
                try:
                    await member.refresh()
                except TransportError:
                    if not may_be_offline:
                        raise
                    terminal.say("offline")
                except Refused as refusal:
                    # An exchange that does not know our key has not enrolled us; we believe it, there is nothing to lose.
                    if refusal.code in NOT_ENROLLED and member.client.replica.person is None:
                        raise CommandError("not_enrolled", hints=("hint_not_enrolled",)) from None
                    if refusal.code not in RESTING or not may_be_offline:
                        raise
                    # Nothing new comes; what was received before stays readable.
                    terminal.say("resting", reason=sentence(terminal, refusal.code, refusal.detail), code=refusal.code)
            warn(member)
            yield member
        finally:
            if isinstance(transport, HttpTransport):
                await transport.close()
