"""The server's own keys: both logs' signers and the statement signer, in one file (``docs/spec/enrolment.md``, Founding).

They open unattended, so no passphrase protects them: they are a 0600 file in the data folder, or a systemd credential
(``$CREDENTIALS_DIRECTORY/exchange-keys.json``), which is looked for first. Taken alone they let a thief sign a fork that
members' checkpoints refuse; they open no alert (invariant I1). Everything of members and registrars is elsewhere: this module
must never import what holds their keys.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import urandom
from pathlib import Path
from typing import Any

from keys.encoding import b64u, decode, encode, unb64u
from keys.errors import EncodingError, NoteError
from keys.note import LogSigner
from keys.sign import StatementSigner

FILE = "keys.json"
"""Name in the data folder."""
CREDENTIAL = "exchange-keys.json"
"""Name in systemd's credentials folder."""
PIN = "founding.pin"
"""Name, in the data folder, of the file that holds the exchange id that ``exchange init`` expects to be founded."""
FORMAT = "tlp-exchange-server-keys/v1"
MAX_FILE = 4096
"""Bytes."""
SEED = 32
"""Bytes of one seed."""


class ServerKeysError(Exception):
    """The server's keys or its pin cannot be used; ``code`` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """The three signers of one server. Their representations show no secret."""

    origin: str
    registry: LogSigner
    journal: LogSigner
    statement: StatementSigner

    def encode(self) -> bytes:
        """The stored form, strict JSON; secret."""
        return encode(
            {
                "format": FORMAT,
                "journal": _log_json(self.journal),
                "origin": self.origin,
                "registry": _log_json(self.registry),
                "statement": b64u(self.statement.seed),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> ServerKeys:
        """Read the stored form. Raises ServerKeysError ``keys-malformed``."""
        try:
            obj = decode(data, max_bytes=MAX_FILE)
            if obj.keys() != {"format", "journal", "origin", "registry", "statement"} or obj["format"] != FORMAT:
                raise ServerKeysError("keys-malformed", "this is not a file of server keys")
            origin = obj["origin"]
            return cls(
                origin,
                _log_signer(f"{origin}/registry", obj["registry"]),
                _log_signer(f"{origin}/journal", obj["journal"]),
                StatementSigner(unb64u(obj["statement"], length=SEED)),
            )
        except (EncodingError, NoteError, KeyError, TypeError, ValueError):
            raise ServerKeysError("keys-malformed", "this is not a file of server keys") from None

    def public_json(self) -> dict[str, Any]:
        """``logs`` and ``statement_key`` as ``exchange.found`` names them."""
        return {
            "logs": {"journal": self.journal.public.to_json(), "registry": self.registry.public.to_json()},
            "statement_key": self.statement.public.to_json(),
        }


def generate(origin: str, random: Callable[[int], bytes] = urandom) -> ServerKeys:
    """Make new keys. Raises NoteError ``bad-name`` for an origin that cannot name a log."""
    return ServerKeys(
        origin,
        LogSigner.generate(f"{origin}/registry", random),
        LogSigner.generate(f"{origin}/journal", random),
        StatementSigner.generate(random),
    )


def write(data: Path, keys: ServerKeys) -> Path:
    """Create ``keys.json`` in the data folder: 0600, durable, never overwritten. Raises ServerKeysError ``keys-exist``."""
    return _create(data / FILE, keys.encode())


def load(data: Path, environ: Mapping[str, str] = os.environ) -> ServerKeys:
    """Read the keys: from systemd's credentials when they are there, else from the data folder.

    Raises ServerKeysError: ``keys-missing``, ``keys-malformed``, ``permissions-loose`` (others may read the file).
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder and (Path(folder) / CREDENTIAL).exists():
        # systemd itself keeps a credential private, in ways that its mode bits do not always show.
        return ServerKeys.decode(_read(Path(folder) / CREDENTIAL, private=False))
    return ServerKeys.decode(_read(data / FILE, private=True))


def pin(data: Path, exchange: str) -> Path:
    """Create ``founding.pin``, the only founding that this server will accept. Raises ServerKeysError ``keys-exist``."""
    return _create(data / PIN, f"{exchange}\n".encode("ascii"))


def pinned(data: Path) -> str:
    """The exchange id to be founded here, 64 hexadecimal digits. Raises ServerKeysError ``keys-missing``, ``keys-malformed``.

    Without the pin, whoever reaches a fresh server first could found an exchange of their own on it.
    """
    text = _read(data / PIN, private=False).decode("ascii", "replace").removesuffix("\n")
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ServerKeysError("keys-malformed", f"{PIN} does not hold an exchange id")
    return text


def _log_json(signer: LogSigner) -> dict[str, str]:
    return {"ed25519": b64u(signer.ed25519_seed), "mldsa44": b64u(signer.mldsa44_seed)}


def _log_signer(origin: str, obj: Any) -> LogSigner:
    if obj.keys() != {"ed25519", "mldsa44"}:
        raise ValueError("a log signer has two seeds")
    return LogSigner(origin, unb64u(obj["ed25519"], length=SEED), unb64u(obj["mldsa44"], length=SEED))


def _read(path: Path, *, private: bool) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if private and os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise ServerKeysError(
                    "permissions-loose", f"{path.name} is readable by others; make it private: chmod 600"
                )
            return file.read(MAX_FILE + 1)
    except OSError as error:
        raise ServerKeysError("keys-missing", f"{path} cannot be read: {error.strerror}; run exchange init") from None


def _create(path: Path, data: bytes) -> Path:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ServerKeysError("keys-exist", f"{path} exists and is not overwritten") from None
    except OSError as error:
        raise ServerKeysError("keys-not-writable", f"{path} cannot be created: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if os.name == "posix":
        with contextlib.suppress(OSError):  # some file systems cannot sync a folder; the file itself is synced
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    return path
