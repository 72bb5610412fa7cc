"""The evidence pack of one alert: its files, as values (``docs/spec/evidence.md``, Evidence of one alert).

A small folder that verifies alone, with the exchange id and nothing else. Read here is only its form: every file is the one
that the manifest names, bounded, and no link is followed. ``evidence_make`` writes one from an auditor's bundle,
``evidence_verify`` judges what it says.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from exchange.audit.bundle import AuditBundle, BundleError
from exchange.client.proven import ProvenEntry, ProvenHead, ProvenStatement
from exchange.model.problems import ExchangeError, first_error
from exchange.model.scalars import Count, Hash, Record, Size
from exchange.model.statements import Opening
from exchange.tlog.errors import TlogError
from exchange.tlog.merkle import MAX_PROOF_HASHES
from exchange.tlog.proof import LogProof
from keys import encoding
from keys.envelope import MAX_BODY, MAX_SIGNATURES, MLDSA65_SIGNATURE, Envelope, payload_type
from keys.errors import KeysError

FORMAT = "tlp-exchange-evidence/v1"
MANIFEST = "MANIFEST.json"
README = "README.txt"
ALERT, FOUNDING = "alert", "founding"
"""Two statements that stand in files of their own: ``.json`` the envelope, ``.entry`` the entry, ``.tlog-proof`` its proof."""
LEAVES = "leaves"
REGISTRY, JOURNAL = "registry.json.gz", "journal.json.gz"
"""Strict JSON, compressed (gzip): names and times that repeat are a third of a pack."""
SIGNATURES = "signatures.mldsa65"
"""The ML-DSA-65 signatures of the registry's and then the journal's statements, in their order: as text they are a third longer."""
ENTRIES = "registry.entries"
OPENINGS = "openings.json"
WITNESS_POLICY = "witness-policy"
MAX_FILE = 96 << 20
"""Bytes of one file, and of what it holds compressed: the leaf list of the largest audience has 72 MiB."""
MAX_MANIFEST = 65_536
"""Bytes."""
MAX_FILES = 32
"""Files in the manifest."""
MAX_STATEMENTS = 4096
"""Statements of one log."""

_Proof = Annotated[
    tuple[Annotated[str, StringConstraints(strict=True, max_length=44)], ...], Field(max_length=MAX_PROOF_HASHES)
]
_Path = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[a-zA-Z0-9-]+(/[a-z0-9-]+)?(\.[a-z0-9-]+){0,2}$", max_length=64)
]


class EvidenceError(ExchangeError):
    """The pack is refused, or none is made.

    ``file`` names the file that is wrong, where one is; ``rule`` the rule that refused. Codes of its form: ``not-evidence``,
    ``file-missing``, ``file-differs``, ``file-too-large``, ``file-unreadable``, ``evidence-malformed``. Of making one:
    ``alert-unknown``, ``alert-ambiguous``, ``alert-unreleased``, ``evidence-exists``, ``evidence-too-large``. Every other code is
    the verification's.
    """

    def __init__(self, code: str, detail: str, file: str = "", rule: str = "") -> None:
        super().__init__(code, detail)
        self.file = file
        self.rule = rule


class HeadRecord(Record):
    """An earlier head of a log, with the proof that the checkpoint continues it."""

    proof: _Proof
    root: Hash
    size: Size


class EntryRecord(Record):
    """An entry, and the proof that it stands at the index. Entries are strict JSON: written anew they are the same bytes."""

    entry: dict[str, Any]
    index: Count
    proof: _Proof


class StatementRecord(EntryRecord):
    """A statement with its entry: its body is strict JSON too, and so needs no base64 around it."""

    body: dict[str, Any]
    kind: Annotated[str, StringConstraints(strict=True, max_length=64)]
    signatures: Annotated[tuple[dict[str, Any], ...], Field(max_length=MAX_SIGNATURES)]


class LogRecord(Record):
    """``registry.json.gz`` and ``journal.json.gz``: earlier heads, statements, and entries shown without a statement."""

    entries: Annotated[tuple[EntryRecord, ...], Field(max_length=MAX_STATEMENTS)] = ()
    heads: Annotated[tuple[HeadRecord, ...], Field(max_length=MAX_STATEMENTS)]
    statements: Annotated[tuple[StatementRecord, ...], Field(max_length=MAX_STATEMENTS)]


class FileRecord(Record):
    """A file as the manifest names it."""

    length: Size
    path: _Path
    sha256: Hash


class Manifest(Record):
    """``MANIFEST.json``: files ascending by path; ``left_out`` is how many receipts the journal has that are not taken."""

    exchange: Hash
    files: Annotated[tuple[FileRecord, ...], Field(min_length=1, max_length=MAX_FILES)]
    format: Literal["tlp-exchange-evidence/v1"]
    left_out: Count
    statement: Hash

    @model_validator(mode="after")
    def _ascending(self) -> Manifest:
        if any(a.path >= b.path for a, b in pairwise(self.files)):
            raise ValueError("files are ascending by path, without repetition")
        return self


RecordType = TypeVar("RecordType", bound=Record)


def decode_record(kind: type[RecordType], name: str, data: bytes) -> RecordType:
    """A strict-JSON file of the pack. Raises EvidenceError ``evidence-malformed``."""
    try:
        return kind.model_validate(encoding.decode(data, max_bytes=MAX_FILE))
    except ValidationError as error:
        raise EvidenceError("evidence-malformed", f"{name}: {first_error(error)}", name) from None
    except KeysError as error:
        raise EvidenceError("evidence-malformed", f"{name}: {error}", name) from None


@dataclass(frozen=True, slots=True)
class ProvenFile:
    """A statement that stands in files of its own."""

    envelope: Envelope
    entry: bytes
    proof: LogProof

    @property
    def proven(self) -> ProvenEntry:
        """Its entry, as the books take it."""
        return ProvenEntry(self.proof.index, self.entry, self.proof.hashes)


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack whose files are those of its manifest; ``extra`` are files that it does not name. Nothing is verified."""

    manifest: Manifest
    files: Mapping[str, bytes]
    extra: tuple[str, ...] = ()

    def alone(self, name: str) -> ProvenFile:
        """The alert, or the founding. Raises EvidenceError."""
        try:
            file = f"{name}.json"
            envelope = Envelope.decode(self.file(file))
            file = f"{name}.tlog-proof"
            return ProvenFile(envelope, self.file(f"{name}.entry"), LogProof.parse(self.file(file)))
        except (KeysError, TlogError) as error:
            raise EvidenceError("evidence-malformed", f"{file}: {error}", file) from None

    def file(self, name: str) -> bytes:
        """A file. Raises EvidenceError ``file-missing``."""
        data = self.files.get(name)
        if data is None:
            raise EvidenceError("file-missing", f"{name} is missing", name)
        return data

    def log(self, name: str) -> LogRecord:
        """``registry.json.gz`` or ``journal.json.gz``. Raises EvidenceError."""
        return decode_record(LogRecord, name, unpacked(name, self.file(name)))

    def openings(self) -> dict[str, tuple[Opening, ...]]:
        """Openings by statement id, unverified; none when the pack has no names. Raises EvidenceError."""
        if OPENINGS not in self.files:
            return {}
        try:
            raw = encoding.decode(self.files[OPENINGS], max_bytes=MAX_FILE)
            return {
                statement: tuple(Opening.model_validate(item) for item in _list(items))
                for statement, items in raw.items()
            }
        except ValidationError as error:
            raise EvidenceError("evidence-malformed", f"{OPENINGS}: {first_error(error)}", OPENINGS) from None
        except KeysError as error:
            raise EvidenceError("evidence-malformed", f"{OPENINGS}: {error}", OPENINGS) from None


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise EvidenceError("evidence-malformed", f"{OPENINGS}: openings are a list", OPENINGS)
    return value


