"""``audit evidence verify``: what a pack proves, from the exchange id alone (``docs/spec/evidence.md``, Verification).

The list is the reader's, V1 to V5, on the partial registry that the pack shows (``client.proven``); what a reader asks as a
recipient is not asked, and what only the whole registry can say is named as not shown. Offline; no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.audit.bundle import key_files
from exchange.audit.evidence import (
    ALERT,
    ENTRIES,
    FOUNDING,
    JOURNAL,
    LEAVES,
    MANIFEST,
    OPENINGS,
    README,
    REGISTRY,
    SIGNATURES,
    WITNESS_POLICY,
    EvidenceError,
    Pack,
    Signatures,
    entry_of,
    heads_of,
    read_pack,
    statement_of,
)
from exchange.client.answers import AlertAnswer
from exchange.client.errors import VerificationError
from exchange.client.proven import ProvenBooks, ProvenLog, ProvenStatement
from exchange.client.steps import Read
from exchange.client.verify import judge_shown
from exchange.model.alert import Core
from exchange.model.entry import PROPOSED, RELEASED, Entry
from exchange.model.journal import AlertReceipt, AlertReview, EpochPublish
from exchange.model.problems import ExchangeError
from exchange.model.statements import Statement, chain_of, parse_statement
from exchange.model.window import window_fault
from exchange.policy.members import Roster
from exchange.policy.replay import LeafSet
from exchange.policy.rules import approver_fault, required_approvals
from exchange.policy.witnesses import cosigned, policy_text, quorum_time
from exchange.tlog.checkpoint import LogName
from keys import encoding
from keys.encoding import commitment, unb64u, week_of
from keys.errors import KeysError
from keys.stanza import NO_BUNDLE, parse_leaf_list, stanza_id
from keys.verify import verify_ed25519, verify_hybrid

KNOWN_FILES = frozenset(
    {f"{name}.{part}" for name in (ALERT, FOUNDING) for part in ("entry", "json", "tlog-proof")}
    | {ENTRIES, JOURNAL, LEAVES, OPENINGS, README, REGISTRY, SIGNATURES, WITNESS_POLICY}
)
LIMIT_CODES = (
    "limit-recipients",
    "limit-chain-end",
    "limit-newer",
    "limit-lineage",
    "limit-receipts",
    "limit-text",
    "limit-witness",
)
"""What a pack may leave open; which of them apply stands in ``Evidence.limits``."""
EVIDENCE_STEPS = 6
"""Steps of docs/spec/evidence.md."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A receipt: whose device, the person where the pack shows its enrolment, accepted when (seconds), and whether its
    signature and the device's leaf were verified."""

    device: str
    person: str | None
    level: str
    at: int
    verified: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was proven.

    ``names`` are opened names by chain, ``witnesses`` by log and name when each cosigned (seconds), ``quorum`` by log when the
    quorum was complete (None: it is not, or none is named). ``versions`` are all releases of this alert that the pack shows,
    (version, statement id, journal index). ``limits`` are codes of what is not proven.
    """

    exchange: str
    statement: str
    core: Core
    author: str
    approvals: tuple[str, ...]
    required: int
    organisation: str
    released: int
    index: int
    sizes: Mapping[LogName, int]
    statements: int
    whole: bool
    leaves: int
    confirmations: tuple[Confirmation, ...]
    left_out: int
    reviews: tuple[tuple[str, str, int], ...]
    versions: tuple[tuple[int, str, int], ...]
    names: Mapping[str, str]
    witnesses: Mapping[LogName, Mapping[str, int]]
    quorum: Mapping[LogName, int | None]
    limits: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def newer(self) -> tuple[tuple[int, str, int], ...]:
        """Releases of a later version."""
        return tuple(one for one in self.versions if one[0] > self.core.version)


def verify_evidence(folder: Path, exchange: str) -> Evidence:
    """Verify a pack of the exchange with this id (64 hexadecimal digits).

    1. The files are those of the manifest, and of this format.
    2. The founding is the exchange's; both checkpoints are signed by both log keys; lines of named witnesses verify (V1).
    3. The alert's entry and every other journal entry stand in the journal, and the checkpoints continue the heads named (V2).
    4. Every registry statement stands in the registry, and the rules M1 to M15 accept it; with all entries, none is left out.
    5. The alert: exact signature set, author and approvers in force, time window, named roster (V3, V4); its label, rights and
       approvals (V5); its place among its versions (R10); its leaves lead to the signed root and number.
    6. What others said of it: reviews, receipts; and the names, when there are any.

    Raises EvidenceError with the file, and the rule where one refused.
    """
    pack = read_pack(folder)
    unknown = sorted(name for name in pack.files if name not in KNOWN_FILES and not name.startswith("keys/"))
    if unknown:
        raise EvidenceError("evidence-malformed", f"{unknown[0]} has no place in a pack", unknown[0])
    if pack.manifest.exchange != exchange:
        raise EvidenceError("other-exchange", "this is evidence of another exchange than the one named", MANIFEST)
    return _Judge(pack, exchange).judge()


class _Judge:
    """One pack on its way through the steps."""

    def __init__(self, pack: Pack, exchange: str) -> None:
        self._pack = pack
        self._alert, founding = pack.alone(ALERT), pack.alone(FOUNDING)
        if self._alert.envelope.statement_id != pack.manifest.statement:
            raise EvidenceError(
                "statement-mismatch", f"alert.json is not the statement that {MANIFEST} names", "alert.json"
            )
        registry, self._journal = pack.log(REGISTRY), pack.log(JOURNAL)
        if registry.entries:
            raise EvidenceError("evidence-malformed", f"{REGISTRY} has statements only", REGISTRY)
        signatures = Signatures(pack.file(SIGNATURES))
        entitling = [statement_of(item, REGISTRY, signatures) for item in registry.statements]
        self._said = [statement_of(item, JOURNAL, signatures) for item in self._journal.statements]
        signatures.end()
        others = [entry_of(item, JOURNAL) for item in self._journal.entries]
        self._others = [item.index for item in others]
        try:
            self.books = ProvenBooks(
                exchange,
                {
                    "journal": ProvenLog(self._alert.proof.checkpoint, heads_of(self._journal.heads, JOURNAL)),
                    "registry": ProvenLog(founding.proof.checkpoint, heads_of(registry.heads, REGISTRY)),
                },
                [ProvenStatement(founding.proven, founding.envelope), *entitling],
                self._alert.proven,
                [*(item.entry for item in self._said), *others],
                _split(pack.files.get(ENTRIES)),
            )
        except VerificationError as error:
            raise _refused(error, _file_of(error)) from None
        self._founding = self.books.statements[0]
        self._newest = self.books.newest

    def judge(self) -> Evidence:
        books, pack = self.books, self._pack
        self._keys()
        try:
            answer = AlertAnswer(self._alert.envelope, self._alert.proof.index, checkpoint=self._alert.proof.checkpoint)
            entry, read, _ = judge_shown(books, self._alert.proof.index, answer)
        except VerificationError as error:
            raise _refused(error, "alert.json") from None
        core = read.core
        versions = self._versions(core)
        leaves = self._leaves(read)
        reviews, confirmations = self._others_said(read, leaves)
        facts = books.accepted
        person = facts.persons[facts.devices[core.issuer.device].person]
        policy = read.named.facts.policy
        times = self._witnesses()
        quorum = {log: quorum_time(found, self._newest.quorum) for log, found in times.items()}
        limits = self._limits(core, confirmations, quorum)
        return Evidence(
            exchange=books.exchange,
            statement=read.statement.id,
            core=core,
            author=read.signers.author,
            approvals=read.signers.approvals,
            required=0 if policy is None else required_approvals(policy, core),
            organisation=person.organisation,
            released=entry.at,
            index=self._alert.proof.index,
            sizes={log: head.size for log, head in books.heads.items()},
            statements=len(books.statements),
            whole=books.whole,
            leaves=0 if leaves is None else len(leaves.leaves),
            confirmations=confirmations,
            left_out=pack.manifest.left_out,
            reviews=reviews,
            versions=versions,
            names=self._names(),
            witnesses=times,
            quorum=quorum,
            limits=limits,
            extra=pack.extra,
        )

    # -- 2: keys and witnesses ---------------------------------------------------------------------------------------

    def _keys(self) -> None:
        """The files that other people's tools take are what the founding and the registry say."""
        expected = key_files(self._founding)
        if self._newest.witnesses:
            expected[WITNESS_POLICY] = policy_text(self.books.founding, self._newest)
        named = {name for name in self._pack.files if name.startswith("keys/")} | (
            {WITNESS_POLICY} & self._pack.files.keys()
        )
        for name in sorted(named | expected.keys()):
            if self._pack.file(name) != expected.get(name):
                code = "key-file-differs"
                raise EvidenceError(code, f"{name} is not as the founding and the registry have it", name)

    def _witnesses(self) -> dict[LogName, Mapping[str, int]]:
        found: dict[LogName, Mapping[str, int]] = {}
        for log, note in self.books.notes.items():
            try:
                found[log] = cosigned(note, self._newest.witnesses)
            except KeysError as error:
                file = f"{ALERT if log == 'journal' else FOUNDING}.tlog-proof"
                raise EvidenceError("cosignature-invalid", f"{file}: a named witness's line: {error}", file) from None
        return found

    # -- 5: versions, leaves -----------------------------------------------------------------------------------------

    def _versions(self, core: Core) -> tuple[tuple[int, str, int], ...]:
        """R10, as entries alone can show it: the version before was released, is the one named, and was seen."""
        found: list[tuple[int, str, int]] = []
        for index in (*self._others, self._alert.proof.index):
            entry = self.books.journal_entry(index)
            if (
                entry is None
                or entry.kind not in (PROPOSED, RELEASED)
                or entry.alert is None
                or entry.alert.id != core.alert
            ):
                raise EvidenceError("entry-mismatch", f"journal entry {index} is not about this alert", JOURNAL)
            if entry.kind == RELEASED:
                found.append((entry.alert.version, entry.statement, index))
        found.sort()
        numbers = [number for number, _, _ in found]
        if len(set(numbers)) != len(numbers):
            raise EvidenceError("version-taken", "the journal releases a version of this alert twice", JOURNAL, "R10")
        if core.version > 1:
            before = next((one for one in found if one[0] == core.version - 1), None)
            if before is None or before[1] != core.previous:
                sentence = "the version before is not shown as released, or is another one than the alert names"
                raise EvidenceError("version-unreleased", sentence, JOURNAL, "R10")
            if before[2] >= core.seen.journal.size:
                raise EvidenceError("version-unseen", "the author had not seen the version before", JOURNAL, "R10")
        return tuple(found)

    def _leaves(self, read: Read) -> LeafSet | None:
        """The leaf list leads to the signed root, and has the signed numbers of leaves with and without a stanza."""
        core, sealed = read.core, read.body.sealed
        if not core.label.sealed:
            if LEAVES in self._pack.files:
                raise EvidenceError("evidence-malformed", "an alert that is public has no leaves", LEAVES)
            return None
        try:
            found = LeafSet.of(parse_leaf_list(self._pack.file(LEAVES)))
        except KeysError as error:
            raise EvidenceError(error.code, f"{LEAVES}: {error}", LEAVES) from None
        if (found.root.hex(), found.depth) != (sealed.root, sealed.depth):
            raise EvidenceError("root-mismatch", "the leaves do not lead to the signed root", LEAVES, "V7")
        stanzas = sum(found.stanzas)
        if (stanzas, len(found.stanzas) - stanzas) != (core.stanzas, core.keyless):
            raise EvidenceError("leaf-count", "the leaves are not as many as were signed", LEAVES, "R16")
        return found

    # -- 6: what others said -----------------------------------------------------------------------------------------

    def _others_said(
        self, read: Read, leaves: LeafSet | None
    ) -> tuple[tuple[tuple[str, str, int], ...], tuple[Confirmation, ...]]:
        said = [(item, self._statement(item)) for item in self._said]
        bundles = _Bundles(read.core)
        for item, statement in said:
            if isinstance(statement.body, EpochPublish):
                self._signed(item, statement)
                bundles.add(item.entry.index, statement.id, statement.body)
        reviews: list[tuple[str, str, int]] = []
        confirmations: list[Confirmation] = []
        for item, statement in said:
            index, body = item.entry.index, statement.body
            entry = self.books.journal_entry(index)
            if entry is None or (index <= self._alert.proof.index) != isinstance(body, EpochPublish):
                raise EvidenceError("entry-mismatch", f"journal entry {index} stands at the wrong place", JOURNAL)
            match body:
                case AlertReview() if body.alert == read.statement.id:
                    reviews.append(self._review(item, statement, body, entry, read))
                case AlertReceipt() if read.statement.id in body.alerts and body.level != "reacted":
                    confirmations.append(self._receipt(item, statement, body, entry, leaves, bundles))
                case EpochPublish():
                    pass
                case _:
                    raise EvidenceError("entry-mismatch", f"journal entry {index} is not about this alert", JOURNAL)
        return tuple(reviews), tuple(confirmations)

    def _statement(self, item: ProvenStatement) -> Statement:
        """The statement is the entry's, with the signatures that were accepted."""
        index = item.entry.index
        entry = self.books.journal_entry(index)
        try:
            statement = parse_statement(item.envelope)
        except ExchangeError as error:
            raise EvidenceError(error.code, f"journal entry {index}: {error.detail}", JOURNAL) from None
        if entry is None or (entry.statement, entry.signatures, entry.kind) != (
            statement.id,
            item.envelope.signatures_hash,
            statement.kind.name,
        ):
            sentence = f"journal entry {index}: the statement shown is not the one accepted"
            raise EvidenceError("statement-mismatch", sentence, JOURNAL)
        if statement.exchange != self.books.exchange:
            raise EvidenceError("other-exchange", f"journal entry {index} is for another exchange", JOURNAL)
        return statement

    def _signed(self, item: ProvenStatement, statement: Statement) -> Roster | None:
        """The issuer's signature, and that it was in force at acceptance; None when the pack does not show its enrolment."""
        index = item.entry.index
        entry = self.books.journal_entry(index)
        named = None if entry is None else entry.registry
        device_id = getattr(statement.issuer, "device", "")
        roster = None if entry is None or named is None else self.books.roster(named.size, entry.at)
        if roster is None or entry is None or named is None:
            return None
        if self.books.root("registry", named.size) != encoding.unhex32(named.root):
            raise EvidenceError("registry-root", f"journal entry {index} names another registry", JOURNAL)
        device = roster.facts.devices.get(device_id)
        if device is None:
            return None
        try:
            if statement.kind.scheme == "hybrid":
                verify_hybrid(item.envelope, [device.signing])
            else:
                verify_ed25519(item.envelope, device.signing)
        except KeysError as error:
            raise EvidenceError(error.code, f"journal entry {index}: {error}", JOURNAL, "V3") from None
        fault = None if isinstance(statement.body, EpochPublish) else roster.device_fault(device_id)
        fault = fault or window_fault(statement.at, statement.not_after, entry.at, narrow=True)
        if fault is not None:
            raise EvidenceError(
                fault, f"journal entry {index}: its issuer was not in force, or it came late", JOURNAL, "R1"
            )
        return roster

    def _review(
        self, item: ProvenStatement, statement: Statement, body: AlertReview, entry: Entry, read: Read
    ) -> tuple[str, str, int]:
        index = item.entry.index
        roster = self._signed(item, statement)
        author = None if roster is None else roster.facts.persons.get(read.signers.author)
        if roster is None or author is None:
            raise EvidenceError(
                "signer-unknown", f"journal entry {index}: the reviewer's enrolment is not shown", JOURNAL
            )
        person = roster.facts.devices[body.issuer.device].person
        fault = approver_fault(roster, author, person)
        if fault is not None:
            sentence = f"journal entry {index}: a review is by another approver of the author's organisation"
            raise EvidenceError(fault, sentence, JOURNAL, "R8")
        return person, body.outcome, entry.at

    def _receipt(
        self,
        item: ProvenStatement,
        statement: Statement,
        body: AlertReceipt,
        entry: Entry,
        leaves: LeafSet | None,
        bundles: _Bundles,
    ) -> Confirmation:
        device = body.issuer.device
        roster = self._signed(item, statement)
        person = None if roster is None else roster.facts.devices[device].person
        verified = roster is not None
        # Without a bundle of the device its leaf can be recognised only if it never published one.
        if leaves is not None and not any(named in leaves.places for named in bundles.stanza_ids(device)):
            if bundles.shows(device):
                sentence = (
                    f"journal entry {item.entry.index}: the receipt is by a device that has no leaf of this alert"
                )
                raise EvidenceError("receipt-without-leaf", sentence, JOURNAL, "V7")
            verified = False
        return Confirmation(device, person, body.level, entry.at, verified)

    def _names(self) -> dict[str, str]:
        """M14: every opening is what its statement commits to; the newest name of each chain."""
        openings = self._pack.openings()
        shown = {statement.id: statement for statement in self.books.statements}
        found: dict[str, str] = {}
        if not openings.keys() <= shown.keys():
            raise EvidenceError("opening-mismatch", "an opening is of a statement that is not shown", OPENINGS, "M14")
        for statement in self.books.statements:
            committed = getattr(statement.body, "commitments", None)
            wanted = {} if committed is None else committed.to_json()
            for opening in openings.get(statement.id, ()):
                try:
                    made = commitment(opening.field, unb64u(opening.salt, length=32), opening.value)
                except KeysError:
                    made = ""
                if wanted.get(opening.field) != made:
                    sentence = "an opening is not what its statement commits to"
                    raise EvidenceError("opening-mismatch", sentence, OPENINGS, "M14")
                if opening.field == "name":
                    found[chain_of(statement)] = opening.value
        return found

    # -- what is left open -------------------------------------------------------------------------------------------

    def _limits(
        self, core: Core, confirmations: Sequence[Confirmation], quorum: Mapping[LogName, int | None]
    ) -> tuple[str, ...]:
        open_ = {"limit-newer", "limit-text"}
        if core.label.sealed:
            open_.add("limit-recipients")
        if not self.books.whole:
            open_.add("limit-chain-end")
        if core.version > 1:
            open_.add("limit-lineage")
        if self._pack.manifest.left_out or any(not one.verified for one in confirmations):
            open_.add("limit-receipts")
        if None in quorum.values():
            open_.add("limit-witness")
        return tuple(code for code in LIMIT_CODES if code in open_)


