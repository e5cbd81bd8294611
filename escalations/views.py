"""The inbox, and the page of a case with what people do there."""

import re
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from escalations import acting, thread
from escalations.cases import ask_about, case_for_page
from escalations.deciding import decide
from escalations.forms import AskRunnerForm, DecideForm, DismissForm, RevokeForm
from escalations.inbox import choices, page_of, wanted_by
from escalations.models import Decision, Escalation
from escalations.pages import case_page, scope_form_of
from escalations.permissions import check_may_decide
from escalations.rendering import template_version
from escalations.together.deciding import equal_cases
from governance.asking.links import method_of
from governance.asking.models import Ask
from governance.asking.policies.rules import Rules
from governance.asking.services import record_opened, record_sighting
from governance.base.errors import InvalidInput, NotPermitted, Refusal
from governance.people import signed_in
from governance.people.models import User
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import (
    View,
    draft_of,
    drop_draft,
    keep_draft,
    level_of,
    person,
    way_to_prove,
)

NO_MEANS = (
    "Your account has no means for that yet: add a passkey on your account page first. "
    "What you wrote is kept while you are signed in."
)
_REF = re.compile(r"\s*(?:ESC-)?([1-9][0-9]{0,17})\s*", re.IGNORECASE)


def for_people(view: View) -> View:
    """As everywhere, and a page of cases is never kept."""
    return never_cache(signed_in.for_people(view))


@require_safe
@for_people
def inbox(request: HttpRequest) -> HttpResponse:
    """All that waits for people; ``q`` with a number leads to that case."""
    sought = request.GET.get("q", "")
    match = _REF.fullmatch(sought)
    if match and Escalation.objects.filter(pk=int(match[1])).exists():
        return redirect("case", int(match[1]))
    user = person(request)
    context = page_of(user, wanted_by(user, request.GET), at=timezone.now())
    not_found = f"There is no case {sought}." if sought.strip() else ""
    more = {"q": sought, "not_found": not_found, "filters": choices()}
    return render(request, "escalations/inbox.html", {**context, **more})


@require_safe
@for_people
def inbox_rows(request: HttpRequest) -> HttpResponse:
    """The rows alone: the inbox renews itself with them."""
    user = person(request)
    context = page_of(user, wanted_by(user, request.GET), at=timezone.now())
    return render(request, "escalations/_inbox_rows.html", context)


@require_safe
@for_people
def case(request: HttpRequest, escalation_id: int) -> HttpResponse:
    """Shows what is asked. Reading it decides nothing and counts for nothing."""
    user, found = person(request), case_for_page(escalation_id)
    draft = draft_of(request, found.subject) if found.is_unresolved else None
    forms = _forms(found, user, ask_about(found), initial=draft.dict()) if draft else {}
    context = case_page(found, user, at=timezone.now(), level=level_of(request), **forms)
    return render(request, "escalations/case.html", {**context, "is_draft": draft is not None})


def _forms(
    case: Escalation, user: User, ask: Ask | None, *data: Any, **kwargs: Any
) -> dict[str, Any]:
    """The form of a vote and, where there is a choice, that of the permit's reach."""
    rules = Rules.of(ask.rules if ask else {})
    return {
        "form": DecideForm(*data, case=case, rules=rules, **kwargs),
        "scope_form": scope_form_of(case, user, rules, *data, **_reach(kwargs)),
    }


def _reach(kwargs: dict[str, Any]) -> dict[str, Any]:
    """A draft without the prefix of the form that it fills in."""
    initial = kwargs.get("initial", {})
    prefix = "permit-"
    own = {name.removeprefix(prefix): one for name, one in initial.items() if prefix in name}
    return {"initial": own} if own else {}


@require_POST
@for_people
def case_decide(request: HttpRequest, escalation_id: int) -> HttpResponse:
    """Record a vote. What is refused shows the page again, with the sentence and the words."""
    user, found = person(request), case_for_page(escalation_id)
    ask = ask_about(found)
    check_may_decide(user, found, ask)
    forms = _forms(found, user, ask, request.POST)
    form, reach = forms["form"], forms["scope_form"]
    if not form.is_valid():
        return _again(request, found, user, forms, status=400)
    if form.asks_for_changes:
        return _request_changes(request, found, user, forms)
    if reach and form.approves and not reach.is_valid():
        return _again(request, found, user, forms, status=400)
    saw(found, user)
    try:
        decision = decide(
            escalation_id=found.pk,
            by=user,
            method=method_of(request, subject=found.subject),
            level=level_of(request),
            scope=reach.chosen() if reach and form.approves else None,
            at=timezone.now(),
            shown_as=template_version(),
            **form.answer(),
        )
    except NotPermitted as refusal:
        if refusal.code != "authentication":
            raise
        return _prove(request, found, user, forms, refusal)
    except Refusal as refusal:
        record(refusal, by=actor_of(user), where=f"POST {request.path}")
        form.add_error(None, refusal.sentence)
        return _again(request, case_for_page(found.pk), user, forms, status=refusal.status)
    drop_draft(request, found.subject)
    messages.success(request, _done(found, decision))
    return redirect("case", found.pk)


