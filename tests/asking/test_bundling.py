"""Many notices of one person: one mail, the same after a crash, and not too many in an hour."""

from datetime import timedelta

import pytest

from governance.asking import outbox
from governance.asking.dispatch import dispatch
from governance.asking.links import token_of
from governance.asking.models import Ask, Notification, NotificationState, Reason, ReviewLink
from governance.asking.outbox import tell
from governance.asking.sweep import sweep
from tests.asking.helpers import ask_for, events_of
from tests.asking.test_dispatch import close
from tests.factories import UserFactory

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
S = NotificationState
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def approver():
    return UserFactory(name="Ada", roles=["approver"])


def asked(now, count, first=1):
    numbers = range(first, first + count)
    asks = [
        ask_for(now, subject=f"escalation:ESC-{number}", title=f"Question {number}?")
        for number in numbers
    ]
    sweep(at=now)
    return asks


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


def states():
    return list(Notification.objects.order_by("id").values_list("state", flat=True))


def test_two_notices_are_two_mails_and_three_are_one(now, postbox, approver):
    asked(now, 2)
    dispatch(at=now)
    assert len(postbox.mails) == 2
    asks = asked(now + MINUTE, 3, first=3)
    assert dispatch(at=now + MINUTE) == 3
    bundle = postbox.mails[-1]
    assert (len(postbox.mails), bundle["Subject"]) == (3, "3 questions wait for you")
    links = ReviewLink.objects.filter(ask__in=asks)
    assert all(token_of(link) in text_of(bundle) for link in links)
    assert all(f"Question {number}?" in text_of(bundle) for number in (3, 4, 5))
    assert states() == [S.ACCEPTED] * 5


def test_every_question_of_a_bundle_has_it_in_its_history(now, postbox, approver):
    asks = asked(now, 3)
    dispatch(at=now)
    root = Notification.objects.earliest("id")
    accepted = [events_of(ask)[-1] for ask in asks]
    assert {kind for kind, _ in accepted} == {"notice.accepted"}
    assert {data["message_id"] for _, data in accepted} == {str(root.message_id)}
    assert [data.get("bundled_into") for _, data in accepted] == [None, root.pk, root.pk]


def test_people_are_not_mixed(now, postbox, approver):
    other = UserFactory(roles=["approver"])
    asked(now, 3)
    dispatch(at=now)
    assert sorted(mail["To"] for mail in postbox.mails) == sorted([approver.email, other.email])


def die(*_, **__):
    raise SystemExit


def test_a_worker_killed_after_sending_leads_to_the_same_bundle_again(
    now, postbox, approver, monkeypatch
):
    asked(now, 3)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "accept", die)
        with pytest.raises(SystemExit):
            dispatch(at=now)
    assert states() == [S.SENDING] * 3
    asked(now + MINUTE, 1, first=4)
    assert dispatch(at=now + outbox.LEASE) == 4
    first, again, later = sorted(postbox.mails, key=lambda mail: "questions" not in mail["Subject"])
    assert first["Message-ID"] == again["Message-ID"] != later["Message-ID"]
    assert text_of(first) == text_of(again)
    assert states() == [S.ACCEPTED] * 4


@pytest.mark.parametrize("settled", [0, 1])
def test_what_is_decided_meanwhile_is_left_out_and_the_rest_keeps_its_message_id(
    now, postbox, approver, monkeypatch, settled
):
    asks = asked(now, 4)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "accept", die)
        with pytest.raises(SystemExit):
            dispatch(at=now)
    close(asks[settled], now)
    assert dispatch(at=now + outbox.LEASE) == 4
    first, again = postbox.mails
    assert first["Message-ID"] == again["Message-ID"]
    assert f"Question {settled + 1}?" not in text_of(again)
    assert again["Subject"] == "3 questions wait for you"
    assert states() == [S.CANCELLED if n == settled else S.ACCEPTED for n in range(4)]


def test_what_certainly_did_not_get_out_may_be_bundled_anew(now, postbox, approver, settings):
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    asked(now, 3)
    dispatch(at=now)
    settings.EMAIL_PORT = port
    later = Notification.objects.earliest("id").due_at
    asked(later, 1, first=4)
    dispatch(at=later)
    assert [mail["Subject"] for mail in postbox.mails] == ["4 questions wait for you"]


def test_what_may_have_got_out_keeps_its_company(now, postbox, approver):
    asked(now, 3)
    postbox.answers[approver.email] = "451 try later"
    dispatch(at=now)
    postbox.answers.clear()
    later = Notification.objects.earliest("id").due_at
    asked(later, 3, first=4)
    dispatch(at=later)
    subjects = [mail["Subject"] for mail in postbox.mails]
    assert subjects == ["3 questions wait for you"] * 2