def packed(data: bytes) -> bytes:
    """Compressed as a gzip file (RFC 1952) without name and time."""
    return gzip.compress(data, 9, mtime=0)


def unpacked(name: str, data: bytes) -> bytes:
    """What one gzip member holds, at most MAX_FILE bytes, and nothing behind it. Raises EvidenceError ``evidence-malformed``."""
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = reader.decompress(data, MAX_FILE)
    except zlib.error:
        raise EvidenceError("evidence-malformed", f"{name} is no gzip file", name) from None
    if not reader.eof or reader.unused_data:
        raise EvidenceError("evidence-malformed", f"{name} is cut off, too large, or more than one gzip file", name)
    return found


def heads_of(records: Sequence[HeadRecord], file: str) -> tuple[ProvenHead, ...]:
    """Earlier heads, as the books take them. Raises EvidenceError."""
    return tuple(ProvenHead(item.size, encoding.unhex32(item.root), _hashes(item.proof, file)) for item in records)


def entry_of(record: EntryRecord, file: str) -> ProvenEntry:
    """An entry, as the books take it. Raises EvidenceError."""
    try:
        data = encoding.encode(record.entry)
    except KeysError as error:
        raise EvidenceError("evidence-malformed", f"{file}: entry {record.index}: {error}", file) from None
    return ProvenEntry(record.index, data, _hashes(record.proof, file))


