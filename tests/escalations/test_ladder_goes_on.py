"""What people do meanwhile holds up no reminder: questions to the runner, snoozes, first votes."""

from datetime import timedelta

import pytest

from escalations import thread
from governance.asking.models import Ask, Notification, NotificationState, Policy
from governance.asking.sweep import sweep
from governance.asking.together.snoozing import end_snooze, snooze_ask
from tests.escalations import acts
from tests.escalations.acts import approver
from tests.factories import NOW, RunnerFactory

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def ask_of(case):
    return Ask.objects.get(subject=case.subject)


def swept(case):
    """Make the next action at its time; returns when that was."""
    due = ask_of(case).next_action_at
    sweep(at=due)
    return due


def told(person, since):
    """The notices to one person of this action."""
    waiting = Notification.objects.filter(recipient=person, created_at__gte=since)
    return waiting.exclude(state=NotificationState.CANCELLED).count()


def test_asking_the_runner_and_its_answer_leave_the_ladder_as_it_was():
    runner, eva, ben = RunnerFactory(), approver(), approver()
    asked, left_alone = acts.ask(runner, run="1"), acts.ask(runner, run="2", key="other")

    def ladder(case):
        ask = ask_of(case)
        return ask.step, ask.repeats, ask.next_action_at

    def both_remind():
        due = swept(asked)
        assert ladder(asked) == ladder(left_alone)
        assert told(eva, due) == told(ben, due) == 2
        return due

    both_remind()
    before = ladder(asked)
    thread.ask_runner(escalation_id=asked.pk, by=eva, text="Which one?", at=NOW + HOUR)
    assert ladder(asked) == before
    due = both_remind()
    before = ladder(asked)
    thread.answer_question(escalation_id=asked.pk, runner=runner, text="The blue one.", at=due)
    assert ladder(asked) == before
    for _ in range(4):
        both_remind()
    assert ask_of(asked).step > 0


def test_a_snooze_holds_back_its_own_person_and_nobody_else():
    """Fault 13."""
    case, eva, ben = acts.ask(), approver(), approver()
    first = swept(case)
    assert (told(eva, first), told(ben, first)) == (1, 1)
    reminder = ask_of(case).next_action_at
    snooze_ask(
        ask_id=ask_of(case).pk,
        by=eva,
        until=reminder + HOUR,
        reason="A meeting.",
        at=reminder - HOUR,
    )
    assert ask_of(case).next_action_at == reminder
    assert swept(case) == reminder
    assert (told(eva, reminder), told(ben, reminder)) == (0, 1)
    after = swept(case)
    assert after >= reminder + HOUR
    assert (told(eva, after), told(ben, after)) == (1, 1)


def test_a_snooze_that_ended_early_holds_nothing_back():
    case, eva = acts.ask(), approver()
    swept(case)
    reminder = ask_of(case).next_action_at
    ask_id = ask_of(case).pk
    snooze_ask(ask_id=ask_id, by=eva, until=reminder + HOUR, reason="A meeting.", at=NOW)
    end_snooze(ask_id=ask_id, by=eva, at=reminder - timedelta(minutes=1))
    assert told(eva, swept(case)) == 1


def test_a_question_that_everybody_snoozes_climbs_all_the_same():
    case, eva = acts.ask(), approver()
    swept(case)
    for _ in range(3):
        ask = ask_of(case)
        snooze_ask(
            ask_id=ask.pk,
            by=eva,
            until=ask.next_action_at + timedelta(minutes=1),
            reason="Later.",
            at=ask.next_action_at - timedelta(minutes=1),
        )
        swept(case)
    assert ask_of(case).step > 0
    assert ask_of(case).closed_at is None


def test_after_the_first_of_two_votes_the_other_approver_is_still_reminded():
    """Fault 14."""
    Policy.objects.filter(kind="case").update(required_votes=2)
    case, eva, ben = acts.ask(), approver(), approver()
    swept(case)
    planned = ask_of(case).next_action_at
    assert acts.approve(case, eva, at=NOW + timedelta(minutes=5)) is None
    assert ask_of(case).next_action_at == planned
    for _ in range(3):
        due = swept(case)
        assert told(ben, due) == 1
    acts.approve(case, ben, at=due + HOUR)
    assert ask_of(case).closed_at == due + HOUR
