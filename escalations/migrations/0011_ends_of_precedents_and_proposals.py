from django.db import migrations

# What ends once: only the columns that are named may change, and only while the first of them,
# the moment of the end, is empty. Nothing is taken out of the table.
ENDS_ONCE = """
CREATE FUNCTION escalations_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(OLD) ->> TG_ARGV[0] IS NULL
           AND to_jsonb(NEW) - TG_ARGV = to_jsonb(OLD) - TG_ARGV THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% ends once and is never changed: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER escalations_precedent_ends_once
    BEFORE UPDATE OR DELETE ON escalations_precedent FOR EACH ROW
    EXECUTE FUNCTION escalations_ends_once('withdrawn_at', 'withdrawn_by_id');
CREATE TRIGGER escalations_precedent_is_kept
    BEFORE TRUNCATE ON escalations_precedent FOR EACH STATEMENT
    EXECUTE FUNCTION escalations_ends_once();
CREATE TRIGGER escalations_proposal_ends_once
    BEFORE UPDATE OR DELETE ON escalations_proposal FOR EACH ROW
    EXECUTE FUNCTION escalations_ends_once('settled_at', 'settled_by_id', 'taken', 'note');
CREATE TRIGGER escalations_proposal_is_kept
    BEFORE TRUNCATE ON escalations_proposal FOR EACH STATEMENT
    EXECUTE FUNCTION escalations_ends_once();
"""
NO_ENDS = """
DROP TRIGGER escalations_proposal_is_kept ON escalations_proposal;
DROP TRIGGER escalations_proposal_ends_once ON escalations_proposal;
DROP TRIGGER escalations_precedent_is_kept ON escalations_precedent;
DROP TRIGGER escalations_precedent_ends_once ON escalations_precedent;
DROP FUNCTION escalations_ends_once();
"""


class Migration(migrations.Migration):
    dependencies = [("escalations", "0010_unfetched_answers")]

    operations = [migrations.RunSQL(ENDS_ONCE, NO_ENDS)]
