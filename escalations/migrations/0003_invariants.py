from django.db import migrations

# Checked at commit, so that a service may write the two rows in either order.
INVARIANTS = """
CREATE FUNCTION escalations_check_case() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    settled text;
BEGIN
    SELECT status INTO settled FROM escalations_escalation WHERE id = NEW.id;
    IF settled IN ('open', 'info_requested') THEN
        IF NOT EXISTS (
            SELECT 1 FROM asking_ask
            WHERE subject = 'escalation:ESC-' || NEW.id AND closed_at IS NULL
        ) THEN
            RAISE EXCEPTION 'case ESC-% is unresolved but no ask is open', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF (settled = 'decided') <> EXISTS (
        SELECT 1 FROM escalations_decision WHERE escalation_id = NEW.id
    ) THEN
        RAISE EXCEPTION 'case ESC-% is % but its decision says otherwise', NEW.id, settled
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER escalations_case_invariants
    AFTER INSERT OR UPDATE ON escalations_escalation
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION escalations_check_case();

CREATE FUNCTION escalations_check_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM escalations_escalation WHERE id = NEW.escalation_id AND status = 'decided'
    ) THEN
        RAISE EXCEPTION 'case ESC-% has a decision but is not decided', NEW.escalation_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER escalations_decision_invariants
    AFTER INSERT ON escalations_decision
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION escalations_check_decision();

CREATE FUNCTION escalations_check_ask() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.subject LIKE 'escalation:ESC-%' AND EXISTS (
        SELECT 1 FROM escalations_escalation
        WHERE id = substr(NEW.subject, 16)::bigint AND status IN ('open', 'info_requested')
    ) AND NOT EXISTS (
        SELECT 1 FROM asking_ask WHERE subject = NEW.subject AND closed_at IS NULL
    ) THEN
        RAISE EXCEPTION 'the ask of % was closed while the case is unresolved', NEW.subject
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER escalations_ask_invariants
    AFTER UPDATE ON asking_ask
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION escalations_check_ask();
"""

UNDO = """
DROP TRIGGER escalations_ask_invariants ON asking_ask;
DROP TRIGGER escalations_decision_invariants ON escalations_decision;
DROP TRIGGER escalations_case_invariants ON escalations_escalation;
DROP FUNCTION escalations_check_ask();
DROP FUNCTION escalations_check_decision();
DROP FUNCTION escalations_check_case();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("escalations", "0002_append_only"),
        ("asking", "0001_initial"),
    ]

    operations = [migrations.RunSQL(INVARIANTS, UNDO)]
