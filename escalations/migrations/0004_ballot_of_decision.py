from django.db import migrations

# A decision carries a vote on this very case, by the person whom it names.
INVARIANT = """
CREATE FUNCTION escalations_check_ballot_of_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM escalations_ballot
        WHERE id = NEW.ballot_id
          AND escalation_id = NEW.escalation_id AND voter_id = NEW.decided_by_id
    ) THEN
        RAISE EXCEPTION 'the decision of case ESC-% is not its voter''s ballot', NEW.escalation_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER escalations_ballot_of_decision
    BEFORE INSERT ON escalations_decision
    FOR EACH ROW EXECUTE FUNCTION escalations_check_ballot_of_decision();
"""

UNDO = """
DROP TRIGGER escalations_ballot_of_decision ON escalations_decision;
DROP FUNCTION escalations_check_ballot_of_decision();
"""


class Migration(migrations.Migration):
    dependencies = [("escalations", "0003_invariants")]

    operations = [migrations.RunSQL(INVARIANT, UNDO)]
