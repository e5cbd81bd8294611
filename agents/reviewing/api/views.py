"""Submit a version for review: people only; a runner proposes, and no more."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.models import HEAVY
from agents.permissions import version_for
from agents.reviewing.api.serializers import ReviewSerializer, SubmitSerializer
from agents.reviewing.services import submit_version
from governance.people.api.permissions import Person, person_of


class Reviews(APIView):
    permission_classes = [Person]

    @extend_schema(
        operation_id="agents_versions_submit",
        request=SubmitSerializer,
        responses={201: ReviewSerializer},
    )
    def post(self, request: Request, slug: str, sequence: int) -> Response:
        """Ask people for their approval of a draft, for one environment or for all."""
        by = person_of(request)
        said = SubmitSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        version = version_for(request.user, slug, sequence, without=HEAVY)
        review = submit_version(
            version_id=version.pk, by=by, at=timezone.now(), **said.validated_data
        )
        return Response(ReviewSerializer(review).data, status=201)
