"""How an import reads in the API."""

from typing import Any

from rest_framework import serializers

from agents.intake.services import RESULTS
from agents.models import ImportRun


class ImportedSerializer(serializers.Serializer[Any]):
    """What became of one file."""

    file = serializers.CharField()
    result = serializers.ChoiceField(choices=RESULTS)
    agent = serializers.CharField(required=False)
    family = serializers.CharField(required=False)
    sequence = serializers.IntegerField(required=False)
    change_class = serializers.CharField(required=False, allow_blank=True)
    findings = serializers.DictField(child=serializers.IntegerField(), required=False)
    codes = serializers.ListField(child=serializers.CharField(), required=False)
    notes = serializers.ListField(child=serializers.CharField(), required=False)
    sentence = serializers.CharField(required=False)
    code = serializers.CharField(required=False)


class ImportSerializer(serializers.Serializer[ImportRun]):
    id = serializers.IntegerField(source="pk")
    source = serializers.CharField()  # type: ignore[assignment]  # a field of this name
    name = serializers.CharField()
    family = serializers.CharField(source="family.slug", default=None, allow_null=True)
    at = serializers.DateTimeField()
    counts = serializers.SerializerMethodField()
    findings = serializers.DictField(source="counts.findings", child=serializers.IntegerField())
    codes = serializers.DictField(source="counts.codes", child=serializers.IntegerField())
    results = ImportedSerializer(many=True)

    def get_counts(self, run: ImportRun) -> dict[str, int]:
        return {result: run.counts[result] for result in RESULTS}


class ImportFileSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(max_length=300)
    text = serializers.CharField(trim_whitespace=False, allow_blank=True)


class ImportBodySerializer(serializers.Serializer[Any]):
    """The JSON body of an import; as a form, ``files`` are uploads and ``paths`` a JSON list."""

    files = ImportFileSerializer(many=True)
    family = serializers.CharField(required=False, default="", allow_blank=True, max_length=120)
    family_per_folder = serializers.BooleanField(required=False, default=False)
    everything = serializers.BooleanField(
        required=False, default=False, help_text="Also files that look like no agent."
    )
