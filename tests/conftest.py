"""Fixtures of every test: two database roles, an owner's flush, a clock, people, keys."""

import ipaddress
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker

from agents.defaults import (
    create_default_environments,
    create_default_review_rules,
    create_stale_policy,
)
from agents.models import Environment, ReviewRule
from governance.asking.defaults import create_default_policies, create_special_case_policies
from governance.asking.models import Policy, Rung
from governance.base.roles import as_owner

# Several times faster than TRUNCATE: most tables are empty after most tests.
EMPTY = """
SET session_replication_role = replica;
DO $$
DECLARE
    kept text[] := ARRAY['django_content_type', 'auth_permission', 'django_migrations'];
    one record;
    filled boolean;
BEGIN
    FOR one IN SELECT tablename FROM pg_tables
               WHERE schemaname = 'public' AND tablename <> ALL (kept) LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', one.tablename) INTO filled;
        IF filled THEN EXECUTE format('DELETE FROM %I', one.tablename); END IF;
    END LOOP;
    FOR one IN SELECT sequencename FROM pg_sequences
               WHERE schemaname = 'public' AND last_value IS NOT NULL
               AND regexp_replace(sequencename, '_id_seq$', '') <> ALL (kept) LOOP
        EXECUTE format('ALTER SEQUENCE %I RESTART', one.sequencename);
    END LOOP;
END $$;
"""


def empty_as_owner() -> None:
    """Empty every table, triggers off for this session; the rows of migrations come back."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(EMPTY)
    create_default_policies(Policy, Rung)
    create_special_case_policies(Policy, Rung)
    create_default_environments(Environment)
    create_default_review_rules(ReviewRule, Policy, Rung)
    create_stale_policy(Policy, Rung)


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
        with connection.cursor() as cursor:
            # A thread or process of a test may still be letting go of its connection.
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connection.creation.destroy_test_db(before, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def _owners_flush() -> None:
    def teardown(self: TransactionTestCase) -> None:
        empty_as_owner()

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[method-assign]


def refuse_far(address: Any) -> None:
    """Let tests reach this machine only; a name that is not an address is not looked up."""
    host = address[0] if isinstance(address, tuple) else ""
    if host in ("", "localhost"):
        return
    try:
        near = ipaddress.ip_address(str(host).split("%")[0]).is_loopback
    except ValueError:
        near = False
    if not near:
        pytest.fail(f"a test wants to reach {host}: only loopback is allowed")


@pytest.fixture(scope="session", autouse=True)
def _no_sockets_but_loopback() -> Iterator[None]:
    def guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
        def checked(self: socket.socket, address: Any) -> Any:
            refuse_far(address)
            return connect(self, address)

        return checked

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        yield


@pytest.fixture
def now() -> datetime:
    """A fixed moment; services take their time as an argument."""
    return datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
