"""What a reader checks, in numbered order (``docs/spec/envelope.md``, Opening): V1 to V9, and its variants.

``verify_released`` is the list; ``verify_clear``, ``verify_proposal`` and ``verify_absent`` are the variants of the
specification.  Each returns the verified value or raises VerificationError with the step's number and the evidence; none
returns a boolean.  The logs were followed before (``sync``): an index means the entry that stands there in this member's
own verified copy, which is more than an inclusion proof.  No clock; ciphertexts come through ``Parts`` when the list asks
for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from exchange.client.answers import AlertAnswer
from exchange.client.lineage import lineage_here
from exchange.client.replica import Replica
from exchange.client.steps import (
    Books,
    Case,
    Keep,
    Parts,
    Read,
    acceptance_of,
    agree_with_entry,
    check_claim,
    check_in_force,
    check_known_roster,
    check_own_leaf,
    check_parts,
    check_version,
    check_window_and_roster,
    content_key_of,
    decide_alert_here,
    decide_mine,
    entry_at,
    open_parts,
    plain_parts,
    read_content,
    read_statement,
    shown_statement,
    whole_lineage,
)
from exchange.model.alert import AlertBody, Content, Core
from exchange.model.entry import PROPOSED, RELEASED, Entry
from exchange.model.statements import Statement
from exchange.policy.decide import RELEASED as YES_RELEASED
from exchange.policy.decide import Context, Verdict, decide
from exchange.policy.lineage import Version
from exchange.policy.members import Roster
from exchange.policy.replay import (
    AlertRefusal,
    Signers,
    replay_alert,
)
from exchange.policy.rules import Decision
from keys import encoding
from keys.device import DeviceIdentity
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.stanza import (
    Neighbour,
    parse_leaf_list,
    verify_absence,
)


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
    envelope, case = shown_statement(answer)
    # V1. Checkpoints.
    check_claim(replica, answer)
    # V2. The entry. Its registry size was compared with every earlier one when the journal was followed.
    entry = entry_at(replica, case, index, envelope, RELEASED)
    # V3, V4. Signatures over the raw bytes first, then the body; see the two functions for the order inside.
    acceptance = acceptance_of(replica, case, entry)
    read = read_statement(replica, case, envelope, acceptance)
    agree_with_entry(case, read.core, read.body, entry)
    check_window_and_roster(replica, case, read, index, entry)
    check_version(replica, case, read.core, index, released=True)
    check_in_force(case, read, acceptance)
    # V5. The decisions; of a later version with those before it that were opened here.
    lineage = lineage_here(replica, read.core)
    alert = decide_alert_here(case, read, acceptance, lineage)
    mine = decide_mine(replica, case, read, lineage)
    # V6. Ciphertexts.
    first = await check_parts(case, read.body, parts)
    # V7. The leaf.
    if answer.leaf is None:
        case.fail(7, "leaf-missing", "the alert names this device's person, and no leaf is shown")
    identifier = check_own_leaf(replica, case, read, answer.leaf, identity)
    # V8, V9. Open and read.
    key = content_key_of(case, read, answer.leaf, identifier, identity)
    content = await open_parts(case, read, key, first, parts, keep)
    return Opened(read.statement, index, entry, read.signers, alert, mine, content, key)


async def verify_clear(replica: Replica, index: int, answer: AlertAnswer, parts: Parts, keep: Keep) -> Opened:
    """Verify a released CLEAR alert: steps 1 to 6 without recipients, then 9 on the plain parts."""
    case, entry, read, alert = _judge_clear(replica, index, answer, replica)
    content = await plain_parts(case, read.body, parts, keep)  # V6, V9
    return Opened(read.statement, index, entry, read.signers, alert, None, content)


def verify_clear_content(replica: Books, index: int, answer: AlertAnswer, first: bytes) -> Opened:
    """As ``verify_clear``, with the content alone: a visitor need not fetch attachments to check what is said."""
    case, entry, read, alert = _judge_clear(replica, index, answer, None)
    reference = read.body.sealed.parts[0]
    if len(first) != reference.length or sha256(first).hexdigest() != reference.sha256:  # V6
        case.fail(6, "part-mismatch", "the content is not the one that was signed")
    content = read_content(case, first, read.body)  # V9
    return Opened(read.statement, index, entry, read.signers, alert, None, content)


def _judge_clear(
    replica: Books, index: int, answer: AlertAnswer, member: Replica | None
) -> tuple[Case, Entry, Read, Decision]:
    """Steps 1 to 5 of a CLEAR alert; a visitor, who is no member, has no journal in which the versions before it stand."""
    return _judge(replica, index, answer, member, clear=True)


def judge_shown(books: Books, index: int, answer: AlertAnswer) -> tuple[Entry, Read, Decision]:
    """Steps 1 to 5 of a released alert of any label, for whoever has evidence and is no recipient (``docs/spec/evidence.md``).

    Who receives it is not asked, and of the versions before it nothing is known. Raises VerificationError.
    """
    _, entry, read, decision = _judge(books, index, answer, None, clear=False)
    return entry, read, decision


def _judge(
    replica: Books, index: int, answer: AlertAnswer, member: Replica | None, *, clear: bool
) -> tuple[Case, Entry, Read, Decision]:
    envelope, case = shown_statement(answer)
    check_claim(replica, answer)  # V1
    entry = entry_at(replica, case, index, envelope, RELEASED)  # V2
    acceptance = acceptance_of(replica, case, entry)
    read = read_statement(replica, case, envelope, acceptance)  # V3, V4
    if clear and read.core.label.sealed:
        case.fail(4, "label-mismatch", "the entry says CLEAR and the signed label does not")
    agree_with_entry(case, read.core, read.body, entry)
    check_window_and_roster(replica, case, read, index, entry)
    if member is not None:
        check_version(member, case, read.core, index, released=True)
    check_in_force(case, read, acceptance)
    lineage = None if member is None else lineage_here(member, read.core)
    return case, entry, read, decide_alert_here(case, read, acceptance, lineage)  # V5


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
    envelope, case = shown_statement(answer)
    check_claim(replica, answer)  # V1
    entry = entry_at(replica, case, index, envelope, PROPOSED)  # V2
    newest = replica.now(now)
    read = read_statement(replica, case, envelope, newest)  # V3, V4
    agree_with_entry(case, read.core, read.body, entry)
    check_known_roster(replica, case, read, index, replica.history.size)
    check_version(replica, case, read.core, index, released=False)
    check_in_force(case, read, newest)
    if replica.unverified_epochs or not replica.sees_all(replica.facts):  # V5
        case.fail(5, "roster-partial", "the whole decision cannot be recomputed with a part of the registry")
    if read.core.issuer.device == replica.device or replica.person not in read.core.approvers:
        case.fail(5, "approver-not-candidate", "this person is not a candidate approver", "R8")
    try:
        summaries = parse_leaf_list(leaves) if read.core.label.sealed else ()
        lineage = whole_lineage(replica, read.core, earlier)
        verdict, places = replay_alert(
            read.statement, read.named, newest, replica.epochs, read.signers, summaries, lineage
        )
    except AlertRefusal as error:
        case.refused(error)
    except KeysError as error:
        case.fail(7, error.code, f"the leaf list is not one: {error}")
    if not read.core.label.sealed:
        content = await plain_parts(case, read.body, parts, keep)  # V6, V9
        return Proposal(Opened(read.statement, index, entry, read.signers, verdict.alert, None, content), verdict, {})
    mine = decide_mine(replica, case, read, lineage)
    first = await check_parts(case, read.body, parts)  # V6
    if answer.leaf is None:
        case.fail(7, "leaf-missing", "no leaf is shown to the candidate approver")
    identifier = check_own_leaf(replica, case, read, answer.leaf, identity)  # V7
    if places.get(replica.device) != answer.leaf.index:
        case.fail(7, "leaf-mismatch", "the leaf shown is not the one in the leaf list")
    key = content_key_of(case, read, answer.leaf, identifier, identity)
    content = await open_parts(case, read, key, first, parts, keep)  # V8, V9
    opened = Opened(read.statement, index, entry, read.signers, verdict.alert, mine, content)
    return Proposal(opened, verdict, places)


def verify_version(replica: Replica, index: int, envelope: Envelope, earlier: Sequence[Version]) -> Version:
    """Verify a released version without opening it, and recompute who received it: what its successor is decided by.

    Steps 1 to 5 with the whole decision, for a member who knows the whole registry; ``earlier`` are the versions before it, each
    verified.  Leaves are not needed: their number is signed, and who they are for is what the decision says.  Raises
    VerificationError.
    """
    case = Case(envelope)
    entry = entry_at(replica, case, index, envelope, RELEASED)  # V2
    acceptance = acceptance_of(replica, case, entry)
    read = read_statement(replica, case, envelope, acceptance)  # V3, V4
    core = read.core
    agree_with_entry(case, core, read.body, entry)
    check_window_and_roster(replica, case, read, index, entry)
    check_version(replica, case, core, index, released=True)
    check_in_force(case, read, acceptance)
    policy = read.named.facts.policy
    if policy is None or replica.unverified_epochs or not replica.sees_all(replica.facts):  # V5
        case.fail(5, "roster-partial", "the whole decision cannot be recomputed with a part of the registry")
    usable = replica.epochs.usable(encoding.week_of(core.at), core.seen.journal.size)
    context = Context(acceptance, usable, whole_lineage(replica, core, earlier))
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
    case = Case(entry=entry, index=index, leaves=neighbours)
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
    envelope, case = shown_statement(answer)
    check_claim(replica, answer)  # V1
    entry = entry_at(replica, case, index, envelope, RELEASED)  # V2
    acceptance = acceptance_of(replica, case, entry)
    read = read_statement(replica, case, envelope, acceptance)  # V3, V4
    agree_with_entry(case, read.core, read.body, entry)
    check_window_and_roster(replica, case, read, index, entry)
    check_in_force(case, read, acceptance)
    check_version(replica, case, read.core, index, released=True)
    alert = decide_alert_here(case, read, acceptance, lineage_here(replica, read.core))  # V5
    first = await check_parts(case, read.body, parts)  # V6
    key, mine = judge(read.body, read.named)
    content = await open_parts(case, read, key, first, parts, keep)  # V8, V9
    return Opened(read.statement, index, entry, read.signers, alert, mine, content, key)
