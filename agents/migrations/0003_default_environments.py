from typing import Any

from django.db import migrations

from agents.defaults import create_default_environments


def create(apps: Any, schema_editor: Any) -> None:
    create_default_environments(apps.get_model("agents", "Environment"))


class Migration(migrations.Migration):
    dependencies = [("agents", "0002_append_only")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
