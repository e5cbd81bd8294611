from django.db import migrations

# The end of a part needs no votes of its own, so nothing becomes part of a whole afterwards: it
# is born as one, while the whole is open, and stays in it.
TRIGGER = """
CREATE FUNCTION review_check_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.part_of_id IS DISTINCT FROM OLD.part_of_id THEN
            RAISE EXCEPTION 'review % cannot become part of another', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
    ELSIF NEW.part_of_id IS NOT NULL AND (NEW.status <> 'in_review' OR NOT EXISTS (
            SELECT 1 FROM review_review
            WHERE id = NEW.part_of_id AND status = 'in_review' AND part_of_id IS NULL
       )) THEN
        RAISE EXCEPTION 'a review is part of an open whole or of none'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER review_part BEFORE INSERT OR UPDATE ON review_review
FOR EACH ROW EXECUTE FUNCTION review_check_part();
"""
DROP = "DROP TRIGGER review_part ON review_review; DROP FUNCTION review_check_part();"


class Migration(migrations.Migration):
    dependencies = [("review", "0008_mandatory_reviews")]

    operations = [migrations.RunSQL(TRIGGER, DROP)]
