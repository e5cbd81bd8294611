"""Trying a policy out before it is saved or confirmed: nothing is written."""

import pytest
from django.urls import reverse

from governance.asking.models import Notification, Policy, PolicyVersion, Rung
from governance.audit.models import AuditEvent
from governance.configuration.models import ConfigurationChange
from governance.configuration.previewing import Before
from governance.configuration.services import ask_change
from governance.people.models import Role
from tests.asking.helpers import ask_for
from tests.asking.policies.test_matching import FACTS
from tests.asking.test_admin import form_of, page
from tests.configuration import acts
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
LOW = FACTS | {"risk": "low"}


@pytest.fixture
def anton(client):
    user = acts.administrator()
    client.force_login(user)
    return user


@pytest.fixture
def high():
    return Policy.objects.get(slug="cases-high-risk")


def text(answer):
    return " ".join(answer.content.decode().split())


def rows():
    return (
        list(Policy.objects.order_by("pk").values()),
        list(Rung.objects.order_by("pk").values()),
        list(PolicyVersion.objects.order_by("pk").values_list("pk", "sha256")),
        AuditEvent.objects.count(),
        ConfigurationChange.objects.count(),
        Notification.objects.count(),
    )


def form(policy, **changes):
    posted = form_of(policy, risks=policy.risks, reason_required="on", wakes_people="on")
    del posted["is_default"]
    return posted | {"_simulate": "1"} | changes


def test_a_form_is_tried_on_the_latest_cases_and_undone(client, anton, high):
    low = ask_for(NOW, facts=LOW, title="A low one")
    ask_for(NOW, subject="escalation:ESC-2", facts=FACTS, title="A grave one")
    before = rows()
    answer = client.post(page(high), form(high, risks=["low", "high"], simulate_case="esc-1"))
    assert rows() == before
    said = text(answer)
    assert answer.status_code == 200
    assert "1 of the last 2 cases would be handled differently." in said
    assert "Cases of high risk instead of Cases" in said
    assert "Stricter or louder" in said
    assert "The policy Cases of high risk is taken: the risk is low." in said
    assert low.title in said


def test_what_would_wait_for_a_second_person_is_tried_out_all_the_same(client, anton, high):
    ask_for(NOW, facts=FACTS, title="A grave one")
    before = rows()
    said = text(client.post(page(high), form(high, authentication="signed_in")))
    assert rows() == before
    assert "Looser or quieter" in said
    assert "Proof of who answers: Signed in anew a moment ago → Signed in" in said


def test_a_form_with_a_mistake_is_shown_with_it(client, anton, high):
    answer = client.post(page(high), form(high, required_votes=0, position="x"))
    assert "Enter a whole number." in text(answer)


def test_a_case_that_is_not_there_is_refused_and_nothing_saved(client, anton, high):
    before = rows()[:3]
    answer = client.post(page(high), form(high, simulate_case="ESC-9"), follow=True)
    assert "There is no case ESC-9." in text(answer)
    assert rows()[:3] == before


def test_nobody_without_the_right_to_configure_tries_a_form(client, high):
    client.force_login(UserFactory(roles=[Role.APPROVER]))
    assert client.post(page(high), form(high)).status_code == 403


def waiting(by, policy, **changes):
    before = acts.POLICY.read(policy.pk)
    after = before | changes
    return ask_change(kind="policy", object_id=policy.pk, before=before, after=after, by=by, at=NOW)


def simulate(client, change):
    return client.post(reverse("configuration-change-simulate", args=[change.pk]))


def test_whoever_confirms_sees_what_it_would_do(client, anton, high):
    ask_for(NOW, facts=FACTS, title="A grave one")
    change = waiting(anton, high, wakes_people=False)
    client.force_login(acts.administrator())
    before = rows()
    said = text(simulate(client, change))
    assert rows() == before
    assert "1 of the last 1 case would be handled differently." in said
    assert "Reaches people in quiet hours: yes → no" in said


def test_a_request_that_is_settled_or_not_there_is_not_tried(client, anton, high):
    change = waiting(anton, high, wakes_people=False)
    ConfigurationChange.objects.filter(pk=change.pk).update(
        state="withdrawn", settled_by=anton, settled_at=NOW
    )
    assert simulate(client, change).status_code == 409
    change.pk = 999
    assert simulate(client, change).status_code == 404


def test_fifty_cases_cost_no_more_queries_than_one(high, django_assert_max_num_queries):
    for number in range(60):
        ask_for(NOW, subject=f"escalation:ESC-{number + 1}", facts=LOW)
    with django_assert_max_num_queries(12):
        found = Before("case")
    assert len(found.asks) == 50
