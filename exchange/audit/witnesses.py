"""Step 1 of an audit, the witnesses' part: whose lines stand under the checkpoints, and the quorum (``docs/spec/audit.md``).

Inside a bundle every signature line belongs to a key that the registry in it names: the log's, or a witness's of any time up to its
size; each verifies, and each note is encoded in the one way.  Who is named is known only when the registry was replayed, so this is
judged last and reported first.  That the head has no quorum is a notice, unless the auditor demands one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from exchange.audit.bundle import MAX_POLICY, POLICY, BundleError
from exchange.audit.policyfile import log_keys, witnesses_of
from exchange.audit.report import Recorder, Severity, Witnessed
from exchange.audit.source import Source
from exchange.audit.trees import Founded, LogView, proven_entries
from exchange.model.entry import parse_entry
from exchange.model.registry import Founding
from exchange.model.statements import parse_statement
from exchange.policy.members import Facts
from exchange.policy.witnesses import cosigned, policy_text, quorum_time, witness_verifiers
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, log_origin
from exchange.tlog.errors import TlogError
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.note import Note, Verifier

NAMING = "witness.name"
_MARK = b'"witness.name"'


# -- verifying -----------------------------------------------------------------------------------------------------------


def check_witnesses(
    bundle: Source,
    founded: Founded,
    views: Mapping[LogName, LogView],
    facts: Facts | None,
    recorder: Recorder,
    *,
    required: bool = False,
    with_policy: bool = True,
) -> None:
    """Judge every note of a bundle whose registry was replayed to its end (``facts``; None: it was not).

    ``with_policy``: the bundle holds a witness policy; the operator's own store has none.
    """
    if facts is None:
        recorder.incomplete(1)
        return
    ever = witnesses_of(_named(bundle, views["registry"]))
    own = {log: frozenset((v.name, v.key_id) for v in log_keys(founded.body, log)) for log in LOGS}
    theirs: dict[tuple[str, bytes], list[Verifier]] = {}
    for verifier in (v for witness in ever for v in witness_verifiers(witness)):
        theirs.setdefault((verifier.name, verifier.key_id), []).append(verifier)
    newest: dict[LogName, tuple[int, int]] = {}
    for source, log, note in _notes(bundle, founded):
        recorder.count(1)
        parsed = _judge(source, log, note, own[log], theirs, recorder)
        if parsed is None:
            continue
        time = quorum_time(_cosigned(parsed, facts), facts.quorum)
        size, root = _place(parsed)
        if time is not None and views[log].root(size) == root:
            newest[log] = max(newest.get(log, (0, 0)), (size, time))
        if source == f"{log}/checkpoint":
            times = _cosigned(parsed, facts)
            names = tuple(witness.name for witness in facts.witnesses)
            recorder.witnessed[log] = Witnessed(facts.quorum, names, times, quorum_time(times, facts.quorum))
    for log in LOGS:
        _judge_quorum(log, views[log].size, newest.get(log), facts, recorder, required)
    if with_policy:
        _judge_policy(bundle, founded.body, facts, recorder)


def _named(bundle: Source, view: LogView) -> Iterator[object]:
    """The bodies of all ``witness.name`` statements, which the replay has accepted."""
    for _, data in proven_entries(bundle, view):
        if _MARK in data:
            entry = parse_entry(data)
            if entry.kind == NAMING:
                yield parse_statement(Envelope.decode(bundle.statement(entry.statement))).body


def _notes(bundle: Source, founded: Founded) -> Iterator[tuple[str, LogName, bytes]]:
    """Every note of the two logs in the bundle; what cannot be read, or is of another log, other steps name."""
    names: dict[str, LogName] = {log_origin(founded.body.origin, log): log for log in LOGS}
    for source, note in _read(bundle):
        of = names.get(note.partition(b"\n")[0].decode("ascii", "replace"))
        if of is not None:
            yield source, of, note


def _read(bundle: Source) -> Iterator[tuple[str, bytes]]:
    for log in LOGS:
        with contextlib.suppress(BundleError):
            yield f"{log}/checkpoint", bundle.checkpoint(log)
    with contextlib.suppress(BundleError):
        yield from bundle.checkpoints()


def _judge(
    source: str,
    log: LogName,
    note: bytes,
    own: frozenset[tuple[str, bytes]],
    witnesses: Mapping[tuple[str, bytes], Sequence[Verifier]],
    recorder: Recorder,
) -> Note | None:
    """Every line of a note is of a named key, a witness's verifies, and all is encoded in the one way; the parsed note, or None.

    The log's own lines, and what is no note at all, steps 1 and 3 have judged.
    """
    try:
        parsed = Note.parse(note)
    except KeysError:
        return None
    if parsed.encode() != note:
        recorder.refuse(1, "checkpoint-malformed", f"{source} is not encoded in the one way", log, subject=source)
        return None
    sound = True
    for line in parsed.lines:
        key = line.name, line.key_id
        named = witnesses.get(key, ())
        if not named and key not in own:
            sentence = f"{source}: a line of {line.name} is by a key that the registry never named"
            recorder.refuse(1, "signature-unnamed", sentence, log, subject=source)
            sound = False
        elif named and not any(_verifies(verifier, parsed.text, line.signature) for verifier in named):
            sentence = f"{source}: the line of {line.name} does not verify over this checkpoint"
            recorder.refuse(1, "cosignature-invalid", sentence, log, subject=source)
            sound = False
    return parsed if sound else None


def _verifies(verifier: Verifier, text: str, signature: bytes) -> bool:
    try:
        verifier.verify(text, signature)
    except KeysError:
        return False
    return True


def _cosigned(note: Note, facts: Facts) -> dict[str, int]:
    try:
        return cosigned(note, facts.witnesses)
    except KeysError:
        return {}


def _place(note: Note) -> tuple[int, bytes]:
    try:
        checkpoint = Checkpoint.parse(note.text)
    except TlogError:
        return -1, b""
    return checkpoint.size, checkpoint.root


def _judge_quorum(
    log: LogName, head: int, newest: tuple[int, int] | None, facts: Facts, recorder: Recorder, required: bool
) -> None:
    recorder.count(1)
    if newest is not None and newest[0] == head:
        return
    severity: Severity = "refused" if required else "notice"
    if not facts.witnesses:
        if log == LOGS[0]:
            recorder.tell(1, "witnesses-none", log, severity=severity)
        return
    values = {"quorum": facts.quorum, "witnesses": len(facts.witnesses), "head": head}
    if newest is None:
        recorder.tell(1, "not-witnessed", log, None, values, severity=severity)
    else:
        values["size"] = newest[0]
        recorder.tell(1, "not-witnessed", log, None, values, form="not-witnessed-since", severity=severity)


def _judge_policy(bundle: Source, founding: Founding, facts: Facts, recorder: Recorder) -> None:
    """The policy text is what follows from the registry; without a witness it may be left out."""
    recorder.count(1)
    try:
        found = bundle.read(POLICY, MAX_POLICY)
    except BundleError as error:
        if error.code != "file-missing" or facts.witnesses:
            recorder.refuse(1, "witness-policy-differs", error.detail, subject=POLICY)
        return
    if found != policy_text(founding, facts):
        sentence = f"{POLICY} is not what follows from the registry here"
        recorder.refuse(1, "witness-policy-differs", sentence, subject=POLICY)
