"""Every route crossed with every role and every method: what is not in the table is refused, and who may not is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from exchange.web.declare import Access, Route
from exchange.web.routes import ROUTES
from tests.support.web import Partnership, listening
from tests.support.world import Member

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND")
NO_TAG = "AAAAAAAAAAA"
"""A tag that no leaf has, eight zero bytes."""
ROLES = ("author", "approver", "administrator", "officer", "stranger", "auditor")
EVERYONE = dict.fromkeys(ROLES, 200)
NOBODY = dict.fromkeys(ROLES, 403)

# What each role is answered, for an AMBER alert of the author's to the officer's organisation.
EXPECTED: dict[tuple[str, str], dict[str, int]] = {
    ("DELETE", "/v1/session"): dict.fromkeys(ROLES, 204),
    ("PUT", "/v1/blobs/{sha256}"): dict.fromkeys(ROLES, 201),
    ("HEAD", "/v1/blobs/{sha256}"): dict.fromkeys(ROLES, 204),
    ("PATCH", "/v1/blobs/{sha256}"): dict.fromkeys(ROLES, 201),
    ("GET", "/v1/blobs/{sha256}"): {**NOBODY, "author": 200, "officer": 200},
    ("GET", "/v1/statements/{id}"): {**NOBODY, "author": 200, "approver": 200, "officer": 200, "auditor": 200},
    ("GET", "/v1/registry/statements"): EVERYONE,
    ("GET", "/v1/epochs"): EVERYONE,
    ("GET", "/v1/alerts/{id}"): EVERYONE,
    ("GET", "/v1/alerts/{id}/leaves"): {**NOBODY, "author": 200, "auditor": 200},
    ("GET", "/v1/alerts/{id}/receipts"): {**NOBODY, "author": 200, "approver": 200, "auditor": 200},
    ("GET", "/v1/alerts/{id}/reactions"): {**NOBODY, "author": 200, "approver": 200, "auditor": 200},
    ("GET", "/v1/alerts/{id}/grants"): {**NOBODY, "author": 200, "approver": 200, "auditor": 200},
    ("GET", "/v1/answers"): EVERYONE,
    ("GET", "/v1/grants"): EVERYONE,
    ("GET", "/v1/alerts/{id}/versions"): EVERYONE,
    ("GET", "/v1/proposals"): EVERYONE,
    ("GET", "/v1/feed"): EVERYONE,
    ("GET", "/v1/feed/poll"): EVERYONE,
    ("GET", "/{log}/tile/entries/{place}"): EVERYONE,
}


def plain(route: Route) -> str:
    """The route's path without the patterns of its parts."""
    return route.template


@dataclass
class Scene:
    place: Partnership
    alert: str
    part: str
    clear: str

    def path(self, route: Route) -> str:
        """A path of this route at which there is something."""
        identifier = self.clear if route.path.startswith("/clear/") else self.alert
        path = plain(route)
        values = {"id": identifier, "sha256": self.part, "log": "journal", "number": "1"}
        values["place"] = "000.p/1" if "entries" in path else "0/000.p/1"
        return path.format(**values)

    def query(self, route: Route) -> str:
        return {"/v1/alerts/{id}": f"?tag={NO_TAG}", "/v1/feed/poll": "?cursor=0"}.get(plain(route), "")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with listening(tmp_path, server={"security_contacts": ["mailto:security@exchange.example"]}) as place:
        alert = await place.release()
        clear = await place.publish_clear()
        yield Scene(place, alert.id, alert.alert.sealed.parts[0].sha256, clear.id)


def test_every_session_route_has_its_expectation_here():
    wanted = {(route.method, plain(route)) for route in ROUTES if route.access is Access.SESSION}
    assert wanted == EXPECTED.keys()


def test_every_route_says_who_may_call_and_what_it_logs():
    assert all(route.who and route.logs for route in ROUTES)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


