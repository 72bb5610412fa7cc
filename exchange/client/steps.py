"""The single steps V1 to V9 of opening an alert, which ``verify`` puts in order (``docs/spec/envelope.md``, Opening).

Each step looks at one thing and fails with its own number; none of them asks the network but through ``Parts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NoReturn, Protocol

from exchange.client.answers import AlertAnswer, Leaf
from exchange.client.errors import VerificationError
from exchange.client.history import SignatureMemory
from exchange.client.lineage import granted_persons
from exchange.client.replica import Replica, person_of
from exchange.content.stix import MAX_BUNDLE, StixRefusal, check_bundle, is_stix
from exchange.model.alert import AlertBody, Attachment, Content, Core, parse_content
from exchange.model.entry import Entry
from exchange.model.problems import Malformed
from exchange.model.scalars import BlobRef
from exchange.model.statements import Statement, parse_statement
from exchange.policy.decide import RELEASED as YES_RELEASED
from exchange.policy.decide import Context, decide_alert, decide_one
from exchange.policy.lineage import Lineage, Version, lineage_of
from exchange.policy.members import Roster
from exchange.policy.replay import (
    AlertRefusal,
    Signers,
    check_named_journal,
    check_named_roster,
    check_window,
    check_witnessed,
    verify_signers,
)
from exchange.policy.rules import Decision
from exchange.tlog.checkpoint import LogName
from keys import encoding
from keys.device import DeviceIdentity
from keys.envelope import Envelope
from keys.errors import KeysError, OpenError
from keys.stanza import (
    NO_BUNDLE,
    Neighbour,
    PartDigest,
    attachment_binding,
    depth_of,
    inner_hash,
    leaf_hash,
    parts_digest,
    stanza_id,
    verify_path,
)
from keys.unseal import decrypt_part, decrypt_part_stream, open_stanza

MAX_PART = 112 << 20
"""Bytes of one attachment's part: 100 MB with padding and the chunks' tags."""
MAX_FIRST = 2 << 20
"""Bytes of the first part, the content's, which is held in memory."""
MAX_ALERT = 256 << 20
"""Bytes of all parts together. A signed length is no leave to fill a reader's disk."""

Keep = Callable[[int, Iterable[bytes]], None]
"""(position from 1, plaintext in pieces): where an attachment goes. It counts only when the pieces end without an error."""


class Parts(Protocol):
    """Where ciphertexts (for CLEAR: plain parts) come from; nothing it returns is believed."""

    async def part(self, reference: BlobRef) -> bytes:
        """The bytes that the exchange has under this hash, whole: for the content."""
        ...

    async def pieces(self, reference: BlobRef) -> Iterable[bytes]:
        """The same in pieces of any size, which can be asked for again."""
        ...


class Books(Protocol):
    """Both logs as far as the judging of one alert asks for them: a member's replica, or the evidence that a visitor holds.

    Everything it answers was proven when it came in.
    """

    exchange: str
    memory: SignatureMemory

    def agree(self, log: LogName, note: bytes) -> int:
        """The size of a signed checkpoint that does not contradict what is known."""
        ...

    def journal_entry(self, index: int) -> Entry | None:
        """A journal entry, or None where there is none."""
        ...

    def roster(self, size: int, time: int) -> Roster | None:
        """The roster at a registry size, looked at from a time; None when it is not known."""
        ...

    def root(self, log: LogName, size: int) -> bytes | None:
        """A log's root at a size, 32 bytes; None when it is not known."""
        ...

    def registry_time(self, index: int) -> int | None:
        """Acceptance time of a registry entry; None when it is not known."""
        ...


