"""A ``World`` with its journal and both logs, in memory: epochs, sealed alerts, receipts, the server's claims, checkpoints.

``LoggedWorld`` plays an exchange that accepts whatever it is handed: a test that wants a broken log writes one.  ``write_bundle``
puts it all into an auditor's folder, as an honest export would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from exchange.audit.bundle import BundleWriter
from exchange.audit.policyfile import witness_files, witnesses_of
from exchange.model.alert import AlertBody, Content, ContentText, Core
from exchange.model.entry import PROPOSED, REJECTED, RELEASED, AlertMark, AudienceHead, Entry, GrantMark
from exchange.model.journal import AlertGrant, AlertReject, EpochPublish
from exchange.model.registry import Founding
from exchange.model.scalars import DAY, Head
from exchange.model.statements import Opening, Statement, parse_statement
from exchange.policy.decide import Recipient, decide_people, expand
from exchange.policy.lineage import Version, lineage_of
from exchange.tlog.checkpoint import Checkpoint, LogName, log_origin
from exchange.tlog.merkle import Frontier, leaf_hash
from keys import encoding
from keys.device import DeviceIdentity
from keys.envelope import Envelope
from keys.note import sign_checkpoint
from keys.seal import SealTarget, encrypt_part, new_content_key, seal_stanzas
from keys.sign import SoftwareSigner, StatementSigner, add_signature
from keys.stanza import PartDigest, encode_leaf_list, parts_digest
from tests.support.witnesses import WitnessKey
from tests.support.world import Member, World

WEEKS_AHEAD = 10
Logged = tuple[Entry, Statement]
Choice = Callable[[list[Recipient]], list[Recipient]]


class LoggedWorld(World):
    """A world whose statements end in two logs."""

    def __init__(self, seed: str = "logged", **options: Any) -> None:
        super().__init__(seed=seed, **options)
        self.logs: dict[LogName, list[Logged]] = {"registry": [], "journal": []}
        self.trees: dict[LogName, list[Frontier]] = {"registry": [Frontier()], "journal": [Frontier()]}
        self.identities: dict[str, DeviceIdentity] = {}
        self.packs: dict[str, bytes] = {}
        self.sealed: dict[str, tuple[bytes, bytes]] = {}
        self.persons: dict[str, frozenset[str]] = {}
        self.versions: dict[str, list[Version]] = {}
        self.leaf_lists: dict[str, bytes] = {}
        self.openings: dict[str, tuple[Opening, ...]] = {}
        self.kept: list[tuple[LogName, bytes]] = []
        self.cosigning: list[WitnessKey] = []
        """The witnesses whose lines stand under every checkpoint from now on."""

    # -- logs -----------------------------------------------------------------------------------------

    def size(self, log: LogName) -> int:
        return len(self.logs[log])

    def head(self, log: LogName, size: int | None = None) -> Head:
        """Size and root of a log, now or earlier."""
        tree = self.trees[log][self.size(log) if size is None else size]
        return Head(root=tree.root().hex(), size=tree.size)

    def seen(self) -> dict[str, Any]:
        return {"journal": self.head("journal").to_json(), "registry": self.head("registry").to_json()}

    def append(self, log: LogName, entry: Entry, statement: Statement) -> int:
        """Append an entry as it is; its index."""
        index = self.size(log)
        self.logs[log].append((entry, statement))
        self.trees[log].append(self.trees[log][-1].extend([leaf_hash(entry.encode())]))
        return index

    def note(self, log: LogName, size: int | None = None) -> bytes:
        """The signed checkpoint of a log, now or at an earlier size."""
        head = self.head(log, size)
        text = Checkpoint(log_origin(self.server.origin, log), head.size, bytes.fromhex(head.root)).text()
        note = sign_checkpoint(text, self.server.registry if log == "registry" else self.server.journal, self.now)
        for witness in self.cosigning:
            note = witness.cosign(note, self.now)
        return note

    def keep_checkpoints(self) -> None:
        """Remember both checkpoints as an auditor would."""
        for log in self.logs:
            self.kept.append((log, self.note(log)))

    # -- registry -------------------------------------------------------------------------------------

    def common(self, /, **fields: Any) -> dict[str, Any]:
        return super().common(**{"seen": self.seen(), **fields})

    def accept(self, statement: Statement) -> Statement:
        super().accept(statement)
        self.append("registry", self.entries[-1], statement)
        if not self.exchange:
            self.exchange = statement.id
        return statement

    def named_organisation(self, name: str, **fields: Any) -> str:
        """An organisation with an opening of its name."""
        organisation, salt = self.random.id(), self.random(32)
        statement = self.by_registrars(
            "organisation.admit",
            commitments={"name": encoding.commitment("name", salt, name)},
            organisation=organisation,
            **{
                "areas": ["05113000"],
                "expires": self.now + 365 * DAY,
                "kind": "company",
                "sectors": ["energy"],
                **fields,
            },
        )
        self.accept(statement)
        self.openings[statement.id] = (Opening(field="name", salt=encoding.b64u(salt), value=name),)
        return organisation

    # -- journal --------------------------------------------------------------------------------------

    def log(self, statement: Statement, *, kind: str | None = None, **changes: Any) -> int:
        """Append a journal statement with the entry that an exchange would make; ``changes`` override its fields."""
        mark: AlertMark | None = None
        grant: GrantMark | None = None
        if isinstance(statement.body, AlertGrant):
            grant = GrantMark(ephemeral=statement.body.ephemeral, tag=statement.body.tag)
        if isinstance(statement.body, AlertBody):
            core, sealed = statement.alert.core, statement.alert.sealed
            audience = None
            if core.label.sealed:
                assert sealed.ephemeral and sealed.root and sealed.depth is not None
                audience = AudienceHead(depth=sealed.depth, ephemeral=sealed.ephemeral, root=sealed.root)
            mark = AlertMark(audience=audience, id=core.alert, version=core.version)
            complete = len(statement.envelope.signer_ids) > core.approvals
            kind = kind or (RELEASED if complete else PROPOSED)
        elif isinstance(statement.body, AlertReject):
            core = self.proposal(statement.body.alert).alert.core
            mark, kind = AlertMark(id=core.alert, version=core.version), REJECTED
        fields: dict[str, Any] = {
            "alert": mark,
            "at": self.now,
            "grant": grant,
            "kind": kind or statement.kind.name,
            "registry": self.head("registry"),
            "signatures": statement.envelope.signatures_hash,
            "statement": statement.id,
        }
        fields.update(changes)
        index = self.append("journal", Entry(**fields), statement)
        if isinstance(statement.body, EpochPublish):
            self.epochs.apply(index, statement.id, statement.body)
        if isinstance(statement.body, AlertBody) and kind == RELEASED:
            core, facts = statement.alert.core, self.roster.facts
            organisation = facts.persons[facts.devices[core.issuer.device].person].organisation
            known = Version(statement.id, index, core, organisation, self.persons.get(statement.id, frozenset()))
            self.versions.setdefault(core.alert, []).append(known)
        return index

    def proposal(self, statement: str) -> Statement:
        """An alert statement that the journal has."""
        return next(known for _, known in self.logs["journal"] if known.id == statement)

    def identity(self, member: Member, device: str | None = None) -> DeviceIdentity:
        """The secrets of a member's device, made of what the world knows about it."""
        device = device or member.device
        if device not in self.identities:
            vault = self.random(32)
            raw = encoding.unb64u(device)
            self.identities[device] = DeviceIdentity(raw, member.signers[device], member.scans[device], vault, {})
        return self.identities[device]

    def publish_epochs(self, member: Member, device: str | None = None, weeks: int = WEEKS_AHEAD) -> Statement:
        """A device's weekly keys from this week on."""
        device = device or member.device
        names = [encoding.week_of(self.now)]
        while len(names) < weeks:
            names.append(encoding.next_week(names[-1]))
        bundle, keys, self.identities[device] = self.identity(member, device).new_epochs(names, self.random)
        body = self.common(
            bundle={"length": len(bundle), "sha256": sha256(bundle).hexdigest()},
            issuer={"device": device},
            keys=[{"hash": known, "week": week} for week, known in keys],
        )
        statement = self.sign("epoch.publish", body, member.signers[device])
        self.log(statement)
        return statement

    def signed_by_device(self, kind: str, member: Member, **fields: Any) -> Statement:
        """A journal statement of one device."""
        return self.sign(kind, self.common(issuer={"device": member.device}, **fields), member.signer)

    def receipt(self, member: Member, *alerts: Statement, level: str = "received") -> Statement:
        return self.signed_by_device("alert.receipt", member, alerts=sorted(a.id for a in alerts), level=level)

    def claim(self, kind: str, *, signer: StatementSigner | None = None, **fields: Any) -> Statement:
        """A claim of the server."""
        key = self.server.statement
        body = self.common(issuer={"server": key.public.key_id}, **fields)
        envelope = Envelope(kind, encoding.encode(body), ())
        return parse_statement(add_signature(envelope, signer or key, scheme="ed25519"))

    def delivery(self, *handed: tuple[Statement, Member]) -> Statement:
        deliveries = [{"alert": alert.id, "at": self.now, "device": member.device} for alert, member in handed]
        return self.claim("alert.deliver", deliveries=deliveries)

    # -- alerts ---------------------------------------------------------------------------------------

    def alert(
        self,
        author: Member,
        label: str,
        audience: dict[str, Any] | None = None,
        *,
        signers: Sequence[SoftwareSigner] | None = None,
        choose: Choice = lambda recipients: recipients,
        **core: Any,
    ) -> Statement:
        """An alert, signed by its author (or by ``signers``); ``choose`` changes who really gets a leaf."""
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
            "policy": self.roster.facts.policy_id,
            "release_by": self.now + DAY,
            "seen": self.seen(),
            "severity": "moderate",
            "stanzas": 0,
            "suite": "x1",
            "urgency": "expected",
            "valid_until": self.now + 14 * DAY,
            "version": 1,
            **({} if audience is None else {"audience": audience}),
            **({"witnessed": 60} if self.roster.facts.witnesses else {}),
            **core,
        }
        text = ContentText(language="de", text="Unbekannte haben Kabel entwendet.", title="Kupferdiebstahl")
        content = Content(texts=(text,)).encode()
        persons: frozenset[str] = frozenset()
        if label == "CLEAR":
            sealed: dict[str, Any] = {"parts": [_reference(content)]}
            leaves = None
        else:
            sealed, leaves, persons = self._seal(fields, content, choose)
        envelope = Envelope("alert", encoding.encode({"core": fields, "sealed": sealed}), ())
        for signer in signers if signers is not None else (author.signer,):
            envelope = add_signature(envelope, signer)
        statement = parse_statement(envelope)
        self.keep(statement, leaves, persons)
        return statement

    def keep(self, statement: Statement, leaves: bytes | None, persons: frozenset[str]) -> None:
        """Remember what was sealed for an alert, and to whom."""
        if leaves is not None:
            self.leaf_lists[statement.id] = leaves
            self.sealed[statement.id] = (self._content_key, self.packs[statement.alert.sealed.pack.sha256])  # type: ignore[union-attr]
        self.persons[statement.id] = persons

    def version(
        self, author: Member, before: Statement, action: str, *, change: str = "same", **more: Any
    ) -> Statement:
        """The version after ``before``: label, audience and approvals as they were, unless ``more`` says otherwise."""
        last = before.alert.core
        fields: dict[str, Any] = {
            "action": action,
            "alert": last.alert,
            "approvals": last.approvals,
            "approvers": list(last.approvers),
            "change": {"audience": change, "reason": "error"},
            "exercise": last.exercise,
            "kind": "all-clear" if action == "all-clear" else last.kind.value,
            "label": last.label.value,
            "previous": before.id,
            "urgency": last.urgency.value,
            "version": last.version + 1,
            **more,
        }
        audience = fields.pop("audience", None if last.audience is None else last.audience.to_json())
        return self.alert(author, fields.pop("label"), audience, **fields)

    def approve(self, statement: Statement, approver: Member) -> Statement:
        """The same bytes with another signature."""
        return parse_statement(add_signature(statement.envelope, approver.signer))

    def recipients(self, core: Core) -> tuple[Recipient, ...]:
        """Whom the rules name, at the roster as it is now."""
        roster = self.roster.at(core.at)
        assert roster.facts.policy is not None
        lineage = lineage_of(core, self.versions.get(core.alert, ()))
        people = decide_people(roster, roster.facts.policy, core, lineage)
        usable = self.epochs.usable(encoding.week_of(core.at), core.seen.journal.size)
        return expand(roster, people, usable)[0]

    def _seal(
        self, fields: dict[str, Any], content: bytes, choose: Choice
    ) -> tuple[dict[str, Any], bytes, frozenset[str]]:
        week, size = encoding.week_of(fields["at"]), fields["seen"]["journal"]["size"]
        chosen = choose(list(self.recipients(Core.model_validate(fields))))
        targets = [self._target(recipient.device, week, size) for recipient in chosen]
        fields["stanzas"] = sum(target.epoch_key is not None for target in targets)
        fields["keyless"] = len(targets) - fields["stanzas"]
        core_hash, key = sha256(encoding.encode(fields)).digest(), new_content_key(self.random)
        part = encrypt_part(key, core_hash, 0, content)
        digest = parts_digest([PartDigest.of(part)])
        alert = encoding.unb64u(fields["alert"])
        made = seal_stanzas(key, core_hash, digest, targets, alert, fields["version"], random=self.random)
        self._content_key = key
        self.packs[sha256(made.pack).hexdigest()] = made.pack
        sealed = {
            "depth": made.depth,
            "ephemeral": encoding.b64u(made.ephemeral),
            "pack": _reference(made.pack),
            "parts": [_reference(part)],
            "root": made.root.hex(),
        }
        return sealed, encode_leaf_list(made.leaves), frozenset(recipient.person for recipient in chosen)

    def _target(self, device: str, week: int, size: int) -> SealTarget:
        key, last = self.epochs.key(device, week, size), self.epochs.last_bundle(device, size)
        return SealTarget(
            device_id=encoding.unb64u(device),
            week=week,
            scan_key=self.roster.facts.devices[device].scan,
            epoch_key=None if key is None else self.identities[device].epoch_key(week).raw,
            last_bundle=bytes(32) if last is None else bytes.fromhex(last),
        )

    # -- the auditor's folder ---------------------------------------------------------------------------

    def write_bundle(self, out: Path) -> Path:
        """What an honest export of these logs writes."""
        founding = self.logs["registry"][0][1]
        assert isinstance(founding.body, Founding)
        ever = witnesses_of(statement.body for _, statement in self.logs["registry"])
        with BundleWriter(out, founding, witness_files(founding.body, self.roster.facts, ever)) as writer:
            for log, logged in self.logs.items():
                writer.log(log, self.note(log), (entry.encode() for entry, _ in logged))
            for log, note in self.kept:
                writer.checkpoint(log, note)
            newest = {entry.statement: statement for logged in self.logs.values() for entry, statement in logged}
            for logged in self.logs.values():
                for _, statement in logged:
                    same = newest[statement.id].envelope.signatures_hash == statement.envelope.signatures_hash
                    writer.statement(statement.envelope, 0 if same else len(statement.envelope.signer_ids))
            for statement, leaves in self.leaf_lists.items():
                if statement in newest:
                    writer.leaves(statement, leaves)
            for statement, openings in self.openings.items():
                writer.openings(statement, openings)
            return writer.finish()


def _reference(data: bytes) -> dict[str, Any]:
    return {"length": len(data), "sha256": sha256(data).hexdigest()}
