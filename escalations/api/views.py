"""Cases for runners and people. Waiting is served by ``escalations.waiting`` in front of this."""

from collections.abc import Sequence
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from escalations.answers import answer_markdown, answer_of, file_of, load_case, next_step
from escalations.api.bodies import BESIDE_A_BLOCK, PARSERS, question_of, runner_of, said_in
from escalations.api.serializers import (
    AnswerSerializer,
    BallotBody,
    CaseSerializer,
    KeptSerializer,
    RaiseBody,
    RaisedSerializer,
)
from escalations.deciding import decide
from escalations.following.kept import (
    kept_for,
    kept_markdown,
    kept_of,
    note_seen,
    unfetched,
)
from escalations.models import UNRESOLVED, Escalation, Status
from escalations.permissions import case_for, cases_for
from escalations.precedents.searching import advice_for
from escalations.raising import raise_case
from escalations.scopes import Scope as PermitReach
from governance.asking.links import method_of
from governance.base.errors import InvalidInput
from governance.base.renderers import MarkdownRenderer
from governance.people.api.permissions import Person, person_or_runner_with, runner_with
from governance.people.models import RunnerKey, Scope, User
from governance.people.signed_in import level_of

RAISE = {"application/json": RaiseBody, "text/markdown": OpenApiTypes.STR}
ANSWER = {
    (200, "application/json"): AnswerSerializer,
    (200, "text/markdown"): OpenApiTypes.STR,
}
NOT_CHANGED = {304: OpenApiResponse(description="Nothing has changed.")}
FILTERS = {
    "status": "A state, or `unresolved`",
    "agent": "The agent's slug",
    "project": "The project that it is about",
    "run": "The run that asked",
    "settled": "`unfetched`: settled, and its runner has not fetched the answer",
    "idempotency_key": "The key that the case was made with",
}


