"""People, teams and policies in the admin, and the requests to loosen something."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone

from governance.asking.models import AskKind, OptionAuthority, Policy, Rung
from governance.asking.policies.history import newest_versions
from governance.asking.policies.matching import takes_everything
from governance.base.errors import Refusal
from governance.configuration.conditions import unknown_values
from governance.configuration.forms import TYPED, PolicyForm
from governance.configuration.kinds import register
from governance.configuration.loosening import Loosening, LooseningInAdmin
from governance.configuration.models import ConfigurationChange
from governance.configuration.people import GRANTED, PersonKind, TeamKind, record_members
from governance.configuration.policies import PolicyKind, record_policy
from governance.configuration.previewing import Before, Preview
from governance.configuration.services import confirm_change, refuse_change
from governance.people.admin import ConfiguredInAdmin, ConfiguredInline, ReadOnlyInAdmin
from governance.people.models import Membership, Role, Team, User
from governance.people.refusals import record
from governance.people.services import actor_of, set_roles
from governance.people.signed_in import person


class MembershipInline(ConfiguredInline):
    model = Membership
    autocomplete_fields = ("user",)


@admin.register(Team)
class TeamAdmin(LooseningInAdmin):
    kind = register(TeamKind())
    list_display = ("name", "slug")
    prepopulated_fields: ClassVar[dict[str, Sequence[str]]] = {"slug": ("name",)}
    inlines = (MembershipInline,)

    @transaction.atomic
    def save_related(
        self, request: HttpRequest, form: ModelForm[Any], formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        record_members(form.instance, by=request.user, at=timezone.now())


class UserForm(forms.ModelForm[User]):
    roles = forms.MultipleChoiceField(
        choices=Role.choices, required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = User
        fields = ("email", "name", "roles", "is_active")


@admin.register(User)
class UserAdmin(LooseningInAdmin):
    """People. A new one has no password: they choose it through *Forgot your password?*.

    The address stays as it was given: whoever could change it could take the account over.
    A new person is made at once; the roles of weight come when they are confirmed.
    """

    kind = register(PersonKind())
    fixed = ("email",)
    form = UserForm
    list_display = ("email", "name", "roles", "is_active", "last_login")
    search_fields = ("email", "name")
    ordering = ("email",)

    def save_model(
        self, request: HttpRequest, obj: User, form: ModelForm[Any], change: bool
    ) -> None:
        wanted = form.cleaned_data["roles"]
        obj.roles = form.initial.get("roles", []) if change else []
        obj.email = obj.email.lower()
        if not change:
            obj.set_unusable_password()
            wanted = [role for role in wanted if role not in GRANTED]
        super().save_model(request, obj, form, change)
        if not change:
            # The password comes by mail to this address only, which proves it.
            EmailAddress.objects.create(user=obj, email=obj.email, verified=True, primary=True)
        if sorted(wanted) != sorted(obj.roles):
            set_roles(user_id=obj.pk, roles=wanted, by=person(request), at=timezone.now())

    def save_related(
        self, request: HttpRequest, form: ModelForm[Any], formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        wanted = sorted(form.cleaned_data["roles"])
        before = self.kind.read(form.instance.pk)
        if not change and wanted != before["roles"]:
            self.ask(request, Loosening(form.instance.pk, before, before | {"roles": wanted}))


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


class OptionAuthorityInline(ConfiguredInline):
    model = OptionAuthority
    verbose_name = "option kept for somebody"
    verbose_name_plural = "who may choose which option"


class Simulated(Exception):
    """Raised inside the transaction of a policy's form that is only tried out; undoes it."""

    def __init__(self, preview: Preview) -> None:
        super().__init__("this was only tried out")
        self.preview = preview


SIMULATE = "_simulate"


