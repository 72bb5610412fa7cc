"""Figure 3: one person's decision, and the whole decision, each with rosters of 1,000 and 10,000 members."""

from __future__ import annotations

from typing import Any

from exchange.model.alert import Core
from exchange.policy.decide import Context, decide, decide_one
from exchange.policy.members import Roster
from tests.bench.alerts import Publisher
from tests.bench.crowd import facts_of
from tests.bench.measure import Report, alternately, median, text
from tests.support.world import EMPTY_HEAD, World

MEMBERS = (1_000, 10_000)
ROUNDS = 15
CALLS = 1_000
"""Calls of `decide_one` in one measurement."""
ONE_BOUND = 50e-6
"""Seconds for one person."""
WHOLE_BOUND = 10e-6
"""Seconds a member for the whole decision."""


def measure(report: Report) -> None:
    """Add the lines."""
    world = World(seed="bench").found()
    for count in MEMBERS:
        _measure(report, world, count)


def _measure(report: Report, world: World, count: int) -> None:
    member = facts_of(count, world.roster.facts)
    facts, now = member.facts, world.now
    policy = facts.policy
    assert policy is not None and facts.policy_id is not None
    roster, accepted = Roster(facts, now), Roster(facts, now + 1)
    usable = frozenset(facts.devices)
    signer = world.registrars[0]
    publisher = Publisher(world.exchange, member.author, signer, member.approver, signer)
    seen: dict[str, Any] = {"journal": EMPTY_HEAD, "registry": EMPTY_HEAD}
    # Everybody is a recipient: the officers of the sector, the author and the candidate approver.
    core = Core.model_validate(
        {**publisher.core(now, facts.policy_id, seen), "keyless": 0, "stanzas": len(facts.devices)}
    )

    def whole() -> None:
        verdict = decide(roster, policy, core, [member.approver], Context(accepted, usable))
        assert verdict.alert.allowed and len(verdict.recipients) == count, verdict.alert

    def one() -> None:
        for _ in range(CALLS):
            decide_one(roster, policy, core, member.officer)

    times = {name: median(found) for name, found in alternately(ROUNDS, whole=whole, one=one).items()}
    single, each = times["one"] / CALLS, times["whole"] / count
    report.add(f"`decide_one`, {count:,} members", text(single), "", f"≤ {text(ONE_BOUND)}", single <= ONE_BOUND)
    report.add(
        f"`decide`, {count:,} members, all of them recipients",
        f"{text(each)} a member ({text(times['whole'])})",
        "",
        f"≤ {text(WHOLE_BOUND)} a member",
        each <= WHOLE_BOUND,
    )
