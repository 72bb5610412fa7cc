"""The table of weekly keys answers for every journal size in the past."""

from __future__ import annotations

from os import urandom

import pytest

from exchange.model.alert import DeviceIssuer
from exchange.model.journal import EpochKey, EpochPublish
from exchange.model.scalars import DAY, BlobRef
from exchange.policy.epochs import EpochRefusal, EpochTable
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


# -- what may be published -----------------------------------------------------------------------------------------------


def weeks_from(first: int, count: int) -> list[int]:
    """Consecutive ISO weeks; ``first`` counts from the week of START."""
    start, _ = encoding.week_range(encoding.week_of(START))
    return [encoding.week_of(start + (first + place) * 7 * DAY) for place in range(count)]


def body_of(device: str, weeks: list[int]) -> EpochPublish:
    keys = [EpochKey.model_construct(hash=urandom(32).hex(), week=week) for week in weeks]
    issuer, bundle_ = DeviceIssuer(device=device), BlobRef(length=1216 * len(weeks), sha256=urandom(32).hex())
    return EpochPublish.model_construct(at=START, issuer=issuer, bundle=bundle_, keys=tuple(keys))


@pytest.mark.parametrize(
    ("first", "count", "code"),
    [
        (0, 9, None),
        (1, 8, None),
        (0, 61, None),
        (-1, 10, "week-past"),
        (0, 8, "bundle-too-short"),
        (0, 1, "bundle-too-short"),
        (0, 62, "bundle-too-long"),
        (60, 1, None),
        (61, 1, "bundle-too-long"),
    ],
)
def test_a_bundle_reaches_8_to_60_weeks_ahead_and_not_back(first: int, count: int, code: str | None) -> None:
    table, device = EpochTable(), encoding.b64u(urandom(16))
    body = body_of(device, weeks_from(first, count))
    if code is None:
        table.apply(0, "0" * 64, body)
        assert table.last_week(device) == body.keys[-1].week
        return
    with pytest.raises(EpochRefusal) as refusal:
        table.apply(0, "0" * 64, body)
    assert refusal.value.code == code
    assert table.last_week(device) is None and table.last_bundle(device, 1) is None


def test_attack_a_key_for_a_week_that_does_not_exist() -> None:
    weeks = weeks_from(0, 20)
    year = weeks[0] // 100
    for unknown in (year * 100 + 54, year * 100 + 99, (year + 1) * 100):
        with pytest.raises(EpochRefusal) as refusal:
            EpochTable().check(body_of(encoding.b64u(urandom(16)), [weeks[0], unknown, weeks[-1]]))
        assert refusal.value.code == "week-unknown"


def test_attack_a_second_key_for_the_same_week() -> None:
    table, device, other = EpochTable(), encoding.b64u(urandom(16)), encoding.b64u(urandom(16))
    table.apply(7, "a" * 64, body_of(device, weeks_from(0, 9)))
    with pytest.raises(EpochRefusal) as refusal:
        table.apply(8, "b" * 64, body_of(device, weeks_from(8, 2)))
    assert refusal.value.code == "week-published"
    table.apply(8, "b" * 64, body_of(other, weeks_from(8, 2)))
    table.apply(9, "c" * 64, body_of(device, weeks_from(9, 2)))
    assert [table.last_bundle(device, size) for size in (7, 8, 9, 10)] == [None, "a" * 64, "a" * 64, "c" * 64]
    assert table.last_week(device) == weeks_from(10, 1)[0] and table.last_week("nobody") is None
    found = table.published(device, weeks_from(10, 1)[0])
    assert found is not None and (found.index, found.statement, found.position) == (9, "c" * 64, 1)


def test_a_week_s_keys_are_cut_at_a_size_also_when_they_were_published_out_of_order_of_the_weeks() -> None:
    table, early, late = EpochTable(), encoding.b64u(urandom(16)), encoding.b64u(urandom(16))
    table.apply(3, "a" * 64, body_of(early, weeks_from(0, 9)))
    table.apply(5, "b" * 64, body_of(late, weeks_from(0, 9)))
    week = weeks_from(2, 1)[0]
    assert [set(table.usable(week, size)) for size in (3, 4, 5, 6)] == [set(), {early}, {early}, {early, late}]
    assert EpochTable().usable(week, 0) == {}


def test_a_key_of_entry_0_is_there_from_size_1() -> None:
    table, device = EpochTable(), encoding.b64u(urandom(16))
    table.apply(0, "a" * 64, body_of(device, weeks_from(0, 9)))
    week = weeks_from(0, 1)[0]
    assert table.usable(week, 0) == {} and set(table.usable(week, 1)) == {device}


@pytest.mark.parametrize("weeks", [1, 8, 13, 60])
def test_weeks_ahead_are_counted_from_monday_to_monday(weeks: int) -> None:
    first, count = encoding.week_of(START), weeks
    week = first
    for _ in range(count):
        week = encoding.next_week(week)
    assert weeks_from(weeks, 1) == [week]
