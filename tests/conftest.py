"""Fixtures of every test: two database roles, an owner's flush, a clock, people, keys."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker

from agents.defaults import create_default_environments
from agents.models import Environment
from governance.asking.defaults import create_default_policies
from governance.asking.models import Policy, Rung
from governance.base.roles import as_owner

KEPT = {"django_content_type", "auth_permission"}


def truncate_as_owner() -> None:
    """Empty every table, triggers off for this session; the rows of migrations come back."""
    tables = [
        connection.ops.quote_name(model._meta.db_table)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.db_table not in KEPT
    ]
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")
    create_default_policies(Policy, Rung)
    create_default_environments(Environment)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, request: Any
) -> Iterator[None]:
    """Make the test database as its owner; everything after that runs as the application."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    name = f"test_portal_{worker}"
    with django_db_blocker.unblock():
        before = connection.settings_dict["NAME"]
        connection.settings_dict["TEST"]["NAME"] = name
        with as_owner():
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        connection.settings_dict["NAME"] = name
        settings.DATABASES["default"]["NAME"] = name
    yield
    with django_db_blocker.unblock(), as_owner():
        connection.creation.destroy_test_db(before, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def _owners_flush() -> None:
    def teardown(self: TransactionTestCase) -> None:
        truncate_as_owner()

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[method-assign]


@pytest.fixture
def now() -> datetime:
    """A fixed moment; services take their time as an argument."""
    return datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
