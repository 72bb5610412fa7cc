"""The report for people: well formed, harmless, complete in both languages, true to what the verification found."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from exchange.audit import document, facts, passages
from exchange.audit.appendix import Appendix
from exchange.audit.bundle import AuditBundle
from exchange.audit.document import render
from exchange.audit.document_texts import KIND_WORDS, NOT_PROVEN, NOTICE_MEANS, STEP_MEANS, TEXTS, Language
from exchange.audit.facts import Collector
from exchange.audit.pdf import to_pdf
from exchange.audit.report import STEPS, Report
from exchange.audit.verify import verify_bundle
from exchange.model.scalars import DAY
from exchange.model.statements import KINDS, Opening
from exchange.model.tlp import Label
from exchange.tlog.checkpoint import LogName
from exchange.tlog.merkle import leaf_hash
from keys import encoding
from keys.note import Note
from tests.support.partnership import HOUR, Partnership
from tests.support.witnesses import WitnessKey

MADE = 1_790_020_000
VOID = {"br", "meta", "line", "rect", "circle"}
"""Elements without an end, or closed in themselves."""
TEMPLATE = Path(document.__file__).parent / "templates" / "report.html"


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order; remembers ids, links, elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        given = {name: value or "" for name, value in attrs}
        self.attributes |= set(given.items())
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, (tag, self._open)
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[ \n]+", " ", " ".join(self.words))


def made(bundle: Path, language: Language = "de", **options: Any) -> tuple[Report, Collector, str]:
    collector = Collector()
    report = verify_bundle(bundle, collector=collector, workers=0)
    html = render(report, collector, AuditBundle(bundle), language=language, made=MADE, version="test 1", **options)
    return report, collector, html


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Partnership().everything().world.write_bundle(tmp_path_factory.mktemp("report") / "audit")


@pytest.fixture
def scene() -> Partnership:
    return Partnership()


# -- form ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_report_is_one_well_formed_page_without_script_or_anything_loaded(
    everything: Path, language: Language
) -> None:
    _, _, html = made(everything, language)
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>\n")
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base", "image", "use"} & page.elements
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on")} and not {"src", "srcset", "style"} & names
    assert not re.search(r"@import|url\((?!#)|expression\(", html)
    assert all(link.startswith("#") for link in page.links)
    addresses = set(re.findall(r"https?:[^\"'\s<]+", html))
    assert addresses == {"http://www.w3.org/2000/svg"}


def test_the_content_security_policy_allows_this_style_sheet_and_nothing_else(everything: Path) -> None:
    _, _, html = made(everything, label=Label.AMBER)
    policy = re.search(r'Policy" content="([^"]+)"', html)
    assert policy is not None
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(sha256(style[1].encode()).digest()).decode()
    said = policy[1].replace("&#39;", "'")
    assert said == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_link_leads_to_an_anchor_and_no_id_stands_twice(everything: Path, language: Language) -> None:
    page = Page(made(everything, language)[2])
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    entries = [one for one in page.ids if re.fullmatch(r"(journal|registry)-\d+", one)]
    assert len(entries) > 10 and all(f"#{one}" in page.links for one in entries)


def test_the_same_verification_gives_the_same_bytes(everything: Path) -> None:
    assert made(everything)[2] == made(everything)[2]


def test_every_chart_has_a_title_and_a_description_with_its_numbers(everything: Path) -> None:
    html = made(everything)[2]
    charts = re.findall(r'<svg class="chart" role="img".*?</svg>', html, re.DOTALL)
    assert len(charts) == 5
    for chart in charts:
        named = re.search(r'aria-labelledby="(\S+) (\S+)"', chart)
        assert named and f'<title id="{named[1]}">' in chart and re.search(rf'<desc id="{named[2]}">[^<]*\d', chart)


# -- words -----------------------------------------------------------------------------------------------------


def test_every_text_of_the_template_and_of_the_passages_is_in_the_table_and_used() -> None:
    sources = [TEMPLATE, *(Path(module.__file__ or "") for module in (document, passages))]
    sources += [Path(document.__file__).with_name(name) for name in ("pictures.py", "names.py")]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    asked = set(re.findall(r"""(?:say|_text|text|add)\(\s*"([a-z_0-9.-]+)"[,) ~+]""", text))
    families = {
        key
        for key in TEXTS
        if re.match(r"(action|kind|level|lane|bound|event|field|family|outcome|state|chart|log|series)_", key)
    }
    plain = {key for key in asked if not key.endswith("_")}
    assert plain <= TEXTS.keys(), plain - TEXTS.keys()
    families |= {"accesses_head", "accesses_none", "refusals_head", "refusals_none"}
    unused = {key for key in TEXTS.keys() - families if f'"{key}"' not in text and f"'{key}'" not in text}
    assert not unused


@pytest.mark.parametrize("place", [0, 1])
def test_both_languages_are_complete_and_take_the_same_values(place: int) -> None:
    for key, both in TEXTS.items():
        assert both[place].strip(), key
        assert set(re.findall(r"{(\w+)}", both[0])) == set(re.findall(r"{(\w+)}", both[1])), key
    for table in (KIND_WORDS, STEP_MEANS, NOTICE_MEANS):
        assert all(words[place].strip() for words in table.values())
    assert set(STEP_MEANS) == set(STEPS)


def test_every_kind_of_entry_has_its_words() -> None:
    entered = {name for name, kind in KINDS.items() if kind.log != "none"} - {"alert", "alert.reject"}
    assert entered | {"alert.proposed", "alert.released", "alert.rejected"} == KIND_WORDS.keys()
    registry = {name for name, kind in KINDS.items() if kind.log == "registry"}
    assert {f"event_{name}" for name in registry} <= TEXTS.keys()


def test_the_specification_has_the_same_limits_as_the_report() -> None:
    spec = (Path(__file__).parents[2] / "docs" / "spec" / "audit.md").read_text("utf-8")
    listed = spec.split("## What this does not prove")[1].split("\n## ")[0]
    assert len(re.findall(r"^\* ", listed, re.MULTILINE)) == len(NOT_PROVEN)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "de",
            (
                "Prüfung bestanden",
                "Was dies nicht beweist",
                "21.09.2026, 17:14 Uhr",
                "Eilfreigabe",
                "Verschlusssachen",
                "Zeugen",
            ),
        ),
        (
            "en",
            (
                "Verified",
                "What this does not prove",
                "21 Sep 2026, 17:14 CEST",
                "emergency release",
                "classified",
                "witness",
            ),
        ),
    ],
)
def test_a_good_bundle_tells_who_what_and_when(everything: Path, language: Language, words: tuple[str, ...]) -> None:
    report, _, html = made(everything, language)
    text = Page(html).text.replace("\u00a0", " ")
    assert report.verified
    assert all(word in text for word in words), [word for word in words if word not in text]
    assert "Polizei Musterstadt" in text and "TLP:AMBER+STRICT" in text and "Kupferdiebstahl" not in text
    assert "verdict-yes" in html


# -- numbers ---------------------------------------------------------------------------------------------------


def test_the_facts_are_those_of_the_history(everything: Path) -> None:
    report, collector, _ = made(everything)
    by_index = {fact.index: fact for fact in collector.alerts.values()}
    assert len(by_index) == 6 and not collector.more_alerts
    amber, red, declined, clear, urgent, late = (by_index[index] for index in sorted(by_index))
    assert (amber.label, amber.devices, amber.keyless) == (Label.AMBER_STRICT, 4, 1)
    assert {level: found.devices for level, found in amber.reached.items()} == {
        "delivered": 2,
        "received": 1,
        "read": 1,
    }
    assert len(red.approvals) == 2 and red.proposed_index is not None and red.released_index is not None
    assert declined.rejected_index is not None and declined.exercise and declined.released_index is None
    assert len(clear.approvals) == 1
    assert urgent.emergency and urgent.outcome == "confirmed" and urgent.reviewed_index is not None
    assert not late.reached and not late.refused
    assert sum(collector.kinds.values()) == report.totals.journal_entries + report.totals.registry_entries
    assert sum(number for _, number in collector.label_hours.items()) == sum(report.totals.alerts.values())
    assert {event.kind for event in collector.events} >= {"exchange.found", "policy.adopt", "organisation.suspend"}
    assert collector.proven == collector.read == {"registry": 22, "journal": 22}


def test_a_device_that_says_it_twice_counts_once(scene: Partnership, tmp_path: Path) -> None:
    world, alert = scene.world, scene.release()
    for _ in range(3):
        world.log(world.receipt(scene.doctor, alert, level="read"))
        world.now += 60
    _, collector, _ = made(world.write_bundle(tmp_path / "audit"))
    assert collector.alerts[alert.id].reached["read"].devices == 1
    assert list(collector.delays["read"]) == [0]


def test_what_was_late_is_named(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    alert = world.alert(scene.author, "AMBER", scene.health, acknowledge_by=world.now + HOUR)
    world.log(alert)
    world.now += HOUR // 2
    world.log(world.delivery((alert, scene.doctor)))
    world.log(world.receipt(scene.doctor, alert, level="read"))
    world.now += HOUR
    world.log(world.receipt(scene.porter, alert, level="read"))
    report, collector, html = made(world.write_bundle(tmp_path / "audit"))
    assert report.verified
    reached = collector.alerts[alert.id].reached
    assert (reached["read"].devices, reached["read"].in_time, reached["delivered"].late) == (2, 1, 1)
    text = Page(html).text.replace("\u00a0", " ")
    assert "hatten 1 von 4 Geräten das Lesen bestätigt" in text and "mehr als 15 Minuten nach der Freigabe" in text


def test_an_erased_name_becomes_the_same_pseudonym_in_every_report_and_is_counted(
    scene: Partnership, tmp_path: Path
) -> None:
    world, carrier = scene.world, scene.carrier
    chain = f"organisation/{carrier}"
    statement = world.roster.facts.commitments[chain][0][0]
    world.accept(world.by_registrars("organisation.remove", organisation=carrier, previous=world.previous(chain)))
    fields = {"fields": ["name"], "statement": statement, "subject": chain}
    world.accept(world.by_registrars("opening.erase", **fields))
    world.openings.pop(statement)
    report, _, german = made(world.write_bundle(tmp_path / "audit"))
    _, _, english = made(tmp_path / "audit", "en")
    assert report.verified and report.totals.erased == 1
    assert "Spedition Muster" not in german
    assert f"Organisation {carrier[:8]} (Name gelöscht)" in german
    assert f"Organisation {carrier[:8]} (name erased)" in english
    assert "Gelöschte Angaben (Namen, Kontakte, Bezeichnungen): 1." in german


def test_witnesses_are_named_with_what_they_say_of_this_checkpoint(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    first, second = (WitnessKey.generate(f"witness.example/{name}", world.random) for name in "ab")
    world.accept(world.by_registrars("witness.name", quorum=2, witnesses=[first.card(), second.card()]))
    note = world.note

    def cosigned(*witnesses: WitnessKey) -> str:
        def signed(log: LogName, size: int | None = None) -> bytes:
            made_note = note(log, size)
            for nth, witness in enumerate(witnesses):
                made_note = witness.cosign(made_note, world.now + 60 * nth)
            return made_note

        world.note = signed  # type: ignore[method-assign]
        return Page(made(world.write_bundle(tmp_path / str(len(witnesses))))[2]).text.replace("\u00a0", " ")

    none, one, both = cosigned(), cosigned(first), cosigned(first, second)
    assert none.count("keine Gegenzeichnung unter diesem Prüfpunkt") == 4 and "gegengezeichnet haben: 0 von 2" in none
    assert one.count("gegengezeichnet am") == 2 and "gegengezeichnet haben: 1 von 2" in one and "Zu wenige" in one
    assert "liegen nicht vor" in one
    assert "gegengezeichnet haben: 2 von 2; verlangt: 2" in both and "Zu wenige" not in both
    assert "lagen vor am 21.09.2026, 16:13 Uhr" in both


def test_a_cosignature_that_does_not_verify_is_said(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    witness = WitnessKey.generate("witness.example/a", world.random)
    world.accept(world.by_registrars("witness.name", quorum=1, witnesses=[witness.card()]))
    note, other = world.note, world.note("registry", 1)
    forged = Note.parse(witness.cosign(other, world.now)).lines[-2:]

    def signed(log: LogName, size: int | None = None) -> bytes:
        parsed = Note.parse(note(log, size))
        return Note(parsed.text, (*parsed.lines, *forged)).encode()

    world.note = signed  # type: ignore[method-assign]
    assert "eine Gegenzeichnung unter diesem Prüfpunkt ist ungültig" in made(world.write_bundle(tmp_path / "audit"))[2]


# -- strangers' words ------------------------------------------------------------------------------------------


HOSTILE = (
    "<script>alert(1)</script>",
    "\u202egnp.exe\u202c",
    '"><svg onload=alert(1)>',
    "{{ 7*7 }}{% for x in y %}",
    "\u00c0\u0316\u0317\u0318\u0319\u0301\u0302\u0303\u0304\u0305 Zalgo",
    "&lt;b&gt; &amp; \u2066",
    "𝔘𝔫𝔦 \u200b\u2800 \ufeff GmbH",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_and_does_nothing(scene: Partnership, tmp_path: Path, name: str) -> None:
    world = scene.world
    world.named_organisation(name)
    bundle = world.write_bundle(tmp_path / "audit")
    for language in ("de", "en"):
        report, _, html = made(bundle, language)  # type: ignore[arg-type]
        assert report.verified
        page = Page(html)
        assert "script" not in page.elements and not {n for n, _ in page.attributes if n.startswith("on")}
        assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\u2800]", html)
        assert "49" not in page.text.split("Musterstadt")[0] or "{{ 7*7 }}" not in name


def test_a_name_whose_opening_does_not_match_is_not_shown(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    statement = world.roster.facts.commitments[f"organisation/{scene.carrier}"][0][0]
    forged = Opening(field="name", salt=encoding.b64u(bytes(32)), value="Bundeskanzleramt")
    world.openings[statement] = (forged,)
    report, _, html = made(world.write_bundle(tmp_path / "audit"))
    assert not report.verified
    assert "Bundeskanzleramt" not in html and f"Organisation {scene.carrier[:8]}" in html


# -- refused bundles -------------------------------------------------------------------------------------------


def flipped(bundle: Path, pattern: str, needle: bytes) -> None:
    path = next(bundle.glob(pattern))
    data = bytearray(path.read_bytes())
    place = data.rindex(needle)
    data[place + 1] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_refused_bundle_names_the_first_entry_and_what_could_not_be_judged(
    scene: Partnership, tmp_path: Path, language: Language
) -> None:
    bundle = scene.everything().world.write_bundle(tmp_path / "audit")
    flipped(bundle, "journal/tile/entries/*/*", b'"access.read"')
    report, collector, html = made(bundle, language)
    text = Page(html).text.replace("\u00a0", " ")
    assert report.first is not None and not report.verified
    assert f'href="#journal-{report.first.index}"' in html and f"J {report.first.index}" in text
    assert {"de": "Prüfung nicht bestanden", "en": "Not verified"}[language] in text
    assert {"de": "nicht zu Ende geprüft", "en": "not judged to the end"}[language] in text
    assert collector.read["journal"] == report.first.index
    assert {"de": "20 von 22 Einträgen des Journals", "en": "20 of 22 entries of the journal"}[language] in text
    assert {"de": "Von den Prüfpunkten nicht bewiesen", "en": "Not proven by the checkpoints"}[language] in text
    assert {link[1:] for link in Page(html).links} <= set(Page(html).ids)


@pytest.mark.parametrize(
    "missing", ["statements", "journal", "registry", "keys", "leaves", "checkpoints", "openings.json"]
)
def test_a_bundle_without_a_part_still_gets_a_report(scene: Partnership, tmp_path: Path, missing: str) -> None:
    bundle = scene.everything().world.write_bundle(tmp_path / "audit")
    (bundle / missing).rename(tmp_path / "elsewhere")
    report, _, html = made(bundle)
    assert not report.verified
    assert "verdict-no" in html and {link[1:] for link in Page(html).links} <= set(Page(html).ids)


# -- bounds ----------------------------------------------------------------------------------------------------


def test_the_appendix_has_the_leaf_bytes_and_their_hash(everything: Path) -> None:
    report, collector, _ = made(everything)
    appendix = Appendix(AuditBundle(everything), report.heads, collector.proven, {"journal": "J", "registry": "T"})
    assert appendix.ref("journal", 6).anchor == "journal-6"
    (printed,) = appendix.entries()
    assert leaf_hash(printed.raw.encode()).hex() == printed.leaf
    assert printed.proven and (everything / printed.path).is_file()


def test_a_reference_beyond_the_room_is_counted_and_no_link(everything: Path) -> None:
    report, collector, _ = made(everything)
    appendix = Appendix(
        AuditBundle(everything), report.heads, collector.proven, {"journal": "J", "registry": "T"}, room=2
    )
    refs = [appendix.ref("journal", index) for index in (3, 4, 4, 5, 5)]
    assert [bool(ref.anchor) for ref in refs] == [True, True, True, False, False]
    assert appendix.more == 1 and len(appendix.entries()) == 2


def test_more_alerts_than_the_report_lists_are_counted_and_said(
    scene: Partnership, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "LISTED_ALERTS", 3)
    monkeypatch.setattr(facts, "MAX_ALERTS", 5)
    world = scene.world
    for _ in range(7):
        scene.release()
    report, collector, html = made(world.write_bundle(tmp_path / "audit"))
    assert report.totals.alerts == {"AMBER+STRICT": 7}
    assert (len(collector.alerts), collector.more_alerts) == (5, 2)
    assert "Aufgeführt sind 3 von 7 Meldungen" in html


def test_marks_are_bounded_and_what_is_beyond_is_said(
    scene: Partnership, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "MAX_MARKS", 2)
    world = scene.world
    first, second = scene.release(), scene.release()
    world.log(world.receipt(scene.doctor, first))
    world.log(world.delivery((second, scene.doctor), (second, scene.porter)))
    world.log(world.receipt(scene.doctor, first, level="read"))
    _, collector, html = made(world.write_bundle(tmp_path / "audit"))
    assert collector.uncounted == 1 and "1 sehr späte Angaben" in html


def test_a_long_history_is_shown_by_months_and_years(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    scene.release()
    world.now += 70 * DAY
    world.log(world.claim("access.read", count=1, device=scene.auditor.device, what="leaf-list"))
    html = made(world.write_bundle(tmp_path / "months"))[2]
    assert ">09/2026</text>" in html and ">11/2026</text>" in html
    world.now += 1500 * DAY
    world.log(world.claim("access.read", count=1, device=scene.auditor.device, what="leaf-list"))
    html = made(world.write_bundle(tmp_path / "years"), "en")[2]
    assert ">2026</text>" in html and ">2031</text>" in html


# -- PDF -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_pdf_has_the_same_text_page_numbers_and_the_label_on_every_page(
    scene: Partnership, tmp_path: Path, language: Language
) -> None:
    scene.release()
    bundle = scene.world.write_bundle(tmp_path / "audit")
    data = to_pdf(made(bundle, language, label=Label.AMBER)[2])
    assert data.startswith(b"%PDF")
    pages = PdfReader(BytesIO(data)).pages
    texts = [re.sub(r"\s+", " ", page.extract_text().replace("\u00ad", "")) for page in pages]
    assert len(pages) > 5
    of = {"de": "von", "en": "of"}[language]
    for number, text in enumerate(texts, 1):
        assert f"{number} {of} {len(pages)}" in text
        assert text.count("TLP:AMBER") >= 2
    whole = " ".join(texts)
    wanted = {"de": ("Prüfbericht", "Was dies nicht beweist"), "en": ("Audit report", "What this does not prove")}
    assert all(word in whole for word in wanted[language])
    assert all(
        abs(float(page.mediabox.width) - 595) < 1 and abs(float(page.mediabox.height) - 842) < 1 for page in pages
    )


def test_setting_a_pdf_opens_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.css"
    secret.write_text("@page { size: A3 }")
    data = to_pdf(f'<link rel="stylesheet" href="{secret.as_uri()}"><p>x')
    assert float(PdfReader(BytesIO(data)).pages[0].mediabox.width) < 600
