"""How agents and versions read in the API. Texts are served by resolve only."""

from typing import Any

from rest_framework import serializers

from agents.changes import Change
from agents.comparing import Comparison
from agents.models import CHANGE_CLASSES, AgentVersion
from agents.overview import Overview, severities
from agents.resolving import Resolved
from agents.review_policy import policy_for


class ReleaseSerializer(serializers.Serializer[Any]):
    environment = serializers.CharField(source="environment.slug")
    version = serializers.IntegerField(source="version.sequence")
    sha256 = serializers.CharField(source="version.sha256")
    at = serializers.DateTimeField()


class NewestSerializer(serializers.Serializer[AgentVersion]):
    version = serializers.IntegerField(source="sequence")
    declared_version = serializers.CharField()
    sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()


class FindingCountsSerializer(serializers.Serializer[Any]):
    error = serializers.IntegerField(default=0)
    warning = serializers.IntegerField(default=0)
    info = serializers.IntegerField(default=0)


class AgentSerializer(serializers.Serializer[Overview]):
    slug = serializers.CharField(source="agent.slug")
    name = serializers.CharField(source="agent.name")
    family = serializers.CharField(source="agent.family.slug")
    tier = serializers.CharField(source="agent.tier")
    owner = serializers.CharField(source="agent.owner.name")
    newest = NewestSerializer(allow_null=True)
    status = serializers.CharField(source="standing")
    inherits_all_tools = serializers.BooleanField()
    findings = FindingCountsSerializer()
    releases = ReleaseSerializer(many=True)
    suspended = serializers.BooleanField()


class VersionSerializer(serializers.Serializer[AgentVersion]):
    """Needs versions from ``with_status``; ``standing`` is computed by the view."""

    version = serializers.IntegerField(source="sequence")
    declared_version = serializers.CharField()
    sha256 = serializers.CharField()
    text_sha256 = serializers.CharField()
    encoding = serializers.CharField()
    repaired = serializers.BooleanField()
    description = serializers.CharField()
    model = serializers.CharField()
    tools = serializers.ListField(child=serializers.CharField(), allow_null=True)
    findings = serializers.SerializerMethodField()
    status = serializers.CharField()
    change_class = serializers.CharField(allow_blank=True)
    author = serializers.CharField(source="author.name", default=None, allow_null=True)
    proposed_by = serializers.CharField(source="proposed_by.slug", default=None, allow_null=True)
    provenance = serializers.DictField(
        child=serializers.CharField(),
        help_text="Where the text came from, as its proposer said.",
    )
    created_at = serializers.DateTimeField()

    def get_findings(self, version: AgentVersion) -> dict[str, int]:
        return severities(version)


class FindingSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=["info", "warning", "error"])
    line = serializers.IntegerField()
    message = serializers.CharField()
    fix = serializers.CharField(allow_blank=True)
    excerpt = serializers.CharField(allow_blank=True)
    replacement = serializers.CharField(allow_null=True)


class ChangeSerializer(serializers.Serializer[Change]):
    kind = serializers.CharField()
    area = serializers.CharField()
    key = serializers.CharField()
    causes = serializers.ChoiceField(choices=CHANGE_CLASSES)
    grave = serializers.BooleanField(source="is_grave")
    sentence = serializers.CharField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class ComparisonSerializer(serializers.Serializer[Comparison]):
    """What a version changes, the grave changes first, and how many votes that needs."""

    base = serializers.IntegerField(source="base.sequence", default=None, allow_null=True)
    change_class = serializers.ChoiceField(choices=CHANGE_CLASSES)
    reasons = serializers.ListField(source="classification.reasons", child=serializers.CharField())
    required_votes = serializers.SerializerMethodField()
    changes = ChangeSerializer(source="diff.changes", many=True)

    def get_required_votes(self, comparison: Comparison) -> int:
        tier: str = self.context["tier"]
        return policy_for(comparison, tier=tier).votes


class KnownSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    status = serializers.CharField()


class CheckedSerializer(serializers.Serializer[Any]):
    change = ComparisonSerializer()
    agent = serializers.CharField()
    sha256 = serializers.CharField()
    known = KnownSerializer(
        allow_null=True, help_text="The agent's newest version of these very bytes."
    )
    encoding = serializers.CharField()
    repaired = serializers.BooleanField()
    inherits_all_tools = serializers.BooleanField()
    counts = serializers.DictField(child=serializers.IntegerField())
    findings = FindingSerializer(many=True)


class DefinitionSerializer(serializers.Serializer[Any]):
    """The JSON body of a proposal or a check."""

    text = serializers.CharField()
    filename = serializers.CharField(required=False)
    family = serializers.CharField(required=False, help_text="Needed for an agent's first version.")
    repository = serializers.CharField(required=False)
    branch = serializers.CharField(required=False)
    commit = serializers.CharField(required=False)
    pull_request = serializers.CharField(required=False)
    author_name = serializers.CharField(required=False)
    author_email = serializers.CharField(
        required=False,
        help_text="Several are separated by commas. Nobody named here may approve the version.",
    )


class ProposedSerializer(serializers.Serializer[Any]):
    agent = serializers.CharField()
    version = serializers.IntegerField()
    sha256 = serializers.CharField()
    created = serializers.BooleanField()
    status = serializers.CharField()
    findings = FindingSerializer(many=True)


class ConstitutionRefSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(allow_null=True)
    declared_version = serializers.CharField()
    sha256 = serializers.CharField()


class ResolvedSerializer(serializers.Serializer[Any]):
    agent = serializers.CharField()
    version = serializers.IntegerField()
    declared_version = serializers.CharField()
    sha256 = serializers.CharField(help_text="Of the bytes as they were brought in.")
    text_sha256 = serializers.CharField(help_text="Of `definition`, as UTF-8.")
    environment = serializers.CharField()
    constitution = ConstitutionRefSerializer()
    approval = serializers.ChoiceField(
        choices=["review", "break_glass"],
        help_text="`break_glass`: nobody approved it; somebody released it in an emergency.",
    )
    approved_under = serializers.CharField(
        allow_null=True,
        allow_blank=True,
        help_text="Fingerprint of the constitution that the approval was judged under.",
    )
    stale_since = serializers.DateTimeField(
        allow_null=True, help_text="Since then an amendment touches the approval."
    )
    grace_until = serializers.DateTimeField(
        allow_null=True, help_text="From then on resolve answers 409 `stale`."
    )
    definition = serializers.CharField()
    receipt = serializers.CharField(help_text="JWS, EdDSA; keys at /.well-known/jwks.json.")


def resolved_body(resolved: Resolved) -> dict[str, Any]:
    """A resolved definition as JSON."""
    standing = resolved.standing
    return {
        "agent": standing.agent,
        "version": standing.sequence,
        "declared_version": standing.declared_version,
        "sha256": standing.sha256,
        "text_sha256": standing.text_sha256,
        "environment": standing.environment,
        "constitution": {
            "version": standing.constitution_sequence,
            "declared_version": standing.constitution_declared,
            "sha256": standing.constitution_sha256,
        },
        "approval": standing.approval,
        "approved_under": standing.approved_under,
        "stale_since": standing.stale_since,
        "grace_until": standing.grace_until,
        "definition": resolved.text,
        "receipt": resolved.receipt,
    }
