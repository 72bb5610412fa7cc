"""An alert's whole decision recomputed from the logs: what server, approvers and auditors do (``docs/spec/policy.md``).

Input are pure values only: the rosters, the key table, the statement, and (tag, stanza id, stanza hash) for every leaf.
Nothing that a publisher claims is taken from the claim: recipients, leaves and root are computed and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise

from exchange.model.alert import AlertBody, Core
from exchange.model.common import Common
from exchange.model.problems import ExchangeError
from exchange.model.statements import Statement
from exchange.model.tlp import Label
from exchange.model.window import WINDOW_SENTENCES, window_fault
from exchange.policy.decide import Context, Recipient, Verdict, decide
from exchange.policy.epochs import EpochTable
from exchange.policy.lineage import Lineage
from exchange.policy.members import Facts, Roster
from exchange.policy.roster import Verifier
from exchange.policy.rules import Decision
from keys import encoding
from keys.errors import KeysError
from keys.stanza import LeafSummary, audience_root, encode_leaf_list, stanza_id
from keys.verify import verify_hybrid

ROSTER_LAG = 900
"""Seconds: the roster named holds every registry entry accepted this long before ``core.at`` (A1)."""
WITNESS_AGE = 900
"""Seconds: an older quorum of witnesses is confirmed by the publisher, and an alarm to a reader (``docs/spec/logs.md``)."""
NEVER_WITNESSED = 1 << 31
"""What stands as the age in a core when the witnesses named have never seen the registry."""
NO_STANZA = sha256(b"").digest()
NO_BUNDLE = bytes(32)
SHOWN = 50
"""Devices named in a refusal, at most."""
KEPT_STANZA_IDS = 1 << 16
"""Stanza ids remembered, about 400 bytes each: alerts of one week ask for the same ones again."""


class AlertRefusal(ExchangeError):
    """An alert that the rules forbid.

    ``rule`` is R1 to R16, A1 to A3, or V and the step of the envelope's verification; ``differs`` says what would have to differ,
    by device or person id.
    """

    def __init__(self, rule: str, code: str, detail: str, differs: dict[str, list[str]] | None = None) -> None:
        super().__init__(code, detail)
        self.rule = rule
        self.differs = differs or {}


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signed an alert: the author's person, and the persons who approved, in order of their key ids."""

    author: str
    approvals: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of signers."""
        return 1 + len(self.approvals)


def verify_signers(statement: Statement, roster: Roster, verify: Verifier = verify_hybrid) -> Signers:
    """Name the signers at this roster and verify the exact set; raises AlertRefusal (rule V3).

    That they are in force and entitled is for the decision to say.
    """
    facts, core = roster.facts, statement.alert.core
    author: str | None = None
    approvals: list[str] = []
    keys = []
    for key_id in statement.envelope.signer_ids:
        device = facts.device_of_key.get(key_id)
        if device is None:
            raise AlertRefusal("V3", "signer-unknown", "a signature is by a key that the registry does not name")
        keys.append(facts.devices[device].signing)
        person = facts.devices[device].person
        if device == core.issuer.device:
            author = person
            continue
        fault = roster.device_fault(device)
        if fault is not None:
            raise AlertRefusal("V3", f"approver-{fault}", "an approver's device is not in force")
        approvals.append(person)
    if author is None:
        raise AlertRefusal("V3", "author-signature-missing", "the author's device did not sign")
    try:
        verify(statement.envelope, keys)
    except KeysError as error:
        raise AlertRefusal("V3", error.code, str(error)) from None
    return Signers(author, tuple(approvals))


def check_window(core: Core, signers: Signers, now: int) -> None:
    """The alert's time window at acceptance; raises AlertRefusal (V4)."""
    fault = window_fault(core.at, core.release_by, now, narrow=signers.count == 1)
    if fault is not None:
        raise AlertRefusal("V4", fault, WINDOW_SENTENCES[fault])


