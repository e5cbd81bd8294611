"""A snooze holds back the reminders of one person, for a while, with a reason."""

from datetime import timedelta

import pytest

from governance.asking.models import Ask, Snooze
from governance.asking.together.pages import heard_again, together_of
from governance.asking.together.snoozing import end_snooze, next_heard_at, snooze_ask
from governance.base.errors import Conflict, InvalidInput, NotPermitted
from governance.people.models import QuietHours, Role
from tests.asking.helpers import ask_for, events_of, kinds_of
from tests.escalations.acts import approver
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def snooze(ask, by, hours=4, reason="In a meeting.", at=NOW):
    return snooze_ask(ask_id=ask.pk, by=by, until=at + hours * HOUR, reason=reason, at=at)


def test_a_snooze_stands_in_the_history_with_its_end_and_changes_nothing_of_the_question():
    ask, eva = ask_for(NOW), approver()
    before = Ask.objects.values().get(pk=ask.pk)
    made = snooze(ask, eva)
    assert (made.user, made.until, made.reason) == (eva, NOW + 4 * HOUR, "In a meeting.")
    assert Ask.objects.values().get(pk=ask.pk) == before
    kind, data = events_of(ask)[-1]
    assert (kind, data["until"]) == ("ask.snoozed", made.until.isoformat())


@pytest.mark.parametrize(
    ("hours", "reason", "sentence"),
    [
        (24.01, "Later.", "at most 24 hours"),
        (0, "Later.", "later than now"),
        (-1, "Later.", "later than now"),
        (4, " ", "Say why"),
        (4, "x" * 501, "at most 500"),
    ],
)
def test_a_snooze_is_bounded_and_has_a_reason(hours, reason, sentence):
    ask = ask_for(NOW)
    with pytest.raises(InvalidInput, match=sentence):
        snooze(ask, approver(), hours, reason)
    assert not Snooze.objects.exists()
    assert kinds_of(ask) == ["ask.opened"]


def test_a_day_is_not_too_long():
    assert snooze(ask_for(NOW), approver(), 24).until == NOW + timedelta(days=1)


def test_a_snooze_never_reaches_beyond_the_day_the_answer_is_due():
    ask = ask_for(NOW, due_at=NOW + 3 * HOUR)
    with pytest.raises(InvalidInput, match="due before that"):
        snooze(ask, approver(), 4)
    assert snooze(ask, approver(), 3)


def test_who_may_not_answer_cannot_snooze_nor_can_strangers_and_machines():
    author = approver()
    ask = ask_for(NOW, excluded=[author.pk])
    for person in (author, UserFactory(), RunnerFactory()):
        with pytest.raises(NotPermitted):
            snooze(ask, person)
    assert not Snooze.objects.exists()


def test_there_is_one_snooze_at_a_time_and_another_one_after_it():
    ask, eva = ask_for(NOW), approver()
    snooze(ask, eva, 1)
    with pytest.raises(Conflict, match="already"):
        snooze(ask, eva, 2)
    assert snooze(ask, approver(), 2)
    again = snooze(ask, eva, 2, at=NOW + HOUR)
    assert list(Snooze.objects.running(at=NOW + HOUR).filter(user=eva)) == [again]


def test_a_snooze_ends_early_once():
    ask, eva = ask_for(NOW), approver()
    snooze(ask, eva)
    assert not end_snooze(ask_id=ask.pk, by=approver(), at=NOW)
    assert end_snooze(ask_id=ask.pk, by=eva, at=NOW + HOUR)
    assert not end_snooze(ask_id=ask.pk, by=eva, at=NOW + HOUR)
    assert not Snooze.objects.running(at=NOW + HOUR).exists()
    assert kinds_of(ask).count("ask.snooze_ended") == 1


def test_nothing_settled_is_snoozed():
    ask = ask_for(NOW)
    Ask.objects.update(closed_at=NOW, closed_because="decided", next_action_at=None)
    with pytest.raises(Conflict):
        snooze(ask, approver())


def test_when_one_hears_again_is_the_first_reminder_after_the_snooze():
    ask = ask_for(NOW)
    Ask.objects.update(step=0, repeats=0, next_action_at=NOW + 4 * HOUR)
    ask.refresh_from_db()
    assert next_heard_at(ask, NOW + HOUR) == NOW + 4 * HOUR
    later = next_heard_at(ask, NOW + 5 * HOUR)
    assert later >= NOW + 5 * HOUR
    assert next_heard_at(ask, later) == later


def test_the_sentence_says_when_one_hears_again_on_ones_own_clock_and_after_the_night():
    ask, eva = ask_for(NOW), approver(time_zone="Europe/Berlin")
    Ask.objects.update(step=0, repeats=0, next_action_at=NOW + 13 * HOUR)
    ask.refresh_from_db()
    made = snooze(ask, eva, 12)
    assert "before 22:00 (Europe/Berlin)" in heard_again(ask, made, at=NOW)
    assert "due 23:00. Everybody" in heard_again(ask, made, at=NOW)
    QuietHours.objects.create(user=eva, weekdays=list(range(7)), starts="22:30", ends="07:00")
    made = Snooze.objects.get()
    assert "due Tuesday 07:00, after your quiet hours" in heard_again(ask, made, at=NOW)
    ask.wakes_people = True
    assert "due 23:00. Everybody" in heard_again(ask, made, at=NOW)


def test_colleagues_see_who_snoozes_and_why():
    ask, eva, ben = ask_for(NOW), approver(name="Eva"), approver()
    snooze(ask, eva)
    assert together_of(eva, ask, at=NOW)["snooze_words"]
    shown = together_of(ben, ask, at=NOW)
    assert shown["snooze"] is None
    assert shown["snoozing"] == [
        {"sentence": "Eva is not reminded before 13:00", "reason": "In a meeting."}
    ]
    assert together_of(UserFactory(roles=[Role.AUDITOR]), ask, at=NOW)["hand_over_form"] is None
