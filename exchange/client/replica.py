"""This member's verified copy of both logs, and what follows from it: roster, names, weekly keys.

Everything here was checked when it came in (``sync``) and is read from the local store afterwards.  ``verify`` and ``publish`` ask
this object only, never the exchange.  No network and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from exchange.client.errors import VerificationError
from exchange.client.forks import FORK, NOT_CONTINUED, ROLLED_BACK
from exchange.client.history import Names, RosterHistory, SignatureMemory, read_shown
from exchange.client.ownproofs import OwnLog
from exchange.client.state import Kept, MemberState
from exchange.model.entry import Entry, parse_entry
from exchange.model.journal import EpochPublish
from exchange.model.problems import Malformed
from exchange.model.registry import Founding
from exchange.model.statements import Statement, parse_statement
from exchange.model.window import window_fault
from exchange.policy.epochs import EpochRefusal, EpochTable
from exchange.policy.members import Facts, Roster
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName
from exchange.tlog.errors import CheckpointError, TlogError
from exchange.tlog.fork import fork_hashes, make_fork_proof
from exchange.tlog.merkle import NodeReader
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.note import verify_checkpoint
from keys.verify import LogPublicKey, StatementPublicKey

SEES_ALL = frozenset({"author", "approver", "auditor"})
"""Roles that are shown the whole registry."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """A checked ``epoch.publish``; ``verified`` when its device is one that this member is shown."""

    index: int
    envelope: Envelope
    body: EpochPublish
    verified: bool


class Replica:
    """The verified copy of one exchange's logs, as the local store holds it."""

    def __init__(self, state: MemberState, device: str) -> None:
        """Read the store of a device (its id). Raises StateError ``not-pinned`` and VerificationError."""
        self.state = state
        self.device = device
        founding = parse_statement(state.founding())
        if not isinstance(founding.body, Founding):
            raise VerificationError(1, "not-a-founding", "the pinned statement founds nothing")
        self.founding: Statement = founding
        self.exchange = founding.id
        self.origin = founding.body.origin
        self._keys: dict[LogName, LogPublicKey] = {
            "registry": LogPublicKey.from_json(founding.body.logs.registry.to_json()),
            "journal": LogPublicKey.from_json(founding.body.logs.journal.to_json()),
        }
        self.on_fork: Callable[[VerificationError], None] = lambda error: None
        self.on_gossip: Callable[[str, VerificationError], None] = lambda statement, error: None
        self.statement_key = StatementPublicKey.from_json(founding.body.statement_key)
        self.reload()

    def reload(self) -> None:
        """Read the store again: another program of this member may have written it."""
        with self.state.snapshot():
            self._read()

    def _read(self) -> None:
        self.heads: dict[LogName, Kept] = {log: self.state.head(log) for log in LOGS}
        self.memory = SignatureMemory(self.state.verified())
        self.names = Names()
        entries = [parse_entry(data) for _, data in self.state.entries("registry")]
        statements: dict[int, Statement] = {}
        for item in self.state.shown():
            statements[item.index] = read_shown(item)
            self.names.learn(statements[item.index], item.openings)
        self.history = RosterHistory(self.memory).grown(entries, statements)
        self.reload_epochs()

    def reload_epochs(self) -> None:
        """Read the table of weekly keys again from the store."""
        self.epochs = EpochTable()
        self.unverified_epochs: set[int] = set()
        for index, envelope, verified in self.state.epochs():
            body = parse_statement(envelope).body
            if isinstance(body, EpochPublish):
                self.epochs.apply(index, envelope.statement_id, body)
            if not verified:
                self.unverified_epochs.add(index)

    def log_key(self, log: LogName) -> LogPublicKey:
        """A log's public keys, from the founding."""
        return self._keys[log]

    # -- the logs ----------------------------------------------------------------------------------------------------

    def size(self, log: LogName) -> int:
        """Entries of a log, as last accepted."""
        return self.heads[log].size

    def root(self, log: LogName, size: int) -> bytes | None:
        """The log's root at a size, 32 bytes; None beyond what was accepted."""
        return None if size > self.size(log) else self.state.root(log, size)

    def journal_entry(self, index: int) -> Entry | None:
        """A journal entry, or None beyond what was accepted."""
        data = self.state.entry("journal", index) if index < self.size("journal") else None
        return None if data is None else parse_entry(data)

    def read_checkpoint(self, log: LogName, note: bytes) -> Checkpoint:
        """A checkpoint of this exchange's log with both of its signatures verified; raises VerificationError (step 1)."""
        origin = f"{self.origin}/{log}"
        try:
            return Checkpoint.parse(verify_checkpoint(note, origin, self._keys[log]).text)
        except (KeysError, CheckpointError) as error:
            raise VerificationError(
                1, "checkpoint-invalid", f"the {log}'s checkpoint does not verify: {error}", {log: _text(note)}
            ) from None

    def agree(self, log: LogName, note: bytes) -> int:
        """The size of a checkpoint that is signed and does not contradict what was accepted.

        One that runs ahead becomes a claim: the log must pass through it, or ``sync`` reports a fork.  Raises
        VerificationError (step 1): ``checkpoint-invalid``, ``fork``.
        """
        if note == self.heads[log].note:
            return self.heads[log].size  # verified when it was kept
        checkpoint = self.read_checkpoint(log, note)
        known = self.root(log, checkpoint.size)
        if known is None:
            self.state.claim(log, checkpoint.size, checkpoint.root, note)
        elif known != checkpoint.root:
            raise self.contradicted(log, note)
        return checkpoint.size

    def contradicted(self, log: LogName, note: bytes) -> VerificationError:
        """The error for a signed note that is not newer than what was kept, and not that: ``fork``, or ``rolled-back`` when it is
        an earlier state of the kept log."""
        checkpoint, kept = self.read_checkpoint(log, note), self.heads[log]
        if checkpoint.size < kept.size and self.root(log, checkpoint.size) == checkpoint.root:
            detail = f"the {log} ends at size {checkpoint.size}, before what it showed earlier (kept: size {kept.size})"
            return VerificationError(1, ROLLED_BACK, detail, {"kept": _text(kept.note), "shown": _text(note)})
        return self.forked(log, kept.note, note, OwnLog(self.state, log).node, {"shown": _text(note)})

    def forked(
        self, log: LogName, one: bytes, two: bytes, node: NodeReader, evidence: Mapping[str, str]
    ) -> VerificationError:
        """The error for two signed notes that cannot both be true.

        ``node`` reads the larger one's tree.  When its hashes prove it, the code is ``fork``, ``proof`` is the file that shows it
        to anybody, and whoever listens (``on_fork``) has stopped this member; else nothing but suspicion is left:
        ``not-continued``.
        """
        kept = self.heads[log]
        shown = {"kept": _text(kept.note), **evidence}
        try:
            sizes = sorted(self.read_checkpoint(log, note).size for note in (one, two))
            proof = make_fork_proof(self.founding.envelope, log, one, two, fork_hashes(node, *sizes))
        except (TlogError, VerificationError):
            detail = f"the {log} is not shown to continue what it showed before (kept: size {kept.size})"
            return VerificationError(1, NOT_CONTINUED, detail, shown)
        shown["log"], shown["proof"] = log, _text(proof.encode())
        detail = f"the {log} contradicts what it showed before (kept: size {kept.size})"
        error = VerificationError(1, FORK, detail, shown)
        self.on_fork(error)
        return error

    # -- the registry ------------------------------------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        """The registry's facts as last accepted."""
        return self.history.facts

    def roster(self, size: int, time: int) -> Roster | None:
        """The roster at a registry size, looked at from a time; None beyond what was accepted."""
        return None if size > self.history.size else self.history.at(size, time)

    def registry_time(self, index: int) -> int | None:
        """Acceptance time of a registry entry; None beyond what was accepted."""
        return self.history.time(index)

    def now(self, time: int) -> Roster:
        """The newest roster, looked at from a time."""
        return self.history.at(self.history.size, time)

    @property
    def person(self) -> str | None:
        """The person of this device; None while it is not enrolled."""
        return person_of(self.facts, self.device)

    def sees_all(self, facts: Facts) -> bool:
        """Whether this member is entitled to the whole registry."""
        person = facts.persons.get(person_of(facts, self.device) or "")
        if person is None:
            return False
        if person.roles & SEES_ALL:
            return True
        return "administrator" in person.roles and facts.organisations[person.organisation].kind == "authority"

    def enrolled_at(self) -> int:
        """Registry size from which on this device is enrolled; beyond the end while it is not."""
        if self.device not in self.facts.devices:
            return self.history.size + 1
        chain = f"device/{self.device}"
        for index, data in self.state.entries("registry", kind="device.enrol"):
            if parse_entry(data).subject == chain:
                return index + 1
        return self.history.size + 1

    # -- weekly keys -------------------------------------------------------------------------------------------------

    def check_epoch(self, history: RosterHistory, index: int, entry: Entry, envelope: Envelope) -> Epoch:
        """Check an ``epoch.publish`` against its entry, its device and its time window; raises VerificationError.

        A device that this member is not shown cannot be checked: what it published is kept, and not used before it is.
        """
        evidence = {"entry": encoding.b64(entry.encode()), "statement": encoding.b64(envelope.encode())}

        def no(step: int, code: str, detail: str) -> VerificationError:
            return VerificationError(step, code, f"journal entry {index}: {detail}", evidence)

        if (entry.statement, entry.signatures) != (envelope.statement_id, envelope.signatures_hash):
            raise no(2, "entry-mismatch", "the bundle shown is not the one of the entry")
        registry = entry.registry
        roster = None if registry is None else history.at(registry.size, entry.at)
        if roster is None or envelope.kind != "epoch.publish":
            raise no(2, "entry-mismatch", "the entry is of another kind")
        signer = None
        if len(envelope.signer_ids) == 1:
            signer = roster.facts.device_of_key.get(envelope.signer_ids[0])
        if signer is not None:
            try:
                self.memory.verify_ed25519(envelope, roster.facts.devices[signer].signing)
            except KeysError as error:
                raise no(3, error.code, "the signature on a bundle of weekly keys does not verify") from None
        try:
            statement = parse_statement(envelope)
        except Malformed as error:
            raise no(4, error.code, error.detail) from None
        body = statement.body
        if not isinstance(body, EpochPublish) or statement.exchange != self.exchange:
            raise no(4, "other-exchange", "the bundle is for another exchange")
        if window_fault(statement.at, statement.not_after, entry.at, narrow=True) is not None:
            raise no(4, "time-window", "the bundle was accepted outside its time window")
        device = body.issuer.device
        if device in roster.facts.devices:
            found = roster.facts.devices[device]
            if signer != device:
                raise no(3, "signer-unknown", "a bundle of weekly keys is not signed by its device")
            # The terms need not be accepted yet: keys are wanted before the first alert.
            person = roster.facts.persons[found.person]
            if found.revoked or person.removed or roster.organisation_fault(person.organisation) is not None:
                raise no(3, "device-not-in-force", "a device published keys while it was not in force")
        return Epoch(index, envelope, body, signer is not None)

    def apply_epochs(self, epochs: Iterable[Epoch]) -> None:
        """Take checked bundles into the table; raises VerificationError (step 4). On failure call ``reload_epochs``."""
        for epoch in epochs:
            try:
                self.epochs.apply(epoch.index, epoch.envelope.statement_id, epoch.body)
            except EpochRefusal as error:
                raise VerificationError(
                    4,
                    error.code,
                    f"journal entry {epoch.index}: {error.detail}",
                    {"statement": encoding.b64(epoch.envelope.encode())},
                ) from None


def person_of(facts: Facts, device: str) -> str | None:
    """The person of a device, or None."""
    found = facts.devices.get(device)
    return None if found is None else found.person


def _text(note: bytes) -> str:
    return note.decode("utf-8", "replace")
