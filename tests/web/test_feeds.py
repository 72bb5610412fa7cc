"""Atom, JSON Feed and security.txt: valid, cacheable, in the language asked for, and nothing an author writes becomes markup."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exchange.client.clear import check_clear
from exchange.config import ConfigError, parse
from exchange.model.alert import Content
from exchange.model.scalars import DAY
from exchange.service.clear import ClearAlerts
from tests.support.clear import attachment, plain, publish
from tests.support.web import Partnership, listening

ATOM = "{http://www.w3.org/2005/Atom}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


async def atom(place: Partnership, query: str = "") -> ElementTree.Element:
    answer = await place.world.get(f"/clear/feed.atom{query}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/atom+xml; charset=utf-8")
    return ElementTree.fromstring(answer.body)


def text(element: ElementTree.Element, name: str) -> str:
    [found] = element.findall(f"{ATOM}{name}")
    return found.text or ""


def links(element: ElementTree.Element, rel: str) -> list[str]:
    return [link.attrib["href"] for link in element.findall(f"{ATOM}link") if link.attrib["rel"] == rel]


async def test_the_atom_feed_has_what_rfc_4287_demands(place: Partnership):
    """id, title and updated once each in feed and entries, an author in every entry, self and alternate links, absolute."""
    empty = await atom(place)
    assert TIMESTAMP.fullmatch(text(empty, "updated")) and not empty.findall(f"{ATOM}entry")
    data = b"%PDF"
    content = Content(texts=(plain(),), attachments=(attachment(data, "Lage & Plan.pdf"),))
    alerts = [await publish(place), await publish(place, content, data)]
    feed = await atom(place)
    assert feed.tag == f"{ATOM}feed" and feed.attrib[LANG] == "de"
    assert links(feed, "self") == ["https://exchange.example/clear/feed.atom?lang=de"]
    entries = feed.findall(f"{ATOM}entry")
    assert [links(e, "alternate") for e in entries] == [
        [f"https://exchange.example/clear/{alert.id}?lang=de"] for alert in reversed(alerts)
    ]
    identifiers = [text(element, "id") for element in (feed, *entries)]
    assert len(set(identifiers)) == 3 and all(re.fullmatch(r"urn:tlp-exchange:[!-~]+", one) for one in identifiers)
    for entry in entries:
        assert text(entry, "title").startswith("TLP:CLEAR ") and TIMESTAMP.fullmatch(text(entry, "updated"))
        [author] = entry.findall(f"{ATOM}author")
        assert text(author, "name") == "Polizei Essen"
        [body] = entry.findall(f"{ATOM}content")
        assert body.attrib["type"] == "html" and "<p>Die Straße ist gesperrt.</p>" in (body.text or "")
    newest = entries[0]
    assert links(newest, "enclosure") == [f"https://exchange.example/clear/{alerts[1].id}/attachments/1"]
    assert text(feed, "updated") == max(text(entry, "updated") for entry in entries)


async def test_each_item_leads_to_evidence_that_verifies(place: Partnership):
    alert = await publish(place)
    [entry] = (await atom(place)).findall(f"{ATOM}entry")
    [item] = json.loads((await place.world.get("/clear/feed.json")).body)["items"]
    assert links(entry, "related") == [item["_tlp_exchange"]["evidence"]]
    path = links(entry, "related")[0].removeprefix("https://exchange.example")
    check_clear((await place.world.get(path)).body, place.world.exchange, alert.id)


async def test_the_json_feed_has_what_version_1_1_demands(place: Partnership):
    data = b"%PDF"
    content = Content(texts=(plain(),), attachments=(attachment(data, "Lageplan.pdf"),))
    alert = await publish(place, content, data)
    answer = await place.world.get("/clear/feed.json?lang=en")
    assert answer.headers["Content-Type"] == "application/feed+json; charset=utf-8"
    feed = answer.json
    assert feed["version"] == "https://jsonfeed.org/version/1.1" and feed["language"] == "en"
    assert feed["title"] == "TLP:CLEAR Public alerts"
    [item] = feed["items"]
    assert item["url"] == f"https://exchange.example/clear/{alert.id}?lang=en"
    assert item["language"] == "de", "written in German only, and said so"
    assert item["title"] == "TLP:CLEAR Vollsperrung" and item["authors"] == [{"name": "Polizei Essen"}]
    assert item["content_html"].startswith("<p>TLP:CLEAR</p>")
    assert TIMESTAMP.fullmatch(item["date_modified"])
    [one] = item["attachments"]
    assert (one["mime_type"], one["size_in_bytes"], one["title"]) == ("application/octet-stream", 4, "Lageplan.pdf")


async def test_a_feed_is_in_the_language_of_its_address_whatever_the_reader_sends(place: Partnership):
    content = Content(texts=(plain(), plain("Road closed", "Closed.", language="en")))
    await publish(place, content)
    for query, language, title in (("", "de", "Vollsperrung"), ("?lang=en", "en", "Road closed")):
        answer = await place.world.call("GET", f"/clear/feed.atom{query}", headers={"Accept-Language": "fr, en"})
        feed = ElementTree.fromstring(answer.body)
        [entry] = feed.findall(f"{ATOM}entry")
        assert feed.attrib[LANG] == entry.attrib[LANG] == language
        assert text(entry, "title") == f"TLP:CLEAR {title}"
        assert "Vary" not in answer.headers
    for path in ("feed.atom?lang=fr", "feed.json?before=1"):
        assert (await place.world.get(f"/clear/{path}")).code == "query-malformed"


@pytest.mark.parametrize("path", ["/clear/feed.atom", "/clear/feed.json"])
async def test_a_reader_that_has_the_feed_is_sent_nothing_until_it_changes(place: Partnership, path: str):
    world = place.world
    await publish(place)
    first = await world.get(path)
    tag = first.headers["ETag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = await world.call("GET", path, headers={"If-None-Match": known})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag), known
    await publish(place)
    changed = await world.call("GET", path, headers={"If-None-Match": tag})
    assert changed.status == 200 and changed.headers["ETag"] != tag


async def test_exercise_and_expiry_are_said_in_the_text(place: Partnership):
    world = place.world
    alert = await publish(place, exercise=True)
    world.now = alert.alert.core.valid_until
    [item] = (await world.get("/clear/feed.json")).json["items"]
    assert "ÜBUNG" in item["content_html"] and "abgelaufen" in item["content_html"]


HOSTILE = "]]></title><script>alert(1)</script><!--&lt;&#0;\u202e\"'/>\x01\x0b\ufffe"


async def test_an_authors_text_cannot_become_xml(place: Partnership):
    """Closing tags, comments, CDATA ends, entities, control characters and noncharacters, in every field of an author's."""
    data = b"x"
    named = attachment(data, "a&b' ]]-.pdf")
    long = HOSTILE + "\n\n```\n" + HOSTILE
    content = Content(texts=(plain(HOSTILE[:-3], long, advice=long),), attachments=(named,))
    await publish(place, content, data)
    raw = (await place.world.get("/clear/feed.atom")).body
    feed = ElementTree.fromstring(raw)
    assert b"<!" not in raw and b"<script" not in raw
    allowed = ["feed", "id", "title", "updated", "link", "entry", "author", "name", "category", "content"]
    assert {element.tag for element in feed.iter()} <= {ATOM + name for name in allowed}
    [entry] = feed.findall(f"{ATOM}entry")
    assert text(entry, "title").startswith("TLP:CLEAR ]]></title><script>") and "\u202e" not in text(entry, "title")
    [body] = entry.findall(f"{ATOM}content")
    assert "<script" not in (body.text or "") and not re.search("[\x00-\x08\x0b\x0c\ufffe\uffff]", raw.decode())
    feed_json = (await place.world.get("/clear/feed.json")).json
    assert "<script" not in feed_json["items"][0]["content_html"]


