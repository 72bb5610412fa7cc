"""Both logs as far as a few proofs show them: the ``Books`` of whoever has evidence and no replica.

Who asks knows one thing from elsewhere, the exchange id. From it follow the founding, the log keys, the registrars, and by the
registry's own rules every administrator, author and approver. Nothing that is handed in is believed: checkpoints are signed
by their log, earlier heads are continued by them, every entry stands under its root, and ``TrustedRoster`` accepts the
statements in order (M1 to M15).

The end of each chain is not shown: that no later statement, such as a revocation, stands between those that are shown follows
only where the whole registry's entries are handed in (``entries``). Spec: docs/spec/envelope.md, A visitor's check;
docs/spec/evidence.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

from exchange.client.errors import VerificationError
from exchange.client.history import SignatureMemory
from exchange.model.entry import Entry, parse_entry
from exchange.model.problems import Malformed
from exchange.model.registry import Founding
from exchange.model.statements import Statement, parse_statement
from exchange.policy.chains import PUBLIC_FAMILIES
from exchange.policy.members import Facts, Roster
from exchange.policy.roster import RosterRefusal, TrustedRoster
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName
from exchange.tlog.errors import TlogError
from exchange.tlog.merkle import Frontier, leaf_hash, verify_consistency, verify_inclusion
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.note import Note, verify_checkpoint
from keys.verify import LogPublicKey


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry's bytes, where it stands, and the proof (hashes of 32 bytes) that it does."""

    index: int
    data: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ProvenStatement:
    """A statement with its entry."""

    entry: ProvenEntry
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class ProvenHead:
    """An earlier head of a log (root of 32 bytes), with the proof that the checkpoint continues it."""

    size: int
    root: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ProvenLog:
    """What is handed in of one log: its signed checkpoint, and earlier heads, ascending."""

    note: bytes
    heads: tuple[ProvenHead, ...]


def malformed(detail: str) -> NoReturn:
    """Refuse evidence that is none (V1)."""
    raise VerificationError(1, "evidence-malformed", f"this is not evidence: {detail}") from None


