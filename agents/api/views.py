"""The registry for runners and people: read, check, propose, resolve."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.parsers import MarkdownParser, definition_of, named_in, provenance_in
from agents.api.serializers import (
    AgentSerializer,
    CheckedSerializer,
    ComparisonSerializer,
    DefinitionSerializer,
    ProposedSerializer,
    ResolvedSerializer,
    VersionSerializer,
    resolved_body,
)
from agents.comparing import Comparison, compare_with_base
from agents.diff_page import comparison_for
from agents.importing import PROVENANCE, check_size, slug_of
from agents.models import HEAVY, Agent, AgentVersion, Tier
from agents.overview import for_overview, overviews
from agents.parsing import parse_definition
from agents.permissions import agent_for, agents_for, version_for
from agents.resolving import Standing, document, receipt_of, stand
from agents.services import import_definition
from agents.standing import DRAFT, LABELS, standing_of, that_stand, with_status
from governance.base.canonical import sha256_hex
from governance.base.json_bodies import JSONParser
from governance.base.renderers import MarkdownRenderer
from governance.people.api.permissions import person_or_runner_with, principal_of
from governance.people.models import Scope

BODY = {"text/markdown": OpenApiTypes.STR, "application/json": DefinitionSerializer}
# What the JSON body holds beside the text stands in the query where the body is Markdown.
BESIDE_MARKDOWN = [OpenApiParameter("filename", str), OpenApiParameter("family", str)]
WHERE_FROM = [OpenApiParameter(name, str) for name in PROVENANCE]
COUNTED = (
    "principles",
    "triggers",
    "rules",
    "payload_fields",
    "examples",
    "workflow",
    "coordination",
    "quality",
)


def _many(serializer: Any, rows: Sequence[Any]) -> Any:
    return serializer(rows, many=True).data


class AgentList(generics.ListAPIView[Agent]):
    """The agents: all of them for people, for a runner those it may act for."""

    permission_classes = [person_or_runner_with(Scope.READ)]
    serializer_class = AgentSerializer  # type: ignore[assignment]  # it reads overviews of agents

    def get_queryset(self) -> QuerySet[Agent]:
        return for_overview(agents_for(self.request.user))

    @extend_schema(operation_id="agents_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(
            _many(AgentSerializer, overviews(page, at=timezone.now()))
        )


class AgentDetail(APIView):
    permission_classes = [person_or_runner_with(Scope.READ)]

    @extend_schema(operation_id="agents_read", responses=AgentSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """One agent: its newest version, what is released where, whether it is suspended."""
        found = agent_for(request.user, slug)
        agent = for_overview(Agent.objects.filter(pk=found.pk)).get()
        return Response(AgentSerializer(overviews([agent], at=timezone.now())[0]).data)


class VersionList(generics.ListAPIView[AgentVersion]):
    """The versions of an agent, newest first; and the place to propose another."""

    serializer_class = VersionSerializer
    parser_classes = [JSONParser, MarkdownParser]
    queryset = AgentVersion.objects.none()

    def get_permissions(self) -> Sequence[BasePermission]:
        scope = Scope.PROPOSE if self.request.method == "POST" else Scope.READ
        return [person_or_runner_with(scope)()]

    @extend_schema(
        operation_id="agents_versions_list",
        parameters=[
            OpenApiParameter("sha256", str, description="Only versions of these bytes."),
            OpenApiParameter(
                "status", str, enum=list(LABELS), description="Only versions that stand so now."
            ),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        agent = agent_for(request.user, self.kwargs["slug"])
        found = with_status(agent.versions.select_related("author", "proposed_by")).defer(*HEAVY)
        if sha256 := request.query_params.get("sha256", ""):
            found = found.filter(sha256=sha256)
        if status := request.query_params.get("status", ""):
            found = that_stand(found, status, at=timezone.now())
        page: list[Any] = self.paginate_queryset(found) or []
        for version in page:
            version.status = standing_of(version, at=timezone.now())
        return self.get_paginated_response(_many(VersionSerializer, page))

    @extend_schema(
        operation_id="agents_versions_propose",
        parameters=[*BESIDE_MARKDOWN, *WHERE_FROM],
        request=BODY,
        responses={200: ProposedSerializer, 201: ProposedSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Propose a version. It is a draft; the newest version's own bytes change nothing."""
        version, created = import_definition(
            raw=definition_of(request),
            filename=named_in(request, "filename", f"{slug}.md"),
            family=named_in(request, "family", ""),
            by=principal_of(request),
            at=timezone.now(),
            slug=slug,
            provenance=provenance_in(request),
        )
        return Response(_proposed(version, created), status=201 if created else 200)


