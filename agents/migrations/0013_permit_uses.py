from django.db import migrations

from governance.base.append_only import append_only

# Permits from before uses were counted: what is spent was used once.
COUNT = "UPDATE agents_permit SET uses = 1 WHERE spent_at IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [("agents", "0012_escalation_engine")]

    operations = [
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
        append_only("agents_permituse"),
    ]
