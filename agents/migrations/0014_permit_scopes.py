from django.conf import settings
from django.db import migrations, models

# Permits that may still be used are looked at when they end; of older ones nothing is known.
LOOK = """
UPDATE agents_permit SET reconcile_at = use_before WHERE spent_at IS NULL AND use_before > now()
"""


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0013_permit_uses"),
        ("people", "0003_escalation_engine"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="permit",
            name="permit_to_reconcile",
        ),
        migrations.AddField(
            model_name="permit",
            name="environment",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="permit",
            name="reconcile_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(LOOK, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="permit",
            index=models.Index(
                condition=models.Q(("reconcile_at__isnull", False)),
                fields=["reconcile_at", "id"],
                name="permit_to_reconcile",
            ),
        ),
        migrations.AddIndex(
            model_name="permit",
            index=models.Index(
                condition=models.Q(("revoked_at", None), ("scope", "pattern"), ("spent_at", None)),
                fields=["runner", "agent"],
                name="permit_of_a_pattern",
            ),
        ),
        migrations.AddConstraint(
            model_name="permit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("spent_at", None), ("uses__lt", models.F("most_uses"))),
                    models.Q(("spent_at__isnull", False), ("uses", models.F("most_uses"))),
                    _connector="OR",
                ),
                name="agents_permit_spent_when_used_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="permit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("most_uses", 1), ("pattern__isnull", True), ("run", ""), ("scope", "once")
                    ),
                    models.Q(
                        ("pattern__isnull", True), ("run", ""), ("scope__in", ["uses", "until"])
                    ),
                    models.Q(
                        ("pattern__isnull", True),
                        ("scope", "run"),
                        models.Q(("run", ""), _negated=True),
                    ),
                    models.Q(
                        ("pattern__isnull", False),
                        ("scope", "pattern"),
                        models.Q(("environment", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="agents_permit_says_its_scope",
            ),
        ),
    ]
