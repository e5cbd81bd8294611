"""Cases in the admin: read there, and decided through the same service as everywhere."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from escalations.answers import request_of
from escalations.cases import case_for_page
from escalations.deciding import decide
from escalations.forms import DecideForm
from escalations.models import Ballot, Decision, Escalation, Message, Option, Outcome
from escalations.permissions import check_may_decide, may_decide
from escalations.rendering import ADMIN, template_version
from governance.base.errors import Refusal
from governance.people.admin import ReadOnlyInAdmin, ReadOnlyInline
from governance.people.models import User
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import (
    draft_of,
    drop_draft,
    keep_draft,
    level_of,
    person,
    way_to_prove,
)

METHOD = "admin"
DIGITS = 18


class OptionInline(ReadOnlyInline):
    model = Option
    fields = ("key", "label", "description", "consequence")


class MessageInline(ReadOnlyInline):
    model = Message
    fields = ("author", "runner", "text", "at")


class BallotInline(ReadOnlyInline):
    model = Ballot
    fields = ("voter", "verdict", "option", "reason", "method", "at")


@admin.register(Escalation)
class EscalationAdmin(ReadOnlyInAdmin):
    """Many cases cannot be decided at once: each is read before."""

    list_display = ("ref", "title", "agent", "status", "risk", "blocking", "opened_at")
    list_display_links = ("ref", "title")
    list_filter = ("status", "risk", "environment")
    list_select_related = ("agent",)
    search_fields = ("pk",)
    search_help_text = "The number of a case, such as ESC-12"
    show_full_result_count = False
    exclude = ("request",)
    inlines = (OptionInline, MessageInline, BallotInline)
    change_form_template = "escalations/admin_case.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        number = search_term.strip().upper().removeprefix("ESC-")
        if not search_term.strip():
            return queryset, False
        is_number = number.isascii() and number.isdecimal() and len(number) <= DIGITS
        return queryset.filter(pk=int(number)) if is_number else queryset.none(), False

    def get_urls(self) -> list[URLPattern]:
        view = require_http_methods(["GET", "HEAD", "POST"])(self.decide_view)
        name = "escalations_escalation_decide"
        own = path("<int:pk>/decide/", self.admin_site.admin_view(view), name=name)
        return [own, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        case = context["original"]
        allowed, refusal = may_decide(request.user, case)
        shown = {"may_decide": allowed and case.is_unresolved, "refusal": refusal}
        return super().render_change_form(request, {**context, **shown}, *args, **kwargs)

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What is asked, as stored, and the form; POST calls the service."""
        by, case = person(request), case_for_page(pk)
        check_may_decide(by, case)
        draft = draft_of(request, _draft_name(case))
        form = DecideForm(request.POST or None, case=case, initial=draft.dict() if draft else None)
        if request.method == "POST" and form.is_valid():
            then = self._decide(request, by, case, form)
            if then:
                return HttpResponseRedirect(then)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": case,
            "title": f"Decide {case.ref}",
            "form": form,
            "request_json": request_of(case),
        }
        status = 400 if request.method == "POST" else 200
        return TemplateResponse(request, ADMIN[0], context, status=status)

    def _decide(self, request: HttpRequest, by: User, case: Escalation, form: DecideForm) -> str:
        """Where to go on: the decided case, or the proof that is missing; nowhere if refused."""
        try:
            decision = decide(
                escalation_id=case.pk,
                by=by,
                method=METHOD,
                level=level_of(request),
                at=timezone.now(),
                shown_as=template_version(ADMIN),
                **form.answer(),
            )
        except Refusal as refusal:
            record(refusal, by=actor_of(by), where=f"admin {case.subject}")
            if refusal.code == "authentication" and (way := _way_on(request, case, refusal)):
                return way
            form.add_error(None, refusal.sentence)
            return ""
        drop_draft(request, _draft_name(case))
        done = "is decided" if decision else "has your vote; it takes more people"
        self.message_user(request, f"{case.ref} {done}.", messages.SUCCESS)
        return reverse("admin:escalations_escalation_change", args=[case.pk])


def _draft_name(case: Escalation) -> str:
    return f"admin:{case.subject}"


def _way_on(request: HttpRequest, case: Escalation, refusal: Refusal) -> str:
    """To the proof that is missing and back here; every word is kept meanwhile."""
    keep_draft(request, _draft_name(case))
    then = reverse("admin:escalations_escalation_decide", args=[case.pk])
    return way_to_prove(request, str(refusal.details["needs"]), then=then)


class RecordedInAdmin(ReadOnlyInAdmin):
    """What was said about a case once and for all."""

    list_select_related = ("escalation",)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return ("__str__", "escalation", "at")


admin.site.register((Ballot, Decision, Outcome), RecordedInAdmin)
