"""Who is told: stand-ins, sleepers, snoozers, refused addresses, and what the history says."""

from datetime import time, timedelta

import pytest
from allauth.account.models import EmailAddress

from governance.asking.models import Ask, Bounce, Notification, NotificationState, Reason, Snooze
from governance.asking.sweep import BATCH, sweep
from governance.audit.services import verify
from governance.people.models import Delegation, QuietHours
from tests.asking.helpers import ask_for, events_of, kinds_of
from tests.factories import UserFactory

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
S = NotificationState
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada():
    return UserFactory(name="Ada", roles=["approver"])


@pytest.fixture
def boss():
    return UserFactory(name="Boss", roles=["administrator"])


def away(person, delegate, now, *, days=3):
    return Delegation.objects.create(
        person=person,
        delegate=delegate,
        starts_at=now,
        ends_at=now + days * DAY,
        made_by=person,
        made_at=now,
    )


def asleep(person, starts="08:00", ends="18:00"):
    return QuietHours.objects.create(
        user=person,
        weekdays=list(range(7)),
        starts=time.fromisoformat(starts),
        ends=time.fromisoformat(ends),
    )


def bounced(person, now):
    return Bounce.objects.create(
        user=person, address=person.email, is_permanent=True, text="550 5.1.1", at=now
    )


def data_of(ask, kind):
    return [data for name, data in events_of(ask) if name == kind]


def told(ask):
    rows = ask.notifications.exclude(state=S.CANCELLED).order_by("id")
    return [(row.recipient, row.on_behalf_of, row.due_at) for row in rows]


def state_of(ask):
    ask.refresh_from_db()
    return ask.step, ask.repeats


# --- absences ---------------------------------------------------------------------------------


def test_a_stand_in_is_told_for_somebody_who_is_away(now, ada):
    bo = UserFactory()
    away(ada, bo, now)
    ask = ask_for(now)
    sweep(at=now)
    assert told(ask) == [(bo, ada, now)]
    (step,) = data_of(ask, "ask.step")
    assert (step["told"], step["on_behalf_of"]) == ([bo.subject], {bo.subject: ada.subject})


def test_an_absence_that_begins_or_ends_while_a_step_lasts_counts_for_the_next_reminder(now, ada):
    bo = UserFactory()
    ask = ask_for(now)
    sweep(at=now)
    away(ada, bo, now + HOUR, days=0.25)
    sweep(at=now + 4 * HOUR)
    sweep(at=now + 8 * HOUR)
    assert [(user, absent) for user, absent, _ in told(ask)] == [(bo, ada), (ada, None)]


@pytest.mark.parametrize(
    ("arrange", "because"),
    [
        (lambda ada, now: ada, "user:{} may not answer this"),
        (
            lambda ada, now: away(ada, None, now),
            "user:{} is away until 5 March 2026, 09:00 UTC without a delegate",
        ),
        (lambda ada, now: bounced(ada, now), "the address of user:{} was refused"),
        (
            lambda ada, now: EmailAddress.objects.create(user=ada, email=ada.email),
            "user:{} has not confirmed the address",
        ),
        (
            lambda ada, now: type(ada).objects.filter(pk=ada.pk).update(is_active=False),
            "nobody has the role approver",
        ),
    ],
)
def test_a_step_that_reaches_nobody_says_why_and_is_climbed_at_once(
    now, ada, boss, arrange, because
):
    excluded = [ada.pk] if arrange(ada, now) is ada else []
    ask = ask_for(now, excluded=excluded)
    sweep(at=now)
    assert state_of(ask) == (2, 0)
    assert told(ask) == [(boss, None, now)]
    reasons = [data["because"] for data in data_of(ask, "ask.step_reached_nobody")]
    assert reasons == [because.format(ada.pk)] * 2


def test_a_delegate_who_cannot_be_told_is_named_as_well(now, ada, boss):
    bo = UserFactory()
    away(ada, bo, now)
    bounced(bo, now)
    ask = ask_for(now)
    sweep(at=now)
    because = data_of(ask, "ask.step_reached_nobody")[0]["because"]
    assert because.endswith(f"09:00 UTC, and the address of user:{bo.pk} was refused")


def test_the_owner_of_the_agent_is_an_audience(now, ada):
    owner = UserFactory()
    ask = ask_for(now)
    ladder = ask.ladder
    ladder[0] |= {"audience": "owner", "role": ""}
    Ask.objects.filter(pk=ask.pk).update(ladder=ladder, owner=owner)
    sweep(at=now)
    assert told(ask) == [(owner, None, now)]


# --- quiet hours ------------------------------------------------------------------------------


def test_a_sleeper_gets_the_notice_on_waking_and_the_ladder_does_not_wait(now, ada):
    asleep(ada, ends="11:00")
    ask = ask_for(now)
    sweep(at=now)
    assert told(ask) == [(ada, None, now + 2 * HOUR)]
    assert ask.notifications.get().held == "quiet_hours"
    ask.refresh_from_db()
    assert ask.next_action_at == now + 4 * HOUR
    assert data_of(ask, "notice.held") == [
        {
            "ask": ask.pk,
            "recipient": ada.subject,
            "until": (now + 2 * HOUR).isoformat(),
            "because": "quiet hours",
        }
    ]


def test_what_wakes_people_is_not_held(now, ada):
    asleep(ada)
    ask = ask_for(now)
    Ask.objects.filter(pk=ask.pk).update(wakes_people=True)
    sweep(at=now)
    assert told(ask) == [(ada, None, now)]
    assert data_of(ask, "notice.held") == []


