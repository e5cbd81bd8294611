"""What colleagues say to each other about a question, who watches it, and who takes it over."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from governance.asking.models import Ask, Comment, Notification, Reason, Snooze, Watcher
from governance.asking.services import close_ask
from governance.asking.sweep import sweep
from governance.asking.together.comments import comment_on
from governance.asking.together.handing_over import hand_over
from governance.asking.together.mentions import mentions_in
from governance.asking.together.pages import handed_over_words, together_of
from governance.asking.together.watching import unwatch, watch
from governance.audit.actors import system
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import Delegation, QuietHours, Role
from governance.people.services import actor_of
from tests.asking.helpers import ask_for, events_of, kinds_of
from tests.escalations import acts
from tests.escalations.acts import approver
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def say(ask, by, text="Look at this.", at=NOW):
    return comment_on(ask_id=ask.pk, by=by, text=text, at=at)


def told(reason):
    return {one.recipient for one in Notification.objects.filter(reason=reason)}


def close(ask, by=None, at=NOW):
    with transaction.atomic():
        close_ask(subject=ask.subject, because="decided", by=by or system("test"), at=at)


# --- comments --------------------------------------------------------------------------------


def test_a_comment_is_kept_as_written_and_only_its_fingerprint_stands_in_the_history():
    ask, eva = ask_for(NOW), approver()
    said = say(ask, eva, " Why\u202e so? ")
    assert (said.comment.text, said.sentences) == ("Why\u202e so?", [])
    kind, data = events_of(ask)[-1]
    assert kind == "ask.commented"
    assert "Why" not in str(data)
    assert data["mentioned"] == []


@pytest.mark.parametrize(("text", "sentence"), [(" \n", "Write"), ("x" * 5001, "at most 5,000")])
def test_a_comment_says_something_and_not_too_much(text, sentence):
    ask = ask_for(NOW)
    with pytest.raises(InvalidInput, match=sentence):
        say(ask, approver(), text)
    assert not Comment.objects.exists()


def test_who_takes_part_comments_and_auditors_only_read():
    ask = ask_for(NOW)
    for role in (Role.OWNER, Role.APPROVER, Role.ADMINISTRATOR):
        assert say(ask, UserFactory(roles=[role]))
    for person in (UserFactory(roles=[Role.AUDITOR]), UserFactory(), RunnerFactory()):
        with pytest.raises(NotPermitted):
            say(ask, person)


def test_who_may_not_answer_may_still_say_something():
    owner = UserFactory(roles=[Role.OWNER])
    assert say(ask_for(NOW, excluded=[owner.pk]), owner)


def test_nothing_is_said_about_what_is_settled_and_what_was_said_stays():
    ask, eva = ask_for(NOW), approver()
    say(ask, eva)
    close(ask)
    with pytest.raises(Conflict):
        say(ask, eva)
    ask.refresh_from_db()
    shown = together_of(eva, ask, at=NOW)
    assert [one.text for one in shown["comments"]] == ["Look at this."]
    assert shown["comment_form"] is None


def test_a_mention_is_one_mail_to_those_who_may_read_it():
    ask, eva = ask_for(NOW), approver(name="Eva Adams")
    ben = UserFactory(name="Ben", roles=[Role.OWNER])
    UserFactory(name="Stranger")
    said = say(ask, eva, "@Ben, @Ben and @Stranger, @Nobody-Here: what does @Eva Adams think?")
    assert told(Reason.MENTION) == {ben}
    assert Notification.objects.count() == 1
    assert list(said.comment.mentioned.all()) == [ben]
    assert said.sentences == [
        "Nobody is called Nobody-Here, so nobody was told.",
        "Stranger may not read this and was not told.",
    ]
    assert events_of(ask)[-1][1]["mentioned"] == [ben.subject]


def test_an_excluded_person_can_be_mentioned():
    owner = UserFactory(name="Olivia", roles=[Role.OWNER])
    say(ask_for(NOW, excluded=[owner.pk]), approver(), "@Olivia is it yours?")
    assert told(Reason.MENTION) == {owner}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@Eva", ["Eva Adams"]),
        ("@eva adams!", ["Eva Adams"]),
        ("(@eva@example.org)", ["Eva Adams"]),
        ("@eva@example.org.", ["Eva Adams"]),
        ("@Ben Baker and @Ben Brown", ["Ben Baker", "Ben Brown"]),
        ("@ben.baker@example.org", ["Ben Baker"]),
        ("mail eva@example.org", []),
        ("@@Eva", []),
        ("@Evangeline", []),
        ("@Gone", []),
        ("@José", ["José"]),
    ],
)
def test_who_is_meant(text, found):
    people = {
        "Eva Adams": "eva@example.org",
        "Ben Baker": "ben.baker@example.org",
        "Ben Brown": "bb@example.org",
        "José": "j@example.org",
    }
    for name, email in people.items():
        UserFactory(name=name, email=email)
    UserFactory(name="Gone", is_active=False)
    assert [person.name for person in mentions_in(text).people] == found


def test_a_name_that_several_have_is_said_to_be_unclear():
    UserFactory(name="Ben Baker")
    UserFactory(name="Ben Brown")
    ask = ask_for(NOW)
    (sentence,) = say(ask, approver(), "@Ben?").sentences
    assert sentence.startswith("Several people could be meant by Ben:")
    assert not told(Reason.MENTION)


def test_the_runner_never_sees_a_comment(client):
    case = acts.ask()
    ask = Ask.objects.get(subject=case.subject)
    revision = case.revision
    say(ask, approver(), "Among ourselves.")
    case.refresh_from_db()
    assert case.revision == revision
    assert not case.messages.exists()


# --- watching --------------------------------------------------------------------------------


def test_who_watches_hears_of_comments_once_an_hour_and_of_the_end():
    ask, eva, vera = ask_for(NOW), approver(), UserFactory(roles=[Role.AUDITOR])
    watch(ask_id=ask.pk, by=vera, at=NOW)
    watch(ask_id=ask.pk, by=vera, at=NOW)
    watch(ask_id=ask.pk, by=eva, at=NOW)
    say(ask, eva)
    say(ask, eva, at=NOW + timedelta(minutes=20))
    (news,) = Notification.objects.filter(reason=Reason.NEWS)
    assert (news.recipient, news.due_at) == (vera, NOW + timedelta(hours=1))
    close(ask, actor_of(eva))
    assert told(Reason.SETTLED) == {vera}


def test_who_watches_no_more_or_may_not_read_any_more_hears_nothing():
    ask, eva, ben = ask_for(NOW), approver(), approver()
    for person in (eva, ben):
        watch(ask_id=ask.pk, by=person, at=NOW)
    assert unwatch(ask_id=ask.pk, by=eva, at=NOW)
    assert not unwatch(ask_id=ask.pk, by=eva, at=NOW)
    ben.roles = []
    ben.save()
    say(ask, approver())
    close(ask)
    assert not Notification.objects.exists()
    kinds = (
        AuditEvent.objects.filter(stream=eva.subject)
        .order_by("number")
        .values_list("kind", flat=True)
    )
    assert list(kinds) == ["user.watches", "user.watches_no_more"]


def test_strangers_watch_nothing():
    with pytest.raises(NotThere):
        watch(ask_id=ask_for(NOW).pk, by=UserFactory(), at=NOW)
    assert not Watcher.objects.exists()


def test_what_only_some_may_read_is_watched_by_them_only():
    ask = ask_for(NOW, kind="configuration", subject="configuration:1", path="/policies/changes/")
    with pytest.raises(NotThere):
        watch(ask_id=ask.pk, by=approver(), at=NOW)
    assert watch(ask_id=ask.pk, by=UserFactory(roles=[Role.AUDITOR]), at=NOW)
    assert together_of(approver(), ask, at=NOW) is None


# --- handing over ----------------------------------------------------------------------------


def test_handing_over_makes_it_their_claim_tells_them_at_once_and_names_both():
    ask, eva, ben = ask_for(NOW), approver(), approver()
    planned = ask.next_action_at
    hand_over(ask_id=ask.pk, to_id=ben.pk, by=eva, at=NOW, reason="He knows it.")
    ask.refresh_from_db()
    assert (ask.claimed_by, ask.claimed_at, ask.next_action_at) == (ben, NOW, planned)
    (notice,) = Notification.objects.all()
    assert (notice.recipient, notice.reason, notice.due_at) == (ben, Reason.ASKED, NOW)
    event = AuditEvent.objects.get(kind="ask.handed_over")
    assert event.actor == eva.subject
    assert events_of(ask)[-1][1]["to"] == ben.subject


def test_the_ladder_goes_on_after_handing_over():
    ask, eva, ben = ask_for(NOW), approver(), approver()
    hand_over(ask_id=ask.pk, to_id=ben.pk, by=eva, at=NOW)
    for _ in range(3):
        ask.refresh_from_db()
        sweep(at=ask.next_action_at)
    ask.refresh_from_db()
    assert ask.step > 0
    assert {one.recipient for one in Notification.objects.all()} >= {eva, ben}


def test_only_who_may_answer_hands_over_and_only_to_such_a_person():
    author, eva = approver(), approver()
    ask = ask_for(NOW, excluded=[author.pk])
    auditor, gone = UserFactory(roles=[Role.AUDITOR]), approver(is_active=False)
    for to in (author, auditor):
        with pytest.raises(NotPermitted):
            hand_over(ask_id=ask.pk, to_id=to.pk, by=eva, at=NOW)
    for to_id in (gone.pk, 0, eva.pk):
        with pytest.raises(InvalidInput):
            hand_over(ask_id=ask.pk, to_id=to_id, by=eva, at=NOW)
    for by in (author, auditor, RunnerFactory()):
        with pytest.raises(NotPermitted):
            hand_over(ask_id=ask.pk, to_id=approver().pk, by=by, at=NOW)
    ask.refresh_from_db()
    assert ask.claimed_by is None
    assert not Notification.objects.exists()
    offered = dict(together_of(eva, ask, at=NOW)["hand_over_form"].fields["to"].choices)
    assert not {str(one.pk) for one in (author, auditor, gone, eva)} & offered.keys()


def test_the_page_says_when_the_colleague_is_told():
    ask, eva, ben = ask_for(NOW), approver(), approver(name="Ben", time_zone="Asia/Tokyo")
    ask = hand_over(ask_id=ask.pk, to_id=ben.pk, by=eva, at=NOW)
    assert "is told at once" in handed_over_words(ask, eva, at=NOW)
    QuietHours.objects.create(user=ben, weekdays=[0], starts="17:00", ends="08:00")
    assert "is told at 23:00: these are quiet hours" in handed_over_words(ask, eva, at=NOW)
    days = {"starts_at": NOW, "ends_at": NOW + timedelta(days=2)}
    Delegation.objects.create(person=ben, made_by=ben, made_at=NOW, **days)
    assert "is out of office until Wednesday 09:00" in handed_over_words(ask, eva, at=NOW)


def test_a_claim_can_be_handed_on_by_its_holder_and_by_others():
    ask, eva, ben, cleo = ask_for(NOW), approver(), approver(), approver()
    hand_over(ask_id=ask.pk, to_id=ben.pk, by=eva, at=NOW)
    with pytest.raises(Conflict, match="already"):
        hand_over(ask_id=ask.pk, to_id=ben.pk, by=eva, at=NOW)
    hand_over(ask_id=ask.pk, to_id=cleo.pk, by=ben, at=NOW)
    hand_over(ask_id=ask.pk, to_id=ben.pk, by=cleo, at=NOW)
    assert Notification.objects.filter(recipient=ben).count() == 2
    assert kinds_of(ask).count("ask.handed_over") == 3


# --- on the page -----------------------------------------------------------------------------


ACTS = {
    "ask-claim": {},
    "ask-release-claim": {},
    "ask-hand-over": {"to": "{ben}"},
    "ask-snooze": {"span": "2", "reason": "Lunch."},
    "ask-snooze-end": {},
    "ask-watch": {},
    "ask-unwatch": {},
    "ask-comment": {"text": "Hm."},
}


@pytest.mark.parametrize("name", list(ACTS))
def test_nothing_happens_by_a_link_nor_for_a_stranger_nor_without_the_token(name):
    ask = ask_for(NOW)
    address, before = reverse(name, args=[ask.pk]), AuditEvent.objects.count()
    client, stranger, strict = Client(), Client(), Client(enforce_csrf_checks=True)
    for one, person in ((client, approver()), (stranger, UserFactory()), (strict, approver())):
        one.force_login(person)
    assert client.get(address).status_code == 405
    assert stranger.post(address, ACTS[name]).status_code == 404
    assert strict.post(address, ACTS[name]).status_code == 403
    assert AuditEvent.objects.exclude(stream="refusals").count() == before


def test_a_person_does_all_of_it_on_the_page(client):
    ask, eva, ben = ask_for(NOW), approver(), approver(name="Ben")
    client.force_login(eva)
    for name, sent in ACTS.items():
        sent = {key: str(ben.pk) if value == "{ben}" else value for key, value in sent.items()}
        answer = client.post(reverse(name, args=[ask.pk]), sent)
        assert (name, answer.status_code) == (name, 302)
        assert answer.headers["Location"].startswith(ask.path)
    ask.refresh_from_db()
    assert ask.claimed_by == ben
    assert Snooze.objects.get().ended_at
    assert Comment.objects.get().author == eva
    assert not Watcher.objects.exists()


def test_a_person_who_may_not_have_it_is_refused_with_the_sentence(client):
    client.force_login(approver())
    to = UserFactory(name="Olivia", roles=[Role.OWNER])
    answer = client.post(reverse("ask-hand-over", args=[ask_for(NOW).pk]), {"to": to.pk})
    assert answer.status_code == 403
    assert b"Olivia may not answer this: it takes another role." in answer.content
