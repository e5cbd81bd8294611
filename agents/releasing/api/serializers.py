"""The shape of the signed report and of the bundle, for the API's description."""

from typing import Any

from rest_framework import serializers


class LawAtSerializer(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    declared_version = serializers.CharField()
    sha256 = serializers.CharField()


class LawTextSerializer(LawAtSerializer):
    text = serializers.CharField()


class ApproverSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    at = serializers.DateTimeField()
    method = serializers.CharField()


class PastReleaseSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="release, rollback or break_glass.")
    at = serializers.DateTimeField()
    by = serializers.CharField()
    reason = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


class PastApprovalSerializer(serializers.Serializer[Any]):
    review = serializers.IntegerField()
    approved_at = serializers.DateTimeField()
    judged_under = LawAtSerializer(allow_null=True)
    stale_since = serializers.DateTimeField(allow_null=True)
    grace_until = serializers.DateTimeField(allow_null=True)
    by = ApproverSerializer(many=True)


class PastAgentSerializer(serializers.Serializer[Any]):
    agent = serializers.CharField()
    family = serializers.CharField()
    version = serializers.IntegerField()
    sha256 = serializers.CharField()
    runs = serializers.BooleanField()
    code = serializers.CharField(help_text="Empty where it runs.")
    reason = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)
    release = PastReleaseSerializer()
    approval = PastApprovalSerializer(allow_null=True)


class PastSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    environment = serializers.CharField()
    constitution = LawAtSerializer(allow_null=True)
    agents = PastAgentSerializer(many=True)


class ReportSerializer(serializers.Serializer[Any]):
    report = PastSerializer()
    signature = serializers.CharField(help_text="JWS over the report's canonical SHA-256.")


class BundledRuleSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    modality = serializers.CharField()
    text = serializers.CharField()
    line = serializers.IntegerField()
    rule_class = serializers.CharField(allow_null=True, help_text="Null while nobody judged it.")
    mode = serializers.CharField(help_text="observe or enforce, where the class bites.")
    matchers = serializers.ListField(child=serializers.DictField())


class BundledAgentSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    sequence = serializers.IntegerField()
    sha256 = serializers.CharField()
    raw_base64 = serializers.CharField()
    approval = serializers.CharField(help_text="review or break_glass.")
    approved_under_sha256 = serializers.CharField(allow_null=True)
    released_at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True, help_text="Do not run it after this.")
    rules = BundledRuleSerializer(many=True)


class RevocationSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    code = serializers.CharField()
    reason = serializers.CharField()


class BundleBodySerializer(serializers.Serializer[Any]):
    format = serializers.IntegerField()
    environment = serializers.CharField()
    issued_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    serial = serializers.IntegerField()
    constitution = LawTextSerializer(allow_null=True)
    agents = BundledAgentSerializer(many=True)
    revocations = RevocationSerializer(many=True)


class BundleSerializer(serializers.Serializer[Any]):
    bundle = BundleBodySerializer()
    signature = serializers.CharField(help_text="JWS over the bundle's canonical SHA-256.")
