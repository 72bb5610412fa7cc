"""``fetch``: both logs and everything that an export needs, brought into the auditor's own copy bit by bit.

The auditor's client follows the logs first and believes nothing; every statement and leaf list is held against its entry before
it is kept.  What is here is not asked for again: a round in which nothing changed asks for two checkpoints.  After a kill at any
point the next round goes on with what is missing.  Whether the rules were kept is for ``verify`` (``docs/spec/audit.md``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from exchange.audit.copy import FILE, LocalCopy
from exchange.audit.report import Progress
from exchange.audit.statements import EARLIER_SETS
from exchange.client.answers import Heads
from exchange.client.errors import ClientError, Refused, VerificationError
from exchange.client.follow import follow
from exchange.client.member import Member
from exchange.client.state import Kept
from exchange.model.entry import PROPOSED, Entry, parse_entry
from exchange.model.problems import Malformed
from exchange.model.retention import LEAST_DAYS, may_be_erased
from exchange.model.statements import parse_statement
from exchange.tlog.checkpoint import LOGS, LogName
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.stanza import audience_root, parse_leaf_list

AT_ONCE = 8
"""Requests on their way at the same time."""
BATCH = 64
"""Statements kept in one transaction: what a kill costs."""
FETCHING = 5
"""Progress is told as step 5: most of a fetch is statements."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetched:
    """How far the copy reaches (sizes of both logs), and what this round brought; ``erased`` were gone already."""

    registry: int
    journal: int
    statements: int
    leaves: int
    erased: int = 0


@dataclass(frozen=True, slots=True)
class _Brought:
    """A statement, held against its entry, and the leaf list when it is a sealed alert's that is not here yet; None for a receipt
    that was erased."""

    index: int
    envelope: Envelope | None
    leaves: bytes | None = None


def open_copy(member: Member) -> LocalCopy:
    """The auditor's copy, beside the member's store. Raises StateError."""
    return LocalCopy(member.state.path.parent / FILE, member.replica.exchange)


@contextmanager
def first_rows(found: Iterator[T], count: int) -> Iterator[Iterator[T]]:
    """The first rows of a query of the store, which is ended on every path."""
    try:
        yield islice(found, count)
    finally:
        if isinstance(found, Generator):
            found.close()


async def fetch(member: Member, copy: LocalCopy, *, progress: Progress | None = None) -> Fetched:
    """Follow both logs and bring what the copy lacks.

    Raises VerificationError when the exchange shows something else than its logs say (kept with its evidence in the member's
    store), ClientError ``not-an-auditor`` when this member is not shown the whole registry, TransportError, Refused.
    """
    try:
        claims = {log: member.state.claims(log) for log in LOGS}
        journal = await _checkpoint(member, copy, "journal")
        registry = await _checkpoint(member, copy, "registry")
        await follow(member, Heads(registry, journal))
        replica = member.replica
        if not replica.sees_all(replica.facts) or replica.history.opaque:
            raise ClientError("not-an-auditor", "only who is shown the whole registry can audit it")
        heads = {log: replica.heads[log] for log in LOGS}
        for log in LOGS:
            _keep_notes(member, copy, log, heads[log], claims[log])
        brought = await _journal(member, copy, heads["journal"].size, progress)
        copy.set_complete({log: heads[log].size for log in LOGS})
        with member.state.transaction():
            member.state.settle_failures("audit")
        return Fetched(heads["registry"].size, heads["journal"].size, *brought)
    except VerificationError as error:
        member.record("audit", error)
        raise


async def _checkpoint(member: Member, copy: LocalCopy, log: LogName) -> bytes:
    """The newest checkpoint of a log, kept as it was shown before anything is concluded from it: it is signed, so it binds."""
    note = await member.api.checkpoint(log)
    checkpoint = member.replica.read_checkpoint(log, note)
    copy.keep_note(log, checkpoint.size, checkpoint.root, note)
    return note


def _keep_notes(member: Member, copy: LocalCopy, log: LogName, head: Kept, claims: Sequence[Kept]) -> None:
    """The checkpoints that this member's other programs accepted meanwhile, and those that ran ahead and were met."""
    for kept in (*member.state.kept_heads(log), *claims, head):
        if kept.note and kept.size <= head.size:
            copy.keep_note(log, kept.size, kept.root, kept.note)
    for size, note in member.state.cosigned(log):
        root = member.state.root(log, size)
        if root is not None:
            copy.keep_note(log, size, root, note)


