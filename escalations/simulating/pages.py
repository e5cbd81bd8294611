"""The page that answers: what would happen to this case, or to one like it?"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.http import QueryDict

from escalations.models import Escalation
from escalations.simulating.forms import SimulationForm
from governance.asking.models import Ask, AskKind
from governance.asking.policies.matching import considered
from governance.asking.policies.outlook import outlook
from governance.asking.policies.terms import starting_terms
from governance.asking.policies.versions import content_of

UNKEPT = "This case was asked before its facts were kept: describe it below instead."


def simulation_page(query: QueryDict, *, at: datetime) -> dict[str, Any]:
    """The form, and once something is asked, the answer."""
    ref = query.get("case", "").strip()
    asked = "asked" in query and not ref
    form = SimulationForm(query if asked else None)
    context: dict[str, Any] = {"form": form, "ref": ref, "not_found": "", "case": None}
    if ref:
        return {**context, **_of_case(ref, at)}
    if asked and form.is_valid():
        agent = form.cleaned_data["agent"]
        facts = form.facts()
        # As for a case: with an act the agent's owner may not answer.
        excluded = [agent.owner_id] if agent and facts["with_action"] else []
        return {**context, **_answer(facts, agent.owner_id if agent else None, excluded, at)}
    return context


def _of_case(ref: str, at: datetime) -> dict[str, Any]:
    number = ref.upper().removeprefix("ESC-")
    is_number = number.isascii() and number.isdecimal() and len(number) < 18
    case = Escalation.objects.filter(pk=int(number)).first() if is_number else None
    if case is None:
        return {"not_found": f"There is no case {ref}."}
    asks = Ask.objects.filter(subject=case.subject).select_related("policy_version")
    ask = asks.order_by("-pk").first()
    if ask is None or not ask.facts:
        return {"case": case, "not_found": UNKEPT}
    answer = _answer(ask.facts, ask.owner_id, ask.excluded, at)
    return {"case": case, "kept": _kept(ask, answer["name"]), **answer}


def _kept(ask: Ask, now: str) -> str:
    version = f", version {ask.policy_version.number}" if ask.policy_version else ""
    would = "It would fall under the same policy now" if now == ask.policy_name else (
        f"Asked anew, it would fall under {now}"
    )  # fmt: skip
    return (
        f"This case keeps what {ask.policy_name}{version} said when it was asked. {would}; "
        "below is what that says today."
    )


def _answer(
    facts: Mapping[str, Any], owner_id: int | None, excluded: Collection[int], at: datetime
) -> dict[str, Any]:
    tried = considered(AskKind.CASE, facts)
    if tried and tried[-1].fits:
        name, content = tried[-1].policy.name, content_of(tried[-1].policy)
    else:
        terms = starting_terms(AskKind.CASE, facts)
        name, content = terms.name, terms.as_content()
    ahead = outlook(content, at=at, owner_id=owner_id, excluded=excluded)
    return {"tried": tried, "name": name, "outlook": ahead}
