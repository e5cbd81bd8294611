"""`migrate` works as the owner and leaves the application exactly the rights that it needs."""

import pytest
from django.core.management import call_command
from django.db import connection

from governance.base.append_only import PROTECTED_TABLES
from governance.base.management.commands import migrate
from governance.base.roles import application_role, as_owner

pytestmark = pytest.mark.django_db(transaction=True)
RIGHTS = """
SELECT privilege_type FROM information_schema.table_privileges
WHERE grantee = %s AND table_name = %s
"""


def rights_on(table):
    with connection.cursor() as cursor:
        cursor.execute(RIGHTS, [application_role(), table])
        return {right for (right,) in cursor.fetchall()}


def who():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


def test_the_application_reads_and_writes_ordinary_tables():
    assert rights_on("people_runner") == {"SELECT", "INSERT", "UPDATE", "DELETE"}


def test_what_is_written_once_may_be_read_and_added_to():
    assert rights_on("audit_auditevent") == {"SELECT", "INSERT"}


def test_migrating_again_changes_no_right_and_goes_back_to_the_application():
    before = rights_on("audit_auditevent"), rights_on("people_runner")
    call_command("migrate", verbosity=0)
    assert (rights_on("audit_auditevent"), rights_on("people_runner")) == before
    assert who() == application_role()


def test_rights_that_were_given_by_mistake_are_taken_away_again():
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"GRANT UPDATE, DELETE ON audit_auditevent TO {application_role()}")
    call_command("migrate", verbosity=0)
    assert rights_on("audit_auditevent") == {"SELECT", "INSERT"}


def test_a_new_table_can_be_used_at_once():
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE brand_new (id int)")
    try:
        call_command("migrate", verbosity=0)
        assert "INSERT" in rights_on("brand_new")
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("DROP TABLE brand_new")


def test_the_lock_is_given_back_after_a_failure(monkeypatch):
    def broken():
        raise OSError("disk full")

    monkeypatch.setattr(migrate, "grant_application_role", broken)
    with pytest.raises(OSError, match="disk full"):
        call_command("migrate", verbosity=0)
    assert who() == application_role()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [migrate.MIGRATION_LOCK])
        assert cursor.fetchone()[0]


def test_every_protected_table_is_found_by_its_trigger():
    with connection.cursor() as cursor:
        cursor.execute(PROTECTED_TABLES)
        assert ("audit_auditevent",) in cursor.fetchall()
