from django.db import migrations

# A review that is part of another has neither ask nor votes of its own: the whole is asked and
# voted on, and the part ends as the whole does. Both checked at commit.
INVARIANTS = """
CREATE OR REPLACE FUNCTION review_check_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
            SELECT 1 FROM review_review
            WHERE id = NEW.id AND status = 'in_review' AND part_of_id IS NULL
       )
       AND NOT EXISTS (
            SELECT 1 FROM asking_ask WHERE subject = 'review:' || NEW.id AND closed_at IS NULL
       ) THEN
        RAISE EXCEPTION 'review % is open but no ask is', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
            SELECT 1 FROM review_review AS part
            JOIN review_review AS whole ON whole.id = part.part_of_id
            WHERE (part.id = NEW.id OR whole.id = NEW.id)
              AND part.status <> whole.status AND part.status <> 'withdrawn'
       ) THEN
        RAISE EXCEPTION 'review % and the whole it is part of differ', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION review_check_verdict() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF needed IS NULL OR review.part_of_id IS NOT NULL THEN
        RETURN NULL;
    END IF;
    SELECT count(*) INTO votes FROM review_vote
    WHERE review_id = NEW.id AND verdict = needed AND voter_id <> ALL (review.excluded);
    IF votes < 1 OR needed = 'approve' AND votes < review.required_votes THEN
        RAISE EXCEPTION 'review % is % but its votes say otherwise', NEW.id, review.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF needed = 'approve' AND EXISTS (
        SELECT 1 FROM unnest(review.required_teams) AS team
        WHERE NOT EXISTS (
            SELECT 1 FROM review_vote
            WHERE review_id = NEW.id AND verdict = 'approve'
              AND voter_id <> ALL (review.excluded) AND team = ANY (teams)
        )
    ) THEN
        RAISE EXCEPTION 'review % is approved but a team has not voted', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("review", "0006_parts_teams_comments")]

    operations = [migrations.RunSQL(INVARIANTS, migrations.RunSQL.noop)]
