"""Lists of versions as JSON."""

from typing import Any

from rest_framework import serializers

from agents.models import Batch, BatchKind
from governance.review.models import ReviewStatus, Verdict


class NewBatchSerializer(serializers.Serializer[dict[str, Any]]):
    """A list to open; the versions by their ids."""

    kind = serializers.ChoiceField(choices=BatchKind.choices)
    version_ids = serializers.ListField(child=serializers.IntegerField(min_value=1))
    title = serializers.CharField(required=False, allow_blank=True, default="")
    due_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class BatchSerializer(serializers.ModelSerializer[Batch]):
    family = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)

    class Meta:
        model = Batch
        fields = ("id", "kind", "family", "title", "sha256", "created_at")


class ItemSerializer(serializers.Serializer[Any]):
    agent = serializers.CharField(source="version.agent.slug")
    sequence = serializers.IntegerField(source="version.sequence")
    sha256 = serializers.CharField(source="version.sha256")
    change_class = serializers.CharField()
    grave = serializers.ListField(child=serializers.CharField())
    status = serializers.ChoiceField(source="review.status", choices=ReviewStatus.choices)


class BatchDetailSerializer(serializers.Serializer[Any]):
    """A list with its review; ``dead`` says why votes on it count no more."""

    batch = BatchSerializer()
    status = serializers.ChoiceField(source="review.status", choices=ReviewStatus.choices)
    required_votes = serializers.IntegerField(source="review.required_votes")
    required_teams = serializers.ListField(
        source="review.required_teams", child=serializers.CharField()
    )
    due_at = serializers.DateTimeField(source="review.due_at", allow_null=True)
    dead = serializers.CharField()
    items = ItemSerializer(source="rows", many=True)


class BatchVoteSerializer(serializers.Serializer[dict[str, Any]]):
    """One person's vote; ``seen_sha256`` is the fingerprint of the list that was read."""

    verdict = serializers.ChoiceField(choices=Verdict.choices)
    comment = serializers.CharField(required=False, allow_blank=True, default="")
    seen_sha256 = serializers.CharField()
