"""The public pages: only released CLEAR alerts, in two languages, and nothing an author writes becomes markup that acts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from exchange.content.markup import html as render
from exchange.model.alert import Attachment, Content, ContentText
from exchange.model.statements import Statement, parse_statement
from exchange.tlog.checkpoint import Checkpoint, signed_text
from exchange.tlog.merkle import leaf_hash, verify_inclusion
from exchange.web.pagetexts import TEXTS, date_time
from keys import encoding
from keys.envelope import Envelope
from keys.sign import add_signature
from keys.stanza import PartDigest
from tests.support.web import Partnership, listening


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


async def publish(place: Partnership, content: Content, *attachments: bytes, **core: Any) -> Statement:
    """A released CLEAR alert with this content."""
    world = place.world
    draft = await world.alert(
        place.author, "CLEAR", core={"approvals": 1, "approvers": [place.approver.person], **core}
    )
    body = encoding.decode(draft.envelope.body, max_bytes=65_536)
    parts = []
    for data in (content.encode(), *attachments):
        digest = PartDigest.of(data)
        parts.append({"length": digest.length, "sha256": await world.put(data, place.author.device)})
    body["sealed"]["parts"] = parts
    envelope = Envelope("alert", encoding.encode(body), ())
    statement = parse_statement(add_signature(add_signature(envelope, place.author.signer), place.approver.signer))
    await world.post(statement)
    return statement


def text(title: str = "Vollsperrung", body: str = "Die Altendorfer Straße ist gesperrt.", **more: Any) -> ContentText:
    return ContentText(language=more.pop("language", "de"), text=body, title=title, **more)


async def test_the_list_shows_released_clear_alerts_newest_first_and_nothing_else(place: Partnership):
    world = place.world
    assert TEXTS["de"]["empty"] in (await world.get("/clear/")).body.decode()
    await place.release(title="Vertraulich bleibt vertraulich")
    await place.propose("CLEAR", title="Noch nicht freigegeben")
    for number in range(3):
        await publish(place, Content(texts=(text(f"Meldung {number}"),)))
    page = (await world.get("/clear/")).body.decode()
    assert page.index("Meldung 2") < page.index("Meldung 1") < page.index("Meldung 0")
    assert "Vertraulich" not in page and "Noch nicht" not in page
    assert "Polizei Essen" in page and "TLP:CLEAR" in page


async def test_the_list_goes_back_by_pages(place: Partnership, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("exchange.web.public.PAGE_ALERTS", 2)
    world = place.world
    alerts = [await publish(place, Content(texts=(text(f"Meldung {n}"),))) for n in range(3)]
    first = (await world.get("/clear/?lang=de")).body.decode()
    assert "Meldung 0" not in first
    older = next(a["href"] for tag, a in Elements(first).found if tag == "a" and "before=" in (a["href"] or ""))
    second = (await world.get(f"/clear/{older}")).body.decode()
    assert "Meldung 0" in second and "Meldung 1" not in second
    assert alerts[0].id in second


async def test_an_unreleased_or_sealed_alert_has_no_public_page_and_no_public_attachment(place: Partnership):
    world = place.world
    sealed = await place.release(attachments=(b"Anlage",))
    proposal = await place.propose("CLEAR")
    for statement in (sealed.id, proposal.id, "0" * 64):
        for path in ("", "/evidence", "/attachments/1"):
            answer = await world.get(f"/clear/{statement}{path}")
            assert (answer.status, answer.code) == (404, "alert-unknown")


async def test_the_page_says_who_says_so_in_the_readers_language(place: Partnership):
    world = place.world
    content = Content(
        texts=(text(advice="Weiträumig umfahren."), text("Road closed", "Closed.", language="en")),
        contact="0201 5550100",
        number="PP-E-2026-0007",
        place="Essen",
    )
    alert = await publish(place, content)
    german = await world.call("GET", f"/clear/{alert.id}", headers={"Accept-Language": "fr, de-AT;q=0.8, en;q=0.3"})
    page = german.body.decode()
    for expected in ("Vollsperrung", "Was ist zu tun", "Polizei Essen", "PP-E-2026-0007", "21.09.2026", alert.id):
        assert expected in page, expected
    assert '<html lang="de">' in page and german.headers["Content-Language"] == "de"
    for answer in (
        await world.get(f"/clear/{alert.id}?lang=en"),
        await world.call("GET", f"/clear/{alert.id}", headers={"Accept-Language": "en-GB"}),
    ):
        page = answer.body.decode()
        assert "Road closed" in page and "Issued by" in page and '<html lang="en">' in page
    assert (await world.get(f"/clear/{alert.id}?lang=fr")).code == "query-malformed"


async def test_the_label_is_white_on_black_and_stands_before_the_text(place: Partnership):
    alert = await publish(place, Content(texts=(text(),)))
    page = (await place.world.get(f"/clear/{alert.id}")).body.decode()
    style = (await place.world.get("/clear/style.css")).body.decode()
    assert "background: #000; color: #fff" in style
    assert page.count('<p class="tlp">TLP:CLEAR</p>') == 3, "in header, footer and directly before the text"
    assert page.index('<section class="text"') < page.index('<p class="tlp">', page.index('<section class="text"'))


async def test_an_exercise_is_marked_on_every_page(place: Partnership):
    alert = await publish(place, Content(texts=(text(),)), exercise=True)
    for path in ("/clear/", f"/clear/{alert.id}"):
        assert TEXTS["de"]["exercise"] in (await place.world.get(path)).body.decode()
        assert TEXTS["en"]["exercise"] in (await place.world.get(f"{path}?lang=en")).body.decode()


async def test_an_expired_alert_says_so(place: Partnership):
    world = place.world
    alert = await publish(place, Content(texts=(text(),)))
    assert TEXTS["de"]["expired"] not in (await world.get(f"/clear/{alert.id}")).body.decode()
    world.now = alert.alert.core.valid_until
    assert TEXTS["de"]["expired"] in (await world.get(f"/clear/{alert.id}")).body.decode()


HOSTILE = """
<script>alert(1)</script> <img src=x onerror=alert(1)> <b onclick="x()">fett</b>

