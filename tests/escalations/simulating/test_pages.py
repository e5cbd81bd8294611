"""The page that tells what would happen to a case."""

import pytest
from django.apps import apps
from django.urls import reverse

from governance.asking.models import Ask, Policy
from governance.people.models import Role
from tests.escalations import acts
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reader(client):
    user = UserFactory(roles=[Role.OWNER], name="Olga")
    client.force_login(user)
    return user


def page(client, **query):
    return client.get(reverse("policy-simulate"), query)


def text(answer):
    return " ".join(answer.content.decode().split())


def everything():
    """Every row of every table, as it is; only the session of the reader may move."""
    return {
        model._meta.label: sorted(map(repr, model.objects.values_list()))
        for model in apps.get_models()
        if model._meta.managed and not model._meta.label.startswith(("sessions", "usersessions"))
    }


def test_the_empty_form_answers_nothing_yet(client, reader):
    answer = page(client)
    assert answer.status_code == 200
    assert "Who is told when" not in text(answer)


def test_it_says_which_policy_is_taken_and_why_not_those_before(client, reader):
    UserFactory(roles=[Role.APPROVER], name="Ann")
    agent = acts.agent()
    said = text(page(client, asked="1", agent=agent.slug, environment="production", risk="low"))
    assert "The policy Cases of high risk is not taken: the risk is low, not high." in said
    assert "The policy Questions that stop nothing is taken: the agent goes on meanwhile." in said
    assert "Ann is told" in said
    assert "Silence decides nothing" in said


def test_a_case_is_looked_up_by_its_number_and_compared_with_what_it_keeps(client, reader):
    case = acts.ask()
    said = text(page(client, case=case.ref.lower()))
    assert "This case keeps what Cases, version 1 said when it was asked." in said
    assert "It would fall under the same policy now" in said
    Policy.objects.create(name="New one", slug="new", kind="case", position=1)
    assert "Asked anew, it would fall under New one" in text(page(client, case=str(case.pk)))


@pytest.mark.parametrize("ref", ["ESC-99", "nonsense", "١٢", "9" * 30, "-1"])
def test_a_case_that_is_not_there_says_so(client, reader, ref):
    answer = page(client, case=ref)
    assert answer.status_code == 200
    assert f"There is no case {ref}." in text(answer)


def test_a_case_from_before_facts_were_kept_is_to_be_described(client, reader):
    case = acts.ask()
    Ask.objects.filter(subject=case.subject).update(facts={})
    assert "asked before its facts were kept" in text(page(client, case=case.ref))


def test_what_cannot_be_is_said_beside_the_field(client, reader):
    answer = page(client, asked="1", risk="enormous", environment="production")
    assert answer.status_code == 400
    assert "Select a valid choice" in text(answer)


def test_nothing_is_written_by_looking(client, reader):
    UserFactory(roles=[Role.APPROVER])
    case = acts.ask()
    before = everything()
    page(client, case=case.ref)
    page(client, asked="1", agent="worker", environment="production", risk="high", blocking="on")
    assert everything() == before


def test_without_policies_it_tells_what_a_new_portal_does(client, reader):
    Policy.objects.filter(kind="case").delete()
    said = text(page(client, asked="1", environment="production", risk="high", blocking="on"))
    assert "Cases of high risk" in said
    assert "signed in anew a moment ago, and a reason" in said


def test_more_people_cost_no_more_queries(client, reader, django_assert_max_num_queries):
    for _ in range(12):
        UserFactory(roles=[Role.APPROVER])
    query = {"asked": "1", "environment": "production", "risk": "low", "blocking": "on"}
    with django_assert_max_num_queries(15):
        page(client, **query)


def test_the_page_of_a_case_tells_why_these_people_and_what_comes_next(client, reader):
    case = acts.ask()
    said = text(client.get(case.get_absolute_url()))
    assert "It falls under the policy Cases, version 1, which holds where no other fits." in said
    assert "Silence decides nothing" in said
