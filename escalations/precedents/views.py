"""Pages about past decisions: search, hold up, let stand, propose; and what is what."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from escalations import proposing
from escalations.cases import case_for_page
from escalations.models import Escalation
from escalations.precedents import making, marking, pages
from escalations.precedents.drafting import RULE, draft_of
from escalations.precedents.forms import DeclineForm, MarkForm, RevokeForm, StandingForm
from governance.asking.policies.rules import Rules
from governance.base.errors import InvalidInput, NotPermitted, NotThere, Refusal
from governance.people import signed_in
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import View, level_of, person

FOLDER = "escalations/precedents"


def for_people(view: View) -> View:
    """As everywhere, and a page of cases is never kept."""
    return never_cache(signed_in.for_people(view))


@require_safe
@for_people
def precedents(request: HttpRequest) -> HttpResponse:
    """Decided cases, by words and filters."""
    return render(
        request, f"{FOLDER}/precedents.html", pages.search_page(person(request), request.GET)
    )


@require_safe
@for_people
def explained(request: HttpRequest) -> HttpResponse:
    """Waiver, precedent, standing decision and permit side by side."""
    return render(request, f"{FOLDER}/explained.html")


@require_POST
@for_people
def mark(request: HttpRequest, escalation_id: int) -> HttpResponse:
    case = case_for_page(escalation_id)
    form = MarkForm(request.POST, case=case)
    if not form.is_valid():
        raise InvalidInput("Choose a trigger or a principle that is there.", code="no_such_subject")
    marking.mark_precedent(
        escalation_id=case.pk, by=person(request), at=timezone.now(), **form.cleaned_data
    )
    messages.success(request, "Held up as a precedent. It advises; it answers nothing.")
    return redirect(f"{case.get_absolute_url()}#made-of-it")


@require_POST
@for_people
def withdraw(request: HttpRequest, precedent_id: int) -> HttpResponse:
    marked = marking.withdraw_precedent(
        precedent_id=precedent_id, by=person(request), at=timezone.now()
    )
    messages.success(request, "Held up no more. The decision stays what it is.")
    return redirect(f"{marked.decision.escalation.get_absolute_url()}#made-of-it")


@require_safe
@for_people
def draft(request: HttpRequest, escalation_id: int, kind: str) -> HttpResponse:
    """The prepared text, with the button that opens it in the editor; changes nothing."""
    case = case_for_page(escalation_id)
    found = draft_of(case, kind, principle=request.GET.get("principle", ""))
    context = {"case": case, "draft": found, "kind": kind}
    return render(request, f"{FOLDER}/draft.html", context)


# --- standing decisions -----------------------------------------------------------------------


@require_safe
@for_people
def standing(request: HttpRequest) -> HttpResponse:
    context = pages.standing_page(request.GET, at=timezone.now())
    return render(request, f"{FOLDER}/standing.html", context)


@require_safe
@for_people
def standing_decision(request: HttpRequest, standing_id: int) -> HttpResponse:
    return _standing_page(request, standing_id)


def _standing_page(
    request: HttpRequest, standing_id: int, form: RevokeForm | None = None, status: int = 200
) -> HttpResponse:
    at, user = timezone.now(), person(request)
    context = pages.one_standing_page(standing_id, user, at=at, form=form)
    if context is None:
        raise NotThere("There is no such standing decision.")
    return render(request, f"{FOLDER}/standing_decision.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def standing_new(request: HttpRequest, escalation_id: int) -> HttpResponse:
    """Let a decision stand; what is refused shows the form again, with what was written."""
    user, case = person(request), case_for_page(escalation_id)
    making.check_may_make(user, case)
    rules = Rules.of(making.ask_of(case).rules)
    if request.method != "POST":
        kept = signed_in.draft_of(request, _draft_name(case))
        form = StandingForm(kept, case=case, rules=rules)
        return _form(request, case, form)
    form = StandingForm(request.POST, case=case, rules=rules)
    return _made(request, case, form) if form.is_valid() else _form(request, case, form, 400)


def _draft_name(case: Escalation) -> str:
    return f"standing-of:{case.ref}"


def _form(
    request: HttpRequest, case: Escalation, form: StandingForm, status: int = 200
) -> HttpResponse:
    context = pages.standing_form_page(case, form)
    return render(request, f"{FOLDER}/standing_new.html", context, status=status)


def _made(request: HttpRequest, case: Escalation, form: StandingForm) -> HttpResponse:
    user = person(request)
    try:
        made = making.make_standing(
            escalation_id=case.pk,
            by=user,
            at=timezone.now(),
            level=level_of(request),
            **form.cleaned_data,
        )
    except NotPermitted as refusal:
        if refusal.code != "authentication":
            raise
        return _prove(request, case, form, refusal)
    except Refusal as refusal:
        record(refusal, by=actor_of(user), where=f"POST {request.path}")
        form.add_error(None, refusal.sentence)
        return _form(request, case, form, refusal.status)
    signed_in.drop_draft(request, _draft_name(case))
    messages.success(request, "It stands. Equal cases are answered in your name from now on.")
    return redirect(made)


def _prove(
    request: HttpRequest, case: Escalation, form: StandingForm, refusal: NotPermitted
) -> HttpResponse:
    """Lead to the proof that is missing; every word that was written is there afterwards."""
    record(refusal, by=actor_of(person(request)), where=f"POST {request.path}")
    signed_in.keep_draft(request, _draft_name(case))
    then = reverse("case-standing", args=[case.ref])
    if where := signed_in.way_to_prove(request, str(refusal.details["needs"]), then=then):
        return redirect(where)
    form.add_error(None, f"{refusal.sentence} Add a passkey on your account page first.")
    return _form(request, case, form, refusal.status)


@require_POST
@for_people
def standing_revoke(request: HttpRequest, standing_id: int) -> HttpResponse:
    form = RevokeForm(request.POST)
    if not form.is_valid():
        return _standing_page(request, standing_id, form, status=400)
    made = making.revoke_standing(
        standing_id=standing_id,
        by=person(request),
        reason=form.cleaned_data["reason"],
        at=timezone.now(),
    )
    messages.success(request, "Revoked. People answer these cases themselves again.")
    return redirect(made)


# --- proposals --------------------------------------------------------------------------------


@require_safe
@for_people
def proposals(request: HttpRequest) -> HttpResponse:
    context = pages.proposals_page(person(request), request.GET)
    return render(request, f"{FOLDER}/proposals.html", context)


@require_POST
@for_people
def proposal_take(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """Go on to write the rule: the editor opens with it, and saving it is another act."""
    proposal = proposing.settle_proposal(
        proposal_id=proposal_id, taken=True, note="", by=person(request), at=timezone.now()
    )
    newest = proposal.cases.order_by("-pk").values_list("pk", flat=True)[0]
    messages.success(request, "Taken. Here is the rule as a draft; nothing is changed yet.")
    return redirect("case-draft", newest, RULE)


@require_POST
@for_people
def proposal_decline(request: HttpRequest, proposal_id: int) -> HttpResponse:
    form = DeclineForm(request.POST)
    note = form.cleaned_data["note"] if form.is_valid() else ""
    proposing.settle_proposal(
        proposal_id=proposal_id, taken=False, note=note, by=person(request), at=timezone.now()
    )
    messages.success(request, "Declined. The same answer is not proposed again.")
    return redirect("proposals")
