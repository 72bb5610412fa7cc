"""Markdown to HTML that is safe to show: parsed without HTML and images, then cleaned against a list (invariant I10).

Two nets, because each is somebody else's code: markdown-it renders CommonMark with HTML off, nh3 drops every element,
attribute and address scheme that is not named here. A link shows where it leads, as text beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

KEPT_TEXTS: Final = 128
"""Rendered texts kept: a public page is read far more often than it changes."""
HEADING_SHIFT: Final = 2
"""An author's first heading comes below the page's own two levels."""
_TAGS: Final = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "span", "strong", "ul",
}  # fmt: skip
_ATTRIBUTES: Final[dict[str, set[str]]] = {"*": set(), "a": {"href"}, "ol": {"start"}, "span": {"class"}}
_DIRECTION: Final = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")
_SCHEMES: Final = {"https", "http", "mailto", "tel"}


def _link_open(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    env.setdefault("links", []).append(str(tokens[index].attrGet("href") or ""))
    return renderer.renderToken(tokens, index, options, env)


def _link_close(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    href = env["links"].pop() if env.get("links") else ""
    return f'</a> <span class="url">({escapeHtml(href)})</span>' if href else "</a>"


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


def undirected(text: str) -> str:
    """The text with U+FFFD for each character that turns the reading direction: an author's words stay in their place.

    Left alone, a link's words could turn the address that is shown behind them.
    """
    return text.translate(_DIRECTION)


@lru_cache(maxsize=KEPT_TEXTS)
def render(text: str) -> str:
    """Clean HTML of an author's Markdown, at most 64 KiB of it; up to two seconds for text that is written to be slow."""
    cleaned = nh3.clean(
        _PARSER.render(text, {}),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
    return undirected(cleaned)  # at the end: an entity says a direction mark as well
