"""What could run when, and the signed bundle for when the portal cannot be reached."""

from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.releasing.api.serializers import BundleSerializer, ReportSerializer
from agents.releasing.as_of import as_of
from agents.releasing.bundle import outline_of, signed_bundle
from agents.releasing.exports import signed_report
from agents.releasing.forms import PRODUCTION, AsOfForm
from governance.base.errors import InvalidInput
from governance.people.api.permissions import person_or_runner_with, principal_of
from governance.people.models import Scope

ENVIRONMENT = OpenApiParameter("environment", str, default=PRODUCTION)


class AsOfView(APIView):
    permission_classes = [person_or_runner_with(Scope.READ)]

    @extend_schema(
        operation_id="as_of",
        parameters=[
            OpenApiParameter("at", OpenApiTypes.DATETIME, description="Default: now."),
            OpenApiParameter("zone", str, description="Of a moment without an offset; UTC."),
            ENVIRONMENT,
        ],
        responses=ReportSerializer,
    )
    def get(self, request: Request) -> Response:
        """What could run at a moment, under which constitution, approved by whom; signed."""
        now, principal = timezone.now(), principal_of(request)
        form = AsOfForm(request.query_params, now=now)
        if not form.is_valid():
            raise InvalidInput(
                " ".join(str(line) for lines in form.errors.values() for line in lines)
            )
        found = as_of(
            environment=form.cleaned_data["environment"].slug,
            at=form.cleaned_data["at"],
            principal=principal,
        )
        return Response(signed_report(found, reader=principal, at=now))


class BundleView(APIView):
    permission_classes = [person_or_runner_with(Scope.READ)]

    @extend_schema(
        operation_id="bundle",
        parameters=[ENVIRONMENT, OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER)],
        responses={
            200: BundleSerializer,
            304: OpenApiResponse(description="What you hold is still right, and not old."),
        },
    )
    def get(self, request: Request) -> HttpResponse:
        """All that the caller's agents may run there, signed, with expiry and revocations."""
        outline = outline_of(
            environment=request.query_params.get("environment", PRODUCTION),
            principal=principal_of(request),
            at=timezone.now(),
        )
        etag = f'W/"{outline.etag}"'
        held = parse_etags(request.headers.get("If-None-Match", ""))
        known = etag in held or etag.removeprefix("W/") in held
        response = HttpResponse(status=304) if known else Response(signed_bundle(outline))
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
        return response
