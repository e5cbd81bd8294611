"""Reviews in the admin, and the votes on versions that are cast there."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from governance.base.errors import Refusal
from governance.people.admin import ReadOnlyInAdmin, ReadOnlyInline
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import person
from governance.review.models import Review, Verdict, Vote


class VoteInline(ReadOnlyInline):
    model = Vote
    fields = ("voter", "verdict", "comment", "method", "at")
    readonly_fields = fields


@admin.register(Review)
class ReviewAdmin(ReadOnlyInAdmin):
    """Read here. Votes are cast on the version, whose app knows what an approval does."""

    list_display = ("title", "kind", "status", "required_votes", "opened_at", "closed_at")
    list_filter = ("kind", "status")
    search_fields = ("title", "subject", "version_sha256")
    inlines = (VoteInline,)


class VersionInAdmin(ReadOnlyInAdmin):
    """Immutable versions with the three votes as actions.

    A vote goes through a page that shows the fingerprint; what it then posts is what was seen.
    """

    actions: Sequence[str] = ("approve", "request_changes", "reject")
    change_form_template = "review/admin_version.html"
    # The owning app's service; takes version_id, by, verdict, comment, seen_sha256, method, at.
    cast: ClassVar[Callable[..., Review]]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return super().render_change_form(
            request, {**context, "vote_buttons": Verdict.choices}, *args, **kwargs
        )

    @admin.action(description="Approve")
    def approve(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse | None:
        return self._vote(request, chosen, Verdict.APPROVE)

    @admin.action(description="Request changes")
    def request_changes(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse | None:
        return self._vote(request, chosen, Verdict.REQUEST_CHANGES)

    @admin.action(description="Reject")
    def reject(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse | None:
        return self._vote(request, chosen, Verdict.REJECT)

    def _vote(
        self, request: HttpRequest, chosen: QuerySet[Any], verdict: Verdict
    ) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._confirmation(request, chosen, verdict)
        for version in chosen:
            self._vote_on(request, version, verdict)
        return None

    def _confirmation(
        self, request: HttpRequest, chosen: QuerySet[Any], verdict: Verdict
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": f"{verdict.label}?",
            "action": verdict.value,
            "label": verdict.label,
            "versions": chosen,
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
            "needs_comment": verdict != Verdict.APPROVE,
        }
        return TemplateResponse(request, "review/admin_vote.html", context)

    def _vote_on(self, request: HttpRequest, version: Any, verdict: Verdict) -> None:
        by = person(request)
        try:
            review = type(self).cast(
                version_id=version.pk,
                by=by,
                verdict=verdict,
                comment=request.POST.get("comment", ""),
                seen_sha256=request.POST.get(f"seen_{version.pk}", ""),
                method="admin",
                at=timezone.now(),
            )
        except Refusal as refusal:
            record(refusal, by=actor_of(by), where=f"admin {verdict.value} {version.subject}")
            self.message_user(request, f"{version}: {refusal.sentence}", messages.ERROR)
        else:
            label = review.get_status_display().lower()
            self.message_user(request, f"{version}: your vote is recorded, the review: {label}.")
