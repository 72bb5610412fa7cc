"""What a reader checks, in numbered order (``docs/spec/envelope.md``, Opening): V1 to V9, and its variants.

``verify_released`` is the list; ``verify_clear``, ``verify_proposal`` and ``verify_absent`` are the variants of the
specification.  Each returns the verified value or raises VerificationError with the step's number and the evidence; none
returns a boolean.  The logs were followed before (``sync``): an index means the entry that stands there in this member's
own verified copy, which is more than an inclusion proof.  No clock; ciphertexts come through ``Parts`` when the list asks
for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NoReturn, Protocol

from exchange.client.answers import AlertAnswer, Leaf
from exchange.client.errors import VerificationError
from exchange.client.history import SignatureMemory
from exchange.client.lineage import granted_persons, lineage_here
from exchange.client.replica import Replica, person_of
from exchange.content.stix import MAX_BUNDLE, StixRefusal, check_bundle, is_stix
from exchange.model.alert import AlertBody, Attachment, Content, Core, parse_content
from exchange.model.entry import PROPOSED, RELEASED, Entry
from exchange.model.problems import Malformed
from exchange.model.scalars import BlobRef
from exchange.model.statements import Statement, parse_statement
from exchange.policy.decide import RELEASED as YES_RELEASED
from exchange.policy.decide import Context, Verdict, decide, decide_alert, decide_one
from exchange.policy.lineage import Lineage, Version, lineage_of
from exchange.policy.members import Roster
from exchange.policy.replay import (
    AlertRefusal,
    Signers,
    check_named_journal,
    check_named_roster,
    check_window,
    replay_alert,
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
    parse_leaf_list,
    parts_digest,
    stanza_id,
    verify_absence,
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


@dataclass(frozen=True, slots=True)
class Opened:
    """A verified and opened alert.

    ``mine`` says why this person receives it (None for CLEAR), ``alert`` that it may be published; the content is plaintext, and
    ``content_key`` (none for CLEAR) is what passing it on takes.
    """

    statement: Statement
    index: int
    entry: Entry
    signers: Signers
    alert: Decision
    mine: Decision | None
    content: Content = field(repr=False)
    content_key: bytes | None = field(default=None, repr=False)

    @property
    def core(self) -> Core:
        """The signed core."""
        return self.statement.alert.core


@dataclass(frozen=True, slots=True)
class Proposal:
    """A verified and opened proposal, with the whole decision as this approver recomputed it."""

    opened: Opened
    verdict: Verdict
    places: dict[str, int]


@dataclass(slots=True)
class _Case:
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
        step = {"V3": 3, "V4": 4, "A1": 4, "A2": 4, "V7": 7}.get(error.rule, 5)
        raise VerificationError(step, error.code, error.detail, self.evidence, rule=error.rule) from None


@dataclass(frozen=True, slots=True)
class _Read:
    """An alert whose signatures verified and whose body was read, with the rosters that judge it."""

    statement: Statement
    signers: Signers
    named: Roster

    @property
    def body(self) -> AlertBody:
        return self.statement.alert

    @property
    def core(self) -> Core:
        return self.statement.alert.core


async def verify_released(
    replica: Replica, index: int, answer: AlertAnswer, identity: DeviceIdentity, parts: Parts, keep: Keep
) -> Opened:
    """Verify and open a released, sealed alert that has a leaf for this device.

    1. The checkpoint in the answer is signed by both log keys and does not contradict what was kept.
    2. The entry at the index is ``alert.released``, of this statement and this signature set.
    3. Author and approvers are in force at the roster named and at acceptance; the signature set is exact and verifies.
    4. The body parses; entry and body agree; the time window held; the roster named is the log's own, and not stale.  A later
       version follows the one release of the version before, and is the only release of its own.
    5. The policy lets the alert be published, and names this person and device as a recipient.
    6. Every ciphertext has the length and hash that were signed.
    7. Leaf: stanza id and tag are this device's, and the path leads to the signed root.
    8. The stanza opens, every part opens, padding is zeros, lengths are the content's.
    9. The content parses strictly; the attachments have their hashes.

    Raises VerificationError with the step; ``stanza-empty`` at step 8 says that the alert is for this device, but was sealed
    while it had no usable key.  TransportError and Refused come through from ``parts``.
    """
    envelope, case = _shown(answer)
    # V1. Checkpoints.
    _check_claim(replica, answer)
    # V2. The entry. Its registry size was compared with every earlier one when the journal was followed.
    entry = _entry(replica, case, index, envelope, RELEASED)
    # V3, V4. Signatures over the raw bytes first, then the body; see the two functions for the order inside.
    acceptance = _acceptance(replica, case, entry)
    read = _read(replica, case, envelope, acceptance)
    _agree_with_entry(case, read.core, read.body, entry)
    _window_and_roster(replica, case, read, index, entry)
    _version(replica, case, read.core, index, released=True)
    _in_force(case, read, acceptance)
    # V5. The decisions; of a later version with those before it that were opened here.
    lineage = lineage_here(replica, read.core)
    alert = _decide(case, read, acceptance, lineage)
    mine = _decide_mine(replica, case, read, lineage)
    # V6. Ciphertexts.
    first = await _check_parts(case, read.body, parts)
    # V7. The leaf.
    if answer.leaf is None:
        case.fail(7, "leaf-missing", "the alert names this device's person, and no leaf is shown")
    identifier = _check_leaf(replica, case, read, answer.leaf, identity)
    # V8, V9. Open and read.
    key = _content_key(case, read, answer.leaf, identifier, identity)
    content = await _open(case, read, key, first, parts, keep)
    return Opened(read.statement, index, entry, read.signers, alert, mine, content, key)


async def verify_clear(replica: Replica, index: int, answer: AlertAnswer, parts: Parts, keep: Keep) -> Opened:
    """Verify a released CLEAR alert: steps 1 to 6 without recipients, then 9 on the plain parts."""
    case, entry, read, alert = _judge_clear(replica, index, answer, replica)
    content = await _plain(case, read.body, parts, keep)  # V6, V9
    return Opened(read.statement, index, entry, read.signers, alert, None, content)


def verify_clear_content(replica: Books, index: int, answer: AlertAnswer, first: bytes) -> Opened:
    """As ``verify_clear``, with the content alone: a visitor need not fetch attachments to check what is said."""
    case, entry, read, alert = _judge_clear(replica, index, answer, None)
    reference = read.body.sealed.parts[0]
    if len(first) != reference.length or sha256(first).hexdigest() != reference.sha256:  # V6
        case.fail(6, "part-mismatch", "the content is not the one that was signed")
    content = _content(case, first, read.body)  # V9
    return Opened(read.statement, index, entry, read.signers, alert, None, content)


def _judge_clear(
    replica: Books, index: int, answer: AlertAnswer, member: Replica | None
) -> tuple[_Case, Entry, _Read, Decision]:
    """Steps 1 to 5 of a CLEAR alert; a visitor, who is no member, has no journal in which the versions before it stand."""
    envelope, case = _shown(answer)
    _check_claim(replica, answer)  # V1
    entry = _entry(replica, case, index, envelope, RELEASED)  # V2
    acceptance = _acceptance(replica, case, entry)
    read = _read(replica, case, envelope, acceptance)  # V3, V4
    if read.core.label.sealed:
        case.fail(4, "label-mismatch", "the entry says CLEAR and the signed label does not")
    _agree_with_entry(case, read.core, read.body, entry)
    _window_and_roster(replica, case, read, index, entry)
    if member is not None:
        _version(member, case, read.core, index, released=True)
    _in_force(case, read, acceptance)
    lineage = None if member is None else lineage_here(member, read.core)
    return case, entry, read, _decide(case, read, acceptance, lineage)  # V5


async def verify_proposal(
    replica: Replica,
    index: int,
    answer: AlertAnswer,
    leaves: bytes,
    identity: DeviceIdentity,
    parts: Parts,
    keep: Keep,
    now: int,
    earlier: Sequence[Version] = (),
) -> Proposal:
    """Verify and open a proposal for its candidate approver, and recompute the whole decision from the leaf list.

    Steps 1, 3 (the signatures there are), 4 without acceptance, 5 in full, 6, 7, 8, 9; the entry is ``alert.proposed``.  The
    approver's own newest roster at ``now`` stands in for acceptance.  ``earlier`` are the released versions before it, each
    verified.  Raises VerificationError.
    """
    envelope, case = _shown(answer)
    _check_claim(replica, answer)  # V1
    entry = _entry(replica, case, index, envelope, PROPOSED)  # V2
    newest = replica.now(now)
    read = _read(replica, case, envelope, newest)  # V3, V4
    _agree_with_entry(case, read.core, read.body, entry)
    _known_roster(replica, case, read, index, replica.history.size)
    _version(replica, case, read.core, index, released=False)
    _in_force(case, read, newest)
    if replica.unverified_epochs or not replica.sees_all(replica.facts):  # V5
        case.fail(5, "roster-partial", "the whole decision cannot be recomputed with a part of the registry")
    if read.core.issuer.device == replica.device or replica.person not in read.core.approvers:
        case.fail(5, "approver-not-candidate", "this person is not a candidate approver", "R8")
    try:
        summaries = parse_leaf_list(leaves) if read.core.label.sealed else ()
        lineage = _lineage(replica, read.core, earlier)
        verdict, places = replay_alert(
            read.statement, read.named, newest, replica.epochs, read.signers, summaries, lineage
        )
    except AlertRefusal as error:
        case.refused(error)
    except KeysError as error:
        case.fail(7, error.code, f"the leaf list is not one: {error}")
    if not read.core.label.sealed:
        content = await _plain(case, read.body, parts, keep)  # V6, V9
        return Proposal(Opened(read.statement, index, entry, read.signers, verdict.alert, None, content), verdict, {})
    mine = _decide_mine(replica, case, read, lineage)
    first = await _check_parts(case, read.body, parts)  # V6
    if answer.leaf is None:
        case.fail(7, "leaf-missing", "no leaf is shown to the candidate approver")
    identifier = _check_leaf(replica, case, read, answer.leaf, identity)  # V7
    if places.get(replica.device) != answer.leaf.index:
        case.fail(7, "leaf-mismatch", "the leaf shown is not the one in the leaf list")
    key = _content_key(case, read, answer.leaf, identifier, identity)
    content = await _open(case, read, key, first, parts, keep)  # V8, V9
    opened = Opened(read.statement, index, entry, read.signers, verdict.alert, mine, content)
    return Proposal(opened, verdict, places)


def verify_version(replica: Replica, index: int, envelope: Envelope, earlier: Sequence[Version]) -> Version:
    """Verify a released version without opening it, and recompute who received it: what its successor is decided by.

    Steps 1 to 5 with the whole decision, for a member who knows the whole registry; ``earlier`` are the versions before it, each
    verified.  Leaves are not needed: their number is signed, and who they are for is what the decision says.  Raises
    VerificationError.
    """
    case = _Case(envelope)
    entry = _entry(replica, case, index, envelope, RELEASED)  # V2
    acceptance = _acceptance(replica, case, entry)
    read = _read(replica, case, envelope, acceptance)  # V3, V4
    core = read.core
    _agree_with_entry(case, core, read.body, entry)
    _window_and_roster(replica, case, read, index, entry)
    _version(replica, case, core, index, released=True)
    _in_force(case, read, acceptance)
    policy = read.named.facts.policy
    if policy is None or replica.unverified_epochs or not replica.sees_all(replica.facts):  # V5
        case.fail(5, "roster-partial", "the whole decision cannot be recomputed with a part of the registry")
    usable = replica.epochs.usable(encoding.week_of(core.at), core.seen.journal.size)
    context = Context(acceptance, usable, _lineage(replica, core, earlier))
    verdict = decide(read.named, policy, core, read.signers.approvals, context)
    if verdict.alert != YES_RELEASED:
        case.fail(5, verdict.alert.code, f"{verdict.alert.rule} forbids this version", verdict.alert.rule)
    organisation = read.named.facts.persons[read.signers.author].organisation
    recipients = frozenset(recipient.person for recipient in verdict.recipients)
    return Version(read.statement.id, index, core, organisation, recipients)


def verify_absent(replica: Replica, index: int, tag: bytes, neighbours: Sequence[Neighbour]) -> None:
    """Verify that no leaf of the alert at this journal index has this device's tag (8 bytes).

    Two leaves stand at adjacent indexes around the tag; or the first leaf lies above it; or the last one lies below it, and
    everything to its right is filling.  The number of leaves is signed in the core, which is not shown to others, so the
    filling is what proves the edge.  Raises VerificationError (step 7): ``withheld``, ``absence-invalid``.
    """
    entry = replica.journal_entry(index)
    audience = None if entry is None or entry.alert is None else entry.alert.audience
    case = _Case(entry=entry, index=index, leaves=neighbours)
    if entry is None or audience is None:
        case.fail(2, "entry-mismatch", "there is no sealed alert at this index")
    if not neighbours:
        case.fail(7, "withheld", "neither the alert nor a proof that it is not for this device was shown")
    try:
        verify_absence(encoding.unhex32(audience.root), audience.depth, tag, neighbours)
    except KeysError as error:
        case.fail(7, "absence-invalid", f"the leaves shown do not prove that this device has none: {error}")


# -- grants ------------------------------------------------------------------------------------------------------------

JudgeGrant = Callable[[AlertBody, Roster], tuple[bytes, Decision]]
"""Judges the grant of a verified alert (G4, G5): its body and named roster to the content key and the decision."""


async def verify_given(
    replica: Replica, index: int, answer: AlertAnswer, parts: Parts, keep: Keep, judge: JudgeGrant
) -> Opened:
    """Verify and open a released, sealed alert that this device was given (``docs/spec/sharing.md``, Grants 3 to 5).

    Steps 1 to 6 without a recipient's place, then the grant as ``judge`` finds it, then 8 and 9.
    """
    envelope, case = _shown(answer)
    _check_claim(replica, answer)  # V1
    entry = _entry(replica, case, index, envelope, RELEASED)  # V2
    acceptance = _acceptance(replica, case, entry)
    read = _read(replica, case, envelope, acceptance)  # V3, V4
    _agree_with_entry(case, read.core, read.body, entry)
    _window_and_roster(replica, case, read, index, entry)
    _in_force(case, read, acceptance)
    _version(replica, case, read.core, index, released=True)
    alert = _decide(case, read, acceptance, lineage_here(replica, read.core))  # V5
    first = await _check_parts(case, read.body, parts)  # V6
    key, mine = judge(read.body, read.named)
    content = await _open(case, read, key, first, parts, keep)  # V8, V9
    return Opened(read.statement, index, entry, read.signers, alert, mine, content, key)


# -- V1, V2 ------------------------------------------------------------------------------------------------------------


def _shown(answer: AlertAnswer) -> tuple[Envelope, _Case]:
    if answer.envelope is None:
        raise VerificationError(2, "withheld", "the alert is not shown to a device that it may be for")
    return answer.envelope, _Case(answer.envelope, answer.checkpoint)


def _check_claim(replica: Books, answer: AlertAnswer) -> None:
    if answer.checkpoint is not None:
        replica.agree("journal", answer.checkpoint)


def _entry(replica: Books, case: _Case, index: int, envelope: Envelope, kind: str) -> Entry:
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


def _acceptance(replica: Books, case: _Case, entry: Entry) -> Roster:
    """The roster in force when the entry was made."""
    roster = None if entry.registry is None else replica.roster(entry.registry.size, entry.at)
    if roster is None:
        case.fail(2, "registry-unknown", "the entry names a registry that is not known here")
    return roster


def _read(replica: Books, case: _Case, envelope: Envelope, roster: Roster) -> _Read:
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
    return _Read(statement, signers, named)


def _in_force(case: _Case, read: _Read, acceptance: Roster) -> None:
    """V3: the signers' devices and persons, at the roster named and at acceptance."""
    for roster in (read.named, acceptance):
        for key_id in read.statement.envelope.signer_ids:
            device = roster.facts.device_of_key[key_id]
            fault = roster.device_fault(device)
            if fault is not None:
                who = "author" if device == read.core.issuer.device else "approver"
                case.fail(3, f"{who}-{fault}", f"the {who}'s device was not in force")