@dataclass(slots=True)
class Case:
    """One verification: what was shown, so that every failure carries it (and none of it is encoded without one)."""

    envelope: Envelope | None = None
    checkpoint: bytes | None = None
    entry: Entry | None = None
    index: int | None = None
    leaves: Sequence[Neighbour] = ()

    @property
    def evidence(self) -> dict[str, str]:
        """By name, as text."""
        found = {f"leaf-{leaf.index}": f"{leaf.tag.hex()} {leaf.inner.hex()}" for leaf in self.leaves}
        if self.envelope is not None:
            found["statement"] = encoding.b64(self.envelope.encode())
        if self.checkpoint is not None:
            found["checkpoint"] = self.checkpoint.decode("utf-8", "replace")
        if self.entry is not None:
            found["entry"] = encoding.b64(self.entry.encode())
        if self.index is not None:
            found["index"] = str(self.index)
        return found

    def fail(self, step: int, code: str, detail: str, rule: str = "") -> NoReturn:
        """Refuse at a step."""
        raise VerificationError(step, code, detail, self.evidence, rule=rule)

    def refused(self, error: AlertRefusal) -> NoReturn:
        """Refuse as the policy's replay did, at the step its rule belongs to."""
        step = {"V3": 3, "V4": 4, "A1": 4, "A2": 4, "A3": 4, "V7": 7}.get(error.rule, 5)
        raise VerificationError(step, error.code, error.detail, self.evidence, rule=error.rule) from None


@dataclass(frozen=True, slots=True)
class Read:
    """An alert whose signatures verified and whose body was read, with the rosters that judge it."""

    statement: Statement
    signers: Signers
    named: Roster

    @property
    def body(self) -> AlertBody:
        """The statement's body."""
        return self.statement.alert

    @property
    def core(self) -> Core:
        """Its core."""
        return self.statement.alert.core


# -- V1, V2 ------------------------------------------------------------------------------------------------------------


def shown_statement(answer: AlertAnswer) -> tuple[Envelope, Case]:
    """What an answer shows, and the case that collects evidence; refuses one that shows nothing (V2)."""
    if answer.envelope is None:
        raise VerificationError(2, "withheld", "the alert is not shown to a device that it may be for")
    return answer.envelope, Case(answer.envelope, answer.checkpoint)


def check_claim(replica: Books, answer: AlertAnswer) -> None:
    """V1: the checkpoint that came along contradicts nothing that was accepted."""
    if answer.checkpoint is not None:
        replica.agree("journal", answer.checkpoint)


def entry_at(replica: Books, case: Case, index: int, envelope: Envelope, kind: str) -> Entry:
    """V2: the journal's entry at an index, of this statement with these signatures, in this kind."""
    entry = replica.journal_entry(index)
    if entry is None:
        case.fail(2, "entry-missing", f"the journal has no entry {index}")
    case.entry, case.index = entry, index
    if envelope.kind != "alert" or entry.kind != kind or entry.alert is None:
        case.fail(2, "entry-mismatch", f"the entry is not {kind}")
    if entry.statement != envelope.statement_id:
        case.fail(2, "statement-mismatch", "the statement shown is not the one in the journal")
    if entry.signatures != envelope.signatures_hash:
        case.fail(2, "signatures-mismatch", "the signatures shown are not those that were accepted")
    return entry


# -- V3, V4 ------------------------------------------------------------------------------------------------------------


def acceptance_of(replica: Books, case: Case, entry: Entry) -> Roster:
    """The roster in force when the entry was made."""
    roster = None if entry.registry is None else replica.roster(entry.registry.size, entry.at)
    if roster is None:
        case.fail(2, "registry-unknown", "the entry names a registry that is not known here")
    return roster


def read_statement(replica: Books, case: Case, envelope: Envelope, roster: Roster) -> Read:
    """Signatures over the raw bytes (V3), then the body (V4), then the signers as the roster named knows them (V3)."""
    keys = []
    for key_id in envelope.signer_ids:
        device = roster.facts.device_of_key.get(key_id)
        if device is None:
            case.fail(3, "signer-unknown", "a signature is by a key that the registry does not name")
        keys.append(roster.facts.devices[device].signing)
    try:
        replica.memory.verify(envelope, keys)
    except KeysError as error:
        case.fail(3, error.code, str(error))
    try:
        statement = parse_statement(envelope)
    except Malformed as error:
        case.fail(4, error.code, error.detail)
    core = statement.alert.core
    if core.exchange != replica.exchange:
        case.fail(4, "other-exchange", "the alert is for another exchange")
    named = replica.roster(core.seen.registry.size, core.at)
    if named is None:
        case.fail(4, "roster-ahead", "the alert names a registry that is not known here", "A2")
    try:
        signers = verify_signers(statement, named, replica.memory.verify)
    except AlertRefusal as error:
        case.refused(error)
    return Read(statement, signers, named)


