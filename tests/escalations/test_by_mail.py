"""Deciding by the word of the mail: low risk only, by policy only, and never by a robot."""

import json
import re

import pytest
from django.test import Client
from django.utils import timezone

from escalations.models import Ballot, Decision
from governance.asking.links import WORD_TRIES, is_the_word, link_for, token_of, word_of
from governance.asking.mail import message_of
from governance.asking.models import Ask, ReviewLink, Sighting
from governance.audit.models import AuditEvent
from governance.people.models import Role
from tests.asking.helpers import notify
from tests.escalations.acts import agent, approver, ask, rules_of, version
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db


def mild(runner=None, **changes):
    return ask(runner, at=timezone.now(), version=version(agent()).sequence, **changes)


def mailed(case, person, **rules):
    """The link in a mail to somebody about a question that its word may decide."""
    rules_of(case, **{"authentication": "mail_word"} | rules)
    asked = Ask.objects.get(subject=case.subject)
    return link_for(asked, person, at=timezone.now())


def opened(link, **options):
    client = Client(**options)
    answer = client.get(f"/r/{token_of(link)}", follow=True)
    return client, answer


def by_mail(case):
    return f"{case.get_absolute_url()}by-mail/"


def vote(case, link, **changes):
    said = {"choice": "option:jwt", "seen_sha256": case.request_sha256, "word": word_of(link)}
    return said | changes


def test_the_word_is_short_derived_and_never_stored():
    link = mailed(mild(), approver())
    assert re.fullmatch(r"([bdfgklmnprstvz][aeiou]){2}-([bdfgklmnprstvz][aeiou]){2}", word_of(link))
    assert word_of(ReviewLink.objects.get()) == word_of(link)
    assert word_of(link) != word_of(mailed(mild(task="other"), approver()))


def test_another_key_makes_another_word(settings):
    link = mailed(mild(), approver())
    word = word_of(link)
    settings.LINK_KEY = b"x" * 32
    assert word_of(link) != word


def test_the_holder_of_the_mail_decides_with_its_word_and_the_record_says_so():
    case, ben = mild(), approver(name="Ben")
    link = mailed(case, ben)
    client, page = opened(link)
    assert page.redirect_chain[-1][0] == by_mail(case)
    text = page.content.decode()
    assert case.request_sha256 in text
    assert case.title in text
    assert not re.search(r"<input[^>]* checked", text)
    assert word_of(link) not in text
    answer = client.post(by_mail(case), vote(case, link, word=f" {word_of(link).upper()} "))
    assert answer.status_code == 200
    assert "has your vote" in answer.content.decode()
    ballot = Decision.objects.get(escalation=case).ballot
    assert (ballot.voter, ballot.method, ballot.level) == (ben, "mail_word", "mail_word")
    assert ballot.request_sha256 == case.request_sha256
    assert len(ballot.template_version) == 12
    assert not Sighting.objects.exists()
    assert client.post(by_mail(case), vote(case, link)).status_code == 404


@pytest.mark.parametrize("word", ["", " "])
def test_a_robot_that_clicks_every_button_decides_nothing_and_uses_up_no_try(word):
    case = mild()
    link = mailed(case, approver())
    client, _ = opened(link)
    for choice in ("option:jwt", "option:session", "rejected", "other_approach"):
        said = vote(case, link, choice=choice, reason="x", approach="x", word=word)
        assert client.post(by_mail(case), said).status_code in (400, 403)
    assert not Ballot.objects.exists()
    assert ReviewLink.objects.get().word_failures == 0


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_looking_decides_nothing(method):
    case = mild()
    link = mailed(case, approver())
    client, _ = opened(link)
    getattr(client, method)(by_mail(case), vote(case, link))
    assert not Ballot.objects.exists()
    assert not Sighting.objects.exists()


