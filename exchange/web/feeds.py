"""Feeds of the public alerts: Atom (RFC 4287) and JSON Feed 1.1, one language each (``docs/spec/interface.md``).

A feed is asked for by its address alone, ``?lang=de`` or ``en``: a subscription must say the same to everybody, whatever a
feed reader sends as Accept-Language. An alert that was written in the other language only stands there in that one, and says so.
Atom is built as a tree and serialised, never put together from text; what an author wrote is escaped by that (invariant I10).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from aiohttp import web

from exchange.content.markup import undirected
from exchange.service.denied import Denied
from exchange.web.caching import cached
from exchange.web.errors import WebProblem
from exchange.web.pagetexts import LANGUAGES, LAST_DATE, TEXTS
from exchange.web.public import Shown, shown_alert
from exchange.web.requests import Call
from keys import encoding

ATOM: Final = "http://www.w3.org/2005/Atom"
JSON_FEED: Final = "https://jsonfeed.org/version/1.1"
TLP: Final = "https://www.first.org/tlp/"
FEED_ALERTS: Final = 50
"""Alerts in a feed, the newest first."""
ElementTree.register_namespace("", ATOM)  # written without a prefix
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document may hold, escaped or not."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One alert of a feed; ``updated`` is when its newest version was released, seconds."""

    id: str
    page: str
    shown: Shown
    updated: int

    @property
    def title(self) -> str:
        """The label stands in front of whatever is copied."""
        return f"{self.shown.label.display} {undirected(self.shown.title)}"


@dataclass(frozen=True, slots=True)
class _Feed:
    """What both formats say. ``updated`` is the newest release, or the founding while there is none, seconds."""

    language: str
    base: str
    id: str
    updated: int
    items: tuple[_Item, ...]


def language_of(call: Call) -> str:
    """``?lang=``, German without it. Raises WebProblem (``query-malformed``)."""
    language = call.queried().get("lang", LANGUAGES[0])
    if language not in LANGUAGES:
        raise WebProblem("query-malformed", "lang is de or en")
    return language


async def _feed(call: Call) -> _Feed:
    """The newest alerts. Raises WebProblem, and Denied (``not-founded``)."""
    language, state = language_of(call), call.context.exchange.state
    if state.founding is None:
        raise Denied("not-founded", "this exchange is not founded yet")
    base = f"https://{state.roster.facts.origin}"
    items = []
    for row in await call.context.clear.newest(None, FEED_ALERTS):
        view = await call.context.clear.find(row.statement)
        shown = await shown_alert(call, view, language, whole=True)
        name = f"urn:tlp-exchange:{state.exchange}:alert:{row.alert}"
        page = f"{base}/clear/{row.statement}"
        items.append(_Item(name, page, shown, await call.context.clear.released_at(view)))
    updated = max((item.updated for item in items), default=state.founding.at)
    return _Feed(language, base, f"urn:tlp-exchange:{state.exchange}:clear:{language}", updated, tuple(items))


async def atom(call: Call) -> web.Response:
    """The Atom feed."""
    feed = await _feed(call)
    return cached(call, _atom(feed), "application/atom+xml", charset="utf-8")


async def json_feed(call: Call) -> web.Response:
    """The JSON Feed."""
    feed = await _feed(call)
    return cached(call, encoding.encode(_json(feed)), "application/feed+json", charset="utf-8")


# -- what both say ------------------------------------------------------------------------------------------------------


