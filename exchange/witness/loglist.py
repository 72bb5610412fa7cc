"""The logs that a witness knows: a list in the format ``logs/v0``, and the logs of a founding statement.

A log counts with both of its keys, Ed25519 (0x01) and ML-DSA-44 (0x06): two ``vkey`` lines of one origin. Half a log is no log, so
that half a verification cannot be configured. Bytes in, values out. Spec: docs/spec/witness.md, 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exchange.model.registry import Founding
from exchange.model.statements import parse_statement
from exchange.tlog.checkpoint import LOGS, check_origin, log_origin
from exchange.tlog.errors import CheckpointError
from exchange.witness.errors import WitnessError
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.note import ED25519, MLDSA44_COSIGNATURE, log_verifiers, parse_vkey, vkey
from keys.verify import LogPublicKey, check_log_key

HEADER = "logs/v0"
MAX_LIST = 1 << 20
"""Bytes of a list: a log has about 1,900, so this is some 500 logs."""

_LINE = re.compile(r"(vkey|origin|qpd|contact) (\S(?:.*\S)?)")


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log that the witness knows: its origin, which is its key name, and both of its keys."""

    origin: str
    key: LogPublicKey


def parse_logs(data: bytes) -> dict[str, KnownLog]:
    """Read a list, by origin. Comments begin with ``#``; ``qpd`` and ``contact`` are read over.

    Raises WitnessError: ``log-list-malformed`` (with the line's number), ``log-keys-missing`` (an origin without exactly one key
    of each type).
    """
    if len(data) > MAX_LIST:
        raise WitnessError("log-list-malformed", f"a list of logs has at most {MAX_LIST} bytes")
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise WitnessError("log-list-malformed", "a list of logs is UTF-8") from None
    found: dict[str, dict[int, bytes]] = {}
    origin = ""
    header = False
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        if not header:
            if line != HEADER:
                raise _malformed(number, f"a list of logs begins with {HEADER}")
            header = True
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise _malformed(number, "a line is vkey, origin, qpd or contact, a space and a value")
        if match[1] == "vkey":
            origin = _take_key(found, number, match[2])
        elif match[1] == "origin" and match[2] != origin:
            raise _malformed(number, "an origin stands behind its key and is the key's name")
    if not header:
        raise WitnessError("log-list-malformed", f"a list of logs begins with {HEADER}")
    return {name: _known(name, keys) for name, keys in found.items()}


def _take_key(found: dict[str, dict[int, bytes]], number: int, text: str) -> str:
    """Take the key of a line in; returns its origin."""
    try:
        verifier = parse_vkey(text)
        origin = check_origin(verifier.name)
    except (KeysError, CheckpointError) as error:
        raise _malformed(number, str(error)) from None
    if verifier.type not in (ED25519, MLDSA44_COSIGNATURE):
        raise _malformed(number, "a log's key is of type 0x01 or 0x06")
    keys = found.setdefault(origin, {})
    if keys.setdefault(verifier.type, verifier.key) != verifier.key:
        raise _malformed(number, "a log has one key of each type")
    return origin


def _malformed(number: int, detail: str) -> WitnessError:
    return WitnessError("log-list-malformed", f"line {number}: {detail}")


def _known(origin: str, keys: Mapping[int, bytes]) -> KnownLog:
    if keys.keys() != {ED25519, MLDSA44_COSIGNATURE}:
        raise WitnessError("log-keys-missing", f"{origin}: a log is listed with both of its keys")
    try:
        return KnownLog(origin, check_log_key(LogPublicKey(keys[ED25519], keys[MLDSA44_COSIGNATURE])))
    except KeysError as error:
        raise WitnessError("log-list-malformed", f"{origin}: {error}") from None


def format_logs(logs: Iterable[KnownLog]) -> bytes:
    """The list, each log with both of its keys, by origin."""
    lines = [HEADER]
    for log in sorted(logs, key=lambda log: log.origin):
        lines.append("")
        for verifier in log_verifiers(log.origin, log.key):
            lines += [f"vkey {vkey(log.origin, verifier.type, verifier.key)}", f"origin {log.origin}"]
    return ("\n".join(lines) + "\n").encode("utf-8")


def with_logs(known: Mapping[str, KnownLog], added: Iterable[KnownLog]) -> dict[str, KnownLog]:
    """Both together. Raises WitnessError ``log-differs`` when an origin is known with other keys: a log has one key for ever."""
    merged = dict(known)
    for log in added:
        if merged.setdefault(log.origin, log) != log:
            raise WitnessError("log-differs", f"{log.origin} is known with other keys")
    return merged


def logs_of(founding: Envelope, exchange: str) -> tuple[KnownLog, ...]:
    """Both logs of the exchange ``exchange`` (its id), as its founding statement names their keys.

    The id is the hash of the statement's body, so nothing else need be verified. Raises WitnessError ``other-exchange``.
    """
    if founding.statement_id != exchange:
        raise WitnessError("other-exchange", "this is the founding of another exchange than the one that was named")
    body = parse_statement(founding).body
    if not isinstance(body, Founding):
        raise WitnessError("other-exchange", "this statement founds no exchange")
    keys = {"journal": body.logs.journal, "registry": body.logs.registry}
    return tuple(KnownLog(log_origin(body.origin, log), LogPublicKey.from_json(keys[log].to_json())) for log in LOGS)
