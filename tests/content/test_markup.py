"""Markdown on a terminal and on a page: a safe subset, by one implementation."""

from __future__ import annotations

import pytest

from exchange.content.markup import hidden_in, html, lines


def plain(text: str) -> str:
    return "\n".join("".join(words for words, _ in line) for line in lines(text))


def test_the_subset_is_set_in_lines():
    text = (
        "# Lage\n\nEin **Satz** mit `code`\nund mehr.\n\n* eins\n* zwei\n  1. drei\n\n> Zitat\n\n```\n  x\n```\n\nEnde."
    )
    assert plain(text) == (
        "Lage\n\nEin Satz mit code\nund mehr.\n\n• eins\n• zwei\n  1. drei\n\n> Zitat\n\n      x\n\nEnde."
    )
    assert (
        (("Lage", "bold"),) in lines(text) and ("Satz", "bold") in lines(text)[2] and ("code", "code") in lines(text)[2]
    )


def test_a_link_is_followed_by_where_it_leads():
    assert plain("[Bank](https://evil.example/)") == "Bank (https://evil.example/)"
    assert '<a href="https://evil.example/"' in html("[Bank](https://evil.example/)")


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://evil.example/pixel.png)",
        "<img src=https://evil.example/pixel.png>",
        '<link rel=stylesheet href="//evil.example">',
        "<style>@import url(//evil.example)</style>",
        "<iframe src=//evil.example></iframe>",
        "[x]: https://evil.example/pixel.png\n![x]",
    ],
)
def test_markdown_that_loads(text: str):
    assert not any(tag in html(text) for tag in ("<img", "<link", "<style", "<iframe"))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,x)",
        "[x](vbscript:x)",
        "[x](http://unverschluesselt.example)",
        "[x](//evil.example)",
        "[x](/v1/session)",
        "[x](ftp://evil.example)",
        "<a onclick=x>y</a>",
    ],
)
def test_markdown_that_scripts(text: str):
    page = html(text)
    assert "<script" not in page and "<a" not in page


@pytest.mark.parametrize(
    "text",
    [
        "\u202eabc", "&#x202E;abc", "&rlm;abc", "a\u2066b", "a\u200bb", "&ZeroWidthSpace;", "a\u00adb", "\ufeffa",
        "a\u2060b", "`\u202e`", "[a\u202e](https://x.example)", "```\n\u202e\n```", "# a\u200f", "\u3164", "a\U000e0041b",
    ],
)  # fmt: skip
def test_markdown_that_reorders_or_hides_text(text: str):
    assert hidden_in(text) is not None
    for shown in (html(text), plain(text)):
        assert not any(hidden_in(c) for c in shown if c not in "\n")
    assert "<U+" in plain(text)


@pytest.mark.parametrize("text", ["\x1b[2J", "a\x07b", "\x9b31m", "&#27;[2J", "`\x1b]0;x\x07`", "a\rb\x08c", "\x7f"])
def test_markdown_that_speaks_to_the_terminal(text: str):
    assert all(c == "\n" or c.isprintable() for c in plain(text))


def test_ordinary_german_and_emoji_are_nothing_hidden():
    assert hidden_in("Größe: 5 µm – „Übung“ … ⚠️ \n\n\tTab &amp; &nbsp;") is None


@pytest.mark.parametrize("text", ["> " * 5000, "* " * 5000, "[" * 20000, "**a" * 5000, "1. " * 5000])
def test_pathological_markdown_is_set_in_bounded_size(text: str):
    assert sum(len(words) for line in lines(text) for words, _ in line) < 4 * len(text) + 1000
