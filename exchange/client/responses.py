"""What became of an alert: who received, read and reacted, who is silent, and whom to call. For authors and approvers.

States are the exchange's answer, built from the devices' receipts and its own claims: auditors check them, a publisher believes
them. Reactions are not believed: each was signed by a device in force and opened here.  By organisation, and by person only for
RED; a reaction names the person who gave it, on purpose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange.client.errors import BadAnswer
from exchange.client.member import Member
from exchange.client.messages import Said, conversation
from exchange.model.messages import Reaction
from exchange.model.tlp import Label

STATES = ("silent", "delivered", "received", "read", "reacted")
"""From nothing to most; a person acknowledged from ``read`` on, before that only devices did."""
ACKNOWLEDGED = frozenset({"read", "reacted"})


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an organisation (for RED a person) got, since when (seconds; None for silent), when it first
    reached each state, and its newest reaction.

    ``own``: of the source itself, whose author and approvers always receive what they publish.
    """

    subject: str
    state: str
    at: int | None
    times: Mapping[str, int] = field(default_factory=dict)
    reaction: Said | None = None
    own: bool = False

    @property
    def acknowledged(self) -> bool:
        """Whether a person has read it or said something."""
        return self.state in ACKNOWLEDGED


@dataclass(frozen=True, slots=True)
class Responses:
    """All standings of one alert, and what was said; ``by_person`` for RED."""

    statement: str
    by_person: bool
    standings: tuple[Standing, ...]
    said: tuple[Said, ...]

    @property
    def silent(self) -> tuple[Standing, ...]:
        """Where nobody has acknowledged yet; the source need not call itself."""
        return tuple(standing for standing in self.standings if not standing.acknowledged and not standing.own)

    @property
    def questions(self) -> tuple[Said, ...]:
        """Questions without an answer."""
        answered = {said.ask for said in self.said}
        return tuple(said for said in self.said if said.kind == "alert.ask" and said.statement not in answered)

    def count(self) -> dict[str, int]:
        """Number of subjects by state."""
        return {state: sum(standing.state == state for standing in self.standings) for state in STATES}


async def responses(member: Member, statement: str, label: Label) -> Responses:
    """Fetch and verify. Raises Refused (``not-entitled``, ``not-released``), TransportError, BadAnswer, StateError."""
    answer = await member.api.receipts(statement)
    said = await conversation(member, statement)
    by_person = label is Label.RED
    noun = "person" if by_person else "organisation"
    newest: dict[str, Said] = {}
    for one in said:
        if isinstance(one.words, Reaction):
            newest[one.person if by_person else one.organisation] = one
    people = member.replica.facts.persons
    mine = people[member.replica.person or ""].organisation
    own = {person.id for person in people.values() if person.organisation == mine} if by_person else {mine}
    standings = [_standing(item, noun, newest, own) for item in _items(answer, f"{noun}s")]
    return Responses(statement, by_person, tuple(standings), tuple(said))


def _items(answer: dict[str, Any], name: str) -> list[Any]:
    items = answer.get(name)
    if not isinstance(items, list):
        raise BadAnswer(f"{name}: not a list")
    return items


def _standing(item: Any, noun: str, newest: dict[str, Said], own: Collection[str]) -> Standing:
    subject, state = (item.get(noun), item.get("state")) if isinstance(item, dict) else (None, None)
    if not isinstance(subject, str) or state not in STATES:
        raise BadAnswer(f"{noun}, state: not a standing")
    at = item.get("at")
    if at is not None and not isinstance(at, int):
        raise BadAnswer("at: not a time")
    times = item.get("times", {})
    if not isinstance(times, dict) or not all(s in STATES and isinstance(t, int) for s, t in times.items()):
        raise BadAnswer("times: not times by state")
    return Standing(subject, state, at, times, newest.get(subject), subject in own)
