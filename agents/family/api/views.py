"""Families for people and for runners."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.family.api.serializers import FamilyReportSerializer, FamilySerializer
from agents.family.export import as_markdown
from agents.family.reading import families_for, family_for, report_of
from agents.family.report import as_dict
from agents.models import Family
from governance.base.renderers import MarkdownRenderer
from governance.people.api.permissions import person_or_runner_with
from governance.people.models import Scope


class FamilyList(generics.ListAPIView[Family]):
    """The families with their sizes; for a runner those that hold an agent it may act for."""

    permission_classes = [person_or_runner_with(Scope.READ)]
    serializer_class = FamilySerializer

    def get_queryset(self) -> QuerySet[Family]:
        return families_for(self.request.user)

    @extend_schema(operation_id="families_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class FamilyReport(APIView):
    permission_classes = [person_or_runner_with(Scope.READ)]
    renderer_classes = [JSONRenderer, MarkdownRenderer]

    @extend_schema(
        operation_id="families_report",
        responses={
            (200, "application/json"): FamilyReportSerializer,
            (200, "text/markdown"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, slug: str) -> Response:
        """What is computed about a family: reach, protocol, findings, claims, edges."""
        report = report_of(family_for(request.user, slug), at=timezone.now())
        if isinstance(request.accepted_renderer, MarkdownRenderer):
            return Response(as_markdown(report).encode())
        return Response(FamilyReportSerializer(as_dict(report)).data)
