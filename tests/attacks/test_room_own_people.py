"""Attacks with files and names: signing files, invitations, alert sources, an auditor's bundle, the public page."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from exchange.audit.bundle import MANIFEST, OPENINGS, AuditBundle, BundleError
from exchange.cli.terminal import safe
from exchange.client.errors import SourceError, TransportError
from exchange.client.source import parse_source
from exchange.client.transport import HttpTransport
from exchange.content.markup import html as render
from keys import encoding
from keys.envelope import Envelope
from keys.registrar import Opening, SigningFile, SigningItem
from keys.words import alphabets, counted, describe, plain

HEAD = """+++
title = "Kupferdiebstahl"
language = "de"
label = "CLEAR"
kind = "incident.physical"
urgency = "expected"
severity = "moderate"
certainty = "observed"
valid_for = "14d"
{more}
+++
Text.
"""

# -- what a registrar is shown -----------------------------------------------------------------------------------------------------


def _item(name: str, kind: str = "organisation.admit") -> SigningItem:
    salt = bytes(32)
    body = {"commitments": {"name": encoding.commitment("name", salt, name)}, "kind": "authority"}
    return SigningItem(Envelope(kind, encoding.encode(body), ()), (Opening("name", salt, name),))


def test_name_that_fills_its_line_cannot_begin_the_next() -> None:
    lines = list(describe(_item("Klinikum" + " " * 60 + "  kind: company"), language="en"))
    assert not any("  kind: company" in line for line in lines)
    assert "  kind: authority" in lines


@pytest.mark.parametrize(
    "blank", ["\u00a0", "\u3000", "\u3164", "\u2800", "\u115f", "\u034f", "\ufe0f", "\u202e", "\u200b"]
)
def test_name_with_a_blank_that_is_none_is_shown_as_such(blank: str) -> None:
    assert plain(f"Poli{blank}zei") == f"Poli\\u{{{ord(blank):x}}}zei"


def test_name_with_stacked_marks_does_not_cover_other_lines() -> None:
    assert plain("Z" + "\u0301" * 4) == "Z" + "\u0301" * 4
    assert plain("Z" + "\u0301" * 9).count("\\u{301}") == 5
    assert safe("Z" + "\u0301" * 9).count("<U+0301>") == 5


def test_homoglyph_organisation_name_is_pointed_out_to_the_registrar() -> None:
    assert alphabets("Polizei Düsseldorf") == ("LATIN",)
    lines = list(describe(_item("P\u043elizei"), language="en"))
    assert any("CAREFUL" in line and "CYRILLIC, LATIN" in line for line in lines)
    assert not any("CAREFUL" in line for line in describe(_item("Polizei Köln"), language="en"))


def test_one_statement_among_many_is_counted_at_the_end_of_the_list() -> None:
    items = [_item(f"Klinikum {number}") for number in range(200)]
    items.insert(137, _item("x", "device.enrol"))
    assert list(counted(SigningFile("ab" * 32, tuple(items)), language="en")) == [
        "1 x ENROL A DEVICE, which can then read (device.enrol)",
        "200 x ADMIT AN ORGANISATION (organisation.admit)",
    ]


@pytest.mark.parametrize("blank", ["\u3164", "\u2800", "\u115f", "\u034f", "\U000e0101", "\u202e", "\u200b"])
def test_invisible_letters_are_shown_in_a_terminal(blank: str) -> None:
    assert safe(f"Poli{blank}zei") == f"Poli<U+{ord(blank):04X}>zei"


# -- addresses of an invitation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://[::1",
        "https://exchange.example:99999",
        "https://exchange.example:x",
        "https://exchange.example\\@evil.example",
        "https://exchange.example@evil.example",
        "https://exchange.example%2eevil.example",
        "https://\u0435xchange.example",
        "https://\uff11\uff12\uff17.0.0.1",
        "https://exchange.example;evil",
        "https://exchange .example",
        "http://localhost.evil.example",
        "gopher://exchange.example",
        "https://exchange.example/?next=//evil.example",
    ],
)
def test_address_tricks_in_an_invitation(url: str) -> None:
    with pytest.raises(TransportError):
        HttpTransport(url)


@pytest.mark.parametrize("url", ["https://exchange.example:8443/tlp", "http://[::1]:8080", "https://xn--exmple-cua.de"])
def test_plain_addresses_are_fine(url: str) -> None:
    HttpTransport(url)


# -- sources -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        "approvers = " + "[" * 100_000,
        "approvals = " + "9" * 5_000,
        "a" + ".a" * 100_000 + " = 1",
        "[" + "a." * 100_000 + "a]",
        'x = {"a"' + '."a b"' * 30_000 + " = 1}",
    ],
    ids=["nesting", "number", "dotted-key", "dotted-table", "quoted-key"],
)
def test_front_matter_that_would_exhaust_its_reader(more: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as refusal:
        parse_source(HEAD.format(more=more), tmp_path)
    assert refusal.value.code == "source-toml"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", ".ssh", "a\\b", "C:x", "link"])
def test_front_matter_that_would_attach_another_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(SourceError) as refusal:
        parse_source(HEAD.format(more=f"attachments = ['{name}']"), tmp_path)
    assert refusal.value.code == "attachment-name"


# -- an auditor's bundle -----------------------------------------------------------------------------------------------------------


def _bundle(folder: Path) -> AuditBundle:
    (folder / MANIFEST).write_bytes(encoding.encode({"format": "tlp-exchange-audit/v1"}))
    return AuditBundle(folder)


def test_bundle_with_a_folder_that_leads_out_of_it(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "bundle"
    (outside / "aa").mkdir(parents=True)
    inside.mkdir()
    (outside / "aa" / "secret.json").write_bytes(b"secret")
    (inside / "statements").symlink_to(outside)
    (inside / "leaves").mkdir()
    (inside / "leaves" / "aa").symlink_to(outside / "aa")
    bundle = _bundle(inside)
    assert list(bundle.files("statements")) == []
    assert [path for path, _ in bundle.files("leaves")] == ["leaves/aa"]
    for path in ("statements/aa/secret.json", "leaves/aa/secret.json"):
        with pytest.raises(BundleError) as refusal:
            bundle.read(path, 100)
        assert refusal.value.code == "file-unreadable"


def test_bundle_with_a_pipe_in_the_place_of_a_file(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path)
    os.mkfifo(tmp_path / OPENINGS)
    with pytest.raises(BundleError) as refusal:
        bundle.openings(1)
    assert refusal.value.code == "file-unreadable"


def test_bundle_with_more_openings_than_its_registry_can_have(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path)
    (tmp_path / OPENINGS).write_bytes(b'{"a":[' + b" " * 200_000)
    with pytest.raises(BundleError) as refusal:
        bundle.openings(3)
    assert refusal.value.code == "file-too-large"


# -- the public page ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["\u202e", "&#8238;", "&#x202E;", "\u2067"])
def test_link_whose_words_would_turn_the_address_shown(mark: str) -> None:
    shown = render(f"[{mark}polizei](https://evil.example/)")
    assert "\ufffdpolizei" in shown
    assert not any(turning in shown for turning in "\u202e\u2067")
    assert "(https://evil.example/)" in shown


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>)",
        "<a href=javascript:alert(1)>x</a>",
        "![x](https://evil.example/pixel.png)",
        '[x](https://evil.example "\\" onmouseover=alert(1)")',
        "<https://evil.example/\"onmouseover='alert(1)'>",
        "`</code><img src=x onerror=alert(1)>`",
        "[x](//evil.example)",
    ],
)
def test_markdown_that_would_become_markup(text: str) -> None:
    elements: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            elements.append((tag, dict(attrs)))

    Reader().feed(render(text))
    for tag, attributes in elements:
        assert tag in {"p", "a", "code", "span"}
        assert attributes.keys() <= {"href", "rel", "class"}
        assert not (attributes.get("href") or "https:").startswith(("javascript", "data"))
