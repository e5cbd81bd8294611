from typing import Any

from django.db import migrations

from agents.defaults import create_default_review_rules
from governance.base.append_only import append_only


def create(apps: Any, schema_editor: Any) -> None:
    create_default_review_rules(
        apps.get_model("agents", "ReviewRule"),
        apps.get_model("asking", "Policy"),
        apps.get_model("asking", "Rung"),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0004_change_classes"),
        ("asking", "0003_about_and_step_order"),
    ]

    operations = [
        append_only("agents_reviewbasis"),
        migrations.RunPython(create, migrations.RunPython.noop),
    ]
