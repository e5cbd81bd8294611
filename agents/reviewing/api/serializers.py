from typing import Any

from rest_framework import serializers

from governance.review.models import Review


class SubmitSerializer(serializers.Serializer[dict[str, Any]]):
    """Without an environment the approval is good everywhere."""

    environment = serializers.SlugField(required=False, allow_null=True, default=None)
    due_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class ReviewSerializer(serializers.ModelSerializer[Review]):
    class Meta:
        model = Review
        fields = (
            "id",
            "status",
            "version_sha256",
            "constitution_sha256",
            "policy_name",
            "required_votes",
            "required_teams",
            "due_at",
            "opened_at",
            "closed_at",
        )
