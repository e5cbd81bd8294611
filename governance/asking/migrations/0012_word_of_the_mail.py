from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("asking", "0011_held_notices")]

    operations = [
        migrations.AddField(
            model_name="reviewlink",
            name="word_failures",
            field=models.PositiveSmallIntegerField(default=0),
        ),
    ]
