from django.db import migrations

# Checked at commit: no review ends with a verdict that the votes of people do not carry.
INVARIANT = """
CREATE FUNCTION review_check_verdict() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    review review_review;
    needed text;
    votes integer;
BEGIN
    SELECT * INTO review FROM review_review WHERE id = NEW.id;
    needed := CASE review.status
        WHEN 'approved' THEN 'approve'
        WHEN 'rejected' THEN 'reject'
        WHEN 'changes_requested' THEN 'request_changes'
    END;
    IF needed IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT count(*) INTO votes FROM review_vote
    WHERE review_id = NEW.id AND verdict = needed AND voter_id <> ALL (review.excluded);
    IF votes < 1 OR needed = 'approve' AND votes < review.required_votes THEN
        RAISE EXCEPTION 'review % is % but its votes say otherwise', NEW.id, review.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER review_verdict_needs_votes
    AFTER INSERT OR UPDATE ON review_review
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION review_check_verdict();
"""

UNDO = """
DROP TRIGGER review_verdict_needs_votes ON review_review;
DROP FUNCTION review_check_verdict();
"""


class Migration(migrations.Migration):
    dependencies = [("review", "0004_kind")]

    operations = [migrations.RunSQL(INVARIANT, UNDO)]
