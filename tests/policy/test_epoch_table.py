"""The table of weekly keys answers for every journal size in the past."""

from __future__ import annotations

from os import urandom

from exchange.model.journal import EpochPublish
from exchange.policy.epochs import EpochTable
from keys import encoding
from tests.support.world import START, World


def bundle(world: World, device: str, count: int = 9) -> EpochPublish:
    """A bundle of a device's keys from the week of now on."""
    weeks = [encoding.week_of(START)]
    while len(weeks) < count:
        weeks.append(encoding.next_week(weeks[-1]))
    return EpochPublish.model_validate(
        world.common(
            at=START,
            bundle={"length": 1216 * count, "sha256": urandom(32).hex()},
            issuer={"device": device},
            keys=[{"hash": urandom(32).hex(), "week": week} for week in weeks],
        )
    )


def test_a_key_counts_from_the_journal_size_that_holds_its_entry() -> None:
    world, table, week = World().found(), EpochTable(), encoding.week_of(START)
    devices = [world.random.id() for _ in range(3)]
    for index, device in zip((4, 9, 20), devices, strict=True):
        table.apply(index, urandom(32).hex(), bundle(world, device))
    sizes = {0: 0, 4: 0, 5: 1, 9: 1, 10: 2, 20: 2, 21: 3, 500: 3}
    for size, count in sizes.items():
        usable = table.usable(week, size)
        assert set(usable) == set(devices[:count])
        for device in devices:
            assert usable.get(device) == table.key(device, week, size)


def test_what_was_handed_out_does_not_grow_with_the_table() -> None:
    world, table, week = World().found(), EpochTable(), encoding.week_of(START)
    first, later = world.random.id(), world.random.id()
    table.apply(0, urandom(32).hex(), bundle(world, first))
    usable = table.usable(week, 1)
    table.apply(1, urandom(32).hex(), bundle(world, later))
    assert set(usable) == {first}
    assert table.usable(week + 90, 5) == {}
