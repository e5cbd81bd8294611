from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("escalations", "0008_settled_index")]

    operations = [
        migrations.AddField(
            model_name="message", name="wants_edit", field=models.BooleanField(default=False)
        ),
    ]
