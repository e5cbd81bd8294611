"""Append-only tables: triggers that refuse, whoever asks, and the rights taken away.

Row triggers do not see TRUNCATE, so there is a statement trigger for it as well.
"""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION portal_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

PROTECT = """
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION portal_refuse_change();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION portal_refuse_change();
"""

UNPROTECT = """
DROP TRIGGER {table}_no_change ON {table};
DROP TRIGGER {table}_no_truncate ON {table};
"""

PROTECTED_TABLES = """
SELECT DISTINCT event_object_table FROM information_schema.triggers
WHERE trigger_name LIKE '%\\_no\\_change' AND event_object_schema = current_schema()
"""


def append_only(*tables: str) -> migrations.RunSQL:
    """The migration operation that makes tables append-only for everybody."""
    return migrations.RunSQL(
        FUNCTION + "".join(PROTECT.format(table=table) for table in tables),
        "".join(UNPROTECT.format(table=table) for table in tables),
    )
