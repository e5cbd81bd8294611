"""Permissions of API views: a view that names none is closed."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from governance.base.errors import NotPermitted
from governance.people.models import Runner, RunnerKey, Scope, User
from governance.people.permissions import Permission, has


class DenyByDefault(BasePermission):
    message = "Nobody may call this."

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


class SignedInOrRunner(BasePermission):
    """Any person with a role to see things, or any runner with a usable key."""

    def has_permission(self, request: Request, view: Any) -> bool:
        principal: Any = request.user
        return isinstance(principal, Runner) or has(principal, Permission.VIEW)


class Person(BasePermission):
    """People only, by session; a runner's key never opens it."""

    message = "Only a signed-in person may do this; a runner's key cannot."

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.user, User) and has(request.user, Permission.VIEW)


class AnyRunner(BasePermission):
    """Any runner with a usable key, whatever its scopes."""

    message = "This needs a runner's key."

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, RunnerKey)


def runner_with(scope: Scope) -> type[BasePermission]:
    """A runner whose key has this scope."""

    class RunnerWithScope(BasePermission):
        message = f"This needs a runner's key with the scope {scope.value}."

        def has_permission(self, request: Request, view: Any) -> bool:
            key = request.auth
            return isinstance(key, RunnerKey) and scope in key.scopes

    return RunnerWithScope


def person_or_runner_with(scope: Scope) -> type[BasePermission]:
    """A person who may see things, or a runner whose key has this scope."""
    allowed: type[BasePermission] = Person | runner_with(scope)  # type: ignore[assignment]  # DRF composes classes
    return allowed


def principal_of(request: Request) -> User | Runner:
    """Who calls: the permission classes let nobody else through."""
    principal: Any = request.user
    if not isinstance(principal, User | Runner):
        raise NotPermitted("Sign in first.")
    return principal


def person_of(request: Request) -> User:
    """The person who calls a view that :class:`Person` guards; nothing is done for another."""
    if not isinstance(request.user, User):
        raise NotPermitted(Person.message, code="people_only")
    return request.user
