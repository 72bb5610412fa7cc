"""The source of an alert: closed keys, values with their reasons, attachments that are files beside it and nothing else."""

from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from exchange.client.attachments import MAX_ATTACHMENT
from exchange.client.errors import SourceError
from exchange.client.source import parse_source, read_source
from exchange.content.stix import StixRefusal
from exchange.model.tlp import Label
from tests.content.test_stix_bundle import bundle, definition, indicator

GOOD = """+++
title = "Titel"
language = "de"
label = "TLP:AMBER+STRICT"
kind = "incident.physical"
urgency = "expected"
severity = "moderate"
certainty = "observed"
valid_for = "36h"
{more}
[audience]
sectors = ["energy"]
+++
Text mit `## Was ist zu tun` darin.

```
## Was ist zu tun
```

## Was ist zu tun

Rat.
"""


def parse(folder: Path, more: str = "", **replaced: str):
    text = GOOD.format(more=more)
    for old, new in replaced.items():
        text = text.replace(f"{old} = ", f"{new} = ")
    return parse_source(text, folder)


def test_a_source_is_read_with_text_and_advice(tmp_path):
    found = parse(tmp_path, 'number = "A-1"\nacknowledge_within = "2d"\nexercise = true')
    assert (found.label, found.valid_for, found.acknowledge_within) == (Label.AMBER_STRICT, 36 * 3600, 2 * 86_400)
    assert found.text.endswith("```") and found.advice == "Rat."
    assert found.exercise and found.number == "A-1" and found.audience.sectors == ("energy",)


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ('approver = ["A"]', "source-key", "approver;"),
        ('kind2 = "x"', "source-key", "kind2"),
        ("exercise = 1", "source-value", "exercise"),
        ("exercise = 'yes'", "source-value", "exercise"),
        ('acknowledge_within = "2w"', "source-value", "acknowledge_within"),
        ('acknowledge_within = "99999d"', "source-value", "acknowledge_within"),
        ("approvers = []", "source-value", "approvers"),
        ('approvers = ["A", "a"]', "source-value", "twice"),
        ('approvers = ["A", "B", "C", "D"]', "source-value", "at most 3"),
        ("approvals = 4", "source-value", "approvals"),
        ("approvals = true", "source-value", "approvals"),
        ("contact = ''", "source-value", "contact"),
        ("number = 3", "source-value", "number"),
        ("x = ", "source-toml", "TOML"),
    ],
)
def test_a_wrong_front_matter_is_refused_by_name(tmp_path, more, code, says):
    with pytest.raises(SourceError) as caught:
        parse(tmp_path, more)
    assert caught.value.code == code and says in caught.value.detail


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('sectors = ["energy"]', "", "source-value"),
        ('sectors = ["energy"]', "everyone = false", "source-value"),
        ('sectors = ["energy"]', 'everyone = true\nsectors = ["energy"]', "source-value"),
        ('sectors = ["energy"]', 'sektoren = ["energy"]', "source-key"),
        ('[audience]\nsectors = ["energy"]', "", "source-missing"),
        ('label = "TLP:AMBER+STRICT"', 'label = "AMBER STRICT"', "source-value"),
        ('language = "de"', 'language = "fr"', "source-value"),
        ('title = "Titel"', "", "source-missing"),
        ('urgency = "expected"', 'urgency = "Expected"', "source-value"),
        ("+++\ntitle", "title", "source-format"),
    ],
)
def test_a_wrong_audience_or_value_is_refused(tmp_path, old, new, code):
    with pytest.raises(SourceError) as caught:
        parse_source(GOOD.format(more="").replace(old, new, 1), tmp_path)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "a\\\\b", "..", ".hidden", "c:x", "a\\u0000b"])
def test_an_attachment_with_a_path_is_refused(tmp_path, name):
    with pytest.raises(SourceError) as caught:
        parse(tmp_path, f'attachments = ["{name}"]')
    assert caught.value.code == "attachment-name"


def test_an_attachment_that_is_a_link_a_folder_or_missing_is_refused(tmp_path):
    (tmp_path / "link.jpg").symlink_to("/etc/passwd")
    (tmp_path / "folder.jpg").mkdir()
    for name, code in (("link.jpg", "attachment-name"), ("folder.jpg", "file-missing"), ("none.jpg", "file-missing")):
        with pytest.raises(SourceError) as caught:
            parse(tmp_path, f'attachments = ["{name}"]')
        assert caught.value.code == code


def test_attachments_are_read_with_their_type_and_bounded(tmp_path):
    (tmp_path / "karte.pdf").write_bytes(b"1234")
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(MAX_ATTACHMENT + 1)
    (found,) = parse(tmp_path, 'attachments = ["karte.pdf"]').attachments
    assert (found.name, found.media_type, b"".join(found.pieces())) == ("karte.pdf", "application/pdf", b"1234")
    assert found.uncleaned and (found.length, found.sha256) == (4, sha256(b"1234").hexdigest())
    (tmp_path / "karte.pdf").write_bytes(b"1235")
    with pytest.raises(SourceError, match="changed since"):
        list(found.pieces())
    with pytest.raises(SourceError, match="more than"):
        parse(tmp_path, 'attachments = ["big.bin"]')


def picture(folder: Path, name: str, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Kamera GmbH"
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 27.0, 26.0)})
    Image.new("RGB", (20, 10), "red").save(folder / name, exif=exif, **options)
    return (folder / name).read_bytes()


