"""The head file: what the server last published, kept apart from the data and its backups (docs/spec/logs.md, I6).

It is what shows a restored old backup: the store would then be older than the head. Two checkpoint texts, registry then
journal, separated by an empty line; unsigned, since it speaks to the same server only.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from exchange.ledger.errors import LedgerDamaged
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName
from exchange.tlog.errors import CheckpointError

MAX_HEAD_BYTES = 4_096
"""Two checkpoint texts have at most 640 bytes."""
FILE_MODE = 0o600
FOLDER_MODE = 0o700


class HeadFile:
    """The head file at a path. `write` is durable when it returns; a crash leaves the old content or the new one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[LogName, Checkpoint] | None:
        """Both heads, or None when there is no file. Raises `LedgerDamaged` (``head-unreadable``)."""
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_HEAD_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LedgerDamaged("head-unreadable", f"cannot read the head file: {error.strerror}") from error
        try:
            first, _, second = data.decode("ascii").partition("\n\n")
            return dict(zip(LOGS, (Checkpoint.parse(first + "\n"), Checkpoint.parse(second)), strict=True))
        except (UnicodeDecodeError, CheckpointError) as error:
            raise LedgerDamaged("head-unreadable", f"the head file {self.path} is not two checkpoints") from error

    def write(self, heads: Mapping[LogName, Checkpoint]) -> None:
        """Replace the content. Raises `OSError`: then it is unknown which content a crash would leave."""
        text = "\n".join(heads[log].text() for log in LOGS)
        self.path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        new = self.path.with_name(self.path.name + ".new")
        self._write_new(new, text.encode("ascii"))
        self._rename(new)
        self._sync_folder()

    def _write_new(self, new: Path, data: bytes) -> None:
        # O_TRUNC, not O_EXCL: a crash may have left the last one behind.
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        try:
            os.fchmod(descriptor, FILE_MODE)
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _rename(self, new: Path) -> None:
        new.replace(self.path)

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
