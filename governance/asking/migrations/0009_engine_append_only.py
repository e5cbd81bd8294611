from django.db import migrations

from governance.base.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("asking", "0008_escalation_engine")]

    operations = [append_only("asking_policyversion", "asking_comment", "asking_bounce")]
