"""Runners in the admin, and what every model has there: configured or only read."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from governance.audit.services import append
from governance.base.errors import Refusal
from governance.people.admin_lists import CappedPaginator
from governance.people.models import Runner, RunnerKey
from governance.people.permissions import Permission, has
from governance.people.refusals import record
from governance.people.services import actor_of

# Whoever edits these gets into other people's accounts, unseen: they are changed by their owner,
# on the account pages. Groups grant nothing here; roles do.
for model in (
    EmailAddress,
    Authenticator,
    SocialAccount,
    SocialApp,
    SocialToken,
    UserSession,
    Group,
):
    admin.site.unregister(model)


class ConfiguredInAdmin(admin.ModelAdmin[Any]):
    """Editable with the permission to configure, readable for everybody who may see things.

    Every saved change leaves an event in the history; nothing is deleted here.
    """

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has(request.user, Permission.VIEW)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has(request.user, Permission.VIEW)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has(request.user, Permission.CONFIGURE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has(request.user, Permission.CONFIGURE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A refusal undoes the whole form; its trace is written once that is rolled back."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            return self.refused(request, refusal)

    def refused(self, request: HttpRequest, refusal: Refusal) -> HttpResponse:
        """Write a refusal down, and say it beside the form as it is."""
        record(refusal, by=actor_of(request.user), where=f"admin {request.path}")
        self.message_user(request, refusal.sentence, messages.ERROR)
        return redirect(request.path)

    @transaction.atomic
    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        append(
            stream=f"{obj._meta.model_name}:{obj.pk}",
            kind=f"{obj._meta.model_name}.{'changed' if change else 'created'}",
            by=actor_of(request.user),
            at=timezone.now(),
            data={"fields": sorted(form.changed_data)},
        )


class ReadOnlyInAdmin(ConfiguredInAdmin):
    """Governed objects: read here, changed only by the services that actions call."""

    paginator = CappedPaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ConfiguredInline(admin.TabularInline[Any, Any]):
    """Rows of a configured object, with the same permissions; these rows may be taken out."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has(request.user, Permission.VIEW)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has(request.user, Permission.CONFIGURE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has(request.user, Permission.CONFIGURE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has(request.user, Permission.CONFIGURE)


class ReadOnlyInline(ConfiguredInline):
    """Rows of a governed object: read here, changed nowhere."""

    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Runner)
class RunnerAdmin(ReadOnlyInAdmin):
    """Read here; made on the portal's own page, where the key is shown once."""

    list_display = ("name", "slug", "owner", "agents", "is_active")
    list_select_related = ("owner",)


@admin.register(RunnerKey)
class RunnerKeyAdmin(ReadOnlyInAdmin):
    list_display = ("prefix", "runner", "scopes", "expires_at", "revoked_at")
    list_select_related = ("runner",)
    exclude = ("digest",)
