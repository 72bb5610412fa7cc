"""Becoming a member: invitation, join, device request, and the statements that enrol (``docs/spec/enrolment.md``).

1. An exchange is known by its id, the statement id of its founding. ``greet`` asks for the founding and believes it only when
   its id is the expected one and exactly the threshold of the registrars that it names have signed it.
2. An **invitation** is one line, ``tlpx1:`` and the unpadded base64url of strict JSON. It is not a secret and gives no right: it
   names the exchange, so that the person's device cannot be led to another one, and the person, so that the device request
   names it. The person compares the exchange's fingerprint, the administrator the device's, by telephone.
3. ``join`` makes the device's keys where they stay, and a **device request** of public values with the proof of possession.
4. Whoever enrols turns requests and names into statements (``Preparation``). Names go into commitments; the openings travel beside.

No terminal and no clock: time and randomness are arguments. Files of statements for registrars are ``keys.registrar``'s.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exchange.client.answers import Result
from exchange.client.api import ExchangeApi
from exchange.client.home import Home, Invited, Membership, create
from exchange.model.common import LogKey, SigningKey
from exchange.model.problems import ExchangeError, first_error
from exchange.model.registry import Founding, Possession
from exchange.model.scalars import Bytes32, Hash, Id, Record
from exchange.model.statements import KINDS, Opening, parse_statement
from exchange.model.submission import Submission
from exchange.policy.members import Facts, Person
from exchange.policy.roster import RosterRefusal, TrustedRoster
from exchange.tlog.checkpoint import Checkpoint
from exchange.tlog.errors import CheckpointError
from keys import encoding
from keys.device import DeviceIdentity
from keys.envelope import MAX_BODY, Envelope
from keys.errors import KeysError
from keys.note import verify_checkpoint
from keys.registrar import Opening as CarriedOpening
from keys.registrar import SigningFile, SigningItem
from keys.rotation import ROTATE, Registrars, registrars_in
from keys.rotation import lacking as rotation_lacking
from keys.verify import LogPublicKey, SigningPublicKey, device_fingerprint, verify_hybrid, verify_possession

Random = Callable[[int], bytes]

PREFIX = "tlpx1:"
MAX_INVITATION = 4096
"""Bytes of an invitation's strict JSON."""
MAX_REQUEST = 32_768
"""Bytes of a device request."""
MAX_BATCH = 256
"""Statements in one request."""
MAX_BATCH_BYTES = 4_000_000
"""Bytes of one request, a little below the exchange's 4 MiB."""
REQUEST_FORMAT = "tlp-exchange-device-request/v1"
DAY = 86_400
"""Seconds."""
LONGEST = 7 * DAY
"""Seconds between preparing a statement and its ``not_after``: files are carried by hand."""


class EnrolError(ExchangeError):
    """Enrolling cannot go on; ``code`` names the cause."""


# -- the exchange --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Greeting:
    """What an exchange says of itself, verified: founding, and both heads as statements name them under ``seen``.

    ``registrars`` are those of the founding, or of the rotations that were given: files that the registrars signed.
    """

    exchange: str
    founding: Envelope
    body: Founding
    seen: dict[str, dict[str, Any]]
    registrars: Registrars

    @property
    def registry_size(self) -> int:
        """Number of registry entries."""
        return int(self.seen["registry"]["size"])


def check_founding(founding: Envelope, expected: str | None) -> Founding:
    """The founding's body, when its id is the expected one and its registrars' signatures are exactly right.

    ``expected`` None pins what is met (for tools that only post what is signed already). Raises EnrolError
    ``other-exchange``, ``founding-invalid``.
    """
    if expected is not None and founding.statement_id != expected:
        raise EnrolError("other-exchange", "this is not the exchange that was named: its founding has another id")
    try:
        statement = parse_statement(founding)
        if not isinstance(statement.body, Founding):
            raise EnrolError("founding-invalid", "the exchange shows another statement in the place of its founding")
        # The founding was accepted once, in its window; what is asked here is whether the right registrars signed it.
        TrustedRoster().check(statement, statement.at)
        return statement.body
    except (RosterRefusal, ExchangeError, KeysError) as error:
        raise EnrolError("founding-invalid", f"the founding does not verify: {error}") from None


