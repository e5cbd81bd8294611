"""Asks, notices, links and heartbeats in the admin: they are only read there."""

from django.contrib import admin

from governance.asking.models import Ask, Heartbeat, Notification, ReviewLink
from governance.people.admin import ReadOnlyInAdmin


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