def _proposed(version: AgentVersion, created: bool) -> dict[str, Any]:
    status = DRAFT
    if not created:
        known: Any = with_status(AgentVersion.objects.filter(pk=version.pk)).defer(*HEAVY).get()
        status = standing_of(known, at=timezone.now())
    return {
        "agent": version.agent.slug,
        "version": version.sequence,
        "sha256": version.sha256,
        "created": created,
        "status": status,
        "findings": version.findings,
    }


class Check(APIView):
    permission_classes = [person_or_runner_with(Scope.PROPOSE)]
    parser_classes = [JSONParser, MarkdownParser]

    @extend_schema(
        operation_id="agents_check",
        parameters=BESIDE_MARKDOWN[:1],
        request=BODY,
        responses=CheckedSerializer,
    )
    def post(self, request: Request) -> Response:
        """What the portal would read from a definition, what it changes; nothing is kept."""
        raw = definition_of(request)
        check_size(raw)
        filename = named_in(request, "filename", "")
        parsed = parse_definition(raw, filename=filename)
        slug = slug_of(parsed, filename)
        agent = agents_for(request.user).filter(slug=slug).first()
        return Response(
            {
                "agent": slug,
                "change": _change(compare_with_base(parsed, agent), agent),
                "sha256": sha256_hex(raw),
                "known": _known(agent, sha256_hex(raw), at=timezone.now()),
                "encoding": parsed.encoding,
                "repaired": parsed.repaired,
                "inherits_all_tools": parsed.inherits_all_tools,
                "counts": {name: len(getattr(parsed, name)) for name in COUNTED},
                "findings": [finding.as_dict() for finding in parsed.findings],
            }
        )


def _known(agent: Agent | None, sha256: str, *, at: datetime) -> dict[str, Any] | None:
    """The newest version of these bytes and where it stands, if there is one."""
    if agent is None:
        return None
    found: Any = with_status(agent.versions.filter(sha256=sha256)).defer(*HEAVY).first()
    if found is None:
        return None
    return {"version": found.sequence, "status": standing_of(found, at=at)}


def _change(comparison: Comparison, agent: Agent | None) -> Any:
    tier = agent.tier if agent else Tier.MEDIUM
    return ComparisonSerializer(comparison, context={"tier": tier}).data


class VersionDiff(APIView):
    """Drafts are compared too, so it takes the right to propose."""

    permission_classes = [person_or_runner_with(Scope.PROPOSE)]

    @extend_schema(
        operation_id="agents_versions_diff",
        parameters=[
            OpenApiParameter("from", int, description="Default: what the review compares.")
        ],
        responses=ComparisonSerializer,
    )
    def get(self, request: Request, slug: str, sequence: int) -> Response:
        """What a version changes, by its meaning, and how many votes such a change needs."""
        version = version_for(request.user, slug, sequence)
        comparison = comparison_for(version, request.query_params.get("from", ""))
        return Response(_change(comparison, version.agent))


class Resolve(APIView):
    permission_classes = [person_or_runner_with(Scope.READ)]
    renderer_classes = [JSONRenderer, MarkdownRenderer]

    @extend_schema(
        operation_id="agents_resolve",
        parameters=[
            OpenApiParameter("environment", str, default="production"),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
        ],
        responses={
            (200, "application/json"): ResolvedSerializer,
            (200, "text/markdown"): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="What you hold is still approved and released."),
        },
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        """The approved definition. 409 says why there is none; then do not start the agent."""
        at, principal = timezone.now(), principal_of(request)
        environment = request.query_params.get("environment", "production")
        standing = stand(slug=slug, environment=environment, principal=principal, at=at)
        markdown = isinstance(request.accepted_renderer, MarkdownRenderer)
        etag = _etag(standing, markdown=markdown)
        if _holds(request, etag):
            receipt = receipt_of(standing, principal=principal, at=at)
            return _with_headers(HttpResponse(status=304), etag, receipt)
        resolved = document(standing, principal=principal, at=at)
        body = resolved.raw if markdown else resolved_body(resolved)
        return _with_headers(Response(body), etag, resolved.receipt)


def _etag(standing: Standing, *, markdown: bool) -> str:
    """Weak for JSON: every answer carries a fresh receipt."""
    return f'"{standing.etag}-md"' if markdown else f'W/"{standing.etag}"'


def _holds(request: Request, etag: str) -> bool:
    held = [one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))]
    return "*" in held or etag.removeprefix("W/") in held


def _with_headers(response: HttpResponse, etag: str, receipt: str) -> HttpResponse:
    response["ETag"] = etag
    response["X-Receipt"] = receipt
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
    return response
