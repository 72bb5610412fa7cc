"""``export``: the auditor's own copy of both logs, with every statement and leaf list, as a bundle (``docs/spec/audit.md``).

``fetch`` brings the copy up to date first, unless nothing is to be asked; the bundle is then written from what is here, each
statement held against its entry once more.  Whether the rules were kept is not asked here: ``verify`` does that, offline, for
anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exchange.audit.bundle import BundleError, BundleWriter
from exchange.audit.copy import LocalCopy
from exchange.audit.fetch import check_leaves, fetch, first_rows, held_against, open_copy
from exchange.audit.policyfile import WitnessFiles, witness_files, witnesses_of
from exchange.audit.report import Progress
from exchange.audit.witnesses import NAMING
from exchange.client.errors import ClientError, VerificationError
from exchange.client.member import Member
from exchange.model.entry import PROPOSED, RELEASED, Entry, parse_entry
from exchange.model.problems import ExchangeError
from exchange.model.registry import Founding
from exchange.tlog.checkpoint import LOGS, LogName
from keys.envelope import Envelope
from keys.errors import KeysError

WRITTEN, REFUSED, USAGE = 0, 1, 2
"""Exit statuses of ``exchange audit export``."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: where, the sizes of both logs, how many statements and leaf lists."""

    path: Path
    registry: int
    journal: int
    statements: int
    leaves: int


@dataclass(slots=True)
class _Count:
    statements: int = 0
    leaves: int = 0


async def export(member: Member, out: Path, *, offline: bool = False, progress: Progress | None = None) -> Exported:
    """Fetch (not when ``offline``) and write the bundle ``out`` from the copy.

    Raises as ``fetch``; ClientError ``not-fetched`` when the copy is not complete, ``copy-damaged`` when a file of this machine was
    changed (the next fetch brings it again); BundleError ``bundle-exists``.
    """
    with open_copy(member) as copy:
        if not offline:
            await fetch(member, copy, progress=progress)
        sizes = copy.complete()
        if sizes is None:
            raise ClientError("not-fetched", "nothing was fetched to its end yet; fetch first, with the network")
        return _write(member, copy, sizes, out)


def _write(member: Member, copy: LocalCopy, sizes: Mapping[LogName, int], out: Path) -> Exported:
    state, done = member.state, _Count()
    with BundleWriter(out, member.replica.founding, witnesses_at(member, sizes["registry"])) as writer:
        for log in LOGS:
            root = state.root(log, sizes[log])
            note = None if root is None else copy.best_note(log, sizes[log], root)
            if note is None:
                raise _damaged(f"the {log}'s checkpoint of {sizes[log]} entries is not here")
            with first_rows(state.entries(log), sizes[log]) as entries:
                writer.log(log, note, (data for _, data in entries))
            for kept in copy.notes(log, sizes[log]):
                writer.checkpoint(log, kept)
        with first_rows(state.shown(), sizes["registry"]) as statements:
            for shown in statements:
                writer.statement(shown.envelope)
                writer.openings(shown.envelope.statement_id, shown.openings)
                done.statements += 1
        _write_journal(member, copy, sizes["journal"], writer, done)
        path = writer.finish()
    return Exported(path, sizes["registry"], sizes["journal"], done.statements, done.leaves)


def witnesses_at(member: Member, size: int) -> WitnessFiles:
    """What a bundle of so many registry entries says of witnesses."""
    history = member.replica.history
    named = [index for index, _ in member.state.entries("registry", kind=NAMING) if index < size]
    bodies = [None if shown is None else shown.body for shown in map(history.statement, named)]
    founding = member.replica.founding.body
    if not isinstance(founding, Founding):
        raise ClientError("not-a-founding", "the pinned statement founds nothing")
    return witness_files(founding, history.at(size, 0).facts, witnesses_of(bodies))


def _damaged(detail: str) -> ClientError:
    return ClientError("copy-damaged", f"the local copy was changed: {detail}; fetch again")


def _write_journal(member: Member, copy: LocalCopy, size: int, writer: BundleWriter, done: _Count) -> None:
    """Every journal statement, the weekly keys' from the member's store, the others from the copy."""
    newest: dict[str, int] = {}
    with first_rows(member.state.entries("journal"), size) as entries:
        for index, data in entries:
            entry = parse_entry(data)
            if entry.kind in (PROPOSED, RELEASED):
                newest[entry.statement] = index
    epochs = {index: envelope for index, envelope, _ in member.state.epochs()}
    with first_rows(member.state.entries("journal"), size) as entries:
        for index, data in entries:
            entry = parse_entry(data)
            if copy.erased(index):
                writer.retention(copy.retention())
                continue
            envelope = epochs.get(index) or _stored(copy, index, entry)
            if newest.get(entry.statement, index) == index:
                writer.statement(envelope)
                _write_leaves(copy, index, entry, envelope, writer, done)
            else:
                writer.statement(envelope, len(envelope.signer_ids))
            done.statements += 1


def _stored(copy: LocalCopy, index: int, entry: Entry) -> Envelope:
    """A statement from the copy. What does not fit its entry any more was changed here, and accuses nobody else."""
    data = copy.envelope(index)
    try:
        return held_against(index, entry, Envelope.decode(data or b""))
    except (KeysError, VerificationError):
        copy.forget(index, entry.statement)
        raise _damaged(f"the statement of journal entry {index}") from None


def _write_leaves(
    copy: LocalCopy, index: int, entry: Entry, envelope: Envelope, writer: BundleWriter, done: _Count
) -> None:
    if entry.alert is None or entry.alert.audience is None:
        return
    leaves = copy.leaves(entry.statement) or b""
    try:
        check_leaves(index, envelope, leaves)
    except VerificationError:
        copy.forget(index, entry.statement)
        raise _damaged(f"the leaf list of journal entry {index}") from None
    writer.leaves(entry.statement, leaves)
    done.leaves += 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command tells: its exit status, and what was written or why nothing was."""

    status: int
    exported: Exported | None = None
    error: ExchangeError | None = None


async def run_export(member: Member, out: Path, *, offline: bool = False, progress: Progress | None = None) -> Outcome:
    """``exchange audit export``: status 0 written, 1 what the exchange shows does not verify, 2 not here or not for this member.

    Errors of the network and refusals are raised, as from every other command.
    """
    try:
        return Outcome(WRITTEN, await export(member, out, offline=offline, progress=progress))
    except VerificationError as error:
        return Outcome(REFUSED, error=error)
    except BundleError as error:
        return Outcome(REFUSED if error.code == "export-inconsistent" else USAGE, error=error)
