"""Policies are edited in the admin; asks, notices, links and heartbeats are only read there."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest
from django.utils import timezone

from governance.asking.models import Ask, Heartbeat, Notification, Policy, ReviewLink, Rung
from governance.asking.services import snapshot
from governance.audit.services import append
from governance.people.admin import ConfiguredInAdmin, ConfiguredInline, ReadOnlyInAdmin
from governance.people.services import actor_of


class RungFormSet(BaseInlineFormSet[Rung, Policy, ModelForm[Rung]]):
    """A ladder has at least one step."""

    def clean(self) -> None:
        super().clean()
        if not any(form.cleaned_data and not self._is_deleted(form) for form in self.forms):
            raise ValidationError("A policy needs at least one step.")

    def _is_deleted(self, form: ModelForm[Rung]) -> bool:
        return bool(form.cleaned_data.get("DELETE"))


class RungInline(ConfiguredInline):
    model = Rung
    formset = RungFormSet
    verbose_name = "step"
    verbose_name_plural = "steps of the ladder"
    autocomplete_fields = ("person",)


@admin.register(Policy)
class PolicyAdmin(ConfiguredInAdmin):
    """Changes hold for questions asked from now on; running ones keep their copy."""

    list_display = ("name", "kind", "is_default", "required_votes", "needed_teams", "updated_at")
    list_filter = ("kind",)
    search_fields = ("name",)
    filter_horizontal = ("teams",)
    inlines = (RungInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        return super().get_queryset(request).prefetch_related("teams")

    @admin.display(description="teams")
    def needed_teams(self, policy: Policy) -> str:
        return ", ".join(team.name for team in policy.teams.all())

    @transaction.atomic
    def save_related(
        self, request: HttpRequest, form: ModelForm[Any], formsets: Any, change: bool
    ) -> None:
        """The steps are saved after the policy: only now the whole of it can be recorded."""
        super().save_related(request, form, formsets, change)
        policy = form.instance
        append(
            stream=f"policy:{policy.pk}",
            kind="policy.saved",
            by=actor_of(request.user),
            at=timezone.now(),
            data={
                "kind": policy.kind,
                "is_default": policy.is_default,
                "votes": policy.required_votes,
                "teams": sorted(policy.teams.values_list("slug", flat=True)),
                "ladder": snapshot(policy.kind, policy),
            },
        )


@admin.register(Ask)
class AskAdmin(ReadOnlyInAdmin):
    list_display = ("subject", "kind", "title", "step", "repeats", "next_action_at", "closed_at")
    list_filter = ("kind",)
    search_fields = ("subject",)
    show_full_result_count = False


@admin.register(Notification)
class NotificationAdmin(ReadOnlyInAdmin):
    list_display = ("ask", "recipient", "reason", "step", "state", "attempts", "settled_at")
    list_filter = ("state", "reason")
    list_select_related = ("ask", "recipient")
    show_full_result_count = False


@admin.register(ReviewLink)
class ReviewLinkAdmin(ReadOnlyInAdmin):
    list_display = ("ask", "recipient", "created_at", "expires_at", "revoked_at")
    list_select_related = ("ask", "recipient")
    show_full_result_count = False


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyInAdmin):
    list_display = ("name", "completed_at", "handled")
