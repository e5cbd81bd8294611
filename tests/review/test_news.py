"""Those who wrote a version hear what is said about it and how it ended; nobody else, and once."""

from datetime import timedelta

import pytest

from governance.asking.dispatch import dispatch
from governance.asking.models import Ask, Notification, Reason
from governance.people.models import Role
from governance.review.comments import comment
from governance.review.services import take_back
from tests.factories import NOW, UserFactory
from tests.review.test_services import approver, cast, opened

pytestmark = pytest.mark.django_db(transaction=True)


def owner():
    return UserFactory(roles=[Role.OWNER])


@pytest.mark.parametrize(
    ("verdict", "subject"),
    [
        ("approve", "Approved: "),
        ("request_changes", "Changes requested: "),
        ("reject", "Rejected: "),
    ],
)
def test_authors_are_told_how_it_was_decided(mailoutbox, verdict, subject):
    author = owner()
    review = opened(author)
    cast(review, approver(), verdict=verdict, comment="As it is.")
    dispatch(at=NOW)
    (mail,) = mailoutbox
    assert mail.to == [author.email]
    assert mail.subject.startswith(subject)
    assert review.path in mail.body
    assert "/r/" not in mail.body


def test_nobody_is_told_of_what_the_author_took_back(mailoutbox):
    author = owner()
    take_back(review_id=opened(author).pk, by=author, at=NOW)
    dispatch(at=NOW)
    assert mailoutbox == []


def test_comments_come_as_one_mail_an_hour_and_not_to_who_made_them(mailoutbox):
    author, other, voter = owner(), owner(), approver()
    review = opened(author, excluded={author.pk, other.pk})
    for minutes, by in ((5, voter), (20, author), (50, voter)):
        comment(review_id=review.pk, by=by, text="Why?", at=NOW + timedelta(minutes=minutes))
    dispatch(at=NOW + timedelta(minutes=59))
    assert mailoutbox == []
    dispatch(at=NOW + timedelta(minutes=60))
    assert sorted(mail.to[0] for mail in mailoutbox) == sorted([author.email, other.email])
    assert all(mail.subject.startswith("New comments: ") for mail in mailoutbox)
    comment(review_id=review.pk, by=voter, text="And this?", at=NOW + timedelta(minutes=70))
    assert Notification.objects.filter(reason=Reason.NEWS, recipient=author).count() == 2


def test_once_it_is_decided_the_outcome_is_told_in_place_of_the_comments(mailoutbox):
    author = owner()
    review, voter = opened(author), approver()
    comment(review_id=review.pk, by=voter, text="Why?", at=NOW)
    cast(review, voter)
    dispatch(at=NOW + timedelta(hours=2))
    assert [mail.subject.split(":")[0] for mail in mailoutbox] == ["Approved"]
    assert not Ask.objects.open().exists()