async def test_only_the_newest_version_of_an_alert_is_listed(place: Partnership):
    """A released successor, of whatever label, takes its predecessor from list and feeds; the old page stays."""
    world = place.world
    first, second = await publish(place), await publish(place)
    narrower = {"organisations": [place.officer.organisation]}
    alone = {"approvals": 0, "approvers": []}
    await world.post(
        await world.version(
            place.author, first, "relabel", label="AMBER", audience=narrower, change="narrower", core=alone
        )
    )
    listed = [row.statement for row in await world.context.clear.newest(None, 10)]
    assert listed == [second.id] and isinstance(world.context.clear, ClearAlerts)
    assert len((await world.get("/clear/feed.json")).json["items"]) == 1
    assert (await world.get(f"/clear/{first.id}")).status == 200


async def test_a_withdrawal_is_marked_in_both_feeds(place: Partnership):
    world = place.world
    gone = await world.version(place.author, await publish(place), "withdraw")
    await world.post(world.approve(gone, place.approver))
    [item] = (await world.get("/clear/feed.json")).json["items"]
    assert item["content_html"].startswith("<p><strong>Diese Meldung wurde zurückgezogen")
    assert "zurückgezogen" in (await world.get("/clear/feed.atom")).body.decode()


async def test_the_pages_lead_to_the_feeds_and_name_the_command(place: Partnership):
    alert = await publish(place)
    page = (await place.world.get(f"/clear/{alert.id}?lang=en")).body.decode()
    command = f"exchange clear-check https://exchange.example/clear/{alert.id} --exchange {place.world.exchange}"
    assert command in page and "What a visitor cannot prove" in page
    for path in ("/clear/?lang=de", f"/clear/{alert.id}?lang=de"):
        page = (await place.world.get(path)).body.decode()
        assert 'type="application/atom+xml" title="Atom" href="/clear/feed.atom?lang=de"' in page


# -- security.txt -------------------------------------------------------------------------------------------------------


async def test_without_a_contact_there_is_no_security_txt(place: Partnership):
    answer = await place.world.get("/.well-known/security.txt")
    assert (answer.status, answer.code) == (404, "not-found")


async def test_security_txt_is_as_rfc_9116_wants_it(tmp_path: Path):
    contacts = ["mailto:sicherheit@exchange.example", "https://exchange.example/melden"]
    async with listening(tmp_path, server={"security_contacts": contacts}) as place:
        answer = await place.world.get("/.well-known/security.txt")
        now = place.world.now
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    lines = answer.body.decode("ascii").splitlines()
    fields = [tuple(line.split(": ", 1)) for line in lines]
    assert [value for name, value in fields if name == "Contact"] == contacts
    found = dict(fields)
    expires = datetime.strptime(found["Expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    assert now + 30 * DAY < expires < now + 365 * DAY
    assert found["Preferred-Languages"] == "de, en"
    assert found["Canonical"] == "https://exchange.example/.well-known/security.txt"
    assert sorted({name for name, _ in fields}) == ["Canonical", "Contact", "Expires", "Preferred-Languages"]


@pytest.mark.parametrize(
    "contact", ["sicherheit@exchange.example", "http://x.example", "mailto:a@b\nPolicy: x", "mailto:ä@b", "mailto:"]
)
def test_a_contact_that_is_no_address_stops_the_start(contact: str):
    with pytest.raises(ConfigError) as refused:
        parse({"server": {"security_contacts": [contact]}}, "test")
    assert refused.value.code == "config-value"
