"""Step 8: every alert decided again, with the product's own pure code (``docs/spec/audit.md``).

Nothing is taken from what author or server claim: signers, window, rosters, recipients, leaves, root and the state of the
alert come from the logs and the leaf list.  What later entries need to know of an alert is one small record.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field

from exchange.audit.bundle import BundleError
from exchange.audit.registry import RegistryReplay
from exchange.audit.report import Recorder
from exchange.audit.scratch import Kept, Scratch
from exchange.audit.signatures import SignatureChecks
from exchange.audit.source import Source
from exchange.audit.tables import AuditGrants
from exchange.audit.trees import LogView
from exchange.model.alert import AlertBody, Core, Urgency
from exchange.model.entry import RELEASED, AlertMark, AudienceHead, Entry
from exchange.model.journal import AlertReject, AlertReview
from exchange.model.registry import Policy
from exchange.model.statements import Statement, parse_statement
from exchange.model.tlp import Label
from exchange.policy.decide import Verdict, decide_people, expand
from exchange.policy.epochs import EpochTable
from exchange.policy.lineage import Lineage, Version, lineage_of
from exchange.policy.members import Facts, Roster
from exchange.policy.replay import (
    NEVER_WITNESSED,
    NO_BUNDLE,
    ROSTER_LAG,
    WITNESS_AGE,
    AlertRefusal,
    check_named_journal,
    check_named_roster,
    check_window,
    check_witnessed,
    replay_alert,
    verify_signers,
)
from exchange.policy.rules import TAKING_BACK, approver_fault, required_approvals
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.stanza import EMPTY_STANZA_HASH, SUMMARY, LeafSummary, parse_leaf_list, stanza_id

REVIEW_WITHIN = 86_400
"""Seconds within which another person reviews an emergency release."""
KEPT_LEAF_BYTES = 16 << 20
"""Bytes of leaf lists kept at hand for receipts."""
KEPT_BODIES = 64
"""Alerts' bodies kept at hand: an alert is often granted many times in a row, and versions follow one another."""


@dataclass(slots=True)
class Known:
    """What later entries need to know of an alert statement; bit i of ``received`` and ``read`` stands for leaf i."""

    statement: str
    alert: str
    version: int
    label: Label
    week: int
    journal_size: int
    author_device: str
    approvers: tuple[str, ...]
    signer_counts: set[int] = field(default_factory=set)
    released_index: int | None = None
    released_at: int = 0
    rejected: bool = False
    emergency: bool = False
    reviewed_at: int | None = None
    received: int = 0
    read: int = 0


def _pack(known: Known) -> str:
    """A record as text, for the database."""
    fields = {name: getattr(known, name) for name in Known.__slots__}
    fields |= {"label": known.label.value, "signer_counts": sorted(known.signer_counts)}
    return json.dumps({**fields, "received": f"{known.received:x}", "read": f"{known.read:x}"})


def _unpack(text: str) -> Known:
    fields = json.loads(text)
    fields |= {"label": Label(fields["label"]), "signer_counts": set(fields["signer_counts"])}
    fields |= {"approvers": tuple(fields["approvers"])}
    return Known(**{**fields, "received": int(fields["received"], 16), "read": int(fields["read"], 16)})


