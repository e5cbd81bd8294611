"""Comments beside the text of a version."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents.reviewing import services as reviewing
from governance.review.comments import comment
from governance.review.models import Comment
from governance.review.services import latest_review
from tests.agents import acts
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def in_review(raw=None):
    version = acts.bring_in(raw=raw)
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    return version


def page_of(version, by=None, **query) -> str:
    client = Client()
    client.force_login(by or acts.approver())
    return client.get(version.get_absolute_url(), query).content.decode()


def test_each_line_leads_to_a_comment_on_it():
    version = in_review()
    assert "?line=3#comment" in page_of(version)
    assert "Comment on line 3" in page_of(version, line="3")


@pytest.mark.parametrize("query", [{"line": "0"}, {"line": "99999"}, {"line": "x"}, {"part": "x"}])
def test_what_the_text_does_not_have_is_not_commented_on(query):
    assert "Comment on the whole" in page_of(in_review(), **query)


def test_a_rule_and_a_trigger_lead_to_a_comment_on_them():
    version = in_review()
    rule, trigger = version.rules.first(), version.triggers.first()
    page = page_of(version)
    assert f"?part=rule:{rule.key}#comment" in page
    assert f"?part=trigger:{trigger.key}#comment" in page
    assert "add external dependencies" in page_of(version, part=f"rule:{rule.key}")


def test_a_comment_stands_in_the_review_and_beside_its_line_until_it_is_dealt_with():
    version, voter = in_review(), acts.approver()
    client = Client()
    client.force_login(voter)
    review = latest_review(version.subject)
    address = reverse("review-comment", args=[review.pk])
    assert client.post(address, {"text": ""}).status_code == 400
    answer = client.post(address, {"text": "Why <b>this</b>?", "line": 4})
    made = Comment.objects.get()
    assert answer.headers["Location"] == f"{version.get_absolute_url()}#comment-{made.pk}"
    page = page_of(version)
    assert "Why &lt;b&gt;this&lt;/b&gt;?" in page
    assert "1 comment is not dealt with" in page.replace("comments", "comment")
    client.post(reverse("review-resolve", args=[made.pk]))
    assert "not dealt with" not in page_of(version)


def test_what_was_said_of_the_same_rule_of_an_earlier_version_is_shown():
    first = in_review()
    key = first.rules.first().key
    review = latest_review(first.subject)
    voter = acts.approver()
    comment(review_id=review.pk, by=voter, text="Too soft.", part=f"rule:{key}", at=NOW)
    acts.say(first, voter, "request_changes", "See the rule.")
    second = in_review(acts.definition(more="\nMore.\n"))
    page = page_of(second)
    assert "on version 1" in page
    assert "Too soft." in page


def test_the_page_costs_the_same_however_many_comments_there_are():
    version, voter = in_review(), acts.approver()
    client = Client()
    client.force_login(voter)
    counts = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            client.get(version.get_absolute_url())
        counts.append(len(queries))
        for number in range(5):
            comment(
                review_id=latest_review(version.subject).pk,
                by=acts.approver(),
                text=f"Remark {number}",
                line=3,
                at=NOW,
            )
    assert counts[1] == counts[2]
