"""A tiny week of agents that ask: nothing is dropped, and only people decide."""

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.simulated.figures import figures_of, share
from benchmarks.simulated.questions import questions_of
from benchmarks.simulated.report import report
from benchmarks.simulated.week import AFTER, BEFORE, Week
from benchmarks.simulated.world import build
from escalations.models import Ballot, Decision, Escalation
from governance.asking.models import Ask, Notification

pytestmark = pytest.mark.django_db(transaction=True)
MONDAY = datetime(2026, 2, 2, tzinfo=UTC)
SLUGS = ["backend-builder", "backend-reviewer"]


def asked(**changes):
    usual = {"week": MONDAY, "days": 1, "a_day": 14, "seed": 4}
    return questions_of(SLUGS, **usual | changes)


@pytest.fixture
def play():
    build(agents=2, week=MONDAY)

    def of(variant):
        tick = timedelta(minutes=30)
        return Week(variant, asked(), start=MONDAY, days=1, seed=4, tick=tick).play()

    return of


@pytest.mark.parametrize("variant", [BEFORE, AFTER], ids=lambda one: one.name)
def test_nothing_is_dropped_and_only_people_decide(play, variant):
    week = play(variant)
    found = figures_of(week)
    assert (found.raised, found.dropped, found.by_machines, found.refusals) == (14, [], 0, [])
    assert found.decided > 7
    assert Decision.objects.count() == Ballot.objects.count() == found.decided
    assert Escalation.objects.unresolved().count() == found.left_open
    assert Ask.objects.open().filter(next_action_at=None).count() == 0
    text = report({variant.name: found}, agents=2, days=1)
    assert "| dropped | 0 |" in text


def test_what_nobody_was_told_of_counts_as_dropped(play):
    week = play(BEFORE)
    (lost, *_) = week.cases.values()
    lost.decided_at, lost.opened_at = None, MONDAY - timedelta(days=2)
    week.mails.clear()
    assert f"ESC-{lost.pk}" in figures_of(week).dropped


def test_a_decision_that_no_approver_made_counts(play):
    week = play(BEFORE)
    week.approvers.clear()
    assert figures_of(week).by_machines == Decision.objects.count() > 0


def test_each_interruption_is_a_mail_that_came(play):
    week = play(AFTER)
    counted = sum(figures_of(week).all_days)
    own = {one.user.email for one in week.approvers.values()}
    assert counted == sum(one.to in own for one in week.mails) > 0
    assert Notification.objects.filter(state="accepted").count() >= counted


def test_the_same_seed_asks_the_same_questions():
    assert asked() == asked()
    assert asked() != asked(seed=5)
    assert len(asked(days=3, a_day=30)) == 90


@pytest.mark.parametrize(("part", "value"), [(0.5, 2), (0.9, 4), (1.0, 4)])
def test_a_share_is_a_value_that_occurred(part, value):
    assert share([4, 1, 3, 2], part) == value
    assert share([], part) == 0
