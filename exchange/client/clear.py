"""A visitor's check of a public TLP:CLEAR alert: offline, from one document, without a home, a session or any trust.

The document (``GET /clear/{id}/evidence``) is believed nothing. Who checks must know one thing from elsewhere: the exchange
id. From it follow the founding, the log keys, the registrars, and by the registry's own rules every administrator, author and
approver; then the numbered list that every reader runs (``verify.verify_clear_content``) decides.

Not shown, and not claimed: the end of each chain. Registry entries are for members, so a visitor cannot see that no later
statement, such as a revocation before the alert, stands between those that are shown; nor that no newer version of the alert
exists. Spec: docs/spec/envelope.md, A visitor's check; docs/soundness.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field, StringConstraints, ValidationError

from exchange.client.answers import MAX_EVIDENCE, AlertAnswer
from exchange.client.errors import VerificationError
from exchange.client.history import SignatureMemory
from exchange.client.verify import Opened, verify_clear_content
from exchange.model.alert import MAX_CONTENT
from exchange.model.entry import Entry, parse_entry
from exchange.model.problems import Malformed, first_error
from exchange.model.registry import Founding
from exchange.model.scalars import Bytes32, Count, Hash, Record, ShortText, Size
from exchange.model.statements import Statement, chain_of, parse_statement
from exchange.policy.members import Facts, Roster
from exchange.policy.roster import RosterRefusal, TrustedRoster
from exchange.tlog.checkpoint import Checkpoint, LogName
from exchange.tlog.errors import TlogError
from exchange.tlog.merkle import MAX_PROOF_HASHES, leaf_hash, verify_consistency, verify_inclusion
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.note import verify_checkpoint
from keys.verify import LogPublicKey

FORMAT = "tlp-exchange-clear-evidence/v1"
MAX_STATEMENTS = 1024
"""Registry statements in one document."""
MAX_HEADS = 4
"""Earlier heads of one log: the one that the author named and the one at acceptance."""
STEPS = (1, 2, 3, 4, 5, 6, 9)
"""The steps of the reader's list that apply: nothing is sealed, so there is no leaf (7) and nothing to open (8)."""

_Text = Annotated[str, StringConstraints(strict=True, max_length=65_536)]
_Proof = Annotated[
    tuple[Annotated[str, StringConstraints(strict=True, max_length=44)], ...], Field(max_length=MAX_PROOF_HASHES)
]
_Entry = Annotated[str, StringConstraints(strict=True, max_length=8192)]


class _Head(Record):
    """An earlier head of a log, with the proof that the checkpoint continues it."""

    proof: _Proof
    root: Hash
    size: Size


class _Chained(Record):
    """A registry statement, its entry, and the proof that this stands at the index."""

    entry: _Entry
    envelope: dict[str, Any]
    index: Count
    proof: _Proof


class _Registry(Record):
    checkpoint: _Text
    heads: Annotated[tuple[_Head, ...], Field(min_length=1, max_length=MAX_HEADS)]
    statements: Annotated[tuple[_Chained, ...], Field(min_length=1, max_length=MAX_STATEMENTS)]


class _Name(Record):
    """The opening of the author's organisation's name, which is public."""

    field: Literal["name"]
    salt: Bytes32
    statement: Hash
    value: ShortText


class _Document(Record):
    """The whole evidence; closed."""

    checkpoint: _Text
    content: Annotated[str, StringConstraints(strict=True, max_length=2 * MAX_CONTENT)] | None = None
    entry: _Entry
    envelope: dict[str, Any]
    exchange: Hash
    format: Literal["tlp-exchange-clear-evidence/v1"]
    heads: Annotated[tuple[_Head, ...], Field(min_length=1, max_length=MAX_HEADS)]
    index: Count
    name: _Name | None = None
    proof: _Proof
    registry: _Registry


@dataclass(frozen=True, slots=True)
class ClearProof:
    """What was proven of a CLEAR alert.

    ``organisation`` is the author's; its ``name`` is None when it was not opened. ``released`` is the acceptance time,
    seconds. ``statements`` registry statements were replayed; ``registry`` is the registry's size at acceptance,
    ``journal`` the size of the journal's checkpoint.
    """

    opened: Opened
    organisation: str
    name: str | None
    released: int
    statements: int
    registry: int
    journal: int

    @property
    def approvers(self) -> int:
        """How many other persons approved."""
        return len(self.opened.signers.approvals)


