"""Runners, their keys, and who acted."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from governance.audit.actors import NOBODY, Actor
from governance.audit.services import append
from governance.base.errors import InvalidInput, NotPermitted
from governance.people.models import Role, Runner, RunnerKey, Scope, User
from governance.people.permissions import Permission, check

KEY_LIFETIME = timedelta(days=90)
MAX_KEY_LIFETIME = timedelta(days=366)


def actor_of(principal: Any) -> Actor:
    """The history's name for a person, a runner or nobody."""
    if isinstance(principal, Runner):
        return Actor("runner", str(principal.pk))
    if isinstance(principal, User):
        return Actor("user", str(principal.pk))
    return NOBODY


def key_digest(plain: str) -> str:
    """What is stored of a key: keys are random, so a plain hash is enough."""
    return hashlib.sha256(plain.encode()).hexdigest()


@transaction.atomic
def issue_key(
    *,
    runner_id: int,
    by: User,
    at: datetime,
    scopes: list[str] | None = None,
    lifetime: timedelta = KEY_LIFETIME,
) -> tuple[RunnerKey, str]:
    """A new key for a runner, and its plain text, which is shown once and never stored."""
    check(by, Permission.MANAGE_RUNNERS)
    if not timedelta(0) < lifetime <= MAX_KEY_LIFETIME:
        raise InvalidInput("A key lives at least a moment and at most 366 days.")
    runner = Runner.objects.select_for_update().get(pk=runner_id)
    prefix = secrets.token_hex(4)
    plain = f"gp_{prefix}_{secrets.token_urlsafe(32)}"
    key = RunnerKey.objects.create(
        runner=runner,
        prefix=prefix,
        digest=key_digest(plain),
        scopes=list(Scope.values) if scopes is None else scopes,
        created_at=at,
        created_by=by,
        expires_at=at + lifetime,
    )
    append(
        stream=runner.subject,
        kind="runner.key_issued",
        by=actor_of(by),
        at=at,
        data={"prefix": prefix, "scopes": key.scopes, "expires_at": key.expires_at.isoformat()},
    )
    return key, plain


@transaction.atomic
def revoke_key(*, key_id: int, by: User, at: datetime) -> RunnerKey:
    """End a key. It opens nothing from the next look-up on; revoking again changes nothing."""
    check(by, Permission.MANAGE_RUNNERS)
    key = RunnerKey.objects.select_for_update().select_related("runner").get(pk=key_id)
    if key.revoked_at is None:
        key.revoked_at, key.revoked_by = at, by
        key.save(update_fields=["revoked_at", "revoked_by"])
        append(
            stream=key.runner.subject,
            kind="runner.key_revoked",
            by=actor_of(by),
            at=at,
            data={"prefix": key.prefix},
        )
    return key


@transaction.atomic
def create_runner(
    *, name: str, slug: str, owner: User, agents: list[str], by: User, at: datetime
) -> Runner:
    """A machine that may ask in the name of the agents listed (``*`` is all of them)."""
    check(by, Permission.MANAGE_RUNNERS)
    runner = Runner.objects.create(name=name, slug=slug, owner=owner, agents=agents, created_at=at)
    append(
        stream=runner.subject,
        kind="runner.created",
        by=actor_of(by),
        at=at,
        data={"slug": slug, "owner": owner.subject, "agents": agents},
    )
    return runner


@transaction.atomic
def set_roles(*, user_id: int, roles: list[str], by: User, at: datetime) -> User:
    """Change a person's roles; nobody changes their own."""
    check(by, Permission.CONFIGURE)
    if unknown := set(roles) - set(Role.values):
        raise InvalidInput(f"There is no role {', '.join(sorted(unknown))}.")
    if by.pk == user_id:
        raise NotPermitted("Somebody else has to change your own roles.", code="own_roles")
    user = User.objects.select_for_update().get(pk=user_id)
    before, user.roles = user.roles, sorted(set(roles))
    user.save(update_fields=["roles"])
    append(
        stream=user.subject,
        kind="user.roles_changed",
        by=actor_of(by),
        at=at,
        data={"before": sorted(before), "after": user.roles},
    )
    return user


@transaction.atomic
def trust_address(*, user_id: int, by: User, at: datetime) -> User:
    """Say that mail to a person's address arrives again, whatever servers said before."""
    check(by, Permission.CONFIGURE)
    return address_is_good(user_id=user_id, by=actor_of(by), at=at)


@transaction.atomic
def address_is_good(*, user_id: int, by: Actor, at: datetime) -> User:
    """From now on what was said about the address counts no more; the person has proved it."""
    user = User.objects.select_for_update().get(pk=user_id)
    user.address_good_since = at
    user.save(update_fields=["address_good_since"])
    append(stream=user.subject, kind="user.address_good", by=by, at=at)
    return user