async def greet(api: ExchangeApi, expected: str | None = None, rotations: Sequence[SigningFile] = ()) -> Greeting:
    """Ask an exchange who it is, and believe nothing but its founding, and the rotations given.

    Raises TransportError, Refused (``not-founded``, ...), EnrolError (``other-exchange``, ``founding-invalid``,
    ``checkpoint-invalid``), SigningFileError ``rotation-broken``.
    """
    said = await api.exchange()
    body = check_founding(said.founding, expected)
    seen = {
        "journal": _head(said.journal, f"{body.origin}/journal", body.logs.journal),
        "registry": _head(said.registry, f"{body.origin}/registry", body.logs.registry),
    }
    exchange = said.founding.statement_id
    founding = SigningFile(None, (SigningItem(said.founding),))
    return Greeting(exchange, said.founding, body, seen, registrars_in([founding, *rotations], exchange))


def _head(note: bytes, origin: str, key: LogKey) -> dict[str, Any]:
    try:
        working = LogPublicKey.from_json(key.to_json())
        checkpoint = Checkpoint.parse(verify_checkpoint(note, origin, working).text)
    except (KeysError, CheckpointError) as error:
        raise EnrolError("checkpoint-invalid", f"a checkpoint does not verify: {error}") from None
    if checkpoint.origin != origin:
        raise EnrolError("checkpoint-invalid", "a checkpoint is of another log")
    return {"root": checkpoint.root.hex(), "size": checkpoint.size}


# -- invitation ----------------------------------------------------------------------------------------------------


def encode_invitation(invited: Invited) -> str:
    """The invitation's one line."""
    return PREFIX + encoding.b64u(encoding.encode(invited.to_json()))


