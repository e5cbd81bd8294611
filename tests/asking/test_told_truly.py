"""What pages and mails say of who is told, when and why, is so; and no word is lost."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from escalations.acting import withdraw
from escalations.pages import timeline
from governance.asking.dispatch import dispatch
from governance.asking.links import word_of
from governance.asking.models import Ask, Comment, Notification, ReviewLink, Snooze
from governance.asking.nudging import nudge
from governance.asking.policies.explaining import explanation
from governance.asking.sweep import sweep
from governance.asking.together.handing_over import hand_over
from governance.asking.together.pages import together_of
from governance.people.models import Delegation
from tests.asking.helpers import ask_for
from tests.escalations import acts
from tests.escalations.acts import approver
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def page_of(case, user):
    client = Client()
    client.force_login(user)
    return client, lambda: client.get(case.get_absolute_url()).content.decode()


def settle(case):
    withdraw(escalation_id=case.pk, runner=case.runner, reason="Not needed.", at=NOW)


def test_a_comment_that_came_too_late_is_shown_to_its_author_and_to_nobody_else():
    case, eva = acts.ask(), approver()
    ask = Ask.objects.get(subject=case.subject)
    client, page = page_of(case, eva)
    settle(case)
    answer = client.post(reverse("ask-comment", args=[ask.pk]), {"text": "My long words"})
    assert (answer.status_code, Comment.objects.count()) == (302, 0)
    assert "My long words" in page()
    assert "My long words" not in page_of(case, approver())[1]()


@pytest.mark.parametrize(
    ("name", "model", "sent"),
    [
        ("ask-comment", Comment, {"text": "Words" + "x" * 5000}),
        ("ask-snooze", Snooze, {"span": "8", "reason": ""}),
        ("ask-snooze", Snooze, {"span": "never", "reason": "Words"}),
        ("ask-hand-over", Notification, {"to": "0", "reason": "Words"}),
    ],
)
def test_what_is_refused_stands_in_its_form_again(name, model, sent):
    case, eva = acts.ask(), approver()
    approver(name="Ben")
    ask = Ask.objects.get(subject=case.subject)
    client, page = page_of(case, eva)
    client.post(reverse(name, args=[ask.pk]), sent)
    assert not model.objects.exists()
    shown = page()
    assert (sent.get("text") or sent["reason"]) in shown
    if "span" in sent:
        assert '<details class="more" open><summary>Snooze' in shown


def test_what_was_accepted_at_last_stands_in_no_form():
    case, eva = acts.ask(), approver()
    ask = Ask.objects.get(subject=case.subject)
    client, page = page_of(case, eva)
    address = reverse("ask-snooze", args=[ask.pk])
    client.post(address, {"span": "x", "reason": "Unfit words"})
    assert "Unfit words" in page()
    client.post(address, {"span": "1", "reason": "Fit words"})
    assert "Unfit words" not in page()


def test_a_settled_case_without_comments_has_no_panel_of_colleagues():
    case, eva = acts.ask(), approver()
    _, page = page_of(case, eva)
    assert "Among colleagues" in page()
    settle(case)
    assert "Among colleagues" not in page()


def test_the_word_of_a_mail_is_in_a_bundle_too(now, postbox):
    UserFactory(name="Ada", roles=["approver"])
    rules = {"authentication": "mail_word"}
    asks = [
        ask_for(now, subject=f"escalation:ESC-{number}", title=f"Question {number}?")
        for number in (1, 2, 3)
    ]
    Ask.objects.filter(pk__in=[ask.pk for ask in asks[:2]]).update(
        rules=rules, facts={"risk": "low", "with_action": False}
    )
    sweep(at=now)
    dispatch(at=now)
    (bundle,) = postbox.mails
    links = [ReviewLink.objects.get(ask=ask) for ask in asks]
    for kind in ("plain", "html"):
        text = bundle.get_body((kind,)).get_content()
        assert [word_of(link) in text for link in links] == [True, True, False]


def test_whoever_is_named_as_a_delegate_is_told_by_one_mail():
    ann, ben = approver(name="Ann"), approver(name="Ben", email="ben@example.org")
    client = Client()
    client.force_login(ann)
    begins, ends = "2099-03-03T08:00", "2099-03-05T08:00"
    sent = {"starts_at": begins, "ends_at": ends, "delegate": ben.pk, "reason": ""}
    assert client.post("/me/away/", sent).status_code == 302
    (told,) = mail.outbox
    assert (told.to, "You stand in for Ann" in told.subject) == ([ben.email], True)
    assert "Ann is away" in told.body


def handed_to_dan():
    ask = ask_for(NOW)
    eva, dan = approver(name="Eva"), approver(name="Dan")
    ladder = [{**rung, "audience": "person", "role": "", "person": eva.pk} for rung in ask.ladder]
    Ask.objects.filter(pk=ask.pk).update(ladder=ladder)
    sweep(at=NOW)
    hand_over(ask_id=ask.pk, to_id=dan.pk, by=eva, at=NOW + HOUR / 6)
    return ask, eva, dan


def test_who_got_a_question_handed_over_is_reminded_with_the_others():
    ask, eva, dan = handed_to_dan()
    due = Ask.objects.get(pk=ask.pk).next_action_at
    before = Notification.objects.filter(recipient=dan).count()
    sweep(at=due)
    assert Notification.objects.filter(recipient=dan).count() == before + 1
    assert Notification.objects.filter(recipient=eva).count() == 2
    Ask.objects.filter(pk=ask.pk).update(claimed_by=None, claimed_at=None)
    sweep(at=Ask.objects.get(pk=ask.pk).next_action_at)
    assert Notification.objects.filter(recipient=dan).count() == before + 1


def test_for_who_has_it_in_hand_and_is_away_the_delegate_is_told():
    ask, _, dan = handed_to_dan()
    fay = approver(name="Fay")
    due = Ask.objects.get(pk=ask.pk).next_action_at
    Delegation.objects.create(
        person=dan, delegate=fay, starts_at=NOW, ends_at=due + HOUR, made_by=dan, made_at=NOW
    )
    sweep(at=due)
    assert Notification.objects.get(recipient=fay).on_behalf_of == dan
    shown = together_of(fay, Ask.objects.get(pk=ask.pk), at=due)
    assert shown["claim_is_away"] is True


def test_a_nudge_and_a_hand_over_stand_among_who_was_told_and_why():
    ask, eva, dan = handed_to_dan()
    nudge(ask_id=ask.pk, by=dan, at=NOW + HOUR / 3)
    said = explanation(Ask.objects.get(pk=ask.pk), at=NOW + HOUR / 2, zone="Asia/Tokyo")
    assert "2 March 2026, 18:10 JST: Eva handed it to Dan, who was told." in said
    assert "2 March 2026, 18:20 JST: Eva was told once more, because Dan asked for it." in said
    assert not any("UTC" in sentence for sentence in said)


def test_the_timeline_says_to_whom_a_mail_went(postbox):
    UserFactory(name="Ada", roles=["approver"])
    case = acts.ask()
    sweep(at=NOW)
    dispatch(at=NOW)
    assert "sent a mail to Ada" in [one["text"] for one in timeline(case)]
