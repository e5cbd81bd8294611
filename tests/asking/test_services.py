import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from governance.asking import services
from governance.asking.models import Ask, AskKind, NotificationState, Policy
from governance.audit.actors import Actor
from governance.audit.models import AuditEvent
from governance.audit.services import append
from governance.base.errors import Conflict
from tests.asking.helpers import ask_for, kinds_of, notify
from tests.factories import UserFactory

ANN = Actor("user", "1")
pytestmark = pytest.mark.django_db


def test_an_open_ask_has_the_policys_ladder_and_a_next_action(now):
    ask = ask_for(now)
    assert [rung["role"] for rung in ask.ladder] == ["approver", "approver", "administrator"]
    assert [rung["delay_s"] for rung in ask.ladder] == [0, 4 * 3600, 20 * 3600]
    assert (ask.step, ask.repeats, ask.next_action_at) == (-1, 0, now)
    assert kinds_of(ask) == ["ask.opened"]


def test_a_first_step_with_a_delay_is_due_later(now):
    policy = Policy.objects.get(slug="default-case")
    policy.rungs.filter(position=0).update(delay=timedelta(hours=2))
    assert ask_for(now).next_action_at == now + timedelta(hours=2)


def test_later_edits_of_the_policy_do_not_move_a_running_question(now):
    ask = ask_for(now)
    before = list(ask.ladder)
    Policy.objects.get(slug="default-case").rungs.all().delete()
    ask.refresh_from_db()
    assert ask.ladder == before


def test_a_gap_in_the_positions_is_no_gap_in_the_ladder(now):
    policy = Policy.objects.get(slug="default-case")
    policy.rungs.filter(position=1).delete()
    assert [rung["position"] for rung in ask_for(now).ladder] == [0, 2]


def test_a_kind_without_any_policy_still_asks_somebody(now):
    Policy.objects.filter(is_default=True).delete()
    ask = ask_for(now, kind=AskKind.REVIEW)
    assert [rung["role"] for rung in ask.ladder] == ["approver", "approver", "administrator"]
    assert ask.policy_name == "Reviews of versions"


def test_a_second_question_about_the_same_subject_is_refused(now):
    ask_for(now, subject="escalation:ESC-1")
    with pytest.raises(Conflict, match="already"):
        ask_for(now, subject="escalation:ESC-1")


def test_asking_again_after_closing_is_possible(now):
    close(ask_for(now, subject="review:7"), now)
    assert ask_for(now, subject="review:7").closed_at is None


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example/", "inbox/"])
def test_a_question_leads_to_a_page_of_this_portal(now, path):
    with pytest.raises(ValueError, match="path"):
        ask_for(now, path=path)


def close(ask, now, because="decided"):
    with transaction.atomic():
        services.close_ask(subject=ask.subject, because=because, by=ANN, at=now)
    ask.refresh_from_db()


def test_closing_cancels_notices_and_revokes_links_and_is_recorded(now):
    ask = ask_for(now)
    notice, link = notify(ask, UserFactory(), now)
    close(ask, now)
    notice.refresh_from_db()
    link.refresh_from_db()
    assert (ask.closed_at, ask.closed_because, ask.next_action_at) == (now, "decided", None)
    assert (notice.state, notice.settled_at) == (NotificationState.CANCELLED, now)
    assert link.revoked_at == now
    assert kinds_of(ask) == ["ask.opened", "ask.closed"]


def test_closing_twice_changes_nothing_more(now):
    ask = ask_for(now)
    close(ask, now)
    close(ask, now + timedelta(hours=1), because="again")
    assert (ask.closed_at, ask.closed_because) == (now, "decided")
    assert kinds_of(ask) == ["ask.opened", "ask.closed"]


def test_a_mail_on_its_way_is_left_to_dispatch(now):
    ask = ask_for(now)
    notice, _ = notify(ask, UserFactory(), now, state=NotificationState.SENDING, lease_until=now)
    close(ask, now)
    notice.refresh_from_db()
    assert notice.state == NotificationState.SENDING


@pytest.mark.django_db(transaction=True)
def test_asking_outside_a_transaction_is_refused(now):
    with pytest.raises(RuntimeError, match="transaction"):
        services.open_ask(
            kind=AskKind.CASE,
            subject="escalation:ESC-1",
            title="t",
            path="/",
            fingerprint="",
            excluded=[],
            by=ANN,
            at=now,
        )


def test_a_rolled_back_question_leaves_nothing(now):
    with transaction.atomic():
        ask_for(now)
        transaction.set_rollback(True)
    assert (Ask.objects.count(), AuditEvent.objects.count()) == (0, 0)


def test_a_sighting_counts_once_and_is_recorded(now):
    ask, ben = ask_for(now), UserFactory()
    first = services.record_sighting(ask_id=ask.pk, user=ben, at=now)
    again = services.record_sighting(ask_id=ask.pk, user=ben, at=now + timedelta(hours=1))
    assert (again.pk, again.first_at) == (first.pk, now)
    assert kinds_of(ask) == ["ask.opened", "ask.seen"]


@pytest.mark.django_db(transaction=True)
def test_looking_while_somebody_decides_holds_up_neither(now):
    ask, ben = ask_for(now), UserFactory()
    looking = threading.Thread(target=look_in_a_thread, args=(ask, ben, now))
    with transaction.atomic():
        append(stream=ask.subject, kind="escalation.decided", by=ANN, at=now)
        looking.start()
        wait_until_blocked()
        services.close_ask(subject=ask.subject, because="decided", by=ANN, at=now)
    looking.join(timeout=30)
    assert kinds_of(ask) == ["ask.opened", "escalation.decided", "ask.closed", "ask.seen"]


def look_in_a_thread(ask, user, now):
    try:
        services.record_sighting(ask_id=ask.pk, user=user, at=now)
    finally:
        connection.close()


def wait_until_blocked():
    """Until another session waits for a lock that this one holds."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


def test_open_questions_leave_out_those_a_person_may_not_answer(now):
    ann, ben = UserFactory(), UserFactory()
    ask = ask_for(now, excluded=[ann.pk])
    assert list(services.open_asks_for(ann)) == []
    assert list(services.open_asks_for(ben)) == [ask]
    close(ask, now)
    assert list(services.open_asks_for(ben)) == []


def test_the_ladder_is_shown_in_words(now):
    ask = ask_for(now)
    ask.step = 1
    view = services.ladder_view(ask)
    assert [row["state"] for row in view] == ["done", "current", "later"]
    assert [row["position"] for row in view] == [1, 2, 3]
    assert view[0]["who"] == "Everybody with the role approver"
    assert view[0]["delay_text"] == "at once, again after 4 hours, then with pauses of up to 1 day"
    assert view[1]["delay_text"].startswith("4 hours after the step before")


def test_a_closed_question_has_no_current_step(now):
    ask = ask_for(now)
    close(ask, now)
    ask.step = 0
    assert [row["state"] for row in services.ladder_view(ask)] == ["done", "later", "later"]


def test_a_long_or_broken_title_becomes_one_line_that_fits(now):
    ask = ask_for(now, title="A\r\nBcc: x@example.org\0 " + "y" * 300)
    assert "\n" not in ask.title
    assert "\0" not in ask.title
    assert len(ask.title) == 200
    assert ask.title.endswith("…")