![Bild](https://tracker.example/pixel.png) [klick](javascript:alert(1)) [data](data:text/html,x)
[gut](https://polizei.example/?a=1&b="2") <https://polizei.example/auto>

# Überschrift

```
</code></pre><script>
```

<iframe src="//evil.example"></iframe><style>*{display:none}</style><a href="//evil.example" target=_top>x</a>
"""


async def test_hostile_text_becomes_text(place: Partnership):
    """Script, images, remote loads, handlers and foreign schemes in every field that an author fills."""
    world = place.world
    hostile = '"><script>alert(1)</script><img src=//evil.example/x>'
    content = Content(
        texts=(text(hostile, HOSTILE, advice=HOSTILE),),
        contact=hostile,
        number=hostile[:60],
        place=hostile,
        attachments=(Attachment(length=1, media_type="text/html", name="böse & schön.html", sha256="0" * 64),),
    )
    alert = await publish(place, content, b"<script>alert(1)</script>")
    for path in ("/clear/", f"/clear/{alert.id}"):
        answer = await world.get(path)
        page = Elements(answer.body.decode())
        tags = {tag for tag, _ in page.found}
        assert not tags & {"script", "img", "iframe", "style", "object", "embed", "form", "base", "svg", "b"}, tags
        for tag, attributes in page.found:
            assert not any(name.startswith("on") or name in {"style", "target", "srcset"} for name in attributes), tag
            href = attributes.get("href") or ""
            assert not href.startswith(("javascript:", "data:", "//")), href
        assert "script" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    links = [a for tag, a in page.found if tag == "a" and (a.get("href") or "").startswith("https://polizei")]
    assert links and all(a["rel"] == "noopener noreferrer nofollow" for a in links)
    assert "(https://polizei.example/auto)" in answer.body.decode(), "where a link leads is visible"


async def test_an_alert_in_two_languages_shows_both_the_readers_first(place: Partnership):
    texts = (text("Entwarnung", "Es ist *vorbei*.", advice="Bleiben"), ContentText(
        language="en", title="All clear", text="It is *over*. &#x202E;", advice="Stay"
    ))  # fmt: skip
    alert = await publish(place, Content(texts=texts))
    pages = {lang: (await place.world.get(f"/clear/{alert.id}?lang={lang}")).body.decode() for lang in ("de", "en")}
    for lang, first, second in (("de", "Entwarnung", "All clear"), ("en", "All clear", "Entwarnung")):
        page = pages[lang]
        assert page.index(first) < page.index(second) and "<em>vorbei</em>" in page and "<em>over</em>" in page
        assert 'lang="en"' in page and "Was ist zu tun" in page and "What to do" in page
        assert page.count("TLP:CLEAR") >= 3 and "\u202e" not in page
    assert (await place.world.get("/clear/?lang=en")).body.decode().count("All clear") == 1


async def test_an_attachment_is_a_download_whatever_it_is(place: Partnership):
    world = place.world
    data = b"<script>alert(1)</script>"
    named = Attachment(length=len(data), media_type="text/html", name="Lage; plan.html", sha256="0" * 64)
    alert = await publish(place, Content(texts=(text(),), attachments=(named,)), data)
    answer = await world.get(f"/clear/{alert.id}/attachments/1")
    assert (answer.status, answer.body) == (200, data)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''Lage%3B%20plan.html"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    for number in ("0", "2", "17", "99"):
        assert (await world.get(f"/clear/{alert.id}/attachments/{number}")).status == 404


async def test_a_released_alert_whose_content_cannot_be_read_is_shown_as_such(place: Partnership):
    """Signed and released, so it stands in the list; the server shows no bytes that it cannot parse."""
    world = place.world

    class Broken(Content):
        def encode(self) -> bytes:
            return b'{"texts":"<script>"}'

    alert = await publish(place, Broken(texts=(text(),)))
    for path in ("/clear/", f"/clear/{alert.id}"):
        page = (await world.get(path)).body.decode()
        assert TEXTS["de"]["unreadable"] in page and "script" not in page


async def test_the_evidence_proves_the_alert_without_the_page(place: Partnership):
    alert = await publish(place, Content(texts=(text(),)))
    found = (await place.world.get(f"/clear/{alert.id}/evidence")).json
    assert Envelope.from_json(found["envelope"]).statement_id == alert.id
    head = Checkpoint.parse(signed_text(found["checkpoint"].encode()))
    entry = encoding.unb64(found["entry"])
    assert alert.id.encode() in entry
    proof = [encoding.unb64(item) for item in found["proof"]]
    verify_inclusion(leaf_hash(entry), found["index"], head.size, proof, head.root)


def test_both_languages_say_the_same_things():
    assert TEXTS["de"].keys() == TEXTS["en"].keys()
    assert all(value.strip() for texts in TEXTS.values() for value in texts.values())


def test_dates_are_written_as_people_write_them():
    assert date_time("de", 1_795_363_200) == "22.11.2026, 17:00 Uhr"
    assert date_time("en", 1_795_363_200) == "22 November 2026, 17:00 CET"
    assert date_time("de", 2**40 - 1).startswith("01.01.9999")


def test_headings_of_an_author_stay_below_those_of_the_page():
    assert render("# eins\n\n##### fünf") == "<h3>eins</h3>\n<h6>fünf</h6>\n"


@pytest.mark.parametrize("nested", ["*" * 5000, "[" * 5000, "> " * 2000 + "x", "- " * 2000 + "x", "`" * 4001])
def test_pathological_markdown_is_rendered_in_bounded_time(nested: str):
    assert len(render(nested)) < 2_000_000


async def versions(place: Partnership, *actions: str, **later: Any) -> list[Statement]:
    """A released CLEAR alert and its later versions."""
    found = [await publish(place, Content(texts=(text("Vollsperrung"),)))]
    for number, action in enumerate(actions, 2):
        before = found[-1]
        core = {
            "action": action,
            "alert": before.alert.core.alert,
            "change": {"audience": "same", "reason": "resolved"},
            "kind": "all-clear" if action == "all-clear" else "event",
            "previous": before.id,
            "version": number,
            **later,
        }
        found.append(await publish(place, Content(texts=(text(f"Fassung {number}", changed="Neu."),)), **core))
    return found


async def test_the_list_shows_the_newest_version_and_older_pages_say_so(place: Partnership):
    world = place.world
    first, second = await versions(place, "update")
    page = (await world.get("/clear/")).body.decode()
    assert "Fassung 2" in page and "Vollsperrung" not in page
    old = (await world.get(f"/clear/{first.id}")).body.decode()
    assert TEXTS["de"]["outdated"] in old and f"/clear/{second.id}" in old and "Vollsperrung" in old
    new = (await world.get(f"/clear/{second.id}")).body.decode()
    assert TEXTS["de"]["outdated"] not in new and "Neu." in new


@pytest.mark.parametrize(("action", "word"), [("withdraw", "withdrawn"), ("all-clear", "all_clear")])
async def test_withdrawals_and_all_clears_are_marked_on_every_page(place: Partnership, action: str, word: str):
    for statement in await versions(place, action):
        assert TEXTS["de"][word] in (await place.world.get(f"/clear/{statement.id}")).body.decode()
    assert TEXTS["de"][word] in (await place.world.get("/clear/")).body.decode()


async def test_a_public_alert_made_confidential_leaves_the_list_and_says_so(place: Partnership):
    world = place.world
    (first,) = await versions(place)
    stricter = await world.alert(
        place.author,
        "AMBER",
        {"organisations": [place.officer.organisation]},
        core={
            "action": "relabel",
            "alert": first.alert.core.alert,
            "change": {"audience": "narrower", "reason": "label"},
            "previous": first.id,
            "version": 2,
        },
    )
    await world.post(stricter)
    assert TEXTS["de"]["empty"] in (await world.get("/clear/")).body.decode()
    old = (await world.get(f"/clear/{first.id}")).body.decode()
    assert TEXTS["de"]["newest_hidden"] in old and stricter.id not in old
