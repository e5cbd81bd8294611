"""How families and their reports read in the API."""

from typing import Any

from rest_framework import serializers

from agents.family.graph import NodeKind
from agents.family.reaching import Answer
from agents.family.report import Compliance
from agents.models import Family


class FamilySerializer(serializers.Serializer[Family]):
    slug = serializers.CharField()
    name = serializers.CharField()
    agents = serializers.IntegerField(source="size")


class ReachSerializer(serializers.Serializer[Any]):
    answer = serializers.ChoiceField(choices=[one.value for one in Answer])
    reasons = serializers.ListField(child=serializers.CharField())


class GapSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    claim = serializers.CharField()
    real = serializers.CharField()


class FamilyAgentSerializer(serializers.Serializer[Any]):
    agent = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    status = serializers.CharField()
    suspended = serializers.BooleanField()
    in_production = serializers.IntegerField(allow_null=True)
    findings = serializers.DictField(child=serializers.IntegerField())
    inherits_all_tools = serializers.BooleanField()
    reach = ReachSerializer()
    protocol_missing = serializers.ListField(child=serializers.CharField())
    compliance = serializers.ChoiceField(choices=[one.value for one in Compliance])
    claims_without_ground = GapSerializer(many=True)
    rules = serializers.DictField(child=serializers.IntegerField())
    matrix = serializers.DictField(child=serializers.IntegerField())
    dangling = serializers.ListField(child=serializers.CharField())
    same_as = serializers.ListField(child=serializers.CharField())


class EdgeSerializer(serializers.Serializer[Any]):
    agent = serializers.CharField()
    peer = serializers.CharField()
    kind = serializers.ChoiceField(choices=[one.value for one in NodeKind])
    text = serializers.CharField()
    line = serializers.IntegerField()
    mutual = serializers.BooleanField()


class FamilyReportSerializer(serializers.Serializer[Any]):
    """What is computed about a family; nothing in it is claimed by its files."""

    family = serializers.CharField()
    name = serializers.CharField()
    at = serializers.DateTimeField()
    constitution = serializers.CharField(allow_null=True)
    left_out = serializers.IntegerField()
    sentences = serializers.ListField(child=serializers.CharField())
    numbers = serializers.DictField(child=serializers.IntegerField())
    agents = FamilyAgentSerializer(many=True)
    edges = EdgeSerializer(many=True)
    unreachable = serializers.ListField(child=serializers.CharField())
