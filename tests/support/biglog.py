"""A long log as an auditor's bundle: real keys and signatures, real statements and decisions, in the demo's mix of kinds.

Nothing is sealed: stanzas and tags are random bytes, because an auditor has no stanza and cannot compute a tag.  Everything that
an auditor can check is as an honest exchange would have it.  The bundle is written while the log grows, so the memory that
this takes does not grow with it.  The same seed gives the same history; signatures (ML-DSA is hedged) differ from run to run.
"""

from __future__ import annotations

import heapq
import random
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from exchange.audit.bundle import MANIFEST, BundleWriter
from exchange.model.alert import Core
from exchange.model.entry import PROPOSED, Entry
from exchange.model.scalars import DAY, Head
from exchange.model.statements import Statement
from exchange.policy.decide import Recipient, decide_people, expand
from exchange.policy.replay import expected_leaves
from exchange.policy.rules import TAKING_BACK
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, log_origin
from exchange.tlog.merkle import Frontier, leaf_hash
from keys import encoding
from keys.kem import STANZA
from keys.note import sign_checkpoint
from keys.stanza import EMPTY_STANZA_HASH, AudienceTree, LeafSummary, audience_root, encode_leaf_list
from tests.support.journal import Choice, LoggedWorld
from tests.support.world import Member

FORMAT = 1
"""Number of what this module writes: another one makes kept bundles anew."""
PEOPLE = 5
"""Officers of a company."""
WEEK = 7 * DAY
WEEKS = 9
"""Weeks of keys in a bundle, each device again after as many."""
EPOCH_SHARE = 0.09
"""Part of the journal that is weekly keys: it sets the pace of time."""
MESSAGE = 4168
"""Bytes of a sealed message: it is padded."""
WINDOW = 64
"""Alerts that members still react to."""
TERM = 1000 * DAY
CHURN = 400
"""Journal entries from one exchanged device to the next."""
CHECKPOINTS = 20
"""Older checkpoints kept."""

MIX = {"receipt": 700, "alert": 107, "deliver": 52, "read": 6, "give": 8, "ask": 2, "refuse": 3, "react": 3}
"""How often something happens, beside the weekly keys: an alert is one to three entries, a question two."""
LABELS = {"GREEN": 34, "AMBER": 26, "AMBER+STRICT": 16, "CLEAR": 12, "RED": 12}
AUDIENCES = {"one": 55, "few": 25, "some": 12, "many": 5, "everyone": 2}
"""Of GREEN, AMBER and AMBER+STRICT: one company; sectors of 2, 5 and 20 of a hundred companies; everyone."""
SECTORS = (("few", 2), ("some", 7), ("many", 27), ("rest", 100))


@dataclass
class Sent:
    """A released alert that members still react to: who has which leaf, who has reacted."""

    statement: Statement
    author: Member
    places: list[tuple[str, bool]] = field(default_factory=list)
    leaves: tuple[LeafSummary, ...] = ()
    said: set[str] = field(default_factory=set)
    given: bool = False


@dataclass
class Authority:
    """Who publishes."""

    author: Member
    approvers: tuple[Member, Member]


