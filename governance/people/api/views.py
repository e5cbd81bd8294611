"""Who am I: what the portal knows about the key that calls."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.people.api.permissions import AnyRunner
from governance.people.models import RunnerKey


class KeySerializer(serializers.Serializer[RunnerKey]):
    """A runner's own key, without anything secret."""

    runner = serializers.SlugField(source="runner.slug", help_text="Receipts are for this name.")
    name = serializers.CharField(source="runner.name")
    key = serializers.CharField(source="prefix", help_text="The first part of the key.")
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()


class Me(APIView):
    permission_classes = [AnyRunner]

    @extend_schema(operation_id="me", responses=KeySerializer)
    def get(self, request: Request) -> Response:
        """The runner whose key this is. Its name is the audience of its receipts."""
        key: Any = request.auth
        return Response(KeySerializer(key).data)
