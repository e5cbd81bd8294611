"""The versions of a policy: what it said when a question was asked under it."""

from datetime import datetime
from typing import Any

from django.db import transaction

from governance.asking.models import Policy, PolicyVersion
from governance.asking.policies.ladders import snapshot
from governance.asking.policies.matching import conditions_of
from governance.asking.policies.rules import rules_of
from governance.base.canonical import digest_of
from governance.people.models import User


def content_of(policy: Policy) -> dict[str, Any]:
    """The whole of a policy as plain data."""
    return {
        "name": policy.name,
        "slug": policy.slug,
        "kind": policy.kind,
        "is_default": policy.is_default,
        "is_active": policy.is_active,
        "position": policy.position,
        "conditions": conditions_of(policy),
        "votes": policy.required_votes,
        "rules": rules_of(policy).as_dict(),
        "in_digest": policy.in_digest,
        "wakes_people": policy.wakes_people,
        "ladder": snapshot(policy.kind, policy),
    }


def record_version(policy: Policy, *, by: User | None, at: datetime) -> PolicyVersion:
    """The version of a policy as it is now: the newest where that says the same, else a new one.

    ``by`` is None where a question found a policy that nobody had saved through the admin.
    """
    content = content_of(policy)
    sha256 = digest_of(content)
    return _same(policy, sha256) or _new(policy, content, sha256, by, at)


@transaction.atomic
def _new(
    policy: Policy, content: dict[str, Any], sha256: str, by: User | None, at: datetime
) -> PolicyVersion:
    """Under the lock the next number is free: two questions may find the same policy at once."""
    Policy.objects.select_for_update(no_key=True).get(pk=policy.pk)
    if same := _same(policy, sha256):
        return same
    newest = policy.versions.first()
    return PolicyVersion.objects.create(
        policy=policy,
        number=newest.number + 1 if newest else 1,
        content=content,
        sha256=sha256,
        saved_by=by,
        saved_at=at,
    )


def _same(policy: Policy, sha256: str) -> PolicyVersion | None:
    newest = policy.versions.first()
    return newest if newest and newest.sha256 == sha256 else None
