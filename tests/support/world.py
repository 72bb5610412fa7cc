"""A small partnership with real keys, built statement by statement: the tests' common ground.

Every value is derived from a counter, so two runs of a test see the same identifiers; ML-DSA signatures are hedged and
differ, which nothing here depends on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from nacl.bindings import crypto_scalarmult_base

from exchange.model.entry import Entry
from exchange.model.scalars import DAY
from exchange.model.statements import KINDS, Statement, chain_of, parse_statement
from exchange.policy.epochs import EpochTable
from exchange.policy.roster import TrustedRoster
from exchange.serverkeys import ServerKeys, generate
from exchange.tlog.merkle import EMPTY_ROOT
from keys import encoding
from keys.envelope import Envelope
from keys.sign import SoftwareSigner, add_signature
from keys.verify import possession_message

START = 1_790_000_000
"""A fixed beginning, seconds: 21 September 2026."""
EMPTY_HEAD = {"root": EMPTY_ROOT.hex(), "size": 0}


class Randomness:
    """A deterministic stream: `random(n)` gives n bytes that no other call gives."""

    def __init__(self, seed: str = "world") -> None:
        self._seed, self._n = seed, 0

    def __call__(self, length: int) -> bytes:
        self._n += 1
        out = b""
        while len(out) < length:
            out += sha256(f"{self._seed}/{self._n}/{len(out)}".encode()).digest()
        return out[:length]

    def id(self) -> str:
        return encoding.b64u(self(16))


@dataclass
class Member:
    """A person of the test world with one or more devices' signers."""

    person: str
    organisation: str
    roles: tuple[str, ...]
    devices: list[str] = field(default_factory=list)
    signers: dict[str, SoftwareSigner] = field(default_factory=dict)
    scans: dict[str, bytes] = field(default_factory=dict)

    @property
    def device(self) -> str:
        return self.devices[0]

    @property
    def signer(self) -> SoftwareSigner:
        return self.signers[self.devices[0]]


