"""The law in the admin: read there, voted on there, never edited there."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from governance.base.encoding import visible
from governance.constitution.models import (
    Acknowledgement,
    Amendment,
    ConstitutionVersion,
    Ratification,
)
from governance.constitution.services import vote
from governance.constitution.standing import LABELS, with_status
from governance.people.admin import ReadOnlyInAdmin
from governance.review.admin import VersionInAdmin


@admin.register(ConstitutionVersion)
class ConstitutionVersionAdmin(VersionInAdmin):
    cast = staticmethod(vote)
    list_display = ("__str__", "standing", "author", "created_at", "sha256")
    list_select_related = ("author",)
    search_fields = ("title", "sha256")
    readonly_fields = ("standing", "shown_text")
    fields: ClassVar[tuple[str, ...]] = (
        "constitution",
        "sequence",
        "title",
        "standing",
        "author",
        "created_at",
        "sha256",
        "findings",
        "shown_text",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_status(super().get_queryset(request))

    @admin.display(description="State")
    def standing(self, version: Any) -> str:
        return LABELS[version.status]

    @admin.display(description="Text")
    def shown_text(self, version: ConstitutionVersion) -> str:
        return visible(version.text)


@admin.register(Ratification)
class RatificationAdmin(ReadOnlyInAdmin):
    list_display = ("version", "level", "review", "at", "grace_until")
    list_select_related = ("version", "review")


@admin.register(Amendment)
class AmendmentAdmin(ReadOnlyInAdmin):
    list_display = ("version", "level", "computed_level", "base", "review")
    list_select_related = ("version", "base", "review")


@admin.register(Acknowledgement)
class AcknowledgementAdmin(ReadOnlyInAdmin):
    list_display = ("version", "finding_key", "user", "at")
    list_select_related = ("version", "user")
