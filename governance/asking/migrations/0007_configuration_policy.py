from typing import Any

from django.db import migrations

from governance.asking.defaults import create_default_policies


def create(apps: Any, schema_editor: Any) -> None:
    create_default_policies(apps.get_model("asking", "Policy"), apps.get_model("asking", "Rung"))


class Migration(migrations.Migration):
    dependencies = [("asking", "0006_configuration_asks")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
