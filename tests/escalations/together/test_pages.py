"""Deciding several cases on one page: each explicitly, each its own, none holding up another."""

import re

import pytest
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from escalations import deciding
from escalations.models import Ballot, Decision, Status
from governance.asking.models import Ask, Sighting
from governance.audit.models import AuditEvent
from governance.people.models import Role
from tests.escalations.acts import ACT, agent, approve, approver, ask, rules_of
from tests.factories import PASSWORD, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
TOGETHER = "/cases/together/"


def signed_in(user, **options):
    client = Client(**options)
    client.force_login(user)
    return client


def equal(count=3, **changes):
    """Equal questions of different runs."""
    agent()
    runner = changes.pop("runner", None) or RunnerFactory()
    now = timezone.now()
    return [ask(runner, run=f"run-{number}", at=now, **changes) for number in range(count)]


def page_of(case):
    return reverse("case-group", args=[case.group_key])


def pick(case):
    return f"{case.pk}:{case.request_sha256}"


def answer(*cases, **changes):
    return {"case": [pick(case) for case in cases], "choice": "option:jwt", **changes}


def test_equal_questions_are_one_row_of_the_inbox():
    cases, other = equal(7), ask(task="another", problem="Something else")
    text = signed_in(approver()).get("/cases/rows/").content.decode()
    assert "7 equal questions" in text
    assert page_of(cases[0]) in text
    assert [f'id="ask-{case.ref}"' in text for case in cases] == [False] * 6 + [True]
    assert f'id="ask-{other.ref}"' in text


def test_a_group_counts_what_its_reader_may_answer():
    mine = approver()
    equal(2)
    equal(1, runner=RunnerFactory(owner=mine))
    client = signed_in(mine)
    assert "2 equal questions" in client.get("/cases/rows/?scope=mine").content.decode()
    assert "3 equal questions" in client.get("/cases/rows/?scope=all").content.decode()


def test_settled_questions_are_listed_one_by_one():
    first, second = equal(2)
    approve(first)
    approve(second)
    text = signed_in(approver()).get("/cases/rows/?status=settled").content.decode()
    assert "equal questions" not in text
    assert f'id="ask-{first.ref}"' in text
    assert f'id="ask-{second.ref}"' in text


def test_the_page_of_a_group_shows_each_request_and_what_differs():
    one, other = equal(1, impact="All users"), equal(1, impact="Only guests")
    page = signed_in(approver()).get(page_of(one[0])).content.decode()
    assert one[0].group_key == other[0].group_key
    for case in (*one, *other):
        assert case.ref in page
        assert pick(case) in page
    assert "All users" in page
    assert "Only guests" in page
    assert not re.search(r"<input[^>]* checked", page)
    assert not Sighting.objects.exists()


def test_one_answer_decides_the_chosen_each_with_its_own_record():
    first, second, third = equal(3, action=ACT)
    user = approver()
    key = first.options.first().key
    page = signed_in(user).post(
        page_of(first), answer(first, third, choice=f"option:{key}", constraints="Fast")
    )
    assert page.status_code == 200
    text = page.content.decode()
    assert text.count("Decided. The runner gets the answer.") == 2
    decisions = {one.escalation_id: one for one in Decision.objects.all()}
    assert set(decisions) == {first.pk, third.pk}
    for case in (first, third):
        ballot = decisions[case.pk].ballot
        assert (ballot.voter, ballot.request_sha256) == (user, case.request_sha256)
        assert ballot.constraints == ["Fast"]
        assert decisions[case.pk].receipt
    assert len({one.receipt for one in decisions.values()}) == 2
    second.refresh_from_db()
    assert second.status == Status.OPEN
    assert second.ref in text


@pytest.mark.parametrize("choice", ["option:jwt", "rejected", ""])
def test_choosing_nothing_decides_nothing(choice):
    cases = equal()
    client = signed_in(approver())
    page = client.post(page_of(cases[0]), answer(choice=choice, reason="my words"))
    assert page.status_code == 400
    assert "my words" in page.content.decode()
    page = client.post(page_of(cases[0]), answer(*cases, choice=""))
    assert page.status_code == 400
    assert not Ballot.objects.exists()


def test_the_refusal_of_one_holds_up_no_other_and_leaves_its_trace():
    user = approver()
    good, late, changed = equal(3)
    own = equal(1, runner=RunnerFactory(owner=user))[0]
    approve(late, option_key="session")
    said = answer(good, late, own)
    said["case"].append(f"{changed.pk}:{'0' * 64}")
    text = signed_in(user).post(page_of(good), said).content.decode()
    assert Decision.objects.get(escalation=good).decided_by == user
    assert "has decided" in text
    assert "Somebody else has to decide" in text
    assert "What you saw is not what is asked" in text
    assert set(Ballot.objects.filter(voter=user).values_list("escalation", flat=True)) == {good.pk}
    assert AuditEvent.objects.filter(stream="refusals").count() == 3


def test_a_vote_that_breaks_half_way_leaves_nothing_of_that_case(monkeypatch):
    first, second = equal(2)
    sign = deciding.sign

    def fails_once(**arguments):
        if arguments["subject"] == second.subject:
            raise DatabaseError("the disk is full")
        return sign(**arguments)

    monkeypatch.setattr(deciding, "sign", fails_once)
    client = signed_in(approver(), raise_request_exception=False)
    client.post(page_of(first), answer(first, second))
    assert Decision.objects.get().escalation == first
    second.refresh_from_db()
    assert second.status == Status.OPEN
    assert Ask.objects.open().filter(subject=second.subject).exists()


