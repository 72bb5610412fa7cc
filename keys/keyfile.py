"""Secret files under a passphrase, and the box for a member's local store. Member and registrar side only.

A key file is strict JSON `{"aead", "format", "identity", "kdf", "kind", "nonce", "secret"}`; the secret is sealed with
XChaCha20-Poly1305 under Argon2id(passphrase), and everything else is associated data with DS(key-file). It is created
with mode 0600 and never overwritten; `SecretFile.update` replaces it in one step and only by the same identity. No
protection against someone who can read this process, nor against an older copy of the file put back.
"""

import contextlib
import hmac
import os
import re
import stat
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from os import urandom
from pathlib import Path
from typing import Any

import nacl.exceptions
from nacl import bindings, pwhash

from keys.encoding import b64u, decode, encode, unb64u
from keys.errors import EncodingError, KeyFileError, OpenError
from keys.labels import Use, ds

FORMAT = "tlp-exchange-key-file/v1"
AEAD = "xchacha20-poly1305"
KDF = "argon2id"
MAX_FILE = 262_144  # bytes
MIN_PASSPHRASE = 8  # characters
MAX_PASSPHRASE = 1024  # characters
# A hostile file may not demand more than this of whoever types a passphrase.
MAX_MEMORY = 1_073_741_824  # bytes of Argon2id memory
MAX_OPERATIONS = 10

_SALT = pwhash.argon2id.SALTBYTES  # 16
_KEY = 32
_NONCE = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES  # 24
_TAG = bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES  # 16
_KIND = re.compile(r"[a-z][a-z-]{0,31}")
_IDENTITY = re.compile(r"[A-Za-z0-9_-]{1,64}")

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Cost:
    """Argon2id parameters: passes (1 to 10) and memory in bytes (8 KiB to 1 GiB); else KeyFileError `bad-cost`."""

    operations: int
    memory: int

    def __post_init__(self) -> None:
        if not 1 <= self.operations <= MAX_OPERATIONS or not pwhash.argon2id.MEMLIMIT_MIN <= self.memory <= MAX_MEMORY:
            raise KeyFileError("bad-cost", "the key file demands an unreasonable amount of work")


INTERACTIVE = Cost(pwhash.argon2id.OPSLIMIT_INTERACTIVE, pwhash.argon2id.MEMLIMIT_INTERACTIVE)  # devices: 64 MiB
MODERATE = Cost(pwhash.argon2id.OPSLIMIT_MODERATE, pwhash.argon2id.MEMLIMIT_MODERATE)  # registrars: 256 MiB


@dataclass(frozen=True, slots=True)
class SecretFile:
    """An opened key file: kind, public identity (text, e.g. a key id), and the secret bytes inside."""

    path: Path
    kind: str
    identity: str
    secret: bytes = field(repr=False)
    _header: dict[str, Any] = field(repr=False)
    _key: bytes = field(repr=False)
    _raw: bytes = field(repr=False)

    def __reduce__(self) -> Any:
        raise TypeError("a private key is not pickled")

    def update(self, secret: bytes, random: Random = urandom) -> "SecretFile":
        """Replace the secret inside, same passphrase, identity and kind: temporary file, fsync, rename, fsync folder.

        After a crash at any point the file is whole, the old or the new one. Raises KeyFileError `changed-meanwhile`
        when the file on disk is not the one that was opened (another program updated it; its keys would be lost),
        and OSError when the disk does not take it; the old file is then untouched.
        """
        if _read(self.path) != self._raw:
            raise KeyFileError("changed-meanwhile", "the key file was changed by another program")
        header = {**self._header, "nonce": b64u(random(_NONCE))}
        raw = _seal(header, self._key, secret)
        _replace(self.path, raw)
        return SecretFile(self.path, self.kind, self.identity, secret, header, self._key, raw)


