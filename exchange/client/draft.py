"""What is going to be published, decided and shown before anything is sealed: the draft and its preview.

A ``Draft`` is the whole decision over a source at the newest verified roster.  Its ``digest`` binds what a person sees in the
preview: the core but for the moment of signing, the content, and every recipient device.  ``publish`` makes the draft again and
signs only when the digest is still the same.  Pure but for the member's own store; no network.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from pydantic import ValidationError

from exchange.client.errors import ClientError, SourceError
from exchange.client.lineage import granted_persons
from exchange.client.member import Member
from exchange.client.replica import Replica
from exchange.client.source import AlertSource, SourceAudience
from exchange.client.witnessing import LogState, log_state
from exchange.model.alert import RELEASE_WINDOW, Attachment, Content, ContentText, Core
from exchange.model.common import NARROW_WINDOW
from exchange.model.problems import Malformed, first_error
from exchange.model.registry import Policy
from exchange.model.tlp import Label
from exchange.policy.decide import Context, Verdict, audience_change, decide, decide_people, expand
from exchange.policy.epochs import LEAST_AHEAD
from exchange.policy.lineage import Lineage, Version, lineage_of
from exchange.policy.members import Roster
from exchange.policy.replay import WITNESS_AGE
from exchange.policy.rules import TAKING_BACK, Decision, required_approvals, version_approvals
from keys import encoding

Action = Literal["update", "supersede", "relabel", "withdraw", "all-clear"]
Reason = Literal["correction", "error", "label", "new-information", "resolved", "scope", "source-request"]

NOT_BOUND = frozenset({"at", "nonce", "release_by", "seen", "witnessed"})
"""Fields of the core that only the moment of signing decides."""
WEEK_SECONDS = 7 * 86_400
CLOSE_NAMES = 3
_WITH_PLACE = re.compile(r"(.+?)\s*\(([^()]+)\)")


@dataclass(frozen=True, slots=True)
class Step:
    """What makes a draft a later version: the action, its reason, and every released version before it, the oldest first."""

    action: Action
    reason: Reason
    earlier: tuple[Version, ...] = field(repr=False)

    @property
    def before(self) -> Version:
        """The version directly before."""
        return self.earlier[-1]


@dataclass(frozen=True, slots=True)
class Draft:
    """One alert, ready to be previewed. ``required`` are the approvals that R8, R10 and R11 demand; of a later version
    ``joining`` and ``leaving`` are the persons by whom its audience differs.

    ``content`` is the first part's plaintext, but for the attachments' keys, which nobody sees.
    """

    source: AlertSource = field(repr=False)
    core: Core
    verdict: Verdict = field(repr=False)
    people: Mapping[str, Decision] = field(repr=False)
    content: bytes = field(repr=False)
    required: int
    nameless: tuple[str, ...]
    digest: str
    step: Step | None = None
    joining: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    witnesses: LogState | None = None
    """What the witnesses have seen of the registry that is named."""

    @property
    def unwitnessed(self) -> bool:
        """Whether the quorum's age is to be confirmed: witnesses are named, and it is over a quarter of an hour."""
        return self.core.witnessed is not None and self.core.witnessed > WITNESS_AGE

    @property
    def allowed(self) -> bool:
        """Whether the policy lets it be published as it is."""
        return self.verdict.alert.allowed


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A recipient's device: whether it has a usable key, and the last week it has one for."""

    device: str
    label: str | None
    usable: bool
    last_week: int | None
    ends_soon: bool


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person in the preview: name and organisation as opened (None: nameless), the decision, the devices."""

    person: str
    name: str | None
    organisation: str
    organisation_name: str | None
    decision: Decision
    devices: tuple[DeviceRow, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """Who receives the alert and who does not and why: what a person confirms, bound by ``digest``."""

    alert: Decision
    receivers: tuple[PersonRow, ...]
    left_out: tuple[PersonRow, ...]
    without_device: tuple[str, ...]
    keyless: tuple[str, ...]
    ending: tuple[str, ...]
    nameless: tuple[str, ...]
    required: int
    approvals: int
    approvers: tuple[PersonRow, ...]
    stanzas: int
    digest: str
    joining: tuple[PersonRow, ...] = ()
    leaving: tuple[PersonRow, ...] = ()
    unreached: tuple[PersonRow, ...] = ()


def prepare(source: AlertSource, member: Member, step: Step | None = None) -> Draft:
    """Resolve the names, decide over the newest verified roster, count the recipients; of a later version with its ``step``.

    Follow the logs first.  A draft that the policy refuses is a draft, too: its verdict names the rule.  Raises SourceError
    (a name, a value), ClientError ``roster-partial``, ``policy-missing``, ``not-enrolled``.
    """
    now = member.clock()
    acknowledge = None if source.acknowledge_within is None else now + source.acknowledge_within
    alert = encoding.b64u(member.random(16)) if step is None else step.before.core.alert
    return _draft(source, member, now, alert, now + source.valid_for, acknowledge, step)


def again(draft: Draft, member: Member) -> Draft:
    """The same alert, decided again now: same id, same deadlines, newest roster and keys.

    Raises ClientError ``version-overtaken`` when another one was released as this version meanwhile.
    """
    core = draft.core
    if any(row.version >= core.version for row in member.state.versions(core.alert)):
        raise ClientError("version-overtaken", "another version of this alert was released meanwhile; look at it first")
    return _draft(draft.source, member, member.clock(), core.alert, core.valid_until, core.acknowledge_by, draft.step)


def _draft(
    source: AlertSource,
    member: Member,
    now: int,
    alert: str,
    valid_until: int,
    acknowledge_by: int | None,
    step: Step | None,
) -> Draft:
    replica = member.replica
    policy, person = replica.facts.policy, replica.person
    if policy is None:
        raise ClientError("policy-missing", "the exchange has adopted no policy yet")
    if person is None:
        raise ClientError("not-enrolled", "this device is not enrolled")
    if not replica.sees_all(replica.facts) or replica.history.opaque or replica.unverified_epochs:
        raise ClientError("roster-partial", "only a member who is shown the whole registry can compute recipients")
    own = replica.facts.persons[person].organisation
    approvers = sorted(resolve(replica, "person", name, lambda p: _of(replica, p) == own) for name in source.approvers)
    try:
        content = _content(source).encode()
    except (ValidationError, Malformed) as error:
        raise SourceError(
            "source-value", first_error(error) if isinstance(error, ValidationError) else str(error)
        ) from None
    witnesses = log_state(member, "registry")
    core = _core(
        {
            "acknowledge_by": acknowledge_by,
            "action": "new" if step is None else step.action,
            "alert": alert,
            "approvals": 0,
            "approvers": approvers,
            "at": now,
            "audience": _audience_of(replica, source, step),
            "certainty": source.certainty.value,
            "change": None if step is None else {"audience": "same", "reason": step.reason},
            "exchange": replica.exchange,
            "exercise": source.exercise,
            "issuer": {"device": member.device},
            "keyless": 0,
            "kind": source.kind.value,
            "label": source.label.value,
            "nonce": encoding.b64u(member.random(16)),
            "policy": replica.facts.policy_id,
            "previous": None if step is None else step.before.statement,
            "release_by": now + 1,
            "seen": member.seen.to_json(),
            "severity": source.severity.value,
            "stanzas": 0,
            "suite": "x1",
            "urgency": source.urgency.value,
            "valid_until": valid_until,
            "version": 1 if step is None else step.before.core.version + 1,
            "witnessed": witnesses.age(now),
        }
    )
    roster = replica.now(now)
    core, joining, leaving = _changed(roster, core, step)
    lineage = None
    if step is not None:
        lineage = lineage_of(core, step.earlier, granted_persons(replica, alert, core.seen.journal.size))
    people = decide_people(roster, policy, core, lineage)
    core, required = _counted(replica, roster, policy, core, people, source, lineage)
    usable = replica.epochs.usable(encoding.week_of(now), replica.size("journal"))
    verdict = decide(roster, policy, core, (), Context(None, usable, lineage))
    return Draft(
        source,
        core,
        verdict,
        people,
        content,
        required,
        _nameless(replica, people),
        _digest(source, core, verdict, content),
        step,
        joining,
        leaving,
        witnesses,
    )


def _audience_of(replica: Replica, source: AlertSource, step: Step | None) -> dict[str, Any] | None:
    """The audience as written, as a later version's that says none; CLEAR has none."""
    if source.audience is not None:
        return _audience(replica, source.audience)
    before = None if step is None else step.before.core.audience
    return None if before is None or not source.label.sealed else before.to_json()