class ProvenBooks:
    """The ``Books`` of the reader's list, proven when they are made.

    ``alert`` is the journal entry that is judged (V2: the registry that it names must be one of the heads), ``journal`` further
    journal entries, ``entries`` all registry entries up to the size that the alert's names, where they are shown. Raises
    VerificationError.
    """

    def __init__(
        self,
        exchange: str,
        logs: Mapping[LogName, ProvenLog],
        statements: Sequence[ProvenStatement],
        alert: ProvenEntry,
        journal: Sequence[ProvenEntry] = (),
        entries: Sequence[bytes] = (),
    ) -> None:
        self.memory = SignatureMemory()
        self.exchange = exchange
        self._statements = [(item, *_read(item)) for item in statements]
        self.founding = self._founding()
        self.notes: dict[LogName, Note] = {}
        self.heads: dict[LogName, Checkpoint] = {}
        for log in reversed(LOGS):
            self._read_checkpoint(log, logs[log].note)
        self._roots: dict[LogName, dict[int, bytes]] = {
            log: self._proven(log, logs[log].heads) for log in reversed(LOGS)
        }
        self._journal = {item.index: self._journal_entry(item) for item in (alert, *journal)}
        self.alert = self._journal[alert.index]
        self.newest = Facts()
        """What all statements shown say; also those accepted after the alert."""
        self._facts = self._replay()
        self.accepted_size = self._named_registry()
        self.whole = bool(entries)
        self._times = {item.entry.index: entry.at for item, entry, _ in self._statements}
        if entries:
            self._check_whole(entries)

    @property
    def accepted(self) -> Facts:
        """The registry's facts when the alert was accepted, as far as they are shown."""
        return self._facts[self.accepted_size]

    @property
    def statements(self) -> list[Statement]:
        """The registry statements shown, in order."""
        return [statement for _, _, statement in self._statements]

    # -- what must be proven before anything is asked ----------------------------------------------------------------

    def _founding(self) -> Founding:
        """V1: the founding is that of the exchange which the reader named: its id is the hash of all that it says."""
        if not self._statements:
            raise VerificationError(1, "founding-missing", "the evidence does not begin with the founding")
        item, _, statement = self._statements[0]
        if item.entry.index != 0 or not isinstance(statement.body, Founding):
            raise VerificationError(1, "founding-missing", "the evidence does not begin with the founding")
        if statement.id != self.exchange:
            raise VerificationError(1, "other-exchange", "this is evidence of another exchange than the one named")
        return statement.body

    def _read_checkpoint(self, log: LogName, note: bytes) -> None:
        key = self.founding.logs.journal if log == "journal" else self.founding.logs.registry
        try:
            verified = verify_checkpoint(note, f"{self.founding.origin}/{log}", LogPublicKey.from_json(key.to_json()))
            self.notes[log], self.heads[log] = verified, Checkpoint.parse(verified.text)
        except (KeysError, TlogError) as error:
            raise VerificationError(
                1,
                "checkpoint-invalid",
                f"the {log}'s checkpoint does not verify: {error}",
                {log: note.decode("utf-8", "replace")},
            ) from None

    def _proven(self, log: LogName, heads: Sequence[ProvenHead]) -> dict[int, bytes]:
        """Roots by size of a log's earlier heads: the checkpoint continues each."""
        if any(a.size >= b.size for a, b in pairwise(heads)):
            malformed("earlier heads are ascending by size")
        new = self.heads[log]
        for head in heads:
            try:
                verify_consistency(head.size, head.root, new.size, new.root, head.proof)
            except TlogError as error:
                raise VerificationError(
                    2, "fork", f"the {log}'s checkpoint does not continue its head of size {head.size}: {error}"
                ) from None
        return {head.size: head.root for head in heads}

    def _included(self, log: LogName, step: int, item: ProvenEntry) -> None:
        head = self.heads[log]
        try:
            verify_inclusion(leaf_hash(item.data), item.index, head.size, item.proof, head.root)
        except TlogError as error:
            raise VerificationError(
                step,
                "proof-invalid",
                f"{log} entry {item.index} does not stand under the checkpoint: {error}",
                {"entry": encoding.b64(item.data), "index": str(item.index)},
            ) from None

    def _journal_entry(self, item: ProvenEntry) -> Entry:
        """V2: the entry stands in the journal."""
        try:
            entry = parse_entry(item.data)
        except Malformed as error:
            malformed(error.detail)
        self._included("journal", 2, item)
        return entry

    def _replay(self) -> dict[int, Facts]:
        """V3: every registry statement stands in the registry, and the rules M1 to M15 allow each; facts by head's size.

        A chain has no gap, since each statement names the one before (M5). Its end cannot be seen from here.
        """
        if any(a.entry.index >= b.entry.index for (a, _, _), (b, _, _) in pairwise(self._statements)):
            malformed("registry statements are ascending by index")
        roster = TrustedRoster(verify=self.memory.verify)
        facts: dict[int, Facts] = {}
        sizes = sorted(self._roots["registry"])
        for item, entry, statement in self._statements:
            while sizes and sizes[0] <= item.entry.index:
                facts[sizes.pop(0)] = roster.facts
            self._included("registry", 3, item.entry)
            try:
                roster.apply(entry, statement)
            except RosterRefusal as error:
                evidence = {
                    "entry": encoding.b64(item.entry.data),
                    "statement": encoding.b64(statement.envelope.encode()),
                }
                raise VerificationError(
                    3, error.code, f"registry entry {item.entry.index}: {error.detail}", evidence, rule=error.rule
                ) from None
        facts.update(dict.fromkeys(sizes, roster.facts))
        self.newest = roster.facts
        return facts

    def _named_registry(self) -> int:
        """V2: the registry that the journal's entry names is the one whose statements are shown."""
        named = self.alert.registry
        if named is None or self._roots["registry"].get(named.size) != encoding.unhex32(named.root):
            raise VerificationError(2, "registry-unknown", "the entry names a registry head that is not proven here")
        return named.size

    def _check_whole(self, entries: Sequence[bytes]) -> None:
        """M16: all entries of the registry at acceptance are here, and none of a chain that is shown, or is for everybody,
        lacks its statement."""
        size = self.accepted_size
        root = Frontier().extend(leaf_hash(data) for data in entries[:size]).root()
        if len(entries) != size or root != self._roots["registry"][size]:
            raise VerificationError(
                3, "entries-mismatch", f"the entries shown are not the registry's first {size}", rule="M16"
            )
        shown = {item.entry.index for item, _, _ in self._statements}
        known = self.accepted.known_chains
        for index, data in enumerate(entries):
            try:
                entry = parse_entry(data)
            except Malformed as error:
                malformed(error.detail)
            self._times[index] = entry.at
            # What everybody is shown (policy, terms, registrars) must be there even when none of its chain is.
            everybody = (entry.subject or "").partition("/")[0] in PUBLIC_FAMILIES
            if (everybody or entry.subject in known) and index not in shown:
                raise VerificationError(
                    3,
                    "statement-withheld",
                    f"registry entry {index} is about {entry.subject}, and its statement is left out",
                    {"entry": encoding.b64(data), "index": str(index)},
                    rule="M16",
                )

    # -- Books -----------------------------------------------------------------------------------------------------

    def agree(self, log: LogName, note: bytes) -> int:
        """The evidence has one checkpoint of a log, and it was verified."""
        return self.heads[log].size

    def journal_entry(self, index: int) -> Entry | None:
        """A journal entry that is shown."""
        return self._journal.get(index)

    def roster(self, size: int, time: int) -> Roster | None:
        """The roster at a proven head, as far as it is shown."""
        facts = self._facts.get(size)
        return None if facts is None else Roster(facts, time)

    def root(self, log: LogName, size: int) -> bytes | None:
        """The root of a proven head."""
        return self._roots[log].get(size)

    def registry_time(self, index: int) -> int | None:
        """The acceptance time of an entry that is shown."""
        return self._times.get(index)


def _read(item: ProvenStatement) -> tuple[Entry, Statement]:
    try:
        return parse_entry(item.entry.data), parse_statement(item.envelope)
    except Malformed as error:
        malformed(f"registry entry {item.entry.index}: {error.detail}")
