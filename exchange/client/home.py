"""A member's home: the folder that holds one device's keys and what it has received (``docs/spec/enrolment.md``, Home).

::

    membership.json      which exchange, organisation, person and device; the founding statement (public values, names apart)
    device.key           the device's secrets under the passphrase (``keys.keyfile``)
    device-request.json  what is sent to the administrator who enrols the device
    state.sqlite         the local store (``exchange.client.state``), what is readable sealed under the vault key

The folder is private (0700), its files are (0600), and nothing is overwritten: a second ``create`` is refused, and the
key file changes only in one step (``save_identity``). No network, no terminal; where the passphrase comes from is the
caller's business. It is never kept.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exchange.model.problems import ExchangeError, first_error
from exchange.model.registry import Founding, Role
from exchange.model.scalars import Hash, Id, Record, ShortText
from exchange.model.statements import Statement, parse_statement
from keys import encoding
from keys.device import DeviceIdentity
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.keyfile import SecretFile, Vault, create_file, create_secret, read_secret

MEMBERSHIP = "membership.json"
KEY_FILE = "device.key"
REQUEST = "device-request.json"
STATE = "state.sqlite"
KIND = "device"
FORMAT = "tlp-exchange-membership/v1"
MAX_MEMBERSHIP = 262_144
"""Bytes of ``membership.json``: the founding statement is most of it."""


class HomeError(ExchangeError):
    """The home folder cannot be used: ``no-home``, ``home-exists``, ``home-malformed``."""


class Invited(Record):
    """Whom an exchange expects: what an invitation says, and a home keeps."""

    exchange: Hash
    name: ShortText
    organisation: Id
    person: Id
    roles: tuple[Role, ...]
    url: ShortText


@dataclass(frozen=True, slots=True)
class Membership:
    """One device's place in one exchange. ``founding`` is the signed statement whose id is the exchange's."""

    invited: Invited
    founding: Envelope
    device: str
    label: str

    @property
    def exchange(self) -> str:
        """The exchange id, 64 hexadecimal digits."""
        return self.invited.exchange

    @property
    def url(self) -> str:
        """Where the exchange is reached; a hint only, nothing that comes from there is believed."""
        return self.invited.url

    @property
    def found(self) -> Founding:
        """The founding's body: origin, registrars, threshold, log keys and statement key."""
        return founding_of(self.founding)

    def to_json(self) -> dict[str, Any]:
        """The value as ``membership.json`` holds it."""
        return {
            "device": self.device,
            "format": FORMAT,
            "founding": self.founding.to_json(),
            "invited": self.invited.to_json(),
            "label": self.label,
        }


class Home:
    """An opened home: the identity, the vault, and the only way to store a changed identity."""

    def __init__(self, path: Path, membership: Membership, secret: SecretFile) -> None:
        self.path = path
        self.membership = membership
        self.identity = DeviceIdentity.decode(secret.secret)
        self.vault = Vault(self.identity.vault_key)
        self._secret = secret

    def __repr__(self) -> str:
        return f"Home({self.path})"

    @property
    def state_file(self) -> Path:
        """Where the local store lies."""
        return self.path / STATE

    def save_identity(self, identity: DeviceIdentity) -> None:
        """Store a changed identity of the same device, in one step; it is durable when this returns.

        New epoch keys are saved *before* they are published: a published key whose seed is lost makes alerts that nobody
        can open. Raises KeyFileError ``changed-meanwhile`` when another program changed the key file, ValueError for
        another device.
        """
        if identity.device != self.identity.device or identity.public != self.identity.public:
            raise ValueError("a home belongs to one device")
        self._secret = self._secret.update(identity.encode())
        self.identity = identity


def save_identity(home: Home, identity: DeviceIdentity) -> None:
    """``home.save_identity(identity)``, for callers that pass it on."""
    home.save_identity(identity)


def founding_of(envelope: Envelope) -> Founding:
    """The body of a founding statement. Raises HomeError ``home-malformed`` for any other kind, Malformed for its body."""
    statement: Statement = parse_statement(envelope)
    if not isinstance(statement.body, Founding):
        raise HomeError("home-malformed", "the membership does not hold a founding statement")
    return statement.body


def exists(path: Path) -> bool:
    """Whether the folder holds a home, or the rest of one that was interrupted while it was made."""
    return any((path / name).exists() for name in (MEMBERSHIP, KEY_FILE))


def create(
    path: Path, membership: Membership, identity: DeviceIdentity, passphrase: str, request: dict[str, Any]
) -> Home:
    """Make a home. The key file comes first: a request without its keys must never leave the house.

    Raises HomeError ``home-exists``, KeyFileError (``bad-passphrase``, ``not-writable``).
    """
    if exists(path):
        raise HomeError("home-exists", f"{path} holds a device already, which is not overwritten")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix":
        path.chmod(0o700)
    secret = create_secret(
        path / KEY_FILE, kind=KIND, identity=membership.device, secret=identity.encode(), passphrase=passphrase
    )
    create_file(path / REQUEST, encoding.encode(request))
    create_file(path / MEMBERSHIP, encoding.encode(membership.to_json()))
    return Home(path, membership, secret)


def read_membership(path: Path) -> Membership:
    """What can be read without the passphrase. Raises HomeError ``no-home`` or ``home-malformed``."""
    try:
        with (path / MEMBERSHIP).open("rb") as file:
            raw = file.read(MAX_MEMBERSHIP + 1)
    except OSError:
        raise HomeError("no-home", f"{path} is not the home of a device") from None
    try:
        obj = encoding.decode(raw, max_bytes=MAX_MEMBERSHIP)
        if obj.keys() != {"device", "format", "founding", "invited", "label"} or obj["format"] != FORMAT:
            raise HomeError("home-malformed", f"{MEMBERSHIP} is not of this version")
        founding = Envelope.from_json(obj["founding"])
        invited = Invited.model_validate(obj["invited"])
        membership = Membership(invited, founding, str(obj["device"]), str(obj["label"]))
    except KeysError as error:
        raise HomeError("home-malformed", f"{MEMBERSHIP}: {error}") from None
    except ValidationError as error:
        raise HomeError("home-malformed", f"{MEMBERSHIP}: {first_error(error)}") from None
    if founding.statement_id != membership.exchange:
        raise HomeError("home-malformed", f"{MEMBERSHIP}: the founding is that of another exchange")
    founding_of(founding)
    return membership


def open_home(path: Path, passphrase: str) -> Home:
    """Open a home. Raises HomeError (``no-home``, ``home-malformed``) and KeyFileError (``wrong-passphrase``, ...)."""
    membership = read_membership(path)
    secret = read_secret(path / KEY_FILE, passphrase, kind=KIND)
    home = Home(path, membership, secret)
    if encoding.b64u(home.identity.device) != membership.device:
        raise HomeError("home-malformed", "key file and membership are those of two devices")
    return home
