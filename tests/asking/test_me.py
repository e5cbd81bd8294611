"""A person's own page, and the page of who is away."""

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client

from governance.asking.me.interruptions import last_days
from governance.asking.models import Channel, NotificationState, Preference
from governance.asking.together.watching import watch
from governance.audit.models import AuditEvent
from governance.people.away import enter_absence
from governance.people.models import Delegation, QuietHours, Role
from tests.asking.helpers import ask_for, notify
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
AWAY = {
    "starts_at": "2026-03-28T22:30",
    "ends_at": "2026-03-29T02:30",
    "delegate": "",
    "reason": "",
}
NIGHT = {"weekdays": ["0", "1", "6"], "starts": "22:00", "ends": "07:00"}


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def eva(client):
    user = UserFactory(name="Eva", roles=[Role.APPROVER], time_zone="Europe/Berlin")
    client.force_login(user)
    return user


def text_of(answer):
    return " ".join(answer.content.decode().split())


def test_the_page_says_when_one_is_told_and_changes_nothing(client, eva):
    QuietHours.objects.create(user=eva, weekdays=[0], starts=time(9), ends=time(11))
    before = AuditEvent.objects.count()
    shown = text_of(client.get("/me/"))
    assert (
        "Mails are held from 09:00 to 11:00, Monday (Europe/Berlin);"
        " now it is Monday 10:00 there, the next mail comes 11:00."
    ) in shown
    assert AuditEvent.objects.count() == before
    assert client.head("/me/").status_code == 200


def test_somebody_without_a_role_has_hours_too(client):
    client.force_login(UserFactory())
    assert client.get("/me/").status_code == 200


def test_quiet_hours_are_added_and_removed_on_the_page(client, eva):
    assert client.post("/me/quiet-hours/", NIGHT).headers["Location"] == "/me/#hours"
    window = QuietHours.objects.get()
    assert (window.user, window.weekdays, window.starts) == (eva, [0, 1, 6], time(22))
    assert client.post(f"/me/quiet-hours/{window.pk}/remove/").status_code == 302
    assert not QuietHours.objects.exists()


def test_hours_without_an_end_of_the_night_come_back_with_the_sentence(client, eva):
    whole = {"weekdays": list("0123456"), "starts": "08:00", "ends": "08:00"}
    answer = client.post("/me/quiet-hours/", whole)
    assert answer.status_code == 400
    assert "leave no waking hour" in text_of(answer)
    assert answer.context["quiet_form"]["starts"].value() == "08:00"
    assert not QuietHours.objects.exists()


def test_a_time_zone_is_chosen_by_typing(client, eva):
    assert '<option value="Asia/Kathmandu">' in text_of(client.get("/me/"))
    client.post("/me/time-zone/", {"time_zone": "asia/kathmandu"})
    eva.refresh_from_db()
    assert eva.time_zone == "Asia/Kathmandu"
    answer = client.post("/me/time-zone/", {"time_zone": "Atlantis"})
    assert (answer.status_code, "no such time zone" in text_of(answer)) == (400, True)


def test_an_absence_is_read_on_the_clock_of_the_one_who_is_away(client, eva):
    assert client.post("/me/away/", AWAY).status_code == 302
    made = Delegation.objects.get()
    assert made.starts_at == datetime(2026, 3, 28, 21, 30, tzinfo=UTC)
    # That clock jumps from 02:00 to 03:00: the jump stands for what it never shows.
    assert made.ends_at == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_delegate_without_a_role_is_refused_and_what_was_typed_stays(client, eva):
    sam = UserFactory(name="Sam")
    answer = client.post("/me/away/", AWAY | {"delegate": sam.pk, "reason": "Holiday"})
    assert answer.status_code == 403
    assert "Sam has no role here" in text_of(answer)
    assert answer.context["away_form"]["reason"].value() == "Holiday"
    assert not Delegation.objects.exists()


def test_a_circle_is_shown_with_what_it_means(client, eva):
    ben = UserFactory(name="Ben", roles=[Role.APPROVER])
    for person, delegate in ((ben, eva), (eva, ben)):
        enter_absence(
            person_id=person.pk,
            starts_at=NOW,
            ends_at=NOW + DAY,
            delegate_id=delegate.pk,
            by=person,
            at=NOW,
        )
    assert "Ben is away too and names you: nobody would be told." in text_of(client.get("/me/"))


def test_whom_one_stands_in_for_is_said(client, eva):
    ben = UserFactory(name="Ben", roles=[Role.APPROVER])
    made = enter_absence(
        person_id=ben.pk,
        starts_at=NOW,
        ends_at=NOW + DAY,
        delegate_id=eva.pk,
        reason="An operation",
        by=ben,
        at=NOW,
    )
    assert "Ben is away: you are told in their place" in text_of(client.get("/me/"))
    assert "An operation" not in text_of(client.get("/absences/"))
    assert client.post(f"/absences/{made.pk}/end/").status_code == 404


