from django.db import migrations

from governance.base.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("agents", "0006_registry")]

    operations = [
        append_only(
            "agents_batch",
            "agents_batchitem",
            "agents_importrun",
            "agents_judgement",
            "agents_opened",
        )
    ]
