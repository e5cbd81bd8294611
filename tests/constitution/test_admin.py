"""The law in the admin: read there; votes go through the service and its four eyes."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.audit.models import AuditEvent
from governance.constitution import services
from governance.constitution.models import ConstitutionVersion
from governance.people.models import Role
from governance.review.models import Vote
from tests.constitution import acts
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/constitution/constitutionversion/"


def act(client: Client, version: ConstitutionVersion, action: str, **data: Any) -> Any:
    sent = {"action": action, "_selected_action": version.pk, **data}
    return client.post(LIST, sent, follow=True)


def confirmed(
    client: Client, version: ConstitutionVersion, action: str = "approve", **data: Any
) -> str:
    seen = {f"seen_{version.pk}": version.sha256, "confirmed": "yes"}
    return str(act(client, version, action, **(seen | data)).content.decode())


def test_an_approval_is_first_shown_with_the_fingerprint_and_does_nothing(client):
    version = acts.submitted()
    client.force_login(acts.approver())
    said = act(client, version, "approve").content.decode()
    assert version.sha256 in said
    assert f'name="seen_{version.pk}"' in said
    assert not Vote.objects.exists()


def test_a_confirmed_approval_ratifies_and_is_recorded_as_made_in_the_admin(client):
    version = acts.submitted()
    client.force_login(acts.approver())
    assert "your vote is recorded" in confirmed(client, version)
    assert services.current() == version
    assert Vote.objects.get().method == "admin"


def test_a_rejection_carries_its_comment(client):
    version = acts.submitted()
    client.force_login(acts.approver())
    confirmed(client, version, "reject", comment="Too short.")
    assert (Vote.objects.get().verdict, Vote.objects.get().comment) == ("reject", "Too short.")


@pytest.mark.parametrize("superuser", [False, True])
def test_the_author_is_refused_in_the_admin_and_the_refusal_stays(client, superuser):
    author = UserFactory(roles=[Role.OWNER, Role.APPROVER], is_superuser=superuser)
    version = acts.submitted(by=author)
    client.force_login(author)
    assert "somebody else has to vote" in confirmed(client, version)
    assert services.current() is None
    assert not Vote.objects.exists()
    refusal = AuditEvent.objects.get(stream="refusals")
    assert (refusal.actor, refusal.subject) == (author.subject, f"admin approve {version.subject}")


def test_a_confirmation_without_the_fingerprint_is_refused(client):
    version = acts.submitted()
    client.force_login(acts.approver())
    said = confirmed(client, version, **{f"seen_{version.pk}": ""})
    assert "not the text you saw" in said
    assert services.current() is None


def test_vague_words_hold_up_the_admin_as_well(client):
    version = acts.submitted(acts.VAGUE)
    client.force_login(acts.approver())
    assert "wait for an acknowledgement" in confirmed(client, version)
    assert services.current() is None


def test_a_version_is_read_there_with_buttons_and_edited_by_nobody(client):
    version = acts.submitted()
    client.force_login(UserFactory(roles=list(Role.values), is_superuser=True))
    address = reverse("admin:constitution_constitutionversion_change", args=[version.pk])
    said = client.get(address).content.decode()
    assert 'value="approve"' in said
    assert 'value="reject"' in said
    assert 'name="_save"' not in said
    assert client.post(address, {"title": "Mine"}).status_code == 403
    assert client.post(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{version.pk}/delete/").status_code == 403
    version.refresh_from_db()
    assert version.title == "Sample Constitution"


@pytest.mark.parametrize(
    "address",
    [
        LIST,
        "/admin/constitution/ratification/",
        "/admin/constitution/acknowledgement/",
        "/admin/review/review/",
    ],
)
def test_every_list_opens_for_readers_and_not_for_strangers(client, address):
    acts.ratified()
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    assert client.get(address).status_code == 200
    client.force_login(UserFactory())
    assert client.get(address).status_code in {302, 403}


def test_a_review_is_read_there_and_not_changed(client):
    version = acts.submitted()
    acts.vote(version, acts.approver(name="Ada Approver"))
    review = Vote.objects.get().review
    client.force_login(UserFactory(roles=list(Role.values), is_superuser=True))
    address = reverse("admin:review_review_change", args=[review.pk])
    assert "Ada Approver" in client.get(address).content.decode()
    assert client.post(address, {"status": "rejected"}).status_code == 403