def _changed(roster: Roster, core: Core, step: Step | None) -> tuple[Core, frozenset[str], frozenset[str]]:
    """The core with what is true of its change of audience, and the persons who are new and who fall out."""
    if step is None or core.action in TAKING_BACK or core.change is None:
        return core, frozenset(), frozenset()
    word, joining, leaving = audience_change(roster, core, step.before.core)
    return core.model_copy(update={"change": core.change.model_copy(update={"audience": word})}), joining, leaving


def _core(raw: dict[str, Any]) -> Core:
    try:
        return Core.model_validate({name: value for name, value in raw.items() if value is not None})
    except ValidationError as error:
        raise SourceError("source-value", first_error(error)) from None


def _counted(
    replica: Replica,
    roster: Roster,
    policy: Policy,
    core: Core,
    people: dict[str, Decision],
    source: AlertSource,
    lineage: Lineage | None,
) -> tuple[Core, int]:
    """The core with numbers of leaves, approvals and its last moment; and the approvals that R8, R10 and R11 require."""
    usable = replica.epochs.usable(encoding.week_of(core.at), replica.size("journal"))
    recipients, _ = expand(roster, people, usable) if core.label is not Label.CLEAR else ((), ())
    stanzas = sum(recipient.usable for recipient in recipients)
    raw: dict[str, Any] = {**core.to_json(), "keyless": len(recipients) - stanzas, "stanzas": stanzas}
    required = max(required_approvals(policy, _core(raw)), version_approvals(policy, core, lineage))
    approvals = required if source.approvals is None else source.approvals
    if source.approvals is not None and approvals > len(core.approvers):
        raise SourceError(
            "source-value", f"approvals is {approvals}, and only {len(core.approvers)} approvers are named"
        )
    # Too few candidates: the decision says so, with R8's numbers.
    raw["approvals"] = min(approvals, len(core.approvers))
    window = RELEASE_WINDOW if raw["approvals"] else NARROW_WINDOW
    raw["release_by"] = max(core.at + 1, min(core.at + window, core.valid_until))
    return _core(raw), required


