"""``export``: an auditor's verified copy of both logs, with every statement and leaf list, as a bundle (``docs/spec/audit.md``).

The auditor's own client follows the logs first and believes nothing; what is fetched for the bundle is held against the entries
before it is written.  Whether the rules were kept is not asked here: ``verify`` does that, offline, for anybody.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from exchange.audit.bundle import BundleError, BundleWriter
from exchange.audit.policyfile import WitnessFiles, witness_files, witnesses_of
from exchange.audit.report import Progress
from exchange.audit.statements import EARLIER_SETS
from exchange.audit.witnesses import NAMING
from exchange.client.errors import ClientError, Refused, VerificationError
from exchange.client.follow import follow
from exchange.client.member import Member
from exchange.client.state import MemberState
from exchange.model.entry import PROPOSED, RELEASED, Entry, parse_entry
from exchange.model.problems import ExchangeError, Malformed
from exchange.model.registry import Founding
from exchange.model.statements import parse_statement
from exchange.tlog.checkpoint import LOGS, LogName
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.stanza import audience_root, parse_leaf_list

WRITTEN, REFUSED, USAGE = 0, 1, 2
"""Exit statuses of ``exchange audit export``."""
AT_ONCE = 8
"""Requests on their way at the same time."""
BATCH = 256
"""Statements gathered before they are written."""
FETCHING = 5
"""Progress is told as step 5: most of an export is fetching statements."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: where, the sizes of both logs, how many statements and leaf lists."""

    path: Path
    registry: int
    journal: int
    statements: int
    leaves: int


@dataclass(slots=True)
class _Alert:
    """The entries of one alert statement, oldest first: (index, entry)."""

    entries: list[tuple[int, Entry]] = field(default_factory=list)


@dataclass(slots=True)
class _Count:
    statements: int = 0
    leaves: int = 0


async def export(member: Member, out: Path, *, progress: Progress | None = None) -> Exported:
    """Follow both logs and write the bundle ``out``.

    Raises VerificationError when the exchange shows something else than its logs say (kept with its evidence in the member's
    store), ClientError ``not-an-auditor`` when this member is not shown the whole registry, TransportError, Refused,
    BundleError ``bundle-exists``.
    """
    await follow(member)
    try:
        return await _export(member, out, progress)
    except VerificationError as error:
        member.record("audit", error)
        raise


async def _export(member: Member, out: Path, progress: Progress | None) -> Exported:
    state, replica = member.state, member.replica
    heads = {log: replica.heads[log] for log in LOGS}
    if not replica.sees_all(replica.facts) or replica.history.opaque:
        raise ClientError("not-an-auditor", "only who is shown the whole registry can export it")
    done = _Count()
    with BundleWriter(out, replica.founding, witnesses_at(member, heads["registry"].size)) as writer:
        for log in LOGS:
            cosigned = {size: note for size, note in state.cosigned(log) if size <= heads[log].size}
            with _first(state.entries(log), heads[log].size) as entries:
                writer.log(log, cosigned.get(heads[log].size, heads[log].note), (data for _, data in entries))
            for note in cosigned.values():
                writer.checkpoint(log, note)
            for size, note in kept_checkpoints(state, log):
                if size <= heads[log].size:
                    writer.checkpoint(log, note)
        with _first(state.shown(), heads["registry"].size) as statements:
            for shown in statements:
                writer.statement(shown.envelope)
                writer.openings(shown.envelope.statement_id, shown.openings)
                done.statements += 1
        await _journal(member, heads["journal"].size, writer, done, progress)
        path = writer.finish()
    return Exported(path, heads["registry"].size, heads["journal"].size, done.statements, done.leaves)


def witnesses_at(member: Member, size: int) -> WitnessFiles:
    """What a bundle of so many registry entries says of witnesses."""
    history = member.replica.history
    named = [index for index, _ in member.state.entries("registry", kind=NAMING) if index < size]
    bodies = [None if shown is None else shown.body for shown in map(history.statement, named)]
    founding = member.replica.founding.body
    if not isinstance(founding, Founding):
        raise ClientError("not-a-founding", "the pinned statement founds nothing")
    return witness_files(founding, history.at(size, 0).facts, witnesses_of(bodies))


@contextmanager
def _first(found: Iterator[T], count: int) -> Iterator[Iterator[T]]:
    """The first rows of a query of the store, which is ended on every path."""
    try:
        yield islice(found, count)
    finally:
        if isinstance(found, Generator):
            found.close()


