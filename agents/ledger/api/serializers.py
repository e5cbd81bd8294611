from typing import Any

from rest_framework import serializers

from agents.ledger.guarding import ASK, DENY, Answer, Question, RuleSaid, escalation_for


class ActionSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(max_length=200)
    target = serializers.CharField(required=False)
    arguments = serializers.JSONField(required=False)


class GuardSerializer(serializers.Serializer[Any]):
    """An act (`action`), or a tool call (`tool` with `command`, `paths` or `input`)."""

    agent = serializers.CharField()
    environment = serializers.CharField(required=False, help_text="Default: production.")
    run = serializers.CharField(required=False)
    instance = serializers.CharField(required=False)
    action = ActionSerializer(required=False)
    tool = serializers.CharField(required=False, help_text="As the harness names it: `Bash`.")
    command = serializers.CharField(required=False)
    paths = serializers.ListField(child=serializers.CharField(), required=False)
    input = serializers.DictField(required=False)


class RuleSaidSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    text = serializers.CharField()
    line = serializers.IntegerField()
    answer = serializers.CharField()
    sure = serializers.BooleanField(help_text="False: known only when it runs.")


class GuardAnswerSerializer(serializers.Serializer[Any]):
    answer = serializers.ChoiceField(["allow", "deny", "approval_required", "halted"])
    sentence = serializers.CharField()
    code = serializers.CharField(help_text="Why, for machines: `rule`, `opaque`, `suspended` ...")
    rules = RuleSaidSerializer(many=True)
    observed = RuleSaidSerializer(many=True, help_text="Rules that only count so far.")
    opaque = serializers.ListField(child=serializers.CharField())
    trigger = serializers.CharField()
    case = serializers.CharField(help_text="The case that halts this instance.")
    permit = serializers.CharField(help_text="The case whose permit opens it: consume it first.")
    sha256 = serializers.CharField(help_text="Of the version whose rules were asked.")
    escalate_with = serializers.DictField(help_text="To raise a case with; empty if none helps.")


def answer_body(question: Question, answer: Answer) -> dict[str, Any]:
    """An answer as JSON. With a case to raise where people could say yes."""
    helps = answer.standing is not None and answer.answer in {DENY, ASK}
    return {
        "answer": answer.answer,
        "sentence": answer.sentence,
        "code": answer.code,
        "rules": [_rule(one) for one in answer.rules],
        "observed": [_rule(one) for one in answer.observed],
        "opaque": list(answer.opaque),
        "trigger": answer.trigger,
        "case": answer.case,
        "permit": answer.permit,
        "sha256": answer.standing.sha256 if answer.standing else "",
        "escalate_with": escalation_for(question, answer) if helps else {},
    }


def _rule(said: RuleSaid) -> dict[str, Any]:
    return {
        "key": said.key,
        "text": said.text,
        "line": said.line,
        "answer": said.answer,
        "sure": said.is_sure,
    }
