from rest_framework import serializers

from governance.audit.models import AuditEvent


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One event; ``body`` is the canonical text that was hashed after ``previous``."""

    stream = serializers.CharField(source="stream_id")
    body = serializers.SerializerMethodField()
    previous = serializers.SerializerMethodField()
    digest = serializers.SerializerMethodField()

    class Meta:
        model = AuditEvent
        fields = (
            "id",
            "stream",
            "number",
            "kind",
            "actor",
            "subject",
            "at",
            "body",
            "previous",
            "digest",
        )

    def get_body(self, event: AuditEvent) -> str:
        return bytes(event.body).decode()

    def get_previous(self, event: AuditEvent) -> str:
        return bytes(event.previous).hex()

    def get_digest(self, event: AuditEvent) -> str:
        return bytes(event.digest).hex()
