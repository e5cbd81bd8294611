from django.db import migrations

# Checked at commit: law comes from an approved review of the very bytes.
INVARIANT = """
CREATE FUNCTION constitution_check_ratification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM review_review
        JOIN constitution_constitutionversion AS version ON version.id = NEW.version_id
        WHERE review_review.id = NEW.review_id
          AND review_review.status = 'approved'
          AND review_review.subject = 'constitution_version:' || NEW.version_id
          AND review_review.version_sha256 = version.sha256
    ) THEN
        RAISE EXCEPTION 'version % is ratified but its review says otherwise', NEW.version_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER constitution_ratified_by_review
    AFTER INSERT ON constitution_ratification
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION constitution_check_ratification();
"""

UNDO = """
DROP TRIGGER constitution_ratified_by_review ON constitution_ratification;
DROP FUNCTION constitution_check_ratification();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("constitution", "0002_append_only"),
        ("review", "0005_verdict_needs_votes"),
    ]

    operations = [migrations.RunSQL(INVARIANT, UNDO)]
