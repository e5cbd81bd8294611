"""Asks, notices, links and heartbeats in the admin: they are only read there."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from governance.asking.models import Ask, Bounce, Heartbeat, Notification, ReviewLink
from governance.base.errors import Refusal
from governance.people.admin import ReadOnlyInAdmin
from governance.people.refusals import record
from governance.people.services import actor_of, trust_address
from governance.people.signed_in import person


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


@admin.register(Bounce)
class BounceAdmin(ReadOnlyInAdmin):
    """What mail servers refused. An administrator may say that an address works again."""

    list_display = ("user", "address", "is_permanent", "text", "at")
    list_filter = ("is_permanent",)
    list_select_related = ("user",)
    show_full_result_count = False
    actions = ("trust",)

    @admin.action(description="Mail arrives again: use the address")
    def trust(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        by = person(request)
        for user in {bounce.user for bounce in chosen.select_related("user")}:
            try:
                trust_address(user_id=user.pk, by=by, at=timezone.now())
            except Refusal as refusal:
                record(refusal, by=actor_of(by), where=f"admin trust {user.subject}")
                self.message_user(request, refusal.sentence, messages.ERROR)
            else:
                self.message_user(request, f"{user} gets mail again.")


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyInAdmin):
    list_display = ("name", "completed_at", "handled")
