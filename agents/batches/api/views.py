"""Lists of versions for people who work through the API; a runner's key opens none of it."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.batches.api.serializers import (
    BatchDetailSerializer,
    BatchSerializer,
    BatchVoteSerializer,
    NewBatchSerializer,
)
from agents.batches.pages import batch as page_of
from agents.batches.permissions import batch_for
from agents.batches.services import open_batch, vote_on_batch
from agents.models import Batch
from governance.people.api.permissions import Person, person_of
from governance.people.models import User


class BatchList(generics.ListAPIView[Batch]):
    """The lists, newest first; and the place to open another."""

    permission_classes = [Person]
    serializer_class = BatchSerializer

    def get_queryset(self) -> QuerySet[Batch]:
        return Batch.objects.select_related("family")

    @extend_schema(operation_id="batches_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="batches_open",
        request=NewBatchSerializer,
        responses={201: BatchDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Put a list of versions before people: one vote on exactly these fingerprints."""
        said = NewBatchSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        by = person_of(request)
        batch = open_batch(by=by, at=timezone.now(), **said.validated_data)
        return Response(_detail(batch, by), status=201)


class BatchDetail(APIView):
    permission_classes = [Person]

    @extend_schema(operation_id="batches_read", responses=BatchDetailSerializer)
    def get(self, request: Request, batch_id: int) -> Response:
        """A list with every version of it, the grave changes first."""
        return Response(_detail(batch_for(request.user, batch_id), person_of(request)))


class BatchVotes(APIView):
    permission_classes = [Person]

    @extend_schema(
        operation_id="batches_vote",
        request=BatchVoteSerializer,
        responses={200: BatchDetailSerializer},
    )
    def post(self, request: Request, batch_id: int) -> Response:
        """Vote on the whole list. Every version of it ends as the list does."""
        said = BatchVoteSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        by, batch = person_of(request), batch_for(request.user, batch_id)
        vote_on_batch(
            batch_id=batch.pk, by=by, method="api", at=timezone.now(), **said.validated_data
        )
        return Response(_detail(batch, by))


def _detail(batch: Batch, by: User) -> Any:
    return BatchDetailSerializer(page_of(batch, by, query={}, at=timezone.now())).data