def check_named_roster(core: Core, root_at: bytes | None, first_later_entry: int | None) -> None:
    """A1 and A2: the roster that the alert names is the log's own, and not stale; raises AlertRefusal.

    ``root_at`` is the registry's root (32 bytes) at ``core.seen.registry.size`` (None: the log is not that long),
    ``first_later_entry`` the acceptance time of the registry entry with that index (None: there is none).
    """
    if root_at is None:
        raise AlertRefusal("A2", "roster-ahead", "the alert names a registry that this log does not have yet")
    if core.seen.registry.root != root_at.hex():
        raise AlertRefusal("A2", "roster-root", "the alert names a registry root that is not this log's")
    if first_later_entry is not None and first_later_entry <= core.at - ROSTER_LAG:
        raise AlertRefusal(
            "A1", "roster-stale", "the registry changed 15 minutes or more before the alert; fetch it and decide again"
        )


def check_witnessed(core: Core, facts: Facts) -> None:
    """A3: the age of the witnesses' quorum stands in the core exactly when the roster named names witnesses; raises AlertRefusal.

    How old it is only its publisher knows: the number is shown and listed, not judged.
    """
    if facts.witnesses and core.witnessed is None:
        raise AlertRefusal(
            "A3", "witnessed-missing", "the registry names witnesses, and the alert does not say when they saw it"
        )
    if not facts.witnesses and core.witnessed is not None:
        raise AlertRefusal("A3", "witnessed-unnamed", "the alert speaks of witnesses that the registry does not name")


@dataclass(frozen=True, slots=True)
class LeafSet:
    """An audience's leaves with what can be computed before it is known who should be among them.

    ``root`` (32 bytes) and ``depth`` are of the leaves in the order given (empty and -1 without leaves), ``ordered`` says
    that the tags ascend, ``places`` has the index of each stanza id, ``stanzas`` whether the leaf at an index has a stanza,
    ``encoded`` is the leaf list.
    """

    leaves: tuple[LeafSummary, ...] = field(repr=False)
    root: bytes
    depth: int
    ordered: bool
    places: Mapping[bytes, int] = field(repr=False)
    stanzas: tuple[bool, ...] = field(repr=False)
    encoded: bytes = field(repr=False)

    @classmethod
    def of(cls, leaves: Sequence[LeafSummary]) -> LeafSet:
        """Hash and sort out: a few microseconds a leaf. Raises EncodingError ``too-many-leaves``."""
        root, depth = audience_root([leaf.leaf_hash() for leaf in leaves]) if leaves else (b"", -1)
        return cls(
            tuple(leaves),
            root,
            depth,
            all(a.tag < b.tag for a, b in pairwise(leaves)),
            {leaf.stanza_id: index for index, leaf in enumerate(leaves)},
            tuple(leaf.stanza_hash != NO_STANZA for leaf in leaves),
            encode_leaf_list(leaves),
        )


@lru_cache(maxsize=KEPT_STANZA_IDS)
def _stanza_id(device: str, week: int, known: bytes) -> bytes:
    return stanza_id(encoding.unb64u(device, length=16), week, known)


def check_named_journal(core: Core | Common, root_at: bytes | None) -> None:
    """A2 for the journal: the keys that an alert or a grant names are from this very journal; raises AlertRefusal.

    ``root_at`` is the journal's root (32 bytes) at ``core.seen.journal.size`` (None: the log is not that long, or was not yet).
    """
    if root_at is None:
        raise AlertRefusal("A2", "journal-ahead", "it names a journal that this log did not have yet")
    if core.seen.journal.root != root_at.hex():
        raise AlertRefusal("A2", "journal-root", "it names a journal root that is not this log's")


def expected_leaves(core: Core, recipients: Sequence[Recipient], epochs: EpochTable) -> dict[bytes, Recipient]:
    """Stanza id of every recipient's device (``docs/spec/envelope.md``, Sealing 4)."""
    week = encoding.week_of(core.at)
    size = core.seen.journal.size
    usable = epochs.usable(week, size)
    found: dict[bytes, Recipient] = {}
    for recipient in recipients:
        key = usable.get(recipient.device)
        if key is not None:
            known = key.key_hash
        else:
            last = epochs.last_bundle(recipient.device, size)
            known = NO_BUNDLE if last is None else bytes.fromhex(last)
        found[_stanza_id(recipient.device, week, known)] = recipient
    return found


