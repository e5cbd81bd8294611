"""Whose an agent is, and how much is at stake with it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from agents.ownership.forms import HandOverForm, TierForm
from agents.ownership.permissions import check_may_hand_over
from agents.ownership.services import hand_over, set_tier
from agents.permissions import agent_for
from governance.base.errors import InvalidInput, sentence_of
from governance.people.signed_in import for_people, person


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def ownership(request: HttpRequest, slug: str) -> HttpResponse:
    found = agent_for(request.user, slug)
    form = HandOverForm(request.POST) if request.method == "POST" else HandOverForm.of(found)
    if request.method == "POST" and form.is_valid():
        team = form.cleaned_data["team"]
        hand_over(
            slug=slug,
            owner_id=form.cleaned_data["owner"].pk,
            team_id=team.pk if team else None,
            by=person(request),
            at=timezone.now(),
        )
        messages.success(request, f"{found.name} is in other hands now.")
        return redirect(found)
    why_not = sentence_of(check_may_hand_over, request.user, found)
    tier_form = TierForm(initial={"tier": found.tier})
    context = {"agent": found, "form": form, "tier_form": tier_form, "why_not": why_not}
    status = 400 if request.method == "POST" else 200
    return render(request, "agents/ownership/ownership.html", context, status=status)


@require_POST
@for_people
def tier(request: HttpRequest, slug: str) -> HttpResponse:
    """Raise the tier, or ask to lower it."""
    found = agent_for(request.user, slug)
    form = TierForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("Choose low, medium or high.")
    waits = set_tier(
        slug=slug, tier=form.cleaned_data["tier"], by=person(request), at=timezone.now()
    )
    if waits:
        messages.info(request, "This loosens what is asked: another administrator confirms it.")
        return redirect("configuration-changes")
    messages.success(request, f"{found.name}: the risk is recorded.")
    return redirect("agent-ownership", slug)