def _agree_with_entry(case: _Case, core: Core, body: AlertBody, entry: Entry) -> None:
    """V4: what the entry says of the alert is what was signed."""
    mark = entry.alert
    if mark is None or (mark.id, mark.version) != (core.alert, core.version):
        case.fail(4, "entry-differs", "the entry names another alert or version than the one signed")
    head = mark.audience
    said = (None, None, None) if head is None else (head.depth, head.ephemeral, head.root)
    if said != (body.sealed.depth, body.sealed.ephemeral, body.sealed.root):
        case.fail(4, "entry-differs", "the entry names another audience root than the one signed")


def _window_and_roster(replica: Books, case: _Case, read: _Read, index: int, entry: Entry) -> None:
    """V4: accepted in its time window, on a roster that is the log's own, not newer than the entry, and not stale."""
    try:
        check_window(read.core, read.signers, entry.at)
    except AlertRefusal as error:
        case.refused(error)
    _known_roster(replica, case, read, index, entry.registry.size if entry.registry is not None else 0)


def _known_roster(replica: Books, case: _Case, read: _Read, index: int, registry_size: int) -> None:
    """V4: both heads that the author saw are this member's own too: else one of the two is shown another history."""
    core = read.core
    size = core.seen.registry.size
    try:
        # A roster newer than the entry is none that the server could have judged by.
        root = replica.root("registry", size) if size <= registry_size else None
        check_named_roster(core, root, replica.registry_time(size))
        seen = core.seen.journal.size
        check_named_journal(core, replica.root("journal", seen) if seen <= index else None)
    except AlertRefusal as error:
        case.refused(error)