def test_a_picture_with_location_data_loses_it_unless_its_author_keeps_it(tmp_path):
    data = picture(tmp_path, "foto.jpg")
    assert b"Kamera" in data
    (found,) = parse(tmp_path, 'attachments = ["foto.jpg"]').attachments
    assert found.removed[:2] == ("gps", "exif") and b"Kamera" not in b"".join(found.pieces())
    (kept,) = parse(tmp_path, 'attachments = ["foto.jpg"]\nkeep_metadata = ["foto.jpg"]').attachments
    assert kept.kept[:2] == ("gps", "exif") and b"".join(kept.pieces()) == data and not kept.removed


@pytest.mark.parametrize(
    ("name", "data"), [("foto.jpg", b"nichts"), ("foto.svg", b"<svg/>"), ("foto.heic", b"\0\0\0\x18ftypheic")]
)
def test_a_picture_that_cannot_be_cleaned_is_refused_unless_it_is_named(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError) as caught:
        parse(tmp_path, f'attachments = ["{name}"]')
    assert caught.value.code in ("picture-unreadable", "picture-unsupported")
    (kept,) = parse(tmp_path, f'attachments = ["{name}"]\nkeep_metadata = ["{name}"]').attachments
    assert kept.kept == ("unknown",)


def test_a_picture_under_another_name_is_refused(tmp_path):
    picture(tmp_path, "foto.jpg")
    (tmp_path / "foto.jpg").rename(tmp_path / "foto.bin")
    with pytest.raises(SourceError) as caught:
        parse(tmp_path, 'attachments = ["foto.bin"]')
    assert caught.value.code == "picture-unreadable"
    with pytest.raises(SourceError, match="stand in attachments"):
        parse(tmp_path, 'keep_metadata = ["foto.bin"]')


@pytest.mark.parametrize("mark", ["\u202e", "\u200b", "&#x202E;", "&zwnj;", "\x1b[2J", "\u00ad", "\ufeff"])
def test_markdown_that_reorders_or_hides_text_is_refused_at_the_source(tmp_path, mark):
    with pytest.raises(SourceError) as caught:
        parse_source(GOOD.format(more="").replace("Text mit", f"Text {mark}mit"), tmp_path)
    assert caught.value.code == "source-hidden" and "U+" in caught.value.detail
    for field in ("title", "contact", "place", "number"):
        more = f'{field} = "a\\u202Eb"' if field != "title" else ""
        text = GOOD.format(more=more)
        with pytest.raises(SourceError) as caught:
            parse_source(text.replace('"Titel"', '"Ti\\u202Etel"') if field == "title" else text, tmp_path)
        assert caught.value.code == "source-hidden" and field in caught.value.detail


TWO = (
    GOOD.format(more='translation = { language = "en", title = "Title" }')
    + """
+++ en
English text.

## What to do

Advice.
"""
)


def test_an_alert_in_two_languages(tmp_path):
    found = parse_source(TWO, tmp_path)
    assert [(t.language, t.title, t.advice) for t in found.texts] == [
        ("de", "Titel", "Rat."),
        ("en", "Title", "Advice."),
    ]
    assert found.texts[0].text.endswith("```") and found.texts[1].text == "English text."


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("+++ en\n", "", "source-format"),
        ("+++ en\n", "+++ en\n+++ en\n", "source-format"),
        ("English text.\n", "", "source-empty"),
        ('language = "en"', 'language = "de"', "source-value"),
        ('language = "en"', 'language = "fr"', "source-value"),
        (', title = "Title"', "", "source-missing"),
        ("English text", "English \u2066text", "source-hidden"),
        ('title = "Title"', 'title = "Title", text = "x"', "source-key"),
    ],
)
def test_a_wrong_translation_is_refused(tmp_path, old, new, code):
    with pytest.raises(SourceError) as caught:
        parse_source(TWO.replace(old, new, 1), tmp_path)
    assert caught.value.code == code


def test_a_stix_bundle_travels_last_and_is_held_against_the_label(tmp_path):
    (tmp_path / "daten.json").write_bytes(bundle(definition(Label.AMBER_STRICT), indicator(Label.AMBER_STRICT)))
    (tmp_path / "lage.txt").write_bytes(b"Lage")
    found = parse(tmp_path, 'stix = "daten.json"\nattachments = ["lage.txt"]')
    assert [file.name for file in found.attachments] == ["lage.txt", "daten.json"]
    assert found.attachments[1].media_type == "application/stix+json;version=2.1" and found.bundle.objects == 1
    (tmp_path / "daten.json").write_bytes(bundle(definition(Label.RED), indicator(Label.RED)))
    with pytest.raises(StixRefusal) as caught:
        parse(tmp_path, 'stix = "daten.json"')
    assert caught.value.code == "stix-higher"
    for wrong in (
        'stix = "../daten.json"',
        'stix = "daten.json"\nattachments = ["daten.json"]',
        'stix = ["daten.json"]',
    ):
        with pytest.raises(SourceError):
            parse(tmp_path, wrong)


def test_every_example_of_the_documentation_is_a_source():
    for path in sorted(Path("docs/examples").glob("*/*.md")):
        if "\nchanged = " not in path.read_text(
            encoding="utf-8"
        ):  # a later version takes its label from the one before
            assert read_source(path).text
