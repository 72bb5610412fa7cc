"""Keeping the copy: follow both logs as a member who believes nothing, then write what verified.

The registry is written before the journal, whose entries name it. What does not verify stops the mirror for good: the evidence is
kept in the member's store and as a file beside the copy, and only the operator, who moves that file away, lets it go on.
An exchange that is merely not there is asked again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from exchange import durable
from exchange.client.errors import ClientError, StateError, VerificationError
from exchange.client.follow import follow
from exchange.client.forks import Forked
from exchange.client.member import Member
from exchange.listen.log import OperatorLog
from exchange.mirror.copy import LogCopy, MirrorError
from exchange.tlog.checkpoint import LOGS, LogName, log_origin
from keys import encoding

ATTEMPTS = 8
"""Rounds before checkpoints as they were verified are taken instead of those that are shown right now."""
STOPPED = "stopped-"
"""How the files begin that say why a mirror stopped."""


@dataclass(slots=True)
class Mirror:
    """Both copies, the member that follows for them, and the operator's log."""

    folder: Path
    member: Member
    log: OperatorLog
    copies: Mapping[LogName, LogCopy]

    @classmethod
    def open(cls, folder: Path, member: Member, log: OperatorLog) -> Mirror:
        """Open the copy in a folder and hash all of it, or begin one (0700: entry bundles are for members).

        Raises MirrorError ``mirror-damaged``.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        origin = member.replica.origin
        copies = {name: LogCopy(folder, log_origin(origin, name)) for name in LOGS}
        for copy in copies.values():
            deque(copy.check(), maxlen=0)
        return cls(folder, member, log, copies)

    @property
    def stopped(self) -> tuple[Path, ...]:
        """The files that say why it stopped; while there is one, nothing is followed."""
        return tuple(sorted(self.folder.glob(f"{STOPPED}*.json")))

    async def round(self) -> None:
        """Take in what is new. Raises VerificationError (after its evidence was kept), ClientError, MirrorError."""
        if self.stopped:
            raise MirrorError("mirror-stopped", f"it stopped before; see {self.stopped[0].name}")
        try:
            notes = await self._notes()
        except VerificationError as error:
            self._stop(error, error.name, error.evidence)
            raise
        for name in LOGS:
            copy, note = self.copies[name], notes[name]
            if note == copy.note:
                continue
            try:
                for _ in copy.grow(note, (data for _, data in self.member.state.entries(name, copy.first))):
                    await asyncio.sleep(0)  # a reader of the copy is answered between two bundles
            except MirrorError as error:
                if error.code == "mirror-ahead":  # the member's store was set back, and the exchange with it
                    self._stop(error, "V1", {"kept": copy.note.decode(), "shown": note.decode()})
                raise
            self.log.info("mirrored", log=name, size=copy.head.size)

    async def _notes(self) -> dict[LogName, bytes]:
        """Both logs followed, and their checkpoints as they are shown now, with the cosignatures that came meanwhile."""
        member = self.member
        for _ in range(ATTEMPTS):
            await follow(member)
            shown = {name: await member.api.checkpoint(name) for name in LOGS}
            try:
                sizes = {name: member.replica.agree(name, note) for name, note in shown.items()}
            except VerificationError as error:
                member.record("log", error)
                raise
            if all(sizes[name] == member.replica.size(name) for name in LOGS):
                return shown
        return {name: member.replica.heads[name].note for name in LOGS}

    def _stop(self, error: ClientError | MirrorError, step: str, evidence: Mapping[str, str]) -> None:
        """Write down why, durably: the operator's first file to look at."""
        said = {
            "at": self.member.clock(),
            "code": error.code,
            "detail": error.detail,
            "evidence": dict(evidence),
            "exchange": self.member.replica.exchange,
            "step": step,
        }
        data = encoding.encode(said)
        path = self.folder / f"{STOPPED}{sha256(data).hexdigest()[:16]}.json"
        durable.replace(path, data + b"\n")
        self.log.error("mirror-stopped", code=error.code, step=step, kept=path.name)

    async def run(self, every: float, stop: asyncio.Event) -> None:
        """Follow every so many seconds until ``stop`` is set. Returns when it must not go on, and says so in the log."""
        while not stop.is_set():
            try:
                await self.round()
            except (Forked, MirrorError, StateError, VerificationError) as error:
                self.log.error("mirror-follows-no-longer", code=error.code)
                return
            except ClientError as error:
                self.log.warning("mirror-waits", code=error.code)
            try:
                async with asyncio.timeout(every):
                    await stop.wait()
            except TimeoutError:
                continue
