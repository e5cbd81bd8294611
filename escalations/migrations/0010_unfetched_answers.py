from django.db import migrations, models

# What was settled before this was handed out in its time: it is not kept for anybody.
HANDED_OUT = """
UPDATE escalations_presence SET fetched_at = settled_at FROM escalations_escalation
WHERE escalation_id = id AND settled_at IS NOT NULL AND fetched_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("escalations", "0009_message_wants_edit"),
    ]

    operations = [
        migrations.RunSQL(HANDED_OUT, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(
                condition=models.Q(("fetched_at", None)),
                fields=["escalation"],
                name="presence_unfetched",
            ),
        ),
    ]
