"""Cases in the admin: read-only, decided by the same service, four eyes as everywhere."""

import pytest
from django.test import Client
from django.urls import reverse

from escalations.models import Ballot, Decision, Escalation, Outcome
from governance.audit.models import AuditEvent
from governance.people.models import Role
from tests.escalations.acts import ACT, agent, approve, approver, ask, rules_of, version
from tests.factories import PASSWORD, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def url(case, page="change"):
    return reverse(f"admin:escalations_escalation_{page}", args=[case.pk])


def vote_for(case, **changes):
    choice = f"option:{case.options.first().key}"
    return {"choice": choice, "seen_sha256": case.request_sha256, **changes}


def test_a_case_is_decided_from_the_admin():
    case, user = ask(action=ACT), approver()
    client = signed_in(user)
    assert url(case, "decide") in client.get(url(case)).content.decode()
    page = client.get(url(case, "decide")).content.decode()
    assert "add_index.sql" in page
    assert case.request_sha256 in page
    answer = client.post(url(case, "decide"), vote_for(case), follow=True)
    assert f"{case.ref} is decided." in answer.content.decode()
    ballot = Decision.objects.get().ballot
    assert (ballot.voter, ballot.method) == (user, "admin")


def test_an_unfit_vote_shows_the_form_again():
    case = ask()
    answer = signed_in(approver()).post(
        url(case, "decide"), vote_for(case, choice="rejected", context="my words")
    )
    assert answer.status_code == 400
    assert "Say why the agent must not proceed" in answer.content.decode()
    assert "my words" in answer.content.decode()
    assert not Decision.objects.exists()


def _owner_of_the_runner(user):
    return ask(RunnerFactory(owner=user))


def _owner_of_the_acting_agent(user):
    agent(owner=user)
    return ask(action=ACT)


def _author_of_the_acting_version(user):
    return ask(action=ACT, version=version(agent(), author=user).sequence)


@pytest.mark.parametrize("is_superuser", [False, True])
@pytest.mark.parametrize(
    "story", [_owner_of_the_runner, _owner_of_the_acting_agent, _author_of_the_acting_version]
)
def test_four_eyes_hold_in_the_admin(story, is_superuser):
    user = approver(is_superuser=is_superuser)
    case = story(user)
    client = signed_in(user)
    page = client.get(url(case)).content.decode()
    assert "Somebody else has to decide" in page
    assert url(case, "decide") not in page
    assert client.get(url(case, "decide")).status_code == 403
    assert client.post(url(case, "decide"), vote_for(case)).status_code == 403
    assert not Ballot.objects.exists()
    events = AuditEvent.objects.filter(stream="refusals", actor=f"user:{user.pk}")
    assert {event.subject for event in events} == {
        f"GET {url(case, 'decide')}",
        f"POST {url(case, 'decide')}",
    }


@pytest.mark.parametrize("role", [Role.OWNER, Role.AUDITOR, Role.ADMINISTRATOR])
def test_without_the_role_a_superuser_decides_nothing(role):
    case = ask()
    client = signed_in(UserFactory(roles=[role], is_superuser=True))
    assert client.post(url(case, "decide"), vote_for(case)).status_code == 403
    assert not Ballot.objects.exists()


@pytest.mark.parametrize("model", [Escalation, Ballot, Decision, Outcome])
def test_nothing_of_a_case_is_added_changed_or_deleted_in_the_admin(model):
    case = ask()
    approve(case)
    name = model._meta.model_name
    client = signed_in(approver(is_superuser=True, roles=[Role.APPROVER, Role.ADMINISTRATOR]))
    assert client.get(reverse(f"admin:escalations_{name}_changelist")).status_code == 200
    assert client.post(reverse(f"admin:escalations_{name}_add")).status_code == 403
    found = model.objects.first()
    if found:
        args = [found.pk]
        assert client.get(reverse(f"admin:escalations_{name}_change", args=args)).status_code == 200
        for page in ("change", "delete"):
            at = reverse(f"admin:escalations_{name}_{page}", args=args)
            assert client.post(at, {"post": "yes"}).status_code == 403


def test_the_admin_offers_no_bulk_decision():
    case = ask()
    page = signed_in(approver()).get(reverse("admin:escalations_escalation_changelist"))
    assert case.ref in page.content.decode()
    assert "delete_selected" not in page.content.decode()
    assert "decide" not in page.content.decode().lower().replace("decided", "")


def test_the_admin_finds_a_case_by_its_number():
    first, second = ask(), ask(task="other")
    client = signed_in(approver())
    path = reverse("admin:escalations_escalation_changelist")
    found = client.get(path, {"q": second.ref}).content.decode()
    assert url(second) in found
    assert url(first) not in found
    assert "0 cases" in client.get(path, {"q": "%"}).content.decode().replace(
        "escalations", "cases"
    )


def test_the_admin_leads_to_the_proof_that_is_missing_and_keeps_every_word():
    case = rules_of(ask(), authentication="fresh")
    client = signed_in(approver(password=PASSWORD))
    words = {"reason": "Because", "context": "My long words"}
    answer = client.post(url(case, "decide"), vote_for(case, **words))
    assert answer.url.startswith("/account/reauthenticate/?next=")
    back = client.post(answer.url, {"password": PASSWORD, "next": url(case, "decide")})
    assert back.url == url(case, "decide")
    assert "My long words" in client.get(back.url).content.decode()
    assert not Decision.objects.exists()
    client.post(url(case, "decide"), vote_for(case, **words))
    assert Decision.objects.get().ballot.level == "fresh"
