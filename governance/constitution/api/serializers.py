from typing import Any

from rest_framework import serializers

from governance.constitution.models import ConstitutionVersion, Principle, Ratification
from governance.constitution.services import ratifiers
from governance.review.models import ReviewStatus, Verdict


class PrincipleSerializer(serializers.ModelSerializer[Principle]):
    level = serializers.CharField(source="get_level_display")

    class Meta:
        model = Principle
        fields = ("key", "number", "title", "text", "level", "non_negotiable", "aliases", "line")
        read_only_fields = fields


class LawSerializer(serializers.Serializer[dict[str, Any]]):
    """One version of the constitution, its articles and whether it is the law."""

    sequence = serializers.IntegerField()
    title = serializers.CharField()
    declared_version = serializers.CharField(allow_blank=True)
    sha256 = serializers.CharField()
    text = serializers.CharField()
    in_force = serializers.BooleanField()
    ratified_at = serializers.DateTimeField(allow_null=True)
    ratified_by = serializers.ListField(child=serializers.CharField())
    principles = PrincipleSerializer(many=True)


class VoteSerializer(serializers.Serializer[dict[str, Any]]):
    """One person's vote; ``seen_sha256`` is the fingerprint of the text that was read."""

    verdict = serializers.ChoiceField(choices=Verdict.choices)
    comment = serializers.CharField(required=False, allow_blank=True, default="")
    seen_sha256 = serializers.CharField()


class VotedSerializer(serializers.Serializer[dict[str, Any]]):
    review = serializers.IntegerField()
    status = serializers.ChoiceField(choices=ReviewStatus.choices)
    sha256 = serializers.CharField()


def law_body(
    version: ConstitutionVersion, ratification: Ratification | None, *, in_force: bool
) -> dict[str, Any]:
    """What the API says of a version; ``ratification`` is its own newest one."""
    votes = ratifiers(ratification) if ratification else []
    body = {
        "sequence": version.sequence,
        "title": version.title,
        "declared_version": version.declared_version,
        "sha256": version.sha256,
        "text": version.text,
        "in_force": in_force,
        "ratified_at": ratification.at if ratification else None,
        "ratified_by": [str(vote.voter) for vote in votes],
        "principles": version.principles.all(),
    }
    return dict(LawSerializer(body).data)
