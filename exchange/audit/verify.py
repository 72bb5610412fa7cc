"""``verify_bundle``: the ten steps in order, offline, over one bundle (``docs/spec/audit.md``).

Believes nothing in the bundle but what it computes: the exchange id, the hash of its founding statement, is the one thing
that an auditor must know from elsewhere (or compare, when it is shown).  Needs no network, no key and no member's store.  That a
stanza opens to the alert's text, and what happened outside the logs, is beyond it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.audit.bundle import MANIFEST, AuditBundle, BundleError
from exchange.audit.facts import Collector
from exchange.audit.journal import JournalReplay
from exchange.audit.registry import RegistryReplay
from exchange.audit.report import STEPS, Head, Progress, Recorder, Report
from exchange.audit.scratch import Scratch
from exchange.audit.signatures import Fault, SignatureChecks
from exchange.audit.source import Source
from exchange.audit.statements import Statements
from exchange.audit.trees import (
    Founded,
    LogView,
    check_note,
    check_older,
    proven_entries,
    read_founding,
    read_older,
    rebuild,
)
from exchange.audit.witnesses import check_witnesses
from exchange.audit.workers import Workers, workers_for
from exchange.model.entry import Entry, parse_entry
from exchange.model.problems import Malformed
from exchange.model.retention import LEAST_DAYS, MOST_DAYS, may_be_erased
from exchange.model.statements import Opening
from exchange.policy.members import Facts
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName
from keys.encoding import unhex32
from keys.errors import EncodingError

VERIFIED, REFUSED, USAGE = 0, 1, 2
"""Exit statuses of ``exchange audit verify``."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command tells: its exit status, and the report or the error."""

    status: int
    report: Report | None = None
    error: BundleError | None = None


def verify_bundle(
    path: Path,
    *,
    exchange: str | None = None,
    kept: Sequence[bytes] = (),
    workers: int | None = None,
    progress: Progress | None = None,
    require_quorum: bool = False,
    collector: Collector | None = None,
) -> Report:
    """Verify a bundle in ten steps.

    ``exchange`` is the id that the bundle must be of (64 hexadecimal digits; None: the one it names, for the caller to show and
    compare), ``kept`` signed checkpoints that the auditor has from elsewhere, ``workers`` the processes beside the replay (None: as
    many as the bundle deserves, 0: none), ``require_quorum`` refuses heads that the quorum of
    witnesses has not seen, ``collector`` gathers what a written report shows.  Raises BundleError (``not-a-bundle``,
    ``manifest-malformed``) when there is no bundle to judge, ``scratch-failed`` when there is no place for temporary files, and
    EncodingError for an exchange id that is none; everything else is a finding.
    """
    return verify_source(
        AuditBundle(path),
        exchange=exchange,
        kept=kept,
        workers=workers,
        progress=progress,
        require_quorum=require_quorum,
        collector=collector,
    )


def verify_source(
    bundle: Source,
    *,
    exchange: str | None = None,
    kept: Sequence[bytes] = (),
    workers: int | None = None,
    progress: Progress | None = None,
    require_quorum: bool = False,
    with_policy: bool = True,
    collector: Collector | None = None,
) -> Report:
    """The same of any source; raises as `verify_bundle`. ``with_policy``: it holds a witness policy, which is compared."""
    manifest = bundle.manifest()
    wanted = unhex32(manifest.get("exchange") if exchange is None else exchange).hex()
    recorder = Recorder(progress)
    if manifest.get("exchange") != wanted:
        sentence = "the bundle is of another exchange than the one asked for"
        recorder.refuse(1, "other-exchange", sentence, "registry", 0, subject=MANIFEST)
    founded = read_founding(bundle, wanted, recorder)
    if founded is None:
        recorder.incomplete(*STEPS)
        return recorder.report(wanted, "", {})
    notes = {log: check_note(bundle, founded, log, recorder) for log in LOGS}
    heads = {log: note for log, note in notes.items() if note is not None}
    with _scratch() as scratch:
        views = _trees(bundle, founded, heads, kept, recorder, scratch)
        if collector is not None:
            collector.proven = {log: view.proven for log, view in views.items()}
        if len(views) < len(LOGS):
            recorder.incomplete(*STEPS[1:])
        else:
            entries = sum(view.size for view in views.values())
            erased = _erased(bundle, manifest, views, recorder)
            workers = workers_for(entries) if workers is None else workers
            facts = _replay(bundle, founded, views, erased, workers, recorder, scratch, collector)
            check_witnesses(bundle, founded, views, facts, recorder, required=require_quorum, with_policy=with_policy)
    _check_manifest(bundle, manifest, heads, recorder)
    named = {log: Head(head.size, head.root.hex()) for log, head in heads.items()}
    return recorder.report(wanted, founded.body.origin, named)


@contextmanager
def _scratch() -> Iterator[Scratch]:
    """The verification's temporary files; raises BundleError ``scratch-failed`` when the system gives no place for them."""
    try:
        with Scratch() as scratch:
            yield scratch
    except (OSError, sqlite3.Error) as error:
        raise BundleError("scratch-failed", f"the temporary files could not be written or read: {error}") from None


