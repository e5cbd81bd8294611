"""The portal tells a runner whose key it holds, and nobody else anything."""

import pytest
from django.test import Client
from django.utils import timezone

from governance.people import services
from governance.people.models import Role
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_a_runner_learns_its_own_name_and_nothing_secret():
    owner = UserFactory(roles=[Role.OWNER])
    runner = RunnerFactory(owner=owner)
    key, plain = services.issue_key(runner_id=runner.pk, by=owner, at=timezone.now())
    answer = Client().get("/api/v1/me/", headers={"Authorization": f"Bearer {plain}"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"runner", "name", "key", "scopes", "expires_at"}
    assert answer.json()["runner"] == runner.slug
    assert key.digest not in answer.text
    assert plain not in answer.text


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer gp_00000000_wrong"}])
def test_without_a_usable_key_there_is_no_name(headers):
    assert Client().get("/api/v1/me/", headers=headers).status_code in {401, 403}


def test_a_signed_in_person_is_no_runner():
    client = Client()
    client.force_login(UserFactory(roles=[Role.OWNER]))
    assert client.get("/api/v1/me/").status_code == 403