def test_a_few_wrong_words_end_it_and_lock_nobody_out():
    case, ben = mild(), approver()
    link = mailed(case, ben)
    client, _ = opened(link)
    answers = [
        client.post(by_mail(case), vote(case, link, word="wrong", context="my words"))
        for _ in range(WORD_TRIES)
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert "my words" in answers[0].content.decode()
    assert "Too many wrong words" in answers[-1].content.decode()
    assert not is_the_word(link, word_of(link))
    assert client.post(by_mail(case), vote(case, link)).status_code == 302
    assert not Decision.objects.exists()
    other, page = opened(link)
    assert "Sign in to see the request" in page.content.decode()
    other.force_login(ben)
    assert other.get("/review/").url == case.get_absolute_url()
    refusals = AuditEvent.objects.filter(stream="refusals")
    assert {json.loads(bytes(one.body))["data"]["code"] for one in refusals} == {"wrong_word"}
    assert {one.actor for one in refusals} == {f"link:{link.pk}"}


def test_the_word_of_one_mail_opens_nothing_of_another():
    case = mild()
    link, other = mailed(case, approver()), mailed(case, approver())
    client, _ = opened(link)
    assert client.post(by_mail(case), vote(case, other)).status_code == 403
    elsewhere = mild(task="other")
    mailed(elsewhere, approver())
    assert client.post(by_mail(elsewhere), vote(elsewhere, link)).status_code == 404
    assert not Ballot.objects.exists()


def test_without_a_link_there_is_nothing_here():
    case = mild()
    link = mailed(case, approver())
    assert Client().get(by_mail(case)).status_code == 404
    assert Client().post(by_mail(case), vote(case, link)).status_code == 404


@pytest.mark.parametrize("level", ["signed_in", "fresh", "passkey"])
def test_where_the_policy_wants_more_the_link_leads_to_the_sign_in_page(level):
    case = mild()
    link = mailed(case, approver(), authentication=level)
    client, page = opened(link)
    assert "Sign in to see the request" in page.content.decode()
    assert client.post(by_mail(case), vote(case, link)).status_code == 302
    assert not Ballot.objects.exists()


def test_more_than_low_risk_is_never_decided_by_mail():
    case = mild(risk="medium")
    link = mailed(case, approver())
    client, page = opened(link)
    assert "Sign in to see the request" in page.content.decode()
    client.post(by_mail(case), vote(case, link))
    assert not Ballot.objects.exists()


def test_four_eyes_and_roles_hold_for_the_word_of_a_mail():
    owner = approver()
    case = mild(RunnerFactory(owner=owner))
    link = mailed(case, owner)
    client, page = opened(link)
    assert "Somebody else has to decide" in page.content.decode()
    assert client.post(by_mail(case), vote(case, link)).status_code == 403
    auditor = mailed(case, UserFactory(roles=[Role.AUDITOR]))
    client, _ = opened(auditor)
    assert client.post(by_mail(case), vote(case, auditor)).status_code == 403
    assert not Ballot.objects.exists()


def test_a_vote_by_mail_needs_the_csrf_token_and_what_was_shown():
    case = mild()
    link = mailed(case, approver())
    strict, _ = opened(link, enforce_csrf_checks=True)
    assert strict.post(by_mail(case), vote(case, link)).status_code == 403
    client, _ = opened(link)
    said = vote(case, link, seen_sha256="0" * 64)
    assert client.post(by_mail(case), said).status_code == 409
    assert not Ballot.objects.exists()


def test_somebody_else_who_is_signed_in_does_not_get_the_page():
    case = mild()
    link = mailed(case, approver())
    client = Client()
    client.force_login(approver())
    page = client.get(f"/r/{token_of(link)}", follow=True)
    assert "This link is not yours" in page.content.decode()
    assert client.post(by_mail(case), vote(case, link)).status_code == 302
    assert not Ballot.objects.exists()


def test_a_deactivated_person_decides_nothing_by_mail():
    case, ben = mild(), approver()
    link = mailed(case, ben)
    client, _ = opened(link)
    ben.is_active = False
    ben.save()
    assert client.post(by_mail(case), vote(case, link)).status_code == 404


@pytest.mark.parametrize(
    ("rules", "role", "printed"),
    [
        ({}, Role.APPROVER, True),
        ({}, Role.AUDITOR, False),
        ({"authentication": "signed_in"}, Role.APPROVER, False),
    ],
)
def test_the_mail_prints_the_word_only_where_it_decides(rules, role, printed):
    case, person = mild(), UserFactory(roles=[role])
    rules_of(case, **{"authentication": "mail_word"} | rules)
    asked = Ask.objects.get(subject=case.subject)
    notice, link = notify(asked, person, timezone.now())
    message = message_of(notice, link)
    parts = [message.body, *(part.content for part in message.alternatives)]
    assert [word_of(link) in part for part in parts] == [printed, printed]
    assert word_of(link) not in str(message.extra_headers)
