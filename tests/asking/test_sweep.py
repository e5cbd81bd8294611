import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from governance.asking import sweep as sweeping
from governance.asking.models import Ask, Notification, NotificationState, Policy, Reason, Rung
from governance.asking.services import close_ask
from governance.asking.sweep import sweep
from governance.audit.actors import Actor
from governance.audit.services import append, verify
from governance.people.models import Membership, Team
from tests.asking.helpers import ask_for, events_of, kinds_of
from tests.factories import UserFactory

HOUR = timedelta(hours=1)
# The sweep opens transactions of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def approver():
    return UserFactory(roles=["approver"])


@pytest.fixture
def administrator():
    return UserFactory(roles=["administrator"])


def told(ask):
    rows = ask.notifications.order_by("id").values_list("recipient", "reason", "step")
    return [tuple(row) for row in rows]


def run_until(ask, start, hours, every=1):
    """Sweep once per hour, as a clock that never stands still."""
    for hour in range(0, hours + 1, every):
        sweep(at=start + hour * HOUR)
    ask.refresh_from_db()


def test_each_step_tells_its_people_once_at_its_delay(now, approver, administrator):
    ask = ask_for(now)
    run_until(ask, now, 24)
    steps = [(kind, data["step"], data["told"]) for kind, data in events_of(ask)[1:]]
    assert steps == [
        ("ask.step", 1, [approver.subject]),
        ("ask.step", 2, [approver.subject]),
        ("ask.reminded", 2, [approver.subject]),
        ("ask.reminded", 2, [approver.subject]),
        ("ask.step", 3, [administrator.subject]),
    ]


def test_nothing_happens_before_the_first_delay(now, approver):
    Rung.objects.filter(policy__kind="case", position=0).update(delay=2 * HOUR)
    ask = ask_for(now)
    assert sweep(at=now + HOUR) == 0
    assert sweep(at=now + 2 * HOUR) == 1
    assert told(ask) == [(approver.pk, Reason.ASKED, 0)]


def test_the_first_notice_asks_and_later_ones_remind(now, approver):
    ask = ask_for(now)
    sweep(at=now)
    ask.notifications.update(state=NotificationState.ACCEPTED, settled_at=now)
    sweep(at=now + 4 * HOUR)
    assert told(ask) == [(approver.pk, Reason.ASKED, 0), (approver.pk, Reason.REMINDER, 1)]


def test_after_thirty_days_it_is_open_and_reminds_once_a_day(now, approver, administrator):
    ask = ask_for(now)
    run_until(ask, now, 30 * 24)
    assert ask.closed_at is None
    assert ask.step == 2
    assert ask.next_action_at > now + timedelta(days=30)
    reminders = [data for kind, data in events_of(ask) if kind == "ask.reminded"][-3:]
    assert [data["repeat"] for data in reminders] == [27, 28, 29]
    # Those who may decide are not forgotten when the question has climbed past them.
    assert all(data["told"] == [approver.subject, administrator.subject] for data in reminders)


def test_after_a_downtime_there_is_one_catch_up_and_later_ones_are_spaced_from_it(now, approver):
    ask = ask_for(now)
    late = now + timedelta(days=3)
    assert sweep(at=late) == 1
    assert sweep(at=late + HOUR) == 0
    ask.refresh_from_db()
    assert told(ask) == [(approver.pk, Reason.ASKED, 0)]
    assert ask.next_action_at == late + 4 * HOUR


def test_a_clock_that_jumps_back_repeats_nothing(now, approver):
    ask = ask_for(now)
    sweep(at=now + HOUR)
    sweep(at=now)
    assert len(told(ask)) == 1


def test_closing_stops_everything(now, approver):
    ask = ask_for(now)
    sweep(at=now)
    with transaction.atomic():
        close_ask(subject=ask.subject, because="decided", by=Actor("user", "9"), at=now)
    assert sweep(at=now + timedelta(days=9)) == 0
    assert set(ask.notifications.values_list("state", flat=True)) == {NotificationState.CANCELLED}


def test_a_notice_that_did_not_get_out_is_replaced_not_piled_up(now, approver):
    ask = ask_for(now)
    run_until(ask, now, 72)
    waiting = ask.notifications.filter(state=NotificationState.PENDING)
    assert waiting.count() == 1
    assert waiting.get().reason == Reason.ASKED


def test_authors_are_never_told(now, approver):
    author = UserFactory(roles=["approver", "administrator"])
    ask = ask_for(now, excluded=[author.pk])
    run_until(ask, now, 72)
    assert author.pk not in {recipient for recipient, _, _ in told(ask)}
    assert approver.pk in {recipient for recipient, _, _ in told(ask)}


def test_people_are_looked_up_when_the_step_fires(now, approver):
    ask = ask_for(now)
    sweep(at=now)
    approver.is_active = False
    approver.save()
    successor = UserFactory(roles=["approver"])
    sweep(at=now + 4 * HOUR)
    assert told(ask)[1:] == [(successor.pk, Reason.ASKED, 1)]


def test_a_step_that_reaches_nobody_is_recorded_and_climbed_at_once(now, administrator):
    ask = ask_for(now)
    sweep(at=now)
    ask.refresh_from_db()
    assert kinds_of(ask)[1:] == ["ask.step_reached_nobody", "ask.step_reached_nobody", "ask.step"]
    assert (ask.step, told(ask)) == (2, [(administrator.pk, Reason.ASKED, 2)])


