"""The environments a new portal starts with."""

from typing import Any

ENVIRONMENTS = {"production": "Production", "staging": "Staging"}


def create_default_environments(environment_model: Any) -> None:
    """Write the environments that are missing."""
    for slug, name in ENVIRONMENTS.items():
        environment_model.objects.get_or_create(slug=slug, defaults={"name": name})
