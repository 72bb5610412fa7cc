"""C2SP signed notes and the signatures of checkpoints (docs/spec/logs.md 2 to 4).

Formats: signed-note, tlog-checkpoint and tlog-cosignature, as published by C2SP.

Types: 0x01 Ed25519 over the text, 0x04 Ed25519 cosignature, 0x06 ML-DSA-44 cosignature. Lines of unknown keys are
ignored; a line of a known key that does not verify rejects the whole note, because a key that signs two things is
broken or a line was tampered with. This module does not judge consistency between checkpoints (`exchange/tlog`). It
holds the log's signer, which is the one private key that opens unattended on a server.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import urandom
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa
from nacl.signing import SigningKey

from keys.encoding import b64, unb64
from keys.errors import BadKey, EncodingError, NoteError, SignatureError
from keys.verify import ED25519_KEY, MLDSA44_KEY, LogPublicKey, mldsa44_key, verify_ed25519_bytes

MAX_NOTE = 1_048_576  # bytes
MAX_LINES = 100  # signature lines; the format asks for at least 16
MAX_NAME = 255  # bytes: the ML-DSA-44 message has one length byte for it
MAX_TIMESTAMP = 2**63 - 1  # POSIX seconds

ED25519 = 0x01
ED25519_COSIGNATURE = 0x04
MLDSA44_COSIGNATURE = 0x06

_KEY_BYTES = {ED25519: ED25519_KEY, ED25519_COSIGNATURE: ED25519_KEY, MLDSA44_COSIGNATURE: MLDSA44_KEY}
_SIGNATURE_BYTES = {ED25519: 64, ED25519_COSIGNATURE: 8 + 64, MLDSA44_COSIGNATURE: 8 + 2420}
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]+")  # \s is Unicode white space
_ORIGIN = re.compile(r"[!-*,-~]+")  # printable ASCII without space and '+'
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DASH = "\u2014 "


# -- verifier keys ---------------------------------------------------------------------------------


def key_hash(name: str, type_: int, key: bytes) -> bytes:
    """Return the 4-byte key id: SHA-256(name ‖ LF ‖ type ‖ key), cut; with the name it identifies the key."""
    return hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([type_]) + key).digest()[:4]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A key that may sign notes: name, type and raw public key (32 or 1312 bytes).

    Raises NoteError `bad-name` or `bad-vkey`. The 4-byte id is no security: two keys may share it, then the second
    one's line fails to verify.
    """

    name: str
    type: int
    key: bytes
    key_id: bytes = field(init=False, compare=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        if _KEY_BYTES.get(self.type) != len(self.key):
            raise NoteError("bad-vkey", "a verifier key has an unknown type or the wrong length")
        object.__setattr__(self, "key_id", key_hash(self.name, self.type, self.key))

    def verify(self, text: str, signature: bytes) -> int | None:
        """Verify one line over the note's text; return the cosignature's time in seconds, None for type 0x01.

        Raises NoteError `signature-invalid`.
        """
        if len(signature) != _SIGNATURE_BYTES[self.type]:
            raise NoteError("signature-invalid", "a note signature has the wrong length")
        if self.type == ED25519:
            self._ed25519(text.encode("utf-8"), signature)
            return None
        timestamp = int.from_bytes(signature[:8], "big")
        if timestamp > MAX_TIMESTAMP:
            raise NoteError("signature-invalid", "a cosignature's time is out of range")
        if self.type == ED25519_COSIGNATURE:
            self._ed25519(_cosignature_v1(text, timestamp), signature[8:])
        else:
            try:
                mldsa44_key(self.key).verify(signature[8:], _subtree_v1(self.name, text, timestamp))
            except (InvalidSignature, BadKey):
                raise NoteError("signature-invalid", "a note signature does not verify") from None
        return timestamp

    def _ed25519(self, message: bytes, signature: bytes) -> None:
        try:
            verify_ed25519_bytes(self.key, message, signature)
        except SignatureError:
            raise NoteError("signature-invalid", "a note signature does not verify") from None


def vkey(name: str, type_: int, key: bytes) -> str:
    """Return the verifier key line `name+hex8(id)+base64(type ‖ key)`. Raises NoteError `bad-name` or `bad-vkey`."""
    verifier = Verifier(name, type_, key)
    return f"{name}+{verifier.key_id.hex()}+{b64(bytes([type_]) + key)}"


def parse_vkey(text: str) -> Verifier:
    """Read a verifier key line. Raises NoteError `bad-name` or `bad-vkey` (also when the id is not the key's)."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise NoteError("bad-vkey", "a verifier key is not name+id+key")
    try:
        raw = unb64(parts[2])
    except EncodingError as error:
        raise NoteError("bad-vkey", error.message) from None
    if not raw:
        raise NoteError("bad-vkey", "a verifier key is empty")
    verifier = Verifier(parts[0], raw[0], raw[1:])
    if verifier.key_id.hex() != parts[1]:
        raise NoteError("bad-vkey", "a verifier key's id does not belong to the key")
    return verifier


def _check_name(name: str) -> str:
    if _NAME.fullmatch(name) is None or len(name.encode("utf-8", "surrogatepass")) > MAX_NAME:
        raise NoteError("bad-name", "a key name is empty, too long, or contains space, control characters or '+'")
    return name


# -- notes -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NoteLine:
    """One signature line: name, 4-byte key id and signature bytes (for cosignatures with their time in front)."""

    name: str
    key_id: bytes
    signature: bytes

    def encode(self) -> bytes:
        """`— name base64(key id ‖ signature)` with the line end."""
        return f"{_DASH}{self.name} {b64(self.key_id + self.signature)}\n".encode()


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note as read: text (ends in LF) and lines. Reading proves nothing; verify it."""

    text: str
    lines: tuple[NoteLine, ...]

    def encode(self) -> bytes:
        """Text, an empty line and the signature lines."""
        return self.text.encode("utf-8") + b"\n" + b"".join(line.encode() for line in self.lines)

    @classmethod
    def parse(cls, data: bytes) -> "Note":
        """Read a note of at most 1 MiB and 100 lines; the last empty line separates text and signatures.

        Raises NoteError `bad-note`, `too-large`, `bad-name`.
        """
        if len(data) > MAX_NOTE:
            raise NoteError("too-large", f"a note has at most {MAX_NOTE} bytes")
        try:
            content = data.decode("utf-8")
        except UnicodeDecodeError:
            raise NoteError("bad-note", "a note is not UTF-8") from None
        if _CONTROL.search(content) is not None:
            raise NoteError("bad-note", "a note contains control characters")
        text, separator, signatures = content.rpartition("\n\n")
        if not separator or not text or not signatures.endswith("\n"):
            raise NoteError("bad-note", "a note is text, an empty line and signature lines")
        lines = signatures[:-1].split("\n")
        if len(lines) > MAX_LINES:
            raise NoteError("too-large", f"a note has at most {MAX_LINES} signature lines")
        return cls(text + "\n", tuple(_parse_line(line) for line in lines))


def _parse_line(line: str) -> NoteLine:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator:
        raise NoteError("bad-note", "a signature line is not '— name base64'")
    _check_name(name)
    try:
        raw = unb64(encoded)
    except EncodingError as error:
        raise NoteError("bad-note", error.message) from None
    if len(raw) < 5:
        raise NoteError("bad-note", "a signature line is too short")
    return NoteLine(name, raw[:4], raw[4:])


@dataclass(frozen=True, slots=True)
class VerifiedLine:
    """One line that verified: whose key, and the cosignature's time (seconds) or None for type 0x01."""

    verifier: Verifier
    timestamp: int | None


def verify_note(note: Note, verifiers: Sequence[Verifier]) -> tuple[VerifiedLine, ...]:
    """Return the lines of known keys, each key once, all verified; lines of unknown keys are ignored.

    Raises NoteError `signature-invalid` when any known key's line fails, `signature-missing` when no line is known.
    """
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    if len(known) != len(set(verifiers)):
        raise NoteError("bad-vkey", "two verifier keys share name and id")
    verified: dict[Verifier, VerifiedLine] = {}
    for line in note.lines:
        verifier = known.get((line.name, line.key_id))
        if verifier is None:
            continue
        timestamp = verifier.verify(note.text, line.signature)
        verified.setdefault(verifier, VerifiedLine(verifier, timestamp))
    if not verified:
        raise NoteError("signature-missing", "the note is not signed by a known key")
    return tuple(verified.values())


# -- checkpoints -----------------------------------------------------------------------------------


def _head(text: str) -> tuple[str, int, bytes]:
    """Return (origin, size, root) of a checkpoint's first three lines. Raises NoteError `bad-checkpoint`."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] != "":
        raise NoteError("bad-checkpoint", "a checkpoint is origin, size and root, each on a line")
    if _ORIGIN.fullmatch(lines[0]) is None or len(lines[0]) > MAX_NAME:
        raise NoteError("bad-checkpoint", "a checkpoint's origin is malformed")
    if _SIZE.fullmatch(lines[1]) is None or int(lines[1]) > MAX_TIMESTAMP:
        raise NoteError("bad-checkpoint", "a checkpoint's size is not a plain decimal number")
    try:
        root = unb64(lines[2], length=32)
    except EncodingError as error:
        raise NoteError("bad-checkpoint", error.message) from None
    return lines[0], int(lines[1]), root


def _cosignature_v1(text: str, timestamp: int) -> bytes:
    """What type 0x04 signs: the time and the whole text."""
    _head(text)
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def _subtree_v1(name: str, text: str, timestamp: int) -> bytes:
    """What type 0x06 signs: cosigner, time, origin and the tree [0, size). Extension lines are not bound."""
    origin, size, root = _head(text)
    cosigner, log = name.encode("utf-8"), origin.encode("ascii")
    return b"subtree/v1\n\x00" + b"".join(
        (
            bytes([len(cosigner)]),
            cosigner,
            timestamp.to_bytes(8, "big"),
            bytes([len(log)]),
            log,
            (0).to_bytes(8, "big"),
            size.to_bytes(8, "big"),
            root,
        )
    )


@dataclass(frozen=True, slots=True)
class LogSigner:
    """A log's private keys, from two 32-byte seeds; its name is the origin. Raises ValueError, NoteError `bad-name`."""

    origin: str
    ed25519_seed: bytes = field(repr=False)
    mldsa44_seed: bytes = field(repr=False)
    public: LogPublicKey = field(init=False, compare=False, repr=False)
    _ed25519: SigningKey = field(init=False, repr=False, compare=False)
    _mldsa44: mldsa.MLDSA44PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_name(self.origin)
        if len(self.ed25519_seed) != 32 or len(self.mldsa44_seed) != 32:
            raise ValueError("a seed has 32 bytes")
        ed25519 = SigningKey(self.ed25519_seed)
        mldsa44 = mldsa.MLDSA44PrivateKey.from_seed_bytes(self.mldsa44_seed)
        object.__setattr__(self, "_ed25519", ed25519)
        object.__setattr__(self, "_mldsa44", mldsa44)
        public = LogPublicKey(bytes(ed25519.verify_key), mldsa44.public_key().public_bytes_raw())
        object.__setattr__(self, "public", public)

    @classmethod
    def generate(cls, origin: str, random: Callable[[int], bytes] = urandom) -> "LogSigner":
        """Make a new log key; `random(n)` gives n secret bytes."""
        return cls(origin, random(32), random(32))

    def sign_note(self, text: str) -> NoteLine:
        """Return the type 0x01 line over the text."""
        signature = self._ed25519.sign(text.encode("utf-8")).signature
        return NoteLine(self.origin, key_hash(self.origin, ED25519, self.public.ed25519), signature)

    def cosign(self, text: str, timestamp: int) -> NoteLine:
        """Return the type 0x06 line over a checkpoint's text, at a time in seconds.

        Raises NoteError `bad-checkpoint`.
        """
        signature = self._mldsa44.sign(_subtree_v1(self.origin, text, timestamp))
        key_id = key_hash(self.origin, MLDSA44_COSIGNATURE, self.public.mldsa44)
        return NoteLine(self.origin, key_id, timestamp.to_bytes(8, "big") + signature)

    def __reduce__(self) -> Any:
        raise TypeError("a private key is not pickled")


def cosign_ed25519(name: str, seed: bytes, text: str, timestamp: int) -> NoteLine:
    """Return a witness's type 0x04 line over a checkpoint's text at a time in seconds.

    The signature does not bind the name, so a key belongs to one cosigner. Raises NoteError `bad-checkpoint`,
    `bad-name`.
    """
    key = SigningKey(seed)
    signature = key.sign(_cosignature_v1(text, timestamp)).signature
    key_id = key_hash(_check_name(name), ED25519_COSIGNATURE, bytes(key.verify_key))
    return NoteLine(name, key_id, timestamp.to_bytes(8, "big") + signature)


def log_verifiers(origin: str, key: LogPublicKey) -> tuple[Verifier, Verifier]:
    """Return a log's two verifiers: Ed25519 (0x01) and ML-DSA-44 (0x06). Raises NoteError `bad-name`."""
    return Verifier(origin, ED25519, key.ed25519), Verifier(origin, MLDSA44_COSIGNATURE, key.mldsa44)


def sign_checkpoint(text: bytes | str, log_signer: LogSigner, timestamp: int) -> bytes:
    """Return the signed checkpoint: text, the log's Ed25519 line, its ML-DSA-44 cosignature at a time in seconds.

    Raises NoteError `bad-checkpoint` unless the text is exactly origin, size and root of this log.
    """
    plain = text.decode("utf-8") if isinstance(text, bytes) else text
    _own_checkpoint(plain, log_signer.origin)
    return Note(plain, (log_signer.sign_note(plain), log_signer.cosign(plain, timestamp))).encode()


def verify_checkpoint(data: bytes, origin: str, key: LogPublicKey) -> Note:
    """Return the note when it is a checkpoint of `origin` that carries both of the log's lines, each verified.

    Raises NoteError `bad-note`, `too-large`, `bad-checkpoint` (another origin, extension lines), `signature-invalid`,
    `signature-missing`. Whether it is consistent with earlier checkpoints is the caller's next question.
    """
    note = Note.parse(data)
    _own_checkpoint(note.text, origin)
    verifiers = log_verifiers(origin, key)
    if len(verify_note(note, verifiers)) != len(verifiers):
        raise NoteError("signature-missing", "a checkpoint carries both of its log's signatures")
    return note


def _own_checkpoint(text: str, origin: str) -> None:
    """Refuse another origin, and extension lines: the ML-DSA-44 cosignature would not cover them."""
    if _head(text)[0] != origin:
        raise NoteError("bad-checkpoint", "the checkpoint is of another origin")
    if text.count("\n") != 3:
        raise NoteError("bad-checkpoint", "a checkpoint of this exchange has no extension lines")
