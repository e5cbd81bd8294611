from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("review", "0003_invariants")]

    operations = [
        migrations.AddField(
            model_name="review",
            name="kind",
            field=models.CharField(
                choices=[
                    ("case", "Case"),
                    ("review", "Review of a version"),
                    ("amendment", "Amendment of the constitution"),
                ],
                default="review",
                max_length=20,
            ),
        ),
    ]