def test_a_bundle_that_is_refused_fails_for_all_its_questions(now, postbox, approver):
    asks = asked(now, 3)
    postbox.answers[approver.email] = "550 5.1.1 no such user"
    dispatch(at=now)
    assert states() == [S.FAILED] * 3
    for ask in asks:
        ask.refresh_from_db()
    assert all(ask.unreached for ask in asks)


def test_news_come_in_the_bundle_too(now, postbox, approver):
    asks = asked(now, 2)
    tell(asks[0], [approver], why="comment", at=now, reason=Reason.NEWS)
    dispatch(at=now)
    (mail,) = postbox.mails
    assert mail["Subject"] == "2 questions wait for you, and there is news about 1 more"


def test_text_and_html_of_a_bundle_hold_the_same_links(now, postbox, approver):
    asked(now, 3)
    dispatch(at=now)
    (mail,) = postbox.mails
    html = mail.get_body(("html",)).get_content()
    tokens = [token_of(link) for link in ReviewLink.objects.all()]
    assert all(html.count(token) == 1 and text_of(mail).count(token) == 1 for token in tokens)


# --- so many an hour -----------------------------------------------------------------------------


def send_apart(now, postbox, count):
    """So many mails, a minute between them."""
    for number in range(count):
        at = now + number * MINUTE
        asked(at, 1, first=100 + number)
        dispatch(at=at)
    assert len(postbox.mails) == count
    return now + count * MINUTE


def test_more_than_so_many_an_hour_wait_and_come_in_one_mail(now, postbox, approver, settings):
    settings.MAILS_PER_HOUR = 3
    at = send_apart(now, postbox, 3)
    asks = asked(at, 2)
    dispatch(at=at)
    asks += asked(at + MINUTE, 1, first=3)
    dispatch(at=at + MINUTE)
    assert len(postbox.mails) == 3
    held = [data for kind, data in events_of(asks[0]) if kind == "notice.held"]
    assert held[0]["because"] == "mails an hour"
    assert held[0]["until"] == (now + HOUR).isoformat()
    dispatch(at=now + HOUR)
    assert len(postbox.mails) == 4
    assert postbox.mails[-1]["Subject"] == "3 questions wait for you"
    assert "you had had as many mails as one hour allows" in text_of(postbox.mails[-1])


def test_what_wakes_people_is_not_counted_against_the_limit(now, postbox, approver, settings):
    settings.MAILS_PER_HOUR = 2
    at = send_apart(now, postbox, 2)
    (held, urgent) = asked(at, 2)
    Ask.objects.filter(pk=urgent.pk).update(wakes_people=True)
    dispatch(at=at)
    assert [mail["Subject"] for mail in postbox.mails[2:]] == [
        f"Decision needed: ESC-2: {urgent.title}"
    ]
    assert held.notifications.get().state == S.PENDING


def test_a_bundle_counts_as_one_mail(now, postbox, approver, settings):
    settings.MAILS_PER_HOUR = 2
    asked(now, 5)
    dispatch(at=now)
    asked(now + MINUTE, 1, first=6)
    dispatch(at=now + MINUTE)
    assert len(postbox.mails) == 2


def test_the_limit_of_one_person_holds_up_no_other(now, postbox, approver, settings):
    settings.MAILS_PER_HOUR = 1
    at = send_apart(now, postbox, 1)
    other = UserFactory(roles=["approver"])
    asked(at, 1)
    dispatch(at=at)
    assert [mail["To"] for mail in postbox.mails[1:]] == [other.email]


def test_two_that_were_held_come_in_one_mail(now, postbox, approver, settings):
    settings.MAILS_PER_HOUR = 1
    at = send_apart(now, postbox, 1)
    asked(at, 2)
    dispatch(at=at)
    dispatch(at=now + HOUR)
    assert [mail["Subject"] for mail in postbox.mails[1:]] == ["2 questions wait for you"]


def test_what_wakes_people_is_not_hidden_among_the_rest(now, postbox, approver):
    *_, urgent = asked(now, 4)
    Ask.objects.filter(pk=urgent.pk).update(wakes_people=True)
    dispatch(at=now)
    assert sorted(mail["Subject"] for mail in postbox.mails) == [
        "3 questions wait for you",
        f"Decision needed: ESC-4: {urgent.title}",
    ]