class Signatures:
    """The file of ML-DSA-65 signatures, taken one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self) -> bytes:
        """The next one. Raises EvidenceError ``evidence-malformed``."""
        found = self._data[self._at : self._at + MLDSA65_SIGNATURE]
        if len(found) != MLDSA65_SIGNATURE:
            raise EvidenceError("evidence-malformed", f"{SIGNATURES} holds too few signatures", SIGNATURES)
        self._at += MLDSA65_SIGNATURE
        return found

    def end(self) -> None:
        """All were taken. Raises EvidenceError ``evidence-malformed``."""
        if self._at != len(self._data):
            raise EvidenceError("evidence-malformed", f"{SIGNATURES} holds more than the signatures named", SIGNATURES)


def statement_of(record: StatementRecord, file: str, signatures: Signatures) -> ProvenStatement:
    """A statement, as the books take it. Raises EvidenceError."""
    try:
        lines = [
            line if "sig" in line else {**line, "sig": encoding.b64(signatures.take())} for line in record.signatures
        ]
        envelope = {
            "payload": encoding.b64(encoding.encode(record.body)),
            "payloadType": payload_type(record.kind),
            "signatures": lines,
        }
        return ProvenStatement(entry_of(record, file), Envelope.from_json(envelope))
    except KeysError as error:
        raise EvidenceError("evidence-malformed", f"{file}: entry {record.index}: {error}", file) from None


def statement_record(envelope: Envelope) -> tuple[dict[str, Any], bytes]:
    """A statement as ``registry.json.gz`` and ``journal.json.gz`` hold it, without its entry, and its ML-DSA-65 signatures.

    Raises EncodingError.
    """
    apart = [line for line in envelope.signatures if line.algorithm == "mldsa65"]
    record = {
        "body": encoding.decode(envelope.body, max_bytes=MAX_BODY),
        "kind": envelope.kind,
        "signatures": [{"keyid": line.keyid} if line in apart else line.to_json() for line in envelope.signatures],
    }
    return record, b"".join(line.sig for line in apart)


def _hashes(proof: Sequence[str], file: str) -> tuple[bytes, ...]:
    try:
        return tuple(encoding.unb64(item, length=32) for item in proof)
    except KeysError as error:
        raise EvidenceError("evidence-malformed", f"{file}: a hash of a proof: {error}", file) from None


def manifest_bytes(exchange: str, statement: str, left_out: int, files: Mapping[str, bytes]) -> bytes:
    """The manifest of these files."""
    named = [
        {"length": len(data), "path": name, "sha256": sha256(data).hexdigest()} for name, data in sorted(files.items())
    ]
    return encoding.encode(
        {"exchange": exchange, "files": named, "format": FORMAT, "left_out": left_out, "statement": statement}
    )


def is_pack(folder: Path) -> bool:
    """Whether a folder's manifest says that it is an evidence pack."""
    return _opened(folder) is not None


def _opened(folder: Path) -> tuple[AuditBundle, bytes] | None:
    """The folder and its manifest, when that says that it is an evidence pack's."""
    try:
        bundle = AuditBundle(folder)
        data = bundle.read(MANIFEST, MAX_MANIFEST)
    except BundleError:
        return None
    return (bundle, data) if FORMAT.encode("ascii") in data else None


def read_pack(folder: Path) -> Pack:
    """Read a folder; every file has the length and hash that the manifest names.

    Raises EvidenceError: ``not-evidence``, ``file-missing``, ``file-differs``, ``file-too-large``, ``file-unreadable``,
    ``evidence-malformed``.
    """
    opened = _opened(folder)
    if opened is None:
        raise EvidenceError("not-evidence", f"this is no folder with the {MANIFEST} of an evidence pack")
    bundle, raw = opened
    manifest = decode_record(Manifest, MANIFEST, raw)
    found: dict[str, bytes] = {}
    for record in manifest.files:
        name = record.path
        try:
            data = bundle.read(name, min(record.length + 1, MAX_FILE))
        except BundleError as error:
            code = "file-differs" if error.code == "file-too-large" and record.length < MAX_FILE else error.code
            raise EvidenceError(code, error.detail, name) from None
        if len(data) != record.length or sha256(data).hexdigest() != record.sha256:
            raise EvidenceError("file-differs", f"{name} is not the file that {MANIFEST} names", name)
        found[name] = data
    there = {path.removeprefix("/") for path, _ in bundle.files("")}
    return Pack(manifest, found, tuple(sorted(there - found.keys() - {MANIFEST})))
