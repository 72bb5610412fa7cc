"""An auditor's bundle: a folder with both logs, their statements and what else the replay needs (``docs/spec/audit.md``).

``AuditBundle`` reads one and believes nothing: every read is bounded, links and devices are not followed, and what is missing is
said by name.  ``BundleWriter`` writes one, in a temporary folder that takes its name at the end; the same contents give the
same bytes.  Neither of them judges: that is ``verify``'s work.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import ValidationError

from exchange.audit.policyfile import WitnessFiles
from exchange.model.problems import ExchangeError, first_error
from exchange.model.registry import Founding
from exchange.model.statements import Opening, Statement
from exchange.tlog.bundles import encode_bundle
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, log_origin, signed_text
from exchange.tlog.edge import Edge
from exchange.tlog.merkle import leaf_hash
from exchange.tlog.tiles import FULL_TILE_BYTES, TILE_WIDTH, Bundle, Tile, bundles, width_at
from keys import encoding
from keys.encoding import unb64u
from keys.envelope import MAX_ENVELOPE, Envelope
from keys.errors import EncodingError
from keys.note import ED25519, MAX_NOTE, MLDSA44_COSIGNATURE, vkey
from keys.stanza import MAX_LEAVES, SUMMARY

FORMAT = "tlp-exchange-audit/v1"
MANIFEST = "MANIFEST.json"
OPENINGS = "openings.json"
EXCHANGE = "keys/exchange.json"
POLICY = "witness-policy"
MAX_POLICY = 1 << 17
"""Bytes of the witness policy: 15 witnesses with two keys each, and both logs."""
FOLDERS = ("checkpoints", "journal", "keys", "leaves", "registry", "statements")
MAX_MANIFEST = 65_536
"""Bytes."""
MAX_OPENINGS = 256 << 20
"""Bytes of all openings: 200,000 persons need about a fifth of it."""
STATEMENT_OPENINGS = 20_480
"""Bytes of the openings of one statement: 8 of at most 512 characters, in UTF-8, and what is around them."""
MAX_ENTRIES_FILE = TILE_WIDTH * (2 + 65_535)
"""Bytes of one entry bundle, by the format."""
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class BundleError(ExchangeError):
    """The folder cannot be read or written as a bundle.

    Codes: ``not-a-bundle``, ``file-missing``, ``file-too-large``, ``file-unreadable``, ``manifest-malformed``,
    ``openings-malformed``, ``bundle-exists``, ``export-inconsistent``; from ``verify`` also ``founding-differs``,
    ``not-an-exchange-id`` and ``scratch-failed``.
    """


# -- names -----------------------------------------------------------------------------------------------------------------


def statement_path(statement: str, signers: int = 0) -> str:
    """Where a statement lies; ``signers`` (1 to 3) names an earlier signature set of a proposal, 0 the newest."""
    middle = f".{signers}" if signers else ""
    return f"statements/{statement[:2]}/{statement}{middle}.json"


def leaves_path(statement: str) -> str:
    """Where an alert's leaf list lies."""
    return f"leaves/{statement}"


def checkpoint_path(log: LogName, note: bytes, size: int) -> str:
    """Where a kept checkpoint lies: two of one size have two names, for a fork must be kept whole."""
    return f"checkpoints/{log}-{size}-{sha256(note).hexdigest()[:16]}"


def key_files(founding: Statement) -> dict[str, bytes]:
    """The files in ``keys/``, as the founding statement has the keys. Raises CheckpointError and NoteError."""
    body = founding.body
    if not isinstance(body, Founding):
        raise BundleError("not-a-bundle", "the statement founds no exchange")
    found: dict[str, bytes] = {
        EXCHANGE: encoding.encode(
            {"exchange": founding.id, "origin": body.origin, "statement_key": body.statement_key},
        )
    }
    for log in LOGS:
        key = body.logs.registry if log == "registry" else body.logs.journal
        name = log_origin(body.origin, log)
        halves = ((".vkey", ED25519, unb64u(key.ed25519)), (".mldsa44.vkey", MLDSA44_COSIGNATURE, unb64u(key.mldsa44)))
        for suffix, type_, raw in halves:
            found[f"keys/{log}{suffix}"] = f"{vkey(name, type_, raw)}\n".encode()
    return found


# -- reading ---------------------------------------------------------------------------------------------------------------


