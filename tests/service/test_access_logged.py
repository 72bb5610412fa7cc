"""Everything that an auditor is handed beyond what every member reads alike becomes an ``access.read`` entry."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.web.declare import Access
from exchange.web.routes import ROUTES
from tests.service.test_claims import said
from tests.support.grants import give
from tests.support.messages import react
from tests.support.web import Partnership, listening

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "audit.md"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


def access_table() -> dict[str, set[str]]:
    """From the specification: the path of a read, and what its entries name; nothing for what is not logged."""
    section = SPEC.read_text("utf-8").partition("\n## Access\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `GET ([^ `]+)` \| ([^|]*) \|", section, re.MULTILINE)
    return {path: set(re.findall(r"`([a-z-]+)`", what)) for path, what in rows}


async def read_everything(place: Partnership, alert: str) -> dict[str, int]:
    """Every read that is logged, once each, by the auditor; what each entry must count."""
    world = place.world
    token = await world.session(place.auditor)
    pages = {}
    for what in ("receipts", "reactions", "grants"):
        pages[what] = len((await world.get(f"/v1/alerts/{alert}/{what}", token)).json["statements"])
    registry = (await world.get("/v1/registry/statements?limit=256", token)).json["statements"]
    openings = sum(len(item["openings"]) for item in registry)
    await world.get(f"/v1/alerts/{alert}/leaves", token)
    for _ in range(2):
        assert (await world.get(f"/v1/statements/{alert}", token)).status == 200
    assert (await world.get(f"/v1/statements/{world.exchange}", token)).status == 200
    return {**pages, "leaf-list": 1, "opening": openings, "registry": len(registry) + 1, "statement": 2}


async def spoken_of(place: Partnership) -> str:
    """The statement id of an alert with a receipt, a reaction and a grant."""
    world = place.world
    alert = await place.release()
    body = world.common(issuer={"device": place.officer.device}, alerts=[alert.id], level="read")
    await world.post(world.sign("alert.receipt", body, place.officer.signer))
    await world.post(react(world, place.officer, alert, b"gesehen", place.author))
    second = await world.enrol_device(place.officer)
    await world.post(give(world, place.officer, alert, second, "history"))
    return alert.id


async def test_every_read_of_an_auditor_is_an_entry_with_device_what_and_count(place: Partnership) -> None:
    world = place.world
    expected = await read_everything(place, await spoken_of(place))
    await world.context.claims.flush()
    bodies = await said(place, "access.read")
    assert {body.what: body.count for body in bodies} == expected
    assert {body.device for body in bodies} == {place.auditor.device}
    assert all(expected.values())
    assert set(expected) == set().union(*access_table().values())


async def test_the_specification_says_of_every_route_whether_an_auditors_read_is_logged() -> None:
    sessions = {
        route.template: route.logs for route in ROUTES if route.method == "GET" and route.access == Access.SESSION
    }
    table = access_table()
    assert table.keys() == sessions.keys()
    assert {path for path, what in table.items() if what} == {
        path for path, logs in sessions.items() if "access.read" in logs
    }


async def test_reading_what_was_read_is_not_logged_so_that_it_ends(place: Partnership) -> None:
    world = place.world
    await read_everything(place, await spoken_of(place))
    await world.context.claims.flush()
    size = world.sizes()[1]
    token = await world.session(place.auditor)
    page = await world.exchange_server.store.read(_claims)
    for statement in page:
        assert (await world.get(f"/v1/statements/{statement}", token)).status == 200
    assert await world.context.claims.flush() == 0
    assert world.sizes()[1] == size


def _claims(connection):  # type: ignore[no-untyped-def]
    from exchange.store import statements

    return [row.statement for row in statements.page(connection, "journal", 0, 1000, ("access.read",))]


async def test_what_other_members_read_writes_no_access_entry(place: Partnership) -> None:
    world = place.world
    alert = await spoken_of(place)
    token = await world.session(place.author)
    for path in (f"/v1/alerts/{alert}/receipts", f"/v1/alerts/{alert}/leaves", "/v1/registry/statements"):
        assert (await world.get(path, token)).status == 200
    await world.context.claims.flush()
    assert await said(place, "access.read") == []