def parse_invitation(text: str) -> Invited:
    """Read an invitation: a line that begins with ``tlpx1:``, other lines are for people. Raises EnrolError ``bad-invitation``."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith(PREFIX)]
    try:
        if len(lines) != 1:
            raise EnrolError("bad-invitation", f"an invitation is one line that begins with {PREFIX}")
        raw = encoding.unb64u(lines[0].removeprefix(PREFIX))
        return Invited.model_validate(encoding.decode(raw, max_bytes=MAX_INVITATION))
    except ValidationError as error:
        raise EnrolError("bad-invitation", f"the invitation is malformed: {first_error(error)}") from None
    except KeysError as error:
        raise EnrolError("bad-invitation", f"the invitation is damaged: {error}") from None


# -- device request ------------------------------------------------------------------------------------------------


class DeviceRequest(Record):
    """The public values of a new device: what ``device.enrol`` will say, and the opening of its label."""

    device: Id
    exchange: Hash
    format: str
    label: Opening
    organisation: Id
    person: Id
    possession: Possession
    scan: Bytes32
    signing: SigningKey

    @property
    def key(self) -> SigningPublicKey:
        """The signing public key in its working form."""
        return SigningPublicKey.from_json(self.signing.to_json())

    @property
    def fingerprint(self) -> str:
        """The 12 groups of 5 digits to compare by telephone."""
        return device_fingerprint(self.key.key_id, encoding.unb64u(self.scan, length=32))


def request_of(identity: DeviceIdentity, invited: Invited, label: str, random: Random) -> DeviceRequest:
    """The request of a device for the person that the invitation names."""
    _, (opening,) = commit(random, label=label)
    return DeviceRequest.model_validate(
        {
            **identity.request(),
            "exchange": invited.exchange,
            "format": REQUEST_FORMAT,
            "label": opening.to_json(),
            "organisation": invited.organisation,
            "person": invited.person,
            "possession": identity.possession(
                exchange=invited.exchange,
                organisation=encoding.unb64u(invited.organisation, length=16),
                person=encoding.unb64u(invited.person, length=16),
            ),
        }
    )


def parse_request(data: bytes) -> DeviceRequest:
    """Read a device request and verify its proof of possession. Raises EnrolError ``bad-request``."""
    try:
        request = DeviceRequest.model_validate(encoding.decode(data, max_bytes=MAX_REQUEST))
        if request.format != REQUEST_FORMAT or request.label.field != "label":
            raise EnrolError("bad-request", "this is not a device request of this version")
        verify_possession(
            exchange=request.exchange,
            organisation=encoding.unb64u(request.organisation, length=16),
            person=encoding.unb64u(request.person, length=16),
            device=encoding.unb64u(request.device, length=16),
            signing=request.key,
            scan=encoding.unb64u(request.scan, length=32),
            ed25519=encoding.unb64u(request.possession.ed25519, length=64),
            mldsa65=encoding.unb64u(request.possession.mldsa65, length=3309),
        )
        return request
    except ValidationError as error:
        raise EnrolError("bad-request", f"the device request is malformed: {first_error(error)}") from None
    except KeysError as error:
        raise EnrolError("bad-request", f"the device request does not verify: {error}") from None


def is_request(data: bytes) -> bool:
    """Whether a file calls itself a device request; what it really is, ``parse_request`` says."""
    return f'"format":"{REQUEST_FORMAT}"'.encode() in data[:MAX_REQUEST]


async def join(
    api: ExchangeApi, invited: Invited, folder: Path, label: str, passphrase: str, random: Random
) -> tuple[Home, DeviceRequest]:
    """Make this machine a device of the invited person: verify the exchange, then make keys, home and request.

    Raises EnrolError (``other-exchange``, ``founding-invalid``, ...), HomeError ``home-exists``, KeyFileError.
    """
    greeting = await greet(api, invited.exchange)
    identity = DeviceIdentity.create(random)
    request = request_of(identity, invited, label, random)
    membership = Membership(invited, greeting.founding, request.device, request.label.value)
    return create(folder, membership, identity, passphrase, request.to_json()), request


# -- statements ----------------------------------------------------------------------------------------------------


def commit(random: Random, **values: str | None) -> tuple[dict[str, str], tuple[CarriedOpening, ...]]:
    """Commitments and openings of the values given: a salt of its own for each field, text in normal form C.

    Raises EnrolError ``bad-text`` for a value that is empty, too long or has control characters, ``bad-notice`` for what is no
    e-mail address.
    """
    commitments: dict[str, str] = {}
    openings: list[CarriedOpening] = []
    for field, value in sorted(values.items()):
        if value is None:
            continue
        normal, salt = unicodedata.normalize("NFC", value.strip()), random(encoding.SALT_BYTES)
        try:
            Opening.model_validate({"field": field, "salt": encoding.b64u(salt), "value": normal})
            commitments[field] = encoding.commitment(field, salt, normal)
        except (KeysError, ValidationError):
            if field == "notice":
                raise EnrolError(
                    "bad-notice", "a notice goes to name@host.domain in ASCII; other alphabets are written as xn--"
                ) from None
            raise EnrolError("bad-text", f"{field} is 1 to 512 characters of text without control characters") from None
        openings.append(CarriedOpening(field, salt, normal))
    return commitments, tuple(openings)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What all statements prepared together have in common: exchange, heads seen, time, who prepares, validity."""

    exchange: str
    seen: dict[str, dict[str, Any]]
    issuer: dict[str, str]
    now: int
    random: Random
    lifetime: int = LONGEST

    def statement(self, kind: str, /, **fields: Any) -> Envelope:
        """An envelope without signatures; fields that are None are left out. Raises EnrolError ``bad-statement``."""
        body = {
            "at": self.now,
            "exchange": self.exchange,
            "issuer": self.issuer,
            "nonce": encoding.b64u(self.random(16)),
            "not_after": self.now + self.lifetime,
            "seen": self.seen,
            **{name: value for name, value in fields.items() if value is not None},
        }
        return Envelope(kind, encode_checked(kind, body), ())

    def device(self, request: DeviceRequest) -> SigningItem:
        """``device.enrol`` from a request. Raises EnrolError ``other-exchange``."""
        if request.exchange != self.exchange:
            raise EnrolError("other-exchange", "the device request is for another exchange")
        label = request.label
        opening = CarriedOpening(label.field, encoding.unb64u(label.salt, length=32), label.value)
        commitments = {"label": encoding.commitment(opening.field, opening.salt, opening.value)}
        envelope = self.statement(
            "device.enrol",
            commitments=commitments,
            device=request.device,
            person=request.person,
            possession=request.possession.to_json(),
            scan=request.scan,
            signing=request.signing.to_json(),
        )
        return SigningItem(envelope, (opening,))

    def person(
        self, organisation: str, *, name: str, roles: Sequence[str], topics: Sequence[str] = (), **opened: str | None
    ) -> tuple[str, SigningItem]:
        """``person.enrol`` under a new id, which is returned; ``opened`` are title, contact and notice."""
        person = encoding.b64u(self.random(16))
        commitments, openings = commit(self.random, name=name, **opened)
        envelope = self.statement(
            "person.enrol",
            commitments=commitments,
            organisation=organisation,
            person=person,
            roles=sorted(set(roles)),
            topics=sorted(set(topics)),
        )
        return person, SigningItem(envelope, openings)

    def change_person(self, person: Person, previous: str, *, name: str, **opened: str | None) -> SigningItem:
        """``person.change`` that leaves the roles as they are and opens everything anew: what is not given here is taken back.

        ``opened`` are title, contact and notice.
        """
        commitments, openings = commit(self.random, name=name, **opened)
        envelope = self.statement(
            "person.change",
            commitments=commitments,
            person=person.id,
            previous=previous,
            roles=sorted(person.roles),
            topics=sorted(person.topics),
        )
        return SigningItem(envelope, openings)


