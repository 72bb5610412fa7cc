"""The public pages: released TLP:CLEAR alerts as HTML, German and English (``docs/spec/interface.md``).

The only place where the server shows the content of an alert, and the only label it can read. What an author wrote is data:
Markdown without HTML and images, rendered and then cleaned again against a list of allowed elements; attachments are
downloads that no browser opens in this origin; no script, nothing loaded from elsewhere (invariant I10).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final
from urllib.parse import quote

import aiohttp_jinja2
from aiohttp import web

from exchange.content.markup import html
from exchange.model.alert import MAX_CONTENT, Content, ContentText, parse_content
from exchange.model.problems import Malformed
from exchange.model.statements import parse_statement
from exchange.model.tlp import Label
from exchange.service.alerts import AlertView
from exchange.service.denied import Denied
from exchange.web.caching import cached
from exchange.web.errors import WebProblem
from exchange.web.handlers import stream_blob
from exchange.web.pagetexts import LANGUAGES, TEXTS, date_time, word
from exchange.web.requests import Call
from keys.envelope import Envelope

HTML_HEADERS: Final = {
    "Cache-Control": "public, max-age=60",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Vary": "Accept-Language",
}
PAGE_ALERTS: Final = 50
"""Alerts on one page of the list, the newest first."""
KEPT_CONTENTS: Final = 256
"""Contents kept parsed."""
_STYLE: Final = resources.files("exchange.web").joinpath("static/clear.css").read_bytes()
_STYLE_TAG: Final = f'"{hashlib.sha256(_STYLE).hexdigest()[:16]}"'


@dataclass(frozen=True, slots=True)
class Other:
    """An alert's second text: title as plain text, ``text`` and ``advice`` as clean HTML, and the heading of the advice."""

    language: str
    title: str
    text: str
    advice: str
    heading: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One alert made ready for a template; every value is plain text but ``text`` and ``advice``, which are clean HTML.

    ``other`` is the same in the other language, where the author wrote it.
    """

    statement: str
    index: int
    label: Label
    exercise: bool
    expired: bool
    title: str
    language: str
    text: str
    advice: str
    words: Mapping[str, str]
    issuer: str
    published: str
    valid_until: str
    content: Content | None
    version: int
    action: str
    changed: str | None
    newer: str | None
    newer_action: str | None
    other: Other | None = None


class _Contents:
    """Parsed contents by statement id; they never change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Content | None] = OrderedDict()

    async def of(self, call: Call, view: AlertView) -> Content | None:
        """The content of a released CLEAR alert, or None when it is not one: signed all the same, so listed."""
        statement = view.row.statement
        if statement not in self._kept:
            part = parse_statement(Envelope.decode(view.statement.envelope)).alert.sealed.parts[0]
            try:
                self._kept[statement] = parse_content(await call.context.blobs.read_whole(part.sha256, MAX_CONTENT))
            except (Malformed, Denied):
                self._kept[statement] = None
            if len(self._kept) > KEPT_CONTENTS:
                self._kept.popitem(last=False)
        return self._kept[statement]


_contents: Final = web.AppKey("clear_contents", _Contents)


def setup(app: web.Application) -> None:
    """Give the application its memory of contents."""
    app[_contents] = _Contents()


# -- language -----------------------------------------------------------------------------------------------------------


def language_of(call: Call) -> str:
    """``?lang=``, else the first language of Accept-Language that there is, else German.

    Raises WebProblem (``query-malformed``).
    """
    chosen = call.queried().get("lang")
    if chosen is not None:
        if chosen not in LANGUAGES:
            raise WebProblem("query-malformed", "lang is de or en")
        return chosen
    ranked: list[tuple[float, str]] = []
    for item in call.request.headers.get("Accept-Language", "").split(",")[:16]:
        tag, _, quality = item.strip().partition(";q=")
        language = tag.split("-")[0].lower()
        if language in LANGUAGES:
            try:
                ranked.append((float(quality or 1), language))
            except ValueError:
                continue
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else LANGUAGES[0]


# -- showing ------------------------------------------------------------------------------------------------------------


def _text_in(content: Content, language: str) -> ContentText:
    return next((text for text in content.texts if text.language == language), content.texts[0])


async def _rendered(text: str | None) -> str:
    """An author's Markdown as clean HTML; on a thread, because what is written to be slow takes a second."""
    return "" if text is None else await asyncio.to_thread(html, text)


