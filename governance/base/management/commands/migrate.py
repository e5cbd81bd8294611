"""``migrate`` as the database's owner, then the application's rights, table by table."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connection, transaction
from psycopg import sql

from governance.base.append_only import PROTECTED_TABLES
from governance.base.roles import application_role, as_owner

# Held while migrating, so that several web processes may start at once.
MIGRATION_LOCK = 7_203_114


class Command(migrate.Command):
    help = "Migrates as the owner and grants the application role what it may do."

    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
            try:
                super().handle(*args, **options)
                grant_application_role()
            finally:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


@transaction.atomic
def grant_application_role() -> None:
    """Reading and writing everywhere; no change, delete or truncate where it is append-only."""
    role = sql.Identifier(application_role())
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user = %s", [application_role()])
        if cursor.fetchone()[0]:
            return
        for statement in (
            "GRANT USAGE ON SCHEMA public TO {}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}",
        ):
            cursor.execute(sql.SQL(statement).format(role))
        cursor.execute(PROTECTED_TABLES)
        for (table,) in cursor.fetchall():
            cursor.execute(
                sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(
                    sql.Identifier(table), role
                )
            )
