"""The environments and the policies of review a new portal starts with."""

from datetime import timedelta
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


STALE_APPROVALS = "stale-approvals"
DAY = timedelta(days=1)
# Who may affirm them and who owns the agents hear of it at once; as (role, delay, repeat, cap).
STALE_LADDER = [
    ("approver", timedelta(0), DAY, 2 * DAY),
    ("owner", timedelta(0), DAY, 2 * DAY),
    ("administrator", 5 * DAY, DAY, 2 * DAY),
]


def create_stale_policy(policy_model: Any, rung_model: Any) -> None:
    """Whom reminders of touched approvals go to; administrators change it as any policy."""
    policy, created = policy_model.objects.get_or_create(
        slug=STALE_APPROVALS,
        defaults={"name": "Stale approvals", "kind": "review", "required_votes": 1},
    )
    if not created:
        return
    for position, (role, delay, repeat, cap) in enumerate(STALE_LADDER):
        rung_model.objects.create(
            policy=policy, position=position, audience="role", role=role,
            delay=delay, repeat_every=repeat, repeat_cap=cap,
        )  # fmt: skip