def test_a_case_of_another_group_is_not_decided_here():
    first = equal(2)[0]
    other = ask(task="another", problem="Something else")
    page = signed_in(approver()).post(page_of(first), answer(other))
    assert page.status_code == 400
    assert not Ballot.objects.exists()


def test_where_more_proof_is_needed_the_words_and_choices_are_kept():
    cases = equal(2)
    for case in cases:
        rules_of(case, authentication="fresh")
    client = signed_in(approver(password=PASSWORD))
    page = client.post(page_of(cases[0]), answer(cases[0], context="my words"))
    assert "Confirm that it is you" in page.content.decode()
    assert not Ballot.objects.exists()
    again = client.get(page_of(cases[0])).content.decode()
    assert "my words" in again
    assert re.search(rf'value="{pick(cases[0])}" checked', again)
    assert not re.search(rf'value="{pick(cases[1])}" checked', again)


def test_a_group_without_open_questions_is_not_there():
    assert signed_in(approver()).get("/cases/group/abc/").status_code == 404


@pytest.mark.parametrize("path", [TOGETHER, "group"])
def test_votes_together_need_the_csrf_token_and_the_role(path):
    cases = equal(2)
    url = page_of(cases[0]) if path == "group" else path
    said = answer(*cases) | {"listed": [case.pk for case in cases]} | verdicts(*cases)
    strict = signed_in(approver(), enforce_csrf_checks=True)
    assert strict.post(url, said).status_code == 403
    signed_in(UserFactory(roles=[Role.AUDITOR], is_superuser=True)).post(url, said)
    assert not Ballot.objects.exists()


def verdicts(*cases, choice="option:jwt", **words):
    said = {}
    for case in cases:
        said[f"case-{case.pk}-choice"] = choice
        said[f"case-{case.pk}-seen_sha256"] = case.request_sha256
        said |= {f"case-{case.pk}-{name}": value for name, value in words.items()}
    return said


def test_a_list_gets_a_verdict_each():
    one, two, three = ask(task="1"), ask(task="2"), ask(task="3")
    client = signed_in(approver())
    page = client.get(TOGETHER, {"case": [one.pk, two.pk, three.pk]}).content.decode()
    assert all(case.request_sha256 in page for case in (one, two, three))
    said = {"listed": [one.pk, two.pk, three.pk], **verdicts(three, choice="")}
    said |= verdicts(one) | verdicts(two, choice="rejected", reason="Too risky.")
    text = client.post(TOGETHER, said).content.decode()
    assert text.count("Decided. The runner gets the answer.") == 2
    told = dict(Decision.objects.values_list("escalation", "ballot__verdict"))
    assert told == {one.pk: "approved_option", two.pk: "rejected"}
    assert three.request_sha256 in text


def test_a_list_without_a_verdict_decides_nothing():
    case = ask()
    client = signed_in(approver())
    page = client.post(TOGETHER, {"listed": [case.pk], **verdicts(case, choice="")})
    assert page.status_code == 400
    assert "at least one case" in page.content.decode()
    assert client.get(TOGETHER).status_code == 200
    assert not Ballot.objects.exists()


def test_what_is_incomplete_in_a_list_is_said_and_its_words_are_kept():
    one, two = ask(task="1"), ask(task="2")
    said = verdicts(one, choice="rejected", approach="my words") | verdicts(two)
    page = signed_in(approver()).post(TOGETHER, {"listed": [one.pk, two.pk], **said})
    text = page.content.decode()
    assert "Say why the agent must not proceed" in text
    assert "my words" in text
    assert Decision.objects.get().escalation == two


def test_a_list_is_explicit_and_bounded():
    client = signed_in(approver())
    assert client.get(TOGETHER, {"case": ["999999"]}).status_code == 404
    assert client.get(TOGETHER, {"case": [str(n) for n in range(1, 52)]}).status_code == 400


@pytest.mark.parametrize("address", ["group", "list"])
def test_the_pages_cost_the_same_for_two_cases_and_for_ten(address, django_assert_max_num_queries):
    cases, client = equal(2), signed_in(approver())
    for count in (2, 10):
        assert len(cases) == count
        ids = [case.pk for case in cases]
        url = page_of(cases[0]) if address == "group" else TOGETHER
        data = {} if address == "group" else {"case": ids}
        with django_assert_max_num_queries(16):
            assert client.get(url, data).status_code == 200
        cases += [ask(cases[0].runner, run=f"more-{n}", at=timezone.now()) for n in range(8)]


def test_opening_the_act_of_equal_questions_is_noted_for_each_of_them():
    cases, other, user = equal(2, action=ACT), ask(task="another", problem="Else"), approver()
    client = signed_in(user)
    page = client.get(page_of(cases[0])).content.decode()
    assert f'action="/cases/{cases[0].ref}/opened/"' in page
    assert 'name="equal"' in page
    client.post(f"/cases/{cases[0].ref}/opened/", {"equal": "1"})
    seen = Sighting.objects.filter(action_opened_at__isnull=False)
    subjects = {one.ask.subject for one in seen.filter(user=user)}
    assert subjects == {case.subject for case in cases}
    assert other.subject not in subjects
