"""How cases read in the API, and what people and runners send. Unknown keys are refused."""

from typing import Any

from rest_framework import serializers

from agents.api.serializers import FindingSerializer
from agents.models import Tier
from escalations.models import Escalation, Result, Status, Verdict
from governance.asking.models import Authentication, PermitScope
from governance.base.errors import InvalidInput

Words = serializers.CharField


def _text(**limits: Any) -> Words:
    return Words(required=False, allow_blank=True, default="", **limits)


class Strict(serializers.Serializer[Any]):
    """A body with a key too many is refused: nobody smuggles in who decided."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            raise InvalidInput(f"Unknown here: {', '.join(unknown)}.", code="unknown_key")
        return super().to_internal_value(data)


class OptionBody(serializers.Serializer[Any]):
    key = Words(max_length=80, required=False)
    label = Words(required=False)  # type: ignore[assignment]  # also a name of DRF's own
    description = Words(required=False)
    pros = serializers.ListField(child=Words(), required=False)
    cons = serializers.ListField(child=Words(), required=False)
    consequence = Words(required=False)
    fields_ = serializers.JSONField(required=False, help_text="`fields`: a JSON Schema")
    requires_comment = serializers.BooleanField(required=False)
    authority = Words(required=False, help_text="A role that the decider must hold as well")

    def get_fields(self) -> dict[str, Any]:
        # ``fields`` is taken by the base class.
        found: dict[str, Any] = super().get_fields()
        return {name.rstrip("_"): field for name, field in found.items()}


class ConstitutionalImpactBody(serializers.Serializer[Any]):
    text = Words(required=False)
    principles = serializers.ListField(child=Words(), required=False)


class ActionBody(serializers.Serializer[Any]):
    kind = Words(max_length=200)
    target = Words(required=False)
    arguments = serializers.JSONField(required=False)


class RaiseBody(serializers.Serializer[Any]):
    """Describes the payload; it is read by ``escalations.schema``, which is stricter."""

    agent = Words(max_length=200)
    version = Words(required=False, help_text="sha256 or sequence number")
    environment = Words(required=False, default="production")
    project = Words(required=False)
    instance = Words(required=False)
    run = Words(required=False)
    title = Words(required=False)
    task = Words(required=False)
    problem = Words(required=False)
    attempted = serializers.ListField(child=Words(), required=False)
    options = OptionBody(many=True, required=False)
    recommendation = Words(required=False)
    impact = Words(required=False)
    constitutional_impact = ConstitutionalImpactBody(required=False)
    extra = serializers.DictField(required=False)
    trigger = Words(required=False)
    risk = serializers.ChoiceField(Tier.choices, required=False, help_text="A claim")
    action = ActionBody(required=False)
    blocking = serializers.BooleanField(required=False, help_text="A claim")
    wait_until = serializers.DateTimeField(required=False)
    supersedes = Words(
        required=False, max_length=40, help_text="An open case of yours that this one replaces"
    )


class AdvisedSerializer(serializers.Serializer[Any]):
    ref = Words()
    verdict = serializers.ChoiceField(Verdict.choices)
    decision = Words()
    constraints = serializers.ListField(child=Words())
    decided_at = serializers.DateTimeField()


class AdviceSerializer(serializers.Serializer[Any]):
    """What people decided on questions like this one. Advice: only the answer decides."""

    note = Words()
    similar = AdvisedSerializer(many=True)


class RaisedSerializer(serializers.Serializer[Any]):
    ref = Words()
    id = serializers.IntegerField()
    status = serializers.ChoiceField(Status.choices)
    revision = serializers.IntegerField()
    url = serializers.URLField()
    title = Words()
    risk = serializers.ChoiceField(Tier.choices)
    risk_reasons = serializers.ListField(child=Words())
    blocking = serializers.BooleanField()
    request_sha256 = Words()
    findings = FindingSerializer(many=True)
    proceed = serializers.BooleanField(help_text="True only for an approval by people")
    next = serializers.ChoiceField(["wait", "answer", "consume", "proceed", "stop"])
    advice = AdviceSerializer(allow_null=True)


class QuestionSerializer(serializers.Serializer[Any]):
    text = Words()
    wants = serializers.ChoiceField(
        ["answer", "edited_question"], help_text="edited_question: raise it anew, superseding this"
    )
    asked_by = Words()
    at = serializers.DateTimeField()


class DeciderSerializer(serializers.Serializer[Any]):
    name = Words()
    method = Words()
    level = serializers.ChoiceField(Authentication.choices, help_text="What they had proved")
    on_behalf_of = Words(allow_null=True, help_text="Who was away and stood for")
    by_owner = serializers.BooleanField(help_text="The agent's own owner")
    standing = serializers.BooleanField(help_text="A standing decision answered in this name")
    source = Words(  # type: ignore[assignment]  # also a name of DRF's own
        allow_null=True, help_text="The case that the standing decision stands on"
    )


class PermitSerializer(serializers.Serializer[Any]):
    scope = serializers.ChoiceField(PermitScope.choices)
    use_before = serializers.DateTimeField()
    spent_at = serializers.DateTimeField(allow_null=True, help_text="When no use was left")
    uses = serializers.IntegerField()
    most_uses = serializers.IntegerField()
    run = Words()
    pattern = serializers.JSONField(allow_null=True)
    pattern_text = Words()
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_because = Words()


class AnswerSerializer(serializers.Serializer[Any]):
    """``answers.answer_of`` writes it; this describes it."""

    ref = Words()
    id = serializers.IntegerField()
    status = serializers.ChoiceField(Status.choices)
    revision = serializers.IntegerField()
    url = serializers.URLField()
    agent = Words()
    run = Words()
    risk = serializers.ChoiceField(Tier.choices)
    blocking = serializers.BooleanField()
    request_sha256 = Words()
    proceed = serializers.BooleanField()
    next = serializers.ChoiceField(["wait", "answer", "consume", "proceed", "stop"])
    message = Words()
    settled_reason = Words()
    questions = QuestionSerializer(many=True)
    verdict = serializers.ChoiceField(Verdict.choices, allow_null=True)
    option = Words(allow_null=True)
    decision = Words(allow_null=True)
    approach = Words(allow_null=True)
    constraints = serializers.ListField(child=Words())
    context = Words(allow_null=True)  # type: ignore[assignment]  # also a name of DRF's own
    constitutional_notes = Words(allow_null=True)
    next_steps = serializers.ListField(child=Words())
    reason = Words(allow_null=True)
    decided_by = DeciderSerializer(many=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    use_before = serializers.DateTimeField(allow_null=True)
    receipt = Words(allow_null=True)
    permit = PermitSerializer(allow_null=True)
    outcome = serializers.ChoiceField(Result.choices, allow_null=True)
    supersedes = Words(allow_null=True, help_text="The case whose question was edited into this")
    superseded_by = Words(allow_null=True)
    follows_up = Words(allow_null=True, help_text="The case whose constraint was broken")
    follow_ups = serializers.ListField(child=Words())
    advice = AdviceSerializer(
        required=False, allow_null=True, help_text="When the case is read, not with a wait"
    )


class SaidSerializer(serializers.Serializer[Any]):
    author = Words()
    from_runner = serializers.BooleanField()
    text = Words()
    at = serializers.DateTimeField()


class ReportDueSerializer(serializers.Serializer[Any]):
    due = serializers.BooleanField(help_text="The permit was used and nothing is reported")
    constraints = serializers.ListField(child=Words())


class WholeCaseSerializer(AnswerSerializer):
    """The answer with the question and the thread, for a session that remembers nothing."""

    title = Words()
    project = Words()
    instance = Words()
    environment = Words()
    opened_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)
    question = serializers.DictField(help_text="The request as people were shown it")
    thread = SaidSerializer(many=True)
    report = ReportDueSerializer()


class KeptSerializer(serializers.Serializer[Any]):
    settled = WholeCaseSerializer(many=True)
    waiting = WholeCaseSerializer(many=True)
    more = serializers.BooleanField(help_text="Acknowledge these, then ask again")


class CaseSerializer(serializers.Serializer[Escalation]):
    """A line of the list."""

    ref = Words()
    id = serializers.IntegerField()
    title = Words()
    agent = Words(source="agent.slug")
    environment = Words()
    project = Words()
    run = Words()
    status = serializers.ChoiceField(Status.choices)
    risk = serializers.ChoiceField(Tier.choices)
    blocking = serializers.BooleanField()
    revision = serializers.IntegerField()
    opened_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)


class NothingBody(Strict):
    """Nothing is said besides the address."""


class MessageBody(Strict):
    text = Words()


class WithdrawBody(Strict):
    reason = _text()


class ActBody(Strict):
    kind = Words(max_length=200)
    target = _text()
    arguments = serializers.JSONField(required=False)


class ConsumeBody(Strict):
    request_sha256 = Words(help_text="Of the request that was decided, as the answer gives it")
    action = ActBody(
        required=False,
        allow_null=True,
        default=None,
        help_text="The act about to be done; a permit for a pattern asks for it",
    )
    run = _text(max_length=200, help_text="The run that is about to act, for a permit of one run")


class ConsumedSerializer(serializers.Serializer[Any]):
    permit = serializers.IntegerField()
    spent_at = serializers.DateTimeField()
    use = serializers.IntegerField(help_text="Which use of the permit this is")
    most_uses = serializers.IntegerField()
    act_sha256 = Words()
    replayed = serializers.BooleanField(help_text="The same key again: not another use")
    receipt = Words()


class KeptBody(Strict):
    constraint = Words()
    kept = serializers.BooleanField(allow_null=True, help_text="null: not known")
    evidence = _text()


class OutcomeBody(Strict):
    result = serializers.ChoiceField(Result.choices)
    summary = _text(max_length=10_000)
    constraints = KeptBody(many=True, required=False, default=list)


class OutcomeSerializer(serializers.Serializer[Any]):
    ref = Words()
    result = serializers.ChoiceField(Result.choices)
    at = serializers.DateTimeField()
    follow_ups = serializers.ListField(
        child=Words(), help_text="The case that asks what to do about a broken constraint"
    )


class ScopeBody(Strict):
    """How far the permit may reach, where the policy allows more than the exact act, once."""

    kind = serializers.ChoiceField(PermitScope.choices)
    uses = serializers.IntegerField(required=False, allow_null=True, default=None)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)
    pattern = serializers.JSONField(
        required=False, allow_null=True, default=None, help_text="A matcher as in a rule"
    )


class BallotBody(Strict):
    verdict = serializers.ChoiceField(Verdict.choices)
    option = _text()
    approach = _text()
    constraints = serializers.ListField(child=Words(), required=False, default=list)
    context = _text()  # type: ignore[assignment]  # also a name of DRF's own
    constitutional_notes = _text()
    next_steps = serializers.ListField(child=Words(), required=False, default=list)
    reason = _text()
    seen_sha256 = Words(help_text="`request_sha256` of the request that you were shown")
    scope = ScopeBody(required=False, allow_null=True, default=None)