def check_in_force(case: Case, read: Read, acceptance: Roster) -> None:
    """V3: the signers' devices and persons, at the roster named and at acceptance."""
    for roster in (read.named, acceptance):
        for key_id in read.statement.envelope.signer_ids:
            device = roster.facts.device_of_key[key_id]
            fault = roster.device_fault(device)
            if fault is not None:
                who = "author" if device == read.core.issuer.device else "approver"
                case.fail(3, f"{who}-{fault}", f"the {who}'s device was not in force")


def agree_with_entry(case: Case, core: Core, body: AlertBody, entry: Entry) -> None:
    """V4: what the entry says of the alert is what was signed."""
    mark = entry.alert
    if mark is None or (mark.id, mark.version) != (core.alert, core.version):
        case.fail(4, "entry-differs", "the entry names another alert or version than the one signed")
    head = mark.audience
    said = (None, None, None) if head is None else (head.depth, head.ephemeral, head.root)
    if said != (body.sealed.depth, body.sealed.ephemeral, body.sealed.root):
        case.fail(4, "entry-differs", "the entry names another audience root than the one signed")


def check_window_and_roster(replica: Books, case: Case, read: Read, index: int, entry: Entry) -> None:
    """V4: accepted in its time window, on a roster that is the log's own, not newer than the entry, and not stale."""
    try:
        check_window(read.core, read.signers, entry.at)
    except AlertRefusal as error:
        case.refused(error)
    check_known_roster(replica, case, read, index, entry.registry.size if entry.registry is not None else 0)


def check_known_roster(replica: Books, case: Case, read: Read, index: int, registry_size: int) -> None:
    """V4: both heads that the author saw are this member's own too: else one of the two is shown another history."""
    core = read.core
    size = core.seen.registry.size
    try:
        # A roster newer than the entry is none that the server could have judged by.
        root = replica.root("registry", size) if size <= registry_size else None
        check_named_roster(core, root, replica.registry_time(size))
        seen = core.seen.journal.size
        check_named_journal(core, replica.root("journal", seen) if seen <= index else None)
        check_witnessed(core, read.named.facts)
    except AlertRefusal as error:
        case.refused(error)


def check_version(replica: Replica, case: Case, core: Core, index: int, *, released: bool) -> None:
    """V4: the version before has one release, which the author had seen; this one has no other, when it is released."""
    rows = replica.state.versions(core.alert)
    if released and any(row.version == core.version and row.index != index for row in rows):
        case.fail(4, "version-taken", "the journal releases this version of the alert more than once", "R10")
    if core.version == 1:
        return
    before = [row for row in rows if row.version == core.version - 1 and row.index < index]
    if len(before) != 1:
        case.fail(4, "version-unreleased", "the journal does not have one release of the version before", "R10")
    if before[0].statement != core.previous:
        case.fail(4, "version-previous", "the version names another one before it than the journal", "R10")
    if before[0].index >= core.seen.journal.size:
        case.fail(4, "version-unseen", "the author had not seen the version before", "R10")


def whole_lineage(replica: Replica, core: Core, earlier: Sequence[Version]) -> Lineage | None:
    """The whole lineage of a version, from the verified versions before it."""
    return lineage_of(core, earlier, granted_persons(replica, core.alert, core.seen.journal.size))


# -- V5 ----------------------------------------------------------------------------------------------------------------