async def test_the_interface_page_names_every_route():
    page = (Path(__file__).parents[2] / "docs" / "spec" / "interface.md").read_text(encoding="utf-8")
    for route in ROUTES:
        path = plain(route).removeprefix("/{log}").removesuffix("{place}")
        assert path in page, path


async def test_unlisted_methods_are_refused_on_every_path(scene: Scene):
    world = scene.place.world
    token = await world.session(scene.place.author)
    listed: dict[str, set[str]] = {}
    for route in ROUTES:
        listed.setdefault(scene.path(route), set()).add(route.method)
    before = world.sizes()
    for path, methods in listed.items():
        for method in METHODS:
            if method in methods:
                continue
            answer = await world.call(method, path, token)
            assert answer.status == 405, (method, path, answer.body)
            assert answer.headers["Allow"] == ", ".join(sorted(methods))
            if method != "HEAD":
                assert answer.code == "method-not-allowed"
    assert world.sizes() == before


async def test_without_a_session_only_public_routes_answer(scene: Scene):
    world = scene.place.world
    for route in ROUTES:
        path = scene.path(route)
        if route.access is Access.SESSION:
            for token, code in ((None, "session-missing"), ("A" * 43, "session-unknown"), ("!", "session-missing")):
                answer = await world.call(route.method, path, token)
                assert answer.status == 401, (route.method, path)
                assert route.method == "HEAD" or answer.code == code
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        elif route.method == "GET" and "attachments" not in path:
            assert (await world.call("GET", path)).status == 200, path


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_is_answered_what_the_table_says(scene: Scene, role: str):
    world = scene.place.world
    member: Member = getattr(scene.place, role)
    for route in (route for route in ROUTES if route.access is Access.SESSION):
        expected = EXPECTED[route.method, plain(route)][role]
        path, body, headers = scene.path(route) + scene.query(route), None, None
        if route.method in ("PUT", "PATCH"):
            body = f"a blob of {role} by {route.method}".encode()
            path = f"/v1/blobs/{sha256(body).hexdigest()}"
            headers = {"Upload-Length": str(len(body)), "Upload-Offset": "0"} if route.method == "PATCH" else None
        token = await world.session(member)
        if plain(route) == "/v1/feed":
            async with world.feed(token) as stream:
                async for event in stream:
                    assert event.name == "head"
                    break
            continue
        answer = await world.call(route.method, path, token, body, headers)
        assert answer.status == expected, (route.method, path, role, answer.body[:300])
        if expected == 403:
            assert answer.code == "not-entitled"


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_on_a_proposal_only_those_who_handle_it_see_anything(scene: Scene, role: str):
    world = scene.place.world
    proposal = await scene.place.propose()
    token = await world.session(getattr(scene.place, role))
    handles = role in ("author", "approver")
    for path, elsewise in (
        (f"/v1/alerts/{proposal.id}?tag={NO_TAG}", {"not-entitled"}),
        (f"/v1/blobs/{proposal.alert.sealed.parts[0].sha256}", {"not-entitled"}),
        (f"/v1/alerts/{proposal.id}/receipts", {"not-released"}),
    ):
        answer = await world.get(path, token)
        if handles and "receipts" not in path:
            assert answer.status == 200, (path, answer.body)
        else:
            assert answer.status == 403 and answer.code in elsewise, (path, answer.body)
    listed = [item["statement"] for item in (await world.get("/v1/proposals", token)).json["proposals"]]
    assert (proposal.id in listed) == handles
    leaves = await world.get(f"/v1/alerts/{proposal.id}/leaves", token)
    assert leaves.status == (200 if handles or role == "auditor" else 403)


@pytest.mark.parametrize("role", ROLES)
async def test_a_pack_is_handed_to_nobody(scene: Scene, role: str):
    world = scene.place.world
    alert = await scene.place.release()
    assert alert.alert.sealed.pack is not None
    answer = await world.get(
        f"/v1/blobs/{alert.alert.sealed.pack.sha256}", await world.session(getattr(scene.place, role))
    )
    assert (answer.status, answer.code) == (403, "not-entitled")