def _content(source: AlertSource) -> Content:
    return Content(
        attachments=tuple(
            Attachment(length=file.length, media_type=file.media_type, name=file.name, sha256=file.sha256)
            for file in source.attachments
        ),
        contact=source.contact,
        number=source.number,
        place=source.place,
        status=source.status,
        texts=tuple(
            ContentText(
                advice=text.advice, changed=text.changed, language=text.language, text=text.text, title=text.title
            )
            for text in source.texts
        ),
    )


def _digest(source: AlertSource, core: Core, verdict: Verdict, content: bytes) -> str:
    bound = {
        "attachments": [file.sha256 for file in source.attachments],
        "content": sha256(content).hexdigest(),
        "core": {name: value for name, value in core.to_json().items() if name not in NOT_BOUND},
        "decision": [verdict.alert.rule, verdict.alert.code],
        "recipients": [f"{r.device}:{int(r.usable)}" for r in sorted(verdict.recipients, key=lambda r: r.device)],
    }
    return sha256(encoding.encode(bound)).hexdigest()


def _nameless(replica: Replica, people: Mapping[str, Decision]) -> tuple[str, ...]:
    """Recipients of whom no name is opened: they are shown by id, and confirmed one by one (invariant I8)."""
    return tuple(person for person, d in people.items() if d.allowed and replica.names.get("person", person) is None)


# -- names ---------------------------------------------------------------------------------------------------------------


def _audience(replica: Replica, audience: SourceAudience) -> dict[str, Any]:
    if audience.everyone:
        return {"everyone": True}
    found: dict[str, Sequence[str]] = {
        "areas": audience.areas,
        "circles": [resolve(replica, "circle", name) for name in audience.circles],
        "organisations": [resolve(replica, "organisation", name) for name in audience.organisations],
        "persons": [resolve(replica, "person", name) for name in audience.persons],
        "sectors": audience.sectors,
        "topics": audience.topics,
    }
    return {name: sorted(set(values)) for name, values in found.items() if values}