class _Bundles:
    """The weekly keys that the pack shows, as far as they tell what a device's leaf must be."""

    def __init__(self, core: Core) -> None:
        self._week, self._size = week_of(core.at), core.seen.journal.size
        self._known: dict[str, set[bytes]] = {}

    def add(self, index: int, statement: str, body: EpochPublish) -> None:
        """Take in a published bundle; one that the author had not seen says nothing."""
        if index < self._size:
            known = self._known.setdefault(body.issuer.device, set())
            known |= {encoding.unhex32(key.hash) for key in body.keys if key.week == self._week}
            known.add(encoding.unhex32(statement))

    def shows(self, device: str) -> bool:
        """Whether the pack has a bundle of this device."""
        return device in self._known

    def stanza_ids(self, device: str) -> list[bytes]:
        """What the device's leaf can be named: by its key of the week, by its last bundle, or by none."""
        raw = unb64u(device, length=16)
        return [stanza_id(raw, self._week, known) for known in (*self._known.get(device, ()), NO_BUNDLE)]


def _split(data: bytes | None) -> tuple[bytes, ...]:
    """The registry's entries: for each its length (2 bytes, big-endian), then its bytes."""
    found: list[bytes] = []
    position = 0
    while data and position < len(data):
        end = position + 2 + int.from_bytes(data[position : position + 2], "big")
        if end > len(data) or position + 2 > len(data):
            raise EvidenceError("evidence-malformed", f"{ENTRIES} ends inside an entry", ENTRIES)
        found.append(data[position + 2 : end])
        position = end
    return tuple(found)


def _refused(error: VerificationError, file: str) -> EvidenceError:
    return EvidenceError(error.code, f"{error.name}: {error.detail}", file, error.rule)


def _file_of(error: VerificationError) -> str:
    """Which file a refusal of the books is about, by what it says."""
    if error.code in ("founding-missing", "other-exchange"):
        return "founding.json"
    if error.code == "checkpoint-invalid":
        return f"{ALERT if 'journal' in error.evidence else FOUNDING}.tlog-proof"
    if error.rule == "M16":
        return ENTRIES
    return JOURNAL if "journal" in error.detail else REGISTRY
