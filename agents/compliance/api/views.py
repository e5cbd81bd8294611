"""The constitution matrix of a version, and what an amendment does to agents."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.compliance.api.serializers import ImpactSerializer, MatrixSerializer
from agents.compliance.impact import impact_of
from agents.compliance.matrix import matrix_of
from agents.models import HEAVY
from agents.permissions import version_for
from governance.constitution.permissions import version_for as law_for
from governance.constitution.services import MAIN, current
from governance.people.api.permissions import Person, person_or_runner_with
from governance.people.models import Scope


class MatrixView(APIView):
    permission_classes = [person_or_runner_with(Scope.READ)]

    @extend_schema(operation_id="agents_versions_matrix", responses=MatrixSerializer)
    def get(self, request: Request, slug: str, sequence: int) -> Response:
        """A version against the principles it claims and those that bind every agent."""
        version = version_for(request.user, slug, sequence, without=HEAVY)
        matrix = matrix_of(version, current(), at=timezone.now())
        return Response(MatrixSerializer(matrix).data)


class ImpactView(APIView):
    """Names other people's agents, so no runner reads it."""

    permission_classes = [Person]

    @extend_schema(operation_id="constitution_version_impact", responses=ImpactSerializer)
    def get(self, request: Request, sequence: int) -> Response:
        """Which claims, rules, approvals and releases a version of the law touches."""
        version = law_for(request.user, MAIN, sequence)
        return Response(ImpactSerializer(impact_of(version, at=timezone.now())).data)