def kept_checkpoints(state: MemberState, log: LogName) -> Iterator[tuple[int, bytes]]:
    """Every signed checkpoint that this member ever accepted of a log, smallest first: (size, note)."""
    with closing(sqlite3.connect(f"{state.path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        yield from database.execute("SELECT size, note FROM checkpoint WHERE log=? ORDER BY size", (log,))


# -- the journal's statements ----------------------------------------------------------------------------------------------


async def _journal(member: Member, size: int, writer: BundleWriter, done: _Count, progress: Progress | None) -> None:
    """Every journal statement, the weekly keys' from the store, the others from the exchange, each held against its entry."""
    epochs = {index: envelope for index, envelope, _ in member.state.epochs()}
    alerts: dict[str, _Alert] = {}
    wanted: list[tuple[int, Entry]] = []
    with _first(member.state.entries("journal"), size) as entries:
        for index, data in entries:
            entry = parse_entry(data)
            if entry.kind in (PROPOSED, RELEASED):
                alerts.setdefault(entry.statement, _Alert()).entries.append((index, entry))
            elif index in epochs:
                writer.statement(_held(index, entry, epochs[index]))
                done.statements += 1
            else:
                wanted.append((index, entry))
            if len(wanted) >= BATCH:
                await _write(member, wanted, writer, done)
                wanted.clear()
            if progress is not None:
                progress(FETCHING, index + 1, size)
    await _write(member, wanted, writer, done)
    async for statement, envelope, leaves in _alerts(member, alerts):
        _write_alert(envelope, leaves, writer, done)
        for index, entry in alerts[statement].entries[:-1]:
            earlier = await _as_signed(member, index, entry, envelope)
            writer.statement(earlier, len(earlier.signer_ids))
            done.statements += 1


async def _write(member: Member, wanted: Sequence[tuple[int, Entry]], writer: BundleWriter, done: _Count) -> None:
    for index, entry, envelope in await _fetched(member, wanted):
        writer.statement(_held(index, entry, envelope))
        done.statements += 1


async def _fetched(member: Member, wanted: Sequence[tuple[int, Entry]]) -> list[tuple[int, Entry, Envelope]]:
    """The statements of these entries, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(index: int, entry: Entry) -> tuple[int, Entry, Envelope]:
        async with gate:
            return index, entry, await member.api.statement(entry.statement)

    return await asyncio.gather(*(one(index, entry) for index, entry in wanted))


async def _alerts(member: Member, alerts: dict[str, _Alert]) -> AsyncIterator[tuple[str, Envelope, bytes | None]]:
    """Alerts with their newest signature set and, when sealed, their leaf list, held against the signed root."""
    known = list(alerts.items())
    for start in range(0, len(known), BATCH):
        newest = [alert.entries[-1] for _, alert in known[start : start + BATCH]]
        for index, entry, shown in await _fetched(member, newest):
            envelope = await _as_signed(member, index, entry, shown)
            leaves = None
            if entry.alert is not None and entry.alert.audience is not None:
                leaves = await member.api.leaves(entry.statement)
                _check_leaves(index, envelope, leaves)
            yield entry.statement, envelope, leaves


def _held(index: int, entry: Entry, envelope: Envelope) -> Envelope:
    """The envelope, when it is the entry's; raises VerificationError (step 2)."""
    if (envelope.statement_id, envelope.signatures_hash) == (entry.statement, entry.signatures):
        return envelope
    evidence = {"entry": encoding.b64(entry.encode()), "statement": encoding.b64(envelope.encode())}
    raise VerificationError(
        2, "entry-mismatch", f"journal entry {index}: the statement shown is not the one accepted", evidence
    )


async def _as_signed(member: Member, index: int, entry: Entry, shown: Envelope) -> Envelope:
    """The alert with the signatures that this entry names; raises VerificationError (step 2) when they are not shown.

    ``shown`` is another set at most: the entry may be older, or an approval may have come since the heads exported were taken.
    The entry does not say how many signed, and a later set need not hold an earlier one: an author may sign once more.
    """
    if entry.kind == PROPOSED and shown.statement_id == entry.statement and shown.signatures_hash != entry.signatures:
        for signers in EARLIER_SETS:
            try:
                found = await member.api.statement(entry.statement, signers)
            except Refused as refusal:
                if refusal.code != "statement-unknown":
                    raise
                continue
            if found.signatures_hash == entry.signatures:
                return found
    return _held(index, entry, shown)


def _check_leaves(index: int, envelope: Envelope, data: bytes) -> None:
    """The leaf list leads to the root that the author signed; raises VerificationError (step 7)."""
    try:
        sealed = parse_statement(envelope).alert.sealed
        root, depth = audience_root([leaf.leaf_hash() for leaf in parse_leaf_list(data)])
        if (root.hex(), depth) == (sealed.root, sealed.depth):
            return
        detail = "it does not lead to the signed root"
    except (KeysError, Malformed) as error:
        detail = str(error)
    evidence = {"leaves": encoding.b64(data), "statement": encoding.b64(envelope.encode())}
    raise VerificationError(7, "root-mismatch", f"journal entry {index}: the leaf list: {detail}", evidence)


def _write_alert(envelope: Envelope, leaves: bytes | None, writer: BundleWriter, done: _Count) -> None:
    writer.statement(envelope)
    done.statements += 1
    if leaves is not None:
        writer.leaves(envelope.statement_id, leaves)
        done.leaves += 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command tells: its exit status, and what was written or why nothing was."""

    status: int
    exported: Exported | None = None
    error: ExchangeError | None = None


async def run_export(member: Member, out: Path, *, progress: Progress | None = None) -> Outcome:
    """``exchange audit export``: status 0 written, 1 what the exchange shows does not verify, 2 not here or not for this member.

    Errors of the network and refusals are raised, as from every other command.
    """
    try:
        return Outcome(WRITTEN, await export(member, out, progress=progress))
    except VerificationError as error:
        return Outcome(REFUSED, error=error)
    except BundleError as error:
        return Outcome(REFUSED if error.code == "export-inconsistent" else USAGE, error=error)