def decide_alert_here(case: Case, read: Read, acceptance: Roster, lineage: Lineage | None) -> Decision:
    """V5: the rules allow the alert, at the roster named and at acceptance."""
    policy = read.named.facts.policy
    if policy is None:
        case.fail(5, "policy-missing", "the roster named has no policy", "R9")
    context = Context(acceptance, lineage=lineage)
    decision = decide_alert(read.named, policy, read.core, read.signers.approvals, context)
    if not decision.allowed:
        case.fail(5, decision.code, f"{decision.rule} forbids this alert", decision.rule)
    if decision != YES_RELEASED:
        case.fail(5, "approvals-missing", "the alert was released without the approvals it names", "R8")
    return decision


def decide_mine(replica: Replica, case: Case, read: Read, lineage: Lineage | None) -> Decision:
    """That this person is a recipient by the rules: a leaf alone makes nobody one (a ghost would be a device more)."""
    policy, person = read.named.facts.policy, person_of(read.named.facts, replica.device)
    if policy is None or person is None or replica.device not in read.named.devices_in_force(person):
        case.fail(5, "device-unknown", "the roster named does not have this device", "R1")
    decision = decide_one(read.named, policy, read.core, person, lineage=lineage)
    if not decision.allowed:
        case.fail(5, decision.code, f"{decision.rule}: this person is not a recipient", decision.rule)
    return decision


# -- V6 to V9 ----------------------------------------------------------------------------------------------------------


async def check_parts(case: Case, body: AlertBody, parts: Parts) -> bytes:
    """V6: every part has the signed length and hash; returns the first, the content's ciphertext."""
    references = body.sealed.parts
    for position, reference in enumerate(references):
        most = MAX_PART if position else MAX_FIRST
        if reference.length > most:
            case.fail(6, "part-too-large", f"part {position} has more than {most} bytes")
    if sum(reference.length for reference in references) > MAX_ALERT:
        case.fail(6, "part-too-large", f"the parts together have more than {MAX_ALERT} bytes")
    for position, reference in enumerate(references):
        digest, length = sha256(), 0
        for piece in await parts.pieces(reference):
            digest.update(piece)
            length += len(piece)
        if (length, digest.hexdigest()) != (reference.length, reference.sha256):
            case.fail(6, "part-mismatch", f"part {position} is not the one that was signed")
    return await parts.part(references[0])


def check_own_leaf(replica: Replica, case: Case, read: Read, leaf: Leaf, identity: DeviceIdentity) -> bytes:
    """V7: the leaf is this device's own, for the week of ``core.at`` and the key it published; returns the stanza id."""
    core, sealed = read.core, read.body.sealed
    week, size = encoding.week_of(core.at), core.seen.journal.size
    key = replica.epochs.key(replica.device, week, size)
    if key is not None:
        known = key.key_hash
    else:
        last = replica.epochs.last_bundle(replica.device, size)
        known = NO_BUNDLE if last is None else bytes.fromhex(last)
    identifier = stanza_id(identity.device, week, known)
    if leaf.stanza_id != identifier:
        case.fail(7, "stanza-id", "the stanza is not for this device's key of that week")
    if (key is not None) != bool(leaf.stanza):
        case.fail(7, "stanza-missing", "the stanza and this device's key do not agree", "R16")
    try:
        ephemeral = encoding.unb64u(sealed.ephemeral, length=32)
        tag = identity.tag(ephemeral, encoding.unb64u(core.alert, length=16), core.version)
        if leaf.tag != tag:
            case.fail(7, "tag-mismatch", "the leaf does not carry this device's tag")
        depth = sealed.depth if sealed.depth is not None else -1
        if leaf.index >= core.leaves or depth != depth_of(core.leaves) or len(leaf.path) != depth:
            case.fail(7, "leaf-place", "the leaf stands outside the signed number of leaves")
        place = leaf_hash(tag, inner_hash(identifier, leaf.stanza))
        verify_path(encoding.unhex32(sealed.root), depth, leaf.index, place, leaf.path)
    except KeysError as error:
        case.fail(7, error.code, str(error))
    return identifier


def digests(body: AlertBody) -> tuple[bytes, bytes]:
    """Core hash and parts digest (32 bytes each), which every stanza of an alert is bound to."""
    core_hash = sha256(encoding.encode(body.core.to_json())).digest()
    return core_hash, parts_digest(PartDigest(r.length, encoding.unhex32(r.sha256)) for r in body.sealed.parts)