def _prove(
    request: HttpRequest, case: Escalation, user: User, forms: dict[str, Any], refusal: NotPermitted
) -> HttpResponse:
    """Lead to the proof that is missing; every word that was written is there afterwards."""
    record(refusal, by=actor_of(user), where=f"POST {request.path}")
    keep_draft(request, case.subject)
    where = way_to_prove(
        request, str(refusal.details["needs"]), then=f"{case.get_absolute_url()}#decide"
    )
    if where:
        return redirect(where)
    forms["form"].add_error(None, f"{refusal.sentence} {NO_MEANS}")
    return _again(request, case, user, forms, status=refusal.status)


def _request_changes(
    request: HttpRequest, case: Escalation, user: User, forms: dict[str, Any]
) -> HttpResponse:
    try:
        thread.request_changes(
            escalation_id=case.pk,
            by=user,
            text=forms["form"].cleaned_data["changes"],
            at=timezone.now(),
        )
    except InvalidInput as refusal:
        forms["form"].add_error("changes", refusal.sentence)
        return _again(request, case, user, forms, status=refusal.status)
    drop_draft(request, case.subject)
    messages.success(
        request, f"The runner is asked to edit {case.ref}. People are reminded all the same."
    )
    return redirect("case", case.pk)


def _done(case: Escalation, decision: Decision | None) -> str:
    if decision is None:
        return f"Your vote on {case.ref} is recorded. It takes more people to decide."
    return f"{case.ref} is decided. The runner gets the answer."


def _again(
    request: HttpRequest, case: Escalation, user: User, forms: dict[str, Any], *, status: int
) -> HttpResponse:
    context = case_page(case, user, at=timezone.now(), level=level_of(request), **forms)
    context["not_done"] = forms["form"].non_field_errors()
    return render(request, "escalations/case.html", context, status=status)


@require_POST
@for_people
def case_revoke(request: HttpRequest, escalation_id: int) -> HttpResponse:
    """Take back what is left of a permit."""
    form = RevokeForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    acting.revoke(escalation_id=escalation_id, by=person(request), reason=reason, at=timezone.now())
    messages.success(request, "The permit is taken back. The runner is told not to act.")
    return redirect("case", escalation_id)


@require_POST
@for_people
def case_ask(request: HttpRequest, escalation_id: int) -> HttpResponse:
    """Ask the runner a question."""
    form = AskRunnerForm(request.POST)
    text = form.cleaned_data["text"] if form.is_valid() else ""
    thread.ask_runner(escalation_id=escalation_id, by=person(request), text=text, at=timezone.now())
    messages.success(request, "The runner is asked. People are reminded all the same.")
    return redirect("case", escalation_id)


@require_POST
@for_people
def case_dismiss(request: HttpRequest, escalation_id: int) -> HttpResponse:
    """Close a case whose runner is gone."""
    form = DismissForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    acting.dismiss(
        escalation_id=escalation_id, by=person(request), reason=reason, at=timezone.now()
    )
    messages.success(request, "The case is dismissed. The runner will not proceed.")
    return redirect("case", escalation_id)


@require_POST
@for_people
def case_seen(request: HttpRequest, escalation_id: int) -> HttpResponse:
    """The page was in front of a person for a while; posted by the page itself."""
    saw(case_for_page(escalation_id), person(request))
    return HttpResponse(status=204)


@require_POST
@for_people
def case_opened(request: HttpRequest, escalation_id: int) -> HttpResponse:
    """The details of the act were opened; posted by the page itself.

    On the page of equal questions it is the act of all of them.
    """
    case = case_for_page(escalation_id)
    subjects = [case.subject]
    if "equal" in request.POST and case.group_key:
        subjects = [one.subject for one in equal_cases(case.group_key)]
    for ask in Ask.objects.open().filter(subject__in=subjects):
        record_opened(ask_id=ask.pk, user=person(request), at=timezone.now())
    return HttpResponse(status=204)


def saw(case: Escalation, user: User) -> None:
    """Who posts a decision has seen the case as well, however fast that was."""
    ask = Ask.objects.open().filter(subject=case.subject).first()
    if ask:
        record_sighting(ask_id=ask.pk, user=user, at=timezone.now())