class World:
    """Registrars, a registry and its roster; each method appends one statement and returns it."""

    def __init__(
        self, registrars: int = 3, threshold: int = 2, seed: str = "world", server: ServerKeys | None = None
    ) -> None:
        self.random = Randomness(seed)
        self.server = server or generate("exchange.example", self.random)
        self.now = START
        self.registrars = sorted(
            (SoftwareSigner.generate(self.random) for _ in range(registrars)), key=lambda s: s.public.key_id
        )
        self.threshold = threshold
        self.roster = TrustedRoster()
        self.epochs = EpochTable()
        self.entries: list[Entry] = []
        self.statements: list[Statement] = []
        self.exchange = ""
        self.journal_size = 0

    # -- making -----------------------------------------------------------------------------------

    def common(self, /, **fields: Any) -> dict[str, Any]:
        body = {
            "at": self.now,
            "nonce": self.random.id(),
            "not_after": self.now + 3 * DAY,
            "seen": {"journal": EMPTY_HEAD, "registry": EMPTY_HEAD},
            "exchange": self.exchange,
        }
        body.update({k: v for k, v in fields.items() if v is not None})
        return body

    def sign(self, kind: str, body: dict[str, Any], *signers: SoftwareSigner) -> Statement:
        envelope = Envelope(kind, encoding.encode(body), ())
        for signer in signers:
            envelope = add_signature(envelope, signer, scheme=KINDS[kind].scheme)
        return parse_statement(envelope)

    def by_registrars(self, kind: str, /, *, signers: int | None = None, **fields: Any) -> Statement:
        chosen = self.registrars[: signers or self.threshold]
        body = self.common(issuer={"registrar": chosen[0].public.key_id}, **fields)
        return self.sign(kind, body, *chosen)

    def by_device(self, kind: str, member: Member, /, *others: SoftwareSigner, **fields: Any) -> Statement:
        body = self.common(issuer={"device": member.device}, **fields)
        return self.sign(kind, body, member.signer, *others)

    def entry(self, statement: Statement) -> Entry:
        return Entry(
            at=self.now,
            kind=statement.kind.name,
            signatures=statement.envelope.signatures_hash,
            statement=statement.id,
            subject=chain_of(statement),
        )

    def accept(self, statement: Statement) -> Statement:
        entry = self.entry(statement)
        self.roster.apply(entry, statement)
        self.entries.append(entry)
        self.statements.append(statement)
        return statement

    def previous(self, chain: str) -> str | None:
        return self.roster.facts.chains.get(chain)

    # -- a partnership ----------------------------------------------------------------------------

    def founding(self) -> Statement:
        chosen = self.registrars[: self.threshold]
        body = {
            "at": self.now,
            "nonce": self.random.id(),
            "not_after": self.now + DAY,
            "issuer": {"registrar": chosen[0].public.key_id},
            "origin": self.server.origin,
            "registrars": [r.public.to_json() for r in self.registrars],
            **self.server.public_json(),
            "threshold": self.threshold,
        }
        return self.sign("exchange.found", body, *chosen)

    def found(self) -> World:
        statement = self.accept(self.founding())
        self.exchange = statement.id
        self.adopt()
        return self

    @staticmethod
    def policy(**changes: Any) -> dict[str, Any]:
        """A complete policy object, with changes."""
        policy: dict[str, Any] = {
            "approvals": {"CLEAR": 1, "RED": 1},
            "profile": "first-2.0",
            "publish": {
                "authority": ["AMBER", "AMBER+STRICT", "CLEAR", "GREEN", "RED"],
                "chamber": ["AMBER", "CLEAR", "GREEN"],
            },
            "red_persons": 50,
            "wide": {"approvals": 1, "recipients": 500},
        }
        policy.update(changes)
        return policy

    def adopt(self, **changes: Any) -> Statement:
        adopted = self.by_registrars("policy.adopt", policy=self.policy(**changes), previous=self.previous("policy"))
        return self.accept(adopted)

    def organisation(
        self,
        kind: str = "company",
        sectors: tuple[str, ...] = ("energy",),
        areas: tuple[str, ...] = ("05113000",),
        days: int = 365,
    ) -> str:
        organisation = self.random.id()
        self.accept(
            self.by_registrars(
                "organisation.admit",
                areas=list(areas),
                commitments={"name": sha256(organisation.encode()).hexdigest()},
                expires=self.now + days * DAY,
                kind=kind,
                organisation=organisation,
                sectors=list(sectors),
            )
        )
        return organisation

    def person(self, organisation: str, *roles: str, topics: tuple[str, ...] = (), devices: int = 1) -> Member:
        member = Member(self.random.id(), organisation, tuple(sorted(roles)))
        self.accept(
            self.by_registrars(
                "person.enrol",
                commitments={"name": sha256(member.person.encode()).hexdigest()},
                organisation=organisation,
                person=member.person,
                roles=sorted(roles),
                topics=sorted(topics),
            )
        )
        for _ in range(devices):
            self.device(member)
        return member

    def device_fields(self, member: Member) -> tuple[dict[str, Any], SoftwareSigner, bytes]:
        device, signer = self.random.id(), SoftwareSigner.generate(self.random)
        scan_secret = self.random(32)
        scan = crypto_scalarmult_base(scan_secret)
        message = possession_message(
            exchange=self.exchange,
            organisation=encoding.unb64u(member.organisation),
            person=encoding.unb64u(member.person),
            device=encoding.unb64u(device),
            signing=signer.public,
            scan=scan,
        )
        ed25519, mldsa65 = signer.sign_hybrid(message)
        fields = {
            "device": device,
            "person": member.person,
            "possession": {"ed25519": encoding.b64u(ed25519), "mldsa65": encoding.b64u(mldsa65)},
            "scan": encoding.b64u(scan),
            "signing": signer.public.to_json(),
        }
        return fields, signer, scan_secret

    def keep_device(self, member: Member, fields: dict[str, Any], signer: SoftwareSigner, scan_secret: bytes) -> None:
        member.devices.append(fields["device"])
        member.signers[fields["device"]] = signer
        member.scans[fields["device"]] = scan_secret

    def device(self, member: Member) -> str:
        fields, signer, scan_secret = self.device_fields(member)
        self.accept(self.by_registrars("device.enrol", **fields))
        self.keep_device(member, fields, signer, scan_secret)
        return str(fields["device"])