async def shown_alert(call: Call, view: AlertView, language: str, *, whole: bool) -> Shown:
    """An alert for a page of its own, or without its text for the list."""
    context = call.context
    content = await call.request.app[_contents].of(call, view)
    text = None if content is None else _text_in(content, language)
    core = view.core
    author = context.exchange.state.roster.facts.devices[core.issuer.device].person
    organisation = context.exchange.state.roster.facts.persons[author].organisation
    name = await context.clear.organisation_name(organisation)
    newest = await context.clear.newest_version(view)
    return Shown(
        statement=view.row.statement,
        index=view.row.journal_index,
        label=core.label,
        exercise=core.exercise,
        expired=context.exchange.clock() >= core.valid_until,
        title=TEXTS[language]["unreadable"] if text is None else text.title,
        language=language if text is None else text.language,
        text=await _rendered(text.text if text is not None and whole else None),
        advice=await _rendered(text.advice if text is not None and whole else None),
        words={
            field: word(language, field, str(getattr(core, field)))
            for field in ("kind", "urgency", "severity", "certainty")
        },
        issuer=name if name is not None else f"{TEXTS[language]['organisation']} {organisation}",
        published=date_time(language, core.at),
        valid_until=date_time(language, core.valid_until),
        content=content,
        other=await _other(content, text) if content is not None and whole else None,
        version=core.version,
        action=core.action,
        changed=None if text is None else text.changed,
        newer=newest.row.statement if newest is not None and newest.clear else None,
        newer_action=None if newest is None else newest.core.action,
    )


async def _other(content: Content, first: ContentText | None) -> Other | None:
    """The text that is not shown first."""
    for text in content.texts:
        if text is not first:
            return Other(
                text.language,
                text.title,
                await _rendered(text.text),
                await _rendered(text.advice),
                TEXTS[text.language]["advice"],
            )
    return None


def _page(call: Call, template: str, language: str, **values: Any) -> web.Response:
    texts = TEXTS[language]
    response = aiohttp_jinja2.render_template(
        template, call.request, {"language": language, "languages": LANGUAGES, "texts": texts, **values}
    )
    response.headers.update(HTML_HEADERS)
    response.headers["Content-Language"] = language
    return response


async def listing(call: Call) -> web.Response:
    """Released CLEAR alerts, the newest first; ``?before=`` a journal index goes back."""
    language = language_of(call)
    before = call.queried().get("before")
    if before is not None and not (before.isascii() and before.isdigit() and len(before) <= 15):
        raise WebProblem("query-malformed", "before is a journal index")
    rows = await call.context.clear.newest(None if before is None else int(before), PAGE_ALERTS + 1)
    alerts = [
        await shown_alert(call, await call.context.clear.find(row.statement), language, whole=False)
        for row in rows[:PAGE_ALERTS]
    ]
    older = alerts[-1].index if len(rows) > PAGE_ALERTS else None
    return _page(call, "clear_list.html", language, alerts=alerts, older=older)


async def page(call: Call) -> web.Response:
    """One alert."""
    language = language_of(call)
    view = await call.context.clear.find(call.part("id"))
    shown = await shown_alert(call, view, language, whole=True)
    return _page(call, "clear_alert.html", language, alert=shown, **_exchange(call))


def _exchange(call: Call) -> dict[str, Any]:
    """What names this exchange, for the command that checks an alert."""
    state = call.context.exchange.state
    return {"exchange": state.exchange, "origin": state.roster.facts.origin}


async def evidence(call: Call) -> web.Response:
    """All that a visitor needs to check the alert without believing this page, as JSON."""
    return cached(call, await call.context.clear.evidence(call.part("id")), "application/json")


async def attachment(call: Call) -> web.StreamResponse:
    """An attachment as a download. The name and type are the author's words: one path component, and not believed."""
    view = await call.context.clear.find(call.part("id"))
    content = await call.request.app[_contents].of(call, view)
    number = int(call.part("number"))
    parts = parse_statement(Envelope.decode(view.statement.envelope)).alert.sealed.parts
    if content is None or number > len(content.attachments) or number >= len(parts):
        raise WebProblem("not-found", "there is nothing at this path")
    row = await call.context.blobs.find(parts[number].sha256)
    name = quote(content.attachments[number - 1].name, safe="")
    headers = {
        "Cache-Control": "public, max-age=3600",
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        # A browser must not open it here whatever it is called: the sandbox has an origin of its own.
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Type": "application/octet-stream",
    }
    return await stream_blob(call, row, headers)


async def style(call: Call) -> web.Response:
    """The style sheet."""
    headers = {"Cache-Control": "public, max-age=3600", "ETag": _STYLE_TAG}
    return web.Response(body=_STYLE, content_type="text/css", charset="utf-8", headers=headers)
