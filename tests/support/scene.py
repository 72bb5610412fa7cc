"""A founded partnership in a simulated exchange, and its members as real clients with stores of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from exchange.client.member import Member, open_member
from exchange.client.source import AlertSource, SourceAudience, parse_source
from exchange.client.state import MemberState
from exchange.client.transport import Transport
from exchange.model.scalars import DAY
from exchange.model.statements import Opening
from keys import encoding
from keys.device import DeviceIdentity
from keys.envelope import Envelope
from keys.keyfile import Vault
from keys.sign import add_signature, sign_statement
from tests.support.simulator import ORIGIN, Logged, Simulator

POLICY: dict[str, Any] = {
    "approvals": {"CLEAR": 1, "RED": 1},
    "profile": "first-2.0",
    "publish": {
        "authority": ["AMBER", "AMBER+STRICT", "CLEAR", "GREEN", "RED"],
        "chamber": ["AMBER", "CLEAR", "GREEN"],
    },
    "red_persons": 50,
    "wide": {"approvals": 1, "recipients": 500},
}


@dataclass
class Person:
    """A person of the scene with its devices' identities."""

    id: str
    name: str
    organisation: str
    identities: list[DeviceIdentity] = field(default_factory=list)

    @property
    def device(self) -> str:
        return encoding.b64u(self.identities[0].device)


class Scene:
    """The registrars' hands: each method posts statements that the registrars sign."""

    def __init__(self, folder: Path, simulator: Simulator | None = None) -> None:
        self.folder = folder
        self.sim = simulator or Simulator()
        self.founding = self._found()
        self.registrars("policy.adopt", policy=POLICY)
        self._stores: list[MemberState] = []

    # -- statements ----------------------------------------------------------------------------------------------------

    def _found(self) -> Envelope:
        sim = self.sim
        body = {
            "at": sim.now,
            "issuer": {"registrar": sim.registrars[0].public.key_id},
            "logs": {name: log.signer.public.to_json() for name, log in sim.logs.items()},
            "nonce": encoding.b64u(sim.random(16)),
            "not_after": sim.now + DAY,
            "origin": ORIGIN,
            "registrars": [r.public.to_json() for r in sim.registrars],
            "statement_key": sim.statement_signer.public.to_json(),
            "threshold": 2,
        }
        envelope = add_signature(sign_statement("exchange.found", body, sim.registrars[0]), sim.registrars[1])
        sim.accept(envelope)
        return envelope

    def common(self, **fields: Any) -> dict[str, Any]:
        """A body with the common fields."""
        sim = self.sim
        body: dict[str, Any] = {
            "at": sim.now,
            "exchange": sim.exchange,
            "nonce": encoding.b64u(sim.random(16)),
            "not_after": sim.now + 3 * DAY,
            "seen": {name: log.head().to_json() for name, log in sim.logs.items()},
        }
        return body | {name: value for name, value in fields.items() if value is not None}

    def registrars(self, kind: str, names: dict[str, str] | None = None, /, **fields: Any) -> Logged:
        """Post a statement of two registrars; ``names`` become commitments and openings."""
        envelope, openings = self.signed(kind, names, **fields)
        logged = self.sim.accept(envelope, openings)
        self.sim.wake()
        return logged

    def signed(
        self, kind: str, names: dict[str, str] | None = None, /, **fields: Any
    ) -> tuple[Envelope, tuple[Opening, ...]]:
        """The statement of two registrars, not posted."""
        sim = self.sim
        openings = []
        if names is not None:
            fields["commitments"] = {}
            for name, value in sorted(names.items()):
                salt = sim.random(32)
                fields["commitments"][name] = encoding.commitment(name, salt, value)
                openings.append(Opening(field=name, salt=encoding.b64u(salt), value=value))  # type: ignore[arg-type]
        body = self.common(issuer={"registrar": sim.registrars[0].public.key_id}, **fields)
        envelope = sign_statement(kind, body, sim.registrars[0])
        return add_signature(envelope, sim.registrars[1]), tuple(openings)

    def newest(self, chain: str) -> str:
        """The chain's newest statement, for ``previous``."""
        return self.sim.roster.facts.chains[chain]

    # -- a partnership -------------------------------------------------------------------------------------------------

    def organisation(
        self,
        name: str,
        kind: str = "company",
        sectors: tuple[str, ...] = ("energy",),
        areas: tuple[str, ...] = ("05113000",),
    ) -> str:
        """Admit an organisation; its id."""
        organisation = encoding.b64u(self.sim.random(16))
        self.registrars(
            "organisation.admit",
            {"name": name},
            areas=sorted(areas),
            expires=self.sim.now + 365 * DAY,
            kind=kind,
            organisation=organisation,
            sectors=sorted(sectors),
        )
        return organisation

    def person(
        self, organisation: str, name: str, *roles: str, topics: tuple[str, ...] = (), devices: int = 1
    ) -> Person:
        """Enrol a person with devices (without weekly keys yet)."""
        person = Person(encoding.b64u(self.sim.random(16)), name, organisation)
        self.registrars(
            "person.enrol",
            {"name": name},
            organisation=organisation,
            person=person.id,
            roles=sorted(roles),
            topics=sorted(topics),
        )
        for _ in range(devices):
            self.device(person)
        return person

    def device(self, person: Person) -> DeviceIdentity:
        """Enrol one more device of a person."""
        identity = DeviceIdentity.create(self.sim.random)
        possession = identity.possession(
            exchange=self.sim.exchange,
            organisation=encoding.unb64u(person.organisation),
            person=encoding.unb64u(person.id),
        )
        self.registrars("device.enrol", person=person.id, possession=possession, **identity.request())
        person.identities.append(identity)
        return identity

    def revoke(self, person: Person, position: int = 0) -> Logged:
        """Revoke a device."""
        device = encoding.b64u(person.identities[position].device)
        return self.registrars("device.revoke", device=device, previous=self.newest(f"device/{device}"))

    def suspend(self, organisation: str) -> Logged:
        """Suspend an organisation."""
        chain = f"organisation/{organisation}"
        return self.registrars("organisation.suspend", organisation=organisation, previous=self.newest(chain))

    # -- members -------------------------------------------------------------------------------------------------------

    def member(
        self,
        person: Person,
        position: int = 0,
        *,
        transport: Transport | None = None,
        vault: Callable[[bytes], Vault] = Vault,
        home: str | None = None,
    ) -> Member:
        """A device's client, with a store in the scene's folder; opening it again is a restart."""
        identity = person.identities[position]
        place = self.folder / (home or f"{person.name.replace(' ', '-')}-{position}")
        place.mkdir(exist_ok=True)
        state = MemberState(place / "state.sqlite", vault(identity.vault_key))
        self._stores.append(state)

        def save(changed: DeviceIdentity) -> None:
            person.identities[position] = changed

        return open_member(
            transport or self.sim,
            state,
            identity,
            self.founding,
            clock=self.sim.clock,
            save=save,
            random=self.sim.random,
        )

    def close(self) -> None:
        """Close every store."""
        for state in self._stores:
            state.close()


