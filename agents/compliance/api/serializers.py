"""How matrices and the impact of amendments read in the API."""

from typing import Any

from rest_framework import serializers

from agents.compliance.impact import Impact, Touched
from agents.compliance.matrix import LABELS, Matrix, MatrixSummary, Row


class MatrixSummarySerializer(serializers.Serializer[MatrixSummary]):
    passed = serializers.IntegerField()
    failed = serializers.IntegerField()
    waived = serializers.IntegerField()
    not_applicable = serializers.IntegerField()
    unknown = serializers.IntegerField()
    complies = serializers.BooleanField(help_text="Nothing failed and nothing is unknown.")


class RowSerializer(serializers.Serializer[Row]):
    principle = serializers.CharField(source="key")
    title = serializers.CharField()
    non_negotiable = serializers.BooleanField(source="is_non_negotiable")
    claimed = serializers.SerializerMethodField()
    verdict = serializers.ChoiceField(choices=list(LABELS))
    reason = serializers.CharField(allow_blank=True)
    evidence = serializers.CharField(source="judgement.evidence", default="")
    line = serializers.IntegerField(source="judgement.line", default=None, allow_null=True)
    judged_by = serializers.CharField(
        source="judgement.judged_by.name", default=None, allow_null=True
    )
    judged_at = serializers.DateTimeField(source="judgement.at", default=None, allow_null=True)
    waived_until = serializers.DateTimeField(
        source="waiver.expires_at", default=None, allow_null=True
    )

    def get_claimed(self, row: Row) -> bool:
        return row.claim is not None


class MatrixSerializer(serializers.Serializer[Matrix]):
    """Unknown is not a pass."""

    summary = MatrixSummarySerializer()
    rows = RowSerializer(many=True)


class TouchedSerializer(serializers.Serializer[Touched]):
    agent = serializers.CharField(source="version.agent.slug")
    family = serializers.CharField(source="version.agent.family.slug")
    owner = serializers.CharField(source="version.agent.owner.name")
    version = serializers.IntegerField(source="version.sequence")
    environments = serializers.SerializerMethodField()
    claims = serializers.SerializerMethodField()
    why = serializers.CharField()

    def get_environments(self, touched: Touched) -> list[str]:
        return [release.environment.slug for release in touched.releases]

    def get_claims(self, touched: Touched) -> list[str]:
        return [claim.key for claim in touched.claims]


class PlaceSerializer(serializers.Serializer[Any]):
    """A claim or a rule: where it stands."""

    agent = serializers.CharField(source="version.agent.slug")
    version = serializers.IntegerField(source="version.sequence")
    key = serializers.CharField()
    line = serializers.IntegerField()


class ImpactSerializer(serializers.Serializer[Impact]):
    """``stops_at`` is when what runs on a touched approval stops, unless it is affirmed anew."""

    version = serializers.IntegerField(source="version.sequence")
    base = serializers.IntegerField(source="base.sequence", default=None, allow_null=True)
    level = serializers.CharField(source="reach.level")
    ratified = serializers.SerializerMethodField()
    touches_all = serializers.BooleanField(source="reach.touches_all")
    touched = serializers.ListField(source="reach.touched", child=serializers.CharField())
    stops_at = serializers.DateTimeField(source="reach.stops_at", allow_null=True)
    changes = serializers.ListField(source="diff.sentences", child=serializers.CharField())
    approvals = TouchedSerializer(many=True)
    claims = PlaceSerializer(many=True)
    rules = PlaceSerializer(many=True)

    def get_ratified(self, impact: Impact) -> bool:
        return impact.reach.ratification is not None
