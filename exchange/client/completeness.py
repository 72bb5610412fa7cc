"""How complete this device is: every alert of the journal is opened, proven not to be for it, or named (``docs/spec/envelope.md``,
Withholding).

An alert that the exchange kept back is counted, named by what its entry says, and its evidence is a file.  It is asked for again in
every round; when it comes, it counts as opened, and that it was kept back stays on record.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exchange.client import evidence
from exchange.client.answers import AlertAnswer
from exchange.client.errors import VerificationError
from exchange.client.member import Member
from exchange.client.state import AlertRow, Failure
from exchange.model.entry import parse_entry
from exchange.model.problems import Malformed
from exchange.model.statements import parse_statement
from keys import encoding
from keys.errors import OpenError

KEPT_BACK = frozenset({"withheld", "absence-invalid", "leaf-missing", "grant-withheld"})
"""Codes that say: neither what is in the journal for this device, nor a proof that it is not, was handed out."""
NO_STANZA = frozenset({"stanza-id", "stanza-missing"})
"""Codes with which an alert is refused that lists this device as without key."""


@dataclass(frozen=True, slots=True)
class Count:
    """What became of the released alerts of the journal, each counted once.

    For this device: ``opened``; ``keyless`` came while it had no usable key; ``closed`` were sealed to a key that it has no
    longer; ``open`` failed or wait, among them ``withheld``, which the exchange keeps back.  Not for it: ``absent`` is proven,
    ``earlier`` were released before it was enrolled.  ``public`` is CLEAR.  ``grants`` are gifts to this device that are kept back.
    """

    opened: int
    keyless: int
    open: int
    public: int
    closed: int = 0
    absent: int = 0
    earlier: int = 0
    withheld: int = 0
    grants: int = 0

    @property
    def total(self) -> int:
        """All alerts that are, or may be, for this device (CLEAR apart)."""
        return self.opened + self.keyless + self.open + self.closed

    @property
    def journal(self) -> int:
        """All sealed alerts released in the journal."""
        return self.total + self.absent + self.earlier


@dataclass(frozen=True, slots=True)
class KeptBack:
    """An alert, or a grant of one, that was in the journal and not handed out.

    ``alert`` and ``version`` are empty and 0 for a grant, whose entry does not name its alert; nobody can name a label.  ``at`` is
    when it was accepted, ``since`` when it was first missed, seconds; ``cleared`` when it was handed out later.
    """

    statement: str
    index: int
    at: int
    since: int
    code: str
    cleared: bool
    alert: str = ""
    version: int = 0
    file: Path | None = None


def count(member: Member) -> Count:
    """How complete this device is."""
    statuses: dict[str, int] = {}
    for row in member.state.alerts():
        statuses[row.status] = statuses.get(row.status, 0) + 1
    missing = [one for one in kept_back(member) if not one.cleared]
    grants = sum(not one.alert for one in missing)
    return Count(
        opened=statuses.get("opened", 0),
        keyless=statuses.get("keyless", 0),
        open=statuses.get("pending", 0),
        public=statuses.get("public", 0),
        closed=statuses.get("closed", 0),
        absent=statuses.get("absent", 0),
        earlier=statuses.get("earlier", 0),
        withheld=len(missing) - grants,
        grants=grants,
    )


def kept_back(member: Member) -> list[KeptBack]:
    """Everything that was ever kept back from this device, by journal index, cleared up or not."""
    found: dict[str, KeptBack] = {}
    for failure in member.state.failures(open_only=False, codes=sorted(KEPT_BACK)):
        one = _kept_back(member, failure)
        if one is not None and (failure.subject not in found or found[failure.subject].cleared):
            found[failure.subject] = one
    return sorted(found.values(), key=lambda one: one.index)


def _kept_back(member: Member, failure: Failure) -> KeptBack | None:
    for index, data in member.state.find("journal", failure.subject):
        entry = parse_entry(data)
        if entry.alert is None and entry.grant is None:
            continue
        row = member.state.alert(failure.subject)
        if row is not None and row.index != index:
            continue
        mark = entry.alert
        return KeptBack(
            failure.subject,
            index,
            entry.at,
            failure.at,
            failure.code,
            failure.settled,
            "" if mark is None else mark.id,
            0 if mark is None else mark.version,
            evidence.find(member, evidence.withheld_name(index, failure.subject)),
        )
    return None


def keep_evidence(member: Member, row: AlertRow, error: VerificationError) -> None:
    """Keep as a file that an alert was kept back, once; the claim in it is signed now."""
    name = evidence.withheld_name(row.index, row.statement)
    if error.code not in KEPT_BACK or evidence.find(member, name) is not None or evidence.enough(member, "withheld"):
        return
    entry = member.replica.journal_entry(row.index)
    audience = None if entry is None or entry.alert is None else entry.alert.audience
    if entry is None or entry.alert is None or audience is None:
        return
    try:
        ephemeral, alert = encoding.unb64u(audience.ephemeral, length=32), encoding.unb64u(entry.alert.id, length=16)
        tag = member.identity.tag(ephemeral, alert, entry.alert.version)
    except OpenError:
        return
    evidence.write(member, name, evidence.withheld_by(member, row.index, row.statement, tag, error.code))


def keep_contradiction(member: Member, row: AlertRow, answer: AlertAnswer, error: VerificationError) -> None:
    """Keep as a file that an alert lists this device as without key although its key stood in the journal, where that is proven."""
    if error.code not in NO_STANZA or answer.envelope is None:
        return
    try:
        statement = parse_statement(answer.envelope)
        known = evidence.find(member, evidence.contradiction_name(row.index, row.statement))
        if known is None and not evidence.enough(member, "contradiction"):
            data = evidence.contradiction_of(member, row.index, statement, answer.leaf)
            if data is not None:
                evidence.write(member, evidence.contradiction_name(row.index, row.statement), data)
    except Malformed:
        return
