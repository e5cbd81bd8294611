"""Agents in the admin: read there, with actions that call the same services as the pages."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from agents.configuring import EnvironmentKind, ReviewRuleKind, TierKind, record_deleted
from agents.models import (
    HEAVY,
    Agent,
    AgentVersion,
    Environment,
    Family,
    Permit,
    Release,
    ReviewRule,
    Suspension,
)
from agents.releasing import services as releasing
from agents.reviewing import services as reviewing
from agents.standing import label_of, with_status
from governance.base.encoding import visible
from governance.base.errors import Refusal
from governance.configuration.kinds import register
from governance.configuration.loosening import Loosening, LooseningInAdmin
from governance.configuration.services import hold_configuration
from governance.people.admin import ConfiguredInAdmin, ReadOnlyInAdmin
from governance.people.permissions import Permission, has
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import person
from governance.review.admin import VersionInAdmin

Act = Callable[..., Any]


class CommentForm(ActionForm):
    """What an action needs besides the rows: a comment or a reason."""

    comment = forms.CharField(required=False, label="Comment or reason")


class EnvironmentForm(ActionForm):
    environment = forms.ModelChoiceField(
        Environment.objects.all(), to_field_name="slug", required=False, empty_label="none"
    )


class ActingInAdmin(ReadOnlyInAdmin):
    """Read-only, with acts on the selected rows; each row is refused or done by itself."""

    def do(self, request: HttpRequest, rows: QuerySet[Any], done: str, act: Act) -> None:
        by = person(request)
        for row in rows:
            try:
                act(row, by=by, at=timezone.now())
            except Refusal as refusal:
                record(refusal, by=actor_of(by), where=f"admin {row.subject}")
                self.message_user(request, f"{row}: {refusal.sentence}", messages.ERROR)
            else:
                self.message_user(request, f"{row}: {done}", messages.SUCCESS)


@admin.register(Agent)
class AgentAdmin(ActingInAdmin):
    kind = register(TierKind())
    list_display = ("slug", "name", "family", "owner", "tier")
    list_filter = ("tier",)
    list_select_related = ("family", "owner")
    search_fields = ("slug", "name", "family__slug")
    action_form = CommentForm
    actions = ("suspend",)

    @admin.action(description="Suspend (with a reason)")
    def suspend(self, request: HttpRequest, rows: QuerySet[Agent]) -> None:
        def act(agent: Agent, **who: Any) -> None:
            releasing.suspend(slug=agent.slug, reason=request.POST.get("comment", ""), **who)

        self.do(request, rows, "suspended.", act)


@admin.register(AgentVersion)
class AgentVersionAdmin(VersionInAdmin, ActingInAdmin):
    cast = staticmethod(reviewing.vote)
    list_display = (
        "__str__",
        "standing",
        "change_class",
        "sha256",
        "author",
        "proposed_by",
        "created_at",
    )
    list_select_related = ("agent", "author", "proposed_by")
    list_filter = ("change_class",)
    search_fields = ("agent__slug", "agent__family__slug", "sha256")
    action_form = EnvironmentForm
    actions = ("submit", *VersionInAdmin.actions, "release")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = with_status(super().get_queryset(request))
        match = request.resolver_match
        is_list = match is not None and str(match.url_name).endswith("_changelist")
        return found.defer(*HEAVY, "findings") if is_list else found

    @admin.display(description="state")
    def standing(self, version: Any) -> str:
        return label_of(version, at=timezone.now())

    @admin.action(description="Submit for review")
    def submit(self, request: HttpRequest, rows: QuerySet[AgentVersion]) -> None:
        def act(version: AgentVersion, **who: Any) -> None:
            reviewing.submit_version(version_id=version.pk, **who)

        self.do(request, rows, "submitted.", act)

    @admin.action(description="Release (choose an environment)")
    def release(self, request: HttpRequest, rows: QuerySet[AgentVersion]) -> None:
        environment = request.POST.get("environment", "")

        def act(version: AgentVersion, **who: Any) -> None:
            releasing.release(version_id=version.pk, environment=environment, **who)

        self.do(request, rows, f"released to {environment}.", act)


@admin.register(Release)
class ReleaseAdmin(ReadOnlyInAdmin):
    list_display = ("agent", "environment", "version", "released_by", "at")
    list_filter = ("environment",)
    list_select_related = ("agent", "environment", "version__agent", "released_by")
    search_fields = ("agent__slug",)


@admin.register(Suspension)
class SuspensionAdmin(ActingInAdmin):
    list_display = ("agent", "version", "why", "suspended_by", "at", "lifted_by", "lifted_at")
    list_select_related = ("agent", "version__agent", "suspended_by", "lifted_by")
    actions = ("lift",)

    @admin.display(description="reason")
    def why(self, suspension: Suspension) -> str:
        return visible(suspension.reason)

    @admin.action(description="Lift")
    def lift(self, request: HttpRequest, rows: QuerySet[Suspension]) -> None:
        def act(suspension: Suspension, **who: Any) -> None:
            releasing.lift(suspension_id=suspension.pk, **who)

        self.do(request, rows, "lifted.", act)


@admin.register(Permit)
class PermitAdmin(ReadOnlyInAdmin):
    list_display = ("source", "agent", "runner", "state", "granted_at", "use_before", "spent_at")
    list_select_related = ("agent", "runner")
    search_fields = ("source", "request_sha256")

    @admin.display
    def state(self, permit: Permit) -> str:
        return permit.state(at=timezone.now())


@admin.register(Family)
class FamilyAdmin(ConfiguredInAdmin):
    list_display = ("name", "slug")
    prepopulated_fields: ClassVar[dict[str, Sequence[str]]] = {"slug": ("name",)}


@admin.register(Environment)
class EnvironmentAdmin(LooseningInAdmin):
    kind = register(EnvironmentKind())
    # Runners ask for it by its slug: under another's it would be that other one.
    fixed = ("slug",)
    list_display = ("name", "slug", "protected", "team", "full_matrix")
    list_select_related = ("team",)
    prepopulated_fields: ClassVar[dict[str, Sequence[str]]] = {"slug": ("name",)}


@admin.register(ReviewRule)
class ReviewRuleAdmin(LooseningInAdmin):
    """Whose votes a class of changes needs; holds for versions submitted from now on."""

    kind = register(ReviewRuleKind())
    list_display = ("change_class", "tier", "environment", "policy", "votes")
    list_select_related = ("policy", "environment")

    @admin.display
    def votes(self, rule: ReviewRule) -> int:
        return rule.policy.required_votes

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has(request.user, Permission.CONFIGURE)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One at a time: each rule that goes is compared with what it leaves behind."""
        found = super().get_actions(request)
        return {name: act for name, act in found.items() if name != "delete_selected"}

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().delete_view(request, *args, **kwargs)
        except Loosening as found:
            self.filed(request, found)
            return redirect("admin:agents_reviewrule_changelist")

    def delete_model(self, request: HttpRequest, obj: ReviewRule) -> None:
        hold_configuration()
        pk = obj.pk
        before = self.kind.read(pk)
        super().delete_model(request, obj)
        after = self.kind.gone()
        if self.kind.loosens(before, after):
            raise Loosening(pk, before, after)
        record_deleted(pk, by=request.user, at=timezone.now())