def resolve(replica: Replica, family: str, text: str, wanted: Callable[[str], bool] = lambda _: True) -> str:
    """The id of an organisation, circle or person by exact name, letter case apart; ``Name (Organisation)`` where two share one.

    Raises SourceError ``name-unknown`` (with what is written alike) or ``name-ambiguous``.
    """
    names = replica.names
    found = [
        subject for subject in names.named(family, text) if wanted(subject) and not _removed(replica, family, subject)
    ]
    match = _WITH_PLACE.fullmatch(text)
    if not found and family == "person" and match is not None:
        places = set(names.named("organisation", match[2]))
        return resolve(replica, family, match[1], lambda p: wanted(p) and _of(replica, p) in places)
    if len(found) == 1:
        return found[0]
    if found:
        where = ", ".join(sorted(names.get("organisation", _of(replica, p)) or _of(replica, p) for p in found))
        hint = f" ({where}); write the name with its organisation in brackets" if family == "person" else ""
        raise SourceError("name-ambiguous", f"{len(found)} {family}s are called {text}{hint}")
    known = {name for subject, name in names.all(family).items() if wanted(subject)}
    near = difflib.get_close_matches(text, sorted(known), CLOSE_NAMES)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise SourceError("name-unknown", f"no {family} is called {text}{hint}")


def _of(replica: Replica, person: str) -> str:
    found = replica.facts.persons.get(person)
    return "" if found is None else found.organisation


def _removed(replica: Replica, family: str, subject: str) -> bool:
    facts = replica.facts
    if family == "circle":
        return subject not in facts.circles
    found = facts.persons.get(subject) if family == "person" else facts.organisations.get(subject)
    return found is None or found.removed


# -- the preview ---------------------------------------------------------------------------------------------------------


def preview(draft: Draft, member: Member) -> Preview:
    """The table that a person reads before confirming."""
    replica = member.replica
    rows = {person: _row(draft, member, person, decision) for person, decision in draft.people.items()}
    receivers = tuple(row for row in rows.values() if row.decision.allowed)
    devices = [device for row in receivers for device in row.devices]
    always = (replica.person, *draft.core.approvers)
    return Preview(
        alert=draft.verdict.alert,
        receivers=receivers,
        left_out=tuple(row for row in rows.values() if not row.decision.allowed),
        without_device=tuple(row.person for row in receivers if not row.devices),
        keyless=tuple(device.device for device in devices if not device.usable),
        ending=tuple(device.device for device in devices if device.usable and device.ends_soon),
        nameless=draft.nameless,
        required=draft.required,
        approvals=draft.core.approvals,
        approvers=tuple(rows[person] for person in always[1:] if person in rows),
        stanzas=draft.core.stanzas,
        digest=draft.digest,
        joining=tuple(row for person, row in rows.items() if person in draft.joining),
        leaving=tuple(row for person, row in rows.items() if person in draft.leaving),
        unreached=tuple(rows[person] for person in draft.verdict.unreached if person in rows),
    )


def _row(draft: Draft, member: Member, person: str, decision: Decision) -> PersonRow:
    replica, names = member.replica, member.replica.names
    organisation = replica.facts.persons[person].organisation
    devices: tuple[DeviceRow, ...] = ()
    if decision.allowed:
        roster = replica.now(draft.core.at)
        devices = tuple(_device(draft, member, device) for device in roster.devices_in_force(person))
    return PersonRow(
        person,
        names.get("person", person),
        organisation,
        names.get("organisation", organisation),
        decision,
        devices,
    )


def _device(draft: Draft, member: Member, device: str) -> DeviceRow:
    replica, now = member.replica, draft.core.at
    last = replica.epochs.last_week(device)
    soon = encoding.week_of(now + LEAST_AHEAD * WEEK_SECONDS)
    usable = device in replica.epochs.usable(encoding.week_of(now), draft.core.seen.journal.size)
    return DeviceRow(device, replica.names.get("device", device, "label"), usable, last, last is None or last < soon)


def differences(before: Draft, after: Draft) -> dict[str, list[str]]:
    """What changed between a preview and now: person ids, device ids, fields of the core."""
    changed: dict[str, list[str]] = {}
    old, new = ({p for p, d in draft.people.items() if d.allowed} for draft in (before, after))
    devices = [{(r.device, r.usable) for r in draft.verdict.recipients} for draft in (before, after)]
    cores = [draft.core.to_json() for draft in (before, after)]
    found = {
        "persons-added": sorted(new - old),
        "persons-lost": sorted(old - new),
        "devices": sorted({device for device, _ in devices[0] ^ devices[1]}),
        "core": sorted(n for n in {*cores[0], *cores[1]} - NOT_BOUND if cores[0].get(n) != cores[1].get(n)),
        "decision": [] if before.verdict.alert == after.verdict.alert else [after.verdict.alert.code],
    }
    for name, values in found.items():
        if values:
            changed[name] = values
    return changed
