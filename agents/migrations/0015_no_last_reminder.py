from django.db import migrations


class Migration(migrations.Migration):
    # The history says when people were reminded of a permit; nobody read it from here.
    dependencies = [("agents", "0014_permit_scopes")]

    operations = [migrations.RemoveField(model_name="permit", name="reminded_at")]
