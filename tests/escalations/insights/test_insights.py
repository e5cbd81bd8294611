"""Figures about answers: what is counted, who sees it, and that it ranks nobody."""

from datetime import timedelta

import pytest
from django.urls import reverse

from escalations.acting import dismiss, withdraw
from escalations.insights.measuring import (
    Period,
    days_in,
    interruptions_in,
    people_in,
    policies_in,
    triggers_in,
    waiting_now,
)
from escalations.insights.pages import bars, span_text
from escalations.models import Escalation
from governance.asking.models import Ask, Notification, Sighting
from governance.people.models import Role
from tests.escalations.acts import ACT, approve, approver, ask, reject
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
DURING = Period(NOW - timedelta(days=1), NOW + timedelta(days=1))


def looked(case, user, *, at, opened=None):
    Sighting.objects.create(
        ask=Ask.objects.get(subject=case.subject), user=user, first_at=at, action_opened_at=opened
    )


def decided(by, *, seen, voted, opened=None, runner=None, **changes):
    case = ask(runner or RunnerFactory(), key=f"{by.pk} {seen} {voted}", **changes)
    looked(case, by, at=NOW + seen, opened=opened)
    approve(case, by, at=NOW + voted)
    return case


def test_times_are_medians_from_the_moment_of_the_question():
    by = approver()
    for minutes in (1, 2, 9):
        decided(by, seen=minutes * MINUTE, voted=10 * minutes * MINUTE)
    (row,) = policies_in(DURING)
    assert (row.cases, row.decided, row.first_view, row.decide_half) == (3, 3, 120, 1200)
    assert row.decide_most > row.decide_half


def test_what_ended_without_a_decision_is_counted_apart():
    withdraw(escalation_id=ask().pk, runner=Escalation.objects.get().runner, reason="x", at=NOW)
    case = ask(key="gone")
    dismiss(escalation_id=case.pk, by=approver(), reason="gone", at=NOW + timedelta(hours=20))
    (row,) = policies_in(DURING)
    assert (row.cases, row.decided, row.withdrawn, row.dismissed) == (2, 0, 1, 1)
    assert row.decide_half is None


def test_a_case_that_people_were_reminded_of_has_stalled():
    decided(approver(), seen=MINUTE, voted=2 * MINUTE)
    case = ask(key="slow")
    Ask.objects.filter(subject=case.subject).update(step=0, repeats=1)
    reject(case)
    (row,) = policies_in(DURING)
    assert (row.stalled, row.stall_percent) == (1, 50)


def test_what_was_settled_outside_the_period_does_not_count():
    decided(approver(), seen=MINUTE, voted=2 * MINUTE)
    later = Period(NOW + timedelta(days=1), NOW + timedelta(days=2))
    assert not policies_in(later)
    assert not people_in(later)
    assert not days_in(later, zone="UTC")


def test_acts_approved_without_opening_their_details_are_flagged():
    by = approver()
    for number in range(6):
        opened = NOW + MINUTE if number == 0 else None
        decided(by, seen=MINUTE, voted=(10 + number) * MINUTE, opened=opened, action=ACT)
    (row,) = people_in(DURING)
    assert (row.acts, row.unopened) == (6, 5)
    assert row.flags == ["5 of 6 acts were approved without opening their details."]


def test_details_opened_after_the_vote_count_as_not_opened():
    by = approver()
    decided(by, seen=MINUTE, voted=2 * MINUTE, opened=NOW + 3 * MINUTE, action=ACT)
    assert people_in(DURING)[0].unopened == 1


def test_instant_approvals_are_flagged_and_few_votes_say_nothing():
    quick, other = approver(), approver()
    for number in range(5):
        seen = number * MINUTE
        decided(quick, seen=seen, voted=seen + timedelta(seconds=2))
    decided(other, seen=MINUTE, voted=MINUTE + timedelta(seconds=2))
    flags = {row.pk: row.flags for row in people_in(DURING)}
    assert flags[quick.pk] == ["5 of 5 approvals came within 5 seconds of the first look."]
    assert flags[other.pk] == []


def test_who_votes_unseen_took_no_time():
    by = approver()
    case = ask()
    approve(case, by, at=NOW + MINUTE)
    (row,) = people_in(DURING)
    assert (row.instant, row.looked) == (1, 0)


def test_people_stand_by_name_whatever_their_figures():
    for name in ("Zoe", "Ada", "Mel"):
        decided(approver(name=name), seen=MINUTE, voted=2 * MINUTE)
    decided(approver(name="Mel again"), seen=MINUTE, voted=3 * MINUTE)
    assert [row.name for row in people_in(DURING)] == ["Ada", "Mel", "Mel again", "Zoe"]