def content_key_of(case: Case, read: Read, leaf: Leaf, identifier: bytes, identity: DeviceIdentity) -> bytes:
    """V8: this device's stanza opens with its key of the week."""
    core_hash, digest = digests(read.body)
    try:
        seed = identity.epoch_seed(encoding.week_of(read.core.at)) if leaf.stanza else b""
        return open_stanza(seed, leaf.stanza, core_hash=core_hash, parts_digest=digest, stanza_id=identifier)
    except OpenError as error:
        case.fail(8, error.code, str(error))


async def open_parts(case: Case, read: Read, content_key: bytes, first: bytes, parts: Parts, keep: Keep) -> Content:
    """V8 and V9. Attachments are opened one at a time and in pieces, and kept when they came to their end verified."""
    references = read.body.sealed.parts
    core_hash, _ = digests(read.body)
    try:
        content = read_content(case, decrypt_part(content_key, core_hash, 0, first), read.body)
        for position, attachment in enumerate(content.attachments, 1):
            key, binding, place = content_key, core_hash, position
            if attachment.key is not None:  # sealed ahead, under a key of its own
                key, binding, place = encoding.unb64u(attachment.key), _binding(attachment), 0
            pieces = decrypt_part_stream(key, binding, place, await parts.pieces(references[position]))
            _keep(case, read.core, position, attachment, pieces, keep)
    except OpenError as error:
        case.fail(8, error.code, str(error))
    return content


async def plain_parts(case: Case, body: AlertBody, parts: Parts, keep: Keep) -> Content:
    """V6 and V9 of CLEAR: the parts are plain."""
    content = read_content(case, await check_parts(case, body, parts), body)
    for position, attachment in enumerate(content.attachments, 1):
        _keep(case, body.core, position, attachment, await parts.pieces(body.sealed.parts[position]), keep)
    return content


def read_content(case: Case, plaintext: bytes, body: AlertBody) -> Content:
    """V9: strict content, as many attachments as parts; every text says what changed, from version 2 on."""
    try:
        content = parse_content(plaintext)
    except Malformed as error:
        case.fail(9, error.code, error.detail)
    if len(content.attachments) != len(body.sealed.parts) - 1:
        case.fail(9, "attachments-mismatch", "the content names another number of attachments than there are parts")
    if any((text.changed is None) != (body.core.version == 1) for text in content.texts):
        case.fail(
            9, "changed-mismatch", "what changed stands in every text of a later version, and in none of the first"
        )
    return content


def _binding(attachment: Attachment) -> bytes:
    return attachment_binding(encoding.unhex32(attachment.sha256))


def _keep(case: Case, core: Core, position: int, attachment: Attachment, pieces: Iterable[bytes], keep: Keep) -> None:
    """V8 and V9 of one attachment: length and hash while it is kept; a STIX bundle's markings before it is."""
    checked = _checked(case, position, attachment, pieces)
    if is_stix(attachment.media_type):
        if attachment.length > MAX_BUNDLE:
            case.fail(9, "stix-malformed", f"attachment {position} is too large to be a STIX bundle")
        data = b"".join(checked)
        try:
            check_bundle(data, core.label)
        except StixRefusal as refusal:
            case.fail(9, refusal.code, f"attachment {position}: {refusal.detail}")
        checked = iter((data,))
    keep(position, checked)
    for _ in checked:  # whoever keeps nothing must not skip the check
        pass


def _checked(case: Case, position: int, attachment: Attachment, pieces: Iterable[bytes]) -> Iterator[bytes]:
    digest, length = sha256(), 0
    for piece in pieces:
        digest.update(piece)
        length += len(piece)
        yield piece
    if length != attachment.length:
        case.fail(8, "attachment-length", f"attachment {position} has another length than the content says")
    if digest.hexdigest() != attachment.sha256:
        case.fail(9, "attachment-hash", f"attachment {position} is not the one that the content names")
