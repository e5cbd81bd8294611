from typing import Any

from django.db import migrations

from governance.asking.defaults import DEFAULTS, create_special_case_policies


def create(apps: Any, schema_editor: Any) -> None:
    """Beside the default as it was made; never where somebody has shaped the policies of cases."""
    policies, rungs = apps.get_model("asking", "Policy"), apps.get_model("asking", "Rung")
    # Conditions are new: without any, these would now take every case. They were never taken
    # before, and rest until an administrator says what they are for.
    policies.objects.filter(kind="case", is_default=False).update(is_active=False)
    default = policies.objects.filter(kind="case", is_default=True).first()
    if default and _is_untouched(default):
        create_special_case_policies(policies, rungs)


def _is_untouched(policy: Any) -> bool:
    name, votes, ladder = DEFAULTS["case"]
    steps = policy.rungs.order_by("position").values_list(
        "role", "delay", "repeat_every", "repeat_cap"
    )
    is_plain = (policy.name, policy.required_votes, policy.teams.exists()) == (name, votes, False)
    return is_plain and list(steps) == ladder


class Migration(migrations.Migration):
    dependencies = [("asking", "0009_engine_append_only")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