@admin.register(Policy)
class PolicyAdmin(LooseningInAdmin):
    """Changes hold for questions asked from now on; running ones keep their copy."""

    kind = register(PolicyKind())
    fixed = ("kind", "slug")
    form = PolicyForm
    change_form_template = "configuration/policy_form.html"
    list_display = (
        *("name", "kind", "position", "is_default", "is_active"),
        *("required_votes", "needed_teams", "updated_at"),
    )
    list_filter = ("kind", "is_active")
    search_fields = ("name",)
    ordering = ("kind", "is_default", "position", "name")
    prepopulated_fields: ClassVar[dict[str, Sequence[str]]] = {"slug": ("name",)}
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        models.ManyToManyField: {"widget": forms.CheckboxSelectMultiple}
    }
    inlines = (RungInline, OptionAuthorityInline)
    fieldsets = (
        (None, {"fields": ("name", "slug", "kind", "is_default", "is_active", "position")}),
        (
            "What it is for",
            {
                "description": "For cases only. The policies are tried by position; the first "
                "whose conditions all hold is taken, else the default. Empty holds for all.",
                "fields": (
                    *("agents", "owner_teams", "environments", "triggers", "principles"),
                    *("risks", "authorities", "action_kinds", "blocking", "with_action"),
                ),
            },
        ),
        ("Who must agree", {"fields": ("required_votes", "teams", "one_rejection_ends")}),
        (
            "How it is answered",
            {"fields": ("authentication", "reason_required", "owner_may_answer")},
        ),
        ("How loud it is", {"fields": ("in_digest", "wakes_people")}),
        (
            "How far an answer reaches",
            {"fields": ("permit_scopes", "standing_risks", "standing_uses", "standing_days")},
        ),
        ("Versions", {"fields": ("versions_of_it",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), "versions_of_it")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        return super().get_queryset(request).prefetch_related("teams")

    @admin.display(description="teams")
    def needed_teams(self, policy: Policy) -> str:
        return ", ".join(team.name for team in policy.teams.all())

    @admin.display(description="what changed")
    def versions_of_it(self, policy: Policy) -> str:
        rows = newest_versions(policy) if policy.pk else []
        return render_to_string("configuration/_versions.html", {"rows": rows})

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Simulated as tried:
            return render(request, "configuration/preview.html", {"preview": tried.preview})

    @transaction.atomic
    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        if SIMULATE in request.POST:
            chosen = request.POST.get("simulate_case", "")
            form.tried = Before(obj.kind, chosen=chosen)  # type: ignore[attr-defined]  # read below
        super().save_model(request, obj, form, change)

    @transaction.atomic
    def save_related(
        self, request: HttpRequest, form: ModelForm[Any], formsets: Any, change: bool
    ) -> None:
        if SIMULATE in request.POST:
            ConfiguredInAdmin.save_related(self, request, form, formsets, change)
            tried: Before = form.tried  # type: ignore[attr-defined]  # set by save_model
            raise Simulated(tried.preview(form.instance.pk, at=timezone.now()))
        super().save_related(request, form, formsets, change)
        record_policy(form.instance, by=request.user, at=timezone.now())
        self._warn(request, form.instance)

    def _warn(self, request: HttpRequest, policy: Policy) -> None:
        """Conditions that nothing can fulfil, or that everything does, are most often slips."""
        for field in TYPED:
            for sentence in unknown_values(field, getattr(policy, field)):
                self.message_user(request, sentence, messages.WARNING)
        is_chosen = policy.kind == AskKind.CASE and policy.is_active and not policy.is_default
        if is_chosen and takes_everything(policy):
            sentence = f"{policy} has no conditions: it takes every case that gets to it."
            self.message_user(request, sentence, messages.WARNING)


class ReasonForm(ActionForm):
    """What a refusal needs besides the rows."""

    reason = forms.CharField(required=False, label="Reason")


@admin.register(ConfigurationChange)
class ConfigurationChangeAdmin(ReadOnlyInAdmin):
    """Requests to loosen something, with the two answers as actions."""

    list_display = ("title", "loosens", "state", "asked_by", "asked_at", "settled_by", "settled_at")
    list_filter = ("state", "kind")
    list_select_related = ("asked_by", "settled_by")
    action_form = ReasonForm
    actions = ("confirm", "refuse")

    @admin.display
    def loosens(self, change: ConfigurationChange) -> str:
        return " ".join(change.sentences)

    @admin.action(description="Confirm")
    def confirm(self, request: HttpRequest, chosen: QuerySet[ConfigurationChange]) -> None:
        self._settle(request, chosen, confirm_change)

    @admin.action(description="Refuse (with a reason), or take back")
    def refuse(self, request: HttpRequest, chosen: QuerySet[ConfigurationChange]) -> None:
        self._settle(request, chosen, refuse_change, reason=request.POST.get("reason", ""))

    def _settle(
        self,
        request: HttpRequest,
        chosen: QuerySet[ConfigurationChange],
        act: Callable[..., ConfigurationChange],
        **said: str,
    ) -> None:
        by = person(request)
        for change in chosen:
            try:
                done = act(change_id=change.pk, by=by, at=timezone.now(), **said)
            except Refusal as refusal:
                record(refusal, by=actor_of(by), where=f"admin {change.stream}")
                self.message_user(request, f"{change}: {refusal.sentence}", messages.ERROR)
            else:
                self.message_user(request, f"{change}: {done.get_state_display().lower()}.")
