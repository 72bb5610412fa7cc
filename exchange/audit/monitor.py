"""The monitor: what a person should hear of at once in the logs and in the member's copy of them (``docs/spec/audit.md``, Monitor).

It reads what the client has verified and asks the exchange for one thing only: the statement of a released alert that this member
may see, whose hash the journal has.  Entries are looked at once, from where the last round ended; states (a silent witness, an old
quorum, a registry that grew) are alarms when they begin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field

from exchange.audit.alarms import FORKS, Alarm, clipped
from exchange.audit.monitorstate import MonitorState
from exchange.client import witnessing
from exchange.client.errors import BadAnswer, Refused, TransportError, step_name
from exchange.client.member import Member
from exchange.model.alert import Urgency
from exchange.model.entry import RELEASED, Entry, parse_entry
from exchange.model.problems import Malformed
from exchange.model.registry import DeviceEnrol, PersonChange, PersonEnrol, RegistrarRotate, WitnessName
from exchange.model.statements import Statement, parse_statement
from exchange.policy.members import Facts
from exchange.policy.rules import required_approvals
from keys.envelope import Envelope

PUBLISHING = frozenset({"author", "approver"})
DAY = 86_400
"""Seconds."""
FEW = 5
"""Newcomers up to which a share of the roster says nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a state is an alarm: seconds without a cosignature; growth of the roster in a day, as a number and per cent."""

    silence: int = 900
    grown: int = 50
    percent: int = 25


@dataclass(slots=True)
class _People:
    """Roles and places of persons, as the registry is read forward."""

    roles: dict[str, frozenset[str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


async def watch_once(member: Member, kept: MonitorState, limits: Limits) -> None:
    """One look, noted durably: entries from where the last one ended, and the states of now.

    At the first look the logs are taken as they are: what stands in them is an audit's business.  When the exchange cannot be
    reached only the states are looked at, and the entries next time.
    """
    replica = member.replica
    now = replica.size("registry"), replica.size("journal")
    places = kept.places() or now
    alarms = [*states(member, limits)]
    try:
        entries = [alarm async for alarm in _entries(member, places, now)]
    except TransportError:
        entries, now = [], places
    kept.record([*entries, *alarms], *now)


async def _entries(member: Member, start: tuple[int, int], end: tuple[int, int]) -> AsyncIterator[Alarm]:
    for alarm in _registry(member, start[0], end[0]):
        yield alarm
    for index, entry in _released(member, start[1], end[1]):
        found = await _emergency(member, index, entry)
        if found is not None:
            yield found


# -- entries -------------------------------------------------------------------------------------------------------------


def _registry(member: Member, start: int, size: int) -> Iterator[Alarm]:
    """What registry entries say, as far as their statements are shown to this member."""
    if start >= size:
        return
    history, people = member.replica.history, _People()
    facts = member.replica.facts
    person = facts.persons.get(member.replica.person or "")
    own = None if person is None else person.organisation
    for index in range(size):
        statement = history.statement(index)
        if statement is None:
            continue
        found = _said(index, statement, people, own)
        if found is not None and index >= start:
            yield Alarm(
                f"{found[0]}/registry/{index}", found[0], history.entries[index].at, "registry", index, found[1]
            )


def _said(
    index: int, statement: Statement, people: _People, own: str | None
) -> tuple[str, dict[str, str | int]] | None:
    """The code and values of one statement that is an alarm; everything else is remembered for those that follow."""
    body = statement.body
    match body:
        case PersonEnrol() | PersonChange():
            if isinstance(body, PersonEnrol):
                people.places[body.person] = body.organisation
            roles = frozenset(body.roles)
            new = (roles - people.roles.get(body.person, frozenset())) & PUBLISHING
            people.roles[body.person] = roles
            if new:
                place = people.places.get(body.person, "?")
                return "publisher-new", {"organisation": place, "person": body.person, "roles": ", ".join(sorted(new))}
        case DeviceEnrol():
            place = people.places.get(body.person, "?")
            if own is not None and place == own:
                return "device-new", {"device": body.device, "organisation": place, "person": body.person}
        case RegistrarRotate():
            return "registrars-changed", {"number": len(body.registrars), "threshold": body.threshold}
        case WitnessName():
            return "witnesses-changed", {"number": len(body.witnesses), "quorum": body.quorum}
        case _:
            pass
    return None


def _released(member: Member, start: int, size: int) -> Iterator[tuple[int, Entry]]:
    for index, data in list(member.state.entries("journal", start, kind=RELEASED)):
        if index < size:
            yield index, parse_entry(data)


async def _emergency(member: Member, index: int, entry: Entry) -> Alarm | None:
    """A release at urgency immediate with fewer approvals than the policy wants at any other urgency.

    Whoever is no auditor and has not received the alert is not shown its statement, and is not told.
    """
    try:
        envelope = await _statement(member, entry)
    except (Refused, BadAnswer) as error:
        if not _is_auditor(member):
            return None
        values: dict[str, str | int] = {"detail": clipped(error.code), "subject": entry.statement}
        return Alarm(f"withheld/journal/{index}", "withheld", entry.at, "journal", index, values)
    core = parse_statement(envelope).alert.core
    roster = member.replica.roster(core.seen.registry.size, core.at)
    policy = None if roster is None else roster.facts.policy
    if core.urgency is not Urgency.IMMEDIATE or policy is None:
        return None
    approvals = len(envelope.signer_ids) - 1
    required = required_approvals(policy, core.model_copy(update={"urgency": Urgency.EXPECTED}))
    if approvals >= required:
        return None
    values = {
        "alert": core.alert,
        "approvals": approvals,
        "device": core.issuer.device,
        "required": required,
        "statement": entry.statement,
    }
    return Alarm(f"emergency-release/journal/{index}", "emergency-release", entry.at, "journal", index, values)


def _is_auditor(member: Member) -> bool:
    """Whether the exchange owes this member every statement of the journal."""
    person = member.replica.facts.persons.get(member.replica.person or "")
    return person is not None and "auditor" in person.roles


async def _statement(member: Member, entry: Entry) -> Envelope:
    """An alert's statement with the signatures that its entry names: from this member's store, else from the exchange.

    Raises TransportError, Refused, BadAnswer; also for a statement with other signatures than those accepted.
    """
    row = member.state.alert(entry.statement)
    if row is not None and row.envelope is not None:
        kept = Envelope.decode(row.envelope)
        if kept.signatures_hash == entry.signatures:
            return kept
    shown = await member.api.statement(entry.statement)
    try:
        parse_statement(shown).alert  # noqa: B018  another kind of statement raises
    except Malformed as error:
        raise BadAnswer(error.detail) from None
    if shown.signatures_hash != entry.signatures:
        raise BadAnswer("the statement shown has other signatures than those accepted")
    return shown


# -- states --------------------------------------------------------------------------------------------------------------


def states(member: Member, limits: Limits) -> Iterator[Alarm]:
    """What is so now: failures that stand, witnesses, the size of the roster."""
    yield from _failures(member)
    yield from _witnesses(member, limits)
    yield from _growth(member, limits)


def _failures(member: Member) -> Iterator[Alarm]:
    for failure in member.state.failures():
        if failure.code in FORKS:
            code = "fork"
        elif failure.code.endswith("withheld"):
            code = "withheld"
        else:
            code = "verification-failed"
        detail = f"{step_name(failure.step)} {failure.code}"
        values: dict[str, str | int] = {"detail": clipped(detail), "subject": clipped(failure.subject)}
        yield Alarm(f"{code}/{failure.id}", code, failure.at, values=values, standing=True)


def _witnesses(member: Member, limits: Limits) -> Iterator[Alarm]:
    now = member.clock()
    for log, state in witnessing.states(member).items():
        if state.since is None:
            continue
        if now - state.since > limits.silence:
            values: dict[str, str | int] = {
                "minutes": limits.silence // 60,
                "number": len(state.witnesses),
                "quorum": state.quorum,
                "size": state.size,
            }
            yield Alarm(f"checkpoint-old/{log}", "checkpoint-old", state.since, log, None, values, standing=True)
        newest = max(witness.time for witness in state.witnesses)
        named = witnessing.named_at(member.replica)
        for witness in state.witnesses:
            last = max(witness.time, named)
            if newest - last > limits.silence:
                silent: dict[str, str | int] = {"size": witness.size, "witness": clipped(witness.name)}
                yield Alarm(
                    f"witness-silent/{log}/{witness.name}", "witness-silent", last, log, None, silent, standing=True
                )


def _growth(member: Member, limits: Limits) -> Iterator[Alarm]:
    history, now = member.replica.history, member.clock()
    size = sum(1 for entry in history.entries if entry.at <= now - DAY)
    if not size:
        return  # younger than a day: there is no yesterday
    before, after = in_force(history.at(size, now - DAY).facts), in_force(history.facts)
    for what, old, new in zip(("persons", "devices"), before, after, strict=True):
        grown = new - old
        if grown > limits.grown or (grown > FEW and grown * 100 > limits.percent * old):
            values: dict[str, str | int] = {"after": new, "before": old, "what": what}
            yield Alarm(f"roster-grown/{what}", "roster-grown", now, "registry", None, values, standing=True)


def in_force(facts: Facts) -> tuple[int, int]:
    """How many persons and devices are neither removed nor revoked, as far as they are shown."""
    persons = {person for person, found in facts.persons.items() if not found.removed}
    devices: Iterable[bool] = (not d.revoked and d.person in persons for d in facts.devices.values())
    return len(persons), sum(devices)
