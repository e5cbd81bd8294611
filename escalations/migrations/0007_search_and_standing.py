from django.contrib.postgres.indexes import GinIndex
from django.db import migrations

# Kept by the database: no path into the table can forget it. 'simple' finds names and codes as
# they are written, 'english' finds the same word in another form. What cannot be read as JSON, or
# is too much for one row, is found by its title: a search must never keep a question from people.
SEARCH = """
CREATE FUNCTION escalations_words(said text, weight "char") RETURNS tsvector
LANGUAGE sql IMMUTABLE AS $$
    SELECT setweight(
        to_tsvector('pg_catalog.simple', left(coalesce(said, ''), 20000))
        || to_tsvector('pg_catalog.english', left(coalesce(said, ''), 20000)),
        weight
    )
$$;

CREATE FUNCTION escalations_search_of(title text, request bytea) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    body jsonb;
    offered text;
BEGIN
    body := convert_from(request, 'UTF8')::jsonb;
    SELECT string_agg(
        concat_ws(' ', one ->> 'label', one ->> 'description', one ->> 'consequence'), ' '
    ) INTO offered
    FROM jsonb_array_elements(
        CASE WHEN jsonb_typeof(body -> 'options') = 'array' THEN body -> 'options' ELSE '[]' END
    ) AS one;
    RETURN escalations_words(title, 'A')
        || escalations_words(concat_ws(' ', body ->> 'problem', body ->> 'task'), 'B')
        || escalations_words(offered, 'C')
        || escalations_words(
            concat_ws(' ', body ->> 'impact', body -> 'constitutional_impact' ->> 'text'), 'D'
        );
EXCEPTION WHEN OTHERS THEN
    RETURN escalations_words(title, 'A');
END $$;

CREATE FUNCTION escalations_keep_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search := escalations_search_of(NEW.title, NEW.request);
    RETURN NEW;
END $$;
CREATE TRIGGER escalations_search_is_kept
    BEFORE INSERT OR UPDATE OF title, request, search ON escalations_escalation
    FOR EACH ROW EXECUTE FUNCTION escalations_keep_search();
"""
NO_SEARCH = """
DROP TRIGGER escalations_search_is_kept ON escalations_escalation;
DROP FUNCTION escalations_keep_search();
DROP FUNCTION escalations_search_of(text, bytea);
DROP FUNCTION escalations_words(text, "char");
"""

# A standing decision is a person's: it stands on a vote of its author, nobody changes what it
# says, and a vote that cites it needs a row that may answer just then and has counted the use.
STANDING = """
CREATE FUNCTION escalations_check_standing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.uses <> 0 OR NEW.revoked_at IS NOT NULL OR NOT EXISTS (
            SELECT 1 FROM escalations_decision d
            JOIN escalations_ballot b ON b.id = d.ballot_id
            JOIN escalations_escalation c ON c.id = d.escalation_id
            JOIN escalations_ballot own ON own.escalation_id = d.escalation_id
            WHERE d.id = NEW.source_id AND c.agent_id = NEW.agent_id AND b.standing_id IS NULL
              AND own.voter_id = NEW.author_id AND own.standing_id IS NULL
              AND own.verdict = b.verdict AND own.option_id IS NOT DISTINCT FROM b.option_id
        ) THEN
            RAISE EXCEPTION 'a standing decision stands on a vote of its author'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF NEW.uses IN (OLD.uses, OLD.uses + 1)
           AND (OLD.revoked_at IS NULL OR NEW.revoked_at = OLD.revoked_at)
           AND to_jsonb(NEW) - '{uses,revoked_at,revoked_by_id,revoked_because}'::text[]
             = to_jsonb(OLD) - '{uses,revoked_at,revoked_by_id,revoked_because}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a standing decision is used and revoked, never changed'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER escalations_standing_is_a_persons
    BEFORE INSERT OR UPDATE OR DELETE ON escalations_standingdecision
    FOR EACH ROW EXECUTE FUNCTION escalations_check_standing();
CREATE TRIGGER escalations_standing_is_kept
    BEFORE TRUNCATE ON escalations_standingdecision
    FOR EACH STATEMENT EXECUTE FUNCTION escalations_check_standing();

CREATE FUNCTION escalations_check_standing_vote() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.method = 'standing') <> (NEW.standing_id IS NOT NULL) THEN
        RAISE EXCEPTION 'the method standing and a standing decision come together'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.standing_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM escalations_standingdecision s
        JOIN escalations_escalation c ON c.id = NEW.escalation_id
        JOIN escalations_decision d ON d.id = s.source_id
        JOIN escalations_ballot b ON b.id = d.ballot_id
        WHERE s.id = NEW.standing_id AND s.author_id = NEW.voter_id AND s.agent_id = c.agent_id
          AND s.revoked_at IS NULL AND s.made_at <= NEW.at AND s.expires_at > NEW.at
          AND (s.group_key = '' OR s.group_key = c.group_key)
          AND (s.trigger = '' OR s.trigger = ANY (c.triggers))
          AND c.risk = ANY (s.risks) AND c.environment = ANY (s.environments)
          AND b.verdict = NEW.verdict
          AND s.uses = 1 + (SELECT count(*) FROM escalations_ballot WHERE standing_id = s.id)
    ) THEN
        RAISE EXCEPTION 'standing decision % does not answer case ESC-%',
            NEW.standing_id, NEW.escalation_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER escalations_standing_vote
    BEFORE INSERT ON escalations_ballot
    FOR EACH ROW EXECUTE FUNCTION escalations_check_standing_vote();
"""
NO_STANDING = """
DROP TRIGGER escalations_standing_vote ON escalations_ballot;
DROP FUNCTION escalations_check_standing_vote();
DROP TRIGGER escalations_standing_is_kept ON escalations_standingdecision;
DROP TRIGGER escalations_standing_is_a_persons ON escalations_standingdecision;
DROP FUNCTION escalations_check_standing();
"""
BACKFILL = "UPDATE escalations_escalation SET search = NULL;"


class Migration(migrations.Migration):
    dependencies = [("escalations", "0006_escalation_engine")]

    operations = [
        migrations.AddIndex(
            model_name="escalation",
            index=GinIndex(fields=["triggers"], name="escalation_triggers"),
        ),
        migrations.AddIndex(
            model_name="escalation",
            index=GinIndex(fields=["principles"], name="escalation_principles"),
        ),
        migrations.RunSQL(SEARCH, NO_SEARCH),
        migrations.RunSQL(STANDING, NO_STANDING),
        # Last: the checks of each row that it touches wait for the end of the transaction.
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
    ]
