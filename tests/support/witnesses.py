"""Witnesses of a partnership: key pairs that cosign checkpoints, and what the registry says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from keys.encoding import b64u
from keys.note import LogSigner, Note, NoteLine, cosign_ed25519


@dataclass(frozen=True)
class WitnessKey:
    """Both halves of one witness; ``name`` is its key name, ``url`` where it would be asked."""

    name: str
    ed25519: bytes
    mldsa44: bytes
    url: str = "http://127.0.0.1:1"
    signer: LogSigner = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "signer", LogSigner(self.name, self.ed25519, self.mldsa44))

    @classmethod
    def generate(cls, name: str, random: Callable[[int], bytes], url: str = "http://127.0.0.1:1") -> WitnessKey:
        return cls(name, random(32), random(32), url)

    def card(self) -> dict[str, Any]:
        """As ``witness.name`` has it."""
        public = self.signer.public
        return {"ed25519": b64u(public.ed25519), "mldsa44": b64u(public.mldsa44), "name": self.name, "url": self.url}

    def lines(self, text: str, time: int) -> tuple[NoteLine, NoteLine]:
        """Both cosignature lines over a checkpoint's text, at a time in seconds."""
        return cosign_ed25519(self.name, self.ed25519, text, time), self.signer.cosign(text, time)

    def cosign(self, note: bytes, time: int) -> bytes:
        """The note with both lines behind those that it has."""
        parsed = Note.parse(note)
        return Note(parsed.text, (*parsed.lines, *self.lines(parsed.text, time))).encode()