def _version(replica: Replica, case: _Case, core: Core, index: int, *, released: bool) -> None:
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


def _lineage(replica: Replica, core: Core, earlier: Sequence[Version]) -> Lineage | None:
    """The whole lineage of a version, from the verified versions before it."""
    return lineage_of(core, earlier, granted_persons(replica, core.alert, core.seen.journal.size))


# -- V5 ----------------------------------------------------------------------------------------------------------------


def _decide(case: _Case, read: _Read, acceptance: Roster, lineage: Lineage | None) -> Decision:
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


def _decide_mine(replica: Replica, case: _Case, read: _Read, lineage: Lineage | None) -> Decision:
    """That this person is a recipient by the rules: a leaf alone makes nobody one (a ghost would be a device more)."""
    policy, person = read.named.facts.policy, person_of(read.named.facts, replica.device)
    if policy is None or person is None or replica.device not in read.named.devices_in_force(person):
        case.fail(5, "device-unknown", "the roster named does not have this device", "R1")
    decision = decide_one(read.named, policy, read.core, person, lineage=lineage)
    if not decision.allowed:
        case.fail(5, decision.code, f"{decision.rule}: this person is not a recipient", decision.rule)
    return decision


# -- V6 to V9 ----------------------------------------------------------------------------------------------------------