def test_where_all_sleep_longer_than_the_step_lasts_the_next_who_is_awake_is_told_now(
    now, ada, boss
):
    asleep(ada)
    ask = ask_for(now)
    Ask.objects.filter(pk=ask.pk).update(ladder=quick(ask.ladder))
    sweep(at=now)
    assert state_of(ask) == (2, 0)
    assert sorted(told(ask), key=lambda row: row[2]) == [
        (boss, None, now),
        (ada, None, now + 9 * HOUR),
    ]
    (skipped,) = data_of(ask, "ask.step_asleep")
    assert skipped["because"] == "everybody of this step sleeps until 2 March 2026, 18:00 UTC"
    assert kinds_of(ask)[1:] == ["ask.step_asleep", "ask.step", "notice.held"]


def quick(ladder):
    """Every step comes an hour after the one before."""
    return [rung | {"delay_s": 3600 if index else 0} for index, rung in enumerate(ladder)]


def test_where_all_sleep_and_wake_before_the_next_step_the_notice_is_held(now, ada, boss):
    asleep(ada, ends="09:30")
    ask = ask_for(now)
    Ask.objects.filter(pk=ask.pk).update(ladder=quick(ask.ladder))
    sweep(at=now)
    assert state_of(ask) == (0, 0)
    assert told(ask) == [(ada, None, now + HOUR / 2)]


def test_where_everybody_up_the_ladder_sleeps_the_step_stays_and_later_ones_come_at_their_time(
    now, ada, boss
):
    asleep(ada)
    asleep(boss)
    ask = ask_for(now)
    Ask.objects.filter(pk=ask.pk).update(ladder=quick(ask.ladder))
    sweep(at=now)
    assert state_of(ask) == (0, 0)
    sweep(at=now + HOUR)
    sweep(at=now + 2 * HOUR)
    assert state_of(ask) == (2, 0)
    assert [(user, due) for user, _, due in told(ask)] == [
        (ada, now + 9 * HOUR),
        (boss, now + 9 * HOUR),
    ]


# --- snooze and digest --------------------------------------------------------------------------


def test_a_snooze_spares_one_person_and_nobody_else(now, ada):
    bo = UserFactory(roles=["approver"])
    ask = ask_for(now)
    sweep(at=now)
    Snooze.objects.create(ask=ask, user=ada, until=now + 5 * HOUR, reason="later", at=now)
    sweep(at=now + 4 * HOUR)
    assert [row.recipient for row in ask.notifications.filter(step=1)] == [bo]
    assert data_of(ask, "ask.step")[-1]["snoozed"] == [ada.subject]
    sweep(at=now + 8 * HOUR)
    assert {row.recipient for row in ask.notifications.filter(step=1)} == {ada, bo}


def test_a_snooze_that_ended_early_spares_nobody(now, ada):
    ask = ask_for(now)
    Snooze.objects.create(
        ask=ask, user=ada, until=now + 5 * HOUR, reason="later", at=now, ended_at=now
    )
    sweep(at=now)
    assert [user for user, _, _ in told(ask)] == [ada]


def test_a_question_for_the_digest_is_loud_from_its_second_step_on(now, ada):
    ask = ask_for(now)
    Ask.objects.filter(pk=ask.pk).update(in_digest=True)
    sweep(at=now)
    assert told(ask) == []
    assert data_of(ask, "ask.step")[0]["in_digest"] == [ada.subject]
    sweep(at=now + 4 * HOUR)
    assert told(ask) == [(ada, None, now + 4 * HOUR)]


# --- what could not be delivered -----------------------------------------------------------------


def test_an_ask_that_reached_nobody_climbs_at_once_and_says_why(now, ada, boss):
    ask = ask_for(now)
    sweep(at=now)
    Ask.objects.filter(pk=ask.pk).update(unreached="the mail came back", next_action_at=now)
    sweep(at=now)
    assert state_of(ask) == (1, 0)
    assert ask.unreached == ""
    assert data_of(ask, "ask.step_reached_nobody") == [
        {"ask": ask.pk, "step": 1, "repeat": 0, "because": "the mail came back"}
    ]


def test_on_the_last_step_it_reminds_again_and_does_not_start_over(now, ada):
    ask = ask_for(now)
    Ask.objects.filter(pk=ask.pk).update(step=2, repeats=3, unreached="refused")
    sweep(at=now)
    assert state_of(ask) == (2, 4)


def test_an_address_counts_again_once_it_is_proved_anew(now, ada):
    bounced(ada, now)
    ada.address_good_since = now + HOUR
    ada.save()
    ask = ask_for(now)
    sweep(at=now)
    assert [user for user, _, _ in told(ask)] == [ada]


def test_a_bounce_of_another_address_or_for_a_while_counts_not(now, ada):
    bounced(ada, now)
    Bounce.objects.create(
        user=ada, address=ada.email, is_permanent=False, text="452 4.2.2 full", at=now
    )
    ada.email = "new@example.org"
    ada.save()
    ask = ask_for(now)
    sweep(at=now)
    assert [user for user, _, _ in told(ask)] == [ada]


# --- many --------------------------------------------------------------------------------------


def test_a_batch_costs_the_same_however_many_asks_are_in_it(
    now, ada, boss, django_assert_max_num_queries
):
    asleep(boss)
    away(boss, None, now + 30 * DAY)
    for number in range(60):
        ask_for(now, subject=f"escalation:ESC-{number}")
    with django_assert_max_num_queries(36):
        assert sweep(at=now) == 60
    assert Notification.objects.filter(reason=Reason.ASKED).count() == 60
    assert list(verify()) == []


def test_one_broken_ask_costs_its_batch_no_notice(now, ada):
    asks = [ask_for(now, subject=f"escalation:ESC-{number}") for number in range(12)]
    Ask.objects.filter(pk=asks[5].pk).update(ladder=[{"nonsense": True}])
    assert sweep(at=now) == 12
    assert Notification.objects.count() == 11
    assert BATCH > 12
