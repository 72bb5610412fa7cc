"""What signs checkpoints: the log's keys, behind one method. The keys themselves are keys/note.py's."""

from dataclasses import dataclass
from typing import Protocol

from keys.note import LogSigner, sign_checkpoint


class CheckpointSigner(Protocol):
    """Signs a log's checkpoints. What it signed is shown to nobody before store and head file hold it; a commit that
    fails drops it, so it may be asked again for the same size."""

    @property
    def origin(self) -> str:
        """The log's origin, as it stands in the checkpoint's first line."""

    def sign(self, text: str, timestamp: int) -> bytes:
        """The signed note over a checkpoint's text; the timestamp (POSIX seconds) says when this was the newest tree."""


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A log's Ed25519 and ML-DSA-44 keys as a `CheckpointSigner`."""

    keys: LogSigner

    @property
    def origin(self) -> str:
        """The log's origin."""
        return self.keys.origin

    def sign(self, text: str, timestamp: int) -> bytes:
        """Both signature lines (docs/spec/logs.md, 3)."""
        return sign_checkpoint(text, self.keys, timestamp)
