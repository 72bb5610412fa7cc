"""Which witnesses have seen a checkpoint, and whether they are enough (``docs/spec/logs.md``, Witnesses; rule M21).

Pure: the note, the roster's witnesses and nothing else.  A witness counts when *both* of its lines verify, Ed25519 (type 0x04) and
ML-DSA-44 (type 0x06): half a verification cannot be configured.  Whether a checkpoint is consistent with what was seen
before, and how old a cosignature may be, is for the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from exchange.model.registry import Founding, NamedWitness, WitnessName
from exchange.policy.members import Facts, Witness
from exchange.policy.refusal import RosterRefusal
from exchange.tlog.checkpoint import LOGS
from exchange.tlog.witness_policy import format_policy
from keys import encoding
from keys.errors import KeysError
from keys.note import ED25519_COSIGNATURE, MLDSA44_COSIGNATURE, Note, Verifier, log_verifiers, verify_note, vkey
from keys.verify import LogPublicKey, check_log_key


def working_witness(named: NamedWitness) -> Witness:
    """A witness as it stands in a body, ready for verifying."""
    keys = encoding.unb64u(named.ed25519, length=32), encoding.unb64u(named.mldsa44, length=1312)
    return Witness(named.name, *keys, named.url)


def witness_verifiers(witness: Witness) -> tuple[Verifier, Verifier]:
    """Both verifiers of a witness: Ed25519 cosignature (0x04) and ML-DSA-44 (0x06)."""
    return (
        Verifier(witness.name, ED25519_COSIGNATURE, witness.ed25519),
        Verifier(witness.name, MLDSA44_COSIGNATURE, witness.mldsa44),
    )


def check_witnesses(facts: Facts, body: WitnessName) -> None:
    """M21: the keys are valid, distinct and nobody else's; raises RosterRefusal."""
    named = {f"{facts.origin}/{log}" for log in LOGS}
    halves: set[str] = set()
    for witness in body.witnesses:
        if witness.name in named:
            raise RosterRefusal("M21", "witness-is-log", "a log is not its own witness")
        if {witness.ed25519, witness.mldsa44} & (halves | facts.used_keys):
            raise RosterRefusal("M21", "key-reused", "a witness's keys are its own")
        halves |= {witness.ed25519, witness.mldsa44}
        working = working_witness(witness)
        try:
            check_log_key(LogPublicKey(working.ed25519, working.mldsa44))
        except KeysError as error:
            raise RosterRefusal("M21", error.code, str(error)) from None


def cosigned(note: Note, witnesses: Iterable[Witness]) -> dict[str, int]:
    """By name, each witness both of whose lines stand under the note, with the older of both times (seconds).

    Raises NoteError ``signature-invalid`` when a line of a named witness does not verify: whoever shows it is lying, for an
    honest server verifies what it passes on.
    """
    times: dict[str, int] = {}
    for witness in witnesses:
        verifiers = witness_verifiers(witness)
        theirs = {(verifier.name, verifier.key_id) for verifier in verifiers}
        if not any((line.name, line.key_id) in theirs for line in note.lines):
            continue
        found = {line.verifier.type: line.timestamp or 0 for line in verify_note(note, verifiers)}
        if len(found) == len(verifiers):
            times[witness.name] = min(found.values())
    return times


def quorum_time(times: Mapping[str, int], quorum: int) -> int | None:
    """When the quorum was last complete: the k-th newest of the witnesses' times, in seconds; None when too few cosigned."""
    newest: Sequence[int] = sorted(times.values(), reverse=True)
    return newest[quorum - 1] if 0 < quorum <= len(newest) else None


def policy_text(founding: Founding, facts: Facts) -> bytes:
    """The C2SP tlog-policy text that follows from a registry: its logs, its witnesses and their quorum."""
    logs = []
    for log in LOGS:
        key = founding.logs.journal if log == "journal" else founding.logs.registry
        logs += [
            vkey(verifier.name, verifier.type, verifier.key)
            for verifier in log_verifiers(f"{founding.origin}/{log}", LogPublicKey.from_json(key.to_json()))
        ]
    witnesses = []
    for witness in facts.witnesses:
        ed25519, mldsa44 = (vkey(one.name, one.type, one.key) for one in witness_verifiers(witness))
        witnesses.append((witness.name, ed25519, mldsa44, witness.url))
    return format_policy(logs, witnesses, facts.quorum)
