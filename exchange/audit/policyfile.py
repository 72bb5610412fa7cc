"""What a bundle says of witnesses: the tlog-policy text, and whose lines may stand under its notes. Spec: docs/spec/audit.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exchange.model.registry import Founding, WitnessName
from exchange.policy.members import Facts, Witness
from exchange.policy.witnesses import policy_text, witness_verifiers, working_witness
from exchange.tlog.checkpoint import LOGS, LogName, log_origin
from keys.note import Note, Verifier, log_verifiers
from keys.verify import LogPublicKey


@dataclass(frozen=True, slots=True)
class WitnessFiles:
    """What a bundle says of witnesses: the tlog-policy text, and for each log the keys whose lines may stand under its notes."""

    policy: bytes
    named: Mapping[LogName, frozenset[tuple[str, bytes]]] = field(repr=False)

    def strip(self, log: LogName, note: bytes) -> bytes:
        """The note without lines of strangers: they prove nothing to whoever has the registry, and none stands in a bundle."""
        parsed = Note.parse(note)
        kept = tuple(line for line in parsed.lines if (line.name, line.key_id) in self.named[log])
        return note if len(kept) == len(parsed.lines) else Note(parsed.text, kept).encode()


def witness_files(founding: Founding, facts: Facts, ever: Iterable[Witness]) -> WitnessFiles:
    """From the founding, the facts at the bundle's size and the witnesses named at any time before. Raises NoteError."""
    keys = {log: log_keys(founding, log) for log in LOGS}
    theirs = {(v.name, v.key_id) for witness in ever for v in witness_verifiers(witness)}
    named = {log: frozenset(theirs | {(v.name, v.key_id) for v in keys[log]}) for log in LOGS}
    return WitnessFiles(policy_text(founding, facts), named)


def log_keys(founding: Founding, log: LogName) -> tuple[Verifier, Verifier]:
    """Both verifiers of a log, from the founding. Raises BadKey, NoteError."""
    key = founding.logs.registry if log == "registry" else founding.logs.journal
    return log_verifiers(log_origin(founding.origin, log), LogPublicKey.from_json(key.to_json()))


def witnesses_of(bodies: Iterable[object]) -> tuple[Witness, ...]:
    """The witnesses of these bodies, each once."""
    found: dict[Witness, None] = {}
    for body in bodies:
        if isinstance(body, WitnessName):
            found.update(dict.fromkeys(map(working_witness, body.witnesses)))
    return tuple(found)
