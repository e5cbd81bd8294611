from django.db import migrations

from governance.base.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("constitution", "0004_amendments")]

    operations = [append_only("constitution_amendment")]
