"""A witness's keys: Ed25519 and ML-DSA-44, and the file they lie in (docs/spec/witness.md 1).

A witness says of a checkpoint that it is the largest consistent one it has seen; whether that is so is decided elsewhere
(`exchange/witness`), this module signs what it is given. The keys open unattended, so no passphrase protects their file: it
has mode 0600, is never overwritten, and cannot open or sign anything of a member. Member side only.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from os import urandom
from pathlib import Path
from typing import Any

from keys.encoding import b64u, decode, encode, unb64u
from keys.errors import EncodingError, KeyFileError, NoteError
from keys.keyfile import check_private, create_file
from keys.note import (
    ED25519_COSIGNATURE,
    MLDSA44_COSIGNATURE,
    LogSigner,
    NoteLine,
    Verifier,
    cosign_ed25519,
    vkey,
)

FORMAT = "tlp-exchange-witness-key/v1"
MAX_FILE = 4096  # bytes
SEED = 32  # bytes


@dataclass(frozen=True, slots=True)
class WitnessSigner:
    """A witness's private keys, from two 32-byte seeds. Raises ValueError, NoteError `bad-name`."""

    name: str
    ed25519_seed: bytes = field(repr=False)
    mldsa44_seed: bytes = field(repr=False)
    verifiers: tuple[Verifier, Verifier] = field(init=False, compare=False, repr=False)
    _signer: LogSigner = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # A log's ML-DSA-44 line and a witness's are the same signature by another name; its type 0x01 line is never made here.
        signer = LogSigner(self.name, self.ed25519_seed, self.mldsa44_seed)
        ed25519 = Verifier(self.name, ED25519_COSIGNATURE, signer.public.ed25519)
        mldsa44 = Verifier(self.name, MLDSA44_COSIGNATURE, signer.public.mldsa44)
        object.__setattr__(self, "_signer", signer)
        object.__setattr__(self, "verifiers", (ed25519, mldsa44))

    @classmethod
    def generate(cls, name: str, random: Callable[[int], bytes] = urandom) -> "WitnessSigner":
        """Make new keys; `random(n)` gives n secret bytes."""
        return cls(name, random(SEED), random(SEED))

    @property
    def vkeys(self) -> tuple[str, str]:
        """Both verifier key lines, Ed25519 (0x04) and ML-DSA-44 (0x06)."""
        ed25519, mldsa44 = (vkey(self.name, verifier.type, verifier.key) for verifier in self.verifiers)
        return ed25519, mldsa44

    def cosign(self, text: str, timestamp: int) -> tuple[NoteLine, NoteLine]:
        """Return the lines of type 0x04 and 0x06 over a checkpoint's text, at a time in seconds.

        Raises NoteError `bad-checkpoint`.
        """
        return (
            cosign_ed25519(self.name, self.ed25519_seed, text, timestamp),
            self._signer.cosign(text, timestamp),
        )

    def encode(self) -> bytes:
        """The stored form, strict JSON; secret."""
        return encode(
            {
                "ed25519": b64u(self.ed25519_seed),
                "format": FORMAT,
                "mldsa44": b64u(self.mldsa44_seed),
                "name": self.name,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> "WitnessSigner":
        """Read the stored form. Raises KeyFileError `bad-file`."""
        try:
            obj = decode(data, max_bytes=MAX_FILE)
            if obj.keys() == {"ed25519", "format", "mldsa44", "name"} and obj["format"] == FORMAT:
                seeds = unb64u(obj["ed25519"], length=SEED), unb64u(obj["mldsa44"], length=SEED)
                return cls(obj["name"], *seeds)
        except (EncodingError, NoteError, TypeError, ValueError):
            pass
        raise KeyFileError("bad-file", "this is not the key file of a witness")

    def __reduce__(self) -> Any:
        raise TypeError("a private key is not pickled")


def create_witness(path: Path, signer: WitnessSigner) -> None:
    """Create the key file, mode 0600, durably. Raises KeyFileError `exists` (nothing is overwritten), `not-writable`."""
    create_file(path, signer.encode())


def read_witness(path: Path, *, private: bool = True) -> WitnessSigner:
    """Read the key file. `private` False is for systemd's credentials, whose mode bits do not show how private they are.

    Raises KeyFileError: `not-readable`, `permissions-loose` (others may read it), `bad-file`.
    """
    try:
        if private:
            check_private(path)
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise KeyFileError("not-readable", f"{path.name} cannot be read: {os.strerror(error.errno or 0)}") from None
    return WitnessSigner.decode(data)
