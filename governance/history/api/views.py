from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from governance.audit.models import AuditEvent
from governance.history.api.serializers import AuditEventSerializer
from governance.history.services import search
from governance.people.permissions import Permission, has


class ReadsHistory(BasePermission):
    message = "Only auditors and administrators read the history."

    def has_permission(self, request: Request, view: Any) -> bool:
        return has(request.user, Permission.READ_HISTORY)


@extend_schema(
    tags=["history"],
    parameters=[
        OpenApiParameter(name, OpenApiTypes.STR, description=text)
        for name, text in (
            ("kind", "Begins with, such as `escalation.`"),
            ("actor", "Exactly, such as `user:12`"),
            ("subject", "Begins with, such as `escalation:ESC-12`"),
        )
    ],
)
class EventList(generics.ListAPIView[AuditEvent]):
    """The history, newest first, with what is needed to check the chain."""

    permission_classes = (ReadsHistory,)
    serializer_class = AuditEventSerializer

    def get_queryset(self) -> QuerySet[AuditEvent]:
        query = self.request.query_params
        return search(
            kind=query.get("kind", ""),
            actor=query.get("actor", ""),
            subject=query.get("subject", ""),
        )
