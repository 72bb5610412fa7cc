"""An author's Markdown, shown safely: one parser and one subset for pages and terminals (``docs/spec/envelope.md``, Text).

The subset: paragraphs, emphasis, headings, lists, quotes, code, and links to ``https``, ``mailto`` and ``tel`` that say where
they lead. No HTML, no images, nothing that loads. Two nets stand under the page, because each is somebody else's code:
markdown-it renders CommonMark with HTML off, nh3 drops every element, attribute and address scheme that is not named here.
A hidden character is shown, wherever it came from: written as such or as an entity (invariant I10).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from exchange.model.hidden import first_hidden, is_hidden, shown

KEPT_TEXTS: Final = 128
"""Rendered texts kept: a public page is read far more often than it changes."""
HEADING_SHIFT: Final = 2
"""An author's first heading comes below the page's own two levels."""
SCHEMES: Final = ("https", "mailto", "tel")
"""Where a link may lead."""
_TAGS: Final = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "span", "strong", "ul",
}  # fmt: skip
_ATTRIBUTES: Final[dict[str, set[str]]] = {"*": set(), "a": {"href"}, "ol": {"start"}, "span": {"class"}}
_WIDEST_INDENT: Final = 24
"""Cells that lists and quotes may be indented on a terminal, however deeply they are nested."""

Span = tuple[str, str]
"""Text, and how it is set: ``""``, ``bold``, ``italic``, ``code`` or ``dim``."""
Line = tuple[Span, ...]


def _leads(href: str) -> bool:
    """Whether a link's address may be followed at all."""
    return href.lower().startswith(tuple(f"{scheme}:" for scheme in SCHEMES))


def _href(token: Token) -> str:
    return str(token.attrGet("href") or "")


def _link_open(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    href = _href(tokens[index])
    env.setdefault("links", []).append(href)
    return renderer.renderToken(tokens, index, options, env) if _leads(href) else ""


def _link_close(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    href = env["links"].pop() if env.get("links") else ""
    end = "</a>" if _leads(href) else ""
    return f'{end} <span class="url">({escapeHtml(href)})</span>' if href else end


def _heading(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    token = tokens[index]
    token.tag = f"h{min(6, int(token.tag[1:]) + HEADING_SHIFT)}"
    return renderer.renderToken(tokens, index, options, env)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False})
    parser.disable(["image", "html_inline", "html_block"])
    parser.add_render_rule("link_open", _link_open)
    parser.add_render_rule("link_close", _link_close)
    parser.add_render_rule("heading_open", _heading)
    parser.add_render_rule("heading_close", _heading)
    return parser


_PARSER: Final = _parser()


# -- hidden characters -------------------------------------------------------------------------------------------------


def _words(text: str) -> Iterator[str]:
    """Every piece of text that the Markdown leads to, entities decoded."""
    for token in _PARSER.parse(text, {}):
        for part in token.children or [token]:
            yield part.content


def hidden_in(text: str) -> str | None:
    """The first hidden character (``U+202E``) that a text has, or makes with an entity; None when there is none."""
    for words in (text, *_words(text)):
        found = first_hidden(words, lines=True)
        if found is not None:
            return found[1]
    return None


def undirected(text: str) -> str:
    """The text with U+FFFD for each hidden character: an author's words stay in their place.

    Left alone, a link's words could turn the address that is shown behind them.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if is_hidden(c) and c not in "\n\t" else c for c in text)


# -- a page ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=KEPT_TEXTS)
def html(text: str) -> str:
    """Clean HTML of an author's Markdown, at most 64 KiB of it; up to two seconds for text that is written to be slow."""
    cleaned = nh3.clean(
        _PARSER.render(text, {}),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=set(SCHEMES),
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
    return undirected(cleaned)  # at the end: an entity says a direction mark as well


# -- a terminal --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Setter:
    """Sets parsed Markdown in lines: what stands before each line, and which list one is in."""

    lines: list[Line] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=list)
    bullet: str = ""

    def gap(self) -> None:
        """An empty line between blocks."""
        if self.lines and self.lines[-1]:
            self.lines.append(())

    def line(self, spans: Line) -> None:
        """One line, indented; an item's mark stands before its first."""
        prefix = "".join(self.before)[:_WIDEST_INDENT]
        if self.bullet:
            prefix, self.bullet = prefix[: -len(self.bullet)] + self.bullet, ""
        self.lines.append(((prefix, "dim"), *spans) if prefix else spans)

    def item(self, loose: bool) -> None:
        """Begin a list's item."""
        number = self.numbers[-1]
        self.bullet = "• " if number is None else f"{number}. "
        if number is not None:
            self.numbers[-1] = number + 1
        self.before.append(" " * len(self.bullet))
        if loose:
            self.gap()


def _inline(children: Sequence[Token]) -> Iterator[Line]:
    """A block's text in lines; a link is followed by its address."""
    spans: list[Span] = []
    style: list[str] = [""]
    links: list[str] = []
    for token in children:
        match token.type:
            case "softbreak" | "hardbreak":
                yield tuple(spans)
                spans = []
            case "strong_open" | "em_open":
                style.append("bold" if token.type == "strong_open" else "italic")
            case "strong_close" | "em_close":
                style.pop()
            case "link_open":
                links.append(_href(token))
            case "link_close":
                spans.append((f" ({shown(links.pop())})", "dim"))
            case "code_inline":
                spans.append((shown(token.content), "code"))
            case _:
                spans.append((shown(token.content), style[-1]))
    yield tuple(spans)


def lines(text: str) -> tuple[Line, ...]:
    """An author's Markdown as lines for a terminal; every hidden character is shown, nothing acts on the terminal."""
    page = _Setter()
    style = ""
    for token in _PARSER.parse(text, {}):
        match token.type:
            case "heading_open":
                page.gap()
                style = "bold"
            case "heading_close":
                style = ""
            case "paragraph_open" if not token.hidden and not page.bullet:
                page.gap()
            case "bullet_list_open":
                if not page.numbers:
                    page.gap()
                page.numbers.append(None)
            case "ordered_list_open":
                if not page.numbers:
                    page.gap()
                page.numbers.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                page.numbers.pop()
                if not page.numbers:
                    page.gap()
            case "list_item_open":
                page.item(loose=False)
            case "list_item_close":
                page.before.pop()
                page.bullet = ""
            case "blockquote_open":
                page.gap()
                page.before.append("> ")
            case "blockquote_close":
                page.before.pop()
                page.gap()
            case "fence" | "code_block":
                page.gap()
                for line in token.content.rstrip("\n").split("\n"):
                    page.line((("    " + shown(line), "code"),))
                page.gap()
            case "hr":
                page.gap()
                page.line((("———", "dim"),))
            case "inline":
                for spans in _inline(token.children or ()):
                    page.line(tuple((words, style or set_as) for words, set_as in spans))
            case _:
                pass
    while page.lines and not page.lines[-1]:
        page.lines.pop()
    return tuple(page.lines)
