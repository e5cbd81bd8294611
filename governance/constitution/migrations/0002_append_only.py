from django.db import migrations

from governance.base.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("constitution", "0001_initial")]

    operations = [
        append_only(
            "constitution_constitutionversion",
            "constitution_principle",
            "constitution_acknowledgement",
            "constitution_ratification",
        )
    ]
