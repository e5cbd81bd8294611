"""Deciding several cases on one page: explicitly, each its own, with a sentence for each."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from escalations.answers import file_of
from escalations.models import Escalation
from escalations.pages import shown_case
from escalations.panel import options_for, policy_text
from escalations.rendering import GROUP, LIST, template_version
from escalations.together.deciding import (
    MOST,
    Result,
    Vote,
    decide_each,
    equal_cases,
    listed_cases,
)
from escalations.together.forms import OneAnswerForm, VerdictForm, picks_in
from escalations.together.pages import asks_about, differences, rows_of
from escalations.views import for_people, saw
from governance.asking.links import SESSION
from governance.asking.models import Authentication
from governance.asking.policies.rules import Rules
from governance.base.errors import InvalidInput, NotThere
from governance.base.pagination import key_in
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import (
    draft_of,
    drop_draft,
    keep_draft,
    level_of,
    person,
    way_to_prove,
)

READS_AND_POST = ["GET", "HEAD", "POST"]
CHOOSE = "Choose the questions that get this answer. None is chosen for you."
NO_VERDICT = "Give a verdict on at least one case. Nothing is chosen for you."


@require_http_methods(READS_AND_POST)
@for_people
def group(request: HttpRequest, group_key: str) -> HttpResponse:
    """Equal open questions, and one answer for those that are chosen."""
    cases = equal_cases(group_key)
    if request.method == "POST":
        return _answer_group(request, group_key, cases)
    if not cases:
        raise NotThere("No equal questions wait here. They are settled, or were never asked.")
    draft = draft_of(request, _draft_name(group_key))
    form = _one_answer(cases, initial=draft.dict() if draft else {})
    picked = draft.getlist("case") if draft else []
    return _group(request, group_key, cases, form=form, picked=picked, is_draft=draft is not None)


def _answer_group(request: HttpRequest, group_key: str, cases: list[Escalation]) -> HttpResponse:
    picked = request.POST.getlist("case")
    chosen = _of_group(group_key, picks_in(picked))
    known = cases or listed_cases(list(chosen))
    if not known:
        raise NotThere("None of these questions belongs to this group.")
    form = _one_answer(known, request.POST)
    if not chosen:
        form.add_error(None, CHOOSE)
    if not form.is_valid():
        return _group(request, group_key, known, form=form, picked=picked, status=400)
    votes = [Vote(pk, form.answer() | {"seen_sha256": seen}) for pk, seen in chosen.items()]
    results = _decide(request, votes, template_version(GROUP))
    prove = _way_on(request, results, _draft_name(group_key), then=request.path)
    left = equal_cases(group_key)
    return _group(request, group_key, left, form=form, picked=picked, results=results, prove=prove)


def _draft_name(group_key: str) -> str:
    return f"group:{group_key}"


def _one_answer(cases: Sequence[Escalation], *data: Any, **kwargs: Any) -> OneAnswerForm:
    """By the options of the first: equal questions have the same. Each goes by its own rules."""
    first = cases[0]
    ask = asks_about([first]).get(first.subject)
    return OneAnswerForm(*data, case=first, rules=Rules.of(ask.rules if ask else {}), **kwargs)


def _of_group(group_key: str, chosen: dict[int, str]) -> dict[int, str]:
    """Only those that belong to the group, settled meanwhile or not."""
    members = Escalation.objects.filter(pk__in=chosen, group_key=group_key).exclude(group_key="")
    known = set(members.values_list("pk", flat=True))
    return {pk: seen for pk, seen in chosen.items() if pk in known}


def _group(
    request: HttpRequest,
    group_key: str,
    cases: Sequence[Escalation],
    *,
    form: OneAnswerForm,
    picked: Sequence[str],
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    user, now = person(request), timezone.now()
    rows = rows_of(cases, user, at=now)
    differ = differences(cases)
    for row in rows:
        row["differs"] = differ[row["case"].pk]
        row["picked"] = row["pick"] in picked
    context: dict[str, Any] = {"rows": rows, "form": form, "group_key": group_key, **more}
    if rows:
        first, ask = rows[0]["case"], rows[0]["ask"]
        rules = Rules.of(ask.rules if ask else {})
        context |= {
            "case": shown_case(file_of(first), now) | {"is_open": False},
            "options": options_for(user, first, rules),
            "policy_text": policy_text(ask, first, list(first.ballots.all())) if ask else "",
            "may_decide": any(row["may_decide"] for row in rows),
        }
    return render(request, "escalations/together/group.html", context, status=status)


@require_http_methods(READS_AND_POST)
@for_people
def together(request: HttpRequest) -> HttpResponse:
    """The cases of an explicit list, with a verdict for each; those without one stay open."""
    if request.method != "POST":
        return _list(request, _listed(request.GET.getlist("case")), {})
    cases = _listed(request.POST.getlist("listed"))
    forms = {case.pk: VerdictForm(request.POST, case=case) for case in cases}
    if not all(form.is_valid() for form in forms.values()):
        return _list(request, cases, forms, status=400)
    said = {pk: words for pk, form in forms.items() if (words := form.words())}
    if not said:
        return _list(request, cases, forms, status=400, problem=NO_VERDICT)
    votes = [Vote(pk, words) for pk, words in said.items()]
    results = _decide(request, votes, template_version(LIST))
    query = urlencode({"case": [case.pk for case in cases]}, doseq=True)
    prove = _way_on(request, results, "list", then=f"{request.path}?{query}")
    done = {result.escalation_id for result in results if not result.refusal}
    left = [case for case in listed_cases([one.pk for one in cases]) if case.pk not in done]
    return _list(request, left, forms, results=results, prove=prove)


def _listed(values: Sequence[str]) -> list[Escalation]:
    ids = [key for value in values if (key := key_in(value))]
    if len(ids) > MOST:
        raise InvalidInput(f"At most {MOST} cases at once, please.")
    return listed_cases(ids)


def _list(
    request: HttpRequest,
    cases: Sequence[Escalation],
    forms: dict[int, VerdictForm],
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    draft = draft_of(request, "list") if request.method != "POST" else None
    rows = rows_of(cases, person(request), at=timezone.now())
    for row in rows:
        case = row["case"]
        row["form"] = forms.get(case.pk) or VerdictForm(case=case, initial=_own(draft, case))
    context = {"rows": rows, "is_draft": draft is not None, **more}
    return render(request, "escalations/together/list.html", context, status=status)


def _own(draft: Any, case: Escalation) -> dict[str, Any]:
    prefix = f"case-{case.pk}-"
    words = draft.dict() if draft else {}
    return {name.removeprefix(prefix): one for name, one in words.items() if prefix in name}


def _decide(request: HttpRequest, votes: Sequence[Vote], shown_as: str) -> list[Result]:
    """Each vote by itself; what was refused leaves its trace."""
    user = person(request)
    for case in listed_cases([vote.escalation_id for vote in votes]):
        saw(case, user)
    results = decide_each(
        votes,
        by=user,
        method=SESSION,
        level=level_of(request),
        at=timezone.now(),
        shown_as=shown_as,
    )
    for result in results:
        if result.refusal:
            record(result.refusal, by=actor_of(user), where=f"POST {request.path} {result.ref}")
    return results


def _way_on(request: HttpRequest, results: Sequence[Result], draft: str, *, then: str) -> str:
    """Where to prove more, if that is what some of them need; the words are kept meanwhile."""
    needs = [
        Authentication(str(result.refusal.details["needs"]))
        for result in results
        if result.refusal and result.refusal.code == "authentication"
    ]
    if not needs:
        drop_draft(request, draft)
        return ""
    keep_draft(request, draft)
    strongest = max(needs, key=lambda level: level.strength)
    return way_to_prove(request, strongest.value, then=then)
