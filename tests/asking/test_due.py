"""The day an answer is hoped for: people are told once more, and nothing is decided."""

from datetime import timedelta

import pytest

from governance.asking.models import Ask, Notification
from governance.asking.sweep import sweep
from governance.base.errors import InvalidInput
from governance.review.models import Review
from governance.review.panel import panel_for
from tests.factories import NOW
from tests.review.test_services import approver, opened

pytestmark = pytest.mark.django_db(transaction=True)
DUE = NOW + timedelta(hours=3)


def test_people_are_told_again_when_it_is_due_and_the_ladder_goes_on():
    voter = approver()
    review = opened(due_at=DUE)
    sweep(at=NOW)
    ask = Ask.objects.get()
    assert ask.next_action_at == DUE
    sweep(at=DUE)
    ask.refresh_from_db()
    assert Notification.objects.filter(recipient=voter).count() == 2
    assert ask.next_action_at > DUE
    review.refresh_from_db()
    assert review.status == "in_review"


def test_a_day_beyond_the_next_reminder_brings_none_forward():
    approver()
    opened(due_at=NOW + timedelta(days=300))
    sweep(at=NOW)
    with_day = Ask.objects.get().next_action_at
    assert with_day < NOW + timedelta(days=3)


def test_a_review_says_that_it_is_overdue():
    review, voter = opened(due_at=DUE), approver()
    assert not panel_for(voter, review, at=NOW).is_overdue
    assert panel_for(voter, review, at=DUE).is_overdue


def test_a_day_in_the_past_is_refused():
    with pytest.raises(InvalidInput):
        opened(due_at=NOW)
    assert not Review.objects.exists()
