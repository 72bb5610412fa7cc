"""Making a later version of an alert: the versions before it, each verified again, and the source of a withdrawal.

The publisher believes nothing: a statement that is not here is fetched, held against this member's own journal, and decided again
at the roster that it named (``verify_version``).  So the earlier recipients of R11 are computed, not told.  Spec:
docs/spec/policy.md, R10 and R11; docs/spec/envelope.md, Versions.
"""

from __future__ import annotations

from exchange.client.draft import Action, Reason, Step
from exchange.client.errors import ClientError, VerificationError
from exchange.client.lineage import granted_persons
from exchange.client.member import Member
from exchange.client.signed import evidence_of, verify_signed
from exchange.client.source import AlertSource
from exchange.client.state import AlertRow
from exchange.client.verify import verify_version
from exchange.model.alert import Content, Core, Urgency
from exchange.model.journal import AlertGrant
from exchange.model.scalars import DAY, LONGEST_TERM
from exchange.policy.lineage import Version, lineage_of
from exchange.policy.rules import TAKING_BACK
from keys.envelope import Envelope

STAYS = 30 * DAY
"""Seconds that a withdrawal stays valid at least."""

_WITHDRAWN: dict[str, tuple[str, str, str]] = {
    "de": (
        "Zurückgezogen: {title}",
        "Diese Meldung ist zurückgezogen. Bitte verwenden Sie sie nicht mehr und geben Sie sie nicht weiter.",
        "Die Meldung ist zurückgezogen ({reason}).",
    ),
    "en": (
        "Withdrawn: {title}",
        "This alert is withdrawn. Please use it no longer, and do not pass it on.",
        "The alert is withdrawn ({reason}).",
    ),
}
"""Language to title, text and what changed."""
REASONS: dict[str, tuple[str, str]] = {
    "correction": ("Berichtigung", "correction"),
    "error": ("Irrtum", "error"),
    "label": ("Einstufung", "label"),
    "new-information": ("neue Erkenntnisse", "new information"),
    "resolved": ("erledigt", "resolved"),
    "scope": ("Empfängerkreis", "audience"),
    "source-request": ("auf Bitte der Quelle", "asked for by the source"),
}
"""Reason code to its words in German and English."""


def find_alert(member: Member, wanted: str) -> str | None:
    """The alert id behind an alert id, or the beginning of a released version's statement id (4 digits or more); None if none
    or several alerts match."""
    if member.state.versions(wanted):
        return wanted
    begins = wanted.lower()
    found = {row.alert for row in member.state.alerts() if len(wanted) >= 4 and row.statement.startswith(begins)}
    return found.pop() if len(found) == 1 else None


async def earlier_versions(member: Member, alert: str, below: int | None = None) -> tuple[Version, ...]:
    """Every released version of an alert (below a version number), verified and decided again, the oldest first.

    Follow the logs first.  Raises VerificationError, Refused, TransportError.
    """
    found: list[Version] = []
    for row in member.state.versions(alert):
        if below is None or row.version < below:
            envelope = await _envelope(member, row)
            found.append(verify_version(member.replica, row.index, envelope, found))
            await _learn_grantees(member, row)
    return tuple(found)


async def _learn_grantees(member: Member, row: AlertRow) -> None:
    """Note to whom a version was given: a withdrawal reaches them, so its author, and whoever approves it, must know them.

    Each grant is verified as a statement in force; that the rules allowed it, server and auditors have judged.
    """
    entry = member.replica.journal_entry(row.index)
    if entry is None or entry.alert is None or entry.alert.audience is None:
        return  # CLEAR is given to nobody
    async for index, envelope in member.api.grants_about(row.statement):
        signed = verify_signed(member.replica, index, envelope)
        body = signed.statement.body
        if not isinstance(body, AlertGrant) or body.alert != row.statement:
            evidence = evidence_of(member.replica, index, envelope)
            raise VerificationError(4, "entry-mismatch", "what is shown as a grant of this alert is none", evidence)
        with member.state.transaction():
            member.state.keep_given(index, row.alert, body.device)


async def _envelope(member: Member, row: AlertRow) -> Envelope:
    if row.envelope is not None:
        return Envelope.decode(row.envelope)
    return await member.api.statement(row.statement)


async def step_of(member: Member, alert: str, action: Action, reason: Reason) -> Step:
    """The step to the next version of an alert. Raises ClientError ``alert-unknown``, and as ``earlier_versions``."""
    earlier = await earlier_versions(member, alert)
    if not earlier:
        raise ClientError("alert-unknown", "the journal has no released version of this alert")
    return Step(action, reason, earlier)


async def unreached(member: Member, core: Core) -> tuple[str, ...]:
    """The earlier recipients (person ids) whom a withdrawal or all-clear did not reach any more; of other versions none.

    Computed from this member's own replica, not told.  Raises as ``earlier_versions``.
    """
    if core.action not in TAKING_BACK or not core.label.sealed:
        return ()
    chain = await earlier_versions(member, core.alert, core.version + 1)
    lineage = lineage_of(core, chain, granted_persons(member.replica, core.alert, core.seen.journal.size))
    earlier = frozenset() if lineage is None or lineage.recipients is None else lineage.recipients
    return tuple(sorted(earlier - chain[-1].recipients)) if chain else ()


def withdrawal(
    step: Step,
    before: Content | None,
    now: int,
    *,
    language: str = "de",
    text: str | None = None,
    approvers: tuple[str, ...] = (),
) -> AlertSource:
    """A withdrawal's source: everything as in the version before, but for the text.

    ``before`` is that version's content, None for a publisher who was no recipient; ``approvers`` are names; ``now`` in seconds.
    """
    core = step.before.core
    known = None if before is None else next((t for t in before.texts if t.language == language), before.texts[0])
    spoken = "de" if language == "de" else "en"
    title, words, changed = _WITHDRAWN[spoken]
    reason = REASONS[step.reason][0 if spoken == "de" else 1]
    named = known.title if known is not None else core.alert
    return AlertSource(
        title=title.format(title=named)[:200],
        language="de" if spoken == "de" else "en",
        label=core.label,
        kind=core.kind,
        # What was urgent is urgently taken back; the approvals are R11's, not the urgency's.
        urgency=core.urgency if core.urgency is not Urgency.PAST else Urgency.EXPECTED,
        severity=core.severity,
        certainty=core.certainty,
        valid_for=_valid_for(core, now),
        text=text or words,
        number=None if before is None else before.number,
        contact=None if before is None else before.contact,
        exercise=core.exercise,
        approvers=approvers,
        changed=changed.format(reason=reason),
        status="final",
    )


def _valid_for(core: Core, now: int) -> int:
    """A withdrawal holds at least as long as what it takes back."""
    return min(max(core.valid_until - now, STAYS), LONGEST_TERM)
