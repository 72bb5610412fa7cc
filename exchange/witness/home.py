"""A witness's folder: key, card, the logs it knows, and what it cosigned (``docs/spec/witness.md``, 1).

::

    witness.key     both private keys (0600); or systemd's credential of the same name
    witness.json    the card that the registrars put into ``witness.name``: name, both public keys, address
    logs            the logs it knows, as ``logs/v0``
    witness.sqlite  what it cosigned last of each
    forks/          signed checkpoints that contradict each other

Nothing is overwritten but ``logs``, and that in one step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from os import urandom
from pathlib import Path

from pydantic import ValidationError

from exchange import durable
from exchange.model.problems import first_error
from exchange.model.registry import NamedWitness
from exchange.witness.errors import WitnessError
from exchange.witness.loglist import MAX_LIST, KnownLog, format_logs, parse_logs, with_logs
from exchange.witness.store import create_store
from keys import encoding
from keys.encoding import b64u
from keys.errors import KeyFileError
from keys.witness import WitnessSigner, create_witness, read_witness

KEY = "witness.key"
CARD = "witness.json"
LOGS = "logs"
STATE = "witness.sqlite"
FORKS = "forks"
MAX_FORKS = 64
"""Notes kept in ``forks``: a broken log signs as many as it likes."""


@dataclass(frozen=True, slots=True)
class WitnessHome:
    """An opened folder: the signer and the logs that it cosigns."""

    path: Path
    signer: WitnessSigner = field(repr=False)
    logs: Mapping[str, KnownLog] = field(repr=False)

    @property
    def state(self) -> Path:
        """Where the store lies."""
        return self.path / STATE

    def keep_fork(self, origin: str, size: int, notes: Iterable[bytes]) -> tuple[Path, ...]:
        """Keep signed checkpoints of one size that contradict each other; where they lie. A full folder takes no more."""
        folder = self.path / FORKS
        folder.mkdir(mode=0o700, exist_ok=True)
        kept = []
        for note in notes:
            said = sha256(
                note.partition(b"\n\n")[0]
            ).hexdigest()  # by what it says: lines are made anew with every request
            name = f"{sha256(origin.encode()).hexdigest()[:16]}-{size}-{said[:16]}.note"
            path = folder / name
            if not path.exists():
                if sum(1 for _ in folder.iterdir()) >= MAX_FORKS:
                    break
                durable.replace(path, note)
            kept.append(path)
        return tuple(kept)


def create_home(
    path: Path, name: str, url: str, logs: Iterable[KnownLog], random: Callable[[int], bytes] = urandom
) -> tuple[WitnessSigner, NamedWitness]:
    """Make a witness: its keys, its card, its empty memory. The key comes last: without it nothing was ever cosigned.

    Raises WitnessError: ``witness-exists``, ``card-malformed`` (name or address), ``witness-is-log``; NoteError ``bad-name``.
    """
    if (path / KEY).exists():
        raise WitnessError("witness-exists", f"{path} holds a witness already, which is not overwritten")
    signer = WitnessSigner.generate(name, random)
    named = card(signer, url)
    known = with_logs({}, logs)
    if name in known:
        raise WitnessError("witness-is-log", "a log is not its own witness")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix":
        path.chmod(0o700)
    durable.replace(path / LOGS, format_logs(known.values()))
    durable.replace(path / CARD, encoding.encode(named.to_json()) + b"\n", mode=0o644)
    if not (path / STATE).exists():
        create_store(path / STATE)
    create_witness(path / KEY, signer)
    return signer, named


def card(signer: WitnessSigner, url: str) -> NamedWitness:
    """What the registrars name. Raises WitnessError ``card-malformed``."""
    ed25519, mldsa44 = signer.verifiers
    try:
        return NamedWitness(ed25519=b64u(ed25519.key), mldsa44=b64u(mldsa44.key), name=signer.name, url=url)
    except ValidationError as error:
        raise WitnessError("card-malformed", first_error(error)) from None


def read_logs(path: Path) -> dict[str, KnownLog]:
    """The logs that a witness knows. Raises WitnessError ``witness-missing``, and as ``parse_logs``."""
    try:
        with (path / LOGS).open("rb") as file:
            data = file.read(MAX_LIST + 1)
    except OSError:
        raise WitnessError("witness-missing", f"{path} is not the folder of a witness") from None
    return parse_logs(data)


def add_logs(path: Path, added: Iterable[KnownLog]) -> dict[str, KnownLog]:
    """Know more logs, from the next start on. Raises WitnessError: ``witness-missing``, ``log-differs``."""
    known = with_logs(read_logs(path), added)
    durable.replace(path / LOGS, format_logs(known.values()))
    return known


def open_home(path: Path, environ: Mapping[str, str] = os.environ) -> WitnessHome:
    """Open a witness: the key from systemd's credentials when it is there, else from the folder.

    Raises WitnessError ``witness-missing``, ``witness-is-log``, KeyFileError, and as ``read_logs``.
    """
    logs = read_logs(path)
    credential = Path(environ.get("CREDENTIALS_DIRECTORY") or path) / KEY
    if credential.parent != path and credential.exists():
        # systemd itself keeps a credential private, in ways that its mode bits do not always show.
        signer = read_witness(credential, private=False)
    else:
        try:
            signer = read_witness(path / KEY)
        except KeyFileError as error:
            if error.code == "not-readable":
                raise WitnessError("witness-missing", f"{path} holds no key of a witness") from None
            raise
    if signer.name in logs:
        raise WitnessError("witness-is-log", "a log is not its own witness")
    return WitnessHome(path, signer, logs)
