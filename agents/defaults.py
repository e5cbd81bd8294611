"""The environments and the policies of review a new portal starts with."""

from typing import Any

ENVIRONMENTS = {"production": "Production", "staging": "Staging"}


def create_default_environments(environment_model: Any) -> None:
    """Write the environments that are missing."""
    for slug, name in ENVIRONMENTS.items():
        environment_model.objects.get_or_create(slug=slug, defaults={"name": name})


PRIVILEGE = "review-privilege"


def create_default_review_rules(rule_model: Any, policy_model: Any, rung_model: Any) -> None:
    """Two votes for privilege, asked for as every review is; the rest by the default policy."""
    usual = policy_model.objects.filter(kind="review", is_default=True).first()
    if usual is None or rule_model.objects.filter(change_class="privilege", tier="").exists():
        return
    policy, created = policy_model.objects.get_or_create(
        slug=PRIVILEGE,
        defaults={"name": "Changes of privilege", "kind": "review", "required_votes": 2},
    )
    if created:
        for rung in usual.rungs.order_by("position"):
            rung.pk, rung.policy_id = None, policy.pk
            rung.save(force_insert=True)
    rule_model.objects.create(change_class="privilege", policy=policy)
