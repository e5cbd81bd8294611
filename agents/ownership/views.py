"""Whose an agent is, and the form that hands it over."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from agents.ownership.forms import HandOverForm
from agents.ownership.permissions import check_may_hand_over
from agents.ownership.services import hand_over
from agents.permissions import agent_for
from governance.base.errors import sentence_of
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
    context = {"agent": found, "form": form, "why_not": why_not}
    status = 400 if request.method == "POST" else 200
    return render(request, "agents/ownership/ownership.html", context, status=status)
