from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from django.template import Context, Template

from governance.base.samples import samples
from governance.base.templatetags import portal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Parts(HTMLParser):
    """Which tags, attributes and links a piece of HTML really has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]


def rendered(source: str, **context: object) -> str:
    return Template("{% load portal %}" + source).render(Context({"now": NOW, **context}))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=30), "in a moment"),
        (timedelta(minutes=-4), "4 min ago"),
        (timedelta(hours=2, minutes=59, seconds=59), "in 3 h"),
        (timedelta(minutes=-59, seconds=-50), "1 h ago"),
        (timedelta(days=-1), "1 day ago"),
        (timedelta(days=9), "in 9 days"),
        (timedelta(days=-90), "26 Aug 2026"),
    ],
)
def test_a_moment_reads_relative_until_it_is_a_month_away(span: timedelta, words: str):
    assert portal.relative(NOW + span, now=NOW) == words


def test_a_moment_carries_the_exact_time_for_machines_and_the_day_for_people():
    html = rendered("{% when at %}", at=NOW - timedelta(hours=2))
    assert 'datetime="2026-11-24T10:00:00+00:00"' in html
    assert 'title="Tuesday 24 November 2026, 10:00:00 UTC"' in html
    assert ">2 h ago<" in html


def test_no_moment_reads_never():
    assert "never" in rendered("{% when at %}", at=None)


def test_hidden_characters_are_marked_and_html_is_escaped():
    html = rendered("{{ text|visible }}", text="<b>rm\u202e</b>")
    assert "&lt;b&gt;rm" in html
    assert '<mark class="unsafe-char" title="hidden character">‹U+202E›</mark>' in html
    assert "\u202e" not in html


def test_a_badge_escapes_its_words():
    assert "<script>" not in rendered(
        "{% badge value tone label %}", value="x", tone="bad", label="<script>"
    )


def test_a_block_tag_escapes_variables_once_and_keeps_its_markup():
    html = rendered(
        '{% callout "warn" title %}<p>{{ text }}</p>{% endcallout %}',
        title="<Careful>",
        text="a & b",
    )
    assert "<p>a &amp; b</p>" in html
    assert "&lt;Careful&gt;" in html
    assert 'data-tone="warn"' in html


def test_prose_shows_where_a_link_leads_and_protects_the_opener():
    html = portal.prose("[handbook](https://example.org/a?b=1&c=2)")
    assert 'rel="noopener noreferrer nofollow"' in html
    assert '<span class="link-target">(https://example.org/a?b=1&amp;c=2)</span>' in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![pixel](https://example.org/p.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        '<a href="https://example.org" style="position:fixed">x</a>',
    ],
)
def test_prose_lets_no_active_content_through(text: str):
    parts = Parts(portal.prose(text))
    assert parts.tags <= {"p", "a", "span"}
    assert parts.attributes <= {"href", "rel", "class"}
    assert all(link.startswith("https://") for link in parts.links)


def test_prose_marks_hidden_characters():
    assert '<mark class="unsafe-char"' in portal.prose("never\u200b")


def test_headings_of_a_text_stand_below_those_of_the_page():
    assert "<h3>Title</h3>" in portal.prose("# Title")


def test_the_tree_shows_every_argument_and_marks_unknown_keys():
    value = {"path": "/srv", "n": 0, "deep": {"list": [None, False, ""]}, "odd": "x" * 5000}
    html = rendered(
        '{% include "components/args.html" with value=value known=known %}',
        value=value,
        known=["path", "n", "deep"],
    )
    assert "x" * 5000 in html
    assert "null" in html
    assert "false" in html
    assert "empty text" in html
    assert html.count('class="unknown-key"') == 1


def test_a_refused_button_is_disabled_and_says_why():
    html = rendered(
        '{% include "components/button.html" with label="Approve" id="a" refusal="You wrote it." %}'
    )
    assert 'aria-disabled="true"' in html
    assert 'aria-describedby="a-refusal"' in html
    assert "You wrote it." in html
    assert 'type="submit"' not in html


def test_initials_are_one_or_two_letters():
    assert [portal.initials(name) for name in ("Mara Okafor", "lena@example.org", "")] == [
        "MO",
        "L",
        "?",
    ]


def test_every_icon_a_sample_names_is_in_the_sprite():
    context = samples(NOW)
    assert {event["icon"] for event in context["timeline"]} <= set(context["icons"])


class Reader:
    def __init__(self, time_zone: str) -> None:
        self.time_zone = time_zone


def test_the_title_of_a_moment_is_on_the_clock_of_its_reader_and_names_the_zone():
    html = rendered("{% when at %} {% clock at %}", at=NOW, user=Reader("Asia/Tokyo"))
    assert 'title="Tuesday 24 November 2026, 21:00:00 JST (Asia/Tokyo)"' in html
    assert "21:00:00 JST" in html.partition("</time>")[2]
    assert 'datetime="2026-11-24T12:00:00+00:00"' in html


def test_a_zone_that_nobody_knows_any_more_reads_as_utc():
    html = rendered("{% when at %}", at=NOW, user=Reader("Mars/Olympus"))
    assert "12:00:00 UTC" in html