def test_triggers_are_counted_with_what_waits():
    case = ask(trigger="schema change")
    Escalation.objects.filter(pk=case.pk).update(triggers=["schema-change"])
    (row,) = triggers_in(DURING)
    assert (row.key, row.cases, row.waiting, row.decide_half) == ("schema-change", 1, 1, None)
    assert (waiting_now().cases, waiting_now().since) == (1, NOW)


def test_a_day_is_the_readers_day():
    decided(approver(), seen=MINUTE, voted=2 * MINUTE)
    moment = NOW + 2 * MINUTE
    for zone in ("UTC", "Pacific/Auckland"):
        (row,) = days_in(DURING, zone=zone)
        drawn = bars([row], DURING, zone=zone)
        assert [bar.day for bar in drawn if bar.decisions] == [row.day]
        assert max(bar.height for bar in drawn) == 80
    assert moment.date() in {row.day for row in days_in(DURING, zone="UTC")}


def told(user, *, at=NOW, into=None, channel="mail", state="accepted"):
    """Something of the outbox that reached a person, alone or within another mail."""
    return Notification.objects.create(
        recipient=user,
        reason="digest",
        channel=channel,
        state=state,
        step=0,
        dedupe_key=f"{user.pk} {Notification.objects.count()}",
        bundled_into=into,
        created_at=at,
        due_at=at,
        settled_at=at if state == "accepted" else None,
    )


def test_what_reached_a_person_counts_and_a_bundle_once():
    ada = UserFactory(name="Ada")
    root = told(ada)
    told(ada, into=root)
    told(ada, into=root)
    told(ada, channel="push")
    told(ada, at=NOW + timedelta(hours=20))
    told(ada, state="pending")
    told(ada, at=NOW - timedelta(days=2))
    (row,) = interruptions_in(DURING, zone="UTC")
    assert (row.name, row.times, row.most) == ("Ada", 3, 2)


def test_the_day_of_an_interruption_is_the_readers():
    ada = UserFactory(name="Ada")
    told(ada)
    told(ada, at=NOW + timedelta(hours=7))
    most = {zone: interruptions_in(DURING, zone=zone)[0].most for zone in ("UTC", "Asia/Tokyo")}
    assert most == {"UTC": 2, "Asia/Tokyo": 1}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.4, "0 s"),
        (119, "119 s"),
        (180, "3 min"),
        (7_200, "2 h"),
        (200_000, "2 days"),
    ],
)
def test_spans_read_as_words(seconds, text):
    assert span_text(seconds) == text


@pytest.fixture
def now(time_machine):
    time_machine.move_to(NOW + timedelta(hours=1), tick=False)


def test_others_figures_are_for_auditors_and_administrators(client, now):
    mine, other = approver(name="Ada"), approver(name="Ben")
    for by in (mine, other):
        decided(by, seen=MINUTE, voted=2 * MINUTE)
    for user, sees_ben in (
        (mine, False),
        (UserFactory(roles=[Role.OWNER]), False),
        (UserFactory(roles=[Role.AUDITOR]), True),
        (UserFactory(roles=[Role.ADMINISTRATOR]), True),
    ):
        client.force_login(user)
        page = client.get(reverse("insights")).content.decode()
        assert ("Ben" in page) is sees_ben


def test_the_page_takes_as_many_queries_for_many_cases_as_for_one(
    client, now, django_assert_max_num_queries
):
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    for number in range(12):
        decided(approver(), seen=MINUTE, voted=number * MINUTE + 2 * MINUTE)
    with django_assert_max_num_queries(10):
        assert client.get(reverse("insights"), {"days": "7"}).status_code == 200


def test_others_interruptions_are_for_auditors_and_administrators(client, now):
    mine, other = approver(name="Ada"), approver(name="Ben")
    for user in (mine, other, other):
        told(user)
    for user, sees in (
        (mine, ["Ada", "0.1", "1"]),
        (UserFactory(roles=[Role.OWNER]), []),
        (UserFactory(roles=[Role.AUDITOR]), ["Ada", "0.1", "1", "Ben", "0.3", "2"]),
        (UserFactory(roles=[Role.ADMINISTRATOR]), ["Ada", "0.1", "1", "Ben", "0.3", "2"]),
    ):
        client.force_login(user)
        rows = client.get(reverse("insights"), {"days": "7"}).context["interruptions"]
        assert [text for row in rows for text in (row["name"], row["a_day"], str(row["most"]))] == (
            sees
        )


@pytest.mark.parametrize("days", ["", "x", "0", "99999999999999999999", "7"])
def test_any_period_in_the_address_shows_a_page(client, now, days):
    client.force_login(approver())
    assert client.get(reverse("insights"), {"days": days}).status_code == 200
