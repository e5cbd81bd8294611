"""Who looks at a question: a word among colleagues that stops nothing."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from governance.asking.models import Ask, Notification
from governance.asking.sweep import sweep
from governance.asking.together.claims import claim_ask, claim_of, release_claim
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, NotPermitted
from governance.people.models import Role
from tests.factories import NOW, RunnerFactory, UserFactory
from tests.review.test_services import approver, cast, opened

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(hours=24)


def asked(author=None) -> Ask:
    opened(author)
    return Ask.objects.get()


def test_a_claim_names_who_looks_and_stands_in_the_history():
    ask, eva = asked(), approver()
    claim_ask(ask_id=ask.pk, by=eva, at=NOW)
    claim_ask(ask_id=ask.pk, by=eva, at=NOW)
    ask.refresh_from_db()
    assert (ask.claimed_by, ask.claimed_at) == (eva, NOW)
    events = AuditEvent.objects.filter(stream=ask.subject, kind="ask.claimed")
    assert [event.actor for event in events] == [eva.subject]


def test_two_do_not_claim_the_same():
    ask = asked()
    claim_ask(ask_id=ask.pk, by=approver(name="Eva"), at=NOW)
    with pytest.raises(Conflict, match="Eva is looking"):
        claim_ask(ask_id=ask.pk, by=approver(), at=NOW)


def test_a_claim_stops_neither_reminders_nor_the_ladder():
    eva, other = approver(), approver()
    ask = asked()
    planned = ask.next_action_at
    claim_ask(ask_id=ask.pk, by=eva, at=NOW)
    ask.refresh_from_db()
    assert ask.next_action_at == planned
    for _ in range(4):
        sweep(at=ask.next_action_at)
        ask.refresh_from_db()
    assert ask.step > 0
    assert {one.recipient for one in Notification.objects.all()} >= {eva, other}


def test_only_who_may_answer_claims():
    author = UserFactory(roles=[Role.OWNER, Role.APPROVER])
    ask = asked(author)
    for person in (author, UserFactory(roles=[Role.AUDITOR]), RunnerFactory()):
        with pytest.raises(NotPermitted):
            claim_ask(ask_id=ask.pk, by=person, at=NOW)
    ask.refresh_from_db()
    assert ask.claimed_by is None


def test_a_claim_is_ended_by_its_holder_and_after_a_day_by_anybody():
    ask, eva, other = asked(), approver(), approver()
    claim_ask(ask_id=ask.pk, by=eva, at=NOW)
    with pytest.raises(NotPermitted):
        release_claim(ask_id=ask.pk, by=other, at=NOW + DAY - timedelta(seconds=1))
    release_claim(ask_id=ask.pk, by=other, at=NOW + DAY)
    claim_ask(ask_id=ask.pk, by=other, at=NOW + DAY)
    release_claim(ask_id=ask.pk, by=other, at=NOW + DAY)
    ask.refresh_from_db()
    assert ask.claimed_by is None
    assert AuditEvent.objects.filter(kind="ask.claim_released").count() == 2


def test_a_claim_ends_with_its_question():
    review, eva = opened(), approver()
    ask = Ask.objects.get()
    claim_ask(ask_id=ask.pk, by=eva, at=NOW)
    cast(review, approver())
    ask.refresh_from_db()
    assert (ask.claimed_by, ask.claimed_at) == (None, None)
    assert claim_of(eva, ask, at=NOW) is None
    with pytest.raises(Conflict):
        claim_ask(ask_id=ask.pk, by=eva, at=NOW)


def test_what_a_page_offers_is_what_the_service_allows():
    author = UserFactory(roles=[Role.OWNER])
    ask, eva, other = asked(author), approver(), approver()
    assert claim_of(eva, ask, at=NOW).may_claim
    assert not claim_of(author, ask, at=NOW).may_claim
    ask = claim_ask(ask_id=ask.pk, by=eva, at=NOW)
    assert claim_of(eva, ask, at=NOW).may_release
    assert not claim_of(other, ask, at=NOW).may_release
    assert claim_of(other, ask, at=NOW + DAY).may_release


def test_a_claim_is_made_and_ended_on_the_page():
    ask, eva = asked(), approver()
    client = Client()
    client.force_login(eva)
    assert client.get(reverse("ask-claim", args=[ask.pk])).status_code == 405
    answer = client.post(reverse("ask-claim", args=[ask.pk]))
    assert (answer.status_code, answer.headers["Location"]) == (302, ask.path)
    ask.refresh_from_db()
    assert ask.claimed_by == eva
    client.post(reverse("ask-release-claim", args=[ask.pk]))
    ask.refresh_from_db()
    assert ask.claimed_by is None


def test_strangers_learn_nothing_of_a_question():
    client = Client()
    client.force_login(UserFactory())
    assert client.post(reverse("ask-claim", args=[asked().pk])).status_code == 404