async def _check_parts(case: _Case, body: AlertBody, parts: Parts) -> bytes:
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


def _check_leaf(replica: Replica, case: _Case, read: _Read, leaf: Leaf, identity: DeviceIdentity) -> bytes:
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


def _content_key(case: _Case, read: _Read, leaf: Leaf, identifier: bytes, identity: DeviceIdentity) -> bytes:
    """V8: this device's stanza opens with its key of the week."""
    core_hash, digest = digests(read.body)
    try:
        seed = identity.epoch_seed(encoding.week_of(read.core.at)) if leaf.stanza else b""
        return open_stanza(seed, leaf.stanza, core_hash=core_hash, parts_digest=digest, stanza_id=identifier)
    except OpenError as error:
        case.fail(8, error.code, str(error))


async def _open(case: _Case, read: _Read, content_key: bytes, first: bytes, parts: Parts, keep: Keep) -> Content:
    """V8 and V9. Attachments are opened one at a time and in pieces, and kept when they came to their end verified."""
    references = read.body.sealed.parts
    core_hash, _ = digests(read.body)
    try:
        content = _content(case, decrypt_part(content_key, core_hash, 0, first), read.body)
        for position, attachment in enumerate(content.attachments, 1):
            key, binding, place = content_key, core_hash, position
            if attachment.key is not None:  # sealed ahead, under a key of its own
                key, binding, place = encoding.unb64u(attachment.key), _binding(attachment), 0
            pieces = decrypt_part_stream(key, binding, place, await parts.pieces(references[position]))
            _keep(case, read.core, position, attachment, pieces, keep)
    except OpenError as error:
        case.fail(8, error.code, str(error))
    return content


async def _plain(case: _Case, body: AlertBody, parts: Parts, keep: Keep) -> Content:
    """V6 and V9 of CLEAR: the parts are plain."""
    content = _content(case, await _check_parts(case, body, parts), body)
    for position, attachment in enumerate(content.attachments, 1):
        _keep(case, body.core, position, attachment, await parts.pieces(body.sealed.parts[position]), keep)
    return content


def _content(case: _Case, plaintext: bytes, body: AlertBody) -> Content:
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


def _keep(case: _Case, core: Core, position: int, attachment: Attachment, pieces: Iterable[bytes], keep: Keep) -> None:
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


def _checked(case: _Case, position: int, attachment: Attachment, pieces: Iterable[bytes]) -> Iterator[bytes]:
    digest, length = sha256(), 0
    for piece in pieces:
        digest.update(piece)
        length += len(piece)
        yield piece
    if length != attachment.length:
        case.fail(8, "attachment-length", f"attachment {position} has another length than the content says")
    if digest.hexdigest() != attachment.sha256:
        case.fail(9, "attachment-hash", f"attachment {position} is not the one that the content names")
