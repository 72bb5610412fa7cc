"""Exhibits: small files with which a device shows a third person what was done to it (``docs/spec/envelope.md``, Withholding).

Two formats, both strict JSON of at most MAX_EXHIBIT bytes, both read with the exchange id alone, offline and without a key:

* a **contradiction** convicts whoever signed an alert that lists a device as without key although that device's key for the
  week stood in the journal that the alert itself names;
* a **withheld** file shows that an alert stands in the journal, and holds the device's signed claim that neither it nor a proof of
  absence was handed out.  The claim is the device's word; an auditor's leaf list says whether a leaf was owed (``check_owed``).

Pure.  That an entry stands in a log is proven to a signed checkpoint; the registry's rules are not replayed: an enrolment counts
because the exchange accepted it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from exchange.model.alert import AlertBody, DeviceIssuer
from exchange.model.common import Common
from exchange.model.entry import PROPOSED, RELEASED, Entry, parse_entry
from exchange.model.journal import EpochPublish
from exchange.model.problems import ExchangeError, Malformed, first_error
from exchange.model.registry import DeviceEnrol, Founding
from exchange.model.scalars import Bytes8, Hash, Id, Record, Size, Tag
from exchange.model.statements import Statement, parse_statement
from exchange.tlog.checkpoint import Checkpoint, LogName, log_origin
from exchange.tlog.errors import TlogError
from exchange.tlog.merkle import leaf_hash as log_leaf
from exchange.tlog.merkle import verify_inclusion
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.note import verify_checkpoint
from keys.stanza import (
    NO_BUNDLE,
    LeafSummary,
    audience_root,
    depth_of,
    inner_hash,
    leaf_hash,
    stanza_id,
    verify_path,
)
from keys.verify import LogPublicKey, SigningPublicKey, verify_ed25519, verify_hybrid

CONTRADICTION = "tlp-exchange-contradiction/v1"
WITHHELD = "tlp-exchange-withheld/v1"
WITHHELD_KIND = "alert.withheld"
"""Payload type of a device's claim: signed like a statement, and entered in no log."""
MAX_KNOWN = 16
"""Hashes of keys, and ids of bundles, in a withheld file: those that can have been used at the time."""
MAX_EXHIBIT = 1 << 20
"""Bytes. The largest holds an alert with three approvals, a bundle, the founding and five enrolments."""

_Base64 = Annotated[str, StringConstraints(strict=True, max_length=8192, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
_Note = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=65_536)]
_Proof = Annotated[tuple[_Base64, ...], Field(max_length=63)]


class ExhibitError(ExchangeError):
    """An exhibit that shows nothing: ``exhibit-malformed``, ``exhibit-foreign`` (another exchange), ``exhibit-unproven``."""


class PlacedStatement(Record):
    """A statement, its entry (leaf bytes), and the way from there to a root."""

    entry: _Base64
    envelope: dict[str, Any]
    index: Size
    proof: _Proof


class KeylessLeaf(Record):
    """A leaf with an empty stanza; ``instead`` is what stands in the stanza id in place of a key's hash."""

    device: Id
    index: Size
    instead: Hash
    path: Annotated[tuple[Hash, ...], Field(max_length=20)]
    tag: Bytes8


class _Exhibit(Record):
    enrolments: Annotated[tuple[PlacedStatement, ...], Field(max_length=5)]
    exchange: Hash
    founding: dict[str, Any]
    journal: _Note
    registry: _Note


class ContradictionFile(_Exhibit):
    """``tlp-exchange-contradiction/v1``. The proof of ``published`` leads to the journal head in the alert's ``seen``."""

    alert: PlacedStatement
    format: Literal["tlp-exchange-contradiction/v1"]
    leaf: KeylessLeaf
    published: PlacedStatement


class WithheldFile(_Exhibit):
    """``tlp-exchange-withheld/v1``: the alert's entry under the journal's checkpoint, and the device's signed claim.

    ``keys`` are what may stand in the device's stanza id: hashes of its weekly keys, statement ids of its bundles.
    """

    claim: dict[str, Any]
    entry: _Base64
    format: Literal["tlp-exchange-withheld/v1"]
    index: Size
    keys: Annotated[tuple[Hash, ...], Field(max_length=MAX_KNOWN)]
    proof: _Proof


