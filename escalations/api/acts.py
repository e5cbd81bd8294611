"""What only the runner of a case does: answer, withdraw, acknowledge, spend, report."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from escalations import acting, thread
from escalations.answers import answer_of, links_of, load_case
from escalations.api.bodies import runner_of, said_in
from escalations.api.serializers import (
    AnswerSerializer,
    ConsumeBody,
    ConsumedSerializer,
    MessageBody,
    NothingBody,
    OutcomeBody,
    OutcomeSerializer,
    WithdrawBody,
)
from escalations.following.kept import acknowledge
from governance.people.api.permissions import runner_with
from governance.people.models import Scope


class RunnerAct(APIView):
    """What only the runner of the case does."""

    permission_classes = [runner_with(Scope.ESCALATE)]


class Messages(RunnerAct):
    @extend_schema(
        operation_id="escalations_answer", request=MessageBody, responses={201: AnswerSerializer}
    )
    def post(self, request: Request, escalation_id: int) -> Response:
        """Answer what people asked."""
        said = said_in(MessageBody, request)
        thread.answer_question(
            escalation_id=escalation_id, runner=runner_of(request), at=timezone.now(), **said
        )
        return Response(answer_of(load_case(escalation_id)), status=201)


class Withdraw(RunnerAct):
    @extend_schema(
        operation_id="escalations_withdraw", request=WithdrawBody, responses=AnswerSerializer
    )
    def post(self, request: Request, escalation_id: int) -> Response:
        """Give up the question. Nobody decided: do not proceed."""
        said = said_in(WithdrawBody, request)
        acting.withdraw(
            escalation_id=escalation_id, runner=runner_of(request), at=timezone.now(), **said
        )
        return Response(answer_of(load_case(escalation_id)))


class Fetched(RunnerAct):
    @extend_schema(
        operation_id="escalations_fetched", request=NothingBody, responses=AnswerSerializer
    )
    def post(self, request: Request, escalation_id: int) -> Response:
        """Acknowledge a kept answer: it is not delivered to later sessions."""
        said_in(NothingBody, request)
        acknowledge(escalation_id=escalation_id, runner=runner_of(request), at=timezone.now())
        return Response(answer_of(load_case(escalation_id)))


class Consume(RunnerAct):
    @extend_schema(
        operation_id="escalations_consume",
        request=ConsumeBody,
        responses=ConsumedSerializer,
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
    )
    def post(self, request: Request, escalation_id: int) -> Response:
        """Use the permit, directly before the act. The same key again is the same use."""
        said = said_in(ConsumeBody, request)
        use, is_new = acting.consume(
            escalation_id=escalation_id,
            runner=runner_of(request),
            idempotency_key=request.headers.get("Idempotency-Key", "").strip(),
            at=timezone.now(),
            **said,
        )
        return Response(
            {
                "permit": use.permit_id,
                "spent_at": use.at,
                "use": use.number,
                "most_uses": use.permit.most_uses,
                "act_sha256": use.act_sha256,
                "replayed": not is_new,
                "receipt": use.receipt,
            }
        )


class ReportOutcome(RunnerAct):
    @extend_schema(
        operation_id="escalations_outcome",
        request=OutcomeBody,
        responses={200: OutcomeSerializer, 201: OutcomeSerializer},
    )
    def post(self, request: Request, escalation_id: int) -> Response:
        """Report what was done, with each constraint kept, broken or not known."""
        said = said_in(OutcomeBody, request)
        outcome, created = acting.report_outcome(
            escalation_id=escalation_id, runner=runner_of(request), at=timezone.now(), **said
        )
        links = links_of(load_case(escalation_id))
        body = {
            "ref": f"ESC-{escalation_id}",
            "result": outcome.result,
            "at": outcome.at,
            "follow_ups": links["follow_ups"],
        }
        return Response(body, status=201 if created else 200)