def create_secret(
    path: Path | str,
    *,
    kind: str,
    identity: str,
    secret: bytes,
    passphrase: str,
    cost: Cost = INTERACTIVE,
    random: Random = urandom,
) -> SecretFile:
    """Create a key file, mode 0600.

    Raises KeyFileError `exists` (nothing is overwritten), `not-writable`, `bad-passphrase`, `bad-name`.
    """
    target = Path(path)
    if _KIND.fullmatch(kind) is None or _IDENTITY.fullmatch(identity) is None:
        raise KeyFileError("bad-name", "kind or identity of a key file is not a plain name")
    if len(passphrase) < MIN_PASSPHRASE:
        raise KeyFileError("bad-passphrase", f"a passphrase has at least {MIN_PASSPHRASE} characters")
    salt = random(_SALT)
    header = {
        "aead": AEAD,
        "format": FORMAT,
        "identity": identity,
        "kdf": {"memory": cost.memory, "name": KDF, "operations": cost.operations, "salt": b64u(salt)},
        "kind": kind,
        "nonce": b64u(random(_NONCE)),
    }
    key = _derive(passphrase, salt, cost)
    raw = _seal(header, key, secret)
    create_file(target, raw)
    return SecretFile(target, kind, identity, secret, header, key, raw)


def create_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Create a file that does not exist yet, durably; nothing half-written stays behind.

    Raises KeyFileError `exists` or `not-writable`.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, mode)
    except FileExistsError:
        raise KeyFileError("exists", f"{path.name} exists and is not overwritten") from None
    except OSError as error:
        raise KeyFileError("not-writable", f"{path.name} cannot be created: {error.strerror}") from None
    try:
        _write(descriptor, data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def replace_file(path: Path, before: bytes, after: bytes) -> None:
    """Replace a file that nobody else may lose, in one step, keeping its mode. Raises KeyFileError `changed-meanwhile`."""
    if path.read_bytes() != before:
        raise KeyFileError("changed-meanwhile", f"{path.name} was changed by another program")
    _replace(path, after, stat.S_IMODE(path.stat().st_mode))


def _replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write beside, fsync, rename over, fsync the folder: after a crash the file is the old one or the new one."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    temporary = Path(name)
    try:
        _write(descriptor, data)
        if os.name == "posix":
            temporary.chmod(mode)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def read_secret(path: Path | str, passphrase: str, *, kind: str | None = None) -> SecretFile:
    """Open a key file, of this kind when given.

    Raises KeyFileError: `not-readable`, `permissions-loose` (others may read it), `bad-file`, `bad-cost`, `wrong-kind`,
    `wrong-passphrase` (also when the file was altered: the two cannot be told apart).
    """
    target = Path(path)
    raw = _read(target)
    header, ciphertext = _parse(raw)
    if kind is not None and header["kind"] != kind:
        raise KeyFileError("wrong-kind", f"this is the key file of a {header['kind']}, not of a {kind}")
    kdf = header["kdf"]
    key = _derive(passphrase, unb64u(kdf["salt"], length=_SALT), Cost(kdf["operations"], kdf["memory"]))
    try:
        secret = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            ciphertext, _associated(header), unb64u(header["nonce"], length=_NONCE), key
        )
    except nacl.exceptions.CryptoError:
        raise KeyFileError("wrong-passphrase", "the passphrase is wrong, or the key file was altered") from None
    return SecretFile(target, header["kind"], header["identity"], secret, header, key, raw)


def identity_of(path: Path) -> str:
    """The public identity that a key file names, without its passphrase: a hint for a screen, nothing is proven by it.

    Raises KeyFileError as `read_secret`.
    """
    identity: str = _parse(_read(path))[0]["identity"]
    return identity


def update_secret(path: Path | str, passphrase: str, secret: bytes) -> SecretFile:
    """Open a key file and replace the secret inside; identity, kind and passphrase stay. Raises as both steps."""
    return read_secret(path, passphrase).update(secret)


def _seal(header: dict[str, Any], key: bytes, secret: bytes) -> bytes:
    nonce = unb64u(header["nonce"], length=_NONCE)
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(secret, _associated(header), nonce, key)
    raw = encode({**header, "secret": b64u(sealed)})
    if len(raw) > MAX_FILE:
        raise KeyFileError("bad-file", f"a key file has at most {MAX_FILE} bytes")
    return raw