class AlertReplay:
    """All alerts of the journal, in order."""

    def __init__(
        self,
        bundle: Source,
        journal: LogView,
        registry: RegistryReplay,
        epochs: EpochTable,
        checks: SignatureChecks,
        recorder: Recorder,
        scratch: Scratch,
    ) -> None:
        self._bundle = bundle
        self._journal = journal
        self._registry = registry
        self._epochs = epochs
        self._checks = checks
        self._recorder = recorder
        self.grants = AuditGrants(scratch)
        self._known: Kept[Known] = Kept(scratch, "alert", _pack, _unpack)
        self._database = scratch.database
        self._database.execute(
            "CREATE TABLE version (alert TEXT, version INTEGER, statement TEXT, idx INTEGER, allowed INTEGER,"
            " PRIMARY KEY (alert, version)) WITHOUT ROWID"
        )
        self._bodies: OrderedDict[str, AlertBody] = OrderedDict()
        self._lists: OrderedDict[str, bytes] = OrderedDict()
        self._list_bytes = 0

    def known(self, statement: str) -> Known | None:
        """The alert by its statement id, when an entry before named it."""
        return self._known.get(statement)

    @staticmethod
    def handlers(known: Known, roster: Roster) -> frozenset[str]:
        """The persons who handle a proposal: its author and the candidate approvers."""
        author = roster.facts.devices.get(known.author_device)
        return frozenset(known.approvers if author is None else (*known.approvers, author.person))

    # -- the alert itself ------------------------------------------------------------------------------------------

    def alert(self, index: int, entry: Entry, statement: Statement, acceptance: Roster) -> None:
        """Decide one ``alert.proposed`` or ``alert.released`` again; raises AlertRefusal."""
        core = statement.alert.core
        known = self._known.get(statement.id)
        first = known is None
        if known is None:
            # Kept even when it is refused below: what is said later about this alert is judged for itself.
            known = _known(statement)
            self._known.put(statement.id, known)
        released = entry.kind == RELEASED
        if released and known.released_index is None:
            known.released_index, known.released_at = index, entry.at
        self._place(entry, statement, known, core, index)
        signers = verify_signers(statement, acceptance, self._checks.hybrid)
        check_window(core, signers, entry.at)
        registry, size = self._registry, core.seen.registry.size
        root_at = registry.view.root(size) if size <= acceptance.size else None
        check_named_roster(core, root_at, registry.first_later(size, acceptance.size))
        seen = core.seen.journal.size
        check_named_journal(core, self._journal.root(seen) if seen <= index else None)
        named = registry.deciding(size, core.at)
        if named is None:
            raise AlertRefusal("A2", "roster-ahead", "the registry that the alert names cannot be replayed")
        check_witnessed(core, named.facts)
        leaves = self._leaves(statement.id) if core.label.sealed else ()
        lineage = self.lineage(core, acceptance)
        verdict, _ = replay_alert(statement, named, acceptance, self._epochs, signers, leaves, lineage)
        if (verdict.alert.code == "released") != released:
            raise AlertRefusal(
                "R8", "state-mismatch", f"the rules say {verdict.alert.code}, the entry says {entry.kind}"
            )
        if signers.count in known.signer_counts:
            raise AlertRefusal("R8", "statement-twice", "the alert was accepted before with as many signatures")
        known.signer_counts.add(signers.count)
        if first:
            self._recorder.totals.proposals += not released
        if released:
            # From here on a later version builds on it: it was judged, and the rules allow it.
            self._database.execute(
                "UPDATE version SET allowed=1 WHERE alert=? AND version=?", (core.alert, core.version)
            )
            self._released(index, entry, known, core, verdict, len(signers.approvals), named.facts.policy)

    def lineage(self, core: Core, acceptance: Roster) -> Lineage | None:
        """The versions before this one, as the bundle has them: released ones that were judged, and in nothing refused.

        Who received them is decided again where R11 asks for it: their leaves were compared with that decision.
        """
        if core.version == 1:
            return None
        earlier: list[Version] = []
        rows = self._database.execute(
            "SELECT statement, idx FROM version WHERE alert=? AND version<? AND allowed ORDER BY idx",
            (core.alert, core.version),
        ).fetchall()
        for statement, index in rows:
            one = self.body(statement).core
            named = self._registry.deciding(one.seen.registry.size, one.at)
            if named is None or named.facts.policy is None:
                return None
            author = named.facts.persons[named.facts.devices[one.issuer.device].person]
            recipients: frozenset[str] = frozenset()
            if core.action in TAKING_BACK and one.label.sealed:
                size = one.seen.journal.size
                given = self.grantees(one.alert, one.version, size, acceptance.facts)
                lineage = lineage_of(one, earlier, given)
                people = decide_people(named, named.facts.policy, one, lineage)
                usable = self._epochs.usable(encoding.week_of(one.at), size)
                devices, _ = expand(named, people, usable)
                recipients = frozenset(device.person for device in devices)
            earlier.append(Version(statement, index, one, author.organisation, recipients))
        given = self.grantees(core.alert, core.version, core.seen.journal.size, acceptance.facts)
        return lineage_of(core, earlier, given)

    def grantees(self, alert: str, below: int, size: int, facts: Facts) -> frozenset[str]:
        """The persons to whose devices a version below ``below`` of an alert (its alert id) was granted by a journal entry
        below ``size``: with the leaves of these versions, the earlier recipients (``docs/spec/policy.md``, lineage)."""
        devices = self.grants.grantees(self.released_versions(alert, below), size)
        return frozenset(facts.devices[device].person for device in devices if device in facts.devices)

    def _place(self, entry: Entry, statement: Statement, known: Known, core: Core, index: int) -> None:
        """The entry says what the body says, and the version is still open."""
        if entry.alert != _mark(statement.alert):
            raise AlertRefusal(
                "V4", "entry-mismatch", "alert id, version or audience in the entry are not the statement's"
            )
        if known.rejected:
            raise AlertRefusal("R8", "rejected", "a candidate approver had rejected this proposal")
        taken = self._released_as(core.alert, core.version)
        if taken is not None:
            raise AlertRefusal("R10", "version-taken", f"this version of the alert was released before, as {taken}")
        if entry.kind == RELEASED:
            place = (core.alert, core.version, statement.id, index)
            self._database.execute("INSERT INTO version VALUES (?, ?, ?, ?, 0)", place)

    def _released(
        self,
        index: int,
        entry: Entry,
        known: Known,
        core: Core,
        verdict: Verdict,
        approvals: int,
        policy: Policy | None,
    ) -> None:
        recorder, totals = self._recorder, self._recorder.totals
        totals.alerts[core.label.value] = totals.alerts.get(core.label.value, 0) + 1
        totals.exercises += core.exercise
        totals.approvals += approvals
        totals.recipients += core.leaves
        totals.keyless += core.keyless
        totals.unserved += len(verdict.unserved)
        calm = core.model_copy(update={"urgency": Urgency.EXPECTED})
        if core.urgency is Urgency.IMMEDIATE and policy and approvals < required_approvals(policy, calm):
            known.emergency = True
            totals.emergencies += 1
        subject = known.statement

        def notice(code: str, form: str = "", **values: int) -> None:
            recorder.tell(10, code, "journal", index, values, form=form, subject=subject)

        if core.witnessed is not None and core.witnessed > WITNESS_AGE:
            never = "-never" if core.witnessed >= NEVER_WITNESSED else ""
            notice("registry-unwitnessed", f"registry-unwitnessed{never}", seconds=core.witnessed)
        if core.keyless:
            notice("devices-without-key", keyless=core.keyless, leaves=core.leaves)
        if verdict.without_device:
            notice("persons-without-device", number=len(verdict.without_device))
        if verdict.unserved:
            notice("recipients-lost", number=len(verdict.unserved))
        if verdict.unreached:
            notice("recipients-unreached", number=len(verdict.unreached))
        if entry.at > core.at + ROSTER_LAG:
            notice("accepted-late", seconds=entry.at - core.at)

    # -- what others say about it ----------------------------------------------------------------------------------

    def reject(self, entry: Entry, body: AlertReject, person: str) -> None:
        """A candidate approver declines an open proposal; raises AlertRefusal."""
        known = self._known.get(body.alert)
        if known is None or known.rejected or self.is_released(known.alert, known.version):
            raise AlertRefusal("R8", "proposal-unknown", "there was no open proposal with this id")
        if entry.alert != AlertMark(id=known.alert, version=known.version):
            raise AlertRefusal("V4", "entry-mismatch", "alert id or version in the entry are not the proposal's")
        if person not in known.approvers:
            raise AlertRefusal("R8", "approver-not-candidate", "only a candidate approver rejects a proposal")
        known.rejected = True
        self._recorder.totals.rejections += 1

    def review(self, entry: Entry, body: AlertReview, person: str, acceptance: Roster) -> None:
        """Another person's look at a released alert; raises AlertRefusal."""
        known = self._known.get(body.alert)
        if known is None or known.released_index is None:
            raise AlertRefusal("R8", "alert-unknown", "there was no released alert with this id")
        author = acceptance.facts.devices.get(known.author_device)
        if author is None:
            raise AlertRefusal("R8", "author-unknown", "the alert's author is not in the registry")
        fault = approver_fault(acceptance, acceptance.facts.persons[author.person], person)
        if fault is not None:
            raise AlertRefusal("R8", fault, "a review is by another approver of the author's organisation")
        if known.reviewed_at is None:
            known.reviewed_at = entry.at
        self._recorder.totals.reviews += 1

    # -- leaves ----------------------------------------------------------------------------------------------------

    def leaf_of(self, known: Known, device: str) -> int | None:
        """The index of the device's leaf, from its weekly key as it was when the alert was sealed; None without one."""
        if not known.label.sealed:
            return None
        key = self._epochs.key(device, known.week, known.journal_size)
        if key is not None:
            hidden = key.key_hash
        else:
            last = self._epochs.last_bundle(device, known.journal_size)
            hidden = NO_BUNDLE if last is None else bytes.fromhex(last)
        wanted = stanza_id(encoding.unb64u(device, length=16), known.week, hidden)
        data = self._list(known.statement)
        at = data.find(wanted)
        while at >= 0 and at % SUMMARY:
            at = data.find(wanted, at + 1)
        return None if at < 0 else at // SUMMARY

    def is_keyless(self, known: Known, place: int) -> bool:
        """Whether the leaf at an index has no stanza."""
        start = place * SUMMARY
        return self._list(known.statement)[start + SUMMARY - 32 : start + SUMMARY] == EMPTY_STANZA_HASH

    def is_released(self, alert: str, version: int) -> bool:
        """Whether a version of an alert (by its alert id) was released before."""
        return self._released_as(alert, version) is not None

    def _released_as(self, alert: str, version: int) -> str | None:
        """The statement of a released version."""
        row = self._database.execute(
            "SELECT statement FROM version WHERE alert=? AND version=?", (alert, version)
        ).fetchone()
        return None if row is None else str(row[0])

    def released_versions(self, alert: str, below: int) -> list[str]:
        """The statements of the released versions of an alert below a version."""
        rows = self._database.execute(
            "SELECT statement FROM version WHERE alert=? AND version<? ORDER BY version", (alert, below)
        )
        return [statement for (statement,) in rows]

    def body(self, statement: str) -> AlertBody:
        """The body of an alert that an entry before named, read again; raises AlertRefusal."""
        found = self._bodies.get(statement)
        if found is None:
            try:
                read = parse_statement(Envelope.decode(self._bundle.statement(statement)))
                found = read.alert
            except BundleError as error:
                raise AlertRefusal("V4", error.code, f"the alert named: {error.detail}") from None
            except KeysError as error:
                raise AlertRefusal("V4", error.code, f"the alert named: {error}") from None
            if read.id != statement:
                raise AlertRefusal("V4", "statement-differs", "the alert named is another statement than before")
            self._bodies[statement] = found
            if len(self._bodies) > KEPT_BODIES:
                self._bodies.popitem(last=False)
        return found

    def _leaves(self, statement: str) -> tuple[LeafSummary, ...]:
        try:
            return parse_leaf_list(self._bundle.leaves(statement))
        except BundleError as error:
            code = "leaves-missing" if error.code == "file-missing" else error.code
            raise AlertRefusal("V7", code, error.detail) from None
        except KeysError as error:
            raise AlertRefusal("V7", error.code, f"the leaf list: {error}") from None

    def _list(self, statement: str) -> bytes:
        """The raw leaf list, kept at hand; empty when it is missing, which step 8 has named."""
        found = self._lists.get(statement)
        if found is None:
            try:
                found = self._bundle.leaves(statement)
            except BundleError:
                found = b""
            self._lists[statement] = found
            self._list_bytes += len(found)
            while self._list_bytes > KEPT_LEAF_BYTES and len(self._lists) > 1:
                self._list_bytes -= len(self._lists.popitem(last=False)[1])
        else:
            self._lists.move_to_end(statement)
        return found

    # -- the end ---------------------------------------------------------------------------------------------------

    def finish(self, last: int, complete: bool) -> None:
        """Count receipts and name emergencies without review; ``last`` is the journal's last acceptance time."""
        recorder, totals = self._recorder, self._recorder.totals
        for known in self._known:
            totals.received += (known.received | known.read).bit_count()
            totals.read += known.read.bit_count()
            if not known.emergency:
                continue
            due = known.released_at + REVIEW_WITHIN
            if (known.reviewed_at is None and last > due) or (known.reviewed_at or 0) > due:
                recorder.tell(10, "emergency-unreviewed", "journal", known.released_index, subject=known.statement)
        if complete:
            for path, _ in self._bundle.files("leaves"):
                statement = path.partition("/")[2]
                if self._known.get(statement) is None:
                    recorder.refuse(8, "leaves-extra", f"{path} belongs to no alert of the journal", subject=path)


def _known(statement: Statement) -> Known:
    core = statement.alert.core
    return Known(
        statement=statement.id,
        alert=core.alert,
        version=core.version,
        label=core.label,
        week=encoding.week_of(core.at),
        journal_size=core.seen.journal.size,
        author_device=core.issuer.device,
        approvers=core.approvers,
    )


def _mark(body: AlertBody) -> AlertMark:
    """What the entry of an alert must say."""
    audience, sealed = None, body.sealed
    if body.core.label.sealed:
        audience = AudienceHead(depth=sealed.depth or 0, ephemeral=sealed.ephemeral or "", root=sealed.root or "")
    return AlertMark(audience=audience, id=body.core.alert, version=body.core.version)
