"""A file name is one visible path component, on every system that a member uses."""

import pytest
from pydantic import ValidationError

from exchange.model.alert import Attachment, Content, ContentText


def named(name: str) -> Attachment:
    return Attachment(length=1, media_type="text/plain", name=name, sha256="0" * 64)


@pytest.mark.parametrize(
    "name",
    [
        "../x", "..", ".", "/etc/passwd", "a/b", "a\\b", "C:x", "a:stream", "x\0y", "x\ny", ".bashrc", "x.", " x", "x ",
        "CON", "nul", "a|b", "Aux.txt", "com1.pdf", "LPT9", "x\u202egnp.exe", "x\u200b", "x\u2066", "a?", 'a"b', "<a>", "",
        "a" * 161,
        "x\x1b[2J",
    ],
)  # fmt: skip
def test_a_file_name_with_paths_or_hidden_characters(name: str):
    with pytest.raises(ValidationError):
        named(name)


@pytest.mark.parametrize("name", ["foto.jpg", "Lage; plan.html", "Übersicht (neu).pdf", "console.txt", "a.b.c", "-x"])
def test_an_ordinary_file_name(name: str):
    assert named(name).name == name


def test_names_that_differ_in_letter_case_only_would_overwrite_each_other():
    text = ContentText(language="de", text="x", title="x")
    with pytest.raises(ValidationError):
        Content(attachments=(named("A.txt"), named("a.TXT")), texts=(text,))


def test_an_alert_has_at_most_one_stix_bundle():
    text = ContentText(language="de", text="x", title="x")
    media_type = "application/stix+json;version=2.1"
    two = [Attachment(length=1, media_type=media_type, name=n, sha256="0" * 64) for n in ("a.json", "b.json")]
    with pytest.raises(ValidationError):
        Content(attachments=tuple(two), texts=(text,))
    with pytest.raises(ValidationError):
        Attachment(length=1, media_type="text/html;x=y", name="a", sha256="0" * 64)