class AuditBundle:
    """A bundle to be verified. Raises BundleError (``not-a-bundle``) for a folder without a manifest."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._base = f"{root}{os.sep}"
        self._plain: set[str] = {""}
        if not root.is_dir() or not (root / MANIFEST).is_file():
            raise BundleError("not-a-bundle", f"this is no folder with a {MANIFEST}")

    def read(self, path: str, limit: int) -> bytes:
        """A file of at most ``limit`` bytes.

        Raises BundleError: ``file-missing``, ``file-too-large``, ``file-unreadable`` (also for what is no plain file: a
        stranger's bundle must neither lead elsewhere nor hang).
        """
        if not self._is_plain(path.rpartition("/")[0]):
            raise BundleError("file-unreadable", f"{path} lies behind a link")
        try:
            descriptor = os.open(self._base + path, _OPEN)
        except FileNotFoundError:
            raise BundleError("file-missing", f"{path} is missing") from None
        except OSError as error:
            raise BundleError("file-unreadable", f"{path}: {errno.errorcode.get(error.errno or 0, 'error')}") from None
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise BundleError("file-unreadable", f"{path} is no plain file")
            if state.st_size > limit:
                raise BundleError("file-too-large", f"{path} has more than {limit} bytes")
            return os.read(descriptor, state.st_size)
        except OSError as error:
            reason = errno.errorcode.get(error.errno or 0, "error")
            raise BundleError("file-unreadable", f"{path}: {reason}") from None
        finally:
            os.close(descriptor)

    def _is_plain(self, folder: str) -> bool:
        """Whether no part of a folder's path in the bundle is a link; one that is missing is not."""
        if folder in self._plain:
            return True
        if not self._is_plain(folder.rpartition("/")[0]) or (self.root / folder).is_symlink():
            return False
        self._plain.add(folder)
        return True

    def manifest(self) -> dict[str, Any]:
        """The manifest as it stands. Raises BundleError (``not-a-bundle``, ``manifest-malformed``)."""
        try:
            value: dict[str, Any] = encoding.decode(self.read(MANIFEST, MAX_MANIFEST), max_bytes=MAX_MANIFEST)
        except EncodingError as error:
            raise BundleError("manifest-malformed", f"{MANIFEST}: {error}") from None
        if value.get("format") != FORMAT:
            raise BundleError("not-a-bundle", f"{MANIFEST} does not name the format {FORMAT}")
        return value

    def checkpoint(self, log: LogName) -> bytes:
        """A log's signed checkpoint."""
        return self.read(f"{log}/checkpoint", MAX_NOTE)

    def tile(self, log: LogName, tile: Tile) -> bytes:
        """A hash tile."""
        return self.read(f"{log}/{tile.path}", FULL_TILE_BYTES)

    def entries(self, log: LogName, bundle: Bundle) -> bytes:
        """An entry bundle."""
        return self.read(f"{log}/{bundle.path}", MAX_ENTRIES_FILE)

    def statement(self, statement: str, signers: int = 0) -> bytes:
        """A statement's envelope."""
        return self.read(statement_path(statement, signers), MAX_ENVELOPE)

    def leaves(self, statement: str) -> bytes:
        """An alert's leaf list."""
        return self.read(leaves_path(statement), MAX_LEAVES * SUMMARY)

    def checkpoints(self) -> Iterator[tuple[str, bytes]]:
        """Every kept checkpoint with its path, in order of names."""
        for path, _ in sorted(self.files("checkpoints")):
            yield path, self.read(path, MAX_NOTE)

    def openings(self, statements: int) -> dict[str, tuple[Opening, ...]]:
        """Openings by statement id, unverified, of a registry of so many statements.

        Raises BundleError: ``openings-malformed``, ``file-too-large``.
        """
        most = min(MAX_OPENINGS, 2 + statements * STATEMENT_OPENINGS)
        try:
            raw: dict[str, Any] = encoding.decode(self.read(OPENINGS, most), max_bytes=most)
            found: dict[str, tuple[Opening, ...]] = {}
            for statement, items in raw.items():
                if not isinstance(items, list) or not 1 <= len(items) <= 8:
                    raise BundleError("openings-malformed", f"{OPENINGS}: {statement} has no list of openings")
                found[statement] = tuple(Opening.model_validate(item) for item in items)
        except EncodingError as error:
            raise BundleError("openings-malformed", f"{OPENINGS}: {error}") from None
        except ValidationError as error:
            raise BundleError("openings-malformed", f"{OPENINGS}: {first_error(error)}") from None
        return found

    def files(self, folder: str) -> Iterator[tuple[str, int]]:
        """Every file below a folder, as its path in the bundle and its bytes; in no order. Links are listed, not followed."""
        stack = [folder]
        while stack:
            inside = stack.pop()
            if not self._is_plain(inside):
                continue  # a folder that is a link leads out of the bundle, to anywhere
            try:
                with os.scandir(self.root / inside) as found:
                    for item in found:
                        path = f"{inside}/{item.name}"
                        if item.is_dir(follow_symlinks=False):
                            stack.append(path)
                        else:
                            yield path, item.stat(follow_symlinks=False).st_size
            except OSError:
                continue  # what is missing or cannot be listed is named where it is read

    def measure(self) -> dict[str, dict[str, int]]:
        """How many files each folder holds, and their bytes: what the manifest says."""
        sizes = {}
        for folder in FOLDERS:
            count = total = 0
            for _, length in self.files(folder):
                count += 1
                total += length
            sizes[folder] = {"bytes": total, "count": count}
        return sizes


# -- writing ---------------------------------------------------------------------------------------------------------------


class BundleWriter:
    """Writes a bundle beside ``out`` and renames it at the end; a context manager that leaves nothing half done.

    ``finish`` refuses (``bundle-exists``) when ``out`` is there with other contents; the same contents are fine.
    """

    def __init__(self, out: Path, founding: Statement, witnesses: WitnessFiles | None = None) -> None:
        """Begin to write ``out``; ``witnesses`` is what the registry in it says of them. Raises BundleError (``bundle-exists``)."""
        self.out = out
        self._witnesses = witnesses
        self._exchange = founding.id
        self._heads: dict[str, Any] = {}
        self._openings: dict[str, list[dict[str, object]]] = {}
        self._retention: dict[str, dict[str, int]] = {}
        if out.exists() and not (out / MANIFEST).is_file():
            raise BundleError("bundle-exists", f"{out.name} is there and is no bundle")
        out.parent.mkdir(parents=True, exist_ok=True)
        self._work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        for folder in FOLDERS:
            (self._work / folder).mkdir()
        for path, data in key_files(founding).items():
            self._put(path, data)
        if witnesses is not None:
            self._put(POLICY, witnesses.policy)

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def _put(self, path: str, data: bytes) -> None:
        target = self._work / path
        try:
            target.write_bytes(data)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def log(self, log: LogName, note: bytes, entries: Iterable[bytes]) -> None:
        """Write a log from its signed checkpoint and its entries in order; tiles are computed.

        Raises BundleError (``export-inconsistent``) when the entries do not lead to the checkpoint.
        """
        head = Checkpoint.parse(signed_text(note))
        stream, edge = iter(entries), Edge()
        for bundle in bundles(head.size):
            chunk = list(islice(stream, bundle.width))
            self._put(f"{log}/{bundle.path}", encode_bundle(chunk))
            edge, changed = edge.grow([leaf_hash(entry) for entry in chunk])
            for tile, data in changed:
                if tile.width == width_at(tile.level, tile.index, head.size):
                    self._put(f"{log}/{tile.path}", data)
        if edge.size != head.size or edge.root() != head.root or next(stream, None) is not None:
            raise BundleError("export-inconsistent", f"the {log}'s entries do not lead to its checkpoint")
        self._put(f"{log}/checkpoint", self._named(log, note))
        self._heads[log] = {"root": head.root.hex(), "size": head.size}
        self.checkpoint(log, note)

    def checkpoint(self, log: LogName, note: bytes) -> None:
        """Keep a checkpoint that was seen."""
        note = self._named(log, note)
        self._put(checkpoint_path(log, note, Checkpoint.parse(signed_text(note)).size), note)

    def _named(self, log: LogName, note: bytes) -> bytes:
        return note if self._witnesses is None else self._witnesses.strip(log, note)

    def statement(self, envelope: Envelope, signers: int = 0) -> None:
        """Write a statement; ``signers`` as in ``statement_path``."""
        self._put(statement_path(envelope.statement_id, signers), envelope.encode())

    def leaves(self, statement: str, data: bytes) -> None:
        """Write an alert's leaf list."""
        self._put(leaves_path(statement), data)

    def openings(self, statement: str, openings: Sequence[Opening]) -> None:
        """Keep the openings that were handed out for a statement."""
        if openings:
            ordered = sorted(openings, key=lambda opening: opening.field)
            self._openings[statement] = [opening.to_json() for opening in ordered]

    def retention(self, days: int) -> None:
        """Say that receipts' statements older than so many days are missing, as the exchange says that it erased them."""
        self._retention = {"retention": {"receipts_days": days}}

    def finish(self) -> Path:
        """Write openings and manifest and give the folder its name. Raises BundleError (``bundle-exists``)."""
        self._put(OPENINGS, encoding.encode(self._openings))
        manifest: Mapping[str, Any] = {
            "contents": {},
            "exchange": self._exchange,
            "format": FORMAT,
            **self._heads,
            **self._retention,
        }
        self._put(MANIFEST, b"")
        measured = AuditBundle(self._work).measure()
        self._put(MANIFEST, encoding.encode({**manifest, "contents": measured}))
        if self.out.exists():
            if not _same(self._work, self.out):
                raise BundleError("bundle-exists", f"{self.out.name} is there with other contents")
            return self.out
        self._work.chmod(0o755)
        self._work.rename(self.out)
        return self.out


def _same(left: Path, right: Path) -> bool:
    """Whether two folders hold the same files with the same bytes."""
    names = sorted(path.relative_to(left) for path in left.rglob("*") if path.is_file())
    if names != sorted(path.relative_to(right) for path in right.rglob("*") if path.is_file()):
        return False
    return all(filecmp.cmp(left / name, right / name, shallow=False) for name in names)
