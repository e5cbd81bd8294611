"""Markdown of definitions and constitutions as HTML that can do no harm."""

from collections.abc import Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from governance.base.encoding import visible

# Headings of a text stand below the page's own h1 and h2.
_HEADING_SHIFT = 2
_TAGS = {
    *("a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "s", "span", "strong"),
    *("table", "tbody", "td", "th", "thead", "tr", "ul", "h2", "h3", "h4", "h5", "h6"),
}
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}, "span": {"class"}}


def render_prose(text: str) -> str:
    """No images, no raw HTML, no scripts; a link shows where it leads."""
    return nh3.clean(
        _parser().render(visible(text)),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False})
    parser.enable(["table", "strikethrough"]).disable("image")
    parser.core.ruler.push("shift_headings", _shift_headings)
    parser.add_render_rule("link_close", _link_close)
    return parser


def _shift_headings(state: Any) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + _HEADING_SHIFT)}"


def _link_close(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    opened = next(token for token in reversed(tokens[:index]) if token.type == "link_open")
    target = visible(str(opened.attrGet("href") or ""))
    if target == "".join(token.content for token in tokens[tokens.index(opened) : index]):
        return "</a>"
    escaped = target.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'</a> <span class="link-target">({escaped})</span>'
