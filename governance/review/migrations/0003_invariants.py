from django.db import migrations

# Checked at commit: an open review has an open ask, so somebody is always reminded of it.
INVARIANTS = """
CREATE FUNCTION review_check_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM review_review WHERE id = NEW.id AND status = 'in_review')
       AND NOT EXISTS (
            SELECT 1 FROM asking_ask WHERE subject = 'review:' || NEW.id AND closed_at IS NULL
       ) THEN
        RAISE EXCEPTION 'review % is open but no ask is', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER review_review_invariants
    AFTER INSERT OR UPDATE ON review_review
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION review_check_review();
"""

UNDO = """
DROP TRIGGER review_review_invariants ON review_review;
DROP FUNCTION review_check_review();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("review", "0002_append_only"),
        ("asking", "0001_initial"),
    ]

    operations = [migrations.RunSQL(INVARIANTS, UNDO)]