def _associated(header: dict[str, Any]) -> bytes:
    return ds(Use.KEY_FILE) + encode(header)


def _parse(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """Return (header, ciphertext) of a well-formed file. Nothing is derived before everything is bounded."""
    try:
        obj = decode(raw, max_bytes=MAX_FILE)
        kdf = obj["kdf"]
        well_formed = (
            obj.keys() == {"aead", "format", "identity", "kdf", "kind", "nonce", "secret"}
            and (obj["aead"], obj["format"], kdf["name"]) == (AEAD, FORMAT, KDF)
            and kdf.keys() == {"memory", "name", "operations", "salt"}
            and all(type(kdf[name]) is int for name in ("memory", "operations"))
            and _KIND.fullmatch(obj["kind"]) is not None
            and _IDENTITY.fullmatch(obj["identity"]) is not None
        )
        ciphertext = unb64u(obj.pop("secret"))
        well_formed = well_formed and len(ciphertext) >= _TAG
        unb64u(kdf["salt"], length=_SALT)
        unb64u(obj["nonce"], length=_NONCE)
    except (EncodingError, KeyError, TypeError, AttributeError):
        well_formed = False
    if not well_formed:
        raise KeyFileError("bad-file", "this is not a key file")
    Cost(kdf["operations"], kdf["memory"])
    return obj, ciphertext


def _derive(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    if len(passphrase) > MAX_PASSPHRASE:
        raise KeyFileError("bad-passphrase", f"a passphrase has at most {MAX_PASSPHRASE} characters")
    # Two keyboards may type one word in two normal forms.
    text = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
    return pwhash.argon2id.kdf(_KEY, text, salt, opslimit=cost.operations, memlimit=cost.memory)


# -- files -----------------------------------------------------------------------------------------


def check_private(path: Path) -> None:
    """Refuse a file that others may read. Raises KeyFileError `permissions-loose`; Windows has no such bits."""
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyFileError("permissions-loose", f"{path.name} is readable by others; make it private")


def _open_private(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))  # a FIFO must not hang us


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_open_private) as file:
            mode = os.fstat(file.fileno()).st_mode  # of what is open, not of what the name means by now
            if not stat.S_ISREG(mode):
                raise KeyFileError("not-readable", f"{path.name} is not a file")
            if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise KeyFileError("permissions-loose", f"{path.name} is readable by others; make it private")
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise KeyFileError("not-readable", f"{path.name} cannot be read: {error.strerror}") from None
    if len(raw) > MAX_FILE:
        raise KeyFileError("bad-file", f"a key file has at most {MAX_FILE} bytes")
    return raw


def _write(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder; the file itself is synced
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# -- the local store -------------------------------------------------------------------------------


class Vault:
    """The box in which a member's local store keeps its values, under the 32-byte vault key of the device's identity.

    Each value is bound to its name, so values cannot be exchanged. An older value of the same name can be put back by
    who can write the disk: what must not go backwards (checkpoints) is checked against the server as well.
    """

    __slots__ = ("_key",)

    def __init__(self, vault_key: bytes) -> None:
        if len(vault_key) != _KEY:
            raise ValueError(f"a vault key has {_KEY} bytes")
        self._key = hmac.digest(vault_key, ds(Use.VAULT), "sha256")

    def seal(self, name: str, plaintext: bytes, random: Random = urandom) -> bytes:
        """Return nonce (24) ‖ XChaCha20-Poly1305 of the value, 40 bytes more."""
        nonce = random(_NONCE)
        return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            plaintext, _vault_name(name), nonce, self._key
        )

    def open(self, name: str, data: bytes) -> bytes:
        """Return the value sealed under this name. Raises OpenError `vault-invalid`."""
        try:
            return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                data[_NONCE:], _vault_name(name), data[:_NONCE], self._key
            )
        except (nacl.exceptions.CryptoError, ValueError):
            raise OpenError("vault-invalid", "a value of the local store was altered or belongs elsewhere") from None

    def __reduce__(self) -> Any:
        raise TypeError("a private key is not pickled")


def _vault_name(name: str) -> bytes:
    return ds(Use.VAULT) + name.encode("utf-8")