def _timestamp(seconds: int) -> str:
    """RFC 3339 in UTC."""
    return datetime.fromtimestamp(min(seconds, LAST_DATE), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _html(item: _Item, language: str) -> str:
    """The alert as clean HTML, with the label directly before it, and what a reader must not overlook."""
    shown, texts = item.shown, TEXTS[language]
    said = (
        ("exercise", shown.exercise),
        ("expired", shown.expired),
        ("withdrawn", shown.action == "withdraw"),
        ("all_clear", shown.action == "all-clear"),
    )
    notes = [texts[name] for name, is_so in said if is_so]
    pieces = [f"<p><strong>{escape(note)}</strong></p>" for note in notes]
    pieces += [f"<p>{escape(shown.label.display)}</p>", shown.text]
    if shown.advice:
        pieces += [f"<h3>{escape(texts['advice'])}</h3>", shown.advice]
    return "\n".join(pieces)


def _attachments(item: _Item) -> Sequence[tuple[str, int, str]]:
    """(address, bytes, name) of each attachment."""
    content = item.shown.content
    given = () if content is None else content.attachments
    return [(f"{item.page}/attachments/{n}", one.length, undirected(one.name)) for n, one in enumerate(given, 1)]


# -- Atom ---------------------------------------------------------------------------------------------------------------


def _add(parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    clean = {key: _NOT_XML.sub("\ufffd", value) for key, value in attributes.items()}
    element = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", clean)
    if text is not None:
        element.text = _NOT_XML.sub("\ufffd", text)
    return element


_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"


def _atom(feed: _Feed) -> bytes:
    texts = TEXTS[feed.language]
    root = ElementTree.Element(f"{{{ATOM}}}feed", {_XML_LANG: feed.language})
    _add(root, "id", feed.id)
    _add(root, "title", f"TLP:CLEAR {texts['heading']}")
    _add(root, "updated", _timestamp(feed.updated))
    here = f"{feed.base}/clear/feed.atom?lang="
    _add(root, "link", rel="self", type="application/atom+xml", href=f"{here}{feed.language}")
    for other in LANGUAGES:
        _add(root, "link", rel="alternate", type="text/html", hreflang=other, href=f"{feed.base}/clear/?lang={other}")
    for item in feed.items:
        shown = item.shown
        entry = _add(root, "entry")
        entry.set(_XML_LANG, shown.language)
        _add(entry, "id", item.id)
        _add(entry, "title", item.title, type="text")
        _add(entry, "updated", _timestamp(item.updated))
        _add(_add(entry, "author"), "name", undirected(shown.issuer))
        _add(entry, "category", term="TLP:CLEAR", scheme=TLP, label="TLP:CLEAR")
        _add(entry, "link", rel="alternate", type="text/html", href=f"{item.page}?lang={feed.language}")
        evidence = {"rel": "related", "type": "application/json", "title": texts["evidence_short"]}
        _add(entry, "link", **evidence, href=f"{item.page}/evidence")
        for address, length, name in _attachments(item):
            _add(entry, "link", rel="enclosure", title=name, length=str(length), href=address)
        _add(entry, "content", _html(item, feed.language), type="html")
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data


# -- JSON ---------------------------------------------------------------------------------------------------------------


def _json(feed: _Feed) -> dict[str, Any]:
    return {
        "feed_url": f"{feed.base}/clear/feed.json?lang={feed.language}",
        "home_page_url": f"{feed.base}/clear/?lang={feed.language}",
        "items": [_json_item(item, feed.language) for item in feed.items],
        "language": feed.language,
        "title": f"TLP:CLEAR {TEXTS[feed.language]['heading']}",
        "version": JSON_FEED,
    }


def _json_item(item: _Item, language: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "_tlp_exchange": {
            "evidence": f"{item.page}/evidence",
            "exercise": item.shown.exercise,
            "label": item.shown.label.display,
            "statement": item.shown.statement,
        },
        "authors": [{"name": undirected(item.shown.issuer)}],
        "content_html": _html(item, language),
        "date_modified": _timestamp(item.updated),
        "id": item.id,
        "language": item.shown.language,
        "tags": ["TLP:CLEAR"],
        "title": item.title,
        "url": f"{item.page}?lang={language}",
    }
    attachments = [
        # As it is served: what an author calls it is not believed.
        {"mime_type": "application/octet-stream", "size_in_bytes": length, "title": name, "url": address}
        for address, length, name in _attachments(item)
    ]
    return found | ({"attachments": attachments} if attachments else {})
