"""A running exchange on a real SQLite file, founded with real keys: the common ground of the server's tests.

``Live`` is a ``World`` whose statements are accepted by the exchange instead of by a roster in memory, plus devices that can
seal: each member has a ``DeviceIdentity``, published epoch keys and the means to build alerts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from exchange.config import parse
from exchange.model.alert import Content, ContentText, Core
from exchange.model.scalars import DAY
from exchange.model.statements import Opening, Statement, parse_statement
from exchange.model.submission import Submission
from exchange.policy.decide import decide_people, expand
from exchange.service.exchange import Answer, Exchange
from exchange.service.lineage import lineage_from_store
from exchange.store import blobs
from keys import encoding
from keys.device import DeviceIdentity
from keys.envelope import Envelope
from keys.seal import SealTarget, encrypt_part, new_content_key, seal_stanzas
from keys.sign import add_signature
from keys.stanza import PartDigest, parts_digest
from tests.support.world import Member, World

WEEKS_AHEAD = 10


class Live(World):
    """A partnership on a running exchange."""

    def __init__(self, folder: Path, seed: str = "live") -> None:
        super().__init__(seed=seed)
        self.folder = folder
        self.exchange_server: Exchange
        self.identities: dict[str, DeviceIdentity] = {}
        self.sealed: dict[str, tuple[bytes, bytes]] = {}
        """What was sealed for each alert: content key and pack."""
        self.config = parse(
            {
                "server": {"data": str(folder / "data"), "head_file": str(folder / "head" / "head"), "port": 0},
            },
            "test",
        )

    @property
    def server_exchange(self) -> Exchange:
        """The running exchange."""
        return self.exchange_server

    async def start(self) -> None:
        """Open the exchange, at first or again."""
        pin = self.exchange or None
        self.exchange_server = await Exchange.open(self.config, self.server, lambda: self.now, pin=pin)

    async def stop(self) -> None:
        await self.exchange_server.close()

    async def begin(self) -> Live:
        """Found the exchange and adopt the default policy."""
        founding = self.founding()
        self.exchange = founding.id
        await self.start()
        await self.post(founding)
        await self.adopt_live()
        return self

    async def adopt_live(self, **changes: Any) -> None:
        policy: dict[str, Any] = {
            "approvals": {"CLEAR": 1, "RED": 1},
            "profile": "first-2.0",
            "publish": {
                "authority": ["AMBER", "AMBER+STRICT", "CLEAR", "GREEN", "RED"],
                "chamber": ["AMBER", "CLEAR", "GREEN"],
            },
            "red_persons": 50,
            "wide": {"approvals": 1, "recipients": 5000},
        }
        policy.update(changes)
        await self.post(self.by_registrars("policy.adopt", policy=policy, previous=self.previous("policy")))

    # -- the world's methods, accepted by the server --------------------------------------------------------------

    def common(self, /, **fields: Any) -> dict[str, Any]:
        body = super().common(**fields)
        if self.exchange and hasattr(self, "exchange_server"):
            body["seen"] = self.exchange_server.seen().to_json()
        return body

    def previous(self, chain: str) -> str | None:
        return self.exchange_server.state.roster.facts.chains.get(chain)

    async def post(self, *statements: Statement, openings: Sequence[Opening] = ()) -> Answer:
        """Send statements in one request."""
        return await self.exchange_server.accept(
            [Submission(statement.envelope, tuple(openings)) for statement in statements]
        )

    def opening(self, field: str, value: str) -> tuple[Opening, str]:
        """An opening and its commitment."""
        salt = self.random(32)
        return Opening(field=field, salt=encoding.b64u(salt), value=value), encoding.commitment(field, salt, value)  # type: ignore[arg-type]

    async def admit(
        self,
        name: str,
        kind: str = "company",
        sectors: tuple[str, ...] = ("energy",),
        areas: tuple[str, ...] = ("05113000",),
        days: int = 365,
    ) -> str:
        organisation = self.random.id()
        opening, commitment = self.opening("name", name)
        statement = self.by_registrars(
            "organisation.admit",
            areas=list(areas),
            commitments={"name": commitment},
            expires=self.now + days * DAY,
            kind=kind,
            organisation=organisation,
            sectors=list(sectors),
        )
        await self.post(statement, openings=[opening])
        return organisation

    async def enrol(
        self,
        name: str,
        organisation: str,
        *roles: str,
        topics: tuple[str, ...] = (),
        devices: int = 1,
        keyless: bool = False,
    ) -> Member:
        member = Member(self.random.id(), organisation, tuple(sorted(roles)))
        opening, commitment = self.opening("name", name)
        statement = self.by_registrars(
            "person.enrol",
            commitments={"name": commitment},
            organisation=organisation,
            person=member.person,
            roles=sorted(roles),
            topics=sorted(topics),
        )
        await self.post(statement, openings=[opening])
        for _ in range(devices):
            await self.enrol_device(member, keyless=keyless)
        return member

    async def enrol_device(self, member: Member, *, keyless: bool = False) -> str:
        identity = DeviceIdentity.create(self.random)
        possession = identity.possession(
            exchange=self.exchange,
            organisation=encoding.unb64u(member.organisation),
            person=encoding.unb64u(member.person),
        )
        device = encoding.b64u(identity.device)
        fields = {
            "device": device,
            "person": member.person,
            "possession": possession,
            "scan": encoding.b64u(identity.scan),
            "signing": identity.public.to_json(),
        }
        await self.post(self.by_registrars("device.enrol", **fields))
        member.devices.append(device)
        member.signers[device] = identity.signer
        self.identities[device] = identity
        if not keyless:
            await self.publish_epochs(member, device)
        return device

    async def publish_epochs(self, member: Member, device: str, weeks: int = WEEKS_AHEAD) -> Statement:
        week, names = encoding.week_of(self.now), []
        for _ in range(weeks):
            names.append(week)
            week = encoding.next_week(week)
        bundle, keys, identity = self.identities[device].new_epochs(names, self.random)
        self.identities[device] = identity
        digest = await self.put(bundle, device)
        body = self.common(
            bundle={"length": len(bundle), "sha256": digest},
            issuer={"device": device},
            keys=[{"hash": known, "week": week} for week, known in keys],
        )
        statement = self.sign("epoch.publish", body, identity.signer)
        await self.post(statement)
        return statement

    async def put(self, data: bytes, device: str) -> str:
        """Store a blob as an upload would."""
        digest = sha256(data).hexdigest()
        await self.exchange_server.store.write(blobs.put, digest, data, device, "upload", self.now)
        return digest

    # -- alerts ---------------------------------------------------------------------------------------------------

    def targets(self, core: dict[str, Any], recipients: Sequence[str]) -> list[SealTarget]:
        state = self.exchange_server.state
        week, size = encoding.week_of(core["at"]), core["seen"]["journal"]["size"]
        found = []
        for device in recipients:
            key = state.epochs.key(device, week, size)
            last = state.epochs.last_bundle(device, size)
            found.append(
                SealTarget(
                    device_id=encoding.unb64u(device),
                    week=week,
                    scan_key=state.roster.facts.devices[device].scan,
                    epoch_key=None if key is None else self.identities[device].epoch_key(week).raw,
                    last_bundle=bytes(32) if last is None else bytes.fromhex(last),
                )
            )
        return found

    async def alert(
        self,
        author: Member,
        label: str,
        audience: dict[str, Any] | None = None,
        *,
        title: str = "Kupferdiebstahl",
        text: str = "Unbekannte haben Kabel entwendet.",
        attachments: Sequence[bytes] = (),
        recipients: Sequence[str] | None = None,
        core: dict[str, Any] | None = None,
    ) -> Statement:
        """An alert signed by its author, parts and pack uploaded; ``recipients`` overrides what the rules say (attacks)."""
        changed = "Neuer Stand." if (core or {}).get("version", 1) > 1 else None
        texts = (ContentText(changed=changed, language="de", text=text, title=title),)
        content = Content(texts=texts).encode()
        fields: dict[str, Any] = {
            "action": "new",
            "alert": self.random.id(),
            "approvals": 0,
            "approvers": [],
            "at": self.now,
            "certainty": "observed",
            "exchange": self.exchange,
            "exercise": False,
            "issuer": {"device": author.device},
            "keyless": 0,
            "kind": "incident.physical",
            "label": label,
            "nonce": self.random.id(),
            "policy": self.exchange_server.state.roster.facts.policy_id,
            "release_by": self.now + DAY,
            "seen": self.exchange_server.seen().to_json(),
            "severity": "moderate",
            "stanzas": 0,
            "suite": "x1",
            "urgency": "expected",
            "valid_until": self.now + 14 * DAY,
            "version": 1,
        }
        if audience is not None:
            fields["audience"] = audience
        if self.exchange_server.state.roster.facts.witnesses:
            fields["witnessed"] = 60
        fields.update(core or {})
        fields = {name: value for name, value in fields.items() if value is not None}
        roster = self.exchange_server.state.roster_now(fields["at"])
        policy = roster.facts.policy
        assert policy is not None
        sealed: dict[str, Any]
        secrets: tuple[bytes, bytes] | None = None
        if label == "CLEAR":
            parts = [content, *attachments]
            sealed = {"parts": [await self._part(part, author.device) for part in parts]}
        else:
            draft = Core.model_validate(fields)
            if recipients is None:
                lineage = await lineage_from_store(self.exchange_server.store, self.exchange_server.state, draft)
                found, _ = expand(roster, decide_people(roster, policy, draft, lineage), ())
                recipients = [r.device for r in found]
            targets = self.targets(fields, recipients)
            fields["stanzas"] = sum(t.epoch_key is not None for t in targets)
            fields["keyless"] = len(targets) - fields["stanzas"]
            core_hash = sha256(encoding.encode(fields)).digest()
            key = new_content_key(self.random)
            parts = [encrypt_part(key, core_hash, k, part) for k, part in enumerate((content, *attachments))]
            digest = parts_digest([PartDigest.of(part) for part in parts])
            made = seal_stanzas(key, core_hash, digest, targets, encoding.unb64u(fields["alert"]), fields["version"])
            pack = await self.put(made.pack, author.device)
            secrets = (key, made.pack)
            sealed = {
                "depth": made.depth,
                "ephemeral": encoding.b64u(made.ephemeral),
                "pack": {"length": len(made.pack), "sha256": pack},
                "parts": [await self._part(part, author.device) for part in parts],
                "root": made.root.hex(),
            }
        envelope = Envelope("alert", encoding.encode({"core": fields, "sealed": sealed}), ())
        statement = parse_statement(add_signature(envelope, author.signer))
        if secrets is not None:
            self.sealed[statement.id] = secrets
        return statement

    async def version(
        self,
        author: Member,
        before: Statement,
        action: str,
        *,
        change: str = "same",
        label: str | None = None,
        **more: Any,
    ) -> Statement:
        """The version after ``before``: label, audience and approvals as they were, unless ``core`` says otherwise."""
        last = before.alert.core
        audience = more.pop("audience", None if last.audience is None else last.audience.to_json())
        core = {
            "action": action,
            "alert": last.alert,
            "approvals": last.approvals,
            "approvers": list(last.approvers),
            "change": {"audience": change, "reason": "error"},
            "exercise": last.exercise,
            "kind": "all-clear" if action == "all-clear" else last.kind.value,
            "previous": before.id,
            "urgency": last.urgency.value,
            "version": last.version + 1,
            **more.pop("core", {}),
        }
        return await self.alert(author, label or last.label.value, audience, core=core, **more)

    async def _part(self, part: bytes, device: str) -> dict[str, Any]:
        return {"length": len(part), "sha256": await self.put(part, device)}

    @staticmethod
    def approve(statement: Statement, approver: Member) -> Statement:
        """The same bytes with the approver's signature added."""
        return parse_statement(add_signature(statement.envelope, approver.signer))


@asynccontextmanager
async def live(folder: Path) -> AsyncIterator[Live]:
    """A founded exchange, closed at the end on every path."""
    world = Live(folder)
    await world.begin()
    try:
        yield world
    finally:
        await world.stop()
