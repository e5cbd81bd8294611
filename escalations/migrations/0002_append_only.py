from django.db import migrations

from governance.base.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("escalations", "0001_initial")]

    operations = [
        append_only(
            "escalations_option",
            "escalations_message",
            "escalations_ballot",
            "escalations_decision",
            "escalations_outcome",
        )
    ]