def test_one_comes_back_by_a_button(client, eva):
    client.post("/me/away/", AWAY | {"starts_at": "2026-03-01T08:00"})
    assert "You are away now" in text_of(client.get("/me/"))
    made = Delegation.objects.get()
    assert client.get(f"/absences/{made.pk}/end/").status_code == 405
    assert client.post(f"/absences/{made.pk}/end/").headers["Location"] == "/me/#away"
    assert "You are here" in text_of(client.get("/me/"))
    assert "Ended early" in text_of(client.get("/me/")) or "Cancelled" in text_of(
        client.get("/me/")
    )


def test_an_administrator_enters_it_for_somebody_who_is_told_by_mail_and_on_their_page(client, eva):
    boss = Client()
    boss.force_login(UserFactory(name="Anna", roles=[Role.ADMINISTRATOR], time_zone="Asia/Tokyo"))
    answer = boss.post("/absences/", AWAY | {"who": eva.pk, "starts_at": "2026-03-03T08:00"})
    assert answer.status_code == 302
    made = Delegation.objects.get()
    assert made.starts_at == datetime(2026, 3, 3, 7, tzinfo=UTC)
    (sent,) = mail.outbox
    assert sent.to == [eva.email]
    assert "Anna noted in the portal that you are away" in sent.body
    assert "from   Tuesday 08:00" in sent.body
    assert "(Europe/Berlin)" in sent.body
    assert "Entered by Anna" in text_of(client.get("/me/"))
    boss.post(f"/absences/{made.pk}/end/")
    assert "you are back" in mail.outbox[1].body


def test_only_administrators_enter_it_for_somebody(client, eva):
    ben = UserFactory(roles=[Role.APPROVER])
    answer = client.post("/absences/", AWAY | {"who": ben.pk})
    assert answer.status_code == 403
    assert "Enter it for somebody" not in text_of(client.get("/absences/"))
    assert not Delegation.objects.exists()


def test_the_hour_of_the_digest_is_kept_and_taken_back(client, eva):
    client.post("/me/digest/", {"digest_at": "07:30"})
    assert Preference.objects.get(user=eva).digest_at == time(7, 30)
    client.post("/me/digest/", {"digest_at": ""})
    assert Preference.objects.get(user=eva).digest_at is None
    kinds = AuditEvent.objects.filter(stream=eva.subject).values_list("kind", flat=True)
    assert list(kinds) == ["user.digest_hour_changed"] * 2


def test_what_one_watches_and_runs_stands_on_the_page(client, eva):
    RunnerFactory(owner=eva, name="Night builder")
    watch(ask_id=ask_for(NOW, title="Which of them?").pk, by=eva, at=NOW)
    shown = text_of(client.get("/me/"))
    assert "Which of them?" in shown
    assert "Night builder" in shown


def test_interruptions_are_counted_by_day_on_ones_own_clock_a_bundle_once(eva):
    ask = ask_for(NOW)
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)

    def told(number, at, **changes):
        fields = {"state": NotificationState.ACCEPTED, "settled_at": at, "dedupe_key": str(number)}
        one = fields | {"ask": ask, "recipient": eva, "reason": "asked", "step": 0} | changes
        return ask.notifications.create(created_at=at, due_at=at, **one)

    first = told(1, late)
    told(2, late, bundled_into=first)
    told(3, NOW, channel=Channel.PUSH)
    told(4, NOW - DAY)
    told(5, NOW, state=NotificationState.FAILED)
    told(6, NOW - 20 * DAY)
    told(7, NOW, recipient=UserFactory())
    days = last_days(eva, at=NOW)
    assert [one.count for one in days[:3]] == [2, 1, 0]
    assert len(days) == 14


def test_the_page_costs_the_same_however_much_there_is(client, eva, django_assert_max_num_queries):
    client.get("/me/")
    for number in range(12):
        ask = ask_for(NOW, subject=f"escalation:ESC-{number + 1}")
        watch(ask_id=ask.pk, by=eva, at=NOW)
        notify(ask, eva, NOW)
        RunnerFactory(owner=eva)
        enter_absence(
            person_id=eva.pk,
            starts_at=NOW + number * DAY,
            ends_at=NOW + (number + 1) * DAY,
            by=eva,
            at=NOW,
        )
    with django_assert_max_num_queries(30):
        client.get("/me/")


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("/me/quiet-hours/", NIGHT),
        ("/me/time-zone/", {"time_zone": "UTC"}),
        ("/me/away/", AWAY),
        ("/me/digest/", {"digest_at": "07:30"}),
    ],
)
def test_nothing_is_changed_by_a_link_nor_without_the_token(client, eva, address, sent):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(eva)
    assert client.get(address, sent).status_code == 405
    assert strict.post(address, sent).status_code == 403
    assert AuditEvent.objects.exclude(stream="refusals").count() == 0
