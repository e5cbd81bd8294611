from typing import Any

from rest_framework import serializers

from governance.constitution.levels import MAX_REASON
from governance.constitution.models import (
    AmendmentLevel,
    ConstitutionVersion,
    Principle,
    Ratification,
)
from governance.constitution.reports import Report
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


class PrincipleChangeSerializer(serializers.Serializer[Any]):
    """What happens to one principle, with what stood there and what stands there now."""

    kind = serializers.CharField()
    key = serializers.CharField()
    title = serializers.CharField()
    level = serializers.ChoiceField(choices=AmendmentLevel.choices)
    non_negotiable = serializers.BooleanField()
    sentence = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())
    before = serializers.CharField()
    after = serializers.CharField()


class PartChangeSerializer(serializers.Serializer[Any]):
    """What happens to the governance section or to a section that is no principle."""

    title = serializers.CharField()
    level = serializers.ChoiceField(choices=AmendmentLevel.choices)
    sentence = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())
    before = serializers.CharField()
    after = serializers.CharField()


class NeededSerializer(serializers.Serializer[dict[str, Any]]):
    """How many approvals it takes, and the sentence of the law in force about that."""

    votes = serializers.IntegerField()
    policy_votes = serializers.IntegerField()
    law_votes = serializers.IntegerField()
    countable = serializers.BooleanField()
    sentence = serializers.CharField(allow_blank=True)
    line = serializers.IntegerField()
    may_ratify = serializers.IntegerField()


class SyncReportSerializer(serializers.Serializer[dict[str, Any]]):
    """The law's part of the Sync Impact Report; ``base`` is the version it is compared with."""

    base = serializers.IntegerField(allow_null=True)
    level = serializers.ChoiceField(choices=AmendmentLevel.choices)
    computed_level = serializers.ChoiceField(choices=AmendmentLevel.choices)
    override_reason = serializers.CharField(allow_blank=True)
    touched = serializers.ListField(child=serializers.CharField())
    touches_all = serializers.BooleanField()
    sentences = serializers.ListField(child=serializers.CharField())
    principles = PrincipleChangeSerializer(many=True)
    governance = PartChangeSerializer(many=True)
    sections = PartChangeSerializer(many=True)
    needed = NeededSerializer()
    warnings = serializers.ListField(child=serializers.CharField())


class LawVersionSerializer(LawSerializer):
    """One version with what it changes; null where it was ratified before that was recorded."""

    amendment = SyncReportSerializer(allow_null=True)


class SubmitAmendmentSerializer(serializers.Serializer[dict[str, Any]]):
    """``level`` only where another than the computed one is to count; that needs a reason."""

    level = serializers.ChoiceField(
        choices=AmendmentLevel.choices, required=False, allow_blank=True, default=""
    )
    override_reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=MAX_REASON
    )


class SubmittedSerializer(serializers.Serializer[dict[str, Any]]):
    review = serializers.IntegerField()
    status = serializers.ChoiceField(choices=ReviewStatus.choices)
    sha256 = serializers.CharField()
    required_votes = serializers.IntegerField()
    level = serializers.ChoiceField(choices=AmendmentLevel.choices)
    computed_level = serializers.ChoiceField(choices=AmendmentLevel.choices)
    warnings = serializers.ListField(child=serializers.CharField())


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


def version_body(
    version: ConstitutionVersion,
    ratification: Ratification | None,
    *,
    in_force: bool,
    report: Report | None,
) -> dict[str, Any]:
    """The same with the report on what it changes."""
    law = law_body(version, ratification, in_force=in_force)
    return {**law, "amendment": report_body(report) if report else None}


def report_body(report: Report) -> dict[str, Any]:
    """The Sync Impact Report as JSON."""
    body = {
        "base": report.base.sequence if report.base else None,
        "level": report.level,
        "computed_level": report.computed_level,
        "override_reason": report.proposal.reason,
        "touched": report.touched,
        "touches_all": report.touches_all,
        "sentences": report.diff.sentences,
        "principles": report.diff.changes,
        "governance": report.diff.governance,
        "sections": report.diff.sections,
        "needed": {
            "votes": report.votes,
            "policy_votes": report.needed.policy_votes,
            "law_votes": report.needed.law.votes,
            "countable": report.needed.law.countable,
            "sentence": report.needed.law.sentence,
            "line": report.needed.law.line,
            "may_ratify": report.may_ratify,
        },
        "warnings": [finding.message for finding in report.findings],
    }
    return dict(SyncReportSerializer(body).data)