def check_leaves(
    body: AlertBody,
    recipients: Sequence[Recipient],
    epochs: EpochTable,
    leaves: Sequence[LeafSummary] | LeafSet,
) -> dict[str, int]:
    """The leaves are exactly the recipients' devices and lead to the root; returns device -> leaf index.

    Raises AlertRefusal: ``recipient-missing``, ``recipient-extra``, ``stanza-missing``, ``leaf-order``, ``root-mismatch``.
    """
    shown = leaves if isinstance(leaves, LeafSet) else LeafSet.of(leaves)
    wanted = expected_leaves(body.core, recipients, epochs)
    places = _matched(wanted, shown)
    if places is None:
        raise _disagreement(wanted, shown.leaves)
    if not shown.ordered:
        raise AlertRefusal("V7", "leaf-order", "leaves are sorted by tag, no tag twice")
    if shown.root.hex() != body.sealed.root or shown.depth != body.sealed.depth:
        raise AlertRefusal("V7", "root-mismatch", "the audience root is not that of the leaves")
    return places


def _matched(wanted: Mapping[bytes, Recipient], shown: LeafSet) -> dict[str, int] | None:
    """Device -> leaf index when leaves and recipients are the same, each with a stanza exactly when it is usable; else None.

    The usual case by look-ups alone; what is wrong in the others is for `_disagreement` to name.
    """
    if not len(wanted) == len(shown.leaves) == len(shown.places):
        return None
    places: dict[str, int] = {}
    for identifier, recipient in wanted.items():
        index = shown.places.get(identifier)
        if index is None or shown.stanzas[index] != recipient.usable:
            return None
        places[recipient.device] = index
    return places


def _disagreement(wanted: Mapping[bytes, Recipient], leaves: Sequence[LeafSummary]) -> AlertRefusal:
    """What is wrong with leaves that are not the recipients', compared leaf by leaf."""
    found: set[str] = set()
    extra = 0
    for leaf in leaves:
        recipient = wanted.get(leaf.stanza_id)
        if recipient is None or recipient.device in found:
            extra += 1
            continue
        found.add(recipient.device)
        if (leaf.stanza_hash != NO_STANZA) != recipient.usable:
            code = "stanza-missing" if recipient.usable else "stanza-without-key"
            sentence = "a device's stanza and its key do not agree"
            return AlertRefusal("R16", code, sentence, {"devices": [recipient.device]})
    missing = [r.device for r in wanted.values() if r.device not in found]
    if missing:
        sentence = f"{len(missing)} recipients' devices have no leaf"
        return AlertRefusal("R9", "recipient-missing", sentence, {"missing": missing[:SHOWN]})
    sentence = f"{extra} leaves are for nobody that the rules name"
    return AlertRefusal("R9", "recipient-extra", sentence, {"extra": [str(extra)]})


def refusal_of(decision: Decision) -> AlertRefusal:
    """A no, as an error."""
    return AlertRefusal(
        decision.rule, decision.code, f"{decision.rule} refuses: {decision.code}", {"values": list(decision.values)}
    )


def replay_alert(
    statement: Statement,
    named: Roster,
    acceptance: Roster | None,
    epochs: EpochTable,
    signers: Signers,
    leaves: Sequence[LeafSummary] | LeafSet,
    lineage: Lineage | None = None,
) -> tuple[Verdict, dict[str, int]]:
    """Recompute the whole decision; returns the verdict and device -> leaf index; raises AlertRefusal.

    ``acceptance`` is None for a preview by an approver, before the server has decided; a later version without its
    ``lineage`` is refused (R10).
    """
    body = statement.alert
    core = body.core
    policy = named.facts.policy
    if policy is None:
        raise AlertRefusal("R9", "policy-missing", "the roster named has no policy")
    usable = epochs.usable(encoding.week_of(core.at), core.seen.journal.size)
    verdict = decide(named, policy, core, signers.approvals, Context(acceptance, usable, lineage))
    if not verdict.alert.allowed:
        raise refusal_of(verdict.alert)
    if core.label is Label.CLEAR:
        return verdict, {}
    return verdict, check_leaves(body, verdict.recipients, epochs, leaves)
