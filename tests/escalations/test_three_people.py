"""Three people in three time zones, one away, one asleep: mails and pages tell the truth."""

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.test import Client

from governance.asking.dispatch import dispatch
from governance.asking.models import Ask
from governance.asking.sweep import sweep
from governance.people.away import end_absence, enter_absence
from governance.people.models import Role
from governance.people.own_hours import add_quiet_hours
from tests.escalations import acts
from tests.escalations.acts import approver
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
WAKES = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def text_of(answer):
    return " ".join(answer.content.decode().split())


def page_of(user, path="/me/", *, at):
    client = Client()
    client.force_login(user)
    with time_machine.travel(at, tick=False):
        return text_of(client.get(path))


def mails(box, user):
    return [" ".join(mail.body.split()) for mail in box if mail.to == [user.email]]


def play(case, *, until):
    """Let the engine run up to a moment."""
    while (due := Ask.objects.get(subject=case.subject).next_action_at) <= until:
        sweep(at=due)
        dispatch(at=due)
    dispatch(at=until)


def test_each_is_told_at_the_right_moment_and_reads_why(mailoutbox):
    eva = approver(name="Eva", time_zone="Europe/Berlin")
    sam = approver(name="Sam", time_zone="America/Los_Angeles")
    asha = approver(name="Asha", time_zone="Asia/Kathmandu")
    olivia = UserFactory(name="Olivia", roles=[Role.OWNER], time_zone="Europe/London")
    add_quiet_hours(by=sam, weekdays=range(7), starts=time(22), ends=time(7), at=NOW)
    absence = enter_absence(
        person_id=asha.pk,
        starts_at=NOW,
        ends_at=NOW + timedelta(days=4),
        delegate_id=olivia.pk,
        by=asha,
        at=NOW,
    )

    assert "now it is Monday 10:00 there, mails come at once" in page_of(eva, at=NOW)
    assert "now it is Monday 01:00 there, the next mail comes 07:00." in page_of(sam, at=NOW)
    away = page_of(asha, at=NOW)
    assert "now it is Monday 14:45 there, you are away: nothing is asked of you before" in away
    assert "before Friday 14:45." in away
    assert "Olivia is told, but may not decide cases" in away
    assert "Asha is away: you are told in their place" in page_of(olivia, at=NOW)

    case = acts.ask()
    sweep(at=NOW)
    dispatch(at=NOW)
    (to_eva,) = mails(mailoutbox, eva)
    assert "You stand in" not in to_eva
    (to_olivia,) = mails(mailoutbox, olivia)
    assert "You stand in for Asha, who is away until Friday 6 March 2026, 09:00 GMT." in to_olivia
    assert "You cannot answer this yourself." in to_olivia
    assert mails(mailoutbox, sam) == mails(mailoutbox, asha) == []

    play(case, until=WAKES - timedelta(seconds=1))
    assert mails(mailoutbox, sam) == mails(mailoutbox, asha) == []
    play(case, until=WAKES)
    (to_sam,) = mails(mailoutbox, sam)
    assert "It was held for" in to_sam
    assert "it came in your quiet hours." in to_sam
    while_away = mails(mailoutbox, olivia)
    assert all("You stand in for Asha" in one for one in while_away)

    end_absence(absence_id=absence.pk, by=asha, at=WAKES)
    assert "mails come at once" in page_of(asha, at=WAKES)
    play(case, until=Ask.objects.get(subject=case.subject).next_action_at)
    (to_asha,) = mails(mailoutbox, asha)
    assert "You stand in" not in to_asha
    assert mails(mailoutbox, olivia) == while_away
    case.refresh_from_db()
    assert case.is_unresolved
