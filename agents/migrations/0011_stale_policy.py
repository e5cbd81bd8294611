from typing import Any

from django.db import migrations

from agents.defaults import create_stale_policy


def create(apps: Any, schema_editor: Any) -> None:
    create_stale_policy(apps.get_model("asking", "Policy"), apps.get_model("asking", "Rung"))


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0010_lists_stay_flat"),
        ("asking", "0004_team_votes_and_claims"),
    ]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
