from django.db import migrations

from governance.base.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial")]

    operations = [
        append_only(
            "agents_agentversion",
            "agents_rule",
            "agents_trigger",
            "agents_principleclaim",
            "agents_workflowstep",
            "agents_coordination",
            "agents_qualitystandard",
            "agents_release",
        )
    ]