def _trees(
    bundle: Source,
    founded: Founded,
    heads: Mapping[LogName, Checkpoint],
    kept: Sequence[bytes],
    recorder: Recorder,
    scratch: Scratch,
) -> dict[LogName, LogView]:
    """Steps 2 and 3."""
    views: dict[LogName, LogView] = {}
    for log, head in heads.items():
        views[log] = rebuild(bundle, log, head, recorder, scratch)
    check_older(read_older(bundle, kept, founded.body.origin, recorder), founded, views, recorder)
    return views


def _replay(
    bundle: Source,
    founded: Founded,
    views: Mapping[LogName, LogView],
    erased: Callable[[Entry], bool],
    workers: int,
    recorder: Recorder,
    scratch: Scratch,
    collector: Collector | None,
) -> Facts | None:
    """Steps 4 to 10: the registry runs forward as the journal needs it. The newest facts, when it was replayed to its end."""

    def fault(found: Fault) -> None:
        log, index, code, sentence = found
        recorder.refuse(5, code, f"{log} entry {index}: {sentence}", log, index)

    with Workers(workers) as processes:
        statements = Statements(bundle, founded.exchange, views, recorder, scratch, processes, erased)
        checks = SignatureChecks(fault, processes)
        registry = RegistryReplay(
            bundle,
            views["registry"],
            founded.exchange,
            statements,
            _openings(bundle, views["registry"].size, recorder),
            checks,
            recorder,
            collector,
        )
        registry.scan()
        journal = JournalReplay(
            bundle, views["journal"], registry, statements, founded.statement_key, checks, recorder, scratch, collector
        )
        complete = journal.run()
        complete = registry.finish() and complete
        checks.finish()
        recorder.count(5, checks.submitted)
    statements.finish(complete)
    return registry.facts(views["registry"].size)


def _erased(
    bundle: Source, manifest: Mapping[str, Any], views: Mapping[LogName, LogView], recorder: Recorder
) -> Callable[[Entry], bool]:
    """Which statements may be gone: old receipts, when the manifest states a retention that is long enough."""
    said = manifest.get("retention", {})
    days = said.get("receipts_days", 0) if isinstance(said, dict) else -1
    if not isinstance(days, int) or (days and not LEAST_DAYS <= days <= MOST_DAYS):
        sentence = f"{MANIFEST} states another retention than 0 or {LEAST_DAYS} to {MOST_DAYS} days"
        recorder.refuse(5, "retention-short", sentence, subject=MANIFEST)
        days = 0
    newest = 0
    for view in views.values():
        for _, data in proven_entries(bundle, view, max(0, view.proven - 1)):
            try:
                newest = max(newest, parse_entry(data).at)
            except Malformed:
                continue  # named by step 4
    return lambda entry: may_be_erased(entry.kind, entry.at, newest, days)


def _openings(bundle: Source, registry_size: int, recorder: Recorder) -> dict[str, tuple[Opening, ...]]:
    try:
        return bundle.openings(registry_size)
    except BundleError as error:
        recorder.refuse(6, error.code, error.detail, subject="openings.json")
        recorder.incomplete(6)
        return {}


def _check_manifest(
    bundle: Source, manifest: Mapping[str, Any], heads: Mapping[LogName, Checkpoint], recorder: Recorder
) -> None:
    """Step 10: the manifest says what is there. It is checked last, so that it never hides what it is about."""
    contents = manifest.get("contents")
    said = contents if isinstance(contents, dict) else {}
    for folder, measured in bundle.measure().items():
        recorder.count(10)
        if said.get(folder) != measured:
            sentence = f"{MANIFEST} does not agree with {folder}/: {measured['count']} files, {measured['bytes']} bytes"
            recorder.refuse(10, "manifest-differs", sentence, subject=folder)
    for log, head in heads.items():
        recorder.count(10)
        if manifest.get(log) != {"root": head.root.hex(), "size": head.size}:
            sentence = f"{MANIFEST} names another size or root than the {log}'s checkpoint"
            recorder.refuse(10, "manifest-differs", sentence, log, subject=MANIFEST)


def run_verify(
    path: Path,
    *,
    exchange: str | None = None,
    kept: Sequence[bytes] = (),
    progress: Progress | None = None,
    require_quorum: bool = False,
    collector: Collector | None = None,
) -> Outcome:
    """``exchange audit verify``: status 0 verified, 1 refused, 2 when there is nothing that could be verified."""
    try:
        report = verify_bundle(
            path, exchange=exchange, kept=kept, progress=progress, require_quorum=require_quorum, collector=collector
        )
    except EncodingError as error:
        return Outcome(USAGE, error=BundleError("not-an-exchange-id", str(error)))
    except BundleError as error:
        return Outcome(USAGE, error=error)
    return Outcome(VERIFIED if report.verified else REFUSED, report)