def test_with_nobody_at_all_it_stays_open_and_tries_again(now):
    ask = ask_for(now)
    sweep(at=now)
    ask.refresh_from_db()
    assert (ask.step, ask.closed_at, told(ask)) == (2, None, [])
    assert ask.next_action_at == now + 12 * HOUR
    late = UserFactory(roles=["approver"])
    sweep(at=now + 12 * HOUR)
    assert told(ask) == [(late.pk, Reason.ASKED, 2)]


def test_a_last_step_without_people_reminds_those_before_it(now, approver):
    ask = ask_for(now)
    run_until(ask, now, 24)
    assert kinds_of(ask)[-2:] == ["ask.step_reached_nobody", "ask.step"]
    assert events_of(ask)[-1][1]["told"] == [approver.subject]


def test_teams_and_single_people_are_audiences_too(now):
    member, boss = UserFactory(), UserFactory()
    team = Team.objects.create(name="Platform", slug="platform")
    Membership.objects.create(team=team, user=member)
    policy = Policy.objects.create(name="P", slug="p", kind="case")
    Rung.objects.create(policy=policy, position=0, audience="team", team=team)
    Rung.objects.create(policy=policy, position=1, audience="person", person=boss, delay=HOUR)
    ask = ask_for(now, policy=policy)
    run_until(ask, now, 1)
    assert told(ask) == [(member.pk, Reason.ASKED, 0), (boss.pk, Reason.ASKED, 1)]


def test_a_poison_row_is_pushed_forward_and_blocks_no_other(now, approver):
    bad, good = ask_for(now), ask_for(now, subject="escalation:ESC-2")
    Ask.objects.filter(pk=bad.pk).update(ladder=[{"nonsense": True}])
    assert sweep(at=now + HOUR) == 2
    bad.refresh_from_db()
    assert (bad.failures, bad.next_action_at) == (1, now + HOUR + timedelta(minutes=1))
    assert told(good) == [(approver.pk, Reason.ASKED, 0)]
    sweep(at=bad.next_action_at)
    bad.refresh_from_db()
    assert bad.failures == 2
    assert bad.closed_at is None


def test_a_repaired_row_forgets_its_failures(now, approver):
    ask = ask_for(now)
    Ask.objects.filter(pk=ask.pk).update(failures=5)
    sweep(at=now)
    ask.refresh_from_db()
    assert ask.failures == 0


def test_a_failed_history_write_leaves_the_ask_unmoved(now, approver, monkeypatch):
    ask = ask_for(now)

    def broken(_):
        raise RuntimeError("no history, no act")

    monkeypatch.setattr(sweeping, "append_many", broken)
    sweep(at=now)
    ask.refresh_from_db()
    assert (ask.step, told(ask)) == (-1, [])


def test_the_limit_bounds_a_sweep_and_the_longest_waiting_go_first(now, approver):
    asks = [ask_for(now, subject=f"escalation:ESC-{n}") for n in range(5)]
    for n, ask in enumerate(asks):
        Ask.objects.filter(pk=ask.pk).update(next_action_at=now - n * HOUR)
    assert sweep(at=now, limit=2) == 2
    assert set(Notification.objects.values_list("ask", flat=True)) == {asks[4].pk, asks[3].pk}


def in_threads(count, act):
    """Run ``act`` at the same moment in threads with connections of their own."""
    barrier = threading.Barrier(count)
    raised = []

    def body():
        try:
            barrier.wait(timeout=10)
            act()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=body) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert raised == []


def test_sweeps_at_the_same_time_tell_each_person_once(now, approver):
    asks = [ask_for(now, subject=f"escalation:ESC-{n}") for n in range(30)]
    in_threads(4, lambda: sweep(at=now))
    assert Notification.objects.count() == len(asks)
    assert all(kinds_of(ask) == ["ask.opened", "ask.step"] for ask in asks)
    assert list(verify()) == []


def test_the_compare_and_set_protects_where_the_lock_does_not(now, approver):
    ask = ask_for(now)
    stale = Ask.objects.get(pk=ask.pk)
    sweep(at=now)
    with transaction.atomic():
        sweeping.act([stale], at=now)
    assert told(ask) == [(approver.pk, Reason.ASKED, 0)]
    assert kinds_of(ask) == ["ask.opened", "ask.step"]


def test_a_decision_under_way_is_waited_for_by_the_next_sweep_not_by_this_one(now, approver):
    ask = ask_for(now)
    swept = []
    with transaction.atomic():
        append(stream=ask.subject, kind="escalation.decided", by=Actor("user", "1"), at=now)
        in_threads(1, lambda: swept.append(sweep(at=now)))
        close_ask(subject=ask.subject, because="decided", by=Actor("user", "1"), at=now)
    assert told(ask) == []
    assert kinds_of(ask) == ["ask.opened", "escalation.decided", "ask.closed"]
    ask.refresh_from_db()
    assert (ask.closed_at, ask.failures) == (now, 0)


def test_a_policy_emptied_mid_ladder_changes_nothing(now, approver, administrator):
    ask = ask_for(now)
    sweep(at=now)
    Rung.objects.filter(policy__kind="case").delete()
    run_until(ask, now, 24)
    assert ask.step == 2