# -- the journal's statements ----------------------------------------------------------------------------------------------


async def _journal(member: Member, copy: LocalCopy, size: int, progress: Progress | None) -> tuple[int, int, int]:
    """Bring the statements and leaf lists that are missing; returns how many of each there were, and how many were erased."""
    start = (copy.complete() or {"journal": 0})["journal"]
    held = copy.held(start) | {index for index, _, _ in member.state.epochs()}
    wanted: list[tuple[int, Entry]] = []
    statements = leaves = gone = 0

    async def bring() -> None:
        nonlocal statements, leaves, gone
        brought = await together([_bring(member, copy, gate, newest, index, entry) for index, entry in wanted])
        here = [(one.index, one.envelope, one.leaves) for one in brought if one.envelope is not None]
        erased = [one.index for one in brought if one.envelope is None]
        if erased and not gone:
            copy.set_retention((await member.api.exchange()).receipts_days)
        lists = [(envelope.statement_id, data) for _, envelope, data in here if data is not None]
        copy.keep([(index, envelope.encode()) for index, envelope, _ in here], lists, erased)
        statements, leaves, gone = statements + len(here), leaves + len(dict(lists)), gone + len(erased)
        wanted.clear()

    gate = asyncio.Semaphore(AT_ONCE)
    newest = _newest(member, size)
    with first_rows(member.state.entries("journal", start), max(0, size - start)) as entries:
        for index, data in entries:
            if index not in held:
                wanted.append((index, parse_entry(data)))
            if len(wanted) >= BATCH:
                await bring()
            if progress is not None:
                progress(FETCHING, index + 1, size)
    await bring()
    return statements, leaves, gone


def _newest(member: Member, size: int) -> int:
    """Acceptance time of the newest entry of both logs, seconds."""
    last = member.replica.journal_entry(size - 1) if size else None
    registry = member.replica.history.time(member.replica.size("registry") - 1)
    return max(0 if last is None else last.at, registry or 0)


async def _bring(
    member: Member, copy: LocalCopy, gate: asyncio.Semaphore, newest: int, index: int, entry: Entry
) -> _Brought:
    async with gate:
        try:
            shown = await member.api.statement(entry.statement)
        except Refused as refusal:
            if refusal.code != "statement-erased":
                raise
            if may_be_erased(entry.kind, entry.at, newest, LEAST_DAYS):
                return _Brought(index, None)
            detail = f"journal entry {index}: said to be erased, which only a receipt of {LEAST_DAYS} days ago may be"
            raise VerificationError(2, "statement-withheld", detail, {"entry": encoding.b64(entry.encode())}) from None
        envelope = await _as_signed(member, index, entry, shown)
        leaves = None
        if entry.alert is not None and entry.alert.audience is not None and copy.leaves(entry.statement) is None:
            leaves = await member.api.leaves(entry.statement)
            check_leaves(index, envelope, leaves)
        return _Brought(index, envelope, leaves)


async def together(calls: Sequence[Awaitable[T]]) -> list[T]:
    """All results in order; after the first error nothing goes on behind the caller's back."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def held_against(index: int, entry: Entry, envelope: Envelope) -> Envelope:
    """The envelope, when it is the entry's; raises VerificationError (step 2)."""
    if (envelope.statement_id, envelope.signatures_hash) == (entry.statement, entry.signatures):
        return envelope
    evidence = {"entry": encoding.b64(entry.encode()), "statement": encoding.b64(envelope.encode())}
    raise VerificationError(
        2, "entry-mismatch", f"journal entry {index}: the statement shown is not the one accepted", evidence
    )


async def _as_signed(member: Member, index: int, entry: Entry, shown: Envelope) -> Envelope:
    """The statement with the signatures that this entry names; raises VerificationError (step 2) when they are not shown.

    An alert's entry may be older than the set shown, or an approval may have come since the heads were taken.  The entry does
    not say how many signed, and a later set need not hold an earlier one: an author may sign once more.
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
    return held_against(index, entry, shown)


def check_leaves(index: int, envelope: Envelope, data: bytes) -> None:
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
