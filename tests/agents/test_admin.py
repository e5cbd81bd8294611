"""The admin goes the same way as the pages: same services, same four eyes."""

from typing import Any

import pytest

from agents.models import AgentVersion, Environment, Release, ReviewRule, Suspension
from agents.releasing import services as releasing
from agents.reviewing import services as reviewing
from governance.asking.models import Policy
from governance.audit.models import AuditEvent
from governance.people.models import Role
from governance.review.models import Review, Vote
from tests.agents import acts
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
ADMIN = "/admin/agents/"
MODELS = (
    "agent",
    "agentversion",
    "release",
    "suspension",
    "permit",
    "family",
    "environment",
    "reviewrule",
)


def sign_in(client: Any, *roles: str, **fields: Any) -> Any:
    user = UserFactory(roles=list(roles), **fields)
    client.force_login(user)
    return user


def act(client: Any, model: str, action: str, pk: int, **more: str) -> str:
    posted = {"action": action, "_selected_action": [pk], "comment": "", "environment": "", **more}
    answer = client.post(f"{ADMIN}{model}/", posted, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def vote(client: Any, action: str, version: AgentVersion, **more: str) -> str:
    """Choose the action and confirm it on the page that shows the fingerprint."""
    seen = {f"seen_{version.pk}": version.sha256, "confirmed": "yes"}
    return act(client, "agentversion", action, version.pk, **{**seen, **more})


def submitted(author: Any = None) -> AgentVersion:
    version = acts.bring_in(author)
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    return version


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OWNER, Role.ADMINISTRATOR])
def test_every_list_and_row_can_be_read(client, role):
    release = acts.put_into_production()
    suspension = releasing.suspend(slug="worker", reason="odd", by=acts.owner(), at=NOW)
    sign_in(client, role)
    for model in MODELS:
        assert client.get(f"{ADMIN}{model}/").status_code == 200
    for model, pk in (
        ("agent", release.agent_id),
        ("agentversion", release.version_id),
        ("release", release.pk),
        ("suspension", suspension.pk),
    ):
        assert client.get(f"{ADMIN}{model}/{pk}/change/").status_code == 200


@pytest.mark.parametrize("model", MODELS[:5])
def test_governed_objects_are_neither_added_nor_deleted(client, model):
    acts.put_into_production()
    sign_in(client, Role.ADMINISTRATOR, is_superuser=True)
    assert client.get(f"{ADMIN}{model}/add/").status_code == 403
    assert client.post(f"{ADMIN}{model}/1/delete/", {"post": "yes"}).status_code in {302, 403}
    assert client.post(f"{ADMIN}{model}/1/change/", {"name": "x"}).status_code in {302, 403}
    assert AgentVersion.objects.count() == Release.objects.count() == 1


def test_an_approval_is_first_shown_with_the_fingerprint_and_does_nothing(client):
    version = submitted()
    sign_in(client, Role.APPROVER)
    assert version.sha256 in act(client, "agentversion", "approve", version.pk)
    assert not Vote.objects.exists()


def test_a_rejection_carries_its_comment(client):
    version = submitted()
    sign_in(client, Role.APPROVER)
    vote(client, "reject", version, comment="It may do too much.")
    assert Review.objects.get().status == "rejected"


def test_an_approver_approves(client):
    version = submitted()
    approver = sign_in(client, Role.APPROVER)
    assert "your vote is recorded" in vote(client, "approve", version)
    cast = Vote.objects.get()
    assert (cast.voter, cast.method, cast.version_sha256) == (approver, "admin", version.sha256)
    assert Review.objects.get().status == "approved"


@pytest.mark.parametrize("superuser", [False, True])
def test_the_author_cannot_approve_in_the_admin(client, superuser):
    author = sign_in(client, Role.OWNER, Role.APPROVER, is_superuser=superuser)
    version = submitted(author)
    page = vote(client, "approve", version)
    assert "somebody else has to vote" in page
    assert not Vote.objects.exists()
    assert AuditEvent.objects.filter(kind="refused", actor=author.subject).count() == 1


def test_a_superuser_without_the_role_cannot_approve(client):
    version = submitted()
    sign_in(client, Role.ADMINISTRATOR, is_superuser=True)
    assert "you need the role approver" in vote(client, "approve", version)
    assert not Vote.objects.exists()


def test_changes_are_requested_with_a_comment(client):
    version = submitted()
    sign_in(client, Role.APPROVER)
    vote(client, "request_changes", version)
    assert not Vote.objects.exists()
    vote(client, "request_changes", version, comment="Name the tools.")
    assert Review.objects.get().status == "changes_requested"


def test_a_version_is_submitted_and_released(client):
    acts.ratify()
    version = acts.bring_in()
    sign_in(client, Role.OWNER)
    act(client, "agentversion", "submit", version.pk)
    assert "not approved" in act(
        client, "agentversion", "release", version.pk, environment="production"
    )
    assert not Release.objects.exists()
    acts.say(version, acts.approver())
    act(client, "agentversion", "release", version.pk, environment="production")
    assert Release.objects.get().version == version


def test_a_suspension_is_made_and_lifted(client):
    version = acts.bring_in()
    sign_in(client, Role.APPROVER)
    act(client, "agent", "suspend", version.agent_id)
    assert not Suspension.objects.exists()
    act(client, "agent", "suspend", version.agent_id, comment="It dropped a table.")
    suspension = Suspension.objects.get()
    act(client, "suspension", "lift", suspension.pk)
    suspension.refresh_from_db()
    assert suspension.lifted_at


def test_only_those_who_configure_edit_environments(client):
    posted = {"name": "Test bench", "slug": "bench"}
    sign_in(client, Role.OWNER)
    assert client.post(f"{ADMIN}environment/add/", posted).status_code == 403
    sign_in(client, Role.ADMINISTRATOR)
    assert client.post(f"{ADMIN}environment/add/", posted).status_code == 302
    made = Environment.objects.get(slug="bench")
    assert AuditEvent.objects.filter(kind="environment.created").count() == 1
    assert client.post(f"{ADMIN}environment/{made.pk}/delete/").status_code == 403


def test_only_those_who_configure_say_whose_votes_a_class_needs(client):
    policy = Policy.objects.get(slug="review-privilege")
    posted = {"change_class": "behaviour", "tier": "high", "policy": policy.pk}
    sign_in(client, Role.APPROVER)
    assert client.post(f"{ADMIN}reviewrule/add/", posted).status_code == 403
    sign_in(client, Role.ADMINISTRATOR)
    assert client.post(f"{ADMIN}reviewrule/add/", posted).status_code == 302
    assert ReviewRule.objects.get(change_class="behaviour").policy == policy
    assert AuditEvent.objects.filter(kind="reviewrule.created").count() == 1
