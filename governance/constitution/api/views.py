"""The law for runners and people, as JSON or as the very bytes that were ratified."""

import base64

from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.base.canonical import sha256_hex
from governance.base.errors import NotThere
from governance.base.renderers import MarkdownRenderer
from governance.constitution.api.serializers import (
    LawSerializer,
    LawVersionSerializer,
    SubmitAmendmentSerializer,
    SubmittedSerializer,
    VotedSerializer,
    VoteSerializer,
    law_body,
    version_body,
)
from governance.constitution.models import ConstitutionVersion, Ratification
from governance.constitution.permissions import version_for
from governance.constitution.reports import report_of
from governance.constitution.services import MAIN, submit_version, vote
from governance.constitution.standing import in_force
from governance.people.api.permissions import Person, person_of, person_or_runner_with
from governance.people.models import Scope
from governance.review.services import latest_review

READS = {
    "parameters": [OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER)],
    "responses": {
        (200, "application/json"): LawSerializer,
        (200, "text/markdown"): OpenApiTypes.BINARY,
        304: OpenApiResponse(description="What you hold is still so."),
    },
}

READS_VERSION = {
    **READS,
    "responses": {**READS["responses"], (200, "application/json"): LawVersionSerializer},  # type: ignore[dict-item]  # one dict for two calls
}


class Law(APIView):
    permission_classes = [person_or_runner_with(Scope.READ)]
    renderer_classes = [JSONRenderer, MarkdownRenderer]

    @extend_schema(operation_id="constitution_read", **READS)  # type: ignore[arg-type]  # one dict for two calls
    def get(self, request: Request) -> HttpResponse:
        """The law in force. 404 means that none is ratified: then nothing complies with it."""
        law = in_force(MAIN)
        if law is None:
            raise NotThere("No constitution is ratified.", code="no_constitution")
        return _answer(request, law.version, law, is_law=True)


class Version(APIView):
    permission_classes = [person_or_runner_with(Scope.READ)]
    renderer_classes = [JSONRenderer, MarkdownRenderer]

    @extend_schema(operation_id="constitution_version_read", **READS_VERSION)  # type: ignore[arg-type]  # one dict, as for the law
    def get(self, request: Request, sequence: int) -> HttpResponse:
        """One version by its number, with what it changes; runners see those that were ratified."""
        version = version_for(request.user, MAIN, sequence)
        law = in_force(MAIN)
        is_law = law is not None and law.version_id == version.pk
        own = law if is_law else version.ratifications.select_related("review").first()
        if _is_markdown(request):
            return _answer(request, version, own, is_law=is_law)
        # The report depends on the people there are: its answer is compared as it stands.
        report = report_of(version, latest_review(version.subject))
        body = version_body(version, own, in_force=is_law, report=report)
        etag = f'"{sha256_hex(JSONRenderer().render(body))}"'
        if _holds(request, etag):
            return _with_headers(HttpResponse(status=304), etag)
        return _with_headers(Response(body), etag)


def _is_markdown(request: Request) -> bool:
    return isinstance(request.accepted_renderer, MarkdownRenderer)


def _answer(
    request: Request,
    version: ConstitutionVersion,
    ratification: Ratification | None,
    *,
    is_law: bool,
) -> HttpResponse:
    markdown = _is_markdown(request)
    etag = _etag(version, ratification, is_law=is_law, markdown=markdown)
    if _holds(request, etag):
        return _with_headers(HttpResponse(status=304), etag)
    if not markdown:
        return _with_headers(Response(law_body(version, ratification, in_force=is_law)), etag)
    response = _with_headers(Response(bytes(version.raw)), etag)
    digest = base64.b64encode(bytes.fromhex(version.sha256)).decode()
    response["Repr-Digest"] = f"sha-256=:{digest}:"  # RFC 9530
    return response


def _etag(
    version: ConstitutionVersion,
    ratification: Ratification | None,
    *,
    is_law: bool,
    markdown: bool,
) -> str:
    """The bytes alone for Markdown; for JSON also where the version stands."""
    if markdown:
        return f'"{version.sha256}-md"'
    return f'"{version.sha256}-{ratification.pk if ratification else 0}-{int(is_law)}"'


def _holds(request: Request, etag: str) -> bool:
    held = [one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))]
    return "*" in held or etag in held


def _with_headers(response: HttpResponse, etag: str) -> HttpResponse:
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
    return response


class Votes(APIView):
    permission_classes = [Person]

    @extend_schema(
        operation_id="constitution_version_vote",
        request=VoteSerializer,
        responses={200: VotedSerializer},
    )
    def post(self, request: Request, sequence: int) -> Response:
        """Vote on the review of a version: people only. The approval that suffices ratifies it."""
        version = version_for(request.user, MAIN, sequence)
        said = VoteSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        review = vote(
            version_id=version.pk,
            by=person_of(request),
            method="api",
            at=timezone.now(),
            **said.validated_data,
        )
        body = {"review": review.pk, "status": review.status, "sha256": review.version_sha256}
        return Response(VotedSerializer(body).data)


class Submissions(APIView):
    permission_classes = [Person]

    @extend_schema(
        operation_id="constitution_version_submit",
        request=SubmitAmendmentSerializer,
        responses={200: SubmittedSerializer},
    )
    def post(self, request: Request, sequence: int) -> Response:
        """Put a version to the vote: people only. 409 where its number does not follow."""
        version = version_for(request.user, MAIN, sequence)
        said = SubmitAmendmentSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        review = submit_version(
            version_id=version.pk, by=person_of(request), at=timezone.now(), **said.validated_data
        )
        report = report_of(version, review)
        body = {
            "review": review.pk,
            "status": review.status,
            "sha256": review.version_sha256,
            "required_votes": review.required_votes,
            "level": review.amendment.level,
            "computed_level": review.amendment.computed_level,
            "warnings": [finding.message for finding in report.findings] if report else [],
        }
        return Response(SubmittedSerializer(body).data)
