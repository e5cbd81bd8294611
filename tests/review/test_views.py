"""What is the same for every review: its address, having seen it, taking it back."""

import pytest
from django.test import Client
from django.urls import reverse

from governance.asking.models import AskKind, Sighting
from governance.audit.models import AuditEvent
from governance.people.models import Role, User
from governance.people.services import actor_of
from governance.review.models import Review
from governance.review.services import open_review
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def author() -> User:
    return UserFactory(roles=[Role.OWNER])


@pytest.fixture
def review(author) -> Review:
    return open_review(
        kind=AskKind.REVIEW,
        subject="thing:1",
        title="Thing, version 1",
        path="/constitution/",
        version_sha256="a" * 64,
        constitution_sha256="",
        excluded={author.pk},
        by=actor_of(author),
        at=NOW,
    )


def test_a_reviews_address_leads_to_the_text_and_changes_nothing(client, review):
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    answer = client.get(reverse("review", args=[review.pk]))
    assert (answer.status_code, answer["Location"]) == (302, "/constitution/")
    assert not Sighting.objects.exists()


@pytest.mark.parametrize("name", ["review-seen", "review-withdraw"])
def test_acts_are_never_done_by_opening_an_address(client, review, author, name):
    client.force_login(author)
    assert client.get(reverse(name, args=[review.pk])).status_code == 405
    review.refresh_from_db()
    assert review.status == "in_review"
    assert not Sighting.objects.exists()


def test_seeing_takes_a_post_with_the_token(review):
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(roles=[Role.APPROVER]))
    assert client.post(reverse("review-seen", args=[review.pk])).status_code == 403
    assert not Sighting.objects.exists()


def test_seeing_is_noted_for_who_is_signed_in(client, review):
    reader = UserFactory(roles=[Role.APPROVER])
    client.force_login(reader)
    assert client.post(reverse("review-seen", args=[review.pk])).status_code == 204
    assert Sighting.objects.get().user == reader


@pytest.mark.parametrize("name", ["review", "review-seen", "review-withdraw"])
def test_strangers_learn_nothing(client, review, name):
    client.force_login(UserFactory())
    address = reverse(name, args=[review.pk])
    answer = client.get(address) if name == "review" else client.post(address)
    assert answer.status_code == 404


def test_the_author_takes_it_back_on_the_page(client, review, author):
    client.force_login(author)
    answer = client.post(reverse("review-withdraw", args=[review.pk]))
    assert answer["Location"] == review.path
    review.refresh_from_db()
    assert review.status == "withdrawn"


def test_taking_back_what_others_wrote_is_refused_and_recorded(client, review):
    other = UserFactory(roles=[Role.OWNER])
    client.force_login(other)
    answer = client.post(reverse("review-withdraw", args=[review.pk]))
    assert answer.status_code == 403
    assert "Only somebody who wrote or submitted" in answer.content.decode()
    review.refresh_from_db()
    assert review.status == "in_review"
    assert AuditEvent.objects.get(stream="refusals").actor == other.subject
