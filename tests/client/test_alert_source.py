"""The source of an alert: closed keys, values with their reasons, attachments that are files beside it and nothing else."""

from pathlib import Path

import pytest

from exchange.client.attachments import MAX_ATTACHMENT
from exchange.client.errors import SourceError
from exchange.client.source import parse_source, read_source
from exchange.model.tlp import Label

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
    (tmp_path / "foto.jpg").write_bytes(b"1234")
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(MAX_ATTACHMENT + 1)
    (found,) = parse(tmp_path, 'attachments = ["foto.jpg"]').attachments
    assert (found.name, found.media_type, found.data) == ("foto.jpg", "image/jpeg", b"1234")
    with pytest.raises(SourceError, match="more than"):
        parse(tmp_path, 'attachments = ["big.bin"]')


def test_every_example_of_the_documentation_is_a_source():
    for path in sorted(Path("docs/examples").glob("*/*.md")):
        assert read_source(path).text