class CaseList(generics.ListAPIView[Escalation]):
    """The cases, newest first: all of them for people, its own for a runner."""

    serializer_class = CaseSerializer
    parser_classes = PARSERS
    queryset = Escalation.objects.none()

    def get_permissions(self) -> Sequence[BasePermission]:
        if self.request.method == "POST":
            return [runner_with(Scope.ESCALATE)()]
        return [person_or_runner_with(Scope.ESCALATE)()]

    def get_queryset(self) -> QuerySet[Escalation]:
        query = self.request.query_params
        found: QuerySet[Escalation] = cases_for(self.request.user)
        if status := query.get("status"):
            found = found.filter(status__in=_statuses(status))
        if settled := query.get("settled"):
            found = _settled(found, settled)
        columns = {
            "agent": "agent__slug",
            "project": "project",
            "run": "run",
            "idempotency_key": "idempotency_key",
        }
        wanted = {column: query[name] for name, column in columns.items() if name in query}
        return found.filter(**wanted).select_related("agent").defer("request", "findings")

    @extend_schema(
        operation_id="escalations_list",
        parameters=[
            OpenApiParameter(name, str, description=text) for name, text in FILTERS.items()
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="escalations_raise",
        request=RAISE,
        responses={200: RaisedSerializer, 201: RaisedSerializer},
        parameters=[
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER),
            *(
                OpenApiParameter(name, str, description="Beside a Markdown block")
                for name in BESIDE_A_BLOCK
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Ask people. The same key and body again answers 200 with the same case."""
        question = question_of(request)
        case, created = raise_case(
            runner=runner_of(request),
            payload=question.payload,
            idempotency_key=request.headers.get("Idempotency-Key", "").strip(),
            body=question.sent,
            source_format=question.source_format,
            at=timezone.now(),
            findings=question.findings,
        )
        answer = Response(_raised(case), status=201 if created else 200)
        answer["Location"] = f"/api/v1/escalations/{case.ref}/"
        answer["ETag"] = f'"{case.revision}"'
        return answer


def _statuses(status: str) -> tuple[str, ...]:
    if status == "unresolved":
        return UNRESOLVED
    if status not in Status.values:
        raise InvalidInput(f"A status is unresolved or one of {', '.join(Status.values)}.")
    return (status,)


def _settled(cases: QuerySet[Escalation], settled: str) -> QuerySet[Escalation]:
    if settled != "unfetched":
        raise InvalidInput("settled is unfetched, or left out.")
    return unfetched(cases)


def _raised(case: Escalation) -> dict[str, Any]:
    file = file_of(case)
    answer = answer_of(file)
    same = ("ref", "id", "status", "revision", "url", "risk", "blocking", "request_sha256")
    return {
        **{name: answer[name] for name in same},
        "title": case.title,
        "risk_reasons": case.risk_reasons,
        "findings": case.findings,
        "proceed": answer["proceed"],
        "next": next_step(file),
        "advice": advice_for(case.runner, case),
    }


def _answer(request: Request, escalation_id: int) -> HttpResponse:
    """The answer as JSON or as the six-field block; 304 where the runner has it already."""
    file = load_case(escalation_id)
    etag = f'"{file.revision}"'
    held = [one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))]
    answer: HttpResponse
    if etag in held:
        answer = HttpResponse(status=304)
    elif isinstance(request.accepted_renderer, MarkdownRenderer):
        answer = Response(answer_markdown(file).encode())
    else:
        advice = advice_for(file.case.runner, file.case)
        answer = Response(answer_of(file) | {"advice": advice})
    answer["ETag"] = etag
    answer["Cache-Control"] = "no-store"
    return answer


class CaseView(APIView):
    """One case, for whoever may see it; of somebody else's there is nothing to be learnt."""

    permission_classes = [person_or_runner_with(Scope.ESCALATE)]
    renderer_classes = [JSONRenderer, MarkdownRenderer]

    def read(self, request: Request, escalation_id: int) -> HttpResponse:
        case = case_for(request.user, escalation_id)
        if isinstance(request.auth, RunnerKey):
            note_seen(case, fetches=request.method == "GET", at=timezone.now())
        return _answer(request, case.pk)


class CaseDetail(CaseView):
    @extend_schema(operation_id="escalations_read", responses=ANSWER | NOT_CHANGED)
    def get(self, request: Request, escalation_id: int) -> HttpResponse:
        """The case as it is now; `proceed` is true only for an approval by people."""
        return self.read(request, escalation_id)


class CaseWait(CaseView):
    @extend_schema(
        operation_id="escalations_wait",
        responses=ANSWER,
        parameters=[
            OpenApiParameter("timeout", float, description="Seconds to hold, at most 60"),
            OpenApiParameter("since", int, description="The revision that you know"),
        ],
    )
    def get(self, request: Request, escalation_id: int) -> HttpResponse:
        """Hold until something changes. Under WSGI, where nothing can wait, answers at once."""
        return self.read(request, escalation_id)


class CaseEvents(CaseView):
    @extend_schema(
        operation_id="escalations_events",
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
        parameters=[OpenApiParameter("Last-Event-ID", int, OpenApiParameter.HEADER)],
    )
    def get(self, request: Request, escalation_id: int) -> HttpResponse:
        """Every change as server-sent events. Under WSGI answers the present state as JSON."""
        return self.read(request, escalation_id)


class KeptAnswers(APIView):
    """What the next session of a runner has to know."""

    permission_classes = [runner_with(Scope.ESCALATE)]
    renderer_classes = [JSONRenderer, MarkdownRenderer]

    @extend_schema(
        operation_id="escalations_kept",
        responses={
            (200, "application/json"): KeptSerializer,
            (200, "text/markdown"): OpenApiTypes.STR,
        },
        parameters=[
            OpenApiParameter("agent", str, description="The agent's slug"),
            OpenApiParameter("project", str, description="Only what was asked for this project"),
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        """Settled cases whose answer nobody fetched, and open ones to wait for; each whole.

        Reading marks nothing: acknowledge each with `fetched/`.
        """
        query = request.query_params
        kept = kept_for(
            runner_of(request), agent=query.get("agent", ""), project=query.get("project")
        )
        answer: HttpResponse
        if isinstance(request.accepted_renderer, MarkdownRenderer):
            answer = Response(kept_markdown(kept).encode())
        else:
            answer = Response(kept_of(kept))
        answer["Cache-Control"] = "no-store"
        return answer


class Ballots(APIView):
    """People only: a runner's key votes nowhere."""

    permission_classes = [Person]

    @extend_schema(
        operation_id="escalations_vote", request=BallotBody, responses={201: AnswerSerializer}
    )
    def post(self, request: Request, escalation_id: int) -> Response:
        """Vote. The decision follows when the policy is met.

        403 with the code `authentication` and `needs` where the policy asks for a stronger
        proof of who you are: give it on the portal's pages, then vote again.
        """
        said = said_in(BallotBody, request)
        scope = said.pop("scope")
        case = case_for(request.user, escalation_id)
        decide(
            escalation_id=case.pk,
            by=cast(User, request.user),
            option_key=said.pop("option"),
            method=method_of(request._request, subject=case.subject),
            level=level_of(request._request),
            scope=PermitReach(**scope) if scope else None,
            at=timezone.now(),
            **said,
        )
        return Response(answer_of(load_case(case.pk)), status=201)
