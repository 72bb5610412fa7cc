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
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from exchange.client.answers import MAX_EVIDENCE, AlertAnswer
from exchange.client.errors import VerificationError
from exchange.client.proven import ProvenBooks, ProvenEntry, ProvenHead, ProvenLog, ProvenStatement, malformed
from exchange.client.verify import Opened, verify_clear_content
from exchange.model.alert import MAX_CONTENT
from exchange.model.problems import first_error
from exchange.model.scalars import Bytes32, Count, Hash, Record, ShortText, Size
from exchange.model.statements import Statement, chain_of
from exchange.tlog.merkle import MAX_PROOF_HASHES
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError

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
    books, envelope = _books(parsed, exchange), _envelope(parsed.envelope)
    if statement is not None and envelope.statement_id != statement:
        raise VerificationError(2, "statement-mismatch", "this is the evidence of another alert than the one asked for")
    answer = AlertAnswer(envelope=envelope, index=parsed.index, checkpoint=_note(parsed.checkpoint))
    if parsed.content is None:
        raise VerificationError(6, "content-missing", "the evidence does not hold the alert's content")
    opened = verify_clear_content(books, parsed.index, answer, _bytes(parsed.content))
    facts = books.accepted
    person = facts.persons[facts.devices[opened.core.issuer.device].person]
    return ClearProof(
        opened,
        person.organisation,
        _name_of(books, parsed.name, person.organisation),
        books.alert.at,
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


def _parse(document: bytes) -> _Document:
    try:
        return _Document.model_validate(encoding.decode(document, max_bytes=MAX_EVIDENCE))
    except ValidationError as error:
        malformed(first_error(error))
    except KeysError as error:
        malformed(str(error))


def _books(document: _Document, exchange: str) -> ProvenBooks:
    if document.exchange != exchange:
        raise VerificationError(1, "other-exchange", "this is evidence of another exchange than the one named")
    shown = document.registry
    return ProvenBooks(
        exchange,
        {
            "journal": ProvenLog(_note(document.checkpoint), _heads(document.heads)),
            "registry": ProvenLog(_note(shown.checkpoint), _heads(shown.heads)),
        },
        [
            ProvenStatement(ProvenEntry(item.index, _bytes(item.entry), _hashes(item.proof)), _envelope(item.envelope))
            for item in shown.statements
        ],
        ProvenEntry(document.index, _bytes(document.entry), _hashes(document.proof)),
    )


def _name_of(books: ProvenBooks, opening: _Name | None, organisation: str) -> str | None:
    """The organisation's name, held against the newest commitment that is shown.

    Raises VerificationError (step 3, ``opening-mismatch``, M14) for a name that nobody committed to.
    """
    if opening is None:
        return None
    committing = [
        statement
        for statement in books.statements
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
        malformed(str(error))


def _heads(heads: tuple[_Head, ...]) -> tuple[ProvenHead, ...]:
    return tuple(ProvenHead(head.size, encoding.unhex32(head.root), _hashes(head.proof)) for head in heads)


def _hashes(proof: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(_bytes(item, length=32) for item in proof)


def _bytes(value: str, length: int | None = None) -> bytes:
    try:
        return encoding.unb64(value, length=length)
    except KeysError as error:
        malformed(str(error))


def _note(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        malformed("a checkpoint is not text")