class _Entries:
    """One log's entries in a temporary file, and its right edge."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frontier = Frontier()
        self.head = Head(root=Frontier().root().hex(), size=0)

    def append(self, entry: bytes) -> None:
        self._file.write(len(entry).to_bytes(4, "big") + entry)
        self._frontier = self._frontier.extend((leaf_hash(entry),))
        self.head = Head(root=self._frontier.root().hex(), size=self._frontier.size)

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while length := self._file.read(4):
            yield self._file.read(int.from_bytes(length, "big"))


class BigLog(LoggedWorld):
    """A world whose logs go to a bundle as they grow."""

    def __init__(self, out: Path, members: int, seed: str, stack: ExitStack, files: dict[LogName, IO[bytes]]) -> None:
        super().__init__(seed)
        self._out, self._stack = out, stack
        self._entries: dict[LogName, _Entries] = {log: _Entries(file) for log, file in files.items()}
        self._writer: BundleWriter | None = None
        self._open: dict[str, Statement] = {}
        self._decided: dict[tuple[object, ...], dict[str, Any]] = {}
        self._chance = random.Random(seed)
        self._members = members
        self._owners: dict[str, Member] = {}
        self._officers: list[Member] = []
        self._companies: list[str] = []
        self._authorities: list[Authority] = []
        self._due: list[tuple[int, int, Member]] = []
        self._expiring: list[tuple[int, str]] = []
        self._last_week: dict[str, int] = {}
        self._sent: deque[Sent] = deque()
        self._new_devices: deque[tuple[str, Member]] = deque(maxlen=16)
        self._places: list[tuple[str, bool]] = []
        self._leaves: tuple[LeafSummary, ...] = ()
        self.pace = max(1, round(WEEKS * WEEK * EPOCH_SHARE / members))

    # -- what the world keeps, kept on disk ----------------------------------------------------------------------------

    @property
    def writer(self) -> BundleWriter:
        assert self._writer is not None
        return self._writer

    def size(self, log: LogName) -> int:
        return self._entries[log].head.size

    def head(self, log: LogName, size: int | None = None) -> Head:
        assert size is None
        return self._entries[log].head

    def append(self, log: LogName, entry: Entry, statement: Statement) -> int:
        if self._writer is None:
            self._writer = self._stack.enter_context(BundleWriter(self._out, statement))
        index = self.size(log)
        self._entries[log].append(entry.encode())
        earlier = self._open.pop(statement.id, None)
        if earlier is not None:
            self.writer.statement(earlier.envelope, len(earlier.envelope.signer_ids))
        if entry.kind == PROPOSED:
            self._open[statement.id] = statement
        else:
            self.writer.statement(statement.envelope)
        return index

    def accept(self, statement: Statement) -> Statement:
        super().accept(statement)
        self.entries.clear()
        self.statements.clear()
        self._decided.clear()
        for opened, openings in self.openings.items():
            self.writer.openings(opened, openings)
        self.openings.clear()
        return statement

    def note(self, log: LogName, size: int | None = None) -> bytes:
        head = self.head(log, size)
        text = Checkpoint(log_origin(self.server.origin, log), head.size, bytes.fromhex(head.root)).text()
        return sign_checkpoint(text, self.server.registry if log == "registry" else self.server.journal, self.now)

    def keep_checkpoints(self) -> None:
        for log in LOGS:
            self.writer.checkpoint(log, self.note(log))

    def proposal(self, statement: str) -> Statement:
        return self._open[statement]

    def keep(self, statement: Statement, leaves: bytes | None, persons: frozenset[str]) -> None:
        if leaves is not None:
            self.writer.leaves(statement.id, leaves)
        self.persons[statement.id] = persons

    def finish(self) -> Path:
        for statement in self._open.values():
            self.writer.statement(statement.envelope)
        for log, entries in self._entries.items():
            self.writer.log(log, self.note(log), entries)
        return self.writer.finish()

    # -- sealing without sealing ---------------------------------------------------------------------------------------

    def recipients(self, core: Core) -> tuple[Recipient, ...]:
        if core.action in TAKING_BACK:
            return super().recipients(core)
        roster = self.roster.at(core.at)
        assert roster.facts.policy is not None
        audience = None if core.audience is None else core.audience.model_dump_json()
        asked = (core.label, audience, core.issuer.device, core.approvers)
        people = self._decided.get(asked)
        if people is None:
            people = self._decided[asked] = decide_people(roster, roster.facts.policy, core)
        usable = self.epochs.usable(encoding.week_of(core.at), core.seen.journal.size)
        return expand(roster, people, usable)[0]

    def _seal(
        self, fields: dict[str, Any], content: bytes, choose: Choice
    ) -> tuple[dict[str, Any], bytes, frozenset[str]]:
        core = Core.model_validate(fields)
        chosen = choose(list(self.recipients(core)))
        seed, found = self.random(32), []
        for number, (identifier, recipient) in enumerate(expected_leaves(core, chosen, self.epochs).items()):
            stanza = sha256(seed + number.to_bytes(4, "big")).digest()
            leaf = LeafSummary(
                identifier, sha256(stanza).digest()[:8], stanza if recipient.usable else EMPTY_STANZA_HASH
            )
            found.append((leaf, recipient))
        found.sort(key=lambda pair: pair[0].tag)
        self._leaves = tuple(leaf for leaf, _ in found)
        self._places = [(recipient.device, recipient.usable) for _, recipient in found]
        fields["stanzas"] = sum(usable for _, usable in self._places)
        fields["keyless"] = len(found) - fields["stanzas"]
        root, depth = audience_root([leaf.leaf_hash() for leaf in self._leaves])
        sealed = {
            "depth": depth,
            "ephemeral": encoding.b64u(self.random(32)),
            "pack": self._blob(len(found) * (42 + STANZA)),
            "parts": [self._blob(4129)],
            "root": root.hex(),
        }
        return sealed, encode_leaf_list(self._leaves), frozenset(recipient.person for recipient in chosen)

    def _blob(self, length: int) -> dict[str, Any]:
        return {"length": length, "sha256": self.random(32).hex()}

    def publish_epochs(self, member: Member, device: str | None = None, weeks: int = WEEKS) -> Statement:
        device = device or member.device
        now, last = encoding.week_of(self.now), self._last_week.get(device)
        week = now if last is None else max(now, encoding.next_week(last))
        most = encoding.week_of(self.now + WEEKS * WEEK)
        names = []
        while week <= most:
            names.append(week)
            week = encoding.next_week(week)
        self._last_week[device] = most
        body = self.common(
            bundle=self._blob(1216 * len(names)),
            issuer={"device": device},
            keys=[{"hash": self.random(32).hex(), "week": name} for name in names],
        )
        statement = self.sign("epoch.publish", body, member.signers[device])
        self.log(statement)
        return statement

    # -- the partnership -----------------------------------------------------------------------------------------------

    def people(self) -> None:
        """Authorities of an author and two approvers for every hundred members, companies, an auditor; all with keys."""
        self.found()
        self._count = 0
        for _ in range(max(1, self._members // 100)):
            organisation = self._admit(kind="authority", sectors=["security"], areas=["05"])
            author, *approvers = (self.person(organisation, role) for role in ("author", "approver", "approver"))
            self._authorities.append(Authority(author, (approvers[0], approvers[1])))
        self.auditor = self.person(organisation, "auditor")
        companies = max(4, (self._members - 3 * len(self._authorities)) // PEOPLE)
        for number in range(companies):
            part = 100 * number / companies
            sector = next(name for name, below in SECTORS if part < below)
            if number < len(SECTORS):
                sector = SECTORS[number][0]  # none is empty, however few companies there are
            organisation = self._admit(sectors=[sector])
            self._companies.append(organisation)
            self._officers += [self.person(organisation, "officer") for _ in range(PEOPLE)]
        publishing = [m for a in self._authorities for m in (a.author, *a.approvers)]
        for number, member in enumerate((*publishing, *self._officers)):
            self._owners[member.device] = member
            self.publish_epochs(member)
            # Spread over the weeks, so that keys are published all the time.
            after = (1 + number % (WEEKS - 1)) * WEEK + self._chance.randrange(WEEK // 2)
            heapq.heappush(self._due, (self.now + after, number, member))

    def _admit(self, **fields: Any) -> str:
        self._count += 1
        organisation = self.named_organisation(f"Organisation {self._count}", expires=self.now + TERM, **fields)
        heapq.heappush(self._expiring, (self.now + TERM, organisation))
        return organisation

    # -- history -------------------------------------------------------------------------------------------------------

    def grow(self, entries: int) -> None:
        """Let things happen until the journal has at least so many entries."""
        names, weights = list(MIX), list(MIX.values())
        actions: dict[str, Callable[[], None]] = {name: getattr(self, f"_{name}") for name in names}
        first = self.size("journal")
        every = max(1, (entries - first) // CHECKPOINTS)
        kept = churned = first
        self._alert()
        while (size := self.size("journal")) < entries:
            self.now += self.pace
            self._renew()
            if self._due and self._due[0][0] <= self.now:
                at, number, member = heapq.heappop(self._due)
                if self._last_week[member.device] < encoding.week_of(self.now + WEEKS * WEEK):
                    self.publish_epochs(member)
                heapq.heappush(self._due, (max(at, self.now - DAY) + WEEKS * WEEK, number, member))
            elif size - churned >= CHURN:
                churned = size
                self._exchange_device()
            else:
                actions[self._chance.choices(names, weights)[0]]()
            if size - kept >= every:
                kept = size
                self.keep_checkpoints()

    def _renew(self) -> None:
        while self._expiring[0][0] < self.now + 60 * DAY:
            _, organisation = heapq.heappop(self._expiring)
            chain = f"organisation/{organisation}"
            fields = {"expires": self.now + TERM, "organisation": organisation, "previous": self.previous(chain)}
            self.accept(self.by_registrars("organisation.renew", **fields))
            heapq.heappush(self._expiring, (self.now + TERM, organisation))

    def _exchange_device(self) -> None:
        member = self._chance.choice(self._officers)
        old = member.device
        self.accept(self.by_registrars("device.revoke", device=old, previous=self.previous(f"device/{old}")))
        del self._owners[old]
        self.device(member)
        member.devices.remove(old)
        self._owners[member.device] = member
        self.publish_epochs(member)
        self._new_devices.append((old, member))

    def _alert(self) -> None:
        chance, authority = self._chance, self._chance.choice(self._authorities)
        later = [sent for sent in self._sent if sent.author is authority.author and not sent.given]
        if later and chance.random() < 0.07:
            self._version(authority, chance.choice(later))
            return
        label = chance.choices(list(LABELS), list(LABELS.values()))[0]
        fields: dict[str, Any] = {"exercise": chance.random() < 0.05}
        audience: dict[str, Any] | None = None
        approvals = int(label in ("RED", "CLEAR"))
        if label == "RED":
            audience = {"persons": sorted(member.person for member in chance.sample(self._officers, 3))}
        elif label != "CLEAR":
            size = chance.choices(list(AUDIENCES), list(AUDIENCES.values()))[0]
            if size == "everyone":
                audience = {"everyone": True}
                if chance.random() < 0.3:
                    fields["urgency"] = "immediate"
                else:
                    approvals = 1
            elif size == "one":
                audience = {"organisations": [chance.choice(self._companies)]}
            else:
                audience = {"sectors": [size]}
            if not approvals and "urgency" not in fields and chance.random() < 0.05:
                approvals = 1
        if approvals:
            fields |= {"approvals": 1, "approvers": sorted(member.person for member in authority.approvers)}
        self._publish(authority, self.alert(authority.author, label, audience, **fields))

    def _version(self, authority: Authority, sent: Sent) -> None:
        """A later version; it takes the earlier one's place."""
        action = self._chance.choice(("update", "update", "update", "withdraw", "all-clear"))
        self._sent.remove(sent)
        self._publish(authority, self.version(authority.author, sent.statement, action), last=action != "update")

    def _publish(self, authority: Authority, alert: Statement, *, last: bool = False) -> None:
        places, leaves = self._places, self._leaves
        core = alert.alert.core
        self.log(alert)
        if core.approvals:
            self.now += 60
            approver = self._chance.choice(authority.approvers)
            if self._chance.random() < 0.03 and core.version == 1:
                reason = self._chance.choice(("content", "label", "audience", "other"))
                self.log(self.signed_by_device("alert.reject", approver, alert=alert.id, reason=reason))
                self.writer.statement(self._open.pop(alert.id).envelope)
                del self.persons[alert.id]
                return
            alert = self.approve(alert, approver)
            self.log(alert)
        elif core.urgency == "immediate" and self._chance.random() < 0.9:
            self.now += 60
            reviewer = self._chance.choice(authority.approvers)
            self.log(self.signed_by_device("alert.review", reviewer, alert=alert.id, outcome="confirmed"))
        del self.persons[alert.id]
        if last or not core.label.sealed:
            self.versions.pop(core.alert, None)
            return
        self._sent.append(Sent(alert, authority.author, places, leaves))
        if len(self._sent) > WINDOW:
            gone = self._sent.popleft()
            if all(sent.statement.alert.core.alert != gone.statement.alert.core.alert for sent in self._sent):
                self.versions.pop(gone.statement.alert.core.alert, None)

    def _reader(self) -> tuple[Sent, Member] | None:
        """A recent alert and a device that has a leaf of it and has not said so."""
        for _ in range(8):
            if not self._sent:
                return None
            sent = self._chance.choice(self._sent)
            device, _ = self._chance.choice(sent.places)
            member = self._owners.get(device)
            if member is not None and device not in sent.said:
                return sent, member
        return None

    def _receipt(self) -> None:
        found = self._reader()
        if found is not None:
            sent, member = found
            sent.said.add(member.device)
            self.log(self.receipt(member, sent.statement, level=self._chance.choice(("received", "read"))))

    def _deliver(self) -> None:
        handed: dict[tuple[str, str], tuple[Statement, Member]] = {}
        for _ in range(13):
            found = self._reader()
            if found is not None:
                handed[(found[0].statement.id, found[1].device)] = (found[0].statement, found[1])
        if handed:
            self.log(self.delivery(*handed.values()))

    def _read(self) -> None:
        count = self._chance.randrange(1, 50)
        self.log(self.claim("access.read", count=count, device=self.auditor.device, what="leaf-list"))

    def _refuse(self) -> None:
        device = self._chance.choice(self._officers).device
        refused = {"at": self.now, "code": "R2-not-author", "device": device, "statement": self.random(32).hex()}
        self.log(self.claim("statement.refuse", refusals=[refused], uncounted=0))

    def _message(self, *readers: Member) -> dict[str, Any]:
        devices = sorted(reader.device for reader in readers)
        stanzas = [{"device": device, "stanza": encoding.b64u(self.random(STANZA))} for device in devices]
        return {"ciphertext": encoding.b64u(self.random(MESSAGE)), "stanzas": stanzas}

    def _react(self) -> None:
        found = self._reader()
        if found is not None:
            fields = {"alerts": [found[0].statement.id], "level": "reacted", "message": self._message(found[0].author)}
            self.log(self.signed_by_device("alert.receipt", found[1], **fields))

    def _ask(self) -> None:
        """A question and its answer."""
        found = self._reader()
        if found is not None:
            sent, member = found
            subject = sent.statement.id
            asked = self.signed_by_device("alert.ask", member, alert=subject, message=self._message(sent.author))
            self.log(asked)
            self.now += 60
            self.log(self.signed_by_device("alert.answer", sent.author, ask=asked.id, outcome="declined"))

    def _give(self) -> None:
        """An alert of GREEN or AMBER passed on to a colleague, or for its history to a new device."""
        for old, member in self._new_devices:
            for sent in self._sent:
                had = any(device == old for device, _ in sent.places)
                if had and sent.statement.alert.core.label.value != "RED" and member.device not in sent.said:
                    others = [m for m in self._officers if m.organisation == member.organisation and m is not member]
                    if self._grant(sent, others, member, "history"):
                        return
        found = self._reader()
        if found is not None and found[0].statement.alert.core.label.value == "GREEN":
            self._grant(found[0], [found[1]], self._chance.choice(self._officers), "onward")

    def _grant(self, sent: Sent, grantors: list[Member], grantee: Member, purpose: str) -> bool:
        by_device = {device: (place, usable) for place, (device, usable) in enumerate(sent.places)}
        core = sent.statement.alert.core
        if grantee.device in by_device or grantee.device in sent.said or core.valid_until <= self.now:
            return False
        for grantor in grantors:
            place, usable = by_device.get(grantor.device, (0, False))
            if not usable:
                continue
            tree = AudienceTree([leaf.leaf_hash() for leaf in sent.leaves])
            leaf = sent.leaves[place]
            grant = self.signed_by_device(
                "alert.grant",
                grantor,
                alert=sent.statement.id,
                device=grantee.device,
                ephemeral=encoding.b64u(self.random(32)),
                leaf={
                    "index": place,
                    "path": [node.hex() for node in tree.path(place)],
                    "stanza": leaf.stanza_hash.hex(),
                    "tag": encoding.b64u(leaf.tag),
                },
                purpose=purpose,
                stanza=encoding.b64u(self.random(STANZA)),
                tag=encoding.b64u(self.random(8)),
            )
            self.log(grant)
            sent.given = True
            sent.said.add(grantee.device)
            return True
        return False


def write_big_log(out: Path, entries: int, *, members: int = 1000, seed: str = "big") -> Path:
    """Write a bundle whose journal has ``entries`` entries or a few more, with a registry of about ``members`` persons."""
    with ExitStack() as stack, TemporaryFile() as registry, TemporaryFile() as journal:
        world = BigLog(out, members, seed, stack, {"registry": registry, "journal": journal})
        world.people()
        world.grow(entries)
        return world.finish()


def kept_big_log(folder: Path, entries: int, *, members: int = 1000, seed: str = "big") -> Path:
    """The same, made once: kept in ``folder`` under a name that says seed, size and format."""
    out = folder / f"log-{FORMAT}-{seed}-{members}-{entries}"
    if not (out / MANIFEST).is_file():
        shutil.rmtree(out, ignore_errors=True)
        write_big_log(out, entries, members=members, seed=seed)
    return out
