"""The runners' pages: whose runners one sees, and keys that are shown once."""

import re

import pytest
from django.utils import timezone

from governance.audit.models import AuditEvent
from governance.people.api.authentication import runner_key
from governance.people.models import Role, Runner, RunnerKey
from governance.people.services import issue_key
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
KEY = re.compile(r"gp_[0-9a-f]{8}_[\w-]{43}")
NEW = {"name": "Build", "slug": "build", "agents": "worker\nstuck\nworker"}


@pytest.fixture
def owner(client):
    user = UserFactory(roles=[Role.OWNER])
    client.force_login(user)
    return user


@pytest.fixture
def runner(owner):
    return RunnerFactory(owner=owner, slug="build", name="Build")


def key_of(runner):
    key, _ = issue_key(runner_id=runner.pk, by=runner.owner, at=timezone.now())
    return key


def test_an_owner_makes_a_runner_of_their_own(client, owner):
    answer = client.post("/runners/", NEW)
    assert answer.headers["Location"] == "/runners/build/"
    made = Runner.objects.get()
    assert (made.owner, made.agents) == (owner, ["stuck", "worker"])
    event = AuditEvent.objects.get()
    assert (event.kind, event.actor) == ("runner.created", owner.subject)


@pytest.mark.parametrize(
    "wrong", [{"slug": ""}, {"slug": "two words"}, {"name": ""}, {"agents": " "}]
)
def test_an_incomplete_runner_is_not_made_and_what_was_typed_stays(client, owner, wrong):
    answer = client.post("/runners/", NEW | {"name": "Build server"} | wrong)
    assert answer.status_code == 400
    assert answer.context["form"].errors.keys() == wrong.keys()
    assert not Runner.objects.exists()


def test_a_short_name_is_given_once(client, runner):
    assert client.post("/runners/", NEW).status_code == 400
    assert Runner.objects.count() == 1


def test_a_new_key_is_shown_once_and_works(client, runner):
    answer = client.post("/runners/build/keys/", {"scopes": ["read"], "days": 30})
    (plain,) = set(KEY.findall(answer.content.decode()))
    key = runner_key(plain, at=timezone.now())
    assert (key.runner, key.scopes) == (runner, ["read"])
    assert (key.expires_at - key.created_at).days == 30
    assert "no-store" in answer.headers["Cache-Control"]
    again = client.get("/runners/build/").content.decode()
    assert key.prefix in again
    assert not KEY.search(again)


@pytest.mark.parametrize(
    "wrong", [{"days": 0}, {"days": 367}, {"scopes": []}, {"scopes": ["everything"]}]
)
def test_a_key_without_bounds_is_not_made(client, runner, wrong):
    answer = client.post("/runners/build/keys/", {"scopes": ["read"], "days": 30} | wrong)
    assert answer.status_code == 400
    assert not RunnerKey.objects.exists()


def test_a_revoked_key_is_marked_and_its_revocation_recorded(client, owner, runner):
    key = key_of(runner)
    assert client.post(f"/runners/keys/{key.pk}/revoke/").status_code == 302
    key.refresh_from_db()
    assert key.revoked_by == owner
    page = client.get("/runners/build/").content.decode()
    assert "Revoked" in page
    assert f"/runners/keys/{key.pk}/revoke/" not in page
    assert AuditEvent.objects.filter(kind="runner.key_revoked").count() == 1


def test_somebody_elses_runner_is_not_there(client, owner):
    foreign = RunnerFactory(slug="foreign", name="Foreign runner")
    key = key_of(foreign)
    assert "Foreign runner" not in client.get("/runners/").content.decode()
    assert client.get("/runners/foreign/").status_code == 404
    assert client.post("/runners/foreign/keys/", {"scopes": ["read"], "days": 1}).status_code == 404
    assert client.post(f"/runners/keys/{key.pk}/revoke/").status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None


def test_an_administrator_manages_every_runner(client):
    client.force_login(UserFactory(roles=[Role.ADMINISTRATOR]))
    key = key_of(RunnerFactory(slug="foreign"))
    assert client.get("/runners/foreign/").status_code == 200
    client.post(f"/runners/keys/{key.pk}/revoke/")
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_an_approver_reads_who_may_manage_runners(client):
    client.force_login(UserFactory(roles=[Role.APPROVER]))
    answer = client.get("/runners/")
    assert answer.status_code == 403
    assert "you need the role owner or administrator" in answer.content.decode()
    assert AuditEvent.objects.get().stream_id == "refusals"


def test_the_list_costs_the_same_for_few_and_for_many(
    client, owner, runner, django_assert_num_queries
):
    with django_assert_num_queries(4):
        client.get("/runners/")
    for n in range(10):
        key_of(RunnerFactory(owner=owner, slug=f"more-{n}"))
    with django_assert_num_queries(4):
        client.get("/runners/")
