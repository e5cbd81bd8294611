"""The portal answers to its own name only."""

import pytest
from django.test import Client


@pytest.mark.django_db
def test_a_foreign_host_is_refused_with_a_page():
    answer = Client().get("/account/login/", headers={"host": "elsewhere.example.org"})

    assert answer.status_code == 400
    assert b"This request cannot be read" in answer.content