def check_clear(document: bytes, exchange: str, statement: str | None = None) -> ClearProof:
    """Check an evidence document against the exchange id (lower-case hex) that the visitor knows.

    ``statement`` is the id of the alert that was asked for, where one was.

    Raises VerificationError with the step of the reader's list, and the rule where one refused.
    """
    parsed = _parse(document)
    books = _Evidence(parsed, exchange)
    if statement is not None and books.envelope.statement_id != statement:
        raise VerificationError(2, "statement-mismatch", "this is the evidence of another alert than the one asked for")
    answer = AlertAnswer(
        envelope=books.envelope, index=parsed.index, checkpoint=parsed.checkpoint.encode("utf-8", "replace")
    )
    if parsed.content is None:
        raise VerificationError(6, "content-missing", "the evidence does not hold the alert's content")
    try:
        content = encoding.unb64(parsed.content)
    except KeysError as error:
        _malformed(str(error))
    opened = verify_clear_content(books, parsed.index, answer, content)
    facts = books.accepted
    person = facts.persons[facts.devices[opened.core.issuer.device].person]
    return ClearProof(
        opened,
        person.organisation,
        books.name_of(person.organisation),
        books.entry.at,
        len(parsed.registry.statements),
        books.accepted_size,
        books.heads["journal"].size,
    )


def check_attachments(proof: ClearProof, given: list[bytes]) -> list[int]:
    """The positions (from 1) of the attachments that the signed content names and these bytes are.

    Raises VerificationError (step 9, ``attachment-unknown``) for bytes that are none of them.
    """
    known = {item.sha256: place for place, item in enumerate(proof.opened.content.attachments, 1)}
    signed = {part.sha256 for part in proof.opened.statement.alert.sealed.parts[1:]}
    found = []
    for data in given:
        digest = sha256(data).hexdigest()
        if digest not in known or digest not in signed:
            raise VerificationError(9, "attachment-unknown", "a file is none of the attachments that were signed")
        found.append(known[digest])
    return found


def _malformed(detail: str) -> NoReturn:
    raise VerificationError(1, "evidence-malformed", f"this is not an evidence document: {detail}") from None


def _parse(document: bytes) -> _Document:
    try:
        return _Document.model_validate(encoding.decode(document, max_bytes=MAX_EVIDENCE))
    except ValidationError as error:
        _malformed(first_error(error))
    except KeysError as error:
        _malformed(str(error))