def encode_checked(kind: str, body: dict[str, Any]) -> bytes:
    """A body as bytes, held against its kind's schema first: what the exchange would refuse is not carried around.

    Raises EnrolError ``bad-statement``.
    """
    try:
        data = encoding.encode(body)
        KINDS[kind].model.model_validate(encoding.decode(data, max_bytes=MAX_BODY))
        return data
    except ValidationError as error:
        raise EnrolError("bad-statement", f"{kind}: {first_error(error)}") from None
    except KeysError as error:
        raise EnrolError("bad-statement", f"{kind}: {error}") from None


# -- who must sign ---------------------------------------------------------------------------------------------------


def registrars_of(facts: Facts) -> Registrars:
    """The registrars in force, from a verified registry."""
    return Registrars(dict(facts.registrars), facts.threshold, facts.chains.get("registrars"))


def lacking(item: SigningItem, registrars: Registrars) -> int:
    """How many signers a carried statement still lacks, as far as this side can tell; negative when there are too many.

    By registrars: exactly the threshold; for a rotation, what ``keys.rotation`` says. By an administrator: two persons (what one
    signs alone is posted at once and never carried). Signatures of keys that are known here are verified; raises EnrolError
    ``signature-invalid``. A registrar who is not known here may have come by a rotation: then the exchange decides.
    """
    body = parse_statement(item.envelope).body
    signers = item.envelope.signer_ids
    if item.envelope.kind == ROTATE:
        return rotation_lacking(registrars, item).count
    if signers and all(key_id in registrars.keys for key_id in signers):
        try:
            verify_hybrid(item.envelope, [registrars.keys[key_id] for key_id in signers])
        except KeysError as error:
            raise EnrolError("signature-invalid", f"{item.envelope.kind}: {error}") from None
    issuer = getattr(body, "issuer").to_json()  # noqa: B009  every carried body has one
    if "registrar" not in issuer:
        return 2 - len(signers)
    return registrars.threshold - len(signers) if issuer["registrar"] in registrars.keys else 0


def founding_in(file: SigningFile) -> Envelope | None:
    """The founding that a signing file carries, if it is one that founds."""
    found = [item.envelope for item in file.items if item.envelope.kind == "exchange.found"]
    return found[0] if found else None


# -- posting -----------------------------------------------------------------------------------------------------------


def submission(item: SigningItem) -> Submission:
    """A carried statement as a request takes it."""
    openings = tuple(Opening.model_validate(opening.to_json()) for opening in item.openings)
    return Submission(item.envelope, openings)


def batches(items: Sequence[SigningItem]) -> list[tuple[SigningItem, ...]]:
    """Items in order, in requests that the exchange takes: at most 256 statements and 4 MB each."""
    found: list[tuple[SigningItem, ...]] = []
    batch: list[SigningItem] = []
    size = 0
    for item in items:
        length = len(item.envelope.encode()) + sum(len(encoding.encode(o.to_json())) + 1 for o in item.openings) + 64
        if batch and (len(batch) == MAX_BATCH or size + length > MAX_BATCH_BYTES):
            found.append(tuple(batch))
            batch, size = [], 0
        batch.append(item)
        size += length
    return [*found, tuple(batch)] if batch else found


async def submit(api: ExchangeApi, items: Sequence[SigningItem]) -> list[Result]:
    """Post statements in order. Each request is all or none; what was accepted before a refusal stays accepted.

    Sending the same again gets the same answer, so an interrupted submission is simply repeated.
    """
    results: list[Result] = []
    for batch in batches(items):
        accepted = await api.post([submission(item) for item in batch])
        results.extend(accepted.results)
    return results
