"""Remarks on what is under review."""

import json

import pytest
from django.db.utils import DatabaseError

from governance.asking.models import Ask, Notification, Reason
from governance.asking.together.watching import watch
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import Role
from governance.review.comments import comment, comments_on, resolve_comment, unresolved
from governance.review.models import Comment
from governance.review.panel import panel_for
from tests.factories import NOW, RunnerFactory, UserFactory
from tests.review.test_services import approver, cast, kinds, opened

pytestmark = pytest.mark.django_db(transaction=True)


def said(review, by, text="Why Bash?", **about):
    return comment(review_id=review.pk, by=by, text=text, at=NOW, **about)


def test_a_comment_on_a_line_or_a_part_is_kept_and_told_without_its_words():
    review, voter = opened(), approver()
    made = said(review, voter, line=3)
    said(review, voter, part="rule:never-x")
    assert [(one.line, one.part) for one in comments_on(review)] == [
        (3, ""),
        (None, "rule:never-x"),
    ]
    event = AuditEvent.objects.filter(kind="review.commented").order_by("number").first()
    data = json.loads(bytes(event.body))["data"]
    assert (data["comment"], data["line"]) == (made.pk, 3)
    assert "Why Bash?" not in str(data)


def test_a_comment_is_no_vote():
    review, voter = opened(), approver()
    said(review, voter, "Approved!")
    review.refresh_from_db()
    assert (review.status, review.votes.count()) == ("in_review", 0)
    assert cast(review, voter).status == "approved"


@pytest.mark.parametrize("roles", [[Role.AUDITOR], [Role.ADMINISTRATOR], []])
def test_who_neither_proposes_nor_votes_does_not_comment(roles):
    with pytest.raises(NotPermitted):
        said(opened(), UserFactory(roles=roles))
    assert not Comment.objects.exists()


def test_a_runner_does_not_comment():
    with pytest.raises(NotPermitted):
        said(opened(), RunnerFactory())


def test_authors_answer():
    author = UserFactory(roles=[Role.OWNER])
    assert said(opened(author), author, "It needs it.").author == author


@pytest.mark.parametrize(
    ("text", "about"),
    [("  ", {}), ("x" * 5001, {}), ("x", {"line": 0}), ("x", {"part": "p" * 181})],
)
def test_what_says_nothing_or_points_nowhere_is_refused(text, about):
    with pytest.raises(InvalidInput):
        said(opened(), approver(), text, **about)


def test_a_closed_review_is_not_commented_on():
    review, voter = opened(), approver()
    cast(review, voter)
    with pytest.raises(Conflict):
        said(review, voter)


def test_a_comment_is_dealt_with_once_and_by_whom_is_kept():
    review, voter, other = opened(), approver(), approver()
    made = said(review, voter)
    assert panel_for(other, review, at=NOW).unresolved == 1
    resolve_comment(comment_id=made.pk, by=other, at=NOW)
    again = resolve_comment(comment_id=made.pk, by=voter, at=NOW)
    assert (again.resolved_by, again.resolved_at) == (other, NOW)
    assert kinds(review).count("review.comment_resolved") == 1
    assert unresolved(comments_on(review)) == 0


def test_who_takes_no_part_deals_with_no_comment():
    made = said(opened(), approver())
    with pytest.raises(NotPermitted):
        resolve_comment(comment_id=made.pk, by=UserFactory(roles=[Role.AUDITOR]), at=NOW)
    with pytest.raises(NotThere):
        resolve_comment(comment_id=made.pk + 1, by=approver(), at=NOW)


def test_hidden_bytes_that_no_database_keeps_do_not_break_a_comment():
    try:
        assert "\0" not in said(opened(), approver(), "a\0b").text
    except DatabaseError as error:
        pytest.fail(str(error))


def test_who_watches_a_review_hears_of_its_comments():
    review, vera = opened(), UserFactory(roles=[Role.AUDITOR])
    watch(ask_id=Ask.objects.get(subject=review.stream).pk, by=vera, at=NOW)
    said(review, approver())
    said(review, approver())
    assert Notification.objects.filter(recipient=vera, reason=Reason.NEWS).count() == 1