class WithheldClaim(Common):
    """What a device says of an alert that was kept from it. ``tag`` is its own for that entry; ``answer`` is what the exchange
    said instead, a code."""

    alert: Hash
    answer: Tag
    index: Size
    issuer: DeviceIssuer
    tag: Bytes8


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What a checked contradiction proves. Ids as everywhere; ``alert`` is the statement, at journal ``index``; the key of ``week``
    was published at journal index ``published``, below the ``seen`` entries that the alert names."""

    exchange: str
    alert: str
    index: int
    author: str
    approvers: tuple[str, ...]
    device: str
    week: int
    published: int
    seen: int


@dataclass(frozen=True, slots=True)
class Withheld:
    """What a checked withheld file shows: that the entry stands in the journal, and what the device says of it."""

    exchange: str
    alert: str
    index: int
    at: int
    entry: Entry
    device: str
    tag: bytes
    claimed_at: int
    answer: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Grounds:
    """The founding, and both checkpoints with the signatures of its logs."""

    exchange: str
    registry: Checkpoint
    journal: Checkpoint


def _unproven(detail: str) -> ExhibitError:
    return ExhibitError("exhibit-unproven", detail)


def exhibit_format(data: bytes) -> str:
    """Which of the formats a file claims to be. Raises ExhibitError ``exhibit-malformed``."""
    found = _object(data).get("format")
    if found not in (CONTRADICTION, WITHHELD):
        raise ExhibitError("exhibit-malformed", "the file is of no known format")
    return str(found)


def _object(data: bytes) -> dict[str, Any]:
    try:
        return encoding.decode(data, max_bytes=MAX_EXHIBIT)
    except KeysError as error:
        raise ExhibitError("exhibit-malformed", str(error)) from None


def _grounds(file: _Exhibit, exchange: str) -> _Grounds:
    if file.exchange != exchange:
        raise ExhibitError("exhibit-foreign", "the file is about another exchange than the one asked for")
    try:
        envelope = Envelope.from_json(file.founding)
        body = parse_statement(envelope).body
        if envelope.statement_id != exchange or not isinstance(body, Founding):
            raise ExhibitError("exhibit-foreign", "the founding is not that of the exchange asked for")
        notes = {}
        names: tuple[tuple[LogName, str], ...] = (("registry", file.registry), ("journal", file.journal))
        for log, note in names:
            key = LogPublicKey.from_json(getattr(body.logs, log).to_json())
            origin = log_origin(body.origin, log)
            notes[log] = Checkpoint.parse(verify_checkpoint(note.encode("utf-8"), origin, key).text)
    except (KeysError, Malformed, TlogError) as error:
        raise _unproven(f"founding or checkpoints do not verify: {error}") from None
    return _Grounds(exchange, notes["registry"], notes["journal"])


def _entry(data: str, index: int, proof: Sequence[str], size: int, root: bytes, what: str) -> Entry:
    """The entry, when it stands at the index of a log of this size and root."""
    try:
        raw = encoding.unb64(data)
        hashes = [encoding.unb64(one, length=32) for one in proof]
        verify_inclusion(log_leaf(raw), index, size, hashes, root)
        return parse_entry(raw)
    except (KeysError, Malformed, TlogError) as error:
        raise _unproven(f"{what} does not stand where the file says: {error}") from None


def _statement(placed: PlacedStatement, size: int, root: bytes, what: str) -> tuple[Statement, Entry]:
    """A statement whose entry names it and its signatures, and stands in the log."""
    entry = _entry(placed.entry, placed.index, placed.proof, size, root, what)
    try:
        envelope = Envelope.from_json(placed.envelope)
        statement = parse_statement(envelope)
    except (KeysError, Malformed) as error:
        raise _unproven(f"{what} cannot be read: {error}") from None
    if (entry.statement, entry.signatures) != (envelope.statement_id, envelope.signatures_hash):
        raise _unproven(f"{what} is not the statement of its entry")
    return statement, entry


def _enrolled(file: _Exhibit, grounds: _Grounds) -> Mapping[str, SigningPublicKey]:
    """The signing keys of the devices whose enrolment the registry holds."""
    keys: dict[str, SigningPublicKey] = {}
    for placed in file.enrolments:
        statement, entry = _statement(placed, grounds.registry.size, grounds.registry.root, "an enrolment")
        body = statement.body
        if not isinstance(body, DeviceEnrol) or statement.exchange != grounds.exchange:
            raise _unproven("an enrolment is not that of a device at this exchange")
        if entry.subject != f"device/{body.device}" or body.device in keys:
            raise _unproven("an enrolment is not its entry's, or stands twice")
        keys[body.device] = SigningPublicKey.from_json(body.signing.to_json())
    return keys


# -- contradictions ------------------------------------------------------------------------------------------------------


def check_contradiction(data: bytes, exchange: str) -> Contradiction:
    """Check a contradiction file against an exchange id (64 hexadecimal digits).

    1. The founding is the exchange's; both checkpoints carry the signatures of its logs.
    2. The alert stands in the journal; exactly devices enrolled here signed it, its author's among them.
    3. The leaf, with an empty stanza, leads to the root that they signed; its stanza id names the device and the week of
       ``core.at``, and shows that the device was listed as without key.
    4. The device's ``epoch.publish`` has a key for that week, is signed by the device, and stands in the journal below the size,
       and under the root, that the alert itself names as seen.

    Raises ExhibitError: ``exhibit-malformed``, ``exhibit-foreign``, ``exhibit-unproven``.
    """
    try:
        file = ContradictionFile.model_validate(_object(data))
    except ValidationError as error:
        raise ExhibitError("exhibit-malformed", first_error(error)) from None
    grounds = _grounds(file, exchange)
    keys = _enrolled(file, grounds)
    statement, entry = _statement(file.alert, grounds.journal.size, grounds.journal.root, "the alert")
    body = statement.body
    if not isinstance(body, AlertBody) or entry.kind not in (PROPOSED, RELEASED) or statement.exchange != exchange:
        raise _unproven("the statement is no alert of this exchange")
    signers = _alert_signers(statement, body, keys)
    week = encoding.week_of(body.core.at)
    _check_leaf(body, file.leaf, week)
    head = body.core.seen.journal
    if file.published.index >= head.size:
        raise _unproven("the key was published after the journal that the alert names")
    root = encoding.unhex32(head.root)
    published, _ = _statement(file.published, head.size, root, "the bundle of weekly keys")
    _check_published(published, file.leaf.device, week, exchange, keys)
    author = body.core.issuer.device
    return Contradiction(
        exchange,
        statement.id,
        file.alert.index,
        author,
        tuple(device for device in signers if device != author),
        file.leaf.device,
        week,
        file.published.index,
        head.size,
    )


def _alert_signers(statement: Statement, body: AlertBody, keys: Mapping[str, SigningPublicKey]) -> tuple[str, ...]:
    device_of = {key.key_id: device for device, key in keys.items()}
    try:
        devices = tuple(device_of[key_id] for key_id in statement.envelope.signer_ids)
        verify_hybrid(statement.envelope, [keys[device] for device in devices])
    except KeyError:
        raise _unproven("a signature is by a device whose enrolment is not in the file") from None
    except KeysError as error:
        raise _unproven(f"the alert's signatures do not verify: {error}") from None
    if body.core.issuer.device not in devices:
        raise _unproven("the author's device did not sign")
    return devices


def _check_leaf(body: AlertBody, leaf: KeylessLeaf, week: int) -> None:
    core, sealed = body.core, body.sealed
    if sealed.root is None or sealed.depth != depth_of(max(1, core.leaves)) or leaf.index >= core.leaves:
        raise _unproven("the leaf stands outside the number of leaves that was signed")
    try:
        device = encoding.unb64u(leaf.device, length=16)
        identifier = stanza_id(device, week, encoding.unhex32(leaf.instead))
        place = leaf_hash(encoding.unb64u(leaf.tag, length=8), inner_hash(identifier, b""))
        path = [encoding.unhex32(node) for node in leaf.path]
        verify_path(encoding.unhex32(sealed.root), sealed.depth, leaf.index, place, path)
    except KeysError as error:
        raise _unproven(f"the leaf does not lead to the root that was signed: {error}") from None


def _check_published(
    published: Statement, device: str, week: int, exchange: str, keys: Mapping[str, SigningPublicKey]
) -> None:
    body = published.body
    if not isinstance(body, EpochPublish) or published.exchange != exchange or body.issuer.device != device:
        raise _unproven("what was published is no bundle of weekly keys of this device")
    if all(key.week != week for key in body.keys):
        raise _unproven("the bundle has no key for the week of the alert")
    key = keys.get(device)
    if key is None:
        raise _unproven("the device's enrolment is not in the file")
    try:
        verify_ed25519(published.envelope, key)
    except KeysError as error:
        raise _unproven(f"the bundle's signature does not verify: {error}") from None


# -- withheld alerts -----------------------------------------------------------------------------------------------------


def check_withheld(data: bytes, exchange: str) -> Withheld:
    """Check a withheld file against an exchange id: founding and checkpoints, the entry of a sealed alert in the journal, the
    device's enrolment in the registry, and the device's signature on its claim.

    It proves that the alert was released and what the device says; that nothing was handed out is the device's word, and whether a
    leaf was owed is for ``check_owed``.  Raises as ``check_contradiction``.
    """
    try:
        file = WithheldFile.model_validate(_object(data))
    except ValidationError as error:
        raise ExhibitError("exhibit-malformed", first_error(error)) from None
    grounds = _grounds(file, exchange)
    keys = _enrolled(file, grounds)
    entry = _entry(file.entry, file.index, file.proof, grounds.journal.size, grounds.journal.root, "the alert's entry")
    if entry.kind != RELEASED or entry.alert is None or entry.alert.audience is None:
        raise _unproven("the entry is not that of a sealed alert")
    try:
        envelope = Envelope.from_json(file.claim)
        raw = encoding.decode(envelope.body, max_bytes=len(envelope.body))
        claim = WithheldClaim.model_validate(raw)
        key = keys.get(claim.issuer.device)
        if key is None or envelope.kind != WITHHELD_KIND:
            raise _unproven("the claim is not that of a device whose enrolment is in the file")
        verify_hybrid(envelope, [key])
    except ValidationError as error:
        raise ExhibitError("exhibit-malformed", first_error(error)) from None
    except KeysError as error:
        raise _unproven(f"the claim does not verify: {error}") from None
    if (claim.exchange, claim.alert, claim.index) != (exchange, entry.statement, file.index):
        raise _unproven("the claim is about another alert")
    tag = encoding.unb64u(claim.tag, length=8)
    device = claim.issuer.device
    return Withheld(
        exchange, entry.statement, file.index, entry.at, entry, device, tag, claim.at, claim.answer, file.keys
    )


def check_owed(withheld: Withheld, statement: Statement, leaves: Sequence[LeafSummary]) -> LeafSummary | None:
    """The leaf that the device was owed, from the alert's statement and leaf list; None when it has none.

    Both are held against the entry that the file proves, so they may come from anywhere.  The stanza id names the device without
    its help: no secret is needed.  A leaf that carries another tag than ``withheld.tag`` could not have been asked for; whether
    author or device computed it wrongly, only a secret would tell.  Raises ExhibitError ``exhibit-unproven``.
    """
    audience = None if withheld.entry.alert is None else withheld.entry.alert.audience
    if statement.id != withheld.alert or audience is None:
        raise _unproven("the statement is not the one of the entry")
    root, depth = audience_root([leaf.leaf_hash() for leaf in leaves])
    if (root.hex(), depth) != (audience.root, audience.depth):
        raise _unproven("the leaf list does not lead to the root in the entry")
    device, week = encoding.unb64u(withheld.device, length=16), encoding.week_of(statement.at)
    known = (NO_BUNDLE, *(bytes.fromhex(one) for one in withheld.keys))
    wanted = {stanza_id(device, week, one) for one in known}
    return next((leaf for leaf in leaves if leaf.stanza_id in wanted), None)