class _Evidence:
    """Both logs as the document proves them; the ``Books`` of the reader's list."""

    def __init__(self, document: _Document, exchange: str) -> None:
        self.memory = SignatureMemory()
        self.exchange = exchange
        self._document = document
        self._statements = [self._statement(item) for item in document.registry.statements]
        founding = self._founding()
        self.heads: dict[LogName, Checkpoint] = {}
        for log, note in (("journal", document.checkpoint), ("registry", document.registry.checkpoint)):
            self._read_checkpoint(founding, log, note)
        self._roots: dict[LogName, dict[int, bytes]] = {
            "journal": self._proven("journal", document.heads),
            "registry": self._proven("registry", document.registry.heads),
        }
        self.envelope = _envelope(document.envelope)
        self.entry = self._journal_entry()
        self._facts = self._replay()
        self.accepted_size = self._named_registry()

    @property
    def accepted(self) -> Facts:
        """The registry's facts when the alert was accepted, as far as they are shown."""
        return self._facts[self.accepted_size]

    # -- what the document must prove before it is asked anything ----------------------------------------------------

    @staticmethod
    def _statement(item: _Chained) -> tuple[Entry, Statement]:
        try:
            return parse_entry(encoding.unb64(item.entry)), parse_statement(_envelope(item.envelope))
        except Malformed as error:
            _malformed(f"registry entry {item.index}: {error.detail}")
        except KeysError as error:
            _malformed(f"registry entry {item.index}: {error}")

    def _founding(self) -> Founding:
        """V1: the founding is that of the exchange which the visitor named: its id is the hash of all that it says."""
        statement = self._statements[0][1]
        if self._document.registry.statements[0].index != 0 or not isinstance(statement.body, Founding):
            raise VerificationError(1, "founding-missing", "the evidence does not begin with the founding")
        if statement.id != self.exchange or self._document.exchange != self.exchange:
            raise VerificationError(1, "other-exchange", "this is evidence of another exchange than the one named")
        return statement.body

    def _read_checkpoint(self, founding: Founding, log: str, note: str) -> None:
        name: LogName = "journal" if log == "journal" else "registry"
        key = founding.logs.journal if name == "journal" else founding.logs.registry
        try:
            verified = verify_checkpoint(
                note.encode("utf-8"), f"{founding.origin}/{name}", LogPublicKey.from_json(key.to_json())
            )
            self.heads[name] = Checkpoint.parse(verified.text)
        except (KeysError, TlogError, UnicodeEncodeError) as error:
            raise VerificationError(
                1, "checkpoint-invalid", f"the {name}'s checkpoint does not verify: {error}", {name: note}
            ) from None

    def _proven(self, log: LogName, heads: tuple[_Head, ...]) -> dict[int, bytes]:
        """Roots by size of a log's earlier heads: the checkpoint continues each."""
        if any(a.size >= b.size for a, b in pairwise(heads)):
            _malformed("earlier heads are ascending by size")
        new = self.heads[log]
        found: dict[int, bytes] = {}
        for head in heads:
            root = encoding.unhex32(head.root)
            try:
                verify_consistency(head.size, root, new.size, new.root, _hashes(head.proof))
            except TlogError as error:
                raise VerificationError(
                    2, "fork", f"the {log}'s checkpoint does not continue its head of size {head.size}: {error}"
                ) from None
            found[head.size] = root
        return found

    def _included(self, log: LogName, step: int, data: bytes, index: int, proof: tuple[str, ...]) -> None:
        head = self.heads[log]
        try:
            verify_inclusion(leaf_hash(data), index, head.size, _hashes(proof), head.root)
        except TlogError as error:
            raise VerificationError(
                step,
                "proof-invalid",
                f"{log} entry {index} does not stand under the checkpoint: {error}",
                {"entry": encoding.b64(data), "index": str(index)},
            ) from None

    def _journal_entry(self) -> Entry:
        """V2: the alert's entry stands in the journal."""
        try:
            data = encoding.unb64(self._document.entry)
            entry = parse_entry(data)
        except Malformed as error:
            _malformed(error.detail)
        except KeysError as error:
            _malformed(str(error))
        self._included("journal", 2, data, self._document.index, self._document.proof)
        return entry

    def _replay(self) -> dict[int, Facts]:
        """V3: every registry statement stands in the registry, and the rules M1 to M15 allow each; facts by head's size.

        A chain has no gap, since each statement names the one before (M5). Its end cannot be seen from here.
        """
        items = self._document.registry.statements
        if any(a.index >= b.index for a, b in pairwise(items)):
            _malformed("registry statements are ascending by index")
        roster = TrustedRoster(verify=self.memory.verify)
        facts: dict[int, Facts] = {}
        sizes = sorted(self._roots["registry"])
        for item, (entry, statement) in zip(items, self._statements, strict=True):
            while sizes and sizes[0] <= item.index:
                facts[sizes.pop(0)] = roster.facts
            self._included("registry", 3, encoding.unb64(item.entry), item.index, item.proof)
            try:
                roster.apply(entry, statement)
            except RosterRefusal as error:
                evidence = {"entry": item.entry, "statement": encoding.b64(statement.envelope.encode())}
                raise VerificationError(
                    3, error.code, f"registry entry {item.index}: {error.detail}", evidence, rule=error.rule
                ) from None
        facts.update(dict.fromkeys(sizes, roster.facts))
        return facts

    def _named_registry(self) -> int:
        """V2: the registry that the journal's entry names is the one whose statements are shown."""
        named = self.entry.registry
        if named is None or self._roots["registry"].get(named.size) != encoding.unhex32(named.root):
            raise VerificationError(2, "registry-unknown", "the entry names a registry head that is not proven here")
        return named.size

    # -- Books -----------------------------------------------------------------------------------------------------

    def agree(self, log: LogName, note: bytes) -> int:
        """The document has one checkpoint of a log, and it was verified."""
        return self.heads[log].size

    def journal_entry(self, index: int) -> Entry | None:
        """The alert's entry."""
        return self.entry if index == self._document.index else None

    def roster(self, size: int, time: int) -> Roster | None:
        """The roster at a proven head, as far as it is shown."""
        facts = self._facts.get(size)
        return None if facts is None else Roster(facts, time)

    def root(self, log: LogName, size: int) -> bytes | None:
        """The root of a proven head."""
        return self._roots[log].get(size)

    def registry_time(self, index: int) -> int | None:
        """The acceptance time of an entry that is shown."""
        items = self._document.registry.statements
        return next((e.at for item, (e, _) in zip(items, self._statements, strict=True) if item.index == index), None)

    # -- the name --------------------------------------------------------------------------------------------------

    def name_of(self, organisation: str) -> str | None:
        """The organisation's name, held against the newest commitment that is shown.

        Raises VerificationError (step 3, ``opening-mismatch``, M14) for a name that nobody committed to.
        """
        opening = self._document.name
        if opening is None:
            return None
        committing = [
            statement
            for _, statement in self._statements
            if chain_of(statement) == f"organisation/{organisation}" and _committed(statement) is not None
        ]
        made = encoding.commitment("name", encoding.unb64u(opening.salt, length=32), opening.value)
        if not committing or committing[-1].id != opening.statement or _committed(committing[-1]) != made:
            raise VerificationError(
                3, "opening-mismatch", "the organisation's name is not the one that was committed to", rule="M14"
            )
        return opening.value


def _committed(statement: Statement) -> str | None:
    commitments: Any = getattr(statement.body, "commitments", None)
    return None if commitments is None else str(commitments.name)


def _envelope(value: dict[str, Any]) -> Envelope:
    try:
        return Envelope.from_json(value)
    except KeysError as error:
        _malformed(str(error))


def _hashes(proof: tuple[str, ...]) -> list[bytes]:
    try:
        return [encoding.unb64(item, length=32) for item in proof]
    except KeysError as error:
        _malformed(str(error))
