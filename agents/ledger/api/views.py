from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.ledger.api.bodies import check_size, question_from
from agents.ledger.api.serializers import GuardAnswerSerializer, GuardSerializer, answer_body
from agents.ledger.guarding import guard
from governance.base.json_bodies import JSONParser
from governance.people.api.permissions import runner_with
from governance.people.models import Runner, Scope


class Guard(APIView):
    permission_classes = [runner_with(Scope.ESCALATE)]
    parser_classes = [JSONParser]

    @extend_schema(
        operation_id="guard", request=GuardSerializer, responses={200: GuardAnswerSerializer}
    )
    def post(self, request: Request) -> Response:
        """May this agent do this? Go on only with `allow`; anything else, errors too, means no."""
        check_size(request.body)
        question = question_from(request.data)
        user: Any = request.user
        answer = guard(question=question, runner=cast(Runner, user), at=timezone.now())
        response = Response(answer_body(question, answer))
        response["Cache-Control"] = "no-store"
        return response