def source(label: str = "AMBER", audience: SourceAudience | None = None, **changes: Any) -> AlertSource:
    """A small alert's source."""
    text = f"""+++
title = "Kupferdiebstahl"
language = "de"
label = "{label}"
kind = "incident.physical"
urgency = "expected"
severity = "moderate"
certainty = "observed"
valid_for = "14d"
number = "LKA-2026-0001"
contact = "0201 000"
{"[audience]" if label != "CLEAR" else ""}
{"sectors = ['energy']" if label != "CLEAR" else ""}
+++
In der Nacht wurden Kabel gestohlen.

## Was ist zu tun

Melden Sie Beobachtungen.
"""
    parsed = parse_source(text, Path())
    if audience is not None:
        changes["audience"] = audience
    return replace(parsed, **changes)


@dataclass
class Partnership:
    """The usual scene: an authority with author and approver, a company with two officers, another one beside."""

    scene: Scene
    police: str
    author: Person
    approver: Person
    works: str
    officer: Person
    colleague: Person
    bakery: str
    baker: Person

    @property
    def sim(self) -> Simulator:
        return self.scene.sim


def partnership(folder: Path, simulator: Simulator | None = None) -> Partnership:
    """Found and fill the usual scene."""
    scene = Scene(folder, simulator)
    police = scene.organisation("Polizei Essen", "authority", ("public",))
    works = scene.organisation("Stadtwerke Essen")
    bakery = scene.organisation("Bäckerei Bochum", sectors=("crafts",), areas=("05911000",))
    return Partnership(
        scene,
        police,
        scene.person(police, "Anna Autorin", "author"),
        scene.person(police, "Paul Prüfer", "approver"),
        works,
        scene.person(works, "Olga Offizier", "officer", "administrator", topics=("it",)),
        scene.person(works, "Kurt Kollege", "officer"),
        bakery,
        scene.person(bakery, "Berta Bäcker", "officer"),
    )
